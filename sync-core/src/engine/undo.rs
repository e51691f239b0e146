//! Undo: takes back what a run made agree, through the same outbox, guards and journal, so that an
//! undo can be undone. What is decided lives in [`crate::plan::undo_pair`].

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::commit::{Chunk, Queue};
use super::cycle::{CHUNK, Cycle};
use super::guarding::Held;
use super::{Engine, Event, Report, RunError, RunOptions};
use crate::link::Side;
use crate::pair::{PairId, PairState};
use crate::plan::{NotUndone, PairPlan, Plan, WhyNot, undo_pair};
use crate::port::{
    Bookmark, Call, Change, CommandKind, FieldSet, JournalEntry, Query, Rows, RunId, RunRecord,
};

/// Rows of the journal and of the list of runs read at a time.
const PAGE: u32 = 1_000;

/// How to undo.
#[derive(Clone, Debug, Default)]
pub struct UndoOptions {
    /// As for a run; `full` means nothing here: exactly the records of that run are read.
    pub run: RunOptions,
    /// Only the side that was written to returns. The edit that caused the write stays where it
    /// was made, and the two sides stay apart until somebody edits one of them. Where two edits were
    /// merged, each side keeps its own.
    pub keep_source: bool,
}

/// What an undo would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UndoPlan {
    /// The run to take back.
    pub run: RunId,
    /// What would be written, and what guards hold back.
    pub plan: Plan,
    /// What stays as it is.
    pub not_undone: Vec<NotUndone>,
}

/// What an undo did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UndoReport {
    /// The run that was taken back.
    pub run: RunId,
    /// The run that took it back, as any other: it can be undone itself.
    pub report: Report,
    /// What stays as it is.
    pub not_undone: Vec<NotUndone>,
}

impl Engine {
    /// Takes back what a run wrote, as far as it still is as that run left it.
    ///
    /// Both sides return to what they had agreed on before; the edit that caused a write stays in
    /// the journal. A record that the run made is moved to the trash, and its source is left alone
    /// until somebody edits it. A conflict that the run settled is open again.
    ///
    /// # Errors
    /// [`RunError::NoSuchRun`] if there is no such run or its journal is gone; else as
    /// [`Engine::run`].
    pub async fn undo(&self, run: RunId, options: &UndoOptions) -> Result<UndoReport, RunError> {
        self.find_run(run).await?;
        let fence = self.begin(&options.run).await?;
        let undone = match self.cycle(&options.run, &fence).await {
            Ok(cycle) => cycle.undo(run, options.keep_source).await,
            Err(error) => Err(error),
        };
        let (report, not_undone) = self.end(fence, undone).await?;
        Ok(UndoReport {
            run,
            report,
            not_undone,
        })
    }

    /// Plans an undo without a single write anywhere.
    ///
    /// # Errors
    /// As [`Engine::undo`].
    pub async fn plan_undo(&self, run: RunId, options: &UndoOptions) -> Result<UndoPlan, RunError> {
        self.find_run(run).await?;
        let (plan, not_undone) = self
            .dry_cycle(&options.run)
            .await?
            .plan_undo(run, options.keep_source)
            .await?;
        Ok(UndoPlan {
            run,
            plan,
            not_undone,
        })
    }

    /// Runs that are remembered, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn runs(&self, limit: u32) -> Result<Vec<RunRecord>, RunError> {
        let rows = self.store.read(&self.spec.id, &Query::Runs, None, limit);
        Ok(if let Rows::Runs(runs) = rows.await? {
            runs
        } else {
            Vec::new()
        })
    }

    async fn find_run(&self, run: RunId) -> Result<(), RunError> {
        let opened = self.store.open(&self.spec, crate::port::OpenMode::Read);
        let horizon = opened.await?.memory.undo_horizon;
        let query = Query::OldestRun(run.0);
        let rows = self.store.read(&self.spec.id, &query, None, 1).await?;
        let known =
            matches!(rows, Rows::Runs(runs) if runs.first().is_some_and(|first| first.id == run));
        if known && horizon.is_none_or(|horizon| run.0 >= horizon) {
            Ok(())
        } else {
            Err(RunError::NoSuchRun(run))
        }
    }
}

/// Entries of the journal by pair, oldest first.
type ByPair = BTreeMap<PairId, Vec<JournalEntry>>;

/// Pairs to take back with what was decided, and what stays.
#[derive(Default)]
struct TakenBack {
    pairs: Vec<(PairState, PairPlan)>,
    not_undone: Vec<NotUndone>,
}

impl Cycle<'_> {
    async fn undo(
        mut self,
        run: RunId,
        keep_source: bool,
    ) -> Result<(Report, Vec<NotUndone>), RunError> {
        self.undoes = Some(run);
        let mut not_undone = Vec::new();
        let result = self.undo_steps(run, keep_source, &mut not_undone).await;
        Ok((self.finish(result).await?, not_undone))
    }

    async fn plan_undo(
        mut self,
        run: RunId,
        keep_source: bool,
    ) -> Result<(Plan, Vec<NotUndone>), RunError> {
        self.dry = true;
        let taken = self.take_back(run, keep_source).await?;
        let mut plan = self.sum_up(&taken);
        let held = self.guard(&plan).await?;
        plan.refusals.extend(held.refusals);
        Ok((plan, taken.not_undone))
    }

    async fn undo_steps(
        &mut self,
        run: RunId,
        keep_source: bool,
        not_undone: &mut Vec<NotUndone>,
    ) -> Result<(), RunError> {
        let taken = self.take_back(run, keep_source).await?;
        let plan = self.sum_up(&taken);
        let held = self.guard(&plan).await?;
        let writes = !plan.items.is_empty();
        if writes && let Some(side) = self.check_schema().await? {
            // What was decided rests on the former schema.
            let name = self.engine.spec.names[side].clone();
            return Err(RunError::SchemaChanged(name));
        }
        self.say(|| Event::Planned(Box::new(plan)));
        self.report.refusals.extend(held.refusals.iter().cloned());
        not_undone.extend(taken.not_undone);
        let mut queue = Queue::default();
        for pairs in taken.pairs.chunks(CHUNK as usize) {
            let mut chunk = Chunk::default();
            for (pair, decided) in pairs {
                let is_held = |command: &crate::plan::PlannedCommand| {
                    command.kind == CommandKind::Trash && held.holds_deletes(command.side)
                };
                // All of a record or nothing: what a guard holds back on one side stays on both.
                if decided.commands.iter().any(is_held) {
                    not_undone.push(whole(pair.id, WhyNot::Held));
                } else {
                    self.write_pair(pair, decided.clone(), &Held::default(), &mut chunk);
                }
            }
            queue.take(self, chunk).await?;
        }
        let sends = !queue.intents.is_empty();
        // Nothing to send is no reason to stop: what was read again is looked at all the same.
        if self.apply(queue).await? || !sends {
            self.look_until_still().await?;
        }
        Ok(())
    }

    /// Everything up to the decision: what earlier runs left open, the journal, and the records of
    /// that run as they are now. From here on this run is about these records only.
    async fn take_back(&mut self, run: RunId, keep_source: bool) -> Result<TakenBack, RunError> {
        self.load().await?;
        self.attend_to_mapping().await?;
        self.recover().await?;
        let entries = self.journal_of(run).await?;
        let since = self.journal_since(run).await?;
        let ids: Vec<PairId> = entries.keys().copied().collect();
        self.scope = Some(BTreeSet::from_iter(ids.iter().copied()));
        let mut taken = TakenBack::default();
        for ids in ids.chunks(CHUNK as usize) {
            let pairs = self.pairs(&Query::Pairs(ids.to_vec()), None).await?;
            self.read_again(&pairs).await?;
            let pairs = self.pairs(&Query::Pairs(ids.to_vec()), None).await?;
            let known: BTreeSet<PairId> = pairs.iter().map(|pair| pair.id).collect();
            let forgotten = ids.iter().filter(|id| !known.contains(id));
            let forgotten = forgotten.map(|id| whole(*id, WhyNot::Gone));
            taken.not_undone.extend(forgotten);
            self.meet(&pairs).await?;
            for pair in pairs {
                let entries = entries.get(&pair.id).map_or(&[][..], Vec::as_slice);
                let since = since.get(&pair.id).map_or(&[][..], Vec::as_slice);
                let decided = self.with_context(&pair, |context, pair, flight| {
                    let waits = flight.wait.is_some();
                    (!waits).then(|| undo_pair(context, pair, entries, since, keep_source))
                });
                let Some((decided, kept)) = decided else {
                    taken.not_undone.push(whole(pair.id, WhyNot::Held));
                    continue;
                };
                taken.not_undone.extend(kept);
                if !decided.commands.is_empty() {
                    taken.pairs.push((pair, decided));
                }
            }
        }
        Ok(taken)
    }

    /// Entries of a run.
    async fn journal_of(&self, run: RunId) -> Result<ByPair, RunError> {
        self.journal(&Query::Journal(Some(run)), |_| true).await
    }

    /// Entries of all runs after it.
    async fn journal_since(&self, run: RunId) -> Result<ByPair, RunError> {
        self.journal(&Query::Journal(None), |entry| entry.run != run)
            .await
    }

    /// Entries by pair, oldest first: from the newest back as long as they are wanted.
    async fn journal(
        &self,
        query: &Query,
        is_wanted: impl Fn(&JournalEntry) -> bool,
    ) -> Result<ByPair, RunError> {
        let mut by_pair = ByPair::new();
        let mut read = 0;
        'pages: loop {
            let after = (read > 0).then_some(Bookmark(read));
            let rows = self.store.read(&self.engine.spec.id, query, after, PAGE);
            let Rows::Journal(entries) = rows.await? else {
                break;
            };
            let last = entries.len() < PAGE as usize;
            read += entries.len() as u64;
            for entry in entries {
                if !is_wanted(&entry) {
                    break 'pages;
                }
                by_pair.entry(entry.pair).or_default().push(entry);
            }
            if last {
                break;
            }
        }
        by_pair.values_mut().for_each(|entries| entries.reverse());
        Ok(by_pair)
    }

    /// Reads both sides of these pairs directly.
    pub(super) async fn read_again(&mut self, pairs: &[PairState]) -> Result<(), RunError> {
        for side in Side::BOTH {
            let there: Vec<&PairState> = pairs
                .iter()
                .filter(|pair| pair.sides[side].key.is_some())
                .collect();
            let most = self.described[side].capabilities.max_fetch.max(1) as usize;
            for batch in there.chunks(most) {
                self.stop_if_asked()?;
                let keys = batch.iter();
                let keys: Vec<_> = keys
                    .filter_map(|pair| pair.sides[side].key.clone())
                    .collect();
                let call = Call::new(&self.options.cancel);
                let peer = &self.engine.peers[side];
                let answers = peer.fetch(&call, &keys, &FieldSet::All).await?;
                let mut changes: Vec<Change> = Vec::new();
                for (pair, answer) in batch.iter().zip(answers) {
                    changes.push(self.classified(pair, side, answer));
                }
                self.commit(changes, Vec::new()).await?;
            }
        }
        Ok(())
    }

    fn sum_up(&self, taken: &TakenBack) -> Plan {
        let over = self.at_sight.over.clone();
        let mut plan = Plan::new(&self.engine.spec, &self.described, over);
        for (pair, decided) in &taken.pairs {
            plan.add(pair, decided);
        }
        plan.finish(self.estimate(&plan));
        plan
    }
}

impl Queue {
    /// Commits a chunk and queues what it leaves to send.
    async fn take(&mut self, cycle: &mut Cycle<'_>, mut chunk: Chunk) -> Result<(), RunError> {
        self.intents.append(&mut chunk.take_intents());
        self.moved |= cycle.commit_chunk(chunk).await?;
        self.intents
            .sort_by_key(|intent| (intent.command.kind, intent.id));
        Ok(())
    }
}

fn whole(pair: PairId, why: WhyNot) -> NotUndone {
    NotUndone {
        pair,
        side: None,
        field: None,
        why,
    }
}
