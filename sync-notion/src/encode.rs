//! Values to what Notion takes. A value that has no form here is refused with a sentence; an option
//! is never made on the way.

use notion_sync_client::object::{
    Annotations, Color, DateValue as NotionDate, RichText, RichTextKind,
};
use notion_sync_client::write::{OptionRef, PropertyWrite, RichTextWrite};
use notion_sync_client::{Number, OptionId, RawValue};
use notion_sync_core::port::{Rejection, RejectionKind};
use notion_sync_core::schema::{Access, Field, FieldType};
use notion_sync_core::value::{Choice, Run, RunKind, Style, Value};

use crate::describe::{MAX_OPTIONS, MAX_RUN_UTF16, MAX_RUNS};

/// The write that gives a field this value.
pub(crate) fn write(field: &Field, value: &Value) -> Result<PropertyWrite, Rejection> {
    if field.access != Access::Writable {
        let why = format!(
            "{:?} is computed by Notion and cannot be written",
            field.name
        );
        return Err(invalid(why));
    }
    let wrong = || wrong_kind(field);
    Ok(match (&field.ty, value) {
        (FieldType::Title, value) => PropertyWrite::Title(text(field, value)?),
        (FieldType::RichText, value) => PropertyWrite::RichText(text(field, value)?),
        (FieldType::Number, Value::Empty) => PropertyWrite::Number(None),
        (FieldType::Number, Value::Number(number)) => {
            let literal: Number = number.as_str().parse().map_err(|_| wrong())?;
            PropertyWrite::Number(Some(literal))
        }
        (FieldType::Checkbox, Value::Empty) => PropertyWrite::Checkbox(false),
        (FieldType::Checkbox, Value::Bool(flag)) => PropertyWrite::Checkbox(*flag),
        (FieldType::Select(_), Value::Empty) => PropertyWrite::Select(None),
        (FieldType::Select(options), Value::Choice(choice)) => {
            PropertyWrite::Select(Some(option(field, options, choice)?))
        }
        (FieldType::Status(_), Value::Empty) => PropertyWrite::Status(None),
        (FieldType::Status(options), Value::Choice(choice)) => {
            PropertyWrite::Status(Some(option(field, options, choice)?))
        }
        (FieldType::MultiSelect(_), Value::Empty) => PropertyWrite::MultiSelect(Vec::new()),
        (FieldType::MultiSelect(options), Value::Choices(choices)) => {
            if choices.len() > MAX_OPTIONS as usize {
                let why = format!("{:?} takes {MAX_OPTIONS} options at once", field.name);
                return Err(invalid(why));
            }
            let all = choices.iter().map(|one| option(field, options, one));
            PropertyWrite::MultiSelect(all.collect::<Result<_, _>>()?)
        }
        (FieldType::Date, Value::Empty) => PropertyWrite::Date(None),
        (FieldType::Date, Value::Date(date)) => PropertyWrite::Date(Some(NotionDate {
            start: date.start.to_string(),
            end: date.end.map(|end| end.to_string()),
            time_zone: None,
        })),
        (FieldType::Url, value) => PropertyWrite::Url(line(value).ok_or_else(wrong)?),
        (FieldType::Email, value) => PropertyWrite::Email(line(value).ok_or_else(wrong)?),
        (FieldType::Phone, value) => PropertyWrite::PhoneNumber(line(value).ok_or_else(wrong)?),
        _ => return Err(wrong()),
    })
}

fn wrong_kind(field: &Field) -> Rejection {
    invalid(format!(
        "the value for {:?} is not a {}",
        field.name,
        field.ty.name()
    ))
}

pub(crate) fn invalid(message: impl Into<String>) -> Rejection {
    Rejection {
        kind: RejectionKind::Invalid,
        message: message.into(),
    }
}

/// `Some(None)` clears.
fn line(value: &Value) -> Option<Option<String>> {
    match value {
        Value::Empty => Some(None),
        Value::Text(text) => Some((!text.is_empty()).then(|| text.clone())),
        _ => None,
    }
}

/// By id where the schema has it, else by the exact name; Notion would make an option of any other.
fn option(field: &Field, options: &[Choice], choice: &Choice) -> Result<OptionRef, Rejection> {
    let by_id = options
        .iter()
        .find(|option| choice.id.is_some() && option.id == choice.id);
    by_id
        .or_else(|| options.iter().find(|option| option.name == choice.name))
        .and_then(|option| option.id.as_deref())
        .map(|id| OptionRef::Id(OptionId::new(id)))
        .ok_or_else(|| {
            invalid(format!(
                "{:?} has no option {:?}; add it to the property first, or use one that exists",
                field.name, choice.name
            ))
        })
}

/// A formatted text as pieces that Notion takes.
pub(crate) fn text(field: &Field, value: &Value) -> Result<Vec<RichTextWrite>, Rejection> {
    let mut writes = Vec::new();
    match value {
        Value::Empty => {}
        Value::Text(text) => words(&mut writes, text, &Style::default()),
        Value::RichText(text) => text.runs().iter().for_each(|one| run(&mut writes, one)),
        _ => return Err(wrong_kind(field)),
    }
    if writes.len() > MAX_RUNS as usize {
        return Err(invalid(format!(
            "the text for {:?} has {} pieces and Notion takes {MAX_RUNS}; shorten it or use less formatting",
            field.name,
            writes.len()
        )));
    }
    Ok(writes)
}

fn run(writes: &mut Vec<RichTextWrite>, run: &Run) {
    match &run.kind {
        RunKind::Equation => {
            writes.push(RichTextWrite::equation(&run.text).styled(looks(&run.style)));
        }
        RunKind::Mention(raw) => {
            let read = serde_json::from_str::<&RawValue>(raw.as_str()).map(RichText::decode);
            let Ok(read) = read else {
                return words(writes, &run.text, &run.style);
            };
            match RichTextWrite::from_read(&read) {
                Some(write) if matches!(read.kind, RichTextKind::Mention { .. }) => {
                    writes.push(write.styled(looks(&run.style)));
                }
                // What cannot be mentioned through the API is still worth its words and its target.
                _ => {
                    let link = run.style.link.clone().or(read.href);
                    let style = Style {
                        link,
                        ..run.style.clone()
                    };
                    words(writes, &run.text, &style);
                }
            }
        }
        _ => words(writes, &run.text, &run.style),
    }
}

/// Words in pieces that Notion takes.
fn words(writes: &mut Vec<RichTextWrite>, text: &str, style: &Style) {
    for piece in pieces(text) {
        let write = match &style.link {
            Some(link) => RichTextWrite::link(piece, link),
            None => RichTextWrite::text(piece),
        };
        writes.push(write.styled(looks(style)));
    }
}

/// Cuts at character boundaries, so that no surrogate pair is torn.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut units = 0;
        let end = rest
            .char_indices()
            .find(|(_, character)| {
                units += character.len_utf16();
                units > MAX_RUN_UTF16
            })
            .map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

fn looks(style: &Style) -> Annotations {
    Annotations {
        bold: style.bold,
        italic: style.italic,
        strikethrough: style.strikethrough,
        underline: style.underline,
        code: style.code,
        color: style.color.as_deref().map_or(Color::Default, Color::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notion_sync_core::schema::{FieldId, Limits};
    use notion_sync_core::value::{RawJson, RichText as Text};

    fn field(ty: FieldType) -> Field {
        Field {
            id: FieldId::new("x"),
            name: "X".to_owned(),
            ty,
            access: Access::Writable,
            limits: Limits::default(),
        }
    }

    fn json(ty: FieldType, value: &Value) -> String {
        serde_json::to_string(&write(&field(ty), value).unwrap()).unwrap()
    }

    #[test]
    fn each_type_has_its_clear() {
        for (ty, cleared) in [
            (FieldType::Title, r#"{"title":[]}"#),
            (FieldType::RichText, r#"{"rich_text":[]}"#),
            (FieldType::Number, r#"{"number":null}"#),
            (FieldType::Checkbox, r#"{"checkbox":false}"#),
            (FieldType::Select(vec![]), r#"{"select":null}"#),
            (FieldType::Status(vec![]), r#"{"status":null}"#),
            (FieldType::MultiSelect(vec![]), r#"{"multi_select":[]}"#),
            (FieldType::Date, r#"{"date":null}"#),
            (FieldType::Url, r#"{"url":null}"#),
            (FieldType::Email, r#"{"email":null}"#),
            (FieldType::Phone, r#"{"phone_number":null}"#),
        ] {
            assert_eq!(json(ty, &Value::Empty), cleared);
        }
    }

    #[test]
    fn an_option_is_never_made_silently() {
        let ty = FieldType::Select(vec![Choice::with_id("o1", "High")]);
        let by_name = Value::Choice(Choice::named("High"));
        assert_eq!(json(ty.clone(), &by_name), r#"{"select":{"id":"o1"}}"#);
        let renamed = Value::Choice(Choice::with_id("o1", "Old name"));
        assert_eq!(json(ty.clone(), &renamed), r#"{"select":{"id":"o1"}}"#);
        let unknown = Value::Choice(Choice::named("high"));
        let refused = write(&field(ty), &unknown).unwrap_err();
        assert_eq!(refused.kind, RejectionKind::Invalid);
        assert!(refused.message.contains("no option \"high\""));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "\u{1f600}".repeat(2_500);
        let cut: Vec<&str> = pieces(&text).collect();
        assert_eq!(cut.concat(), text);
        assert!(
            cut.iter()
                .all(|piece| piece.encode_utf16().count() <= 2_000)
        );
        assert_eq!(cut.len(), 3);
        let odd = format!("a{text}");
        let first = pieces(&odd).next().unwrap();
        assert_eq!(first.encode_utf16().count(), 1_999);
        let too_long = Value::text("x".repeat(200_001));
        assert!(write(&field(FieldType::RichText), &too_long).is_err());
    }

    #[test]
    fn mentions_go_back_as_mentions_or_as_their_words() {
        let mention = |raw: &str| {
            Value::rich_text(Text::new([Run {
                text: "Home".to_owned(),
                style: Style::default(),
                kind: RunKind::Mention(RawJson::new(raw)),
            }]))
        };
        let page = mention(
            r#"{"type":"mention","mention":{"type":"page","page":{"id":"1b2c3d4e-0000-4000-8000-00000000a001"}},"plain_text":"Home","href":null}"#,
        );
        assert!(json(FieldType::RichText, &page).contains(r#""mention":{"type":"page""#));
        let preview = mention(
            r#"{"type":"mention","mention":{"type":"link_preview","link_preview":{"url":"https://x.y"}},"plain_text":"Home","href":"https://x.y"}"#,
        );
        assert_eq!(
            json(FieldType::RichText, &preview),
            r#"{"rich_text":[{"type":"text","text":{"content":"Home","link":{"url":"https://x.y"}}}]}"#
        );
    }

    #[test]
    fn a_value_of_another_kind_is_refused() {
        for (ty, value) in [
            (FieldType::Number, Value::text("3")),
            (FieldType::Date, Value::text("2026-06-15")),
            (FieldType::Title, Value::Bool(true)),
            (FieldType::Url, Value::Bool(true)),
            (FieldType::Other("people".into()), Value::Empty),
        ] {
            assert!(write(&field(ty), &value).is_err());
        }
    }
}
