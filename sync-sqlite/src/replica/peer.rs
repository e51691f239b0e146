//! The table as a peer.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use notion_sync_core::link::LinkId;
use notion_sync_core::port::{
    Absence, Atomicity, Batch, Call, Capabilities, Coverage, Cursor, Description, FieldSet, Found,
    Lookup, Next, Outcome, PageToken, Peer, PeerError, PeerErrorKind, PlaceId, Proof, ScanFrom,
    ScanPage, Scope, Sent, Sighting, StoreError,
};
use notion_sync_core::record::{Key, Record};
use notion_sync_core::schema::{FieldId, FieldIds, SchemaChange, SchemaVersion};
use notion_sync_core::value::Value;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::exec::Executor;
use super::gate::with_gate;
use super::rows::{key_of, read, row_of, select};
use super::{SqliteReplica, Table};
use crate::database::Database;
use crate::error::{Result, failed};

#[async_trait]
impl Peer for SqliteReplica {
    fn place(&self) -> &PlaceId {
        self.place.get().unwrap_or(&self.nowhere)
    }

    async fn describe(&self, _call: &Call<'_>) -> std::result::Result<Description, PeerError> {
        self.on_table(Sent::No, |_, table| {
            let mut capabilities = Capabilities::local();
            // A column keeps its id when it is renamed, see `Column::id`.
            capabilities.field_ids = FieldIds::Stable;
            Ok(Description {
                schema: table.schema(),
                capabilities,
            })
        })
        .await
    }

    async fn scan(
        &self,
        _call: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> std::result::Result<ScanPage, PeerError> {
        let (from, fields) = (from.clone(), fields.clone());
        self.on_table(Sent::No, move |connection, table| {
            let Some(connection) = connection.filter(|_| table.exists) else {
                return Ok(page(Vec::new(), end(Coverage::Complete(Scope::All), None)));
            };
            let snapshot = connection.transaction()?;
            let window = match &from {
                ScanFrom::Start { since, .. } => Window::start(&snapshot, since.as_ref())?,
                ScanFrom::Next(token) => Window::parse(&token.0)?,
            };
            window.read(&snapshot, table, &fields, limit)
        })
        .await
    }

    async fn fetch(
        &self,
        _call: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> std::result::Result<Vec<Lookup>, PeerError> {
        let (keys, fields) = (keys.to_vec(), fields.clone());
        self.on_table(Sent::No, move |connection, table| {
            let Some(connection) = connection.filter(|_| table.exists) else {
                return Ok(vec![Lookup::Absent(Absence::Authoritative); keys.len()]);
            };
            let snapshot = connection.transaction()?;
            let mut rows = Rows::new(&snapshot, table, &fields)?;
            keys.iter()
                .map(|key| {
                    let found = match row_of(key) {
                        Some(row) => rows.row(row)?,
                        None => None,
                    };
                    Ok(found.map_or(Lookup::Absent(Absence::Authoritative), Lookup::Here))
                })
                .collect()
        })
        .await
    }

    async fn find(
        &self,
        _call: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> std::result::Result<Found, PeerError> {
        let (field, values) = (field.clone(), values.to_vec());
        self.on_table(Sent::No, move |connection, table| {
            let found = |records| Found {
                records,
                lag: Duration::ZERO,
            };
            let column = table
                .column(&field)
                .ok_or_else(|| failed(format!("there is no column for {field}")))?;
            let Some(connection) = connection.filter(|_| table.exists && column.exists) else {
                return Ok(found(vec![Vec::new(); values.len()]));
            };
            let sql = format!(
                "{} WHERE {} IS ?1 AND _trashed = 0 ORDER BY _row",
                select(table),
                column.expression(&table.name)
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut records = Vec::with_capacity(values.len());
            for value in &values {
                records.push(match column.encode(value) {
                    Ok(sql) => statement
                        .query_map([sql], |row| read(table, &FieldSet::All, row))?
                        .collect::<rusqlite::Result<_>>()?,
                    // A value of another kind stands in no row.
                    Err(_) => Vec::new(),
                });
            }
            Ok(found(records))
        })
        .await
    }

    async fn apply(
        &self,
        _call: &Call<'_>,
        batch: &Batch,
    ) -> std::result::Result<Vec<Outcome>, PeerError> {
        let batch = batch.clone();
        let link = self.link.clone();
        let applied = self
            .worker
            .ask(move |database| {
                let mut undone = BTreeMap::new();
                loop {
                    match execute(database.writer()?, &link, &batch, &undone)? {
                        Ok(outcomes) => return Ok(outcomes),
                        Err(by) => undone.extend([by]),
                    }
                }
            })
            .await;
        // A transaction that failed left nothing behind.
        applied.map_err(|error| self.explain(error, Sent::No))
    }

    async fn alter(
        &self,
        _call: &Call<'_>,
        _expect: &SchemaVersion,
        _changes: &[SchemaChange],
    ) -> std::result::Result<Vec<Outcome>, PeerError> {
        Err(PeerError::new(
            self.place(),
            PeerErrorKind::Local,
            "the table follows its source: change the fields there, and align the table",
        ))
    }
}

impl SqliteReplica {
    async fn on_table<T: Send + 'static>(
        &self,
        sent: Sent,
        job: impl FnOnce(Option<&mut Connection>, &Table) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, PeerError> {
        let link = self.link.clone();
        self.worker
            .ask(move |database| {
                let table = current(database, &link)?;
                job(database.reader()?, &table)
            })
            .await
            .map_err(|error| self.explain(error, sent))
    }

    fn explain(&self, error: StoreError, sent: Sent) -> PeerError {
        let kind = match error {
            StoreError::Busy { .. } => PeerErrorKind::Busy,
            _ if error.may_pass() => PeerErrorKind::Unavailable,
            _ => PeerErrorKind::Local,
        };
        PeerError {
            sent,
            source: Some(Box::new(error)),
            ..PeerError::new(self.place(), kind, "the file could not be used")
        }
    }
}

/// Executes a batch in one transaction, without the commands that were undone before. The error is the
/// one that took the transaction with it, by its number in the batch.
fn execute(
    connection: &mut Connection,
    link: &LinkId,
    batch: &Batch,
    undone: &BTreeMap<usize, Outcome>,
) -> Result<std::result::Result<Vec<Outcome>, (usize, Outcome)>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let table = Table::load(&transaction, link)?.ok_or_else(not_aligned)?;
    let mut by = None;
    let outcomes = with_gate(&transaction, || {
        let mut executor = Executor::new(&transaction, &table)?;
        let commands = batch.commands.iter().enumerate();
        commands
            .map(|(at, command)| match undone.get(&at) {
                Some(outcome) => Ok(outcome.clone()),
                None => {
                    let done = executor.execute(command);
                    by = executor.undone().map(|outcome| (at, outcome));
                    done
                }
            })
            .collect::<Result<Vec<_>>>()
    });
    if let Some(by) = by {
        return Ok(Err(by));
    }
    let mut outcomes = outcomes?;
    let is_done = |outcome: &Outcome| matches!(outcome, Outcome::Done(_));
    if batch.mode == Atomicity::AllOrNothing && !outcomes.iter().all(is_done) {
        transaction.rollback()?;
        for outcome in outcomes.iter_mut().filter(|outcome| is_done(outcome)) {
            *outcome = Outcome::NotSent;
        }
    } else {
        transaction.commit()?;
    }
    Ok(Ok(outcomes))
}

/// The table as it is, or as a dry run laid it out.
fn current(database: &mut Database, link: &LinkId) -> Result<Table> {
    if let Some(planned) = database.planned.get(link) {
        return Ok(planned.clone());
    }
    match database.reader()? {
        Some(connection) => Table::load(connection, link)?.ok_or_else(not_aligned),
        None => Err(not_aligned()),
    }
}

fn not_aligned() -> crate::error::Fault {
    failed("the table is not there; align it with its source first")
}

/// A running scan: which rows, and where the next incremental scan starts.
struct Window {
    /// Only rows edited after this entry of the feed.
    since: Option<i64>,
    /// The feed's last entry when the scan started.
    until: i64,
    /// The last row of the page before.
    after: i64,
}

impl Window {
    fn start(connection: &Connection, since: Option<&Cursor>) -> Result<Self> {
        // Entries are removed once they are settled, numbers are not used again. The sequence alone is
        // behind where a statement failed and kept what it did (`OR FAIL`): SQLite writes it at the end.
        let until = connection
            .prepare_cached(
                "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = '_sync_capture'), 0),
                   coalesce((SELECT max(seq) FROM _sync_capture), 0))",
            )?
            .query_row([], |row| row.get(0))?;
        let since = match since {
            Some(cursor) => Some(cursor.0.parse().map_err(|_| bad_token())?),
            None => None,
        };
        Ok(Self {
            // A cursor from beyond the feed is of another file: everything is read again.
            since: since.filter(|since| *since <= until),
            until,
            after: i64::MIN,
        })
    }

    fn parse(token: &str) -> Result<Self> {
        let mut parts = token.split(' ').map(str::parse::<i64>);
        let mut part = || parts.next().and_then(std::result::Result::ok);
        let (Some(since), Some(until), Some(after)) = (part(), part(), part()) else {
            return Err(bad_token());
        };
        Ok(Self {
            since: (since >= 0).then_some(since),
            until,
            after,
        })
    }

    fn token(&self, after: i64) -> PageToken {
        PageToken(format!(
            "{} {} {after}",
            self.since.unwrap_or(-1),
            self.until
        ))
    }

    fn read(
        &self,
        connection: &Connection,
        table: &Table,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage> {
        let limit = limit.max(1);
        let (items, last) = match self.since {
            None => self.rows(connection, table, fields, limit)?,
            Some(since) => self.edits(connection, table, fields, since, limit)?,
        };
        let full = items.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let next = match last.filter(|_| full) {
            Some(last) => Next::More(self.token(last)),
            None => end(
                match self.since {
                    None => Coverage::Complete(Scope::All),
                    Some(_) => Coverage::Delta,
                },
                Some(Cursor(self.until.to_string())),
            ),
        };
        Ok(page(items, next))
    }

    fn rows(
        &self,
        connection: &Connection,
        table: &Table,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<(Vec<Sighting>, Option<i64>)> {
        let sql = format!("{} WHERE _row > ?1 ORDER BY _row LIMIT ?2", select(table));
        let mut statement = connection.prepare_cached(&sql)?;
        let mut last = None;
        let items = statement
            .query_map((self.after, limit), |row| {
                last = Some(row.get(0)?);
                read(table, fields, row).map(Sighting::Seen)
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok((items, last))
    }

    fn edits(
        &self,
        connection: &Connection,
        table: &Table,
        fields: &FieldSet,
        since: i64,
        limit: u32,
    ) -> Result<(Vec<Sighting>, Option<i64>)> {
        let edited: Vec<i64> = connection
            .prepare_cached(
                "SELECT DISTINCT row FROM _sync_capture
                 WHERE tbl = ?1 AND row > ?2 AND seq > ?3 AND seq <= ?4 ORDER BY row LIMIT ?5",
            )?
            .query_map((&table.name, self.after, since, self.until, limit), |row| {
                row.get(0)
            })?
            .collect::<rusqlite::Result<_>>()?;
        let mut rows = Rows::new(connection, table, fields)?;
        let items = edited
            .iter()
            .map(|row| {
                Ok(match rows.row(*row)? {
                    Some(record) => Sighting::Seen(record),
                    None => Sighting::Tombstone(key_of(*row), Proof::Tombstone),
                })
            })
            .collect::<Result<_>>()?;
        Ok((items, edited.last().copied()))
    }
}

/// Rows one by one.
struct Rows<'a> {
    statement: rusqlite::CachedStatement<'a>,
    table: &'a Table,
    fields: &'a FieldSet,
}

impl<'a> Rows<'a> {
    fn new(connection: &'a Connection, table: &'a Table, fields: &'a FieldSet) -> Result<Self> {
        let sql = format!("{} WHERE _row = ?1", select(table));
        Ok(Self {
            statement: connection.prepare_cached(&sql)?,
            table,
            fields,
        })
    }

    fn row(&mut self, row: i64) -> Result<Option<Record>> {
        Ok(self
            .statement
            .query_row([row], |row| read(self.table, self.fields, row))
            .optional()?)
    }
}

fn page(items: Vec<Sighting>, next: Next) -> ScanPage {
    ScanPage::new(items, next)
}

fn end(coverage: Coverage, cursor: Option<Cursor>) -> Next {
    Next::End { coverage, cursor }
}

fn bad_token() -> crate::error::Fault {
    failed("the scan cannot go on from there; start it again")
}
