//! Undo: what a run made agree is taken back, as far as it still is as that run left it.

use std::time::Duration;

use futures::executor::block_on;

use super::world::{World, is_live, names, tags, text};
use crate::conflict::Resolution;
use crate::engine::{RunError, UndoOptions, UndoPlan, UndoReport};
use crate::link::{MaxDelete, Policy, Side};
use crate::pair::{PairState, RecordState};
use crate::plan::{Guard, WhyNot};
use crate::port::{CommandKind, JournalEntry, Query, Rows, RunId};
use crate::record::{Key, Timestamp};
use crate::testkit::{CrashPoint, Fault};

impl World {
    fn last_run(&self) -> RunId {
        let memory = self.store.memory(&self.spec.id);
        memory.runs().last().unwrap().id
    }

    /// The last run that wrote something.
    pub(super) fn last_change(&self) -> RunId {
        let memory = self.store.memory(&self.spec.id);
        let mut runs = memory.runs().iter().rev();
        runs.find(|run| run.settled > 0).unwrap().id
    }

    pub(super) fn try_undo(&self, run: RunId, keep_source: bool) -> Result<UndoReport, RunError> {
        let options = UndoOptions {
            keep_source,
            ..UndoOptions::default()
        };
        let done = block_on(self.engine().undo(run, &options));
        self.clock.advance(Duration::from_secs(1));
        done
    }

    pub(super) fn undo(&self, run: RunId, keep_source: bool) -> UndoReport {
        self.try_undo(run, keep_source).unwrap()
    }

    fn plan_undo(&self, run: RunId) -> UndoPlan {
        block_on(self.engine().plan_undo(run, &UndoOptions::default())).unwrap()
    }

    /// Nothing is planned any more, and full runs write nothing.
    pub(super) fn assert_still(&self) {
        assert!(self.plan().is_empty(), "{:?}", self.plan());
        self.notion.take_mutations();
        self.local.take_mutations();
        self.later(2);
        assert_eq!(self.notion.take_mutations(), []);
        assert_eq!(self.local.take_mutations(), []);
    }

    pub(super) fn pair_of(&self, page: &Key) -> PairState {
        let memory = self.store.memory(&self.spec.id);
        let mut pairs = memory.pairs();
        let found = pairs.find(|pair| pair.sides.left.key.as_ref() == Some(page));
        found.unwrap().clone()
    }

    pub(super) fn journal(&self, run: RunId) -> Vec<JournalEntry> {
        let memory = self.store.memory(&self.spec.id);
        match memory.read(&Query::Journal(Some(run)), None, u32::MAX) {
            Rows::Journal(entries) => entries,
            other => panic!("{other:?}"),
        }
    }

    fn titles(&self, page: &Key, row: &Key) -> (String, String) {
        let title = |value: Option<crate::value::Value>| value.unwrap().display();
        (
            title(self.notion.value(page, "title")),
            title(self.local.value(row, "title")),
        )
    }

    fn edit(&self, side: Side, page: &Key, row: &Key, to: &str) {
        match side {
            Side::Left => self.notion.person_sets(page, "title", text(to)),
            Side::Right => self.local.person_sets(row, "title", text(to)),
        }
    }
}

fn both(left: &str, right: &str) -> (String, String) {
    (left.to_owned(), right.to_owned())
}

#[test]
fn both_sides_return_to_what_they_agreed_on_and_the_edit_stays_in_the_journal() {
    for side in Side::BOTH {
        let world = World::new();
        let (page, row) = world.settled_pair();
        world.edit(side, &page, &row, "b");
        world.settle();
        let run = world.last_change();
        let undone = world.undo(run, false);
        assert_eq!(undone.not_undone, []);
        assert_eq!(
            world.titles(&page, &row),
            both("a", "a"),
            "edited on {side:?}"
        );
        let entry = &world.journal(run)[0];
        assert_eq!(entry.side, side.other());
        assert_eq!(
            (&entry.before, &entry.after),
            (&Some(text("a")), &Some(text("b")))
        );
        assert_eq!(entry.source, Some(text("b")), "the edit that caused it");
        world.assert_still();
    }
}

#[test]
fn an_undo_can_be_undone() {
    for keep_source in [false, true] {
        for side in Side::BOTH {
            let world = World::new();
            let (page, row) = world.settled_pair();
            world.edit(side, &page, &row, "b");
            world.settle();
            let undone = world.undo(world.last_change(), keep_source);
            assert_eq!(undone.not_undone, []);
            let again = world.undo(world.last_run(), false);
            assert_eq!(again.not_undone, []);
            assert_eq!(world.titles(&page, &row), both("b", "b"));
            world.assert_still();
        }
    }
}

#[test]
fn keep_source_returns_the_target_only_and_parks_the_field() {
    for side in Side::BOTH {
        let world = World::new();
        let (page, row) = world.settled_pair();
        world.edit(side, &page, &row, "b");
        world.settle();
        assert_eq!(world.undo(world.last_change(), true).not_undone, []);
        let apart = match side {
            Side::Left => both("b", "a"),
            Side::Right => both("a", "b"),
        };
        assert_eq!(world.titles(&page, &row), apart);
        world.assert_still();
        assert_eq!(world.titles(&page, &row), apart);
        let standing = world.pair_of(&page).standing.unwrap();
        assert_eq!(standing.state, RecordState::Parked);

        // Other fields go on; so does this one as soon as its source is edited again.
        world.local.person_sets(&row, "notes", text("beside"));
        world.settle();
        assert_eq!(world.notion.value(&page, "notes"), Some(text("beside")));
        assert_eq!(world.titles(&page, &row), apart);
        world.edit(side, &page, &row, "c");
        world.settle();
        assert_eq!(world.titles(&page, &row), both("c", "c"));
        assert_eq!(world.pair_of(&page).standing, None);
        assert!(world.pair_of(&page).base.unwrap().is_plain());
    }
}

#[test]
fn a_parked_field_edited_where_it_was_taken_back_is_a_conflict_and_loses_nothing() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.edit(Side::Right, &page, &row, "b");
    world.settle();
    world.undo(world.last_change(), true);
    world.edit(Side::Left, &page, &row, "c");
    assert_eq!(world.run().open_conflicts, 1);
    assert_eq!(world.titles(&page, &row), both("c", "b"));
}

#[test]
fn a_created_record_is_trashed_and_not_made_again_until_its_source_is_edited() {
    for side in Side::BOTH {
        let world = World::new();
        world.settled_pair();
        let cells = [("title", text("new"))];
        let (page, row) = match side {
            Side::Left => {
                let page = world.notion.person_creates(&cells);
                world.settle();
                (page.clone(), world.partner(Side::Left, &page))
            }
            Side::Right => {
                let row = world.local.person_creates(&cells);
                world.settle();
                (world.partner(Side::Right, &row), row)
            }
        };
        assert_eq!(world.undo(world.last_change(), false).not_undone, []);
        let alive = (is_live(&world.notion, &page), is_live(&world.local, &row));
        assert_eq!(alive, (side == Side::Left, side == Side::Right));
        world.assert_still();
        assert_eq!(
            (is_live(&world.notion, &page), is_live(&world.local, &row)),
            alive
        );
        let standing = world.pair_of(&page).standing.unwrap();
        assert_eq!(standing.state, RecordState::Parked);
        let pairs = world.store.memory(&world.spec.id).pairs().count();

        world.edit(side, &page, &row, "edited");
        world.later(1);
        world.settle();
        assert!(is_live(&world.notion, &page) && is_live(&world.local, &row));
        assert_eq!(world.titles(&page, &row), both("edited", "edited"));
        assert_eq!(world.store.memory(&world.spec.id).pairs().count(), pairs);
    }
}

#[test]
fn the_undo_of_a_create_can_be_undone() {
    let world = World::new();
    world.settled_pair();
    let row = world.local.person_creates(&[("title", text("new"))]);
    world.settle();
    let page = world.partner(Side::Right, &row);
    world.undo(world.last_change(), false);
    assert_eq!(world.undo(world.last_run(), false).not_undone, []);
    assert!(is_live(&world.notion, &page) && is_live(&world.local, &row));
    world.assert_still();
    assert_eq!(world.pair_of(&page).standing, None);
}

#[test]
fn a_restored_copy_of_a_held_record_is_the_same_record_again() {
    let world = World::new();
    world.settled_pair();
    let page = world.notion.person_creates(&[("title", text("new"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world.undo(world.last_change(), false);
    world.local.person_trashes(&row, false);
    world.settle();
    assert!(is_live(&world.notion, &page) && is_live(&world.local, &row));
    world.edit(Side::Left, &page, &row, "on");
    world.settle();
    assert_eq!(world.titles(&page, &row), both("on", "on"));
}

#[test]
fn a_trash_is_taken_back_on_both_sides() {
    for keep_source in [false, true] {
        let world = World::new();
        let (page, row) = world.settled_pair();
        world.local.person_trashes(&row, true);
        world.settle();
        assert!(!is_live(&world.notion, &page));
        assert_eq!(world.undo(world.last_change(), keep_source).not_undone, []);
        assert!(is_live(&world.notion, &page));
        assert_eq!(is_live(&world.local, &row), !keep_source);
        world.assert_still();
        assert!(is_live(&world.notion, &page));
        assert_eq!(is_live(&world.local, &row), !keep_source);
    }
}

#[test]
fn a_restore_is_taken_back_on_both_sides() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_trashes(&page, true);
    world.settle();
    world.notion.person_trashes(&page, false);
    world.settle();
    assert!(is_live(&world.local, &row));
    assert_eq!(world.undo(world.last_change(), false).not_undone, []);
    assert!(!is_live(&world.local, &row) && !is_live(&world.notion, &page));
    world.assert_still();
    world.undo(world.last_change(), false);
    assert!(is_live(&world.local, &row) && is_live(&world.notion, &page));
    world.assert_still();
}

#[test]
fn a_conflict_that_was_decided_is_open_again_with_both_values() {
    for keep in Side::BOTH {
        let world = World::new();
        let (page, row) = world.settled_pair();
        world.edit(Side::Left, &page, &row, "l");
        world.edit(Side::Right, &page, &row, "r");
        world.run();
        let engine = world.engine();
        let decisions = engine.decisions();
        let open = block_on(decisions.conflicts()).unwrap().remove(0);
        let keep_it = Resolution::Keep(keep);
        block_on(decisions.resolve(open.pair, &open.field, keep_it)).unwrap();
        world.settle();
        let run = world.last_change();
        let (kept, lost) = if keep == Side::Left {
            ("l", "r")
        } else {
            ("r", "l")
        };
        assert_eq!(world.titles(&page, &row), both(kept, kept));
        assert_eq!(
            world.journal(run)[0].before,
            Some(text(lost)),
            "the loser is kept"
        );

        assert_eq!(world.undo(run, false).not_undone, []);
        assert_eq!(world.titles(&page, &row), both("l", "r"));
        let again = block_on(decisions.conflicts()).unwrap();
        assert_eq!(again.len(), 1);
        assert_eq!(
            (&again[0].base, &again[0].values),
            (&open.base, &open.values)
        );
        assert_eq!(again[0].resolution, None);
        world.assert_still();
        assert_eq!(world.titles(&page, &row), both("l", "r"));

        assert_eq!(world.undo(world.last_change(), false).not_undone, []);
        assert_eq!(world.titles(&page, &row), both(kept, kept));
        assert_eq!(block_on(decisions.conflicts()).unwrap(), []);
    }
}

#[test]
fn a_merge_returns_to_what_both_sides_had_before() {
    let world = World::new();
    let page = world
        .notion
        .person_creates(&[("title", text("x")), ("tags", tags(&["a"]))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world.notion.person_sets(&page, "tags", tags(&["a", "b"]));
    world.local.person_sets(&row, "tags", names(&["a", "c"]));
    world.settle();
    assert_eq!(
        world.local.value(&row, "tags").unwrap().display(),
        "a, b, c"
    );
    assert_eq!(world.undo(world.last_change(), false).not_undone, []);
    assert_eq!(world.local.value(&row, "tags").unwrap().display(), "a");
    assert_eq!(world.notion.value(&page, "tags").unwrap().display(), "a");
    world.assert_still();
}

#[test]
fn what_was_edited_since_stays_and_is_told() {
    for side in Side::BOTH {
        let world = World::new();
        let (page, row) = world.settled_pair();
        world.edit(Side::Right, &page, &row, "b");
        world.local.person_sets(&row, "notes", text("n"));
        world.settle();
        let run = world.last_change();
        world.edit(side, &page, &row, "c");
        let undone = world.undo(run, false);
        assert_eq!(undone.not_undone.len(), 1);
        let kept = &undone.not_undone[0];
        assert_eq!(kept.field.as_ref().unwrap().as_str(), "title");
        assert_eq!((kept.side, kept.why), (Some(side), WhyNot::Changed));
        world.settle();
        assert_eq!(world.titles(&page, &row), both("c", "c"));
        assert!(world.notion.value(&page, "notes").unwrap().is_empty());
        assert!(world.local.value(&row, "notes").unwrap().is_empty());
    }
}

#[test]
fn p6_a_created_record_that_somebody_edited_is_not_trashed() {
    let world = World::new();
    world.settled_pair();
    let row = world.local.person_creates(&[("title", text("new"))]);
    world.settle();
    let run = world.last_change();
    let page = world.partner(Side::Right, &row);
    world.notion.person_sets(&page, "notes", text("mine"));
    let undone = world.undo(run, false);
    assert_eq!(undone.not_undone[0].why, WhyNot::Changed);
    assert!(is_live(&world.notion, &page));
}

#[test]
fn p6_a_created_record_with_an_edit_of_a_later_run_is_not_trashed_until_that_is_undone() {
    for side in Side::BOTH {
        let world = World::new();
        world.settled_pair();
        let row = world.local.person_creates(&[("title", text("new"))]);
        world.settle();
        let made = world.last_change();
        let page = world.partner(Side::Right, &row);
        world.edit(side, &page, &row, "worked on");
        world.settle();
        let edited = world.last_change();
        assert_eq!(world.undo(made, false).not_undone[0].why, WhyNot::Changed);
        assert!(is_live(&world.notion, &page));
        world.assert_still();
        assert_eq!(world.undo(edited, false).not_undone, []);
        assert_eq!(world.undo(made, false).not_undone, []);
        assert!(!is_live(&world.notion, &page) && is_live(&world.local, &row));
        world.assert_still();
    }
}

#[test]
fn p7_an_undo_is_guarded_as_any_run() {
    let world = World::new();
    for n in 0..10 {
        world
            .local
            .person_creates(&[("title", text(&format!("row {n}")))]);
    }
    world.settle();
    let run = world.last_change();
    let plan = world.plan_undo(run);
    assert_eq!(plan.plan.counts.trash.left, 10);
    assert_eq!(plan.plan.refusals[0].guard, Guard::MaxDelete);
    let undone = world.undo(run, false);
    assert_eq!(undone.report.refusals[0].guard, Guard::MaxDelete);
    assert_eq!(undone.not_undone.len(), 10);
    assert_eq!(world.notion.live().len(), 10);
    world.assert_still();

    let mut world = world;
    let max_delete = MaxDelete {
        approved: Some(10),
        ..MaxDelete::default()
    };
    world.spec.policy = Policy {
        max_delete,
        ..Policy::default()
    };
    assert_eq!(world.undo(run, false).not_undone, []);
    assert_eq!(
        (world.notion.live().len(), world.local.live().len()),
        (0, 10)
    );
    world.assert_still();
}

#[test]
fn e9_a_planned_undo_writes_nothing_and_is_what_the_undo_does() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.edit(Side::Right, &page, &row, "b");
    world.settle();
    let run = world.last_change();
    let before = world.state();
    let plan = world.plan_undo(run);
    assert_eq!(world.state(), before);
    assert_eq!(
        (plan.plan.counts.patch.left, plan.plan.counts.patch.right),
        (1, 1)
    );
    world.notion.take_mutations();
    world.local.take_mutations();
    world.undo(run, false);
    let kinds = |written: Vec<crate::testkit::Mutation>| {
        written.into_iter().map(|m| m.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(world.notion.take_mutations()), [CommandKind::Patch]);
    assert_eq!(kinds(world.local.take_mutations()), [CommandKind::Patch]);
}

#[test]
fn an_undo_leaves_other_records_alone() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.edit(Side::Right, &page, &row, "b");
    world.settle();
    let run = world.last_change();
    let other = world.local.person_creates(&[("title", text("meanwhile"))]);
    world.undo(run, false);
    assert_eq!(world.notion.live().len(), 10, "not made by an undo");
    assert!(is_live(&world.local, &other));
    assert_eq!(world.titles(&page, &row), both("a", "a"));
}

#[test]
fn two_runs_within_one_tick_of_the_clock_are_undone_one_by_one() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.edit(Side::Right, &page, &row, "b");
    world.try_run().unwrap();
    world.edit(Side::Right, &page, &row, "c");
    world.try_run().unwrap();
    world.undo(world.last_change(), false);
    assert_eq!(world.titles(&page, &row), both("b", "b"));
}

#[test]
fn a_run_that_is_not_there_cannot_be_undone() {
    let world = World::new();
    world.settled_pair();
    let run = RunId(Timestamp(1));
    assert!(matches!(
        world.try_undo(run, false),
        Err(RunError::NoSuchRun(_))
    ));
}

/// Every commit of an undo is a place to crash, and so is every answer: what follows is the state
/// before or the state after, never a mixture, and nothing is lost or made twice.
#[test]
fn e6_a_crash_during_an_undo_leaves_it_done_or_not_begun() {
    let crashes: [fn(u64) -> CrashPoint; 2] = [CrashPoint::Before, CrashPoint::After];
    for side in Side::BOTH {
        for keep_source in [false, true] {
            for crash in crashes {
                for step in 1..14 {
                    let world = World::new();
                    let (page, row) = world.settled_pair();
                    world.edit(side, &page, &row, "b");
                    world.settle();
                    let run = world.last_change();
                    world
                        .store
                        .crash_at(Some(crash(world.store.serial() + step)));
                    let done = world.try_undo(run, keep_source);
                    world.store.crash_at(None);
                    world.store.break_lease(&world.spec.id);
                    world.later(3);
                    let (left, right) = world.titles(&page, &row);
                    let apart = match side {
                        Side::Left => both("b", "a"),
                        Side::Right => both("a", "b"),
                    };
                    let fine = if keep_source {
                        [both("b", "b"), apart].contains(&(left.clone(), right.clone()))
                    } else {
                        left == right
                    };
                    assert!(
                        fine,
                        "{side:?} {keep_source} {step}: {left} {right} {done:?}"
                    );
                    world.assert_still();
                }
            }
        }
    }
}

#[test]
fn a_lost_answer_during_an_undo_is_looked_up_like_any() {
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        let world = World::new();
        let (page, row) = world.settled_pair();
        world.edit(Side::Right, &page, &row, "b");
        world.settle();
        world.notion.inject([fault]);
        world.undo(world.last_change(), false);
        world.later(2);
        assert_eq!(world.titles(&page, &row), both("a", "a"));
        world.assert_still();
    }
}

/// Both people wrote the same, so nothing was done to either side that could be taken back.
#[test]
fn a_settlement_without_a_write_has_nothing_to_take_back() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "notes", text("the same"));
    world.local.person_sets(&row, "notes", text("the same"));
    world.run();
    let report = world.undo(world.last_run(), false);
    assert_eq!(report.not_undone, []);
    assert_eq!(world.notion.value(&page, "notes"), Some(text("the same")));
    assert_eq!(world.local.value(&row, "notes"), Some(text("the same")));
    world.assert_still();
}

/// Both sides are as they were, and the process died before anybody saw that they agree: what a person
/// writes there again is an edit all the same.
#[test]
fn r40_what_is_written_again_after_an_undo_that_died_is_an_edit() {
    let mut met = 0;
    for dies_after in 1..=20 {
        let world = World::new();
        let (page, row) = world.settled_pair();
        world.notion.person_sets(&page, "title", text("b"));
        world.settle();
        let run = world.last_change();
        let point = CrashPoint::After(world.store.serial() + dies_after);
        world.store.crash_at(Some(point));
        let ended = world.try_undo(run, false);
        world.store.crash_at(None);
        world.store.break_lease(&world.spec.id);
        let shown = || {
            [
                world.notion.value(&page, "title"),
                world.local.value(&row, "title"),
            ]
        };
        if ended.is_ok() || shown() != [Some(text("a")), Some(text("a"))] {
            continue;
        }
        met += 1;
        world.clock.advance(Duration::from_secs(120));
        world.notion.person_sets(&page, "title", text("b"));
        world.settle();
        let again = [Some(text("b")), Some(text("b"))];
        assert_eq!(shown(), again, "died after {dies_after}");
    }
    assert!(met > 0, "it died between the writes and their settlement");
}
