//! What happens at the same time, or too late to be seen: edits during a run, a lagging index, the
//! cap of a query, deletes that cross edits.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{World, builder, rich_text, words};
use notion_sync::{Event, RunOutcome};
use notion_sync_sim::{Fault, FaultRule};
use serde_json::json;

fn lost(method: &str) -> FaultRule {
    FaultRule::next(Fault::DropAfterCommit)
        .method(method)
        .path("/v1/pages")
}

#[tokio::test]
async fn an_edit_in_sql_while_a_run_writes_is_not_lost() {
    let world = World::pulled(&["one", "two", "three"]).await;
    world.sql("UPDATE Tasks SET Count = 1");
    let file = world.file.clone();
    world
        .run_while(
            |event| matches!(event, Event::Applied { .. }),
            move || {
                let person = rusqlite::Connection::open(file).unwrap();
                let edit = "UPDATE Tasks SET Count = 2, Notes = 'late'";
                person.execute(edit, []).unwrap();
            },
        )
        .await;
    world.run().await;
    for name in ["one", "two", "three"] {
        assert_eq!(world.held(name, "Count"), json!(2), "{name}");
        assert_eq!(words(&world.page(name), "Notes"), "late", "{name}");
        assert_eq!(world.value(name, "Count"), 2.into(), "{name}");
    }
    world.quiet().await;
}

#[tokio::test]
async fn an_edit_in_notion_of_another_field_while_a_run_writes_is_not_lost() {
    let world = Arc::new(World::pulled(&["one", "two", "three"]).await);
    world.sql("UPDATE Tasks SET Count = 1");
    let person = Arc::clone(&world);
    world
        .run_while(
            |event| matches!(event, Event::Planned(_)),
            move || {
                for name in ["one", "two", "three"] {
                    person.edit(name, json!({ "Notes": rich_text("late") }));
                }
            },
        )
        .await;
    world.run().await;
    for name in ["one", "two", "three"] {
        assert_eq!(world.held(name, "Count"), json!(1), "{name}");
        assert_eq!(world.text(name, "Notes").as_deref(), Some("late"), "{name}");
    }
    world.quiet().await;
}

#[tokio::test]
async fn an_edit_in_notion_of_the_same_field_before_a_checked_write_is_a_conflict() {
    let mut world = World::pulled(&["one", "two"]).await;
    world.policy.precheck = notion_sync::core::link::Precheck::Always;
    world.sql("UPDATE Tasks SET Notes = 'ours' WHERE Name = 'one'");
    let world = Arc::new(world);
    let person = Arc::clone(&world);
    let report = world
        .run_while(
            |event| matches!(event, Event::Planned(_)),
            move || person.edit("one", json!({ "Notes": rich_text("theirs") })),
        )
        .await;
    assert_eq!(report.open_conflicts, 1, "{report:?}");
    assert_eq!(world.writes(), Vec::new());
    assert_eq!(words(&world.page("one"), "Notes"), "theirs");
    assert_eq!(world.text("one", "Notes").as_deref(), Some("ours"));
}

#[tokio::test]
async fn a_row_made_and_trashed_before_a_run_is_never_sent() {
    let world = World::pulled(&["one"]).await;
    world.sql("INSERT INTO Tasks (Name) VALUES ('brief')");
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'brief'");
    world.run().await;
    assert_eq!(world.writes(), Vec::new());
    assert_eq!(world.pages("brief").len(), 0);
    world.quiet().await;
}

#[tokio::test]
async fn a_row_made_and_edited_before_a_run_is_one_create() {
    let world = World::pulled(&["one"]).await;
    world.sql("INSERT INTO Tasks (Name, Count) VALUES ('new', 1)");
    world.sql("UPDATE Tasks SET Count = 2, Notes = 'better' WHERE Name = 'new'");
    world.run().await;
    assert_eq!(world.writes().len(), 1);
    assert_eq!(world.held("new", "Count"), json!(2));
    assert_eq!(words(&world.page("new"), "Notes"), "better");
    world.quiet().await;
}

#[tokio::test]
async fn r08_a_row_trashed_here_and_edited_in_notion_comes_back_with_the_edit() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'one'");
    world.edit("one", json!({ "Count": { "number": 4 } }));
    let report = world.run().await;
    assert_eq!(
        (report.outcome, report.open_conflicts),
        (RunOutcome::Clean, 0)
    );
    assert_eq!(world.page("one")["in_trash"], json!(false));
    assert_eq!(world.value("one", "_trashed"), 0.into());
    assert_eq!(world.value("one", "Count"), 4.into());
    world.quiet().await;
}

#[tokio::test]
async fn r07_a_row_trashed_on_both_sides_is_settled_without_a_write() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'one'");
    world.trash("one", true);
    let report = world.run().await;
    assert_eq!(
        (report.outcome, report.open_conflicts),
        (RunOutcome::Clean, 0)
    );
    assert_eq!(world.writes(), Vec::new());
    assert_eq!(world.live_rows(), 1);
    world.quiet().await;
}

#[tokio::test]
async fn pain_29_a_trash_whose_answer_was_lost_is_not_sent_twice() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'one'");
    world.sim.inject(lost("PATCH"));
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    assert_eq!(world.writes().len(), 1);
    assert_eq!(world.page("one")["in_trash"], json!(true));
    world.quiet().await;
}

#[tokio::test]
async fn pain_28_a_save_conflict_is_planned_again() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE Tasks SET Count = 1 WHERE Name = 'one'");
    let fault = Fault::Status {
        status: 409,
        code: None,
        message: None,
        retry_after: None,
        reason: None,
    };
    let patch = FaultRule::next(fault).method("PATCH").path("/v1/pages/");
    world.sim.inject(patch);
    world.run().await;
    world.run().await;
    assert_eq!(world.held("one", "Count"), json!(1));
    assert_eq!(world.writes().len(), 1);
    world.quiet().await;
}

#[tokio::test]
async fn defect_10_rows_past_the_cap_of_a_query_are_read_too() {
    let world = World::with(builder().result_cap(100)).await;
    for row in 0..250 {
        world.add(&format!("row {row}"), json!({}));
        if row % 40 == 0 {
            world.pass(Duration::from_secs(60));
        }
    }
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    assert_eq!(world.live_rows(), 250);
    world.pass(Duration::from_secs(7_200));
    let report = world.run().await;
    assert!(report.full_scan.left && report.is_quiet(), "{report:?}");
    assert_eq!(world.live_rows(), 250);
}

#[tokio::test]
async fn defect_10_a_scan_that_cannot_get_past_the_cap_is_not_complete() {
    let world = World::with(builder().result_cap(100)).await;
    for row in 0..150 {
        world.add(&format!("row {row}"), json!({}));
    }
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Partial, "{report:?}");
    assert!(!report.problems.is_empty());
    world.run().await;
    let trashed = "SELECT count(*) FROM Tasks WHERE _trashed = 1";
    assert_eq!(world.number(trashed), 0, "what was not read is not gone");
}

/// Queries lag by two minutes, and the replica knows.
async fn lagging(marker: bool) -> World {
    let lag = Duration::from_secs(120);
    let mut world = World::with(builder().index_lag(lag)).await;
    world.marker = marker;
    world.index_lag = lag;
    for name in ["one", "two"] {
        world.add(name, json!({}));
    }
    world.pass(lag * 2);
    world.settle().await;
    world
}

#[tokio::test]
async fn a_page_the_index_does_not_show_yet_is_neither_gone_nor_made_again() {
    let world = lagging(false).await;
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    world.run().await;
    for _ in 0..8 {
        let report = world.run().await;
        assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
        assert!(report.refusals.is_empty(), "{report:?}");
        assert_eq!(world.live_rows(), 3);
        assert_eq!(world.writes().len(), 1, "{:?}", world.writes());
        world.pass(Duration::from_secs(30));
    }
    assert_eq!(world.pages("new").len(), 1);
}

#[tokio::test]
async fn a_value_the_index_does_not_show_yet_is_not_taken_back() {
    let world = lagging(false).await;
    world.sql("UPDATE Tasks SET Count = 1 WHERE Name = 'one'");
    world.run().await;
    for _ in 0..8 {
        world.run().await;
        assert_eq!(world.value("one", "Count"), 1.into());
        world.pass(Duration::from_secs(30));
    }
    assert_eq!(
        (world.held("one", "Count"), world.writes().len()),
        (json!(1), 1)
    );
}

#[tokio::test]
async fn two_edits_in_sql_within_the_lag_are_no_conflict() {
    let world = lagging(false).await;
    for count in [1, 2] {
        world.sql(&format!(
            "UPDATE Tasks SET Count = {count} WHERE Name = 'one'"
        ));
        let report = world.run().await;
        assert_eq!(report.open_conflicts, 0, "{report:?}");
    }
    assert_eq!(
        (world.held("one", "Count"), world.writes().len()),
        (json!(2), 2)
    );
}

#[tokio::test]
async fn a_trash_the_index_does_not_show_yet_is_not_taken_back() {
    let world = lagging(false).await;
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'one'");
    world.run().await;
    for _ in 0..8 {
        world.run().await;
        assert_eq!(world.value("one", "_trashed"), 1.into());
        world.pass(Duration::from_secs(30));
    }
    assert_eq!(world.writes().len(), 1);
}

#[tokio::test]
async fn an_edit_the_index_shows_late_arrives() {
    let world = lagging(false).await;
    world.edit("one", json!({ "Count": { "number": 4 } }));
    for _ in 0..8 {
        world.run().await;
        world.pass(Duration::from_secs(30));
    }
    assert_eq!(world.value("one", "Count"), 4.into());
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test]
async fn defect_06_a_lost_create_is_not_looked_up_for_sure_before_the_index_caught_up() {
    let world = lagging(true).await;
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    world.sim.inject(lost("POST"));
    let report = world.run().await;
    assert_eq!(report.waiting, 1, "{report:?}");
    for _ in 0..10 {
        world.pass(Duration::from_secs(30));
        world.run().await;
        assert_eq!(world.pages("new").len(), 1);
    }
    let report = world.run().await;
    assert_eq!((report.outcome, report.waiting), (RunOutcome::Clean, 0));
    assert_eq!(world.text("new", "_id"), Some(world.id("new")));
    assert_eq!(world.live_rows(), 3);
    world.quiet().await;
}
