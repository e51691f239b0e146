//! The file beside somebody else's that tells how often sync wrote there: what a backup lacks would
//! count as edits of people.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::TableError;
use super::feed::{self, SIDE, Seen};
use crate::database::resolved;
use crate::marks::{Marked, Marks, place_of, text_in};

/// The file `<db>-notion-sync`. Programs share it: it is locked while it is written.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    path: PathBuf,
    adopt: bool,
}

impl Beside {
    pub(super) fn new(database: &Path, adopt: bool) -> Self {
        let mut name = OsString::from(resolved(database));
        name.push("-notion-sync");
        Self {
            path: name.into(),
            adopt,
        }
    }

    /// Refuses a file that went back; one that is adopted begins anew.
    pub(super) fn went_back(&self, connection: &Connection) -> Result<(), TableError> {
        if !self.adopt {
            return Err(self.restored());
        }
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        self.change(true, Marks::leave_all);
        feed::make_side(&transaction)?;
        Marked::begin(&transaction, SIDE)?;
        Ok(transaction.commit()?)
    }

    /// Whether the file lacks what sync wrote into it.
    pub(super) fn is_behind(&self, connection: &Connection) -> Result<bool, TableError> {
        let told = self.told()?;
        Ok(match feed::marked(connection)? {
            Some(marked) => {
                marked.is_behind(told.of(&marked.lineage), self.place().as_deref(), false)
            }
            // Whatever sync writes, it counts.
            None => told.is_anything(),
        })
    }

    /// What a file that went back is told.
    pub(super) fn restored(&self) -> TableError {
        TableError::Restored(self.path.clone())
    }

    /// Whether a file that went back is taken as it is.
    pub(super) fn adopts(&self) -> bool {
        self.adopt
    }

    /// Counts one more durable write with the transaction that is under way; to be noted once that is
    /// committed.
    pub(super) fn count(&self, connection: &Connection) -> Result<Marked, TableError> {
        feed::make_side(connection)?;
        let (marked, told) = (Marked::load(connection, SIDE)?, self.told()?);
        let here = self.place();
        let is_told = told.of(&marked.lineage).is_some() && marked.beside == here;
        if let Some(here) = here.filter(|_| !is_told)
            && self.change(true, |marks| marks.raise(&marked.lineage, marked.durable))
        {
            Marked::tell(connection, SIDE, &here)?;
        }
        let marked = Marked::count(connection, SIDE)?;
        match told.of(&marked.lineage) >= Some(marked.durable) {
            // Since it was looked at.
            true => Err(self.restored()),
            false => Ok(marked),
        }
    }

    /// Notes a write that is committed. Where it cannot be, a backup is noticed later or not at all.
    pub(super) fn note(&self, marked: &Marked) {
        self.change(false, |marks| marks.raise(&marked.lineage, marked.durable));
    }

    /// The last entry of a feed that any scan has seen, and its own mark.
    pub(super) fn seen(&self, feed: &str) -> Option<(u64, u64)> {
        let told = self.told().ok()?;
        Some((told.of(feed)?, told.of(&mark_of(feed))?))
    }

    /// Notes it, where it moved on.
    pub(super) fn note_seen(&self, last: &Seen) {
        if self.seen(&last.feed).is_none_or(|(seq, _)| seq < last.seq) {
            self.change(false, |marks| {
                // Another program may have told of a later one since.
                if marks.of(&last.feed).is_none_or(|seq| seq < last.seq) {
                    marks.raise(&last.feed, last.seq);
                    marks.set(&mark_of(&last.feed), last.own);
                }
            });
        }
    }

    /// Takes it away.
    pub(super) fn remove(&self) {
        // It may not be there, and does no harm where it stays.
        let _ = std::fs::remove_file(&self.path);
    }

    fn place(&self) -> Option<String> {
        place_of(&self.path)
    }

    /// All it says. One that is not there says nothing; one that cannot be read may say anything.
    fn told(&self) -> Result<Marks, TableError> {
        let read = || {
            let mut file = File::open(&self.path)?;
            // Whoever writes holds it for a moment. One who holds it for long does not write.
            for _ in 0..1_000 {
                if file.try_lock_shared().is_ok() {
                    break;
                }
                std::thread::yield_now();
            }
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            Ok::<_, std::io::Error>(text)
        };
        match read() {
            Ok(text) => Ok(Marks::parse(&text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Marks::default()),
            Err(error) => Err(TableError::Beside(self.path.clone(), error)),
        }
    }

    /// Whether the change stands there, `for_good` whatever happens to the machine.
    fn change(&self, for_good: bool, change: impl FnOnce(&mut Marks)) -> bool {
        let write = |mut file: File| {
            let mut marks = Marks::parse(&text_in(&mut file));
            change(&mut marks);
            marks.write(&mut file, FIRST_LINE)?;
            match for_good {
                true => file.sync_all(),
                false => Ok(()),
            }
        };
        self.open().and_then(write).is_ok()
    }

    fn open(&self) -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path)?;
        // Two programs of ours are rarely at it at once. What one of them misses to note is noted with the
        // next write.
        file.try_lock()?;
        Ok(file)
    }
}

fn mark_of(feed: &str) -> String {
    format!("{feed}/mark")
}

const FIRST_LINE: &str = "How often notion-sync wrote to the database. Keep this file beside it.";
