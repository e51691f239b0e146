//! Values that point elsewhere: relations, people, files.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::limit;
use crate::error::{ApiError, ApiResult};
use crate::ids::parse_id;
use crate::model::World;
use crate::model::property::Property;
use crate::model::row::Parent;

fn items<'v>(path: &str, inner: &'v Value) -> ApiResult<&'v Vec<Value>> {
    let items = inner
        .as_array()
        .ok_or_else(|| ApiError::body(path, "an array", Some(inner)))?;
    limit::count(path, limit::ARRAY_ITEMS, items.len())?;
    Ok(items)
}

fn id_of(path: &str, item: &Value) -> ApiResult<Uuid> {
    let path = format!("{path}.id");
    match item.get("id") {
        Some(Value::String(id)) => {
            parse_id(id).ok_or_else(|| ApiError::body(&path, "a valid uuid", Some(&item["id"])))
        }
        other => Err(ApiError::body(&path, "defined", other)),
    }
}

/// Targets must be seen by the connection and live in the related data source.
pub(crate) fn relation(
    world: &World,
    path: &str,
    column: &Property,
    inner: &Value,
) -> ApiResult<Value> {
    let mut out: Vec<Value> = Vec::new();
    for (at, item) in items(path, inner)?.iter().enumerate() {
        let id = id_of(&format!("{path}[{at}]"), item)?;
        let row = world.page(id)?;
        if let (Some(target), Parent::DataSource(parent)) = (column.relation_target(), &row.parent)
            && target != *parent
        {
            return Err(ApiError::validation(format!(
                "{path}[{at}].id: page {id} is not in the related data source {target}."
            )));
        }
        let read = json!({"id": id.to_string()});
        if !out.contains(&read) {
            out.push(read);
        }
    }
    Ok(Value::Array(out))
}

/// Users come back in full.
pub(crate) fn people(world: &World, path: &str, inner: &Value) -> ApiResult<Value> {
    let mut out: Vec<Value> = Vec::new();
    for (at, item) in items(path, inner)?.iter().enumerate() {
        let id = id_of(&format!("{path}[{at}]"), item)?;
        let read = match world.users.get(&id) {
            Some(user) => user.clone(),
            None if item["object"] == "group" => item.clone(),
            None => {
                return Err(ApiError::validation(format!(
                    "{path}[{at}].id: user {id} does not exist or is not a member of the workspace."
                )));
            }
        };
        if !out.contains(&read) {
            out.push(read);
        }
    }
    Ok(Value::Array(out))
}

/// External files come back as given; hosted ones are kept without their signature. Uploads among them
/// are given as well, to be attached once everything else is right.
pub(crate) fn files(world: &World, path: &str, inner: &Value) -> ApiResult<(Value, Vec<Uuid>)> {
    let (mut out, mut uploads) = (Vec::new(), Vec::new());
    for (at, item) in items(path, inner)?.iter().enumerate() {
        let path = format!("{path}[{at}]");
        let kind = if item.get("external").is_some() {
            "external"
        } else if item.get("file").is_some() {
            "file"
        } else if item.get("file_upload").is_some() {
            let id = id_of(&format!("{path}.file_upload"), &item["file_upload"])?;
            let upload = world.attachable(id, &[])?;
            let name = match item.get("name") {
                None => json!(upload.filename.as_deref().unwrap_or("file")),
                Some(name) => match name {
                    Value::String(_) => name.clone(),
                    other => {
                        let path = format!("{path}.name");
                        return Err(ApiError::body(&path, "a string", Some(other)));
                    }
                },
            };
            let url = world.address_of(upload);
            out.push(json!({"name": name, "type": "file", "file": {"url": url}}));
            uploads.push(id);
            continue;
        } else {
            return Err(ApiError::body(&format!("{path}.external"), "defined", None));
        };
        let url_path = format!("{path}.{kind}.url");
        let Value::String(url) = &item[kind]["url"] else {
            return Err(ApiError::body(&url_path, "a string", item[kind].get("url")));
        };
        limit::utf16(&url_path, limit::TEXT, url)?;
        let kept = match kind {
            "file" => world.kept_address(url),
            _ => url.clone(),
        };
        let name = match item.get("name") {
            Some(Value::String(name)) => name.clone(),
            _ if kind == "external" => {
                return Err(ApiError::body(
                    &format!("{path}.name"),
                    "defined",
                    item.get("name"),
                ));
            }
            _ => bare_url(url)
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned(),
        };
        let mut read = Map::new();
        read.insert("name".into(), json!(name));
        read.insert("type".into(), json!(kind));
        read.insert(kind.into(), json!({"url": kept}));
        out.push(Value::Object(read));
    }
    Ok((Value::Array(out), uploads))
}

/// A URL without its query.
pub(crate) fn bare_url(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosted_files_lose_their_signature_and_external_ones_keep_their_query() {
        let given = json!([
            {"name": "a", "external": {"url": "https://x/y?z=1"}},
            {"name": "b", "file": {"url": "https://s3/b.pdf?X-Amz-Signature=1", "expiry_time": "2026-01-01T00:00:00.000Z"}},
        ]);
        let world = World::new(1, jiff::Timestamp::UNIX_EPOCH);
        let (read, _) = files(&world, "p", &given).unwrap();
        assert_eq!(read[0]["external"]["url"], "https://x/y?z=1");
        assert_eq!(
            read[1],
            json!({"name": "b", "type": "file", "file": {"url": "https://s3/b.pdf"}})
        );
    }
}
