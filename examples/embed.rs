//! Embedding: one Notion data source and one SQLite file, kept the same by your own program.
//!
//! `cargo run --example embed` plays it against the embedded simulator. With a real token, build
//! the client with `Client::new(Token::new(…)?)?` and name your data source instead.

use notion_sync::client::{Client, Token};
use notion_sync::{Replica, RunOptions, sqlite::SqliteStore};
use notion_sync_sim::NotionSim;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let notion = NotionSim::builder().start().await?;
    notion.generate("Tasks", 10)?;

    let client = Client::builder(Token::new(notion.token())?)
        .base_url(notion.base_url())
        .build()?;
    let source = notion_sync::notion::list_data_sources(&client).await?[0].id;
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path().join("tasks.sqlite"), Default::default())?;
    let tasks = Replica::new(client, source, &store);

    let plan = tasks.plan(&RunOptions::default()).await?;
    println!("{} rows to pull", plan.counts.create.right);

    let report = tasks.run(&RunOptions::default()).await?;
    println!(
        "{:?}: {} rows made",
        report.outcome, report.settled.right.created
    );

    let report = tasks.run(&RunOptions::default()).await?;
    assert!(report.is_quiet());
    Ok(())
}
