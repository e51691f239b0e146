//! A place that holds one collection of records.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Call;
use crate::record::{Cell, Key, Lifecycle, RankRange, Record, Version};
use crate::schema::{Access, FieldId, FieldIds, Schema, SchemaChange, SchemaVersion};
use crate::value::Value;

/// One collection of records: a Notion data source, a SQLite table, a folder of files.
#[async_trait]
pub trait Peer: Send + Sync {
    /// Which collection this is. Constant.
    fn place(&self) -> &PlaceId;

    /// Schema and capabilities, read afresh.
    async fn describe(&self, call: &Call<'_>) -> Result<Description, PeerError>;

    /// One page of records, at most `limit`.
    ///
    /// Coverage is stated by the page that ends the scan; until then nothing is proved. A peer that
    /// offers slices returns records in order of their ranks, so that a scan may be given up after
    /// any page: what stands before the last rank returned was read whole all the same.
    async fn scan(
        &self,
        call: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError>;

    /// Direct reads, one answer per key in the order asked. At most `max_fetch` keys.
    async fn fetch(
        &self,
        call: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError>;

    /// Live records whose field holds one of these values. At most `max_find` values.
    async fn find(
        &self,
        call: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError>;

    /// Executes commands, one outcome per command in order. At most `max_batch`.
    ///
    /// An error with [`Sent::Maybe`] makes every command of the batch ambiguous; with
    /// [`Sent::No`] nothing happened.
    async fn apply(&self, call: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError>;

    /// Executes additive schema changes if the schema still is `expect`.
    async fn alter(
        &self,
        call: &Call<'_>,
        expect: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError>;
}

/// Workspace or database, and collection. Text of the form `kind:id`, without secrets.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlaceId(String);

impl PlaceId {
    /// Names a place, e.g. `notion:<data source id>` or `sqlite:<table>`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PlaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a peer is and can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The fields.
    pub schema: Schema,
    /// What the peer can do.
    pub capabilities: Capabilities,
}

/// What a peer can do. Set by the adapter, believed by the engine, checked by the contract suite.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// How a create is made safe to repeat.
    pub create: CreateSafety,
    /// How an update notices that somebody else wrote.
    pub update: UpdateSafety,
    /// How records go away.
    pub delete: DeleteKind,
    /// What "not found" proves.
    pub absence: Absence,
    /// What an incremental scan shows.
    pub changes: ChangeFeed,
    /// Most commands per `apply`.
    pub max_batch: u32,
    /// Most keys per `fetch`.
    pub max_fetch: u32,
    /// Most values per `find`.
    pub max_find: u32,
    /// How long after a write `scan` and `find` may still miss it.
    pub index_lag: Duration,
    /// How finely the peer tells when a record was last edited (Notion: to the minute).
    pub edit_grain: Duration,
    /// How many requests one command costs, for estimates. Local peers cost none.
    pub requests_per_command: u32,
    /// Records per request of a full scan, for estimates; 0 for local peers.
    pub scan_page: u32,
    /// Whether option fields take any name (a text column), or only the options of the schema.
    pub free_options: bool,
    /// Whether a field keeps its id when people rename it.
    pub field_ids: FieldIds,
    /// Whether [`Peer::alter`] changes the schema; without, it refuses everything.
    pub alter: bool,
    /// Whether records have ranks and scans may be limited to [`Scope::Slice`]. Without, a scan that
    /// is given up starts over.
    pub slices: bool,
    /// Which history the place has, where it can tell, from the first write on: another one once it was restored from a backup and
    /// taken as it is. A link that agreed under one is refused under another until it is adopted too.
    pub lineage: Option<String>,
}

impl Capabilities {
    /// A local, exact, authoritative peer that compares on write: the SQL shape.
    pub fn local() -> Self {
        Self {
            create: CreateSafety::Keyed,
            update: UpdateSafety::CompareAndSwap,
            delete: DeleteKind::Soft,
            absence: Absence::Authoritative,
            changes: ChangeFeed::Delta,
            max_batch: 2_000,
            max_fetch: 500,
            max_find: 500,
            index_lag: Duration::ZERO,
            edit_grain: Duration::from_millis(1),
            requests_per_command: 0,
            scan_page: 0,
            free_options: true,
            field_ids: FieldIds::NameOnly,
            alter: false,
            slices: false,
            lineage: None,
        }
    }

    /// A remote peer without versions, keys of ours or a change feed: the Notion shape.
    pub fn remote() -> Self {
        Self {
            create: CreateSafety::Unproven,
            update: UpdateSafety::Precheck,
            delete: DeleteKind::Soft,
            absence: Absence::Ambiguous,
            changes: ChangeFeed::Window,
            max_batch: 1,
            max_fetch: 1,
            max_find: 100,
            index_lag: Duration::from_secs(60),
            edit_grain: Duration::from_secs(60),
            requests_per_command: 1,
            scan_page: 100,
            free_options: false,
            field_ids: FieldIds::Stable,
            alter: true,
            slices: false,
            lineage: None,
        }
    }
}

/// How a create is made safe to repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateSafety {
    /// The command's own key or transaction makes it happen at most once.
    Keyed,
    /// A marker written with the create finds it again.
    Marker,
    /// Nothing does: an ambiguous create waits for a person.
    Unproven,
}

/// How an update notices that somebody else wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateSafety {
    /// Atomically, by the expected cells.
    CompareAndSwap,
    /// By reading first; a short window stays.
    Precheck,
}

/// How records go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteKind {
    /// Into a trash, restorable.
    Soft,
    /// For good: only where [`Policy::hard_deletes`](crate::link::Policy::hard_deletes) lets it.
    Hard,
    /// Not at all: a trash is rejected, with the reason.
    None,
}

/// What "not found" proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// The record does not exist.
    Authoritative,
    /// The record may exist and not be shown.
    Ambiguous,
}

/// What an incremental scan shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeFeed {
    /// Every change since the cursor, deletes included.
    Delta,
    /// Changes as far as the peer shows them; deletes are not among them.
    Window,
    /// None: only full scans.
    None,
}

/// Where a scan starts or goes on.
#[derive(Clone, Debug)]
pub enum ScanFrom {
    /// A new scan.
    Start {
        /// Changes since this cursor only; a full scan without.
        since: Option<Cursor>,
        /// How much of the collection.
        scope: Scope,
    },
    /// The next page of the running scan.
    Next(PageToken),
}

impl ScanFrom {
    /// A full scan.
    pub fn full() -> Self {
        Self::Start {
            since: None,
            scope: Scope::All,
        }
    }

    /// An incremental scan.
    pub fn since(cursor: Cursor) -> Self {
        Self::full_or_since(Some(cursor))
    }

    /// An incremental scan where there is a cursor, else a full one.
    pub fn full_or_since(since: Option<Cursor>) -> Self {
        Self::Start {
            since,
            scope: Scope::All,
        }
    }
}

/// How much of the collection a scan covers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// Everything.
    All,
    /// Records whose ranks lie in this range, in order of their ranks. Only asked of peers that
    /// offer slices.
    Slice(RankRange),
}

/// A peer's place inside a running scan. Not serialisable on purpose: it dies with the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken(pub String);

/// A peer's place in its history, kept across runs. Opaque.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// Which fields to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FieldSet {
    /// All.
    #[default]
    All,
    /// These; others come back [`crate::record::Cell::Unread`].
    Only(Vec<FieldId>),
}

impl FieldSet {
    /// Whether this field is asked for.
    pub fn contains(&self, field: &FieldId) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(field),
        }
    }

    /// The record with every cell that was not asked for [`crate::record::Cell::Unread`].
    #[must_use]
    pub fn select(&self, mut record: Record) -> Record {
        if *self == Self::All {
            return record;
        }
        let cells = record.cells.iter().map(|(field, cell)| {
            let asked = self.contains(field);
            (
                field.clone(),
                if asked { cell.clone() } else { Cell::Unread },
            )
        });
        record.cells = cells.collect();
        record
    }
}

/// One page of a scan.
#[derive(Clone, Debug)]
pub struct ScanPage {
    /// What was seen.
    pub items: Vec<Sighting>,
    /// How it goes on.
    pub next: Next,
    /// Where the next incremental scan would start if this one ended complete: a place in the peer's
    /// history from before the scan began. Told with every page by peers that offer slices and show
    /// changes, so that a scan may be read in parts.
    pub began: Option<Cursor>,
}

impl ScanPage {
    /// A page of a scan that can only be read to its end.
    pub fn new(items: Vec<Sighting>, next: Next) -> Self {
        Self {
            items,
            next,
            began: None,
        }
    }
}

/// One item of a scan.
#[derive(Clone, Debug)]
pub enum Sighting {
    /// A record.
    Seen(Record),
    /// The feed says this record is gone.
    Tombstone(Key, Proof),
    /// One item that could not be read. It costs itself only.
    Bad(BadItem),
}

/// An item that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadItem {
    /// Its key, if that much was readable.
    pub key: Option<Key>,
    /// What is wrong, without values.
    pub reason: String,
}

/// How a scan goes on.
#[derive(Clone, Debug)]
pub enum Next {
    /// There is another page.
    More(PageToken),
    /// The scan is over.
    End {
        /// What it proved.
        coverage: Coverage,
        /// Where the next incremental scan starts.
        cursor: Option<Cursor>,
    },
}

/// What a finished scan proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Every record alive within the scope was returned.
    Complete(Scope),
    /// Every change since the cursor was returned, deletes included.
    Delta,
    /// Changes as far as the peer shows them.
    Window,
    /// Nothing about what was not returned.
    Partial(String),
}

/// Why a record counts as deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// A change feed said so.
    Tombstone,
    /// A direct read showed it in the trash.
    TrashFlag,
    /// The peer's word on absence counts, and it said absent.
    AuthoritativeAbsence,
    /// A person said so.
    PersonSaidSo,
}

/// Answer to a direct read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The record, alive or in the trash.
    Here(Record),
    /// It lives in another collection now.
    Elsewhere(PlaceId),
    /// It is not there.
    Absent(Absence),
    /// The peer refused to say.
    Denied,
}

/// Answer to a search by values.
#[derive(Clone, Debug)]
pub struct Found {
    /// One list per value asked.
    pub records: Vec<Vec<Record>>,
    /// How much later than now a record might still appear.
    pub lag: Duration,
}

/// Commands to execute together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// All or each for itself.
    pub mode: Atomicity,
    /// In order.
    pub commands: Vec<Command>,
}

/// Whether a batch stands or falls as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomicity {
    /// Each command for itself.
    PerCommand,
    /// All or none; refused by peers that cannot.
    AllOrNothing,
}

/// One change to one record of one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// What kind of change.
    pub kind: CommandKind,
    /// Which record; `None` for a create.
    pub key: Option<Key>,
    /// The cells to write, and only those.
    pub cells: Vec<CellChange>,
    /// Cells that are not written and must hold all the same: a trash names every cell a person
    /// could have edited. A peer that compares answers `Stale` if one does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holding: Vec<(FieldId, Value)>,
}

impl Command {
    /// Whether the record is as the command expects: what a peer that compares asks before it writes.
    /// A patch belongs to a live record.
    pub fn is_expected(&self, current: &Record) -> bool {
        let holds = |field: &FieldId, value: &Value| {
            let now = current.cells.complete(field);
            now.is_some_and(|now| now.is_same(value))
        };
        let mut expected = self.cells.iter().filter_map(|cell| {
            let value = cell.expected.as_ref()?;
            Some((&cell.field, value))
        });
        let alive = current.lifecycle == Lifecycle::Live || self.kind != CommandKind::Patch;
        alive
            && expected.all(|(field, value)| holds(field, value))
            && self
                .holding
                .iter()
                .all(|(field, value)| holds(field, value))
    }

    /// Why no peer with this schema may take the command: it writes a field that is not there or
    /// that commands do not write.
    pub fn refusal(&self, schema: &Schema) -> Option<Rejection> {
        let closed = self
            .cells
            .iter()
            .find_map(|cell| match schema.field(&cell.field) {
                Some(field) if field.access == Access::Writable => None,
                Some(_) => Some(format!("{} is computed and cannot be written", cell.field)),
                None => Some(format!("there is no field {}", cell.field)),
            });
        closed.map(|message| Rejection {
            kind: RejectionKind::Invalid,
            message,
        })
    }
}

/// Kind of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandKind {
    /// Bring back from the trash, with cells to write at once.
    Untrash,
    /// A new record.
    Create,
    /// New values for some cells.
    Patch,
    /// Into the trash.
    Trash,
}

/// One cell to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellChange {
    /// Which field.
    pub field: FieldId,
    /// What it should hold now; `None` where nothing is known or the record is new.
    pub expected: Option<Value>,
    /// What it shall hold.
    pub desired: Value,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, as far as the peer says.
    Done(Receipt),
    /// Not done: the record is not as expected; here is how it is.
    Stale(Option<Record>),
    /// Refused by the peer. Nothing changed.
    Rejected(Rejection),
    /// It may or may not have happened.
    Ambiguous {
        /// The record's key, where the peer let it slip.
        key: Option<Key>,
    },
    /// Never left.
    NotSent,
}

/// What the peer returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The record.
    pub key: Key,
    /// Its version now.
    pub version: Option<Version>,
    /// How it reads now, where the answer shows it whole.
    pub observed: Option<Record>,
}

/// Why a peer refused a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// What sort of refusal.
    pub kind: RejectionKind,
    /// In the peer's words, without values.
    pub message: String,
}

/// What sort of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RejectionKind {
    /// A value is not acceptable; the same command will fail again.
    Invalid,
    /// The record is not there or not shown.
    NotFound,
    /// No permission for this.
    Denied,
    /// Somebody else was writing; planning again will help.
    Conflict,
}

/// Whether bytes may have reached the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Certainly not.
    No,
    /// Perhaps.
    Maybe,
}

/// A call failed as a whole.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub struct PeerError {
    /// Which peer.
    pub place: PlaceId,
    /// What sort of failure.
    pub kind: PeerErrorKind,
    /// What happened and what to do, without values or secrets.
    pub message: String,
    /// Whether a write may have happened.
    pub sent: Sent,
    /// How long the peer asks to wait.
    pub retry_after: Option<Duration>,
    /// What was underneath.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl PeerError {
    /// A failure before anything was sent.
    pub fn new(place: &PlaceId, kind: PeerErrorKind, message: impl Into<String>) -> Self {
        Self {
            place: place.clone(),
            kind,
            message: message.into(),
            sent: Sent::No,
            retry_after: None,
            source: None,
        }
    }

    /// Whether another try of the same program may fare better: time or a person can mend it, as
    /// load, an outage, a collection that is not shared.
    pub fn may_pass(&self) -> bool {
        match self.kind {
            PeerErrorKind::Forbidden
            | PeerErrorKind::NotFound
            | PeerErrorKind::Busy
            | PeerErrorKind::Unavailable
            | PeerErrorKind::Protocol => true,
            PeerErrorKind::Unauthorized | PeerErrorKind::Cancelled | PeerErrorKind::Local => false,
        }
    }

    /// Whether the whole run has to stop: nothing else will fare better.
    pub fn is_fatal(&self) -> bool {
        matches!(self.kind, PeerErrorKind::Unauthorized)
    }
}

/// What sort of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerErrorKind {
    /// The credentials are not valid: halt.
    Unauthorized,
    /// The credentials do not reach this far.
    Forbidden,
    /// The collection is absent or not shared.
    NotFound,
    /// Too many requests, or too much load.
    Busy,
    /// The peer or the way to it is down, or the peer cannot do it as things stand: no room, no
    /// permission, a table that was changed.
    Unavailable,
    /// The answer could not be understood.
    Protocol,
    /// The caller wanted to stop.
    Cancelled,
    /// The adapter refuses to go on: its own store is damaged or gone, or it was asked for what it
    /// never does. What time or a person mends is [`PeerErrorKind::Unavailable`].
    Local,
}

impl CommandKind {
    /// Whether it makes, trashes or brings back a record.
    pub fn changes_life(self) -> bool {
        !matches!(self, Self::Patch)
    }

    /// Where the record stands afterwards.
    pub fn leads_to(self) -> Lifecycle {
        match self {
            Self::Trash => Lifecycle::Trashed,
            Self::Untrash | Self::Create | Self::Patch => Lifecycle::Live,
        }
    }
}
