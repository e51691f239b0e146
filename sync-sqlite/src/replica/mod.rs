//! One table of the file as a [`Peer`](notion_sync_core::port::Peer): people edit it with any tool.

mod align;
mod cells;
mod exec;
mod names;
mod peer;
mod restore;
mod rows;
mod table;
mod triggers;

pub(crate) use align::column_names;
pub(crate) use cells::Form;
pub(crate) use exec::{execute, with_gate};
pub(crate) use names::{literal, quote};
pub(crate) use rows::{record, row_of};
pub(crate) use table::{Column, Table};
pub(crate) use triggers::rebuild as rebuild_triggers;

use std::sync::OnceLock;

use notion_sync_core::link::{LinkId, Mapping, Side};
use notion_sync_core::port::{PlaceId, StoreError};
use notion_sync_core::schema::{FieldId, Schema};

use crate::worker::Worker;

/// Makes a [`SqliteReplica`].
#[derive(Clone)]
pub struct ReplicaBuilder {
    worker: Worker,
    link: LinkId,
    source: Side,
    source_name: String,
}

impl std::fmt::Debug for ReplicaBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplicaBuilder")
            .field("link", &self.link)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl ReplicaBuilder {
    pub(crate) fn new(worker: Worker, link: LinkId) -> Self {
        Self {
            worker,
            link,
            source: Side::Left,
            source_name: "Notion".to_owned(),
        }
    }

    /// The side the source stands on, the left one unless told; the table is the other.
    #[must_use]
    pub fn source(mut self, side: Side) -> Self {
        self.source = side;
        self
    }

    /// What people call the source in the sentences of refused edits; "Notion" unless told.
    #[must_use]
    pub fn source_name(mut self, name: impl Into<String>) -> Self {
        self.source_name = name.into();
        self
    }

    /// The replica. It has no table until [`SqliteReplica::align`].
    pub fn build(self) -> SqliteReplica {
        SqliteReplica {
            worker: self.worker,
            link: self.link,
            source: self.source,
            source_name: self.source_name,
            place: OnceLock::new(),
            nowhere: PlaceId::new("sqlite:"),
        }
    }
}

/// A table that follows the schema of a source and takes edits from any SQLite tool.
pub struct SqliteReplica {
    worker: Worker,
    link: LinkId,
    source: Side,
    source_name: String,
    place: OnceLock<PlaceId>,
    nowhere: PlaceId,
}

impl std::fmt::Debug for SqliteReplica {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteReplica")
            .field("link", &self.link)
            .field("place", &self.place.get())
            .finish_non_exhaustive()
    }
}

impl SqliteReplica {
    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }

    pub(crate) fn link(&self) -> &LinkId {
        &self.link
    }

    /// What people call the source.
    pub(crate) fn source_name(&self) -> &str {
        &self.source_name
    }

    /// Lays the table out after the source's schema and says which field is which column.
    ///
    /// With `write` the table, new columns and triggers are made; without, nothing is written, and
    /// scans read columns that are not there yet as empty. Table and column names are chosen once
    /// and kept when the source renames; a field that vanishes leaves the mapping and keeps its
    /// column. `marker` is the source's field that carries markers of creates.
    ///
    /// # Errors
    /// As for every store; also if a dry run had chosen a name that is taken by now.
    pub async fn align(
        &self,
        source: &Schema,
        marker: Option<&FieldId>,
        write: bool,
    ) -> Result<Mapping, StoreError> {
        let ask = align::Ask {
            link: self.link.clone(),
            side: self.source,
            source_name: self.source_name.clone(),
            schema: source.clone(),
            marker: marker.cloned(),
        };
        let (mapping, place) = self
            .worker
            .ask(move |database| {
                let table = align::align(database, &ask, write)?;
                Ok((
                    table.mapping(&ask.schema, ask.marker.as_ref()),
                    table.place(),
                ))
            })
            .await?;
        if *self.place.get_or_init(|| place.clone()) != place {
            return Err(StoreError::Io {
                message: format!("the table is called {place} by now; start the run again"),
                source: None,
            });
        }
        Ok(mapping)
    }
}
