//! What is decided about one field, a case each: decisions of people, texts to be merged, references.

use std::sync::Arc;

use super::*;
use crate::link::Counterparts;
use crate::plan::Guard;
use crate::value::{Reference, Run, Style};

/// A record settled with one field, whose sides hold something else by now.
fn edited(lens: Lens, settled: Sides<Value>, now: Sides<Value>) -> Case {
    let title = Sides::new(FieldId::new("title"), FieldId::new("title"));
    let mut case = empty_case(Mapping {
        fields: vec![MappedField::new(title, lens)],
        ..Mapping::default()
    });
    let field = &case.spec.mapping.fields[0];
    let settled = BaseField {
        name: field.name().clone(),
        values: settled,
        lens: field.tag(),
    };
    case.pair.base = Some(Base::new(Lifecycle::Live, [settled]));
    for side in Side::BOTH {
        let title = Cell::Complete(now[side].clone());
        let shown = record(Key::durable("k"), Lifecycle::Live, &[("title", title)]);
        case.pair.sides[side] = SideState::seen(shown);
    }
    case
}

fn texts(left: &str, right: &str) -> Sides<Value> {
    Sides::new(Value::text(left), Value::text(right))
}

/// What is written to which side, and by which rule.
fn written(case: &Case) -> Vec<(Side, FieldRule, Value)> {
    let commands = case.decide().commands;
    let fields = commands.iter().flat_map(|command| {
        let fields = command.fields.iter();
        fields.map(|field| (command.side, field.rule, field.desired.clone()))
    });
    fields.collect()
}

#[test]
fn f20_a_text_is_merged_where_its_owner_wants_that_and_asked_about_elsewhere() {
    let mut case = edited(Lens::Identity, texts("a b", "a b"), texts("x b", "a y"));
    let plan = case.decide();
    assert_eq!((plan.commands.len(), plan.conflicts.len()), (0, 1));
    case.spec.mapping.fields[0].merge_text = true;
    let both = |side| (side, FieldRule::F20, Value::text("x y"));
    assert_eq!(written(&case), [both(Side::Left), both(Side::Right)]);
}

/// The value `c`, given by a person on the left for a conflict about `a` and `b`.
fn given(lens: Lens, value: Value, now: Sides<Value>) -> Case {
    let mut case = edited(lens, texts("o", "o"), now);
    case.conflicts = vec![Conflict {
        pair: PairId(1),
        field: FieldId::new("title"),
        base: None,
        values: texts("a", "b"),
        opened_at: Timestamp(0),
        resolution: Some(Resolution::Write {
            side: Side::Left,
            value,
        }),
    }];
    case
}

#[test]
fn f16_a_value_a_person_gave_goes_on_where_a_crash_stopped_it_and_asks_again_over_a_later_edit() {
    let case =
        |left: &str, right: &str| given(Lens::Identity, Value::text("c"), texts(left, right));
    let c = |side| (side, FieldRule::F16, Value::text("c"));
    assert_eq!(written(&case("a", "b")), [c(Side::Left), c(Side::Right)]);
    assert_eq!(written(&case("c", "b")), [c(Side::Right)]);
    assert_eq!(written(&case("a", "c")), [c(Side::Left)]);
    for later in [case("d", "b"), case("a", "d")] {
        assert_eq!(written(&later), []);
        assert_eq!(later.decide().conflicts.len(), 1);
    }
}

/// On its own side the given value is that value, look and all; on the other what says the same.
#[test]
fn f16_a_given_value_was_written_only_where_it_stands_as_it_was_given() {
    let words = |bold| {
        Value::rich_text(RichText::new([Run {
            style: Style {
                bold,
                ..Style::default()
            },
            ..Run::plain("c")
        }]))
    };
    let lens = || Lens::Words { rich: Side::Left };
    let now = |bold| Sides::new(words(bold), Value::text("b"));
    let there = given(lens(), words(true), now(true));
    assert_eq!(
        written(&there),
        [(Side::Right, FieldRule::F16, Value::text("c"))]
    );
    let edited = given(lens(), words(true), now(false));
    assert_eq!(written(&edited), []);
}

/// Guards count it; only references that had to wait are not counted.
#[test]
fn f02_an_edit_of_references_is_a_change_and_one_that_had_to_wait_is_none() {
    let key = |side: &str, n: u8| Key::durable(format!("{side}{n}"));
    let records = [1, 2].map(|n| Sides::new(Some(key("l", n)), Some(key("r", n))));
    let of = |side: &str, all: &[u8]| {
        Value::references(all.iter().map(|n| Reference::new(key(side, *n))).collect())
    };
    let case = |settled: Sides<Value>, now: Sides<Value>| {
        let mut case = edited(Lens::References, settled, now);
        let known = Arc::new(Counterparts::new(records.clone()));
        case.names.know_records(FieldId::new("title"), known);
        case
    };
    let one = Sides::new(of("l", &[1]), of("r", &[1]));
    let now = Sides::new(of("l", &[1, 2]), of("r", &[1]));
    let edit = case(one, now.clone()).decide();
    assert_eq!(edit.commands[0].fields[0].rule, FieldRule::F02);
    assert!(edit.commands[0].is_change());
    // Settled when the second had no counterpart yet.
    let late = case(now.clone(), now).decide();
    assert_eq!(late.commands[0].fields[0].rule, FieldRule::F18);
    assert!(!late.commands[0].is_change());
}

#[test]
fn f15_a_field_that_a_side_does_not_have_any_more_is_told_and_nothing_of_it_flows() {
    let mut case = edited(Lens::Identity, texts("a", "a"), texts("b", "a"));
    assert_eq!(written(&case).len(), 1);
    case.described
        .right
        .schema
        .fields
        .retain(|field| field.id.as_str() != "title");
    let plan = case.decide();
    assert!(plan.commands.is_empty());
    let told: Vec<&str> = plan
        .blocked
        .iter()
        .map(|blocked| &blocked.reason[..])
        .collect();
    assert_eq!(told, [FieldRule::F15.reason()]);
}

/// Nobody edited the record: the option went from the schema.
#[test]
fn f12_a_cell_emptied_with_its_option_is_asked_about_and_one_emptied_by_a_person_is_not() {
    let option = Choice::with_id("1", "A");
    let here = |choice: &Choice| Value::Choice(choice.clone());
    let settled = Sides::new(here(&option), here(&Choice::named("A")));
    let now = Sides::new(Value::Empty, settled.right.clone());
    let case = |offered: Vec<Choice>| {
        let mut case = edited(Lens::Choice, settled.clone(), now.clone());
        case.described.left.capabilities.free_options = false;
        let fields = &mut case.described.left.schema.fields;
        fields[0].ty = FieldType::Select(offered);
        case.decide()
    };
    let emptied = case(vec![option.clone()]);
    assert_eq!((emptied.commands.len(), emptied.conflicts.len()), (1, 0));
    let removed = case(vec![Choice::with_id("2", "B")]);
    assert_eq!((removed.commands.len(), removed.conflicts.len()), (0, 1));
}

/// Moments are compared only where both sides changed.
#[test]
fn f11_an_edit_that_may_not_flow_stays_though_the_other_side_was_written_later() {
    let mut case = edited(Lens::Identity, texts("a", "a"), texts("a", "b"));
    let field = &mut case.spec.mapping.fields[0];
    field.direction = Direction::Toward(Side::Right);
    field.authority = Authority::Newest;
    for (side, at) in [(Side::Left, 1_000_000), (Side::Right, 0)] {
        if let Some(shadow) = &mut case.pair.sides[side].shadow {
            shadow.edited_at = Some(Timestamp(at));
        }
    }
    let plan = case.decide();
    assert!(plan.commands.is_empty());
    assert_eq!(plan.blocked[0].reason, FieldRule::F11.reason());
}

/// However few swings a policy allows, what does not swing goes on.
#[test]
fn an_edit_that_takes_nothing_back_is_never_paused_as_written_back_and_forth() {
    let mut case = edited(Lens::Identity, texts("a", "a"), texts("b", "a"));
    case.spec.policy.flapping.writes = 0;
    assert_eq!(written(&case).len(), 1);
}

#[test]
fn f10_a_mirror_follows_the_side_that_keeps_it_and_needs_nobody_where_both_do() {
    let mut case = edited(Lens::Identity, texts("a", "a"), texts("a", "b"));
    let title = FieldId::new("title");
    case.names.follows(title.clone(), Some(Side::Left));
    let back = (Side::Right, FieldRule::F10, Value::text("a"));
    assert_eq!(written(&case), [back]);
    case.names.follows(title, None);
    let plan = case.decide();
    assert!(
        !plan.changes_anything() && plan.blocked.is_empty(),
        "{plan:?}"
    );
}

#[test]
fn f06_a_merge_that_lacks_an_option_is_refused_on_the_side_that_does_not_offer_it() {
    let list =
        |names: &[&str]| Value::choices(names.iter().map(|name| Choice::named(*name)).collect());
    let settled = Sides::new(list(&["a"]), list(&["a"]));
    let now = Sides::new(list(&["a", "b"]), list(&["a", "new"]));
    let mut case = edited(Lens::Choices, settled, now);
    let offered = vec![Choice::named("a"), Choice::named("b")];
    case.described.left.capabilities.free_options = false;
    case.described.left.schema.fields[0].ty = FieldType::MultiSelect(offered);
    case.described.left.schema.fields[0].name = "Labels".into();
    let refusals = case.decide().refusals;
    assert!(
        refusals[0].reason.starts_with("\"Labels\" on L"),
        "{refusals:?}"
    );
    let told: Vec<_> = refusals
        .iter()
        .map(|told| (told.guard, told.side))
        .collect();
    assert_eq!(told, [(Guard::OptionPolicy, Some(Side::Left))]);
}
