//! Commands on the table.

use notion_sync_core::port::{
    CellChange, Command, CommandKind, Outcome, Receipt, Rejection, RejectionKind,
};
use notion_sync_core::record::{Lifecycle, Record};
use notion_sync_core::schema::FieldId;
use notion_sync_core::value::Value;
use rusqlite::types::Value as Sql;
use rusqlite::{CachedStatement, Connection, ErrorCode, params_from_iter};

use super::cells::decode;
use super::gate::{has_foreign_triggers, narrow};
use super::names::quote;
use super::rows::{of_values, record, row_of};
use super::table::Table;
use crate::error::{Result, corrupt, failed};

/// Executes commands on a table: inside one transaction, behind [`with_gate`].
pub(crate) struct Executor<'a> {
    connection: &'a Connection,
    table: &'a Table,
    insert: Option<CachedStatement<'a>>,
    /// Whether somebody's own triggers see what is written: a row may be another one than was written,
    /// and what they write to other rows is an edit.
    watched: bool,
    undone: Option<Outcome>,
}

impl<'a> Executor<'a> {
    pub(crate) fn new(connection: &'a Connection, table: &'a Table) -> Result<Self> {
        Ok(Self {
            watched: has_foreign_triggers(connection, table)?,
            connection,
            table,
            insert: None,
            undone: None,
        })
    }

    /// Executes a command, comparing the expected cells with what the row holds. What somebody's own
    /// trigger refuses, in whatever way, is one refused command.
    pub(crate) fn execute(&mut self, command: &Command) -> Result<Outcome> {
        if !self.watched {
            return self.carry_out(command);
        }
        let connection = self.connection;
        let run = |sql: &str| connection.prepare_cached(sql)?.execute([]);
        run("SAVEPOINT _sync_command")?;
        let done = self.carry_out(command);
        if connection.is_autocommit() {
            // Not to be undone alone: nothing of the transaction is left.
            let outcome =
                done.unwrap_or_else(|fault| rejected(RejectionKind::Invalid, &fault.0.to_string()));
            self.undone = Some(outcome);
            return Err(failed("a trigger rolled the transaction back"));
        }
        if !matches!(done, Ok(Outcome::Done(_))) {
            run("ROLLBACK TO _sync_command")?;
        }
        run("RELEASE _sync_command")?;
        done
    }

    /// What came of the command that took the whole transaction with it, if one did.
    pub(crate) fn undone(&mut self) -> Option<Outcome> {
        self.undone.take()
    }

    fn carry_out(&mut self, command: &Command) -> Result<Outcome> {
        let (connection, table) = (self.connection, self.table);
        let cells = match encoded(table, &command.cells) {
            Ok(cells) => cells,
            Err(rejection) => return Ok(Outcome::Rejected(rejection)),
        };
        let written = match (command.kind, &command.key) {
            (CommandKind::Create, _) => {
                let number = self.number()?;
                match self.insert(cells, number) {
                    Ok(written) => written,
                    Err(error) if is_there_already(&error) => {
                        return Ok(rejected(RejectionKind::Invalid, FORGOTTEN));
                    }
                    Err(error) => return refused(error, self.watched),
                }
            }
            (_, None) => {
                return Ok(rejected(RejectionKind::Invalid, "the command names no row"));
            }
            (kind, Some(key)) => {
                let Some(row) = row_of(key) else {
                    return Ok(rejected(
                        RejectionKind::NotFound,
                        "the key is no row of this table",
                    ));
                };
                let Some(mut current) = record(connection, table, row)? else {
                    return Ok(Outcome::Stale(None));
                };
                if !is_expected(table, command, &current) {
                    return Ok(Outcome::Stale(Some(current)));
                }
                write_over(&mut current, table, kind, &cells);
                if self.watched {
                    narrow(connection, table, row)?;
                }
                if let Err(error) = update(connection, table, kind, row, cells) {
                    return refused(error, self.watched);
                }
                current
            }
        };
        let observed = match row_of(&written.key).filter(|_| self.watched) {
            Some(row) => record(connection, table, row)?
                .ok_or_else(|| corrupt("a row just written is not there"))?,
            None => written,
        };
        Ok(Outcome::Done(Receipt {
            key: observed.key.clone(),
            version: None,
            observed: Some(observed),
        }))
    }

    /// The number of the row that is inserted next, where only that row may pass.
    fn number(&self) -> Result<Option<i64>> {
        if !self.watched {
            return Ok(None);
        }
        let next = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?1), 0) + 1";
        let row = self
            .connection
            .prepare_cached(next)?
            .query_row([&self.table.name], |row| row.get(0))?;
        narrow(self.connection, self.table, row)?;
        Ok(Some(row))
    }

    /// Inserts a row, counted by SQLite unless a number is given. All mapped columns are named, so that
    /// every row of a commit is one statement.
    fn insert(
        &mut self,
        cells: Vec<(usize, Sql)>,
        number: Option<i64>,
    ) -> rusqlite::Result<Record> {
        let table = self.table;
        let is_body = |(place, _): &&(usize, Sql)| table.columns[*place].is_body();
        let body = cells.iter().find(is_body).map(|(_, body)| body.clone());
        let mut values = vec![Sql::Null; table.columns.len()];
        for (place, value) in cells {
            values[place] = value;
        }
        let own = table.columns.iter().zip(&values);
        let own = own.filter(|(column, _)| column.mapped && !column.is_body());
        let statement = match &mut self.insert {
            Some(statement) => statement,
            none => none.insert(self.connection.prepare_cached(&insert_sql(table))?),
        };
        let number = number.map_or(Sql::Null, Sql::Integer);
        let own = own.map(|(_, value)| value).chain([&number]);
        let row = statement.insert(params_from_iter(own))?;
        write_body(self.connection, table, row, body)?;
        Ok(of_values(table, row, &values))
    }
}

fn insert_sql(table: &Table) -> String {
    let mut names: Vec<String> = table.own().map(|column| quote(&column.name)).collect();
    let mut values = vec!["?"; names.len()];
    // Empty, it is counted.
    names.push("_row".to_owned());
    values.push("?");
    if table.stateful {
        names.push("_state".to_owned());
        values.push("'clean'");
    }
    format!(
        "INSERT INTO {} ({}) VALUES ({})",
        table.quoted(),
        names.join(", "),
        values.join(", ")
    )
}

/// A record as it reads after these cells were written over it.
fn write_over(record: &mut Record, table: &Table, kind: CommandKind, cells: &[(usize, Sql)]) {
    if kind.changes_life() {
        record.lifecycle = kind.leads_to();
    }
    for (place, value) in cells {
        let column = &table.columns[*place];
        if !column.projected() {
            let cell = decode(column.form(), value.into());
            record.cells.put(column.id.clone(), cell);
        }
    }
}

/// The cells in SQL, each with the place of its column.
fn encoded(
    table: &Table,
    cells: &[CellChange],
) -> std::result::Result<Vec<(usize, Sql)>, Rejection> {
    cells
        .iter()
        .map(|change| {
            let place = table.place_of(&change.field).ok_or_else(|| Rejection {
                kind: RejectionKind::Invalid,
                message: format!("there is no column for {}", change.field),
            })?;
            let column = &table.columns[place];
            let sql = column.encode(&change.desired).map_err(|wrong| Rejection {
                kind: RejectionKind::Invalid,
                message: format!("{} takes a {}", column.name, wrong.0),
            })?;
            Ok((place, sql))
        })
        .collect()
}

/// Whether the row is as the command expects. A patch belongs to a live row: one that a person
/// trashed since is not what was planned for.
fn is_expected(table: &Table, command: &Command, current: &Record) -> bool {
    if command.kind == CommandKind::Patch && current.lifecycle != Lifecycle::Live {
        return false;
    }
    let holds = |field: &FieldId, value: &Value| current.cells.complete(field) == Some(value);
    if !command
        .holding
        .iter()
        .all(|(field, value)| holds(field, value))
    {
        return false;
    }
    command.cells.iter().all(|change| {
        let projected = table
            .column(&change.field)
            .is_some_and(|column| column.projected());
        match &change.expected {
            // Nobody but sync writes projected columns, and they are not read back.
            _ if projected => true,
            None => true,
            Some(expected) => current.cells.complete(&change.field) == Some(expected),
        }
    })
}

fn write_body(
    connection: &Connection,
    table: &Table,
    row: i64,
    body: Option<Sql>,
) -> rusqlite::Result<()> {
    let Some(body) = body else {
        return Ok(());
    };
    connection
        .prepare_cached(
            "INSERT INTO _sync_bodies(tbl, row, markdown) VALUES (?1, ?2, ?3)
             ON CONFLICT (tbl, row) DO UPDATE SET markdown = excluded.markdown",
        )?
        .execute((&table.name, row, body))?;
    Ok(())
}

fn update(
    connection: &Connection,
    table: &Table,
    kind: CommandKind,
    row: i64,
    cells: Vec<(usize, Sql)>,
) -> rusqlite::Result<()> {
    let is_body = |(place, _): &(usize, Sql)| table.columns[*place].is_body();
    let (body, cells): (Vec<_>, Vec<_>) = cells.into_iter().partition(is_body);
    for (_, body) in body {
        write_body(connection, table, row, Some(body))?;
    }
    let (places, mut values): (Vec<_>, Vec<_>) = cells.into_iter().unzip();
    let mut sets: Vec<String> = places
        .into_iter()
        .map(|place| format!("{} = ?", quote(&table.columns[place].name)))
        .collect();
    let trashed = match kind {
        CommandKind::Trash => Some(1),
        CommandKind::Untrash => Some(0),
        CommandKind::Patch | CommandKind::Create => None,
    };
    if let Some(trashed) = trashed {
        sets.push("_trashed = ?".to_owned());
        values.push(Sql::Integer(trashed));
    }
    if sets.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE {} SET {} WHERE _row = ?",
        table.quoted(),
        sets.join(", ")
    );
    values.push(Sql::Integer(row));
    match connection
        .prepare_cached(&sql)?
        .execute(params_from_iter(values))?
    {
        0 => Err(rusqlite::Error::StatementChangedRows(0)),
        _ => Ok(()),
    }
}

const FORGOTTEN: &str = "the table has a row of this record that the file does not remember any more; \
     `notion-sync doctor --repair` takes it up by its _id";

/// Whether another row is of the same record.
fn is_there_already(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
        && error.to_string().ends_with("._id")
}

fn rejected(kind: RejectionKind, message: &str) -> Outcome {
    Outcome::Rejected(Rejection {
        kind,
        message: message.to_owned(),
    })
}

/// A constraint refuses one command, and so does whatever is wrong with a trigger of somebody's own;
/// anything else ends the transaction.
fn refused(error: rusqlite::Error, watched: bool) -> Result<Outcome> {
    if matches!(error, rusqlite::Error::StatementChangedRows(0)) {
        let message = "a trigger of the table left the row as it was (RAISE(IGNORE))";
        return Ok(rejected(RejectionKind::Invalid, message));
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => {
            Ok(rejected(RejectionKind::Invalid, &error.to_string()))
        }
        // What it calls is not there, or does not parse.
        Some(ErrorCode::Unknown) if watched => {
            Ok(rejected(RejectionKind::Invalid, &error.to_string()))
        }
        _ => Err(error.into()),
    }
}
