//! A table that somebody dropped: what goes on without it, and what is said.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{World, schema};

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_table_is_told_and_the_others_go_on() {
    let world = World::new(&["one"]).await;
    world.sim.create_data_source("Other", &schema()).unwrap();
    world.run().code(0);
    world.sql("INSERT INTO Other (Name) VALUES ('new')");
    world.sql("DROP TABLE Tasks");

    let said = world.say(&["status"]).code(3);
    said.says("tasks: dropped or renamed by hand");
    said.says("notion-sync forget --table tasks --yes");
    said.says("other row 1: pending");
    let document = world.say(&["--json", "status"]).code(3).json();
    assert_eq!(document["missing"][0], "tasks");
    assert_eq!(document["tables"][0]["pending"], 1);
    world.say(&["conflicts"]).code(0);
    world.say(&["explain", "1", "--table", "other"]).code(0);
    let said = world.say(&["export", "--table", "tasks"]).code(1);
    said.says("dropped or renamed by hand");

    world.run().code(1).says("forget --table tasks --yes");
    assert_eq!(world.text("SELECT _state FROM Other"), "clean");
    assert_eq!(world.text("SELECT count(*) FROM changes"), "0");
    let said = world.say(&["forget", "--table", "tasks", "--yes"]).code(0);
    said.says("was dropped or renamed by hand before");
    world.say(&["status"]).code(0);
    world
        .say(&["run", "--data-source", &world.data_source])
        .code(0);
    assert_eq!(world.text("SELECT Name FROM Tasks"), "one");
    assert_eq!(world.pages("one").len(), 1);
}
