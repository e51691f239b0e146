//! What a person reads of rows, schema, values and history, and what is refused at once.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use std::time::Duration;

use common::linked::Linked;
use common::{field, refusal, rows};
use notion_sync_core::engine::RunOutcome;
use notion_sync_core::link::OptionPolicy;
use notion_sync_core::schema::{Access, Field, FieldId, FieldType, Limits};
use notion_sync_core::value::{Choice, RichText, Run, Style, Value};

fn option(name: &str) -> Choice {
    Choice::with_id(format!("id of {name}"), name)
}

fn fields() -> Vec<Field> {
    let mut stage = field(
        "s",
        "Stage",
        FieldType::Select(vec![option("Todo"), option("Done")]),
        Access::Writable,
    );
    stage.limits = Limits {
        option_utf16: Some(10),
        option_without: Some(','),
        ..Limits::default()
    };
    let mut tags = field(
        "g",
        "Tags",
        FieldType::MultiSelect(vec![option("a"), option("b"), option("c")]),
        Access::Writable,
    );
    tags.limits.max_items = Some(2);
    let mut notes = field("n", "Notes", FieldType::RichText, Access::Writable);
    notes.limits.max_utf16 = Some(20);
    vec![
        field("title", "Name", FieldType::Title, Access::Writable),
        stage,
        tags,
        notes,
        field("sum", "Total", FieldType::Formula, Access::Computed),
    ]
}

fn world() -> Linked {
    Linked::new(&[("Tasks", fields())])
}

fn named(name: &str) -> (&'static str, Value) {
    ("title", Value::text(name))
}

#[test]
fn a_row_tells_its_state() {
    let world = world();
    let roof = world.sources[0].person_creates(&[named("Roof"), ("n", Value::text("slate"))]);
    world.settle();
    let person = world.person();
    let state = || rows(&person, "SELECT _state FROM tasks").remove(0);
    assert_eq!(state(), "clean");
    person
        .execute_batch("UPDATE tasks SET Notes = 'tiles'")
        .unwrap();
    assert_eq!(state(), "pending");
    world.settle();
    assert_eq!(state(), "clean");
    // Both sides write the same field.
    person
        .execute_batch("UPDATE tasks SET Notes = 'straw'")
        .unwrap();
    world.edits(0, &roof, "n", Value::text("copper"));
    world.run();
    assert_eq!(rows(&person, "SELECT count(*) FROM conflicts"), ["1"]);
    assert_eq!(state(), "conflict");
    person
        .execute_batch("UPDATE tasks SET Stage = 'Done'")
        .unwrap();
    assert_eq!(state(), "conflict", "what stands in the way is told first");
    person
        .execute_batch("UPDATE conflicts SET resolution = 'sqlite'")
        .unwrap();
    world.settle();
    assert_eq!(state(), "clean");
    assert_eq!(world.value(0, &roof, "n").display(), "straw");
}

#[test]
fn an_edit_that_is_taken_back_or_says_the_same_is_none_after_the_next_run() {
    let world = world();
    world.sources[0].person_creates(&[
        named("Roof"),
        ("n", Value::text("slate")),
        ("g", Value::choices(vec![option("a"), option("b")])),
    ]);
    world.settle();
    world.sources[0].take_mutations();
    let person = world.person();
    person
        .execute_batch(
            "UPDATE tasks SET Notes = 'tiles'; UPDATE tasks SET Notes = 'slate';
             UPDATE tasks SET Tags = '[ \"a\", \"b\" ]';",
        )
        .unwrap();
    assert_eq!(rows(&person, "SELECT _state FROM tasks"), ["pending"]);
    world.run();
    assert_eq!(rows(&person, "SELECT _state FROM tasks"), ["clean"]);
    assert!(rows(&person, "SELECT * FROM changes").is_empty());
    assert!(rows(&person, "SELECT * FROM _sync_pending").is_empty());
    assert!(world.sources[0].take_mutations().is_empty());
}

#[test]
fn digits_that_the_source_rounds_stay_in_the_row_and_are_no_conflict() {
    let mut fields = fields();
    fields.push(field("p", "Price", FieldType::Number, Access::Writable));
    let world = Linked::new(&[("Tasks", fields)]);
    let number = |digits: &str| Value::Number(digits.parse().unwrap());
    let roof = world.sources[0].person_creates(&[named("Roof"), ("p", number("3"))]);
    world.settle();
    let person = world.person();
    for (written, kept) in [
        ("9007199254740993", "9007199254740992"),
        ("'0.1234567890123456789'", "0.12345678901234568"),
    ] {
        world.sources[0].take_mutations();
        let edit = format!("UPDATE tasks SET Price = {written}");
        person.execute_batch(&edit).unwrap();
        world.settle();
        assert_eq!(world.sources[0].take_mutations().len(), 1, "{written}");
        assert_eq!(world.value(0, &roof, "p"), number(kept));
        let row = rows(&person, "SELECT Price, _state FROM tasks");
        assert_eq!(row, [format!("{}|clean", written.trim_matches('\''))]);
        assert!(rows(&person, "SELECT * FROM _sync_pending").is_empty());
        assert!(rows(&person, "SELECT * FROM conflicts").is_empty());
    }
    for unlike in ["-1e400", "1e-400", "-0.01E-330", " 1e-400 "] {
        let refused = refusal(&person, &format!("UPDATE tasks SET Price = '{unlike}'"));
        assert_eq!(refused, "Price takes a number, like 12, -0.5 or 1e6");
    }
    for zero in ["0e5", "0.000", "-0", "1e-300"] {
        let edit = format!("UPDATE tasks SET Price = '{zero}'");
        person.execute_batch(&edit).unwrap();
    }
}

#[test]
fn a_number_that_is_written_as_text_is_one_after_the_next_run() {
    use rusqlite::types::Value::{Integer, Null, Real, Text};
    let mut fields = fields();
    fields.push(field("p", "Price", FieldType::Number, Access::Writable));
    let world = Linked::new(&[("Tasks", fields)]);
    world.sources[0].person_creates(&[named("Roof")]);
    world.settle();
    let person = world.person();
    // Neither the triggers of somebody's own see that, nor can they refuse it.
    let refusing = "CREATE TRIGGER mine BEFORE UPDATE ON tasks WHEN OLD.Price IS NOT NEW.Price
        BEGIN SELECT RAISE(ABORT, 'no'); END";
    let text = |digits: &str| Text(digits.to_owned());
    for (written, becomes) in [
        ("7", Integer(7)),
        ("-12.0", Integer(-12)),
        (" 1E+3 ", Integer(1_000)),
        ("12.50", Real(12.5)),
        ("0.30000000000000004", Real(0.1 + 0.2)),
        ("1e20", Real(1e20)),
        ("9223372036854775807", Integer(i64::MAX)),
        // No INTEGER and no REAL is exactly this.
        ("9223372036854775809", text("9223372036854775809")),
        ("0.1234567890123456789", text("0.1234567890123456789")),
        ("", Null),
    ] {
        person
            .execute("UPDATE tasks SET Price = ?1", [written])
            .unwrap();
        let insert = "INSERT INTO tasks (Name, Price) VALUES ('new', ?1)";
        person.execute(insert, [written]).unwrap();
        person.execute_batch(refusing).unwrap();
        world.settle();
        person.execute_batch("DROP TRIGGER mine").unwrap();
        let mut prices = person.prepare("SELECT Price FROM tasks").unwrap();
        let prices = prices.query_map([], |row| row.get(0)).unwrap();
        for price in prices {
            let price: rusqlite::types::Value = price.unwrap();
            assert_eq!(price, becomes, "{written:?}");
        }
        let clean = "SELECT count(*) FROM tasks WHERE _state <> 'clean'";
        assert_eq!(rows(&person, clean), ["0"], "{written:?}");
        world.sources[0].take_mutations();
        world.run();
        assert!(world.sources[0].take_mutations().is_empty(), "{written}");
    }
}

#[test]
fn the_state_of_a_row_is_nobodys_to_write() {
    let world = world();
    world.settle();
    let person = world.person();
    let sentence = "_state is kept by sync and cannot be edited";
    assert!(
        refusal(
            &person,
            "INSERT INTO tasks (Name, _state) VALUES ('x', 'clean')"
        )
        .starts_with(sentence)
    );
    person
        .execute_batch("INSERT INTO tasks (Name) VALUES ('x')")
        .unwrap();
    assert_eq!(
        refusal(&person, "UPDATE tasks SET _state = 'clean'"),
        sentence
    );
    assert_eq!(rows(&person, "SELECT _state FROM tasks"), ["pending"]);
}

#[test]
fn pain_17_an_option_that_is_not_offered_is_refused_at_once_unless_allowed() {
    let mut world = world();
    world.sources[0].person_creates(&[named("Roof"), ("s", Value::Choice(option("Todo")))]);
    world.settle();
    let person = world.person();
    let no_option = "Stage has no option of that name; schema_fields lists those it has, and another has to \
                     be added where the options are kept";
    assert_eq!(
        refusal(&person, "UPDATE tasks SET Stage = 'Later'"),
        no_option
    );
    assert_eq!(
        refusal(
            &person,
            "INSERT INTO tasks (Name, Stage) VALUES ('x', 'todo')"
        ),
        no_option
    );
    assert!(
        refusal(&person, "UPDATE tasks SET Tags = '[\"a\",\"z\"]'")
            .starts_with("Tags has no option of that name")
    );
    person
        .execute_batch("UPDATE tasks SET Tags = '[\"a\",\"b\"]', Stage = 'Done'")
        .unwrap();
    world.settle();
    // An option that is taken away while a row holds it does not lock the row.
    world.sources[0].change_schema(|schema| {
        schema.fields[2].ty = FieldType::MultiSelect(vec![option("a"), option("c")]);
    });
    world.run();
    person
        .execute_batch("UPDATE tasks SET Notes = 'x'")
        .unwrap();
    assert!(refusal(&person, "UPDATE tasks SET Tags = '[\"b\",\"z\"]'").starts_with("Tags has no"));
    person
        .execute_batch("UPDATE tasks SET Tags = '[\"b\",\"c\"]'")
        .unwrap();

    world.policy.unknown_options = OptionPolicy::AddOption;
    world.run();
    person
        .execute_batch("UPDATE tasks SET Stage = 'Later'")
        .unwrap();
    let cap = "an option of Stage is at most 10 characters long and holds no ','";
    assert_eq!(refusal(&person, "UPDATE tasks SET Stage = 'a, b'"), cap);
    assert_eq!(
        refusal(&person, "UPDATE tasks SET Stage = 'much too long'"),
        cap
    );
}

#[test]
fn pain_16_what_is_over_a_cap_is_refused_at_once() {
    let world = world();
    world.settle();
    let person = world.person();
    person
        .execute_batch("INSERT INTO tasks (Name) VALUES ('x')")
        .unwrap();
    assert_eq!(
        refusal(&person, "UPDATE tasks SET Notes = 'twenty-one characters'"),
        "Notes takes at most 20 characters"
    );
    assert_eq!(
        refusal(&person, "UPDATE tasks SET Tags = '[\"a\",\"b\",\"c\"]'"),
        "Tags takes at most 2 elements"
    );
    person
        .execute_batch("UPDATE tasks SET Notes = 'twenty is just right'")
        .unwrap();
}

#[test]
fn schema_fields_tells_every_column() {
    let world = world();
    world.settle();
    world.sources[0].change_schema(|schema| schema.fields[3].name = "Remarks".into());
    world.run();
    let person = world.person();
    assert_eq!(
        rows(
            &person,
            "SELECT \"table\", \"column\", name, field_id, type, editable, reason, options,
               max_characters, max_elements FROM schema_fields WHERE data_source = 'notion:Tasks'"
        ),
        [
            "tasks|Name|Name|title|title|1||||",
            "tasks|Stage|Stage|s|select|1||[\"Todo\",\"Done\"]||",
            "tasks|Tags|Tags|g|multi_select|1||[\"a\",\"b\",\"c\"]||2",
            "tasks|Notes|Remarks|n|rich_text|1|||20|",
            "tasks|Total|Total|sum|formula|0|computed by Notion|||",
        ]
    );
}

#[test]
fn columns_follow_a_rename_only_where_that_was_asked_for() {
    let mut world = world();
    let roof = world.sources[0].person_creates(&[named("Roof"), ("n", Value::text("slate"))]);
    world.settle();
    let person = world.person();
    person
        .execute_batch(
            "CREATE VIEW mine AS SELECT Notes FROM tasks; UPDATE tasks SET Notes = 'tin'",
        )
        .unwrap();
    world.sources[0].change_schema(|schema| schema.fields[3].name = "Remarks".into());
    world.follow_names = true;
    // Laid out anew and not run yet: the edit goes by the new name.
    world.engine(0);
    assert_eq!(
        rows(&person, "SELECT \"column\", base, current FROM changes"),
        ["Remarks|slate|tin"]
    );
    world.settle();
    assert_eq!(
        rows(&person, "SELECT Remarks, _state FROM tasks"),
        ["tin|clean"]
    );
    assert_eq!(rows(&person, "SELECT * FROM mine"), ["tin"]);
    assert_eq!(
        world.value(0, &roof, "n").display(),
        "tin",
        "an edit from before is not lost"
    );
    person
        .execute_batch("UPDATE tasks SET Remarks = 'lead'")
        .unwrap();
    assert_eq!(
        rows(&person, "SELECT \"column\", current FROM changes"),
        ["Remarks|lead"]
    );
    world.settle();
    assert_eq!(world.value(0, &roof, "n").display(), "lead");
    assert!(world.run()[0].is_quiet());
}

#[test]
fn cells_keep_what_a_column_cannot_show() {
    let world = world();
    let bold = Run {
        style: Style {
            bold: true,
            ..Style::default()
        },
        ..Run::plain("slate")
    };
    let text = RichText::new([Run::plain("grey "), bold]);
    let roof = world.sources[0].person_creates(&[
        named("Roof"),
        ("n", Value::rich_text(text)),
        ("g", Value::choices(vec![option("a")])),
    ]);
    world.settle();
    let person = world.person();
    assert_eq!(rows(&person, "SELECT Notes FROM tasks"), ["grey slate"]);
    assert_eq!(
        rows(
            &person,
            "SELECT \"column\", completeness, value FROM cells WHERE \"column\" IN ('Notes', 'Stage', 'Tags')
             ORDER BY \"column\""
        ),
        [
            "Notes|complete|{\"rich_text\":[{\"text\":\"grey \"},{\"text\":\"slate\",\"style\":{\"bold\":true}}]}",
            "Stage|complete|",
            "Tags|complete|{\"choices\":[{\"id\":\"id of a\",\"name\":\"a\"}]}",
        ]
    );
    world.sources[0].garble(&FieldId::new("n"), true);
    world.edits(0, &roof, "s", Value::Choice(option("Done")));
    world.run();
    let garbled = "SELECT completeness FROM cells WHERE \"column\" = 'Notes'";
    assert_eq!(rows(&person, garbled), ["missing"]);
}

#[test]
fn runs_and_journal_tell_what_happened_in_words() {
    let world = world();
    let roof = world.sources[0].person_creates(&[named("Roof"), ("n", Value::text("slate"))]);
    world.settle();
    world.clock.advance(Duration::from_secs(60));
    world.edits(
        0,
        &roof,
        "n",
        Value::rich_text(RichText::plain_text("copper")),
    );
    world.edits(
        0,
        &roof,
        "g",
        Value::choices(vec![option("a"), option("b")]),
    );
    assert_eq!(world.run()[0].outcome, RunOutcome::Clean);
    let person = world.person();
    person
        .execute_batch("UPDATE tasks SET Stage = 'Done'")
        .unwrap();
    world.settle();
    assert_eq!(
        rows(
            &person,
            "SELECT title, side, kind, \"column\", before, after FROM journal WHERE kind = 'patch' ORDER BY id"
        ),
        [
            "Roof|sqlite|patch|Tags||[\"a\",\"b\"]",
            "Roof|sqlite|patch|Notes|slate|copper",
            "Roof|notion|patch|Stage||Done",
        ]
    );
    assert_eq!(
        rows(
            &person,
            "SELECT \"table\", outcome, settled FROM runs WHERE settled > 0 ORDER BY run"
        ),
        ["tasks|clean|1", "tasks|clean|1", "tasks|clean|1"]
    );
    let runs = rows(
        &person,
        "SELECT run FROM runs r WHERE EXISTS (SELECT 1 FROM journal j WHERE j.run = r.run)",
    );
    assert_eq!(runs.len(), 3, "a run is called the same in both");
    assert!(
        runs[0].parse::<notion_sync_core::port::RunId>().is_ok(),
        "{runs:?}"
    );
}

#[test]
fn a_collection_that_is_called_like_a_view_gets_a_table_of_another_name() {
    let world = Linked::new(&[("Runs", fields())]);
    world.settle();
    let person = world.person();
    assert_eq!(
        rows(&person, "SELECT \"table\" FROM sync_status"),
        ["runs_records"]
    );
    assert_eq!(
        rows(&person, "SELECT DISTINCT \"table\" FROM runs"),
        ["runs_records"]
    );
}
