//! The layout of a replica table as it is stored, and what follows from it for a link.

use std::sync::OnceLock;

use notion_sync_core::link::{LinkId, MappedField, Mapping, Side, Sides};
use notion_sync_core::port::PlaceId;
use notion_sync_core::schema::{Access, Field, FieldId, Limits, Schema};
use rusqlite::{Connection, OptionalExtension};

use super::align::column_names;
use super::column::{Column, place_of};
use super::names::{quote, same};
use crate::error::{Fault, Result, failed};
use crate::read::side_from;

/// A replica table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// The side the source stands on.
    pub(crate) source: Side,
    /// Whether the file has it.
    pub(crate) exists: bool,
    /// Whether the file's table has a column `_state`.
    pub(crate) stateful: bool,
    /// Whether options may be written that the source does not offer yet.
    pub(crate) any_option: bool,
    /// Why rows are neither added nor put away here, if they are not.
    pub(crate) fixed_rows: Option<String>,
    /// Columns of source fields, those that left the mapping included.
    pub(crate) columns: Vec<Column>,
    /// Worked out once, used for every row of a commit.
    pub(crate) cache: Cache,
}

/// What follows from a table's columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cache {
    /// The statement that reads one row.
    pub(crate) read_sql: OnceLock<String>,
    /// Places of the mapped columns in [`Table::columns`], in the order of their ids.
    order: OnceLock<Vec<usize>>,
}

/// What helps where a table is remembered and not there.
pub(crate) fn gone(table: &str) -> Fault {
    failed(format!(
        "the table {table} was dropped or renamed by hand; name it back or restore a backup, or, where it \
         is gone for good, `notion-sync forget --table {table} --yes` and sync the data source again"
    ))
}

impl Table {
    /// Reads the layout of a link's table.
    pub(crate) fn load(connection: &Connection, link: &LinkId) -> Result<Option<Self>> {
        let found = connection
            .prepare_cached(
                "SELECT t.name, t.source, t.stateful, t.any_option, t.fixed_rows
                 FROM _sync_tables t JOIN _sync_links l ON l.id = t.link WHERE l.name = ?1",
            )?
            .query_row([link.as_str()], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            })
            .optional()?;
        let Some((name, source, stateful, any_option, fixed_rows)) = found else {
            return Ok(None);
        };
        Ok(Some(Self {
            source: side_from(&source)?,
            exists: true,
            stateful,
            any_option,
            fixed_rows,
            columns: Self::load_columns(connection, &name)?,
            cache: Cache::default(),
            name,
        }))
    }

    fn load_columns(connection: &Connection, table: &str) -> Result<Vec<Column>> {
        let mut statement = connection.prepare_cached(
            "SELECT name, id, field, label, kind, iif(projected, coalesce(reason, ''), NULL),
               limits, target, mapped, place FROM _sync_columns WHERE tbl = ?1 ORDER BY position",
        )?;
        let mut rows = statement.query([table])?;
        let mut columns = Vec::new();
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            let id: Option<String> = row.get(1)?;
            let limits: Option<String> = row.get(6)?;
            columns.push(Column {
                id: FieldId::new(id.as_deref().unwrap_or(&name)),
                name,
                field: FieldId::new(row.get::<_, String>(2)?),
                label: row.get(3)?,
                kind: row.get(4)?,
                closed: row.get(5)?,
                limits: match limits {
                    Some(json) => serde_json::from_str(&json)?,
                    None => Limits::default(),
                },
                target: row.get(7)?,
                mapped: row.get(8)?,
                exists: true,
                place: row.get(9)?,
            });
        }
        Ok(columns)
    }

    /// Columns without which no row is told from another or its edits noted, and that are not among those
    /// that are there.
    pub(crate) fn lost(&self, there: &[String]) -> impl Iterator<Item = &'static str> {
        let state = self.stateful.then_some("_state");
        let needed = ["_id", "_trashed", "_row"].into_iter().chain(state);
        needed.filter(|name| !there.iter().any(|there| same(there, name)))
    }

    /// Leaves out columns that a person dropped or renamed, and answers their names: a statement that names
    /// one fails. `None` where the table itself is gone, or a column that every table has.
    pub(crate) fn leave_out_gone(
        &mut self,
        connection: &Connection,
    ) -> Result<Option<Vec<String>>> {
        let there = column_names(connection, &self.name)?;
        if self.lost(&there).next().is_some() {
            return Ok(None);
        }
        let is_there = |name: &str| there.iter().any(|there| same(there, name));
        let (kept, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.columns)
            .into_iter()
            .partition(|column| column.is_body() || is_there(&column.name));
        self.columns = kept;
        self.cache = Cache::default();
        Ok(Some(gone.into_iter().map(|column| column.name).collect()))
    }

    /// The table as a place.
    pub(crate) fn place(&self) -> PlaceId {
        place_of(&self.name)
    }

    /// The name in SQL.
    pub(crate) fn quoted(&self) -> String {
        quote(&self.name)
    }

    /// Columns that follow a field.
    pub(crate) fn mapped(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.mapped)
    }

    /// Mapped columns that stand in the table itself.
    pub(crate) fn own(&self) -> impl Iterator<Item = &Column> {
        self.mapped().filter(|column| !column.is_body())
    }

    /// The mapped column with this id.
    pub(crate) fn column(&self, id: &FieldId) -> Option<&Column> {
        Some(&self.columns[self.place_of(id)?])
    }

    /// Where in [`Table::columns`] the mapped column with this id stands.
    pub(crate) fn place_of(&self, id: &FieldId) -> Option<usize> {
        let order = self.order();
        let found = order.binary_search_by(|at| self.columns[*at].id.cmp(id));
        found.ok().map(|at| order[at])
    }

    /// Mapped columns in the order of their ids, which is that of a record's cells, each with its
    /// place in [`Table::columns`].
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.order().iter().map(|at| (*at, &self.columns[*at]))
    }

    fn order(&self) -> &[usize] {
        self.cache.order.get_or_init(|| {
            let columns = self.columns.iter().enumerate();
            let mapped = columns.filter(|(_, column)| column.mapped);
            let mut order: Vec<usize> = mapped.map(|(at, _)| at).collect();
            order.sort_by_key(|at| &self.columns[*at].id);
            order
        })
    }

    /// The column with the records' titles.
    pub(crate) fn title(&self) -> Option<&Column> {
        self.mapped().find(|column| column.kind == "title")
    }

    /// The name of the pair of fields a column is in: always the left side's.
    pub(crate) fn pair_of_fields<'a>(&self, column: &'a Column) -> &'a FieldId {
        match self.source {
            Side::Left => &column.field,
            Side::Right => &column.id,
        }
    }

    /// Which field is which column, and how they agree.
    pub(crate) fn mapping(&self, schema: &Schema, marker: Option<&FieldId>) -> Mapping {
        let sided = |source, table| match self.source {
            Side::Left => Sides::new(source, table),
            Side::Right => Sides::new(table, source),
        };
        let fields = schema
            .fields
            .iter()
            .filter_map(|field| {
                let column = self.mapped().find(|column| column.field == field.id)?;
                let ids = sided(field.id.clone(), column.id.clone());
                Some(MappedField::new(ids, column.lens(self.source)))
            })
            .collect();
        Mapping {
            fields,
            markers: match self.source {
                Side::Left => Sides::new(marker.cloned(), None),
                Side::Right => Sides::new(None, marker.cloned()),
            },
            ..Mapping::default()
        }
    }

    /// The columns as a schema.
    pub(crate) fn schema(&self) -> Schema {
        Schema {
            title: self.name.clone(),
            fields: self
                .mapped()
                .map(|column| Field {
                    id: column.id.clone(),
                    name: column.name.clone(),
                    ty: column.field_type(),
                    access: if column.projected() {
                        Access::Computed
                    } else {
                        Access::Writable
                    },
                    limits: Limits::default(),
                })
                .collect(),
        }
    }
}
