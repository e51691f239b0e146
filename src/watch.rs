//! Cycles over a file: by the clock, by a bell, and soon after somebody wrote to the file.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use notion_sync_core::engine::Watch;
use notion_sync_core::port::{Cancel, Clock};
use notion_sync_sqlite::SqliteStore;

use crate::ReplicaError;

/// How often a watch looks whether another program wrote to the file.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A file that is watched.
pub(crate) struct Watched<'a> {
    pub(crate) store: &'a SqliteStore,
    pub(crate) clock: &'a dyn Clock,
    /// How often to look whether another program wrote to it; `None` for never.
    pub(crate) look_every: Option<Duration>,
}

impl Watched<'_> {
    /// Runs cycles until somebody asks to stop. Between them nothing is held.
    pub(crate) async fn run<F, T>(
        &self,
        watch: &Watch,
        cancel: &Cancel,
        cycle: impl FnMut() -> F,
        told: impl FnMut(&Result<T, ReplicaError>),
    ) -> Result<(), ReplicaError>
    where
        F: Future<Output = Result<T, ReplicaError>>,
    {
        let cycles = watch.run(self.clock, cancel, cycle, told);
        let Some(every) = self.look_every else {
            return cycles.await;
        };
        let bell = watch.bell();
        let looks = self.store.ring_on_edits(&bell, self.clock, every);
        match select(pin!(cycles), pin!(looks)).await {
            Either::Left((ended, _)) => ended,
            Either::Right((never, _)) => match never {},
        }
    }
}
