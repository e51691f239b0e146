//! The same field on both sides: kept, shown once, settled by a person's word.

use std::time::Duration;

use futures::executor::block_on;

use super::world::{World, is_live, text};
use crate::conflict::Resolution;
use crate::link::{MappedField, Policy, Resurrect, Side, Sides};
use crate::record::Key;
use crate::testkit::CrashPoint;

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

/// Decides the only open conflict.
fn decide(world: &World, resolution: Resolution) {
    let engine = world.engine();
    let decisions = engine.decisions();
    let conflict = block_on(decisions.conflicts()).unwrap().remove(0);
    block_on(decisions.resolve(conflict.pair, &conflict.field, resolution)).unwrap();
}

#[test]
fn a_person_can_give_both_sides_a_third_value() {
    for (crash, side) in [(false, Side::Left), (true, Side::Left), (true, Side::Right)] {
        let world = World::new();
        let (page, row) = world.settled_pair();
        world.notion.person_sets(&page, "title", text("l"));
        world.local.person_sets(&row, "title", text("r"));
        world.run();
        let value = text("both");
        decide(&world, Resolution::Write { side, value });
        if crash {
            // Between the two halves: one side holds the value, the other does not.
            let at = world.store.serial() + 2;
            world.store.crash_at(Some(CrashPoint::After(at)));
            assert!(world.try_run().is_err());
            world.store.break_lease(&world.spec.id);
        }
        world.clock.advance(Duration::from_secs(120));
        world.run();
        assert_eq!(world.settle().open_conflicts, 0, "{crash} {side:?}");
        assert_eq!(world.notion.value(&page, "title"), Some(text("both")));
        assert_eq!(world.local.value(&row, "title"), Some(text("both")));
    }
}

#[test]
fn a_third_value_does_not_cover_an_edit_made_after_the_decision() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "title", text("l"));
    world.local.person_sets(&row, "title", text("r"));
    world.run();
    let (side, value) = (Side::Left, text("both"));
    decide(&world, Resolution::Write { side, value });
    world.local.person_sets(&row, "title", text("r again"));
    assert_eq!(world.run().open_conflicts, 1);
    assert_eq!(world.local.value(&row, "title"), Some(text("r again")));
    assert_eq!(world.notion.value(&page, "title"), Some(text("l")));
}

/// Deleted on one side, edited on the other, and the policy is to ask.
fn asked(deleted: Side) -> (World, Key, Key) {
    let world = World::with(
        true,
        Policy {
            resurrect: Resurrect::Ask,
            ..Policy::default()
        },
    );
    let (page, row) = world.settled_pair();
    match deleted {
        Side::Left => {
            world.notion.person_trashes(&page, true);
            world.local.person_sets(&row, "notes", text("edited"));
        }
        Side::Right => {
            world.local.person_trashes(&row, true);
            world.notion.person_sets(&page, "notes", text("edited"));
        }
    }
    world.clock.advance(Duration::from_secs(7200));
    let report = world.run_full();
    assert_eq!(report.open_conflicts, 1, "{report:?}");
    let held = (is_live(&world.notion, &page), is_live(&world.local, &row));
    assert_eq!(held, (deleted != Side::Left, deleted != Side::Right));
    (world, page, row)
}

#[test]
fn defect_13_a_lifecycle_conflict_settles_whichever_side_is_kept() {
    for deleted in Side::BOTH {
        for keep in Side::BOTH {
            let (world, page, row) = asked(deleted);
            decide(&world, Resolution::Keep(keep));
            world.later(2);
            assert_eq!(world.settle().open_conflicts, 0, "{deleted:?} {keep:?}");
            let live = keep != deleted;
            assert_eq!(is_live(&world.notion, &page), live, "{deleted:?} {keep:?}");
            assert_eq!(is_live(&world.local, &row), live, "{deleted:?} {keep:?}");
            if live {
                let notes = world.notion.value(&page, "notes");
                assert_eq!(notes, Some(text("edited")));
                world.assert_equal();
            }
            assert_eq!(world.standing(Side::Left, &page), None);
        }
    }
}

#[test]
fn a_word_for_the_delete_does_not_cover_a_later_edit() {
    let (world, page, row) = asked(Side::Left);
    decide(&world, Resolution::Keep(Side::Left));
    world.local.person_sets(&row, "notes", text("edited again"));
    world.later(2);
    assert!(is_live(&world.local, &row), "nobody saw that edit");
    assert_eq!(world.settle().open_conflicts, 1);
    world.notion.person_trashes(&page, false);
    world.later(2);
    assert_eq!(world.settle().open_conflicts, 0, "restored: nothing to ask");
    assert_eq!(
        world.notion.value(&page, "notes"),
        Some(text("edited again"))
    );
}

/// The owner of a field said that edits of different words may be merged.
fn merging(world: &mut World) {
    for field in &mut world.spec.mapping.fields {
        field.merge_text = field.name().as_str() == "notes";
    }
}

#[test]
fn pain_12_edits_of_different_words_of_one_text_are_merged_where_the_owner_said_so() {
    let mut world = World::new();
    merging(&mut world);
    let (page, row) = world.settled_pair();
    world
        .notion
        .person_sets(&page, "notes", text("buy milk, call Ada"));
    world.settle();
    world
        .notion
        .person_sets(&page, "notes", text("buy bread, call Ada"));
    world
        .local
        .person_sets(&row, "notes", text("buy milk, call Eve"));
    let report = world.settle();
    assert_eq!(report.open_conflicts, 0, "{report:?}");
    let merged = Some(text("buy bread, call Eve"));
    assert_eq!(world.notion.value(&page, "notes"), merged);
    assert_eq!(world.local.value(&row, "notes"), merged);

    // Taken back, both edits are gone and the text is as it was agreed on.
    world.undo(world.last_change(), false);
    let before = Some(text("buy milk, call Ada"));
    assert_eq!(world.notion.value(&page, "notes"), before);
    assert_eq!(world.local.value(&row, "notes"), before);
    world.assert_still();
}

#[test]
fn pain_12_edits_of_the_same_words_stay_a_conflict_with_their_base() {
    let mut world = World::new();
    merging(&mut world);
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "notes", text("buy milk"));
    world.settle();
    world.notion.person_sets(&page, "notes", text("buy bread"));
    world.local.person_sets(&row, "notes", text("buy wine"));
    assert_eq!(world.settle().open_conflicts, 1);
    let conflicts = block_on(world.engine().decisions().conflicts()).unwrap();
    let base = Sides::new(text("buy milk"), text("buy milk"));
    assert_eq!(conflicts[0].base, Some(base));
    assert_eq!(world.notion.value(&page, "notes"), Some(text("buy bread")));
    assert_eq!(world.local.value(&row, "notes"), Some(text("buy wine")));
}

#[test]
fn e15_a_mapping_that_merges_no_text_is_stored_as_before_and_what_was_settled_stays_settled() {
    let mut world = World::new();
    let json = serde_json::to_string(&world.spec.mapping).unwrap();
    assert!(!json.contains("merge_text"));
    let tags = |world: &World| -> Vec<u64> {
        let fields = world.spec.mapping.fields.iter();
        fields.map(MappedField::tag).collect()
    };
    let (before, settled) = (world.spec.mapping.digest(), tags(&world));
    merging(&mut world);
    assert_ne!(world.spec.mapping.digest(), before, "planned again");
    assert_eq!(tags(&world), settled);
}
