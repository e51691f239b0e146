//! Who may commit: an operating-system lock beside the file, and fence numbers in it.
//!
//! The lock file `<db>-lock` is one per file, so two processes never write to one store, whatever
//! their links; the system releases it when a process dies. Fences order the owners of a link. Who
//! holds it stands in the file, and on a second line which store was held how often: that store with
//! fewer turns in it was restored from a backup.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use notion_sync_core::link::LinkId;
use notion_sync_core::port::StoreError;

use crate::error::{Fault, Result, file_failed};

/// The leases this handle holds.
pub(crate) struct Leases {
    lock_path: Option<PathBuf>,
    lock: Option<File>,
    /// The last turn that the lock file tells of.
    turn: Option<Turn>,
    held: BTreeMap<LinkId, Held>,
}

struct Turn {
    lineage: String,
    number: u64,
}

struct Held {
    fence: u64,
    owner: String,
}

impl Leases {
    pub(crate) fn new(database: Option<&Path>) -> Self {
        let lock_path = database.map(|path| {
            let mut name = OsString::from(path);
            name.push("-lock");
            PathBuf::from(name)
        });
        Self {
            lock_path,
            lock: None,
            turn: None,
            held: BTreeMap::new(),
        }
    }

    /// Checks whether `owner` may have the link, and locks out other processes.
    ///
    /// The same owner may take its own lease again: a run that was dropped without giving it back
    /// must not block the next one of its process. The new fence ends the old one.
    pub(crate) fn admit(&mut self, link: &LinkId, owner: &str) -> Result<()> {
        if let Some(held) = self.held.get(link).filter(|held| held.owner != owner) {
            return Err(StoreError::Busy {
                owner: held.owner.clone(),
            }
            .into());
        }
        let Some(path) = self.lock_path.as_ref().filter(|_| self.lock.is_none()) else {
            return Ok(());
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options
            .open(path)
            .map_err(|error| cannot_open(path, error))?;
        match file.try_lock() {
            Ok(()) => {
                self.turn = turn_in(&mut file);
                self.lock = Some(file);
                self.write_down(owner);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => Err(StoreError::Busy {
                owner: owner_in(&mut file),
            }
            .into()),
            Err(TryLockError::Error(error)) => Err(cannot_lock(error)),
        }
    }

    /// How often a store was held before, as far as its lock knows, which is held.
    pub(crate) fn turns(&self, lineage: &str) -> u64 {
        turns_of(self.turn.as_ref(), lineage)
    }

    /// The same without holding the lock. Takes nothing and makes no file.
    pub(crate) fn turns_told(&self, lineage: &str) -> u64 {
        if self.lock.is_some() {
            return self.turns(lineage);
        }
        let file = self.lock_path.as_ref().map(File::open);
        let turn = file.and_then(|file| turn_in(&mut file.ok()?));
        turns_of(turn.as_ref(), lineage)
    }

    /// Notes whose turn it is now, and which.
    pub(crate) fn note_turn(&mut self, owner: &str, lineage: String, number: u64) {
        self.turn = Some(Turn { lineage, number });
        self.write_down(owner);
    }

    fn write_down(&mut self, owner: &str) {
        let turn = self.turn.as_ref();
        let turn = turn.map(|turn| format!("{} {}\n", turn.number, turn.lineage));
        if let Some(file) = &mut self.lock {
            // For the message others see, and to know a restored store by; the lock itself is what
            // counts, and what cannot be written is not held against anybody.
            let text = format!("{owner}\n{}", turn.unwrap_or_default());
            let _ = file
                .rewind()
                .and_then(|()| file.write_all(text.as_bytes()))
                .and_then(|()| file.set_len(text.len() as u64));
        }
    }

    /// Who holds the file right now, as far as known. Takes nothing and makes no file; fails where no
    /// run could hold it.
    pub(crate) fn holder(&self) -> Result<Option<String>> {
        if let Some(held) = self.held.values().next() {
            return Ok(Some(held.owner.clone()));
        }
        let Some(path) = self.lock_path.as_ref().filter(|path| path.exists()) else {
            return Ok(None);
        };
        // As a run opens it, but that it is not made.
        let file = OpenOptions::new().read(true).write(true).open(path);
        let mut file = file.map_err(|error| cannot_open(path, error))?;
        match file.try_lock_shared() {
            Ok(()) => {
                let_go(&file);
                Ok(None)
            }
            Err(TryLockError::WouldBlock) => Ok(Some(owner_in(&mut file))),
            Err(TryLockError::Error(error)) => Err(cannot_lock(error)),
        }
    }

    pub(crate) fn hold(&mut self, link: LinkId, fence: u64, owner: String) {
        self.held.insert(link, Held { fence, owner });
    }

    pub(crate) fn is_held(&self, link: &LinkId, fence: u64) -> bool {
        self.held.get(link).is_some_and(|held| held.fence == fence)
    }

    /// Gives a lease back; one that is not held is no error.
    pub(crate) fn release(&mut self, link: &LinkId, fence: u64) {
        if self.is_held(link, fence) {
            self.held.remove(link);
        }
        self.unlock_if_idle();
    }

    /// Lets other processes in when nothing is held here.
    pub(crate) fn unlock_if_idle(&mut self) {
        if self.held.is_empty() {
            // The file stays: removing it would race.
            if let Some(lock) = self.lock.take() {
                let_go(&lock);
            }
        }
    }
}

/// Releases a lock by name. Closing the file would do as well, but not at once where a child process
/// was being started in that moment: until it is another program it holds the file open too.
fn let_go(lock: &File) {
    // What cannot be released is released with the file.
    let _ = lock.unlock();
}

/// Who wrote their name into a locked file.
fn owner_in(file: &mut File) -> String {
    match text_in(file).lines().next() {
        None | Some("") => "another process".to_owned(),
        Some(owner) => owner.to_owned(),
    }
}

fn turns_of(turn: Option<&Turn>, lineage: &str) -> u64 {
    turn.filter(|turn| turn.lineage == lineage)
        .map_or(0, |turn| turn.number)
}

fn turn_in(file: &mut File) -> Option<Turn> {
    let text = text_in(file);
    let (number, lineage) = text.lines().nth(1)?.split_once(' ')?;
    Some(Turn {
        lineage: lineage.to_owned(),
        number: number.parse().ok()?,
    })
}

fn text_in(file: &mut File) -> String {
    let mut text = String::new();
    // Where locks are mandatory it cannot be read, and need not be.
    let _ = file.read_to_string(&mut text);
    text
}

fn cannot_open(path: &Path, error: std::io::Error) -> Fault {
    let name = path.display();
    let what = match path.is_dir() {
        true => format!("{name} is a folder, and runs need a file of that name; move it away"),
        false => format!("{name} cannot be opened; make it and its folder writable"),
    };
    file_failed(what, error)
}

fn cannot_lock(error: std::io::Error) -> Fault {
    file_failed(
        "the file system cannot lock; put the store on a local disk",
        error,
    )
}
