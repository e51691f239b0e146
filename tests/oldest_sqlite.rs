//! A file of ours in the hands of an old SQLite: a person's statements say the same as with the
//! newest one, word by word, and what they did arrives in Notion.
//!
//! `OLDEST_SQLITE` names the program with the old SQLite, `checks/oldest-sqlite`; `scripts/checks`
//! builds it and runs this. Without it only the newest one runs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[path = "../checks/oldest-sqlite/src/transcript.rs"]
mod transcript;

use std::path::Path;
use std::process::Command;

use common::{World, rich_text, words};
use serde_json::json;

/// Rows "one" to "five", "gone" in the trash, and a conflict about the notes of "both".
async fn world() -> World {
    let world = World::pulled(&["one", "two", "three", "four", "five", "both", "gone"]).await;
    world.trash("gone", true);
    world.edit(
        "four",
        json!({ "Count": { "number": 4 }, "Notes": rich_text("four") }),
    );
    world.edit("both", json!({ "Notes": rich_text("theirs") }));
    world.sql("UPDATE Tasks SET Notes = 'ours' WHERE Name = 'both'");
    let report = world.run().await;
    assert_eq!(report.open_conflicts, 1, "{report:?}");
    world
}

/// After the statements: what they did is in Notion.
async fn arrives(world: &World) {
    let report = world.run().await;
    assert_eq!(report.open_conflicts, 0, "{report:?}");
    assert_eq!(words(&world.page("eins"), "Notes"), "words");
    assert_eq!(world.held("eins", "Count"), json!(0.5));
    assert_eq!(words(&world.page("both"), "Notes"), "ours");
    assert_eq!(world.held("two", "Tags").as_array().unwrap().len(), 2);
    assert_eq!(world.held("five", "Count"), json!(55));
    assert_eq!(world.page("four")["in_trash"], json!(true));
    assert_eq!(words(&world.page("gone"), "Notes"), "back");
    assert_eq!(world.page("gone")["in_trash"], json!(false));
    assert_eq!(world.pages("never"), [] as [serde_json::Value; 0]);
    let made = ["six", "seven", "like six"];
    assert!(made.iter().all(|name| world.pages(name).len() == 1));
    world.quiet().await;
}

#[tokio::test]
async fn the_oldest_sqlite_allowed_says_the_same_as_the_newest_and_its_edits_arrive() {
    let checks = Path::new(env!("CARGO_MANIFEST_DIR")).join("checks/oldest-sqlite");
    let file = checks.join("statements.sql");
    let statements = std::fs::read_to_string(&file).unwrap();
    let world = world().await;
    let newest = transcript::transcript(world.file.to_str().unwrap(), &statements).unwrap();
    assert_eq!(
        newest
            .lines()
            .filter(|line| line.starts_with("! no such"))
            .count(),
        0,
        "{newest}"
    );
    arrives(&world).await;

    let Some(program) = std::env::var_os("OLDEST_SQLITE") else {
        eprintln!("skipped the old one: OLDEST_SQLITE names no program; run scripts/checks");
        return;
    };
    let world = self::world().await;
    let output = Command::new(program)
        .arg(&world.file)
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let oldest = String::from_utf8(output.stdout).unwrap();
    let differing = oldest
        .lines()
        .zip(newest.lines())
        .find(|(old, new)| old != new);
    assert_eq!(differing, None, "the oldest says the first");
    assert_eq!(oldest, newest);
    arrives(&world).await;
}
