//! Records that rest before they go out, and records a person paused.

use std::time::Duration;

use super::world::{World, is_live, text};
use crate::link::{Lens, MappedField, Policy, Side, Sides};
use crate::pair::RecordState;
use crate::port::Clock;
use crate::schema::FieldId;
use crate::value::Value;

fn quiet_world() -> World {
    let policy = Policy {
        quiet_period: Duration::from_secs(300),
        ..Policy::default()
    };
    World::with(true, policy)
}

#[test]
fn pain_37_a_half_typed_value_waits_until_the_record_rests() {
    let world = quiet_world();
    let page = world.notion.person_creates(&[("title", text("a"))]);
    world.run();
    assert!(world.local.live().is_empty(), "made moments ago");
    world.clock.advance(Duration::from_secs(360));
    world.settle();
    let row = world.partner(Side::Left, &page);

    for half in ["h", "ha", "half"] {
        world.clock.advance(Duration::from_secs(120));
        world.local.person_sets(&row, "notes", text(half));
        world.run();
        assert_eq!(world.notion.value(&page, "notes"), Some(Value::Empty));
        assert_eq!(
            world.standing(Side::Right, &row),
            Some(RecordState::Blocked)
        );
    }
    world.clock.advance(Duration::from_secs(301));
    world.notion.take_mutations();
    world.run();
    assert_eq!(world.notion.value(&page, "notes"), Some(text("half")));
    assert_eq!(
        world.notion.take_mutations().len(),
        1,
        "one write for all of it"
    );
}

#[test]
fn a_clock_that_jumps_back_keeps_no_record_waiting_for_long() {
    let world = quiet_world();
    let now = world.clock.now();
    world.clock.jump_to(now.plus(Duration::from_secs(100_000)));
    world.notion.person_creates(&[("title", text("a"))]);
    world.clock.jump_to(now);
    world.run();
    assert_eq!(
        world.local.live().len(),
        1,
        "an edit of the far future is no edit of just now"
    );
}

/// A world in which the marker field is a checkbox that pauses.
fn pausing_world() -> World {
    let mut world = World::new();
    let paused = FieldId::new("marker");
    let mapping = &mut world.spec.mapping;
    mapping.fields.retain(|field| *field.name() != paused);
    mapping.markers = Sides::default();
    let ids = Sides::new(paused.clone(), paused.clone());
    mapping.fields.push(MappedField::new(ids, Lens::Checkbox));
    mapping.pause = Sides::new(Some(paused.clone()), Some(paused));
    world
}

#[test]
fn e8_a_paused_record_that_vanished_is_read_so_that_its_release_is_seen() {
    let world = pausing_world();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "marker", Value::Bool(true));
    world.later(1);
    assert_eq!(world.standing(Side::Left, &page), Some(RecordState::Parked));
    // Both before the next look: what was last seen of it is that it is paused.
    world
        .notion
        .person_sets(&page, "marker", Value::Bool(false));
    world.notion.person_trashes(&page, true);
    world.later(2);
    assert!(!is_live(&world.local, &row), "the delete flows");
}

/// Nobody could end its pause any more.
#[test]
fn e8_a_paused_record_that_was_destroyed_pauses_nothing() {
    let world = pausing_world();
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "marker", Value::Bool(true));
    world.later(1);
    world.local.person_erases(&row);
    world.later(2);
    assert!(!is_live(&world.notion, &page), "the delete flows");
}

#[test]
fn a_paused_record_stays_as_it_is_on_both_sides_until_it_is_released() {
    let world = pausing_world();
    let (page, row) = world.settled_pair();

    world.notion.person_sets(&page, "marker", Value::Bool(true));
    world.notion.person_sets(&page, "title", text("draft"));
    world.local.person_sets(&row, "notes", text("here"));
    world.clock.advance(Duration::from_secs(120));
    world.settle();
    assert_eq!(world.local.value(&row, "title"), Some(text("a")));
    assert_eq!(world.notion.value(&page, "notes"), Some(Value::Empty));
    assert_eq!(world.standing(Side::Left, &page), Some(RecordState::Parked));

    world
        .notion
        .person_sets(&page, "marker", Value::Bool(false));
    world.clock.advance(Duration::from_secs(120));
    world.settle();
    assert_eq!(world.local.value(&row, "title"), Some(text("draft")));
    assert_eq!(world.notion.value(&page, "notes"), Some(text("here")));
}
