//! Journal, runs, retention: what is kept, in which order it is read, and what is forgotten.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::{World, link, rows};
use futures::executor::block_on;
use notion_sync_core::link::Side;
use notion_sync_core::outbox::{Intent, IntentId, IntentState};
use notion_sync_core::pair::{PairId, Presence, RecordState, Standing};
use notion_sync_core::port::*;
use notion_sync_core::record::{Lifecycle, Timestamp};
use notion_sync_core::value::Value;

fn entry(run: i64, at: i64) -> Change {
    Change::Journal(JournalEntry {
        run: RunId(Timestamp(run)),
        at: Timestamp(at),
        pair: PairId(1),
        side: Side::Left,
        kind: CommandKind::Patch,
        rule: "R02".into(),
        field: None,
        before: None,
        after: Some(Value::text(format!("{at}"))),
        source: None,
        settled: None,
    })
}

fn run(at: i64) -> Change {
    Change::Run(RunRecord {
        id: RunId(Timestamp(at)),
        ended_at: Timestamp(at + 1),
        outcome: "clean".into(),
        settled: 1,
        conflicts: 0,
        refused: 0,
        undoes: (at > 200).then_some(RunId(Timestamp(100))),
    })
}

fn before(at: i64) -> Prune {
    Prune {
        now: Timestamp(at),
        journal_before: Timestamp(at),
        tombstones_before: Timestamp(at),
        intents_before: Timestamp(at),
        limit: 100,
    }
}

impl World {
    fn read(&self, query: Query, after: Option<u64>, limit: u32) -> Rows {
        let after = after.map(Bookmark);
        block_on(self.store.read(&link(), &query, after, limit)).unwrap()
    }

    fn moments(&self, of: Option<i64>, after: Option<u64>, limit: u32) -> Vec<i64> {
        let of = of.map(|run| RunId(Timestamp(run)));
        match self.read(Query::Journal(of), after, limit) {
            Rows::Journal(entries) => entries.iter().map(|entry| entry.at.0).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn runs(&self, query: Query, after: Option<u64>, limit: u32) -> Vec<i64> {
        match self.read(query, after, limit) {
            Rows::Runs(runs) => runs.iter().map(|run| run.id.0.0).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn prune(&self, prune: Prune) {
        self.commit(vec![Change::Prune(prune)], Vec::new());
    }

    /// A row goes for good, past the triggers.
    fn delete(&self, row: i64) {
        let sql = format!(
            "UPDATE _sync_gate SET applying = 1; DELETE FROM tasks WHERE _row = {row};
             UPDATE _sync_gate SET applying = 0"
        );
        self.person().execute_batch(&sql).unwrap();
    }

    /// One side of a pair goes, and the planner has nothing left to do.
    fn gone(&self, pair: u64, presence: &Presence, standing: Option<Standing>) {
        let pair_id = PairId(pair);
        let mut changes = Vec::new();
        for side in Side::BOTH {
            let mut state = self.pair(pair).sides[side].clone();
            state.presence = presence.clone();
            if let Some(shadow) = &mut state.shadow {
                shadow.lifecycle = Lifecycle::Trashed;
            }
            changes.push(Change::Observe {
                pair: pair_id,
                side,
                state,
                dirty: true,
            });
        }
        changes.push(Change::Attend {
            pair: pair_id,
            dirty: false,
            standing,
        });
        self.commit(changes, Vec::new());
    }

    fn pairs(&self) -> usize {
        match self.read(Query::All, None, 100) {
            Rows::Pairs(pairs) => pairs.len(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_journal_is_read_newest_first_whole_or_by_run_in_pages() {
    let world = World::new();
    let written = [(100, 101), (100, 102), (200, 201), (100, 103), (200, 202)];
    world.commit(written.map(|(run, at)| entry(run, at)).into(), Vec::new());
    assert_eq!(world.moments(None, None, 9), [202, 103, 201, 102, 101]);
    assert_eq!(world.moments(Some(100), None, 9), [103, 102, 101]);
    assert_eq!(world.moments(Some(100), None, 2), [103, 102]);
    assert_eq!(world.moments(Some(100), Some(2), 2), [101]);
    assert_eq!(world.moments(None, Some(4), 9), [101]);
    assert_eq!(world.moments(Some(300), None, 9), [0; 0]);
}

#[test]
fn runs_are_read_newest_first_and_the_oldest_since_a_moment_is_found() {
    let world = World::new();
    world.commit(vec![run(100), run(300), run(200)], Vec::new());
    assert_eq!(world.runs(Query::Runs, None, 2), [300, 200]);
    assert_eq!(world.runs(Query::Runs, Some(2), 2), [100]);
    assert_eq!(world.runs(Query::OldestRun(Timestamp(100)), None, 1), [100]);
    assert_eq!(world.runs(Query::OldestRun(Timestamp(101)), None, 1), [200]);
    assert_eq!(
        world.runs(Query::OldestRun(Timestamp(301)), None, 1),
        [0; 0]
    );
    let Rows::Runs(read) = world.read(Query::Runs, None, 1) else {
        panic!("no runs");
    };
    assert_eq!(read[0].undoes, Some(RunId(Timestamp(100))));
}

#[test]
fn what_is_older_goes_oldest_first_and_no_more_than_asked_for() {
    let world = World::new();
    world.commit((1..=6).map(|at| entry(at, at)).collect(), Vec::new());
    world.commit((1..=6).map(run).collect(), Vec::new());
    world.prune(Prune {
        limit: 2,
        ..before(5)
    });
    assert_eq!(world.moments(None, None, 9), [6, 5, 4, 3]);
    assert_eq!(world.runs(Query::Runs, None, 9), [6, 5, 4, 3]);
    world.prune(before(5));
    assert_eq!(world.moments(None, None, 9), [6, 5]);
    assert_eq!(world.runs(Query::Runs, None, 9), [6, 5]);
}

#[test]
fn only_intents_that_are_over_go_after_their_time() {
    let world = World::new();
    let intent = |id: u64, state, ended_at: Option<i64>| {
        Change::Intent(Intent {
            id: IntentId(id),
            pair: PairId(1),
            side: Side::Left,
            rule: "R02".into(),
            command: world.patch(1, "x", None, Value::Empty),
            fields: Vec::new(),
            marker: None,
            state,
            attempts: 0,
            attempted_at: None,
            note: None,
            edit: false,
            due_at: None,
            refusal: None,
            ended_at: ended_at.map(Timestamp),
        })
    };
    world.commit(
        vec![
            intent(1, IntentState::Settled, Some(1)),
            intent(2, IntentState::Dropped, Some(9)),
            intent(3, IntentState::Dropped, None),
            intent(4, IntentState::Dead, Some(1)),
            intent(5, IntentState::Ambiguous, None),
            intent(6, IntentState::Planned, None),
        ],
        Vec::new(),
    );
    world.prune(before(5));
    let person = world.person();
    let left = rows(
        &person,
        "SELECT pk % 1099511627776 FROM _sync_intents ORDER BY 1",
    );
    assert_eq!(left, ["2", "4", "5", "6"]);
}

#[test]
fn a_pair_gone_on_both_sides_is_forgotten_after_its_time_at_rest_once_its_row_is_gone() {
    use notion_sync_core::port::Proof;
    for presence in [Presence::Present, Presence::Deleted(Proof::Tombstone)] {
        let mut world = World::new();
        let (pair, _) = world.pull("one", "3");
        world.pull("two", "4");
        world.gone(pair, &presence, None);
        world.prune(before(100));
        assert_eq!(world.pairs(), 2, "found at rest only now");
        world.prune(before(100));
        assert_eq!(world.pairs(), 2);
        world.prune(before(101));
        assert_eq!(world.pairs(), 2, "its row may be taken out of the trash");
        world.delete(1);
        world.prune(before(101));
        assert_eq!(world.pairs(), 2, "looked at again after as long a time");
        world.prune(before(102));
        assert_eq!(world.pairs(), 1, "{presence:?}");
        let person = world.person();
        assert_eq!(rows(&person, "SELECT count(*) FROM _sync_left"), ["1"]);
        assert_eq!(rows(&person, "SELECT count(*) FROM tasks"), ["1"]);
    }
}

#[test]
fn p6_what_is_missing_without_proof_or_waits_for_somebody_is_never_forgotten() {
    let mut world = World::new();
    let (missing, _) = world.pull("one", "3");
    let (parked, _) = world.pull("two", "4");
    world.gone(missing, &Presence::Gone, None);
    let standing = Standing {
        state: RecordState::Parked,
        reason: "why".into(),
    };
    world.gone(parked, &Presence::Present, Some(standing));
    for row in [1, 2] {
        world.delete(row);
    }
    for at in [100, 200, 300] {
        world.prune(before(at));
    }
    assert_eq!(world.pairs(), 2);
}

#[test]
fn a_pair_that_came_back_to_life_starts_its_time_anew() {
    let mut world = World::new();
    let (pair, row) = world.pull("one", "3");
    let alive = world.pair(pair).sides.left;
    world.delete(row);
    world.gone(pair, &Presence::Present, None);
    world.prune(before(100));
    world.commit(
        vec![Change::Observe {
            pair: PairId(pair),
            side: Side::Left,
            state: alive,
            dirty: false,
        }],
        Vec::new(),
    );
    world.gone(pair, &Presence::Present, None);
    world.prune(before(200));
    assert_eq!(world.pairs(), 1, "the first time at rest does not count");
    world.prune(before(201));
    assert_eq!(world.pairs(), 0);
}

#[test]
fn what_is_parked_and_held_in_a_base_survives_the_file() {
    let mut world = World::new();
    let (pair, _) = world.pull("one", "3");
    let field = world.mapping.fields[0].clone();
    let mut base = world.pair(pair).base.unwrap();
    let values = notion_sync_core::link::Sides::new(Value::text("a"), Value::text("b"));
    base.park(&field, values);
    base.hold(Side::Right);
    let settle = |base: &notion_sync_core::pair::Base| {
        vec![Change::Settle {
            pair: PairId(pair),
            base: base.clone(),
        }]
    };
    world.commit(settle(&base), Vec::new());
    assert_eq!(world.pair(pair).base.as_ref(), Some(&base));
    base.settle_lifecycle(Lifecycle::Live);
    let now = base.field(&field).unwrap().clone();
    base.settle(&field, now);
    assert!(base.is_plain());
    world.commit(settle(&base), Vec::new());
    assert_eq!(world.pair(pair).base, Some(base));
    assert_eq!(
        rows(&world.person(), "SELECT base IS NULL FROM _sync_pairs"),
        ["1"],
        "stored short again"
    );
}
