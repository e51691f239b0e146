//! What planning and a first pull cost, in allocations and bytes: counted, never timed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use allocation_counter::{AllocationInfo, measure};
use futures::executor::block_on;
use notion_sync_core::engine::RunOptions;
use notion_sync_core::link::{Side, Sides};
use notion_sync_core::pair::{PairDigests, PairId};
use notion_sync_core::plan::{JoinCounts, Shown, merge_join};
use notion_sync_core::port::{Call, Cancel, Capabilities, FieldSet, Next, Peer, ScanFrom, Scope};
use notion_sync_core::testkit::{
    ForgetfulStore, GeneratedPeer, MemoryPeer, MemoryStore, VirtualClock, engine_between,
};
use notion_sync_core::value::{Digest, Value};

#[test]
fn the_join_allocates_nothing_for_any_row() {
    let rows: Vec<(PairId, Digest)> = (0..5_000_u64)
        .map(|pair| (PairId(pair), Digest::of(&pair.to_be_bytes())))
        .collect();
    let known: Vec<PairDigests> = rows
        .iter()
        .map(|(id, digest)| PairDigests {
            id: *id,
            seen: Sides::new(Some(*digest), (id.0 % 3 > 0).then_some(*digest)),
        })
        .collect();
    let shown = Sides::new(Shown::whole(rows.clone()), Shown::whole(rows));
    let mut counts = JoinCounts::default();
    let mut looks = 0;
    let cost = measure(|| counts = merge_join(&shown, &known, |_| looks += 1));
    assert_eq!((counts.looks, counts.same), (1_667, 3_333));
    assert_eq!(looks, counts.looks);
    assert_eq!(cost.count_total, 0);
}

/// A first pull of so many records, and what it cost.
fn pull(records: u64) -> AllocationInfo {
    let store = ForgetfulStore::new(Side::Right);
    let left = Arc::new(GeneratedPeer::new("remote", records));
    let right = Arc::new(GeneratedPeer::new("local", 0));
    let engine = engine_between(left, right, Arc::new(store.clone()));
    let engine = block_on(engine).unwrap();
    let options = RunOptions::default();
    let cost = measure(|| {
        let report = block_on(engine.run(&options)).unwrap();
        assert_eq!(report.settled.right.created, records);
    });
    let counts = store.counts();
    assert_eq!((counts.observed, counts.effects), (records, records));
    assert!(counts.largest < 10_000, "{counts:?}");
    cost
}

#[test]
fn a_first_pull_holds_a_page_however_many_records_there_are() {
    let (some, more) = (pull(4_000), pull(16_000));
    // One bit a record and side, and the digits of larger numbers.
    let grown = more.bytes_max.saturating_sub(some.bytes_max);
    assert!(grown < 16_000, "{some:?}, {more:?}");
}

#[test]
fn twice_as_many_records_cost_twice_as_many_allocations() {
    // From where every list has its length.
    let [first, second, third] = [2_000, 4_000, 6_000].map(|records| pull(records).count_total);
    let (one, other) = (second - first, third - second);
    assert!(one.abs_diff(other) < one / 50, "{first}, {second}, {third}");
}

#[test]
fn a_plan_that_nobody_looks_at_lists_and_digests_no_command() {
    // A plan that is shown lists a thousand creates.
    let [none, some, more, most] =
        [500, 1_000, 4_000, 4_500].map(|records| pull(records).count_total);
    let (early, late) = ((some - none) / 500, (most - more) / 500);
    assert!(
        early <= late + 1,
        "{early} allocations for one of the first records, {late} later"
    );
    assert!(late < 40, "{late} allocations for a record of three fields");
}

/// A dry run over so many tracked records, of which every hundredth was edited, and what it cost.
fn dry_run(records: u64) -> AllocationInfo {
    let (schema, clock) = (GeneratedPeer::schema(), VirtualClock::default());
    let local = MemoryPeer::new("local", schema, Capabilities::local(), clock);
    let store = MemoryStore::colocated_with(local.clone());
    let engine = |left: GeneratedPeer| {
        let (left, right) = (Arc::new(left), Arc::new(local.clone()));
        block_on(engine_between(left, right, Arc::new(store.clone()))).unwrap()
    };
    let remote = GeneratedPeer::new("remote", records);
    block_on(engine(remote.clone()).run(&RunOptions::default())).unwrap();
    let edited = engine(remote.with_every_nth_edited(100));
    measure(|| {
        let plan = block_on(edited.plan(&RunOptions::default())).unwrap();
        assert_eq!(plan.counts.looked_at, records / 100);
    })
}

#[test]
fn a_dry_run_over_tracked_records_costs_as_much_for_each_however_many_there_are() {
    let (some, more) = (dry_run(2_000), dry_run(8_000));
    let most = |cost: u64| 4 * cost + cost / 5;
    assert!(
        more.bytes_total < most(some.bytes_total),
        "{some:?}, {more:?}"
    );
    assert!(
        more.count_total < most(some.count_total),
        "{some:?}, {more:?}"
    );
}

/// A scan of so many records of a peer in memory, page by page, and what it cost.
fn scan(records: u64) -> AllocationInfo {
    let (schema, clock) = (GeneratedPeer::schema(), VirtualClock::default());
    let peer = MemoryPeer::new("local", schema, Capabilities::local(), clock);
    for _ in 0..records {
        peer.person_creates(&[("title", Value::Empty)]);
    }
    let cancel = Cancel::default();
    let (call, all) = (Call::new(&cancel), FieldSet::All);
    measure(|| {
        let mut from = ScanFrom::Start {
            since: None,
            scope: Scope::All,
        };
        let mut seen = 0;
        loop {
            let page = block_on(peer.scan(&call, &from, &all, 100)).unwrap();
            seen += page.items.len() as u64;
            match page.next {
                Next::More(token) => from = ScanFrom::Next(token),
                Next::End { .. } => break,
            }
        }
        assert_eq!(seen, records);
    })
}

#[test]
fn a_page_of_a_peer_in_memory_costs_no_more_for_the_pages_after_it() {
    let (some, more) = (scan(1_000), scan(8_000));
    assert!(
        more.bytes_total < 9 * some.bytes_total,
        "{some:?}, {more:?}"
    );
}
