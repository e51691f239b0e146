//! Watching a data source: edits travel both ways while it runs, and it ends when asked.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::cell::Cell;
use std::time::Duration;

use common::World;
use notion_sync::core::port::Cancel;
use notion_sync::{Rhythm, RunOptions, Watch};
use serde_json::json;

#[tokio::test]
async fn a_watch_wakes_on_a_hint_and_carries_edits_both_ways() {
    let world = World::pulled(&["one"]).await;
    let store = world.store();
    let replica = world.replica(world.client(), &store);
    let mut rhythm = Rhythm::default();
    // Without the hints below the test would never end.
    rhythm.poll_every = Duration::from_secs(100_000);
    rhythm.gather = Duration::ZERO;
    let watch = Watch::new(rhythm);
    let bell = watch.bell();
    let cancel = Cancel::default();
    let options = RunOptions {
        cancel: cancel.clone(),
        ..RunOptions::default()
    };
    let cycle = Cell::new(0);
    let told = |result: &Result<_, _>| {
        assert!(result.is_ok(), "{result:?}");
        cycle.set(cycle.get() + 1);
        match cycle.get() {
            1 => {
                world.sql("UPDATE Tasks SET Count = 7 WHERE Name = 'one'");
                bell.ring();
            }
            2 => {
                assert_eq!(world.held("one", "Count"), json!(7));
                world.add("two", json!({}));
                bell.ring();
            }
            _ => {
                assert_eq!(
                    world.number("SELECT count(*) FROM Tasks WHERE Name = 'two'"),
                    1
                );
                cancel.cancel();
            }
        }
    };
    replica.watch(&options, &watch, told).await.unwrap();
    assert_eq!(cycle.get(), 3);
}
