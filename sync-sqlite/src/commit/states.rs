//! The column `_state` of the rows a commit touched.

use notion_sync_core::pair::RecordState;

use super::Work;
use crate::error::Result;
use crate::replica;

impl Work<'_> {
    /// Writes the state of every touched row where it is another one: what stands in the way of the
    /// record, else whether an edit of the row waits.
    pub(super) fn show_states(&mut self, any_pending: bool) -> Result<()> {
        let Some(table) = self.table.clone().filter(|table| table.stateful) else {
            return Ok(());
        };
        let side = table.source.other();
        let sql = format!(
            "UPDATE {} SET _state = ?2 WHERE _row = ?1 AND _state <> ?2",
            table.quoted()
        );
        let (connection, made) = (self.connection, &self.made);
        let watched = replica::has_foreign_triggers(connection, &table)?;
        let pairs = &mut self.pairs;
        replica::in_private(connection, watched, || {
            let mut write = connection.prepare_cached(&sql)?;
            let mut waits = connection.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM _sync_pending WHERE tbl = ?1 AND row = ?2)",
            )?;
            for id in pairs.touched() {
                let pair = pairs.pair(id)?;
                let standing = pair.standing().map(|standing| standing.state);
                let standing = standing.filter(|state| *state != RecordState::Clean);
                // A row that this commit made is clean unless something stands in its way.
                if standing.is_none() && made.contains(&id) {
                    continue;
                }
                let Some(row) = pair.key(side).and_then(replica::row_of) else {
                    continue;
                };
                let state = match standing {
                    Some(state) => state.as_str(),
                    None if any_pending
                        && waits.query_row((&table.name, row), |row| row.get(0))? =>
                    {
                        RecordState::Pending.as_str()
                    }
                    None => RecordState::Clean.as_str(),
                };
                write.execute((row, state))?;
            }
            Ok(())
        })
    }
}
