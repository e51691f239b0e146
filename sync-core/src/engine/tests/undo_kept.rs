//! What an undo of one side leaves where it is.

use super::world::{World, names, tags, text};
use crate::link::{Filter, Leave, Side};
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

#[test]
fn a_merge_taken_back_with_its_sources_leaves_on_each_side_what_was_written_there() {
    let world = World::new();
    let page = world
        .notion
        .person_creates(&[("title", text("x")), ("tags", tags(&["a"]))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world.notion.person_sets(&page, "tags", tags(&["a", "b"]));
    world.local.person_sets(&row, "tags", names(&["c"]));
    world.settle();
    let shown = || {
        let left = world.notion.value(&page, "tags").unwrap().display();
        (left, world.local.value(&row, "tags").unwrap().display())
    };
    let of = |left: &str, right: &str| (left.to_owned(), right.to_owned());
    assert_eq!(shown(), of("b, c", "b, c"));
    assert_eq!(world.undo(world.last_change(), true).not_undone, []);
    assert_eq!(shown(), of("a, b", "c"));
    world.assert_still();
    assert_eq!(shown(), of("a, b", "c"));

    // That can be taken back too; and an edit is merged with both.
    world.undo(world.last_change(), false);
    assert_eq!(shown(), of("b, c", "b, c"));
    world.undo(world.last_change(), true);
    world.assert_still();
    assert_eq!(shown(), of("a, b", "c"));
    world
        .notion
        .person_sets(&page, "tags", tags(&["a", "b", "d"]));
    world.settle();
    assert_eq!(shown(), of("b, d, c", "b, d, c"));
}
