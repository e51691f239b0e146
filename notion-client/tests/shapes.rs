//! Shapes that break strict clients: each must cost itself at most.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use notion_sync_client::api::{CreatePage, QueryDataSource, UpdateDataSource, UpdatePage};
use notion_sync_client::object::{
    Color, DataSource, DateValue, FileSource, Formula, ItemValue, Page, PageOrDataSource, Parent,
    Person, Place, PropertyAssembly, PropertyConfig, PropertyItems, PropertyType, PropertyValue,
    RichTextKind, RollupFunction, RollupResult, UserKind, VerificationState,
};
use notion_sync_client::write::{
    OptionRef, OptionWrite, PropertyChange, PropertyConfigWrite, PropertyWrite, RichTextWrite,
    VerificationWrite,
};
use notion_sync_client::{DataSourceId, Endpoint, Item, Number, PageId, PropertyId, RawValue};

const ID: &str = "1b2c3d4e-0000-4000-8000-00000000a001";

fn value(text: &str) -> PropertyValue {
    let raw: &RawValue = serde_json::from_str(text).unwrap();
    PropertyValue::decode(raw).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn page(properties: &str) -> String {
    format!(
        r#"{{"object":"page","id":"{ID}","created_time":"2026-09-01T09:00:00.000Z","last_edited_time":"2026-09-01T09:00:00.000Z",
        "parent":{{"type":"agent_id","agent_id":"x"}},"icon":{{"type":"icon","icon":{{"name":"pizza","color":"lightgray"}}}},
        "archived":true,"url":"https://x","some_day":{{"a":1}},"properties":{properties}}}"#
    )
}

#[test]
fn pain_30_numbers_keep_their_literal() {
    for literal in ["3", "3.0", "9007199254740993", "1e-7"] {
        let read = value(&format!(
            r#"{{"id":"a","type":"number","number":{literal}}}"#
        ));
        let PropertyValue::Number(Some(number)) = read else {
            panic!()
        };
        let write = PropertyWrite::Number(Some(number));
        assert_eq!(
            serde_json::to_string(&write).unwrap(),
            format!(r#"{{"number":{literal}}}"#)
        );
    }
    assert_eq!(
        value(r#"{"type":"number","number":null}"#),
        PropertyValue::Number(None)
    );
}

#[test]
fn pain_15_dates_stay_as_they_are() {
    for (start, end) in [
        ("2026-06-15", None),
        (
            "2026-06-15T14:30:00.000+09:00",
            Some("2026-06-16T00:00:00.000+09:00"),
        ),
    ] {
        let end_json = end.map_or("null".to_owned(), |end| format!("\"{end}\""));
        let read = value(&format!(
            r#"{{"id":"d","type":"date","date":{{"start":"{start}","end":{end_json},"time_zone":null}}}}"#
        ));
        let PropertyValue::Date(Some(date)) = read else {
            panic!()
        };
        assert_eq!(
            date,
            DateValue {
                start: start.into(),
                end: end.map(Into::into),
                time_zone: None
            }
        );
        let text = serde_json::to_string(&PropertyWrite::Date(Some(date))).unwrap();
        assert_eq!(
            text,
            format!(r#"{{"date":{{"start":"{start}","end":{end_json}}}}}"#)
        );
    }
}

#[test]
fn pain_30_values_that_break_strict_clients() {
    assert_eq!(
        value(r#"{"id":"b","type":"button","button":{}}"#),
        PropertyValue::Button
    );
    assert_eq!(
        value(r#"{"id":"p","type":"place","place":null}"#),
        PropertyValue::Place(None)
    );
    let place =
        value(r#"{"id":"p","type":"place","place":{"lat":1.50,"lon":-2,"name":null,"new":1}}"#);
    let PropertyValue::Place(Some(Place { lat, .. })) = place else {
        panic!()
    };
    assert_eq!(lat.literal(), "1.50");
    assert_eq!(
        value(r#"{"type":"verification","verification":null}"#),
        PropertyValue::Verification(None)
    );
    let expired = value(
        r#"{"type":"verification","verification":{"state":"expired","date":null,"verified_by":null}}"#,
    );
    assert!(
        matches!(expired, PropertyValue::Verification(Some(v)) if v.state == VerificationState::Expired)
    );
    for (text, want) in [
        (
            r#"{"type":"unsupported","unsupported":{}}"#,
            Formula::Unsupported,
        ),
        (
            r#"{"type":"boolean","boolean":null}"#,
            Formula::Boolean(None),
        ),
        (r#"{"type":"string","string":null}"#, Formula::String(None)),
    ] {
        let formula = value(&format!(
            r#"{{"id":"f","type":"formula","formula":{text}}}"#
        ));
        assert_eq!(formula, PropertyValue::Formula(want));
    }
    let new = value(r#"{"type":"formula","formula":{"type":"list","list":[1]}}"#);
    assert!(matches!(new, PropertyValue::Formula(Formula::Unknown { kind, .. }) if kind == "list"));
    let unknown = value(r#"{"id":"l","type":"location","location":{"x":1}}"#);
    assert!(
        matches!(unknown, PropertyValue::Unknown { kind, raw } if kind == "location" && raw.as_str().contains("x"))
    );
}

#[test]
fn pain_31_rollups_say_what_they_are() {
    for (text, want) in [
        (
            r#"{"type":"date","date":null,"function":"latest_date"}"#,
            RollupResult::Date(None),
        ),
        (
            r#"{"type":"unsupported","unsupported":{},"function":"median"}"#,
            RollupResult::Unsupported,
        ),
        (
            r#"{"type":"incomplete","incomplete":{},"function":"sum"}"#,
            RollupResult::Incomplete,
        ),
        (
            r#"{"type":"number","number":8,"function":"sum"}"#,
            RollupResult::Number(Some(8.into())),
        ),
    ] {
        let PropertyValue::Rollup(rollup) =
            value(&format!(r#"{{"type":"rollup","rollup":{text}}}"#))
        else {
            panic!()
        };
        assert_eq!(rollup.result, want);
    }
    let text = r#"{"type":"rollup","rollup":{"type":"array","function":"brand_new","array":[{"type":"number","number":3},{"type":"checkbox","checkbox":"odd"}]}}"#;
    let PropertyValue::Rollup(rollup) = value(text) else {
        panic!()
    };
    assert_eq!(
        rollup.function,
        Some(RollupFunction::Unknown("brand_new".into()))
    );
    let RollupResult::Array(values) = rollup.result else {
        panic!()
    };
    assert!(
        matches!(values[0], PropertyValue::Number(Some(_)))
            && matches!(values[1], PropertyValue::Unknown { .. })
    );
}

#[test]
fn pain_30_people_options_and_texts_are_open() {
    let text = format!(
        r#"{{"type":"people","people":[{{"object":"user","id":"{ID}","type":"person","person":{{}}}},{{"object":"group","id":"g","name":null}},{{"object":"alien"}},{{"object":"user","id":"{ID}"}}]}}"#
    );
    let PropertyValue::People(people) = value(&text) else {
        panic!()
    };
    assert!(
        matches!(&people[0], Person::User(user) if user.kind == UserKind::Person { email: None })
    );
    assert!(matches!(&people[1], Person::Group { name: None, .. }));
    assert!(matches!(&people[2], Person::Unknown(_)));
    assert!(matches!(&people[3], Person::User(user) if user.kind == UserKind::Partial));

    let PropertyValue::Select(Some(option)) =
        value(r#"{"type":"select","select":{"id":"o","name":"A","color":"teal"}}"#)
    else {
        panic!()
    };
    assert_eq!(option.color, Color::Unknown("teal".into()));

    let text = r#"{"type":"rich_text","rich_text":[{"type":"text","text":{"content":"a","link":null},"annotations":{"bold":true,"color":"red_background"},"plain_text":"a","href":null},
        {"type":"hologram","hologram":{},"plain_text":"h"},{"type":"mention","mention":{"type":"link_preview","link_preview":{"url":"u"}},"plain_text":"m"},7]}"#;
    let PropertyValue::RichText(runs) = value(text) else {
        panic!()
    };
    assert!(runs[0].annotations.bold && runs[0].annotations.color == Color::RedBackground);
    assert!(matches!(&runs[1].kind, RichTextKind::Unknown { kind, .. } if kind == "hologram"));
    assert_eq!(
        runs.iter()
            .map(|run| RichTextWrite::from_read(run).is_some())
            .collect::<Vec<_>>(),
        [true, false, false, false]
    );

    let text = r#"{"type":"files","files":[{"name":"a","type":"file","file":{"url":"https://h/a?X-Amz-Signature=s3cret","expiry_time":"t"}},{"name":"b","type":"hologram"}]}"#;
    let files = value(text);
    assert!(!format!("{files:?}").contains("s3cret"));
    let PropertyValue::Files(files) = files else {
        panic!()
    };
    let FileSource::Hosted { url, .. } = &files[0].source else {
        panic!()
    };
    assert_eq!(url.stable(), "https://h/a");
    assert!(matches!(files[1].source, FileSource::Unknown { .. }));
}

#[test]
fn pain_01_a_cut_value_says_so() {
    let relation = |count: usize, more: &str| {
        let ids = vec![format!(r#"{{"id":"{ID}"}}"#); count].join(",");
        value(&format!(
            r#"{{"type":"relation","relation":[{ids}]{more}}}"#
        ))
        .may_be_truncated()
    };
    assert!(relation(25, r#","has_more":true"#) && relation(25, ""));
    assert!(!relation(25, r#","has_more":false"#) && !relation(24, ""));
    let people = vec![format!(r#"{{"object":"user","id":"{ID}"}}"#); 25].join(",");
    assert!(value(&format!(r#"{{"type":"people","people":[{people}]}}"#)).may_be_truncated());
}

#[test]
fn pain_30_an_odd_property_costs_that_property() {
    let text = page(
        r#"{"Good":{"id":"f%5C%5C%3Ap","type":"checkbox","checkbox":true},"Bad":7,"Wrong":{"id":"w","type":"checkbox","checkbox":"yes"},"Late":{"type":"url","url":null,"id":"u"}}"#,
    );
    let page = Page::decode(&text).unwrap();
    assert_eq!((page.properties.len(), page.properties.odd().len()), (3, 1));
    assert_eq!(
        page.properties
            .by_id(&PropertyId::new("f%5C%5C%3Ap"))
            .unwrap()
            .value()
            .unwrap(),
        PropertyValue::Checkbox(true)
    );
    assert!(page.properties.by_name("Wrong").unwrap().value().is_err());
    assert_eq!(page.properties.by_name("Late").unwrap().id.as_str(), "u");
    assert!(page.in_trash, "2025-09-03 says archived");
    assert!(matches!(&page.parent, Parent::Unknown { kind, .. } if kind == "agent_id"));
    assert_eq!(page.other.len(), 1);
}

#[test]
fn pain_30_an_odd_row_costs_that_row() {
    let data_source =
        format!(r#"{{"object":"data_source","id":"{ID}","title":[],"properties":{{}}}}"#);
    let partial = format!(r#"{{"object":"page","id":"{ID}"}}"#);
    let odd = format!(r#"{{"object":"page","id":"{ID}","url":"u"}}"#);
    let text = format!(
        r#"{{"object":"list","results":[{},{data_source},{partial},{odd},{{"object":"hologram"}},null],"next_cursor":null,
        "request_status":{{"type":"incomplete","incomplete_reason":"query_result_limit_reached"}}}}"#,
        page("{}")
    );
    let list = QueryDataSource::new(ID.parse().unwrap())
        .decode(&text)
        .unwrap();
    let kinds: Vec<_> = list
        .results
        .iter()
        .map(|item| match item {
            Item::Ok(PageOrDataSource::Page(_)) => "page",
            Item::Ok(_) => "data source",
            Item::Partial(partial) if partial.id == ID => "partial",
            Item::Odd(odd) if odd.id.as_deref() == Some(ID) => "odd with id",
            Item::Odd(_) => "odd",
            _ => "?",
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "page",
            "data source",
            "partial",
            "odd with id",
            "odd",
            "odd"
        ]
    );
    assert!(list.is_capped());
}

#[test]
fn pain_30_property_items_of_every_kind() {
    let list = |kind: &str, results: &str, rest: &str| {
        let text = format!(
            r#"{{"object":"list","type":"property_item","results":[{results}],"next_cursor":null,"has_more":false,"property_item":{{"id":"n%3C%60%40","type":"{kind}","{kind}":{{}}{rest}}}}}"#
        );
        PropertyItems::decode(&text).unwrap()
    };
    let item = |kind: &str, value: &str| {
        format!(r#"{{"object":"property_item","id":"x","type":"{kind}","{kind}":{value}}}"#)
    };
    let run = r#"{"type":"text","text":{"content":"a"},"plain_text":"a"}"#;
    for (kind, element) in [
        ("title", run.to_owned()),
        ("rich_text", run.to_owned()),
        ("people", format!(r#"{{"object":"user","id":"{ID}"}}"#)),
        ("relation", format!(r#"{{"id":"{ID}"}}"#)),
    ] {
        for count in [0, 2] {
            let mut whole = PropertyAssembly::new();
            whole.push(list(kind, &vec![item(kind, &element); count].join(","), ""));
            let whole = whole.finish().unwrap();
            assert_eq!(whole.kind(), PropertyType::from(kind));
            assert!(!whole.may_be_truncated());
        }
    }
    let PropertyItems::Single(single) = PropertyItems::decode(&item("number", "null")).unwrap()
    else {
        panic!()
    };
    assert_eq!(
        single.value,
        ItemValue::Whole(Box::new(PropertyValue::Number(None)))
    );

    let rollup = |results: &str, rollup: &str| {
        let text = format!(
            r#"{{"object":"list","type":"property_item","results":[{results}],"next_cursor":null,"property_item":{{"id":"r","type":"rollup","rollup":{rollup}}}}}"#
        );
        let mut whole = PropertyAssembly::new();
        whole.push(PropertyItems::decode(&text).unwrap());
        let PropertyValue::Rollup(rollup) = whole.finish().unwrap() else {
            panic!()
        };
        rollup.result
    };
    let related = item("relation", &format!(r#"{{"id":"{ID}"}}"#));
    assert_eq!(
        rollup(
            &related,
            r#"{"type":"number","number":1,"function":"count"}"#
        ),
        RollupResult::Number(Some(1.into()))
    );
    let shown = rollup(
        &item("number", "3"),
        r#"{"type":"array","array":[],"function":"show_original"}"#,
    );
    assert_eq!(
        shown,
        RollupResult::Array(vec![PropertyValue::Number(Some(3.into()))])
    );
    let mut odd = PropertyAssembly::new();
    odd.push(list("relation", &format!("{related},7"), ""));
    assert!(
        odd.finish().is_err(),
        "a value that lacks an element must not look whole"
    );
    assert!(PropertyAssembly::new().finish().is_err());
}

#[test]
fn pain_18_schemas_decode_and_option_lists_are_all_or_nothing() {
    let text = format!(
        r#"{{"object":"data_source","id":"{ID}","title":[],"archived":false,"properties":{{
        "S":{{"id":"s","name":"S","type":"select","select":{{"options":[{{"id":"o1","name":"A","color":"teal"}}]}}}},
        "H":{{"id":"h","name":"H","type":"select","select":{{"options":[{{"id":"o1","name":"A"}},{{"name":"no id"}}]}}}},
        "R":{{"id":"r","name":"R","type":"relation","relation":{{"data_source_id":"{ID}","dual_property":{{"synced_property_id":"aB%3Dc","synced_property_name":"Back"}}}}}},
        "X":{{"id":"x","name":"X","type":"hologram","hologram":{{}}}},"Bad":7}}}}"#
    );
    let source = DataSource::decode(&text).unwrap();
    assert_eq!(
        (source.properties.len(), source.odd_properties.len()),
        (4, 1)
    );
    let PropertyConfig::Select { options } = &source.property_named("S").unwrap().config else {
        panic!()
    };
    let mut all = OptionWrite::keep_all(options);
    all.push(OptionWrite::new("New"));
    let change = PropertyChange::set(PropertyConfigWrite::Select(all));
    assert_eq!(
        serde_json::to_string(&change).unwrap(),
        r#"{"select":{"options":[{"id":"o1"},{"name":"New"}]}}"#
    );
    assert_eq!(
        source.property_named("H").unwrap().config,
        PropertyConfig::Unknown
    );
    let relation = &source.property(&"r".into()).unwrap().config;
    assert!(format!("{relation:?}").contains("aB%3Dc"));
    assert_eq!(
        source.property_named("X").unwrap().config,
        PropertyConfig::Unknown
    );
}

fn body(endpoint: &impl Endpoint) -> String {
    String::from_utf8(endpoint.call().unwrap().body().unwrap().to_vec()).unwrap()
}

#[test]
fn pain_42_writes_have_their_exact_form() {
    let id: PageId = ID.parse().unwrap();
    for (write, want) in [
        (PropertyWrite::Number(None), r#"{"number":null}"#.to_owned()),
        (
            PropertyWrite::Number(Some("9007199254740993".parse::<Number>().unwrap())),
            r#"{"number":9007199254740993}"#.into(),
        ),
        (PropertyWrite::plain(""), r#"{"rich_text":[]}"#.into()),
        (
            PropertyWrite::title("a"),
            r#"{"title":[{"type":"text","text":{"content":"a"}}]}"#.into(),
        ),
        (PropertyWrite::Select(None), r#"{"select":null}"#.into()),
        (
            PropertyWrite::Status(Some(OptionRef::Name("Done".into()))),
            r#"{"status":{"name":"Done"}}"#.into(),
        ),
        (
            PropertyWrite::MultiSelect(vec![OptionRef::Name("a".into())]),
            r#"{"multi_select":[{"name":"a"}]}"#.into(),
        ),
        (
            PropertyWrite::Relation(vec![id]),
            format!(r#"{{"relation":[{{"id":"{ID}"}}]}}"#),
        ),
        (PropertyWrite::Date(None), r#"{"date":null}"#.into()),
        (
            PropertyWrite::Checkbox(false),
            r#"{"checkbox":false}"#.into(),
        ),
        (
            PropertyWrite::Verification(VerificationWrite::Unverified),
            r#"{"verification":{"state":"unverified"}}"#.into(),
        ),
        (
            PropertyWrite::Place(Some(Place::at(1.into(), 2.into()))),
            r#"{"place":{"lat":1,"lon":2}}"#.into(),
        ),
    ] {
        assert_eq!(serde_json::to_string(&write).unwrap(), want);
    }
    assert_eq!(body(&UpdatePage::trash(id)), r#"{"in_trash":true}"#);
    assert_eq!(body(&UpdatePage::restore(id)), r#"{"in_trash":false}"#);
    let mut update = UpdatePage::new(id);
    assert_eq!(body(&update), "{}");
    update.icon = Some(None);
    assert_eq!(body(&update), r#"{"icon":null}"#);
    let create = CreatePage::row(ID.parse().unwrap()).set("f%5C%5C%3Ap", PropertyWrite::Url(None));
    assert_eq!(
        body(&create),
        format!(
            r#"{{"parent":{{"type":"data_source_id","data_source_id":"{ID}"}},"properties":{{"f%5C%5C%3Ap":{{"url":null}}}}}}"#
        )
    );
    let source: DataSourceId = ID.parse().unwrap();
    let schema = UpdateDataSource::new(source)
        .description(vec![RichTextWrite::text("d")])
        .property("gone", PropertyChange::Remove)
        .property("Old", PropertyChange::Rename("New".into()))
        .property(
            "Up",
            PropertyChange::set(PropertyConfigWrite::Relation {
                data_source: source,
                dual: true,
            }),
        )
        .property("Added", PropertyChange::set(PropertyConfigWrite::RichText));
    assert_eq!(
        body(&schema),
        format!(
            r#"{{"description":[{{"type":"text","text":{{"content":"d"}}}}],"properties":{{"gone":null,"Old":{{"name":"New"}},"Up":{{"relation":{{"data_source_id":"{ID}","type":"dual_property","dual_property":{{}}}}}},"Added":{{"rich_text":{{}}}}}}}}"#
        )
    );
    let secret = UpdatePage::new(id).set("x", PropertyWrite::plain("s3cret"));
    assert!(!format!("{secret:?} {:?}", secret.call().unwrap()).contains("s3cret"));
}
