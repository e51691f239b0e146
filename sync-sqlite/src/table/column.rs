//! What a column of somebody else's table holds: its type, its values into SQL and back.

use notion_sync_core::record::Cell;
use notion_sync_core::schema::{Access, Field, FieldId, FieldType, Limits};
use notion_sync_core::value::{DatePoint, DateValue, Json, Value};
use rusqlite::types::{Value as Sql, ValueRef};

use crate::replica::{Form, WrongKind, decode, encode};

/// A column as a field.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// The name as the id of a field.
    pub(super) id: FieldId,
    pub(super) ty: FieldType,
    pub(super) access: Access,
    pub(super) form: TableForm,
    pub(super) not_null: bool,
    /// Whether it keeps numbers as 64-bit floats, whatever is written.
    pub(super) real: bool,
    /// Where in the key it stands.
    pub(super) key: Option<usize>,
    /// Whether SQLite gives it a value where an INSERT does not name it.
    pub(super) given: bool,
}

/// How a column holds its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableForm {
    /// As a replica's column does.
    Plain(Form),
    /// One date: ISO 8601, or as SQLite writes it, in UTC.
    Date,
    /// A JSON document as text.
    Json,
    /// A JSON array of texts.
    List,
    /// Nothing that is read or written.
    Opaque,
}

/// The affinity SQLite gives a column, by the words of its declared type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

impl Affinity {
    /// The rules of "Datatypes in SQLite", 3.1, in their order.
    pub(super) fn of(declared: &str) -> Self {
        let declared = declared.to_ascii_uppercase();
        let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
        if has(&["INT"]) {
            Self::Integer
        } else if has(&["CHAR", "CLOB", "TEXT"]) {
            Self::Text
        } else if declared.is_empty() || has(&["BLOB"]) {
            Self::Blob
        } else if has(&["REAL", "FLOA", "DOUB"]) {
            Self::Real
        } else {
            Self::Numeric
        }
    }
}

/// What a column holds by the words of its declared type; `None` if they do not tell.
pub(super) fn type_of(declared: &str) -> Option<FieldType> {
    let upper = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| upper.contains(word));
    if has(&["BOOL"]) {
        return Some(FieldType::Checkbox);
    }
    if has(&["DATE", "TIMESTAMP"]) {
        return Some(FieldType::Date);
    }
    if has(&["JSON"]) {
        return Some(FieldType::Json);
    }
    if has(&["UUID"]) {
        return Some(FieldType::Uuid);
    }
    match Affinity::of(declared) {
        Affinity::Integer | Affinity::Real => Some(FieldType::Number),
        Affinity::Text => Some(FieldType::Text),
        Affinity::Numeric if has(&["NUM", "DEC"]) => Some(FieldType::Number),
        Affinity::Numeric | Affinity::Blob => None,
    }
}

impl TableForm {
    /// How values of a type are held; `None` for types that no column holds.
    pub(super) fn of(ty: &FieldType) -> Option<Self> {
        Some(match ty {
            FieldType::Text
            | FieldType::Url
            | FieldType::Email
            | FieldType::Phone
            | FieldType::Uuid => Self::Plain(Form::Text),
            FieldType::Number => Self::Plain(Form::Number),
            FieldType::Checkbox => Self::Plain(Form::Checkbox),
            FieldType::Select(_) | FieldType::Status(_) => Self::Plain(Form::Choice),
            FieldType::MultiSelect(_) => Self::Plain(Form::Choices),
            FieldType::Date => Self::Date,
            FieldType::Json => Self::Json,
            FieldType::List => Self::List,
            _ => return None,
        })
    }

    /// Whether rows that hold a value can be searched for by what [`Column::encode`] writes.
    pub(super) fn is_searchable(self) -> bool {
        matches!(self, Self::Plain(Form::Text | Form::Choice | Form::Number))
    }
}

impl Column {
    /// The column as a field.
    pub(super) fn field(&self) -> Field {
        Field {
            id: self.id.clone(),
            name: self.name.clone(),
            ty: self.ty.clone(),
            access: self.access,
            limits: Limits::default(),
        }
    }

    /// A value as it is written.
    pub(super) fn encode(&self, value: &Value) -> Result<Sql, WrongKind> {
        let sql = match (self.form, value) {
            (TableForm::Plain(form), value) => encode(form, value)?,
            (_, Value::Empty) => Sql::Null,
            (TableForm::Date, Value::Date(date)) => Sql::Text(date_text(date)?),
            (TableForm::Json, Value::Json(json)) => Sql::Text(json.to_string()),
            (TableForm::List, Value::List(texts)) => {
                Sql::Text(serde_json::Value::from(texts.as_slice()).to_string())
            }
            (TableForm::Date, _) => return Err(WrongKind("date")),
            (TableForm::Json, _) => return Err(WrongKind("JSON document")),
            (TableForm::List, _) => return Err(WrongKind("list of texts")),
            (TableForm::Opaque, _) => return Err(WrongKind("value nobody here understands")),
        };
        self.fit(sql)
    }

    /// What SQLite would change on the way in is refused instead, and what a column may not hold as
    /// NULL is held as the empty value of its kind, where it has one.
    fn fit(&self, sql: Sql) -> Result<Sql, WrongKind> {
        let exact = WrongKind("number of at most 64 bits");
        Ok(match (self.form, sql) {
            (TableForm::Plain(Form::Number), Sql::Text(_)) => return Err(exact),
            (TableForm::Plain(Form::Number), Sql::Integer(integer)) if self.real => {
                let number = notion_sync_core::value::Number::from(integer);
                match number.to_f64() {
                    (real, true) => Sql::Real(real),
                    _ => return Err(exact),
                }
            }
            (TableForm::Plain(Form::Text | Form::Choice), Sql::Null) if self.not_null => {
                Sql::Text(String::new())
            }
            (TableForm::Plain(Form::Choices) | TableForm::List, Sql::Null) if self.not_null => {
                Sql::Text("[]".to_owned())
            }
            (_, sql) => sql,
        })
    }

    /// A cell as it reads. What is not of the column's kind costs this cell only.
    pub(super) fn decode(&self, sql: ValueRef<'_>) -> Cell {
        let text = match sql {
            ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        };
        let value = match (self.form, text) {
            (TableForm::Plain(form), _) => return decode(form, sql),
            (TableForm::Date, Some(text)) if !text.is_empty() => date_of(text).map(Value::Date),
            (TableForm::Json, Some(text)) => text.parse::<Json>().ok().map(Value::Json),
            (TableForm::List, Some(text)) if !text.is_empty() => {
                serde_json::from_str(text).ok().map(Value::list)
            }
            (TableForm::Date | TableForm::List, Some(_)) => Some(Value::Empty),
            (TableForm::Opaque, _) => None,
            (_, None) => matches!(sql, ValueRef::Null).then_some(Value::Empty),
        };
        // What cannot be read is shown raw, the same for every kind.
        value.map_or_else(|| decode(Form::Any, sql), Cell::Complete)
    }
}

/// A date, or SQLite's own writing of a moment: without an offset it is UTC ("Date And Time
/// Functions", 2).
fn date_of(text: &str) -> Option<DateValue> {
    let as_written = text.parse::<DateValue>();
    as_written.or_else(|_| format!("{text}Z").parse()).ok()
}

/// Days and moments only, as SQLite's date functions read them. A moment in UTC is written as SQLite
/// writes it, others with their offset.
fn date_text(date: &DateValue) -> Result<String, WrongKind> {
    if date.end.is_some() {
        return Err(WrongKind("day or moment, not a range"));
    }
    Ok(match date.start {
        DatePoint::Instant { local, offset } if offset.seconds() == 0 => {
            local.to_string().replacen('T', " ", 1)
        }
        start => start.to_string(),
    })
}
