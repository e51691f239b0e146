//! Why a table cannot be used, each with what to do.

use std::path::PathBuf;

use notion_sync_core::port::{PeerError, PeerErrorKind, PlaceId};
use rusqlite::ErrorCode;

/// A table of a SQLite file cannot be a side of a link, or its file failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The file is not there. It is never made.
    #[error("{} is not there; check the path", .0.display())]
    NoFile(PathBuf),
    /// The file has no such table.
    #[error("the file has no table {0:?}; check the name, and that this is the right file")]
    NoTable(String),
    /// Private tables of this crate.
    #[error("{0:?} belongs to sync itself; choose a table of your own")]
    Private(String),
    /// A view has no rows of its own.
    #[error("{0:?} is a view; name the table its rows come from")]
    View(String),
    /// The rows of a virtual table are kept by a module.
    #[error("{0:?} is a virtual table; name the ordinary table its rows come from")]
    Virtual(String),
    /// No primary key, and none was named.
    #[error(
        "{0:?} has no primary key; name columns that are UNIQUE and NOT NULL together with `key`"
    )]
    NoKey(String),
    /// The columns that were named tell no rows apart.
    #[error(
        "{columns} of {table:?} are no key: give them a UNIQUE index that covers exactly them and \
         every row"
    )]
    NotUnique {
        /// The table.
        table: String,
        /// The columns.
        columns: String,
    },
    /// A column of the key may be empty.
    #[error("{column:?} of {table:?} may be NULL and cannot be a key; declare it NOT NULL")]
    MayBeNull {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// The program named a column that is not there.
    #[error("{table:?} has no column {column:?}; check the name")]
    NoColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// The program gave a column a type that no column of SQLite holds.
    #[error(
        "{column:?} cannot hold a {ty}; take text, url, email, phone_number, uuid, title, number, \
         checkbox, date, select, status, multi_select, list or json"
    )]
    UnfitType {
        /// The column.
        column: String,
        /// The type.
        ty: String,
    },
    /// The column of soft deletes is computed, or part of the key.
    #[error("{0:?} cannot mark deleted rows: it is computed or part of the key")]
    UnfitSoftDelete(String),
    /// `INSERT OR REPLACE` removes rows by this index without any trigger knowing which.
    #[error(
        "changes of {table:?} cannot be captured: what its UNIQUE index {index:?} compares is not \
         understood, and INSERT OR REPLACE removes rows by it unseen; leave capture off"
    )]
    UnseenReplace {
        /// The table.
        table: String,
        /// The index.
        index: String,
    },
    /// Side tables of a later version.
    #[error(
        "the side tables in the file have format {found}, this program knows up to {known}; update \
         the program"
    )]
    Newer {
        /// Format found.
        found: u32,
        /// Format known.
        known: u32,
    },
    /// The file lacks what sync wrote into it, or the file that tells of that was deleted. What is missing
    /// would count as edits of people.
    #[error(
        "the table's file was restored from a backup, or {} beside it was deleted: what is missing would \
         count as edits; restore a later one, or take it as it is (`SqliteTableBuilder::adopt` and \
         `RunOptions::adopt`); where the database itself was made anew, delete that file",
        .0.display()
    )]
    Restored(PathBuf),
    /// The file that tells how often sync wrote cannot be read.
    #[error("{} tells whether the file beside it was restored; make it readable and writable", .0.display())]
    Beside(PathBuf, #[source] std::io::Error),
    /// A scan cannot go on from this token.
    #[error("the scan cannot go on from there; start it again")]
    BadToken,
    /// Another program writes to the file, longer than was waited.
    #[error("another program is writing to the file; try again, or wait longer for it")]
    Busy(#[source] rusqlite::Error),
    /// The file or its folder cannot be opened or written.
    #[error("the file cannot be opened or written; make it and its folder readable and writable")]
    ReadOnly(#[source] rusqlite::Error),
    /// No room.
    #[error("no room is left where the file lives; nothing was lost, make room and run again")]
    Full(#[source] rusqlite::Error),
    /// The file is damaged, or no database.
    #[error("the file is damaged or no SQLite database; keep it, and restore a backup beside it")]
    Damaged(#[source] rusqlite::Error),
    /// Anything else that SQLite says.
    #[error("SQLite refused: {0}")]
    Sqlite(#[source] rusqlite::Error),
    /// The thread that holds the file could not be started or has ended.
    #[error("the thread that holds the file is gone; open the table again")]
    Thread,
}

impl From<rusqlite::Error> for TableError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(error),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Self::ReadOnly(error)
            }
            Some(ErrorCode::DiskFull) => Self::Full(error),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error),
            _ => Self::Sqlite(error),
        }
    }
}

impl TableError {
    /// As the engine is told. A transaction that failed left nothing behind, so nothing was sent.
    pub(super) fn of_peer(self, place: &PlaceId) -> PeerError {
        let kind = match &self {
            Self::Busy(_) => PeerErrorKind::Busy,
            Self::NoFile(_) | Self::NoTable(_) => PeerErrorKind::NotFound,
            Self::Newer { .. } | Self::Restored(_) | Self::Damaged(_) | Self::Thread => {
                PeerErrorKind::Local
            }
            // Tables and files can be put right under a program that waits for it.
            _ => PeerErrorKind::Unavailable,
        };
        let message = self.to_string();
        PeerError {
            source: Some(Box::new(self)),
            ..PeerError::new(place, kind, message)
        }
    }
}
