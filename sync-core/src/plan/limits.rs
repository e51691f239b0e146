//! The guard ValueLimits: values a peer would refuse are refused before they are sent.

use crate::schema::{Field, Limits};
use crate::value::Value;

/// Why a value does not fit a field, in a sentence; `None` if it fits.
pub(super) fn over_limit(field: &Field, value: &Value) -> Option<String> {
    let Limits {
        max_utf16,
        max_runs,
        max_items,
        ..
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

/// Why a field takes no option of this name, in a sentence; `None` if it does.
pub(super) fn unfit_option(field: &Field, name: &str) -> Option<String> {
    let Limits {
        option_utf16,
        option_without,
        ..
    } = field.limits;
    let label = &field.name;
    if let Some(odd) = option_without.filter(|odd| name.contains(*odd)) {
        return Some(format!(
            "{label:?} takes no option with {odd:?} in its name, as in {name:?}"
        ));
    }
    let (most, length) = (usize::try_from(option_utf16?).ok()?, utf16(name));
    (length > most).then(|| {
        format!("{label:?} takes option names of at most {most} characters, this one has {length}")
    })
}

fn utf16(text: &str) -> usize {
    // ASCII, the common case, needs no decoding.
    if text.is_ascii() {
        text.len()
    } else {
        text.encode_utf16().count()
    }
}
