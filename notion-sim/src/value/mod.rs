//! Page values on their way in: checked per type, then given the form they are read back in.

pub(crate) mod block;
pub(crate) mod date;
pub(crate) mod limit;
pub(crate) mod looks;
pub(crate) mod media;
pub(crate) mod option;
pub(crate) mod picture;
pub(crate) mod reference;
pub(crate) mod rich_text;
mod settle;
pub(crate) mod view;

use serde_json::{Map, Number, Value, json};
use uuid::Uuid;

use crate::error::{ApiError, ApiResult};
use crate::ids::IdSource;
use crate::model::World;
use crate::model::kind::Kind;
use crate::model::property::{self, Property};

/// Values checked and ready to be stored, with the options they bring along.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Position in the schema, and the inner value.
    pub(crate) values: Vec<(usize, Value)>,
    /// Position in the schema, and the option to add there.
    pub(crate) new_options: Vec<(usize, Value)>,
    /// Uploads that are to be attached.
    pub(crate) uploads: Vec<Uuid>,
}

/// Checks the `properties` of a request against a schema. Nothing is changed but `ids`.
pub(crate) fn plan(
    world: &World,
    ids: &mut IdSource,
    schema: &[Property],
    given: &Map<String, Value>,
) -> ApiResult<Plan> {
    let mut plan = Plan::default();
    for (key, value) in given {
        let Some(at) = property::find(schema, key) else {
            return Err(ApiError::validation(format!(
                "{key} is not a property that exists."
            )));
        };
        let column = &schema[at];
        let path = format!("body.properties.{key}");
        let inner = inner_of(&path, key, &column.kind, value)?;
        let path = format!("{path}.{}", column.kind.as_str());
        let read = match &column.kind {
            Kind::Select | Kind::Status | Kind::MultiSelect => {
                let pending: Vec<Value> = plan
                    .new_options
                    .iter()
                    .filter(|(column, _)| *column == at)
                    .map(|(_, option)| option.clone())
                    .collect();
                let mut writer = option::Writer::new(column, pending, ids);
                let read = writer.write(&path, inner, world.knobs.status_null_is_default)?;
                let added = writer.into_added();
                plan.new_options.extend(added.into_iter().map(|o| (at, o)));
                read
            }
            Kind::Relation => reference::relation(world, &path, column, inner)?,
            Kind::People => reference::people(world, &path, inner)?,
            Kind::Files => {
                let (read, uploads) = reference::files(world, &path, inner)?;
                plan.uploads.extend(uploads);
                read
            }
            Kind::Verification => verification(world, &path, inner)?,
            Kind::Number if world.knobs.rounds_numbers => {
                scalar(&Kind::Number, &path, &rounded(inner))?
            }
            Kind::Date => date::normalise_by(&world.knobs, &path, inner)?,
            Kind::Place if !world.knobs.place_is_writable => {
                return Err(ApiError::body(&path, "not present", Some(inner)));
            }
            kind => scalar(kind, &path, inner)?,
        };
        plan.values
            .push((at, settle::settled(&world.knobs, column, read)));
    }
    Ok(plan)
}

/// Takes the inner value out of `{"<type>": …}`; lists may also come bare.
fn inner_of<'v>(path: &str, key: &str, kind: &Kind, value: &'v Value) -> ApiResult<&'v Value> {
    let name = kind.as_str();
    if kind.is_list() && value.is_array() {
        return Ok(value);
    }
    let Some(object) = value.as_object() else {
        return Err(ApiError::body(path, "an object", Some(value)));
    };
    let declared = object.get("type").and_then(Value::as_str).or_else(|| {
        let known = |key: &&String| !matches!(Kind::parse(key), Kind::Other(_));
        object.keys().find(known).map(String::as_str)
    });
    let inner = object.get(name);
    if let (Some(declared), None) = (declared, inner)
        && declared != name
    {
        return Err(ApiError::validation(format!(
            "{key} is expected to be {name}."
        )));
    }
    let Some(inner) = inner else {
        return Err(ApiError::body(&format!("{path}.{name}"), "defined", None));
    };
    if !kind.is_writable() {
        return Err(ApiError::body(
            &format!("{path}.{name}"),
            "not present",
            Some(inner),
        ));
    }
    Ok(inner)
}

fn scalar(kind: &Kind, path: &str, inner: &Value) -> ApiResult<Value> {
    match kind {
        Kind::Title | Kind::RichText => rich_text::normalise(path, inner),
        Kind::Number => match inner {
            Value::Null => Ok(Value::Null),
            Value::Number(number) => Ok(Value::Number(shortest(number))),
            _ => Err(ApiError::body(path, "a number or `null`", Some(inner))),
        },
        Kind::Checkbox => match inner {
            Value::Bool(_) => Ok(inner.clone()),
            _ => Err(ApiError::body(path, "a boolean", Some(inner))),
        },
        Kind::Url => text(path, limit::TEXT, inner),
        Kind::Email | Kind::PhoneNumber => text(path, limit::SHORT, inner),
        Kind::Place => place(path, inner),
        _ => Err(ApiError::body(path, "not present", Some(inner))),
    }
}

fn text(path: &str, limit: usize, inner: &Value) -> ApiResult<Value> {
    match inner {
        Value::Null => Ok(Value::Null),
        Value::String(text) if text.is_empty() => Err(ApiError::body(
            path,
            "a non-empty string or `null`",
            Some(inner),
        )),
        Value::String(text) => {
            limit::utf16(path, limit, text)?;
            Ok(inner.clone())
        }
        _ => Err(ApiError::body(path, "a string or `null`", Some(inner))),
    }
}

/// A number as JavaScript reads it.
fn rounded(inner: &Value) -> Value {
    inner.as_f64().map_or_else(|| inner.clone(), Value::from)
}

/// Integers stay as written; a whole float loses its `.0`, as it would in JavaScript.
fn shortest(number: &Number) -> Number {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() < EXACT => {
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            let whole = value as i64;
            Number::from(whole)
        }
        _ => number.clone(),
    }
}

fn place(path: &str, inner: &Value) -> ApiResult<Value> {
    let Some(given) = inner.as_object() else {
        return match inner {
            Value::Null => Ok(Value::Null),
            _ => Err(ApiError::body(path, "an object or `null`", Some(inner))),
        };
    };
    for (name, bound) in [("lat", 90.0), ("lon", 180.0)] {
        let path = format!("{path}.{name}");
        match given.get(name).and_then(Value::as_f64) {
            Some(degrees) if (-bound..=bound).contains(&degrees) => {}
            _ => {
                let expected = format!("a number between -{bound} and {bound}");
                return Err(ApiError::body(&path, &expected, given.get(name)));
            }
        }
    }
    Ok(inner.clone())
}

fn verification(world: &World, path: &str, inner: &Value) -> ApiResult<Value> {
    match inner["state"].as_str() {
        Some("unverified") => Ok(json!({"state": "unverified", "date": null, "verified_by": null})),
        Some("verified") => {
            let date = date::normalise(&format!("{path}.date"), &inner["date"])?;
            let by = crate::model::row::user_reference(world.bot);
            Ok(json!({"state": "verified", "date": date, "verified_by": by}))
        }
        _ => Err(ApiError::body(
            &format!("{path}.state"),
            "`\"verified\"` or `\"unverified\"`",
            inner.get("state"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_literals_stay() {
        let read = |text: &str| {
            let given: Value = serde_json::from_str(text).unwrap();
            scalar(&Kind::Number, "p", &given).unwrap().to_string()
        };
        for same in [
            "3",
            "-7",
            "0.1",
            "9007199254740993",
            "18446744073709551615",
            "2.5e-8",
        ] {
            assert_eq!(read(same), same);
        }
        assert_eq!(read("3.0"), "3");
        assert_eq!(read("1.50"), "1.5");
    }

    #[test]
    fn wrong_types_name_the_path() {
        let error = scalar(&Kind::Number, "body.properties.X.number", &json!("a")).unwrap_err();
        assert_eq!(
            error.message,
            "body failed validation: body.properties.X.number should be a number or `null`, instead was `\"a\"`."
        );
        let error = inner_of(
            "body.properties.Foo",
            "Foo",
            &Kind::Number,
            &json!({"checkbox": true}),
        )
        .unwrap_err();
        assert_eq!(error.message, "Foo is expected to be number.");
    }

    #[test]
    fn short_texts_have_their_limits() {
        assert!(scalar(&Kind::Email, "p", &json!("x".repeat(200))).is_ok());
        assert!(scalar(&Kind::Email, "p", &json!("x".repeat(201))).is_err());
        assert!(scalar(&Kind::Url, "p", &json!("")).is_err());
    }
}
