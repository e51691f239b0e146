//! Columns that a person renamed away or dropped, and added anew under the same name: the empty cells of
//! such a one are no edits. They get what stood there when sync last looked.

use rusqlite::Connection;
use rusqlite::types::Value as Sql;

use super::Layout;
use crate::error::{Result, failed};
use crate::pairs::{FROM, Stored, WHOLE, bounds};
use crate::replica::column::Column;
use crate::replica::names::{literal, quote, same};
use crate::replica::{Table, has_foreign_triggers, in_private, row_of, triggers};

/// Cells that are written at a time.
const AT_ONCE: usize = 1_000;

/// A table's columns in the file, in their order, generated ones included.
pub(super) struct There(Vec<Found>);

struct Found {
    name: String,
    ty: String,
    /// The expression of its DEFAULT.
    default: Option<String>,
    takes_null: bool,
}

impl There {
    pub(super) fn load(connection: &Connection, table: &str) -> Result<Self> {
        let sql = "SELECT name, type, dflt_value, NOT \"notnull\" FROM pragma_table_xinfo(?1) ORDER BY cid";
        let mut statement = connection.prepare(sql)?;
        let columns = statement.query_map([table], |row| {
            Ok(Found {
                name: row.get(0)?,
                ty: row.get(1)?,
                default: row.get(2)?,
                takes_null: row.get(3)?,
            })
        })?;
        Ok(Self(columns.collect::<rusqlite::Result<_>>()?))
    }

    pub(super) fn place(&self, name: &str) -> Option<i64> {
        let at = self.0.iter().position(|found| same(&found.name, name))?;
        i64::try_from(at).ok()
    }
}

/// A column that is another one than sync made.
pub(super) struct Replaced<'a> {
    column: &'a Column,
    /// What it is called in the file, where that is to change.
    pub(super) name: &'a str,
    /// Whether what was noted of it is about the former one, which lives on under another name.
    renamed: bool,
    /// What stands in a cell that nobody wrote.
    blank: String,
    takes_null: bool,
}

/// Columns that are others than sync made. SQLite renames a column in our triggers as well: one they do
/// not name any more went away. Where a trigger is missing (`unwatched`) the place tells: what ALTER TABLE
/// adds comes last, and no other change moves a column towards the end. A tool that makes the table anew
/// puts columns anywhere: one that shows nothing counts as another one then.
pub(super) fn replaced<'a>(
    connection: &Connection,
    layout: &'a Layout,
    there: &There,
    unwatched: bool,
) -> Result<Vec<Replaced<'a>>> {
    let table = &layout.table;
    let triggers = triggers::of_table(connection, table)?.into_values();
    let text = triggers.collect::<String>().to_ascii_lowercase();
    let says = |what: String| text.contains(&what.to_ascii_lowercase());
    let is_named = |name: &str| says(format!("OLD.{} IS NOT", quote(name)));
    let is_closed = |name: &str| says(format!("IS NOT OLD.{}", quote(name)));
    let are_known = !unwatched && is_closed("_id");
    let mut replaced = Vec::new();
    for column in table.own().filter(|column| column.exists) {
        let mut renamed = layout.renamed.iter();
        let former = renamed.find(|(_, name)| *name == column.name);
        let name = former.map_or(&column.name, |(former, _)| former);
        let Some(at) = there.place(name) else {
            continue;
        };
        let found = &there.0[usize::try_from(at).unwrap_or_default()];
        let renamed = are_known && !is_named(name) && !is_closed(name);
        let moved = column.place.is_some_and(|was| at > was);
        let blank = found.default.as_deref().unwrap_or("NULL").to_owned();
        let is_other = renamed || moved || unwatched && is_blank(connection, table, name, &blank)?;
        if !is_other {
            continue;
        }
        let wanted = column.form().sql_type();
        if !found.ty.eq_ignore_ascii_case(wanted) {
            return Err(failed(format!(
                "column {name:?} of {} is another one than sync made, of type {:?} instead of {wanted}; drop \
                 it and add it again: ALTER TABLE {} ADD COLUMN {} {wanted}",
                table.name,
                found.ty,
                table.quoted(),
                quote(name),
            )));
        }
        replaced.push(Replaced {
            column,
            name,
            renamed,
            blank,
            takes_null: found.takes_null,
        });
    }
    Ok(replaced)
}

fn is_blank(connection: &Connection, table: &Table, name: &str, blank: &str) -> Result<bool> {
    let (quoted, name) = (table.quoted(), quote(name));
    let sql = format!("SELECT 1 FROM {quoted} WHERE {name} IS NOT ({blank})");
    Ok(!connection.prepare(&sql)?.exists([])?)
}

/// Writes what stood there into the cells that nobody wrote. What was noted as an edit stays one.
pub(super) fn fill(
    connection: &Connection,
    table: &Table,
    link: i64,
    replaced: &[Replaced<'_>],
) -> Result<()> {
    if replaced.is_empty() {
        return Ok(());
    }
    let watched = has_foreign_triggers(connection, table)?;
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
            gather(&mut cells, &mut Stored::from_row(row)?, table, replaced)?;
        }
        drop(rows);
        in_private(connection, watched, || {
            write(connection, table, replaced, &cells)
        })?;
        if read < AT_ONCE {
            break;
        }
    }
    // Edits that waited in the former column wait no more.
    for replaced in replaced {
        connection.execute(
            "INSERT INTO _sync_capture(tbl, row, col)
             SELECT tbl, row, col FROM _sync_pending WHERE tbl = ?1 AND col = ?2",
            (&table.name, replaced.name),
        )?;
    }
    Ok(())
}

/// The cells of one pair's row, each with the column's place among those that are filled.
fn gather(
    cells: &mut Vec<(usize, i64, Sql)>,
    pair: &mut Stored,
    table: &Table,
    replaced: &[Replaced<'_>],
) -> Result<()> {
    let side = table.source.other();
    let Some(row) = pair.key(side).and_then(row_of) else {
        return Ok(());
    };
    for (at, replaced) in replaced.iter().enumerate() {
        let column = replaced.column;
        // What is only shown is never read here: it is what the source has.
        let (side, id) = match column.projected() {
            true => (table.source, &column.field),
            false => (side, &column.id),
        };
        let record = pair.shadow(side)?;
        let value = record.and_then(|record| record.cells.complete(id));
        if let Some(Ok(sql)) = value.map(|value| column.encode(value))
            && (sql != Sql::Null || replaced.takes_null)
        {
            cells.push((at, row, sql));
        }
    }
    Ok(())
}

fn write(
    connection: &Connection,
    table: &Table,
    replaced: &[Replaced<'_>],
    cells: &[(usize, i64, Sql)],
) -> Result<()> {
    let quoted = table.quoted();
    let update = |replaced: &Replaced<'_>| {
        let (name, blank) = (quote(replaced.name), &replaced.blank);
        let mut sql =
            format!("UPDATE {quoted} SET {name} = ?2 WHERE _row = ?1 AND {name} IS ({blank})");
        if !replaced.renamed {
            sql.push_str(&format!(
                " AND NOT EXISTS (SELECT 1 FROM _sync_pending e
                   WHERE e.tbl = {} AND e.row = ?1 AND e.col = {})",
                literal(&table.name),
                literal(replaced.name)
            ));
        }
        sql
    };
    let updates: Vec<String> = replaced.iter().map(update).collect();
    for (at, row, sql) in cells {
        connection
            .prepare_cached(&updates[*at])?
            .execute((row, sql))?;
    }
    Ok(())
}
