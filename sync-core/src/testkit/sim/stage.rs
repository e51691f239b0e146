//! What everything on stage shares: chance, ticks, evidence, counts, violations.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use super::coverage::FAULTS;
use super::freedom::Freedoms;
use super::lineage::Lineage;
use super::profile::Strain;
use super::relations::References;
use crate::link::{Filter, Side, Sides};
use crate::outbox::IntentId;
use crate::plan::{FieldRule, Guard, RowRule};
use crate::port::Command;
use crate::record::Key;
use crate::schema::FieldId;
use crate::testkit::Entropy;

/// A handle on the stage. Clones share it.
#[derive(Clone)]
pub(super) struct Stage(Arc<Mutex<Inner>>);

pub(super) struct Inner {
    /// Chance of faults, apart from the chance of events.
    pub(super) entropy: Entropy,
    pub(super) strain: Strain,
    /// Inputs, outputs and deeds of people so far.
    pub(super) tick: u64,
    /// The future last polled waits for the scheduler, not for the world.
    pub(super) paused: bool,
    /// The process being polled: its number and the tick at which it began.
    pub(super) process: (u64, u64),
    /// The process that took the lease last.
    pub(super) holder: Option<u64>,
    /// Processes that lost their lease and do not know it yet.
    pub(super) stale: BTreeSet<u64>,
    /// Direct reads by process, side and key: the tick.
    pub(super) reads: BTreeMap<(u64, Side, Key), u64>,
    /// When a record came back to life last, by whomever.
    pub(super) revived: BTreeMap<(Side, Key), u64>,
    /// When the engine last sent a record to the trash.
    pub(super) trashed: BTreeMap<(Side, Key), Duration>,
    /// When a search of a side by a process last ended: the tick and the time.
    pub(super) finds: BTreeMap<(u64, Side), (u64, Duration)>,
    /// Records that are not shown.
    pub(super) hidden: BTreeSet<(Side, Key)>,
    /// Records that were not shown, are shown again, and were in no answer since: a window of edits
    /// returns nothing of what was edited before.
    pub(super) overlooked: BTreeSet<(Side, Key)>,
    /// Records that live in another collection.
    pub(super) moved: BTreeSet<(Side, Key)>,
    /// Fields that were gone from a schema once, or illegible: what they hold there is no word of a
    /// person.
    pub(super) estranged: BTreeSet<(Side, FieldId)>,
    /// The mapping follows the schemas: a field that is gone from one leaves the link.
    pub(super) remaps: bool,
    /// Fields that are gone from a schema.
    pub(super) gone: BTreeSet<(Side, FieldId)>,
    /// Fields of which a peer makes no sense.
    pub(super) garbled: BTreeSet<(Side, FieldId)>,
    /// What this history allows.
    pub(super) freedoms: Freedoms,
    /// The filters of the link by now.
    pub(super) filters: Sides<Option<Filter>>,
    /// Commands that are still on their way.
    pub(super) late: Vec<(Side, Command, Sending)>,
    /// Commands that a commit which took hold says are being attempted.
    pub(super) attempts: BTreeMap<IntentId, (Side, Command)>,
    /// Creates that were carried out.
    pub(super) made: Vec<Made>,
    /// Credentials are refused until this tick.
    pub(super) unauthorized_until: u64,
    /// Without a marker a lost create was edited and pulled as another record before a person was
    /// asked about it: an edit of that record brings it back from the trash, beside its twin.
    pub(super) pulled_before_asked: bool,
    /// A person looked at the deletes and lets them pass.
    pub(super) approved: bool,
    pub(super) lineage: Lineage,
    pub(super) references: References,
    /// Commands that take back what a run did, and whether they leave the source as it is.
    pub(super) undoing: Vec<(Side, Command, bool)>,
    /// Processes that undo, and whether on one side only.
    pub(super) keeping: BTreeMap<u64, bool>,
    /// Values that an undo took back on one side, and not yet on the other.
    pub(super) half_undone: BTreeSet<String>,
    pub(super) tally: Tally,
    pub(super) violations: Vec<String>,
    /// The input or output at which the process dies, whatever chance says.
    pub(super) dies_at: Option<u64>,
    /// The input or output at which a call begins that has its effect and is said to have failed.
    pub(super) torn_at: Option<u64>,
    /// What happened, in words, for a person who replays one seed.
    pub(super) story: Option<Vec<String>>,
    trace: u64,
}

/// What was known when a command left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    /// The tick of the last direct read of the target by the sender.
    pub(super) read: Option<u64>,
    /// When it left.
    pub(super) elapsed: Duration,
    /// Whether no answer showed the target since it was shared again.
    pub(super) overlooked: bool,
}

/// A create that was carried out.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) side: Side,
    pub(super) command: Command,
    /// The key it led to.
    pub(super) key: Key,
    /// When, in ticks and in time.
    pub(super) tick: u64,
    pub(super) elapsed: Duration,
}

/// What happened in histories, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Deeds of people, steps of clocks, changes of weather, runs.
    pub events: u64,
    /// Runs of the engine that were started.
    pub runs: u64,
    /// Inputs and outputs of the engine.
    pub calls: u64,
    /// Commands carried out.
    pub commands: u64,
    /// Edits that a write already on its way went over.
    pub crossed: u64,
    /// Injected faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Rules of the row table seen in plans and explanations.
    pub rows: BTreeMap<RowRule, u64>,
    /// Rules of the field table seen there.
    pub fields: BTreeMap<FieldRule, u64>,
    /// Guards that held something back.
    pub guards: BTreeMap<Guard, u64>,
}

impl Tally {
    /// Adds another tally.
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.runs += other.runs;
        self.calls += other.calls;
        self.commands += other.commands;
        self.crossed += other.crossed;
        add(&mut self.faults, &other.faults);
        add(&mut self.rows, &other.rows);
        add(&mut self.fields, &other.fields);
        add(&mut self.guards, &other.guards);
    }
}

fn add<K: Ord + Copy>(to: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, count) in from {
        *to.entry(*key).or_default() += count;
    }
}

impl Stage {
    pub(super) fn new(entropy: Entropy, strain: Strain) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            entropy,
            strain,
            tick: 0,
            paused: false,
            process: (0, 0),
            holder: None,
            stale: BTreeSet::new(),
            reads: BTreeMap::new(),
            revived: BTreeMap::new(),
            trashed: BTreeMap::new(),
            finds: BTreeMap::new(),
            hidden: BTreeSet::new(),
            overlooked: BTreeSet::new(),
            moved: BTreeSet::new(),
            estranged: BTreeSet::new(),
            remaps: false,
            gone: BTreeSet::new(),
            garbled: BTreeSet::new(),
            freedoms: Freedoms::default(),
            filters: Sides::default(),
            late: Vec::new(),
            attempts: BTreeMap::new(),
            made: Vec::new(),
            unauthorized_until: 0,
            pulled_before_asked: false,
            approved: false,
            lineage: Lineage::default(),
            references: References::default(),
            undoing: Vec::new(),
            keeping: BTreeMap::new(),
            half_undone: BTreeSet::new(),
            tally: Tally::default(),
            violations: Vec::new(),
            dies_at: None,
            torn_at: None,
            story: None,
            trace: 0xcbf2_9ce4_8422_2325,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A point at which the scheduler decides what happens next: the process may die here.
    pub(super) fn pause(&self) -> Pause {
        Pause {
            stage: self.clone(),
            waited: false,
        }
    }
}

impl Inner {
    pub(super) fn next_tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }

    /// Whether a fault of this rate strikes; counts it.
    pub(super) fn strikes(&mut self, permille: u64, fault: &'static str) -> bool {
        let strikes = self.entropy.chance(permille);
        if strikes {
            self.count(fault);
        }
        strikes
    }

    /// Whether the call that just began is to be torn. To be asked after its first pause.
    pub(super) fn tears(&mut self) -> bool {
        let chance = self.strain.tears;
        let tears = self.is_torn() || chance > 0 && self.entropy.chance(chance);
        if tears {
            self.count("told that it failed");
        }
        tears
    }

    /// As [`Self::tears`], by plan only.
    pub(super) fn is_torn(&self) -> bool {
        self.torn_at == Some(self.tally.calls)
    }

    pub(super) fn count(&mut self, fault: &'static str) {
        debug_assert!(FAULTS.contains(&fault), "{fault} is not listed");
        *self.tally.faults.entry(fault).or_default() += 1;
    }

    pub(super) fn violation(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.tell(|| format!("VIOLATION {what}"));
        self.violations.push(what);
    }

    pub(super) fn tell(&mut self, what: impl FnOnce() -> String) {
        let (tick, process) = (self.tick, self.process.0);
        if let Some(story) = &mut self.story {
            story.push(format!("{tick} [{process}] {}", what()));
        }
    }

    /// Adds to the trace of the history (FNV-1a): two runs of one seed leave the same.
    pub(super) fn note(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.trace = (self.trace ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(super) fn note_number(&mut self, number: u64) {
        self.note(&number.to_le_bytes());
    }

    pub(super) fn trace(&self) -> u64 {
        self.trace
    }
}

/// Waits for the scheduler once.
pub(super) struct Pause {
    stage: Stage,
    waited: bool,
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.waited {
            return Poll::Ready(());
        }
        self.waited = true;
        let mut inner = self.stage.lock();
        inner.paused = true;
        inner.next_tick();
        inner.tally.calls += 1;
        drop(inner);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
