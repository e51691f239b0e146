//! notion-sync and sqlx in one program, on one file: what one writes the other reads and sends on.
//!
//! Both link SQLite, and a program can link it only once: that this builds is half of the proof.

use anyhow::{Context, ensure};
use notion_sync::client::{Client, RateLimit, Token};
use notion_sync::{Replica, RunOptions, sqlite::SqliteStore};
use notion_sync_sim::NotionSim;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let notion = NotionSim::builder().rate_limit(None).start().await?;
    let properties = json!({ "Name": { "title": {} }, "Count": { "number": {} } });
    let source = notion.create_data_source("Tasks", &properties)?;
    let page = notion.create_as_person(&source, &json!({ "Name": title("one") }))?;

    let folder = tempfile::tempdir()?;
    let file = folder.path().join("tasks.sqlite");
    let client = Client::builder(Token::new(notion.token())?)
        .base_url(notion.base_url())
        .rate_limit(RateLimit::Off)
        .build()?;
    let store = SqliteStore::open(&file, Default::default())?;
    let tasks = Replica::new(client, source.parse()?, &store);
    tasks.run(&RunOptions::default()).await?;

    // Stays open over every run that follows.
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&file)).await?;
    let edited = sqlx::query("UPDATE Tasks SET Count = ? WHERE Name = ?")
        .bind(7)
        .bind("one")
        .execute(&pool)
        .await?;
    ensure!(edited.rows_affected() == 1, "one row is edited");
    sqlx::query("INSERT INTO Tasks (Name, Count) VALUES ('two', 8)")
        .execute(&pool)
        .await?;
    let refused = sqlx::query("DELETE FROM Tasks").execute(&pool).await;
    let sentence = refused.err().context("DELETE is refused")?.to_string();
    ensure!(sentence.contains("set _trashed = 1 instead"), "{sentence}");

    let report = tasks.run(&RunOptions::default()).await?;
    ensure!(report.settled.left.created == 1, "{report:?}");
    let count = |page: serde_json::Value| page["properties"]["Count"]["number"].clone();
    ensure!(
        count(notion.page(&page)?) == json!(7),
        "the edit is in Notion"
    );
    ensure!(notion.pages(&source)?.len() == 2, "the row is a page");

    notion.edit_as_person(&page, &json!({ "Count": { "number": 9 } }))?;
    tasks.run(&RunOptions::default()).await?;
    let (count, pending): (i64, i64) = sqlx::query_as(
        "SELECT Count, (SELECT count(*) FROM changes) FROM Tasks WHERE Name = 'one'",
    )
    .fetch_one(&pool)
    .await?;
    ensure!(
        (count, pending) == (9, 0),
        "sqlx sees {count}, {pending} pending"
    );
    pool.close().await;
    println!("sqlx and notion-sync: one file, both ways");
    Ok(())
}

fn title(words: &str) -> serde_json::Value {
    json!({ "title": [{ "text": { "content": words } }] })
}
