//! Property values over HTTP: what is accepted, what comes back, what is refused and how.

mod support;

use serde_json::{Value, json};
use support::{api, ids, title};

#[tokio::test]
async fn every_writable_type_comes_back_normalised() {
    let api = api().await;
    let target = api.table(json!({}));
    let other = api
        .sim
        .create_page(&target, &json!({"Name": title("Other")}))
        .unwrap();
    let users = api.get("/v1/users").await.ok();
    let user = users["results"][0]["id"].as_str().unwrap();
    let source = api.table(json!({
        "Text": {"rich_text": {}}, "Num": {"number": {}}, "Sel": {"select": {}}, "Multi": {"multi_select": {}},
        "Stat": {"status": {}}, "Date": {"date": {}}, "Who": {"people": {}}, "Files": {"files": {}},
        "Done": {"checkbox": {}}, "Url": {"url": {}}, "Mail": {"email": {}}, "Tel": {"phone_number": {}},
        "Rel": {"relation": {"data_source_id": target, "single_property": {}}},
        "Made": {"created_time": {}}, "By": {"created_by": {}}, "Key": {"unique_id": {"prefix": "T"}},
        "Edited": {"last_edited_time": {}}, "Editor": {"last_edited_by": {}}, "Place": {"place": {}},
    }));
    let page = api
        .create(&source, json!({
            "title": title("Row"),
            "Text": {"rich_text": [{"text": {"content": "a", "link": {"url": "https://x.y"}}, "annotations": {"bold": true}}]},
            "Num": {"number": 1.5}, "Sel": {"select": {"name": "New"}}, "Multi": {"multi_select": [{"name": "a"}, {"name": "A"}, {"name": "b"}]},
            "Stat": {"status": {"name": "done"}}, "Date": {"date": {"start": "2026-06-15T14:30:00Z"}},
            "Who": {"people": [{"id": user}]}, "Files": {"files": [{"name": "f", "external": {"url": "https://x/f?v=1"}}]},
            "Done": {"checkbox": true}, "Url": {"url": "https://a.b"}, "Mail": {"email": "a@b.c"}, "Tel": {"phone_number": "1"},
            "Rel": {"relation": [{"id": other}]}, "Place": {"place": {"lat": 1.5, "lon": 2}},
        }))
        .await
        .ok();
    let p = &page["properties"];
    assert_eq!(p["Text"]["rich_text"][0]["href"], "https://x.y");
    assert_eq!(p["Text"]["rich_text"][0]["annotations"]["color"], "default");
    assert_eq!(p["Sel"]["select"]["name"], "New");
    assert_eq!(p["Multi"]["multi_select"].as_array().unwrap().len(), 2);
    assert_eq!(p["Stat"]["status"]["name"], "Done");
    assert_eq!(
        p["Date"]["date"],
        json!({"start": "2026-06-15T14:30:00.000+00:00", "end": null, "time_zone": null})
    );
    assert_eq!(p["Who"]["people"][0]["object"], "user");
    assert!(p["Who"]["people"][0]["type"].is_string());
    assert_eq!(
        p["Files"]["files"][0],
        json!({"name": "f", "type": "external", "external": {"url": "https://x/f?v=1"}})
    );
    assert_eq!(
        p["Rel"],
        json!({"id": p["Rel"]["id"], "type": "relation", "relation": [{"id": other}], "has_more": false})
    );
    assert_eq!(p["Made"]["created_time"], "2026-09-04T14:30:00.000Z");
    assert_eq!(p["By"]["created_by"]["bot"], json!({}));
    assert_eq!(p["Key"]["unique_id"], json!({"prefix": "T", "number": 1}));
    let second = api.create(&source, json!({})).await.ok();
    let p = &second["properties"];
    assert_eq!(p["Key"]["unique_id"]["number"], 2);
    assert_eq!(p["Name"]["title"], json!([]));
    assert_eq!(p["Num"]["number"], Value::Null);
    assert_eq!(p["Done"]["checkbox"], false);
    assert_eq!(p["Who"]["people"], json!([]));
}

#[tokio::test]
async fn numbers_keep_their_literal_on_the_wire() {
    let api = api().await;
    let source = api.table(json!({"N": {"number": {}}}));
    for literal in ["3", "9007199254740993", "-0.1", "1e-7"] {
        let number: Value = serde_json::from_str(literal).unwrap();
        let page = api
            .create(&source, json!({"N": {"number": number}}))
            .await
            .ok();
        let path = format!("/v1/pages/{}", page["id"].as_str().unwrap());
        let text = api
            .request("GET", &path)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(
            text.contains(&format!("\"number\":{literal}}}")),
            "{literal}: {text}"
        );
    }
}

#[tokio::test]
async fn refusals_use_notions_words_and_change_nothing() {
    let api = api().await;
    let source = api.table(json!({"Foo": {"number": {}}, "Sel": {"select": {}}, "Stat": {"status": {}}, "Mail": {"email": {}}, "Multi": {"multi_select": {}}, "Roll": {"formula": {"expression": "1"}}}));
    let id = api.sim.create_page(&source, &json!({})).unwrap();
    let before = api.sim.state();
    let many: Vec<Value> = (0..101).map(|n| json!({"name": n.to_string()})).collect();
    let runs: Vec<Value> = (0..101)
        .map(|_| json!({"text": {"content": "x"}}))
        .collect();
    let table = [
        (
            json!({"Foo": {"number": "a"}}),
            "body failed validation: body.properties.Foo.number should be a number or `null`, instead was `\"a\"`.",
        ),
        (
            json!({"Bar": {"number": 1}}),
            "Bar is not a property that exists.",
        ),
        (
            json!({"Foo": {"checkbox": true}}),
            "Foo is expected to be number.",
        ),
        (
            json!({"Stat": {"status": {"name": "X"}}}),
            "Invalid status option. Status option \"X\" does not exist.",
        ),
        (
            json!({"Sel": {"select": {"name": "a,b"}}}),
            "Invalid select option, commas not allowed: a,b",
        ),
        (
            json!({"Sel": {"select": {"name": "fine"}}, "Zzz": {"number": 1}}),
            "Zzz is not a property that exists.",
        ),
        (
            json!({"Mail": {"email": "x".repeat(201)}}),
            "body failed validation: body.properties.Mail.email.length should be ≤ `200`, instead was `201`.",
        ),
        (
            json!({"Multi": {"multi_select": many}}),
            "body failed validation: body.properties.Multi.multi_select.length should be ≤ `100`, instead was `101`.",
        ),
        (
            json!({"Name": {"title": runs}}),
            "body failed validation: body.properties.Name.title.length should be ≤ `100`, instead was `101`.",
        ),
        (
            json!({"Name": title(&"x".repeat(2001))}),
            "body failed validation: body.properties.Name.title[0].text.content.length should be ≤ `2000`, instead was `2001`.",
        ),
        (
            json!({"Roll": {"formula": {"number": 1}}}),
            "body failed validation: body.properties.Roll.formula should be not present, instead was `{\"number\":1}`.",
        ),
    ];
    for (properties, message) in table {
        let reply = api
            .patch(
                &format!("/v1/pages/{id}"),
                json!({"properties": properties}),
            )
            .await;
        assert_eq!((reply.status, reply.message()), (400, message));
        assert_eq!(reply.body["code"], "validation_error");
    }
    assert_eq!(api.sim.state()["pages"], before["pages"]);
    assert_eq!(api.sim.state()["data_sources"], before["data_sources"]);
    assert!(api.sim.ledger().iter().all(|entry| !entry.committed));
}

#[tokio::test]
async fn relations_are_cut_at_25_and_read_whole_as_items() {
    let api = api().await;
    let target = api.table(json!({}));
    let source = api.table(json!({"Rel": {"relation": {"data_source_id": target, "dual_property": {"synced_property_name": "Back"}}}}));
    let links: Vec<Value> = (0..30)
        .map(|_| json!({"id": api.sim.create_page(&target, &json!({})).unwrap()}))
        .collect();
    let page = api
        .create(&source, json!({"Rel": {"relation": links}}))
        .await
        .ok();
    let rel = &page["properties"]["Rel"];
    assert_eq!(rel["relation"].as_array().unwrap().len(), 25);
    assert_eq!(rel["has_more"], true);
    let path = format!(
        "/v1/pages/{}/properties/{}",
        page["id"].as_str().unwrap(),
        rel["id"].as_str().unwrap()
    );
    let first = api.get(&format!("{path}?page_size=20")).await.ok();
    assert_eq!(first["type"], "property_item");
    assert!(first["property_item"]["next_url"].is_string());
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = api.get(&format!("{path}?start_cursor={cursor}")).await.ok();
    let mut all = first["results"].as_array().unwrap().clone();
    all.extend(rest["results"].as_array().unwrap().clone());
    let all: Vec<Value> = all
        .into_iter()
        .map(|item| item["relation"].clone())
        .collect();
    assert_eq!(all, links);

    let last = links[29]["id"].as_str().unwrap();
    assert_eq!(
        api.sim.page(last).unwrap()["properties"]["Back"]["relation"],
        json!([{"id": page["id"]}])
    );
    let own = format!("/v1/pages/{}", page["id"].as_str().unwrap());
    api.patch(&own, json!({"properties": {"Rel": {"relation": []}}}))
        .await
        .ok();
    assert_eq!(
        api.sim.page(last).unwrap()["properties"]["Back"]["relation"],
        json!([])
    );
    let back = json!({"properties": {"Back": {"relation": [{"id": page["id"]}]}}});
    api.patch(&format!("/v1/pages/{last}"), back).await.ok();
    assert_eq!(
        api.get(&own).await.ok()["properties"]["Rel"]["relation"],
        json!([{"id": last}])
    );
}

#[tokio::test]
async fn single_values_and_text_read_as_items() {
    let api = api().await;
    let source = api.table(json!({"N": {"number": {}}}));
    let id = api
        .sim
        .create_page(&source, &json!({"Name": title("Row"), "N": {"number": 8}}))
        .unwrap();
    let item = api.get(&format!("/v1/pages/{id}/properties/N")).await.ok();
    assert_eq!(
        (&item["object"], &item["number"]),
        (&json!("property_item"), &json!(8))
    );
    let list = api
        .get(&format!("/v1/pages/{id}/properties/title"))
        .await
        .ok();
    assert_eq!(list["results"][0]["title"]["plain_text"], "Row");
    assert_eq!(list["property_item"]["title"], json!({}));
    assert_eq!(
        api.get(&format!("/v1/pages/{id}/properties/none"))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn hosted_files_rotate_their_signature() {
    let api = api().await;
    let source = api.table(json!({"F": {"files": {}}}));
    let file =
        json!({"name": "a.pdf", "file": {"url": "https://s3.example/a.pdf?X-Amz-Signature=old"}});
    let page = api
        .create(&source, json!({"F": {"files": [file]}}))
        .await
        .ok();
    let again = api
        .get(&format!("/v1/pages/{}", page["id"].as_str().unwrap()))
        .await
        .ok();
    let url = |page: &Value| {
        page["properties"]["F"]["files"][0]["file"]["url"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_ne!(url(&page), url(&again));
    assert!(url(&page).starts_with("https://s3.example/a.pdf?X-Amz-Algorithm="));
    assert_eq!(
        again["properties"]["F"]["files"][0]["file"]["expiry_time"],
        "2026-09-04T15:30:41.000Z"
    );
}

#[tokio::test]
async fn what_is_computed_changes_without_an_edit() {
    let api = api().await;
    let source = api.table(json!({"F": {"formula": {"expression": "1"}}, "N": {"number": {}}}));
    let id = api.sim.create_page(&source, &json!({})).unwrap();
    let path = format!("/v1/pages/{id}");
    let before = api.get(&path).await.ok();
    api.sim.advance(std::time::Duration::from_secs(600));
    let three = json!({"type": "number", "number": 3});
    api.sim.compute(&id, "F", &three).unwrap();
    let after = api.get(&path).await.ok();
    assert_eq!(after["properties"]["F"]["formula"], three);
    assert_eq!(after["last_edited_time"], before["last_edited_time"]);
    assert!(api.sim.compute(&id, "N", &three).is_err());
}

#[tokio::test]
async fn people_who_are_mentioned_are_shown_in_full() {
    let api = api().await;
    let users = api.get("/v1/users").await.ok();
    let mut people = users["results"].as_array().unwrap().iter();
    let person = people.find(|user| user["type"] == "person").unwrap();
    let text = json!([{"mention": {"user": {"id": person["id"]}}, "plain_text": "@Them"}]);
    let table = api.table(json!({"Notes": {"rich_text": {}}}));
    let page = api
        .create(&table, json!({"Notes": {"rich_text": text}}))
        .await
        .ok();
    let page_id = page["id"].as_str().unwrap();
    let read = api.get(&format!("/v1/pages/{page_id}")).await.ok();
    let id = page["properties"]["Notes"]["id"].as_str().unwrap();
    let item = api
        .get(&format!("/v1/pages/{page_id}/properties/{id}"))
        .await
        .ok();
    let block = json!({"children": [{"table": {
        "table_width": 1, "children": [{"table_row": {"cells": [text]}}],
    }}]});
    let path = format!("/v1/blocks/{page_id}/children");
    let block = api.patch(&path, block).await.ok();
    let path = format!("/v1/blocks/{}/children", ids(&block)[0]);
    let block = api.get(&path).await.ok();
    let comment = json!({"parent": {"page_id": page_id}, "rich_text": text});
    let comment = api.post("/v1/comments", comment).await.ok();
    for run in [
        &page["properties"]["Notes"]["rich_text"][0],
        &read["properties"]["Notes"]["rich_text"][0],
        &item["results"][0]["rich_text"],
        &block["results"][0]["table_row"]["cells"][0][0],
        &comment["rich_text"][0],
    ] {
        assert_eq!(&run["mention"]["user"], person);
        assert_eq!(run["plain_text"], "@Them");
    }
    // Of somebody unknown there is no more than an id.
    let nobody = json!({"object": "user", "id": "1b2c3d4e-0000-4000-8000-00000000f0f0"});
    let text = json!([{"mention": {"user": {"id": nobody["id"]}}}]);
    let page = api
        .create(&table, json!({"Name": {"title": text}}))
        .await
        .ok();
    assert_eq!(
        page["properties"]["Name"]["title"][0]["mention"]["user"],
        nobody
    );
}
