//! What can go wrong inside, and how it is told outside.

use notion_sync_core::port::StoreError;
use rusqlite::ErrorCode;

/// A [`StoreError`] on its way out; exists so that `?` converts what lies underneath.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) StoreError);

pub(crate) type Result<T> = std::result::Result<T, Fault>;

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self(explain(error))
    }
}

impl From<serde_json::Error> for Fault {
    /// Only what this crate wrote itself is read as JSON here.
    fn from(error: serde_json::Error) -> Self {
        Self(StoreError::Corrupt(format!(
            "a private entry is not readable ({error}); restore the file from a backup"
        )))
    }
}

/// A failure with a sentence of ours.
pub(crate) fn failed(message: impl Into<String>) -> Fault {
    Fault(StoreError::Io {
        message: message.into(),
        source: None,
    })
}

/// A failure of the file system.
pub(crate) fn file_failed(message: impl Into<String>, error: std::io::Error) -> Fault {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return Fault(StoreError::Full);
    }
    Fault(StoreError::Io {
        message: message.into(),
        source: Some(Box::new(error)),
    })
}

/// An entry that this crate cannot have written.
pub(crate) fn corrupt(what: impl Into<String>) -> Fault {
    Fault(StoreError::Corrupt(what.into()))
}

fn explain(error: rusqlite::Error) -> StoreError {
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            return StoreError::Busy {
                owner: "a program that is writing to the file right now".to_owned(),
            };
        }
        Some(ErrorCode::DiskFull) => return StoreError::Full,
        Some(ErrorCode::DatabaseCorrupt) => {
            return StoreError::Corrupt(
                "SQLite finds the file malformed; keep it, and restore a backup beside it"
                    .to_owned(),
            );
        }
        Some(ErrorCode::NotADatabase) => {
            return StoreError::Corrupt(
                "the file is not a SQLite database; choose another file, or restore a backup beside \
                 it if it was one"
                    .to_owned(),
            );
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "the file cannot be written; make it and its folder writable"
        }
        Some(ErrorCode::SystemIoFailure) => {
            "the system could not read or write the file; check the disk, the room on it and limits on \
             the size of files, then run again"
        }
        Some(ErrorCode::CannotOpen) => {
            "the file cannot be opened; check that its folder exists and is writable"
        }
        Some(ErrorCode::SchemaChanged) | Some(ErrorCode::Unknown) => {
            "SQLite refused; a table or trigger may have been changed by hand, `notion-sync doctor` \
             says which"
        }
        _ => "SQLite refused",
    };
    StoreError::Io {
        message: format!("{advice} ({error})"),
        source: Some(Box::new(error)),
    }
}
