//! Collections that behave like Notion's, each kept in a table of one file by the real engine.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use notion_sync_core::engine::{Described, Engine, Report, RunOptions, RunOutcome};
use notion_sync_core::link::{LinkId, LinkSpec, Neighbour, OptionPolicy, Policy, Sides};
use notion_sync_core::port::{Call, Cancel, Clock, Peer, PlaceId, Store, StoreError};
use notion_sync_core::record::Key;
use notion_sync_core::schema::{Field, FieldId, Schema};
use notion_sync_core::testkit::{MemoryPeer, VirtualClock};
use notion_sync_core::value::Value;
use notion_sync_sqlite::{SqliteStore, StoreOptions};
use rusqlite::Connection;
use tempfile::TempDir;

/// Collections and the file that keeps them.
pub(crate) struct Linked {
    dir: TempDir,
    pub(crate) store: SqliteStore,
    pub(crate) clock: VirtualClock,
    pub(crate) sources: Vec<MemoryPeer>,
    pub(crate) policy: Policy,
    pub(crate) follow_names: bool,
    /// Whether tables are called exactly as their collections, reserved names included.
    pub(crate) named_like_their_titles: bool,
}

/// A collection's place.
pub(crate) fn place(name: &str) -> PlaceId {
    PlaceId::new(format!("notion:{name}"))
}

impl Linked {
    /// Collections of these names and fields; the tables are made with the first run.
    pub(crate) fn new(collections: &[(&str, Vec<Field>)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = VirtualClock::default();
        let sources = collections.iter().map(|(name, fields)| {
            let schema = Schema {
                title: (*name).to_owned(),
                fields: fields.clone(),
            };
            let place = place(name);
            MemoryPeer::notion_like(place.as_str(), schema, clock.clone(), Duration::ZERO)
        });
        let file = dir.path().join("db.sqlite");
        Self {
            store: SqliteStore::open(file, StoreOptions::default()).unwrap(),
            sources: sources.collect(),
            dir,
            clock,
            policy: Policy::default(),
            follow_names: false,
            named_like_their_titles: false,
        }
    }

    /// The link of a collection.
    pub(crate) fn link(&self, at: usize) -> LinkId {
        LinkId::new(self.sources[at].place().as_str())
    }

    /// A person with a SQL tool.
    pub(crate) fn person(&self) -> Connection {
        Connection::open(self.dir.path().join("db.sqlite")).unwrap()
    }

    /// One run of every link, by an engine made anew for each.
    pub(crate) fn run(&self) -> Vec<Report> {
        // All tables first: relations may point both ways.
        let replicas: Vec<_> = (0..self.sources.len()).map(|at| self.replica(at)).collect();
        for (source, replica) in self.sources.iter().zip(&replicas) {
            block_on(replica.align(&source.schema(), None, true)).unwrap();
        }
        (0..self.sources.len())
            .map(|at| block_on(self.engine(at).run(&RunOptions::default())).unwrap())
            .collect()
    }

    /// Makes a table as it is to be.
    pub(crate) fn try_align(&self, at: usize) -> Result<(), StoreError> {
        let schema = self.sources[at].schema();
        block_on(self.replica(at).align(&schema, None, true)).map(drop)
    }

    /// Lays a table out for a plan: nothing is written.
    pub(crate) fn try_plan(&self, at: usize) -> Result<(), StoreError> {
        let schema = self.sources[at].schema();
        block_on(self.replica(at).align(&schema, None, false)).map(drop)
    }

    /// Mends a table's triggers, as the doctor does.
    pub(crate) fn repair(&self, at: usize) {
        let replica = self.replica(at);
        block_on(replica.align(&self.sources[at].schema(), None, false)).ok();
        block_on(replica.repair()).unwrap();
    }

    /// Runs until nothing is left to do, some time apart.
    pub(crate) fn settle(&self) {
        for _ in 0..4 {
            let reports = self.run();
            let clean = |report: &Report| report.outcome == RunOutcome::Clean;
            assert!(reports.iter().all(clean), "{reports:?}");
            self.clock.advance(Duration::from_secs(180));
            if reports.iter().all(Report::is_quiet) {
                return;
            }
        }
        panic!("the runs do not come to rest: {:#?}", self.run());
    }

    /// The engine of a link, over its table as it is to be.
    pub(crate) fn engine(&self, at: usize) -> Engine {
        let cancel = Cancel::default();
        let call = Call::new(&cancel);
        let source = &self.sources[at];
        let replica = self.replica(at);
        let mapping = block_on(replica.align(&source.schema(), None, true)).unwrap();
        let now = self.clock.now();
        let describe = |peer: &dyn Peer| Described {
            description: block_on(peer.describe(&call)).unwrap(),
            at: now,
        };
        let described = Sides::new(describe(source), describe(&replica));
        let spec = LinkSpec {
            id: self.link(at),
            places: Sides::new(source.place().clone(), replica.place().clone()),
            names: Sides::new("Notion".into(), "SQLite".into()),
            mapping,
            filters: Sides::default(),
            policy: self.policy.clone(),
        };
        let peers: Sides<Arc<dyn Peer>> = Sides::new(Arc::new(source.clone()), Arc::new(replica));
        let store: Arc<dyn Store> = Arc::new(self.store.clone());
        let neighbours = (0..self.sources.len()).filter(|other| *other != at);
        let neighbours = neighbours.map(|other| Neighbour {
            link: self.link(other),
            places: Sides::new(
                self.sources[other].place().clone(),
                block_on(self.store.place_of(&self.link(other)))
                    .unwrap()
                    .unwrap(),
            ),
        });
        Engine::new(spec, described, peers, store, Arc::new(self.clock.clone()))
            .neighbours(neighbours.collect())
            .remaps()
    }

    fn replica(&self, at: usize) -> notion_sync_sqlite::SqliteReplica {
        let adds = self.policy.unknown_options != OptionPolicy::Deny;
        let mut builder = self.store.replica(&self.link(at)).any_option(adds);
        builder = builder.follow_names(self.follow_names);
        if self.named_like_their_titles {
            builder = builder.table_name(self.sources[at].schema().title);
        }
        for (other, source) in self.sources.iter().enumerate() {
            builder = builder.collection(source.place().clone(), self.link(other));
        }
        builder.build()
    }

    /// Somebody edits a cell of a collection.
    pub(crate) fn edits(&self, at: usize, key: &Key, field: &str, value: Value) {
        self.sources[at].person_sets(key, field, value);
    }

    /// What a collection holds.
    pub(crate) fn value(&self, at: usize, key: &Key, field: &str) -> Value {
        self.sources[at].value(key, field).unwrap_or(Value::Empty)
    }

    /// The record of a collection with this title.
    pub(crate) fn titled(&self, at: usize, title: &str) -> Key {
        let live = self.sources[at].live();
        let named = live.into_iter().find(|record| {
            let cell = record.cells.complete(&FieldId::new("title"));
            cell.is_some_and(|value| value.display() == title)
        });
        named.unwrap().key
    }
}
