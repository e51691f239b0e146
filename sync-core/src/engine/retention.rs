//! Retention: what runs are called, the bounded step of maintenance at the end of each, and how far
//! back undo reaches.

use std::time::Duration;

use super::RunError;
use super::cycle::Cycle;
use super::guarding::DAY;
use crate::port::{Change, Prune, Query, Rows, RunId};
use crate::record::Timestamp;

impl Cycle<'_> {
    /// What the commit that ends a run forgets. Journal entries the guard against mass deletes
    /// still counts are kept whatever the policy says, so that no plan depends on this.
    pub(super) fn maintenance(&mut self) -> Change {
        let retention = self.engine.spec.policy.retention;
        // The moment of the run, not of its end: what it wrote itself is never too old.
        let now = self.started;
        let journal_before = now.minus(retention.journal.max(DAY));
        let horizon = &mut self.memory.undo_horizon;
        // A clock that jumped back brings nothing back.
        *horizon = (*horizon).max(Some(journal_before));
        Change::Prune(Prune {
            now,
            journal_before,
            tombstones_before: now.minus(retention.tombstones),
            intents_before: now.minus(retention.intents),
            limit: retention.per_run,
        })
    }

    /// The oldest run that can still be undone.
    pub(super) async fn oldest_undoable(&self) -> Result<Option<RunId>, RunError> {
        self.oldest_run(self.memory.undo_horizon.unwrap_or_default())
            .await
    }

    /// Gives the run a name that no other has, though two may start within one tick of the clock:
    /// an undo takes back one run, not two.
    pub(super) async fn name_run(&mut self) -> Result<(), RunError> {
        while self.oldest_run(self.run.0).await? == Some(self.run) {
            self.run = RunId(self.run.0.plus(Duration::from_millis(1)));
        }
        Ok(())
    }

    async fn oldest_run(&self, since: Timestamp) -> Result<Option<RunId>, RunError> {
        let query = Query::OldestRun(since);
        let rows = self
            .store
            .read(&self.engine.spec.id, &query, None, 1)
            .await?;
        Ok(match rows {
            Rows::Runs(runs) => runs.first().map(|run| run.id),
            _ => None,
        })
    }
}
