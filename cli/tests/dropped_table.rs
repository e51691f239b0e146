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

#[tokio::test(flavor = "multi_thread")]
async fn the_only_table_is_left_out_of_the_views_by_the_next_run_and_a_copy_takes_its_name() {
    let world = World::pulled(&["one"]).await;
    let made = world.text("SELECT sql FROM sqlite_master WHERE name = 'tasks'");
    let copy = made.replacen("tasks", "copy", 1);
    world
        .person()
        .execute_batch(&format!(
            "{copy}; INSERT INTO copy SELECT * FROM tasks; DROP TABLE tasks"
        ))
        .unwrap();
    world.run().code(1).says("dropped or renamed by hand");
    for view in ["changes", "sync_status", "conflicts", "journal", "files"] {
        world.text(&format!(
            "SELECT count(*) FROM {view} WHERE \"table\" = 'tasks'"
        ));
    }
    world.sql("ALTER TABLE copy RENAME TO tasks");
    world.sql("UPDATE tasks SET Count = 3");
    world.run().code(0);
    assert_eq!(world.page("one")["properties"]["Count"]["number"], 3);
    world.say(&["doctor"]).code(0).says("Nothing is wrong.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_made_anew_by_create_table_as_is_told_and_nothing_of_it_is_taken_for_edits() {
    let world = World::pulled(&["one", "two"]).await;
    world
        .person()
        .execute_batch(
            "CREATE TABLE copy AS SELECT * FROM tasks; DELETE FROM copy WHERE Name = 'two';
             INSERT INTO copy SELECT * FROM copy; DROP TABLE tasks",
        )
        .unwrap();
    world.run().code(1);
    world.sql("ALTER TABLE copy RENAME TO tasks");
    for words in [&["doctor"][..], &["doctor", "--repair"]] {
        let said = world.say(words).code(1);
        said.says(
            "made anew by hand without _row INTEGER PRIMARY KEY AUTOINCREMENT, _id UNIQUE, STRICT",
        );
        assert!(!said.out.contains("was changed"), "{said:#?}");
        said.says("notion-sync forget --table tasks --yes");
    }
    let why = "was made anew by hand";
    world.say(&["plan"]).code(1).says(why);
    world.run().code(1).says(why);
    assert_eq!(
        world.writes(),
        Vec::new(),
        "no page is trashed for a row that is not there"
    );
    // As it says.
    world.sql("ALTER TABLE tasks RENAME TO mine");
    world.say(&["forget", "--table", "tasks", "--yes"]).code(0);
    world
        .say(&["run", "--data-source", &world.data_source])
        .code(0);
    assert_eq!(world.text("SELECT count(*) FROM tasks"), "2");
    assert_eq!(world.text("SELECT count(*) FROM mine"), "2");
    world.sql("INSERT INTO tasks (Name) VALUES ('after')");
    world.run().code(0);
    assert_eq!(world.pages("after").len(), 1);
}
