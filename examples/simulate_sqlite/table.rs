//! A table of the store file as people use it: with SQL, over a connection of their own, and read by
//! that connection when the truth is asked for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notion_sync_core::port::{Peer, PlaceId};
use notion_sync_core::record::{Cell, Key, Lifecycle, Record};
use notion_sync_core::schema::{FieldId, SchemaChange};
use notion_sync_core::testkit::sim::{MARKER, PARENT, PAUSED, Place, Weather, Written};
use notion_sync_core::value::{Choice, DateValue, RawJson, Reference, Value};
use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, Error, ErrorCode, Row, params_from_iter};

use super::file::{FileTable, StoreFile};

/// The columns of the table, named like their fields.
const COLUMNS: [&str; 7] = ["title", "notes", "tags", "due", "done", MARKER, PAUSED];

/// The table of a file, and the person at it.
pub(crate) struct TablePlace {
    peer: Arc<FileTable>,
    name: String,
    person: Mutex<Connection>,
    /// Whether there is a column of references.
    refers: AtomicBool,
}

impl TablePlace {
    /// Opens the person's connection to the table of this place.
    pub(crate) fn open(file: &Arc<StoreFile>, place: PlaceId, page: u32) -> rusqlite::Result<Self> {
        let name = place.as_str().trim_start_matches("sqlite:").to_owned();
        let person = Connection::open(file.path())?;
        Ok(Self {
            peer: Arc::new(FileTable {
                file: Arc::clone(file),
                place,
                page,
            }),
            name,
            person: Mutex::new(person),
            refers: AtomicBool::new(false),
        })
    }

    /// There is a column of references from now on.
    pub(crate) fn refers(&self) {
        self.refers.store(true, Ordering::Relaxed);
    }

    fn columns(&self) -> impl Iterator<Item = &'static str> + Clone {
        let refers = self.refers.load(Ordering::Relaxed);
        COLUMNS.into_iter().chain(refers.then_some(PARENT))
    }

    pub(crate) fn place(&self) -> &PlaceId {
        self.peer.place()
    }

    fn person(&self) -> MutexGuard<'_, Connection> {
        self.person.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A statement of the person. Returns how many rows it changed, or the sentence it was refused with.
    fn says(&self, sql: &str, values: Vec<Sql>) -> Result<usize, String> {
        let person = self.person();
        let done = person
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params_from_iter(values)));
        match done {
            Ok(changed) => Ok(changed),
            Err(Error::SqliteFailure(error, Some(sentence)))
                if error.code == ErrorCode::ConstraintViolation =>
            {
                Err(sentence)
            }
            Err(error) => panic!("a person cannot work: {error} ({sql})"),
        }
    }

    fn read(&self, condition: &str, values: Vec<Sql>) -> Vec<Record> {
        let sql = format!(
            "SELECT _row, _trashed, {} FROM \"{}\" {condition}",
            self.columns().collect::<Vec<_>>().join(", "),
            self.name
        );
        let person = self.person();
        let records = person.prepare_cached(&sql).and_then(|mut statement| {
            let read = |row: &Row<'_>| record(row, self.columns());
            let records = statement.query_map(params_from_iter(values), read)?;
            records.collect::<rusqlite::Result<Vec<_>>>()
        });
        records.unwrap_or_else(|error| panic!("the truth cannot be read: {error} ({sql})"))
    }
}

fn row_number(key: &Key) -> Sql {
    key.as_str().parse().map_or(Sql::Null, Sql::Integer)
}

fn record(row: &Row<'_>, columns: impl Iterator<Item = &'static str>) -> rusqlite::Result<Record> {
    let mut cells = Vec::new();
    for (at, column) in columns.enumerate() {
        cells.push((FieldId::new(column), shown(column, row.get_ref(at + 2)?)));
    }
    let trashed: bool = row.get(1)?;
    Ok(Record {
        key: Key::durable(row.get::<_, i64>(0)?.to_string()),
        lifecycle: match trashed {
            true => Lifecycle::Trashed,
            false => Lifecycle::Live,
        },
        version: None,
        edited_at: None,
        rank: None,
        cells: cells.into_iter().collect(),
    })
}

/// What a person reads in a cell.
fn shown(column: &str, sql: ValueRef<'_>) -> Cell {
    let tick = matches!(column, "done" | PAUSED);
    let value = match sql {
        ValueRef::Integer(integer) if tick => Some(Value::Bool(integer != 0)),
        ValueRef::Null if tick => Some(Value::Bool(false)),
        ValueRef::Null => Some(Value::Empty),
        ValueRef::Text(text) => std::str::from_utf8(text)
            .ok()
            .and_then(|text| match column {
                "tags" => names(text),
                PARENT => rows(text),
                "due" => text.parse::<DateValue>().ok().map(Value::Date),
                _ => Some(Value::text(text)),
            }),
        _ => None,
    };
    let odd = || Cell::Unsupported(RawJson::new(format!("\"{sql:?}\"")));
    value.map_or_else(odd, Cell::Complete)
}

fn names(json: &str) -> Option<Value> {
    let names: Vec<String> = serde_json::from_str(json).ok()?;
    let names = names.into_iter().map(Choice::named);
    Some(Value::choices(names.collect()))
}

fn rows(json: &str) -> Option<Value> {
    let rows: Vec<i64> = serde_json::from_str(json).ok()?;
    let rows = rows.into_iter();
    let rows = rows.map(|row| Reference::new(Key::durable(row.to_string())));
    Some(Value::references(rows.collect()))
}

/// A value as a person types it.
fn typed(written: &Written) -> Sql {
    match written {
        Written::Nothing => Sql::Null,
        Written::Words(words) => Sql::Text(words.clone()),
        Written::Options(names) => Sql::Text(serde_json::Value::from(names.clone()).to_string()),
        Written::Tick(tick) => Sql::Integer(i64::from(*tick)),
        Written::Date(date) => Sql::Text(date.to_string()),
        Written::Records(keys) => {
            let rows = keys.iter().map(Key::as_str).collect::<Vec<_>>();
            Sql::Text(format!("[{}]", rows.join(",")))
        }
    }
}

impl Place for TablePlace {
    fn peer(&self) -> Arc<dyn Peer> {
        let peer: Arc<FileTable> = Arc::clone(&self.peer);
        peer
    }

    fn create(&self, cells: &[(FieldId, Written)]) -> Option<Key> {
        let cells = cells.iter();
        let cells = cells.map(|(field, written)| (field.as_str(), typed(written)));
        let (columns, values): (Vec<_>, Vec<_>) = cells.unzip();
        let sql = format!(
            "INSERT INTO \"{}\" ({}) VALUES ({})",
            self.name,
            columns.join(", "),
            vec!["?"; columns.len()].join(", ")
        );
        self.says(&sql, values).ok()?;
        let row = self.person().last_insert_rowid();
        Some(Key::durable(row.to_string()))
    }

    fn write(&self, key: &Key, field: &FieldId, value: &Written) -> bool {
        let sql = format!("UPDATE \"{}\" SET {field} = ? WHERE _row = ?", self.name);
        self.says(&sql, vec![typed(value), row_number(key)]).is_ok()
    }

    fn trash(&self, key: &Key, trashed: bool) {
        let sql = format!("UPDATE \"{}\" SET _trashed = ? WHERE _row = ?", self.name);
        let values = vec![Sql::Integer(i64::from(trashed)), row_number(key)];
        assert_eq!(self.says(&sql, values), Ok(1), "{sql}");
    }

    /// Rows are not deleted: the table refuses it.
    fn erase(&self, key: &Key) -> bool {
        let sql = format!("DELETE FROM \"{}\" WHERE _row = ?", self.name);
        self.says(&sql, vec![row_number(key)]).is_ok()
    }

    /// The table follows its source.
    fn alter(&self, _: &SchemaChange) -> bool {
        false
    }

    /// A file has no weather.
    fn weather(&self, _: &Weather) -> bool {
        false
    }

    fn record(&self, key: &Key) -> Option<Record> {
        self.read("WHERE _row = ?", vec![row_number(key)]).pop()
    }

    fn records(&self) -> Vec<Record> {
        let mut records = self.read("", Vec::new());
        records.sort_by(|one, other| one.key.cmp(&other.key));
        records
    }

    fn keys(&self, live: bool) -> Vec<Key> {
        let trashed = vec![Sql::Integer(i64::from(!live))];
        let records = self.read("WHERE _trashed = ?", trashed);
        let mut keys: Vec<_> = records.into_iter().map(|record| record.key).collect();
        keys.sort();
        keys
    }

    fn truncates(&self, _: usize) -> bool {
        false
    }

    fn refuses(&self, _: &Value) -> bool {
        false
    }

    /// The table refuses what is no date.
    fn takes_nonsense(&self) -> bool {
        false
    }
}
