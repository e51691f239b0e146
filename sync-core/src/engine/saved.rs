//! A saved plan carried out: of what the planner decides now, only what a person approved then.

use std::collections::{BTreeMap, BTreeSet};

use super::applied::{AppliedCommand, CommandOutcome, StaleReason};
use super::cycle::Cycle;
use super::marks::Marks;
use super::{Report, RunError, RunOutcome};
use crate::link::{Side, Sides};
use crate::outbox::Intent;
use crate::pair::{PairId, PairState, Presence};
use crate::plan::{
    Approval, CommandId, CreateGroup, Grouping, Guard, ListedCommand, ListedSchemaCommand,
    PairPlan, Plan, PlanItem, PlannedCommand, Refusal, UnlistedCreates, digest_content, digest_of,
    field_kinds, keys_of,
};
use crate::port::{CommandKind, Query, Rows};
use crate::record::Lifecycle;
use crate::schema::{FieldId, Schema};
use crate::value::{Digest, Value};

/// The approved commands of a saved plan while a cycle carries them out.
pub(super) struct Approved {
    wanted: BTreeMap<Digest, CommandId>,
    /// Handed on, by where it goes.
    under_way: BTreeMap<(PairId, Side), CommandId>,
    done: BTreeSet<CommandId>,
    /// Pairs that an approved command was seen to arrive at: what a side computes of them may be
    /// fetched, it follows from what was approved.
    written: Marks,
    /// Mapped fields whose kind or access is not that of the plan.
    retyped: BTreeSet<FieldId>,
    /// Creates that the plan lists, approved or not: they stand in no group.
    listed: BTreeSet<Digest>,
    unlisted: Sides<Groups>,
}

/// Approved creates of one side that the plan does not list, while a cycle carries them out.
///
/// Whether a group is as it was planned shows at its end: pairs are decided first, as for every
/// plan, and carried out then.
#[derive(Default)]
struct Groups {
    wanted: BTreeSet<Digest>,
    grouping: Grouping,
    /// Pairs of the group under way.
    group: Vec<PairId>,
    /// What may be carried out, as far as this look goes.
    allowed: Marks,
    /// Handed on and not seen to have arrived.
    under_way: Marks,
    /// How many of them.
    waiting: u64,
    done: u64,
}

impl Groups {
    fn add(&mut self, pair: PairId, create: Digest) {
        self.group.push(pair);
        if let Some(group) = self.grouping.add(create) {
            self.end(group);
        }
    }

    fn end(&mut self, group: CreateGroup) {
        let is_wanted = self.wanted.contains(&group.digest);
        for pair in self.group.drain(..) {
            if is_wanted {
                self.allowed.mark(pair);
            }
        }
    }

    /// Whether the create of this pair is approved; it counts as handed on then.
    fn take(&mut self, pair: PairId) -> bool {
        let allowed = self.allowed.is_marked(pair);
        if allowed && !self.under_way.is_marked(pair) {
            self.under_way.mark(pair);
            self.waiting += 1;
        }
        allowed
    }

    fn arrived(&mut self, pair: PairId) -> bool {
        let arrived = self.under_way.unmark(pair);
        if arrived {
            self.waiting -= 1;
            self.done += 1;
        }
        arrived
    }
}

impl Approved {
    pub(super) fn new(plan: &Plan, approval: &Approval, cycle: &Cycle<'_>) -> Self {
        let schemas = Sides::from_fn(|side| &cycle.described[side].schema);
        let retyped = retyped(plan, cycle, &schemas);
        let allowed = plan.listed().filter(|(_, listed)| {
            approval.allows(listed.id) && first_retyped(&retyped, listed).is_none()
        });
        let wanted = allowed.map(|(item, listed)| (digest_of(item, listed), listed.id));
        let schema = plan.schema.iter();
        let schema = schema.filter(|listed| approval.allows(listed.id));
        let schema = schema.map(|listed| (listed.digest, listed.id));
        let wanted = wanted.chain(schema).collect();
        let mut unlisted = Sides::<Groups>::default();
        // Every field may be meant.
        for creates in plan.unlisted.iter().filter(|_| retyped.is_empty()) {
            if approval.allows(creates.id) {
                let groups = creates.groups.iter().map(|group| group.digest);
                unlisted[creates.side].wanted.extend(groups);
            }
        }
        let creates = plan
            .listed()
            .filter(|(_, listed)| listed.command.kind == CommandKind::Create);
        let listed = creates.map(|(item, listed)| digest_of(item, listed));
        Self {
            wanted,
            under_way: BTreeMap::new(),
            done: BTreeSet::new(),
            written: Marks::default(),
            retyped,
            listed: listed.collect(),
            unlisted,
        }
    }

    /// Every pair is looked at once more from here.
    pub(super) fn begin_look(&mut self) {
        for side in Side::BOTH {
            let groups = &mut self.unlisted[side];
            groups.grouping = Grouping::default();
            groups.group.clear();
            groups.allowed = Marks::default();
        }
    }

    /// Takes note of what is decided for a pair, in the order in which a plan takes it.
    pub(super) fn look_at(&mut self, pair: &PairState, decided: &PairPlan) {
        for command in &decided.commands {
            let groups = &mut self.unlisted[command.side];
            if command.kind != CommandKind::Create || groups.wanted.is_empty() {
                continue;
            }
            let digest = command.digest(&keys_of(pair));
            if !self.listed.contains(&digest) {
                groups.add(pair.id, digest);
            }
        }
    }

    /// Every pair was looked at.
    pub(super) fn end_look(&mut self) {
        for side in Side::BOTH {
            let groups = &mut self.unlisted[side];
            if let Some(last) = groups.grouping.end() {
                groups.end(last);
            }
        }
    }

    /// Whether a schema command is approved.
    pub(super) fn wants(&self, digest: Digest) -> bool {
        self.wanted.contains_key(&digest)
    }

    /// Whether this very thing is approved and not done yet; it counts as handed on then.
    fn take(&mut self, at: (PairId, Side), digest: Digest) -> bool {
        let wanted = self.wanted.get(&digest).copied();
        let id = wanted.filter(|id| !self.done.contains(id));
        if let Some(id) = id {
            self.under_way.insert(at, id);
        }
        id.is_some()
    }
}

fn retyped(plan: &Plan, cycle: &Cycle<'_>, schemas: &Sides<&Schema>) -> BTreeSet<FieldId> {
    let now = field_kinds(&cycle.engine.spec.mapping, schemas);
    let changed = |field: &&FieldId| now.get(*field) != plan.over.fields.get(*field);
    now.keys().filter(changed).cloned().collect()
}

fn first_retyped(retyped: &BTreeSet<FieldId>, listed: &ListedCommand) -> Option<FieldId> {
    // Of a create without cells every field may be meant.
    if listed.left_out > 0 {
        return retyped.first().cloned();
    }
    let fields = &listed.command.fields;
    let names = fields.iter().map(|field| &field.name);
    names
        .into_iter()
        .find(|name| retyped.contains(*name))
        .cloned()
}

impl Cycle<'_> {
    /// Whether a decided command may be carried out: in a plain run always, of a saved plan only
    /// what was approved, and what a side computes of the records it wrote.
    pub(super) fn may_carry_out(&mut self, pair: &PairState, command: &PlannedCommand) -> bool {
        let Some(approved) = &mut self.approved else {
            return true;
        };
        if command.projection_only && approved.written.is_marked(pair.id) {
            return true;
        }
        approved.take((pair.id, command.side), command.digest(&keys_of(pair)))
            || command.kind == CommandKind::Create && approved.unlisted[command.side].take(pair.id)
    }

    /// Whether a command of an earlier run that certainly did not arrive may be sent again.
    pub(super) fn may_send_again(&self, intent: &Intent) -> bool {
        if self.options.adopt || !self.is_in_scope(intent.pair) {
            return false;
        }
        let at = (intent.pair, intent.side);
        let approved = self.approved.as_ref();
        approved.is_none_or(|approved| {
            let groups = &approved.unlisted[intent.side];
            approved.under_way.contains_key(&at) || groups.under_way.is_marked(intent.pair)
        })
    }

    /// A command was seen to have arrived.
    pub(super) fn note_arrival(&mut self, pair: PairId, side: Side) {
        let Some(approved) = &mut self.approved else {
            return;
        };
        let arrived = match approved.under_way.remove(&(pair, side)) {
            Some(id) => approved.done.insert(id),
            None => approved.unlisted[side].arrived(pair),
        };
        if arrived {
            approved.written.mark(pair);
        }
    }

    /// Commands of an earlier run that are still open may be those of the plan: a process that
    /// ended half-way left them.
    pub(super) async fn recognise_open_commands(&mut self) -> Result<(), RunError> {
        if self.approved.is_none() {
            return Ok(());
        }
        for intent in self.intents.values().cloned().collect::<Vec<_>>() {
            let Some(pair) = self.pair(intent.pair).await? else {
                continue;
            };
            let fields = intent.fields.iter().map(|field| {
                let (source, expected) = (field.source.as_ref(), field.expected.as_ref());
                (&field.name, source, expected, &field.desired)
            });
            let (side, command) = (intent.side, &intent.command);
            let keys = keys_of(&pair);
            let digest = digest_content(side, command.kind, &keys, fields, &command.holding);
            if let Some(approved) = &mut self.approved {
                approved.take((intent.pair, side), digest);
            }
        }
        Ok(())
    }

    /// What became of every command of the plan, after the run.
    pub(super) async fn account_for(
        &mut self,
        plan: &Plan,
        approval: &Approval,
        report: &Report,
    ) -> Result<Vec<AppliedCommand>, RunError> {
        let mut commands = Vec::new();
        for listed in &plan.schema {
            let id = listed.id;
            let outcome = self.what_became_of(listed, approval, report);
            commands.push(AppliedCommand { id, outcome });
        }
        for (item, listed) in plan.listed() {
            let approved = self.approved.as_ref();
            let done = approved.is_some_and(|approved| approved.done.contains(&listed.id));
            let outcome = if !approval.allows(listed.id) {
                CommandOutcome::Skipped
            } else if done {
                CommandOutcome::Applied
            } else if report.outcome == RunOutcome::Cancelled {
                // The sides may not have been read: nothing is known to be stale.
                let why = "stopped on request before it".into();
                CommandOutcome::Waiting { why }
            } else {
                self.why_not(item, listed, report).await?
            };
            let id = listed.id;
            commands.push(AppliedCommand { id, outcome });
        }
        let unlisted = plan.unlisted.iter().map(|creates| AppliedCommand {
            id: creates.id,
            outcome: if approval.allows(creates.id) {
                self.of_unlisted(plan, creates, report)
            } else {
                CommandOutcome::Skipped
            },
        });
        commands.extend(unlisted);
        Ok(commands)
    }

    fn of_unlisted(
        &self,
        plan: &Plan,
        creates: &UnlistedCreates,
        report: &Report,
    ) -> CommandOutcome {
        let Some(approved) = &self.approved else {
            return CommandOutcome::Skipped;
        };
        let Groups { waiting, done, .. } = &approved.unlisted[creates.side];
        let (waiting, applied) = (*waiting, *done);
        let left = creates.count.saturating_sub(applied);
        if left == 0 {
            return CommandOutcome::Applied;
        }
        let cancelled = report.outcome == RunOutcome::Cancelled;
        let retyped = approved.retyped.first().cloned();
        let stale = retyped.map_or(StaleReason::RecordsChanged, StaleReason::SchemaChanged);
        let why = if cancelled {
            "stopped on request before it".into()
        } else if waiting > 0 {
            why_unfinished(report)
        } else {
            stale.sentence(plan)
        };
        if applied > 0 {
            CommandOutcome::Partly { applied, left, why }
        } else if cancelled || waiting > 0 {
            CommandOutcome::Waiting { why }
        } else {
            CommandOutcome::Stale { why: stale }
        }
    }

    fn what_became_of(
        &self,
        listed: &ListedSchemaCommand,
        approval: &Approval,
        report: &Report,
    ) -> CommandOutcome {
        let command = &listed.command;
        if !approval.allows(listed.id) {
            return CommandOutcome::Skipped;
        }
        let schema = &self.described[command.side].schema;
        match (
            command.change.holds_in(schema),
            self.altered.contains(&listed.digest),
        ) {
            (true, true) => return CommandOutcome::Applied,
            (true, false) => {
                let why = StaleReason::AlreadySo;
                return CommandOutcome::Stale { why };
            }
            (false, _) => {}
        }
        let mut refusals = report.refusals.iter();
        let about = |refusal: &&Refusal| {
            let guards = [Guard::DestructiveSchema, Guard::Rejected];
            refusal.pair.is_none()
                && refusal.side == Some(command.side)
                && refusal.field == command.field
                && guards.contains(&refusal.guard)
        };
        match refusals.find(about) {
            Some(refusal) => CommandOutcome::Refused {
                guard: refusal.guard,
                why: refusal.reason.clone(),
            },
            None => CommandOutcome::Waiting {
                why: "the run ended before it, or nothing needs it any more".into(),
            },
        }
    }

    async fn why_not(
        &mut self,
        item: &PlanItem,
        listed: &ListedCommand,
        report: &Report,
    ) -> Result<CommandOutcome, RunError> {
        let stale = |why| Ok(CommandOutcome::Stale { why });
        let retyped = self.approved.as_ref().map(|approved| &approved.retyped);
        if let Some(field) = retyped.and_then(|retyped| first_retyped(retyped, listed)) {
            return stale(StaleReason::SchemaChanged(field));
        }
        let Some(pair) = self.find_record(item).await? else {
            return stale(StaleReason::RecordGone);
        };
        let side = listed.command.side;
        if let Some(intent) = self.intents.get(&(pair.id, side)) {
            let why = intent.note.clone();
            let why = why.unwrap_or_else(|| "its outcome is not known yet".into());
            return Ok(CommandOutcome::Waiting { why });
        }
        self.meet(std::slice::from_ref(&pair)).await?;
        let decided = self.decide(&pair);
        let digest = digest_of(item, listed);
        let keys = keys_of(&pair);
        let mut now = decided.commands.iter();
        if now.any(|command| command.digest(&keys) == digest) {
            return Ok(not_reached(&pair, listed, report));
        }
        if let Some(why) = self.what_changed(&pair, listed) {
            return stale(why);
        }
        Ok(decided_now(&decided, side))
    }

    async fn find_record(&self, item: &PlanItem) -> Result<Option<PairState>, RunError> {
        for side in Side::BOTH {
            let Some(key) = item.record.keys[side].clone() else {
                continue;
            };
            let query = Query::Heads(side, vec![key]);
            let link = &self.engine.spec.id;
            let rows = self.store.read(link, &query, None, 1).await?;
            if let Rows::Heads(heads) = rows
                && let Some(head) = heads.first()
            {
                return self.pair(head.id).await;
            }
        }
        Ok(None)
    }

    /// The first thing on either side that is not as the command was planned over.
    fn what_changed(&self, pair: &PairState, listed: &ListedCommand) -> Option<StaleReason> {
        let command = &listed.command;
        let (to, from) = (command.side, command.side.other());
        let lives = |side| is_live(pair, side);
        let cell = |side: Side, field: &FieldId| -> Option<&Value> {
            let mapped = self.engine.spec.mapping.field(field)?;
            let shadow = pair.sides[side].shadow.as_ref()?;
            shadow.cells.complete(&mapped.ids[side])
        };
        let mut fields = command.fields.iter();
        let written = fields.all(|field| cell(to, &field.name) == Some(&field.desired));
        let so = match command.kind {
            CommandKind::Create => lives(to),
            CommandKind::Trash => !lives(to),
            CommandKind::Patch | CommandKind::Untrash => lives(to) && written,
        };
        if so {
            return Some(StaleReason::AlreadySo);
        }
        if lives(from) == (command.kind == CommandKind::Trash) {
            return Some(StaleReason::SourceChanged(None));
        }
        let mut fields = command.fields.iter();
        let edited = fields.find(|field| {
            let source = field.source.as_ref();
            source.is_some() && cell(from, &field.name) != source
        });
        if let Some(field) = edited {
            return Some(StaleReason::SourceChanged(Some(field.name.clone())));
        }
        let lived = matches!(command.kind, CommandKind::Patch | CommandKind::Trash);
        if lives(to) != lived {
            return Some(StaleReason::TargetChanged(None));
        }
        let mut fields = command.fields.iter();
        let edited = fields.find(|field| {
            let expected = field.expected.as_ref();
            expected.is_some() && cell(to, &field.name) != expected
        });
        if let Some(field) = edited {
            return Some(StaleReason::TargetChanged(Some(field.name.clone())));
        }
        let mapped = self.engine.spec.mapping.fields.iter();
        let mut mapped = mapped.filter_map(|mapped| {
            let held = |(id, _): &&(FieldId, Value)| *id == mapped.ids[to];
            Some((mapped.name(), command.holding.iter().find(held)?))
        });
        let edited = mapped.find(|(name, (_, value))| cell(to, name) != Some(value));
        edited.map(|(name, _)| StaleReason::TargetChanged(Some(name.clone())))
    }
}

fn is_live(pair: &PairState, side: Side) -> bool {
    let state = &pair.sides[side];
    let shadow = state.shadow.as_ref();
    state.presence == Presence::Present
        && shadow.is_some_and(|shadow| shadow.lifecycle != Lifecycle::Trashed)
}

/// Still decided and not done: a guard holds it back, the peer refused it, or the run ended first.
fn not_reached(pair: &PairState, listed: &ListedCommand, report: &Report) -> CommandOutcome {
    let side = listed.command.side;
    let refusal = report.refusals.iter().find(|refusal| {
        let of_this = refusal.pair == Some(pair.id) && refusal.side == Some(side);
        of_this || refusal.holds_back(&listed.command)
    });
    match refusal {
        Some(refusal) => CommandOutcome::Refused {
            guard: refusal.guard,
            why: refusal.reason.clone(),
        },
        None => CommandOutcome::Waiting {
            why: why_unfinished(report),
        },
    }
}

fn why_unfinished(report: &Report) -> String {
    let problem = report.problems.first().cloned();
    problem.unwrap_or_else(|| "the run ended before it".into())
}

/// Not decided any more, and no cell tells why.
fn decided_now(decided: &PairPlan, side: Side) -> CommandOutcome {
    let mut refusals = decided.refusals.iter();
    if let Some(refusal) = refusals.find(|refusal| refusal.side == Some(side)) {
        return CommandOutcome::Refused {
            guard: refusal.guard,
            why: refusal.reason.clone(),
        };
    }
    let standing = decided.standing(0);
    let why = standing.map_or_else(
        || decided.rule.reason().to_owned(),
        |standing| standing.reason,
    );
    CommandOutcome::Stale {
        why: StaleReason::DecidedOtherwise(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_arrived_is_not_handed_on_again() {
        let (digest, at) = (Digest::of(b"a command"), (PairId(1), Side::Left));
        let id: CommandId = "1-00000000".parse().unwrap();
        let mut approved = Approved {
            wanted: BTreeMap::from([(digest, id)]),
            under_way: BTreeMap::new(),
            done: BTreeSet::new(),
            written: Marks::default(),
            retyped: BTreeSet::new(),
            listed: BTreeSet::new(),
            unlisted: Sides::default(),
        };
        assert!(approved.take(at, digest));
        assert!(approved.take(at, digest), "again, as long as it did not");
        assert!(!approved.take(at, Digest::of(b"another")));
        approved.done.insert(id);
        assert!(!approved.take(at, digest));
    }
}
