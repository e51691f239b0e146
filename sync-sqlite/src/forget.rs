//! Forgetting a link: its memory goes, the rows of its table stay.

use notion_sync_core::link::LinkId;
use notion_sync_core::port::{Query, Rows, StoreError};
use rusqlite::{Connection, TransactionBehavior};
use serde::Serialize;

use crate::database::Database;
use crate::error::{Fault, Result};
use crate::links;
use crate::pairs::bounds;
use crate::read;
use crate::replica::{Table, column_name, column_names, quote, same};
use crate::store::SqliteStore;
use crate::views;

/// Whom others see while a link is forgotten.
const OWNER: &str = "a link being forgotten";

/// What was forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// The table, an ordinary one by now; `None` if the link never had one.
    pub table: Option<String>,
    /// Its rows, all still there.
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
    /// name back. So no record is ever made twice in the source.
    ///
    /// With `even_if_sent`, also while commands are on their way.
    ///
    /// # Errors
    /// [`ForgetError::OnTheirWay`]; [`StoreError::Busy`] while a run holds the file. Then nothing was
    /// forgotten.
    pub async fn forget(
        &self,
        link: &LinkId,
        even_if_sent: bool,
    ) -> std::result::Result<Forgotten, ForgetError> {
        let asked = link.clone();
        let found = self
            .worker()
            .ask(move |database| {
                if database.reader()?.is_none() {
                    return Ok(None);
                }
                database.leases.admit(&asked, OWNER)?;
                let forgotten = forget(database, &asked, even_if_sent);
                database.leases.unlock_if_idle();
                forgotten
            })
            .await?;
        match found {
            None => Err(ForgetError::Unknown(link.clone())),
            Some(found) if found.on_their_way > 0 && !even_if_sent => {
                Err(ForgetError::OnTheirWay(found.on_their_way))
            }
            Some(found) => Ok(found),
        }
    }
}

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
        None => (0, 0),
    };
    Ok(Some(Forgotten {
        table: table.map(|table| table.name),
        rows,
        pending,
        on_their_way,
    }))
}

fn forget(database: &mut Database, link: &LinkId, even_if_sent: bool) -> Result<Option<Forgotten>> {
    // Nobody else moves a command on: the lease is ours.
    let Some(found) = survey(database, link)? else {
        return Ok(None);
    };
    if found.on_their_way > 0 && !even_if_sent {
        return Ok(Some(found));
    }
    let transaction = database
        .writer()?
        .transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some(row) = links::load(&transaction, link)? else {
        return Ok(None);
    };
    if let Some(table) = Table::load(&transaction, link)? {
        let_go(&transaction, &table)?;
    }
    drop_memory(&transaction, row.id)?;
    views::rebuild(&transaction)?;
    transaction.commit()?;
    database.mappings.remove(link);
    database.planned.remove(link);
    Ok(Some(found))
}

fn on_their_way(database: &mut Database, link: &LinkId) -> Result<u64> {
    let query = Query::Intents { dead: false };
    let Rows::Intents(intents) = read::read(database, link, &query, None, u32::MAX)? else {
        return Ok(0);
    };
    let sent = intents.iter().filter(|intent| intent.state.is_unresolved());
    Ok(sent.count() as u64)
}

/// Zero for a table that a person dropped: its link can be forgotten all the same.
fn count_rows(connection: &Connection, table: &Table) -> Result<u64> {
    let there = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
    if !connection.prepare(there)?.exists([&table.name])? {
        return Ok(0);
    }
    let sql = format!("SELECT count(*) FROM {}", table.quoted());
    Ok(connection.query_row(&sql, [], |row| row.get(0))?)
}

fn count_pending(connection: &Connection, table: &Table) -> Result<u64> {
    let sql = "SELECT count(DISTINCT row) FROM _sync_pending WHERE tbl = ?1";
    Ok(connection.query_row(sql, [&table.name], |row| row.get(0))?)
}

/// Takes the triggers off a table and strikes it from the list of those that follow a source.
fn let_go(connection: &Connection, table: &Table) -> Result<()> {
    let triggers: Vec<String> = connection
        .prepare(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'
             AND tbl_name = ?1 COLLATE NOCASE AND name GLOB '_sync_*'",
        )?
        .query_map([&table.name], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for trigger in triggers {
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
