//! Which commands need a token: those that ask Notion, and no other.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Said, World, bare, said};
use notion_sync_sim::{Fault, FaultRule};

/// The command without a token in its environment, and with a Notion to ask if it wanted to.
fn without_token(world: &World, words: &[&str]) -> Said {
    let mut command = bare(world.folder.path());
    command.arg("--db").arg(world.file());
    command.args(["--base-url", world.sim.base_url()]);
    said(command.args(words))
}

/// A conflict, a create of unknown outcome, an edit.
async fn lived_in() -> World {
    let world = World::pulled(&["one", "two"]).await;
    world.conflict();
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    let lost = FaultRule::next(Fault::DropAfterCommit);
    world.sim.inject(lost.method("POST").path("/v1/pages"));
    world.run().code(1);
    world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'two'");
    world.sim.clear_ledger();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reads_or_decides_in_the_file_needs_no_token_and_asks_nobody() {
    let world = lived_in().await;
    let row = world.text("SELECT _row FROM Tasks WHERE Name = 'one'");
    let conflict = world.text("SELECT id FROM conflicts");
    let page = world.id("one");
    let told: [(&[&str], i32, &str); 9] = [
        (&["status"], 3, "tasks"),
        (&["conflicts"], 3, "ours"),
        (&["runs"], 0, "partial"),
        (&["explain", &row], 0, "a conflict is open"),
        (&["explain", &page], 0, "last agreed"),
        (&["export", "--table", "tasks"], 0, "\"ours\""),
        (&["resolve", &conflict, "--keep", "sqlite"], 0, "is decided"),
        (&["doctor"], 1, "token: there is none"),
        (
            &["forget", "--table", "tasks", "--yes", "--force"],
            0,
            "is forgotten",
        ),
    ];
    for (words, code, part) in told {
        without_token(&world, words).code(code).says(part);
    }
    assert_eq!(world.sim.ledger().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_without_a_token_tells_all_about_the_file() {
    let world = World::pulled(&["one"]).await;
    let with = world.say(&["doctor"]).code(0).out;
    let without = without_token(&world, &["doctor"]).code(1).out;
    let of_file = |said: &str| -> Vec<String> {
        let lines = said
            .lines()
            .filter(|line| line.contains("file: ") || line.contains("tasks: "));
        let lines = lines.filter(|line| !line.contains("its data source"));
        // How long ago the last run ended is another moment's word.
        lines
            .filter(|line| !line.contains("ended"))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(of_file(&without), of_file(&with));
    assert!(of_file(&with).len() >= 4, "{with}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_asks_notion_says_which_token_it_misses_and_changes_nothing() {
    let world = World::pulled(&["one"]).await;
    world.say(&["plan", "--save", "plan.json"]).code(0);
    world.sql("UPDATE Tasks SET _trashed = 1");
    world.sim.clear_ledger();
    let before = world.text("SELECT count(*) || group_concat(_trashed) FROM Tasks");
    for words in [
        &["run"][..],
        &["watch"],
        &["plan"],
        &["apply", "plan.json"],
        &["undo"],
        &["undo", "--plan"],
        &["restore", "1"],
        &["verify"],
    ] {
        let said = without_token(&world, words).code(2);
        said.says("no token: set NOTION_TOKEN");
    }
    assert_eq!(
        world.text("SELECT count(*) || group_concat(_trashed) FROM Tasks"),
        before
    );
    assert_eq!(world.sim.ledger().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_tells_the_same_however_long_ago_notion_was_asked_for_its_fields() {
    let world = lived_in().await;
    let row = world.text("SELECT _row FROM Tasks WHERE Name = 'one'");
    let now = without_token(&world, &["explain", &row]).code(0);
    // As if the fields had been read long ago.
    world.sql("UPDATE _sync_links SET memory = json_set(memory, '$.sides.left.described_at', 0)");
    assert_eq!(
        without_token(&world, &["explain", &row]).code(0).out,
        now.out
    );
    assert_eq!(world.sim.ledger().len(), 0);
}
