//! One Notion data source and one table of somebody else's, kept the same.

use std::sync::Arc;
use std::time::Duration;

use notion_sync_client::{Client, DataSourceId};
use notion_sync_core::engine::{Described, Engine};
use notion_sync_core::link::{LinkId, Mapping, Policy, Sides};
use notion_sync_core::port::{Call, Cancel, Clock, Description, Peer, PeerError};
use notion_sync_core::schema::{FieldId, Schema};
use notion_sync_notion::{NotionOptions, NotionPeer};
use notion_sync_sqlite::{Forget, ForgetError, SqliteStore, SqliteTable, TableError};

use crate::SystemClock;
use crate::between::Between;

/// One Notion data source and a table that a program has already, kept the same.
///
/// Properties and columns of one name are one field, see [`Mapping::by_name`]; other links are put
/// together by hand, with [`Engine::new`]. Where both sides have records from the start,
/// [`TableLink::match_by`] tells which are one; without it every record is made on the other side.
pub struct TableLink {
    client: Client,
    data_source: DataSourceId,
    table: Arc<SqliteTable>,
    store: SqliteStore,
    policy: Policy,
    notion: NotionOptions,
    match_by: Vec<String>,
    clock: Arc<dyn Clock>,
}

/// A link could not be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableLinkError {
    /// A side could not be asked what it is.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// A property that was named is not there, or no column has its name.
    #[error("no property and column are both called {0:?}; check the name on both sides")]
    NoField(String),
    /// Nothing is called the same.
    #[error(
        "no column of the table is called as a property of the data source, with a type that fits; \
         rename one, or map them by hand"
    )]
    NothingInCommon,
}

/// A link over a table of somebody else's cannot be forgotten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableForgetError {
    /// Its memory cannot be dropped.
    #[error(transparent)]
    Store(#[from] ForgetError),
    /// What stands beside the table cannot be taken away.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl std::fmt::Debug for TableLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableLink")
            .field("data_source", &self.data_source)
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

impl TableLink {
    /// A link with the safe defaults of [`Policy`]. What is remembered of it is in the store, which
    /// may be in the table's own file.
    pub fn new(
        client: Client,
        data_source: DataSourceId,
        table: SqliteTable,
        store: &SqliteStore,
    ) -> Self {
        Self {
            client,
            data_source,
            table: Arc::new(table),
            store: store.clone(),
            policy: Policy::default(),
            notion: NotionOptions::default(),
            match_by: Vec::new(),
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// What the link may do.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Properties, by name, by which records that both sides have already are recognised: where all of
    /// them agree and none is empty, two are one.
    #[must_use]
    pub fn match_by<N: Into<String>>(mut self, properties: impl IntoIterator<Item = N>) -> Self {
        self.match_by = properties.into_iter().map(Into::into).collect();
        self
    }

    /// The name of a text property in Notion that may carry a ULID for every page made from here.
    /// With it a create whose answer was lost is found again instead of waiting for a person. The
    /// table needs none: its markers stand beside it.
    #[must_use]
    pub fn marker_field(mut self, name: impl Into<String>) -> Self {
        self.notion.marker_field = Some(name.into());
        self
    }

    /// How long Notion's queries may lag behind its writes; a minute unless told.
    #[must_use]
    pub fn index_lag(mut self, lag: Duration) -> Self {
        self.notion.index_lag = lag;
        self
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The name of the link in the store.
    pub fn link(&self) -> LinkId {
        LinkId::new(format!("{} {}", self.data_source, self.table.place()))
    }

    /// Drops all that is remembered of this link, and all that stands beside the table: triggers,
    /// notes, markers of creates. Pages and rows stay as they are. Where nothing is remembered of the
    /// link, only what stands beside the table goes: so it may be called again where that failed.
    ///
    /// Another link of a program's own over the same table shares what stands beside it. For one of two,
    /// call [`SqliteStore::forget`] with [`TableLink::link`].
    ///
    /// # Errors
    /// [`ForgetError`] as of [`SqliteStore::forget`]: then nothing was forgotten. When the table's file
    /// cannot be written: then the link is forgotten, and its triggers are still there.
    pub async fn forget(&self, even_if_sent: bool) -> Result<(), TableForgetError> {
        let how = Forget::default().even_if_sent(even_if_sent);
        match self.store.forget(&self.link(), how).await {
            Ok(_) | Err(ForgetError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let place = format!(" {}", self.table.place());
        let others = self.store.links().await.map_err(ForgetError::from)?;
        // Another data source that follows the same table goes on.
        if !others.iter().any(|link| link.as_str().ends_with(&place)) {
            self.table.remove_side_tables().await?;
        }
        Ok(())
    }

    /// The engine of this link, over the fields both sides have now. Nothing is written yet.
    ///
    /// # Errors
    /// [`TableLinkError`] where a side cannot be read or the sides have no field in common.
    pub async fn engine(&self) -> Result<Engine, TableLinkError> {
        let cancel = Cancel::default();
        let call = Call::new(&cancel);
        let notion = NotionPeer::new(self.client.clone(), self.data_source, self.notion.clone());
        let described = Sides::new(
            notion.describe(&call).await?,
            self.table.describe(&call).await?,
        );
        let between = Between {
            link: self.link(),
            mapping: self.mapping(&described)?,
            policy: &self.policy,
            store: &self.store,
            clock: &self.clock,
        };
        let at = self.clock.now();
        let described = described.map(|description| Described { description, at });
        Ok(between.engine(notion, self.table.clone(), described))
    }

    fn mapping(&self, described: &Sides<Description>) -> Result<Mapping, TableLinkError> {
        let Sides { left, right } = described.as_ref().map(|side| &side.schema);
        let mut mapping = Mapping::by_name(left, right);
        let marker = self.notion.marker_field.as_deref();
        let marker = marker.map(|name| property(left, name)).transpose()?;
        mapping
            .fields
            .retain(|field| Some(&field.ids.left) != marker.as_ref());
        if mapping.fields.is_empty() {
            return Err(TableLinkError::NothingInCommon);
        }
        for name in &self.match_by {
            let id = property(left, name)?;
            if mapping.field(&id).is_none() {
                return Err(TableLinkError::NoField(name.clone()));
            }
            mapping.match_by.push(id);
        }
        mapping.markers = Sides::new(marker, Some(SqliteTable::marker_field()));
        Ok(mapping)
    }
}

fn property(schema: &Schema, name: &str) -> Result<FieldId, TableLinkError> {
    let field = schema.by_name(name);
    let missing = || TableLinkError::NoField(name.to_owned());
    field.map(|field| field.id.clone()).ok_or_else(missing)
}
