//! A history: what happens in a world, from a seed to the last check.

use std::sync::Arc;
use std::time::Duration;

use super::check::Snapshot;
use super::freedom::Freedoms;
use super::peer::is_live;
use super::people::{Deed, People};
use super::process::Ended;
use super::profile::{Profile, Strain};
use super::setting::{MakeWorld, Pairs, Setting};
use super::stage::{Stage, Tally};
use super::witness::Witness;
use super::world::{SkewedClock, World, Written};
use crate::conflict::{Conflict, Resolution};
use crate::engine::{Decisions, Described, Engine, RunError};
use crate::link::{LinkSpec, Policy, Precheck, Side, Sides};
use crate::outbox::IntentState;
use crate::pair::PairState;
use crate::plan::decided;
use crate::port::{Call, Cancel, ChangeFeed, Description, Store};
use crate::testkit::Entropy;

/// Events of a history, those that happen during runs included.
const EVENTS: u64 = 200;
/// Records made on each side before anything else.
const FIRST_RECORDS: u64 = 10;
/// Records that are on both sides from the beginning, where a history has such.
const TWINS: u64 = 4;
/// Runs in which everything has to come to rest, once faults and edits have stopped.
const LAST_RUNS: u64 = 16;

/// What came of one history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The seed it replays from.
    pub seed: u64,
    /// How rough the world was.
    pub profile: Profile,
    /// A hash over everything that happened: the same for the same seed.
    pub trace: u64,
    /// Laws that were broken, a sentence each.
    pub violations: Vec<String>,
    /// What happened.
    pub tally: Tally,
    /// The same in words, where it was asked for.
    pub story: Vec<String>,
}

/// What is left to the caller, beside the seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Script {
    /// The verdict tells the story in words.
    pub tell: bool,
    /// The process dies at this input or output, counted from the first.
    pub dies_at: Option<u64>,
}

/// A history under way.
pub(super) struct History {
    pub(super) world: Arc<dyn World>,
    pub(super) link: LinkSpec,
    pub(super) store: Arc<dyn Store>,
    pub(super) stage: Stage,
    pub(super) clock: SkewedClock,
    pub(super) people: People,
    pub(super) entropy: Entropy,
    pub(super) processes: u64,
    pub(super) described: Sides<Option<Described>>,
    /// The engine of the last run, as long as link and descriptions are the same.
    pub(super) engine: Option<Arc<Engine>>,
    pub(super) habits: Sides<Description>,
    /// Whether changes are learned from feeds that tell of all of them: then no sweep is needed.
    fed: bool,
    profile: Profile,
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Deed,
    Wait,
    Run,
    FullRun,
    DryRun,
    Explain,
    Decide,
    Rearrange,
    Refilter,
}

const HAPPENINGS: [(u64, Happening); 9] = [
    (176, Happening::Deed),
    (20, Happening::Wait),
    (11, Happening::Run),
    (2, Happening::FullRun),
    (2, Happening::DryRun),
    (3, Happening::Explain),
    (4, Happening::Decide),
    (6, Happening::Rearrange),
    (2, Happening::Refilter),
];

/// Plays the history of a seed between two of these kinds, in a world made by `make`, and checks it.
pub fn simulate(
    seed: u64,
    profile: Profile,
    pairs: &Pairs,
    make: &MakeWorld<'_>,
    script: Script,
) -> Verdict {
    let root = Entropy::new(seed).branch(profile as u64);
    let setting = Setting::draw(pairs, &mut root.branch(1));
    let world: Arc<dyn World> = make(&setting).into();
    #[cfg(feature = "canary")]
    crate::canary::forget();
    let freedoms = Freedoms::draw(&mut root.branch(5));
    let mut history = History::new(world, profile, &root, freedoms);
    decided::take();
    {
        let mut stage = history.stage.lock();
        stage.story = script.tell.then(Vec::new);
        stage.dies_at = script.dies_at;
    }
    history.play();
    history.rest();
    history.verdict(seed)
}

impl History {
    /// A history of which nothing has happened yet.
    pub(super) fn new(
        world: Arc<dyn World>,
        profile: Profile,
        root: &Entropy,
        mut freedoms: Freedoms,
    ) -> Self {
        let mut entropy = root.branch(2);
        let mut policy = Policy::default();
        if entropy.chance(600) {
            policy.precheck = Precheck::Always;
        }
        // Small collections would be read whole every time.
        policy.sweep_below_requests = u32::from(entropy.chance(300));
        // Of its own branch: other draws stay what they are for a seed.
        let pace = root.branch(11).pick(&[0, 1, 2, 36]).copied();
        policy.sweep_pace.per_minute = pace.unwrap_or(36);
        freedoms.policy(&mut policy);
        freedoms.world(&*world);
        let mut link = world.link(policy);
        freedoms.link(&mut link);
        let stage = Stage::new(root.branch(3), Strain::default());
        {
            let mut stage = stage.lock();
            stage.freedoms = freedoms;
            stage.filters.clone_from(&link.filters);
            if freedoms.quiet {
                stage.count("quiet period");
            }
        }
        let store = world.store();
        let cancel = Cancel::default();
        let call = Call::new(&cancel);
        let describe = |side| super::finish(&*world, world.place(side).peer().describe(&call));
        let habits = Sides::from_fn(|side| super::described_or_bare(describe(side)));
        let witness = Witness {
            world: Arc::clone(&world),
            link: Arc::new(link.clone()),
            store: Arc::clone(&store),
            stage: stage.clone(),
            lag: habits
                .left
                .capabilities
                .index_lag
                .max(habits.right.capabilities.index_lag),
        };
        let people = People::new(witness, root.branch(4));
        let clock = SkewedClock::new(world.clock().clone());
        Self {
            link,
            store,
            stage,
            clock,
            people,
            entropy,
            processes: 0,
            described: Sides::default(),
            engine: None,
            fed: Side::BOTH
                .into_iter()
                .all(|side| habits[side].capabilities.changes != ChangeFeed::Window),
            habits,
            profile,
            world,
        }
    }

    pub(super) fn stage(&self) -> &Stage {
        &self.stage
    }

    pub(super) fn witness(&self) -> Witness {
        self.people.witness.clone()
    }

    fn play(&mut self) {
        for side in Side::BOTH {
            for _ in 0..FIRST_RECORDS {
                self.people.perform(side, Deed::Create);
            }
        }
        if self.freedoms().matching {
            for _ in 0..TWINS {
                self.people.create_twins();
            }
            // What an index does not know yet is made once more.
            let lag = self.people.witness.lag;
            self.world.clock().advance(lag);
        }
        self.run(false);
        let strain = self.profile.strain();
        self.stage.lock().strain = strain;
        while self.stage.lock().tally.events < EVENTS {
            if strain.weather > 0 && self.entropy.chance(strain.weather) {
                self.stage.lock().tally.events += 1;
                self.change_weather();
                continue;
            }
            if let Some(happening) = self.entropy.weighted(&HAPPENINGS) {
                self.happen(happening);
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        if !matches!(happening, Happening::Deed) {
            self.stage.lock().tally.events += 1;
        }
        match happening {
            Happening::Deed => self.people.act(),
            Happening::Wait => {
                let seconds = match self.entropy.below(10) {
                    0 => 3_600 + self.entropy.below(7_200),
                    _ => self.entropy.below(150),
                };
                self.world.clock().advance(Duration::from_secs(seconds));
                self.deliver_some(500);
            }
            Happening::Run if self.undoes_now() => drop(self.undo()),
            Happening::Run => drop(self.run(false)),
            Happening::FullRun => drop(self.run(true)),
            Happening::DryRun => drop(self.check_dry_run()),
            Happening::Explain => self.explain(),
            Happening::Decide => self.decide_one(),
            Happening::Rearrange if self.freedoms().feud => self.feud(),
            Happening::Rearrange => self.people.rearrange(),
            Happening::Refilter => self.refilter(),
        }
    }

    /// Somebody here ticks a record, somebody there takes that back, and neither gives in.
    fn feud(&mut self) {
        let pairs = self.pairs();
        let both = |pair: &PairState| {
            let [left, right] = Side::BOTH.map(|side| pair.sides[side].key.clone());
            left.zip(right)
        };
        let Some((left, right)) = pairs.iter().find_map(both) else {
            return;
        };
        self.stage.lock().count("edits taken back");
        for (side, key) in [(Side::Left, left), (Side::Right, right)] {
            if !self.world.place(side).keys(true).contains(&key) {
                return;
            }
            let tick = Written::Tick(side == Side::Left);
            self.people.write_to(side, key, "done", &tick);
            self.run(false);
        }
    }

    /// Somebody lifts the filter of the link, or sets it again.
    fn refilter(&mut self) {
        if self.freedoms().filter.is_none() {
            return;
        }
        let set = self.link.filters == Sides::default();
        self.link.filters = match set {
            true => self.freedoms().filters(),
            false => Sides::default(),
        };
        self.engine = None;
        let mut stage = self.stage.lock();
        stage.filters.clone_from(&self.link.filters);
        stage.count(if set { "filter set" } else { "filter lifted" });
    }

    pub(super) fn freedoms(&self) -> Freedoms {
        self.stage.lock().freedoms
    }

    fn change_weather(&mut self) {
        if !self.entropy.chance(200) {
            return self.people.change_weather();
        }
        let minutes = i64::try_from(self.entropy.below(240)).unwrap_or(0) - 120;
        self.clock.jump(minutes * 60_000);
        self.stage.lock().count("clock jumped");
    }

    /// Commands that are still on their way may arrive.
    pub(super) fn deliver_some(&mut self, permille: u64) {
        if self.stage.lock().late.is_empty() {
            return;
        }
        let late = std::mem::take(&mut self.stage.lock().late);
        for (side, command, sending) in late {
            if self.entropy.chance(permille) {
                let capabilities = self.habits[side].capabilities.clone();
                let peer = self.world.place(side).peer();
                let staged = super::peer::StagedPeer::new(side, peer, capabilities, self.witness());
                let cancel = Cancel::default();
                let call = Call::new(&cancel);
                let _ = self.finish(staged.execute(&call, &command, &sending));
            } else {
                self.stage.lock().late.push((side, command, sending));
            }
        }
    }

    fn explain(&mut self) {
        let side = if self.entropy.chance(500) {
            Side::Left
        } else {
            Side::Right
        };
        let records = self.world.place(side).records();
        let Some(key) = self.entropy.pick(&records).map(|record| record.key.clone()) else {
            return;
        };
        let engine = self.engine();
        let _ = super::finish(&*self.world, engine.explain(side, &key));
    }

    /// A person decides one open conflict.
    fn decide_one(&mut self) {
        let store = Arc::clone(&self.store);
        let decisions = Decisions::new(&*store, &self.link.id);
        let conflicts = self.finish(decisions.conflicts()).unwrap_or_default();
        let Some(conflict) = self.entropy.pick(&conflicts).cloned() else {
            return;
        };
        let keep = if self.entropy.chance(500) {
            Side::Left
        } else {
            Side::Right
        };
        let decided = self.world.decide(&conflict, keep) || {
            self.world.process_died();
            let keep = Resolution::Keep(keep);
            self.finish(decisions.resolve(conflict.pair, &conflict.field, keep))
                .is_ok()
        };
        if decided {
            self.was_decided(&self.pairs(), &conflict, keep);
        }
    }

    /// What a person gives up by a decision: a value, or all that a record holds.
    fn was_decided(&self, pairs: &[PairState], conflict: &Conflict, keep: Side) {
        self.stage
            .lock()
            .tell(|| format!("decides {conflict:?} for {keep:?}"));
        let lost = keep.other();
        let pair = pairs.iter().find(|pair| pair.id == conflict.pair);
        let key = pair.and_then(|pair| pair.sides[lost].key.as_ref());
        if !conflict.is_about_life() {
            let value = &conflict.values[lost];
            key.iter()
                .for_each(|key| self.people.gives_up(lost, key, value));
            return self.people.decides_against(value);
        }
        if let Some(key) = key {
            self.people.take_back(lost, key);
        }
    }

    /// Faults and edits stop; runs go on until nothing moves; then everything is checked.
    fn rest(&mut self) {
        {
            let mut stage = self.stage.lock();
            stage.strain = Strain::default();
            stage.unauthorized_until = 0;
            stage.approved = true;
        }
        self.stage.lock().tell(|| "fair weather".into());
        self.deliver_some(1000);
        self.people.clear_up();
        self.clock.set_right();
        self.described = Sides::default();
        self.engine = None;
        // A person looks at what the guards hold back and lets it pass.
        self.link.policy.max_delete.approved = Some(1_000);
        self.link.policy.max_change.floor = 1_000;
        self.link.policy.flapping.writes = 1_000;
        if !self.come_to_rest() {
            return;
        }
        let mut now = self.snapshot();
        self.check_agreement(&now);
        if self.decide_everything(&now) {
            if !self.come_to_rest() {
                return;
            }
            now = self.snapshot();
            self.check_agreement(&now);
        }
        self.check_settled(&now);
        self.check_lineage(&now);
        self.check_references(&now);
        self.check_nothing_left();
        self.check_afresh();
    }

    /// Full runs until one moves nothing; the next is held to that ([`Self::check_nothing_left`]).
    fn come_to_rest(&mut self) -> bool {
        // What was edited last is shown, whatever the index, and has rested.
        let span = Duration::from_secs(61) + self.link.policy.quiet_period;
        self.world
            .clock()
            .advance(span.max(self.people.witness.lag));
        let mut last = String::new();
        for _ in 0..LAST_RUNS {
            self.world.process_died();
            let report = match self.run(!self.fed).pop() {
                Some(Ended::With(result)) => *result,
                _ => return false,
            };
            self.world.clock().advance(span);
            match report {
                Ok(report) => {
                    let decided = self.decide_outbox();
                    let settled = report.settled.left.total() + report.settled.right.total();
                    let postponed = report.undelivered.iter().any(|left| left.due_at.is_some());
                    if postponed {
                        // Longer than any command has to wait for its next attempt.
                        let longest = self.link.policy.backoff.most;
                        self.world.clock().advance(longest);
                    }
                    if settled == 0 && report.waiting == 0 && !decided && !postponed {
                        return true;
                    }
                    if self.stage.lock().story.is_some() {
                        last = format!("{report:?}");
                    }
                }
                Err(RunError::SchemaChanged(_)) => {}
                Err(error) => {
                    let what = format!("E8: a run fails in fair weather: {error}");
                    self.stage.lock().violation(what);
                    return false;
                }
            }
        }
        self.stage.lock().tell(|| last);
        self.stage.lock().violation("E8: does not come to rest");
        false
    }

    /// A person decides what became of commands that nobody can look up, and has those that were
    /// refused tried again. Returns whether there were any.
    fn decide_outbox(&mut self) -> bool {
        let store = Arc::clone(&self.store);
        let decisions = Decisions::new(&*store, &self.link.id);
        let mut decided = false;
        for intent in self.finish(decisions.outbox()).unwrap_or_default() {
            let lost = intent.state == IntentState::Ambiguous && intent.marker.is_none();
            if intent.state != IntentState::Dead && !lost {
                continue;
            }
            let made = self.stage.lock().made.iter().rev().find_map(|made| {
                let same = made.side == intent.side && made.command == intent.command;
                same.then(|| made.key.clone())
            });
            let mut unseen = false;
            let joined = made.filter(|_| lost).is_some_and(|key| {
                let joined = self.finish(decisions.declare_created(intent.id, &key));
                // What was moved or put into the trash before any run saw it is never seen.
                let lives = self.world.place(intent.side).record(&key);
                let moved = (intent.side, key.clone());
                let moved = self.stage.lock().moved.contains(&moved);
                let lives = !moved && lives.is_some_and(|record| is_live(&record));
                unseen = lives && matches!(joined, Err(RunError::NotSeen(_)));
                if let Err(RunError::AlreadyPaired(_)) = joined {
                    // The way out that the message names.
                    self.world.place(intent.side).trash(&key, true);
                }
                // Gone by now, it may have been pulled before, and made again from what it held.
                if matches!(joined, Err(RunError::AlreadyPaired(_))) || !lives {
                    self.stage.lock().pulled_before_asked = true;
                }
                // Another one is to be decided first, as the message says.
                unseen |= matches!(joined, Err(RunError::Undecided(..)));
                joined.is_ok()
            });
            if unseen {
                // The person knows that it is there, and runs once more as the message says.
                decided = true;
                continue;
            }
            let done = joined || self.finish(decisions.declare_not_sent(intent.id)).is_ok();
            self.stage
                .lock()
                .tell(|| format!("decided {intent:?}: joined {joined}"));
            decided |= done;
        }
        decided
    }

    /// People decide every conflict and put late duplicates away. Returns whether there were any.
    fn decide_everything(&mut self, now: &Snapshot) -> bool {
        let store = Arc::clone(&self.store);
        let decisions = Decisions::new(&*store, &self.link.id);
        for conflict in &now.conflicts {
            let keep = if self.entropy.chance(500) {
                Side::Left
            } else {
                Side::Right
            };
            let resolution = Resolution::Keep(keep);
            let decided = decisions.resolve(conflict.pair, &conflict.field, resolution);
            if self.finish(decided).is_ok() {
                self.was_decided(&now.pairs, conflict, keep);
            }
        }
        for (side, key) in &now.late {
            self.world.place(*side).trash(key, true);
        }
        !now.conflicts.is_empty() || !now.late.is_empty()
    }

    pub(super) fn verdict(self, seed: u64) -> Verdict {
        let mut stage = self.stage.lock();
        let decided = decided::take();
        stage.tally.rows.extend(decided.rows);
        stage.tally.fields.extend(decided.fields);
        for side in Side::BOTH {
            for record in self.world.place(side).records() {
                stage.note(record.digest().to_text().as_bytes());
            }
        }
        Verdict {
            seed,
            profile: self.profile,
            trace: stage.trace(),
            violations: std::mem::take(&mut stage.violations),
            tally: std::mem::take(&mut stage.tally),
            story: stage.story.take().unwrap_or_default(),
        }
    }
}
