//! What people meet, a case each.

use super::*;
use crate::link::MappedField;
use crate::pair::Base;
use crate::schema::FieldId;
use crate::value::DateValue;

fn date(text: &str) -> Value {
    Value::Date(text.parse().unwrap())
}

#[test]
fn pain_17_an_option_that_does_not_exist_is_refused_never_created() {
    let offered = [Choice::with_id("1", "High")];
    let context = LensContext {
        options: Sides::new(Some(&offered[..]), None),
        ..LensContext::default()
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
    let tags = Lens::Tags { list: Side::Right };
    let texts = Value::list(vec!["High".into(), "Urgent".into()]);
    assert_eq!(
        tags.repair(&context, Side::Left, &texts, None),
        Err(Unmappable::UnknownOption("Urgent".into()))
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

#[test]
fn a_constant_is_restored_and_leaves_the_other_side_alone() {
    let lens = Lens::Constant {
        on: Side::Left,
        value: Value::text("shop"),
    };
    let context = LensContext::default();
    let (edited, other) = (Value::text("edited"), Value::text("whatever"));
    assert_eq!(
        lens.repair(&context, Side::Left, &other, Some(&edited)),
        Ok(Value::text("shop"))
    );
    assert_eq!(
        lens.repair(&context, Side::Right, &edited, Some(&other)),
        Err(Unmappable::ReadOnly)
    );
    assert_eq!(lens.projects_from(), Some(Side::Right));
    assert!(
        !lens.empties_agree(),
        "a new record has to be given the constant"
    );
}

#[test]
fn pain_02_a_reference_to_a_record_nobody_tracks_survives_edits_of_the_others() {
    let context = NAMES.context();
    let lens = Lens::References;
    let old = list(&lens, Side::Left, &[0, 7, 1, 8]);
    let source = list(&lens, Side::Right, &[1, 2]);
    assert_eq!(
        lens.repair(&context, Side::Left, &source, Some(&old)),
        Ok(list(&lens, Side::Left, &[7, 1, 8, 2]))
    );
    let emptied = lens.repair(&context, Side::Left, &Value::Empty, Some(&old));
    assert_eq!(emptied, Ok(list(&lens, Side::Left, &[7, 8])));
    assert!(lens.agree(&context, &emptied.unwrap(), &Value::Empty));
}

#[test]
fn a_reference_waits_for_a_record_that_is_not_there_yet() {
    let context = NAMES.context();
    let lens = Lens::References;
    let source = list(&lens, Side::Left, &[0, 6]);
    let waits = Err(Unmappable::Waiting {
        side: Side::Left,
        target: Key::durable("Left 6"),
    });
    assert_eq!(lens.repair(&context, Side::Right, &source, None), waits);
    let without = list(&lens, Side::Right, &[0]);
    assert!(
        !lens.agree(&context, &source, &without),
        "not settled while it waits"
    );
}

#[test]
fn people_meet_by_address_and_strangers_stay() {
    let lens = Lens::People { list: None };
    let stranger = Person::with_id("guest");
    let old = Value::people(vec![Person::with_id("u1"), stranger.clone()]);
    let source = Value::people(vec![Person::with_email("P2@X.ORG")]);
    assert_eq!(
        lens.repair(&NAMES.context(), Side::Left, &source, Some(&old)),
        Ok(Value::people(vec![stranger, Person::with_id("u2")]))
    );
}

#[test]
fn pain_15_a_day_never_becomes_a_midnight_nor_loses_its_time() {
    let context = LensContext::default();
    let moment = Lens::Moment {
        on: Side::Right,
        precision: DatePrecision::Millisecond,
    };
    let day = Lens::Day { on: Side::Right };
    let refused = |lens: &Lens, text: &str| {
        matches!(
            lens.repair(&context, Side::Right, &date(text), None),
            Err(Unmappable::Lossy { .. })
        )
    };
    assert!(refused(&moment, "2026-06-15"));
    assert!(refused(
        &moment,
        "2026-06-15T14:30:00Z/2026-06-15T15:30:00Z"
    ));
    assert!(refused(&day, "2026-06-15T00:00:00Z"));
    assert!(refused(&day, "2026-06-15/2026-06-16"));
    assert!(!moment.agree(&context, &date("2026-06-15"), &date("2026-06-15T00:00:00Z")));
    assert!(!day.agree(&context, &date("2026-06-15T00:00:00Z"), &date("2026-06-15")));
    let same = |lens: &Lens, text: &str| lens.agree(&context, &date(text), &date(text));
    assert!(same(&day, "2026-06-15") && !same(&day, "2026-06-15T00:00:00Z"));
    assert!(same(&moment, "2026-06-15T00:00:00Z"));
    assert!(!same(&moment, "2026-06-15T00:00:00Z/2026-06-16T00:00:00Z"));
}

#[test]
fn a_moment_keeps_the_offset_and_zone_it_was_written_with() {
    let context = LensContext::default();
    let lens = Lens::Moment {
        on: Side::Right,
        precision: DatePrecision::Minute,
    };
    let tokyo = date("2026-06-15T14:30:00+09:00[Asia/Tokyo]");
    assert!(lens.agree(&context, &tokyo, &date("2026-06-15T05:30:09Z")));
    assert_eq!(
        lens.repair(
            &context,
            Side::Left,
            &date("2026-06-15T20:00:00Z"),
            Some(&tokyo)
        ),
        Ok(date("2026-06-16T05:00:00+09:00[Asia/Tokyo]"))
    );
    assert_eq!(
        lens.repair(&context, Side::Right, &tokyo, None),
        Ok(date("2026-06-15T05:30:00Z"))
    );
    let zoneless = date("2026-06-15T15:00:00+09:00");
    let lens = Lens::Date {
        precision: DatePrecision::Minute,
    };
    assert_eq!(
        lens.repair(&context, Side::Left, &zoneless, Some(&tokyo)),
        Ok(date("2026-06-15T15:00:00+09:00[Asia/Tokyo]"))
    );
}

#[test]
fn scalars_keep_how_a_side_writes_them_until_they_change() {
    let context = LensContext::default();
    let number = |text: &str| Value::Number(text.parse().unwrap());
    let decimal = Lens::Decimal { text: Side::Left };
    assert!(decimal.agree(&context, &Value::text("1.50"), &number("1.5")));
    assert_eq!(
        decimal.repair(
            &context,
            Side::Left,
            &number("1.5"),
            Some(&Value::text("1.50"))
        ),
        Ok(Value::text("1.50"))
    );
    let float = Lens::Float { on: Side::Left };
    let exact = number("9007199254740993");
    assert_eq!(
        float.repair(&context, Side::Left, &exact, None),
        Ok(number("9007199254740992"))
    );
    assert!(float.agree(&context, &number("9007199254740992"), &exact));
    let uuid = Value::text("0192F3A17C4E7B1A9D550242AC120002");
    assert_eq!(
        Lens::Uuid.repair(&context, Side::Right, &uuid, None),
        Ok(Value::text("0192f3a1-7c4e-7b1a-9d55-0242ac120002"))
    );
    for no in [
        "1",
        "0192f3a1-7c4e-7b1a-9d55-0242ac12000",
        "{0192f3a17c4e7b1a9d550242ac120002",
    ] {
        let refused = Lens::Uuid.repair(&context, Side::Right, &Value::text(no), None);
        assert_eq!(
            refused,
            Err(Unmappable::WrongKind { expected: "UUID" }),
            "{no}"
        );
    }
    let windows = Value::text("a\r\nb");
    assert!(Lens::Body.agree(&context, &windows, &Value::text("a\nb")));
    assert_eq!(
        Lens::Body.repair(
            &context,
            Side::Left,
            &Value::text("a\nb\nc"),
            Some(&windows)
        ),
        Ok(Value::text("a\r\nb\r\nc"))
    );
}

#[test]
fn e15_what_was_settled_as_equal_is_settled_where_floats_are_compared() {
    let field = |lens| MappedField::new(Sides::new(FieldId::new("n"), FieldId::new("n")), lens);
    let number = |text: &str| Value::Number(text.parse().unwrap());
    let (equal, float) = (field(Lens::Identity), field(Lens::Float { on: Side::Left }));
    let values = Sides::new(number("0.1"), number("0.1"));
    let mut base = Base::default();
    base.settle(&equal, values.clone());
    assert_eq!(base.field(&float), Some(&values));
    // The other way around nothing is known: more agrees through floats.
    base.settle(&float, values);
    assert_eq!(base.field(&equal), None);
    // What could not agree gets another look.
    base.park(&equal, Sides::new(number("1"), number("2")));
    assert_eq!(base.parked(&float), None);
}

#[test]
fn json_in_a_text_keeps_its_layout_until_the_document_changes() {
    let context = LensContext::default();
    let lens = Lens::Json {
        document: Side::Right,
    };
    let text = |text: &str| Value::rich_text(RichText::plain_text(text));
    let json = |text: &str| Value::Json(text.parse().unwrap());
    let laid_out = text("{ \"b\": 2,\n  \"a\": 1.0 }");
    let kept = lens.repair(
        &context,
        Side::Left,
        &json(r#"{"a":1,"b":2}"#),
        Some(&laid_out),
    );
    assert_eq!(kept, Ok(laid_out.clone()));
    let edited = lens.repair(&context, Side::Left, &json(r#"{"a":1}"#), Some(&laid_out));
    assert_eq!(edited.unwrap().display(), r#"{"a":1}"#);
    assert_eq!(
        lens.repair(&context, Side::Right, &text("{ half"), None),
        Err(Unmappable::WrongKind {
            expected: "JSON text"
        })
    );
}

#[test]
fn an_edited_list_takes_the_order_of_the_edit_and_strangers_follow_their_neighbours() {
    let of = |side, things: &[u8]| list(&Lens::Files, side, things);
    assert_eq!(
        Lens::Files.repair(
            &NAMES.context(),
            Side::Left,
            &of(Side::Right, &[3, 1, 0]),
            Some(&of(Side::Left, &[7, 0, 8, 2, 1])),
        ),
        Ok(of(Side::Left, &[7, 3, 1, 0, 8]))
    );
}

#[test]
fn a_list_of_texts_may_repeat_what_the_other_side_shows_once() {
    let texts = |text: &str| Value::list(text.chars().map(String::from).collect());
    let lens = Lens::List { ordered: false };
    assert!(lens.agree(&LensContext::default(), &texts("aab"), &texts("ba")));
    let lens = Lens::List { ordered: true };
    assert!(!lens.agree(&LensContext::default(), &texts("aab"), &texts("ab")));
    assert!(!lens.agree(&LensContext::default(), &texts("ab"), &texts("ba")));
}

#[test]
fn no_value_has_an_image_under_every_lens_and_an_empty_side_is_no_other_kind() {
    let context = LensContext::default();
    for (lens, expected) in [
        (Lens::Identity, Value::Empty),
        (Lens::Checkbox, Value::Bool(false)),
        (Lens::Choice, Value::Empty),
        (Lens::Uuid, Value::Empty),
        (Lens::Decimal { text: Side::Left }, Value::Empty),
        (Lens::Float { on: Side::Left }, Value::Empty),
        (Lens::Body, Value::Empty),
        (Lens::Words { rich: Side::Left }, Value::Empty),
        (
            Lens::Json {
                document: Side::Left,
            },
            Value::Empty,
        ),
        (
            Lens::Date {
                precision: DatePrecision::Minute,
            },
            Value::Empty,
        ),
        (Lens::Day { on: Side::Left }, Value::Empty),
        (Lens::Choices, Value::Empty),
        (Lens::List { ordered: true }, Value::Empty),
    ] {
        for to in Side::BOTH {
            let image = lens.repair(&context, to, &Value::Empty, None);
            assert_eq!(image, Ok(expected.clone()), "{lens:?} to {to:?}");
        }
        assert!(lens.empties_agree(), "{lens:?}");
    }
    let no = Value::Bool(false);
    assert!(Lens::Checkbox.agree(&context, &Value::Empty, &no));
    assert!(!Lens::Checkbox.agree(&context, &Value::Empty, &Value::Bool(true)));
}

#[test]
fn a_side_holds_what_its_lens_says_and_not_what_the_other_side_holds() {
    let context = NAMES.context();
    let number = Value::Number("7".parse().unwrap());
    let texts = Value::list(vec!["option 1".into()]);
    let emails = Value::list(vec![email(1)]);
    let choices = Value::choices(vec![option(1)]);
    let people = Value::people(vec![Person::with_email(email(1))]);
    let on_left = Some(Side::Left);
    // Each lens, what its left side never holds, and what it does.
    for (lens, wrong, right) in [
        (
            Lens::Decimal { text: Side::Left },
            &number,
            &Value::text("7"),
        ),
        (
            Lens::Decimal { text: Side::Right },
            &Value::text("7"),
            &number,
        ),
        (Lens::Tags { list: Side::Left }, &choices, &texts),
        (Lens::Tags { list: Side::Right }, &texts, &choices),
        (Lens::Choices, &texts, &choices),
        (Lens::People { list: on_left }, &people, &emails),
        (Lens::People { list: None }, &emails, &people),
    ] {
        let image = |source: &Value| lens.repair(&context, Side::Right, source, None);
        assert!(
            matches!(image(wrong), Err(Unmappable::WrongKind { .. })),
            "{lens:?} took {wrong:?}"
        );
        let there = image(right).unwrap();
        assert!(lens.agree(&context, right, &there), "{lens:?}");
        assert!(!lens.agree(&context, wrong, &there), "{lens:?}");
    }
}

#[test]
fn f06_a_text_that_one_side_lacks_is_a_difference_and_goes_with_a_repair() {
    let context = LensContext::default();
    let texts = |text: &str| Value::list(text.chars().map(String::from).collect());
    let lens = Lens::List { ordered: false };
    assert!(!lens.agree(&context, &texts("ab"), &texts("ac")));
    assert_eq!(
        lens.repair(&context, Side::Left, &texts("ac"), Some(&texts("ab"))),
        Ok(texts("ac"))
    );
}

#[test]
fn somebody_known_by_id_is_the_same_when_written_as_an_address() {
    let lens = Lens::People {
        list: Some(Side::Right),
    };
    let context = NAMES.context();
    let by_id = Value::people(vec![Person::with_id("u1")]);
    let by_address = Value::people(vec![Person::with_email(email(1))]);
    let address = Value::list(vec![email(1)]);
    assert!(lens.agree(&context, &by_id, &address));
    assert!(lens.agree(&context, &by_address, &address));
}

#[test]
fn a_list_of_addresses_takes_any_though_the_side_knows_its_people() {
    let lens = Lens::People {
        list: Some(Side::Left),
    };
    let guest = Person::with_email("guest@x.org");
    assert_eq!(
        lens.repair(
            &NAMES.context(),
            Side::Left,
            &Value::people(vec![guest]),
            None
        ),
        Ok(Value::list(vec!["guest@x.org".into()]))
    );
}

#[test]
fn a_constant_shown_to_the_other_side_says_nothing_there() {
    let lens = Lens::Constant {
        on: Side::Left,
        value: Value::text("shop"),
    };
    let image = lens.repair(
        &LensContext::default(),
        Side::Right,
        &Value::text("shop"),
        None,
    );
    assert_eq!(image, Ok(Value::Empty));
}

#[test]
fn what_a_side_computes_flows_from_there_only() {
    for side in Side::BOTH {
        let shown = Lens::Projection { from: side };
        assert_eq!(shown.projects_from(), Some(side));
    }
    assert_eq!(Lens::Identity.projects_from(), None);
}

#[test]
fn strangers_that_stood_together_stay_in_their_order() {
    let of = |side, things: &[u8]| list(&Lens::Files, side, things);
    assert_eq!(
        Lens::Files.repair(
            &NAMES.context(),
            Side::Left,
            &of(Side::Right, &[0, 1]),
            Some(&of(Side::Left, &[0, 7, 8])),
        ),
        Ok(of(Side::Left, &[0, 7, 8, 1]))
    );
}

#[test]
fn every_side_keeps_its_own_line_ends() {
    let context = LensContext::default();
    let source = Value::text("x\ny");
    for (old, expected) in [
        ("a\rb", "x\ry"),
        ("a\r\nb", "x\r\ny"),
        ("a\nb", "x\ny"),
        ("a", "x\ny"),
    ] {
        let there = Lens::Body.repair(&context, Side::Left, &source, Some(&Value::text(old)));
        assert_eq!(there, Ok(Value::text(expected)), "{old:?}");
    }
}

#[test]
fn one_moment_in_two_zones_is_a_difference_where_both_sides_name_theirs() {
    let lens = Lens::Date {
        precision: DatePrecision::Minute,
    };
    let context = LensContext::default();
    let tokyo = date("2026-06-15T14:30:00+09:00[Asia/Tokyo]");
    let seoul = date("2026-06-15T14:30:00+09:00[Asia/Seoul]");
    assert!(!lens.agree(&context, &tokyo, &seoul));
    assert!(lens.agree(&context, &tokyo, &date("2026-06-15T14:30:00+09:00")));
}

#[test]
fn a_day_from_a_side_of_days_keeps_the_zone_the_other_side_names() {
    let context = LensContext::default();
    let lens = Lens::Day { on: Side::Right };
    let zoned = |day: &str| match date(day) {
        Value::Date(day) => Value::Date(DateValue {
            zone: Some("Asia/Tokyo".into()),
            ..day
        }),
        other => other,
    };
    let repair = |to: Side| {
        let old = zoned("2026-06-15");
        lens.repair(&context, to, &date("2026-06-16"), Some(&old))
    };
    assert_eq!(repair(Side::Left), Ok(zoned("2026-06-16")));
    assert_eq!(repair(Side::Right), Ok(date("2026-06-16")));
}
