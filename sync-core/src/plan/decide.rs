//! Both tables applied to one pair, a field at a time.

use super::fields::{CellStatus, ConflictStatus, FieldAction, FieldCase, FieldRule, decide_field};
use super::guards::{Guard, Refusal};
use super::limits::over_limit;
use super::pair::{Blocked, InFlight, PairContext, PairPlan, PlannedCommand, PlannedField, Where};
use super::rows::{RowAction, RowDecision, RowRule};
use super::status::SideStatus;
use crate::conflict::{Conflict, LIFECYCLE, Resolution};
use crate::link::{
    Authority, Contest, Leave, Lens, LensContext, MappedField, Resurrect, Side, Sides, Unmappable,
};
use crate::pair::{Base, PairState, Presence};
use crate::port::{Capabilities, CommandKind, Description};
use crate::record::{Lifecycle, Record, Timestamp};
use crate::schema::{FieldId, FieldType};
use crate::value::{Choice, Value};

/// The decision about one pair, under way.
pub(super) struct Decider<'a, 'p> {
    pub(super) context: &'a PairContext<'a>,
    pub(super) pair: &'a PairState,
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
        if let Some(reason) = self.paused() {
            return self.wait(reason, true);
        }
        if let Some(reason) = self.restless() {
            return self.wait(reason, false);
        }
        if let Some(open) = self.about_life()
            && self.decision.rule != RowRule::R08
        {
            self.plan.close.push(open.field.clone());
        }
        match self.decision.action {
            RowAction::Nothing if self.in_trash() => {}
            RowAction::Nothing | RowAction::Fields => {
                // R01 too: a conflict may have been resolved, an unsettled field may have a gap.
                self.fields(None);
                self.settle_lifecycle(Lifecycle::Live);
            }
            RowAction::Trash(on) => self.trash(on),
            RowAction::SettleTrashed => {
                self.settle_lifecycle(Lifecycle::Trashed);
                self.close_conflicts();
            }
            RowAction::Untrash(deleted) if self.asks() => self.ask(deleted),
            RowAction::Untrash(on) => self.bring_back(on),
            RowAction::Probe => self.plan.probe = true,
            RowAction::Create(on) => self.create(on),
            RowAction::Forget => {
                self.plan.forget = true;
                self.close_conflicts();
            }
            RowAction::Left(on) => match self.context.spec.policy.on_leave {
                Leave::Trash if self.flows_to(on.other()) => self.trash(on.other()),
                Leave::Trash | Leave::Keep => self.block(true),
            },
            RowAction::Detach | RowAction::Keep => self.block(true),
            RowAction::Defer => self.block(false),
        }
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
            let shadow = self.pair.sides[*side].shadow.as_ref();
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

    fn asks(&self) -> bool {
        self.decision.rule == RowRule::R08 && self.context.spec.policy.resurrect == Resurrect::Ask
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

    fn flows_to(&self, side: Side) -> bool {
        self.context.spec.policy.direction.flows_to(side)
    }

    fn bring_back(&mut self, on: Side) {
        if self.is_gone(on) {
            // Gone for good: nothing to bring back, so it is made again for the same pair.
            self.create(on);
        } else {
            self.fields(Some(on));
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

    fn block(&mut self, lasting: bool) {
        self.wait(self.decision.rule.reason().to_owned(), lasting);
    }

    fn wait(&mut self, reason: String, lasting: bool) {
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
            base.lifecycle = lifecycle;
            self.plan.settle = Some(base);
        }
    }

    fn base_now(&self) -> Base {
        self.plan
            .settle
            .clone()
            .or_else(|| self.pair.base.clone())
            .unwrap_or_default()
    }

    fn trash(&mut self, on: Side) {
        let shadow = self.pair.sides[on].shadow.as_ref();
        let editable = self.context.spec.mapping.fields.iter();
        let editable = editable.filter(|field| field.lens.projects_from().is_none());
        let holding = editable.filter_map(|field| {
            let id = &field.ids[on];
            Some((id.clone(), shadow?.cells.complete(id)?.clone()))
        });
        let command = PlannedCommand {
            side: on,
            kind: CommandKind::Trash,
            key: self.pair.sides[on].key.clone(),
            rule: self.decision.rule,
            fields: Vec::new(),
            holding: holding.collect(),
            projection_only: false,
        };
        self.push(command);
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
            let Some(value) = source.cells.complete(&field.ids[from]) else {
                self.gap(field, source, from);
                continue;
            };
            if value.is_empty() {
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
        });
    }

    /// The field table over all mapped fields; `untrash` brings that side back on the way.
    fn fields(&mut self, untrash: Option<Side>) {
        let (Some(left), Some(right)) =
            (&self.pair.sides.left.shadow, &self.pair.sides.right.shadow)
        else {
            return;
        };
        let records = Sides::new(left, right);
        let mut writes: Sides<Vec<PlannedField>> = Sides::default();
        for field in &self.context.spec.mapping.fields {
            self.field(field, &records, &mut writes);
        }
        let Sides { left, right } = writes;
        for (side, fields) in [(Side::Left, left), (Side::Right, right)] {
            let kind = if untrash == Some(side) {
                CommandKind::Untrash
            } else {
                CommandKind::Patch
            };
            if fields.is_empty() && kind == CommandKind::Patch {
                continue;
            }
            let projected = |field: &PlannedField| {
                let mapped = self.context.spec.mapping.field(&field.name);
                mapped.is_some_and(|mapped| mapped.lens.projects_from().is_some())
            };
            let projection_only = kind == CommandKind::Patch && fields.iter().all(projected);
            if self.decision.rule == RowRule::R01 {
                // Nothing was edited, but a field was never settled, or a person decided.
                self.decision.rule = RowRule::R02;
                self.plan.rule = RowRule::R02;
            }
            self.push(PlannedCommand {
                side,
                kind,
                key: self.pair.sides[side].key.clone(),
                rule: self.decision.rule,
                fields,
                holding: Vec::new(),
                projection_only,
            });
        }
    }

    fn field(
        &mut self,
        field: &MappedField,
        records: &Sides<&Record>,
        writes: &mut Sides<Vec<PlannedField>>,
    ) {
        let base = self.pair.base.as_ref().and_then(|base| base.field(field));
        let cells = Sides::from_fn(|side| records[side].cells.complete(&field.ids[side]));
        let status = |side: Side| match (cells[side], base) {
            (None, Some(_)) if field.lens.projects_from() == Some(side.other()) => CellStatus::Same,
            (None, _) => CellStatus::Gap,
            (Some(now), Some(settled)) if *now == settled[side] => CellStatus::Same,
            (Some(_), Some(_)) => CellStatus::Changed,
            (Some(Value::Empty), None) => CellStatus::Empty,
            (Some(_), None) => CellStatus::Filled,
        };
        let conflict = self
            .flight
            .conflicts
            .iter()
            .find(|conflict| conflict.field == *field.name());
        let agree = match (cells.left, cells.right) {
            (Some(left), Some(right)) => field.lens.agree(left, right),
            _ => false,
        };
        let mut case = FieldCase {
            cells: Sides::from_fn(status),
            agree,
            set: base.is_some() && field.lens == Lens::Choices,
            computed: field.lens.projects_from(),
            conflict: match conflict {
                None => ConflictStatus::None,
                Some(open) => match &open.resolution {
                    // A decision is about the values a person saw: it does not cover a later edit
                    // of the side that loses.
                    Some(Resolution::Keep(side))
                        if cells[side.other()] == Some(&open.values[side.other()]) =>
                    {
                        ConflictStatus::Keep(*side)
                    }
                    // A side that holds the given value already was written before a crash.
                    Some(Resolution::Write { value, .. })
                        if Side::BOTH.into_iter().all(|side| {
                            cells[side].is_some_and(|now| {
                                *now == open.values[side] || field.lens.agree(value, now)
                            })
                        }) =>
                    {
                        ConflictStatus::Write
                    }
                    _ => ConflictStatus::Open,
                },
            },
            in_flight: false,
            exists: Side::BOTH.into_iter().all(|side| {
                self.context.described[side]
                    .schema
                    .field(&field.ids[side])
                    .is_some()
            }),
            flows: Sides::from_fn(|side| self.flows_to(side) && field.direction.flows_to(side)),
            winner: None,
        };
        case.winner = self.winner(field, &case, records, &cells, base);
        let (rule, action) = decide_field(&case);
        if let Some(trace) = &mut self.trace {
            trace.push((field.name().clone(), rule));
        }
        match (action, cells.left, cells.right) {
            (FieldAction::Nothing, _, _) => {}
            (FieldAction::Propagate(from), _, _) => {
                let Some(source) = cells[from] else { return };
                let old = cells[from.other()];
                self.propagate(field, rule, from, source, old, &mut writes[from.other()]);
            }
            (FieldAction::Settle, Some(left), Some(right)) => {
                let mut settled = self.base_now();
                settled.settle(field, Sides::new(left.clone(), right.clone()));
                self.plan.settle = Some(settled);
                if conflict.is_some() {
                    self.plan.close.push(field.name().clone());
                }
            }
            (FieldAction::Merge, Some(left), Some(right)) => {
                let given = conflict.and_then(|open| match &open.resolution {
                    Some(Resolution::Write { value, .. }) if rule == FieldRule::F16 => {
                        Some(value.clone())
                    }
                    _ => None,
                });
                let merged = given.or_else(|| field.lens.merge(base?, left, right));
                if let Some(merged) = merged {
                    self.merge(field, rule, &merged, Sides::new(left, right), writes);
                }
            }
            (FieldAction::Conflict, Some(left), Some(right)) => {
                let values = Sides::new(left.clone(), right.clone());
                if conflict.is_none_or(|open| open.values != values) {
                    self.plan.conflicts.push(Conflict {
                        pair: self.pair.id,
                        field: field.name().clone(),
                        base: base.cloned(),
                        values,
                        opened_at: conflict.map_or(self.context.now, |open| open.opened_at),
                        resolution: None,
                    });
                }
            }
            _ if rule == FieldRule::F00 => {
                let gap = Side::BOTH.into_iter().find(|side| cells[*side].is_none());
                if let Some(side) = gap {
                    self.gap(field, records[side], side);
                }
            }
            _ => {
                let reason = rule.reason().to_owned();
                let at = Where::Field(field.name().clone());
                self.plan.blocked.push(Blocked {
                    at,
                    reason,
                    lasting: true,
                });
            }
        }
    }

    /// The side with authority over a field. Moments are compared and the program is asked only
    /// where both sides changed.
    fn winner(
        &self,
        field: &MappedField,
        case: &FieldCase,
        records: &Sides<&Record>,
        cells: &Sides<Option<&Value>>,
        base: Option<&Sides<Value>>,
    ) -> Option<Side> {
        if let Authority::Side(side) = field.authority {
            return Some(side);
        }
        let (_, action) = decide_field(case);
        if action != FieldAction::Conflict || field.authority == Authority::Person {
            return None;
        }
        let contest = Contest {
            field: field.name(),
            base,
            values: Sides::new(cells.left?, cells.right?),
            edited_at: records.map(|record| record.edited_at),
        };
        match field.authority {
            Authority::Newest => {
                let grain = |side: Side| self.context.described[side].capabilities.edit_grain;
                contest.newest(grain(Side::Left).max(grain(Side::Right)))
            }
            Authority::Arbiter => self.context.arbiter?.winner(&contest),
            Authority::Person | Authority::Side(_) => None,
        }
    }

    fn propagate(
        &mut self,
        field: &MappedField,
        rule: FieldRule,
        from: Side,
        source: &Value,
        old: Option<&Value>,
        writes: &mut Vec<PlannedField>,
    ) {
        let to = from.other();
        let Some(desired) = self.image(field, to, source, old) else {
            return;
        };
        writes.push(PlannedField {
            name: field.name().clone(),
            target: field.ids[to].clone(),
            rule,
            source: Some(source.clone()),
            expected: old.cloned(),
            desired,
        });
    }

    /// Writes a merged set where it differs. Where both sides differ neither write settles alone:
    /// the next look finds that they agree.
    fn merge(
        &mut self,
        field: &MappedField,
        rule: FieldRule,
        merged: &Value,
        old: Sides<&Value>,
        writes: &mut Sides<Vec<PlannedField>>,
    ) {
        let differs = old.map(|old| !field.lens.agree(merged, old));
        for side in Side::BOTH.into_iter().filter(|side| differs[*side]) {
            let Some(desired) = self.image(field, side, merged, Some(old[side])) else {
                continue;
            };
            let source = (!differs[side.other()]).then(|| old[side.other()].clone());
            writes[side].push(PlannedField {
                name: field.name().clone(),
                target: field.ids[side].clone(),
                rule,
                source,
                expected: Some(old[side].clone()),
                desired,
            });
        }
    }

    /// What `to` shall hold, or a refusal.
    fn image(
        &mut self,
        field: &MappedField,
        to: Side,
        source: &Value,
        old: Option<&Value>,
    ) -> Option<Value> {
        let described = self.context.described;
        let options = Sides::from_fn(|side| options(&described[side], &field.ids[side]));
        let reason = match field.lens.repair(&LensContext { options }, to, source, old) {
            Ok(desired) => {
                let target = described[to].schema.field(&field.ids[to]);
                match target.and_then(|target| over_limit(target, &desired)) {
                    None => return Some(desired),
                    Some(reason) => (Guard::ValueLimits, reason),
                }
            }
            Err(unmappable) => (Guard::LossyWrite, self.describe(field, to, &unmappable)),
        };
        self.plan.refusals.push(Refusal {
            guard: reason.0,
            pair: Some(self.pair.id),
            side: Some(to),
            field: Some(field.name().clone()),
            reason: reason.1,
            count: 1,
        });
        None
    }

    fn describe(&self, field: &MappedField, to: Side, unmappable: &Unmappable) -> String {
        let schema = &self.context.described[to].schema;
        let name = schema
            .field(&field.ids[to])
            .map_or(field.ids[to].as_str(), |f| &f.name);
        format!("{name:?} on {}: {unmappable}", self.context.spec.names[to])
    }

    fn gap(&mut self, field: &MappedField, record: &Record, side: Side) {
        let cell = record.cells.cell(&field.ids[side]);
        let gap = cell.map_or(Some("missing from the answer"), |cell| cell.gap());
        // A kind nobody interprets stays as it is: that is not something a person waits for.
        if field.lens.projects_from().is_some() {
            return;
        }
        if let Some(gap) = gap {
            let at = Where::Field(field.name().clone());
            let name = &self.context.spec.names[side];
            let reason = format!(
                "{:?}: the value on {name} is {gap}",
                field.ids[side].as_str()
            );
            self.plan.blocked.push(Blocked {
                at,
                reason,
                lasting: false,
            });
        }
    }

    /// Adds a command unless the peer refused the very same one for good.
    fn push(&mut self, planned: PlannedCommand) {
        if self.flight.dead.is_empty() {
            self.plan.commands.push(planned);
            return;
        }
        let command = planned.to_command();
        // The very same: also over the same former values. After another value in between it is
        // a new command.
        let dead = self.flight.dead.iter().find(|(dead, side, _)| {
            *side == planned.side && dead.kind == command.kind && dead.cells == command.cells
        });
        match dead {
            None => self.plan.commands.push(planned),
            Some((_, side, note)) => self.plan.refusals.push(Refusal {
                guard: Guard::Rejected,
                pair: Some(self.pair.id),
                side: Some(*side),
                field: None,
                reason: format!("{} refused it: {note}", self.context.spec.names[*side]),
                count: 1,
            }),
        }
    }
}

fn options<'a>(described: &'a Description, field: &FieldId) -> Option<&'a [Choice]> {
    let Capabilities { free_options, .. } = described.capabilities;
    if free_options {
        return None;
    }
    Some(
        described
            .schema
            .field(field)
            .and_then(|field| field.ty.options())
            .unwrap_or(&[]),
    )
}

/// The title of the record, for people: at most 60 characters of the first title or text.
pub(super) fn label(context: &PairContext<'_>, pair: &PairState) -> String {
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
            let text = shadow.cells.complete(&mapped.ids[side])?.display();
            (!text.is_empty()).then(|| text.chars().take(60).collect::<String>())
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
