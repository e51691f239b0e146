//! Three-way merge of texts, word by word; for those who ask for it.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::splice::tokens;

/// Merges two edits of a text where they touch different words; `None` where they overlap or
/// touch, unless they are the same edit.
///
/// Words and the characters between them count one by one. The result does not depend on which
/// side is which. That two edits touch different words does not mean that they make sense
/// together: this is for fields whose owner said so.
pub fn merge_text(base: &str, left: &str, right: &str) -> Option<String> {
    let tokens_of_base = tokens(base);
    let mut edits = edits(&tokens_of_base, left);
    edits.extend(self::edits(&tokens_of_base, right));
    edits.sort();
    edits.dedup();
    let mut merged = String::with_capacity(left.len().max(right.len()));
    let mut at = 0;
    for (index, edit) in edits.iter().enumerate() {
        // Between two edits at least one token of the base has to stand.
        if index > 0 && edit.start <= at {
            return None;
        }
        merged.extend(tokens_of_base.get(at..edit.start)?.iter().copied());
        merged.push_str(&edit.text);
        at = edit.end;
    }
    merged.extend(tokens_of_base.get(at..)?.iter().copied());
    Some(merged)
}

/// Tokens of the base, and the text that replaces them.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

fn edits(base: &[&str], edited: &str) -> Vec<Edit> {
    let edited = tokens(edited);
    let mut edits: Vec<Edit> = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, base, &edited) {
        if let DiffOp::Equal { .. } = op {
            continue;
        }
        let Range { start, end } = op.old_range();
        let text = edited[op.new_range()].concat();
        match edits.last_mut().filter(|last| last.end == start) {
            // A removal and an insertion at one place are one edit.
            Some(last) => {
                last.end = end;
                last.text.push_str(&text);
            }
            None => edits.push(Edit { start, end, text }),
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edits_of_different_words_are_merged_and_of_the_same_words_are_not() {
        let base = "ship on Friday, maybe";
        let merged = merge_text(
            base,
            "ship on Monday, maybe",
            "please ship on Friday, surely",
        );
        assert_eq!(merged.as_deref(), Some("please ship on Monday, surely"));
        assert_eq!(
            merge_text(base, "ship on Monday, maybe", "ship on Sunday, maybe"),
            None
        );
        assert_eq!(merge_text(base, "ship on Friday", ""), None);
        assert_eq!(merge_text("a", "a b", "a c"), None, "both add at one place");
        assert_eq!(
            merge_text("a b c", "x b c", "a b y").as_deref(),
            Some("x b y")
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn an_edit_of_one_side_and_the_same_edit_of_both_are_taken(
            base in "[ab ]{0,8}", edited in "[ab ]{0,8}",
        ) {
            let edited = Some(edited);
            let text = edited.as_deref().unwrap();
            prop_assert_eq!(&merge_text(&base, text, &base), &edited);
            prop_assert_eq!(&merge_text(&base, &base, text), &edited);
            prop_assert_eq!(&merge_text(&base, text, text), &edited);
        }

        #[test]
        fn sides_do_not_matter(
            base in "[ab ]{0,8}", left in "[ab ]{0,8}", right in "[ab ]{0,8}",
        ) {
            prop_assert_eq!(merge_text(&base, &left, &right), merge_text(&base, &right, &left));
        }

        #[test]
        fn edits_apart_from_each_other_are_both_in(
            before in "[ab]{1,4}", after in "[ab]{1,4}", first in "[xy]{1,4}", last in "[xy]{1,4}",
        ) {
            let merged = merge_text(
                &format!("{before} - {after}"),
                &format!("{first} - {after}"),
                &format!("{before} - {last}"),
            );
            prop_assert_eq!(merged, Some(format!("{first} - {last}")));
        }
    }
}
