//! Two records that were found to be one before anything was settled: the rows of the table whose
//! base is absent.

use std::time::Duration;

use futures::executor::block_on;

use super::world::{World, is_live, text};
use crate::conflict::Resolution;
use crate::link::{Policy, Resurrect, Side};
use crate::record::{Key, Record};
use crate::schema::FieldId;
use crate::testkit::Fault;

/// Joined by a person's word, then trashed on one side before any run: nothing was ever agreed on,
/// so the delete says nothing about what the other side holds (rule R06).
#[test]
fn p4_a_record_that_was_never_settled_outlives_a_delete_on_the_other_side() {
    for trashed in Side::BOTH {
        let (world, page, row) = joined_unsettled(Policy::default());
        match trashed {
            Side::Left => world.notion.person_trashes(&page, true),
            Side::Right => world.local.person_trashes(&row, true),
        }
        world.later(2);
        assert!(is_live(&world.notion, &page), "{trashed:?}");
        assert!(is_live(&world.local, &row), "{trashed:?}");
        world.assert_equal();
        assert_eq!(world.standing(Side::Left, &page), None);
    }
}

#[test]
fn a_person_may_decide_that_a_record_never_settled_follows_its_counterpart_into_the_trash() {
    let policy = Policy {
        resurrect: Resurrect::Ask,
        ..Policy::default()
    };
    let (world, page, row) = joined_unsettled(policy);
    world.notion.person_trashes(&page, true);
    world.later(2);
    assert!(!is_live(&world.notion, &page), "asked, not brought back");
    assert!(is_live(&world.local, &row));
    let engine = world.engine();
    let decisions = engine.decisions();
    let conflict = block_on(decisions.conflicts()).unwrap().remove(0);
    assert!(conflict.is_about_life());
    let keep = Resolution::Keep(Side::Left);
    block_on(decisions.resolve(conflict.pair, &conflict.field, keep)).unwrap();
    world.later(2);
    assert!(!is_live(&world.local, &row));
    assert_eq!(block_on(decisions.conflicts()).unwrap(), []);
}

#[test]
fn a_run_that_brought_back_a_record_never_settled_is_undone() {
    let (world, page, row) = joined_unsettled(Policy::default());
    world.notion.person_trashes(&page, true);
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(world.run().settled.left.untrashed, 1);
    world.undo(world.last_change(), false);
    assert!(!is_live(&world.notion, &page));
    assert!(is_live(&world.local, &row), "its source stays");
    world.later(2);
    assert!(!is_live(&world.notion, &page), "and is not made again");
}

/// A row and the page that a lost create made of it, named by a person; no run has looked since.
fn joined_unsettled(policy: Policy) -> (World, Key, Key) {
    let world = World::with(false, policy);
    for n in 0..9 {
        world
            .notion
            .person_creates(&[("title", text(&format!("other {n}")))]);
    }
    world.settle();
    let row = world.local.person_creates(&[("title", text("mine"))]);
    world.notion.inject([Fault::LoseAnswer]);
    world.run();
    let engine = world.engine();
    let decisions = engine.decisions();
    let intent = block_on(decisions.outbox()).unwrap().remove(0);
    let is_made =
        |record: &Record| record.cells.complete(&FieldId::new("title")) == Some(&text("mine"));
    let page = world.notion.live().into_iter().find(is_made).unwrap().key;
    world.later(1);
    block_on(decisions.declare_created(intent.id, &page)).unwrap();
    (world, page, row)
}
