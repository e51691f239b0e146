//! Verify: both sides are read again, whole, and every record is accounted for. Reads only: no
//! lease, no commit, no command. What is found is told by numbers and keys, never by values.

use std::collections::{BTreeMap, BTreeSet};

use super::cycle::CHUNK;
use super::references::{Routes, waits_of};
use super::verification::{Class, Example, Verification};
use super::{Engine, RunError};
use crate::link::{MappedField, Names, Side, Sides};
use crate::memory::is_live;
use crate::pair::{PairHead, PairId, PairState, RecordState};
use crate::port::{
    Bookmark, Call, Cancel, Coverage, Description, FieldSet, LinkMemory, Lookup, Next, OpenMode,
    Query, Rows, ScanFrom, Scope, Sighting,
};
use crate::record::{Key, Lifecycle, Record};
use crate::value::Digest;

/// Records asked for per page of a scan.
const SCAN_LIMIT: u32 = 1_000;

/// How to verify.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// At most so many examples of each class that is not settled.
    pub examples: u32,
    /// A wish to stop, looked at between pages.
    pub cancel: Cancel,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self {
            examples: 20,
            cancel: Cancel::default(),
        }
    }
}

impl Engine {
    /// Reads both sides whole and accounts for every record. Writes nothing anywhere and needs no
    /// lease; beside a run that is under way its findings are of no single moment.
    ///
    /// # Errors
    /// When a side or the store cannot be read.
    pub async fn verify(&self, options: &VerifyOptions) -> Result<Verification, RunError> {
        let opened = self.store.open(&self.spec, OpenMode::Read).await?;
        let described = self.described.clone();
        let mut routes = Routes::new(self, &described);
        routes.know_options(&opened.memory.options);
        let waits = waits_of(&*self.store, &self.spec.id).await?;
        let mut checker = Checker {
            engine: self,
            described,
            names: Names::default(),
            routes,
            waits: waits.into_keys().collect(),
            options,
            memory: opened.memory,
            sighted: BTreeMap::new(),
            keys: Sides::default(),
            markers: Sides::default(),
            conflicts: self.open_conflicts().await?,
            whole: Sides::new(false, false),
            result: Verification {
                seen: Sides::default(),
                classes: BTreeMap::new(),
                missing: Sides::default(),
                incomplete: Vec::new(),
                examples: Vec::new(),
            },
        };
        for side in Side::BOTH {
            checker.read_side(side).await?;
        }
        checker.account().await
    }

    async fn open_conflicts(&self) -> Result<BTreeSet<PairId>, RunError> {
        let conflicts = self.decisions().conflicts().await?;
        Ok(conflicts.iter().map(|conflict| conflict.pair).collect())
    }
}

/// One side of a pair, as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sighted {
    /// Not returned.
    #[default]
    Not,
    /// Returned, and accounted for already.
    Noted,
    /// As it was last seen.
    Same,
    /// Edited since.
    Edited,
}

struct Checker<'a> {
    engine: &'a Engine,
    described: Sides<Description>,
    names: Names,
    routes: Routes,
    /// Pairs that wait for records they refer to.
    waits: BTreeSet<PairId>,
    options: &'a VerifyOptions,
    memory: LinkMemory,
    sighted: BTreeMap<PairId, Sides<Sighted>>,
    keys: Sides<BTreeSet<Key>>,
    /// Live records by marker; the first to carry one.
    markers: Sides<BTreeMap<String, Key>>,
    conflicts: BTreeSet<PairId>,
    whole: Sides<bool>,
    result: Verification,
}

impl Checker<'_> {
    async fn read_side(&mut self, side: Side) -> Result<(), RunError> {
        let mut from = ScanFrom::full();
        loop {
            if self.options.cancel.is_cancelled() {
                return Err(RunError::Cancelled);
            }
            let call = Call::new(&self.options.cancel);
            let peer = &self.engine.peers[side];
            let page = peer.scan(&call, &from, &FieldSet::All, SCAN_LIMIT).await?;
            self.read_page(side, page.items).await?;
            match page.next {
                Next::More(token) => from = ScanFrom::Next(token),
                Next::End { coverage, .. } => {
                    self.whole[side] = coverage == Coverage::Complete(Scope::All);
                    if !self.whole[side] {
                        let name = &self.engine.spec.names[side];
                        let why = match coverage {
                            Coverage::Partial(why) => why,
                            _ => "the scan shows changes only".to_owned(),
                        };
                        let what = format!("{name} was not read whole: {why}");
                        self.result.incomplete.push(what);
                    }
                    return Ok(());
                }
            }
        }
    }

    async fn read_page(&mut self, side: Side, items: Vec<Sighting>) -> Result<(), RunError> {
        let mut records = Vec::new();
        for item in items {
            match item {
                Sighting::Seen(record) => {
                    self.result.seen[side] += 1;
                    if self.keys[side].insert(record.key.clone()) {
                        records.push(record);
                    } else {
                        self.note(Class::DuplicateKey, side, Some(&record.key), None);
                    }
                }
                Sighting::Bad(bad) => {
                    self.result.seen[side] += 1;
                    self.note(Class::Unreadable, side, bad.key.as_ref(), None);
                }
                Sighting::Tombstone(..) => {}
            }
        }
        let keys = records.iter().map(|record| record.key.clone()).collect();
        let limit = u32::try_from(records.len().saturating_mul(2)).unwrap_or(u32::MAX);
        let query = Query::Heads(side, keys);
        let rows = self
            .engine
            .store
            .read(&self.engine.spec.id, &query, None, limit);
        let mut by_key: BTreeMap<Key, Vec<PairHead>> = BTreeMap::new();
        if let Rows::Heads(heads) = rows.await? {
            for head in heads {
                if let Some(key) = head.keys[side].clone() {
                    by_key.entry(key).or_default().push(head);
                }
            }
        }
        for record in records {
            match by_key.get(&record.key).map_or(&[][..], Vec::as_slice) {
                [] => self.unpaired(side, &record),
                [head] => {
                    let seen = head.seen[side];
                    let is_same = self.is_same(side, head.id, &record, seen).await?;
                    self.paired(side, head.id, &record, is_same);
                }
                heads => {
                    for head in heads {
                        self.sighted.entry(head.id).or_default()[side] = Sighted::Noted;
                    }
                    self.note(Class::DuplicateKey, side, Some(&record.key), None);
                }
            }
        }
        Ok(())
    }

    /// Whether a record is as it was last seen. What the index may not show yet is read directly.
    async fn is_same(
        &self,
        side: Side,
        pair: PairId,
        record: &Record,
        seen: Option<Digest>,
    ) -> Result<bool, RunError> {
        if seen == Some(record.digest()) {
            return Ok(true);
        }
        let lag = self.engine.described[side].capabilities.index_lag;
        let written = self.memory.sides[side].ahead_of_index.get(&pair);
        if written.is_none_or(|at| self.engine.clock.now().since(*at) >= lag) {
            return Ok(false);
        }
        let call = Call::new(&self.options.cancel);
        let keys = [record.key.clone()];
        let peer = &self.engine.peers[side];
        let answers = peer.fetch(&call, &keys, &FieldSet::All).await?;
        Ok(answers.first().is_some_and(
            |answer| matches!(answer, Lookup::Here(now) if seen == Some(now.digest())),
        ))
    }

    fn unpaired(&mut self, side: Side, record: &Record) {
        let class = if record.lifecycle == Lifecycle::Trashed {
            Class::InTrash
        } else if self.is_marked_twice(side, record) {
            Class::DuplicateMarker
        } else {
            Class::Unpaired
        };
        self.note(class, side, Some(&record.key), None);
    }

    fn paired(&mut self, side: Side, pair: PairId, record: &Record, is_same: bool) {
        let sighted = if self.is_marked_twice(side, record) {
            self.note(Class::DuplicateMarker, side, Some(&record.key), Some(pair));
            Sighted::Noted
        } else if is_same {
            Sighted::Same
        } else {
            Sighted::Edited
        };
        self.sighted.entry(pair).or_default()[side] = sighted;
    }

    fn is_marked_twice(&mut self, side: Side, record: &Record) -> bool {
        let field = self.engine.spec.mapping.markers[side].as_ref();
        let marker = field.and_then(|field| record.cells.complete(field));
        let Some(marker) = marker.map(|marker| marker.display()) else {
            return false;
        };
        if marker.is_empty() || record.lifecycle != Lifecycle::Live {
            return false;
        }
        let first = self.markers[side]
            .entry(marker)
            .or_insert_with(|| record.key.clone());
        *first != record.key
    }

    /// Goes through every pair and accounts for the records of its sides.
    async fn account(mut self) -> Result<Verification, RunError> {
        let mut after = None;
        loop {
            let link = &self.engine.spec.id;
            let rows = self.engine.store.read(link, &Query::All, after, CHUNK);
            let Rows::Pairs(pairs) = rows.await? else {
                break;
            };
            self.names = self.routes.names(&*self.engine.store, &pairs).await?;
            for pair in &pairs {
                self.account_for(pair);
            }
            match pairs.last() {
                Some(last) if pairs.len() >= CHUNK as usize => after = Some(Bookmark(last.id.0)),
                _ => break,
            }
        }
        // A pair that was joined or forgotten between the two looks.
        for (pair, sighted) in std::mem::take(&mut self.sighted) {
            for side in Side::BOTH {
                if matches!(sighted[side], Sighted::Same | Sighted::Edited) {
                    self.note(Class::Edited, side, None, Some(pair));
                }
            }
        }
        Ok(self.result)
    }

    fn account_for(&mut self, pair: &PairState) {
        let sighted = self.sighted.remove(&pair.id).unwrap_or_default();
        let rest = self.class_of(pair);
        for side in Side::BOTH {
            let class = match (sighted[side], sighted[side.other()]) {
                (Sighted::Noted, _) => continue,
                (Sighted::Not, _) => {
                    let expected = is_live(pair, side) && self.whole[side];
                    self.result.missing[side] += u64::from(expected);
                    continue;
                }
                (Sighted::Edited, _) => Class::Edited,
                // It waits for what happened on its other side.
                (Sighted::Same, Sighted::Edited) if rest.is_settled() => Class::Pending,
                (Sighted::Same, Sighted::Not)
                    if rest.is_settled() && is_live(pair, side.other()) =>
                {
                    Class::Pending
                }
                (Sighted::Same, _) => rest,
            };
            let key = pair.sides[side].key.clone();
            self.note(class, side, key.as_ref(), Some(pair.id));
        }
    }

    /// What is remembered of a pair whose records are as they were last seen.
    fn class_of(&self, pair: &PairState) -> Class {
        let mapping = &self.engine.spec.mapping;
        let base = pair.base.as_ref();
        let settled = |field: &MappedField| base.and_then(|base| base.field(field)).cloned();
        // A record that it refers to may have got its counterpart since.
        let waits = self.waits.contains(&pair.id);
        let mut fields = mapping.fields.iter();
        let disagrees = fields.any(|field| {
            let context = self.names.lens(&self.described, field);
            let moved_on = waits && field.lens.meets_by_names();
            settled(field).is_some_and(|Sides { left, right }| {
                !moved_on && !field.lens.agree(&context, &left, &right)
            })
        });
        if disagrees {
            return Class::BaseDisagrees;
        }
        if self.conflicts.contains(&pair.id) {
            return Class::Conflict;
        }
        match pair.standing.as_ref().map(|standing| standing.state) {
            Some(RecordState::Conflict) => return Class::Conflict,
            Some(RecordState::Blocked) => return Class::Blocked,
            Some(RecordState::Pending) => return Class::Pending,
            Some(RecordState::Parked) => return Class::Parked,
            Some(RecordState::Clean) | None => {}
        }
        if pair.dirty {
            return Class::Pending;
        }
        let live = Sides::from_fn(|side| is_live(pair, side));
        match (live.left, live.right) {
            (false, false) => Class::InTrash,
            (true, true) if self.agree(pair) => Class::InAgreement,
            (true, true) if waits => Class::Pending,
            _ => Class::Disagrees,
        }
    }

    /// Whether every cell that both sides show whole agrees.
    fn agree(&self, pair: &PairState) -> bool {
        let Sides { left, right } = &pair.sides;
        let (Some(left), Some(right)) = (&left.shadow, &right.shadow) else {
            return false;
        };
        self.engine.spec.mapping.fields.iter().all(|field| {
            let left = left.cells.complete(&field.ids.left);
            let right = right.cells.complete(&field.ids.right);
            match (left, right) {
                (Some(left), Some(right)) => {
                    let context = self.names.lens(&self.described, field);
                    field.lens.agree(&context, left, right)
                }
                _ => true,
            }
        })
    }

    fn note(&mut self, class: Class, side: Side, key: Option<&Key>, pair: Option<PairId>) {
        let count = self.result.classes.entry(class).or_default();
        let before = count.left + count.right;
        count[side] += 1;
        if !class.is_settled() && before < u64::from(self.options.examples) {
            self.result.examples.push(Example {
                class,
                side,
                key: key.cloned(),
                pair,
            });
        }
    }
}
