//! Triggers of a replica table: they refuse what cannot be synced and note what was edited.
//!
//! Plain SQL only, so that they work in every tool. Three things of SQLite shape them. BEFORE
//! INSERT triggers fire for upserts too, so an INSERT is judged before and refused after. REPLACE
//! deletes without firing delete triggers, so it is noticed by what was there before. An outer
//! `OR` clause overrides conflict clauses inside triggers, so none is used here; and with `OR FAIL` a
//! statement can end in the middle of a trigger and keep what it did, so nothing here opens the gate.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::align::column_names;
use super::checks::{self, Moment};
use super::column::Column;
use super::names::{FIXED, literal, quote, same};
use super::table::Table;
use crate::error::Result;
use crate::views::replace;

/// Why a column takes no edits that is not synced any more.
pub(crate) const GONE: &str = "gone from its source, or followed by a newer column";

const SUFFIXES: [&str; 5] = [
    "before_insert",
    "after_insert",
    "before_update",
    "after_update",
    "before_delete",
];

fn name_of(table: &Table, suffix: &str) -> String {
    format!("_sync_{}_{suffix}", table.name)
}

/// Whether the table has all of its triggers, however they read.
pub(crate) fn are_there(connection: &Connection, table: &Table) -> Result<bool> {
    Ok(of_table(connection, table)?.len() == SUFFIXES.len())
}

/// Those of a table's triggers that are there, and how they were made. One look: SQLite has no index of its
/// schema.
pub(crate) fn of_table(connection: &Connection, table: &Table) -> Result<BTreeMap<String, String>> {
    let mut statement = connection.prepare_cached(
        "SELECT name, sql FROM sqlite_master
         WHERE type = 'trigger' AND name COLLATE NOCASE IN (?1, ?2, ?3, ?4, ?5)",
    )?;
    let names = SUFFIXES.map(|suffix| name_of(table, suffix));
    let triggers = statement.query_map(names, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(triggers.collect::<rusqlite::Result<_>>()?)
}

/// Makes or replaces the triggers of a table, where they differ.
pub(crate) fn rebuild(connection: &Connection, table: &Table, source: &str) -> Result<()> {
    let there = column_names(connection, &table.name)?;
    let triggers = of_table(connection, table)?;
    let left = table.columns.iter().filter(|column| {
        let fixed = FIXED.contains(&column.name.as_str());
        // Who dropped such a column needs no trigger that names it.
        let is_there = || there.iter().any(|name| same(name, &column.name));
        !column.mapped && !fixed && !column.is_body() && is_there()
    });
    let writer = Writer {
        table,
        source,
        gone: left.map(|column| column.name.clone()).collect(),
    };
    for suffix in SUFFIXES {
        let event = suffix.replace('_', " ").to_uppercase();
        let body = match suffix {
            "before_insert" => writer.before_insert(),
            "after_insert" => writer.after_insert(),
            "before_update" => writer.before_update(),
            "after_update" => writer.after_update(),
            _ => writer.before_delete(),
        };
        let name = name_of(table, suffix);
        let row = if suffix == "before_delete" {
            "OLD"
        } else {
            "NEW"
        };
        let sql = format!(
            "CREATE TRIGGER {} {event} ON {}\nWHEN (SELECT applying FROM _sync_gate
  WHERE tbl IS NULL OR (tbl = {} AND row = {row}._row)) IS NOT 1\nBEGIN\n{body}END",
            quote(&name),
            table.quoted(),
            literal(&table.name),
        );
        let there = triggers.get(&name).map(String::as_str);
        replace(connection, "trigger", &name, there, &sql)?;
    }
    Ok(())
}

struct Writer<'a> {
    table: &'a Table,
    source: &'a str,
    /// Columns that are not synced any more.
    gone: Vec<String>,
}

impl Writer<'_> {
    fn editable(&self) -> impl Iterator<Item = &Column> {
        self.table.own().filter(|column| !column.projected())
    }

    /// Columns nobody edits here, and why. `_trashed`, `_state` and `_row` have own rules. What left the
    /// sync is among them: an edit of it would go nowhere.
    fn closed(&self) -> Vec<(String, String)> {
        let given = format!("computed by {}", self.source);
        let mut closed: Vec<(String, String)> = ["_id", "_url", "_created", "_edited"]
            .map(|name| (name.to_owned(), given.clone()))
            .into();
        for column in self.table.own() {
            let why = column.closed.clone();
            if let Some(why) = why.filter(|_| !FIXED.contains(&column.name.as_str())) {
                closed.push((column.name.clone(), why));
            }
        }
        closed.extend(
            self.gone
                .iter()
                .map(|name| (name.clone(), format!("{GONE},"))),
        );
        closed
    }

    fn before_insert(&self) -> String {
        let table = self.table.quoted();
        let mut body = format!(
            "  UPDATE _sync_gate SET replacing = EXISTS (SELECT 1 FROM {table} WHERE _id = NEW._id)
    OR EXISTS (SELECT 1 FROM {table} WHERE _row = NEW._row);\n"
        );
        // The largest number would leave no room for the next row. It is -1 here when left out.
        body.push_str(&refuse(
            "leave _row empty: it is counted here",
            "NEW._row > 4503599627370496",
        ));
        checks::write(&mut body, self.table, Moment::Insert);
        body
    }

    fn after_insert(&self) -> String {
        let source = self.source;
        let mut body = refuse(
            "INSERT OR REPLACE would clear the columns it does not name; \
             use INSERT … ON CONFLICT(_id) DO UPDATE SET …",
            "(SELECT replacing FROM _sync_gate) <> 0",
        );
        if let Some(why) = &self.table.fixed_rows {
            body.push_str(&refuse(&format!("no rows are added here: {why}"), "1"));
        }
        body.push_str(&refuse(
            &format!("leave _id empty: {source} gives it"),
            "NEW._id IS NOT NULL",
        ));
        body.push_str(&refuse(
            "leave _row empty: it is counted here",
            "NEW._row < 1 OR NEW._row > 9007199254740991",
        ));
        body.push_str(&refuse(
            "_state is kept by sync and cannot be edited; leave it out",
            "NEW._state <> 'pending'",
        ));
        body.push_str(&refuse(
            "a new row is not in the trash; leave _trashed out",
            "NEW._trashed = 1",
        ));
        for (name, why) in self.closed().iter().filter(|(name, _)| name != "_id") {
            body.push_str(&refuse(
                &format!("{name} is {why} and cannot be edited; leave it empty"),
                &format!("NEW.{} IS NOT NULL", quote(name)),
            ));
        }
        let table = literal(&self.table.name);
        body.push_str(&format!(
            "  INSERT INTO _sync_capture(tbl, row, col) VALUES ({table}, NEW._row, '_row');
  INSERT INTO _sync_pending(tbl, row, col) SELECT {table}, NEW._row, '_row'
    WHERE NOT EXISTS (SELECT 1 FROM _sync_pending WHERE tbl = {table} AND row = NEW._row AND col = '_row');\n"
        ));
        body.push_str(&self.keys(|_| "1".to_owned()));
        body
    }

    fn before_update(&self) -> String {
        let mut body = refuse(
            "_row is the row's own number and cannot be edited",
            "NEW._row IS NOT OLD._row",
        );
        let table = literal(&self.table.name);
        // The trigger after an edit writes this one.
        body.push_str(&refuse(
            "_state is kept by sync and cannot be edited",
            &format!(
                "NEW._state IS NOT OLD._state AND NOT (OLD._state = 'clean' AND NEW._state = 'pending'
    AND EXISTS (SELECT 1 FROM _sync_pending WHERE tbl = {table} AND row = OLD._row))"
            ),
        ));
        if let Some(why) = &self.table.fixed_rows {
            body.push_str(&refuse(
                &format!("_trashed cannot be edited here: {why}"),
                "NEW._trashed IS NOT OLD._trashed",
            ));
        }
        for (name, why) in self.closed() {
            let column = quote(&name);
            body.push_str(&refuse(
                &format!("{name} is {why} and cannot be edited"),
                &format!("NEW.{column} IS NOT OLD.{column}"),
            ));
        }
        let values = |row: &str| {
            let columns = self.editable().map(|column| quote(&column.name));
            let columns: Vec<String> = columns.map(|name| format!("{row}.{name}")).collect();
            format!("({})", columns.join(", "))
        };
        if self.editable().next().is_some() {
            let (new, old) = (values("NEW"), values("OLD"));
            let rests = trash_is_settled(&table, "OLD._row");
            body.push_str(&refuse(
                IN_THE_TRASH,
                &format!(
                    "OLD._trashed = 1 AND NEW._trashed = 1 AND {new} IS NOT {old}\n    AND {rests}"
                ),
            ));
        }
        checks::write(&mut body, self.table, Moment::Update);
        // Before, not after: what a trigger of the person's own edits while the trigger below runs
        // does not make that one run again. An edit that is then refused is found to be none.
        let columns = self.editable().map(|column| column.name.as_str());
        for name in columns.chain(["_trashed"]) {
            let (column, name) = (quote(name), literal(name));
            body.push_str(&format!(
                "  INSERT INTO _sync_capture(tbl, row, col)
    SELECT {table}, NEW._row, {name} WHERE OLD.{column} IS NOT NEW.{column};
  INSERT INTO _sync_pending(tbl, row, col, base)
    SELECT {table}, NEW._row, {name}, OLD.{column} WHERE OLD.{column} IS NOT NEW.{column}
      AND NOT EXISTS (SELECT 1 FROM _sync_pending WHERE tbl = {table} AND row = NEW._row AND col = {name});\n"
            ));
        }
        body
    }

    fn after_update(&self) -> String {
        let mut body = format!(
            "  UPDATE {} SET _state = 'pending' WHERE _row = NEW._row AND _state = 'clean'
    AND EXISTS (SELECT 1 FROM _sync_pending WHERE tbl = {} AND row = NEW._row);\n",
            self.table.quoted(),
            literal(&self.table.name)
        );
        body.push_str(&self.keys(|name| format!("NEW.{name} IS NOT OLD.{name}")));
        body
    }

    fn before_delete(&self) -> String {
        format!(
            "  SELECT RAISE(ABORT, {});\n",
            literal("rows are not deleted here; set _trashed = 1 instead")
        )
    }

    /// Puts keys where people may write something else for them. That is an update by itself, judged
    /// and noted like the edit that brought it.
    fn keys(&self, changed: impl Fn(&str) -> String) -> String {
        let table = self.table.quoted();
        let mut updates = String::new();
        for column in self.editable() {
            if let Some(keys) = checks::keys(column) {
                let name = quote(&column.name);
                updates.push_str(&format!(
                    "  UPDATE {table} SET {name} = {keys} WHERE _row = NEW._row AND {}\n    \
                     AND EXISTS (SELECT 1 FROM json_each(nullif(NEW.{name}, '')) WHERE type = 'text');\n",
                    changed(&name)
                ));
            }
        }
        updates
    }
}

/// Why nothing is edited that both sides have in the trash: the source takes no edits there, so it would
/// wait until somebody takes the row out.
pub(crate) const IN_THE_TRASH: &str = "rows in the trash take no edits; set _trashed = 0 as well to take \
     them out, or leave them out with WHERE _trashed = 0";

/// In SQL, of a row with `_trashed = 1`: whether that is no edit that waits. `table` is a literal.
pub(crate) fn trash_is_settled(table: &str, row: &str) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM _sync_pending AS trash
    WHERE trash.tbl = {table} AND trash.row = {row} AND trash.col = '_trashed' AND trash.base = 0)"
    )
}

/// Refuses the statement with a sentence where a condition holds.
pub(super) fn refuse(sentence: &str, condition: &str) -> String {
    format!(
        "  SELECT RAISE(ABORT, {}) WHERE {condition};\n",
        literal(sentence)
    )
}
