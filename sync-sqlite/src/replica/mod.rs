//! One table of the file as a [`Peer`](notion_sync_core::port::Peer): people edit it with any tool.

mod align;
mod cells;
mod checks;
mod column;
mod exec;
mod files;
mod gate;
mod names;
mod peer;
mod readable;
mod restore;
mod rows;
mod shape;
mod table;
mod triggers;
pub(crate) mod uploads;

pub(crate) use align::{column_names, not_with, refill, unique_indexes};
pub(crate) use cells::{Form, WrongKind, decode, encode};
pub(crate) use column::{Column, place_of};
pub(crate) use exec::Executor;
pub(crate) use gate::{has_foreign_triggers, in_private, with_gate};
pub(crate) use names::{FIXED, column_name, literal, quote, same};
pub(crate) use rows::{record, row_of};
pub(crate) use shape::{lacks, made_anew};
pub(crate) use table::{Table, gone};
pub(crate) use triggers::{
    GONE, IN_THE_TRASH, of_table as triggers_of, rebuild as rebuild_triggers, trash_is_settled,
};

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
    collections: Vec<(PlaceId, LinkId)>,
    table_name: Option<String>,
    any_option: bool,
    fixed_rows: Option<String>,
    follow_names: bool,
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
            collections: Vec::new(),
            table_name: None,
            any_option: false,
            fixed_rows: None,
            follow_names: false,
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

    /// Which collection of the source a link of this file keeps: rows of this table may refer to
    /// rows of that one. To be said of this link's own collection too, and of others in any order;
    /// a relation to a collection that is not in the file is only read.
    #[must_use]
    pub fn collection(mut self, place: PlaceId, link: LinkId) -> Self {
        self.collections.push((place, link));
        self
    }

    /// What the table is called when it is made; after the collection's title unless told. Tables about
    /// collections themselves are called `data_sources`, `databases` and `views` this way, names that
    /// no table gets by its title.
    #[must_use]
    pub fn table_name(mut self, name: impl Into<String>) -> Self {
        self.table_name = Some(name.into());
        self
    }

    /// Lets people write options that the source does not offer yet, for a link whose
    /// [`OptionPolicy`](notion_sync_core::link::OptionPolicy) adds or maps them. Without, they are
    /// refused at once.
    #[must_use]
    pub fn any_option(mut self, allowed: bool) -> Self {
        self.any_option = allowed;
        self
    }

    /// Refuses at once that rows are added, put into the trash or taken out of it, with this reason: for
    /// collections whose records are made and put away elsewhere only, as data sources are.
    #[must_use]
    pub fn fixed_rows(mut self, reason: impl Into<String>) -> Self {
        self.fixed_rows = Some(reason.into());
        self
    }

    /// Renames columns when their fields are renamed. Without, the first name stays, and statements
    /// that people wrote go on working.
    #[must_use]
    pub fn follow_names(mut self, follow: bool) -> Self {
        self.follow_names = follow;
        self
    }

    /// The replica. It has no table until [`SqliteReplica::align`].
    pub fn build(self) -> SqliteReplica {
        SqliteReplica {
            worker: self.worker,
            link: self.link,
            source: self.source,
            source_name: self.source_name,
            collections: self.collections,
            table_name: self.table_name,
            any_option: self.any_option,
            fixed_rows: self.fixed_rows,
            follow_names: self.follow_names,
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
    collections: Vec<(PlaceId, LinkId)>,
    table_name: Option<String>,
    any_option: bool,
    fixed_rows: Option<String>,
    follow_names: bool,
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
    /// and kept when the source renames ([`ReplicaBuilder::follow_names`] asks otherwise); a field that vanishes leaves the mapping and keeps its
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
            collections: self.collections.clone(),
            table_name: self.table_name.clone(),
            any_option: self.any_option,
            fixed_rows: self.fixed_rows.clone(),
            follow_names: self.follow_names,
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
