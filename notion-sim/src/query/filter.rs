//! Filters: compound up to two levels, each leaf a condition on a property or a time.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::condition::{self, Condition, Family};
use crate::error::{ApiError, ApiResult};
use crate::model::cell::Key;
use crate::model::kind::Kind;
use crate::model::property::{self, Property};
use crate::model::row::Row;

/// How deep `and` and `or` may nest.
const COMPOUND_LEVELS: usize = 2;

#[derive(Debug, Clone)]
enum Target {
    Created,
    Edited,
    CreatedBy,
    EditedBy,
    Cell(String),
}

#[derive(Debug, Clone)]
enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Leaf(Target, Condition),
}

/// A filter that was checked against a schema.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    root: Option<Node>,
    /// Whether its meaning moves with the clock.
    pub(crate) is_relative: bool,
}

struct Parser<'a> {
    schema: &'a [Property],
    now: Timestamp,
    me: Uuid,
    is_relative: bool,
}

impl Filter {
    /// Reads the `filter` of a query.
    pub(crate) fn parse(
        schema: &[Property],
        given: Option<&Value>,
        now: Timestamp,
        me: Uuid,
    ) -> ApiResult<Self> {
        match given {
            None | Some(Value::Null) => Ok(Self {
                root: None,
                is_relative: false,
            }),
            Some(given) => Self::parse_at("body.filter", schema, given, now, me),
        }
    }

    /// Reads one that stands at another place of a body.
    pub(crate) fn parse_at(
        path: &str,
        schema: &[Property],
        given: &Value,
        now: Timestamp,
        me: Uuid,
    ) -> ApiResult<Self> {
        let mut parser = Parser {
            schema,
            now,
            me,
            is_relative: false,
        };
        let root = Some(parser.node(path, given, 0)?);
        Ok(Self {
            root,
            is_relative: parser.is_relative,
        })
    }

    /// Whether a page passes.
    pub(crate) fn holds(&self, row: &Row) -> bool {
        self.root.as_ref().is_none_or(|root| root.holds(row))
    }
}

impl Node {
    fn holds(&self, row: &Row) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().all(|node| node.holds(row)),
            Self::Or(nodes) => nodes.iter().any(|node| node.holds(row)),
            Self::Leaf(target, condition) => match target {
                Target::Created => condition.holds(&Key::instant(row.created_minute())),
                Target::Edited => condition.holds(&Key::instant(row.edited_minute())),
                Target::CreatedBy => condition.holds(&Key::Ids(vec![row.created_by])),
                Target::EditedBy => condition.holds(&Key::Ids(vec![row.edited_by])),
                Target::Cell(id) => match row.cell(id) {
                    Some(cell) => condition.holds(&cell.key),
                    None => condition.holds(&Key::Empty),
                },
            },
        }
    }
}

impl Parser<'_> {
    fn node(&mut self, path: &str, given: &Value, level: usize) -> ApiResult<Node> {
        let Some(object) = given.as_object() else {
            return Err(ApiError::body(path, "an object", Some(given)));
        };
        for (key, is_and) in [("and", true), ("or", false)] {
            let Some(list) = object.get(key) else {
                continue;
            };
            let path = format!("{path}.{key}");
            if level == COMPOUND_LEVELS {
                return Err(ApiError::body(&path, "not present", Some(list)));
            }
            let Some(list) = list.as_array() else {
                return Err(ApiError::body(&path, "an array", Some(list)));
            };
            let nodes = list
                .iter()
                .enumerate()
                .map(|(at, node)| self.node(&format!("{path}[{at}]"), node, level + 1))
                .collect::<ApiResult<Vec<Node>>>()?;
            return Ok(if is_and {
                Node::And(nodes)
            } else {
                Node::Or(nodes)
            });
        }
        if let Some(timestamp) = object.get("timestamp") {
            return self.timestamp(path, timestamp, given);
        }
        self.property(path, given)
    }

    fn timestamp(&mut self, path: &str, timestamp: &Value, given: &Value) -> ApiResult<Node> {
        let (name, target) = match timestamp.as_str() {
            Some("created_time") => ("created_time", Target::Created),
            Some("last_edited_time") => ("last_edited_time", Target::Edited),
            _ => {
                return Err(ApiError::body(
                    &format!("{path}.timestamp"),
                    "`\"created_time\"` or `\"last_edited_time\"`",
                    Some(timestamp),
                ));
            }
        };
        if let Some(property) = given.get("property") {
            return Err(ApiError::body(
                &format!("{path}.property"),
                "not present",
                Some(property),
            ));
        }
        let path = format!("{path}.{name}");
        let condition = given
            .get(name)
            .ok_or_else(|| ApiError::body(&path, "defined", None))?;
        let condition = self.condition(Family::Date, &path, condition)?;
        Ok(Node::Leaf(target, condition))
    }

    fn property(&mut self, path: &str, given: &Value) -> ApiResult<Node> {
        let Some(key) = given["property"].as_str() else {
            return Err(ApiError::body(
                &format!("{path}.property"),
                "defined",
                given.get("property"),
            ));
        };
        let Some(at) = property::find(self.schema, key) else {
            return Err(ApiError::validation(format!(
                "Could not find property with name or id: {key}"
            )));
        };
        let property = &self.schema[at];
        let Some((name, inner)) = given.as_object().and_then(|object| {
            object
                .iter()
                .find(|(k, _)| !matches!(k.as_str(), "property" | "type"))
        }) else {
            return Err(ApiError::body(
                &format!("{path}.{}", property.kind.as_str()),
                "defined",
                None,
            ));
        };
        let (family, target) = subject(property, name).ok_or_else(|| {
            ApiError::validation(format!(
                "database property {} does not match filter {name}",
                property.kind.as_str()
            ))
        })?;
        let path = format!("{path}.{name}");
        if matches!(property.kind, Kind::Formula | Kind::Rollup) {
            let (family, path, inner) = computed(&path, inner)?;
            return Ok(Node::Leaf(target, self.condition(family, &path, inner)?));
        }
        Ok(Node::Leaf(target, self.condition(family, &path, inner)?))
    }

    fn condition(&mut self, family: Family, path: &str, given: &Value) -> ApiResult<Condition> {
        let (condition, relative) = condition::parse(family, path, given, self.now, self.me)?;
        self.is_relative |= relative;
        Ok(condition)
    }
}

/// Which conditions a property takes under this filter key, and where its value is.
fn subject(property: &Property, name: &str) -> Option<(Family, Target)> {
    // Text filters are interchangeable between the text types.
    let is_text = |kind: &Kind| {
        matches!(
            kind,
            Kind::Title | Kind::RichText | Kind::Url | Kind::Email | Kind::PhoneNumber
        )
    };
    let asked = Kind::parse(name);
    if asked != property.kind && !(is_text(&asked) && is_text(&property.kind)) {
        return None;
    }
    let cell = Target::Cell(property.id.clone());
    Some(match &property.kind {
        Kind::Title | Kind::RichText | Kind::Url | Kind::Email | Kind::PhoneNumber => {
            (Family::Text, cell)
        }
        Kind::Number | Kind::UniqueId => (Family::Number, cell),
        Kind::Checkbox => (Family::Checkbox, cell),
        Kind::Select | Kind::Status => (Family::Option, cell),
        Kind::MultiSelect => (Family::Options, cell),
        Kind::Date => (Family::Date, cell),
        Kind::CreatedTime => (Family::Date, Target::Created),
        Kind::LastEditedTime => (Family::Date, Target::Edited),
        Kind::CreatedBy => (Family::Reference, Target::CreatedBy),
        Kind::LastEditedBy => (Family::Reference, Target::EditedBy),
        Kind::People | Kind::Relation => (Family::Reference, cell),
        Kind::Files => (Family::Presence, cell),
        Kind::Formula | Kind::Rollup => (Family::Presence, cell),
        Kind::Button | Kind::Verification | Kind::Place | Kind::Other(_) => return None,
    })
}

/// The condition inside a formula or rollup filter.
fn computed<'v>(path: &str, given: &'v Value) -> ApiResult<(Family, String, &'v Value)> {
    for (name, family) in [
        ("string", Family::Text),
        ("number", Family::Number),
        ("checkbox", Family::Checkbox),
        ("date", Family::Date),
    ] {
        if let Some(inner) = given.get(name) {
            return Ok((family, format!("{path}.{name}"), inner));
        }
    }
    Err(ApiError::validation(format!(
        "{path}: this kind of filter is not simulated."
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(given: &Value) -> ApiResult<Filter> {
        let schema = [Property::new("n", "Est", Kind::Number, json!({}))];
        Filter::parse(&schema, Some(given), Timestamp::UNIX_EPOCH, Uuid::nil())
    }

    #[test]
    fn two_compound_levels_are_the_most() {
        let leaf = json!({"property": "Est", "number": {"equals": 1}});
        assert!(parse(&json!({"and": [{"or": [leaf]}]})).is_ok());
        let error = parse(&json!({"and": [{"or": [{"and": [leaf]}]}]})).unwrap_err();
        assert!(
            error
                .message
                .contains("body.filter.and[0].or[0].and should be not present")
        );
    }

    #[test]
    fn the_filter_must_match_the_type() {
        let error = parse(&json!({"property": "Est", "checkbox": {"equals": true}})).unwrap_err();
        assert_eq!(
            error.message,
            "database property number does not match filter checkbox"
        );
        assert!(parse(&json!({"property": "X", "number": {"equals": 1}})).is_err());
        assert!(
            parse(&json!({"timestamp": "created_time", "property": "Est", "created_time": {"after": "2026-01-01"}}))
                .is_err()
        );
    }
}
