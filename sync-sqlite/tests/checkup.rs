//! Whether the file is as it should be.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::{World, link, rows};
use futures::executor::block_on;
use notion_sync_core::port::{Change, LeaseAsk, Store};
use notion_sync_sqlite::{Mend, Misfit, SqliteStore};

fn said(found: Vec<Misfit>) -> Vec<String> {
    found.into_iter().map(|misfit| misfit.said).collect()
}

#[test]
fn what_a_person_changed_of_triggers_views_and_columns_is_found_and_nothing_is_written() {
    let world = World::new();
    let found = || said(block_on(world.replica.misfits()).unwrap());
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
    let changed = ["the trigger _sync_tasks_before_delete was changed"];
    assert_eq!(found(), changed);
    assert_eq!(found(), changed, "looking mends nothing");
    let misfits = || block_on(world.store.misfits()).unwrap();
    assert_eq!(said(misfits()), ["the view changes is missing"]);
    assert_eq!(misfits()[0].mend, Mend::Repair, "and is there to be found");
}

#[test]
fn a_column_or_table_that_a_person_renamed_is_found() {
    let world = World::new();
    let found = || said(block_on(world.replica.misfits()).unwrap());
    let person = world.person();
    let rename = |what: &str| {
        person
            .execute_batch(&format!("ALTER TABLE {what}"))
            .unwrap()
    };
    rename("tasks RENAME COLUMN Note TO Remark");
    assert_eq!(found(), ["the column \"Note\" was dropped or renamed"]);
    rename("tasks RENAME COLUMN Remark TO Note");
    for column in ["_row", "_state"] {
        rename(&format!("tasks RENAME COLUMN {column} TO away"));
        assert_eq!(
            found(),
            [format!("the column {column:?} was dropped or renamed")]
        );
        block_on(world.store.misfits()).unwrap();
        rename(&format!("tasks RENAME COLUMN away TO {column}"));
    }
    assert_eq!(found(), [""; 0]);
    rename("tasks RENAME TO chores");
    assert_eq!(found(), ["the table tasks was dropped or renamed"]);
    // Views that follow it are not told beside it.
    assert_eq!(block_on(world.store.misfits()).unwrap(), []);
}

#[test]
fn a_column_that_was_renamed_away_is_left_out_of_what_a_repair_makes_and_is_named_back() {
    let mut world = World::new();
    world.pull("one", "3");
    release(&world);
    let person = world.person();
    for column in ["Note", "Tags", "Name", "_url"] {
        let away = format!("ALTER TABLE tasks RENAME COLUMN \"{column}\" TO away");
        person.execute_batch(&away).unwrap();
        // One thing is wrong, and one thing is told.
        assert_eq!(block_on(world.store.misfits()).unwrap(), []);
        let found = said(block_on(world.replica.misfits()).unwrap());
        assert_eq!(
            found,
            [format!("the column {column:?} was dropped or renamed")]
        );
        block_on(world.store.repair()).unwrap();
        block_on(world.replica.repair()).unwrap();
        let views = "SELECT name FROM sqlite_master WHERE type = 'view'";
        for view in rows(&person, views) {
            rows(&person, &format!("SELECT * FROM {view}"));
        }
        let listed = format!("SELECT count(*) FROM schema_fields WHERE \"column\" = '{column}'");
        assert_eq!(rows(&person, &listed), ["0"]);
        let status = block_on(world.store.status_of(&link())).unwrap();
        assert_eq!(status.unwrap().rows, 1);
        person
            .execute_batch(&format!(
                "ALTER TABLE tasks ADD COLUMN mine TEXT; ALTER TABLE tasks DROP COLUMN mine;
                 ALTER TABLE tasks RENAME COLUMN away TO \"{column}\""
            ))
            .unwrap();
        assert_eq!(block_on(world.replica.misfits()).unwrap(), []);
        block_on(world.store.repair()).unwrap();
        assert_eq!(block_on(world.store.misfits()).unwrap(), []);
        assert_eq!(rows(&person, &listed), ["1"]);
    }
    person
        .execute("UPDATE tasks SET Note = 'x', Tags = '[\"a\"]'", [])
        .unwrap();
    let waiting = "SELECT \"column\", current FROM changes ORDER BY 1";
    assert_eq!(rows(&person, waiting), ["Note|x", "Tags|[\"a\"]"]);
    assert_eq!(rows(&person, "SELECT name FROM tasks__Tags"), ["a"]);
}

#[test]
fn a_checkup_tells_format_damage_and_who_holds_the_file() {
    let world = World::new();
    let checkup = block_on(world.store.checkup()).unwrap();
    assert_eq!(checkup.format, Some(checkup.newest_format));
    assert_eq!(checkup.damage, Vec::new());
    assert!(!checkup.is_copy);
    assert_eq!(checkup.held_by.as_deref(), Some("test"));
    let elsewhere = SqliteStore::open(world.path(), Default::default()).unwrap();
    let checkup = block_on(elsewhere.checkup()).unwrap();
    assert_eq!(checkup.held_by.as_deref(), Some("test"));
    let nothing = SqliteStore::in_memory().unwrap();
    assert_eq!(block_on(nothing.checkup()).unwrap().held_by, None);
}

#[test]
fn what_is_left_for_a_backup_keeps_everything_as_it_is() {
    let world = World::new();
    release(&world);
    let person = world.person();
    person
        .execute_batch("DROP TABLE _sync_capture; DROP TABLE _sync_layouts")
        .unwrap();
    let misfits = || block_on(world.store.misfits()).unwrap();
    let found = misfits();
    let mends: Vec<Mend> = found.iter().map(|misfit| misfit.mend).collect();
    assert_eq!(mends, [Mend::Repair, Mend::Backup], "{found:#?}");
    block_on(world.store.repair()).unwrap();
    assert_eq!(misfits(), found);
}

#[test]
fn mended_the_feed_hands_out_no_number_twice_to_who_has_read_it() {
    let mut world = World::new();
    world.pull("one", "3");
    world.pull("two", "4");
    let person = world.person();
    person
        .execute("UPDATE tasks SET Note = 'x' WHERE Name = 'one'", [])
        .unwrap();
    let (_, cursor, _) = world.scan(None);
    let memory = || block_on(world.store.memory(&link())).unwrap();
    let mut seen = memory();
    seen.sides.right.cursor = Some(cursor);
    world.commit(vec![Change::Memory(Box::new(seen))], Vec::new());
    release(&world);
    person.execute_batch("DROP TABLE _sync_capture").unwrap();
    block_on(world.store.repair()).unwrap();
    assert_eq!(block_on(world.store.misfits()).unwrap(), []);
    assert_eq!(memory().sides.right.cursor, None, "the next scan is whole");
    // The former connection learns of the new table with its next look at the schema.
    world
        .person()
        .execute("UPDATE tasks SET Note = 'y' WHERE Name = 'two'", [])
        .unwrap();
    let (seen, _, _) = world.scan(memory().sides.right.cursor.as_ref());
    assert_eq!(seen.len(), 2);
}

#[test]
fn what_is_as_it_should_be_is_left_alone_by_a_repair() {
    let mut world = World::new();
    world.pull("one", "3");
    let (_, cursor, _) = world.scan(None);
    let mut seen = block_on(world.store.memory(&link())).unwrap();
    seen.sides.right.cursor = Some(cursor);
    world.commit(vec![Change::Memory(Box::new(seen.clone()))], Vec::new());
    release(&world);
    let all = "SELECT * FROM _sync_links JOIN _sync_pairs";
    let before = rows(&world.person(), all);
    block_on(world.store.repair()).unwrap();
    block_on(world.replica.repair()).unwrap();
    assert_eq!(rows(&world.person(), all), before);
}

fn release(world: &World) {
    let ask = LeaseAsk::Release(world.fence.clone());
    block_on(world.store.lease(&link(), &ask)).unwrap();
}
