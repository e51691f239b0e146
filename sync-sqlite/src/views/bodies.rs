//! `bodies`: the text of every row, where its source has one. `UPDATE bodies SET markdown = …` edits it.

use super::{LinkView, Views, tables, title};
use crate::error::Result;
use crate::read::side_text;
use crate::replica::{Column, IN_THE_TRASH, Table, literal, quote, trash_is_settled};

/// Brings the view and its trigger up to date.
pub(super) fn rebuild(views: &mut Views<'_>, links: &[LinkView]) -> Result<()> {
    let name = views.union(
        links,
        "bodies",
        &["table", "_row", "_id", "title", "markdown", "reason"],
        &|link, table| Some(of(link, table, body_of(table)?)),
    )?;
    let bodies = tables(links).filter(|(_, table)| body_of(table).is_some());
    let (mut states, mut trash) = (String::new(), String::new());
    for (_, table) in bodies {
        trash.push_str(&format!(
            "  SELECT RAISE(ABORT, {}) FROM {} AS t
    WHERE OLD.\"table\" = {} AND t._row = OLD._row AND t._trashed = 1 AND {};\n",
            literal(IN_THE_TRASH),
            table.quoted(),
            literal(&table.name),
            trash_is_settled("OLD.\"table\"", "OLD._row"),
        ));
        states.push_str(&format!(
            "  UPDATE {} SET _state = 'pending'
    WHERE OLD.\"table\" = {} AND _row = OLD._row AND _state = 'clean';\n",
            table.quoted(),
            literal(&table.name)
        ));
    }
    let sql = format!(
        "CREATE TRIGGER \"_sync_bodies_update\" INSTEAD OF UPDATE ON {}
WHEN NEW.markdown IS NOT OLD.markdown OR {MOVED}
BEGIN
  SELECT RAISE(ABORT, 'only markdown can be edited here') WHERE {MOVED};
  SELECT RAISE(ABORT, 'this body is only read; its reason says why') WHERE OLD.reason IS NOT NULL;
  SELECT RAISE(ABORT, 'markdown takes text') WHERE typeof(NEW.markdown) NOT IN ('text', 'null');
  SELECT RAISE(ABORT, 'markdown holds a NUL character, which ends a text in many programs; leave it out')
    WHERE instr(NEW.markdown, char(0)) > 0;
{trash}  INSERT INTO _sync_capture(tbl, row, col) VALUES (OLD.\"table\", OLD._row, '_body');
  INSERT INTO _sync_pending(tbl, row, col, base) SELECT OLD.\"table\", OLD._row, '_body', OLD.markdown
    WHERE NOT EXISTS (SELECT 1 FROM _sync_pending
      WHERE tbl = OLD.\"table\" AND row = OLD._row AND col = '_body');
{states}  INSERT INTO _sync_bodies(tbl, row) SELECT OLD.\"table\", OLD._row
    WHERE NOT EXISTS (SELECT 1 FROM _sync_bodies WHERE tbl = OLD.\"table\" AND row = OLD._row);
  UPDATE _sync_bodies SET markdown = NEW.markdown WHERE tbl = OLD.\"table\" AND row = OLD._row;
END",
        quote(&name)
    );
    views.trigger("_sync_bodies_update", &sql)
}

fn body_of(table: &Table) -> Option<&Column> {
    table.mapped().find(|column| column.is_body())
}

/// Whether a row of the view became another one.
const MOVED: &str =
    "NEW.\"table\" IS NOT OLD.\"table\" OR NEW._row IS NOT OLD._row OR NEW._id IS NOT OLD._id
    OR NEW.title IS NOT OLD.title OR NEW.reason IS NOT OLD.reason";

fn of(link: i64, table: &Table, body: &Column) -> String {
    let name = literal(&table.name);
    let reason = match &body.closed {
        Some(why) => literal(why),
        None => format!(
            "(SELECT CASE c.type WHEN 'array' THEN NULL WHEN 'text' THEN 'not read by sync (' || c.value || ')'
    ELSE iif(c.value LIKE '{{\"truncated\"%', 'longer than what its source shows',
      'not to be said in Markdown without loss') END
    FROM json_each(s.content, '$[1]') c WHERE c.key = {})",
            literal(body.field.as_str())
        ),
    };
    format!(
        "SELECT {name} AS \"table\", t._row AS _row, t._id AS _id, {title} AS title,
  b.markdown AS markdown, {reason} AS reason
FROM {quoted} t LEFT JOIN _sync_bodies b ON b.tbl = {name} AND b.row = t._row
LEFT JOIN _sync_pairs p ON p.link = {link} AND p.{key}_key = CAST(t._row AS TEXT)
LEFT JOIN _sync_{source} s ON s.pk = p.pk",
        title = title(table),
        quoted = table.quoted(),
        key = side_text(table.source.other()),
        source = side_text(table.source),
    )
}
