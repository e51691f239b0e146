//! File uploads: announced, sent, imported, attached, served, and refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/document.rs"]
mod document;
#[path = "support/files.rs"]
mod files;
mod support;

use std::time::Duration;

use bytes::Bytes;
use document::check;
use files::{fetch, parts};
use http::Request;
use notion_sync_sim::{Knobs, NotionSim};
use serde_json::{Value, json};
use support::{Api, Reply, api, builder, ids, title};

const MIB: usize = 1024 * 1024;
const GIF: &str = "https://pictures.example/a.gif";

impl Api {
    async fn upload(&self, id: &str) -> Value {
        let path = format!("/v1/file_uploads/{id}");
        let reply = self.get(&path).await;
        check("GET", &path, reply.status, &reply.body);
        reply.ok()
    }

    async fn page_with(&self, mut body: Value) -> Reply {
        body["parent"] = json!({"workspace": true});
        body["properties"] = json!({"title": title("Page")});
        let page = self.post("/v1/pages", body).await;
        check("POST", "/v1/pages", page.status, &page.body);
        page
    }
}

#[tokio::test]
async fn a_file_is_announced_sent_attached_and_served() {
    let api = api().await;
    let made = api.announce(json!({"filename": "plan.pdf"})).await.ok();
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["status"], "pending");
    assert_eq!(made["content_type"], "application/pdf");
    assert_eq!(made["content_length"], Value::Null);
    assert_eq!(made["expiry_time"], "2026-09-04T15:30:00.000Z");
    assert_eq!(
        made["upload_url"],
        format!("{}/v1/file_uploads/{id}/send", api.sim.base_url())
    );
    let sent = parts(b"%PDF \0\xFF", "plan.pdf", "application/pdf", None);
    let sent = api.send_parts(id, sent).await.ok();
    assert_eq!(
        (&sent["status"], &sent["content_length"]),
        (&json!("uploaded"), &json!(7))
    );
    assert!(sent.get("upload_url").is_none());

    let table = api.table(json!({"Files": {"files": {}}}));
    let file = json!({"files": [{"file_upload": {"id": id}, "name": "The plan"}]});
    let page = api.create(&table, json!({"Files": file})).await.ok();
    let read = &page["properties"]["Files"]["files"][0];
    assert_eq!(
        (&read["type"], &read["name"]),
        (&json!("file"), &json!("The plan"))
    );
    assert_eq!(read["file"]["expiry_time"], "2026-09-04T15:30:41.000Z");
    let (status, kind, bytes) = fetch(read["file"]["url"].as_str().unwrap()).await;
    assert_eq!((status, kind.as_str()), (200, "application/pdf"));
    assert_eq!(&bytes[..], b"%PDF \0\xFF");

    api.sim.advance(Duration::from_secs(2 * 3600));
    let upload = api.upload(id).await;
    assert_eq!(
        (&upload["status"], &upload["expiry_time"]),
        (&json!("uploaded"), &Value::Null)
    );
}

#[tokio::test]
async fn an_upload_that_nothing_uses_expires_after_an_hour() {
    let api = api().await;
    let id = api.uploaded("a.txt", b"a").await;
    api.sim.set_now("2026-09-04T15:29:59Z".parse().unwrap());
    assert_eq!(api.upload(&id).await["status"], "uploaded");
    api.sim.set_now("2026-09-04T15:30:00Z".parse().unwrap());
    assert_eq!(api.upload(&id).await["status"], "expired");
    let late = api
        .page_with(json!({"children": [{"file": {"file_upload": {"id": id}}}]}))
        .await;
    assert_eq!(late.status, 400);
    let expected = format!(
        "File upload with ID {id} cannot be attached: its status is `expired`, not `uploaded`."
    );
    assert_eq!(late.message(), expected);
    let again = api
        .send_parts(&id, parts(b"b", "a.txt", "text/plain", None))
        .await;
    let expected = format!("File upload with ID {id} is not pending: its status is `expired`.");
    assert_eq!((again.status, again.message()), (400, expected.as_str()));
}

#[tokio::test]
async fn a_large_file_comes_in_parts_in_any_order() {
    let api = api().await;
    let body = json!({"mode": "multi_part", "filename": "film.mp4", "number_of_parts": 2});
    let made = api.announce(body).await.ok();
    let id = made["id"].as_str().unwrap().to_owned();
    let complete = format!("/v1/file_uploads/{id}/complete");
    assert_eq!(
        made["complete_url"],
        format!("{}{complete}", api.sim.base_url())
    );
    assert_eq!(made["number_of_parts"], json!({"total": 2, "sent": 0}));
    let part = |bytes: Vec<u8>, number| parts(&bytes, "film", "application/octet-stream", number);

    let sent = api.send_parts(&id, part(vec![2; 10], Some(2))).await.ok();
    assert_eq!(
        (&sent["status"], &sent["number_of_parts"]["sent"]),
        (&json!("pending"), &json!(1))
    );
    let early = api.post(&complete, json!({})).await;
    let expected =
        format!("File upload with ID {id} cannot be completed: of 2 parts these were not sent: 1.");
    assert_eq!((early.status, early.message()), (400, expected.as_str()));
    for (bytes, number, refusal) in [
        (
            5 * MIB - 1,
            Some(1),
            "Part 1 of 2 is smaller than 5 MiB, which only the last part may be.",
        ),
        (
            20 * MIB + 1,
            Some(1),
            "The file size is not within the allowed limit of 20 MiB. Please try again with a new file upload.",
        ),
        (
            5 * MIB,
            Some(3),
            "body failed validation: body.part_number should be an integer between 1 and 2, instead was `\"3\"`.",
        ),
        (
            5 * MIB,
            None,
            "body failed validation: body.part_number should be defined, instead was `undefined`.",
        ),
    ] {
        let refused = api.send_parts(&id, part(vec![1; bytes], number)).await;
        assert_eq!((refused.status, refused.message()), (400, refusal));
    }
    api.send_parts(&id, part(vec![1; 5 * MIB], Some(1)))
        .await
        .ok();
    let done = api.post(&complete, json!({})).await;
    check("POST", &complete, done.status, &done.body);
    let done = done.ok();
    assert_eq!(
        (&done["status"], &done["content_length"]),
        (&json!("uploaded"), &json!(5 * MIB + 10))
    );
    let bytes = api.sim.upload_bytes(&id).unwrap();
    assert_eq!((bytes[5 * MIB - 1], bytes[5 * MIB]), (1, 2));
}

#[tokio::test]
async fn an_import_takes_what_was_said_to_lie_there() {
    let api = api().await;
    api.sim.host(GIF, "image/gif", &b"GIF89a"[..]);
    let import =
        |url: &str| json!({"mode": "external_url", "external_url": url, "filename": "a.gif"});
    let made = api.announce(import(GIF)).await.ok();
    assert_eq!(made["status"], "pending");
    let lost = api
        .announce(import("https://pictures.example/b.gif"))
        .await
        .ok();
    api.sim.advance(Duration::from_secs(4));
    assert_eq!(
        api.upload(made["id"].as_str().unwrap()).await["status"],
        "pending"
    );
    api.sim.advance(Duration::from_secs(60));
    let done = api.upload(made["id"].as_str().unwrap()).await;
    assert_eq!(
        (&done["status"], &done["content_length"]),
        (&json!("uploaded"), &json!(6))
    );
    let success = json!({
        "type": "success", "success": {}, "imported_time": "2026-09-04T14:30:46.000+00:00",
    });
    assert_eq!(done["file_import_result"], success);
    let lost = api.upload(lost["id"].as_str().unwrap()).await;
    assert_eq!(lost["status"], "failed");
    assert_eq!(
        lost["file_import_result"]["error"]["type"],
        "download_error"
    );

    api.sim.set_upload_limit(5);
    let large = api.announce(import(GIF)).await.ok();
    api.sim.advance(Duration::from_secs(5));
    let large = api.upload(large["id"].as_str().unwrap()).await;
    assert_eq!(
        large["file_import_result"]["error"]["code"],
        "file_upload_invalid_size"
    );
}

#[tokio::test]
async fn an_upload_is_an_icon_a_cover_a_block_and_an_attachment() {
    let api = api().await;
    let picture = api.uploaded("a.png", b"picture").await;
    let sound = api.uploaded("a.mp3", b"sound").await;
    let by_id = |id: &str| json!({"type": "file_upload", "file_upload": {"id": id}});
    let page = api
        .page_with(json!({
            "icon": by_id(&picture), "cover": by_id(&picture),
            "children": [
                {"image": by_id(&picture)},
                {"file": {"file_upload": {"id": sound}}},
                {"callout": {"rich_text": [], "icon": by_id(&picture)}},
            ],
        }))
        .await
        .ok();
    let page_id = page["id"].as_str().unwrap();
    let database = api
        .post(
            "/v1/databases",
            json!({"parent": {"page_id": page_id}, "icon": by_id(&picture)}),
        )
        .await
        .ok();
    let comment = api
        .post(
            "/v1/comments",
            json!({
                "parent": {"page_id": page_id}, "rich_text": [{"text": {"content": "a"}}],
                "attachments": [{"file_upload_id": sound}],
            }),
        )
        .await;
    check("POST", "/v1/comments", comment.status, &comment.body);
    let comment = comment.ok();
    assert_eq!(comment["attachments"][0]["category"], "audio");
    let path = format!("/v1/blocks/{page_id}/children");
    let blocks = api.get(&path).await;
    check("GET", &path, blocks.status, &blocks.body);
    let blocks = blocks.ok();
    let [image, file, callout] = [0, 1, 2].map(|at| &blocks["results"][at]);
    assert_eq!(file["file"]["name"], "a.mp3");
    assert!(image["image"].get("file_upload").is_none());
    for (shown, bytes) in [
        (&page["icon"], "picture"),
        (&page["cover"], "picture"),
        (&image["image"], "picture"),
        (&file["file"], "sound"),
        (&callout["callout"]["icon"], "picture"),
        (&database["icon"], "picture"),
        (&comment["attachments"][0], "sound"),
    ] {
        let url = shown["file"]["url"]
            .as_str()
            .unwrap_or_else(|| panic!("{shown}"));
        assert_eq!(fetch(url).await.2, bytes);
        assert_eq!(shown["file"]["expiry_time"], "2026-09-04T15:30:41.000Z");
    }
    assert_eq!(api.upload(&sound).await["expiry_time"], Value::Null);
    // A file of a new signature each time is the same file.
    let again = api.get(&format!("/v1/pages/{page_id}")).await.ok();
    assert_ne!(again["icon"], page["icon"]);
    let back = json!({"icon": again["icon"], "cover": null});
    let page = api.patch(&format!("/v1/pages/{page_id}"), back).await.ok();
    assert_eq!(
        fetch(page["icon"]["file"]["url"].as_str().unwrap()).await.2,
        "picture"
    );
    assert_eq!(page["cover"], Value::Null);
    let other = json!({"image": by_id(&api.uploaded("b.png", b"another").await)});
    let path = format!("/v1/blocks/{}", image["id"].as_str().unwrap());
    let image = api.patch(
        &path,
        json!({"image": {"file_upload": other["image"]["file_upload"]}}),
    );
    let url = image.await.ok()["image"]["file"]["url"].clone();
    assert_eq!(fetch(url.as_str().unwrap()).await.2, "another");
}

#[tokio::test]
async fn a_signature_is_good_for_an_hour_and_for_its_own_file() {
    let api = api().await;
    let picture = api.uploaded("a b.png", b"picture").await;
    let page = api
        .page_with(json!({"cover": {"file_upload": {"id": picture}}}))
        .await
        .ok();
    let url = page["cover"]["file"]["url"].as_str().unwrap().to_owned();
    assert!(url.contains("/a%20b.png?X-Amz-Algorithm="), "{url}");
    let refused = async |url: &str| {
        let (status, kind, body) = fetch(url).await;
        assert_eq!(kind, "application/xml");
        (status, String::from_utf8(body.into()).unwrap())
    };
    let (status, body) = refused(url.split('?').next().unwrap()).await;
    assert_eq!(status, 403);
    assert!(
        body.contains("<Code>AccessDenied</Code><Message>Access Denied</Message>"),
        "{body}"
    );
    let (status, body) = refused(&url.replace("20260904T143041Z", "20260904T153041Z")).await;
    assert_eq!(status, 403);
    assert!(
        body.contains("<Code>SignatureDoesNotMatch</Code>"),
        "{body}"
    );
    api.sim.advance(Duration::from_secs(3599));
    assert_eq!(fetch(&url).await.2, "picture");
    api.sim.advance(Duration::from_secs(1));
    let (status, body) = refused(&url).await;
    assert_eq!(status, 403);
    let expected = "<Message>Request has expired</Message><X-Amz-Expires>3600</X-Amz-Expires>\
        <Expires>2026-09-04T15:30:41Z</Expires><ServerTime>2026-09-04T15:30:41Z</ServerTime>";
    assert!(body.contains(expected), "{body}");
    assert!(
        api.sim
            .ledger()
            .iter()
            .all(|entry| entry.path.starts_with("/v1/"))
    );
}

#[test]
fn files_are_served_without_a_socket_and_the_same_seed_signs_alike() {
    let send = |sim: &NotionSim, path: &str, kind: &str, body: Vec<u8>| -> Value {
        let request = Request::post(format!("{}{path}", sim.base_url()))
            .header("authorization", "Bearer ntn_simulator")
            .header("notion-version", "2026-03-11")
            .header("content-type", kind);
        let answer = sim.call(request.body(body.into()).unwrap()).unwrap();
        assert_eq!(answer.status(), 200, "{:?}", answer.body());
        serde_json::from_slice(answer.body()).unwrap()
    };
    let shown = |seed| {
        let sim = builder().seed(seed).in_memory().unwrap();
        let json = "application/json";
        let made = send(&sim, "/v1/file_uploads", json, b"{}".into());
        let id = made["id"].as_str().unwrap();
        let path = format!("/v1/file_uploads/{id}/send");
        let body = parts(b"picture", "a.png", "image/png", None);
        send(&sim, &path, "multipart/form-data; boundary=sep", body);
        let page = json!({"parent": {"workspace": true}, "icon": {"file_upload": {"id": id}}});
        let page = send(&sim, "/v1/pages", json, page.to_string().into());
        let url = page["icon"]["file"]["url"].as_str().unwrap().to_owned();
        let host = "https://prod-files-secure.s3.us-west-2.amazonaws.com/";
        assert!(url.starts_with(host), "{url}");
        let get = |url: &str| {
            sim.call(Request::get(url).body(Bytes::new()).unwrap())
                .unwrap()
        };
        assert_eq!(get(&url).body(), "picture");
        let head = Request::head(url.as_str()).body(Bytes::new()).unwrap();
        assert_eq!(sim.call(head).unwrap().status(), 403);
        // A page may speak of a file that is not there.
        let lost = json!({"file": {"url": url.replace("a.png", "b.png")}});
        let page = json!({"parent": {"workspace": true}, "icon": lost});
        let page = send(&sim, "/v1/pages", json, page.to_string().into());
        let lost = get(page["icon"]["file"]["url"].as_str().unwrap());
        assert_eq!(lost.status(), 404);
        assert!(lost.body().windows(9).any(|part| part == b"NoSuchKey"));
        sim.advance(Duration::from_secs(3600));
        assert_eq!(get(&url).status(), 403);
        url
    };
    assert_eq!(shown(7), shown(7));
    let token = |url: &str| url.split_once("Security-Token=").unwrap().1[..32].to_owned();
    assert_ne!(token(&shown(7)), token(&shown(8)));
}

#[tokio::test]
async fn uploads_are_listed_newest_first_and_by_status() {
    let api = api().await;
    let mut made = Vec::new();
    for name in ["a.txt", "b.txt", "c.txt"] {
        made.insert(0, api.uploaded(name, b"a").await);
    }
    let pending = api.announce(json!({})).await.ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let list = api.get("/v1/file_uploads?page_size=2").await;
    check("GET", "/v1/file_uploads", list.status, &list.body);
    let list = list.ok();
    assert_eq!(ids(&list), [pending.as_str(), &made[0]]);
    assert_eq!(list["next_cursor"], made[1].as_str());
    let rest = api
        .get(&format!("/v1/file_uploads?start_cursor={}", made[1]))
        .await
        .ok();
    assert_eq!(ids(&rest), made[1..]);
    let sent = api.get("/v1/file_uploads?status=uploaded").await.ok();
    assert_eq!(ids(&sent), made);
    let odd = api.get("/v1/file_uploads?status=lost").await;
    assert_eq!(
        odd.message(),
        "query failed validation: query.status should be `\"pending\"`, `\"uploaded\"`, `\"expired\"`, `\"failed\"`, or `undefined`, instead was `\"lost\"`."
    );
}

#[tokio::test]
async fn what_cannot_be_uploaded_is_refused() {
    let api = api().await;
    let long = format!("{}.txt", "a".repeat(897));
    for (body, message) in [
        (
            json!({"mode": "whole"}),
            "body failed validation: body.mode should be `\"single_part\"`, `\"multi_part\"`, `\"external_url\"`, or `undefined`, instead was `\"whole\"`.",
        ),
        (
            json!({"mode": "multi_part", "number_of_parts": 2}),
            "body failed validation: body.filename should be defined, instead was `undefined`.",
        ),
        (
            json!({"mode": "multi_part", "filename": "a.txt"}),
            "body failed validation: body.number_of_parts should be defined, instead was `undefined`.",
        ),
        (
            json!({"mode": "multi_part", "filename": "a.txt", "number_of_parts": 10_001}),
            "body failed validation: body.number_of_parts should be ≤ `10000`, instead was `10001`.",
        ),
        (
            json!({"number_of_parts": 2}),
            "body failed validation: body.number_of_parts should be not present, instead was `2`.",
        ),
        (
            json!({"mode": "external_url", "external_url": "http://a.example/a.gif"}),
            "body failed validation: body.external_url should be a valid https url, instead was `\"http://a.example/a.gif\"`.",
        ),
        (
            json!({"filename": "a.exe"}),
            "Provided `filename` has an extension that is not supported for the File Upload API.",
        ),
        (
            json!({"filename": "a.txt", "content_type": "image/png"}),
            "Provided `content_type` does not match the extension of the provided `filename`.",
        ),
        (
            json!({"filename": long}),
            "body failed validation: body.filename.length should be ≤ `900`, instead was `901`.",
        ),
    ] {
        let refused = api.announce(body).await;
        assert_eq!((refused.status, refused.message()), (400, message));
    }
    let named = api
        .announce(json!({"filename": "a", "content_type": "image/jpeg"}))
        .await
        .ok();
    assert_eq!(named["filename"], "a.jpg");

    let waiting = api.announce(json!({"filename": "a.png"})).await.ok();
    let id = waiting["id"].as_str().unwrap();
    let empty = api
        .post(&format!("/v1/file_uploads/{id}/send"), json!({"file": "a"}))
        .await;
    assert_eq!(
        empty.message(),
        "body failed validation: body.file should be defined, instead was `undefined`."
    );
    let other = api
        .send_parts(id, parts(b"a", "a.txt", "text/plain", None))
        .await;
    assert_eq!(
        other.message(),
        "The content type of the file that was sent does not match the one of the file upload."
    );
    api.sim.set_upload_limit(5 * MIB as u64);
    let large = parts(&vec![0; 5 * MIB + 1], "a.png", "image/png", None);
    assert_eq!(
        api.send_parts(id, large).await.message(),
        "The file size is not within the allowed limit of 5 MiB. Please try again with a new file upload."
    );
    let early = api
        .page_with(json!({"icon": {"file_upload": {"id": id}}}))
        .await;
    assert_eq!(
        early.message(),
        format!(
            "File upload with ID {id} cannot be attached: its status is `pending`, not `uploaded`."
        )
    );
    let text = api.uploaded("a.txt", b"a").await;
    let unfit = format!(
        "File upload with ID {text} has a content type that does not fit here: `text/plain`."
    );
    for body in [
        json!({"icon": {"file_upload": {"id": text}}}),
        json!({"children": [{"image": {"file_upload": {"id": text}}}]}),
    ] {
        let refused = api.page_with(body).await;
        assert_eq!((refused.status, refused.message()), (400, unfit.as_str()));
    }
    // What was refused is not in use.
    assert_ne!(api.upload(&text).await["expiry_time"], Value::Null);
}

#[tokio::test]
async fn icons_are_read_as_notion_writes_them() {
    let api = api().await;
    let emoji = api
        .sim
        .create_emoji("party", "https://emojis.example/party.png");
    let nobody = "1b2c3d4e-0000-4000-8000-00000000a001";
    for (given, read) in [
        (
            json!({"emoji": "🧪"}),
            json!({"type": "emoji", "emoji": "🧪"}),
        ),
        (
            json!({"external": {"url": "https://www.notion.so/icons/pizza_red.svg"}}),
            json!({"type": "icon", "icon": {"name": "pizza", "color": "red"}}),
        ),
        (
            json!({"icon": {"name": "home"}}),
            json!({"type": "icon", "icon": {"name": "home", "color": "gray"}}),
        ),
        (
            json!({"custom_emoji": {"id": emoji}}),
            json!({"type": "custom_emoji", "custom_emoji": {
                "id": emoji, "name": "party", "url": "https://emojis.example/party.png",
            }}),
        ),
        (json!({"custom_emoji": {"id": nobody}}), Value::Null),
    ] {
        let page = api.page_with(json!({"icon": given})).await;
        check("POST", "/v1/pages", page.status, &page.body);
        assert_eq!(page.ok()["icon"], read);
    }
    for (body, message) in [
        (
            json!({"cover": {"emoji": "🧪"}}),
            "body failed validation. Fix one:\nbody.cover.external should be defined, instead was `undefined`.\nbody.cover.file_upload should be defined, instead was `undefined`.",
        ),
        (
            json!({"icon": "🧪"}),
            "body failed validation: body.icon should be an object or `null`, instead was `\"🧪\"`.",
        ),
        (
            json!({"icon": {"external": {"url": "pizza"}}}),
            "body failed validation: body.icon.external.url should be a valid url, instead was `\"pizza\"`.",
        ),
    ] {
        let refused = api.page_with(body).await;
        assert_eq!((refused.status, refused.message()), (400, message));
    }
}

#[tokio::test]
async fn uploads_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let first = support::with(builder().state_file(&file)).await;
    let id = first.uploaded("a.png", b"picture").await;
    let icon = json!({"icon": {"file_upload": {"id": id}}});
    let made = first.page_with(icon).await.ok();
    let old = made["icon"]["file"]["url"].as_str().unwrap();
    let old = old.replace(first.sim.base_url(), "");
    let page = made["id"].as_str().unwrap();
    first.sim.host(GIF, "image/gif", &b"GIF89a"[..]);
    let import = json!({"mode": "external_url", "external_url": GIF});
    let import = first.announce(import).await.ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    first.sim.save().await.unwrap();
    drop(first);
    let second = support::with(builder().state_file(&file)).await;
    let page = second.get(&format!("/v1/pages/{page}")).await.ok();
    let url = page["icon"]["file"]["url"].as_str().unwrap();
    assert!(url.starts_with(second.sim.base_url()), "{url}");
    assert_eq!(fetch(url).await.2, "picture");
    // What was signed before is as good as it was, at another address.
    let old = format!("{}{old}", second.sim.base_url());
    assert_eq!(fetch(&old).await.2, "picture");
    assert_ne!(old, url, "a signature is not given twice");
    second.sim.advance(Duration::from_secs(5));
    assert_eq!(second.upload(&import).await["status"], "uploaded");
}

#[tokio::test]
async fn names_and_second_uses_of_a_file_are_knobs() {
    let api = api().await;
    let kept = api.uploaded("my file.png", b"a").await;
    assert_eq!(api.upload(&kept).await["filename"], "my file.png");
    let icon = |id: &str| json!({"icon": {"file_upload": {"id": id}}});
    for _ in 0..2 {
        api.page_with(icon(&kept)).await.ok();
    }
    let mut knobs = Knobs::default();
    knobs.file_names_are_kept = false;
    knobs.uploads_are_reusable = false;
    api.sim.set_knobs(knobs);
    let renamed = api.uploaded("my file.png", b"a").await;
    assert_eq!(api.upload(&renamed).await["filename"], "my_file.png");
    api.page_with(icon(&renamed)).await.ok();
    let again = api.page_with(icon(&renamed)).await;
    let words = format!("File upload with ID {renamed} cannot be attached: it is in use already.");
    assert_eq!((again.status, again.message()), (400, words.as_str()));
}
