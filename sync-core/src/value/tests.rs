//! What holds for every kind of value.

use proptest::prelude::*;

use super::*;
use crate::record::Key;

/// Any value, canonical or not, from alphabets so small that equal ones are drawn.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let word = || prop::sample::select(vec!["", "a", "B", "é,/"]).prop_map(str::to_owned);
    let key = || {
        (word(), any::<bool>()).prop_map(|(word, durable)| {
            if durable {
                Key::durable(word)
            } else {
                Key::Provisional(word.into())
            }
        })
    };
    let choice = || {
        (word(), prop::option::of(word())).prop_map(|(name, id)| Choice {
            id: id.map(Into::into),
            name: name.into(),
        })
    };
    let person = || {
        (word(), any::<bool>(), word()).prop_map(|(who, by_id, name)| {
            let person = if by_id {
                Person::with_id(who)
            } else {
                Person::with_email(who)
            };
            person.called(name.clone()).reached_at(name)
        })
    };
    let file = || {
        (word(), word(), 0..3_u8).prop_map(|(name, place, kind)| match kind {
            0 => FileRef::external(name, place),
            1 => FileRef::hosted(name, &format!("https://s3/{place}?sign={place}")),
            _ => FileRef::blob(name, Digest::of(place.as_bytes())),
        })
    };
    let date = || {
        let texts = vec![
            "2026-06-15",
            "2026-06-15T14:30:00+09:00[Asia/Tokyo]",
            "2026-06-15T14:30:00Z/2026-06-16T00:00:00Z",
        ];
        prop::sample::select(texts).prop_map(|text| text.parse::<DateValue>().unwrap())
    };
    let number = || (-2_i64..3).prop_map(Number::from);
    let run = (word(), any::<bool>(), 0..3_u8).prop_map(|(text, bold, kind)| Run {
        text,
        style: Style {
            bold,
            ..Style::default()
        },
        kind: match kind {
            0 => RunKind::Text,
            1 => RunKind::Equation,
            _ => RunKind::Mention(RawJson::new("{}")),
        },
    });
    let json = prop::sample::select(vec!["null", "[]", r#"{"b":1.0,"a":"x"}"#, "2e0"]);
    let place = (number(), number(), prop::option::of(word())).prop_map(|(lat, lon, name)| Place {
        address: name.clone(),
        name,
        ..Place::new(lat, lon)
    });
    let state = prop::sample::select(vec!["verified", "expired", "unverified", "odd"]);
    let verification = (
        state,
        any::<bool>(),
        prop::option::of(date()),
        prop::option::of(person()),
    )
        .prop_map(|(state, known, date, by)| Verification {
            state: if known {
                VerificationState::from(state.to_owned())
            } else {
                VerificationState::Other(state.to_owned())
            },
            date,
            by,
        });
    let up_to_3 = 0..4_usize;
    prop_oneof![
        Just(Value::Empty),
        word().prop_map(Value::Text),
        prop::collection::vec(run, up_to_3.clone())
            .prop_map(|runs| Value::RichText(RichText::new(runs))),
        number().prop_map(Value::Number),
        any::<bool>().prop_map(Value::Bool),
        choice().prop_map(Value::Choice),
        prop::collection::vec(choice(), up_to_3.clone()).prop_map(Value::Choices),
        date().prop_map(Value::Date),
        prop::collection::vec(key().prop_map(Reference::new), up_to_3.clone())
            .prop_map(Value::References),
        prop::collection::vec(person(), up_to_3.clone()).prop_map(Value::People),
        prop::collection::vec(file(), up_to_3.clone()).prop_map(Value::Files),
        place.prop_map(|place| Value::Place(Box::new(place))),
        verification.prop_map(|verification| Value::Verification(Box::new(verification))),
        json.prop_map(|text| Value::Json(text.parse().unwrap())),
        prop::collection::vec(word(), up_to_3).prop_map(Value::List),
        word().prop_map(|text| Value::Raw(RawJson::new(text))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn every_value_reads_back_from_its_json(value in any_value()) {
        let value = value.canonical();
        let json = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
    }

    #[test]
    fn canonical_is_a_fixpoint(value in any_value()) {
        let canonical = value.canonical();
        prop_assert_eq!(canonical.clone().canonical(), canonical);
    }

    #[test]
    fn digests_are_equal_if_and_only_if_values_are(one in any_value(), other in any_value()) {
        let (one, other) = (one.canonical(), other.canonical());
        prop_assert_eq!(Digest::of_json(&one) == Digest::of_json(&other), one == other);
    }
}

#[test]
fn a_reference_or_a_person_counts_once_and_keeps_its_place() {
    let to = |key: &str| Reference::new(Key::durable(key));
    assert_eq!(
        Value::references(vec![to("b"), to("a"), to("b")]),
        Value::References(vec![to("b"), to("a")])
    );
    assert_eq!(Value::references(Vec::new()), Value::Empty);
    let somebody = |id: &str| Person::with_id(id);
    assert_eq!(
        Value::people(vec![
            somebody("b"),
            somebody("a"),
            somebody("b").called("B")
        ]),
        Value::People(vec![somebody("b"), somebody("a")])
    );
}

#[test]
fn a_value_stays_small_in_memory() {
    assert!(size_of::<Value>() <= 64, "{}", size_of::<Value>());
}

#[test]
fn every_kind_shows_what_a_person_would_say() {
    let ada = Person::with_id("u1").called("Ada");
    for (value, shown) in [
        (
            Value::people(vec![ada.clone(), Person::with_email("B@x.org")]),
            "Ada, b@x.org",
        ),
        (
            Value::files(vec![
                FileRef::hosted("a.png", "https://s3/a?x"),
                FileRef::external("", "https://b"),
            ]),
            "a.png, https://b",
        ),
        (
            Value::references(vec![
                Reference::new(Key::durable("p1")),
                Reference::new(Key::durable("p2")),
            ]),
            "p1, p2",
        ),
        (Value::list(vec!["b".into(), "a".into()]), "b, a"),
        (Value::Json(r#"{"b":1.0}"#.parse().unwrap()), r#"{"b":1}"#),
        (Value::place(Place::new(52.into(), 13.into())), "52, 13"),
        (
            Value::verification(Verification {
                state: VerificationState::Verified,
                date: Some("2026-06-15".parse().unwrap()),
                by: Some(ada),
            }),
            "verified by Ada, 2026-06-15",
        ),
    ] {
        assert_eq!(value.display(), shown);
    }
}
