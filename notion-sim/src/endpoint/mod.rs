//! The endpoints of the API: from a parsed request to a body. The way in is `route`.

pub(crate) mod blocks;
pub(crate) mod comments;
pub(crate) mod containers;
pub(crate) mod emojis;
pub(crate) mod form;
pub(crate) mod markdown;
pub(crate) mod oauth;
pub(crate) mod pages;
pub(crate) mod property_item;
pub(crate) mod route;
pub(crate) mod search;
pub(crate) mod tasks;
pub(crate) mod templates;
pub(crate) mod uploads;
pub(crate) mod users;
pub(crate) mod views;

use serde_json::{Map, Value};

use crate::error::{ApiError, ApiResult};
use crate::ids::{parse_id, percent_decode};
use crate::model::World;
use crate::model::property::{self, Property};
use crate::model::row::Parent;
use crate::version::Version;

const MOST_PER_PAGE: u64 = 100;

/// Which part of a list is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Paging {
    pub(crate) start_cursor: Option<String>,
    pub(crate) page_size: usize,
}

impl Paging {
    /// Reads `start_cursor` and `page_size` of a body.
    pub(crate) fn from_body(body: &Map<String, Value>) -> ApiResult<Self> {
        let start_cursor = match body.get("start_cursor") {
            None => None,
            Some(Value::String(cursor)) => Some(cursor.clone()),
            other => return Err(ApiError::body("body.start_cursor", "a string", other)),
        };
        let page_size = match body.get("page_size") {
            None => MOST_PER_PAGE,
            Some(value) => {
                let size = value.as_u64().filter(|size| *size >= 1);
                let size = size.ok_or_else(|| {
                    ApiError::body("body.page_size", "a number between 1 and 100", Some(value))
                })?;
                if size > MOST_PER_PAGE {
                    return Err(ApiError::body("body.page_size", "≤ `100`", Some(value)));
                }
                size
            }
        };
        Ok(Self {
            start_cursor,
            page_size: page_size as usize,
        })
    }

    /// Reads them from a query string.
    pub(crate) fn from_query(query: &[(String, String)]) -> ApiResult<Self> {
        let find = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, v)| v);
        let mut body = Map::new();
        if let Some(cursor) = find("start_cursor") {
            body.insert("start_cursor".into(), Value::from(cursor.as_str()));
        }
        if let Some(size) = find("page_size") {
            let size = size
                .parse::<u64>()
                .map_or_else(|_| Value::from(size.as_str()), Value::from);
            body.insert("page_size".into(), size);
        }
        Self::from_body(&body)
    }
}

/// Which part of a list is asked for whose cursors are ids.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdPaging {
    /// The first item asked for.
    pub(crate) start: Option<uuid::Uuid>,
    pub(crate) page_size: usize,
}

/// Reads it from a query string. A size of 0 asks for the most.
pub(crate) fn id_paging(query: &[(String, String)]) -> ApiResult<IdPaging> {
    let find = |name: &str| {
        let found = query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    let start = find("start_cursor").map(|text| {
        parse_id(text).ok_or_else(|| {
            let given = Value::from(text);
            ApiError::query(
                "query.start_cursor",
                "a valid uuid or `undefined`",
                Some(&given),
            )
        })
    });
    let page_size = match find("page_size").map(|text| (text, text.parse::<u64>())) {
        None | Some((_, Ok(0))) => MOST_PER_PAGE,
        Some((_, Ok(size))) if size <= MOST_PER_PAGE => size,
        Some((text, size)) => {
            let (expected, given) = match size {
                Ok(size) => ("≤ `100` or `undefined`", Value::from(size)),
                Err(_) => ("a number or `undefined`", Value::from(text)),
            };
            return Err(ApiError::query("query.page_size", expected, Some(&given)));
        }
    };
    Ok(IdPaging {
        start: start.transpose()?,
        page_size: page_size as usize,
    })
}

/// The beginning of a list answer.
pub(crate) fn list_open(capacity: usize) -> String {
    let mut out = String::with_capacity(capacity + 300);
    out.push_str("{\"object\":\"list\",\"results\":[");
    out
}

/// The end of a list answer.
pub(crate) fn push_list_end(
    out: &mut String,
    cursor: Option<&str>,
    kind: &str,
    more: Option<&str>,
) {
    let next = cursor.map_or_else(|| "null".to_owned(), |cursor| format!("\"{cursor}\""));
    out.push_str(&format!(
        "],\"next_cursor\":{next},\"has_more\":{},\"type\":\"{kind}\",\"{kind}\":{{}}{}}}",
        cursor.is_some(),
        more.unwrap_or_default()
    ));
}

/// Splits and decodes a query string.
pub(crate) fn parse_query(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                percent_decode(&key.replace('+', " ")),
                percent_decode(&value.replace('+', " ")),
            )
        })
        .collect()
}

/// The values of `filter_properties`, in either spelling.
pub(crate) fn filter_properties(query: &[(String, String)]) -> Vec<String> {
    query
        .iter()
        .filter(|(key, _)| matches!(key.as_str(), "filter_properties" | "filter_properties[]"))
        .map(|(_, value)| value.clone())
        .collect()
}

/// Positions in the schema of the properties asked for; all when none is named.
pub(crate) fn shown_positions(
    schema: &[Property],
    shown: &[String],
) -> ApiResult<Option<Vec<usize>>> {
    if shown.is_empty() {
        return Ok(None);
    }
    shown
        .iter()
        .map(|key| {
            property::find(schema, key).ok_or_else(|| {
                ApiError::validation(format!("Could not find property with name or id: {key}"))
            })
        })
        .collect::<ApiResult<Vec<usize>>>()
        .map(Some)
}

/// Refuses body keys that the endpoint does not have.
pub(crate) fn only(body: &Map<String, Value>, known: &[&str]) -> ApiResult<()> {
    match body.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        Some((key, value)) => Err(ApiError::body(
            &format!("body.{key}"),
            "not present",
            Some(value),
        )),
        None => Ok(()),
    }
}

/// Reads an optional object field of a body.
pub(crate) fn object_field(
    body: &Map<String, Value>,
    key: &str,
) -> ApiResult<Option<Map<String, Value>>> {
    match body.get(key) {
        None => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object.clone())),
        other => Err(ApiError::body(&format!("body.{key}"), "an object", other)),
    }
}

/// Reads an optional flag of a body.
pub(crate) fn flag(body: &Map<String, Value>, key: &str) -> ApiResult<Option<bool>> {
    match body.get(key) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        other => Err(ApiError::body(&format!("body.{key}"), "a boolean", other)),
    }
}

/// Reads a `parent`, and checks that the connection sees it.
pub(crate) fn parent(world: &World, body: &Map<String, Value>) -> ApiResult<Parent> {
    let Some(given) = body.get("parent") else {
        return Err(ApiError::body("body.parent", "defined", None));
    };
    for key in ["data_source_id", "database_id", "page_id"] {
        let Some(value) = given.get(key) else {
            continue;
        };
        let id = value.as_str().and_then(parse_id).ok_or_else(|| {
            ApiError::body(&format!("body.parent.{key}"), "a valid uuid", Some(value))
        })?;
        return match key {
            "data_source_id" => {
                if world.data_source(id)?.in_trash {
                    return Err(ApiError::in_trash());
                }
                Ok(Parent::DataSource(id))
            }
            "database_id" if !world.knobs.database_is_parent => Err(ApiError::body(
                "body.parent.database_id",
                "not present",
                Some(value),
            )),
            "database_id" => match world.database(id)?.data_sources.as_slice() {
                [only] => Ok(Parent::DataSource(*only)),
                _ => Err(ApiError::validation(format!(
                    "Database with ID {id} does not have exactly one data source; use `data_source_id`."
                ))),
            },
            _ => {
                if world.page(id)?.in_trash {
                    return Err(ApiError::in_trash());
                }
                Ok(Parent::Page(id))
            }
        };
    }
    if given["workspace"] == true {
        return Ok(Parent::Workspace);
    }
    Err(ApiError::body("body.parent.page_id", "defined", None))
}

/// What an endpoint needs to know of a request.
pub(crate) struct Call<'a> {
    pub(crate) version: Version,
    pub(crate) query: &'a [(String, String)],
    pub(crate) body: &'a Map<String, Value>,
    /// What came in parts instead.
    pub(crate) form: &'a form::Form,
}

/// The answer of an endpoint.
pub(crate) struct Answer {
    /// The JSON text, without `request_id`.
    pub(crate) body: String,
    /// What was created or changed.
    pub(crate) object: Option<uuid::Uuid>,
    /// Whether something was saved.
    pub(crate) committed: bool,
    /// 200, or 202 for what was taken on and is not done.
    pub(crate) status: u16,
    /// Whether the body goes out as it is, without `request_id`.
    pub(crate) is_bare: bool,
}

impl Answer {
    /// An answer that changed nothing.
    pub(crate) fn read(body: String) -> Self {
        Self {
            body,
            object: None,
            committed: false,
            status: 200,
            is_bare: false,
        }
    }

    /// An answer to a change that was saved.
    pub(crate) fn saved(body: String, object: uuid::Uuid) -> Self {
        Self {
            object: Some(object),
            committed: true,
            ..Self::read(body)
        }
    }

    /// The same without `request_id`.
    pub(crate) fn bare(self) -> Self {
        Self {
            is_bare: true,
            ..self
        }
    }
}
