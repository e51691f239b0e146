//! What the documentation leaves open, answered the one way and the other: each knob shows what it is about.

mod support;

use std::time::Duration;

use notion_sync_sim::Knobs;
use serde_json::{Value, json};
use support::{Api, Reply, api, ids, title};

/// A default with one answer changed.
fn knob(turn: impl FnOnce(&mut Knobs)) -> Knobs {
    let mut knobs = Knobs::default();
    turn(&mut knobs);
    knobs
}

/// What a new row reads in `P` of this type after it was written.
async fn read_back(api: &Api, kind: &str, config: Value, inner: &Value) -> Reply {
    let table = api.table(json!({"P": {kind: config}}));
    let mut made = api.create(&table, json!({"P": {kind: inner}})).await;
    if made.status == 200 {
        made.body = made.body["properties"]["P"][kind].take();
    }
    made
}

#[tokio::test]
async fn lists_stay_in_order_or_do_not() {
    let api = api().await;
    let other = api.table(json!({}));
    let mut rows = Vec::new();
    for name in ["a", "b", "c"] {
        let row = api.create(&other, json!({"Name": title(name)})).await.ok();
        rows.push(row["id"].as_str().unwrap().to_owned());
    }
    rows.sort();
    rows.reverse();
    let given: Value = rows.iter().map(|id| json!({"id": id})).collect();
    let relation = json!({"data_source_id": other, "single_property": {}});
    let options = json!({"options": [{"name": "first"}, {"name": "second"}]});
    let tags = json!([{"name": "new"}, {"name": "second"}, {"name": "first"}]);
    let seen = |read: Reply, key: &str| -> Vec<String> {
        let items = read.ok();
        let items = items.as_array().unwrap().iter();
        items
            .map(|item| item[key].as_str().unwrap().to_owned())
            .collect()
    };
    let kept = read_back(&api, "relation", relation.clone(), &given).await;
    assert_eq!(seen(kept, "id"), rows);
    let kept = read_back(&api, "multi_select", options.clone(), &tags).await;
    assert_eq!(seen(kept, "name"), ["new", "second", "first"]);

    api.sim.set_knobs(knob(|knobs| knobs.order_is_kept = false));
    rows.reverse();
    let sorted = read_back(&api, "relation", relation, &given).await;
    assert_eq!(seen(sorted, "id"), rows);
    let sorted = read_back(&api, "multi_select", options, &tags).await;
    assert_eq!(seen(sorted, "name"), ["first", "second", "new"]);
}

#[tokio::test]
async fn runs_of_one_look_become_one_or_stay_apart() {
    let api = api().await;
    let run = |words: &str, bold: bool| json!({"text": {"content": words}, "annotations": {"bold": bold}});
    let given = json!([run("a", true), run("b", true), run("c", false)]);
    let seen = |read: &Value| -> Vec<(Value, Value)> {
        let runs = read.as_array().unwrap().iter();
        runs.map(|run| (run["plain_text"].clone(), run["text"]["content"].clone()))
            .collect()
    };
    let apart = read_back(&api, "rich_text", json!({}), &given).await.ok();
    assert_eq!(seen(&apart).len(), 3);
    api.sim
        .set_knobs(knob(|knobs| knobs.like_runs_merge = true));
    let merged = read_back(&api, "rich_text", json!({}), &given).await.ok();
    let expected = ["ab", "c"].map(|words| (json!(words), json!(words)));
    assert_eq!(seen(&merged), expected);
}

#[tokio::test]
async fn dates_keep_seconds_and_odd_ends_or_do_not() {
    let api = api().await;
    let date = |start: &str, end: Value| json!({"start": start, "end": end});
    let exact = date("2026-01-02T03:04:05.678+01:00", Value::Null);
    let early = date("2026-01-02", json!("2026-01-01"));
    let mixed = date("2026-01-02", json!("2026-01-03T04:05:00.000Z"));
    let read = async |given: &Value| read_back(&api, "date", json!({}), given).await;
    assert_eq!(
        read(&exact).await.ok()["start"],
        "2026-01-02T03:04:00.000+01:00"
    );
    assert_eq!(read(&early).await.ok()["end"], "2026-01-01");
    assert_eq!(
        read(&mixed).await.ok()["end"],
        "2026-01-03T04:05:00.000+00:00"
    );

    api.sim.set_knobs(knob(|knobs| {
        knobs.seconds_are_kept = true;
        knobs.dates_may_end_early = false;
        knobs.dates_may_mix = false;
    }));
    assert_eq!(
        read(&exact).await.ok()["start"],
        "2026-01-02T03:04:05.678+01:00"
    );
    for (odd, words) in [(early, "not before `start`"), (mixed, "a date where")] {
        let refused = read(&odd).await;
        assert_eq!(refused.status, 400);
        assert!(refused.message().contains(words), "{}", refused.message());
    }
}

#[tokio::test]
async fn places_parents_and_long_bodies_are_taken_or_refused() {
    let api = api().await;
    let place = json!({"lat": 1.5, "lon": 2.5, "name": "Here"});
    let parent = json!({"type": "workspace", "workspace": true});
    let schema = json!({"properties": {"Name": {"title": {}}}});
    let database = json!({"parent": parent, "initial_data_source": schema});
    let database = api.post("/v1/databases", database).await.ok();
    let row = json!({"parent": {"database_id": database["id"]}, "properties": {}});
    let long = json!({"parent": parent, "properties": {"title": title(&"x".repeat(520_000))}});
    assert_eq!(
        read_back(&api, "place", json!({}), &place).await.ok()["lat"],
        1.5
    );
    api.post("/v1/pages", row.clone()).await.ok();
    assert_eq!(api.post("/v1/pages", long.clone()).await.status, 400);

    api.sim.set_knobs(knob(|knobs| {
        knobs.place_is_writable = false;
        knobs.database_is_parent = false;
        knobs.long_body_status = 413;
    }));
    let refused = read_back(&api, "place", json!({}), &place).await;
    assert!(refused.message().contains("place should be not present"));
    let refused = api.post("/v1/pages", row).await;
    assert!(refused.message().contains("body.parent.database_id"));
    assert_eq!(api.post("/v1/pages", long).await.status, 413);
}

#[tokio::test]
async fn equal_rows_come_newest_first_or_by_id() {
    let api = api().await;
    let table = api.table(json!({}));
    let mut made = Vec::new();
    for _ in 0..8 {
        let row = api.create(&table, json!({"Name": title("same")})).await;
        made.push(row.ok()["id"].as_str().unwrap().to_owned());
    }
    made.reverse();
    let sorted = json!({"sorts": [{"property": "Name", "direction": "ascending"}], "page_size": 3});
    assert_eq!(api.walk(&table, sorted.clone()).await, made);
    api.sim
        .set_knobs(knob(|knobs| knobs.ties_newest_first = false));
    api.create(&table, json!({"Name": title("zz")})).await.ok();
    let mut other = api.walk(&table, sorted).await;
    other.pop();
    assert_ne!(other, made);
    other.sort();
    made.sort();
    assert_eq!(other, made);
}

#[tokio::test]
async fn cursors_are_good_for_a_while() {
    let api = api().await;
    api.sim.set_knobs(knob(|knobs| knobs.cursor_seconds = 60));
    let table = api.table(json!({}));
    for name in ["a", "b", "c"] {
        api.create(&table, json!({"Name": title(name)})).await.ok();
    }
    let first = api.query(&table, json!({"page_size": 1})).await;
    let next = json!({"page_size": 1, "start_cursor": first["next_cursor"]});
    api.sim.advance(Duration::from_secs(60));
    assert_eq!(ids(&api.query(&table, next.clone()).await).len(), 1);
    api.sim.advance(Duration::from_secs(1));
    let path = format!("/v1/data_sources/{table}/query");
    let late = api.post(&path, next.clone()).await;
    let cursor = next["start_cursor"].as_str().unwrap();
    assert_eq!(
        (late.status, late.message()),
        (
            400,
            &*format!("The start_cursor provided is invalid: {cursor}")
        )
    );
}

#[tokio::test]
async fn locking_archiving_and_comments_are_edits_or_not() {
    let api = api().await;
    let table = api.table(json!({}));
    let page = api.create(&table, json!({"Name": title("a")})).await.ok();
    let id = page["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/pages/{id}");
    // Whether the edit time moved, a minute later.
    let moves = async |patch: Option<Value>| {
        api.sim.advance(Duration::from_secs(60));
        let before = api.get(&path).await.ok()["last_edited_time"].clone();
        match patch {
            Some(patch) => api.patch(&path, patch).await.ok(),
            None => {
                let words = json!([{"text": {"content": "hi"}}]);
                let comment = json!({"parent": {"page_id": id}, "rich_text": words});
                api.post("/v1/comments", comment).await.ok()
            }
        };
        api.get(&path).await.ok()["last_edited_time"] != before
    };
    let lock = |flag: bool| Some(json!({"is_locked": flag}));
    let archive = |flag: bool| Some(json!({"is_archived": flag}));
    assert!(moves(lock(true)).await && moves(archive(true)).await && !moves(None).await);
    api.sim.set_knobs(knob(|knobs| {
        knobs.lock_is_edit = false;
        knobs.archive_is_edit = false;
        knobs.comment_is_edit = true;
    }));
    assert!(!moves(lock(false)).await && !moves(archive(false)).await && moves(None).await);
    let renamed = json!({"is_locked": true, "properties": {"Name": title("b")}});
    assert!(moves(Some(renamed)).await);
}
