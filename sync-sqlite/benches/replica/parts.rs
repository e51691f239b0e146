//! What a first pull is made of, each part done alone: the engine over a store that forgets, JSON,
//! digests, SQLite writing rows.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use notion_sync_core::engine::RunOptions;
use notion_sync_core::link::{LinkId, Side};
use notion_sync_core::port::{Call, Cancel, FieldSet, Next, Peer, ScanFrom, Sighting};
use notion_sync_core::record::Record;
use notion_sync_core::testkit::{ForgetfulStore, VirtualClock};
use notion_sync_core::value::Digest;
use notion_sync_sqlite::SqliteStore;
use rusqlite::Connection;

use super::engine;
use super::source::Source;

/// Records in one transaction of the bare inserts.
const CHUNK: u32 = 2_000;

#[derive(Default)]
pub(crate) struct Parts {
    /// Bare inserts of the source's records, by key, as JSON.
    pub(crate) bare: Duration,
    /// The source's records as JSON.
    pub(crate) json_bytes: u64,
    /// The source computing its records.
    pub(crate) source: Duration,
    /// A whole first pull by the engine into a store that forgets, the source included.
    pub(crate) engine: Duration,
    /// Writing the records of both sides as JSON.
    pub(crate) json: Duration,
    /// Digesting that JSON.
    pub(crate) digests: Duration,
    /// Bare inserts of every row of the file, indexes kept.
    pub(crate) rows: Duration,
}

impl Parts {
    pub(crate) fn measure(
        source: &Arc<Source>,
        store: &SqliteStore,
        clock: &VirtualClock,
        folder: &Path,
    ) -> Self {
        let mut parts = Self::default();
        let mut bare = Bare::new(&folder.join("bare.sqlite"));
        parts.source = pages(&**source, |records| {
            let texts = parts.as_json(records);
            parts.json_bytes += texts.iter().map(|text| text.len() as u64).sum::<u64>();
            parts.bare += bare.insert(records, &texts);
        });
        let replica = store.replica(&LinkId::new("bench")).build();
        pages(&replica, |records| {
            parts.as_json(records);
        });
        // A table without rows, so that everything is new to it.
        let empty = SqliteStore::in_memory().unwrap();
        let forgetful = Arc::new(ForgetfulStore::new(Side::Right));
        let engine = engine(source, &empty, forgetful, clock);
        parts.engine = timed(|| block_on(engine.run(&RunOptions::default())).unwrap()).1;
        parts
    }

    /// The shorter of both times, each.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            bare: self.bare.min(other.bare),
            json_bytes: self.json_bytes,
            source: self.source.min(other.source),
            engine: self.engine.min(other.engine),
            json: self.json.min(other.json),
            digests: self.digests.min(other.digests),
            rows: self.rows.min(other.rows),
        }
    }

    /// Measures the last part over a file that nobody has open.
    pub(crate) fn with_rows_of(mut self, file: &Path, copy: &Path) -> Self {
        self.rows = same_rows(file, copy);
        self
    }

    /// Writes and digests a page of records.
    fn as_json(&mut self, records: &[Record]) -> Vec<String> {
        let (texts, json) = timed(|| records.iter().map(Record::content).collect::<Vec<_>>());
        let digests = timed(|| {
            for text in &texts {
                black_box(Digest::of(text.as_bytes()));
            }
        });
        self.json += json;
        self.digests += digests.1;
        texts
    }
}

/// Hands on a peer's records page by page. Returns what the peer took to read them.
fn pages(peer: &dyn Peer, mut with: impl FnMut(&[Record])) -> Duration {
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    let mut from = ScanFrom::full();
    let mut reading = Duration::ZERO;
    loop {
        let (page, took) = timed(|| block_on(peer.scan(&call, &from, &FieldSet::All, CHUNK)));
        reading += took;
        let page = page.unwrap();
        let records = page.items.into_iter().filter_map(|item| match item {
            Sighting::Seen(record) => Some(record),
            _ => None,
        });
        with(&records.collect::<Vec<_>>());
        match page.next {
            Next::More(token) => from = ScanFrom::Next(token),
            Next::End { .. } => return reading,
        }
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let done = work();
    (done, started.elapsed())
}

/// SQLite alone, taking JSON by key.
struct Bare(Connection);

impl Bare {
    fn new(path: &Path) -> Self {
        let connection = Connection::open(path).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
                 CREATE TABLE bare(key TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT",
            )
            .unwrap();
        Self(connection)
    }

    fn insert(&mut self, records: &[Record], texts: &[String]) -> Duration {
        let rows = || {
            let transaction = self.0.transaction().unwrap();
            let sql = "INSERT INTO bare(key, json) VALUES (?1, ?2)";
            let mut insert = transaction.prepare_cached(sql).unwrap();
            for (record, text) in records.iter().zip(texts) {
                insert.execute((record.key.as_str(), text)).unwrap();
            }
            drop(insert);
            transaction.commit().unwrap();
        };
        timed(rows).1
    }
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
    let copy = || {
        for (name, _) in &tables {
            let quoted = name.replace('"', "\"\"");
            let copy = format!("INSERT INTO main.\"{quoted}\" SELECT * FROM replica.\"{quoted}\"");
            connection.execute_batch(&copy).unwrap();
        }
    };
    timed(copy).1
}

/// The most memory this process has had, in bytes, where the system tells.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1_024)
}
