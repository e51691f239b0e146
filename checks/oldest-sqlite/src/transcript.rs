//! What a person's statements say, one after the other, on one connection. Compiled twice: into this
//! program with an old SQLite, and into `tests/oldest_sqlite.rs` of the workspace with its own.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Each statement with the lines it gives, or the sentence it is refused with.
pub(crate) fn transcript(file: &str, statements: &str) -> rusqlite::Result<String> {
    let person = Connection::open(file)?;
    let mut said = String::new();
    for statement in statements.split(";\n").map(str::trim) {
        if statement.is_empty() {
            continue;
        }
        said.push_str(&format!("> {statement}\n"));
        if let Err(error) = lines(&person, statement, &mut said) {
            let sentence = match error {
                rusqlite::Error::SqliteFailure(_, Some(sentence)) => sentence,
                error => error.to_string(),
            };
            said.push_str(&format!("! {sentence}\n"));
        }
    }
    Ok(said)
}

fn lines(person: &Connection, statement: &str, said: &mut String) -> rusqlite::Result<()> {
    let mut statement = person.prepare(statement)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            if column > 0 {
                said.push_str(" | ");
            }
            match row.get_ref(column)? {
                ValueRef::Null => said.push_str("NULL"),
                ValueRef::Integer(number) => said.push_str(&number.to_string()),
                ValueRef::Real(number) => said.push_str(&format!("{number:?}")),
                ValueRef::Text(text) => said.push_str(&String::from_utf8_lossy(text)),
                ValueRef::Blob(bytes) => said.push_str(&format!("{bytes:?}")),
            }
        }
        said.push('\n');
    }
    Ok(())
}
