//! Lists row by row: a view for every column that holds one, `tasks__Tags` say, and `files`.

use std::collections::{BTreeMap, BTreeSet};

use super::{LinkView, Views, tables, title};
use crate::error::Result;
use crate::replica::{Column, Form, Table, literal, quote};

/// Tells a view of a list from one that a person made.
const MARK: &str = "/* a list, kept by notion-sync */";

/// Brings the views up to date, and drops those whose column is gone.
pub(super) fn rebuild(views: &mut Views<'_>, links: &[LinkView]) -> Result<()> {
    let by_name: BTreeMap<&str, &Table> = tables(links)
        .map(|(_, table)| (table.name.as_str(), table))
        .collect();
    let mut kept = BTreeSet::new();
    for (_, table) in tables(links) {
        for column in table.mapped() {
            if let Some(body) = elements(table, column, |name| by_name.get(name).copied()) {
                let name = format!("{}__{}", table.name, column.name);
                let body = format!("{body}\n{MARK}");
                kept.insert(views.marked_view(&name, &body, MARK)?);
            }
        }
    }
    views.drop_views(|_, sql| sql.contains(MARK), &kept)?;
    rebuild_files(views, links)
}

/// A column's array as a table: what a person, or the engine, left unreadable has no elements.
fn array(column: &str) -> String {
    format!("json_each(iif(json_valid({column}), {column}, NULL))")
}

fn elements<'a>(
    table: &Table,
    column: &Column,
    table_called: impl Fn(&str) -> Option<&'a Table>,
) -> Option<String> {
    let (what, join) = match column.form() {
        Form::Choices => ("e.value AS name".to_owned(), String::new()),
        Form::People => (
            "e.value AS id, u.name AS name, u.email AS email".to_owned(),
            " LEFT JOIN _sync_people u ON u.id = e.value".to_owned(),
        ),
        Form::Files => (FILE.to_owned(), String::new()),
        Form::References => match column.target.as_deref().and_then(table_called) {
            Some(target) => (
                format!(
                    "r._row AS target_row, coalesce(r._id, iif(e.type = 'text', e.value, NULL)) AS target_id,
  {} AS target_title",
                    title(target).replacen("t.", "r.", 1)
                ),
                // A column that is only read has what its source says: the records' own ids.
                format!(
                    " LEFT JOIN {} r ON r._row = e.value OR r._id = e.value",
                    target.quoted()
                ),
            ),
            None => ("e.value AS target_id".to_owned(), String::new()),
        },
        _ => return None,
    };
    Some(format!(
        "SELECT t._row AS _row, t._id AS _id, e.key AS position, {what}
FROM {} t, {} e{join}",
        table.quoted(),
        array(&format!("t.{}", quote(&column.name)))
    ))
}

const FILE: &str = "iif(e.type = 'text', e.value, json_extract(e.value, '$.name')) AS name,
  CASE WHEN e.type = 'text' OR json_extract(e.value, '$.url') IS NOT NULL THEN 'external'
    WHEN json_extract(e.value, '$.hosted') IS NOT NULL THEN 'hosted' ELSE 'upload' END AS kind,
  iif(e.type = 'text', e.value, coalesce(json_extract(e.value, '$.url'),
    json_extract(e.value, '$.hosted'))) AS url";

/// Where the bytes of a file to upload are, and why a run could not take them in.
const UPLOAD: &str = "CASE WHEN e.type = 'object' THEN (SELECT u.path FROM _sync_uploads u
    WHERE u.id = json_extract(e.value, '$.upload') OR u.digest = json_extract(e.value, '$.blob')) END AS path,
  NULL AS bytes,
  CASE WHEN e.type = 'object' THEN (SELECT u.problem FROM _sync_uploads u
    WHERE u.id = json_extract(e.value, '$.upload')) END AS problem";

/// All files of all tables. INSERT and DELETE there edit the column the file is in.
fn rebuild_files(views: &mut Views<'_>, links: &[LinkView]) -> Result<()> {
    let name = views.union(
        links,
        "files",
        &[
            "table", "_row", "_id", "column", "position", "name", "kind", "url", "path", "bytes",
            "problem",
        ],
        &|_, table| files(table),
    )?;
    let columns: Vec<(&Table, &Column)> = tables(links)
        .flat_map(|(_, table)| of_files(table).map(move |column| (table, column)))
        .collect();
    for (event, body) in [("INSERT", insert(&columns)), ("DELETE", delete(&columns))] {
        let trigger = format!("_sync_files_{}", event.to_lowercase());
        let sql = format!(
            "CREATE TRIGGER {} INSTEAD OF {event} ON {}\nBEGIN\n{body}END",
            quote(&trigger),
            quote(&name)
        );
        views.trigger(&trigger, &sql)?;
    }
    Ok(())
}

fn of_files(table: &Table) -> impl Iterator<Item = &Column> {
    let mapped = table.mapped();
    mapped.filter(|column| column.form() == Form::Files)
}

fn files(table: &Table) -> Option<String> {
    let of = |column: &Column| {
        format!(
            "SELECT {} AS \"table\", t._row AS _row, t._id AS _id, {} AS \"column\",
  e.key AS position, {FILE},
  {UPLOAD}
FROM {} t, {} e",
            literal(&table.name),
            literal(&column.name),
            table.quoted(),
            array(&format!("t.{}", quote(&column.name)))
        )
    };
    let mut parts: Vec<String> = of_files(table).map(of).collect();
    match parts.len() {
        0 | 1 => parts.pop(),
        // One part of the whole, however many columns of files the table has.
        _ => Some(format!(
            "SELECT * FROM (\n{}\n)",
            parts.join("\nUNION ALL\n")
        )),
    }
}

/// Whether a row of `files` is about this column.
fn is_in(row: &str, table: &Table, column: &Column) -> String {
    format!(
        "{row}.\"table\" = {} AND {row}.\"column\" = {}",
        literal(&table.name),
        literal(&column.name)
    )
}

fn insert(columns: &[(&Table, &Column)]) -> String {
    // A flat list, not ORs: an expression of SQLite may be no deeper than 1,000.
    let mut known = String::from("CASE");
    for (table, column) in columns {
        known.push_str(&format!(
            "\n    WHEN {} THEN EXISTS (SELECT 1 FROM {} t WHERE t._row = NEW._row)",
            is_in("NEW", table, column),
            table.quoted()
        ));
    }
    known.push_str(" WHEN 1 THEN 0 END");
    let mut body = format!(
        "  SELECT RAISE(ABORT, 'name the table, the column of files and the _row that the file belongs to') WHERE NOT {known};
  SELECT RAISE(ABORT, 'a file has one of url, path and bytes')
    WHERE (NEW.url IS NULL) + (NEW.path IS NULL) + (NEW.bytes IS NULL) <> 2;
  SELECT RAISE(ABORT, 'bytes need a name') WHERE NEW.bytes IS NOT NULL AND NEW.name IS NULL;
  INSERT INTO _sync_uploads(path, bytes) SELECT NEW.path, CAST(NEW.bytes AS BLOB) WHERE NEW.url IS NULL;\n"
    );
    for (table, column) in columns {
        let name = quote(&column.name);
        body.push_str(&format!(
            "  UPDATE {} SET {name} = json_insert(coalesce(nullif({name}, ''), '[]'), '$[#]',
    json(CASE WHEN NEW.url IS NULL THEN json_object('name', coalesce(NEW.name,
        replace(NEW.path, rtrim(NEW.path, replace(replace(NEW.path, '/', ''), '\\', '')), '')),
        'upload', (SELECT max(id) FROM _sync_uploads))
      WHEN NEW.name IS NULL THEN json_quote(NEW.url)
      ELSE json_object('name', NEW.name, 'url', NEW.url) END))
    WHERE {} AND _row = NEW._row;\n",
            table.quoted(),
            is_in("NEW", table, column)
        ));
    }
    body
}

/// By what the file is, not by where it stands: one statement may take several of one cell. The column
/// has a name of ours there: beside `json_each`, `"value"` would be the element's.
fn delete(columns: &[(&Table, &Column)]) -> String {
    let mut body = "  SELECT 1;\n".to_owned();
    for (table, column) in columns {
        let name = quote(&column.name);
        body.push_str(&format!(
            "  UPDATE {} SET {name} = (SELECT nullif(json_group_array(json(one)), '[]') FROM (
    SELECT iif(type = 'text', json_quote(value), value) AS one FROM (
      SELECT e.key AS at, e.type, e.value, {FILE} FROM (SELECT {name} AS list) AS cell, {} e)
    WHERE name IS NOT OLD.name OR kind IS NOT OLD.kind OR url IS NOT OLD.url ORDER BY at))
    WHERE {} AND _row = OLD._row;\n",
            table.quoted(),
            array("cell.list"),
            is_in("OLD", table, column)
        ));
    }
    body
}
