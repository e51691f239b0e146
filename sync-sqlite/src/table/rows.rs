//! Rows of somebody else's table as records.

use notion_sync_core::port::{BadItem, FieldSet, Sighting};
use notion_sync_core::record::{Cell, Key, Lifecycle, Record};
use notion_sync_core::schema::FieldId;
use notion_sync_core::value::Value;
use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::MARKER;
use super::error::TableError;
use super::feed;
use super::key::owned;
use super::layout::{KeyColumn, Layout};
use crate::replica::quote;

impl KeyColumn {
    /// The column as the key's index sorts it.
    fn sorted(&self) -> String {
        match &self.collation {
            Some(collation) => format!("{} COLLATE {}", quote(&self.name), quote(collation)),
            None => quote(&self.name),
        }
    }
}

impl Layout {
    /// `SELECT` of what [`Layout::read`] reads, without conditions.
    fn select(&self) -> String {
        let mut parts = vec![self.key_columns("")];
        parts.push(match &self.soft_delete {
            Some(soft) => quote(&soft.name),
            None => "NULL".to_owned(),
        });
        parts.push(match self.has_births() {
            true => feed::marker_of_row(self),
            false => "NULL".to_owned(),
        });
        parts.extend(self.columns.iter().map(|column| quote(&column.name)));
        format!("SELECT {} FROM {} AS t", parts.join(", "), self.quoted())
    }

    /// Reads a row of [`Layout::select`]; `None` where it has no key.
    fn read(&self, fields: &FieldSet, row: &Row<'_>) -> rusqlite::Result<Option<Record>> {
        let Some(key) = self.key_form.key(&self.key_of(row)?) else {
            return Ok(None);
        };
        let at = self.key.len();
        let mut cells = Vec::with_capacity(self.columns.len() + 1);
        let marker = FieldId::new(MARKER);
        cells.push(match fields.contains(&marker) {
            true => {
                let text: Option<String> = row.get(at + 1)?;
                (
                    marker,
                    Cell::Complete(Value::text(text.unwrap_or_default())),
                )
            }
            false => (marker, Cell::Unread),
        });
        for (column, at) in self.columns.iter().zip(at + 2..) {
            let cell = match fields.contains(&column.id) {
                true => column.decode(row.get_ref(at)?),
                false => Cell::Unread,
            };
            cells.push((column.id.clone(), cell));
        }
        Ok(Some(Record {
            key,
            lifecycle: match row.get_ref(at)? {
                ValueRef::Null | ValueRef::Integer(0) => Lifecycle::Live,
                ValueRef::Real(0.0) => Lifecycle::Live,
                ValueRef::Text(b"" | b"0") => Lifecycle::Live,
                _ => Lifecycle::Trashed,
            },
            version: None,
            edited_at: None,
            rank: None,
            cells: cells.into_iter().collect(),
        }))
    }

    /// The values of the key, which stand first in a row.
    pub(super) fn key_of(&self, row: &Row<'_>) -> rusqlite::Result<Vec<Sql>> {
        (0..self.key.len())
            .map(|at| row.get_ref(at).map(owned))
            .collect()
    }

    /// The condition that a row has these values for its key.
    pub(super) fn has_key(&self) -> String {
        let equal = self.key.iter().map(|key| format!("{} = ?", key.sorted()));
        equal.collect::<Vec<_>>().join(" AND ")
    }

    /// One record. A key that the key's index takes for another one, as `A` for `a`, is not there.
    pub(super) fn record(
        &self,
        connection: &Connection,
        key: &Key,
        fields: &FieldSet,
    ) -> Result<Option<Record>, TableError> {
        let Some(parts) = self.key_form.parts(key) else {
            return Ok(None);
        };
        let sql = || format!("{} WHERE {}", self.select(), self.has_key());
        let found = connection
            .prepare_cached(self.one.get_or_init(sql))?
            .query_row(params_from_iter(parts), |row| self.read(fields, row))
            .optional()?;
        Ok(found.flatten().filter(|record| record.key == *key))
    }

    /// Records in order of their keys, after one of them, and the last key; none at the end of the
    /// table.
    pub(super) fn records_after(
        &self,
        connection: &Connection,
        after: Option<Vec<Sql>>,
        fields: &FieldSet,
        limit: usize,
    ) -> Result<(Vec<Sighting>, Option<Vec<Sql>>), TableError> {
        let sorted: Vec<String> = self.key.iter().map(KeyColumn::sorted).collect();
        let keys = self.key.iter();
        let mut conditions: Vec<String> = keys
            .map(|key| format!("{} IS NOT NULL", quote(&key.name)))
            .collect();
        if after.is_some() {
            let marks = vec!["?"; sorted.len()].join(", ");
            conditions.push(format!("({}) > ({marks})", sorted.join(", ")));
        }
        let sql = format!(
            "{} WHERE {} ORDER BY {}",
            self.select(),
            conditions.join(" AND "),
            sorted.join(", ")
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(after.unwrap_or_default()))?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            let key = self.key_of(row)?;
            if key.contains(&Sql::Null) {
                // No token can carry such a key, so a page never ends with it.
                if items.len() + 1 < limit {
                    items.push(keyless());
                }
                continue;
            }
            let record = self.read(fields, row)?;
            items.push(record.map_or_else(keyless, Sighting::Seen));
            if items.len() >= limit {
                return Ok((items, Some(key)));
            }
        }
        Ok((items, None))
    }

    /// Whether there are rows that have no key.
    pub(super) fn has_keyless(&self, connection: &Connection) -> Result<bool, TableError> {
        if !self.key_may_be_null {
            return Ok(false);
        }
        let keys = self.key.iter();
        let null = keys.map(|key| format!("{} IS NULL", quote(&key.name)));
        let sql = format!(
            "SELECT 1 FROM {} WHERE {}",
            self.quoted(),
            null.collect::<Vec<_>>().join(" OR ")
        );
        Ok(connection.prepare_cached(&sql)?.exists([])?)
    }

    /// Live records for which a condition holds.
    pub(super) fn records_where(
        &self,
        connection: &Connection,
        condition: &str,
        values: &[Sql],
    ) -> Result<Vec<Record>, TableError> {
        let sql = format!("{} WHERE {condition}", self.select());
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            let record = self.read(&FieldSet::All, row)?;
            records.extend(record.filter(|record| record.lifecycle == Lifecycle::Live));
        }
        Ok(records)
    }
}

/// A row without a key costs itself.
pub(super) fn keyless() -> Sighting {
    Sighting::Bad(BadItem {
        key: None,
        reason: "a row whose key is NULL or not of its column's type; give it a key".to_owned(),
    })
}
