//! What planning and a first pull cost, in allocations and bytes: counted, never timed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use allocation_counter::{AllocationInfo, measure};
use futures::executor::block_on;
use notion_sync_core::engine::RunOptions;
use notion_sync_core::link::{Side, Sides};
use notion_sync_core::pair::{PairDigests, PairId};
use notion_sync_core::plan::{JoinCounts, Shown, merge_join};
use notion_sync_core::testkit::{ForgetfulStore, GeneratedPeer, engine_between};
use notion_sync_core::value::Digest;

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
    // From where every list has its length: a plan lists a thousand creates.
    let [first, second, third] = [2_000, 4_000, 6_000].map(|records| pull(records).count_total);
    let (one, other) = (second - first, third - second);
    assert!(one.abs_diff(other) < one / 50, "{first}, {second}, {third}");
}
