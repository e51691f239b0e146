//! Undo: now and then a person takes back what the last run did, on both sides or on one.

use super::history::History;
use super::process::{Ended, Process};
use super::stage::Inner;
use crate::engine::{RunOptions, UndoOptions};
use crate::link::{MappedField, Side, Sides};
use crate::outbox::IntentState;
use crate::pair::PairState;
use crate::plan::RowRule;
use crate::port::{Cancel, Change, Command, Effect, Query, Rows, RunId};
use crate::value::Value;

/// Runs looked back at for one that wrote something.
const RECENT: u32 = 8;

impl History {
    /// Whether this time a person takes a run back instead of starting one.
    pub(super) fn undoes_now(&mut self) -> bool {
        self.freedoms().undo && self.entropy.chance(300)
    }

    /// A person takes back the last run that wrote something, perhaps beside another run.
    pub(super) fn undo(&mut self) -> Vec<Ended> {
        let Some(run) = self.last_change() else {
            return Vec::new();
        };
        let races = self.stage().lock().strain.races;
        let mut running = vec![self.start_undo(run)];
        if self.entropy.chance(races) {
            self.stage().lock().count("two processes at once");
            running.push(self.start(false));
        }
        self.drive(running)
    }

    fn last_change(&self) -> Option<RunId> {
        let read = self.store.read(&self.link.id, &Query::Runs, None, RECENT);
        match self.finish(read) {
            Ok(Rows::Runs(runs)) => runs.into_iter().find(|run| run.settled > 0),
            _ => None,
        }
        .map(|run| run.id)
    }

    fn start_undo(&mut self, run: RunId) -> Process {
        let keep_source = self.entropy.chance(400);
        let engine = self.engine();
        let (number, began) = self.enter();
        {
            let mut stage = self.stage().lock();
            stage.tally.runs += 1;
            stage.keeping.insert(number, keep_source);
            stage.count(match keep_source {
                true => "undone on one side",
                false => "undone",
            });
            stage.tell(|| format!("person undoes {run:?}, keeps the source: {keep_source}"));
        }
        let cancel = Cancel::default();
        let options = UndoOptions {
            run: RunOptions {
                cancel: cancel.clone(),
                owner: format!("process {number}"),
                ..RunOptions::default()
            },
            keep_source,
        };
        let future = async move {
            let undone = engine.undo(run, &options).await?;
            Ok(undone.report)
        };
        Process::new(number, began, cancel, Box::pin(future))
    }
}

impl Inner {
    /// Whether a command takes back what a run did, on a person's word; if it does, whether it leaves
    /// the source as it is.
    pub(super) fn undoes(&self, side: Side, command: &Command) -> Option<bool> {
        let mut undoing = self.undoing.iter();
        let found = undoing.find(|(on, known, _)| *on == side && known == command);
        found.map(|(_, _, keeps)| *keeps)
    }

    /// Notes the commands of an undo that a commit speaks of.
    pub(super) fn note_undo(&mut self, changes: &[Change]) {
        if !self.freedoms.undo {
            return;
        }
        let rule = RowRule::R40.to_string();
        for change in changes {
            // Only by the undo that asks for it: another may carry out what one left behind.
            if let Change::Intent(intent) = change
                && intent.rule == rule
                && intent.state == IntentState::Planned
                && intent.attempts == 0
            {
                self.undoes_by(intent.side, &intent.command);
            }
        }
    }

    /// As [`Self::note_undo`], of a command that the store executes: its journal names the rule.
    pub(super) fn note_undone(&mut self, effect: &Effect) {
        let rule = RowRule::R40.to_string();
        let of_undo =
            |change: &Change| matches!(change, Change::Journal(entry) if entry.rule == rule);
        if self.freedoms.undo && effect.then.iter().any(of_undo) {
            self.undoes_by(effect.side, &effect.command);
        }
    }

    fn undoes_by(&mut self, side: Side, command: &Command) {
        // What one undo left to a later run is noted already; another may ask for the same again.
        let keeps = self.keeping.get(&self.process.0).copied();
        let mut noted = self.undoing.iter_mut();
        match noted.find(|(on, known, _)| *on == side && known == command) {
            Some((.., noted)) => *noted = keeps.unwrap_or(*noted),
            None => {
                let keeps = keeps.unwrap_or(false);
                self.undoing.push((side, command.clone(), keeps));
            }
        }
    }
}

/// Whether a field was taken back on one side only and is as that left it (F17).
pub(super) fn is_parked(pair: &PairState, field: &MappedField, values: &Sides<&Value>) -> bool {
    let parked = pair.base.as_ref().and_then(|base| base.parked(field));
    parked.is_some_and(|parked| parked.as_ref() == *values)
}

/// Whether a record stays as it is although its counterpart was put away by an undo, until somebody
/// edits it.
pub(super) fn is_held(pair: &PairState, side: Side) -> bool {
    pair.base.as_ref().and_then(|base| base.held()) == Some(side)
}
