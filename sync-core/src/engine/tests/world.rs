//! A small world: "Notion" on the left, "SQLite" on the right, one store, one clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::executor::block_on;

use crate::engine::{Described, Engine, Event, Report, RunError, RunOptions};
use crate::link::{Lens, LinkId, LinkSpec, MappedField, Mapping, Policy, Side, Sides};
use crate::pair::RecordState;
use crate::plan::Plan;
use crate::port::{Call, Cancel, Capabilities, Clock, Peer};
use crate::record::{Key, Record};
use crate::schema::{Access, Field, FieldId, FieldType, Limits, Schema};
use crate::testkit::{CrashPoint, MemoryPeer, MemoryStore, VirtualClock};
use crate::value::{Choice, Value};

pub(super) const MARKER: &str = "marker";

pub(super) struct World {
    pub(super) clock: VirtualClock,
    pub(super) notion: MemoryPeer,
    pub(super) local: MemoryPeer,
    pub(super) store: MemoryStore,
    pub(super) spec: LinkSpec,
}

fn field(id: &str, ty: FieldType, access: Access) -> Field {
    let limits = Limits {
        max_utf16: Some(50),
        max_runs: None,
        max_items: Some(4),
        ..Limits::default()
    };
    Field {
        id: FieldId::new(id),
        name: id.to_owned(),
        ty,
        access,
        limits,
    }
}

pub(super) fn tag_options() -> Vec<Choice> {
    ["a", "b", "c", "d"]
        .iter()
        .map(|name| Choice::with_id(format!("id-{name}"), *name))
        .collect()
}

pub(super) fn tags(names: &[&str]) -> Value {
    let known = tag_options();
    let named = names.iter().map(|name| {
        known
            .iter()
            .find(|tag| tag.name == *name)
            .cloned()
            .unwrap_or(Choice::named(*name))
    });
    Value::choices(named.collect())
}

pub(super) fn names(names: &[&str]) -> Value {
    Value::choices(names.iter().map(|name| Choice::named(*name)).collect())
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(true, Policy::default())
    }

    pub(super) fn with(marker: bool, policy: Policy) -> Self {
        let clock = VirtualClock::default();
        let schema = |tags| Schema {
            title: "Tasks".into(),
            fields: vec![
                field("title", FieldType::Title, Access::Writable),
                field("notes", FieldType::Text, Access::Writable),
                field("tags", tags, Access::Writable),
                field(MARKER, FieldType::Text, Access::Writable),
            ],
        };
        let remote = Capabilities {
            index_lag: Duration::ZERO,
            ..Capabilities::remote()
        };
        let notion_schema = schema(FieldType::MultiSelect(tag_options()));
        let notion = MemoryPeer::new("notion", notion_schema, remote, clock.clone());
        let local_schema = schema(FieldType::MultiSelect(Vec::new()));
        let local = MemoryPeer::new("sqlite", local_schema, Capabilities::local(), clock.clone());
        let store = MemoryStore::colocated_with(local.clone());
        let same =
            |id: &str, lens| MappedField::new(Sides::new(FieldId::new(id), FieldId::new(id)), lens);
        let mapping = Mapping {
            fields: vec![
                same("title", Lens::Identity),
                same("notes", Lens::Identity),
                same("tags", Lens::Choices),
                same(MARKER, Lens::Projection { from: Side::Left }),
            ],
            markers: Sides::new(marker.then(|| FieldId::new(MARKER)), None),
            ..Mapping::default()
        };
        let spec = LinkSpec {
            id: LinkId::new("tasks"),
            places: Sides::new(notion.place().clone(), local.place().clone()),
            names: Sides::new("Notion".into(), "SQLite".into()),
            mapping,
            filters: Sides::default(),
            policy,
        };
        Self {
            clock,
            notion,
            local,
            store,
            spec,
        }
    }

    /// A page among ten and its row, both sides quiet: few enough changes for every guard.
    pub(super) fn settled_pair(&self) -> (Key, Key) {
        for n in 0..9 {
            self.notion
                .person_creates(&[("title", text(&format!("other {n}")))]);
        }
        let page = self.notion.person_creates(&[("title", text("a"))]);
        self.settle();
        let row = self.partner(Side::Left, &page);
        (page, row)
    }

    pub(super) fn engine(&self) -> Engine {
        let notion: Arc<dyn Peer> = Arc::new(self.notion.clone());
        let local: Arc<dyn Peer> = Arc::new(self.local.clone());
        self.engine_between(Sides::new(notion, local))
    }

    /// An engine between other peers than the two of this world.
    pub(super) fn engine_between(&self, peers: Sides<Arc<dyn Peer>>) -> Engine {
        self.engine_by(Arc::new(self.clock.clone()), peers)
    }

    /// The same by another clock than that of the peers.
    pub(super) fn engine_by(&self, clock: Arc<dyn Clock>, peers: Sides<Arc<dyn Peer>>) -> Engine {
        let cancel = Cancel::default();
        let call = Call::new(&cancel);
        let described = |peer: &Arc<dyn Peer>| Described {
            description: block_on(peer.describe(&call)).unwrap(),
            at: self.clock.now(),
        };
        let described = Sides::new(described(&peers.left), described(&peers.right));
        Engine::new(
            self.spec.clone(),
            described,
            peers,
            Arc::new(self.store.clone()),
            clock,
        )
    }

    pub(super) fn try_run(&self) -> Result<Report, RunError> {
        let engine = self.engine();
        self.notion.take_requests();
        block_on(engine.run(&RunOptions::default()))
    }

    pub(super) fn run(&self) -> Report {
        let report = self.try_run().unwrap();
        self.clock.advance(Duration::from_secs(1));
        report
    }

    /// Runs, and calls this once when the plan is made and nothing is written yet.
    pub(super) fn run_while(&self, act: impl Fn() + Send + Sync + 'static) -> Report {
        let done = AtomicBool::new(false);
        let progress = move |event: &Event| {
            if matches!(event, Event::Planned(_)) && !done.swap(true, Ordering::SeqCst) {
                act();
            }
        };
        let options = RunOptions {
            progress: Some(Arc::new(progress)),
            ..RunOptions::default()
        };
        let report = block_on(self.engine().run(&options)).unwrap();
        self.clock.advance(Duration::from_secs(1));
        report
    }

    /// So many full runs, a minute and more between them.
    pub(super) fn later(&self, runs: usize) {
        for _ in 0..runs {
            self.clock.advance(Duration::from_secs(61));
            self.run_full();
        }
    }

    pub(super) fn run_full(&self) -> Report {
        let options = RunOptions {
            full: true,
            ..RunOptions::default()
        };
        block_on(self.engine().run(&options)).unwrap()
    }

    pub(super) fn plan(&self) -> Plan {
        block_on(self.engine().plan(&RunOptions::default())).unwrap()
    }

    /// Runs and checks that a further run writes nothing anywhere.
    pub(super) fn settle(&self) -> Report {
        let report = self.run();
        self.notion.take_mutations();
        self.local.take_mutations();
        let again = self.run();
        assert!(again.is_quiet(), "not quiet after a run: {again:?}");
        assert_eq!(self.notion.take_mutations(), []);
        assert_eq!(self.local.take_mutations(), []);
        report
    }

    /// The other side's key of a record.
    pub(super) fn partner(&self, side: Side, key: &Key) -> Key {
        let memory = self.store.memory(&self.spec.id);
        let pair = memory
            .pairs()
            .find(|pair| pair.sides[side].key.as_ref() == Some(key))
            .expect("the record has a pair");
        pair.sides[side.other()]
            .key
            .clone()
            .expect("the pair is whole")
    }

    /// What people are told of a record.
    pub(super) fn standing(&self, side: Side, key: &Key) -> Option<RecordState> {
        let memory = self.store.memory(&self.spec.id);
        let mut pairs = memory.pairs();
        let pair = pairs.find(|pair| pair.sides[side].key.as_ref() == Some(key));
        Some(pair?.standing.as_ref()?.state)
    }

    /// Runs and dies before this commit, counted from one; then it is two minutes later.
    pub(super) fn dies_before(&self, commit: u64) {
        let at = self.store.serial() + commit;
        self.store.crash_at(Some(CrashPoint::Before(at)));
        let _ = self.try_run();
        self.store.crash_at(None);
        self.store.break_lease(&self.spec.id);
        self.clock.advance(Duration::from_secs(120));
    }

    /// All that the store and the two peers hold: equal when nothing was written.
    pub(super) fn state(&self) -> (u64, String, Vec<Record>, Vec<Record>) {
        (
            self.store.serial(),
            format!("{:?}", self.store.memory(&self.spec.id)),
            self.notion.records(),
            self.local.records(),
        )
    }

    /// Mapped values of all live records, sorted: equal on both sides when they agree.
    pub(super) fn contents(&self, peer: &MemoryPeer) -> Vec<[String; 3]> {
        let row = |record: Record| {
            ["title", "notes", "tags"].map(|field| {
                record
                    .cells
                    .complete(&FieldId::new(field))
                    .map_or(String::new(), Value::display)
            })
        };
        let mut rows: Vec<_> = peer.live().into_iter().map(row).collect();
        rows.sort();
        rows
    }

    pub(super) fn assert_equal(&self) {
        assert_eq!(self.contents(&self.notion), self.contents(&self.local));
    }
}

/// Whether the record is there and not in the trash.
pub(super) fn is_live(peer: &MemoryPeer, key: &Key) -> bool {
    peer.live().iter().any(|record| record.key == *key)
}

pub(super) fn text(text: &str) -> Value {
    Value::text(text)
}
