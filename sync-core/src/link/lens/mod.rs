//! Lenses: how one field agrees between the sides, and how one side is repaired from the other.
//!
//! Laws, tested by property in both directions: **Correct** `agree(l, repair(l, r))`;
//! **Hippocratic** `agree(l, r)` implies `repair(l, r) == r`; **Keep**: what the other side cannot
//! show survives any edit of what it can show.

mod context;
mod custom;
mod elements;
mod laws;
mod merge_text;
mod names;
mod options;
mod scalar;
mod sequence;
mod set;
mod splice;
mod text;
mod time;
mod unmappable;

pub use context::{Counterpart, Counterparts, Directory, LensContext};
pub use custom::{Custom, CustomLens};
pub use laws::{BrokenLaw, Law, LawsChecked, check_laws};
pub use merge_text::merge_text;
pub use names::Names;
pub use options::{OptionPairs, RenamedOption};
pub use unmappable::Unmappable;

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::elements::{Files, Options, People, References, Shared, Texts};
use super::{Side, Sides};
use crate::value::{DatePrecision, Digest, FileRef, Person, Value};

/// How a pair of fields agrees.
///
/// [`Value::Empty`] meets [`Value::Empty`] in all of them. A value of another kind than the lens
/// is about agrees with nothing and has no image ([`Unmappable::WrongKind`]).
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
    /// Long plain text on both sides, whatever its lines end with; each side keeps its line ends,
    /// those of the first line.
    Body,
    /// A number on one side, its digits as text on the other.
    Decimal {
        /// The side that holds text.
        text: Side,
    },
    /// A float on one side, digits as text on the other: they agree if the float is the nearest one.
    FloatDigits {
        /// The side that holds text; the other holds 64-bit floats.
        text: Side,
    },
    /// Exact numbers on one side, floats on the other: they agree if the float is the nearest one.
    Float {
        /// The side that holds 64-bit floats.
        on: Side,
    },
    /// A JSON document on one side, its text, formatted or not, on the other. The text keeps its
    /// layout until the document changes.
    Json {
        /// The side that holds documents.
        document: Side,
    },
    /// UUIDs as text, however they are written.
    Uuid,
    /// True or false; no value is false.
    Checkbox,
    /// One option, through pairs of options ([`LensContext::pairs`]); ids stay with their side.
    Choice,
    /// Options as a set, through pairs.
    Choices,
    /// Options on one side, a list of texts on the other; as a set, through pairs.
    Tags {
        /// The side that holds texts.
        list: Side,
    },
    /// Lists of texts on both sides.
    List {
        /// Whether order and repetition count; if not, they are sets.
        ordered: bool,
    },
    /// Dates, offset included, compared as finely as the coarser side keeps them.
    Date {
        /// How finely that is.
        precision: DatePrecision,
    },
    /// Days and nothing else on one side. An instant or a range has no image there.
    Day {
        /// The side that holds days only.
        on: Side,
    },
    /// Moments without offset on one side. A day or a range has no image there: a day never
    /// becomes a midnight. The other side keeps the offset it was written with.
    Moment {
        /// The side that holds moments only.
        on: Side,
        /// How finely the coarser side keeps them.
        precision: DatePrecision,
    },
    /// References as a set, through pairs of records ([`LensContext::records`]): relations,
    /// foreign keys, join tables. One to a record that is not tracked stays with its side.
    References,
    /// People as a set, by e-mail address ([`LensContext::people`]). Somebody whom the other side
    /// does not know stays.
    People {
        /// The side that holds addresses as a list of texts, if one does; it gets them in lower
        /// case.
        list: Option<Side>,
    },
    /// Files as a set: by address where a person wrote one, else through pairs of files
    /// ([`LensContext::files`]). A file that is not tracked stays with its side.
    Files,
    /// People or files as a set, by the ids and places both sides know them by: for a copy that shows
    /// what its source shows, hosted files included.
    Shared,
    /// One value on one side, whatever the other holds.
    Constant {
        /// The side that holds it.
        on: Side,
        /// What it holds.
        value: Value,
    },
    /// Read-only image of a field that one side computes.
    Projection {
        /// The side that computes.
        from: Side,
    },
    /// A lens of the program's own.
    Custom(Custom),
}

impl Lens {
    /// A lens of the program's own.
    pub fn custom(code: Arc<dyn CustomLens>) -> Self {
        Self::Custom(Custom::new(code))
    }

    /// Whether the two values say the same.
    pub fn agree(&self, context: &LensContext<'_>, left: &Value, right: &Value) -> bool {
        match self {
            Self::Identity | Self::Projection { .. } => left == right,
            Self::Words { .. } => text::agree_on_words(left, right),
            Self::Body => text::agree_on_body(left, right),
            Self::Decimal { text } => scalar::agree_on_decimal(*text, left, right),
            Self::FloatDigits { text } => scalar::agree_on_float_digits(*text, left, right),
            Self::Float { .. } => scalar::agree_on_float(left, right),
            Self::Json { document } => text::agree_on_json(*document, left, right),
            Self::Uuid => scalar::agree_on_uuid(left, right),
            Self::Checkbox => {
                scalar::truth(left).is_ok() && scalar::truth(left) == scalar::truth(right)
            }
            Self::Choice => scalar::agree_on_choice(context, left, right),
            Self::Choices => set::agree(&options(context, None), left, right),
            Self::Tags { list } => set::agree(&options(context, Some(*list)), left, right),
            Self::List { ordered: true } => sequence::agree(left, right),
            Self::List { ordered: false } => set::agree(&Texts, left, right),
            Self::Date { precision } => time::agree(*precision, left, right),
            Self::Day { .. } => time::agree_on_day(left, right),
            Self::Moment { precision, .. } => time::agree_on_moment(*precision, left, right),
            Self::References => set::agree(&References(context), left, right),
            Self::People { list } => set::agree(&people(context, *list), left, right),
            Self::Files => set::agree(&Files(context), left, right),
            Self::Shared => match is_about_files(left, right) {
                true => set::agree(&Shared::<FileRef>::new(), left, right),
                false => set::agree(&Shared::<Person>::new(), left, right),
            },
            Self::Constant { on, value } => value == Sides::new(left, right)[*on],
            Self::Custom(custom) => custom.agree(context, left, right),
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
            if self.agree(context, left, right) {
                return Ok(old.clone());
            }
        }
        match self {
            Self::Identity => Ok(source.clone()),
            Self::Words { rich } => text::repair_words(*rich, to, source, old),
            Self::Body => text::repair_body(source, old),
            Self::Decimal { text } => scalar::repair_decimal(*text, to, source),
            Self::FloatDigits { text } => scalar::repair_float_digits(*text, to, source),
            Self::Float { on } => scalar::repair_float(*on, to, source),
            Self::Json { document } => text::repair_json(*document, to, source, old),
            Self::Uuid => scalar::repair_uuid(source),
            Self::Checkbox => scalar::truth(source).map(Value::Bool),
            Self::Choice => scalar::repair_choice(context, to, source),
            Self::Choices => set::repair(&options(context, None), to, source, old),
            Self::Tags { list } => set::repair(&options(context, Some(*list)), to, source, old),
            Self::List { ordered: true } => sequence::repair(source),
            Self::List { ordered: false } => set::repair(&Texts, to, source, old),
            Self::Date { .. } => time::repair(source, old),
            Self::Day { on } => time::repair_day(*on, to, source, old),
            Self::Moment { on, .. } => time::repair_moment(*on, to, source, old),
            Self::References => set::repair(&References(context), to, source, old),
            Self::People { list } => set::repair(&people(context, *list), to, source, old),
            Self::Files => set::repair(&Files(context), to, source, old),
            Self::Shared => match is_about_files(source, old.unwrap_or(source)) {
                true => set::repair(&Shared::<FileRef>::new(), to, source, old),
                false => set::repair(&Shared::<Person>::new(), to, source, old),
            },
            Self::Constant { on, value } if *on == to => Ok(value.clone()),
            // The constant says nothing about the other side.
            Self::Constant { value, .. } if value == source => Ok(Value::Empty),
            Self::Constant { .. } => Err(Unmappable::ReadOnly),
            Self::Projection { from } if *from == to => Err(Unmappable::ReadOnly),
            Self::Projection { .. } => Ok(source.clone()),
            Self::Custom(custom) => custom.repair(context, to, source, old),
        }
    }

    /// Whether two empty values agree, so that an empty one need not be written to a new record.
    pub fn empties_agree(&self) -> bool {
        self.agree(&LensContext::default(), &Value::Empty, &Value::Empty)
    }

    /// Whether [`Lens::merge`] makes one value of two edits.
    pub fn merges(&self) -> bool {
        matches!(
            self,
            Self::Choices
                | Self::Tags { .. }
                | Self::List { .. }
                | Self::References
                | Self::People { .. }
                | Self::Files
                | Self::Shared
        )
    }

    /// Whether what agrees depends on names that may become known later, see [`LensContext`].
    pub fn meets_by_names(&self) -> bool {
        matches!(self, Self::References | Self::People { .. } | Self::Files)
    }

    /// Merges two edits of a list, into what each side should hold. An element is in the result if
    /// base, left and right have it, or if the base lacks it and a side has it (rule F06).
    ///
    /// # Errors
    /// [`Unmappable::NotMerged`] if this lens is not about lists; else an element has no image yet.
    pub fn merge(
        &self,
        context: &LensContext<'_>,
        base: &Sides<Value>,
        left: &Value,
        right: &Value,
    ) -> Result<Sides<Value>, Unmappable> {
        match self {
            Self::Choices => set::merge(&options(context, None), base, left, right),
            Self::Tags { list } => set::merge(&options(context, Some(*list)), base, left, right),
            Self::List { ordered: true } => sequence::merge(base, left, right),
            Self::List { ordered: false } => set::merge(&Texts, base, left, right),
            Self::References => set::merge(&References(context), base, left, right),
            Self::People { list } => set::merge(&people(context, *list), base, left, right),
            Self::Files => set::merge(&Files(context), base, left, right),
            Self::Shared => match is_about_files(left, right) {
                true => set::merge(&Shared::<FileRef>::new(), base, left, right),
                false => set::merge(&Shared::<Person>::new(), base, left, right),
            },
            _ => Err(Unmappable::NotMerged),
        }
    }

    /// Merges two edits of a text where they touch different words, into what each side should
    /// hold; each keeps its formatting and its line ends. `None` where the edits overlap, and
    /// where this lens or these values are not about texts: [`Lens::Words`], [`Lens::Body`] and
    /// plain texts under [`Lens::Identity`] are.
    pub fn merge_texts(
        &self,
        context: &LensContext<'_>,
        base: &Sides<Value>,
        left: &Value,
        right: &Value,
    ) -> Option<Sides<Value>> {
        let words: fn(&Value) -> Option<Cow<'_, str>> = match self {
            Self::Identity => text::plain,
            Self::Words { .. } => text::words,
            Self::Body => text::lines,
            _ => return None,
        };
        let merged = merge_text(&words(&base.left)?, &words(left)?, &words(right)?)?;
        let merged = Value::text(merged);
        let image = |to: Side, now: &Value| self.repair(context, to, &merged, Some(now)).ok();
        Some(Sides::new(
            image(Side::Left, left)?,
            image(Side::Right, right)?,
        ))
    }

    /// Whether edits go one way only, and from where.
    pub fn projects_from(&self) -> Option<Side> {
        match self {
            Self::Projection { from } => Some(*from),
            Self::Constant { on, .. } => Some(on.other()),
            _ => None,
        }
    }

    /// A tag of the lens: a stored base under another tag counts as absent. Tags are written to
    /// stores, so a number never changes its meaning.
    pub fn tag(&self) -> u64 {
        use DatePrecision::{Millisecond, Minute};
        let sided = |side: &Side, left: u64| match side {
            Side::Left => left,
            Side::Right => left + 1,
        };
        match self {
            Self::Identity => 1,
            Self::Words { rich } => sided(rich, 2),
            Self::Checkbox => 4,
            Self::Choice => 5,
            Self::Choices => 6,
            Self::Date { precision: Minute } => 7,
            Self::Date {
                precision: Millisecond,
            } => 8,
            Self::Projection { from } => sided(from, 9),
            Self::Body => 11,
            Self::Uuid => 12,
            Self::Decimal { text } => sided(text, 13),
            Self::Float { on } => sided(on, 15),
            Self::Json { document } => sided(document, 17),
            Self::Day { on } => sided(on, 19),
            Self::Moment {
                on,
                precision: Minute,
            } => sided(on, 21),
            Self::Moment {
                on,
                precision: Millisecond,
            } => sided(on, 23),
            Self::Tags { list } => sided(list, 25),
            Self::List { ordered: false } => 27,
            Self::List { ordered: true } => 28,
            Self::References => 29,
            Self::People { list: None } => 30,
            Self::People { list: Some(list) } => sided(list, 31),
            Self::Files => 33,
            Self::Shared => 34,
            Self::FloatDigits { text } => sided(text, 35),
            // What a program chose is told apart by digest, far above the numbers.
            Self::Constant { .. } | Self::Custom(_) => Digest::of_json(self).short() | 1 << 63,
        }
    }

    /// The lens that a link of an earlier version had where it has this one now, if all that agrees
    /// through it agrees through this one: what was settled stays settled.
    pub(super) fn narrower(&self) -> Option<Self> {
        match self {
            Self::Float { .. } => Some(Self::Identity),
            Self::FloatDigits { text } => Some(Self::Decimal { text: *text }),
            _ => None,
        }
    }

    /// Takes the code of a lens of the program's own, if this is that lens.
    pub(super) fn supply(&mut self, code: &Arc<dyn CustomLens>) {
        if let Self::Custom(custom) = self {
            custom.supply(code);
        }
    }
}

fn options<'a>(context: &'a LensContext<'a>, list: Option<Side>) -> Options<'a> {
    Options { context, list }
}

/// Which of the two kinds of lists [`Lens::Shared`] meets here; nobody and no file are one value.
fn is_about_files(one: &Value, other: &Value) -> bool {
    [one, other]
        .iter()
        .any(|value| matches!(value, Value::Files(_)))
}

fn people<'a>(context: &'a LensContext<'a>, list: Option<Side>) -> People<'a> {
    People { context, list }
}

#[cfg(test)]
mod tests;
