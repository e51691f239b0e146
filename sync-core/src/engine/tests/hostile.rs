//! Hostile histories at random: whatever happens, runs come to rest and no person's edit is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::executor::block_on;
use proptest::prelude::*;

use super::odd_peer::{Habit, OddPeer};
use super::world::{World, is_live, names, tags, text};
use crate::conflict::Resolution;
use crate::engine::{Engine, Event, Report, RunError, RunOptions};
use crate::link::{Lens, MappedField, Policy, Precheck, Side, Sides};
use crate::port::{Call, Cancel, Capabilities, Peer, Query, Rows};
use crate::record::{Key, Record};
use crate::testkit::{CrashPoint, Fault, MemoryPeer, MemoryStore};

/// Which peer a person works in; which side of the link that is depends on the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum At {
    Notion,
    Local,
}

/// What happens next. Records are meant by their position, round and round.
#[derive(Clone, Debug)]
enum Step {
    Create(At, bool),
    Edit(At, usize, &'static str),
    /// A value that others write too, or none.
    EditCommon(At, usize, &'static str, u8),
    Tag(At, usize, u8),
    Trash(At, usize, bool),
    Wait(u64),
    Fault(Fault),
    Crash(u64, bool),
    Hide(usize, bool),
    Cap(Option<usize>),
    Lag(u64),
    Resolve(usize, Side),
    Map(bool),
    Plan,
    Run,
    RunFull,
    /// Runs in which something happens at the event with this number.
    RunCancelled(usize),
    RunEdited(usize, &'static str, usize),
    RunTrashed(At, usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    use prop::sample::select;
    let yes = any::<bool>;
    let at = || select(&[At::Notion, At::Local][..]);
    let field = || select(&["title", "notes"][..]);
    let faults = vec![Fault::LoseAnswer, Fault::LoseRequest, Fault::None];
    let nth = 0..6_usize;
    let event = 0..6_usize;
    prop_oneof![
        3 => (at(), yes()).prop_map(|(at, whole)| Step::Create(at, whole)),
        5 => (at(), nth.clone(), field()).prop_map(|(at, n, field)| Step::Edit(at, n, field)),
        2 => (at(), nth.clone(), field(), 0..3_u8)
            .prop_map(|(at, n, field, value)| Step::EditCommon(at, n, field, value)),
        3 => (at(), nth.clone(), 0..16_u8).prop_map(|(at, n, bits)| Step::Tag(at, n, bits)),
        3 => (at(), nth.clone(), yes()).prop_map(|(at, n, trashed)| Step::Trash(at, n, trashed)),
        2 => (1..200_u64).prop_map(Step::Wait),
        1 => select(faults).prop_map(Step::Fault),
        1 => (0..12_u64, yes()).prop_map(|(commit, before)| Step::Crash(commit, before)),
        1 => (nth.clone(), yes()).prop_map(|(n, hidden)| Step::Hide(n, hidden)),
        1 => prop::option::of(0..4_usize).prop_map(Step::Cap),
        1 => select(&[0, 30, 60][..]).prop_map(Step::Lag),
        2 => (0..4_usize, select(&Side::BOTH[..])).prop_map(|(n, side)| Step::Resolve(n, side)),
        1 => yes().prop_map(Step::Map),
        1 => Just(Step::Plan),
        4 => Just(Step::Run),
        1 => Just(Step::RunFull),
        1 => event.clone().prop_map(Step::RunCancelled),
        1 => (nth.clone(), field(), event.clone())
            .prop_map(|(n, field, event)| Step::RunEdited(n, field, event)),
        1 => (at(), nth, event).prop_map(|(at, n, event)| Step::RunTrashed(at, n, event)),
    ]
}

/// The kind of world a history is played in.
#[derive(Clone, Copy, Debug)]
struct Setting {
    /// Notion has a marker, so a lost create can be looked up.
    marker: bool,
    /// Notion is the right side.
    mirrored: bool,
    /// The local peer has the habits of a remote one and is not in the store.
    remote: bool,
    /// Runs scan incrementally between sweeps.
    incremental: bool,
}

fn setting() -> impl Strategy<Value = Setting> {
    any::<[bool; 4]>().prop_map(|[marker, mirrored, remote, incremental]| Setting {
        marker,
        mirrored,
        remote,
        incremental,
    })
}

fn mirror(world: &mut World) {
    let spec = &mut world.spec;
    spec.places = spec.places.clone().swap();
    spec.names = spec.names.clone().swap();
    spec.mapping.markers = spec.mapping.markers.clone().swap();
    for field in &mut spec.mapping.fields {
        field.ids = field.ids.clone().swap();
        if let Lens::Projection { from } = &mut field.lens {
            *from = from.other();
        }
    }
}

fn make_remote(world: &mut World) {
    let cancel = Cancel::default();
    let description = block_on(world.local.describe(&Call::new(&cancel))).unwrap();
    let capabilities = Capabilities {
        free_options: true,
        index_lag: Duration::ZERO,
        ..Capabilities::remote()
    };
    world.local = MemoryPeer::new(
        "sqlite",
        description.schema,
        capabilities,
        world.clock.clone(),
    );
    world.store = MemoryStore::default();
}

fn nth(records: &[Record], n: usize) -> Option<Key> {
    (!records.is_empty()).then(|| records[n % records.len()].key.clone())
}

/// Calls this at the event with this number.
fn at_event(
    event: usize,
    act: impl Fn() + Send + Sync + 'static,
) -> impl Fn(&Event) + Send + Sync + 'static {
    let seen = AtomicUsize::new(0);
    move |_| {
        if seen.fetch_add(1, Ordering::SeqCst) == event {
            act();
        }
    }
}

struct Hostile {
    world: World,
    setting: Setting,
    mapped: Vec<MappedField>,
    /// The last value a person gave to each field of each record.
    given: BTreeMap<(At, Key, &'static str), String>,
}

impl Hostile {
    fn new(setting: Setting) -> Self {
        let mut policy = Policy {
            precheck: Precheck::Always,
            ..Policy::default()
        };
        policy.max_delete.approved = Some(1000);
        if setting.incremental {
            policy.sweep_below_requests = 0;
        }
        let mut world = World::with(setting.marker, policy);
        if setting.remote {
            make_remote(&mut world);
        }
        if setting.mirrored {
            mirror(&mut world);
        }
        Self {
            mapped: world.spec.mapping.fields.clone(),
            world,
            setting,
            given: BTreeMap::new(),
        }
    }

    fn peer(&self, at: At) -> &MemoryPeer {
        match at {
            At::Notion => &self.world.notion,
            At::Local => &self.world.local,
        }
    }

    /// A crashed process gives nothing back: the lease dies with it.
    fn engine(&self) -> Engine {
        self.world.store.break_lease(&self.world.spec.id);
        let notion: Arc<dyn Peer> = Arc::new(self.world.notion.clone());
        let local: Arc<dyn Peer> = Arc::new(self.world.local.clone());
        let peers = Sides::new(notion, local);
        self.world.engine_between(if self.setting.mirrored {
            peers.swap()
        } else {
            peers
        })
    }

    fn run(&self, options: &RunOptions) -> Result<Report, RunError> {
        block_on(self.engine().run(options))
    }

    fn run_full(&self) -> Result<Report, RunError> {
        self.run(&RunOptions {
            full: true,
            ..RunOptions::default()
        })
    }

    fn run_with(&self, progress: impl Fn(&Event) + Send + Sync + 'static) {
        let _ = self.run(&RunOptions {
            progress: Some(Arc::new(progress)),
            ..RunOptions::default()
        });
    }

    fn edit(&mut self, at: At, n: usize, field: &'static str, value: String) {
        if let Some(key) = nth(&self.peer(at).live(), n) {
            self.peer(at).person_sets(&key, field, text(&value));
            self.given.insert((at, key, field), value);
        }
    }

    fn play(&mut self, steps: &[Step]) {
        for (number, step) in steps.iter().enumerate() {
            self.act(number, step);
        }
        self.world.store.crash_at(None);
        self.world.notion.cap(None);
        self.world.notion.lag(Duration::ZERO);
        self.world.spec.mapping.fields = self.mapped.clone();
        for record in self.world.notion.records() {
            self.world.notion.hide(&record.key, false);
        }
    }

    fn act(&mut self, number: usize, step: &Step) {
        match *step {
            Step::Create(at, whole) => {
                let title = format!("made {number}");
                let mut cells = vec![("title", text(&title))];
                if whole {
                    let tags = match at {
                        At::Notion => tags(&["a"]),
                        At::Local => names(&["b"]),
                    };
                    cells.push(("notes", text(&format!("notes {number}"))));
                    cells.push(("tags", tags));
                }
                let key = self.peer(at).person_creates(&cells);
                self.given.insert((at, key, "title"), title);
            }
            Step::Edit(at, n, field) => self.edit(at, n, field, format!("edit {number}")),
            Step::EditCommon(at, n, field, 0) => self.edit(at, n, field, String::new()),
            Step::EditCommon(at, n, field, value) => self.edit(at, n, field, format!("v{value}")),
            Step::Tag(at, n, bits) => {
                let chosen = ["a", "b", "c", "d"].into_iter().enumerate();
                let chosen: Vec<_> = chosen
                    .filter(|(bit, _)| bits & (1 << bit) != 0)
                    .map(|(_, name)| name)
                    .collect();
                let value = match at {
                    At::Notion => tags(&chosen),
                    At::Local => names(&chosen),
                };
                if let Some(key) = nth(&self.peer(at).live(), n) {
                    self.peer(at).person_sets(&key, "tags", value);
                }
            }
            Step::Trash(at, n, trashed) => {
                if let Some(key) = nth(&self.peer(at).records(), n) {
                    self.peer(at).person_trashes(&key, trashed);
                }
            }
            Step::Wait(seconds) => self.world.clock.advance(Duration::from_secs(seconds)),
            // Without a marker a lost create waits for a person, and nothing here decides it.
            Step::Fault(ref fault) if self.setting.marker => {
                self.world.notion.inject([fault.clone()]);
            }
            Step::Crash(commit, before) if self.setting.marker && !self.setting.remote => {
                let serial = self.world.store.serial() + 1 + commit;
                self.world.store.crash_at(Some(if before {
                    CrashPoint::Before(serial)
                } else {
                    CrashPoint::After(serial)
                }));
            }
            Step::Fault(_) | Step::Crash(..) => {}
            Step::Hide(n, hidden) => {
                if let Some(key) = nth(&self.world.notion.records(), n) {
                    self.world.notion.hide(&key, hidden);
                }
            }
            Step::Cap(records) => self.world.notion.cap(records),
            Step::Lag(seconds) => self.world.notion.lag(Duration::from_secs(seconds)),
            Step::Resolve(n, side) => self.resolve(n, side),
            Step::Map(whole) => {
                let mut fields = self.mapped.clone();
                fields.retain(|field| whole || field.name().as_str() != "notes");
                self.world.spec.mapping.fields = fields;
            }
            Step::Plan => {
                let engine = self.engine();
                let before = self.world.state();
                let _ = block_on(engine.plan(&RunOptions::default()));
                assert!(before == self.world.state(), "a dry run wrote");
            }
            Step::Run => drop(self.run(&RunOptions::default())),
            Step::RunFull => drop(self.run_full()),
            Step::RunCancelled(event) => {
                let cancel = Cancel::default();
                let cancelled = cancel.clone();
                let _ = self.run(&RunOptions {
                    cancel,
                    progress: Some(Arc::new(at_event(event, move || cancelled.cancel()))),
                    ..RunOptions::default()
                });
            }
            Step::RunEdited(n, field, event) => self.run_edited(n, field, event, number),
            Step::RunTrashed(at, n, event) => {
                if let Some(key) = nth(&self.peer(at).live(), n) {
                    let peer = self.peer(at).clone();
                    self.run_with(at_event(event, move || peer.person_trashes(&key, true)));
                }
            }
        }
    }

    /// Only in the peer that shares the store: a remote patch may cross an edit made between the
    /// read before it and the write.
    fn run_edited(&mut self, n: usize, field: &'static str, event: usize, number: usize) {
        let live = self.world.local.live();
        let Some(key) = nth(&live, n).filter(|_| !self.setting.remote) else {
            return;
        };
        let value = format!("during {number}");
        let edited = Arc::new(AtomicBool::new(false));
        let (local, target, new, done) = (
            self.world.local.clone(),
            key.clone(),
            text(&value),
            edited.clone(),
        );
        self.run_with(at_event(event, move || {
            if is_live(&local, &target) {
                local.person_sets(&target, field, new.clone());
                done.store(true, Ordering::SeqCst);
            }
        }));
        if edited.load(Ordering::SeqCst) {
            self.given.insert((At::Local, key, field), value);
        }
    }

    fn resolve(&self, n: usize, side: Side) {
        let engine = self.engine();
        let conflicts = block_on(engine.decisions().conflicts()).unwrap();
        if !conflicts.is_empty() {
            let conflict = &conflicts[n % conflicts.len()];
            let keep = Resolution::Keep(side);
            let decisions = engine.decisions();
            let decided = decisions.resolve(conflict.pair, &conflict.field, keep);
            let _ = block_on(decided);
        }
    }

    /// Mapped values of all live records, whatever the order of tags.
    fn contents(&self, at: At) -> Vec<[String; 3]> {
        let mut rows = self.world.contents(self.peer(at));
        for [_, _, tags] in &mut rows {
            let mut sorted: Vec<_> = tags.split(", ").collect();
            sorted.sort_unstable();
            *tags = sorted.join(", ");
        }
        rows.sort();
        rows
    }

    /// Whether a value is still somewhere: in a record, in the journal or in an open conflict.
    fn is_kept(&self, value: &str) -> bool {
        let value = text(value);
        let in_peer = |peer: &MemoryPeer| {
            let records = peer.records();
            let mut cells = records.iter().flat_map(|record| record.cells.iter());
            cells.any(|(_, cell)| cell.complete() == Some(&value))
        };
        let memory = self.world.store.memory(&self.world.spec.id);
        let in_journal = match memory.read(&Query::Journal(None), None, u32::MAX) {
            Rows::Journal(entries) => entries.iter().any(|entry| {
                entry.before.as_ref() == Some(&value) || entry.after.as_ref() == Some(&value)
            }),
            _ => false,
        };
        let in_conflicts = match memory.read(&Query::Conflicts, None, u32::MAX) {
            Rows::Conflicts(conflicts) => conflicts
                .iter()
                .any(|open| open.values.left == value || open.values.right == value),
            _ => false,
        };
        in_peer(&self.world.notion) || in_peer(&self.world.local) || in_journal || in_conflicts
    }
}

fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig {
        // The default is smaller, unless PROPTEST_CASES asks for more.
        cases: config.cases.max(300),
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..config
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn hostile_histories_come_to_rest_equal_and_keep_every_edit(
        setting in setting(),
        steps in prop::collection::vec(step(), 1..50),
    ) {
        let mut hostile = Hostile::new(setting);
        hostile.play(&steps);
        for _ in 0..12 {
            hostile.run_full().unwrap();
            hostile.world.clock.advance(Duration::from_secs(61));
        }
        let world = &hostile.world;
        world.notion.take_mutations();
        world.local.take_mutations();
        let last = hostile.run_full().unwrap();
        prop_assert_eq!(world.notion.take_mutations(), []);
        prop_assert_eq!(world.local.take_mutations(), []);
        // See `crashes.rs`: a late duplicate is shown, never pulled.
        let late = |r: &&crate::plan::Refusal| r.guard == crate::plan::Guard::LateDuplicate;
        let late = last.refusals.iter().filter(late).count();
        if late > 0 {
            prop_assert_eq!(world.notion.live().len(), world.local.live().len() + late);
            return Ok(());
        }
        prop_assert!(last.is_quiet(), "{last:?}");

        let memory = world.store.memory(&world.spec.id);
        let stuck: Vec<_> = memory.pairs().filter(|pair| pair.dirty).collect();
        prop_assert!(stuck.is_empty(), "{stuck:?}");
        prop_assert_eq!(world.notion.live().len(), world.local.live().len());
        if last.open_conflicts == 0 {
            prop_assert_eq!(hostile.contents(At::Notion), hostile.contents(At::Local));
        }
        for pair in memory.pairs() {
            for settled in pair.base.iter().flat_map(|base| base.fields()) {
                let field = world.spec.mapping.field(&settled.name).unwrap();
                prop_assert!(field.lens.agree(&Default::default(), &settled.values.left, &settled.values.right));
            }
        }
        for ((at, key, field), value) in &hostile.given {
            prop_assert!(
                value.is_empty() || hostile.is_kept(value),
                "{value} of {field} is lost, given at {at:?} to {key:?}"
            );
        }
    }
}

/// The scan goes on behind a record it could not read. Wherever the run that noticed dies, the next
/// one, whose scan does not return the record any more, still knows that it has to be read.
#[test]
fn p8_a_record_that_a_scan_could_not_read_is_read_before_it_is_written() {
    // A scan counts as a look for an hour.
    let policy = Policy {
        precheck: Precheck::IfStale(Duration::from_secs(3_600)),
        ..Policy::default()
    };
    for dies_after in 1..=20 {
        let world = World::with(true, policy.clone());
        let (page, row) = world.settled_pair();
        world.clock.advance(Duration::from_secs(120));
        world.notion.person_sets(&page, "title", text("by hand"));
        world.local.person_sets(&row, "title", text("by program"));
        // No later scan looks back as far as this edit.
        world.clock.advance(Duration::from_secs(600));
        let garbled: Arc<dyn Peer> =
            Arc::new(OddPeer::new(&world.notion, Habit::CannotRead(page.clone())));
        let peers = Sides::new(garbled, Arc::new(world.local.clone()) as Arc<dyn Peer>);
        let point = CrashPoint::After(world.store.serial() + dies_after);
        world.store.crash_at(Some(point));
        let _ = block_on(world.engine_between(peers).run(&RunOptions::default()));
        world.store.crash_at(None);
        world.store.break_lease(&world.spec.id);
        for _ in 0..3 {
            world.clock.advance(Duration::from_secs(120));
            world.run();
        }
        let there = world.notion.value(&page, "title");
        assert_eq!(there, Some(text("by hand")), "died after {dies_after}");
    }
}

/// It is looked up and has not arrived, and before the scan of that run somebody edits the record:
/// what is sent again was decided before anybody saw that.
#[test]
fn p8_a_command_that_is_sent_again_reads_first_what_was_edited_meanwhile() {
    // A scan counts as a look for an hour.
    let policy = Policy {
        precheck: Precheck::IfStale(Duration::from_secs(3_600)),
        ..Policy::default()
    };
    let mut met = 0;
    for dies_after in 1..=10 {
        let world = World::with(true, policy.clone());
        let (page, row) = world.settled_pair();
        world.clock.advance(Duration::from_secs(120));
        world.local.person_sets(&row, "title", text("by program"));
        let point = CrashPoint::After(world.store.serial() + dies_after);
        world.store.crash_at(Some(point));
        let _ = world.try_run();
        world.store.crash_at(None);
        world.store.break_lease(&world.spec.id);
        let edited: Arc<dyn Peer> = Arc::new(OddPeer::new(&world.notion, Habit::IsEditedOnceRead));
        let peers = Sides::new(edited, Arc::new(world.local.clone()) as Arc<dyn Peer>);
        let _ = block_on(world.engine_between(peers).run(&RunOptions::default()));
        let [title, notes] = ["title", "notes"].map(|field| world.notion.value(&page, field));
        if notes == Some(text("by hand")) {
            met += 1;
            assert_eq!(title, notes, "died after {dies_after}");
        }
    }
    assert!(met > 0, "it was looked up");
}
