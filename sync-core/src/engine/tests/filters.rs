//! Records that pass a link's filter, and those that enter and leave it.

use std::time::Duration;

use futures::executor::block_on;

use super::world::{World, is_live, text};
use crate::engine::{Report, RunOptions};
use crate::link::{Filter, Leave, Policy, Side};
use crate::pair::RecordState;
use crate::plan::Guard;
use crate::record::Key;
use crate::schema::FieldId;

/// Ten pages, of which the even ones are public. Only those belong to the link.
fn filtered(on_leave: Leave) -> (World, Vec<Key>) {
    let policy = Policy {
        on_leave,
        ..Policy::default()
    };
    let mut world = World::with(true, policy);
    world.spec.filters.left = Some(notes_are("public"));
    let page = |n: usize| {
        let title = text(&format!("page {n}"));
        let notes = text(if n.is_multiple_of(2) {
            "public"
        } else {
            "private"
        });
        world
            .notion
            .person_creates(&[("title", title), ("notes", notes)])
    };
    let pages = (0..10).map(page).collect();
    world.settle();
    (world, pages)
}

fn notes_are(word: &str) -> Filter {
    Filter::equals(FieldId::new("notes"), text(word))
}

fn later(world: &World) -> Report {
    world.clock.advance(Duration::from_secs(120));
    world.settle()
}

#[test]
fn e14_pain_36_a_record_outside_the_filter_never_reaches_the_other_side() {
    let (world, pages) = filtered(Leave::Keep);
    assert_eq!(world.local.live().len(), 5);
    world
        .notion
        .person_sets(&pages[1], "title", text("still private"));
    later(&world);
    assert_eq!(world.local.live().len(), 5);
    assert_eq!(
        world.standing(Side::Left, &pages[1]),
        None,
        "not our business"
    );
}

#[test]
fn pain_36_a_record_enters_when_it_passes_and_its_counterpart_stays_when_it_leaves() {
    let (world, pages) = filtered(Leave::Keep);
    world.notion.person_sets(&pages[1], "notes", text("public"));
    later(&world);
    assert_eq!(world.local.live().len(), 6);

    let row = world.partner(Side::Left, &pages[1]);
    world
        .notion
        .person_sets(&pages[1], "notes", text("private"));
    world.notion.person_sets(&pages[1], "title", text("secret"));
    later(&world);
    assert!(is_live(&world.local, &row));
    assert_eq!(world.local.value(&row, "title"), Some(text("page 1")));
    assert_eq!(
        world.standing(Side::Left, &pages[1]),
        Some(RecordState::Parked)
    );

    world
        .local
        .person_sets(&row, "title", text("edited meanwhile"));
    later(&world);
    assert_eq!(world.notion.value(&pages[1], "title"), Some(text("secret")));

    world.notion.person_sets(&pages[1], "notes", text("public"));
    let report = later(&world);
    assert_eq!(
        report.open_conflicts, 1,
        "both titles were edited: {report:?}"
    );
}

#[test]
fn pain_36_a_counterpart_goes_to_the_trash_and_comes_back_with_its_record() {
    let (world, pages) = filtered(Leave::Trash);
    let row = world.partner(Side::Left, &pages[0]);
    world
        .notion
        .person_sets(&pages[0], "notes", text("private"));
    let report = later(&world);
    assert_eq!(report.settled.right.trashed, 1);
    assert!(!is_live(&world.local, &row));
    assert!(is_live(&world.notion, &pages[0]), "the record itself stays");

    world.notion.person_sets(&pages[0], "notes", text("public"));
    world.notion.person_sets(&pages[0], "title", text("back"));
    let report = later(&world);
    assert_eq!(
        (report.settled.right.untrashed, report.open_conflicts),
        (1, 0)
    );
    assert_eq!(world.local.value(&row, "title"), Some(text("back")));
}

#[test]
fn pain_36_another_filter_trashes_nothing_until_a_person_says_so() {
    let (mut world, _) = filtered(Leave::Trash);
    world.spec.policy.max_delete.approved = Some(100);
    world.spec.filters.left = Some(notes_are("private"));
    for _ in 0..2 {
        world.clock.advance(Duration::from_secs(120));
        let report = world.run();
        assert_eq!(report.settled.right.trashed, 0);
        assert!(report.raised.contains_key(&Guard::FilterOrMappingChanged));
    }
    assert_eq!(world.local.live().len(), 10, "what enters comes at once");
    let options = RunOptions {
        approved: [Guard::FilterOrMappingChanged].into(),
        ..RunOptions::default()
    };
    let report = block_on(world.engine().run(&options)).unwrap();
    assert_eq!(report.settled.right.trashed, 5);
    let report = later(&world);
    assert!(report.raised.is_empty(), "the guard is gone: {report:?}");
}

#[test]
fn defect_09_the_guard_clears_when_the_former_filter_comes_back() {
    let (mut world, pages) = filtered(Leave::Trash);
    world.spec.filters.left = Some(notes_are("nothing"));
    let report = world.run();
    assert!(report.raised.contains_key(&Guard::FilterOrMappingChanged));
    world.spec.filters.left = Some(notes_are("public"));
    let report = later(&world);
    assert!(report.raised.is_empty(), "{report:?}");
    world
        .notion
        .person_sets(&pages[0], "notes", text("private"));
    assert_eq!(
        later(&world).settled.right.trashed,
        1,
        "an edit is a person's word"
    );
}
