//! A store file as processes open it: when one dies its handles are dropped, and the next use opens
//! the file anew.
//!
//! The file is worked on by a thread of its own. Every call waits for that within one poll, so that a
//! history depends on nothing but its seed.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::executor::block_on;
use notion_sync_core::conflict::Conflict;
use notion_sync_core::link::{LinkId, LinkSpec, Mapping, Side};
use notion_sync_core::port::{
    Batch, Bookmark, Call, Commit, Committed, Description, Fence, FieldSet, Found, LeaseAsk,
    Lookup, OpenMode, Opened, Outcome, Peer, PeerError, PeerErrorKind, PlaceId, Query, Rows,
    ScanFrom, ScanPage, Store, StoreError,
};
use notion_sync_core::record::Key;
use notion_sync_core::schema::{FieldId, Schema, SchemaChange, SchemaVersion};
use notion_sync_core::testkit::sim::MARKER;
use notion_sync_core::value::Value;
use notion_sync_sqlite::{SqliteReplica, SqliteStore, StoreOptions};
use rusqlite::Connection;
use tempfile::TempDir;

/// A store file in a folder of its own, which goes with it.
pub(crate) struct StoreFile {
    folder: TempDir,
    table: Option<TableSpec>,
    /// What the living process has open.
    open: Mutex<Option<Handles>>,
}

/// The table of the file, where a link has one there.
pub(crate) struct TableSpec {
    pub(crate) link: LinkId,
    /// The side the source stands on.
    pub(crate) source: Side,
    /// The source as a place: rows refer to rows of this table as its records do to one another.
    pub(crate) place: PlaceId,
    /// Whether creates at the source carry a marker.
    pub(crate) marker: bool,
    /// The source's schema as it was last known.
    pub(crate) schema: Mutex<Schema>,
}

#[derive(Clone)]
struct Handles {
    store: SqliteStore,
    table: Option<Arc<SqliteReplica>>,
}

impl StoreFile {
    /// A new file in a new folder below this one.
    pub(crate) fn new(
        below: &Path,
        link: &LinkSpec,
        table: Option<TableSpec>,
    ) -> Result<Self, Box<dyn Error>> {
        let file = Self {
            folder: tempfile::tempdir_in(below)?,
            table,
            open: Mutex::default(),
        };
        let handles = file.handles()?;
        if handles.table.is_none() {
            block_on(handles.store.open(link, OpenMode::Write))?;
        }
        // The one thing in a file that is left to chance. Markers are made from it.
        let tool = Connection::open(file.path())?;
        tool.execute("UPDATE _sync_meta SET lineage = '1'", [])?;
        Ok(file)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("store.sqlite")
    }

    /// The process dies: everything it had open is closed, as the system does.
    pub(crate) fn close(&self) {
        *self.lock() = None;
    }

    /// Lays the table out after its source. What a program does when it starts, and when it learns of
    /// another schema.
    pub(crate) fn align(&self, schema: &Schema) -> Result<Option<(Mapping, PlaceId)>, StoreError> {
        let handles = self.handles()?;
        let (Some(table), Some(spec)) = (&handles.table, &self.table) else {
            return Ok(None);
        };
        let mapping = spec.align(table, schema)?;
        spec.schema
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(schema);
        Ok(Some((mapping, table.place().clone())))
    }

    /// As [`Self::align`], by the schema that is known.
    pub(crate) fn mapping(&self) -> Result<Option<(Mapping, PlaceId)>, StoreError> {
        let known = self.table.as_ref().map(|spec| {
            let schema = spec.schema.lock();
            schema.unwrap_or_else(PoisonError::into_inner).clone()
        });
        self.align(&known.unwrap_or_default())
    }

    /// A person decides a conflict in the view of that name. Returns whether it is there.
    pub(crate) fn decide(&self, conflict: &Conflict, keep: &str) -> bool {
        let decided = Connection::open(self.path()).and_then(|person| {
            person.execute(
                "UPDATE conflicts SET resolution = ?3 WHERE id = (
                   SELECT id FROM _sync_conflicts WHERE pk & 0xffffffffff = ?1 AND field = ?2)",
                (conflict.pair.0, conflict.field.as_str(), keep),
            )
        });
        decided.unwrap_or_else(|error| panic!("a person cannot decide: {error}")) == 1
    }

    fn lock(&self) -> MutexGuard<'_, Option<Handles>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the living process has open; opens it where a new one begins.
    fn handles(&self) -> Result<Handles, StoreError> {
        let mut open = self.lock();
        if let Some(handles) = &*open {
            return Ok(handles.clone());
        }
        let store = SqliteStore::open(self.path(), StoreOptions::default())?;
        let table = match &self.table {
            None => None,
            Some(spec) => {
                // People write an option that nobody offers, here as at the source.
                let table = store.replica(&spec.link).source(spec.source);
                let table = table.collection(spec.place.clone(), spec.link.clone());
                let table = table.any_option(true).build();
                let schema = spec.schema.lock().unwrap_or_else(PoisonError::into_inner);
                spec.align(&table, &schema)?;
                Some(Arc::new(table))
            }
        };
        Ok(open.insert(Handles { store, table }).clone())
    }
}

impl TableSpec {
    fn align(&self, table: &SqliteReplica, schema: &Schema) -> Result<Mapping, StoreError> {
        let marker = self.marker.then(|| FieldId::new(MARKER));
        block_on(table.align(schema, marker.as_ref(), true))
    }
}

/// The store of a file, whichever process has it open.
pub(crate) struct FileStore(pub(crate) Arc<StoreFile>);

#[async_trait]
impl Store for FileStore {
    async fn open(&self, spec: &LinkSpec, mode: OpenMode) -> Result<Opened, StoreError> {
        block_on(self.0.handles()?.store.open(spec, mode))
    }

    async fn lease(&self, link: &LinkId, ask: &LeaseAsk) -> Result<Fence, StoreError> {
        block_on(self.0.handles()?.store.lease(link, ask))
    }

    async fn read(
        &self,
        link: &LinkId,
        query: &Query,
        after: Option<Bookmark>,
        limit: u32,
    ) -> Result<Rows, StoreError> {
        block_on(self.0.handles()?.store.read(link, query, after, limit))
    }

    async fn commit(&self, fence: &Fence, commit: Commit) -> Result<Committed, StoreError> {
        block_on(self.0.handles()?.store.commit(fence, commit))
    }
}

/// The table of a file, whichever process has it open.
pub(crate) struct FileTable {
    pub(crate) file: Arc<StoreFile>,
    pub(crate) place: PlaceId,
    /// A page holds no more rows than this: people work between two pages, too.
    pub(crate) page: u32,
}

impl FileTable {
    fn table(&self) -> Result<Arc<SqliteReplica>, PeerError> {
        let failed = |source: Option<StoreError>| {
            let mut error = PeerError::new(&self.place, PeerErrorKind::Local, "no table is open");
            error.source = source.map(|source| Box::new(source).into());
            error
        };
        let handles = self.file.handles().map_err(|error| failed(Some(error)))?;
        handles.table.ok_or_else(|| failed(None))
    }
}

#[async_trait]
impl Peer for FileTable {
    fn place(&self) -> &PlaceId {
        &self.place
    }

    async fn describe(&self, call: &Call<'_>) -> Result<Description, PeerError> {
        block_on(self.table()?.describe(call))
    }

    async fn scan(
        &self,
        call: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        block_on(self.table()?.scan(call, from, fields, limit.min(self.page)))
    }

    async fn fetch(
        &self,
        call: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        block_on(self.table()?.fetch(call, keys, fields))
    }

    async fn find(
        &self,
        call: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        block_on(self.table()?.find(call, field, values))
    }

    async fn apply(&self, call: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        block_on(self.table()?.apply(call, batch))
    }

    async fn alter(
        &self,
        call: &Call<'_>,
        expect: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        block_on(self.table()?.alter(call, expect, changes))
    }
}
