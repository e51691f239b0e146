//! Merging two edits of a list, for every lens about lists.

use super::*;

fn things() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::btree_set(0_u8..6, 0..5).prop_map(|set| set.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn merge_is_the_set_rule_and_mirrors(
        lens in prop::sample::select(list_lenses()),
        base in things(), left in things(), right in things(),
    ) {
        let context = NAMES.context();
        let side = |side: Side, things: &[u8]| list(&lens, side, things);
        let both = Sides::from_fn(|at| side(at, &base));
        let (on_left, on_right) = (side(Side::Left, &left), side(Side::Right, &right));
        let merged = lens.merge(&context, &both, &on_left, &on_right).unwrap();
        prop_assert!(lens.agree(&context, &merged.left, &merged.right));

        // The same edits on the other sides.
        let swapped = (side(Side::Left, &right), side(Side::Right, &left));
        let mirrored = lens.merge(&context, &both, &swapped.0, &swapped.1).unwrap();
        prop_assert!(lens.agree(&context, &merged.left, &mirrored.right));

        let expected: Vec<u8> = (0..6).filter(|n| {
            let (b, l, r) = (base.contains(n), left.contains(n), right.contains(n));
            (b && l && r) || (!b && (l || r))
        }).collect();
        let as_set = match &lens {
            Lens::List { .. } => Lens::List { ordered: false },
            lens => lens.clone(),
        };
        prop_assert!(as_set.agree(&context, &merged.left, &side(Side::Right, &expected)));
    }

    #[test]
    fn what_only_one_side_can_show_survives_a_merge(
        base in things(), left in things(), right in things(),
    ) {
        for lens in [Lens::References, Lens::Files] {
            let both = Sides::from_fn(|side| list(&lens, side, &base));
            let stranger = |side: Side, things: &[u8]| {
                let mut with = things.to_vec();
                with.insert(things.len() / 2, 7);
                list(&lens, side, &with)
            };
            let (left, right) = (stranger(Side::Left, &left), stranger(Side::Right, &right));
            let merged = lens.merge(&NAMES.context(), &both, &left, &right).unwrap();
            for side in Side::BOTH {
                let merged = merged[side].display();
                prop_assert!(merged.contains(&list(&lens, side, &[7]).display()), "{merged}");
            }
        }
    }
}

#[test]
fn a_record_tracked_since_the_base_was_settled_is_not_taken_for_removed() {
    let lens = Lens::References;
    // When these settled, nobody tracked record 1, so the right side never had it.
    let base = Sides::new(
        list(&lens, Side::Left, &[0, 1]),
        list(&lens, Side::Right, &[0]),
    );
    let left = list(&lens, Side::Left, &[0, 1, 2]);
    let right = list(&lens, Side::Right, &[0, 3]);
    let merged = lens.merge(&NAMES.context(), &base, &left, &right).unwrap();
    assert_eq!(merged.left, list(&lens, Side::Left, &[0, 1, 2, 3]));
    assert_eq!(merged.right, list(&lens, Side::Right, &[0, 3, 1, 2]));
}

#[test]
fn what_both_sides_know_by_the_same_id_needs_no_names_to_merge() {
    let of = |people: &[&str]| Value::people(people.iter().copied().map(Person::with_id).collect());
    let (context, lens) = (LensContext::default(), Lens::Shared);
    let base = Sides::new(of(&["u1", "u2"]), of(&["u2", "u1"]));
    assert!(lens.agree(&context, &base.left, &base.right));
    let merged = lens.merge(&context, &base, &of(&["u1"]), &of(&["u2", "u1", "u3"]));
    assert_eq!(
        merged.unwrap(),
        Sides::new(of(&["u1", "u3"]), of(&["u1", "u3"]))
    );
    let cleared = lens.repair(&context, Side::Right, &Value::Empty, Some(&of(&["u1"])));
    assert_eq!(cleared, Ok(Value::Empty));
}

#[test]
fn a_merge_waits_for_what_has_no_counterpart_yet() {
    for (lens, waits) in [
        (
            Lens::References,
            Unmappable::Waiting {
                side: Side::Left,
                target: Key::durable("Left 6"),
            },
        ),
        (
            Lens::Files,
            Unmappable::WaitingForFile {
                side: Side::Left,
                name: "6.png".into(),
            },
        ),
    ] {
        let base = Sides::new(Value::Empty, Value::Empty);
        let left = list(&lens, Side::Left, &[1, 6]);
        let right = list(&lens, Side::Right, &[2]);
        assert_eq!(
            lens.merge(&NAMES.context(), &base, &left, &right),
            Err(waits)
        );
    }
}

#[test]
fn a_lens_that_is_not_about_lists_does_not_merge() {
    let base = Sides::new(Value::Empty, Value::Empty);
    let (left, right) = (Value::text("a"), Value::text("b"));
    let merged = Lens::Identity.merge(&LensContext::default(), &base, &left, &right);
    assert_eq!(merged, Err(Unmappable::NotMerged));
    assert!(list_lenses().iter().all(Lens::merges) && !Lens::Identity.merges());
}

/// Lenses that hold texts.
fn text_lenses() -> Vec<Lens> {
    vec![
        Lens::Identity,
        Lens::Body,
        Lens::Words { rich: Side::Left },
        Lens::Words { rich: Side::Right },
    ]
}

/// Lines as a side holds them: where it has formatting, every other line is bold.
fn held(lens: &Lens, side: Side, lines: &[String]) -> Value {
    match lens {
        Lens::Words { rich } if *rich == side => {
            let runs = lines.iter().enumerate().map(|(at, line)| Run {
                style: Style {
                    bold: at % 2 == 1,
                    ..Style::default()
                },
                ..Run::plain(format!("{line}\n"))
            });
            Value::rich_text(RichText::new(runs.collect::<Vec<_>>()))
        }
        Lens::Body if side == Side::Right => Value::text(lines.join("\r\n") + "\r\n"),
        _ => Value::text(lines.join("\n") + "\n"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is merged holds every line that either side wrote, and both sides then say the same:
    /// nothing is left to merge.
    #[test]
    fn p4_no_edited_line_is_lost_by_a_merge_and_it_converges(
        lens in prop::sample::select(text_lenses()),
        count in 1..6_usize,
        edits in prop::collection::vec((any::<bool>(), 0..6_usize, "[a-z]{1,3}"), 0..5),
    ) {
        let context = LensContext::default();
        let base: Vec<String> = (0..count).map(|at| format!("line {at} as it was")).collect();
        let mut now = Sides::new(base.clone(), base.clone());
        for (left, at, word) in &edits {
            let side = if *left { Side::Left } else { Side::Right };
            now[side][at % count] = format!("{side:?} wrote {word}");
        }
        let settled = Sides::from_fn(|side| held(&lens, side, &base));
        let values = Sides::from_fn(|side| held(&lens, side, &now[side]));
        let merge = |left: &Value, right: &Value| lens.merge_texts(&context, &settled, left, right);
        let Some(merged) = merge(&values.left, &values.right) else {
            let touched = |side: Side, at: usize| now[side][at] != base[at];
            let overlap = (0..count).any(|at| touched(Side::Left, at) && touched(Side::Right, at));
            prop_assert!(overlap, "refused though the edits are apart: {now:?}");
            return Ok(());
        };
        prop_assert!(lens.agree(&context, &merged.left, &merged.right));
        let words = merged.left.display();
        for side in Side::BOTH {
            for (line, before) in now[side].iter().zip(&base) {
                prop_assert!(line == before || words.contains(line.as_str()), "{words:?} lacks {line:?}");
            }
        }
        prop_assert_eq!(merge(&merged.left, &merged.right), Some(merged.clone()), "once is enough");
    }
}

#[test]
fn pain_14_formatting_and_line_ends_survive_a_merge_of_texts() {
    let bold = |text: &str| Run {
        style: Style {
            bold: true,
            ..Style::default()
        },
        ..Run::plain(text)
    };
    let rich = |runs: Vec<Run>| Value::rich_text(RichText::new(runs));
    let friday = |before: &str, after: &str| {
        rich(vec![Run::plain(before), bold("Friday"), Run::plain(after)])
    };
    let words = Lens::Words { rich: Side::Left };
    let base = Sides::new(
        friday("ship on ", ", maybe"),
        Value::text("ship on Friday, maybe"),
    );
    let left = friday("please ship on ", ", maybe");
    let right = Value::text("ship on Friday, surely");
    let merged = words.merge_texts(&LensContext::default(), &base, &left, &right);
    let both = Sides::new(
        friday("please ship on ", ", surely"),
        Value::text("please ship on Friday, surely"),
    );
    assert_eq!(merged, Some(both));

    let text = |text: &str| Value::text(text);
    let base = Sides::new(text("one\ntwo\nthree"), text("one\r\ntwo\r\nthree"));
    let (left, right) = (text("1\ntwo\nthree"), text("one\r\ntwo\r\n3"));
    let merged = Lens::Body.merge_texts(&LensContext::default(), &base, &left, &right);
    let both = Sides::new(text("1\ntwo\n3"), text("1\r\ntwo\r\n3"));
    assert_eq!(merged, Some(both));
}

#[test]
fn what_is_no_text_is_not_merged_as_one() {
    let merge = |lens: Lens, base: &Value, left: Value, right: Value| {
        let base = Sides::new(base.clone(), base.clone());
        lens.merge_texts(&LensContext::default(), &base, &left, &right)
    };
    let number = |n: i64| Value::Number(n.into());
    let numbers = merge(Lens::Identity, &number(1), number(2), number(3));
    assert_eq!(numbers, None);
    let rich = |text: &str| Value::rich_text(RichText::plain_text(text));
    let formatted = merge(Lens::Identity, &rich("a b c"), rich("x b c"), rich("a b y"));
    assert_eq!(
        formatted, None,
        "no side is the one that has the formatting"
    );
    let text = |text: &str| Value::text(text);
    let uuids = merge(Lens::Uuid, &text("a b c"), text("x b c"), text("a b y"));
    assert_eq!(uuids, None);
}

#[test]
fn an_empty_text_is_a_text_to_merge() {
    for lens in text_lenses() {
        let base = Sides::new(Value::Empty, Value::Empty);
        let added = Value::text("x");
        let merged = lens.merge_texts(&LensContext::default(), &base, &Value::Empty, &added);
        let merged = merged.unwrap();
        assert_eq!(
            (merged.left.display(), merged.right.display()),
            ("x".into(), "x".into())
        );
    }
}
