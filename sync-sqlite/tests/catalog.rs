//! Collections about collections: titles, descriptions and icons of data sources and databases, and
//! which views there are. They are kept like any collection, by a link of their own, so that edits,
//! conflicts, history and undo are the same.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::linked::{Linked, place};
use common::{field, refusal, rows};
use notion_sync_core::schema::{Access, Field, FieldType, Relation};
use notion_sync_core::value::{Reference, Value};

fn relation(id: &str, target: &str, access: Access) -> Field {
    let to = Relation {
        target: place(target),
        mirror: None,
    };
    field(id, id, FieldType::Relation(to), access)
}

/// What can be told of a collection, and who may write it (NOTION_API.md section 2).
fn described() -> Vec<Field> {
    vec![
        field("title", "title", FieldType::Title, Access::Writable),
        field(
            "description",
            "description",
            FieldType::RichText,
            Access::Writable,
        ),
        field("icon", "icon", FieldType::RichText, Access::Writable),
    ]
}

fn catalog() -> Linked {
    let mut data_sources = described();
    data_sources.push(relation("database", "databases", Access::Unsupported));
    let mut world = Linked::new(&[
        ("data_sources", data_sources),
        ("databases", described()),
        (
            "views",
            vec![
                field("title", "name", FieldType::Title, Access::Computed),
                field("type", "type", FieldType::RichText, Access::Computed),
                relation("data_source", "data_sources", Access::Unsupported),
            ],
        ),
    ]);
    world.named_like_their_titles = true;
    world
}

#[test]
fn data_sources_databases_and_views_are_tables_a_person_reads_and_edits_where_that_is_allowed() {
    let world = catalog();
    let database = world.sources[1].person_creates(&[("title", Value::text("Office"))]);
    let to = |key| Value::references(vec![Reference::new(key)]);
    let tasks = world.sources[0].person_creates(&[
        ("title", Value::text("Tasks")),
        ("icon", Value::text("🏠")),
        ("database", to(database)),
    ]);
    world.sources[2].person_creates(&[
        ("title", Value::text("Board")),
        ("type", Value::text("board")),
        ("data_source", to(tasks.clone())),
    ]);
    world.settle();
    let person = world.person();
    assert_eq!(
        rows(
            &person,
            "SELECT title, description, icon, _state FROM data_sources"
        ),
        ["Tasks||🏠|clean"]
    );
    assert_eq!(rows(&person, "SELECT title FROM databases"), ["Office"]);
    assert_eq!(
        rows(&person, "SELECT name, type FROM views"),
        ["Board|board"]
    );
    person
        .execute_batch("UPDATE data_sources SET title = 'Chores', description = 'What is to do'")
        .unwrap();
    world.edits(0, &tasks, "icon", Value::text("🔨"));
    world.settle();
    assert_eq!(world.value(0, &tasks, "title").display(), "Chores");
    assert_eq!(
        world.value(0, &tasks, "description").display(),
        "What is to do"
    );
    assert_eq!(rows(&person, "SELECT icon FROM data_sources"), ["🔨"]);
    assert_eq!(
        refusal(&person, "UPDATE views SET name = 'x'"),
        "name is computed by Notion and cannot be edited"
    );
    assert_eq!(
        refusal(&person, "UPDATE data_sources SET database = '[1]'"),
        "database is not written to Notion by this version and cannot be edited"
    );
}

#[test]
fn a_collection_that_is_only_called_so_does_not_get_the_name() {
    let world = Linked::new(&[("Views", described())]);
    world.settle();
    assert_eq!(
        rows(&world.person(), "SELECT \"table\" FROM sync_status"),
        ["views_records"]
    );
}
