//! What a store answers when it cannot do what was asked.

use std::error::Error as StdError;

/// A store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another run holds the link, or another program the whole store.
    #[error("the store is in use by {owner}; wait for that, or end it")]
    Busy {
        /// Who, as far as known.
        owner: String,
    },
    /// A later owner took the lease.
    #[error("a later run took over this link; this one stops")]
    Fenced,
    /// Somebody committed in between.
    #[error("the store moved on since it was read")]
    SerialMoved,
    /// Written by a later version.
    #[error("the store has format {found}, this program knows up to {known}; update the program")]
    Newer {
        /// Format found.
        found: u32,
        /// Format known.
        known: u32,
    },
    /// The store belongs to another collection.
    #[error("the store was made for {expected}, not for {found}; use another file")]
    Copied {
        /// What it was made for.
        expected: String,
        /// What it was opened for.
        found: String,
    },
    /// The store is a copy of one that may go on elsewhere, or was restored, or what tells of that was
    /// deleted, and nobody said so.
    #[error(
        "the store was copied or restored, or its lock file was deleted: two that go on would both \
         send what waits, and make records twice; if no other goes on, say so (`--adopt`, \
         `StoreOptions::adopt`)"
    )]
    NotAdopted,
    /// No room.
    #[error("no room is left where the store lives; nothing was lost, make room and run again")]
    Full,
    /// The file is damaged.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// What was opened is not there any more: the place was deleted or replaced, or what held it open
    /// has ended. The sentence says what and what to do.
    #[error("{0}")]
    Lost(String),
    /// Anything else underneath.
    #[error("the store failed: {message}")]
    Io {
        /// What failed.
        message: String,
        /// What was underneath.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
}

impl StoreError {
    /// Whether another try of the same program may fare better: time or a person can mend it, as a
    /// lock that is held, a disk without room, a table that was changed by hand. Not what it takes
    /// another program, another file or somebody's word for.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::Fenced | Self::SerialMoved | Self::Full | Self::Io { .. } => {
                true
            }
            Self::Newer { .. }
            | Self::Copied { .. }
            | Self::NotAdopted
            | Self::Corrupt(_)
            | Self::Lost(_) => false,
        }
    }
}
