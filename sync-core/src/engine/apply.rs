//! Apply: one command at a time to the remote peer; durable before it leaves, settled on proof.

use tracing::Instrument;

use super::commit::Queue;
use super::cycle::Cycle;
use super::observe::observed;
use super::recover::Answer;
use super::{Event, RunError, RunOutcome, spans};
use crate::canary::{self, Canary};
use crate::link::Side;
use crate::outbox::{Intent, IntentEvent, IntentState};
use crate::pair::PairState;
use crate::plan::Guard;
use crate::port::{
    Absence, Atomicity, Batch, Call, Change, Command, CommandKind, FieldSet, Lookup, Outcome,
    PeerError, PeerErrorKind, Receipt, RejectionKind, Sent,
};
use crate::record::{Key, Lifecycle, Record};

/// Whether to go on with the next command.
enum Go {
    On,
    Stop,
}

impl Cycle<'_> {
    /// Sends a queue. Returns whether anything moved, so that another look is worth it.
    pub(super) async fn apply(&mut self, mut queue: Queue) -> Result<bool, RunError> {
        match self.find_before_create(&mut queue).await {
            Err(RunError::Peer(error)) => return self.after_failure(error).map(|_| false),
            found => found?,
        }
        let mut moved = queue.moved;
        let total = queue.intents.len() as u64;
        for (done, intent) in queue.intents.into_iter().enumerate() {
            self.stop_if_asked()?;
            if !self.may_send() {
                self.leave_waiting(total - done as u64);
                return Ok(false);
            }
            self.spending.sent += 1;
            let side = self.engine.spec.names[intent.side].clone();
            match self.carry_out(intent).await? {
                Go::On => moved = true,
                Go::Stop => return Ok(false),
            }
            self.say(|| Event::Applied {
                side,
                done: done as u64 + 1,
                total,
            });
        }
        Ok(moved)
    }

    async fn carry_out(&mut self, intent: Intent) -> Result<Go, RunError> {
        let Some(mut pair) = self.pair(intent.pair).await? else {
            self.withdraw(intent, Vec::new()).await?;
            return Ok(Go::On);
        };
        if let Some(why) = self.leaks_by_now(&pair, &intent) {
            self.refuse(Guard::Isolation, pair.id, intent.side, why);
            self.withdraw(intent, Vec::new()).await?;
            return Ok(Go::On);
        }
        if self.needs_precheck(&intent) {
            match self.is_as_expected(&intent, &pair).await {
                Ok(true) => {}
                Ok(false) => return Ok(Go::On),
                Err(RunError::Peer(error)) => {
                    self.withdraw(intent, Vec::new()).await?;
                    return self.after_failure(error);
                }
                Err(other) => return Err(other),
            }
        }
        let mut intent = intent;
        loop {
            self.keep_lease().await?;
            intent.apply(IntentEvent::Attempt)?;
            intent.attempts += 1;
            intent.due_at = None;
            intent.attempted_at = Some(self.engine.clock.now());
            let at = (intent.pair, intent.side);
            self.postponed.remove(&at);
            self.intents.insert(at, intent.clone());
            if !canary::is(Canary::EffectBeforeIntent) {
                // The attempt is durable before bytes leave; here a fence is noticed too.
                self.commit(vec![Change::Intent(intent.clone())], Vec::new())
                    .await?;
            }
            let go = self.send(intent.clone(), &pair).await?;
            let again = self.intents.get(&(intent.pair, intent.side));
            match again.filter(|again| again.state == IntentState::Planned) {
                Some(again) if again.attempts < self.engine.spec.policy.max_attempts => {
                    if matches!(go, Go::Stop) {
                        return Ok(Go::Stop);
                    }
                    intent = again.clone();
                    // What became of the attempt is remembered with the pair.
                    pair = self.pair(intent.pair).await?.unwrap_or(pair);
                }
                _ => return Ok(go),
            }
        }
    }

    async fn send(&mut self, intent: Intent, pair: &PairState) -> Result<Go, RunError> {
        let call = Call::new(&self.options.cancel);
        let batch = Batch {
            mode: Atomicity::PerCommand,
            commands: vec![intent.command.clone()],
        };
        let name = &self.engine.spec.names[intent.side];
        let span = spans::command(name, intent.command.kind, intent.attempts);
        let answer = self.engine.peers[intent.side].apply(&call, &batch);
        let answer = answer.instrument(span.clone()).await;
        let answer = answer.map(|outcomes| outcomes.into_iter().next());
        span.record("answer", spans::answer(&answer));
        match answer {
            Ok(Some(Outcome::Done(receipt))) => {
                let mut intent = intent;
                intent.command.key = Some(receipt.key.clone());
                let answer = self.read_back(&intent, receipt).await;
                let is_create = intent.command.kind == CommandKind::Create;
                match answer {
                    Ok(Some(Lookup::Here(record))) => {
                        self.judge(intent, pair, record, Answer::Taken).await?;
                    }
                    // It was moved away a moment ago: nothing is agreed on with what lives elsewhere.
                    Ok(Some(moved @ Lookup::Elsewhere(_))) if !is_create => {
                        let seen = self.classified(pair, intent.side, moved);
                        self.withdraw(intent, vec![seen]).await?;
                    }
                    // It was done; the next lookup will show it.
                    Ok(_) => {
                        self.advance(intent, IntentEvent::OutcomeUnknown, Vec::new())
                            .await?
                    }
                    Err(error) => {
                        self.advance(intent, IntentEvent::OutcomeUnknown, Vec::new())
                            .await?;
                        return self.after_failure(error);
                    }
                }
                Ok(Go::On)
            }
            Ok(Some(Outcome::Stale(record))) => {
                self.report.raise(Guard::StaleBase, 1);
                let changes = record
                    .map(|record| observed(pair.id, intent.side, record))
                    .into_iter();
                self.withdraw(intent, changes.collect()).await?;
                Ok(Go::On)
            }
            Ok(Some(Outcome::Rejected(rejection))) => {
                let mut intent = intent;
                intent.note_rejection(&rejection);
                self.rejected(intent, pair, rejection.kind).await?;
                Ok(Go::On)
            }
            Ok(Some(Outcome::NotSent)) => {
                self.postpone(intent, Vec::new()).await?;
                Ok(Go::On)
            }
            Ok(Some(Outcome::Ambiguous { key })) => {
                let mut intent = intent;
                if intent.command.key.is_none() {
                    intent.command.key = key;
                }
                self.lost(intent).await
            }
            Ok(None) => self.lost(intent).await,
            Err(error) if error.sent == Sent::Maybe => {
                let go = self.lost(intent).await?;
                if error.is_fatal() {
                    self.after_failure(error)
                } else {
                    Ok(go)
                }
            }
            Err(error) => {
                self.withdraw(intent, Vec::new()).await?;
                self.after_failure(error)
            }
        }
    }

    /// The answer was lost: remember that, then look it up at once.
    async fn lost(&mut self, intent: Intent) -> Result<Go, RunError> {
        let at = (intent.pair, intent.side);
        self.advance(intent, IntentEvent::OutcomeUnknown, Vec::new())
            .await?;
        let Some(intent) = self.intents.get(&at).cloned() else {
            return Ok(Go::On);
        };
        match self.resolve(intent).await {
            Ok(()) => Ok(Go::On),
            Err(RunError::Peer(error)) => self.after_failure(error),
            Err(other) => Err(other),
        }
    }

    async fn read_back(
        &mut self,
        intent: &Intent,
        receipt: Receipt,
    ) -> Result<Option<Lookup>, PeerError> {
        if let Some(record) = receipt.observed {
            return Ok(Some(Lookup::Here(record)));
        }
        let call = Call::new(&self.options.cancel);
        let peer = &self.engine.peers[intent.side];
        let answers = peer.fetch(&call, &[receipt.key], &FieldSet::All).await?;
        Ok(answers.into_iter().next())
    }

    async fn rejected(
        &mut self,
        intent: Intent,
        pair: &PairState,
        kind: RejectionKind,
    ) -> Result<(), RunError> {
        let side = intent.side;
        match kind {
            RejectionKind::Conflict => {
                self.report.raise(Guard::StaleBase, 1);
                let call = Call::new(&self.options.cancel);
                let keys: Vec<Key> = intent.command.key.iter().cloned().collect();
                let peer = &self.engine.peers[side];
                // Planned again from what is there now. Where that cannot be read, from what was.
                let answers = match keys.is_empty() {
                    true => Vec::new(),
                    false => (peer.fetch(&call, &keys, &FieldSet::All).await).unwrap_or_default(),
                };
                let seen = answers.into_iter().next();
                let seen = seen.map(|answer| self.classified(pair, side, answer));
                self.postpone(intent, seen.into_iter().collect()).await
            }
            RejectionKind::NotFound if self.is_authoritative(side) => {
                let absent = Lookup::Absent(Absence::Authoritative);
                let gone = self.classified(pair, side, absent);
                self.withdraw(intent, vec![gone]).await
            }
            RejectionKind::NotFound | RejectionKind::Denied => {
                self.refused.insert(pair.id);
                self.postpone(intent, Vec::new()).await
            }
            RejectionKind::Invalid => {
                let attend = Change::Attend {
                    pair: pair.id,
                    dirty: true,
                    standing: None,
                };
                self.advance(intent, IntentEvent::Refused, vec![attend])
                    .await
            }
        }
    }

    /// Whether "not found" means that the record does not exist.
    pub(super) fn is_authoritative(&self, side: Side) -> bool {
        self.described[side].capabilities.absence == Absence::Authoritative
    }

    /// Reads the target again; if it is not as planned, remembers how it is and drops the command.
    async fn is_as_expected(
        &mut self,
        intent: &Intent,
        pair: &PairState,
    ) -> Result<bool, RunError> {
        let Some(key) = intent.command.key.clone() else {
            return Ok(true);
        };
        let call = Call::new(&self.options.cancel);
        let keys: [Key; 1] = [key];
        let peer = &self.engine.peers[intent.side];
        let answer = peer
            .fetch(&call, &keys, &FieldSet::All)
            .await?
            .into_iter()
            .next();
        match answer {
            Some(Lookup::Here(record)) if holds(&intent.command, &record) => Ok(true),
            // Still not shown: it is asked for again later, as after a refusal.
            Some(Lookup::Absent(Absence::Ambiguous) | Lookup::Denied) if intent.is_denied() => {
                let mut intent = intent.clone();
                intent.attempts += 1;
                self.refused.insert(pair.id);
                self.postpone(intent, Vec::new()).await?;
                Ok(false)
            }
            Some(answer) => {
                self.report.raise(Guard::StaleBase, 1);
                let change = self.classified(pair, intent.side, answer);
                self.withdraw(intent.clone(), vec![change]).await?;
                Ok(false)
            }
            // No answer proves nothing: planned again.
            None => {
                self.withdraw(intent.clone(), Vec::new()).await?;
                Ok(false)
            }
        }
    }

    /// A peer that cannot be reached ends the sending, not the run; refused credentials end both.
    fn after_failure(&mut self, error: PeerError) -> Result<Go, RunError> {
        if error.is_fatal() {
            return Err(error.into());
        }
        if error.kind == PeerErrorKind::Cancelled {
            return Err(RunError::Cancelled);
        }
        self.report.problem(
            RunOutcome::Partial,
            format!("{error}; the rest waits for the next run"),
        );
        Ok(Go::Stop)
    }
}

/// Whether the record still is what the command expects: alive or not, the cells it writes, and
/// for a trash every cell a person could have written.
fn holds(command: &Command, record: &Record) -> bool {
    if canary::is(Canary::StaleBaseIgnored) {
        return true;
    }
    let trashed = record.lifecycle == Lifecycle::Trashed;
    let written = command.cells.iter().all(|cell| {
        let now = record.cells.complete(&cell.field);
        cell.expected.is_none() || now == cell.expected.as_ref()
    });
    let untouched = command.holding.iter();
    let mut untouched = untouched.map(|(field, value)| (record.cells.complete(field), value));
    trashed == (command.kind == CommandKind::Untrash)
        && written
        && untouched.all(|(now, value)| now == Some(value))
}
