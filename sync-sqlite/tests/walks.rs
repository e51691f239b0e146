//! What people ask of views goes along an index: the last entries of a long history, one record among
//! many. Told by SQLite's own plan, so that no size and no clock is needed.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::{World, schema};
use futures::executor::block_on;
use notion_sync_core::link::LinkId;
use notion_sync_core::port::{OpenMode, PlaceId, Store};
use rusqlite::Connection;

/// Two tables: views over several are put together otherwise than those over one.
fn world() -> World {
    let mut world = World::new();
    world.pull("one", "3");
    let other = LinkId::new("other");
    let replica = world.store.replica(&other).build();
    let mapping = block_on(replica.align(&schema(), None, true)).unwrap();
    let mut spec = common::spec(mapping);
    spec.id = other;
    spec.places.left = PlaceId::new("notion:2");
    spec.places.right = PlaceId::new("sqlite:tasks_2");
    block_on(world.store.open(&spec, OpenMode::Write)).unwrap();
    world
}

/// How SQLite goes about a query, a step each.
fn plan(person: &Connection, query: &str) -> Vec<String> {
    let mut statement = person
        .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
        .unwrap();
    let steps = statement.query_map([], |row| row.get(3)).unwrap();
    steps.collect::<Result<_, _>>().unwrap()
}

#[test]
fn the_last_entries_of_a_view_are_found_without_sorting_it() {
    let world = world();
    let person = world.person();
    for query in [
        "SELECT * FROM journal ORDER BY id DESC LIMIT 3",
        "SELECT * FROM journal WHERE \"table\" = 'tasks' ORDER BY id DESC LIMIT 3",
        "SELECT title, before, after FROM journal WHERE kind = 'patch' ORDER BY id LIMIT 3",
        "SELECT * FROM runs ORDER BY run DESC LIMIT 3",
        "SELECT * FROM runs WHERE settled > 0 ORDER BY run LIMIT 3",
        "SELECT * FROM runs WHERE \"table\" = 'tasks' ORDER BY run DESC LIMIT 3",
        "SELECT * FROM conflicts ORDER BY id DESC LIMIT 3",
        "SELECT * FROM changes ORDER BY _row DESC LIMIT 3",
        "SELECT * FROM changes WHERE \"table\" = 'tasks' ORDER BY _row LIMIT 3",
    ] {
        let plan = plan(&person, query);
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorts, "{query}: {plan:#?}");
        assert!(!plan.is_empty());
    }
}

#[test]
fn one_record_is_found_by_its_id_or_number_without_reading_the_others() {
    let world = world();
    let person = world.person();
    for (of, found) in [
        ("tasks", "SEARCH tasks USING"),
        ("changes", "SEARCH t USING"),
        ("cells", "SEARCH t USING"),
        ("sync_rows", "SEARCH t USING"),
        ("tasks__Tags", "SEARCH t USING"),
    ] {
        for by in ["_id = 'page-1'", "_row = 1"] {
            let query = format!("SELECT * FROM {of} WHERE {by}");
            let plan = plan(&person, &query);
            assert!(
                plan.iter().any(|step| step.starts_with(found)),
                "{query}: {plan:#?}"
            );
            // Elements of one cell, and what was found already, are no rows of a table.
            let found = format!("SCAN {of}");
            let is_made = plan[0].starts_with("CO-ROUTINE");
            let reads = |step: &&String| {
                step.starts_with("SCAN")
                    && !step.contains("VIRTUAL TABLE")
                    && !(is_made && **step == found)
            };
            let whole: Vec<_> = plan.iter().filter(reads).collect();
            assert_eq!(whole, Vec::<&String>::new(), "{query}: {plan:#?}");
            let by_link = plan
                .iter()
                .any(|step| step.ends_with("_sync_pairs_right (link=?)"));
            assert!(!by_link, "{query}: {plan:#?}");
        }
    }
    let plan = plan(&person, "SELECT * FROM conflicts WHERE id = 1");
    assert!(
        plan[0].starts_with("SEARCH c USING INTEGER PRIMARY KEY"),
        "{plan:#?}"
    );
}

#[test]
fn who_reads_all_cells_reads_what_was_seen_in_the_order_it_stands_in() {
    let world = world();
    let person = world.person();
    let plan = plan(&person, "SELECT * FROM cells");
    let jumps = plan.iter().any(|step| step.contains("_sync_pairs_right"));
    assert!(!jumps, "{plan:#?}");
}
