//! A world with its description, and the short forms the laws are written in.

use std::future::Future;
use std::time::Duration;

use crate::port::{
    Atomicity, BadItem, Batch, Call, Cancel, Capabilities, ChangeFeed, Command, CommandKind,
    Coverage, Cursor, Description, FieldSet, Lookup, Next, Outcome, Peer, PeerError, Receipt,
    ScanFrom, Sighting,
};
use crate::record::{Cell, Key, Lifecycle, Record};
use crate::schema::{Access, Field, FieldId, Schema};
use crate::testkit::contract::{Deed, PeerWorld, command, skip};
use crate::value::Value;

/// Makes a fresh world with an empty collection.
pub type Setup<'a> = &'a dyn Fn() -> Box<dyn PeerWorld>;

/// Page sizes every scan law is tried with.
pub(super) const PAGES: [u32; 4] = [1, 2, 7, 1_000];

/// No scan of the suite's few records takes more pages.
const MOST_PAGES: usize = 100;

pub(super) struct Bench {
    world: Box<dyn PeerWorld>,
    pub(super) description: Description,
}

/// All that a scan showed.
pub(super) struct Scan {
    pub(super) seen: Vec<Record>,
    pub(super) gone: Vec<Key>,
    pub(super) bad: Vec<BadItem>,
    pub(super) coverage: Coverage,
    pub(super) cursor: Option<Cursor>,
}

impl Scan {
    /// Keys of the live records, sorted.
    pub(super) fn live(&self) -> Vec<Key> {
        let live = self.seen.iter();
        let live = live.filter(|record| record.lifecycle == Lifecycle::Live);
        let mut keys: Vec<Key> = live.map(|record| record.key.clone()).collect();
        keys.sort();
        keys
    }

    /// The record with this key, if it was shown.
    pub(super) fn record(&self, key: &Key) -> Option<&Record> {
        self.seen.iter().find(|record| record.key == *key)
    }

    /// Whether the scan says that the record is not in use any more.
    pub(super) fn says_gone(&self, key: &Key) -> bool {
        let trashed = |record: &Record| record.lifecycle != Lifecycle::Live;
        self.gone.contains(key) || self.record(key).is_some_and(trashed)
    }
}

impl Bench {
    pub(super) fn new(setup: Setup<'_>) -> Self {
        let world = setup();
        let description = run(
            &*world,
            world.peer().describe(&Call::new(&Cancel::default())),
        );
        Self {
            description: description.expect("describe answers"),
            world,
        }
    }

    pub(super) fn peer(&self) -> &dyn Peer {
        self.world.peer()
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.description.schema
    }

    pub(super) fn can(&self) -> &Capabilities {
        &self.description.capabilities
    }

    pub(super) fn run<T>(&self, task: impl Future<Output = T>) -> T {
        run(&*self.world, task)
    }

    pub(super) fn describe(&self) -> Description {
        let cancel = Cancel::default();
        let answer = self.run(self.peer().describe(&Call::new(&cancel)));
        answer.expect("describe answers")
    }

    /// Lets the place's index and its coarse times catch up.
    pub(super) fn settle(&self) {
        // Two minutes more than the lag: the coarsest time in use is the minute.
        let lag = self.can().index_lag;
        self.world.advance(lag + Duration::from_secs(120));
    }

    pub(super) fn person(&self, deed: Deed) -> Option<Key> {
        self.world.person(&deed)
    }

    /// A person makes a record with the samples of this number in every field.
    pub(super) fn person_creates(&self, number: u32) -> Key {
        let made = self.person(Deed::Create(self.samples(number)));
        made.expect("a person can make records")
    }

    /// A person makes so many records, numbered from 0.
    pub(super) fn populate(&self, records: u32) -> Vec<Key> {
        (0..records)
            .map(|number| self.person_creates(number))
            .collect()
    }

    /// Fields that commands may write and the suite has values for.
    pub(super) fn writable(&self) -> Vec<&Field> {
        let fields = self.schema().fields.iter();
        let fields: Vec<_> = fields
            .filter(|field| field.access == Access::Writable)
            .filter(|field| self.world.sample(field, 0).is_some())
            .collect();
        assert!(!fields.is_empty(), "the suite needs a field it can write");
        fields
    }

    pub(super) fn sample(&self, field: &Field, number: u32) -> Value {
        let sample = self.world.sample(field, number);
        sample.expect("a field with one sample has more")
    }

    /// A value for every writable field.
    pub(super) fn samples(&self, number: u32) -> Vec<(FieldId, Value)> {
        let fields = self.writable().into_iter();
        fields
            .map(|field| (field.id.clone(), self.sample(field, number)))
            .collect()
    }

    pub(super) fn try_scan(&self, mut from: ScanFrom, page: u32) -> Result<Scan, PeerError> {
        let cancel = Cancel::default();
        let call = Call::new(&cancel);
        let mut scan = Scan {
            seen: Vec::new(),
            gone: Vec::new(),
            bad: Vec::new(),
            coverage: Coverage::Delta,
            cursor: None,
        };
        for _ in 0..MOST_PAGES {
            let got = self.run(self.peer().scan(&call, &from, &FieldSet::All, page))?;
            assert!(
                got.items.len() <= page as usize,
                "a page of {page} holds {} items",
                got.items.len()
            );
            for item in got.items {
                match item {
                    Sighting::Seen(record) => scan.seen.push(record),
                    Sighting::Tombstone(key, _) => scan.gone.push(key),
                    Sighting::Bad(item) => scan.bad.push(item),
                }
            }
            match got.next {
                Next::More(token) => from = ScanFrom::Next(token),
                Next::End { coverage, cursor } => {
                    scan.coverage = coverage;
                    scan.cursor = cursor;
                    return Ok(scan);
                }
            }
        }
        panic!("the scan did not end after {MOST_PAGES} pages");
    }

    pub(super) fn scan(&self, from: ScanFrom, page: u32) -> Scan {
        self.try_scan(from, page).expect("scan answers")
    }

    /// A full scan and the cursor it ended with; `None` where the peer keeps no history.
    pub(super) fn cursor(&self, page: u32) -> Option<Cursor> {
        if self.can().changes == ChangeFeed::None {
            skip("the peer shows no changes, only full scans");
            return None;
        }
        let cursor = self.scan(ScanFrom::full(), page).cursor;
        Some(cursor.expect("a peer that shows changes ends a full scan with a cursor"))
    }

    pub(super) fn fetch(&self, keys: &[Key]) -> Vec<Lookup> {
        self.fetch_fields(keys, &FieldSet::All)
    }

    pub(super) fn fetch_fields(&self, keys: &[Key], fields: &FieldSet) -> Vec<Lookup> {
        let cancel = Cancel::default();
        let call = Call::new(&cancel);
        let mut answers = Vec::new();
        for keys in keys.chunks(self.can().max_fetch as usize) {
            let answer = self.run(self.peer().fetch(&call, keys, fields));
            let answer = answer.expect("fetch answers");
            assert_eq!(answer.len(), keys.len(), "one answer per key");
            answers.extend(answer);
        }
        answers
    }

    pub(super) fn here(&self, key: &Key) -> Record {
        match self.fetch(std::slice::from_ref(key)).remove(0) {
            Lookup::Here(record) => record,
            other => panic!("{key} is not here: {other:?}"),
        }
    }

    pub(super) fn find(&self, field: &FieldId, values: &[Value]) -> Vec<Vec<Record>> {
        let cancel = Cancel::default();
        let call = Call::new(&cancel);
        let mut lists = Vec::new();
        for values in values.chunks(self.can().max_find as usize) {
            let found = self.run(self.peer().find(&call, field, values));
            let found = found.expect("find answers").records;
            assert_eq!(found.len(), values.len(), "one list per value");
            lists.extend(found);
        }
        lists
    }

    pub(super) fn try_apply(
        &self,
        mode: Atomicity,
        commands: Vec<Command>,
    ) -> Result<Vec<Outcome>, PeerError> {
        let cancel = Cancel::default();
        let count = commands.len();
        let batch = Batch { mode, commands };
        let outcomes = self.run(self.peer().apply(&Call::new(&cancel), &batch))?;
        assert_eq!(outcomes.len(), count, "one outcome per command");
        Ok(outcomes)
    }

    /// Each command for itself, in batches as large as the peer takes.
    pub(super) fn apply(&self, commands: &[Command]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for commands in commands.chunks(self.can().max_batch as usize) {
            let answer = self.try_apply(Atomicity::PerCommand, commands.to_vec());
            outcomes.extend(answer.expect("apply answers"));
        }
        outcomes
    }

    pub(super) fn outcome(&self, command: Command) -> Outcome {
        self.apply(&[command]).remove(0)
    }

    pub(super) fn done(&self, command: Command) -> Receipt {
        match self.outcome(command) {
            Outcome::Done(receipt) => receipt,
            other => panic!("not done: {other:?}"),
        }
    }

    /// What a person could have changed about a record: its writable cells and its lifecycle.
    pub(super) fn content(&self, record: &Record) -> (Lifecycle, Vec<(FieldId, Option<Cell>)>) {
        let fields = self.schema().fields.iter();
        let writable = fields.filter(|field| field.access == Access::Writable);
        let cells = writable.map(|field| {
            let cell = record.cells.cell(&field.id).cloned();
            (field.id.clone(), cell)
        });
        (record.lifecycle, cells.collect())
    }

    /// [`Bench::content`] of the record as a direct read shows it.
    pub(super) fn content_of(&self, key: &Key) -> (Lifecycle, Vec<(FieldId, Option<Cell>)>) {
        self.content(&self.here(key))
    }
}

/// Runs a task the way the world wants it run.
fn run<T>(world: &dyn PeerWorld, task: impl Future<Output = T>) -> T {
    let mut answer = None;
    world.drive(Box::pin(async { answer = Some(task.await) }));
    answer.expect("the world drives a task to its end")
}

/// New values for a record, whatever was there.
pub(super) fn patch(key: &Key, cells: impl IntoIterator<Item = (FieldId, Value)>) -> Command {
    command(CommandKind::Patch, Some(key), cells)
}
