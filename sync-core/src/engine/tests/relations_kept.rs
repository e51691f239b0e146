//! References that stay: to a record that was made anew, and to one that nobody tracks.

use super::relations::{World, project, task, to};
use super::world::text;
use crate::link::{Filter, Leave, Side};
use crate::record::Key;
use crate::schema::FieldId;

#[test]
fn what_refers_to_a_record_follows_when_that_is_made_anew() {
    let world = World::new();
    let root = task(&world, Side::Left, "root", &[]);
    let leaf = task(&world, Side::Left, "leaf", &[("parent", to(&[&root]))]);
    world.settle();
    let former = world.partner(&world.tasks, Side::Left, &root);
    world.tasks.local.person_erases(&former);
    world
        .tasks
        .notion
        .person_sets(&root, "title", text("stays"));
    world.settle();
    let anew = world.partner(&world.tasks, Side::Left, &root);
    assert_ne!(anew, former);
    let row = world.partner(&world.tasks, Side::Left, &leaf);
    let parent = world.tasks.local.value(&row, "parent");
    assert_eq!(
        parent,
        Some(to(&[&former, &anew])),
        "nobody tracks the former"
    );
    assert_eq!(
        world.tasks.notion.value(&leaf, "parent"),
        Some(to(&[&root]))
    );
}

#[test]
fn r12_a_reference_that_nobody_tracks_is_not_emptied() {
    let mut world = World::new();
    let gone = Filter::equals(FieldId::new("title"), text("gone"));
    world.tasks.spec.filters.right = Some(Filter::Not(Box::new(gone)));
    world.tasks.spec.policy.on_leave = Leave::Clear;
    let stranger = Key::durable("elsewhere");
    let root = task(&world, Side::Left, "root", &[]);
    let [leaf, other] = [&stranger, &root]
        .map(|parent| task(&world, Side::Left, "leaf", &[("parent", to(&[parent]))]));
    world.settle();
    for page in [&leaf, &other] {
        let row = world.partner(&world.tasks, Side::Left, page);
        world.tasks.local.person_sets(&row, "title", text("gone"));
    }
    world.run(&world.tasks);
    let held = |page: &Key, field: &str| world.tasks.notion.value(page, field).unwrap();
    assert!(held(&leaf, "title").is_empty() && held(&other, "title").is_empty());
    assert_eq!(held(&leaf, "parent"), to(&[&stranger]));
    assert!(held(&other, "parent").is_empty(), "the other side has it");
}

#[test]
fn r12_a_reference_that_has_not_arrived_yet_is_not_emptied() {
    let mut world = World::new();
    let gone = Filter::equals(FieldId::new("title"), text("gone"));
    world.tasks.spec.filters.right = Some(Filter::Not(Box::new(gone)));
    world.tasks.spec.policy.on_leave = Leave::Clear;
    let wine = project(&world, Side::Left, "wine");
    task(&world, Side::Left, "another", &[]);
    let buy = task(&world, Side::Left, "buy", &[("project", to(&[&wine]))]);
    world.run(&world.tasks);
    let row = world.partner(&world.tasks, Side::Left, &buy);
    world.tasks.local.person_sets(&row, "title", text("gone"));
    world.run(&world.projects);
    world.run(&world.tasks);
    let held = |field: &str| world.tasks.notion.value(&buy, field).unwrap();
    assert!(held("title").is_empty());
    assert_eq!(held("project"), to(&[&wine]));
    world.tasks.local.person_sets(&row, "title", text("back"));
    world.settle();
    assert_eq!(world.shown(Side::Left, &buy, "project"), [wine]);
}
