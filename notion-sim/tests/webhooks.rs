//! Webhooks: the handshake, what is told of what, how it is gathered and delivered.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use notion_sync_sim::{Delivery, Knobs, NotionSim, SubscriptionStatus, WebhookWeather};
use serde_json::{Value, json};
use sha2::Sha256;
use support::{api, builder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ALL: [&str; 16] = [
    "page.created",
    "page.deleted",
    "page.undeleted",
    "page.moved",
    "page.content_updated",
    "page.properties_updated",
    "page.locked",
    "page.unlocked",
    "data_source.created",
    "data_source.content_updated",
    "data_source.schema_updated",
    "comment.created",
    "comment.deleted",
    "view.updated",
    "database.deleted",
    "file_upload.created",
];

fn body(delivery: &Delivery) -> Value {
    serde_json::from_str(&delivery.body).unwrap()
}

/// A subscription that is verified.
fn heard(sim: &NotionSim, kinds: &[&str]) -> String {
    let id = sim.subscribe(None, kinds).unwrap();
    let token = body(&sim.deliveries()[0])["verification_token"].clone();
    sim.verify(&id, token.as_str().unwrap()).unwrap();
    id
}

fn sim() -> (NotionSim, String) {
    let sim = builder().in_memory().unwrap();
    let schema = json!({"Name": {"title": {}}, "Est": {"number": {}}, "Done": {"checkbox": {}}});
    let source = sim.create_data_source("Tasks", &schema).unwrap();
    (sim, source)
}

/// The events of the next minute, acknowledged.
fn told(sim: &NotionSim) -> Vec<Value> {
    sim.advance(Duration::from_secs(59));
    let due = sim.deliveries();
    assert!(due.iter().all(|delivery| sim.acknowledge(delivery)));
    due.iter().map(body).collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect()
}

#[test]
fn a_subscription_is_active_once_its_token_came_back() {
    let (sim, source) = sim();
    let id = sim.subscribe(None, &["page.created"]).unwrap();
    let first = sim.deliveries();
    assert_eq!(first.len(), 1);
    let token = body(&first[0])["verification_token"].clone();
    let token = token.as_str().unwrap();
    assert!(token.starts_with("secret_"));
    assert!(sim.verify(&id, "secret_other").is_err());
    sim.create_page(&source, &json!({})).unwrap();
    assert_eq!(told(&sim), [] as [Value; 0], "nobody was verified");
    sim.verify(&id, token).unwrap();
    assert_eq!(sim.subscriptions()[0].status, SubscriptionStatus::Active);
    sim.create_page(&source, &json!({})).unwrap();
    assert_eq!(kinds(&told(&sim)), ["page.created"]);
    // Somebody else listens all the time, to other things.
    heard(&sim, &["page.locked"]);
    sim.pause(&id, true).unwrap();
    sim.create_page(&source, &json!({})).unwrap();
    sim.advance(Duration::from_secs(60));
    sim.pause(&id, false).unwrap();
    assert_eq!(
        told(&sim),
        [] as [Value; 0],
        "what happened meanwhile is never told"
    );
    sim.unsubscribe(&id).unwrap();
    assert_eq!(sim.subscriptions().len(), 1);
}

#[test]
fn the_signature_is_made_of_the_body_and_the_token() {
    let (sim, _) = sim();
    sim.subscribe(None, &[]).unwrap();
    let first = &sim.deliveries()[0];
    let token = body(first)["verification_token"].clone();
    let mut mac = Hmac::<Sha256>::new_from_slice(token.as_str().unwrap().as_bytes()).unwrap();
    mac.update(first.body.as_bytes());
    let hex: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(first.signature, format!("sha256={hex}"));
}

#[test]
fn close_edits_become_one_event_with_all_properties_and_authors() {
    let (sim, source) = sim();
    let page = sim.create_page(&source, &json!({})).unwrap();
    heard(&sim, &ALL);
    let ids = sim.page(&page).unwrap()["properties"].clone();
    let body = json!({"properties": {"Est": {"number": 3}}});
    let path = format!("/v1/pages/{page}");
    let request = http::Request::patch(path)
        .header("authorization", format!("Bearer {}", sim.token()))
        .header("notion-version", "2026-03-11");
    sim.call(request.body(body.to_string().into()).unwrap())
        .unwrap();
    sim.advance(Duration::from_millis(4_117));
    sim.edit_as_person(&page, &json!({"Done": {"checkbox": true}}))
        .unwrap();
    sim.edit_as_person(&page, &json!({"Done": {"checkbox": true}}))
        .unwrap();
    let events = told(&sim);
    assert_eq!(kinds(&events), ["page.properties_updated"]);
    let event = &events[0];
    let updated = json!([ids["Est"]["id"], ids["Done"]["id"]]);
    assert_eq!(event["data"]["updated_properties"], updated);
    let types: Vec<&Value> = event["authors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| &a["type"])
        .collect();
    assert_eq!(types, ["bot", "person"]);
    assert_eq!(event["timestamp"], "2026-09-04T14:30:45.117Z");
    assert_eq!(event["entity"], json!({"id": page, "type": "page"}));
    assert_eq!(event["data"]["parent"]["type"], "database");
    assert_eq!(event["data"]["parent"]["data_source_id"], json!(source));
    assert_eq!(event["attempt_number"], 1);
    for member in [
        "id",
        "workspace_id",
        "workspace_name",
        "subscription_id",
        "integration_id",
        "api_version",
    ] {
        assert!(event[member].is_string(), "{member}");
    }
    sim.edit_as_person(&page, &json!({"Est": {"number": 4}}))
        .unwrap();
    assert_eq!(
        kinds(&told(&sim)),
        ["page.properties_updated"],
        "a later edit is another one"
    );
}

#[test]
fn what_cancels_out_is_not_told() {
    let (sim, source) = sim();
    let old = sim.create_page(&source, &json!({})).unwrap();
    heard(
        &sim,
        &[
            "page.created",
            "page.deleted",
            "page.undeleted",
            "page.properties_updated",
        ],
    );
    let brief = sim.create_page(&source, &json!({})).unwrap();
    sim.edit_as_person(&brief, &json!({"Est": {"number": 4}}))
        .unwrap();
    sim.trash_as_person(&brief, true).unwrap();
    sim.trash_as_person(&old, true).unwrap();
    sim.trash_as_person(&old, false).unwrap();
    assert_eq!(told(&sim), [] as [Value; 0]);
    sim.trash_as_person(&old, true).unwrap();
    assert_eq!(kinds(&told(&sim)), ["page.deleted"]);
    sim.trash_as_person(&old, false).unwrap();
    assert_eq!(kinds(&told(&sim)), ["page.undeleted"]);
}

#[tokio::test]
async fn each_change_is_told_by_its_event() {
    let api = api().await;
    let (sim, source) = (&api.sim, api.table(json!({"Est": {"number": {}}})));
    heard(sim, &ALL);
    let made = api
        .post("/v1/pages", json!({"parent": {"data_source_id": source}}))
        .await
        .ok();
    let page = made["id"].as_str().unwrap();
    let path = format!("/v1/pages/{page}");
    let row = json!([{"id": page, "type": "page"}]);
    let events = told(sim);
    assert_eq!(
        kinds(&events),
        ["page.created", "data_source.content_updated"]
    );
    assert_eq!(events[1]["data"]["updated_blocks"], row);

    let title = json!({"properties": {"Name": {"title": [{"text": {"content": "x"}}]}}});
    api.patch(&path, title).await.ok();
    assert_eq!(kinds(&told(sim)), ["page.content_updated"]);

    api.patch(&path, json!({"is_locked": true})).await.ok();
    assert_eq!(kinds(&told(sim)), ["page.locked"]);
    api.patch(&path, json!({"is_locked": false})).await.ok();
    assert_eq!(kinds(&told(sim)), ["page.unlocked"]);

    let children = json!({"children": [{"divider": {}}]});
    let list = api
        .patch(&format!("/v1/blocks/{page}/children"), children)
        .await
        .ok();
    let events = told(sim);
    assert_eq!(kinds(&events), ["page.content_updated"]);
    let block = json!([{"id": list["results"][0]["id"], "type": "divider"}]);
    assert_eq!(events[0]["data"]["updated_blocks"], block);

    let comment = json!({"parent": {"page_id": page}, "rich_text": [{"text": {"content": "x"}}]});
    let comment = api.post("/v1/comments", comment).await.ok();
    let path = format!("/v1/comments/{}", comment["id"].as_str().unwrap());
    api.send("DELETE", &path, None).await.unwrap().ok();
    let events = told(sim);
    assert_eq!(kinds(&events), ["comment.created", "comment.deleted"]);
    assert_eq!(
        events[0]["data"],
        json!({"page_id": page, "parent": {"id": page, "type": "page"}})
    );

    let columns = json!({"properties": {"Est": null, "New": {"url": {}}}});
    let changed = api
        .patch(&format!("/v1/data_sources/{source}"), columns)
        .await
        .ok();
    let events = told(sim);
    assert_eq!(kinds(&events), ["data_source.schema_updated"]);
    let told_of = events[0]["data"]["updated_properties"].as_array().unwrap();
    assert_eq!(told_of.len(), 2);
    assert_eq!(told_of[0]["id"], changed["properties"]["New"]["id"]);
    assert_eq!(
        (&told_of[0]["name"], &told_of[0]["action"]),
        (&json!("New"), &json!("created"))
    );
    assert_eq!(
        (&told_of[1]["name"], &told_of[1]["action"]),
        (&Value::Null, &json!("deleted"))
    );

    let other = api.table(json!({}));
    assert_eq!(kinds(&told(sim)), ["data_source.created"]);
    sim.move_as_person(page, &other).unwrap();
    let events = told(sim);
    let both = "data_source.content_updated";
    assert_eq!(kinds(&events), ["page.moved", both, both]);
    assert_eq!(events[0]["data"]["parent"]["data_source_id"], json!(other));

    sim.share(page, false).unwrap();
    sim.trash_as_person(page, true).unwrap();
    assert_eq!(
        kinds(&told(sim)),
        [both],
        "the page itself is not the connection's business"
    );
}

#[tokio::test]
async fn databases_views_and_uploads_are_told_too() {
    let api = api().await;
    let sim = &api.sim;
    heard(
        sim,
        &[
            "database.created",
            "database.deleted",
            "database.undeleted",
            "data_source.created",
            "data_source.deleted",
            "data_source.undeleted",
            "view.created",
            "view.updated",
            "view.deleted",
            "file_upload.created",
            "file_upload.completed",
            "file_upload.upload_failed",
        ],
    );
    let made = json!({"parent": {"workspace": true}, "title": [{"text": {"content": "T"}}]});
    let made = api.post("/v1/databases", made).await.ok();
    let (database, source) = (&made["id"], &made["data_sources"][0]["id"]);
    let events = told(sim);
    assert_eq!(kinds(&events), ["database.created", "data_source.created"]);
    assert_eq!(&events[0]["entity"]["id"], database);
    assert_eq!(events[0]["data"]["parent"]["type"], "space");
    assert_eq!(events[0]["data"]["parent"]["id"], events[0]["workspace_id"]);
    let parent = json!({"id": database, "type": "database"});
    assert_eq!(events[1]["data"]["parent"], parent);

    let view = json!({
        "database_id": database, "data_source_id": source, "name": "Board", "type": "table",
    });
    let view = api.post("/v1/views", view).await.ok();
    let path = format!("/v1/views/{}", view["id"].as_str().unwrap());
    api.patch(&path, json!({"name": "Other"})).await.ok();
    api.send("DELETE", &path, None).await.unwrap().ok();
    let events = told(sim);
    assert_eq!(
        kinds(&events),
        ["view.created", "view.updated", "view.deleted"]
    );
    assert_eq!(
        events[0]["data"],
        json!({"parent": parent, "view_type": "table"})
    );
    assert_eq!(events[1]["data"]["updated_fields"], json!(["name"]));
    assert_eq!(events[2]["data"], events[0]["data"]);

    let path = format!("/v1/databases/{}", database.as_str().unwrap());
    for (in_trash, what) in [(true, "deleted"), (false, "undeleted")] {
        api.patch(&path, json!({"in_trash": in_trash})).await.ok();
        let events = told(sim);
        let both = ["database", "data_source"].map(|object| format!("{object}.{what}"));
        assert_eq!(kinds(&events), both);
    }

    let import = json!({
        "mode": "external_url", "filename": "a.txt", "external_url": "https://example.com/a.txt",
    });
    api.post("/v1/file_uploads", import).await.ok();
    let events = told(sim);
    assert_eq!(
        kinds(&events),
        ["file_upload.created", "file_upload.upload_failed"]
    );
    assert_eq!(events[0]["data"], json!({}));
    assert_eq!(events[1]["data"]["file_import_result"]["type"], "error");
}

#[test]
fn how_long_edits_are_gathered_is_a_knob() {
    let mut knobs = Knobs::default();
    knobs.webhook_window_seconds = 0;
    let (sim, source) = sim();
    sim.set_knobs(knobs);
    heard(&sim, &["page.created", "page.properties_updated"]);
    let page = sim.create_page(&source, &json!({})).unwrap();
    assert_eq!(sim.deliveries().len(), 1);
    sim.edit_as_person(&page, &json!({"Est": {"number": 1}}))
        .unwrap();
    sim.edit_as_person(&page, &json!({"Est": {"number": 2}}))
        .unwrap();
    assert_eq!(sim.deliveries().len(), 2);
}

#[test]
fn without_an_answer_there_are_eight_attempts_in_a_day() {
    let (sim, source) = sim();
    heard(&sim, &["page.created"]);
    sim.create_page(&source, &json!({})).unwrap();
    sim.advance(Duration::from_secs(10));
    let mut attempts = Vec::new();
    for minute in 0..60 * 48 {
        for delivery in sim.deliveries() {
            attempts.push((minute, body(&delivery)));
        }
        sim.advance(Duration::from_secs(60));
    }
    let minutes: Vec<i32> = attempts.iter().map(|(minute, _)| *minute).collect();
    assert_eq!(minutes, [0, 1, 5, 30, 120, 360, 720, 1440]);
    for (at, (_, event)) in attempts.iter().enumerate() {
        assert_eq!(event["attempt_number"], json!(at + 1));
        assert_eq!(event["id"], attempts[0].1["id"]);
    }
}

/// Ids of the pages that were told, of 200 that were made one after the other.
fn arrivals(change: impl Fn(&mut WebhookWeather)) -> (Vec<Value>, Vec<Value>) {
    let (sim, source) = sim();
    heard(&sim, &["page.created"]);
    let mut weather = WebhookWeather::default();
    change(&mut weather);
    sim.set_webhook_weather(weather);
    let (mut made, mut arrived) = (Vec::new(), Vec::new());
    let mut collect = || {
        for delivery in sim.deliveries() {
            sim.acknowledge(&delivery);
            arrived.push(body(&delivery)["entity"]["id"].clone());
        }
    };
    for _ in 0..200 {
        made.push(json!(sim.create_page(&source, &json!({})).unwrap()));
        sim.advance(Duration::from_secs(11));
        collect();
    }
    sim.advance(Duration::from_secs(200));
    collect();
    (made, arrived)
}

#[test]
fn events_are_lost_repeated_and_overtaken_by_the_seed() {
    let (made, arrived) = arrivals(|_| {});
    assert_eq!(made, arrived);
    let (made, arrived) = arrivals(|weather| weather.lost_per_mille = 200);
    assert!((130..190).contains(&arrived.len()), "{}", arrived.len());
    assert!(arrived.iter().all(|id| made.contains(id)));
    let (made, arrived) = arrivals(|weather| weather.twice_per_mille = 200);
    assert!((210..270).contains(&arrived.len()), "{}", arrived.len());
    assert!(made.iter().all(|id| arrived.contains(id)));
    let late = |weather: &mut WebhookWeather| weather.late_per_mille = 200;
    let (made, arrived) = arrivals(late);
    assert_ne!(made, arrived);
    assert_eq!(arrived.len(), 200);
    assert!(made.iter().all(|id| arrived.contains(id)));
    assert_eq!(
        arrivals(late),
        (made, arrived),
        "the same seed, the same luck"
    );
}

/// Answers one request with this status; gives its head and body.
async fn receive(listener: &TcpListener, status: &str) -> (String, String) {
    let (mut stream, _): (TcpStream, _) = listener.accept().await.unwrap();
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.unwrap().parse::<usize>().unwrap() {
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
                return (head, body.to_owned());
            }
        }
        assert!(read > 0, "it closed before it was whole");
    }
}

#[tokio::test]
async fn a_served_simulator_posts_to_loopback_until_it_is_acknowledged() {
    let api = api().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let source = api.table(json!({}));
    let wanted = json!({"url": url, "event_types": ["page.created"]});
    let made = api.post("/_sim/webhooks", wanted).await.ok();
    let (head, first) = receive(&listener, "200 OK").await;
    assert!(head.starts_with("post /hook http/1.1"), "{head}");
    assert!(head.contains("x-notion-signature: sha256="), "{head}");
    let path = format!("/_sim/webhooks/{}/verify", made["id"].as_str().unwrap());
    let first: Value = serde_json::from_str(&first).unwrap();
    api.post(&path, first).await.ok();

    api.post("/v1/pages", json!({"parent": {"data_source_id": source}}))
        .await
        .ok();
    api.sim.advance(Duration::from_secs(10));
    let (_, event) = receive(&listener, "500 Internal Server Error").await;
    let event: Value = serde_json::from_str(&event).unwrap();
    assert_eq!(
        (&event["type"], &event["attempt_number"]),
        (&json!("page.created"), &json!(1))
    );
    assert!(
        api.sim.deliveries().is_empty(),
        "it is posted, not collected"
    );
    api.sim.advance(Duration::from_secs(60));
    let (_, again) = receive(&listener, "200 OK").await;
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(
        (&again["id"], &again["attempt_number"]),
        (&event["id"], &json!(2))
    );

    // That was acknowledged: a third attempt would come before the next event.
    api.sim.advance(Duration::from_secs(300));
    let next = api.create(&source, json!({})).await.ok();
    api.sim.advance(Duration::from_secs(10));
    let (_, event) = receive(&listener, "200 OK").await;
    let event: Value = serde_json::from_str(&event).unwrap();
    assert_eq!(event["entity"]["id"], next["id"]);
}

#[tokio::test]
async fn control_routes_subscribe_collect_acknowledge_and_end() {
    let api = api().await;
    let source = api.table(json!({}));
    let wanted = json!({"event_types": ["page.created"], "api_version": "2025-09-03"});
    let made = api.post("/_sim/webhooks", wanted).await.ok();
    let path = format!("/_sim/webhooks/{}", made["id"].as_str().unwrap());
    let due = api.post("/_sim/webhooks/deliveries", json!({})).await.ok();
    let body = due["deliveries"][0]["body"].as_str().unwrap();
    let token: Value = serde_json::from_str(body).unwrap();
    api.post(&format!("{path}/verify"), token).await.ok();
    api.post("/v1/pages", json!({"parent": {"data_source_id": source}}))
        .await
        .ok();
    api.sim.advance(Duration::from_secs(10));
    let due = api.post("/_sim/webhooks/deliveries", json!({})).await.ok();
    assert!(
        due["deliveries"][0]["body"]
            .as_str()
            .unwrap()
            .contains("2025-09-03")
    );
    let id = due["deliveries"][0]["id"].as_str().unwrap();
    let ack = format!("/_sim/webhooks/deliveries/{id}/ack");
    assert_eq!(api.post(&ack, json!({})).await.ok()["acknowledged"], true);
    assert_eq!(api.post(&ack, json!({})).await.ok()["acknowledged"], false);
    let changed = api
        .post(
            &path,
            json!({"paused": true, "event_types": ["page.moved"]}),
        )
        .await
        .ok();
    assert_eq!(
        (&changed["status"], &changed["event_types"][0]),
        (&json!("paused"), &json!("page.moved"))
    );
    api.send("DELETE", &path, None).await.unwrap().ok();
    let none = api.get("/_sim/webhooks").await.ok();
    assert_eq!(none["webhooks"], json!([]));
    for (body, words) in [
        (
            json!({"event_types": ["page.exploded"]}),
            "`page.exploded` is not an event",
        ),
        (
            json!({"event_types": [], "url": "http://example.com/"}),
            "on loopback",
        ),
        (
            json!({"event_types": [], "url": "https://127.0.0.1/"}),
            "on loopback",
        ),
        (json!({"event_types": "all"}), "a list of strings"),
    ] {
        let refused = api.post("/_sim/webhooks", body).await;
        assert_eq!(refused.status, 400);
        assert!(refused.message().contains(words), "{}", refused.message());
    }
    let odd = api
        .post("/_sim/webhooks/weather", json!({"lost_per_mile": 1}))
        .await;
    assert_eq!(odd.status, 400);
}
