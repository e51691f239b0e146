//! What waits and how everything stands: `changes`, `sync_status`, `sync_rows`. A part for each table,
//! which asks for nothing of the others.

use super::{LinkView, Views, title};
use crate::ddl::ROOM;
use crate::error::Result;
use crate::read::side_text;
use crate::replica::{Table, literal, trash_is_settled};

/// Brings the views up to date.
pub(super) fn rebuild(views: &mut Views<'_>, links: &[LinkView]) -> Result<()> {
    views.union(
        links,
        "changes",
        &["table", "_row", "_id", "column", "kind", "base", "current"],
        &|_, table| Some(changes(table)),
    )?;
    views.union(
        links,
        "sync_status",
        &[
            "table",
            "rows",
            "live",
            "pending",
            "conflicts",
            "parked",
            "blocked",
            "last_outcome",
            "last_run_at",
            "undo_since",
        ],
        &|link, table| Some(status(link, table)),
    )?;
    views.union(
        links,
        "sync_rows",
        &["table", "_row", "_id", "state", "reason"],
        &|link, table| Some(rows(link, table)),
    )?;
    Ok(())
}

/// Edits of a table that no run has carried out.
fn changes(table: &Table) -> String {
    let mut current = String::new();
    for column in table.mapped().filter(|column| !column.projected()) {
        let (name, value) = (literal(&column.name), column.expression(&table.name));
        let of = if column.is_body() { "" } else { "t." };
        current.push_str(&format!(" WHEN {name} THEN {of}{value}"));
    }
    let title = title(table);
    let name = literal(&table.name);
    format!(
        "SELECT {name} AS \"table\", _row, _id, nullif(col, '_row') AS \"column\",
  CASE col WHEN '_row' THEN 'insert' WHEN '_trashed' THEN iif(now = 1, 'trash', 'restore')
    ELSE 'update' END AS kind, base, now AS current
FROM (
  SELECT p.row AS _row, t._id, t._trashed, p.col, p.base,
    CASE p.col WHEN '_row' THEN {title} WHEN '_trashed' THEN t._trashed{current} ELSE p.base END AS now,
    EXISTS (SELECT 1 FROM _sync_pending i
      WHERE i.tbl = p.tbl AND i.row = p.row AND i.col = '_row') AS is_new
  FROM _sync_pending p JOIN {table} t ON t._row = p.row WHERE p.tbl = {name}
)
WHERE iif(is_new, col = '_row' AND _trashed = 0, base IS NOT now)",
        table = table.quoted()
    )
}

/// How a table stands, in one row.
pub(crate) fn status(link: i64, table: &Table) -> String {
    let name = literal(&table.name);
    let quoted = table.quoted();
    let (from, to) = (link * ROOM, (link + 1) * ROOM);
    let in_state = |state: &str| {
        format!(
            "(SELECT count(*) FROM _sync_pairs WHERE state = '{state}'
    AND pk >= {from} AND pk < {to})"
        )
    };
    let last = |what: &str| {
        format!(
            "(SELECT {what} FROM _sync_runs WHERE link = {link}
    ORDER BY started_at DESC LIMIT 1)"
        )
    };
    format!(
        "SELECT {name} AS \"table\", (SELECT count(*) FROM {quoted}) AS rows,
  (SELECT count(*) FROM {quoted} WHERE _trashed = 0) AS live,
  (SELECT count(DISTINCT _row) FROM ({})) AS pending,
  (SELECT count(*) FROM _sync_conflicts WHERE link = {link}) AS conflicts,
  {} AS parked,
  {} AS blocked,
  {} AS last_outcome,
  {} AS last_run_at,
  (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', min(started_at) / 1000, 'unixepoch')
    FROM _sync_runs WHERE link = {link}) AS undo_since",
        changes(table),
        in_state("parked"),
        in_state("blocked"),
        last("outcome"),
        last("strftime('%Y-%m-%dT%H:%M:%SZ', ended_at / 1000, 'unixepoch')"),
    )
}

/// Rows of a table that are not clean.
fn rows(link: i64, table: &Table) -> String {
    let name = literal(&table.name);
    let quoted = table.quoted();
    let side = side_text(table.source.other());
    let (from, to) = (link * ROOM, (link + 1) * ROOM);
    let source = side_text(table.source);
    let rests = trash_is_settled(&name, "e.row");
    format!(
        "SELECT {name} AS \"table\", t._row AS _row, coalesce(t._id, p.{source}_key) AS _id,
  p.state AS state, p.reason AS reason
FROM _sync_pairs p LEFT JOIN {quoted} t ON t._row = CAST(p.{side}_key AS INTEGER)
WHERE p.state IS NOT NULL AND p.state <> 'clean' AND p.pk >= {from} AND p.pk < {to}
UNION ALL
SELECT {name}, t._row, t._id, 'pending', iif(t._trashed = 1 AND {rests},
  'edited before it went to the trash: synced once it is taken out',
  'edited here and not synced yet')
FROM _sync_pending e JOIN {quoted} t ON t._row = e.row
-- Once for each row.
WHERE e.tbl = {name} AND e.col = (SELECT min(f.col) FROM _sync_pending f
    WHERE f.tbl = {name} AND f.row = e.row)
  AND EXISTS (SELECT 1 FROM ({changes}) c WHERE c._row = e.row)
  AND NOT EXISTS (SELECT 1 FROM _sync_pairs p WHERE p.link = {link}
    AND p.{side}_key = CAST(t._row AS TEXT) AND p.state IS NOT NULL AND p.state <> 'clean')",
        changes = changes(table)
    )
}
