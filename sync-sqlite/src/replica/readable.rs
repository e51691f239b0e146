//! What a value that is kept as it came says, for people to read: the list that a rollup shows. Every
//! value in it names its own type, as Notion writes them; what has no such shape stays as it is.

use notion_sync_core::value::RawJson;
use serde_json::{Map, Value as Json, json};

/// The value without what surrounds it: words, numbers, names of options, ids of people and records,
/// dates as a column shows them.
pub(super) fn readable(raw: &RawJson) -> Json {
    match serde_json::from_str(raw.as_str()) {
        Ok(value) => said(&value),
        Err(_) => raw.as_str().into(),
    }
}

fn said(value: &Json) -> Json {
    match value {
        Json::Array(items) => match words(items) {
            Some(words) => words.into(),
            None => items.iter().map(said).collect(),
        },
        Json::Object(object) => said_by(object).unwrap_or_else(|| value.clone()),
        other => other.clone(),
    }
}

/// The words of a text, which is a list of pieces.
fn words(pieces: &[Json]) -> Option<String> {
    let words = pieces.iter().map(|piece| piece["plain_text"].as_str());
    let words: Option<String> = words.collect();
    words.filter(|_| !pieces.is_empty())
}

/// What an object of a known shape says.
fn said_by(object: &Map<String, Json>) -> Option<Json> {
    let text = |key: &str| object.get(key).and_then(Json::as_str);
    if let (Some("user" | "group"), Some(id)) = (text("object"), text("id")) {
        return Some(id.into());
    }
    if let Some(kind) = text("type") {
        let value = object.get(kind)?;
        return Some(match kind {
            "external" => json!({ "name": text("name"), "url": value["url"] }),
            "file" => json!({ "name": text("name"), "hosted": value["url"] }),
            "title" | "rich_text" if value.as_array().is_some_and(Vec::is_empty) => Json::Null,
            _ => said(value),
        });
    }
    if let (Some(name), Some(_)) = (text("name"), text("color")) {
        return Some(name.into());
    }
    if let Some(start) = text("start") {
        let end = text("end").map(|end| format!("{start}/{end}"));
        return Some(end.unwrap_or_else(|| start.to_owned()).into());
    }
    if let (Some(prefix), Some(number)) = (object.get("prefix"), object.get("number")) {
        let prefixed = prefix.as_str().map(|prefix| format!("{prefix}-{number}"));
        return Some(prefixed.map_or_else(|| number.clone(), Json::from));
    }
    let id = text("id").filter(|_| object.len() == 1)?;
    Some(id.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_in_a_rollup_reads_as_a_column_of_its_own_would() {
        for (item, reads) in [
            (json!({"type": "number", "number": 8}), json!(8)),
            (json!({"type": "number", "number": null}), json!(null)),
            (json!({"type": "checkbox", "checkbox": true}), json!(true)),
            (
                json!({"type": "title", "title": [
                    {"type": "text", "text": {"content": "Mend "}, "plain_text": "Mend "},
                    {"type": "mention", "mention": {"type": "page"}, "plain_text": "Roof"},
                ]}),
                json!("Mend Roof"),
            ),
            (json!({"type": "rich_text", "rich_text": []}), json!(null)),
            (
                json!({"type": "select", "select": {"id": "x", "name": "Low", "color": "red"}}),
                json!("Low"),
            ),
            (
                json!({"type": "multi_select", "multi_select": [
                    {"id": "x", "name": "a", "color": "red"},
                ]}),
                json!(["a"]),
            ),
            (
                json!({"type": "date", "date": {"start": "2026-06-15", "end": null}}),
                json!("2026-06-15"),
            ),
            (
                json!({"type": "date", "date": {"start": "2026-06-15", "end": "2026-06-16"}}),
                json!("2026-06-15/2026-06-16"),
            ),
            (
                json!({"type": "people", "people": [
                    {"object": "user", "id": "u1", "name": "Ada", "type": "person", "person": {}},
                    {"object": "group", "id": "g1"},
                ]}),
                json!(["u1", "g1"]),
            ),
            (
                json!({"type": "relation", "relation": [{"id": "p1"}]}),
                json!(["p1"]),
            ),
            (
                json!({"type": "files", "files": [
                    {"name": "a", "type": "external", "external": {"url": "https://x.org"}},
                    {"name": "b", "type": "file", "file": {"url": "https://s3/b"}},
                ]}),
                json!([{"name": "a", "url": "https://x.org"}, {"name": "b", "hosted": "https://s3/b"}]),
            ),
            (
                json!({"type": "formula", "formula": {"type": "string", "string": "x"}}),
                json!("x"),
            ),
            (
                json!({"type": "unique_id", "unique_id": {"prefix": "T", "number": 4}}),
                json!("T-4"),
            ),
            (
                json!({"type": "unique_id", "unique_id": {"prefix": null, "number": 4}}),
                json!(4),
            ),
            (
                json!({"type": "created_by", "created_by": {"object": "user", "id": "u1"}}),
                json!("u1"),
            ),
            // Nothing that is known.
            (json!({"lat": 1, "lon": 2}), json!({"lat": 1, "lon": 2})),
            (json!({"type": "hologram"}), json!({"type": "hologram"})),
        ] {
            let raw = RawJson::new(json!([item]).to_string());
            assert_eq!(readable(&raw), json!([reads]), "{item}");
        }
        assert_eq!(readable(&RawJson::new("no JSON")), json!("no JSON"));
    }
}
