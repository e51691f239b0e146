//! The same field on both sides: kept, shown once, settled by a person's word.

use futures::executor::block_on;

use super::world::{World, text};
use crate::conflict::Resolution;
use crate::link::Side;

#[test]
fn pain_12_both_values_are_kept_until_a_person_decides() {
    for keep in Side::BOTH {
        let world = World::new();
        let page = world.notion.person_creates(&[("title", text("a"))]);
        world.settle();
        let row = world.partner(Side::Left, &page);
        world.local.person_sets(&row, "title", text("from SQLite"));
        world
            .notion
            .person_sets(&page, "title", text("from Notion"));
        let report = world.run();
        assert_eq!(report.open_conflicts, 1);
        assert_eq!(
            world.run().open_conflicts,
            1,
            "a later run does not repeat it"
        );
        assert_eq!(world.local.value(&row, "title"), Some(text("from SQLite")));
        assert_eq!(
            world.notion.value(&page, "title"),
            Some(text("from Notion"))
        );

        // Other fields of the row go on meanwhile.
        world.local.person_sets(&row, "notes", text("beside"));
        world.run();
        assert_eq!(world.notion.value(&page, "notes"), Some(text("beside")));

        let engine = world.engine();
        let conflicts = block_on(engine.decisions().conflicts()).unwrap();
        assert_eq!(conflicts.len(), 1);
        let conflict = &conflicts[0];
        assert_eq!(conflict.values.left, text("from Notion"));
        assert_eq!(conflict.values.right, text("from SQLite"));
        assert_eq!(conflict.base.as_ref().unwrap().left, text("a"));
        block_on(engine.decisions().resolve(
            conflict.pair,
            &conflict.field,
            Resolution::Keep(keep),
        ))
        .unwrap();
        let report = world.settle();
        assert_eq!(report.open_conflicts, 0);
        world.assert_equal();
        let kept = if keep == Side::Left {
            "from Notion"
        } else {
            "from SQLite"
        };
        assert_eq!(world.local.value(&row, "title"), Some(text(kept)));
        // The value that lost is in the journal.
        let lost = if keep == Side::Left {
            "from SQLite"
        } else {
            "from Notion"
        };
        let memory = world.store.memory(&world.spec.id);
        let journal = memory.read(&crate::port::Query::Journal(None), None, 100);
        assert!(format!("{journal:?}").contains(lost));
    }
}

#[test]
fn a_conflict_closes_by_itself_when_the_sides_agree() {
    let world = World::new();
    let page = world.notion.person_creates(&[("title", text("a"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world.local.person_sets(&row, "title", text("x"));
    world.notion.person_sets(&page, "title", text("y"));
    assert_eq!(world.run().open_conflicts, 1);
    world.local.person_sets(&row, "title", text("y"));
    assert_eq!(world.settle().open_conflicts, 0);
}

#[test]
fn a_later_edit_updates_the_open_conflict_in_place() {
    let world = World::new();
    let page = world.notion.person_creates(&[("title", text("a"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world.local.person_sets(&row, "title", text("x"));
    world.notion.person_sets(&page, "title", text("y"));
    world.run();
    world.notion.person_sets(&page, "title", text("z"));
    assert_eq!(world.run().open_conflicts, 1);
    let conflicts = block_on(world.engine().decisions().conflicts()).unwrap();
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].values.left, text("z"));
}

#[test]
fn the_same_edit_on_both_sides_is_no_conflict_and_no_write() {
    let world = World::new();
    let page = world.notion.person_creates(&[("title", text("a"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world.local.person_sets(&row, "title", text("b"));
    world.notion.person_sets(&page, "title", text("b"));
    let report = world.settle();
    assert_eq!(report.open_conflicts, 0);
    assert!(report.is_quiet());
}

#[test]
fn an_edit_made_after_the_decision_is_not_overwritten_by_it() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "title", text("l"));
    world.local.person_sets(&row, "title", text("r"));
    world.run();
    let engine = world.engine();
    let conflict = block_on(engine.decisions().conflicts()).unwrap().remove(0);
    let keep = Resolution::Keep(Side::Left);
    block_on(
        engine
            .decisions()
            .resolve(conflict.pair, &conflict.field, keep),
    )
    .unwrap();
    world.local.person_sets(&row, "title", text("r again"));
    world.run();
    assert_eq!(world.local.value(&row, "title"), Some(text("r again")));
}

#[test]
fn a_conflict_closes_when_both_sides_delete_the_record() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "title", text("l"));
    world.local.person_sets(&row, "title", text("r"));
    assert_eq!(world.run().open_conflicts, 1);
    world.notion.person_trashes(&page, true);
    world.local.person_trashes(&row, true);
    world.later(2);
    assert_eq!(world.run_full().open_conflicts, 0);
    assert_eq!(world.notion.live().len(), 9);
    assert_eq!(world.local.live().len(), 9);
}
