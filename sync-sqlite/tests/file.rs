//! The file as a whole: who may open it, who may write, what a dry run leaves behind.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;

use common::{World, link, rows, schema, spec};
use futures::executor::block_on;
use notion_sync_core::link::{LinkId, Side, Sides};
use notion_sync_core::port::*;
use notion_sync_core::record::{Rank, RankRange};
use notion_sync_core::schema::{Access, FieldId, FieldType};
use notion_sync_sqlite::{SqliteStore, StoreOptions};
use rusqlite::Connection;

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, StoreOptions::default())
}

fn folder(path: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(path)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let bytes = std::fs::read(entry.path()).unwrap();
            (entry.file_name().to_string_lossy().into_owned(), bytes)
        })
        .collect()
}

fn take(store: &SqliteStore, owner: &str) -> Result<Fence, StoreError> {
    let owner = owner.to_owned();
    block_on(store.lease(&link(), &LeaseAsk::Take { owner }))
}

#[test]
fn e09_a_dry_run_over_no_file_makes_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("db.sqlite")).unwrap();
    let replica = store.replica(&link()).build();
    let mapping = block_on(replica.align(&schema(), None, false)).unwrap();
    assert_eq!(replica.place().as_str(), "sqlite:tasks");
    let opened = block_on(store.open(&spec(mapping), OpenMode::Read)).unwrap();
    assert_eq!(opened.colocated, Some(Side::Right));
    assert_eq!((opened.next_id, opened.serial), (1, Serial(0)));
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    let page = block_on(replica.scan(&call, &ScanFrom::full(), &FieldSet::All, 10)).unwrap();
    assert!(page.items.is_empty());
    assert!(matches!(
        page.next,
        Next::End {
            coverage: Coverage::Complete(Scope::All),
            ..
        }
    ));
    let described = block_on(replica.describe(&call)).unwrap();
    assert_eq!(described.schema.fields.len(), schema().fields.len());
    let read = block_on(store.read(&link(), &Query::Dirty, None, 10)).unwrap();
    assert_eq!(read, Rows::Pairs(Vec::new()));
    drop((store, replica));
    assert!(folder(dir.path()).is_empty());
}

#[test]
fn e09_a_dry_run_over_a_file_changes_no_byte() {
    let mut world = World::new();
    world.pull("a", "1");
    let World {
        dir,
        store,
        replica,
        ..
    } = world;
    drop((store, replica));
    let before = folder(dir.path());
    {
        let store = open(&dir.path().join("db.sqlite")).unwrap();
        let replica = store.replica(&link()).build();
        let mut wider = schema();
        wider.fields.push(common::field(
            "x1",
            "Extra",
            FieldType::Text,
            Access::Writable,
        ));
        let mapping = block_on(replica.align(&wider, Some(&FieldId::new("m1")), false)).unwrap();
        assert_eq!(mapping.fields.len(), wider.fields.len());
        let opened = block_on(store.open(&spec(mapping), OpenMode::Read)).unwrap();
        assert_eq!(opened.counts.live, Sides::new(1, 1));
        let cancel = Cancel::default();
        let call = Call::new(&cancel);
        let page = block_on(replica.scan(&call, &ScanFrom::full(), &FieldSet::All, 10)).unwrap();
        let Sighting::Seen(record) = &page.items[0] else {
            panic!("{page:?}");
        };
        assert!(
            record
                .cells
                .complete(&FieldId::new("Extra"))
                .unwrap()
                .is_empty()
        );
    }
    assert_eq!(folder(dir.path()), before);
}

#[test]
fn the_file_is_its_owners_alone() {
    let world = World::new();
    #[cfg(unix)]
    for name in ["db.sqlite", "db.sqlite-lock", "db.sqlite-wal"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(world.dir.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    drop(world);
}

#[cfg(unix)]
#[test]
fn a_file_that_was_there_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db.sqlite");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let world = World::at(dir);
    let mode = std::fs::metadata(world.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn a_lease_keeps_others_out_until_it_is_given_back_or_its_owner_is_gone() {
    let world = World::new();
    let other = open(&world.path()).unwrap();
    let Err(StoreError::Busy { owner }) = take(&other, "other") else {
        panic!("let in");
    };
    assert_eq!(owner, "test");
    assert!(matches!(
        take(&world.store, "another engine"),
        Err(StoreError::Busy { .. })
    ));
    block_on(
        world
            .store
            .lease(&link(), &LeaseAsk::Release(world.fence.clone())),
    )
    .unwrap();
    let fence = take(&other, "other").unwrap();
    assert!(fence.number > world.fence.number);
    assert!(matches!(
        block_on(world.store.commit(&world.fence, Commit::default())),
        Err(StoreError::Fenced)
    ));
    drop(other);
    let again = take(&world.store, "test").unwrap();
    assert!(again.number > fence.number);
    block_on(world.store.commit(&again, Commit::default())).unwrap();
}

#[test]
fn a_run_dropped_without_release_does_not_lock_out_the_next_of_its_owner() {
    let world = World::new();
    let again = take(&world.store, "test").unwrap();
    assert!(matches!(
        block_on(world.store.commit(&world.fence, Commit::default())),
        Err(StoreError::Fenced)
    ));
    block_on(world.store.lease(&link(), &LeaseAsk::Renew(again))).unwrap();
}

#[test]
fn a_later_format_is_refused_untouched() {
    let world = World::new();
    world
        .person()
        .execute_batch("UPDATE _sync_meta SET format = 7")
        .unwrap();
    let path = world.path();
    assert!(matches!(
        open(&path),
        Err(StoreError::Newer { found: 7, known: 4 })
    ));
}

/// Makes the file what a program that knew no ranks, states and options wrote.
fn as_format_1(world: &World) {
    let person = world.person();
    for (kind, name) in objects(&person, "type IN ('view', 'trigger')") {
        let _ = person.execute_batch(&format!("DROP {kind} \"{name}\""));
    }
    let sql = "DROP INDEX _sync_runs_name; DROP INDEX _sync_pairs_left_rank; DROP INDEX _sync_pairs_right_rank;
        ALTER TABLE _sync_pairs DROP COLUMN left_rank; ALTER TABLE _sync_pairs DROP COLUMN right_rank;
        ALTER TABLE _sync_meta DROP COLUMN home; ALTER TABLE _sync_links DROP COLUMN lineage; ALTER TABLE _sync_meta DROP COLUMN durable; ALTER TABLE _sync_meta DROP COLUMN beside; ALTER TABLE _sync_gate DROP COLUMN tbl;
        ALTER TABLE _sync_gate DROP COLUMN row; ALTER TABLE _sync_tables DROP COLUMN stateful; ALTER TABLE _sync_tables DROP COLUMN any_option;
        ALTER TABLE _sync_tables DROP COLUMN fixed_rows;
        ALTER TABLE _sync_columns DROP COLUMN id; ALTER TABLE _sync_columns DROP COLUMN reason;
        ALTER TABLE _sync_columns DROP COLUMN place; ALTER TABLE _sync_columns DROP COLUMN limits; ALTER TABLE _sync_columns DROP COLUMN target;
        ALTER TABLE tasks DROP COLUMN _state; DROP TABLE _sync_options; DROP TABLE _sync_people;
        DROP TABLE _sync_bodies; DROP TABLE _sync_uploads;
        DROP TABLE _sync_waits; UPDATE _sync_meta SET format = 1";
    person.execute_batch(sql).unwrap();
}

fn objects(person: &Connection, condition: &str) -> Vec<(String, String)> {
    person
        .prepare(&format!(
            "SELECT type, name FROM sqlite_master WHERE {condition}"
        ))
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

#[test]
fn e09_a_file_of_an_older_format_is_read_as_it_is_and_brought_up_to_date_by_the_first_write() {
    let mut world = World::new();
    world.pull("a", "1");
    world.pull("b", "2");
    as_format_1(&world);
    let World {
        store,
        replica,
        dir,
        spec,
        ..
    } = world;
    drop((store, replica));
    // Commits were not counted then.
    std::fs::remove_file(dir.path().join("db.sqlite-lock")).unwrap();
    let before = folder(dir.path());
    let store = open(&dir.path().join("db.sqlite")).unwrap();
    let read = |query: Query| block_on(store.read(&link(), &query, None, 10)).unwrap();
    block_on(store.open(&spec, OpenMode::Read)).unwrap();
    let all = read(Query::All);
    assert!(matches!(&all, Rows::Pairs(pairs) if pairs.len() == 2));
    let unranked = read(Query::LiveUnranked(Side::Left));
    assert!(matches!(&unranked, Rows::Ids(ids) if ids.len() == 2));
    let everywhere = RankRange::starting(Bound::Unbounded);
    let within = Query::LiveWithin(Side::Left, everywhere);
    assert_eq!(read(within.clone()), Rows::Ids(Vec::new()));
    let same = folder(dir.path());
    assert_eq!(
        same["db.sqlite"], before["db.sqlite"],
        "looking changes no byte"
    );

    let opened = block_on(store.open(&spec, OpenMode::Write)).unwrap();
    let fence = take(&store, "test").unwrap();
    assert_eq!(read(Query::All), all);
    let Rows::Pairs(mut pairs) = all else {
        panic!("pairs were asked for")
    };
    let pair = pairs.remove(0);
    let mut state = pair.sides.left;
    state.shadow.as_mut().unwrap().rank = Some(Rank::new("2026"));
    let change = Change::Observe {
        pair: pair.id,
        side: Side::Left,
        state: state.clone(),
        dirty: true,
    };
    let commit = Commit {
        next_id: opened.next_id,
        changes: vec![change],
        ..Commit::default()
    };
    block_on(store.commit(&fence, commit)).unwrap();
    assert!(matches!(read(within), Rows::Ids(ids) if ids.len() == 1));
    assert!(matches!(
        read(Query::Pairs(vec![pair.id])),
        Rows::Pairs(pairs) if pairs[0].sides.left == state
    ));
    drop(store);
    let again = open(&dir.path().join("db.sqlite")).unwrap();
    let unranked = block_on(again.read(&link(), &Query::LiveUnranked(Side::Left), None, 10));
    assert!(matches!(unranked.unwrap(), Rows::Ids(ids) if ids.len() == 1));
}

#[test]
fn a_slice_is_searched_by_its_ranks() {
    let world = World::new();
    let plan: String = world
        .person()
        .query_row(
            "EXPLAIN QUERY PLAN SELECT p.pk FROM _sync_pairs p WHERE p.link = ?1
             AND p.left_live = 1 AND p.left_rank >= ?2 AND p.left_rank < ?3
             AND +p.pk > ?4 AND +p.pk < ?5 ORDER BY +p.pk LIMIT ?6",
            [1, 1, 1, 1, 1, 1],
            |row| row.get(3),
        )
        .unwrap();
    assert!(plan.contains("_sync_pairs_left_rank"), "{plan}");
}

#[test]
fn other_places_and_other_files_are_refused() {
    let world = World::new();
    let mut elsewhere = world.spec.clone();
    elsewhere.places.left = PlaceId::new("notion:2");
    for mode in [OpenMode::Read, OpenMode::Write] {
        assert!(matches!(
            block_on(world.store.open(&elsewhere, mode)),
            Err(StoreError::Copied { .. })
        ));
    }
    let note = world.dir.path().join("note.txt");
    std::fs::write(
        &note,
        "not a database, but long enough to be looked at".repeat(50),
    )
    .unwrap();
    assert!(matches!(open(&note), Err(StoreError::Corrupt(_))));
    let nowhere = open(&world.dir.path().join("no/such/folder.sqlite")).unwrap();
    assert!(matches!(
        block_on(nowhere.open(&world.spec, OpenMode::Write)),
        Err(StoreError::Io { .. })
    ));
}

#[test]
fn a_writing_program_makes_the_store_busy_and_loses_nothing() {
    let world = World::new();
    let options = StoreOptions::default().busy_timeout(std::time::Duration::ZERO);
    let World {
        store,
        replica,
        dir,
        spec,
        ..
    } = world;
    drop((store, replica));
    let path = dir.path().join("db.sqlite");
    let store = SqliteStore::open(&path, options).unwrap();
    let fence = take(&store, "test").unwrap();
    let person = Connection::open(&path).unwrap();
    person.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(
        block_on(store.commit(&fence, Commit::default())),
        Err(StoreError::Busy { .. })
    ));
    person.execute_batch("COMMIT").unwrap();
    block_on(store.commit(&fence, Commit::default())).unwrap();
    let opened = block_on(store.open(&spec, OpenMode::Read)).unwrap();
    assert_eq!(opened.serial, Serial(1));
}

#[test]
fn a_store_in_memory_is_a_whole_store() {
    let store = SqliteStore::in_memory().unwrap();
    let replica = store.replica(&link()).build();
    let mapping = block_on(replica.align(&schema(), None, true)).unwrap();
    let opened = block_on(store.open(&spec(mapping), OpenMode::Write)).unwrap();
    assert_ne!(opened.lineage, 0);
    assert_eq!(opened.colocated, Some(Side::Right));
    let fence = take(&store, "one").unwrap();
    assert!(matches!(take(&store, "two"), Err(StoreError::Busy { .. })));
    block_on(store.commit(&fence, Commit::default())).unwrap();
}

#[test]
fn names_are_frozen_and_new_fields_append() {
    let world = World::new();
    let mut schema = schema();
    schema.title = "Renamed".into();
    schema.fields.retain(|field| field.id.as_str() != "n1");
    for field in &mut schema.fields {
        if field.id.as_str() == "p1" {
            field.name = "Cost".into();
        }
        if field.id.as_str() == "s1" {
            field.ty = FieldType::Number;
        }
    }
    schema.fields.push(common::field(
        "z1",
        "PRICE",
        FieldType::Number,
        Access::Writable,
    ));
    let mapping = block_on(world.replica.align(&schema, None, true)).unwrap();
    let right = |left: &str| {
        mapping
            .field(&FieldId::new(left))
            .map(|field| field.ids.right.to_string())
    };
    assert_eq!(right("p1").as_deref(), Some("Price"));
    assert_eq!(right("z1").as_deref(), Some("PRICE 2"));
    assert_eq!(right("s1").as_deref(), Some("Stage 2"));
    assert_eq!(right("n1"), None);
    let person = world.person();
    let columns = rows(
        &person,
        "SELECT group_concat(name) FROM pragma_table_info('tasks')",
    );
    assert_eq!(
        columns,
        [
            "_id,_url,_trashed,_created,_edited,_state,Name,Note,Price,Done,Stage,Tags,Due,Total,Refs,Marker,_row,Stage 2,PRICE 2"
        ]
    );
    let said = common::refusal(
        &person,
        "INSERT INTO tasks(Name, Note) VALUES ('x', 'lost')",
    );
    assert!(said.contains("Note is gone from its source"), "{said}");
    person
        .execute_batch("INSERT INTO tasks(Name, \"PRICE 2\") VALUES ('x', 5)")
        .unwrap();
    let again = block_on(world.replica.align(&common::schema(), None, true)).unwrap();
    assert_eq!(
        again.field(&FieldId::new("n1")).unwrap().ids.right.as_str(),
        "Note"
    );
}

#[test]
fn two_links_of_one_title_get_two_tables() {
    let world = World::new();
    let other = world.store.replica(&LinkId::new("other")).build();
    block_on(other.align(&schema(), None, true)).unwrap();
    assert_eq!(other.place().as_str(), "sqlite:tasks_2");
    assert_eq!(
        rows(&world.person(), "SELECT \"table\" FROM sync_status"),
        ["tasks", "tasks_2"]
    );
    let mut reserved = schema();
    reserved.title = "Changes".into();
    let third = world.store.replica(&LinkId::new("third")).build();
    block_on(third.align(&reserved, None, true)).unwrap();
    assert_eq!(third.place().as_str(), "sqlite:changes_records");
}

#[test]
fn a_file_that_somebody_took_out_of_wal_mode_is_put_back_by_the_next_writer() {
    let world = World::new();
    let path = world.path();
    let World {
        dir,
        store,
        replica,
        ..
    } = world;
    drop((store, replica));
    let mode = |sql: &str| rows(&Connection::open(&path).unwrap(), sql);
    assert_eq!(mode("PRAGMA journal_mode = DELETE"), ["delete"]);
    let wait = StoreOptions::default().busy_timeout(std::time::Duration::ZERO);
    let store = SqliteStore::open(&path, wait).unwrap();
    let is_rolled_back = || block_on(store.checkup()).unwrap().is_rolled_back;
    assert!(is_rolled_back());
    // Whoever reads keeps everybody from writing then.
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    rows(&reader, "SELECT * FROM tasks");
    let refused = take(&store, "x").unwrap_err();
    assert!(refused.may_pass());
    let said = refused.to_string();
    assert!(said.contains("out of WAL mode"), "{said}");
    assert!(!said.contains("run holds"), "{said}");
    reader.execute_batch("COMMIT").unwrap();
    take(&store, "x").unwrap();
    assert_eq!(mode("PRAGMA journal_mode"), ["wal"]);
    assert!(!is_rolled_back());
    drop(dir);
}
