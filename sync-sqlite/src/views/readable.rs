//! History, schema and lossless values: `runs`, `journal`, `schema_fields`, `cells`, `sync_people`.

use super::{LinkView, ROW_OF_PAIR, Views, of_row, side_word, title};
use crate::ddl::ROOM;
use crate::error::Result;
use crate::read::side_text;
use crate::replica::{GONE, Table, literal};

/// Brings the views up to date.
pub(super) fn rebuild(views: &mut Views<'_>, links: &[LinkView]) -> Result<()> {
    views.view("runs", &runs())?;
    views.view("journal", &journal(links))?;
    views.view("schema_fields", &schema_fields(links))?;
    views.union(
        links,
        "cells",
        &["table", "_row", "_id", "column", "completeness", "value"],
        &|link, table| Some(cells(link, table)),
    )?;
    views.view("sync_people", "SELECT id, name, email FROM _sync_people")?;
    Ok(())
}

/// A moment in milliseconds as UTC text that names a run, see `RunId`.
fn moment(milliseconds: &str) -> String {
    format!("strftime('%Y-%m-%dT%H:%M:%fZ', {milliseconds} / 1000.0, 'unixepoch')")
}

/// One walk along the index of that text, whatever the number of links.
fn runs() -> String {
    format!(
        "SELECT {} AS run, (SELECT b.name FROM _sync_tables b WHERE b.link = r.link) AS \"table\",
  {} AS ended_at, outcome, settled, conflicts, refused, {} AS undoes
FROM _sync_runs r WHERE +r.link IN (SELECT link FROM _sync_tables)",
        moment("started_at"),
        moment("ended_at"),
        moment("undoes"),
    )
}

/// One walk along the journal, from either end: what is shown of an entry is looked up for those only
/// that are asked for.
fn journal(links: &[LinkView]) -> String {
    let shown = |what: &str| shown(&format!("json_extract(j.body, '$.{what}')"));
    format!(
        "SELECT j.id AS id, {run} AS run, {at} AS at, b.name AS \"table\", {ROW_OF_PAIR} AS _row,
  {id} AS _id, {title} AS title, {side} AS side, json_extract(j.body, '$.kind') AS kind,
  (SELECT k.name FROM _sync_columns k WHERE k.tbl = b.name AND k.mapped = 1
    AND iif(b.source = 'right', k.id, k.field) = json_extract(j.body, '$.field')) AS \"column\",
  {before} AS before, {after} AS after, json_extract(j.body, '$.rule') AS rule
FROM _sync_journal j CROSS JOIN _sync_links l ON l.id = +j.link CROSS JOIN _sync_tables b ON b.link = l.id
LEFT JOIN _sync_pairs p ON p.pk = j.link * {ROOM} + json_extract(j.body, '$.pair')",
        run = moment("j.run"),
        at = moment("j.at"),
        id = of_row(links, "j.link", &|_| "t._id".to_owned()),
        title = of_row(links, "j.link", &title),
        side = side_word("j.side"),
        before = shown("before"),
        after = shown("after"),
    )
}

/// A value as `json_extract` answers it, for people to read: words, numbers and dates as they are,
/// lists as JSON.
fn shown(value: &str) -> String {
    format!(
        "(SELECT CASE WHEN v IS NULL OR v = 'empty' THEN NULL WHEN NOT json_valid(v) THEN v
    ELSE (SELECT CASE key WHEN 'choice' THEN json_extract(value, '$.name')
      WHEN 'choices' THEN (SELECT json_group_array(json_extract(value, '$.name')) FROM json_each(inside.value))
      WHEN 'rich_text' THEN (SELECT group_concat(json_extract(value, '$.text'), '') FROM json_each(inside.value))
      ELSE value END FROM json_each(v) AS inside LIMIT 1) END
    FROM (SELECT {value} AS v))"
    )
}

fn schema_fields(links: &[LinkView]) -> String {
    // Who dropped a column, or gave it another name, has none of this name.
    let mut there = String::new();
    for (table, name) in links.iter().flat_map(LinkView::gone) {
        there.push_str(&format!(
            "\n  AND NOT (c.tbl = {} AND c.name = {})",
            literal(table),
            literal(name)
        ));
    }
    format!(
        "SELECT l.name AS data_source, c.tbl AS \"table\", c.name AS \"column\", c.label AS name, c.field AS field_id,
  CASE WHEN c.kind LIKE 'other:%' THEN substr(c.kind, 7) ELSE c.kind END AS type,
  c.mapped = 1 AND c.projected = 0 AS editable,
  CASE WHEN c.mapped = 0 THEN '{GONE}'
    WHEN c.projected = 1 THEN c.reason END AS reason,
  (SELECT json_group_array(name) FROM (SELECT o.name AS name FROM _sync_options o
    WHERE o.tbl = c.tbl AND o.col = c.name ORDER BY o.position) HAVING count(*) > 0) AS options,
  c.target AS refers_to, json_extract(c.limits, '$.max_utf16') AS max_characters,
  json_extract(c.limits, '$.max_items') AS max_elements
FROM _sync_columns c JOIN _sync_tables t ON t.name = c.tbl JOIN _sync_links l ON l.id = t.link{there}
ORDER BY c.tbl, c.position"
    )
}

/// What the source last showed of every cell of a table, whole, in the form it is kept in.
fn cells(link: i64, table: &Table) -> String {
    let name = literal(&table.name);
    format!(
        "SELECT {name} AS \"table\", t._row AS _row, t._id AS _id, k.name AS \"column\",
  CASE c.type WHEN 'array' THEN 'complete' WHEN 'text' THEN c.value
    ELSE (SELECT key FROM json_each(c.value) LIMIT 1) END AS completeness,
  CASE c.type WHEN 'array' THEN nullif(json_extract(c.value, '$[0]'), 'empty')
    WHEN 'object' THEN (SELECT value FROM json_each(c.value) LIMIT 1) END AS value
FROM _sync_{source} s JOIN _sync_pairs p ON p.pk = s.pk
JOIN {quoted} t ON t._row = CAST(p.{key}_key AS INTEGER)
  -- The same, for who comes from the row.
  AND likelihood(p.link = {link}, 0.999) AND p.{key}_key = CAST(t._row AS TEXT), json_each(s.content, '$[1]') c
JOIN _sync_columns k ON k.tbl = {name} AND k.field = c.key AND k.mapped = 1
WHERE s.pk >= {from} AND s.pk < {to}",
        source = side_text(table.source),
        key = side_text(table.source.other()),
        quoted = table.quoted(),
        from = link * ROOM,
        to = (link + 1) * ROOM,
    )
}
