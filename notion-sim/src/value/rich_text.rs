//! Rich text: checking what a request gives and filling in what Notion fills in.

use serde_json::{Map, Value, json};

use super::limit;
use crate::error::{ApiError, ApiResult};
use crate::ids::parse_id;

const COLORS: [&str; 10] = [
    "default", "gray", "brown", "orange", "yellow", "green", "blue", "purple", "pink", "red",
];

/// Checks an array of runs and gives it as it is read back. Runs with empty text vanish.
pub(crate) fn normalise(path: &str, given: &Value) -> ApiResult<Value> {
    let Some(runs) = given.as_array() else {
        return Err(ApiError::body(path, "an array", Some(given)));
    };
    limit::count(path, limit::ARRAY_ITEMS, runs.len())?;
    let mut out = Vec::with_capacity(runs.len());
    for (at, run) in runs.iter().enumerate() {
        out.extend(normalise_run(&format!("{path}[{at}]"), run)?);
    }
    Ok(Value::Array(out))
}

/// Plain text as one unstyled run.
pub(crate) fn from_plain(text: &str) -> Value {
    if text.is_empty() {
        return json!([]);
    }
    json!([{
        "type": "text",
        "text": {"content": text, "link": null},
        "annotations": annotations_default(),
        "plain_text": text,
        "href": null,
    }])
}

fn annotations_default() -> Value {
    json!({
        "bold": false, "italic": false, "strikethrough": false,
        "underline": false, "code": false, "color": "default",
    })
}

fn normalise_run(path: &str, given: &Value) -> ApiResult<Option<Value>> {
    let Some(run) = given.as_object() else {
        return Err(ApiError::body(path, "an object", Some(given)));
    };
    let annotations = annotations(&format!("{path}.annotations"), run.get("annotations"))?;
    let kind = match run.get("type").and_then(Value::as_str) {
        Some(kind) => kind,
        None => ["text", "mention", "equation"]
            .into_iter()
            .find(|kind| run.contains_key(*kind))
            .unwrap_or("text"),
    };
    let Some(inner) = run.get(kind) else {
        return Err(ApiError::body(&format!("{path}.{kind}"), "defined", None));
    };
    let (inner, plain, href) = match kind {
        "text" => match text(&format!("{path}.text"), inner)? {
            Some(parts) => parts,
            None => return Ok(None),
        },
        "equation" => equation(&format!("{path}.equation"), inner)?,
        "mention" => mention(&format!("{path}.mention"), inner, run)?,
        _ => {
            return Err(ApiError::body(
                &format!("{path}.type"),
                "`\"text\"`, `\"mention\"`, or `\"equation\"`",
                run.get("type"),
            ));
        }
    };
    let mut out = Map::new();
    out.insert("type".into(), json!(kind));
    out.insert(kind.into(), inner);
    out.insert("annotations".into(), annotations);
    out.insert("plain_text".into(), json!(plain));
    out.insert("href".into(), href);
    Ok(Some(Value::Object(out)))
}

type Parts = (Value, String, Value);

fn text(path: &str, given: &Value) -> ApiResult<Option<Parts>> {
    let content = match given.get("content") {
        Some(Value::String(content)) => content,
        other => {
            let expected = if other.is_some() {
                "a string"
            } else {
                "defined"
            };
            return Err(ApiError::body(&format!("{path}.content"), expected, other));
        }
    };
    limit::utf16(&format!("{path}.content"), limit::TEXT, content)?;
    let link = match given.get("link") {
        None | Some(Value::Null) => Value::Null,
        Some(link) => {
            let path = format!("{path}.link.url");
            match link.get("url") {
                Some(Value::String(url)) => {
                    limit::utf16(&path, limit::TEXT, url)?;
                    json!({"url": url})
                }
                other => return Err(ApiError::body(&path, "a string", other)),
            }
        }
    };
    if content.is_empty() {
        return Ok(None);
    }
    let href = link["url"].clone();
    Ok(Some((
        json!({"content": content, "link": link}),
        content.clone(),
        href,
    )))
}

fn equation(path: &str, given: &Value) -> ApiResult<Parts> {
    let path = format!("{path}.expression");
    match given.get("expression") {
        Some(Value::String(expression)) => {
            limit::utf16(&path, limit::EQUATION, expression)?;
            Ok((
                json!({"expression": expression}),
                expression.clone(),
                Value::Null,
            ))
        }
        other => Err(ApiError::body(&path, "a string", other)),
    }
}

fn mention(path: &str, given: &Value, run: &Map<String, Value>) -> ApiResult<Parts> {
    let kinds = [
        "user",
        "date",
        "page",
        "database",
        "template_mention",
        "custom_emoji",
    ];
    let kind = kinds.into_iter().find(|kind| given.get(kind).is_some());
    let Some(kind) = kind else {
        return Err(ApiError::body(&format!("{path}.user"), "defined", None));
    };
    let echoed = run.get("plain_text").and_then(Value::as_str);
    let id = || -> ApiResult<uuid::Uuid> {
        let id = &given[kind]["id"];
        id.as_str()
            .and_then(parse_id)
            .ok_or_else(|| ApiError::body(&format!("{path}.{kind}.id"), "a valid uuid", Some(id)))
    };
    let (inner, plain, href) = match kind {
        "date" => {
            let date = super::date::normalise(&format!("{path}.date"), &given["date"])?;
            let plain = date["start"].as_str().unwrap_or_default().to_owned();
            (date, plain, Value::Null)
        }
        "page" | "database" => {
            let id = id()?;
            let href = format!("https://www.notion.so/{}", id.simple());
            let plain = echoed.unwrap_or("Untitled").to_owned();
            (json!({"id": id.to_string()}), plain, json!(href))
        }
        "user" => {
            let id = id()?;
            let plain = echoed.unwrap_or("@Anonymous").to_owned();
            (
                json!({"object": "user", "id": id.to_string()}),
                plain,
                Value::Null,
            )
        }
        _ => (
            given[kind].clone(),
            echoed.unwrap_or_default().to_owned(),
            Value::Null,
        ),
    };
    let mut out = Map::new();
    out.insert("type".into(), json!(kind));
    out.insert(kind.into(), inner);
    Ok((Value::Object(out), plain, href))
}

/// Refuses what is no color of text or background.
pub(crate) fn color(path: &str, given: &Value) -> ApiResult<()> {
    let base = given
        .as_str()
        .map(|color| color.strip_suffix("_background").unwrap_or(color));
    if base.is_some_and(|base| COLORS.contains(&base)) {
        Ok(())
    } else {
        Err(ApiError::body(path, "a valid color", Some(given)))
    }
}

fn annotations(path: &str, given: Option<&Value>) -> ApiResult<Value> {
    let mut out = annotations_default();
    let Some(given) = given.and_then(Value::as_object) else {
        return Ok(out);
    };
    for (name, value) in given {
        let path = format!("{path}.{name}");
        let valid = match (name.as_str(), value) {
            ("bold" | "italic" | "strikethrough" | "underline" | "code", value) => {
                value.is_boolean()
            }
            ("color", value) => {
                color(&path, value)?;
                true
            }
            _ => return Err(ApiError::body(&path, "not present", Some(value))),
        };
        if !valid {
            return Err(ApiError::body(&path, "a boolean", Some(value)));
        }
        out[name.as_str()] = value.clone();
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_is_filled_in() {
        let given = json!([{"text": {"content": "hi", "link": {"url": "https://a.b"}}, "annotations": {"bold": true}}]);
        let read = normalise("p", &given).unwrap();
        assert_eq!(read[0]["type"], "text");
        assert_eq!(read[0]["plain_text"], "hi");
        assert_eq!(read[0]["href"], "https://a.b");
        assert_eq!(read[0]["annotations"]["bold"], true);
        assert_eq!(read[0]["annotations"]["color"], "default");
    }

    #[test]
    fn length_counts_utf16_units() {
        let fits = json!([{"text": {"content": "😀".repeat(1000)}}]);
        assert!(normalise("p", &fits).is_ok());
        let error = normalise("p", &json!([{"text": {"content": "😀".repeat(1001)}}])).unwrap_err();
        assert_eq!(
            error.message,
            "body failed validation: p[0].text.content.length should be ≤ `2000`, instead was `2002`."
        );
    }

    #[test]
    fn empty_text_vanishes() {
        assert_eq!(
            normalise("p", &json!([{"text": {"content": ""}}])).unwrap(),
            json!([])
        );
    }

    #[test]
    fn reading_back_what_was_read_changes_nothing() {
        let given = json!([
            {"text": {"content": "a"}, "annotations": {"color": "red_background"}},
            {"equation": {"expression": "x^2"}},
            {"mention": {"page": {"id": "1b2c3d4e00004000800000000000a001"}}, "plain_text": "Row"},
        ]);
        let once = normalise("p", &given).unwrap();
        assert_eq!(normalise("p", &once).unwrap(), once);
    }
}
