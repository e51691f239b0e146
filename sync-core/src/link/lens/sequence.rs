//! Lists of texts whose order counts.

use std::collections::BTreeSet;

use super::Unmappable;
use crate::link::Sides;
use crate::value::Value;

pub(super) fn agree(left: &Value, right: &Value) -> bool {
    texts(left).is_ok_and(|left| texts(right).is_ok_and(|right| left == right))
}

pub(super) fn repair(source: &Value) -> Result<Value, Unmappable> {
    texts(source).map(|texts| Value::list(texts.to_vec()))
}

/// Merges two edits of a list. A text is in the result if all three have it, or if the base lacks
/// it and a side has it (rule F06); of a repeated text each occurrence counts on its own. The
/// order is that of the side that changed it; what only the other side added follows what it
/// followed there. Where both changed the order, or neither, the side whose list sorts first leads,
/// so that both sides of a link see the same result.
pub(super) fn merge(
    base: &Sides<Value>,
    left: &Value,
    right: &Value,
) -> Result<Sides<Value>, Unmappable> {
    let base = occurrences(texts(&base.left)?);
    let (left, right) = (occurrences(texts(left)?), occurrences(texts(right)?));
    let (left_has, right_has, base_has) = (set(&left), set(&right), set(&base));
    let kept = |item: &Occurrence<'_>| {
        let (left, right) = (left_has.contains(item), right_has.contains(item));
        if base_has.contains(item) {
            left && right
        } else {
            left || right
        }
    };
    let moved = |side: &[Occurrence<'_>], has: &BTreeSet<Occurrence<'_>>| {
        let now = side.iter().filter(|item| base_has.contains(item));
        !now.eq(base.iter().filter(|item| has.contains(item)))
    };
    let (leads, follows) = match (moved(&left, &left_has), moved(&right, &right_has)) {
        (true, false) => (&left, &right),
        (false, true) => (&right, &left),
        _ if left <= right => (&left, &right),
        _ => (&right, &left),
    };
    let mut merged: Vec<_> = leads.iter().copied().filter(kept).collect();
    let follows_has = set(follows);
    let added = |item: &&Occurrence<'_>| !base_has.contains(item) && !follows_has.contains(item);
    let mut after = 0;
    for item in follows.iter().filter(|item| kept(item)) {
        match merged.iter().position(|there| there == item) {
            Some(at) => after = at + 1,
            None => {
                // What both added at one place stays together.
                after += merged[after..].iter().take_while(added).count();
                merged.insert(after, *item);
                after += 1;
            }
        }
    }
    let merged: Vec<String> = merged.into_iter().map(|item| item.0.to_owned()).collect();
    Ok(Sides::new(Value::list(merged.clone()), Value::list(merged)))
}

/// A text, and how many equal ones there are up to it.
type Occurrence<'a> = (&'a str, usize);

fn occurrences(texts: &[String]) -> Vec<Occurrence<'_>> {
    let mut counts = std::collections::BTreeMap::new();
    let mut count = |text| {
        let seen: &mut usize = counts.entry(text).or_default();
        *seen += 1;
        *seen
    };
    let texts = texts.iter().map(String::as_str);
    texts.map(|text| (text, count(text))).collect()
}

fn set<'a>(list: &[Occurrence<'a>]) -> BTreeSet<Occurrence<'a>> {
    list.iter().copied().collect()
}

fn texts(value: &Value) -> Result<&[String], Unmappable> {
    match value {
        Value::Empty => Ok(&[]),
        Value::List(texts) => Ok(texts),
        _ => Err(Unmappable::WrongKind {
            expected: "list of texts",
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn merged(base: &str, left: &str, right: &str) -> String {
        let value = |text: &str| Value::list(text.chars().map(String::from).collect());
        let both = merge(
            &Sides::new(value(base), value(base)),
            &value(left),
            &value(right),
        );
        let both = both.unwrap();
        assert_eq!(both.left, both.right);
        texts(&both.left).unwrap().concat()
    }

    #[test]
    fn both_edits_are_in_and_the_order_is_that_of_the_side_that_changed_it() {
        for (base, left, right, result) in [
            ("abc", "cba", "abcd", "cdba"),
            ("abc", "abxc", "bc", "bxc"),
            ("ab", "axb", "ayb", "axyb"),
            ("", "a", "b", "ab"),
            ("", "xy", "zy", "xzy"),
            ("aa", "aaa", "a", "aa"),
            ("abc", "", "abc", ""),
        ] {
            assert_eq!(merged(base, left, right), result, "{base} {left} {right}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn no_element_is_lost_and_both_sides_see_one_result(
            base in "[a-d]{0,5}", left in "[a-d]{0,5}", right in "[a-d]{0,5}",
        ) {
            let result = merged(&base, &left, &right);
            prop_assert_eq!(&merged(&base, &right, &left), &result);
            for letter in "abcd".chars() {
                let count = |text: &str| text.chars().filter(|found| *found == letter).count();
                let (b, l, r) = (count(&base), count(&left), count(&right));
                // Per occurrence: (base and left and right) or (not base and (left or right)).
                let expected = (0..5).filter(|n| {
                    let (b, l, r) = (*n < b, *n < l, *n < r);
                    (b && l && r) || (!b && (l || r))
                });
                prop_assert_eq!(count(&result), expected.count());
            }
        }

        #[test]
        fn an_edit_of_one_side_is_the_result(base in "[a-d]{0,5}", edited in "[a-d]{0,5}") {
            prop_assert_eq!(&merged(&base, &edited, &base), &edited);
            prop_assert_eq!(&merged(&base, &edited, &edited), &edited);
        }

        #[test]
        fn the_order_is_that_of_the_side_that_changed_it(
            shuffled in Just("abcde".chars().collect::<Vec<_>>()).prop_shuffle(),
            removed in prop::sample::subsequence("abcde".chars().collect::<Vec<_>>(), 0..5),
        ) {
            let shuffled: String = shuffled.into_iter().collect();
            let other: String = "abcde".chars().filter(|found| !removed.contains(found)).collect();
            let expected: String = shuffled.chars().filter(|found| !removed.contains(found)).collect();
            prop_assert_eq!(merged("abcde", &shuffled, &other), expected);
        }
    }
}
