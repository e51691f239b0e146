//! Options as pairs: which option of one side is which of the other, kept through renames.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{LensContext, Unmappable};
use crate::link::{Side, Sides};
use crate::value::Choice;

/// Which option of one side is which of the other, of one pair of fields: at most one for one.
///
/// Seeded by equal names and remembered by id, so that a rename changes no value. A side that takes
/// any name has no ids; there an option is what is written, and stays so when the other side renames
/// it. As many as the sides offer options: a pair whose option is gone is forgotten. Copies share
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OptionPairs(Arc<Vec<Sides<Choice>>>);

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
        let is_there = |pair: &Sides<Choice>| {
            Side::BOTH.into_iter().all(|side| {
                let Some(options) = offered[side] else {
                    return true;
                };
                find(options, &pair[side]).is_some()
            })
        };
        if !self.0.iter().all(is_there) {
            Arc::make_mut(&mut self.0).retain(is_there);
        }
        for side in Side::BOTH {
            for option in offered[side].unwrap_or_default() {
                if self.of(side, option).is_some() {
                    continue;
                }
                let name = called(side, &option.name);
                let name = name.map_or_else(|| option.name.clone(), SmolStr::from);
                let there = match offered[side.other()] {
                    None => Some(Choice::named(name)),
                    Some(options) => by_name(options, &name).cloned(),
                };
                let there = there.filter(|there| self.of(side.other(), there).is_none());
                if let Some(there) = there.filter(|_| self.0.len() < MOST) {
                    Arc::make_mut(&mut self.0).push(match side {
                        Side::Left => Sides::new(option.clone(), there),
                        Side::Right => Sides::new(there, option.clone()),
                    });
                }
            }
        }
    }

    /// Options that one side renamed and the other, which offers them by id too, did not yet.
    pub fn renamed(&self, offered: Sides<Option<&[Choice]>>) -> Vec<RenamedOption> {
        if self.are_of(offered) {
            return Vec::new();
        }
        let renamed = self.0.iter().filter_map(|pair| {
            let now = Sides::from_fn(|side| find(offered[side]?, &pair[side]));
            let (left, right) = (now.left?, now.right?);
            let side = match (left.name == pair.left.name, right.name == pair.right.name) {
                (false, true) if right.id.is_some() => Side::Left,
                (true, false) if left.id.is_some() => Side::Right,
                _ => return None,
            };
            let now = Sides::new(left, right);
            let together = pair.left.name == pair.right.name;
            together.then(|| RenamedOption {
                side,
                there: now[side.other()].clone(),
                name: now[side].name.to_string(),
            })
        });
        renamed.collect()
    }

    /// Takes the names that options have now for settled, but for renames that are still to be
    /// carried over, if `carried`.
    pub fn settle_names(&mut self, offered: Sides<Option<&[Choice]>>, carried: bool) {
        let waiting = if carried {
            self.renamed(offered)
        } else {
            Vec::new()
        };
        for at in 0..self.0.len() {
            let pair = &self.0[at];
            let waits = waiting.iter().any(|renamed| {
                let there = &pair[renamed.side.other()];
                is_same(there, &renamed.there)
            });
            if waits {
                continue;
            }
            for side in Side::BOTH {
                let known = &self.0[at][side];
                let now = offered[side].and_then(|options| find(options, known));
                if let Some(now) = now.filter(|now| *now != known) {
                    Arc::make_mut(&mut self.0)[at][side].clone_from(now);
                }
            }
        }
    }

    /// Whether each option the sides offer has its pair, in this order and under this name: nothing
    /// is to be taken in then, and no name to be settled.
    pub fn are_of(&self, offered: Sides<Option<&[Choice]>>) -> bool {
        Side::BOTH.into_iter().all(|side| {
            offered[side].is_none_or(|options| {
                let pairs = self.0.iter().map(|pair| &pair[side]);
                options.len() == self.0.len() && pairs.eq(options)
            })
        })
    }

    /// The pair of an option of a side.
    fn of(&self, side: Side, option: &Choice) -> Option<&Sides<Choice>> {
        self.0.iter().find(|pair| is_same(&pair[side], option))
    }
}

/// An option that one side renamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenamedOption {
    /// The side that renamed it.
    pub side: Side,
    /// The option of the other side, as it is there.
    pub there: Choice,
    /// What it is called now where it was renamed.
    pub name: String,
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
        let literal = Choice::named(option.name.clone());
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

    /// What an option of a side, as it has it now, is called on the other side. `list`: the other
    /// side holds plain texts.
    ///
    /// # Errors
    /// Its name stands for another option there.
    pub(super) fn counterpart(
        &self,
        side: Side,
        option: &Choice,
        list: bool,
    ) -> Result<Choice, Unmappable> {
        let Some(pairs) = self.pairs else {
            return Ok(Choice::named(option.name.clone()));
        };
        if let Some(pair) = pairs.of(side, option) {
            let there = &pair[side.other()];
            let options = self.options[side.other()].filter(|_| !list);
            let now = options.and_then(|options| find(options, there));
            return Ok(now.unwrap_or(there).clone());
        }
        let taken = pairs
            .0
            .iter()
            .any(|pair| pair[side.other()].name == option.name);
        if taken {
            return Err(Unmappable::OptionTaken(option.name.to_string()));
        }
        Ok(Choice::named(option.name.clone()))
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
            None => Ok(Choice::named(called.name.clone())),
            Some(options) => known(options, called)
                .cloned()
                .ok_or_else(|| Unmappable::UnknownOption(called.name.to_string())),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::link::Lens;
    use crate::value::Value;

    /// What happens to the options of the left side, in order.
    #[derive(Clone, Debug)]
    enum Step {
        Rename(usize, u8),
        Add(u8),
        Remove(usize),
    }

    fn name(n: u8) -> String {
        format!("o{n}")
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..4_usize, 0..6_u8).prop_map(|(at, n)| Step::Rename(at, n)),
            (0..6_u8).prop_map(Step::Add),
            (0..4_usize).prop_map(Step::Remove),
        ];
        prop::collection::vec(step, 0..8)
    }

    /// Options with ids after some steps, and the pairs that were remembered on the way.
    fn history(steps: &[Step], right: Option<&[Choice]>) -> (Vec<Choice>, OptionPairs) {
        let mut options: Vec<Choice> = (0..3)
            .map(|n| Choice::with_id(format!("{n}"), name(n)))
            .collect();
        let mut pairs = OptionPairs::default();
        let take_in = |options: &[Choice], pairs: &mut OptionPairs| {
            let offered = Sides::new(Some(options), right);
            pairs.take_in(offered, |_, _| None);
            pairs.settle_names(offered, false);
        };
        take_in(&options, &mut pairs);
        for (number, step) in steps.iter().enumerate() {
            let free = |n: u8| options.iter().all(|option| option.name != name(n));
            match *step {
                Step::Rename(at, n) if free(n) => {
                    if let Some(option) = options.get_mut(at) {
                        option.name = name(n).into();
                    }
                }
                Step::Add(n) if free(n) => {
                    options.push(Choice::with_id(format!("new {number}"), name(n)));
                }
                Step::Remove(at) if at < options.len() => drop(options.remove(at)),
                _ => {}
            }
            take_in(&options, &mut pairs);
        }
        (options, pairs)
    }

    fn right_options() -> Vec<Choice> {
        (0..4)
            .map(|n| Choice::with_id(format!("r{n}"), name(n)))
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn lenses_of_options_keep_their_laws_through_renames(
            steps in steps(), listed: bool, many: bool,
            left in prop::collection::vec(0..4_usize, 1..3),
            right in prop::collection::vec(0..6_u8, 1..3),
        ) {
            let offers = right_options();
            let offers = listed.then_some(&offers[..]);
            let (options, pairs) = history(&steps, offers);
            let context = LensContext {
                options: Sides::new(Some(&options), offers),
                pairs: Some(&pairs),
                ..LensContext::default()
            };
            let spell = |n: &u8| match offers {
                Some(offers) => offers[usize::from(*n) % offers.len()].clone(),
                None => Choice::named(name(*n)),
            };
            let of_left: Vec<Choice> = left.iter().filter_map(|at| options.get(*at)).cloned().collect();
            let of_right: Vec<Choice> = right.iter().map(spell).collect();
            let value = |choices: Vec<Choice>| match (many, choices.first()) {
                (true, _) => Value::choices(choices),
                (false, Some(first)) => Value::Choice(first.clone()),
                (false, None) => Value::Empty,
            };
            let (left, right) = (value(of_left), value(of_right));
            let lens = if many { Lens::Choices } else { Lens::Choice };
            let agree = lens.agree(&context, &left, &right);
            for (to, source, old) in [(Side::Right, &left, &right), (Side::Left, &right, &left)] {
                if let Ok(image) = lens.repair(&context, to, source, Some(old)) {
                    let now = match to {
                        Side::Right => lens.agree(&context, source, &image),
                        Side::Left => lens.agree(&context, &image, source),
                    };
                    prop_assert!(now, "Correct: {source:?} as {image:?} on {to:?}");
                    prop_assert!(!agree || image == *old, "Hippocratic");
                }
            }
        }

        #[test]
        fn options_are_paired_one_for_one_and_no_more_than_there_are(steps in steps(), listed: bool) {
            let offers = right_options();
            let offers = listed.then_some(&offers[..]);
            let (options, pairs) = history(&steps, offers);
            prop_assert!(pairs.pairs().len() <= options.len());
            for side in Side::BOTH {
                for (at, pair) in pairs.pairs().iter().enumerate() {
                    let others = &pairs.pairs()[at + 1..];
                    prop_assert!(!others.iter().any(|other| is_same(&other[side], &pair[side])));
                }
            }
        }
    }

    /// Options of a side that names them by id, each under this name.
    fn options(side: &str, names: &[&str]) -> Vec<Choice> {
        let names = names.iter().enumerate();
        names
            .map(|(at, name)| Choice::with_id(format!("{side}{at}"), *name))
            .collect()
    }

    #[test]
    fn a_rename_on_one_side_changes_no_value_and_is_told_until_it_is_settled() {
        let (left, right) = (options("l", &["a", "b"]), options("r", &["b", "a"]));
        let mut pairs = OptionPairs::default();
        assert!(pairs.is_empty());
        pairs.take_in(Sides::new(Some(&left), Some(&right)), |_, _| None);
        assert!(!pairs.is_empty());
        assert_eq!(pairs.pairs().len(), 2);

        let renamed = options("r", &["b", "z"]);
        let offered = Sides::new(Some(&left[..]), Some(&renamed[..]));
        let context = LensContext {
            options: offered,
            pairs: Some(&pairs),
            ..LensContext::default()
        };
        let here = Value::choices(vec![left[0].clone()]);
        for there in [right[1].clone(), renamed[1].clone()] {
            let there = Value::choices(vec![there]);
            assert!(Lens::Choices.agree(&context, &here, &there), "{there:?}");
        }
        let told = pairs.renamed(offered);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].side, &told[0].there), (Side::Right, &left[0]));
        assert_eq!(told[0].name, "z");
        pairs.settle_names(offered, false);
        assert_eq!(pairs.renamed(offered), []);
    }

    #[test]
    fn s01_a_rename_is_told_where_one_side_alone_renamed_and_the_other_can_follow() {
        let pairs_of = |left: &[Choice], right: &[Choice]| {
            let mut pairs = OptionPairs::default();
            let called = |side: Side, name: &str| match (side, name) {
                (Side::Left, "b") => Some("B".to_owned()),
                _ => None,
            };
            pairs.take_in(Sides::new(Some(left), Some(right)), called);
            pairs
        };
        let (left, right) = (options("l", &["a", "b"]), options("r", &["a", "B"]));
        let pairs = pairs_of(&left, &right);
        assert_eq!(pairs.pairs().len(), 2);
        let told =
            |pairs: &OptionPairs, left: &[Choice], right: &[Choice]| -> Vec<(Side, String)> {
                let renamed = pairs.renamed(Sides::new(Some(left), Some(right)));
                renamed
                    .into_iter()
                    .map(|one| (one.side, one.name))
                    .collect()
            };
        let (on_left, on_right) = (options("l", &["x", "b"]), options("r", &["y", "B"]));
        assert_eq!(told(&pairs, &left, &right), []);
        assert_eq!(told(&pairs, &on_left, &right), [(Side::Left, "x".into())]);
        assert_eq!(told(&pairs, &left, &on_right), [(Side::Right, "y".into())]);
        assert_eq!(told(&pairs, &on_left, &on_right), [], "both renamed it");
        let apart = options("l", &["a", "c"]);
        assert_eq!(told(&pairs, &apart, &right), [], "never called the same");

        // Without ids no option can be renamed there.
        let plain = [Choice::named("a")];
        let pairs = pairs_of(&left[..1], &plain);
        assert_eq!(told(&pairs, &on_left[..1], &plain), []);
        let pairs = pairs_of(&plain, &right[..1]);
        assert_eq!(told(&pairs, &plain, &on_right[..1]), []);
    }

    /// Else every run would pair them once more.
    #[test]
    fn options_that_were_taken_in_are_those_offered_until_one_comes_goes_moves_or_is_renamed() {
        let (left, right) = (options("l", &["a", "b"]), options("r", &["a", "b"]));
        let mut pairs = OptionPairs::default();
        let are_of = |pairs: &OptionPairs, left: &[Choice], right: Option<&[Choice]>| {
            pairs.are_of(Sides::new(Some(left), right))
        };
        assert!(!are_of(&pairs, &left, Some(&right)));
        pairs.take_in(Sides::new(Some(&left), Some(&right)), |_, _| None);
        assert!(are_of(&pairs, &left, Some(&right)));
        assert!(are_of(&pairs, &left, None), "a side that takes any name");
        let moved = [left[1].clone(), left[0].clone()];
        for other in [
            &options("l", &["a", "b", "c"])[..],
            &left[..1],
            &moved,
            &options("l", &["a", "z"]),
        ] {
            assert!(!are_of(&pairs, other, Some(&right)), "{other:?}");
        }
    }

    #[test]
    fn a_side_that_names_options_by_id_no_more_keeps_their_pairs_by_name() {
        let (left, right) = (options("l", &["a"]), options("r", &["a"]));
        let mut pairs = OptionPairs::default();
        pairs.take_in(Sides::new(Some(&left), Some(&right)), |_, _| None);
        let renamed = options("r", &["z"]);
        let plain = [Choice::named("a")];
        let offered = Sides::new(Some(&plain[..]), Some(&renamed[..]));
        pairs.take_in(offered, |_, _| None);
        assert_eq!(pairs.pairs().len(), 1);
    }

    #[test]
    fn options_beyond_those_that_are_remembered_meet_by_name() {
        let names: Vec<String> = (0..=MOST).map(|n| n.to_string()).collect();
        let left: Vec<Choice> = names.iter().map(|n| Choice::with_id(n, n)).collect();
        let mut pairs = OptionPairs::default();
        pairs.take_in(Sides::new(Some(&left), None), |_, _| None);
        assert_eq!(pairs.pairs().len(), MOST);
        let context = LensContext {
            options: Sides::new(Some(&left), None),
            pairs: Some(&pairs),
            ..LensContext::default()
        };
        let last = Value::Choice(left[MOST].clone());
        let name = Value::Choice(Choice::named(&names[MOST]));
        assert!(Lens::Choice.agree(&context, &last, &name));
    }
}
