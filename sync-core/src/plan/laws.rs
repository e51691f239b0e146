//! Laws of whole decisions, over random pairs: what no table alone can show.

mod cases;
mod cells;
mod documents;
mod lives;
mod undone;

use cases::*;

use proptest::prelude::*;

use super::pair::{InFlight, PairContext, PairPlan, plan_pair};
use super::{FieldRule, FieldsOnHold, OnHold, RowRule, explain, is_at_rest};
use crate::conflict::{Conflict, LIFECYCLE, Resolution};
use crate::engine::base_after;
use crate::link::{
    Authority, Direction, Filter, Leave, Lens, LensContext, LinkId, LinkSpec, MappedField, Mapping,
    Names, Policy, Resurrect, Side, Sides,
};
use crate::pair::{Base, BaseField, PairId, PairState, Presence, SideState};
use crate::port::{Capabilities, CommandKind, Description, PlaceId, Proof};
use crate::record::{Cell, Key, Lifecycle, Record, Timestamp};
use crate::schema::{Access, Field, FieldId, FieldType, Limits, Schema};
use crate::value::{Choice, RawJson, RichText, Value};

/// A link, a pair, and what is under way for it.
#[derive(Clone, Debug)]
struct Case {
    spec: LinkSpec,
    described: Sides<Description>,
    names: Names,
    pair: PairState,
    conflicts: Vec<Conflict>,
    presumed: Sides<bool>,
}

impl Case {
    fn decide_at(&self, now: i64) -> PairPlan {
        let (context, flight) = self.context(now);
        plan_pair(&context, &self.pair, &flight)
    }

    fn decide(&self) -> PairPlan {
        self.decide_at(0)
    }

    fn context(&self, now: i64) -> (PairContext<'_>, InFlight<'_>) {
        let context = PairContext {
            spec: &self.spec,
            described: &self.described,
            names: &self.names,
            now: Timestamp(now),
            arbiter: None,
            on_hold: FieldsOnHold::NONE,
        };
        let flight = InFlight {
            presumed: self.presumed,
            conflicts: self.conflicts.iter().collect(),
            ..InFlight::default()
        };
        (context, flight)
    }

    /// The same case seen from the other side.
    fn mirrored(&self) -> Self {
        let mut case = self.clone();
        let turn = |side: Side| side.other();
        case.described = case.described.swap();
        case.presumed = case.presumed.swap();
        case.spec.filters = case.spec.filters.swap();
        case.spec.names = case.spec.names.swap();
        case.spec.policy.direction = mirrored(case.spec.policy.direction);
        for field in &mut case.spec.mapping.fields {
            field.direction = mirrored(field.direction);
            if let Authority::Side(side) = &mut field.authority {
                *side = turn(*side);
            }
            match &mut field.lens {
                Lens::Words { rich: side } | Lens::Projection { from: side } => *side = turn(*side),
                _ => {}
            }
        }
        case.pair.sides = case.pair.sides.swap();
        if let Some(base) = case.pair.base.as_mut().filter(|base| !base.is_lost()) {
            let fields = base.fields().iter().cloned();
            let swapped: Vec<BaseField> = fields
                .map(|field| {
                    let mapped = case.spec.mapping.field(&field.name);
                    BaseField {
                        values: field.values.swap(),
                        // Tags differ between the two directions of a lens.
                        lens: mapped.map_or(field.lens, MappedField::tag),
                        name: field.name,
                    }
                })
                .collect();
            *base = Base::new(base.lifecycle, swapped);
        }
        for conflict in &mut case.conflicts {
            conflict.values = conflict.values.clone().swap();
            conflict.base = conflict.base.clone().map(Sides::swap);
            if let Some(Resolution::Keep(side)) = &mut conflict.resolution {
                *side = turn(*side);
            }
        }
        case
    }

    /// The pair after everything planned was done, exactly as planned.
    fn after(&self, plan: &PairPlan) -> Self {
        let mut case = self.clone();
        if let Some(base) = &plan.settle {
            case.pair.base = Some(base.clone());
        }
        for command in &plan.commands {
            case.pair.base = Some(base_after(&case.spec, &case.pair, command, Timestamp(0)));
            let state = &mut case.pair.sides[command.side];
            let fresh = record(Key::durable("made"), Lifecycle::Live, &[]);
            let made = command.kind == CommandKind::Create;
            let mut shadow = state.shadow.take().filter(|_| !made).unwrap_or(fresh);
            shadow.lifecycle = command.kind.leads_to();
            for field in &command.fields {
                let cell = Cell::Complete(field.desired.clone());
                shadow.cells.put(field.target.clone(), cell);
            }
            *state = SideState::seen(shadow);
        }
        case.conflicts
            .retain(|open| !plan.close.contains(&open.field));
        let lives = plan
            .commands
            .iter()
            .any(|command| command.kind.changes_life());
        case.conflicts
            .retain(|open| !lives || open.field.as_str() != LIFECYCLE);
        for conflict in &plan.conflicts {
            case.conflicts.retain(|open| open.field != conflict.field);
            case.conflicts.push(conflict.clone());
        }
        case.presumed = Sides::default();
        case
    }
}

fn mirrored(direction: Direction) -> Direction {
    match direction {
        Direction::Both => Direction::Both,
        Direction::Toward(side) => Direction::Toward(side.other()),
    }
}

/// A command without the words people read.
type Act = (Side, CommandKind, Vec<(FieldId, Value)>);

fn acts(plan: &PairPlan) -> Vec<Act> {
    let mut acts: Vec<Act> = plan
        .commands
        .iter()
        .map(|command| {
            let fields = command.fields.iter();
            let written = fields.map(|field| (field.target.clone(), field.desired.clone()));
            (command.side, command.kind, written.collect())
        })
        .collect();
    acts.sort_by_key(|(side, kind, _)| (*side, *kind));
    acts
}

proptest! {
    #[test]
    fn p1_the_same_case_is_decided_the_same(case in case()) {
        prop_assert_eq!(case.decide(), case.decide());
    }

    #[test]
    fn p3_a_mirrored_case_is_decided_mirrored(case in case()) {
        let (plan, mirror) = (case.decide(), case.mirrored().decide());
        prop_assert_eq!(plan.rule, mirror.rule);
        let mut turned: Vec<Act> = acts(&mirror);
        for (side, _, _) in &mut turned {
            *side = side.other();
        }
        turned.sort_by_key(|(side, kind, _)| (*side, *kind));
        // A merge of sets lists them from the left; as sets they are the same.
        if !plan.commands.iter().any(|c| c.fields.iter().any(|f| f.rule == FieldRule::F06)) {
            prop_assert_eq!(acts(&plan), turned);
        }
    }

    #[test]
    fn p2_every_record_and_field_is_decided_or_told(case in case()) {
        let (context, flight) = case.context(0);
        let told = explain(&context, &case.pair, &flight);
        let plan = case.decide();
        prop_assert_eq!(&told.plan, &plan);
        prop_assert!(!told.reason.is_empty());
        // One command per side at most, and a field is written or held back, never both.
        for side in Side::BOTH {
            prop_assert!(plan.commands.iter().filter(|command| command.side == side).count() <= 1);
        }
    }

    #[test]
    fn p2_no_pair_reaches_a_combination_without_a_rule(case in case()) {
        prop_assert_ne!(case.decide().rule, RowRule::R99);
    }

    #[test]
    fn p2_nor_does_one_a_store_may_hold(pair in strategies_of_pairs()) {
        let (mapping, pair) = pair;
        let mut case = empty_case(mapping);
        case.pair = pair;
        prop_assert_ne!(case.decide().rule, RowRule::R99);
    }

    #[test]
    fn p4_no_value_a_person_wrote_is_overwritten_without_reason(case in case()) {
        let plan = case.decide();
        for command in plan.commands.iter().filter(|command| command.kind == CommandKind::Patch) {
            for field in &command.fields {
                let mapped = case.spec.mapping.field(&field.name).unwrap();
                let now = case.pair.sides[command.side].shadow.as_ref().unwrap();
                let now = now.cells.complete(&field.target);
                let settled = case.pair.base.as_ref().and_then(|base| base.field(mapped));
                let untouched = now == settled.map(|settled| &settled[command.side]);
                let empty = now.is_none_or(Value::is_empty);
                let reason = matches!(field.rule, FieldRule::F06 | FieldRule::F14 | FieldRule::F16 | FieldRule::F20)
                    || mapped.lens.projects_from() == Some(command.side.other());
                prop_assert!(untouched || empty || reason, "{:?}", field);
            }
        }
    }

    #[test]
    fn p5_when_everything_is_done_as_planned_nothing_is_left_to_do(case in case()) {
        // A few looks: half of a merge settles with the second.
        let mut case = case;
        for _ in 0..3 {
            let plan = case.decide();
            if plan.forget {
                return Ok(());
            }
            case = case.after(&plan);
        }
        let plan = case.decide();
        prop_assert!(plan.commands.is_empty(), "{:#?}", plan);
        prop_assert!(plan.settle.is_none(), "{:#?}", plan.settle);
        prop_assert!(plan.conflicts.is_empty(), "{:#?}", plan.conflicts);
    }

    #[test]
    fn p5_what_is_at_rest_needs_no_decision(case in case()) {
        let mut case = case;
        for _ in 0..3 {
            case.conflicts.clear();
            let plan = case.decide();
            if is_at_rest(&case.pair, &case.spec) {
                prop_assert_eq!(plan.rule, RowRule::R01);
                prop_assert!(!plan.changes_anything() && !plan.stays_dirty(), "{:#?}", plan);
                prop_assert_eq!(plan.standing(0), None);
            }
            if plan.forget {
                return Ok(());
            }
            case = case.after(&plan);
        }
    }

    #[test]
    fn p6_a_trash_needs_a_proof_or_a_record_that_left_the_filter(case in case()) {
        let plan = case.decide();
        for command in plan.commands.iter().filter(|c| c.kind == CommandKind::Trash) {
            let other = &case.pair.sides[command.side.other()];
            let trashed = other.shadow.as_ref().is_some_and(|s| s.lifecycle == Lifecycle::Trashed);
            let proved = matches!(other.presence, Presence::Deleted(_))
                || other.presence == Presence::Present && trashed;
            let left = command.rule == RowRule::R12;
            prop_assert!(case.pair.base.is_some());
            prop_assert!(proved || left, "{:?}", command);
        }
    }

    #[test]
    fn p6_only_what_was_settled_is_emptied_when_a_record_leaves_the_filter(case in left_the_filter()) {
        for command in case.decide().commands.iter().filter(|c| c.is_clearing()) {
            prop_assert_eq!(case.spec.policy.on_leave, Leave::Clear);
            for field in &command.fields {
                let mapped = case.spec.mapping.field(&field.name).unwrap();
                let settled = case.pair.base.as_ref().unwrap().field(mapped);
                prop_assert_eq!(field.expected.as_ref(), settled.map(|at| &at[command.side]));
                prop_assert!(matches!(field.desired, Value::Empty | Value::Bool(false)));
            }
        }
    }

    #[test]
    fn p6_a_field_on_hold_is_not_emptied(case in left_the_filter(), at in 0..4_usize, strange: bool) {
        let fields = &case.spec.mapping.fields;
        let held = fields[at % fields.len()].name().clone();
        let why = OnHold {
            reason: "held".into(),
            lasting: true,
            strange: Sides::new(strange, strange),
        };
        let on_hold = FieldsOnHold::from_iter([(held.clone(), why)]);
        let (context, flight) = case.context(0);
        let context = PairContext { on_hold: &on_hold, ..context };
        let plan = plan_pair(&context, &case.pair, &flight);
        for command in plan.commands.iter().filter(|command| command.is_clearing()) {
            prop_assert!(command.fields.iter().all(|field| field.name != held));
        }
    }

    /// What is emptied never flows back: when the record passes again, it is filled in.
    #[test]
    fn p4_what_was_emptied_is_no_edit(case in left_the_filter()) {
        let plan = case.decide();
        prop_assert!(plan.commands.len() <= 1);
        let Some(command) = plan.commands.first() else { return Ok(()) };
        prop_assert!(command.is_clearing());
        let (to, from) = (command.side, command.side.other());
        let mut back = case.after(&plan);
        back.spec.filters = Sides::default();
        for written in back.decide().commands {
            prop_assert_eq!(written.side, to);
            for field in written.fields.iter().filter(|f| f.rule != FieldRule::F10) {
                let there = back.pair.sides[from].shadow.as_ref().unwrap();
                let mapped = back.spec.mapping.field(&field.name).unwrap();
                prop_assert_eq!(field.source.as_ref(), there.cells.complete(&mapped.ids[from]));
            }
        }
    }

    #[test]
    fn p8_every_overwrite_carries_what_it_expects_to_find(case in case()) {
        for command in case.decide().commands {
            if command.kind == CommandKind::Create {
                continue;
            }
            let shadow = case.pair.sides[command.side].shadow.as_ref().unwrap();
            for field in &command.fields {
                prop_assert_eq!(field.expected.as_ref(), shadow.cells.complete(&field.target));
            }
        }
    }

    #[test]
    fn p9_nothing_is_written_that_is_there_already(case in case()) {
        for command in case.decide().commands {
            for field in &command.fields {
                prop_assert_ne!(field.expected.as_ref(), Some(&field.desired), "{:?}", field);
            }
            if command.kind == CommandKind::Patch {
                prop_assert!(!command.fields.is_empty());
            }
        }
    }

    #[test]
    fn p11_whatever_is_not_done_says_why(case in case()) {
        let plan = case.decide();
        for reason in plan.blocked.iter().map(|blocked| &blocked.reason)
            .chain(plan.refusals.iter().map(|refusal| &refusal.reason)) {
            prop_assert!(!reason.is_empty());
        }
        if plan.stays_dirty() {
            prop_assert!(plan.probe || plan.standing(case.conflicts.len()).is_some());
        }
    }

    #[test]
    fn p12_a_gap_in_a_cell_adds_no_write(case in case(), side in 0..2_usize, at in 0..4_usize) {
        let side = Side::BOTH[side];
        let id = FieldId::new(["title", "flag", "tags", "sum"][at]);
        let mut less = case.clone();
        let Some(shadow) = &mut less.pair.sides[side].shadow else { return Ok(()) };
        // Nobody but sync writes the image of a computed field: it is written unseen.
        let image = case.spec.mapping.field(&id).unwrap().lens.projects_from();
        if image == Some(side.other()) {
            return Ok(());
        }
        shadow.cells.put(id, Cell::Unread);
        let written = |case: &Case| -> Vec<(Side, FieldId)> {
            let commands = case.decide().commands;
            let fields = commands.iter().flat_map(|c| c.fields.iter().map(|f| (c.side, f.target.clone())));
            fields.collect()
        };
        let full = written(&case);
        let trashes = |case: &Case| {
            let commands = case.decide().commands;
            commands.iter().filter(|c| c.kind == CommandKind::Trash).count()
        };
        // A hidden edit can no longer outweigh a delete, which is then proved again before it is
        // carried out; a create and a restore write the rest of the record.
        if case.decide().commands.iter().all(|c| c.kind == CommandKind::Patch) && trashes(&less) == 0 {
            for write in written(&less) {
                prop_assert!(full.contains(&write), "{:?}", write);
            }
        }
    }

    #[test]
    fn p12_losing_the_base_deletes_nothing_and_writes_over_nothing(case in case()) {
        let mut lost = case;
        lost.pair.base = lost.pair.base.map(|_| Base::lost());
        if lost.pair.base.is_none() {
            return Ok(());
        }
        lost.conflicts.clear();
        for _ in 0..3 {
            let plan = lost.decide();
            for command in &plan.commands {
                prop_assert_eq!(command.kind, CommandKind::Patch);
                for field in &command.fields {
                    let mapped = lost.spec.mapping.field(&field.name).unwrap();
                    let computed = mapped.lens.projects_from() == Some(command.side.other());
                    let empty = field.expected.as_ref().is_some_and(Value::is_empty);
                    prop_assert!(empty || computed, "{:?}", field);
                }
            }
            prop_assert!(!plan.forget);
            lost = lost.after(&plan);
        }
    }

    #[test]
    fn p14_time_decides_nothing_but_the_date_of_a_conflict(case in case(), later in 0..i64::MAX) {
        let (now, then) = (case.decide_at(0), case.decide_at(later));
        prop_assert_eq!(acts(&now), acts(&then));
        prop_assert_eq!(now.settle, then.settle);
        prop_assert_eq!(now.blocked, then.blocked);
    }

    #[test]
    fn p15_whatever_is_settled_agrees_through_its_lens(case in case()) {
        let plan = case.decide();
        let after = case.after(&plan);
        let settled = plan.settle.iter().chain(after.pair.base.as_ref());
        for base in settled {
            for settled in base.fields() {
                let field = case.spec.mapping.field(&settled.name).unwrap();
                let Sides { left, right } = &settled.values;
                prop_assert!(field.lens.agree(&LensContext::default(), left, right), "{:?}", settled);
            }
        }
    }

    #[test]
    fn e14_nothing_is_written_where_nothing_may_flow(case in case()) {
        for command in case.decide().commands {
            prop_assert!(case.spec.policy.direction.flows_to(command.side));
            for field in &command.fields {
                let field = case.spec.mapping.field(&field.name).unwrap();
                let untrash = command.kind != CommandKind::Patch;
                prop_assert!(untrash || field.direction.flows_to(command.side));
            }
        }
    }
}
