//! Peer-neutral values. Canonical by construction: one way to be empty, one way to write a number.

mod canonical;
mod choice;
mod date;
mod digest;
mod file;
mod json;
mod number;
mod person;
mod place;
mod raw;
mod reference;
mod rich_text;
mod verification;

pub(crate) use canonical::{write_json, write_text, write_value};
pub use choice::Choice;
pub use date::{DatePoint, DatePrecision, DateValue, ParseDateError};
pub use digest::Digest;
pub use file::{FileRef, FileSource, HostedUrl};
pub use json::{Json, ParseJsonError};
pub use number::{Number, ParseNumberError};
pub use person::Person;
pub use place::Place;
pub use raw::RawJson;
pub use reference::Reference;
pub use rich_text::{RichText, Run, RunKind, Style};
pub use verification::{Verification, VerificationState};

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What a field of a record can hold, in terms no single peer owns.
///
/// Equality is equality of canonical forms; use the constructors (or [`Value::canonical`]) and two
/// values that mean the same compare equal. [`Value::Empty`] is the only empty value: an empty
/// text, an empty list and NULL are all it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Value {
    /// Nothing: cleared, NULL, `""`, `[]`.
    Empty,
    /// Plain text: also URLs, e-mail addresses, phone numbers, UUIDs.
    Text(String),
    /// Text with formatting, mentions and equations.
    RichText(RichText),
    /// An exact decimal number.
    Number(Number),
    /// True or false.
    Bool(bool),
    /// One option of a select or a status.
    Choice(Choice),
    /// Options of a multi-select. Compared as a set where a lens says so, kept in order.
    Choices(Vec<Choice>),
    /// A day, an instant, or a range of either.
    Date(DateValue),
    /// Other records of the same peer, each once: a relation, a foreign key, a join table.
    References(Vec<Reference>),
    /// People, each once.
    People(Vec<Person>),
    /// Files by name and place.
    Files(Vec<FileRef>),
    /// A point on the map.
    Place(Box<Place>),
    /// Whether somebody vouches for a page.
    Verification(Box<Verification>),
    /// A JSON document that sync writes as well as reads.
    Json(Json),
    /// Texts in order, repeated or not (a `text[]`).
    List(Vec<String>),
    /// A value kept as it came, never interpreted and never written back.
    Raw(RawJson),
}

impl Value {
    /// Plain text; an empty text is [`Value::Empty`].
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() {
            Self::Empty
        } else {
            Self::Text(text)
        }
    }

    /// Formatted text; one without characters is [`Value::Empty`].
    pub fn rich_text(text: RichText) -> Self {
        if text.is_empty() {
            Self::Empty
        } else {
            Self::RichText(text)
        }
    }

    /// Several options; none is [`Value::Empty`].
    pub fn choices(choices: Vec<Choice>) -> Self {
        Self::unless_none(choices, Self::Choices)
    }

    /// Whether a side that showed one and shows the other was not edited: a renamed option is the
    /// same option.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Choice(one), Self::Choice(other)) => one.is_same(other),
            (Self::Choices(all), Self::Choices(others)) => {
                all.len() == others.len()
                    && all
                        .iter()
                        .zip(others)
                        .all(|(one, other)| one.is_same(other))
            }
            _ => self == other,
        }
    }

    /// Records of the same peer; a repeated one counts once, none is [`Value::Empty`].
    pub fn references(references: Vec<Reference>) -> Self {
        Self::unless_none(once(references), Self::References)
    }

    /// People; somebody repeated counts once, nobody is [`Value::Empty`].
    pub fn people(people: Vec<Person>) -> Self {
        Self::unless_none(once(people), Self::People)
    }

    /// Files; none is [`Value::Empty`].
    pub fn files(files: Vec<FileRef>) -> Self {
        Self::unless_none(files, Self::Files)
    }

    /// A point on the map.
    pub fn place(place: Place) -> Self {
        Self::Place(Box::new(place.canonical()))
    }

    /// A verification; one by which nobody vouches is [`Value::Empty`].
    pub fn verification(verification: Verification) -> Self {
        let verification = verification.canonical();
        if verification.is_empty() {
            Self::Empty
        } else {
            Self::Verification(Box::new(verification))
        }
    }

    /// Texts in order; none is [`Value::Empty`].
    pub fn list(texts: Vec<String>) -> Self {
        Self::unless_none(texts, Self::List)
    }

    fn unless_none<T>(list: Vec<T>, value: impl FnOnce(Vec<T>) -> Self) -> Self {
        if list.is_empty() {
            Self::Empty
        } else {
            value(list)
        }
    }

    /// The same value in canonical form.
    #[must_use]
    pub fn canonical(self) -> Self {
        match self {
            Self::Text(text) => Self::text(text),
            Self::RichText(text) => Self::rich_text(text),
            Self::Choices(choices) => Self::choices(choices),
            Self::References(references) => Self::references(references),
            Self::People(people) => Self::people(people),
            Self::Files(files) => Self::files(files),
            Self::Place(place) => Self::place(*place),
            Self::Verification(verification) => Self::verification(*verification),
            Self::List(texts) => Self::list(texts),
            // Canonical by their types.
            Self::Empty
            | Self::Number(_)
            | Self::Bool(_)
            | Self::Choice(_)
            | Self::Date(_)
            | Self::Json(_)
            | Self::Raw(_) => self,
        }
    }

    /// Whether this is the empty value.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// The value as a person would read it in one line: for labels, plans and reports.
    pub fn display(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => text.clone(),
            Self::RichText(text) => text.plain(),
            Self::Number(number) => number.as_str().to_owned(),
            Self::Bool(true) => "yes".to_owned(),
            Self::Bool(false) => "no".to_owned(),
            Self::Choice(choice) => choice.name.to_string(),
            Self::Choices(choices) => joined(choices.iter().map(|choice| &choice.name)),
            Self::Date(date) => date.to_string(),
            Self::References(references) => joined(references),
            Self::People(people) => joined(people),
            Self::Files(files) => joined(files),
            Self::Place(place) => place.to_string(),
            Self::Verification(verification) => verification.to_string(),
            Self::Json(json) => json.to_string(),
            Self::List(texts) => joined(texts),
            Self::Raw(raw) => raw.as_str().to_owned(),
        }
    }
}

/// The first of each, in order.
fn once<T: Ord + Clone>(mut list: Vec<T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    list.retain(|item| seen.insert(item.clone()));
    list
}

fn joined<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    texts.join(", ")
}

#[cfg(test)]
pub(crate) mod tests;
