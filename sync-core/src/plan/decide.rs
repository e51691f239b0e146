//! Both tables applied to one pair, a field at a time.

use super::fields::{CellStatus, ConflictStatus, FieldAction, FieldCase, FieldRule, decide_field};
use super::guards::{Guard, Refusal};
use super::limits::over_limit;
use super::pair::{Blocked, InFlight, PairContext, PairPlan, PlannedCommand, PlannedField, Where};
use super::rows::{RowAction, RowDecision, RowRule};
use crate::canary::{self, Canary};
use crate::conflict::{Conflict, Resolution};
use crate::link::{Lens, LensContext, MappedField, Side, Sides, Unmappable};
use crate::pair::{Base, PairState, Presence};
use crate::port::{Capabilities, CellChange, Command, CommandKind, Description};
use crate::record::{Lifecycle, Record};
use crate::schema::{FieldId, FieldType};
use crate::value::{Choice, Value};

/// The decision about one pair, under way.
pub(super) struct Decider<'a, 'p> {
    pub(super) context: &'a PairContext<'a>,
    pub(super) pair: &'a PairState,
    pub(super) flight: &'a InFlight<'a>,
    pub(super) decision: RowDecision,
    pub(super) plan: &'p mut PairPlan,
    pub(super) trace: Option<&'p mut Vec<(FieldId, FieldRule)>>,
}

impl Decider<'_, '_> {
    pub(super) fn decide(&mut self) {
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
                self.plan.forget = canary::is(Canary::TombstoneForgotten);
                self.close_conflicts();
            }
            // Gone for good: nothing to bring back, so it is made again for the same pair.
            RowAction::Untrash(on) if self.is_gone(on) => self.create(on),
            RowAction::Untrash(on) => self.fields(Some(on)),
            RowAction::Probe => self.plan.probe = true,
            RowAction::Create(on) => self.create(on),
            RowAction::Forget => {
                self.plan.forget = true;
                self.close_conflicts();
            }
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
        let reason = self.decision.rule.reason().to_owned();
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
        let case = FieldCase {
            cells: Sides::from_fn(status),
            agree,
            set: base.is_some() && field.lens == Lens::Choices,
            computed: field.lens.projects_from(),
            conflict: match conflict {
                None => ConflictStatus::None,
                Some(open) => match open.resolution {
                    // A decision is about the values a person saw: it does not cover a later edit
                    // of the side that loses.
                    Some(Resolution::Keep(side))
                        if cells[side.other()] == Some(&open.values[side.other()])
                            || canary::is(Canary::DecisionCoversAll) =>
                    {
                        ConflictStatus::Keep(side)
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
        };
        let (rule, mut action) = decide_field(&case);
        if canary::is(Canary::MergeDropped)
            && self.decision.rule == RowRule::R04
            && action == FieldAction::Propagate(Side::Right)
        {
            action = FieldAction::Propagate(Side::Left);
        }
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
                let merged = base.and_then(|base| field.lens.merge(base, left, right));
                if let Some(merged) = merged {
                    self.merge(field, &merged, Sides::new(left, right), writes);
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
                rule: FieldRule::F06,
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
