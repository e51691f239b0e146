//! What of the private tables is not as it should be, and making anew what may be.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension};

use crate::checkup::{Mend, Misfit};
use crate::ddl::{MIGRATIONS, ROOM, TABLES};
use crate::error::Result;
use crate::lost;
use crate::replica::column_names;

/// Tables that may stand empty: what they held is found again by a look at both sides, or is history.
const REPLACEABLE: [&str; 9] = [
    "_sync_capture",
    "_sync_conflicts",
    "_sync_gate",
    "_sync_journal",
    "_sync_options",
    "_sync_pending",
    "_sync_people",
    "_sync_runs",
    "_sync_waits",
];

/// Entries that mean nothing without another one: table, which entries, and what is gone.
const ORPHANS: [(&str, &str, &str); 8] = [
    ("_sync_left", WITHOUT_PAIR, "a record"),
    ("_sync_right", WITHOUT_PAIR, "a record"),
    ("_sync_waits", WITHOUT_PAIR, "a record"),
    ("_sync_conflicts", WITHOUT_PAIR, "a record"),
    ("_sync_intents", COMMAND_WITHOUT_PAIR, "a record"),
    ("_sync_pairs", WITHOUT_LINK, "a link"),
    ("_sync_journal", WITHOUT_LINK, "a link"),
    ("_sync_runs", WITHOUT_LINK, "a link"),
];

const WITHOUT_PAIR: &str = "pk NOT IN (SELECT pk FROM _sync_pairs)";
const WITHOUT_LINK: &str = "link NOT IN (SELECT id FROM _sync_links)";
/// Of finished commands nothing is expected any more: they leave by themselves.
const COMMAND_WITHOUT_PAIR: &str = "open <> 0
  AND pk / ROOM * ROOM + json_extract(body, '$.pair') NOT IN (SELECT pk FROM _sync_pairs)";

/// Everything about the private tables that a person, or a tool of theirs, changed.
pub(crate) fn misfits(connection: &Connection) -> Result<Vec<Misfit>> {
    let wanted = Wanted::new()?;
    let there = names(connection)?;
    let mut found = Vec::new();
    for table in wanted.tables.keys() {
        let mend = match REPLACEABLE.contains(&table.as_str()) {
            true => Mend::Repair,
            false => Mend::Backup,
        };
        if !there.contains(table) {
            let said = format!("the private table {table} is missing");
            found.push(Misfit { said, mend });
            continue;
        }
        let columns = column_names(connection, table)?;
        for column in column_names(&wanted.connection, table)? {
            if !columns.contains(&column) {
                let said = format!("the private table {table} has no column {column}");
                let mend = Mend::Backup;
                found.push(Misfit { said, mend });
            }
        }
    }
    for (index, (table, _)) in &wanted.indexes {
        if there.contains(table) && !there.contains(index) {
            let said = format!("the index {index} is missing: everything takes longer");
            let mend = Mend::Repair;
            found.push(Misfit { said, mend });
        }
    }
    if found.iter().any(|misfit| misfit.mend == Mend::Backup) {
        // Nothing more can be asked for sure.
        return Ok(found);
    }
    let lost = lost::misfits(connection)?;
    let is_lost = lost.iter().any(|misfit| misfit.mend == Mend::Backup);
    found.extend(lost);
    if is_lost {
        return Ok(found);
    }
    found.extend(gate(connection, &there)?);
    for (table, which, gone) in ORPHANS.iter().filter(|(table, ..)| there.contains(*table)) {
        let count: u64 =
            connection.query_row(&orphans("count(*)", table, which), [], |row| row.get(0))?;
        if count > 0 {
            let said = format!("{count} entries of {table} are of {gone} that is gone");
            let mend = Mend::Repair;
            found.push(Misfit { said, mend });
        }
    }
    Ok(found)
}

/// Whether the gate lets everything pass, edits of people included.
fn gate(connection: &Connection, there: &BTreeSet<String>) -> Result<Option<Misfit>> {
    if !there.contains("_sync_gate") {
        return Ok(None);
    }
    let open: Option<bool> = connection
        .query_row("SELECT applying <> 0 FROM _sync_gate", [], |row| row.get(0))
        .optional()?;
    let said = match open {
        Some(false) => return Ok(None),
        Some(true) => {
            "the gate of sync's own writes stands open: edits are neither refused nor noted"
        }
        None => "the gate of sync's own writes is missing: nothing can be written",
    };
    let (said, mend) = (said.to_owned(), Mend::Repair);
    Ok(Some(Misfit { said, mend }))
}

fn orphans(what: &str, table: &str, which: &str) -> String {
    let which = which.replace("ROOM", &ROOM.to_string());
    format!("SELECT {what} FROM {table} WHERE {which}")
}

/// Mends what [`misfits`] finds with [`Mend::Repair`]: afterwards every pair is decided again. In a
/// transaction.
pub(crate) fn mend(connection: &Connection) -> Result<()> {
    let wanted = Wanted::new()?;
    let there = names(connection)?;
    let tables = wanted.tables.iter().chain(&wanted.indexes);
    for (_, (_, sql)) in tables.filter(|(name, _)| !there.contains(*name)) {
        connection.execute_batch(sql)?;
    }
    connection.execute_batch(
        "INSERT INTO _sync_gate(one) SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM _sync_gate);
         UPDATE _sync_gate SET applying = 0, replacing = 0, tbl = NULL, row = NULL;",
    )?;
    // Those of links go first: what is left of a pair goes with it.
    for (table, which, _) in ORPHANS.iter().rev() {
        let gone = orphans("rowid", table, which);
        connection.execute_batch(&format!("DELETE FROM {table} WHERE rowid IN ({gone})"))?;
    }
    lost::mend(connection)?;
    // Conflicts and waits that are gone are found again.
    connection.execute_batch("UPDATE _sync_pairs SET dirty = 1 WHERE dirty = 0")?;
    Ok(())
}

/// The private tables of a file that nobody touched.
struct Wanted {
    connection: Connection,
    tables: Objects,
    indexes: Objects,
}

/// By name: the table it is or belongs to, and the statement that makes it.
type Objects = BTreeMap<String, (String, String)>;

impl Wanted {
    fn new() -> Result<Self> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(TABLES)?;
        for step in MIGRATIONS {
            connection.execute_batch(step)?;
        }
        let of = |kind: &str| -> Result<Objects> {
            let sql = "SELECT name, tbl_name, sql FROM sqlite_master
                       WHERE type = ?1 AND name GLOB '_sync_*' AND sql IS NOT NULL";
            let mut statement = connection.prepare(sql)?;
            let rows =
                statement.query_map([kind], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        Ok(Self {
            tables: of("table")?,
            indexes: of("index")?,
            connection,
        })
    }
}

fn names(connection: &Connection) -> Result<BTreeSet<String>> {
    let sql = "SELECT name FROM sqlite_master WHERE type IN ('table', 'index')";
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}
