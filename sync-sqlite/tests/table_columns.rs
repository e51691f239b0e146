//! Of two columns that had one name one after the other, the later one is another field.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod tables;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use futures::executor::block_on;
use notion_sync_sqlite::SqliteTable;
use proptest::prelude::*;
use tables::*;

const TABLE: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, n INT, z INT);
    INSERT INTO t(a, n, z) VALUES ('x', 1, 10), ('y', 2, 20);";

/// The fields, but for the key and the marker.
fn fields(peer: &SqliteTable) -> String {
    let fields = describe(peer).schema.fields.into_iter();
    let shown = fields.filter(|field| !["id", "_sync_marker"].contains(&field.id.as_str()));
    let ids: Vec<String> = shown
        .inspect(|field| {
            let name = field.id.as_str().split('#').next();
            assert_eq!(Some(field.name.as_str()), name, "people see the same name");
        })
        .map(|field| field.id.to_string())
        .collect();
    ids.join(" ")
}

/// What the fields are after each of these, told by a peer that was open all the time, by one opened
/// only then, and still after a look, another start of capture and a change elsewhere in the file.
fn are(sql: &str, cases: &[(&str, &str)]) {
    for (deed, after) in cases {
        let shop = Shop::new(sql);
        let peer = shop.captured("t");
        shop.run("INSERT INTO t(id) VALUES (40)");
        fields(&peer);
        shop.run(deed);
        assert_eq!(fields(&shop.table("t")), *after, "{deed}");
        assert_eq!(fields(&peer), *after, "{deed}");
        assert!(block_on(peer.is_captured()).unwrap(), "{deed}");
        block_on(peer.start_capture()).unwrap();
        shop.run("CREATE TABLE u(x); CREATE INDEX u_x ON u(x)");
        assert_eq!(fields(&peer), *after, "{deed}, later");
    }
}

#[test]
fn a_column_dropped_and_made_again_is_another_field() {
    let renamed = "ALTER TABLE t RENAME COLUMN n TO m";
    are(
        TABLE,
        &[
            (
                "ALTER TABLE t DROP COLUMN n; ALTER TABLE t ADD COLUMN n INT",
                "a z n#2",
            ),
            // The statement that made the table reads as before.
            (
                "ALTER TABLE t DROP COLUMN z; ALTER TABLE t ADD COLUMN z INT",
                "a n z#2",
            ),
            (
                "ALTER TABLE t DROP COLUMN n; ALTER TABLE t DROP COLUMN z;
                 ALTER TABLE t ADD COLUMN n INT; ALTER TABLE t ADD COLUMN z INT DEFAULT 5;
                 UPDATE t SET n = 4 WHERE id = 1",
                "a n#2 z#2",
            ),
            (
                &format!("{renamed}; ALTER TABLE t ADD COLUMN n INT"),
                "a m z n#2",
            ),
            (
                &format!(
                    "{renamed}; ALTER TABLE t ADD COLUMN n; UPDATE t SET n = m; ALTER TABLE t DROP COLUMN m"
                ),
                "a z n#2",
            ),
            (
                "ALTER TABLE t DROP COLUMN n; ALTER TABLE t RENAME COLUMN z TO n",
                "a n#2",
            ),
            (
                "ALTER TABLE t RENAME COLUMN n TO old; ALTER TABLE t RENAME COLUMN z TO n;
                 ALTER TABLE t RENAME COLUMN old TO z",
                "a z#2 n#2",
            ),
        ],
    );
}

#[test]
fn a_column_that_stayed_is_the_field_it_was() {
    let elsewhere = "CREATE TABLE o(x); CREATE INDEX o_x ON o(x); DROP TABLE o";
    are(
        TABLE,
        &[
            (elsewhere, "a n z"),
            (
                &format!("ALTER TABLE t ADD COLUMN b; UPDATE t SET b = id; {elsewhere}"),
                "a n z b",
            ),
            (
                "UPDATE t SET z = z + 1 WHERE id = 1; VACUUM; ANALYZE",
                "a n z",
            ),
            (
                "ALTER TABLE t ADD COLUMN b; ALTER TABLE t DROP COLUMN a",
                "n z b",
            ),
            (
                "ALTER TABLE t RENAME COLUMN a TO b; CREATE VIEW v AS SELECT b FROM t",
                "b n z",
            ),
            (
                "ALTER TABLE t RENAME COLUMN n TO m; ALTER TABLE t RENAME COLUMN m TO n",
                "a n z",
            ),
            (
                "UPDATE t SET z = NULL WHERE id = 1; VACUUM; ANALYZE",
                "a n z",
            ),
        ],
    );
    // A column that nobody filled yet.
    let blank = "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, n INT DEFAULT 7);";
    are(blank, &[(elsewhere, "a n")]);
}

/// Defaults read in more than one way, and some cannot be computed by everybody.
#[test]
fn whatever_its_default_is_a_column_is_known_again_and_one_made_anew_is_not() {
    let elsewhere = "CREATE TABLE o(x); CREATE INDEX o_x ON o(x); UPDATE t SET a = a";
    for default in [
        "word",
        "\"quoted (\"",
        "'it''s ('",
        "-1.5e3",
        "NULL",
        "true",
        "x'00ff'",
    ] {
        let table = format!(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, n DEFAULT {default});
             INSERT INTO t(id) VALUES (1); INSERT INTO t VALUES (2, 'b', 'filled');"
        );
        let anew = format!(
            "ALTER TABLE t DROP COLUMN n; ALTER TABLE t ADD COLUMN n DEFAULT {default}; {elsewhere}"
        );
        are(&table, &[(elsewhere, "a n"), (&anew, "a n#2")]);
    }
    for default in ["CURRENT_TIMESTAMP", "(nobody_knows(1))", "(abs(-7))"] {
        let table = format!(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, n DEFAULT {default});
             INSERT INTO t VALUES (1, 'b', 'filled');"
        );
        let shop = Shop::new(&table);
        let peer = shop.captured("t");
        shop.run(elsewhere);
        assert_eq!(fields(&peer), "a n", "{default}");
    }
}

#[test]
fn a_column_that_was_gone_for_a_while_comes_back_as_another_field() {
    let shop = Shop::new(TABLE);
    let peer = shop.captured("t");
    for number in 2..4 {
        shop.run("ALTER TABLE t DROP COLUMN n");
        assert_eq!(fields(&peer), "a z");
        shop.run("ALTER TABLE t ADD COLUMN n INT");
        assert_eq!(fields(&peer), format!("a z n#{number}"));
    }
    assert_eq!(reads(&peer, "1", "n#3"), "");
    done(&peer, patch("1", &[("n#3", 5.into_value())]));
    assert_eq!(
        shop.ask("SELECT n FROM t WHERE id = 1").as_deref(),
        Some("5")
    );
    let gone = refusal(&peer, patch("1", &[("n", 6.into_value())]));
    assert_eq!(gone, "there is no column n");
}

#[test]
fn what_was_noted_outlives_a_pause_of_capture_and_goes_with_the_side_tables() {
    let shop = Shop::new(TABLE);
    let peer = shop.captured("t");
    block_on(peer.stop_capture()).unwrap();
    shop.run("ALTER TABLE t DROP COLUMN n; ALTER TABLE t ADD COLUMN n INT");
    block_on(peer.start_capture()).unwrap();
    assert_eq!(fields(&peer), "a z n#2");
    block_on(peer.remove_side_tables()).unwrap();
    assert_eq!(fields(&peer), "a z n");
    let left = "SELECT count(*) FROM sqlite_master WHERE name GLOB '_sync*'";
    assert_eq!(shop.ask(left).as_deref(), Some("0"));
}

#[test]
fn a_file_that_cannot_be_written_now_is_described_all_the_same() {
    let shop = Shop::new(TABLE);
    let peer = shop.captured("t");
    let wait = std::time::Duration::ZERO;
    let reader = shop.builder("t").busy_timeout(wait).build().unwrap();
    shop.run("ALTER TABLE t DROP COLUMN n; ALTER TABLE t ADD COLUMN n INT; BEGIN IMMEDIATE");
    assert_eq!(fields(&reader), "a z n#2");
    shop.run("COMMIT");
    assert_eq!(fields(&peer), "a z n#2");
}

/// What a program does to its table between two looks.
#[derive(Clone, Debug)]
enum Deed {
    Drop(usize),
    Add(usize, &'static str),
    Rename(usize, usize),
    /// Writes what was never written before, into every so manyth row.
    Fill(usize, i64),
    Elsewhere,
    Look,
    Restart,
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn deed() -> impl Strategy<Value = Deed> {
    let column = || 0..NAMES.len();
    prop_oneof![
        4 => column().prop_map(Deed::Drop),
        4 => (column(), prop_oneof![Just(""), Just(" DEFAULT 7")]).prop_map(|(name, default)| Deed::Add(name, default)),
        2 => (column(), column()).prop_map(|(from, to)| Deed::Rename(from, to)),
        3 => (column(), 1..4_i64).prop_map(|(name, every)| Deed::Fill(name, every)),
        1 => Just(Deed::Elsewhere),
        2 => Just(Deed::Look),
        1 => Just(Deed::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is altered, in whatever order: what was settled with a column is never taken for
    /// another's.
    #[test]
    fn no_id_ever_means_two_columns(deeds in prop::collection::vec(deed(), 1..40)) {
        let shop = Shop::new(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b INT, c INT);
             INSERT INTO t VALUES (1, 11, 12, 13), (2, 21, 22, 23), (3, 31, 32, NULL);",
        );
        let peer = shop.captured("t");
        // Which column stands under each name: `None` for one that nobody wrote to, which holds nothing
        // that could be mistaken.
        let mut columns: BTreeMap<usize, Option<usize>> = (0..3).map(|name| (name, Some(name))).collect();
        let mut means: BTreeMap<String, usize> = BTreeMap::new();
        let mut next = 100;
        for deed in deeds.into_iter().chain([Deed::Look]) {
            next += 1;
            match deed {
                Deed::Drop(name) => if columns.remove(&name).is_some() {
                    shop.run(&format!("ALTER TABLE t DROP COLUMN {}", NAMES[name]));
                },
                Deed::Add(name, default) => if let Entry::Vacant(place) = columns.entry(name) {
                    place.insert(None);
                    shop.run(&format!("ALTER TABLE t ADD COLUMN {} INT{default}", NAMES[name]));
                },
                Deed::Rename(from, to) => if columns.contains_key(&from) && !columns.contains_key(&to) {
                    let column = columns.remove(&from).flatten();
                    columns.insert(to, column);
                    shop.run(&format!("ALTER TABLE t RENAME COLUMN {} TO {}", NAMES[from], NAMES[to]));
                },
                Deed::Fill(name, every) => if let Some(column) = columns.get_mut(&name) {
                    column.get_or_insert(next);
                    shop.run(&format!("UPDATE t SET {} = {next} * 1000 + id WHERE id % {every} = 0", NAMES[name]));
                },
                Deed::Elsewhere => shop.run("CREATE TABLE u(x); CREATE INDEX u_x ON u(x); DROP TABLE u"),
                Deed::Restart => block_on(peer.start_capture()).unwrap(),
                Deed::Look => {
                    for field in describe(&peer).schema.fields {
                        let name = NAMES.iter().position(|name| *name == field.name);
                        if let Some(Some(column)) = name.and_then(|name| columns.get(&name)) {
                            let before = means.insert(field.id.to_string(), *column);
                            prop_assert!(before.is_none_or(|before| before == *column), "{}", field.id);
                        }
                    }
                }
            }
        }
    }
}

trait IntoValue {
    fn into_value(self) -> notion_sync_core::value::Value;
}

impl IntoValue for i64 {
    fn into_value(self) -> notion_sync_core::value::Value {
        notion_sync_core::value::Value::Number(self.into())
    }
}
