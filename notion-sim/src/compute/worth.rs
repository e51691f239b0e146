//! Values while a formula is computed.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::number;
use crate::ids::parse_id;
use crate::model::cell::{Key, plain_text};
use crate::model::kind::Kind;
use crate::value::date::{Moment, parse_moment};

/// What a part of a formula is worth.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Worth {
    Empty,
    Number(f64),
    Text(String),
    Bool(bool),
    Date(Moment, Option<Moment>),
    List(Vec<Worth>),
    Person(Uuid),
    Page(Uuid),
}

/// The type of a formula's result, as its values say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Text,
    Number,
    Bool,
    Date,
}

impl Outcome {
    /// Its name in values.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "number",
            Self::Bool => "boolean",
            Self::Date => "date",
        }
    }

    /// Its name in filters.
    pub(crate) fn filter(self) -> &'static str {
        match self {
            Self::Bool => "checkbox",
            other => other.as_str(),
        }
    }
}

impl Worth {
    /// The value of a property.
    pub(crate) fn of(kind: &Kind, inner: &Value) -> Self {
        let list = |one: &dyn Fn(&Value) -> Self| match inner.as_array() {
            Some(items) => Self::List(items.iter().map(one).collect()),
            None => Self::Empty,
        };
        match kind {
            Kind::Title | Kind::RichText => Self::text(plain_text(inner)),
            Kind::Select | Kind::Status => Self::string(&inner["name"]),
            Kind::MultiSelect | Kind::Files => list(&|item| Self::string(&item["name"])),
            Kind::People => list(&Self::person),
            Kind::Relation => list(&|item| {
                let id = item["id"].as_str().and_then(parse_id);
                id.map_or(Self::Empty, Self::Page)
            }),
            Kind::CreatedBy | Kind::LastEditedBy => Self::person(inner),
            Kind::CreatedTime | Kind::LastEditedTime => Self::moment(inner),
            Kind::UniqueId => match (inner["prefix"].as_str(), inner["number"].as_u64()) {
                (Some(prefix), Some(number)) => Self::Text(format!("{prefix}-{number}")),
                (None, Some(number)) => Self::Text(number.to_string()),
                _ => Self::Empty,
            },
            Kind::Rollup if inner["array"].is_array() => {
                let items = inner["array"].as_array().into_iter().flatten();
                let items = items.map(|item| {
                    let name = item["type"].as_str().unwrap_or_default();
                    Self::of(&Kind::parse(name), &item[name])
                });
                // Lists of lists are one list, as in the app.
                Self::List(items.flat_map(Self::elements).collect())
            }
            kind => Self::of_key(&Key::of(kind, inner)),
        }
    }

    fn of_key(key: &Key) -> Self {
        match key {
            Key::Text(text) => Self::Text(text.to_string()),
            Key::Number(number) => Self::Number(number.as_f64().unwrap_or_default()),
            Key::Bool(flag) => Self::Bool(*flag),
            Key::Date(start, end) => Self::Date(*start, *end),
            Key::Empty | Key::Options(_) | Key::Ids(_) | Key::Present => Self::Empty,
        }
    }

    fn person(user: &Value) -> Self {
        let id = user["id"].as_str().and_then(parse_id);
        id.map_or(Self::Empty, Self::Person)
    }

    fn moment(text: &Value) -> Self {
        let at = text.as_str().and_then(parse_moment);
        at.map_or(Self::Empty, |at| Self::Date(at, None))
    }

    fn string(text: &Value) -> Self {
        Self::text(text.as_str().unwrap_or_default().to_owned())
    }

    fn text(text: String) -> Self {
        if text.is_empty() {
            Self::Empty
        } else {
            Self::Text(text)
        }
    }

    /// A list's elements; of anything else itself, of nothing none.
    pub(crate) fn elements(self) -> Vec<Self> {
        match self {
            Self::List(items) => items,
            Self::Empty => Vec::new(),
            other => vec![other],
        }
    }

    /// Whether `empty()` says so.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Number(number) => *number == 0.0,
            Self::Bool(flag) => !flag,
            Self::Date(..) | Self::Person(_) | Self::Page(_) => false,
        }
    }

    /// Whether it counts as true in a condition.
    pub(crate) fn is_true(&self) -> bool {
        !self.is_empty()
    }

    /// What the result is when it tells by itself.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        Some(match self {
            Self::Empty => return None,
            Self::Number(_) => Outcome::Number,
            Self::Bool(_) => Outcome::Bool,
            Self::Date(..) => Outcome::Date,
            Self::Text(_) | Self::List(_) | Self::Person(_) | Self::Page(_) => Outcome::Text,
        })
    }

    /// The inner value of a formula. `text` is how it reads as text; `expected` is what an empty result would have been.
    pub(crate) fn to_inner(&self, expected: Option<Outcome>, text: &str) -> Value {
        let outcome = self.outcome().or(expected).unwrap_or(Outcome::Text);
        let shown = match self {
            Self::Empty if outcome == Outcome::Bool => json!(false),
            Self::Empty => Value::Null,
            Self::Number(value) if value.is_finite() => number(*value),
            Self::Number(_) => Value::Null,
            Self::Bool(flag) => json!(flag),
            Self::Date(start, end) => json!({
                "start": moment_text(*start), "end": end.map(moment_text), "time_zone": null,
            }),
            _ if text.is_empty() => Value::Null,
            _ => json!(text),
        };
        json!({"type": outcome.as_str(), outcome.as_str(): shown})
    }
}

/// A moment as date values write it.
fn moment_text(moment: Moment) -> String {
    match moment {
        Moment::Day(day) => day.to_string(),
        Moment::Instant(at) => instant_text(at),
    }
}

fn instant_text(at: Timestamp) -> String {
    jiff::tz::Offset::UTC
        .to_datetime(at)
        .strftime("%Y-%m-%dT%H:%M:%S.000+00:00")
        .to_string()
}
