//! Retention: what is over is forgotten, a bounded part per run, and no plan depends on it.

use std::time::Duration;

use futures::executor::block_on;

use super::world::{World, is_live, text};
use crate::engine::{RunError, UndoOptions};
use crate::link::{Policy, Retention, Side};
use crate::plan::{Guard, Plan};
use crate::port::{Query, Rows};
use crate::record::Key;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Keeps nothing at all that it does not have to keep.
fn forgetful() -> Policy {
    let nothing = Retention {
        journal: Duration::ZERO,
        tombstones: Duration::ZERO,
        intents: Duration::ZERO,
        ..Retention::default()
    };
    Policy {
        retention: nothing,
        ..Policy::default()
    }
}

fn journal(world: &World) -> usize {
    let memory = world.store.memory(&world.spec.id);
    match memory.read(&Query::Journal(None), None, u32::MAX) {
        Rows::Journal(entries) => entries.len(),
        other => panic!("{other:?}"),
    }
}

fn pairs(world: &World) -> usize {
    world.store.memory(&world.spec.id).pairs().count()
}

/// A busy history: edits, a conflict, a refusal, deletes on one and on both sides, a restore, an
/// undo, and changes that no run has seen yet.
fn busy(policy: Policy) -> (World, Plan) {
    let world = World::with(true, policy);
    let (page, row) = world.settled_pair();
    let pages: Vec<Key> = (0..8)
        .map(|n| {
            world
                .notion
                .person_creates(&[("title", text(&format!("more {n}")))])
        })
        .collect();
    world.settle();
    let rows: Vec<Key> = pages
        .iter()
        .map(|page| world.partner(Side::Left, page))
        .collect();
    world.local.person_sets(&rows[0], "notes", text("edit"));
    world.run();
    let undo = world.store.memory(&world.spec.id);
    let undo = undo.runs().last().unwrap().id;
    let keep_source = UndoOptions {
        keep_source: true,
        ..UndoOptions::default()
    };
    block_on(world.engine().undo(undo, &keep_source)).unwrap();
    world.clock.advance(DAY);
    world.notion.person_sets(&page, "title", text("l"));
    world.local.person_sets(&row, "title", text("r"));
    world
        .local
        .person_sets(&rows[1], "title", text(&"too long ".repeat(20)));
    world.notion.person_trashes(&pages[2], true);
    world.local.person_trashes(&rows[3], true);
    world.notion.person_trashes(&pages[4], true);
    world.local.person_trashes(&rows[4], true);
    world.later(1);
    world.clock.advance(DAY);
    world.notion.person_trashes(&pages[2], false);
    world.later(2);
    world.clock.advance(Duration::from_secs(1));
    world.local.person_sets(&rows[5], "notes", text("unseen"));
    world.notion.person_trashes(&pages[6], true);
    world.notion.person_creates(&[("title", text("unseen"))]);
    let plan = world.plan();
    (world, plan)
}

#[test]
fn p13_what_is_forgotten_changes_no_plan() {
    let (_, remembered) = busy(Policy::default());
    let (world, forgotten) = busy(forgetful());
    assert!(!remembered.items.is_empty() && !remembered.refusals.is_empty());
    assert_eq!(format!("{forgotten:?}"), format!("{remembered:?}"));
    assert!(pairs(&world) < 19, "a tombstone went");
}

#[test]
fn p7_deletes_of_the_last_day_are_counted_however_little_is_kept() {
    let world = World::with(true, forgetful());
    let pages: Vec<Key> = (0..40)
        .map(|n| {
            world
                .notion
                .person_creates(&[("title", text(&format!("row {n}")))])
        })
        .collect();
    world.settle();
    for day in pages.chunks(5).take(2) {
        day.iter()
            .for_each(|page| world.notion.person_trashes(page, true));
        world.later(1);
    }
    let report = world.run_full();
    assert_eq!(report.refusals[0].guard, Guard::MaxDelete);
    assert_eq!(world.local.live().len(), 35);
}

#[test]
fn journal_and_runs_go_after_their_time_and_the_horizon_is_told() {
    let world = World::new();
    let (_, row) = world.settled_pair();
    world.local.person_sets(&row, "title", text("b"));
    world.settle();
    let memory = world.store.memory(&world.spec.id);
    let first = memory.runs().first().unwrap().id;
    let edited = memory
        .runs()
        .iter()
        .rev()
        .find(|run| run.settled > 0)
        .unwrap()
        .id;
    world.clock.advance(DAY * 29);
    assert_eq!(world.run().undo_since, Some(first));
    assert!(journal(&world) > 0);
    world.clock.advance(DAY * 2);
    let report = world.run();
    assert_eq!(journal(&world), 0);
    assert!(report.undo_since > Some(edited));
    let late = block_on(world.engine().undo(edited, &UndoOptions::default()));
    assert!(matches!(late, Err(RunError::NoSuchRun(_))));
}

#[test]
fn a_step_forgets_no_more_than_it_may() {
    let mut world = World::new();
    world.spec.policy.retention.per_run = 3;
    world.settled_pair();
    let before = journal(&world);
    assert!(before >= 10);
    world.clock.advance(DAY * 31);
    for run in 1..=4 {
        world.run();
        assert_eq!(journal(&world), before.saturating_sub(3 * run), "run {run}");
    }
}

#[test]
fn a_tombstone_is_kept_for_its_time_and_then_a_restored_record_is_a_new_one() {
    for (days, known) in [(89, true), (91, false)] {
        let world = World::new();
        let (page, row) = world.settled_pair();
        world.notion.person_trashes(&page, true);
        world.settle();
        assert!(!is_live(&world.local, &row));
        assert_eq!(pairs(&world), 10, "kept though it is clean");
        world.clock.advance(DAY * days);
        world.run();
        assert_eq!(pairs(&world), if known { 10 } else { 9 });
        world.notion.person_trashes(&page, false);
        world.later(2);
        assert_eq!(is_live(&world.local, &row), known);
        assert_eq!(
            world.local.live().len(),
            10,
            "nothing is lost, nothing is there twice"
        );
        world.assert_equal();
    }
}

#[test]
fn a_record_that_came_back_starts_its_time_anew() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_trashes(&page, true);
    world.settle();
    world.clock.advance(DAY * 80);
    world.notion.person_trashes(&page, false);
    world.settle();
    world.notion.person_trashes(&page, true);
    world.settle();
    world.clock.advance(DAY * 80);
    world.run();
    assert_eq!(pairs(&world), 10);
    assert!(!is_live(&world.local, &row));
}
