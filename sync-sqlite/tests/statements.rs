//! Statements that change nothing, that fail half-way and keep what they did, and triggers of a
//! person's own: no edit slips through unseen, and nothing but an edit is shown as one.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::linked::Linked;
use common::{field, refusal, rows};
use notion_sync_core::record::Key;
use notion_sync_core::schema::{Access, FieldType};
use notion_sync_core::value::{Digest, FileRef, RichText, Value};
use rusqlite::Connection;

fn text(value: &str) -> Value {
    Value::rich_text(RichText::plain_text(value))
}

/// Three tasks, "one" to "three", in rows of these numbers.
fn tasks() -> (Linked, [Key; 3]) {
    let world = Linked::new(&[(
        "Tasks",
        vec![
            field("title", "Name", FieldType::Title, Access::Writable),
            field("n", "Note", FieldType::RichText, Access::Writable),
            field("e", "Extra", FieldType::RichText, Access::Writable),
        ],
    )]);
    let keys = ["one", "two", "three"]
        .map(|name| world.sources[0].person_creates(&[("title", text(name)), ("n", text("old"))]));
    world.settle();
    let person = world.person();
    assert_eq!(
        rows(&person, "SELECT Name FROM tasks ORDER BY _row").len(),
        3
    );
    (world, keys)
}

fn row(person: &Connection, name: &str) -> i64 {
    person
        .query_row("SELECT _row FROM tasks WHERE Name = ?1", [name], |row| {
            row.get(0)
        })
        .unwrap()
}

fn states(person: &Connection) -> Vec<String> {
    rows(
        person,
        "SELECT Name, _state FROM tasks WHERE _state <> 'clean'",
    )
}

#[test]
fn a_statement_that_changes_nothing_leaves_rows_clean() {
    let (world, _) = tasks();
    let person = world.person();
    person
        .execute_batch(
            "UPDATE tasks SET Note = Note, Name = Name;
             ALTER TABLE tasks ADD COLUMN mine TEXT;
             UPDATE tasks SET mine = 'x';",
        )
        .unwrap();
    assert_eq!(states(&person), [""; 0]);
    person
        .execute_batch("UPDATE tasks SET Note = iif(Name = 'two', 'new', Note)")
        .unwrap();
    assert_eq!(states(&person), ["two|pending"]);
}

#[test]
fn what_a_failed_statement_keeps_is_carried_out_and_so_is_what_follows() {
    let (world, keys) = tasks();
    let person = world.person();
    let fails = |note: &str| {
        let last = row(&person, "three")
            .max(row(&person, "one"))
            .max(row(&person, "two"));
        // The last row is the one that fails: what was done before stays.
        let sql = format!(
            "UPDATE OR FAIL tasks SET Note = '{note}', _trashed = iif(_row = {last}, NULL, 0)"
        );
        assert!(refusal(&person, &sql).contains("NOT NULL"));
        rows(&person, "SELECT DISTINCT _row FROM changes").len()
    };
    assert_eq!(fails("kept"), 2);
    world.settle();
    assert_eq!(rows(&person, "SELECT * FROM changes"), [""; 0]);
    let kept = |note: &str| {
        let held = keys
            .iter()
            .filter(|key| world.value(0, key, "n") == text(note));
        held.count()
    };
    assert_eq!(kept("kept"), 2);
    // Numbers of the feed that the failed statement used are not used again.
    person
        .execute_batch("UPDATE tasks SET Note = 'later'")
        .unwrap();
    world.settle();
    assert_eq!(kept("later"), 3);
}

#[test]
fn a_trigger_that_fails_in_the_middle_opens_nothing() {
    let (world, keys) = tasks();
    let person = world.person();
    // Fails when the state is written, which is when triggers of sync write.
    person
        .execute_batch(
            "CREATE TRIGGER mine BEFORE UPDATE OF _state ON tasks BEGIN SELECT RAISE(FAIL, 'mine'); END",
        )
        .unwrap();
    assert_eq!(
        refusal(&person, "UPDATE tasks SET Note = 'kept' WHERE Name = 'one'"),
        "mine"
    );
    person.execute_batch("DROP TRIGGER mine").unwrap();
    assert!(refusal(&person, "DELETE FROM tasks").contains("not deleted"));
    person
        .execute_batch("UPDATE tasks SET Note = 'seen' WHERE Name = 'two'")
        .unwrap();
    world.settle();
    assert_eq!(world.value(0, &keys[0], "n"), text("kept"));
    assert_eq!(world.value(0, &keys[1], "n"), text("seen"));
}

#[test]
fn what_a_trigger_of_ones_own_edits_is_an_edit() {
    for recursive in ["OFF", "ON"] {
        let (world, keys) = tasks();
        let person = world.person();
        let (one, two) = (row(&person, "one"), row(&person, "two"));
        // Ours are made anew after it, so that it runs inside of them as well as on its own.
        let drop: String = rows(
            &person,
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'tasks'",
        )
        .iter()
        .map(|name| format!("DROP TRIGGER \"{name}\";"))
        .collect();
        person
            .execute_batch(&format!(
                "{drop} CREATE TRIGGER mine AFTER UPDATE ON tasks WHEN NEW._row = {one}
                   AND NEW.Extra IS NOT NEW.Note BEGIN
                   UPDATE tasks SET Extra = NEW.Note WHERE _row IN ({one}, {two}); END;"
            ))
            .unwrap();
        world.settle();
        person
            .execute_batch(&format!(
                "PRAGMA recursive_triggers = {recursive};
                 UPDATE tasks SET Note = 'new' WHERE _row = {one}"
            ))
            .unwrap();
        assert_eq!(
            rows(
                &person,
                "SELECT t.Name, c.\"column\" FROM changes c JOIN tasks t USING (_row) ORDER BY 1, 2"
            ),
            ["one|Extra", "one|Note", "two|Extra"],
            "{recursive}"
        );
        world.settle();
        assert_eq!(world.value(0, &keys[1], "e"), text("new"));
        assert_eq!(rows(&person, "SELECT * FROM changes"), [""; 0]);
        assert_eq!(states(&person), [""; 0]);
    }
}

#[test]
fn what_a_trigger_of_ones_own_makes_of_a_write_of_sync_is_an_edit_too() {
    let (world, [one, two, three]) = tasks();
    let person = world.person();
    person
        .execute_batch(
            "CREATE TRIGGER mine AFTER UPDATE OF Note ON tasks WHEN NEW.Name = 'one' BEGIN
               UPDATE tasks SET Extra = 'seen ' || NEW.Note WHERE Name = 'two';
             END;
             CREATE TRIGGER fresh AFTER INSERT ON tasks WHEN NEW.Name = 'four' BEGIN
               UPDATE tasks SET Extra = 'four came' WHERE Name = 'three';
               UPDATE tasks SET Extra = 'welcome' WHERE _row = NEW._row;
             END;",
        )
        .unwrap();
    let extra = |key: &Key| world.value(0, key, "e").display();
    world.edits(0, &one, "n", text("new"));
    world.settle();
    assert_eq!(extra(&two), "seen new");
    let four = world.sources[0].person_creates(&[("title", text("four"))]);
    world.settle();
    assert_eq!(extra(&three), "four came");
    assert_eq!(extra(&four), "welcome");
    assert_eq!(states(&person), [] as [&str; 0], "all are clean");
}

#[test]
fn columns_of_files_may_be_called_as_the_parts_of_json_are() {
    for name in ["value", "Key", "path", "Digest", "json"] {
        let world = Linked::new(&[(
            "e",
            vec![
                field("title", "Name", FieldType::Title, Access::Writable),
                field("f", name, FieldType::Files, Access::Writable),
            ],
        )]);
        let key = world.sources[0].person_creates(&[("title", text("one"))]);
        world.settle();
        let person = world.person();
        for file in [
            "url) VALUES (?1, 1, 'https://x.org/a'",
            "name, bytes) VALUES (?1, 1, 'b', x'00'",
        ] {
            let sql = format!("INSERT INTO files (\"table\", \"column\", _row, {file})")
                .replacen("?1", "'e', ?1", 1);
            person.execute(&sql, [name]).unwrap();
        }
        world.settle();
        let blob = FileRef::blob("b", Digest::of(&[0]));
        let a = FileRef::external("a", "https://x.org/a");
        assert_eq!(
            world.value(0, &key, "f"),
            Value::files(vec![a, blob.clone()]),
            "{name}"
        );
        person
            .execute_batch("DELETE FROM files WHERE kind = 'external'")
            .unwrap();
        world.settle();
        assert_eq!(
            world.value(0, &key, "f"),
            Value::files(vec![blob]),
            "{name}"
        );
    }
}
