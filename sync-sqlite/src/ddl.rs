//! The private tables and their format. People read the views in `views.rs` instead.

/// The format this build writes. A file with a higher one is refused. Before it is raised, `just fixture`
/// keeps a file of the present one.
pub(crate) const FORMAT: u32 = 4;

/// What leads from a format to the next, the first from 1 to 2.
pub(crate) const MIGRATIONS: [&str; FORMAT as usize - 1] = [WAITS, RANKS, READABLE];

/// Pairs that refer to records without counterpart, and to which.
const WAITS: &str = "
CREATE TABLE _sync_waits(pk INTEGER PRIMARY KEY, awaited TEXT NOT NULL) STRICT;
";

/// Where the records of a pair stand in their collections, at peers that offer slices.
const RANKS: &str = "
ALTER TABLE _sync_pairs ADD COLUMN left_rank TEXT;
ALTER TABLE _sync_pairs ADD COLUMN right_rank TEXT;
CREATE INDEX _sync_pairs_left_rank ON _sync_pairs(link, left_rank)
  WHERE left_live = 1 AND left_rank IS NOT NULL;
CREATE INDEX _sync_pairs_right_rank ON _sync_pairs(link, right_rank)
  WHERE right_live = 1 AND right_rank IS NOT NULL;
";

/// What people read and edit beside values: states, options, caps, related tables, people.
const READABLE: &str = "
-- Which file this is: a copy is another one.
-- Whether the table has a column `_state`, and takes options that the source does not offer.
ALTER TABLE _sync_meta ADD COLUMN home TEXT;
-- How many commits were made durable, and the lock file beside it that tells of them as well: a file
-- that has fewer was restored.
ALTER TABLE _sync_meta ADD COLUMN durable INTEGER NOT NULL DEFAULT 0;
ALTER TABLE _sync_meta ADD COLUMN beside TEXT;
-- The lineage of the file that a link agreed under: under another one it has to be adopted as well.
ALTER TABLE _sync_links ADD COLUMN lineage TEXT;
-- The one row that may pass while `applying` is 1, where it is not all of them.
ALTER TABLE _sync_gate ADD COLUMN tbl TEXT;
ALTER TABLE _sync_gate ADD COLUMN row INTEGER;
ALTER TABLE _sync_tables ADD COLUMN stateful INTEGER NOT NULL DEFAULT 0;
ALTER TABLE _sync_tables ADD COLUMN any_option INTEGER NOT NULL DEFAULT 0;
-- Why rows are neither added nor put away here.
ALTER TABLE _sync_tables ADD COLUMN fixed_rows TEXT;
-- What a column is known by for its whole life: its first name where this is empty.
ALTER TABLE _sync_columns ADD COLUMN id TEXT;
-- Why it cannot be edited.
ALTER TABLE _sync_columns ADD COLUMN reason TEXT;
ALTER TABLE _sync_columns ADD COLUMN limits TEXT;
-- The table whose rows it refers to.
ALTER TABLE _sync_columns ADD COLUMN target TEXT;
-- Where in the table it stood: one behind that was added anew by somebody.
ALTER TABLE _sync_columns ADD COLUMN place INTEGER;
CREATE TABLE _sync_options(
  tbl TEXT NOT NULL COLLATE NOCASE,
  col TEXT NOT NULL COLLATE NOCASE,
  name TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (tbl, col, name)
) STRICT, WITHOUT ROWID;
-- Texts of records, beside their rows: they are long, and few read them.
CREATE TABLE _sync_bodies(
  tbl TEXT NOT NULL, row INTEGER NOT NULL, markdown TEXT, PRIMARY KEY (tbl, row)
) STRICT;
-- Files to be uploaded: where the bytes are, and their digest once a run has looked at them.
CREATE TABLE _sync_uploads(
  id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT, bytes BLOB, digest TEXT, problem TEXT
) STRICT;
CREATE INDEX _sync_uploads_digest ON _sync_uploads(digest);
CREATE TABLE _sync_people(id TEXT PRIMARY KEY, name TEXT, email TEXT) STRICT, WITHOUT ROWID;
CREATE INDEX _sync_people_email ON _sync_people(email) WHERE email IS NOT NULL;
-- What a run is called, see the view.
CREATE INDEX _sync_runs_name
  ON _sync_runs(strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1000.0, 'unixepoch'));
";

/// How a file of an older format reads like one of this, before anything is written to it: views
/// that live in this connection hide the tables of their names. By the first format that needs none.
pub(crate) const READ_OLDER: [(u32, &str); 2] = [
    (
        3,
        "CREATE TEMP VIEW _sync_pairs AS
  SELECT *, NULL AS left_rank, NULL AS right_rank FROM main._sync_pairs;",
    ),
    (
        4,
        "CREATE TEMP VIEW _sync_tables AS
  SELECT *, 0 AS stateful, 0 AS any_option, NULL AS fixed_rows FROM main._sync_tables;
CREATE TEMP VIEW _sync_columns AS
  SELECT *, NULL AS id, NULL AS reason, NULL AS limits, NULL AS target, NULL AS place FROM main._sync_columns;",
    ),
];

/// Takes the views of [`READ_OLDER`] away.
pub(crate) const READ_AS_IT_IS: &str = "DROP VIEW IF EXISTS temp._sync_pairs;
DROP VIEW IF EXISTS temp._sync_tables; DROP VIEW IF EXISTS temp._sync_columns;";

/// Names a replica table does not take by itself: views of this crate, and tables about collections.
pub(crate) const RESERVED: [&str; 14] = [
    "bodies",
    "cells",
    "changes",
    "conflicts",
    "data_sources",
    "databases",
    "files",
    "journal",
    "runs",
    "schema_fields",
    "sync_people",
    "sync_rows",
    "sync_status",
    "views",
];

/// Ids of pairs and intents stay below this; a row's number is link number * ROOM + id.
///
/// One integer key instead of (link, id) keeps rows of a link together and needs no second index.
pub(crate) const ROOM: i64 = 1 << 40;

/// All private tables of format 1; the migrations add the rest.
pub(crate) const TABLES: &str = "
CREATE TABLE _sync_meta(
  one INTEGER PRIMARY KEY CHECK (one = 1),
  format INTEGER NOT NULL,
  lineage TEXT NOT NULL
) STRICT;
-- While `applying` is 1, inside one transaction, the triggers let the engine's own writes pass.
-- `replacing` carries a finding from a BEFORE INSERT trigger to its AFTER INSERT trigger.
CREATE TABLE _sync_gate(
  one INTEGER PRIMARY KEY CHECK (one = 1),
  applying INTEGER NOT NULL DEFAULT 0,
  replacing INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO _sync_gate(one) VALUES (1);
CREATE TABLE _sync_links(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  left_place TEXT, right_place TEXT,
  left_label TEXT, right_label TEXT,
  serial INTEGER NOT NULL DEFAULT 0,
  next_id INTEGER NOT NULL DEFAULT 1,
  fence INTEGER NOT NULL DEFAULT 0,
  owner TEXT,
  memory TEXT
) STRICT;
-- Narrow on purpose: full scans merge against all heads.
CREATE TABLE _sync_pairs(
  pk INTEGER PRIMARY KEY,
  link INTEGER NOT NULL,
  left_key TEXT, right_key TEXT,
  left_presence TEXT NOT NULL, right_presence TEXT NOT NULL,
  left_digest TEXT, right_digest TEXT,
  left_live INTEGER NOT NULL, right_live INTEGER NOT NULL,
  dirty INTEGER NOT NULL,
  state TEXT, reason TEXT,
  -- What was settled, or where in the shadows it is read off.
  base TEXT,
  layout INTEGER,
  -- When maintenance first found it at rest: deleted on both sides. Empty while it is not.
  rested_at INTEGER
) STRICT;
CREATE INDEX _sync_pairs_left ON _sync_pairs(link, left_key) WHERE left_key IS NOT NULL;
CREATE INDEX _sync_pairs_right ON _sync_pairs(link, right_key) WHERE right_key IS NOT NULL;
CREATE INDEX _sync_pairs_dirty ON _sync_pairs(pk) WHERE dirty = 1;
CREATE INDEX _sync_pairs_state ON _sync_pairs(pk) WHERE state IS NOT NULL;
CREATE INDEX _sync_pairs_rest ON _sync_pairs(link, rested_at)
  WHERE left_live = 0 AND right_live = 0;
-- Shadows as JSON `[lifecycle, cells]`, the text that digests are made of. A table for each side:
-- an observation of one side rewrites nothing of the other.
CREATE TABLE _sync_left(
  pk INTEGER PRIMARY KEY, content TEXT NOT NULL, version TEXT, edited_at INTEGER
) STRICT;
CREATE TABLE _sync_right(
  pk INTEGER PRIMARY KEY, content TEXT NOT NULL, version TEXT, edited_at INTEGER
) STRICT;
CREATE TABLE _sync_layouts(id INTEGER PRIMARY KEY, body TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE _sync_intents(
  pk INTEGER PRIMARY KEY,
  -- 0 final, 1 on its way, 2 dead letter
  open INTEGER NOT NULL,
  -- When it became final; 0 where nobody looked at a clock.
  ended_at INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX _sync_intents_open ON _sync_intents(pk) WHERE open <> 0;
CREATE INDEX _sync_intents_ended ON _sync_intents(ended_at) WHERE open = 0;
CREATE TABLE _sync_conflicts(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  pk INTEGER NOT NULL,
  link INTEGER NOT NULL,
  field TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  base TEXT, left_value TEXT NOT NULL, right_value TEXT NOT NULL,
  base_text TEXT, left_text TEXT, right_text TEXT,
  -- 'left', 'right', or JSON of a value for both sides
  resolution TEXT,
  UNIQUE (pk, field)
) STRICT;
CREATE TABLE _sync_journal(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  link INTEGER NOT NULL,
  run INTEGER NOT NULL,
  at INTEGER NOT NULL,
  side TEXT NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX _sync_journal_run ON _sync_journal(link, run);
CREATE INDEX _sync_journal_trash ON _sync_journal(link, side, at) WHERE kind = 'trash';
CREATE TABLE _sync_runs(
  link INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  settled INTEGER NOT NULL,
  conflicts INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  undoes INTEGER,
  PRIMARY KEY (link, started_at)
) STRICT;
CREATE TABLE _sync_tables(
  name TEXT PRIMARY KEY COLLATE NOCASE,
  link INTEGER NOT NULL UNIQUE,
  source TEXT NOT NULL
) STRICT;
CREATE TABLE _sync_columns(
  tbl TEXT NOT NULL COLLATE NOCASE,
  position INTEGER NOT NULL,
  name TEXT NOT NULL COLLATE NOCASE,
  field TEXT NOT NULL,
  label TEXT NOT NULL,
  kind TEXT NOT NULL,
  projected INTEGER NOT NULL,
  mapped INTEGER NOT NULL,
  PRIMARY KEY (tbl, name)
) STRICT;
-- What people edited, in order: the feed of incremental scans.
CREATE TABLE _sync_capture(
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  tbl TEXT NOT NULL,
  row INTEGER NOT NULL,
  col TEXT NOT NULL
) STRICT;
CREATE INDEX _sync_capture_row ON _sync_capture(tbl, row, seq);
-- What each edited cell held when it was last settled; column `_row` stands for the whole new row.
CREATE TABLE _sync_pending(
  tbl TEXT NOT NULL,
  row INTEGER NOT NULL,
  col TEXT NOT NULL,
  base ANY,
  PRIMARY KEY (tbl, row, col)
) STRICT, WITHOUT ROWID;
";
