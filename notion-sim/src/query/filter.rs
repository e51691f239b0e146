//! Filters: compound up to two levels, each leaf a condition on a property or a time.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::condition::{self, Condition, Family};
use crate::compute;
use crate::error::{ApiError, ApiResult};
use crate::model::World;
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
    /// A formula or rollup, or what is in it.
    Computed(Box<Property>, Within),
}

/// Which values of a computed property a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Itself,
    Any,
    Every,
    None,
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
    /// Whether it is about what other pages hold as well.
    pub(crate) is_computed: bool,
}

struct Parser<'a> {
    schema: &'a [Property],
    now: Timestamp,
    me: Uuid,
    is_relative: bool,
    is_computed: bool,
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
                is_computed: false,
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
            is_computed: false,
        };
        let root = Some(parser.node(path, given, 0)?);
        Ok(Self {
            root,
            is_relative: parser.is_relative,
            is_computed: parser.is_computed,
        })
    }

    /// Whether a page passes.
    pub(crate) fn holds(&self, world: &World, row: &Row) -> bool {
        self.root.as_ref().is_none_or(|root| root.holds(world, row))
    }
}

impl Node {
    fn holds(&self, world: &World, row: &Row) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().all(|node| node.holds(world, row)),
            Self::Or(nodes) => nodes.iter().any(|node| node.holds(world, row)),
            Self::Leaf(target, condition) => match target {
                Target::Created => condition.holds(&Key::instant(row.created_minute())),
                Target::Edited => condition.holds(&Key::instant(row.edited_minute())),
                Target::CreatedBy => condition.holds(&Key::Ids(vec![row.created_by])),
                Target::EditedBy => condition.holds(&Key::Ids(vec![row.edited_by])),
                Target::Cell(id) => match row.cell(id) {
                    Some(cell) => condition.holds(&cell.key),
                    None => condition.holds(&Key::Empty),
                },
                Target::Computed(property, within) => {
                    let inner = world.whole_reading().inner(row, property);
                    let mut items = inner["array"].as_array().into_iter().flatten();
                    let mut passes = |item: &Value| condition.holds(&item_key(item));
                    match within {
                        Within::Itself => condition.holds(&Key::of(&property.kind, &inner)),
                        Within::Any => items.any(passes),
                        Within::Every => items.all(passes),
                        Within::None => !items.any(&mut passes),
                    }
                }
            },
        }
    }
}

/// The key of one value in a rollup's list.
fn item_key(item: &Value) -> Key {
    let kind = Kind::parse(item["type"].as_str().unwrap_or_default());
    compute::key_of(&kind, &item[kind.as_str()])
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
        if property.kind.is_computed() {
            self.is_computed = true;
            if property.kind == Kind::Formula
                && let Some(outcome) = compute::formula::outcome(self.schema, property)
                && inner.get(outcome.filter()).is_none()
                && let Some(asked) = inner.as_object().and_then(|inner| inner.keys().next())
            {
                return Err(ApiError::validation(format!(
                    "database property formula of type {} does not match filter {asked}",
                    outcome.as_str()
                )));
            }
            let (within, family, path, inner) = computed(&property.kind, &path, inner)?;
            let target = Target::Computed(Box::new(property.clone()), within);
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

/// What a formula may be asked by, after the type of its result.
const RESULTS: [(&str, Family); 4] = [
    ("string", Family::Text),
    ("checkbox", Family::Checkbox),
    ("number", Family::Number),
    ("date", Family::Date),
];

/// What a rollup's result may be asked by.
const FIGURES: [(&str, Family); 2] = [("date", Family::Date), ("number", Family::Number)];

/// What the values in a rollup's list may be asked by.
const ITEMS: [(&str, Family); 10] = [
    ("rich_text", Family::Text),
    ("number", Family::Number),
    ("checkbox", Family::Checkbox),
    ("select", Family::Option),
    ("multi_select", Family::Options),
    ("relation", Family::Reference),
    ("date", Family::Date),
    ("people", Family::Reference),
    ("files", Family::Presence),
    ("status", Family::Option),
];

/// The condition inside a formula or rollup filter, and what it is about.
fn computed<'v>(
    kind: &Kind,
    path: &str,
    given: &'v Value,
) -> ApiResult<(Within, Family, String, &'v Value)> {
    let within = |table: &[(&str, Family)], path: &str, given: &'v Value| {
        table.iter().find_map(|(name, family)| {
            let inner = given.get(name)?;
            Some((*family, format!("{path}.{name}"), inner))
        })
    };
    let table = if *kind == Kind::Formula {
        &RESULTS[..]
    } else {
        &FIGURES[..]
    };
    if let Some((family, path, inner)) = within(table, path, given) {
        return Ok((Within::Itself, family, path, inner));
    }
    if *kind == Kind::Formula {
        return Err(ApiError::body(&format!("{path}.string"), "defined", None));
    }
    for (name, quantity) in [
        ("any", Within::Any),
        ("every", Within::Every),
        ("none", Within::None),
    ] {
        let Some(inner) = given.get(name) else {
            continue;
        };
        let path = format!("{path}.{name}");
        let (family, path, inner) = within(&ITEMS, &path, inner)
            .ok_or_else(|| ApiError::body(&format!("{path}.rich_text"), "defined", None))?;
        return Ok((quantity, family, path, inner));
    }
    Err(ApiError::body(&format!("{path}.any"), "defined", None))
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
