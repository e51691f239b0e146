//! Loading recorded exchanges: odd lines, and the recordings that may lie beside the workspace.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/recordings.rs"]
mod recordings;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use recordings::recordings;
use serde_json::{Value, json};
use support::{builder, with};

type Seen = BTreeMap<String, (Option<String>, Value)>;

/// An independent reading of a folder: full pages by id, the latest edit winning, then the latest line.
fn last_sights(folder: &std::path::Path) -> Seen {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    let mut seen = Seen::new();
    for file in files {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let exchange: Value = serde_json::from_str(line).unwrap();
            collect(&exchange["response_body"], &mut seen);
        }
    }
    seen
}

fn collect(value: &Value, seen: &mut Seen) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, seen)),
        Value::Object(object) => {
            let id = value["id"].as_str().unwrap_or_default().to_owned();
            let edited = value["last_edited_time"].as_str().map(str::to_owned);
            let newer = seen.get(&id).is_none_or(|(old, _)| *old <= edited);
            if value["object"] == "page" && value.get("properties").is_some() && newer {
                seen.insert(id, (edited, value.clone()));
            } else if value["type"] == "child_page"
                && value["in_trash"] == true
                && newer
                && let Some((_, page)) = seen.get_mut(&id)
            {
                page["in_trash"] = json!(true);
            }
            object.values().for_each(|inner| collect(inner, seen));
        }
        _ => {}
    }
}

#[tokio::test]
async fn queries_return_the_distinct_live_pages_at_last_sight() {
    let Some(folder) = recordings() else { return };
    for name in ["ultimate-notion", "notion-sdk-py"] {
        let api = with(builder().load(folder.join(name))).await;
        assert!(
            api.sim.load_report().skipped.is_empty(),
            "{:?}",
            api.sim.load_report().skipped
        );
        let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let sights = last_sights(&folder.join(name));
        for (id, (_, page)) in &sights {
            if let (Some(source), false) = (
                page["parent"]["data_source_id"].as_str(),
                page["in_trash"] == true,
            ) {
                expected
                    .entry(source.into())
                    .or_default()
                    .insert(id.clone());
            }
        }
        for source in api.sim.data_sources() {
            let found = api.walk(&source, json!({"page_size": 7})).await;
            let distinct: BTreeSet<String> = found.iter().cloned().collect();
            assert_eq!(found.len(), distinct.len());
            assert_eq!(
                distinct,
                expected.remove(&source).unwrap_or_default(),
                "{name} {source}"
            );
            assert_eq!(
                api.get(&format!("/v1/data_sources/{source}")).await.status,
                200
            );
        }
        assert!(expected.is_empty(), "{expected:?}");
        for (id, (_, page)) in sights {
            let read = api.get(&format!("/v1/pages/{id}")).await.ok();
            for field in [
                "properties",
                "parent",
                "created_time",
                "last_edited_time",
                "icon",
                "url",
                "in_trash",
            ] {
                assert_eq!(read[field], page[field], "{name} {id} {field}");
            }
        }
    }
}

#[tokio::test]
async fn both_recordings_load_together_and_survive_a_state_file() {
    let Some(folder) = recordings() else { return };
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("state.json");
    let both = builder()
        .load(folder.join("ultimate-notion"))
        .load(folder.join("notion-sdk-py"));
    let first = with(both.state_file(&file)).await;
    let sources = first.sim.data_sources();
    let before: Vec<Vec<Value>> = sources
        .iter()
        .map(|id| first.sim.pages(id).unwrap())
        .collect();
    first.sim.save().await.unwrap();
    let second = with(builder().state_file(&file)).await;
    let after: Vec<Vec<Value>> = sources
        .iter()
        .map(|id| second.sim.pages(id).unwrap())
        .collect();
    assert_eq!(before, after);
}

#[tokio::test]
async fn odd_lines_are_reported_and_schemas_are_made_up_from_values() {
    let folder = tempfile::tempdir().unwrap();
    let page = json!({
        "object": "page", "id": "1b2c3d4e-0000-4000-8000-00000000a001", "url": "u",
        "created_time": "2026-09-01T09:00:00.000Z", "last_edited_time": "2026-09-04T14:30:00.000Z",
        "parent": {"type": "data_source_id", "data_source_id": "1b2c3d4e-0000-4000-8000-00000000d001"},
        "in_trash": false,
        "properties": {
            "Name": {"id": "title", "type": "title", "title": []},
            "Prio": {"id": "a%3Ab", "type": "select", "select": {"id": "o1", "name": "High", "color": "red"}},
            "Odd": {"id": "odd", "type": "hologram", "hologram": {"depth": 3}},
            "Tags": {"id": "tags", "type": "multi_select", "multi_select": ["not an option"]},
        },
    });
    let lines = [
        "not json".to_owned(),
        "[1]".to_owned(),
        json!({"seq": 0, "method": "GET", "path": "/v1/pages/x"}).to_string(),
        json!({"seq": 1, "method": "POST", "path": "/v1/search", "status": 200, "response_body": {"object": "list", "results": [page]}}).to_string(),
        json!({"seq": 2, "status": 404, "response_body": {"object": "error"}}).to_string(),
    ];
    std::fs::write(folder.path().join("a.jsonl"), lines.join("\n")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "ignored").unwrap();
    let api = with(builder().load(folder.path())).await;
    let report = api.sim.load_report();
    assert_eq!((report.lines, report.skipped.len()), (5, 3), "{report:?}");
    let source = "1b2c3d4e-0000-4000-8000-00000000d001";
    let schema = api.get(&format!("/v1/data_sources/{source}")).await.ok();
    assert_eq!(
        schema["properties"]["Prio"]["select"]["options"][0]["name"],
        "High"
    );
    let found = api
        .query(
            source,
            json!({"filter": {"property": "Prio", "select": {"equals": "High"}}}),
        )
        .await;
    assert_eq!(
        found["results"][0]["properties"]["Odd"]["hologram"]["depth"],
        3
    );
    let id = page["id"].as_str().unwrap();
    let edited = api
        .patch(
            &format!("/v1/pages/{id}"),
            json!({"properties": {"Prio": {"select": null}}}),
        )
        .await
        .ok();
    assert_eq!(edited["properties"]["Odd"]["hologram"]["depth"], 3);
}

#[tokio::test]
async fn databases_of_the_time_before_data_sources_load_too() {
    let folder = tempfile::tempdir().unwrap();
    let database = "1b2c3d4e-0000-4000-8000-00000000db01";
    let exchange = json!({"seq": 0, "status": 200, "response_body": {"object": "list", "results": [
        {
            "object": "database", "id": database, "title": [], "parent": {"type": "workspace", "workspace": true},
            "properties": {"Name": {"id": "title", "name": "Name", "type": "title", "title": {}}},
        },
        {
            "object": "page", "id": "1b2c3d4e-0000-4000-8000-00000000a001", "url": "u",
            "parent": {"type": "database_id", "database_id": database}, "archived": false,
            "properties": {"Name": {"id": "title", "type": "title", "title": []}},
        },
    ]}});
    std::fs::write(folder.path().join("a.jsonl"), exchange.to_string()).unwrap();
    let api = with(builder().load(folder.path())).await;
    assert!(api.sim.load_report().skipped.is_empty());
    let found = api.get(&format!("/v1/databases/{database}")).await.ok();
    assert!(found.get("properties").is_none());
    let source = found["data_sources"][0]["id"].as_str().unwrap();
    assert_eq!(api.walk(source, json!({})).await.len(), 1);
}

#[tokio::test]
async fn uploads_and_emojis_of_a_recording_are_there() {
    let upload = |at: u8, minute: &str, status: &str| {
        json!({
            "object": "file_upload", "id": format!("1b2c3d4e-0000-4000-8000-0000000000{at:02}"),
            "created_time": format!("2026-09-04T14:{minute}:00.000Z"), "status": status,
            "created_by": {"id": "1b2c3d4e-0000-4000-8000-00000000b001", "type": "bot"},
            "expiry_time": "2026-09-04T15:29:00.000Z", "filename": "a.txt", "content_type": "text/plain",
            "content_length": null, "in_trash": false,
        })
    };
    let (newest, middle, oldest) = (
        upload(3, "29", "pending"),
        upload(2, "29", "uploaded"),
        upload(1, "20", "failed"),
    );
    let party = json!({"id": "1b2c3d4e-0000-4000-8000-00000000c001", "name": "party", "url": "https://e/p.png"});
    let page = json!({
        "object": "page", "id": "1b2c3d4e-0000-4000-8000-00000000a001",
        "parent": {"type": "workspace", "workspace": true}, "created_time": "2026-09-04T14:20:00.000Z",
        "icon": {"type": "custom_emoji", "custom_emoji": party}, "url": "https://www.notion.so/x",
        "properties": {"title": {"id": "title", "type": "title", "title": []}},
    });
    let list = json!({"object": "list", "results": [newest, middle, oldest]});
    let lines = [list, page].map(|answer| json!({"response_body": answer}).to_string());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.jsonl"), lines.join("\n")).unwrap();
    let api = with(builder().load(folder.path())).await;
    let listed = api.get("/v1/file_uploads").await.ok();
    assert_eq!(
        support::ids(&listed),
        [&newest, &middle, &oldest].map(|upload| upload["id"].as_str().unwrap())
    );
    let statuses = [0, 1, 2].map(|at| listed["results"][at]["status"].clone());
    assert_eq!(statuses, ["pending", "uploaded", "failed"]);
    let emojis = api.get("/v1/custom_emojis").await.ok();
    assert_eq!(emojis["results"], json!([party]));
}
