//! Commands on somebody else's table.

use notion_sync_core::port::{
    Atomicity, Batch, CellChange, Command, CommandKind, FieldSet, Outcome, Receipt, Rejection,
    RejectionKind,
};
use notion_sync_core::record::{Key, Lifecycle, Record};
use notion_sync_core::schema::Access;
use notion_sync_core::value::Value;
use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, ErrorCode, Row, TransactionBehavior, params_from_iter};

use super::column::Column;
use super::error::TableError;
use super::feed;
use super::file::File;
use super::layout::Layout;
use super::{MARKER, NewKey};
use crate::replica::quote;

/// Executes a batch: in one transaction, or command by command where one of them takes the others
/// down with it.
pub(super) fn apply(file: &mut File, batch: &Batch) -> Result<Vec<Outcome>, TableError> {
    let all = batch.mode == Atomicity::AllOrNothing;
    let outcomes = match together(file, &batch.commands, all)? {
        Together::Committed(outcomes) => outcomes,
        Together::Undone(at, rejection) if all || batch.commands.len() == 1 => {
            let mut outcomes = vec![Outcome::NotSent; batch.commands.len()];
            outcomes[at] = rejection;
            outcomes
        }
        Together::Undone(..) => one_by_one(file, &batch.commands)?,
    };
    Ok(outcomes)
}

fn one_by_one(file: &mut File, commands: &[Command]) -> Result<Vec<Outcome>, TableError> {
    let mut outcomes = Vec::with_capacity(commands.len());
    for command in commands {
        match together(file, std::slice::from_ref(command), false) {
            Ok(Together::Committed(one)) => outcomes.extend(one),
            Ok(Together::Undone(_, rejection)) => outcomes.push(rejection),
            Err(error) if outcomes.is_empty() => return Err(error),
            // What was done stays done, and is told.
            Err(_) => break,
        }
    }
    outcomes.resize(commands.len(), Outcome::NotSent);
    Ok(outcomes)
}

/// How a transaction ended.
enum Together {
    Committed(Vec<Outcome>),
    /// All of it is undone, and which command was found to be the reason: a trigger that rolls back, a
    /// deferred constraint.
    Undone(usize, Outcome),
}

fn together(file: &mut File, commands: &[Command], all: bool) -> Result<Together, TableError> {
    file.check()?;
    let (new_key, beside) = (file.setup().new_key.clone(), file.beside());
    let (transaction, layout) = file.begin(TransactionBehavior::Immediate)?;
    let mut layout = Layout::clone(&layout);
    if !layout.has_births() && commands.iter().any(|command| marker(command).is_some()) {
        feed::make_births(&transaction, &layout)?;
        layout.set_births(true);
    }
    let run = Run {
        connection: &transaction,
        layout: &layout,
        new_key: &new_key,
    };
    let mut outcomes = Vec::with_capacity(commands.len());
    for command in commands {
        let outcome = run.guarded(command)?;
        if transaction.is_autocommit() {
            return Ok(Together::Undone(outcomes.len(), outcome));
        }
        outcomes.push(outcome);
    }
    let is_done = |outcome: &Outcome| matches!(outcome, Outcome::Done(_));
    if all && !outcomes.iter().all(is_done) {
        transaction.rollback()?;
        for outcome in outcomes.iter_mut().filter(|outcome| is_done(outcome)) {
            *outcome = Outcome::NotSent;
        }
        return Ok(Together::Committed(outcomes));
    }
    let marked = match outcomes.iter().any(is_done) {
        true => Some(beside.count(&transaction)?),
        false => None,
    };
    match transaction.commit() {
        Ok(()) => {
            if let Some(marked) = marked {
                beside.note(&marked);
            }
            Ok(Together::Committed(outcomes))
        }
        // Dropped with the error, it is rolled back.
        Err(error) => Ok(Together::Undone(0, Outcome::Rejected(refused(error)?))),
    }
}

struct Run<'a> {
    connection: &'a Connection,
    layout: &'a Layout,
    new_key: &'a NewKey,
}

/// Why nothing was done, on its way out.
enum Stop {
    Refused(Rejection),
    Failed(TableError),
}

impl From<TableError> for Stop {
    fn from(error: TableError) -> Self {
        Self::Failed(error)
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        match refused(error) {
            Ok(rejection) => Self::Refused(rejection),
            Err(error) => Self::Failed(error),
        }
    }
}

impl Run<'_> {
    /// One command, of which nothing stays if it is not done: triggers may have written before.
    fn guarded(&self, command: &Command) -> Result<Outcome, TableError> {
        self.connection.execute_batch("SAVEPOINT command")?;
        let outcome = match self.execute(command) {
            Ok(outcome) => outcome,
            Err(Stop::Refused(rejection)) => Outcome::Rejected(rejection),
            Err(Stop::Failed(error)) => return Err(error),
        };
        if !self.connection.is_autocommit() {
            self.connection.execute_batch(match outcome {
                Outcome::Done(_) => "RELEASE command",
                _ => "ROLLBACK TO command; RELEASE command",
            })?;
        }
        Ok(outcome)
    }

    fn execute(&self, command: &Command) -> Result<Outcome, Stop> {
        match (command.kind, &command.key) {
            (CommandKind::Create, _) => self.create(command),
            (_, None) => Err(invalid("the command names no row")),
            (kind, Some(key)) => {
                let Some(current) = self.record(key)? else {
                    return Err(stop(
                        RejectionKind::NotFound,
                        "the table has no row with this key",
                    ));
                };
                if !command.is_expected(&current) {
                    return Ok(Outcome::Stale(Some(current)));
                }
                let is_trash = kind == CommandKind::Trash;
                if is_trash && self.layout.soft_delete.is_none() {
                    return self.delete(key, current);
                }
                self.update(command, key, &current)?;
                self.done(key)
            }
        }
    }

    fn create(&self, command: &Command) -> Result<Outcome, Stop> {
        let mut written = Written::default();
        let mut made = match self.new_key {
            NewKey::Made(maker) => Some(maker()),
            _ => None,
        };
        for change in &command.cells {
            let Some(column) = self.column(change)? else {
                continue;
            };
            let is_key = column.key.is_some();
            if !is_key {
                self.writable(column)?;
            } else if change.desired.is_empty() {
                continue;
            }
            written.put(column, encoded(column, &change.desired)?);
        }
        for (at, column) in self.keys() {
            if written.has(column) {
                continue;
            }
            let value = match self.new_key {
                NewKey::Made(_) => match made.as_mut().and_then(|made| made.get_mut(at)) {
                    Some(value) => encoded(column, value)?,
                    None => return Err(invalid("the maker of keys made too few values")),
                },
                _ if column.given => continue,
                NewKey::Uuid => encoded(column, &Value::text(uuid::Uuid::new_v4().to_string()))?,
                NewKey::Given => {
                    let why = format!("{} is the key: a new row has to say it", column.name);
                    return Err(invalid(&why));
                }
                NewKey::Database => {
                    let why = format!(
                        "SQLite gives {} no value; set where new keys come from (`new_key`)",
                        column.name
                    );
                    return Err(invalid(&why));
                }
            };
            written.put(column, value);
        }
        let names = written.names();
        let what = match names.is_empty() {
            true => "DEFAULT VALUES".to_owned(),
            false => format!(
                "({}) VALUES ({})",
                names.join(", "),
                vec!["?"; names.len()].join(", ")
            ),
        };
        let key_columns = self.layout.key_columns("");
        let returned =
            std::iter::once(key_columns.as_str()).chain(names.iter().map(String::as_str));
        let sql = format!(
            "INSERT {} INTO {} {what} RETURNING {}",
            self.or_abort(),
            self.layout.quoted(),
            returned.collect::<Vec<_>>().join(", ")
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(&written.values))?;
        let row = rows.next()?.ok_or_else(passed_over)?;
        let parts = self.layout.key_of(row)?;
        written.is_kept(row, parts.len())?;
        // Until a statement ends, it is not done.
        while rows.next()?.is_some() {}
        let key = self.layout.key_form.key(&parts);
        let key =
            key.ok_or_else(|| invalid("the new row would have no key of its column's type"))?;
        feed::forget_birth(self.connection, self.layout, &parts)?;
        if let Some(marker) = marker(command) {
            feed::note_birth(self.connection, self.layout, marker, &parts)?;
        }
        self.done(&key)
    }

    fn update(&self, command: &Command, key: &Key, current: &Record) -> Result<(), Stop> {
        let mut written = Written::default();
        for change in &command.cells {
            let Some(column) = self.column(change)? else {
                return Err(invalid("a marker is written with a create only"));
            };
            self.writable(column)?;
            // What reads so already keeps the program's own writing.
            if current.cells.complete(&change.field) == Some(&change.desired) {
                continue;
            }
            if column.key.is_some() {
                let why = format!("{} is the key; sync does not edit keys", column.name);
                return Err(invalid(&why));
            }
            written.put(column, encoded(column, &change.desired)?);
        }
        let names = written.names();
        let mut sets: Vec<String> = names.iter().map(|name| format!("{name} = ?")).collect();
        let life = command.kind.leads_to();
        if let Some(soft) = &self.layout.soft_delete
            && (life == Lifecycle::Live) != (current.lifecycle == Lifecycle::Live)
        {
            sets.push(format!("{} = {}", quote(&soft.name), soft.expression(life)));
        }
        if sets.is_empty() {
            return Ok(());
        }
        // Something has to be returned, to know that the row was touched.
        let returned = match names.is_empty() {
            true => "1".to_owned(),
            false => names.join(", "),
        };
        let sql = format!(
            "UPDATE {} {} SET {} WHERE {} RETURNING {returned}",
            self.or_abort(),
            self.layout.quoted(),
            sets.join(", "),
            self.layout.has_key()
        );
        let parts = self.layout.key_form.parts(key).unwrap_or_default();
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(written.values.iter().chain(&parts)))?;
        let row = rows.next()?.ok_or_else(passed_over)?;
        written.is_kept(row, 0)?;
        while rows.next()?.is_some() {}
        Ok(())
    }

    fn delete(&self, key: &Key, current: Record) -> Result<Outcome, Stop> {
        let sql = format!(
            "DELETE FROM {} WHERE {}",
            self.layout.quoted(),
            self.layout.has_key()
        );
        let parts = self.layout.key_form.parts(key).unwrap_or_default();
        let mut statement = self.connection.prepare_cached(&sql)?;
        if statement.execute(params_from_iter(&parts))? == 0 {
            return Err(passed_over());
        }
        feed::forget_birth(self.connection, self.layout, &parts)?;
        // A trigger may have put it back.
        let left = self.record(key)?.unwrap_or(Record {
            lifecycle: Lifecycle::Trashed,
            ..current
        });
        Ok(receipt(key, left))
    }

    fn done(&self, key: &Key) -> Result<Outcome, Stop> {
        let record = self.record(key)?;
        let record = record.ok_or_else(|| invalid("a trigger of the table took the row away"))?;
        Ok(receipt(key, record))
    }

    fn record(&self, key: &Key) -> Result<Option<Record>, Stop> {
        Ok(self.layout.record(self.connection, key, &FieldSet::All)?)
    }

    /// The column of a cell; `None` for the marker, which has none.
    fn column(&self, change: &CellChange) -> Result<Option<&Column>, Stop> {
        if change.field.as_str() == MARKER {
            return Ok(None);
        }
        let column = self.layout.column(&change.field);
        let missing = || invalid(&format!("there is no column {}", change.field));
        column.ok_or_else(missing).map(Some)
    }

    fn writable(&self, column: &Column) -> Result<(), Stop> {
        match column.access {
            Access::Writable => Ok(()),
            _ => Err(invalid(&format!("{} cannot be written", column.name))),
        }
    }

    /// Columns of the key, in the key's order.
    fn keys(&self) -> impl Iterator<Item = (usize, &Column)> {
        let columns = self.layout.columns.iter();
        columns.filter_map(|column| Some((column.key?, column)))
    }

    /// A table that says `ON CONFLICT REPLACE` would lose a row to a new one. Where it says nothing, the
    /// word would only override what its triggers say.
    fn or_abort(&self) -> &'static str {
        match self.layout.decides_conflicts {
            true => "OR ABORT",
            false => "",
        }
    }
}

/// Columns a statement writes, each with its value.
#[derive(Default)]
struct Written<'a> {
    columns: Vec<&'a Column>,
    values: Vec<Sql>,
}

impl<'a> Written<'a> {
    fn put(&mut self, column: &'a Column, value: Sql) {
        self.columns.push(column);
        self.values.push(value);
    }

    fn has(&self, column: &Column) -> bool {
        self.columns.iter().any(|there| there.id == column.id)
    }

    fn names(&self) -> Vec<String> {
        let columns = self.columns.iter();
        columns.map(|column| quote(&column.name)).collect()
    }

    /// Whether the row holds what was written, in its columns from this one on: by the declared type
    /// SQLite makes 7 of '007', and the text of a number. What triggers make of it is not seen here.
    fn is_kept(&self, row: &Row<'_>, from: usize) -> Result<(), Stop> {
        for ((column, value), at) in self.columns.iter().zip(&self.values).zip(from..) {
            let kept = row.get_ref(at)?;
            if column.decode(kept) != column.decode(ValueRef::from(value)) {
                let why = format!(
                    "{} would hold {} instead of {}, because of its declared type; declare one that \
                     keeps it, TEXT for texts",
                    column.name,
                    shown(kept),
                    shown(ValueRef::from(value))
                );
                return Err(invalid(&why));
            }
        }
        Ok(())
    }
}

/// A value as a person writes it in SQL, cut short.
fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => format!("{real:?}"),
        ValueRef::Text(bytes) => {
            let text: String = String::from_utf8_lossy(bytes).chars().take(40).collect();
            format!("'{}'", text.replace('\'', "''"))
        }
        ValueRef::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
    }
}

/// The marker a create carries.
fn marker(command: &Command) -> Option<&str> {
    if command.kind != CommandKind::Create {
        return None;
    }
    let cell = command
        .cells
        .iter()
        .find(|cell| cell.field.as_str() == MARKER)?;
    match &cell.desired {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn encoded(column: &Column, value: &Value) -> Result<Sql, Stop> {
    let wrong = |kind: &str| invalid(&format!("{} takes a {kind}", column.name));
    column.encode(value).map_err(|kind| wrong(kind.0))
}

fn receipt(key: &Key, observed: Record) -> Outcome {
    Outcome::Done(Receipt {
        key: key.clone(),
        version: None,
        observed: Some(observed),
    })
}

fn passed_over() -> Stop {
    invalid("a trigger of the table passes over the change")
}

fn invalid(message: &str) -> Stop {
    stop(RejectionKind::Invalid, message)
}

fn stop(kind: RejectionKind, message: &str) -> Stop {
    Stop::Refused(Rejection {
        kind,
        message: message.to_owned(),
    })
}

/// A constraint refuses one command, and so does a trigger that names what is not there; anything else
/// ends the transaction.
fn refused(error: rusqlite::Error) -> Result<Rejection, TableError> {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::TooBig
            | ErrorCode::Unknown,
        ) => Ok(Rejection {
            kind: RejectionKind::Invalid,
            message: error.to_string(),
        }),
        _ => Err(error.into()),
    }
}
