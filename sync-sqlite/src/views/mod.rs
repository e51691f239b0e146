//! What people read: `changes`, `conflicts`, `sync_status`, `sync_rows` here, history and schema in
//! `readable`, lists for joins in `lists`. Written anew only where a table, a column or a side's name
//! changed.

mod bodies;
mod lists;
mod readable;

use rusqlite::{Connection, OptionalExtension};

use crate::ddl::ROOM;
use crate::error::Result;
use crate::replica::{Table, literal, quote, trash_is_settled};
use notion_sync_core::link::LinkId;

/// Makes a view or trigger, or replaces one that differs.
pub(crate) fn ensure(connection: &Connection, kind: &str, name: &str, sql: &str) -> Result<()> {
    let there: Option<String> = connection
        .prepare_cached("SELECT sql FROM sqlite_master WHERE type = ?1 AND name = ?2")?
        .query_row([kind, name], |row| row.get(0))
        .optional()?;
    if there.as_deref() == Some(sql) {
        return Ok(());
    }
    if there.is_some() {
        connection.execute_batch(&format!("DROP {kind} {}", quote(name)))?;
    }
    Ok(connection.execute_batch(sql)?)
}

struct LinkView {
    id: i64,
    labels: [Option<String>; 2],
    table: Option<Table>,
}

/// Brings all views up to date with links and tables.
pub(crate) fn rebuild(connection: &Connection) -> Result<()> {
    let found: Vec<(i64, String, [Option<String>; 2])> = connection
        .prepare_cached("SELECT id, name, left_label, right_label FROM _sync_links ORDER BY id")?
        .query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, [row.get(2)?, row.get(3)?]))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let links = found
        .into_iter()
        .map(|(id, name, labels)| {
            let table = Table::load(connection, &LinkId::new(name))?;
            Ok(LinkView { id, labels, table })
        })
        .collect::<Result<Vec<_>>>()?;
    view(connection, "changes", &changes(&links))?;
    let names = side_names(&links);
    view(connection, "conflicts", &conflicts(&links, &names))?;
    readable::rebuild(connection, &links)?;
    lists::rebuild(connection, &links)?;
    bodies::rebuild(connection, &links)?;
    ensure(
        connection,
        "trigger",
        "_sync_conflicts_resolve",
        &resolve_trigger(&links, &names),
    )?;
    view(connection, "sync_status", &status(&links))?;
    view(connection, "sync_rows", &rows(&links))?;
    Ok(())
}

/// Makes a view, under another name where a table of an older file has that one.
fn view(connection: &Connection, name: &str, body: &str) -> Result<String> {
    marked_view(connection, name, body, "")
}

/// As [`view`], of a name that people may have given to a view of theirs: one without the mark is.
fn marked_view(connection: &Connection, name: &str, body: &str, mark: &str) -> Result<String> {
    let taken = connection
        .prepare_cached(
            "SELECT 1 FROM sqlite_master WHERE name = ?1 COLLATE NOCASE
             AND (type <> 'view' OR instr(sql, ?2) = 0)",
        )?
        .exists([name, mark])?;
    let name = match taken {
        true => format!("sync_{name}"),
        false => name.to_owned(),
    };
    let quoted = quote(&name);
    ensure(
        connection,
        "view",
        &name,
        &format!("CREATE VIEW {quoted} AS\n{body}"),
    )?;
    Ok(name)
}

impl LinkView {
    /// What people call a side, for values of `_sync_…` tables: `CASE x WHEN 'left' THEN …`.
    fn side_case(&self, expression: &str) -> String {
        let [left, right] = &self.labels;
        let word = |label: &Option<String>, other| literal(label.as_deref().unwrap_or(other));
        format!(
            "CASE {expression} WHEN 'left' THEN {} WHEN 'right' THEN {} END",
            word(left, "left"),
            word(right, "right")
        )
    }

    /// What the row of the link's pair, under the name `p`, holds of its table, under the name `t`.
    fn of_row(&self, what: &str) -> Option<String> {
        let table = self.table.as_ref()?;
        let side = crate::read::side_text(table.source.other());
        Some(format!(
            "(SELECT {what} FROM {} t WHERE t._row = CAST(p.{side}_key AS INTEGER))",
            table.quoted()
        ))
    }

    /// The column of `_sync_columns` that a pair of fields is named by.
    fn field_column(&self) -> &'static str {
        match self.table.as_ref().map(|table| table.source) {
            Some(notion_sync_core::link::Side::Right) => "id",
            _ => "field",
        }
    }
}

/// Joins the parts of a view; without parts, a view of the same columns and no rows.
fn union(parts: Vec<String>, columns: &[&str]) -> String {
    if parts.is_empty() {
        let columns: Vec<String> = columns
            .iter()
            .map(|column| format!("NULL AS {}", quote(column)))
            .collect();
        return format!("SELECT {} WHERE 0", columns.join(", "));
    }
    parts.join("\nUNION ALL\n")
}

/// A value for each link: `CASE c.link WHEN 1 THEN … END`.
fn each(values: impl Iterator<Item = (i64, String)>, link: &str) -> String {
    let mut cases = String::new();
    for (id, value) in values {
        cases.push_str(&format!(" WHEN {id} THEN {value}"));
    }
    match cases.is_empty() {
        true => "NULL".to_owned(),
        false => format!("CASE {link}{cases} END"),
    }
}

/// Whether a link is one of these.
fn among(links: impl Iterator<Item = i64>, link: &str) -> String {
    let links: Vec<String> = links.map(|link| link.to_string()).collect();
    format!("{link} IN ({})", links.join(", "))
}

fn changes(links: &[LinkView]) -> String {
    let parts = tables(links)
        .map(|(_, table)| {
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
        })
        .collect();
    union(
        parts,
        &["table", "_row", "_id", "column", "kind", "base", "current"],
    )
}

/// The sides' names over all links, each once.
fn side_names(links: &[LinkView]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in links.iter().flat_map(|link| link.labels.iter().flatten()) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// One walk along the conflicts, as with `journal`.
fn conflicts(links: &[LinkView], names: &[String]) -> String {
    let side = |link: &LinkView, at: usize, fallback: &str| {
        literal(link.labels[at].as_deref().unwrap_or(fallback))
    };
    let mut values = String::new();
    for name in names {
        let value = each(
            links.iter().filter_map(|link| {
                let at = link
                    .labels
                    .iter()
                    .position(|label| label.as_ref() == Some(name))?;
                Some((link.id, ["c.left_text", "c.right_text"][at].to_owned()))
            }),
            "c.link",
        );
        values.push_str(&format!(" {value} AS {},", quote(name)));
    }
    let resolution = links.iter().map(|link| {
        let decided = format!(
            "CASE c.resolution WHEN 'left' THEN {} WHEN 'right' THEN {}
    ELSE CASE WHEN c.resolution IS NOT NULL THEN 'a value for both' END END",
            side(link, 0, "left"),
            side(link, 1, "right")
        );
        (link.id, decided)
    });
    let of_row = |what: &dyn Fn(&Table) -> String| {
        let rows = links
            .iter()
            .filter_map(|link| Some((link.id, link.of_row(&what(link.table.as_ref()?))?)));
        each(rows, "c.link")
    };
    let field = links.iter().filter_map(|link| {
        let label = format!(
            "(SELECT label FROM _sync_columns k WHERE k.tbl = {} AND k.{} = c.field AND k.mapped = 1)",
            literal(&link.table.as_ref()?.name),
            link.field_column()
        );
        Some((link.id, label))
    });
    let tables = tables(links).map(|(link, table)| (link, literal(&table.name)));
    format!(
        "SELECT c.id AS id, {table} AS \"table\", {row} AS _row, {id} AS _id, {title} AS title,
  coalesce({field}, c.field) AS field, c.base_text AS base,{values}
  strftime('%Y-%m-%dT%H:%M:%SZ', c.opened_at / 1000, 'unixepoch') AS opened_at,
  {resolution} AS resolution
FROM _sync_conflicts c LEFT JOIN _sync_pairs p ON p.pk = c.pk WHERE {among}",
        table = each(tables, "c.link"),
        row = of_row(&|_| "t._row".to_owned()),
        id = of_row(&|_| "t._id".to_owned()),
        title = of_row(&title),
        field = each(field, "c.link"),
        resolution = each(resolution, "c.link"),
        among = among(links.iter().map(|link| link.id), "c.link"),
    )
}

/// `UPDATE conflicts SET resolution = …` is the one edit a view takes.
fn resolve_trigger(links: &[LinkView], names: &[String]) -> String {
    let mut same = String::new();
    for column in ["id", "field", "base", "opened_at"]
        .into_iter()
        .chain(names.iter().map(String::as_str))
    {
        let column = quote(column);
        same.push_str(&format!(" OR NEW.{column} IS NOT OLD.{column}"));
    }
    let mut body =
        format!("  SELECT RAISE(ABORT, 'only resolution can be edited here') WHERE 0{same};\n");
    for link in links {
        let [Some(left), Some(right)] = &link.labels else {
            continue;
        };
        let sentence = literal(&format!("resolution is '{left}' or '{right}'"));
        let (left, right) = (literal(left), literal(right));
        let id = link.id;
        body.push_str(&format!(
            "  SELECT RAISE(ABORT, {sentence}) FROM _sync_conflicts WHERE id = OLD.id AND link = {id}
    AND NEW.resolution NOT IN ({left}, {right});
  UPDATE _sync_conflicts SET resolution =
      CASE NEW.resolution WHEN {left} THEN 'left' WHEN {right} THEN 'right' END
    WHERE id = OLD.id AND link = {id};\n"
        ));
    }
    body.push_str(
        "  UPDATE _sync_pairs SET dirty = 1
    WHERE pk = (SELECT pk FROM _sync_conflicts WHERE id = OLD.id);\n",
    );
    format!(
        "CREATE TRIGGER \"_sync_conflicts_resolve\" INSTEAD OF UPDATE ON conflicts\nBEGIN\n{body}END"
    )
}

fn status(links: &[LinkView]) -> String {
    let parts = tables(links)
        .map(|(link, table)| {
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
  (SELECT count(DISTINCT _row) FROM changes WHERE \"table\" = {name}) AS pending,
  (SELECT count(*) FROM _sync_conflicts WHERE link = {link}) AS conflicts,
  {} AS parked,
  {} AS blocked,
  {} AS last_outcome,
  {} AS last_run_at,
  (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', min(started_at) / 1000, 'unixepoch')
    FROM _sync_runs WHERE link = {link}) AS undo_since",
                in_state("parked"),
                in_state("blocked"),
                last("outcome"),
                last("strftime('%Y-%m-%dT%H:%M:%SZ', ended_at / 1000, 'unixepoch')"),
            )
        })
        .collect();
    union(
        parts,
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
    )
}

fn rows(links: &[LinkView]) -> String {
    let parts = tables(links)
        .map(|(link, table)| {
            let name = literal(&table.name);
            let quoted = table.quoted();
            let side = crate::read::side_text(table.source.other());
            let (from, to) = (link * ROOM, (link + 1) * ROOM);
            let rests = trash_is_settled(&name, "e.row");
            format!(
                "SELECT {name} AS \"table\", t._row AS _row, t._id AS _id, p.state AS state, p.reason AS reason
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
  AND EXISTS (SELECT 1 FROM changes c WHERE c.\"table\" = {name} AND c._row = e.row)
  AND NOT EXISTS (SELECT 1 FROM _sync_pairs p WHERE p.link = {link}
    AND p.{side}_key = CAST(t._row AS TEXT) AND p.state IS NOT NULL AND p.state <> 'clean')"
            )
        })
        .collect();
    union(parts, &["table", "_row", "_id", "state", "reason"])
}

fn tables(links: &[LinkView]) -> impl Iterator<Item = (i64, &Table)> {
    links
        .iter()
        .filter_map(|link| Some((link.id, link.table.as_ref()?)))
}

fn title(table: &Table) -> String {
    table.title().map_or_else(
        || "NULL".to_owned(),
        |column| format!("t.{}", quote(&column.name)),
    )
}
