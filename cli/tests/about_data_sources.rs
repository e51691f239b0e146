//! `data_sources`, `databases` and `views` named with `--table`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::World;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn tables_about_data_sources_are_exported_and_explained_and_not_forgotten() {
    let world = World::pulled(&["one"]).await;
    let out = world.say(&["export", "--table", "data_sources"]).code(0);
    let row: Value = serde_json::from_str(out.out.trim()).unwrap();
    assert_eq!(row["title"], json!("Tasks"));
    world
        .say(&["export", "--table", "DATABASES", "--format", "csv"])
        .code(0);

    world.sql("UPDATE data_sources SET title = 'Chores'");
    let by_row = world
        .say(&["explain", "1", "--table", "data_sources"])
        .code(0);
    by_row.says("Chores");
    let id = row["_id"].as_str().unwrap();
    let by_id = world
        .say(&["explain", id, "--table", "data_sources"])
        .code(0);
    assert_eq!(by_id.out, by_row.out);
    world
        .say(&["explain", "99", "--table", "data_sources"])
        .code(1)
        .says("no run has seen row 99");

    let said = world
        .say(&["forget", "--table", "data_sources", "--yes"])
        .code(2);
    said.says("every run keeps it");
    let said = world.say(&["restore", "1", "--table", "databases"]).code(2);
    said.says("made and put away in Notion only");
    assert_eq!(world.sim.ledger(), Vec::new(), "nobody was asked");
    // Without a name, what is exported is what the data sources hold.
    let all = world.say(&["export"]).code(0);
    assert_eq!(all.out.lines().count(), 1);
}
