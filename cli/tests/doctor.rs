//! `doctor`: every finding, what helps, and how it exits.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Said, TOKEN, World, bare};
use notion_sync_sim::{Fault, FaultRule};
use serde_json::Value;

fn doctor(world: &World) -> Said {
    world.say(&["doctor"])
}

/// The sentences of that level.
fn found(world: &World, level: &str) -> Vec<String> {
    let told = world.say(&["doctor", "--json"]).json();
    assert_eq!(told["command"], "doctor");
    let findings = told["findings"].as_array().unwrap().iter();
    let findings = findings.filter(|finding| finding["level"] == level);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = findings.map(|finding| {
        assert_eq!(finding["remedy"].is_string(), level != "ok", "{finding}");
        format!("{}: {}", text(&finding["about"]), text(&finding["said"]))
    });
    findings.collect()
}

#[track_caller]
fn has(found: &[String], part: &str) {
    assert!(
        found.iter().any(|said| said.contains(part)),
        "{part}: {found:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_wrong_with_a_healthy_file_and_nothing_is_written() {
    let world = World::pulled(&["one", "two"]).await;
    doctor(&world).code(0).says("Nothing is wrong.");
    let ok = found(&world, "ok");
    for part in [
        "is whole, of format",
        "no run holds it",
        "token: valid, connection",
        "clock: agrees with Notion's",
        "tasks: its data source \"Tasks\" can be read",
        "tasks: its columns, triggers and views are as they should be",
        "tasks: the last run ended",
        "can be undone",
    ] {
        has(&ok, part);
    }
    assert_eq!(found(&world, "warning"), Vec::<String>::new());
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_person_is_a_warning_with_the_next_step() {
    let world = World::pulled(&["one", "two"]).await;
    world.conflict();
    world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'two'");
    let said = doctor(&world).code(0);
    said.says("1 conflict(s) wait for you");
    said.says("notion-sync resolve");
    said.says("2 row(s) edited and not synced yet");
    said.says("Nothing is broken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_unknown_outcome_is_told_with_what_helps() {
    let world = World::pulled(&["one"]).await;
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    let lost = FaultRule::next(Fault::DropAfterCommit);
    world.sim.inject(lost.method("POST").path("/v1/pages"));
    world.run().code(1);
    let warnings = found(&world, "warning");
    has(&warnings, "nobody knows what became of it");
    has(&warnings, "the last run ended");
    doctor(&world).code(0).says("notion-sync resolve");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_exit_4_and_no_token_exits_1() {
    let world = World::pulled(&["one"]).await;
    world.sim.set_token(TOKEN, false);
    let said = doctor(&world).code(4);
    said.says("token: refused");
    said.says("set NOTION_TOKEN");
    said.says("tasks: its columns, triggers and views are as they should be");
    world.say(&["doctor", "--json"]).code(4).json();
    let mut command = bare(world.folder.path());
    command.arg("--db").arg(world.file());
    common::said(command.arg("doctor"))
        .code(1)
        .says("token: there is none");
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_and_views_that_a_person_dropped_or_changed_are_problems_and_a_run_mends_them() {
    let world = World::pulled(&["one"]).await;
    world.sql("DROP TRIGGER _sync_tasks_after_update");
    world.sql("DROP VIEW sync_rows");
    world.sql("DROP VIEW sync_status");
    world.sql("UPDATE Tasks SET Count = 3");
    let problems = found(&world, "problem");
    has(&problems, "the trigger _sync_tasks_after_update is missing");
    has(&problems, "the view sync_rows is missing");
    has(&problems, "memory cannot be read");
    doctor(&world).code(1).says("run --full");
    world.say(&["run", "--full"]).code(0);
    doctor(&world).code(0).says("Nothing is wrong.");
    assert_eq!(world.page("one")["properties"]["Count"]["number"], 3);
    world.sql("ALTER TABLE Tasks RENAME TO Chores");
    doctor(&world).code(1).says("dropped or renamed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_source_that_is_not_shared_is_a_problem() {
    let world = World::pulled(&["one"]).await;
    world.sim.share(&world.data_source, false).unwrap();
    let said = doctor(&world).code(1);
    said.says("not there, or not shared");
    said.says("Connections");
    world.sim.share(&world.data_source, true).unwrap();
    doctor(&world).code(0);
    let words = [
        "doctor",
        "--db",
        "none.sqlite",
        "--data-source",
        &world.data_source,
    ];
    let said = world.say(&words).code(0);
    said.says("can be read");
    said.says("is not there yet");
    assert!(!world.files().contains(&"none.sqlite".to_owned()));
    let elsewhere = "1b2c3d4e-0000-4000-8000-00000000d001";
    let words = ["doctor", "--data-source", elsewhere];
    world.say(&words).code(1).says(elsewhere);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_told() {
    let world = World::pulled(&["one"]).await;
    world.sim.advance(std::time::Duration::from_secs(4_000));
    let warnings = found(&world, "warning");
    has(&warnings, "behind Notion's");
    doctor(&world).code(0).says("set this machine's clock");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_others_may_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::pulled(&["one"]).await;
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(world.file(), mode).unwrap();
    let said = doctor(&world).code(0);
    said.says("mode 644");
    said.says("chmod 600");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_holds_the_file_is_named() {
    let world = World::pulled(&["one"]).await;
    let mut other = std::fs::File::options()
        .write(true)
        .truncate(true)
        .open(world.folder.path().join("tasks.sqlite-lock"))
        .unwrap();
    std::io::Write::write_all(&mut other, b"somebody else").unwrap();
    other.lock().unwrap();
    has(&found(&world, "ok"), "held by somebody else");
    other.unlock().unwrap();
    has(&found(&world, "ok"), "no run holds it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_newer_or_foreign_file_is_a_problem() {
    let world = World::pulled(&["one"]).await;
    let other = |name: &str, bytes: &[u8]| {
        let path = world.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        world.say(&["doctor", "--db", name])
    };
    other("foreign", &[b'x'; 4_096])
        .code(1)
        .says("not a SQLite database");
    other("empty", b"")
        .code(0)
        .says("holds nothing of notion-sync yet");
    let copy = world.folder.path().join("copy");
    world.sql(&format!("VACUUM INTO '{}'", copy.display()));
    let mut bytes = std::fs::read(&copy).unwrap();
    // The first page keeps the header and the schema; the rest is not what it says.
    bytes[4_096..].fill(0x5a);
    other("damaged", &bytes).code(1).says("backup");
    world.sql("UPDATE _sync_meta SET format = 99");
    doctor(&world).code(1).says("update notion-sync");
}
