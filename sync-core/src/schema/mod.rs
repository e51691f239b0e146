//! Fields of a collection: what they are called, what they hold, who may write them.

mod change;
mod drift;
mod field_type;

pub use change::SchemaChange;
pub use drift::{FieldIds, SchemaEvent};
pub use field_type::{FieldType, Relation};

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::value::Digest;

/// Identity of a field within its collection. Notion: the property id, stable across renames;
/// SQL: the column name. Short ids, the usual ones, take no allocation.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldId(SmolStr);

impl FieldId {
    /// Takes a peer's own id.
    pub fn new(id: impl Into<SmolStr>) -> Self {
        Self(id.into())
    }

    /// The id as the peer writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for FieldId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FieldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A column of a collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Identity.
    pub id: FieldId,
    /// Name people see; may change.
    pub name: String,
    /// What it holds.
    pub ty: FieldType,
    /// Who writes it.
    pub access: Access,
    /// Largest values the peer takes.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
}

/// Who may write a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// People and sync.
    Writable,
    /// The peer computes it; it is shown and never written.
    Computed,
    /// Shown raw, never interpreted, never written.
    Unsupported,
}

/// Largest values a field takes; `None` is "no limit known".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Longest text, in UTF-16 units (as JavaScript counts).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_utf16: Option<u32>,
    /// Most runs of a rich text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_runs: Option<u32>,
    /// Longest name of an option, in UTF-16 units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub option_utf16: Option<u32>,
    /// What no name of an option may hold (Notion: a comma).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub option_without: Option<char>,
    /// Most elements of a list: options, references (1 for a foreign key), people, files, texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u32>,
    /// Numbers are kept as 64-bit floats: of more digits than those have, the nearest float is left.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub floats: bool,
}

impl Limits {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// All fields of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Name of the collection people see.
    #[serde(default)]
    pub title: String,
    /// In the peer's order.
    pub fields: Vec<Field>,
}

impl Schema {
    /// The field with this id.
    pub fn field(&self, id: &FieldId) -> Option<&Field> {
        self.fields.iter().find(|field| field.id == *id)
    }

    /// The field with this name, as people see it.
    pub fn by_name(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Digest over everything in the schema.
    pub fn version(&self) -> SchemaVersion {
        SchemaVersion(Digest::of_json(self))
    }
}

/// Which schema was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SchemaVersion(pub Digest);
