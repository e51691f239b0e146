//! A file of somebody else's, a person with a SQL tool, and short forms for what the peer is asked.

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures::executor::block_on;
use notion_sync_core::port::*;
use notion_sync_core::record::{Cell, Key, Record};
use notion_sync_core::schema::FieldId;
use notion_sync_core::value::Value;
use notion_sync_sqlite::{SqliteTable, SqliteTableBuilder};
use rusqlite::Connection;
use tempfile::TempDir;

pub(crate) struct Shop {
    dir: TempDir,
    pub(crate) person: Connection,
}

/// All that a scan showed.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) seen: BTreeMap<Key, Record>,
    pub(crate) gone: Vec<Key>,
    pub(crate) bad: Vec<BadItem>,
    pub(crate) coverage: Coverage,
    pub(crate) cursor: Option<Cursor>,
}

impl Scan {
    pub(crate) fn keys(&self) -> Vec<&str> {
        self.seen.keys().map(Key::as_str).collect()
    }
}

impl Shop {
    pub(crate) fn new(sql: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let person = Connection::open(dir.path().join("shop.db")).unwrap();
        // Nothing of it has to survive a power cut.
        let quick = "PRAGMA synchronous = OFF";
        person.execute_batch(&format!("{quick};{sql}")).unwrap();
        Self { dir, person }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("shop.db")
    }

    pub(crate) fn builder(&self, table: &str) -> SqliteTableBuilder {
        SqliteTable::builder(self.path(), table)
    }

    pub(crate) fn table(&self, table: &str) -> SqliteTable {
        self.builder(table).build().unwrap()
    }

    /// With triggers that note what changes.
    pub(crate) fn captured(&self, table: &str) -> SqliteTable {
        let table = self.table(table);
        block_on(table.start_capture()).unwrap();
        table
    }

    pub(crate) fn run(&self, sql: &str) {
        self.person.execute_batch(sql).unwrap();
    }

    /// The first value of the first row, as text.
    pub(crate) fn ask(&self, sql: &str) -> Option<String> {
        let sql = format!("SELECT CAST(({sql}) AS TEXT)");
        self.person.query_row(&sql, [], |row| row.get(0)).unwrap()
    }
}

pub(crate) fn try_scan(
    peer: &dyn Peer,
    since: Option<Cursor>,
    page: u32,
) -> Result<Scan, PeerError> {
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    let mut from = ScanFrom::full_or_since(since);
    let mut scan = Scan {
        seen: BTreeMap::new(),
        gone: Vec::new(),
        bad: Vec::new(),
        coverage: Coverage::Delta,
        cursor: None,
    };
    loop {
        let page = block_on(peer.scan(&call, &from, &FieldSet::All, page))?;
        for item in page.items {
            match item {
                Sighting::Seen(record) => {
                    let twice = scan.seen.insert(record.key.clone(), record);
                    assert_eq!(twice, None, "shown twice");
                }
                Sighting::Tombstone(key, _) => scan.gone.push(key),
                Sighting::Bad(bad) => scan.bad.push(bad),
            }
        }
        match page.next {
            Next::More(token) => from = ScanFrom::Next(token),
            Next::End { coverage, cursor } => {
                scan.coverage = coverage;
                scan.cursor = cursor;
                return Ok(scan);
            }
        }
    }
}

pub(crate) fn full(peer: &dyn Peer) -> Scan {
    try_scan(peer, None, 3).unwrap()
}

pub(crate) fn since(peer: &dyn Peer, cursor: &Option<Cursor>) -> Scan {
    try_scan(peer, cursor.clone(), 3).unwrap()
}

pub(crate) fn describe(peer: &dyn Peer) -> Description {
    block_on(peer.describe(&Call::new(&Cancel::default()))).unwrap()
}

pub(crate) fn fetch(peer: &dyn Peer, key: &str) -> Option<Record> {
    let keys = [Key::durable(key)];
    let cancel = Cancel::default();
    let found = block_on(peer.fetch(&Call::new(&cancel), &keys, &FieldSet::All)).unwrap();
    match found.into_iter().next() {
        Some(Lookup::Here(record)) => Some(record),
        Some(Lookup::Absent(Absence::Authoritative)) => None,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn cell(peer: &dyn Peer, key: &str, field: &str) -> Cell {
    let record = fetch(peer, key).unwrap();
    record.cells.cell(&FieldId::new(field)).unwrap().clone()
}

/// What a field of a row reads as, to a person.
pub(crate) fn reads(peer: &dyn Peer, key: &str, field: &str) -> String {
    cell(peer, key, field).complete().unwrap().display()
}

pub(crate) fn find(peer: &dyn Peer, field: &str, value: Value) -> Vec<String> {
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    let found = block_on(peer.find(&call, &FieldId::new(field), &[value])).unwrap();
    let found = found.records.concat();
    found.iter().map(|record| record.key.to_string()).collect()
}

fn command(kind: CommandKind, key: Option<&str>, cells: &[(&str, Value)]) -> Command {
    let cells = cells.iter().map(|(field, desired)| CellChange {
        field: FieldId::new(*field),
        expected: None,
        desired: desired.clone(),
    });
    Command {
        kind,
        key: key.map(Key::durable),
        cells: cells.collect(),
        holding: Vec::new(),
    }
}

pub(crate) fn create(cells: &[(&str, Value)]) -> Command {
    command(CommandKind::Create, None, cells)
}

pub(crate) fn patch(key: &str, cells: &[(&str, Value)]) -> Command {
    command(CommandKind::Patch, Some(key), cells)
}

pub(crate) fn trash(key: &str) -> Command {
    command(CommandKind::Trash, Some(key), &[])
}

pub(crate) fn untrash(key: &str) -> Command {
    command(CommandKind::Untrash, Some(key), &[])
}

pub(crate) fn try_apply(
    peer: &dyn Peer,
    mode: Atomicity,
    commands: &[Command],
) -> Result<Vec<Outcome>, PeerError> {
    let cancel = Cancel::default();
    let batch = Batch {
        mode,
        commands: commands.to_vec(),
    };
    block_on(peer.apply(&Call::new(&cancel), &batch))
}

pub(crate) fn apply(peer: &dyn Peer, commands: &[Command]) -> Vec<Outcome> {
    try_apply(peer, Atomicity::PerCommand, commands).unwrap()
}

/// The key of the row, as the receipt says.
pub(crate) fn done(peer: &dyn Peer, command: Command) -> String {
    match apply(peer, &[command]).remove(0) {
        Outcome::Done(receipt) => receipt.key.to_string(),
        other => panic!("not done: {other:?}"),
    }
}

/// Why it was refused.
pub(crate) fn refusal(peer: &dyn Peer, command: Command) -> String {
    why(&apply(peer, &[command])[0]).to_owned()
}

pub(crate) fn why(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Rejected(rejection) => &rejection.message,
        other => panic!("not refused: {other:?}"),
    }
}
