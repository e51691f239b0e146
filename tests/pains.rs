//! Pains of people who sync Notion that no other file here is about: computed values, a schema that is full, other
//! destinations, runs that only look clean, copied files, pages that become something else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{World, rich_text, schema, words};
use notion_sync::core::engine::MayPass;
use notion_sync::core::link::OptionPolicy;
use notion_sync::core::port::StoreError;
use notion_sync::sqlite::{SqliteStore, StoreOptions};
use notion_sync::{Replica, ReplicaError, Report, RunOptions, RunOutcome};
use notion_sync_sim::{Fault, FaultRule};
use rusqlite::types::Value as Cell;
use serde_json::json;

fn refused(status: u16, message: Option<&str>) -> Fault {
    Fault::Status {
        status,
        code: None,
        message: message.map(str::to_owned),
        retry_after: None,
        reason: None,
    }
}

/// Nobody edited the page, so no query for edits shows it.
#[tokio::test]
async fn pain_04_what_notion_computes_anew_arrives_with_the_next_full_scan_and_is_no_edit() {
    let world = World::with(common::builder()).await;
    let sum = json!({ "Sum": { "formula": { "expression": "1" } } });
    world.sim.alter_as_person(&world.data_source, &sum).unwrap();
    for row in 0..130 {
        world.add(&format!("row {row}"), json!({}));
    }
    world.settle().await;
    let shown = json!({ "type": "number", "number": 3 });
    world
        .sim
        .compute(&world.id("row 7"), "Sum", &shown)
        .unwrap();
    let report = world.run().await;
    assert!(report.is_quiet() && !report.full_scan.left, "{report:?}");
    world.pass(Duration::from_secs(7_200));
    let report = world.run().await;
    assert_eq!(report.settled.right.refreshed, 1, "{report:?}");
    assert_eq!(world.value("row 7", "Sum"), 3.into());
    assert_eq!(world.number("SELECT count(*) FROM changes"), 0);
    world.quiet().await;
}

#[tokio::test]
async fn pain_19_a_schema_that_takes_no_more_options_names_the_field_and_holds_up_only_that() {
    let mut world = World::pulled(&["one", "two"]).await;
    world.policy.unknown_options = OptionPolicy::AddOption;
    // The table takes options that are not there from the next run on.
    world.run().await;
    let full = "You have exceeded the maximum database property schema size.";
    let full = refused(400, Some(full));
    let full = FaultRule::next(full)
        .method("PATCH")
        .path("/v1/data_sources/");
    world.sim.inject(full.times(100));
    world.sql("UPDATE Tasks SET Tags = '[\"one more\"]', Count = 1 WHERE Name = 'one'");
    world.sql("UPDATE Tasks SET Count = 2 WHERE Name = 'two'");
    let report = world.run().await;
    let told = report.refusals.iter().map(|told| told.reason.clone());
    let told: Vec<String> = told.collect();
    assert!(told.iter().any(|told| told.contains("Tags")), "{told:?}");
    assert!(
        told.iter().any(|told| told.contains("schema size")),
        "{told:?}"
    );
    assert_eq!(world.held("one", "Count"), json!(1), "the rest of the row");
    assert_eq!(world.held("two", "Count"), json!(2), "the other rows");
    assert_eq!(world.held("one", "Tags"), json!([]));
    let kept = world.text("one", "Tags").unwrap();
    assert!(kept.contains("one more"), "{kept}");
}

/// A run of another data source in the same file.
async fn run_of(world: &World, source: &str) -> Report {
    run_in(world, &world.store(), source).await
}

async fn run_in(world: &World, store: &SqliteStore, source: &str) -> Report {
    let replica = Replica::new(world.client(), source.parse().unwrap(), store)
        .index_lag(Duration::ZERO)
        .clock(std::sync::Arc::new(world.clock.clone()));
    replica.run(&RunOptions::default()).await.unwrap()
}

#[tokio::test]
async fn pain_23_rows_stay_with_their_data_source_and_follow_a_page_that_moves() {
    let world = World::pulled(&["one", "two", "three"]).await;
    let other = world.sim.create_data_source("Archive", &schema()).unwrap();
    run_of(&world, &other).await;
    world.sim.clear_ledger();
    // What is edited here goes to where its row came from, whatever was synced last.
    world.sql("UPDATE Tasks SET Count = 1 WHERE Name = 'one'");
    world.sql("INSERT INTO Archive (Name) VALUES ('old')");
    run_of(&world, &other).await;
    let made = world.sim.pages(&other).unwrap();
    assert_eq!(
        made.iter()
            .map(|page| words(page, "Name"))
            .collect::<Vec<_>>(),
        ["old"]
    );
    assert_eq!(world.writes().len(), 1);
    world.run().await;
    assert_eq!(world.held("one", "Count"), json!(1));

    // A person moves a page: its row is in the other table, once, and the former one is put away.
    let moved = world.id("two");
    world.sim.move_as_person(&moved, &other).unwrap();
    world.pass(Duration::from_secs(3_600));
    run_of(&world, &other).await;
    world.run().await;
    world.run().await;
    let here = format!("SELECT _trashed FROM Tasks WHERE _id = '{moved}'");
    let there = format!("SELECT count(*) FROM Archive WHERE _id = '{moved}' AND _trashed = 0");
    assert_eq!((world.number(&here), world.number(&there)), (1, 1));
    assert_eq!(world.sim.page(&moved).unwrap()["in_trash"], json!(false));
    world.sql(&format!(
        "UPDATE Archive SET Count = 7 WHERE _id = '{moved}'"
    ));
    run_of(&world, &other).await;
    let page = world.sim.page(&moved).unwrap();
    assert_eq!(common::held(&page, "Count"), json!(7));
}

#[tokio::test]
async fn pain_35_a_run_that_was_not_whole_never_looks_clean() {
    let world = World::of_rows(130).await;
    let outcome = || world.cell("SELECT last_outcome FROM sync_status");
    assert_eq!(outcome(), Cell::from("clean".to_owned()));

    // A part could not be done.
    world.sql("UPDATE Tasks SET Count = 1 WHERE Name = 'row 1'");
    let broken = FaultRule::next(Fault::HtmlEdge { status: 502 }).method("PATCH");
    world.sim.inject(broken.times(100));
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Partial, "{report:?}");
    assert!(!report.problems.is_empty());
    assert_eq!(outcome(), Cell::from("partial".to_owned()));
    world.sim.clear_faults();

    // Somebody stopped it.
    world.sql("UPDATE Tasks SET Count = 2 WHERE Name = 'row 2'");
    let stop = RunOptions::default();
    stop.cancel.cancel();
    {
        let store = world.store();
        let ended = world.replica(world.client(), &store).run(&stop).await;
        match ended {
            Ok(report) => assert_eq!(report.outcome, RunOutcome::Cancelled),
            Err(ReplicaError::Run(error)) => assert!(error.is_cancelled(), "{error:?}"),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_ne!(outcome(), Cell::from("clean".to_owned()));

    // Nothing else would have fared better.
    let refused = FaultRule::next(refused(401, None)).method("PATCH");
    world.sim.inject(refused);
    match world.try_run().await {
        Ok(report) => assert_eq!(report.outcome, RunOutcome::Halted, "{report:?}"),
        Err(error) => assert!(error.is_unauthorized(), "{error:?}"),
    }
    assert_eq!(outcome(), Cell::from("halted".to_owned()));

    world.run().await;
    assert_eq!(outcome(), Cell::from("clean".to_owned()));
    assert_eq!(world.held("row 2", "Count"), json!(2));
}

/// A copy for trying things is refused until somebody says what it is. Pointed at another data source
/// then, it gets a table for that and leaves what it brought along alone.
#[tokio::test]
async fn pain_40_a_copied_file_writes_nothing_to_production_and_carries_no_row_elsewhere() {
    let world = World::pulled(&["one", "two"]).await;
    let copy = world.file.with_file_name("copy.sqlite");
    let copied = copy.to_str().unwrap();
    world.person().execute("VACUUM INTO ?1", [copied]).unwrap();
    let person = rusqlite::Connection::open(&copy).unwrap();
    let edit = "UPDATE Tasks SET Count = 9, _trashed = 1";
    person.execute(edit, []).unwrap();
    let trial = world.sim.create_data_source("Trial", &schema()).unwrap();
    world.sim.clear_ledger();
    for source in [&world.data_source, &trial] {
        let store = SqliteStore::open(&copy, StoreOptions::default()).unwrap();
        let replica = Replica::new(world.client(), source.parse().unwrap(), &store);
        let refused = replica.run(&RunOptions::default()).await.unwrap_err();
        let refused = matches!(refused, ReplicaError::Store(StoreError::NotAdopted));
        assert!(refused, "{source}");
    }
    assert_eq!(world.writes(), Vec::new());
    let adopted = StoreOptions::default().adopt(true);
    let store = SqliteStore::open(&copy, adopted).unwrap();
    let report = run_in(&world, &store, &trial).await;
    assert!(report.is_quiet(), "{report:?}");
    assert_eq!(world.writes(), Vec::new());
    assert_eq!(
        world.sim.pages(&trial).unwrap(),
        Vec::<serde_json::Value>::new()
    );
    let rows = |table| format!("SELECT count(*) FROM {table}");
    let rows = |table| person.query_row(&rows(table), [], |row| row.get::<_, i64>(0));
    assert_eq!((rows("Tasks").unwrap(), rows("Trial").unwrap()), (2, 0));
}

/// A page that is turned into a database is no page any more; turned back, it is another one.
#[tokio::test]
async fn pain_41_a_page_that_became_something_else_leaves_no_duplicate() {
    let world = World::pulled(&["one", "two"]).await;
    let page = world.id("one");
    world.sim.share(&page, false).unwrap();
    let again = world.add("one again", json!({ "Notes": rich_text("turned back") }));
    for _ in 0..3 {
        world.run().await;
        world.pass(Duration::from_secs(3_600));
    }
    assert_eq!(world.number("SELECT count(*) FROM Tasks"), 3);
    assert_eq!(world.number("SELECT count(DISTINCT _id) FROM Tasks"), 3);
    assert_eq!(world.text("one again", "_id"), Some(again));
    let told = world.cell("SELECT _id FROM sync_rows WHERE state = 'blocked'");
    assert_eq!(told, page.into());
    assert_eq!(world.writes(), Vec::new());
}
