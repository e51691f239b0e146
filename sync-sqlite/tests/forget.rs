//! Forgetting a link: nothing of it is left in the private tables, everything in its own.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::{World, link, rows, schema};
use futures::executor::block_on;
use notion_sync_core::link::LinkId;
use notion_sync_core::port::*;
use notion_sync_core::record::Timestamp;
use notion_sync_core::schema::FieldId;
use notion_sync_sqlite::{Forget, ForgetError, SqliteReplica};

const PRIVATE: [&str; 13] = [
    "_sync_links",
    "_sync_pairs",
    "_sync_left",
    "_sync_right",
    "_sync_waits",
    "_sync_intents",
    "_sync_conflicts",
    "_sync_journal",
    "_sync_runs",
    "_sync_tables",
    "_sync_columns",
    "_sync_capture",
    "_sync_pending",
];

fn release(world: &World) {
    let ask = LeaseAsk::Release(world.fence.clone());
    block_on(world.store.lease(&link(), &ask)).unwrap();
}

fn other(world: &World) -> (LinkId, SqliteReplica) {
    let other = LinkId::new("other");
    let replica = world.store.replica(&other).build();
    block_on(replica.align(&schema(), None, true)).unwrap();
    (other, replica)
}

/// Two rows, one of them edited, a run that is remembered.
fn lived_in() -> World {
    let mut world = World::new();
    world.pull("one", "3");
    world.pull("two", "4");
    let run = RunRecord {
        id: RunId(Timestamp(1)),
        ended_at: Timestamp(2),
        outcome: "clean".into(),
        settled: 2,
        conflicts: 0,
        refused: 0,
        undoes: None,
    };
    world.commit(vec![Change::Run(run)], Vec::new());
    world
        .person()
        .execute("UPDATE tasks SET Note = 'x' WHERE Name = 'one'", [])
        .unwrap();
    world
}

#[test]
fn the_memory_goes_and_the_rows_stay_in_an_ordinary_table() {
    let world = lived_in();
    let (kept, _) = other(&world);
    release(&world);
    let before = rows(&world.person(), "SELECT * FROM tasks ORDER BY _row");
    let would = block_on(world.store.forgettable(&link())).unwrap();
    let forgotten = block_on(world.store.forget(&link(), Forget::default())).unwrap();
    assert_eq!(forgotten, would);
    assert_eq!(forgotten.table.as_deref(), Some("tasks"));
    assert_eq!(
        (forgotten.rows, forgotten.pending, forgotten.on_their_way),
        (2, 1, 0)
    );

    let person = world.person();
    assert_eq!(rows(&person, "SELECT * FROM tasks ORDER BY _row"), before);
    person.execute_batch("DELETE FROM tasks WHERE Name = 'one'; UPDATE tasks SET _id = 'mine'; INSERT OR REPLACE INTO tasks(_row, Due) VALUES (2, 'some day');").unwrap();
    // The other link is as it was, and all that is left.
    assert_eq!(
        block_on(world.store.links()).unwrap(),
        std::slice::from_ref(&kept)
    );
    assert_eq!(
        rows(&person, "SELECT \"table\" FROM sync_status"),
        ["tasks_2"]
    );
    person
        .execute("INSERT INTO tasks_2(Name) VALUES ('seen')", [])
        .unwrap();
    assert_eq!(
        rows(&person, "SELECT \"table\", kind FROM changes"),
        ["tasks_2|insert"]
    );
    person.execute("DELETE FROM tasks_2", []).unwrap_err();

    block_on(world.store.forget(&kept, Forget::default())).unwrap();
    for table in PRIVATE {
        let left = rows(&person, &format!("SELECT * FROM {table}"));
        assert_eq!(left, Vec::<String>::new(), "{table}");
    }
    let triggers =
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'tasks%'";
    assert_eq!(rows(&person, triggers), Vec::<String>::new());
}

#[test]
fn linked_again_it_gets_a_table_of_its_own_and_the_old_one_is_let_alone() {
    let mut world = lived_in();
    release(&world);
    block_on(world.store.forget(&link(), Forget::default())).unwrap();
    let old = rows(&world.person(), "SELECT * FROM tasks ORDER BY _row");

    // As a new program would: nothing of the link is known.
    let dir = world.dir;
    drop((world.store, world.replica));
    let store =
        notion_sync_sqlite::SqliteStore::open(dir.path().join("db.sqlite"), Default::default())
            .unwrap();
    let replica = store.replica(&link()).build();
    let marker = FieldId::new("m1");
    let mapping = block_on(replica.align(&schema(), Some(&marker), true)).unwrap();
    let mut spec = common::spec(mapping.clone());
    spec.places.right = replica.place().clone();
    let opened = block_on(store.open(&spec, OpenMode::Write)).unwrap();
    assert_eq!(opened.counts, Counts::default());
    assert_eq!(opened.memory, LinkMemory::default());
    assert_eq!(replica.place(), &PlaceId::new("sqlite:tasks_2"));
    let ask = LeaseAsk::Take {
        owner: "test".into(),
    };
    let fence = block_on(store.lease(&link(), &ask)).unwrap();
    world = World {
        dir,
        store,
        replica,
        mapping,
        spec,
        fence,
        next: opened.next_id,
    };
    world.pull("one", "3");
    let person = world.person();
    assert_eq!(rows(&person, "SELECT Name FROM tasks_2"), ["one"]);
    assert_eq!(rows(&person, "SELECT * FROM tasks ORDER BY _row"), old);
}

#[test]
fn while_a_run_holds_the_file_nothing_is_forgotten() {
    let world = lived_in();
    let refused = block_on(
        world
            .store
            .forget(&link(), Forget::default().even_if_sent(true)),
    )
    .unwrap_err();
    let ForgetError::Store(StoreError::Busy { owner }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(owner, "test");
    let elsewhere =
        notion_sync_sqlite::SqliteStore::open(world.path(), Default::default()).unwrap();
    let refused =
        block_on(elsewhere.forget(&link(), Forget::default().even_if_sent(true))).unwrap_err();
    assert!(
        matches!(refused, ForgetError::Store(StoreError::Busy { .. })),
        "{refused:?}"
    );
    assert_eq!(block_on(world.store.links()).unwrap(), [link()]);
    // It is still the holder's.
    assert!(world.commit(Vec::new(), Vec::new()).is_empty());
}

#[test]
fn what_is_not_there_cannot_be_forgotten_and_no_file_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.sqlite");
    let store = notion_sync_sqlite::SqliteStore::open(&path, Default::default()).unwrap();
    for refused in [
        block_on(store.forget(&link(), Forget::default().even_if_sent(true))).unwrap_err(),
        block_on(store.forgettable(&link())).unwrap_err(),
    ] {
        assert!(matches!(refused, ForgetError::Unknown(_)), "{refused:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_table_that_a_person_dropped_is_no_reason_to_remember_its_link() {
    let world = lived_in();
    release(&world);
    world.person().execute_batch("DROP TABLE tasks").unwrap();
    let forgotten = block_on(world.store.forget(&link(), Forget::default())).unwrap();
    assert_eq!((forgotten.rows, forgotten.missing), (0, true));
    assert_eq!(block_on(world.store.links()).unwrap(), Vec::<LinkId>::new());
}

#[test]
fn a_table_that_a_person_renamed_is_let_go_under_its_new_name() {
    let world = lived_in();
    release(&world);
    let person = world.person();
    let rename = "ALTER TABLE tasks RENAME TO mine";
    person.execute_batch(rename).unwrap();
    block_on(world.store.forget(&link(), Forget::default())).unwrap();
    person.execute_batch("DELETE FROM mine").unwrap();
    let noted = "SELECT count(*) FROM _sync_capture";
    assert_eq!(rows(&person, noted), ["0"]);
}

#[test]
fn the_table_is_dropped_only_where_nothing_is_in_it_that_its_source_has_not() {
    let mut world = World::new();
    world.pull("one", "3");
    world.pull("two", "4");
    release(&world);
    let person = world.person();
    let drop = || {
        block_on(
            world
                .store
                .forget(&link(), Forget::default().drop_table(true)),
        )
    };
    person
        .execute_batch("ALTER TABLE tasks ADD COLUMN mine TEXT")
        .unwrap();
    let refused = drop().unwrap_err().to_string();
    assert!(refused.contains("columns of your own, mine"), "{refused}");
    person
        .execute_batch(
            "ALTER TABLE tasks DROP COLUMN mine;
             CREATE TABLE notes(task INTEGER REFERENCES Tasks(_row) ON DELETE CASCADE);
             INSERT INTO notes VALUES (1);",
        )
        .unwrap();
    let refused = drop().unwrap_err().to_string();
    assert!(
        refused.contains("your table notes refers to it"),
        "{refused}"
    );
    person.execute_batch("DROP TABLE notes").unwrap();
    for (made, told, gone) in [
        (
            "CREATE VIEW mine AS SELECT Name FROM \"Tasks\"",
            "your view mine refers to it",
            "DROP VIEW mine",
        ),
        (
            "CREATE TABLE log(a); CREATE TRIGGER noted AFTER INSERT ON log
             BEGIN UPDATE tasks SET Note = 'x' WHERE _row = 1; END",
            "your trigger noted refers to it",
            "DROP TABLE log",
        ),
        (
            "CREATE INDEX by_name ON tasks(Name);
             CREATE TRIGGER watched AFTER UPDATE ON tasks BEGIN SELECT 1; END",
            "your index by_name, your trigger watched refer to it",
            "DROP INDEX by_name; DROP TRIGGER watched",
        ),
        (
            "CREATE VIEW tags AS SELECT name FROM tasks__Tags",
            "view tags: no such table: main.tasks__Tags",
            "DROP VIEW tags",
        ),
    ] {
        let before = rows(&person, "SELECT * FROM sqlite_master ORDER BY name");
        person.execute_batch(made).unwrap();
        let there = rows(&person, "SELECT * FROM sqlite_master ORDER BY name");
        let refused = drop().unwrap_err().to_string();
        assert!(refused.contains(told), "{refused}");
        assert_eq!(
            rows(&person, "SELECT * FROM sqlite_master ORDER BY name"),
            there
        );
        person.execute_batch(gone).unwrap();
        assert_eq!(
            rows(&person, "SELECT * FROM sqlite_master ORDER BY name").len(),
            before.len()
        );
    }
    person
        .execute_batch("UPDATE tasks SET Note = 'x' WHERE Name = 'one'")
        .unwrap();
    let refused = drop().unwrap_err();
    assert!(
        matches!(refused, ForgetError::Unsynced { rows: 1, .. }),
        "{refused:?}"
    );
    assert_eq!(
        rows(&person, "SELECT Note FROM tasks WHERE Name = 'one'"),
        ["x"]
    );
    assert_eq!(block_on(world.store.links()).unwrap(), [link()]);
    // Taken back by hand, the edit is none: the next run would find that out, and is stood in for here.
    person
        .execute_batch("UPDATE tasks SET Note = NULL WHERE Name = 'one'; DELETE FROM _sync_pending; UPDATE _sync_gate SET applying = 1; UPDATE tasks SET _state = 'clean'; UPDATE _sync_gate SET applying = 0")
        .unwrap();
    let forgotten = drop().unwrap();
    assert_eq!((forgotten.dropped, forgotten.rows), (true, 2));
    let left = "SELECT name FROM sqlite_master WHERE name LIKE 'tasks%' OR tbl_name LIKE 'tasks%'";
    assert_eq!(rows(&person, left), Vec::<String>::new());
}
