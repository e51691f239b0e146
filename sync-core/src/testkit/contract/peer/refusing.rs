//! Laws of commands that are refused: nothing of them happens.

use super::bench::{Bench, Setup, patch};
use crate::port::{
    Atomicity, Call, Cancel, CommandKind, Outcome, PeerError, ScanFrom, Sent, UpdateSafety,
};
use crate::record::{Cell, Key};
use crate::schema::{Access, FieldId, FieldType, SchemaChange, SchemaVersion};
use crate::testkit::contract::{Deed, command, skip};
use crate::value::{Digest, Value};

/// Where the peer compares, a written or held cell that is not as expected, and a patch of a record
/// in the trash, are stale: nothing changes. Where all is as expected, the command is done.
pub fn an_expected_cell_that_does_not_hold_is_stale(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    if bench.can().update != UpdateSafety::CompareAndSwap {
        return skip("the peer does not compare; the engine reads first");
    }
    let key = bench.person_creates(0);
    let record = bench.here(&key);
    for field in bench.writable() {
        let before = bench.content_of(&key);
        let value = |number| bench.sample(field, number);
        let stale = |command, what: &str| {
            match bench.outcome(command) {
                Outcome::Stale(Some(current)) => assert_eq!(bench.content(&current), before),
                Outcome::Stale(None) => {}
                other => panic!("{what} of {}: {other:?}", field.id),
            }
            assert_eq!(bench.content_of(&key), before, "{what} of {}", field.id);
        };
        let mut wrong = patch(&key, [(field.id.clone(), value(1))]);
        wrong.cells[0].expected = Some(value(1));
        stale(wrong, "a patch");
        for kind in [CommandKind::Patch, CommandKind::Trash] {
            let mut wrong = command(kind, Some(&key), []);
            wrong.holding.push((field.id.clone(), value(1)));
            stale(wrong, "a held cell");
        }
        let now = record.cells.complete(&field.id).cloned();
        let mut right = patch(&key, [(field.id.clone(), value(0))]);
        right.cells[0].expected = now.clone();
        right.holding.extend(now.map(|now| (field.id.clone(), now)));
        bench.done(right);
    }
    if bench.person(Deed::Trash(key.clone())).is_some() {
        let outcome = bench.outcome(patch(&key, bench.samples(1)));
        let gone = matches!(outcome, Outcome::Stale(_) | Outcome::Rejected(_));
        assert!(gone, "a patch belongs to a live record: {outcome:?}");
    }
}

/// A field that is not in the schema rejects its command, cells that could be written included.
pub fn an_unknown_field_is_rejected_and_nothing_changes(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let key = bench.person_creates(0);
    let before = bench.content_of(&key);
    let mut cells = bench.samples(1);
    cells.push(unknown_cell());
    let outcome = bench.outcome(patch(&key, cells.clone()));
    assert!(matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
    assert_eq!(bench.content_of(&key), before);
    let outcome = bench.outcome(command(CommandKind::Create, None, cells));
    assert!(matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
    bench.settle();
    assert_eq!(bench.scan(ScanFrom::full(), 10).live(), [key]);
}

/// A field that commands may not write reads after a command as before. Rejecting is the rule; a
/// place that shows another side's computed values takes them and never reads them back.
pub fn what_the_place_computes_is_not_changed_by_a_command(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let fields = bench.schema().fields.iter();
    let closed: Vec<_> = fields
        .filter(|field| field.access != Access::Writable)
        .collect();
    if closed.is_empty() {
        return skip("every field can be written");
    }
    let key = bench.person_creates(0);
    for field in closed {
        let before = bench.here(&key);
        let outcome = bench.outcome(patch(&key, [(field.id.clone(), Value::text("mine"))]));
        let after = bench.here(&key);
        assert_eq!(
            before.cells.cell(&field.id),
            after.cells.cell(&field.id),
            "{}",
            field.id
        );
        assert_eq!(
            bench.content(&before),
            bench.content(&after),
            "{}",
            field.id
        );
        let never_read = before.cells.cell(&field.id) == Some(&Cell::Unread);
        let fine = matches!(outcome, Outcome::Rejected(_)) || never_read;
        assert!(fine, "{}: {outcome:?}", field.id);
    }
}

/// Commands on a record that is not there are rejected or stale, and make none.
pub fn a_command_on_no_record_does_nothing(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let here = bench.person_creates(0);
    let mut nowhere = vec![Key::durable("no such record")];
    let purged = bench.person_creates(1);
    let mut live = vec![here];
    match bench.person(Deed::Purge(purged.clone())) {
        Some(key) => nowhere.push(key),
        None => live.push(purged),
    }
    live.sort();
    for key in &nowhere {
        for kind in [CommandKind::Patch, CommandKind::Trash, CommandKind::Untrash] {
            let cells = if kind == CommandKind::Patch {
                bench.samples(2)
            } else {
                Vec::new()
            };
            let outcome = bench.outcome(command(kind, Some(key), cells));
            let nothing = matches!(outcome, Outcome::Rejected(_) | Outcome::Stale(None));
            assert!(nothing, "{kind:?} of {key}: {outcome:?}");
        }
    }
    bench.settle();
    assert_eq!(bench.scan(ScanFrom::full(), 10).live(), live);
}

/// In a batch where each command stands for itself, a refusal costs that command only.
pub fn one_refused_command_costs_itself(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let keys = bench.populate(3);
    let before = bench.content_of(&keys[1]);
    let mut bad = bench.samples(1);
    bad.push(unknown_cell());
    let outcomes = bench.apply(&[
        patch(&keys[0], bench.samples(1)),
        patch(&keys[1], bad),
        patch(&keys[2], bench.samples(1)),
    ]);
    assert!(matches!(outcomes[0], Outcome::Done(_)), "{outcomes:?}");
    assert!(matches!(outcomes[1], Outcome::Rejected(_)), "{outcomes:?}");
    assert!(matches!(outcomes[2], Outcome::Done(_)), "{outcomes:?}");
    assert_eq!(bench.content_of(&keys[1]), before);
    assert_eq!(bench.content_of(&keys[0]), bench.content_of(&keys[2]));
}

/// A batch that stands or falls as one does so, or is refused before anything is sent.
pub fn all_or_nothing_is_that_or_refused(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    if bench.can().max_batch == 1 {
        return skip("the peer takes one command at a time");
    }
    let keys = bench.populate(3);
    let before: Vec<_> = keys.iter().map(|key| bench.content_of(key)).collect();
    let unchanged = || {
        keys.iter()
            .zip(&before)
            .all(|(key, was)| bench.content_of(key) == *was)
    };
    let batch = |middle| {
        let ends = |at: usize| patch(&keys[at], bench.samples(7));
        bench.try_apply(Atomicity::AllOrNothing, vec![ends(0), middle, ends(2)])
    };
    match batch(patch(&keys[1], [unknown_cell()])) {
        Ok(outcomes) => {
            let done = |outcome: &Outcome| matches!(outcome, Outcome::Done(_));
            assert!(!outcomes.iter().any(done), "{outcomes:?}");
        }
        Err(error) => sent_nothing(&error),
    }
    assert!(
        unchanged(),
        "one bad command, and all of the batch is left out"
    );
    match batch(patch(&keys[1], bench.samples(7))) {
        Ok(outcomes) => {
            let done = |outcome: &Outcome| matches!(outcome, Outcome::Done(_));
            assert!(outcomes.iter().all(done), "{outcomes:?}");
            let now = bench.content_of(&keys[0]);
            assert!(now != before[0] && now == bench.content_of(&keys[2]));
        }
        Err(error) => {
            sent_nothing(&error);
            assert!(unchanged(), "refused, and nothing changed");
        }
    }
}

/// Schema changes add and rename and take nothing away, or are refused; against another schema than
/// expected they do nothing.
pub fn alter_adds_or_refuses(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let key = bench.person_creates(1);
    let content = bench.content_of(&key);
    let change = SchemaChange::AddField {
        name: "Added by contract".into(),
        ty: FieldType::RichText,
    };
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    let alter = |expect: &SchemaVersion| {
        bench.run(
            bench
                .peer()
                .alter(&call, expect, std::slice::from_ref(&change)),
        )
    };
    match alter(&SchemaVersion(Digest::of(b"another schema"))) {
        Ok(outcomes) => assert!(
            matches!(
                outcomes.as_slice(),
                [Outcome::Stale(_) | Outcome::Rejected(_)]
            ),
            "{outcomes:?}"
        ),
        Err(error) => sent_nothing(&error),
    }
    assert_eq!(
        bench.describe(),
        bench.description,
        "another schema was expected"
    );
    let added = match alter(&bench.schema().version()) {
        Ok(outcomes) => match outcomes.as_slice() {
            [Outcome::Done(_)] => true,
            [Outcome::Rejected(_)] => false,
            other => panic!("{other:?}"),
        },
        Err(error) => {
            sent_nothing(&error);
            false
        }
    };
    let now = bench.describe().schema;
    assert_eq!(now.by_name("Added by contract").is_some(), added);
    for field in &bench.schema().fields {
        assert_eq!(now.field(&field.id), Some(field), "what was there stays");
    }
    assert_eq!(bench.content_of(&key), content, "values stay");
}

fn unknown_cell() -> (FieldId, Value) {
    (FieldId::new("no such field"), Value::text("x"))
}

fn sent_nothing(error: &PeerError) {
    assert_eq!(error.sent, Sent::No, "a refusal is certain: {error}");
}
