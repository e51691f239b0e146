//! The answers that a replay of the recordings gets, checked against the API's OpenAPI document, which is
//! read in place where it is there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/document.rs"]
mod document;
#[path = "support/recordings.rs"]
mod recordings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use notion_sync_sim::replay;
use serde_json::{Value, json};

use document::{Document, Flaw};
use recordings::recordings;

/// Where answers are not as described today, and why. A new flaw fails the test, and so does one that is
/// gone.
const KNOWN: [(&str, &str); 0] = [];

/// A flaw with names of properties and places in lists left out.
fn general(template: &str, method: &str, flaw: &Flaw) -> String {
    let mut path = String::new();
    let mut after_properties = false;
    for part in flaw.path.split('.') {
        let bare = part.split('[').next().unwrap();
        let shown = if after_properties { "*" } else { bare };
        after_properties = bare == "properties" && !after_properties;
        path.push_str(shown);
        path.push('.');
    }
    let path = path.trim_end_matches('.');
    format!("{method} {template} {path}: {}", flaw.expected)
}

#[test]
fn answers_are_as_the_document_describes() {
    let (Some(folder), Some(document)) = (recordings(), Document::find()) else {
        return;
    };
    let (mut checked, mut found) = (0, BTreeMap::new());
    for file in replay::folder(folder).unwrap().files {
        for exchange in file.exchanges {
            let Some(answer) = exchange.answer.filter(|answer| answer.status == 200) else {
                continue;
            };
            let described = document.answer_to(&exchange.method, &exchange.path);
            let Some((template, schema)) = described else {
                // Tasks are newer than the document.
                let is_task = exchange.path.contains("/async_tasks/");
                assert!(is_task, "{}", exchange.path);
                continue;
            };
            checked += 1;
            for flaw in document.check(schema, &answer.body) {
                let place = format!("{}:{} {}", file.name, exchange.line, flaw.path);
                found
                    .entry(general(template, &exchange.method, &flaw))
                    .or_insert(place);
            }
        }
    }
    println!("{checked} answers checked, {} flaws", found.len());
    let known: BTreeMap<_, _> = KNOWN.into_iter().collect();
    let new: Vec<_> = found
        .iter()
        .filter(|(flaw, _)| !known.contains_key(flaw.as_str()))
        .collect();
    assert!(new.is_empty(), "new flaws: {new:#?}");
    let gone: Vec<_> = known
        .iter()
        .filter(|(flaw, _)| !found.contains_key(**flaw))
        .collect();
    assert!(gone.is_empty(), "take these off the list: {gone:#?}");
    assert!(checked >= 350, "only {checked} answers were checked");
}

/// Keeps the check honest: what Notion itself answered has to pass.
#[test]
fn recorded_answers_are_as_the_document_describes() {
    let (Some(folder), Some(document)) = (recordings(), Document::find()) else {
        return;
    };
    let mut checked = 0;
    let mut found = BTreeSet::new();
    for folder in std::fs::read_dir(folder).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            checked += check_file(&document, &file.unwrap().path(), &mut found);
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    assert!(checked >= 500, "only {checked} answers were checked");
}

fn check_file(document: &Document, path: &Path, found: &mut BTreeSet<String>) -> usize {
    let mut checked = 0;
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let exchange: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| exchange[key].as_str().unwrap();
        let described = document.answer_to(text("method"), text("path"));
        if let (Some((template, schema)), 200) = (described, exchange["status"].as_u64().unwrap()) {
            checked += 1;
            let flaws = document.check(schema, &exchange["response_body"]);
            found.extend(
                flaws
                    .iter()
                    .map(|flaw| general(template, text("method"), flaw)),
            );
        }
    }
    checked
}

#[test]
fn what_is_not_as_described_is_found_where_it_is() {
    let document = Document::new(json!({
        "paths": {
            "/v1/things/{id}": {"get": {"responses": {"200": {"content": {"application/json": {"schema": {
                "$ref": "#/thing",
            }}}}}}},
            "/v1/things/mine": {},
        },
        "thing": {
            "type": "object", "required": ["id"],
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "day": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
                "kinds": {"type": "array", "maxItems": 2, "items": {"oneOf": [
                    {"type": "object", "properties": {"type": {"const": "a"}, "a": {"type": "integer"}}},
                    {"allOf": [{"type": "object", "properties": {"type": {"enum": ["b", "c"]}}}]},
                ]}},
            },
        },
    }));
    assert!(document.answer_to("GET", "/v1/things/mine").is_none());
    assert!(document.answer_to("POST", "/v1/things/1").is_none());
    let (template, schema) = document.answer_to("GET", "/v1/things/1").unwrap();
    assert_eq!(template, "/v1/things/{id}");
    let id = "1b2c3d4e-0000-4000-8000-00000000a001";
    for (thing, flaws) in [
        (
            json!({"id": id, "day": null, "kinds": [{"type": "c"}], "new": 1}),
            vec![],
        ),
        (
            json!({"id": id, "day": "2026-07-04T09:08:00.000+02:00"}),
            vec![],
        ),
        (json!([]), vec!["$"]),
        (json!({"id": "x"}), vec!["$.id"]),
        (json!({"day": "soon"}), vec!["$", "$.day"]),
        (
            json!({"id": id, "kinds": [{}, {}, {"type": "b"}]}),
            vec!["$.kinds"],
        ),
        (
            json!({"id": id, "kinds": [{"type": "a", "a": 1.5}]}),
            vec!["$.kinds[0].a"],
        ),
        (
            json!({"id": id, "kinds": [{"type": "d"}]}),
            vec!["$.kinds[0].type"],
        ),
    ] {
        let found = document.check(schema, &thing);
        let places: Vec<_> = found.iter().map(|flaw| flaw.path.as_str()).collect();
        assert_eq!(places, flaws, "{thing}");
    }
}
