//! Adoption: what was last agreed is not believed any more, because a person said so: the file was
//! restored from a backup, copied, or mended.

use super::RunError;
use super::cycle::{CHUNK, Cycle};
use crate::link::Side;
use crate::pair::{Base, PairState};
use crate::port::{Bookmark, Change, PeerError, PeerErrorKind, Query};

impl Cycle<'_> {
    /// Refuses a place of another history than the link agreed under, where nobody said to adopt it: what
    /// it lacks would count as edits.
    pub(super) fn check_lineages(&mut self) -> Result<(), RunError> {
        for side in Side::BOTH {
            let now = &self.described[side].capabilities.lineage;
            let lineage = &mut self.memory.sides[side].lineage;
            let known = std::mem::replace(lineage, now.clone());
            let Some(now) = now else { continue };
            if known.is_none_or(|known| known == *now) {
                continue;
            }
            if !self.options.adopt && !self.memory.adopting {
                let place = &self.engine.spec.places[side];
                let why = "it was restored from a backup since this link last ran, and what it lacks \
                           would count as edits; to take it as it is, adopt it (`RunOptions::adopt`)";
                return Err(RunError::Peer(PeerError::new(
                    place,
                    PeerErrorKind::Local,
                    why,
                )));
            }
            // With the new history, whatever is committed first.
            self.memory.adopting = true;
        }
        Ok(())
    }

    /// Marks the base of every pair as lost, where that was asked for, or where a run that was asked
    /// died on the way: half of it would leave a memory of which nobody knows what to believe.
    pub(super) async fn give_up_bases(&mut self) -> Result<(), RunError> {
        if !self.options.adopt && !self.memory.adopting {
            return Ok(());
        }
        self.memory.adopting = true;
        for side in Side::BOTH {
            // Both sides are read whole, in this run or after a crash in a later one.
            self.memory.sides[side].cursor = None;
        }
        self.commit(Vec::new(), Vec::new()).await?;
        let mut after = None;
        loop {
            self.stop_if_asked()?;
            let pairs = self.pairs(&Query::All, after).await?;
            let changes: Vec<Change> = pairs.iter().filter_map(lose).flatten().collect();
            if !changes.is_empty() {
                self.commit(changes, Vec::new()).await?;
            }
            match pairs.last() {
                Some(last) if pairs.len() >= CHUNK as usize => after = Some(Bookmark(last.id.0)),
                _ => break,
            }
        }
        self.memory.adopting = false;
        self.commit(Vec::new(), Vec::new()).await?;
        Ok(())
    }
}

fn lose(pair: &PairState) -> Option<[Change; 2]> {
    pair.base.as_ref().filter(|base| !base.is_lost())?;
    let settle = Change::Settle {
        pair: pair.id,
        base: Base::lost(),
    };
    let attend = Change::Attend {
        pair: pair.id,
        dirty: true,
        standing: None,
    };
    Some([settle, attend])
}
