//! Making a table as it was laid out: columns, triggers, and what is remembered of them.

use notion_sync_core::schema::Limits;
use rusqlite::{Connection, OptionalExtension};

use super::refill::{self, There};
use super::{Ask, Layout, column_names};
use crate::error::{Result, failed};
use crate::links;
use crate::read::side_text;
use crate::replica::column::Column;
use crate::replica::names::{FIXED, quote, same};
use crate::replica::{Table, has_foreign_triggers, in_private, triggers, uploads, with_gate};

/// Makes the table, or what of it is not there yet.
pub(super) fn make(connection: &Connection, layout: &Layout, ask: &Ask) -> Result<()> {
    let table = &layout.table;
    let link = links::load_or_create(connection, &ask.link)?;
    let is_there = connection
        .query_row(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
            [&table.name],
            |_| Ok(()),
        )
        .optional()?
        .is_some();
    let unwatched = is_there && !triggers::are_there(connection, table)?;
    let mut is_unsure = unwatched;
    if is_there {
        refuse_unique_indexes(connection, table)?;
        let there = There::load(connection, &table.name)?;
        let replaced = refill::replaced(connection, layout, &there, unwatched)?;
        refill::fill(connection, table, link.id, &replaced)?;
        is_unsure |= !replaced.is_empty();
        rename_columns(connection, layout)?;
        add_columns(connection, table)?;
        refuse_marker_in_use(connection, table, ask)?;
        empty(connection, layout)?;
    } else {
        connection.execute_batch(&create_sql(table))?;
    }
    remember(connection, link.id, table)?;
    remember_options(connection, table, ask)?;
    let_go(connection, table)?;
    uploads::take_in(connection, table)?;
    if is_there && !table.stateful {
        add_states(connection, table, link.id)?;
    }
    triggers::rebuild(connection, table, &ask.source_name)?;
    if is_unsure {
        look_at_all(connection, table, link.id)?;
    }
    if is_there {
        let_rest(connection, table)?;
    }
    Ok(())
}

/// Fills columns that are others than sync made, as a run does, where something else makes their triggers
/// anew: these would not tell any more.
pub(crate) fn refill(connection: &Connection, table: &Table, link: i64) -> Result<()> {
    let layout = Layout {
        table: table.clone(),
        renamed: Vec::new(),
        opened: Vec::new(),
        is_gone: false,
    };
    let there = There::load(connection, &table.name)?;
    let unwatched = !triggers::are_there(connection, table)?;
    let replaced = refill::replaced(connection, &layout, &there, unwatched)?;
    refill::fill(connection, table, link, &replaced)?;
    remember(connection, link, table)
}

/// What a column shows that a run would fill again first is nothing to plan by.
pub(super) fn refuse_replaced(connection: &Connection, layout: &Layout) -> Result<()> {
    let table = &layout.table;
    let there = There::load(connection, &table.name)?;
    // A column may show nothing because there is nothing to show.
    match refill::replaced(connection, layout, &there, false)?.first() {
        None => Ok(()),
        Some(replaced) => Err(failed(format!(
            "column {:?} of {} is another one than sync made: a run fills it again before anything else, and \
             then there is something to plan",
            replaced.name, table.name
        ))),
    }
}

/// A row that was put into the trash before any run saw it waits for nothing: no record of it was ever made.
/// Taken out, it is new again.
fn let_rest(connection: &Connection, table: &Table) -> Result<()> {
    let watched = has_foreign_triggers(connection, table)?;
    in_private(connection, watched, || {
        connection
            .prepare_cached(&format!(
                "UPDATE {} SET _state = 'clean' WHERE _trashed = 1 AND _state = 'pending' AND _id IS NULL
                   AND _row IN (SELECT row FROM _sync_pending WHERE tbl = ?1 AND col = '_row')",
                table.quoted()
            ))?
            .execute([&table.name])?;
        Ok(())
    })
}

/// Edits of columns that have left the sync, or are only read from now on, wait for nothing any more:
/// their rows are looked at again. What was edited stands in a column that left as it was written.
fn let_go(connection: &Connection, table: &Table) -> Result<()> {
    let closed = |column: &&Column| !column.mapped || column.projected();
    for column in table.columns.iter().filter(closed) {
        connection
            .prepare_cached(
                "INSERT INTO _sync_capture(tbl, row, col)
                 SELECT tbl, row, col FROM _sync_pending WHERE tbl = ?1 AND col = ?2",
            )?
            .execute((&table.name, &column.name))?;
    }
    Ok(())
}

/// While a trigger was missing, or looked at another column, anything may have been edited: the next scan
/// reads every row, and those that are gone.
fn look_at_all(connection: &Connection, table: &Table, link: i64) -> Result<()> {
    let (quoted, key) = (table.quoted(), side_text(table.source.other()));
    connection.execute(
        &format!(
            "INSERT INTO _sync_capture(tbl, row, col)
             SELECT ?1, _row, '_row' FROM {quoted}
             UNION ALL
             SELECT ?1, CAST({key}_key AS INTEGER), '_row' FROM _sync_pairs
             WHERE link = ?2 AND {key}_live = 1
               AND CAST({key}_key AS INTEGER) NOT IN (SELECT _row FROM {quoted})"
        ),
        (&table.name, link),
    )?;
    Ok(())
}

fn own_columns(table: &Table) -> impl Iterator<Item = &Column> {
    table
        .columns
        .iter()
        .filter(|column| !FIXED.contains(&column.name.as_str()) && !column.is_body())
}

/// What a person inserts has yet to be synced.
const STATE: &str = "_state TEXT NOT NULL DEFAULT 'pending'";

fn create_sql(table: &Table) -> String {
    let mut sql = format!(
        "CREATE TABLE {} (\n  _id TEXT UNIQUE,\n  _url TEXT,\n  _trashed INTEGER NOT NULL DEFAULT 0,\n  \
         _created TEXT,\n  _edited TEXT,\n  {STATE},\n",
        table.quoted()
    );
    for column in own_columns(table) {
        sql.push_str(&format!(
            "  {} {},\n",
            quote(&column.name),
            column.form().sql_type()
        ));
    }
    sql.push_str("  _row INTEGER PRIMARY KEY AUTOINCREMENT\n) STRICT");
    sql
}

fn refuse_unique_indexes(connection: &Connection, table: &Table) -> Result<()> {
    match unique_indexes(connection, &table.name)?.first() {
        None => Ok(()),
        Some(index) => {
            let why = not_with(index, &table.name);
            Err(failed(format!("{why}; drop it, or use a plain index")))
        }
    }
}

/// Indexes of somebody's that make `INSERT OR REPLACE` delete rows that no trigger sees.
pub(crate) fn unique_indexes(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let found = connection
        .prepare("SELECT name FROM pragma_index_list(?1) WHERE \"unique\" AND origin = 'c'")?
        .query_map([table], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(found)
}

/// Why nothing can be synced with such an index.
pub(crate) fn not_with(index: &str, table: &str) -> String {
    format!(
        "the index {index} on {table} is UNIQUE, and INSERT OR REPLACE would delete rows unseen"
    )
}

/// A marker field is written by sync alone: words that people have put there would be lost.
fn refuse_marker_in_use(connection: &Connection, table: &Table, ask: &Ask) -> Result<()> {
    let marker = ask.marker.as_ref();
    let mut columns = table.mapped();
    let Some(column) = columns.find(|column| Some(&column.field) == marker) else {
        return Ok(());
    };
    let was_open = "SELECT 1 FROM _sync_columns WHERE tbl = ?1 AND name = ?2 AND projected = 0";
    if !connection
        .prepare(was_open)?
        .exists([&table.name, &column.name])?
    {
        return Ok(());
    }
    let (quoted, name) = (table.quoted(), quote(&column.name));
    // Markers are 26 characters of an alphabet without small letters, see `ulid`.
    let words = format!(
        "SELECT 1 FROM {quoted} WHERE coalesce({name}, '') <> ''
           AND (length({name}) <> 26 OR {name} GLOB '*[^0-9A-Z]*')
         UNION ALL SELECT 1 FROM _sync_pending WHERE tbl = ?1 AND col = ?2"
    );
    if connection
        .prepare(&words)?
        .exists([&table.name, &column.name])?
    {
        return Err(failed(format!(
            "{:?} holds words of people, which a marker field would lose; make a text property of its own \
             for markers, and leave it alone",
            column.label
        )));
    }
    Ok(())
}

fn add_columns(connection: &Connection, table: &Table) -> Result<()> {
    let there = column_names(connection, &table.name)?;
    for column in table.columns.iter().filter(|column| !column.is_body()) {
        if there.iter().any(|name| same(name, &column.name)) {
            continue;
        }
        if column.exists && column.mapped {
            // An empty column in its place would look like an edit that clears every value.
            return Err(failed(format!(
                "column {:?} of {} was renamed or dropped by hand; name it back, or add an empty one, which \
                 is filled again: ALTER TABLE {} ADD COLUMN {} {}",
                column.name,
                table.name,
                table.quoted(),
                quote(&column.name),
                column.form().sql_type(),
            )));
        }
        if !column.exists {
            connection.execute_batch(&format!(
                "ALTER TABLE {} ADD COLUMN {} {}",
                table.quoted(),
                quote(&column.name),
                column.form().sql_type()
            ))?;
        }
    }
    Ok(())
}

fn rename_columns(connection: &Connection, layout: &Layout) -> Result<()> {
    let table = &layout.table;
    for (former, name) in &layout.renamed {
        connection.execute_batch(&format!(
            "ALTER TABLE {} RENAME COLUMN {} TO {}",
            table.quoted(),
            quote(former),
            quote(name)
        ))?;
        for (private, column) in [
            ("_sync_columns", "name"),
            ("_sync_options", "col"),
            ("_sync_capture", "col"),
            ("_sync_pending", "col"),
        ] {
            connection.execute(
                &format!("UPDATE {private} SET {column} = ?3 WHERE tbl = ?1 AND {column} = ?2"),
                (&table.name, former, name),
            )?;
        }
    }
    Ok(())
}

fn empty(connection: &Connection, layout: &Layout) -> Result<()> {
    for name in &layout.opened {
        let (table, column) = (layout.table.quoted(), quote(name));
        with_gate(connection, || {
            connection.execute_batch(&format!(
                "UPDATE {table} SET {column} = NULL WHERE {column} IS NOT NULL"
            ))?;
            Ok(())
        })?;
    }
    Ok(())
}

/// A table from before there were states gets them, once.
fn add_states(connection: &Connection, table: &Table, link: i64) -> Result<()> {
    let quoted = table.quoted();
    connection.execute_batch(&format!("ALTER TABLE {quoted} ADD COLUMN {STATE}"))?;
    let key = side_text(table.source.other());
    with_gate(connection, || {
        connection.execute(
            &format!(
                "UPDATE {quoted} SET _state = coalesce(
                   (SELECT p.state FROM _sync_pairs p WHERE p.link = ?1
                      AND p.{key}_key = CAST({quoted}._row AS TEXT) AND p.state <> 'clean'),
                   iif(EXISTS (SELECT 1 FROM _sync_pending e WHERE e.tbl = ?2
                      AND e.row = {quoted}._row), 'pending', 'clean'))"
            ),
            (link, &table.name),
        )?;
        Ok(())
    })?;
    Ok(())
}

fn remember(connection: &Connection, link: i64, table: &Table) -> Result<()> {
    connection.execute(
        "INSERT INTO _sync_tables(name, link, source, stateful, any_option, fixed_rows)
         VALUES (?1, ?2, ?3, 1, ?4, ?5)
         ON CONFLICT (name) DO UPDATE SET stateful = 1, any_option = excluded.any_option,
           fixed_rows = excluded.fixed_rows
         WHERE (stateful, any_option, fixed_rows) IS NOT (1, excluded.any_option, excluded.fixed_rows)",
        (
            &table.name,
            link,
            side_text(table.source),
            table.any_option,
            &table.fixed_rows,
        ),
    )?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO _sync_columns(tbl, position, name, id, field, label, kind, projected, reason,
           limits, target, mapped, place)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (tbl, name) DO UPDATE SET position = excluded.position, id = excluded.id,
           label = excluded.label, kind = excluded.kind, projected = excluded.projected,
           reason = excluded.reason, limits = excluded.limits, target = excluded.target,
           mapped = excluded.mapped, place = excluded.place
         WHERE (position, id, label, kind, projected, reason, limits, target, mapped, place) IS NOT
           (excluded.position, excluded.id, excluded.label, excluded.kind, excluded.projected,
            excluded.reason, excluded.limits, excluded.target, excluded.mapped, excluded.place)",
    )?;
    let there = There::load(connection, &table.name)?;
    for (position, column) in table.columns.iter().enumerate() {
        let limits = match column.limits == Limits::default() {
            true => None,
            false => Some(serde_json::to_string(&column.limits)?),
        };
        statement.execute(rusqlite::params![
            &table.name,
            i64::try_from(position).unwrap_or(i64::MAX),
            &column.name,
            column.id.as_str(),
            column.field.as_str(),
            &column.label,
            &column.kind,
            column.projected(),
            &column.closed,
            limits,
            &column.target,
            column.mapped,
            there.place(&column.name),
        ])?;
    }
    Ok(())
}

/// The options that the source offers now; columns that left the mapping keep theirs.
fn remember_options(connection: &Connection, table: &Table, ask: &Ask) -> Result<()> {
    for column in table.mapped() {
        let field = ask.schema.field(&column.field);
        let Some(options) = field.and_then(|field| field.ty.options()) else {
            continue;
        };
        let there: Vec<String> = connection
            .prepare_cached(
                "SELECT name FROM _sync_options WHERE tbl = ?1 AND col = ?2 ORDER BY position",
            )?
            .query_map((&table.name, &column.name), |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let offered = options.iter().map(|option| option.name.as_str());
        if there.iter().map(String::as_str).eq(offered.clone()) {
            continue;
        }
        connection
            .prepare_cached("DELETE FROM _sync_options WHERE tbl = ?1 AND col = ?2")?
            .execute((&table.name, &column.name))?;
        let mut insert = connection.prepare_cached(
            "INSERT OR IGNORE INTO _sync_options(tbl, col, name, position) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (position, name) in (0_i64..).zip(offered) {
            insert.execute((&table.name, &column.name, name, position))?;
        }
    }
    Ok(())
}
