//! Random histories of people, runs and undos: whatever was taken back, the next runs come to rest,
//! nothing breaks an invariant, and an undo that is undone leads back.

use futures::executor::block_on;

use super::world::{World, names, tags, text};
use crate::engine::{UndoOptions, VerifyOptions};
use crate::port::{Clock, RunId};
use crate::record::{Key, Lifecycle, Record};
use crate::testkit::MemoryPeer;

/// Xorshift: the same seed, the same history.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let at = self.roll(from.len() as u64);
        from[at as usize].clone()
    }
}

pub(super) fn person_acts(world: &World, dice: &mut Dice) {
    let on_notion = dice.roll(2) == 0;
    let peer = if on_notion {
        &world.notion
    } else {
        &world.local
    };
    let records = peer.records();
    let value = format!("v{}", dice.roll(40));
    if records.len() < 4 || dice.roll(12) == 0 && records.len() < 9 {
        peer.person_creates(&[("title", text(&value))]);
        return;
    }
    let key: Key = dice.pick(&records).key;
    match dice.roll(8) {
        0 => peer.person_trashes(&key, true),
        1 => peer.person_trashes(&key, false),
        2 | 3 => {
            let some: Vec<&str> = ["a", "b", "c"]
                .into_iter()
                .filter(|_| dice.roll(2) == 0)
                .collect();
            let set = if on_notion { tags(&some) } else { names(&some) };
            peer.person_sets(&key, "tags", set);
        }
        4 | 5 => peer.person_sets(&key, "notes", text(&value)),
        _ => peer.person_sets(&key, "title", text(&value)),
    }
}

fn written_runs(world: &World) -> Vec<RunId> {
    let memory = world.store.memory(&world.spec.id);
    let written = memory.runs().iter().filter(|run| run.settled > 0);
    written.map(|run| run.id).collect()
}

/// Undoes and tells whether everything was undone.
fn undo(world: &World, run: RunId, keep_source: bool) -> bool {
    let options = UndoOptions {
        keep_source,
        ..UndoOptions::default()
    };
    let undone = block_on(world.engine().undo(run, &options)).unwrap();
    world.clock.advance(std::time::Duration::from_secs(1));
    undone.not_undone.is_empty() && undone.report.refusals.is_empty()
}

/// What people see: where each record stands, and the cells of those that are not in the trash.
fn all(peer: &MemoryPeer) -> Vec<Record> {
    let shown = ["title", "notes", "tags"].map(crate::schema::FieldId::new);
    let mut records = peer.records();
    for record in &mut records {
        record.edited_at = None;
        let is_live = record.lifecycle == Lifecycle::Live;
        let kept = record.cells.iter();
        let kept = kept.filter(|(field, _)| is_live && shown.contains(field));
        record.cells = kept
            .map(|(field, cell)| (field.clone(), cell.clone()))
            .collect();
    }
    records
}

fn check(world: &World, seed: u64, what: &str) {
    let found = block_on(world.engine().verify(&VerifyOptions::default())).unwrap();
    assert!(found.is_total(), "seed {seed} {what}: {found:?}");
    assert_eq!(found.violations(), 0, "seed {seed} {what}: {found:?}");
}

fn come_to_rest(world: &World, seed: u64) {
    world.later(4);
    world.clock.advance(std::time::Duration::from_secs(61));
    let plan = world.plan();
    let moved = plan.items.iter().flat_map(|item| &item.commands);
    let moved: Vec<_> = moved
        .filter(|command| !command.command.projection_only)
        .collect();
    let held_back = !plan.refusals.is_empty();
    assert!(held_back || moved.is_empty(), "seed {seed}: {moved:?}");
    check(world, seed, "at rest");
}

fn lived(seed: u64, events: u64) -> (World, Dice) {
    let world = World::new();
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for n in 0..6 {
        world
            .notion
            .person_creates(&[("title", text(&format!("page {n}")))]);
    }
    world.settle();
    for _ in 0..events {
        match dice.roll(10) {
            0..=5 => person_acts(&world, &mut dice),
            6 | 7 => {
                world.clock.advance(std::time::Duration::from_secs(61));
                world.run_full();
                check(&world, seed, "after a run");
            }
            _ => {
                let runs = written_runs(&world);
                let recent = &runs[runs.len().saturating_sub(4)..];
                let run = dice.pick(recent);
                let keep_source = dice.roll(3) == 0;
                undo(&world, run, keep_source);
                check(&world, seed, "after an undo");
            }
        }
    }
    (world, dice)
}

#[test]
fn histories_with_undos_come_to_rest_and_break_no_invariant() {
    for seed in 1..60 {
        let (world, _) = lived(seed, 40);
        come_to_rest(&world, seed);
    }
}

#[test]
fn p5_after_an_undo_nothing_is_planned_and_its_undo_leads_back() {
    let mut led_back = 0;
    for seed in 1..60 {
        let (world, mut dice) = lived(seed, 25);
        come_to_rest(&world, seed);
        person_acts(&world, &mut dice);
        person_acts(&world, &mut dice);
        world.clock.advance(std::time::Duration::from_secs(61));
        let started = world.clock.now();
        world.run_full();
        come_to_rest(&world, seed);
        let Some(run) = written_runs(&world)
            .into_iter()
            .find(|run| run.0 >= started)
        else {
            continue;
        };
        let before = (all(&world.notion), all(&world.local));
        let keep_source = dice.roll(2) == 0;
        if !undo(&world, run, keep_source) {
            continue;
        }
        come_to_rest(&world, seed);
        let taken_back = (all(&world.notion), all(&world.local));
        world.later(2);
        assert_eq!(
            (all(&world.notion), all(&world.local)),
            taken_back,
            "seed {seed}"
        );
        let undone = written_runs(&world)
            .into_iter()
            .rfind(|undone| *undone > run);
        let Some(undone) = undone.filter(|_| taken_back != before) else {
            continue;
        };
        if undo(&world, undone, false) {
            come_to_rest(&world, seed);
            assert_eq!(
                (all(&world.notion), all(&world.local)),
                before,
                "seed {seed}"
            );
            led_back += 1;
        }
    }
    assert!(led_back > 8, "only {led_back} histories led there and back");
}
