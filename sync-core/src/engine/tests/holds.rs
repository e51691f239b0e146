//! Records that rest before they go out, and records a person paused.

use std::time::Duration;

use super::world::{World, text};
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

#[test]
fn a_paused_record_stays_as_it_is_on_both_sides_until_it_is_released() {
    let mut world = World::new();
    let paused = FieldId::new("marker");
    world
        .spec
        .mapping
        .fields
        .retain(|field| *field.name() != paused);
    world.spec.mapping.markers = Sides::default();
    let ids = Sides::new(paused.clone(), paused.clone());
    world
        .spec
        .mapping
        .fields
        .push(MappedField::new(ids, Lens::Checkbox));
    world.spec.mapping.pause = Sides::new(Some(paused.clone()), Some(paused));
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
