//! New words into formatted text: every word that was not edited keeps its look.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::value::{RichText, Run, RunKind, Style};

/// Replaces the words of `old` by `new`. Kept words keep their run; a mention or equation survives
/// if all of it is kept; new words take the look of what they replace or follow.
pub(super) fn splice(old: &RichText, new: &str) -> RichText {
    let plain = old.plain();
    let old_tokens = tokens(&plain);
    let new_tokens = tokens(new);
    let ops = capture_diff_slices(Algorithm::Myers, &old_tokens, &new_tokens);

    let starts = offsets(&old_tokens);
    let new_starts = offsets(&new_tokens);
    let mut pieces: Vec<Run> = Vec::new();
    for op in ops {
        let (old_range, new_range) = (op.old_range(), op.new_range());
        let span = starts[old_range.start]..starts[old_range.end];
        if let DiffOp::Equal { .. } = op {
            cut(old, span.start, span.end, &mut pieces);
        } else if !new_range.is_empty() {
            let text = &new[new_starts[new_range.start]..new_starts[new_range.end]];
            let style = if span.is_empty() {
                pieces
                    .last()
                    .map(|run| run.style.clone())
                    .unwrap_or_default()
            } else {
                style_at(old, span.start)
            };
            pieces.push(Run {
                text: text.to_owned(),
                style,
                kind: RunKind::Text,
            });
        }
    }
    RichText::new(pieces)
}

/// Words, and everything between them one character at a time.
pub(super) fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut word_start = None;
    for (at, ch) in text.char_indices() {
        if ch.is_alphanumeric() {
            word_start.get_or_insert(at);
            continue;
        }
        if let Some(start) = word_start.take() {
            tokens.push(&text[start..at]);
        }
        tokens.push(&text[at..at + ch.len_utf8()]);
    }
    if let Some(start) = word_start {
        tokens.push(&text[start..]);
    }
    tokens
}

/// Byte offset of each token, and of the end.
fn offsets(tokens: &[&str]) -> Vec<usize> {
    let mut at = 0;
    let mut offsets = Vec::with_capacity(tokens.len() + 1);
    offsets.push(0);
    for token in tokens {
        at += token.len();
        offsets.push(at);
    }
    offsets
}

/// Copies bytes `from..to` of the plain text as runs. An atomic run cut short becomes its words.
fn cut(text: &RichText, from: usize, to: usize, into: &mut Vec<Run>) {
    let mut start = 0;
    for run in text.runs() {
        let end = start + run.text.len();
        let (low, high) = (from.max(start), to.min(end));
        if low < high {
            let whole = low == start && high == end;
            let kind = if whole {
                run.kind.clone()
            } else {
                RunKind::Text
            };
            let text = run.text[low - start..high - start].to_owned();
            into.push(Run {
                text,
                style: run.style.clone(),
                kind,
            });
        }
        start = end;
    }
}

fn style_at(text: &RichText, at: usize) -> Style {
    let mut start = 0;
    for run in text.runs() {
        start += run.text.len();
        if at < start {
            return run.style.clone();
        }
    }
    Style::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bold(text: &str) -> Run {
        Run {
            style: Style {
                bold: true,
                ..Style::default()
            },
            ..Run::plain(text)
        }
    }

    #[test]
    fn pain_14_bold_words_stay_bold_when_other_words_change() {
        let old = RichText::new([
            Run::plain("ship "),
            bold("on Friday"),
            Run::plain(", maybe"),
        ]);
        let new = splice(&old, "please ship on Friday, surely");
        assert_eq!(
            new,
            RichText::new([
                Run::plain("please ship "),
                bold("on Friday"),
                Run::plain(", surely")
            ])
        );
        assert_eq!(
            splice(&old, "ship on Monday, maybe"),
            RichText::new([
                Run::plain("ship "),
                bold("on Monday"),
                Run::plain(", maybe")
            ])
        );
    }

    #[test]
    fn pain_14_a_word_takes_the_look_of_the_word_it_replaces_not_of_the_one_before() {
        let old = RichText::new([Run::plain("ship "), bold("Friday")]);
        assert_eq!(
            splice(&old, "ship Monday"),
            RichText::new([Run::plain("ship "), bold("Monday")])
        );
    }

    #[test]
    fn a_mention_survives_whole_or_becomes_words() {
        let mention = Run {
            text: "@Ada Lovelace".into(),
            style: Style::default(),
            kind: RunKind::Mention(crate::value::RawJson::new("{}")),
        };
        let old = RichText::new([Run::plain("ask "), mention.clone(), Run::plain(" today")]);
        assert_eq!(
            splice(&old, "ask @Ada Lovelace tomorrow"),
            RichText::new([Run::plain("ask "), mention, Run::plain(" tomorrow")])
        );
        assert_eq!(
            splice(&old, "ask @Ada today"),
            RichText::plain_text("ask @Ada today")
        );
    }

    #[test]
    fn clearing_and_filling() {
        let old = RichText::new([bold("x")]);
        assert!(splice(&old, "").is_empty());
        assert_eq!(
            splice(&RichText::default(), "new"),
            RichText::plain_text("new")
        );
    }
}
