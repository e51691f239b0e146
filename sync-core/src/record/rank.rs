//! Where a record stands in its collection, and ranges of such places.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A record's place in its collection: opaque, ordered byte by byte, and it never moves. Several
/// records may share one.
///
/// Notion: the minute of creation. A table or a folder: the order of keys.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rank(Arc<str>);

impl Rank {
    /// A place, in the peer's own words.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The peer's words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Part of a collection: all records whose ranks lie in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankRange {
    /// Where it starts.
    pub from: Bound<Rank>,
    /// Where it ends.
    pub to: Bound<Rank>,
}

impl RankRange {
    /// From here to the end of the collection.
    pub fn starting(from: Bound<Rank>) -> Self {
        Self {
            from,
            to: Bound::Unbounded,
        }
    }
}

impl RangeBounds<Rank> for RankRange {
    fn start_bound(&self) -> Bound<&Rank> {
        self.from.as_ref()
    }

    fn end_bound(&self) -> Bound<&Rank> {
        self.to.as_ref()
    }
}
