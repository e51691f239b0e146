//! Random histories: whatever is committed, every query answers as [`Memory`] does.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

use super::bench::{ALL, Bench, Setup, key, pairs, queries, sorted};
use crate::conflict::{Conflict, Resolution};
use crate::link::{LinkId, LinkSpec, Side};
use crate::memory::Memory;
use crate::outbox::{Intent, IntentId};
use crate::pair::{PairId, SideState, Standing};
use crate::port::{
    Awaited, Bookmark, Change, CommandKind, Commit, Fence, JournalEntry, LinkMemory, OpenMode,
    Query, Rows, RunId, RunRecord, Serial, Wait,
};
use crate::record::{Key, Timestamp};
use crate::schema::FieldId;
use crate::testkit::strategies;
use crate::value::Value;

/// One step of a history. Bases are made when it is their turn, from what is remembered then.
#[derive(Clone, Debug)]
enum Step {
    Observe(PairId, Side, SideState, bool),
    Settle(PairId, u64),
    Attend(PairId, bool, Option<Standing>),
    AttendAll,
    Wait(PairId, Vec<u8>),
    Join(PairId, PairId),
    Forget(PairId),
    Memory(Box<LinkMemory>),
    Intent(Intent),
    Conflict(Conflict),
    Resolve(PairId, FieldId, Side),
    CloseConflict(PairId, FieldId),
    Journal(JournalEntry),
    Run(RunRecord),
    /// Ends the commit; the next unused id is this.
    Commit(u64),
    /// The same, and the process ends.
    Reopen,
}

/// Whatever was committed, in whatever order, with the process ending in between: every query
/// answers as the reference meaning of changes and queries says.
pub fn random_histories_read_as_in_the_reference(setup: Setup<'_>) {
    // A history is some twenty commits: fewer of them than of other cases.
    let config = Config {
        cases: Config::default().cases.div_ceil(4),
        failure_persistence: None,
        ..Config::default()
    };
    let spec = Bench::new(setup).spec;
    let histories = vec(step(&spec), 1..60);
    let outcome = TestRunner::new(config).run(&histories, |steps| {
        replay(setup, &steps);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, steps)) => panic!("{why}\nafter {steps:#?}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// Whatever the limit, paging by bookmark yields every row once and in order.
pub fn pages_of_any_size_yield_every_row_once_in_order(setup: Setup<'_>) {
    let (bench, fence) = Bench::opened(setup);
    bench.commit(&fence, crowd(&bench));
    for query in queries(&bench.spec) {
        let whole = bench.read(&query, None, ALL);
        if matches!(
            query,
            Query::Heads(..) | Query::Pairs(_) | Query::DeletesSince(..)
        ) {
            assert_eq!(bench.read(&query, None, 1), whole, "{query:?} is never cut");
            continue;
        }
        let whole = rows(&whole);
        assert!(!whole.is_empty(), "{query:?} has something to page");
        for limit in [1, 2, 3, 7] {
            let mut paged = Vec::new();
            let mut after = None;
            loop {
                let page = rows(&bench.read(&query, after, limit));
                let most = limit as usize;
                let full = page.len() >= most;
                assert!(page.len() <= most || query == Query::Conflicts, "{query:?}");
                paged.extend(page);
                if !full {
                    break;
                }
                assert!(
                    paged.len() <= whole.len(),
                    "{query:?} in pages of {limit} goes on"
                );
                after = match (&query, paged.last()) {
                    (Query::Journal(_) | Query::Runs, _) => Some(Bookmark(paged.len() as u64)),
                    (_, last) => last.map(|(id, _)| Bookmark(*id)),
                };
            }
            assert_eq!(paged, whole, "{query:?} in pages of {limit}");
        }
    }
}

fn replay(setup: Setup<'_>, steps: &[Step]) {
    let (mut bench, mut fence) = Bench::opened(setup);
    let mut model = Memory::default();
    let mut serial = bench.open(OpenMode::Read).serial;
    let mut changes = Vec::new();
    for step in steps.iter().chain([&Step::Commit(0)]) {
        let ends = match step {
            Step::Commit(next_id) => *next_id,
            Step::Reopen => 0,
            other => {
                if let Some(change) = change(&bench.spec, &model, other) {
                    model.apply(change.clone());
                    changes.push(change);
                }
                continue;
            }
        };
        let commit = Commit {
            next_id: ends,
            changes: std::mem::take(&mut changes),
            ..Commit::default()
        };
        model.next_id = model.next_id.max(ends).max(1);
        let committed = bench
            .try_commit(&fence, commit)
            .expect("the commit goes through");
        serial = Serial(serial.0 + 1);
        assert_eq!(committed.serial, serial);
        if matches!(step, Step::Reopen) && bench.world.reopen() {
            fence = bench.begin();
        }
        agrees(&bench, &model, serial, &fence);
    }
}

fn agrees(bench: &Bench, model: &Memory, serial: Serial, fence: &Fence) {
    for query in queries(&bench.spec) {
        let expected = sorted(model.read(&query, None, ALL));
        assert_eq!(
            bench.read(&query, None, ALL),
            expected,
            "{query:?} under {fence:?}"
        );
    }
    let opened = bench.open(OpenMode::Read);
    assert_eq!(opened.serial, serial);
    assert_eq!(opened.next_id, model.next_id);
    assert_eq!(opened.memory, model.link);
    assert_eq!(opened.counts, model.counts());
}

/// The change a step makes now; `None` where it could not happen.
fn change(spec: &LinkSpec, model: &Memory, step: &Step) -> Option<Change> {
    Some(match step.clone() {
        Step::Observe(pair, side, state, dirty) => {
            // A key is of one pair at a time.
            let keys = Vec::from_iter(state.key.clone());
            match model.read(&Query::Heads(side, keys), None, ALL) {
                Rows::Heads(heads) if heads.iter().all(|head| head.id == pair) => {}
                _ => return None,
            }
            Change::Observe {
                pair,
                side,
                state,
                dirty,
            }
        }
        Step::Settle(pair, odd) => {
            let sides = model.pair(pair).map(|pair| pair.sides.clone());
            let base = strategies::base_of(&sides.unwrap_or_default(), &spec.mapping, odd);
            Change::Settle { pair, base }
        }
        Step::Attend(pair, dirty, standing) => Change::Attend {
            pair,
            dirty,
            standing,
        },
        Step::AttendAll => Change::AttendAll,
        Step::Wait(pair, awaited) => Change::Wait(wait(pair, &awaited)),
        Step::Join(keep, drop) if keep == drop => return None,
        Step::Join(keep, drop) => Change::Join { keep, drop },
        Step::Forget(pair) => Change::Forget(pair),
        Step::Memory(memory) => Change::Memory(memory),
        Step::Intent(intent) => Change::Intent(intent),
        Step::Conflict(conflict) => Change::Conflict(conflict),
        Step::Resolve(pair, field, side) => Change::Resolve {
            pair,
            field,
            resolution: Resolution::Keep(side),
        },
        Step::CloseConflict(pair, field) => Change::CloseConflict { pair, field },
        Step::Journal(entry) => Change::Journal(entry),
        Step::Run(run) => Change::Run(run),
        Step::Commit(_) | Step::Reopen => return None,
    })
}

fn step(spec: &LinkSpec) -> BoxedStrategy<Step> {
    let pair = || proptest::sample::select(pairs().collect::<Vec<_>>());
    let side = || prop_oneof![Just(Side::Left), Just(Side::Right)];
    let ids = |side: Side| -> Vec<FieldId> {
        let fields = spec.mapping.fields.iter();
        let mapped = fields.map(|field| field.ids[side].clone());
        mapped.chain([FieldId::new("nobody maps this")]).collect()
    };
    let (left, right) = (ids(Side::Left), ids(Side::Right));
    let names = left.clone();
    let field = || proptest::sample::select(left[..2].to_vec());
    let observe = {
        let left = left.clone();
        (pair(), side()).prop_flat_map(move |(pair, side)| {
            let fields = if side == Side::Left { &left } else { &right };
            let state = strategies::side_state(key(side, pair), fields);
            (Just(pair), Just(side), state, any::<bool>())
        })
    };
    let intent = ((1..7_u64).prop_map(IntentId), pair())
        .prop_flat_map(move |(id, pair)| strategies::intent(id, pair, &names[..2]));
    let conflict =
        (pair(), field()).prop_flat_map(|(pair, field)| strategies::conflict(pair, field));
    // Two in three bases are what the shadows show.
    let odd = prop_oneof![2 => Just(0_u64), 1 => any::<u64>()];
    prop_oneof![
        8 => observe.prop_map(|(pair, side, state, dirty)| Step::Observe(pair, side, state, dirty)),
        6 => (pair(), odd).prop_map(|(pair, odd)| Step::Settle(pair, odd)),
        3 => (pair(), any::<bool>(), strategies::standing())
            .prop_map(|(pair, dirty, standing)| Step::Attend(pair, dirty, standing)),
        1 => Just(Step::AttendAll),
        2 => (pair(), vec(0..4_u8, 0..3)).prop_map(|(pair, awaited)| Step::Wait(pair, awaited)),
        1 => (pair(), pair()).prop_map(|(keep, drop)| Step::Join(keep, drop)),
        1 => pair().prop_map(Step::Forget),
        1 => strategies::link_memory().prop_map(|memory| Step::Memory(Box::new(memory))),
        3 => intent.prop_map(Step::Intent),
        3 => conflict.prop_map(Step::Conflict),
        1 => (pair(), field(), side()).prop_map(|(pair, field, side)| Step::Resolve(pair, field, side)),
        1 => (pair(), field()).prop_map(|(pair, field)| Step::CloseConflict(pair, field)),
        2 => journal_entry(&left).prop_map(Step::Journal),
        1 => run_record().prop_map(Step::Run),
        5 => (0..99_u64).prop_map(Step::Commit),
        2 => Just(Step::Reopen),
    ]
    .boxed()
}

/// A pair that waits for records of another link.
fn wait(pair: PairId, awaited: &[u8]) -> Wait {
    let awaited = awaited.iter().map(|number| Awaited {
        link: LinkId::new("another"),
        side: if number % 2 == 0 {
            Side::Left
        } else {
            Side::Right
        },
        key: Key::durable(number.to_string()),
    });
    Wait {
        pair,
        awaited: awaited.collect(),
    }
}

fn journal_entry(fields: &[FieldId]) -> BoxedStrategy<JournalEntry> {
    let kind = proptest::sample::select(vec![
        CommandKind::Create,
        CommandKind::Patch,
        CommandKind::Trash,
        CommandKind::Untrash,
    ]);
    let side = prop_oneof![Just(Side::Left), Just(Side::Right)];
    let pair = proptest::sample::select(pairs().collect::<Vec<_>>());
    let field = proptest::option::of(proptest::sample::select(fields.to_vec()));
    let value = || proptest::option::of(strategies::value());
    (
        0..9_i64,
        0..9_i64,
        pair,
        side,
        kind,
        field,
        value(),
        value(),
    )
        .prop_map(
            |(run, at, pair, side, kind, field, before, after)| JournalEntry {
                run: RunId(Timestamp(run)),
                at: Timestamp(at),
                pair,
                side,
                kind,
                rule: "R05".into(),
                field,
                source: before.clone(),
                settled: None,
                before,
                after,
            },
        )
        .boxed()
}

fn run_record() -> BoxedStrategy<RunRecord> {
    (0..9_i64, 0..9_u64)
        .prop_map(|(id, settled)| RunRecord {
            id: RunId(Timestamp(id)),
            ended_at: Timestamp(id + 1),
            outcome: "clean".into(),
            settled,
            conflicts: 0,
            refused: 0,
            undoes: None,
        })
        .boxed()
}

/// Five pairs of which every query that can be paged shows some.
fn crowd(bench: &Bench) -> Vec<Change> {
    let mut changes = Vec::new();
    let fields = bench.fields(Side::Left);
    let one = |number: i64| Value::Number(number.into());
    for pair in pairs() {
        for side in Side::BOTH {
            changes.push(bench.seen(pair, side, "a"));
        }
        changes.push(Change::Attend {
            pair,
            dirty: true,
            standing: Some(Standing {
                state: crate::pair::RecordState::Parked,
                reason: "no such option".into(),
            }),
        });
        changes.push(Change::Wait(wait(pair, &[1])));
        for field in &fields[..2] {
            changes.push(Change::Conflict(Conflict {
                pair,
                field: field.clone(),
                base: None,
                values: crate::link::Sides::new(one(1), one(2)),
                opened_at: Timestamp(1),
                resolution: None,
            }));
        }
        changes.push(Change::Run(RunRecord {
            id: RunId(Timestamp(i64::try_from(pair.0).unwrap_or(0))),
            ended_at: Timestamp(9),
            outcome: "clean".into(),
            settled: 1,
            conflicts: 0,
            refused: 0,
            undoes: None,
        }));
        changes.push(Change::Intent(super::commits::intent(pair.0 + 10, pair)));
        changes.push(Change::Journal(JournalEntry {
            run: RunId(Timestamp(1)),
            at: Timestamp(5),
            pair,
            side: Side::Left,
            kind: CommandKind::Trash,
            rule: "R05".into(),
            field: None,
            before: None,
            after: None,
            source: None,
            settled: None,
        }));
    }
    changes
}

/// Rows as text, each with the number its bookmark takes.
fn rows(rows: &Rows) -> Vec<(u64, String)> {
    fn listed<T: std::fmt::Debug>(rows: &[T], id: impl Fn(&T) -> u64) -> Vec<(u64, String)> {
        let rows = rows.iter();
        rows.map(|row| (id(row), format!("{row:?}"))).collect()
    }
    match rows {
        Rows::Heads(heads) => listed(heads, |head| head.id.0),
        Rows::Ids(ids) => listed(ids, |id| id.0),
        Rows::Digests(digests) => listed(digests, |digests| digests.id.0),
        Rows::Pairs(pairs) => listed(pairs, |pair| pair.id.0),
        Rows::Intents(intents) => listed(intents, |intent| intent.id.0),
        Rows::Waits(waits) => listed(waits, |wait| wait.pair.0),
        Rows::Conflicts(conflicts) => listed(conflicts, |conflict| conflict.pair.0),
        Rows::Journal(entries) => listed(entries, |_| 0),
        Rows::Runs(runs) => listed(runs, |_| 0),
        Rows::Count(count) => vec![(0, count.to_string())],
    }
}
