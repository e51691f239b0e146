//! What a replica costs: a first pull, a look at everything unchanged, a few changes, the file; as
//! ratios to bare inserts of the same JSON, and as exponents over the number of records.
//!
//! `cargo bench -p notion-sync-sqlite --bench replica` takes 1,000 to 100,000 records of 16 fields,
//! with `-- --million` a million as well; with `-- --test` some hundreds, and fails if a budget of
//! statements or bytes is broken. Budgets are counts, never times.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![allow(missing_docs, reason = "nobody names a benchmark's functions")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use notion_sync_core::engine::{Described, Engine, Report, RunOptions};
use notion_sync_core::link::{LinkId, LinkSpec, Policy, Sides};
use notion_sync_core::port::{Call, Cancel, Clock, Peer, Store};
use notion_sync_core::record::Key;
use notion_sync_core::schema::{Access, Field, FieldId, FieldType, Limits, Schema};
use notion_sync_core::testkit::{MemoryPeer, VirtualClock};
use notion_sync_core::value::{Choice, RichText, Value};
use notion_sync_sqlite::{SqliteStore, StoreOptions};
use rusqlite::Connection;

fn main() {
    let asked = |flag: &str| std::env::args().any(|argument| argument == flag);
    let mut sizes = match asked("--test") {
        true => vec![200, 800],
        false => vec![1_000, 10_000, 100_000],
    };
    if asked("--million") {
        sizes.push(1_000_000);
    }
    println!("records of 16 fields, one transaction per 2,000 of them");
    let measured: Vec<Measured> = sizes.iter().map(|records| measure(*records)).collect();
    for pair in measured.windows(2) {
        let growth = |of: fn(&Measured) -> f64| {
            let (a, b) = (&pair[0], &pair[1]);
            (of(b) / of(a)).ln() / (b.records as f64 / a.records as f64).ln()
        };
        println!(
            "{} to {}: exponent of the first pull {:.2}, of a look at everything {:.2}, of the file {:.2}",
            pair[0].records,
            pair[1].records,
            growth(|m| m.first.as_secs_f64()),
            growth(|m| m.again.as_secs_f64()),
            growth(|m| m.file as f64),
        );
    }
    for measured in &measured {
        let raw = measured.file as f64 / measured.json as f64;
        assert!(raw < 8.0, "the file takes {raw:.1} times the JSON");
    }
}

struct Measured {
    records: u64,
    first: Duration,
    again: Duration,
    file: u64,
    json: u64,
}

fn measure(records: u64) -> Measured {
    let folder = tempfile::tempdir().unwrap();
    let clock = VirtualClock::default();
    let source = MemoryPeer::sql_like("notion:bench", schema(), clock.clone());
    let keys: Vec<Key> = (0..records)
        .map(|number| {
            let cells = cells(number);
            let named: Vec<(&str, Value)> = cells
                .iter()
                .map(|(field, value)| (field.as_str(), value.clone()))
                .collect();
            source.person_creates(&named)
        })
        .collect();
    let texts: Vec<String> = source
        .records()
        .iter()
        .map(|record| serde_json::to_string(&record.content()).unwrap())
        .collect();
    let json: u64 = texts.iter().map(|text| text.len() as u64).sum();
    let bare = bare(&folder.path().join("bare.sqlite"), &keys, &texts);
    drop(texts);

    let path = folder.path().join("replica.sqlite");
    let store = SqliteStore::open(&path, StoreOptions::default()).unwrap();
    let run = |full: bool| -> (Duration, Report) {
        let engine = engine(&source, &store, &clock);
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
    let (again, report) = run(true);
    assert!(report.is_quiet(), "{report:?}");
    let rate = |took: Duration| records as f64 / took.as_secs_f64();
    println!(
        "{records} records: first pull {first:.2?} ({:.0} a second, {:.2} of bare inserts of their JSON), \
         a look at everything {again:.2?} (the first pull took {:.1} times that)",
        rate(first),
        rate(first) / rate(bare),
        first.as_secs_f64() / again.as_secs_f64(),
    );
    let mut per_change = Vec::new();
    for every in [1_000, 100, 10] {
        let changed: Vec<&Key> = keys.iter().step_by(every).collect();
        for key in &changed {
            let text = Value::rich_text(RichText::plain_text(format!("edited, every {every}")));
            source.person_sets(key, "text 0", text);
        }
        let (took, report) = run(false);
        assert_eq!(report.settled.right.patched, changed.len() as u64);
        per_change.push(format!(
            "{} of them {took:.2?}, {:.0} µs each",
            changed.len(),
            took.as_secs_f64() * 1e6 / changed.len() as f64
        ));
    }
    println!("  changed: {}", per_change.join("; "));
    drop(store);
    let parts = same_rows(&path, &folder.path().join("copy.sqlite"));
    let file = std::fs::metadata(&path).unwrap().len();
    println!(
        "  bare inserts of every row of the file, its indexes kept: {parts:.2?}, {:.0} % of the first pull",
        100.0 * parts.as_secs_f64() / first.as_secs_f64()
    );
    println!(
        "  the file: {} bytes a record, {:.2} times their JSON ({} bytes a record)",
        file / records,
        file as f64 / json as f64,
        json / records
    );
    Measured {
        records,
        first,
        again,
        file,
        json,
    }
}

/// What SQLite takes to insert the same JSON, by key, in transactions of the same size.
fn bare(path: &Path, keys: &[Key], texts: &[String]) -> Duration {
    let mut connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             CREATE TABLE bare(key TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT",
        )
        .unwrap();
    let started = Instant::now();
    for chunk in keys.iter().zip(texts).collect::<Vec<_>>().chunks(2_000) {
        let transaction = connection.transaction().unwrap();
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO bare(key, json) VALUES (?1, ?2)")
                .unwrap();
            for (key, text) in chunk {
                insert.execute((key.as_str(), text)).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
    started.elapsed()
}

/// What SQLite alone takes to write the rows of a file, without anything that decides what they are.
fn same_rows(from: &Path, to: &Path) -> Duration {
    let connection = Connection::open(to).unwrap();
    let attach = format!("ATTACH '{}' AS replica", from.display());
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
        .unwrap();
    connection.execute_batch(&attach).unwrap();
    let objects = |kind: &str| -> Vec<(String, String)> {
        let sql = "SELECT name, sql FROM replica.sqlite_master
                   WHERE type = ?1 AND sql IS NOT NULL AND name NOT LIKE 'sqlite_%'";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([kind], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    };
    let tables = objects("table");
    for (_, sql) in tables.iter().chain(&objects("index")) {
        connection.execute_batch(sql).unwrap();
    }
    let started = Instant::now();
    for (name, _) in &tables {
        let quoted = name.replace('"', "\"\"");
        let copy = format!("INSERT INTO main.\"{quoted}\" SELECT * FROM replica.\"{quoted}\"");
        connection.execute_batch(&copy).unwrap();
    }
    started.elapsed()
}

fn engine(source: &MemoryPeer, store: &SqliteStore, clock: &VirtualClock) -> Engine {
    let link = LinkId::new("bench");
    let replica = store.replica(&link).build();
    let mapping = block_on(replica.align(&source.schema(), None, true)).unwrap();
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    let described = |peer: &dyn Peer| Described {
        description: block_on(peer.describe(&call)).unwrap(),
        at: clock.now(),
    };
    let described = Sides::new(described(source), described(&replica));
    let spec = LinkSpec {
        id: link,
        places: Sides::new(source.place().clone(), replica.place().clone()),
        names: Sides::new("Notion".into(), "SQLite".into()),
        mapping,
        filters: Sides::default(),
        policy: Policy::default(),
    };
    let peers: Sides<Arc<dyn Peer>> = Sides::new(Arc::new(source.clone()), Arc::new(replica));
    let store: Arc<dyn Store> = Arc::new(store.clone());
    Engine::new(spec, described, peers, store, Arc::new(clock.clone()))
}

fn schema() -> Schema {
    let field = |name: &str, ty, access| Field {
        id: FieldId::new(name),
        name: name.to_owned(),
        ty,
        access,
        limits: Limits::default(),
    };
    let mut fields = vec![
        field("_id", FieldType::Text, Access::Computed),
        field("_url", FieldType::Url, Access::Computed),
        field("Name", FieldType::Title, Access::Writable),
    ];
    for at in 0..5 {
        let text = format!("text {at}");
        fields.push(field(&text, FieldType::RichText, Access::Writable));
        let number = format!("number {at}");
        fields.push(field(&number, FieldType::Number, Access::Writable));
    }
    let options = vec![Choice::with_id("abc", "Todo")];
    fields.push(field("Done", FieldType::Checkbox, Access::Writable));
    fields.push(field("Stage", FieldType::Select(options), Access::Writable));
    fields.push(field("Due", FieldType::Date, Access::Writable));
    Schema {
        title: "Bench".into(),
        fields,
    }
}

fn cells(number: u64) -> Vec<(String, Value)> {
    let words =
        |what: &str| Value::rich_text(RichText::plain_text(format!("{what} of record {number}")));
    let mut cells = vec![
        (
            "_id".to_owned(),
            Value::text(format!("0f3c6f6e-{number:024}")),
        ),
        (
            "_url".to_owned(),
            Value::text(format!("https://www.notion.so/0f3c6f6e{number:024}")),
        ),
        ("Name".to_owned(), words("name")),
        ("Done".to_owned(), Value::Bool(number.is_multiple_of(2))),
        (
            "Stage".to_owned(),
            Value::Choice(Choice::with_id("abc", "Todo")),
        ),
        ("Due".to_owned(), Value::Date("2026-06-15".parse().unwrap())),
    ];
    for at in 0..5 {
        cells.push((format!("text {at}"), words("some words")));
        let value = i64::try_from(number).unwrap();
        cells.push((format!("number {at}"), Value::Number(value.into())));
    }
    cells
}
