//! Somebody else's table: values into its columns and back, and what the table says to commands.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod tables;

use notion_sync_core::port::{Atomicity, Command, Outcome};
use notion_sync_core::record::Cell;
use notion_sync_core::schema::FieldType;
use notion_sync_core::value::{Choice, Number, Value};
use tables::*;

fn text(text: &str) -> Value {
    Value::text(text)
}

fn number(text: &str) -> Value {
    Value::Number(text.parse::<Number>().unwrap())
}

fn date(text: &str) -> Value {
    Value::Date(text.parse().unwrap())
}

fn json(text: &str) -> Value {
    Value::Json(text.parse().unwrap())
}

#[test]
fn a_value_of_another_kind_costs_its_cell_only() {
    let shop = Shop::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, day DATE, j JSON, b BOOLEAN, tags TEXT, a TEXT);
         INSERT INTO t VALUES (1, 'many', 'soon', '{', 7, 'not json', x'00ff'), (2, 5, '2026-06-15', '[1]', 1, '[\"x\"]', 'fine');",
    );
    let peer = shop
        .builder("t")
        .column("tags", FieldType::MultiSelect(Vec::new()))
        .build()
        .unwrap();
    for field in ["n", "day", "j", "b", "tags", "a"] {
        assert!(
            matches!(cell(&peer, "1", field), Cell::Unsupported(_)),
            "{field}"
        );
        assert!(
            matches!(cell(&peer, "2", field), Cell::Complete(_)),
            "{field}"
        );
    }
    assert_eq!(full(&peer).keys(), ["1", "2"]);
}

#[test]
fn pain_15_dates_of_a_program_read_as_it_means_them_and_come_back_as_sqlite_reads_them() {
    let shop = Shop::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, at DATETIME);
         INSERT INTO t(at) VALUES ('2026-06-15'), ('2026-06-15 05:30:00'), ('2026-06-15T14:30:00+09:00'),
           ('2026-06-15 05:30'), (CURRENT_TIMESTAMP), ('');",
    );
    let peer = shop.table("t");
    assert_eq!(reads(&peer, "1", "at"), "2026-06-15");
    assert_eq!(
        reads(&peer, "2", "at"),
        "2026-06-15T05:30:00+00:00",
        "without offset it is UTC"
    );
    assert_eq!(reads(&peer, "3", "at"), "2026-06-15T14:30:00+09:00");
    assert_eq!(reads(&peer, "4", "at"), "2026-06-15T05:30:00+00:00");
    assert!(matches!(
        cell(&peer, "5", "at"),
        Cell::Complete(Value::Date(_))
    ));
    assert_eq!(cell(&peer, "6", "at"), Cell::Complete(Value::Empty));
    for (value, written) in [
        ("2026-01-02", "2026-01-02"),
        ("2026-01-02T03:04:05+00:00", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05+09:00", "2026-01-02T03:04:05+09:00"),
        (
            "2026-01-02T03:04:05+09:00[Asia/Tokyo]",
            "2026-01-02T03:04:05+09:00",
        ),
    ] {
        done(&peer, patch("1", &[("at", date(value))]));
        assert_eq!(
            shop.ask("SELECT at FROM t WHERE id = 1").as_deref(),
            Some(written)
        );
        assert_ne!(shop.ask("SELECT datetime(at) FROM t WHERE id = 1"), None);
    }
    let range = date("2026-01-02/2026-01-05");
    let why = refusal(&peer, patch("1", &[("at", range)]));
    assert!(why.contains("not a range"), "{why}");
}

#[test]
fn numbers_arrive_exactly_or_not_at_all() {
    let shop = Shop::new("CREATE TABLE t(id INTEGER PRIMARY KEY, r REAL, n NUMERIC, i INTEGER);");
    let peer = shop.table("t");
    done(
        &peer,
        create(&[
            ("r", number("3")),
            ("n", number("0.1")),
            ("i", number("9007199254740993")),
        ]),
    );
    for (field, value) in [("r", "3"), ("n", "0.1"), ("i", "9007199254740993")] {
        assert_eq!(reads(&peer, "1", field), value);
    }
    for (field, value) in [
        ("r", "9007199254740993"),
        ("n", "0.1000000000000000000001"),
        ("i", "1e400"),
    ] {
        let why = refusal(&peer, patch("1", &[(field, number(value))]));
        assert!(why.contains("64 bits"), "{why}");
    }
}

#[test]
fn empty_is_null_or_where_null_is_refused_the_empty_value() {
    let shop = Shop::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b TEXT NOT NULL, tags TEXT NOT NULL, n INTEGER NOT NULL,
           d TEXT NOT NULL DEFAULT 'given');",
    );
    let peer = shop
        .builder("t")
        .column("tags", FieldType::MultiSelect(Vec::new()))
        .build()
        .unwrap();
    let tags = Value::choices(vec![Choice::named("x")]);
    done(
        &peer,
        create(&[
            ("a", text("x")),
            ("b", text("y")),
            ("tags", tags),
            ("n", number("1")),
        ]),
    );
    assert_eq!(reads(&peer, "1", "d"), "given");
    let clear = |field| patch("1", &[(field, Value::Empty)]);
    for field in ["a", "b", "tags"] {
        done(&peer, clear(field));
        assert_eq!(
            cell(&peer, "1", field),
            Cell::Complete(Value::Empty),
            "{field}"
        );
    }
    let row = shop.ask("SELECT quote(a) || quote(b) || quote(tags) FROM t");
    assert_eq!(row.as_deref(), Some("NULL'''[]'"));
    let why = refusal(&peer, clear("n"));
    assert!(why.contains("NOT NULL constraint failed: t.n"), "{why}");
}

#[test]
fn what_reads_the_same_keeps_the_program_s_own_writing() {
    let shop = Shop::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, j JSON, at DATETIME, a TEXT);
         INSERT INTO t VALUES (1, '{ \"b\": 1, \"a\": 2 }', '2026-06-15T05:30Z', 'x');",
    );
    let peer = shop.table("t");
    let cells = [
        ("j", json("{\"a\":2,\"b\":1}")),
        ("at", date("2026-06-15T05:30:00+00:00")),
        ("a", text("y")),
    ];
    done(&peer, patch("1", &cells));
    let row = shop.ask("SELECT j || at || a FROM t");
    assert_eq!(
        row.as_deref(),
        Some("{ \"b\": 1, \"a\": 2 }2026-06-15T05:30Zy")
    );
}

/// Every third command is refused, the others are done.
fn only_the_second(outcomes: &[Outcome]) -> String {
    assert!(matches!(outcomes[0], Outcome::Done(_)), "{outcomes:?}");
    assert!(matches!(outcomes[2], Outcome::Done(_)), "{outcomes:?}");
    why(&outcomes[1]).to_owned()
}

#[test]
fn what_the_table_refuses_costs_its_command_only_in_the_table_s_words() {
    let tables = [
        ("a TEXT CHECK (a <> 'bad')", "", "CHECK constraint failed"),
        (
            "a TEXT UNIQUE",
            "INSERT INTO t(id, a) VALUES (9, 'bad')",
            "UNIQUE constraint failed: t.a",
        ),
        (
            "a TEXT REFERENCES other(k)",
            "INSERT INTO other VALUES ('x'), ('y')",
            "FOREIGN KEY",
        ),
        (
            "a TEXT REFERENCES other(k) DEFERRABLE INITIALLY DEFERRED",
            "INSERT INTO other VALUES ('x'), ('y')",
            "FOREIGN KEY",
        ),
        (
            "a TEXT",
            "CREATE TRIGGER no BEFORE UPDATE ON t WHEN NEW.a = 'bad' BEGIN
               INSERT INTO log VALUES (NEW.a); SELECT RAISE(FAIL, 'not on a Sunday'); END",
            "not on a Sunday",
        ),
        (
            "a TEXT",
            "CREATE TRIGGER no BEFORE UPDATE ON t WHEN NEW.a = 'bad' BEGIN
               SELECT RAISE(ROLLBACK, 'nothing at all'); END",
            "nothing at all",
        ),
        (
            "a TEXT",
            "CREATE TRIGGER no BEFORE UPDATE ON t WHEN NEW.a = 'bad' BEGIN SELECT RAISE(IGNORE); END",
            "passes over",
        ),
        (
            "a TEXT UNIQUE ON CONFLICT ROLLBACK",
            "INSERT INTO t(id, a) VALUES (9, 'bad')",
            "UNIQUE constraint failed",
        ),
    ];
    for (column, more, words) in tables {
        let shop = Shop::new(&format!(
            "CREATE TABLE other(k TEXT PRIMARY KEY); CREATE TABLE log(a);
             CREATE TABLE t(id INTEGER PRIMARY KEY, {column});
             INSERT INTO t(id) VALUES (1), (2), (3); {more};"
        ));
        let peer = shop.table("t");
        let batch: Vec<Command> = [("1", "x"), ("2", "bad"), ("3", "y")]
            .iter()
            .map(|(key, value)| patch(key, &[("a", text(value))]))
            .collect();
        let why = only_the_second(&apply(&peer, &batch));
        assert!(why.contains(words), "{why}");
        let rows = "SELECT group_concat(a) FROM (SELECT a FROM t WHERE id < 9 ORDER BY id)";
        assert_eq!(shop.ask(rows).as_deref(), Some("x,y"), "{column}");
        assert_eq!(
            shop.ask("SELECT count(*) FROM log").as_deref(),
            Some("0"),
            "nothing half done"
        );

        shop.run("UPDATE t SET a = NULL WHERE id < 9");
        let outcomes = try_apply(&peer, Atomicity::AllOrNothing, &batch).unwrap();
        let is_done = |outcome: &Outcome| matches!(outcome, Outcome::Done(_));
        assert!(!outcomes.iter().any(is_done), "{outcomes:?}");
        assert_eq!(shop.ask(rows), None, "all or nothing: {column}");
    }
}

#[test]
fn a_table_that_replaces_on_conflict_loses_no_row_to_sync() {
    let shop = Shop::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT UNIQUE ON CONFLICT REPLACE);
         INSERT INTO t VALUES (1, 'x'), (2, 'y');",
    );
    let peer = shop.table("t");
    for command in [create(&[("a", text("x"))]), patch("2", &[("a", text("x"))])] {
        let why = refusal(&peer, command);
        assert!(why.contains("UNIQUE constraint failed"), "{why}");
    }
    assert_eq!(full(&peer).keys(), ["1", "2"]);
}

#[test]
fn a_trigger_that_names_what_is_not_there_refuses_what_it_is_about() {
    for broken in [
        "INSERT INTO nowhere VALUES (1)",
        "SELECT nothing_like_it(1)",
    ] {
        let shop = Shop::new(&format!(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'old');
             CREATE TRIGGER mine AFTER UPDATE ON t BEGIN {broken}; END;"
        ));
        let peer = shop.table("t");
        let batch = [
            patch("1", &[("a", text("new"))]),
            create(&[("a", text("x"))]),
        ];
        let outcomes = apply(&peer, &batch);
        let [Outcome::Rejected(rejection), Outcome::Done(_)] = &outcomes[..] else {
            panic!("{outcomes:?}");
        };
        assert!(rejection.message.contains("no such"), "{rejection:?}");
        let rows = "SELECT group_concat(a) FROM (SELECT a FROM t ORDER BY id)";
        assert_eq!(shop.ask(rows).as_deref(), Some("old,x"));
    }
}

#[test]
fn the_table_s_own_triggers_run_and_the_receipt_tells_what_they_made() {
    let shop = Shop::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, edits INTEGER DEFAULT 0);
         CREATE TABLE seen(a TEXT PRIMARY KEY);
         CREATE TRIGGER count AFTER UPDATE OF a ON t BEGIN
           UPDATE t SET edits = edits + 1 WHERE id = NEW.id;
           INSERT OR REPLACE INTO seen VALUES ('once'); END;
         INSERT INTO t(a) VALUES ('x');",
    );
    let peer = shop.captured("t");
    for value in ["y", "z"] {
        let outcomes = apply(&peer, &[patch("1", &[("a", text(value))])]);
        let Outcome::Done(receipt) = &outcomes[0] else {
            panic!("{outcomes:?}");
        };
        assert_eq!(receipt.observed, fetch(&peer, "1"));
    }
    assert_eq!(reads(&peer, "1", "edits"), "2");
}

#[test]
fn expected_cells_are_compared_in_the_transaction_that_writes() {
    let shop = Shop::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b TEXT); INSERT INTO t VALUES (1, 'x', 'y');",
    );
    let peer = shop.table("t");
    let mut command = patch("1", &[("a", text("z"))]);
    command.cells[0].expected = Some(text("x"));
    shop.run("UPDATE t SET a = 'a person was faster'");
    let outcome = apply(&peer, &[command]).remove(0);
    let Outcome::Stale(Some(now)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(Some(now), fetch(&peer, "1"));
    assert_eq!(reads(&peer, "1", "a"), "a person was faster");
}

#[test]
fn a_batch_of_two_thousand_is_one_transaction() {
    let shop = Shop::new("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT);");
    let peer = shop.table("t");
    let most = describe(&peer).capabilities.max_batch;
    assert_eq!(most, 2_000);
    let commands: Vec<_> = (0..most)
        .map(|n| create(&[("a", text(&n.to_string()))]))
        .collect();
    let outcomes = try_apply(&peer, Atomicity::AllOrNothing, &commands).unwrap();
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Done(_)))
    );
    assert_eq!(try_scan(&peer, None, 700).unwrap().seen.len(), 2_000);
}

/// By its declared type a column changes what looks like a number, or is one.
#[test]
fn pain_15_what_the_table_would_change_on_the_way_in_is_refused_and_changes_nothing() {
    let shop = Shop::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, code STRING, zip INTEGER, phone NUMERIC, stage REAL, doc JSON,
           digits TEXT, done TEXT, word TEXT);
         INSERT INTO t VALUES (1, 'x1', 12345, 'ext. 5', 'new', '{}', '1', 'no', 'w');",
    );
    let peer = shop
        .builder("t")
        .column("code", FieldType::Text)
        .column("zip", FieldType::Text)
        .column("phone", FieldType::Phone)
        .column("stage", FieldType::Select(Vec::new()))
        .column("digits", FieldType::Number)
        .column("done", FieldType::Checkbox)
        .build()
        .unwrap();
    let rows = "SELECT json_group_array(json_array(code, zip, phone, stage, doc, digits, done, word)) FROM t";
    let before = shop.ask(rows);
    let choice = |name: &str| Value::Choice(Choice::named(name));
    let bad = [
        ("code", text("007"), "code would hold 7 instead of '007'"),
        ("code", text("1e3"), "code would hold 1000 instead of '1e3'"),
        ("code", text("5"), "code would hold 5 instead of '5'"),
        (
            "zip",
            text("00501"),
            "zip would hold 501 instead of '00501'",
        ),
        (
            "phone",
            text(" 555 "),
            "phone would hold 555 instead of ' 555 '",
        ),
        (
            "stage",
            choice("2024"),
            "stage would hold 2024.0 instead of '2024'",
        ),
        ("doc", json("7.5"), "doc would hold 7.5 instead of '7.5'"),
        (
            "digits",
            number("0.1234567890123457"),
            "digits would hold '0.123456789012346' instead of 0.1234567890123457",
        ),
        (
            "done",
            Value::Bool(true),
            "done would hold '1' instead of 1",
        ),
    ];
    for (field, value, why) in bad {
        for command in [
            patch("1", &[("word", text("changed")), (field, value.clone())]),
            create(&[(field, value.clone())]),
        ] {
            let refusal = refusal(&peer, command);
            assert!(refusal.starts_with(why), "{refusal}");
            assert!(refusal.ends_with("declare one that keeps it, TEXT for texts"));
        }
    }
    assert_eq!(shop.ask(rows), before);

    for (field, value) in [
        ("code", text("x7")),
        ("zip", text("SW1A 1AA")),
        ("phone", text("+43 664 12")),
        ("stage", choice("2024!")),
        ("doc", json("[1,2]")),
        ("digits", number("12")),
        ("digits", number("0.1")),
    ] {
        done(&peer, patch("1", &[(field, value.clone())]));
        assert_eq!(cell(&peer, "1", field), Cell::Complete(value));
    }
}
