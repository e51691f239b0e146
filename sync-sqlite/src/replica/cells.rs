//! Cells of the table: values into SQL and back.

use notion_sync_core::record::{Cell, Key};
use notion_sync_core::value::{
    Choice, DateValue, Number, Person, Place, RawJson, Reference, Value, Verification,
};
use rusqlite::types::{Value as Sql, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::files::{ShownFile, WrittenFile};
use super::readable::readable;

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
    /// JSON array of rows of another table: their numbers.
    References,
    /// JSON array of people: their ids.
    People,
    /// JSON array of files: objects with a name and where they are.
    Files,
    /// JSON object: a point on the map.
    Place,
    /// JSON object: who vouches, from when and until when.
    Verification,
    /// Whatever shows a value that is only read.
    Any,
}

impl Form {
    /// The column's type in SQL.
    pub(crate) fn sql_type(self) -> &'static str {
        match self {
            Self::Text
            | Self::Choice
            | Self::Choices
            | Self::Date
            | Self::References
            | Self::People
            | Self::Files
            | Self::Place
            | Self::Verification => "TEXT",
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
        (Form::References, Value::References(references)) => json(references.iter().map(row_json)),
        (Form::People, Value::People(people)) => json(people.iter().map(person_json)),
        (Form::Files, Value::Files(files)) => json(files.iter().map(ShownFile::from)),
        (Form::Place, Value::Place(place)) => object(place),
        (Form::Verification, Value::Verification(verification)) => object(verification),
        (Form::Text, _) => return Err(WrongKind("text")),
        (Form::Choice, _) => return Err(WrongKind("option")),
        (Form::Number, _) => return Err(WrongKind("number")),
        (Form::Checkbox, _) => return Err(WrongKind("checkbox")),
        (Form::Choices, _) => return Err(WrongKind("list of options")),
        (Form::Date, _) => return Err(WrongKind("date")),
        (Form::References, _) => return Err(WrongKind("list of rows")),
        (Form::People, _) => return Err(WrongKind("list of people")),
        (Form::Files, _) => return Err(WrongKind("list of files")),
        (Form::Place, _) => return Err(WrongKind("place")),
        (Form::Verification, _) => return Err(WrongKind("verification")),
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
        Form::References => Some(Value::references(list(text, |item: Json| match item {
            Json::Number(row) => Some(Reference::new(Key::durable(row.as_i64()?.to_string()))),
            _ => None,
        })?)),
        Form::People => Some(Value::people(list(text, |id: String| {
            Some(match id.contains('@') {
                true => Person::with_email(id),
                false => Person::with_id(id),
            })
        })?)),
        Form::Files => Some(Value::files(list(text, WrittenFile::into_file)?)),
        Form::Place => serde_json::from_str::<Place>(text).ok().map(Value::place),
        Form::Verification => serde_json::from_str::<Verification>(text)
            .ok()
            .map(Value::verification),
        Form::Checkbox | Form::Any => None,
    }
}

/// The elements of a JSON array; `None` if it is none, or one of them is not readable.
fn list<I: DeserializeOwned, T>(text: &str, read: impl Fn(I) -> Option<T>) -> Option<Vec<T>> {
    let items: Vec<I> = serde_json::from_str(text).ok()?;
    items.into_iter().map(read).collect()
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
    json(choices.iter().map(|choice| choice.name.as_str()))
}

/// Rows by number, records of elsewhere by their keys.
fn row_json(reference: &Reference) -> Json {
    let key = reference.key().as_str();
    match key.parse::<i64>() {
        Ok(row) => row.into(),
        Err(_) => key.into(),
    }
}

fn person_json(person: &Person) -> Json {
    person.id().or(person.email()).unwrap_or_default().into()
}

fn json<T: Serialize>(items: impl Iterator<Item = T>) -> Sql {
    object(&items.collect::<Vec<T>>())
}

fn object(value: &impl Serialize) -> Sql {
    // Plain structures of texts and numbers: there is nothing in them that could fail.
    Sql::Text(serde_json::to_string(value).unwrap_or_default())
}

fn show_raw(raw: &RawJson) -> Sql {
    match readable(raw) {
        Json::Null => Sql::Null,
        Json::String(text) => Sql::Text(text),
        other => Sql::Text(other.to_string()),
    }
}

/// A value for people to read, where nothing is ever read back.
pub(crate) fn show(value: &Value) -> Sql {
    match value {
        Value::Empty => Sql::Null,
        Value::Number(number) => number_sql(number),
        Value::Bool(truth) => Sql::Integer(i64::from(*truth)),
        Value::Choices(choices) => names_json(choices),
        Value::References(all) => json(all.iter().map(|one| one.key().as_str())),
        Value::People(people) => json(people.iter().map(person_json)),
        Value::Files(files) => json(files.iter().map(ShownFile::from)),
        Value::Place(place) => object(place),
        Value::Verification(verification) => object(verification),
        Value::Raw(raw) => show_raw(raw),
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

        /// A row just written is not read back: the table has to keep what it is given.
        #[test]
        fn a_strict_table_keeps_every_value_as_it_is_written(
            value in notion_sync_core::testkit::strategies::value(), text in any::<String>(),
        ) {
            let connection = rusqlite::Connection::open_in_memory().unwrap();
            for value in [value, Value::text(text)] {
                for form in ALL {
                    let Ok(written) = encode(form, &value) else { continue };
                    let table = format!("CREATE TABLE IF NOT EXISTS \"{form:?}\"(c {}) STRICT", form.sql_type());
                    connection.execute_batch(&table).unwrap();
                    let insert = format!("INSERT INTO \"{form:?}\" VALUES (?1) RETURNING rowid");
                    let row: i64 = connection.query_row(&insert, [&written], |row| row.get(0)).unwrap();
                    let select = format!("SELECT c FROM \"{form:?}\" WHERE rowid = ?1");
                    let kept: Sql = connection.query_row(&select, [row], |row| row.get(0)).unwrap();
                    prop_assert_eq!(kept, written);
                }
            }
        }
    }

    const ALL: [Form; 12] = [
        Form::Text,
        Form::Choice,
        Form::Number,
        Form::Checkbox,
        Form::Choices,
        Form::Date,
        Form::References,
        Form::People,
        Form::Files,
        Form::Place,
        Form::Verification,
        Form::Any,
    ];
}
