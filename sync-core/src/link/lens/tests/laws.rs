//! The laws of every lens, both ways, over values it knows and values it does not.

use super::*;
use crate::value::tests::any_value;

/// What of a value of a side the other side cannot show, and survives when that becomes `source`.
fn hidden(lens: &Lens, side: Side, value: &Value, source: &Value) -> Vec<String> {
    match (lens, value) {
        (Lens::References, Value::References(all)) => {
            let untracked =
                |one: &&Reference| NAMES.records.of(side, one.key()) == Counterpart::Untracked;
            all.iter()
                .filter(untracked)
                .map(Reference::to_string)
                .collect()
        }
        (Lens::Files, Value::Files(all)) => {
            let untracked = |one: &&FileRef| {
                NAMES.files.of(side, &one.source) == Counterpart::Untracked
                    && !matches!(one.source, FileSource::External(_))
            };
            all.iter()
                .filter(untracked)
                .map(|file| format!("{file:?}"))
                .collect()
        }
        (Lens::People { .. }, Value::People(all)) => {
            let unknown = |one: &&Person| side == Side::Left && NAMES.people.person(one).is_none();
            all.iter()
                .filter(unknown)
                .map(|one| format!("{one:?}"))
                .collect()
        }
        (Lens::Date { .. }, Value::Date(date)) => {
            let zoneless = matches!(source, Value::Date(source) if source.zone.is_none());
            let zone = date.zone.as_deref().map(str::to_owned);
            zone.into_iter().filter(|_| zoneless).collect()
        }
        (Lens::Moment { on, .. }, Value::Date(date)) if *on != side => {
            let offset = date.start.offset().map(|offset| offset.to_string());
            let zone = date.zone.as_deref().map(str::to_owned);
            let edited = !source.is_empty();
            offset.into_iter().chain(zone).filter(|_| edited).collect()
        }
        _ => Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]

    #[test]
    fn every_lens_keeps_its_laws_both_ways(
        (lens, mut samples) in cases(), odd in any_value(), other_odd in any_value(),
    ) {
        samples.left.push(odd.canonical());
        samples.right.push(other_odd.canonical());
        let checked = check_laws(&lens, &NAMES.context(), &samples, |side, value, source| {
            hidden(&lens, side, value, source)
        });
        prop_assert!(checked.is_ok(), "{lens:?}: {}", checked.unwrap_err());
    }

    #[test]
    fn a_value_of_another_kind_has_no_image_and_agrees_with_nothing(
        (lens, samples) in cases(), odd in any_value(),
    ) {
        let odd = odd.canonical();
        let kind = |value: &Value| std::mem::discriminant(value);
        let takes_anything =
            matches!(lens, Lens::Identity | Lens::Constant { .. } | Lens::Projection { .. });
        let context = NAMES.context();
        for to in Side::BOTH {
            let foreign = match (&lens, &odd) {
                (_, Value::Empty) => false,
                (Lens::Words { .. }, Value::Text(_) | Value::RichText(_)) => false,
                (Lens::Json { document }, Value::Text(_)) => to != *document,
                (Lens::Shared, Value::People(_)) => false,
                _ => {
                    let known = &samples[to.other()];
                    known.iter().all(|value| !value.is_empty() && kind(value) != kind(&odd))
                }
            };
            if !foreign || takes_anything {
                continue;
            }
            let repaired = lens.repair(&context, to, &odd, None);
            prop_assert!(
                matches!(repaired, Err(Unmappable::WrongKind { .. })),
                "{lens:?} to {to:?}: {odd:?} gave {repaired:?}"
            );
            for value in &samples[to] {
                let (left, right) = match to {
                    Side::Left => (value, &odd),
                    Side::Right => (&odd, value),
                };
                prop_assert!(!lens.agree(&context, left, right));
            }
        }
    }

    #[test]
    fn what_was_settled_through_a_narrower_lens_agrees((lens, samples) in cases()) {
        if let Some(narrower) = lens.narrower() {
            let context = NAMES.context();
            for (left, right) in samples.left.iter().flat_map(|left| {
                samples.right.iter().chain([left]).map(move |right| (left, right))
            }) {
                let settled = narrower.agree(&context, left, right);
                prop_assert!(!settled || lens.agree(&context, left, right), "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn keep_formatting_survives_an_edit_that_is_undone(old in rich_text(), suffix in "[x-z]{1,3}") {
        let lens = Lens::Words { rich: Side::Left };
        let context = LensContext::default();
        let words = old.display();
        let edited = Value::text(format!("{words} {suffix}"));
        let there = lens.repair(&context, Side::Left, &edited, Some(&old)).unwrap();
        let back = lens.repair(&context, Side::Left, &Value::text(words), Some(&there)).unwrap();
        prop_assert_eq!(back, old);
    }
}

#[test]
fn no_two_lenses_share_a_tag_and_numbers_in_stores_keep_their_meaning() {
    let both = |lens: &dyn Fn(Side) -> Lens| Side::BOTH.map(lens);
    let date = |precision| Lens::Date { precision };
    let (minute, millisecond) = (DatePrecision::Minute, DatePrecision::Millisecond);
    let numbered = [
        vec![Lens::Identity],
        both(&|rich| Lens::Words { rich }).to_vec(),
        vec![
            Lens::Checkbox,
            Lens::Choice,
            Lens::Choices,
            date(minute),
            date(millisecond),
        ],
        both(&|from| Lens::Projection { from }).to_vec(),
        vec![Lens::Body, Lens::Uuid],
        both(&|text| Lens::Decimal { text }).to_vec(),
        both(&|on| Lens::Float { on }).to_vec(),
        both(&|document| Lens::Json { document }).to_vec(),
        both(&|on| Lens::Day { on }).to_vec(),
        both(&|on| Lens::Moment {
            on,
            precision: minute,
        })
        .to_vec(),
        both(&|on| Lens::Moment {
            on,
            precision: millisecond,
        })
        .to_vec(),
        both(&|list| Lens::Tags { list }).to_vec(),
        vec![Lens::List { ordered: false }, Lens::List { ordered: true }],
        vec![Lens::References, Lens::People { list: None }],
        both(&|list| Lens::People { list: Some(list) }).to_vec(),
        vec![Lens::Files, Lens::Shared],
        both(&|text| Lens::FloatDigits { text }).to_vec(),
    ]
    .concat();
    let tags: Vec<u64> = numbered.iter().map(Lens::tag).collect();
    assert_eq!(tags, (1..=36).collect::<Vec<_>>());
    let constant = |text: &str| Lens::Constant {
        on: Side::Left,
        value: Value::text(text),
    };
    assert_ne!(constant("a").tag(), constant("b").tag());
    // Whatever the digest says, no number can be meant.
    for n in 0..64 {
        assert_eq!(constant(&n.to_string()).tag() >> 63, 1, "{n}");
    }
    for lens in numbered {
        let json = serde_json::to_string(&lens).unwrap();
        assert_eq!(serde_json::from_str::<Lens>(&json).unwrap(), lens);
    }
}

#[test]
fn a_lens_meets_by_names_where_an_element_counts_for_nothing_until_its_names_are_known() {
    for lens in list_lenses() {
        let one = list(&lens, Side::Left, &[1]);
        let agrees = |context: &LensContext<'_>| lens.agree(context, &one, &Value::Empty);
        assert!(!agrees(&NAMES.context()), "{lens:?}");
        let waits = agrees(&LensContext::default());
        assert_eq!(lens.meets_by_names(), waits, "{lens:?}");
    }
}
