//! What a person may do to the table, and what is refused with which sentence.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::{World, refusal, rows};
use notion_sync_core::port::Coverage;
use notion_sync_core::record::{Cell, Lifecycle};
use notion_sync_core::schema::FieldId;
use notion_sync_core::value::{Choice, DateValue, Value};

#[test]
fn every_refusal_has_its_sentence() {
    let mut world = World::new();
    world.pull("one", "3");
    let person = world.person();
    for (sql, sentence) in [
        (
            "DELETE FROM tasks",
            "rows are not deleted here; set _trashed = 1 instead",
        ),
        (
            "UPDATE tasks SET _id = 'x'",
            "_id is computed by Notion and cannot be edited",
        ),
        (
            "UPDATE tasks SET _url = 'x'",
            "_url is computed by Notion and cannot be edited",
        ),
        (
            "UPDATE tasks SET _created = 'x'",
            "_created is computed by Notion and cannot be edited",
        ),
        (
            "UPDATE tasks SET _edited = 'x'",
            "_edited is computed by Notion and cannot be edited",
        ),
        (
            "UPDATE tasks SET _row = 9",
            "_row is the row's own number and cannot be edited",
        ),
        (
            "UPDATE OR REPLACE tasks SET _row = 9",
            "_row is the row's own number and cannot be edited",
        ),
        (
            "UPDATE OR IGNORE tasks SET Total = 1",
            "Total is computed by Notion and cannot be edited",
        ),
        (
            "UPDATE tasks SET Refs = '[]'",
            "Refs is of a kind that is only read (relation) and cannot be edited",
        ),
        (
            "UPDATE tasks SET Marker = 'x'",
            "Marker is written by sync and cannot be edited",
        ),
        (
            "UPDATE tasks SET _trashed = 2",
            "_trashed is 1 (in the trash) or 0",
        ),
        (
            "INSERT INTO tasks(_id, Name) VALUES ('new', 'x')",
            "leave _id empty: Notion gives it",
        ),
        (
            "INSERT INTO tasks(Name, Total) VALUES ('x', 1)",
            "Total is computed by Notion and cannot be edited; leave it empty",
        ),
        (
            "INSERT OR REPLACE INTO tasks(_id, Name) VALUES ('page-1', 'x')",
            "INSERT OR REPLACE would clear the columns it does not name; use INSERT … ON CONFLICT(_id) DO UPDATE SET …",
        ),
        (
            "REPLACE INTO tasks(_row, Name) VALUES (1, 'x')",
            "INSERT OR REPLACE would clear the columns it does not name; use INSERT … ON CONFLICT(_id) DO UPDATE SET …",
        ),
        (
            "INSERT INTO tasks(_row, Name) VALUES (-4, 'x')",
            "leave _row empty: it is counted here",
        ),
        (
            "UPDATE tasks SET Price = 'many'",
            "Price takes a number, like 12, -0.5 or 1e6",
        ),
        (
            "UPDATE tasks SET Price = x'00'",
            "Price takes a number, like 12, -0.5 or 1e6",
        ),
        (
            "UPDATE tasks SET Price = 9e999",
            "Price takes a number, like 12, -0.5 or 1e6",
        ),
        (
            "INSERT INTO tasks(Price) VALUES ('[1]')",
            "Price takes a number, like 12, -0.5 or 1e6",
        ),
        (
            "UPDATE tasks SET Done = 2",
            "Done is a checkbox: 1 for yes, 0 for no",
        ),
        (
            "UPDATE tasks SET Tags = 'a,b'",
            "Tags takes a JSON array of names, like [\"a\",\"b\"]",
        ),
        (
            "UPDATE tasks SET Tags = '{}'",
            "Tags takes a JSON array of names, like [\"a\",\"b\"]",
        ),
        (
            "UPDATE tasks SET Tags = '[1]'",
            "Tags takes a JSON array of names, like [\"a\",\"b\"]",
        ),
        (
            "UPDATE tasks SET Due = 'soon'",
            "Due takes a date: write 2026-06-15, 2026-06-15T14:30:00+09:00 or start/end",
        ),
        (
            "UPDATE tasks SET Due = '2026-02-30'",
            "Due takes a date: write 2026-06-15, 2026-06-15T14:30:00+09:00 or start/end",
        ),
        (
            "UPDATE tasks SET Due = '2026-06-15T25:00:00Z'",
            "Due takes a date: write 2026-06-15, 2026-06-15T14:30:00+09:00 or start/end",
        ),
        (
            "UPDATE tasks SET Due = '2026-06-15T24:00:00Z'",
            "Due takes a date: write 2026-06-15, 2026-06-15T14:30:00+09:00 or start/end",
        ),
        (
            "UPDATE tasks SET Name = 'a' || char(0) || 'b'",
            "Name holds a NUL character, which ends a text in many programs; leave it out",
        ),
        (
            "UPDATE tasks SET Due = '2026-06-15' || char(0)",
            "Due holds a NUL character, which ends a text in many programs; leave it out",
        ),
        (
            "UPDATE tasks SET Price = '12' || char(0)",
            "Price holds a NUL character, which ends a text in many programs; leave it out",
        ),
        (
            "UPDATE tasks SET Tags = '[]' || char(0)",
            "Tags holds a NUL character, which ends a text in many programs; leave it out",
        ),
        (
            "UPDATE tasks SET Due = '2026-06-15/soon'",
            "Due takes a date: write 2026-06-15, 2026-06-15T14:30:00+09:00 or start/end",
        ),
        (
            "UPDATE tasks SET Due = '2026-06-15 14:30:00'",
            "Due needs an offset with a time: write 2026-06-15T14:30:00+09:00, or Z for UTC",
        ),
        (
            "UPDATE tasks SET Due = '2026-06-15/2026-06-16T14:30'",
            "Due needs an offset with a time: write 2026-06-15T14:30:00+09:00, or Z for UTC",
        ),
    ] {
        assert_eq!(refusal(&person, sql), sentence, "{sql}");
    }
    assert!(refusal(&person, "UPDATE tasks SET Done = 'yes'").contains("Done"));
    assert_eq!(rows(&person, "SELECT count(*), Name FROM tasks"), ["1|one"]);
    assert_eq!(rows(&person, "SELECT * FROM changes"), [""; 0]);
    assert!(world.scan(None).0.len() == 1);
}

#[test]
fn the_triggers_take_the_dates_that_sync_reads() {
    let mut world = World::new();
    world.pull("one", "3");
    let person = world.person();
    let seconds = [
        "",
        ":00",
        ":59",
        ":60",
        ":61",
        ":7",
        ":00.5",
        ":00.123456789",
        ":00.1234567890",
    ];
    let odd = [
        "...", ":00:00", ":ZZ", ".5", ":00.", "+-", "-", ":00.5.5", ":",
    ];
    let offsets = [
        "Z", "z", "+09", "+0930", "-09:30", "+23:59", "+24:00", "+09:60", "",
    ];
    for second in seconds.into_iter().chain(odd) {
        for offset in offsets {
            let text = format!("2026-06-15T14:30{second}{offset}");
            let taken = person.execute("UPDATE tasks SET Due = ?1", [&text]);
            assert_eq!(taken.is_ok(), text.parse::<DateValue>().is_ok(), "{text}");
        }
    }
}

#[test]
fn a_tool_with_recursive_triggers_is_refused_the_same() {
    let mut world = World::new();
    world.pull("one", "3");
    let person = world.person();
    person
        .execute_batch("PRAGMA recursive_triggers = ON")
        .unwrap();
    let sentence = refusal(
        &person,
        "INSERT OR REPLACE INTO tasks(_id, Name) VALUES ('page-1', 'x')",
    );
    assert!(sentence.contains("set _trashed = 1"), "{sentence}");
    assert_eq!(rows(&person, "SELECT Name FROM tasks"), ["one"]);
}

#[test]
fn an_upsert_edits_only_what_changed() {
    let mut world = World::new();
    world.pull("one", "3");
    world.pull("two", "4");
    let (_, cursor, _) = world.scan(None);
    let person = world.person();
    person
        .execute_batch(
            "INSERT INTO tasks(_id, Name, Price) VALUES ('page-2', 'zwei', 4)
             ON CONFLICT(_id) DO UPDATE SET Name = excluded.Name, Price = excluded.Price",
        )
        .unwrap();
    assert_eq!(
        rows(
            &person,
            "SELECT \"table\", _row, _id, \"column\", kind, base, current FROM changes"
        ),
        ["tasks|2|page-2|Name|update|two|zwei"]
    );
    assert_eq!(rows(&person, "SELECT col FROM _sync_capture"), ["Name"]);
    let (seen, _, coverage) = world.scan(Some(&cursor));
    assert_eq!(coverage, Coverage::Delta);
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].key.as_str(), "2");
}

#[test]
fn an_upsert_may_repeat_what_no_edit_could_write() {
    let mut world = World::new();
    world.pull("a\0b", "3");
    let person = world.person();
    for (row, price) in [("_id", 5), ("_row", 6)] {
        person
            .execute_batch(&format!(
                "INSERT INTO tasks({row}, Name, Price) SELECT {row}, Name, {price} FROM tasks WHERE true
                 ON CONFLICT({row}) DO UPDATE SET Name = excluded.Name, Price = excluded.Price"
            ))
            .unwrap();
        let price = price.to_string();
        assert_eq!(rows(&person, "SELECT Price FROM tasks"), [price]);
    }
    assert_eq!(
        rows(&person, "SELECT DISTINCT col FROM _sync_capture"),
        ["Price"]
    );
    for statement in [
        "INSERT INTO tasks(_id, Name) SELECT _id, Name || 'c' FROM tasks WHERE true
         ON CONFLICT(_id) DO UPDATE SET Name = excluded.Name",
        "INSERT INTO tasks(Name) SELECT Name FROM tasks",
        "UPDATE tasks SET Name = Name || 'c'",
    ] {
        let refused = refusal(&person, statement);
        assert!(refused.contains("holds a NUL character"), "{refused}");
    }
}

#[test]
fn one_statement_over_columns_and_rows_is_captured_whole_and_a_rollback_not_at_all() {
    let mut world = World::new();
    for name in ["a", "b", "c"] {
        world.pull(name, "1");
    }
    let (_, cursor, _) = world.scan(None);
    let person = world.person();
    person
        .execute_batch("BEGIN; UPDATE tasks SET Name = 'x', Price = 2; ROLLBACK")
        .unwrap();
    assert!(world.scan(Some(&cursor)).0.is_empty());
    person
        .execute_batch("BEGIN; UPDATE tasks SET Name = Name || '!', Price = 2, Done = 0; COMMIT")
        .unwrap();
    assert_eq!(rows(&person, "SELECT count(*) FROM changes"), ["6"]);
    let (seen, later, _) = world.scan(Some(&cursor));
    assert_eq!(seen.len(), 3);
    assert!(world.scan(Some(&later)).0.is_empty());
    assert_eq!(
        rows(
            &person,
            "SELECT \"table\", rows, live, pending, conflicts FROM sync_status"
        ),
        ["tasks|3|3|3|0"]
    );
    assert_eq!(
        rows(&person, "SELECT _row, state FROM sync_rows"),
        ["1|pending", "2|pending", "3|pending"]
    );
}

#[test]
fn defect_01_there_and_back_is_scanned_again_and_shows_no_change() {
    let mut world = World::new();
    world.pull("a", "1");
    let (_, cursor, _) = world.scan(None);
    let person = world.person();
    person
        .execute_batch("UPDATE tasks SET Name = 'b'; UPDATE tasks SET Name = 'a'")
        .unwrap();
    assert_eq!(world.scan(Some(&cursor)).0.len(), 1);
    assert_eq!(rows(&person, "SELECT * FROM changes"), [""; 0]);
}

#[test]
fn null_clears_and_trash_insert_and_restore_are_told_by_name() {
    let mut world = World::new();
    world.pull("a", "1");
    let person = world.person();
    person
        .execute_batch(
            "UPDATE tasks SET Price = NULL, Due = '', Done = NULL WHERE _row = 1;
             UPDATE tasks SET _trashed = 1 WHERE _row = 1;
             INSERT INTO tasks(Name, Tags) VALUES ('new', '[\"x\",\"y\"]');
             UPDATE tasks SET Stage = 'Doing' WHERE Name = 'new';",
        )
        .unwrap();
    assert_eq!(
        rows(
            &person,
            "SELECT _row, \"column\", kind, current FROM changes ORDER BY _row, \"column\""
        ),
        [
            "1|Done|update|",
            "1|Due|update|",
            "1|Price|update|",
            "1|_trashed|trash|1",
            "2||insert|new"
        ]
    );
    let (seen, _, _) = world.scan(None);
    assert_eq!(seen[0].lifecycle, Lifecycle::Trashed);
    let cell = |row: usize, id: &str| seen[row].cells.cell(&FieldId::new(id)).cloned().unwrap();
    assert_eq!(cell(0, "Price"), Cell::Complete(Value::Empty));
    assert_eq!(cell(0, "Due"), Cell::Complete(Value::Empty));
    assert_eq!(cell(0, "Done"), Cell::Complete(Value::Bool(false)));
    assert_eq!(cell(0, "_id"), Cell::Unread);
    assert_eq!(cell(0, "Total"), Cell::Unread);
    assert_eq!(
        cell(1, "Tags"),
        Cell::Complete(Value::Choices(vec![Choice::named("x"), Choice::named("y")]))
    );
    assert_eq!(
        cell(1, "Stage"),
        Cell::Complete(Value::Choice(Choice::named("Doing")))
    );
}

#[test]
fn what_people_write_reads_back_exactly() {
    let mut world = World::new();
    world.pull("a", "3");
    let person = world.person();
    assert_eq!(
        rows(&person, "SELECT typeof(Price), Price FROM tasks"),
        ["integer|3"]
    );
    for (sql, number) in [
        ("9007199254740993", "9007199254740993"),
        ("0.1", "0.1"),
        ("3.0", "3"),
        ("'1e400'", "1e400"),
        ("'12'", "12"),
        ("-0.5", "-0.5"),
    ] {
        person
            .execute_batch(&format!("UPDATE tasks SET Price = {sql}"))
            .unwrap();
        let (seen, _, _) = world.scan(None);
        assert_eq!(
            seen[0].cells.complete(&FieldId::new("Price")),
            Some(&Value::Number(number.parse().unwrap())),
            "{sql}"
        );
    }
    for date in [
        "2026-06-15",
        "2026-06-15T14:30:00+09:00",
        "2026-06-15T14:30Z",
        "2026-06-15 14:30:00.250+0900",
        "2026-06-15/2026-06-17",
        "2026-06-15T14:30:00+02:00/2026-06-15T15:30:00+02:00",
    ] {
        person.execute("UPDATE tasks SET Due = ?1", [date]).unwrap();
        let (seen, _, _) = world.scan(None);
        assert_eq!(
            seen[0].cells.complete(&FieldId::new("Due")),
            Some(&Value::Date(date.parse().unwrap())),
            "{date}"
        );
    }
}

#[test]
fn a_cell_made_unreadable_behind_the_triggers_costs_that_cell() {
    let mut world = World::new();
    world.pull("a", "3");
    let person = world.person();
    person
        .execute_batch("DROP TRIGGER _sync_tasks_before_update; UPDATE tasks SET Due = 'soon'")
        .unwrap();
    let (seen, _, _) = world.scan(None);
    assert!(matches!(
        seen[0].cells.cell(&FieldId::new("Due")),
        Some(Cell::Unsupported(_))
    ));
    assert!(seen[0].cells.complete(&FieldId::new("Price")).is_some());
}

#[test]
fn the_command_line_tool_is_a_person_too() {
    let mut world = World::new();
    world.pull("a", "3");
    let run = |sql: &str| {
        std::process::Command::new("sqlite3")
            .arg(world.path())
            .arg(sql)
            .output()
    };
    let Ok(done) = run(
        "UPDATE tasks SET Name = 'b' WHERE _id = 'page-1'; SELECT kind, base, current FROM changes",
    ) else {
        return;
    };
    assert_eq!(String::from_utf8_lossy(&done.stdout), "update|a|b\n");
    let refused = run("DELETE FROM tasks").unwrap();
    let sentence = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(sentence.contains("set _trashed = 1 instead"), "{sentence}");
}
