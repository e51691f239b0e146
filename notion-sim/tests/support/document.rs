//! Checking answers against the API's OpenAPI document: the part of JSON Schema that it uses. Objects are
//! open, as answers have always had fields that a document of some day does not know.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use uuid::Uuid;

/// Kinds of columns that exist and that the document leaves out.
const MISSING_COLUMNS: [&str; 3] = ["button", "verification", "place"];

/// What the document calls the union of all columns.
const COLUMN: &str = "#/components/schemas/databasePropertyConfigResponse";

pub(crate) struct Document(Value);

/// Fails where an answer of status 200 is not as the document describes it; where there is no document,
/// nothing is known.
pub(crate) fn check(method: &str, path: &str, status: u16, body: &Value) {
    static DOCUMENT: OnceLock<Option<Document>> = OnceLock::new();
    if let (200, Some(document)) = (status, DOCUMENT.get_or_init(Document::find)) {
        let (_, schema) = document.answer_to(method, path).unwrap();
        let flaws = document.check(schema, body);
        assert!(flaws.is_empty(), "{method} {path}: {flaws:?} in {body}");
    }
}

/// A place where a value is not as described.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Flaw {
    pub(crate) path: String,
    pub(crate) expected: String,
}

impl Document {
    pub(crate) fn new(document: Value) -> Self {
        Self(document)
    }

    /// The document beside the workspace, if it is there.
    pub(crate) fn find() -> Option<Self> {
        let folder = match std::env::var_os("NOTION_OPENAPI") {
            Some(folder) => PathBuf::from(folder),
            None => concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/openapi").into(),
        };
        let files = std::fs::read_dir(&folder).into_iter().flatten();
        let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        });
        paths.sort();
        let Some(newest) = paths.pop() else {
            eprintln!("skipped: no OpenAPI document in {}", folder.display());
            return None;
        };
        let text = std::fs::read_to_string(newest).unwrap();
        Some(Self(serde_json::from_str(&text).unwrap()))
    }

    /// The operation's path in the document, and what its answers with status 200 look like.
    pub(crate) fn answer_to(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        let fits = |template: &str| {
            let (mut parts, mut given) = (template.split('/'), path.split('/'));
            loop {
                match (parts.next(), given.next()) {
                    (None, None) => return true,
                    (Some(part), Some(given)) if part == given || part.starts_with('{') => {}
                    _ => return false,
                }
            }
        };
        let paths = self.0["paths"].as_object().unwrap();
        let fitting = paths.iter().filter(|(template, _)| fits(template));
        // A literal part stands before a part in braces.
        let (template, operations) =
            fitting.min_by_key(|(template, _)| template.matches('{').count())?;
        let operation = operations.get(method.to_lowercase())?;
        let schema = operation.pointer("/responses/200/content/application~1json/schema")?;
        Some((template, schema))
    }

    /// Everything that is not as described; of a union, what keeps the nearest branch from fitting.
    pub(crate) fn check(&self, schema: &Value, value: &Value) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        self.walk("$", schema, value, &mut flaws);
        flaws
    }

    fn walk(&self, path: &str, schema: &Value, value: &Value, flaws: &mut Vec<Flaw>) {
        let mut flaw = |expected: String| {
            flaws.push(Flaw {
                path: path.into(),
                expected,
            });
        };
        if let Some(types) = schema.get("type") {
            let fits = match types {
                Value::Array(types) => types.iter().any(|one| is_of(one, value)),
                one => is_of(one, value),
            };
            if !fits {
                return flaw(format!("of type {types}"));
            }
        }
        if let Some(wanted) = schema.get("const")
            && wanted != value
        {
            return flaw(wanted.to_string());
        }
        if let Some(Value::Array(wanted)) = schema.get("enum")
            && !wanted.contains(value)
        {
            return flaw(format!("one of {}", schema["enum"]));
        }
        if let (Some(format), Some(text)) = (schema["format"].as_str(), value.as_str())
            && !has_format(format, text)
        {
            return flaw(format!("a {format}"));
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            let name = required.as_str().unwrap();
            if value.is_object() && value.get(name).is_none() {
                flaw(format!("with {name}"));
            }
        }
        if let Some(most) = schema["maxItems"].as_u64()
            && value
                .as_array()
                .is_some_and(|items| items.len() as u64 > most)
        {
            flaw(format!("of at most {most} items"));
        }
        self.walk_inner(path, schema, value, flaws);
        if let Some(name) = schema["$ref"].as_str() {
            let known = MISSING_COLUMNS.iter().any(|kind| value["type"] == *kind);
            if !(name == COLUMN && known) {
                let target = self.0.pointer(name.trim_start_matches('#')).unwrap();
                self.walk(path, target, value, flaws);
            }
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.walk(path, part, value, flaws);
        }
        // Open branches can fit at the same time, so that `oneOf` is no more than `anyOf`.
        for union in ["anyOf", "oneOf"] {
            if let Some(branches) = schema[union].as_array() {
                flaws.extend(self.nearest(path, branches, value));
            }
        }
    }

    fn walk_inner(&self, path: &str, schema: &Value, value: &Value, flaws: &mut Vec<Flaw>) {
        if let Value::Object(fields) = value {
            for (key, inner) in fields {
                let described = schema["properties"].get(key);
                let others = schema.get("additionalProperties").filter(|o| o.is_object());
                if let Some(schema) = described.or(others) {
                    self.walk(&format!("{path}.{key}"), schema, inner, flaws);
                }
            }
        }
        if let (Value::Array(items), Some(schema)) = (value, schema.get("items")) {
            for (at, item) in items.iter().enumerate() {
                self.walk(&format!("{path}[{at}]"), schema, item, flaws);
            }
        }
    }

    /// The flaws of the branch that comes nearest: one of the value's own type before others, then the
    /// one with fewest.
    fn nearest(&self, path: &str, branches: &[Value], value: &Value) -> Vec<Flaw> {
        let told_by = [
            path.to_owned(),
            format!("{path}.object"),
            format!("{path}.type"),
        ];
        let is_other = |flaws: &[Flaw]| flaws.iter().any(|flaw| told_by.contains(&flaw.path));
        let mut nearest: Option<Vec<Flaw>> = None;
        for branch in branches {
            let mut flaws = Vec::new();
            self.walk(path, branch, value, &mut flaws);
            if flaws.is_empty() && self.is_partial_only(branch, value) {
                continue;
            }
            if flaws.is_empty() {
                return flaws;
            }
            let rank = |flaws: &[Flaw]| (is_other(flaws), flaws.len());
            if nearest
                .as_ref()
                .is_none_or(|best| rank(&flaws) < rank(best))
            {
                nearest = Some(flaws);
            }
        }
        nearest.unwrap_or_default()
    }

    /// Whether the branch is the partial form of an object and the value says more than that has: then it
    /// is to be held against the full form.
    fn is_partial_only(&self, branch: &Value, value: &Value) -> bool {
        let name = branch["$ref"].as_str().unwrap_or_default();
        if !(name.contains("/partial") && name.ends_with("ObjectResponse")) {
            return false;
        }
        let partial = self.0.pointer(name.trim_start_matches('#')).unwrap();
        let fields = value.as_object().into_iter().flatten();
        fields
            .filter(|(key, _)| *key != "request_id")
            .any(|(key, _)| partial["properties"].get(key).is_none())
    }
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("the document has a type {other}"),
    }
}

fn has_format(format: &str, text: &str) -> bool {
    let is_moment = || text.parse::<Timestamp>().is_ok();
    match format {
        "uuid" => Uuid::try_parse(text).is_ok(),
        "date-time" => is_moment(),
        // The document knows days only; values of dates carry times.
        "date" => (text.len() == 10 && text.parse::<Date>().is_ok()) || is_moment(),
        other => panic!("the document has a format {other}"),
    }
}
