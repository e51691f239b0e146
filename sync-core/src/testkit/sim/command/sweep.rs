//! The crash sweep as a command.

use super::{Asked, Program, SHOWN};
use crate::testkit::sim::sweep::{Blow, Outcome, busy};

/// One blow and what is wrong with what came of it.
pub(super) struct Wrong {
    pub(super) blow: Blow,
    what: String,
}

/// What came of all blows.
#[derive(Default)]
struct Swept {
    deaths: u64,
    torn: u64,
    wrong: Vec<Wrong>,
}

impl Swept {
    /// Compares what one blow led to. Returns whether the history met the blow.
    fn compare(&mut self, blow: Blow, outcome: &Outcome, calm: &Outcome) -> bool {
        let faults = &outcome.verdict.tally.faults;
        let (count, fault) = match blow {
            Blow::Dies(_) => (&mut self.deaths, "process died"),
            Blow::Torn(_) => (&mut self.torn, "told that it failed"),
        };
        if !faults.contains_key(fault) {
            return false;
        }
        *count += 1;
        let broken = outcome.verdict.violations.first().cloned();
        let what = broken.or_else(|| outcome.difference(calm));
        self.wrong.extend(what.map(|what| Wrong { blow, what }));
        true
    }
}

impl Asked {
    fn busy(&self, program: &Program<'_>, blow: Option<Blow>, tell: bool) -> Outcome {
        let outcome = busy(
            self.seeds.start,
            &self.pairs,
            program.make,
            blow,
            tell && self.story,
        );
        program.tell(&outcome.verdict);
        outcome
    }

    /// The first blow after which the outcome is another one.
    #[cfg(feature = "canary")]
    pub(super) fn first_wrong(&self, program: &Program<'_>, points: u64) -> Option<Wrong> {
        let calm = self.busy(program, None, false);
        let blows = (1..=points.min(calm.points)).flat_map(|at| [Blow::Dies(at), Blow::Torn(at)]);
        let mut swept = Swept::default();
        for blow in blows {
            swept.compare(blow, &self.busy(program, Some(blow), false), &calm);
            if let Some(wrong) = swept.wrong.pop() {
                return Some(wrong);
            }
        }
        None
    }

    pub(super) fn sweep_and_tell(&self, program: &Program<'_>) -> bool {
        let print = program.print;
        let calm = self.busy(program, None, true);
        let points = self.sweep.unwrap_or(0).min(calm.points);
        let parts = self.share(|nth| {
            let mut swept = Swept::default();
            for at in (1..=points).filter(|at| at % self.threads == nth) {
                for blow in [Blow::Dies(at), Blow::Torn(at)] {
                    swept.compare(blow, &self.busy(program, Some(blow), false), &calm);
                }
            }
            swept
        });
        let mut all = Swept::default();
        for part in parts {
            all.deaths += part.deaths;
            all.torn += part.torn;
            all.wrong.extend(part.wrong);
        }
        print(&format!(
            "busy history of seed {}: {} events, {} inputs and outputs, {} facts",
            self.seeds.start,
            calm.verdict.tally.events,
            calm.points,
            calm.facts.len()
        ));
        print(&format!(
            "{} deaths and {} torn calls at the first {points} of them",
            all.deaths, all.torn
        ));
        let laws = &calm.verdict.violations;
        for law in laws {
            print(&format!("without a blow: {law}"));
        }
        all.wrong.sort_by_key(|wrong| match wrong.blow {
            Blow::Dies(at) | Blow::Torn(at) => at,
        });
        for Wrong { blow, what } in all.wrong.iter().take(SHOWN) {
            print(&format!("{blow:?}: {what}"));
        }
        if let Some(first) = all.wrong.first().filter(|_| self.story) {
            print(&format!("the story with {:?}", first.blow));
            self.busy(program, Some(first.blow), true);
        }
        print(&format!(
            "{} outcomes are not that of no blow",
            all.wrong.len()
        ));
        all.wrong.is_empty() && laws.is_empty() && all.deaths > 0
    }
}
