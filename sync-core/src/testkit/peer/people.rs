//! What people do to a collection in memory, and the knobs a test turns.

use std::time::Duration;

use super::rows::Inner;
use super::{Fault, MemoryPeer, Mutation};
use crate::port::{Clock, DeleteKind, PlaceId};
use crate::record::{Cell, Key, Lifecycle, Record};
use crate::schema::{FieldId, Schema};
use crate::value::Value;

impl MemoryPeer {
    /// A person makes a record.
    pub fn person_creates(&self, cells: &[(&str, Value)]) -> Key {
        let now = self.clock.now();
        let mut inner = self.inner();
        let cells = cells
            .iter()
            .map(|(field, value)| (FieldId::new(*field), value.clone()));
        inner.create(&self.place, now, cells.collect())
    }

    /// A person changes one cell.
    pub fn person_sets(&self, key: &Key, field: &str, value: Value) {
        let now = self.clock.now();
        self.inner().touch(key, now, |record, habits| {
            let value = habits.keep(value);
            record.cells.put(FieldId::new(field), Cell::Complete(value));
        });
    }

    /// A person moves a record to the trash or back. Where there is no trash it is gone for good.
    pub fn person_trashes(&self, key: &Key, trashed: bool) {
        let now = self.clock.now();
        if trashed && self.inner().capabilities.delete != DeleteKind::Soft {
            return self.person_erases(key);
        }
        self.inner().touch(key, now, |record, _| {
            record.lifecycle = if trashed {
                Lifecycle::Trashed
            } else {
                Lifecycle::Live
            };
        });
    }

    /// Shows only part of a value from now on, or all of it again.
    pub fn set_cell(&self, key: &Key, field: &str, cell: Cell) {
        let now = self.clock.now();
        self.inner().touch(key, now, |record, _| {
            record.cells.put(FieldId::new(field), cell)
        });
    }

    /// Stops showing a record, or shows it again.
    pub fn hide(&self, key: &Key, hidden: bool) {
        let mut inner = self.inner();
        if hidden {
            inner.hidden.insert(key.clone());
        } else {
            inner.hidden.remove(key);
        }
    }

    /// A person moves a record to a collection that nobody links, or back.
    pub fn move_away(&self, key: &Key, moved: bool) {
        let mut inner = self.inner();
        if moved {
            let elsewhere = PlaceId::new("elsewhere");
            inner.emigrated.insert(key.clone(), elsewhere);
        } else {
            inner.emigrated.remove(key);
        }
    }

    /// The schema loses a field with all it held, or has it again as it was.
    pub fn lose_field(&self, field: &FieldId, lost: bool) {
        let mut inner = self.inner();
        if lost {
            inner.lost_fields.insert(field.clone());
        } else {
            inner.lost_fields.remove(field);
        }
    }

    /// The peer does not make sense of what a field holds, or does again.
    pub fn garble(&self, field: &FieldId, garbled: bool) {
        let mut inner = self.inner();
        if garbled {
            inner.garbled.insert(field.clone());
        } else {
            inner.garbled.remove(field);
        }
    }

    /// Returns at most so many records per scan, like a capped query.
    pub fn cap(&self, records: Option<usize>) {
        self.inner().cap = records;
    }

    /// Offers slices from now on, and hands out so many records a page.
    pub fn slices(&self, page: u32) {
        let mut inner = self.inner();
        inner.capabilities.slices = true;
        inner.capabilities.scan_page = page;
        inner.habits.shows_ranks = true;
    }

    /// Tells of this history from now on, as after a backup was restored and taken as it is.
    pub fn lineage(&self, lineage: &str) {
        self.inner().capabilities.lineage = Some(lineage.to_owned());
    }

    /// Scans and searches miss edits younger than this from now on.
    pub fn lag(&self, lag: Duration) {
        self.inner().capabilities.index_lag = lag;
    }

    /// Faults for the next commands, one each.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        self.inner().faults.extend(faults);
    }

    /// Commands carried out so far; forgets them.
    pub fn take_mutations(&self) -> Vec<Mutation> {
        std::mem::take(&mut self.inner().mutations)
    }

    /// Calls answered so far; starts to count again.
    pub fn take_requests(&self) -> u64 {
        std::mem::take(&mut self.inner().requests)
    }

    /// All records, trash included.
    pub fn records(&self) -> Vec<Record> {
        self.inner()
            .rows
            .all()
            .map(|row| row.record.clone())
            .collect()
    }

    /// Keys of all records that are alive, or of all in the trash.
    pub fn keys(&self, live: bool) -> Vec<Key> {
        let inner = self.inner();
        let rows = inner.rows.all().map(|row| &row.record);
        rows.filter(|record| (record.lifecycle == Lifecycle::Live) == live)
            .filter(|record| !inner.emigrated.contains_key(&record.key))
            .map(|record| record.key.clone())
            .collect()
    }

    /// Live records.
    pub fn live(&self) -> Vec<Record> {
        let mut records = self.records();
        records.retain(|record| record.lifecycle == Lifecycle::Live);
        records
    }

    /// One value.
    pub fn value(&self, key: &Key, field: &str) -> Option<Value> {
        let inner = self.inner();
        inner
            .rows
            .get(key)?
            .record
            .cells
            .complete(&FieldId::new(field))
            .cloned()
    }

    /// A person destroys a record for good: no trash, and a feed of changes tells of it.
    pub fn person_erases(&self, key: &Key) {
        self.inner().erase(key);
    }

    /// A person moves a record to another collection: it keeps its key, and the cells of fields that
    /// are there too.
    pub fn person_moves(&self, key: &Key, to: &Self) {
        let Some(mut row) = self.inner().rows.remove(key) else {
            return;
        };
        self.inner().emigrated.insert(key.clone(), to.place.clone());
        let now = self.clock.now();
        let mut there = to.inner();
        there.seq += 1;
        there.emigrated.remove(key);
        let fields = there.schema.fields.iter();
        let cells = fields.map(|field| {
            let cell = row.record.cells.cell(&field.id).cloned();
            (
                field.id.clone(),
                cell.unwrap_or(Cell::Complete(Value::Empty)),
            )
        });
        row.record.cells = cells.collect();
        row.created = there.seq;
        row.seq = there.seq;
        row.edits.push_back(now);
        there.rows.insert(row);
    }

    /// One record, in whatever state.
    pub fn record(&self, key: &Key) -> Option<Record> {
        let inner = self.inner();
        inner.rows.get(key).map(|row| row.record.clone())
    }

    /// Queries are late by the declared lag from now on, or not at all.
    pub fn late(&self, late: bool) {
        self.inner().delay = (!late).then_some(Duration::ZERO);
    }

    /// Somebody changes the schema.
    pub fn change_schema(&self, change: impl FnOnce(&mut Schema)) {
        change(&mut self.inner().schema);
    }

    /// The schema as it is.
    pub fn schema(&self) -> Schema {
        self.inner().schema.clone()
    }

    pub(super) fn set_habits(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.inner());
    }
}
