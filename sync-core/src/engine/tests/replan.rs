//! P13: planning the pairs that are marked finds what planning every pair finds, over whatever a
//! history has left in the store.

use futures::executor::block_on;

use super::undo_histories::{Dice, person_acts};
use super::world::World;
use crate::engine::{Replan, RunOptions};
use crate::link::{Lens, Policy};
use crate::plan::Plan;
use crate::testkit::{CrashPoint, Fault};

impl World {
    fn replan(&self, which: Replan) -> Plan {
        let engine = self.engine();
        block_on(engine.replan(which, &RunOptions::default())).unwrap()
    }

    /// What was found.
    fn assert_marked_equals_everything(&self, when: &str) -> Plan {
        let state = self.state();
        let (marked, all) = (self.replan(Replan::Marked), self.replan(Replan::Everything));
        assert_eq!(marked.items, all.items, "{when}");
        assert_eq!(marked.refusals, all.refusals, "{when}");
        let mut counts = marked.counts;
        // How many are looked at is all there may be between them.
        assert!(counts.looked_at <= all.counts.looked_at, "{when}");
        counts.looked_at = all.counts.looked_at;
        assert_eq!(counts, all.counts, "{when}");
        // A conflict that is open is found again by whoever looks.
        for conflict in &marked.conflicts {
            assert!(all.conflicts.contains(conflict), "{when}");
        }
        for conflict in &all.conflicts {
            let open = self.open_conflict(conflict.pair, &conflict.field);
            let known = open.is_some_and(|open| open.values == conflict.values);
            assert!(known || marked.conflicts.contains(conflict), "{when}");
        }
        assert_eq!(self.state(), state, "nothing is written");
        marked
    }

    fn open_conflict(
        &self,
        pair: crate::pair::PairId,
        field: &crate::schema::FieldId,
    ) -> Option<crate::conflict::Conflict> {
        let engine = self.engine();
        let conflicts = block_on(engine.decisions().conflicts()).unwrap();
        conflicts
            .into_iter()
            .find(|open| open.pair == pair && open.field == *field)
    }
}

#[test]
fn p13_planning_what_is_marked_finds_what_planning_everything_finds() {
    let mut found = 0;
    for seed in 1..=60 {
        let mut dice = Dice(seed << 20 | 0x9e37);
        let world = World::with(seed % 3 > 0, Policy::default());
        world.settled_pair();
        for step in 0..12 {
            for _ in 0..=dice.roll(3) {
                person_acts(&world, &mut dice);
            }
            match dice.roll(5) {
                0 => {
                    let at = world.store.serial() + 1 + dice.roll(12);
                    world.store.crash_at(Some(CrashPoint::After(at)));
                }
                1 => world.notion.inject([Fault::LoseAnswer, Fault::Reject]),
                2 => world.notion.inject([Fault::LoseRequest]),
                _ => {}
            }
            let _ = world.try_run();
            world.store.crash_at(None);
            world.store.break_lease(&world.spec.id);
            world.clock.advance(std::time::Duration::from_secs(7));
            let when = format!("seed {seed}, step {step}");
            found += u32::from(!world.assert_marked_equals_everything(&when).is_empty());
        }
    }
    assert!(found > 100, "plans that hold something: {found}");
}

/// What makes every pair worth a look marks every pair.
#[test]
fn p13_a_new_mapping_marks_everything() {
    let mut world = World::new();
    world.settled_pair();
    let title = &mut world.spec.mapping.fields[0];
    title.lens = Lens::Projection {
        from: crate::link::Side::Left,
    };
    let plan = world.assert_marked_equals_everything("a new lens");
    assert_eq!((plan.counts.looked_at, plan.counts.settle), (10, 10));
}
