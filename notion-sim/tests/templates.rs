//! Templates: listed, put into new and old pages a moment later, and refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/document.rs"]
mod document;
mod support;

use std::time::Duration;

use document::check;
use notion_sync_sim::Knobs;
use serde_json::{Value, json};
use support::{Api, Reply, api, builder, ids, title};

impl Api {
    /// A data source with a template that fills in everything; gives both.
    fn bugs(&self) -> (String, String) {
        let source = self.table(json!({
            "Urgent": {"checkbox": {}}, "Size": {"number": {}}, "Kind": {"select": {}}, "No": {"unique_id": {}},
        }));
        let today = json!({"type": "template_mention_date", "template_mention_date": "today"});
        let mention = json!({"type": "mention", "mention": {"template_mention": today}});
        let template = json!({
            "properties": {
                "Name": title("Bug"), "Urgent": {"checkbox": true}, "Size": {"number": 3},
                "Kind": {"select": {"name": "bug"}},
            },
            "icon": {"emoji": "🐞"},
            "children": [
                {"heading_1": {"rich_text": [{"text": {"content": "Steps"}}]}},
                {"toggle": {"rich_text": [mention], "children": [{"to_do": {"rich_text": []}}]}},
            ],
            "is_default": true,
        });
        let id = self.sim.create_template(&source, &template).unwrap();
        (source, id)
    }

    async fn page_from(&self, source: &str, template: Value, properties: Value) -> Reply {
        let body = json!({
            "parent": {"data_source_id": source}, "template": template, "properties": properties,
        });
        self.post("/v1/pages", body).await
    }

    async fn kinds(&self, page: &str) -> Vec<String> {
        let list = self.get(&format!("/v1/blocks/{page}/children")).await.ok();
        let results = list["results"].as_array().unwrap().iter();
        results
            .map(|block| block["type"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn listed(&self, source: &str, query: &str) -> Value {
        let path = format!("/v1/data_sources/{source}/templates");
        let list = self.get(&format!("{path}?{query}")).await;
        check("GET", &path, list.status, &list.body);
        list.ok()
    }
}

fn id(page: &Value) -> String {
    page["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn templates_are_listed_by_name_and_are_no_rows() {
    let api = api().await;
    let (source, bug) = api.bugs();
    let other = json!({"properties": {"Name": title("Feature")}});
    let feature = api.sim.create_template(&source, &other).unwrap();
    let all = api.listed(&source, "").await;
    let expected = json!({
        "templates": [
            {"id": bug, "name": "Bug", "is_default": true},
            {"id": feature, "name": "Feature", "is_default": false},
        ],
        "has_more": false, "next_cursor": null,
    });
    assert_eq!(
        all, expected,
        "there is no more in it, not even a request id"
    );
    let found = api.listed(&source, "name=FEAT").await;
    assert_eq!(found["templates"], json!([all["templates"][1]]));
    let first = api.listed(&source, "page_size=1").await;
    assert_eq!(first["next_cursor"], feature.as_str());
    let rest = api
        .listed(&source, &format!("start_cursor={feature}"))
        .await;
    assert_eq!(rest["templates"], found["templates"]);

    // A template is a page all the same.
    assert_eq!(api.get(&format!("/v1/pages/{bug}")).await.status, 200);
    let rows = async || ids(&api.query(&source, json!({})).await);
    assert!(rows().await.is_empty());
    assert!(ids(&api.post("/v1/search", json!({"query": "bug"})).await.ok()).is_empty());
    assert!(api.sim.pages(&source).unwrap().is_empty());
    let mut knobs = Knobs::default();
    knobs.templates_in_queries = true;
    api.sim.set_knobs(knobs);
    assert_eq!(rows().await, [feature, bug]);
}

#[tokio::test]
async fn a_page_from_a_template_is_blank_first_and_filled_later() {
    let api = api().await;
    let (source, template) = api.bugs();
    let by_id = json!({"type": "template_id", "template_id": template});
    let given = json!({"Size": {"number": 5}, "Urgent": {"checkbox": false}});
    let page = api.page_from(&source, by_id, given).await;
    check("POST", "/v1/pages", page.status, &page.body);
    let page = page.ok();
    assert_eq!(page["properties"]["Name"]["title"], json!([]));
    let path = format!("/v1/pages/{}", id(&page));
    assert!(api.kinds(&id(&page)).await.is_empty());
    api.sim.advance(Duration::from_secs(1));
    assert_eq!(api.get(&path).await.ok()["icon"], Value::Null);
    api.sim.set_now("2026-09-05T00:00:00Z".parse().unwrap());
    let filled = api.get(&path).await.ok();
    let value = |name: &str| &filled["properties"][name];
    assert_eq!(filled["icon"]["emoji"], "🐞");
    assert_eq!(value("Name")["title"][0]["plain_text"], "Bug");
    assert_eq!(value("Kind")["select"]["name"], "bug");
    // What the request said stays as it said it.
    assert_eq!(
        (&value("Size")["number"], &value("Urgent")["checkbox"]),
        (&json!(5), &json!(false))
    );
    assert_eq!(
        filled["last_edited_time"], "2026-09-04T14:30:00.000Z",
        "it was done when it was due"
    );
    assert_eq!(api.kinds(&id(&page)).await, ["heading_1", "toggle"]);
    let blocks = api
        .get(&format!("/v1/blocks/{}/children", id(&page)))
        .await
        .ok();
    let toggle = &blocks["results"][1];
    assert_eq!(toggle["has_children"], true);
    let mention = &toggle["toggle"]["rich_text"][0];
    assert_eq!(mention["mention"]["date"]["start"], "2026-09-04");
    assert_eq!(mention["plain_text"], "2026-09-04");
    // The template is as it was.
    assert_eq!(api.kinds(&template).await, ["heading_1", "toggle"]);
}

#[tokio::test]
async fn the_default_template_comes_in_the_time_zone_that_was_asked_for() {
    let api = api().await;
    let (source, _) = api.bugs();
    let tokyo = json!({"type": "default", "timezone": "Pacific/Kiritimati"});
    let page = id(&api.page_from(&source, tokyo, json!({})).await.ok());
    api.sim.advance(Duration::from_secs(2));
    let blocks = api.get(&format!("/v1/blocks/{page}/children")).await.ok();
    let mention = &blocks["results"][1]["toggle"]["rich_text"][0];
    assert_eq!(mention["plain_text"], "2026-09-05");
    let none = api
        .page_from(&source, json!({"type": "none"}), json!({}))
        .await
        .ok();
    api.sim.advance(Duration::from_secs(60));
    assert!(api.kinds(&id(&none)).await.is_empty());
}

#[tokio::test]
async fn a_page_that_is_there_takes_a_template_behind_or_instead_of_what_it_holds() {
    let api = api().await;
    let (source, _) = api.bugs();
    let body = json!({
        "parent": {"data_source_id": source}, "properties": {"Name": title("Mine")},
        "children": [{"divider": {}}],
    });
    let page = id(&api.post("/v1/pages", body).await.ok());
    let path = format!("/v1/pages/{page}");
    let template = json!({"type": "default"});
    api.patch(&path, json!({"template": template})).await.ok();
    api.sim.advance(Duration::from_secs(2));
    assert_eq!(api.kinds(&page).await, ["divider", "heading_1", "toggle"]);
    let again = json!({"template": template, "erase_content": true});
    api.patch(&path, again).await.ok();
    assert_eq!(
        api.kinds(&page).await.len(),
        3,
        "nothing goes before the template comes"
    );
    api.sim.advance(Duration::from_secs(2));
    assert_eq!(api.kinds(&page).await, ["heading_1", "toggle"]);
    let read = api.get(&path).await.ok();
    assert_eq!(read["properties"]["Name"]["title"][0]["plain_text"], "Mine");
}

#[tokio::test]
async fn a_copy_within_its_own_original_does_not_go_on_for_ever() {
    let api = api().await;
    let (source, bug) = api.bugs();
    let append = |id: &str, from: Value| {
        let body = json!({"children": [{"synced_block": {"synced_from": from}}]});
        let path = format!("/v1/blocks/{id}/children");
        let api = &api;
        async move { ids(&api.patch(&path, body).await.ok()).remove(0) }
    };
    let original = append(&bug, Value::Null).await;
    append(&original, json!({"block_id": original})).await;
    let template = json!({"type": "template_id", "template_id": bug});
    let page = id(&api.page_from(&source, template, json!({})).await.ok());
    api.sim.advance(Duration::from_secs(60));
    assert_eq!(
        api.kinds(&page).await,
        ["heading_1", "toggle", "synced_block"]
    );
}

#[tokio::test]
async fn a_template_that_went_away_changes_nothing() {
    let api = api().await;
    let (source, template) = api.bugs();
    let page = id(&api
        .page_from(&source, json!({"type": "default"}), json!({}))
        .await
        .ok());
    api.sim.trash_as_person(&template, true).unwrap();
    api.sim.advance(Duration::from_secs(2));
    assert!(api.kinds(&page).await.is_empty());
    assert_eq!(api.listed(&source, "").await["templates"], json!([]));
}

#[tokio::test]
async fn what_is_no_template_is_refused() {
    let api = api().await;
    let (source, template) = api.bugs();
    let bare = api.table(json!({}));
    let nobody = "1b2c3d4e-0000-4000-8000-00000000a001";
    for (source, template, message) in [
        (
            &source,
            json!({"type": "first"}),
            "body failed validation: body.template.type should be `\"none\"`, `\"default\"`, or `\"template_id\"`, instead was `\"first\"`.".to_owned(),
        ),
        (
            &source,
            json!({"type": "template_id"}),
            "body failed validation: body.template.template_id should be defined, instead was `undefined`.".to_owned(),
        ),
        (
            &source,
            json!({"type": "template_id", "template_id": nobody}),
            format!("Could not find template with ID: {nobody}."),
        ),
        (
            &bare,
            json!({"type": "default"}),
            format!("Data source with ID {bare} does not have a default template."),
        ),
        (
            &source,
            json!({"type": "default", "timezone": "Middle/Earth"}),
            "body failed validation: body.template.timezone should be a valid IANA time zone, instead was `\"Middle/Earth\"`.".to_owned(),
        ),
    ] {
        let refused = api.page_from(source, template, json!({})).await;
        assert_eq!((refused.status, refused.message()), (400, message.as_str()));
    }
    let both = json!({
        "parent": {"data_source_id": source}, "children": [],
        "template": {"type": "template_id", "template_id": template},
    });
    let refused = api.post("/v1/pages", both).await;
    assert_eq!(
        refused.message(),
        "body failed validation: body.children should be not present, instead was `[]`."
    );
    assert!(
        api.sim.pages(&source).unwrap().is_empty(),
        "nothing was made"
    );
}

#[tokio::test]
async fn a_template_on_its_way_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let first = support::with(builder().state_file(&file)).await;
    let (source, _) = first.bugs();
    let page = id(&first
        .page_from(&source, json!({"type": "default"}), json!({}))
        .await
        .ok());
    first.sim.save().await.unwrap();
    drop(first);
    let second = support::with(builder().state_file(&file)).await;
    second.sim.advance(Duration::from_secs(2));
    assert_eq!(second.kinds(&page).await, ["heading_1", "toggle"]);
    assert_eq!(
        second.listed(&source, "").await["templates"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(ids(&second.query(&source, json!({})).await), [page]);
}
