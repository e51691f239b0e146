//! The connection to somebody else's file. The file is never made, and its settings stay as they are.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::Setup;
use super::beside::Beside;
use super::error::TableError;
use super::feed;
use super::layout::Layout;

pub(super) struct File {
    connection: Connection,
    beside: Beside,
    /// The history it had when it was looked at.
    lineage: Option<String>,
    setup: Setup,
    /// The layout, and the version of the file's schema it was read from.
    layout: Option<(i64, Arc<Layout>)>,
}

impl File {
    pub(super) fn open(
        path: &Path,
        busy_timeout: Duration,
        adopt: bool,
        setup: Setup,
    ) -> Result<Self, TableError> {
        if !path.exists() {
            return Err(TableError::NoFile(path.to_path_buf()));
        }
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(64);
        // What the store settles must not be lost here by a power cut: it would read as an edit.
        connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;")?;
        Ok(Self {
            connection,
            beside: Beside::new(path, adopt),
            lineage: None,
            setup,
            layout: None,
        })
    }

    /// Refuses a file that was restored, unless it is adopted, and one that somebody else adopted since
    /// it was looked at here.
    pub(super) fn check(&mut self) -> Result<(), TableError> {
        let beside = self.beside();
        let (snapshot, layout) = self.begin(TransactionBehavior::Deferred)?;
        let went_back =
            beside.is_behind(&snapshot)? || feed::lacks_seen(&snapshot, &layout, &beside)?;
        drop(snapshot);
        if went_back {
            beside.went_back(&self.connection)?;
        }
        let now = feed::marked(&self.connection)?.map(|marked| marked.lineage);
        if self.lineage.is_some() && now.is_some() && self.lineage != now && !beside.adopts() {
            return Err(beside.restored());
        }
        self.lineage = now.or(self.lineage.take());
        Ok(())
    }

    /// What tells beside the file how often sync wrote to it.
    pub(super) fn beside(&self) -> Beside {
        self.beside.clone()
    }

    /// Reads within one snapshot.
    pub(super) fn read<T>(
        &mut self,
        job: impl FnOnce(&Connection, &Layout) -> Result<T, TableError>,
    ) -> Result<T, TableError> {
        let (snapshot, layout) = self.begin(TransactionBehavior::Deferred)?;
        job(&snapshot, &layout)
    }

    /// Writes within one transaction.
    pub(super) fn write<T>(
        &mut self,
        job: impl FnOnce(&Connection, &Layout) -> Result<T, TableError>,
    ) -> Result<T, TableError> {
        let (transaction, layout) = self.begin(TransactionBehavior::Immediate)?;
        let done = job(&transaction, &layout)?;
        transaction.commit()?;
        Ok(done)
    }

    /// A transaction, and the layout the table has within it.
    pub(super) fn begin(
        &mut self,
        behavior: TransactionBehavior,
    ) -> Result<(Transaction<'_>, Arc<Layout>), TableError> {
        let transaction = Transaction::new_unchecked(&self.connection, behavior)?;
        let version = transaction.query_row("PRAGMA schema_version", [], |row| row.get(0))?;
        let known = self.layout.as_ref().filter(|(known, _)| *known == version);
        let layout = match known {
            Some((_, layout)) => Arc::clone(layout),
            None => Arc::new(Layout::load(&transaction, &self.setup)?),
        };
        self.layout = Some((version, Arc::clone(&layout)));
        Ok((transaction, layout))
    }

    /// What the program said.
    pub(super) fn setup(&self) -> &Setup {
        &self.setup
    }
}
