//! A reference to another record of the same peer.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::Key;

/// The key of another record at the same peer: an entry of a relation, of a foreign key, of a join
/// table. What it means on the other side is known through pairs, never through its text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reference(Key);

impl Reference {
    /// A reference to the record with this key.
    pub fn new(key: Key) -> Self {
        Self(key)
    }

    /// The key of the record.
    pub fn key(&self) -> &Key {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
