//! Options of select, multi-select and status: matching, creation, and declarative lists.

use serde_json::{Map, Value, json};

use super::limit;
use crate::error::{ApiError, ApiResult};
use crate::ids::IdSource;
use crate::model::kind::Kind;
use crate::model::property::Property;

const COLORS: [&str; 10] = [
    "default", "gray", "brown", "orange", "yellow", "green", "blue", "purple", "pink", "red",
];

/// Writes one property's value and remembers the options it had to create.
pub(crate) struct Writer<'a> {
    column: &'a Property,
    pending: Vec<Value>,
    added: Vec<Value>,
    ids: &'a mut IdSource,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(column: &'a Property, pending: Vec<Value>, ids: &'a mut IdSource) -> Self {
        Self {
            column,
            pending,
            added: Vec::new(),
            ids,
        }
    }

    /// Options created while writing.
    pub(crate) fn into_added(self) -> Vec<Value> {
        self.added
    }

    /// Checks the inner value and gives it as it is read back.
    pub(crate) fn write(
        &mut self,
        path: &str,
        inner: &Value,
        status_null_is_default: bool,
    ) -> ApiResult<Value> {
        match (&self.column.kind, inner) {
            (Kind::MultiSelect, Value::Array(items)) => {
                limit::count(path, limit::ARRAY_ITEMS, items.len())?;
                let mut read: Vec<Value> = Vec::with_capacity(items.len());
                for (at, item) in items.iter().enumerate() {
                    let option = self.resolve(&format!("{path}[{at}]"), item)?;
                    if !read.contains(&option) {
                        read.push(option);
                    }
                }
                Ok(Value::Array(read))
            }
            (Kind::MultiSelect, other) => Err(ApiError::body(path, "an array", Some(other))),
            (Kind::Status, Value::Null) if status_null_is_default => {
                Ok(self.column.options().first().map_or(Value::Null, shown))
            }
            (_, Value::Null) => Ok(Value::Null),
            (_, item) => self.resolve(path, item),
        }
    }

    fn resolve(&mut self, path: &str, given: &Value) -> ApiResult<Value> {
        let Some(object) = given.as_object() else {
            return Err(ApiError::body(path, "an object or `null`", Some(given)));
        };
        if let Some(id) = object.get("id") {
            return self.by_id(path, id);
        }
        match object.get("name") {
            Some(Value::String(name)) => self.by_name(path, name, object),
            other => {
                let expected = if other.is_some() {
                    "a string"
                } else {
                    "defined"
                };
                Err(ApiError::body(&format!("{path}.name"), expected, other))
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Value> {
        self.column
            .options()
            .iter()
            .chain(&self.pending)
            .chain(&self.added)
    }

    fn by_id(&self, path: &str, id: &Value) -> ApiResult<Value> {
        let Some(id) = id.as_str() else {
            return Err(ApiError::body(&format!("{path}.id"), "a string", Some(id)));
        };
        self.all()
            .find(|option| option["id"].as_str() == Some(id))
            .map(shown)
            .ok_or_else(|| self.unknown(id))
    }

    fn unknown(&self, option: &str) -> ApiError {
        let kind = self.column.kind.as_str();
        let capital = if kind == "status" { "Status" } else { "Select" };
        ApiError::validation(format!(
            "Invalid {} option. {capital} option \"{option}\" does not exist.",
            kind.replace('_', "-")
        ))
    }

    fn by_name(&mut self, path: &str, name: &str, given: &Map<String, Value>) -> ApiResult<Value> {
        check_name(&format!("{path}.name"), name)?;
        let exact = self.all().find(|option| option["name"] == name);
        let found = exact.or_else(|| self.all().find(|option| same_name(option, name)));
        if let Some(option) = found {
            return Ok(shown(option));
        }
        if self.column.kind == Kind::Status {
            return Err(self.unknown(name));
        }
        let option = new_option(self.ids, name, given.get("color"));
        let read = shown(&option);
        self.added.push(option);
        Ok(read)
    }
}

fn same_name(option: &Value, name: &str) -> bool {
    option["name"]
        .as_str()
        .is_some_and(|known| known.to_lowercase() == name.to_lowercase())
}

/// The part of an option that a page value shows.
pub(crate) fn shown(option: &Value) -> Value {
    json!({"id": option["id"], "name": option["name"], "color": option["color"]})
}

fn check_name(path: &str, name: &str) -> ApiResult<()> {
    if name.is_empty() {
        return Err(ApiError::body(
            path,
            "a non-empty string",
            Some(&json!(name)),
        ));
    }
    if name.contains(',') {
        return Err(ApiError::validation(format!(
            "Invalid select option, commas not allowed: {name}"
        )));
    }
    limit::utf16(path, limit::OPTION_NAME, name)
}

fn new_option(ids: &mut IdSource, name: &str, color: Option<&Value>) -> Value {
    let id = ids.next_uuid();
    let color = match color.and_then(Value::as_str) {
        Some(color) if COLORS.contains(&color) => color,
        _ => COLORS[(id.as_u128() % COLORS.len() as u128) as usize],
    };
    json!({"id": id.to_string(), "name": name, "color": color, "description": null})
}

/// Applies a declarative option list to the options there are: what is not listed goes away, names
/// and colours of those that stay do not change.
pub(crate) fn declare(
    path: &str,
    existing: &[Value],
    given: &Value,
    ids: &mut IdSource,
) -> ApiResult<Vec<Value>> {
    let Some(list) = given.as_array() else {
        return Err(ApiError::body(path, "an array", Some(given)));
    };
    let mut out: Vec<Value> = Vec::with_capacity(list.len());
    for (at, item) in list.iter().enumerate() {
        let path = format!("{path}[{at}]");
        let name = item["name"].as_str();
        let known = match (item["id"].as_str(), name) {
            (Some(id), _) => existing.iter().find(|o| o["id"].as_str() == Some(id)),
            (None, Some(name)) => existing.iter().find(|option| same_name(option, name)),
            (None, None) => None,
        };
        let option = match (known, name) {
            (Some(option), _) => option.clone(),
            (None, Some(name)) => {
                check_name(&format!("{path}.name"), name)?;
                let mut option =
                    new_option(ids, name, item.get("color").or(Some(&json!("default"))));
                if let Some(id) = item["id"].as_str() {
                    option["id"] = json!(id);
                }
                option["description"] = item["description"].clone();
                option
            }
            (None, None) => {
                return Err(ApiError::body(&format!("{path}.name"), "defined", None));
            }
        };
        let label = option["name"].as_str().unwrap_or_default();
        if out.iter().any(|other| same_name(other, label)) {
            return Err(ApiError::validation(format!(
                "{path}.name: option names must be unique, \"{label}\" appears twice."
            )));
        }
        out.push(option);
    }
    Ok(out)
}

/// The options and groups a new status property starts with.
pub(crate) fn default_status(ids: &mut IdSource) -> Value {
    let options: Vec<Value> = [
        ("Not started", "default"),
        ("In progress", "blue"),
        ("Done", "green"),
    ]
    .into_iter()
    .map(|(name, color)| new_option(ids, name, Some(&json!(color))))
    .collect();
    status_groups(options, ids)
}

/// Puts options into the three groups every status has: the usual names where they belong, the
/// rest into To-do.
pub(crate) fn status_groups(options: Vec<Value>, ids: &mut IdSource) -> Value {
    let groups = [
        ("To-do", "gray"),
        ("In progress", "blue"),
        ("Complete", "green"),
    ];
    let group_of = |option: &Value| match option["name"].as_str() {
        Some("In progress") => 1,
        Some("Done" | "Complete") => 2,
        _ => 0,
    };
    let groups: Vec<Value> = groups
        .iter()
        .enumerate()
        .map(|(at, (name, color))| {
            let members: Vec<&Value> = options
                .iter()
                .filter(|option| group_of(option) == at)
                .map(|option| &option["id"])
                .collect();
            json!({"id": ids.next_uuid().to_string(), "name": name, "color": color, "option_ids": members})
        })
        .collect();
    json!({"options": options, "groups": groups})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: Kind) -> Property {
        let options = json!([{"id": "o1", "name": "High", "color": "red", "description": null}]);
        Property::new("p", "P", kind, json!({"options": options}))
    }

    #[test]
    fn names_match_without_case_and_new_ones_are_created() {
        let column = column(Kind::Select);
        let mut ids = IdSource::new(1);
        let mut writer = Writer::new(&column, Vec::new(), &mut ids);
        let read = writer.write("p", &json!({"name": "hIGH"}), false).unwrap();
        assert_eq!(read, json!({"id": "o1", "name": "High", "color": "red"}));
        let new = writer
            .write("p", &json!({"name": "Low", "color": "blue"}), false)
            .unwrap();
        assert_eq!(new["color"], "blue");
        assert_eq!(writer.into_added().len(), 1);
    }

    #[test]
    fn a_status_never_creates() {
        let column = column(Kind::Status);
        let mut ids = IdSource::new(1);
        let mut writer = Writer::new(&column, Vec::new(), &mut ids);
        let error = writer.write("p", &json!({"name": "X"}), false).unwrap_err();
        assert_eq!(
            error.message,
            "Invalid status option. Status option \"X\" does not exist."
        );
        assert_eq!(writer.write("p", &Value::Null, true).unwrap()["id"], "o1");
    }

    #[test]
    fn commas_and_long_names_are_refused() {
        let column = column(Kind::MultiSelect);
        let mut ids = IdSource::new(1);
        let mut writer = Writer::new(&column, Vec::new(), &mut ids);
        assert!(writer.write("p", &json!([{"name": "a,b"}]), false).is_err());
        assert!(
            writer
                .write("p", &json!([{"name": "x".repeat(101)}]), false)
                .is_err()
        );
    }

    #[test]
    fn a_declared_list_keeps_known_options_as_they_are() {
        let existing = [json!({"id": "o1", "name": "High", "color": "red", "description": null})];
        let given = json!([{"id": "o1", "name": "Renamed", "color": "blue"}, {"name": "New"}]);
        let list = declare("p", &existing, &given, &mut IdSource::new(1)).unwrap();
        assert_eq!(list[0], existing[0]);
        assert_eq!(list[1]["name"], "New");
    }
}
