//! What goes over the wire: nothing without an edit, one small write with one, and what a run may cost.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{World, rich_text, words};
use notion_sync::RunOutcome;
use serde_json::json;

#[tokio::test]
async fn pain_13_one_cell_edited_is_one_patch_with_one_property() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE Tasks SET Count = 5 WHERE Name = 'one'");
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    let writes = world.writes();
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert_eq!(writes[0].method, "PATCH");
    assert_eq!(writes[0].properties.len(), 1, "{writes:?}");
    assert_eq!(world.sent(&writes[0], "Count")["number"], 5);
    assert_eq!(world.held("one", "Count"), json!(5));
    world.quiet().await;
}

#[tokio::test]
async fn defect_03_two_cells_of_a_row_are_one_patch_with_two_properties() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE Tasks SET Count = 5, Notes = 'both' WHERE Name = 'one'");
    world.run().await;
    let writes = world.writes();
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert_eq!(writes[0].properties.len(), 2, "{writes:?}");
    assert_eq!(world.held("one", "Count"), json!(5));
    assert_eq!(words(&world.page("one"), "Notes"), "both");
    assert_eq!(
        world.number("SELECT count(*) FROM changes"),
        0,
        "nothing is left pending"
    );
    world.quiet().await;
}

#[tokio::test]
async fn pain_13_nothing_edited_is_no_write_and_one_request() {
    let world = World::of_rows(3).await;
    world.quiet().await;
    assert_eq!(world.requests(), 1, "{:?}", world.sim.ledger());
}

#[tokio::test]
async fn an_edit_taken_back_before_a_run_is_no_write() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE Tasks SET Count = 5, Notes = 'x'");
    world.sql("UPDATE Tasks SET Count = NULL, Notes = NULL");
    world.quiet().await;
}

#[tokio::test]
async fn touching_a_page_in_notion_writes_nothing_back() {
    let world = World::pulled(&["one"]).await;
    world.edit("one", json!({ "Count": { "number": 7 } }));
    let report = world.run().await;
    assert_eq!(report.settled.right.patched, 1, "{report:?}");
    assert_eq!(world.writes(), Vec::new());
    assert_eq!(world.value("one", "Count"), 7.into());
    world.quiet().await;
}

/// Beyond observation: queries and the description of the fields.
fn beyond_observation(world: &World) -> usize {
    let entries = world.sim.ledger().into_iter();
    let observes = |path: &str, method: &str| {
        path.ends_with("/query") || (method == "GET" && path.starts_with("/v1/data_sources/"))
    };
    entries
        .filter(|entry| !observes(&entry.path, &entry.method))
        .count()
}

#[tokio::test]
async fn e10_fifty_edits_cost_at_most_eleven_requests_for_ten() {
    let world = World::of_rows(150).await;
    world.sql("UPDATE Tasks SET Count = _row WHERE _row <= 50");
    let report = world.run().await;
    assert_eq!(report.settled.left.patched, 50, "{report:?}");
    assert_eq!(world.writes().len(), 50);
    let cost = beyond_observation(&world);
    assert!(cost <= 55, "{cost} requests for 50 edits");
    let observed = world.requests() - cost;
    assert!(observed <= 1 + 2 + 1, "{observed} requests of observation");
}

#[tokio::test]
async fn e10_thirty_creates_cost_thirty_requests() {
    let mut world = World::of_rows(3).await;
    world.marker = true;
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)";
    world.sql(&format!(
        "{numbers} INSERT INTO Tasks (Name, Count) SELECT 'new ' || i, i FROM n"
    ));
    let report = world.run().await;
    assert_eq!(report.settled.left.created, 30, "{report:?}");
    assert_eq!(world.writes().len(), 30);
    let cost = beyond_observation(&world);
    assert_eq!(cost, 30, "{:?}", world.sim.ledger());
    world.quiet().await;
}

#[tokio::test]
async fn e10_a_first_pull_costs_a_request_for_a_hundred_rows_and_ten() {
    let world = World::new().await;
    for row in 0..250 {
        world.add(&format!("row {row}"), json!({ "Count": { "number": row } }));
    }
    let report = world.run().await;
    assert_eq!(report.settled.right.created, 250);
    assert_eq!(world.live_rows(), 250);
    let requests = world.requests();
    assert!(requests <= 250 / 100 + 10, "{requests} requests");
    assert_eq!(world.writes(), Vec::new());
}

#[tokio::test]
async fn defect_14_local_changes_go_out_on_an_incremental_run() {
    let world = World::of_rows(130).await;
    world.edit("row 7", json!({ "Notes": rich_text("from Notion") }));
    world.sql("UPDATE Tasks SET Count = 1 WHERE Name = 'row 100'");
    world.sql("INSERT INTO Tasks (Name, Count) VALUES ('made here', 2)");
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'row 101'");
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    assert_eq!(world.sweeps(), 0, "{:?}", world.sim.ledger());
    assert!(!report.full_scan.left);
    assert_eq!(world.writes().len(), 3, "{:?}", world.writes());
    assert_eq!(world.held("row 100", "Count"), json!(1));
    assert_eq!(world.held("made here", "Count"), json!(2));
    assert_eq!(world.page("row 101")["in_trash"], json!(true));
    assert_eq!(world.text("row 7", "Notes").as_deref(), Some("from Notion"));
    assert!(world.text("made here", "_id").is_some());
    world.quiet().await;
}

#[tokio::test]
async fn defect_02_the_second_run_reads_only_what_may_have_changed() {
    let world = World::of_rows(130).await;
    let report = world.run().await;
    assert_eq!(report.scanned.left, 0, "{report:?}");
    assert_eq!((world.sweeps(), world.requests()), (0, 1));
}

#[tokio::test]
async fn pain_03_edits_within_one_minute_of_a_run_are_not_missed() {
    let world = World::of_rows(130).await;
    for round in 0..4 {
        world.edit("row 5", json!({ "Count": { "number": round } }));
        world.run().await;
        assert_eq!(world.value("row 5", "Count"), i64::from(round).into());
        world.pass(Duration::from_secs(7));
    }
    assert_eq!(world.sweeps(), 0);
}

#[tokio::test]
async fn pain_07_every_page_of_a_query_is_read() {
    let world = World::of_rows(250).await;
    let named = "SELECT count(DISTINCT Name) FROM Tasks WHERE Name LIKE 'row %'";
    assert_eq!(world.number(named), 250);
}
