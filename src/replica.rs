//! One Notion data source and one table of a SQLite file, kept the same.

use std::sync::Arc;
use std::time::Duration;

use notion_sync_client::Client;
use notion_sync_client::DataSourceId;
use notion_sync_core::engine::{
    AppliedPlan, Budget, Described, Engine, MayPass, Report, RunError, RunOptions, Step,
    UndoOptions, UndoPlan, UndoReport, Verification, VerifyOptions, Watch,
};
use notion_sync_core::link::{LinkId, Neighbour, OptionPolicy, Policy, Side, Sides};
use notion_sync_core::plan::{Approval, Plan};
use notion_sync_core::port::{Call, Clock, Peer, PeerError, RunId, RunRecord, StoreError};
use notion_sync_core::record::Key;
use notion_sync_core::schema::{FieldId, Schema};
use notion_sync_notion::{NotionOptions, NotionPeer};
use notion_sync_sqlite::{SqliteReplica, SqliteStore};

use crate::SystemClock;
use crate::between::Between;
use crate::explained::{self, Explained};
use crate::restore::{self, Restore, RestoreReport};
use crate::watch::{LOOK_EVERY, Watched};

/// How often a run starts over because the fields in Notion changed under it.
const SCHEMA_RETRIES: u32 = 3;

/// One Notion data source and one table of a SQLite file, kept the same.
///
/// The table is made on the first run, after the data source's fields. Edit it with any SQLite
/// tool; [`Replica::run`] carries edits both ways.
pub struct Replica {
    client: Client,
    data_source: DataSourceId,
    store: SqliteStore,
    policy: Policy,
    notion: NotionOptions,
    marker: Option<String>,
    beside: Vec<DataSourceId>,
    follow_names: bool,
    look_every: Option<Duration>,
    clock: Arc<dyn Clock>,
}

/// A replica could not be set up or could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicaError {
    /// Notion could not be asked what the data source is.
    #[error(transparent)]
    Notion(#[from] PeerError),
    /// The file failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The run broke off.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The marker field is not there.
    #[error(
        "the data source has no text property named {0:?}; add one in Notion, or leave the marker \
         field out"
    )]
    NoMarkerField(String),
}

impl ReplicaError {
    /// Whether Notion refused the token.
    pub fn is_unauthorized(&self) -> bool {
        match self {
            Self::Notion(error) => error.is_fatal(),
            Self::Run(error) => error.is_unauthorized(),
            Self::Store(_) | Self::NoMarkerField(_) => false,
        }
    }
}

impl MayPass for ReplicaError {
    fn is_passing(&self) -> bool {
        match self {
            Self::Run(error) => error.is_passing(),
            Self::Notion(error) => error.may_pass(),
            Self::Store(error) => error.may_pass(),
            Self::NoMarkerField(_) => false,
        }
    }

    fn is_cancelled(&self) -> bool {
        matches!(self, Self::Run(error) if error.is_cancelled())
    }
}

impl std::fmt::Debug for Replica {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replica")
            .field("data_source", &self.data_source)
            .finish_non_exhaustive()
    }
}

impl Replica {
    /// A replica with the safe defaults of [`Policy`].
    pub fn new(client: Client, data_source: DataSourceId, store: &SqliteStore) -> Self {
        Self {
            client,
            data_source,
            store: store.clone(),
            policy: Policy::default(),
            notion: NotionOptions::default(),
            marker: None,
            beside: Vec::new(),
            follow_names: false,
            look_every: Some(LOOK_EVERY),
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// What the link may do.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The name of a text property in Notion that may carry a ULID for every page made from here.
    /// With it a create whose answer was lost is found again instead of waiting for a person.
    #[must_use]
    pub fn marker_field(mut self, name: impl Into<String>) -> Self {
        self.marker = Some(name.into());
        self
    }

    /// How long Notion's queries may lag behind its writes; a minute unless told.
    #[must_use]
    pub fn index_lag(mut self, lag: Duration) -> Self {
        self.notion.index_lag = lag;
        self
    }

    /// Data sources that the file keeps beside this one, so that rows can refer to each other's rows.
    /// Those the file knows already need not be named. Before a first run of several that refer to
    /// each other, [`Replica::prepare`] makes all tables.
    #[must_use]
    pub fn beside(mut self, data_sources: impl IntoIterator<Item = DataSourceId>) -> Self {
        self.beside.extend(data_sources);
        self
    }

    /// Renames columns when their properties are renamed in Notion. Without, the first name stays,
    /// and statements that people wrote go on working.
    #[must_use]
    pub fn follow_names(mut self, follow: bool) -> Self {
        self.follow_names = follow;
        self
    }

    /// How often [`Replica::watch`] looks whether another program wrote to the file: one small read
    /// each time. Every second unless told; with `None` never, then only the clock and the bell wake it.
    #[must_use]
    pub fn look_every(mut self, every: Option<Duration>) -> Self {
        self.look_every = every;
        self
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The name of the link in the store: the data source's id.
    pub fn link(&self) -> LinkId {
        LinkId::new(self.data_source.to_string())
    }

    /// Makes the table, or brings its columns up to date, and syncs nothing. Every run does so first.
    ///
    /// # Errors
    /// When the data source cannot be asked for its fields or the file cannot be written.
    pub async fn prepare(&self) -> Result<(), ReplicaError> {
        self.engine(Intent::Write, false).await.map(drop)
    }

    /// Runs one cycle.
    ///
    /// # Errors
    /// [`ReplicaError`] when the run could not start or had to break off. What was settled until
    /// then stays settled; the next run goes on.
    pub async fn run(&self, options: &RunOptions) -> Result<Report, ReplicaError> {
        let mut tries = 0;
        loop {
            let engine = self
                .engine(Intent::Write, options.full || tries > 0)
                .await?;
            match engine.run(options).await {
                Err(RunError::SchemaChanged(_)) if tries < SCHEMA_RETRIES => tries += 1,
                result => return Ok(result?),
            }
        }
    }

    /// Does a bounded part of a run, see [`Engine::step`]: for hosts that may work for a few seconds at
    /// a time. What Notion is asked before, for its fields, is not counted: one request every ten
    /// minutes ([`Policy::describe_every`]).
    ///
    /// ```no_run
    /// # async fn handle(replica: &notion_sync::Replica) -> Result<(), notion_sync::ReplicaError> {
    /// use notion_sync::core::engine::{Budget, RunOptions, Step};
    ///
    /// // A function that is called every minute and may run for ten seconds.
    /// let budget = Budget::default().time(std::time::Duration::from_secs(8));
    /// match replica.step(&RunOptions::default(), budget).await? {
    ///     Step::More(_) => println!("call me again at once"),
    ///     Step::Done(report) => println!("{:?}", report.outcome),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Replica::run`].
    pub async fn step(&self, options: &RunOptions, budget: Budget) -> Result<Step, ReplicaError> {
        let mut tries = 0;
        loop {
            let engine = self.engine(Intent::Write, tries > 0).await?;
            match engine.step(options, budget).await {
                Err(RunError::SchemaChanged(_)) if tries < SCHEMA_RETRIES => tries += 1,
                result => return Ok(result?),
            }
        }
    }

    /// Runs cycles until `options.cancel` is set: by the clock, whenever the watch's bell rings, and
    /// soon after another connection wrote to the file ([`Replica::look_every`]). What each cycle did is
    /// told by `told`. Between cycles nothing is held: other processes get their turn.
    ///
    /// # Errors
    /// The first failure that no later cycle can get over, see [`Watch::run`]. What time or a person
    /// can mend is told by `told` and tried again after growing rests: an outage, a data source that is
    /// not shared, a file without room, an index or trigger of somebody's that refuses a row.
    pub async fn watch(
        &self,
        options: &RunOptions,
        watch: &Watch,
        told: impl FnMut(&Result<Report, ReplicaError>),
    ) -> Result<(), ReplicaError> {
        let file = Watched {
            store: &self.store,
            clock: &*self.clock,
            look_every: self.look_every,
        };
        file.run(watch, &options.cancel, || self.run(options), told)
            .await
    }

    /// Plans one cycle and writes nothing anywhere.
    ///
    /// # Errors
    /// As [`Replica::run`].
    pub async fn plan(&self, options: &RunOptions) -> Result<Plan, ReplicaError> {
        let mut tries = 0;
        loop {
            let engine = self.engine(Intent::Read, options.full || tries > 0).await?;
            match engine.plan(options).await {
                Err(RunError::SchemaChanged(_)) if tries < SCHEMA_RETRIES => tries += 1,
                result => return Ok(result?),
            }
        }
    }

    /// Carries out what was approved of a saved plan, see [`Engine::apply_plan`].
    ///
    /// # Errors
    /// As [`Replica::run`].
    pub async fn apply_plan(
        &self,
        plan: &Plan,
        approval: &Approval,
        options: &RunOptions,
    ) -> Result<AppliedPlan, ReplicaError> {
        let mut tries = 0;
        loop {
            let engine = self
                .engine(Intent::Write, options.full || tries > 0)
                .await?;
            match engine.apply_plan(plan, approval, options).await {
                Err(RunError::SchemaChanged(_)) if tries < SCHEMA_RETRIES => tries += 1,
                result => return Ok(result?),
            }
        }
    }

    /// Takes back what a run wrote, as far as it still is as that run left it.
    ///
    /// # Errors
    /// As [`Replica::run`], and when there is no such run or its journal is gone.
    pub async fn undo(
        &self,
        run: RunId,
        options: &UndoOptions,
    ) -> Result<UndoReport, ReplicaError> {
        let mut tries = 0;
        loop {
            let engine = self.engine(Intent::Write, tries > 0).await?;
            match engine.undo(run, options).await {
                Err(RunError::SchemaChanged(_)) if tries < SCHEMA_RETRIES => tries += 1,
                result => return Ok(result?),
            }
        }
    }

    /// Plans an undo and writes nothing anywhere.
    ///
    /// # Errors
    /// As [`Replica::undo`].
    pub async fn plan_undo(
        &self,
        run: RunId,
        options: &UndoOptions,
    ) -> Result<UndoPlan, ReplicaError> {
        let engine = self.engine(Intent::Read, false).await?;
        Ok(engine.plan_undo(run, options).await?)
    }

    /// Brings records back from the trash: their rows first, which is an edit as any other, then one
    /// cycle about these records carries it to Notion ([`Engine::run_only`]); whatever else waits goes
    /// on waiting. Journal, guards and undo are those of that cycle; if it fails, the next run goes on
    /// with it. A record that Notion trashed since the last run is not in the trash here yet: run first.
    ///
    /// # Errors
    /// As [`Replica::run`], and when there is no such run or its journal is gone.
    pub async fn restore(
        &self,
        what: &Restore,
        options: &RunOptions,
    ) -> Result<RestoreReport, ReplicaError> {
        let link = self.link();
        let rows = match what {
            Restore::Rows(rows) => rows.clone(),
            Restore::Run(run) => restore::trashed_by(&self.store, &link, *run).await?,
        };
        let restored = self.store.replica(&link).build().restore(&rows).await?;
        let mut not_in_trash = rows;
        not_in_trash.retain(|row| !restored.contains(row));
        let report = if restored.is_empty() {
            None
        } else {
            let keys = restored.iter().map(|row| Key::durable(row.to_string()));
            Some(self.run_only(&keys.collect::<Vec<_>>(), options).await?)
        };
        Ok(RestoreReport {
            restored,
            not_in_trash,
            report,
        })
    }

    async fn run_only(&self, rows: &[Key], options: &RunOptions) -> Result<Report, ReplicaError> {
        let mut tries = 0;
        loop {
            let engine = self.engine(Intent::Write, false).await?;
            match engine.run_only(Side::Right, rows, options).await {
                Err(RunError::SchemaChanged(_)) if tries < SCHEMA_RETRIES => tries += 1,
                result => return Ok(result?),
            }
        }
    }

    /// Runs that are remembered, newest first, at most `limit`. Reads the file only.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn runs(&self, limit: u32) -> Result<Vec<RunRecord>, StoreError> {
        self.store.runs(&self.link(), limit).await
    }

    /// Reads both sides whole and accounts for every record. Writes nothing anywhere.
    ///
    /// # Errors
    /// When the data source or the file cannot be read.
    pub async fn verify(&self, options: &VerifyOptions) -> Result<Verification, ReplicaError> {
        let engine = self.engine(Intent::Read, true).await?;
        Ok(engine.verify(options).await?)
    }

    /// Why a record is as it is: the page with this id, or the row with this number. From what was
    /// last observed and the file; Notion is not asked. `None` if neither knows the record.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn explain(&self, side: Side, key: &Key) -> Result<Option<Explained>, ReplicaError> {
        let memory = self.store.memory(&self.link()).await?;
        if memory.sides.left.schema.is_none() {
            return Ok(None);
        }
        let engine = self.engine(Intent::Recall, false).await?;
        explained::explain(&engine, &self.store, &self.link(), side, key).await
    }

    /// The engine of this link, for everything else it can do: explain, conflicts, decisions.
    /// Writes nothing: a table that is not there yet is not made.
    ///
    /// # Errors
    /// When the data source or the file cannot be read.
    pub async fn inspect(&self) -> Result<Engine, ReplicaError> {
        self.engine(Intent::Read, false).await
    }

    async fn engine(&self, intent: Intent, afresh: bool) -> Result<Engine, ReplicaError> {
        let link = self.link();
        let cancel = notion_sync_core::port::Cancel::default();
        let call = Call::new(&cancel);
        let now = self.clock.now();

        let mut notion = self.notion.clone();
        notion.marker_field.clone_from(&self.marker);
        let memory = self.store.memory(&link).await?.sides.left;
        let remembered = memory
            .schema
            .map(Arc::unwrap_or_clone)
            .zip(memory.described_at);
        let is_fresh = |at| !afresh && at <= now && now.since(at) < self.policy.describe_every;
        let fresh = remembered.filter(|(_, at)| intent == Intent::Recall || is_fresh(*at));
        let peer = NotionPeer::new(self.client.clone(), self.data_source, notion);
        let (description, at) = match fresh {
            Some((schema, at)) => (peer.describe_from(schema)?, at),
            None => (peer.describe(&call).await?, now),
        };
        let marker = self.marker_id(&description.schema)?;

        let others = self.others().await?;
        let adds = self.policy.unknown_options != OptionPolicy::Deny;
        let mut replica = self.store.replica(&link).any_option(adds);
        replica = replica.follow_names(self.follow_names);
        for source in others.iter().chain([&self.data_source]) {
            let link = LinkId::new(source.to_string());
            replica = replica.collection(notion_sync_notion::place(*source), link);
        }
        let replica: SqliteReplica = replica.build();
        let write = intent == Intent::Write;
        let mapping = replica
            .align(&description.schema, marker.as_ref(), write)
            .await?;
        let table = Described {
            description: replica.describe(&call).await?,
            at: now,
        };
        let between = Between {
            link,
            mapping,
            policy: &self.policy,
            store: &self.store,
            clock: &self.clock,
        };
        let described = Sides::new(Described { description, at }, table);
        let engine = between.engine(peer, Arc::new(replica), described);
        Ok(engine.neighbours(self.neighbours(others).await?).remaps())
    }

    /// The other data sources of the file.
    async fn others(&self) -> Result<Vec<DataSourceId>, StoreError> {
        let known = self.store.links().await?;
        let known = known
            .iter()
            .filter_map(|link| link.as_str().parse::<DataSourceId>().ok());
        let mut others = self.beside.clone();
        others.extend(known);
        others.retain(|other| *other != self.data_source);
        others.sort_unstable();
        others.dedup();
        Ok(others)
    }

    /// Those of them that have a table.
    async fn neighbours(&self, others: Vec<DataSourceId>) -> Result<Vec<Neighbour>, StoreError> {
        let mut tables = self.store.places().await?;
        let mut neighbours = Vec::new();
        for source in others {
            let link = LinkId::new(source.to_string());
            if let Some(table) = tables.remove(&link) {
                let places = Sides::new(notion_sync_notion::place(source), table);
                neighbours.push(Neighbour { link, places });
            }
        }
        Ok(neighbours)
    }

    fn marker_id(&self, schema: &Schema) -> Result<Option<FieldId>, ReplicaError> {
        let Some(name) = &self.marker else {
            return Ok(None);
        };
        match schema.by_name(name) {
            Some(field) => Ok(Some(field.id.clone())),
            None => Err(ReplicaError::NoMarkerField(name.clone())),
        }
    }
}

/// What an engine is put together for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Intent {
    /// Reads nothing but the file, where it remembers Notion's fields.
    Recall,
    Read,
    Write,
}
