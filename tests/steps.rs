//! Bounded steps and sweeps in slices, end to end: over HTTP and over SQL.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{World, builder};
use notion_sync::{Budget, RunOptions, RunOutcome, Step};
use serde_json::json;

/// A world of so many pages, forty made in each minute.
async fn crowded(world: World, pages: usize) -> World {
    for page in 0..pages {
        if page % 40 == 39 {
            world.pass(Duration::from_secs(60));
        }
        world.add(&format!("row {page}"), json!({}));
    }
    world.pass(Duration::from_secs(300));
    world.sim.clear_ledger();
    world
}

fn rows(world: &World) -> i64 {
    world.number("SELECT count(*) FROM Tasks WHERE _trashed = 0")
}

#[tokio::test]
async fn pain_27_steps_pull_push_and_end() {
    let world = crowded(World::new().await, 730).await;
    let budget = Budget::default().requests(3);
    let mut steps = Vec::new();
    loop {
        // A function is called, and forgets everything but the file.
        let store = world.store();
        let replica = world.replica(world.client(), &store);
        let step = replica.step(&RunOptions::default(), budget).await.unwrap();
        // Before the first, the fields are asked for.
        let requests = world.sim.ledger().len();
        assert!(requests <= 6, "{requests}");
        world.sim.clear_ledger();
        world.pass(Duration::from_secs(10));
        steps.push(rows(&world));
        if steps.len() == 3 {
            world.sql("INSERT INTO Tasks (Name) VALUES ('mine')");
        }
        if let Step::Done(report) = step {
            assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
            break;
        }
        assert!(steps.len() < 40, "{steps:?}");
    }
    assert!(steps.is_sorted() && steps.len() > 3, "{steps:?}");
    assert_eq!(rows(&world), 731);
    assert_eq!(world.pages("mine").len(), 1);
    world.pass(Duration::from_secs(150));
    world.quiet().await;
}

#[tokio::test]
async fn pain_26_a_sweep_past_the_cap_finds_deletes_while_edits_go_on() {
    let capped = World::with(builder().result_cap(200)).await;
    let mut world = crowded(capped, 730).await;
    // Two pages of a sweep in half a minute.
    world.policy.sweep_pace.per_minute = 4;
    world.run().await;
    assert_eq!(rows(&world), 730, "a capped query is read whole");
    world.pass(Duration::from_secs(3_600));
    world.run().await;
    world.sim.trash_as_person(&world.id("row 3"), true).unwrap();
    world
        .sim
        .trash_as_person(&world.id("row 700"), true)
        .unwrap();
    world.policy.sweep_every = Duration::from_secs(1_800);
    world.policy.sweep_pace.per_minute = 4;
    world.pass(Duration::from_secs(1_790));
    world.run().await;
    let mut runs = 0;
    while rows(&world) > 728 {
        world.pass(Duration::from_secs(30));
        world.sim.clear_ledger();
        let edit = json!({"Count": {"number": runs}});
        world.sim.edit_as_person(&world.id("row 5"), &edit).unwrap();
        world.run().await;
        let queries = world.sim.ledger();
        let queries = queries
            .iter()
            .filter(|entry| entry.path.ends_with("/query"));
        assert!(
            queries.count() <= 4,
            "what changed, and two pages of the sweep"
        );
        assert_eq!(
            world.number("SELECT Count FROM Tasks WHERE Name = 'row 5'"),
            runs
        );
        runs += 1;
        assert!(runs < 20);
    }
    assert!(runs > 2, "{runs}");
}
