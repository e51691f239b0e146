//! Durable memory of links.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::peer::{Command, CommandKind, Cursor, Outcome};
use crate::conflict::{Conflict, Resolution};
use crate::link::{LinkId, LinkSpec, OptionPairs, Side, Sides};
use crate::outbox::Intent;
use crate::pair::{Base, PairDigests, PairHead, PairId, PairState, SideState, Standing};
use crate::record::{Cell, Key, Rank, RankRange, Record, Timestamp};
use crate::schema::{FieldId, Schema, SchemaChange};
use crate::value::{Digest, Value};

/// Pairs, shadows, base, cursors, outbox, conflicts, journal, lease.
///
/// `commit` is the only write and is atomic: all of it or nothing. What it returned `Ok` for
/// survives the process; commits that hold intents survive the machine.
#[async_trait]
pub trait Store: Send + Sync {
    /// What the store remembers of a link. [`OpenMode::Read`] writes nothing at all.
    async fn open(&self, spec: &LinkSpec, mode: OpenMode) -> Result<Opened, StoreError>;

    /// Takes, renews or gives back the right to commit for a link.
    async fn lease(&self, link: &LinkId, ask: &LeaseAsk) -> Result<Fence, StoreError>;

    /// Reads, sorted by pair, at most `limit` items after the bookmark.
    async fn read(
        &self,
        link: &LinkId,
        query: &Query,
        after: Option<Bookmark>,
        limit: u32,
    ) -> Result<Rows, StoreError>;

    /// Applies all changes in order, then executes all effects, in one transaction.
    ///
    /// An effect whose outcome is not `Done` leaves its own changes out; it never fails the rest.
    async fn commit(&self, fence: &Fence, commit: Commit) -> Result<Committed, StoreError>;
}

/// Whether opening may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// For dry runs, status, explain: a link that is not there reads as new.
    Read,
    /// Creates the link where it is not there.
    Write,
}

/// What the store remembers of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Identity of this store, minted once: random, so that a marker of one store is not another's.
    pub lineage: u128,
    /// Number of the last commit.
    pub serial: Serial,
    /// The next unused id for pairs and intents.
    pub next_id: u64,
    /// Per-link facts.
    pub memory: LinkMemory,
    /// How many pairs, and how many live records per side.
    pub counts: Counts,
    /// The side whose commands this store executes itself, inside `commit`.
    pub colocated: Option<Side>,
}

/// Per-link facts that are not about single pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkMemory {
    /// Digest of the mapping of the last run.
    pub mapping: Option<Digest>,
    /// Digest of where references led in the last run; `None` if nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub references: Option<Digest>,
    /// Digest of the filters of the last run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filters: Option<Digest>,
    /// The filters or the mapping changed, and a person has not said yet that what therefore left
    /// the filter may be trashed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unapproved_change: bool,
    /// A person said that what was last agreed is not to be believed, and not every pair is marked
    /// so yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub adopting: bool,
    /// Per side.
    pub sides: Sides<SideMemory>,
    /// Markers of creates that were sent again or given up after their request was lost: it may still
    /// arrive, and must not be taken for another record. By marker, the pair it belongs to.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sent_twice: BTreeMap<String, PairId>,
    /// The journal of runs that started earlier may be gone: they cannot be undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo_horizon: Option<Timestamp>,
    /// Which option of one side is which of the other, by pair of fields.
    #[serde(skip_serializing_if = "is_empty_map")]
    pub options: Arc<BTreeMap<FieldId, OptionPairs>>,
    /// The last hundred changes of schemas that were seen to hold, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub altered: Vec<Altered>,
    /// How each pair of fields was mapped in the last run, by its name.
    #[serde(skip_serializing_if = "is_empty_map")]
    pub fields: Arc<BTreeMap<FieldId, Digest>>,
    /// Pairs of fields of which nothing propagates until a person approves them, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub quarantined: BTreeMap<FieldId, Quarantine>,
}

fn is_empty_map<V>(map: &Arc<BTreeMap<FieldId, V>>) -> bool {
    map.is_empty()
}

/// One change of a schema that was seen to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Altered {
    /// Which run.
    pub run: RunId,
    /// The side.
    pub side: Side,
    /// By which rule.
    pub rule: String,
    /// What was changed.
    pub change: SchemaChange,
}

/// Why nothing of a pair of fields propagates: one of the two is not what was mapped (rule F15).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// The side whose field changed.
    pub side: Side,
    /// What happened, in a sentence.
    pub reason: String,
}

/// Per-link, per-side facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SideMemory {
    /// Where the next incremental scan starts.
    pub cursor: Option<Cursor>,
    /// When the full scan that last ended began, be it in one run or in slices.
    pub full_scan_at: Option<Timestamp>,
    /// The full scan under way in slices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
    /// The incremental scan under way in slices: it began at `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_up: Option<Sweep>,
    /// When a scan of any kind last ended.
    pub scanned_at: Option<Timestamp>,
    /// The schema as last described.
    pub schema: Option<Arc<Schema>>,
    /// When.
    pub described_at: Option<Timestamp>,
    /// Records written or read directly that no scan has shown so since: it may still show them as they
    /// were before. Where they are many, those of less than the peer's index lag ago.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ahead_of_index: BTreeMap<PairId, Timestamp>,
    /// The history of the place that was agreed under, see
    /// [`Capabilities::lineage`](super::Capabilities::lineage).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lineage: Option<String>,
}

/// A scan that is read slice by slice, over as many runs as it takes. It moves on only with what was
/// read, in the same commit or after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// When it began.
    pub started_at: Timestamp,
    /// What is still to be read starts here.
    pub next: Bound<Rank>,
    /// Where the next incremental scan starts once this one is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// Records it returned so far.
    #[serde(default)]
    pub seen: u64,
    /// Ranks that could not be read whole: nothing is concluded about them.
    #[serde(default)]
    pub gaps: u64,
    /// Whether somebody asked for it, rather than the cadence.
    #[serde(default)]
    pub asked: bool,
}

impl Sweep {
    /// One that has read nothing yet.
    pub fn new(started_at: Timestamp, asked: bool) -> Self {
        Self {
            started_at,
            next: Bound::Unbounded,
            cursor: None,
            seen: 0,
            gaps: 0,
            asked,
        }
    }
}

/// Numbers the guards need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pairs, tombstones included.
    pub pairs: u64,
    /// Records believed alive, per side.
    pub live: Sides<u64>,
}

/// Number of a commit; grows by one with each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Serial(pub u64);

/// A lease that ends by itself lasts at least so long from the moment it was taken or renewed: longer
/// than any call of a peer, and a margin. Runs renew theirs four times in that span.
pub const LEASE_AT_LEAST: Duration = Duration::from_secs(120);

/// What is asked about a lease.
#[derive(Clone, Debug)]
pub enum LeaseAsk {
    /// To take it; fails with [`StoreError::Busy`] while another owner holds it.
    Take {
        /// Who asks, for people: host and process.
        owner: String,
    },
    /// To keep it: from now on for as long as a new one would last. Fails with
    /// [`StoreError::Fenced`] when another owner took it.
    Renew(Fence),
    /// To give it back.
    Release(Fence),
}

/// Proof of a lease. A later fence of the same link makes earlier ones invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The link.
    pub link: LinkId,
    /// Grows with every owner.
    pub number: u64,
}

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Query {
    /// Heads of the pairs that have these keys on a side, whatever the limit. Unknown keys are not
    /// answered.
    Heads(Side, Vec<Key>),
    /// Ids of all pairs whose record on a side is present and live.
    Live(Side),
    /// Of those, the ones whose rank lies in this range.
    LiveWithin(Side, RankRange),
    /// Of those, the ones whose rank is not known.
    LiveUnranked(Side),
    /// Digests of all pairs.
    Digests,
    /// Whole pairs, those that are there, whatever the limit.
    Pairs(Vec<PairId>),
    /// Whole pairs, every one.
    All,
    /// Whole pairs that are dirty.
    Dirty,
    /// Whole pairs that have a standing other than clean.
    Standing,
    /// Intents that are not final, dead ones included on request.
    Intents {
        /// Whether dead letters are wanted too.
        dead: bool,
    },
    /// Open conflicts.
    Conflicts,
    /// Pairs that wait for records to get a counterpart, and for which.
    Waits,
    /// Records taken away on a side since then, see [`JournalEntry::takes_away`]; answers
    /// [`Rows::Count`].
    DeletesSince(Side, Timestamp),
    /// Journal entries, of one run or of all, newest first. The bookmark counts those read.
    Journal(Option<RunId>),
    /// Runs, newest first. The bookmark counts those read.
    Runs,
    /// The oldest run that started then or later, if there is one.
    OldestRun(Timestamp),
}

/// The last item of a page that was read: the number of its pair or intent. Entries of the journal
/// have none; there it is how many were read. Conflicts come by whole pairs, so that a page of them
/// may be longer than asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bookmark(pub u64);

/// One page of an answer. A page shorter than the limit is the last.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Rows {
    /// For [`Query::Heads`].
    Heads(Vec<PairHead>),
    /// For [`Query::Live`], [`Query::LiveWithin`] and [`Query::LiveUnranked`].
    Ids(Vec<PairId>),
    /// For [`Query::Digests`].
    Digests(Vec<PairDigests>),
    /// For [`Query::Pairs`], [`Query::All`], [`Query::Dirty`] and [`Query::Standing`].
    Pairs(Vec<PairState>),
    /// For [`Query::Intents`].
    Intents(Vec<Intent>),
    /// For [`Query::Conflicts`].
    Conflicts(Vec<Conflict>),
    /// For [`Query::Waits`].
    Waits(Vec<Wait>),
    /// For [`Query::DeletesSince`].
    Count(u64),
    /// For [`Query::Journal`].
    Journal(Vec<JournalEntry>),
    /// For [`Query::Runs`] and [`Query::OldestRun`].
    Runs(Vec<RunRecord>),
}

/// One transaction.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Refuse with [`StoreError::SerialMoved`] unless this is the last serial.
    pub expect: Option<Serial>,
    /// The next unused id after this commit; it is never lowered.
    pub next_id: u64,
    /// Changes of memory.
    pub changes: Vec<Change>,
    /// Commands for the colocated side.
    pub effects: Vec<Effect>,
}

/// One change of memory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// A side of a pair as just observed; a pair that is not there is made.
    Observe {
        /// The pair.
        pair: PairId,
        /// Which side.
        side: Side,
        /// How it is.
        state: SideState,
        /// Whether the planner has to look.
        dirty: bool,
    },
    /// A new base, replacing the former one whole.
    Settle {
        /// The pair.
        pair: PairId,
        /// What both sides agreed on.
        base: Base,
    },
    /// What people are told about a pair, and whether the planner has to look again.
    Attend {
        /// The pair.
        pair: PairId,
        /// Whether the planner has to look again.
        dirty: bool,
        /// Why it is not clean; `None` when it is.
        standing: Option<Standing>,
    },
    /// Every pair has to be looked at: mapping, schema or policy changed.
    AttendAll,
    /// What a pair waits for, replacing what it waited for before; nothing, if that is empty. A pair
    /// that is forgotten or joined to another waits no more.
    Wait(Wait),
    /// The sides of `drop` to which those of `keep` give way become its own, see
    /// [`SideState::gives_way_to`], and `drop` is forgotten.
    Join {
        /// Stays.
        keep: PairId,
        /// Goes.
        drop: PairId,
    },
    /// A pair without a live record anywhere is forgotten, with its conflicts.
    Forget(PairId),
    /// Per-link facts, replaced whole.
    Memory(Box<LinkMemory>),
    /// An intent, new or moved on.
    Intent(Intent),
    /// A conflict, opened or updated in place: it stays open since it was first seen, and a
    /// resolution already stored is kept if it was about these very values.
    Conflict(Conflict),
    /// A person's decision on an open conflict.
    Resolve {
        /// The pair.
        pair: PairId,
        /// The pair of fields.
        field: FieldId,
        /// The decision.
        resolution: Resolution,
    },
    /// The conflict is over.
    CloseConflict {
        /// The pair.
        pair: PairId,
        /// The pair of fields.
        field: FieldId,
    },
    /// What was overwritten, by which rule.
    Journal(JournalEntry),
    /// How a run went.
    Run(RunRecord),
    /// Forgets what is older than it has to be kept.
    Prune(Prune),
}

/// A pair that refers to records without counterpart. Once one of them has got one, the pair is
/// worth a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The pair.
    pub pair: PairId,
    /// What it waits for, in order.
    pub awaited: Vec<Awaited>,
}

/// A record without counterpart that another one refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Awaited {
    /// The link of the same store that tracks its collection.
    pub link: LinkId,
    /// The side it is on.
    pub side: Side,
    /// Its key there.
    pub key: Key,
}

/// One bounded step of maintenance. What is forgotten is history: no plan depends on it, but for a
/// tombstone, after which a record that comes back is a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prune {
    /// The moment of the step: pairs first found at rest are at rest since then.
    pub now: Timestamp,
    /// Journal entries and runs from before are forgotten, oldest first.
    pub journal_before: Timestamp,
    /// Pairs at rest since before are forgotten: clean, and proved deleted or in the trash on both
    /// sides.
    pub tombstones_before: Timestamp,
    /// Intents settled or dropped before are forgotten.
    pub intents_before: Timestamp,
    /// At most so many of each kind.
    pub limit: u32,
}

/// A command for the colocated side, executed inside the commit.
///
/// On `Done` the store makes the receipt's record the side's shadow (present, with its key) and
/// applies `then`. If that record [shows more](Effect::shows_more) than the command wrote, the pair
/// stays dirty whatever `then` says.
#[derive(Clone, Debug)]
pub struct Effect {
    /// The pair.
    pub pair: PairId,
    /// The side, which is the colocated one.
    pub side: Side,
    /// What to do. Expected cells that do not hold make it [`Outcome::Stale`].
    pub command: Command,
    /// Changes that hold only if the command was done.
    pub then: Vec<Change>,
}

impl Effect {
    /// Whether the record that was read back shows anything that neither the command wrote nor the
    /// side's last observation, `before`, showed: somebody edited it since, or the place gave a value
    /// of its own to a cell, as the default of a column. Cells that were not read do not count.
    pub fn shows_more(&self, before: Option<&Record>, now: &Record) -> bool {
        let patched = self.command.kind == CommandKind::Patch;
        if patched && before.is_some_and(|before| before.lifecycle != now.lifecycle) {
            return true;
        }
        now.cells.iter().any(|(field, cell)| {
            let Cell::Complete(value) = cell else {
                let read = before.and_then(|before| before.cells.cell(field));
                return *cell != Cell::Unread && read.is_some_and(|before| before != cell);
            };
            let mut written = self.command.cells.iter();
            let expected = match (written.find(|change| change.field == *field), before) {
                (Some(change), _) => Some(&change.desired),
                (None, Some(before)) => before.cells.complete(field),
                (None, None) => Some(&Value::Empty),
            };
            expected != Some(value)
        })
    }
}

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The new serial.
    pub serial: Serial,
    /// One outcome per effect, in order.
    pub effects: Vec<Outcome>,
}

/// One change that was seen to have arrived, with what it replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Which run.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// Which pair.
    pub pair: PairId,
    /// The side that was written to.
    pub side: Side,
    /// By which kind of command.
    pub kind: CommandKind,
    /// By which rule.
    pub rule: String,
    /// The pair of fields; `None` for lifecycle, creates and what was emptied whole.
    pub field: Option<FieldId>,
    /// What was there.
    pub before: Option<Value>,
    /// What is there now.
    pub after: Option<Value>,
    /// What the other side held then: the edit that caused the write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Value>,
    /// What both sides had last agreed on before; `None` if they never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Sides<Value>>,
}

impl JournalEntry {
    /// Whether it says that a record was trashed or emptied whole: an entry of a patch that is about
    /// no field says the latter.
    pub fn takes_away(&self) -> bool {
        let whole = self.field.is_none();
        self.kind == CommandKind::Trash || self.kind == CommandKind::Patch && whole
    }
}

/// Names a run within its link: the moment it started, or the next that is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub Timestamp);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Not the name of a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the name of a run: write the moment it started, as the list of runs shows it"
)]
pub struct InvalidRunId(String);

impl FromStr for RunId {
    type Err = InvalidRunId;

    /// As it is shown, or the number of milliseconds since 1970 that it stands for.
    fn from_str(text: &str) -> Result<Self, InvalidRunId> {
        let moment = text
            .parse::<jiff::Timestamp>()
            .map(|at| at.as_millisecond());
        let moment = moment.or_else(|_| text.parse::<i64>());
        moment
            .map(|at| Self(Timestamp(at)))
            .map_err(|_| InvalidRunId(text.to_owned()))
    }
}

/// How a run went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Which run.
    pub id: RunId,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended, in a word.
    pub outcome: String,
    /// Commands settled.
    pub settled: u64,
    /// Conflicts open at its end.
    pub conflicts: u64,
    /// Commands refused by a guard or a peer.
    pub refused: u64,
    /// The run it took back, if that was its purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<RunId>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::CellChange;
    use crate::record::Lifecycle;

    #[test]
    fn a_run_is_named_by_what_is_shown_of_it() {
        for at in [0, 1, 1_767_225_663_042, -5] {
            let run = RunId(Timestamp(at));
            assert_eq!(run.to_string().parse(), Ok(run));
            assert_eq!(at.to_string().parse(), Ok(run));
        }
        assert!("yesterday".parse::<RunId>().is_err());
    }

    #[test]
    fn a_record_shows_more_where_a_cell_is_neither_what_was_written_nor_what_was_seen() {
        let record = |cells: &[(&str, Cell)], lifecycle| Record {
            key: Key::durable("1"),
            lifecycle,
            version: None,
            edited_at: None,
            rank: None,
            cells: cells
                .iter()
                .map(|(field, cell)| (FieldId::new(*field), cell.clone()))
                .collect(),
        };
        let live = |cells: &[(&str, Cell)]| record(cells, Lifecycle::Live);
        let text = |text: &str| Cell::Complete(Value::text(text));
        let effect = |kind| Effect {
            pair: PairId(1),
            side: Side::Left,
            command: Command {
                holding: Vec::new(),
                kind,
                key: None,
                cells: vec![CellChange {
                    field: FieldId::new("title"),
                    expected: None,
                    desired: Value::text("new"),
                }],
            },
            then: Vec::new(),
        };
        let create = effect(CommandKind::Create);
        let bare = [("title", text("new")), ("total", Cell::Unread)];
        let empty = [("title", text("new")), ("notes", text(""))];
        let defaulted = [("title", text("new")), ("notes", text("none yet"))];
        assert!(!create.shows_more(None, &live(&bare)));
        assert!(!create.shows_more(None, &live(&empty)));
        assert!(create.shows_more(None, &live(&defaulted)));
        assert!(create.shows_more(None, &live(&[("title", text("New"))])));

        let patch = effect(CommandKind::Patch);
        let before = live(&[("title", text("old")), ("notes", text("none yet"))]);
        assert!(!patch.shows_more(Some(&before), &live(&defaulted)));
        assert!(patch.shows_more(Some(&before), &live(&empty)));
        let trashed = record(&defaulted, Lifecycle::Trashed);
        assert!(patch.shows_more(Some(&trashed), &live(&defaulted)));
    }
}
