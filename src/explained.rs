//! Why a record is as it is: the engine's decision beside what the file knows of the row.

use notion_sync_core::engine::Engine;
use notion_sync_core::link::{LinkId, Side};
use notion_sync_core::outbox::Intent;
use notion_sync_core::plan::Explanation;
use notion_sync_core::record::Key;
use notion_sync_sqlite::{ConflictRow, PendingChange, SqliteStore};
use serde::Serialize;

use crate::ReplicaError;

/// Why a record is as it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// The table.
    pub table: String,
    /// The row's number; `None` while the record has no row.
    pub row: Option<i64>,
    /// The page's id; `None` while the record has no page.
    pub page: Option<String>,
    /// What would be done and why, from what was last observed; `None` for a row that no run has seen.
    pub explanation: Option<Explanation>,
    /// Edits of the row that no run has seen yet, or none has carried out.
    pub pending: Vec<PendingChange>,
    /// Commands for the record that are not through.
    pub commands: Vec<Intent>,
    /// Its open conflicts.
    pub conflicts: Vec<ConflictRow>,
}

/// Everything that is known of the record with this key; `None` if nothing is.
pub(crate) async fn explain(
    engine: &Engine,
    store: &SqliteStore,
    link: &LinkId,
    side: Side,
    key: &Key,
) -> Result<Option<Explained>, ReplicaError> {
    let explanation = engine.explain(side, key).await?;
    let key_on = |wanted: Side| {
        let known = explanation
            .as_ref()
            .and_then(|told| told.keys[wanted].clone());
        known.or_else(|| (wanted == side).then(|| key.clone()))
    };
    let page = key_on(Side::Left).map(|key| key.as_str().to_owned());
    let row: Option<i64> = key_on(Side::Right).and_then(|key| key.as_str().parse().ok());
    let table = store.table_of(link).await?.unwrap_or_default();
    let pending = match row {
        Some(row) => store.pending_changes(&table, row).await?,
        None => Vec::new(),
    };
    if explanation.is_none() && pending.is_empty() {
        return Ok(None);
    }
    let mut conflicts = store.open_conflicts().await?;
    conflicts.retain(|conflict| {
        conflict.table == table && conflict.row.is_some() && conflict.row == row
    });
    let mut commands = match &explanation {
        Some(_) => engine.decisions().outbox().await?,
        None => Vec::new(),
    };
    let pair = explanation.as_ref().map(|told| told.plan.pair);
    commands.retain(|command| Some(command.pair) == pair);
    Ok(Some(Explained {
        table,
        row,
        page,
        explanation,
        pending,
        commands,
        conflicts,
    }))
}
