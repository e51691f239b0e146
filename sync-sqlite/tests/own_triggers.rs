//! Triggers that people put on the table. Whatever way they refuse what sync writes, that one change
//! waits; everything else goes on, and nothing is taken for an edit.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::linked::Linked;
use common::{field, rows};
use notion_sync_core::schema::{Access, FieldType};
use notion_sync_core::value::Value;

fn number(value: i64) -> Value {
    Value::Number(value.into())
}

/// Tasks with prices.
fn tasks() -> Linked {
    let fields = vec![
        field("title", "Name", FieldType::Title, Access::Writable),
        field("p", "Price", FieldType::Number, Access::Writable),
    ];
    Linked::new(&[("Tasks", fields)])
}

/// Ways a trigger has to refuse rows with a price over 100.
const REFUSALS: [(&str, &str); 6] = [
    ("BEFORE", "SELECT raise(ABORT, 'too dear')"),
    ("BEFORE", "SELECT raise(IGNORE)"),
    ("BEFORE", "SELECT raise(ROLLBACK, 'too dear')"),
    ("AFTER", "SELECT raise(FAIL, 'too dear')"),
    ("AFTER", "SELECT raise(ROLLBACK, 'too dear')"),
    ("AFTER", "INSERT OR ROLLBACK INTO log VALUES (NULL)"),
];

#[test]
fn what_a_trigger_refuses_waits_and_the_rest_is_synced() {
    for (when, body) in REFUSALS {
        let world = tasks();
        let source = &world.sources[0];
        let made = ["one", "two", "three"]
            .map(|name| source.person_creates(&[("title", Value::text(name)), ("p", number(1))]));
        world.settle();
        let person = world.person();
        person
            .execute_batch("CREATE TABLE log(what TEXT NOT NULL)")
            .unwrap();
        for event in ["INSERT", "UPDATE"] {
            person
                .execute_batch(&format!(
                    "CREATE TRIGGER \"mine {event}\" {when} {event} ON tasks
                     WHEN NEW.Price > 100 BEGIN {body}; END"
                ))
                .unwrap();
        }
        // The refused ones between others, so that what came before them is at stake as well.
        for (key, price) in made.iter().zip([50, 200, 60]) {
            world.edits(0, key, "p", number(price));
        }
        for (name, price) in [("new", 70), ("dear", 300), ("last", 80)] {
            source.person_creates(&[("title", Value::text(name)), ("p", number(price))]);
        }
        for run in 0..2 {
            let report = world.run().remove(0);
            assert_eq!(report.refusals.len(), 2, "run {run}, {body}: {report:#?}");
        }
        let shown = "SELECT Name, Price FROM tasks ORDER BY Price, Name";
        assert_eq!(
            rows(&person, shown),
            ["two|1", "one|50", "three|60", "new|70", "last|80"],
            "{body}"
        );
        assert_eq!(rows(&person, "SELECT * FROM changes"), [""; 0], "{body}");
        assert_eq!(world.value(0, &made[1], "p"), number(200), "{body}");

        // An edit of the person is seen as ever: the gate is shut again.
        person
            .execute_batch("UPDATE tasks SET Name = 'first' WHERE Name = 'one'")
            .unwrap();
        world.run();
        assert_eq!(
            world.value(0, &made[0], "title").display(),
            "first",
            "{body}"
        );

        for event in ["INSERT", "UPDATE"] {
            person
                .execute_batch(&format!("DROP TRIGGER \"mine {event}\""))
                .unwrap();
        }
        world.settle();
        assert_eq!(
            rows(&person, shown),
            [
                "first|50", "three|60", "new|70", "last|80", "two|200", "dear|300"
            ],
            "{body}"
        );
        assert_eq!(source.live().len(), 6, "{body}");
    }
}

#[test]
fn a_state_is_shown_whatever_triggers_say_of_the_row() {
    let world = tasks();
    world.sources[0].person_creates(&[("title", Value::text("one")), ("p", number(1))]);
    world.settle();
    let person = world.person();
    person
        .execute_batch(
            "CREATE TABLE log(what TEXT);
             UPDATE tasks SET Price = 500;
             CREATE TRIGGER mine BEFORE UPDATE ON tasks WHEN NEW.Price > 100
             BEGIN INSERT INTO log VALUES ('seen'); SELECT raise(ABORT, 'too dear'); END;",
        )
        .unwrap();
    world.settle();
    assert_eq!(
        rows(&person, "SELECT Price, _state FROM tasks"),
        ["500|clean"]
    );
    assert_eq!(rows(&person, "SELECT count(*) FROM log"), ["0"]);
}

#[test]
fn a_trigger_that_does_not_work_at_all_lets_everything_wait() {
    let world = tasks();
    let key = world.sources[0].person_creates(&[("title", Value::text("one")), ("p", number(1))]);
    world.settle();
    let person = world.person();
    person
        .execute_batch(
            "CREATE TRIGGER mine AFTER UPDATE ON tasks BEGIN INSERT INTO nowhere VALUES (1); END",
        )
        .unwrap();
    world.edits(0, &key, "p", number(2));
    let report = world.run().remove(0);
    let [refusal] = &report.refusals[..] else {
        panic!("{report:#?}");
    };
    assert!(refusal.reason.contains("nowhere"), "{}", refusal.reason);
    person.execute_batch("DROP TRIGGER mine").unwrap();
    world.settle();
    assert_eq!(rows(&person, "SELECT Price FROM tasks"), ["2"]);
}
