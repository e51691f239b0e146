//! Where recorded exchanges are read in place, if they are there.

use std::path::PathBuf;

/// The folder of the exchanges; where there is none, that is said, and the test is skipped.
pub(crate) fn recordings() -> Option<PathBuf> {
    let folder = match std::env::var_os("NOTION_RECORDINGS") {
        Some(folder) => PathBuf::from(folder),
        None => concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/recordings").into(),
    };
    let folder = folder.join("exchanges");
    if !folder.is_dir() {
        eprintln!("skipped: no recordings at {}", folder.display());
        return None;
    }
    Some(folder)
}
