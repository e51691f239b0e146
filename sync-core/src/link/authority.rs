//! Which way values may flow, and which side is right when both changed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Side, Sides};
use crate::record::Timestamp;
use crate::schema::FieldId;
use crate::value::Value;

/// Which way values may flow: of a link, of one field, of one run. The narrowest rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Both ways.
    #[default]
    Both,
    /// Only towards this side. What a person edits there stays there, shown as parked, until the
    /// other side changes the same field; where [`Authority::Side`] names the other side, it is
    /// taken back at once and kept in the journal.
    Toward(Side),
}

impl Direction {
    /// Whether values may flow to a side.
    pub fn flows_to(self, side: Side) -> bool {
        match self {
            Self::Both => true,
            Self::Toward(only) => only == side,
        }
    }

    /// For `skip_serializing_if`: a mapping that never spoke of directions keeps its digest.
    pub(super) fn is_both(&self) -> bool {
        *self == Self::Both
    }
}

/// Which side is right about a field that both sides changed to different values.
///
/// The value that loses is never gone: the journal holds it (rule F14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Authority {
    /// Neither: a person decides (rule F05).
    #[default]
    Person,
    /// This one.
    Side(Side),
    /// The one whose record was edited last, compared as finely as the coarser side tells; equal
    /// or unknown moments leave it to a person.
    Newest,
    /// The one the program's [`Arbiter`] names; without one a person decides.
    Arbiter,
}

impl Authority {
    pub(super) fn is_person(&self) -> bool {
        *self == Self::Person
    }
}

/// A field that both sides changed.
#[derive(Clone, Copy, Debug)]
pub struct Contest<'a> {
    /// The pair of fields.
    pub field: &'a FieldId,
    /// What both sides last agreed on, if they ever did.
    pub base: Option<&'a Sides<Value>>,
    /// What they hold now.
    pub values: Sides<&'a Value>,
    /// When each record was last edited, as far as its peer tells.
    pub edited_at: Sides<Option<Timestamp>>,
}

/// A program's own rule for contested fields. Has to answer the same for the same contest: plans
/// are decided more than once.
pub trait Arbiter: fmt::Debug + Send + Sync {
    /// The side whose value holds; `None` leaves it to a person.
    fn winner(&self, contest: &Contest<'_>) -> Option<Side>;
}

impl Contest<'_> {
    /// The side that was edited later, with both moments cut to the coarser granularity.
    pub fn newest(&self, granularity: std::time::Duration) -> Option<Side> {
        let grain = i64::try_from(granularity.as_millis())
            .unwrap_or(i64::MAX)
            .max(1);
        let floor = |moment: Timestamp| moment.0.div_euclid(grain);
        let (left, right) = (self.edited_at.left?, self.edited_at.right?);
        match floor(left).cmp(&floor(right)) {
            std::cmp::Ordering::Greater => Some(Side::Left),
            std::cmp::Ordering::Less => Some(Side::Right),
            std::cmp::Ordering::Equal => None,
        }
    }
}
