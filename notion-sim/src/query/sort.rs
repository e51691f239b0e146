//! Sorting pages: by property or by time, empty values last, text with numbers in numeric order.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use crate::compute;
use crate::error::{ApiError, ApiResult};
use crate::model::World;
use crate::model::cell::Key;
use crate::model::kind::Kind;
use crate::model::property::{self, Property};
use crate::model::row::Row;

#[derive(Debug, Clone)]
enum By {
    Property(usize),
    Created,
    Edited,
}

/// One criterion.
#[derive(Debug, Clone)]
pub(crate) struct Sort {
    by: By,
    descending: bool,
}

/// What a criterion sees of a page.
#[derive(Debug, Clone, PartialEq)]
enum SortKey {
    Missing,
    Number(f64),
    Rank(usize),
    Time(Timestamp),
    Text(Box<str>),
}

/// A place in the order of a query.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    keys: Vec<SortKey>,
    created: i64,
    seq: u64,
}

/// Reads the `sorts` of a query.
pub(crate) fn parse(schema: &[Property], given: Option<&Value>) -> ApiResult<Vec<Sort>> {
    let list = match given {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        other => return Err(ApiError::body("body.sorts", "an array", other)),
    };
    list.iter()
        .enumerate()
        .map(|(at, sort)| {
            let path = format!("body.sorts[{at}]");
            let by = match (sort["timestamp"].as_str(), sort["property"].as_str()) {
                (Some("created_time"), _) => By::Created,
                (Some("last_edited_time"), _) => By::Edited,
                (None, Some(key)) => {
                    By::Property(property::find(schema, key).ok_or_else(|| {
                        ApiError::validation(format!(
                            "Could not find sort property with name or id: {key}"
                        ))
                    })?)
                }
                _ => return Err(ApiError::body(&format!("{path}.property"), "defined", None)),
            };
            let descending = match sort.get("direction").and_then(Value::as_str) {
                Some("ascending") => false,
                Some("descending") => true,
                _ => {
                    return Err(ApiError::body(
                        &format!("{path}.direction"),
                        "`\"ascending\"` or `\"descending\"`",
                        sort.get("direction"),
                    ));
                }
            };
            Ok(Sort { by, descending })
        })
        .collect()
}

/// The place of a page.
pub(crate) fn place(
    world: &World,
    sorts: &[Sort],
    schema: &[Property],
    row: &Row,
    seq: u64,
) -> Place {
    let keys = sorts
        .iter()
        .map(|sort| key(world, &sort.by, schema, row))
        .collect();
    let (created, seq) = match world.knobs.ties_newest_first {
        true => (row.created.as_millisecond(), seq),
        // Ids are drawn, so this is no order that means anything.
        false => (0, row.id.as_u64_pair().1),
    };
    Place { keys, created, seq }
}

/// Compares two places; pages that are equal in every criterion come newest first, or by id.
pub(crate) fn compare(sorts: &[Sort], left: &Place, right: &Place) -> Ordering {
    for (sort, (a, b)) in sorts.iter().zip(left.keys.iter().zip(&right.keys)) {
        let order = match (a, b) {
            (SortKey::Missing, SortKey::Missing) => Ordering::Equal,
            (SortKey::Missing, _) => Ordering::Greater,
            (_, SortKey::Missing) => Ordering::Less,
            _ if sort.descending => compare_keys(b, a),
            _ => compare_keys(a, b),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    (right.created, right.seq).cmp(&(left.created, left.seq))
}

fn compare_keys(a: &SortKey, b: &SortKey) -> Ordering {
    match (a, b) {
        (SortKey::Number(a), SortKey::Number(b)) => a.total_cmp(b),
        (SortKey::Rank(a), SortKey::Rank(b)) => a.cmp(b),
        (SortKey::Time(a), SortKey::Time(b)) => a.cmp(b),
        (SortKey::Text(a), SortKey::Text(b)) => natural(a, b),
        _ => Ordering::Equal,
    }
}

/// Whether a criterion is about what other pages hold as well.
pub(crate) fn is_computed(sorts: &[Sort], schema: &[Property]) -> bool {
    sorts.iter().any(|sort| match sort.by {
        By::Property(at) => schema[at].kind.is_computed(),
        By::Created | By::Edited => false,
    })
}

fn key(world: &World, by: &By, schema: &[Property], row: &Row) -> SortKey {
    let at = match by {
        By::Created => return SortKey::Time(row.created_minute()),
        By::Edited => return SortKey::Time(row.edited_minute()),
        By::Property(at) => *at,
    };
    let property = &schema[at];
    match property.kind {
        Kind::CreatedTime => return SortKey::Time(row.created_minute()),
        Kind::LastEditedTime => return SortKey::Time(row.edited_minute()),
        _ => {}
    }
    if property.kind.is_computed() {
        return computed_key(&world.whole_reading().inner(row, property));
    }
    match row.cell(&property.id).map(|cell| &cell.key) {
        None | Some(Key::Empty) if property.kind == Kind::Checkbox => SortKey::Rank(0),
        None | Some(Key::Empty) => SortKey::Missing,
        Some(Key::Options(options)) => rank(property, options),
        Some(key) => plain_key(key),
    }
}

fn plain_key(key: &Key) -> SortKey {
    match key {
        Key::Empty => SortKey::Missing,
        Key::Text(text) => SortKey::Text(text.to_lowercase().into()),
        Key::Number(number) => SortKey::Number(number.as_f64().unwrap_or(0.0)),
        Key::Bool(flag) => SortKey::Rank(usize::from(*flag)),
        Key::Date(start, _) => SortKey::Time(start.instant()),
        Key::Options(options) => options.first().map_or(SortKey::Missing, |(_, name)| {
            SortKey::Text(name.to_lowercase().into())
        }),
        Key::Ids(ids) => SortKey::Rank(ids.len()),
        Key::Present => SortKey::Rank(1),
    }
}

/// A computed value by what it is, a list by its first value.
fn computed_key(inner: &Value) -> SortKey {
    let item = match inner["array"].as_array() {
        Some(items) => match items.first() {
            Some(item) => item,
            None => return SortKey::Missing,
        },
        None => return plain_key(&Key::of(&Kind::Formula, inner)),
    };
    let kind = Kind::parse(item["type"].as_str().unwrap_or_default());
    plain_key(&compute::key_of(&kind, &item[kind.as_str()]))
}

/// Options sort in the order of the schema.
fn rank(property: &Property, options: &[(Box<str>, Box<str>)]) -> SortKey {
    let first = options.first().map_or("", |(id, _)| id);
    let at = property
        .options()
        .iter()
        .position(|option| option["id"].as_str() == Some(first));
    SortKey::Rank(at.unwrap_or(usize::MAX))
}

/// Compares text so that `task 9` comes before `task 10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (Some(x), Some(y)) = (a.chars().next(), b.chars().next()) else {
            return a.len().cmp(&b.len());
        };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (left, right) = (digits(a), digits(b));
            let (l, r) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
            let order = l.len().cmp(&r.len()).then_with(|| l.cmp(r));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (&a[left.len()..], &b[right.len()..]);
        } else if x == y {
            (a, b) = (&a[x.len_utf8()..], &b[y.len_utf8()..]);
        } else {
            return x.cmp(&y);
        }
    }
}

fn digits(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_sorts_by_numeric_value() {
        let mut names = ["task 10", "task 9", "task 09b", "a", ""];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["", "a", "task 9", "task 09b", "task 10"]);
    }

    #[test]
    fn missing_values_come_last_both_ways() {
        for descending in [false, true] {
            let sorts = [Sort {
                by: By::Created,
                descending,
            }];
            let place = |key| Place {
                keys: vec![key],
                created: 0,
                seq: 0,
            };
            let order = compare(
                &sorts,
                &place(SortKey::Missing),
                &place(SortKey::Number(1.0)),
            );
            assert_eq!(order, Ordering::Greater);
        }
    }
}
