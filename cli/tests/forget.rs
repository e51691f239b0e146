//! `forget`: the file forgets, nobody loses a record, and syncing again makes nothing twice.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{MARKER, World};
use notion_sync_sim::{Fault, FaultRule};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn forgotten_and_synced_again_nothing_is_made_twice() {
    let world = World::new(&["one", "two"]).await;
    let marked = ["run", "--marker-field", MARKER];
    world.say(&marked).code(0);
    world.sql("INSERT INTO Tasks (Name) VALUES ('made here')");
    world.say(&marked).code(0);
    world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'one'");
    world.sql("INSERT INTO Tasks (Name) VALUES ('not synced')");
    world.sim.clear_ledger();

    let said = world.say(&["forget", "--table", "tasks"]).code(2);
    said.says("2 row(s) were edited and not synced");
    said.says("--yes");
    world.say(&["status"]).code(0).says("tasks");
    let said = world.say(&["forget", "--table", "tasks", "--yes"]).code(0);
    said.says("its 4 row(s) stay");
    assert_eq!(world.sim.ledger().len(), 0, "nobody was asked");
    world.say(&["status"]).code(0).says("holds no table yet");
    // An ordinary table by now.
    world.sql("DELETE FROM Tasks WHERE Name = 'two'");

    let data_source = world.data_source.clone();
    let again = [
        "run",
        "--marker-field",
        MARKER,
        "--data-source",
        &data_source,
    ];
    world.say(&again).code(0);
    assert_eq!(world.writes(), Vec::new(), "nothing to write in Notion");
    let names = "SELECT group_concat(Name, ',') FROM (SELECT Name FROM tasks_2 ORDER BY Name)";
    assert_eq!(world.text(names), "made here,one,two");
    assert_eq!(world.text("SELECT count(DISTINCT _id) FROM tasks_2"), "3");
    // What was never synced is where it was, and nowhere else.
    assert_eq!(world.text("SELECT count(*) FROM Tasks"), "3");
    assert_eq!(
        world.text("SELECT Count FROM Tasks WHERE Name = 'one'"),
        "3"
    );
    assert_eq!(
        world.page("one")["properties"]["Count"]["number"],
        json!(null)
    );
    world.say(&["run", "--marker-field", MARKER]).code(0);
    world.say(&["verify", "--marker-field", MARKER]).code(0);
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_name_is_free_again_once_the_old_table_is_gone() {
    let world = World::pulled(&["one"]).await;
    let words = [
        "forget",
        "--data-source",
        &world.data_source,
        "--yes",
        "--json",
    ];
    let told = world.say(&words).code(0).json();
    assert_eq!(told["command"], "forget");
    assert_eq!(told["table"], "tasks");
    assert_eq!(told["forgotten"]["rows"], 1);
    world.sql("DROP TABLE tasks");
    world
        .say(&["run", "--data-source", &world.data_source])
        .code(0);
    assert_eq!(world.text("SELECT Name FROM tasks"), "one");
    let said = world.say(&["forget", "--table", "tasks", "--yes"]).code(0);
    said.says("ALTER TABLE \"tasks\" RENAME TO");
    world.sql("ALTER TABLE \"tasks\" RENAME TO \"old tasks\"");
    world
        .say(&["run", "--data-source", &world.data_source])
        .code(0);
    assert_eq!(world.text("SELECT Name FROM tasks"), "one");
    assert_eq!(world.text("SELECT Name FROM \"old tasks\""), "one");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_table_dropped_the_name_is_free_and_no_edit_goes_with_it() {
    let world = World::pulled(&["one", "two"]).await;
    let drop = ["forget", "--table", "tasks", "--drop-table", "--yes"];
    world.conflict();
    world.sim.clear_ledger();
    let said = world.say(&drop).code(1);
    said.says("1 row(s) of tasks hold what is not on the other side");
    let conflict = world.text("SELECT id FROM conflicts");
    world.say(&["resolve", &conflict, "--keep", "sqlite"]);
    world.run().code(0);
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    world.say(&drop).code(1).says("1 row(s) of tasks");
    let said = world.say(&drop[..4]).code(2);
    said.says("`notion-sync run` first");
    world.run().code(0);
    world.sim.clear_ledger();
    let said = world.say(&drop[..4]).code(2);
    said.says("would be forgotten: the table and its 3 row(s) go");
    assert_eq!(world.text("SELECT count(*) FROM tasks"), "3");
    world.say(&drop).code(0);
    let left = "SELECT count(*) FROM sqlite_master WHERE tbl_name LIKE 'tasks%'";
    assert_eq!(world.text(left), "0");
    world
        .say(&["run", "--data-source", &world.data_source])
        .code(0);
    assert_eq!(world.text("SELECT count(*) FROM tasks"), "3");
    assert_eq!(world.writes(), Vec::new());
    world.say(&["verify"]).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_on_its_way_keeps_it_unless_forced() {
    let world = World::pulled(&["one"]).await;
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    let lost = FaultRule::next(Fault::DropAfterCommit);
    world.sim.inject(lost.method("POST").path("/v1/pages"));
    world.run().code(1);
    let said = world.say(&["forget", "--table", "tasks", "--yes"]).code(1);
    said.says("1 command(s) were sent");
    said.says("--force");
    world.say(&["status"]).code(3).says("command");
    world
        .say(&["forget", "--table", "tasks", "--yes", "--force"])
        .code(0);
    world
        .say(&["run", "--data-source", &world.data_source])
        .code(0);
    // The page that the lost command made is pulled, and not made again.
    assert_eq!(world.pages("new").len(), 1);
    assert_eq!(
        world.text("SELECT count(*) FROM tasks_2 WHERE Name = 'new'"),
        "1"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_never_about_whatever_is_there() {
    let world = World::pulled(&["one"]).await;
    world
        .say(&["forget", "--yes"])
        .code(2)
        .says("--table tasks");
    world
        .say(&["forget", "--yes", "--table", "odd"])
        .code(2)
        .says("no such table");
    let nowhere = ["forget", "--yes", "--table", "tasks", "--db", "none.sqlite"];
    world.say(&nowhere).code(2);
    let lock = world.folder.path().join("tasks.sqlite-lock");
    let other = std::fs::File::options().write(true).open(lock).unwrap();
    other.lock().unwrap();
    let said = world.say(&["forget", "--table", "tasks", "--yes"]).code(1);
    said.says("the store is in use by");
    world.say(&["status"]).code(0).says("tasks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_somebody_dropped_leaves_no_ordinary_table_behind() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE Tasks SET Count = 3");
    world.sql("DROP TABLE Tasks");
    let said = world.say(&["forget", "--table", "tasks", "--yes"]).code(0);
    said.says("dropped or renamed by hand before");
    said.says("the edits are where that table is");
}
