//! What changes in somebody else's table is seen, whatever statement did it; and the table stays theirs.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod tables;

use std::collections::BTreeMap;

use futures::executor::block_on;
use notion_sync_core::port::{ChangeFeed, Coverage, Peer, Scope};
use notion_sync_core::record::{Key, Record};
use notion_sync_sqlite::{SqliteTable, TableError};
use proptest::prelude::*;
use rusqlite::Connection;
use tables::*;

/// Keys of every shape, and every way of being unique beside them.
const TABLES: [(&str, &str); 6] = [
    (
        "t",
        "CREATE TABLE t(id TEXT PRIMARY KEY, a TEXT, b INTEGER, c TEXT, d AS (a || b) UNIQUE);
         CREATE UNIQUE INDEX t_e ON t(lower(a)||coalesce(c, '-') COLLATE NOCASE /* , */, b * 1.5 > 2 DESC);",
    ),
    (
        "t",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT UNIQUE, b INTEGER, c TEXT);
         CREATE UNIQUE INDEX t_b ON t(b) WHERE c IS NOT NULL;",
    ),
    (
        "t",
        "CREATE TABLE t(id TEXT PRIMARY KEY COLLATE NOCASE, a TEXT, b INTEGER, c TEXT);
         CREATE UNIQUE INDEX t_a ON t(a COLLATE NOCASE, b);",
    ),
    (
        "t",
        "CREATE TABLE t(a TEXT, id INTEGER, b INTEGER UNIQUE, c TEXT,
           PRIMARY KEY (id, a)) WITHOUT ROWID;",
    ),
    (
        "t",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT UNIQUE, b INTEGER, c TEXT,
           FOREIGN KEY (b) REFERENCES t(id) ON DELETE CASCADE);",
    ),
    (
        "t",
        "CREATE TABLE t(id INTEGER PRIMARY KEY ON CONFLICT REPLACE, a TEXT UNIQUE ON CONFLICT REPLACE,
           b INTEGER, c TEXT);
         CREATE TRIGGER touch AFTER UPDATE OF a ON t BEGIN
           UPDATE t SET c = 'touched' WHERE b = NEW.b; END;",
    ),
];

/// Statements over few values, so that rows get into each other's way.
fn statement() -> impl Strategy<Value = String> {
    let id = || prop_oneof![Just("1"), Just("2"), Just("3"), Just("'x'"), Just("'X'")];
    let word = || prop_oneof![Just("'p'"), Just("'P'"), Just("'q'"), Just("NULL")];
    let number = || prop_oneof![Just("1"), Just("2"), Just("3"), Just("NULL")];
    let or = || {
        prop_oneof![
            Just(""),
            Just("OR REPLACE"),
            Just("OR REPLACE"),
            Just("OR REPLACE"),
            Just("OR IGNORE"),
            Just("OR FAIL"),
            Just("OR ROLLBACK")
        ]
    };
    let row = || (id(), word(), number(), word());
    prop_oneof![
        5 => (or(), row()).prop_map(|(or, (id, a, b, c))| {
            format!("INSERT {or} INTO t(id, a, b, c) VALUES ({id}, {a}, {b}, {c})")
        }),
        1 => (row(), row()).prop_map(|((id, a, b, c), (id2, a2, b2, c2))| {
            format!("REPLACE INTO t(id, a, b, c) VALUES ({id}, {a}, {b}, {c}), ({id2}, {a2}, {b2}, {c2})")
        }),
        1 => row().prop_map(|(id, a, b, c)| {
            format!("INSERT INTO t(id, a, b, c) VALUES ({id}, {a}, {b}, {c})
                     ON CONFLICT DO UPDATE SET c = 'upserted', b = excluded.b")
        }),
        1 => (id(), row()).prop_map(|(rowid, (_, a, b, c))| {
            format!("INSERT OR REPLACE INTO t(rowid, id, a, b, c) VALUES ({rowid}, 9, {a}, {b}, {c})")
        }),
        3 => (or(), word(), number(), id()).prop_map(|(or, a, b, id)| {
            format!("UPDATE {or} t SET a = {a}, b = {b} WHERE id = {id}")
        }),
        2 => (or(), word()).prop_map(|(or, a)| format!("UPDATE {or} t SET a = {a}")),
        2 => (or(), id(), id()).prop_map(|(or, to, from)| {
            format!("UPDATE {or} t SET id = {to} WHERE id = {from}")
        }),
        1 => (or(), id(), id()).prop_map(|(or, to, from)| {
            format!("UPDATE {or} t SET rowid = {to} WHERE id = {from}")
        }),
        2 => id().prop_map(|id| format!("DELETE FROM t WHERE id = {id}")),
        1 => Just("DELETE FROM t".to_owned()),
    ]
}

/// What a reader knows who adds what a scan shows to what it knew.
fn add(known: &mut BTreeMap<Key, Record>, scan: Scan) {
    if matches!(scan.coverage, Coverage::Complete(_)) {
        known.clear();
    }
    known.extend(scan.seen);
    known.retain(|key, _| !scan.gone.contains(key));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_to_a_table_its_changes_lead_to_what_it_holds(
        table in 0..TABLES.len(),
        recursive: bool,
        foreign_keys: bool,
        before in proptest::collection::vec(statement(), 0..8),
        after in proptest::collection::vec(statement(), 1..12),
        page in 1..4_u32,
    ) {
        let shop = Shop::new(TABLES[table].1);
        shop.run(&format!("PRAGMA recursive_triggers = {recursive}; PRAGMA foreign_keys = {foreign_keys};"));
        let peer = shop.captured("t");
        // Most statements run into a constraint now and then: that is part of the play.
        let play = |statements: &[String]| {
            for sql in statements {
                let _ = shop.person.execute(sql, []);
            }
        };
        play(&before);
        let mut known = BTreeMap::new();
        let scan = full(&peer);
        let cursor = scan.cursor.clone();
        add(&mut known, scan);
        play(&after);
        let scan = try_scan(&peer, cursor, page).unwrap();
        prop_assert_eq!(&scan.coverage, &Coverage::Delta);
        add(&mut known, scan);
        prop_assert_eq!(known, full(&peer).seen, "{:?}", after);
    }
}

#[test]
fn a_row_pushed_out_by_replace_is_told_of_though_no_delete_trigger_fires() {
    let by_mail = "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT UNIQUE, b INTEGER);";
    let by_case = "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INTEGER);
                   CREATE UNIQUE INDEX t_a ON t(a COLLATE NOCASE) WHERE b IS NOT NULL;";
    let by_words =
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INTEGER, c TEXT AS (a || 'x') UNIQUE);";
    let by_sum = "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INTEGER);
                  CREATE UNIQUE INDEX t_sum ON t(lower(a) DESC, abs(b) % 10);";
    let by_row = "CREATE TABLE t(id TEXT PRIMARY KEY, a TEXT, b INTEGER);";
    let nocase = "CREATE TABLE t(id TEXT PRIMARY KEY COLLATE NOCASE, a TEXT, b INTEGER);";
    let without =
        "CREATE TABLE t(id INTEGER, a TEXT UNIQUE, b INTEGER, PRIMARY KEY (id, b)) WITHOUT ROWID;";
    let cases: [(&str, &str, &[&str], &[&str]); 15] = [
        (
            by_words,
            "REPLACE INTO t VALUES (4, 'p', 0)",
            &["4"],
            &["1"],
        ),
        (
            by_words,
            "UPDATE OR REPLACE t SET a = 'q' WHERE id = 1",
            &["1"],
            &["2"],
        ),
        (
            by_sum,
            "REPLACE INTO t VALUES (4, 'P', -11)",
            &["4"],
            &["1"],
        ),
        (
            by_sum,
            "UPDATE OR REPLACE t SET a = 'Q', b = 32 WHERE id = 1",
            &["1"],
            &["2"],
        ),
        (by_mail, "REPLACE INTO t VALUES (4, 'p', 0)", &["4"], &["1"]),
        (by_mail, "REPLACE INTO t VALUES (1, 'q', 0)", &["1"], &["2"]),
        (
            by_mail,
            "UPDATE OR REPLACE t SET a = 'q' WHERE id = 1",
            &["1"],
            &["2"],
        ),
        (
            by_mail,
            "UPDATE OR REPLACE t SET id = 2 WHERE id = 1",
            &["2"],
            &["1"],
        ),
        (by_mail, "UPDATE OR REPLACE t SET a = 'p'", &["2"], &["1"]),
        (by_case, "REPLACE INTO t VALUES (4, 'P', 0)", &["4"], &["1"]),
        (
            by_case,
            "UPDATE OR REPLACE t SET a = 'Q' WHERE id = 1",
            &["1"],
            &["2"],
        ),
        (
            by_row,
            "REPLACE INTO t(rowid, id) VALUES (1, 'new')",
            &["new"],
            &["1"],
        ),
        (
            by_row,
            "UPDATE OR REPLACE t SET rowid = 2 WHERE id = '1'",
            &["1"],
            &["2"],
        ),
        (
            nocase,
            "UPDATE t SET id = 'X' WHERE id = 'x'",
            &["X"],
            &["x"],
        ),
        (
            without,
            "REPLACE INTO t VALUES (4, 'p', 0)",
            &["[4,0]"],
            &["[1,1]"],
        ),
    ];
    for (table, sql, seen, gone) in cases {
        let shop = Shop::new(table);
        shop.run("INSERT INTO t(id, a, b) VALUES (1, 'p', 1), (2, 'q', 2)");
        if table == nocase {
            shop.run("UPDATE t SET id = 'x' WHERE id = 1");
        }
        let peer = shop.captured("t");
        let cursor = full(&peer).cursor;
        shop.run(sql);
        let scan = since(&peer, &cursor);
        let told: Vec<_> = scan.gone.iter().map(Key::as_str).collect();
        assert_eq!(
            (scan.keys(), told.as_slice()),
            (seen.to_vec(), gone),
            "{sql}"
        );
    }
}

#[test]
fn an_edited_key_is_one_row_gone_and_another_made() {
    let shop = Shop::new(
        "CREATE TABLE t(id TEXT PRIMARY KEY, a TEXT); INSERT INTO t VALUES ('old', 'x');",
    );
    let peer = shop.captured("t");
    let cursor = full(&peer).cursor;
    shop.run("UPDATE t SET id = 'new'");
    let scan = since(&peer, &cursor);
    assert_eq!(scan.keys(), ["new"]);
    assert_eq!(scan.gone, [Key::durable("old")]);
}

#[test]
fn setting_up_adds_nothing_to_the_table_and_all_of_it_goes_again() {
    let shop = Shop::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT UNIQUE); INSERT INTO t VALUES (1, 'x');
         CREATE TABLE other(id INTEGER PRIMARY KEY);",
    );
    let layout = "SELECT group_concat(name || coalesce(sql, '')) FROM sqlite_master";
    let rows = "SELECT group_concat(id || a) FROM t";
    let (layout_before, rows_before) = (shop.ask(layout), shop.ask(rows));
    let columns = "SELECT count(*) FROM pragma_table_xinfo('t')";

    let peer = shop.table("t");
    full(&peer);
    assert_eq!(shop.ask(layout), layout_before, "reading leaves no trace");

    block_on(peer.start_capture()).unwrap();
    done(
        &peer,
        create(&[("a", "y".into_value()), ("_sync_marker", "m".into_value())]),
    );
    assert_eq!(shop.ask(columns).as_deref(), Some("2"));
    let private = "SELECT count(*) FROM sqlite_master WHERE name NOT GLOB '_sync_*'
                   AND name NOT GLOB 'sqlite_*' AND tbl_name IN ('t', 'other')";
    assert_eq!(
        shop.ask(private).as_deref(),
        Some("2"),
        "what is new is called _sync_…"
    );

    done(&peer, trash("2"));
    block_on(peer.remove_side_tables()).unwrap();
    assert_eq!(shop.ask(layout), layout_before);
    assert_eq!(shop.ask(rows), rows_before);
}

trait IntoValue {
    fn into_value(self) -> notion_sync_core::value::Value;
}

impl IntoValue for &str {
    fn into_value(self) -> notion_sync_core::value::Value {
        notion_sync_core::value::Value::text(self)
    }
}

/// The next scan reads the whole table, and the cursor counts for nothing.
fn reads_whole(peer: &SqliteTable, cursor: &Option<notion_sync_core::port::Cursor>) {
    let scan = since(peer, cursor);
    assert_eq!(scan.coverage, Coverage::Complete(Scope::All));
}

#[test]
fn capture_that_missed_something_starts_anew() {
    let sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x');";
    let misses = [
        "DROP TRIGGER _sync_feed_t_after_update",
        "DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b TEXT)",
        "ALTER TABLE t RENAME TO u; CREATE TABLE t AS SELECT * FROM u; DROP TABLE t;
         ALTER TABLE u RENAME TO t; DROP TRIGGER _sync_feed_t_after_insert",
        "CREATE UNIQUE INDEX t_a ON t(a)",
        "DELETE FROM _sync_feed_t; DROP TRIGGER _sync_feed_t_after_insert",
    ];
    for miss in misses {
        let shop = Shop::new(sql);
        let peer = shop.captured("t");
        let cursor = full(&peer).cursor;
        shop.run(miss);
        shop.run("INSERT INTO t(id, a) VALUES (7, 'unseen')");
        assert!(!block_on(peer.is_captured()).unwrap(), "{miss}");
        assert_eq!(describe(&peer).capabilities.changes, ChangeFeed::None);
        reads_whole(&peer, &cursor);
        block_on(peer.start_capture()).unwrap();
        assert_eq!(describe(&peer).capabilities.changes, ChangeFeed::Delta);
        reads_whole(&peer, &cursor);
        let cursor = full(&peer).cursor;
        assert_eq!(since(&peer, &cursor).coverage, Coverage::Delta);
    }
}

#[test]
fn starting_capture_again_loses_no_place() {
    let shop = Shop::new("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT);");
    let peer = shop.captured("t");
    let cursor = full(&peer).cursor;
    shop.run("INSERT INTO t VALUES (1, 'x')");
    block_on(peer.start_capture()).unwrap();
    let scan = since(&peer, &cursor);
    assert_eq!(
        (scan.coverage.clone(), scan.keys()),
        (Coverage::Delta, vec!["1"])
    );
}

#[test]
fn a_new_column_is_seen_and_captured_at_once() {
    let shop = Shop::new("CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);");
    let peer = shop.captured("t");
    let cursor = full(&peer).cursor;
    shop.run("ALTER TABLE t ADD COLUMN note TEXT; UPDATE t SET note = 'hello'");
    let scan = since(&peer, &cursor);
    assert_eq!(scan.coverage, Coverage::Delta);
    assert_eq!(scan.keys(), ["1"]);
    assert_eq!(reads(&peer, "1", "note"), "hello");
    shop.run("ALTER TABLE t DROP COLUMN note");
    assert!(block_on(peer.is_captured()).unwrap());
}

#[test]
fn a_cursor_from_after_the_backup_that_was_restored_is_refused_and_counts_for_nothing_once_adopted()
{
    let shop = Shop::new("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT);");
    let peer = shop.captured("t");
    shop.run("INSERT INTO t VALUES (1, 'x')");
    let backup = shop.path().with_extension("backup");
    shop.run(&format!("VACUUM INTO '{}'", backup.display()));
    shop.run("INSERT INTO t VALUES (2, 'lost')");
    let cursor = full(&peer).cursor;
    let restored = |adopt| SqliteTable::builder(&backup, "t").adopt(adopt).build();
    let both = || {
        let refused = try_scan(&restored(false).unwrap(), cursor.clone(), 3).unwrap_err();
        assert!(refused.message.contains("restored"), "{refused}");
        reads_whole(&restored(true).unwrap(), &cursor);
    };
    both();
    // As many entries as before the restore, but not the same.
    let person = Connection::open(&backup).unwrap();
    person
        .execute_batch("INSERT INTO t VALUES (3, 'later')")
        .unwrap();
    both();
}

#[test]
fn old_notes_are_dropped_and_who_was_away_reads_the_table_whole() {
    let shop = Shop::new("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT);");
    let peer = shop.captured("t");
    let long_ago = full(&peer).cursor;
    shop.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100010)
         INSERT INTO t(id) SELECT i FROM n",
    );
    let now = full(&peer).cursor;
    block_on(peer.start_capture()).unwrap();
    let kept = "SELECT count(*) FROM _sync_feed_t";
    assert_eq!(shop.ask(kept).as_deref(), Some("100000"));
    assert_eq!(since(&peer, &now).coverage, Coverage::Delta);
    let scan = try_scan(&peer, long_ago, 10_000).unwrap();
    assert_eq!(scan.coverage, Coverage::Complete(Scope::All));
}

#[test]
fn side_tables_of_a_later_version_are_left_alone() {
    let shop = Shop::new("CREATE TABLE t(id INTEGER PRIMARY KEY);");
    let peer = shop.captured("t");
    shop.run("UPDATE _sync_side SET format = 3; CREATE TABLE wakes_the_reader(x)");
    let error = try_scan(&peer, None, 10).unwrap_err();
    assert!(error.message.contains("update the program"), "{error}");
    let opened = shop.builder("t").build();
    assert!(matches!(
        opened,
        Err(TableError::Newer { found: 3, known: 2 })
    ));
}

#[test]
fn two_links_over_one_table_each_see_what_the_other_wrote() {
    let shop =
        Shop::new("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x');");
    let one = shop.captured("t");
    let other = shop.table("t");
    let cursor = full(&other).cursor;
    done(&one, patch("1", &[("a", "y".into_value())]));
    assert_eq!(since(&other, &cursor).keys(), ["1"]);
}

#[test]
fn tables_whose_names_need_quotes_are_captured_too() {
    let shop = Shop::new(
        "CREATE TABLE \"my \"\"own\"\" 'list'\"(\"the \"\"key\"\"\" TEXT PRIMARY KEY, \"select\" TEXT UNIQUE);",
    );
    let peer = shop.captured("my \"own\" 'list'");
    let cursor = full(&peer).cursor;
    shop.run("INSERT INTO \"my \"\"own\"\" 'list'\" VALUES ('a|b', 'x'), ('', 'y')");
    assert_eq!(since(&peer, &cursor).keys(), ["", "a|b"]);
    assert_eq!(full(&peer).keys(), ["", "a|b"]);
    let place = peer.place().as_str();
    assert_eq!(place, "sqlite:shop.db/my \"own\" 'list'");
}
