//! Watching: when cycles run, what wakes them, what ends them.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use futures::executor::block_on;

use super::odd_peer::{Habit, OddPeer};
use super::world::{World, text};
use crate::engine::{Report, Rhythm, RunError, RunOptions, RunOutcome, Watch};
use crate::link::Sides;
use crate::port::{Cancel, Clock, Peer, PeerError, PeerErrorKind, PlaceId};

fn busy() -> RunError {
    PeerError::new(&PlaceId::new("test:x"), PeerErrorKind::Busy, "too much").into()
}

/// The moments at which cycles ran that answered so, after which the watch is asked to stop.
fn moments(answers: Vec<Result<Report, RunError>>, ring: bool) -> (Vec<u64>, Result<(), RunError>) {
    let clock = crate::testkit::VirtualClock::default();
    let cancel = Cancel::default();
    let watch = Watch::new(Rhythm::default());
    let bell = watch.bell();
    let answers = RefCell::new(answers.into_iter());
    let at = RefCell::new(Vec::new());
    let cycle = || {
        at.borrow_mut().push(clock.elapsed().as_secs());
        if ring {
            bell.ring();
            bell.ring();
        }
        let answer = answers.borrow_mut().next();
        let answer = answer.unwrap_or_else(|| {
            cancel.cancel();
            Err(RunError::Cancelled)
        });
        async move { answer }
    };
    let ended = block_on(watch.run(&clock, &cancel, cycle, |_| {}));
    (at.into_inner(), ended)
}

fn fine() -> Result<Report, RunError> {
    Ok(World::new().run())
}

#[test]
fn a_quiet_watch_polls() {
    let (at, ended) = moments(vec![fine(), fine()], false);
    assert_eq!(at, [0, 30, 60]);
    assert!(ended.is_ok(), "being asked to stop is no failure");
}

#[test]
fn pain_39_a_hint_wakes_it_and_many_hints_are_one() {
    let (at, _) = moments(vec![fine(), fine()], true);
    assert_eq!(at, [0, 2, 4]);
}

#[test]
fn failures_that_may_pass_are_tried_again_after_growing_rests_and_hints_change_nothing() {
    let answers = vec![Err(busy()), Err(busy()), Err(busy()), fine(), Err(busy())];
    let (at, _) = moments(answers, true);
    assert_eq!(at, [0, 5, 15, 35, 37, 42]);
    let (at, _) = moments((0..12).map(|_| Err(busy())).collect(), false);
    assert_eq!(at[12] - at[11], 600, "never longer than that");
}

#[test]
fn pain_34_refused_credentials_end_the_watch() {
    let place = PlaceId::new("test:x");
    let refused = PeerError::new(&place, PeerErrorKind::Unauthorized, "no");
    let (at, ended) = moments(vec![fine(), Err(refused.into())], false);
    assert_eq!(at, [0, 30]);
    assert!(ended.unwrap_err().is_unauthorized());
}

#[test]
fn only_what_no_later_cycle_can_get_over_ends_the_watch() {
    use crate::port::StoreError as Store;
    let peer = |kind| RunError::from(PeerError::new(&PlaceId::new("test:x"), kind, "no"));
    let io = || Store::Io {
        message: "UNIQUE constraint failed".to_owned(),
        source: None,
    };
    let owner = String::new;
    let passing: [RunError; 10] = [
        peer(PeerErrorKind::Forbidden),
        peer(PeerErrorKind::NotFound),
        peer(PeerErrorKind::Busy),
        peer(PeerErrorKind::Unavailable),
        peer(PeerErrorKind::Protocol),
        Store::Busy { owner: owner() }.into(),
        Store::Fenced.into(),
        Store::Full.into(),
        io().into(),
        RunError::SchemaChanged("Notion".to_owned()),
    ];
    for error in passing {
        let shown = error.to_string();
        let (at, ended) = moments(vec![Err(error)], false);
        assert_eq!(at, [0, 5], "{shown}");
        assert!(ended.is_ok(), "{shown}");
    }
    let (found, known) = (2, 1);
    let (expected, other) = ("a".to_owned(), "b".to_owned());
    let lasting: [RunError; 7] = [
        peer(PeerErrorKind::Unauthorized),
        peer(PeerErrorKind::Local),
        Store::Newer { found, known }.into(),
        Store::Copied {
            expected,
            found: other,
        }
        .into(),
        Store::NotAdopted.into(),
        Store::Corrupt("torn".to_owned()).into(),
        Store::Lost("deleted".to_owned()).into(),
    ];
    for error in lasting {
        let shown = error.to_string();
        let (at, ended) = moments(vec![Err(error)], false);
        assert_eq!(at, [0], "{shown}");
        assert_eq!(ended.unwrap_err().to_string(), shown);
    }
}

#[test]
fn a_watch_carries_edits_both_ways_until_it_is_asked_to_stop() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    let cancel = Cancel::default();
    let options = RunOptions {
        cancel: cancel.clone(),
        ..RunOptions::default()
    };
    let cycles = Cell::new(0);
    let told = |result: &Result<Report, RunError>| {
        assert!(result.is_ok(), "{result:?}");
        cycles.set(cycles.get() + 1);
        match cycles.get() {
            1 => world.local.person_sets(&row, "notes", text("here")),
            2 => {
                assert_eq!(world.notion.value(&page, "notes"), Some(text("here")));
                world.notion.person_sets(&page, "title", text("there"));
            }
            3 => assert_eq!(world.local.value(&row, "title"), Some(text("there"))),
            _ => cancel.cancel(),
        }
    };
    let engine = world.engine();
    let watch = Watch::new(Rhythm::default());
    let cycle = || engine.run(&options);
    block_on(watch.run(&world.clock, &cancel, cycle, told)).unwrap();
    assert_eq!(cycles.get(), 4);
}

#[test]
fn a_read_that_never_comes_back_is_given_up_on_request() {
    let world = World::new();
    world.settled_pair();
    let silent: Arc<dyn Peer> = Arc::new(OddPeer::new(&world.notion, Habit::IsSilent));
    let engine = world.engine_between(Sides::new(silent, Arc::new(world.local.clone())));
    let cancel = Cancel::default();
    let options = RunOptions {
        cancel: cancel.clone(),
        ..RunOptions::default()
    };
    let run = engine.run(&options);
    let ask = async { cancel.cancel() };
    let (report, ()) = block_on(futures::future::join(run, ask));
    assert_eq!(report.unwrap().outcome, RunOutcome::Cancelled);
}
