//! What runs cost inside SQLite, counted in steps of its virtual machine: linear in the records, and no
//! dearer with a long history.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::executor::block_on;
use notion_sync_core::engine::{Described, Engine, Report, RunOptions};
use notion_sync_core::link::{LinkId, LinkSpec, Policy, Sides};
use notion_sync_core::port::{Call, Cancel, Clock, Peer, Store};
use notion_sync_core::schema::{Access, Field, FieldId, FieldType, Limits, Schema};
use notion_sync_core::testkit::{MemoryPeer, VirtualClock};
use notion_sync_core::value::{RichText, Value};

use crate::{SqliteStore, StoreOptions};

/// So many steps are one tick of the counter.
const TICK: i32 = 100;

struct World {
    source: MemoryPeer,
    store: SqliteStore,
    clock: VirtualClock,
    ticks: Arc<AtomicU64>,
    _folder: tempfile::TempDir,
}

fn text(words: &str) -> Value {
    Value::rich_text(RichText::plain_text(words))
}

fn schema() -> Schema {
    let field = |name: &str, ty, access| Field {
        id: FieldId::new(name),
        name: name.to_owned(),
        ty,
        access,
        limits: Limits::default(),
    };
    Schema {
        title: "Tasks".into(),
        fields: vec![
            field("_id", FieldType::Text, Access::Computed),
            field("_url", FieldType::Url, Access::Computed),
            field("Name", FieldType::Title, Access::Writable),
            field("Notes", FieldType::RichText, Access::Writable),
        ],
    }
}

impl World {
    fn of(records: u64) -> Self {
        let clock = VirtualClock::default();
        let source = MemoryPeer::sql_like("notion:tasks", schema(), clock.clone());
        for number in 0..records {
            let name = text(&format!("row {number}"));
            let id = Value::text(format!("{number:032}"));
            source.person_creates(&[("_id", id), ("Name", name)]);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tasks.sqlite");
        let store = SqliteStore::open(&path, StoreOptions::default()).unwrap();
        let ticks = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&ticks);
        let counting = store.worker().ask(move |database| {
            let count = move || {
                counter.fetch_add(1, Ordering::Relaxed);
                false
            };
            Ok(database.writer()?.progress_handler(TICK, Some(count))?)
        });
        block_on(counting).unwrap();
        Self {
            source,
            store,
            clock,
            ticks,
            _folder: folder,
        }
    }

    /// A run, and how many ticks it took.
    fn run(&self, full: bool) -> (Report, u64) {
        self.ticks.store(0, Ordering::Relaxed);
        let link = LinkId::new("tasks");
        let replica = self.store.replica(&link).build();
        let mapping = block_on(replica.align(&self.source.schema(), None, true)).unwrap();
        let cancel = Cancel::default();
        let call = Call::new(&cancel);
        let described = |peer: &dyn Peer| Described {
            description: block_on(peer.describe(&call)).unwrap(),
            at: self.clock.now(),
        };
        let described = Sides::new(described(&self.source), described(&replica));
        let spec = LinkSpec {
            id: link,
            places: Sides::new(self.source.place().clone(), replica.place().clone()),
            names: Sides::new("Notion".into(), "SQLite".into()),
            mapping,
            filters: Sides::default(),
            policy: Policy::default(),
        };
        let peers: Sides<Arc<dyn Peer>> =
            Sides::new(Arc::new(self.source.clone()), Arc::new(replica));
        let store: Arc<dyn Store> = Arc::new(self.store.clone());
        let engine = Engine::new(spec, described, peers, store, Arc::new(self.clock.clone()));
        let options = RunOptions {
            full,
            ..RunOptions::default()
        };
        let report = block_on(engine.run(&options)).unwrap();
        self.clock.advance(Duration::from_secs(600));
        (report, self.ticks.load(Ordering::Relaxed))
    }

    /// The person at the file, through the same connection: their statements are no part of a run.
    fn edit(&self, sql: &'static str) {
        let edit = self
            .store
            .worker()
            .ask(move |database| Ok(database.writer()?.execute_batch(sql)?));
        block_on(edit).unwrap();
    }
}

/// A first pull, a look at everything, a run with an edit of every tenth row.
fn ticks_of(records: u64) -> [u64; 3] {
    let world = World::of(records);
    let (report, first) = world.run(true);
    assert_eq!(report.settled.right.created, records);
    let (report, again) = world.run(true);
    assert!(report.is_quiet(), "{report:?}");
    world.edit("UPDATE Tasks SET Notes = 'mine' WHERE _row % 10 = 0");
    let (report, edited) = world.run(false);
    assert_eq!(report.settled.left.patched, records / 10);
    [first, again, edited]
}

#[test]
fn defect_08_ten_times_the_records_take_ten_times_the_steps() {
    let (few, many) = (ticks_of(300), ticks_of(3_000));
    for (few, many) in few.into_iter().zip(many) {
        assert!(
            few > 100 && many <= few * 11,
            "{few} and {many} ticks of {TICK} steps"
        );
    }
}

#[test]
fn defect_08_a_long_history_takes_no_more_steps() {
    let world = World::of(20);
    world.run(true);
    let mut taken = Vec::new();
    for _ in 0..60 {
        world.edit("UPDATE Tasks SET Notes = coalesce(Notes, '') || 'x' WHERE _row = 7");
        let (report, ticks) = world.run(false);
        assert_eq!(report.settled.left.patched, 1);
        taken.push(ticks);
    }
    // Ten together: one alone is a tick or two off.
    let sum = |runs: &[u64]| runs.iter().sum::<u64>();
    let (early, late) = (sum(&taken[2..12]), sum(&taken[50..]));
    assert!(late <= early + early / 10, "{taken:?}");
}

#[test]
fn a_record_takes_the_steps_of_writing_it_and_of_nothing_else() {
    let (few, many) = (ticks_of(1_000), ticks_of(3_000));
    let [first, again, _] = [0, 1, 2].map(|at| (many[at] - few[at]) * 100 / 2_000);
    // Five rows and their indexes, two triggers that find the gate open; one look at each side.
    assert!(first <= 330, "{first} steps for a record made");
    assert!(again <= 156, "{again} steps for a record looked at");
}
