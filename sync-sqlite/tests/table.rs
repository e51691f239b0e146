//! Somebody else's table: what can be one, how it reads, and how rows are known, made and found.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod tables;

use futures::executor::block_on;
use notion_sync_core::port::{Atomicity, Outcome, Peer, PeerErrorKind, RejectionKind};
use notion_sync_core::record::{Cell, Lifecycle};
use notion_sync_core::schema::{Access, FieldType};
use notion_sync_core::value::{Choice, Number, Value};
use notion_sync_sqlite::{NewKey, SqliteTable, SqliteTableBuilder, TableError};
use std::time::Duration;
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

fn refused(builder: SqliteTableBuilder) -> TableError {
    builder.build().unwrap_err()
}

#[test]
fn what_cannot_be_a_side_is_refused_with_what_to_do() {
    let shop = Shop::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b TEXT NOT NULL UNIQUE, c TEXT UNIQUE,
           d AS (a));
         CREATE UNIQUE INDEX some ON t(a) WHERE a <> '';
         CREATE TABLE bare(a TEXT);
         CREATE VIEW v AS SELECT * FROM t;
         CREATE VIRTUAL TABLE words USING fts5(w);",
    );
    use TableError::*;
    let elsewhere = SqliteTable::builder(shop.path().with_extension("no"), "t");
    assert!(matches!(refused(elsewhere), NoFile(_)));
    assert!(
        !shop.path().with_extension("no").exists(),
        "nothing is made"
    );
    assert!(matches!(refused(shop.builder("nope")), NoTable(_)));
    assert!(matches!(refused(shop.builder("v")), View(_)));
    assert!(matches!(refused(shop.builder("words")), Virtual(_)));
    assert!(matches!(refused(shop.builder("_sync_side")), Private(_)));
    assert!(matches!(refused(shop.builder("bare")), NoKey(_)));
    let keyed = |columns: &[&'static str]| shop.builder("t").key(columns.iter().copied());
    assert!(
        matches!(refused(keyed(&["a"])), NotUnique { .. }),
        "a partial index"
    );
    assert!(matches!(refused(keyed(&["a", "b"])), NotUnique { .. }));
    assert!(matches!(refused(keyed(&["c"])), MayBeNull { .. }));
    assert!(matches!(refused(keyed(&["e"])), NoColumn { .. }));
    assert!(keyed(&["b"]).build().is_ok());
    let people = shop.builder("t").column("a", FieldType::People);
    assert!(matches!(refused(people), UnfitType { .. }));
    let odd = shop.builder("t").column("e", FieldType::Text);
    assert!(matches!(refused(odd), NoColumn { .. }));
    for column in ["id", "d"] {
        let soft = shop.builder("t").soft_delete(column);
        assert!(matches!(refused(soft), UnfitSoftDelete(_)), "{column}");
    }
    std::fs::write(
        shop.path().with_extension("txt"),
        "no database at all, and long enough",
    )
    .unwrap();
    let other = SqliteTable::builder(shop.path().with_extension("txt"), "t");
    assert!(matches!(refused(other), Damaged(_)));
    let sentence = refused(shop.builder("bare")).to_string();
    assert!(sentence.contains("UNIQUE and NOT NULL"), "{sentence}");
}

#[test]
fn a_table_that_goes_away_is_told_of_and_found_again() {
    let shop = Shop::new("CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);");
    let peer = shop.table("T");
    assert_eq!(peer.place().as_str(), "sqlite:shop.db/t");
    shop.run("ALTER TABLE t RENAME TO u");
    let error = try_scan(&peer, None, 10).unwrap_err();
    assert_eq!(error.kind, PeerErrorKind::NotFound);
    assert!(error.message.contains("check the name"), "{error}");
    shop.run("ALTER TABLE u RENAME TO t");
    assert_eq!(full(&peer).keys(), ["1"]);
}

#[test]
fn declared_types_are_types_of_fields() {
    let shop = Shop::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, r REAL, d DECIMAL(10, 2), b BOOLEAN, c VARCHAR(9),
           day DATE, at TIMESTAMP, j JSON, u UUID, twice INTEGER AS (n * 2) STORED, raw BLOB, anything, odd GEOGRAPHY,
           stage TEXT, secret TEXT, seen TEXT, gone_at DATETIME);",
    );
    let peer = shop
        .builder("t")
        .column("STAGE", FieldType::Status(Vec::new()))
        .without("secret")
        .read_only("seen")
        .soft_delete("gone_at")
        .build()
        .unwrap();
    let schema = describe(&peer).schema;
    let told: Vec<_> = schema
        .fields
        .iter()
        .map(|field| {
            let access = match field.access {
                Access::Writable => "",
                Access::Computed => " computed",
                Access::Unsupported => " unsupported",
            };
            format!("{} {}{access}", field.name, field.ty.name())
        })
        .collect();
    assert_eq!(
        told,
        [
            "id number computed",
            "n number",
            "r number",
            "d number",
            "b checkbox",
            "c text",
            "day date",
            "at date",
            "j json",
            "u uuid",
            "twice number computed",
            "raw blob unsupported",
            "anything any unsupported",
            "odd geography unsupported",
            "stage status",
            "seen text computed",
            "_sync_marker text computed",
        ]
    );
}

#[test]
fn rows_are_known_by_keys_of_every_shape() {
    let shop = Shop::new(
        "CREATE TABLE i(id INTEGER PRIMARY KEY, a TEXT); INSERT INTO i VALUES (-7, 'x');
         CREATE TABLE s(id TEXT PRIMARY KEY, a TEXT); INSERT INTO s VALUES ('de/1', 'x'), ('', 'y');
         CREATE TABLE b(id BLOB PRIMARY KEY, a TEXT); INSERT INTO b VALUES (x'00ff', 'x');
         CREATE TABLE c(p TEXT, q REAL, a TEXT, PRIMARY KEY (q, p)); INSERT INTO c VALUES ('a\"b', 1.5, 'x');
         CREATE TABLE w(p TEXT, q INTEGER, a TEXT, PRIMARY KEY (p, q)) WITHOUT ROWID; INSERT INTO w VALUES ('1,2', 3, 'x');
         CREATE TABLE n(id TEXT PRIMARY KEY COLLATE NOCASE, a TEXT); INSERT INTO n VALUES ('Ab', 'x');",
    );
    for (table, key) in [
        ("i", "-7"),
        ("s", "de/1"),
        ("b", "[{\"blob\":\"00ff\"}]"),
        ("c", "[1.5,\"a\\\"b\"]"),
        ("w", "[\"1,2\",3]"),
        ("n", "Ab"),
    ] {
        let peer = shop.table(table);
        assert_eq!(full(&peer).seen.len(), full(&peer).keys().len());
        assert!(full(&peer).keys().contains(&key), "{table}");
        done(&peer, patch(key, &[("a", text("edited"))]));
        assert_eq!(reads(&peer, key, "a"), "edited", "{table}");
        done(&peer, trash(key));
        assert_eq!(fetch(&peer, key), None, "{table}");
    }
    shop.run("INSERT INTO n VALUES ('Ab', 'x')");
    assert_eq!(fetch(&shop.table("n"), "AB"), None, "that is another key");
    let missing = apply(&shop.table("n"), &[patch("AB", &[("a", text("z"))])]);
    assert!(matches!(&missing[0], Outcome::Rejected(why) if why.kind == RejectionKind::NotFound));
}

#[test]
fn a_named_key_is_the_key_whatever_the_primary_one() {
    let shop = Shop::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, mail TEXT NOT NULL UNIQUE, a TEXT);
         INSERT INTO t VALUES (1, 'ada@x.org', 'x');",
    );
    let builder = || shop.builder("t").key(["mail"]);
    let peer = builder().new_key(NewKey::Given).build().unwrap();
    block_on(peer.start_capture()).unwrap();
    let cursor = full(&peer).cursor;
    assert_eq!(full(&peer).keys(), ["ada@x.org"]);
    shop.run("REPLACE INTO t VALUES (1, 'bob@x.org', 'y')");
    let scan = since(&peer, &cursor);
    assert_eq!(scan.keys(), ["bob@x.org"]);
    assert_eq!(scan.gone.len(), 1, "the primary key pushed another row out");
}

#[test]
fn a_row_without_a_key_costs_itself() {
    let shop = Shop::new(
        "CREATE TABLE t(id TEXT PRIMARY KEY, a TEXT);
         INSERT INTO t VALUES (NULL, 'x'), (NULL, 'y'), ('k', 'z'), (x'00', 'blob');",
    );
    let peer = shop.captured("t");
    for page in [1, 2, 100] {
        let scan = try_scan(&peer, None, page).unwrap();
        assert_eq!(scan.keys(), ["k"], "pages of {page}");
        assert!(
            scan.bad
                .iter()
                .all(|bad| bad.reason.contains("give it a key"))
        );
        assert_eq!(scan.bad.len(), 2);
    }
    // A text that is none cannot be named in a token, nor asked for.
    shop.run("INSERT INTO t VALUES (CAST(x'61ff' AS TEXT), 'odd'), ('z', 'last')");
    for page in [1, 2, 3, 100] {
        let scan = try_scan(&peer, None, page).unwrap();
        assert_eq!(scan.keys(), ["k", "z"], "pages of {page}");
        assert!(scan.bad.len() >= 2);
    }
    let cursor = full(&peer).cursor;
    shop.run("INSERT INTO t VALUES (NULL, 'w')");
    assert_eq!(since(&peer, &cursor).bad.len(), 1);
}

#[test]
fn new_keys_come_from_where_the_program_says() {
    let shop = Shop::new(
        "CREATE TABLE counted(id INTEGER PRIMARY KEY, a TEXT);
         CREATE TABLE defaulted(id TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(8)))), a TEXT);
         CREATE TABLE plain(id TEXT PRIMARY KEY, a TEXT);",
    );
    let one = || create(&[("a", text("x"))]);
    assert_eq!(done(&shop.table("counted"), one()), "1");
    assert_eq!(done(&shop.table("defaulted"), one()).len(), 16);

    let why = refusal(&shop.table("plain"), one());
    assert!(why.contains("new_key"), "{why}");
    let with = |from| shop.builder("plain").new_key(from).build().unwrap();
    let uuid = done(&with(NewKey::Uuid), one());
    assert_eq!((uuid.len(), uuid.matches('-').count()), (36, 4));
    assert_eq!(done(&with(NewKey::made(|| "mine")), one()), "mine");

    let given = with(NewKey::Given);
    let why = refusal(&given, one());
    assert!(why.contains("has to say it"), "{why}");
    assert_eq!(
        done(&given, create(&[("id", text("said")), ("a", text("x"))])),
        "said"
    );
    let field = describe(&given).schema.fields[0].clone();
    assert_eq!(
        (field.name.as_str(), field.access),
        ("id", Access::Writable)
    );
    done(
        &given,
        patch("said", &[("id", text("said")), ("a", text("y"))]),
    );
    let why = refusal(&given, patch("said", &[("id", text("other"))]));
    assert!(why.contains("does not edit keys"), "{why}");
    let why = refusal(&given, create(&[("id", text("said"))]));
    assert!(why.contains("UNIQUE constraint failed: plain.id"), "{why}");
    assert_eq!(shop.ask("SELECT count(*) FROM plain").as_deref(), Some("3"));
}

#[test]
fn a_soft_delete_is_a_mark_in_the_program_s_own_form() {
    let shop = Shop::new(
        "CREATE TABLE timed(id INTEGER PRIMARY KEY, a TEXT, gone DATETIME);
         CREATE TABLE flagged(id INTEGER PRIMARY KEY, a TEXT, gone BOOLEAN NOT NULL DEFAULT 0);
         CREATE TABLE texted(id INTEGER PRIMARY KEY, a TEXT, gone TEXT NOT NULL DEFAULT '');
         INSERT INTO timed(a) VALUES ('x'); INSERT INTO flagged(a) VALUES ('x'); INSERT INTO texted(a) VALUES ('x');",
    );
    for (table, marked, live) in [
        ("timed", "datetime(gone) IS NOT NULL", "NULL"),
        ("flagged", "gone = 1", "0"),
        ("texted", "datetime(gone) IS NOT NULL", "''"),
    ] {
        let peer = shop.builder(table).soft_delete("gone").build().unwrap();
        done(&peer, trash("1"));
        assert_eq!(fetch(&peer, "1").unwrap().lifecycle, Lifecycle::Trashed);
        let sql = format!("SELECT count(*) FROM {table} WHERE {marked}");
        assert_eq!(shop.ask(&sql).as_deref(), Some("1"), "{table}");
        let first = shop.ask(&format!("SELECT gone FROM {table}"));
        shop.run(&format!(
            "UPDATE {table} SET gone = '2001-01-01' WHERE '{table}' <> 'flagged'"
        ));
        done(&peer, trash("1"));
        if table != "flagged" {
            assert_ne!(
                shop.ask(&format!("SELECT gone FROM {table}")),
                first,
                "marked once"
            );
        }
        done(&peer, untrash("1"));
        assert_eq!(fetch(&peer, "1").unwrap().lifecycle, Lifecycle::Live);
        let sql = format!("SELECT quote(gone) FROM {table}");
        assert_eq!(shop.ask(&sql).as_deref(), Some(live), "{table}");
    }
}

#[test]
fn a_create_is_found_again_by_its_marker_though_the_table_has_no_column_for_it() {
    let shop =
        Shop::new("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x');");
    let peer = shop.table("t");
    let field = SqliteTable::marker_field();
    let marker = field.as_str();
    assert_eq!(find(&peer, marker, text("M1")), [""; 0]);
    let made = |a: &str, m: &str| create(&[("a", text(a)), (marker, text(m))]);
    let outcomes = apply(&peer, &[made("y", "M1"), made("z", "M2")]);
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Done(_)))
    );
    assert_eq!(find(&peer, marker, text("M1")), ["2"]);
    assert_eq!(find(&peer, marker, text("M2")), ["3"]);
    assert_eq!(reads(&peer, "2", marker), "M1");
    assert_eq!(cell(&peer, "1", marker), Cell::Complete(Value::Empty));
    // With the row goes its birth: another row may get its number.
    done(&peer, trash("3"));
    shop.run("INSERT INTO t VALUES (3, 'a person')");
    assert_eq!(cell(&peer, "3", marker), Cell::Complete(Value::Empty));
    shop.run("DELETE FROM t WHERE id IN (2, 3)");
    assert_eq!(
        find(&peer, marker, text("M1")),
        [""; 0],
        "it is there no more"
    );
    assert_eq!(done(&peer, create(&[("a", text("y"))])), "2");
    assert_eq!(find(&peer, marker, text("M1")), [""; 0]);
    // A create that is undone leaves no birth.
    let refused = made("y", "M4");
    shop.run("CREATE UNIQUE INDEX t_a ON t(a)");
    refusal(&peer, refused);
    assert_eq!(find(&peer, marker, text("M4")), [""; 0]);
}

#[test]
fn a_search_finds_values_by_what_they_mean() {
    let shop = Shop::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE, at DATETIME, tags TEXT, n NUMERIC);
         INSERT INTO t VALUES (1, 'Ada', '2026-06-15 05:30:00', '[\"x\", \"y\"]', 1.0), (2, 'ADA', NULL, '', 2);",
    );
    let peer = shop
        .builder("t")
        .column("tags", FieldType::MultiSelect(Vec::new()))
        .build()
        .unwrap();
    assert_eq!(
        find(&peer, "a", text("Ada")),
        ["1"],
        "not what the collation takes for equal"
    );
    assert_eq!(find(&peer, "at", date("2026-06-15T05:30:00+00:00")), ["1"]);
    let tags = vec![Choice::named("x"), Choice::named("y")];
    assert_eq!(find(&peer, "tags", Value::choices(tags)), ["1"]);
    assert_eq!(find(&peer, "n", number("1")), ["1"]);
    assert_eq!(find(&peer, "at", Value::Empty), ["2"]);
}

#[test]
fn another_writer_is_waited_for_and_then_told_of() {
    let shop = Shop::new("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT);");
    let builder = shop.builder("t").busy_timeout(Duration::ZERO);
    let peer = builder.build().unwrap();
    shop.run("BEGIN IMMEDIATE");
    let error =
        try_apply(&peer, Atomicity::PerCommand, &[create(&[("a", text("x"))])]).unwrap_err();
    assert_eq!(error.kind, PeerErrorKind::Busy);
    assert!(
        error.may_pass() && error.message.contains("try again"),
        "{error}"
    );
    assert!(matches!(
        block_on(peer.start_capture()),
        Err(TableError::Busy(_))
    ));
    shop.run("COMMIT");
    assert_eq!(done(&peer, create(&[("a", text("x"))])), "1");
}

#[test]
fn a_file_that_cannot_be_written_is_read_and_says_what_to_do() {
    let shop =
        Shop::new("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x');");
    // A write version that SQLite does not know makes a file read-only for everybody, root included.
    let mut bytes = std::fs::read(shop.path()).unwrap();
    bytes[18] = 3;
    let path = shop.path().with_extension("read-only");
    std::fs::write(&path, bytes).unwrap();
    let peer = SqliteTable::builder(&path, "t").build().unwrap();
    assert_eq!(full(&peer).keys(), ["1"]);
    let error = try_apply(
        &peer,
        Atomicity::PerCommand,
        &[patch("1", &[("a", text("y"))])],
    )
    .unwrap_err();
    assert_eq!(error.kind, PeerErrorKind::Unavailable);
    assert!(error.message.contains("writable"), "{error}");
    assert!(matches!(
        block_on(peer.start_capture()),
        Err(TableError::ReadOnly(_))
    ));
}
