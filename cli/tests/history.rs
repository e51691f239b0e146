//! `runs`, `undo` and `verify`: what they say, what they write, and how they exit.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::World;
use notion_sync_sim::{Fault, FaultRule};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_listed_shown_taken_back_and_taken_back_again() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'one'");
    world.run().code(0);
    world.sim.clear_ledger();
    let listed = world.say(&["runs", "--json"]).code(0).json();
    let run = listed["links"][0]["runs"][0]["run"]
        .as_str()
        .unwrap()
        .to_owned();
    world.say(&["runs"]).code(0).says(&run);

    let planned = world.say(&["undo", "--plan"]).code(0);
    planned.says("taken back");
    planned.says("Count");
    assert_eq!(world.writes(), []);
    assert_eq!(
        world.text("SELECT Count FROM Tasks WHERE Name = 'one'"),
        "3"
    );

    world.say(&["undo", &run]).code(0);
    assert_eq!(world.text("SELECT Count FROM Tasks WHERE Name = 'one'"), "");
    assert_eq!(
        world.page("one")["properties"]["Count"]["number"],
        json!(null)
    );
    world.say(&["plan", "--check"]).code(0);
    world.say(&["runs"]).code(0).says("takes back");

    world.say(&["undo"]).code(0);
    assert_eq!(
        world.text("SELECT Count FROM Tasks WHERE Name = 'one'"),
        "3"
    );
    world.say(&["undo", "1"]).code(1).says("no run");
    world.say(&["undo", "yesterday"]).code(2);
    world.say(&["status"]).code(0).says("undo since");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_undone_is_said_and_exits_3() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'one'");
    world.run().code(0);
    world.edit("one", json!({ "Count": { "number": 9 } }));
    world.say(&["undo", "--plan"]).code(3).says("changed since");
    let said = world.say(&["undo"]).code(3);
    said.says("not undone");
    assert_eq!(world.page("one")["properties"]["Count"]["number"], json!(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_source_leaves_the_edit_where_it_was_made() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'one'");
    world.run().code(0);
    world.say(&["undo", "--keep-source"]).code(0);
    assert_eq!(world.text("SELECT Count FROM Tasks"), "3");
    assert_eq!(
        world.page("one")["properties"]["Count"]["number"],
        json!(null)
    );
    world.run().code(0);
    assert_eq!(
        world.page("one")["properties"]["Count"]["number"],
        json!(null)
    );
    world.say(&["status"]).code(3).says("parked");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_exits_0_in_agreement_3_with_something_left_and_writes_nothing() {
    let world = World::pulled(&["one", "two"]).await;
    let said = world.say(&["verify"]).code(0);
    said.says("Everything agrees");
    world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'one'");
    world
        .say(&["verify"])
        .code(3)
        .says("edited since the last run");
    let found = world.say(&["verify", "--json"]).code(3).json();
    assert_eq!(found["links"][0]["violations"], 0);
    assert_eq!(world.writes(), []);
    world.run().code(0);
    world.say(&["verify"]).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_exits_1_for_a_violation_and_for_a_side_that_cannot_be_read() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE _sync_pairs SET left_key = (SELECT min(left_key) FROM _sync_pairs)");
    let said = world.say(&["verify"]).code(1);
    said.says("VIOLATION");
    let down = Fault::Status {
        status: 400,
        code: None,
        message: None,
        retry_after: None,
        reason: None,
    };
    world
        .sim
        .inject(FaultRule::next(down).path("/query").times(9));
    world.say(&["verify"]).code(1).says("error");
}

/// Titles of data sources are edited in a table as well, and `runs` lists what carried them.
#[tokio::test(flavor = "multi_thread")]
async fn an_edited_title_is_taken_back_by_name_and_as_the_last_thing_that_was_done() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE Tasks SET Count = 3");
    world.run().code(0);
    world.say(&["undo", "--plan"]).code(0).says("Count");
    world.sql("UPDATE data_sources SET title = 'Chores'");
    world.run().code(0);
    let title = || world.text("SELECT title FROM data_sources");
    let titles = || world.sim.state()["data_sources"].to_string();
    assert!(titles().contains("Chores"));

    let planned = world.say(&["undo", "--plan"]).code(0);
    planned.says("of data_sources would mean");
    let undone = world.say(&["undo", "--json"]).code(0).json();
    assert_eq!(undone["table"], json!("data_sources"));
    assert_eq!(title(), "Tasks");
    assert!(!titles().contains("Chores"));
    assert_eq!(world.text("SELECT Count FROM Tasks"), "3", "an earlier run");
    world.run().code(0);
    assert_eq!(title(), "Tasks");

    world.say(&["undo"]).code(0);
    assert_eq!(title(), "Chores", "an undo is taken back as well");
    let run = world.text("SELECT run FROM runs WHERE \"table\" = 'data_sources' ORDER BY run DESC");
    world.say(&["undo", &run]).code(0);
    assert_eq!(title(), "Tasks");
    assert!(!titles().contains("Chores"));

    // What comes after it is the last thing again.
    world.sql("UPDATE Tasks SET Count = 4");
    world.run().code(0);
    world.say(&["undo"]).code(0);
    assert_eq!(world.text("SELECT Count FROM Tasks"), "3");
}
