//! Rollups: what a relation's targets hold, put together by a function.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Reading, key_of, number, unsupported};
use crate::error::{ApiError, ApiResult};
use crate::model::World;
use crate::model::cell::Key;
use crate::model::kind::Kind;
use crate::model::property::{self, Property};
use crate::model::row::Row;
use crate::value::date::{Moment, parse_moment};

/// Every function of the API.
const FUNCTIONS: [&str; 24] = [
    "count",
    "count_values",
    "empty",
    "not_empty",
    "unique",
    "show_unique",
    "percent_empty",
    "percent_not_empty",
    "sum",
    "average",
    "median",
    "min",
    "max",
    "range",
    "earliest_date",
    "latest_date",
    "date_range",
    "checked",
    "unchecked",
    "percent_checked",
    "percent_unchecked",
    "count_per_group",
    "percent_per_group",
    "show_original",
];

/// Functions that property items do not compute, though pages may.
const NOT_IN_ITEMS: [&str; 5] = [
    "unique",
    "show_unique",
    "median",
    "count_per_group",
    "percent_per_group",
];

/// The relation a rollup goes over and the property it reads there.
pub(crate) fn ends<'w>(
    world: &'w World,
    schema: &'w [Property],
    rollup: &Property,
) -> Option<(&'w Property, &'w Property)> {
    let find = |schema: &'w [Property], key: &str| {
        let id = rollup.config[key].as_str()?;
        Some(&schema[property::find_by_id(schema, id)?])
    };
    let relation = find(schema, "relation_property_id")?;
    let target = world.data_sources.get(&relation.relation_target()?)?;
    Some((relation, find(&target.schema, "rollup_property_id")?))
}

/// The inner value for a page.
pub(super) fn value(reading: &Reading<'_>, row: &Row, rollup: &Property) -> Value {
    let function = &rollup.config["function"];
    let name = function.as_str().unwrap_or_default();
    let schema = reading.world.schema_of(row);
    let Some((relation, read)) = ends(reading.world, schema, rollup) else {
        return unsupported(function);
    };
    // Notion has no rollups of rollups.
    if read.kind == Kind::Rollup {
        return unsupported(function);
    }
    let values = values(reading, row, relation, read);
    let mut inner = match (name, kind_of(name)) {
        (_, Some("number")) => {
            json!({"type": "number", "number": figure(name, &values).map(number)})
        }
        (_, Some("date")) => json!({"type": "date", "date": date(name, &values)}),
        ("show_original", _) => json!({"type": "array", "array": items(read, &values)}),
        ("show_unique", _) => {
            let mut seen = BTreeSet::new();
            let mut items = items(read, &values);
            items.retain(|item| seen.insert(item.to_string()));
            json!({"type": "array", "array": items})
        }
        _ => return unsupported(function),
    };
    inner["function"] = function.clone();
    inner
}

/// The type of the result; nothing for lists, and for functions that nobody computes.
pub(crate) fn kind_of(function: &str) -> Option<&'static str> {
    match function {
        "earliest_date" | "latest_date" | "date_range" => Some("date"),
        "show_original" | "show_unique" | "count_per_group" | "percent_per_group" => None,
        known if FUNCTIONS.contains(&known) => Some("number"),
        _ => None,
    }
}

/// Whether property items say `unsupported` instead of computing it.
pub(crate) fn is_unsupported_in_items(function: &str) -> bool {
    NOT_IN_ITEMS.contains(&function)
}

/// What one target holds.
struct Held {
    inner: Value,
    key: Key,
}

fn values(reading: &Reading<'_>, row: &Row, relation: &Property, read: &Property) -> Vec<Held> {
    reading
        .targets(row, relation)
        .into_iter()
        .map(|target| {
            let inner = reading.inner(target, read);
            let key = key_of(&read.kind, &inner);
            Held { inner, key }
        })
        .collect()
}

fn items(read: &Property, values: &[Held]) -> Vec<Value> {
    let name = read.kind.as_str();
    values
        .iter()
        .map(|held| json!({"type": name, name: held.inner}))
        .collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody has as many pages as a float counts"
)]
fn figure(function: &str, values: &[Held]) -> Option<f64> {
    let count =
        |test: &dyn Fn(&Key) -> bool| values.iter().filter(|held| test(&held.key)).count() as f64;
    let total = values.len() as f64;
    let share = |part: f64| (total > 0.0).then_some(part / total);
    let is_empty = |key: &Key| *key == Key::Empty;
    let is_checked = |key: &Key| *key == Key::Bool(true);
    match function {
        "count" => return Some(total),
        "count_values" => return Some(single(values).len() as f64),
        "unique" => return Some(single(values).into_iter().collect::<BTreeSet<_>>().len() as f64),
        "empty" => return Some(count(&is_empty)),
        "not_empty" => return Some(total - count(&is_empty)),
        "percent_empty" => return share(count(&is_empty)),
        "percent_not_empty" => return share(total - count(&is_empty)),
        "checked" => return Some(count(&is_checked)),
        "unchecked" => return Some(total - count(&is_checked)),
        "percent_checked" => return share(count(&is_checked)),
        "percent_unchecked" => return share(total - count(&is_checked)),
        _ => {}
    }
    let mut numbers: Vec<f64> = values
        .iter()
        .filter_map(|held| match &held.key {
            Key::Number(number) => number.as_f64(),
            _ => None,
        })
        .collect();
    numbers.sort_by(f64::total_cmp);
    let (first, last) = (*numbers.first()?, *numbers.last()?);
    let sum = || numbers.iter().sum::<f64>();
    Some(match function {
        "sum" => sum(),
        "average" => sum() / numbers.len() as f64,
        "median" => {
            let middle = numbers.len() / 2;
            if numbers.len().is_multiple_of(2) {
                f64::midpoint(numbers[middle - 1], numbers[middle])
            } else {
                numbers[middle]
            }
        }
        "min" => first,
        "max" => last,
        "range" => last - first,
        _ => return None,
    })
}

/// Each value by itself: of a list its elements, of a text the whole.
fn single(values: &[Held]) -> Vec<String> {
    let mut out = Vec::new();
    for held in values {
        match (&held.key, &held.inner) {
            (Key::Empty, _) => {}
            (Key::Text(text), _) => out.push(text.to_string()),
            (_, Value::Array(elements)) => {
                out.extend(elements.iter().map(ToString::to_string));
            }
            (_, inner) => out.push(inner.to_string()),
        }
    }
    out
}

/// The first start, the last end, or from one to the other.
fn date(function: &str, values: &[Held]) -> Value {
    let written = |held: &Held, end: &str| -> Option<(Moment, String)> {
        let inner = match &held.inner {
            text @ Value::String(_) => text,
            inner if inner["type"] == "date" => &inner["date"][end],
            inner => &inner[end],
        };
        let text = inner.as_str()?;
        Some((parse_moment(text)?, text.replace('Z', "+00:00")))
    };
    let starts = || values.iter().filter_map(|held| written(held, "start"));
    let ends = values
        .iter()
        .filter_map(|held| written(held, "end").or_else(|| written(held, "start")));
    let order = |a: &(Moment, String), b: &(Moment, String)| -> Ordering {
        a.0.instant().cmp(&b.0.instant())
    };
    let (Some((_, first)), Some((_, last))) = (starts().min_by(order), ends.max_by(order)) else {
        return Value::Null;
    };
    let (start, end) = match function {
        "earliest_date" => (first, None),
        "latest_date" => (last, None),
        _ => (first, Some(last)),
    };
    json!({"start": start, "end": end, "time_zone": null})
}

/// Checks the shape of a rollup that a request gives.
pub(crate) fn check(path: &str, given: &Value) -> ApiResult<()> {
    let function = given.get("function");
    let known = function
        .and_then(Value::as_str)
        .is_some_and(|name| FUNCTIONS.contains(&name));
    if !known {
        let mut listed = String::new();
        for (at, name) in FUNCTIONS.iter().enumerate() {
            listed.push_str(if at == 0 { "" } else { ", " });
            listed.push_str(if at + 1 == FUNCTIONS.len() { "or " } else { "" });
            listed.push_str(&format!("`\"{name}\"`"));
        }
        return Err(ApiError::body(
            &format!("{path}.function"),
            &listed,
            function,
        ));
    }
    for (id, name) in [
        ("relation_property_id", "relation_property_name"),
        ("rollup_property_id", "rollup_property_name"),
    ] {
        if given[id].as_str().or(given[name].as_str()).is_none() {
            let shown = given.get(name).or(given.get(id));
            return Err(ApiError::body(&format!("{path}.{name}"), "defined", shown));
        }
    }
    Ok(())
}

/// The whole configuration of one: names and ids of the property, of the data source, that it goes over, and of the one it
/// reads there. `target` gives the schema behind a relation.
pub(crate) fn settle<'s>(
    schema: &'s [Property],
    given: &Value,
    target: impl Fn(&Property) -> Option<&'s [Property]>,
) -> ApiResult<Value> {
    let find = |schema: &'s [Property], side: &str| -> ApiResult<&'s Property> {
        let (id, name) = (
            format!("{side}_property_id"),
            format!("{side}_property_name"),
        );
        let key = given[&id].as_str().or(given[&name].as_str());
        let key = key.unwrap_or_default();
        property::find(schema, key)
            .map(|at| &schema[at])
            .ok_or_else(|| {
                ApiError::validation(format!(
                    "Could not find {side} property with name or id: {key}"
                ))
            })
    };
    let relation = find(schema, "relation")?;
    if relation.kind != Kind::Relation {
        return Err(ApiError::validation(format!(
            "{} is expected to be relation.",
            relation.name()
        )));
    }
    let read = match target(relation) {
        Some(schema) => find(schema, "rollup")?,
        None => {
            return Err(ApiError::validation(format!(
                "The data source behind {} is not shared with the connection.",
                relation.name()
            )));
        }
    };
    Ok(json!({
        "rollup_property_name": read.name(),
        "relation_property_name": relation.name(),
        // As recorded, these are not percent-encoded where the property's own id is.
        "rollup_property_id": crate::ids::percent_decode(&read.id),
        "relation_property_id": crate::ids::percent_decode(&relation.id),
        "function": given["function"],
    }))
}
