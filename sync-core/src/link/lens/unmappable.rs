//! Why a value has no image on the other side.

use crate::link::Side;
use crate::record::Key;

/// A value has no image on the other side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unmappable {
    /// The option does not exist there.
    #[error("there is no option {0:?}; add it to the field first, or use one that exists")]
    UnknownOption(String),
    /// The option's name stands for another option there, which was renamed on this side.
    #[error(
        "{0:?} stands for another option there, which was renamed here; give this one another name"
    )]
    OptionTaken(String),
    /// The value is of a kind this field never holds, or its text does not read as one.
    #[error("the value is not a {expected}")]
    WrongKind {
        /// What the field holds.
        expected: &'static str,
    },
    /// The field is computed where the edit would have to go.
    #[error("the field is computed on the other side and cannot be written")]
    ReadOnly,
    /// The other side cannot hold it, and what it could hold says something else.
    #[error("{lost} would be lost on the other side")]
    Lossy {
        /// What would be lost.
        lost: &'static str,
    },
    /// A record it refers to is tracked and has no key on the other side yet: the field waits.
    #[error("it refers to {target}, which is not on the other side yet")]
    Waiting {
        /// The side the reference stands on.
        side: Side,
        /// The record referred to, by its key there.
        target: Key,
    },
    /// A file is tracked and its bytes are not on the other side yet: the field waits.
    #[error("the file {name:?} is not on the other side yet")]
    WaitingForFile {
        /// The side the file is on.
        side: Side,
        /// Its name.
        name: String,
    },
    /// The mapping names a lens of the program's own that the program did not supply.
    #[error("the program does not supply the lens {name:?}")]
    NotSupplied {
        /// Its name.
        name: String,
    },
    /// A lens of the program's own refused.
    #[error("{0}")]
    Refused(String),
    /// Both sides edited the field, and its lens does not merge.
    #[error("edits of this field are not merged")]
    NotMerged,
}

impl Unmappable {
    /// Whether it passes by itself, once a record or a file is on the other side.
    pub fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting { .. } | Self::WaitingForFile { .. })
    }
}
