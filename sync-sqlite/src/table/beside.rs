//! The file beside somebody else's that tells how often sync wrote there: what a backup lacks would
//! count as edits of people.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::TableError;
use super::feed::{self, SIDE};
use crate::marks::{Marked, Marks, place_of, text_in};

/// The file `<db>-notion-sync`. Programs share it: it is locked while it is read or written.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    path: PathBuf,
    adopt: bool,
}

impl Beside {
    pub(super) fn new(database: &Path, adopt: bool) -> Self {
        let mut name = OsString::from(database);
        name.push("-notion-sync");
        Self {
            path: name.into(),
            adopt,
        }
    }

    /// Refuses a file that lacks what sync wrote into it; one that is adopted begins anew.
    pub(super) fn check(&self, connection: &Connection) -> Result<(), TableError> {
        if !self.is_behind(connection)? {
            return Ok(());
        }
        if !self.adopt {
            return Err(self.restored());
        }
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        self.change(true, Marks::leave_all);
        feed::make_side(&transaction)?;
        Marked::begin(&transaction, SIDE)?;
        Ok(transaction.commit()?)
    }

    fn is_behind(&self, connection: &Connection) -> Result<bool, TableError> {
        let told = self.told();
        Ok(match feed::marked(connection)? {
            Some(marked) => marked.is_behind(told.of(&marked.lineage), self.place().as_deref()),
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
        let (marked, told) = (Marked::load(connection, SIDE)?, self.told());
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

    /// Takes it away.
    pub(super) fn remove(&self) {
        // It may not be there, and does no harm where it stays.
        let _ = std::fs::remove_file(&self.path);
    }

    fn place(&self) -> Option<String> {
        place_of(&self.path)
    }

    fn told(&self) -> Marks {
        let file = File::open(&self.path).and_then(|file| file.lock_shared().map(|()| file));
        file.map_or_else(
            |_| Marks::default(),
            |mut file| Marks::parse(&text_in(&mut file)),
        )
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
        file.lock()?;
        Ok(file)
    }
}

const FIRST_LINE: &str = "How often notion-sync wrote to the database. Keep this file beside it.";
