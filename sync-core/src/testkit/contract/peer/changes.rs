//! Laws of incremental scans.

use super::bench::{Bench, PAGES, Scan, Setup};
use crate::port::{Call, Cancel, ChangeFeed, Coverage, Cursor, FieldSet, Next, ScanFrom, Sighting};
use crate::record::{Key, Record};
use crate::testkit::contract::{Deed, skip};

/// Edits, new records and, in a delta, deletes since the scan that ended with the cursor are shown,
/// for any page size. A delta shows nothing else.
pub fn a_cursor_shows_what_changed_since_its_scan(setup: Setup<'_>) {
    for page in PAGES {
        let bench = Bench::new(setup);
        let keys = bench.populate(5);
        bench.settle();
        let Some(cursor) = bench.cursor(page) else {
            return;
        };
        edit(&bench, &keys[0], 8);
        let made = bench.person_creates(6);
        let trashed = bench.person(Deed::Trash(keys[2].clone()));
        let purged = bench.person(Deed::Purge(keys[3].clone()));
        bench.settle();
        let scan = bench.scan(ScanFrom::since(cursor), page);
        for key in [&keys[0], &made] {
            let shown = scan.record(key).map(|record| bench.content(record));
            assert_eq!(shown, Some(bench.content_of(key)), "in pages of {page}");
        }
        is_delta_or_window(&bench, &scan);
        if scan.coverage == Coverage::Delta {
            for gone in [trashed, purged].into_iter().flatten() {
                assert!(
                    scan.says_gone(&gone),
                    "a delta tells of deletes, pages of {page}"
                );
            }
            for quiet in [&keys[1], &keys[4]] {
                assert!(scan.record(quiet).is_none(), "a delta shows changes only");
            }
        }
    }
}

/// A cursor is a place in history, not a queue: asked again it shows the same. After changes were
/// seen, the cursor of that scan does not show them as a delta again.
pub fn a_cursor_can_be_used_twice_and_its_end_shows_nothing_old(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let keys = bench.populate(3);
    bench.settle();
    let Some(cursor) = bench.cursor(2) else {
        return;
    };
    edit(&bench, &keys[1], 8);
    bench.settle();
    let first = bench.scan(ScanFrom::since(cursor.clone()), 2);
    let again = bench.scan(ScanFrom::since(cursor), 2);
    assert_eq!(contents(&bench, &first), contents(&bench, &again));
    let next = again
        .cursor
        .expect("an incremental scan ends with a cursor");
    let quiet = bench.scan(ScanFrom::since(next), 2);
    is_delta_or_window(&bench, &quiet);
    if quiet.coverage == Coverage::Delta {
        assert!(
            quiet.seen.is_empty() && quiet.gone.is_empty(),
            "nothing changed"
        );
    }
}

/// What a person does while a scan is under way comes with that scan or with the next: a cursor
/// never steps over it, and the scan shows nothing twice.
pub fn an_edit_during_a_scan_is_in_it_or_in_the_next(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    if bench.can().changes == ChangeFeed::None {
        return skip("the peer shows no changes, only full scans");
    }
    let mut keys = bench.populate(5);
    bench.settle();
    let mut shown = Vec::new();
    let mut from = ScanFrom::full();
    let mut pages = 0;
    let cursor = loop {
        let (records, next) = one_page(&bench, &from);
        shown.extend(records);
        pages += 1;
        if pages == 2 {
            keys.iter().for_each(|key| edit(&bench, key, 8));
            keys.push(bench.person_creates(9));
        }
        match next {
            Next::More(token) => from = ScanFrom::Next(token),
            Next::End { cursor, .. } => break cursor.expect("a scan that ends has a cursor"),
        }
    };
    for record in &shown {
        let times = shown.iter().filter(|other| other.key == record.key);
        assert_eq!(times.count(), 1, "{} once", record.key);
    }
    bench.settle();
    let later: Vec<Record> = since(&bench, cursor).seen;
    for key in &keys {
        let now = bench.content_of(key);
        let told = shown.iter().chain(&later);
        let mut told = told.filter(|record| record.key == *key);
        assert!(
            told.any(|record| bench.content(record) == now),
            "{key} as it is now"
        );
    }
}

fn one_page(bench: &Bench, from: &ScanFrom) -> (Vec<Record>, Next) {
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    let page = bench.run(bench.peer().scan(&call, from, &FieldSet::All, 1));
    let page = page.expect("scan answers");
    let records = page.items.into_iter().filter_map(|item| match item {
        Sighting::Seen(record) => Some(record),
        _ => None,
    });
    (records.collect(), page.next)
}

fn since(bench: &Bench, cursor: Cursor) -> Scan {
    bench.scan(ScanFrom::since(cursor), 10)
}

fn edit(bench: &Bench, key: &Key, number: u32) {
    let edited = bench.person(Deed::Edit(key.clone(), bench.samples(number)));
    assert!(edited.is_some(), "a person can edit records");
}

fn contents(bench: &Bench, scan: &Scan) -> Vec<String> {
    let mut all: Vec<String> = scan
        .seen
        .iter()
        .map(|record| format!("{:?}", bench.content(record)))
        .collect();
    all.extend(scan.gone.iter().map(|key| format!("{key} gone")));
    all.sort();
    all
}

/// The end of an incremental scan claims no more than the peer's kind of feed can prove. A peer may
/// read everything again instead, where a cursor is too old for it.
fn is_delta_or_window(bench: &Bench, scan: &Scan) {
    match (&scan.coverage, bench.can().changes) {
        (Coverage::Complete(_), _) => {}
        (Coverage::Delta, feed) => assert_eq!(feed, ChangeFeed::Delta),
        (Coverage::Window, feed) => assert_eq!(feed, ChangeFeed::Window),
        (Coverage::Partial(why), _) => panic!("so few records can be read whole: {why}"),
    }
}
