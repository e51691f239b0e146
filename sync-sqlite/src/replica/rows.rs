//! Rows as records.

use notion_sync_core::port::FieldSet;
use notion_sync_core::record::{Cell, Key, Lifecycle, Record};
use notion_sync_core::schema::FieldId;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row};

use super::cells::decode;
use super::table::Table;
use crate::error::Result;

/// The row a key stands for.
pub(crate) fn row_of(key: &Key) -> Option<i64> {
    match key {
        Key::Durable(text) => text.parse().ok(),
        Key::Provisional(_) => None,
    }
}

/// The key of a row.
pub(crate) fn key_of(row: i64) -> Key {
    Key::durable(row.to_string())
}

/// `SELECT` of what [`read`] reads, without conditions.
pub(crate) fn select(table: &Table) -> String {
    let mut sql = "SELECT _row, _trashed".to_owned();
    for (_, column) in (table.in_order()).filter(|(_, column)| !column.projected()) {
        sql.push_str(", ");
        if column.exists {
            sql.push_str(&column.expression(&table.name));
        } else {
            sql.push_str("NULL");
        }
    }
    sql.push_str(" FROM ");
    sql.push_str(&table.quoted());
    sql
}

/// Reads a row of [`select`].
pub(crate) fn read(table: &Table, fields: &FieldSet, row: &Row<'_>) -> rusqlite::Result<Record> {
    let mut at = 2;
    let mut cells = Vec::with_capacity(table.columns.len());
    for (_, column) in table.in_order() {
        let mut cell = Cell::Unread;
        if !column.projected() {
            let wanted = match fields {
                FieldSet::All => true,
                FieldSet::Only(ids) => ids.contains(&column.id),
            };
            if wanted {
                cell = decode(column.form(), row.get_ref(at)?);
            }
            at += 1;
        }
        cells.push((column.id.clone(), cell));
    }
    let lifecycle = match row.get(1)? {
        0_i64 => Lifecycle::Live,
        _ => Lifecycle::Trashed,
    };
    Ok(as_record(row.get(0)?, lifecycle, cells))
}

/// A live row as it reads once these values are written to it: one for each column of the table, in
/// their order. A STRICT table keeps what [`encode`](super::cells::encode) makes as it is.
pub(crate) fn of_values(table: &Table, row: i64, values: &[Sql]) -> Record {
    let cells = table.in_order().map(|(at, column)| {
        let cell = match column.projected() {
            true => Cell::Unread,
            false => decode(column.form(), (&values[at]).into()),
        };
        (column.id.clone(), cell)
    });
    as_record(row, Lifecycle::Live, cells)
}

fn as_record(
    row: i64,
    lifecycle: Lifecycle,
    cells: impl IntoIterator<Item = (FieldId, Cell)>,
) -> Record {
    Record {
        key: key_of(row),
        lifecycle,
        version: None,
        edited_at: None,
        rank: None,
        cells: cells.into_iter().collect(),
    }
}

/// One record, whole.
pub(crate) fn record(connection: &Connection, table: &Table, row: i64) -> Result<Option<Record>> {
    if !table.exists {
        return Ok(None);
    }
    let sql = table
        .cache
        .read_sql
        .get_or_init(|| format!("{} WHERE _row = ?1", select(table)));
    Ok(connection
        .prepare_cached(sql)?
        .query_row([row], |row| read(table, &FieldSet::All, row))
        .optional()?)
}
