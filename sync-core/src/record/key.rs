//! The peer's own name for a record.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A record's key at its peer: a page id, a row number, a ULID in a file's header.
///
/// Once durable it never changes. A record that has none yet is known by a provisional key, valid
/// until the peer hands out the durable one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// For good.
    Durable(Arc<str>),
    /// Until a durable one is known.
    Provisional(Arc<str>),
}

impl Key {
    /// A key for good.
    pub fn durable(text: impl Into<Arc<str>>) -> Self {
        Self::Durable(text.into())
    }

    /// The peer's text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Durable(text) | Self::Provisional(text) => text,
        }
    }

    /// Whether the key may still change.
    pub fn is_provisional(&self) -> bool {
        matches!(self, Self::Provisional(_))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.is_provisional() { "?" } else { "" };
        write!(f, "{mark}{}", self.as_str())
    }
}
