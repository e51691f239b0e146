//! One column of a schema.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::kind::Kind;
use crate::ids::percent_decode;

/// A property of a data source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Property {
    /// Percent-encoded, as it goes over the wire.
    pub(crate) id: String,
    name: String,
    /// `"<name>":`, escaped.
    name_key: Box<str>,
    pub(crate) kind: Kind,
    pub(crate) description: Value,
    /// The object under the type's own key.
    pub(crate) config: Value,
}

impl Property {
    pub(crate) fn new(id: &str, name: &str, kind: Kind, config: Value) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            name_key: name_key(name),
            kind,
            description: Value::Null,
            config,
        }
    }

    /// Reads `{id, name, description, type, <type>: …}`.
    pub(crate) fn from_wire(name: &str, wire: &Value) -> Option<Self> {
        let kind = Kind::parse(wire["type"].as_str()?);
        let config = wire
            .get(kind.as_str())
            .cloned()
            .unwrap_or_else(|| json!({}));
        let mut property = Self::new(wire["id"].as_str()?, name, kind, config);
        property.description = wire["description"].clone();
        Some(property)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn name_key(&self) -> &str {
        &self.name_key
    }

    pub(crate) fn rename(&mut self, name: &str) {
        self.name = name.into();
        self.name_key = name_key(name);
    }

    /// The schema entry.
    pub(crate) fn to_wire(&self) -> Value {
        let mut wire = Map::new();
        wire.insert("id".into(), json!(self.id));
        wire.insert("name".into(), json!(self.name));
        wire.insert("description".into(), self.description.clone());
        wire.insert("type".into(), json!(self.kind.as_str()));
        wire.insert(self.kind.as_str().into(), self.config.clone());
        Value::Object(wire)
    }

    /// The options of a select, multi-select or status.
    pub(crate) fn options(&self) -> &[Value] {
        self.config["options"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The data source a relation points to.
    pub(crate) fn relation_target(&self) -> Option<uuid::Uuid> {
        crate::ids::parse_id(self.config["data_source_id"].as_str()?)
    }

    /// Id of the property that mirrors this relation on the other side.
    pub(crate) fn mirror(&self) -> Option<&str> {
        self.config["dual_property"]["synced_property_id"].as_str()
    }
}

fn name_key(name: &str) -> Box<str> {
    format!("{}:", Value::from(name)).into()
}

/// Finds a property by name, or by id in encoded or decoded form.
pub(crate) fn find(schema: &[Property], key: &str) -> Option<usize> {
    schema
        .iter()
        .position(|property| property.name == key)
        .or_else(|| find_by_id(schema, key))
}

/// Finds a property by id alone, in encoded or decoded form.
pub(crate) fn find_by_id(schema: &[Property], id: &str) -> Option<usize> {
    let decoded = percent_decode(id);
    schema
        .iter()
        .position(|property| property.id == id || percent_decode(&property.id) == decoded)
}

/// The schema of a page that is not in a data source.
pub(crate) fn title_only() -> &'static [Property] {
    static SCHEMA: OnceLock<Vec<Property>> = OnceLock::new();
    SCHEMA.get_or_init(|| vec![Property::new("title", "title", Kind::Title, json!({}))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_found_by_name_and_by_both_forms_of_the_id() {
        let schema = [Property::new("a%3Ab", "Due", Kind::Date, json!({}))];
        assert_eq!(find(&schema, "Due"), Some(0));
        assert_eq!(find(&schema, "a%3Ab"), Some(0));
        assert_eq!(find(&schema, "a:b"), Some(0));
        assert_eq!(find(&schema, "due"), None);
    }

    #[test]
    fn wire_form_reads_back() {
        let mut property = Property::new("x", "N\"ame", Kind::Number, json!({"format": "euro"}));
        property.description = json!("why");
        assert_eq!(
            Property::from_wire("N\"ame", &property.to_wire()),
            Some(property)
        );
    }
}
