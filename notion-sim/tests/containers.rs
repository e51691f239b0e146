//! Databases and data sources: what they have in common, and how they show themselves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use notion_sync_sim::Knobs;
use serde_json::{Value, json};
use support::{Api, api, ids};

fn text(content: &str) -> Value {
    json!([{"text": {"content": content}}])
}

fn plain(title: &Value) -> &str {
    title[0]["plain_text"].as_str().unwrap_or_default()
}

/// A database in a page, and the id of its data source.
async fn database(api: &Api, extra: Value) -> (String, String) {
    let parent = json!({"type": "workspace", "workspace": true});
    let page = json!({"parent": parent, "properties": {"title": text("Home")}});
    let page = api.post("/v1/pages", page).await.ok();
    let mut body = json!({"parent": {"type": "page_id", "page_id": page["id"]}});
    body.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    let made = api.post("/v1/databases", body).await.ok();
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    (id(&made["id"]), id(&made["data_sources"][0]["id"]))
}

#[tokio::test]
async fn a_database_and_its_only_data_source_share_title_and_description() {
    let api = api().await;
    let (database, source) = database(&api, json!({"description": text("old")})).await;
    let (database, source) = (
        format!("/v1/databases/{database}"),
        format!("/v1/data_sources/{source}"),
    );
    let read = api.get(&database).await.ok();
    assert_eq!(plain(&read["title"]), "New database");
    assert_eq!(read["data_sources"][0]["name"], "New database");
    let read = api.get(&source).await.ok();
    assert_eq!(
        (&read["title"], plain(&read["description"])),
        (&json!([]), "old")
    );

    api.patch(&source, json!({"title": text("Tasks")}))
        .await
        .ok();
    assert_eq!(plain(&api.get(&database).await.ok()["title"]), "Tasks");
    api.patch(&database, json!({"description": text("new")}))
        .await
        .ok();
    assert_eq!(plain(&api.get(&source).await.ok()["description"]), "new");
}

#[tokio::test]
async fn of_several_data_sources_each_has_a_title_of_its_own() {
    let api = api().await;
    let (database, source) = database(&api, json!({"title": text("Tasks")})).await;
    let second = json!({
        "parent": {"database_id": database}, "title": text("Bugs"), "properties": {"Name": {"title": {}}},
    });
    api.post("/v1/data_sources", second).await.ok();
    api.patch(
        &format!("/v1/data_sources/{source}"),
        json!({"title": text("Chores")}),
    )
    .await
    .ok();
    let read = api.get(&format!("/v1/databases/{database}")).await.ok();
    assert_eq!(plain(&read["title"]), "Tasks");
    let names: Vec<_> = read["data_sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| &s["name"])
        .collect();
    assert_eq!(names, ["Chores", "Bugs"]);
}

#[tokio::test]
async fn databases_tell_the_moment_and_data_sources_the_minute() {
    let api = api().await;
    let (database, source) = database(&api, json!({})).await;
    let made = api.get(&format!("/v1/databases/{database}")).await.ok();
    assert_eq!(made["created_time"], "2026-09-04T14:30:41.000+00:00");
    let made = api.get(&format!("/v1/data_sources/{source}")).await.ok();
    assert_eq!(made["created_time"], "2026-09-04T14:30:00.000Z");

    api.sim.advance(std::time::Duration::from_secs(60));
    let path = format!("/v1/blocks/{database}");
    let trashed = api.send("DELETE", &path, None).await.unwrap().ok();
    assert_eq!(trashed["last_edited_time"], "2026-09-04T14:31:00.000Z");
}

#[tokio::test]
async fn a_renamed_two_way_relation_is_called_so_on_the_other_side() {
    let api = api().await;
    let people = api.table(json!({}));
    let tasks =
        api.table(json!({"Who": {"relation": {"data_source_id": people, "dual_property": {}}}}));
    let path = format!("/v1/data_sources/{people}");
    let mirror = |read: &Value| {
        let properties = read["properties"].as_object().unwrap().values();
        let mut relations = properties.filter(|property| property["type"] == "relation");
        relations.next().unwrap().clone()
    };
    let id = mirror(&api.get(&path).await.ok())["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let renamed = json!({"properties": {id: {"name": "Tasks"}}});
    api.patch(&path, renamed).await.ok();
    let read = api.get(&format!("/v1/data_sources/{tasks}")).await.ok();
    let config = &read["properties"]["Who"]["relation"]["dual_property"];
    assert_eq!(config["synced_property_name"], "Tasks");
}

#[tokio::test]
async fn a_knob_shows_trashed_data_sources_to_searches_again() {
    let api = api().await;
    let (_, source) = database(&api, json!({})).await;
    api.patch(
        &format!("/v1/data_sources/{source}"),
        json!({"in_trash": true}),
    )
    .await
    .ok();
    let search = json!({"filter": {"property": "object", "value": "data_source"}});
    let found = || async { ids(&api.post("/v1/search", search.clone()).await.ok()) };
    assert!(found().await.is_empty());
    let mut knobs = Knobs::default();
    knobs.search_shows_trashed_sources = true;
    api.sim.set_knobs(knobs);
    assert_eq!(found().await, [source]);
}
