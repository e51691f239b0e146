//! A run about some records: they are read directly, decided and carried out; nothing else is.

use std::collections::BTreeSet;

use super::cycle::{CHUNK, Cycle};
use super::{Engine, Report, RunError, RunOptions};
use crate::link::Side;
use crate::pair::PairId;
use crate::port::{Query, Rows};
use crate::record::Key;

impl Engine {
    /// Runs one cycle about these records, named by their keys on a side, and about no others: each is
    /// read directly on both sides, and what is decided about it is carried out. Everything else waits
    /// for the next run, new records too: a record that no run has seen is left out here.
    ///
    /// Guards, journal and undo are those of every run; schemas are left alone. `full` means nothing
    /// here.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub async fn run_only(
        &self,
        side: Side,
        keys: &[Key],
        options: &RunOptions,
    ) -> Result<Report, RunError> {
        let fence = self.begin(options).await?;
        let result = match self.cycle(options, &fence).await {
            // On the heap, as every cycle.
            Ok(cycle) => Box::pin(cycle.run_only(side, keys)).await,
            Err(error) => Err(error),
        };
        self.end(fence, result).await
    }
}

impl Cycle<'_> {
    async fn run_only(mut self, side: Side, keys: &[Key]) -> Result<Report, RunError> {
        let result = self.steps_of_some(side, keys).await;
        self.finish(result).await
    }

    async fn steps_of_some(&mut self, side: Side, keys: &[Key]) -> Result<(), RunError> {
        self.load().await?;
        self.attend_to_mapping().await?;
        self.recover().await?;
        self.give_up_bases().await?;
        let ids = self.known(side, keys).await?;
        self.scope = Some(ids.clone());
        let ids: Vec<PairId> = ids.into_iter().collect();
        for ids in ids.chunks(CHUNK as usize) {
            let pairs = self.pairs(&Query::Pairs(ids.to_vec()), None).await?;
            self.read_again(&pairs).await?;
        }
        self.look_until_still().await
    }

    /// The pairs with these keys.
    async fn known(&self, side: Side, keys: &[Key]) -> Result<BTreeSet<PairId>, RunError> {
        let mut known = BTreeSet::new();
        for keys in keys.chunks(CHUNK as usize) {
            let query = Query::Heads(side, keys.to_vec());
            let rows = self.store.read(&self.engine.spec.id, &query, None, CHUNK);
            if let Rows::Heads(heads) = rows.await? {
                known.extend(heads.iter().map(|head| head.id));
            }
        }
        Ok(known)
    }
}
