//! What changes in Notion's schema does to the table.

mod common;

use std::time::Duration;

use common::World;
use notion_sync::client::api::UpdateDataSource;
use notion_sync::client::write::{PropertyChange, PropertyConfigWrite};
use notion_sync::client::{Client, RateLimit, Token};
use notion_sync::sqlite::SqliteStore;
use notion_sync::{Replica, RunOptions};
use notion_sync_sim::NotionSim;
use serde_json::json;

/// A property added in Notion moves no page's edit time; its values arrive all the same.
#[tokio::test]
async fn pain_20_a_new_property_arrives_and_a_rename_changes_no_column() {
    let now = "2026-11-02T09:00:00Z".parse().unwrap();
    let sim = NotionSim::builder()
        .rate_limit(None)
        .virtual_clock(now)
        .start()
        .await
        .unwrap();
    let schema = json!({ "Name": { "title": {} }, "Status": { "select": { "options": [{ "name": "Todo" }] } } });
    let source = sim.create_data_source("Tasks", &schema).unwrap();
    for n in 0..150 {
        let name = json!({ "Name": { "title": [{ "text": { "content": format!("row {n}") } }] } });
        sim.create_page(&source, &name).unwrap();
    }
    let client = Client::builder(Token::new(sim.token()).unwrap())
        .base_url(sim.base_url())
        .rate_limit(RateLimit::Off)
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tasks.sqlite");
    let store = SqliteStore::open(&file, Default::default()).unwrap();
    let id = source.parse().unwrap();
    let replica = Replica::new(client.clone(), id, &store).index_lag(Duration::ZERO);
    replica.run(&RunOptions::default()).await.unwrap();

    let add = PropertyChange::set(PropertyConfigWrite::RichText);
    let rename = PropertyChange::Rename("State".to_owned());
    let request = UpdateDataSource::new(id)
        .property("Owner", add)
        .property("Status", rename);
    client.send(&request).await.unwrap();
    let page = sim.pages(&source).unwrap()[7]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let owner = json!({ "Owner": { "rich_text": [{ "text": { "content": "Ada" } }] } });
    sim.edit_as_person(&page, &owner).unwrap();

    // A run that does not know of the new property yet sees the page and cannot keep the value.
    assert!(
        replica
            .run(&RunOptions::default())
            .await
            .unwrap()
            .is_quiet()
    );
    sim.advance(Duration::from_secs(3600));
    // The next one that writes reads the schema first, and then every page.
    let person = rusqlite::Connection::open(&file).unwrap();
    person
        .execute("UPDATE Tasks SET Name = 'first' WHERE _row = 1", [])
        .unwrap();
    let report = replica.run(&RunOptions::default()).await.unwrap();
    assert!(report.full_scan.left);
    let owners: Vec<String> = person
        .prepare("SELECT Owner FROM Tasks WHERE Owner IS NOT NULL")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(owners, ["Ada"]);

    // The column keeps its name though the property was renamed, and still writes.
    person
        .execute(
            "UPDATE Tasks SET Status = 'Todo', Owner = 'Grace' WHERE _id = ?1",
            [&page],
        )
        .unwrap();
    let report = replica.run(&RunOptions::default()).await.unwrap();
    assert_eq!(report.settled.left.patched, 1);
    let page = sim.page(&page).unwrap();
    assert_eq!(page["properties"]["State"]["select"]["name"], "Todo");
    assert!(
        replica
            .run(&RunOptions::default())
            .await
            .unwrap()
            .is_quiet()
    );
}

/// A schema is asked for every ten minutes; a page that does not fit it is a reason to ask at once.
#[tokio::test]
async fn a_property_that_was_retyped_or_removed_is_noticed_by_the_run_that_sees_a_page() {
    let world = World::pulled(&["one", "two"]).await;
    let replica = world.replica(world.client(), &world.store());
    for (properties, column) in [
        (json!({ "Count": { "rich_text": {} } }), "Count"),
        (json!({ "Notes": null }), "Notes"),
    ] {
        world
            .sim
            .alter_as_person(&world.data_source, &properties)
            .unwrap();
        world.pass(Duration::from_secs(1));
        let plan = replica.plan(&RunOptions::default()).await.unwrap();
        assert!(plan.is_empty(), "{plan:#?}");
        let report = world.run().await;
        assert!(
            report.is_quiet() && report.refusals.is_empty(),
            "{report:#?}"
        );
        let stuck = "SELECT count(*) FROM sync_rows";
        assert_eq!(world.number(stuck), 0, "{column}");
        let editable = format!("SELECT editable FROM schema_fields WHERE \"column\" = '{column}'");
        assert_eq!(world.number(&editable), 0, "{column}");
    }
    world.sql("UPDATE Tasks SET \"Count 2\" = 'many' WHERE Name = 'one'");
    world.settle().await;
    assert_eq!(common::words(&world.page("one"), "Count"), "many");
    // Nothing strange is left to ask for.
    world.quiet().await;
    assert_eq!(world.requests(), 1);
}
