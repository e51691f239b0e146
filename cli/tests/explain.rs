//! `explain`: what it says of a record, by row and by page.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{World, rich_text};
use notion_sync_sim::{Fault, FaultRule};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_explained_by_both_values_the_base_and_the_rule() {
    let world = World::pulled(&["one", "two"]).await;
    world.edit("one", json!({ "Notes": rich_text("before") }));
    world.run().code(0);
    world.conflict();
    let row = world.text("SELECT _row FROM Tasks WHERE Name = 'one'");
    let by_row = world.say(&["explain", &row]).code(0);
    for part in [
        "conflict",
        "changed on both sides",
        "Notes: a conflict is open (F16)",
        "Notion: theirs",
        "SQLite: ours",
        "last agreed: before",
        "Name: nothing changed (F01): one",
        "waits for you",
    ] {
        assert!(by_row.out.contains(part), "{part}: {by_row:#?}");
    }
    for page in [
        world.id("one"),
        world.id("one").replace('-', ""),
        format!(
            "https://www.notion.so/one-{}",
            world.id("one").replace('-', "")
        ),
    ] {
        assert_eq!(world.say(&["explain", &page]).code(0).out, by_row.out);
    }
    let told = world.say(&["explain", &row, "--json"]).code(0).json();
    assert_eq!(told["command"], "explain");
    let told = &told["explained"];
    assert_eq!(told["page"], world.id("one").as_str());
    assert_eq!(told["row"].to_string(), row);
    assert_eq!(told["explanation"]["standing"]["state"], "conflict");
    let fields = told["explanation"]["fields"].as_array().unwrap();
    let notes = fields
        .iter()
        .find(|field| field["label"] == "Notes")
        .unwrap();
    assert_eq!(notes["rule"], "F16");
    assert_eq!(
        told["conflicts"][0]["values"],
        json!([["notion", "theirs"], ["sqlite", "ours"]])
    );
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_no_run_has_seen_is_told_and_so_is_a_new_row() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE Tasks SET Count = 3");
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    let said = world.say(&["explain", "1"]).code(0);
    said.says("pending: edited since the last run");
    said.says("edited here, not synced yet: Count: (empty) -> 3");
    let said = world.say(&["explain", "2"]).code(0);
    said.says("No run has seen it yet");
    said.says("made here, not synced yet");
    world.run().code(0);
    let said = world.say(&["explain", "2"]).code(0);
    said.says("clean");
    said.says("Notion: as last agreed");
    said.says(&world.id("new"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_unknown_outcome_is_told_with_what_helps() {
    let world = World::pulled(&["one"]).await;
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    let lost = FaultRule::next(Fault::DropAfterCommit);
    world.sim.inject(lost.method("POST").path("/v1/pages"));
    world.run().code(1);
    let said = world.say(&["explain", "2"]).code(0);
    said.says("(create, Notion)");
    said.says("what helps");
    let told = world.say(&["explain", "2", "--json"]).code(0).json();
    assert_eq!(told["explained"]["commands"][0]["state"], "ambiguous");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_clear_is_said() {
    let world = World::pulled(&["one"]).await;
    world
        .say(&["explain", "77"])
        .code(1)
        .says("no run has seen row 77");
    world
        .say(&["explain", "rubbish"])
        .code(2)
        .says("neither a page");
    world
        .say(&["explain", "1", "--table", "odd"])
        .code(2)
        .says("--table tasks");
    let other = world
        .sim
        .create_data_source("Other", &common::schema())
        .unwrap();
    world.say(&["run", "--data-source", &other]).code(0);
    world.say(&["explain", "1"]).code(2).says("--table other");
    world.say(&["explain", "1", "--table", "TASKS"]).code(0);
    world.say(&["explain", &world.id("one")]).code(0);
    let nowhere = ["explain", "1", "--db", "nowhere.sqlite"];
    world.say(&nowhere).code(2).says("no table yet");
    assert!(!world.files().contains(&"nowhere.sqlite".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_terminal_would_obey_is_a_dot() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE Tasks SET Notes = char(27) || '[2Jgone'");
    let said = world.say(&["explain", "1"]).code(0);
    assert!(!said.out.contains('\u{1b}'), "{said:#?}");
    said.says("·[2Jgone");
}
