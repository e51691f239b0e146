//! Commit: what was planned and let through is written down in chunks, and what has to be sent is queued.

use std::collections::BTreeSet;

use super::cycle::{CHUNK, Cycle};
use super::guarding::Held;
use super::postpone::Turn;
use super::settle::{base_after, journal};
use super::{RunError, RunOutcome};
use crate::conflict::LIFECYCLE;
use crate::link::Side;
use crate::outbox::{Intent, IntentEvent, IntentField, IntentId, IntentState};
use crate::pair::{Base, PairId, PairState, RecordState, Standing};
use crate::plan::{Guard, PairPlan, PlannedCommand, PlannedField, Refusal, RowRule};
use crate::port::{
    Absence, Bookmark, Change, CommandKind, CreateSafety, Effect, Lookup, Outcome, Query,
    RejectionKind, UpdateSafety,
};
use crate::schema::FieldId;

impl Cycle<'_> {
    /// Writes the plan down chunk by chunk: settlements, conflicts and effects take hold at once,
    /// commands for the other peer become intents, which are returned in order of execution.
    pub(super) async fn commit_plan(&mut self, held: &Held) -> Result<Queue, RunError> {
        let mut queue = Queue::default();
        let mut resent = BTreeSet::new();
        for (at, mut intent) in std::mem::take(&mut self.intents) {
            if intent.state == IntentState::Planned && self.may_send_again(&intent) {
                intent.note = None;
                resent.insert(intent.pair);
                queue.intents.push(intent);
            } else {
                self.intents.insert(at, intent);
            }
        }
        let mut after = None;
        let mut kept = self.decided.take();
        loop {
            self.stop_if_asked()?;
            let kept = kept.take();
            let only = kept.is_some();
            let decided = match kept {
                Some(kept) => kept,
                None => self.decide_dirty(after).await?,
            };
            let (read, last) = (decided.len(), decided.last().map(|(pair, _)| pair.id));
            let mut chunk = Chunk::default();
            for (pair, decided) in decided {
                if !resent.contains(&pair.id) && self.is_in_scope(pair.id) {
                    self.write_pair(&pair, decided, held, &mut chunk);
                }
            }
            queue.intents.append(&mut chunk.intents);
            queue.moved |= self.commit_chunk(chunk).await?;
            if self.is_out_of_time() {
                self.spending.left = true;
                break;
            }
            match last {
                Some(last) if read >= CHUNK as usize && !only => after = Some(Bookmark(last.0)),
                _ => break,
            }
        }
        queue
            .intents
            .sort_by_key(|intent| (intent.command.kind, intent.id));
        Ok(queue)
    }

    async fn decide_dirty(
        &mut self,
        after: Option<Bookmark>,
    ) -> Result<Vec<(PairState, PairPlan)>, RunError> {
        let pairs = self.pairs(&Query::Dirty, after).await?;
        self.meet(&pairs).await?;
        let decided = pairs.into_iter().map(|pair| {
            let decided = self.decide(&pair);
            (pair, decided)
        });
        Ok(decided.collect())
    }

    /// Turns a decision into changes, effects and intents.
    pub(super) fn write_pair(
        &mut self,
        pair: &PairState,
        decided: PairPlan,
        held: &Held,
        chunk: &mut Chunk,
    ) {
        let id = pair.id;
        if decided.forget {
            for field in &decided.close {
                self.close_conflict(id, field, &mut chunk.changes);
            }
            self.drop_postponed(id, &[], &mut chunk.changes);
            chunk.changes.push(Change::Forget(id));
            chunk.moved = true;
            return;
        }
        for conflict in &decided.conflicts {
            chunk.changes.push(Change::Conflict(conflict.clone()));
            let open = self.conflicts.entry(id).or_default();
            open.retain(|there| there.field != conflict.field);
            open.push(conflict.clone());
        }
        for field in &decided.close {
            self.close_conflict(id, field, &mut chunk.changes);
        }
        self.discard_dead_letters(id, &decided, &mut chunk.changes);
        self.note_waits(pair, &mut chunk.changes);
        let mut pair = std::borrow::Cow::Borrowed(pair);
        if let Some(base) = &decided.settle {
            chunk.changes.push(Change::Settle {
                pair: id,
                base: base.clone(),
            });
            pair.to_mut().base = Some(base.clone());
            chunk.moved = true;
        }
        let open = self.conflicts.get(&id).map_or(0, Vec::len);
        let mut standing = decided.standing(open);
        let mut dirty = decided.stays_dirty();
        let planned = decided.commands.len();
        let mut effects = Vec::new();
        let mut wanted = Vec::new();
        for command in decided.commands {
            let side = command.side;
            if let Some(why) = self.leaks(&pair, &command) {
                self.refuse(Guard::Isolation, id, side, why);
                dirty = true;
            } else if let Some(refusal) = held.why(&command) {
                standing = Some(Standing {
                    state: RecordState::Blocked,
                    reason: refusal.reason.clone(),
                });
                wanted.push(side);
            } else if self.refused.contains(&id)
                || self.is_unproved(&pair, &command)
                || !self.may_carry_out(&pair, &command)
            {
                dirty = true;
                wanted.push(side);
            } else if self.opened.colocated == Some(side) {
                chunk.rekeys |= self.rekeys(&pair, &command);
                effects.push(command);
            } else if !self.has_turn(id, side, command.kind) {
                dirty = true;
                wanted.push(side);
            } else {
                let fields: Vec<_> = command.fields.iter().map(intent_field).collect();
                match self.turn(id, &command, &fields) {
                    Turn::Waits(why) => {
                        wanted.push(side);
                        standing = Some(why);
                    }
                    Turn::Due(intent) => {
                        wanted.push(side);
                        chunk.intents.push(*intent);
                    }
                    Turn::New => {
                        chunk.rekeys |= self.rekeys(&pair, &command);
                        let mut intent = self.intent(&pair, &command);
                        // A record that was not shown stays unread, whatever is to be written now.
                        let waiting = self.postponed.get(&(id, side));
                        intent.refusal = waiting.and_then(|waiting| waiting.refusal);
                        chunk.changes.push(Change::Intent(intent.clone()));
                        chunk.intents.push(intent);
                    }
                }
            }
        }
        self.drop_postponed(id, &wanted, &mut chunk.changes);
        let alone = effects.len() == planned && !effects.is_empty();
        let mut after_effects = Vec::new();
        let nothing_else = !decided.settles_later
            && decided.refusals.is_empty()
            && decided.blocked.is_empty()
            && decided.withheld.is_empty();
        // What is written where a filter holds may fail it: the next look sees that.
        let filtered = effects.iter().any(|command| {
            let filter = &self.engine.spec.filters[command.side];
            filter.is_some()
        });
        // That a base is whole again is decided by a look at what both sides hold then.
        let is_lost = pair.base.as_ref().is_some_and(Base::is_lost);
        if alone && nothing_else && !filtered && !is_lost {
            // The effects are all that was left: with them the pair is clean, or only in conflict.
            let over = effects
                .iter()
                .map(|command| self.conflicts_settled_by(id, command).len());
            let standing = (open > over.sum()).then(|| standing.clone()).flatten();
            after_effects.push(Change::Attend {
                pair: id,
                dirty: false,
                standing,
            });
            dirty = true;
        }
        chunk.changes.push(Change::Attend {
            pair: id,
            dirty,
            standing,
        });
        for command in effects {
            let mut then = after_effects.clone();
            let edit = command.rule == RowRule::R40;
            if edit || command.fields.iter().any(|field| field.source.is_none()) {
                // Half of a merge, or an edit: the next look decides when the field is settled.
                then.clear();
            }
            if !edit {
                then.push(Change::Settle {
                    pair: id,
                    base: base_after(&self.engine.spec, &pair, &command, self.started),
                });
            }
            let settles: Vec<FieldId> = self.conflicts_settled_by(id, &command);
            let close = |field| Change::CloseConflict { pair: id, field };
            then.extend(settles.iter().cloned().map(close));
            let fields: Vec<IntentField> = match command.kind {
                CommandKind::Create => Vec::new(),
                _ => command.fields.iter().map(intent_field).collect(),
            };
            let written = journal(
                &self.engine.spec,
                self.run_id(),
                self.engine.clock.now(),
                &pair,
                command.side,
                command.kind,
                &command.rule.to_string(),
                &fields,
            );
            then.extend(written.into_iter().map(Change::Journal));
            let (side, kind) = (command.side, command.kind);
            let only = match &command.fields[..] {
                [field] => Some(field.name.clone()),
                _ => None,
            };
            chunk.sent.push(SentEffect {
                kind,
                only,
                projection_only: command.projection_only,
                settles,
            });
            chunk.effects.push(Effect {
                pair: id,
                side,
                command: command.into_command(),
                then,
            });
        }
    }

    /// Fields with an open conflict that a command brings to agreement.
    fn conflicts_settled_by(&self, id: PairId, command: &PlannedCommand) -> Vec<FieldId> {
        let open = self.conflicts.get(&id).into_iter().flatten();
        let settles = |name: &FieldId| {
            let mut fields = command.fields.iter();
            let about_life = name.as_str() == LIFECYCLE && command.kind.changes_life();
            about_life || fields.any(|field| field.name == *name && field.source.is_some())
        };
        open.map(|conflict| conflict.field.clone())
            .filter(settles)
            .collect()
    }

    /// A dead letter stays as long as planning leads to the very same command again.
    fn discard_dead_letters(&mut self, id: PairId, plan: &PairPlan, changes: &mut Vec<Change>) {
        let still_refused = plan
            .refusals
            .iter()
            .any(|refusal| refusal.guard == Guard::Rejected);
        if still_refused {
            return;
        }
        for mut letter in self.dead.remove(&id).into_iter().flatten() {
            if letter.apply(IntentEvent::Withdraw).is_ok() {
                changes.push(Change::Intent(letter));
            }
        }
    }

    fn intent(&mut self, pair: &PairState, planned: &PlannedCommand) -> Intent {
        let mut command = planned.to_command();
        let marker = (planned.kind == CommandKind::Create)
            .then(|| self.marker(pair, planned.side))
            .flatten();
        if let Some((field, text)) = &marker {
            command.cells.retain(|cell| cell.field != *field);
            command.cells.push(crate::port::CellChange {
                field: field.clone(),
                expected: None,
                desired: crate::value::Value::text(text.clone()),
            });
        }
        Intent {
            id: IntentId(self.mint()),
            pair: pair.id,
            side: planned.side,
            rule: planned.rule.to_string(),
            command,
            fields: planned.fields.iter().map(intent_field).collect(),
            marker: marker.map(|(_, text)| text),
            state: IntentState::Planned,
            attempts: 0,
            attempted_at: None,
            note: None,
            edit: planned.rule == RowRule::R40,
            due_at: None,
            refusal: None,
            ended_at: None,
        }
    }

    /// The marker of a pair's create: a ULID that only this store and this pair can have.
    fn marker(&self, pair: &PairState, side: Side) -> Option<(FieldId, String)> {
        if self.described[side].capabilities.create == CreateSafety::Keyed {
            return None;
        }
        let field = self.engine.spec.mapping.markers[side].clone()?;
        let link = self.engine.spec.id.as_str();
        let seed = (
            self.opened.lineage.to_string(),
            link,
            pair.id.0,
            self.started.0,
        );
        let millis = u64::try_from(self.started.0).unwrap_or(0);
        let random = u128::from(crate::value::Digest::of_json(&seed).short());
        let more = u128::from(crate::value::Digest::of_json(&(1, &seed)).short());
        let ulid = ulid::Ulid::from_parts(millis, (random << 64) | more);
        Some((field, ulid.to_string()))
    }

    /// Returns whether anything moved.
    pub(super) async fn commit_chunk(&mut self, mut chunk: Chunk) -> Result<bool, RunError> {
        let mut moved = chunk.moved;
        if chunk.rekeys {
            chunk.changes.push(Change::AttendAll);
        }
        if chunk.changes.is_empty() && chunk.effects.is_empty() {
            return Ok(moved);
        }
        let effects: Vec<(PairId, Side)> = chunk
            .effects
            .iter()
            .map(|effect| (effect.pair, effect.side))
            .collect();
        let committed = self.commit(chunk.changes, chunk.effects).await?;
        let mut changes = Vec::new();
        let outcomes = effects.into_iter().zip(chunk.sent).zip(committed.effects);
        for (((pair, side), sent), outcome) in outcomes {
            match outcome {
                Outcome::Done(_) => {
                    moved = true;
                    self.count(side, sent.kind, sent.projection_only);
                    self.note_arrival(pair, side);
                    if let Some(open) = self.conflicts.get_mut(&pair) {
                        open.retain(|conflict| !sent.settles.contains(&conflict.field));
                    }
                }
                Outcome::Stale(record) => {
                    moved = true;
                    self.report.raise(Guard::StaleBase, 1);
                    if let Some(record) = record {
                        changes.push(super::observe::observed(pair, side, record));
                    }
                }
                Outcome::Rejected(rejection)
                    if rejection.kind == RejectionKind::NotFound && self.is_authoritative(side) =>
                {
                    moved = true;
                    if let Some(state) = self.pair(pair).await? {
                        let absent = Lookup::Absent(Absence::Authoritative);
                        changes.push(self.classified(&state, side, absent));
                    }
                }
                Outcome::Rejected(rejection) => {
                    let name = self.engine.spec.names[side].clone();
                    let reason = format!("{name} refused a change: {}", rejection.message);
                    self.refuse(Guard::Rejected, pair, side, reason);
                    if let Some(refusal) = self.report.refusals.last_mut() {
                        refusal.field = sent.only;
                    }
                    self.refused.insert(pair);
                }
                Outcome::Ambiguous { .. } | Outcome::NotSent => {
                    let name = self.engine.spec.names[side].clone();
                    let what = format!("{name} did not carry out a change");
                    self.report.problem(RunOutcome::Partial, what);
                }
            }
        }
        if !changes.is_empty() {
            self.commit(changes, Vec::new()).await?;
        }
        Ok(moved)
    }

    pub(super) fn close_conflict(
        &mut self,
        pair: PairId,
        field: &FieldId,
        changes: &mut Vec<Change>,
    ) {
        if let Some(open) = self.conflicts.get_mut(&pair) {
            let before = open.len();
            open.retain(|conflict| conflict.field != *field);
            if open.len() < before {
                changes.push(Change::CloseConflict {
                    pair,
                    field: field.clone(),
                });
            }
        }
    }

    pub(super) fn refuse(&mut self, guard: Guard, pair: PairId, side: Side, reason: String) {
        let (pair, side) = (Some(pair), Some(side));
        self.report.refusals.push(Refusal {
            guard,
            pair,
            side,
            field: None,
            reason,
            count: 1,
        });
    }

    pub(super) fn count(&mut self, side: Side, kind: CommandKind, projection_only: bool) {
        let settled = &mut self.report.settled[side];
        let counter = match kind {
            CommandKind::Create => &mut settled.created,
            CommandKind::Patch if projection_only => &mut settled.refreshed,
            CommandKind::Patch => &mut settled.patched,
            CommandKind::Trash => &mut settled.trashed,
            CommandKind::Untrash => &mut settled.untrashed,
        };
        *counter += 1;
    }

    /// Whether the target of a write has to be read again first.
    pub(super) fn needs_precheck(&self, intent: &Intent) -> bool {
        use crate::link::Precheck;
        let (side, kind) = (intent.side, intent.command.kind);
        let takes_away = intent.takes_away();
        let guarded = self.described[side].capabilities.update == UpdateSafety::Precheck;
        let age = || self.age_of_scan(side);
        (guarded || takes_away)
            && kind != CommandKind::Create
            && match self.engine.spec.policy.precheck {
                // A record about to be trashed or emptied is always read first: "not returned" is
                // no proof that nobody edited it.
                _ if takes_away => true,
                // What is in the trash is in no scan, nor was what the peer did not show lately.
                _ if kind == CommandKind::Untrash || intent.is_denied() => true,
                Precheck::Always => true,
                // What is sent again was decided on an earlier look.
                Precheck::IfStale(after) => intent.attempts > 0 || age() >= after,
                Precheck::Never => false,
            }
    }
}

fn intent_field(field: &PlannedField) -> IntentField {
    IntentField {
        name: field.name.clone(),
        source: field.source.clone(),
        expected: field.expected.clone(),
        desired: field.desired.clone(),
    }
}

/// Intents to send, in order, and whether anything else moved.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) intents: Vec<Intent>,
    pub(super) moved: bool,
}

/// What is to be committed together.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) changes: Vec<Change>,
    effects: Vec<Effect>,
    /// A record is made anew that others may refer to by its former key.
    rekeys: bool,
    /// Of each effect, what its outcome is told by.
    sent: Vec<SentEffect>,
    intents: Vec<Intent>,
    moved: bool,
}

struct SentEffect {
    kind: CommandKind,
    /// The field it writes, where it is one.
    only: Option<FieldId>,
    projection_only: bool,
    /// Fields whose open conflicts are over with it.
    settles: Vec<FieldId>,
}

impl Chunk {
    pub(super) fn take_intents(&mut self) -> Vec<Intent> {
        std::mem::take(&mut self.intents)
    }
}
