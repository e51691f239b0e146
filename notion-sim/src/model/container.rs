//! Databases and the data sources in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::property::Property;
use super::row::{Parent, parent_wire, user_reference};
use crate::clock::{minute_text, moment_text};
use crate::query::cache::ResultCache;
use crate::value::rich_text;

/// A database: the container of data sources.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) id: Uuid,
    pub(crate) title: Value,
    pub(crate) description: Value,
    pub(crate) parent: Parent,
    pub(crate) is_inline: bool,
    /// Whether it has no data source of its own and only shows others.
    pub(crate) is_linked: bool,
    pub(crate) in_trash: bool,
    pub(crate) is_locked: bool,
    pub(crate) created: Timestamp,
    pub(crate) edited: Timestamp,
    pub(crate) data_sources: Vec<Uuid>,
    pub(crate) icon: Value,
    pub(crate) cover: Value,
    pub(crate) url: String,
    pub(crate) public_url: Value,
    pub(crate) extra: Map<String, Value>,
}

impl Database {
    pub(crate) fn new(id: Uuid, parent: Parent, at: Timestamp) -> Self {
        Self {
            id,
            title: json!([]),
            description: json!([]),
            parent,
            is_inline: false,
            is_linked: false,
            in_trash: false,
            is_locked: false,
            created: at,
            edited: at,
            data_sources: Vec::new(),
            icon: Value::Null,
            cover: Value::Null,
            url: format!("https://www.notion.so/{}", id.simple()),
            public_url: Value::Null,
            extra: Map::new(),
        }
    }

    /// The title that answers show: a database that nobody named has one all the same.
    pub(crate) fn shown_title(&self) -> Value {
        match self.title.as_array() {
            Some(title) if !title.is_empty() => self.title.clone(),
            _ => rich_text::from_plain("New database"),
        }
    }

    /// The object as it goes over the wire, without `archived`.
    pub(crate) fn to_wire(&self, data_sources: Vec<Value>) -> Value {
        let mut wire = self.extra.clone();
        let fields = json!({
            "object": "database",
            "id": self.id.to_string(),
            "title": self.title,
            "description": self.description,
            "parent": parent_wire(&self.parent, None),
            "is_inline": self.is_inline,
            "in_trash": self.in_trash,
            "is_locked": self.is_locked,
            "created_time": moment_text(self.created),
            "last_edited_time": moment_text(self.edited),
            "data_sources": data_sources,
            "icon": self.icon,
            "cover": self.cover,
            "url": self.url,
            "public_url": self.public_url,
        });
        if let Value::Object(fields) = fields {
            wire.extend(fields);
        }
        Value::Object(wire)
    }
}

/// A data source: a table of pages.
#[derive(Debug)]
pub(crate) struct DataSource {
    pub(crate) id: Uuid,
    pub(crate) database: Uuid,
    pub(crate) title: Value,
    pub(crate) description: Value,
    pub(crate) icon: Value,
    pub(crate) cover: Value,
    pub(crate) is_inline: bool,
    pub(crate) in_trash: bool,
    pub(crate) created: Timestamp,
    pub(crate) edited: Timestamp,
    pub(crate) created_by: Uuid,
    pub(crate) edited_by: Uuid,
    pub(crate) url: String,
    pub(crate) public_url: Value,
    pub(crate) extra: Map<String, Value>,
    pub(crate) schema: Vec<Property>,
    /// The number the next page gets from a `unique_id` property.
    pub(crate) next_number: u64,
    /// Pages by (creation in milliseconds, sequence).
    pub(crate) order: BTreeMap<(i64, u64), Uuid>,
    /// Rises with every change that a query could see.
    pub(crate) version: u64,
    /// When `version` last rose.
    pub(crate) changed: Timestamp,
    pub(crate) cache: ResultCache,
}

impl DataSource {
    pub(crate) fn new(id: Uuid, database: Uuid, at: Timestamp, author: Uuid) -> Self {
        Self {
            id,
            database,
            title: json!([]),
            description: json!([]),
            icon: Value::Null,
            cover: Value::Null,
            is_inline: false,
            in_trash: false,
            created: at,
            edited: at,
            created_by: author,
            edited_by: author,
            url: format!("https://www.notion.so/{}", database.simple()),
            public_url: Value::Null,
            extra: Map::new(),
            schema: Vec::new(),
            next_number: 1,
            order: BTreeMap::new(),
            version: 0,
            changed: at,
            cache: ResultCache::default(),
        }
    }

    /// Notes that a query may now give something else.
    pub(crate) fn touch(&mut self, now: Timestamp) {
        self.version += 1;
        self.changed = now;
    }

    /// The object as it goes over the wire, without `archived`.
    pub(crate) fn to_wire(&self, database_parent: Value) -> Value {
        let mut wire = self.extra.clone();
        let properties: Map<String, Value> = self
            .schema
            .iter()
            .map(|property| (property.name().to_owned(), property.to_wire()))
            .collect();
        let fields = json!({
            "object": "data_source",
            "id": self.id.to_string(),
            "title": self.title,
            "description": self.description,
            "parent": {"type": "database_id", "database_id": self.database.to_string()},
            "database_parent": database_parent,
            "is_inline": self.is_inline,
            "in_trash": self.in_trash,
            "created_time": minute_text(self.created),
            "last_edited_time": minute_text(self.edited),
            "created_by": user_reference(self.created_by),
            "last_edited_by": user_reference(self.edited_by),
            "properties": properties,
            "icon": self.icon,
            "cover": self.cover,
            "url": self.url,
            "public_url": self.public_url,
        });
        if let Value::Object(fields) = fields {
            wire.extend(fields);
        }
        Value::Object(wire)
    }

    /// Takes a result that is still right out of the cache.
    pub(crate) fn cached(&self, key: &str, now: Timestamp) -> Option<Arc<[Uuid]>> {
        self.cache.find(key, self.version, now)
    }
}
