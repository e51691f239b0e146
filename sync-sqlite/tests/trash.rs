//! Rows in the trash: what may be done to them, what waits there, and that both are told.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::linked::Linked;
use common::{field, refusal, rows};
use notion_sync_core::record::Key;
use notion_sync_core::schema::{Access, FieldType};
use notion_sync_core::value::Value;

const NO_EDITS: &str = "rows in the trash take no edits; set _trashed = 0 as well to take them out, \
                        or leave them out with WHERE _trashed = 0";

/// "Roof" and "Door", each with notes and a text, as both sides have them.
fn world() -> (Linked, Key) {
    let fields = vec![
        field("_id", "_id", FieldType::Text, Access::Computed),
        field("title", "Name", FieldType::Title, Access::Writable),
        field("n", "Notes", FieldType::RichText, Access::Writable),
        field("p", "People", FieldType::People, Access::Writable),
        field("f", "Papers", FieldType::Files, Access::Writable),
        field("b", "Text", FieldType::Body, Access::Writable),
    ];
    let world = Linked::new(&[("Tasks", fields)]);
    let of = |name| {
        let cells = [("_id", name), ("title", name), ("n", "old"), ("b", "# A")];
        cells.map(|(field, text)| (field, Value::text(text)))
    };
    let roof = world.sources[0].person_creates(&of("Roof"));
    world.sources[0].person_creates(&of("Door"));
    world.settle();
    (world, roof)
}

#[test]
fn a_row_that_both_sides_have_in_the_trash_takes_no_edits() {
    let (world, roof) = world();
    let person = world.person();
    world.sources[0].person_trashes(&roof, true);
    world.settle();
    for sql in [
        "UPDATE tasks SET Notes = 'new' WHERE Name = 'Roof'",
        "UPDATE tasks SET Notes = 'new'",
        "UPDATE tasks SET Notes = NULL, _trashed = 1 WHERE Name = 'Roof'",
        "INSERT INTO tasks(_id, Notes) SELECT _id, 'new' FROM tasks WHERE Name = 'Roof'
           ON CONFLICT(_id) DO UPDATE SET Notes = excluded.Notes",
        "UPDATE bodies SET markdown = 'new' WHERE title = 'Roof'",
        "INSERT INTO files(\"table\", \"column\", _row, url)
           SELECT 'tasks', 'Papers', _row, 'https://example.org/a' FROM tasks WHERE Name = 'Roof'",
    ] {
        assert_eq!(refusal(&person, sql), NO_EDITS, "{sql}");
    }
    assert!(rows(&person, "SELECT * FROM changes").is_empty());
    // What a statement leaves as it is passes, and so do the rows that are not there.
    person
        .execute_batch(
            "UPDATE tasks SET Notes = Notes, _trashed = 1 WHERE Name = 'Roof';
             UPDATE bodies SET markdown = markdown;
             UPDATE tasks SET Notes = 'new' WHERE _trashed = 0",
        )
        .unwrap();
    world.settle();
    assert!(rows(&person, "SELECT * FROM sync_rows").is_empty());
    // Out of the trash and edited, in one statement or in two.
    person
        .execute_batch("UPDATE tasks SET _trashed = 0, Notes = 'slate' WHERE Name = 'Roof'")
        .unwrap();
    world.settle();
    assert_eq!(world.value(0, &roof, "n").display(), "slate");
    assert_eq!(world.sources[0].live().len(), 2);
    person
        .execute_batch("UPDATE tasks SET _trashed = 1 WHERE Name = 'Roof'")
        .unwrap();
    world.settle();
    person
        .execute_batch(
            "UPDATE tasks SET _trashed = 0 WHERE Name = 'Roof';
             UPDATE tasks SET Notes = 'tiles' WHERE Name = 'Roof';
             UPDATE bodies SET markdown = '# B' WHERE title = 'Roof'",
        )
        .unwrap();
    world.settle();
    assert_eq!(world.value(0, &roof, "n").display(), "tiles");
    assert_eq!(world.value(0, &roof, "b").display(), "# B");
    // Back in the trash before anybody synced: nothing is new there.
    person
        .execute_batch("UPDATE tasks SET _trashed = 1 WHERE Name = 'Roof'")
        .unwrap();
    world.settle();
    person
        .execute_batch("UPDATE tasks SET _trashed = 0; UPDATE tasks SET _trashed = 1")
        .unwrap();
    let sql = "UPDATE tasks SET Notes = 'new' WHERE Name = 'Roof'";
    assert_eq!(refusal(&person, sql), NO_EDITS);
}

#[test]
fn an_edit_that_went_to_the_trash_with_its_row_waits_there_and_says_so() {
    for edits in [
        "UPDATE tasks SET Notes = 'new', People = '[]', _trashed = 1 WHERE Name = 'Roof'",
        "UPDATE tasks SET Notes = 'new' WHERE Name = 'Roof';
         UPDATE tasks SET _trashed = 1 WHERE Name = 'Roof'",
        "UPDATE tasks SET _trashed = 1 WHERE Name = 'Roof';
         UPDATE tasks SET Notes = 'new' WHERE Name = 'Roof'",
    ] {
        let (world, roof) = world();
        let person = world.person();
        let told = || rows(&person, "SELECT reason FROM sync_rows");
        person.execute_batch(edits).unwrap();
        assert_eq!(told(), ["edited here and not synced yet"], "{edits}");
        for _ in 0..2 {
            world.run();
            assert_eq!(world.sources[0].live().len(), 1, "{edits}");
            let waits = "edited before it went to the trash: synced once it is taken out";
            assert_eq!(told(), [waits], "{edits}");
            let changes = rows(
                &person,
                "SELECT kind, \"column\", base, current FROM changes",
            );
            assert_eq!(changes, ["update|Notes|old|new"], "{edits}");
        }
        assert_eq!(world.value(0, &roof, "n").display(), "old");
        person
            .execute_batch("UPDATE tasks SET _trashed = 0")
            .unwrap();
        world.settle();
        assert_eq!(world.value(0, &roof, "n").display(), "new", "{edits}");
        assert_eq!(told(), [""; 0], "{edits}");
        let state = "SELECT _state FROM tasks WHERE Name = 'Roof'";
        assert_eq!(rows(&person, state), ["clean"], "{edits}");
    }
}

#[test]
fn a_row_that_went_to_the_trash_before_any_run_waits_for_nothing_until_it_is_taken_out() {
    let (world, _) = world();
    let person = world.person();
    let state = || rows(&person, "SELECT _state FROM tasks WHERE _row = 3");
    person
        .execute_batch(
            "INSERT INTO tasks(Name) VALUES ('x'); UPDATE tasks SET _trashed = 1 WHERE Name = 'x'",
        )
        .unwrap();
    world.settle();
    assert_eq!(state(), ["clean"]);
    // Edited there, it waits as little.
    person
        .execute_batch("UPDATE tasks SET Name = 'y' WHERE _row = 3")
        .unwrap();
    world.settle();
    assert_eq!(state(), ["clean"]);
    assert_eq!(world.sources[0].live().len(), 2);
    person
        .execute_batch("UPDATE tasks SET _trashed = 0 WHERE _row = 3")
        .unwrap();
    assert_eq!(state(), ["pending"]);
    assert_eq!(
        rows(&person, "SELECT kind, current FROM changes"),
        ["insert|y"]
    );
    world.settle();
    assert_eq!(state(), ["clean"]);
    world.titled(0, "y");
}

#[test]
fn a_new_row_does_not_start_in_the_trash() {
    let (world, roof) = world();
    let person = world.person();
    let sentence = "a new row is not in the trash; leave _trashed out";
    let sql = "INSERT INTO tasks(Name, _trashed) VALUES ('x', 1)";
    assert_eq!(refusal(&person, sql), sentence);
    // An upsert of a row that is there trashes it.
    person
        .execute_batch(
            "INSERT INTO tasks(_id, Name, _trashed) SELECT _id, Name, 1 FROM tasks WHERE Name = 'Roof'
               ON CONFLICT(_id) DO UPDATE SET _trashed = excluded._trashed;
             INSERT INTO tasks(Name, _trashed) VALUES ('y', 0)",
        )
        .unwrap();
    world.settle();
    let live: Vec<Key> = world.sources[0]
        .live()
        .into_iter()
        .map(|one| one.key)
        .collect();
    assert_eq!(live.len(), 2);
    assert!(!live.contains(&roof));
}
