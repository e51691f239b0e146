//! notion-sync and diesel in one program, on one file: what one writes the other reads and sends on.
//!
//! Both link SQLite, and a program can link it only once: that this builds is half of the proof.

use anyhow::{Context, ensure};
use diesel::prelude::*;
use notion_sync::client::{Client, RateLimit, Token};
use notion_sync::{Replica, RunOptions, sqlite::SqliteStore};
use notion_sync_sim::NotionSim;
use serde_json::json;

diesel::table! {
    #[sql_name = "Tasks"]
    tasks (row) {
        #[sql_name = "_row"]
        row -> BigInt,
        #[sql_name = "Name"]
        name -> Nullable<Text>,
        #[sql_name = "Count"]
        count -> Nullable<Double>,
    }
}

diesel::table! {
    changes (row) {
        #[sql_name = "_row"]
        row -> BigInt,
    }
}

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
    let replica = Replica::new(client, source.parse()?, &store);
    replica.run(&RunOptions::default()).await?;

    // Stays open over every run that follows.
    let file = file.to_str().context("the file has a name of words")?;
    let mut person = SqliteConnection::establish(file)?;
    let edited = diesel::update(tasks::table.filter(tasks::name.eq("one")))
        .set(tasks::count.eq(7.0))
        .execute(&mut person)?;
    ensure!(edited == 1, "one row is edited");
    diesel::insert_into(tasks::table)
        .values((tasks::name.eq("two"), tasks::count.eq(8.5)))
        .execute(&mut person)?;
    let refused = diesel::delete(tasks::table).execute(&mut person);
    let sentence = refused.err().context("DELETE is refused")?.to_string();
    ensure!(sentence.contains("set _trashed = 1 instead"), "{sentence}");

    let report = replica.run(&RunOptions::default()).await?;
    ensure!(report.settled.left.created == 1, "{report:?}");
    let count = |page: serde_json::Value| page["properties"]["Count"]["number"].as_f64();
    ensure!(
        count(notion.page(&page)?) == Some(7.0),
        "the edit is in Notion"
    );
    ensure!(notion.pages(&source)?.len() == 2, "the row is a page");

    notion.edit_as_person(&page, &json!({ "Count": { "number": 9 } }))?;
    replica.run(&RunOptions::default()).await?;
    let count: Option<f64> = tasks::table
        .filter(tasks::name.eq("one"))
        .select(tasks::count)
        .first(&mut person)?;
    let pending: i64 = changes::table.count().get_result(&mut person)?;
    ensure!(
        (count, pending) == (Some(9.0), 0),
        "diesel sees {count:?}, {pending} pending"
    );
    println!("diesel and notion-sync: one file, both ways");
    Ok(())
}

fn title(words: &str) -> serde_json::Value {
    json!({ "title": [{ "text": { "content": words } }] })
}
