//! Memory that was emptied by hand: whole private tables, or entries of them. What both sides still show is
//! taken up again and agreed on anew; what nobody else knows is left for a backup.

use notion_sync_core::link::{LinkId, Side};
use notion_sync_core::pair::{Base, Presence};
use notion_sync_core::record::Key;
use rusqlite::{Connection, OptionalExtension};

use crate::checkup::{Mend, Misfit};
use crate::error::{Result, corrupt};
use crate::links::{self, LinkRow};
use crate::pairs::{key_text, pk, presence_text};
use crate::read::side_text;
use crate::replica::{Table, column_names, quote, row_of};

/// What of the memory is gone.
pub(crate) fn misfits(connection: &Connection) -> Result<Vec<Misfit>> {
    let mut found = Vec::new();
    let mut tell = |said: String, mend: Mend| found.push(Misfit { said, mend });
    let readable = "SELECT 1 FROM _sync_meta WHERE length(lineage) BETWEEN 1 AND 32
        AND lineage NOT GLOB '*[^0-9a-fA-F]*'";
    if !connection.prepare(readable)?.exists([])? {
        tell(
            "which file it is cannot be read in _sync_meta".to_owned(),
            Mend::Backup,
        );
    }
    if is_any_link_gone(connection)? {
        let said = "entries of _sync_links are gone: tables are there that follow no data source";
        tell(said.to_owned(), Mend::Backup);
        return Ok(found);
    }
    for (link, row) in all(connection)? {
        for side in Side::BOTH {
            if let Some(forgotten) = forgotten_table(connection, &row, side)? {
                let said = format!("the entry of {} in _sync_tables is gone", forgotten.name);
                tell(said, forgotten.mend);
            }
        }
        let Some(table) = Table::load(connection, &link)? else {
            continue;
        };
        if table.columns.is_empty() {
            let said = format!("the entries of {} in _sync_columns are gone", table.name);
            tell(said, Mend::Backup);
            continue;
        }
        let rows = forgotten_rows(connection, &row, &table)?.len();
        if rows > 0 {
            let said = format!(
                "{rows} row(s) of {} are of records that the file does not remember: their entries in \
                 _sync_pairs are gone",
                table.name
            );
            tell(said, Mend::Repair);
        }
    }
    for side in Side::BOTH {
        let side = side_text(side);
        let unknown = format!("{side}_key IS NULL AND {side}_presence <> 'never'");
        let unknown = count(connection, "_sync_pairs", &unknown)?;
        if unknown > 0 {
            let said = format!("{unknown} entries of _sync_pairs have lost their {side}_key");
            tell(said, Mend::Backup);
        }
        let unseen = count(connection, "_sync_pairs", &without_shadow(side))?;
        if unseen > 0 {
            let said =
                format!("{unseen} entries of _sync_{side} are gone: what a side last showed");
            tell(said, Mend::Repair);
        }
    }
    let unreadable = count(connection, "_sync_pairs", WITHOUT_BASE)?;
    if unreadable > 0 {
        let said = format!(
            "what was last agreed of {unreadable} record(s) cannot be read: it stood in _sync_layouts, \
             _sync_left and _sync_right"
        );
        tell(said, Mend::Repair);
    }
    Ok(found)
}

/// Takes up again what [`misfits`] finds with [`Mend::Repair`]. What was agreed of those records is not
/// known: what agrees now is agreed on anew, and where the sides differ somebody is asked. In a transaction.
pub(crate) fn mend(connection: &Connection) -> Result<()> {
    let (unread, lost) = (
        presence_text(&Presence::Unread)?,
        serde_json::to_string(&Base::lost())?,
    );
    let mut is_lost = false;
    for (link, row) in all(connection)? {
        for side in Side::BOTH {
            if let Some(forgotten) = forgotten_table(connection, &row, side)?
                && forgotten.mend == Mend::Repair
            {
                remember_table(connection, &row, side, &forgotten.name)?;
            }
        }
        if let Some(table) = Table::load(connection, &link)? {
            is_lost |= take_up(connection, &row, &table, &unread, &lost)?;
        }
    }
    let mut changed = connection.execute(
        &format!("UPDATE _sync_pairs SET base = ?1, layout = NULL WHERE {WITHOUT_BASE}"),
        [&lost],
    )?;
    for side in Side::BOTH.map(side_text) {
        changed += connection.execute(
            &format!(
                "UPDATE _sync_pairs SET {side}_presence = ?1, {side}_digest = NULL, {side}_live = 0 WHERE {}",
                without_shadow(side)
            ),
            [&unread],
        )?;
    }
    if is_lost || changed > 0 {
        for (link, _) in all(connection)? {
            for side in Side::BOTH {
                links::read_whole(connection, &link, side)?;
            }
        }
    }
    Ok(())
}

/// Whether tables are remembered whose links are not. A link made now could get the number of one of
/// those.
pub(crate) fn is_any_link_gone(connection: &Connection) -> Result<bool> {
    let gone = "SELECT 1 FROM _sync_tables WHERE link NOT IN (SELECT id FROM _sync_links)";
    Ok(connection.prepare(gone)?.exists([])?)
}

/// Whether a link had a table on a side that nothing is remembered of.
pub(crate) fn is_table_forgotten(
    connection: &Connection,
    link: &LinkRow,
    side: Side,
) -> Result<bool> {
    Ok(forgotten_table(connection, link, side)?.is_some())
}

/// Refuses rows that are of a record of the source, as their `_id` says, and that nothing is remembered of:
/// sent as new ones they would be made a second time.
pub(crate) fn refuse_forgotten(
    connection: &Connection,
    link: i64,
    side: Side,
    unknown: &[&Key],
) -> Result<()> {
    if unknown.is_empty() {
        return Ok(());
    }
    let table: Option<String> = connection
        .prepare_cached("SELECT name FROM _sync_tables WHERE link = ?1 AND source = ?2")?
        .query_row((link, side_text(side.other())), |row| row.get(0))
        .optional()?;
    let Some(table) = table else {
        return Ok(());
    };
    let sql = format!(
        "SELECT 1 FROM {} WHERE _row = ?1 AND {IS_OF_RECORD}",
        quote(&table)
    );
    let mut forgotten = connection.prepare_cached(&sql)?;
    for row in unknown.iter().filter_map(|key| row_of(key)) {
        if forgotten.exists([row])? {
            return Err(corrupt(format!(
                "row {row} of {table} is of a record that the file does not remember any more; `notion-sync \
                 doctor --repair` takes such rows up by their _id, and nothing is made twice"
            )));
        }
    }
    Ok(())
}

/// In the trash it may be one that both sides have put away long ago.
const IS_OF_RECORD: &str = "_trashed = 0 AND _id IS NOT NULL";

/// A base that is laid out over shadows, and lacks one of them or its layout.
const WITHOUT_BASE: &str = "layout IS NOT NULL AND (layout NOT IN (SELECT id FROM _sync_layouts)
    OR pk NOT IN (SELECT pk FROM _sync_left) OR pk NOT IN (SELECT pk FROM _sync_right))";

fn without_shadow(side: &str) -> String {
    format!("{side}_presence = 'present' AND pk NOT IN (SELECT pk FROM _sync_{side})")
}

fn count(connection: &Connection, table: &str, which: &str) -> Result<u64> {
    let sql = format!("SELECT count(*) FROM {table} WHERE {which}");
    Ok(connection.query_row(&sql, [], |row| row.get(0))?)
}

fn all(connection: &Connection) -> Result<Vec<(LinkId, LinkRow)>> {
    let mut all = Vec::new();
    for link in links::all(connection)? {
        if let Some(row) = links::load(connection, &link)? {
            all.push((link, row));
        }
    }
    Ok(all)
}

/// A table of this file that is not remembered.
struct Forgotten {
    name: String,
    mend: Mend,
}

fn forgotten_table(
    connection: &Connection,
    link: &LinkRow,
    side: Side,
) -> Result<Option<Forgotten>> {
    let place = link.places[side].as_deref();
    let Some(name) = place.and_then(|place| place.strip_prefix("sqlite:")) else {
        return Ok(None);
    };
    let known = "SELECT 1 FROM _sync_tables WHERE link = ?1";
    if connection.prepare_cached(known)?.exists([link.id])? {
        return Ok(None);
    }
    // A table of somebody else's is a place, too, and is never remembered here.
    let columns = "SELECT 1 FROM _sync_columns WHERE tbl = ?1";
    let trigger = "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = ?1 COLLATE NOCASE";
    let mend = if connection.prepare_cached(columns)?.exists([name])? {
        Mend::Repair
    } else if connection
        .prepare_cached(trigger)?
        .exists([format!("_sync_{name}_after_insert")])?
    {
        Mend::Backup
    } else {
        return Ok(None);
    };
    let name = name.to_owned();
    Ok(Some(Forgotten { name, mend }))
}

/// The rest of the entry is written by the next run.
fn remember_table(connection: &Connection, link: &LinkRow, side: Side, name: &str) -> Result<()> {
    let mut columns = column_names(connection, name)?.into_iter();
    let stateful = columns.any(|column| column == "_state");
    connection.execute(
        "INSERT INTO _sync_tables(name, link, source, stateful) VALUES (?1, ?2, ?3, ?4)",
        (name, link.id, side_text(side.other()), stateful),
    )?;
    Ok(())
}

/// Rows that are of a record and in no pair, each with the record's id; also those in the trash, if their
/// record is in a pair without a row.
fn forgotten_rows(
    connection: &Connection,
    link: &LinkRow,
    table: &Table,
) -> Result<Vec<(i64, String)>> {
    if table.clone().leave_out_gone(connection)?.is_none() {
        return Ok(Vec::new());
    }
    let (source, own) = (side_text(table.source), side_text(table.source.other()));
    let sql = format!(
        "SELECT _row, _id FROM {} WHERE _row IS NOT NULL AND NOT EXISTS (SELECT 1 FROM _sync_pairs p
           WHERE p.link = ?1 AND p.{own}_key = CAST(_row AS TEXT))
         AND ({IS_OF_RECORD} OR EXISTS (SELECT 1 FROM _sync_pairs p
           WHERE p.link = ?1 AND p.{source}_key = _id AND p.{own}_key IS NULL))
         ORDER BY _row",
        table.quoted()
    );
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([link.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Makes pairs of rows and the records they are of. Whether there were any.
fn take_up(
    connection: &Connection,
    link: &LinkRow,
    table: &Table,
    unread: &str,
    lost: &str,
) -> Result<bool> {
    let rows = forgotten_rows(connection, link, table)?;
    let (source, own) = (side_text(table.source), side_text(table.source.other()));
    let mut join = connection.prepare(&format!(
        "UPDATE _sync_pairs SET {own}_key = ?3, {own}_presence = ?4, base = ?5, layout = NULL, dirty = 1
         WHERE link = ?1 AND {source}_key = ?2 AND {own}_key IS NULL"
    ))?;
    let known = format!("SELECT 1 FROM _sync_pairs WHERE link = ?1 AND {source}_key = ?2");
    let mut known = connection.prepare(&known)?;
    let mut make = connection.prepare(&format!(
        "INSERT INTO _sync_pairs(pk, link, {source}_key, {own}_key, left_presence, right_presence,
           left_live, right_live, dirty, base) VALUES (?1, ?2, ?3, ?4, ?5, ?5, 0, 0, 1, ?6)"
    ))?;
    let mut next = link.next_id;
    for (row, id) in &rows {
        let record = Key::durable(id.as_str());
        let (record, row) = (key_text(&record), row.to_string());
        if join.execute((link.id, &record, &row, unread, lost))? > 0
            || known.exists((link.id, &record))?
        {
            continue;
        }
        make.execute((pk(link.id, next)?, link.id, &record, &row, unread, lost))?;
        next += 1;
    }
    connection.execute(
        "UPDATE _sync_links SET next_id = ?2 WHERE id = ?1",
        (link.id, next),
    )?;
    Ok(!rows.is_empty())
}
