//! Commands refused for a passing reason: how long they wait, and what people are told of all that
//! is not through.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cycle::Cycle;
use super::{RunError, RunOutcome};
use crate::link::Side;
use crate::outbox::{Intent, IntentEvent, IntentField, IntentId, IntentState, NextStep};
use crate::pair::{PairId, RecordState, Standing};
use crate::plan::{Guard, PlannedCommand, RowRule};
use crate::port::{Change, RejectionKind};
use crate::record::Timestamp;

/// Commands told of in a report, at most.
const TOLD: usize = 100;

/// Commands that wait until they are due, by pair and side.
pub(super) type Postponed = BTreeMap<(PairId, Side), Intent>;

/// A command that is not through: it waits, nobody knows what became of it, or it was given up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Undelivered {
    /// Its name.
    pub intent: IntentId,
    /// Its pair.
    pub pair: PairId,
    /// The side it is for.
    pub side: Side,
    /// Where it stands.
    pub state: IntentState,
    /// How often it was sent.
    pub attempts: u32,
    /// Not to be sent again before.
    pub due_at: Option<Timestamp>,
    /// Why, in a sentence.
    pub note: String,
    /// What helps.
    pub next_step: Option<NextStep>,
}

/// What becomes of a planned command for which another one waits already.
pub(super) enum Turn {
    /// It is a new one.
    New,
    /// The one that waited is due.
    Due(Box<Intent>),
    /// The one that waits is not due yet.
    Waits(Standing),
}

impl Cycle<'_> {
    /// Leaves a command that certainly had no effect for later, or gives it up: the next look
    /// decides whether it is still wanted.
    pub(super) async fn postpone(
        &mut self,
        mut intent: Intent,
        mut changes: Vec<Change>,
    ) -> Result<(), RunError> {
        let policy = &self.engine.spec.policy;
        // A missing permission is asked for until it is given: it ends without anybody's word here.
        if intent.attempts >= policy.max_attempts && !intent.is_denied() {
            let attend = Change::Attend {
                pair: intent.pair,
                dirty: true,
                standing: None,
            };
            changes.push(attend);
            return self.advance(intent, IntentEvent::Refused, changes).await;
        }
        let now = self.engine.clock.now();
        intent.due_at = Some(now.plus(policy.backoff.after(intent.attempts)));
        let (at, pair) = ((intent.pair, intent.side), intent.pair);
        // One whose record was not shown when it was read first has not left.
        if intent.state.is_unresolved() {
            intent.apply(IntentEvent::NotApplied)?;
        }
        self.intents.remove(&at);
        self.postponed.insert(at, intent.clone());
        let attend = Change::Attend {
            pair,
            dirty: true,
            standing: None,
        };
        changes.extend([Change::Intent(intent), attend]);
        self.commit(changes, Vec::new()).await?;
        Ok(())
    }

    /// Whether a planned command is the one that waits for its turn. It waits until it is attempted: a
    /// peer that cannot be reached may still end the sending before.
    pub(super) fn turn(
        &self,
        pair: PairId,
        planned: &PlannedCommand,
        fields: &[IntentField],
    ) -> Turn {
        let at = (pair, planned.side);
        let Some(waiting) = self.postponed.get(&at) else {
            return Turn::New;
        };
        // Over other values than those that were refused it is another command.
        let same = waiting.command.kind == planned.kind && waiting.fields == fields;
        if !same || waiting.edit != (planned.rule == RowRule::R40) {
            return Turn::New;
        }
        if !self.is_early(waiting) {
            return Turn::Due(Box::new(waiting.clone()));
        }
        Turn::Waits(Standing {
            state: RecordState::Pending,
            reason: self.why_postponed(waiting),
        })
    }

    /// Whether a command is not due yet. Nothing waits longer than the longest span: a later moment was
    /// told by a clock that has jumped back since.
    pub(super) fn is_early(&self, waiting: &Intent) -> bool {
        let due = waiting.due_at.unwrap_or_default();
        let now = self.engine.clock.now();
        due > now && due <= now.plus(self.engine.spec.policy.backoff.most)
    }

    /// Drops what waits for a pair on sides for which nothing of the kind is wanted any more.
    pub(super) fn drop_postponed(
        &mut self,
        pair: PairId,
        still_wanted: &[Side],
        changes: &mut Vec<Change>,
    ) {
        for side in Side::BOTH {
            if still_wanted.contains(&side) {
                continue;
            }
            if let Some(mut waiting) = self.postponed.remove(&(pair, side))
                && waiting.apply(IntentEvent::Withdraw).is_ok()
            {
                waiting.ended_at = Some(self.engine.clock.now());
                changes.push(Change::Intent(waiting));
            }
        }
    }

    fn why_postponed(&self, waiting: &Intent) -> String {
        let name = &self.engine.spec.names[waiting.side];
        let note = waiting.note.as_deref().unwrap_or("it was not carried out");
        let due = waiting.due_at.unwrap_or_default();
        format!("{name}: {note}; it waits until {due}")
    }

    /// Tells of everything that is not through when the run ends.
    pub(super) fn tell_undelivered(&mut self) {
        let now = self.engine.clock.now();
        let waiting: Vec<Intent> = self.postponed.values().cloned().collect();
        for intent in &waiting {
            let reason = self.why_postponed(intent);
            match intent.refusal {
                Some(RejectionKind::NotFound | RejectionKind::Denied) => {
                    self.refuse(Guard::Permission, intent.pair, intent.side, reason);
                }
                _ if intent.due_at.is_some_and(|due| due > now) => {
                    self.report.problem(RunOutcome::Partial, reason);
                }
                _ => {}
            }
        }
        let unresolved = self.intents.values();
        let dead = self.dead.values().flatten();
        let all = waiting.iter().chain(unresolved).chain(dead);
        self.report.undelivered = all.take(TOLD).map(undelivered).collect();
    }
}

fn undelivered(intent: &Intent) -> Undelivered {
    Undelivered {
        intent: intent.id,
        pair: intent.pair,
        side: intent.side,
        state: intent.state,
        attempts: intent.attempts,
        due_at: intent.due_at,
        note: intent.note.clone().unwrap_or_default(),
        next_step: intent.next_step(),
    }
}
