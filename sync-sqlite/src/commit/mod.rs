//! The one write: all changes in order, then all effects, in one transaction.

mod changes;
mod pending;
mod people;
mod prune;
mod states;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use notion_sync_core::link::Side;
use notion_sync_core::pair::{PairId, Presence, SideState};
use notion_sync_core::port::{
    Change, CommandKind, Commit, Committed, Effect, Fence, LinkMemory, Outcome, Serial, StoreError,
};
use notion_sync_core::schema::FieldId;
use rusqlite::{Connection, TransactionBehavior};

use crate::database::{Database, META, Parts};
use crate::error::{Result, failed};
use crate::links::{self, LinkRow};
use crate::marks::Marked;
use crate::pairs::{WorkingSet, id_of};
use crate::read::side_text;
use crate::replica::{Executor, Table, has_foreign_triggers, with_gate};

/// Edited rows that are looked at together.
const TAKEN_UP: usize = 1_000;

/// Executes a commit for the holder of the lease.
pub(crate) fn commit(database: &mut Database, fence: &Fence, commit: Commit) -> Result<Committed> {
    if !database.leases.is_held(&fence.link, fence.number) {
        return Err(StoreError::Fenced.into());
    }
    // Intents have to survive the machine: their effects do. Not to be set inside a transaction.
    let durable = holds_intents(&commit);
    if durable {
        database
            .writer()?
            .execute_batch("PRAGMA synchronous = FULL")?;
    }
    let done = until_nothing_is_undone(database, fence, commit, durable);
    if durable {
        database
            .writer()?
            .execute_batch("PRAGMA synchronous = NORMAL")?;
    }
    if done.is_err() {
        database.layouts.clear();
    }
    done
}

fn holds_intents(commit: &Commit) -> bool {
    let is_intent = |change: &Change| matches!(change, Change::Intent(_));
    commit.changes.iter().any(is_intent)
        || commit
            .effects
            .iter()
            .any(|effect| effect.then.iter().any(is_intent))
}

/// Commits, without the effects that somebody's own trigger would undo together with all others.
fn until_nothing_is_undone(
    database: &mut Database,
    fence: &Fence,
    mut commit: Commit,
    durable: bool,
) -> Result<Committed> {
    let mut undone = BTreeMap::new();
    loop {
        match transact(database.parts()?, fence, commit, &undone, durable)? {
            Tried::Committed(committed, marked) => {
                if let Some(marked) = marked {
                    database.leases.note(&marked.lineage, marked.durable);
                }
                return Ok(committed);
            }
            Tried::Undone { again, by } => {
                database.layouts.clear();
                commit = again;
                undone.extend([by]);
            }
        }
    }
}

enum Tried {
    /// What the file knows of its durable commits where this is one.
    Committed(Committed, Option<Marked>),
    /// By the effect of this number in the commit, which is refused with this when it is tried again.
    Undone { again: Commit, by: (usize, Outcome) },
}

fn transact(
    parts: Parts<'_>,
    fence: &Fence,
    commit: Commit,
    undone: &BTreeMap<usize, Outcome>,
    durable: bool,
) -> Result<Tried> {
    let Parts {
        connection,
        layouts,
        mappings,
        leases,
    } = parts;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let link = links::load(&transaction, &fence.link)?.ok_or(StoreError::Fenced)?;
    if link.fence != fence.number {
        return Err(StoreError::Fenced.into());
    }
    if commit.expect.is_some_and(|expect| expect != link.serial) {
        return Err(StoreError::SerialMoved.into());
    }
    let committed = {
        let table = Table::load(&transaction, &fence.link)?.map(Rc::new);
        let mut work = Work {
            connection: &transaction,
            people: people::fields(table.as_deref()),
            table,
            made: BTreeSet::new(),
            pairs: WorkingSet::new(link.id, &transaction, layouts, mappings.get(&fence.link)),
            memory: None,
            link: &link,
            undone: None,
        };
        let watched = match (&work.table, commit.effects.is_empty()) {
            (Some(table), false) => has_foreign_triggers(&transaction, table)?,
            _ => false,
        };
        let again = watched.then(|| commit.clone());
        match (work.run(commit, undone), work.undone.take(), again) {
            (Err(_), Some(by), Some(again)) => return Ok(Tried::Undone { again, by }),
            (done, ..) => done?,
        }
    };
    let marked = durable
        .then(|| Marked::count(&transaction, META))
        .transpose()?;
    if let Some(marked) = &marked
        && leases.mark(&marked.lineage) >= Some(marked.durable)
    {
        // Restored under our hands.
        return Err(StoreError::NotAdopted.into());
    }
    transaction.commit()?;
    Ok(Tried::Committed(committed, marked))
}

/// A commit under way.
struct Work<'a> {
    connection: &'a Connection,
    link: &'a LinkRow,
    table: Option<Rc<Table>>,
    /// The source's fields that name people.
    people: Vec<FieldId>,
    /// Pairs whose rows this commit made.
    made: BTreeSet<PairId>,
    pairs: WorkingSet<'a>,
    memory: Option<LinkMemory>,
    /// The effect that took the whole transaction with it.
    undone: Option<(usize, Outcome)>,
}

impl Work<'_> {
    fn run(&mut self, commit: Commit, undone: &BTreeMap<usize, Outcome>) -> Result<Committed> {
        for change in commit.changes {
            self.apply(change)?;
        }
        let effects = if commit.effects.is_empty() {
            Vec::new()
        } else {
            let table = self.table.clone();
            let table = table.as_deref().ok_or_else(no_table)?;
            with_gate(self.connection, || {
                let mut executor = Executor::new(self.connection, table)?;
                let effects = commit.effects.into_iter().enumerate();
                effects
                    .map(|(at, effect)| match undone.get(&at) {
                        Some(outcome) => Ok(outcome.clone()),
                        None => {
                            let done = self.execute(effect, table, &mut executor);
                            self.undone = executor.undone().map(|outcome| (at, outcome));
                            done
                        }
                    })
                    .collect::<Result<_>>()
            })?
        };
        let pending = self.settle_pending()?;
        self.pairs.flush()?;
        self.show_states(pending)?;
        self.take_up_seen_edits()?;
        let serial = Serial(self.link.serial.0 + 1);
        self.connection
            .prepare_cached("UPDATE _sync_links SET serial = ?2, next_id = ?3 WHERE id = ?1")?
            .execute((
                self.link.id,
                serial.0,
                commit.next_id.max(self.link.next_id),
            ))?;
        self.store_memory()?;
        Ok(Committed { serial, effects })
    }

    fn execute(
        &mut self,
        effect: Effect,
        table: &Table,
        executor: &mut Executor<'_>,
    ) -> Result<Outcome> {
        let (pair, side) = (effect.pair, effect.side);
        if table.source.other() != side {
            return Err(no_table());
        }
        let outcome = executor.execute(&effect.command)?;
        let Outcome::Done(receipt) = &outcome else {
            return Ok(outcome);
        };
        let Some(observed) = receipt.observed.clone() else {
            return Ok(outcome);
        };
        if effect.command.kind == CommandKind::Create {
            self.made.insert(pair);
        }
        let before = self.pairs.pair(pair)?.shadow(side)?;
        let shows_more = effect.shows_more(before, &observed);
        self.pairs.observe(
            pair,
            side,
            SideState {
                key: Some(receipt.key.clone()),
                presence: Presence::Present,
                shadow: Some(observed),
            },
        )?;
        self.pairs.set_dirty(pair, true)?;
        for change in effect.then {
            self.apply(change)?;
        }
        if shows_more {
            // The new shadow shows it already, so the feed alone would not make the planner look.
            self.pairs.set_dirty(pair, true)?;
        }
        Ok(outcome)
    }

    /// The last entry of the feed that a scan has read, where it has moved on.
    fn seen_until(&self, memory: &LinkMemory) -> Option<(&Table, i64)> {
        let (table, side) = self.replica()?;
        let cursor = memory.sides[side].cursor.as_ref()?;
        Some((table, cursor.0.parse().ok()?))
    }

    /// Edits that the scan found to say what was there already, written another way or taken back,
    /// touch no pair: their rows are looked at here, before the feed forgets them. They can be all there
    /// are, and nothing of them changes, so they are not held together.
    fn take_up_seen_edits(&mut self) -> Result<()> {
        let Some((table, seq)) = self
            .memory
            .as_ref()
            .and_then(|memory| self.seen_until(memory))
        else {
            return Ok(());
        };
        let key = side_text(table.source.other());
        let rows: Vec<i64> = self
            .connection
            .prepare_cached(&format!(
                "SELECT DISTINCT p.pk FROM _sync_capture c
                 JOIN _sync_pairs p ON p.link = ?3 AND p.{key}_key = CAST(c.row AS TEXT)
                 WHERE c.tbl = ?1 AND c.seq <= ?2"
            ))?
            .query_map((&table.name, seq, self.link.id), |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for some in rows.chunks(TAKEN_UP) {
            self.pairs.clear();
            for pk in some {
                self.pairs.pair(PairId(id_of(*pk)))?;
            }
            let pending = self.settle_pending()?;
            self.show_states(pending)?;
        }
        Ok(())
    }

    fn store_memory(&mut self) -> Result<()> {
        let Some(memory) = self.memory.take() else {
            return Ok(());
        };
        self.connection
            .prepare_cached("UPDATE _sync_links SET memory = ?2 WHERE id = ?1")?
            .execute((self.link.id, serde_json::to_string(&memory)?))?;
        if let Some((table, seq)) = self.seen_until(&memory) {
            // A number below the cursor is never given again, see `Window::start`.
            for sql in [
                "INSERT INTO sqlite_sequence(name, seq) SELECT '_sync_capture', ?1
                 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = '_sync_capture')",
                "UPDATE sqlite_sequence SET seq = ?1 WHERE name = '_sync_capture' AND seq < ?1",
            ] {
                self.connection.prepare_cached(sql)?.execute([seq])?;
            }
            self.connection
                .prepare_cached("DELETE FROM _sync_capture WHERE tbl = ?1 AND seq <= ?2")?
                .execute((&table.name, seq))?;
        }
        Ok(())
    }

    /// The table people edit and the side it stands on.
    fn replica(&self) -> Option<(&Table, Side)> {
        self.table
            .as_deref()
            .map(|table| (table, table.source.other()))
    }
}

fn no_table() -> crate::error::Fault {
    failed("this file holds no table for that side; align it first")
}
