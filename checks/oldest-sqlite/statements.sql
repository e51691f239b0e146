-- Everything a person may do to a file, and everything that is refused. Run by the oldest SQLite allowed and by the
-- newest, with the same words as answer (tests/oldest_sqlite.rs). A statement ends with a semicolon at the end of a
-- line; more are welcome anywhere. The file has a table Tasks of all types with the rows one to five, "gone" in the
-- trash, an open conflict about the Notes of "both", and nothing else waiting.
SELECT name, sql FROM sqlite_master WHERE type IN ('view', 'trigger') ORDER BY name;
SELECT * FROM Tasks ORDER BY _row;
SELECT * FROM changes ORDER BY _row, "column";
SELECT * FROM conflicts;
SELECT * FROM sync_status;
SELECT * FROM sync_rows ORDER BY _row;

-- Edits of every type.
UPDATE Tasks SET Name = 'eins', Notes = 'words', Count = 0.5 WHERE Name = 'one';
UPDATE Tasks SET Count = '12345678901234567890.5' WHERE Name = 'two';
UPDATE Tasks SET Done = 1, Pick = 'High', Stage = 'Done', Tags = '["High","Low"]' WHERE Name = 'two';
UPDATE Tasks SET Due = '2026-06-15T14:30:00+09:00/2026-06-16T14:30:00+09:00' WHERE Name = 'two';
UPDATE Tasks SET Due = '2026-06-15' WHERE Name = 'three';
UPDATE Tasks SET Link = 'https://example.org', Mail = 'a@example.org', Phone = '1' WHERE Name = 'three';
UPDATE Tasks SET Count = Count + 1, Notes = coalesce(Notes, '') || '!' WHERE Name IN ('two', 'three') RETURNING Name, Count;
UPDATE Tasks SET Notes = NULL, Count = NULL WHERE Name = 'four';
UPDATE Tasks SET Notes = Notes WHERE Name = 'five';
SELECT * FROM changes ORDER BY _row, "column";

-- Rows made, by one statement and by several; upserts of a row that is there; a transaction taken back.
INSERT INTO Tasks (Name, Count, Tags) VALUES ('six', 6, '[]'), ('seven', 7, '["Low"]') RETURNING _row, Name;
INSERT INTO Tasks (Name) SELECT 'like ' || Name FROM Tasks WHERE Count = 6;
INSERT INTO Tasks (_id, Name, Count) SELECT _id, Name, 55 FROM Tasks WHERE Name = 'five' ON CONFLICT (_id) DO UPDATE SET Count = excluded.Count, Notes = 'upserted';
INSERT INTO Tasks (_id, Name) SELECT _id, Name FROM Tasks WHERE Name = 'five' ON CONFLICT (_id) DO NOTHING;
BEGIN;
UPDATE Tasks SET Count = 1000 WHERE _trashed = 0;
INSERT INTO Tasks (Name) VALUES ('never');
SELECT count(*) FROM changes;
ROLLBACK;
BEGIN;
SAVEPOINT part;
UPDATE Tasks SET Notes = 'taken back' WHERE Name = 'six';
ROLLBACK TO part;
UPDATE Tasks SET Notes = 'kept' WHERE Name = 'seven';
COMMIT;
UPDATE Tasks SET _trashed = 1 WHERE Name = 'four';
UPDATE Tasks SET _trashed = 1 WHERE Name = 'seven';
UPDATE Tasks SET _trashed = 0 WHERE Name = 'seven';
WITH numbered AS (SELECT _row, row_number() OVER (ORDER BY Name) AS place FROM Tasks) UPDATE Tasks SET Phone = place FROM numbered WHERE numbered._row = Tasks._row AND Tasks.Name LIKE 's%';

-- Refused, each with its sentence.
DELETE FROM Tasks WHERE Name = 'one';
UPDATE Tasks SET _id = 'x';
UPDATE Tasks SET _url = 'x';
UPDATE Tasks SET _created = 'x';
UPDATE Tasks SET _edited = 'x';
UPDATE Tasks SET _row = 99 WHERE Name = 'two';
UPDATE OR REPLACE Tasks SET _row = 99 WHERE Name = 'two';
UPDATE OR IGNORE Tasks SET Made = '2026-01-01';
UPDATE Tasks SET _trashed = 2;
INSERT INTO Tasks (_id, Name) VALUES ('new', 'x');
INSERT INTO Tasks (Name, Made) VALUES ('x', '2026-01-01');
INSERT INTO Tasks (_row, Name) VALUES (-4, 'x');
INSERT OR REPLACE INTO Tasks (_row, Name) VALUES (1, 'x');
REPLACE INTO Tasks (_id, Name) SELECT _id, 'x' FROM Tasks WHERE Name = 'two';
INSERT INTO Tasks (_id, Name) SELECT _id, 'x' FROM Tasks WHERE Name = 'two';
UPDATE Tasks SET Count = 'many';
UPDATE Tasks SET Count = x'00';
UPDATE Tasks SET Count = 9e999;
UPDATE Tasks SET Count = '1e400';
UPDATE Tasks SET Count = '[1]';
UPDATE Tasks SET Done = 2;
UPDATE Tasks SET Done = 'yes';
UPDATE Tasks SET Tags = 'a,b';
UPDATE Tasks SET Tags = '{}';
UPDATE Tasks SET Tags = '[1]';
UPDATE Tasks SET Due = 'soon';
UPDATE Tasks SET Due = '2026-02-30';
UPDATE Tasks SET Due = '2026-06-15T25:00:00Z';
UPDATE Tasks SET Due = '2026-06-15 14:30:00';
UPDATE Tasks SET Due = '2026-06-15/soon';
UPDATE Tasks SET Count = 1000;
UPDATE Tasks SET Notes = 'x' WHERE Name = 'gone';
UPDATE Tasks SET Notes = Notes, _trashed = 1 WHERE Name = 'gone';
INSERT INTO Tasks (Name, _trashed) VALUES ('x', 1);
INSERT INTO conflicts (id) VALUES (1);
UPDATE conflicts SET resolution = 'nobody';
UPDATE conflicts SET base = 'x';
DELETE FROM conflicts;
UPDATE changes SET current = 1;
PRAGMA recursive_triggers = ON;
INSERT OR REPLACE INTO Tasks (_id, Name) SELECT _id, 'x' FROM Tasks WHERE Name = 'two';
PRAGMA recursive_triggers = OFF;

-- Taken out of the trash and edited.
UPDATE Tasks SET _trashed = 0, Notes = 'back' WHERE Name = 'gone';

-- The conflict decided.
UPDATE conflicts SET resolution = 'sqlite' RETURNING field, resolution;
SELECT * FROM conflicts;

-- What is there now, and what the triggers noted.
SELECT * FROM Tasks ORDER BY _row;
SELECT * FROM changes ORDER BY _row, "column";
SELECT * FROM sync_status;
SELECT * FROM sync_rows ORDER BY _row;
SELECT * FROM _sync_capture ORDER BY seq;
SELECT * FROM _sync_pending ORDER BY tbl, row, col;
PRAGMA integrity_check;
PRAGMA foreign_key_check;
