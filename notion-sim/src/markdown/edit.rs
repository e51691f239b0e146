//! Edits of a text: search and replace, and selections by their first and last words.

use std::ops::Range;

use crate::error::{ApiError, ApiResult};

/// One replacement.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    pub(crate) old: String,
    pub(crate) new: String,
    /// Everywhere, not only where there is one place.
    pub(crate) all: bool,
}

/// Carries out replacements one after the other. Where `lenient`, one whose text is nowhere is skipped as
/// long as another one's is found.
pub(crate) fn update(text: &str, updates: &[Update], lenient: bool) -> ApiResult<String> {
    let mut out = text.to_owned();
    let (mut missing, mut found) = (None, false);
    for (at, update) in updates.iter().enumerate() {
        if update.old.is_empty() {
            let path = format!("body.update_content.content_updates[{at}].old_str");
            let given = serde_json::Value::from("");
            return Err(ApiError::body(&path, "populated", Some(&given)));
        }
        match out.matches(&update.old).count() {
            0 if lenient => {
                missing.get_or_insert(&update.old);
                continue;
            }
            0 => return Err(not_found(&update.old)),
            1 => out = out.replacen(&update.old, &update.new, 1),
            _ if update.all => out = out.replace(&update.old, &update.new),
            count => {
                return Err(ApiError::validation(format!(
                    "Multiple matches found for old_str {}: {count}. Make it unique, or set replace_all_matches to true.",
                    shown(&update.old),
                )));
            }
        }
        found = true;
    }
    match missing {
        Some(old) if !found => Err(not_found(old)),
        _ => Ok(out),
    }
}

fn not_found(old: &str) -> ApiError {
    ApiError::validation(format!(
        "No matches found for old_str {}. It has to be exactly as the page's Markdown has it.",
        shown(old)
    ))
}

/// A text as a refusal quotes it: its beginning.
fn shown(text: &str) -> String {
    const KEPT: usize = 55;
    match text.char_indices().nth(KEPT) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Where a selection is: `first words...last words`, or the words themselves. It begins where the first
/// words stand first.
pub(crate) fn select(text: &str, selection: &str) -> ApiResult<Range<usize>> {
    let found = match selection.split_once("...") {
        Some((first, last)) => text.find(first).and_then(|from| {
            let behind = from + first.len();
            let to = text[behind..].find(last)?;
            Some(from..behind + to + last.len())
        }),
        None => text
            .find(selection)
            .map(|from| from..from + selection.len()),
    };
    found.filter(|found| !found.is_empty()).ok_or_else(|| {
        ApiError::validation(format!("String not found: <pattern>{selection}</pattern>"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(old: &str, new: &str) -> Update {
        Update {
            old: old.into(),
            new: new.into(),
            all: false,
        }
    }

    #[test]
    fn replacements_see_what_the_ones_before_left() {
        let updates = [one("a", "b c"), one("c", "d")];
        assert_eq!(update("a", &updates, false).unwrap(), "b d");
        let all = Update {
            all: true,
            ..one("a", "b")
        };
        assert_eq!(update("a a", &[all], false).unwrap(), "b b");
        assert_eq!(update("a", &[], false).unwrap(), "a");
    }

    #[test]
    fn a_replacement_that_is_nowhere_is_skipped_beside_one_that_is() {
        let updates = [one("x", "y"), one("a", "b")];
        assert_eq!(update("a", &updates, true).unwrap(), "b");
        assert!(update("a", &updates, false).is_err());
        assert!(update("a", &[one("x", "y"), one("z", "")], true).is_err());
    }

    #[test]
    fn a_selection_ends_behind_its_last_words() {
        let text = "# One\na b\n# Two\na b";
        assert_eq!(&text[select(text, "# One...b").unwrap()], "# One\na b");
        assert_eq!(&text[select(text, "# Two").unwrap()], "# Two");
        assert_eq!(&text[select(text, "# Two...").unwrap()], "# Two");
        for absent in ["# Three", "b...# One", "", "..."] {
            assert!(select(text, absent).is_err(), "{absent}");
        }
        let refused = select(text, "full_page...full_page").unwrap_err();
        assert_eq!(
            refused.message,
            "String not found: <pattern>full_page...full_page</pattern>"
        );
    }
}
