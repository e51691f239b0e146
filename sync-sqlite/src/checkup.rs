//! Whether the file is as it should be. Changes nothing.

use std::collections::BTreeMap;

use notion_sync_core::port::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use serde::Serialize;

use crate::database::Database;
use crate::ddl::FORMAT;
use crate::error::Result;
use crate::replica::{SqliteReplica, Table, column_names, rebuild_triggers};
use crate::store::SqliteStore;
use crate::views;

/// Sentences about damage that are told; SQLite may find any number.
const DAMAGE: u32 = 10;

/// What a look at the whole file found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checkup {
    /// The format of the private tables; `None` while there are none.
    pub format: Option<u32>,
    /// The format this program writes; an older file is brought up to date by the next run.
    pub newest_format: u32,
    /// What SQLite finds damaged, a sentence each; at most ten.
    pub damage: Vec<String>,
    /// Who holds the file for a run right now.
    pub held_by: Option<String>,
}

impl SqliteStore {
    /// Looks at the whole file: `PRAGMA quick_check` reads all of it.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub async fn checkup(&self) -> std::result::Result<Checkup, StoreError> {
        self.worker()
            .ask(|database| {
                let damage = match database.reader()? {
                    None => Vec::new(),
                    Some(reader) => damage(reader)?,
                };
                Ok(Checkup {
                    format: database.format(),
                    newest_format: FORMAT,
                    damage,
                    held_by: database.leases.holder()?,
                })
            })
            .await
    }
}

fn damage(connection: &Connection) -> Result<Vec<String>> {
    let mut found: Vec<String> = connection
        .prepare(&format!("PRAGMA quick_check({DAMAGE})"))?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    found.retain(|line| line != "ok");
    Ok(found)
}

impl SqliteReplica {
    /// What of the table, its columns, its triggers and the views is not as it should be, a sentence
    /// each: changed or dropped by hand. Triggers and views are made anew by the next run, which looks at
    /// every row if triggers were missing.
    ///
    /// # Errors
    /// When the file cannot be read, or is locked or not writable: what should be there is laid out in
    /// a transaction that is taken back.
    pub async fn misfits(&self) -> std::result::Result<Vec<String>, StoreError> {
        let (link, source) = (self.link().clone(), self.source_name().to_owned());
        self.worker()
            .ask(move |database| {
                let Some(connection) = current(database)? else {
                    return Ok(Vec::new());
                };
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let Some(table) = Table::load(&transaction, &link)? else {
                    return Ok(Vec::new());
                };
                let found = of_table(&transaction, &table)?;
                if !found.is_empty() {
                    return Ok(found);
                }
                let there = objects(&transaction)?;
                rebuild_triggers(&transaction, &table, &source)?;
                views::rebuild(&transaction)?;
                let wanted = objects(&transaction)?;
                transaction.rollback()?;
                Ok(differences(&there, &wanted))
            })
            .await
    }
}

/// The connection to a file of this program's format. An older one has no triggers to compare with.
fn current(database: &mut Database) -> Result<Option<&mut Connection>> {
    database.reader()?;
    if database.format() != Some(FORMAT) {
        return Ok(None);
    }
    database.reader()
}

/// What of the table itself is missing.
fn of_table(connection: &Connection, table: &Table) -> Result<Vec<String>> {
    let there = column_names(connection, &table.name)?;
    if there.is_empty() {
        return Ok(vec![format!(
            "the table {} was dropped or renamed",
            table.name
        )]);
    }
    let columns = table.mapped().map(|column| &column.name);
    let missing = columns.filter(|name| !there.contains(name));
    Ok(missing
        .map(|name| format!("the column {name:?} was dropped or renamed"))
        .collect())
}

/// Triggers and views, by kind and name.
fn objects(connection: &Connection) -> Result<BTreeMap<(String, String), Option<String>>> {
    let sql = "SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn differences(
    there: &BTreeMap<(String, String), Option<String>>,
    wanted: &BTreeMap<(String, String), Option<String>>,
) -> Vec<String> {
    let mut found = Vec::new();
    for ((kind, name), sql) in wanted {
        match there.get(&(kind.clone(), name.clone())) {
            None => found.push(format!("the {kind} {name} is missing")),
            Some(other) if other != sql => found.push(format!("the {kind} {name} was changed")),
            Some(_) => {}
        }
    }
    found
}
