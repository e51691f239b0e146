//! First contact: what is there on both sides becomes one, not two.

use std::time::Duration;

use super::world::{World, text};
use crate::link::{Lens, Side};
use crate::pair::RecordState;
use crate::record::Key;
use crate::schema::FieldId;

fn matched_by(fields: &[&str]) -> World {
    let mut world = World::new();
    world.spec.mapping.match_by = fields.iter().map(|id| FieldId::new(*id)).collect();
    world
}

fn there(world: &World, title: &str, notes: &str) -> Key {
    let cells = [("title", text(title)), ("notes", text(notes))];
    world.notion.person_creates(&cells)
}

fn here(world: &World, title: &str, notes: &str) -> Key {
    let cells = [("title", text(title)), ("notes", text(notes))];
    world.local.person_creates(&cells)
}

#[test]
fn pain_10_records_that_are_there_on_both_sides_are_adopted_without_a_write() {
    let world = matched_by(&["title"]);
    for n in 0..20 {
        there(&world, &format!("record {n}"), "same");
        here(&world, &format!("record {n}"), "same");
    }
    let report = world.settle();
    assert!(report.is_quiet(), "{report:?}");
    assert_eq!(
        (world.notion.records().len(), world.local.records().len()),
        (20, 20)
    );
    world.assert_equal();
    assert!(world.plan().is_empty());
}

#[test]
fn what_differs_is_filled_in_or_asked_about() {
    let world = matched_by(&["title"]);
    let (page, row) = (there(&world, "one", ""), here(&world, "one", "here"));
    there(&world, "two", "there");
    here(&world, "two", "here");
    there(&world, "only there", "");
    here(&world, "only here", "");
    let report = world.settle();
    assert_eq!(report.open_conflicts, 1);
    assert_eq!(world.notion.value(&page, "notes"), Some(text("here")));
    assert_eq!(world.partner(Side::Left, &page), row);
    assert_eq!(
        (world.notion.live().len(), world.local.live().len()),
        (4, 4)
    );
}

#[test]
fn records_match_only_where_every_field_agrees_and_none_is_empty() {
    let world = matched_by(&["title", "notes"]);
    there(&world, "one", "a");
    here(&world, "one", "b");
    there(&world, "two", "");
    here(&world, "two", "");
    there(&world, "three", "c");
    here(&world, "three", "c");
    world.settle();
    assert_eq!(world.notion.live().len(), 5);
    world.assert_equal();
}

#[test]
fn what_could_be_one_of_several_waits_for_a_person() {
    let world = matched_by(&["title"]);
    let (first, second) = (there(&world, "twin", "a"), there(&world, "twin", "b"));
    let row = here(&world, "twin", "a");
    there(&world, "single", "");
    world.settle();
    assert_eq!(
        (world.notion.live().len(), world.local.live().len()),
        (3, 2)
    );
    for page in [&first, &second] {
        assert_eq!(world.standing(Side::Left, page), Some(RecordState::Blocked));
    }
    world.notion.person_sets(&second, "title", text("another"));
    world.clock.advance(Duration::from_secs(120));
    world.settle();
    assert_eq!(world.partner(Side::Left, &first), row);
    assert_eq!(
        (world.notion.live().len(), world.local.live().len()),
        (3, 3)
    );
    world.assert_equal();
}

#[test]
fn formatted_text_matches_its_words_and_a_lens_without_image_matches_nothing() {
    let mut world = matched_by(&["title"]);
    for field in &mut world.spec.mapping.fields {
        if field.name().as_str() == "title" {
            field.lens = Lens::Words { rich: Side::Left };
        }
    }
    there(&world, "one", "x");
    here(&world, "one", "x");
    world.settle();
    assert_eq!(world.local.records().len(), 1);
}

/// A page made after the scan: it is asked for by value before a twin of it is made, in one search
/// for all.
#[test]
fn pain_10_a_record_the_scan_did_not_show_is_found_before_it_is_made_again() {
    let world = matched_by(&["title"]);
    let rows: Vec<Key> = (0..30)
        .map(|n| here(&world, &format!("row {n}"), ""))
        .collect();
    let notion = world.notion.clone();
    let report = world.run_while(move || {
        let cells = [("title", text("row 7")), ("notes", text("made there"))];
        notion.person_creates(&cells);
    });
    assert_eq!(report.settled.left.created, 29, "{report:?}");
    let notes = world.local.value(&rows[7], "notes");
    assert_eq!(notes, Some(text("made there")));
    assert_eq!(world.notion.records().len(), 30);
    world.clock.advance(Duration::from_secs(120));
    world.settle();
    world.assert_equal();
}

#[test]
fn e10_one_search_serves_a_hundred_creates() {
    let requests = |matched: bool| {
        let world = if matched {
            matched_by(&["title"])
        } else {
            World::new()
        };
        for n in 0..150 {
            here(&world, &format!("row {n}"), "");
        }
        world.run();
        world.notion.take_requests()
    };
    assert_eq!(requests(true), requests(false) + 2);
}

#[test]
fn two_that_were_joined_and_trashed_before_they_agreed_find_each_other_again() {
    let mut world = matched_by(&["title"]);
    world.spec.policy.quiet_period = Duration::from_secs(300);
    let (page, row) = (there(&world, "one", "there"), here(&world, "one", "here"));
    world.run();
    let partner = || world.partner(Side::Left, &page);
    assert_eq!(partner(), row, "joined, and not agreed on yet");
    world.notion.person_trashes(&page, true);
    world.local.person_trashes(&row, true);
    world.settle();
    // One is restored, and brings the other back instead of a second one.
    world.notion.person_trashes(&page, false);
    for _ in 0..2 {
        world.clock.advance(Duration::from_secs(600));
        world.settle();
    }
    assert_eq!(partner(), row);
    assert_eq!(
        (world.notion.records().len(), world.local.records().len()),
        (1, 1)
    );
}
