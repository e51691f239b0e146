//! The file: there, whole, private, of a known format, free.

use notion_sync::core::port::StoreError;
use notion_sync::sqlite::SqliteStore;

use super::{Findings, misfits};
use crate::args::{Args, DoctorArgs};
use crate::output;

pub(super) const FILE: &str = "file";

/// Looks at the file, and mends it where that is asked for; the store in it, where there is one to look
/// into.
pub(super) async fn look(
    args: &Args,
    what: &DoctorArgs,
    findings: &mut Findings,
) -> Option<SqliteStore> {
    let name = args.db.display();
    if !args.db.exists() {
        look_at_folder(args, findings);
        return None;
    }
    look_at_permissions(args, findings);
    let store = match SqliteStore::open(&args.db, Default::default()) {
        Ok(store) => store,
        Err(error) => {
            unusable(args, findings, &error);
            return None;
        }
    };
    if what.repair {
        misfits::repair(&store, findings).await;
    }
    let checkup = match store.checkup().await {
        Ok(checkup) => checkup,
        Err(error) => {
            unusable(args, findings, &error);
            return None;
        }
    };
    let Some(format) = checkup.format else {
        let said = format!("{name} holds nothing of notion-sync yet");
        findings.warning(FILE, said, "`notion-sync run` makes its tables");
        return None;
    };
    for damage in &checkup.damage {
        let said = format!("SQLite finds it damaged: {}", damage.said);
        findings.problem(FILE, said, misfits::remedy(damage.mend, None));
    }
    if checkup.damage.is_empty() {
        findings.ok(FILE, format!("{name} is whole, of format {format}"));
    }
    if format < checkup.newest_format {
        let newest = checkup.newest_format;
        let said = format!("it is read as it is; the next run makes format {newest} of it");
        findings.ok(FILE, said);
    }
    if checkup.is_copy {
        findings.problem(FILE, output::COPY, output::ADOPT);
    }
    if checkup.is_rolled_back {
        let said = "it is not in WAL mode any more: readers and writers wait for each other";
        findings.warning(FILE, said, "`notion-sync run` sets it back");
    }
    match (checkup.unlockable, checkup.held_by) {
        (Some(why), _) => {
            let said = format!("no run can hold it: {why}");
            findings.problem(
                FILE,
                said,
                "take what stands there out of the way; the file and its lock belong on a local disk",
            );
        }
        (None, None) => findings.ok(FILE, "no run holds it"),
        (None, Some(owner)) => {
            findings.ok(FILE, format!("held by {owner}: other runs wait for it"));
        }
    }
    let is_readable = misfits::look_at_file(&store, findings).await;
    is_readable.then_some(store)
}

/// The first run makes the file, but not its folder.
fn look_at_folder(args: &Args, findings: &mut Findings) {
    let name = args.db.display();
    let folder = args
        .db
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match folder.filter(|folder| !folder.is_dir()) {
        None => {
            let said = format!("{name} is not there yet");
            findings.warning(FILE, said, "`notion-sync run` makes it");
        }
        Some(folder) => {
            let said = format!("{name} cannot be made: {} is no folder", folder.display());
            findings.problem(
                FILE,
                said,
                "make that folder, or name another file with `--db`",
            );
        }
    }
}

pub(super) const RESTORE: &str =
    "keep it, restore a backup beside it, then `notion-sync run --adopt --db BACKUP`";

fn unusable(args: &Args, findings: &mut Findings, error: &StoreError) {
    let remedy = match error {
        StoreError::Newer { .. } => "update notion-sync",
        StoreError::Corrupt(_) => RESTORE,
        StoreError::Busy { .. } => "wait for that program, or end it",
        StoreError::Full => "make room on the disk",
        StoreError::NotAdopted => output::ADOPT,
        _ => "make the file and its folder readable and writable, on a local disk",
    };
    let said = format!(
        "{} cannot be used: {}",
        args.db.display(),
        output::sentence_of(error)
    );
    findings.problem(FILE, said, remedy);
}

#[cfg(unix)]
fn look_at_permissions(args: &Args, findings: &mut Findings) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = std::fs::metadata(&args.db) else {
        return;
    };
    let mode = metadata.permissions().mode();
    let name = args.db.display();
    if mode & 0o077 != 0 {
        let said = format!(
            "others on this machine may open it (mode {:03o})",
            mode & 0o777
        );
        findings.warning(FILE, said, format!("chmod 600 {name}"));
    }
    if metadata.permissions().readonly() {
        findings.problem(FILE, "it is read-only", format!("chmod 600 {name}"));
    }
}

#[cfg(not(unix))]
fn look_at_permissions(args: &Args, findings: &mut Findings) {
    let metadata = std::fs::metadata(&args.db);
    if metadata.is_ok_and(|metadata| metadata.permissions().readonly()) {
        findings.problem(FILE, "it is read-only", "take the read-only mark away");
    }
}
