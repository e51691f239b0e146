//! What somebody changed by hand in private tables, views, triggers and columns; and mending it.

use notion_sync::core::link::LinkId;
use notion_sync::core::port::StoreError;
use notion_sync::sqlite::{Mend, Misfit, SqliteStore};

use super::Findings;
use super::file::{FILE, RESTORE};
use crate::output;

/// What helps.
pub(super) fn remedy(mend: Mend, table: Option<&str>) -> String {
    match (mend, table) {
        (Mend::Repair, _) => {
            "`notion-sync doctor --repair` makes it anew, and the next `notion-sync run` finds what was \
             edited meanwhile"
                .to_owned()
        }
        (Mend::Name, Some(table)) => output::missing_table(table),
        (Mend::Forget, Some(table)) => output::table_made_anew(table),
        (Mend::Drop, _) => "`DROP INDEX …` in SQL, or a plain index in its place".to_owned(),
        _ => RESTORE.to_owned(),
    }
}

/// Looks at private tables and views. Whether the rest of the file can be read.
pub(super) async fn look_at_file(store: &SqliteStore, findings: &mut Findings) -> bool {
    match store.misfits().await {
        Ok(found) => {
            let is_readable = found.iter().all(|misfit| misfit.mend != Mend::Backup);
            tell(found, FILE, None, findings);
            is_readable
        }
        Err(error) => {
            cannot_be_written(&error, FILE, findings);
            findings.is_locked = true;
            true
        }
    }
}

/// Looks at a table, its columns and triggers. Whether nothing is wrong with them.
pub(super) async fn look_at_table(
    store: &SqliteStore,
    link: &LinkId,
    table: &str,
    findings: &mut Findings,
) -> bool {
    if findings.is_locked {
        return false;
    }
    match store.replica(link).build().misfits().await {
        Ok(found) => {
            let is_fine = found.is_empty();
            tell(found, table, Some(table), findings);
            is_fine
        }
        Err(error) => {
            cannot_be_written(&error, table, findings);
            false
        }
    }
}

fn tell(found: Vec<Misfit>, about: &str, table: Option<&str>, findings: &mut Findings) {
    for misfit in found {
        findings.problem(about, misfit.said, remedy(misfit.mend, table));
    }
}

fn cannot_be_written(error: &StoreError, about: &str, findings: &mut Findings) {
    let said = format!("cannot be written: {}", output::sentence_of(error));
    let remedy = "end the program that holds the file; make it and its folder writable";
    findings.problem(about, said, remedy);
}

/// Mends what can be mended, and tells it; a look afterwards tells the rest.
pub(super) async fn repair(store: &SqliteStore, findings: &mut Findings) {
    if let Err(error) = mend_all(store, findings).await {
        let said = format!("cannot be mended: {}", output::sentence_of(&error));
        findings.problem(
            FILE,
            said,
            "end the run or the program that holds the file; a copy is adopted first, with \
             `notion-sync run --adopt`",
        );
    }
}

async fn mend_all(store: &SqliteStore, findings: &mut Findings) -> Result<(), StoreError> {
    let found = of_file(store).await?;
    if found.iter().any(|misfit| misfit.mend == Mend::Backup) {
        return Ok(());
    }
    store.repair().await?;
    tell_mended(found, &of_file(store).await?, FILE, findings);
    for link in store.links().await? {
        let table = store.table_of(&link).await?;
        let replica = store.replica(&link).build();
        let found = replica.misfits().await?;
        replica.repair().await?;
        let left = replica.misfits().await?;
        tell_mended(found, &left, table.as_deref().unwrap_or(FILE), findings);
    }
    Ok(())
}

async fn of_file(store: &SqliteStore) -> Result<Vec<Misfit>, StoreError> {
    let mut found = store.checkup().await?.damage;
    found.extend(store.misfits().await?);
    Ok(found)
}

fn tell_mended(found: Vec<Misfit>, left: &[Misfit], about: &str, findings: &mut Findings) {
    for misfit in found.into_iter().filter(|misfit| !left.contains(misfit)) {
        findings.ok(about, format!("mended: {}", misfit.said));
    }
}
