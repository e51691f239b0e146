//! The file as the engine's [`Store`].

use std::path::Path;

use async_trait::async_trait;
use notion_sync_core::link::{LinkId, LinkSpec, Side, Sides};
use notion_sync_core::port::{
    Bookmark, Commit, Committed, Counts, Fence, LeaseAsk, LinkMemory, OpenMode, Opened, Query,
    Rows, Serial, Store, StoreError,
};
use rusqlite::{Connection, TransactionBehavior};

use crate::commit;
use crate::database::{Database, Locked, META, StoreOptions, begin_lineage, waits};
use crate::error::{Result, corrupt};
use crate::links;
use crate::marks::Marked;
use crate::pairs::bounds;
use crate::read;
use crate::replica::{ReplicaBuilder, Table};
use crate::worker::Worker;

/// One SQLite file: the engine's memory, and the tables a person edits.
///
/// A handle; clones share one connection on one thread. The file is closed when the last clone and
/// the last replica of it are dropped. Opening makes nothing: the file appears with the first
/// write, so a dry run over a file that is not there leaves the folder as it was.
///
/// ```
/// # fn main() -> Result<(), notion_sync_core::port::StoreError> {
/// let store = notion_sync_sqlite::SqliteStore::in_memory()?;
/// # drop(store);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    worker: Worker,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens a store file. A file that is not there is made by the first write, readable only for
    /// its owner.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for a file of a later format, [`StoreError::Corrupt`] for what is no
    /// SQLite database, [`StoreError::Io`] where the file cannot be reached.
    pub fn open(
        path: impl AsRef<Path>,
        options: StoreOptions,
    ) -> std::result::Result<Self, StoreError> {
        Self::start(Database::new(Some(path.as_ref()), options))
    }

    /// A store that ends with its last handle; for tests and trials.
    ///
    /// # Errors
    /// [`StoreError::Io`] if no thread can be started.
    pub fn in_memory() -> std::result::Result<Self, StoreError> {
        Self::start(Database::new(None, StoreOptions::default()))
    }

    /// The table of this file that a link keeps in step with a source.
    pub fn replica(&self, link: &LinkId) -> ReplicaBuilder {
        ReplicaBuilder::new(self.worker.clone(), link.clone())
    }

    /// The thread that holds the file.
    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }

    fn start(mut database: Database) -> std::result::Result<Self, StoreError> {
        database.reader().map_err(|fault| fault.0)?;
        Ok(Self {
            worker: Worker::start(database)?,
        })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn open(
        &self,
        spec: &LinkSpec,
        mode: OpenMode,
    ) -> std::result::Result<Opened, StoreError> {
        let spec = spec.clone();
        self.worker
            .ask(move |database| {
                let opened = match mode {
                    OpenMode::Read => open_to_read(database, &spec),
                    OpenMode::Write => open_to_write(database, &spec),
                }?;
                database.mappings.insert(spec.id, spec.mapping);
                Ok(opened)
            })
            .await
    }

    async fn lease(&self, link: &LinkId, ask: &LeaseAsk) -> std::result::Result<Fence, StoreError> {
        let (link, ask) = (link.clone(), ask.clone());
        self.worker
            .ask(move |database| match ask {
                LeaseAsk::Take { owner } => take(database, link, owner),
                LeaseAsk::Renew(fence) if database.leases.is_held(&link, fence.number) => Ok(fence),
                LeaseAsk::Release(fence) if database.leases.is_held(&link, fence.number) => {
                    database.leases.release(&link, fence.number);
                    Ok(fence)
                }
                LeaseAsk::Renew(_) | LeaseAsk::Release(_) => Err(StoreError::Fenced.into()),
            })
            .await
    }

    async fn read(
        &self,
        link: &LinkId,
        query: &Query,
        after: Option<Bookmark>,
        limit: u32,
    ) -> std::result::Result<Rows, StoreError> {
        let (link, query) = (link.clone(), query.clone());
        self.worker
            .ask(move |database| read::read(database, &link, &query, after, limit))
            .await
    }

    async fn commit(
        &self,
        fence: &Fence,
        commit: Commit,
    ) -> std::result::Result<Committed, StoreError> {
        let fence = fence.clone();
        self.worker
            .ask(move |database| commit::commit(database, &fence, commit))
            .await
    }
}

fn open_to_read(database: &mut Database, spec: &LinkSpec) -> Result<Opened> {
    let planned = database.planned.get(&spec.id).cloned();
    let Some(connection) = database.reader()? else {
        return Ok(unknown(spec, planned.as_ref()));
    };
    let snapshot = connection.transaction()?;
    let Some(row) = links::load(&snapshot, &spec.id)? else {
        return Ok(Opened {
            lineage: lineage(&snapshot)?,
            ..unknown(spec, planned.as_ref())
        });
    };
    links::check_places(&row, spec)?;
    opened(&snapshot, &row, spec, planned.as_ref())
}

fn open_to_write(database: &mut Database, spec: &LinkSpec) -> Result<Opened> {
    let known = std::mem::take(&mut database.views);
    let connection = database.writer()?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let known = known.unless_moved(&transaction)?;
    let row = links::load_or_create(&transaction, &spec.id)?;
    links::check_places(&row, spec)?;
    links::store_spec(&transaction, &row, spec)?;
    let known = known.follow(&transaction, &spec.id)?;
    let opened = opened(&transaction, &row, spec, None)?;
    transaction.commit()?;
    database.views = known;
    Ok(opened)
}

fn opened(
    connection: &Connection,
    row: &links::LinkRow,
    spec: &LinkSpec,
    planned: Option<&Table>,
) -> Result<Opened> {
    let (from, to) = bounds(row.id, None)?;
    let counts = connection.query_row(
        "SELECT count(*), coalesce(sum(left_live), 0), coalesce(sum(right_live), 0)
         FROM _sync_pairs WHERE pk > ?1 AND pk < ?2",
        [from, to],
        |row| {
            Ok(Counts {
                pairs: row.get(0)?,
                live: Sides::new(row.get(1)?, row.get(2)?),
            })
        },
    )?;
    let stored = Table::load(connection, &spec.id)?;
    Ok(Opened {
        lineage: lineage(connection)?,
        serial: row.serial,
        next_id: row.next_id,
        memory: links::memory(connection, row)?,
        counts,
        colocated: colocated(spec, planned.or(stored.as_ref())),
    })
}

/// A link that is not there yet.
fn unknown(spec: &LinkSpec, planned: Option<&Table>) -> Opened {
    Opened {
        lineage: 0,
        serial: Serial::default(),
        next_id: 1,
        memory: LinkMemory::default(),
        counts: Counts::default(),
        colocated: colocated(spec, planned),
    }
}

fn colocated(spec: &LinkSpec, table: Option<&Table>) -> Option<Side> {
    let table = table?;
    let side = table.source.other();
    (spec.places[side] == table.place()).then_some(side)
}

fn lineage(connection: &Connection) -> Result<u128> {
    let text: String =
        connection.query_row("SELECT lineage FROM _sync_meta", [], |row| row.get(0))?;
    u128::from_str_radix(&text, 16).map_err(|_| corrupt("the lineage is not readable"))
}

fn take(database: &mut Database, link: LinkId, owner: String) -> Result<Fence> {
    // The lock comes first: whoever holds it is alone in making the file.
    database.leases.admit(&link, &owner)?;
    let number = database
        .check_one_name()
        .and_then(|()| next_fence(database, &link, &owner));
    match number {
        Ok(number) => {
            database.leases.hold(link.clone(), number, owner);
            Ok(Fence { link, number })
        }
        Err(fault) => {
            database.leases.unlock_if_idle();
            Err(fault)
        }
    }
}

fn next_fence(database: &mut Database, link: &LinkId, owner: &str) -> Result<u64> {
    let adopts = database.adopts();
    let Locked { connection, leases } = database.locked()?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut marked = Marked::load(&transaction, META)?;
    let here = leases.place();
    let told = leases.mark(&marked.lineage);
    let waits = told.is_none() && waits(&transaction)?;
    if marked.is_behind(told, here.as_deref(), waits) {
        // What was done since its backup is not remembered: it would be done again.
        if !adopts {
            return Err(StoreError::NotAdopted.into());
        }
        leases.note_left(&marked.lineage);
        marked = begin_lineage(&transaction)?;
    }
    let is_told = leases.mark(&marked.lineage).is_some() && marked.beside == here;
    if let Some(here) = here.filter(|_| !is_told)
        && leases.note_for_good(&marked.lineage, marked.durable)
    {
        Marked::tell(&transaction, META, &here)?;
    }
    let row = links::load_or_create(&transaction, link)?;
    if let Some(left) = links::agree_under(&transaction, &row, &marked.lineage, adopts)? {
        leases.note_left(&left);
    }
    let number = row.fence + 1;
    transaction.execute(
        "UPDATE _sync_links SET fence = ?2, owner = ?3 WHERE id = ?1",
        (row.id, number, owner),
    )?;
    transaction.commit()?;
    Ok(number)
}
