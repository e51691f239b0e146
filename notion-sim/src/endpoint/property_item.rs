//! Property items: the way to read values that page reads cut short.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Call, Paging};
use crate::compute::{self, rollup};
use crate::error::{ApiError, ApiResult};
use crate::ids::percent_encode;
use crate::model::World;
use crate::model::kind::Kind;
use crate::model::property::{self, Property};
use crate::model::row::Row;
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
    let property_id = property.id.clone();
    let own = row.cell(&property_id).is_some();
    let mut inner = world.whole_reading().inner(row, property);
    if matches!(kind, Kind::Title | Kind::RichText) {
        world.show_people(&mut inner);
    }
    let wrap = |id: &str, name: &str, item: &Value| json!({"object": "property_item", "id": id, "type": name, name: item});
    let (items, shown) = match &kind {
        Kind::Title | Kind::RichText | Kind::People | Kind::Relation => {
            let items = inner.as_array().into_iter().flatten();
            let items = items.map(|item| wrap(&property_id, name, item)).collect();
            (items, json!({}))
        }
        Kind::Rollup => rollup(world, row, property, own, inner),
        _ => {
            return Ok(Answer::read(wrap(&property_id, name, &inner).to_string()));
        }
    };
    let scope = format!("property|{id}|{property_id}");
    let begin = match &paging.start_cursor {
        None => 0,
        Some(cursor) => match world.resume(&scope, cursor)? {
            Position::Offset(at) => at.min(items.len()),
            Position::After(_) => 0,
        },
    };
    let end = (begin + paging.page_size).min(items.len());
    let cursor = (end < items.len()).then(|| world.issue_cursor(&scope, Position::Offset(end)));
    let next_url = cursor.as_ref().map(|cursor| {
        format!(
            "https://api.notion.com/v1/pages/{id}/properties/{}?start_cursor={cursor}&page_size={}",
            percent_encode(&crate::ids::percent_decode(&property_id)),
            paging.page_size
        )
    });
    // What a rollup comes to is only known at the end of its relation.
    let shown = match shown.get("function") {
        Some(function) if cursor.is_some() => {
            json!({"type": "incomplete", "incomplete": {}, "function": function})
        }
        _ => shown,
    };
    let list = json!({
        "object": "list", "results": &items[begin..end], "next_cursor": cursor, "has_more": cursor.is_some(),
        "type": "property_item",
        "property_item": {"id": property_id, "next_url": next_url, "type": name, name: shown},
    });
    Ok(Answer::read(list.to_string()))
}

/// The items of a rollup and what it comes to: of a list its values, one by one, else the targets of its relation. One
/// that was `set`, not computed, only knows its list.
fn rollup(
    world: &World,
    row: &Row,
    property: &Property,
    set: bool,
    mut inner: Value,
) -> (Vec<Value>, Value) {
    let function = property.config["function"].as_str().unwrap_or_default();
    let items = match inner["array"].as_array() {
        Some(values) => values
            .iter()
            .flat_map(|value| listed(&property.id, value))
            .collect(),
        None if set => Vec::new(),
        None => targets(world, row, property),
    };
    if !set && rollup::is_unsupported_in_items(function) {
        let inner = compute::unsupported(&property.config["function"]);
        return (targets(world, row, property), inner);
    }
    if inner["array"].is_array() {
        inner["array"] = json!([]);
    }
    (items, inner)
}

/// A value of a list, a list among them by its elements.
fn listed(id: &str, value: &Value) -> Vec<Value> {
    let name = value["type"].as_str().unwrap_or_default();
    let flat = matches!(
        Kind::parse(name),
        Kind::Title | Kind::RichText | Kind::People | Kind::Relation
    );
    let item =
        |inner: &Value| json!({"object": "property_item", "id": id, "type": name, name: inner});
    match value[name].as_array() {
        Some(elements) if flat => elements.iter().map(item).collect(),
        _ => vec![item(&value[name])],
    }
}

fn targets(world: &World, row: &Row, property: &Property) -> Vec<Value> {
    let Some((relation, _)) = rollup::ends(world, world.schema_of(row), property) else {
        return Vec::new();
    };
    let reading = world.whole_reading();
    let targets = reading.targets(row, relation).into_iter();
    targets
        .map(|target| {
            json!({
                "object": "property_item", "id": relation.id, "type": "relation",
                "relation": {"id": target.id.to_string()},
            })
        })
        .collect()
}
