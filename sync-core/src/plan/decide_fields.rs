//! The field table applied to the mapped fields of one pair: what is written, merged, settled, kept.

use super::fields::{CellStatus, ConflictStatus, FieldAction, FieldCase, FieldRule, decide_field};
use super::guards::{Guard, Refusal};
use super::hold::OnHold;
use super::limits::{over_limit, unfit_option};
use super::pair::{Blocked, PlannedCommand, PlannedField, Where};
use super::rows::RowRule;
use super::status::SeenField;
use crate::canary::{self, Canary};
use crate::conflict::{Conflict, Resolution};
use crate::link::{Authority, Contest, MappedField, OptionPolicy, Side, Sides, Unmappable};
use crate::pair::Base;
use crate::port::CommandKind;
use crate::record::Record;
use crate::value::{Choice, Value};

use super::decide::Decider;
use super::decided;

impl Decider<'_, '_> {
    /// The field table over all mapped fields; `untrash` brings that side back on the way.
    pub(super) fn fields(&mut self, untrash: Option<Side>) {
        let (Some(left), Some(right)) =
            (&self.pair.sides.left.shadow, &self.pair.sides.right.shadow)
        else {
            return;
        };
        let records = Sides::new(left, right);
        let mut writes: Sides<Vec<PlannedField>> = Sides::default();
        for (field, seen) in self.context.spec.mapping.fields.iter().zip(self.seen) {
            self.field(field, seen, &records, &mut writes);
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
            let waited = |field: &PlannedField| self.had_to_wait(field);
            let completing = kind == CommandKind::Patch && fields.iter().all(waited);
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
                completing,
            });
        }
    }

    fn field(
        &mut self,
        field: &MappedField,
        seen: &SeenField<'_>,
        records: &Sides<&Record>,
        writes: &mut Sides<Vec<PlannedField>>,
    ) {
        let (base, cells) = (seen.settled, seen.now);
        if self.is_parked(field, cells) || self.is_kept_by_both(field) {
            return;
        }
        let is_empty = |value: Option<&Value>| value.is_none_or(Value::is_empty);
        let blank = is_empty(cells.left) && is_empty(cells.right);
        if !blank && self.points_astray(field, Side::Right) {
            return;
        }
        let on_hold = self.context.on_hold.why(field.name());
        let emptied = |side: Side| self.pair.base.as_ref()?.cleared(side, field);
        let intact = on_hold.is_none() && self.exists(field);
        let conflict = self
            .flight
            .conflicts
            .iter()
            .find(|conflict| conflict.field == *field.name());
        if seen.same == Sides::new(true, true)
            && intact
            && conflict.is_none()
            && !field.lens.meets_by_names()
        {
            // The most of a record that changed did not: no lens has to look at it.
            return self.note(field, FieldRule::F01);
        }
        let status = |side: Side| match (cells[side], base) {
            (None, _) => CellStatus::Gap,
            (Some(_), Some(_)) if seen.same[side] => CellStatus::Same,
            (Some(_), Some(_)) => CellStatus::Changed,
            (Some(Value::Empty), None) => CellStatus::Empty,
            (Some(now), None) if Some(now) == emptied(side) => CellStatus::Empty,
            (Some(_), None) => CellStatus::Filled,
        };
        let context = self.context.lens(field);
        let agree = match (cells.left, cells.right) {
            (Some(left), Some(right)) => field.lens.agree(&context, left, right),
            _ => false,
        };
        let statuses = Sides::from_fn(status);
        let both_changed = statuses == Sides::new(CellStatus::Changed, CellStatus::Changed);
        let merged_text = match (base, cells.left, cells.right) {
            (Some(base), Some(left), Some(right)) if field.merge_text && both_changed && !agree => {
                field.lens.merge_texts(&context, base, left, right)
            }
            _ => None,
        };
        let mut case = FieldCase {
            cells: statuses,
            agree,
            set: base.is_some() && field.lens.merges(),
            stands: base.is_none_or(|base| {
                !field.lens.meets_by_names() || field.lens.agree(&context, &base.left, &base.right)
            }),
            text: merged_text.is_some(),
            computed: self.projects_from(field),
            conflict: match conflict {
                None => ConflictStatus::None,
                Some(open) => match &open.resolution {
                    // A decision is about the values a person saw: it does not cover a later edit
                    // of the side that loses.
                    Some(Resolution::Keep(side))
                        if cells[side.other()] == Some(&open.values[side.other()])
                            || canary::is(Canary::DecisionCoversAll) =>
                    {
                        ConflictStatus::Keep(*side)
                    }
                    // A side that holds the given value already was written before a crash.
                    Some(Resolution::Write { side, value })
                        if Side::BOTH.into_iter().all(|at| {
                            let written = |now: &Value| match (at == *side, at) {
                                (true, _) => now == value,
                                (false, Side::Left) => field.lens.agree(&context, now, value),
                                (false, Side::Right) => field.lens.agree(&context, value, now),
                            };
                            cells[at].is_some_and(|now| *now == open.values[at] || written(now))
                        }) =>
                    {
                        ConflictStatus::Write
                    }
                    _ => ConflictStatus::Open,
                },
            },
            in_flight: false,
            intact,
            flows: Sides::from_fn(|side| self.flows_to(side) && field.direction.flows_to(side)),
            winner: None,
        };
        case.winner = self.winner(field, &case, records, &cells, base);
        let (mut rule, mut action) = decide_field(&case);
        if matches!(rule, FieldRule::F02 | FieldRule::F06) && self.lost_option(field, &cells, base)
        {
            (rule, action) = (FieldRule::F12, FieldAction::Conflict);
        }
        if canary::is(Canary::MergeDropped)
            && self.decision.rule == RowRule::R04
            && action == FieldAction::Propagate(Side::Right)
        {
            action = FieldAction::Propagate(Side::Left);
        }
        self.note(field, rule);
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
                let old = Sides::new(left, right);
                let given = conflict.and_then(|open| open.resolution.as_ref());
                let merged = match given {
                    _ if rule == FieldRule::F20 => merged_text.ok_or(Unmappable::NotMerged),
                    Some(Resolution::Write { side, value }) => {
                        self.spelled(field, *side, value, old)
                    }
                    _ => {
                        let Some(base) = base else { return };
                        field.lens.merge(&context, base, left, right)
                    }
                };
                self.merge(field, rule, merged, old, writes);
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
                let lasting = OnHold {
                    reason: rule.reason().to_owned(),
                    lasting: true,
                    strange: Sides::default(),
                };
                self.hold(field.name(), on_hold.unwrap_or(&lasting));
            }
        }
    }

    /// Whether a side lost an option that was settled because nobody can choose it there any more:
    /// that is no person's edit of the record.
    fn lost_option(
        &self,
        field: &MappedField,
        cells: &Sides<Option<&Value>>,
        base: Option<&Sides<Value>>,
    ) -> bool {
        let offered = self.context.lens(field).options;
        Side::BOTH.into_iter().any(|side| {
            let (Some(options), Some(now), Some(base)) = (offered[side], cells[side], base) else {
                return false;
            };
            let removed = |choice: &Choice| {
                choice.id.is_some() && !options.iter().any(|option| option.id == choice.id)
            };
            match (&base[side], now) {
                (Value::Choice(choice), Value::Empty) => removed(choice),
                (Value::Choices(before), Value::Empty) => before.iter().any(removed),
                (Value::Choices(before), Value::Choices(now)) => {
                    let left = |choice: &&Choice| now.iter().any(|one| one.id == choice.id);
                    let mut gone = before.iter().filter(|choice| !left(choice));
                    gone.any(removed)
                }
                _ => false,
            }
        })
    }

    /// Whether both schemas have the field.
    fn exists(&self, field: &MappedField) -> bool {
        Side::BOTH.into_iter().all(|side| {
            let schema = &self.context.described[side].schema;
            schema.field(&field.ids[side]).is_some()
        })
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
        // Nothing is written over on the strength of a memory that is lost, unless the field was agreed
        // on since.
        if base.is_none() && self.pair.base.as_ref().is_some_and(Base::is_lost) {
            return None;
        }
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

    fn note(&mut self, field: &MappedField, rule: FieldRule) {
        decided::field(rule);
        if let Some(trace) = &mut self.trace {
            trace.push((field.name().clone(), rule));
        }
    }

    /// A field that is left alone at exactly these values.
    fn is_parked(&mut self, field: &MappedField, cells: Sides<Option<&Value>>) -> bool {
        let base = self.pair.base.as_ref();
        let parked = base.and_then(|base| base.parked(field));
        let still = parked.is_some_and(|parked| cells == parked.as_ref().map(Some));
        if still {
            self.note(field, FieldRule::F17);
            self.plan.blocked.push(Blocked {
                at: Where::Field(field.name().clone()),
                reason: FieldRule::F17.reason().to_owned(),
                lasting: true,
            });
        }
        still
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
        if self.flaps(field, rule, to, old, &desired) {
            return;
        }
        writes.push(PlannedField {
            name: field.name().clone(),
            target: field.ids[to].clone(),
            rule,
            source: Some(source.clone()),
            expected: old.cloned(),
            desired,
        });
    }

    /// Writes a merged list where it differs. Where both sides differ neither write settles alone:
    /// the next look finds that they agree.
    fn merge(
        &mut self,
        field: &MappedField,
        rule: FieldRule,
        merged: Result<Sides<Value>, Unmappable>,
        old: Sides<&Value>,
        writes: &mut Sides<Vec<PlannedField>>,
    ) {
        let context = self.context.lens(field);
        let merged = match merged {
            Ok(merged) => merged,
            Err(unmappable) => {
                let to = self.lacks_option(field, &unmappable).unwrap_or(Side::Right);
                return self.no_image(field, to, &unmappable);
            }
        };
        let differs = Sides::new(
            !field.lens.agree(&context, old.left, &merged.right),
            !field.lens.agree(&context, &merged.left, old.right),
        );
        for side in Side::BOTH.into_iter().filter(|side| differs[*side]) {
            let Some(desired) = self.within_limits(field, side, merged[side].clone()) else {
                continue;
            };
            if self.flaps(field, rule, side, Some(old[side]), &desired) {
                continue;
            }
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

    /// Whether a write would go on with what was written back and forth often enough. A person's
    /// word and what one side alone says are never paused.
    fn flaps(
        &mut self,
        field: &MappedField,
        rule: FieldRule,
        to: Side,
        old: Option<&Value>,
        desired: &Value,
    ) -> bool {
        use FieldRule as F;
        let edits = matches!(rule, F::F02 | F::F06 | F::F14 | F::F20);
        let ours = !edits || self.flight.may_flap || self.projects_from(field).is_some();
        let (Some(base), Some(old), false) = (&self.pair.base, old, ours) else {
            return false;
        };
        let policy = &self.context.spec.policy.flapping;
        let (now, within) = (self.context.now, policy.within);
        let writes = base.swings(field, to, [old, desired], now, within);
        let flaps = writes > 0 && writes >= policy.writes;
        if flaps {
            let name = self.field_name(field, to);
            let hours = within.as_secs().div_ceil(3600);
            let reason = format!(
                "{name:?} was written back and forth {writes} times within {hours} h: paused"
            );
            self.refuse(field, to, Guard::Flapping, reason);
        }
        flaps
    }

    /// What `to` shall hold, or a refusal.
    pub(super) fn image(
        &mut self,
        field: &MappedField,
        to: Side,
        source: &Value,
        old: Option<&Value>,
    ) -> Option<Value> {
        let context = self.context.lens(field);
        if self.points_astray(field, to) {
            return None;
        }
        match field.lens.repair(&context, to, source, old) {
            Ok(desired) => self.within_limits(field, to, desired),
            Err(unmappable) => {
                self.no_image(field, to, &unmappable);
                None
            }
        }
    }

    /// A value without an image is refused; one that refers to a record or a file on its way waits,
    /// and so does one with an option that the policy adds first.
    fn no_image(&mut self, field: &MappedField, to: Side, unmappable: &Unmappable) {
        if let Unmappable::UnknownOption(name) = unmappable
            && self.adds_options(to)
        {
            return self.want_option(field, to, name);
        }
        let reason = self.describe(field, to, unmappable);
        if unmappable.is_waiting() {
            self.plan.awaits.push(field.name().clone());
            self.plan.blocked.push(Blocked {
                at: Where::Field(field.name().clone()),
                reason,
                lasting: false,
            });
        } else {
            let guard = match unmappable {
                Unmappable::UnknownOption(_) | Unmappable::OptionTaken(_) => Guard::OptionPolicy,
                _ => Guard::LossyWrite,
            };
            self.refuse(field, to, guard, reason);
        }
    }

    /// Refuses a field whose two sides point at collections that are not each other's.
    fn points_astray(&mut self, field: &MappedField, to: Side) -> bool {
        let astray = self.context.names.is_astray(field.name());
        if astray {
            let name = self.field_name(field, to);
            let reason = format!(
                "{name:?} on {} and its counterpart point at collections that are not linked with \
                 each other",
                self.context.spec.names[to]
            );
            self.refuse(field, to, Guard::RelationTarget, reason);
        }
        astray
    }

    /// The side that alone says what a field holds: it computes it, or keeps it as the mirror of
    /// another mapped field.
    pub(super) fn projects_from(&self, field: &MappedField) -> Option<Side> {
        let mirrored = self.context.names.followed_by(field.name()).flatten();
        field.lens.projects_from().or(mirrored)
    }

    /// Whether a field is filled in only because what it refers to was not on the other side before.
    fn had_to_wait(&self, field: &PlannedField) -> bool {
        let mapped = self.context.spec.mapping.field(&field.name);
        let refers = mapped.is_some_and(|mapped| mapped.lens.meets_by_names());
        refers && matches!(field.rule, FieldRule::F08 | FieldRule::F18)
    }

    /// Both sides show another mapped field backwards in this one: it needs nobody else.
    pub(super) fn is_kept_by_both(&self, field: &MappedField) -> bool {
        self.context.names.followed_by(field.name()) == Some(None)
    }

    /// The field waits for an option, where the side can take one of this name.
    fn want_option(&mut self, field: &MappedField, to: Side, name: &str) {
        if self.option_fits(field, to, name) {
            let wanted = (to, field.name().clone(), name.to_owned());
            self.plan.wanted_options.insert(wanted);
            let reason = format!("waits for the option {name:?}");
            let lasting = false;
            let strange = Sides::default();
            let why = OnHold {
                reason,
                lasting,
                strange,
            };
            self.hold(field.name(), &why);
        }
    }

    /// The side of which an option is told to be unknown.
    fn lacks_option(&self, field: &MappedField, unmappable: &Unmappable) -> Option<Side> {
        let Unmappable::UnknownOption(name) = unmappable else {
            return None;
        };
        let offered = self.context.lens(field).options;
        Side::BOTH.into_iter().find(|side| {
            offered[*side].is_some_and(|options| options.iter().all(|one| one.name != *name))
        })
    }

    fn adds_options(&self, to: Side) -> bool {
        self.context.spec.policy.unknown_options == OptionPolicy::AddOption
            && self.context.described[to].capabilities.alter
    }

    /// Whether a side takes an option of this name; refused if not.
    fn option_fits(&mut self, field: &MappedField, to: Side, name: &str) -> bool {
        let target = self.context.described[to].schema.field(&field.ids[to]);
        let Some(reason) = target.and_then(|target| unfit_option(target, name)) else {
            return true;
        };
        self.refuse(field, to, Guard::ValueLimits, reason);
        false
    }

    /// The value, or a refusal where the target would not take it.
    fn within_limits(&mut self, field: &MappedField, to: Side, desired: Value) -> Option<Value> {
        let target = self.context.described[to].schema.field(&field.ids[to]);
        let Some(reason) = target.and_then(|target| over_limit(target, &desired)) else {
            return Some(desired);
        };
        self.refuse(field, to, Guard::ValueLimits, reason);
        None
    }

    /// A value a person gave in one side's way of writing, as each side would hold it.
    fn spelled(
        &self,
        field: &MappedField,
        side: Side,
        value: &Value,
        old: Sides<&Value>,
    ) -> Result<Sides<Value>, Unmappable> {
        let context = self.context.lens(field);
        let other = side.other();
        let image = field
            .lens
            .repair(&context, other, value, Some(old[other]))?;
        Ok(match side {
            Side::Left => Sides::new(value.clone(), image),
            Side::Right => Sides::new(image, value.clone()),
        })
    }

    fn refuse(&mut self, field: &MappedField, to: Side, guard: Guard, reason: String) {
        self.plan.refusals.push(Refusal {
            guard,
            pair: Some(self.pair.id),
            side: Some(to),
            field: Some(field.name().clone()),
            reason,
            count: 1,
        });
    }

    fn describe(&self, field: &MappedField, to: Side, unmappable: &Unmappable) -> String {
        let name = self.field_name(field, to);
        format!("{name:?} on {}: {unmappable}", self.context.spec.names[to])
    }

    pub(super) fn field_name<'a>(&'a self, field: &'a MappedField, side: Side) -> &'a str {
        let schema = &self.context.described[side].schema;
        let known = schema.field(&field.ids[side]);
        known.map_or(field.ids[side].as_str(), |field| &field.name)
    }

    pub(super) fn gap(&mut self, field: &MappedField, record: &Record, side: Side) {
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
}
