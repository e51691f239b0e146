//! Whether the file is as it should be.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::{World, rows};
use futures::executor::block_on;
use notion_sync_sqlite::SqliteStore;

#[test]
fn what_a_person_changed_of_triggers_views_and_columns_is_found_and_nothing_is_written() {
    let world = World::new();
    let found = || block_on(world.replica.misfits()).unwrap();
    assert_eq!(found(), Vec::<String>::new());
    let person = world.person();
    let sql = "SELECT sql FROM sqlite_master WHERE name = '_sync_tasks_before_delete'";
    let trigger = rows(&person, sql).remove(0);
    person
        .execute_batch(&format!(
            "DROP TRIGGER _sync_tasks_before_delete; {}; DROP VIEW changes;",
            trigger.replace("set _trashed = 1", "ask somebody")
        ))
        .unwrap();
    let expected = [
        "the trigger _sync_tasks_before_delete was changed",
        "the view changes is missing",
    ];
    assert_eq!(found(), expected);
    assert_eq!(found(), expected, "looking mends nothing");
}

#[test]
fn a_column_or_table_that_a_person_renamed_is_found() {
    let world = World::new();
    let found = || block_on(world.replica.misfits()).unwrap();
    let person = world.person();
    let rename = |what: &str| {
        person
            .execute_batch(&format!("ALTER TABLE {what}"))
            .unwrap()
    };
    rename("tasks RENAME COLUMN Note TO Remark");
    assert_eq!(found(), ["the column \"Note\" was dropped or renamed"]);
    rename("tasks RENAME TO chores");
    assert_eq!(found(), ["the table tasks was dropped or renamed"]);
}

#[test]
fn a_checkup_tells_format_damage_and_who_holds_the_file() {
    let world = World::new();
    let checkup = block_on(world.store.checkup()).unwrap();
    assert_eq!(checkup.format, Some(checkup.newest_format));
    assert_eq!(checkup.damage, Vec::<String>::new());
    assert_eq!(checkup.held_by.as_deref(), Some("test"));
    let elsewhere = SqliteStore::open(world.path(), Default::default()).unwrap();
    let checkup = block_on(elsewhere.checkup()).unwrap();
    assert_eq!(checkup.held_by.as_deref(), Some("test"));
    let nothing = SqliteStore::in_memory().unwrap();
    assert_eq!(block_on(nothing.checkup()).unwrap().held_by, None);
}
