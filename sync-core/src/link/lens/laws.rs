//! The laws of lenses, checked on sample values: for tests of lenses a program brings along.

use super::{Lens, LensContext, Unmappable};
use crate::link::{Side, Sides};
use crate::value::Value;

/// A law every lens keeps, in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Law {
    /// What a repair yields agrees with its source.
    Correct,
    /// What agrees is left alone.
    Hippocratic,
    /// What the other side cannot show survives.
    Keep,
    /// What a repair yields is canonical: an empty text is [`Value::Empty`].
    Canonical,
}

/// A lens broke a law.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{law:?} is broken towards {to:?}: source {source_value:?}, old {old:?} gave {repaired:?}")]
pub struct BrokenLaw {
    /// Which law.
    pub law: Law,
    /// The side that was repaired.
    pub to: Side,
    /// The value it was repaired from.
    pub source_value: Value,
    /// What it held.
    pub old: Option<Value>,
    /// What the repair gave.
    pub repaired: Result<Value, Unmappable>,
}

/// How much a check saw; a lens that refuses everything breaks no law.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LawsChecked {
    /// Repairs that gave a value.
    pub repaired: usize,
    /// Repairs that were refused.
    pub refused: usize,
}

/// Checks the laws for every pair of a left and a right value, both ways, with and without a
/// former value.
///
/// `hidden(side, value, source)` says what of a value of `side` the other side cannot show
/// (formatting, an offset, an element without counterpart) and has to survive when the other side
/// becomes `source`, in words of its own choosing, one for each part. The law Keep is that a
/// repair leaves all of them. A lens that hides nothing passes `|_, _, _| Vec::new()`.
///
/// # Errors
/// The first law that is broken, with the values that show it.
pub fn check_laws(
    lens: &Lens,
    context: &LensContext<'_>,
    samples: &Sides<Vec<Value>>,
    hidden: impl Fn(Side, &Value, &Value) -> Vec<String>,
) -> Result<LawsChecked, Box<BrokenLaw>> {
    let mut checked = LawsChecked::default();
    for to in Side::BOTH {
        for source in &samples[to.other()] {
            for old in samples[to].iter().map(Some).chain([None]) {
                let repaired = lens.repair(context, to, source, old);
                if let Some(law) = broken(lens, context, to, source, old, &repaired, &hidden) {
                    return Err(Box::new(BrokenLaw {
                        law,
                        to,
                        source_value: source.clone(),
                        old: old.cloned(),
                        repaired,
                    }));
                }
                match repaired {
                    Ok(_) => checked.repaired += 1,
                    Err(_) => checked.refused += 1,
                }
            }
        }
    }
    Ok(checked)
}

fn broken(
    lens: &Lens,
    context: &LensContext<'_>,
    to: Side,
    source: &Value,
    old: Option<&Value>,
    repaired: &Result<Value, Unmappable>,
    hidden: impl Fn(Side, &Value, &Value) -> Vec<String>,
) -> Option<Law> {
    let agree = |target: &Value| match to {
        Side::Left => lens.agree(context, target, source),
        Side::Right => lens.agree(context, source, target),
    };
    if let Some(old) = old.filter(|old| agree(old))
        && repaired.as_ref() != Ok(old)
    {
        return Some(Law::Hippocratic);
    }
    let Ok(repaired) = repaired else { return None };
    if !agree(repaired) {
        return Some(Law::Correct);
    }
    if old != Some(repaired) && repaired.clone().canonical() != *repaired {
        return Some(Law::Canonical);
    }
    let mut kept = hidden(to, repaired, source);
    let lost = |part: &String| match kept.iter().position(|there| there == part) {
        Some(at) => {
            kept.swap_remove(at);
            false
        }
        None => true,
    };
    let before = old.map(|old| hidden(to, old, source)).unwrap_or_default();
    before.iter().any(lost).then_some(Law::Keep)
}
