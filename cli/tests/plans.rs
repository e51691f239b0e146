//! Plans from the command line: shown in every form, kept, carried out whole or in part.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::PathBuf;

use common::{TOKEN, World, rich_text};
use notion_sync_sim::{Fault, FaultRule};
use serde_json::{Value, json};

/// Four rows, a change each way, a delete and a new row; the plan is in `plan.json`.
async fn planned() -> World {
    let world = World::pulled(&["one", "two", "three", "four"]).await;
    world.sql("UPDATE Tasks SET Count = 9 WHERE Name = 'one'");
    world.edit("two", json!({ "Notes": rich_text("from there") }));
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'three'");
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    world.say(&["plan", "--save", "plan.json"]).code(0);
    world
}

fn file(world: &World, name: &str) -> PathBuf {
    world.folder.path().join(name)
}

fn kept(world: &World) -> Value {
    let text = std::fs::read_to_string(file(world, "plan.json")).unwrap();
    assert!(!text.contains(TOKEN));
    serde_json::from_str(&text).unwrap()
}

/// The name of the command for the record called so.
fn command(world: &World, label: &str) -> String {
    let kept = kept(world);
    let items = kept["links"][0]["plan"]["items"].as_array().unwrap();
    let mut items = items.iter();
    let item = items.find(|item| item["record"]["label"] == label).unwrap();
    item["commands"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_0_when_a_saved_plan_was_carried_out_and_3_the_second_time() {
    let world = planned().await;
    assert_eq!(world.writes(), Vec::new(), "saving writes nothing");
    let said = world.say(&["apply", "plan.json"]).code(0);
    said.says("of 4 commands 4 applied");
    assert_eq!(world.page("one")["properties"]["Count"]["number"], 9);
    assert_eq!(world.pages("new").len(), 1);
    assert_eq!(world.writes().len(), 3);
    assert_eq!(
        world.text("SELECT Notes FROM Tasks WHERE Name = 'two'"),
        "from there"
    );
    let said = world.say(&["apply", "plan.json"]).code(3);
    said.says("it is so already");
    assert_eq!(world.writes().len(), 3);
    // What Notion computes of the new page, its id say, was fetched along with it.
    world.say(&["plan", "--check"]).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_named_commands_are_carried_out_and_exit_3_says_that_some_are_left() {
    let world = planned().await;
    let (one, new) = (command(&world, "one"), command(&world, "new"));
    let only = format!("{one},{new}");
    let said = world.say(&["apply", "plan.json", "--only", &only]).code(3);
    said.says("2 applied");
    said.says("2 not approved");
    assert_eq!(world.writes().len(), 2);
    assert_eq!(world.text("SELECT Notes FROM Tasks WHERE Name = 'two'"), "");
    assert_eq!(world.page("three")["in_trash"], false);
    world.run().code(0);
    assert_eq!(world.page("three")["in_trash"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_since_the_plan_leaves_its_command_out() {
    let world = planned().await;
    world.sql("UPDATE Tasks SET Count = 10 WHERE Name = 'one'");
    let applied = world.say(&["apply", "plan.json", "--json"]).code(3).json();
    assert_eq!(applied["command"], "apply");
    let commands = applied["links"][0]["applied"]["commands"]
        .as_array()
        .unwrap();
    let name = command(&world, "one");
    let stale = commands.iter().find(|command| command["id"] == name);
    let why = &stale.unwrap()["outcome"]["stale"]["why"];
    assert!(why["source_changed"].is_string(), "{applied:#}");
    assert!(world.page("one")["properties"]["Count"]["number"].is_null());
    assert_eq!(world.writes().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_made_before_there_was_a_file_carries_out_the_first_pull() {
    let world = World::new(&["one", "two"]).await;
    world.say(&["plan", "--save", "plan.json"]).code(0);
    assert_eq!(world.files(), ["plan.json"]);
    let name = command(&world, "one");
    world.say(&["apply", "plan.json", "--only", &name]).code(3);
    assert_eq!(world.text("SELECT group_concat(Name) FROM Tasks"), "one");
    let said = world.say(&["apply", "plan.json"]).code(3);
    said.says("another store");
    world.run().code(0);
    assert_eq!(world.text("SELECT count(*) FROM Tasks"), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_another_file_is_refused_without_a_write() {
    let world = planned().await;
    world.sim.clear_ledger();
    let words = ["apply", "plan.json", "--db", "other.sqlite"];
    world.say(&words).code(3).says("another store");
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_2_for_what_is_not_a_plan_or_not_in_it() {
    let world = planned().await;
    let text = std::fs::read_to_string(file(&world, "plan.json")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(file(&world, name), text).unwrap();
    write("odd.json", "{}");
    write(
        "newer.json",
        &text.replace("\"format\": 1", "\"format\": 99"),
    );
    write("altered.json", &text.replace("\"9\"", "\"8\""));
    for (words, part) in [
        (vec!["apply", "odd.json"], "not a saved plan"),
        (vec!["apply", "newer.json"], "update the program"),
        (vec!["apply", "altered.json"], "changed by hand"),
        (
            vec!["apply", "plan.json", "--only", "77-00000000"],
            "77-00000000",
        ),
        (vec!["apply", "plan.json", "--only", "nonsense"], "nonsense"),
        (
            vec!["apply", "plan.json", "--data-source", "x"],
            "--data-source",
        ),
        (vec!["plan", "--json", "--format", "html"], "--out"),
    ] {
        world.say(&words).code(2).says(part);
    }
    world.say(&["apply", "nowhere.json"]).code(1);
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_4_when_the_token_is_refused_while_a_plan_is_carried_out() {
    let world = planned().await;
    world.sim.set_token(TOKEN, false);
    world.say(&["apply", "plan.json"]).code(4);
    world.say(&["apply", "plan.json", "--json"]).code(4).json();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_holds_also_for_a_delete_approved_by_name() {
    let names: Vec<String> = (0..12).map(|n| format!("row {n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::pulled(&names).await;
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name < 'row 08'");
    let said = world.say(&["plan", "--save", "plan.json"]).code(0);
    said.says("8 deletes are held back by MaxDelete");
    let name = command(&world, "row 03");
    let said = world.say(&["apply", "plan.json", "--only", &name]).code(3);
    said.says("refused (MaxDelete)");
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_plan_goes_to_stdout_or_a_file() {
    let world = planned().await;
    for (format, part) in [
        ("text", "TRASH"),
        ("markdown", "| **trash** |"),
        ("json", "\"command\": \"plan\""),
        ("html", "<!DOCTYPE html>"),
    ] {
        let said = world.say(&["plan", "--format", format]).code(0);
        assert!(said.out.contains(part), "{format}: {said:#?}");
        let words = ["plan", "--format", format, "--out", "shown", "--json"];
        world.say(&words).code(0).json();
        let shown = std::fs::read_to_string(file(&world, "shown")).unwrap();
        assert!(shown.contains(part), "{format}: {shown}");
        assert!(!shown.contains(TOKEN));
    }
    world.say(&["plan", "--format", "odd"]).code(2);
    assert_eq!(world.writes(), Vec::new());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_plan_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = planned().await;
    let mode = std::fs::metadata(file(&world, "plan.json")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o077, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_keeps_its_plan_before_it_does_it() {
    let world = planned().await;
    let words = ["run", "--plan-out", "run.json", "--plan-html", "run.html"];
    world.say(&words).code(0);
    assert_eq!(world.page("one")["properties"]["Count"]["number"], 9);
    let text = std::fs::read_to_string(file(&world, "run.json")).unwrap();
    let kept: Value = serde_json::from_str(&text).unwrap();
    let counts = &kept["links"][0]["plan"]["counts"];
    assert_eq!(counts["create"], json!({ "left": 1, "right": 0 }));
    assert_eq!(counts["trash"], json!({ "left": 1, "right": 0 }));
    let page = std::fs::read_to_string(file(&world, "run.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert!(page.contains("from there"));
    // Of the plan that was done nothing is left to apply.
    world.sim.clear_ledger();
    world.say(&["apply", "run.json"]).code(3);
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_died_after_its_plan_was_kept_is_carried_out_by_apply() {
    let world = planned().await;
    world
        .say(&["run", "--plan-out", "run.json", "--check"])
        .code(5);
    assert_eq!(world.writes(), Vec::new(), "--check writes nothing");
    world.say(&["apply", "run.json"]).code(0);
    assert_eq!(world.pages("new").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_of_which_no_plan_could_be_kept() {
    let world = planned().await;
    world
        .say(&["run", "--plan-out", "nowhere/run.json"])
        .code(1);
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_source_that_could_not_be_planned_is_not_run_either() {
    let world = planned().await;
    let refused = Fault::Status {
        status: 400,
        code: None,
        message: None,
        retry_after: None,
        reason: None,
    };
    // The plan meets it, a run after it would not.
    world.sim.inject(FaultRule::next(refused).path("/query"));
    world.say(&["run", "--plan-out", "run.json"]).code(1);
    assert_eq!(world.writes(), Vec::new());
    world.say(&["run", "--plan-out", "run.json"]).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_exits_5_when_a_plan_is_not_empty_and_0_when_it_is() {
    let world = planned().await;
    for command in ["run", "plan"] {
        world.say(&[command, "--check"]).code(5).says("TRASH");
        let found = world.say(&[command, "--check", "--json"]).code(5).json();
        assert_eq!(found["command"], "plan");
    }
    assert_eq!(world.writes(), Vec::new());
    world.run().code(0);
    for command in ["run", "plan"] {
        world.say(&[command, "--check"]).code(0);
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn no_command_writes_over_the_database_or_its_own_output() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE Tasks SET Count = 3");
    let database = world.file();
    let folder = world.folder.path();
    std::fs::hard_link(&database, folder.join("hard")).unwrap();
    std::os::unix::fs::symlink(&database, folder.join("soft")).unwrap();
    let before = std::fs::read(&database).unwrap();
    for name in [
        "tasks.sqlite",
        "./tasks.sqlite",
        "tasks.sqlite-lock",
        "tasks.sqlite-wal",
        "hard",
        "soft",
    ] {
        for words in [
            &["plan", "--plan-out"][..],
            &["plan", "--plan-html"],
            &["plan", "--out"],
            &["run", "--plan-out"],
            &["run", "--check", "--plan-html"],
            &["export", "--out"],
        ] {
            let words = [words, &[name]].concat();
            let said = world.say(&words).code(2);
            said.says("would write over the database");
            assert!(before == std::fs::read(&database).unwrap(), "{words:?}");
        }
    }
    let said = world.say(&["plan", "--plan-out", "same", "--out", "./same"]);
    said.code(2).says("name the same file");
    assert!(!folder.join("same").exists());
    // No run goes over a file of two names.
    std::fs::remove_file(folder.join("hard")).unwrap();
    world.run().code(0);
}
