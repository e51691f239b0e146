//! The connection and what is known beside it. Files are made here and nowhere else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notion_sync_core::link::{LinkId, Mapping};
use notion_sync_core::port::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior};

use crate::base::Layouts;
use crate::ddl::{FORMAT, MIGRATIONS, READ_AS_IT_IS, READ_OLDER, RESERVED, TABLES};
use crate::error::{Result, corrupt, failed, file_failed};
use crate::lease::Leases;
use crate::marks::Marked;
use crate::replica::Table;
use crate::views::Known;

/// The table of one row that says which store this is.
pub(crate) const META: &str = "_sync_meta";

/// How a store file is opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreOptions {
    /// How long to wait while another program writes to the file. Five seconds unless told.
    pub busy_timeout: Duration,
    /// Whether a file that is a copy of another, or was restored, is taken as it is. Without, nothing
    /// is written to one: [`StoreError::NotAdopted`]. Runs over it should not believe its memory
    /// either, see `RunOptions::adopt`.
    pub adopt: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(5),
            adopt: false,
        }
    }
}

impl StoreOptions {
    /// The same options with another waiting time.
    #[must_use]
    pub fn busy_timeout(mut self, wait: Duration) -> Self {
        self.busy_timeout = wait;
        self
    }

    /// The same options, for a file that is a copy or was restored.
    #[must_use]
    pub fn adopt(mut self, adopt: bool) -> Self {
        self.adopt = adopt;
        self
    }
}

/// The file, its connection and what this process knows beside it.
pub(crate) struct Database {
    path: Option<PathBuf>,
    options: StoreOptions,
    connection: Option<Connection>,
    /// Which file was opened, however its name is used since.
    opened: Option<FileId>,
    /// The format of the private tables, once they were found.
    format: Option<u32>,
    /// Whether the file was found to be the one it says it is.
    is_home: bool,
    /// Whether WAL mode was asked for: nobody changes it while the connection is open.
    is_wal: bool,
    /// Mappings of links opened here; they tell how to store a base short.
    pub(crate) mappings: BTreeMap<LinkId, Mapping>,
    /// Tables that a dry run laid out and nobody has made yet.
    pub(crate) planned: BTreeMap<LinkId, Table>,
    pub(crate) leases: Leases,
    pub(crate) layouts: Layouts,
    /// What the views are laid out after.
    pub(crate) views: Known,
}

impl Database {
    /// Nothing is opened or made yet.
    pub(crate) fn new(path: Option<&Path>, options: StoreOptions) -> Self {
        Self {
            path: path.map(Path::to_path_buf),
            options,
            connection: None,
            opened: None,
            format: None,
            is_home: false,
            is_wal: false,
            mappings: BTreeMap::new(),
            planned: BTreeMap::new(),
            leases: Leases::new(path.map(resolved).as_deref()),
            layouts: Layouts::default(),
            views: Known::default(),
        }
    }

    /// The connection for reading; `None` while there is no store in the file. Writes nothing.
    pub(crate) fn reader(&mut self) -> Result<Option<&mut Connection>> {
        if self.connection.is_none() {
            match &self.path {
                Some(path) if !path.exists() => return Ok(None),
                _ => self.connect()?,
            }
        }
        self.check_same_file()?;
        if self.format.is_none() {
            let Some(connection) = &self.connection else {
                return Ok(None);
            };
            self.format = format_of(connection)?;
            let found = self.format.unwrap_or(FORMAT);
            for (_, views) in READ_OLDER.iter().filter(|(first, _)| found < *first) {
                connection.execute_batch(views)?;
            }
        }
        Ok(self.connection.as_mut().filter(|_| self.format.is_some()))
    }

    /// The format of the private tables, as far as they were looked for.
    pub(crate) fn format(&self) -> Option<u32> {
        self.format
    }

    /// The connection for writing; makes the file and the private tables where they are missing, and
    /// brings those of an older format up to date.
    pub(crate) fn writer(&mut self) -> Result<&mut Connection> {
        if self.connection.is_none() {
            if let Some(path) = &self.path {
                create_private(path)?;
            }
            self.connect()?;
        }
        self.check_same_file()?;
        if !self.is_wal {
            log_ahead(self.connected()?)?;
            self.is_wal = true;
        }
        if self.format != Some(FORMAT) {
            let connection = self.connected()?;
            connection.execute_batch(READ_AS_IT_IS)?;
            if format_of(connection)? != Some(FORMAT) {
                create_tables(connection)?;
            }
            self.format = Some(FORMAT);
        }
        self.check_home()?;
        self.connected()
    }

    /// Whether the file says that it is another one, or knows of fewer commits than its lock. Writes
    /// nothing.
    pub(crate) fn is_copy(&mut self) -> Result<bool> {
        let here = self.path.as_deref().and_then(home);
        if self.format != Some(FORMAT) {
            return Ok(false);
        }
        let Some(reader) = self.reader()? else {
            return Ok(false);
        };
        let known: Option<String> =
            reader.query_row("SELECT home FROM _sync_meta", [], |row| row.get(0))?;
        let lineage = Marked::load(reader, META)?.lineage;
        if here.zip(known).is_some_and(|(here, known)| known != here) {
            return Ok(true);
        }
        // The lock first: a run may be counting up both.
        let told = self.leases.mark(&lineage);
        let (place, is_readable) = (self.leases.place(), self.leases.is_readable());
        let Some(reader) = self.reader()? else {
            return Ok(false);
        };
        let marked = Marked::load(reader, META)?;
        let waits = told.is_none() && waits(reader)?;
        Ok(is_readable && marked.is_behind(told, place.as_deref(), waits))
    }

    /// Two copies of a file would both send what waits in it.
    fn check_home(&mut self) -> Result<()> {
        if self.is_home {
            return Ok(());
        }
        let Some(here) = self.path.as_deref().and_then(home) else {
            return Ok(());
        };
        let adopt = self.options.adopt;
        let connection = self.connected()?;
        let known: Option<String> =
            connection.query_row("SELECT home FROM _sync_meta", [], |row| row.get(0))?;
        match known {
            Some(known) if known == here => {}
            None => {
                connection.execute("UPDATE _sync_meta SET home = ?1", [&here])?;
            }
            Some(_) if adopt => {
                connection.execute("UPDATE _sync_meta SET home = ?1", [&here])?;
                begin_lineage(connection)?;
            }
            Some(_) => return Err(StoreError::NotAdopted.into()),
        }
        self.is_home = true;
        Ok(())
    }

    /// Whether a file that was copied or restored may go on.
    pub(crate) fn adopts(&self) -> bool {
        self.options.adopt
    }

    /// The layouts of bases together with the connection.
    pub(crate) fn parts(&mut self) -> Result<Parts<'_>> {
        self.writer()?;
        Ok(Parts {
            connection: self
                .connection
                .as_mut()
                .ok_or_else(|| corrupt("the connection is gone"))?,
            layouts: &mut self.layouts,
            mappings: &self.mappings,
            leases: &self.leases,
        })
    }

    /// The connection together with the lock beside the file.
    pub(crate) fn locked(&mut self) -> Result<Locked<'_>> {
        self.writer()?;
        Ok(Locked {
            connection: self
                .connection
                .as_mut()
                .ok_or_else(|| corrupt("the connection is gone"))?,
            leases: &mut self.leases,
        })
    }

    /// What is written to a file without a name is lost with the process.
    fn check_same_file(&self) -> Result<()> {
        if let Some(path) = &self.path
            && self.opened != file_id(path)
        {
            return Err(StoreError::Lost(format!(
                "{} was removed, moved or replaced while it was open; nothing more is written to it, \
                 open the file again",
                path.display()
            ))
            .into());
        }
        Ok(())
    }

    /// A file of two names has two locks, and two logs: SQLite itself would damage it.
    pub(crate) fn check_one_name(&self) -> Result<()> {
        let path = self.path.as_deref();
        match path.zip(path.and_then(names)) {
            Some((path, names)) if names > 1 => Err(failed(format!(
                "{} has {names} names (hard links), and each would have its own lock; remove the others, \
                 or make them copies",
                path.display()
            ))),
            _ => Ok(()),
        }
    }

    fn connected(&mut self) -> Result<&mut Connection> {
        self.connection
            .as_mut()
            .ok_or_else(|| corrupt("the connection is gone"))
    }

    fn connect(&mut self) -> Result<()> {
        if let Some(path) = self.path.as_ref().filter(|path| path.is_dir()) {
            let message = format!("{} is a folder; name a file", path.display());
            return Err(failed(message));
        }
        let connection = match &self.path {
            None => Connection::open_in_memory()?,
            Some(path) => Connection::open_with_flags(
                literal_path(path),
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            )?,
        };
        connection.busy_timeout(self.options.busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(128);
        connection.execute_batch(
            "PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4000;",
        )?;
        self.opened = self.path.as_deref().and_then(file_id);
        self.connection = Some(connection);
        Ok(())
    }
}

/// Disjoint parts of a [`Database`] that taking a lease needs at once.
pub(crate) struct Locked<'a> {
    pub(crate) connection: &'a mut Connection,
    pub(crate) leases: &'a mut Leases,
}

/// Disjoint parts of a [`Database`] that a commit needs at once.
pub(crate) struct Parts<'a> {
    pub(crate) connection: &'a mut Connection,
    pub(crate) layouts: &'a mut Layouts,
    pub(crate) mappings: &'a BTreeMap<LinkId, Mapping>,
    pub(crate) leases: &'a Leases,
}

/// Makes an adopted file another one: markers of the one it came from are not its own, and each of its
/// links has to be adopted as well.
pub(crate) fn begin_lineage(connection: &Connection) -> Result<Marked> {
    connection.execute_batch(
        "UPDATE _sync_links SET lineage = (SELECT lineage FROM _sync_meta)
         WHERE lineage IS NULL AND memory IS NOT NULL",
    )?;
    Ok(Marked::begin(connection, META)?)
}

/// Whether edits wait, which a file that was restored would send once more.
pub(crate) fn waits(connection: &Connection) -> Result<bool> {
    let sql = "SELECT 1 FROM _sync_pending";
    Ok(connection.prepare_cached(sql)?.exists([])?)
}

/// The path as SQLite opens it as one: to SQLite `:memory:` and `file:…` are no names of files.
fn literal_path(path: &Path) -> PathBuf {
    match path.is_absolute() {
        true => path.to_path_buf(),
        false => Path::new(".").join(path),
    }
}

/// The file behind symbolic links: it has one lock, whatever it is called.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// The format of the private tables; `None` where there are none. One that is older than ours is
/// read as it is and brought up to date by whoever writes first.
fn format_of(connection: &Connection) -> Result<Option<u32>> {
    let is_there = |table: &str| -> Result<bool> {
        let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1";
        Ok(connection.prepare(sql)?.exists([table])?)
    };
    let gone = || corrupt("its private table _sync_meta was emptied or dropped; restore a backup");
    if !is_there("_sync_meta")? {
        return match is_there("_sync_links")? {
            true => Err(gone()),
            false => Ok(None),
        };
    }
    // Only this column is promised to every later format.
    let found: Option<u32> = connection
        .query_row("SELECT format FROM _sync_meta", [], |row| row.get(0))
        .optional()?;
    let found = found.ok_or_else(gone)?;
    if found > FORMAT {
        return Err(StoreError::Newer {
            found,
            known: FORMAT,
        }
        .into());
    }
    Ok(Some(found))
}

/// Whether readers and writers wait for each other, because the file is not in WAL mode.
pub(crate) fn is_rolled_back(connection: &Connection) -> Result<bool> {
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    Ok(!["wal", "memory"].contains(&mode.as_str()))
}

/// Puts the file into WAL mode. That lasts, so it is asked for where the file is new, and where somebody set
/// another mode since. Outside a transaction, where SQLite wants it.
fn log_ahead(connection: &Connection) -> Result<()> {
    if !is_rolled_back(connection)? {
        return Ok(());
    }
    // A disk where WAL does not work answers the mode that stays.
    match connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
        Err(error) if is_busy(&error) => {
            let owner =
                "a program that reads or writes the file, which somebody took out of WAL mode \
                         (PRAGMA journal_mode); the next run sets it back once no statement is open"
                    .to_owned();
            Err(StoreError::Busy { owner }.into())
        }
        done => Ok(done?),
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    let busy = [ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked];
    error
        .sqlite_error_code()
        .is_some_and(|code| busy.contains(&code))
}

fn create_tables(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let found = format_of(&transaction)?;
    if found.is_none() {
        for name in RESERVED {
            let there = "SELECT 1 FROM sqlite_master WHERE name = ?1 COLLATE NOCASE";
            if transaction.prepare(there)?.exists([name])? {
                let message = format!("the file has its own {name}; choose another file");
                return Err(failed(message));
            }
        }
        transaction.execute_batch(TABLES)?;
        let lineage = uuid::Uuid::new_v4().simple().to_string();
        transaction.execute(
            "INSERT INTO _sync_meta(one, format, lineage) VALUES (1, 1, ?1)",
            [lineage],
        )?;
    }
    let done = found.unwrap_or(1).saturating_sub(1);
    for step in MIGRATIONS.iter().skip(done as usize) {
        transaction.execute_batch(step)?;
    }
    transaction.execute("UPDATE _sync_meta SET format = ?1", [FORMAT])?;
    transaction.commit()?;
    Ok(())
}

/// Tells a file from another that has its name later: device and number.
type FileId = (u64, u64);

/// Which file this is, for as long as it lives, moves within its disk included: its number and when it
/// was made. Not its device, whose number may be another one tomorrow.
#[cfg(unix)]
fn home(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    let made = metadata.created().ok();
    let made = made.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
    let made = made.map_or(0, |made| made.as_nanos());
    Some(format!("{}:{made}", metadata.ino()))
}

#[cfg(not(unix))]
fn home(_: &Path) -> Option<String> {
    None
}

/// `None` where there is no file. Systems without such numbers keep an open file where it is.
#[cfg(unix)]
fn file_id(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn file_id(_: &Path) -> Option<FileId> {
    None
}

/// How many names a file has on its disk, where the system tells.
#[cfg(unix)]
fn names(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    Some(std::fs::metadata(path).ok()?.nlink())
}

#[cfg(not(unix))]
fn names(_: &Path) -> Option<u64> {
    None
}

/// Makes an empty file that only its owner reads; one that is there stays as it is.
pub(crate) fn create_private(path: &Path) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|error| {
        file_failed(
            format!(
                "{} cannot be made; check that its folder exists and is writable",
                path.display()
            ),
            error,
        )
    })
}
