//! A collection in memory, with the habits of a remote or of a local peer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::VirtualClock;
use crate::port::{
    Absence, Batch, Call, Capabilities, CellChange, ChangeFeed, Clock, Command, CommandKind,
    Coverage, Cursor, Description, FieldSet, Found, Lookup, Next, Outcome, PageToken, Peer,
    PeerError, PeerErrorKind, PlaceId, Receipt, Rejection, RejectionKind, ScanFrom, ScanPage,
    Scope, Sent, Sighting, UpdateSafety,
};
use crate::record::{Cell, Cells, Key, Lifecycle, Record, Timestamp};
use crate::schema::{FieldId, Schema, SchemaChange, SchemaVersion};
use crate::value::Value;

/// A collection in memory. Clones share it.
#[derive(Clone, Debug)]
pub struct MemoryPeer {
    place: PlaceId,
    clock: VirtualClock,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    schema: Schema,
    capabilities: Capabilities,
    rows: BTreeMap<Key, Row>,
    hidden: Vec<Key>,
    next_key: u64,
    seq: u64,
    faults: VecDeque<Fault>,
    late: Vec<Command>,
    mutations: Vec<Mutation>,
    requests: u64,
    cap: Option<usize>,
}

#[derive(Clone, Debug)]
struct Row {
    record: Record,
    created: u64,
    seq: u64,
    born: Timestamp,
    edited: Timestamp,
}

/// Something that goes wrong with the next command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is carried out and the answer is lost.
    LoseAnswer,
    /// It never arrives, and the sender cannot tell.
    LoseRequest,
    /// It arrives after the next command, and the sender cannot tell.
    ArriveLate,
    /// It is refused for good.
    Reject,
    /// The credentials are refused.
    Unauthorized,
    /// Nothing goes wrong: a place in the queue.
    None,
}

/// One command that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// What kind.
    pub kind: CommandKind,
    /// On which record.
    pub key: Key,
    /// The fields it wrote.
    pub fields: Vec<FieldId>,
}

impl MemoryPeer {
    /// An empty collection with these habits.
    pub fn new(
        place: &str,
        schema: Schema,
        capabilities: Capabilities,
        clock: VirtualClock,
    ) -> Self {
        let inner = Inner {
            schema,
            capabilities,
            rows: BTreeMap::new(),
            hidden: Vec::new(),
            next_key: 1,
            seq: 0,
            faults: VecDeque::new(),
            late: Vec::new(),
            mutations: Vec::new(),
            requests: 0,
            cap: None,
        };
        Self {
            place: PlaceId::new(place),
            clock,
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    /// A person makes a record.
    pub fn person_creates(&self, cells: &[(&str, Value)]) -> Key {
        let now = self.clock.now();
        let mut inner = self.inner();
        let cells = cells
            .iter()
            .map(|(field, value)| (FieldId::new(*field), value.clone()));
        inner.create(&self.place, now, cells.collect())
    }

    /// A person changes one cell.
    pub fn person_sets(&self, key: &Key, field: &str, value: Value) {
        let now = self.clock.now();
        self.inner().touch(key, now, |record| {
            record.cells.put(FieldId::new(field), Cell::Complete(value));
        });
    }

    /// A person moves a record to the trash or back.
    pub fn person_trashes(&self, key: &Key, trashed: bool) {
        let now = self.clock.now();
        self.inner().touch(key, now, |record| {
            record.lifecycle = if trashed {
                Lifecycle::Trashed
            } else {
                Lifecycle::Live
            };
        });
    }

    /// Shows only part of a value from now on, or all of it again.
    pub fn set_cell(&self, key: &Key, field: &str, cell: Cell) {
        let now = self.clock.now();
        self.inner().touch(key, now, |record| {
            record.cells.put(FieldId::new(field), cell)
        });
    }

    /// Stops showing a record, or shows it again.
    pub fn hide(&self, key: &Key, hidden: bool) {
        let mut inner = self.inner();
        inner.hidden.retain(|there| there != key);
        if hidden {
            inner.hidden.push(key.clone());
        }
    }

    /// Returns at most so many records per scan, like a capped query.
    pub fn cap(&self, records: Option<usize>) {
        self.inner().cap = records;
    }

    /// Scans and searches miss edits younger than this from now on.
    pub fn lag(&self, lag: Duration) {
        self.inner().capabilities.index_lag = lag;
    }

    /// Faults for the next commands, one each.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        self.inner().faults.extend(faults);
    }

    /// Commands carried out so far; forgets them.
    pub fn take_mutations(&self) -> Vec<Mutation> {
        std::mem::take(&mut self.inner().mutations)
    }

    /// Calls answered so far; starts to count again.
    pub fn take_requests(&self) -> u64 {
        std::mem::take(&mut self.inner().requests)
    }

    /// All records, trash included.
    pub fn records(&self) -> Vec<Record> {
        self.inner()
            .rows
            .values()
            .map(|row| row.record.clone())
            .collect()
    }

    /// Live records.
    pub fn live(&self) -> Vec<Record> {
        let mut records = self.records();
        records.retain(|record| record.lifecycle == Lifecycle::Live);
        records
    }

    /// One value.
    pub fn value(&self, key: &Key, field: &str) -> Option<Value> {
        let inner = self.inner();
        inner
            .rows
            .get(key)?
            .record
            .cells
            .complete(&FieldId::new(field))
            .cloned()
    }

    /// Executes one command as if inside a transaction of the store: no faults, no request.
    pub(super) fn execute(&self, command: &Command) -> Outcome {
        let now = self.clock.now();
        self.inner().execute(&self.place, now, command)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, kind: PeerErrorKind, message: &str, sent: Sent) -> PeerError {
        PeerError {
            sent,
            ..PeerError::new(&self.place, kind, message)
        }
    }
}

impl Inner {
    fn create(&mut self, place: &PlaceId, now: Timestamp, cells: Vec<(FieldId, Value)>) -> Key {
        let key = Key::durable(format!("{}-{}", place.as_str(), self.next_key));
        self.next_key += 1;
        self.seq += 1;
        let mut full: Cells = self
            .schema
            .fields
            .iter()
            .map(|field| (field.id.clone(), Cell::Complete(Value::Empty)))
            .collect();
        for (field, value) in cells {
            full.put(field, Cell::Complete(value));
        }
        let record = Record {
            key: key.clone(),
            lifecycle: Lifecycle::Live,
            version: None,
            edited_at: Some(self.edit_moment(now)),
            cells: full,
        };
        let row = Row {
            record,
            created: self.seq,
            seq: self.seq,
            born: now,
            edited: now,
        };
        self.rows.insert(key.clone(), row);
        key
    }

    /// A moment as finely as this peer tells it.
    fn edit_moment(&self, now: Timestamp) -> Timestamp {
        let grain = self.capabilities.edit_grain.as_millis();
        let grain = i64::try_from(grain).unwrap_or(i64::MAX).max(1);
        Timestamp(now.0.div_euclid(grain).saturating_mul(grain))
    }

    fn touch(&mut self, key: &Key, now: Timestamp, change: impl FnOnce(&mut Record)) {
        self.seq += 1;
        let seq = self.seq;
        let moment = self.edit_moment(now);
        if let Some(row) = self.rows.get_mut(key) {
            change(&mut row.record);
            row.record.edited_at = Some(moment);
            row.seq = seq;
            row.edited = now;
        }
    }

    fn execute(&mut self, place: &PlaceId, now: Timestamp, command: &Command) -> Outcome {
        let written = |cells: &[CellChange]| {
            cells
                .iter()
                .map(|cell| (cell.field.clone(), cell.desired.clone()))
                .collect::<Vec<_>>()
        };
        let key = match (&command.key, command.kind) {
            (None, _) => self.create(place, now, written(&command.cells)),
            (Some(key), _) if !self.rows.contains_key(key) || self.hidden.contains(key) => {
                let message = "not found; share it with the connection".to_owned();
                return Outcome::Rejected(Rejection {
                    kind: RejectionKind::NotFound,
                    message,
                });
            }
            (Some(key), kind) => {
                let record = self.rows[key].record.clone();
                let fits = |cell: &CellChange| {
                    let now = record.cells.complete(&cell.field);
                    cell.expected.is_none() || cell.expected.as_ref() == now
                };
                let compares = self.capabilities.update == UpdateSafety::CompareAndSwap;
                let held =
                    |(field, value): &(FieldId, Value)| record.cells.complete(field) == Some(value);
                let alive = record.lifecycle == Lifecycle::Live || kind != CommandKind::Patch;
                let as_expected =
                    alive && command.cells.iter().all(fits) && command.holding.iter().all(held);
                if compares && !as_expected {
                    return Outcome::Stale(Some(record));
                }
                self.touch(key, now, |record| {
                    record.lifecycle = kind.leads_to();
                    for (field, value) in written(&command.cells) {
                        record.cells.put(field, Cell::Complete(value));
                    }
                });
                key.clone()
            }
        };
        self.mutations.push(Mutation {
            kind: command.kind,
            key: key.clone(),
            fields: command
                .cells
                .iter()
                .map(|cell| cell.field.clone())
                .collect(),
        });
        let observed = self.rows.get(&key).map(|row| row.record.clone());
        Outcome::Done(Receipt {
            key,
            version: None,
            observed,
        })
    }
}

/// Times as Notion keeps them: cut to the minute.
fn minute(time: Timestamp) -> i64 {
    time.0.div_euclid(60_000)
}

#[async_trait]
impl Peer for MemoryPeer {
    fn place(&self) -> &PlaceId {
        &self.place
    }

    async fn describe(&self, _: &Call<'_>) -> Result<Description, PeerError> {
        let mut inner = self.inner();
        inner.requests += 1;
        Ok(Description {
            schema: inner.schema.clone(),
            capabilities: inner.capabilities.clone(),
        })
    }

    async fn scan(
        &self,
        _: &Call<'_>,
        from: &ScanFrom,
        _: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        let now = self.clock.now();
        let mut inner = self.inner();
        inner.requests += 1;
        // A token is "since:offset:cursor": where the scan began, how far it is, where the next
        // one starts.
        let (since, offset, cursor) = match from {
            ScanFrom::Start { since, .. } => {
                let cursor = match inner.capabilities.changes {
                    ChangeFeed::Delta => inner.seq.to_string(),
                    ChangeFeed::Window | ChangeFeed::None => {
                        let lag = inner.capabilities.index_lag.as_millis();
                        let lag = i64::try_from(lag).unwrap_or(i64::MAX);
                        (minute(Timestamp(now.0.saturating_sub(lag))) - 1).to_string()
                    }
                };
                (since.as_ref().map(|cursor| cursor.0.clone()), 0, cursor)
            }
            ScanFrom::Next(PageToken(token)) => {
                let mut parts = token.split(':');
                let mut part = || parts.next().unwrap_or_default().to_owned();
                let since = Some(part()).filter(|since| !since.is_empty());
                (since, part().parse().unwrap_or(0), part())
            }
        };
        let feed = inner.capabilities.changes;
        let lag = inner.capabilities.index_lag;
        let since_number = since.as_ref().and_then(|since| since.parse::<i64>().ok());
        let mut rows: Vec<&Row> = inner
            .rows
            .values()
            .filter(|row| match (feed, since_number) {
                (ChangeFeed::Delta, Some(since)) => i64::try_from(row.seq).unwrap_or(0) > since,
                (ChangeFeed::Delta, None) => true,
                (_, since) => {
                    // The index knows the record from its first version on; a later one is late too.
                    let settled = if since.is_some() {
                        row.edited
                    } else {
                        row.born
                    };
                    let visible = now.since(settled) >= lag;
                    row.record.lifecycle == Lifecycle::Live
                        && visible
                        && !inner.hidden.contains(&row.record.key)
                        && since.is_none_or(|since| minute(row.edited) >= since)
                }
            })
            .collect();
        rows.sort_by_key(|row| row.created);
        let all = rows.len();
        let shown = inner.cap.map_or(all, |cap| cap.min(all));
        let end = shown.min(offset + limit.min(inner.capabilities.max_fetch.max(100)) as usize);
        let items = rows[offset.min(end)..end]
            .iter()
            .map(|row| Sighting::Seen(row.record.clone()))
            .collect();
        if end < shown {
            let token = format!("{}:{end}:{cursor}", since.unwrap_or_default());
            return Ok(ScanPage {
                items,
                next: Next::More(PageToken(token)),
            });
        }
        let coverage = match (feed, &since) {
            _ if shown < all => Coverage::Partial("the query is capped".into()),
            (_, None) => Coverage::Complete(Scope::All),
            (ChangeFeed::Delta, Some(_)) => Coverage::Delta,
            (_, Some(_)) => Coverage::Window,
        };
        Ok(ScanPage {
            items,
            next: Next::End {
                coverage,
                cursor: Some(Cursor(cursor)),
            },
        })
    }

    async fn fetch(
        &self,
        _: &Call<'_>,
        keys: &[Key],
        _: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        let mut inner = self.inner();
        inner.requests += 1;
        let absence = inner.capabilities.absence;
        let look = |key: &Key| match inner.rows.get(key) {
            Some(_) if inner.hidden.contains(key) => Lookup::Absent(Absence::Ambiguous),
            Some(row) => Lookup::Here(row.record.clone()),
            None => Lookup::Absent(absence),
        };
        Ok(keys.iter().map(look).collect())
    }

    async fn find(
        &self,
        _: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        let now = self.clock.now();
        let mut inner = self.inner();
        inner.requests += 1;
        let lag = inner.capabilities.index_lag;
        let matching = |value: &Value| {
            let rows = inner.rows.values().filter(|row| {
                let here = row.record.cells.complete(field).map(Value::display);
                here == Some(value.display())
                    && row.record.lifecycle == Lifecycle::Live
                    && now.since(row.born) >= lag
            });
            rows.map(|row| row.record.clone()).collect()
        };
        Ok(Found {
            records: values.iter().map(matching).collect(),
            lag: Duration::ZERO,
        })
    }

    async fn apply(&self, _: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        let now = self.clock.now();
        let mut inner = self.inner();
        inner.requests += 1;
        let mut outcomes = Vec::new();
        for command in &batch.commands {
            let fault = inner.faults.pop_front().unwrap_or(Fault::None);
            match fault {
                Fault::None => outcomes.push(inner.execute(&self.place, now, command)),
                Fault::LoseAnswer => {
                    inner.execute(&self.place, now, command);
                    let message = "the answer was lost";
                    return Err(self.error(PeerErrorKind::Unavailable, message, Sent::Maybe));
                }
                Fault::ArriveLate => {
                    inner.late.push(command.clone());
                    let message = "no answer in time";
                    return Err(self.error(PeerErrorKind::Unavailable, message, Sent::Maybe));
                }
                Fault::LoseRequest => {
                    let message = "the connection broke";
                    return Err(self.error(PeerErrorKind::Unavailable, message, Sent::Maybe));
                }
                Fault::Reject => outcomes.push(Outcome::Rejected(Rejection {
                    kind: RejectionKind::Invalid,
                    message: "refused by a fault".into(),
                })),
                Fault::Unauthorized => {
                    let message = "the token is not valid";
                    return Err(self.error(PeerErrorKind::Unauthorized, message, Sent::No));
                }
            }
        }
        for command in std::mem::take(&mut inner.late) {
            inner.execute(&self.place, now, &command);
        }
        Ok(outcomes)
    }

    async fn alter(
        &self,
        _: &Call<'_>,
        _: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        let message = format!("{} schema changes: not offered here", changes.len());
        Err(self.error(PeerErrorKind::Local, &message, Sent::No))
    }
}
