//! Peer-neutral values. Canonical by construction: one way to be empty, one way to write a number.

mod choice;
mod date;
mod digest;
mod number;
mod raw;
mod rich_text;

pub use choice::Choice;
pub use date::{DatePoint, DatePrecision, DateValue, ParseDateError};
pub use digest::Digest;
pub use number::{Number, ParseNumberError};
pub use raw::RawJson;
pub use rich_text::{RichText, Run, RunKind, Style};

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
        if choices.is_empty() {
            Self::Empty
        } else {
            Self::Choices(choices)
        }
    }

    /// The same value in canonical form.
    #[must_use]
    pub fn canonical(self) -> Self {
        match self {
            Self::Text(text) => Self::text(text),
            Self::RichText(text) => Self::rich_text(text),
            Self::Choices(choices) => Self::choices(choices),
            other => other,
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
            Self::Choice(choice) => choice.name.clone(),
            Self::Choices(choices) => choices
                .iter()
                .map(|choice| choice.name.as_str())
                .collect::<Vec<_>>()
                .join(", "),
            Self::Date(date) => date.to_string(),
            Self::Raw(raw) => raw.as_str().to_owned(),
        }
    }
}
