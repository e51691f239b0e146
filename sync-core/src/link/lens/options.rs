//! Options as pairs: which option of one side is which of the other, kept through renames.

use serde::{Deserialize, Serialize};

use super::{LensContext, Unmappable};
use crate::link::{Side, Sides};
use crate::value::Choice;

/// Which option of one side is which of the other, of one pair of fields: at most one for one.
///
/// Seeded by equal names and remembered by id, so that a rename changes no value. A side that takes
/// any name has no ids; there an option is what is written, and stays so when the other side renames
/// it. As many as the sides offer options: a pair whose option is gone is forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OptionPairs(Vec<Sides<Choice>>);

impl OptionPairs {
    /// The pairs, in the order in which they were made.
    pub fn pairs(&self) -> &[Sides<Choice>] {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in the options the sides offer now; `None` is a side that takes any name. `called` says
    /// what the option of a side is called on the other, where it is not called the same.
    pub fn take_in(
        &mut self,
        offered: Sides<Option<&[Choice]>>,
        called: impl Fn(Side, &str) -> Option<String>,
    ) {
        self.0.retain_mut(|pair| {
            Side::BOTH.into_iter().all(|side| {
                let Some(options) = offered[side] else {
                    return true;
                };
                let now = find(options, &pair[side]);
                now.map(|now| pair[side].clone_from(now)).is_some()
            })
        });
        for side in Side::BOTH {
            for option in offered[side].unwrap_or_default() {
                if self.of(side, option).is_some() {
                    continue;
                }
                let name = called(side, &option.name).unwrap_or_else(|| option.name.clone());
                let there = match offered[side.other()] {
                    None => Some(Choice::named(name)),
                    Some(options) => by_name(options, &name).cloned(),
                };
                let there = there.filter(|there| self.of(side.other(), there).is_none());
                if let Some(there) = there.filter(|_| self.0.len() < MOST) {
                    self.0.push(match side {
                        Side::Left => Sides::new(option.clone(), there),
                        Side::Right => Sides::new(there, option.clone()),
                    });
                }
            }
        }
    }

    /// The pair of an option of a side.
    fn of(&self, side: Side, option: &Choice) -> Option<&Sides<Choice>> {
        self.0.iter().find(|pair| is_same(&pair[side], option))
    }
}

/// Pairs remembered per pair of fields; options beyond meet by name.
const MOST: usize = 2_000;

impl LensContext<'_> {
    /// An option of a side as that side has it now: under its present name, with its id. `list`: the
    /// side holds plain texts.
    pub(super) fn present(&self, side: Side, option: &Choice, list: bool) -> Choice {
        if let Some(options) = self.options[side].filter(|_| !list) {
            return known(options, option).unwrap_or(option).clone();
        }
        let literal = Choice::named(&option.name);
        let Some(pairs) = self.pairs else {
            return literal;
        };
        if pairs.of(side, &literal).is_some() {
            return literal;
        }
        // Written by the name the other side has for it by now, it is the same option.
        let mut pairs = pairs.0.iter();
        let alias = pairs.find(|pair| pair[side.other()].name == option.name);
        alias.map_or(literal, |pair| pair[side].clone())
    }

    /// What an option of a side, as it has it now, is called on the other side.
    ///
    /// # Errors
    /// Its name stands for another option there.
    pub(super) fn counterpart(&self, side: Side, option: &Choice) -> Result<Choice, Unmappable> {
        let Some(pairs) = self.pairs else {
            return Ok(Choice::named(&option.name));
        };
        if let Some(pair) = pairs.of(side, option) {
            return Ok(pair[side.other()].clone());
        }
        let taken = pairs
            .0
            .iter()
            .any(|pair| pair[side.other()].name == option.name);
        if taken {
            return Err(Unmappable::OptionTaken(option.name.clone()));
        }
        Ok(Choice::named(&option.name))
    }

    /// The option that is written to a side for one that is called so there.
    ///
    /// # Errors
    /// There is none, and the side does not take any name.
    pub(super) fn offered(
        &self,
        to: Side,
        called: &Choice,
        list: bool,
    ) -> Result<Choice, Unmappable> {
        match self.options[to].filter(|_| !list) {
            None => Ok(Choice::named(&called.name)),
            Some(options) => known(options, called)
                .cloned()
                .ok_or_else(|| Unmappable::UnknownOption(called.name.clone())),
        }
    }
}

/// By id where both have one, else by name.
fn is_same(one: &Choice, other: &Choice) -> bool {
    match (&one.id, &other.id) {
        (Some(one), Some(other)) => one == other,
        _ => one.name == other.name,
    }
}

fn find<'a>(options: &'a [Choice], wanted: &Choice) -> Option<&'a Choice> {
    let mut all = options.iter();
    match &wanted.id {
        Some(id) if options.iter().any(|option| option.id.is_some()) => {
            all.find(|option| option.id.as_ref() == Some(id))
        }
        _ => by_name(options, &wanted.name),
    }
}

/// The very option, or one made anew under its name.
fn known<'a>(options: &'a [Choice], wanted: &Choice) -> Option<&'a Choice> {
    find(options, wanted).or_else(|| by_name(options, &wanted.name))
}

fn by_name<'a>(options: &'a [Choice], name: &str) -> Option<&'a Choice> {
    options.iter().find(|option| option.name == name)
}
