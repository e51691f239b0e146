//! The lease: kept through long runs, and nothing is sent once another run has taken it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;

use super::world::{World, text};
use crate::engine::{Event, Report, RunOptions, RunOutcome};
use crate::plan::Guard;
use crate::port::{LEASE_AT_LEAST, LeaseAsk, Store, StoreError};

/// Rows to be made as pages.
fn busy() -> World {
    let world = World::new();
    world.settled_pair();
    for n in 0..6 {
        let title = text(&format!("row {n}"));
        world.local.person_creates(&[("title", title)]);
    }
    world.notion.take_mutations();
    world
}

/// Runs; `act` sees every event.
fn run_with(world: &World, act: impl Fn(&Event) + Send + Sync + 'static) -> Report {
    let options = RunOptions {
        progress: Some(Arc::new(act)),
        owner: "first".into(),
        ..RunOptions::default()
    };
    block_on(world.engine().run(&options)).unwrap()
}

fn take(world: &World) -> Result<(), StoreError> {
    let ask = LeaseAsk::Take {
        owner: "second".into(),
    };
    // Inside a run there is no room for another executor; the store in memory answers at once.
    let taken = world.store.lease(&world.spec.id, &ask).now_or_never();
    taken.expect("no waiting").map(drop)
}

#[test]
fn e05_a_run_whose_link_was_taken_over_sends_nothing_more_and_says_so() {
    for sent_before in 0..4 {
        let world = busy();
        let second = World {
            clock: world.clock.clone(),
            notion: world.notion.clone(),
            local: world.local.clone(),
            store: world.store.clone(),
            spec: world.spec.clone(),
        };
        let applied = AtomicUsize::new(0);
        let report = run_with(&world, move |event| {
            let due = match event {
                Event::Planned(_) => sent_before == 0,
                Event::Applied { .. } => applied.fetch_add(1, Ordering::SeqCst) + 1 == sent_before,
                _ => false,
            };
            if due {
                // The other took the first for dead, and holds the link now.
                second.store.break_lease(&second.spec.id);
                take(&second).unwrap();
            }
        });
        assert_eq!(world.notion.take_mutations().len(), sent_before);
        assert_eq!(report.outcome, RunOutcome::Halted);
        assert_eq!(report.raised(Guard::Lease), 1, "{report:?}");
        // The guard clears with its cause, and nothing is made twice.
        world.store.break_lease(&world.spec.id);
        let report = world.run();
        assert_eq!(report.raised(Guard::Lease), 0);
        world.settle();
        assert_eq!(world.notion.live().len(), 16);
        world.assert_equal();
    }
}

#[test]
fn a_run_longer_than_its_lease_keeps_it() {
    let world = busy();
    world.store.end_leases_after(&world.clock, LEASE_AT_LEAST);
    let other = world.store.clone();
    let (clock, link) = (world.clock.clone(), world.spec.id.clone());
    let tries = Arc::new(AtomicUsize::new(0));
    let tried = Arc::clone(&tries);
    let report = run_with(&world, move |event| {
        if matches!(event, Event::Applied { .. } | Event::Scanned { .. }) {
            clock.advance(LEASE_AT_LEAST * 3 / 4);
            let ask = LeaseAsk::Take {
                owner: "second".into(),
            };
            let busy = other.lease(&link, &ask).now_or_never();
            assert!(
                matches!(busy, Some(Err(StoreError::Busy { .. }))),
                "{busy:?}"
            );
            tried.fetch_add(1, Ordering::SeqCst);
        }
    });
    assert!(tries.load(Ordering::SeqCst) > 6);
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    world.assert_equal();
}

#[test]
fn a_run_that_slept_past_its_lease_does_not_write_beside_the_next() {
    let world = busy();
    world.store.end_leases_after(&world.clock, LEASE_AT_LEAST);
    let clock = world.clock.clone();
    let report = run_with(&world, move |event| {
        if matches!(event, Event::Planned(_)) {
            clock.advance(LEASE_AT_LEAST + Duration::from_secs(1));
        }
    });
    assert_eq!(world.notion.take_mutations(), []);
    assert_eq!(report.raised(Guard::Lease), 1, "{report:?}");
}
