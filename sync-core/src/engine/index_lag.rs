//! Records that we know better than a peer's index yet does: what was written or read directly just now.

use std::collections::BTreeMap;
use std::time::Duration;

use super::RunError;
use super::cycle::Cycle;
use crate::link::Side;
use crate::pair::PairId;
use crate::port::{Call, FieldSet, Lookup};
use crate::record::{Record, Timestamp};

/// What a run knows of an index beside what is remembered.
#[derive(Debug, Default)]
pub(super) struct IndexLag {
    /// When the page was asked for that is taken in now, on both clocks.
    asked: Option<(Timestamp, Duration)>,
    /// What this run wrote or read directly, on the clock that does not jump.
    written: BTreeMap<PairId, Duration>,
}

impl Cycle<'_> {
    /// A record that we know better than the index yet does is read directly: the scan may show it
    /// as it was before our own write. Where that says nothing either, it stays as it is remembered until
    /// the index has caught up.
    pub(super) async fn unless_outdated(
        &self,
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
        Ok(match answers.into_iter().next() {
            Some(Lookup::Here(now)) => Some(now),
            _ => None,
        })
    }

    pub(super) fn is_ahead_of_index(&self, side: Side, pair: PairId) -> bool {
        let lag = self.described[side].capabilities.index_lag;
        let index = &self.index[side];
        // A page shows what the index knew when it was asked, not when it is taken in.
        let (now, elapsed) = index.asked.unwrap_or_else(|| self.moment());
        let remembered = self.memory.sides[side].ahead_of_index.get(&pair);
        let here = index.written.get(&pair);
        remembered.is_some_and(|at| now.since(*at) < lag)
            || here.is_some_and(|at| elapsed.saturating_sub(*at) < lag)
    }

    /// Now, on the clock that people read and on the one that does not jump.
    fn moment(&self) -> (Timestamp, Duration) {
        let clock = &self.engine.clock;
        (clock.now(), clock.elapsed())
    }

    /// A scan of a side begins.
    pub(super) fn scan_begins(&mut self, side: Side) {
        self.index[side].asked = Some(self.moment());
    }

    /// A scan of a side was taken in.
    pub(super) fn scan_ends(&mut self, side: Side) {
        self.index[side].asked = None;
    }

    /// Remembers that a record was written or read directly just now.
    pub(super) fn note_direct(&mut self, side: Side, pair: PairId) {
        let lag = self.described[side].capabilities.index_lag;
        if lag.is_zero() {
            return;
        }
        let (now, elapsed) = self.moment();
        let ahead = &mut self.memory.sides[side].ahead_of_index;
        let index = &mut self.index[side];
        if index.asked.is_none() {
            ahead.retain(|_, at| now.since(*at) < lag);
            index
                .written
                .retain(|_, at| elapsed.saturating_sub(*at) < lag);
        }
        ahead.insert(pair, now);
        index.written.insert(pair, elapsed);
    }
}
