//! The way in without a socket: the same answers as over HTTP, and the same ones each time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use notion_sync_sim::{Broken, Builder, Fault, FaultRule, Latency, NotionSim};
use serde_json::{Value, json};

fn builder() -> Builder {
    NotionSim::builder().virtual_clock("2026-09-04T14:30:41Z".parse().unwrap())
}

fn request(method: Method, path: &str, body: &Value) -> Request<Bytes> {
    let request = Request::builder()
        .method(method)
        .uri(format!("https://api.notion.com{path}"))
        .header("authorization", "Bearer ntn_simulator")
        .header("notion-version", "2026-03-11");
    let body = match body {
        Value::Null => Bytes::new(),
        body => body.to_string().into(),
    };
    request.body(body).unwrap()
}

fn post(sim: &NotionSim, path: &str, body: &Value) -> Result<Response<Bytes>, Broken> {
    sim.call(request(Method::POST, path, body))
}

fn json_of(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

/// A workspace is made, filled, broken into and read.
fn life(sim: &NotionSim) -> Vec<String> {
    let mut said = Vec::new();
    let mut hear = |answer: Result<Response<Bytes>, Broken>| {
        let (words, body) = match answer {
            Ok(answer) => (format!("{answer:?}"), json_of(&answer)),
            Err(broken) => (format!("{broken:?}"), Value::Null),
        };
        said.push(words);
        body
    };
    let database = json!({
        "parent": { "workspace": true },
        "title": [{ "text": { "content": "Tasks" } }],
        "initial_data_source": { "properties": {
            "Name": { "title": {} }, "Tags": { "multi_select": {} }, "No": { "unique_id": {} },
        } },
    });
    let made = hear(post(sim, "/v1/databases", &database));
    let source = made["data_sources"][0]["id"].clone();
    sim.inject(FaultRule::next(Fault::DropAfterCommit).skip(2));
    sim.inject(FaultRule::next(Fault::CommitThen503 { with_id: true }).skip(4));
    sim.inject(FaultRule::next(Fault::TruncateBody).skip(6));
    sim.inject(FaultRule::at_rate(
        Fault::rate_limited("public_api_request_rate_limit", Some(3)),
        60,
    ));
    sim.inject(FaultRule::at_rate(Fault::ExtraFields, 60).route("post-page"));
    sim.inject(FaultRule::at_rate(Fault::UnknownValue, 60));
    sim.inject(FaultRule::at_rate(Fault::LateArrival { after_ms: 55_000 }, 60).method("POST"));
    for row in 0..60 {
        let page = json!({
            "parent": { "data_source_id": source },
            "properties": {
                "Name": { "title": [{ "text": { "content": format!("row {row}") } }] },
                "Tags": { "multi_select": [{ "name": format!("tag {}", row % 3) }] },
            },
        });
        hear(post(sim, "/v1/pages", &page));
        sim.advance(Duration::from_secs(40));
    }
    let query = format!("/v1/data_sources/{}/query", source.as_str().unwrap());
    let mut cursor = Value::Null;
    loop {
        let mut body = json!({ "page_size": 4 });
        if !cursor.is_null() {
            body["start_cursor"] = cursor;
        }
        let list = hear(post(sim, &query, &body));
        if list["next_cursor"].is_null() && list["has_more"] != false {
            break;
        }
        cursor = list["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let body = json!({ "parent": { "workspace": true }, "markdown": "# Notes\n- a\n\t- b\n> c" });
    sim.clear_faults();
    let notes = hear(post(sim, "/v1/pages", &body));
    let path = format!("/v1/pages/{}/markdown", notes["id"].as_str().unwrap());
    let edit =
        json!({ "type": "replace_content", "replace_content": { "new_str": "> c\n- a\n\tnew" } });
    hear(sim.call(request(Method::PATCH, &path, &edit)));
    hear(sim.call(request(Method::GET, "/v1/users", &Value::Null)));
    hear(post(sim, "/v1/search", &json!({ "query": "row" })));
    said.push(serde_json::to_string(&sim.ledger()).unwrap());
    said.push(sim.state().to_string());
    said
}

#[test]
fn the_same_seed_gives_the_same_answers_and_the_same_ledger_faults_included() {
    let heard = life(&builder().seed(7).in_memory().unwrap());
    // What another simulator does in the same process changes nothing.
    let other = life(&builder().seed(8).in_memory().unwrap());
    assert_ne!(heard, other);
    assert_eq!(heard, life(&builder().seed(7).in_memory().unwrap()));
    let broken = heard.iter().filter(|said| said.contains("Dropped"));
    assert!(broken.count() > 1);
    let ledger = &heard[heard.len() - 2];
    for fault in ["late_arrival", "extra_fields", "unknown_value", "status"] {
        let met = format!("\"fault\":\"{fault}\"");
        assert!(ledger.contains(&met), "{fault} struck nowhere");
    }
}

#[tokio::test]
async fn both_ways_in_answer_the_same_bytes() {
    let (inside, outside) = (
        builder().in_memory().unwrap(),
        builder().start().await.unwrap(),
    );
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (method, path, body) in [
        (Method::GET, "/v1/users/me", Value::Null),
        (Method::GET, "/v1/users/me/", Value::Null),
        (
            Method::POST,
            "/v1/search",
            json!({ "query": 5, "odd": true }),
        ),
        (Method::GET, "/v1/pages/nonsense", Value::Null),
        (Method::GET, "/_sim/clock", Value::Null),
        (Method::POST, "/_sim/save", Value::Null),
    ] {
        let answer = inside.call(request(method.clone(), path, &body)).unwrap();
        let url = format!("{}{path}", outside.base_url());
        let mut sent = client
            .request(method, url)
            .header("authorization", "Bearer ntn_simulator")
            .header("notion-version", "2026-03-11");
        if !body.is_null() {
            sent = sent.body(body.to_string());
        }
        let received = sent.send().await.unwrap();
        assert_eq!(received.status(), answer.status(), "{path}");
        let heads = (received.headers().clone(), answer.headers().clone());
        for name in [
            "content-type",
            "content-length",
            "date",
            "x-notion-request-id",
        ] {
            assert_eq!(heads.0.get(name), heads.1.get(name), "{path}: {name}");
        }
        assert_eq!(received.bytes().await.unwrap(), answer.body(), "{path}");
    }
}

#[test]
fn what_breaks_a_connection_is_an_error_and_what_takes_time_says_so() {
    let sim = builder().in_memory().unwrap();
    let ask = || sim.call(request(Method::GET, "/v1/users/me", &Value::Null));
    let whole = ask().unwrap();
    sim.inject(Fault::DropBefore);
    assert!(matches!(ask(), Err(Broken::Dropped)));
    sim.inject(Fault::TruncateBody);
    let Err(Broken::Truncated { arrived }) = ask() else {
        panic!("it was whole");
    };
    assert_eq!(
        arrived.headers()["content-length"],
        whole.body().len().to_string()
    );
    assert_eq!(arrived.body().len(), whole.body().len() / 2);
    sim.inject(Fault::DelayMs { ms: 1_500 });
    let late = ask().unwrap();
    let latency = late.extensions().get::<Latency>();
    assert_eq!(latency, Some(&Latency(Duration::from_millis(1_500))));
    assert_eq!(
        sim.ledger().len(),
        4,
        "nobody waited, and all of it is written down"
    );
}
