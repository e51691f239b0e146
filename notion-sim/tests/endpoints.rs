//! Each endpoint's happy path and its refusals, over HTTP.

mod support;

use serde_json::json;
use support::{api, builder, ids, title, with};

#[tokio::test]
async fn users_and_identity() {
    let api = api().await;
    let me = api.get("/v1/users/me").await.ok();
    assert_eq!(me["type"], "bot");
    assert!(me["bot"]["workspace_id"].is_string());
    let list = api.get("/v1/users?page_size=1").await.ok();
    assert_eq!(list["has_more"], true);
    let cursor = list["next_cursor"].as_str().unwrap();
    let rest = api
        .get(&format!("/v1/users?start_cursor={cursor}"))
        .await
        .ok();
    assert_eq!(rest["results"].as_array().unwrap().len(), 1);
    assert_eq!(rest["type"], "user");
}

#[tokio::test]
async fn the_door_refuses_bad_tokens_versions_and_urls() {
    let mut api = api().await;
    let reply = api.get("/v1/nowhere").await;
    assert_eq!(
        (reply.status, reply.message()),
        (400, "Invalid request URL.")
    );
    assert_eq!(reply.body["code"], "invalid_request_url");
    assert!(reply.body["request_id"].is_string());
    assert_eq!(reply.header("date"), Some("Fri, 04 Sep 2026 14:30:41 GMT"));
    assert_eq!(
        reply.header("x-notion-request-id"),
        reply.body["request_id"].as_str()
    );
    for (version, code) in [
        ("2022-06-28", "validation_error"),
        ("1999-01-01", "validation_error"),
    ] {
        api.version = version;
        let reply = api.get("/v1/users/me").await;
        assert_eq!(
            (reply.status, reply.body["code"].as_str()),
            (400, Some(code))
        );
    }
    api.version = "2026-03-11";
    api.sim.set_token(api.sim.token(), false);
    let reply = api.get("/v1/users/me").await;
    assert_eq!(
        (reply.status, reply.message()),
        (401, "API token is invalid.")
    );
}

#[tokio::test]
async fn databases_data_sources_and_pages_are_made_and_read() {
    let api = api().await;
    let home = api
        .post("/v1/pages", json!({"parent": {"workspace": true}, "properties": {"title": [{"text": {"content": "Home"}}]}}))
        .await
        .ok();
    let database = api
        .post(
            "/v1/databases",
            json!({
                "parent": {"type": "page_id", "page_id": home["id"]},
                "title": [{"text": {"content": "Tasks"}}],
                "initial_data_source": {"properties": {"Name": {"title": {}}, "Est": {"number": {"format": "euro"}}}},
            }),
        )
        .await
        .ok();
    assert!(database.get("properties").is_none());
    let source = database["data_sources"][0]["id"].as_str().unwrap();
    assert_eq!(database["data_sources"][0]["name"], "Tasks");
    let schema = api.get(&format!("/v1/data_sources/{source}")).await.ok();
    assert_eq!(schema["properties"]["Name"]["id"], "title");
    assert_eq!(schema["properties"]["Est"]["number"]["format"], "euro");
    assert_eq!(schema["database_parent"]["page_id"], home["id"]);

    let page = api
        .create(source, json!({"Name": title("Row"), "Est": {"number": 3}}))
        .await
        .ok();
    assert_eq!(page["created_time"], "2026-09-04T14:30:00.000Z");
    assert_eq!(page["parent"]["database_id"], database["id"]);
    assert_eq!(page["properties"]["Name"]["title"][0]["plain_text"], "Row");
    assert!(page.get("archived").is_none());
    let id = page["id"].as_str().unwrap().replace('-', "");
    let read = api.get(&format!("/v1/pages/{id}")).await.ok();
    assert_eq!(read["properties"], page["properties"]);
    let one = api
        .get(&format!("/v1/pages/{id}?filter_properties[]=Est"))
        .await
        .ok();
    assert_eq!(one["properties"].as_object().unwrap().len(), 1);

    let more = api
        .post(
            "/v1/data_sources",
            json!({"parent": {"database_id": database["id"]}, "title": [{"text": {"content": "More"}}], "properties": {"T": {"title": {}}}}),
        )
        .await
        .ok();
    assert_eq!(more["parent"]["database_id"], database["id"]);
    let database = api
        .get(&format!(
            "/v1/databases/{}",
            database["id"].as_str().unwrap()
        ))
        .await
        .ok();
    assert_eq!(database["data_sources"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn absent_objects_are_404_in_notions_words() {
    let api = api().await;
    let id = "00000000-0000-0000-0000-000000000000";
    for kind in ["page", "data_source", "database"] {
        let reply = api.get(&format!("/v1/{kind}s/{id}")).await;
        assert_eq!(reply.status, 404);
        assert!(reply.message().starts_with(&format!("Could not find {kind} with ID: {id}. Make sure the relevant pages and databases are shared with your integration")));
    }
    assert_eq!(
        api.get("/v1/pages/xyz").await.body["code"],
        "validation_error"
    );
}

#[tokio::test]
async fn the_older_version_says_archived_and_the_newer_refuses_it() {
    let mut api = api().await;
    let source = api.table(json!({}));
    let id = api.sim.create_page(&source, &json!({})).unwrap();
    let reply = api
        .patch(&format!("/v1/pages/{id}"), json!({"archived": true}))
        .await;
    assert_eq!(
        reply.message(),
        "body failed validation: body.archived should be not present, instead was `true`."
    );
    api.version = "2025-09-03";
    let page = api
        .patch(&format!("/v1/pages/{id}"), json!({"archived": true}))
        .await
        .ok();
    assert_eq!(
        (&page["archived"], &page["in_trash"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(
        api.get(&format!("/v1/data_sources/{source}")).await.ok()["archived"],
        false
    );
}

#[tokio::test]
async fn search_finds_titles_newest_edit_first() {
    let api = with(builder().index_lag(std::time::Duration::from_secs(10))).await;
    let source = api.table(json!({}));
    let a = api
        .sim
        .create_page(&source, &json!({"Name": title("Table leg")}))
        .unwrap();
    assert!(ids(&api.post("/v1/search", json!({"query": "table"})).await.ok()).is_empty());
    api.sim.advance(std::time::Duration::from_secs(60));
    let b = api
        .sim
        .create_page(&source, &json!({"Name": title("A TABLE top")}))
        .unwrap();
    api.sim.advance(std::time::Duration::from_secs(10));
    let found = api
        .post(
            "/v1/search",
            json!({"query": "table", "filter": {"property": "object", "value": "page"}}),
        )
        .await
        .ok();
    assert_eq!(ids(&found), [b, a]);
    let sources = api
        .post(
            "/v1/search",
            json!({"filter": {"property": "object", "value": "data_source"}}),
        )
        .await
        .ok();
    assert_eq!(ids(&sources), [source]);
    assert_eq!(sources["results"][0]["object"], "data_source");
    let first = api.post("/v1/search", json!({"page_size": 2})).await.ok();
    let rest = api
        .post(
            "/v1/search",
            json!({"page_size": 2, "start_cursor": first["next_cursor"]}),
        )
        .await
        .ok();
    assert_eq!(ids(&first).len() + ids(&rest).len(), 3);
    assert_eq!(
        api.post(
            "/v1/search",
            json!({"filter": {"property": "object", "value": "database"}})
        )
        .await
        .status,
        400
    );
}

#[tokio::test]
async fn schemas_change_by_the_documented_rules() {
    let api = api().await;
    let source = api.table(json!({
        "Old": {"rich_text": {}}, "Gone": {"number": {}},
        "Prio": {"select": {"options": [{"name": "High", "color": "red"}, {"name": "Low"}]}},
    }));
    let text = json!({"rich_text": [{"text": {"content": "42"}}]});
    let row = api
        .sim
        .create_page(
            &source,
            &json!({"Old": text, "Gone": {"number": 1}, "Prio": {"select": {"name": "Low"}}}),
        )
        .unwrap();
    let path = format!("/v1/data_sources/{source}");
    let before = api.get(&path).await.ok();
    let high = &before["properties"]["Prio"]["select"]["options"][0]["id"];
    let after = api
        .patch(
            &path,
            json!({
                "title": [{"text": {"content": "Renamed"}}], "description": [{"text": {"content": "about"}}],
                "properties": {
                    "Old": {"name": "New", "number": {}}, "Gone": null, "Added": {"checkbox": {}},
                    "Prio": {"select": {"options": [{"id": high}, {"name": "Mid", "color": "green"}]}},
                },
            }),
        )
        .await
        .ok();
    assert_eq!(
        after["properties"]["New"]["id"],
        before["properties"]["Old"]["id"]
    );
    assert!(after["properties"].get("Gone").is_none());
    assert_eq!(after["description"][0]["plain_text"], "about");
    let page = api.sim.page(&row).unwrap();
    assert_eq!(page["properties"]["New"]["number"], 42);
    assert_eq!(page["properties"]["Added"]["checkbox"], false);
    assert_eq!(page["properties"]["Prio"]["select"], json!(null));
    assert_eq!(
        api.patch(&path, json!({"properties": {"Name": null}}))
            .await
            .status,
        400
    );
    assert_eq!(
        api.patch(&path, json!({"properties": {"Nope": null}}))
            .await
            .message(),
        "Nope is not a property that exists."
    );
    assert_eq!(
        api.patch(&path, json!({"properties": {"New": {"name": "Added"}}}))
            .await
            .status,
        400
    );
    let gone = api.patch(&path, json!({"in_trash": true})).await.ok();
    assert_eq!(gone["in_trash"], true);
    assert_eq!(api.patch(&path, json!({"title": []})).await.status, 400);
}

#[tokio::test]
async fn a_new_unique_id_numbers_the_pages_that_are_there() {
    let api = api().await;
    let source = api.table(json!({}));
    for _ in 0..3 {
        api.sim.create_page(&source, &json!({})).unwrap();
    }
    let change = json!({"properties": {"Key": {"unique_id": {"prefix": "K"}}}});
    api.patch(&format!("/v1/data_sources/{source}"), change)
        .await
        .ok();
    let page = api.create(&source, json!({})).await.ok();
    assert_eq!(
        page["properties"]["Key"]["unique_id"],
        json!({"prefix": "K", "number": 4})
    );
    let first = &api.sim.pages(&source).unwrap()[0];
    assert_eq!(first["properties"]["Key"]["unique_id"]["number"], 1);
}

#[tokio::test]
async fn a_data_source_needs_exactly_one_title() {
    let api = api().await;
    let body = |properties| json!({"parent": {"workspace": true}, "initial_data_source": {"properties": properties}});
    assert_eq!(
        api.post("/v1/databases", body(json!({"A": {"number": {}}})))
            .await
            .status,
        400
    );
    let two = json!({"A": {"title": {}}, "B": {"title": {}}});
    assert_eq!(api.post("/v1/databases", body(two)).await.status, 400);
    assert!(api.sim.data_sources().is_empty());
}
