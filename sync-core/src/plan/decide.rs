//! The row table applied to one pair: its life, its conflicts, what it waits for. Fields: `decide_fields.rs`.

use super::decided;
use super::fields::FieldRule;
use super::guards::{Guard, Refusal};
use super::hold::OnHold;
use super::pair::{Blocked, InFlight, PairContext, PairPlan, PlannedCommand, PlannedField, Where};
use super::rows::{RowAction, RowDecision, RowRule};
use super::status::{SeenField, SideStatus, is_held};
use super::undo::holding;
use crate::canary::{self, Canary};
use crate::conflict::{Conflict, LIFECYCLE, Resolution};
use crate::link::{Leave, Resurrect, Side, Sides};
use crate::pair::{Base, PairState, Presence};
use crate::port::{CellChange, Command, CommandKind};
use crate::record::{Lifecycle, Timestamp};
use crate::schema::{Access, FieldId, FieldType};
use crate::value::Value;

/// Fields of a refused command that are named.
const NAMED: usize = 3;

/// The decision about one pair, under way.
pub(super) struct Decider<'a, 'p> {
    pub(super) context: &'a PairContext<'a>,
    pub(super) pair: &'a PairState,
    /// Its mapped fields, in the order of the mapping.
    pub(super) seen: &'a [SeenField<'a>],
    pub(super) flight: &'a InFlight<'a>,
    pub(super) statuses: Sides<SideStatus>,
    pub(super) decision: RowDecision,
    pub(super) plan: &'p mut PairPlan,
    pub(super) trace: Option<&'p mut Vec<(FieldId, FieldRule)>>,
}

impl Decider<'_, '_> {
    pub(super) fn decide(&mut self) {
        if let Some(to) = self.decision.action.writes_to()
            && !self.flows_to(to)
        {
            let name = &self.context.spec.names[to];
            let reason = format!(
                "{}; this link writes nothing to {name}",
                self.decision.rule.reason()
            );
            return self.wait(reason, true);
        }
        // To read a record is no flow, and only so it shows that it is not paused any more.
        if self.decision.action != RowAction::Probe {
            if let Some(reason) = self.paused() {
                return self.wait(reason, true);
            }
            if let Some(reason) = self.restless() {
                return self.wait(reason, false);
            }
        }
        if let Some(open) = self.about_life()
            && !self.is_contested()
        {
            self.plan.close.push(open.field.clone());
        }
        match self.decision.action {
            RowAction::Nothing if self.in_trash() => self.rest(),
            RowAction::Fields if self.decision.rule == RowRule::R30 => {
                self.fields(None);
                self.find();
            }
            RowAction::Nothing | RowAction::Fields => {
                // R01 too: a conflict may have been resolved, an unsettled field may have a gap.
                self.fields(None);
                self.settle_lifecycle(Lifecycle::Live);
            }
            RowAction::Trash(on) => self.trash(on),
            RowAction::SettleTrashed => {
                self.settle_lifecycle(Lifecycle::Trashed);
                self.find();
                self.plan.forget = canary::is(Canary::TombstoneForgotten);
                self.close_conflicts();
            }
            RowAction::Untrash(deleted) if self.asks() => self.ask(deleted),
            RowAction::Ask(deleted) => self.ask(deleted),
            RowAction::Untrash(on) => self.bring_back(on),
            RowAction::Probe => self.plan.probe = true,
            RowAction::Create(on) => self.create(on),
            RowAction::Forget => {
                self.plan.forget = !self.is_in_both_trashes();
                self.close_conflicts();
            }
            RowAction::Left(on) => match self.context.spec.policy.on_leave {
                Leave::Trash if self.flows_to(on.other()) => self.trash(on.other()),
                Leave::Clear if self.flows_to(on.other()) => self.clear(on.other()),
                Leave::Trash | Leave::Clear | Leave::Keep => self.block(true),
            },
            RowAction::Detach => self.detach(),
            RowAction::Keep => self.block(true),
            RowAction::Defer => self.block(false),
        }
    }

    /// A record that lives in another linked collection, with its counterpart there, needs none
    /// here, unless somebody edited that one.
    fn detach(&mut self) {
        let rehomed = |side: &Side| self.flight.rehomed[*side];
        let untouched =
            |side: Side| matches!(self.statuses[side], SideStatus::Same | SideStatus::Presumed);
        match Side::BOTH.into_iter().find(rehomed) {
            Some(side) if untouched(side.other()) && self.flows_to(side.other()) => {
                self.trash(side.other());
            }
            _ => self.block(true),
        }
    }

    /// Whether the two records of a pair that never agreed can both be restored: they shall find
    /// each other then, until retention forgets them.
    fn is_in_both_trashes(&self) -> bool {
        let sides = &self.pair.sides;
        Side::BOTH
            .into_iter()
            .all(|side| sides[side].presence == Presence::Present)
    }

    /// A record in the trash on both sides has nothing left to disagree about.
    fn close_conflicts(&mut self) {
        let open = self.flight.conflicts.iter();
        self.plan
            .close
            .extend(open.map(|conflict| conflict.field.clone()));
    }

    /// Why nothing of the record flows, if a person paused it.
    fn paused(&self) -> Option<String> {
        let side = Side::BOTH.into_iter().find(|side| {
            let field = self.context.spec.mapping.pause[*side].as_ref();
            let state = &self.pair.sides[*side];
            // With its record goes the pause: nobody could end it any more.
            let there = !matches!(state.presence, Presence::Deleted(_));
            let shadow = state.shadow.as_ref().filter(|_| there);
            let cell = field
                .zip(shadow)
                .and_then(|(field, shadow)| shadow.cells.complete(field));
            cell == Some(&Value::Bool(true))
        })?;
        Some(format!("paused on {}", self.context.spec.names[side]))
    }

    /// Why the record has to wait, if it was edited moments ago.
    fn restless(&self) -> Option<String> {
        let quiet = self.context.spec.policy.quiet_period;
        let span = i64::try_from(quiet.as_millis()).unwrap_or(i64::MAX);
        if span == 0 || self.decision.action == RowAction::Nothing {
            return None;
        }
        // A moment far in the future was told by a clock that is wrong: nobody waits for it.
        let recent =
            |edited: Timestamp| self.context.now.0.saturating_sub(edited.0).saturating_abs() < span;
        let edited = |side: Side| self.pair.sides[side].shadow.as_ref()?.edited_at;
        let side = Side::BOTH
            .into_iter()
            .find(|side| self.statuses[*side].is_news() && edited(*side).is_some_and(recent))?;
        let name = &self.context.spec.names[side];
        let seconds = quiet.as_secs();
        Some(format!(
            "edited on {name} less than {seconds} s ago: waits until it rests"
        ))
    }

    fn about_life(&self) -> Option<&'_ Conflict> {
        let mut open = self.flight.conflicts.iter();
        open.find(|conflict| conflict.is_about_life()).copied()
    }

    /// Whether one side deleted what the other side holds something new of.
    fn is_contested(&self) -> bool {
        matches!(self.decision.action, RowAction::Ask(_))
            || matches!(self.decision.rule, RowRule::R06 | RowRule::R08)
    }

    fn asks(&self) -> bool {
        self.is_contested() && self.context.spec.policy.resurrect == Resurrect::Ask
    }

    /// Deleted on one side, edited on the other: a person says which holds. The word is about the
    /// edit that was there to see; a later one is asked about again.
    fn ask(&mut self, deleted: Side) {
        let edited = deleted.other();
        let Some(shadow) = &self.pair.sides[edited].shadow else {
            return self.block(false);
        };
        let mut values = Sides::new(Value::text("deleted"), Value::text("deleted"));
        values[edited] = Value::text(format!("edited ({:016x})", shadow.digest().short()));
        let open = self.about_life();
        let decided = open.filter(|open| open.values == values);
        match decided.and_then(|open| open.resolution.as_ref()) {
            Some(Resolution::Keep(side)) if *side == edited => self.bring_back(deleted),
            Some(Resolution::Keep(_)) if self.flows_to(edited) => self.trash(edited),
            _ if decided.is_some() => {}
            _ => {
                let conflict = Conflict {
                    pair: self.pair.id,
                    field: FieldId::new(LIFECYCLE),
                    base: None,
                    values,
                    opened_at: open.map_or(self.context.now, |open| open.opened_at),
                    resolution: None,
                };
                self.plan.conflicts.push(conflict);
            }
        }
    }

    pub(super) fn flows_to(&self, side: Side) -> bool {
        self.context.spec.policy.direction.flows_to(side)
    }

    fn bring_back(&mut self, on: Side) {
        if self.is_gone(on) {
            // Gone for good: nothing to bring back, so it is made again for the same pair.
            self.create(on);
        } else {
            self.fields(Some(on));
            let plan = &mut self.plan;
            let mut commands = plan.commands.iter().chain(&plan.withheld);
            if commands.any(|command| command.kind == CommandKind::Untrash) {
                plan.settles_later = plan.settle.take().is_some();
            }
        }
    }

    fn is_gone(&self, side: Side) -> bool {
        matches!(self.pair.sides[side].presence, Presence::Deleted(_))
    }

    fn in_trash(&self) -> bool {
        self.pair
            .base
            .as_ref()
            .is_some_and(|base| base.lifecycle == Lifecycle::Trashed)
    }

    /// A pair at rest in the trash; a side that is held stays alive, and people are told.
    fn rest(&mut self) {
        let base = self.pair.base.as_ref();
        let held = base.and_then(|base| {
            let held = |side: &Side| is_held(self.pair, base, *side, self.context);
            Side::BOTH.into_iter().find(held)
        });
        if let Some(side) = held {
            let name = &self.context.spec.names[side];
            let reason = format!("taken back: it stays on {name} only, until it is edited there");
            self.plan.blocked.push(Blocked {
                at: Where::Record,
                reason,
                lasting: true,
            });
        }
    }

    fn block(&mut self, lasting: bool) {
        self.wait(self.decision.rule.reason().to_owned(), lasting);
    }

    /// A field that is on hold waits; the rest of the record goes on.
    pub(super) fn hold(&mut self, field: &FieldId, why: &OnHold) {
        self.plan.blocked.push(Blocked {
            at: Where::Field(field.clone()),
            reason: why.reason.clone(),
            lasting: why.lasting,
        });
    }

    pub(super) fn wait(&mut self, reason: String, lasting: bool) {
        self.plan.blocked.push(Blocked {
            at: Where::Record,
            reason,
            lasting,
        });
    }

    /// Settles where the pair's life stands, once anything was settled at all.
    fn settle_lifecycle(&mut self, lifecycle: Lifecycle) {
        let base = self.plan.settle.clone().or_else(|| self.pair.base.clone());
        if let Some(mut base) = base.filter(|base| base.lifecycle != lifecycle) {
            base.settle_lifecycle(lifecycle);
            self.plan.settle = Some(base);
        }
    }

    /// A lost base is whole again once everything that flows both ways is agreed on.
    fn find(&mut self) {
        let mut base = self.base_now();
        let mut fields = self.context.spec.mapping.fields.iter();
        let trashed = self.decision.action == RowAction::SettleTrashed;
        let whole = fields.all(|field| {
            self.projects_from(field).is_some()
                || self.is_kept_by_both(field)
                || base.field(field).is_some()
        });
        if base.is_lost() && (whole || trashed) {
            base.find();
            base.settle_lifecycle(match trashed {
                true => Lifecycle::Trashed,
                false => Lifecycle::Live,
            });
            self.plan.settle = Some(base);
        }
    }

    pub(super) fn base_now(&self) -> Base {
        self.plan
            .settle
            .clone()
            .or_else(|| self.pair.base.clone())
            .unwrap_or_default()
    }

    fn trash(&mut self, on: Side) {
        if self.context.destroys(on) {
            let name = &self.context.spec.names[on];
            self.plan.refusals.push(Refusal {
                guard: Guard::HardDelete,
                pair: Some(self.pair.id),
                side: Some(on),
                field: None,
                reason: format!("{name} keeps no trash: the record would be gone for good"),
                count: 1,
            });
            return;
        }
        let command = PlannedCommand {
            side: on,
            kind: CommandKind::Trash,
            key: self.pair.sides[on].key.clone(),
            rule: self.decision.rule,
            fields: Vec::new(),
            holding: holding(&self.context.spec.mapping, self.pair, on),
            projection_only: false,
            completing: false,
        };
        self.push(command);
    }

    /// Empties what a record that left the filter has on the other side. What somebody wrote there
    /// since is theirs: only cells that were settled go.
    fn clear(&mut self, on: Side) {
        let (Some(base), Some(shadow)) = (&self.pair.base, &self.pair.sides[on].shadow) else {
            return self.block(false);
        };
        let schema = &self.context.described[on].schema;
        decided::field(FieldRule::F19);
        let mut fields = Vec::new();
        for field in &self.context.spec.mapping.fields {
            let target = schema.field(&field.ids[on]);
            let writable = target.is_some_and(|target| target.access == Access::Writable);
            let ours = self.projects_from(field).is_none() && !self.is_kept_by_both(field);
            let Some(settled) = base.field(field).filter(|_| target.is_some() && ours) else {
                continue;
            };
            let Some(now) = shadow.cells.complete(&field.ids[on]) else {
                // What is not shown may be an edit, which would keep the record as it is, also where
                // the field itself is not emptied.
                return self.gap(field, shadow, on);
            };
            // What somebody writes to a field on hold goes nowhere: it may stand here alone.
            let held = self.context.on_hold.holds(field.name());
            if !writable || held || !field.direction.flows_to(on) {
                continue;
            }
            let parked = base.parked(field).map(|parked| &parked[on]);
            if parked.is_some_and(|parked| now.is_same(parked)) {
                // Taken back on the other side only: what stands here was never agreed on (F17).
                continue;
            }
            let old = field.lens.meets_by_names().then_some(now);
            let Some(empty) = self.image(field, on, &Value::Empty, old) else {
                continue;
            };
            // What has no counterpart, or had none when this was settled, is not on the other side:
            // nothing would bring it back.
            let lens = self.context.lens(field);
            let stands = field.lens.agree(&lens, &settled.left, &settled.right);
            if old.is_some() && !(empty.is_empty() && stands) {
                continue;
            }
            if *now != empty {
                fields.push(PlannedField {
                    name: field.name().clone(),
                    target: field.ids[on].clone(),
                    rule: FieldRule::F19,
                    source: None,
                    expected: Some(now.clone()),
                    desired: empty,
                });
            }
        }
        if fields.is_empty() {
            let name = &self.context.spec.names[on];
            let reason = format!("no longer matches the filter: empty on {name} until it does");
            return self.wait(reason, true);
        }
        // An edit of any other cell beats it, as it beats a trash.
        let mut holding = holding(&self.context.spec.mapping, self.pair, on);
        holding.retain(|(id, _)| fields.iter().all(|field| field.target != *id));
        self.push(PlannedCommand {
            side: on,
            kind: CommandKind::Patch,
            key: self.pair.sides[on].key.clone(),
            rule: self.decision.rule,
            fields,
            holding,
            projection_only: false,
            completing: false,
        });
    }

    fn create(&mut self, on: Side) {
        let from = on.other();
        let Some(source) = &self.pair.sides[from].shadow else {
            return self.block(false);
        };
        let mut fields = Vec::new();
        for field in &self.context.spec.mapping.fields {
            if field.lens.projects_from() == Some(on) {
                continue;
            }
            if let Some(why) = self.context.on_hold.why(field.name()) {
                self.hold(field.name(), why);
                continue;
            }
            let Some(value) = source.cells.complete(&field.ids[from]) else {
                self.gap(field, source, from);
                continue;
            };
            if value.is_empty() && field.lens.empties_agree() {
                continue;
            }
            if let Some(desired) = self.image(field, on, value, None) {
                fields.push(PlannedField {
                    name: field.name().clone(),
                    target: field.ids[on].clone(),
                    rule: FieldRule::F02,
                    source: Some(value.clone()),
                    expected: None,
                    desired,
                });
            }
        }
        if self.flight.patient && !self.plan.awaits.is_empty() {
            self.plan.deferred = true;
            return;
        }
        let rule = self.decision.rule;
        let kind = CommandKind::Create;
        self.push(PlannedCommand {
            side: on,
            kind,
            key: None,
            rule,
            fields,
            holding: Vec::new(),
            projection_only: false,
            completing: false,
        });
    }

    /// Adds a command unless the peer refused the very same one for good.
    pub(super) fn push(&mut self, planned: PlannedCommand) {
        if self.flight.dead.is_empty() {
            self.plan.commands.push(planned);
            return;
        }
        let command = planned.to_command();
        // The very same: also over the same former values. After another value in between it is
        // a new command.
        // The marker is not planned: it comes with the intent.
        let marker = self.context.spec.mapping.markers[planned.side].as_ref();
        let marked =
            |cell: &&CellChange| planned.kind == CommandKind::Create && Some(&cell.field) == marker;
        let unmarked = |command: &Command| -> Vec<CellChange> {
            let cells = command.cells.iter();
            cells.filter(|cell| !marked(cell)).cloned().collect()
        };
        let dead = self.flight.dead.iter().find(|(dead, side, _)| {
            *side == planned.side
                && dead.kind == command.kind
                && unmarked(dead) == unmarked(&command)
        });
        match dead {
            None => self.plan.commands.push(planned),
            Some((_, side, note)) => {
                let (only, several) = match &planned.fields[..] {
                    [field] => (Some(field.name.clone()), String::new()),
                    // A new record is refused as one.
                    _ if planned.kind == CommandKind::Create => (None, String::new()),
                    fields => (None, self.names_of(fields, *side)),
                };
                self.plan.refusals.push(Refusal {
                    guard: Guard::Rejected,
                    pair: Some(self.pair.id),
                    side: Some(*side),
                    field: only,
                    reason: format!(
                        "{} refused it{several}: {note}",
                        self.context.spec.names[*side]
                    ),
                    count: 1,
                });
            }
        }
    }

    /// ` (Notes, Price and 2 more)`: the fields of a command that was refused as a whole.
    fn names_of(&self, fields: &[PlannedField], side: Side) -> String {
        let mapping = &self.context.spec.mapping;
        let known = fields.iter().filter_map(|field| mapping.field(&field.name));
        let names: Vec<&str> = known
            .take(NAMED)
            .map(|field| self.field_name(field, side))
            .collect();
        let names = names.join(", ");
        match fields.len().saturating_sub(NAMED) {
            _ if names.is_empty() => names,
            0 => format!(" ({names})"),
            more => format!(" ({names} and {more} more)"),
        }
    }
}

/// The title of the record, for people: at most 60 characters of the first title or text.
pub(crate) fn label(context: &PairContext<'_>, pair: &PairState) -> String {
    let titled = |side: Side| {
        let schema = &context.described[side].schema;
        let title = schema
            .fields
            .iter()
            .find(|field| field.ty == FieldType::Title)?;
        let mapped = context
            .spec
            .mapping
            .fields
            .iter()
            .find(|f| f.ids[side] == title.id)?;
        Side::BOTH.into_iter().find_map(|side| {
            let shadow = pair.sides[side].shadow.as_ref()?;
            let mut text = shadow.cells.complete(&mapped.ids[side])?.display();
            if let Some((end, _)) = text.char_indices().nth(60) {
                text.truncate(end);
            }
            (!text.is_empty()).then_some(text)
        })
    };
    let key = || {
        let key = Side::BOTH
            .into_iter()
            .find_map(|side| pair.sides[side].key.as_ref());
        key.map_or_else(
            || format!("pair {}", pair.id.0),
            |key| key.as_str().to_owned(),
        )
    };
    Side::BOTH.into_iter().find_map(titled).unwrap_or_else(key)
}
