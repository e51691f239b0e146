//! What a table has to be so that edits of it can be noted. One that somebody made anew, by `CREATE TABLE … AS`
//! say, has the same columns and none of it.

use rusqlite::{Connection, OptionalExtension};

use super::Table;
use super::names::same;
use crate::error::{Fault, Result, failed};

/// What the table lacks, in SQL; nothing for one that is as sync makes them.
pub(crate) fn lacks(connection: &Connection, table: &Table) -> Result<Vec<&'static str>> {
    let name = &table.name;
    let made: Option<(bool, String)> = connection
        .prepare_cached(
            "SELECT l.strict, m.sql FROM pragma_table_list(?1) l JOIN sqlite_master m
               ON m.type = 'table' AND m.name = l.name
             WHERE l.schema = 'main'",
        )?
        .query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((is_strict, sql)) = made else {
        return Ok(Vec::new());
    };
    let (mut counted, mut defaults) = (false, Vec::new());
    let mut columns = connection
        .prepare_cached("SELECT name, type, pk, dflt_value FROM pragma_table_xinfo(?1)")?;
    let mut rows = columns.query([name])?;
    while let Some(row) = rows.next()? {
        let (column, kind): (String, String) = (row.get(0)?, row.get(1)?);
        let (place, default): (u32, Option<String>) = (row.get(2)?, row.get(3)?);
        let is_key = place == 1 && same(&kind, "INTEGER");
        counted |= same(&column, "_row") && is_key;
        let wanted = match &*column.to_lowercase() {
            "_trashed" => ("0", "_trashed DEFAULT 0"),
            "_state" => ("pending", "_state DEFAULT 'pending'"),
            _ => continue,
        };
        // Tools that make a table anew write it their own way: '0', (0), "pending".
        let default = default.as_deref().unwrap_or_default();
        if default.trim_matches(|mark| "()'\" ".contains(mark)) != wanted.0 {
            defaults.push(wanted.1);
        }
    }
    let mut lacks = Vec::new();
    // A number that is counted on from the largest is given again once that row is gone.
    if !counted || !sql.to_uppercase().contains("AUTOINCREMENT") {
        lacks.push("_row INTEGER PRIMARY KEY AUTOINCREMENT");
    }
    let unique = "SELECT 1 FROM pragma_index_list(?1) l WHERE l.\"unique\" AND NOT l.partial
        AND (SELECT group_concat(name) FROM pragma_index_info(l.name)) = '_id' COLLATE NOCASE";
    if !connection.prepare_cached(unique)?.exists([name])? {
        lacks.push("_id UNIQUE");
    }
    if !is_strict {
        lacks.push("STRICT");
    }
    lacks.append(&mut defaults);
    Ok(lacks)
}

/// What is wrong with a table that lacks something.
pub(crate) fn made_anew(table: &str, lacks: &[&str]) -> String {
    format!(
        "the table {table} was made anew by hand without {}: inserts fail, or nobody can tell its rows apart",
        lacks.join(", ")
    )
}

/// A run over such a table.
pub(super) fn refused(table: &str, lacks: &[&str]) -> Fault {
    let why = made_anew(table, lacks);
    failed(format!(
        "{why}; nothing of it is touched. Restore a backup, or rename it, `notion-sync forget --table {table} \
         --yes` and sync the data source again: the new table has every page, and your rows stay in the old one"
    ))
}
