//! Collections of any size at no cost: a peer whose records are computed when they are asked for,
//! and a store that forgets them. For measuring what the engine itself holds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::engine::{Described, Engine};
use crate::link::{Lens, LinkId, LinkSpec, MappedField, Mapping, Policy, Side, Sides};
use crate::memory::Memory;
use crate::port::{
    Absence, Batch, Bookmark, Call, Cancel, Capabilities, Change, ChangeFeed, Clock, Commit,
    Committed, Counts, Coverage, Cursor, Description, Fence, FieldSet, Found, LeaseAsk, LinkMemory,
    Lookup, Next, OpenMode, Opened, Outcome, PageToken, Peer, PeerError, PeerErrorKind, PlaceId,
    Query, Receipt, Rows, ScanFrom, ScanPage, Scope, Sent, Serial, Sighting, Store, StoreError,
};
use crate::record::{Cell, Cells, Key, Lifecycle, Record};
use crate::schema::{
    Access, Field, FieldId, FieldType, Limits, Schema, SchemaChange, SchemaVersion,
};
use crate::testkit::VirtualClock;
use crate::value::Value;

/// A collection whose records are computed: a title, notes and a number each. It is read only.
#[derive(Clone, Debug)]
pub struct GeneratedPeer {
    place: PlaceId,
    records: u64,
    edited_every: u64,
    capabilities: Capabilities,
}

impl GeneratedPeer {
    /// A remote collection of so many records, read whole in pages of what is asked for.
    pub fn new(place: &str, records: u64) -> Self {
        Self {
            place: PlaceId::new(place),
            records,
            edited_every: 0,
            capabilities: Capabilities {
                changes: ChangeFeed::None,
                index_lag: std::time::Duration::ZERO,
                ..Capabilities::remote()
            },
        }
    }

    /// The same records after somebody has edited the notes of every n-th.
    #[must_use]
    pub fn with_every_nth_edited(mut self, n: u64) -> Self {
        self.edited_every = n;
        self
    }

    /// The schema of every generated collection.
    pub fn schema() -> Schema {
        let field = |id: &str, ty| Field {
            id: FieldId::new(id),
            name: id.to_owned(),
            ty,
            access: Access::Writable,
            limits: Limits::default(),
        };
        Schema {
            title: "Generated".into(),
            fields: vec![
                field("title", FieldType::Title),
                field("notes", FieldType::Text),
                field("number", FieldType::Number),
            ],
        }
    }

    /// The record of a number, from zero.
    pub fn record(&self, number: u64) -> Record {
        let is_edited = self.edited_every > 0 && number.is_multiple_of(self.edited_every);
        let notes = if is_edited {
            "edited"
        } else {
            "as it was made"
        };
        let cell = |id: &str, value| (FieldId::new(id), Cell::Complete(value));
        let number_cell = i64::try_from(number).unwrap_or(i64::MAX);
        Record {
            key: Key::durable(format!("page-{number:08}")),
            lifecycle: Lifecycle::Live,
            version: None,
            edited_at: None,
            rank: None,
            cells: Cells::from_iter([
                cell("title", Value::text(format!("Record number {number}"))),
                cell("notes", Value::text(notes)),
                cell("number", Value::Number(number_cell.into())),
            ]),
        }
    }

    fn is_read_only(&self) -> PeerError {
        let mut error = PeerError::new(&self.place, PeerErrorKind::Local, "it is read only");
        error.sent = Sent::No;
        error
    }
}

#[async_trait]
impl Peer for GeneratedPeer {
    fn place(&self) -> &PlaceId {
        &self.place
    }

    async fn describe(&self, _: &Call<'_>) -> Result<Description, PeerError> {
        Ok(Description {
            schema: Self::schema(),
            capabilities: self.capabilities.clone(),
        })
    }

    async fn scan(
        &self,
        _: &Call<'_>,
        from: &ScanFrom,
        _: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        let first = match from {
            ScanFrom::Start { .. } => 0,
            ScanFrom::Next(PageToken(token)) => token.parse().unwrap_or(self.records),
        };
        let next = first.saturating_add(limit.into()).min(self.records);
        let items = (first..next).map(|number| Sighting::Seen(self.record(number)));
        let next = if next < self.records {
            Next::More(PageToken(next.to_string()))
        } else {
            Next::End {
                coverage: Coverage::Complete(Scope::All),
                cursor: Some(Cursor(String::new())),
            }
        };
        Ok(ScanPage::new(items.collect(), next))
    }

    async fn fetch(
        &self,
        _: &Call<'_>,
        keys: &[Key],
        _: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        let look = |key: &Key| {
            let number = key.as_str().strip_prefix("page-");
            let number = number.and_then(|number| number.parse::<u64>().ok());
            match number.filter(|number| *number < self.records) {
                Some(number) => Lookup::Here(self.record(number)),
                None => Lookup::Absent(Absence::Authoritative),
            }
        };
        Ok(keys.iter().map(look).collect())
    }

    async fn find(&self, _: &Call<'_>, _: &FieldId, values: &[Value]) -> Result<Found, PeerError> {
        Ok(Found {
            records: vec![Vec::new(); values.len()],
            lag: std::time::Duration::ZERO,
        })
    }

    async fn apply(&self, _: &Call<'_>, _: &Batch) -> Result<Vec<Outcome>, PeerError> {
        Err(self.is_read_only())
    }

    async fn alter(
        &self,
        _: &Call<'_>,
        _: &SchemaVersion,
        _: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        Err(self.is_read_only())
    }
}

/// A store that carries out every command of its own side and remembers no pair, only per-link
/// facts and how much came: what the engine holds of a run is all there is to measure.
#[derive(Clone, Debug)]
pub struct ForgetfulStore(Arc<Mutex<Forgotten>>);

#[derive(Debug)]
struct Forgotten {
    side: Side,
    next_id: u64,
    serial: u64,
    memory: LinkMemory,
    counts: ForgottenCounts,
}

/// How much a [`ForgetfulStore`] was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForgottenCounts {
    /// Records observed.
    pub observed: u64,
    /// Commands of its own side.
    pub effects: u64,
    /// Most changes and effects of one commit.
    pub largest: u64,
}

impl ForgetfulStore {
    /// An empty store that lives with this side.
    pub fn new(side: Side) -> Self {
        Self(Arc::new(Mutex::new(Forgotten {
            side,
            next_id: 1,
            serial: 0,
            memory: LinkMemory::default(),
            counts: ForgottenCounts::default(),
        })))
    }

    /// How much came.
    pub fn counts(&self) -> ForgottenCounts {
        self.inner().counts
    }

    fn inner(&self) -> MutexGuard<'_, Forgotten> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for ForgetfulStore {
    async fn open(&self, _: &LinkSpec, _: OpenMode) -> Result<Opened, StoreError> {
        let inner = self.inner();
        Ok(Opened {
            lineage: 1,
            serial: Serial(inner.serial),
            next_id: inner.next_id,
            memory: inner.memory.clone(),
            counts: Counts::default(),
            colocated: Some(inner.side),
        })
    }

    async fn lease(&self, link: &LinkId, _: &LeaseAsk) -> Result<Fence, StoreError> {
        Ok(Fence {
            link: link.clone(),
            number: 1,
        })
    }

    async fn read(
        &self,
        _: &LinkId,
        query: &Query,
        after: Option<Bookmark>,
        limit: u32,
    ) -> Result<Rows, StoreError> {
        Ok(Memory::default().read(query, after, limit))
    }

    async fn commit(&self, _: &Fence, commit: Commit) -> Result<Committed, StoreError> {
        let mut inner = self.inner();
        inner.serial += 1;
        inner.next_id = inner.next_id.max(commit.next_id);
        let size = commit.changes.len() + commit.effects.len();
        inner.counts.largest = inner.counts.largest.max(size as u64);
        inner.counts.effects += commit.effects.len() as u64;
        for change in commit.changes {
            match change {
                Change::Observe { .. } => inner.counts.observed += 1,
                Change::Memory(memory) => inner.memory = *memory,
                _ => {}
            }
        }
        let done = commit.effects.into_iter().map(|effect| {
            Outcome::Done(Receipt {
                key: Key::durable(format!("row-{}", effect.pair.0)),
                version: None,
                observed: None,
            })
        });
        Ok(Committed {
            serial: Serial(inner.serial),
            effects: done.collect(),
        })
    }
}

/// An engine between two places over a store, with a clock of its own: every field of the left one
/// is mapped to that of the same id, relations by reference and all others as they are.
///
/// # Errors
/// When a place cannot be described.
pub async fn engine_between(
    left: Arc<dyn Peer>,
    right: Arc<dyn Peer>,
    store: Arc<dyn Store>,
) -> Result<Engine, PeerError> {
    let clock = VirtualClock::default();
    let (cancel, at) = (Cancel::default(), clock.now());
    let call = Call::new(&cancel);
    let described = Sides::new(left.describe(&call).await?, right.describe(&call).await?);
    let fields = described.left.schema.fields.iter().map(|field| {
        let lens = match field.ty {
            FieldType::Relation(_) => Lens::References,
            _ => Lens::Identity,
        };
        MappedField::new(Sides::new(field.id.clone(), field.id.clone()), lens)
    });
    let spec = LinkSpec {
        id: LinkId::new("link"),
        places: Sides::new(left.place().clone(), right.place().clone()),
        names: Sides::new("Notion".into(), "SQLite".into()),
        mapping: Mapping {
            fields: fields.collect(),
            ..Mapping::default()
        },
        filters: Sides::default(),
        policy: Policy::default(),
    };
    let described = described.map(|description| Described { description, at });
    let peers = Sides::new(left, right);
    Ok(Engine::new(spec, described, peers, store, Arc::new(clock)))
}
