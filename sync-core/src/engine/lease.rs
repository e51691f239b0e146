//! The lease of a run: kept while it runs, and no command is sent once another run has taken it over.

use std::time::Duration;

use super::cycle::Cycle;
use super::{RunError, RunOutcome};
use crate::plan::{Guard, Refusal};
use crate::port::{LEASE_AT_LEAST, LeaseAsk};

/// A lease is renewed when it was last renewed so long ago: four times before the shortest ends.
const RENEW_EVERY: Duration = Duration::from_secs(LEASE_AT_LEAST.as_secs() / 4);

impl Cycle<'_> {
    /// Renews the lease if it is time. Asked before every call that may take long.
    ///
    /// # Errors
    /// [`StoreError::Fenced`](crate::port::StoreError::Fenced) when another run has it by now.
    pub(super) async fn keep_lease(&mut self) -> Result<(), RunError> {
        let now = self.engine.clock.elapsed();
        if now.saturating_sub(self.leased_at) < RENEW_EVERY {
            return Ok(());
        }
        let ask = LeaseAsk::Renew(self.fence.clone());
        self.store.lease(&self.engine.spec.id, &ask).await?;
        self.leased_at = now;
        Ok(())
    }

    /// Another run has taken the link over: this one stops, and tells that it did.
    pub(super) fn tell_lost_lease(&mut self) {
        let reason =
            "another run has taken this link over; nothing was sent after that was noticed";
        self.report.outcome = RunOutcome::Halted;
        self.report.problems.push(reason.to_owned());
        self.report.refusals.push(Refusal {
            guard: Guard::Lease,
            pair: None,
            side: None,
            field: None,
            reason: reason.to_owned(),
            count: 0,
        });
        for refusal in std::mem::take(&mut self.report.refusals) {
            self.report.raise(refusal.guard, refusal.count.max(1));
            self.report.refusals.push(refusal);
        }
    }
}
