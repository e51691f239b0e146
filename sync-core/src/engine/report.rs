//! What a run tells: progress on the way, a report at its end, or why it could not go on.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Undelivered;
use crate::link::{Side, Sides};
use crate::outbox::{IllegalTransition, IntentId};
use crate::pair::PairId;
use crate::plan::{Guard, Plan, RecordName, Refusal};
use crate::port::{PeerError, PeerErrorKind, RunId, StoreError};
use crate::schema::{FieldId, SchemaEvent};

/// Progress of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A side is being read.
    Scanned {
        /// What people call the side.
        side: String,
        /// Records so far.
        records: u64,
        /// How many are expected, if known.
        expected: Option<u64>,
    },
    /// What is about to be done, before the first write.
    Planned(Box<Plan>),
    /// Commands are being carried out.
    Applied {
        /// What people call the side.
        side: String,
        /// So far.
        done: u64,
        /// Of how many.
        total: u64,
    },
    /// An unfinished command of an earlier run was looked up.
    Recovered {
        /// What was found.
        what: String,
    },
    /// The schema of a side is not what it was.
    SchemaDrifted(Drift),
}

/// One difference between the schema of a side and what it was in the last run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// The side.
    pub side: Side,
    /// What happened there.
    pub event: SchemaEvent,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Everything that could be done was done.
    Clean,
    /// Some of it could not be done; another run may.
    Partial,
    /// Stopped at once: nothing else would have fared better.
    Halted,
    /// Stopped on request.
    Cancelled,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// How it ended.
    pub outcome: RunOutcome,
    /// Why it is not clean, a sentence each.
    pub problems: Vec<String>,
    /// Records returned by scans, per side.
    pub scanned: Sides<u64>,
    /// Whether each side was scanned whole.
    pub full_scan: Sides<bool>,
    /// Commands settled per side, by kind.
    pub settled: Sides<Settled>,
    /// How often each guard held something back, also where its cause was gone before the run
    /// ended: a command found stale is planned again at once.
    pub raised: BTreeMap<Guard, u64>,
    /// Changes of the schemas carried out, per side.
    pub altered: Sides<u64>,
    /// How the schemas differ from those of the last run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// Conflicts open now.
    pub open_conflicts: u64,
    /// Commands whose outcome is still unknown.
    pub waiting: u64,
    /// What guards and peers refused.
    pub refusals: Vec<Refusal>,
    /// Commands that are not through, with what helps each; the first hundred.
    pub undelivered: Vec<Undelivered>,
    /// What people call the records that refusals and undelivered commands are about; of a thousand.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub records: BTreeMap<PairId, RecordName>,
    /// What people call the fields that refusals are about.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub field_names: BTreeMap<FieldId, String>,
    /// The oldest run that can still be undone.
    pub undo_since: Option<RunId>,
    /// Whether something was left only because the run's budget is spent: another run would go on
    /// with it at once.
    pub more: bool,
}

/// Settled commands by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// Records made.
    pub created: u64,
    /// Records changed.
    pub patched: u64,
    /// Records in which only computed fields were refreshed.
    pub refreshed: u64,
    /// Records moved to the trash.
    pub trashed: u64,
    /// Records brought back.
    pub untrashed: u64,
}

impl Settled {
    /// All of them, refreshes of computed fields left out.
    pub fn total(&self) -> u64 {
        self.created + self.patched + self.trashed + self.untrashed
    }
}

impl Report {
    pub(super) fn new() -> Self {
        Self {
            outcome: RunOutcome::Clean,
            problems: Vec::new(),
            scanned: Sides::default(),
            full_scan: Sides::default(),
            settled: Sides::default(),
            raised: BTreeMap::new(),
            altered: Sides::default(),
            drift: Vec::new(),
            open_conflicts: 0,
            waiting: 0,
            refusals: Vec::new(),
            undelivered: Vec::new(),
            records: BTreeMap::new(),
            field_names: BTreeMap::new(),
            undo_since: None,
            more: false,
        }
    }

    /// Whether nothing was written on either side and nothing is left to say.
    pub fn is_quiet(&self) -> bool {
        self.settled.left.total() + self.settled.right.total() == 0
            && self.altered == Sides::new(0, 0)
            && self.outcome == RunOutcome::Clean
            && self.refusals.is_empty()
    }

    /// How often a guard held something back.
    pub fn raised(&self, guard: Guard) -> u64 {
        self.raised.get(&guard).copied().unwrap_or(0)
    }

    pub(super) fn raise(&mut self, guard: Guard, count: u64) {
        *self.raised.entry(guard).or_default() += count;
    }

    pub(super) fn problem(&mut self, outcome: RunOutcome, what: impl Into<String>) {
        if self.outcome == RunOutcome::Clean {
            self.outcome = outcome;
        }
        self.problems.push(what.into());
    }
}

/// A run could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A peer failed as a whole.
    #[error(transparent)]
    Peer(PeerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The schema of a side changed while an undo was planned, or under a mapping that is made from
    /// it; make it again and run again.
    #[error("the fields of {0} changed during the run; nothing was lost, run again")]
    SchemaChanged(String),
    /// Stopped on request.
    #[error("stopped on request; run again to go on")]
    Cancelled,
    /// There is no such run, or it is too long ago.
    #[error("no run {} can be undone: there is none, or its journal is gone", .0)]
    NoSuchRun(RunId),
    /// No command of that number waits for such a decision.
    #[error("no command {} waits for that decision", .0.0)]
    NoSuchIntent(IntentId),
    /// No run has seen that record yet.
    #[error("no run has seen record {0} yet; run once more, then decide")]
    NotSeen(String),
    /// The record has a counterpart of its own already.
    #[error(
        "record {0} already belongs to a row of its own; move one of the two rows to the trash, \
         then say that the create never arrived"
    )]
    AlreadyPaired(String),
    /// A command for the record is undecided itself.
    #[error(
        "record {0} is being copied by command {n}, of which nobody knows what became of it: decide \
         that one first",
        n = .1.0
    )]
    Undecided(String, IntentId),
    /// A bug: an intent was fed an event its state cannot take.
    #[error(transparent)]
    Outbox(#[from] IllegalTransition),
}

impl From<PeerError> for RunError {
    fn from(error: PeerError) -> Self {
        match error.kind {
            PeerErrorKind::Cancelled => Self::Cancelled,
            _ => Self::Peer(error),
        }
    }
}

impl RunError {
    /// Whether the credentials were refused.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Peer(error) if error.is_fatal())
    }
}
