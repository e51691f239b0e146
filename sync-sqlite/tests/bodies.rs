//! Texts of records: read and edited in `bodies`.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::linked::Linked;
use common::{field, refusal, rows};
use notion_sync_core::record::Cell;
use notion_sync_core::schema::{Access, FieldType};
use notion_sync_core::value::{RawJson, Value};

fn world(access: Access) -> Linked {
    Linked::new(&[(
        "Tasks",
        vec![
            field("title", "Name", FieldType::Title, Access::Writable),
            field("_body", "_body", FieldType::Body, access),
        ],
    )])
}

fn named(name: &str) -> (&'static str, Value) {
    ("title", Value::text(name))
}

#[test]
fn a_body_is_read_and_edited_like_any_cell() {
    let world = world(Access::Writable);
    let roof = world.sources[0]
        .person_creates(&[named("Roof"), ("_body", Value::text("# Roof\n\nslate\n"))]);
    world.settle();
    let person = world.person();
    assert_eq!(
        rows(
            &person,
            "SELECT \"table\", _row, title, markdown, reason FROM bodies"
        ),
        ["tasks|1|Roof|# Roof\n\nslate\n|"]
    );
    assert_eq!(rows(&person, "SELECT * FROM tasks").len(), 1);
    person
        .execute_batch(
            "UPDATE bodies SET markdown = '# Roof\n\ntiles\n' WHERE _row = 1;
             INSERT INTO tasks (Name) VALUES ('Door');
             UPDATE bodies SET markdown = 'oak' WHERE title = 'Door';",
        )
        .unwrap();
    assert_eq!(
        rows(
            &person,
            "SELECT _row, \"column\", kind, base, current FROM changes ORDER BY _row, \"column\""
        ),
        [
            "1|_body|update|# Roof\n\nslate\n|# Roof\n\ntiles\n",
            "2||insert||Door"
        ]
    );
    assert_eq!(
        rows(&person, "SELECT _state FROM tasks"),
        ["pending", "pending"]
    );
    world.settle();
    assert_eq!(
        world.value(0, &roof, "_body"),
        Value::text("# Roof\n\ntiles\n")
    );
    let door = world.titled(0, "Door");
    assert_eq!(world.value(0, &door, "_body"), Value::text("oak"));
    assert_eq!(
        rows(&person, "SELECT _state FROM tasks"),
        ["clean", "clean"]
    );
    assert!(rows(&person, "SELECT * FROM changes").is_empty());
    // The source edits, and both do.
    world.edits(0, &door, "_body", Value::text("pine"));
    world.settle();
    assert_eq!(
        rows(&person, "SELECT markdown FROM bodies WHERE title = 'Door'"),
        ["pine"]
    );
    person
        .execute_batch("UPDATE bodies SET markdown = NULL WHERE title = 'Door'")
        .unwrap();
    world.settle();
    assert_eq!(world.value(0, &door, "_body"), Value::Empty);
}

#[test]
fn two_edits_of_one_body_are_a_conflict_with_both_texts() {
    let world = world(Access::Writable);
    let roof = world.sources[0].person_creates(&[named("Roof"), ("_body", Value::text("slate"))]);
    world.settle();
    let person = world.person();
    person
        .execute_batch("UPDATE bodies SET markdown = 'tiles'")
        .unwrap();
    world.edits(0, &roof, "_body", Value::text("straw"));
    world.run();
    assert_eq!(
        rows(&person, "SELECT field, base, notion, sqlite FROM conflicts"),
        ["_body|slate|straw|tiles"]
    );
    person
        .execute_batch("UPDATE conflicts SET resolution = 'notion'")
        .unwrap();
    world.settle();
    assert_eq!(rows(&person, "SELECT markdown FROM bodies"), ["straw"]);
}

#[test]
fn a_body_that_would_lose_something_is_only_read_and_says_why() {
    let world = world(Access::Writable);
    let roof = world.sources[0].person_creates(&[named("Roof"), ("_body", Value::text("slate"))]);
    world.settle();
    let lossy = Cell::Unsupported(RawJson::new("{\"unknown_blocks\":2}"));
    world.sources[0].set_cell(&roof, "_body", lossy);
    world.run();
    let person = world.person();
    assert_eq!(
        rows(&person, "SELECT markdown, reason FROM bodies"),
        ["slate|not to be said in Markdown without loss"]
    );
    assert_eq!(
        refusal(&person, "UPDATE bodies SET markdown = 'tiles'"),
        "this body is only read; its reason says why"
    );
    assert_eq!(
        refusal(&person, "UPDATE bodies SET title = 'x'"),
        "only markdown can be edited here"
    );
    person
        .execute_batch("UPDATE tasks SET Name = 'The roof'")
        .unwrap();
    world.run();
    assert_eq!(world.value(0, &roof, "title").display(), "The roof");
}

#[test]
fn bodies_that_this_version_does_not_write_are_shown_with_that_reason() {
    let world = world(Access::Unsupported);
    world.sources[0].person_creates(&[named("Roof"), ("_body", Value::text("slate"))]);
    world.settle();
    let person = world.person();
    assert_eq!(
        rows(&person, "SELECT markdown, reason FROM bodies"),
        ["slate|not written to Notion by this version"]
    );
    assert!(
        refusal(&person, "UPDATE bodies SET markdown = 'x'").starts_with("this body is only read")
    );
}
