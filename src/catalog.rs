//! Tables about the data sources of a file themselves: `data_sources`, `databases`, `views`.

use std::sync::Arc;

use notion_sync_client::{Client, DataSourceId};
use notion_sync_core::engine::{
    Described, Engine, Report, RunOptions, UndoOptions, UndoPlan, UndoReport, Watch,
};
use notion_sync_core::link::{LinkId, Policy, Side, Sides};
use notion_sync_core::port::{Call, Clock, Peer, RunId, StoreError};
use notion_sync_core::record::Key;
use notion_sync_notion::{NotionCatalog, Subject};
use notion_sync_sqlite::SqliteStore;

use crate::between::Between;
use crate::watch::{LOOK_EVERY, Watched};
use crate::{Explained, ReplicaError, SystemClock, explained};

/// What is to be known of data sources beside their rows: titles, descriptions, icons, and the
/// databases they are in, each kept as a row of a table. The title of a data source can be edited
/// there; the rest is only read by this version, and views are not read yet.
pub struct Catalog {
    client: Client,
    data_sources: Vec<DataSourceId>,
    store: SqliteStore,
    policy: Policy,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog")
            .field("data_sources", &self.data_sources)
            .finish_non_exhaustive()
    }
}

impl Catalog {
    /// The tables about these data sources in this file, with the safe defaults of [`Policy`].
    pub fn new(
        client: Client,
        data_sources: impl IntoIterator<Item = DataSourceId>,
        store: &SqliteStore,
    ) -> Self {
        Self {
            client,
            data_sources: data_sources.into_iter().collect(),
            store: store.clone(),
            policy: Policy::default(),
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Whether a run is worth its requests, one per data source and one per database: once in
    /// [`Policy::sweep_every`], and when somebody edited one of the tables.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn is_due(&self) -> Result<bool, StoreError> {
        let read = self.store.memory(&link(Subject::DataSources)).await?;
        let now = self.clock.now();
        // What lies in the future was dated by a clock that has jumped back since.
        let last = read.sides.left.full_scan_at.filter(|at| *at <= now);
        if last.is_none_or(|at| now.since(at) >= self.policy.sweep_every) {
            return Ok(true);
        }
        for subject in Subject::ALL {
            let table = self.store.status_of(&link(subject)).await?;
            if table.is_some_and(|table| table.pending > 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Why a record of one of the tables is as it is; `None` if nothing is known of it. Asks nobody but
    /// the file, and writes nothing.
    ///
    /// # Errors
    /// As [`Replica::explain`](crate::Replica::explain).
    pub async fn explain(
        &self,
        subject: Subject,
        side: Side,
        key: &Key,
    ) -> Result<Option<Explained>, ReplicaError> {
        let link = link(subject);
        if self.store.memory(&link).await?.sides.left.schema.is_none() {
            return Ok(None);
        }
        let engine = self.engine(subject, false).await?;
        explained::explain(&engine, &self.store, &link, side, key).await
    }

    /// Runs one cycle of each table, made where it is not there.
    ///
    /// # Errors
    /// As [`Replica::run`](crate::Replica::run).
    pub async fn run(&self, options: &RunOptions) -> Result<Vec<(Subject, Report)>, ReplicaError> {
        let mut reports = Vec::new();
        for subject in Subject::ALL {
            let engine = self.engine(subject, true).await?;
            // The table stands for what is read of views one day; until then there is nothing to run.
            if subject != Subject::Views {
                reports.push((subject, engine.run(options).await?));
            }
        }
        Ok(reports)
    }

    /// Takes back what a run of one of the tables wrote, as far as it still is as that run left it.
    ///
    /// # Errors
    /// As [`Replica::undo`](crate::Replica::undo).
    pub async fn undo(
        &self,
        subject: Subject,
        run: RunId,
        options: &UndoOptions,
    ) -> Result<UndoReport, ReplicaError> {
        let engine = self.engine(subject, true).await?;
        Ok(engine.undo(run, options).await?)
    }

    /// Plans an undo and writes nothing anywhere.
    ///
    /// # Errors
    /// As [`Catalog::undo`].
    pub async fn plan_undo(
        &self,
        subject: Subject,
        run: RunId,
        options: &UndoOptions,
    ) -> Result<UndoPlan, ReplicaError> {
        let engine = self.engine(subject, false).await?;
        Ok(engine.plan_undo(run, options).await?)
    }

    /// Runs whenever a run is worth its requests ([`Catalog::is_due`]), until `options.cancel` is set;
    /// `told` hears of nothing where none was.
    ///
    /// # Errors
    /// As [`Replica::watch`](crate::Replica::watch).
    pub async fn watch(
        &self,
        options: &RunOptions,
        watch: &Watch,
        told: impl FnMut(&Result<Vec<(Subject, Report)>, ReplicaError>),
    ) -> Result<(), ReplicaError> {
        let file = Watched {
            store: &self.store,
            clock: &*self.clock,
            look_every: Some(LOOK_EVERY),
        };
        let cycle = || async {
            match self.is_due().await? {
                true => self.run(options).await,
                false => Ok(Vec::new()),
            }
        };
        file.run(watch, &options.cancel, cycle, told).await
    }

    async fn engine(&self, subject: Subject, write: bool) -> Result<Engine, ReplicaError> {
        let cancel = notion_sync_core::port::Cancel::default();
        let call = Call::new(&cancel);
        let sources = self.data_sources.iter().copied();
        let catalog = NotionCatalog::new(self.client.clone(), subject, sources);
        let mut replica = self
            .store
            .replica(&link(subject))
            .table_name(subject.name())
            .fixed_rows(format!(
                "{} are made and put away in Notion only",
                subject.label()
            ));
        for other in Subject::ALL {
            replica = replica.collection(other.place(), link(other));
        }
        let replica = replica.build();
        let at = self.clock.now();
        let description = catalog.describe(&call).await?;
        let mapping = replica.align(&description.schema, None, write).await?;
        let table = replica.describe(&call).await?;
        let described =
            Sides::new(description, table).map(|description| Described { description, at });
        let between = Between {
            link: link(subject),
            mapping,
            policy: &self.policy,
            store: &self.store,
            clock: &self.clock,
        };
        Ok(between
            .engine(catalog, Arc::new(replica), described)
            .remaps())
    }
}

fn link(subject: Subject) -> LinkId {
    LinkId::new(subject.name())
}
