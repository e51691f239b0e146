//! Records that we know better than a peer's index yet does: what was written or read directly just now.

use super::RunError;
use super::cycle::Cycle;
use crate::link::Side;
use crate::pair::PairId;
use crate::port::{Call, FieldSet, Lookup};
use crate::record::Record;

/// More than a remote peer lets us write within its lag.
const KEPT: usize = 512;

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
        // Whatever the clock says: it may have jumped, and a page is as old as the request for it.
        if !self.memory.sides[side].ahead_of_index.contains_key(&pair) {
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
            self.caught_up(side, pair);
        } else {
            // The next scan may show the same.
            self.note_direct(side, pair);
        }
        Ok(Some(now))
    }

    /// Whether a record was written or read directly less than the lag ago.
    pub(super) fn is_ahead_of_index(&self, side: Side, pair: PairId) -> bool {
        let lag = self.described[side].capabilities.index_lag;
        let known = self.memory.sides[side].ahead_of_index.get(&pair);
        known.is_some_and(|at| self.engine.clock.now().since(*at) < lag)
    }

    /// A scan showed a record as it is remembered: the index has caught up with it.
    pub(super) fn caught_up(&mut self, side: Side, pair: PairId) {
        self.memory.sides[side].ahead_of_index.remove(&pair);
    }

    /// Remembers that a record was written or read directly just now.
    pub(super) fn note_direct(&mut self, side: Side, pair: PairId) {
        let lag = self.described[side].capabilities.index_lag;
        if lag.is_zero() {
            return;
        }
        let now = self.engine.clock.now();
        let ahead = &mut self.memory.sides[side].ahead_of_index;
        // Until a scan shows them, whatever the clock says, as long as they are few.
        if ahead.len() >= KEPT {
            ahead.retain(|_, at| now.since(*at) < lag);
        }
        ahead.insert(pair, now);
    }
}
