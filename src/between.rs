//! What every link of this crate is: Notion on the left, SQLite on the right.

use std::sync::Arc;

use notion_sync_core::engine::{Described, Engine};
use notion_sync_core::link::{LinkId, LinkSpec, Mapping, Policy, Sides};
use notion_sync_core::port::{Clock, Peer};
use notion_sync_sqlite::SqliteStore;

/// A link between the two, to be put together.
pub(crate) struct Between<'a> {
    pub(crate) link: LinkId,
    pub(crate) mapping: Mapping,
    pub(crate) policy: &'a Policy,
    pub(crate) store: &'a SqliteStore,
    pub(crate) clock: &'a Arc<dyn Clock>,
}

impl Between<'_> {
    /// The engine of the link.
    pub(crate) fn engine(
        self,
        notion: impl Peer + 'static,
        sqlite: Arc<dyn Peer>,
        described: Sides<Described>,
    ) -> Engine {
        let spec = LinkSpec {
            id: self.link,
            places: Sides::new(notion.place().clone(), sqlite.place().clone()),
            names: Sides::new("Notion".to_owned(), "SQLite".to_owned()),
            mapping: self.mapping,
            filters: Sides::default(),
            policy: self.policy.clone(),
        };
        Engine::new(
            spec,
            described,
            Sides::new(Arc::new(notion), sqlite),
            Arc::new(self.store.clone()),
            Arc::clone(self.clock),
        )
    }
}
