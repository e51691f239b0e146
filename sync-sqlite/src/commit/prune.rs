//! Retention: history that is older than it has to be kept goes, a bounded number of rows at a time.

use notion_sync_core::pair::PairId;
use notion_sync_core::port::Prune;

use super::Work;
use crate::error::Result;
use crate::pairs::{bounds, id_of};
use crate::read::side_text;

/// Nothing is left of the pair on either side, proved, and nobody waits for it.
const AT_REST: &str = "left_live = 0 AND right_live = 0 AND dirty = 0 AND state IS NULL
  AND (left_presence IN ('never', 'present') OR left_presence LIKE '{\"deleted\"%')
  AND (right_presence IN ('never', 'present') OR right_presence LIKE '{\"deleted\"%')";

impl Work<'_> {
    /// One step of maintenance. Every statement walks an index from its oldest entry, so that a
    /// step with nothing to do reads next to nothing.
    pub(super) fn prune(&mut self, prune: &Prune) -> Result<()> {
        let link = self.link.id;
        let before = prune.journal_before.0;
        self.connection
            .prepare_cached(
                "DELETE FROM _sync_runs WHERE link = ?1 AND started_at IN (
                   SELECT started_at FROM _sync_runs WHERE link = ?1 AND started_at < ?2
                   ORDER BY started_at LIMIT ?3)",
            )?
            .execute((link, before, prune.limit))?;
        self.connection
            .prepare_cached(
                "DELETE FROM _sync_journal WHERE id IN (SELECT id FROM (
                   SELECT id, at FROM _sync_journal WHERE link = ?1 ORDER BY run, id LIMIT ?3)
                 WHERE at < ?2)",
            )?
            .execute((link, before, prune.limit))?;
        let (from, to) = bounds(link, None)?;
        self.connection
            .prepare_cached(
                "DELETE FROM _sync_intents WHERE pk IN (
                   SELECT pk FROM _sync_intents
                   WHERE open = 0 AND ended_at < ?3 AND pk > ?1 AND pk < ?2 LIMIT ?4)",
            )?
            .execute((from, to, prune.intents_before.0, prune.limit))?;
        self.prune_tombstones(prune)
    }

    fn prune_tombstones(&mut self, prune: &Prune) -> Result<()> {
        self.pairs.flush()?;
        let link = self.link.id;
        self.connection
            .prepare_cached(&format!(
                "UPDATE _sync_pairs SET rested_at = ?2 WHERE pk IN (
                   SELECT pk FROM _sync_pairs WHERE link = ?1 AND rested_at IS NULL AND {AT_REST}
                   LIMIT ?3)"
            ))?
            .execute((link, prune.now.0, prune.limit))?;
        let expired: Vec<i64> = self
            .connection
            .prepare_cached(&format!(
                "SELECT pk FROM _sync_pairs WHERE link = ?1 AND rested_at < ?2 AND {AT_REST}
                 ORDER BY rested_at LIMIT ?3"
            ))?
            .query_map((link, prune.tombstones_before.0, prune.limit), |row| {
                row.get(0)
            })?
            .collect::<rusqlite::Result<_>>()?;
        for pk in expired {
            if self.stands_in_table(pk)? {
                self.connection
                    .prepare_cached("UPDATE _sync_pairs SET rested_at = ?2 WHERE pk = ?1")?
                    .execute((pk, prune.now.0))?;
            } else {
                self.pairs.forget(PairId(id_of(pk)))?;
            }
        }
        Ok(())
    }

    /// Whether the pair's row is still there, in the trash: whoever takes it out, or restores its record,
    /// means that record and no new one. Looked at again after as long a time.
    fn stands_in_table(&self, pk: i64) -> Result<bool> {
        let Some((table, side)) = self.replica() else {
            return Ok(false);
        };
        let sql = format!(
            "SELECT 1 FROM {} WHERE _row = (SELECT CAST({}_key AS INTEGER) FROM _sync_pairs WHERE pk = ?1)",
            table.quoted(),
            side_text(side)
        );
        Ok(self.connection.prepare_cached(&sql)?.exists([pk])?)
    }
}
