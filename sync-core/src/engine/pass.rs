//! Plan, guard, commit: survey every dirty pair, look at the sum, then write it down in chunks.

use std::collections::BTreeSet;
use std::time::Duration;

use tracing::Instrument;

use super::cycle::{CHUNK, Cycle, late_duplicate};
use super::drift::Undecoded;
use super::marks::Marks;
use super::postpone::Turn;
use super::settle::{base_after, journal};
use super::{RunError, RunOutcome, spans};
use crate::canary::{self, Canary};
use crate::conflict::LIFECYCLE;
use crate::link::{Side, Sides};
use crate::outbox::{Intent, IntentEvent, IntentField, IntentId, IntentState};
use crate::pair::{PairId, PairState, Presence, RecordState, Standing};
use crate::plan::guards::{DeleteFacts, check_deletes};
use crate::plan::{
    Estimate, Guard, PairPlan, Plan, PlannedCommand, PlannedField, Refusal, RowRule, WantedOptions,
};
use crate::port::{
    Absence, Bookmark, Change, ChangeFeed, CommandKind, CreateSafety, Effect, Lookup, Outcome,
    Query, RejectionKind, Rows, UpdateSafety,
};
use crate::record::Lifecycle;
use crate::schema::FieldId;

/// What the guard against mass deletes looks back.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// What the guards hold back.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) refusals: Vec<Refusal>,
    deletes: Sides<bool>,
    /// Deletes of records that only left the filter.
    leaving: Sides<bool>,
    patches: Sides<bool>,
}

impl Held {
    /// Why a command is held back, if it is.
    fn why(&self, command: &PlannedCommand) -> Option<&Refusal> {
        let side = command.side;
        let guards: &[Guard] = match command.kind {
            _ if self.deletes[side] && command.takes_away() => {
                &[Guard::MaxDelete, Guard::EmptySide]
            }
            _ if self.leaving[side] && command.is_leaving() => &[Guard::FilterOrMappingChanged],
            CommandKind::Patch if self.patches[side] && command.is_change() => &[Guard::AllChanged],
            _ => return None,
        };
        let mut refusals = self.refusals.iter();
        refusals.find(|refusal| refusal.side == Some(side) && guards.contains(&refusal.guard))
    }
}

impl Held {
    /// Whether all commands of a kind to a side are held back.
    pub(super) fn holds(&self, side: Side, kind: CommandKind) -> bool {
        match kind {
            CommandKind::Trash => self.deletes[side],
            CommandKind::Patch => self.patches[side],
            CommandKind::Create | CommandKind::Untrash => false,
        }
    }

    pub(super) fn holds_deletes(&self, side: Side) -> bool {
        self.deletes[side]
    }
}

impl Cycle<'_> {
    /// Plans every dirty pair. Pairs whose absence is unproved are read directly first.
    pub(super) async fn survey(&mut self) -> Result<Plan, RunError> {
        let span = spans::plan();
        let plan = self.survey_and_probe().instrument(span.clone()).await?;
        span.record("commands", plan.counts.commands());
        span.record("conflicts", plan.conflicts.len());
        span.record("refusals", plan.refusals.len());
        Ok(plan)
    }

    async fn survey_and_probe(&mut self) -> Result<Plan, RunError> {
        let over = self.at_sight.over.clone();
        let nothing = Plan::new(&self.engine.spec, &self.described, over);
        let at_sight = std::mem::replace(&mut self.at_sight, nothing);
        let tried = std::mem::take(&mut self.tried);
        let dirty = Query::Dirty;
        // What was made at first sight lists no more than a page of creates.
        let mut look = self.survey_once(&dirty, at_sight.clone(), &tried).await?;
        let probe = std::mem::take(&mut look.probe);
        if !probe.is_empty() && self.probe(probe).await? {
            look = self.survey_once(&dirty, at_sight.clone(), &tried).await?;
        }
        // Whether a field can be read is only known of all of it.
        if self.note_undecoded(&look.undecoded) {
            look = self.survey_once(&dirty, at_sight, &tried).await?;
        }
        Ok(look.plan)
    }

    /// Adds the pairs of a query to a plan, but for those that were tried at first sight: what was
    /// not done of these is planned already.
    pub(super) async fn survey_once(
        &mut self,
        which: &Query,
        mut plan: Plan,
        tried: &Marks,
    ) -> Result<Look, RunError> {
        let mut probe = Vec::new();
        let mut undecoded = Undecoded::default();
        let mut wanted = WantedOptions::new();
        let mut kept = Vec::new();
        let mut after = None;
        if let Some(approved) = &mut self.approved {
            approved.begin_look();
        }
        loop {
            self.stop_if_asked()?;
            let pairs = self.pairs(which, after).await?;
            self.meet(&pairs).await?;
            let read = pairs.len();
            let last = pairs.last().map(|pair| pair.id);
            kept.clear();
            for pair in pairs {
                if !self.is_in_scope(pair.id) {
                    continue;
                }
                self.count_undecoded(&pair, &mut undecoded);
                let decided = self.decide(&pair);
                wanted.extend(decided.wanted_options.iter().cloned());
                let unshown = self.denied(&pair);
                // A record that was not shown is asked for again with every full scan.
                let again = |refusal: &Refusal| {
                    refusal.side.is_some_and(|side| self.report.full_scan[side])
                };
                let unproved = decided.commands.iter().any(|command| {
                    command.kind == CommandKind::Trash
                        && self.rests_on_old_proof(&pair, command.side.other())
                });
                if decided.probe || unproved || unshown.as_ref().is_some_and(again) {
                    probe.push(pair.id);
                }
                if let Some(refusal) = unshown {
                    plan.refuse(&pair, &decided, refusal);
                }
                if let Some(approved) = &mut self.approved {
                    approved.look_at(&pair, &decided);
                }
                if self.dry {
                    plan.add(&pair, &decided);
                } else if !tried.is_marked(pair.id) && self.is_plan_shown() {
                    plan.add_under_way(&pair, &decided);
                } else if !tried.is_marked(pair.id) {
                    plan.add_sum(&pair, &decided);
                }
                if let Some(first) = self.late_duplicate_of(&pair) {
                    let refusal = Refusal {
                        guard: Guard::LateDuplicate,
                        pair: Some(pair.id),
                        side: None,
                        field: None,
                        reason: format!("{:?}: {}", decided.label, late_duplicate(first)),
                        count: 1,
                    };
                    plan.refuse(&pair, &decided, refusal);
                }
                kept.push((pair, decided));
            }
            match last {
                Some(last) if read >= CHUNK as usize => after = Some(Bookmark(last.0)),
                _ => break,
            }
        }
        if let Some(approved) = &mut self.approved {
            approved.end_look();
        }
        self.plan_schema(&mut plan, &wanted);
        // One chunk is written down as it was decided; of more only the sums are kept.
        self.decided = (after.is_none() && *which == Query::Dirty).then_some(kept);
        plan.finish(self.estimate(&plan));
        Ok(Look {
            plan,
            probe,
            undecoded,
        })
    }

    /// Whether that a record is in the trash was read in an earlier run, on a peer whose scans do
    /// not tell of a restore at once: it is read again before anything is trashed because of it.
    pub(super) fn rests_on_old_proof(&self, pair: &PairState, side: Side) -> bool {
        let settled = pair.base.as_ref();
        let state = &pair.sides[side];
        let trashed = state
            .shadow
            .as_ref()
            .is_some_and(|shadow| shadow.lifecycle == Lifecycle::Trashed);
        state.presence == Presence::Present
            && trashed
            && settled.is_some_and(|base| base.lifecycle != Lifecycle::Trashed)
            && self.described[side].capabilities.changes != ChangeFeed::Delta
            && !self.probed.contains(&(pair.id, side))
    }

    pub(super) fn estimate(&self, plan: &Plan) -> Estimate {
        let requests = Side::BOTH.into_iter().map(|side| {
            let counts = &plan.counts;
            let updates = counts.patch[side]
                + counts.refresh[side]
                + counts.trash[side]
                + counts.untrash[side]
                + counts.follow_up[side];
            let capabilities = &self.described[side].capabilities;
            let each = u64::from(capabilities.requests_per_command);
            (counts.create[side] + updates) * each
        });
        // Changed, and read again.
        let altered: BTreeSet<Side> = plan
            .schema
            .iter()
            .map(|listed| listed.command.side)
            .collect();
        let alter = altered.into_iter().map(|side| {
            let capabilities = &self.described[side].capabilities;
            2 * u64::from(capabilities.requests_per_command)
        });
        Estimate::of(requests.chain(alter).sum())
    }

    /// Looks at the sum of a plan. What a guard holds back stays planned for the next run.
    pub(super) async fn guard(&mut self, plan: &Plan) -> Result<Held, RunError> {
        let mut facts = Sides::<DeleteFacts>::default();
        for side in Side::BOTH {
            let wanted = plan.counts.trash[side] + plan.counts.clear[side];
            if wanted == 0 {
                continue;
            }
            let query = Query::DeletesSince(side, self.started.minus(DAY));
            let rows = self
                .store
                .read(&self.engine.spec.id, &query, None, 1)
                .await?;
            let recent = if let Rows::Count(recent) = rows {
                recent
            } else {
                0
            };
            // Deletes of this run are among the recent ones and still among the live ones.
            let own = self.report.settled[side].trashed;
            let live = self.opened.counts.live[side].saturating_sub(own);
            let source_empty = self.scan_empty[side.other()];
            facts[side] = DeleteFacts {
                wanted,
                recent,
                live,
                source_empty,
            };
        }
        let policy = &self.engine.spec.policy.max_delete;
        let mut refusals = check_deletes(policy, &self.engine.spec.names, &facts);
        refusals.retain(|_| !canary::is(Canary::DeletesUnguarded));
        let mut held = Held::default();
        for refusal in refusals {
            if let Some(side) = refusal.side {
                held.deletes[side] = true;
            }
            held.refusals.push(refusal);
        }
        self.guard_changes(plan, &mut held);
        held.refusals.extend(self.held_fields());
        held.refusals.extend(self.held_schema(plan));
        Ok(held)
    }

    /// The guards about many changes at once.
    fn guard_changes(&mut self, plan: &Plan, held: &mut Held) {
        let approved = |guard: Guard| self.options.approved.contains(&guard);
        if approved(Guard::FilterOrMappingChanged) || plan.counts.leaving == Sides::new(0, 0) {
            self.memory.unapproved_change = false;
        }
        for side in Side::BOTH {
            let name = &self.engine.spec.names[side];
            let leaving = plan.counts.leaving[side];
            if leaving > 0 && self.memory.unapproved_change {
                held.leaving[side] = true;
                let reason = format!(
                    "{leaving} would be trashed or emptied on {name} only because the filter or the mapping \
                     changed"
                );
                let guard = Guard::FilterOrMappingChanged;
                held.refusals.push(of_side(guard, side, leaving, reason));
            }
            let patches = plan.counts.patch[side] - plan.counts.completing[side];
            let live = self.opened.counts.live[side];
            let most = self.engine.spec.policy.max_change.threshold(live);
            if patches > most && !approved(Guard::AllChanged) {
                held.patches[side] = true;
                let reason = format!(
                    "{patches} of {live} records would be changed on {name} at once; at most \
                     {most} are allowed"
                );
                held.refusals
                    .push(of_side(Guard::AllChanged, side, patches, reason));
            }
        }
    }

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
            } else if self.refused.contains(&id) || !self.may_carry_out(&pair, &command) {
                dirty = true;
                wanted.push(side);
            } else if self.opened.colocated == Some(side) {
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
                    Turn::Due(intent) => chunk.intents.push(*intent),
                    Turn::New => {
                        let intent = self.intent(&pair, &command);
                        chunk.changes.push(Change::Intent(intent.clone()));
                        chunk.intents.push(intent);
                    }
                }
            }
        }
        self.drop_postponed(id, &wanted, &mut chunk.changes);
        let alone = effects.len() == planned && !effects.is_empty();
        let mut after_effects = Vec::new();
        let nothing_else = decided.refusals.is_empty()
            && decided.blocked.is_empty()
            && decided.withheld.is_empty();
        // What is written where a filter holds may fail it: the next look sees that.
        let filtered = effects.iter().any(|command| {
            let filter = &self.engine.spec.filters[command.side];
            filter.is_some()
        });
        if alone && nothing_else && !filtered {
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
            chunk.sent.push(SentEffect {
                kind,
                projection_only: command.projection_only,
                settles,
            });
            chunk.effects.push(Effect {
                pair: id,
                side,
                command: command.to_command(),
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
    pub(super) async fn commit_chunk(&mut self, chunk: Chunk) -> Result<bool, RunError> {
        let mut moved = chunk.moved;
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
        let takes_away = kind == CommandKind::Trash || intent.is_clearing();
        let guarded = self.described[side].capabilities.update == UpdateSafety::Precheck;
        let age = || self.age_of_scan(side);
        (guarded || takes_away)
            && kind != CommandKind::Create
            && match self.engine.spec.policy.precheck {
                // A record about to be trashed or emptied is always read first: "not returned" is
                // no proof that nobody edited it.
                _ if takes_away => true,
                Precheck::Always => true,
                // A scan that could not read the record was no look at it.
                Precheck::IfStale(_) if self.unreadable.contains(&(intent.pair, side)) => true,
                Precheck::IfStale(after) => age() >= after,
                Precheck::Never => false,
            }
    }
}

/// One look at every dirty pair.
pub(super) struct Look {
    pub(super) plan: Plan,
    /// Pairs to be read directly before anything is decided about them.
    probe: Vec<PairId>,
    undecoded: Undecoded,
}

fn of_side(guard: Guard, side: Side, count: u64, reason: String) -> Refusal {
    Refusal {
        guard,
        pair: None,
        side: Some(side),
        field: None,
        reason,
        count,
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
    /// Of each effect, what its outcome is told by.
    sent: Vec<SentEffect>,
    intents: Vec<Intent>,
    moved: bool,
}

struct SentEffect {
    kind: CommandKind,
    projection_only: bool,
    /// Fields whose open conflicts are over with it.
    settles: Vec<FieldId>,
}

impl Chunk {
    pub(super) fn take_intents(&mut self) -> Vec<Intent> {
        std::mem::take(&mut self.intents)
    }
}
