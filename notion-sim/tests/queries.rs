//! Queries over HTTP: filters, sorts, cursors, the cap, and an index that lags.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{api, builder, ids, title, with};

async fn names(api: &support::Api, source: &str, body: Value) -> Vec<String> {
    let list = api.query(source, body).await;
    let results = list["results"].as_array().unwrap();
    let name = |page: &Value| {
        page["properties"]["Name"]["title"][0]["plain_text"]
            .as_str()
            .unwrap_or("")
            .to_owned()
    };
    results.iter().map(name).collect()
}

#[tokio::test]
async fn filters_of_each_type() {
    let api = api().await;
    let other = api.table(json!({}));
    let linked = api.sim.create_page(&other, &json!({})).unwrap();
    let users = api.get("/v1/users").await.ok();
    let user = users["results"][0]["id"].clone();
    let source = api.table(json!({
        "Text": {"rich_text": {}}, "N": {"number": {}}, "C": {"checkbox": {}}, "S": {"select": {}}, "T": {"status": {}},
        "M": {"multi_select": {}}, "D": {"date": {}}, "U": {"url": {}}, "P": {"people": {}}, "F": {"files": {}},
        "R": {"relation": {"data_source_id": other, "single_property": {}}}, "Id": {"unique_id": {}}, "Made": {"created_time": {}},
    }));
    let text = json!({"rich_text": [{"text": {"content": "Hello world"}}]});
    api.create(&source, json!({
        "Name": title("a"), "Text": text, "N": {"number": 5}, "C": {"checkbox": true}, "S": {"select": {"name": "x"}},
        "T": {"status": {"name": "Done"}}, "M": {"multi_select": [{"name": "m"}]}, "D": {"date": {"start": "2026-09-01"}},
        "U": {"url": "https://x.y"}, "P": {"people": [{"id": user}]}, "R": {"relation": [{"id": linked}]},
        "F": {"files": [{"name": "f", "external": {"url": "https://x"}}]},
    })).await.ok();
    api.create(&source, json!({"Name": title("b")})).await.ok();
    let table = [
        (json!({"property": "Name", "title": {"equals": "a"}}), "a"),
        (
            json!({"property": "Text", "rich_text": {"contains": "WORLD"}}),
            "a",
        ),
        (
            json!({"property": "Text", "rich_text": {"is_empty": true}}),
            "b",
        ),
        (
            json!({"property": "N", "number": {"greater_than": 4.5}}),
            "a",
        ),
        (json!({"property": "N", "number": {"is_empty": true}}), "b"),
        (json!({"property": "C", "checkbox": {"equals": false}}), "b"),
        (
            json!({"property": "S", "select": {"equals": ["x", "y"]}}),
            "a",
        ),
        (
            json!({"property": "T", "status": {"does_not_equal": "Done"}}),
            "b",
        ),
        (
            json!({"property": "M", "multi_select": {"contains": "m"}}),
            "a",
        ),
        (json!({"property": "D", "date": {"past_week": {}}}), "a"),
        (
            json!({"property": "D", "date": {"on_or_before": "2026-09-01"}}),
            "a",
        ),
        (json!({"property": "U", "url": {"ends_with": ".y"}}), "a"),
        (json!({"property": "P", "people": {"contains": user}}), "a"),
        (
            json!({"property": "R", "relation": {"contains": linked}}),
            "a",
        ),
        (
            json!({"property": "R", "relation": {"is_empty": true}}),
            "b",
        ),
        (
            json!({"property": "F", "files": {"is_not_empty": true}}),
            "a",
        ),
        (json!({"property": "Id", "unique_id": {"equals": 2}}), "b"),
        (
            json!({"and": [{"property": "Made", "created_time": {"equals": "2026-09-04"}}, {"or": [{"property": "N", "number": {"equals": 5}}, {"property": "C", "checkbox": {"equals": true}}]}]}),
            "a",
        ),
    ];
    for (filter, expected) in table {
        assert_eq!(
            names(&api, &source, json!({"filter": filter})).await,
            [expected],
            "{filter}"
        );
    }
    let path = format!("/v1/data_sources/{source}/query");
    let deep = json!({"and": [{"or": [{"and": []}]}]});
    assert_eq!(api.post(&path, json!({"filter": deep})).await.status, 400);
    assert_eq!(api.post(&path, json!({"page_size": 0})).await.status, 400);
    assert_eq!(api.post(&path, json!({"page_size": 101})).await.status, 400);
    let reply = api.post(&path, json!({"start_cursor": "abc"})).await;
    assert_eq!(reply.message(), "The start_cursor provided is invalid: abc");
}

#[tokio::test]
async fn sorts_and_the_order_without_sorts() {
    let api = api().await;
    let source = api.table(json!({"N": {"number": {}}}));
    for (name, number) in [
        ("task 10", json!(1)),
        ("task 9", json!(1)),
        ("other", json!(null)),
    ] {
        api.sim
            .create_page(
                &source,
                &json!({"Name": title(name), "N": {"number": number}}),
            )
            .unwrap();
        api.sim.advance(Duration::from_secs(1));
    }
    assert_eq!(
        names(&api, &source, json!({})).await,
        ["other", "task 9", "task 10"]
    );
    let sorts = json!([{"property": "N", "direction": "ascending"}, {"property": "Name", "direction": "ascending"}]);
    assert_eq!(
        names(&api, &source, json!({"sorts": sorts})).await,
        ["task 9", "task 10", "other"]
    );
    let sorts = json!([{"timestamp": "created_time", "direction": "ascending"}]);
    assert_eq!(names(&api, &source, json!({"sorts": sorts})).await.len(), 3);
}

#[tokio::test]
async fn a_walk_sees_every_row_once_while_others_write() {
    let api = api().await;
    let source = api.sim.generate("Big", 25).unwrap();
    let sorts = json!([{"property": "Estimate", "direction": "descending"}]);
    let all = api
        .walk(&source, json!({"sorts": sorts, "page_size": 100}))
        .await;
    let first = api
        .query(&source, json!({"sorts": sorts, "page_size": 10}))
        .await;
    let added = api
        .sim
        .create_page(&source, &json!({"Estimate": {"number": 1000}}))
        .unwrap();
    api.sim.trash_as_person(&all[0], true).unwrap();
    let rest = api
        .walk(
            &source,
            json!({"sorts": sorts, "page_size": 10, "start_cursor": first["next_cursor"]}),
        )
        .await;
    assert_eq!([ids(&first), rest].concat(), all);
    assert_eq!(
        api.walk(&source, json!({"sorts": sorts, "page_size": 7}))
            .await[0],
        added
    );
    let shown = api.query(&source, json!({"page_size": 1})).await;
    assert_eq!(
        shown["results"][0]["properties"].as_object().unwrap().len(),
        16
    );
    let path =
        format!("/v1/data_sources/{source}/query?filter_properties=title&filter_properties=Done");
    let few = api.post(&path, json!({})).await.ok();
    assert_eq!(
        few["results"][0]["properties"].as_object().unwrap().len(),
        2
    );
}

#[tokio::test]
async fn a_capped_result_says_so_on_every_page() {
    let api = with(builder().result_cap(10)).await;
    let source = api.sim.generate("Big", 12).unwrap();
    let first = api.query(&source, json!({"page_size": 6})).await;
    assert_eq!(
        first["request_status"]["incomplete_reason"],
        "query_result_limit_reached"
    );
    let last = api
        .query(
            &source,
            json!({"page_size": 6, "start_cursor": first["next_cursor"]}),
        )
        .await;
    assert_eq!(ids(&last).len(), 4);
    assert_eq!(
        (&last["has_more"], &last["next_cursor"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(last["request_status"]["type"], "incomplete");
    let few = api
        .query(
            &source,
            json!({"filter": {"property": "Number", "unique_id": {"less_than": 3}}}),
        )
        .await;
    assert!(few.get("request_status").is_none());
}

#[tokio::test]
async fn queries_lag_behind_direct_reads() {
    let api = with(builder().index_lag(Duration::from_secs(30))).await;
    let source = api.table(json!({"N": {"number": {}}}));
    let id = api
        .sim
        .create_page(&source, &json!({"N": {"number": 1}}))
        .unwrap();
    assert!(ids(&api.query(&source, json!({})).await).is_empty());
    assert_eq!(api.get(&format!("/v1/pages/{id}")).await.status, 200);
    api.sim.advance(Duration::from_secs(30));
    assert_eq!(
        ids(&api.query(&source, json!({})).await),
        std::slice::from_ref(&id)
    );
    api.sim
        .edit_as_person(&id, &json!({"N": {"number": 2}}))
        .unwrap();
    let seen = api.query(&source, json!({})).await;
    assert_eq!(seen["results"][0]["properties"]["N"]["number"], 1);
    api.sim.advance(Duration::from_secs(29));
    assert_eq!(
        api.query(&source, json!({})).await["results"][0]["properties"]["N"]["number"],
        1
    );
    api.sim.advance(Duration::from_secs(1));
    assert_eq!(
        api.query(&source, json!({})).await["results"][0]["properties"]["N"]["number"],
        2
    );
}
