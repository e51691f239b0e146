//! Rows on their way out: all that a table holds, exact, one row after another.

use std::io;

use notion_sync_core::link::LinkId;
use notion_sync_core::port::StoreError;
use notion_sync_core::value::Number;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::error::{Fault, Result, failed};
use crate::replica::{Column, Form, Table, gone, quote};
use crate::store::SqliteStore;

/// A cell as it leaves the file. Its JSON is exact: numbers with all their digits, lists as arrays,
/// dates as the text of the table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Exported {
    /// Nothing.
    Empty,
    /// A checkbox, or whether the row is in the trash.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Another number; in JSON a text if it is infinite.
    Real(f64),
    /// A number that neither of those holds, digit for digit.
    Digits(String),
    /// A text, a date, an option.
    Text(String),
    /// A list, as JSON.
    List(String),
    /// Bytes, which only columns hold that people made themselves; in JSON as hexadecimal text.
    Bytes(Vec<u8>),
}

/// Takes the rows of an export, in the order of their numbers.
pub trait RowSink: Send {
    /// The columns, once, before the first row.
    ///
    /// # Errors
    /// Whatever keeps the sink from going on: it ends the export.
    fn columns(&mut self, names: &[String]) -> io::Result<()>;

    /// A row, a cell for each column.
    ///
    /// # Errors
    /// As [`RowSink::columns`].
    fn row(&mut self, cells: &[Exported]) -> io::Result<()>;
}

impl SqliteStore {
    /// Hands the rows of a link's table to a sink, as they are at one moment, and answers the sink and
    /// how many there were. One row is in memory at a time. Other calls of this handle wait meanwhile;
    /// other programs do not.
    ///
    /// # Errors
    /// When there is no such table, the file cannot be read, or the sink fails; that is then the source
    /// of [`StoreError::Io`].
    pub async fn export<S: RowSink + 'static>(
        &self,
        link: &LinkId,
        with_trashed: bool,
        mut sink: S,
    ) -> std::result::Result<(S, u64), StoreError> {
        let link = link.clone();
        self.worker()
            .ask(move |database| {
                let missing = || failed("there is no such table in the file");
                let connection = database.reader()?.ok_or_else(missing)?;
                let snapshot = connection.transaction()?;
                let table = Table::load(&snapshot, &link)?.ok_or_else(missing)?;
                let rows = hand_out(&snapshot, &table, with_trashed, &mut sink)?;
                Ok((sink, rows))
            })
            .await
    }
}

fn hand_out(
    connection: &Connection,
    table: &Table,
    with_trashed: bool,
    sink: &mut dyn RowSink,
) -> Result<u64> {
    // Columns that people added are rows' contents as well.
    let names: Vec<String> = connection
        .prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid")?
        .query_map([&table.name], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    if names.is_empty() {
        return Err(gone(&table.name));
    }
    let columns: Vec<Option<&Column>> = names
        .iter()
        .map(|name| table.columns.iter().find(|column| column.name == *name))
        .collect();
    let selected: Vec<String> = names.iter().map(|name| quote(name)).collect();
    let live = if with_trashed {
        ""
    } else {
        "WHERE _trashed = 0"
    };
    let sql = format!(
        "SELECT {} FROM {} {live} ORDER BY _row",
        selected.join(", "),
        table.quoted()
    );
    // A full disk there is not one where the store lives.
    let refused = |error: io::Error| {
        Fault(StoreError::Io {
            message: "the rows could not be handed on".to_owned(),
            source: Some(Box::new(error)),
        })
    };
    sink.columns(&names).map_err(refused)?;
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    let mut cells = Vec::with_capacity(names.len());
    while let Some(row) = rows.next()? {
        cells.clear();
        for (at, (name, column)) in names.iter().zip(&columns).enumerate() {
            cells.push(exported(name, *column, cell(row, at)?));
        }
        sink.row(&cells).map_err(refused)?;
        count += 1;
    }
    Ok(count)
}

fn cell<'r>(row: &'r Row<'_>, at: usize) -> Result<ValueRef<'r>> {
    Ok(row.get_ref(at)?)
}

fn exported(name: &str, column: Option<&Column>, value: ValueRef<'_>) -> Exported {
    let form = column.map(Column::form);
    match value {
        ValueRef::Null => Exported::Empty,
        ValueRef::Integer(truth) if form == Some(Form::Checkbox) || name == "_trashed" => {
            Exported::Bool(truth != 0)
        }
        ValueRef::Integer(integer) => Exported::Integer(integer),
        ValueRef::Real(real) => Exported::Real(real),
        ValueRef::Blob(bytes) => Exported::Bytes(bytes.to_vec()),
        ValueRef::Text(bytes) => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            if form == Some(Form::Number) && text.parse::<Number>().is_ok() {
                Exported::Digits(text)
            } else if column.is_some_and(is_list) && is_array(&text) {
                Exported::List(text)
            } else {
                Exported::Text(text)
            }
        }
    }
}

/// Whether the column's texts are lists. A text column may hold what looks like one.
fn is_list(column: &Column) -> bool {
    let kind = column.kind.strip_prefix("other:").unwrap_or(&column.kind);
    matches!(kind, "multi_select" | "relation" | "people" | "files")
}

fn is_array(text: &str) -> bool {
    text.starts_with('[') && serde_json::from_str::<&RawValue>(text).is_ok()
}

impl Serialize for Exported {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Empty => serializer.serialize_unit(),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Integer(integer) => serializer.serialize_i64(*integer),
            Self::Real(real) if real.is_finite() => serializer.serialize_f64(*real),
            Self::Real(real) => serializer.serialize_str(&real.to_string()),
            Self::Digits(json) | Self::List(json) => match RawValue::from_string(json.clone()) {
                Ok(raw) => raw.serialize(serializer),
                // A number may be written in ways that JSON does not know, as `.5`.
                Err(_) => serializer.serialize_str(json),
            },
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_str(&hexadecimal(bytes)),
        }
    }
}

impl std::fmt::Display for Exported {
    /// The cell as one text: as its JSON, but texts as they are and nothing as an empty one.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Integer(integer) => write!(f, "{integer}"),
            // With an exponent where the digits alone would be endless.
            Self::Real(real) => match serde_json::Number::from_f64(*real) {
                Some(number) => write!(f, "{number}"),
                None => write!(f, "{real}"),
            },
            Self::Digits(text) | Self::Text(text) | Self::List(text) => f.write_str(text),
            Self::Bytes(bytes) => f.write_str(&hexadecimal(bytes)),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
