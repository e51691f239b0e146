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

const NOTES: [&str; 3] = ["notes of one", "notes of two", "notes of three"];

const EVENTS: [&str; 5] = [
    "before_insert",
    "after_insert",
    "before_update",
    "after_update",
    "before_delete",
];

impl Notes {
    fn new() -> Self {
        let notes = Self::before_late();
        notes.late();
        notes
    }

    /// Without the column that comes last.
    fn before_late() -> Self {
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
        let person = world.person();
        Self {
            world,
            made,
            person,
        }
    }

    /// A property that came later stands behind all others.
    fn late(&self) {
        let source = &self.world.sources[0];
        let late = field("l", "Late", FieldType::RichText, Access::Writable);
        source.change_schema(|schema| schema.fields.push(late.clone()));
        for page in &self.made {
            source.person_sets(page, "l", said("late"));
        }
        self.world.settle();
    }

    fn sql(&self, sql: &str) {
        self.person.execute_batch(sql).unwrap();
    }

    fn drop_triggers(&self) {
        for event in EVENTS {
            self.sql(&format!("DROP TRIGGER _sync_tasks_{event}"));
        }
    }

    /// Whatever stands in the way of dropping a column.
    fn drop_all(&self) {
        self.drop_triggers();
        let views = "SELECT name FROM sqlite_master WHERE type = 'view'";
        for view in rows(&self.person, views) {
            self.sql(&format!("DROP VIEW \"{view}\""));
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
        self.world.settle();
        self.sql("UPDATE tasks SET Estimate = coalesce(Estimate, 0) + 1");
        self.world.settle();
        assert_eq!(self.source("n"), NOTES);
        assert_eq!(self.column("Notes"), NOTES);
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
        // A plan would show what no run does.
        let refused = notes.world.try_plan(0).unwrap_err().to_string();
        assert!(refused.contains("fills it again"), "{refused}");
        notes.is_whole();
        notes.world.try_plan(0).unwrap();
        assert_eq!(notes.column("mine").len(), 3, "theirs from now on");
    }
}

#[test]
fn what_a_default_put_there_is_no_edit_either() {
    for column in [
        "Notes TEXT NOT NULL DEFAULT ''",
        "Notes TEXT DEFAULT 'none'",
    ] {
        let notes = Notes::new();
        notes.sql(&format!(
            "ALTER TABLE tasks RENAME COLUMN Notes TO mine; ALTER TABLE tasks ADD COLUMN {column}"
        ));
        notes.world.settle();
        assert_eq!(notes.source("n"), NOTES, "{column}");
        assert_eq!(notes.column("Notes"), NOTES, "{column}");
    }
}

/// Wherever the new one stands: the triggers follow the old one.
#[test]
fn a_column_that_took_the_name_of_another_is_filled_again_wherever_it_stands() {
    for (before, after) in [
        // A column of the person's own in front of it goes.
        (
            "ALTER TABLE tasks ADD COLUMN own TEXT",
            "ALTER TABLE tasks RENAME COLUMN Late TO mine; ALTER TABLE tasks ADD COLUMN Late TEXT;
             ALTER TABLE tasks DROP COLUMN own",
        ),
        // One that was there before takes the name.
        (
            "ALTER TABLE tasks ADD COLUMN own TEXT",
            "ALTER TABLE tasks RENAME COLUMN Late TO mine; ALTER TABLE tasks RENAME COLUMN own TO Late",
        ),
    ] {
        let notes = Notes::before_late();
        notes.sql(before);
        notes.late();
        assert_eq!(notes.column("Late"), ["late"; 3]);
        notes.sql(after);
        notes.is_whole();
    }
}

#[test]
fn a_column_exchanged_while_its_property_was_renamed_is_filled_under_the_new_name() {
    let mut notes = Notes::new();
    notes.world.follow_names = true;
    notes.sql(
        "ALTER TABLE tasks RENAME COLUMN Late TO mine; ALTER TABLE tasks ADD COLUMN Late TEXT",
    );
    notes.world.sources[0].change_schema(|schema| {
        for field in &mut schema.fields {
            if field.name == "Late" {
                field.name = "Later".to_owned();
            }
        }
    });
    notes.world.settle();
    assert_eq!(notes.source("l"), ["late"; 3]);
    assert_eq!(notes.column("Later"), ["late"; 3]);
}

/// A tool that moves columns makes the table anew, and puts its triggers back as they were.
#[test]
fn a_clear_that_waits_stays_one_where_columns_were_moved() {
    let notes = Notes::new();
    notes.sql("UPDATE tasks SET Notes = NULL WHERE _row = 2");
    let triggers = rows(
        &notes.person,
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name GLOB '_sync_tasks_*'",
    );
    let table = rows(
        &notes.person,
        "SELECT sql FROM sqlite_master WHERE name = 'tasks'",
    );
    let moved = table[0].replacen("  \"Notes\" TEXT,\n", "", 1);
    let moved = moved.replacen("CREATE TABLE \"tasks\"", "CREATE TABLE rebuilt", 1);
    let moved = moved.replacen(
        "_row INTEGER PRIMARY",
        "\"Notes\" TEXT, _row INTEGER PRIMARY",
        1,
    );
    let names =
        "_id, _url, _trashed, _created, _edited, _state, Name, Notes, Total, Estimate, Late, _row";
    notes.sql("PRAGMA legacy_alter_table = ON");
    notes.sql(&format!(
        "BEGIN; {moved}; INSERT INTO rebuilt({names}) SELECT {names} FROM tasks; DROP TABLE tasks;
         ALTER TABLE rebuilt RENAME TO tasks; {}; COMMIT; PRAGMA legacy_alter_table = OFF",
        triggers.join(";\n")
    ));
    notes.world.settle();
    assert_eq!(notes.source("n"), ["notes of one", "", "notes of three"]);
    assert_eq!(
        notes.column("Notes"),
        ["notes of one", "", "notes of three"]
    );
}

/// A tool may have made the table anew with an empty column in its place: nobody watched.
#[test]
fn a_column_that_is_empty_as_a_whole_after_its_triggers_were_away_is_filled_again() {
    let notes = Notes::new();
    notes.drop_triggers();
    notes.sql("UPDATE tasks SET Notes = NULL");
    notes.is_whole();
}

#[test]
fn what_was_cleared_in_some_rows_while_the_triggers_were_away_is_an_edit() {
    let notes = Notes::new();
    notes.drop_triggers();
    notes.sql("UPDATE tasks SET Notes = NULL WHERE _row < 3");
    notes.world.settle();
    assert_eq!(notes.source("n"), ["", "", "notes of three"]);
}

#[test]
fn a_column_whose_name_is_written_otherwise_is_the_one_it_was() {
    let notes = Notes::new();
    notes.sql(
        "UPDATE tasks SET Notes = NULL WHERE _row = 1; ALTER TABLE tasks RENAME COLUMN Notes TO notes",
    );
    notes.world.settle();
    assert_eq!(notes.source("n"), ["", "notes of two", "notes of three"]);
    assert_eq!(
        notes.column("notes"),
        ["", "notes of two", "notes of three"]
    );
}

/// Made anew, the triggers say no more that the column is another one.
#[test]
fn repairing_the_triggers_fills_what_was_exchanged_first() {
    let notes = Notes::before_late();
    notes.sql("ALTER TABLE tasks ADD COLUMN own TEXT");
    notes.late();
    assert_eq!(notes.column("Late"), ["late"; 3]);
    notes.sql(
        "ALTER TABLE tasks RENAME COLUMN Late TO mine; ALTER TABLE tasks RENAME COLUMN own TO Late",
    );
    notes.world.repair(0);
    notes.is_whole();
}

/// Filling is nobody's edit: it neither runs a person's triggers nor is refused by them.
#[test]
fn a_persons_own_triggers_do_not_see_the_filling() {
    let notes = Notes::new();
    notes.sql(
        "CREATE TABLE log(what);
         CREATE TRIGGER watch AFTER UPDATE ON tasks BEGIN INSERT INTO log VALUES (NEW._row); END;
         CREATE TRIGGER refuse BEFORE UPDATE ON tasks WHEN NEW.Name = 'one'
           BEGIN SELECT RAISE(ABORT, 'not this one'); END;
         ALTER TABLE tasks RENAME COLUMN Notes TO mine; ALTER TABLE tasks ADD COLUMN Notes TEXT",
    );
    notes.world.settle();
    assert_eq!(notes.column("Notes"), NOTES);
    assert_eq!(notes.source("n"), NOTES);
    assert_eq!(rows(&notes.person, "SELECT * FROM log"), [""; 0]);
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
        notes.drop_all();
        notes.sql(&format!(
            "ALTER TABLE tasks DROP COLUMN {name}; ALTER TABLE tasks ADD COLUMN {name} {ty}"
        ));
        notes.is_whole();
    }
}

#[test]
fn what_a_person_wrote_into_a_column_added_anew_is_an_edit_and_no_other_cell_is() {
    let notes = Notes::new();
    notes.drop_all();
    notes.sql(
        "ALTER TABLE tasks DROP COLUMN Notes; ALTER TABLE tasks ADD COLUMN Notes TEXT;
         UPDATE tasks SET Notes = 'mine' WHERE _row = 2",
    );
    notes.world.settle();
    let wanted = ["notes of one", "mine", "notes of three"];
    assert_eq!(notes.source("n"), wanted);
    assert_eq!(notes.column("Notes"), wanted);
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
