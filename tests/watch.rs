//! Watching a data source: edits travel both ways while it runs, and it ends when asked.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::World;
use futures::FutureExt;
use futures::future::{BoxFuture, pending, ready};
use notion_sync::core::port::{Cancel, Clock};
use notion_sync::core::record::Timestamp;
use notion_sync::{Rhythm, RunOptions, SystemClock, Watch};
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

const LOOK: Duration = Duration::from_secs(1);

/// Time goes from look to look, and counts them: a longer rest never ends.
#[derive(Clone, Default)]
struct Looks {
    clock: SystemClock,
    count: Arc<AtomicU32>,
}

impl Clock for Looks {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        if span > LOOK {
            return pending().boxed();
        }
        if span == LOOK {
            let looks = self.count.fetch_add(1, Ordering::SeqCst);
            assert!(looks < 100_000, "the edit woke nobody");
        }
        ready(()).boxed()
    }
}

#[tokio::test]
async fn an_edit_of_the_file_wakes_a_watch_and_what_it_writes_itself_does_not() {
    let world = World::pulled(&["one"]).await;
    world.add("two", json!({}));
    let store = world.store();
    let looks = Looks::default();
    let replica = world.replica(world.client(), &store);
    let replica = replica
        .clock(Arc::new(looks.clone()))
        .look_every(Some(LOOK));
    let mut rhythm = Rhythm::default();
    rhythm.gather = Duration::ZERO;
    let watch = Watch::new(rhythm);
    let cancel = Cancel::default();
    let options = RunOptions {
        cancel: cancel.clone(),
        ..RunOptions::default()
    };
    let cycles = Cell::new(0);
    let told = |result: &Result<_, _>| {
        assert!(result.is_ok(), "{result:?}");
        cycles.set(cycles.get() + 1);
    };
    let person = async {
        until(|| cycles.get() == 1).await;
        assert_eq!(world.number("SELECT count(*) FROM Tasks"), 2);
        let so_far = looks.count.load(Ordering::SeqCst);
        until(|| looks.count.load(Ordering::SeqCst) > so_far + 100).await;
        assert_eq!(cycles.get(), 1);
        world.sql("UPDATE Tasks SET Count = 7 WHERE Name = 'one'");
        until(|| cycles.get() == 2).await;
        assert_eq!(world.held("one", "Count"), json!(7));
        cancel.cancel();
    };
    let (ended, ()) = tokio::join!(replica.watch(&options, &watch, told), person);
    ended.unwrap();
}

async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}
