//! The rows of a collection in memory, and what a command does to them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::{Fault, Mutation};
use crate::port::{
    Capabilities, CellChange, ChangeFeed, Command, CommandKind, DeleteKind, Outcome, PlaceId,
    Receipt, Rejection, RejectionKind, UpdateSafety,
};
use crate::record::{Cell, Cells, Key, Lifecycle, Rank, Record, Timestamp};
use crate::schema::{FieldId, Schema};
use crate::value::{DatePrecision, Number, Value};

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) schema: Schema,
    pub(super) capabilities: Capabilities,
    pub(super) habits: Habits,
    pub(super) rows: Rows,
    /// Rows destroyed for good, with the number of the change that did it.
    pub(super) erased: Vec<(u64, Key)>,
    pub(super) hidden: BTreeSet<Key>,
    /// Rows that went to another collection, and to which.
    pub(super) emigrated: BTreeMap<Key, PlaceId>,
    /// Fields that the schema does not have at present.
    pub(super) lost_fields: BTreeSet<FieldId>,
    /// Fields whose values are missing from every answer.
    pub(super) garbled: BTreeSet<FieldId>,
    pub(super) next_key: u64,
    pub(super) last_rank: u64,
    pub(super) seq: u64,
    pub(super) faults: VecDeque<Fault>,
    pub(super) late: Vec<Command>,
    pub(super) mutations: Vec<Mutation>,
    pub(super) requests: u64,
    pub(super) cap: Option<usize>,
    /// What the index is late by now, where it is not the declared lag.
    pub(super) delay: Option<Duration>,
}

/// What a peer makes of values, beside keeping them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Habits {
    /// Longer lists are shown up to here only.
    pub(super) longest_list: Option<usize>,
    /// Dates are kept to the minute.
    pub(super) floors_dates: bool,
    /// Numbers are kept as 64-bit floats.
    pub(super) rounds_numbers: bool,
    /// Records show where they stand.
    pub(super) shows_ranks: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) record: Record,
    pub(super) created: u64,
    pub(super) seq: u64,
    pub(super) born: Timestamp,
    pub(super) edited: Timestamp,
    /// The last few edits: a late index shows a record by any that it knows of.
    pub(super) edits: VecDeque<Timestamp>,
}

/// Rows by key, and in order of their making, so that a page of a scan costs no more than itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    by_key: BTreeMap<Key, Row>,
    by_age: BTreeMap<u64, Key>,
}

impl Rows {
    pub(super) fn get(&self, key: &Key) -> Option<&Row> {
        self.by_key.get(key)
    }

    fn get_mut(&mut self, key: &Key) -> Option<&mut Row> {
        self.by_key.get_mut(key)
    }

    /// In order of keys.
    pub(super) fn all(&self) -> impl Iterator<Item = &Row> {
        self.by_key.values()
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Row> {
        self.by_key.values_mut()
    }

    /// Those made after that one, in order of their making.
    pub(super) fn made_after(&self, created: u64) -> impl Iterator<Item = &Row> {
        let younger = self.by_age.range(created.saturating_add(1)..);
        younger.filter_map(|(_, key)| self.by_key.get(key))
    }

    pub(super) fn insert(&mut self, row: Row) {
        let key = row.record.key.clone();
        self.by_age.insert(row.created, key.clone());
        if let Some(former) = self.by_key.insert(key, row) {
            self.by_age.remove(&former.created);
        }
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Row> {
        let row = self.by_key.remove(key)?;
        self.by_age.remove(&row.created);
        Some(row)
    }
}

/// Edits a row remembers.
const EDITS: usize = 8;

impl Habits {
    /// A value as the peer keeps it.
    pub(super) fn keep(self, value: Value) -> Value {
        match value {
            Value::Date(date) if self.floors_dates => {
                Value::Date(date.cut_to(DatePrecision::Minute))
            }
            // What no float comes near is none in JSON either.
            Value::Number(number) if self.rounds_numbers => {
                let nearest = Number::try_from(number.to_f64().0);
                nearest.map_or(Value::Empty, Value::Number)
            }
            other => other,
        }
    }

    /// A record as the peer shows it.
    pub(super) fn show(self, record: &Record) -> Record {
        let mut shown = record.clone();
        shown.rank = shown.rank.filter(|_| self.shows_ranks);
        let Some(most) = self.longest_list else {
            return shown;
        };
        for (field, cell) in record.cells.iter() {
            let part = match cell {
                Cell::Complete(Value::Choices(all)) if all.len() > most => {
                    Value::choices(all[..most].to_vec())
                }
                Cell::Complete(Value::References(all)) if all.len() > most => {
                    Value::references(all[..most].to_vec())
                }
                _ => continue,
            };
            shown.cells.put(field.clone(), Cell::Truncated(part));
        }
        shown
    }
}

impl Inner {
    pub(super) fn new(schema: Schema, capabilities: Capabilities) -> Self {
        let habits = Habits {
            shows_ranks: capabilities.slices,
            ..Habits::default()
        };
        Self {
            schema,
            capabilities,
            habits,
            rows: Rows::default(),
            erased: Vec::new(),
            hidden: BTreeSet::new(),
            emigrated: BTreeMap::new(),
            lost_fields: BTreeSet::new(),
            garbled: BTreeSet::new(),
            next_key: 1,
            last_rank: 0,
            seq: 0,
            faults: VecDeque::new(),
            late: Vec::new(),
            mutations: Vec::new(),
            requests: 0,
            cap: None,
            delay: None,
        }
    }

    /// Whether a record is not shown here: not shared, or in another collection.
    pub(super) fn is_out_of_sight(&self, key: &Key) -> bool {
        self.hidden.contains(key) || self.emigrated.contains_key(key)
    }

    /// The schema without the fields that are gone.
    pub(super) fn shown_schema(&self) -> Cow<'_, Schema> {
        if self.lost_fields.is_empty() {
            return Cow::Borrowed(&self.schema);
        }
        let mut shown = self.schema.clone();
        shown
            .fields
            .retain(|field| !self.lost_fields.contains(&field.id));
        Cow::Owned(shown)
    }

    /// A record as the peer shows it, without the fields that are gone.
    pub(super) fn show(&self, record: &Record) -> Record {
        let mut shown = self.habits.show(record);
        if !self.lost_fields.is_empty() {
            let cells = shown.cells.iter();
            let cells = cells.filter(|(field, _)| !self.lost_fields.contains(*field));
            shown.cells = cells
                .map(|(field, cell)| (field.clone(), cell.clone()))
                .collect();
        }
        for field in &self.garbled {
            shown.cells.put(field.clone(), Cell::Missing);
        }
        shown
    }

    /// What the index is late by now.
    pub(super) fn delay(&self) -> Duration {
        self.delay.unwrap_or(self.capabilities.index_lag)
    }

    pub(super) fn create(
        &mut self,
        place: &PlaceId,
        now: Timestamp,
        cells: Vec<(FieldId, Value)>,
    ) -> Key {
        let key = Key::durable(format!("{}-{}", place.as_str(), self.next_key));
        self.next_key += 1;
        self.seq += 1;
        let rank = Some(self.next_rank(now));
        let mut full: Cells = self
            .schema
            .fields
            .iter()
            .map(|field| (field.id.clone(), Cell::Complete(Value::Empty)))
            .collect();
        for (field, value) in cells {
            full.put(field, Cell::Complete(self.habits.keep(value)));
        }
        let record = Record {
            key: key.clone(),
            lifecycle: Lifecycle::Live,
            version: None,
            edited_at: Some(self.edit_moment(now)),
            rank,
            cells: full,
        };
        let row = Row {
            record,
            created: self.seq,
            seq: self.seq,
            born: now,
            edited: now,
            edits: VecDeque::from([now]),
        };
        self.rows.insert(row);
        key
    }

    /// Where a record made now stands: by the time of its making, as finely as the peer tells it, or
    /// by the order of keys. The server's clock does not go back.
    fn next_rank(&mut self, now: Timestamp) -> Rank {
        let place = match self.capabilities.changes {
            ChangeFeed::Window => self.edit_moment(now).0.max(0).unsigned_abs(),
            ChangeFeed::Delta | ChangeFeed::None => self.seq,
        };
        self.last_rank = self.last_rank.max(place);
        Rank::new(format!("{:020}", self.last_rank))
    }

    /// A moment as finely as this peer tells it.
    fn edit_moment(&self, now: Timestamp) -> Timestamp {
        let grain = self.capabilities.edit_grain.as_millis();
        let grain = i64::try_from(grain).unwrap_or(i64::MAX).max(1);
        Timestamp(now.0.div_euclid(grain).saturating_mul(grain))
    }

    pub(super) fn touch(
        &mut self,
        key: &Key,
        now: Timestamp,
        change: impl FnOnce(&mut Record, Habits),
    ) {
        self.seq += 1;
        let (seq, habits) = (self.seq, self.habits);
        let moment = self.edit_moment(now);
        if let Some(row) = self.rows.get_mut(key) {
            change(&mut row.record, habits);
            row.record.edited_at = Some(moment);
            row.seq = seq;
            row.edited = now;
            row.edits.push_back(now);
            if row.edits.len() > EDITS {
                row.edits.pop_front();
            }
        }
    }

    pub(super) fn erase(&mut self, key: &Key) {
        if self.rows.remove(key).is_some() {
            self.seq += 1;
            self.erased.push((self.seq, key.clone()));
        }
    }

    pub(super) fn execute(
        &mut self,
        place: &PlaceId,
        now: Timestamp,
        command: &Command,
    ) -> Outcome {
        if let Some(rejection) = command.refusal(&self.shown_schema()) {
            return Outcome::Rejected(rejection);
        }
        let written = |cells: &[CellChange]| {
            cells
                .iter()
                .map(|cell| (cell.field.clone(), cell.desired.clone()))
                .collect::<Vec<_>>()
        };
        let key = match (&command.key, command.kind) {
            (None, _) => self.create(place, now, written(&command.cells)),
            (Some(key), kind) => {
                let row = self.rows.get(key);
                let Some(row) = row.filter(|_| !self.is_out_of_sight(key)) else {
                    let message = "not found; share it with the connection".to_owned();
                    return Outcome::Rejected(Rejection {
                        kind: RejectionKind::NotFound,
                        message,
                    });
                };
                let record = &row.record;
                let compares = self.capabilities.update == UpdateSafety::CompareAndSwap;
                let alive = record.lifecycle == Lifecycle::Live || kind != CommandKind::Patch;
                if compares && !command.is_expected(record) {
                    return Outcome::Stale(Some(record.clone()));
                }
                if !alive {
                    let message = "it is in the trash".to_owned();
                    return Outcome::Rejected(Rejection {
                        kind: RejectionKind::Conflict,
                        message,
                    });
                }
                match (kind, self.capabilities.delete) {
                    (CommandKind::Trash, DeleteKind::Hard) => self.erase(key),
                    (CommandKind::Trash, DeleteKind::None) => {
                        let message = "nothing is deleted here".to_owned();
                        return Outcome::Rejected(Rejection {
                            kind: RejectionKind::Invalid,
                            message,
                        });
                    }
                    _ => self.touch(key, now, |record, habits| {
                        record.lifecycle = kind.leads_to();
                        for (field, value) in written(&command.cells) {
                            record.cells.put(field, Cell::Complete(habits.keep(value)));
                        }
                    }),
                }
                key.clone()
            }
        };
        self.mutations.push(Mutation {
            kind: command.kind,
            key: key.clone(),
            fields: command
                .cells
                .iter()
                .map(|cell| cell.field.clone())
                .collect(),
        });
        let observed = self.rows.get(&key).map(|row| self.show(&row.record));
        Outcome::Done(Receipt {
            key,
            version: None,
            observed,
        })
    }
}
