//! What a program shows people about the file: the views of `views`, typed, and their decisions.

use std::collections::BTreeMap;

use notion_sync_core::engine::{Decisions, RunError};
use notion_sync_core::link::LinkId;
use notion_sync_core::outbox::{Intent, IntentId, IntentState, NextStep};
use notion_sync_core::port::{LinkMemory, PlaceId, Query, Rows, RunRecord, Store, StoreError};
use notion_sync_core::record::{Key, Timestamp};
use notion_sync_core::value::Digest;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior};
use serde::Serialize;

use crate::checkup::refuse_copy;
use crate::error::Fault;
use crate::links;
use crate::replica::{Table, gone, literal, place_of, quote, uploads};
use crate::store::SqliteStore;
use crate::views;

/// One table and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableStatus {
    /// Its name.
    pub table: String,
    /// Rows, trashed ones included.
    pub rows: u64,
    /// Rows that are not trashed.
    pub live: u64,
    /// Rows with edits that no run has carried out yet.
    pub pending: u64,
    /// Open conflicts.
    pub conflicts: u64,
    /// Rows with a field that cannot be brought to agreement.
    pub parked: u64,
    /// Rows that wait for something.
    pub blocked: u64,
    /// How the last run ended, in a word.
    pub last_run: Option<String>,
    /// When, in UTC.
    pub last_run_at: Option<String>,
    /// When the oldest run started that is remembered and can be undone, in UTC.
    pub undo_since: Option<String>,
}

/// A row that is not clean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnsettledRow {
    /// Its table.
    pub table: String,
    /// Its `_row`; `None` for a record that has none yet.
    pub row: Option<i64>,
    /// Its `_id`, once it has one.
    pub id: Option<String>,
    /// pending, conflict, parked or blocked.
    pub state: String,
    /// Why, in a sentence.
    pub reason: String,
}

/// An edit that no run has carried out yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PendingChange {
    /// Its table.
    pub table: String,
    /// Its `_row`.
    pub row: i64,
    /// The column; `None` for a new row.
    pub column: Option<String>,
    /// insert, update, trash or restore.
    pub kind: String,
    /// What was last settled.
    pub base: Option<String>,
    /// What the cell holds now; of a new row, its title.
    pub current: Option<String>,
}

/// An open conflict, readable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConflictRow {
    /// Its number in this file.
    pub id: u64,
    /// Its table.
    pub table: String,
    /// The row's `_row`.
    pub row: Option<i64>,
    /// The row's title.
    pub title: String,
    /// The field's name.
    pub field: String,
    /// What both sides last agreed on.
    pub base: Option<String>,
    /// Each side's value, by the side's name.
    pub values: Vec<(String, String)>,
    /// The side a person decided for.
    pub resolution: Option<String>,
}

/// A command that is not through: it waits, nobody knows what became of it, or it was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnresolvedCommand {
    /// Its number within its link.
    pub id: u64,
    /// Its link.
    pub link: LinkId,
    /// The link's table.
    pub table: String,
    /// The row it is about; empty where it has none.
    pub row: String,
    /// Where it stands.
    pub state: IntentState,
    /// Not to be sent again before.
    pub due_at: Option<Timestamp>,
    /// What is known, in a sentence.
    pub note: String,
    /// What helps.
    pub next_step: Option<NextStep>,
}

impl SqliteStore {
    /// Links the file knows.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn links(&self) -> Result<Vec<LinkId>, StoreError> {
        self.select("SELECT name FROM _sync_links ORDER BY id", |row| {
            row.get::<_, String>(0).map(LinkId::new)
        })
        .await
    }

    /// What the file remembers of a link; nothing for one it does not know.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn memory(&self, link: &LinkId) -> Result<LinkMemory, StoreError> {
        let link = link.clone();
        self.worker()
            .ask(move |database| {
                let Some(reader) = database.reader()? else {
                    return Ok(LinkMemory::default());
                };
                let snapshot = reader.transaction()?;
                match links::load(&snapshot, &link)? {
                    Some(row) => links::memory(&snapshot, &row),
                    None => Ok(LinkMemory::default()),
                }
            })
            .await
    }

    /// The table of a link, once there is one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn table_of(&self, link: &LinkId) -> Result<Option<String>, StoreError> {
        let link = link.clone();
        self.worker()
            .ask(move |database| {
                if let Some(planned) = database.planned.get(&link) {
                    return Ok(Some(planned.name.clone()));
                }
                let Some(reader) = database.reader()? else {
                    return Ok(None);
                };
                let name = reader
                    .prepare_cached(
                        "SELECT t.name FROM _sync_tables t JOIN _sync_links l ON l.id = t.link
                         WHERE l.name = ?1",
                    )?
                    .query_row([link.as_str()], |row| row.get(0))
                    .optional()?;
                Ok(name)
            })
            .await
    }

    /// The table of a link as a place, once there is one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn place_of(&self, link: &LinkId) -> Result<Option<PlaceId>, StoreError> {
        let table = self.table_of(link).await?;
        Ok(table.map(|table| place_of(&table)))
    }

    /// The tables of all links that have one, as places.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn places(&self) -> Result<BTreeMap<LinkId, PlaceId>, StoreError> {
        self.worker()
            .ask(|database| {
                let mut places = BTreeMap::new();
                if let Some(reader) = database.reader()? {
                    let mut statement = reader.prepare_cached(
                        "SELECT l.name, t.name FROM _sync_tables t JOIN _sync_links l ON l.id = t.link",
                    )?;
                    let mut rows = statement.query([])?;
                    while let Some(row) = rows.next()? {
                        let (link, table): (String, String) = (row.get(0)?, row.get(1)?);
                        places.insert(LinkId::new(link), place_of(&table));
                    }
                }
                for (link, table) in &database.planned {
                    places.insert(link.clone(), table.place());
                }
                Ok(places)
            })
            .await
    }

    /// The bytes of a file that somebody put into `files`, for the peer that uploads them; `None` where
    /// nobody did, or where the file at its path is another one by now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn blob(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.worker()
            .ask(move |database| match database.reader()? {
                Some(reader) => uploads::bytes(reader, &digest),
                None => Ok(None),
            })
            .await
    }

    /// Every table and how it stands; without those of [`SqliteStore::missing_tables`].
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn status(&self) -> Result<Vec<TableStatus>, StoreError> {
        self.select("SELECT * FROM sync_status ORDER BY 1", status)
            .await
    }

    /// How the table of a link stands, without a look at any other; `None` while there is none, and for
    /// one of [`SqliteStore::missing_tables`].
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn status_of(&self, link: &LinkId) -> Result<Option<TableStatus>, StoreError> {
        let link = link.clone();
        self.worker()
            .ask(move |database| {
                let Some(reader) = database.reader()? else {
                    return Ok(None);
                };
                let snapshot = reader.transaction()?;
                let (Some(row), Some(mut table)) = (
                    links::load(&snapshot, &link)?,
                    Table::load(&snapshot, &link)?,
                ) else {
                    return Ok(None);
                };
                if table.leave_out_gone(&snapshot)?.is_none() {
                    return Ok(None);
                }
                let sql = views::status(row.id, &table);
                Ok(Some(snapshot.query_row(&sql, [], status)?))
            })
            .await
    }

    /// Tables that follow a source and were dropped or renamed by hand. Their links do not run until they
    /// have their names back, come back with a backup, or are forgotten ([`SqliteStore::forget`]); all
    /// others go on.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn missing_tables(&self) -> Result<Vec<String>, StoreError> {
        self.worker()
            .ask(|database| match database.reader()? {
                None => Ok(Vec::new()),
                Some(reader) => missing(reader),
            })
            .await
    }

    /// Rows that are not clean, at most `limit`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn unsettled_rows(&self, limit: u32) -> Result<Vec<UnsettledRow>, StoreError> {
        let sql = format!("SELECT * FROM sync_rows ORDER BY 1, 2 LIMIT {limit}");
        self.select(&sql, |row| {
            Ok(UnsettledRow {
                table: row.get("table")?,
                row: row.get("_row")?,
                id: row.get("_id")?,
                state: row.get("state")?,
                reason: row.get::<_, Option<String>>("reason")?.unwrap_or_default(),
            })
        })
        .await
    }

    /// Edits of a row that no run has carried out yet.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn pending_changes(
        &self,
        table: &str,
        row: i64,
    ) -> Result<Vec<PendingChange>, StoreError> {
        let sql = format!(
            "SELECT * FROM changes WHERE \"table\" = {} AND _row = {row}",
            literal(table)
        );
        self.select(&sql, |row| {
            Ok(PendingChange {
                table: row.get("table")?,
                row: row.get("_row")?,
                column: row.get("column")?,
                kind: row.get("kind")?,
                base: readable(row.get_ref("base")?),
                current: readable(row.get_ref("current")?),
            })
        })
        .await
    }

    /// The row of a table that shows the record with this id in its source.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn row_with_id(&self, table: &str, id: &str) -> Result<Option<i64>, StoreError> {
        let sql = format!(
            "SELECT _row FROM {} WHERE _id = {}",
            quote(table),
            literal(id)
        );
        let rows = self.select(&sql, |row| row.get(0)).await?;
        Ok(rows.into_iter().next())
    }

    /// Open conflicts of all tables.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn open_conflicts(&self) -> Result<Vec<ConflictRow>, StoreError> {
        const BEFORE_VALUES: usize = 7;
        self.select("SELECT * FROM conflicts ORDER BY id", |row| {
            let names: Vec<String> = row
                .as_ref()
                .column_names()
                .into_iter()
                .map(str::to_owned)
                .collect();
            // The columns between the fixed ones in front and behind are the sides.
            let sides = BEFORE_VALUES..names.len().saturating_sub(2);
            let mut values = Vec::new();
            for at in sides {
                if let Some(text) = readable(row.get_ref(at)?) {
                    values.push((names[at].clone(), text));
                }
            }
            Ok(ConflictRow {
                id: row.get("id")?,
                table: row.get::<_, Option<String>>("table")?.unwrap_or_default(),
                row: row.get("_row")?,
                title: readable(row.get_ref("title")?).unwrap_or_default(),
                field: row.get("field")?,
                base: readable(row.get_ref("base")?),
                values,
                resolution: row.get("resolution")?,
            })
        })
        .await
    }

    /// Decides a conflict for a side, by its name in lower case. The next run carries it out.
    ///
    /// # Errors
    /// When there is no such conflict or side, or the file cannot be written.
    pub async fn resolve_conflict(&self, id: u64, side: &str) -> Result<(), StoreError> {
        let side = side.to_owned();
        self.worker()
            .ask(move |database| {
                let failed = |message: String| StoreError::Io {
                    message,
                    source: None,
                };
                if database.reader()?.is_none() {
                    return Err(failed("the file holds no conflicts".to_owned()).into());
                }
                refuse_copy(database)?;
                let writer = database.writer()?;
                let known: bool = writer.query_row(
                    "SELECT EXISTS (SELECT 1 FROM _sync_conflicts WHERE id = ?1)",
                    [id],
                    |row| row.get(0),
                )?;
                if !known {
                    return Err(failed(format!("there is no open conflict {id}")).into());
                }
                let transaction =
                    writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
                if !missing(&transaction)?.is_empty() {
                    views::rebuild(&transaction)?;
                }
                transaction.execute(
                    "UPDATE conflicts SET resolution = ?2 WHERE id = ?1",
                    (id, side),
                )?;
                Ok(transaction.commit()?)
            })
            .await
    }

    /// Commands that are not through, of all links.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn unresolved_commands(&self) -> Result<Vec<UnresolvedCommand>, RunError> {
        let mut commands = Vec::new();
        for link in self.links().await? {
            let table = self.table_of(&link).await?.unwrap_or_default();
            let outbox = Decisions::new(self, &link).outbox().await?;
            // What was planned and never sent is planned again by the next run.
            let is_told =
                |intent: &Intent| intent.state != IntentState::Planned || intent.due_at.is_some();
            for intent in outbox.into_iter().filter(is_told) {
                let row = self.row_of(&link, &intent).await?;
                commands.push(UnresolvedCommand {
                    id: intent.id.0,
                    link: link.clone(),
                    table: table.clone(),
                    row,
                    state: intent.state,
                    due_at: intent.due_at,
                    next_step: intent.next_step(),
                    note: intent.note.unwrap_or_default(),
                });
            }
        }
        Ok(commands)
    }

    /// Runs of a link, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn runs(&self, link: &LinkId, limit: u32) -> Result<Vec<RunRecord>, StoreError> {
        let rows = self.read(link, &Query::Runs, None, limit).await?;
        Ok(if let Rows::Runs(runs) = rows {
            runs
        } else {
            Vec::new()
        })
    }

    /// A person's word: that command never arrived, or shall be tried once more.
    ///
    /// # Errors
    /// See [`Decisions::declare_not_sent`].
    pub async fn declare_not_sent(&self, link: &LinkId, id: IntentId) -> Result<(), RunError> {
        Decisions::new(self, link).declare_not_sent(id).await
    }

    /// A person's word: that create made this record.
    ///
    /// # Errors
    /// See [`Decisions::declare_created`].
    pub async fn declare_created(
        &self,
        link: &LinkId,
        id: IntentId,
        key: &Key,
    ) -> Result<(), RunError> {
        Decisions::new(self, link).declare_created(id, key).await
    }

    async fn row_of(&self, link: &LinkId, intent: &Intent) -> Result<String, RunError> {
        let rows = self
            .read(link, &Query::Pairs(vec![intent.pair]), None, 1)
            .await?;
        let Rows::Pairs(pairs) = rows else {
            return Ok(String::new());
        };
        let other = intent.side.other();
        let key = pairs.first().and_then(|pair| pair.sides[other].key.clone());
        Ok(key.map_or_else(String::new, |key| key.to_string()))
    }

    /// Reads rows; a file that is not there, or holds nothing yet, has none.
    async fn select<T: Send + 'static>(
        &self,
        sql: &str,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<Vec<T>, StoreError> {
        let sql = sql.to_owned();
        self.worker()
            .ask(move |database| {
                let Some(reader) = database.reader()? else {
                    return Ok(Vec::new());
                };
                let rows = |connection: &Connection| {
                    let mut statement = connection.prepare(&sql)?;
                    let rows = statement.query_map([], |row| read(row))?;
                    Ok(rows.collect::<rusqlite::Result<Vec<T>>>()?)
                };
                let failed = match rows(reader) {
                    Ok(rows) => return Ok(rows),
                    Err(failed) => failed,
                };
                match missing(reader)?.first() {
                    None => Err(failed),
                    Some(table) => views::without_missing(reader, rows).map_err(|_| gone(table)),
                }
            })
            .await
    }
}

/// Tables that are remembered and not there.
fn missing(connection: &Connection) -> Result<Vec<String>, Fault> {
    let mut statement = connection.prepare(
        "SELECT name FROM _sync_tables
         WHERE name NOT IN (SELECT name FROM sqlite_master WHERE type = 'table') ORDER BY name",
    )?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

fn status(row: &Row<'_>) -> rusqlite::Result<TableStatus> {
    Ok(TableStatus {
        table: row.get("table")?,
        rows: row.get("rows")?,
        live: row.get("live")?,
        pending: row.get("pending")?,
        conflicts: row.get("conflicts")?,
        parked: row.get("parked")?,
        blocked: row.get("blocked")?,
        last_run: row.get("last_outcome")?,
        last_run_at: row.get("last_run_at")?,
        undo_since: row.get("undo_since")?,
    })
}

fn readable(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Some(format!("{} bytes", bytes.len())),
    }
}
