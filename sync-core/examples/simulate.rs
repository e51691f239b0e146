//! Plays whole histories from seeds and checks them: `simulate --seeds A..B [--profile NAME]
//! [--canary NAME|all] [--threads N] [--story] [--sweep POINTS]`. See `docs/simulation.md`.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;
use std::process::ExitCode;

use notion_sync_core::testkit::sim::{Profile, Script, Tally, Verdict, simulate_reference};

/// Histories are made of small things that live shortly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// So many histories have to meet every rule, guard and fault.
const ALL_IS_MET: u64 = 100_000;

/// Violations that are printed; the rest is counted.
const SHOWN: usize = 10;

/// What the command line asks for.
#[derive(Clone, Debug)]
struct Asked {
    seeds: Range<u64>,
    profiles: Vec<Profile>,
    canary: Option<String>,
    threads: u64,
    /// Tell what happens, in words: for one seed.
    story: bool,
    /// Instead of many seeds: the first, with a blow at each of so many inputs and outputs.
    sweep: Option<u64>,
}

impl Asked {
    fn script(&self) -> Script {
        Script {
            tell: self.story,
            dies_at: None,
        }
    }
}

fn main() -> ExitCode {
    let asked = match parse(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(message) => {
            eprintln!("{message}");
            eprintln!(
                "usage: simulate --seeds A..B [--profile calm|lossy|crashy|lagging|hostile] \
                 [--canary NAME|all] [--threads N] [--story] [--sweep POINTS]"
            );
            return ExitCode::from(2);
        }
    };
    match asked.canary.clone() {
        None if asked.sweep.is_some() => sweep::sweep_and_tell(&asked),
        None => play_and_tell(&asked),
        Some(name) => canaries::hunt(&asked, &name),
    }
}

fn parse(words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked {
        seeds: 0..1_000,
        profiles: Profile::ALL.to_vec(),
        canary: None,
        threads: 1,
        story: false,
        sweep: None,
    };
    let mut words = words;
    while let Some(flag) = words.next() {
        let mut value = || words.next().ok_or(format!("{flag} wants a value"));
        match flag.as_str() {
            "--seeds" => asked.seeds = range(&value()?)?,
            "--profile" => asked.profiles = vec![value()?.parse()?],
            "--canary" => asked.canary = Some(value()?),
            "--story" => asked.story = true,
            "--sweep" => asked.sweep = Some(number(&value()?)?),
            "--threads" => asked.threads = number(&value()?)?.max(1),
            _ => return Err(format!("there is no flag {flag:?}")),
        }
    }
    Ok(asked)
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
    fn add(&mut self, verdict: Verdict) {
        self.histories += 1;
        self.tally.add(&verdict.tally);
        self.trace = self.trace.wrapping_add(verdict.trace);
        if !verdict.violations.is_empty() {
            self.broken.push(verdict);
        }
    }
}

fn profile_of(asked: &Asked, seed: u64) -> Profile {
    let many = asked.profiles.len() as u64;
    asked.profiles[usize::try_from(seed % many).unwrap_or(0)]
}

/// Plays every seed; seeds go round the profiles that were asked for.
fn play(asked: &Asked) -> Sum {
    let share = |first: u64| {
        let mut sum = Sum::default();
        for seed in asked
            .seeds
            .clone()
            .skip(usize::try_from(first).unwrap_or(0))
        {
            if (seed - asked.seeds.start) % asked.threads == first {
                let verdict = simulate_reference(seed, profile_of(asked, seed), asked.script());
                verdict.story.iter().for_each(|line| println!("{line}"));
                sum.add(verdict);
            }
        }
        sum
    };
    if asked.threads == 1 {
        return share(0);
    }
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..asked.threads)
            .map(|nth| scope.spawn(move || share(nth)))
            .collect();
        let mut whole = Sum::default();
        for worker in workers {
            if let Ok(part) = worker.join() {
                whole.histories += part.histories;
                whole.tally.add(&part.tally);
                whole.trace = whole.trace.wrapping_add(part.trace);
                whole.broken.extend(part.broken);
            }
        }
        whole
    })
}

#[allow(
    clippy::disallowed_methods,
    reason = "the rate is measured by the clock on the wall; no history depends on it"
)]
fn play_and_tell(asked: &Asked) -> ExitCode {
    let began = std::time::Instant::now();
    let mut sum = play(asked);
    let seconds = began.elapsed().as_secs_f64().max(1e-9);
    let rate = sum.histories as f64 / seconds;
    let tally = &sum.tally;
    let each = |count: u64| count as f64 / (sum.histories.max(1)) as f64;
    println!(
        "seeds {}..{}: {} histories in {seconds:.1} s, {rate:.0} a second on {} thread(s), \
         {:.0} a second and core",
        asked.seeds.start,
        asked.seeds.end,
        sum.histories,
        asked.threads,
        rate / cores_used(asked.threads)
    );
    println!(
        "per history: {:.0} events, {:.1} runs, {:.0} inputs and outputs, {:.0} commands, {:.3} crossed edits",
        each(tally.events),
        each(tally.runs),
        each(tally.calls),
        each(tally.commands),
        each(tally.crossed)
    );
    tell("faults", &tally.faults);
    tell("rows", &tally.rows);
    tell("fields", &tally.fields);
    tell("guards", &tally.guards);
    println!("trace {:016x}", sum.trace);
    sum.broken.sort_by_key(|verdict| verdict.seed);
    for (shown, verdict) in sum.broken.iter().enumerate() {
        println!("seed {} ({}):", verdict.seed, verdict.profile);
        let most = if shown < SHOWN { 5 } else { 1 };
        for violation in verdict.violations.iter().take(most) {
            println!("  {violation}");
        }
    }
    if let Some(Verdict { seed, profile, .. }) = sum.broken.first() {
        let next = seed + 1;
        println!("replay: --seeds {seed}..{next} --profile {profile} --story");
    }
    println!("{} histories with violations", sum.broken.len());
    let missed = tell_never_met(&sum.tally);
    let met = missed == 0 || sum.histories < ALL_IS_MET;
    if sum.broken.is_empty() && met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Threads beyond the cores there are wait for one another.
fn cores_used(threads: u64) -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    threads.min(cores as u64) as f64
}

/// Tells what no history met. Returns how much of it has no good reason.
fn tell_never_met(tally: &Tally) -> usize {
    let mut missed = 0;
    for (name, why) in tally.never_met() {
        missed += usize::from(why.is_none());
        println!("never met: {name} ({})", why.unwrap_or("no reason known"));
    }
    missed
}

fn tell<K: Debug>(what: &str, counts: &BTreeMap<K, u64>) {
    let counts: Vec<_> = counts
        .iter()
        .map(|(name, count)| format!("{} {count}", format!("{name:?}").trim_matches('"')))
        .collect();
    println!("{what}: {}", counts.join(", "));
}

mod sweep {
    use notion_sync_core::testkit::sim::{Blow, Outcome, busy_reference};

    use super::{Asked, ExitCode, SHOWN};

    /// One blow and what is wrong with what came of it.
    pub(super) struct Wrong {
        pub(super) blow: Blow,
        pub(super) what: String,
    }

    /// What came of all blows.
    #[derive(Default)]
    struct Swept {
        deaths: u64,
        torn: u64,
        wrong: Vec<Wrong>,
    }

    impl Swept {
        /// Plays the busy history with one blow and compares. Returns whether it met the blow.
        fn strike(&mut self, seed: u64, blow: Blow, calm: &Outcome) -> bool {
            let outcome = busy_reference(seed, Some(blow), false);
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

    /// The first blow after which the outcome is another one.
    #[cfg(feature = "canary")]
    pub(super) fn first_wrong(seed: u64, points: u64) -> Option<Wrong> {
        let calm = busy_reference(seed, None, false);
        let blows = (1..=points.min(calm.points)).flat_map(|at| [Blow::Dies(at), Blow::Torn(at)]);
        let mut swept = Swept::default();
        for blow in blows {
            swept.strike(seed, blow, &calm);
            if let Some(wrong) = swept.wrong.pop() {
                return Some(wrong);
            }
        }
        None
    }

    pub(super) fn sweep_and_tell(asked: &Asked) -> ExitCode {
        let seed = asked.seeds.start;
        let calm = busy_reference(seed, None, asked.story);
        calm.verdict
            .story
            .iter()
            .for_each(|line| println!("{line}"));
        let points = asked.sweep.unwrap_or(0).min(calm.points);
        let share = |first: u64| {
            let mut swept = Swept::default();
            for at in (1..=points).filter(|at| at % asked.threads == first) {
                swept.strike(seed, Blow::Dies(at), &calm);
                swept.strike(seed, Blow::Torn(at), &calm);
            }
            swept
        };
        let mut all = Swept::default();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..asked.threads)
                .map(|nth| scope.spawn(move || share(nth)))
                .collect();
            for worker in workers {
                if let Ok(part) = worker.join() {
                    all.deaths += part.deaths;
                    all.torn += part.torn;
                    all.wrong.extend(part.wrong);
                }
            }
        });
        println!(
            "busy history of seed {seed}: {} events, {} inputs and outputs, {} facts",
            calm.verdict.tally.events,
            calm.points,
            calm.facts.len()
        );
        println!(
            "{} deaths and {} torn calls at the first {points} of them",
            all.deaths, all.torn
        );
        let laws = &calm.verdict.violations;
        laws.iter()
            .for_each(|law| println!("without a blow: {law}"));
        all.wrong.sort_by_key(|wrong| match wrong.blow {
            Blow::Dies(at) | Blow::Torn(at) => at,
        });
        for Wrong { blow, what } in all.wrong.iter().take(SHOWN) {
            println!("{blow:?}: {what}");
        }
        if let Some(first) = all.wrong.first().filter(|_| asked.story) {
            println!("the story with {:?}", first.blow);
            let struck = busy_reference(seed, Some(first.blow), true);
            let story = struck.verdict.story.iter();
            story.for_each(|line| println!("{line}"));
        }
        println!("{} outcomes are not that of no blow", all.wrong.len());
        if all.wrong.is_empty() && laws.is_empty() && all.deaths > 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(feature = "canary"))]
mod canaries {
    use super::{Asked, ExitCode};

    pub(super) fn hunt(_: &Asked, name: &str) -> ExitCode {
        eprintln!("canary {name:?} needs the feature `canary`");
        ExitCode::from(2)
    }
}

#[cfg(feature = "canary")]
mod canaries {
    use notion_sync_core::canary::{self, Canary};

    use super::{Asked, ExitCode, profile_of, simulate_reference};

    /// Plants each bug that was named and plays until a seed catches it.
    pub(super) fn hunt(asked: &Asked, name: &str) -> ExitCode {
        let named = match (name, Canary::by_name(name)) {
            ("all", _) => Canary::ALL.to_vec(),
            (_, Some(canary)) => vec![canary],
            _ => {
                eprintln!("there is no canary {name:?}; there are {:?}", Canary::ALL);
                return ExitCode::from(2);
            }
        };
        let mut missed = 0;
        for planted in named {
            canary::plant(Some(planted));
            if let Some(points) = asked.sweep {
                let wrong = super::sweep::first_wrong(asked.seeds.start, points);
                match wrong {
                    Some(wrong) => println!("{planted:?}: caught by {:?}", wrong.blow),
                    None => {
                        missed += 1;
                        println!("{planted:?}: NOT CAUGHT by {points} points");
                    }
                }
                continue;
            }
            let caught = asked.seeds.clone().find_map(|seed| {
                let verdict = simulate_reference(seed, profile_of(asked, seed), asked.script());
                let first = verdict.violations.first().cloned();
                verdict.story.iter().for_each(|line| println!("{line}"));
                first.map(|violation| (seed, verdict.profile, violation))
            });
            match caught {
                Some((seed, profile, violation)) => {
                    let tried = seed - asked.seeds.start + 1;
                    println!(
                        "{planted:?}: caught by seed {seed} ({profile}), {tried} tried: {violation}"
                    );
                }
                None => {
                    missed += 1;
                    println!("{planted:?}: NOT CAUGHT by seeds {:?}", asked.seeds);
                }
            }
        }
        canary::plant(None);
        if missed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
