//! Laws of opening, reading and committing.

use std::ops::Bound;

use super::bench::{ALL, Bench, Setup, key, pairs, queries, within};
use crate::conflict::{Conflict, Resolution};
use crate::link::{LinkId, Side, Sides};
use crate::outbox::{Intent, IntentId, IntentState};
use crate::pair::{PairDigests, PairId, Presence, SideState};
use crate::port::{
    Change, Command, CommandKind, Commit, OpenMode, PlaceId, Query, Rows, Serial, StoreError,
};
use crate::record::Timestamp;
use crate::testkit::contract::{AWAITS, polled, skip};
use crate::value::Value;

const PAIR: PairId = PairId(1);

/// Reading a link that was never opened answers empty rows, and opening it to read answers a link
/// without memory.
pub fn a_link_nobody_knows_is_empty(setup: Setup<'_>) {
    let mut bench = Bench::new(setup);
    bench.spec.id = LinkId::new("nobody knows this");
    for query in queries(&bench.spec) {
        let empty = crate::memory::Memory::default().read(&query, None, ALL);
        assert_eq!(bench.read(&query, None, ALL), empty, "{query:?}");
    }
    let opened = bench.open(OpenMode::Read);
    assert_eq!(opened.next_id, 1);
    assert_eq!(opened.counts, Default::default());
    assert_eq!(opened.memory, Default::default());
}

/// What is committed for one link is not read for another of the same store.
pub fn links_do_not_see_each_other(setup: Setup<'_>) {
    let (mut bench, fence) = Bench::opened(setup);
    bench.commit(&fence, vec![bench.seen(PAIR, Side::Left, "ours")]);
    let ours = bench.everything();
    let one = std::mem::replace(&mut bench.spec.id, LinkId::new("another"));
    let other = bench.begin();
    assert_eq!(bench.read(&Query::All, None, ALL), Rows::Pairs(Vec::new()));
    bench.commit(&other, vec![bench.seen(PAIR, Side::Left, "theirs")]);
    bench.commit(&other, vec![Change::Forget(PAIR)]);
    bench.spec.id = one;
    assert_eq!(bench.everything().1, ours.1);
}

/// A dry run may look as often as it likes.
pub fn opening_to_read_writes_nothing(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let before = bench.open(OpenMode::Read);
    assert_eq!(bench.open(OpenMode::Read), before);
    let fence = bench.begin();
    let serial = bench.commit(&fence, vec![bench.seen(PAIR, Side::Left, "a")]);
    let opened = bench.open(OpenMode::Read);
    assert_eq!(opened.serial, serial);
    assert_eq!(bench.open(OpenMode::Read), opened);
    let next = bench.commit(&fence, Vec::new());
    assert_eq!(next, Serial(serial.0 + 1), "looking is no commit");
}

/// Live pairs are found by where their records stand, borders included or not as asked; those of
/// which it is not known are in no slice.
pub fn a_slice_answers_those_whose_rank_lies_in_it(setup: Setup<'_>) {
    let (bench, fence) = Bench::opened(setup);
    for pair in pairs() {
        bench.commit(&fence, vec![bench.seen(pair, Side::Left, "a")]);
    }
    let found = |query: Query| match bench.read(&query, None, ALL) {
        Rows::Ids(ids) => ids.iter().map(|id| id.0).collect::<Vec<_>>(),
        other => panic!("{query:?} is answered with {other:?}"),
    };
    let slice = |side, from, to| found(Query::LiveWithin(side, within(from, to)));
    let side = Side::Left;
    assert_eq!(
        slice(side, Bound::Unbounded, Bound::Unbounded),
        [1, 2, 3, 5]
    );
    assert_eq!(
        slice(side, Bound::Included("1"), Bound::Excluded("2")),
        [2, 3]
    );
    assert_eq!(
        slice(side, Bound::Excluded("0"), Bound::Included("1")),
        [2, 3]
    );
    assert_eq!(slice(side, Bound::Excluded("1"), Bound::Unbounded), [5]);
    assert_eq!(slice(side, Bound::Unbounded, Bound::Excluded("1")), [1]);
    assert_eq!(found(Query::LiveUnranked(side)), [4]);
    assert!(slice(Side::Right, Bound::Unbounded, Bound::Unbounded).is_empty());
    let keys = pairs().map(|pair| key(side, pair)).collect();
    match bench.read(&Query::Heads(side, keys), None, ALL) {
        Rows::Heads(heads) => {
            let ranked = heads.iter().filter(|head| head.ranked[side]);
            assert_eq!(ranked.count(), 4, "a head says whether a rank is known");
        }
        other => panic!("{other:?}"),
    }
}

/// A store that was copied beside another collection would write the one's records into the other.
pub fn a_link_made_for_other_places_is_refused(setup: Setup<'_>) {
    let (mut bench, fence) = Bench::opened(setup);
    bench.commit(&fence, vec![bench.seen(PAIR, Side::Left, "a")]);
    let places = bench.spec.places.clone();
    for side in Side::BOTH {
        bench.spec.places[side] = PlaceId::new("contract:elsewhere");
        for mode in [OpenMode::Read, OpenMode::Write] {
            let refused = bench.run(bench.store().open(&bench.spec, mode));
            assert!(
                matches!(&refused, Err(StoreError::Copied { .. })),
                "{refused:?}"
            );
        }
        bench.spec.places = places.clone();
    }
    assert!(
        bench
            .run(bench.store().open(&bench.spec, OpenMode::Write))
            .is_ok()
    );
}

/// Digests are those of the records as they were last seen, in order of pairs; a side that shows
/// no record has none, whatever is remembered of it.
pub fn digests_are_of_what_is_there(setup: Setup<'_>) {
    let (bench, fence) = Bench::opened(setup);
    let (first, second) = (PairId(3), PairId(1));
    let seen = |pair, side, text: &str| bench.seen(pair, side, text);
    let gone = |change: Change| match change {
        Change::Observe {
            pair, side, state, ..
        } => Change::Observe {
            pair,
            side,
            state: SideState {
                presence: Presence::Gone,
                ..state
            },
            dirty: true,
        },
        other => other,
    };
    let changes = vec![
        seen(first, Side::Left, "a"),
        seen(first, Side::Right, "b"),
        seen(second, Side::Left, "a"),
        seen(second, Side::Left, "c"),
        gone(seen(second, Side::Right, "d")),
    ];
    bench.commit(&fence, changes);
    let digest = |pair, side, text: &str| match seen(pair, side, text) {
        Change::Observe { state, .. } => state.shadow.map(|record| record.digest()),
        _ => None,
    };
    let expected = vec![
        PairDigests {
            id: second,
            seen: Sides::new(digest(second, Side::Left, "c"), None),
        },
        PairDigests {
            id: first,
            seen: Sides::from_fn(|side| {
                digest(first, side, if side == Side::Left { "a" } else { "b" })
            }),
        },
    ];
    let rows = bench.read(&Query::Digests, None, ALL);
    assert_eq!(rows, Rows::Digests(expected));
}

/// Every commit that goes through has the next number, an empty one too; one that fails has none.
pub fn the_serial_grows_by_one_with_each_commit(setup: Setup<'_>) {
    let (bench, fence) = Bench::opened(setup);
    let first = bench.commit(&fence, Vec::new());
    let missed = Commit {
        expect: Some(Serial(first.0 + 7)),
        ..Commit::default()
    };
    assert!(bench.try_commit(&fence, missed).is_err());
    let second = bench.commit(&fence, vec![bench.seen(PAIR, Side::Left, "a")]);
    assert_eq!(second, Serial(first.0 + 1));
    assert_eq!(bench.open(OpenMode::Read).serial, second);
}

/// A commit planned on another state is refused by name and leaves no trace.
pub fn a_commit_that_expects_another_serial_changes_nothing(setup: Setup<'_>) {
    let (bench, fence) = Bench::opened(setup);
    let serial = bench.commit(&fence, vec![bench.seen(PAIR, Side::Left, "a")]);
    let before = bench.everything();
    let commit = |expect| Commit {
        expect: Some(expect),
        next_id: 50,
        changes: vec![
            bench.seen(PAIR, Side::Left, "b"),
            Change::Intent(intent(7, PAIR)),
        ],
        effects: Vec::new(),
    };
    for other in [Serial(serial.0 + 1), Serial(serial.0.wrapping_sub(1))] {
        let refused = bench.try_commit(&fence, commit(other));
        assert!(
            matches!(refused, Err(StoreError::SerialMoved)),
            "{refused:?}"
        );
        assert_eq!(bench.everything(), before);
    }
    assert!(bench.try_commit(&fence, commit(serial)).is_ok());
    assert_ne!(bench.everything(), before);
}

/// The next unused id grows or stays, whatever a commit says.
pub fn ids_are_never_handed_out_again(setup: Setup<'_>) {
    let (bench, fence) = Bench::opened(setup);
    for (said, kept) in [(0, 1), (40, 40), (12, 40), (41, 41)] {
        let commit = Commit {
            next_id: said,
            ..Commit::default()
        };
        assert!(bench.try_commit(&fence, commit).is_ok());
        assert_eq!(bench.open(OpenMode::Read).next_id, kept);
        assert_eq!(bench.open(OpenMode::Write).next_id, kept);
    }
}

/// Intents come back while something is to be done about them; dead ones on request.
pub fn intents_are_read_until_they_are_final(setup: Setup<'_>) {
    for state in IntentState::ALL {
        let (bench, fence) = Bench::opened(setup);
        let mut moved = intent(7, PAIR);
        bench.commit(&fence, vec![Change::Intent(moved.clone())]);
        moved.state = state;
        bench.commit(&fence, vec![Change::Intent(moved.clone())]);
        let listed = |dead| bench.read(&Query::Intents { dead }, None, ALL);
        let there = Rows::Intents(vec![moved.clone()]);
        let gone = Rows::Intents(Vec::new());
        let (open, dead) = match state {
            IntentState::Settled | IntentState::Dropped => (&gone, &gone),
            IntentState::Dead => (&gone, &there),
            IntentState::Planned | IntentState::Attempting | IntentState::Ambiguous => {
                (&there, &there)
            }
        };
        assert_eq!((&listed(false), &listed(true)), (open, dead), "{state:?}");
    }
}

/// A decision wakes its pair and stays while the conflict is about the same values; nobody has
/// decided about a later edit. A conflict is open since it was first seen, and goes with its pair.
pub fn a_decision_counts_for_the_values_it_was_about(setup: Setup<'_>) {
    let (bench, fence) = Bench::opened(setup);
    let field = bench.fields(Side::Left)[0].clone();
    let conflict = |right: i64, at| Conflict {
        pair: PAIR,
        field: field.clone(),
        base: None,
        values: Sides::new(Value::text("left"), Value::Number(right.into())),
        opened_at: Timestamp(at),
        resolution: None,
    };
    let listed = || match bench.read(&Query::Conflicts, None, ALL) {
        Rows::Conflicts(conflicts) => conflicts,
        other => panic!("{other:?}"),
    };
    let keep = Resolution::Keep(Side::Right);
    let clean = Change::Attend {
        pair: PAIR,
        dirty: false,
        standing: None,
    };
    let seen = bench.seen(PAIR, Side::Left, "a");
    bench.commit(&fence, vec![seen, Change::Conflict(conflict(1, 3)), clean]);
    let decide = Change::Resolve {
        pair: PAIR,
        field: field.clone(),
        resolution: keep.clone(),
    };
    bench.commit(&fence, vec![decide]);
    assert!(bench.pair(PAIR).dirty, "the planner has to look");
    bench.commit(&fence, vec![Change::Conflict(conflict(1, 5))]);
    let mut decided = conflict(1, 3);
    decided.resolution = Some(keep);
    assert_eq!(listed(), [decided], "said about these values");
    bench.commit(&fence, vec![Change::Conflict(conflict(2, 6))]);
    assert_eq!(
        listed(),
        [conflict(2, 3)],
        "nobody decided about a later edit"
    );
    let close = Change::CloseConflict {
        pair: PAIR,
        field: field.clone(),
    };
    bench.commit(&fence, vec![close]);
    assert_eq!(listed(), []);
    bench.commit(
        &fence,
        vec![Change::Conflict(conflict(2, 6)), Change::Forget(PAIR)],
    );
    assert_eq!(listed(), [], "no pair, no conflict");
}

/// A commit whose caller is gone is whole or nothing, and the store goes on.
pub fn a_commit_dropped_at_any_await_is_whole_or_nothing(setup: Setup<'_>) {
    for awaits in 0..AWAITS {
        let (bench, fence) = Bench::opened(setup);
        let (one, two) = (PairId(1), PairId(2));
        let commit = Commit {
            changes: vec![
                bench.seen(one, Side::Left, "a"),
                bench.seen(two, Side::Left, "a"),
            ],
            ..Commit::default()
        };
        bench.run(polled(awaits, bench.store().commit(&fence, commit)));
        match bench.read(&Query::All, None, ALL) {
            Rows::Pairs(pairs) => assert!(matches!(pairs.len(), 0 | 2), "{pairs:?}"),
            other => panic!("{other:?}"),
        }
        bench.commit(&fence, vec![bench.seen(two, Side::Right, "b")]);
        assert!(bench.pair(two).sides.right.shadow.is_some());
    }
}

/// What a commit answered `Ok` for is there in the next process, under a lease of its own.
pub fn what_was_committed_survives_the_process(setup: Setup<'_>) {
    let (mut bench, fence) = Bench::opened(setup);
    let changes = vec![
        bench.seen(PAIR, Side::Left, "a"),
        Change::Intent(intent(7, PAIR)),
    ];
    bench.commit(&fence, changes);
    let before = bench.everything();
    if !bench.world.reopen() {
        return skip("the store ends with its handle");
    }
    assert_eq!(bench.everything(), before, "the lineage too");
    let next = bench.begin();
    assert!(
        next.number > fence.number,
        "a later owner has a later fence"
    );
    let late = bench.try_commit(&fence, Commit::default());
    assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
    bench.commit(&next, vec![bench.seen(PAIR, Side::Right, "b")]);
}

/// An intent about to leave.
pub(super) fn intent(id: u64, pair: PairId) -> Intent {
    Intent {
        id: IntentId(id),
        pair,
        side: Side::Left,
        rule: "R02".into(),
        command: Command {
            kind: CommandKind::Patch,
            key: Some(key(Side::Left, pair)),
            cells: Vec::new(),
            holding: Vec::new(),
        },
        fields: Vec::new(),
        marker: None,
        state: IntentState::Planned,
        attempts: 0,
        attempted_at: None,
        note: None,
        edit: false,
        due_at: None,
        refusal: None,
        ended_at: None,
    }
}
