//! Records that we know better than a peer's index yet does: what was written or read directly just now.

use super::RunError;
use super::cycle::Cycle;
use crate::link::Side;
use crate::pair::PairId;
use crate::port::{Call, FieldSet, Lookup};
use crate::record::Record;

/// What a run knows of an index beside what is remembered.
#[derive(Debug, Default)]
pub(super) struct IndexLag {
    /// Whether a scan of this run met what earlier runs remembered. Until then it counts whatever the
    /// clock says: it may have jumped ahead between the runs, and a page is as old as the request for it.
    met: bool,
}

impl Cycle<'_> {
    /// A record that we know better than the index yet does is read directly: the scan may show it
    /// as it was before our own write. Where that says nothing either, it stays as it is remembered until
    /// the index has caught up.
    pub(super) async fn unless_outdated(
        &mut self,
        side: Side,
        pair: PairId,
        record: Record,
    ) -> Result<Option<Record>, RunError> {
        if !self.is_ahead_of_index(side, pair) {
            return Ok(Some(record));
        }
        let call = Call::new(&self.options.cancel);
        let keys = [record.key.clone()];
        let answers = self.engine.peers[side]
            .fetch(&call, &keys, &FieldSet::All)
            .await?;
        let Some(Lookup::Here(now)) = answers.into_iter().next() else {
            return Ok(None);
        };
        if now.digest() == record.digest() {
            // The index has caught up with it.
            self.memory.sides[side].ahead_of_index.remove(&pair);
        } else {
            // It has not, and may show the same to the next scan.
            self.note_direct(side, pair);
        }
        Ok(Some(now))
    }

    pub(super) fn is_ahead_of_index(&self, side: Side, pair: PairId) -> bool {
        let lag = self.described[side].capabilities.index_lag;
        let known = self.memory.sides[side].ahead_of_index.get(&pair);
        known.is_some_and(|at| !self.index[side].met || self.engine.clock.now().since(*at) < lag)
    }

    /// All that a run reads of a side was taken in.
    pub(super) fn index_met(&mut self, side: Side) {
        let lag = self.described[side].capabilities.index_lag;
        let now = self.engine.clock.now();
        self.index[side].met = true;
        let ahead = &mut self.memory.sides[side].ahead_of_index;
        ahead.retain(|_, at| now.since(*at) < lag);
    }

    /// Remembers that a record was written or read directly just now.
    pub(super) fn note_direct(&mut self, side: Side, pair: PairId) {
        let lag = self.described[side].capabilities.index_lag;
        if lag.is_zero() {
            return;
        }
        let now = self.engine.clock.now();
        let ahead = &mut self.memory.sides[side].ahead_of_index;
        if self.index[side].met {
            ahead.retain(|_, at| now.since(*at) < lag);
        }
        ahead.insert(pair, now);
    }
}
