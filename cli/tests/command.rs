//! The command line: exit codes, documents, purity of `plan`, and what it says when it cannot go on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{TOKEN, World, bare, rich_text, said, words};
use notion_sync_sim::{Fault, FaultRule};
use serde_json::json;

fn answer(status: u16) -> Fault {
    Fault::Status {
        status,
        code: None,
        message: None,
        retry_after: None,
        reason: None,
    }
}

fn lost_create(fault: Fault) -> FaultRule {
    FaultRule::next(fault).method("POST").path("/v1/pages")
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_0_when_everything_was_done() {
    let world = World::new(&["one", "two"]).await;
    world.run().code(0);
    assert_eq!(world.text("SELECT count(*) FROM Tasks"), "2");
    world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'one'");
    world.run().code(0);
    assert_eq!(world.page("one")["properties"]["Count"]["number"], 3);
    world.say(&["status"]).code(0);
    world.say(&["conflicts"]).code(0);
    world.say(&["plan", "--check"]).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_1_when_a_part_failed() {
    let world = World::pulled(&["one"]).await;
    world
        .sim
        .inject(FaultRule::next(answer(400)).path("/query").times(9));
    let said = world.run().code(1);
    said.says("error");
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_1_names_the_failing_data_source_and_goes_on_with_the_others() {
    let world = World::new(&["one"]).await;
    let other = world
        .sim
        .create_data_source("Other", &common::schema())
        .unwrap();
    let path = format!("{}/query", world.data_source);
    world
        .sim
        .inject(FaultRule::next(answer(400)).path(&path).times(9));
    let said = world
        .say(&[
            "run",
            "--data-source",
            &world.data_source,
            "--data-source",
            &other,
        ])
        .code(1);
    said.says("error");
    assert_eq!(world.text("SELECT count(*) FROM Other"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_1_is_not_hidden_by_a_conflict() {
    let world = World::pulled(&["one", "two"]).await;
    world.conflict();
    world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'two'");
    let two = format!("/v1/pages/{}", world.id("two"));
    let html = Fault::HtmlEdge { status: 500 };
    world
        .sim
        .inject(FaultRule::next(html).method("PATCH").path(&two));
    let unread = FaultRule::next(answer(400)).method("GET").path(&two);
    world.sim.inject(unread.times(9));
    world.run().code(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_2_for_a_rate_limit_on_the_real_api() {
    let folder = tempfile::tempdir().unwrap();
    for limit in ["off", "60"] {
        let mut command = bare(folder.path());
        command.env("NOTION_TOKEN", TOKEN);
        let said = said(command.args(["run", "--rate-limit", limit])).code(2);
        said.says("--sim or --base-url");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_2_without_a_token_says_which_variable_to_set() {
    let folder = tempfile::tempdir().unwrap();
    let said = said(bare(folder.path()).arg("run")).code(2);
    said.says("NOTION_TOKEN");
    said.says("demo");
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_2_for_a_line_that_makes_no_sense() {
    let world = World::pulled(&["one"]).await;
    world.say(&["fly"]).code(2);
    world.say(&["run", "--load", "somewhere"]).code(2);
    world.say(&["run", "--sim"]).code(2).says("--base-url");
    world.say(&["run", "--rate-limit", "0"]).code(2);
    world.say(&["resolve", "1"]).code(2);
    world
        .say(&["resolve", "1", "--not-sent", "--keep", "notion"])
        .code(2);
    let nothing = world.folder.path().join("none.sqlite");
    let mut command = bare(world.folder.path());
    command.arg("--db").arg(&nothing);
    said(command.args(["resolve", "1", "--keep", "notion"])).code(2);
    assert!(!nothing.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_mean_the_same_before_and_after_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("tape");
    std::fs::create_dir(&tape).unwrap();
    let tape = tape.to_str().unwrap();
    for words in [
        ["--sim", "--load", tape, "run"],
        ["run", "--sim", "--load", tape],
        ["--sim", "run", "--load", tape],
        ["--load", tape, "run", "--sim"],
    ] {
        said(bare(folder.path()).args(words)).code(0);
    }
    for words in [["--load", tape, "run"], ["run", "--load", tape]] {
        said(bare(folder.path()).args(words)).code(2).says("--sim");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_3_when_a_conflict_is_left() {
    let world = World::pulled(&["one", "two"]).await;
    world.conflict();
    world.say(&["run"]).code(3).says("1 conflict");
    let listed = world.say(&["conflicts"]).code(3);
    for part in ["one", "Notes", "theirs", "ours", "resolve"] {
        listed.says(part);
    }
    world.say(&["status"]).code(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_4_for_a_refused_token_names_its_source_and_never_its_value() {
    let world = World::pulled(&["one"]).await;
    world.sim.set_token(TOKEN, false);
    for words in [
        vec!["run"],
        vec!["run", "--json"],
        vec!["plan"],
        vec!["plan", "--json"],
        vec!["run", "--data-source", &world.data_source],
        vec!["plan", "--data-source", &world.data_source],
    ] {
        let said = world.say(&words).code(4);
        said.says("NOTION_TOKEN");
        assert!(!format!("{said:?}").contains(TOKEN), "{said:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_4_names_the_other_variable_when_the_token_came_from_it() {
    let world = World::pulled(&["one"]).await;
    let mut command = world.command(&["run", "--data-source", &world.data_source]);
    command
        .env_remove("NOTION_TOKEN")
        .env("NOTION_API_TOKEN", "ntn_not_this_one");
    let said = said(&mut command).code(4);
    said.says("NOTION_API_TOKEN");
    assert!(!format!("{said:?}").contains("ntn_not_this_one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_5_when_check_finds_a_plan() {
    let world = World::new(&["one"]).await;
    world.say(&["plan", "--check"]).code(5);
    world.say(&["plan"]).code(0);
    world.run().code(0);
    world.say(&["plan", "--check"]).code(0);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn exit_130_when_interrupted() {
    let names: Vec<String> = (0..120).map(|row| format!("row {row}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::new(&names).await;
    let slow = Fault::DelayMs { ms: 1_500 };
    world.sim.inject(FaultRule::next(slow).path("/query"));
    let mut command = world.command(&["run"]);
    let pipe = std::process::Stdio::piped;
    let child = command.stdout(pipe()).stderr(pipe()).spawn().unwrap();
    let asked = |entry: &notion_sync_sim::LedgerEntry| entry.path.ends_with("/query");
    while !world.sim.ledger().iter().any(asked) {
        tokio::task::yield_now().await;
    }
    let mut kill = std::process::Command::new("kill");
    let sent = kill
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    world.run().code(0);
    assert_eq!(world.text("SELECT count(*) FROM Tasks"), "120");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unshared_data_source_says_to_share_it_with_the_connection() {
    let world = World::pulled(&["one"]).await;
    world.sim.share(&world.data_source, false).unwrap();
    let said = world
        .say(&["run", "--data-source", &world.data_source])
        .code(1);
    said.says("not shared");
    said.says("with the connection");
    assert_eq!(
        world.text("SELECT count(*) FROM Tasks WHERE _trashed = 0"),
        "1"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_sees_nothing_is_told_to_share() {
    let world = World::new(&[]).await;
    world.sim.share(&world.data_source, false).unwrap();
    world.run().code(0).says("Share one with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marker_field_that_is_not_there_is_said_and_nothing_is_added() {
    let world = World::new(&["one"]).await;
    let said = world.say(&["run", "--marker-field", "Nowhere"]).code(1);
    said.says("Nowhere");
    assert!(world.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_added_to_notion_without_a_flag() {
    let world = World::pulled(&["one"]).await;
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    world.run().code(0);
    assert_eq!(words(&world.page("new"), common::MARKER), "");
    world.sql("INSERT INTO Tasks (Name) VALUES ('newer')");
    world
        .say(&["run", "--marker-field", common::MARKER])
        .code(0);
    assert_eq!(words(&world.page("newer"), common::MARKER).len(), 26);
    assert_eq!(words(&world.page("new"), common::MARKER), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_one_document_for_every_command() {
    let world = World::new(&["one", "two"]).await;
    for (words, code, name) in [
        (vec!["plan", "--json"], 0, "plan"),
        (vec!["run", "--json"], 0, "run"),
        (vec!["status", "--json"], 0, "status"),
        (vec!["conflicts", "--json"], 0, "conflicts"),
    ] {
        let document = world.say(&words).code(code).json();
        assert_eq!(document["command"], name);
    }
    world.conflict();
    let run = world.say(&["run", "--json"]).code(3).json();
    assert_eq!(run["links"][0]["report"]["open_conflicts"], 1);
    assert_eq!(run["links"][0]["table"], "tasks");
    let plan = world.say(&["plan", "--json", "--check"]).json();
    assert_eq!(plan["links"][0]["data_source"], json!(world.data_source));
    let status = world.say(&["status", "--json"]).code(3).json();
    assert_eq!(status["tables"][0]["conflicts"], 1);
    let conflicts = world.say(&["conflicts", "--json"]).code(3).json();
    let conflict = &conflicts["conflicts"][0];
    assert_eq!(conflict["field"], "Notes");
    let id = conflict["id"].to_string();
    let resolve = world
        .say(&["resolve", &id, "--keep", "notion", "--json"])
        .code(0)
        .json();
    assert_eq!(
        (&resolve["command"], &resolve["id"]),
        (&json!("resolve"), &conflict["id"])
    );
    world.sim.set_token(TOKEN, false);
    world.say(&["run", "--json"]).code(4).json();
    let failed = world
        .say(&["resolve", "999", "--not-sent", "--json"])
        .code(1);
    assert!(failed.json()["error"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn demo_plays_the_whole_story_in_an_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = bare(folder.path());
    // A token that would be refused everywhere: it is not used.
    let told = said(command.env("NOTION_TOKEN", TOKEN).arg("demo")).code(0);
    told.says("Every step was checked");
    let document = said(bare(folder.path()).args(["demo", "--json"]))
        .code(0)
        .json();
    assert_eq!(document["command"], "demo");
    assert!(document["steps"].as_array().unwrap().len() >= 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn demo_does_not_touch_a_file_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.sqlite"), "mine").unwrap();
    said(bare(folder.path()).args(["demo", "--db", "mine.sqlite"])).code(2);
    let kept = std::fs::read_to_string(folder.path().join("mine.sqlite")).unwrap();
    assert_eq!(kept, "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulator_needs_no_token_and_ignores_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = bare(folder.path());
    said(command.args(["run", "--sim", "--db", "sim.sqlite"])).code(0);
    assert!(folder.path().join("sim.sqlite").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn e09_plan_makes_no_file_and_sends_no_change_where_run_does() {
    let world = World::new(&["one"]).await;
    for words in [
        vec!["plan"],
        vec!["plan", "--json"],
        vec!["status"],
        vec!["conflicts"],
    ] {
        world.say(&words).code(0);
        assert_eq!(world.files(), Vec::<String>::new(), "{words:?}");
    }
    world.say(&["plan", "--check"]).code(5);
    assert_eq!(world.files(), Vec::<String>::new());
    assert!(world.sim.ledger().iter().all(|entry| !entry.mutating));
    world.run().code(0);
    assert!(world.file().exists());
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    world.say(&["plan"]).code(0);
    assert!(world.sim.ledger().iter().all(|entry| !entry.mutating));
    world.run().code(0);
    assert_eq!(world.writes().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_lists_deletes_first_and_gives_reasons() {
    let world = World::pulled(&["one", "two", "three", "four"]).await;
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    world.sql("UPDATE Tasks SET Count = 9 WHERE Name IN ('one', 'two', 'four')");
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'three'");
    let said = world.say(&["plan"]).code(0);
    let at = |word: &str| {
        let found = said.out.find(word);
        found.unwrap_or_else(|| panic!("no {word} in {said:#?}"))
    };
    assert!(
        at("TRASH") < at("change ") && at("TRASH") < at("create "),
        "{said:#?}"
    );
    for part in ["three", "new", "9", "requests", "R02", "R20", "R05"] {
        said.says(part);
    }
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_color_means_no_escape_codes() {
    let world = World::pulled(&["one", "two"]).await;
    world.conflict();
    let coloured = said(world.command(&["--help"]).env("CLICOLOR_FORCE", "1"));
    assert!(
        coloured.out.contains('\x1b'),
        "the control shows what is switched off"
    );
    for words in [
        vec!["--help"],
        vec!["run"],
        vec!["run", "--no-such-flag"],
        vec!["plan"],
        vec!["status"],
        vec!["conflicts"],
    ] {
        let mut command = world.command(&words);
        command.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
        let said = said(&mut command);
        assert!(
            !format!("{}{}", said.out, said.err).contains('\x1b'),
            "{said:#?}"
        );
    }
}

/// The number of the open conflict, as `conflicts` lists it.
fn conflict_number(world: &World) -> String {
    let listed = world.say(&["conflicts", "--json"]).code(3).json();
    listed["conflicts"][0]["id"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn pain_12_resolve_for_sqlite_settles_a_conflict() {
    let world = World::pulled(&["one", "two"]).await;
    world.conflict();
    let id = conflict_number(&world);
    world.say(&["resolve", &id, "--keep", "nobody"]).code(2);
    world.say(&["resolve", &id, "--keep", "SQLite"]).code(0);
    world.say(&["conflicts"]).code(0);
    world.run().code(0);
    assert_eq!(words(&world.page("one"), "Notes"), "ours");
    assert_eq!(
        world.text("SELECT Notes FROM Tasks WHERE Name = 'one'"),
        "ours"
    );
    world.say(&["plan", "--check"]).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pain_12_resolve_for_notion_settles_a_conflict() {
    let world = World::pulled(&["one", "two"]).await;
    world.conflict();
    let id = conflict_number(&world);
    world.say(&["resolve", &id, "--keep", "notion"]).code(0);
    world.run().code(0);
    assert_eq!(words(&world.page("one"), "Notes"), "theirs");
    assert_eq!(
        world.text("SELECT Notes FROM Tasks WHERE Name = 'one'"),
        "theirs"
    );
    assert_eq!(world.writes(), Vec::new());
    world.say(&["plan", "--check"]).code(0);
}

/// A row "new" whose create was sent without a marker and never answered.
async fn unproven(fault: Fault) -> (World, String) {
    let world = World::pulled(&["one"]).await;
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    world.sim.inject(lost_create(fault));
    let first = world.run();
    assert_ne!(first.code, Some(0), "something is left to do: {first:#?}");
    let second = world.run();
    assert_ne!(second.code, Some(0), "something is left to do: {second:#?}");
    assert_eq!(
        world.text("SELECT count(*) FROM Tasks WHERE Name = 'new'"),
        "1"
    );
    world.say(&["status"]).code(3).says("--not-sent");
    let status = world.say(&["status", "--json"]).code(3).json();
    let commands = status["commands"].as_array().unwrap();
    assert_eq!(commands.len(), 1, "{status}");
    let id = commands[0]["id"].to_string();
    (world, id)
}

fn ended(world: &World) {
    world.run().code(0);
    world.say(&["status"]).code(0);
    assert_eq!(world.pages("new").len(), 1);
    assert_eq!(world.text("SELECT count(*) FROM Tasks"), "2");
    let id = world.text("SELECT _id FROM Tasks WHERE Name = 'new'");
    assert_eq!(id, world.id("new"));
    world.say(&["plan", "--check"]).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pain_29_resolve_not_sent_ends_the_wait() {
    let (world, id) = unproven(Fault::DropBefore).await;
    assert_eq!(world.pages("new").len(), 0);
    world.say(&["resolve", &id, "--not-sent"]).code(0);
    ended(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn pain_29_resolve_created_ends_the_wait() {
    let (world, id) = unproven(Fault::DropAfterCommit).await;
    assert_eq!(world.pages("new").len(), 1);
    let page = world.id("new").replace('-', "");
    let url = format!("https://www.notion.so/New-{page}");
    world.say(&["resolve", &id, "--created", &url]).code(0);
    ended(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn pain_29_resolve_ends_the_wait_of_the_table_it_was_said_of() {
    let world = World::new(&[]).await;
    let schema = common::schema();
    world.sim.create_data_source("Other", &schema).unwrap();
    world.run().code(0);
    for table in ["Tasks", "Other"] {
        world.sql(&format!("INSERT INTO {table} (Name) VALUES ('new')"));
    }
    let both = lost_create(Fault::DropBefore).times(2);
    world.sim.inject(both);
    world.run();
    let status = world.say(&["status", "--json"]).code(3).json();
    let waiting = |status: &serde_json::Value| {
        let commands = status["commands"].as_array().unwrap().iter();
        let each = commands.map(|command| (command["id"].to_string(), command["link"].clone()));
        each.collect::<Vec<_>>()
    };
    let before = waiting(&status);
    assert_eq!(before.len(), 2, "{status}");
    assert_eq!(before[0].0, before[1].0, "each table counts its own");
    let (id, source) = &before[1];
    let source = source.as_str().unwrap();
    let unclear = world.say(&["resolve", id, "--not-sent"]).code(2);
    unclear.says(&format!("--data-source {source}"));
    world
        .say(&["resolve", id, "--not-sent", "--data-source", source])
        .code(0);
    let after = waiting(&world.say(&["status", "--json"]).code(3).json());
    assert_eq!(after, before[..1], "the other one still waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn pain_21_a_database_url_names_its_data_source() {
    let world = World::new(&["one"]).await;
    let state = world.sim.state();
    let database = state["databases"][0]["id"]
        .as_str()
        .unwrap()
        .replace('-', "");
    let url = format!("https://www.notion.so/team/{database}?v=0123456789abcdef0123456789abcdef");
    world.say(&["run", "--data-source", &url]).code(0);
    assert_eq!(world.text("SELECT count(*) FROM Tasks"), "1");
    world.say(&["run", "--data-source", "not an id"]).code(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn pain_14_a_text_with_line_breaks_keeps_the_plan_readable() {
    let world = World::pulled(&["one"]).await;
    world.edit("one", json!({ "Notes": rich_text("first\nsecond") }));
    let said = world.say(&["plan"]).code(0);
    said.says("first second");
}

#[tokio::test(flavor = "multi_thread")]
async fn rewriting_a_side_at_once_asks_for_a_persons_word() {
    let names: Vec<String> = (0..25).map(|n| format!("row {n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::pulled(&names).await;
    world.sql("UPDATE Tasks SET Count = 7");
    let held = world.run().code(3);
    held.says("--approve all-changed");
    assert_ne!(world.page("row 0")["properties"]["Count"]["number"], 7);
    world.say(&["run", "--approve", "all-changed"]).code(0);
    assert_eq!(world.page("row 24")["properties"]["Count"]["number"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_one_direction_leaves_the_other_for_later() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE Tasks SET Count = 7");
    world.say(&["run", "--direction", "from-notion"]).code(0);
    assert_ne!(world.page("one")["properties"]["Count"]["number"], 7);
    world.say(&["run", "--direction", "to-notion"]).code(0);
    assert_eq!(world.page("one")["properties"]["Count"]["number"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_is_told_by_every_run_until_it_can() {
    let world = World::pulled(&["one", "two"]).await;
    // No text at all: SQLite takes it, and no check in SQL sees it.
    world.sql("UPDATE Tasks SET Notes = CAST(x'ff41' AS TEXT) WHERE Name = 'one'");
    for _ in 0..2 {
        let said = world.run().code(3);
        said.says("1 row(s) blocked");
        assert!(!said.out.contains("up to date"), "{said:#?}");
    }
    world.sql("UPDATE Tasks SET Notes = 'words' WHERE Name = 'one'");
    world.run().code(0);
    assert_eq!(words(&world.page("one"), "Notes"), "words");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_property_that_people_use_is_no_marker_field() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE Tasks SET Notes = 'my words' WHERE Name = 'one'");
    let said = world.say(&["run", "--marker-field", "Notes"]).code(1);
    said.says("\"Notes\" holds words of people");
    world.run().code(0);
    assert_eq!(words(&world.page("one"), "Notes"), "my words");
    world
        .say(&["run", "--marker-field", "Notes"])
        .code(1)
        .says("holds words of people");
    // One that was a marker field, and is one again, holds markers.
    let marked = ["run", "--marker-field", common::MARKER];
    world.say(&marked).code(0);
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    world.say(&marked).code(0);
    world.run().code(0);
    world.say(&marked).code(0);
    assert_eq!(world.pages("new").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_would_be_no_file_is_refused_and_makes_none() {
    let world = World::new(&["one"]).await;
    for db in [":memory:", "file:tasks.sqlite"] {
        world
            .say(&["run", "--db", db])
            .code(2)
            .says("--db takes the path of a file");
    }
    assert_eq!(world.files(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_waits_without_a_row_is_no_row_0() {
    let world = World::pulled(&["one"]).await;
    world.sql("INSERT INTO Tasks (Name) VALUES ('lost')");
    let lost = FaultRule::next(Fault::DropAfterCommit).method("POST");
    world.sim.inject(lost.path("/v1/pages"));
    world.run().code(1);
    world.run().code(1);
    let said = world.say(&["status"]).code(3);
    let page = world.id("lost");
    said.says(&format!("tasks page {page}, without a row"));
    assert!(!said.out.contains("row 0"), "{said:#?}");
    let told = world.say(&["status", "--json"]).json();
    let rows = told["rows"].as_array().unwrap();
    let without = rows.iter().filter(|row| row["row"].is_null());
    assert_eq!(without.count(), 1, "{rows:#?}");
}
