//! Options as pairs: renamed, removed, added.

use super::world::{World, names, tags, text};
use crate::link::Side;
use crate::pair::RecordState;
use crate::schema::FieldType;
use crate::value::{Choice, Value};

fn options(world: &World, change: impl FnOnce(&mut Vec<Choice>)) {
    world.notion.change_schema(|schema| {
        if let FieldType::MultiSelect(options) = &mut schema.fields[2].ty {
            change(options);
        }
    });
}

fn id_a(name: &str) -> Value {
    Value::choices(vec![Choice::with_id("id-a", name)])
}

#[test]
fn pain_26_a_renamed_option_writes_no_row_and_both_names_go_on_meaning_it() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "tags", tags(&["a"]));
    world.settle();
    options(&world, |options| options[0].name = "z".into());
    assert_eq!(world.plan().counts.looked_at, 0);
    assert!(world.run().is_quiet());

    // The page is read again and shows the new name.
    world.notion.person_sets(&page, "tags", id_a("z"));
    world.notion.person_sets(&page, "title", text("b"));
    world.settle();
    assert_eq!(world.local.value(&row, "tags"), Some(names(&["a"])));

    // Each side goes on writing it its own way; the new name is welcome where any is.
    world.local.person_sets(&row, "tags", names(&["a", "b"]));
    world.settle();
    let both = vec![Choice::with_id("id-a", "z"), Choice::with_id("id-b", "b")];
    assert_eq!(
        world.notion.value(&page, "tags"),
        Some(Value::choices(both))
    );
    world.local.person_sets(&row, "tags", names(&["z"]));
    world.settle();
    assert_eq!(world.notion.value(&page, "tags"), Some(id_a("z")));
    world.notion.person_sets(&page, "tags", tags(&["c"]));
    world.settle();
    world.notion.person_sets(&page, "tags", id_a("z"));
    world.settle();
    assert_eq!(world.local.value(&row, "tags"), Some(names(&["a"])));
}

#[test]
fn an_option_that_takes_the_former_name_of_another_is_refused_not_mixed_up() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "tags", tags(&["a"]));
    world.settle();
    options(&world, |options| {
        options[0].name = "z".into();
        options.push(Choice::with_id("id-new", "a"));
    });
    let new = Value::choices(vec![Choice::with_id("id-new", "a")]);
    world.notion.person_sets(&page, "tags", new.clone());
    let report = world.run();
    assert_eq!(report.refusals.len(), 1, "{report:?}");
    assert_eq!(world.local.value(&row, "tags"), Some(names(&["a"])));
    assert_eq!(world.notion.value(&page, "tags"), Some(new));
}

#[test]
fn f12_an_option_that_was_removed_asks_a_person_and_an_edit_does_not() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "tags", tags(&["a", "b"]));
    world.settle();
    world.notion.person_sets(&page, "tags", tags(&["a"]));
    world.settle();
    assert_eq!(
        world.local.value(&row, "tags"),
        Some(names(&["a"])),
        "an edit"
    );

    options(&world, |options| drop(options.remove(0)));
    world.notion.person_sets(&page, "tags", Value::Empty);
    let report = world.run();
    assert_eq!(report.open_conflicts, 1, "{report:?}");
    assert_eq!(world.local.value(&row, "tags"), Some(names(&["a"])));
    assert_eq!(
        world.standing(Side::Left, &page),
        Some(RecordState::Conflict)
    );

    // It is over as soon as the sides agree.
    world.local.person_sets(&row, "tags", Value::Empty);
    assert_eq!(world.run().open_conflicts, 0);
    world.settle();
}

#[test]
fn an_option_added_and_taken_away_since_the_schema_was_read_is_an_edit() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    let engine = world.engine();
    world.clock.advance(std::time::Duration::from_secs(5));
    options(&world, |options| options.push(Choice::with_id("id-e", "e")));
    let new = Value::choices(vec![Choice::with_id("id-e", "e")]);
    world.notion.person_sets(&page, "tags", new);
    let run = || futures::executor::block_on(engine.run(&Default::default())).unwrap();
    run();
    assert_eq!(world.local.value(&row, "tags"), Some(names(&["e"])));
    world.clock.advance(std::time::Duration::from_secs(5));
    world.notion.person_sets(&page, "tags", Value::Empty);
    assert_eq!(run().open_conflicts, 0);
    assert_eq!(world.local.value(&row, "tags"), Some(Value::Empty));
}
