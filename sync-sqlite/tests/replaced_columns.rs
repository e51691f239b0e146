//! Columns that a person renamed away or dropped and added anew: empty cells of a column that is another
//! one clear nothing.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::linked::Linked;
use common::{field, rows};
use notion_sync_core::record::Key;
use notion_sync_core::schema::{Access, FieldType};
use notion_sync_core::value::{RichText, Value};
use rusqlite::Connection;

/// Three records with notes and a computed total, and a column that comes last.
struct Notes {
    world: Linked,
    made: [Key; 3],
    person: Connection,
}

const EVENTS: [&str; 5] = [
    "before_insert",
    "after_insert",
    "before_update",
    "after_update",
    "before_delete",
];

impl Notes {
    fn new() -> Self {
        let words = |id: &str, name: &str| field(id, name, FieldType::RichText, Access::Writable);
        let world = Linked::new(&[(
            "Tasks",
            vec![
                field("title", "Name", FieldType::Title, Access::Writable),
                words("n", "Notes"),
                field(
                    "t",
                    "Total",
                    FieldType::Other("formula".into()),
                    Access::Computed,
                ),
                field("e", "Estimate", FieldType::Number, Access::Writable),
            ],
        )]);
        let made = ["one", "two", "three"].map(|name| {
            world.sources[0].person_creates(&[
                ("title", Value::text(name)),
                ("n", said(&format!("notes of {name}"))),
                ("t", Value::Number(7.into())),
            ])
        });
        world.settle();
        // A property that came later stands behind all others.
        world.sources[0].change_schema(|schema| schema.fields.push(words("l", "Late")));
        for page in &made {
            world.sources[0].person_sets(page, "l", said("late"));
        }
        world.settle();
        let person = world.person();
        Self {
            world,
            made,
            person,
        }
    }

    fn sql(&self, sql: &str) {
        self.person.execute_batch(sql).unwrap();
    }

    fn drop_triggers(&self) {
        for event in EVENTS {
            self.sql(&format!("DROP TRIGGER _sync_tasks_{event}"));
        }
    }

    fn column(&self, name: &str) -> Vec<String> {
        rows(
            &self.person,
            &format!("SELECT {name} FROM tasks ORDER BY _row"),
        )
    }

    fn source(&self, id: &str) -> Vec<String> {
        let value = |page| self.world.value(0, page, id).display();
        self.made.iter().map(value).collect()
    }

    /// Nothing was cleared on either side, and edits of other fields take nothing with them.
    fn is_whole(&self) {
        let notes = ["notes of one", "notes of two", "notes of three"];
        self.world.settle();
        self.sql("UPDATE tasks SET Estimate = coalesce(Estimate, 0) + 1");
        self.world.settle();
        assert_eq!(self.source("n"), notes);
        assert_eq!(self.column("Notes"), notes);
        assert_eq!(self.source("l"), ["late"; 3]);
        assert_eq!(self.column("Late"), ["late"; 3]);
        assert_eq!(self.column("Total"), ["7"; 3]);
        assert_eq!(rows(&self.person, "SELECT * FROM changes"), [""; 0]);
        assert_eq!(rows(&self.person, "SELECT * FROM conflicts"), [""; 0]);
        // And it is watched again.
        self.sql("UPDATE tasks SET Notes = NULL WHERE _row = 1");
        self.world.settle();
        assert_eq!(self.source("n")[0], "");
    }
}

fn said(text: &str) -> Value {
    Value::rich_text(RichText::plain_text(text))
}

#[test]
fn a_column_that_was_renamed_away_and_added_anew_is_filled_again() {
    for (name, ty) in [("Notes", "TEXT"), ("Late", "text"), ("Total", "ANY")] {
        let notes = Notes::new();
        notes.sql(&format!(
            "ALTER TABLE tasks RENAME COLUMN {name} TO mine; ALTER TABLE tasks ADD COLUMN {name} {ty}"
        ));
        notes.is_whole();
        assert_eq!(notes.column("mine").len(), 3, "theirs from now on");
    }
}

#[test]
fn an_edit_that_waited_in_the_former_column_stays_there() {
    let notes = Notes::new();
    notes.sql(
        "UPDATE tasks SET Notes = 'edited' WHERE _row = 2;
         ALTER TABLE tasks RENAME COLUMN Notes TO mine; ALTER TABLE tasks ADD COLUMN Notes TEXT",
    );
    notes.is_whole();
    assert_eq!(notes.column("mine")[1], "edited");
}

#[test]
fn what_a_person_wrote_into_the_new_column_is_an_edit() {
    let notes = Notes::new();
    notes.sql(
        "ALTER TABLE tasks RENAME COLUMN Notes TO mine; ALTER TABLE tasks ADD COLUMN Notes TEXT;
         UPDATE tasks SET Notes = upper(mine) WHERE _row = 2; ALTER TABLE tasks RENAME mine TO other",
    );
    notes.world.settle();
    let wanted = ["notes of one", "NOTES OF TWO", "notes of three"];
    assert_eq!(notes.source("n"), wanted);
    assert_eq!(notes.column("Notes"), wanted);
}

#[test]
fn a_column_that_was_dropped_and_added_anew_is_filled_again() {
    for (name, ty) in [("Notes", "TEXT"), ("Late", "TEXT"), ("Total", "ANY")] {
        let notes = Notes::new();
        notes.drop_triggers();
        let views = "SELECT name FROM sqlite_master WHERE type = 'view'";
        for view in rows(&notes.person, views) {
            notes.sql(&format!("DROP VIEW \"{view}\""));
        }
        notes.sql(&format!(
            "ALTER TABLE tasks DROP COLUMN {name}; ALTER TABLE tasks ADD COLUMN {name} {ty}"
        ));
        notes.is_whole();
    }
}

#[test]
fn what_was_cleared_before_the_triggers_went_stays_an_edit() {
    let notes = Notes::new();
    notes.sql("UPDATE tasks SET Notes = NULL");
    notes.drop_triggers();
    notes.world.settle();
    assert_eq!(notes.column("Notes"), [""; 3]);
    assert_eq!(notes.source("n"), [""; 3]);
}

#[test]
fn a_column_of_another_type_is_refused_with_the_statement_that_helps() {
    let notes = Notes::new();
    notes.sql(
        "ALTER TABLE tasks RENAME COLUMN Notes TO mine; ALTER TABLE tasks ADD COLUMN Notes INTEGER",
    );
    let error = notes.world.try_align(0).unwrap_err().to_string();
    let help = "ALTER TABLE \"tasks\" ADD COLUMN \"Notes\" TEXT";
    assert!(error.contains(help), "{error}");
    notes.sql(&format!("ALTER TABLE tasks DROP COLUMN Notes; {help}"));
    notes.is_whole();
}
