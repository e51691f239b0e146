//! An option of a select, a status or a multi-select.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// One option by name and, where the peer has one, by id. Colours belong to the schema. Short names
/// take no allocation, long ones are shared: a record holds its options once more in every copy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Choice {
    /// The peer's own id of the option; `None` where options are only names (SQL, files).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<SmolStr>,
    /// The name a person sees.
    pub name: SmolStr,
}

impl Choice {
    /// An option known only by its name.
    pub fn named(name: impl Into<SmolStr>) -> Self {
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
    pub fn with_id(id: impl Into<SmolStr>, name: impl Into<SmolStr>) -> Self {
        Self {
            id: Some(id.into()),
            name: name.into(),
        }
    }
}
