//! What became of the schemas: told, and what it means for fields and records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cycle::{CHUNK, Cycle};
use super::references::Routes;
use super::{Drift, Event, RunError};
use crate::link::{MappedField, Side, Sides};
use crate::pair::PairState;
use crate::plan::{FieldsOnHold, Guard, OnHold, PlannedOver, Refusal};
use crate::port::{Bookmark, Call, Change, Quarantine, Query};
use crate::record::Cell;
use crate::schema::{FieldId, Schema, SchemaEvent};

impl Cycle<'_> {
    /// A new mapping, lens or schema makes every pair worth a look.
    pub(super) async fn attend_to_mapping(&mut self) -> Result<(), RunError> {
        self.routes = Routes::new(self.engine, &self.described);
        let spec = &self.engine.spec;
        let digest = self.at_sight.over.mapping;
        let known = self.memory.mapping.is_some();
        let mapping_changed = self.memory.mapping.replace(digest) != Some(digest);
        let filters = spec.filter_digest();
        let filters_changed = std::mem::replace(&mut self.memory.filters, filters) != filters;
        self.memory.unapproved_change |= known && (mapping_changed || filters_changed);
        let former = Arc::clone(&self.memory.fields);
        if mapping_changed || former.is_empty() {
            let fields = spec.mapping.fields.iter();
            let fields = fields.map(|field| (field.name().clone(), field.digest()));
            self.memory.fields = Arc::new(fields.collect());
        }
        // Mapped anew it is mapped to what the field is by now.
        let fields = &self.memory.fields;
        let is_new = |name: &FieldId| match former.get(name) {
            Some(before) => fields.get(name) != Some(before),
            // A store of an earlier version does not say how each field was mapped.
            None => mapping_changed || !fields.contains_key(name),
        };
        let anew: BTreeSet<FieldId> = fields
            .keys()
            .chain(former.keys())
            .chain(self.memory.quarantined.keys())
            .filter(|name| is_new(name))
            .cloned()
            .collect();
        let matters = self.take_in_schemas(&anew);
        let lifted = self.lift_quarantine(&anew).await?;
        if mapping_changed {
            // Shadows lack the cells of a field that was not mapped before, and adding a field
            // moves no record's edit time: only a full scan reads them. Without a cursor the next
            // scan is full, in this run or after a crash in a later one.
            for side in Side::BOTH {
                let memory = &mut self.memory.sides[side];
                memory.cursor = None;
                memory.sweep = None;
                memory.catch_up = None;
            }
        }
        let references = self.routes.digest();
        let leads_elsewhere = self.memory.references != references;
        self.memory.references = references;
        self.hold_fields();
        self.pair_options();
        let attend =
            known && (mapping_changed || filters_changed || matters || lifted || leads_elsewhere);
        if attend || self.memory != self.opened.memory {
            let attend = attend.then_some(Change::AttendAll);
            self.commit(attend.into_iter().collect(), Vec::new())
                .await?;
        }
        Ok(())
    }

    /// Tells how the schemas differ from what they were, quarantines what is not what was mapped,
    /// and returns whether any pair may now be decided otherwise.
    fn take_in_schemas(&mut self, anew: &BTreeSet<FieldId>) -> bool {
        let mut matters = false;
        for side in Side::BOTH {
            let memory = &mut self.memory.sides[side];
            if memory.schema.as_deref() == Some(&self.described[side].schema) {
                continue;
            }
            let now = Arc::new(self.described[side].schema.clone());
            let Some(former) = memory.schema.replace(Arc::clone(&now)) else {
                continue;
            };
            let ids = self.described[side].capabilities.field_ids;
            for event in former.drift(&now, ids) {
                matters |= self.take_in_event(side, &event, anew, &former);
                let drift = Drift { side, event };
                self.say(|| Event::SchemaDrifted(drift.clone()));
                self.report.drift.push(drift);
            }
        }
        matters
    }

    fn take_in_event(
        &mut self,
        side: Side,
        event: &SchemaEvent,
        anew: &BTreeSet<FieldId>,
        former: &Schema,
    ) -> bool {
        let Some(id) = event.field() else {
            return false;
        };
        let mut mapped = self.engine.spec.mapping.fields.iter();
        let Some(mapped) = mapped.find(|field| field.ids[side] == *id) else {
            return false;
        };
        if let Some(what) = event.estranges()
            && !anew.contains(mapped.name())
        {
            let name = former.field(id).map_or(id.as_str(), |field| &field.name);
            let place = &self.engine.spec.names[side];
            let reason = format!("{name:?} on {place} {what}: nothing of the field propagates");
            let quarantine = Quarantine { side, reason };
            self.memory
                .quarantined
                .insert(mapped.name().clone(), quarantine);
        }
        event.matters()
    }

    /// What was mapped anew, or approved and is there, takes part again: as on first sight, because
    /// what was settled was settled with another field. Returns whether there was any.
    async fn lift_quarantine(&mut self, anew: &BTreeSet<FieldId>) -> Result<bool, RunError> {
        if self.memory.quarantined.is_empty() {
            return Ok(false);
        }
        let approved = self.options.approved.contains(&Guard::SchemaDrift);
        let quarantined = self.memory.quarantined.keys();
        let lifted: Vec<FieldId> = quarantined
            .filter(|name| anew.contains(*name) || approved && self.is_there(name))
            .cloned()
            .collect();
        if lifted.is_empty() {
            return Ok(false);
        }
        // In quarantine until the last of it is forgotten: a crash in between loses nothing.
        let mut after = None;
        loop {
            let pairs = self.pairs(&Query::All, after).await?;
            let mut changes = Vec::new();
            for pair in &pairs {
                let Some(base) = &pair.base else { continue };
                let mut less = base.clone();
                for name in &lifted {
                    less.unsettle(name);
                }
                if less != *base {
                    let (pair, base) = (pair.id, less);
                    changes.push(Change::Settle { pair, base });
                }
            }
            self.commit_changes(changes).await?;
            match pairs.last() {
                Some(last) if pairs.len() >= CHUNK as usize => after = Some(Bookmark(last.id.0)),
                _ => break,
            }
        }
        for name in &lifted {
            self.memory.quarantined.remove(name);
        }
        Ok(true)
    }

    /// Whether both sides have a mapped field.
    fn is_there(&self, name: &FieldId) -> bool {
        let mapped = self.engine.spec.mapping.field(name);
        mapped.is_some_and(|mapped| {
            let has = |side: Side| self.described[side].schema.field(&mapped.ids[side]);
            Side::BOTH.into_iter().all(|side| has(side).is_some())
        })
    }

    /// Puts on hold what is in quarantine, and what cannot be read any more.
    pub(super) fn hold_fields(&mut self) {
        let quarantined = self.memory.quarantined.iter().map(|(name, why)| {
            let reason = why.reason.clone();
            let strange = Sides::from_fn(|side| side == why.side);
            let lasting = true;
            (
                name.clone(),
                OnHold {
                    reason,
                    lasting,
                    strange,
                },
            )
        });
        let undecoded = self.undecoded.iter().map(|((name, there), refusal)| {
            let reason = refusal.reason.clone();
            let strange = Sides::from_fn(|side| side == *there);
            let lasting = false;
            (
                name.clone(),
                OnHold {
                    reason,
                    lasting,
                    strange,
                },
            )
        });
        self.on_hold = FieldsOnHold::from_iter(quarantined.chain(undecoded));
    }

    /// What the guards say of fields that are on hold.
    pub(super) fn held_fields(&self) -> impl Iterator<Item = Refusal> {
        let mapped = |name: &FieldId| self.engine.spec.mapping.field(name).is_some();
        let quarantined = self.memory.quarantined.iter();
        let quarantined = quarantined.filter(move |(name, _)| mapped(name));
        let quarantined = quarantined.map(|(name, why)| Refusal {
            guard: Guard::SchemaDrift,
            pair: None,
            side: Some(why.side),
            field: Some(name.clone()),
            reason: why.reason.clone(),
            count: 0,
        });
        quarantined.chain(self.undecoded.values().cloned())
    }

    /// Notes which fields cannot be read any more, from how many of their values cannot. Returns
    /// whether that is news: then everything has to be decided again.
    pub(super) fn note_undecoded(&mut self, counts: &Undecoded) -> bool {
        let approved = self.options.approved.contains(&Guard::DecodeDrift);
        let unreadable = counts.0.iter().filter(|((name, side), count)| {
            let live = self.opened.counts.live[*side];
            let most = self.engine.spec.policy.max_undecoded.threshold(live);
            **count > most && !approved && !self.memory.quarantined.contains_key(name)
        });
        let refusals = unreadable.map(|((name, side), count)| {
            let live = self.opened.counts.live[*side];
            let most = self.engine.spec.policy.max_undecoded.threshold(live);
            let place = &self.engine.spec.names[*side];
            let mapped = self.engine.spec.mapping.field(name);
            let schema = &self.described[*side].schema;
            let field = mapped.and_then(|mapped| schema.field(&mapped.ids[*side]));
            let label = field.map_or(name.as_str(), |field| &field.name);
            let reason = format!(
                "{count} values of {label:?} on {place} could be read before and cannot be read \
                 now; at most {most} are let pass"
            );
            let refusal = Refusal {
                guard: Guard::DecodeDrift,
                pair: None,
                side: Some(*side),
                field: Some(name.clone()),
                reason,
                count: *count,
            };
            ((name.clone(), *side), refusal)
        });
        let refusals: BTreeMap<_, _> = refusals.collect();
        let news = !refusals.keys().eq(self.undecoded.keys());
        self.undecoded = refusals;
        if news {
            self.hold_fields();
        }
        news
    }

    /// Counts the values of a pair that were settled and cannot be read any more.
    pub(super) fn count_undecoded(&self, pair: &PairState, counts: &mut Undecoded) {
        let Some(base) = &pair.base else { return };
        let unreadable = |cell: &Cell| matches!(cell, Cell::Unsupported(_) | Cell::Missing);
        for side in Side::BOTH {
            let Some(shadow) = &pair.sides[side].shadow else {
                continue;
            };
            for (id, _) in shadow.cells.iter().filter(|(_, cell)| unreadable(cell)) {
                let mut fields = self.engine.spec.mapping.fields.iter();
                let field = fields.find(|field| field.ids[side] == *id);
                let shown = |field: &&MappedField| field.lens.projects_from() == Some(side.other());
                if let Some(field) = field.filter(|field| !shown(field))
                    && base.field(field).is_some()
                {
                    counts.count(field.name(), side);
                }
            }
        }
    }

    /// Reads the schema of a remote side once before the first write of the run. Returns a side whose
    /// schema changed since it was read: what was planned has to be planned again then.
    pub(super) async fn check_schema(&mut self) -> Result<Option<Side>, RunError> {
        if self.checked_schema {
            return Ok(None);
        }
        let mut changed = None;
        for side in Side::BOTH {
            if self.schema_may_be_old(side) && self.describe_again(side).await? {
                changed = Some(side);
            }
        }
        self.checked_schema = true;
        if changed.is_some() {
            self.attend_to_mapping().await?;
        }
        Ok(changed)
    }

    /// Whether the schema of a side was read before this run, by requests.
    pub(super) fn schema_may_be_old(&self, side: Side) -> bool {
        !self.checked_schema
            && self.engine.described_at[side] < self.started
            && self.described[side].capabilities.requests_per_command > 0
    }

    /// Reads the schema of a side now. Returns whether it changed.
    pub(super) async fn describe_again(&mut self, side: Side) -> Result<bool, RunError> {
        let call = Call::new(&self.options.cancel);
        let now = self.engine.peers[side].describe(&call).await?;
        let before = &self.described[side].schema;
        let changed = now.schema != *before;
        if changed && self.engine.remaps && !self.checked_schema {
            let drift = before.drift(&now.schema, now.capabilities.field_ids);
            if drift.iter().any(SchemaEvent::reshapes) {
                self.memory.sides[side].described_at = None;
                self.commit(Vec::new(), Vec::new()).await?;
                let name = self.engine.spec.names[side].clone();
                return Err(RunError::SchemaChanged(name));
            }
        }
        if now != self.described[side] {
            self.described.to_mut()[side] = now;
        }
        self.memory.sides[side].described_at = Some(self.engine.clock.now());
        if changed {
            let (spec, opened) = (&self.engine.spec, &self.opened);
            let over = PlannedOver::new(spec, &self.described, opened, self.started);
            self.at_sight.over = over;
        }
        Ok(changed)
    }
}

/// How many values per pair of fields and side could be read before and cannot be read now.
#[derive(Debug, Default)]
pub(super) struct Undecoded(BTreeMap<(FieldId, Side), u64>);

impl Undecoded {
    pub(super) fn count(&mut self, field: &FieldId, side: Side) {
        *self.0.entry((field.clone(), side)).or_default() += 1;
    }
}

/// Refusals of [`Guard::DecodeDrift`], by pair of fields and side.
pub(super) type UndecodedFields = BTreeMap<(FieldId, Side), Refusal>;
