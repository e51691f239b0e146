//! Commands refused for a passing reason: tried again at their moment, not before, and given up
//! when their attempts are used up.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;

use super::odd_peer::{Habit, OddPeer};
use super::world::{World, text};
use crate::engine::{Budget, Report, RunOptions, RunOutcome, Undelivered};
use crate::link::{Side, Sides};
use crate::outbox::{IntentState, NextStep};
use crate::plan::{Guard, RowRule, decided};
use crate::port::{Clock, Peer, RejectionKind};
use crate::record::Key;
use crate::testkit::Fault;

/// A row edited, and a Notion that has this habit.
struct Odd {
    world: World,
    notion: OddPeer,
    page: Key,
    row: Key,
}

impl Odd {
    fn new(habit: Habit) -> Self {
        let world = World::new();
        let (page, row) = world.settled_pair();
        world.local.person_sets(&row, "title", text("b"));
        let notion = OddPeer::new(&world.notion, habit);
        Self {
            world,
            notion,
            page,
            row,
        }
    }

    /// A run, and how often it sent something.
    fn run(&self) -> (Report, usize) {
        let peers: Sides<Arc<dyn Peer>> = Sides::new(
            Arc::new(self.notion.clone()),
            Arc::new(self.world.local.clone()),
        );
        let engine = self.world.engine_between(peers);
        let report = block_on(engine.run(&RunOptions::default())).unwrap();
        self.world.clock.advance(Duration::from_secs(1));
        (report, self.notion.take_applied())
    }

    /// Runs when the command is due. Returns how long it waited.
    fn run_when_due(&self) -> (Report, Duration) {
        let (waiting, sent) = self.run();
        assert_eq!(sent, 0, "not before its moment");
        assert_eq!(waiting.undelivered.len(), 1);
        let wait = waiting.undelivered[0]
            .due_at
            .unwrap()
            .since(self.world.clock.now());
        self.world.clock.advance(wait);
        let (report, sent) = self.run();
        assert_eq!(sent, 1, "once at its moment");
        (report, wait)
    }
}

#[test]
fn a_command_refused_for_now_waits_longer_each_time_and_says_so() {
    let odd = Odd::new(Habit::Refuses(RejectionKind::Conflict));
    let (report, sent) = odd.run();
    assert_eq!(sent, 2, "the second attempt is made at once");
    assert_eq!(report.outcome, RunOutcome::Partial);
    assert!(report.problems[0].contains("waits until"), "{report:?}");
    let letter = &report.undelivered[0];
    assert_eq!((letter.state, letter.attempts), (IntentState::Planned, 2));
    assert_eq!(letter.next_step, Some(NextStep::Wait));
    let (_, first) = odd.run_when_due();
    let (_, second) = odd.run_when_due();
    assert!(second > first + first / 2, "{first:?} {second:?}");
    assert!(odd.world.plan().items.len() == 1, "it is still wanted");
}

#[test]
fn a_command_that_waits_for_the_longest_span_is_not_sent_in_the_moment_it_was_refused() {
    let mut odd = Odd::new(Habit::Refuses(RejectionKind::Conflict));
    let backoff = &mut odd.world.spec.policy.backoff;
    backoff.most = backoff.first;
    let (_, sent) = odd.run();
    assert_eq!(sent, 2);
    odd.run_when_due();
}

#[test]
fn attempts_are_counted_over_runs_and_end_in_a_dead_letter_with_a_next_step() {
    for habit in [Habit::Refuses(RejectionKind::Conflict), Habit::SendsNothing] {
        let odd = Odd::new(habit.clone());
        odd.run();
        odd.run_when_due();
        odd.run_when_due();
        let (report, _) = odd.run_when_due();
        let letter = &report.undelivered[0];
        assert_eq!((letter.state, letter.attempts), (IntentState::Dead, 5));
        let step = match habit {
            Habit::SendsNothing => NextStep::Unlock,
            _ => NextStep::TryAgain,
        };
        assert_eq!(letter.next_step, Some(step));
        odd.world.clock.advance(Duration::from_secs(7200));
        let (report, sent) = odd.run();
        assert_eq!((sent, report.refusals[0].guard), (0, Guard::Rejected));

        // A person's word, and a peer that has come to its senses.
        let decide = odd.world.engine();
        block_on(
            decide
                .decisions()
                .declare_not_sent(report.undelivered[0].intent),
        )
        .unwrap();
        assert_eq!(odd.world.settle().undelivered, []);
        assert_eq!(odd.world.notion.value(&odd.page, "title"), Some(text("b")));
    }
}

/// A connection that drops says nothing about the change: it is never given up for that.
#[test]
fn a_change_whose_requests_are_lost_is_sent_until_one_arrives() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "title", text("b"));
    world.notion.inject(vec![Fault::LoseRequest; 12]);
    for _ in 0..6 {
        let report = world.run();
        let dead = |letter: &Undelivered| letter.state == IntentState::Dead;
        assert!(!report.undelivered.iter().any(dead), "{report:?}");
        world.clock.advance(Duration::from_secs(61));
    }
    assert!(world.run().is_quiet());
    assert_eq!(world.notion.value(&page, "title"), Some(text("b")));
}

#[test]
fn a_missing_permission_is_asked_for_until_it_is_given_and_never_given_up() {
    let odd = Odd::new(Habit::Refuses(RejectionKind::Denied));
    let (report, sent) = odd.run();
    assert_eq!(sent, 1);
    assert_eq!(report.refusals[0].guard, Guard::Permission);
    odd.run();
    let mut last = Duration::ZERO;
    for _ in 0..12 {
        let (report, wait) = odd.run_when_due();
        assert_eq!(report.refusals[0].guard, Guard::Permission);
        assert_eq!(report.undelivered[0].next_step, Some(NextStep::Share));
        assert!(wait + Duration::from_secs(2) >= last);
        last = wait;
    }
    assert!(last <= Duration::from_secs(3600));
    odd.world.clock.advance(Duration::from_secs(3600));
    let report = odd.world.settle();
    assert_eq!((report.refusals.len(), report.undelivered.len()), (0, 0));
    assert_eq!(odd.world.notion.value(&odd.page, "title"), Some(text("b")));
}

/// Its moment comes, and the sending ends before its turn: it still waits, and people are told.
#[test]
fn a_command_that_is_due_and_was_not_sent_waits_on() {
    let mut odd = Odd::new(Habit::Refuses(RejectionKind::Conflict));
    let (waiting, _) = odd.run();
    let first = waiting.undelivered[0].intent;
    odd.world.clock.advance(Duration::from_secs(3600));
    // Creates come first, and Notion cannot be reached.
    odd.world.local.person_creates(&[("title", text("new"))]);
    odd.notion = OddPeer::new(&odd.world.notion, Habit::IsAwayForCreates);
    let (report, sent) = odd.run();
    assert_eq!(sent, 1);
    let waits: Vec<_> = report.undelivered.iter().map(|left| left.intent).collect();
    assert_eq!(waits, [first]);
    let report = odd.world.settle();
    assert_eq!(report.undelivered, []);
    assert_eq!(odd.world.notion.value(&odd.page, "title"), Some(text("b")));
}

/// Its moment comes, and the record cannot be read first: it is decided afresh, nothing waits.
#[test]
fn a_command_that_is_due_and_was_dropped_is_not_told_as_waiting() {
    let mut odd = Odd::new(Habit::Refuses(RejectionKind::Conflict));
    let (waiting, _) = odd.run();
    assert_eq!(waiting.undelivered.len(), 1);
    odd.world.clock.advance(Duration::from_secs(3600));
    odd.notion = OddPeer::new(&odd.world.notion, Habit::IsAwayForReads);
    let (report, sent) = odd.run();
    assert_eq!((report.outcome, sent), (RunOutcome::Partial, 0));
    assert_eq!(report.undelivered, []);
    let outbox = block_on(odd.world.engine().decisions().outbox()).unwrap();
    assert_eq!(outbox, []);
    odd.world.settle();
    assert_eq!(odd.world.notion.value(&odd.page, "title"), Some(text("b")));
}

/// Once it has arrived it waits no more: its pair needs no other look.
#[test]
fn a_pair_whose_waiting_command_arrived_is_not_decided_again() {
    let odd = Odd::new(Habit::Refuses(RejectionKind::Conflict));
    odd.run();
    odd.world.clock.advance(Duration::from_secs(3600));
    decided::take();
    odd.world.run();
    assert_eq!(decided::take().rows, [(RowRule::R02, 1)]);
    assert_eq!(odd.world.notion.value(&odd.page, "title"), Some(text("b")));
}

#[test]
fn another_edit_does_not_wait_for_the_one_that_was_refused() {
    let odd = Odd::new(Habit::Refuses(RejectionKind::Conflict));
    odd.run();
    odd.world.local.person_sets(&odd.row, "title", text("c"));
    assert_eq!(odd.world.settle().undelivered, []);
    assert_eq!(odd.world.notion.value(&odd.page, "title"), Some(text("c")));
}

#[test]
fn an_edit_taken_back_takes_its_waiting_command_with_it() {
    let odd = Odd::new(Habit::Refuses(RejectionKind::Conflict));
    odd.run();
    odd.world.local.person_sets(&odd.row, "title", text("a"));
    let report = odd.world.settle();
    assert_eq!(report.undelivered, []);
    assert_eq!(report.settled.left.patched, 0);
    let memory = odd.world.store.memory(&odd.world.spec.id);
    let pair = memory
        .pairs()
        .find(|pair| pair.sides[Side::Right].key.as_ref() == Some(&odd.row));
    assert_eq!(pair.unwrap().standing, None);
}

#[test]
fn e8_a_command_that_waits_goes_with_its_record_when_that_is_deleted_before_it_was_ever_synced() {
    let world = World::new();
    let row = world.local.person_creates(&[("title", text("b"))]);
    let notion = OddPeer::new(&world.notion, Habit::Refuses(RejectionKind::Conflict));
    let odd = Odd {
        page: row.clone(),
        world,
        notion,
        row,
    };
    let (report, sent) = odd.run();
    assert_eq!((report.undelivered.len(), sent), (1, 2));
    odd.world.local.person_trashes(&odd.row, true);
    let (report, sent) = odd.run();
    assert_eq!((report.undelivered, sent), (Vec::new(), 0));
    assert!(
        odd.world
            .store
            .memory(&odd.world.spec.id)
            .pairs()
            .next()
            .is_none()
    );
}

#[test]
fn e8_a_command_that_waits_by_a_clock_that_jumped_back_since_does_not_wait_for_it() {
    let odd = Odd::new(Habit::Refuses(RejectionKind::Conflict));
    let now = odd.world.clock.now();
    let day = Duration::from_secs(24 * 3600);
    odd.world.clock.jump_to(now.plus(day * 10));
    let (report, sent) = odd.run();
    assert_eq!((report.undelivered.len(), sent), (1, 2));
    odd.world.clock.jump_to(now);
    let (_, sent) = odd.run();
    assert_eq!(sent, 1);
}

/// With room for two of four commands, the one that waited is among them, as it would be without a jump.
#[test]
fn e8_nor_does_it_by_a_budget_that_others_share() {
    let mut odd = Odd::new(Habit::Refuses(RejectionKind::Conflict));
    let pages = odd.world.notion.live().into_iter();
    let others = pages
        .map(|record| record.key)
        .filter(|key| *key != odd.page);
    let others: Vec<Key> = others.take(2).collect();
    let now = odd.world.clock.now();
    let day = Duration::from_secs(24 * 3600);
    odd.world.clock.jump_to(now.plus(day));
    odd.run();
    odd.world.clock.jump_to(now);
    odd.notion = OddPeer::new(&odd.world.notion, Habit::Usual);
    for page in &others {
        let row = odd.world.partner(Side::Left, page);
        odd.world.local.person_trashes(&row, true);
    }
    odd.world.local.person_creates(&[("title", text("new"))]);
    let peers: Sides<Arc<dyn Peer>> = Sides::new(
        Arc::new(odd.notion.clone()),
        Arc::new(odd.world.local.clone()),
    );
    let budget = Budget::default().commands(2);
    let engine = odd.world.engine_between(peers);
    block_on(engine.step(&RunOptions::default(), budget)).unwrap();
    // Records are made before others are changed, and trashed last.
    assert_eq!(odd.world.notion.value(&odd.page, "title"), Some(text("b")));
}
