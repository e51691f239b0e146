//! What requests say of views: filters, quick filters and sorts, kept with ids of properties so that a
//! rename changes nothing. How a view looks is in `looks`.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::error::{ApiError, ApiResult};
use crate::model::World;
use crate::model::property::{self, Property};
use crate::model::view::View;
use crate::query::filter::Filter;
use crate::query::sort;
use crate::value::limit;

/// Checks a filter, and gives it as it is kept.
pub(crate) fn filter(world: &World, schema: &[Property], given: &Value) -> ApiResult<Value> {
    Filter::parse(schema, Some(given), world.now, world.bot)?;
    Ok(by_id(schema, given))
}

/// Checks sorts. `by_time` says whether a view takes any by time.
pub(crate) fn sorts(schema: &[Property], given: &Value, by_time: bool) -> ApiResult<Value> {
    let list = given.as_array().map_or(&[][..], Vec::as_slice);
    limit::count("body.sorts", limit::ARRAY_ITEMS, list.len())?;
    for (at, sort) in list.iter().enumerate() {
        if let (Some(timestamp), false) = (sort.get("timestamp"), by_time) {
            let path = format!("body.sorts[{at}].timestamp");
            return Err(ApiError::body(&path, "not present", Some(timestamp)));
        }
    }
    sort::parse(schema, Some(given))?;
    Ok(by_id(schema, given))
}

/// Checks quick filters, and changes those that are there: `null` removes one, or all of them.
pub(crate) fn quick_filters(
    world: &World,
    schema: &[Property],
    given: &Value,
    kept: &mut Map<String, Value>,
) -> ApiResult<()> {
    let given = match given {
        Value::Null => {
            kept.clear();
            return Ok(());
        }
        Value::Object(given) => given,
        other => {
            return Err(ApiError::body(
                "body.quick_filters",
                "an object or `null`",
                Some(other),
            ));
        }
    };
    for (key, condition) in given {
        let path = format!("body.quick_filters.{key}");
        let found = property::find(schema, key).map(|at| &schema[at].id);
        let id = found.ok_or_else(|| unknown_property(key))?;
        if condition.is_null() {
            kept.remove(id);
            continue;
        }
        if !condition.is_object() {
            return Err(ApiError::body(&path, "an object", Some(condition)));
        }
        let leaf = quick_filter(id, condition);
        Filter::parse_at(&path, schema, &leaf, world.now, world.bot)?;
        kept.insert(id.clone(), condition.clone());
    }
    Ok(())
}

/// The filter that a quick filter of a property is.
pub(crate) fn quick_filter(id: &str, condition: &Value) -> Value {
    let mut leaf = condition.clone();
    leaf["property"] = json!(id);
    leaf
}

/// A filter without what it says of properties that are gone; nothing where nothing is left.
pub(crate) fn still_known(schema: &[Property], filter: &Value) -> Option<Value> {
    for key in ["and", "or"] {
        if let Some(parts) = filter.get(key).and_then(Value::as_array) {
            let parts = parts.iter().filter_map(|part| still_known(schema, part));
            let parts: Vec<Value> = parts.collect();
            return (!parts.is_empty()).then(|| json!({key: parts}));
        }
    }
    match filter.get("property").and_then(Value::as_str) {
        Some(key) => property::find(schema, key).map(|_| filter.clone()),
        None => (!filter.is_null()).then(|| filter.clone()),
    }
}

/// Names of properties turned into ids, wherever a filter or sort has them.
fn by_id(schema: &[Property], given: &Value) -> Value {
    match given {
        Value::Array(items) => items.iter().map(|item| by_id(schema, item)).collect(),
        Value::Object(object) => {
            let part = |(key, value): (&String, &Value)| {
                let found = value.as_str().and_then(|name| property::find(schema, name));
                let value = match (key.as_str(), found) {
                    ("property", Some(at)) => json!(schema[at].id),
                    ("and" | "or", _) => by_id(schema, value),
                    _ => value.clone(),
                };
                (key.clone(), value)
            };
            Value::Object(object.iter().map(part).collect())
        }
        plain => plain.clone(),
    }
}

pub(super) fn unknown_property(key: &str) -> ApiError {
    ApiError::validation(format!("Could not find property with name or id: {key}"))
}

/// The pages that a view shows, in its order. What it says of properties that are gone counts for nothing.
pub(crate) fn shown_by(world: &World, view: &View) -> ApiResult<Vec<Uuid>> {
    let Some(source) = view.data_source else {
        return Ok(Vec::new());
    };
    let source = world.data_source(source)?;
    let schema = &source.schema;
    let quick = view.quick_filters.iter();
    let quick = quick.map(|(id, condition)| quick_filter(id, condition));
    let all = quick.chain([view.filter.clone()]);
    let known = all.filter_map(|filter| still_known(schema, &filter));
    let filters = known
        .map(|filter| Filter::parse(schema, Some(&filter), world.now, world.bot))
        .collect::<ApiResult<Vec<Filter>>>()?;
    let sorts = view.sorts.as_array().into_iter().flatten();
    let sorts: Value = sorts.filter_map(|sort| still_known(schema, sort)).collect();
    let sorts = sort::parse(schema, Some(&sorts))?;
    Ok(crate::query::run::select(
        world, source, &filters, &sorts, false,
    ))
}
