//! A side that keeps no trash loses a record only where the policy lets it.

use futures::executor::block_on;

use super::world::{World, is_live, text};
use crate::link::{Side, Sides};
use crate::pair::{Presence, RecordState};
use crate::plan::{Guard, WhyNot};
use crate::port::{Call, Cancel, Capabilities, DeleteKind, Peer};
use crate::schema::FieldId;
use crate::testkit::{MemoryPeer, MemoryStore};

/// A world whose table keeps no trash: what is deleted there is gone.
fn without_trash(delete: DeleteKind) -> World {
    let mut world = World::new();
    let described = block_on(world.local.describe(&Call::new(&Cancel::default()))).unwrap();
    let can = Capabilities {
        delete,
        ..Capabilities::local()
    };
    world.local = MemoryPeer::new("sqlite", described.schema, can, world.clock.clone());
    world.store = MemoryStore::colocated_with(world.local.clone());
    world
}

#[test]
fn a_delete_for_good_is_refused_with_what_helps_until_the_policy_lets_it() {
    let mut world = without_trash(DeleteKind::Hard);
    let (page, row) = world.settled_pair();
    world.notion.person_trashes(&page, true);
    for _ in 0..2 {
        let report = world.run();
        assert_eq!(report.refusals.len(), 1, "{report:?}");
        let refusal = &report.refusals[0];
        assert_eq!(refusal.guard, Guard::HardDelete);
        assert!(refusal.reason.contains("SQLite keeps no trash"));
        assert!(refusal.guard.remedy().contains("hard_deletes"));
        assert!(is_live(&world.local, &row), "nothing is lost meanwhile");
        let standing = world.standing(Side::Right, &row);
        assert_eq!(standing, Some(RecordState::Blocked));
    }
    world.spec.policy.hard_deletes = true;
    world.local.take_mutations();
    let report = world.settle();
    assert_eq!(report.settled.right.trashed, 1, "{report:?}");
    assert_eq!(world.local.records().len(), 9, "gone for good");
    // What it held is remembered as long as the pair is.
    let pair = world.pair_of(&page);
    assert!(matches!(pair.sides.right.presence, Presence::Deleted(_)));
    let shadow = pair.sides.right.shadow.as_ref().unwrap();
    let title = shadow.cells.complete(&FieldId::new("title"));
    assert_eq!(title, Some(&text("a")));
    // And made again from what is in the trash, where somebody takes it out.
    world.notion.person_trashes(&page, false);
    world.settle();
    world.assert_equal();
    assert_eq!(world.local.live().len(), 10);
}

#[test]
fn a_refused_delete_is_over_when_the_record_is_back_or_deleted_by_a_person() {
    for back in [true, false] {
        let world = without_trash(DeleteKind::Hard);
        let (page, row) = world.settled_pair();
        world.notion.person_trashes(&page, true);
        assert_eq!(world.run().refusals.len(), 1);
        match back {
            true => world.notion.person_trashes(&page, false),
            false => world.local.person_erases(&row),
        }
        let report = world.settle();
        assert!(report.refusals.is_empty(), "{report:?}");
        assert_eq!(is_live(&world.local, &row), back);
        world.assert_equal();
    }
}

#[test]
fn an_undo_of_a_create_leaves_the_record_where_it_could_not_come_back_from() {
    let world = without_trash(DeleteKind::Hard);
    world.settled_pair();
    world.notion.person_creates(&[("title", text("new"))]);
    world.run();
    let undone = world.undo(world.last_change(), false);
    assert_eq!(undone.not_undone.len(), 1, "{undone:?}");
    assert_eq!(undone.not_undone[0].why, WhyNot::NoTrash);
    assert_eq!(undone.not_undone[0].side, Some(Side::Right));
    assert_eq!(world.local.live().len(), 11);
    assert_eq!(undone.report.settled, Sides::default());
}

#[test]
fn the_other_way_round_nothing_is_asked_for_a_trash() {
    let world = without_trash(DeleteKind::Hard);
    let (page, row) = world.settled_pair();
    world.local.person_erases(&row);
    let report = world.settle();
    assert_eq!(report.settled.left.trashed, 1, "{report:?}");
    assert!(!is_live(&world.notion, &page));
}

#[test]
fn a_side_that_deletes_nothing_says_so_once() {
    let world = without_trash(DeleteKind::None);
    let (page, row) = world.settled_pair();
    world.notion.person_trashes(&page, true);
    for _ in 0..2 {
        let report = world.run();
        let reasons: Vec<&str> = report
            .refusals
            .iter()
            .map(|refusal| refusal.reason.as_str())
            .collect();
        assert_eq!(reasons.len(), 1, "{report:?}");
        assert!(
            reasons[0].contains("nothing is deleted here"),
            "{reasons:?}"
        );
    }
    assert!(is_live(&world.local, &row));
}
