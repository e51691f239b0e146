//! What a history needs of a world: two places where people work, a store, a clock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;

use crate::conflict::Conflict;
use crate::link::{LinkSpec, MappedField, Policy, Side, Sides};
use crate::port::{Clock, Peer, Store};
use crate::record::{Key, Record, Timestamp};
use crate::schema::{FieldId, Schema, SchemaChange};
use crate::testkit::VirtualClock;
use crate::value::{DateValue, Value};

/// The field that carries markers of creates. Beside it and [`PAUSED`] the collections of a world have
/// the fields `title`, `notes`, `tags`, `due` and `done`, by these ids.
pub const MARKER: &str = "marker";
/// The checkbox that pauses a record, where a link has one. Not mapped.
pub const PAUSED: &str = "paused";

/// The field of references, where a history has one: each record refers to others of its side.
pub const PARENT: &str = "parent";

/// Options that exist from the beginning: more than a list shows at once.
pub fn tag_names() -> impl Iterator<Item = String> {
    (0..30).map(|n| format!("t{n}"))
}

/// Two places, a store and a clock. The harness works on any.
///
/// A history is decided by its seed alone, so no future of a peer or store may wait for something that
/// takes its own time: where another thread does the work, it is waited for within one poll.
pub trait World: Send + Sync {
    /// One of the two places.
    fn place(&self, side: Side) -> &dyn Place;
    /// The store as a process opens it.
    fn store(&self) -> Arc<dyn Store>;
    /// The link between the two places, under this policy.
    fn link(&self, policy: Policy) -> LinkSpec;
    /// Both collections get a field of references to their own records; that of one side may point
    /// at a collection that nobody links. Returns whether that can be done here.
    fn add_references(&self, field: &FieldId, astray: Option<Side>) -> bool;
    /// The fields that are mapped by these schemas, where the mapping is made from them and made anew
    /// whenever they change. `None` where it stays as it was agreed on.
    fn remap(&self, schemas: Sides<&Schema>) -> Option<Vec<MappedField>>;
    /// A person decides a conflict with the means of the place where they work. Returns whether there
    /// are any; a conflict can be decided through the store in any case.
    fn decide(&self, conflict: &Conflict, keep: Side) -> bool;
    /// The clock of the servers.
    fn clock(&self) -> &VirtualClock;
    /// The process that held the lease is dead, or counts as dead: the lease is free. A store that a
    /// process has open is closed by that and opened anew.
    fn process_died(&self);
    /// A future waits for something other than the harness. In memory that never happens.
    fn idle(&self);
}

/// A place as people use it, and the truth about it.
pub trait Place: Send + Sync {
    /// The place as the engine sees it.
    fn peer(&self) -> Arc<dyn Peer>;
    /// A person makes a record. `None` where the place does not let them.
    fn create(&self, cells: &[(FieldId, Written)]) -> Option<Key>;
    /// A person writes one cell. Returns whether the place lets them.
    fn write(&self, key: &Key, field: &FieldId, value: &Written) -> bool;
    /// A person moves a record to the trash or back.
    fn trash(&self, key: &Key, trashed: bool);
    /// A person destroys a record for good. Returns whether that can be done here.
    fn erase(&self, key: &Key) -> bool;
    /// Somebody changes the schema. Returns whether that can be done here.
    fn alter(&self, change: &SchemaChange) -> bool;
    /// The weather changes. Returns whether there is such weather here.
    fn weather(&self, weather: &Weather) -> bool;
    /// One record as it really is.
    fn record(&self, key: &Key) -> Option<Record>;
    /// All records as they really are, trash included, in order of their keys.
    fn records(&self) -> Vec<Record>;
    /// The keys of all records that are alive, or of all in the trash, in order.
    fn keys(&self, live: bool) -> Vec<Key>;
    /// Whether the peer shows this list only in part.
    fn truncates(&self, items: usize) -> bool;
    /// Whether the peer refuses this value as too long.
    fn refuses(&self, value: &Value) -> bool;
    /// Whether people can write words where a date belongs.
    fn takes_nonsense(&self) -> bool;
}

/// What a person writes into a cell; each place spells it its own way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// Words.
    Words(String),
    /// Options by name.
    Options(Vec<String>),
    /// References to records of the same side.
    Records(Vec<Key>),
    /// A tick.
    Tick(bool),
    /// A date.
    Date(DateValue),
    /// Nothing.
    Nothing,
}

/// Circumstances that last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weather {
    /// A record is not shown any more, or shown again.
    Hidden(Key, bool),
    /// Scans return at most so many records.
    Capped(Option<usize>),
    /// Queries are late by as much as the peer admits, or not at all.
    Late(bool),
    /// A record lives in another collection, or here again.
    Moved(Key, bool),
    /// A field is gone from the schema, or there again with all it held.
    FieldGone(FieldId, bool),
    /// The peer does not make sense of what a field holds, or does again.
    Garbled(FieldId, bool),
}

/// Our own clock: that of the servers, off by what a jump made of it.
#[derive(Clone, Debug)]
pub struct SkewedClock {
    inner: VirtualClock,
    skew: Arc<AtomicI64>,
}

impl SkewedClock {
    /// A clock that is right so far.
    pub fn new(inner: VirtualClock) -> Self {
        Self {
            inner,
            skew: Arc::default(),
        }
    }

    /// The wall clock jumps by so many milliseconds.
    pub fn jump(&self, millis: i64) {
        self.skew.fetch_add(millis, Ordering::Relaxed);
    }

    /// The wall clock is set right.
    pub fn set_right(&self) {
        self.skew.store(0, Ordering::Relaxed);
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        let skew = self.skew.load(Ordering::Relaxed);
        Timestamp(self.inner.now().0.saturating_add(skew))
    }

    fn elapsed(&self) -> Duration {
        self.inner.elapsed()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.inner.sleep(span)
    }
}

impl fmt::Debug for dyn World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}
