//! `conflicts`, and the one edit it takes: `UPDATE conflicts SET resolution = …`.

use super::{LinkView, ROW_OF_PAIR, Views, side_word};
use crate::error::Result;
use crate::replica::{literal, quote};

/// Brings the view and its trigger up to date.
pub(super) fn rebuild(views: &mut Views<'_>, links: &[LinkView]) -> Result<()> {
    let names = side_names(links);
    let name = views.view("conflicts", &conflicts(links, &names))?;
    views.trigger(
        "_sync_conflicts_resolve",
        &resolve_trigger(&name, links, &names),
    )
}

/// The sides' names over all links, each once.
fn side_names(links: &[LinkView]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in links.iter().flat_map(|link| link.labels.iter().flatten()) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

/// One walk along the conflicts, as with `journal`.
fn conflicts(links: &[LinkView], names: &[&str]) -> String {
    let mut values = String::new();
    for name in names {
        values.push_str(&format!(
            " CASE {} WHEN l.left_label THEN c.left_text WHEN l.right_label THEN c.right_text END AS {},",
            literal(name),
            quote(name)
        ));
    }
    format!(
        "SELECT c.id AS id, b.name AS \"table\", {ROW_OF_PAIR} AS _row, {id} AS _id, {title} AS title,
  coalesce((SELECT k.label FROM _sync_columns k WHERE k.tbl = b.name AND k.mapped = 1
    AND iif(b.source = 'right', k.id, k.field) = c.field), c.field) AS field, c.base_text AS base,{values}
  strftime('%Y-%m-%dT%H:%M:%SZ', c.opened_at / 1000, 'unixepoch') AS opened_at,
  coalesce({resolution}, iif(c.resolution IS NOT NULL, 'a value for both', NULL)) AS resolution
FROM _sync_conflicts c CROSS JOIN _sync_links l ON l.id = c.link
LEFT JOIN _sync_tables b ON b.link = c.link LEFT JOIN _sync_pairs p ON p.pk = c.pk",
        id = super::of_row(links, "c.link", &|_| "t._id".to_owned()),
        title = super::of_row(links, "c.link", &super::title),
        resolution = side_word("c.resolution"),
    )
}

fn resolve_trigger(view: &str, links: &[LinkView], names: &[&str]) -> String {
    let mut same = String::new();
    let shown = [
        "id",
        "table",
        "_row",
        "_id",
        "title",
        "field",
        "base",
        "opened_at",
    ];
    for column in shown.iter().chain(names) {
        let column = quote(column);
        same.push_str(&format!(" OR NEW.{column} IS NOT OLD.{column}"));
    }
    let mut body =
        format!("  SELECT RAISE(ABORT, 'only resolution can be edited here') WHERE 0{same};\n");
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for link in links {
        if let [Some(left), Some(right)] = &link.labels
            && !pairs.contains(&(left, right))
        {
            pairs.push((left, right));
        }
    }
    for (left, right) in pairs {
        let sentence = literal(&format!("resolution is '{left}' or '{right}'"));
        let (left, right) = (literal(left), literal(right));
        body.push_str(&format!(
            "  SELECT RAISE(ABORT, {sentence}) FROM _sync_conflicts c JOIN _sync_links l ON l.id = c.link
    WHERE c.id = OLD.id AND l.left_label = {left} AND l.right_label = {right}
      AND NEW.resolution NOT IN ({left}, {right});\n"
        ));
    }
    format!(
        "CREATE TRIGGER \"_sync_conflicts_resolve\" INSTEAD OF UPDATE ON {}\nBEGIN\n{body}  \
         UPDATE _sync_conflicts SET resolution = (
      SELECT CASE NEW.resolution WHEN l.left_label THEN 'left' WHEN l.right_label THEN 'right' END
      FROM _sync_links l WHERE l.id = _sync_conflicts.link)
    WHERE id = OLD.id AND link IN (SELECT id FROM _sync_links
      WHERE left_label IS NOT NULL AND right_label IS NOT NULL);
  UPDATE _sync_pairs SET dirty = 1
    WHERE pk = (SELECT pk FROM _sync_conflicts WHERE id = OLD.id);
END",
        quote(view)
    )
}
