//! Laws of describe, full scans, fetch and find.

use std::collections::BTreeSet;

use super::bench::{Bench, PAGES, Setup};
use crate::port::{Absence, Call, Cancel, Coverage, DeleteKind, FieldSet, Lookup, ScanFrom, Scope};
use crate::port::{Next, Sighting};
use crate::record::{Cell, Key, Lifecycle, Record};
use crate::schema::{Field, FieldType};
use crate::testkit::contract::{Deed, skip};
use crate::value::Value;

/// The place has a name, and whatever happens it stays the same.
pub fn the_place_is_constant(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let place = bench.peer().place().clone();
    assert!(!place.as_str().is_empty(), "a place has a name");
    let keys = bench.populate(2);
    bench.scan(ScanFrom::full(), 1);
    bench.fetch(&keys);
    assert_eq!(*bench.peer().place(), place);
}

/// Two descriptions of one collection are equal, ids stand once, and scans show no other fields.
pub fn the_description_is_stable_and_names_all_that_scans_show(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let ids: Vec<_> = bench
        .schema()
        .fields
        .iter()
        .map(|field| &field.id)
        .collect();
    let unique: BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "every field has its own id");
    let can = bench.can();
    assert!(can.max_batch > 0 && can.max_fetch > 0 && can.max_find > 0);
    bench.populate(3);
    bench.settle();
    assert_eq!(bench.describe(), bench.description);
    let scan = bench.scan(ScanFrom::full(), 2);
    assert_eq!(scan.seen.len(), 3);
    for record in scan.seen {
        for (field, _) in record.cells.iter() {
            assert!(
                bench.schema().field(field).is_some(),
                "{field} is in no schema"
            );
        }
        for field in bench.writable() {
            let cell = record.cells.cell(&field.id);
            assert!(
                matches!(cell, Some(Cell::Complete(_))),
                "{} was asked for, can be read and is {cell:?}",
                field.id
            );
        }
    }
}

/// Live records come exactly once for any page size, trashed and purged ones never as live, and the
/// end of so small a scan proves that this was all.
pub fn a_full_scan_shows_every_live_record_once_whatever_the_page(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let empty = bench.scan(ScanFrom::full(), 10);
    assert!(empty.seen.is_empty() && empty.bad.is_empty());
    assert_eq!(empty.coverage, Coverage::Complete(Scope::All));
    let mut keys = bench.populate(9);
    let trashed = keys.remove(3);
    if bench.person(Deed::Trash(trashed.clone())).is_none() {
        keys.push(trashed);
    }
    let purged = keys.remove(5);
    if bench.person(Deed::Purge(purged.clone())).is_none() {
        keys.push(purged);
    }
    keys.sort();
    bench.settle();
    for page in PAGES {
        let scan = bench.scan(ScanFrom::full(), page);
        assert_eq!(scan.live(), keys, "in pages of {page}");
        assert_eq!(scan.coverage, Coverage::Complete(Scope::All));
        assert!(scan.bad.is_empty(), "{:?}", scan.bad);
        for key in &keys {
            let shown = scan.record(key).map(|record| bench.content(record));
            assert_eq!(
                shown,
                Some(bench.content_of(key)),
                "a scan shows what a read shows"
            );
        }
    }
}

/// Fields that were not asked for come back unread, in scans and in direct reads; never as cleared.
pub fn cells_not_asked_for_are_unread(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let key = bench.person_creates(1);
    bench.settle();
    let whole = bench.here(&key);
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    let check = |record: &Record, asked: &Field| {
        assert_eq!(record.cells.cell(&asked.id), whole.cells.cell(&asked.id));
        for field in bench
            .schema()
            .fields
            .iter()
            .filter(|field| field.id != asked.id)
        {
            let cell = record.cells.cell(&field.id);
            assert_eq!(cell, Some(&Cell::Unread), "{} was not asked for", field.id);
        }
    };
    for asked in bench.writable() {
        let fields = FieldSet::Only(vec![asked.id.clone()]);
        match bench
            .fetch_fields(std::slice::from_ref(&key), &fields)
            .remove(0)
        {
            Lookup::Here(record) => check(&record, asked),
            other => panic!("{other:?}"),
        }
        let page = bench.run(bench.peer().scan(&call, &ScanFrom::full(), &fields, 10));
        let page = page.expect("scan answers");
        assert!(matches!(page.next, Next::End { .. }));
        match page.items.as_slice() {
            [Sighting::Seen(record)] => check(record, asked),
            other => panic!("{other:?}"),
        }
    }
}

/// One answer per key, in order, repeated keys and unknown keys included.
pub fn fetch_answers_each_key_in_the_order_asked(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let keys = bench.populate(3);
    let mut unknown = vec![Key::durable("no such record"), Key::durable("")];
    let purged = bench.person_creates(9);
    if bench.person(Deed::Purge(purged.clone())).is_some() {
        unknown.push(purged);
    }
    for unknown in unknown {
        let asked = [&keys[2], &unknown, &keys[0], &keys[2]].map(Key::clone);
        let answers = bench.fetch(&asked);
        for (key, answer) in asked.iter().zip(answers) {
            match answer {
                Lookup::Here(record) => assert_eq!(record.key, *key, "the order asked"),
                Lookup::Absent(absence) => {
                    assert_eq!(*key, unknown);
                    assert_eq!(absence, bench.can().absence, "as the capabilities say");
                }
                Lookup::Denied => assert_eq!(bench.can().absence, Absence::Ambiguous),
                Lookup::Elsewhere(place) => panic!("{key} is said to be in {place}"),
            }
        }
    }
    assert!(bench.fetch(&[]).is_empty());
}

/// A direct read shows a record in the trash as trashed, and as live once it is restored.
pub fn a_record_in_the_trash_is_seen_there(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let key = bench.person_creates(0);
    let (_, cells) = bench.content_of(&key);
    if bench.person(Deed::Trash(key.clone())).is_none() {
        return skip("nobody can trash a record there");
    }
    if bench.can().delete != DeleteKind::Soft {
        let answer = bench.fetch(std::slice::from_ref(&key)).remove(0);
        assert_eq!(answer, Lookup::Absent(bench.can().absence));
        return;
    }
    assert_eq!(bench.content_of(&key), (Lifecycle::Trashed, cells.clone()));
    if bench.person(Deed::Restore(key.clone())).is_none() {
        return skip("nobody can restore a record there");
    }
    assert_eq!(bench.content_of(&key), (Lifecycle::Live, cells));
}

/// Searches answer one list per value: all live records that hold it and no others.
pub fn find_is_exact_and_answers_each_value(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let by_words = |field: &&Field| {
        use FieldType::{Email, Phone, RichText, Text, Title, Url};
        matches!(field.ty, Title | RichText | Text | Url | Email | Phone)
    };
    let fields: Vec<_> = bench.writable().into_iter().filter(by_words).collect();
    if fields.is_empty() {
        return skip("no field holds words to search for");
    }
    let one = bench.person_creates(1);
    let mut twins = vec![bench.person_creates(2), bench.person_creates(2)];
    twins.sort();
    let trashed = bench.person_creates(3);
    let trashes = bench.person(Deed::Trash(trashed.clone())).is_some();
    // Words that look like a value of another kind.
    let mut odd = bench.samples(4);
    for (id, value) in &mut odd {
        if fields.iter().any(|field| field.id == *id) {
            *value = Value::text("1");
        }
    }
    bench.person(Deed::Create(odd));
    bench.settle();
    for field in fields {
        let sample = |number| bench.sample(field, number);
        let mut start = sample(1).display();
        start.pop();
        let values = [
            sample(2),
            sample(8),
            sample(3),
            sample(1),
            Value::text(start),
            Value::Bool(true),
            Value::Number(1.into()),
        ];
        let found = bench.find(&field.id, &values);
        let keys = |at: usize| {
            let mut keys: Vec<Key> = found[at].iter().map(|one| one.key.clone()).collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(0), twins, "{}: both that hold it", field.id);
        assert!(keys(1).is_empty(), "{}: nobody holds it", field.id);
        let live = if trashes {
            Vec::new()
        } else {
            vec![trashed.clone()]
        };
        assert_eq!(keys(2), live, "{}: live records only", field.id);
        assert_eq!(keys(3), std::slice::from_ref(&one), "{}", field.id);
        assert!(keys(4).is_empty(), "{}: the whole value", field.id);
        assert!(
            keys(5).is_empty() && keys(6).is_empty(),
            "{}: of its kind",
            field.id
        );
        assert_eq!(bench.content(&found[3][0]), bench.content_of(&one));
    }
}

/// A record that cannot be read hides no other: scans go on, and say what is wrong with it.
pub fn one_bad_item_costs_itself(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let mut keys = bench.populate(4);
    if bench.person(Deed::Damage(keys[1].clone())).is_none() {
        return skip("the world offers no way to damage a record");
    }
    bench.settle();
    let damaged = keys.remove(1);
    keys.sort();
    for page in PAGES {
        let scan = bench.scan(ScanFrom::full(), page);
        let mut others = scan.live();
        others.retain(|key| *key != damaged);
        assert_eq!(others, keys, "in pages of {page}");
        let gap = |record: &Record| record.cells.iter().any(|(_, cell)| cell.gap().is_some());
        let told = scan.record(&damaged).is_some_and(gap)
            || scan
                .bad
                .iter()
                .any(|bad| bad.key.as_ref().is_none_or(|key| *key == damaged));
        assert!(told, "the damaged record is told of");
    }
}
