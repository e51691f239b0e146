//! Async tasks: what is written as Markdown may be answered with one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/bodies.rs"]
mod bodies;
#[path = "support/document.rs"]
mod document;
mod support;

use std::time::Duration;

use bodies::NOWHERE;
use document::check;
use notion_sync_sim::Knobs;
use serde_json::{Value, json};
use support::{Api, Reply, api, builder, ids, title, with};

impl Api {
    /// Replaces a page's body behind an answer.
    async fn replace_later(&self, page: &str, text: Value) -> Reply {
        let body = json!({
            "type": "replace_content", "replace_content": {"new_str": text}, "allow_async": true,
        });
        self.patch(&format!("/v1/pages/{page}/markdown"), body)
            .await
    }

    /// Ids of all pages.
    async fn search(&self) -> Vec<String> {
        ids(&self.post("/v1/search", json!({})).await.ok())
    }

    /// A task as it is now.
    async fn task(&self, begun: &Reply) -> Value {
        assert_eq!(begun.status, 202, "{}", begun.body);
        let id = begun.body["id"].as_str().unwrap();
        self.get(&format!("/v1/async_tasks/{id}")).await.ok()
    }

    /// What a task says when it is done.
    async fn done(&self, begun: &Reply) -> Value {
        self.sim.advance(Duration::from_secs(2));
        self.task(begun).await
    }
}

/// Without what only this answer has.
fn bare(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("request_id");
    answer
}

#[tokio::test]
async fn an_edit_is_answered_with_a_task_that_says_later_what_came_of_it() {
    let api = api().await;
    let page = api.written("text").await;
    let begun = api.replace_later(&page, json!("# Words")).await;
    let id = begun.body["id"].as_str().unwrap();
    let mut expected = json!({
        "object": "async_task", "id": id, "status": "queued",
        "status_url": format!("{}/v1/async_tasks/{id}", api.sim.base_url()),
        "created_time": "2026-09-04T14:30:41.000Z", "poll_after_seconds": 2,
        "operation": {"surface": "rest", "name": "PATCH /v1/pages/:page_id/markdown"},
    });
    assert_eq!(bare(begun.body.clone()), expected);
    assert_eq!(bare(api.task(&begun).await), expected);
    api.sim.advance(Duration::from_secs(1));
    expected["status"] = json!("running");
    assert_eq!(bare(api.task(&begun).await), expected);
    api.sim.advance(Duration::from_secs(1));
    expected
        .as_object_mut()
        .unwrap()
        .remove("poll_after_seconds");
    expected["status"] = json!("succeeded");
    expected["result"] = bare(api.markdown(&page).await);
    assert_eq!(expected["result"]["markdown"], "# Words");
    assert_eq!(bare(api.task(&begun).await), expected);
    let entry = api
        .sim
        .ledger()
        .into_iter()
        .find(|entry| entry.status == Some(202));
    let entry = entry.unwrap();
    assert_eq!((entry.committed, entry.object_id), (true, Some(page)));
}

#[tokio::test]
async fn a_new_page_may_be_made_by_a_task() {
    let mut knobs = Knobs::default();
    knobs.async_task_seconds = 0;
    let api = with(builder().knobs(knobs)).await;
    let body =
        json!({"parent": {"workspace": true}, "markdown": "# Name\ntext", "allow_async": true});
    let begun = api.post("/v1/pages", body).await;
    assert_eq!(begun.body["operation"]["name"], "POST /v1/pages");
    let task = api.task(&begun).await;
    let page = &task["result"];
    check("POST", "/v1/pages", 200, page);
    let id = page["id"].as_str().unwrap();
    assert_eq!(*page, bare(api.get(&format!("/v1/pages/{id}")).await.ok()));
    assert_eq!(api.text(id).await, "text");
}

#[tokio::test]
async fn what_cannot_be_done_fails_its_task_and_changes_nothing() {
    let api = api().await;
    let page = api.written("text").await;
    api.subpage(&page, "Child").await;
    let (before, rows) = (api.text(&page).await, api.search().await);
    let at_once = api.replace(&page, "words").await;
    let begun = api.replace_later(&page, json!("words")).await;
    let expected = json!({
        "object": "error", "status": 400, "code": "validation_error", "message": at_once.message(),
    });
    let done = api.done(&begun).await;
    assert_eq!(
        (&done["status"], &done["error"]),
        (&json!("failed"), &expected)
    );
    assert!(done.get("result").is_none());
    assert_eq!(api.text(&page).await, before);
    let body = json!({
        "parent": {"workspace": true}, "markdown": "![x](y)", "allow_async": true,
        "properties": {"title": title("x")},
    });
    let begun = api.post("/v1/pages", body).await;
    let done = api.done(&begun).await;
    assert_eq!(
        done["error"]["message"],
        "Content creation Failed. Fix the following: \nInvalid image url."
    );
    assert_eq!(api.search().await, rows);
    let written = api
        .sim
        .ledger()
        .into_iter()
        .rev()
        .filter(|entry| entry.status == Some(202));
    assert!(
        written
            .take(2)
            .all(|entry| !entry.committed && entry.object_id.is_none())
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_at_once() {
    let api = api().await;
    let page = api.written("text").await;
    let refused = api.replace_later(&page, json!(1)).await;
    assert_eq!(
        refused.message(),
        "body failed validation: body.replace_content.new_str should be a string, instead was `1`."
    );
    assert_eq!(api.replace_later(NOWHERE, json!("x")).await.status, 404);
    let mut body = json!({"parent": {"workspace": true}, "properties": {"title": title("x")}});
    for (given, message) in [
        (json!(true), "not present, instead was `true`."),
        (json!("yes"), "a boolean, instead was `\"yes\"`."),
    ] {
        body["allow_async"] = given;
        let refused = api.post("/v1/pages", body.clone()).await;
        let message = format!("body failed validation: body.allow_async should be {message}");
        assert_eq!((refused.status, refused.message()), (400, message.as_str()));
    }
    body["allow_async"] = json!(false);
    api.post("/v1/pages", body.clone()).await.ok();
    body["markdown"] = json!("text");
    api.post("/v1/pages", body).await.ok();
}

#[tokio::test]
async fn a_task_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let api = with(builder().state_file(&file)).await;
    let page = api.written("text").await;
    let begun = api.replace_later(&page, json!("words")).await;
    api.sim.save().await.unwrap();
    let again = with(builder().state_file(&file)).await;
    assert_eq!(again.task(&begun).await["status"], "queued");
    assert_eq!(again.done(&begun).await["result"]["markdown"], "words");
}

#[tokio::test]
async fn a_task_that_nobody_began_is_not_found() {
    let api = api().await;
    let lost = api
        .get("/v1/async_tasks/task_7e869d57816e45acb1b9a499db3d2a99")
        .await;
    assert_eq!(
        (lost.status, &lost.body["code"]),
        (404, &json!("object_not_found"))
    );
}
