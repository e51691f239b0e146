//! Observe: read a side page by page, remember what is new, notice what is missing.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use futures::future::join;
use tracing::Instrument;

use super::commit::Chunk;
use super::cycle::{CHUNK, Cycle};
use super::guarding::Held;
use super::marks::Marks;
use super::slices::{Way, highest};
use super::spans;
use super::{Event, RunError, RunOutcome};
use crate::canary::{self, Canary};
use crate::link::{Side, Sides};
use crate::pair::{PairHead, PairId, PairState, Presence, SideState};
use crate::plan::{Guard, Refusal};
use crate::port::{
    Absence, Bookmark, Call, Change, Coverage, FieldSet, Lane, Lookup, Next, PeerError, Proof,
    Query, Rows, ScanFrom, ScanPage, Scope, Sighting,
};
use crate::record::{Cell, Key, Lifecycle, Record};

/// Records asked for per page of a scan.
const SCAN_LIMIT: u32 = 1_000;
/// Ids of live records read at a time.
const IDS: u32 = 10_000;
/// Direct reads of missing records per run at a remote side; the rest wait for the next.
const PROBE_BUDGET: usize = 100;
/// If all of the first so many missing records turn out to be there, the scan was at fault.
const PROBE_SAMPLE: usize = 10;

impl Cycle<'_> {
    /// Scans both sides: the one that lives in the store first, so that what the other side brings
    /// is not read back.
    pub(super) async fn observe_both(&mut self) -> Result<(), RunError> {
        let first = self.opened.colocated.unwrap_or(Side::Left);
        for side in [first, first.other()] {
            let way = self.way_to_read(side);
            let span = spans::observe(&self.engine.spec.names[side], way.is_full());
            pin!(self.observe(side, way))
                .instrument(span.clone())
                .await?;
            span.record("records", self.report.scanned[side]);
        }
        Ok(())
    }

    async fn observe(&mut self, side: Side, way: Way) -> Result<(), RunError> {
        let slices = self.described[side].capabilities.slices;
        let bounded = slices && self.spending.bounds_reading();
        match way {
            Way::Whole => return self.observe_at_once(side, true).await,
            Way::Slices => return self.observe_in_slices(side, way).await,
            Way::Changes | Way::ChangesAndSlices(_) if bounded => {
                self.observe_in_slices(side, way).await?;
            }
            Way::Changes | Way::ChangesAndSlices(_) => self.observe_at_once(side, false).await?,
        }
        match way {
            Way::ChangesAndSlices(most) if !self.spending.unread => self.sweep(side, most).await,
            _ => Ok(()),
        }
    }

    /// Scans one side in one go, whole or since the last cursor.
    async fn observe_at_once(&mut self, side: Side, full: bool) -> Result<(), RunError> {
        let memory = &self.memory.sides[side];
        let since = memory.cursor.clone().filter(|_| !full);
        // A full scan that only the cadence asks for gives way to what people wait for.
        let lane = match full && memory.cursor.is_some() && !self.options.full {
            true => Lane::Sweep,
            false => Lane::Normal,
        };
        let slices = self.described[side].capabilities.slices;
        let mut marks = Marks::default();
        let mut reached = None;
        let started = self.engine.clock.now();
        let began = self.engine.clock.elapsed();
        let from = ScanFrom::full_or_since(since);
        let mut page = self.scan(side, &from, lane).await?;
        let resume = page.began.take();
        let coverage = loop {
            self.stop_if_asked()?;
            self.keep_lease().await?;
            self.note_scanned(side, full, page.items.len());
            reached = reached.max(highest(&page.items));
            match page.next {
                Next::More(token) => {
                    // The next page is on its way while this one is remembered.
                    let from = ScanFrom::Next(token);
                    let next = self.scan(side, &from, lane);
                    let remember = self.remember(side, page.items, &mut marks);
                    let (next, remembered) = join(next, remember).await;
                    remembered?;
                    page = next?;
                }
                Next::End { coverage, cursor } => {
                    if canary::is(Canary::CursorFirst) {
                        self.memory.sides[side].cursor.clone_from(&cursor);
                        self.commit(Vec::new(), Vec::new()).await?;
                    }
                    self.remember(side, page.items, &mut marks).await?;
                    let whole = !matches!(coverage, Coverage::Partial(_));
                    if let (true, Some(reached)) = (full && slices && !whole, reached) {
                        let split = self.split(side, reached, resume, started, marks);
                        return split.await;
                    }
                    let complete = coverage == Coverage::Complete(Scope::All);
                    if complete {
                        // What is missing is remembered before the scan counts as done.
                        self.scan_empty[side] = self.report.scanned[side] == 0;
                        self.find_missing(side, Query::Live(side), &marks).await?;
                    }
                    let memory = &mut self.memory.sides[side];
                    memory.scanned_at = Some(started);
                    memory.catch_up = None;
                    if full && complete {
                        memory.full_scan_at = Some(started);
                        memory.sweep = None;
                    }
                    let stands = canary::is(Canary::WatermarkStands) && memory.cursor.is_some();
                    if cursor.is_some() && whole && !stands {
                        memory.cursor = cursor;
                    }
                    // A scan that broke off says nothing about what it did not return: no look at all.
                    self.scan_elapsed[side] = whole.then_some(began);
                    self.commit(Vec::new(), Vec::new()).await?;
                    break coverage;
                }
            }
        };
        self.report.full_scan[side] = full;
        match coverage {
            Coverage::Complete(_) | Coverage::Delta => {}
            Coverage::Window => self.returned[side] = Some(marks),
            Coverage::Partial(reason) => {
                self.returned[side] = Some(marks);
                self.tell_not_whole(side, &reason);
            }
        }
        Ok(())
    }

    /// Counts records that a scan returned, and tells of it.
    pub(super) fn note_scanned(&mut self, side: Side, full: bool, records: usize) {
        self.report.scanned[side] += records as u64;
        let records = self.report.scanned[side];
        let live = self.opened.counts.live[side];
        let expected = (full && live > 0).then_some(live);
        self.say(|| Event::Scanned {
            side: self.engine.spec.names[side].clone(),
            records,
            expected,
        });
    }

    /// One page. Borrows nothing of the cycle, so that it can be under way beside other work.
    pub(super) fn scan<'f>(
        &self,
        side: Side,
        from: &'f ScanFrom,
        lane: Lane,
    ) -> impl Future<Output = Result<ScanPage, PeerError>> + Send + use<'f> {
        let peer = Arc::clone(&self.engine.peers[side]);
        let cancel = self.options.cancel.clone();
        async move {
            let call = Call {
                lane,
                ..Call::new(&cancel)
            };
            peer.scan(&call, from, &FieldSet::All, SCAN_LIMIT).await
        }
    }

    pub(super) async fn remember(
        &mut self,
        side: Side,
        items: Vec<Sighting>,
        marks: &mut Marks,
    ) -> Result<(), RunError> {
        let chunk = self.take_in(side, items, marks).await?;
        self.commit_chunk(chunk).await?;
        Ok(())
    }

    /// Turns a page of sightings into changes; what is as remembered makes none.
    async fn take_in(
        &mut self,
        side: Side,
        items: Vec<Sighting>,
        marks: &mut Marks,
    ) -> Result<Chunk, RunError> {
        let keys: Vec<Key> = items.iter().filter_map(key_of).cloned().collect();
        let remembers = self.opened.counts.pairs > 0;
        // While the store looks up the keys.
        let digests = async {
            let digest = |item: &Sighting| match item {
                Sighting::Seen(record) if remembers => Some(record.digest()),
                _ => None,
            };
            items.iter().map(digest).collect::<Vec<_>>()
        };
        let (heads, digests) = join(self.heads(side, keys), digests).await;
        let heads = heads?;
        let head = |key: &Key| {
            heads
                .binary_search_by(|head| head.keys[side].as_ref().cmp(&Some(key)))
                .ok()
                .map(|at| &heads[at])
        };
        // Each item with the pair that is known of it.
        let known: Vec<Option<&PairHead>> =
            (items.iter().map(|item| key_of(item).and_then(head))).collect();
        let unknown = items.iter().zip(&known).filter_map(|item| match item {
            (Sighting::Seen(record), None) => Some(record),
            _ => None,
        });
        self.meet_records(side, unknown.clone()).await?;
        let is_new = |record: &Record| record.lifecycle == Lifecycle::Live;
        let mut seen = items.iter().zip(&known).zip(&digests);
        let strange = self.schema_may_be_old(side) && seen.any(|((item, known), digest)| {
            let is_known = known.is_some_and(|head| head.seen[side] == *digest);
            matches!(item, Sighting::Seen(record) if !is_known && self.is_half_read(side, record))
        });
        if strange || self.makes_at_sight(side.other()) && unknown.clone().any(is_new) {
            self.check_schema().await?;
        }
        let mut chunk = Chunk::default();
        let mut tombstones = Vec::new();
        let mut unread = Vec::new();
        let mut fresh: BTreeMap<Key, PairId> = BTreeMap::new();
        for ((item, known), digest) in items.into_iter().zip(known).zip(digests) {
            match item {
                Sighting::Seen(record) => {
                    let known = known.map(|head| (head.id, head.seen[side], head.ranked[side]));
                    // A page can return a new record twice.
                    let again = fresh.get(&record.key).copied();
                    match (known, again) {
                        (Some((pair, seen, ranked)), _) => {
                            marks.mark(pair);
                            let content = digest.unwrap_or_else(|| record.digest());
                            let unchanged = seen == Some(content);
                            if unchanged {
                                self.caught_up(side, pair);
                            }
                            if !(unchanged && (ranked || record.rank.is_none()))
                                && !canary::seen_before(pair.0 * 2 + side as u64, content)
                            {
                                let record = self.unless_outdated(side, pair, record).await?;
                                chunk
                                    .changes
                                    .extend(record.map(|record| observed(pair, side, record)));
                            }
                        }
                        (None, Some(pair)) => chunk.changes.push(observed(pair, side, record)),
                        (None, None) if record.lifecycle == Lifecycle::Trashed => {}
                        (None, None) => {
                            let key = record.key.clone();
                            let pair = self.take_in_new(side, record, &mut chunk).await?;
                            marks.mark(pair);
                            fresh.insert(key, pair);
                        }
                    }
                }
                Sighting::Tombstone(_, proof) => {
                    if let Some(head) = known {
                        tombstones.push((head.id, proof));
                    }
                }
                Sighting::Bad(bad) => {
                    if let Some(head) = known {
                        marks.mark(head.id);
                        unread.push(head.id);
                    }
                    let name = &self.engine.spec.names[side];
                    let key = bad
                        .key
                        .as_ref()
                        .map_or("without a readable id", Key::as_str);
                    let what = format!("{name}: record {key} could not be read: {}", bad.reason);
                    self.report.problem(RunOutcome::Partial, what);
                }
            }
        }
        for (pair, proof) in tombstones {
            if let Some(state) = self.pair(pair).await? {
                chunk
                    .changes
                    .push(gone(&state, side, Presence::Deleted(proof)));
            }
        }
        // The scan goes on behind it: what it holds now is not known until it is read.
        for state in self.pairs(&Query::Pairs(unread), None).await? {
            let unread = gone(&state, side, Presence::Unread);
            chunk.changes.push(unread);
        }
        Ok(chunk)
    }

    /// Whether a record lacks a mapped field, or holds in it what the field's type does not: its
    /// schema may be another one by now than was read.
    fn is_half_read(&self, side: Side, record: &Record) -> bool {
        let mut fields = self.engine.spec.mapping.fields.iter();
        fields.any(|field| {
            let cell = record.cells.cell(&field.ids[side]);
            matches!(cell, None | Some(Cell::Missing | Cell::Unsupported(_)))
        })
    }

    /// A record nobody knew: perhaps the one that an unresolved create made, else a new pair.
    async fn take_in_new(
        &mut self,
        side: Side,
        record: Record,
        chunk: &mut Chunk,
    ) -> Result<PairId, RunError> {
        if let Some(intent) = self.made_by(side, &record) {
            let pair = intent.pair;
            chunk
                .changes
                .extend(self.found_created(intent, record).await?);
            return Ok(pair);
        }
        if let Some(pair) = self.made_late(side, &record).await? {
            chunk.changes.push(observed(pair, side, record));
            return Ok(pair);
        }
        let id = PairId(self.mint());
        let mut sides = Sides::<SideState>::default();
        sides[side] = SideState::seen(record);
        let pair = PairState {
            id,
            sides,
            base: None,
            dirty: true,
            standing: None,
        };
        let at = chunk.changes.len();
        self.at_first_sight(side, &pair, chunk);
        let mut sides = pair.sides;
        let state = std::mem::take(&mut sides[side]);
        let seen = Change::Observe {
            pair: id,
            side,
            state,
            dirty: true,
        };
        chunk.changes.insert(at, seen);
        Ok(id)
    }

    /// A new record that only has to be made on the side the store executes itself is made in the
    /// commit that remembers it: it needs no sum to look at, and is not read again.
    fn at_first_sight(&mut self, side: Side, pair: &PairState, chunk: &mut Chunk) {
        let to = side.other();
        if !self.makes_at_sight(to) {
            return;
        }
        let decided = self.decide(pair);
        if decided.only_creates(to) {
            if self.is_plan_shown() {
                self.at_sight.add_under_way(pair, &decided);
            } else {
                self.at_sight.add_sum(&decided);
            }
            self.tried.mark(pair.id);
            self.write_pair(pair, decided, &Held::default(), chunk);
        }
    }

    /// Whether records are made on a side in the commit that remembers their counterpart.
    fn makes_at_sight(&self, to: Side) -> bool {
        let matched = !self.engine.spec.mapping.match_by.is_empty();
        let waits = self.dry || self.approved.is_some() || matched;
        !waits && self.opened.colocated == Some(to)
    }

    pub(super) async fn heads(
        &self,
        side: Side,
        keys: Vec<Key>,
    ) -> Result<Vec<PairHead>, RunError> {
        if keys.is_empty() || self.opened.counts.pairs == 0 && self.next_id <= 1 {
            return Ok(Vec::new());
        }
        let limit = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        let query = Query::Heads(side, keys);
        let rows = self
            .store
            .read(&self.engine.spec.id, &query, None, limit)
            .await?;
        let mut heads = if let Rows::Heads(heads) = rows {
            heads
        } else {
            Vec::new()
        };
        heads.sort_by(|a, b| a.keys[side].cmp(&b.keys[side]));
        Ok(heads)
    }

    /// Of the live records that a scan should have returned, those it did not are gone, unproved.
    pub(super) async fn find_missing(
        &mut self,
        side: Side,
        query: Query,
        marks: &Marks,
    ) -> Result<(), RunError> {
        // The last slices end where records were made a moment ago.
        let at_once = matches!(query, Query::Live(_));
        let mut after = None;
        loop {
            let rows = self
                .store
                .read(&self.engine.spec.id, &query, after, IDS)
                .await?;
            let Rows::Ids(live) = rows else {
                return Ok(());
            };
            let missing: Vec<PairId> = live
                .iter()
                .copied()
                .filter(|id| !marks.is_marked(*id))
                .filter(|id| at_once || !self.is_ahead_of_index(side, *id))
                .collect();
            for missing in missing.chunks(CHUNK as usize) {
                let states = self.pairs(&Query::Pairs(missing.to_vec()), None).await?;
                let gone = |state: &PairState| gone(state, side, Presence::Gone);
                self.commit(states.iter().map(gone).collect(), Vec::new())
                    .await?;
            }
            match live.last() {
                Some(last) if live.len() >= IDS as usize => after = Some(Bookmark(last.0)),
                _ => return Ok(()),
            }
        }
    }

    /// Reads records directly whose absence nothing proves. Returns whether anything was learned.
    pub(super) async fn probe(&mut self, pairs: Vec<PairId>) -> Result<bool, RunError> {
        let mut learned = false;
        for side in Side::BOTH {
            let capabilities = self.described[side].capabilities.clone();
            let remote = capabilities.requests_per_command > 0;
            let mut missing: Vec<PairState> = Vec::new();
            for chunk in pairs.chunks(CHUNK as usize) {
                let states = self.pairs(&Query::Pairs(chunk.to_vec()), None).await?;
                missing.extend(states.into_iter().filter(|pair| {
                    let unproved = [Presence::Gone, Presence::Denied, Presence::Unread];
                    (unproved.contains(&pair.sides[side].presence)
                        && !self.probed.contains(&(pair.id, side)))
                        || self.rests_on_old_proof(pair, side)
                        || self.left_by_old_proof(pair, side)
                        || self.is_half_seen(pair, side)
                }));
            }
            // What is proved again comes last: held back by a guard, it is so in every run.
            missing.sort_by_key(|pair| self.rests_on_old_proof(pair, side));
            let budget = PROBE_BUDGET.saturating_sub(self.probed.len());
            if remote && missing.len() > budget {
                let left = missing.len() - budget;
                let name = &self.engine.spec.names[side];
                let what =
                    format!("{left} records missing on {name} will be looked up in later runs");
                self.report.problem(RunOutcome::Partial, what);
                missing.truncate(budget);
            }
            let mut asked = 0;
            // How many a scan did not return, and how many of them are there all the same.
            let (mut unreturned, mut alive) = (0, 0);
            for batch in missing.chunks(capabilities.max_fetch.max(1) as usize) {
                self.stop_if_asked()?;
                self.keep_lease().await?;
                if remote && asked > 0 && self.is_spent() {
                    self.spending.left = true;
                    break;
                }
                if remote && unreturned >= PROBE_SAMPLE && alive == unreturned {
                    let name = &self.engine.spec.names[side];
                    let what = format!(
                        "{name} did not return records that are there; the scan is not trusted"
                    );
                    self.report.problem(RunOutcome::Partial, what);
                    break;
                }
                let keys: Vec<Key> = batch
                    .iter()
                    .filter_map(|pair| pair.sides[side].key.clone())
                    .collect();
                let call = Call::new(&self.options.cancel);
                let answers = self.engine.peers[side]
                    .fetch(&call, &keys, &FieldSet::All)
                    .await?;
                asked += batch.len();
                let mut changes = Vec::new();
                for (pair, answer) in batch.iter().zip(answers) {
                    self.probed.insert((pair.id, side));
                    let presence = &pair.sides[side].presence;
                    if matches!(presence, Presence::Gone | Presence::Denied) {
                        unreturned += 1;
                        alive += usize::from(matches!(&answer, Lookup::Here(record)
                            if record.lifecycle == Lifecycle::Live));
                    }
                    changes.push(self.classified(pair, side, answer));
                }
                learned |= !changes.is_empty();
                self.commit(changes, Vec::new()).await?;
            }
        }
        Ok(learned)
    }

    /// What a direct read says about a side.
    pub(super) fn classified(&mut self, pair: &PairState, side: Side, answer: Lookup) -> Change {
        self.note_direct(side, pair.id);
        match answer {
            Lookup::Here(record) => observed(pair.id, side, record),
            Lookup::Elsewhere(place) => gone(pair, side, Presence::Moved(place)),
            Lookup::Absent(Absence::Authoritative) => {
                gone(pair, side, Presence::Deleted(Proof::AuthoritativeAbsence))
            }
            Lookup::Absent(Absence::Ambiguous) | Lookup::Denied => {
                gone(pair, side, Presence::Denied)
            }
        }
    }

    /// What people are told of a record that a side does not show any more.
    pub(super) fn denied(&self, pair: &PairState) -> Option<Refusal> {
        let denied = |side: &Side| pair.sides[*side].presence == Presence::Denied;
        let side = Side::BOTH.into_iter().find(denied)?;
        let name = &self.engine.spec.names[side];
        let key = pair.sides[side].key.as_ref().map_or("", Key::as_str);
        Some(Refusal {
            guard: Guard::Permission,
            pair: Some(pair.id),
            side: Some(side),
            field: None,
            reason: format!(
                "{name} does not show record {key} any more: purged, or no longer shared; it is \
                 not taken for a delete"
            ),
            count: 1,
        })
    }
}

fn key_of(item: &Sighting) -> Option<&Key> {
    match item {
        Sighting::Seen(record) => Some(&record.key),
        Sighting::Tombstone(key, _) => Some(key),
        Sighting::Bad(bad) => bad.key.as_ref(),
    }
}

/// A record as just seen.
pub(super) fn observed(pair: PairId, side: Side, record: Record) -> Change {
    Change::Observe {
        pair,
        side,
        state: SideState::seen(record),
        dirty: true,
    }
}

/// A side that is not there; what was last seen of it is kept.
fn gone(pair: &PairState, side: Side, presence: Presence) -> Change {
    let SideState { key, shadow, .. } = pair.sides[side].clone();
    Change::Observe {
        pair: pair.id,
        side,
        state: SideState {
            key,
            presence,
            shadow,
        },
        dirty: true,
    }
}
