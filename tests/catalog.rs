//! Data sources and databases themselves, as rows of tables, over HTTP.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{StandingClock, World};
use notion_sync::core::port::Clock;
use notion_sync::{Catalog, RunOptions};
use rusqlite::types::Value;

fn catalog(world: &World) -> Catalog {
    let source = world.data_source.parse().unwrap();
    Catalog::new(world.client(), [source], &world.store()).clock(Arc::new(world.clock.clone()))
}

async fn run(world: &World) {
    for (subject, report) in catalog(world).run(&RunOptions::default()).await.unwrap() {
        assert!(report.refusals.is_empty(), "{subject:?}: {report:?}");
    }
    world.pass(Duration::from_secs(180));
}

fn text(world: &World, query: &str) -> String {
    match world.cell(query) {
        Value::Text(text) => text,
        other => panic!("{query}: {other:?}"),
    }
}

#[tokio::test]
async fn a_title_is_edited_in_sql_and_what_notion_does_not_take_is_refused_at_once() {
    let world = World::pulled(&["one"]).await;
    run(&world).await;
    assert_eq!(text(&world, "SELECT title FROM data_sources"), "Tasks");
    let id = format!(
        "SELECT count(*) FROM data_sources WHERE _id = '{}'",
        world.data_source
    );
    assert_eq!(world.number(&id), 1);
    // Its database, by the id that the data source names.
    let database = text(&world, "SELECT target_id FROM data_sources__database");
    assert_eq!(text(&world, "SELECT _id FROM databases"), database);
    assert_eq!(world.number("SELECT count(*) FROM views"), 0);

    world.sql("UPDATE data_sources SET title = 'Chores'");
    run(&world).await;
    let title = world.sim.state()["data_sources"].to_string();
    assert!(title.contains("Chores"), "{title}");
    assert_eq!(text(&world, "SELECT _state FROM data_sources"), "clean");
    // The table of its rows keeps its name.
    assert_eq!(world.live_rows(), 1);
    world.quiet().await;

    for statement in [
        "UPDATE data_sources SET description = 'x'",
        "UPDATE data_sources SET icon = '🏠'",
        "UPDATE databases SET title = 'x'",
    ] {
        let refused = world
            .person()
            .execute(statement, [])
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("not written to Notion by this version"),
            "{refused}"
        );
    }
    let requests = world.requests();
    run(&world).await;
    assert!(
        world.requests() - requests <= 3,
        "one read each, and one to find the database"
    );
}

#[tokio::test]
async fn rows_of_a_catalog_are_neither_added_nor_put_away() {
    let world = World::pulled(&["one"]).await;
    run(&world).await;
    for (statement, sentence) in [
        (
            "INSERT INTO data_sources (title) VALUES ('x')",
            "no rows are added here",
        ),
        (
            "INSERT INTO views DEFAULT VALUES",
            "views are made and put away in Notion only",
        ),
        (
            "UPDATE databases SET _trashed = 1",
            "_trashed cannot be edited here",
        ),
    ] {
        let refused = world.person().execute(statement, []).unwrap_err();
        assert!(
            refused.to_string().contains(sentence),
            "{statement}: {refused}"
        );
    }
    world.sql(
        "INSERT INTO data_sources (_id, title) SELECT _id, 'Chores' FROM data_sources WHERE true
         ON CONFLICT (_id) DO UPDATE SET title = excluded.title",
    );
    run(&world).await;
    assert_eq!(text(&world, "SELECT title FROM data_sources"), "Chores");
}

#[tokio::test]
async fn a_catalog_is_due_once_an_hour_and_when_somebody_edited_it() {
    let world = World::pulled(&["one"]).await;
    assert!(catalog(&world).is_due().await.unwrap());
    run(&world).await;
    assert!(!catalog(&world).is_due().await.unwrap());
    world.sql("UPDATE data_sources SET title = 'Chores'");
    assert!(catalog(&world).is_due().await.unwrap());
    run(&world).await;
    assert!(!catalog(&world).is_due().await.unwrap());
    world.pass(Duration::from_secs(3_600));
    assert!(catalog(&world).is_due().await.unwrap());
    run(&world).await;
    // A clock that jumps back a day has not looked for a day.
    let jumped = StandingClock::at(world.clock.now().0 - 24 * 3_600_000);
    let catalog = catalog(&world).clock(Arc::new(jumped));
    assert!(catalog.is_due().await.unwrap());
}

#[tokio::test]
async fn a_data_source_that_is_not_shared_any_more_keeps_its_row() {
    let world = World::pulled(&["one"]).await;
    run(&world).await;
    world.sim.share(&world.data_source, false).unwrap();
    catalog(&world).run(&RunOptions::default()).await.unwrap();
    assert_eq!(text(&world, "SELECT title FROM data_sources"), "Tasks");
    assert_eq!(world.number("SELECT _trashed FROM data_sources"), 0);
    world.sim.share(&world.data_source, true).unwrap();
    run(&world).await;
    assert_eq!(text(&world, "SELECT _state FROM data_sources"), "clean");
}
