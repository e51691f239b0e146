//! Verify: both sides are read again, whole, and every record is accounted for. Reads only: no
//! lease, no commit, no command. What is found is told by numbers and keys, never by values.
//!
//! Of what a side shows a digest for each record is kept; a merge-join with what the store
//! remembers says what differs. Keys are kept only of records that no pair knows.

use std::collections::{BTreeMap, BTreeSet};

use super::cycle::{CHUNK, Cycle};
use super::verification::{Class, Example, Verification};
use super::{Engine, RunError, RunOptions};
use crate::link::{MappedField, Side, Sides};
use crate::memory::is_live;
use crate::pair::{PairId, PairState, RecordState};
use crate::plan::{Look, MergeJoin, Met, Shown};
use crate::port::{
    Bookmark, Call, Cancel, Coverage, FieldSet, LinkMemory, Lookup, Next, OpenMode, Query, Rows,
    ScanFrom, Scope, Sighting,
};
use crate::record::{Key, Lifecycle, Record};
use crate::value::{Digest, Value};

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
        let run = RunOptions {
            cancel: options.cancel.clone(),
            ..RunOptions::default()
        };
        let mut cycle = self.dry_cycle(&run).await?;
        cycle.load().await?;
        cycle.attend_to_mapping().await?;
        // Otherwise the next run looks at every pair, marked or not.
        let knows_rules = cycle.memory == opened.memory;
        let mut checker = Checker {
            engine: self,
            cycle,
            options,
            memory: opened.memory,
            shown: Sides::default(),
            noted: BTreeSet::new(),
            strangers: Sides::default(),
            markers: Sides::default(),
            conflicts: self.open_conflicts().await?,
            whole: Sides::new(false, false),
            knows_rules,
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
    /// What decides about a pair as a run would.
    cycle: Cycle<'a>,
    options: &'a VerifyOptions,
    memory: LinkMemory,
    /// What a side shows of the pairs, in the order it shows them.
    shown: Sides<Vec<(PairId, Digest)>>,
    /// Sides of pairs that were accounted for while they were read.
    noted: BTreeSet<(PairId, Side)>,
    /// Keys that no pair has.
    strangers: Sides<BTreeSet<Key>>,
    /// Digests of live records' markers, and of the key of the first to carry it.
    markers: Sides<BTreeMap<Digest, Digest>>,
    conflicts: BTreeSet<PairId>,
    whole: Sides<bool>,
    knows_rules: bool,
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
        let mut records = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Sighting::Seen(record) => {
                    self.result.seen[side] += 1;
                    records.push(record);
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
        let mut by_key: BTreeMap<Key, Vec<PairId>> = BTreeMap::new();
        if let Rows::Heads(heads) = rows.await? {
            for head in heads {
                if let Some(key) = head.keys[side].clone() {
                    by_key.entry(key).or_default().push(head.id);
                }
            }
        }
        for record in records {
            match by_key.get(&record.key).map_or(&[][..], Vec::as_slice) {
                [] => self.unpaired(side, &record),
                [pair] => self.paired(side, *pair, &record),
                pairs => {
                    self.noted.extend(pairs.iter().map(|pair| (*pair, side)));
                    self.note(Class::DuplicateKey, side, Some(&record.key), None);
                }
            }
        }
        Ok(())
    }

    fn unpaired(&mut self, side: Side, record: &Record) {
        let class = if !self.strangers[side].insert(record.key.clone()) {
            Class::DuplicateKey
        } else if record.lifecycle == Lifecycle::Trashed {
            Class::InTrash
        } else if self.is_marked_twice(side, record) {
            Class::DuplicateMarker
        } else {
            Class::Unpaired
        };
        self.note(class, side, Some(&record.key), None);
    }

    fn paired(&mut self, side: Side, pair: PairId, record: &Record) {
        if self.is_marked_twice(side, record) {
            self.noted.insert((pair, side));
            self.note(Class::DuplicateMarker, side, Some(&record.key), Some(pair));
        } else {
            self.shown[side].push((pair, record.digest()));
        }
    }

    fn is_marked_twice(&mut self, side: Side, record: &Record) -> bool {
        let field = self.engine.spec.mapping.markers[side].as_ref();
        let marker = field.and_then(|field| record.cells.complete(field));
        let Some(marker) = marker.map(Value::display) else {
            return false;
        };
        if marker.is_empty() || record.lifecycle != Lifecycle::Live {
            return false;
        }
        let key = Digest::of(record.key.as_str().as_bytes());
        let first = self.markers[side].entry(Digest::of(marker.as_bytes()));
        *first.or_insert(key) != key
    }

    /// Goes through every pair and accounts for the records of its sides.
    async fn account(mut self) -> Result<Verification, RunError> {
        let rows = std::mem::take(&mut self.shown);
        let shown = Sides {
            left: shown(rows.left, self.whole.left),
            right: shown(rows.right, self.whole.right),
        };
        let mut join = MergeJoin::new(&shown);
        let mut after = None;
        loop {
            let remembered = self.read(&Query::Digests, after).await?;
            let Rows::Digests(remembered) = remembered else {
                break;
            };
            let mut met = Vec::with_capacity(remembered.len());
            join.meet_each(&remembered, |look| met.push(look));
            let ids = remembered.iter().map(|pair| pair.id).collect();
            let pairs = match self.read(&Query::Pairs(ids), None).await? {
                Rows::Pairs(pairs) => pairs,
                _ => Vec::new(),
            };
            self.cycle.meet(&pairs).await?;
            for look in met {
                match pairs.binary_search_by_key(&look.pair, |pair| pair.id) {
                    Ok(at) => self.account_for(&pairs[at], look).await?,
                    Err(_) => self.moved_meanwhile(look),
                }
            }
            match remembered.last() {
                Some(last) if remembered.len() >= CHUNK as usize => {
                    after = Some(Bookmark(last.id.0));
                }
                _ => break,
            }
        }
        let mut strangers = Vec::new();
        join.finish(|look| strangers.push(look));
        for look in strangers {
            self.moved_meanwhile(look);
        }
        Ok(self.result)
    }

    async fn read(&self, query: &Query, after: Option<Bookmark>) -> Result<Rows, RunError> {
        let link = &self.engine.spec.id;
        Ok(self.engine.store.read(link, query, after, CHUNK).await?)
    }

    /// A pair that was joined or forgotten between the two looks.
    fn moved_meanwhile(&mut self, look: Look) {
        for side in Side::BOTH {
            self.shown_again(side, look, None);
            if look.is_shown(side) {
                self.note(Class::Edited, side, None, Some(look.pair));
            }
        }
    }

    fn shown_again(&mut self, side: Side, look: Look, key: Option<&Key>) {
        for _ in 0..look.again[side] {
            self.note(Class::DuplicateKey, side, key, Some(look.pair));
        }
    }

    async fn account_for(&mut self, pair: &PairState, look: Look) -> Result<(), RunError> {
        let mut sighted = Sides::<Sighted>::default();
        for side in Side::BOTH {
            sighted[side] = match look.met[side] {
                _ if self.noted.contains(&(pair.id, side)) => Sighted::Noted,
                Met::Absent | Met::Presumed | Met::Missing => Sighted::Not,
                Met::Same => Sighted::Same,
                Met::Differs | Met::Appeared => self.sighted_late(side, pair).await?,
            };
        }
        let rest = self.class_of(pair);
        for side in Side::BOTH {
            let key = pair.sides[side].key.clone();
            self.shown_again(side, look, key.as_ref());
            let class = match (sighted[side], sighted[side.other()]) {
                (Sighted::Noted, _) if !look.is_shown(side) => continue,
                // Shown again after it was accounted for.
                (Sighted::Noted, _) => Class::DuplicateKey,
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
            self.note(class, side, key.as_ref(), Some(pair.id));
        }
        Ok(())
    }

    /// A record that was shown otherwise than it is remembered. What the index may not show yet is
    /// read directly.
    async fn sighted_late(&self, side: Side, pair: &PairState) -> Result<Sighted, RunError> {
        let capabilities = &self.engine.described[side].capabilities;
        let written = self.memory.sides[side].ahead_of_index.get(&pair.id);
        let began = self.cycle.started;
        if written.is_none_or(|at| began.since(*at) >= capabilities.index_lag) {
            return Ok(Sighted::Edited);
        }
        let call = Call::new(&self.options.cancel);
        let keys = Vec::from_iter(pair.sides[side].key.clone());
        let peer = &self.engine.peers[side];
        let answers = peer.fetch(&call, &keys, &FieldSet::All).await?;
        let shadow = pair.sides[side].shadow.as_ref().map(Record::digest);
        let is_same = matches!(
            answers.first(), Some(Lookup::Here(now)) if shadow == Some(now.digest())
        );
        Ok(if is_same {
            Sighted::Same
        } else {
            Sighted::Edited
        })
    }

    /// What is remembered of a pair whose records are as they were last seen.
    fn class_of(&self, pair: &PairState) -> Class {
        let class = self.standing_of(pair);
        // P13: of a pair that no run would look at, a look finds nothing to do.
        let asks = self.knows_rules && !self.cycle.waits.contains_key(&pair.id);
        if asks && class.is_settled() && self.cycle.decide(pair).changes_anything() {
            return Class::Overlooked;
        }
        class
    }

    fn standing_of(&self, pair: &PairState) -> Class {
        let mapping = &self.engine.spec.mapping;
        let base = pair.base.as_ref();
        let settled = |field: &MappedField| base.and_then(|base| base.field(field)).cloned();
        // A record that it refers to may have got its counterpart since.
        let waits = self.cycle.waits.contains_key(&pair.id);
        let mut fields = mapping.fields.iter();
        let disagrees = fields.any(|field| {
            let context = self.cycle.names.lens(&self.cycle.described, field);
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
                    let context = self.cycle.names.lens(&self.cycle.described, field);
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

fn shown(rows: Vec<(PairId, Digest)>, whole: bool) -> Shown {
    if whole {
        Shown::whole(rows)
    } else {
        Shown::part(rows)
    }
}
