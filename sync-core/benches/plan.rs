//! What planning costs: ratios and exponents first, then criterion's times.
//!
//! `cargo bench -p notion-sync-core --features testkit --bench plan` takes up to a million records;
//! with `-- --test` some thousands, and fails if a budget is broken. Budgets are counts, of looks,
//! allocations and bytes, never times.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![allow(missing_docs, reason = "nobody names a benchmark's functions")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use criterion::{Criterion, Throughput};
use futures::executor::block_on;
use notion_sync_core::engine::{Engine, RunOptions};
use notion_sync_core::link::{Side, Sides};
use notion_sync_core::pair::{PairDigests, PairId};
use notion_sync_core::plan::{JoinCounts, Plan, Shown, merge_join};
use notion_sync_core::port::{Capabilities, Peer, PlaceId};
use notion_sync_core::record::Key;
use notion_sync_core::schema::{Access, Field, FieldId, FieldType, Limits, Relation, Schema};
use notion_sync_core::testkit::{
    ForgetfulStore, GeneratedPeer, MemoryPeer, MemoryStore, VirtualClock, engine_between,
};
use notion_sync_core::value::{Digest, Reference, Value};

type Rows = Vec<(PairId, Digest)>;

/// How many records are taken.
struct Sizes {
    join: [u64; 3],
    pull: [u64; 3],
    tracked: u64,
    related: u64,
}

const FULL: Sizes = Sizes {
    join: [10_000, 100_000, 1_000_000],
    pull: [10_000, 100_000, 1_000_000],
    tracked: 100_000,
    related: 10_000,
};
const SMALL: Sizes = Sizes {
    join: [1_000, 10_000, 100_000],
    pull: [2_000, 8_000, 32_000],
    tracked: 2_000,
    related: 500,
};

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let sizes = if test { SMALL } else { FULL };
    unchanged(&sizes);
    first_pull(&sizes);
    let (_, smaller) = tracked(sizes.tracked / 10);
    let (tracked, larger) = tracked(sizes.tracked);
    let records = [sizes.tracked / 10, sizes.tracked];
    let growth = exponent(records, [smaller, larger].map(|took| took.as_secs_f64()));
    println!("  a dry run takes time with the power {growth:.2} of the records");
    let related = Related::new(sizes.related);
    related.measure();

    let mut criterion = Criterion::default()
        .configure_from_args()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5));
    let [.., largest] = sizes.join;
    let (shown, known) = arrays(largest);
    let mut group = criterion.benchmark_group("unchanged");
    group.throughput(Throughput::Elements(largest));
    group.bench_function("merge_join", |b| b.iter(|| joined(&shown.0, &known)));
    group.bench_function("bare", |b| b.iter(|| bare(&shown.1, &known)));
    group.finish();
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(sizes.tracked));
    group.bench_function("1 % changed", |b| b.iter(|| plan(&tracked)));
    group.throughput(Throughput::Elements(sizes.related));
    group.bench_function("relations and cycles", |b| {
        b.iter(|| plan(&related.engine));
    });
    group.finish();
    criterion.final_summary();
}

/// What both sides show and what is remembered, all the same; once for the join, once bare.
fn arrays(records: u64) -> ((Sides<Shown>, Sides<Rows>), Vec<PairDigests>) {
    let digest = |pair: u64, side: u64| Digest::of(&(2 * pair + side).to_be_bytes());
    let rows = |side: u64| -> Rows {
        (0..records)
            .map(|pair| (PairId(pair), digest(pair, side)))
            .collect()
    };
    let (left, right) = (rows(0), rows(1));
    let known = left.iter().zip(&right).map(|(left, right)| PairDigests {
        id: left.0,
        seen: Sides::new(Some(left.1), Some(right.1)),
    });
    let known = known.collect();
    let shown = Sides::new(Shown::whole(left.clone()), Shown::whole(right.clone()));
    ((shown, Sides::new(left, right)), known)
}

fn joined(shown: &Sides<Shown>, known: &[PairDigests]) -> JoinCounts {
    merge_join(black_box(shown), black_box(known), |look| {
        black_box(look);
    })
}

/// The least a join of the same arrays can do: how many pairs are the same on both sides.
fn bare(rows: &Sides<Rows>, known: &[PairDigests]) -> u64 {
    let Sides { left, right } = black_box(rows);
    let (mut at_left, mut at_right, mut same) = (0, 0, 0);
    for pair in black_box(known) {
        while at_left < left.len() && left[at_left].0 < pair.id {
            at_left += 1;
        }
        while at_right < right.len() && right[at_right].0 < pair.id {
            at_right += 1;
        }
        let left = left.get(at_left).filter(|row| row.0 == pair.id);
        let right = right.get(at_right).filter(|row| row.0 == pair.id);
        let (left, right) = (left.map(|row| row.1), right.map(|row| row.1));
        same += u64::from(left == pair.seen.left && right == pair.seen.right);
    }
    same
}

/// The shortest of several times.
fn time<T>(times: u32, mut run: impl FnMut() -> T) -> Duration {
    let once = || {
        #[allow(clippy::disallowed_methods, reason = "a benchmark looks at a clock")]
        let began = std::time::Instant::now();
        black_box(run());
        began.elapsed()
    };
    std::iter::repeat_with(once)
        .take(times as usize)
        .min()
        .unwrap()
}

/// The power of the number of records that a cost grows with.
fn exponent(records: [u64; 2], costs: [f64; 2]) -> f64 {
    (costs[1] / costs[0]).ln() / (records[1] as f64 / records[0] as f64).ln()
}

fn exponents(records: [u64; 3], costs: [f64; 3]) -> String {
    let lower = exponent([records[0], records[1]], [costs[0], costs[1]]);
    let upper = exponent([records[1], records[2]], [costs[1], costs[2]]);
    let whole = exponent([records[0], records[2]], [costs[0], costs[2]]);
    format!("{whole:.2} ({lower:.2}, then {upper:.2})")
}

/// Planning records that did not change, from sorted digests.
fn unchanged(sizes: &Sizes) {
    println!("planning unchanged records from sorted digests");
    let mut times = [0.0; 3];
    for (at, records) in sizes.join.into_iter().enumerate() {
        let ((shown, rows), known) = arrays(records);
        let cost = measure(|| {
            let counts = joined(&shown, &known);
            assert_eq!((counts.same, counts.looks), (records, 0));
        });
        assert_eq!(cost.count_total, 0, "no allocation for any row");
        assert_eq!(bare(&rows, &known), records);
        let join = time(9, || joined(&shown, &known));
        let bare = time(9, || bare(&rows, &known));
        let ratio = join.as_secs_f64() / bare.as_secs_f64();
        times[at] = join.as_secs_f64();
        println!(
            "  {records:>9} records  {ratio:.2}x a bare merge-join  {join:>10.1?}, bare {bare:.1?}, \
             0 allocations"
        );
    }
    println!("  exponent of time  {}", exponents(sizes.join, times));
    let [.., largest] = sizes.join;
    let ((_, rows), mut known) = arrays(largest);
    for pair in known.iter_mut().step_by(100) {
        pair.seen.left = None;
    }
    let shown = rows.map(Shown::whole);
    let mut looks = 0;
    let counts = merge_join(&shown, &known, |_| looks += 1);
    assert_eq!((counts.looks, looks), (largest / 100, largest / 100));
}

/// A pull into a store that forgets: what is left is the engine's own.
fn pull(records: u64) -> (AllocationInfo, Duration, u64) {
    let store = ForgetfulStore::new(Side::Right);
    let left: Arc<dyn Peer> = Arc::new(GeneratedPeer::new("remote", records));
    let right: Arc<dyn Peer> = Arc::new(GeneratedPeer::new("local", 0));
    let engine = engine_between(left, right, Arc::new(store.clone()));
    let engine = block_on(engine).unwrap();
    let (mut cost, mut took) = (AllocationInfo::default(), Duration::ZERO);
    took += time(1, || {
        cost = measure(|| {
            let report = block_on(engine.run(&RunOptions::default())).unwrap();
            assert_eq!(report.settled.right.created, records);
        });
    });
    (cost, took, store.counts().largest)
}

fn first_pull(sizes: &Sizes) {
    println!("first pull into a store that forgets, pages of 1,000 (peak: heap of the engine)");
    let (mut counts, mut times) = ([0.0; 3], [0.0; 3]);
    let mut peaks = [0; 3];
    for (at, records) in sizes.pull.into_iter().enumerate() {
        let (cost, took, largest) = pull(records);
        (counts[at], times[at]) = (cost.count_total as f64, took.as_secs_f64());
        peaks[at] = cost.bytes_max;
        println!(
            "  {records:>9} records  peak {:>6.2} MB  {:>5.1} allocations a record  {took:>8.1?}  \
             largest commit {largest} changes",
            cost.bytes_max as f64 / 1e6,
            cost.count_total as f64 / records as f64,
        );
    }
    println!(
        "  exponent of allocations  {}",
        exponents(sizes.pull, counts)
    );
    println!("  exponent of time  {}", exponents(sizes.pull, times));
    let [some, .., most] = peaks;
    let [fewer, .., more] = sizes.pull;
    let grown = most.saturating_sub(some);
    println!(
        "  {:.2} bytes of peak for each record more",
        grown as f64 / (more - fewer) as f64
    );
    assert!(
        grown < 20_000 + (more - fewer),
        "peak grew by {grown} bytes"
    );
    let growth = exponent([fewer, more], [counts[0], counts[2]]);
    assert!(growth < 1.05, "allocations grow with the power {growth}");
}

/// A collection pulled into the memory store, of which every hundredth record is edited then.
/// Its engine, and what a dry run takes.
fn tracked(records: u64) -> (Engine, Duration) {
    let clock = VirtualClock::default();
    let schema = GeneratedPeer::schema();
    let local = MemoryPeer::new("local", schema, Capabilities::local(), clock);
    let store = MemoryStore::colocated_with(local.clone());
    let engine = |left: GeneratedPeer| {
        let store = Arc::new(store.clone());
        block_on(engine_between(
            Arc::new(left),
            Arc::new(local.clone()),
            store,
        ))
        .unwrap()
    };
    let remote = GeneratedPeer::new("remote", records);
    let pull = engine(remote.clone());
    let cost = measure(|| {
        let report = block_on(pull.run(&RunOptions::default())).unwrap();
        assert_eq!(report.settled.right.created, records);
    });
    // Half of it is the table of the local side, which the peer keeps by itself.
    let table = measure(|| {
        let kept: Vec<_> = (0..records).map(|number| remote.record(number)).collect();
        std::mem::forget(kept);
    });
    println!("{records} records tracked in the memory store, 3 fields each");
    println!(
        "  {:.0} bytes a record, of which a bare copy of one side's record is {:.0}",
        cost.bytes_current as f64 / records as f64,
        table.bytes_current as f64 / records as f64,
    );
    let edited = engine(remote.clone().with_every_nth_edited(100));
    let changed = records.div_ceil(100);
    let cost = measure(|| {
        let plan = plan(&edited);
        assert_eq!(plan.counts.patch, Sides::new(0, changed));
        assert_eq!(plan.counts.looked_at, changed, "the rest is not looked at");
    });
    let took = time(3, || plan(&edited));
    let bare = time(3, || {
        let records = (0..records).map(|number| remote.record(number).digest());
        records.fold(0_u64, |sum, digest| sum ^ digest.short())
    });
    println!(
        "  1 % changed: whole dry run {:.2}x making and digesting the same records  {took:.1?}, \
         {:.1} allocations a record, {changed} looked at",
        took.as_secs_f64() / bare.as_secs_f64(),
        cost.count_total as f64 / records as f64,
    );
    (edited, took)
}

fn plan(engine: &Engine) -> Plan {
    block_on(engine.plan(&RunOptions::default())).unwrap()
}

/// Records that are new at the local side and refer to one another: each to the next, ten of them
/// in a circle.
struct Related {
    engine: Engine,
    store: MemoryStore,
    records: u64,
}

impl Related {
    fn new(records: u64) -> Self {
        let clock = VirtualClock::default();
        let schema = |place: &str| Schema {
            title: "Tasks".into(),
            fields: [
                ("title", FieldType::Title),
                (
                    "next",
                    FieldType::Relation(Relation {
                        target: PlaceId::new(place),
                        mirror: None,
                    }),
                ),
            ]
            .map(|(id, ty)| Field {
                id: FieldId::new(id),
                name: id.into(),
                ty,
                access: Access::Writable,
                limits: Limits::default(),
            })
            .into(),
        };
        let mut remote = Capabilities::remote();
        remote.index_lag = Duration::ZERO;
        let notion = MemoryPeer::new("remote", schema("remote"), remote, clock.clone());
        let local = Capabilities::local();
        let local = MemoryPeer::new("local", schema("local"), local, clock);
        for number in 0..records {
            let circle = number / 10 * 10;
            let next = circle + (number + 1) % 10;
            let next = Key::durable(format!("local-{}", next.min(records - 1) + 1));
            local.person_creates(&[
                ("title", Value::text(format!("Task {number}"))),
                ("next", Value::references(vec![Reference::new(next)])),
            ]);
        }
        let store = MemoryStore::colocated_with(local.clone());
        let engine = engine_between(Arc::new(notion), Arc::new(local), Arc::new(store.clone()));
        Self {
            engine: block_on(engine).unwrap(),
            store,
            records,
        }
    }

    fn measure(&self) {
        let records = self.records;
        println!("{records} new records in circles of ten references");
        let before = self.store.serial();
        let cost = measure(|| {
            let plan = plan(&self.engine);
            assert_eq!(plan.counts.looked_at, records);
            assert_eq!(plan.counts.create.left, records);
        });
        println!(
            "  whole dry run: {:.1} allocations a record, peak {:.1} MB",
            cost.count_total as f64 / records as f64,
            cost.bytes_max as f64 / 1e6,
        );
        assert_eq!(self.store.serial(), before, "a dry run writes nothing");
    }
}
