//! Conflicts: one field that both sides changed. Both values are kept until a person decides.

use serde::{Deserialize, Serialize};

use crate::link::{Side, Sides};
use crate::pair::PairId;
use crate::record::Timestamp;
use crate::schema::FieldId;
use crate::value::Value;

/// The name conflicts about a record's life go by, where a field's name stands otherwise.
pub const LIFECYCLE: &str = "_lifecycle";

/// One open conflict. There is at most one per pair and field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The pair.
    pub pair: PairId,
    /// The pair of fields, or [`LIFECYCLE`].
    pub field: FieldId,
    /// What both sides last agreed on; `None` if they never did.
    pub base: Option<Sides<Value>>,
    /// What they hold now.
    pub values: Sides<Value>,
    /// When it was first seen.
    pub opened_at: Timestamp,
    /// What a person decided, once one has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

/// A person's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Resolution {
    /// This side's value goes to the other. Of a conflict about a record's life: what was done on
    /// this side, delete or edit, holds.
    Keep(Side),
    /// A third value goes to both sides; written as this side would hold it.
    Write {
        /// Whose way of writing it is.
        side: Side,
        /// The value.
        value: Value,
    },
}

impl Conflict {
    /// Whether it is about the record's life, not about a field.
    pub fn is_about_life(&self) -> bool {
        self.field.as_str() == LIFECYCLE
    }
}
