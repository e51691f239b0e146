//! What can happen to the file itself: held by another program, damaged, deleted, replaced, left
//! behind by a process that died. Each is said in a typed error, nothing is sent that the file does
//! not remember, and the next run goes on once the cause is gone. A disk without room and files that
//! cannot be written are in `cli/tests/disk.rs`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use common::World;
use notion_sync::core::port::{PeerErrorKind, StoreError};
use notion_sync::sqlite::{SqliteStore, StoreOptions};
use notion_sync::{Event, ReplicaError, Report, RunError, RunOptions};
use rusqlite::Connection;
use serde_json::json;

/// "one" was edited in SQL and no run has seen it.
async fn with_an_edit() -> World {
    let world = World::pulled(&["one", "two", "three"]).await;
    world.sql("UPDATE Tasks SET Count = 7 WHERE Name = 'one'");
    world
}

/// A store that does not wait for others.
fn impatient(world: &World) -> Result<SqliteStore, StoreError> {
    let options = StoreOptions::default().busy_timeout(Duration::ZERO);
    SqliteStore::open(&world.file, options)
}

/// What keeps the file from being opened, or a run from its end.
async fn fails(world: &World) -> StoreError {
    let store = match impatient(world) {
        Ok(store) => store,
        Err(error) => return error,
    };
    let replica = world.replica(world.client(), &store);
    store_error(replica.run(&RunOptions::default()).await)
}

#[track_caller]
fn store_error(result: Result<Report, ReplicaError>) -> StoreError {
    match result {
        Err(ReplicaError::Store(error) | ReplicaError::Run(RunError::Store(error))) => error,
        // The table of the file is a peer as well, and tells what is wrong with the file below it.
        Err(ReplicaError::Run(RunError::Peer(error))) => {
            assert_eq!(error.kind, PeerErrorKind::Local);
            *error.source.unwrap().downcast().unwrap()
        }
        other => panic!("{other:?}"),
    }
}

/// The edit is in Notion, sent once since the ledger was cleared, and nothing is left.
async fn arrives(world: &World) {
    world.run().await;
    assert_eq!(world.held("one", "Count"), json!(7));
    assert_eq!(world.writes().len(), 1);
    assert_eq!(world.live_rows(), 3);
    assert_eq!(world.cell("PRAGMA integrity_check"), "ok".to_owned().into());
    world.quiet().await;
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[tokio::test]
async fn a_program_that_holds_the_file_longer_than_a_run_waits_makes_it_busy() {
    for begin in [
        "BEGIN IMMEDIATE",
        "BEGIN EXCLUSIVE",
        "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE",
    ] {
        let world = with_an_edit().await;
        let holder = world.person();
        holder.execute_batch(begin).unwrap();
        holder
            .execute("UPDATE Tasks SET Notes = 'held' WHERE Name = 'one'", [])
            .unwrap();
        let error = fails(&world).await;
        assert!(matches!(error, StoreError::Busy { .. }), "{begin}: {error}");
        assert!(error.may_pass());
        assert_eq!(world.writes(), [], "{begin}");
        holder.execute_batch("COMMIT").unwrap();
        drop(holder);
        arrives(&world).await;
        assert_eq!(world.held("one", "Notes")[0]["plain_text"], json!("held"));
    }
}

#[tokio::test]
async fn a_program_that_takes_the_file_in_the_middle_of_a_run_costs_no_edit_and_no_second_request()
{
    for at in [0, 1] {
        let world = with_an_edit().await;
        let store = impatient(&world).unwrap();
        let (sender, holder) = mpsc::channel();
        let file = world.file.clone();
        let when = move |event: &Event| match event {
            Event::Planned(_) => at == 0,
            Event::Applied { .. } => at == 1,
            _ => false,
        };
        let take = move || {
            let person = Connection::open(file).unwrap();
            let edit = "BEGIN IMMEDIATE; UPDATE Tasks SET Notes = 'held' WHERE Name = 'two'";
            person.execute_batch(edit).unwrap();
            sender.send(person).unwrap();
        };
        let error = store_error(world.try_run_while(&store, when, take).await);
        assert!(matches!(error, StoreError::Busy { .. }), "{error}");
        assert_eq!(
            world.writes().len(),
            at,
            "no request before its intent is durable"
        );
        holder.recv().unwrap().execute_batch("COMMIT").unwrap();
        drop(store);
        world.run().await;
        assert_eq!(world.held("one", "Count"), json!(7));
        assert_eq!(world.held("two", "Notes")[0]["plain_text"], json!("held"));
        assert_eq!(world.writes().len(), 2, "each edit was sent once");
        world.quiet().await;
    }
}

/// Puts a copy in the place of the file and of what belongs to the old one, and says so. The edit that
/// waited fills what is empty in Notion: nothing is to be asked.
async fn restore(world: &World, copy: &[u8]) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(beside(&world.file, suffix));
    }
    std::fs::write(&world.file, copy).unwrap();
    let adopted = StoreOptions::default().adopt(true);
    let store = SqliteStore::open(&world.file, adopted).unwrap();
    let replica = world.replica(world.client(), &store);
    let adopt = RunOptions {
        adopt: true,
        ..RunOptions::default()
    };
    let report = replica.run(&adopt).await.unwrap();
    assert_eq!(report.open_conflicts, 0, "{report:?}");
}

/// Overwrites bytes of the file.
fn damage(file: &Path, at: u64, with: &[u8]) {
    let mut file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(with).unwrap();
}

/// Where the first page of a table or index lies in the file.
fn page_of(file: &Path, name: &str) -> u64 {
    let person = Connection::open(file).unwrap();
    let query = "SELECT rootpage FROM sqlite_master WHERE name = ?1 COLLATE NOCASE";
    let page: u32 = person.query_row(query, [name], |row| row.get(0)).unwrap();
    let size: u32 = person
        .query_row("PRAGMA page_size", [], |row| row.get(0))
        .unwrap();
    u64::from(page - 1) * u64::from(size)
}

#[tokio::test]
async fn a_damaged_file_is_said_and_a_backup_of_it_goes_on() {
    for place in [
        "header",
        "schema",
        "Tasks",
        "_sync_pairs",
        "_sync_left",
        "_sync_links",
        "cut",
    ] {
        let world = with_an_edit().await;
        let good = std::fs::read(&world.file).unwrap();
        match place {
            "header" => damage(&world.file, 0, &[0x55; 64]),
            "schema" => damage(&world.file, 100, &[0xff; 64]),
            "cut" => std::fs::write(&world.file, &good[..good.len() / 2]).unwrap(),
            table => damage(&world.file, page_of(&world.file, table), &[0xff; 200]),
        }
        let error = fails(&world).await;
        assert!(
            matches!(error, StoreError::Corrupt(_)),
            "{place}: {error:?}"
        );
        assert!(error.to_string().contains("restore a backup"), "{error}");
        assert_eq!(world.writes(), [], "{place}");
        restore(&world, &good).await;
        arrives(&world).await;
    }
}

#[tokio::test]
async fn a_file_damaged_in_the_middle_of_a_run_ends_it() {
    let world = with_an_edit().await;
    let good = std::fs::read(&world.file).unwrap();
    let file = world.file.clone();
    let pages = good.clone();
    let spoil = move || damage(&file, 0, &vec![0xff; pages.len()]);
    let store = world.store();
    let when = |event: &Event| matches!(event, Event::Planned(_));
    let error = store_error(world.try_run_while(&store, when, spoil).await);
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    assert_eq!(world.writes(), []);
    drop(store);
    restore(&world, &good).await;
    arrives(&world).await;
}

#[tokio::test]
async fn what_a_process_that_died_left_beside_the_file_is_taken_up() {
    let world = World::pulled(&["one", "two", "three"]).await;
    let living = world.person();
    living
        .execute_batch("PRAGMA wal_autocheckpoint = 0")
        .unwrap();
    living
        .execute("UPDATE Tasks SET Count = 7 WHERE Name = 'one'", [])
        .unwrap();
    // As it lies there when the process of that connection is killed: the edit is in the log only.
    let files = ["", "-wal", "-shm"].map(|suffix| beside(&world.file, suffix));
    let left: Vec<Vec<u8>> = files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect();
    drop(living);
    for (file, bytes) in files.iter().zip(&left) {
        std::fs::write(file, bytes).unwrap();
    }
    let lock = beside(&world.file, "-lock");
    let told = std::fs::read_to_string(&lock).unwrap();
    let (_, marks) = told.split_once('\n').unwrap();
    std::fs::write(&lock, format!("process 4711\n{marks}")).unwrap();
    assert!(!left[1].is_empty(), "there is a log");
    arrives(&world).await;
}

#[tokio::test]
async fn a_file_deleted_or_replaced_under_an_open_store_ends_its_runs_before_anything_is_sent() {
    for replaced in [false, true] {
        let world = with_an_edit().await;
        let store = world.store();
        let backup = std::fs::read(&world.file).unwrap();
        // While a run plans: what it decided must not be sent from a file nobody finds again.
        let file = world.file.clone();
        let copy = backup.clone();
        let vanish = move || {
            std::fs::remove_file(&file).unwrap();
            if replaced {
                std::fs::write(&file, copy).unwrap();
            }
        };
        let when = |event: &Event| matches!(event, Event::Planned(_));
        let error = store_error(world.try_run_while(&store, when, vanish).await);
        assert!(
            error.to_string().contains("removed, moved or replaced"),
            "{error}"
        );
        assert_eq!(world.writes(), []);
        // Nor by a later run of the same process.
        let replica = world.replica(world.client(), &store);
        let error = store_error(replica.run(&RunOptions::default()).await);
        assert!(error.to_string().contains("open the file again"), "{error}");
        assert_eq!(world.writes(), []);
        drop((store, replica));
        restore(&world, &backup).await;
        arrives(&world).await;
    }
}

#[tokio::test]
async fn a_file_that_was_deleted_is_made_anew_and_no_page_twice() {
    let world = with_an_edit().await;
    for suffix in ["", "-wal", "-shm", "-lock"] {
        let _ = std::fs::remove_file(beside(&world.file, suffix));
    }
    world.run().await;
    assert_eq!(world.writes(), []);
    assert_eq!(world.live_rows(), 3);
    assert_eq!(world.sim.pages(&world.data_source).unwrap().len(), 3);
    world.quiet().await;
}
