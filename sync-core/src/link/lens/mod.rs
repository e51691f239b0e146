//! Lenses: how one field agrees between the sides, and how one side is repaired from the other.
//!
//! Laws, tested by property in both directions: **Correct** `agree(l, repair(l, r))`;
//! **Hippocratic** `agree(l, r)` implies `repair(l, r) == r`; **Keep**: what the other side cannot
//! show survives any edit of what it can show.

mod splice;

use serde::{Deserialize, Serialize};

use super::{Side, Sides};
use crate::value::{Choice, DatePrecision, RichText, Value};

/// How a pair of fields agrees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Lens {
    /// Equal values: numbers, addresses, plain text.
    Identity,
    /// Formatted text on one side, its words on the other. Formatting of unedited words stays.
    Words {
        /// The side that has formatting.
        rich: Side,
    },
    /// True or false; no value is false.
    Checkbox,
    /// One option, compared by name; ids stay with their side.
    Choice,
    /// Options as a set of names.
    Choices,
    /// Dates, offset included, compared as finely as the coarser side keeps them.
    Date {
        /// How finely that is.
        precision: DatePrecision,
    },
    /// Read-only image of a field that one side computes.
    Projection {
        /// The side that computes.
        from: Side,
    },
}

/// What a lens may look at beside the two values: names, as slices.
#[derive(Clone, Copy, Debug, Default)]
pub struct LensContext<'a> {
    /// The options each side offers; `None` where any name is welcome.
    pub options: Sides<Option<&'a [Choice]>>,
}

/// A value has no image on the other side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unmappable {
    /// The option does not exist there.
    #[error("there is no option {0:?}; add it to the field first, or use one that exists")]
    UnknownOption(String),
    /// The value is of a kind this field never holds.
    #[error("the value is not a {expected}")]
    WrongKind {
        /// What the field holds.
        expected: &'static str,
    },
    /// The field is computed where the edit would have to go.
    #[error("the field is computed on the other side and cannot be written")]
    ReadOnly,
}

impl Lens {
    /// Whether the two values say the same.
    pub fn agree(&self, left: &Value, right: &Value) -> bool {
        match self {
            Self::Identity => left == right,
            Self::Words { .. } => words(left) == words(right) && words(left).is_some(),
            Self::Checkbox => truth(left) == truth(right) && truth(left).is_some(),
            Self::Choice => match (left, right) {
                (Value::Choice(left), Value::Choice(right)) => left.name == right.name,
                (Value::Empty, Value::Empty) => true,
                _ => false,
            },
            Self::Choices => names(left) == names(right) && names(left).is_some(),
            Self::Date { precision } => match (left, right) {
                (Value::Date(left), Value::Date(right)) => {
                    left.cut_to(*precision) == right.cut_to(*precision)
                }
                (Value::Empty, Value::Empty) => true,
                _ => false,
            },
            Self::Projection { .. } => left == right,
        }
    }

    /// What `to` should hold so that it agrees with `source`; `old` is what it holds now.
    ///
    /// # Errors
    /// [`Unmappable`] when there is no such value; nothing may be written then.
    pub fn repair(
        &self,
        context: &LensContext<'_>,
        to: Side,
        source: &Value,
        old: Option<&Value>,
    ) -> Result<Value, Unmappable> {
        if let Some(old) = old {
            let (left, right) = if to == Side::Right {
                (source, old)
            } else {
                (old, source)
            };
            if self.agree(left, right) {
                return Ok(old.clone());
            }
        }
        let options = context.options[to];
        match self {
            Self::Identity => Ok(source.clone()),
            Self::Words { rich } => {
                let new = words(source).ok_or(Unmappable::WrongKind { expected: "text" })?;
                Ok(match (to == *rich, old) {
                    (false, _) => Value::text(new),
                    (true, Some(Value::RichText(old))) => {
                        Value::rich_text(splice::splice(old, &new))
                    }
                    (true, _) => Value::rich_text(RichText::plain_text(new)),
                })
            }
            Self::Checkbox => truth(source).map(Value::Bool).ok_or(Unmappable::WrongKind {
                expected: "checkbox (true or false)",
            }),
            Self::Choice => match source {
                Value::Empty => Ok(Value::Empty),
                Value::Choice(choice) => Ok(Value::Choice(counterpart(choice, options)?)),
                _ => Err(Unmappable::WrongKind { expected: "option" }),
            },
            Self::Choices => match source {
                Value::Empty => Ok(Value::Empty),
                Value::Choices(choices) => choices
                    .iter()
                    .map(|choice| counterpart(choice, options))
                    .collect::<Result<_, _>>()
                    .map(Value::Choices),
                _ => Err(Unmappable::WrongKind {
                    expected: "list of options",
                }),
            },
            Self::Date { .. } => match source {
                Value::Empty | Value::Date(_) => Ok(source.clone()),
                _ => Err(Unmappable::WrongKind { expected: "date" }),
            },
            Self::Projection { from } if *from == to => Err(Unmappable::ReadOnly),
            Self::Projection { .. } => Ok(source.clone()),
        }
    }

    /// Merges two edits of a set-valued field, as seen from `to`'s spelling; `None` if this lens is
    /// not about sets. An option is in the result if all three have it, or if the base lacks it
    /// and a side has it (rule F06).
    pub fn merge(&self, base: &Sides<Value>, left: &Value, right: &Value) -> Option<Value> {
        if *self != Self::Choices {
            return None;
        }
        let in_base = names(&base.left)?;
        let (in_left, in_right) = (names(left)?, names(right)?);
        let kept = |name: &&str| {
            if in_base.contains(name) {
                in_left.contains(name) && in_right.contains(name)
            } else {
                in_left.contains(name) || in_right.contains(name)
            }
        };
        let mut merged: Vec<Choice> = Vec::new();
        for choice in choices(left).iter().chain(choices(right)) {
            let known = merged.iter().any(|there| there.name == choice.name);
            if kept(&choice.name.as_str()) && !known {
                merged.push(choice.clone());
            }
        }
        Some(Value::choices(merged))
    }

    /// Whether edits go one way only, and from where.
    pub fn projects_from(&self) -> Option<Side> {
        match self {
            Self::Projection { from } => Some(*from),
            _ => None,
        }
    }

    /// A tag of the lens: a stored base under another tag counts as absent. Tags are written to
    /// stores, so a number never changes its meaning.
    pub fn tag(&self) -> u64 {
        match self {
            Self::Identity => 1,
            Self::Words { rich: Side::Left } => 2,
            Self::Words { rich: Side::Right } => 3,
            Self::Checkbox => 4,
            Self::Choice => 5,
            Self::Choices => 6,
            Self::Date {
                precision: DatePrecision::Minute,
            } => 7,
            Self::Date {
                precision: DatePrecision::Millisecond,
            } => 8,
            Self::Projection { from: Side::Left } => 9,
            Self::Projection { from: Side::Right } => 10,
        }
    }
}

fn words(value: &Value) -> Option<String> {
    match value {
        Value::Empty => Some(String::new()),
        Value::Text(text) => Some(text.clone()),
        Value::RichText(text) => Some(text.plain()),
        _ => None,
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Empty => Some(false),
        Value::Bool(truth) => Some(*truth),
        _ => None,
    }
}

fn choices(value: &Value) -> &[Choice] {
    match value {
        Value::Choices(choices) => choices,
        _ => &[],
    }
}

fn names(value: &Value) -> Option<Vec<&str>> {
    let mut names: Vec<&str> = match value {
        Value::Empty => Vec::new(),
        Value::Choices(choices) => choices.iter().map(|choice| choice.name.as_str()).collect(),
        _ => return None,
    };
    names.sort_unstable();
    names.dedup();
    Some(names)
}

/// The option of that name on the other side.
fn counterpart(choice: &Choice, options: Option<&[Choice]>) -> Result<Choice, Unmappable> {
    match options {
        None => Ok(Choice::named(choice.name.clone())),
        Some(options) => options
            .iter()
            .find(|option| option.name == choice.name)
            .cloned()
            .ok_or_else(|| Unmappable::UnknownOption(choice.name.clone())),
    }
}

#[cfg(test)]
mod tests;
