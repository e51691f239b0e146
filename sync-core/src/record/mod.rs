//! Records as a peer shows them: key, cells with their completeness, lifecycle.

mod cells;
mod key;
mod rank;

pub use cells::{Cell, Cells};
pub use key::Key;
pub use rank::{Rank, RankRange};

use serde::{Deserialize, Serialize};

use crate::value::Digest;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment plus a span; saturates.
    #[must_use]
    pub fn plus(self, span: std::time::Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// This moment minus a span; saturates.
    #[must_use]
    pub fn minus(self, span: std::time::Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// The span from `earlier` to this moment; zero if a clock jumped back.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(
            u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0),
        )
    }
}

impl std::fmt::Display for Timestamp {
    /// RFC 3339 in UTC, whole milliseconds.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// A row, page or file as last observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The peer's own name for it.
    pub key: Key,
    /// Alive or not.
    pub lifecycle: Lifecycle,
    /// Evidence of its state that the peer can compare on a write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// When it was last edited, by the peer's own clock and as finely as the peer tells. Decides
    /// nothing but [`Authority::Newest`] and the quiet period; not part of the digest. Not known of a
    /// record that we wrote last.
    ///
    /// [`Authority::Newest`]: crate::link::Authority::Newest
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// Where it stands in its collection, at peers that offer slices. Not part of the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<Rank>,
    /// Field values, by field.
    pub cells: Cells,
}

impl Record {
    /// Digest of lifecycle and cells: equal digests, equal observation. The version is evidence,
    /// not content, and stays out.
    pub fn digest(&self) -> Digest {
        self.cells.digest(self.lifecycle)
    }

    /// The record as we left it: its edit time is that of our own write, and when a person edited it
    /// last is not known any more.
    #[must_use]
    pub fn just_written(mut self) -> Self {
        self.edited_at = None;
        self
    }

    /// What [`Record::digest`] is the digest of: `[lifecycle, cells]` as canonical JSON. A store
    /// that writes this text can digest it on the way.
    pub fn content(&self) -> String {
        self.cells.content(self.lifecycle)
    }
}

/// Whether a record is alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// In use.
    #[default]
    Live,
    /// Alive but put aside (Notion: archived).
    Archived,
    /// In the trash, restorable.
    Trashed,
}

/// A peer's evidence of a record's state (a time, a row version); opaque.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub String);
