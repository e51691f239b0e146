//! One property value of one page: its wire text, ready to be served, and the key it is filtered
//! and sorted by.

use jiff::Timestamp;
use serde_json::{Map, Number, Value, json};
use uuid::Uuid;

use super::kind::Kind;
use crate::ids::parse_id;
use crate::value::date::{Moment, parse_moment};

/// How many references a page, query or search answer shows of one property.
pub(crate) const REFERENCES_SHOWN: usize = 25;

/// A stored value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    /// `{"id":…,"type":…,"<type>":…}`, cut to 25 references.
    wire: Box<str>,
    /// The uncut inner value, when `wire` is cut.
    full: Option<Box<str>>,
    /// What filters and sorts look at.
    pub(crate) key: Key,
    /// Whether a hosted file needs a new signature at each read.
    pub(crate) hosted_files: bool,
    /// Whether people in it are shown as they are at each read.
    pub(crate) mentions_people: bool,
}

/// The comparable content of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Key {
    Empty,
    Text(Box<str>),
    Number(Number),
    Bool(bool),
    /// Options as (id, name).
    Options(Vec<(Box<str>, Box<str>)>),
    /// Start, and end where there is one.
    Date(Moment, Option<Moment>),
    Ids(Vec<Uuid>),
    /// Something that is there, and no more is known.
    Present,
}

impl Cell {
    /// Builds the cell of an inner value that is already in the form it is read in.
    pub(crate) fn new(id: &str, kind: &Kind, inner: &Value) -> Self {
        let name = kind.as_str();
        let cut = match inner {
            Value::Array(items)
                if matches!(kind, Kind::Relation | Kind::People)
                    && items.len() > REFERENCES_SHOWN =>
            {
                Some(Value::Array(items[..REFERENCES_SHOWN].to_vec()))
            }
            _ => None,
        };
        let more = match (kind, cut.is_some()) {
            (Kind::Relation, true) => ",\"has_more\":true",
            (Kind::Relation, false) => ",\"has_more\":false",
            _ => "",
        };
        let shown = cut.as_ref().unwrap_or(inner);
        let wire = format!(
            "{{\"id\":{},\"type\":\"{name}\",{}:{shown}{more}}}",
            Value::from(id),
            Value::from(name),
        );
        Self {
            wire: wire.into(),
            full: cut.map(|_| inner.to_string().into()),
            key: Key::of(kind, inner),
            hosted_files: matches!(kind, Kind::Files) && has_hosted_file(inner),
            mentions_people: matches!(kind, Kind::Title | Kind::RichText) && mentions_people(inner),
        }
    }

    /// The wire text.
    pub(crate) fn wire(&self) -> &str {
        &self.wire
    }

    /// The whole inner value, not cut.
    pub(crate) fn inner(&self, kind: &Kind) -> Value {
        if let Some(full) = &self.full {
            return serde_json::from_str(full).unwrap_or(Value::Null);
        }
        let mut whole: Map<String, Value> = serde_json::from_str(&self.wire).unwrap_or_default();
        whole.remove(kind.as_str()).unwrap_or(Value::Null)
    }

    /// The ids of a relation or people value.
    pub(crate) fn ids(&self) -> &[Uuid] {
        match &self.key {
            Key::Ids(ids) => ids,
            _ => &[],
        }
    }
}

fn has_hosted_file(inner: &Value) -> bool {
    inner
        .as_array()
        .is_some_and(|files| files.iter().any(|file| file["type"] == "file"))
}

fn mentions_people(inner: &Value) -> bool {
    let mut runs = inner.as_array().into_iter().flatten();
    runs.any(|run| run["mention"]["type"] == "user")
}

/// The inner value of a property that was never written.
pub(crate) fn empty_inner(kind: &Kind) -> Value {
    match kind {
        Kind::Checkbox => json!(false),
        Kind::Button => json!({}),
        Kind::UniqueId => json!({"prefix": null, "number": null}),
        Kind::Verification => json!({"state": "unverified", "date": null, "verified_by": null}),
        Kind::Formula => json!({"type": "string", "string": null}),
        Kind::Rollup => json!({"type": "array", "array": [], "function": "show_original"}),
        other if other.is_list() => json!([]),
        _ => Value::Null,
    }
}

impl Key {
    /// The key of an inner value.
    pub(crate) fn of(kind: &Kind, inner: &Value) -> Self {
        match kind {
            Kind::Title | Kind::RichText => {
                let text = plain_text(inner);
                if text.is_empty() {
                    Self::Empty
                } else {
                    Self::Text(text.into())
                }
            }
            Kind::UniqueId => Self::scalar(&inner["number"]),
            Kind::Select | Kind::Status => match inner {
                Value::Object(_) => Self::Options(vec![option_key(inner)]),
                _ => Self::Empty,
            },
            Kind::MultiSelect => match inner.as_array() {
                Some(items) if !items.is_empty() => {
                    Self::Options(items.iter().map(option_key).collect())
                }
                _ => Self::Empty,
            },
            Kind::Date => Self::date(inner),
            Kind::People | Kind::Relation => {
                let ids: Vec<Uuid> = inner
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|item| item["id"].as_str().and_then(parse_id))
                    .collect();
                if ids.is_empty() {
                    Self::Empty
                } else {
                    Self::Ids(ids)
                }
            }
            Kind::Formula | Kind::Rollup => match inner["type"].as_str() {
                Some("date") => Self::date(&inner["date"]),
                Some(result) => Self::scalar(&inner[result]),
                None => Self::Empty,
            },
            _ => Self::scalar(inner),
        }
    }

    fn scalar(inner: &Value) -> Self {
        match inner {
            Value::Null => Self::Empty,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) if text.is_empty() => Self::Empty,
            Value::String(text) => Self::Text(text.as_str().into()),
            Value::Array(items) if items.is_empty() => Self::Empty,
            Value::Array(_) | Value::Object(_) => Self::Present,
        }
    }

    fn date(inner: &Value) -> Self {
        let end = inner["end"].as_str().and_then(parse_moment);
        match inner["start"].as_str().and_then(parse_moment) {
            Some(start) => Self::Date(start, end),
            None => Self::Empty,
        }
    }

    /// The key of a page's own time.
    pub(crate) fn instant(at: Timestamp) -> Self {
        Self::Date(Moment::Instant(at), None)
    }
}

fn option_key(option: &Value) -> (Box<str>, Box<str>) {
    let text = |key: &str| option[key].as_str().unwrap_or_default().into();
    (text("id"), text("name"))
}

/// The text of a rich text array without its styles.
pub(crate) fn plain_text(rich_text: &Value) -> String {
    let mut out = String::new();
    for run in rich_text.as_array().into_iter().flatten() {
        out.push_str(run["plain_text"].as_str().unwrap_or_default());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_shows_25_and_keeps_all() {
        let ids: Vec<Value> = (0..30)
            .map(|n| json!({"id": Uuid::from_u128(n).to_string()}))
            .collect();
        let cell = Cell::new("a%3Ab", &Kind::Relation, &Value::Array(ids.clone()));
        let wire: Value = serde_json::from_str(cell.wire()).unwrap();
        assert_eq!(wire["relation"].as_array().unwrap().len(), 25);
        assert_eq!(wire["has_more"], true);
        assert_eq!(cell.inner(&Kind::Relation), Value::Array(ids));
        assert_eq!(cell.ids().len(), 30);
    }

    #[test]
    fn exact_integers_survive() {
        let inner: Value = serde_json::from_str("9007199254740993").unwrap();
        let cell = Cell::new("n", &Kind::Number, &inner);
        assert!(cell.wire().contains(":9007199254740993}"));
    }
}
