//! Laws of commands that are carried out.

use super::bench::{Bench, Setup, patch};
use crate::port::{CommandKind, DeleteKind, Lookup, Outcome};
use crate::record::{Key, Lifecycle, Record};
use crate::schema::FieldType;
use crate::testkit::contract::{command, skip};
use crate::value::Value;

/// A create makes one live record with the cells named; a direct read by the receipt's key finds it.
pub fn a_create_answers_a_key_that_fetch_finds(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let one = bench
        .done(command(CommandKind::Create, None, bench.samples(1)))
        .key;
    let two = bench
        .done(command(CommandKind::Create, None, bench.samples(1)))
        .key;
    assert_ne!(one, two, "every create makes a record of its own");
    for key in [&one, &two] {
        let record = bench.here(key);
        assert_eq!(record.lifecycle, Lifecycle::Live);
        assert!(
            record.key == *key || key.is_provisional(),
            "a durable key stays"
        );
        for field in bench.writable() {
            reads_as(&record, field.id.as_str(), &bench.sample(field, 1));
        }
    }
}

/// What was written reads back the same to a person, and what reads back can be written and stays.
pub fn a_written_value_reads_back(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let key = bench.person_creates(0);
    for field in bench.writable() {
        for number in [1, 2, 3] {
            let value = bench.sample(field, number);
            bench.done(patch(&key, [(field.id.clone(), value.clone())]));
            let read = bench.here(&key);
            reads_as(&read, field.id.as_str(), &value);
            let normal = read.cells.complete(&field.id).cloned();
            let normal = normal.expect("a value just written is whole");
            assert_eq!(normal, normal.clone().canonical(), "{}", field.id);
            bench.done(patch(&key, [(field.id.clone(), normal.clone())]));
            let again = bench.here(&key);
            assert_eq!(
                again.cells.complete(&field.id),
                Some(&normal),
                "{}",
                field.id
            );
        }
    }
}

/// The record in a receipt, where there is one, is what a direct read shows right after.
pub fn a_receipt_shows_what_a_direct_read_shows(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let made = bench.done(command(CommandKind::Create, None, bench.samples(1)));
    let key = made.key.clone();
    agrees(&bench, made.observed, &key);
    let patched = bench.done(patch(&key, bench.samples(0)));
    agrees(&bench, patched.observed, &key);
    if bench.can().delete == DeleteKind::Soft {
        for kind in [CommandKind::Trash, CommandKind::Untrash] {
            let moved = bench.done(command(kind, Some(&key), []));
            assert_eq!(moved.key, key, "the key stays");
            agrees(&bench, moved.observed, &key);
        }
    }
}

/// A patch changes the cells it names and no others.
pub fn cells_not_named_stay_as_they_are(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let (key, other) = (bench.person_creates(0), bench.person_creates(2));
    let other_before = bench.content_of(&other);
    for named in bench.writable() {
        let before = bench.here(&key);
        bench.done(patch(&key, [(named.id.clone(), bench.sample(named, 1))]));
        let after = bench.here(&key);
        for field in bench.writable() {
            let same = before.cells.cell(&field.id) == after.cells.cell(&field.id);
            assert_eq!(
                same,
                field.id != named.id,
                "{} after a patch of {}",
                field.id,
                named.id
            );
        }
    }
    assert_eq!(bench.content_of(&other), other_before, "nor other records");
}

/// Writing nothing leaves a cell that reads as nothing.
pub fn empty_clears(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let key = bench.person_creates(1);
    for field in bench.writable() {
        // A record is always in some state.
        if matches!(field.ty, FieldType::Status(_)) {
            continue;
        }
        bench.done(patch(&key, [(field.id.clone(), Value::Empty)]));
        let record = bench.here(&key);
        let read = record.cells.complete(&field.id);
        let unticked = field.ty == FieldType::Checkbox && read == Some(&Value::Bool(false));
        assert!(
            unticked || read == Some(&Value::Empty),
            "{} is {read:?}",
            field.id
        );
    }
}

/// A second write of what is there already changes no content.
pub fn a_value_written_twice_is_written_once(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let key = bench.person_creates(0);
    bench.done(patch(&key, bench.samples(1)));
    let once = bench.content_of(&key);
    bench.done(patch(&key, bench.samples(1)));
    assert_eq!(bench.content_of(&key), once);
}

/// Trash and untrash move the record and keep its cells; where deletes are hard, it is gone.
pub fn trash_and_untrash_lead_where_they_say(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let key = bench.person_creates(1);
    let before = bench.content_of(&key);
    let move_it = |kind| bench.outcome(command(kind, Some(&key), []));
    match bench.can().delete {
        DeleteKind::None => {
            assert!(matches!(move_it(CommandKind::Trash), Outcome::Rejected(_)));
            assert_eq!(bench.content_of(&key), before);
        }
        DeleteKind::Hard => {
            assert!(matches!(move_it(CommandKind::Trash), Outcome::Done(_)));
            let answer = bench.fetch(std::slice::from_ref(&key)).remove(0);
            assert!(matches!(answer, Lookup::Absent(_)), "{answer:?}");
        }
        DeleteKind::Soft => {
            assert!(matches!(move_it(CommandKind::Trash), Outcome::Done(_)));
            assert_eq!(
                bench.content_of(&key),
                (Lifecycle::Trashed, before.1.clone())
            );
            assert!(matches!(move_it(CommandKind::Untrash), Outcome::Done(_)));
            assert_eq!(bench.content_of(&key), before);
            bench.done(command(CommandKind::Trash, Some(&key), []));
            bench.done(command(CommandKind::Untrash, Some(&key), bench.samples(0)));
            let back = bench.here(&key);
            assert_eq!(back.lifecycle, Lifecycle::Live);
            for field in bench.writable() {
                reads_as(&back, field.id.as_str(), &bench.sample(field, 0));
            }
        }
    }
}

/// A batch has as many outcomes as commands, and each belongs to the command at its place.
pub fn outcomes_come_one_per_command_in_order(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    if bench.can().max_batch == 1 {
        return skip("the peer takes one command at a time");
    }
    let keys = bench.populate(3);
    let commands = [
        patch(&keys[2], bench.samples(1)),
        command(CommandKind::Create, None, bench.samples(5)),
        patch(&keys[0], bench.samples(2)),
    ];
    let outcomes = bench.apply(&commands);
    let done: Vec<&Key> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Done(receipt) => &receipt.key,
            other => panic!("not done: {other:?}"),
        })
        .collect();
    assert_eq!((done[0], done[2]), (&keys[2], &keys[0]));
    assert!(
        !keys.contains(done[1]),
        "a create makes a record of its own"
    );
    for (key, number) in [(done[0], 1), (done[1], 5), (done[2], 2)] {
        let record = bench.here(key);
        for field in bench.writable() {
            reads_as(&record, field.id.as_str(), &bench.sample(field, number));
        }
    }
}

fn agrees(bench: &Bench, observed: Option<Record>, key: &Key) {
    if let Some(observed) = observed {
        assert_eq!(bench.content(&observed), bench.content_of(key));
    }
}

/// Whether a person reads this value in that field; peers may keep it in a form of their own.
fn reads_as(record: &Record, field: &str, value: &Value) {
    let cell = record.cells.iter().find(|(id, _)| id.as_str() == field);
    let read = cell.and_then(|(_, cell)| cell.complete());
    let read = read.map(Value::display);
    assert_eq!(read, Some(value.display()), "{field}");
}
