//! Cells of the table: values into SQL and back.

use notion_sync_core::record::Cell;
use notion_sync_core::value::{Choice, DateValue, Number, RawJson, Value};
use rusqlite::types::{Value as Sql, ValueRef};

/// How a column holds its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Words.
    Text,
    /// One option's name.
    Choice,
    /// INTEGER, REAL or exact digits as TEXT.
    Number,
    /// 0 or 1.
    Checkbox,
    /// JSON array of names.
    Choices,
    /// A date as ISO 8601 text.
    Date,
    /// Whatever shows a value that is only read.
    Any,
}

impl Form {
    /// The column's type in SQL.
    pub(crate) fn sql_type(self) -> &'static str {
        match self {
            Self::Text | Self::Choice | Self::Choices | Self::Date => "TEXT",
            Self::Number | Self::Any => "ANY",
            Self::Checkbox => "INTEGER",
        }
    }

    /// Whether values of one form can stay where the column takes the other.
    pub(crate) fn is_like(self, other: Self) -> bool {
        let words = |form| matches!(form, Self::Text | Self::Choice);
        self == other || (words(self) && words(other))
    }
}

/// The value is not of the column's kind.
#[derive(Debug)]
pub(crate) struct WrongKind(pub(crate) &'static str);

/// A value as it is written.
pub(crate) fn encode(form: Form, value: &Value) -> Result<Sql, WrongKind> {
    Ok(match (form, value) {
        (Form::Any, value) => show(value),
        (Form::Checkbox, Value::Empty) => Sql::Integer(0),
        (_, Value::Empty) => Sql::Null,
        (Form::Text, Value::Text(text)) => Sql::Text(text.clone()),
        (Form::Text, Value::RichText(text)) => Sql::Text(text.plain()),
        (Form::Choice, Value::Choice(choice)) => Sql::Text(choice.name.to_string()),
        (Form::Number, Value::Number(number)) => number_sql(number),
        (Form::Checkbox, Value::Bool(truth)) => Sql::Integer(i64::from(*truth)),
        (Form::Choices, Value::Choices(choices)) => names_json(choices),
        (Form::Date, Value::Date(date)) => Sql::Text(date.to_string()),
        (Form::Text, _) => return Err(WrongKind("text")),
        (Form::Choice, _) => return Err(WrongKind("option")),
        (Form::Number, _) => return Err(WrongKind("number")),
        (Form::Checkbox, _) => return Err(WrongKind("checkbox")),
        (Form::Choices, _) => return Err(WrongKind("list of options")),
        (Form::Date, _) => return Err(WrongKind("date")),
    })
}

/// A cell as it reads. What a person made unreadable costs this cell only.
pub(crate) fn decode(form: Form, sql: ValueRef<'_>) -> Cell {
    let value = match sql {
        ValueRef::Null if form == Form::Checkbox => Some(Value::Bool(false)),
        ValueRef::Null => Some(Value::Empty),
        ValueRef::Integer(integer) => integer_value(form, integer),
        ValueRef::Real(real) => match form {
            Form::Number => Number::try_from(real).ok().map(Value::Number),
            _ => None,
        },
        ValueRef::Text(bytes) => std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| text_value(form, text)),
        ValueRef::Blob(_) => None,
    };
    value.map_or_else(|| Cell::Unsupported(raw(sql)), Cell::Complete)
}

fn integer_value(form: Form, integer: i64) -> Option<Value> {
    match (form, integer) {
        (Form::Number, integer) => Some(Value::Number(integer.into())),
        (Form::Checkbox, 0) => Some(Value::Bool(false)),
        (Form::Checkbox, 1) => Some(Value::Bool(true)),
        _ => None,
    }
}

fn text_value(form: Form, text: &str) -> Option<Value> {
    if text.is_empty() && form != Form::Checkbox {
        return Some(Value::Empty);
    }
    match form {
        Form::Text => Some(Value::text(text)),
        Form::Choice => Some(Value::Choice(Choice::named(text))),
        Form::Number => text.parse().ok().map(Value::Number),
        Form::Choices => {
            let names: Vec<String> = serde_json::from_str(text).ok()?;
            Some(Value::choices(
                names.into_iter().map(Choice::named).collect(),
            ))
        }
        Form::Date => text.parse::<DateValue>().ok().map(Value::Date),
        Form::Checkbox | Form::Any => None,
    }
}

/// What stands in an unreadable cell, as JSON.
fn raw(sql: ValueRef<'_>) -> RawJson {
    let json = match sql {
        ValueRef::Null => serde_json::Value::Null,
        ValueRef::Integer(integer) => integer.into(),
        ValueRef::Real(real) => real.into(),
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned().into(),
        ValueRef::Blob(bytes) => format!("{} bytes", bytes.len()).into(),
    };
    RawJson::new(json.to_string())
}

fn number_sql(number: &Number) -> Sql {
    if let Some(integer) = number.to_i64() {
        return Sql::Integer(integer);
    }
    match number.to_f64() {
        (real, true) => Sql::Real(real),
        _ => Sql::Text(number.as_str().to_owned()),
    }
}

fn names_json(choices: &[Choice]) -> Sql {
    let names: Vec<serde_json::Value> = choices
        .iter()
        .map(|choice| choice.name.as_str().into())
        .collect();
    Sql::Text(serde_json::Value::Array(names).to_string())
}

/// A value for people to read, where nothing is ever read back.
fn show(value: &Value) -> Sql {
    match value {
        Value::Empty => Sql::Null,
        Value::Number(number) => number_sql(number),
        Value::Bool(truth) => Sql::Integer(i64::from(*truth)),
        Value::Choices(choices) => names_json(choices),
        other => Sql::Text(other.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reads_back(form: Form, value: &Value) -> Cell {
        let sql = encode(form, value).unwrap();
        decode(form, ValueRef::from(&sql))
    }

    #[test]
    fn numbers_come_back_exactly() {
        for (text, sql) in [
            ("3", Sql::Integer(3)),
            ("9007199254740993", Sql::Integer(9_007_199_254_740_993)),
            ("0.1", Sql::Real(0.1)),
            ("1e400", Sql::Text("1e400".into())),
            (
                "0.1000000000000000000001",
                Sql::Text("0.1000000000000000000001".into()),
            ),
        ] {
            let value = Value::Number(text.parse().unwrap());
            assert_eq!(encode(Form::Number, &value).unwrap(), sql, "{text}");
            assert_eq!(
                reads_back(Form::Number, &value),
                Cell::Complete(value.clone())
            );
        }
    }

    #[test]
    fn an_unreadable_cell_is_kept_raw() {
        for (form, text) in [
            (Form::Date, "soon"),
            (Form::Choices, "not json"),
            (Form::Choices, "[1]"),
            (Form::Number, "many"),
        ] {
            let cell = decode(form, ValueRef::Text(text.as_bytes()));
            assert_eq!(
                cell,
                Cell::Unsupported(RawJson::new(format!("\"{text}\""))),
                "{form:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in ".+", names in proptest::collection::vec(".+", 0..4), truth: bool) {
            let values = [
                (Form::Text, Value::text(text.clone())),
                (Form::Choice, Value::Choice(Choice::named(text))),
                (Form::Choices, Value::choices(names.into_iter().map(Choice::named).collect())),
                (Form::Checkbox, Value::Bool(truth)),
            ];
            for (form, value) in values {
                prop_assert_eq!(reads_back(form, &value), Cell::Complete(value));
            }
        }
    }
}
