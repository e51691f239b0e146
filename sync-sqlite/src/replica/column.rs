//! A column of a replica table: which field it follows, how it holds values, who edits it.

use notion_sync_core::link::{Lens, Side};
use notion_sync_core::port::PlaceId;
use notion_sync_core::schema::{Access, Field, FieldId, FieldType, Limits, Relation};
use notion_sync_core::value::{DatePrecision, Value};
use rusqlite::types::Value as Sql;

use super::cells::{Form, WrongKind, encode, show};
use super::names::{literal, quote};

/// A column of a replica table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// What it is known by for its whole life: its first name, as the id of a field.
    pub(crate) id: FieldId,
    /// The source's field.
    pub(crate) field: FieldId,
    /// What the source calls it now.
    pub(crate) label: String,
    /// Name of the field's type.
    pub(crate) kind: String,
    /// Why nobody edits it here, as in "Total is … and cannot be edited"; it then only shows what the
    /// source has.
    pub(crate) closed: Option<String>,
    /// The largest values that the source takes.
    pub(crate) limits: Limits,
    /// The table of this file whose rows it refers to.
    pub(crate) target: Option<String>,
    /// Whether the source still has the field.
    pub(crate) mapped: bool,
    /// Whether the file has it.
    pub(crate) exists: bool,
    /// Where among the columns of the file's table it stood when that was last laid out.
    pub(crate) place: Option<i64>,
}

impl Column {
    /// How it holds its values.
    pub(crate) fn form(&self) -> Form {
        form_of(&self.kind)
    }

    /// Whether it only shows what the source has.
    pub(crate) fn projected(&self) -> bool {
        self.closed.is_some()
    }

    /// Whether it is the text of the row, which stands in a table of its own.
    pub(crate) fn is_body(&self) -> bool {
        self.kind == "body"
    }

    /// What reads its value of a row of `table`, where `_row` is that row's number.
    pub(crate) fn expression(&self, table: &str) -> String {
        if self.is_body() {
            let table = literal(table);
            return format!(
                "(SELECT b.markdown FROM _sync_bodies b WHERE b.tbl = {table} AND b.row = _row)"
            );
        }
        quote(&self.name)
    }

    /// A value as it is written here.
    pub(crate) fn encode(&self, value: &Value) -> Result<Sql, WrongKind> {
        if self.projected() {
            return Ok(show(value));
        }
        encode(self.form(), value)
    }

    /// What the column holds, as a peer tells it. One that only shows something holds no type of its
    /// own: it does not become another field when its source is understood better.
    pub(crate) fn field_type(&self) -> FieldType {
        if self.projected() {
            let kind = self.kind.strip_prefix("other:").unwrap_or(&self.kind);
            return FieldType::Other(format!("other:{kind}"));
        }
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
            "people" => FieldType::People,
            "files" => FieldType::Files,
            "place" => FieldType::Place,
            "verification" => FieldType::Verification,
            "body" => FieldType::Body,
            "relation" => match &self.target {
                Some(table) => FieldType::Relation(Relation {
                    target: place_of(table),
                    mirror: None,
                }),
                None => FieldType::Other(self.kind.clone()),
            },
            other => FieldType::Other(other.to_owned()),
        }
    }

    /// How it agrees with its field at the source, which stands on `source`.
    pub(crate) fn lens(&self, source: Side) -> Lens {
        if self.projected() {
            return Lens::Projection { from: source };
        }
        match self.kind.as_str() {
            "title" | "rich_text" => Lens::Words { rich: source },
            "checkbox" => Lens::Checkbox,
            "select" | "status" => Lens::Choice,
            "multi_select" => Lens::Choices,
            // As fine as Notion keeps them; the table keeps the seconds a person wrote.
            "date" => Lens::Date {
                precision: DatePrecision::Minute,
            },
            "relation" => Lens::References,
            "people" | "files" => Lens::Shared,
            "body" => Lens::Body,
            // The table keeps the digits a person wrote.
            "number" if self.limits.floats => Lens::Float { on: source },
            _ => Lens::Identity,
        }
    }
}

/// A table as a place.
pub(crate) fn place_of(table: &str) -> PlaceId {
    PlaceId::new(format!("sqlite:{table}"))
}

/// The word a field's kind is stored by: computed and unknown kinds only have values to show, and
/// lists keep their shape whoever may edit them.
pub(crate) fn kind_of(field: &Field) -> String {
    match (&field.access, &field.ty) {
        (
            _,
            FieldType::Relation(_)
            | FieldType::People
            | FieldType::Files
            | FieldType::Place
            | FieldType::Verification
            | FieldType::Body,
        ) => field.ty.name().to_owned(),
        (Access::Writable, FieldType::Other(name)) => format!("other:{name}"),
        (Access::Writable, ty) => ty.name().to_owned(),
        (_, ty) => format!("other:{}", ty.name()),
    }
}

/// How a kind holds its values.
pub(crate) fn form_of(kind: &str) -> Form {
    match kind {
        "title" | "rich_text" | "text" | "url" | "email" | "phone_number" | "body" => Form::Text,
        "number" => Form::Number,
        "checkbox" => Form::Checkbox,
        "select" | "status" => Form::Choice,
        "multi_select" => Form::Choices,
        "date" => Form::Date,
        // With "other:" in files from before they could be edited, and where nobody ever does.
        "relation" | "other:relation" => Form::References,
        "people" | "other:people" | "other:created_by" | "other:last_edited_by" => Form::People,
        "files" | "other:files" => Form::Files,
        "place" | "other:place" => Form::Place,
        "verification" | "other:verification" => Form::Verification,
        _ => Form::Any,
    }
}
