//! `watch` as a process: what wakes it, what it says, how it ends.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Going, TOKEN, World, rich_text};
use serde_json::{Value, json};

/// So rarely that only what wakes it explains a cycle.
const HARDLY_EVER: [&str; 3] = ["watch", "--every", "100000"];
const EVERY_SECOND: [&str; 3] = ["watch", "--every", "1"];

fn count_in_notion(world: &World, name: &str) -> Value {
    world.page(name)["properties"]["Count"]["number"].clone()
}

fn has_table(world: &World, rows: u32) -> bool {
    answers(world, "SELECT count(*) FROM Tasks", &rows)
}

/// What a query answers with, in a file that may not be there yet.
fn answers<T: rusqlite::types::FromSql + PartialEq>(world: &World, query: &str, what: &T) -> bool {
    let file = rusqlite::Connection::open_with_flags(
        world.file(),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE,
    );
    file.and_then(|file| file.query_row(query, [], |row| row.get::<_, T>(0)))
        .is_ok_and(|found| found == *what)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_the_file_wakes_it_and_ctrl_c_ends_it_with_130() {
    let world = World::new(&["one", "two"]).await;
    let mut watch = world.start(&HARDLY_EVER);
    watch.until("the first pull", || has_table(&world, 2));
    watch.until("its line", || watch_line(&world).contains("2 created"));
    world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'one'");
    watch.until("the edit in Notion", || {
        count_in_notion(&world, "one") == json!(3)
    });
    watch.until("its line", || watch_line(&world).contains("1 changed"));
    let said = watch.stop("INT").code(130);
    said.says("watching 1 data source");
    // The lease was given back: others run at once.
    world.run().code(0);
}

/// What the process in the world has said on stdout.
fn watch_line(world: &World) -> String {
    std::fs::read_to_string(world.folder.path().join("said.out")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_in_the_view_of_conflicts_wakes_it() {
    let world = World::pulled(&["one"]).await;
    world.conflict();
    let mut watch = world.start(&HARDLY_EVER);
    watch.until("its line", || watch_line(&world).contains("1 conflict(s)"));
    world.sql("UPDATE conflicts SET resolution = 'sqlite'");
    watch.until("the decision in Notion", || {
        common::words(&world.page("one"), "Notes") == "ours"
    });
    watch.stop("TERM").code(130);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_data_sources_is_kept_too_without_a_line() {
    let world = World::new(&["one"]).await;
    let mut watch = world.start(&HARDLY_EVER);
    watch.until("the title in the file", || {
        let title = "SELECT title FROM data_sources";
        answers(&world, title, &"Tasks".to_owned())
    });
    world.sql("UPDATE data_sources SET title = 'Chores'");
    watch.until("the title in Notion", || {
        let ledger = world.sim.ledger();
        let data_source = format!("/v1/data_sources/{}", world.data_source);
        ledger
            .iter()
            .any(|entry| entry.method == "PATCH" && entry.path == data_source)
    });
    watch.until("the end of that", || {
        world.text("SELECT _state FROM data_sources") == "clean"
    });
    let said = watch.stop("TERM").code(130);
    assert_eq!(said.out.lines().count(), 1, "the first pull: {said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_polls_notion_and_says_a_json_object_a_line_and_nothing_for_quiet_cycles() {
    let world = World::pulled(&["one", "two"]).await;
    let mut watch = world.start(&["watch", "--every", "1", "--json"]);
    let polls = || {
        let ledger = world.sim.ledger();
        let queries = ledger.iter().filter(|entry| entry.path.ends_with("/query"));
        queries.count()
    };
    watch.until("three polls", || polls() >= 3);
    assert_eq!(watch.so_far(), "", "nothing happened");
    world.edit("one", json!({ "Notes": rich_text("there") }));
    watch.until("the edit in the file", || {
        world.text("SELECT Notes FROM Tasks WHERE Name = 'one'") == "there"
    });
    watch.until("its line", || watch_line(&world).ends_with('\n'));
    let before = polls();
    watch.until("two more polls", || polls() >= before + 2);
    let said = watch.stop("TERM").code(130);
    let lines: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(lines[0]["command"], "watch");
    assert_eq!(lines[0]["table"], "tasks");
    assert_eq!(lines[0]["data_source"], world.data_source.as_str());
    assert!(lines[0]["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(lines[0]["report"]["settled"]["right"]["patched"], 1);
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_14_a_trash_in_notion_is_seen_by_a_watch() {
    let world = World::pulled(&["one", "two"]).await;
    let mut watch = world.start(&EVERY_SECOND);
    watch.until("a poll", || !world.sim.ledger().is_empty());
    world.sim.trash_as_person(&world.id("two"), true).unwrap();
    watch.until("the trash in the file", || {
        world.text("SELECT group_concat(Name) FROM Tasks WHERE _trashed = 1") == "two"
    });
    watch.stop("TERM").code(130);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_when_asked_though_nobody_reads_what_it_says() {
    let world = World::pulled(&["one"]).await;
    let mut watch = Going::start_unheard(&world, &EVERY_SECOND);
    watch.until("a poll", || !world.sim.ledger().is_empty());
    watch.stop("TERM").code(130);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_started_again_it_goes_on() {
    let world = World::pulled(&["one", "two", "three"]).await;
    let mut watch = world.start(&EVERY_SECOND);
    world.sql("UPDATE Tasks SET Count = 1");
    watch.until("a first write", || !world.writes().is_empty());
    watch.kill();
    world.sql("UPDATE Tasks SET Notes = 'dead meanwhile' WHERE Name = 'two'");
    world.edit("three", json!({ "Notes": rich_text("there") }));
    let mut watch = world.start(&EVERY_SECOND);
    watch.until("what was left", || {
        let names = ["one", "two", "three"];
        names
            .iter()
            .all(|name| count_in_notion(&world, name) == json!(1))
            && common::words(&world.page("two"), "Notes") == "dead meanwhile"
            && world.text("SELECT Notes FROM Tasks WHERE Name = 'three'") == "there"
    });
    watch.stop("TERM").code(130);
    // It may have been stopped between the last write and its settlement.
    world.run().code(0);
    world.say(&["verify"]).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_process_holds_is_told_once_and_tried_again() {
    let world = World::pulled(&["one"]).await;
    let other = std::fs::File::options()
        .write(true)
        .open(world.folder.path().join("tasks.sqlite-lock"))
        .unwrap();
    other.lock().unwrap();
    let mut watch = world.start(&EVERY_SECOND);
    watch.until("the error", || {
        complaints(&world).contains("tried again later")
    });
    other.unlock().unwrap();
    world.edit("one", json!({ "Notes": rich_text("later") }));
    watch.until("the edit in the file", || {
        world.text("SELECT Notes FROM Tasks") == "later"
    });
    let said = watch.stop("TERM").code(130);
    said.says("the store is in use by");
    assert_eq!(
        said.err.matches("tried again later").count(),
        1,
        "{said:#?}"
    );
}

/// What the process in the world has complained about.
fn complaints(world: &World) -> String {
    std::fs::read_to_string(world.folder.path().join("said.err")).unwrap()
}

/// Two data sources, Tasks with one page and Other without, pulled once.
async fn with_another() -> World {
    let world = World::new(&["one"]).await;
    let schema = common::schema();
    world.sim.create_data_source("Other", &schema).unwrap();
    world.run().code(0);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn pain_34_a_data_source_that_is_not_shared_for_a_while_is_told_once_and_goes_on_when_it_is()
{
    let world = with_another().await;
    let mut watch = world.start(&EVERY_SECOND);
    world.sim.share(&world.data_source, false).unwrap();
    watch.until("the error", || complaints(&world).contains("is not shared"));
    // The other table goes on meanwhile, and this one is tried again and again.
    world.sql("INSERT INTO Other (Name) VALUES ('another')");
    watch.until("the other's page", || {
        world.text("SELECT _state FROM Other") == "clean"
    });
    world.sim.clear_ledger();
    watch.until("another try", || {
        let ledger = world.sim.ledger();
        ledger
            .iter()
            .any(|entry| entry.path.contains(&world.data_source))
    });
    world.sim.share(&world.data_source, true).unwrap();
    world.sql("UPDATE Tasks SET Count = 7");
    watch.until("the edit in Notion", || {
        count_in_notion(&world, "one") == json!(7)
    });
    let said = watch.stop("TERM").code(130);
    assert_eq!(said.err.matches("tried again").count(), 1, "{said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_stands_in_the_way_is_told_and_work_goes_on_when_it_is_gone() {
    let world = World::pulled(&["one"]).await;
    let mut watch = world.start(&EVERY_SECOND);
    watch.until("a poll", || !world.sim.ledger().is_empty());
    world.sql("CREATE UNIQUE INDEX mine ON Tasks (Name)");
    watch.until("the error", || complaints(&world).contains("tried again"));
    world.add("two", json!({}));
    world.sql("DROP INDEX mine");
    watch.until("the page in the file", || has_table(&world, 2));
    let said = watch.stop("TERM").code(130);
    said.says("mine");
    assert_eq!(said.err.matches("tried again").count(), 1, "{said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_replaced_ends_it_for_all_tables_with_1() {
    let world = with_another().await;
    let mut watch = world.start(&HARDLY_EVER);
    watch.until("its first cycles", || {
        world.sql("UPDATE Tasks SET Count = 7");
        count_in_notion(&world, "one") == json!(7)
    });
    let copy = world.folder.path().join("copy.sqlite");
    std::fs::copy(world.file(), &copy).unwrap();
    std::fs::rename(&copy, world.file()).unwrap();
    let said = watch.end().code(1);
    said.says("removed, moved or replaced");
    assert!(!said.err.contains("tried again"), "{said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_file_ends_it_with_1() {
    let world = World::pulled(&["one"]).await;
    let copy = world.folder.path().join("copy.sqlite");
    std::fs::copy(world.file(), &copy).unwrap();
    std::fs::remove_file(world.file()).unwrap();
    std::fs::rename(&copy, world.file()).unwrap();
    let watch = world.start(&EVERY_SECOND);
    watch.end().code(1).says("copied or restored");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_end_it_with_4() {
    let world = World::pulled(&["one"]).await;
    let mut watch = world.start(&EVERY_SECOND);
    let asked = || world.sim.ledger().len();
    watch.until("a poll", || asked() > 0);
    world.sim.set_token(TOKEN, false);
    watch.end().code(4).says("error");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_meant_for_one_run_is_refused() {
    let world = World::pulled(&["one"]).await;
    for flags in [
        vec!["--adopt"],
        vec!["--full"],
        vec!["--approve", "all-changed"],
        vec!["--max-deletes", "9"],
    ] {
        let words = [&["watch"], &flags[..]].concat();
        world.say(&words).code(2).says("meant for one run");
    }
    world.say(&["watch", "--every", "0"]).code(2);
}
