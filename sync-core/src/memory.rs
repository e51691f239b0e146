//! What a store remembers of one link, as plain maps: the meaning of every [`Change`] and
//! [`Query`], without durability. The dry run's overlay and the reference store stand on it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;

use crate::conflict::Conflict;
use crate::link::{Side, Sides};
use crate::outbox::{Intent, IntentId, IntentState};
use crate::pair::{PairDigests, PairHead, PairId, PairState, Presence, RecordState, SideState};
use crate::port::{
    Awaited, Bookmark, Change, Counts, JournalEntry, LinkMemory, Prune, Query, Rows, RunRecord,
    Wait,
};
use crate::record::{Key, Lifecycle, Timestamp};
use crate::schema::FieldId;

/// The memory of one link.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    pairs: BTreeMap<PairId, PairState>,
    /// The dirty ones of them.
    dirty: BTreeSet<PairId>,
    /// How many of them are alive.
    live: Sides<u64>,
    keys: Sides<BTreeMap<Key, PairId>>,
    intents: BTreeMap<IntentId, Intent>,
    conflicts: BTreeMap<(PairId, FieldId), Conflict>,
    waits: BTreeMap<PairId, Vec<Awaited>>,
    journal: Vec<JournalEntry>,
    runs: Vec<RunRecord>,
    /// Pairs found at rest, and since when.
    resting: BTreeMap<PairId, Timestamp>,
    /// Per-link facts.
    pub link: LinkMemory,
    /// The next unused id.
    pub next_id: u64,
}

impl Memory {
    /// Applies one change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Observe {
                pair,
                side,
                state,
                dirty,
            } => {
                let there = self.pairs.entry(pair).or_insert_with(|| blank(pair));
                there.dirty = dirty;
                self.attend(pair, dirty);
                self.replace(pair, side, state);
            }
            Change::Settle { pair, base } => {
                if let Some(there) = self.pairs.get_mut(&pair) {
                    there.base = Some(base);
                }
            }
            Change::Attend {
                pair,
                dirty,
                standing,
            } => {
                if let Some(there) = self.pairs.get_mut(&pair) {
                    there.dirty = dirty;
                    there.standing = standing;
                    self.attend(pair, dirty);
                }
            }
            Change::AttendAll => {
                for pair in self.pairs.values_mut() {
                    pair.dirty = true;
                }
                self.dirty = self.pairs.keys().copied().collect();
            }
            Change::Wait(Wait { pair, awaited }) => {
                if awaited.is_empty() {
                    self.waits.remove(&pair);
                } else if self.holds(pair) {
                    self.waits.insert(pair, awaited);
                }
            }
            Change::Join { keep, drop } => self.join(keep, drop),
            Change::Forget(pair) => {
                self.forget(pair);
            }
            Change::Memory(memory) => self.link = *memory,
            Change::Intent(intent) => {
                let done = matches!(intent.state, IntentState::Settled | IntentState::Dropped);
                if done {
                    self.intents.remove(&intent.id);
                } else {
                    self.intents.insert(intent.id, intent);
                }
            }
            Change::Conflict(mut conflict) => {
                let at = (conflict.pair, conflict.field.clone());
                if let Some(open) = self.conflicts.get(&at) {
                    conflict.opened_at = conflict.opened_at.min(open.opened_at);
                    let said = open.resolution.clone();
                    let about_these = said.filter(|_| open.values == conflict.values);
                    conflict.resolution = conflict.resolution.or(about_these);
                }
                self.conflicts.insert(at, conflict);
            }
            Change::Resolve {
                pair,
                field,
                resolution,
            } => {
                if let Some(open) = self.conflicts.get_mut(&(pair, field)) {
                    open.resolution = Some(resolution);
                    if let Some(there) = self.pairs.get_mut(&pair) {
                        there.dirty = true;
                        self.attend(pair, true);
                    }
                }
            }
            Change::CloseConflict { pair, field } => {
                self.conflicts.remove(&(pair, field));
            }
            Change::Journal(entry) => self.journal.push(entry),
            Change::Run(run) => match self.runs.binary_search_by_key(&run.id, |there| there.id) {
                Ok(at) => self.runs[at] = run,
                Err(at) => self.runs.insert(at, run),
            },
            Change::Prune(prune) => self.prune(&prune),
        }
    }

    fn prune(&mut self, prune: &Prune) {
        let limit = usize::try_from(prune.limit).unwrap_or(usize::MAX);
        let old = self.runs.iter().take(limit);
        let old = old.take_while(|run| run.id.0 < prune.journal_before);
        let old = old.count();
        self.runs.drain(..old);
        let old = self.journal.iter().take(limit);
        let old = old.take_while(|entry| entry.at < prune.journal_before);
        let old = old.count();
        self.journal.drain(..old);
        let (pairs, now) = (&self.pairs, prune.now);
        self.resting
            .retain(|pair, _| pairs.get(pair).is_some_and(is_at_rest));
        for pair in pairs.values().filter(|pair| is_at_rest(pair)) {
            self.resting.entry(pair.id).or_insert(now);
        }
        let expired = self.resting.iter();
        let expired = expired.filter(|(_, since)| **since < prune.tombstones_before);
        let expired: Vec<PairId> = expired.map(|(pair, _)| *pair).take(limit).collect();
        for pair in expired {
            self.resting.remove(&pair);
            self.apply(Change::Forget(pair));
        }
    }

    /// Puts a whole pair, as read from another store.
    pub fn put(&mut self, pair: PairState) {
        self.take_out(pair.id);
        for side in Side::BOTH {
            self.index(pair.id, side, &pair.sides[side]);
        }
        self.attend(pair.id, pair.dirty);
        self.pairs.insert(pair.id, pair);
    }

    /// Puts a conflict, as read from another store.
    pub fn put_conflict(&mut self, conflict: Conflict) {
        self.conflicts
            .insert((conflict.pair, conflict.field.clone()), conflict);
    }

    /// Puts what a pair waits for, as read from another store.
    pub fn put_wait(&mut self, wait: Wait) {
        self.waits.insert(wait.pair, wait.awaited);
    }

    /// Whether this memory holds the pair.
    pub fn holds(&self, pair: PairId) -> bool {
        self.pairs.contains_key(&pair)
    }

    /// One pair.
    pub fn pair(&self, pair: PairId) -> Option<&PairState> {
        self.pairs.get(&pair)
    }

    /// All pairs in order.
    pub fn pairs(&self) -> impl Iterator<Item = &PairState> {
        self.pairs.values()
    }

    /// Pairs from this one on, in order.
    pub fn pairs_from(&self, first: PairId) -> impl Iterator<Item = &PairState> {
        self.pairs.range(first..).map(|(_, pair)| pair)
    }

    /// Finished runs, oldest first.
    pub fn runs(&self) -> &[RunRecord] {
        &self.runs
    }

    /// How many pairs, and how many live per side.
    pub fn counts(&self) -> Counts {
        Counts {
            pairs: self.pairs.len() as u64,
            live: self.live,
        }
    }

    /// Answers a query.
    pub fn read(&self, query: &Query, after: Option<Bookmark>, limit: u32) -> Rows {
        let start = PairId(after.map_or(0, |Bookmark(id)| id.saturating_add(1)));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let read = after.map_or(0, |Bookmark(read)| {
            usize::try_from(read).unwrap_or(usize::MAX)
        });
        let range = || self.pairs.range(start..).map(|(_, pair)| pair);
        let whole = |keep: fn(&PairState) -> bool| {
            Rows::Pairs(
                range()
                    .filter(|pair| keep(pair))
                    .take(limit)
                    .cloned()
                    .collect(),
            )
        };
        match query {
            Query::Heads(side, keys) => {
                let named = keys.iter();
                let named = named.filter_map(|key| self.keys[*side].get(key));
                Rows::Heads(self.named(named, start).map(head).collect())
            }
            Query::Live(_) | Query::LiveWithin(..) | Query::LiveUnranked(_) => Rows::Ids(
                range()
                    .filter(|pair| is_among_live(pair, query))
                    .take(limit)
                    .map(|pair| pair.id)
                    .collect(),
            ),
            Query::Digests => Rows::Digests(range().take(limit).map(digests).collect()),
            Query::Pairs(ids) => Rows::Pairs(self.named(ids.iter(), start).cloned().collect()),
            Query::All => whole(|_| true),
            Query::Dirty => {
                let dirty = self.dirty.range(start..).take(limit);
                Rows::Pairs(dirty.filter_map(|pair| self.pair(*pair)).cloned().collect())
            }
            Query::Standing => whole(|pair| {
                let standing = pair.standing.as_ref();
                standing.is_some_and(|standing| standing.state != RecordState::Clean)
            }),
            Query::Intents { dead } => Rows::Intents(
                self.intents
                    .range(IntentId(start.0)..)
                    .map(|(_, intent)| intent)
                    .filter(|intent| *dead || intent.state != IntentState::Dead)
                    .take(limit)
                    .cloned()
                    .collect(),
            ),
            Query::Conflicts => Rows::Conflicts(self.conflicts_from(start, limit)),
            Query::Waits => {
                let waits = self.waits.range(start..).take(limit);
                let wait = |(pair, awaited): (&PairId, &Vec<Awaited>)| Wait {
                    pair: *pair,
                    awaited: awaited.clone(),
                };
                Rows::Waits(waits.map(wait).collect())
            }
            Query::DeletesSince(side, since) => Rows::Count(
                self.journal
                    .iter()
                    .filter(|entry| entry.takes_away() && entry.side == *side)
                    .filter(|entry| entry.at >= *since)
                    .count() as u64,
            ),
            Query::Journal(run) => {
                let entries = self.journal.iter().rev();
                let entries = entries.filter(|entry| run.is_none_or(|run| entry.run == run));
                Rows::Journal(entries.skip(read).take(limit).cloned().collect())
            }
            Query::Runs => Rows::Runs(
                self.runs
                    .iter()
                    .rev()
                    .skip(read)
                    .take(limit)
                    .cloned()
                    .collect(),
            ),
            Query::OldestRun(since) => Rows::Runs(
                self.runs
                    .iter()
                    .find(|run| run.id.0 >= *since)
                    .cloned()
                    .into_iter()
                    .collect(),
            ),
        }
    }

    /// The pairs of these names from `start` on, in order, each once.
    fn named<'a>(
        &'a self,
        names: impl Iterator<Item = &'a PairId>,
        start: PairId,
    ) -> impl Iterator<Item = &'a PairState> {
        let mut names: Vec<PairId> = names.copied().filter(|pair| *pair >= start).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().filter_map(|pair| self.pairs.get(&pair))
    }

    /// Conflicts of whole pairs: a page ends with the last conflict of its last pair.
    fn conflicts_from(&self, start: PairId, limit: usize) -> Vec<Conflict> {
        let mut page: Vec<Conflict> = Vec::new();
        for ((pair, _), conflict) in self.conflicts.range((start, FieldId::new(""))..) {
            if page.len() >= limit && page.last().is_none_or(|last| last.pair != *pair) {
                break;
            }
            page.push(conflict.clone());
        }
        page
    }

    fn forget(&mut self, pair: PairId) -> Option<PairState> {
        let conflicts = self.conflicts.range((pair, FieldId::new(""))..);
        let conflicts = conflicts.take_while(|((of, _), _)| *of == pair);
        let conflicts: Vec<_> = conflicts.map(|(at, _)| at.clone()).collect();
        for at in conflicts {
            self.conflicts.remove(&at);
        }
        self.waits.remove(&pair);
        self.take_out(pair)
    }

    fn take_out(&mut self, pair: PairId) -> Option<PairState> {
        let gone = self.pairs.remove(&pair)?;
        self.attend(pair, false);
        for side in Side::BOTH {
            self.unindex(side, &gone.sides[side]);
        }
        Some(gone)
    }

    fn join(&mut self, keep: PairId, drop: PairId) {
        if !self.holds(drop) {
            return;
        }
        let Some(gone) = self.forget(drop) else {
            return;
        };
        for side in Side::BOTH {
            let Some(kept) = self.pairs.get_mut(&keep) else {
                return;
            };
            kept.dirty = true;
            let gives_way = kept.sides[side].gives_way_to(&gone.sides[side]);
            self.attend(keep, true);
            if gives_way {
                self.replace(keep, side, gone.sides[side].clone());
            }
        }
    }

    fn attend(&mut self, pair: PairId, dirty: bool) {
        if dirty {
            self.dirty.insert(pair);
        } else {
            self.dirty.remove(&pair);
        }
    }

    fn replace(&mut self, pair: PairId, side: Side, state: SideState) {
        let Some(there) = self.pairs.get_mut(&pair) else {
            return;
        };
        // Most often the record is the same, and only what it holds is new.
        let alive = is_alive(&state);
        let renamed = there.sides[side].key != state.key;
        let key = state.key.clone().filter(|_| renamed);
        let former = std::mem::replace(&mut there.sides[side], state);
        if let Some(key) = former.key.as_ref().filter(|_| renamed) {
            self.keys[side].remove(key);
        }
        self.keys[side].extend(key.map(|key| (key, pair)));
        self.live[side] += u64::from(alive);
        self.live[side] -= u64::from(is_alive(&former));
    }

    fn index(&mut self, pair: PairId, side: Side, state: &SideState) {
        if let Some(key) = &state.key {
            self.keys[side].insert(key.clone(), pair);
        }
        self.live[side] += u64::from(is_alive(state));
    }

    fn unindex(&mut self, side: Side, state: &SideState) {
        if let Some(key) = &state.key {
            self.keys[side].remove(key);
        }
        self.live[side] -= u64::from(is_alive(state));
    }
}

fn blank(id: PairId) -> PairState {
    PairState {
        id,
        sides: Sides::default(),
        base: None,
        dirty: true,
        standing: None,
    }
}

/// Whether a pair is a tombstone: nothing is left of it on either side, proved, and nobody waits.
fn is_at_rest(pair: &PairState) -> bool {
    let over = |side: Side| match pair.sides[side].presence {
        Presence::Never | Presence::Deleted(_) => true,
        Presence::Present => !is_live(pair, side),
        Presence::Gone | Presence::Moved(_) | Presence::Denied | Presence::Unread => false,
    };
    !pair.dirty && pair.standing.is_none() && Side::BOTH.into_iter().all(over)
}

/// Whether a pair's record on a side is present and alive.
pub fn is_live(pair: &PairState, side: Side) -> bool {
    is_alive(&pair.sides[side])
}

fn is_alive(state: &SideState) -> bool {
    let alive = |lifecycle| lifecycle == Lifecycle::Live;
    state.presence == Presence::Present
        && state
            .shadow
            .as_ref()
            .is_some_and(|shadow| alive(shadow.lifecycle))
}

/// Whether a pair is among the live ones that a query is about.
pub(crate) fn is_among_live(pair: &PairState, query: &Query) -> bool {
    let rank = |side: Side| pair.sides[side].shadow.as_ref()?.rank.as_ref();
    match query {
        Query::Live(side) => is_live(pair, *side),
        Query::LiveWithin(side, range) => {
            is_live(pair, *side) && rank(*side).is_some_and(|rank| range.contains(rank))
        }
        Query::LiveUnranked(side) => is_live(pair, *side) && rank(*side).is_none(),
        _ => false,
    }
}

/// The short form of a pair.
pub fn head(pair: &PairState) -> PairHead {
    PairHead {
        id: pair.id,
        keys: pair.sides.as_ref().map(|side| side.key.clone()),
        seen: digests(pair).seen,
        gone: pair
            .sides
            .as_ref()
            .map(|side| matches!(side.presence, Presence::Deleted(_))),
        dirty: pair.dirty,
        ranked: pair.sides.as_ref().map(|side| {
            side.shadow
                .as_ref()
                .is_some_and(|shadow| shadow.rank.is_some())
        }),
    }
}

/// A pair in digests only.
pub fn digests(pair: &PairState) -> PairDigests {
    let sides = pair.sides.as_ref();
    PairDigests {
        id: pair.id,
        seen: sides.map(|side| match (&side.presence, &side.shadow) {
            (Presence::Present, Some(shadow)) => Some(shadow.digest()),
            _ => None,
        }),
    }
}
