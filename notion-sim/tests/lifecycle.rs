//! Trash, sharing, clocks, limits, faults, the ledger, and the control routes.

mod support;

use std::time::Duration;

use notion_sync_sim::{Fault, FaultRule};
use serde_json::{Value, json};
use support::{api, builder, ids, title, with};

#[tokio::test]
async fn the_trash_hides_rows_and_refuses_edits_until_restored() {
    let api = api().await;
    let source = api.table(json!({"N": {"number": {}}}));
    let id = api.sim.create_page(&source, &json!({})).unwrap();
    let path = format!("/v1/pages/{id}");
    api.patch(&path, json!({"in_trash": true})).await.ok();
    assert!(ids(&api.query(&source, json!({})).await).is_empty());
    assert_eq!(api.get(&path).await.ok()["in_trash"], true);
    let number = json!({"N": {"number": 1}});
    let reply = api.patch(&path, json!({"properties": number})).await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.message(),
        "Can't edit block that is archived. You must unarchive the block before editing."
    );
    let restored = api
        .patch(&path, json!({"in_trash": false, "properties": number}))
        .await
        .ok();
    assert_eq!(restored["properties"]["N"]["number"], 1);
    assert_eq!(
        ids(&api.query(&source, json!({})).await),
        std::slice::from_ref(&id)
    );
    let block = api
        .send("DELETE", &format!("/v1/blocks/{id}"), None)
        .await
        .unwrap()
        .ok();
    assert_eq!(
        (&block["type"], &block["in_trash"]),
        (&json!("child_page"), &json!(true))
    );
    assert_eq!(
        api.send("DELETE", &format!("/v1/blocks/{id}"), None)
            .await
            .unwrap()
            .status,
        400
    );
}

#[tokio::test]
async fn what_is_not_shared_is_absent() {
    let api = api().await;
    let target = api.table(json!({}));
    let source =
        api.table(json!({"R": {"relation": {"data_source_id": target, "single_property": {}}}}));
    let other = api.sim.create_page(&target, &json!({})).unwrap();
    let id = api
        .sim
        .create_page(&source, &json!({"R": {"relation": [{"id": other}]}}))
        .unwrap();
    api.sim.share(&target, false).unwrap();
    assert_eq!(api.get(&format!("/v1/pages/{other}")).await.status, 404);
    assert_eq!(
        api.get(&format!("/v1/data_sources/{target}")).await.status,
        404
    );
    assert_eq!(
        api.get(&format!("/v1/pages/{id}")).await.ok()["properties"]["R"]["relation"],
        json!([])
    );
    api.sim.share(&target, true).unwrap();
    assert_eq!(
        api.get(&format!("/v1/pages/{id}")).await.ok()["properties"]["R"]["relation"],
        json!([{"id": other}])
    );
}

#[tokio::test]
async fn the_limiter_has_a_fixed_window() {
    let api = with(builder().rate_limit(Some(2))).await;
    api.get("/v1/users/me").await.ok();
    api.get("/v1/users/me").await.ok();
    let reply = api.get("/v1/users/me").await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("retry-after"), Some("19"));
    assert_eq!(
        reply.body["additional_data"],
        json!({"rate_limit_reason": "public_api_request_rate_limit", "retry_after": "19"})
    );
    assert_eq!(
        reply.message(),
        "You have been rate limited. Please try again in a few minutes."
    );
    api.sim.advance(Duration::from_secs(18));
    assert_eq!(api.get("/v1/users/me").await.status, 429);
    api.sim.advance(Duration::from_secs(1));
    assert_eq!(api.get("/v1/users/me").await.status, 200);
}

#[tokio::test]
async fn every_kind_of_fault_is_what_it_says() {
    let api = api().await;
    let source = api.table(json!({}));
    let create = json!({"parent": {"data_source_id": source}, "properties": {}});
    let rows = || api.sim.pages(&source).unwrap().len();

    api.sim.inject(Fault::DropBefore);
    let error = api
        .send("POST", "/v1/pages", Some(&create))
        .await
        .err()
        .unwrap();
    assert!(error.status().is_none() && error.is_request(), "{error:?}");
    assert_eq!(rows(), 0);

    api.sim.inject(
        FaultRule::next(Fault::DropAfterCommit)
            .method("POST")
            .path("/pages"),
    );
    api.get("/v1/users/me").await.ok();
    assert!(api.send("POST", "/v1/pages", Some(&create)).await.is_err());
    assert_eq!(rows(), 1);
    let entry = api.sim.ledger().pop().unwrap();
    assert_eq!((entry.status, entry.committed), (None, true));

    api.sim.inject(Fault::CommitThen503 { with_id: true });
    let reply = api.post("/v1/pages", create.clone()).await;
    assert_eq!((reply.status, rows()), (503, 2));
    assert_eq!(
        reply.body["additional_data"]["retry_guidance"][1],
        "Do not repeat the write."
    );
    let id = reply.body["additional_data"]["committed_resource_id"]
        .as_str()
        .unwrap();
    assert!(api.sim.page(id).is_ok());
    api.sim.inject(Fault::CommitThen503 { with_id: false });
    let reply = api.post("/v1/pages", create.clone()).await;
    assert_eq!((reply.status, rows()), (503, 3));
    assert!(reply.body.get("additional_data").is_none());

    api.sim.inject(Fault::HtmlEdge { status: 403 });
    let reply = api.get("/v1/users/me").await;
    assert_eq!(reply.status, 403);
    assert!(reply.header("cf-ray").is_some() && reply.header("x-notion-request-id").is_none());
    assert!(reply.body.as_str().unwrap().starts_with("<!DOCTYPE html>"));

    api.sim.inject(Fault::TruncateBody);
    let response = api.request("GET", "/v1/users/me").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.text().await.is_err());

    api.sim.inject(Fault::DelayMs { ms: 1 });
    api.get("/v1/users/me").await.ok();

    let rule = json!([{"times": 2, "skip": 1, "fault": {"kind": "status", "status": 529, "retry_after": 7}}]);
    assert_eq!(api.post("/_sim/faults", rule).await.ok()["added"], 1);
    api.get("/v1/users/me").await.ok();
    let reply = api.get("/v1/users/me").await;
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (529, Some("7"))
    );
    assert_eq!(reply.body["code"], "service_overload");
    api.send("DELETE", "/_sim/faults", None).await.unwrap().ok();
    api.get("/v1/users/me").await.ok();
}

#[tokio::test]
async fn the_ledger_has_every_request() {
    let api = api().await;
    let source = api.table(json!({"N": {"number": {}}}));
    let page = api.create(&source, json!({"N": {"number": 1}})).await.ok();
    api.query(&source, json!({"page_size": 5})).await;
    api.create(&source, json!({"Nope": {"number": 1}})).await;
    let all = api.get("/_sim/ledger").await.ok();
    let seen: Vec<_> = all["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            (
                e["mutating"].as_bool().unwrap(),
                e["committed"].as_bool().unwrap(),
                e["status"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [(true, true, 200), (false, false, 200), (true, false, 400)]
    );
    assert_eq!(all["entries"][0]["properties"], json!(["N"]));
    assert_eq!(all["entries"][0]["object_id"], page["id"]);
    assert_eq!(all["entries"][0]["body"]["properties"]["N"]["number"], 1);
    let since = api.get("/_sim/ledger?mutating=true&since=1").await.ok();
    assert_eq!(since["entries"].as_array().unwrap().len(), 1);
    api.send("DELETE", "/_sim/ledger", None).await.unwrap().ok();
    assert!(api.sim.ledger().is_empty());
}

#[tokio::test]
async fn people_edit_through_the_control_route() {
    let api = api().await;
    let source = api.table(json!({"N": {"number": {}}}));
    let made = api
        .post(
            "/_sim/edit",
            json!({"create": {"data_source_id": source, "properties": {}}}),
        )
        .await
        .ok();
    let id = made["page_id"].as_str().unwrap();
    let me = api.get("/v1/users/me").await.ok();
    let page = api.get(&format!("/v1/pages/{id}")).await.ok();
    assert_ne!(page["last_edited_by"]["id"], me["id"]);
    let path = format!("/v1/pages/{id}");
    let mine = api
        .patch(&path, json!({"properties": {"N": {"number": 1}}}))
        .await
        .ok();
    assert_eq!(mine["last_edited_by"]["id"], me["id"]);
    api.sim.advance(Duration::from_secs(60));
    api.post(
        "/_sim/edit",
        json!({"page_id": id, "properties": {"N": {"number": 2}}}),
    )
    .await
    .ok();
    let page = api.get(&path).await.ok();
    assert_ne!(page["last_edited_by"]["id"], me["id"]);
    assert_eq!(page["last_edited_time"], "2026-09-04T14:31:00.000Z");
    assert_eq!(
        api.post(
            "/_sim/edit",
            json!({"page_id": id, "properties": {"N": {"number": "x"}}})
        )
        .await
        .status,
        400
    );
    api.post("/_sim/edit", json!({"page_id": id, "in_trash": true}))
        .await
        .ok();
    assert_eq!(api.get(&path).await.ok()["in_trash"], true);
    assert_eq!(api.sim.ledger().iter().filter(|e| e.mutating).count(), 1);
}

#[tokio::test]
async fn clock_share_token_and_generate_have_routes() {
    let api = api().await;
    assert_eq!(api.get("/_sim/clock").await.ok()["mode"], "virtual");
    let moved = api
        .post("/_sim/clock", json!({"advance_seconds": 79}))
        .await
        .ok();
    assert_eq!(moved["now"], "2026-09-04T14:32:00Z");
    api.post("/_sim/clock", json!({"now": "2026-01-01T00:00:00Z"}))
        .await
        .ok();
    let source = api
        .post(
            "/_sim/generate",
            json!({"data_source_title": "G", "rows": 3, "properties": "mixed16"}),
        )
        .await
        .ok();
    let source = source["data_source_id"].as_str().unwrap();
    assert_eq!(ids(&api.query(source, json!({})).await).len(), 3);
    api.post("/_sim/share", json!({"id": source, "shared": false}))
        .await
        .ok();
    assert_eq!(
        api.get(&format!("/v1/data_sources/{source}")).await.status,
        404
    );
    api.post(
        "/_sim/token",
        json!({"token": api.sim.token(), "valid": false}),
    )
    .await
    .ok();
    assert_eq!(api.get("/v1/users/me").await.status, 401);
    assert_eq!(api.get("/_sim/nothing").await.status, 404);
}

#[tokio::test]
async fn settings_change_while_it_runs() {
    let api = api().await;
    let source = api.table(json!({}));
    let settings = json!({
        "index_lag_seconds": 5, "result_cap": 1, "rate_limit": 2,
        "knobs": {"status_null_is_default": true},
    });
    let now = api.post("/_sim/settings", settings).await.ok();
    assert_eq!(now["knobs"]["status_null_is_default"], true);
    api.sim.create_page(&source, &json!({})).unwrap();
    assert!(ids(&api.query(&source, json!({})).await).is_empty());
    api.sim.set_index_lag(Duration::ZERO);
    api.sim.create_page(&source, &json!({})).unwrap();
    let list = api.query(&source, json!({})).await;
    assert_eq!(ids(&list).len(), 1);
    assert_eq!(list["request_status"]["type"], "incomplete");
    assert_eq!(api.get("/v1/users/me").await.status, 429);
    assert_eq!(
        api.post("/_sim/settings", json!({"nope": 1})).await.status,
        400
    );
}

#[tokio::test]
async fn the_state_file_brings_everything_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let first = with(builder().state_file(&file)).await;
    let source = first.sim.generate("Saved", 5).unwrap();
    let gone = first.sim.pages(&source).unwrap()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    first.sim.trash_as_person(&gone, true).unwrap();
    assert_eq!(
        first.post("/_sim/save", json!({})).await.ok()["saved"],
        true
    );
    let (pages, schema) = (
        first.sim.pages(&source).unwrap(),
        first.get(&format!("/v1/data_sources/{source}")).await.ok(),
    );
    drop(first);
    let second = with(builder().state_file(&file)).await;
    assert_eq!(second.sim.pages(&source).unwrap(), pages);
    let again = second.get(&format!("/v1/data_sources/{source}")).await.ok();
    assert_eq!(again["properties"], schema["properties"]);
    let new = second.create(&source, json!({})).await.ok();
    assert_eq!(new["properties"]["Number"]["unique_id"]["number"], 6);
    assert!(pages.iter().all(|page| page["id"] != new["id"]));
    let state: Value = second.get("/_sim/state").await.ok();
    assert_eq!(state["pages"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn a_moved_page_is_gone_from_its_query_and_reads_with_another_parent() {
    let api = api().await;
    let pick = json!({"select": {"options": [{"name": "Yes"}]}});
    let other_pick = json!({"select": {"options": [{"name": "No"}]}});
    let from = api.table(json!({"N": {"number": {}}, "Only here": {"rich_text": {}}, "P": pick}));
    let to = api.table(json!({"N": {"number": {}}, "P": other_pick}));
    let values =
        json!({"Name": title("one"), "N": {"number": 4}, "P": {"select": {"name": "Yes"}}});
    let id = api.sim.create_page(&from, &values).unwrap();
    let path = format!("/v1/pages/{id}");
    let before = api.get(&path).await.ok();

    api.sim.move_as_person(&id, &to).unwrap();
    assert!(ids(&api.query(&from, json!({})).await).is_empty());
    assert_eq!(
        ids(&api.query(&to, json!({})).await),
        std::slice::from_ref(&id)
    );
    assert!(api.sim.pages(&from).unwrap().is_empty());
    let page = api.get(&path).await.ok();
    assert_eq!(page["parent"]["data_source_id"], json!(to));
    assert_ne!(
        page["parent"]["database_id"],
        before["parent"]["database_id"]
    );
    assert_eq!(page["properties"]["N"]["number"], 4);
    assert_eq!(page["properties"]["P"]["select"], Value::Null);
    assert_eq!(page["properties"].get("Only here"), None);
    assert_eq!(page["created_time"], before["created_time"]);

    // What it was written by is no property of it any more.
    let old = before["properties"]["N"]["id"].as_str().unwrap();
    let reply = api
        .patch(&path, json!({"properties": {old: {"number": 5}}}))
        .await;
    assert_eq!(reply.status, 400);
    api.patch(&path, json!({"properties": {"N": {"number": 5}}}))
        .await
        .ok();

    let here = json!({"parent": {"data_source_id": to}});
    let reply = api.post(&format!("{path}/move"), here).await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.message(),
        "New parent must be different from the current parent."
    );
    let back = json!({"parent": {"type": "data_source_id", "data_source_id": from}});
    let page = api.post(&format!("{path}/move"), back).await.ok();
    assert_eq!(page["properties"]["N"]["number"], 5);
    assert_eq!(ids(&api.query(&from, json!({})).await), [id]);
    assert!(ids(&api.query(&to, json!({})).await).is_empty());
}

#[tokio::test]
async fn what_lies_in_the_trash_and_what_would_be_its_own_parent_is_not_moved() {
    let api = api().await;
    let (from, to) = (api.table(json!({})), api.table(json!({})));
    let id = api.sim.create_page(&from, &json!({})).unwrap();
    let move_it = json!({"page_id": id, "parent": {"page_id": id}});
    assert_eq!(api.post("/_sim/edit", move_it).await.status, 400);
    api.sim.trash_as_person(&id, true).unwrap();
    let refused = api.sim.move_as_person(&id, &to).unwrap_err();
    assert!(refused.message.contains("archived"), "{refused}");
}

#[tokio::test]
async fn an_index_that_lags_shows_a_moved_page_where_it_was() {
    let api = with(builder().index_lag(Duration::from_secs(30))).await;
    let (from, to) = (api.table(json!({})), api.table(json!({})));
    let id = api.sim.create_page(&from, &json!({})).unwrap();
    api.sim.advance(Duration::from_secs(30));
    api.sim.move_as_person(&id, &to).unwrap();
    assert_eq!(
        ids(&api.query(&from, json!({})).await),
        std::slice::from_ref(&id)
    );
    assert!(ids(&api.query(&to, json!({})).await).is_empty());
    let direct = api.get(&format!("/v1/pages/{id}")).await.ok();
    assert_eq!(direct["parent"]["data_source_id"], json!(to));
    api.sim.advance(Duration::from_secs(30));
    assert!(ids(&api.query(&from, json!({})).await).is_empty());
    assert_eq!(ids(&api.query(&to, json!({})).await), [id]);
}

#[tokio::test]
async fn a_page_taken_away_alone_is_absent_and_a_person_still_edits_it() {
    let api = api().await;
    let source = api.table(json!({"N": {"number": {}}}));
    let id = api.sim.create_page(&source, &json!({})).unwrap();
    let other = api.sim.create_page(&source, &json!({})).unwrap();
    let path = format!("/v1/pages/{id}");
    api.sim.share(&id, false).unwrap();
    assert_eq!(ids(&api.query(&source, json!({})).await), [other]);
    let number = json!({"N": {"number": 3}});
    assert_eq!(api.get(&path).await.status, 404);
    let reply = api.patch(&path, json!({"properties": number})).await;
    assert_eq!(
        (reply.status, &reply.body["code"]),
        (404, &json!("object_not_found"))
    );
    api.sim.edit_as_person(&id, &number).unwrap();
    api.sim.share(&id, true).unwrap();
    assert_eq!(api.get(&path).await.ok()["properties"]["N"]["number"], 3);
}
