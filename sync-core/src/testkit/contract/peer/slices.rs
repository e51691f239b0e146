//! Laws of ranks and slices, for peers that offer them.

use std::collections::BTreeSet;
use std::ops::{Bound, RangeBounds};

use super::bench::{Bench, PAGES, Scan, Setup};
use crate::port::{
    Call, Cancel, ChangeFeed, CommandKind, Coverage, FieldSet, Next, ScanFrom, ScanPage, Scope,
    Sighting,
};
use crate::record::{Key, Rank, RankRange, Record};
use crate::testkit::contract::{Deed, command, skip};

/// A world with records at several places, two of them at one if the place allows it.
fn bench(setup: Setup<'_>) -> Option<(Bench, Vec<Key>)> {
    let bench = Bench::new(setup);
    if !bench.can().slices {
        skip("the peer offers no slices");
        return None;
    }
    let mut keys = Vec::new();
    for number in 0..7 {
        keys.push(bench.person_creates(number));
        if number % 2 == 1 {
            bench.settle();
        }
    }
    bench.settle();
    Some((bench, keys))
}

/// Every record has a rank, the same in scans, direct reads and receipts, and whatever is done to it.
pub fn a_record_keeps_its_rank(setup: Setup<'_>) {
    let Some((bench, keys)) = bench(setup) else {
        return;
    };
    let scan = bench.scan(ScanFrom::full(), 3);
    let ranks: Vec<Rank> = keys.iter().map(|key| rank(&bench.here(key))).collect();
    for (key, rank) in keys.iter().zip(&ranks) {
        let shown = scan.record(key).and_then(|record| record.rank.clone());
        assert_eq!(shown.as_ref(), Some(rank), "a scan shows what a read shows");
    }
    bench.settle();
    bench.person(Deed::Edit(keys[0].clone(), bench.samples(8)));
    let trashed = bench.person(Deed::Trash(keys[1].clone()));
    if trashed.is_some() && bench.person(Deed::Restore(keys[1].clone())).is_none() {
        bench.settle();
    }
    let patch = command(CommandKind::Patch, Some(&keys[2]), bench.samples(9));
    let receipt = bench.done(patch);
    bench.settle();
    for at in [0, 2, 3] {
        assert_eq!(
            rank(&bench.here(&keys[at])),
            ranks[at],
            "{} stays",
            keys[at]
        );
    }
    if let Some(observed) = receipt.observed {
        assert_eq!(observed.rank.as_ref(), Some(&ranks[2]));
    }
    let made = bench.done(command(CommandKind::Create, None, bench.samples(6)));
    bench.settle();
    let stands = rank(&bench.here(&made.key));
    if let Some(observed) = made.observed {
        assert_eq!(
            observed.rank.as_ref(),
            Some(&stands),
            "from the first moment on"
        );
    }
}

/// A slice returns the live records within it, each once, borders included or not as asked; and says
/// that this was all.
pub fn a_slice_shows_what_lies_within_it(setup: Setup<'_>) {
    let Some((bench, mut keys)) = bench(setup) else {
        return;
    };
    if bench.person(Deed::Trash(keys[3].clone())).is_some() {
        keys.remove(3);
    }
    bench.settle();
    let stand: Vec<(Rank, Key)> = keys
        .iter()
        .map(|key| (rank(&bench.here(key)), key.clone()))
        .collect();
    let places: BTreeSet<Rank> = stand.iter().map(|(rank, _)| rank.clone()).collect();
    assert!(
        places.len() > 2,
        "records made at other times have other ranks"
    );
    let borders = |place: &Rank| {
        [
            Bound::Included(place.clone()),
            Bound::Excluded(place.clone()),
        ]
    };
    let mut starts = vec![Bound::Unbounded];
    starts.extend(places.iter().flat_map(borders));
    for from in &starts {
        for to in [Bound::Unbounded].iter().chain(&starts[2..5]) {
            let slice = RankRange {
                from: from.clone(),
                to: to.clone(),
            };
            let mut within: Vec<Key> = stand
                .iter()
                .filter(|(rank, _)| slice.contains(rank))
                .map(|(_, key)| key.clone())
                .collect();
            within.sort();
            for page in PAGES {
                let scan = bench.scan(starting(slice.clone()), page);
                assert_eq!(scan.live(), within, "{slice:?} in pages of {page}");
                let all = Coverage::Complete(Scope::Slice(slice.clone()));
                assert_eq!(scan.coverage, all);
            }
        }
    }
}

/// Full scans and slices return records in order of their ranks.
pub fn records_come_in_order_of_their_ranks(setup: Setup<'_>) {
    let Some((bench, keys)) = bench(setup) else {
        return;
    };
    let middle = rank(&bench.here(&keys[2]));
    let slice = RankRange::starting(Bound::Included(middle));
    for page in PAGES {
        for from in [ScanFrom::full(), starting(slice.clone())] {
            let scan = bench.scan(from, page);
            let ranks: Vec<Rank> = scan.seen.iter().map(rank).collect();
            assert!(ranks.is_sorted(), "{ranks:?} in pages of {page}");
        }
    }
}

/// A scan may be given up after any page and gone on with in a slice from the last rank returned:
/// together they show every record, and the place in history the first page tells of lies before all
/// that was edited since.
pub fn a_scan_given_up_goes_on_in_a_slice(setup: Setup<'_>) {
    for page in [1, 2, 5] {
        let Some((bench, keys)) = bench(setup) else {
            return;
        };
        let first = first_page(&bench, &ScanFrom::full(), page);
        assert!(
            matches!(first.next, Next::More(_)),
            "seven are more than {page}"
        );
        let shown = seen(&first);
        let last = shown.last().map(rank).expect("a page shows something");
        let edited = bench.person(Deed::Edit(keys[0].clone(), bench.samples(8)));
        assert!(edited.is_some(), "a person can edit records");
        let rest = bench.scan(starting(RankRange::starting(Bound::Included(last))), page);
        let mut found: BTreeSet<Key> = shown.into_iter().map(|record| record.key).collect();
        found.extend(rest.live());
        assert_eq!(found, keys.iter().cloned().collect(), "in pages of {page}");
        if bench.can().changes == ChangeFeed::None {
            continue;
        }
        bench.settle();
        let began = first.began.expect("every page tells where history stood");
        let later = bench.scan(ScanFrom::since(began), 10);
        let told = later.record(&keys[0]).map(|record| bench.content(record));
        assert_eq!(told, Some(bench.content_of(&keys[0])), "in pages of {page}");
    }
}

/// What changed can be read in slices too: those changes that lie within, and not the others.
pub fn changes_can_be_read_in_slices(setup: Setup<'_>) {
    let Some((bench, keys)) = bench(setup) else {
        return;
    };
    let Some(cursor) = bench.cursor(3) else {
        return;
    };
    for key in [&keys[0], &keys[2], &keys[6]] {
        bench.person(Deed::Edit(key.clone(), bench.samples(8)));
    }
    bench.settle();
    let middle = rank(&bench.here(&keys[2]));
    let slice = |from, to| ScanFrom::Start {
        since: Some(cursor.clone()),
        scope: Scope::Slice(RankRange { from, to }),
    };
    for page in PAGES {
        let before = slice(Bound::Unbounded, Bound::Excluded(middle.clone()));
        let before = bench.scan(before, page);
        let after = slice(Bound::Included(middle.clone()), Bound::Unbounded);
        let after = bench.scan(after, page);
        let holds = |scan: &Scan, key: &Key| scan.record(key).is_some();
        assert!(holds(&before, &keys[0]) && !holds(&before, &keys[2]));
        assert!(holds(&after, &keys[2]) && holds(&after, &keys[6]));
        assert!(!holds(&after, &keys[0]), "in pages of {page}");
        assert!(!matches!(after.coverage, Coverage::Partial(_)));
    }
}

fn starting(slice: RankRange) -> ScanFrom {
    ScanFrom::Start {
        since: None,
        scope: Scope::Slice(slice),
    }
}

fn first_page(bench: &Bench, from: &ScanFrom, page: u32) -> ScanPage {
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    let page = bench.run(bench.peer().scan(&call, from, &FieldSet::All, page));
    page.expect("scan answers")
}

fn seen(page: &ScanPage) -> Vec<Record> {
    let items = page.items.iter().filter_map(|item| match item {
        Sighting::Seen(record) => Some(record.clone()),
        _ => None,
    });
    items.collect()
}

fn rank(record: &Record) -> Rank {
    let rank = record.rank.clone();
    rank.expect("every record of a peer with slices has a rank")
}
