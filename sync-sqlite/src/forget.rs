//! Forgetting a link: its memory goes, the rows of its table stay.

use std::collections::BTreeMap;

use notion_sync_core::link::LinkId;
use notion_sync_core::port::{Query, Rows, StoreError};
use rusqlite::{Connection, TransactionBehavior};
use serde::Serialize;

use crate::checkup::refuse_copy;
use crate::database::Database;
use crate::error::{Fault, Result};
use crate::links;
use crate::pairs::bounds;
use crate::read;
use crate::replica::{FIXED, Table, column_name, column_names, quote, same, triggers_of};
use crate::store::SqliteStore;
use crate::views;

/// Whom others see while a link is forgotten.
const OWNER: &str = "a link being forgotten";

/// How to forget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forget {
    /// Also while commands are on their way.
    pub even_if_sent: bool,
    /// Drop the table as well, where nothing is in it that the source has not.
    pub drop_table: bool,
}

impl Forget {
    /// The same, also while commands are on their way.
    #[must_use]
    pub fn even_if_sent(mut self, even: bool) -> Self {
        self.even_if_sent = even;
        self
    }

    /// The same, and drop the table.
    #[must_use]
    pub fn drop_table(mut self, drop: bool) -> Self {
        self.drop_table = drop;
        self
    }
}

/// What was forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// The table, an ordinary one by now; `None` if the link never had one.
    pub table: Option<String>,
    /// Whether the table was dropped too, with all its rows.
    pub dropped: bool,
    /// Whether it had been dropped or renamed by hand: then nothing of it was touched.
    pub missing: bool,
    /// Its rows, all still there unless it was dropped.
    pub rows: u64,
    /// Edited rows that no run had carried out: the edits are in the table and go nowhere.
    pub pending: u64,
    /// Commands that were sent and of which nobody knows what became of them.
    pub on_their_way: u64,
}

/// A link cannot be forgotten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForgetError {
    /// There is no such link.
    #[error("the file knows no link {0}")]
    Unknown(LinkId),
    /// Commands were sent, and nobody knows what became of them.
    #[error(
        "{0} command(s) were sent and nobody knows what became of them; run once more, so that they \
         are looked up. Forgotten all the same, a record that such a command made has no row it \
         belongs to: linked again it is pulled beside the row it was made from"
    )]
    OnTheirWay(u64),
    /// The table is not dropped: rows hold what the source has not.
    #[error(
        "{rows} row(s) of {table} hold what is not on the other side, or wait for a decision: run once \
         more, decide what waits, or forget the link and keep the table"
    )]
    Unsynced {
        /// The table.
        table: String,
        /// So many of its rows.
        rows: u64,
    },
    /// The table is not dropped: something of your own hangs on it.
    #[error(
        "{table} is not dropped: {what}; forget the link and keep the table, or take that away first"
    )]
    NotAlone {
        /// The table.
        table: String,
        /// Columns of it that are not sync's, or what refers to it: tables, views, triggers, indexes.
        what: String,
    },
    /// The file failed, or another run holds it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SqliteStore {
    /// What [`SqliteStore::forget`] would forget. Changes nothing.
    ///
    /// # Errors
    /// When there is no such link, or the file cannot be read.
    pub async fn forgettable(&self, link: &LinkId) -> std::result::Result<Forgotten, ForgetError> {
        let asked = link.clone();
        let found = self
            .worker()
            .ask(move |database| survey(database, &asked))
            .await?;
        found.ok_or_else(|| ForgetError::Unknown(link.clone()))
    }

    /// Drops all that is remembered of a link: pairs, shadows, bases, commands, conflicts, journal,
    /// runs, cursors. The records of both sides stay as they are.
    ///
    /// The table becomes an ordinary one: no trigger refuses or notes an edit any more, and it is
    /// never read or written again. Linked again, the same source gets a table of its own under the
    /// next free name and is pulled as on first contact; drop or rename the old one first to have its
    /// name back, or have it dropped here. So no record is ever made twice in the source.
    ///
    /// What stands beside a table of somebody else's ([`SqliteTable`](crate::SqliteTable)) is not in
    /// this memory: [`remove_side_tables`](crate::SqliteTable::remove_side_tables) takes it away.
    ///
    /// # Errors
    /// [`ForgetError`]; [`StoreError::Busy`] while a run holds the file; [`StoreError::NotAdopted`] for a
    /// copy. Then nothing was forgotten.
    pub async fn forget(
        &self,
        link: &LinkId,
        how: Forget,
    ) -> std::result::Result<Forgotten, ForgetError> {
        let asked = link.clone();
        let found = self
            .worker()
            .ask(move |database| {
                if database.reader()?.is_none() {
                    return Ok(None);
                }
                refuse_copy(database)?;
                database.leases.admit(&asked, OWNER)?;
                let forgotten = forget(database, &asked, how);
                database.leases.unlock_if_idle();
                forgotten.map(Some)
            })
            .await?;
        found.unwrap_or_else(|| Err(ForgetError::Unknown(link.clone())))
    }
}

/// What was forgotten, or why nothing was.
type Answer = std::result::Result<Forgotten, ForgetError>;

fn survey(database: &mut Database, link: &LinkId) -> Result<Option<Forgotten>> {
    let on_their_way = on_their_way(database, link)?;
    let Some(connection) = database.reader()? else {
        return Ok(None);
    };
    let snapshot = connection.transaction()?;
    if links::load(&snapshot, link)?.is_none() {
        return Ok(None);
    }
    let table = Table::load(&snapshot, link)?;
    let (rows, pending) = match &table {
        Some(table) => (
            count_rows(&snapshot, table)?,
            count_pending(&snapshot, table)?,
        ),
        None => (Some(0), 0),
    };
    Ok(Some(Forgotten {
        table: table.map(|table| table.name),
        dropped: false,
        missing: rows.is_none(),
        rows: rows.unwrap_or_default(),
        pending,
        on_their_way,
    }))
}

fn forget(database: &mut Database, link: &LinkId, how: Forget) -> Result<Answer> {
    let unknown = || Ok(Err(ForgetError::Unknown(link.clone())));
    // Nobody else moves a command on: the lease is ours.
    let Some(mut found) = survey(database, link)? else {
        return unknown();
    };
    if found.on_their_way > 0 && !how.even_if_sent {
        return Ok(Err(ForgetError::OnTheirWay(found.on_their_way)));
    }
    let transaction = database
        .writer()?
        .transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some(row) = links::load(&transaction, link)? else {
        return unknown();
    };
    let table = Table::load(&transaction, link)?;
    if let Some(table) = &table {
        if how.drop_table
            && let Some(refused) = holds_more(&transaction, table)?
        {
            return Ok(Err(refused));
        }
        let_go(&transaction, table)?;
    }
    drop_memory(&transaction, row.id)?;
    views::rebuild(&transaction)?;
    if let Some(table) = table.filter(|_| how.drop_table && !found.missing) {
        // What refers to it by now is nothing of ours.
        if let Some(what) = referring(&transaction, &table)? {
            let table = table.name;
            return Ok(Err(ForgetError::NotAlone { table, what }));
        }
        transaction.execute_batch(&format!("DROP TABLE {}", table.quoted()))?;
        found.dropped = true;
    }
    transaction.commit()?;
    database.views = Default::default();
    database.mappings.remove(link);
    database.planned.remove(link);
    Ok(Ok(found))
}

/// Whether there is anything in the table that its source has not.
fn holds_more(connection: &Connection, table: &Table) -> Result<Option<ForgetError>> {
    let there = column_names(connection, &table.name)?;
    if there.is_empty() {
        return Ok(None);
    }
    let name = table.name.clone();
    let is_ours = |column: &String| {
        let ours = table.columns.iter().map(|column| column.name.as_str());
        ours.chain(FIXED).any(|ours| same(ours, column))
    };
    let own: Vec<String> = there.into_iter().filter(|name| !is_ours(name)).collect();
    if !own.is_empty() {
        let what = format!("it has columns of your own, {}", own.join(", "));
        let table = name;
        return Ok(Some(ForgetError::NotAlone { table, what }));
    }
    let unsynced = format!(
        "SELECT count(*) FROM {} t WHERE t._state <> 'clean'
           OR EXISTS (SELECT 1 FROM _sync_pending p WHERE p.tbl = ?1 AND p.row = t._row)",
        table.quoted()
    );
    let rows = connection.query_row(&unsynced, [&name], |row| row.get(0))?;
    Ok((rows > 0).then_some(ForgetError::Unsynced { table: name, rows }))
}

/// What refers to a table, as SQLite understands it: all that it writes anew when the table gets another name.
/// Dropped, the table would take its indexes and triggers with it, delete the rows that refer to its rows, and
/// leave views and triggers of other tables that fail.
fn referring(connection: &Connection, table: &Table) -> Result<Option<String>> {
    const ELSEWHERE: &str = "_sync_renamed";
    let objects = || -> Result<BTreeMap<(String, String), String>> {
        let sql = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    let before = objects()?;
    connection.execute_batch("SAVEPOINT _sync_referring")?;
    let rename = format!("ALTER TABLE {} RENAME TO {ELSEWHERE}", table.quoted());
    let renamed = connection.execute_batch(&rename);
    let after = objects()?;
    connection.execute_batch("ROLLBACK TO _sync_referring; RELEASE _sync_referring")?;
    if let Err(error) = renamed {
        // A view of a list of the table, say.
        return Ok(Some(format!(
            "something of yours would fail without it ({error})"
        )));
    }
    let named: Vec<String> = (after.iter())
        .filter(|(object, sql)| object.1 != ELSEWHERE && before.get(object) != Some(sql))
        .map(|((kind, name), _)| format!("your {kind} {name}"))
        .collect();
    Ok(match &*named {
        [] => None,
        [one] => Some(format!("{one} refers to it")),
        all => Some(format!("{} refer to it", all.join(", "))),
    })
}

fn on_their_way(database: &mut Database, link: &LinkId) -> Result<u64> {
    let query = Query::Intents { dead: false };
    let Rows::Intents(intents) = read::read(database, link, &query, None, u32::MAX)? else {
        return Ok(0);
    };
    let sent = intents.iter().filter(|intent| intent.state.is_unresolved());
    Ok(sent.count() as u64)
}

/// `None` for a table that a person dropped: its link can be forgotten all the same.
fn count_rows(connection: &Connection, table: &Table) -> Result<Option<u64>> {
    let there = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
    if !connection.prepare(there)?.exists([&table.name])? {
        return Ok(None);
    }
    let sql = format!("SELECT count(*) FROM {}", table.quoted());
    Ok(Some(connection.query_row(&sql, [], |row| row.get(0))?))
}

fn count_pending(connection: &Connection, table: &Table) -> Result<u64> {
    let sql = "SELECT count(DISTINCT row) FROM _sync_pending WHERE tbl = ?1";
    Ok(connection.query_row(sql, [&table.name], |row| row.get(0))?)
}

/// Takes the triggers off a table and strikes it from the list of those that follow a source.
fn let_go(connection: &Connection, table: &Table) -> Result<()> {
    // By their names: they go with a table that was renamed.
    for trigger in triggers_of(connection, table)?.into_keys() {
        connection.execute_batch(&format!("DROP TRIGGER {}", quote(&trigger)))?;
    }
    keep_bodies(connection, table)?;
    for sql in [
        "DELETE FROM _sync_options WHERE tbl = ?1",
        "DELETE FROM _sync_bodies WHERE tbl = ?1",
        "DELETE FROM _sync_capture WHERE tbl = ?1",
        "DELETE FROM _sync_pending WHERE tbl = ?1",
        "DELETE FROM _sync_columns WHERE tbl = ?1",
        "DELETE FROM _sync_tables WHERE name = ?1",
    ] {
        connection.execute(sql, [&table.name])?;
    }
    Ok(())
}

/// Texts of rows stood beside the table; an ordinary table has them in a column.
fn keep_bodies(connection: &Connection, table: &Table) -> Result<()> {
    let some = "SELECT 1 FROM _sync_bodies WHERE tbl = ?1 AND markdown IS NOT NULL";
    if !connection.prepare(some)?.exists([&table.name])? {
        return Ok(());
    }
    let taken = column_names(connection, &table.name)?;
    if taken.is_empty() {
        return Ok(());
    }
    let body = column_name("body", |name| taken.iter().any(|there| same(there, name)));
    let (quoted, body) = (table.quoted(), quote(&body));
    connection.execute_batch(&format!("ALTER TABLE {quoted} ADD COLUMN {body} TEXT"))?;
    connection.execute(
        &format!(
            "UPDATE {quoted} SET {body} = (SELECT b.markdown FROM _sync_bodies b
             WHERE b.tbl = ?1 AND b.row = _row)"
        ),
        [&table.name],
    )?;
    Ok(())
}

/// The link's rows in the private tables. Its number may be given to another link later.
fn drop_memory(connection: &Connection, link: i64) -> Result<()> {
    let (from, to) = bounds(link, None)?;
    for table in [
        "_sync_left",
        "_sync_right",
        "_sync_waits",
        "_sync_intents",
        "_sync_pairs",
    ] {
        let sql = format!("DELETE FROM {table} WHERE pk > ?1 AND pk < ?2");
        connection.execute(&sql, [from, to])?;
    }
    for table in ["_sync_conflicts", "_sync_journal", "_sync_runs"] {
        connection.execute(&format!("DELETE FROM {table} WHERE link = ?1"), [link])?;
    }
    connection.execute("DELETE FROM _sync_links WHERE id = ?1", [link])?;
    Ok(())
}

impl From<Fault> for ForgetError {
    fn from(fault: Fault) -> Self {
        Self::Store(fault.0)
    }
}
