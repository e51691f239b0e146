//! Comments: discussions on pages and blocks, in order, changed and removed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::{Api, Reply, api, ids, title};

impl Api {
    async fn page(&self) -> String {
        let body = json!({
            "parent": {"workspace": true},
            "properties": {"title": title("Page")},
            "children": [{"divider": {}}],
        });
        let page = self.post("/v1/pages", body).await.ok();
        page["id"].as_str().unwrap().to_owned()
    }

    async fn divider(&self, page: &str) -> String {
        ids(&self.get(&format!("/v1/blocks/{page}/children")).await.ok()).remove(0)
    }

    async fn say(&self, mut place: Value, text: &str) -> Reply {
        place["rich_text"] = words(text);
        self.post("/v1/comments", place).await
    }

    async fn said(&self, about: &str) -> Vec<String> {
        let list = self
            .get(&format!("/v1/comments?block_id={about}"))
            .await
            .ok();
        let results = list["results"].as_array().unwrap().iter();
        let text = |comment: &Value| {
            comment["rich_text"][0]["plain_text"]
                .as_str()
                .map(str::to_owned)
        };
        results.map(|comment| text(comment).unwrap()).collect()
    }
}

fn words(text: &str) -> Value {
    json!([{"text": {"content": text}}])
}

#[tokio::test]
async fn a_comment_is_read_as_notion_writes_it() {
    let api = api().await;
    let page = api.page().await;
    let made = api
        .say(json!({"parent": {"page_id": page}}), "a")
        .await
        .ok();
    let id = made["id"].as_str().unwrap();
    let path = format!("/v1/comments/{id}");
    let text = api
        .request("GET", &path)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let (discussion, me) = (&made["discussion_id"], api.get("/v1/users/me").await.ok());
    let bot = &me["id"];
    let expected = format!(
        r#"{{"object":"comment","id":"{id}","parent":{{"type":"page_id","page_id":"{page}"}},"discussion_id":{discussion},"created_time":"2026-09-04T14:30:00.000Z","last_edited_time":"2026-09-04T14:30:00.000Z","created_by":{{"object":"user","id":{bot}}},"rich_text":[{{"type":"text","text":{{"content":"a","link":null}},"annotations":{{"bold":false,"italic":false,"strikethrough":false,"underline":false,"code":false,"color":"default"}},"plain_text":"a","href":null}}],"display_name":{{"type":"integration","resolved_name":{}}},"request_id""#,
        me["name"]
    );
    assert!(text.starts_with(&expected), "{text}\n{expected}");
    for (given, read) in [
        (
            json!({"type": "custom", "custom": {"name": "Sam"}}),
            json!("Sam"),
        ),
        (json!({"type": "user"}), json!("Robin Person")),
    ] {
        let place = json!({"parent": {"page_id": page}, "display_name": given});
        let name = &api.say(place, "b").await.ok()["display_name"];
        assert_eq!(
            (&name["type"], &name["resolved_name"]),
            (&given["type"], &read)
        );
    }
}

#[tokio::test]
async fn a_discussion_is_read_in_order_and_where_it_is() {
    let api = api().await;
    let page = api.page().await;
    let block = api.divider(&page).await;
    let first = api
        .say(json!({"parent": {"block_id": block}}), "a")
        .await
        .ok();
    assert_eq!(
        first["parent"],
        json!({"type": "block_id", "block_id": block})
    );
    let other = api
        .say(json!({"parent": {"block_id": block}}), "b")
        .await
        .ok();
    assert_ne!(first["discussion_id"], other["discussion_id"]);
    let answer = json!({"discussion_id": first["discussion_id"]});
    let answer = api.say(answer, "c").await.ok();
    for field in ["discussion_id", "parent"] {
        assert_eq!(answer[field], first[field]);
    }
    api.say(json!({"parent": {"block_id": page}}), "on the page")
        .await
        .ok();
    assert_eq!(api.said(&block).await, ["a", "b", "c"]);
    assert_eq!(api.said(&page).await, ["on the page"]);

    let path = format!("/v1/comments?block_id={block}&page_size=2");
    let list = api.get(&path).await.ok();
    assert_eq!(
        (list["results"].as_array().unwrap().len(), &list["type"]),
        (2, &json!("comment"))
    );
    assert_eq!(list["next_cursor"], answer["id"]);
    let rest = format!("{path}&start_cursor={}", answer["id"].as_str().unwrap());
    assert_eq!(
        ids(&api.get(&rest).await.ok()),
        [answer["id"].as_str().unwrap()]
    );
}

#[tokio::test]
async fn a_comment_is_changed_and_removed_and_leaves_its_page_unedited() {
    let api = api().await;
    let page = api.page().await;
    let made = api
        .say(json!({"parent": {"page_id": page}}), "a")
        .await
        .ok();
    let path = format!("/v1/comments/{}", made["id"].as_str().unwrap());
    api.sim.advance(std::time::Duration::from_secs(60));
    let changed = api
        .patch(&path, json!({"rich_text": words("b")}))
        .await
        .ok();
    assert_eq!(changed["rich_text"][0]["plain_text"], "b");
    assert_eq!(changed["created_time"], "2026-09-04T14:30:00.000Z");
    assert_eq!(changed["last_edited_time"], "2026-09-04T14:31:00.000Z");
    let last = api.send("DELETE", &path, None).await.unwrap().ok();
    assert_eq!(last["rich_text"], changed["rich_text"]);
    assert!(api.said(&page).await.is_empty());
    assert_eq!(api.get(&path).await.status, 404);
    assert_eq!(api.send("DELETE", &path, None).await.unwrap().status, 404);
    let page = api.get(&format!("/v1/pages/{page}")).await.ok();
    assert_eq!(page["last_edited_time"], "2026-09-04T14:30:00.000Z");
}

#[tokio::test]
async fn what_cannot_be_said_is_refused() {
    let api = api().await;
    let page = api.page().await;
    let missing = "1b2c3d4e-0000-4000-8000-00000000a001";
    let upload = json!({"file_upload_id": missing});
    let on_page = |mut body: Value| {
        body["parent"] = json!({"page_id": page});
        body
    };
    for (body, status, message) in [
        (
            json!({}),
            400,
            "body failed validation. Fix one:\nbody.parent should be defined, instead was `undefined`.\nbody.discussion_id should be defined, instead was `undefined`.",
        ),
        (
            on_page(json!({"discussion_id": missing})),
            400,
            "body failed validation: body.discussion_id should be not present, instead was `\"1b2c3d4e-0000-4000-8000-00000000a001\"`.",
        ),
        (
            on_page(json!({"attachments": [upload, upload, upload, upload]})),
            400,
            "body failed validation: body.attachments.length should be ≤ `3`, instead was `4`.",
        ),
        (
            on_page(json!({"attachments": [upload]})),
            404,
            "Could not find file upload with ID: 1b2c3d4e-0000-4000-8000-00000000a001.",
        ),
        (
            on_page(json!({"markdown": "a"})),
            400,
            "body failed validation: body.markdown should be not present, instead was `\"a\"`.",
        ),
        (
            json!({"parent": {"page_id": "x"}}),
            400,
            "body failed validation: body.parent.page_id should be a valid uuid, instead was `\"x\"`.",
        ),
    ] {
        let refused = api.say(body, "a").await;
        assert_eq!((refused.status, refused.message()), (status, message));
    }
    let lost = api.say(json!({"parent": {"page_id": missing}}), "a").await;
    assert_eq!(lost.status, 404);
    let list = api.get("/v1/comments").await;
    assert_eq!(
        list.message(),
        "query failed validation: query.block_id should be defined, instead was `undefined`."
    );
    assert!(api.said(&page).await.is_empty());
    let made = api.say(on_page(json!({})), "a").await.ok();
    api.sim.share(&page, false).unwrap();
    let discussion = api
        .say(json!({"discussion_id": made["discussion_id"]}), "b")
        .await;
    assert_eq!(discussion.status, 404);
    let hidden = api
        .get(&format!("/v1/comments/{}", made["id"].as_str().unwrap()))
        .await;
    assert_eq!(hidden.status, 404);
}
