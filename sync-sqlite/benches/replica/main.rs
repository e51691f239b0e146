//! What a replica costs: a first pull, a look at everything unchanged, a few changes, the file; as
//! ratios to bare inserts of the same JSON, and as exponents over the number of records.
//!
//! `cargo bench -p notion-sync-sqlite --bench replica` takes 1,000 to 100,000 records of 16 fields,
//! with `-- --million` a million as well, with numbers those; with `-- --test` some hundreds, and
//! fails if a budget is broken. Budgets are counts, never times.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![allow(missing_docs, reason = "nobody names a benchmark's functions")]

mod parts;
mod source;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use notion_sync_core::engine::{Described, Engine, Report, RunOptions};
use notion_sync_core::link::{LinkId, LinkSpec, Policy, Sides};
use notion_sync_core::port::{Call, Cancel, Clock, Peer, Store};
use notion_sync_core::testkit::VirtualClock;
use notion_sync_sqlite::{SqliteStore, StoreOptions};

use parts::{Parts, peak_memory};
use source::Source;

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let asked = |flag: &str| given.iter().any(|argument| argument == flag);
    let mut sizes: Vec<u64> = given.iter().filter_map(|size| size.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = match asked("--test") {
            true => vec![200, 800],
            false => vec![1_000, 10_000, 100_000],
        };
        if asked("--million") {
            sizes.push(1_000_000);
        }
    }
    // Of what is timed the shortest counts: nothing makes it shorter than it is.
    let measured: Vec<Measured> = sizes
        .iter()
        .map(|records| {
            let again = if *records > 100_000 { 0 } else { 2 };
            (0..again).fold(measure(*records), |best, _| best.or(measure(*records)))
        })
        .collect();
    print(&measured);
    for measured in &measured {
        let (file, json) = (measured.file, measured.parts.json_bytes);
        assert!(file < 6 * json, "a file of {file} bytes for {json} of JSON");
        // The least changes there are cost no look at the rest.
        assert_eq!(measured.looked_at_unchanged, 0);
    }
}

struct Measured {
    records: u64,
    first: Duration,
    again: Duration,
    /// What each change took, with one, ten and a hundred of a thousand changed.
    change: [Duration; 3],
    file: u64,
    /// Records that a run over changes returned beyond those that had changed.
    looked_at_unchanged: u64,
    parts: Parts,
    peak: Option<u64>,
}

impl Measured {
    /// The shorter of both times, each.
    fn or(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            again: self.again.min(other.again),
            change: std::array::from_fn(|at| self.change[at].min(other.change[at])),
            parts: self.parts.or(other.parts),
            ..self
        }
    }
}

fn measure(records: u64) -> Measured {
    let folder = tempfile::tempdir().unwrap();
    let clock = VirtualClock::default();
    let source = Arc::new(Source::new(records));
    let path = folder.path().join("replica.sqlite");
    let store = SqliteStore::open(&path, StoreOptions::default()).unwrap();
    let run = |full: bool| -> (Duration, Report) {
        let engine = engine(&source, &store, Arc::new(store.clone()), &clock);
        let options = RunOptions {
            full,
            ..RunOptions::default()
        };
        let started = Instant::now();
        let report = block_on(engine.run(&options)).unwrap();
        let took = started.elapsed();
        clock.advance(Duration::from_secs(600));
        (took, report)
    };
    let (first, report) = run(true);
    assert_eq!(report.settled.right.created, records);
    let peak = peak_memory();
    let (again, report) = run(true);
    assert!(report.is_quiet(), "{report:?}");
    let mut looked_at_unchanged = 0;
    let change = [1_000, 100, 10].map(|every| {
        let changed = source.edit_every(every);
        let (took, report) = run(false);
        assert_eq!(report.settled.right.patched, changed);
        looked_at_unchanged += report.scanned.left + report.scanned.right - changed;
        took.div_f64(changed as f64)
    });
    let parts = Parts::measure(&source, &store, &clock, folder.path());
    drop(store);
    Measured {
        records,
        first,
        again,
        change,
        file: std::fs::metadata(&path).unwrap().len(),
        looked_at_unchanged,
        parts: parts.with_rows_of(&path, &folder.path().join("copy.sqlite")),
        peak,
    }
}

/// One table, a column for every number of records: ratios first.
fn print(measured: &[Measured]) {
    let row = |what: &str, value: &dyn Fn(&Measured) -> String| {
        let values = measured.iter().map(|m| format!("{:>12}", value(m)));
        println!("{what:<58}{}", values.collect::<String>());
    };
    let ratio = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64();
    row("records of 16 fields", &|m| m.records.to_string());
    row("first pull, records a second over bare inserts", &|m| {
        format!("{:.3}", ratio(m.parts.bare, m.first))
    });
    row("first pull over a look at everything, time", &|m| {
        format!("{:.1}", ratio(m.first, m.again))
    });
    for (at, share) in ["0.1 %", "1 %", "10 %"].into_iter().enumerate() {
        let what = format!("{share} changed, each over a record of the first pull");
        row(&what, &|m| {
            format!(
                "{:.1}",
                ratio(m.change[at], m.first.div_f64(m.records as f64))
            )
        });
    }
    row("file over raw JSON, bytes", &|m| {
        format!("{:.2}", m.file as f64 / m.parts.json_bytes as f64)
    });
    println!("where the first pull goes, of 100:");
    let share = |what: &str, of: fn(&Parts) -> Duration| {
        row(what, &|m| {
            format!("{:.0}", 100.0 * ratio(of(&m.parts), m.first))
        });
    };
    share("  SQLite writing the same rows", |parts| parts.rows);
    share("  JSON of both records", |parts| parts.json);
    share("  their digests", |parts| parts.digests);
    share("  the source computing its records", |parts| parts.source);
    share(
        "  deciding: the engine over a store that forgets",
        |parts| parts.engine.saturating_sub(parts.source),
    );
    row(
        "  the rest: statements one by one, triggers, columns",
        &|m| {
            let parts = &m.parts;
            let known = parts.rows + parts.json + parts.digests + parts.engine;
            format!(
                "{:.0}",
                100.0 * ratio(m.first.saturating_sub(known), m.first)
            )
        },
    );
    println!("exponents, from the number of records before:");
    let growth = |what: &str, of: fn(&Measured) -> f64| {
        let values = measured.windows(2).map(|pair| {
            let (a, b) = (&pair[0], &pair[1]);
            let power = (of(b) / of(a)).ln() / (b.records as f64 / a.records as f64).ln();
            format!("{power:>12.2}")
        });
        println!("{what:<58}{:>12}{}", "", values.collect::<String>());
    };
    growth("  time of the first pull", |m| m.first.as_secs_f64());
    growth("  time of a look at everything", |m| m.again.as_secs_f64());
    growth("  bytes of the file", |m| m.file as f64);
    println!("as this machine was just now:");
    row("  first pull, records a second", &|m| {
        format!("{:.0}", m.records as f64 / m.first.as_secs_f64())
    });
    row("  bare inserts, records a second", &|m| {
        format!("{:.0}", m.records as f64 / m.parts.bare.as_secs_f64())
    });
    row("  bytes of the file, a record", &|m| {
        (m.file / m.records).to_string()
    });
    row("  peak memory until then, MB", &|m| {
        m.peak
            .map_or_else(|| "?".to_owned(), |bytes| (bytes >> 20).to_string())
    });
}

/// An engine between the source and the file's table, over any store.
fn engine(
    source: &Arc<Source>,
    file: &SqliteStore,
    store: Arc<dyn Store>,
    clock: &VirtualClock,
) -> Engine {
    let link = LinkId::new("bench");
    let replica = file.replica(&link).build();
    let mapping = block_on(replica.align(&Source::schema(), None, true)).unwrap();
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    let described = |peer: &dyn Peer| Described {
        description: block_on(peer.describe(&call)).unwrap(),
        at: clock.now(),
    };
    let described = Sides::new(described(&**source), described(&replica));
    let spec = LinkSpec {
        id: link,
        places: Sides::new(source.place().clone(), replica.place().clone()),
        names: Sides::new("Notion".into(), "SQLite".into()),
        mapping,
        filters: Sides::default(),
        policy: Policy::default(),
    };
    let source: Arc<dyn Peer> = source.clone();
    let peers = Sides::new(source, Arc::new(replica) as Arc<dyn Peer>);
    Engine::new(spec, described, peers, store, Arc::new(clock.clone()))
}
