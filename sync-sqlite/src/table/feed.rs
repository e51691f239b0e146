//! Side tables: what changed in somebody else's table, and which rows were made by which command.
//!
//! Plain triggers note the keys of changed rows in `_sync_feed_<table>`. They read columns of the key
//! and of unique indexes only, so that other columns can come and go. Three things of SQLite shape
//! them: REPLACE deletes rows without firing delete triggers, so before a row is written the rows it
//! would push out are noted; an outer `OR` clause overrides conflict clauses inside triggers, so none
//! is used; and comparisons follow the collation of the index, not of the column.

use notion_sync_core::port::{Cursor, FieldSet, Proof, Sighting};
use notion_sync_core::record::Key;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::beside::Beside;
use super::error::TableError;
use super::layout::{Layout, Term, Unique};
use super::lives;
use super::rows::keyless;
use crate::marks::Marked;
use crate::replica::quote;

/// The format of side tables this build writes.
const FORMAT: u32 = 2;

/// The table of one row that says which format that is, and how often sync wrote to the file.
pub(super) const SIDE: &str = "_sync_side";

/// Entries of a feed that are kept when capture starts again. Whoever read longer ago reads the table
/// whole.
const KEPT: i64 = 100_000;

/// Markers that are kept: far more than any store has commands under way.
const BIRTHS: i64 = 20_000;

/// What the names of triggers end with.
const SUFFIXES: [&str; 5] = [
    "before_insert",
    "after_insert",
    "before_update",
    "after_update",
    "after_delete",
];

pub(super) fn feed_name(layout: &Layout) -> String {
    format!("_sync_feed_{}", layout.name)
}

fn births_name(layout: &Layout) -> String {
    format!("_sync_births_{}", layout.name)
}

/// `k1, k2`: the columns of a side table that hold a key.
fn k(layout: &Layout) -> String {
    let names = (1..=layout.key.len()).map(|at| format!("k{at}"));
    names.collect::<Vec<_>>().join(", ")
}

fn marks(layout: &Layout) -> String {
    vec!["?"; layout.key.len()].join(", ")
}

/// Finds out which side tables there are and whether the triggers are as they should be.
pub(super) fn look(connection: &Connection, layout: &mut Layout) -> Result<(), TableError> {
    let is_there = |name: &str| is_there(connection, name);
    if format(connection)?.is_none() {
        return Ok(());
    }
    let has_births = is_there(&births_name(layout))?
        && key_width(connection, &births_name(layout))? == layout.key.len();
    layout.set_births(has_births);
    // A feed always has an entry: one that somebody emptied may have missed anything.
    let is_fed = is_there(&feed_name(layout))? && Place::last(connection, layout)?.is_some();
    if layout.unreadable.is_some() || !is_fed {
        return Ok(());
    }
    let mut sql = connection
        .prepare_cached("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?1")?;
    for (name, wanted) in triggers(layout) {
        let there: Option<String> = sql.query_row([name], |row| row.get(0)).optional()?;
        if there.as_deref() != Some(wanted.as_str()) {
            return Ok(());
        }
    }
    layout.captured = key_width(connection, &feed_name(layout))? == layout.key.len();
    Ok(())
}

/// How many columns of a side table hold the key.
fn key_width(connection: &Connection, table: &str) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("SELECT count(*) FROM pragma_table_info(?1) WHERE name GLOB 'k[0-9]*'")?
        .query_row([table], |row| row.get(0))
}

fn is_there(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")?
        .exists([table])
}

/// The format of the side tables; `None` where there are none.
fn format(connection: &Connection) -> Result<Option<u32>, TableError> {
    if !is_there(connection, SIDE)? {
        return Ok(None);
    }
    let sql = "SELECT format FROM _sync_side";
    let found: u32 = connection.query_row(sql, [], |row| row.get(0))?;
    match found > FORMAT {
        true => Err(TableError::Newer {
            found,
            known: FORMAT,
        }),
        false => Ok(Some(found)),
    }
}

/// How often sync wrote to the file, where that is counted.
pub(super) fn marked(connection: &Connection) -> Result<Option<Marked>, TableError> {
    match format(connection)? {
        Some(FORMAT) => Ok(Some(Marked::load(connection, SIDE)?)),
        _ => Ok(None),
    }
}

/// Makes the table that counts, or what it lacks.
pub(super) fn make_side(connection: &Connection) -> Result<(), TableError> {
    match format(connection)? {
        Some(FORMAT) => return Ok(()),
        Some(_) => {}
        None => connection.execute_batch(
            "CREATE TABLE _sync_side(
               one INTEGER PRIMARY KEY CHECK (one = 1), format INTEGER NOT NULL);
             INSERT INTO _sync_side VALUES (1, 1)",
        )?,
    }
    connection.execute_batch(&format!(
        "ALTER TABLE _sync_side ADD COLUMN lineage TEXT;
         ALTER TABLE _sync_side ADD COLUMN durable INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE _sync_side ADD COLUMN beside TEXT;
         UPDATE _sync_side SET format = {FORMAT}"
    ))?;
    Marked::begin(connection, SIDE)?;
    Ok(())
}

/// Makes triggers and feed where they are missing or not as they should be. A feed that may have
/// missed something is begun anew, and every cursor into the old one counts for nothing.
pub(super) fn start(
    connection: &Connection,
    layout: &Layout,
    beside: &Beside,
) -> Result<Option<Marked>, TableError> {
    if let Some(index) = &layout.unreadable {
        return Err(TableError::UnseenReplace {
            table: layout.name.clone(),
            index: index.clone(),
        });
    }
    let feed = quote(&feed_name(layout));
    if layout.captured {
        let prune =
            format!("DELETE FROM {feed} WHERE seq <= (SELECT max(seq) FROM {feed}) - {KEPT}");
        // Rows whose entries go would look as if nobody had written to them since.
        lives::note(connection, layout)?;
        connection.execute(&prune, [])?;
        return Ok(None);
    }
    stop(connection, layout)?;
    let marked = beside.count(connection)?;
    let k = k(layout);
    let id: i64 = connection.query_row("SELECT random() >> 32", [], |row| row.get(0))?;
    connection.execute_batch(&format!(
        "CREATE TABLE {feed}(seq INTEGER PRIMARY KEY,
           mark INTEGER NOT NULL DEFAULT (({id} << 32) | (random() & 4294967295)), {k});
         CREATE INDEX {} ON {feed}({k});
         INSERT INTO {feed} DEFAULT VALUES;",
        quote(&format!("{}_keys", feed_name(layout)))
    ))?;
    for (_, sql) in triggers(layout) {
        connection.execute_batch(&sql)?;
    }
    let mut layout = layout.clone();
    layout.captured = true;
    lives::note(connection, &layout)?;
    Ok(Some(marked))
}

/// Takes triggers and feed away.
pub(super) fn stop(connection: &Connection, layout: &Layout) -> Result<(), TableError> {
    for suffix in SUFFIXES {
        let name = quote(&format!("{}_{suffix}", feed_name(layout)));
        connection.execute_batch(&format!("DROP TRIGGER IF EXISTS {name}"))?;
    }
    let feed = quote(&feed_name(layout));
    connection.execute_batch(&format!("DROP TABLE IF EXISTS {feed}"))?;
    lives::stop(connection, layout)
}

/// Takes everything away that was ever made for this table. Says whether it was the last of its file.
pub(super) fn remove(connection: &Connection, layout: &Layout) -> Result<bool, TableError> {
    stop(connection, layout)?;
    lives::remove(connection, layout)?;
    let births = quote(&births_name(layout));
    connection.execute_batch(&format!("DROP TABLE IF EXISTS {births}"))?;
    let side = "SELECT count(*) FROM sqlite_master WHERE type = 'table'
                AND (name GLOB '_sync_feed_*' OR name GLOB '_sync_births_*'
                  OR name GLOB '_sync_columns_*')";
    let left: u64 = connection.query_row(side, [], |row| row.get(0))?;
    if left == 0 {
        connection.execute_batch("DROP TABLE IF EXISTS _sync_side")?;
    }
    Ok(left == 0)
}

/// Names and statements of the triggers.
fn triggers(layout: &Layout) -> Vec<(String, String)> {
    let (table, feed, k) = (layout.quoted(), quote(&feed_name(layout)), k(layout));
    let (old, new) = (layout.key_columns("OLD."), layout.key_columns("NEW."));
    let note = |key: &str| format!("  INSERT INTO {feed}({k}) VALUES ({key});\n");
    let moved = layout.key.iter().map(|key| {
        let column = quote(&key.name);
        format!("NEW.{column} IS NOT OLD.{column} COLLATE BINARY")
    });
    let moved = moved.collect::<Vec<_>>().join(" OR ");
    let pushed_out = |is_update| -> String {
        let uniques = layout.uniques.iter();
        uniques
            .map(|unique| {
                format!(
                    "  INSERT INTO {feed}({k}) SELECT {} FROM {table} WHERE {};\n",
                    layout.key_columns(""),
                    pushes_out(unique, is_update)
                )
            })
            .collect()
    };
    let bodies = [
        ("BEFORE INSERT", pushed_out(false)),
        ("AFTER INSERT", note(&new)),
        ("BEFORE UPDATE", pushed_out(true)),
        (
            "AFTER UPDATE",
            format!(
                "{}  INSERT INTO {feed}({k}) SELECT {new} WHERE {moved};\n",
                note(&old)
            ),
        ),
        ("AFTER DELETE", note(&old)),
    ];
    SUFFIXES
        .into_iter()
        .zip(bodies)
        // SQLite takes no trigger without a statement.
        .filter(|(_, (_, body))| !body.is_empty())
        .map(|(suffix, (event, body))| {
            let name = format!("{}_{suffix}", feed_name(layout));
            let sql = format!(
                "CREATE TRIGGER {} {event} ON {table}\nBEGIN\n{body}END",
                quote(&name)
            );
            (name, sql)
        })
        .collect()
}

/// The rows that a new one would push out by REPLACE. A partial index pushes out fewer.
fn pushes_out(unique: &Unique, is_update: bool) -> String {
    let mut conditions: Vec<String> = unique.0.iter().map(is_equal).collect();
    if is_update {
        // Looked for only where the update touches it.
        let columns = unique.0.iter().flat_map(|term| &term.columns);
        let touched = columns.map(|column| {
            let column = quote(column);
            format!("NEW.{column} IS NOT OLD.{column} COLLATE BINARY")
        });
        conditions.push(format!("({})", touched.collect::<Vec<_>>().join(" OR ")));
    }
    conditions.join(" AND ")
}

/// Whether a row holds the same as the new one. An expression finds the new row's columns under their
/// own names.
fn is_equal(term: &Term) -> String {
    let collation = quote(&term.collation);
    let is_column = matches!(term.columns.as_slice(), [only] if quote(only) == term.sql);
    if is_column {
        return format!("{} = NEW.{} COLLATE {collation}", term.sql, term.sql);
    }
    let columns = term.columns.iter().map(|column| {
        let column = quote(column);
        format!("NEW.{column} AS {column}")
    });
    format!(
        "({}) COLLATE {collation} = (SELECT {} FROM (SELECT {}))",
        term.sql,
        term.sql,
        columns.collect::<Vec<_>>().join(", ")
    )
}

/// A place in the feed: an entry, and the number that tells it from one of another feed or history. Its
/// upper half is the feed's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    seq: i64,
    mark: i64,
}

impl Place {
    /// The last entry.
    pub(super) fn now(connection: &Connection, layout: &Layout) -> Result<Self, TableError> {
        let last = Self::last(connection, layout)?;
        last.ok_or_else(|| rusqlite::Error::QueryReturnedNoRows.into())
    }

    fn last(connection: &Connection, layout: &Layout) -> rusqlite::Result<Option<Self>> {
        let sql = format!(
            "SELECT seq, mark FROM {} ORDER BY seq DESC LIMIT 1",
            quote(&feed_name(layout))
        );
        let entry = |row: &rusqlite::Row<'_>| {
            Ok(Self {
                seq: row.get(0)?,
                mark: row.get(1)?,
            })
        };
        connection
            .prepare_cached(&sql)?
            .query_row([], entry)
            .optional()
    }

    /// The place of a cursor.
    pub(super) fn of(cursor: &Cursor) -> Option<Self> {
        let mut parts = cursor.0.split(' ').map(str::parse);
        match (parts.next(), parts.next()) {
            (Some(Ok(seq)), Some(Ok(mark))) => Some(Self { seq, mark }),
            _ => None,
        }
    }

    /// What became of a place since, in a feed that stands at `now`.
    pub(super) fn fate(
        self,
        connection: &Connection,
        layout: &Layout,
        now: Self,
    ) -> Result<Fate, TableError> {
        let feed = quote(&feed_name(layout));
        let sql = format!("SELECT 1 FROM {feed} WHERE seq = ?1 AND mark = ?2");
        let is_there = connection
            .prepare_cached(&sql)?
            .exists([self.seq, self.mark])?;
        if is_there {
            return Ok(Fate::Kept);
        }
        let sql = format!("SELECT min(seq) FROM {feed}");
        let first: i64 = connection
            .prepare_cached(&sql)?
            .query_row([], |row| row.get(0))?;
        let is_same = self.mark >> 32 == now.mark >> 32;
        Ok(match is_same && self.seq >= first {
            true => Fate::Undone,
            false => Fate::Forgotten,
        })
    }

    /// What tells the entry from one of another history.
    fn own(self) -> u64 {
        self.mark.cast_unsigned() & 0xffff_ffff
    }

    pub(super) fn seq(self) -> i64 {
        self.seq
    }

    pub(super) fn cursor(self) -> Cursor {
        Cursor(format!("{} {}", self.seq, self.mark))
    }
}

/// What scans have seen of a feed is told beside the file, under this name.
fn seen_as(connection: &Connection, layout: &Layout, at: Place) -> Result<String, TableError> {
    let lineage = marked(connection)?.map_or_else(String::new, |marked| marked.lineage);
    Ok(format!("{lineage}/{}/{}", at.mark >> 32, layout.name))
}

/// Whether the feed lacks what a scan has seen, whichever link it was of.
pub(super) fn lacks_seen(
    connection: &Connection,
    layout: &Layout,
    beside: &Beside,
) -> Result<bool, TableError> {
    if !is_there(connection, &feed_name(layout))? {
        return Ok(false);
    }
    let Some(now) = Place::last(connection, layout)? else {
        return Ok(false);
    };
    let feed = seen_as(connection, layout, now)?;
    let Some((seq, mark)) = beside.seen(&feed) else {
        return Ok(false);
    };
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let table = quote(&feed_name(layout));
    // The entry, and the first there is: it may have been dropped for its age.
    let sql = format!(
        "SELECT seq, mark FROM {table} WHERE seq = ?1 OR seq = (SELECT min(seq) FROM {table})
         ORDER BY seq DESC"
    );
    let mut entries = connection.prepare_cached(&sql)?;
    let mut rows = entries.query([seq])?;
    let mut is_pruned = false;
    while let Some(row) = rows.next()? {
        let entry = Place {
            seq: row.get(0)?,
            mark: row.get(1)?,
        };
        if entry.seq == seq {
            return Ok(entry.own() != mark);
        }
        is_pruned |= entry.seq > seq;
    }
    Ok(!is_pruned)
}

/// What to tell of a scan that ended with this cursor.
pub(super) fn seen(
    connection: &Connection,
    layout: &Layout,
    cursor: Option<&Cursor>,
) -> Result<Option<(String, (u64, u64))>, TableError> {
    let Some(at) = cursor.and_then(Place::of) else {
        return Ok(None);
    };
    let feed = seen_as(connection, layout, at)?;
    Ok(u64::try_from(at.seq)
        .ok()
        .map(|seq| (feed, (seq, at.own()))))
}

/// What became of a place in the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is there.
    Kept,
    /// It was dropped as one of the oldest, or with its feed.
    Forgotten,
    /// The file went back to before it.
    Undone,
}

/// Rows changed by the entries after one and up to another, each once: by its last entry. With the
/// number of the last entry looked at.
pub(super) fn changed(
    connection: &Connection,
    layout: &Layout,
    (after, until): (i64, i64),
    fields: &FieldSet,
    limit: u32,
) -> Result<(Vec<Sighting>, Option<i64>), TableError> {
    let feed = quote(&feed_name(layout));
    let same = (1..=layout.key.len()).map(|at| format!("later.k{at} IS entry.k{at}"));
    let sql = format!(
        "SELECT {}, seq FROM {feed} AS entry WHERE seq > ?1 AND seq <= ?2
           AND NOT EXISTS (SELECT 1 FROM {feed} AS later
             WHERE {} AND later.seq > entry.seq AND later.seq <= ?2)
         ORDER BY seq LIMIT ?3",
        k(layout),
        same.collect::<Vec<_>>().join(" AND "),
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((after, until, limit))?;
    let mut items = Vec::new();
    let mut last = None;
    while let Some(row) = rows.next()? {
        last = Some(row.get(layout.key.len())?);
        items.push(match layout.key_form.key(&layout.key_of(row)?) {
            None => keyless(),
            Some(key) => match layout.record(connection, &key, fields)? {
                Some(record) => Sighting::Seen(record),
                None => Sighting::Tombstone(key, Proof::Tombstone),
            },
        });
    }
    Ok((items, last))
}

/// Makes the side table that remembers which command made which row.
pub(super) fn make_births(connection: &Connection, layout: &Layout) -> Result<(), TableError> {
    let before = lives::version(connection)?;
    make_side(connection)?;
    let (births, k) = (births_name(layout), k(layout));
    let quoted = quote(&births);
    // One that is there is of a former key.
    connection.execute_batch(&format!(
        "DROP TABLE IF EXISTS {quoted};
         CREATE TABLE {quoted}(seq INTEGER PRIMARY KEY, marker TEXT NOT NULL, {k});
         CREATE INDEX {} ON {quoted}({k});
         CREATE INDEX {} ON {quoted}(marker);",
        quote(&format!("{births}_keys")),
        quote(&format!("{births}_markers")),
    ))?;
    lives::follow_version(connection, layout, before)
}

/// Remembers which command made a row.
pub(super) fn note_birth(
    connection: &Connection,
    layout: &Layout,
    marker: &str,
    key: &[Sql],
) -> Result<(), TableError> {
    forget_birth(connection, layout, key)?;
    let births = quote(&births_name(layout));
    let sql =
        format!("DELETE FROM {births} WHERE seq <= (SELECT max(seq) FROM {births}) - {BIRTHS}");
    connection.prepare_cached(&sql)?.execute([])?;
    let sql = format!(
        "INSERT INTO {births}({}, marker) VALUES ({}, ?)",
        k(layout),
        marks(layout)
    );
    let values = key.iter().cloned().chain([Sql::Text(marker.to_owned())]);
    connection
        .prepare_cached(&sql)?
        .execute(params_from_iter(values))?;
    Ok(())
}

/// Forgets who made a row: another one may get its key.
pub(super) fn forget_birth(
    connection: &Connection,
    layout: &Layout,
    key: &[Sql],
) -> Result<(), TableError> {
    if layout.has_births() {
        let equal = (1..=layout.key.len()).map(|at| format!("k{at} IS ?"));
        let sql = format!(
            "DELETE FROM {} WHERE {}",
            quote(&births_name(layout)),
            equal.collect::<Vec<_>>().join(" AND ")
        );
        connection
            .prepare_cached(&sql)?
            .execute(params_from_iter(key))?;
    }
    Ok(())
}

/// The marker of the row `t`, in SQL.
pub(super) fn marker_of_row(layout: &Layout) -> String {
    let births = quote(&births_name(layout));
    // Without the plus the column's affinity would keep the index from being used.
    let keys = layout.key.iter().zip(1..);
    let equal = keys.map(|(key, at)| format!("b.k{at} IS +t.{}", quote(&key.name)));
    format!(
        "(SELECT marker FROM {births} AS b WHERE {} ORDER BY seq DESC LIMIT 1)",
        equal.collect::<Vec<_>>().join(" AND ")
    )
}

/// The row that a marker made.
pub(super) fn born(
    connection: &Connection,
    layout: &Layout,
    marker: &str,
) -> Result<Option<Key>, TableError> {
    if !layout.has_births() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT {} FROM {} WHERE marker = ?1 ORDER BY seq DESC LIMIT 1",
        k(layout),
        quote(&births_name(layout)),
    );
    let key = connection
        .prepare_cached(&sql)?
        .query_row([marker], |row| layout.key_of(row))
        .optional()?;
    Ok(key.and_then(|parts| layout.key_form.key(&parts)))
}
