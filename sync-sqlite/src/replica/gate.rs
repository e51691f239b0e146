//! The gate in the file through which writes of the engine pass the triggers, unjudged and unnoted.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::Table;
use crate::error::Result;

/// Runs writes that the triggers let pass. Only inside a transaction, so that a failure closes it.
pub(crate) fn with_gate<T>(
    connection: &Connection,
    writes: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let gate = |open: bool| -> Result<()> {
        connection
            .prepare_cached("UPDATE _sync_gate SET applying = ?1, tbl = NULL, row = NULL")?
            .execute([open])?;
        Ok(())
    };
    gate(true)?;
    let done = writes()?;
    gate(false)?;
    Ok(done)
}

/// Runs writes to what nobody but sync keeps, as states of rows: where the table is `watched` by
/// somebody's own triggers, these do not see them, and cannot refuse them.
pub(crate) fn in_private<T>(
    connection: &Connection,
    watched: bool,
    writes: impl FnOnce() -> Result<T>,
) -> Result<T> {
    if !watched {
        return with_gate(connection, writes);
    }
    let triggers =
        |enabled: bool| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, enabled);
    triggers(false)?;
    let done = writes();
    triggers(true)?;
    done
}

/// Lets nothing but this row pass from now on, while the gate is open: what a trigger of somebody's own
/// makes of the engine's write to other rows is their edit.
pub(crate) fn narrow(connection: &Connection, table: &Table, row: i64) -> Result<()> {
    connection
        .prepare_cached("UPDATE _sync_gate SET tbl = ?1, row = ?2")?
        .execute((&table.name, row))?;
    Ok(())
}

/// Whether the table has triggers that are not ours.
pub(crate) fn has_foreign_triggers(connection: &Connection, table: &Table) -> Result<bool> {
    let foreign = "SELECT 1 FROM sqlite_master WHERE type = 'trigger'
        AND tbl_name = ?1 COLLATE NOCASE AND name NOT GLOB '_sync_*'";
    Ok(connection.prepare_cached(foreign)?.exists([&table.name])?)
}
