//! Icons and covers on their way in: checked, and given the form they are read back in.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::limit;
use crate::error::{ApiError, ApiResult};
use crate::ids::parse_id;
use crate::model::World;

/// Colors of the icons that Notion draws itself.
const COLORS: [&str; 10] = [
    "gray",
    "lightgray",
    "brown",
    "yellow",
    "orange",
    "green",
    "blue",
    "purple",
    "pink",
    "red",
];
/// Where those icons lie.
const DRAWN: [&str; 2] = ["https://www.notion.so/icons/", "https://notion.so/icons/"];

/// An icon or cover that was checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Picture {
    /// As it is kept; `null` where there is none.
    pub(crate) value: Value,
    /// The upload it is, which has to be attached before the picture is kept.
    pub(crate) upload: Option<Uuid>,
}

impl Picture {
    /// Attaches what has to be attached.
    pub(crate) fn settle(self, world: &mut World) -> Value {
        match self.upload {
            Some(upload) => world.attach(upload),
            None => self.value,
        }
    }
}

/// Reads an icon.
pub(crate) fn icon(world: &World, path: &str, given: &Value) -> ApiResult<Picture> {
    let kinds = ["emoji", "external", "custom_emoji", "file_upload", "icon"];
    read(world, path, given, &kinds)
}

/// Reads a cover.
pub(crate) fn cover(world: &World, path: &str, given: &Value) -> ApiResult<Picture> {
    read(world, path, given, &["external", "file_upload"])
}

fn read(world: &World, path: &str, given: &Value, kinds: &[&str]) -> ApiResult<Picture> {
    let object = match given {
        Value::Null => return Ok(Picture::default()),
        Value::Object(object) => object,
        _ => return Err(ApiError::body(path, "an object or `null`", Some(given))),
    };
    // What a page showed may be given back: its address leads to the same file.
    let kind = kinds
        .iter()
        .chain([&"file"])
        .find(|kind| object.contains_key(**kind));
    let Some(kind) = kind.copied() else {
        let undefined = |kind: &&str| ApiError::body(&format!("{path}.{kind}"), "defined", None);
        return Err(ApiError::fix_one(kinds.iter().map(undefined)));
    };
    for (key, value) in object {
        if key != "type" && key != kind {
            return Err(ApiError::body(
                &format!("{path}.{key}"),
                "not present",
                Some(value),
            ));
        }
    }
    let path = format!("{path}.{kind}");
    let inner = &object[kind];
    let value = match kind {
        "emoji" => match inner.as_str() {
            Some(emoji) if !emoji.is_empty() => json!({"type": "emoji", "emoji": emoji}),
            _ => return Err(ApiError::body(&path, "a string", Some(inner))),
        },
        "external" => external(&path, inner)?,
        "file" => {
            let url = address(&path, inner)?;
            json!({"type": "file", "file": {"url": world.kept_address(url)}})
        }
        "custom_emoji" => {
            let id = id(&format!("{path}.id"), inner)?;
            world.emoji(id).map_or(
                Value::Null,
                |emoji| json!({"type": "custom_emoji", "custom_emoji": emoji}),
            )
        }
        "file_upload" => {
            let id = id(&format!("{path}.id"), inner)?;
            world.attachable(id, &["image"])?;
            return Ok(Picture {
                value: Value::Null,
                upload: Some(id),
            });
        }
        _ => drawn(&path, inner)?,
    };
    Ok(Picture {
        value,
        upload: None,
    })
}

fn address<'v>(path: &str, inner: &'v Value) -> ApiResult<&'v str> {
    let path = format!("{path}.url");
    let url = match inner.get("url") {
        Some(Value::String(url)) => url,
        other => {
            let expected = if other.is_some() {
                "a string"
            } else {
                "defined"
            };
            return Err(ApiError::body(&path, expected, other));
        }
    };
    limit::utf16(&path, limit::TEXT, url)?;
    Ok(url)
}

/// One that lies elsewhere. Notion knows its own icons by their address.
fn external(path: &str, inner: &Value) -> ApiResult<Value> {
    let url = address(path, inner)?;
    let own = DRAWN.iter().find_map(|folder| url.strip_prefix(folder));
    let own = own.and_then(|name| name.strip_suffix(".svg")?.rsplit_once('_'));
    if let Some((name, color)) = own.filter(|(_, color)| COLORS.contains(color)) {
        return Ok(json!({"type": "icon", "icon": {"name": name, "color": color}}));
    }
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(ApiError::body(
            &format!("{path}.url"),
            "a valid url",
            Some(&json!(url)),
        ));
    }
    Ok(json!({"type": "external", "external": {"url": url}}))
}

fn drawn(path: &str, inner: &Value) -> ApiResult<Value> {
    let none = Map::new();
    let object = inner.as_object().unwrap_or(&none);
    let name = match object.get("name") {
        Some(Value::String(name)) => name,
        other => return Err(ApiError::body(&format!("{path}.name"), "a string", other)),
    };
    let color = object.get("color");
    match color.map_or(Some("gray"), Value::as_str) {
        Some(known) if COLORS.contains(&known) => {
            Ok(json!({"type": "icon", "icon": {"name": name, "color": known}}))
        }
        _ => {
            let names: Vec<String> = COLORS.iter().map(|c| format!("`\"{c}\"`")).collect();
            let expected = format!("{}, or `undefined`", names.join(", "));
            Err(ApiError::body(&format!("{path}.color"), &expected, color))
        }
    }
}

fn id(path: &str, inner: &Value) -> ApiResult<Uuid> {
    let given = inner.get("id");
    let expected = if given.is_some() {
        "a valid uuid"
    } else {
        "defined"
    };
    let id = given.and_then(Value::as_str).and_then(parse_id);
    id.ok_or_else(|| ApiError::body(path, expected, given))
}
