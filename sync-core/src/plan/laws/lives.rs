//! The life of one pair, a case each: trash and restore, what rests, and where nothing may flow.

use std::time::Duration;

use super::*;
use crate::pair::RecordState;
use crate::plan::{Blocked, Guard, Refusal, SideStatus, Where};
use crate::value::Reference;

/// One title, settled and the same on both sides; nothing else is mapped.
fn at_rest(lifecycle: Lifecycle) -> Case {
    let title = Sides::new(FieldId::new("title"), FieldId::new("title"));
    let mut case = empty_case(Mapping {
        fields: vec![MappedField::new(title, Lens::Identity)],
        ..Mapping::default()
    });
    let field = &case.spec.mapping.fields[0];
    let settled = BaseField {
        name: field.name().clone(),
        values: Sides::new(Value::text("a"), Value::text("a")),
        lens: field.tag(),
    };
    case.pair.base = Some(Base::new(lifecycle, [settled]));
    for side in Side::BOTH {
        shows(&mut case, side, lifecycle, "a");
    }
    case
}

fn shows(case: &mut Case, side: Side, lifecycle: Lifecycle, title: &str) {
    let title = Cell::Complete(Value::text(title));
    let shown = record(Key::durable("k"), lifecycle, &[("title", title)]);
    case.pair.sides[side] = SideState::seen(shown);
}

fn settles(case: &Case) -> Option<Lifecycle> {
    case.decide().settle.map(|base| base.lifecycle)
}

/// It costs no look then; less is at rest than needs nothing.
#[test]
fn p5_a_pair_is_at_rest_where_both_records_live_as_settled_and_nothing_could_say_otherwise() {
    let rests = |case: &Case| is_at_rest(&case.pair, &case.spec);
    assert!(rests(&at_rest(Lifecycle::Live)));
    assert!(!rests(&at_rest(Lifecycle::Trashed)));
    let restless: [fn(&mut Case); 6] = [
        |case| case.pair.base = None,
        |case| shows(case, Side::Left, Lifecycle::Live, "b"),
        |case| shows(case, Side::Right, Lifecycle::Trashed, "a"),
        |case| case.pair.sides.left.presence = Presence::Gone,
        |case| case.spec.filters.left = Some(Filter::equals(FieldId::new("flag"), Value::Empty)),
        |case| case.spec.mapping.pause.right = Some(FieldId::new("flag")),
    ];
    for (number, change) in restless.into_iter().enumerate() {
        let mut case = at_rest(Lifecycle::Live);
        change(&mut case);
        assert!(!rests(&case), "{number}");
    }
}

/// What they refer to may have got a counterpart since.
#[test]
fn p5_a_pair_is_not_at_rest_where_either_record_refers_to_others() {
    let refers = |refers: Sides<bool>| {
        let mut case = at_rest(Lifecycle::Live);
        let field = &mut case.spec.mapping.fields[0];
        field.lens = Lens::References;
        let to = || Value::references(vec![Reference::new(Key::durable("to"))]);
        let values = refers.map(|refers| if refers { to() } else { Value::Empty });
        let settled = BaseField {
            name: field.name().clone(),
            values: values.clone(),
            lens: field.tag(),
        };
        case.pair.base = Some(Base::new(Lifecycle::Live, [settled]));
        for side in Side::BOTH {
            let cell = Cell::Complete(values[side].clone());
            let shown = record(Key::durable("k"), Lifecycle::Live, &[("title", cell)]);
            case.pair.sides[side] = SideState::seen(shown);
        }
        !is_at_rest(&case.pair, &case.spec)
    };
    assert!(!refers(Sides::new(false, false)));
    for sides in [(true, false), (false, true), (true, true)] {
        assert!(refers(Sides::new(sides.0, sides.1)), "{sides:?}");
    }
}

/// Else one that is restored later would be taken for one that never went, and trashed again.
#[test]
fn r07_what_is_in_the_trash_on_both_sides_is_settled_there() {
    let mut case = at_rest(Lifecycle::Live);
    for side in Side::BOTH {
        shows(&mut case, side, Lifecycle::Trashed, "a");
    }
    assert_eq!(settles(&case), Some(Lifecycle::Trashed));
}

/// Else one that is trashed later would be brought back.
#[test]
fn r09_what_is_alive_again_on_both_sides_is_settled_alive() {
    let mut case = at_rest(Lifecycle::Trashed);
    for side in Side::BOTH {
        shows(&mut case, side, Lifecycle::Live, "a");
    }
    assert_eq!(case.decide().rule, RowRule::R09);
    assert_eq!(settles(&case), Some(Lifecycle::Live));
}

#[test]
fn an_edit_rests_for_as_long_as_the_quiet_period_says_and_no_longer() {
    let mut case = at_rest(Lifecycle::Live);
    case.spec.policy.quiet_period = Duration::from_secs(90);
    shows(&mut case, Side::Left, Lifecycle::Live, "b");
    if let Some(shadow) = &mut case.pair.sides.left.shadow {
        shadow.edited_at = Some(Timestamp(0));
    }
    let waits = case.decide_at(89_999);
    assert!(waits.commands.is_empty() && waits.stays_dirty());
    assert_eq!(case.decide_at(90_000).commands.len(), 1);
}

/// What was written there moments ago is no edit of a person.
#[test]
fn an_edit_at_rest_goes_out_though_the_other_side_was_written_a_moment_ago() {
    let mut case = at_rest(Lifecycle::Live);
    case.spec.policy.quiet_period = Duration::from_secs(90);
    shows(&mut case, Side::Left, Lifecycle::Live, "b");
    if let Some(shadow) = &mut case.pair.sides.right.shadow {
        shadow.edited_at = Some(Timestamp(99_999));
    }
    assert_eq!(case.decide_at(100_000).commands.len(), 1);
}

/// What is never carried over is not waited for.
#[test]
fn r12_a_record_outside_the_filter_does_not_wait_for_its_restored_counterpart_to_rest() {
    let mut case = at_rest(Lifecycle::Trashed);
    case.spec.policy.quiet_period = Duration::from_secs(90);
    case.spec.filters.left = Some(Filter::equals(FieldId::new("title"), Value::text("x")));
    for side in Side::BOTH {
        shows(&mut case, side, Lifecycle::Live, "a");
    }
    if let Some(shadow) = &mut case.pair.sides.right.shadow {
        shadow.edited_at = Some(Timestamp(0));
    }
    let plan = case.decide_at(1);
    assert_eq!(plan.rule, RowRule::R12);
    assert!(!plan.stays_dirty(), "{:?}", plan.blocked);
}

#[test]
fn e14_a_new_record_of_which_the_filter_sees_too_little_is_not_made_elsewhere() {
    let mut case = at_rest(Lifecycle::Live);
    case.spec.filters.left = Some(Filter::equals(FieldId::new("title"), Value::text("a")));
    case.pair.base = None;
    case.pair.sides.right = SideState {
        presence: Presence::Never,
        ..SideState::default()
    };
    assert_eq!(case.decide().commands.len(), 1);
    if let Some(shadow) = &mut case.pair.sides.left.shadow {
        shadow.cells.put(FieldId::new("title"), Cell::Unread);
    }
    let plan = case.decide();
    assert_eq!((plan.rule, plan.commands.len()), (RowRule::R13, 0));
}

/// Any edit of a record keeps it from being emptied, so one that is not shown may.
#[test]
fn p12_a_cell_that_is_not_shown_keeps_a_record_from_being_emptied_also_where_it_would_stay() {
    let mut case = at_rest(Lifecycle::Live);
    let flag = Sides::new(FieldId::new("flag"), FieldId::new("flag"));
    let one_way = MappedField {
        direction: Direction::Toward(Side::Left),
        ..MappedField::new(flag, Lens::Checkbox)
    };
    if let Some(base) = &mut case.pair.base {
        base.settle(&one_way, Sides::new(Value::Empty, Value::Empty));
    }
    case.spec.mapping.fields.push(one_way);
    case.spec.filters.left = Some(Filter::equals(FieldId::new("title"), Value::text("x")));
    case.spec.policy.on_leave = Leave::Clear;
    assert!(case.decide().commands[0].is_clearing());
    if let Some(shadow) = &mut case.pair.sides.right.shadow {
        shadow.cells.put(FieldId::new("flag"), Cell::Unread);
    }
    let plan = case.decide();
    assert!(plan.commands.is_empty() && plan.stays_dirty(), "{plan:?}");
}

/// One thing more that a plan says.
type Addition<'a> = &'a dyn Fn(&mut PairPlan);

/// A conflict, a refusal and a reason to wait for good.
fn told() -> (Conflict, Refusal, Blocked) {
    let conflict = Conflict {
        pair: PairId(1),
        field: FieldId::new("title"),
        base: None,
        values: Sides::new(Value::Empty, Value::Empty),
        opened_at: Timestamp(0),
        resolution: None,
    };
    let refusal = Refusal {
        guard: Guard::ValueLimits,
        pair: None,
        side: None,
        field: None,
        reason: "too long".into(),
        count: 1,
    };
    let blocked = Blocked {
        at: Where::Record,
        reason: "waits".into(),
        lasting: true,
    };
    (conflict, refusal, blocked)
}

/// Whatever else is to be done or told about a pair, it is no mere create.
#[test]
fn r20_a_new_record_is_made_and_nothing_else_is_to_say_about_it() {
    let mut case = at_rest(Lifecycle::Live);
    let settled = case.pair.base.take();
    case.pair.sides.right = SideState {
        presence: Presence::Never,
        ..SideState::default()
    };
    let plan = case.decide();
    assert!(plan.only_creates(Side::Right) && !plan.only_creates(Side::Left));
    let command = &plan.commands[0];
    let (conflict, refusal, blocked) = told();
    let more: [Addition<'_>; 10] = [
        &|plan| plan.commands[0].kind = CommandKind::Patch,
        &|plan| plan.commands.push(command.clone()),
        &|plan| plan.withheld.push(command.clone()),
        &|plan| plan.settle = settled.clone(),
        &|plan| plan.conflicts.push(conflict.clone()),
        &|plan| plan.close.push(FieldId::new("title")),
        &|plan| plan.refusals.push(refusal.clone()),
        &|plan| plan.blocked.push(blocked.clone()),
        &|plan| plan.forget = true,
        &|plan| plan.probe = true,
    ];
    for (at, add) in more.iter().enumerate() {
        let mut plan = plan.clone();
        add(&mut plan);
        assert!(!plan.only_creates(Side::Right), "{at}");
    }
}

/// Each thing a plan may say, alone: whether it changes anything, and whether it has to be planned
/// again though nothing new is seen.
#[test]
fn p5_a_plan_that_says_anything_changes_something_and_one_that_is_not_through_is_planned_again() {
    let mut case = at_rest(Lifecycle::Live);
    let nothing = case.decide();
    assert!(!nothing.changes_anything() && !nothing.stays_dirty());
    let settled = case.pair.base.clone();
    shows(&mut case, Side::Left, Lifecycle::Live, "b");
    let command = case.decide().commands.remove(0);
    let (conflict, refusal, blocked) = told();
    let passing = Blocked {
        lasting: false,
        ..blocked.clone()
    };
    let one: [(Addition<'_>, bool, bool); 11] = [
        (&|plan| plan.commands.push(command.clone()), true, true),
        (&|plan| plan.withheld.push(command.clone()), true, true),
        (&|plan| plan.settle = settled.clone(), true, false),
        (&|plan| plan.settles_later = true, false, true),
        (&|plan| plan.conflicts.push(conflict.clone()), true, false),
        (&|plan| plan.close.push(FieldId::new("title")), true, false),
        (&|plan| plan.refusals.push(refusal.clone()), true, true),
        (&|plan| plan.blocked.push(blocked.clone()), false, false),
        (&|plan| plan.blocked.push(passing.clone()), false, true),
        (&|plan| plan.forget = true, true, false),
        (&|plan| plan.probe = true, true, true),
    ];
    for (at, (add, changes, again)) in one.iter().enumerate() {
        let mut plan = nothing.clone();
        add(&mut plan);
        assert_eq!(plan.changes_anything(), *changes, "{at}");
        assert_eq!(plan.stays_dirty(), *again, "{at}");
    }
}

#[test]
fn p11_a_conflict_stands_whether_it_was_open_before_or_opens_now() {
    let mut case = at_rest(Lifecycle::Live);
    let state = |case: &Case, open| case.decide().standing(open).map(|told| told.state);
    assert_eq!(state(&case, 0), None);
    assert_eq!(state(&case, 1), Some(RecordState::Conflict));
    shows(&mut case, Side::Left, Lifecycle::Live, "b");
    shows(&mut case, Side::Right, Lifecycle::Live, "c");
    assert_eq!(state(&case, 0), Some(RecordState::Conflict));
}

#[test]
fn p11_a_record_that_a_scan_of_changes_did_not_return_is_told_as_presumed_the_same() {
    let mut case = at_rest(Lifecycle::Live);
    case.presumed.left = true;
    let (context, flight) = case.context(0);
    let told = explain(&context, &case.pair, &flight).statuses;
    assert_eq!(told, Sides::new(SideStatus::Presumed, SideStatus::Same));
}

#[test]
fn e14_nobody_may_decide_to_trash_a_record_where_nothing_flows() {
    let mut case = at_rest(Lifecycle::Live);
    case.spec.policy.resurrect = Resurrect::Ask;
    shows(&mut case, Side::Left, Lifecycle::Trashed, "a");
    shows(&mut case, Side::Right, Lifecycle::Live, "b");
    let mut asked = case.decide().conflicts;
    asked[0].resolution = Some(Resolution::Keep(Side::Left));
    case.conflicts = asked;
    let trashes = |case: &Case| {
        let commands = case.decide().commands;
        let kinds = commands.iter().map(|command| (command.side, command.kind));
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(trashes(&case), [(Side::Right, CommandKind::Trash)]);
    case.spec.policy.direction = Direction::Toward(Side::Left);
    assert_eq!(trashes(&case), []);
}

/// What one side computes follows it; it is nothing to agree on.
#[test]
fn r30_a_lost_base_is_whole_again_though_a_computed_field_was_never_settled() {
    let mut case = at_rest(Lifecycle::Live);
    let sum = Sides::new(FieldId::new("sum"), FieldId::new("sum"));
    let shown = MappedField::new(sum, Lens::Projection { from: Side::Left });
    case.spec.mapping.fields.push(shown);
    if let Some(shadow) = &mut case.pair.sides.left.shadow {
        let computed = Cell::Complete(Value::text("3"));
        shadow.cells.put(FieldId::new("sum"), computed);
    }
    case.pair.base = Some(Base::lost());
    let plan = case.decide();
    assert_eq!(plan.commands.len(), 1, "the image is written");
    assert!(plan.settle.is_some_and(|base| !base.is_lost()));
}

proptest! {
    #[test]
    fn e14_a_record_that_left_the_filter_takes_nothing_along_where_nothing_flows(
        case in left_the_filter(), right: bool, trash: bool,
    ) {
        let mut case = case;
        let to = if right { Side::Right } else { Side::Left };
        case.spec.policy.direction = Direction::Toward(to);
        case.spec.policy.on_leave = if trash { Leave::Trash } else { Leave::Clear };
        for command in case.decide().commands {
            prop_assert_eq!(command.side, to);
        }
    }

    /// The emptied side fails its own filter because it was emptied: that is no word of a person.
    #[test]
    fn r12_a_record_that_passes_again_is_filled_in_though_the_emptied_one_fails_the_filter(
        case in left_the_filter(),
    ) {
        let plan = case.decide();
        let Some(command) = plan.commands.first() else { return Ok(()) };
        let to = command.side;
        let mut back = case.after(&plan);
        if let Some(shadow) = &mut back.pair.sides[to.other()].shadow {
            let passes = Cell::Complete(Value::Bool(true));
            shadow.cells.put(FieldId::new("flag"), passes);
        }
        let filled = back.decide();
        prop_assert_eq!(filled.rule, RowRule::R02);
        prop_assert!(filled.conflicts.is_empty(), "{:?}", filled.conflicts);
        for command in filled.commands {
            prop_assert_eq!(command.side, to);
        }
    }
}
