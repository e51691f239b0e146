//! The layout of a replica table: columns, what they hold, which field they follow.

use std::collections::HashMap;
use std::sync::OnceLock;

use notion_sync_core::link::{Lens, LinkId, MappedField, Mapping, Side, Sides};
use notion_sync_core::port::PlaceId;
use notion_sync_core::schema::{Access, Field, FieldId, FieldType, Limits, Schema};
use notion_sync_core::value::{DatePrecision, Value};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension};

use super::cells::{Form, WrongKind, encode};
use super::names::quote;
use crate::error::Result;
use crate::read::side_from;

/// A replica table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// The side the source stands on.
    pub(crate) source: Side,
    /// Whether the file has it.
    pub(crate) exists: bool,
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
    /// The statement that inserts a row with all mapped columns.
    pub(crate) insert_sql: OnceLock<String>,
    /// Places of the mapped columns in [`Table::columns`], by id.
    places: OnceLock<HashMap<FieldId, usize>>,
}

/// A column of a replica table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The name as the id of a field.
    pub(crate) id: FieldId,
    /// The source's field.
    pub(crate) field: FieldId,
    /// What the source calls it now.
    pub(crate) label: String,
    /// Name of the field's type.
    pub(crate) kind: String,
    /// Whether it shows what the source computes.
    pub(crate) projected: bool,
    /// Whether the source still has the field.
    pub(crate) mapped: bool,
    /// Whether the file has it.
    pub(crate) exists: bool,
}

impl Column {
    /// How it holds its values.
    pub(crate) fn form(&self) -> Form {
        form_of(&self.kind)
    }

    /// A value as it is written here.
    pub(crate) fn encode(&self, value: &Value) -> std::result::Result<Sql, WrongKind> {
        let form = if self.projected {
            Form::Any
        } else {
            self.form()
        };
        encode(form, value)
    }

    fn field_type(&self) -> FieldType {
        match self.kind.as_str() {
            "title" => FieldType::Title,
            "rich_text" | "text" => FieldType::Text,
            "number" => FieldType::Number,
            "checkbox" => FieldType::Checkbox,
            "select" => FieldType::Select(Vec::new()),
            "status" => FieldType::Status(Vec::new()),
            "multi_select" => FieldType::MultiSelect(Vec::new()),
            "date" => FieldType::Date,
            "url" => FieldType::Url,
            "email" => FieldType::Email,
            "phone_number" => FieldType::Phone,
            other => FieldType::Other(other.to_owned()),
        }
    }
}

/// The word a field's kind is stored by: computed and unknown kinds only have values to show.
pub(crate) fn kind_of(field: &Field) -> String {
    match (&field.access, &field.ty) {
        (Access::Writable, FieldType::Other(name)) => format!("other:{name}"),
        (Access::Writable, ty) => ty.name().to_owned(),
        (_, ty) => format!("other:{}", ty.name()),
    }
}

/// How a kind holds its values.
pub(crate) fn form_of(kind: &str) -> Form {
    match kind {
        "title" | "rich_text" | "text" | "url" | "email" | "phone_number" => Form::Text,
        "number" => Form::Number,
        "checkbox" => Form::Checkbox,
        "select" | "status" => Form::Choice,
        "multi_select" => Form::Choices,
        "date" => Form::Date,
        _ => Form::Any,
    }
}

impl Table {
    /// Reads the layout of a link's table.
    pub(crate) fn load(connection: &Connection, link: &LinkId) -> Result<Option<Self>> {
        let found: Option<(String, String)> = connection
            .prepare_cached(
                "SELECT t.name, t.source FROM _sync_tables t JOIN _sync_links l ON l.id = t.link
                 WHERE l.name = ?1",
            )?
            .query_row([link.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((name, source)) = found else {
            return Ok(None);
        };
        let columns = connection
            .prepare_cached(
                "SELECT name, field, label, kind, projected, mapped FROM _sync_columns
                 WHERE tbl = ?1 ORDER BY position",
            )?
            .query_map([&name], |row| {
                let name: String = row.get(0)?;
                Ok(Column {
                    id: FieldId::new(name.as_str()),
                    name,
                    field: FieldId::new(row.get::<_, String>(1)?),
                    label: row.get(2)?,
                    kind: row.get(3)?,
                    projected: row.get(4)?,
                    mapped: row.get(5)?,
                    exists: true,
                })
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Some(Self {
            name,
            source: side_from(&source)?,
            exists: true,
            columns,
            cache: Cache::default(),
        }))
    }

    /// The table as a place.
    pub(crate) fn place(&self) -> PlaceId {
        PlaceId::new(format!("sqlite:{}", self.name))
    }

    /// The name in SQL.
    pub(crate) fn quoted(&self) -> String {
        quote(&self.name)
    }

    /// Columns that follow a field.
    pub(crate) fn mapped(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.mapped)
    }

    /// The mapped column with this id.
    pub(crate) fn column(&self, id: &FieldId) -> Option<&Column> {
        Some(&self.columns[self.place_of(id)?])
    }

    /// Where in [`Table::columns`] the mapped column with this id stands.
    pub(crate) fn place_of(&self, id: &FieldId) -> Option<usize> {
        let places = self.cache.places.get_or_init(|| {
            let columns = self.columns.iter().enumerate();
            let mapped = columns.filter(|(_, column)| column.mapped);
            mapped.map(|(at, column)| (column.id.clone(), at)).collect()
        });
        places.get(id).copied()
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
                Some(MappedField::new(ids, self.lens(column)))
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
                    access: if column.projected {
                        Access::Computed
                    } else {
                        Access::Writable
                    },
                    limits: Limits::default(),
                })
                .collect(),
        }
    }

    fn lens(&self, column: &Column) -> Lens {
        if column.projected {
            return Lens::Projection { from: self.source };
        }
        match column.kind.as_str() {
            "title" | "rich_text" => Lens::Words { rich: self.source },
            "checkbox" => Lens::Checkbox,
            "select" | "status" => Lens::Choice,
            "multi_select" => Lens::Choices,
            // As fine as Notion keeps them; the table keeps the seconds a person wrote.
            "date" => Lens::Date {
                precision: DatePrecision::Minute,
            },
            _ => Lens::Identity,
        }
    }
}
