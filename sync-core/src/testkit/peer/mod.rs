//! A collection in memory, with the habits of a remote or of a local peer.

mod alter;
mod people;
mod presets;
mod rows;

use std::ops::RangeBounds;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use self::rows::{Inner, Row};
use super::VirtualClock;
use crate::port::{
    Absence, Atomicity, Batch, Call, Capabilities, ChangeFeed, Clock, Command, CommandKind,
    Coverage, Cursor, Description, FieldSet, Found, Lookup, Next, Outcome, PageToken, Peer,
    PeerError, PeerErrorKind, PlaceId, Proof, Rejection, RejectionKind, ScanFrom, ScanPage, Scope,
    Sent, Sighting,
};
use crate::record::{Key, Lifecycle, Timestamp};
use crate::schema::{FieldId, Schema, SchemaChange, SchemaVersion};
use crate::value::Value;

/// A collection in memory. Clones share it.
#[derive(Clone, Debug)]
pub struct MemoryPeer {
    place: PlaceId,
    clock: VirtualClock,
    inner: Arc<Mutex<Inner>>,
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
        Self {
            place: PlaceId::new(place),
            clock,
            inner: Arc::new(Mutex::new(Inner::new(schema, capabilities))),
        }
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

/// Equal, or the same words with another look.
fn reads_same(one: &Value, other: &Value) -> bool {
    let words = |value: &Value| matches!(value, Value::Text(_) | Value::RichText(_));
    one == other || (words(one) && words(other) && one.display() == other.display())
}

fn is_within(row: &Row, scope: &Scope) -> bool {
    match (scope, &row.record.rank) {
        (Scope::Slice(range), Some(rank)) => range.contains(rank),
        _ => true,
    }
}

/// The last part of a page token: empty for everything.
fn scope_to(scope: &Scope) -> String {
    match scope {
        Scope::All => String::new(),
        Scope::Slice(range) => serde_json::to_string(range).unwrap_or_default(),
    }
}

fn scope_from(text: &str) -> Scope {
    serde_json::from_str(text).map_or(Scope::All, Scope::Slice)
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
            schema: inner.shown_schema().into_owned(),
            capabilities: inner.capabilities.clone(),
        })
    }

    async fn scan(
        &self,
        _: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        let now = self.clock.now();
        let mut inner = self.inner();
        inner.requests += 1;
        // A token is "since:last:shown:cursor:told:scope": where the scan began, the last row it
        // returned, how many that makes, where the next scan starts, how many rows it has told to be
        // gone, what it is limited to. Rows come in order of their making, so a change between two
        // pages moves none of the others.
        let (since, last, before, cursor, told, scope) = match from {
            ScanFrom::Start { since, scope } => {
                let cursor = match inner.capabilities.changes {
                    ChangeFeed::Delta => inner.seq.to_string(),
                    ChangeFeed::Window | ChangeFeed::None => {
                        let lag = inner.capabilities.index_lag.as_millis();
                        let lag = i64::try_from(lag).unwrap_or(i64::MAX);
                        (minute(Timestamp(now.0.saturating_sub(lag))) - 1).to_string()
                    }
                };
                let since = since.as_ref().map(|cursor| cursor.0.clone());
                (since, 0, 0, cursor, 0, scope.clone())
            }
            ScanFrom::Next(PageToken(token)) => {
                let mut parts = token.splitn(6, ':');
                let mut part = || parts.next().unwrap_or_default().to_owned();
                let since = Some(part()).filter(|since| !since.is_empty());
                let (last, shown) = (part().parse().unwrap_or(0), part().parse().unwrap_or(0));
                let (cursor, gone) = (part(), part().parse().unwrap_or(0));
                (since, last, shown, cursor, gone, scope_from(&part()))
            }
        };
        let feed = inner.capabilities.changes;
        let lag = inner.delay();
        let since_number = since.as_ref().and_then(|since| since.parse::<i64>().ok());
        let room = inner
            .cap
            .map_or(usize::MAX, |cap| cap.saturating_sub(before));
        let most = match inner.capabilities.scan_page {
            0 => inner.capabilities.max_fetch.max(100),
            most => most,
        };
        let page = room.min(limit.min(most) as usize);
        // One more than the page tells whether there are more.
        let rows: Vec<&Row> = inner
            .rows
            .made_after(last)
            .filter(|row| match (feed, since_number) {
                (ChangeFeed::Delta, Some(since)) => i64::try_from(row.seq).unwrap_or(0) > since,
                (ChangeFeed::Delta, None) => true,
                (_, since) => {
                    // A whole scan knows the record from its first version on; an incremental one
                    // by any edit that is old enough.
                    let old = |edit: Timestamp| now.since(edit) >= lag;
                    let visible = match since {
                        None => old(row.born),
                        Some(since) => {
                            let mut edits = row.edits.iter();
                            edits.any(|edit| old(*edit) && minute(*edit) >= since)
                        }
                    };
                    row.record.lifecycle == Lifecycle::Live
                        && visible
                        && !inner.is_out_of_sight(&row.record.key)
                }
            })
            .filter(|row| is_within(row, &scope))
            .take(page.saturating_add(1))
            .collect();
        let end = rows.len().min(page);
        let mut items: Vec<_> = rows[..end]
            .iter()
            .map(|row| Sighting::Seen(fields.select(inner.show(&row.record))))
            .collect();
        if end < rows.len() && end < room {
            let last = rows[end - 1].created;
            let shown = before + end;
            let since = since.unwrap_or_default();
            let token = format!("{since}:{last}:{shown}:{cursor}:0:{}", scope_to(&scope));
            return Ok(ScanPage {
                items,
                next: Next::More(PageToken(token)),
                began: Some(Cursor(cursor)),
            });
        }
        if let (ChangeFeed::Delta, Some(since)) = (feed, since_number) {
            // What is gone comes after what is there, a page at a time as well.
            let gone = inner.erased.iter();
            let gone = gone.filter(|(seq, _)| i64::try_from(*seq).unwrap_or(0) > since);
            let gone: Vec<_> = gone.skip(told).collect();
            let fits = page.saturating_sub(items.len()).min(gone.len());
            let told = told + fits;
            for (_, key) in &gone[..fits] {
                items.push(Sighting::Tombstone(key.clone(), Proof::Tombstone));
            }
            if fits < gone.len() {
                let last = rows.last().map_or(last, |row| row.created);
                let shown = before + end;
                let scope = scope_to(&scope);
                let token = format!("{since}:{last}:{shown}:{cursor}:{told}:{scope}");
                return Ok(ScanPage {
                    items,
                    next: Next::More(PageToken(token)),
                    began: Some(Cursor(cursor)),
                });
            }
        }
        let coverage = match (feed, &since) {
            _ if end < rows.len() => Coverage::Partial("the query is capped".into()),
            (_, None) => Coverage::Complete(scope),
            (ChangeFeed::Delta, Some(_)) => Coverage::Delta,
            (_, Some(_)) => Coverage::Window,
        };
        Ok(ScanPage {
            items,
            began: Some(Cursor(cursor.clone())),
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
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        let mut inner = self.inner();
        inner.requests += 1;
        let absence = inner.capabilities.absence;
        let look = |key: &Key| match (inner.rows.get(key), inner.emigrated.get(key)) {
            (Some(_), _) if inner.hidden.contains(key) => Lookup::Absent(Absence::Ambiguous),
            (_, Some(place)) => Lookup::Elsewhere(place.clone()),
            (Some(row), None) => Lookup::Here(fields.select(inner.show(&row.record))),
            (None, None) => Lookup::Absent(absence),
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
        let lag = inner.delay();
        let matching = |value: &Value| {
            let rows = inner.rows.all().filter(|row| {
                let here = row.record.cells.complete(field);
                here.is_some_and(|here| reads_same(here, value))
                    && row.record.lifecycle == Lifecycle::Live
                    && !inner.emigrated.contains_key(&row.record.key)
                    && now.since(row.born) >= lag
            });
            rows.map(|row| inner.show(&row.record)).collect()
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
        let before = (batch.mode == Atomicity::AllOrNothing).then(|| inner.rows.clone());
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
        let is_done = |outcome: &Outcome| matches!(outcome, Outcome::Done(_));
        if let Some(before) = before.filter(|_| !outcomes.iter().all(is_done)) {
            inner.rows = before;
            for outcome in outcomes.iter_mut().filter(|outcome| is_done(outcome)) {
                *outcome = Outcome::NotSent;
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
        expect: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        let mut inner = self.inner();
        inner.requests += 1;
        if !inner.capabilities.alter {
            let message = format!("{} schema changes: not offered here", changes.len());
            return Err(self.error(PeerErrorKind::Local, &message, Sent::No));
        }
        if inner.schema.version() != *expect {
            return Ok(vec![Outcome::Stale(None); changes.len()]);
        }
        let mut outcomes = Vec::new();
        for change in changes {
            match inner.faults.pop_front().unwrap_or(Fault::None) {
                Fault::None => outcomes.push(inner.alter(change)),
                Fault::LoseAnswer => {
                    inner.alter(change);
                    let message = "the answer was lost";
                    return Err(self.error(PeerErrorKind::Unavailable, message, Sent::Maybe));
                }
                Fault::Unauthorized => {
                    let message = "the token is not valid";
                    return Err(self.error(PeerErrorKind::Unauthorized, message, Sent::No));
                }
                Fault::Reject => outcomes.push(alter::rejected("refused by a fault")),
                Fault::LoseRequest | Fault::ArriveLate => {
                    let message = "the connection broke";
                    return Err(self.error(PeerErrorKind::Unavailable, message, Sent::Maybe));
                }
            }
        }
        Ok(outcomes)
    }
}
