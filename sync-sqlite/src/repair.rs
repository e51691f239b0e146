//! Mending what a checkup finds, as far as no record can be lost by it.

use notion_sync_core::link::LinkId;
use notion_sync_core::port::StoreError;
use rusqlite::{Connection, TransactionBehavior};

use crate::checkup::{Mend, current, damage, refuse_copy};
use crate::database::Database;
use crate::error::Result;
use crate::links;
use crate::private;
use crate::replica::{SqliteReplica, Table, rebuild_triggers, refill};
use crate::store::SqliteStore;
use crate::views;

/// Whom others see while a file is mended.
const OWNER: &str = "a file being mended";

impl SqliteStore {
    /// Mends indexes, private tables and views: what [`SqliteStore::checkup`] and
    /// [`SqliteStore::misfits`] find with [`Mend::Repair`]. Where private tables were wrong, the next run
    /// reads every table whole and decides about every record again. Rows whose pair is gone are paired with
    /// the record that their `_id` names; of what was agreed and cannot be read any more, what agrees is
    /// agreed on anew and the rest becomes conflicts. Triggers of tables are mended one
    /// by one, see [`SqliteReplica::repair`].
    ///
    /// Nothing is mended in a file where something is left for a backup, nor in one of an older format,
    /// which the next run brings up to date.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while a run holds the file; [`StoreError::NotAdopted`] for a copy; when the
    /// file cannot be written. Then nothing was mended.
    pub async fn repair(&self) -> std::result::Result<(), StoreError> {
        self.worker()
            .ask(|database| {
                let Some(reader) = current(database)? else {
                    return Ok(());
                };
                let (damage, private) = (damage(reader)?, private::misfits(reader)?);
                let mut found = damage.iter().chain(&private);
                if found.any(|misfit| misfit.mend != Mend::Repair) {
                    return Ok(());
                }
                alone(database, |transaction| {
                    if !damage.is_empty() {
                        transaction.execute_batch("REINDEX")?;
                    }
                    if !private.is_empty() {
                        private::mend(transaction)?;
                        for link in links::all(transaction)? {
                            read_table_whole(transaction, &link)?;
                        }
                    }
                    views::rebuild(transaction)
                })
            })
            .await
    }
}

impl SqliteReplica {
    /// Makes the triggers of the table anew where they were changed or dropped: what
    /// [`SqliteReplica::misfits`] finds with [`Mend::Repair`]. The next run reads the table whole then,
    /// so that what was edited meanwhile is found.
    ///
    /// # Errors
    /// As [`SqliteStore::repair`].
    pub async fn repair(&self) -> std::result::Result<(), StoreError> {
        let found = self.misfits().await?;
        if !found.iter().any(|misfit| misfit.mend == Mend::Repair) {
            return Ok(());
        }
        let (link, source) = (self.link().clone(), self.source_name().to_owned());
        self.worker()
            .ask(move |database| {
                alone(database, |transaction| {
                    let known = links::load(transaction, &link)?;
                    if let (Some(table), Some(known)) = (Table::load(transaction, &link)?, known) {
                        refill(transaction, &table, known.id)?;
                        rebuild_triggers(transaction, &table, &source)?;
                    }
                    read_table_whole(transaction, &link)
                })
            })
            .await
    }
}

/// Has the next run of a link read its table whole.
fn read_table_whole(connection: &Connection, link: &LinkId) -> Result<()> {
    match Table::load(connection, link)? {
        Some(table) => links::read_whole(connection, link, table.source.other()),
        None => Ok(()),
    }
}

/// Works on the file in one transaction, while no run does.
fn alone(database: &mut Database, work: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
    if let Some(owner) = database.leases.holder()? {
        return Err(StoreError::Busy { owner }.into());
    }
    refuse_copy(database)?;
    database.leases.admit(&LinkId::new(OWNER), OWNER)?;
    let done = in_transaction(database, work);
    database.leases.unlock_if_idle();
    done
}

fn in_transaction(
    database: &mut Database,
    work: impl FnOnce(&Connection) -> Result<()>,
) -> Result<()> {
    let transaction = database
        .writer()?
        .transaction_with_behavior(TransactionBehavior::Immediate)?;
    work(&transaction)?;
    transaction.commit()?;
    database.views = Default::default();
    Ok(())
}
