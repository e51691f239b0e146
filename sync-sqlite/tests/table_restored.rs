//! Somebody else's file that was restored from a backup: what it lacks is no edit of a person.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod tables;

use std::path::PathBuf;

use futures::executor::block_on;
use notion_sync_core::port::{Atomicity, Command, Coverage, PeerErrorKind, Scope};
use notion_sync_core::value::Value;
use notion_sync_sqlite::{SqliteTable, TableError};
use rusqlite::Connection;
use tables::*;

const ROWS: &str =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'old')";

fn says(text: &str) -> Command {
    patch("1", &[("a", Value::text(text))])
}

/// A file with a backup of its beginning.
struct Restored {
    shop: Shop,
    backup: PathBuf,
    is_captured: bool,
}

impl Restored {
    fn all() -> [Self; 2] {
        [true, false].map(|is_captured| {
            let shop = Shop::new(ROWS);
            if is_captured {
                shop.captured("t");
            }
            let backup = shop.path().with_extension("backup");
            shop.run(&format!("VACUUM INTO '{}'", backup.display()));
            Self {
                shop,
                backup,
                is_captured,
            }
        })
    }

    fn beside(&self) -> PathBuf {
        let mut name = self.shop.path().into_os_string();
        name.push("-notion-sync");
        name.into()
    }

    fn table(&self) -> SqliteTable {
        self.shop.table("t")
    }

    fn restore(&self) {
        std::fs::copy(&self.backup, self.shop.path()).unwrap();
    }

    fn refuses_scans(&self) {
        let refused = try_scan(&self.table(), None, 3).unwrap_err();
        assert_eq!(refused.kind, PeerErrorKind::Local, "{refused}");
        assert!(refused.message.contains("restored"), "{refused}");
    }

    fn is_refused(&self) {
        for _ in 0..2 {
            self.refuses_scans();
            let table = self.table();
            let refused = try_apply(&table, Atomicity::PerCommand, &[says("new")]);
            assert!(refused.is_err());
        }
        assert_eq!(self.a(), "old", "nothing is written to it");
    }

    fn is_taken(&self) {
        let scan = full(&self.table());
        assert_eq!(scan.coverage, Coverage::Complete(Scope::All));
        assert_eq!(describe(&self.table()).schema.title, "t");
    }

    fn a(&self) -> String {
        let person = Connection::open(self.shop.path()).unwrap();
        let sql = "SELECT a FROM t WHERE id = 1";
        person.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

#[test]
fn a_file_that_lacks_what_sync_wrote_is_refused_until_it_is_adopted() {
    for file in Restored::all() {
        // Nothing was written since: it is what it was.
        file.restore();
        file.is_taken();
        done(&file.table(), says("new"));
        assert_eq!(file.a(), "new");
        file.is_taken();
        file.restore();
        file.is_refused();
        let adopting = file.shop.builder("t").adopt(true).build().unwrap();
        let scan = full(&adopting);
        assert_eq!(scan.keys(), ["1"]);
        drop(adopting);
        // Said once is enough.
        file.is_taken();
        done(&file.table(), says("newer"));
        file.restore();
        file.is_refused();
    }
}

#[test]
fn where_the_file_beside_it_is_gone_it_may_have_been_restored() {
    for file in Restored::all() {
        done(&file.table(), says("new"));
        std::fs::remove_file(file.beside()).unwrap();
        assert!(try_scan(&file.table(), None, 3).is_err());
        // Moved alone, it is still itself.
        let moved = file.shop.path().with_extension("moved");
        std::fs::rename(file.shop.path(), &moved).unwrap();
        full(&SqliteTable::builder(&moved, "t").build().unwrap());
    }
}

#[test]
fn what_a_scan_has_seen_and_the_file_lacks_is_refused() {
    let [file, _] = Restored::all();
    assert!(file.is_captured);
    file.shop.run("UPDATE t SET a = 'edited' WHERE id = 1");
    let cursor = full(&file.table()).cursor;
    file.restore();
    let refused = try_scan(&file.table(), cursor.clone(), 3).unwrap_err();
    assert!(refused.message.contains("restored"), "{refused}");
    let adopting = file.shop.builder("t").adopt(true).build().unwrap();
    assert_eq!(since(&adopting, &cursor).keys(), ["1"]);
}

/// A full scan has no cursor of its own, and a feed begun anew knows nothing of the old one.
#[test]
fn what_any_scan_has_seen_and_the_file_lacks_is_refused_by_every_scan() {
    let [file, _] = Restored::all();
    file.shop.run("UPDATE t SET a = 'edited' WHERE id = 1");
    let backup = file.shop.path().with_extension("later");
    let to = format!("VACUUM INTO '{}'", backup.display());
    file.shop.run(&to);
    file.shop.run("UPDATE t SET a = 'again' WHERE id = 1");
    full(&file.table());
    file.restore();
    file.is_refused();
    let table = file.table();
    for refused in [
        block_on(table.start_capture()),
        block_on(table.stop_capture()),
        block_on(table.remove_side_tables()),
    ] {
        assert!(
            matches!(refused, Err(TableError::Restored(_))),
            "{refused:?}"
        );
    }
    let person = Connection::open(file.shop.path()).unwrap();
    person
        .execute_batch("DROP TRIGGER _sync_feed_t_after_update")
        .unwrap();
    file.is_refused();
    // Later than what was seen it is not, however it came there, and however much is written since.
    std::fs::copy(&backup, file.shop.path()).unwrap();
    file.refuses_scans();
    let person = Connection::open(file.shop.path()).unwrap();
    for _ in 0..5 {
        person
            .execute_batch("UPDATE t SET a = 'later' WHERE id = 1")
            .unwrap();
        file.refuses_scans();
    }
}

/// Taken as it is by one, it is another one to those who were not told.
#[test]
fn a_file_that_was_adopted_has_another_history() {
    for file in Restored::all() {
        let lineage = |table: &SqliteTable| describe(table).capabilities.lineage;
        done(&file.table(), says("new"));
        let before = file.table();
        let first = lineage(&before).unwrap();
        file.restore();
        let adopting = file.shop.builder("t").adopt(true).build().unwrap();
        let second = lineage(&adopting).unwrap();
        assert_ne!(first, second);
        assert_eq!(
            lineage(&file.table()).as_deref(),
            Some(&*second),
            "once is enough"
        );
        let refused = try_scan(&before, None, 3).unwrap_err();
        assert!(refused.message.contains("restored"), "{refused}");
    }
}

#[test]
fn a_side_file_that_cannot_be_read_says_so() {
    let [_, file] = Restored::all();
    done(&file.table(), says("new"));
    std::fs::remove_file(file.beside()).unwrap();
    std::fs::create_dir(file.beside()).unwrap();
    let refused = try_scan(&file.table(), None, 3).unwrap_err();
    assert_eq!(refused.kind, PeerErrorKind::Unavailable, "{refused}");
    assert!(refused.message.contains("readable"), "{refused}");
}

#[test]
fn a_backup_of_before_capture_began_is_refused() {
    let [_, file] = Restored::all();
    block_on(file.table().start_capture()).unwrap();
    file.restore();
    file.is_refused();
}

#[test]
fn taking_all_away_takes_the_file_beside_it_too() {
    for file in Restored::all() {
        done(&file.table(), says("new"));
        assert!(file.beside().exists());
        block_on(file.table().remove_side_tables()).unwrap();
        assert!(!file.beside().exists());
        file.is_taken();
    }
}
