//! Files that are not what they were: copied, moved, restored from a backup, of two names.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use std::path::{Path, PathBuf};

use common::{World, link};
use futures::executor::block_on;
use notion_sync_core::link::{LinkId, LinkSpec, Mapping, Side};
use notion_sync_core::outbox::{Intent, IntentId, IntentState};
use notion_sync_core::pair::PairId;
use notion_sync_core::port::*;
use notion_sync_core::value::Value;
use notion_sync_sqlite::{SqliteStore, StoreOptions};
use rusqlite::Connection;
use tempfile::TempDir;

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, StoreOptions::default())
}

fn take(store: &SqliteStore, owner: &str) -> Result<Fence, StoreError> {
    take_of(store, &link(), owner)
}

fn take_of(store: &SqliteStore, link: &LinkId, owner: &str) -> Result<Fence, StoreError> {
    let owner = owner.to_owned();
    block_on(store.lease(link, &LeaseAsk::Take { owner }))
}

#[test]
fn pain_40_a_copy_of_a_file_is_refused_unless_adopted_and_a_file_that_moved_is_not() {
    let mut world = World::new();
    world.pull("a", "1");
    let path = world.path();
    let World {
        store,
        replica,
        dir,
        spec,
        ..
    } = world;
    drop((store, replica));
    let (copy, moved) = (
        dir.path().join("copy.sqlite"),
        dir.path().join("moved.sqlite"),
    );
    std::fs::copy(&path, &copy).unwrap();
    let before = std::fs::read(&copy).unwrap();
    let lineage = |store: &SqliteStore| {
        let opened = block_on(store.open(&spec, OpenMode::Write));
        opened.map(|opened| opened.lineage)
    };
    let first = lineage(&open(&path).unwrap()).unwrap();

    let store = open(&copy).unwrap();
    assert!(matches!(lineage(&store), Err(StoreError::NotAdopted)));
    assert!(matches!(take(&store, "test"), Err(StoreError::NotAdopted)));
    block_on(store.open(&spec, OpenMode::Read)).unwrap();
    drop(store);
    assert_eq!(
        std::fs::read(&copy).unwrap(),
        before,
        "nothing was written to it"
    );
    let adopting = SqliteStore::open(&copy, StoreOptions::default().adopt(true)).unwrap();
    let second = lineage(&adopting).unwrap();
    assert_ne!(first, second, "markers of one are not the other's");
    drop(adopting);
    assert_eq!(
        lineage(&open(&copy).unwrap()).unwrap(),
        second,
        "said once is enough"
    );

    std::fs::rename(&path, &moved).unwrap();
    assert_eq!(lineage(&open(&moved).unwrap()).unwrap(), first);
}

/// A store file with one record, and what is done to it.
struct File {
    dir: TempDir,
    path: PathBuf,
    /// What a run writes down before it sends.
    intent: Intent,
}

impl File {
    fn new() -> Self {
        let mut world = World::new();
        world.pull("a", "1");
        let intent = Intent {
            id: IntentId(1),
            pair: PairId(1),
            side: Side::Left,
            rule: "R02".into(),
            command: world.patch(1, "x", None, Value::Empty),
            fields: Vec::new(),
            marker: None,
            state: IntentState::Planned,
            attempts: 0,
            attempted_at: None,
            note: None,
            edit: false,
            due_at: None,
            refusal: None,
            ended_at: None,
        };
        let path = world.path();
        let World { dir, .. } = world;
        Self { dir, path, intent }
    }

    fn open(&self, adopt: bool) -> SqliteStore {
        SqliteStore::open(&self.path, StoreOptions::default().adopt(adopt)).unwrap()
    }

    /// A run that sends something, or nothing.
    fn run(&self, sends: bool, adopt: bool) -> Result<(), StoreError> {
        let store = self.open(adopt);
        let fence = take(&store, "test")?;
        if sends {
            self.send(&store, &fence)?;
        }
        block_on(store.lease(&link(), &LeaseAsk::Release(fence))).map(drop)
    }

    fn send(&self, store: &SqliteStore, fence: &Fence) -> Result<(), StoreError> {
        let commit = Commit {
            changes: vec![Change::Intent(self.intent.clone())],
            ..Commit::default()
        };
        block_on(store.commit(fence, commit)).map(drop)
    }

    fn sends(&self) {
        self.run(true, false).unwrap();
    }

    fn is_refused(&self) {
        // Being refused changes nothing.
        for _ in 0..2 {
            let refused = self.run(false, false);
            assert!(
                matches!(refused, Err(StoreError::NotAdopted)),
                "{refused:?}"
            );
        }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }

    fn backup(&self, name: &str) -> PathBuf {
        let backup = self.dir.path().join(name);
        let to = backup.to_str().unwrap();
        let person = Connection::open(&self.path).unwrap();
        person.execute("VACUUM INTO ?1", [to]).unwrap();
        backup
    }

    /// The same file, with what it held before.
    fn restore(&self, backup: &Path) {
        for beside in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(self.beside(beside));
        }
        std::fs::copy(backup, &self.path).unwrap();
    }
}

#[test]
fn pain_40_a_file_that_was_restored_in_its_place_is_refused_unless_adopted() {
    let file = File::new();
    let backup = file.backup("backup");
    // As it was when it was saved it may go on: nothing was sent since.
    file.restore(&backup);
    file.run(false, false).unwrap();
    file.restore(&backup);
    file.sends();
    file.restore(&backup);
    file.is_refused();
    file.run(false, true).unwrap();
    file.sends();
    // One that is made anew under the same name has nothing to do with the one before.
    std::fs::remove_file(&file.path).unwrap();
    file.run(false, false).unwrap();
}

#[test]
fn pain_40_the_same_backup_restored_again_after_it_was_adopted_is_refused_again() {
    let file = File::new();
    let early = file.backup("early");
    file.sends();
    let late = file.backup("late");
    file.restore(&early);
    file.run(true, true).unwrap();
    let adopted = file.backup("adopted");
    file.restore(&early);
    file.is_refused();
    // Nothing was sent after this one, but that was before the other was taken for it.
    file.restore(&late);
    file.is_refused();
    file.restore(&adopted);
    file.sends();
}

#[test]
fn pain_40_each_link_of_an_adopted_file_is_adopted_by_itself() {
    let file = File::new();
    let other = LinkId::new("other");
    let spec = LinkSpec {
        id: other.clone(),
        ..common::spec(Mapping::default())
    };
    let run = |adopt| {
        let store = file.open(adopt);
        block_on(store.open(&spec, OpenMode::Write))?;
        let fence = take_of(&store, &other, "test")?;
        block_on(store.lease(&other, &LeaseAsk::Release(fence)))?;
        let opened = block_on(store.open(&spec, OpenMode::Read))?;
        Ok::<_, StoreError>(opened.memory.adopting)
    };
    assert!(!run(false).unwrap());
    let backup = file.backup("backup");
    file.sends();
    file.restore(&backup);
    // The run of one link was told, and ended before the other's turn.
    file.run(false, true).unwrap();
    file.sends();
    for _ in 0..2 {
        assert!(matches!(run(false), Err(StoreError::NotAdopted)));
    }
    assert!(
        run(true).unwrap(),
        "and it is to believe nothing it remembers"
    );
    run(false).unwrap();
}

/// A copy was put in its place and adopted; the first one does not come back beside it.
#[test]
fn pain_40_the_file_that_an_adopted_copy_took_the_place_of_is_refused() {
    let file = File::new();
    file.sends();
    let away = file.dir.path().join("away.sqlite");
    let backup = file.backup("backup");
    std::fs::rename(&file.path, &away).unwrap();
    std::fs::rename(&backup, &file.path).unwrap();
    file.is_refused();
    file.run(true, true).unwrap();
    std::fs::remove_file(&file.path).unwrap();
    std::fs::rename(&away, &file.path).unwrap();
    file.is_refused();
}

#[test]
fn pain_40_edits_that_wait_in_a_file_without_its_lock_are_not_sent_unasked() {
    let file = File::new();
    file.run(false, false).unwrap();
    std::fs::remove_file(file.beside("-lock")).unwrap();
    // A mirror that nobody edits goes on.
    file.run(false, false).unwrap();
    let person = Connection::open(&file.path).unwrap();
    person.execute_batch("UPDATE tasks SET Note = 'x'").unwrap();
    std::fs::remove_file(file.beside("-lock")).unwrap();
    file.is_refused();
}

#[cfg(unix)]
#[test]
fn pain_40_a_symbolic_link_has_the_lock_of_the_file_it_leads_to() {
    let mut file = File::new();
    let backup = file.backup("backup");
    let real = file.path.clone();
    let link = file.dir.path().join("releases.sqlite");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    file.path.clone_from(&link);
    file.sends();
    file.path.clone_from(&real);
    file.restore(&backup);
    file.is_refused();
    assert!(!file.dir.path().join("releases.sqlite-lock").exists());
}

#[test]
fn pain_40_a_backup_made_while_a_run_works_is_known_when_it_is_restored() {
    let file = File::new();
    let store = file.open(false);
    let fence = take(&store, "test").unwrap();
    file.send(&store, &fence).unwrap();
    let backup = file.backup("backup");
    file.send(&store, &fence).unwrap();
    // Whether the run ended well or not.
    drop(store);
    file.restore(&backup);
    file.is_refused();
}

#[test]
fn pain_40_a_backup_restored_under_a_run_ends_it_before_it_sends() {
    let file = File::new();
    let store = file.open(false);
    let fence = take(&store, "test").unwrap();
    let send = || file.send(&store, &fence);
    send().unwrap();
    // What a backup of the same run's beginning says.
    let person = Connection::open(&file.path).unwrap();
    person
        .execute_batch("UPDATE _sync_meta SET durable = 0; DELETE FROM _sync_intents")
        .unwrap();
    let refused = send();
    assert!(
        matches!(refused, Err(StoreError::NotAdopted)),
        "{refused:?}"
    );
    let left = common::rows(&person, "SELECT count(*) FROM _sync_intents");
    assert_eq!(left, ["0"]);
}

#[test]
fn pain_40_a_file_whose_lock_is_gone_may_have_been_restored() {
    let file = File::new();
    file.run(false, false).unwrap();
    std::fs::remove_file(file.beside("-lock")).unwrap();
    // Nothing was ever sent.
    file.sends();
    std::fs::remove_file(file.beside("-lock")).unwrap();
    file.is_refused();
    file.run(false, true).unwrap();
    file.sends();
}

#[test]
fn pain_40_another_file_under_the_same_name_does_not_make_the_lock_forget_the_first() {
    let file = File::new();
    let backup = file.backup("backup");
    file.sends();
    let away = file.dir.path().join("away.sqlite");
    std::fs::rename(&file.path, &away).unwrap();
    // Another one, under the same lock.
    file.sends();
    std::fs::remove_file(&file.path).unwrap();
    std::fs::rename(&away, &file.path).unwrap();
    file.sends();
    file.restore(&backup);
    file.is_refused();
}

#[test]
fn a_file_that_moved_goes_on_under_a_new_lock_and_back_under_the_old_one() {
    let mut file = File::new();
    file.sends();
    let (here, there) = (file.path.clone(), file.dir.path().join("there.sqlite"));
    for to in [&there, &here, &there] {
        std::fs::rename(&file.path, to).unwrap();
        file.path.clone_from(to);
        file.run(false, false).unwrap();
        file.sends();
    }
}

#[cfg(unix)]
#[test]
fn a_file_of_two_names_is_refused_until_one_is_gone() {
    let file = File::new();
    let other = file.dir.path().join("other.sqlite");
    std::fs::hard_link(&file.path, &other).unwrap();
    let refused = file.run(false, false).unwrap_err();
    assert!(refused.to_string().contains("hard links"), "{refused}");
    assert!(refused.may_pass());
    std::fs::remove_file(&other).unwrap();
    file.sends();
}
