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
