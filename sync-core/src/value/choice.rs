//! An option of a select, a status or a multi-select.

use serde::{Deserialize, Serialize};

/// One option by name and, where the peer has one, by id. Colours belong to the schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Choice {
    /// The peer's own id of the option; `None` where options are only names (SQL, files).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name a person sees.
    pub name: String,
}

impl Choice {
    /// An option known only by its name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            id: None,
            name: name.into(),
        }
    }

    /// Whether both are the same option of a side, though it may have been renamed in between: by id
    /// where both have one.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.id, &other.id) {
            (Some(one), Some(other)) => one == other,
            _ => self == other,
        }
    }

    /// An option with the peer's id.
    pub fn with_id(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: Some(id.into()),
            name: name.into(),
        }
    }
}
