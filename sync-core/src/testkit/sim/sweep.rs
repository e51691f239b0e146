//! The crash sweep: one busy history, played again with one blow at each of its inputs and outputs;
//! the outcome has to be that of the history without a blow.
//!
//! What people do is fixed: it happens between runs, and speaks of records by their titles, which
//! nobody edits. So it depends neither on how many inputs and outputs a run took nor on the keys
//! that records got. Whoever was struck is started again before people go on, as a supervisor does,
//! and runs until nothing moves: that is what a run is in both histories. The two may then differ in
//! keys, markers, moments and numbers of pairs, and in nothing else.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use super::freedom::Freedoms;
use super::history::{History, Verdict};
use super::people::Deed;
use super::process::Ended;
use super::profile::Profile;
use super::setting::{MakeWorld, Pairs, Setting};
use super::world::{MARKER, World};
use crate::engine::RunError;
use crate::link::{Side, Sides};
use crate::pair::{PairId, PairState, Presence};
use crate::record::{Key, Record};
use crate::testkit::Entropy;

/// Records made on each side before the first run.
const FIRST_RECORDS: u64 = 11;
/// Times that people work, with a run after each.
const ROUNDS: u64 = 6;
/// What people do each time.
const DEEDS: u64 = 38;
/// Runs after which everything has to be still.
const RUNS: u32 = 24;

/// What hits a process, at an input or output counted from the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// It dies there. Of every call of a peer or store the first such point is before it has an
    /// effect, the second after it had one and before anybody was told.
    Dies(u64),
    /// The call that begins there has its effect, and the process lives and is told that it failed:
    /// a commit that took hold, a command that was carried out. A call that writes nothing fails.
    Torn(u64),
}

/// What a busy history leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Everything there is and everything that is remembered, in sentences without keys, markers,
    /// moments and numbers; sorted.
    pub facts: Vec<String>,
    /// Inputs and outputs that a blow can hit: those before the outcome is checked.
    pub points: u64,
    /// What happened on the way, and the laws it broke.
    pub verdict: Verdict,
}

impl Outcome {
    /// What one has and the other has not, if there is anything: at most a few facts of each.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let missing = |from: &Self, of: &Self| {
            let mut left: BTreeMap<&String, i64> = BTreeMap::new();
            from.facts
                .iter()
                .for_each(|fact| *left.entry(fact).or_default() += 1);
            of.facts
                .iter()
                .for_each(|fact| *left.entry(fact).or_default() -= 1);
            let only = left.into_iter().filter(|(_, count)| *count > 0);
            only.map(|(fact, _)| fact.clone())
                .take(3)
                .collect::<Vec<_>>()
        };
        let (here, there) = (missing(self, other), missing(other, self));
        (!here.is_empty() || !there.is_empty())
            .then(|| format!("here {here:#?}, without a blow {there:#?}"))
    }
}

/// Plays the busy history of a seed between two of these kinds, in a world made by `make`.
pub fn busy(
    seed: u64,
    pairs: &Pairs,
    make: &MakeWorld<'_>,
    blow: Option<Blow>,
    tell: bool,
) -> Outcome {
    let world: Arc<dyn World> = make(&Setting::busy(pairs, seed)).into();
    #[cfg(feature = "canary")]
    crate::canary::forget();
    let root = Entropy::new(seed).branch(77);
    let mut history = History::new(world, Profile::Calm, &root, Freedoms::default());
    history.people.steady = true;
    {
        let mut stage = history.stage().lock();
        stage.story = tell.then(Vec::new);
        match blow {
            None => {}
            Some(Blow::Dies(at)) => stage.dies_at = Some(at),
            Some(Blow::Torn(at)) => stage.torn_at = Some(at),
        }
        // People let pass what the guards hold back: how much is held depends on who runs when.
        stage.approved = true;
    }
    history.link.policy.max_delete.approved = Some(1_000);
    history.link.policy.max_change.floor = 1_000;
    history.link.policy.flapping.writes = 1_000;
    history.busy();
    let points = history.put_down_blows();
    history.check_agreement(&history.snapshot());
    history.check_nothing_left();
    let facts = history.facts();
    Outcome {
        facts,
        points,
        verdict: history.verdict(seed),
    }
}

impl History {
    fn busy(&mut self) {
        for side in Side::BOTH {
            for _ in 0..FIRST_RECORDS {
                self.people.perform(side, Deed::Create);
            }
        }
        self.run_until_still();
        for _ in 0..ROUNDS {
            for _ in 0..DEEDS {
                self.people.act();
            }
            self.run_until_still();
        }
    }

    /// Nothing is struck from now on. Returns how many inputs and outputs there were so far.
    fn put_down_blows(&mut self) -> u64 {
        let mut stage = self.stage().lock();
        (stage.dies_at, stage.torn_at) = (None, None);
        stage.tally.calls
    }

    /// Runs until two in a row move nothing, whatever becomes of the first ones.
    fn run_until_still(&mut self) {
        let mut still = 0;
        for _ in 0..RUNS {
            // What people just did is in every index, and every command is due.
            let lag = self.witness().lag + Duration::from_secs(120);
            self.world
                .clock()
                .advance(lag + self.link.policy.backoff.most);
            self.world.process_died();
            let moved = match self.run(true).pop() {
                Some(Ended::With(result)) => match *result {
                    Ok(report) => {
                        let settled = report.settled.left.total() + report.settled.right.total();
                        let postponed = report.undelivered.iter();
                        let mut postponed = postponed.filter(|left| left.due_at.is_some());
                        settled > 0 || report.waiting > 0 || postponed.next().is_some()
                    }
                    Err(RunError::SchemaChanged(_)) => true,
                    // Whoever is told that a call failed ends, and is started again.
                    Err(_) => true,
                },
                Some(Ended::Killed) | None => true,
            };
            still = if moved { 0 } else { still + 1 };
            if still == 2 {
                return;
            }
        }
        let what = "E8: does not come to rest";
        self.stage().lock().violation(what);
    }

    /// Everything there is and everything that is remembered.
    fn facts(&self) -> Vec<String> {
        let truth = self.truth();
        let pairs = self.pairs();
        let names: BTreeMap<PairId, String> = pairs
            .iter()
            .map(|pair| (pair.id, self.name_of(pair, &truth)))
            .collect();
        let mut facts = Vec::new();
        for side in Side::BOTH {
            for record in truth[side].values() {
                facts.push(format!("{side:?} has {}", content(record)));
            }
        }
        for pair in &pairs {
            facts.push(remembered(&names[&pair.id], pair));
        }
        for conflict in self.conflicts() {
            let name = names.get(&conflict.pair).map_or("?", String::as_str);
            let (field, values) = (&conflict.field, &conflict.values);
            facts.push(format!("conflict over {field} of {name}: {values:?}"));
        }
        for intent in self.open_intents() {
            let name = names.get(&intent.pair).map_or("?", String::as_str);
            let (kind, side) = (intent.command.kind, intent.side);
            facts.push(format!(
                "{kind:?} on {side:?} of {name} is {:?}",
                intent.state
            ));
        }
        facts.sort();
        facts
    }

    /// What the records of a pair are called, on whichever side there is one.
    fn name_of(&self, pair: &PairState, truth: &Sides<BTreeMap<Key, Record>>) -> String {
        let title = |side: Side| {
            let key = pair.sides[side].key.as_ref()?;
            let there = truth[side].get(key).or(pair.sides[side].shadow.as_ref())?;
            Some(super::people::title_of(there))
        };
        let mut titles = Side::BOTH.into_iter().filter_map(title);
        titles.next().unwrap_or_default()
    }
}

/// A record without key and moments, and without what carries a marker.
fn content(record: &Record) -> String {
    let mut told = format!("{:?}", record.lifecycle);
    for (field, cell) in record.cells.iter() {
        if field.as_str() != MARKER {
            let _ = write!(told, ", {field}: {cell:?}");
        }
    }
    told
}

/// What is remembered of a pair, without keys, markers and moments.
fn remembered(name: &str, pair: &PairState) -> String {
    let side = |side: Side| {
        let state = &pair.sides[side];
        let presence = match &state.presence {
            Presence::Deleted(_) => "deleted".to_owned(),
            other => format!("{other:?}"),
        };
        let shadow = state.shadow.as_ref().map(content);
        format!("{presence} {}", shadow.unwrap_or_default())
    };
    let base = pair.base.as_ref().map(|base| {
        let mut told = format!("{:?}", base.lifecycle);
        for field in base.fields() {
            if field.name.as_str() != MARKER {
                let _ = write!(told, ", {}: {:?}", field.name, field.values);
            }
        }
        told
    });
    let standing = pair.standing.as_ref().map(|standing| standing.state);
    format!(
        "{name}: left {}; right {}; settled {base:?}; {standing:?}",
        side(Side::Left),
        side(Side::Right)
    )
}
