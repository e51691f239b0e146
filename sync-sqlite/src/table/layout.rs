//! How somebody else's table is laid out: its columns as fields, its key, what makes rows unique. Rows are
//! read in `rows`.

use std::sync::OnceLock;

use notion_sync_core::record::Lifecycle;
use notion_sync_core::schema::{Access, Field, FieldId, FieldType, Limits, Schema};
use rusqlite::{Connection, OptionalExtension};

use super::column::{Affinity, Column, TableForm, type_of};
use super::error::TableError;
use super::expression;
use super::feed;
use super::key::KeyForm;
use super::lives::{self, Life, Noted};
use super::{As, MARKER, NewKey, Setup};
use crate::replica::{quote, same};

/// A table as it is now.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// The name as the file writes it.
    pub(super) name: String,
    /// Columns that are fields, in the table's order.
    pub(super) columns: Vec<Column>,
    pub(super) key: Vec<KeyColumn>,
    pub(super) key_form: KeyForm,
    /// Whether SQLite lets a row be without a key: of an old mistake that it keeps.
    pub(super) key_may_be_null: bool,
    pub(super) soft_delete: Option<SoftDelete>,
    /// What no two rows share.
    pub(super) uniques: Vec<Unique>,
    /// A unique index that cannot be followed.
    pub(super) unreadable: Option<String>,
    /// Whether the table says what becomes of conflicts, and might replace rows by itself.
    pub(super) decides_conflicts: bool,
    /// Whether side tables note what changes.
    pub(super) captured: bool,
    /// The columns that are not computed, in the table's order.
    pub(super) lives: Vec<Life>,
    /// When side tables noted which columns there are.
    pub(super) noted: Option<Noted>,
    /// Whether a side table knows markers of creates.
    has_births: bool,
    /// The statement that reads one row, worked out once.
    pub(super) one: OnceLock<String>,
}

/// A column of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyColumn {
    pub(super) name: String,
    /// How the key's index compares texts; the row's number has no index.
    pub(super) collation: Option<String>,
}

/// Terms of which no two rows hold the same.
#[derive(Clone, Debug)]
pub(super) struct Unique(pub(super) Vec<Term>);

/// A column or an expression of a unique index.
#[derive(Clone, Debug)]
pub(super) struct Term {
    /// What is compared, in SQL, of columns as they are called in the table.
    pub(super) sql: String,
    /// The columns it speaks of.
    pub(super) columns: Vec<String>,
    pub(super) collation: String,
}

impl Term {
    fn column(name: &str, collation: &str) -> Self {
        Self {
            sql: quote(name),
            columns: vec![name.to_owned()],
            collation: collation.to_owned(),
        }
    }
}

/// The column that marks rows as deleted.
#[derive(Clone, Debug)]
pub(super) struct SoftDelete {
    pub(super) name: String,
    /// Whether it says when, not only that.
    pub(super) is_time: bool,
    not_null: bool,
}

impl SoftDelete {
    /// What stands in a row of this life, in SQL.
    pub(super) fn expression(&self, life: Lifecycle) -> &'static str {
        match (life, self.is_time, self.not_null) {
            (Lifecycle::Live, false, _) => "0",
            (Lifecycle::Live, true, false) => "NULL",
            (Lifecycle::Live, true, true) => "''",
            (_, true, _) => "strftime('%Y-%m-%d %H:%M:%S', 'now')",
            (_, false, _) => "1",
        }
    }
}

/// A column as `table_xinfo` tells it.
struct Told {
    name: String,
    place: i64,
    declared: String,
    not_null: bool,
    default: Option<String>,
    pk: usize,
    generated: bool,
}

struct Index {
    name: String,
    /// `c` for CREATE INDEX, `u` for UNIQUE, `pk`.
    origin: String,
    partial: bool,
    /// Names with collations; no names where an expression is among them.
    columns: Option<Vec<(String, String)>>,
    collations: Vec<String>,
    /// The statement that made it; indexes of constraints have none.
    sql: Option<String>,
}

impl Layout {
    /// Reads the layout. Writes nothing.
    pub(super) fn load(connection: &Connection, setup: &Setup) -> Result<Self, TableError> {
        let (name, without_rowid) = find_table(connection, &setup.table)?;
        let told = columns(connection, &name)?;
        let indexes = unique_indexes(connection, &name)?;
        for named in setup.named_columns() {
            if !told.iter().any(|column| same(&column.name, named)) {
                return Err(TableError::NoColumn {
                    table: name,
                    column: named.to_owned(),
                });
            }
        }
        let alias = rowid_alias(&told, &indexes, without_rowid);
        let key = match &setup.key {
            Some(named) => named_key(&name, named, &told, &indexes, alias)?,
            None => primary_key(&name, &told, &indexes)?,
        };
        let affinities: Vec<Affinity> = key
            .iter()
            .filter_map(|key| told.iter().find(|column| column.name == key.name))
            .map(|column| Affinity::of(&column.declared))
            .collect();
        let may_be_null = |key: &KeyColumn| {
            let mut told = told.iter();
            !without_rowid
                && alias != Some(key.name.as_str())
                && told.any(|column| column.name == key.name && !column.not_null)
        };
        let soft_delete = soft_delete(setup, &told, &key)?;
        let rowid_name = ["rowid", "_rowid_", "oid"]
            .into_iter()
            .find(|name| !told.iter().any(|column| same(&column.name, name)));
        let mut uniques = Vec::new();
        let mut unreadable = None;
        for index in &indexes {
            match compared(index, &told) {
                Some(unique) => uniques.push(unique),
                None => unreadable = Some(index.name.clone()),
            }
        }
        if let Some(rowid) = rowid_name.filter(|_| !without_rowid) {
            uniques.push(Unique(vec![Term::column(rowid, "BINARY")]));
        }
        let declaration: String = connection.query_row(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?1",
            [&name],
            |row| row.get(0),
        )?;
        let stored = told.iter().filter(|column| !column.generated);
        let lives = stored.map(|column| Life {
            name: column.name.clone(),
            place: column.place,
            default: lives::default_of(connection, column.default.as_deref()),
            stays: column.pk > 0,
            number: 1,
        });
        let mut layout = Self {
            lives: lives.collect(),
            noted: None,
            columns: fields(setup, &told, &key, alias, soft_delete.as_ref())?,
            key_form: KeyForm::of(&affinities),
            key_may_be_null: key.iter().any(may_be_null),
            key,
            soft_delete,
            uniques,
            unreadable,
            decides_conflicts: declaration.to_ascii_uppercase().contains("CONFLICT"),
            captured: false,
            has_births: false,
            one: OnceLock::new(),
            name,
        };
        feed::look(connection, &mut layout)?;
        lives::look(connection, &mut layout)?;
        Ok(layout)
    }

    /// The columns as a schema, with the field that carries markers of creates.
    pub(super) fn schema(&self) -> Schema {
        let marker = Field {
            id: FieldId::new(MARKER),
            name: MARKER.to_owned(),
            ty: FieldType::Text,
            access: Access::Computed,
            limits: Limits::default(),
        };
        let fields = self.columns.iter().map(Column::field);
        Schema {
            title: self.name.clone(),
            fields: fields.chain([marker]).collect(),
        }
    }

    /// Whether a side table knows markers of creates.
    pub(super) fn has_births(&self) -> bool {
        self.has_births
    }

    /// The same layout once that side table is there, or not.
    pub(super) fn set_births(&mut self, has_births: bool) {
        self.has_births = has_births;
        self.one = OnceLock::new();
    }

    pub(super) fn quoted(&self) -> String {
        quote(&self.name)
    }

    pub(super) fn column(&self, id: &FieldId) -> Option<&Column> {
        self.columns.iter().find(|column| column.id == *id)
    }

    /// The columns of the key, after this prefix.
    pub(super) fn key_columns(&self, prefix: &str) -> String {
        let names = self
            .key
            .iter()
            .map(|key| format!("{prefix}{}", quote(&key.name)));
        names.collect::<Vec<_>>().join(", ")
    }
}

fn find_table(connection: &Connection, asked: &str) -> Result<(String, bool), TableError> {
    if asked.to_ascii_lowercase().starts_with("_sync_") {
        return Err(TableError::Private(asked.to_owned()));
    }
    let found = connection
        .prepare(
            "SELECT name, type, wr FROM pragma_table_list
             WHERE schema = 'main' AND name = ?1 COLLATE NOCASE",
        )?
        .query_row([asked], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?))
        })
        .optional()?;
    match found {
        None => Err(TableError::NoTable(asked.to_owned())),
        Some((name, kind, without_rowid)) => match kind.as_str() {
            "view" => Err(TableError::View(name)),
            "virtual" | "shadow" => Err(TableError::Virtual(name)),
            _ => Ok((name, without_rowid)),
        },
    }
}

fn columns(connection: &Connection, table: &str) -> Result<Vec<Told>, TableError> {
    let mut statement = connection.prepare(
        "SELECT name, type, \"notnull\", dflt_value, pk, hidden, cid
         FROM pragma_table_xinfo(?1) WHERE hidden <> 1",
    )?;
    let columns = statement.query_map([table], |row| {
        Ok(Told {
            name: row.get(0)?,
            declared: row.get(1)?,
            not_null: row.get(2)?,
            default: row.get(3)?,
            pk: row.get(4)?,
            generated: row.get::<_, i64>(5)? != 0,
            place: row.get(6)?,
        })
    })?;
    Ok(columns.collect::<rusqlite::Result<_>>()?)
}

fn unique_indexes(connection: &Connection, table: &str) -> Result<Vec<Index>, TableError> {
    let mut statement = connection.prepare(
        "SELECT name, origin, partial,
           (SELECT sql FROM sqlite_master AS m WHERE m.type = 'index' AND m.name = list.name)
         FROM pragma_index_list(?1) AS list WHERE \"unique\" ORDER BY name",
    )?;
    let listed = statement.query_map([table], |row| {
        Ok(Index {
            name: row.get(0)?,
            origin: row.get(1)?,
            partial: row.get(2)?,
            columns: None,
            collations: Vec::new(),
            sql: row.get(3)?,
        })
    })?;
    let mut indexes = listed.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut statement = connection
        .prepare("SELECT name, coll FROM pragma_index_xinfo(?1) WHERE key ORDER BY seqno")?;
    for index in &mut indexes {
        let columns = statement.query_map([&index.name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let columns: Vec<(Option<String>, String)> = columns.collect::<rusqlite::Result<_>>()?;
        index.collations = columns
            .iter()
            .map(|(_, collation)| collation.clone())
            .collect();
        let named = columns
            .into_iter()
            .map(|(name, collation)| Some((name?, collation)));
        index.columns = named.collect();
    }
    Ok(indexes)
}

/// What an index compares; `None` where that cannot be told.
fn compared(index: &Index, told: &[Told]) -> Option<Unique> {
    if let Some(columns) = &index.columns {
        let terms = columns
            .iter()
            .map(|(name, collation)| Term::column(name, collation));
        return Some(Unique(terms.collect()));
    }
    let terms = expression::terms(index.sql.as_deref()?)?;
    if terms.len() != index.collations.len() {
        return None;
    }
    let terms = terms
        .into_iter()
        .zip(&index.collations)
        .map(|(sql, collation)| {
            let names = told.iter().map(|column| column.name.clone());
            Term {
                columns: names
                    .filter(|name| expression::mentions(&sql, name))
                    .collect(),
                sql,
                collation: collation.clone(),
            }
        });
    Some(Unique(terms.collect()))
}

/// The column that is another name of the row's number: SQLite counts it up.
fn rowid_alias<'a>(told: &'a [Told], indexes: &[Index], without_rowid: bool) -> Option<&'a str> {
    let mut keys = told.iter().filter(|column| column.pk > 0);
    let (only, None) = (keys.next()?, keys.next()) else {
        return None;
    };
    let is_alias = !without_rowid
        && only.declared.eq_ignore_ascii_case("INTEGER")
        && !indexes.iter().any(|index| index.origin == "pk");
    is_alias.then_some(only.name.as_str())
}

fn primary_key(
    table: &str,
    told: &[Told],
    indexes: &[Index],
) -> Result<Vec<KeyColumn>, TableError> {
    let mut keys: Vec<&Told> = told.iter().filter(|column| column.pk > 0).collect();
    keys.sort_by_key(|column| column.pk);
    if keys.is_empty() {
        return Err(TableError::NoKey(table.to_owned()));
    }
    let index = indexes.iter().find(|index| index.origin == "pk");
    let compared = index.and_then(|index| index.columns.as_deref());
    Ok(keys
        .into_iter()
        .map(|column| key_column(&column.name, compared))
        .collect())
}

fn named_key(
    table: &str,
    named: &[String],
    told: &[Told],
    indexes: &[Index],
    alias: Option<&str>,
) -> Result<Vec<KeyColumn>, TableError> {
    let columns: Vec<&Told> = named
        .iter()
        .filter_map(|name| told.iter().find(|column| same(&column.name, name)))
        .collect();
    if let [only] = columns.as_slice()
        && alias == Some(only.name.as_str())
    {
        return Ok(vec![key_column(&only.name, None)]);
    }
    let covers = |index: &&Index| {
        let Some(covered) = index.columns.as_ref().filter(|_| !index.partial) else {
            return false;
        };
        covered.len() == columns.len()
            && columns
                .iter()
                .all(|column| covered.iter().any(|(name, _)| *name == column.name))
    };
    let Some(index) = indexes.iter().find(covers) else {
        return Err(TableError::NotUnique {
            table: table.to_owned(),
            columns: named.join(", "),
        });
    };
    if let Some(empty) = columns.iter().find(|column| !column.not_null) {
        return Err(TableError::MayBeNull {
            table: table.to_owned(),
            column: empty.name.clone(),
        });
    }
    Ok(columns
        .iter()
        .map(|column| key_column(&column.name, index.columns.as_deref()))
        .collect())
}

fn key_column(name: &str, compared: Option<&[(String, String)]>) -> KeyColumn {
    let of_index = compared
        .unwrap_or_default()
        .iter()
        .find(|(column, _)| column == name);
    KeyColumn {
        name: name.to_owned(),
        collation: of_index.map(|(_, collation)| collation.clone()),
    }
}

fn soft_delete(
    setup: &Setup,
    told: &[Told],
    key: &[KeyColumn],
) -> Result<Option<SoftDelete>, TableError> {
    let named = setup.soft_delete.as_ref();
    let Some(column) = named.and_then(|name| told.iter().find(|c| same(&c.name, name))) else {
        return Ok(None);
    };
    if column.generated || key.iter().any(|key| key.name == column.name) {
        return Err(TableError::UnfitSoftDelete(column.name.clone()));
    }
    Ok(Some(SoftDelete {
        name: column.name.clone(),
        is_time: matches!(
            type_of(&column.declared),
            Some(FieldType::Date | FieldType::Text)
        ),
        not_null: column.not_null,
    }))
}

fn fields(
    setup: &Setup,
    told: &[Told],
    key: &[KeyColumn],
    alias: Option<&str>,
    soft_delete: Option<&SoftDelete>,
) -> Result<Vec<Column>, TableError> {
    let mut columns = Vec::new();
    for column in told {
        let wanted = setup.wanted(&column.name);
        let place = key.iter().position(|key| key.name == column.name);
        if soft_delete.is_some_and(|soft| soft.name == column.name)
            || (matches!(wanted, Some(As::Nothing)) && place.is_none())
        {
            continue;
        }
        let ty = match wanted {
            // Titles are formatted, and a column holds words only: it agrees with one as a text does.
            Some(As::Type(FieldType::Title)) => Some(FieldType::Text),
            Some(As::Type(ty)) => Some(ty.clone()),
            _ => type_of(&column.declared),
        };
        let form = match &ty {
            Some(ty) => TableForm::of(ty).ok_or_else(|| TableError::UnfitType {
                column: column.name.clone(),
                ty: ty.name().to_owned(),
            })?,
            None => TableForm::Opaque,
        };
        let is_given = matches!(setup.new_key, NewKey::Given) && alias != Some(&column.name);
        let access = match ty {
            None => Access::Unsupported,
            _ if column.generated || matches!(wanted, Some(As::ReadOnly)) => Access::Computed,
            _ if place.is_some() && !is_given => Access::Computed,
            _ => Access::Writable,
        };
        let is_alias = alias == Some(column.name.as_str());
        columns.push(Column {
            name: column.name.clone(),
            id: FieldId::new(column.name.as_str()),
            ty: ty.unwrap_or_else(|| FieldType::Other(kind_of(&column.declared))),
            access,
            form,
            not_null: column.not_null,
            real: Affinity::of(&column.declared) == Affinity::Real,
            key: place,
            given: is_alias || column.default.is_some() || column.generated,
        });
    }
    Ok(columns)
}

/// The name of a type that is only shown.
fn kind_of(declared: &str) -> String {
    match declared {
        "" => "any".to_owned(),
        declared => declared.to_ascii_lowercase(),
    }
}
