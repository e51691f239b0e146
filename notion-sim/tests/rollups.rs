//! Rollups over HTTP: every function, what pages and property items see of them, filters, sorts.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/document.rs"]
mod document;
mod support;

use document::check;
use serde_json::{Value, json};
use support::{Api, api, ids, title};

/// Three tasks, one of them empty, and a project that they are in.
struct Fixture {
    api: Api,
    tasks: String,
    projects: String,
    project: String,
    task_ids: Vec<String>,
}

async fn fixture() -> Fixture {
    let api = api().await;
    let tasks = api.table(json!({
        "Est": {"number": {}}, "Due": {"date": {}}, "Done": {"checkbox": {}}, "Tags": {"multi_select": {}},
        "State": {"select": {}}, "Made": {"created_time": {}},
    }));
    let projects = api.table(json!({
        "Tasks": {"relation": {"data_source_id": tasks, "dual_property": {"synced_property_name": "Project"}}},
    }));
    let mut task_ids = Vec::new();
    for properties in [
        json!({
            "Name": title("b"), "Est": {"number": 5}, "Done": {"checkbox": true}, "State": {"select": {"name": "x"}},
            "Due": {"date": {"start": "2026-09-03", "end": "2026-09-09"}}, "Tags": {"multi_select": [{"name": "p"}, {"name": "q"}]},
        }),
        json!({
            "Name": title("a"), "Est": {"number": 2.5}, "State": {"select": {"name": "x"}},
            "Due": {"date": {"start": "2026-09-01T10:00:00Z"}}, "Tags": {"multi_select": [{"name": "q"}]},
        }),
        json!({}),
    ] {
        let made = api.create(&tasks, properties).await.ok();
        task_ids.push(made["id"].as_str().unwrap().to_owned());
    }
    let related: Vec<Value> = task_ids.iter().map(|id| json!({"id": id})).collect();
    let project = api
        .create(
            &projects,
            json!({"Name": title("full"), "Tasks": {"relation": related}}),
        )
        .await
        .ok();
    let project = project["id"].as_str().unwrap().to_owned();
    Fixture {
        api,
        tasks,
        projects,
        project,
        task_ids,
    }
}

impl Fixture {
    /// Adds a rollup of that name to the projects.
    async fn roll(&self, name: &str, function: &str, property: &str) {
        let config = json!({"relation_property_name": "Tasks", "rollup_property_name": property, "function": function});
        let body = json!({"properties": {name: {"rollup": config}}});
        let path = format!("/v1/data_sources/{}", self.projects);
        self.api.patch(&path, body).await.ok();
    }

    async fn read(&self, page: &str, name: &str) -> Value {
        let path = format!("/v1/pages/{page}");
        let page = self.api.get(&path).await.ok();
        let read = page["properties"][name]["rollup"].clone();
        // Newer than the document.
        if read["type"] != "unsupported" {
            check("GET", &path, 200, &page);
        }
        read
    }
}

#[tokio::test]
async fn every_function_computes() {
    let fixture = fixture().await;
    let number = |number: Value| json!({"type": "number", "number": number});
    let date = |start: &str, end: Value| json!({"type": "date", "date": {"start": start, "end": end, "time_zone": null}});
    let table = [
        ("count", "Name", number(json!(3))),
        ("count_values", "Tags", number(json!(3))),
        ("count_values", "Name", number(json!(2))),
        ("unique", "Tags", number(json!(2))),
        ("unique", "State", number(json!(1))),
        ("empty", "Est", number(json!(1))),
        ("not_empty", "Est", number(json!(2))),
        ("percent_empty", "Est", number(json!(1.0 / 3.0))),
        ("percent_not_empty", "Est", number(json!(2.0 / 3.0))),
        ("sum", "Est", number(json!(7.5))),
        ("average", "Est", number(json!(3.75))),
        ("median", "Est", number(json!(3.75))),
        ("min", "Est", number(json!(2.5))),
        ("max", "Est", number(json!(5))),
        ("range", "Est", number(json!(2.5))),
        ("checked", "Done", number(json!(1))),
        ("unchecked", "Done", number(json!(2))),
        ("percent_checked", "Done", number(json!(1.0 / 3.0))),
        ("percent_unchecked", "Done", number(json!(2.0 / 3.0))),
        (
            "earliest_date",
            "Due",
            date("2026-09-01T10:00:00.000+00:00", json!(null)),
        ),
        ("latest_date", "Due", date("2026-09-09", json!(null))),
        (
            "date_range",
            "Due",
            date("2026-09-01T10:00:00.000+00:00", json!("2026-09-09")),
        ),
        (
            "latest_date",
            "Made",
            date("2026-09-04T14:30:00.000+00:00", json!(null)),
        ),
        (
            "show_original",
            "Est",
            json!({"type": "array", "array": [{"type": "number", "number": 5}, {"type": "number", "number": 2.5}, {"type": "number", "number": null}]}),
        ),
        (
            "count_per_group",
            "State",
            json!({"type": "unsupported", "unsupported": {}}),
        ),
        (
            "percent_per_group",
            "State",
            json!({"type": "unsupported", "unsupported": {}}),
        ),
    ];
    for (function, property, mut expected) in table {
        fixture.roll("Roll", function, property).await;
        expected["function"] = json!(function);
        let read = fixture.read(&fixture.project, "Roll").await;
        assert_eq!(read, expected, "{function} of {property}");
    }
    fixture.roll("Roll", "show_unique", "State").await;
    let unique = fixture.read(&fixture.project, "Roll").await;
    let names: Vec<&Value> = unique["array"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["select"]["name"])
        .collect();
    assert_eq!(names, [&json!("x"), &Value::Null]);
}

#[tokio::test]
async fn a_rollup_over_nothing_is_null_or_zero() {
    let fixture = fixture().await;
    let empty = fixture.api.create(&fixture.projects, json!({})).await.ok();
    let empty = empty["id"].as_str().unwrap();
    for (function, inner, value) in [
        ("count", "number", json!(0)),
        ("sum", "number", json!(null)),
        ("percent_empty", "number", json!(null)),
        ("show_original", "array", json!([])),
    ] {
        fixture.roll("Roll", function, "Est").await;
        assert_eq!(
            fixture.read(empty, "Roll").await[inner],
            value,
            "{function}"
        );
    }
    fixture.roll("Roll", "earliest_date", "Due").await;
    assert_eq!(fixture.read(empty, "Roll").await["date"], json!(null));
}

#[tokio::test]
async fn what_changes_elsewhere_shows_without_an_edit() {
    let fixture = fixture().await;
    fixture.roll("Sum", "sum", "Est").await;
    let path = format!("/v1/pages/{}", fixture.project);
    let before = fixture.api.get(&path).await.ok();
    fixture.api.sim.advance(std::time::Duration::from_secs(600));
    let task = format!("/v1/pages/{}", fixture.task_ids[2]);
    fixture
        .api
        .patch(&task, json!({"properties": {"Est": {"number": 1}}}))
        .await
        .ok();
    let after = fixture.api.get(&path).await.ok();
    assert_eq!(after["properties"]["Sum"]["rollup"]["number"], json!(8.5));
    assert_eq!(after["last_edited_time"], before["last_edited_time"]);
}

#[tokio::test]
async fn a_rename_keeps_the_rollup_and_is_told() {
    let fixture = fixture().await;
    fixture.roll("Sum", "sum", "Est").await;
    let tasks = format!("/v1/data_sources/{}", fixture.tasks);
    fixture
        .api
        .patch(&tasks, json!({"properties": {"Est": {"name": "Estimate"}}}))
        .await
        .ok();
    let projects = format!("/v1/data_sources/{}", fixture.projects);
    let body = json!({"properties": {"Tasks": {"name": "Work"}}});
    let source = fixture.api.patch(&projects, body).await.ok();
    let config = &source["properties"]["Sum"]["rollup"];
    assert_eq!(config["relation_property_name"], "Work");
    assert_eq!(config["rollup_property_name"], "Estimate");
    assert_eq!(
        fixture.read(&fixture.project, "Sum").await["number"],
        json!(7.5)
    );

    fixture
        .api
        .patch(&projects, json!({"properties": {"Work": null}}))
        .await
        .ok();
    assert_eq!(
        fixture.read(&fixture.project, "Sum").await["type"],
        "unsupported"
    );
}

#[tokio::test]
async fn a_rollup_needs_a_relation_and_a_known_function() {
    let fixture = fixture().await;
    let path = format!("/v1/data_sources/{}", fixture.projects);
    for (relation, property, function, message) in [
        (
            "Nope",
            "Est",
            "sum",
            "Could not find relation property with name or id: Nope",
        ),
        ("Name", "Est", "sum", "Name is expected to be relation."),
        (
            "Tasks",
            "Nope",
            "sum",
            "Could not find rollup property with name or id: Nope",
        ),
        (
            "Tasks",
            "Est",
            "total",
            "body.properties.R.rollup.function should be `\"count\"`",
        ),
    ] {
        let config = json!({"relation_property_name": relation, "rollup_property_name": property, "function": function});
        let reply = fixture
            .api
            .patch(&path, json!({"properties": {"R": {"rollup": config}}}))
            .await;
        assert_eq!(reply.status, 400);
        assert!(reply.message().contains(message), "{}", reply.message());
    }
}

#[tokio::test]
async fn a_table_may_roll_up_itself() {
    let api = api().await;
    let source = api.table(json!({"N": {"number": {}}}));
    let path = format!("/v1/data_sources/{source}");
    let schema = json!({
        "Parts": {"relation": {"data_source_id": source, "single_property": {}}},
        "Sum": {"rollup": {"relation_property_name": "Parts", "rollup_property_name": "N", "function": "sum"}},
    });
    api.patch(&path, json!({"properties": schema})).await.ok();
    let part = api.create(&source, json!({"N": {"number": 4}})).await.ok();
    let whole = json!({"Parts": {"relation": [{"id": part["id"]}]}});
    let whole = api.create(&source, whole).await.ok();
    assert_eq!(whole["properties"]["Sum"]["rollup"]["number"], 4);
}

#[tokio::test]
async fn targets_that_are_not_shared_do_not_count() {
    let fixture = fixture().await;
    fixture.roll("Sum", "sum", "Est").await;
    fixture.api.sim.share(&fixture.task_ids[0], false).unwrap();
    assert_eq!(
        fixture.read(&fixture.project, "Sum").await["number"],
        json!(2.5)
    );
    fixture.api.sim.share(&fixture.tasks, false).unwrap();
    assert_eq!(
        fixture.read(&fixture.project, "Sum").await["number"],
        json!(null)
    );
}

#[tokio::test]
async fn beyond_25_references_a_page_read_is_short_and_the_item_is_whole() {
    let fixture = fixture().await;
    fixture.roll("Sum", "sum", "Est").await;
    fixture.roll("All", "show_original", "Name").await;
    fixture.roll("Median", "median", "Est").await;
    let mut related = Vec::new();
    for n in 0..30 {
        let name = title(&format!("task {n}"));
        let task = fixture
            .api
            .create(&fixture.tasks, json!({"Name": name, "Est": {"number": 1}}))
            .await
            .ok();
        related.push(json!({"id": task["id"]}));
    }
    let path = format!("/v1/pages/{}", fixture.project);
    fixture
        .api
        .patch(
            &path,
            json!({"properties": {"Tasks": {"relation": related}}}),
        )
        .await
        .ok();
    assert_eq!(fixture.read(&fixture.project, "Sum").await["number"], 25);

    let first = fixture
        .api
        .get(&format!("{path}/properties/Sum?page_size=20"))
        .await
        .ok();
    assert_eq!(
        first["property_item"]["rollup"],
        json!({"type": "incomplete", "incomplete": {}, "function": "sum"})
    );
    assert_eq!(first["results"][0]["relation"], related[0]);
    let cursor = first["next_cursor"].as_str().unwrap();
    assert!(
        first["property_item"]["next_url"]
            .as_str()
            .unwrap()
            .contains(cursor)
    );
    let last = format!("{path}/properties/Sum?page_size=20&start_cursor={cursor}");
    let last = fixture.api.get(&last).await.ok();
    assert_eq!(last["results"].as_array().unwrap().len(), 10);
    assert_eq!(
        last["property_item"]["rollup"],
        json!({"type": "number", "number": 30, "function": "sum"})
    );
    assert_eq!(last["property_item"]["next_url"], json!(null));

    let all = fixture
        .api
        .get(&format!("{path}/properties/All"))
        .await
        .ok();
    for (name, list) in [("Sum", &first), ("Sum", &last), ("All", &all)] {
        check("GET", &format!("{path}/properties/{name}"), 200, list);
    }
    assert_eq!(all["results"].as_array().unwrap().len(), 30);
    assert_eq!(all["results"][29]["title"]["plain_text"], "task 29");
    assert_eq!(
        all["property_item"]["rollup"],
        json!({"type": "array", "array": [], "function": "show_original"})
    );

    let median = fixture
        .api
        .get(&format!("{path}/properties/Median"))
        .await
        .ok();
    assert_eq!(median["property_item"]["rollup"]["type"], "unsupported");
}

#[tokio::test]
async fn filters_and_sorts_see_what_is_rolled_up() {
    let fixture = fixture().await;
    let half = json!({"Name": title("half"), "Tasks": {"relation": [{"id": fixture.task_ids[1]}]}});
    let half = fixture.api.create(&fixture.projects, half).await.ok();
    let bare = json!({"Name": title("bare")});
    let bare = fixture.api.create(&fixture.projects, bare).await.ok();
    let (full, half, bare) = (
        json!(fixture.project),
        half["id"].clone(),
        bare["id"].clone(),
    );
    for (name, function, property) in [
        ("Sum", "sum", "Est"),
        ("First", "earliest_date", "Due"),
        ("Est", "show_original", "Est"),
        ("Names", "show_original", "Name"),
        ("States", "show_original", "State"),
        ("Tags", "show_original", "Tags"),
        ("Ticks", "show_original", "Done"),
        ("Dues", "show_original", "Due"),
        ("Mades", "show_original", "Made"),
    ] {
        fixture.roll(name, function, property).await;
    }
    let table = [
        ("Sum", json!({"number": {"greater_than": 3}}), vec![&full]),
        ("Sum", json!({"number": {"is_empty": true}}), vec![&bare]),
        (
            "First",
            json!({"date": {"on_or_after": "2026-09-01"}}),
            vec![&half, &full],
        ),
        (
            "Est",
            json!({"any": {"number": {"equals": 5}}}),
            vec![&full],
        ),
        (
            "Est",
            json!({"none": {"number": {"equals": 5}}}),
            vec![&bare, &half],
        ),
        (
            "Est",
            json!({"every": {"number": {"less_than": 3}}}),
            vec![&bare, &half],
        ),
        (
            "Names",
            json!({"any": {"rich_text": {"contains": "B"}}}),
            vec![&full],
        ),
        (
            "States",
            json!({"every": {"select": {"equals": "x"}}}),
            vec![&bare, &half],
        ),
        (
            "Tags",
            json!({"any": {"multi_select": {"contains": "p"}}}),
            vec![&full],
        ),
        (
            "Ticks",
            json!({"any": {"checkbox": {"equals": true}}}),
            vec![&full],
        ),
        (
            "Dues",
            json!({"any": {"date": {"equals": "2026-09-03"}}}),
            vec![&full],
        ),
        (
            "Mades",
            json!({"any": {"date": {"equals": "2026-09-04"}}}),
            vec![&half, &full],
        ),
    ];
    for (property, condition, expected) in table {
        let filter = json!({"property": property, "rollup": condition});
        let list = fixture
            .api
            .query(&fixture.projects, json!({"filter": filter}))
            .await;
        let expected: Vec<&str> = expected
            .into_iter()
            .map(|id| id.as_str().unwrap())
            .collect();
        assert_eq!(ids(&list), expected, "{filter}");
    }
    let sorts = json!([{"property": "Sum", "direction": "ascending"}]);
    let sorted = |list: Value| ids(&list);
    let list = fixture
        .api
        .query(&fixture.projects, json!({"sorts": sorts}))
        .await;
    assert_eq!(
        sorted(list),
        [&half, &full, &bare].map(|id| id.as_str().unwrap())
    );
    // The order follows what changes in the other table.
    let task = format!("/v1/pages/{}", fixture.task_ids[0]);
    fixture
        .api
        .patch(&task, json!({"properties": {"Est": {"number": -5}}}))
        .await
        .ok();
    let list = fixture
        .api
        .query(&fixture.projects, json!({"sorts": sorts}))
        .await;
    assert_eq!(
        sorted(list),
        [&full, &half, &bare].map(|id| id.as_str().unwrap())
    );
    let path = format!("/v1/data_sources/{}/query", fixture.projects);
    let filter = json!({"property": "Sum", "rollup": {"string": {"equals": "x"}}});
    assert_eq!(
        fixture
            .api
            .post(&path, json!({"filter": filter}))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn what_was_set_wins_over_what_would_be_computed() {
    let fixture = fixture().await;
    fixture.roll("Sum", "sum", "Est").await;
    let three = json!({"type": "number", "number": 3, "function": "sum"});
    fixture
        .api
        .sim
        .compute(&fixture.project, "Sum", &three)
        .unwrap();
    assert_eq!(fixture.read(&fixture.project, "Sum").await, three);
    let filter = json!({"filter": {"property": "Sum", "rollup": {"number": {"equals": 3}}}});
    let list = fixture.api.query(&fixture.projects, filter).await;
    assert_eq!(ids(&list), std::slice::from_ref(&fixture.project));
}
