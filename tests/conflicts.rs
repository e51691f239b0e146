//! Both people edited: what merges, what waits for a decision, and how a decision is carried out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{World, rich_text, words};
use notion_sync::RunOutcome;
use serde_json::json;

#[tokio::test]
async fn defect_04_different_fields_of_a_row_merge() {
    let world = World::pulled(&["one"]).await;
    world.edit("one", json!({ "Count": { "number": 8 } }));
    world.sql("UPDATE Tasks SET Notes = 'from here'");
    let report = world.run().await;
    assert_eq!(
        (report.outcome, report.open_conflicts),
        (RunOutcome::Clean, 0)
    );
    assert_eq!(world.value("one", "Count"), 8.into());
    assert_eq!(world.text("one", "Notes").as_deref(), Some("from here"));
    assert_eq!(world.held("one", "Count"), json!(8));
    assert_eq!(words(&world.page("one"), "Notes"), "from here");
    assert_eq!(world.writes().len(), 1);
    world.quiet().await;
}

/// "one" says 'theirs' in Notion and 'ours' in SQL, both new, and a run has seen it.
async fn in_conflict() -> World {
    let world = World::pulled(&["one", "two"]).await;
    world.edit("one", json!({ "Notes": rich_text("theirs") }));
    world.sql("UPDATE Tasks SET Notes = 'ours' WHERE Name = 'one'");
    let report = world.run().await;
    assert_eq!(
        (report.outcome, report.open_conflicts),
        (RunOutcome::Clean, 1)
    );
    world
}

const OPEN: &str = "SELECT count(*) FROM conflicts";

#[tokio::test]
async fn pain_12_the_same_field_is_one_conflict_and_nothing_is_overwritten() {
    let world = in_conflict().await;
    assert_eq!(world.writes(), Vec::new());
    assert_eq!(words(&world.page("one"), "Notes"), "theirs");
    assert_eq!(world.text("one", "Notes").as_deref(), Some("ours"));
    let shown = world.cell(
        "SELECT title || '|' || field || '|' || Notion || '|' || SQLite || '|' || (resolution IS NULL)
         FROM conflicts",
    );
    assert_eq!(shown, "one|Notes|theirs|ours|1".to_owned().into());
    assert_eq!(world.number(OPEN), 1);
}

#[tokio::test]
async fn pain_12_a_later_run_does_not_repeat_a_conflict() {
    let world = in_conflict().await;
    let id = world.number("SELECT id FROM conflicts");
    for _ in 0..3 {
        let report = world.run().await;
        assert_eq!(report.open_conflicts, 1);
        assert_eq!(
            report.settled.left.total() + report.settled.right.total(),
            0
        );
    }
    assert_eq!(
        (world.number(OPEN), world.number("SELECT id FROM conflicts")),
        (1, id)
    );
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test]
async fn pain_12_a_conflict_decided_for_sqlite_goes_to_notion() {
    let world = in_conflict().await;
    world.sql("UPDATE conflicts SET resolution = 'sqlite'");
    let report = world.run().await;
    assert_eq!(
        (report.outcome, report.open_conflicts),
        (RunOutcome::Clean, 0)
    );
    assert_eq!(words(&world.page("one"), "Notes"), "ours");
    assert_eq!(world.text("one", "Notes").as_deref(), Some("ours"));
    assert_eq!((world.number(OPEN), world.writes().len()), (0, 1));
    world.quiet().await;
}

#[tokio::test]
async fn pain_12_a_conflict_decided_for_notion_goes_to_the_table() {
    let world = in_conflict().await;
    world.sql("UPDATE conflicts SET resolution = 'notion'");
    let report = world.run().await;
    assert_eq!(
        (report.outcome, report.open_conflicts),
        (RunOutcome::Clean, 0)
    );
    assert_eq!(words(&world.page("one"), "Notes"), "theirs");
    assert_eq!(world.text("one", "Notes").as_deref(), Some("theirs"));
    assert_eq!((world.number(OPEN), world.writes().len()), (0, 0));
    world.quiet().await;
}

#[tokio::test]
async fn pain_12_other_fields_and_rows_go_on_beside_a_conflict() {
    let world = in_conflict().await;
    world.sql("UPDATE Tasks SET Count = 3");
    world.edit("one", json!({ "Mail": { "email": "ada@example.org" } }));
    let report = world.run().await;
    assert_eq!(report.open_conflicts, 1, "{report:?}");
    assert_eq!(world.held("one", "Count"), json!(3));
    assert_eq!(world.held("two", "Count"), json!(3));
    assert_eq!(
        world.text("one", "Mail").as_deref(),
        Some("ada@example.org")
    );
    assert_eq!(words(&world.page("one"), "Notes"), "theirs");
    assert_eq!(world.text("one", "Notes").as_deref(), Some("ours"));
}

#[tokio::test]
async fn pain_12_a_later_edit_updates_the_conflict_in_place() {
    let world = in_conflict().await;
    world.edit("one", json!({ "Notes": rich_text("theirs again") }));
    world.sql("UPDATE Tasks SET Notes = 'ours again' WHERE Name = 'one'");
    let report = world.run().await;
    assert_eq!(report.open_conflicts, 1, "{report:?}");
    let shown = world.cell("SELECT Notion || '|' || SQLite FROM conflicts");
    assert_eq!(shown, "theirs again|ours again".to_owned().into());
    world.sql("UPDATE conflicts SET resolution = 'sqlite'");
    world.run().await;
    assert_eq!(words(&world.page("one"), "Notes"), "ours again");
}

#[tokio::test]
async fn defect_09_a_conflict_closes_when_the_sides_agree() {
    let world = in_conflict().await;
    world.sql("UPDATE Tasks SET Notes = 'theirs' WHERE Name = 'one'");
    let report = world.run().await;
    assert_eq!(report.open_conflicts, 0, "{report:?}");
    assert_eq!((world.number(OPEN), world.writes().len()), (0, 0));
    world.quiet().await;
}

#[tokio::test]
async fn f04_the_same_edit_on_both_sides_is_no_conflict() {
    let world = World::pulled(&["one"]).await;
    world.edit("one", json!({ "Count": { "number": 8 } }));
    world.sql("UPDATE Tasks SET Count = 8");
    let report = world.run().await;
    assert_eq!(report.open_conflicts, 0);
    assert_eq!(world.writes(), Vec::new());
    world.quiet().await;
}

#[tokio::test]
async fn f06_tags_added_on_both_sides_are_united() {
    let world = World::new().await;
    world.add(
        "one",
        json!({ "Tags": { "multi_select": [{ "name": "High" }] } }),
    );
    world.settle().await;
    let tags = json!({ "multi_select": [{ "name": "High" }, { "name": "Low" }] });
    world.edit("one", json!({ "Tags": tags }));
    world.sql("UPDATE Tasks SET Tags = '[\"High\",\"Mid\"]'");
    let report = world.run().await;
    assert_eq!(report.open_conflicts, 0, "{report:?}");
    let mut names: Vec<String> = world
        .held("one", "Tags")
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["High", "Low", "Mid"]);
    world.quiet().await;
}

#[tokio::test]
async fn only_the_resolution_of_a_conflict_can_be_edited() {
    let world = in_conflict().await;
    let refuse = |sql: &str| world.person().execute(sql, []).unwrap_err().to_string();
    let sentence = refuse("UPDATE conflicts SET Notion = 'mine'");
    assert!(sentence.contains("only resolution"), "{sentence}");
    let sentence = refuse("UPDATE conflicts SET resolution = 'nobody'");
    assert!(sentence.contains("'notion' or 'sqlite'"), "{sentence}");
}
