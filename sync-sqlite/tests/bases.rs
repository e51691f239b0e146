//! How bases are stored; that they read back is a law of the store's contract.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::World;
use notion_sync_core::link::Side;
use notion_sync_core::pair::{PairId, SideState};
use notion_sync_core::port::Change;

#[test]
fn the_short_form_is_given_up_only_when_a_shadow_moves_on() {
    let mut world = World::new();
    let (pair, _) = world.pull("one", "3");
    let person = world.person();
    let form = "SELECT base IS NULL, layout IS NULL FROM _sync_pairs";
    assert_eq!(common::rows(&person, form), ["1|0"]);
    let settled = world.pair(pair).base;
    let observe = |world: &World, name| Change::Observe {
        pair: PairId(pair),
        side: Side::Left,
        state: SideState::seen(world.source(pair, name, "3")),
        dirty: true,
    };
    world.commit(vec![observe(&world, "two")], Vec::new());
    assert_eq!(common::rows(&person, form), ["0|1"]);
    assert_eq!(world.pair(pair).base, settled);
    world.commit(vec![observe(&world, "one")], Vec::new());
    assert_eq!(common::rows(&person, form), ["0|1"]);
    let base = settled.clone().unwrap();
    world.commit(
        vec![Change::Settle {
            pair: PairId(pair),
            base,
        }],
        Vec::new(),
    );
    assert_eq!(common::rows(&person, form), ["1|0"]);
    assert_eq!(world.pair(pair).base, settled);
}
