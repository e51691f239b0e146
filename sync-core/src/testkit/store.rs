//! A store in memory. Every commit is a place where a test can crash it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryPeer, VirtualClock};
use crate::canary::{self, Canary};
use crate::link::{LinkId, LinkSpec, Side, Sides};
use crate::memory::Memory;
use crate::pair::SideState;
use crate::port::{
    Bookmark, Change, Clock, Commit, Committed, Effect, Fence, LeaseAsk, OpenMode, Opened, Outcome,
    Peer, PlaceId, Query, Rows, Serial, Store, StoreError,
};

/// Where a commit fails, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// Before the commit with this serial took hold.
    Before(u64),
    /// After it took hold, before the caller heard of it.
    After(u64),
}

/// A store in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    links: BTreeMap<LinkId, Memory>,
    places: BTreeMap<LinkId, Sides<PlaceId>>,
    fences: BTreeMap<LinkId, (u64, Option<String>)>,
    /// When leases end that nobody renews, and when each was last renewed.
    lasting: Option<(VirtualClock, Duration)>,
    renewed: BTreeMap<LinkId, Duration>,
    serial: u64,
    crash: Option<CrashPoint>,
    colocated: Option<MemoryPeer>,
}

impl MemoryStore {
    /// A store that executes commands of this peer inside its own commits.
    pub fn colocated_with(peer: MemoryPeer) -> Self {
        let store = Self::default();
        store.inner().colocated = Some(peer);
        store
    }

    /// Crashes at the next commit with that serial.
    pub fn crash_at(&self, point: Option<CrashPoint>) {
        self.inner().crash = point;
    }

    /// Number of the last commit.
    pub fn serial(&self) -> u64 {
        self.inner().serial
    }

    /// What is remembered of a link.
    pub fn memory(&self, link: &LinkId) -> Memory {
        self.inner().links.get(link).cloned().unwrap_or_default()
    }

    /// The memory of a link as it was once, as if the file were restored from a backup.
    pub fn restore(&self, link: &LinkId, memory: Memory) {
        self.inner().links.insert(link.clone(), memory);
    }

    /// The owner died without giving the lease back.
    pub fn break_lease(&self, link: &LinkId) {
        if let Some((_, owner)) = self.inner().fences.get_mut(link) {
            *owner = None;
        }
    }

    /// Leases end by themselves from now on, so long after they were taken or renewed.
    pub fn end_leases_after(&self, clock: &VirtualClock, span: Duration) {
        self.inner().lasting = Some((clock.clone(), span));
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Takes a lease away that was not renewed in time.
    fn end_lease(&mut self, link: &LinkId) {
        let Some((clock, span)) = &self.lasting else {
            return;
        };
        let renewed = self.renewed.get(link).copied().unwrap_or_default();
        if clock.elapsed().saturating_sub(renewed) > *span
            && let Some((_, owner)) = self.fences.get_mut(link)
        {
            *owner = None;
        }
    }
}

fn crashed() -> StoreError {
    StoreError::Io {
        message: "crashed by a test".into(),
        source: None,
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn open(&self, spec: &LinkSpec, mode: OpenMode) -> Result<Opened, StoreError> {
        let mut inner = self.inner();
        if let Some(made_for) = inner.places.get(&spec.id) {
            for side in Side::BOTH {
                if made_for[side] != spec.places[side] {
                    return Err(StoreError::Copied {
                        expected: made_for[side].to_string(),
                        found: spec.places[side].to_string(),
                    });
                }
            }
        }
        if mode == OpenMode::Write {
            let places = &mut inner.places;
            places.insert(spec.id.clone(), spec.places.clone());
            inner.links.entry(spec.id.clone()).or_default();
        }
        let bare = Memory::default();
        let memory = inner.links.get(&spec.id).unwrap_or(&bare);
        let colocated = inner.colocated.as_ref().and_then(|peer| {
            Side::BOTH
                .into_iter()
                .find(|side| spec.places[*side] == *peer.place())
        });
        Ok(Opened {
            lineage: 1,
            serial: Serial(inner.serial),
            next_id: memory.next_id.max(1),
            counts: memory.counts(),
            memory: memory.link.clone(),
            colocated,
        })
    }

    async fn lease(&self, link: &LinkId, ask: &LeaseAsk) -> Result<Fence, StoreError> {
        let mut inner = self.inner();
        inner.end_lease(link);
        let (number, holder) = inner.fences.entry(link.clone()).or_default();
        let answer = match ask {
            LeaseAsk::Take { owner } => match holder {
                Some(holder) => Err(StoreError::Busy {
                    owner: holder.clone(),
                }),
                None => {
                    *number += 1;
                    *holder = Some(owner.clone());
                    Ok(Fence {
                        link: link.clone(),
                        number: *number,
                    })
                }
            },
            LeaseAsk::Renew(fence) | LeaseAsk::Release(fence)
                if fence.number != *number || holder.is_none() =>
            {
                Err(StoreError::Fenced)
            }
            LeaseAsk::Renew(fence) => Ok(fence.clone()),
            LeaseAsk::Release(fence) => {
                *holder = None;
                Ok(fence.clone())
            }
        };
        let now = inner.lasting.as_ref().map(|(clock, _)| clock.elapsed());
        if let (Ok(_), Some(now)) = (&answer, now) {
            inner.renewed.insert(link.clone(), now);
        }
        answer
    }

    async fn read(
        &self,
        link: &LinkId,
        query: &Query,
        after: Option<Bookmark>,
        limit: u32,
    ) -> Result<Rows, StoreError> {
        let inner = self.inner();
        Ok(match inner.links.get(link) {
            Some(memory) => memory.read(query, after, limit),
            None => Memory::default().read(query, after, limit),
        })
    }

    async fn commit(&self, fence: &Fence, commit: Commit) -> Result<Committed, StoreError> {
        let mut inner = self.inner();
        inner.end_lease(&fence.link);
        if inner
            .fences
            .get(&fence.link)
            .is_none_or(|(number, owner)| *number != fence.number || owner.is_none())
            && !canary::is(Canary::FenceIgnored)
        {
            return Err(StoreError::Fenced);
        }
        if commit
            .expect
            .is_some_and(|expect| expect != Serial(inner.serial))
        {
            return Err(StoreError::SerialMoved);
        }
        let next = inner.serial + 1;
        if inner.crash == Some(CrashPoint::Before(next)) {
            inner.crash = None;
            return Err(crashed());
        }
        inner.serial = next;
        let peer = inner.colocated.clone();
        let memory = inner.links.entry(fence.link.clone()).or_default();
        memory.next_id = memory.next_id.max(commit.next_id);
        commit
            .changes
            .into_iter()
            .for_each(|change| memory.apply(change));
        let effects = commit.effects.into_iter();
        let effects = effects
            .map(|effect| run_effect(memory, peer.as_ref(), effect))
            .collect();
        if inner.crash == Some(CrashPoint::After(next)) {
            inner.crash = None;
            return Err(crashed());
        }
        Ok(Committed {
            serial: Serial(next),
            effects,
        })
    }
}

fn run_effect(memory: &mut Memory, peer: Option<&MemoryPeer>, effect: Effect) -> Outcome {
    let Some(peer) = peer else {
        return Outcome::NotSent;
    };
    let (pair, side) = (effect.pair, effect.side);
    let before = memory
        .pair(pair)
        .and_then(|pair| pair.sides[side].shadow.clone());
    let outcome = peer.execute(&effect.command);
    if let Outcome::Done(receipt) = &outcome {
        let observed = receipt.observed.as_ref();
        let shows_more = observed.is_some_and(|now| effect.shows_more(before.as_ref(), now));
        if let Some(record) = receipt.observed.clone() {
            let state = SideState::seen(record.just_written());
            memory.apply(Change::Observe {
                pair,
                side,
                state,
                dirty: true,
            });
        }
        effect
            .then
            .into_iter()
            .for_each(|change| memory.apply(change));
        if shows_more {
            memory.apply(Change::Attend {
                pair,
                dirty: true,
                standing: None,
            });
        }
    }
    outcome
}
