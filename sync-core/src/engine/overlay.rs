//! A store for dry runs: reads fall through to the real one, writes stay here.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::link::{LinkId, LinkSpec};
use crate::memory::{Memory, digests, is_among_live};
use crate::pair::{PairDigests, PairId, PairState};
use crate::port::{
    Bookmark, Change, Commit, Committed, Fence, LeaseAsk, OpenMode, Opened, Outcome, Query, Rows,
    Serial, Store, StoreError, Wait,
};

/// Keeps every observation of a dry run in memory and never writes to the store beneath.
pub(super) struct Overlay {
    inner: Arc<dyn Store>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    memory: Memory,
    forgotten: BTreeSet<PairId>,
    attend_all: bool,
    /// The link of the dry run; of others nothing is kept here.
    link: Option<LinkId>,
    serial: Serial,
}

impl Overlay {
    pub(super) fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            state: Mutex::default(),
        }
    }

    fn with<T>(&self, run: impl FnOnce(&mut State) -> T) -> T {
        run(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn hidden(&self, pair: PairId) -> bool {
        self.with(|state| state.memory.holds(pair) || state.forgotten.contains(&pair))
    }

    /// Rows of both layers after the bookmark, in order, at most `limit`; of this layer those that
    /// `ours` makes one of.
    async fn merged<T: Row>(
        &self,
        link: &LinkId,
        query: &Query,
        after: Option<Bookmark>,
        limit: u32,
        ours: impl Fn(&PairState) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut found: Vec<T> = Vec::new();
        let mut from = after;
        loop {
            let Some(page) = T::page(self.inner.read(link, query, from, limit).await?) else {
                return Ok(found);
            };
            let last = page.len() < most;
            let upto = page.last().map(T::pair);
            let low = PairId(from.map_or(0, |Bookmark(id)| id.saturating_add(1)));
            found.extend(page.into_iter().filter(|row| !self.hidden(row.pair())));
            self.with(|state| {
                let held = state.memory.pairs_from(low);
                let held = held.filter(|pair| last || Some(pair.id) <= upto);
                found.extend(held.filter_map(&ours));
            });
            if last || found.len() >= most {
                break;
            }
            from = upto.map(|pair| Bookmark(pair.0));
        }
        found.sort_by_key(T::pair);
        found.truncate(most);
        Ok(found)
    }

    async fn load(&self, link: &LinkId, changes: &[Change]) -> Result<(), StoreError> {
        let mut wanted: Vec<PairId> = changes.iter().flat_map(pairs_of).collect();
        wanted.retain(|pair| !self.hidden(*pair));
        if wanted.is_empty() {
            return Ok(());
        }
        let limit = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
        if let Rows::Pairs(pairs) = self
            .inner
            .read(link, &Query::Pairs(wanted), None, limit)
            .await?
        {
            self.with(|state| pairs.into_iter().for_each(|pair| state.memory.put(pair)));
        }
        Ok(())
    }
}

/// A row that both layers can answer with.
trait Row: Sized {
    fn page(rows: Rows) -> Option<Vec<Self>>;
    fn pair(&self) -> PairId;
}

impl Row for PairState {
    fn page(rows: Rows) -> Option<Vec<Self>> {
        match rows {
            Rows::Pairs(pairs) => Some(pairs),
            _ => None,
        }
    }

    fn pair(&self) -> PairId {
        self.id
    }
}

impl Row for PairDigests {
    fn page(rows: Rows) -> Option<Vec<Self>> {
        match rows {
            Rows::Digests(digests) => Some(digests),
            _ => None,
        }
    }

    fn pair(&self) -> PairId {
        self.id
    }
}

fn pairs_of(change: &Change) -> Vec<PairId> {
    match change {
        Change::Observe { pair, .. }
        | Change::Settle { pair, .. }
        | Change::Attend { pair, .. }
        | Change::Resolve { pair, .. }
        | Change::Wait(Wait { pair, .. })
        | Change::Forget(pair) => vec![*pair],
        Change::Join { keep, drop } => vec![*keep, *drop],
        _ => Vec::new(),
    }
}

#[async_trait]
impl Store for Overlay {
    async fn open(&self, spec: &LinkSpec, _: OpenMode) -> Result<Opened, StoreError> {
        let opened = self.inner.open(spec, OpenMode::Read).await?;
        let everything = u32::MAX;
        let intents = self
            .inner
            .read(&spec.id, &Query::Intents { dead: true }, None, everything)
            .await?;
        let conflicts = self
            .inner
            .read(&spec.id, &Query::Conflicts, None, everything)
            .await?;
        let waits = self.inner.read(&spec.id, &Query::Waits, None, everything);
        let waits = waits.await?;
        self.with(|state| {
            state.serial = opened.serial;
            state.link = Some(spec.id.clone());
            if let Rows::Intents(intents) = intents {
                intents
                    .into_iter()
                    .for_each(|i| state.memory.apply(Change::Intent(i)));
            }
            if let Rows::Waits(waits) = waits {
                for wait in waits {
                    state.memory.put_wait(wait);
                }
            }
            if let Rows::Conflicts(conflicts) = conflicts {
                conflicts
                    .into_iter()
                    .for_each(|c| state.memory.put_conflict(c));
            }
        });
        Ok(opened)
    }

    async fn lease(&self, link: &LinkId, _: &LeaseAsk) -> Result<Fence, StoreError> {
        Ok(Fence {
            link: link.clone(),
            number: 0,
        })
    }

    async fn read(
        &self,
        link: &LinkId,
        query: &Query,
        after: Option<Bookmark>,
        limit: u32,
    ) -> Result<Rows, StoreError> {
        let (attend_all, other) =
            self.with(|state| (state.attend_all, state.link.as_ref() != Some(link)));
        if other {
            return self.inner.read(link, query, after, limit).await;
        }
        match query {
            Query::Heads(..) => {
                let Rows::Heads(mut heads) = self.inner.read(link, query, after, limit).await?
                else {
                    return Ok(Rows::Heads(Vec::new()));
                };
                heads.retain(|head| !self.hidden(head.id));
                if let Rows::Heads(ours) = self.with(|s| s.memory.read(query, None, limit)) {
                    heads.extend(ours);
                }
                Ok(Rows::Heads(heads))
            }
            Query::Live(_) | Query::LiveWithin(..) | Query::LiveUnranked(_) => {
                let Rows::Ids(mut found) = self.inner.read(link, query, after, limit).await? else {
                    return Ok(Rows::Ids(Vec::new()));
                };
                let most = usize::try_from(limit).unwrap_or(usize::MAX);
                let last = found.len() < most;
                let upto = found.last().copied();
                let low = PairId(after.map_or(0, |Bookmark(id)| id.saturating_add(1)));
                self.with(|state| {
                    let ours = state.memory.pairs_from(low);
                    let ours = ours.filter(|pair| last || Some(pair.id) <= upto);
                    // A pair this layer holds and finds dead stays in the page as the lower layer
                    // shows it: the page must not look short. Callers skip what they have seen.
                    let ours = ours.filter(|pair| is_among_live(pair, query));
                    found.extend(ours.map(|pair| pair.id));
                });
                found.sort_unstable();
                found.dedup();
                Ok(Rows::Ids(found))
            }
            Query::Pairs(ids) => {
                let (ours, theirs): (Vec<_>, Vec<_>) =
                    ids.iter().copied().partition(|id| self.hidden(*id));
                let theirs = Query::Pairs(theirs);
                let Rows::Pairs(mut pairs) = self.inner.read(link, &theirs, None, limit).await?
                else {
                    return Ok(Rows::Pairs(Vec::new()));
                };
                self.with(|state| {
                    pairs.extend(ours.iter().filter_map(|id| state.memory.pair(*id)).cloned());
                });
                pairs.sort_by_key(|pair| pair.id);
                Ok(Rows::Pairs(pairs))
            }
            Query::Dirty | Query::Standing => {
                let dirty = *query == Query::Dirty;
                let keep = |pair: &PairState| {
                    let kept = if dirty {
                        pair.dirty
                    } else {
                        pair.standing.is_some()
                    };
                    kept.then(|| pair.clone())
                };
                let below = if dirty && attend_all {
                    Query::All
                } else {
                    query.clone()
                };
                self.merged(link, &below, after, limit, keep)
                    .await
                    .map(Rows::Pairs)
            }
            Query::All => self
                .merged(link, query, after, limit, |pair| Some(pair.clone()))
                .await
                .map(Rows::Pairs),
            Query::Digests => self
                .merged(link, query, after, limit, |pair| Some(digests(pair)))
                .await
                .map(Rows::Digests),
            Query::Intents { .. } | Query::Conflicts | Query::Waits => {
                Ok(self.with(|state| state.memory.read(query, after, limit)))
            }
            Query::DeletesSince(..) | Query::Journal(_) | Query::Runs | Query::OldestRun(_) => {
                self.inner.read(link, query, after, limit).await
            }
        }
    }

    async fn commit(&self, fence: &Fence, commit: Commit) -> Result<Committed, StoreError> {
        self.load(&fence.link, &commit.changes).await?;
        Ok(self.with(|state| {
            for change in commit.changes {
                match &change {
                    Change::Forget(pair) | Change::Join { drop: pair, .. } => {
                        state.forgotten.insert(*pair);
                    }
                    Change::AttendAll => state.attend_all = true,
                    _ => {}
                }
                state.memory.apply(change);
            }
            state.serial.0 += 1;
            // A dry run plans and stops: no effect is ever executed here.
            let effects = commit.effects.iter().map(|_| Outcome::NotSent).collect();
            Committed {
                serial: state.serial,
                effects,
            }
        }))
    }
}
