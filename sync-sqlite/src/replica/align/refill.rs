//! Columns that a person renamed away or dropped, and added anew under the same name: the empty cells of
//! such a one are no edits. They get what stood there when sync last looked.

use rusqlite::Connection;
use rusqlite::types::Value as Sql;

use crate::error::{Result, failed};
use crate::pairs::{FROM, Stored, WHOLE, bounds};
use crate::replica::column::Column;
use crate::replica::names::{literal, quote, same};
use crate::replica::{Table, row_of, with_gate};

/// Cells that are written at a time.
const AT_ONCE: usize = 1_000;

/// A table's columns in the file, in their order, generated ones included.
pub(super) struct There(Vec<(String, String)>);

impl There {
    pub(super) fn load(connection: &Connection, table: &str) -> Result<Self> {
        let sql = "SELECT name, type FROM pragma_table_xinfo(?1) ORDER BY cid";
        let mut statement = connection.prepare(sql)?;
        let columns = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self(columns.collect::<rusqlite::Result<_>>()?))
    }

    pub(super) fn place(&self, column: &Column) -> Option<i64> {
        let mut columns = self.0.iter();
        let at = columns.position(|(name, _)| same(name, &column.name))?;
        i64::try_from(at).ok()
    }

    fn type_of(&self, column: &Column) -> Option<&str> {
        let mut columns = self.0.iter();
        let found = columns.find(|(name, _)| same(name, &column.name))?;
        Some(&found.1)
    }
}

/// Columns that are others than sync made. What ALTER TABLE adds comes last, and no other change moves a
/// column towards the end: one that stands behind its place was added anew. Where triggers are missing
/// (`unwatched`), it may have been the last before, too, and shows nothing.
pub(super) fn replaced<'a>(
    connection: &Connection,
    table: &'a Table,
    there: &There,
    unwatched: bool,
) -> Result<Vec<&'a Column>> {
    let mut replaced = Vec::new();
    for column in table.own().filter(|column| column.exists) {
        let (Some(was), Some(is)) = (column.place, there.place(column)) else {
            continue;
        };
        if is > was || unwatched && is_blank(connection, table, column)? {
            let (wanted, found) = (column.form().sql_type(), there.type_of(column));
            if found.is_some_and(|found| !found.eq_ignore_ascii_case(wanted)) {
                return Err(failed(format!(
                    "column {:?} of {} is another one than sync made, and {} instead of {wanted}; drop it \
                     and add it again: ALTER TABLE {} ADD COLUMN {} {wanted}",
                    column.name,
                    table.name,
                    found.unwrap_or_default(),
                    table.quoted(),
                    quote(&column.name),
                )));
            }
            replaced.push(column);
        }
    }
    Ok(replaced)
}

fn is_blank(connection: &Connection, table: &Table, column: &Column) -> Result<bool> {
    let (quoted, name) = (table.quoted(), quote(&column.name));
    let sql = format!("SELECT 1 FROM {quoted} WHERE {name} IS NOT NULL");
    Ok(!connection.prepare(&sql)?.exists([])?)
}

/// Writes into the empty cells of columns what stood there. With triggers in place nobody emptied a cell
/// of one by an edit; where they were missing, what was noted as an edit stays.
pub(super) fn fill(
    connection: &Connection,
    table: &Table,
    link: i64,
    columns: &[&Column],
    unwatched: bool,
) -> Result<()> {
    if columns.is_empty() {
        return Ok(());
    }
    let (from, to) = bounds(link, None)?;
    let sql =
        format!("SELECT {WHOLE} FROM {FROM} WHERE p.pk > ?1 AND p.pk < ?2 ORDER BY p.pk LIMIT ?3");
    let mut select = connection.prepare(&sql)?;
    let mut after = from;
    loop {
        let mut rows = select.query((after, to, AT_ONCE))?;
        let mut cells = Vec::new();
        let mut read = 0;
        while let Some(row) = rows.next()? {
            (after, read) = (row.get(0)?, read + 1);
            gather(&mut cells, &mut Stored::from_row(row)?, table, columns)?;
        }
        drop(rows);
        write(connection, table, columns, &cells, unwatched)?;
        if read < AT_ONCE {
            break;
        }
    }
    // Edits that waited in the former column wait no more.
    for column in columns {
        connection.execute(
            "INSERT INTO _sync_capture(tbl, row, col)
             SELECT tbl, row, col FROM _sync_pending WHERE tbl = ?1 AND col = ?2",
            (&table.name, &column.name),
        )?;
    }
    Ok(())
}

/// The cells of one pair's row, each with the column's place among those that are filled.
fn gather(
    cells: &mut Vec<(usize, i64, Sql)>,
    pair: &mut Stored,
    table: &Table,
    columns: &[&Column],
) -> Result<()> {
    let side = table.source.other();
    let Some(row) = pair.key(side).and_then(row_of) else {
        return Ok(());
    };
    for (at, column) in columns.iter().enumerate() {
        // What is only shown is never read here: it is what the source has.
        let (side, id) = match column.projected() {
            true => (table.source, &column.field),
            false => (side, &column.id),
        };
        let record = pair.shadow(side)?;
        let value = record.and_then(|record| record.cells.complete(id));
        if let Some(Ok(sql)) = value.map(|value| column.encode(value))
            && sql != Sql::Null
        {
            cells.push((at, row, sql));
        }
    }
    Ok(())
}

fn write(
    connection: &Connection,
    table: &Table,
    columns: &[&Column],
    cells: &[(usize, i64, Sql)],
    unwatched: bool,
) -> Result<()> {
    let quoted = table.quoted();
    let update = |column: &&Column| {
        let (name, table) = (quote(&column.name), literal(&table.name));
        let mut sql = format!("UPDATE {quoted} SET {name} = ?2 WHERE _row = ?1 AND {name} IS NULL");
        if unwatched {
            sql.push_str(&format!(
                " AND NOT EXISTS (SELECT 1 FROM _sync_pending e
                   WHERE e.tbl = {table} AND e.row = ?1 AND e.col = {})",
                literal(&column.name)
            ));
        }
        sql
    };
    let updates: Vec<String> = columns.iter().map(update).collect();
    with_gate(connection, || {
        for (at, row, sql) in cells {
            connection
                .prepare_cached(&updates[*at])?
                .execute((row, sql))?;
        }
        Ok(())
    })
}
