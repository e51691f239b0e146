//! Matching: a record new on one side that is a record new on the other.
//!
//! Only records without a counterpart take part. One of each side with the same values become one
//! pair (rule R22 settles the rest); where it could be several, all of them wait for a person.

use std::collections::{BTreeMap, BTreeSet};

use super::cycle::{CHUNK, Cycle};
use super::{Queue, RunError};
use crate::link::{LensContext, Side, Sides};
use crate::outbox::Intent;
use crate::pair::{PairId, PairState, Presence};
use crate::port::{Bookmark, Call, Change, CommandKind, Query};
use crate::record::{Lifecycle, Record};
use crate::value::{Digest, Value};

impl Cycle<'_> {
    /// Joins what belongs together, notes what is ambiguous.
    pub(super) async fn match_new(&mut self) -> Result<(), RunError> {
        if self.engine.spec.mapping.match_by.is_empty() {
            return Ok(());
        }
        let mut groups: BTreeMap<Digest, Sides<BTreeSet<PairId>>> = BTreeMap::new();
        // What is parked is not dirty, and has no counterpart all the same.
        for query in [Query::Dirty, Query::Standing] {
            let mut after = None;
            loop {
                let pairs = self.pairs(&query, after).await?;
                for pair in &pairs {
                    if let Some((side, values)) = self.alone(pair) {
                        groups.entry(values).or_default()[side].insert(pair.id);
                    }
                }
                match pairs.last() {
                    Some(last) if pairs.len() >= CHUNK as usize => {
                        after = Some(Bookmark(last.id.0));
                    }
                    _ => break,
                }
            }
        }
        self.ambiguous.clear();
        let mut joins = Vec::new();
        for Sides { left, right } in groups.into_values() {
            match (left.len(), right.len()) {
                (0, _) | (_, 0) => {}
                (1, 1) => joins.extend(left.first().zip(right.first()).map(join)),
                _ => self.ambiguous.extend(left.union(&right)),
            }
        }
        for chunk in joins.chunks(CHUNK as usize) {
            self.commit(chunk.to_vec(), Vec::new()).await?;
        }
        Ok(())
    }

    /// The side of a live record without counterpart, and what it is recognised by.
    fn alone(&self, pair: &PairState) -> Option<(Side, Digest)> {
        let never = |side: Side| pair.sides[side].presence == Presence::Never;
        if pair.base.is_some() || never(Side::Left) == never(Side::Right) {
            return None;
        }
        let side = if never(Side::Left) {
            Side::Right
        } else {
            Side::Left
        };
        let state = &pair.sides[side];
        let shadow = state.shadow.as_ref()?;
        let live = state.presence == Presence::Present && shadow.lifecycle == Lifecycle::Live;
        let values = self.match_values(side, shadow)?;
        live.then(|| (side, Digest::of_json(&values)))
    }

    /// The values a record is recognised by, as the right side would write them; `None` if one is
    /// empty or was not seen whole.
    fn match_values(&self, side: Side, record: &Record) -> Option<Vec<String>> {
        let mapping = &self.engine.spec.mapping;
        let value = |name| {
            let field = mapping.field(name)?;
            let value = record.cells.complete(&field.ids[side])?;
            let image = match side {
                Side::Right => value.clone(),
                Side::Left => {
                    let context = LensContext::default();
                    field.lens.repair(&context, Side::Right, value, None).ok()?
                }
            };
            (!image.is_empty()).then(|| image.display())
        };
        mapping.match_by.iter().map(value).collect()
    }

    /// Before records are made on a remote side: whether it holds one of them already, unseen so
    /// far. Those are remembered, and their creates are planned anew. One search per `max_find`.
    pub(super) async fn find_before_create(&mut self, queue: &mut Queue) -> Result<(), RunError> {
        let Some(first) = self.engine.spec.mapping.match_by.first().cloned() else {
            return Ok(());
        };
        let Some(field) = self.engine.spec.mapping.field(&first).cloned() else {
            return Ok(());
        };
        let mut known = BTreeSet::new();
        for side in Side::BOTH {
            let target = &field.ids[side];
            let wanted = |intent: &Intent| -> Option<Value> {
                let creates = intent.side == side && intent.command.kind == CommandKind::Create;
                let mut cells = intent.command.cells.iter().filter(|_| creates);
                let cell = cells.find(|cell| cell.field == *target)?;
                Some(cell.desired.clone())
            };
            let asked: Vec<(PairId, Value)> = queue
                .intents
                .iter()
                .filter_map(|intent| Some((intent.pair, wanted(intent)?)))
                .collect();
            let most = self.described[side].capabilities.max_find.max(1) as usize;
            for batch in asked.chunks(most) {
                self.stop_if_asked()?;
                let values: Vec<Value> = batch.iter().map(|(_, value)| value.clone()).collect();
                let call = Call::new(&self.options.cancel);
                let peer = &self.engine.peers[side];
                let found = peer.find(&call, target, &values).await?;
                for ((pair, _), records) in batch.iter().zip(found.records) {
                    if self.remember_found(side, records).await? {
                        known.insert(*pair);
                    }
                }
            }
        }
        let (planned_anew, intents) = std::mem::take(&mut queue.intents)
            .into_iter()
            .partition(|intent| known.contains(&intent.pair));
        queue.intents = intents;
        queue.moved |= !known.is_empty();
        for intent in planned_anew {
            self.withdraw(intent, Vec::new()).await?;
        }
        Ok(())
    }

    /// Remembers those of some records that nobody knew. Returns whether there was one.
    async fn remember_found(&mut self, side: Side, records: Vec<Record>) -> Result<bool, RunError> {
        let keys = records.iter().map(|record| record.key.clone()).collect();
        let heads = self.heads(side, keys).await?;
        let is_known = |record: &Record| {
            let mut keys = heads.iter().map(|head| head.keys[side].as_ref());
            keys.any(|key| key == Some(&record.key))
        };
        let mut changes = Vec::new();
        for record in records.into_iter().filter(|record| !is_known(record)) {
            let pair = PairId(self.mint());
            changes.push(super::observe::observed(pair, side, record));
        }
        let any = !changes.is_empty();
        if any {
            self.commit(changes, Vec::new()).await?;
        }
        Ok(any)
    }

    /// What people are told of a record that could be one of several.
    pub(super) fn is_ambiguous(&self, pair: PairId) -> Option<String> {
        self.ambiguous.contains(&pair).then(|| {
            let mapping = &self.engine.spec.mapping;
            let schema = &self.described[Side::Left].schema;
            let name = |id| schema.field(id).map_or(id.as_str(), |field| &field.name);
            let names: Vec<&str> = mapping.match_by.iter().map(name).collect();
            format!(
                "several records have the same {}: make them differ, or trash the ones too many",
                names.join(" and ")
            )
        })
    }
}

fn join((left, right): (&PairId, &PairId)) -> Change {
    let (keep, drop) = (*left.min(right), *left.max(right));
    Change::Join { keep, drop }
}
