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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Key;
    use crate::schema::{Access, FieldId, FieldType};
    use crate::value::{Choice, FileRef, FileSource, Person, Reference, RichText, Run, Style};

    fn field(limits: Limits) -> Field {
        Field {
            id: FieldId::new("f"),
            name: "Field".into(),
            ty: FieldType::RichText,
            access: Access::Writable,
            limits,
        }
    }

    /// Two differently formatted parts of so many UTF-16 units; the first character takes two.
    fn rich(units: usize) -> Value {
        let run = |text: &str, bold| Run {
            style: Style {
                bold,
                ..Style::default()
            },
            ..Run::plain(text)
        };
        Value::rich_text(RichText::new([
            run("😀", false),
            run(&"a".repeat(units - 2), true),
        ]))
    }

    #[test]
    fn a_value_at_its_limit_fits_and_one_beyond_does_not() {
        let text = field(Limits {
            max_utf16: Some(5),
            ..Limits::default()
        });
        let lists = field(Limits {
            max_items: Some(5),
            ..Limits::default()
        });
        let names = |n: usize| (0..n).map(|n| n.to_string());
        let file = |name: String| FileRef {
            source: FileSource::External(format!("https://x.org/{name}")),
            name,
        };
        let kinds: [(&Field, &dyn Fn(usize) -> Value); 7] = [
            (&text, &|n| Value::text("é".repeat(n))),
            (&text, &rich),
            (&lists, &|n| {
                Value::choices(names(n).map(Choice::named).collect())
            }),
            (&lists, &|n| {
                Value::references(names(n).map(Key::durable).map(Reference::new).collect())
            }),
            (&lists, &|n| {
                Value::people(names(n).map(Person::with_id).collect())
            }),
            (&lists, &|n| Value::files(names(n).map(file).collect())),
            (&lists, &|n| Value::list(names(n).collect())),
        ];
        for (field, of) in kinds {
            assert_eq!(over_limit(field, &of(5)), None, "{:?}", of(5));
            let why = over_limit(field, &of(6)).unwrap();
            assert!(why.contains("at most 5") && why.ends_with("has 6"), "{why}");
        }
        let parts = field(Limits {
            max_runs: Some(1),
            ..Limits::default()
        });
        assert!(over_limit(&parts, &rich(5)).is_some());
        let plain = Value::rich_text(RichText::plain_text("long enough"));
        assert_eq!(over_limit(&parts, &plain), None);
    }

    #[test]
    fn an_option_name_at_its_limit_fits_and_one_beyond_or_with_a_forbidden_sign_does_not() {
        let field = field(Limits {
            option_utf16: Some(3),
            option_without: Some(','),
            ..Limits::default()
        });
        assert_eq!(unfit_option(&field, "aéa"), None);
        assert_eq!(unfit_option(&field, "a😀"), None);
        let long = unfit_option(&field, "aa😀").unwrap();
        assert!(
            long.contains("at most 3") && long.ends_with("has 4"),
            "{long}"
        );
        let odd = unfit_option(&field, "a,b").unwrap();
        assert!(odd.contains("','"), "{odd}");
    }
}
