//! One property of a page to one cell.

use std::fmt;

use notion_sync_client::object::PropertyType;
use notion_sync_client::{RawValue, unsigned};
use notion_sync_core::record::Cell;
use notion_sync_core::value::{
    Choice, DateValue, FileRef, Number, Person, Reference, Value, Verification, VerificationState,
};
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::element::{Attachment, RelatedPage, User};
use super::raw::{Word, clean};
use super::text;

/// References a page's answer shows of one property (NOTION_API 3.4).
const SHOWN_REFERENCES: usize = 25;

/// Decodes `{id, type, [type]: …}`. What does not have its shape is kept raw, never guessed.
pub(crate) fn cell(kind: &PropertyType, raw: &str) -> Cell {
    known(kind, raw).unwrap_or_else(|| Cell::Unsupported(clean(raw)))
}

fn known(kind: &PropertyType, raw: &str) -> Option<Cell> {
    if let Some(cell) = at_the_front(kind, raw) {
        return Some(cell);
    }
    let (inner, has_more) = inner(raw, kind.as_str())?;
    decode(kind, inner, has_more)
}

/// The server writes id, type and value in this order and nothing after them; then the value need
/// not be looked for. Anything else fails to decode here and takes the thorough way.
fn at_the_front(kind: &PropertyType, raw: &str) -> Option<Cell> {
    use PropertyType as Type;
    // Only types whose decoding reads the whole text, so that nothing behind the value slips in.
    let strict = matches!(
        kind,
        Type::Title
            | Type::RichText
            | Type::Number
            | Type::Checkbox
            | Type::Select
            | Type::Status
            | Type::MultiSelect
            | Type::Date
            | Type::Url
            | Type::Email
            | Type::PhoneNumber
    );
    let word = kind.as_str();
    let rest = raw.strip_prefix(r#"{"id":""#).filter(|_| strict)?;
    let (_, rest) = rest.split_once(r#"","type":""#)?;
    let rest = rest.strip_prefix(word)?.strip_prefix(r#"",""#)?;
    let rest = rest.strip_prefix(word)?.strip_prefix(r#"":"#)?;
    decode(kind, rest.strip_suffix('}')?, None)
}

fn decode(kind: &PropertyType, inner: &str, has_more: Option<bool>) -> Option<Cell> {
    let value = match kind {
        PropertyType::Title | PropertyType::RichText => {
            let text = text::decode(inner)?;
            let value = Value::rich_text(text.text);
            return Some(if text.cut {
                Cell::Truncated(value)
            } else {
                Cell::Complete(value)
            });
        }
        PropertyType::Number => number(inner)?,
        PropertyType::Checkbox => Value::Bool(from(inner)?),
        PropertyType::Select | PropertyType::Status => {
            from::<Option<OptionWire>>(inner)?.map_or(Value::Empty, |one| Value::Choice(one.into()))
        }
        PropertyType::MultiSelect => {
            let options: Vec<OptionWire> = from(inner)?;
            Value::choices(options.into_iter().map(Choice::from).collect())
        }
        PropertyType::Date => date(inner)?,
        PropertyType::Url | PropertyType::Email | PropertyType::PhoneNumber => words(inner)?,
        PropertyType::CreatedTime | PropertyType::LastEditedTime => {
            moment(&from::<Word<'_>>(inner)?.0)?
        }
        PropertyType::UniqueId => unique_id(inner)?,
        PropertyType::Formula => formula(inner)?,
        PropertyType::Rollup => rollup(inner)?,
        PropertyType::Relation => {
            let shown: Vec<RelatedPage<'_>> = from(inner)?;
            let count = shown.len();
            let value = Value::references(shown.into_iter().map(Reference::from).collect());
            return Some(as_far_as_shown(value, count, has_more));
        }
        PropertyType::People => {
            let shown: Vec<User<'_>> = from(inner)?;
            let count = shown.len();
            let value = Value::people(shown.into_iter().map(Person::from).collect());
            return Some(as_far_as_shown(value, count, has_more));
        }
        PropertyType::Files => {
            let files: Vec<Attachment<'_>> = from(inner)?;
            let files: Option<Vec<FileRef>> = files.into_iter().map(Attachment::file).collect();
            Value::files(files?)
        }
        PropertyType::CreatedBy | PropertyType::LastEditedBy => {
            let who: Option<User<'_>> = from(inner)?;
            Value::people(who.into_iter().map(Person::from).collect())
        }
        PropertyType::Verification => verification(inner).unwrap_or_else(|| raw_value(inner)),
        PropertyType::Button | PropertyType::Place => raw_value(inner),
        _ => return None,
    };
    Some(Cell::Complete(value))
}

/// Whole unless the answer says there is more, or shows as many as it ever does.
fn as_far_as_shown(value: Value, count: usize, has_more: Option<bool>) -> Cell {
    if has_more.unwrap_or(count >= SHOWN_REFERENCES) {
        Cell::Truncated(value)
    } else {
        Cell::Complete(value)
    }
}

fn from<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    serde_json::from_str(text).ok()
}

/// Nothing there is nothing, whatever the type.
fn raw_value(inner: &str) -> Value {
    match inner {
        "null" | "[]" | "{}" => Value::Empty,
        _ => Value::Raw(clean(inner)),
    }
}

fn number(inner: &str) -> Option<Value> {
    match inner.as_bytes().first()? {
        b'-' | b'0'..=b'9' => inner.parse::<Number>().ok().map(Value::Number),
        _ => (inner == "null").then_some(Value::Empty),
    }
}

fn words(inner: &str) -> Option<Value> {
    from::<Option<String>>(inner).map(|text| text.map_or(Value::Empty, Value::text))
}

/// A moment as Notion writes it.
pub(super) fn moment(text: &str) -> Option<Value> {
    text.parse::<DateValue>().ok().map(Value::Date)
}

fn date(inner: &str) -> Option<Value> {
    let Some(date) = from::<Option<DateWire<'_>>>(inner)? else {
        return Some(Value::Empty);
    };
    // Answers show the zone as null. A date with one would lose it on the way back.
    if date.time_zone.is_some() {
        return None;
    }
    let end = match date.end {
        Some(end) => Some(end.0.parse().ok()?),
        None => None,
    };
    Some(Value::Date(DateValue::new(date.start.0.parse().ok()?, end)))
}

fn verification(inner: &str) -> Option<Value> {
    let Some(wire) = from::<Option<VerificationWire<'_>>>(inner)? else {
        return Some(Value::Empty);
    };
    let date = match wire
        .date
        .map(RawValue::get)
        .map_or(Some(Value::Empty), date)?
    {
        Value::Date(date) => Some(date),
        _ => None,
    };
    Some(Value::verification(Verification {
        state: VerificationState::from(wire.state),
        date,
        by: wire.verified_by.map(Person::from),
    }))
}

fn unique_id(inner: &str) -> Option<Value> {
    let id: UniqueIdWire<'_> = from(inner)?;
    let number = id.number.map(RawValue::get).filter(|text| *text != "null");
    Some(match (id.prefix, number) {
        (_, None) => Value::Empty,
        (Some(prefix), Some(number)) => Value::text(format!("{}-{number}", prefix.0)),
        (None, Some(number)) => Value::text(number),
    })
}

fn formula(inner: &str) -> Option<Value> {
    let kind: Tag<'_> = from(inner)?;
    let (value, _) = self::inner(inner, &kind.kind.0)?;
    match &*kind.kind.0 {
        "string" => Some(match words(value)? {
            Value::Text(text) => Value::text(unsigned(&text)),
            other => other,
        }),
        "number" => number(value),
        "boolean" => from::<Option<bool>>(value).map(|flag| flag.map_or(Value::Empty, Value::Bool)),
        "date" => date(value),
        _ => None,
    }
}

fn rollup(inner: &str) -> Option<Value> {
    let kind: Tag<'_> = from(inner)?;
    let (value, _) = self::inner(inner, &kind.kind.0)?;
    match &*kind.kind.0 {
        "number" => number(value),
        "date" => date(value),
        "array" => Some(raw_value(value)),
        // `incomplete` and `unsupported`: not zero, not empty.
        _ => None,
    }
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(rename = "type", borrow)]
    kind: Word<'a>,
}

#[derive(Deserialize)]
struct OptionWire {
    #[serde(default)]
    id: Option<String>,
    name: String,
}

impl From<OptionWire> for Choice {
    fn from(option: OptionWire) -> Self {
        Self {
            id: option.id.map(Into::into),
            name: option.name.into(),
        }
    }
}

#[derive(Deserialize)]
struct DateWire<'a> {
    #[serde(borrow)]
    start: Word<'a>,
    #[serde(borrow, default)]
    end: Option<Word<'a>>,
    #[serde(borrow, default)]
    time_zone: Option<Word<'a>>,
}

#[derive(Deserialize)]
struct VerificationWire<'a> {
    state: String,
    #[serde(borrow, default)]
    date: Option<&'a RawValue>,
    #[serde(borrow, default)]
    verified_by: Option<User<'a>>,
}

#[derive(Deserialize)]
struct UniqueIdWire<'a> {
    #[serde(borrow, default)]
    prefix: Option<Word<'a>>,
    #[serde(borrow, default)]
    number: Option<&'a RawValue>,
}

/// The value under `key`, and `has_more` beside it.
fn inner<'a>(raw: &'a str, key: &str) -> Option<(&'a str, Option<bool>)> {
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    let (value, more) = Member(key).deserialize(&mut deserializer).ok()?;
    Some((value?.get(), more))
}

struct Member<'k>(&'k str);

type Found<'de> = (Option<&'de RawValue>, Option<bool>);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Found<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        let (mut value, mut more) = (None, None);
        while let Some(Word(key)) = map.next_key()? {
            if key == self.0 {
                value = Some(map.next_value()?);
            } else if key == "has_more" {
                more = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok((value, more))
    }
}

#[cfg(test)]
mod tests;
