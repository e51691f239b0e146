//! Trash, restore, unsharing, mass deletes: what is a delete, and what only looks like one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{World, words};
use notion_sync::RunOutcome;
use notion_sync::client::DataSourceId;
use notion_sync::client::api::UpdateDataSource;
use notion_sync::client::write::PropertyChange;
use notion_sync::core::plan::Guard;
use serde_json::json;

const TRASHED: &str = "SELECT count(*) FROM Tasks WHERE _trashed = 1";

fn guards(report: &notion_sync::Report) -> Vec<Guard> {
    report
        .refusals
        .iter()
        .map(|refusal| refusal.guard)
        .collect()
}

#[tokio::test]
async fn trash_then_restore_in_notion_comes_back_without_a_conflict() {
    let world = World::pulled(&["one", "two"]).await;
    world.trash("one", true);
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    assert_eq!(world.value("one", "_trashed"), 1.into());
    world.trash("one", false);
    let report = world.run().await;
    assert_eq!(
        (report.outcome, report.open_conflicts),
        (RunOutcome::Clean, 0)
    );
    assert_eq!(world.value("one", "_trashed"), 0.into());
    assert_eq!(world.number("SELECT count(*) FROM Tasks"), 2);
    assert_eq!(world.writes(), Vec::new());
    world.quiet().await;
}

#[tokio::test]
async fn trash_then_restore_in_sql_comes_back_without_a_conflict() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'one'");
    world.run().await;
    assert_eq!(world.page("one")["in_trash"], json!(true));
    world.sql("UPDATE Tasks SET _trashed = 0 WHERE Name = 'one'");
    let report = world.run().await;
    assert_eq!(
        (report.outcome, report.open_conflicts),
        (RunOutcome::Clean, 0)
    );
    assert_eq!(world.page("one")["in_trash"], json!(false));
    assert_eq!(world.writes().len(), 2);
    world.quiet().await;
}

/// Notion refuses edits of what is in its trash.
#[tokio::test]
async fn a_row_in_the_trash_is_edited_as_it_is_taken_out_and_refuses_any_other_edit() {
    let world = World::pulled(&["one", "two"]).await;
    world.trash("one", true);
    world.run().await;
    let edit = "UPDATE Tasks SET Count = 7 WHERE Name = 'one'";
    let refused = world.person().execute(edit, []).unwrap_err().to_string();
    assert!(refused.contains("set _trashed = 0 as well"), "{refused}");
    world.quiet().await;
    world.sql("UPDATE Tasks SET Count = 7, _trashed = 0 WHERE Name = 'one'");
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    assert_eq!(world.page("one")["in_trash"], json!(false));
    assert_eq!(world.held("one", "Count"), json!(7));
    // What goes to the trash together with its row waits there, and is not tried again and again.
    world.sql("UPDATE Tasks SET Count = 8, _trashed = 1 WHERE Name = 'one'");
    world.run().await;
    world.quiet().await;
    assert_eq!(world.page("one")["in_trash"], json!(true));
    assert_eq!(world.held("one", "Count"), json!(7));
    let told = world.cell("SELECT reason FROM sync_rows");
    let waits = "edited before it went to the trash: synced once it is taken out";
    assert_eq!(told, waits.to_owned().into());
    world.sql("UPDATE Tasks SET _trashed = 0 WHERE Name = 'one'");
    world.run().await;
    assert_eq!(world.held("one", "Count"), json!(8));
    assert_eq!(world.number("SELECT count(*) FROM sync_rows"), 0);
    world.quiet().await;
}

#[tokio::test]
async fn pain_05_a_page_no_longer_shared_is_not_a_delete() {
    let world = World::pulled(&["one", "two", "three"]).await;
    let page = world.id("one");
    world.sim.share(&page, false).unwrap();
    for _ in 0..2 {
        let report = world.run().await;
        assert_eq!(world.value("one", "_trashed"), 0.into(), "{report:?}");
        assert_eq!(world.live_rows(), 3);
    }
    assert_eq!(world.writes(), Vec::new());
    world.sim.share(&page, true).unwrap();
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    assert!(report.refusals.is_empty(), "{report:?}");
    world.sql("UPDATE Tasks SET Count = 2 WHERE Name = 'one'");
    world.run().await;
    assert_eq!(world.held("one", "Count"), json!(2));
    world.quiet().await;
}

#[tokio::test]
async fn pain_05_a_page_no_longer_shared_is_told_to_a_person() {
    let world = World::pulled(&["one", "two", "three"]).await;
    world.sim.share(&world.id("one"), false).unwrap();
    let report = world.run().await;
    assert_eq!(guards(&report), [Guard::Permission], "{report:?}");
    assert!(report.refusals[0].reason.contains("not taken for a delete"));
}

#[tokio::test]
async fn pain_22_an_edit_of_a_row_that_was_trashed_in_notion_brings_it_back() {
    let world = World::pulled(&["one", "two"]).await;
    world.trash("one", true);
    world.sql("UPDATE Tasks SET Count = 4 WHERE Name = 'one'");
    let report = world.run().await;
    assert_eq!(
        (report.outcome, report.open_conflicts),
        (RunOutcome::Clean, 0)
    );
    let page = world.page("one");
    assert_eq!(page["in_trash"], json!(false));
    assert_eq!(common::held(&page, "Count"), json!(4));
    assert_eq!(world.live_rows(), 2);
    world.quiet().await;
}

#[tokio::test]
async fn pain_06_many_trashed_pages_wait_for_a_persons_word() {
    let mut world = World::of_rows(40).await;
    for row in 0..20 {
        world.trash(&format!("row {row}"), true);
    }
    let report = world.run().await;
    assert_eq!(guards(&report), [Guard::MaxDelete], "{report:?}");
    assert_eq!(world.number(TRASHED), 0);
    world.policy.max_delete.approved = Some(20);
    let report = world.run().await;
    assert!(report.refusals.is_empty(), "{report:?}");
    assert_eq!(world.number(TRASHED), 20);
    assert_eq!(world.writes(), Vec::new());
    world.quiet().await;
}

#[tokio::test]
async fn defect_09_a_guard_clears_when_its_cause_is_gone() {
    let world = World::of_rows(40).await;
    for row in 0..20 {
        world.trash(&format!("row {row}"), true);
    }
    let report = world.run().await;
    assert_eq!(guards(&report), [Guard::MaxDelete], "{report:?}");
    for row in 0..20 {
        world.trash(&format!("row {row}"), false);
    }
    let report = world.run().await;
    assert!(report.refusals.is_empty(), "{report:?}");
    assert_eq!(world.live_rows(), 40);
    world.quiet().await;
}

#[tokio::test]
async fn pain_06_many_rows_trashed_in_sql_wait_for_a_persons_word() {
    let world = World::of_rows(40).await;
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE _row <= 20");
    world.sql("UPDATE Tasks SET Count = 1 WHERE _row = 30");
    let report = world.run().await;
    assert_eq!(guards(&report), [Guard::MaxDelete], "{report:?}");
    let writes = world.writes();
    assert_eq!(writes.len(), 1, "edits go on: {writes:?}");
    assert_eq!(world.sent(&writes[0], "Count")["number"], 1);
}

#[tokio::test]
async fn pain_06_an_answer_without_rows_deletes_nothing() {
    let world = World::of_rows(12).await;
    for row in 0..12 {
        world
            .sim
            .share(&world.id(&format!("row {row}")), false)
            .unwrap();
    }
    world.run().await;
    assert_eq!(world.live_rows(), 12);
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test]
async fn a_few_trashed_pages_are_followed() {
    let world = World::of_rows(12).await;
    world.trash("row 3", true);
    world.trash("row 4", true);
    let report = world.run().await;
    assert_eq!(report.settled.right.trashed, 2, "{report:?}");
    assert_eq!((world.number(TRASHED), world.writes().len()), (2, 0));
    world.quiet().await;
}

#[tokio::test]
async fn rows_cannot_be_deleted_and_the_sentence_says_what_to_do() {
    let world = World::pulled(&["one"]).await;
    let said = world.person().execute("DELETE FROM Tasks", []).unwrap_err();
    assert!(said.to_string().contains("_trashed = 1"), "{said}");
    assert_eq!(world.live_rows(), 1);
}

#[tokio::test]
async fn pain_20_a_renamed_property_stays_the_same_column() {
    let world = World::pulled(&["one", "two"]).await;
    let source: DataSourceId = world.data_source.parse().unwrap();
    let id = world.property("Notes");
    let rename =
        UpdateDataSource::new(source).property(id, PropertyChange::Rename("Remarks".into()));
    world.client().send(&rename).await.unwrap();
    world.sql("UPDATE Tasks SET Notes = 'still here' WHERE Name = 'one'");
    world.sim.clear_ledger();
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    assert_eq!(words(&world.page("one"), "Remarks"), "still here");
    assert_eq!(world.writes().len(), 1);
    world.quiet().await;
}
