//! Who may commit: an operating-system lock beside the file, and fence numbers in it.
//!
//! The lock file `<db>-lock` is one per file, so two processes never write to one store, whatever
//! their links; the system releases it when a process dies. Fences order the owners of a link. Who
//! holds it stands in the file, and below how many durable commits each store had that was held under
//! it: the same store with fewer was restored from a backup.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use notion_sync_core::link::LinkId;
use notion_sync_core::port::StoreError;

use crate::error::{Fault, Result, file_failed};
use crate::marks::{Marks, place_of, text_in};

/// The leases this handle holds.
pub(crate) struct Leases {
    lock_path: Option<PathBuf>,
    lock: Option<File>,
    /// Whose name stands in the lock file.
    owner: String,
    marks: Marks,
    held: BTreeMap<LinkId, Held>,
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
            owner: String::new(),
            marks: Marks::default(),
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
                self.marks = Marks::parse(&text_in(&mut file));
                self.lock = Some(file);
                owner.clone_into(&mut self.owner);
                self.write_down();
                Ok(())
            }
            Err(TryLockError::WouldBlock) => Err(StoreError::Busy {
                owner: owner_in(&mut file),
            }
            .into()),
            Err(TryLockError::Error(error)) => Err(cannot_lock(error)),
        }
    }

    /// The durable commits of a store, as far as its lock knows. Takes nothing and makes no file.
    pub(crate) fn mark(&self, lineage: &str) -> Option<u64> {
        if self.lock.is_some() {
            return self.marks.of(lineage);
        }
        let file = self.lock_path.as_ref().map(File::open);
        file.and_then(|file| Marks::parse(&text_in(&mut file.ok()?)).of(lineage))
    }

    /// Whether the lock file tells what it knows, to this user and on this system.
    pub(crate) fn is_readable(&self) -> bool {
        let path = self.lock_path.as_ref();
        path.is_none_or(|path| !path.exists() || std::fs::read(path).is_ok())
    }

    /// Where the lock file is, or would be.
    pub(crate) fn place(&self) -> Option<String> {
        place_of(self.lock_path.as_ref()?)
    }

    /// Notes how many durable commits a store has.
    pub(crate) fn note(&mut self, lineage: &str, commits: u64) {
        self.marks.raise(lineage, commits);
        self.write_down();
    }

    /// The same; whether it stands there whatever happens to the machine.
    pub(crate) fn note_for_good(&mut self, lineage: &str, commits: u64) -> bool {
        self.marks.raise(lineage, commits);
        self.write_down()
            && self
                .lock
                .as_ref()
                .is_some_and(|lock| lock.sync_all().is_ok())
    }

    /// Notes that a store goes on under another lineage.
    pub(crate) fn note_left(&mut self, lineage: &str) {
        self.marks.leave(lineage);
        self.write_down();
    }

    /// For the message others see, and to know a restored store by. The lock itself is what counts, and
    /// what cannot be written is not held against anybody.
    fn write_down(&mut self) -> bool {
        let (marks, owner) = (&self.marks, &self.owner);
        self.lock
            .as_mut()
            .is_some_and(|file| marks.write(file, owner).is_ok())
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
