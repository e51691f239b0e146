//! A set of pair ids as bits: which pairs a scan has returned, which creates were approved.

use crate::pair::PairId;

/// One bit per pair: a million pairs take 125 kB.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks(Vec<u64>);

impl Marks {
    pub(super) fn mark(&mut self, pair: PairId) {
        let (word, bit) = position(pair);
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= bit;
    }

    /// Takes a mark back. Returns whether there was one.
    pub(super) fn unmark(&mut self, pair: PairId) -> bool {
        let (word, bit) = position(pair);
        let there = self.is_marked(pair);
        if let Some(bits) = self.0.get_mut(word) {
            *bits &= !bit;
        }
        there
    }

    pub(super) fn is_marked(&self, pair: PairId) -> bool {
        let (word, bit) = position(pair);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }
}

fn position(pair: PairId) -> (usize, u64) {
    // Ids are handed out one by one, so they fit any address space that holds the pairs.
    (
        usize::try_from(pair.0 / 64).unwrap_or(0),
        1 << (pair.0 % 64),
    )
}
