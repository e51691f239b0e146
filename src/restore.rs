//! Records back from the trash: an edit of their rows, which a cycle about them carries out as any other.
//! So guards, journal and undo hold for it, and what a failing run leaves is done by the next.

use std::collections::BTreeSet;

use notion_sync_core::engine::{Report, RunError};
use notion_sync_core::link::{LinkId, Side};
use notion_sync_core::pair::PairId;
use notion_sync_core::port::{Bookmark, CommandKind, Query, Rows, RunId, Store, StoreError};
use notion_sync_core::record::Key;
use notion_sync_sqlite::SqliteStore;
use serde::Serialize;

/// Rows of the journal, and pairs, read at a time.
const PAGE: u32 = 1_000;

/// What to bring back from the trash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restore {
    /// Rows, by their number.
    Rows(Vec<i64>),
    /// Every record that this run trashed.
    Run(RunId),
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RestoreReport {
    /// Rows that were taken out of the trash.
    pub restored: Vec<i64>,
    /// Rows that were not in it, or are not there at all.
    pub not_in_trash: Vec<i64>,
    /// The run that carried it to the other side, and nothing else; `None` if there was nothing to
    /// restore.
    pub report: Option<Report>,
}

/// The rows of the records that a run trashed, on either side.
pub(crate) async fn trashed_by(
    store: &SqliteStore,
    link: &LinkId,
    run: RunId,
) -> Result<Vec<i64>, RunError> {
    let horizon = store.memory(link).await?.undo_horizon;
    let mut known = store.runs(link, u32::MAX).await?.into_iter();
    if !known.any(|known| known.id == run) || horizon.is_some_and(|horizon| run.0 < horizon) {
        return Err(RunError::NoSuchRun(run));
    }
    let pairs: Vec<PairId> = trashed_pairs(store, link, run).await?.into_iter().collect();
    let mut rows = Vec::new();
    for pairs in pairs.chunks(PAGE as usize) {
        let query = Query::Pairs(pairs.to_vec());
        if let Rows::Pairs(pairs) = store.read(link, &query, None, PAGE).await? {
            let keys = pairs
                .iter()
                .filter_map(|pair| pair.sides[Side::Right].key.as_ref());
            rows.extend(keys.filter_map(row_of));
        }
    }
    Ok(rows)
}

async fn trashed_pairs(
    store: &SqliteStore,
    link: &LinkId,
    run: RunId,
) -> Result<BTreeSet<PairId>, StoreError> {
    let mut pairs = BTreeSet::new();
    let query = Query::Journal(Some(run));
    let mut read = 0;
    loop {
        let after = (read > 0).then_some(Bookmark(read));
        let rows = store.read(link, &query, after, PAGE);
        let Rows::Journal(entries) = rows.await? else {
            return Ok(pairs);
        };
        read += entries.len() as u64;
        let trashed = entries
            .iter()
            .filter(|entry| entry.kind == CommandKind::Trash);
        pairs.extend(trashed.map(|entry| entry.pair));
        if entries.len() < PAGE as usize {
            return Ok(pairs);
        }
    }
}

fn row_of(key: &Key) -> Option<i64> {
    key.as_str().parse().ok()
}
