//! Changes of memory, one by one.

use std::borrow::Cow;

use notion_sync_core::conflict::{Conflict, Resolution};
use notion_sync_core::outbox::{Intent, IntentState};
use notion_sync_core::pair::PairId;
use notion_sync_core::port::{Change, CommandKind, JournalEntry, RunRecord, Wait};
use notion_sync_core::schema::FieldId;
use notion_sync_core::value::Value;

use super::Work;
use crate::error::{Result, failed};
use crate::pairs::pk;
use crate::read::side_text;

impl Work<'_> {
    /// Applies one change.
    pub(super) fn apply(&mut self, change: Change) -> Result<()> {
        match change {
            Change::Observe {
                pair,
                side,
                state,
                dirty,
            } => {
                self.know_people(side, &state)?;
                self.pairs.observe(pair, side, state)?;
                self.pairs.set_dirty(pair, dirty)
            }
            Change::Settle { pair, base } => self.pairs.settle(pair, base),
            Change::Attend {
                pair,
                dirty,
                standing,
            } => self.pairs.attend(pair, dirty, standing),
            Change::AttendAll => self.pairs.attend_all(),
            Change::Wait(wait) => self.put_wait(&wait),
            Change::Join { keep, drop } => self.pairs.join(keep, drop),
            Change::Forget(pair) => self.pairs.forget(pair),
            Change::Memory(memory) => {
                self.memory = Some(*memory);
                Ok(())
            }
            Change::Intent(intent) => self.put_intent(&intent),
            Change::Conflict(conflict) => self.put_conflict(&conflict),
            Change::Resolve {
                pair,
                field,
                resolution,
            } => self.resolve(pair, &field, &resolution),
            Change::CloseConflict { pair, field } => {
                self.connection
                    .prepare_cached("DELETE FROM _sync_conflicts WHERE pk = ?1 AND field = ?2")?
                    .execute((pk(self.link.id, pair.0)?, field.as_str()))?;
                Ok(())
            }
            Change::Journal(entry) => self.put_journal(&entry),
            Change::Run(run) => self.put_run(&run),
            Change::Prune(prune) => self.prune(&prune),
            _ => Err(failed("this store does not know the change")),
        }
    }

    fn put_wait(&mut self, wait: &Wait) -> Result<()> {
        let pk = pk(self.link.id, wait.pair.0)?;
        if wait.awaited.is_empty() {
            self.connection
                .prepare_cached("DELETE FROM _sync_waits WHERE pk = ?1")?
                .execute([pk])?;
        } else if self.pairs.holds(wait.pair)? {
            self.connection
                .prepare_cached(
                    "INSERT INTO _sync_waits(pk, awaited) VALUES (?1, ?2)
                     ON CONFLICT (pk) DO UPDATE SET awaited = excluded.awaited",
                )?
                .execute((pk, serde_json::to_string(&wait.awaited)?))?;
        }
        Ok(())
    }

    fn put_intent(&mut self, intent: &Intent) -> Result<()> {
        let open = match intent.state {
            IntentState::Settled | IntentState::Dropped => 0,
            IntentState::Dead => 2,
            IntentState::Planned | IntentState::Attempting | IntentState::Ambiguous => 1,
        };
        self.connection
            .prepare_cached(
                "INSERT INTO _sync_intents(pk, open, ended_at, body) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (pk) DO UPDATE SET open = excluded.open,
                   ended_at = excluded.ended_at, body = excluded.body",
            )?
            .execute((
                pk(self.link.id, intent.id.0)?,
                open,
                intent.ended_at.unwrap_or_default().0,
                serde_json::to_string(intent)?,
            ))?;
        Ok(())
    }

    fn put_conflict(&mut self, conflict: &Conflict) -> Result<()> {
        let json = |value: &Value| serde_json::to_string(value);
        let resolution = match &conflict.resolution {
            Some(resolution) => Some(resolution_text(resolution)?),
            None => None,
        };
        let replica = self.replica().map(|(_, side)| side);
        let base = conflict.base.as_ref();
        // People read the base as their side shows it.
        let shown =
            base.map(|base| base[replica.unwrap_or(notion_sync_core::link::Side::Left)].display());
        self.connection
            .prepare_cached(
                "INSERT INTO _sync_conflicts(pk, link, field, opened_at, base, left_value,
                   right_value, base_text, left_text, right_text, resolution)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                 ON CONFLICT (pk, field) DO UPDATE SET
                   opened_at = min(opened_at, excluded.opened_at), base = excluded.base,
                   left_value = excluded.left_value, right_value = excluded.right_value,
                   base_text = excluded.base_text, left_text = excluded.left_text,
                   right_text = excluded.right_text,
                   resolution = coalesce(excluded.resolution, CASE
                     WHEN left_value = excluded.left_value AND right_value = excluded.right_value
                     THEN resolution END)",
            )?
            .execute((
                pk(self.link.id, conflict.pair.0)?,
                self.link.id,
                conflict.field.as_str(),
                conflict.opened_at.0,
                base.map(serde_json::to_string).transpose()?,
                json(&conflict.values.left)?,
                json(&conflict.values.right)?,
                shown,
                conflict.values.left.display(),
                conflict.values.right.display(),
                resolution,
            ))?;
        Ok(())
    }

    fn resolve(&mut self, pair: PairId, field: &FieldId, resolution: &Resolution) -> Result<()> {
        let changed = self
            .connection
            .prepare_cached(
                "UPDATE _sync_conflicts SET resolution = ?3 WHERE pk = ?1 AND field = ?2",
            )?
            .execute((
                pk(self.link.id, pair.0)?,
                field.as_str(),
                resolution_text(resolution)?,
            ))?;
        if changed > 0 {
            self.pairs.set_dirty(pair, true)?;
        }
        Ok(())
    }

    fn put_journal(&mut self, entry: &JournalEntry) -> Result<()> {
        let kind = match entry.kind {
            // The column is what deletes are counted by.
            _ if entry.takes_away() => "trash",
            CommandKind::Untrash => "untrash",
            CommandKind::Create => "create",
            CommandKind::Patch => "patch",
            CommandKind::Trash => "trash",
        };
        self.connection
            .prepare_cached(
                "INSERT INTO _sync_journal(link, run, at, side, kind, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((
                self.link.id,
                entry.run.0.0,
                entry.at.0,
                side_text(entry.side),
                kind,
                serde_json::to_string(entry)?,
            ))?;
        Ok(())
    }

    fn put_run(&mut self, run: &RunRecord) -> Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO _sync_runs(link, started_at, ended_at, outcome, settled, conflicts,
                   refused, undoes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (link, started_at) DO UPDATE SET ended_at = excluded.ended_at,
                   outcome = excluded.outcome, settled = excluded.settled,
                   conflicts = excluded.conflicts, refused = excluded.refused,
                   undoes = excluded.undoes",
            )?
            .execute((
                self.link.id,
                run.id.0.0,
                run.ended_at.0,
                &run.outcome,
                run.settled,
                run.conflicts,
                run.refused,
                run.undoes.map(|run| run.0.0),
            ))?;
        Ok(())
    }
}

/// A side by its word; anything else as JSON.
fn resolution_text(resolution: &Resolution) -> Result<Cow<'static, str>> {
    Ok(match resolution {
        Resolution::Keep(side) => side_text(*side).into(),
        other => serde_json::to_string(other)?.into(),
    })
}
