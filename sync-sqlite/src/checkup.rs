//! Whether the file is as it should be. Changes nothing.

use std::collections::BTreeMap;

use notion_sync_core::port::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use serde::Serialize;

use crate::database::{Database, is_rolled_back};
use crate::ddl::FORMAT;
use crate::error::Result;
use crate::links;
use crate::private;
use crate::replica::{
    SqliteReplica, Table, column_names, lacks, made_anew, not_with, rebuild_triggers, same,
    unique_indexes,
};
use crate::store::SqliteStore;
use crate::views;

/// Sentences about damage that are told; SQLite may find any number.
const DAMAGE: u32 = 10;

const CHANGED: &str = "was changed";

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Misfit {
    /// What, in a sentence.
    pub said: String,
    /// What mends it.
    pub mend: Mend,
}

/// What mends something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mend {
    /// [`SqliteStore::repair`] and [`SqliteReplica::repair`]: no record is lost by it.
    Repair,
    /// Giving a table or a column its name back. Where it is gone for good, forgetting the link and
    /// pulling the records again.
    Name,
    /// Dropping it in SQL: an index that somebody made and sync cannot work with.
    Drop,
    /// A backup: nothing else knows what it was.
    Backup,
    /// Giving the table another name, forgetting the link and pulling the records into a table that sync
    /// makes: it cannot be mended where it stands. Its rows stay.
    Forget,
}

/// What a look at the whole file found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checkup {
    /// The format of the private tables; `None` while there are none.
    pub format: Option<u32>,
    /// The format this program writes; an older file is brought up to date by the next run.
    pub newest_format: u32,
    /// What SQLite finds damaged; at most ten.
    pub damage: Vec<Misfit>,
    /// Whether somebody took the file out of WAL mode, so that readers and writers wait for each other. The
    /// next run sets it back.
    pub is_rolled_back: bool,
    /// Who holds the file for a run right now.
    pub held_by: Option<String>,
    /// Why no run can hold it: what is wrong with the lock beside it, in a sentence.
    pub unlockable: Option<String>,
    /// Whether it is a copy of another file, or was restored: nothing is written to it before
    /// [`StoreOptions::adopt`](crate::StoreOptions::adopt).
    pub is_copy: bool,
}

impl SqliteStore {
    /// Looks at the whole file: `PRAGMA integrity_check` reads all of it.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub async fn checkup(&self) -> std::result::Result<Checkup, StoreError> {
        self.worker()
            .ask(|database| {
                let (damage, is_rolled_back) = match database.reader()? {
                    None => (Vec::new(), false),
                    Some(reader) => (damage(reader)?, is_rolled_back(reader)?),
                };
                let is_whole = damage.is_empty();
                let (held_by, unlockable) = match database.leases.holder() {
                    Ok(owner) => (owner, None),
                    Err(fault) => (None, Some(fault.0.to_string())),
                };
                Ok(Checkup {
                    format: database.format(),
                    newest_format: FORMAT,
                    damage,
                    is_rolled_back,
                    held_by,
                    unlockable,
                    is_copy: is_whole && database.is_copy()?,
                })
            })
            .await
    }

    /// Whether the file is a copy of another, or was restored: nothing is written to it before
    /// [`StoreOptions::adopt`](crate::StoreOptions::adopt). The same as [`Checkup::is_copy`], without a look at the
    /// rest of the file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn is_copy(&self) -> std::result::Result<bool, StoreError> {
        self.worker()
            .ask(|database| {
                database.reader()?;
                database.is_copy()
            })
            .await
    }

    /// What of the private tables and of the views is not as it should be: changed or dropped by hand,
    /// or left without what it belongs to.
    ///
    /// # Errors
    /// When the file cannot be read, or is locked or not writable: views are laid out in a transaction
    /// that is taken back.
    pub async fn misfits(&self) -> std::result::Result<Vec<Misfit>, StoreError> {
        self.worker()
            .ask(|database| {
                let Some(connection) = current(database)? else {
                    return Ok(Vec::new());
                };
                let mut found = private::misfits(connection)?;
                if found.iter().any(|misfit| misfit.mend == Mend::Backup) {
                    return Ok(found);
                }
                let mut changed = changed_by(connection, views::rebuild)?;
                if is_any_table_amiss(connection)? {
                    // Views follow a table or column that gets another name; that one is what is wrong.
                    changed.retain(|misfit| !misfit.said.ends_with(CHANGED));
                }
                found.extend(changed);
                Ok(found)
            })
            .await
    }
}

impl SqliteReplica {
    /// What of the table, its columns and its triggers is not as it should be: changed or dropped by
    /// hand. Triggers are made anew by the next run, which looks at every row if some were missing.
    ///
    /// # Errors
    /// As [`SqliteStore::misfits`].
    pub async fn misfits(&self) -> std::result::Result<Vec<Misfit>, StoreError> {
        let (link, source) = (self.link().clone(), self.source_name().to_owned());
        self.worker()
            .ask(move |database| {
                let Some(connection) = current(database)? else {
                    return Ok(Vec::new());
                };
                let Some(table) = Table::load(connection, &link)? else {
                    return Ok(Vec::new());
                };
                let found = of_table(connection, &table)?;
                if !found.is_empty() {
                    return Ok(found);
                }
                changed_by(connection, |connection| {
                    rebuild_triggers(connection, &table, &source)
                })
            })
            .await
    }
}

/// What SQLite finds. Where only entries of indexes are wrong, the rows they are made of are not.
pub(crate) fn damage(connection: &Connection) -> Result<Vec<Misfit>> {
    let mut found: Vec<String> = connection
        .prepare(&format!("PRAGMA integrity_check({DAMAGE})"))?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    found.retain(|line| line != "ok");
    let mend = match found.iter().all(|line| is_of_index(line)) {
        true => Mend::Repair,
        false => Mend::Backup,
    };
    let found = found.into_iter();
    Ok(found.map(|said| Misfit { said, mend }).collect())
}

fn is_of_index(line: &str) -> bool {
    let entries = ["missing from index", "values differ from index"];
    line.starts_with("wrong # of entries in index")
        || line.starts_with("row ") && entries.iter().any(|what| line.contains(what))
}

/// The connection to a file of this program's format. An older one has no triggers to compare with.
pub(crate) fn current(database: &mut Database) -> Result<Option<&mut Connection>> {
    database.reader()?;
    if database.format() != Some(FORMAT) {
        return Ok(None);
    }
    database.reader()
}

/// Refuses to write to a file that is a copy or was restored, unless it is to be adopted.
pub(crate) fn refuse_copy(database: &mut Database) -> Result<()> {
    database.reader()?;
    match !database.adopts() && database.is_copy()? {
        true => Err(StoreError::NotAdopted.into()),
        false => Ok(()),
    }
}

/// What of the table itself is missing.
fn of_table(connection: &Connection, table: &Table) -> Result<Vec<Misfit>> {
    let mend = Mend::Name;
    let there = column_names(connection, &table.name)?;
    if there.is_empty() {
        let said = format!("the table {} was dropped or renamed", table.name);
        return Ok(vec![Misfit { said, mend }]);
    }
    let lost: Vec<&str> = table.lost(&there).collect();
    let columns = table.own().map(|column| &*column.name);
    let missing = columns.filter(|name| !there.iter().any(|there| same(there, name)));
    let missing = missing.filter(|name| !lost.contains(name));
    let mut found: Vec<Misfit> = (lost.iter().copied().chain(missing))
        .map(|name| format!("the column {name:?} was dropped or renamed"))
        .map(|said| Misfit { said, mend })
        .collect();
    let lacks = lacks(connection, table)?;
    if lost.is_empty() && !lacks.is_empty() {
        let (said, mend) = (made_anew(&table.name, &lacks), Mend::Forget);
        found.push(Misfit { said, mend });
    }
    for index in unique_indexes(connection, &table.name)? {
        let said = not_with(&index, &table.name);
        let mend = Mend::Drop;
        found.push(Misfit { said, mend });
    }
    Ok(found)
}

/// Whether a table or a column of one is remembered and not there, or is another one than sync made.
fn is_any_table_amiss(connection: &Connection) -> Result<bool> {
    for link in links::all(connection)? {
        if let Some(mut table) = Table::load(connection, &link)? {
            table.columns.retain(|column| column.mapped);
            let gone = table.leave_out_gone(connection)?;
            let is_amiss = gone.is_none_or(|gone| !gone.is_empty());
            if is_amiss || !lacks(connection, &table)?.is_empty() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// What of triggers and views `rebuild` would make anew. It is taken back.
fn changed_by(
    connection: &mut Connection,
    rebuild: impl FnOnce(&Connection) -> Result<()>,
) -> Result<Vec<Misfit>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let there = objects(&transaction)?;
    rebuild(&transaction)?;
    let wanted = objects(&transaction)?;
    transaction.rollback()?;
    Ok(differences(&there, &wanted))
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
) -> Vec<Misfit> {
    let mut found = Vec::new();
    let mut tell = |said| {
        let mend = Mend::Repair;
        found.push(Misfit { said, mend });
    };
    for ((kind, name), sql) in wanted {
        match there.get(&(kind.clone(), name.clone())) {
            None => tell(format!("the {kind} {name} is missing")),
            Some(other) if other != sql => tell(format!("the {kind} {name} {CHANGED}")),
            Some(_) => {}
        }
    }
    found
}
