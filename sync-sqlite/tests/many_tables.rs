//! One file with hundreds of tables, and one of them dropped by hand.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{field, rows};
use futures::executor::block_on;
use notion_sync_core::link::{LinkId, LinkSpec, Mapping, Policy, Sides};
use notion_sync_core::port::{OpenMode, PlaceId, Store};
use notion_sync_core::schema::{Access, FieldType, Schema};
use notion_sync_sqlite::{SqliteStore, StoreOptions};
use rusqlite::Connection;
use tempfile::TempDir;

/// Every view that people read which has something of each table.
const VIEWS: [&str; 10] = [
    "bodies",
    "cells",
    "changes",
    "conflicts",
    "files",
    "journal",
    "runs",
    "schema_fields",
    "sync_rows",
    "sync_status",
];

struct World {
    store: SqliteStore,
    folder: TempDir,
}

fn link(number: usize) -> LinkId {
    LinkId::new(format!("link {number}"))
}

fn schema(number: usize, more: &[&str]) -> Schema {
    let mut fields = vec![field("title", "Name", FieldType::Title, Access::Writable)];
    if number % 10 == 9 {
        fields.push(field(
            "papers",
            "Papers",
            FieldType::Files,
            Access::Writable,
        ));
        fields.push(field("text", "Text", FieldType::Body, Access::Writable));
    }
    let more = more.iter().copied();
    fields.extend(more.map(|name| field(name, name, FieldType::RichText, Access::Writable)));
    Schema {
        title: format!("Table {number}"),
        fields,
    }
}

impl World {
    fn of(tables: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db.sqlite");
        let store = SqliteStore::open(path, StoreOptions::default()).unwrap();
        let world = Self { store, folder };
        for number in 0..tables {
            world.align(number, &[]).unwrap();
        }
        world
    }

    /// What a run does to the file before it looks at records.
    fn align(&self, number: usize, more: &[&str]) -> Result<(), String> {
        let replica = self.store.replica(&link(number)).build();
        let schema = schema(number, more);
        let mapping = block_on(replica.align(&schema, None, true)).map_err(|e| e.to_string())?;
        let spec = self.spec(number, mapping);
        block_on(self.store.open(&spec, OpenMode::Write)).map_err(|e| e.to_string())?;
        Ok(())
    }

    fn spec(&self, number: usize, mapping: Mapping) -> LinkSpec {
        LinkSpec {
            id: link(number),
            places: Sides::new(
                PlaceId::new(format!("notion:{number}")),
                PlaceId::new(format!("sqlite:table_{number}")),
            ),
            names: Sides::new("Notion".into(), "SQLite".into()),
            mapping,
            filters: Sides::default(),
            policy: Policy::default(),
        }
    }

    fn person(&self) -> Connection {
        Connection::open(self.folder.path().join("db.sqlite")).unwrap()
    }
}

/// Steps of SQLite's virtual machine that a statement takes.
fn steps(connection: &Connection, sql: &str) -> u64 {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let step = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        false
    };
    connection.progress_handler(1, Some(step)).unwrap();
    rows(connection, sql);
    connection
        .progress_handler(0, None::<fn() -> bool>)
        .unwrap();
    count.load(Ordering::Relaxed)
}

#[test]
fn three_hundred_tables_stand_in_one_file() {
    let world = World::of(300);
    let person = world.person();
    let edit =
        "INSERT INTO table_7 (Name) VALUES ('a'); INSERT INTO table_299 (Name) VALUES ('b');";
    person.execute_batch(edit).unwrap();
    for view in VIEWS {
        rows(&person, &format!("SELECT * FROM {view}"));
        rows(&person, &format!("SELECT count(*) FROM {view}"));
    }
    let edited = "SELECT \"table\", kind, current FROM changes ORDER BY 1";
    assert_eq!(
        rows(&person, edited),
        ["table_299|insert|b", "table_7|insert|a"]
    );
    let pending = "SELECT count(*), sum(pending) FROM sync_status";
    assert_eq!(rows(&person, pending), ["300|2"]);
    let told = block_on(world.store.status()).unwrap();
    assert_eq!(told.len(), 300);
    let of_one = block_on(world.store.status_of(&link(299)))
        .unwrap()
        .unwrap();
    assert!(told.contains(&of_one));
    assert_eq!(of_one.pending, 1);
}

#[test]
fn what_a_view_takes_grows_with_the_tables_and_no_faster() {
    let [few, many] = [40, 80].map(World::of).map(|world| {
        let person = world.person();
        VIEWS.map(|view| steps(&person, &format!("SELECT * FROM {view}")))
    });
    for (view, (few, many)) in VIEWS.iter().zip(few.into_iter().zip(many)) {
        assert!(many < few * 5 / 2, "{view}: {few} steps, then {many}");
    }
}

#[test]
fn an_edit_of_one_row_is_found_along_its_key_among_many_tables() {
    let world = World::of(70);
    let person = world.person();
    let found = "SELECT * FROM changes WHERE \"table\" = 'table_69' AND _row = 1";
    let none = steps(&person, found);
    let edits = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
        INSERT INTO table_69 (Name) SELECT i FROM n";
    person.execute_batch(edits).unwrap();
    assert_eq!(rows(&person, found).len(), 1);
    let some = steps(&person, found);
    assert!(some < none + 200, "{none} steps, then {some}");
}

#[test]
fn a_table_dropped_by_hand_takes_no_view_of_the_others_down() {
    let world = World::of(3);
    let person = world.person();
    let edit = "INSERT INTO table_1 (Name) VALUES ('a'); DROP TABLE table_0;";
    person.execute_batch(edit).unwrap();
    let fails = person.prepare("SELECT * FROM changes").is_err();
    assert!(fails, "until somebody writes, views name it");
    let missing = || block_on(world.store.missing_tables()).unwrap();
    assert_eq!(missing(), ["table_0"]);
    let told = || -> Vec<(String, u64)> {
        let told = block_on(world.store.status()).unwrap().into_iter();
        told.map(|table| (table.table, table.pending)).collect()
    };
    let others = [("table_1".to_owned(), 1), ("table_2".to_owned(), 0)];
    assert_eq!(told(), others);
    let schema_version = || rows(&person, "PRAGMA schema_version");
    let before = schema_version();
    assert_eq!(block_on(world.store.open_conflicts()).unwrap(), []);
    let changes = block_on(world.store.pending_changes("table_1", 1)).unwrap();
    assert_eq!(changes[0].current.as_deref(), Some("a"));
    assert_eq!(block_on(world.store.status_of(&link(0))).unwrap(), None);
    assert_eq!(schema_version(), before, "reading writes nothing");
    let error = block_on(world.store.row_with_id("table_0", "x")).unwrap_err();
    assert!(error.to_string().contains("table_0 was dropped"), "{error}");
    // The next link that is run lays the views out without it.
    let error = world.align(0, &[]).unwrap_err();
    assert!(error.contains("forget --table table_0"), "{error}");
    world.align(1, &[]).unwrap();
    for view in VIEWS {
        rows(&person, &format!("SELECT * FROM {view}"));
    }
    assert_eq!(told(), others);
    assert_eq!(missing(), ["table_0"]);
}

#[test]
fn a_table_that_has_its_name_back_is_in_the_views_again() {
    let world = World::of(2);
    let person = world.person();
    let rename = |sql: &str| person.execute_batch(sql).unwrap();
    rename("ALTER TABLE table_0 RENAME TO mine");
    world.align(1, &[]).unwrap();
    let tables = "SELECT \"table\" FROM sync_status";
    assert_eq!(rows(&person, tables), ["table_1"]);
    rename("ALTER TABLE mine RENAME TO table_0; INSERT INTO table_0 (Name) VALUES ('a');");
    world.align(1, &[]).unwrap();
    assert_eq!(rows(&person, tables), ["table_0", "table_1"]);
    assert_eq!(rows(&person, "SELECT current FROM changes"), ["a"]);
}

#[test]
fn what_changed_of_one_table_is_shown_and_an_unchanged_one_writes_no_view() {
    let world = World::of(70);
    let person = world.person();
    let schema_version = || rows(&person, "PRAGMA schema_version");
    let before = schema_version();
    world.align(3, &[]).unwrap();
    assert_eq!(schema_version(), before);
    // A run that has looked at another table knows of the rest.
    world.align(3, &["Notes"]).unwrap();
    assert_ne!(schema_version(), before);
    let edit = "INSERT INTO table_3 (Name) VALUES ('a'); UPDATE _sync_pending SET col = 'Notes', base = 'b'
        WHERE tbl = 'table_3'; UPDATE table_3 SET Notes = 'c'";
    person.execute_batch(edit).unwrap();
    let shown = "SELECT \"column\", base, current FROM changes WHERE \"table\" = 'table_3'";
    assert_eq!(rows(&person, shown), ["Notes|b|c"]);
}

#[test]
fn a_file_that_loses_its_tables_loses_the_views_of_their_groups() {
    let world = World::of(34);
    let person = world.person();
    let groups = "SELECT count(*) FROM sqlite_master WHERE name GLOB '_sync_changes_*'";
    assert_eq!(rows(&person, groups), ["2"]);
    for number in 20..34 {
        block_on(world.store.forget(&link(number), Default::default())).unwrap();
    }
    assert_eq!(rows(&person, groups), ["0"]);
    let pending = "SELECT count(*), sum(pending) FROM sync_status";
    assert_eq!(rows(&person, pending), ["20|0"]);
}
