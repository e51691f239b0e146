//! Formulas over HTTP: what is computed, what is not, how they are read back, filters and sorts.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/document.rs"]
mod document;
mod support;

use document::check;
use serde_json::{Value, json};
use support::{Api, api, builder, ids, title};

/// A table with a page that holds something of every type, and one that holds nothing.
struct Fixture {
    api: Api,
    source: String,
    full: String,
    bare: String,
}

async fn fixture() -> Fixture {
    let api = api().await;
    let parts = api.table(json!({"Price": {"number": {}}}));
    let mut related = Vec::new();
    for (name, price) in [("nut", 2), ("bolt", 5)] {
        let part = json!({"Name": title(name), "Price": {"number": price}});
        let part = api.create(&parts, part).await.ok();
        related.push(json!({"id": part["id"]}));
    }
    let source = api.table(json!({
        "N": {"number": {}}, "Text": {"rich_text": {}}, "Done": {"checkbox": {}}, "State": {"select": {}},
        "Tags": {"multi_select": {}}, "Due": {"date": {}}, "People": {"people": {}}, "Id": {"unique_id": {"prefix": "T"}},
        "Made": {"created_time": {}}, "Parts": {"relation": {"data_source_id": parts, "single_property": {}}},
    }));
    let users = api.get("/v1/users").await.ok();
    let users = users["results"].as_array().unwrap().clone();
    let person = users.iter().find(|user| user["type"] == "person").unwrap();
    let full = json!({
        "Name": title("Plan"), "N": {"number": 7}, "Text": {"rich_text": [{"text": {"content": "a,b"}}]},
        "Done": {"checkbox": true}, "State": {"select": {"name": "Open"}},
        "Tags": {"multi_select": [{"name": "x"}, {"name": "y"}]},
        "Due": {"date": {"start": "2026-09-10", "end": "2026-09-12"}}, "People": {"people": [{"id": person["id"]}]},
        "Parts": {"relation": related},
    });
    let full = api.create(&source, full).await.ok();
    let bare = api.create(&source, json!({})).await.ok();
    let id = |page: &Value| page["id"].as_str().unwrap().to_owned();
    Fixture {
        full: id(&full),
        bare: id(&bare),
        api,
        source,
    }
}

impl Fixture {
    async fn set(&self, name: &str, expression: &str) -> support::Reply {
        let body = json!({"properties": {name: {"formula": {"expression": expression}}}});
        let path = format!("/v1/data_sources/{}", self.source);
        self.api.patch(&path, body).await
    }

    async fn read(&self, page: &str, name: &str) -> Value {
        let path = format!("/v1/pages/{page}");
        let page = self.api.get(&path).await.ok();
        let read = page["properties"][name]["formula"].clone();
        // Newer than the document.
        if read["type"] != "unsupported" {
            check("GET", &path, 200, &page);
        }
        read
    }
}

#[tokio::test]
async fn the_subset_computes() {
    let fixture = fixture().await;
    let string = |text: &str| json!({"type": "string", "string": text});
    let number = |number: Value| json!({"type": "number", "number": number});
    let boolean = |flag: bool| json!({"type": "boolean", "boolean": flag});
    let date = |start: &str, end: Value| json!({"type": "date", "date": {"start": start, "end": end, "time_zone": null}});
    let table = [
        ("1 + 2 * 3 ^ 2", number(json!(19))),
        ("(7 % 4 - 1) / 4", number(json!(0.5))),
        ("1 / 0", number(json!(null))),
        (r#"prop("N") + 1"#, number(json!(8))),
        (r#""№ " + prop("N")"#, string("№ 7")),
        (r#"prop("Name").upper() + format(2.5)"#, string("PLAN2.5")),
        (
            r#"if(prop("Done") and not empty(prop("Due")), "yes", "no")"#,
            string("yes"),
        ),
        (r#"prop("N") > 9 ? 1 : 2"#, number(json!(2))),
        (
            r#"ifs(false, 1, prop("State") == "Open", 2, 3)"#,
            number(json!(2)),
        ),
        (
            r#"prop("State") != "Open" || 3 >= 3 && !false"#,
            boolean(true),
        ),
        (r#"let(a, 2, a * a)"#, number(json!(4))),
        (r#"lets(a, 2, b, a + 1, a * b)"#, number(json!(6))),
        (
            r#"round(2.5) + floor(-1.5) + ceil(1.2) + abs(-3) + sqrt(9) + sign(-4)"#,
            number(json!(8)),
        ),
        (
            r#"max(1, 4, 2) + min([3, 2]) + sum(1, [2, 3]) + mean(2, 4) + median(1, 9, 5)"#,
            number(json!(20)),
        ),
        (r#"toNumber("12.5") + toNumber(true)"#, number(json!(13.5))),
        (r#"toNumber("")"#, number(json!(null))),
        (
            r#"prop("Text").split(",").map(current + index).join("-")"#,
            string("a0-b1"),
        ),
        (r#"prop("Tags").includes("x")"#, boolean(true)),
        (r#"prop("Tags").length()"#, number(json!(2))),
        (
            r#"prop("Tags").filter(current != "x").first()"#,
            string("y"),
        ),
        (
            r#"[3, 1, 3].unique().sort().reverse().at(0)"#,
            number(json!(3)),
        ),
        (
            r#"[1, 2, 3].some(current > 2) and [1, 2].every(current < 3)"#,
            boolean(true),
        ),
        (
            r#"[1, 2, 3].findIndex(current == 2) + [5, 6].find(current > 5)"#,
            number(json!(7)),
        ),
        (r#"concat([1], [2, 3]).slice(1, 3).sum()"#, number(json!(5))),
        (
            r#"substring("notion", 1, 3) + lower("X") + trim(" y ") + repeat("z", 2)"#,
            string("otxyzz"),
        ),
        (r#"replaceAll("a-b-c", "-", "+")"#, string("a+b+c")),
        (r#"contains("notion", "ot")"#, boolean(true)),
        (r#"length("notion")"#, number(json!(6))),
        ("now()", date("2026-09-04T14:30:00.000+00:00", json!(null))),
        ("today()", date("2026-09-04", json!(null))),
        (r#"prop("Due")"#, date("2026-09-10", json!("2026-09-12"))),
        (
            r#"dateEnd(prop("Due")).dateAdd(1, "months")"#,
            date("2026-10-12", json!(null)),
        ),
        (
            r#"dateSubtract(now(), 31, "minutes")"#,
            date("2026-09-04T13:59:00.000+00:00", json!(null)),
        ),
        (
            r#"dateBetween(prop("Due"), now(), "days")"#,
            number(json!(5)),
        ),
        (
            r#"dateBetween(now(), prop("Due"), "hours")"#,
            number(json!(-129)),
        ),
        (
            r#"dateBetween(parseDate("2026-12-31"), parseDate("2026-01-01"), "quarters")"#,
            number(json!(3)),
        ),
        (r#"now() < prop("Due")"#, boolean(true)),
        (
            r#"dateRange(today(), prop("Due").dateStart())"#,
            date("2026-09-04", json!("2026-09-10")),
        ),
        (r#"formatDate(prop("Due"), "YWD")"#, string("20263710")),
        (
            r#"formatDate(now(), "dddd, MMMM D, YYYY [at] HH:mm")"#,
            string("Friday, September 4, 2026 at 14:30"),
        ),
        (
            r#"year(now()) + month(now()) + date(now()) + day(now()) + hour(now())"#,
            number(json!(2058)),
        ),
        (
            r#"fromTimestamp(timestamp(prop("Made")))"#,
            date("2026-09-04T14:30:00.000+00:00", json!(null)),
        ),
        (
            r#"format(prop("Due").dateStart())"#,
            string("September 10, 2026"),
        ),
        (
            r#"prop("People").map(current.email()).join(" ")"#,
            string("robin@example.com"),
        ),
        (
            r#"prop("Parts").map(current.prop("Price")).sum()"#,
            number(json!(7)),
        ),
        (r#"prop("Parts")"#, string("nut,bolt")),
        (r#"prop("Id")"#, string("T-1")),
        (
            r#"={{notion:block_property:title:a:b}}+ "!" /* loud */"#,
            string("Plan!"),
        ),
    ];
    for (expression, expected) in table {
        fixture.set("F", expression).await.ok();
        assert_eq!(
            fixture.read(&fixture.full, "F").await,
            expected,
            "{expression}"
        );
    }
}

#[tokio::test]
async fn an_empty_result_has_the_type_of_the_formula() {
    let fixture = fixture().await;
    for (expression, expected) in [
        (
            r#"let(n, prop("N"), n * 2)"#,
            json!({"type": "number", "number": null}),
        ),
        (
            r#"prop("N") * 2"#,
            json!({"type": "number", "number": null}),
        ),
        (r#"prop("Text")"#, json!({"type": "string", "string": null})),
        (r#"prop("Due")"#, json!({"type": "date", "date": null})),
        (
            r#"prop("Done")"#,
            json!({"type": "boolean", "boolean": false}),
        ),
        (
            r#"if(empty(prop("N")), toNumber(""), 1)"#,
            json!({"type": "number", "number": null}),
        ),
        (
            r#"prop("Parts").map(current.prop("Price")).sum()"#,
            json!({"type": "number", "number": 0}),
        ),
    ] {
        fixture.set("F", expression).await.ok();
        assert_eq!(
            fixture.read(&fixture.bare, "F").await,
            expected,
            "{expression}"
        );
    }
}

#[tokio::test]
async fn what_is_outside_is_unsupported_and_what_is_no_formula_refused() {
    let fixture = fixture().await;
    for outside in [
        r#"style("x", "b")"#,
        r#"test("x", "[a-z]")"#,
        r#"replaceAll("x", ".", "y")"#,
        r#"formatDate(now(), "LLL")"#,
        r#"prop("Due") * 2"#,
        r#"repeat("xxxxxxxxxx", 100000)"#,
        "unheard",
    ] {
        fixture.set("F", outside).await.ok();
        let expected = json!({"type": "unsupported", "unsupported": {}});
        assert_eq!(
            fixture.read(&fixture.full, "F").await,
            expected,
            "{outside}"
        );
    }
    for bad in [r#"prop("Nope")"#, "1 +", "(", r#"if(prop("N") > , 1, 2)"#] {
        let reply = fixture.set("F", bad).await;
        assert_eq!(reply.status, 400, "{bad}");
        assert_eq!(reply.message(), "Type error with formula");
    }
}

#[tokio::test]
async fn a_formula_may_read_formulas_but_never_itself_for_long() {
    let fixture = fixture().await;
    fixture.set("A", r#"prop("N") + 1"#).await.ok();
    fixture.set("B", r#"prop("A") * 2"#).await.ok();
    assert_eq!(fixture.read(&fixture.full, "B").await["number"], 16);
    fixture.set("A", r#"prop("B") + prop("B")"#).await.ok();
    assert_eq!(
        fixture.read(&fixture.full, "B").await["type"],
        "unsupported"
    );
    let doubled = format!(
        "let(a, \"xy\", {}a{})",
        "let(a, a + a, ".repeat(40),
        ")".repeat(40)
    );
    fixture.set("A", &doubled).await.ok();
    assert_eq!(
        fixture.read(&fixture.full, "A").await["type"],
        "unsupported"
    );
}

#[tokio::test]
async fn what_is_accepted_is_never_too_deep_to_compute() {
    let fixture = fixture().await;
    let nested = format!("{}1{}", "if(true, ".repeat(98), ", 0)".repeat(98));
    for (text, number) in [(nested, 1), (format!("1{}", " + 1".repeat(99)), 100)] {
        fixture.set("A", &text).await.ok();
        assert_eq!(fixture.read(&fixture.full, "A").await["number"], number);
    }
    let deeper = format!("1{}", " + 1".repeat(250));
    assert_eq!(fixture.set("A", &deeper).await.status, 400);
}

#[tokio::test]
async fn a_rename_keeps_the_formula() {
    let fixture = fixture().await;
    let source = fixture.set("F", r#"1 + prop("N")*2"#).await.ok();
    let id = source["properties"]["N"]["id"].as_str().unwrap();
    let printed = source["properties"]["F"]["formula"]["expression"]
        .as_str()
        .unwrap();
    let reference = format!("{{{{notion:block_property:{id}:{}:", fixture.source);
    assert!(
        printed.starts_with(&format!("1 + ({reference}")),
        "{printed}"
    );
    assert!(printed.ends_with("}} * 2)"), "{printed}");
    let path = format!("/v1/data_sources/{}", fixture.source);
    fixture
        .api
        .patch(&path, json!({"properties": {"N": {"name": "M"}}}))
        .await
        .ok();
    assert_eq!(fixture.read(&fixture.full, "F").await["number"], 15);
    // What was read back can be sent again.
    let again = fixture.set("F", printed).await.ok();
    assert_eq!(again["properties"]["F"]["formula"]["expression"], printed);
}

#[tokio::test]
async fn filters_and_sorts_go_by_the_result() {
    let fixture = fixture().await;
    for (name, expression) in [
        ("Twice", r#"prop("N") * 2"#),
        ("Loud", r#"prop("Name") + "!""#),
        ("Late", r#"prop("Due") > now()"#),
        ("End", r#"dateEnd(prop("Due"))"#),
        ("Other", "style(1)"),
    ] {
        fixture.set(name, expression).await.ok();
    }
    let (full, bare) = (fixture.full.as_str(), fixture.bare.as_str());
    for (property, condition, expected) in [
        ("Twice", json!({"number": {"equals": 14}}), vec![full]),
        ("Twice", json!({"number": {"is_empty": true}}), vec![bare]),
        (
            "Loud",
            json!({"string": {"starts_with": "plan"}}),
            vec![full],
        ),
        ("Late", json!({"checkbox": {"equals": false}}), vec![bare]),
        ("End", json!({"date": {"next_month": {}}}), vec![full]),
        (
            "Other",
            json!({"number": {"is_empty": true}}),
            vec![bare, full],
        ),
    ] {
        let filter = json!({"property": property, "formula": condition});
        let list = fixture
            .api
            .query(&fixture.source, json!({"filter": filter}))
            .await;
        assert_eq!(ids(&list), expected, "{filter}");
    }
    let path = format!("/v1/data_sources/{}/query", fixture.source);
    let wrong = json!({"filter": {"property": "Twice", "formula": {"string": {"equals": "14"}}}});
    assert_eq!(fixture.api.post(&path, wrong).await.status, 400);
    // The clock alone changes the answer.
    let late = json!({"filter": {"property": "Late", "formula": {"checkbox": {"equals": true}}}});
    assert_eq!(
        ids(&fixture.api.query(&fixture.source, late.clone()).await),
        [full]
    );
    fixture
        .api
        .sim
        .advance(std::time::Duration::from_secs(30 * 86_400));
    assert!(ids(&fixture.api.query(&fixture.source, late).await).is_empty());
    for (direction, expected) in [("ascending", [full, bare]), ("descending", [full, bare])] {
        let sorts = json!([{"property": "Twice", "direction": direction}]);
        let list = fixture
            .api
            .query(&fixture.source, json!({"sorts": sorts}))
            .await;
        assert_eq!(ids(&list), expected, "empty is last, {direction}");
    }
}

#[tokio::test]
async fn a_snapshot_keeps_what_was_set_and_computes_the_rest() {
    let fixture = fixture().await;
    fixture.set("F", r#"prop("N") * 2"#).await.ok();
    let three = json!({"type": "number", "number": 3});
    fixture.api.sim.compute(&fixture.bare, "F", &three).unwrap();
    let restored = builder().state(fixture.api.sim.state());
    let api = support::with(restored).await;
    for (page, before, after) in [(&fixture.full, 14, 2), (&fixture.bare, 3, 3)] {
        let path = format!("/v1/pages/{page}");
        let read = api.get(&path).await.ok();
        assert_eq!(read["properties"]["F"]["formula"]["number"], before);
        let change = json!({"properties": {"N": {"number": 1}}});
        let read = api.patch(&path, change).await.ok();
        assert_eq!(read["properties"]["F"]["formula"]["number"], after);
    }
}

#[tokio::test]
async fn a_rollup_may_read_formulas() {
    let api = api().await;
    let parts = api.table(
        json!({"N": {"number": {}}, "Twice": {"formula": {"expression": "prop(\"N\") * 2"}}}),
    );
    let schema = json!({
        "Parts": {"relation": {"data_source_id": parts, "single_property": {}}},
        "Sum": {"rollup": {"relation_property_name": "Parts", "rollup_property_name": "Twice", "function": "sum"}},
        "All": {"rollup": {"relation_property_name": "Parts", "rollup_property_name": "Twice", "function": "show_original"}},
        "More": {"formula": {"expression": "prop(\"Sum\") + prop(\"All\").length()"}},
    });
    let source = api.table(schema);
    let part = api.create(&parts, json!({"N": {"number": 4}})).await.ok();
    let page = json!({"Parts": {"relation": [{"id": part["id"]}]}});
    let page = api.create(&source, page).await.ok();
    let of = |name: &str, kind: &str| page["properties"][name][kind].clone();
    assert_eq!(of("Sum", "rollup")["number"], 8);
    assert_eq!(of("All", "rollup")["array"][0]["formula"]["number"], 8);
    assert_eq!(of("More", "formula")["number"], 9);
    let path = format!("/v1/pages/{}/properties/More", page["id"].as_str().unwrap());
    let item = api.get(&path).await.ok();
    check("GET", &path, 200, &item);
    assert_eq!(item["formula"]["number"], 9);
}
