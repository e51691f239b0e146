//! How many durable writes a file had, told in another one beside it: the same file with fewer was
//! restored from a backup.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;

use rusqlite::Connection;

/// Durable writes by lineage, as lines of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks(BTreeMap<String, u64>);

/// More than there ever are.
const LEFT: u64 = i64::MAX as u64;

impl Marks {
    /// Lines that are none count for nothing: what is left of a longer text, the name of an owner.
    pub(crate) fn parse(text: &str) -> Self {
        let mut marks = Self::default();
        for line in text.lines() {
            if let Some((writes, lineage)) = line.split_once(' ')
                && let Ok(writes) = writes.parse()
            {
                marks.raise(lineage, writes);
            }
        }
        marks
    }

    pub(crate) fn of(&self, lineage: &str) -> Option<u64> {
        self.0.get(lineage).copied()
    }

    /// Notes that a lineage had so many; never fewer than are known.
    pub(crate) fn raise(&mut self, lineage: &str, writes: u64) {
        let mark = self.0.entry(lineage.to_owned()).or_insert(writes);
        *mark = writes.max(*mark);
    }

    /// Notes a number that is no count.
    pub(crate) fn set(&mut self, name: &str, number: u64) {
        self.0.insert(name.to_owned(), number);
    }

    /// Notes that the file goes on under another lineage: what is found of this one is older.
    pub(crate) fn leave(&mut self, lineage: &str) {
        self.raise(lineage, LEFT);
    }

    /// Whether anything was ever written.
    pub(crate) fn is_anything(&self) -> bool {
        self.0.values().any(|writes| *writes > 0)
    }

    /// Leaves all of them.
    pub(crate) fn leave_all(&mut self) {
        self.0.values_mut().for_each(|mark| *mark = LEFT);
    }

    /// Writes them over what a file holds, below a line of the caller's.
    pub(crate) fn write(&self, file: &mut File, first_line: &str) -> std::io::Result<()> {
        let mut text = format!("{first_line}\n");
        for (lineage, writes) in &self.0 {
            text.push_str(&format!("{writes} {lineage}\n"));
        }
        file.rewind()?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)
    }
}

/// All that a file says; empty where it cannot be read.
pub(crate) fn text_in(file: &mut File) -> String {
    let mut text = String::new();
    // Where locks are mandatory it cannot be read, and need not be.
    let _ = file.read_to_string(&mut text);
    text
}

/// The one name of a file that is, or would be, at a path.
pub(crate) fn place_of(path: &Path) -> Option<String> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize().ok()?;
    let path = folder.join(path.file_name()?);
    Some(path.to_string_lossy().into_owned())
}

/// What a database knows of its own durable writes, in a table of one row.
pub(crate) struct Marked {
    pub(crate) lineage: String,
    pub(crate) durable: u64,
    /// The file that tells of them as well.
    pub(crate) beside: Option<String>,
}

impl Marked {
    pub(crate) fn load(connection: &Connection, table: &str) -> rusqlite::Result<Self> {
        let sql = format!("SELECT lineage, durable, beside FROM {table}");
        connection.prepare_cached(&sql)?.query_row([], |row| {
            Ok(Self {
                lineage: row.get(0)?,
                durable: row.get(1)?,
                beside: row.get(2)?,
            })
        })
    }

    /// Counts one more, with the transaction that is under way.
    pub(crate) fn count(connection: &Connection, table: &str) -> rusqlite::Result<Self> {
        connection
            .prepare_cached(&format!("UPDATE {table} SET durable = durable + 1"))?
            .execute([])?;
        Self::load(connection, table)
    }

    /// Begins another lineage: what is told of this one is not about this file any more.
    pub(crate) fn begin(connection: &Connection, table: &str) -> rusqlite::Result<Self> {
        let lineage = uuid::Uuid::new_v4().simple().to_string();
        connection.execute(
            &format!("UPDATE {table} SET lineage = ?1, durable = 0, beside = NULL"),
            [&lineage],
        )?;
        Self::load(connection, table)
    }

    /// Says which file tells of them: that it is gone counts from then on, so it has to know first.
    pub(crate) fn tell(connection: &Connection, table: &str, here: &str) -> rusqlite::Result<()> {
        connection.execute(&format!("UPDATE {table} SET beside = ?1"), [here])?;
        Ok(())
    }

    /// Whether writes are missing that were made durable: what the file `here` tells of this lineage
    /// says so, or that it tells nothing any more, where anything was written or `waits` to be.
    pub(crate) fn is_behind(&self, told: Option<u64>, here: Option<&str>, waits: bool) -> bool {
        match told {
            Some(told) => self.durable < told,
            None => {
                let wrote = self.durable > 0 || waits;
                wrote && here.is_some() && self.beside.as_deref() == here
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_rests_of_longer_texts_count_for_nothing() {
        let mut marks = Marks::default();
        marks.raise("aa", 7);
        marks.raise("aa", 3);
        marks.leave("bb");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"process 4711 of somebody, a long line\n12 aa\n99\nx y z\n1 bb\n")
            .unwrap();
        marks.write(&mut file, "me").unwrap();
        file.rewind().unwrap();
        let text = text_in(&mut file);
        assert_eq!(text, format!("me\n7 aa\n{LEFT} bb\n"));
        assert_eq!(Marks::parse(&text), marks);
        assert_eq!(
            Marks::parse("12\n99 \nx y z\n4 aa\n2 aa\n").of("aa"),
            Some(4)
        );
    }
}
