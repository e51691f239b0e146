//! `restore`: records back from the trash on both sides, and taken back again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::World;
use notion_sync_sim::{Fault, FaultRule};
use serde_json::json;

/// Three rows, two of them trashed by a run: one by a person here, one by a person in Notion.
async fn trashed() -> World {
    let world = World::pulled(&["one", "two", "three"]).await;
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'one'");
    world.sim.trash_as_person(&world.id("two"), true).unwrap();
    world.run().code(0);
    assert_eq!(in_trash(&world), "one,two");
    world.sim.clear_ledger();
    world
}

fn in_trash(world: &World) -> String {
    let rows = "SELECT group_concat(Name, ',') FROM (SELECT * FROM Tasks WHERE _trashed = 1 ORDER BY Name)";
    let here = world.text(rows);
    let names = ["one", "two", "three"].into_iter();
    let there: Vec<&str> = names
        .filter(|name| world.page(name)["in_trash"] == json!(true))
        .collect();
    assert_eq!(here, there.join(","), "both sides are alike");
    here
}

fn last_run(world: &World) -> String {
    let runs = world.say(&["runs", "--json"]).code(0).json();
    runs["links"][0]["runs"][0]["run"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_restored_by_page_or_row_whoever_trashed_it() {
    let world = trashed().await;
    let said = world.say(&["restore", &world.id("two")]).code(0);
    said.says("out of the trash: row");
    assert_eq!(in_trash(&world), "one");
    let row = world.text("SELECT _row FROM Tasks WHERE Name = 'one'");
    let said = world.say(&["restore", &row, "--json"]).code(0).json();
    assert_eq!(said["command"], "restore");
    assert_eq!(said["links"][0]["restore"]["restored"][0].to_string(), row);
    assert_eq!(
        said["links"][0]["restore"]["report"]["settled"]["left"]["untrashed"],
        1
    );
    assert_eq!(in_trash(&world), "");
    world.say(&["plan", "--check"]).code(0);
    world.say(&["verify"]).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_a_run_trashed_is_restored_and_the_restore_is_undone() {
    let world = trashed().await;
    let run = last_run(&world);
    world.say(&["restore", "--run", &run]).code(0);
    assert_eq!(in_trash(&world), "");
    assert_eq!(world.writes().len(), 2, "an untrash each, and nothing else");
    world
        .say(&["restore", "--run", &run])
        .code(3)
        .says("is not in the trash");
    world.say(&["undo"]).code(0);
    assert_eq!(in_trash(&world), "one,two");
    world.say(&["verify"]).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_that_run_trashed_is_restored() {
    let world = World::pulled(&["one", "two", "three"]).await;
    world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'one'");
    world.run().code(0);
    let edited = last_run(&world);
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'one'");
    world.run().code(0);
    let said = world.say(&["restore", "--run", &edited]).code(0);
    said.says("nothing to restore");
    assert_eq!(in_trash(&world), "one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_whose_answer_is_lost_is_finished_by_the_next_run() {
    let world = trashed().await;
    let lost = FaultRule::next(Fault::DropBefore).method("PATCH");
    world.sim.inject(lost.times(1));
    let row = world.text("SELECT _row FROM Tasks WHERE Name = 'one'");
    world.say(&["restore", &row]);
    world.run().code(0);
    assert_eq!(in_trash(&world), "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trash_that_no_run_carried_out_is_only_taken_back() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE Tasks SET _trashed = 1");
    world.say(&["restore", "1"]).code(0);
    assert_eq!(world.text("SELECT _trashed FROM Tasks"), "0");
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_restored_is_said() {
    let world = trashed().await;
    let row = world.text("SELECT _row FROM Tasks WHERE Name = 'three'");
    world
        .say(&["restore", &row])
        .code(3)
        .says("is not in the trash");
    world.say(&["restore", "99"]).code(3);
    world.say(&["restore", "--run", "1"]).code(1).says("no run");
    let elsewhere = "1b2c3d4e-0000-4000-8000-00000000a001";
    world
        .say(&["restore", elsewhere])
        .code(2)
        .says("no row shows");
    world.say(&["restore"]).code(2);
    world.say(&["restore", "1", "--run", "1"]).code(2);
    assert_eq!(in_trash(&world), "one,two");
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_the_restore_is_sent_and_the_rest_waits_for_a_run() {
    let world = trashed().await;
    world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'three'");
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    world.add("theirs", json!({}));
    let row = world.text("SELECT _row FROM Tasks WHERE Name = 'one'");
    let said = world.say(&["restore", &row]).code(0);
    said.says("2 edited row(s) wait for `notion-sync run`");
    let written: Vec<String> = world.writes().into_iter().map(|entry| entry.path).collect();
    assert_eq!(written, [format!("/v1/pages/{}", world.id("one"))]);
    assert_eq!(in_trash(&world), "two");
    assert_eq!(
        world.text("SELECT count(*) FROM Tasks"),
        "4",
        "nothing was pulled"
    );
    let waiting = "SELECT group_concat(kind || ' ' || current, ',')
        FROM (SELECT * FROM changes ORDER BY current)";
    assert_eq!(world.text(waiting), "update 3,insert new");
    // Undoing it takes back the restore and nothing else.
    world.sim.clear_ledger();
    world.say(&["undo"]).code(0);
    assert_eq!(in_trash(&world), "one,two");
    assert_eq!(world.writes().len(), 1);
    world.run();
    assert_eq!(world.page("three")["properties"]["Count"]["number"], 3);
    assert_eq!(world.pages("new").len(), 1);
    assert_eq!(world.text("SELECT count(*) FROM Tasks"), "5");
    world.say(&["verify"]);
}
