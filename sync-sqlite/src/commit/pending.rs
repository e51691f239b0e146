//! Keeps the list of pending edits true: an edit is pending while the cell differs from its base.
//! Numbers that people wrote as texts become numbers here.

use notion_sync_core::pair::PairId;
use notion_sync_core::record::{Lifecycle, Record};
use notion_sync_core::value::Value;
use rusqlite::types::Value as Sql;

use super::Work;
use crate::error::Result;
use crate::replica::{self, Column, Form, Table};

impl Work<'_> {
    /// Compares the pending edits of all touched rows with their bases as they are now. Whether there
    /// were any in the table.
    pub(super) fn settle_pending(&mut self) -> Result<bool> {
        let Some(table) = self.table.clone() else {
            return Ok(false);
        };
        let any: bool = self
            .connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM _sync_pending WHERE tbl = ?1)")?
            .query_row([&table.name], |row| row.get(0))?;
        if any {
            for pair in self.pairs.touched() {
                self.settle_row(&table, pair)?;
            }
        }
        Ok(any)
    }

    fn settle_row(&mut self, table: &Table, pair: PairId) -> Result<()> {
        let side = table.source.other();
        let Some(row) = self.pairs.pair(pair)?.key(side).and_then(replica::row_of) else {
            return Ok(());
        };
        let edits: Vec<String> = self
            .connection
            .prepare_cached("SELECT col FROM _sync_pending WHERE tbl = ?1 AND row = ?2")?
            .query_map((&table.name, row), |edit| edit.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        if edits.is_empty() {
            return Ok(());
        }
        let Some(current) = replica::record(self.connection, table, row)? else {
            return Ok(());
        };
        self.put_numbers(table, row, &edits, &current)?;
        let Some(base) = self.pairs.base(pair)? else {
            return Ok(());
        };
        for edit in edits {
            let settled: Option<(Sql, bool)> = if edit == "_row" {
                Some((Sql::Null, true))
            } else if edit == "_trashed" {
                let trashed = base.lifecycle == Lifecycle::Trashed;
                let now = current.lifecycle == Lifecycle::Trashed;
                Some((Sql::Integer(i64::from(trashed)), trashed == now))
            } else if let Some(column) = table.mapped().find(|column| column.name == edit) {
                let name = table.pair_of_fields(column);
                base.fields()
                    .iter()
                    .find(|field| field.name == *name)
                    .and_then(|field| {
                        let value: &Value = &field.values[side];
                        let now = current.cells.complete(&column.id);
                        let written = column.encode(value).ok()?;
                        Some((written, now == Some(value)))
                    })
            } else {
                // Its column left the mapping: nothing will ever settle it.
                Some((Sql::Null, true))
            };
            match settled {
                Some((_, true)) => {
                    self.connection
                        .prepare_cached(
                            "DELETE FROM _sync_pending WHERE tbl = ?1 AND row = ?2 AND col = ?3",
                        )?
                        .execute((&table.name, row, &edit))?;
                }
                Some((written, false)) => {
                    self.connection
                        .prepare_cached(
                            "UPDATE _sync_pending SET base = ?4
                             WHERE tbl = ?1 AND row = ?2 AND col = ?3",
                        )?
                        .execute((&table.name, row, &edit, written))?;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Digits that were written as a text, as imports do, stand as INTEGER or REAL from now on where that
    /// is the same number: what compares and sorts as sync itself would have written it. No value
    /// changes by it. Not done by triggers: each UPDATE in one makes every statement of a person
    /// many times dearer to compile.
    fn put_numbers(
        &self,
        table: &Table,
        row: i64,
        edits: &[String],
        current: &Record,
    ) -> Result<()> {
        let is_edited = |column: &Column| {
            edits
                .iter()
                .any(|edit| *edit == column.name || edit == "_row")
        };
        let numbers = table
            .mapped()
            .filter(|column| column.form() == Form::Number);
        for column in numbers.filter(|column| is_edited(column)) {
            let value = current.cells.complete(&column.id);
            let number = match value.and_then(|value| column.encode(value).ok()) {
                None | Some(Sql::Text(_)) => continue,
                Some(number) => number,
            };
            let (quoted, name) = (table.quoted(), replica::quote(&column.name));
            let is_text =
                format!("SELECT 1 FROM {quoted} WHERE _row = ?1 AND typeof({name}) = 'text'");
            if !self.connection.prepare_cached(&is_text)?.exists([row])? {
                continue;
            }
            let watched = replica::has_foreign_triggers(self.connection, table)?;
            replica::in_private(self.connection, watched, || {
                let put = format!("UPDATE {quoted} SET {name} = ?2 WHERE _row = ?1");
                self.connection
                    .prepare_cached(&put)?
                    .execute((row, number))?;
                Ok(())
            })?;
        }
        Ok(())
    }
}
