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
        "token: whether it may edit and make pages shows with the first edit",
        "clock: agrees with Notion's",
        "tasks: its data source \"Tasks\" can be read",
        "tasks: its columns and triggers are as they should be",
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
    said.says("tasks: its columns and triggers are as they should be");
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
    doctor(&world).code(1).says("doctor --repair");
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

/// What `doctor --repair` does and says.
fn repair(world: &World) -> Said {
    world.say(&["doctor", "--repair"])
}

#[tokio::test(flavor = "multi_thread")]
async fn private_tables_that_are_filled_again_are_made_anew_and_no_edit_is_missed() {
    for table in [
        "_sync_capture",
        "_sync_conflicts",
        "_sync_gate",
        "_sync_journal",
        "_sync_options",
        "_sync_pending",
        "_sync_people",
        "_sync_runs",
        "_sync_waits",
    ] {
        let world = World::pulled(&["one", "two"]).await;
        world.conflict();
        world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'two'");
        world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
        world.sim.clear_ledger();
        world.sql(&format!("DROP TABLE {table}"));
        let problem = format!("the private table {table} is missing");
        let said = doctor(&world).code(1);
        said.says(&problem);
        said.says("`notion-sync doctor --repair` makes it anew");
        // Looking mends nothing.
        has(&found(&world, "problem"), &problem);
        repair(&world).code(0).says(&format!("mended: {problem}"));
        assert_eq!(found(&world, "problem"), Vec::<String>::new(), "{table}");
        assert_eq!(world.writes(), Vec::new());
        world.run().code(3);
        assert_eq!(world.page("two")["properties"]["Count"]["number"], 3);
        assert_eq!(world.pages("new").len(), 1);
        assert_eq!(world.text("SELECT count(*) FROM conflicts"), "1", "{table}");
        world.say(&[
            "resolve",
            &world.text("SELECT id FROM conflicts"),
            "--keep",
            "sqlite",
        ]);
        world.run().code(0);
        assert_eq!(common::words(&world.page("one"), "Notes"), "ours");
        world.say(&["verify"]).code(0);
        world.sim.clear_ledger();
        world.run().code(0);
        assert_eq!(world.writes(), Vec::new(), "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_backup_has_is_said_and_not_mended() {
    for table in [
        "_sync_meta",
        "_sync_links",
        "_sync_pairs",
        "_sync_left",
        "_sync_right",
        "_sync_layouts",
        "_sync_intents",
        "_sync_tables",
        "_sync_columns",
        "_sync_bodies",
        "_sync_uploads",
    ] {
        let world = World::pulled(&["one"]).await;
        world.sql("UPDATE Tasks SET Count = 3");
        world.sql(&format!("DROP TABLE {table}"));
        for said in [doctor(&world).code(1), repair(&world).code(1)] {
            said.says(table);
            said.says("restore a backup");
            assert!(!said.out.contains("mended"), "{said:#?}");
        }
        if ["_sync_bodies", "_sync_uploads"].contains(&table) {
            // Nothing of these tasks is in there.
            continue;
        }
        // Never taken for a file without anything in it, and nothing is written.
        let said = world.run();
        assert_ne!(said.code, Some(0), "{table}: {said:#?}");
        assert_eq!(world.writes(), Vec::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_stands_open_is_shut_and_what_passed_it_is_found() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE _sync_gate SET applying = 1");
    world.sql("UPDATE Tasks SET Count = 3");
    assert_eq!(world.text("SELECT count(*) FROM changes"), "0", "unnoted");
    doctor(&world).code(1).says("stands open");
    repair(&world).code(0);
    world.run().code(0);
    assert_eq!(world.page("one")["properties"]["Count"]["number"], 3);
    world.sql("DELETE FROM _sync_gate");
    doctor(&world).code(1).says("nothing can be written");
    repair(&world).code(0);
    world.sql("UPDATE Tasks SET Count = 4");
    world.run().code(0);
    assert_eq!(world.page("one")["properties"]["Count"]["number"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_and_views_are_mended_and_edits_that_no_trigger_saw_are_found() {
    let world = World::pulled(&["one"]).await;
    world.sql("DROP TRIGGER _sync_tasks_before_update");
    world
        .sql("CREATE TRIGGER _sync_tasks_before_update BEFORE UPDATE ON Tasks BEGIN SELECT 1; END");
    world.sql("DROP TRIGGER _sync_data_sources_before_delete");
    world.sql("DROP VIEW sync_status");
    world.sql("DROP INDEX _sync_pairs_left");
    world.sql("UPDATE Tasks SET Count = 3");
    let problems = found(&world, "problem");
    has(
        &problems,
        "tasks: the trigger _sync_tasks_before_update was changed",
    );
    has(
        &problems,
        "data_sources: the trigger _sync_data_sources_before_delete is missing",
    );
    has(&problems, "file: the view sync_status is missing");
    has(&problems, "file: the index _sync_pairs_left is missing");
    repair(&world).code(0);
    world.run().code(0);
    assert_eq!(world.page("one")["properties"]["Count"]["number"], 3);
    doctor(&world).code(0).says("Nothing is wrong.");
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_whose_record_or_link_is_gone_are_told_and_taken_out() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    let lost = FaultRule::next(Fault::DropAfterCommit);
    world.sim.inject(lost.method("POST").path("/v1/pages"));
    world.run().code(1);
    let intents = "SELECT count(*) FROM _sync_intents WHERE open <> 0";
    assert_eq!(world.text(intents), "1");
    // By hand, which is what breaks promises: no record, but its command and what was seen of it.
    world.sql("DELETE FROM _sync_pairs WHERE right_key = 3");
    world.sql("INSERT INTO _sync_runs SELECT 99, started_at, ended_at, outcome, 0, 0, 0, NULL FROM _sync_runs LIMIT 1");
    let problems = found(&world, "problem");
    has(
        &problems,
        "1 entries of _sync_intents are of a record that is gone",
    );
    has(
        &problems,
        "1 entries of _sync_right are of a record that is gone",
    );
    has(
        &problems,
        "1 entries of _sync_runs are of a link that is gone",
    );
    repair(&world).code(0);
    assert_eq!(world.text(intents), "0");
    assert_eq!(found(&world, "problem"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_not_what_its_table_says_is_made_anew() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("CREATE INDEX mine ON Tasks(Count)");
    let person = world.person();
    // The index is away while a row changes.
    person
        .execute_batch(
            "PRAGMA writable_schema = ON;
             CREATE TEMP TABLE kept AS SELECT * FROM sqlite_master WHERE name = 'mine';
             DELETE FROM sqlite_master WHERE name = 'mine';
             PRAGMA writable_schema = RESET;
             UPDATE Tasks SET Count = 7;
             PRAGMA writable_schema = ON;
             INSERT INTO sqlite_master SELECT * FROM kept;
             PRAGMA writable_schema = RESET;",
        )
        .unwrap();
    drop(person);
    let by_index = "SELECT count(*) FROM Tasks INDEXED BY mine WHERE Count = 7";
    assert_eq!(world.text(by_index), "0");
    let said = doctor(&world).code(1);
    said.says("from index mine");
    said.says("doctor --repair");
    repair(&world).code(0);
    assert_eq!(world.text(by_index), "2");
    assert_eq!(found(&world, "problem"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_or_column_that_is_gone_is_pulled_again_as_doctor_says() {
    for what in ["DROP TABLE Tasks", "ALTER TABLE Tasks DROP COLUMN Notes"] {
        let world = World::pulled(&["one", "two"]).await;
        if what.starts_with("ALTER") {
            let triggers = world.text(
                "SELECT group_concat('DROP TRIGGER ' || name, ';') FROM sqlite_master
                 WHERE type = 'trigger' AND tbl_name = 'tasks'",
            );
            let views = world.text(
                "SELECT group_concat('DROP VIEW ' || name, ';') FROM sqlite_master WHERE type = 'view'",
            );
            world
                .person()
                .execute_batch(&format!("{views};{triggers}"))
                .unwrap();
        }
        world.sql(what);
        let said = repair(&world).code(1);
        said.says("dropped or renamed");
        said.says("notion-sync forget --table tasks --yes");
        world.say(&["forget", "--table", "tasks", "--yes"]).code(0);
        let _ = world.person().execute("DROP TABLE Tasks", []);
        world
            .say(&["run", "--data-source", &world.data_source])
            .code(0);
        assert_eq!(world.text("SELECT count(*) FROM Tasks"), "2");
        assert_eq!(world.writes(), Vec::new());
        doctor(&world).code(0).says("Nothing is wrong.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_file_is_told_and_nothing_in_it_is_mended() {
    let world = World::pulled(&["one"]).await;
    world.sql("DROP VIEW runs");
    let copy = world.folder.path().join("copy.sqlite");
    world.sql(&format!("VACUUM INTO '{}'", copy.display()));
    let said = world.say(&["doctor", "--db", "copy.sqlite"]).code(1);
    said.says("it is a copy of another file");
    said.says("run --adopt");
    let said = world
        .say(&["doctor", "--repair", "--db", "copy.sqlite"])
        .code(1);
    said.says("cannot be mended");
    said.says("the view runs is missing");
    let problems = found(&world, "problem");
    assert_eq!(problems, ["file: the view runs is missing"]);
}

/// What `doctor` calls a problem ends runs, and they say the same.
#[track_caller]
fn ends_runs(world: &World, why: &str) {
    has(&found(world, "problem"), why);
    doctor(world).code(1);
    world.run().code(1).says(why);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unique_index_is_a_problem_until_it_is_dropped() {
    let world = World::pulled(&["one"]).await;
    world.sql("CREATE UNIQUE INDEX mine ON Tasks (Name)");
    ends_runs(&world, "the index mine on tasks is UNIQUE");
    repair(&world).code(1).says("DROP INDEX");
    world.sql("DROP INDEX mine");
    doctor(&world).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_restored_in_its_place_is_told() {
    let world = World::pulled(&["one"]).await;
    let backup = world.folder.path().join("backup");
    let to = format!("VACUUM INTO '{}'", backup.display());
    world.sql(&to);
    world.sql("UPDATE Tasks SET Count = 5");
    world.run().code(0);
    let pages = std::fs::read(&backup).unwrap();
    std::fs::write(world.file(), pages).unwrap();
    ends_runs(&world, "restored");
    // Nothing is written to it, whatever is asked; what is told of it says so.
    world.sql("DROP VIEW runs");
    let before = std::fs::read(world.file()).unwrap();
    for words in [
        &["doctor", "--repair"][..],
        &["forget", "--table", "tasks", "--yes"],
        &["forget", "--table", "tasks", "--yes", "--drop-table"],
        &["resolve", "1", "--keep", "sqlite"],
        &["plan"],
        &["run", "--check"],
    ] {
        world.say(words).code(1).says("copied or restored");
    }
    let said = world.say(&["status"]).code(3);
    said.says("was restored: nothing is written to it");
    said.says("run --adopt");
    assert_eq!(
        world.say(&["status", "--json"]).json()["is_copy"],
        Value::Bool(true)
    );
    assert_eq!(std::fs::read(world.file()).unwrap(), before);
    assert_eq!(world.text("SELECT count(*) FROM _sync_links"), "4");
    world.say(&["plan", "--adopt"]).code(0);
    world.say(&["run", "--adopt"]).code(0);
    world.say(&["status"]).code(0);
    doctor(&world).code(0);
    // What is told of the data sources is adopted with the rest.
    world.sql("UPDATE data_sources SET title = 'Named anew'");
    world.run().code(0);
    world.say(&["plan"]).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_where_the_lock_should_be_is_a_problem() {
    let world = World::pulled(&["one"]).await;
    let lock = world.folder.path().join("tasks.sqlite-lock");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    ends_runs(&world, "tasks.sqlite-lock is a folder");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_folder_is_not_there_and_one_that_is_a_folder_are_problems() {
    let world = World::new(&["one"]).await;
    let folder = world.folder.path().to_str().unwrap().to_owned();
    for (file, why) in [
        (format!("{folder}/none/x.sqlite"), "cannot be made"),
        (folder, "is a folder; name a file"),
    ] {
        let told = world.say(&["doctor", "--db", &file]).code(1);
        told.says(why);
        world.say(&["run", "--db", &file]).code(1).says(why);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_program_or_a_run_holds_the_file_nothing_is_mended_and_it_is_said() {
    let world = World::pulled(&["one"]).await;
    world.sql("DROP VIEW runs");
    let lock = world.folder.path().join("tasks.sqlite-lock");
    let run = std::fs::File::options().write(true).open(lock).unwrap();
    run.lock().unwrap();
    repair(&world).code(1).says("cannot be mended");
    run.unlock().unwrap();
    let alone = world.person();
    let hold =
        "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE Tasks SET Count = 1; COMMIT";
    alone.execute_batch(hold).unwrap();
    let said = repair(&world).code(1);
    said.says("cannot be used");
    said.says("wait for that program, or end it");
    drop(alone);
    let person = world.person();
    person.execute_batch("BEGIN IMMEDIATE").unwrap();
    let said = doctor(&world).code(1);
    said.says("cannot be written");
    said.says("end the program that holds the file");
    person.execute_batch("ROLLBACK").unwrap();
    repair(&world).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_an_older_format_is_no_problem_and_not_touched() {
    let world = World::pulled(&["one"]).await;
    for format in 1..=3 {
        let fixture = format!("../tests/fixtures/format-{format}/tasks.db");
        let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture);
        let copy = world.folder.path().join("old.sqlite");
        std::fs::copy(&fixture, &copy).unwrap();
        for words in [&["doctor", "--json"][..], &["doctor", "--repair", "--json"]] {
            let mut command = bare(world.folder.path());
            let told = common::said(command.args(words).args(["--db", "old.sqlite"])).json();
            let findings = told["findings"].as_array().unwrap().iter();
            let bad = findings.filter(|finding| finding["level"] == "problem");
            let bad: Vec<_> = bad.map(|finding| &finding["about"]).collect();
            assert_eq!(bad, ["token"], "format {format}: {told:#}");
            assert!(told.to_string().contains("the next run makes format"));
        }
        assert_eq!(
            std::fs::read(&copy).unwrap(),
            std::fs::read(&fixture).unwrap()
        );
    }
}
