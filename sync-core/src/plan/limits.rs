//! The guard ValueLimits: values a peer would refuse are refused before they are sent.

use crate::schema::{Field, Limits};
use crate::value::Value;

/// Why a value does not fit a field, in a sentence; `None` if it fits.
pub(super) fn over_limit(field: &Field, value: &Value) -> Option<String> {
    let Limits {
        max_utf16,
        max_runs,
        max_items,
    } = field.limits;
    let over = |what: &str, actual: usize, most: Option<u32>| {
        let most = usize::try_from(most?).ok()?;
        (actual > most).then(|| {
            format!(
                "{:?} takes at most {most} {what}, this value has {actual}",
                field.name
            )
        })
    };
    match value {
        Value::Text(text) => over("characters", utf16(text), max_utf16),
        Value::RichText(text) => {
            let length = text.runs().iter().map(|run| utf16(&run.text)).sum();
            over("characters", length, max_utf16)
                .or_else(|| over("differently formatted parts", text.runs().len(), max_runs))
        }
        Value::Choices(choices) => over("options", choices.len(), max_items),
        Value::References(references) => over("references", references.len(), max_items),
        Value::People(people) => over("people", people.len(), max_items),
        Value::Files(files) => over("files", files.len(), max_items),
        Value::List(texts) => over("texts", texts.len(), max_items),
        _ => None,
    }
}

fn utf16(text: &str) -> usize {
    // ASCII, the common case, needs no decoding.
    if text.is_ascii() {
        text.len()
    } else {
        text.encode_utf16().count()
    }
}
