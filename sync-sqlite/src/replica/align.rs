//! Laying a table out after a source's schema, and making it so.

use notion_sync_core::link::{LinkId, Side};
use notion_sync_core::schema::{Access, FieldId, FieldType, Schema};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::names::{FIXED, column_name, quote, same, table_name};
use super::table::{Cache, Column, Table, form_of, kind_of};
use super::triggers;
use crate::database::Database;
use crate::error::{Result, failed};
use crate::links;
use crate::read::side_text;
use crate::views;

/// What a table is aligned with.
pub(crate) struct Ask {
    pub(crate) link: LinkId,
    pub(crate) side: Side,
    pub(crate) source_name: String,
    pub(crate) schema: Schema,
    pub(crate) marker: Option<FieldId>,
}

/// Lays the table out; with `write`, makes it.
pub(crate) fn align(database: &mut Database, ask: &Ask, write: bool) -> Result<Table> {
    let reserved: Vec<String> = database
        .planned
        .iter()
        .filter(|(link, _)| **link != ask.link)
        .map(|(_, table)| table.name.clone())
        .collect();
    if !write {
        let table = lay_out(database.reader()?.map(|reader| &*reader), ask, &reserved)?;
        database.planned.insert(ask.link.clone(), table.clone());
        return Ok(table);
    }
    let transaction = database
        .writer()?
        .transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut table = lay_out(Some(&transaction), ask, &reserved)?;
    make(&transaction, &table, ask)?;
    views::rebuild(&transaction)?;
    transaction.commit()?;
    database.planned.remove(&ask.link);
    table.exists = true;
    for column in &mut table.columns {
        column.exists = true;
    }
    table.cache = Cache::default();
    Ok(table)
}

fn lay_out(connection: Option<&Connection>, ask: &Ask, reserved: &[String]) -> Result<Table> {
    let stored = match connection {
        Some(connection) => Table::load(connection, &ask.link)?,
        None => None,
    };
    let mut table = match stored {
        Some(stored) => stored,
        None => Table {
            name: choose_name(connection, &ask.schema.title, reserved)?,
            source: ask.side,
            exists: false,
            columns: Vec::new(),
            cache: Cache::default(),
        },
    };
    let there = match connection {
        Some(connection) if table.exists => column_names(connection, &table.name)?,
        _ => Vec::new(),
    };
    for column in &mut table.columns {
        column.mapped = false;
    }
    for field in &ask.schema.fields {
        let fixed = FIXED.contains(&field.id.as_str());
        let kind = kind_of(field);
        let projected = fixed
            || field.access != Access::Writable
            || matches!(field.ty, FieldType::Other(_))
            || ask.marker.as_ref() == Some(&field.id);
        let kept = table
            .columns
            .iter_mut()
            .rev()
            // Only the newest column of a field: an older one holds values from before a retype.
            .find(|column| column.field == field.id)
            .filter(|column| column.form().is_like(form_of(&kind)));
        match kept {
            Some(column) => {
                column.label.clone_from(&field.name);
                column.kind = kind;
                column.projected = projected;
                column.mapped = true;
            }
            None => {
                // A column that a person added is theirs.
                let taken = |name: &str| {
                    table.columns.iter().any(|column| same(&column.name, name))
                        || there.iter().any(|column| same(column, name))
                };
                let name = if fixed {
                    field.id.to_string()
                } else {
                    column_name(&field.name, taken)
                };
                table.columns.push(Column {
                    id: FieldId::new(name.as_str()),
                    name,
                    field: field.id.clone(),
                    label: field.name.clone(),
                    kind,
                    projected,
                    mapped: true,
                    exists: fixed && table.exists,
                });
            }
        }
    }
    Ok(table)
}

fn choose_name(
    connection: Option<&Connection>,
    title: &str,
    reserved: &[String],
) -> Result<String> {
    let mut taken: Vec<String> = reserved.to_vec();
    if let Some(connection) = connection {
        let mut statement = connection.prepare_cached("SELECT name FROM sqlite_master")?;
        for name in statement.query_map([], |row| row.get(0))? {
            taken.push(name?);
        }
    }
    Ok(table_name(title, |name| {
        taken.iter().any(|there| same(there, name))
    }))
}

fn make(connection: &Connection, table: &Table, ask: &Ask) -> Result<()> {
    let link = links::load_or_create(connection, &ask.link)?;
    let is_there = connection
        .query_row(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
            [&table.name],
            |_| Ok(()),
        )
        .optional()?
        .is_some();
    if is_there {
        refuse_unique_indexes(connection, table)?;
        add_columns(connection, table)?;
    } else if table.exists {
        // Made anew it would hand out row numbers that already stand for other records.
        return Err(failed(format!(
            "the table {} was dropped or renamed by hand; name it back, restore the file, or start \
             with a new one",
            table.name
        )));
    } else {
        connection.execute_batch(&create_sql(table))?;
    }
    remember(connection, link.id, table)?;
    triggers::rebuild(connection, table, &ask.source_name)
}

fn own_columns(table: &Table) -> impl Iterator<Item = &Column> {
    table
        .columns
        .iter()
        .filter(|column| !FIXED.contains(&column.name.as_str()))
}

fn create_sql(table: &Table) -> String {
    let mut sql = format!(
        "CREATE TABLE {} (\n  _id TEXT UNIQUE,\n  _url TEXT,\n  _trashed INTEGER NOT NULL DEFAULT 0,\n  \
         _created TEXT,\n  _edited TEXT,\n",
        table.quoted()
    );
    for column in own_columns(table) {
        sql.push_str(&format!(
            "  {} {},\n",
            quote(&column.name),
            column.form().sql_type()
        ));
    }
    sql.push_str("  _row INTEGER PRIMARY KEY AUTOINCREMENT\n) STRICT");
    sql
}

pub(crate) fn column_names(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// A unique index makes `INSERT OR REPLACE` delete rows that no trigger sees.
fn refuse_unique_indexes(connection: &Connection, table: &Table) -> Result<()> {
    let found: Option<String> = connection
        .prepare("SELECT name FROM pragma_index_list(?1) WHERE \"unique\" AND origin = 'c'")?
        .query_row([&table.name], |row| row.get(0))
        .optional()?;
    match found {
        None => Ok(()),
        Some(index) => Err(failed(format!(
            "the index {index} on {} is UNIQUE, and INSERT OR REPLACE would delete rows unseen; \
             use a plain index",
            table.name
        ))),
    }
}

fn add_columns(connection: &Connection, table: &Table) -> Result<()> {
    let there = column_names(connection, &table.name)?;
    for column in &table.columns {
        if there.iter().any(|name| same(name, &column.name)) {
            continue;
        }
        if column.exists && column.mapped {
            // An empty column in its place would look like an edit that clears every value.
            return Err(failed(format!(
                "column {:?} of {} was renamed or dropped by hand; name it back",
                column.name, table.name
            )));
        }
        if !column.exists {
            connection.execute_batch(&format!(
                "ALTER TABLE {} ADD COLUMN {} {}",
                table.quoted(),
                quote(&column.name),
                column.form().sql_type()
            ))?;
        }
    }
    Ok(())
}

fn remember(connection: &Connection, link: i64, table: &Table) -> Result<()> {
    connection.execute(
        "INSERT INTO _sync_tables(name, link, source) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO NOTHING",
        (&table.name, link, side_text(table.source)),
    )?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO _sync_columns(tbl, position, name, field, label, kind, projected, mapped)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (tbl, name) DO UPDATE SET position = excluded.position,
           label = excluded.label, kind = excluded.kind, projected = excluded.projected,
           mapped = excluded.mapped
         WHERE (position, label, kind, projected, mapped) IS NOT
           (excluded.position, excluded.label, excluded.kind, excluded.projected, excluded.mapped)",
    )?;
    for (position, column) in table.columns.iter().enumerate() {
        statement.execute((
            &table.name,
            i64::try_from(position).unwrap_or(i64::MAX),
            &column.name,
            column.field.as_str(),
            &column.label,
            &column.kind,
            column.projected,
            column.mapped,
        ))?;
    }
    Ok(())
}
