//! Files that people put into `files` by path or as bytes: known by their digest from the next run on.

use notion_sync_core::value::Digest;
use rusqlite::{Connection, OptionalExtension};

use super::cells::Form;
use super::column::Column;
use super::names::{literal, quote};
use super::{Table, with_gate};
use crate::error::Result;

/// Looks at the bytes of new uploads. A cell names them by digest afterwards; one whose file cannot be
/// read stays as it is, says so in `files`, and waits.
pub(crate) fn take_in(connection: &Connection, table: &Table) -> Result<()> {
    let new: Vec<(i64, Option<String>, Option<Vec<u8>>)> = connection
        .prepare_cached("SELECT id, path, bytes FROM _sync_uploads WHERE digest IS NULL")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (id, path, bytes) in new {
        let found = match (bytes, &path) {
            (Some(bytes), _) => Ok(bytes),
            (None, Some(path)) => std::fs::read(path),
            (None, None) => continue,
        };
        match found {
            Ok(bytes) => {
                connection
                    .prepare_cached(
                        "UPDATE _sync_uploads SET digest = ?2, problem = NULL WHERE id = ?1",
                    )?
                    .execute((id, Digest::of(&bytes).to_text()))?;
            }
            Err(error) => {
                let problem = format!(
                    "the file cannot be read ({error}); put it there, or delete this entry"
                );
                connection
                    .prepare_cached("UPDATE _sync_uploads SET problem = ?2 WHERE id = ?1")?
                    .execute((id, problem))?;
            }
        }
    }
    for column in table
        .own()
        .filter(|column| column.form() == Form::Files && !column.projected())
    {
        name_by_digest(connection, table, column)?;
    }
    Ok(())
}

/// Digests stand where numbers of uploads stood. That is an edit to look at: the scan before could
/// not read the cell.
fn name_by_digest(connection: &Connection, table: &Table, column: &Column) -> Result<()> {
    let (quoted, name) = (table.quoted(), quote(&column.name));
    // Only edited rows can hold one: looking at all would cost every run. The column has a name of ours
    // beside `json_each` and uploads, which have columns too.
    // A plain address is no JSON to look into, whatever order SQLite compares in.
    let upload = "u.id = iif(e.type = 'object', json_extract(e.value, '$.upload'), NULL)";
    let ready = format!(
        "_row IN (SELECT row FROM _sync_pending WHERE tbl = {} AND col IN ({}, '_row'))
         AND instr({name}, '\"upload\"') > 0 AND json_valid({name}) AND EXISTS (
           SELECT 1 FROM (SELECT {name} AS list) AS cell, json_each(cell.list) e
             JOIN _sync_uploads u ON {upload} WHERE u.digest IS NOT NULL)",
        literal(&table.name),
        literal(&column.name)
    );
    with_gate(connection, || {
        connection.execute_batch(&format!(
            "INSERT INTO _sync_capture(tbl, row, col)
               SELECT {}, _row, {} FROM {quoted} WHERE {ready};
             UPDATE {quoted} SET {name} = (SELECT json_group_array(json(one)) FROM (
               SELECT CASE WHEN u.digest IS NULL THEN iif(e.type = 'text', json_quote(e.value), e.value)
                 ELSE json_object('name', json_extract(e.value, '$.name'), 'blob', u.digest) END AS one
               FROM (SELECT {name} AS list) AS cell, json_each(cell.list) e
                 LEFT JOIN _sync_uploads u ON {upload} ORDER BY e.key))
             WHERE {ready}",
            literal(&table.name),
            literal(&column.name)
        ))?;
        Ok(())
    })
}

/// The bytes with this digest; `None` where nobody put them here or their file is another by now.
pub(crate) fn bytes(connection: &Connection, digest: &Digest) -> Result<Option<Vec<u8>>> {
    let found: Option<(Option<String>, Option<Vec<u8>>)> = connection
        .prepare_cached(
            "SELECT path, bytes FROM _sync_uploads WHERE digest = ?1 ORDER BY bytes IS NULL",
        )?
        .query_row([digest.to_text()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match found {
        Some((_, Some(bytes))) => Some(bytes),
        Some((Some(path), None)) => std::fs::read(path)
            .ok()
            .filter(|bytes| Digest::of(bytes) == *digest),
        _ => None,
    })
}
