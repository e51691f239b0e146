//! Which column is the one it was. Of two that had one name, one after the other, the later one is
//! another field: what was agreed on with the former says nothing about it.
//!
//! No pragma tells that a column was dropped and made again. What tells it: ADD COLUMN puts a column
//! last, so one that stands further back than it did is another; a trigger that names all columns
//! follows every RENAME, and keeps none from being dropped; and a new column holds its default in every
//! row that nobody wrote to since. Where neither a sample that was noted nor any such row holds
//! something else, the column counts as another one: that costs a look at all of it, and clears nothing.

use std::collections::BTreeMap;

use notion_sync_core::record::Key;
use notion_sync_core::schema::FieldId;
use notion_sync_core::value::Digest;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::error::TableError;
use super::expression;
use super::feed;
use super::key::KeyForm;
use super::layout::Layout;
use crate::replica::{literal, quote};

/// A column as the table has it now.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) name: String,
    /// Its place among the table's columns.
    pub(super) place: i64,
    /// What a new one holds, in SQL; `None` where ADD COLUMN would take no such default.
    pub(super) default: Option<String>,
    /// Whether it is of the primary key: SQLite drops no such column.
    pub(super) stays: bool,
    /// How many columns of this name there were, it included, as far as was seen.
    pub(super) number: u32,
}

/// Up to where the notes of columns go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted {
    /// Of the file's schema.
    version: i64,
    /// The last entry of the feed; none while nothing notes what changes.
    seq: Option<i64>,
}

/// A column as it was noted.
struct Note {
    /// `None` of a column that is gone.
    place: Option<i64>,
    number: u32,
    /// Whether every row held what a new column would.
    blank: bool,
    sample: Option<Sample>,
}

/// A row in which a column held something else than a new one would.
struct Sample {
    /// Its key, as an array.
    key: String,
    /// The digest of what the column held.
    held: String,
}

/// How many columns get a sample, from the last one: any of them proves all before it.
const SAMPLES: u32 = 3;

fn notes_name(layout: &Layout) -> String {
    format!("_sync_columns_{}", layout.name)
}

fn trigger_name(layout: &Layout) -> String {
    format!("_sync_columns_{}_names", layout.name)
}

/// The number that every change of the file's schema counts up.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA schema_version", [], |row| row.get(0))
}

fn has_notes(connection: &Connection, layout: &Layout) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")?
        .exists([notes_name(layout)])
}

/// Gives every column the id of the field it is. To be called once it is known whether the table is
/// captured.
pub(super) fn look(connection: &Connection, layout: &mut Layout) -> Result<(), TableError> {
    if !has_notes(connection, layout)? {
        return Ok(());
    }
    let notes = quote(&notes_name(layout));
    layout.noted = connection
        .query_row(&format!("SELECT version, seq FROM {notes}"), [], |row| {
            Ok(Noted {
                version: row.get(0)?,
                seq: row.get(1)?,
            })
        })
        .optional()?;
    let Some(noted) = layout.noted else {
        return Ok(());
    };
    let mut known = BTreeMap::new();
    let mut statement = connection.prepare(&format!(
        "SELECT name, place, life, blank, sample, held FROM {notes}"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let note = Note {
            place: row.get(1)?,
            number: row.get(2)?,
            blank: row.get(3)?,
            sample: match (row.get(4)?, row.get(5)?) {
                (Some(key), Some(held)) => Some(Sample { key, held }),
                _ => None,
            },
        };
        known.insert(row.get::<_, String>(0)?, note);
    }
    let numbers = Looking {
        connection,
        layout,
        noted,
        renamed: renamed(connection, layout, &known)?,
        known,
    }
    .numbers()?;
    for (life, number) in layout.lives.iter_mut().zip(numbers) {
        life.number = number;
    }
    for column in &mut layout.columns {
        let mut lives = layout.lives.iter();
        if let Some(life) = lives.find(|life| life.name == column.name && life.number > 1) {
            column.id = FieldId::new(format!("{}#{}", life.name, life.number));
        }
    }
    Ok(())
}

struct Looking<'a> {
    connection: &'a Connection,
    layout: &'a Layout,
    noted: Noted,
    known: BTreeMap<String, Note>,
    /// Names that columns had and names that these have now.
    renamed: Vec<(String, String)>,
}

/// What was found out of a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// It is the one it was.
    Same,
    /// It is, and so is every column before it: new ones come last.
    Proven,
    /// It is another of that name, or may be.
    Other,
}

impl Looking<'_> {
    /// How many columns of its name there were, for each column.
    fn numbers(&self) -> Result<Vec<u32>, TableError> {
        let passed = version(self.connection)? - self.noted.version;
        let mut proven = false;
        let mut numbers = Vec::with_capacity(self.layout.lives.len());
        for life in self.layout.lives.iter().rev() {
            let Some(note) = self.known.get(&life.name) else {
                numbers.push(1);
                continue;
            };
            let found = match (passed, self.is_told(life, note)) {
                (0, _) => Found::Same,
                (_, true) => Found::Other,
                // Dropping and adding are two changes of the schema.
                (1, _) => Found::Same,
                _ if proven => Found::Same,
                _ => self.found(life, note)?,
            };
            proven |= found == Found::Proven;
            numbers.push(note.number + u32::from(found == Found::Other));
        }
        numbers.reverse();
        Ok(numbers)
    }

    /// Whether its place or its name tell that it is another one.
    fn is_told(&self, life: &Life, note: &Note) -> bool {
        let moved = note.place.is_none_or(|place| place < life.place);
        let renamed =
            |(from, to): &(String, String)| from != to && (*from == life.name || *to == life.name);
        !life.stays && (moved || self.renamed.iter().any(renamed))
    }

    /// What the rows tell. Without a feed nothing tells it of a column that stands where it stood.
    fn found(&self, life: &Life, note: &Note) -> Result<Found, TableError> {
        if life.stays {
            return Ok(Found::Proven);
        }
        if let Some(sample) = &note.sample
            && life.still_holds(self.connection, self.layout, sample)?
        {
            return Ok(Found::Proven);
        }
        let Some(seq) = self.noted.seq.filter(|_| self.layout.captured) else {
            return Ok(Found::Same);
        };
        let feed = quote(&feed::feed_name(self.layout));
        let keys = self.layout.key.iter().zip(1..);
        let equal = keys.map(|(key, at)| format!("f.k{at} IS +t.{}", quote(&key.name)));
        let kept = format!(
            "SELECT 1 FROM {} AS t WHERE {} AND NOT EXISTS
               (SELECT 1 FROM {feed} AS f WHERE {} AND f.seq > ?1)",
            self.layout.quoted(),
            life.is_written(),
            equal.collect::<Vec<_>>().join(" AND ")
        );
        if self.connection.prepare(&kept)?.exists([seq])? {
            return Ok(Found::Proven);
        }
        let touched = format!("SELECT 1 FROM {feed} WHERE seq > ?1");
        let same = note.blank && !self.connection.prepare(&touched)?.exists([seq])?;
        Ok(if same { Found::Same } else { Found::Other })
    }
}

/// What a column with this default holds in the rows that were there before it, in SQL. A word is a text
/// there, and what has to be computed is no default of a column that is added to rows.
pub(super) fn default_of(connection: &Connection, told: Option<&str>) -> Option<String> {
    let told = told.unwrap_or("NULL");
    let sql = expression::word(told).map_or(told.to_owned(), |word| literal(&word));
    let is_unknown = || connection.prepare(&format!("SELECT {sql}")).is_err();
    let is_computed = expression::calls(told) || is_unknown();
    (!is_computed).then_some(sql)
}

impl Life {
    /// Whether a row holds something else than a new column would.
    fn is_written(&self) -> String {
        match &self.default {
            Some(default) => format!("t.{} IS NOT ({default})", quote(&self.name)),
            None => "1".to_owned(),
        }
    }

    /// A row that does, if there is one.
    fn sample(
        &self,
        connection: &Connection,
        layout: &Layout,
    ) -> Result<Option<Sample>, TableError> {
        let sql = format!(
            "SELECT {}, t.{} FROM {} AS t WHERE {} LIMIT 1",
            layout.key_columns("t."),
            quote(&self.name),
            layout.quoted(),
            self.is_written()
        );
        let found = connection.prepare(&sql)?.query_row([], |row| {
            let key = KeyForm::Array.key(&layout.key_of(row)?);
            Ok(Sample {
                // A row without a key is found no more.
                key: key.map_or(String::new(), |key| key.to_string()),
                held: held(row.get_ref(layout.key.len())?),
            })
        });
        Ok(found.optional()?)
    }

    fn still_holds(
        &self,
        connection: &Connection,
        layout: &Layout,
        sample: &Sample,
    ) -> Result<bool, TableError> {
        let Some(parts) = KeyForm::Array.parts(&Key::durable(sample.key.as_str())) else {
            return Ok(false);
        };
        if parts.len() != layout.key.len() {
            return Ok(false);
        }
        let sql = format!(
            "SELECT t.{} FROM {} AS t WHERE {} AND {}",
            quote(&self.name),
            layout.quoted(),
            layout.has_key(),
            self.is_written()
        );
        let now = connection
            .prepare(&sql)?
            .query_row(params_from_iter(parts), |row| Ok(held(row.get_ref(0)?)))
            .optional()?;
        Ok(now.is_some_and(|now| now == sample.held))
    }
}

/// What a column holds, told from everything else.
fn held(value: ValueRef<'_>) -> String {
    Digest::of(format!("{value:?}").as_bytes()).to_text()
}

/// Names that columns were noted under, each with the name it has now.
fn renamed(
    connection: &Connection,
    layout: &Layout,
    known: &BTreeMap<String, Note>,
) -> Result<Vec<(String, String)>, TableError> {
    let sql: Option<String> = connection
        .prepare_cached("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?1")?
        .query_row([trigger_name(layout)], |row| row.get(0))
        .optional()?;
    let now = sql.and_then(|sql| expression::update_of(&sql));
    let mut noted: Vec<(i64, &String)> = known
        .iter()
        .filter_map(|(name, note)| Some((note.place?, name)))
        .collect();
    noted.sort();
    let noted = noted.into_iter().map(|(_, name)| name.clone());
    Ok(match now {
        Some(now) if now.len() == noted.len() => noted.zip(now).collect(),
        _ => Vec::new(),
    })
}

/// Whether what was noted is not the latest.
pub(super) fn is_stale(connection: &Connection, layout: &Layout) -> Result<bool, TableError> {
    let Some(noted) = layout.noted else {
        return Ok(false);
    };
    let seq = seq_now(connection, layout)?;
    Ok(noted.version != version(connection)? || noted.seq != seq)
}

fn seq_now(connection: &Connection, layout: &Layout) -> Result<Option<i64>, TableError> {
    Ok(match layout.captured {
        true => Some(feed::Place::now(connection, layout)?.seq()),
        false => None,
    })
}

/// Notes which columns there are.
pub(super) fn note(connection: &Connection, layout: &Layout) -> Result<(), TableError> {
    let notes = quote(&notes_name(layout));
    // `place` is of columns that are there, `life` how many there were of that name.
    connection.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS {notes}(name TEXT PRIMARY KEY, place INTEGER,
           life INTEGER NOT NULL, blank INTEGER NOT NULL, sample TEXT, held TEXT,
           version INTEGER, seq INTEGER);
         UPDATE {notes} SET place = NULL;"
    ))?;
    let mut put = connection.prepare(&format!(
        "INSERT INTO {notes}(name, place, life, blank, sample, held) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT(name) DO UPDATE
           SET place = ?2, life = ?3, blank = ?4, sample = ?5, held = ?6"
    ))?;
    let mut samples = 0;
    for life in layout.lives.iter().rev() {
        let wanted = samples < SAMPLES;
        let sample = match wanted {
            true => life.sample(connection, layout)?,
            false => None,
        };
        samples += u32::from(sample.is_some());
        let blank = wanted && sample.is_none();
        let (key, held) = sample.map(|sample| (sample.key, sample.held)).unzip();
        put.execute((&life.name, life.place, life.number, blank, key, held))?;
    }
    let seq = seq_now(connection, layout)?;
    match seq {
        Some(_) => follow_names(connection, layout)?,
        None => drop_names(connection, layout)?,
    }
    // Last of all: making the trigger is a change of the schema.
    let sql = format!("UPDATE {notes} SET version = ?1, seq = ?2");
    connection.execute(&sql, (version(connection)?, seq))?;
    Ok(())
}

/// The trigger that does nothing and names every column.
fn follow_names(connection: &Connection, layout: &Layout) -> Result<(), TableError> {
    let names: Vec<String> = layout.lives.iter().map(|life| quote(&life.name)).collect();
    let trigger = quote(&trigger_name(layout));
    let wanted = format!(
        "CREATE TRIGGER {trigger} AFTER UPDATE OF {} ON {} WHEN 0\nBEGIN\n  SELECT 1;\nEND",
        names.join(", "),
        layout.quoted()
    );
    let is_there = connection
        .prepare("SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND sql = ?1")?
        .exists([&wanted])?;
    if !is_there {
        drop_names(connection, layout)?;
        connection.execute_batch(&wanted)?;
    }
    Ok(())
}

fn drop_names(connection: &Connection, layout: &Layout) -> rusqlite::Result<()> {
    let trigger = quote(&trigger_name(layout));
    connection.execute_batch(&format!("DROP TRIGGER IF EXISTS {trigger}"))
}

/// Goes on with the notes after a change of the schema that is sync's own.
pub(super) fn follow_version(
    connection: &Connection,
    layout: &Layout,
    before: i64,
) -> Result<(), TableError> {
    if layout.noted.is_some() {
        let notes = quote(&notes_name(layout));
        let sql = format!("UPDATE {notes} SET version = ?1 WHERE version = ?2");
        connection.execute(&sql, (version(connection)?, before))?;
    }
    Ok(())
}

/// Nothing notes changes any more; which columns there are is remembered.
pub(super) fn stop(connection: &Connection, layout: &Layout) -> Result<(), TableError> {
    drop_names(connection, layout)?;
    if has_notes(connection, layout)? {
        let notes = quote(&notes_name(layout));
        connection.execute_batch(&format!("UPDATE {notes} SET seq = NULL"))?;
    }
    Ok(())
}

/// Takes the notes away.
pub(super) fn remove(connection: &Connection, layout: &Layout) -> Result<(), TableError> {
    let notes = quote(&notes_name(layout));
    Ok(connection.execute_batch(&format!("DROP TABLE IF EXISTS {notes}"))?)
}
