//! Laws of leases and fences.

use super::bench::{Bench, Setup};
use crate::link::{LinkId, Side};
use crate::pair::PairId;
use crate::port::{Commit, Fence, LeaseAsk, OpenMode, StoreError};

/// One owner at a time: another is told who holds the link, until it is given back.
pub fn a_second_taker_waits_until_the_lease_is_given_back(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    bench.open(OpenMode::Write);
    let fence = bench.take("one").expect("the lease is free");
    match bench.take("two") {
        Err(StoreError::Busy { owner }) => assert!(owner.contains("one"), "{owner}"),
        other => panic!("{other:?}"),
    }
    let kept = bench.lease(&LeaseAsk::Renew(fence.clone()));
    assert_eq!(kept.expect("the holder may stay"), fence);
    bench.commit(&fence, Vec::new());
    let given = bench.lease(&LeaseAsk::Release(fence));
    assert!(given.is_ok());
    assert!(bench.take("two").is_ok());
}

/// Once given back or followed by a later owner, a fence opens nothing: no commit, no renewal.
pub fn a_later_fence_ends_an_earlier_one(setup: Setup<'_>) {
    let (bench, first) = Bench::opened(setup);
    assert!(bench.lease(&LeaseAsk::Release(first.clone())).is_ok());
    let before = bench.everything();
    is_over(&bench, &first);
    let second = bench.take("two").expect("the lease is free");
    assert!(second.number > first.number, "fences grow");
    is_over(&bench, &first);
    assert_eq!(bench.everything().1, before.1);
    bench.commit(&second, Vec::new());
}

/// A fence of one link commits to no other.
pub fn a_fence_is_for_one_link(setup: Setup<'_>) {
    let (mut bench, fence) = Bench::opened(setup);
    bench.spec.id = LinkId::new("another");
    bench.open(OpenMode::Write);
    let borrowed = Fence {
        link: bench.link().clone(),
        ..fence
    };
    is_over(&bench, &borrowed);
}

fn is_over(bench: &Bench, fence: &Fence) {
    let commit = Commit {
        changes: vec![bench.seen(PairId(1), Side::Left, "late")],
        ..Commit::default()
    };
    let late = bench.try_commit(fence, commit);
    assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
    let renewed = bench.lease(&LeaseAsk::Renew(fence.clone()));
    assert!(matches!(renewed, Err(StoreError::Fenced)), "{renewed:?}");
    let released = bench.lease(&LeaseAsk::Release(fence.clone()));
    assert!(matches!(released, Err(StoreError::Fenced)), "{released:?}");
}
