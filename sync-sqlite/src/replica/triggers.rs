//! Triggers of a replica table: they refuse what cannot be synced and note what was edited.
//!
//! Plain SQL only, so that they work in every tool. Three things of SQLite shape them. BEFORE
//! INSERT triggers fire for upserts too, so an INSERT is judged before and refused after. REPLACE
//! deletes without firing delete triggers, so it is noticed by what was there before. An outer
//! `OR` clause overrides conflict clauses inside triggers, so none is used here.

use rusqlite::Connection;

use super::cells::Form;
use super::names::{FIXED, literal, quote};
use super::table::{Column, Table};
use crate::error::Result;
use crate::views::ensure;

/// Makes or replaces the triggers of a table, where they differ.
pub(crate) fn rebuild(connection: &Connection, table: &Table, source: &str) -> Result<()> {
    let writer = Writer { table, source };
    for (suffix, event, body) in [
        ("before_insert", "BEFORE INSERT", writer.before_insert()),
        ("after_insert", "AFTER INSERT", writer.after_insert()),
        ("before_update", "BEFORE UPDATE", writer.before_update()),
        ("after_update", "AFTER UPDATE", writer.after_update()),
        ("before_delete", "BEFORE DELETE", writer.before_delete()),
    ] {
        let name = format!("_sync_{}_{suffix}", table.name);
        let sql = format!(
            "CREATE TRIGGER {} {event} ON {} WHEN (SELECT applying FROM _sync_gate) = 0\nBEGIN\n{body}END",
            quote(&name),
            table.quoted(),
        );
        ensure(connection, "trigger", &name, &sql)?;
    }
    Ok(())
}

struct Writer<'a> {
    table: &'a Table,
    source: &'a str,
}

impl Writer<'_> {
    fn editable(&self) -> impl Iterator<Item = &Column> {
        self.table.mapped().filter(|column| !column.projected)
    }

    /// Columns nobody edits here, with the quoted name. `_trashed` and `_row` have own rules.
    fn computed(&self) -> Vec<String> {
        let mut names: Vec<String> = ["_id", "_url", "_created", "_edited"]
            .map(str::to_owned)
            .into();
        for column in self.table.mapped().filter(|column| column.projected) {
            if !FIXED.contains(&column.name.as_str()) {
                names.push(column.name.clone());
            }
        }
        names
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
        self.checks(&mut body);
        body
    }

    fn after_insert(&self) -> String {
        let source = self.source;
        let mut body = refuse(
            "INSERT OR REPLACE would clear the columns it does not name; \
             use INSERT … ON CONFLICT(_id) DO UPDATE SET …",
            "(SELECT replacing FROM _sync_gate) <> 0",
        );
        body.push_str(&refuse(
            &format!("leave _id empty: {source} gives it"),
            "NEW._id IS NOT NULL",
        ));
        body.push_str(&refuse(
            "leave _row empty: it is counted here",
            "NEW._row < 1 OR NEW._row > 9007199254740991",
        ));
        for name in self.computed().iter().filter(|name| *name != "_id") {
            body.push_str(&refuse(
                &format!("{name} is computed by {source} and cannot be edited; leave it empty"),
                &format!("NEW.{} IS NOT NULL", quote(name)),
            ));
        }
        let table = literal(&self.table.name);
        body.push_str(&format!(
            "  INSERT INTO _sync_capture(tbl, row, col) VALUES ({table}, NEW._row, '_row');
  INSERT INTO _sync_pending(tbl, row, col) SELECT {table}, NEW._row, '_row'
    WHERE NOT EXISTS (SELECT 1 FROM _sync_pending WHERE tbl = {table} AND row = NEW._row AND col = '_row');\n"
        ));
        body
    }

    fn before_update(&self) -> String {
        let source = self.source;
        let mut body = refuse(
            "_row is the row's own number and cannot be edited",
            "NEW._row IS NOT OLD._row",
        );
        for name in self.computed() {
            let column = quote(&name);
            body.push_str(&refuse(
                &format!("{name} is computed by {source} and cannot be edited"),
                &format!("NEW.{column} IS NOT OLD.{column}"),
            ));
        }
        self.checks(&mut body);
        body
    }

    fn after_update(&self) -> String {
        let mut body = String::new();
        let table = literal(&self.table.name);
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

    fn before_delete(&self) -> String {
        format!(
            "  SELECT RAISE(ABORT, {});\n",
            literal("rows are not deleted here; set _trashed = 1 instead")
        )
    }

    /// What a value may not be, column by column.
    fn checks(&self, body: &mut String) {
        body.push_str(&refuse(
            "_trashed is 1 (in the trash) or 0",
            "NEW._trashed NOT IN (0, 1)",
        ));
        for column in self.editable() {
            let value = format!("NEW.{}", quote(&column.name));
            let name = &column.name;
            match column.form() {
                Form::Number => body.push_str(&refuse(
                    &format!("{name} takes a number, like 12, -0.5 or 1e6"),
                    &number_is_wrong(&value),
                )),
                Form::Checkbox => body.push_str(&refuse(
                    &format!("{name} is a checkbox: 1 for yes, 0 for no"),
                    &format!("{value} NOT IN (0, 1)"),
                )),
                Form::Choices => body.push_str(&refuse(
                    &format!("{name} takes a JSON array of names, like [\"a\",\"b\"]"),
                    &choices_are_wrong(&value),
                )),
                Form::Date => body.push_str(&date_check(name, &value)),
                Form::Text | Form::Choice | Form::Any => {}
            }
        }
    }
}

fn refuse(sentence: &str, condition: &str) -> String {
    format!(
        "  SELECT RAISE(ABORT, {}) WHERE {condition};\n",
        literal(sentence)
    )
}

fn number_is_wrong(value: &str) -> String {
    format!(
        "CASE typeof({value})
      WHEN 'text' THEN {value} <> '' AND CASE WHEN json_valid({value})
        THEN json_type({value}) NOT IN ('integer', 'real') ELSE 1 END
      WHEN 'real' THEN abs({value}) > 1.7976931348623157e308
      ELSE typeof({value}) = 'blob' END"
    )
}

fn choices_are_wrong(value: &str) -> String {
    format!(
        "{value} <> '' AND CASE WHEN json_valid({value})
      THEN CASE WHEN json_type({value}) = 'array'
        THEN EXISTS (SELECT 1 FROM json_each({value}) WHERE type <> 'text') ELSE 1 END ELSE 1 END"
    )
}

/// Both ends of a range are judged alike. `date()` mends 30 February, so it is compared; older versions
/// of SQLite (3.40 is one) mend it only on the way to another day.
fn date_check(name: &str, value: &str) -> String {
    let day = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]";
    let malformed = literal(&format!(
        "{name} takes a date: write 2026-06-15, 2026-06-15T14:30:00+09:00 or start/end"
    ));
    let no_offset = literal(&format!(
        "{name} needs an offset with a time: write 2026-06-15T14:30:00+09:00, or Z for UTC"
    ));
    format!(
        "  SELECT CASE
    WHEN substr(p, 1, 10) NOT GLOB '{day}' OR date(substr(p, 1, 10), '+0 days') IS NOT substr(p, 1, 10)
      THEN RAISE(ABORT, {malformed})
    WHEN length(p) = 10 THEN NULL
    WHEN p NOT GLOB '??????????[Tt ][0-2][0-9]:[0-5][0-9]*' OR time(substr(p, 12, 5)) IS NULL
      OR substr(p, 17) GLOB '*[^0-9:.Zz+-]*'
      THEN RAISE(ABORT, {malformed})
    WHEN p NOT GLOB '*[Zz]' AND substr(p, 17) NOT GLOB '*[+-][0-9][0-9]'
      AND substr(p, 17) NOT GLOB '*[+-][0-9][0-9][0-9][0-9]'
      AND substr(p, 17) NOT GLOB '*[+-][0-9][0-9]:[0-9][0-9]'
      THEN RAISE(ABORT, {no_offset})
  END FROM (
    SELECT trim(CASE WHEN instr({value}, '/') > 0
      THEN substr({value}, 1, instr({value}, '/') - 1) ELSE {value} END) AS p
    UNION ALL SELECT trim(substr({value}, instr({value}, '/') + 1)) WHERE instr({value}, '/') > 0
  ) WHERE {value} <> '';\n"
    )
}
