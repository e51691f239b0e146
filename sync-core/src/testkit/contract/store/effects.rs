//! Laws of commands that the store executes inside its commits.

use super::bench::{Bench, Setup};
use crate::link::Side;
use crate::pair::{PairId, Presence, RecordState, Standing};
use crate::port::{
    Call, Cancel, CellChange, Change, Command, CommandKind, Commit, Effect, FieldSet, Lookup,
    Outcome, Serial, StoreError,
};
use crate::record::{Cell, Key, Lifecycle, Record};
use crate::schema::{Access, Field, FieldId};
use crate::testkit::contract::{Colocated, Deed, command, skip};
use crate::value::Value;

const PAIR: PairId = PairId(1);

/// The colocated collection, with one of its fields that can be written.
struct Table<'a> {
    bench: &'a Bench,
    there: Colocated<'a>,
    fields: Vec<Field>,
}

impl<'a> Table<'a> {
    fn new(bench: &'a Bench) -> Option<Self> {
        let Some(there) = bench.world.colocated() else {
            skip("the store executes nothing itself");
            return None;
        };
        let cancel = Cancel::default();
        let description = bench.run(there.world.peer().describe(&Call::new(&cancel)));
        let mut fields = description.expect("describe answers").schema.fields;
        fields.retain(|field| {
            field.access == Access::Writable && there.world.sample(field, 0).is_some()
        });
        assert!(fields.len() > 1, "the suite needs two fields it can write");
        Some(Self {
            bench,
            there,
            fields,
        })
    }

    fn side(&self) -> Side {
        self.there.side
    }

    fn sample(&self, at: usize, number: u32) -> Value {
        let sample = self.there.world.sample(&self.fields[at], number);
        sample.expect("a field with one sample has more")
    }

    fn cells(&self, number: u32) -> Vec<(FieldId, Value)> {
        let fields = self.fields.iter().enumerate();
        fields
            .map(|(at, field)| (field.id.clone(), self.sample(at, number)))
            .collect()
    }

    /// The record as a direct read shows it.
    fn here(&self, key: &Key) -> Record {
        let cancel = Cancel::default();
        let call = Call::new(&cancel);
        let keys = std::slice::from_ref(key);
        let answer = self.there.world.peer().fetch(&call, keys, &FieldSet::All);
        match self.bench.run(answer).as_deref() {
            Ok([Lookup::Here(record)]) => record.clone(),
            other => panic!("{key} is not here: {other:?}"),
        }
    }

    fn effect(&self, command: Command) -> Effect {
        Effect {
            pair: PAIR,
            side: self.side(),
            command,
            then: vec![Change::Attend {
                pair: PAIR,
                dirty: false,
                standing: Some(Standing {
                    state: RecordState::Pending,
                    reason: "then".into(),
                }),
            }],
        }
    }

    fn create(&self, number: u32) -> Effect {
        self.effect(command(CommandKind::Create, None, self.cells(number)))
    }

    /// Makes the pair's record by an effect and answers its key.
    fn made(&self, fence: &crate::port::Fence, number: u32) -> Key {
        let source = self.bench.seen(PAIR, self.side().other(), "source");
        self.bench.commit(fence, vec![source]);
        let committed = self.bench.effects(fence, vec![self.create(number)]);
        match committed.effects.as_slice() {
            [Outcome::Done(receipt)] => receipt.key.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// A patch of one field that expects what this sample left there.
    fn patch(&self, key: &Key, at: usize, expected: u32, desired: u32) -> Command {
        let value = |number| self.sample(at, number);
        let mut patch = command(
            CommandKind::Patch,
            Some(key),
            [(self.fields[at].id.clone(), value(desired))],
        );
        patch.cells[0].expected = Some(value(expected));
        patch
    }

    fn edits(&self, key: &Key, at: usize, number: u32) {
        let cells = vec![(self.fields[at].id.clone(), self.sample(at, number))];
        let edited = self.there.world.person(&Deed::Edit(key.clone(), cells));
        assert!(edited.is_some(), "a person can edit records");
    }
}

/// Commands of every kind happen with the commit; their receipts are the shadow, present and
/// with its key, and what follows from them is remembered.
pub fn an_effect_is_done_and_remembered_with_its_commit(setup: Setup<'_>) {
    let (bench, fence) = Bench::opened(setup);
    let Some(table) = Table::new(&bench) else {
        return;
    };
    let key = table.made(&fence, 0);
    let patch = table.patch(&key, 0, 0, 1);
    let move_it = |kind| command(kind, Some(&key), []);
    let trash = move_it(CommandKind::Trash);
    let untrash = move_it(CommandKind::Untrash);
    for next in [None, Some(patch), Some(trash), Some(untrash)] {
        let trashed = next
            .as_ref()
            .is_some_and(|next| next.kind == CommandKind::Trash);
        if let Some(next) = next {
            let committed = bench.effects(&fence, vec![table.effect(next)]);
            assert!(matches!(committed.effects.as_slice(), [Outcome::Done(_)]));
        }
        let pair = bench.pair(PAIR);
        let side = &pair.sides[table.side()];
        let record = table.here(&key);
        assert_eq!(record.lifecycle == Lifecycle::Trashed, trashed);
        assert_eq!(side.key, Some(key.clone()));
        assert_eq!(side.presence, Presence::Present);
        // When it was edited last is nobody's business: it was our own write.
        let shadow = side.shadow.clone().map(Record::just_written);
        assert_eq!(shadow, Some(record.just_written()));
        assert!(!pair.dirty, "what follows says so");
        assert!(
            pair.standing
                .is_some_and(|standing| standing.reason == "then")
        );
    }
    assert_eq!(
        table.here(&key).cells.complete(&table.fields[0].id),
        Some(&table.sample(0, 1))
    );
}

/// An effect whose expected cells do not hold any more is stale: the row and the pair stay as they
/// are, and the rest of the commit goes through.
pub fn an_effect_gives_way_to_a_person_who_was_faster(setup: Setup<'_>) {
    let (bench, fence) = Bench::opened(setup);
    let Some(table) = Table::new(&bench) else {
        return;
    };
    let key = table.made(&fence, 0);
    let before = bench.pair(PAIR);
    table.edits(&key, 0, 1);
    let edited = table.here(&key);
    let stale = table.effect(table.patch(&key, 0, 0, 2));
    let mut holding = table.effect(command(CommandKind::Trash, Some(&key), []));
    let held = (table.fields[0].id.clone(), table.sample(0, 0));
    holding.command.holding.push(held);
    let commit = Commit {
        changes: vec![bench.seen(PairId(2), Side::Left, "beside")],
        effects: vec![stale, holding],
        ..Commit::default()
    };
    let committed = bench
        .try_commit(&fence, commit)
        .expect("the commit goes through");
    for outcome in &committed.effects {
        assert!(matches!(outcome, Outcome::Stale(_)), "{outcome:?}");
    }
    assert_eq!(table.here(&key), edited);
    assert_eq!(bench.pair(PAIR), before, "what follows is left out");
    bench.pair(PairId(2));
}

/// An effect beside a person's edit of another cell is done, and the pair stays dirty: its new
/// shadow shows the edit already, so nothing else would make the planner look.
pub fn an_effect_on_an_edited_row_leaves_the_pair_dirty(setup: Setup<'_>) {
    let (bench, fence) = Bench::opened(setup);
    let Some(table) = Table::new(&bench) else {
        return;
    };
    let key = table.made(&fence, 0);
    table.edits(&key, 1, 1);
    let effect = table.effect(table.patch(&key, 0, 0, 2));
    let committed = bench.effects(&fence, vec![effect]);
    assert!(matches!(committed.effects.as_slice(), [Outcome::Done(_)]));
    let pair = bench.pair(PAIR);
    assert!(
        pair.dirty,
        "somebody edited the row since it was last observed"
    );
    let shadow = pair.sides[table.side()].shadow.as_ref();
    let cell = shadow.and_then(|shadow| shadow.cells.cell(&table.fields[1].id));
    assert_eq!(
        cell,
        Some(&Cell::Complete(table.sample(1, 1))),
        "the edit is kept"
    );
}

/// A command that the collection refuses costs itself: the others of the commit are done.
pub fn a_refused_effect_costs_itself(setup: Setup<'_>) {
    let (bench, fence) = Bench::opened(setup);
    let Some(table) = Table::new(&bench) else {
        return;
    };
    let key = table.made(&fence, 0);
    let mut bad = table.patch(&key, 1, 0, 1);
    bad.cells.push(CellChange {
        field: FieldId::new("no such field"),
        expected: None,
        desired: Value::text("x"),
    });
    let fine = table.effect(table.patch(&key, 0, 0, 1));
    let committed = bench.effects(&fence, vec![table.effect(bad), fine]);
    assert!(
        matches!(committed.effects[0], Outcome::Rejected(_)),
        "{committed:?}"
    );
    assert!(
        matches!(committed.effects[1], Outcome::Done(_)),
        "{committed:?}"
    );
    let row = table.here(&key);
    assert_eq!(
        row.cells.complete(&table.fields[0].id),
        Some(&table.sample(0, 1))
    );
    assert_eq!(
        row.cells.complete(&table.fields[1].id),
        Some(&table.sample(1, 0))
    );
}

/// A commit that is refused, for its serial or its fence, executes nothing.
pub fn a_commit_that_fails_has_no_effect(setup: Setup<'_>) {
    let (bench, fence) = Bench::opened(setup);
    let Some(table) = Table::new(&bench) else {
        return;
    };
    let key = table.made(&fence, 0);
    let (row, before) = (table.here(&key), bench.everything());
    let commit = |expect| Commit {
        expect,
        effects: vec![table.effect(table.patch(&key, 0, 0, 1))],
        ..Commit::default()
    };
    let moved = bench.try_commit(&fence, commit(Some(Serial(u64::MAX))));
    assert!(matches!(moved, Err(StoreError::SerialMoved)), "{moved:?}");
    let mut stranger = fence.clone();
    stranger.number += 1;
    let fenced = bench.try_commit(&stranger, commit(None));
    assert!(matches!(fenced, Err(StoreError::Fenced)), "{fenced:?}");
    assert_eq!(table.here(&key), row);
    assert_eq!(bench.everything(), before);
}
