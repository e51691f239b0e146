//! Private tables that somebody emptied: what is told, and that no page is made twice.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::World;
use serde_json::json;

/// Two synced pages.
async fn synced() -> World {
    let world = World::new(&[]).await;
    for name in ["one", "two"] {
        world.add(name, json!({ "Count": { "number": 1 } }));
    }
    world.run().code(0);
    world.sim.clear_ledger();
    world
}

/// With an edit that waits and a row that waits.
async fn lived_in() -> World {
    let world = synced().await;
    world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'two'");
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    world
}

#[track_caller]
fn each_is_there_once(world: &World) {
    for name in ["one", "two", "new"] {
        assert_eq!(world.pages(name).len(), 1, "{name}");
        let rows = format!("SELECT count(*) FROM Tasks WHERE Name = '{name}'");
        assert_eq!(world.text(&rows), "1", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_pages_that_nothing_is_remembered_of_are_not_made_again_and_are_taken_up_by_their_id()
 {
    for emptied in [
        "DELETE FROM _sync_pairs WHERE right_key = '1'",
        "DELETE FROM _sync_pairs",
    ] {
        let world = lived_in().await;
        world.edit("one", json!({ "Count": { "number": 7 } }));
        world.sql(emptied);
        for command in ["plan", "run"] {
            let said = world.say(&[command]).code(1);
            said.says("is of a record that the file does not remember");
            said.says("doctor --repair");
        }
        assert_eq!(world.writes(), Vec::new(), "{emptied}");
        let said = world.say(&["doctor"]).code(1);
        said.says("are of records that the file does not remember");
        world.say(&["doctor", "--repair"]).code(0).says("mended");
        world.say(&["run"]);
        each_is_there_once(&world);
        // What differs is asked about: nobody knows any more who edited what.
        for conflict in ["1", "2"] {
            world.say(&["resolve", conflict, "--keep", "sqlite"]);
        }
        world.run().code(0);
        each_is_there_once(&world);
        assert_eq!(world.page("two")["properties"]["Count"]["number"], 3);
        world.say(&["verify"]).code(0);
        world.say(&["doctor"]).code(0).says("Nothing is wrong.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_agreed_and_is_deleted_is_agreed_on_anew() {
    for (emptied, told) in [
        ("DELETE FROM _sync_left", "entries of _sync_left are gone"),
        ("DELETE FROM _sync_right", "entries of _sync_right are gone"),
        (
            "DELETE FROM _sync_left WHERE pk = (SELECT p.pk FROM _sync_pairs p JOIN Tasks
             ON right_key = CAST(_row AS TEXT) AND Name = 'two')",
            "entries of _sync_left are gone",
        ),
        (
            "DELETE FROM _sync_layouts",
            "cannot be read: it stood in _sync_layouts",
        ),
    ] {
        let world = lived_in().await;
        world.sql(emptied);
        world.run().code(1).says("doctor --repair");
        assert_eq!(world.writes(), Vec::new(), "{emptied}");
        world.say(&["doctor"]).code(1).says(told);
        world.say(&["doctor", "--repair"]).code(0).says("mended");
        world.run().code(3).says("1 conflict(s) wait for you");
        each_is_there_once(&world);
        let conflict = world.text("SELECT id FROM conflicts");
        world.say(&["resolve", &conflict, "--keep", "sqlite"]);
        world.run().code(0);
        assert_eq!(world.page("two")["properties"]["Count"]["number"], 3);
        each_is_there_once(&world);
        world.say(&["verify"]).code(0);
        world.say(&["doctor"]).code(0).says("Nothing is wrong.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_its_link_has_forgotten_is_its_own_again_and_gets_no_other_beside_it() {
    let world = lived_in().await;
    world.sql("DELETE FROM _sync_tables");
    world.run().code(1).says("_sync_tables was emptied");
    world
        .say(&["doctor"])
        .code(1)
        .says("the entry of tasks in _sync_tables is gone");
    world.say(&["doctor", "--repair"]).code(0).says("mended");
    world.run().code(0);
    each_is_there_once(&world);
    assert_eq!(world.page("two")["properties"]["Count"]["number"], 3);
    world.say(&["verify"]).code(0);
    world.say(&["doctor"]).code(0).says("Nothing is wrong.");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_else_knows_is_left_for_a_backup_and_ends_runs() {
    for (emptied, told) in [
        ("DELETE FROM _sync_links", "entries of _sync_links are gone"),
        (
            "DELETE FROM _sync_columns",
            "entries of tasks in _sync_columns are gone",
        ),
        (
            "UPDATE _sync_meta SET lineage = 'zz'",
            "which file it is cannot be read",
        ),
        (
            "UPDATE _sync_pairs SET left_key = NULL",
            "have lost their left_key",
        ),
    ] {
        let world = lived_in().await;
        world.sql(emptied);
        for words in [&["doctor"][..], &["doctor", "--repair"]] {
            let said = world.say(words).code(1);
            said.says(told);
            said.says("restore a backup");
        }
        assert_eq!(
            world.text("SELECT count(*) FROM _sync_pairs WHERE link = 1"),
            "2"
        );
        let run = world.say(&["run", "--data-source", &world.data_source]);
        run.code(1);
        assert_eq!(world.writes(), Vec::new(), "{emptied}");
        assert_eq!(world.text("SELECT count(*) FROM Tasks"), "3");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_row_nothing_is_remembered_of_gets_no_second_row() {
    let world = synced().await;
    world.sql("DELETE FROM _sync_pairs");
    world.edit("one", json!({ "Count": { "number": 7 } }));
    world.run().code(3).says("doctor --repair");
    world.say(&["doctor", "--repair"]).code(0).says("mended");
    world.run().code(3).says("1 conflict(s) wait for you");
    let conflict = world.text("SELECT id FROM conflicts");
    let decided = world.say(&["resolve", &conflict, "--keep", "sqlite"]);
    decided.code(0);
    world.run().code(0);
    assert_eq!(world.page("one")["properties"]["Count"]["number"], 1);
    assert_eq!(world.text("SELECT count(*) FROM Tasks"), "2");
    assert_eq!(
        world.text("SELECT count(*) FROM _sync_pairs WHERE link = 1"),
        "2"
    );
    world.say(&["verify"]).code(0);
    world.say(&["doctor"]).code(0).says("Nothing is wrong.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_restored_after_its_pair_was_pruned_comes_back_as_its_row() {
    let world = synced().await;
    let page = world.id("one");
    world.sim.trash_as_person(&page, true).unwrap();
    world.run().code(0);
    // Files of former versions have pruned it after ninety days.
    world.sql("DELETE FROM _sync_pairs WHERE right_live = 0 AND link = 1");
    world.say(&["doctor", "--repair"]);
    assert_eq!(
        world.text("SELECT count(*) FROM _sync_pairs WHERE link = 1"),
        "1"
    );
    world.sim.trash_as_person(&page, false).unwrap();
    world.run().code(3).says("doctor --repair");
    world
        .say(&["doctor"])
        .code(1)
        .says("are of records that the file does not remember");
    world.say(&["doctor", "--repair"]).code(0);
    // Alive there, in the trash here, and nobody knows any more who meant what.
    world.run().code(3).says("1 conflict(s) wait for you");
    let conflict = world.text("SELECT id FROM conflicts");
    let decided = world.say(&["resolve", &conflict, "--keep", "notion"]);
    decided.code(0);
    world.run().code(0);
    assert_eq!(
        world.text("SELECT count(*) FROM Tasks WHERE _trashed = 0"),
        "2"
    );
    assert_eq!(world.pages("one").len(), 1);
}
