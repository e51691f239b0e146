//! What people read, laid out after links and tables: what waits and how everything stands in `standing`,
//! `conflicts`, history and schema in `readable`, lists for joins in `lists`, texts in `bodies`. Written
//! anew only where a table, a column or a side's name changed.
//!
//! SQLite joins no more than 500 SELECTs into one. A view over all tables has a part for each, so from
//! [`GROUP`] links on it reads private views of a group of tables each, and a change of one table writes
//! its group anew and not the parts of all others.

mod bodies;
mod conflicts;
mod lists;
mod readable;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension};

use crate::error::Result;
use crate::read::side_text;
use crate::replica::{Table, quote};
use notion_sync_core::link::LinkId;

pub(crate) use standing::status;

/// Links whose parts of a view stand together.
const GROUP: i64 = 32;

/// Makes a view or trigger, or replaces one that differs.
fn ensure(connection: &Connection, kind: &str, name: &str, sql: &str) -> Result<()> {
    let there: Option<String> = connection
        .prepare_cached("SELECT sql FROM sqlite_master WHERE type = ?1 AND name = ?2")?
        .query_row([kind, name], |row| row.get(0))
        .optional()?;
    replace(connection, kind, name, there.as_deref(), sql)
}

/// As `ensure`, for who has looked what is there.
pub(crate) fn replace(
    connection: &Connection,
    kind: &str,
    name: &str,
    there: Option<&str>,
    sql: &str,
) -> Result<()> {
    if there == Some(sql) {
        return Ok(());
    }
    if there.is_some() {
        connection.execute_batch(&format!("DROP {kind} {}", quote(name)))?;
    }
    Ok(connection.execute_batch(sql)?)
}

/// What views are laid out after.
#[derive(Clone, Debug)]
struct LinkView {
    id: i64,
    labels: [Option<String>; 2],
    /// What is remembered of its table, without the columns that are gone.
    table: Option<Table>,
    /// Whether the file has that table. A view that names one that was dropped by hand fails, and with it
    /// all that read the view.
    is_there: bool,
    /// Columns that are remembered, and were dropped or renamed by hand.
    gone: Vec<String>,
}

impl LinkView {
    fn load(connection: &Connection, only: Option<&LinkId>) -> Result<Vec<Self>> {
        let found: Vec<(i64, String, [Option<String>; 2])> = connection
            .prepare_cached(
                "SELECT id, name, left_label, right_label FROM _sync_links
                 WHERE ?1 IS NULL OR name = ?1 ORDER BY id",
            )?
            .query_map([only.map(LinkId::as_str)], |row| {
                Ok((row.get(0)?, row.get(1)?, [row.get(2)?, row.get(3)?]))
            })?
            .collect::<rusqlite::Result<_>>()?;
        let load = |(id, name, labels): (i64, String, _)| {
            Ok(Self {
                table: Table::load(connection, &LinkId::new(name))?,
                id,
                labels,
                is_there: false,
                gone: Vec::new(),
            })
        };
        found.into_iter().map(load).collect()
    }

    /// Columns that are gone, each with its table.
    fn gone(&self) -> impl Iterator<Item = (&str, &str)> {
        let table = self.table.iter();
        table.flat_map(|table| self.gone.iter().map(|name| (&*table.name, &**name)))
    }

    fn group(&self) -> i64 {
        self.id / GROUP
    }

    /// Whether the same views are laid out after both.
    fn is_like(&self, other: &Self) -> bool {
        let layout = |link: &Self| {
            let table = link.table.as_ref();
            table.map(|table| {
                let columns: Vec<_> = table.mapped().cloned().collect();
                (table.name.clone(), table.source, columns)
            })
        };
        self.id == other.id && self.labels == other.labels && layout(self) == layout(other)
    }
}

/// What the views of a file are laid out after, as long as nobody changes its schema: the next link of a
/// run finds them as they should be, without looking at all others.
#[derive(Debug, Default)]
pub(crate) struct Known(Option<(i64, Vec<LinkView>)>);

impl Known {
    /// The same, if the file's tables and views are still those. To be asked at the beginning of a
    /// transaction, before anything is made.
    pub(crate) fn unless_moved(self, connection: &Connection) -> Result<Self> {
        let version = schema_version(connection)?;
        Ok(Self(self.0.filter(|(known, _)| *known == version)))
    }

    /// Brings all views up to date with a link and its table, the only ones that may have changed since.
    /// To be kept only when the transaction is committed.
    pub(crate) fn follow(self, connection: &Connection, link: &LinkId) -> Result<Self> {
        let Some((version, mut links)) = self.0 else {
            return Ok(Self(Some(lay_out(connection)?)));
        };
        let mut touched = BTreeSet::new();
        for mut changed in LinkView::load(connection, Some(link))? {
            let at = links.iter().position(|known| known.id == changed.id);
            match at {
                Some(at) if links[at].is_like(&changed) => continue,
                Some(at) => {
                    changed.is_there = links[at].is_there;
                    touched.insert(changed.group());
                    links[at] = changed;
                }
                None => {
                    touched.insert(changed.group());
                    links.push(changed);
                }
            }
        }
        if touched.is_empty() && version == schema_version(connection)? {
            return Ok(Self(Some((version, links))));
        }
        Ok(Self(Some(
            Views::new(connection, Some(touched))?.make(links)?,
        )))
    }
}

fn schema_version(connection: &Connection) -> Result<i64> {
    Ok(connection
        .prepare_cached("PRAGMA schema_version")?
        .query_row([], |row| row.get(0))?)
}

/// Brings all views up to date with links and tables.
pub(crate) fn rebuild(connection: &Connection) -> Result<()> {
    lay_out(connection)?;
    Ok(())
}

/// Reads the views that tell how everything stands while they name a table that is gone: the file is left
/// as it is, and views of this connection stand before those in it.
pub(crate) fn without_missing<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    let links = LinkView::load(connection, None)?;
    let mut views = Views::new(connection, None)?;
    let links = views.find(links)?;
    views.there.clear();
    views.is_temporary = true;
    let answer = standing::rebuild(&mut views, &links)
        .and_then(|()| conflicts::rebuild(&mut views, &links))
        .and_then(|()| read(connection));
    for (_, name, _) in views.there.values() {
        connection.execute_batch(&format!("DROP VIEW temp.{}", quote(name)))?;
    }
    answer
}

fn lay_out(connection: &Connection) -> Result<(i64, Vec<LinkView>)> {
    let links = LinkView::load(connection, None)?;
    Views::new(connection, None)?.make(links)
}

/// The views while they are brought up to date.
struct Views<'a> {
    connection: &'a Connection,
    /// Tables, indexes and views, by name in lower case: kind, name, and of a view how it was made.
    there: BTreeMap<String, (String, String, Option<String>)>,
    /// The groups in which something changed, if it is not all of them.
    touched: Option<BTreeSet<i64>>,
    /// Whether they are of this connection only, and nothing but read.
    is_temporary: bool,
}

impl<'a> Views<'a> {
    fn new(connection: &'a Connection, touched: Option<BTreeSet<i64>>) -> Result<Self> {
        let there = connection
            .prepare_cached(
                "SELECT type, name, iif(type = 'view', sql, NULL) FROM sqlite_master
                 WHERE type <> 'trigger'",
            )?
            .query_map([], |row| {
                let name: String = row.get(1)?;
                Ok((name.to_lowercase(), (row.get(0)?, name, row.get(2)?)))
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self {
            connection,
            there,
            touched,
            is_temporary: false,
        })
    }

    /// Makes them, and answers what they were made after.
    fn make(mut self, links: Vec<LinkView>) -> Result<(i64, Vec<LinkView>)> {
        let links = self.find(links)?;
        standing::rebuild(&mut self, &links)?;
        conflicts::rebuild(&mut self, &links)?;
        readable::rebuild(&mut self, &links)?;
        lists::rebuild(&mut self, &links)?;
        bodies::rebuild(&mut self, &links)?;
        Ok((schema_version(self.connection)?, links))
    }

    /// Looks which tables the file has, and which of their columns. Of groups in which nothing changed that
    /// is known.
    fn find(&self, mut links: Vec<LinkView>) -> Result<Vec<LinkView>> {
        let touched = self.touched.as_ref();
        let changed = |link: &&mut LinkView| touched.is_none_or(|all| all.contains(&link.group()));
        for link in links.iter_mut().filter(changed) {
            let Some(table) = &mut link.table else {
                continue;
            };
            let found = self.there.get(&table.name.to_lowercase());
            let gone = match found.is_some_and(|(kind, ..)| kind == "table") {
                true => table.leave_out_gone(self.connection)?,
                false => None,
            };
            link.is_there = gone.is_some();
            link.gone.extend(gone.into_iter().flatten());
        }
        Ok(links)
    }

    /// Makes a view, under another name where a table of an older file has that one.
    fn view(&mut self, name: &str, body: &str) -> Result<String> {
        self.marked_view(name, body, "")
    }

    /// As [`Views::view`], of a name that people may have given to a view of theirs: one without the mark
    /// is.
    fn marked_view(&mut self, name: &str, body: &str, mark: &str) -> Result<String> {
        let taken = match self.there.get(&name.to_lowercase()) {
            Some((kind, _, sql)) => {
                kind != "view" || !sql.as_ref().is_some_and(|sql| sql.contains(mark))
            }
            None => false,
        };
        let name = match taken {
            true => format!("sync_{name}"),
            false => name.to_owned(),
        };
        let temporary = if self.is_temporary { "TEMP " } else { "" };
        let sql = format!("CREATE {temporary}VIEW {} AS\n{body}", quote(&name));
        let there = self.there.get(&name.to_lowercase());
        let there = there.and_then(|(_, _, sql)| sql.as_deref());
        if there != Some(&sql) {
            replace(self.connection, "view", &name, there, &sql)?;
            let object = ("view".to_owned(), name.clone(), Some(sql));
            self.there.insert(name.to_lowercase(), object);
        }
        Ok(name)
    }

    fn trigger(&self, name: &str, sql: &str) -> Result<()> {
        if self.is_temporary {
            return Ok(());
        }
        ensure(self.connection, "trigger", name, sql)
    }

    /// Takes away the views that a test names and nobody wants any more.
    fn drop_views(
        &mut self,
        are: impl Fn(&str, &str) -> bool,
        wanted: &BTreeSet<String>,
    ) -> Result<()> {
        let mut gone = Vec::new();
        for (key, (_, name, sql)) in &self.there {
            if let Some(sql) = sql
                && are(name, sql)
                && !wanted.contains(name)
            {
                self.connection
                    .execute_batch(&format!("DROP VIEW {}", quote(name)))?;
                gone.push(key.clone());
            }
        }
        for key in gone {
            self.there.remove(&key);
        }
        Ok(())
    }

    /// Makes a view of a part for each table that has one.
    fn union(
        &mut self,
        links: &[LinkView],
        name: &str,
        columns: &[&str],
        part: &dyn Fn(i64, &Table) -> Option<String>,
    ) -> Result<String> {
        let mut groups: BTreeMap<i64, Vec<(i64, &Table)>> = BTreeMap::new();
        for link in links {
            if let Some(table) = link.table.as_ref().filter(|_| link.is_there) {
                let group = groups.entry(link.group()).or_default();
                group.push((link.id, table));
            }
        }
        let parts = |of: &[(i64, &Table)]| -> Vec<String> {
            let parts = of.iter().filter_map(|(link, table)| part(*link, table));
            parts.collect()
        };
        let prefix = format!("_sync_{name}_");
        let mut wanted = BTreeSet::new();
        let of_all = match groups.keys().any(|group| *group > 0) {
            false => groups.values().flat_map(|of| parts(of)).collect(),
            true => {
                let mut of_all = Vec::new();
                for (number, of) in &groups {
                    let group = format!("{prefix}{number}");
                    let is_touched =
                        || self.touched.as_ref().is_none_or(|all| all.contains(number));
                    if is_touched() || !self.there.contains_key(&group) {
                        let mut parts = parts(of);
                        if parts.is_empty() {
                            continue;
                        }
                        // Without a FROM. SQLite takes longer and longer to merge views of many SELECTs
                        // into one statement; what has such a part is not merged.
                        parts.push(nothing(columns));
                        self.view(&group, &union(parts, columns))?;
                    }
                    of_all.push(format!("SELECT * FROM {}", quote(&group)));
                    wanted.insert(group);
                }
                of_all
            }
        };
        let name = self.view(name, &union(of_all, columns))?;
        let is_group = |name: &str, _: &str| {
            let number = name.strip_prefix(&prefix);
            number.is_some_and(|number| number.parse::<i64>().is_ok())
        };
        self.drop_views(is_group, &wanted)?;
        Ok(name)
    }
}

/// Joins the parts of a view; without parts, a view of the same columns and no rows.
fn union(parts: Vec<String>, columns: &[&str]) -> String {
    match parts.is_empty() {
        true => nothing(columns),
        false => parts.join("\nUNION ALL\n"),
    }
}

/// These columns, and no rows.
fn nothing(columns: &[&str]) -> String {
    let columns = columns
        .iter()
        .map(|name| format!("NULL AS {}", quote(name)));
    let columns: Vec<String> = columns.collect();
    format!("SELECT {} WHERE 0", columns.join(", "))
}

/// The row of the pair `p` in the table `b` of `_sync_tables`.
const ROW_OF_PAIR: &str = "CAST(iif(b.source = 'left', p.right_key, p.left_key) AS INTEGER)";

/// What the row of the pair `p` holds of its table, under the name `t`: `CASE c.link WHEN 1 THEN … END`.
fn of_row(links: &[LinkView], link: &str, what: &dyn Fn(&Table) -> String) -> String {
    let mut cases = String::new();
    for (id, table) in tables(links) {
        cases.push_str(&format!(
            " WHEN {id} THEN (SELECT {} FROM {} t WHERE t._row = CAST(p.{}_key AS INTEGER))",
            what(table),
            table.quoted(),
            side_text(table.source.other()),
        ));
    }
    match cases.is_empty() {
        true => "NULL".to_owned(),
        false => format!("CASE {link}{cases} END"),
    }
}

/// What people call a side of the link `l`.
fn side_word(side: &str) -> String {
    format!(
        "CASE {side} WHEN 'left' THEN coalesce(l.left_label, 'left')
    WHEN 'right' THEN coalesce(l.right_label, 'right') END"
    )
}

/// Tables that the file has, with the numbers of their links.
fn tables(links: &[LinkView]) -> impl Iterator<Item = (i64, &Table)> {
    let there = links.iter().filter(|link| link.is_there);
    there.filter_map(|link| Some((link.id, link.table.as_ref()?)))
}

fn title(table: &Table) -> String {
    table.title().map_or_else(
        || "NULL".to_owned(),
        |column| format!("t.{}", quote(&column.name)),
    )
}
