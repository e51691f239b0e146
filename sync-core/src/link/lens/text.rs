//! Text: words with and without formatting, JSON as text, bodies with line ends of their own.

use std::borrow::Cow;

use super::Unmappable;
use super::splice::splice;
use crate::link::Side;
use crate::value::{Json, RichText, Value};

/// Formatted text meets its words.
pub(super) fn agree_on_words(left: &Value, right: &Value) -> bool {
    words(left).is_some() && words(left) == words(right)
}

pub(super) fn repair_words(
    rich: Side,
    to: Side,
    source: &Value,
    old: Option<&Value>,
) -> Result<Value, Unmappable> {
    let new = words(source).ok_or(Unmappable::WrongKind { expected: "text" })?;
    Ok(if to == rich {
        formatted(old, &new)
    } else {
        Value::text(new)
    })
}

/// The words in formatted text; those that were there keep their look.
fn formatted(old: Option<&Value>, new: &str) -> Value {
    Value::rich_text(match old {
        Some(Value::RichText(old)) => splice(old, new),
        _ => RichText::plain_text(new),
    })
}

/// A text without formatting.
pub(super) fn plain(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Empty => Some("".into()),
        Value::Text(text) => Some(text.into()),
        _ => None,
    }
}

/// A text whose lines all end in one way.
pub(super) fn lines(value: &Value) -> Option<Cow<'_, str>> {
    let text = body(value).ok()?;
    Some(text.replace("\r\n", "\n").replace('\r', "\n").into())
}

/// The words of a text, formatted or not.
pub(super) fn words(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Empty => Some("".into()),
        Value::Text(text) => Some(text.into()),
        Value::RichText(text) => Some(text.plain().into()),
        _ => None,
    }
}

/// A JSON document meets a formatted text that reads as it, however it is laid out.
pub(super) fn agree_on_json(document: Side, left: &Value, right: &Value) -> bool {
    let (value, text) = match document {
        Side::Left => (left, right),
        Side::Right => (right, left),
    };
    matches!(value, Value::Empty | Value::Json(_)) && read_json(text).as_ref() == Ok(value)
}

pub(super) fn repair_json(
    document: Side,
    to: Side,
    source: &Value,
    old: Option<&Value>,
) -> Result<Value, Unmappable> {
    if to == document {
        return read_json(source);
    }
    match source {
        Value::Empty => Ok(Value::Empty),
        Value::Json(json) => Ok(formatted(old, json.as_str())),
        _ => Err(Unmappable::WrongKind {
            expected: "JSON document",
        }),
    }
}

fn read_json(text: &Value) -> Result<Value, Unmappable> {
    let wrong = Unmappable::WrongKind {
        expected: "JSON text",
    };
    match words(text) {
        Some(words) if words.is_empty() => Ok(Value::Empty),
        Some(words) => words.parse::<Json>().map(Value::Json).map_err(|_| wrong),
        None => Err(wrong),
    }
}

/// Long texts meet line by line, however the lines end.
pub(super) fn agree_on_body(left: &Value, right: &Value) -> bool {
    lines(left).is_some() && lines(left) == lines(right)
}

/// The lines of the source, ending as the first line of the target ended.
pub(super) fn repair_body(source: &Value, old: Option<&Value>) -> Result<Value, Unmappable> {
    let new = body(source)?.replace("\r\n", "\n").replace('\r', "\n");
    let old = old.and_then(|old| body(old).ok()).unwrap_or_default();
    Ok(Value::text(match line_end(old) {
        "\n" => new,
        end => new.replace('\n', end),
    }))
}

fn line_end(text: &str) -> &'static str {
    match text.find(['\r', '\n']) {
        Some(at) if text[at..].starts_with("\r\n") => "\r\n",
        Some(at) if text[at..].starts_with('\r') => "\r",
        _ => "\n",
    }
}

fn body(value: &Value) -> Result<&str, Unmappable> {
    match value {
        Value::Empty => Ok(""),
        Value::Text(text) => Ok(text),
        _ => Err(Unmappable::WrongKind { expected: "text" }),
    }
}
