//! Faults that need no luck: late arrival, stale reads, bent answers, refusals of the limiter.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use notion_sync_sim::{Broken, Fault, FaultRule, Limits, NotionSim};
use serde_json::{Value, json};

fn sim() -> (NotionSim, String) {
    let builder = NotionSim::builder().virtual_clock("2026-09-04T14:30:41Z".parse().unwrap());
    let sim = builder.in_memory().unwrap();
    let schema = json!({"Name": {"title": {}}, "Est": {"number": {}}});
    let source = sim.create_data_source("Tasks", &schema).unwrap();
    (sim, source)
}

fn send(
    sim: &NotionSim,
    method: &str,
    path: &str,
    body: &Value,
) -> Result<Response<Bytes>, Broken> {
    let request = Request::builder().method(method).uri(path);
    let request = request
        .header("authorization", format!("Bearer {}", sim.token()))
        .header("notion-version", "2026-03-11");
    let body = match body {
        Value::Null => Bytes::new(),
        body => body.to_string().into(),
    };
    sim.call(request.body(body).unwrap())
}

fn json_of(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

fn get(sim: &NotionSim, path: &str) -> Value {
    json_of(&send(sim, "GET", path, &Value::Null).unwrap())
}

fn row(source: &str) -> Value {
    json!({"parent": {"data_source_id": source}, "properties": {"Est": {"number": 1}}})
}

#[test]
fn a_late_request_commits_after_its_sender_gave_up() {
    let (sim, source) = sim();
    sim.inject(FaultRule::next(Fault::LateArrival { after_ms: 90_000 }).route("post-page"));
    let sent = send(&sim, "POST", "/v1/pages", &row(&source));
    assert!(matches!(sent, Err(Broken::Dropped)));
    sim.advance(Duration::from_secs(89));
    assert!(sim.pages(&source).unwrap().is_empty());
    assert!(sim.ledger().is_empty(), "it is still on its way");
    sim.advance(Duration::from_secs(5));
    let pages = sim.pages(&source).unwrap();
    assert_eq!(pages.len(), 1);
    // It happened when its time had come, not when somebody looked.
    assert_eq!(pages[0]["created_time"], "2026-09-04T14:32:00.000Z");
    let ledger = sim.ledger();
    assert_eq!(ledger.len(), 1);
    assert!(ledger[0].committed && ledger[0].status.is_none());
    assert!(ledger[0].time.starts_with("2026-09-04T14:32:11"));
}

#[test]
fn late_requests_arrive_in_the_order_of_their_time() {
    let (sim, source) = sim();
    let page = sim.create_page(&source, &json!({})).unwrap();
    for (est, after_ms) in [(1, 3_000), (2, 1_000)] {
        sim.inject(Fault::LateArrival { after_ms });
        let body = json!({"properties": {"Est": {"number": est}}});
        assert!(send(&sim, "PATCH", &format!("/v1/pages/{page}"), &body).is_err());
    }
    sim.advance(Duration::from_secs(10));
    assert_eq!(sim.page(&page).unwrap()["properties"]["Est"]["number"], 1);
}

#[test]
fn a_stale_read_shows_the_past_and_a_write_does_not_meet_it() {
    let (sim, source) = sim();
    sim.inject(
        FaultRule::next(Fault::StaleRead { seconds: 60 })
            .skip(1)
            .times(3),
    );
    let page = sim
        .create_page(&source, &json!({"Est": {"number": 1}}))
        .unwrap();
    let path = format!("/v1/pages/{page}");
    assert_eq!(get(&sim, &path)["properties"]["Est"]["number"], 1);
    // Too new to be known a minute ago.
    assert_eq!(get(&sim, &path)["code"], "object_not_found");
    sim.advance(Duration::from_secs(100));
    let body = json!({"properties": {"Est": {"number": 2}}});
    let written = send(&sim, "PATCH", &path, &body).unwrap();
    assert_eq!(json_of(&written)["properties"]["Est"]["number"], 2);
    assert_eq!(get(&sim, &path)["properties"]["Est"]["number"], 1);
    assert_eq!(get(&sim, &path)["properties"]["Est"]["number"], 2);
}

#[test]
fn a_page_from_before_stale_reads_began_is_read_as_the_oldest_that_is_known() {
    let (sim, source) = sim();
    let page = sim.create_page(&source, &json!({})).unwrap();
    sim.advance(Duration::from_secs(600));
    let body = json!({"Est": {"number": 1}});
    sim.edit_as_person(&page, &body).unwrap();
    sim.inject(Fault::StaleRead { seconds: 60 });
    let read = get(&sim, &format!("/v1/pages/{page}"));
    assert_eq!(read["properties"]["Est"]["number"], 1);
}

#[test]
fn members_and_types_nobody_knows_are_in_an_answer_that_is_whole_otherwise() {
    let (sim, source) = sim();
    let page = sim
        .create_page(&source, &json!({"Est": {"number": 1}}))
        .unwrap();
    let path = format!("/v1/pages/{page}");
    let plain = get(&sim, &path);
    sim.inject(Fault::ExtraFields);
    let more = get(&sim, &path);
    assert_eq!(more["added_since"]["type"], "hologram");
    assert_eq!(more["properties"]["Est"]["added_since"]["type"], "hologram");
    assert_eq!(more["properties"]["Est"]["number"], 1);
    sim.inject(Fault::UnknownValue);
    let odd = get(&sim, &path);
    assert_eq!(odd["id"], plain["id"]);
    assert_eq!(odd.to_string().matches(r#""type":"hologram""#).count(), 1);
    let stored = sim.page(&page).unwrap();
    assert!(
        !stored.to_string().contains("hologram"),
        "only the answer is bent"
    );
}

#[test]
fn an_append_that_was_saved_names_the_parent_and_its_new_children() {
    let (sim, source) = sim();
    let page = sim.create_page(&source, &json!({})).unwrap();
    sim.inject(Fault::CommitThen503 { with_id: true });
    let text = json!([{"text": {"content": "a"}}]);
    let body = json!({"children": [{"paragraph": {"rich_text": text}}, {"divider": {}}]});
    let path = format!("/v1/blocks/{page}/children");
    let answer = send(&sim, "PATCH", &path, &body).unwrap();
    assert_eq!(answer.status(), 503);
    let told = json_of(&answer)["additional_data"].clone();
    let list = get(&sim, &path);
    let ids: Vec<&Value> = list["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| &b["id"])
        .collect();
    assert_eq!(told["committed_child_ids"], json!(ids));
    assert_eq!(told["committed_resource_id"], json!(page));
    assert_eq!(told["retry_guidance"][1], "Do not repeat the write.");
}

#[test]
fn each_refusal_has_its_status_its_code_and_its_wait() {
    let (sim, _) = sim();
    for (fault, status, code, wait) in [
        (
            Fault::rate_limited("public_api_space_request_rate_limit", Some(240)),
            429,
            "rate_limited",
            Some("240"),
        ),
        (
            Fault::rate_limited("public_api_request_blocked", None),
            429,
            "rate_limited",
            None,
        ),
        (Fault::overload(7), 529, "service_overload", Some("7")),
        (Fault::status(504), 504, "gateway_timeout", None),
        (Fault::status(409), 409, "conflict_error", None),
    ] {
        sim.inject(fault.clone());
        let answer = send(&sim, "GET", "/v1/users/me", &Value::Null).unwrap();
        let body = json_of(&answer);
        assert_eq!(answer.status(), status);
        assert_eq!(body["code"], code);
        let header = answer
            .headers()
            .get("retry-after")
            .map(|h| h.to_str().unwrap());
        assert_eq!(header, wait, "{fault:?}");
        assert_eq!(body["additional_data"]["retry_after"].as_str(), wait);
        if let Fault::Status {
            reason: Some(reason),
            ..
        } = fault
        {
            assert_eq!(body["additional_data"]["rate_limit_reason"], json!(reason));
        }
    }
}

#[test]
fn limits_and_rates_are_set_over_the_control_routes() {
    let (sim, _) = sim();
    let limits = json!({"limits": {"per_endpoint": {"get-self": 1}, "blocked": ["ntn_bad"]}});
    let set = send(&sim, "POST", "/_sim/settings", &limits).unwrap();
    assert_eq!(json_of(&set)["limits"]["per_token"], Value::Null);
    assert_eq!(get(&sim, "/v1/users/me")["object"], "user");
    let refused = get(&sim, "/v1/users/me");
    let reason = &refused["additional_data"]["rate_limit_reason"];
    assert_eq!(reason, "public_api_endpoint_rate_limit");
    let odd = send(
        &sim,
        "POST",
        "/_sim/settings",
        &json!({"limits": {"per_tokn": 1}}),
    )
    .unwrap();
    assert_eq!(odd.status(), 400);
    sim.set_limits(Limits::default());
    let rule =
        json!({"route": "get-self", "per_mille": 500, "fault": {"kind": "status", "status": 500}});
    send(&sim, "POST", "/_sim/faults", &rule).unwrap();
    let failed = (0..100).filter(|_| get(&sim, "/v1/users/me")["status"] == 500);
    assert!((30..70).contains(&failed.count()));
    assert_eq!(get(&sim, "/v1/users")["object"], "list");
}
