//! What a program that simulates does with its arguments: plays histories, sweeps, hunts planted bugs,
//! and tells what came of it. Which parts the worlds are made of is left to the program.

mod canaries;
mod sweep;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;
use std::process::ExitCode;
use std::time::Duration;

use super::history::{Script, Verdict, simulate};
use super::profile::Profile;
use super::setting::{MakeWorld, Pairs};
use super::stage::Tally;

/// The arguments that [`Asked::parse`] knows.
pub const USAGE: &str = "--seeds A..B [--profile calm|lossy|crashy|lagging|hostile] \
    [--peer KIND[,KIND]] [--canary NAME|all] [--threads N] [--story] [--sweep POINTS]";

/// So many histories have to meet every rule, guard and fault, if they may be between any two kinds.
const ALL_IS_MET: u64 = 100_000;

/// Violations that are printed; the rest is counted.
const SHOWN: usize = 10;

/// What a program gives: the core makes no worlds of its own, prints nothing, and has no clock.
pub struct Program<'a> {
    /// Makes the world of a history.
    pub make: &'a MakeWorld<'a>,
    /// Prints a line.
    pub print: &'a (dyn Fn(&str) + Sync),
    /// The time since the program began, for rates; no history depends on it.
    pub elapsed: &'a (dyn Fn() -> Duration + Sync),
}

impl Debug for Program<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Program")
    }
}

impl Program<'_> {
    fn tell(&self, verdict: &Verdict) {
        verdict.story.iter().for_each(|line| (self.print)(line));
    }
}

/// What the arguments ask for.
#[derive(Clone, Debug)]
pub struct Asked {
    seeds: Range<u64>,
    profiles: Vec<Profile>,
    pairs: Pairs,
    canary: Option<String>,
    threads: u64,
    /// Tell what happens, in words: for one seed.
    story: bool,
    /// Instead of many seeds: the first, with a blow at each of so many inputs and outputs.
    sweep: Option<u64>,
}

impl Asked {
    /// Reads arguments.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut asked = Self {
            seeds: 0..1_000,
            profiles: Profile::ALL.to_vec(),
            pairs: Pairs::default(),
            canary: None,
            threads: 1,
            story: false,
            sweep: None,
        };
        let mut words = words.into_iter();
        while let Some(flag) = words.next() {
            let mut value = || words.next().ok_or(format!("{flag} wants a value"));
            match flag.as_str() {
                "--seeds" => asked.seeds = range(&value()?)?,
                "--profile" => asked.profiles = vec![value()?.parse()?],
                "--peer" => asked.pairs = pairs(&value()?)?,
                "--canary" => asked.canary = Some(value()?),
                "--story" => asked.story = true,
                "--sweep" => asked.sweep = Some(number(&value()?)?),
                "--threads" => asked.threads = number(&value()?)?.max(1),
                _ => return Err(format!("there is no flag {flag:?}")),
            }
        }
        Ok(asked)
    }

    /// Does it. A failure says that a law was broken, a planted bug missed, or that very many
    /// histories did not meet what they can.
    pub fn carry_out(&self, program: &Program<'_>) -> ExitCode {
        let succeeded = match &self.canary {
            None if self.sweep.is_some() => self.sweep_and_tell(program),
            None => self.play_and_tell(program),
            Some(name) => self.hunt(name, program),
        };
        match succeeded {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }

    fn script(&self) -> Script {
        Script {
            tell: self.story,
            dies_at: None,
        }
    }

    fn profile_of(&self, seed: u64) -> Profile {
        let many = self.profiles.len() as u64;
        self.profiles[usize::try_from(seed % many).unwrap_or(0)]
    }

    fn play_one(&self, seed: u64, program: &Program<'_>) -> Verdict {
        let profile = self.profile_of(seed);
        let verdict = simulate(seed, profile, &self.pairs, program.make, self.script());
        program.tell(&verdict);
        verdict
    }

    /// Shares work among the threads: each gets its number, counted from 0.
    fn share<T: Send>(&self, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
        if self.threads == 1 {
            return vec![work(0)];
        }
        std::thread::scope(|scope| {
            let work = &work;
            let workers: Vec<_> = (0..self.threads)
                .map(|nth| scope.spawn(move || work(nth)))
                .collect();
            let joined = workers.into_iter().map(|worker| match worker.join() {
                Ok(part) => part,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.collect()
        })
    }

    /// Plays every seed; seeds go round the profiles that were asked for.
    fn play(&self, program: &Program<'_>) -> Sum {
        let parts = self.share(|nth| {
            let mut sum = Sum::default();
            let seeds = self.seeds.clone();
            for seed in seeds.filter(|seed| (seed - self.seeds.start) % self.threads == nth) {
                sum.add(self.play_one(seed, program));
            }
            sum
        });
        let mut whole = Sum::default();
        for part in parts {
            whole.histories += part.histories;
            whole.tally.add(&part.tally);
            whole.trace = whole.trace.wrapping_add(part.trace);
            whole.broken.extend(part.broken);
        }
        whole
    }

    fn play_and_tell(&self, program: &Program<'_>) -> bool {
        let began = (program.elapsed)();
        let mut sum = self.play(program);
        let seconds = (program.elapsed)().saturating_sub(began);
        let print = program.print;
        self.tell_rates(&sum, seconds.as_secs_f64().max(1e-9), print);
        counts(print, "faults", &sum.tally.faults);
        counts(print, "rows", &sum.tally.rows);
        counts(print, "fields", &sum.tally.fields);
        counts(print, "guards", &sum.tally.guards);
        print(&format!("trace {:016x}", sum.trace));
        sum.broken.sort_by_key(|verdict| verdict.seed);
        for (shown, verdict) in sum.broken.iter().enumerate() {
            print(&format!("seed {} ({}):", verdict.seed, verdict.profile));
            let most = if shown < SHOWN { 5 } else { 1 };
            for violation in verdict.violations.iter().take(most) {
                print(&format!("  {violation}"));
            }
        }
        if let Some(Verdict { seed, profile, .. }) = sum.broken.first() {
            let next = seed + 1;
            print(&format!(
                "replay: --seeds {seed}..{next} --profile {profile} --story"
            ));
        }
        print(&format!("{} histories with violations", sum.broken.len()));
        let mut missed = 0;
        for (name, why) in sum.tally.never_met() {
            missed += usize::from(why.is_none());
            let why = why.unwrap_or("no reason known");
            print(&format!("never met: {name} ({why})"));
        }
        let enough = sum.histories >= ALL_IS_MET && self.pairs == Pairs::default();
        sum.broken.is_empty() && (missed == 0 || !enough)
    }

    fn tell_rates(&self, sum: &Sum, seconds: f64, print: &dyn Fn(&str)) {
        let Sum {
            histories, tally, ..
        } = sum;
        let rate = *histories as f64 / seconds;
        let each = |count: u64| count as f64 / (*histories).max(1) as f64;
        print(&format!(
            "seeds {}..{}: {histories} histories in {seconds:.1} s, {rate:.0} a second on {} \
             thread(s), {:.0} a second and core",
            self.seeds.start,
            self.seeds.end,
            self.threads,
            rate / cores_used(self.threads)
        ));
        print(&format!(
            "per history: {:.0} events, {:.1} runs, {:.0} inputs and outputs, {:.0} commands, \
             {:.3} crossed edits",
            each(tally.events),
            each(tally.runs),
            each(tally.calls),
            each(tally.commands),
            each(tally.crossed)
        ));
    }
}

fn range(text: &str) -> Result<Range<u64>, String> {
    match text.split_once("..") {
        Some((from, to)) => Ok(number(from)?..number(to)?),
        None => number(text).map(|seed| seed..seed + 1),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a number"))
}

fn pairs(text: &str) -> Result<Pairs, String> {
    let kinds = text.split(',').map(str::parse);
    let kinds = kinds.collect::<Result<Vec<_>, _>>()?;
    Pairs::of(&kinds).ok_or_else(|| format!("no two places are {text:?}"))
}

/// What came of many histories.
#[derive(Default)]
struct Sum {
    histories: u64,
    tally: Tally,
    /// Traces of all histories, added: the same for the same seeds, whatever the threads.
    trace: u64,
    broken: Vec<Verdict>,
}

impl Sum {
    fn add(&mut self, mut verdict: Verdict) {
        self.histories += 1;
        self.tally.add(&verdict.tally);
        self.trace = self.trace.wrapping_add(verdict.trace);
        if !verdict.violations.is_empty() {
            verdict.story = Vec::new();
            self.broken.push(verdict);
        }
    }
}

/// Threads beyond the cores there are wait for one another.
fn cores_used(threads: u64) -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    threads.min(cores as u64) as f64
}

fn counts<K: Debug>(print: &dyn Fn(&str), what: &str, counts: &BTreeMap<K, u64>) {
    let counts: Vec<_> = counts
        .iter()
        .map(|(name, count)| format!("{} {count}", format!("{name:?}").trim_matches('"')))
        .collect();
    print(&format!("{what}: {}", counts.join(", ")));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Asked, String> {
        Asked::parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn arguments_are_read_or_refused_with_a_sentence() {
        let asked = parse("--seeds 3..9 --profile calm --peer files,replica --threads 2").unwrap();
        assert_eq!((asked.seeds.clone(), asked.threads), (3..9, 2));
        assert_eq!(asked.profile_of(5), Profile::Calm);
        assert_ne!(asked.pairs, Pairs::default());
        for (wrong, sentence) in [
            ("--seeds", "--seeds wants a value"),
            ("--seeds x", "\"x\" is not a number"),
            ("--peer sql,replica", "no two places are \"sql,replica\""),
            ("--peer paper", "there is no kind of peer \"paper\""),
            ("--weather", "there is no flag \"--weather\""),
        ] {
            assert_eq!(parse(wrong).unwrap_err(), sentence);
        }
    }
}
