//! The laws of every lens, both ways.

use proptest::prelude::*;

use super::*;
use crate::value::{Number, Run, Style};

fn option_names() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["High", "Low", "high", "A, B", "ä"]).prop_map(str::to_owned)
}

fn options() -> Vec<Choice> {
    ["High", "Low", "high", "A, B", "ä"]
        .iter()
        .enumerate()
        .map(|(at, name)| Choice::with_id(format!("o{at}"), *name))
        .collect()
}

fn rich_text() -> impl Strategy<Value = Value> {
    let run = ("[ a-cé]{0,4}", any::<bool>()).prop_map(|(text, bold)| Run {
        style: Style {
            bold,
            ..Style::default()
        },
        ..Run::plain(text)
    });
    prop::collection::vec(run, 0..5).prop_map(|runs| Value::rich_text(RichText::new(runs)))
}

fn plain_text() -> impl Strategy<Value = Value> {
    "[ a-cé]{0,12}".prop_map(Value::text)
}

fn dates() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        "2026-06-15",
        "2026-06-15T14:30:00+09:00",
        "2026-06-15T05:30:00Z",
        "2026-06-15T05:30:00.0004Z",
        "2026-06-15T05:30:07Z",
        "2026-06-15/2026-06-16",
    ])
    .prop_map(|text| Value::Date(text.parse().unwrap()))
}

/// A lens with a left and a right value it knows.
fn cases() -> impl Strategy<Value = (Lens, Value, Value)> {
    let choice = |id: bool| {
        option_names().prop_map(move |name| {
            let known = options()
                .into_iter()
                .find(|option| option.name == name)
                .unwrap();
            Value::Choice(if id { known } else { Choice::named(name) })
        })
    };
    let choices = |id: bool| {
        prop::collection::btree_set(option_names(), 0..4).prop_map(move |names| {
            Value::choices(
                options()
                    .into_iter()
                    .filter(|option| names.contains(&option.name))
                    .map(|option| {
                        if id {
                            option
                        } else {
                            Choice::named(option.name)
                        }
                    })
                    .collect(),
            )
        })
    };
    let truth = || prop_oneof![Just(Value::Empty), any::<bool>().prop_map(Value::Bool)];
    let number = || {
        prop_oneof![
            Just(Value::Empty),
            (-3_i64..3).prop_map(|number| Value::Number(Number::from(number)))
        ]
    };
    let or_empty = |values: BoxedStrategy<Value>| prop_oneof![1 => Just(Value::Empty), 4 => values];
    prop_oneof![
        (Just(Lens::Identity), number(), number()),
        (Just(Lens::Identity), plain_text(), plain_text()),
        (
            Just(Lens::Words { rich: Side::Left }),
            rich_text(),
            plain_text()
        ),
        (
            Just(Lens::Words { rich: Side::Right }),
            plain_text(),
            rich_text()
        ),
        (Just(Lens::Checkbox), truth(), truth()),
        (
            Just(Lens::Choice),
            or_empty(choice(true).boxed()),
            or_empty(choice(false).boxed())
        ),
        (Just(Lens::Choices), choices(true), choices(false)),
        (
            prop::sample::select(vec![DatePrecision::Minute, DatePrecision::Millisecond])
                .prop_map(|precision| Lens::Date { precision }),
            or_empty(dates().boxed()),
            or_empty(dates().boxed())
        ),
    ]
}

fn agree_towards(lens: &Lens, to: Side, source: &Value, target: &Value) -> bool {
    match to {
        Side::Right => lens.agree(source, target),
        Side::Left => lens.agree(target, source),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn correct_and_hippocratic((lens, left, right) in cases()) {
        let offered = options();
        let context = LensContext { options: Sides::new(Some(&offered[..]), None) };
        for (to, source, old) in [(Side::Right, &left, &right), (Side::Left, &right, &left)] {
            for old in [None, Some(old)] {
                let repaired = lens.repair(&context, to, source, old).unwrap();
                prop_assert!(agree_towards(&lens, to, source, &repaired));
                if let Some(old) = old.filter(|old| agree_towards(&lens, to, source, old)) {
                    prop_assert_eq!(&repaired, old);
                }
                prop_assert_eq!(repaired.clone().canonical(), repaired);
            }
        }
    }

    #[test]
    fn keep_formatting_survives_an_edit_that_is_undone(old in rich_text(), suffix in "[x-z]{1,3}") {
        let lens = Lens::Words { rich: Side::Left };
        let context = LensContext::default();
        let words = words(&old).unwrap();
        let edited = Value::text(format!("{words} {suffix}"));
        let there = lens.repair(&context, Side::Left, &edited, Some(&old)).unwrap();
        let back = lens.repair(&context, Side::Left, &Value::text(words), Some(&there)).unwrap();
        prop_assert_eq!(back, old);
    }

    #[test]
    fn merge_is_the_set_rule_and_mirrors(
        base in prop::collection::btree_set(0_u8..6, 0..5),
        left in prop::collection::btree_set(0_u8..6, 0..5),
        right in prop::collection::btree_set(0_u8..6, 0..5),
    ) {
        let value = |set: &std::collections::BTreeSet<u8>| {
            Value::choices(set.iter().map(|n| Choice::named(n.to_string())).collect())
        };
        let both = Sides::new(value(&base), value(&base));
        let merged = Lens::Choices.merge(&both, &value(&left), &value(&right)).unwrap();
        let mirrored = Lens::Choices.merge(&both, &value(&right), &value(&left)).unwrap();
        prop_assert!(Lens::Choices.agree(&merged, &mirrored));
        let expected: Vec<_> = (0..6_u8).filter(|n| {
            let (b, l, r) = (base.contains(n), left.contains(n), right.contains(n));
            (b && l && r) || (!b && (l || r))
        }).map(|n| Choice::named(n.to_string())).collect();
        prop_assert!(Lens::Choices.agree(&merged, &Value::choices(expected)));
    }
}

#[test]
fn pain_17_an_option_that_does_not_exist_is_refused_never_created() {
    let offered = [Choice::with_id("1", "High")];
    let context = LensContext {
        options: Sides::new(Some(&offered[..]), None),
    };
    let unknown = Value::Choice(Choice::named("Urgent"));
    assert_eq!(
        Lens::Choice.repair(&context, Side::Left, &unknown, None),
        Err(Unmappable::UnknownOption("Urgent".into()))
    );
    let known = Value::Choice(Choice::named("High"));
    assert_eq!(
        Lens::Choice.repair(&context, Side::Left, &known, None),
        Ok(Value::Choice(offered[0].clone()))
    );
}

#[test]
fn a_projection_is_never_written_back() {
    let lens = Lens::Projection { from: Side::Left };
    let context = LensContext::default();
    let value = Value::text("x");
    assert_eq!(
        lens.repair(&context, Side::Left, &value, None),
        Err(Unmappable::ReadOnly)
    );
    assert_eq!(lens.repair(&context, Side::Right, &value, None), Ok(value));
}
