//! Views: made, read, changed and removed; what they show, kept for a while; and what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/document.rs"]
mod document;
mod support;

use std::time::Duration;

use document::check;
use notion_sync_sim::Knobs;
use serde_json::{Value, json};
use support::{Api, Reply, api, builder, ids, title};

/// A database with one data source, and rows in it: names and numbers.
struct Table {
    database: String,
    source: String,
    rows: Vec<String>,
}

impl Api {
    async fn tasks(&self) -> Table {
        let schema = json!({
            "Name": {"title": {}}, "Size": {"number": {}}, "Due": {"date": {}},
            "State": {"select": {"options": [{"name": "open"}, {"name": "done"}]}},
        });
        let body = json!({
            "parent": {"workspace": true}, "initial_data_source": {"properties": schema},
        });
        let made = self.post("/v1/databases", body).await.ok();
        let source = text(&made["data_sources"][0]["id"]);
        let mut rows = Vec::new();
        for (name, size, state) in [("a", 3, "open"), ("b", 1, "done"), ("c", 2, "open")] {
            let row = json!({
                "Name": title(name), "Size": {"number": size}, "State": {"select": {"name": state}},
            });
            rows.push(text(&self.create(&source, row).await.ok()["id"]));
        }
        Table {
            database: text(&made["id"]),
            source,
            rows,
        }
    }

    /// Makes a view of a table as a tab of its database, unless `body` says where.
    async fn view(&self, table: &Table, mut body: Value) -> Reply {
        let elsewhere = ["view_id", "create_database"];
        if elsewhere.iter().all(|key| body.get(key).is_none()) {
            body["database_id"] = json!(table.database);
        }
        for (key, value) in [
            ("data_source_id", &table.source),
            ("name", &"View".to_owned()),
            ("type", &"table".to_owned()),
        ] {
            if body.get(key).is_none() {
                body[key] = json!(value);
            }
        }
        let reply = self.post("/v1/views", body).await;
        check("POST", "/v1/views", reply.status, &reply.body);
        reply
    }

    /// The pages that a view shows.
    async fn shown(&self, view: &str) -> Vec<String> {
        let path = format!("/v1/views/{view}/queries");
        let query = self.post(&path, json!({})).await;
        check("POST", &path, query.status, &query.body);
        ids(&query.ok())
    }

    async fn views_of(&self, query: &str) -> Vec<String> {
        let list = self.get(&format!("/v1/views?{query}")).await;
        check("GET", "/v1/views", list.status, &list.body);
        ids(&list.ok())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn plain(id: &str) -> String {
    id.replace('-', "")
}

#[tokio::test]
async fn a_view_is_read_as_notion_writes_it() {
    let api = api().await;
    let table = api.tasks().await;
    let made = api.view(&table, json!({})).await.ok();
    let id = text(&made["id"]);
    let path = format!("/v1/views/{id}");
    let response = api.request("GET", &path).send().await.unwrap();
    let read = response.text().await.unwrap();
    let (database, source) = (&table.database, &table.source);
    let me = text(&api.get("/v1/users/me").await.ok()["id"]);
    let (time, user) = (
        "2026-09-04T14:30:41.000+00:00",
        format!(r#"{{"object":"user","id":"{me}"}}"#),
    );
    let expected = format!(
        r#"{{"object":"view","id":"{id}","parent":{{"type":"database_id","database_id":"{database}"}},"data_source_id":"{source}","name":"View","type":"table","created_time":"{time}","created_by":{user},"last_edited_time":"{time}","last_edited_by":{user},"url":"https://www.notion.so/{}?v={}","filter":null,"sorts":null,"quick_filters":null,"configuration":{{"type":"table"}},"request_id""#,
        plain(database),
        plain(&id)
    );
    assert!(read.starts_with(&expected), "{read}\n{expected}");
    let gone = api.send("DELETE", &path, None).await.unwrap();
    check("DELETE", &path, gone.status, &gone.body);
    let mut gone = gone.ok();
    gone.as_object_mut().unwrap().remove("request_id");
    let parent = json!({"type": "database_id", "database_id": database});
    assert_eq!(
        gone,
        json!({"object": "view", "id": id, "parent": parent, "type": "table"})
    );
    assert_eq!(api.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_database_has_a_view_from_the_start_and_keeps_one() {
    let api = api().await;
    let table = api.tasks().await;
    let query = format!("database_id={}", table.database);
    let first = api.views_of(&query).await.remove(0);
    let path = format!("/v1/views/{first}");
    let read = api.get(&path).await;
    check("GET", &path, read.status, &read.body);
    assert_eq!(read.ok()["type"], "table");
    let refused = api.send("DELETE", &path, None).await.unwrap();
    let words = "The last view of a database cannot be deleted. Delete the database instead.";
    assert_eq!((refused.status, refused.message()), (400, words));
    let mut made = Vec::new();
    for (name, position) in [
        ("end", json!({"type": "end"})),
        ("start", json!({"type": "start"})),
        ("second", json!({"type": "after_view", "view_id": first})),
    ] {
        let view = api
            .view(&table, json!({"name": name, "position": position}))
            .await
            .ok();
        made.push(text(&view["id"]));
    }
    let order = [&made[1], &first, &made[2], &made[0]].map(String::as_str);
    assert_eq!(api.views_of(&query).await, order);
    let part = api
        .get(&format!("/v1/views?{query}&page_size=3"))
        .await
        .ok();
    assert_eq!(part["next_cursor"], order[3]);
    let rest = format!("{query}&start_cursor={}", order[3]);
    assert_eq!(api.views_of(&rest).await, order[3..]);
    api.send("DELETE", &path, None).await.unwrap().ok();
    assert_eq!(api.views_of(&query).await.len(), 3);
    // What is taken away from the connection has no views for it either.
    api.sim.share(&table.database, false).unwrap();
    assert_eq!(api.get(&format!("/v1/views/{}", made[0])).await.status, 404);
}

#[tokio::test]
async fn every_type_is_made_and_read() {
    let api = api().await;
    let table = api.tasks().await;
    let group = json!({
        "type": "select", "property_id": "State", "sort": {"type": "manual"}, "hide_empty_groups": true,
    });
    for (kind, looks) in [
        (
            "table",
            json!({"wrap_cells": true, "frozen_column_index": 1, "group_by": group, "subtasks": {"display_mode": "show"}}),
        ),
        (
            "board",
            json!({"group_by": group, "cover": {"type": "page_cover"}, "cover_size": "small"}),
        ),
        (
            "list",
            json!({"properties": [{"property_id": "Size", "visible": false}]}),
        ),
        (
            "calendar",
            json!({"date_property_id": "Due", "view_range": "week"}),
        ),
        (
            "timeline",
            json!({"date_property_id": "Due", "preference": {"zoom_level": "5_years", "center_timestamp": 1}}),
        ),
        ("gallery", json!({"card_layout": "compact"})),
        (
            "form",
            json!({"is_form_closed": true, "submission_permissions": "reader"}),
        ),
        (
            "chart",
            json!({
                "chart_type": "bar", "x_axis": group, "y_axis": {"aggregator": "sum", "property_id": "Size"},
                "reference_lines": [{"value": 1.5, "label": "half", "color": "red", "dash_style": "dash"}],
            }),
        ),
        ("map", json!({"height": "extra_large"})),
        ("dashboard", json!({})),
    ] {
        let bare = api.view(&table, json!({"type": kind})).await.ok();
        assert_eq!(bare["type"], kind);
        let mut looks = looks;
        looks["type"] = json!(kind);
        let made = api
            .view(&table, json!({"type": kind, "configuration": looks}))
            .await
            .ok();
        let read = &made["configuration"];
        for (key, given) in looks.as_object().unwrap() {
            match given {
                Value::Object(_) | Value::Array(_) => {
                    assert!(!read[key].is_null(), "{kind}: {key}")
                }
                given if key.ends_with("property_id") => {
                    assert_ne!(&read[key], given, "an id is read")
                }
                given => assert_eq!(&read[key], given, "{kind}: {key}"),
            }
        }
        // What was said can be said again.
        let again = json!({"configuration": looks});
        let path = format!("/v1/views/{}", made["id"].as_str().unwrap());
        let again = api.patch(&path, again).await;
        check("PATCH", &path, again.status, &again.body);
        assert_eq!(again.ok()["type"], kind);
    }
    let board = json!({"type": "board", "group_by": group});
    let board = api
        .view(&table, json!({"type": "board", "configuration": board}))
        .await
        .ok();
    assert_eq!(board["configuration"]["group_by"]["property_name"], "State");
}

#[tokio::test]
async fn a_view_shows_what_passes_its_filters_in_its_order() {
    let api = api().await;
    let table = api.tasks().await;
    let open = json!({"property": "State", "select": {"equals": "open"}});
    let by_size = json!([{"property": "Size", "direction": "ascending"}]);
    let made = api
        .view(&table, json!({"filter": open, "sorts": by_size}))
        .await
        .ok();
    let view = text(&made["id"]);
    let [a, b, c] = [0, 1, 2].map(|at| table.rows[at].as_str());
    assert_eq!(api.shown(&view).await, [c, a]);

    // The filter means the property, whatever it is called.
    let rename = json!({"State": {"name": "Standing"}, "Size": {"name": "Weight"}});
    api.sim.alter_as_person(&table.source, &rename).unwrap();
    assert_eq!(api.shown(&view).await, [c, a]);

    let path = format!("/v1/views/{view}");
    let quick = json!({"quick_filters": {"Weight": {"number": {"greater_than": 2}}}});
    let changed = api.patch(&path, quick).await;
    check("PATCH", &path, changed.status, &changed.body);
    let size = changed.ok()["quick_filters"]
        .as_object()
        .unwrap()
        .keys()
        .next()
        .unwrap()
        .clone();
    assert_eq!(api.shown(&view).await, [a]);
    let none = api
        .patch(&path, json!({"quick_filters": {size: null}}))
        .await
        .ok();
    assert_eq!(none["quick_filters"], Value::Null);
    let cleared = api
        .patch(&path, json!({"filter": null, "name": "All"}))
        .await
        .ok();
    assert_eq!(
        (&cleared["filter"], &cleared["name"]),
        (&Value::Null, &json!("All"))
    );
    assert_eq!(api.shown(&view).await, [b, c, a]);
    api.patch(&path, json!({"sorts": null})).await.ok();
    assert_eq!(api.shown(&view).await, [c, b, a], "newest first");

    // What it says of a property that is gone counts for nothing.
    let both = json!({"and": [
        {"property": "Weight", "number": {"equals": 1}},
        {"property": "Standing", "select": {"equals": "open"}},
    ]});
    api.patch(&path, json!({"filter": both})).await.ok();
    assert!(api.shown(&view).await.is_empty());
    api.sim
        .alter_as_person(&table.source, &json!({"Standing": null}))
        .unwrap();
    assert_eq!(api.shown(&view).await, [b]);
}

#[tokio::test]
async fn the_results_of_a_query_are_kept_for_a_quarter_of_an_hour() {
    let api = api().await;
    let table = api.tasks().await;
    let view = text(&api.view(&table, json!({})).await.ok()["id"]);
    let path = format!("/v1/views/{view}/queries");
    let query = api.post(&path, json!({"page_size": 2})).await;
    check("POST", &path, query.status, &query.body);
    let query = query.ok();
    let newest: Vec<String> = table.rows.iter().rev().cloned().collect();
    assert_eq!(ids(&query), newest[..2]);
    assert_eq!(
        (&query["total_count"], &query["has_more"]),
        (&json!(3), &json!(true))
    );
    assert_eq!(query["expires_at"], "2026-09-04T14:45:41.000+00:00");
    api.create(&table.source, json!({"Name": title("late")}))
        .await
        .ok();
    let kept = format!("{path}/{}", text(&query["id"]));
    let rest = format!("{kept}?start_cursor={}", text(&query["next_cursor"]));
    let rest = api.get(&rest).await;
    check("GET", &kept, rest.status, &rest.body);
    let rest = rest.ok();
    assert_eq!(ids(&rest), newest[2..]);
    assert_eq!(
        (&rest["type"], &rest["next_cursor"]),
        (&json!("page"), &Value::Null)
    );
    assert_eq!(
        ids(&api.get(&kept).await.ok()),
        newest,
        "what came later is not in it"
    );

    api.sim.advance(Duration::from_secs(15 * 60 - 1));
    assert_eq!(api.get(&kept).await.status, 200);
    api.sim.advance(Duration::from_secs(1));
    assert_eq!(api.get(&kept).await.status, 404);

    let other = text(&api.post(&path, json!({})).await.ok()["id"]);
    let other = format!("{path}/{other}");
    for _ in 0..2 {
        let gone = api.send("DELETE", &other, None).await.unwrap();
        check("DELETE", &other, gone.status, &gone.body);
        assert_eq!(gone.ok()["deleted"], true);
        assert_eq!(api.get(&other).await.status, 404);
    }
    api.sim.set_result_cap(2);
    let capped = api.post(&path, json!({})).await.ok();
    assert_eq!(capped["total_count"], 2);
    assert_eq!(
        capped["request_status"]["incomplete_reason"],
        "query_result_limit_reached"
    );
}

#[tokio::test]
async fn a_dashboard_has_rows_of_widgets_and_takes_them_along() {
    let api = api().await;
    let table = api.tasks().await;
    let dashboard = text(&api.view(&table, json!({"type": "dashboard"})).await.ok()["id"]);
    let widget = async |placement: Value| {
        let mut body = json!({"view_id": dashboard, "type": "list"});
        if !placement.is_null() {
            body["placement"] = placement;
        }
        let made = api.view(&table, body).await.ok();
        assert_eq!(made["dashboard_view_id"], dashboard.as_str());
        text(&made["id"])
    };
    let first = widget(Value::Null).await;
    let above = widget(json!({"type": "new_row", "row_index": 0})).await;
    let beside = widget(json!({"type": "existing_row", "row_index": 1})).await;
    let path = format!("/v1/views/{dashboard}");
    let read = api.get(&path).await;
    check("GET", &path, read.status, &read.body);
    let read = read.ok();
    assert_eq!(read["data_source_id"], Value::Null);
    let rows = read["configuration"]["rows"].as_array().unwrap().iter();
    let widgets = rows.map(|row| {
        let widgets = row["widgets"].as_array().unwrap().iter();
        widgets
            .map(|widget| text(&widget["view_id"]))
            .collect::<Vec<_>>()
    });
    let widgets: Vec<_> = widgets.collect();
    assert_eq!(
        widgets,
        [vec![above.clone()], vec![first.clone(), beside.clone()]]
    );
    let tabs = api
        .views_of(&format!("database_id={}", table.database))
        .await;
    assert!(!tabs.contains(&first) && tabs.contains(&dashboard));
    let all = api
        .views_of(&format!("data_source_id={}", table.source))
        .await;
    assert!(all.contains(&first) && !all.contains(&dashboard));
    let lost = api.view(&table, json!({"view_id": first})).await;
    let words = format!("View with ID {first} is not a dashboard: it cannot have widgets.");
    assert_eq!((lost.status, lost.message()), (400, words.as_str()));
    api.send("DELETE", &path, None).await.unwrap().ok();
    assert_eq!(api.get(&format!("/v1/views/{beside}")).await.status, 404);
}

#[tokio::test]
async fn a_linked_database_shows_a_data_source_that_lives_elsewhere() {
    let api = api().await;
    let table = api.tasks().await;
    let body =
        json!({"parent": {"workspace": true}, "children": [{"divider": {}}, {"divider": {}}]});
    let page = text(&api.post("/v1/pages", body).await.ok()["id"]);
    let children = format!("/v1/blocks/{page}/children");
    let divider = ids(&api.get(&children).await.ok()).remove(0);
    let place = json!({
        "parent": {"type": "page_id", "page_id": page},
        "position": {"type": "after_block", "block_id": divider},
    });
    let made = api
        .view(&table, json!({"create_database": place}))
        .await
        .ok();
    let linked = text(&made["parent"]["database_id"]);
    assert_eq!(ids(&api.get(&children).await.ok())[1], linked);
    let refused = api.get(&format!("/v1/databases/{linked}")).await;
    assert_eq!(
        refused.message(),
        "Database retrievals do not support linked databases."
    );
    let path = format!("/v1/databases/{linked}");
    let refused = api.patch(&path, json!({"is_locked": true})).await;
    assert_eq!(refused.status, 400);
    let all = api
        .views_of(&format!("data_source_id={}", table.source))
        .await;
    assert_eq!(all.len(), 2);
    assert_eq!(api.shown(&text(&made["id"])).await.len(), 3);
}

#[tokio::test]
async fn views_stay_behind_when_their_data_source_moves() {
    let api = api().await;
    let (here, there) = (api.tasks().await, api.tasks().await);
    let view = text(&api.view(&here, json!({})).await.ok()["id"]);
    let to = json!({"parent": {"database_id": there.database}});
    api.patch(&format!("/v1/data_sources/{}", here.source), to)
        .await
        .ok();
    assert!(
        api.views_of(&format!("database_id={}", here.database))
            .await
            .contains(&view)
    );
    assert_eq!(
        api.views_of(&format!("database_id={}", there.database))
            .await
            .len(),
        2
    );
    assert_eq!(api.shown(&view).await.len(), 3);
}

#[tokio::test]
async fn what_is_no_view_is_refused() {
    let api = api().await;
    let table = api.tasks().await;
    let other = json!({"parent": {"page_id": "x"}});
    for (body, message) in [
        (
            json!({"type": "grid"}),
            "body failed validation: body.type should be `\"table\"`, `\"board\"`, `\"list\"`, `\"calendar\"`, `\"timeline\"`, `\"gallery\"`, `\"form\"`, `\"chart\"`, `\"map\"`, or `\"dashboard\"`, instead was `\"grid\"`.",
        ),
        (
            json!({"name": 5}),
            "body failed validation: body.name should be a string, instead was `5`.",
        ),
        (
            json!({"placement": {"type": "new_row"}}),
            "body failed validation: body.placement should be not present, instead was `{\"type\":\"new_row\"}`.",
        ),
        (
            json!({"create_database": other}),
            "body failed validation: body.create_database.parent.page_id should be a valid uuid, instead was `\"x\"`.",
        ),
        (
            json!({"filter": {"property": "Colour", "select": {"equals": "red"}}}),
            "Could not find property with name or id: Colour",
        ),
        (
            json!({"sorts": [{"property": "Colour", "direction": "ascending"}]}),
            "Could not find sort property with name or id: Colour",
        ),
        (
            json!({"quick_filters": {"Size": {"number": {"equals": "a"}}}}),
            "body failed validation: body.quick_filters.Size.number.equals should be a number, instead was `\"a\"`.",
        ),
        (
            json!({"configuration": {"type": "board"}}),
            "body failed validation: body.configuration.type should be `\"table\"`, instead was `\"board\"`.",
        ),
        (
            json!({"configuration": {"type": "table", "wrap": true}}),
            "body failed validation: body.configuration.wrap should be not present, instead was `true`.",
        ),
        (
            json!({"type": "board", "configuration": {"type": "board"}}),
            "body failed validation: body.configuration.group_by should be defined, instead was `undefined`.",
        ),
        (
            json!({"type": "gallery", "configuration": {"type": "gallery", "cover_aspect": "wide"}}),
            "body failed validation: body.configuration.cover_aspect should be `\"contain\"` or `\"cover\"`, instead was `\"wide\"`.",
        ),
    ] {
        let refused = api.view(&table, body).await;
        assert_eq!((refused.status, refused.message()), (400, message));
    }
    let nowhere = json!({"data_source_id": table.source, "name": "a", "type": "table"});
    let refused = api.post("/v1/views", nowhere.clone()).await;
    assert_eq!(
        refused.message(),
        "body failed validation. Fix one:\nbody.database_id should be defined, instead was `undefined`.\nbody.view_id should be defined, instead was `undefined`.\nbody.create_database should be defined, instead was `undefined`."
    );
    let mut twice = nowhere;
    twice["database_id"] = json!(table.database);
    twice["view_id"] = json!(table.database);
    let refused = api.post("/v1/views", twice).await;
    assert!(
        refused
            .message()
            .starts_with("body failed validation: body.view_id should be not present")
    );
    let list = api.get("/v1/views").await;
    assert_eq!(
        list.message(),
        "query failed validation: query.database_id should be defined, instead was `undefined`."
    );
    let view = text(&api.view(&table, json!({})).await.ok()["id"]);
    let by_time = json!({"sorts": [{"timestamp": "created_time", "direction": "ascending"}]});
    let refused = api.patch(&format!("/v1/views/{view}"), by_time).await;
    assert_eq!(
        refused.message(),
        "body failed validation: body.sorts[0].timestamp should be not present, instead was `\"created_time\"`."
    );
    let odd = api.get(&format!("/v1/views/{view}/queries/x")).await;
    assert_eq!(
        odd.message(),
        "path failed validation: path.query_id should be a valid uuid, instead was `\"x\"`."
    );
}

#[tokio::test]
async fn views_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let first = support::with(builder().state_file(&file)).await;
    let table = first.tasks().await;
    let by_size = json!([{"property": "Size", "direction": "descending"}]);
    let looks = json!({"type": "table", "wrap_cells": true});
    let body = json!({"sorts": by_size, "configuration": looks, "position": {"type": "start"}});
    let made = text(&first.view(&table, body).await.ok()["id"]);
    let read = async |api: &Api| {
        let views = api
            .views_of(&format!("database_id={}", table.database))
            .await;
        let mut view = api.get(&format!("/v1/views/{made}")).await.ok();
        view.as_object_mut().unwrap().remove("request_id");
        (views, view, api.shown(&made).await)
    };
    let before = read(&first).await;
    first.sim.save().await.unwrap();
    drop(first);
    let second = support::with(builder().state_file(&file)).await;
    assert_eq!(read(&second).await, before);
}

#[tokio::test]
async fn whether_a_change_of_a_view_edits_its_database_is_a_knob() {
    let api = api().await;
    let table = api.tasks().await;
    let path = format!("/v1/databases/{}", table.database);
    let edited = async || api.get(&path).await.ok()["last_edited_time"].clone();
    let made = edited().await;
    api.sim.advance(Duration::from_secs(60));
    let view = text(&api.view(&table, json!({})).await.ok()["id"]);
    assert_eq!(edited().await, made);
    let mut knobs = Knobs::default();
    knobs.view_change_is_edit = true;
    api.sim.set_knobs(knobs);
    let view = format!("/v1/views/{view}");
    api.patch(&view, json!({"name": "Other"})).await.ok();
    let changed = edited().await;
    assert_ne!(changed, made);
    api.sim.advance(Duration::from_secs(60));
    api.send("DELETE", &view, None).await.unwrap().ok();
    assert_ne!(edited().await, changed);
}
