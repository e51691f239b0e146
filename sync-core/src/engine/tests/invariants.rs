//! Invariants of engine and store that have no other home, each by its number in the design.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use futures::executor::block_on;

use super::odd_peer::{Habit, OddPeer};
use super::world::{World, is_live, text};
use crate::engine::{Event, RunOptions, RunOutcome};
use crate::link::{LinkId, Side, Sides};
use crate::outbox::IntentState;
use crate::pair::{Base, SideState};
use crate::plan::{Guard, Plan};
use crate::port::{
    Batch, Call, Change, Command, Description, FieldSet, Found, LeaseAsk, LinkMemory, Lookup,
    Outcome, Peer, PeerError, PlaceId, Query, Rows, ScanFrom, ScanPage, Store,
};
use crate::record::{Cells, Key, Lifecycle, Record};
use crate::schema::{FieldId, SchemaChange, SchemaVersion};
use crate::testkit::{CrashPoint, Fault, MemoryPeer, MemoryStore};
use crate::value::{FileRef, Value};

/// A peer that looks into the outbox before it does what it is told.
struct Auditor {
    inner: MemoryPeer,
    store: MemoryStore,
    link: LinkId,
}

impl Auditor {
    fn is_durable(&self, command: &Command) -> bool {
        let memory = self.store.memory(&self.link);
        let Rows::Intents(intents) = memory.read(&Query::Intents { dead: true }, None, u32::MAX)
        else {
            return false;
        };
        let mut intents = intents.iter();
        intents.any(|intent| intent.state == IntentState::Attempting && intent.command == *command)
    }
}

#[async_trait]
impl Peer for Auditor {
    fn place(&self) -> &PlaceId {
        self.inner.place()
    }

    async fn describe(&self, call: &Call<'_>) -> Result<Description, PeerError> {
        self.inner.describe(call).await
    }

    async fn scan(
        &self,
        call: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        self.inner.scan(call, from, fields, limit).await
    }

    async fn fetch(
        &self,
        call: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        self.inner.fetch(call, keys, fields).await
    }

    async fn find(
        &self,
        call: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        self.inner.find(call, field, values).await
    }

    async fn apply(&self, call: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        for command in &batch.commands {
            assert!(self.is_durable(command), "sent before it was written down");
        }
        self.inner.apply(call, batch).await
    }

    async fn alter(
        &self,
        call: &Call<'_>,
        expected: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        self.inner.alter(call, expected, changes).await
    }
}

/// Edits of every kind, in both directions, among ten quiet records.
fn edited(world: &World) -> Vec<Key> {
    let page = |n| {
        let cells = [
            ("title", text(&format!("page {n}"))),
            ("notes", text("old")),
        ];
        world.notion.person_creates(&cells)
    };
    let pages: Vec<Key> = (0..10).map(page).collect();
    world.settle();
    let row = |n: usize| world.partner(Side::Left, &pages[n]);
    world.local.person_sets(&row(0), "notes", text("here"));
    world.notion.person_sets(&pages[1], "notes", text("there"));
    world.local.person_sets(&row(2), "title", text("ours"));
    world.notion.person_sets(&pages[2], "title", text("theirs"));
    world.local.person_trashes(&row(3), true);
    world.notion.person_trashes(&pages[4], true);
    world.local.person_creates(&[("title", text("new here"))]);
    world.notion.person_creates(&[("title", text("new there"))]);
    pages
}

#[test]
fn e1_every_command_is_durable_as_an_attempt_before_it_is_sent() {
    let world = World::new();
    edited(&world);
    world.notion.inject([Fault::LoseAnswer, Fault::LoseRequest]);
    let auditor: Arc<dyn Peer> = Arc::new(Auditor {
        inner: world.notion.clone(),
        store: world.store.clone(),
        link: world.spec.id.clone(),
    });
    let local: Arc<dyn Peer> = Arc::new(world.local.clone());
    let engine = world.engine_between(Sides::new(auditor, local));
    let report = block_on(engine.run(&RunOptions::default())).unwrap();
    assert!(report.settled.left.total() >= 3, "{report:?}");
}

#[test]
fn e5_a_run_whose_lease_was_taken_over_writes_nothing_any_more() {
    let world = World::new();
    edited(&world);
    world.notion.take_mutations();
    let (store, link) = (world.store.clone(), world.spec.id.clone());
    let local = world.local.clone();
    let taken = move |event: &Event| {
        if matches!(event, Event::Planned(_)) {
            store.break_lease(&link);
            let ask = LeaseAsk::Take {
                owner: "another process".into(),
            };
            let lease = store.lease(&link, &ask);
            lease.now_or_never().unwrap().unwrap();
            // What was made at first sight was made under the lease.
            local.take_mutations();
        }
    };
    let options = RunOptions {
        progress: Some(Arc::new(taken)),
        ..RunOptions::default()
    };
    let stopped = block_on(world.engine().run(&options)).unwrap();
    assert_eq!(stopped.outcome, RunOutcome::Halted);
    assert!(stopped.raised(Guard::Lease) > 0, "{stopped:?}");
    assert_eq!(world.notion.take_mutations(), []);
    assert_eq!(world.local.take_mutations(), []);
    world.store.break_lease(&world.spec.id);
    world.run();
    assert_ne!(world.notion.take_mutations(), [], "the other one goes on");
}

fn full_plan(world: &World) -> Plan {
    let options = RunOptions {
        full: true,
        ..RunOptions::default()
    };
    block_on(world.engine().plan(&options)).unwrap()
}

#[test]
fn e7_with_all_shadows_dropped_the_same_is_planned() {
    let world = World::new();
    edited(&world);
    let before = full_plan(&world);
    let mut memory = world.store.memory(&world.spec.id);
    let pairs: Vec<_> = memory.pairs().cloned().collect();
    for pair in pairs {
        for side in Side::BOTH {
            // That there is a record is no observation of this run; what it holds is gone.
            let dropped = |record: Record| Record {
                lifecycle: Lifecycle::Live,
                version: None,
                edited_at: None,
                cells: Cells::default(),
                ..record
            };
            let state = pair.sides[side].clone();
            let shadow = state.shadow.clone().map(dropped);
            let state = SideState { shadow, ..state };
            memory.apply(Change::Observe {
                pair: pair.id,
                side,
                state,
                dirty: true,
            });
        }
    }
    memory.link.sides = Sides::default();
    world.store.restore(&world.spec.id, memory);
    let after = full_plan(&world);
    assert!(before.commands() >= 6);
    assert!(before.diff(&after).is_empty(), "{:#?}", before.diff(&after));
    assert_eq!(before.conflicts.len(), 1);
    let values = |plan: &Plan| plan.conflicts[0].values.clone();
    assert_eq!(values(&before), values(&after));
}

/// An address that lets anybody in for an hour, as the API hands it out.
const SIGNED: &str = "https://files.example/a.png?X-Amz-Signature=c0ffee&X-Amz-Expires=3600";

#[test]
fn e11_no_signed_address_is_planned_stored_told_or_explained() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    let file = |url: &str| Value::files(vec![FileRef::hosted("a.png", url)]);
    world.notion.person_sets(&page, "notes", file(SIGNED));
    let plan = world.plan();
    let explained = block_on(world.engine().explain(Side::Left, &page)).unwrap();
    let report = world.run();
    assert_eq!(report.settled.right.patched, 1);
    world.local.person_sets(&row, "notes", text("x"));
    let other = file(&SIGNED.replace("a.png", "b.png"));
    world.notion.person_sets(&page, "notes", other);
    let conflict = world.run();
    assert_eq!(conflict.open_conflicts, 1);
    let told = format!("{plan:?} {explained:?} {report:?} {conflict:?}");
    let json = serde_json::to_string(&plan).unwrap();
    let stored = format!("{:?}", world.store.memory(&world.spec.id));
    assert!(stored.contains("files.example/a.png"), "the file itself is");
    for text in [told, json, stored] {
        assert!(!text.contains("c0ffee") && !text.contains("X-Amz"));
    }
}

/// More records than one page of a scan holds: wherever the process dies, a cursor is only there
/// together with everything it covers.
#[test]
fn e12_a_cursor_is_remembered_only_with_what_it_covers() {
    let many = 1_050;
    let filled = || {
        let world = World::new();
        for n in 0..many {
            let title = text(&format!("page {n}"));
            world.notion.person_creates(&[("title", title)]);
        }
        world
    };
    let seen = |world: &World| {
        let memory = world.store.memory(&world.spec.id);
        let pairs = memory.pairs();
        let seen = pairs.filter(|pair| pair.sides.left.key.is_some()).count();
        (seen, memory.link.sides.left.cursor.is_some())
    };
    let calm = filled();
    let first = calm.store.serial() + 1;
    calm.run();
    assert_eq!(seen(&calm), (many, true));
    let mut without = 0;
    for serial in first..=calm.store.serial() {
        let world = filled();
        world.store.crash_at(Some(CrashPoint::After(serial)));
        let _ = block_on(world.engine().run(&RunOptions::default()));
        let (pairs, cursor) = seen(&world);
        assert!(!cursor || pairs == many, "after commit {serial}: {pairs}");
        without += usize::from(pairs > 0 && pairs < many);
    }
    assert!(without > 0, "no crash fell between two pages");
}

#[test]
fn e13_one_record_that_cannot_be_read_stops_no_other() {
    let world = World::new();
    let pages = edited(&world);
    let bad = &pages[1];
    let notion: Arc<dyn Peer> =
        Arc::new(OddPeer::new(&world.notion, Habit::CannotRead(bad.clone())));
    let local: Arc<dyn Peer> = Arc::new(world.local.clone());
    let engine = world.engine_between(Sides::new(notion, local));
    let options = RunOptions {
        full: true,
        ..RunOptions::default()
    };
    let report = block_on(engine.run(&options)).unwrap();
    assert_eq!(report.outcome, RunOutcome::Partial);
    let told = report
        .problems
        .iter()
        .any(|problem| problem.contains(bad.as_str()));
    assert!(told, "{:?}", report.problems);
    let row = |n: usize| world.partner(Side::Left, &pages[n]);
    // Garbled in a list is no proof of anything: it is read by its key.
    assert!(is_live(&world.local, &row(1)));
    assert_eq!(world.local.value(&row(1), "notes"), Some(text("there")));
    assert_eq!(world.notion.value(&pages[0], "notes"), Some(text("here")));
    assert!(!is_live(&world.local, &row(4)));
    assert_eq!(world.local.live().len(), 10);
}

/// What an earlier version wrote is what this one writes where nothing new is used; read back, it
/// plans nothing.
#[test]
fn e15_a_store_of_an_earlier_version_with_nothing_edited_plans_nothing() {
    let world = World::new();
    world.settled_pair();
    let mut memory = world.store.memory(&world.spec.id);
    let keys = |value: &serde_json::Value| -> Vec<String> {
        let object = value.as_object().unwrap();
        object.keys().cloned().collect()
    };
    let pairs: Vec<_> = memory.pairs().cloned().collect();
    for mut pair in pairs {
        let json = serde_json::to_value(pair.base.as_ref().unwrap()).unwrap();
        assert_eq!(
            keys(&json),
            ["fields", "lifecycle"],
            "as in the first version"
        );
        pair.base = Some(serde_json::from_value::<Base>(json).unwrap());
        pair.dirty = true;
        memory.put(pair);
    }
    let mut json = serde_json::to_value(&memory.link).unwrap();
    // An earlier version wrote no more than this.
    let known = ["mapping", "sides", "undo_horizon"];
    let object = json.as_object_mut().unwrap();
    object.retain(|key, _| known.contains(&key.as_str()));
    memory.link = serde_json::from_value::<LinkMemory>(json).unwrap();
    world.store.restore(&world.spec.id, memory);
    let plan = full_plan(&world);
    assert!(plan.is_empty() && plan.counts.settle == 0, "{plan:?}");
}
