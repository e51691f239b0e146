//! What an undo of one side leaves where it is.

use super::world::{World, text};
use crate::link::{Filter, Leave};
use crate::schema::FieldId;

#[test]
fn r12_what_was_taken_back_on_the_other_side_only_is_not_emptied() {
    let mut world = World::new();
    let gone = Filter::equals(FieldId::new("title"), text("gone"));
    world.spec.filters.right = Some(Filter::Not(Box::new(gone)));
    world.spec.policy.on_leave = Leave::Clear;
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "notes", text("mine"));
    world.settle();
    world.undo(world.last_change(), true);
    assert!(world.local.value(&row, "notes").unwrap().is_empty());
    world.local.person_sets(&row, "title", text("gone"));
    world.later(1);
    assert!(world.notion.value(&page, "title").unwrap().is_empty());
    assert_eq!(world.notion.value(&page, "notes"), Some(text("mine")));
}
