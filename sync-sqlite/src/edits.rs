//! Noticing that somebody else wrote to the file, at the price of one small read.

use std::convert::Infallible;
use std::time::Duration;

use notion_sync_core::engine::Bell;
use notion_sync_core::port::{Clock, StoreError};

use crate::store::SqliteStore;

impl SqliteStore {
    /// Rings the bell whenever another connection has written to the file, of this process or of
    /// another: rows edited, conflicts decided. Looks every so often; own commits ring nothing,
    /// but for the one that makes the file.
    ///
    /// Never completes: drop it to stop. Where the file is gone for good it rings too, so that a
    /// cycle tells; while it only cannot be read, nothing is rung.
    pub async fn ring_on_edits(
        &self,
        bell: &Bell,
        clock: &dyn Clock,
        every: Duration,
    ) -> Infallible {
        let mut known = self.data_version().await.ok().flatten();
        loop {
            clock.sleep(every).await;
            let found = match self.data_version().await {
                Ok(found) => found,
                Err(error) => {
                    if !error.may_pass() {
                        bell.ring();
                    }
                    continue;
                }
            };
            // Also when the file has only just been made: somebody may have edited it since.
            if found != known {
                bell.ring();
            }
            known = found;
        }
    }

    /// A number that changes when another connection commits; `None` while there is no file.
    async fn data_version(&self) -> Result<Option<i64>, StoreError> {
        self.worker()
            .ask(|database| {
                let Some(reader) = database.reader()? else {
                    return Ok(None);
                };
                let version = reader.query_row("PRAGMA data_version", [], |row| row.get(0))?;
                Ok(Some(version))
            })
            .await
    }
}
