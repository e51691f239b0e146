//! A table your program has already and a Notion data source, kept the same both ways.
//!
//! `cargo run --example existing_table` plays it against the embedded simulator. Nothing is added to
//! the table: what changes is noted beside it.

use notion_sync::client::{Client, Token};
use notion_sync::sqlite::{SqliteStore, SqliteTable};
use notion_sync::{RunOptions, TableLink};
use notion_sync_sim::NotionSim;
use serde_json::json;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let notion = NotionSim::builder().start().await?;
    let columns =
        json!({"Name": {"title": {}}, "Price": {"number": {}}, "In stock": {"checkbox": {}}});
    let source = notion.create_data_source("Books", &columns)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("shop.db");
    let shop = rusqlite::Connection::open(&path)?;
    shop.execute_batch(
        "CREATE TABLE books(id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL, in_stock BOOLEAN);
         INSERT INTO books(name, price, in_stock) VALUES ('Emma', 7.5, 1), ('Dune', 9.25, 0);",
    )?;

    let client = Client::builder(Token::new(notion.token())?)
        .base_url(notion.base_url())
        .build()?;
    let books = SqliteTable::builder(&path, "books").build()?;
    books.start_capture().await?;
    let store = SqliteStore::open(folder.path().join("sync.sqlite"), Default::default())?;
    let link = TableLink::new(client, source.parse()?, books, &store);
    let engine = link.engine().await?;

    let report = engine.run(&RunOptions::default()).await?;
    println!("{} pages made", report.settled.left.created);

    shop.execute("UPDATE books SET price = 8 WHERE name = 'Emma'", [])?;
    notion.create_page(
        &source,
        &json!({"Name": {"title": [{"text": {"content": "Ulysses"}}]}}),
    )?;
    let report = engine.run(&RunOptions::default()).await?;
    let (left, right) = (report.settled.left, report.settled.right);
    println!("{} page changed, {} row made", left.patched, right.created);
    Ok(())
}
