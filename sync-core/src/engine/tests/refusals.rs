//! Refused commands: told in every report, sent again only when something changed.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;

use super::odd_peer::{Habit, OddPeer};
use super::world::{World, text};
use crate::engine::RunOptions;
use crate::link::{Side, Sides};
use crate::pair::RecordState;
use crate::plan::Guard;
use crate::port::Peer;
use crate::record::Key;
use crate::testkit::{CrashPoint, Fault};

#[test]
fn defect_15_a_command_refused_for_good_is_not_sent_again_until_something_changes() {
    let world = World::new();
    let page = world.notion.person_creates(&[("title", text("a"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world.local.person_sets(&row, "title", text("bad"));
    world.notion.inject([Fault::Reject]);
    let report = world.run();
    assert_eq!(report.refusals[0].guard, Guard::Rejected);
    let report = world.run();
    assert_eq!(report.refusals[0].guard, Guard::Rejected, "still said");
    assert_eq!(world.notion.take_mutations(), []);
    assert_eq!(world.notion.take_requests(), 1, "and not sent again");
    world.local.person_sets(&row, "title", text("good"));
    let report = world.settle();
    assert_eq!(report.refusals, []);
    world.assert_equal();
}

#[test]
fn a_value_refused_once_is_sent_again_after_another_one_went_through() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.inject([Fault::Reject]);
    for value in ["A", "B", "A"] {
        world.local.person_sets(&row, "title", text(value));
        world.run();
    }
    assert_eq!(world.notion.value(&page, "title"), Some(text("A")));
    assert_eq!(world.settle().refusals, []);
}

/// A locked page, a rule of the workspace: the answer is "done" and the old value stays.
#[test]
fn a_patch_answered_with_done_that_changes_nothing_is_given_up_and_told() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "title", text("b"));
    let ignoring = OddPeer::new(&world.notion, Habit::IgnoresPatches);
    let peers: Sides<Arc<dyn Peer>> =
        Sides::new(Arc::new(ignoring.clone()), Arc::new(world.local.clone()));
    let attempts = world.spec.policy.max_attempts as usize;
    for run in 0..6 {
        let engine = world.engine_between(peers.clone());
        let report = block_on(engine.run(&RunOptions::default())).unwrap();
        let guards: Vec<_> = report.refusals.iter().map(|r| r.guard).collect();
        assert_eq!(guards, [Guard::Rejected], "in run {run}");
        assert_eq!(report.waiting, 0);
        let applied = ignoring.take_applied();
        if run == 0 {
            assert!((1..=attempts).contains(&applied), "sent {applied} times");
        } else {
            assert_eq!(applied, 0, "sent again in run {run}");
        }
        world.clock.advance(Duration::from_secs(100));
    }
    assert_eq!(world.notion.value(&page, "title"), Some(text("a")));
    assert_eq!(world.local.value(&row, "title"), Some(text("b")));
}

/// Nor is a change whose request was lost said to have been taken, wherever the run ends.
#[test]
fn a_patch_that_was_lost_is_not_told_as_taken() {
    let mut lost = 0;
    for commit in 1..12 {
        let world = World::new();
        let (_, row) = world.settled_pair();
        world.local.person_sets(&row, "title", text("b"));
        world.notion.inject([Fault::LoseRequest]);
        let at = world.store.serial() + commit;
        world.store.crash_at(Some(CrashPoint::Before(at)));
        let _ = world.try_run();
        for intent in block_on(world.engine().decisions().outbox()).unwrap() {
            lost += usize::from(intent.attempts > 1);
            assert_eq!(intent.note, None, "after commit {commit}");
        }
    }
    assert!(lost > 0, "no run died there");
}

#[test]
fn a_side_is_not_rewritten_at_once_without_a_persons_word() {
    let world = World::new();
    let pages: Vec<Key> = (0..30)
        .map(|n| {
            let title = text(&format!("page {n}"));
            world.notion.person_creates(&[("title", title)])
        })
        .collect();
    world.settle();
    for page in &pages {
        world.notion.person_sets(page, "notes", text("rewritten"));
    }
    world.local.person_creates(&[("title", text("mine"))]);
    world.clock.advance(Duration::from_secs(120));
    let report = world.run();
    assert!(report.raised.contains_key(&Guard::AllChanged), "{report:?}");
    assert_eq!(report.settled.right.patched, 0);
    assert_eq!(report.settled.left.created, 1, "the rest goes on");
    let row = world.partner(Side::Left, &pages[0]);
    assert_eq!(
        world.standing(Side::Right, &row),
        Some(RecordState::Blocked)
    );
    let options = RunOptions {
        approved: [Guard::AllChanged].into(),
        ..RunOptions::default()
    };
    let report = block_on(world.engine().run(&options)).unwrap();
    assert_eq!(report.settled.right.patched, 30);
    let report = world.settle();
    assert!(report.raised.is_empty(), "{report:?}");
}

#[test]
fn e10_a_run_sends_no_more_commands_than_it_may_and_the_next_goes_on() {
    let world = World::new();
    for n in 0..5 {
        let title = text(&format!("row {n}"));
        world.local.person_creates(&[("title", title)]);
    }
    let options = RunOptions {
        max_commands: Some(2),
        ..RunOptions::default()
    };
    for left in [3, 1, 0] {
        let report = block_on(world.engine().run(&options)).unwrap();
        assert_eq!(world.notion.live().len(), 5 - left);
        let raised = report.raised.contains_key(&Guard::Budget);
        assert_eq!(raised, left > 0, "{report:?}");
        world.clock.advance(Duration::from_secs(1));
    }
    world.assert_equal();
}
