//! From what people paste to a data source.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use notion_sync_notion::client::{Json, RawRequest, http};
use notion_sync_notion::{ResolveError, list_data_sources, resolve};
use serde_json::json;
use support::{client, world};

#[tokio::test]
async fn lists_what_is_shared() {
    let world = world().await;
    world
        .sim
        .create_data_source("Other", &json!({"Name": {"title": {}}}))
        .unwrap();
    let found = list_data_sources(&client(&world.sim)).await.unwrap();
    let mut titles: Vec<_> = found.iter().map(|source| source.title.as_str()).collect();
    titles.sort_unstable();
    assert_eq!(titles, ["Other", "Tasks"]);
    assert!(found.iter().all(|source| source.database.is_some()));
}

#[tokio::test]
async fn pain_21_urls_and_ids_resolve_or_say_why() {
    let world = world().await;
    let client = client(&world.sim);
    let source = list_data_sources(&client).await.unwrap().remove(0);
    let database = source.database.unwrap();
    let undashed = database.to_string().replace('-', "");
    let view = "0b2c3d4e00004000800000000000a0ff";
    for text in [
        source.id.to_string(),
        database.to_string(),
        format!("https://www.notion.so/ws/Tasks-{undashed}?v={view}"),
        format!("collection://{}", source.id),
    ] {
        assert_eq!(resolve(&client, &text).await.unwrap(), source.id, "{text}");
    }
    let row = world.row("one");
    let page = format!(
        "https://www.notion.so/One-{}",
        row.as_str().replace('-', "")
    );
    let error = resolve(&client, &page).await.unwrap_err();
    assert!(matches!(error, ResolveError::IsPage), "{error:?}");
    let error = resolve(&client, "tasks").await.unwrap_err();
    assert!(matches!(error, ResolveError::NoId));
    let error = resolve(&client, view).await.unwrap_err();
    assert!(matches!(error, ResolveError::NotShared) && error.to_string().contains("share"));
}

#[tokio::test]
async fn pain_21_several_data_sources_are_listed_with_their_ids() {
    let world = world().await;
    let client = client(&world.sim);
    let source = list_data_sources(&client).await.unwrap().remove(0);
    let database = source.database.unwrap();
    let body = json!({
        "parent": {"type": "database_id", "database_id": database.to_string()},
        "title": [{"text": {"content": "Second"}}],
        "properties": {"Name": {"title": {}}},
    });
    let request =
        RawRequest::new(http::Method::POST, "data_sources").body(Json::from_value(&body).unwrap());
    client.send(&request).await.unwrap();
    let error = resolve(&client, &database.to_string()).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("Second") && text.contains(&source.id.to_string()),
        "{text}"
    );
}
