//! Laying a table out after a source's schema. Making it so is `make`.

mod make;
mod refill;

pub(crate) use make::{not_with, refill, unique_indexes};

use notion_sync_core::link::{LinkId, Side};
use notion_sync_core::port::PlaceId;
use notion_sync_core::schema::{Access, Field, FieldId, FieldType, Schema};
use rusqlite::{Connection, TransactionBehavior};

use super::column::{Column, form_of, kind_of};
use super::names::{BODY, FIXED, column_name, same, table_name};
use super::shape;
use super::table::{Cache, Table, gone};
use crate::database::Database;
use crate::error::{Result, corrupt, failed};
use crate::links;
use crate::lost;
use crate::views;

/// What a table is aligned with.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) link: LinkId,
    pub(crate) side: Side,
    pub(crate) source_name: String,
    pub(crate) schema: Schema,
    pub(crate) marker: Option<FieldId>,
    /// Which links of this file keep which collections of the source.
    pub(crate) collections: Vec<(PlaceId, LinkId)>,
    /// What a new table is called, whatever the collection is.
    pub(crate) table_name: Option<String>,
    /// Whether options may be written that the source does not offer yet.
    pub(crate) any_option: bool,
    /// Why rows are neither added nor put away in the table, if they are not.
    pub(crate) fixed_rows: Option<String>,
    /// Whether columns are renamed with their fields.
    pub(crate) follow_names: bool,
}

/// A table as it is to be, and what has to be done to columns that are there.
struct Layout {
    table: Table,
    /// Whether it was dropped or renamed by hand.
    is_gone: bool,
    /// Columns with other names, former name first.
    renamed: Vec<(String, String)>,
    /// Columns that showed what the source has and take edits from now on: what they showed was for
    /// reading and goes, until the first run fills them.
    opened: Vec<String>,
}

/// Lays the table out; with `write`, makes it.
pub(crate) fn align(database: &mut Database, ask: &Ask, write: bool) -> Result<Table> {
    let planned: Vec<(LinkId, String)> = database
        .planned
        .iter()
        .filter(|(link, _)| **link != ask.link)
        .map(|(link, table)| (link.clone(), table.name.clone()))
        .collect();
    if !write {
        let reader = database.reader()?.map(|reader| &*reader);
        let layout = lay_out(reader, ask, &planned, false)?;
        if let Some(reader) = reader.filter(|_| layout.table.exists) {
            make::refuse_replaced(reader, &layout)?;
        }
        let table = layout.table;
        database.planned.insert(ask.link.clone(), table.clone());
        return Ok(table);
    }
    // What is known of views comes back with the commit only.
    let known = std::mem::take(&mut database.views);
    let transaction = database
        .writer()?
        .transaction_with_behavior(TransactionBehavior::Immediate)?;
    let known = known.unless_moved(&transaction)?;
    let layout = lay_out(Some(&transaction), ask, &planned, true)?;
    if layout.is_gone {
        // Views that name it would refuse to give a copy its name.
        views::rebuild(&transaction)?;
        transaction.commit()?;
        return Err(gone(&layout.table.name));
    }
    make::make(&transaction, &layout, ask)?;
    let known = known.follow(&transaction, &ask.link)?;
    transaction.commit()?;
    database.views = known;
    database.planned.remove(&ask.link);
    let mut table = layout.table;
    table.exists = true;
    table.stateful = true;
    for column in &mut table.columns {
        column.exists = true;
    }
    table.cache = Cache::default();
    Ok(table)
}

fn lay_out(
    connection: Option<&Connection>,
    ask: &Ask,
    planned: &[(LinkId, String)],
    write: bool,
) -> Result<Layout> {
    let stored = match connection {
        Some(connection) => remembered(connection, ask)?,
        None => None,
    };
    let mut table = match stored {
        Some(stored) => stored,
        None => Table {
            name: choose_name(connection, ask, planned)?,
            source: ask.side,
            exists: false,
            stateful: true,
            any_option: ask.any_option,
            fixed_rows: ask.fixed_rows.clone(),
            columns: Vec::new(),
            cache: Cache::default(),
        },
    };
    table.any_option = ask.any_option;
    table.fixed_rows.clone_from(&ask.fixed_rows);
    let there = match connection {
        Some(connection) if table.exists => column_names(connection, &table.name)?,
        _ => Vec::new(),
    };
    let is_gone = table.exists && there.is_empty();
    if let Some(connection) = connection.filter(|_| table.exists && !is_gone) {
        if let Some(column) = table.lost(&there).next() {
            return Err(failed(format!(
                "column {column:?} of {} was renamed or dropped by hand; name it back",
                table.name
            )));
        }
        let lacks = shape::lacks(connection, &table)?;
        if !lacks.is_empty() {
            return Err(shape::refused(&table.name, &lacks));
        }
    }
    // A column that had left the sync may be dropped; its field gets another one when it comes back.
    let is_there = |column: &Column| there.iter().any(|name| same(name, &column.name));
    let dropped: Vec<bool> = (table.columns.iter())
        .map(|column| !column.mapped && !column.is_body() && !is_gone && !is_there(column))
        .collect();
    let (mut renamed, mut opened) = (Vec::new(), Vec::new());
    for column in &mut table.columns {
        column.mapped = false;
    }
    for field in &ask.schema.fields {
        let fixed = FIXED.contains(&field.id.as_str());
        let kind = kind_of(field);
        let target = target(connection, ask, planned, &table.name, field)?;
        let closed = closed(field, ask, target.as_deref(), fixed);
        let kept = table
            .columns
            .iter()
            .rposition(|column| column.field == field.id)
            // Only the newest column of a field: an older one holds values from before a retype.
            .filter(|at| table.columns[*at].form().is_like(form_of(&kind)))
            .filter(|at| !dropped.get(*at).is_some_and(|dropped| *dropped));
        // A column that a person added is theirs.
        let taken = |name: &str, columns: &[Column]| {
            columns.iter().any(|column| same(&column.name, name))
                || there.iter().any(|column| same(column, name))
        };
        match kept {
            Some(at) => {
                let follows = ask.follow_names && !fixed && !table.columns[at].is_body();
                if follows && write && table.columns[at].label != field.name {
                    let name = column_name(&field.name, |name| taken(name, &table.columns));
                    let former = std::mem::replace(&mut table.columns[at].name, name.clone());
                    renamed.push((former, name));
                }
                let column = &mut table.columns[at];
                column.label.clone_from(&field.name);
                column.limits = field.limits;
                column.mapped = true;
                if column.closed.is_some() && closed.is_none() {
                    if !write {
                        // A dry run empties nothing: the column still shows what it showed.
                        continue;
                    }
                    opened.push(column.name.clone());
                }
                column.kind = kind;
                column.closed = closed;
                column.target = target;
            }
            None => {
                let name = if fixed {
                    field.id.to_string()
                } else if field.ty == FieldType::Body {
                    BODY.to_owned()
                } else {
                    column_name(&field.name, |name| taken(name, &table.columns))
                };
                // An id that a renamed column had first is not given again.
                let is_id = |id: &str| table.columns.iter().any(|column| column.id.as_str() == id);
                let id = match is_id(&name) {
                    true => format!("{name} ({})", field.id),
                    false => name.clone(),
                };
                table.columns.push(Column {
                    id: FieldId::new(id),
                    name,
                    field: field.id.clone(),
                    label: field.name.clone(),
                    kind,
                    closed,
                    limits: field.limits,
                    target,
                    mapped: true,
                    exists: fixed && table.exists,
                    place: None,
                });
            }
        }
    }
    Ok(Layout {
        table,
        is_gone,
        renamed,
        opened,
    })
}

/// The table of the link. A link whose table was forgotten by hand is not taken for one that never had any:
/// it would get another, beside rows that stand for the same records.
fn remembered(connection: &Connection, ask: &Ask) -> Result<Option<Table>> {
    let stored = Table::load(connection, &ask.link)?;
    let (what, remedy) = match &stored {
        Some(table) if table.columns.is_empty() => ("_sync_columns", BACKUP),
        Some(_) => return Ok(stored),
        None => match links::load(connection, &ask.link)? {
            None if lost::is_any_link_gone(connection)? => ("_sync_links", BACKUP),
            Some(link) if lost::is_table_forgotten(connection, &link, ask.side.other())? => {
                ("_sync_tables", "`notion-sync doctor` says what helps")
            }
            _ => return Ok(None),
        },
    };
    Err(corrupt(format!(
        "its private table {what} was emptied, or entries of it were deleted; {remedy}"
    )))
}

const BACKUP: &str = "restore a backup";

/// The table of this file whose rows a relation refers to.
fn target(
    connection: Option<&Connection>,
    ask: &Ask,
    planned: &[(LinkId, String)],
    own: &str,
    field: &Field,
) -> Result<Option<String>> {
    let FieldType::Relation(relation) = &field.ty else {
        return Ok(None);
    };
    let kept = ask
        .collections
        .iter()
        .find(|(place, _)| *place == relation.target);
    let Some((_, link)) = kept else {
        return Ok(None);
    };
    if *link == ask.link {
        return Ok(Some(own.to_owned()));
    }
    if let Some((_, table)) = planned.iter().find(|(planned, _)| planned == link) {
        return Ok(Some(table.clone()));
    }
    Ok(match connection {
        Some(connection) => Table::load(connection, link)?.map(|table| table.name),
        None => None,
    })
}

/// Why nobody edits the column of a field here, to be read between "is" and "and cannot be edited".
fn closed(field: &Field, ask: &Ask, target: Option<&str>, fixed: bool) -> Option<String> {
    let source = &ask.source_name;
    if ask.marker.as_ref() == Some(&field.id) {
        return Some("written by sync".to_owned());
    }
    if fixed {
        return Some(format!("computed by {source}"));
    }
    match (field.access, &field.ty) {
        (Access::Computed, _) => Some(format!("computed by {source}")),
        (_, FieldType::Other(kind)) => Some(format!("of a kind that is only read ({kind})")),
        (Access::Unsupported, _) => Some(format!("not written to {source} by this version")),
        (Access::Writable, FieldType::Relation(_)) if target.is_none() => Some(
            "a relation to a collection that is not in this file (sync that one too)".to_owned(),
        ),
        (Access::Writable, _) => None,
    }
}

fn choose_name(
    connection: Option<&Connection>,
    ask: &Ask,
    planned: &[(LinkId, String)],
) -> Result<String> {
    let mut taken: Vec<String> = planned.iter().map(|(_, name)| name.clone()).collect();
    if let Some(connection) = connection {
        let mut statement = connection.prepare_cached("SELECT name FROM sqlite_master")?;
        for name in statement.query_map([], |row| row.get(0))? {
            taken.push(name?);
        }
    }
    let is_taken = |name: &str| taken.iter().any(|there| same(there, name));
    match &ask.table_name {
        None => Ok(table_name(&ask.schema.title, is_taken)),
        Some(name) if is_taken(name) => Err(failed(format!(
            "the file has its own {name}; choose another file or another name"
        ))),
        Some(name) => Ok(name.clone()),
    }
}

/// The columns that the file's table has, generated ones included.
pub(crate) fn column_names(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_xinfo(?1)")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}
