//! Property items: the way to read values that page reads cut short.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Call, Paging};
use crate::error::{ApiError, ApiResult};
use crate::ids::percent_encode;
use crate::model::World;
use crate::model::cell::empty_inner;
use crate::model::kind::Kind;
use crate::model::property;
use crate::query::cursor::Position;

/// `GET /v1/pages/{id}/properties/{property}`
pub(crate) fn retrieve(
    world: &mut World,
    id: Uuid,
    key: &str,
    call: &Call<'_>,
) -> ApiResult<Answer> {
    let paging = Paging::from_query(call.query)?;
    let row = world.page(id)?;
    let schema = world.schema_of(row);
    let Some(at) = property::find(schema, key) else {
        return Err(ApiError::new(
            404,
            "object_not_found",
            format!("Could not find property with name or id: {key}"),
        ));
    };
    let property = &schema[at];
    let kind = property.kind.clone();
    let name = kind.as_str();
    let mut inner = match &kind {
        Kind::CreatedBy => world.user_value(row.created_by),
        Kind::LastEditedBy => world.user_value(row.edited_by),
        _ => row.inner(property).unwrap_or_else(|| empty_inner(&kind)),
    };
    let property_id = property.id.clone();
    let is_list = matches!(
        kind,
        Kind::Title | Kind::RichText | Kind::People | Kind::Relation
    );
    if !is_list {
        if kind == Kind::Files {
            inner = world.sign(inner);
        }
        if kind == Kind::Rollup {
            return Ok(Answer::read(rollup(&property_id, &inner)));
        }
        let item = json!({"object": "property_item", "id": property_id, "type": name, name: inner});
        return Ok(Answer::read(item.to_string()));
    }
    if matches!(kind, Kind::Title | Kind::RichText) {
        world.show_people(&mut inner);
    }
    if kind == Kind::Relation {
        inner = world.seen_targets(inner);
    }
    let items = inner.as_array().cloned().unwrap_or_default();
    let scope = format!("property|{id}|{property_id}");
    let begin = match &paging.start_cursor {
        None => 0,
        Some(cursor) => match world.cursors.resume(&scope, cursor)? {
            Position::Offset(at) => at.min(items.len()),
            Position::After(_) => 0,
        },
    };
    let end = (begin + paging.page_size).min(items.len());
    let results: Vec<Value> = items[begin..end]
        .iter()
        .map(|item| json!({"object": "property_item", "id": property_id, "type": name, name: item}))
        .collect();
    let cursor = (end < items.len()).then(|| {
        world
            .cursors
            .issue(&mut world.ids, &scope, Position::Offset(end))
    });
    let next_url = cursor.as_ref().map(|cursor| {
        format!(
            "https://api.notion.com/v1/pages/{id}/properties/{}?start_cursor={cursor}&page_size={}",
            percent_encode(&crate::ids::percent_decode(&property_id)),
            paging.page_size
        )
    });
    let list = json!({
        "object": "list", "results": results, "next_cursor": cursor, "has_more": cursor.is_some(),
        "type": "property_item",
        "property_item": {"id": property_id, "next_url": next_url, "type": name, name: {}},
    });
    Ok(Answer::read(list.to_string()))
}

fn rollup(id: &str, inner: &Value) -> String {
    let items: Vec<Value> = inner["array"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| {
            let kind = item["type"].as_str().unwrap_or_default();
            json!({"object": "property_item", "id": id, "type": kind, kind: item[kind]})
        })
        .collect();
    let mut shown = inner.clone();
    if shown["array"].is_array() {
        shown["array"] = json!([]);
    }
    json!({
        "object": "list", "results": items, "next_cursor": null, "has_more": false,
        "type": "property_item",
        "property_item": {"id": id, "next_url": null, "type": "rollup", "rollup": shown},
    })
    .to_string()
}
