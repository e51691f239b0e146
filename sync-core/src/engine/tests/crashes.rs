//! Crashes: at every commit of a busy history, before and after it took hold, and at random.

use std::time::Duration;

use futures::executor::block_on;
use proptest::prelude::*;

use super::world::{World, is_live, names, tags, text};
use crate::engine::RunOptions;
use crate::link::{Policy, Side};
use crate::record::Key;
use crate::testkit::{CrashPoint, Fault, MemoryStore};

/// A history that uses every kind of command, with two lost answers; in a store that carries out
/// commands to this side itself, or in one of its own.
fn busy(colocated: bool) -> World {
    let mut world = World::new();
    if !colocated {
        world.store = MemoryStore::default();
    }
    let pages: Vec<Key> = (0..8)
        .map(|n| {
            world
                .notion
                .person_creates(&[("title", text(&format!("page {n}")))])
        })
        .collect();
    world.settle();
    let rows: Vec<Key> = pages
        .iter()
        .map(|page| world.partner(Side::Left, page))
        .collect();
    // Edited and put into the trash there in one go: its restore here writes to both sides.
    world.notion.person_sets(&pages[4], "notes", text("unseen"));
    world.notion.person_trashes(&pages[4], true);
    world.settle();
    world.local.person_trashes(&rows[4], false);
    world
        .local
        .person_creates(&[("title", text("made here 1")), ("tags", names(&["a"]))]);
    world
        .local
        .person_creates(&[("title", text("made here 2"))]);
    if colocated {
        // Elsewhere a create whose answer is lost waits for a person: this side has no marker field.
        world
            .notion
            .person_creates(&[("title", text("made there"))]);
    }
    world
        .local
        .person_sets(&rows[0], "notes", text("from here"));
    world
        .notion
        .person_sets(&pages[0], "title", text("from there"));
    world.notion.person_sets(&pages[1], "tags", tags(&["b"]));
    world.local.person_sets(&rows[1], "tags", names(&["c"]));
    // Edited alike on both sides and put into the trash there: the edit here brings it back.
    world.notion.person_sets(&pages[5], "notes", text("alike"));
    world.notion.person_trashes(&pages[5], true);
    world.local.person_sets(&rows[5], "notes", text("alike"));
    world.local.person_trashes(&rows[2], true);
    world.notion.person_trashes(&pages[3], true);
    world
        .notion
        .inject([Fault::LoseAnswer, Fault::None, Fault::LoseRequest]);
    world
}

fn finish(world: &World) {
    for _ in 0..6 {
        // A crashed process gives nothing back: the lease dies with it.
        world.store.break_lease(&world.spec.id);
        let _ = world.try_run();
        world.clock.advance(Duration::from_secs(1));
    }
    let last = world.run();
    assert!(last.is_quiet(), "{last:?}");
    world.assert_equal();
}

#[test]
fn e6_a_crash_at_any_commit_recovers_to_the_outcome_of_a_run_without() {
    for colocated in [true, false] {
        crash_at_every_commit(colocated);
    }
}

fn crash_at_every_commit(colocated: bool) {
    let calm = busy(colocated);
    let first = calm.store.serial() + 1;
    finish(&calm);
    let last = calm.store.serial();
    assert!(last - first > 20, "the history is busy: {}", last - first);
    for serial in first..=last {
        for point in [CrashPoint::Before(serial), CrashPoint::After(serial)] {
            let world = busy(colocated);
            world.store.crash_at(Some(point));
            let _ = world.try_run();
            finish(&world);
            assert_eq!(
                world.contents(&world.notion),
                calm.contents(&calm.notion),
                "{point:?}"
            );
            assert_eq!(
                world.notion.records().len(),
                calm.notion.records().len(),
                "a duplicate after {point:?}"
            );
        }
    }
}

/// The scan is written down, its cursor with it, and what it did not show was not looked up yet.
#[test]
fn a_crash_after_a_whole_scan_does_not_forget_what_was_missing_in_it() {
    let policy = Policy {
        sweep_below_requests: 0,
        ..Policy::default()
    };
    let options = RunOptions {
        full: true,
        ..RunOptions::default()
    };
    // The first commit is the other side's scan: before it, nothing of the whole scan was done.
    for commit in 2..=5 {
        let world = World::with(true, policy.clone());
        let (page, row) = world.settled_pair();
        world.clock.advance(Duration::from_secs(120));
        world.run();
        world.notion.person_trashes(&page, true);
        world.clock.advance(Duration::from_secs(120));
        let at = world.store.serial() + commit;
        world.store.crash_at(Some(CrashPoint::After(at)));
        let _ = block_on(world.engine().run(&options));
        world.store.crash_at(None);
        world.store.break_lease(&world.spec.id);
        for _ in 0..5 {
            world.clock.advance(Duration::from_secs(600));
            world.run();
        }
        assert!(!is_live(&world.local, &row), "after commit {commit}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    CreateThere,
    CreateHere,
    EditThere(usize, usize, u8),
    EditHere(usize, usize, u8),
    TrashThere(usize, bool),
    TrashHere(usize, bool),
    Wait(u64),
    Fault(u8),
    Crash(u64, bool),
    Run,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::CreateThere),
        2 => Just(Step::CreateHere),
        4 => (0..9_usize, 0..2_usize, 0..4_u8).prop_map(|(r, f, v)| Step::EditThere(r, f, v)),
        4 => (0..9_usize, 0..2_usize, 0..4_u8).prop_map(|(r, f, v)| Step::EditHere(r, f, v)),
        1 => (0..9_usize, any::<bool>()).prop_map(|(r, t)| Step::TrashThere(r, t)),
        1 => (0..9_usize, any::<bool>()).prop_map(|(r, t)| Step::TrashHere(r, t)),
        2 => (1..200_u64).prop_map(Step::Wait),
        2 => (0..3_u8).prop_map(Step::Fault),
        1 => (0..12_u64, any::<bool>()).prop_map(|(at, before)| Step::Crash(at, before)),
        4 => Just(Step::Run),
    ]
}

fn play(world: &World, steps: &[Step]) {
    let nth = |records: &[crate::record::Record], n: usize| {
        (!records.is_empty()).then(|| records[n % records.len()].key.clone())
    };
    let field = |f: usize| ["title", "notes"][f];
    let mut unique = 0;
    for step in steps {
        unique += 1;
        match step {
            Step::CreateThere => {
                world
                    .notion
                    .person_creates(&[("title", text(&format!("there {unique}")))]);
            }
            Step::CreateHere => {
                world
                    .local
                    .person_creates(&[("title", text(&format!("here {unique}")))]);
            }
            Step::EditThere(r, f, v) => {
                if let Some(key) = nth(&world.notion.live(), *r) {
                    world
                        .notion
                        .person_sets(&key, field(*f), text(&format!("v{v}")));
                }
            }
            Step::EditHere(r, f, v) => {
                if let Some(key) = nth(&world.local.live(), *r) {
                    world
                        .local
                        .person_sets(&key, field(*f), text(&format!("v{v}")));
                }
            }
            Step::TrashThere(r, trashed) => {
                if let Some(key) = nth(&world.notion.records(), *r) {
                    world.notion.person_trashes(&key, *trashed);
                }
            }
            Step::TrashHere(r, trashed) => {
                if let Some(key) = nth(&world.local.records(), *r) {
                    world.local.person_trashes(&key, *trashed);
                }
            }
            Step::Wait(seconds) => world.clock.advance(Duration::from_secs(*seconds)),
            Step::Fault(kind) => {
                world
                    .notion
                    .inject([[Fault::LoseAnswer, Fault::LoseRequest, Fault::None]
                        [usize::from(*kind)]
                    .clone()])
            }
            Step::Crash(at, before) => {
                let serial = world.store.serial() + 1 + at;
                let point = if *before {
                    CrashPoint::Before(serial)
                } else {
                    CrashPoint::After(serial)
                };
                world.store.crash_at(Some(point));
            }
            Step::Run => {
                world.store.break_lease(&world.spec.id);
                let _ = world.try_run();
            }
        }
    }
    world.store.crash_at(None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// E2, E8: when faults and edits stop, both sides agree but for open conflicts, and nothing
    /// was made twice.
    #[test]
    fn e8_random_histories_converge_without_duplicates(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        use crate::plan::Guard;
        let mut world = World::new();
        world.spec.policy.max_delete.approved = Some(1000);
        play(&world, &steps);
        world.store.break_lease(&world.spec.id);
        for _ in 0..12 {
            world.run();
            world.clock.advance(Duration::from_secs(61));
        }
        let last = world.run_full();
        // A page that a lost create made, trashed before it was looked up and restored after the
        // create was sent again, stands beside its repetition: shown, never pulled.
        let late = last.refusals.iter().filter(|r| r.guard == Guard::LateDuplicate).count();
        prop_assert_eq!(world.notion.live().len(), world.local.live().len() + late);
        if late > 0 {
            return Ok(());
        }
        prop_assert!(last.is_quiet(), "{last:?}");
        if last.open_conflicts == 0 {
            prop_assert_eq!(world.contents(&world.notion), world.contents(&world.local));
        }
        let memory = world.store.memory(&world.spec.id);
        for pair in memory.pairs() {
            // P15: every stored base agrees through its lens.
            for settled in pair.base.iter().flat_map(|base| base.fields()) {
                let field = world.spec.mapping.field(&settled.name).unwrap();
                prop_assert!(field.lens.agree(&Default::default(), &settled.values.left, &settled.values.right));
            }
        }
    }
}
