//! Any table of any SQLite file as a [`Peer`](notion_sync_core::port::Peer), as it stands: no column is
//! added to it, and setting it up changes none of its rows.

mod beside;
mod column;
mod error;
mod exec;
mod expression;
mod feed;
mod file;
mod key;
mod layout;
mod lives;
mod peer;
mod rows;

pub use error::TableError;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notion_sync_core::port::PlaceId;
use notion_sync_core::schema::{FieldId, FieldType};
use notion_sync_core::value::Value;

use self::file::File;
use crate::replica::same;
use crate::worker::Worker;

/// The field that shows by which create a row was made.
const MARKER: &str = "_sync_marker";

/// A table of somebody else's, as one side of a link.
///
/// A handle on a connection of its own, on a thread of its own; the file may be the store's or any
/// other, and other programs go on using it. Columns are fields under their own names, rows are known
/// by the table's key. A row whose key is edited is, to the other side, one row gone and another made.
///
/// | declared type has | field |
/// |---|---|
/// | `BOOL` | checkbox: 1 or 0, NULL is unticked |
/// | `DATE`, `TIMESTAMP` | date: ISO 8601, or SQLite's own `2026-06-15 05:30:00`, which is UTC |
/// | `JSON` | JSON document |
/// | `UUID` | UUID |
/// | `INT`, `REAL`, `FLOA`, `DOUB`, `NUM`, `DEC` | number |
/// | `CHAR`, `CLOB`, `TEXT` | text; NULL and `''` are both empty |
/// | anything else, `BLOB` | shown, never written |
///
/// Columns of the key and generated columns are computed: shown, never written to a row that is there.
/// NOT NULL, CHECK, UNIQUE, foreign keys and the table's own triggers hold as ever; what they refuse is
/// a refused command, in SQLite's words. So is a value that SQLite would change on the way in, as it makes
/// 7 of `'007'` by the declared type. A value that is not of its column's type costs its cell only.
///
/// Scans read the whole table, until [`SqliteTable::start_capture`] makes triggers that note what
/// changes.
///
/// ```no_run
/// use notion_sync_core::schema::FieldType;
/// use notion_sync_sqlite::SqliteTable;
///
/// # async fn open() -> Result<(), notion_sync_sqlite::TableError> {
/// let tasks = SqliteTable::builder("app.db", "tasks")
///     .column("labels", FieldType::MultiSelect(Vec::new()))
///     .soft_delete("deleted_at")
///     .build()?;
/// tasks.start_capture().await?;
/// # Ok(())
/// # }
/// ```
pub struct SqliteTable {
    worker: Worker<File>,
    place: PlaceId,
}

impl fmt::Debug for SqliteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteTable")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl SqliteTable {
    /// A table of a file that is there.
    pub fn builder(path: impl Into<PathBuf>, table: impl Into<String>) -> SqliteTableBuilder {
        SqliteTableBuilder {
            path: path.into(),
            busy_timeout: Duration::from_secs(5),
            adopt: false,
            setup: Setup {
                table: table.into(),
                key: None,
                columns: BTreeMap::new(),
                soft_delete: None,
                new_key: NewKey::Database,
            },
        }
    }

    /// The field for [`Mapping::markers`]: with it a create whose answer was lost, by a crash say, is
    /// found again instead of waiting for a person. Markers stand in a side table, not in the row.
    ///
    /// [`Mapping::markers`]: notion_sync_core::link::Mapping::markers
    pub fn marker_field() -> FieldId {
        FieldId::new(MARKER)
    }

    /// Makes triggers that note in side tables (`_sync_feed_…`) which rows change, so that scans read
    /// those only. Call it whenever the program starts: where all is in place already it only drops
    /// the oldest notes, beyond 100,000.
    ///
    /// The triggers read columns of the key and of unique indexes. When one of these changes, or the
    /// table is made anew, scans read the whole table again until the next call. Taking such a column
    /// away needs [`SqliteTable::stop_capture`] before.
    ///
    /// From then on a column that is dropped or renamed away and made again under its name is another
    /// field, with the id `name#2`: what was agreed on with the former says nothing about it.
    ///
    /// # Errors
    /// [`TableError::UnseenReplace`] where no trigger could see all changes; else as every write.
    pub async fn start_capture(&self) -> Result<(), TableError> {
        self.ask(|file| {
            file.check()?;
            let beside = file.beside();
            let marked =
                file.write(|connection, layout| feed::start(connection, layout, &beside))?;
            if let Some(marked) = marked {
                beside.note(&marked);
            }
            Ok(())
        })
        .await
    }

    /// Takes triggers and notes away; scans read the whole table from then on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn stop_capture(&self) -> Result<(), TableError> {
        self.ask(|file| {
            file.check()?;
            file.write(feed::stop)
        })
        .await
    }

    /// Takes away all that was ever made beside the table: triggers, notes, markers of creates.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn remove_side_tables(&self) -> Result<(), TableError> {
        self.ask(|file| {
            file.check()?;
            if file.write(feed::remove)? {
                file.beside().remove();
            }
            Ok(())
        })
        .await
    }

    /// Whether scans can tell what changed, or read the whole table.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn is_captured(&self) -> Result<bool, TableError> {
        self.ask(|file| file.read(|_, layout| Ok(layout.captured)))
            .await
    }

    async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut File) -> Result<T, TableError> + Send + 'static,
    ) -> Result<T, TableError> {
        let answer = self.worker.ask(move |file| Ok(job(file))).await;
        answer.map_err(|_| TableError::Thread)?
    }
}

/// Makes a [`SqliteTable`].
#[derive(Clone, Debug)]
#[must_use]
pub struct SqliteTableBuilder {
    path: PathBuf,
    busy_timeout: Duration,
    adopt: bool,
    setup: Setup,
}

impl SqliteTableBuilder {
    /// The columns that tell rows apart, instead of the primary key: NOT NULL each, UNIQUE together.
    pub fn key<N: Into<String>>(mut self, columns: impl IntoIterator<Item = N>) -> Self {
        self.setup.key = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// What a column holds, where its declared type does not say: a `TEXT` with one option's name
    /// (select, status), with a JSON array of option names (multi-select) or of texts (list), an
    /// `INTEGER` that is a checkbox, the `TEXT` that names a row (title; a field of texts, without
    /// formatting).
    pub fn column(mut self, name: impl Into<String>, ty: FieldType) -> Self {
        self.setup.columns.insert(name.into(), As::Type(ty));
        self
    }

    /// A column that sync shows and never writes.
    pub fn read_only(mut self, name: impl Into<String>) -> Self {
        self.setup.columns.insert(name.into(), As::ReadOnly);
        self
    }

    /// A column that sync does not see.
    pub fn without(mut self, name: impl Into<String>) -> Self {
        self.setup.columns.insert(name.into(), As::Nothing);
        self
    }

    /// The column that marks rows as deleted: NULL, 0 and `''` are live, all else is in the trash. Sync
    /// writes the time into a column of dates or texts, 1 into any other. Without such a column, a delete
    /// on the other side is refused, or deletes the row where [`Policy::hard_deletes`] lets it.
    ///
    /// [`Policy::hard_deletes`]: notion_sync_core::link::Policy::hard_deletes
    pub fn soft_delete(mut self, column: impl Into<String>) -> Self {
        self.setup.soft_delete = Some(column.into());
        self
    }

    /// Where the key of a row made by sync comes from; from SQLite unless told.
    pub fn new_key(mut self, from: NewKey) -> Self {
        self.setup.new_key = from;
        self
    }

    /// How long to wait while another program writes to the file; five seconds unless told.
    pub fn busy_timeout(mut self, wait: Duration) -> Self {
        self.busy_timeout = wait;
        self
    }

    /// Whether a file that was restored from a backup is taken as it is. Without, nothing is read from one
    /// nor written to it: [`TableError::Restored`]. Runs over it should not believe what they remember
    /// either, see `RunOptions::adopt`.
    pub fn adopt(mut self, adopt: bool) -> Self {
        self.adopt = adopt;
        self
    }

    /// Opens the file and looks at the table. Writes nothing.
    ///
    /// # Errors
    /// [`TableError`] where file or table are not there, where the table has no usable key, or where a
    /// column was named that does not fit.
    pub fn build(self) -> Result<SqliteTable, TableError> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.into_owned();
        let mut file = File::open(&self.path, self.busy_timeout, self.adopt, self.setup)?;
        let table = file.read(|_, layout| Ok(layout.name.clone()))?;
        Ok(SqliteTable {
            place: PlaceId::new(format!("sqlite:{name}/{table}")),
            worker: Worker::start(file).map_err(|_| TableError::Thread)?,
        })
    }
}

/// Where the key of a row made by sync comes from.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum NewKey {
    /// From SQLite: it counts an `INTEGER PRIMARY KEY` up, and evaluates the DEFAULT of other columns.
    /// Where the key has neither, creates are refused.
    #[default]
    Database,
    /// A random UUID, as text, in every column of the key that has no DEFAULT.
    Uuid,
    /// From the other side: the columns of the key can be mapped as fields, and are written when a row
    /// is made. A later change over there is refused: keys are not edited by sync.
    Given,
    /// From the program: a value for each column of the key, in the key's order.
    Made(Arc<dyn Fn() -> Vec<Value> + Send + Sync>),
}

impl NewKey {
    /// From the program: a text for the one column of the key, a ULID for example.
    pub fn made<T: Into<String>>(maker: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self::Made(Arc::new(move || vec![Value::text(maker())]))
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Database => "Database",
            Self::Uuid => "Uuid",
            Self::Given => "Given",
            Self::Made(_) => "Made",
        })
    }
}

/// What the program said about a table.
#[derive(Clone, Debug)]
struct Setup {
    table: String,
    key: Option<Vec<String>>,
    columns: BTreeMap<String, As>,
    soft_delete: Option<String>,
    new_key: NewKey,
}

/// What the program said about a column.
#[derive(Clone, Debug)]
enum As {
    Type(FieldType),
    ReadOnly,
    Nothing,
}

impl Setup {
    fn named_columns(&self) -> impl Iterator<Item = &str> {
        let key = self.key.iter().flatten();
        let named = key.chain(self.columns.keys()).chain(&self.soft_delete);
        named.map(String::as_str)
    }

    fn wanted(&self, column: &str) -> Option<&As> {
        let mut columns = self.columns.iter();
        columns.find_map(|(name, wanted)| same(name, column).then_some(wanted))
    }
}
