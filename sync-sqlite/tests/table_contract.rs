//! Tables of somebody else under the contract every peer has to keep.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::executor::block_on;
use notion_sync_core::peer_contract;
use notion_sync_core::port::Peer;
use notion_sync_core::record::Key;
use notion_sync_core::schema::{Access, Field, FieldId, FieldType};
use notion_sync_core::testkit::contract::{Deed, PeerWorld, sample};
use notion_sync_core::value::{Choice, Value};
use notion_sync_sqlite::{NewKey, SqliteTable};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use tempfile::TempDir;

/// Columns of every kind, behind a key.
const COLUMNS: &str = "name TEXT NOT NULL DEFAULT '', note VARCHAR(200), price REAL, count INTEGER,
    done BOOLEAN, due DATETIME, stage TEXT, tags TEXT, lines TEXT, extra JSON, ref UUID,
    twice AS (count * 2), data BLOB";

struct World {
    dir: TempDir,
    table: SqliteTable,
    /// Whether rows are known by two columns.
    is_composite: bool,
    soft_delete: Option<&'static str>,
    made: Cell<i64>,
}

impl World {
    fn new(is_composite: bool, is_captured: bool, soft_delete: Option<&'static str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db");
        let (key, rest) = match is_composite {
            true => (
                "list TEXT, no INTEGER",
                ", PRIMARY KEY (list, no)) WITHOUT ROWID",
            ),
            false => (
                "id INTEGER PRIMARY KEY",
                ", deleted_at DATETIME, is_gone INTEGER)",
            ),
        };
        let sql = format!("CREATE TABLE tasks({key}, {COLUMNS} {rest}");
        Connection::open(&path)
            .unwrap()
            .execute_batch(&sql)
            .unwrap();
        let options = || Vec::new();
        let mut builder = SqliteTable::builder(&path, "tasks")
            .column("name", FieldType::Title)
            .column("stage", FieldType::Select(options()))
            .column("tags", FieldType::MultiSelect(options()))
            .column("lines", FieldType::List);
        if is_composite {
            let next = AtomicI64::new(1);
            let maker = move || {
                let number = next.fetch_add(1, Ordering::Relaxed);
                vec![
                    Value::text("sync, \"quoted\""),
                    Value::Number(number.into()),
                ]
            };
            builder = builder.new_key(NewKey::Made(Arc::new(maker)));
        } else {
            for column in ["deleted_at", "is_gone"] {
                builder = match soft_delete == Some(column) {
                    true => builder.soft_delete(column),
                    false => builder.without(column),
                };
            }
        }
        let table = builder.build().unwrap();
        if is_captured {
            block_on(table.start_capture()).unwrap();
        }
        Self {
            dir,
            table,
            is_composite,
            soft_delete,
            made: Cell::new(0),
        }
    }

    fn captured() -> Self {
        Self::new(false, true, None)
    }

    fn scanned() -> Self {
        Self::new(false, false, None)
    }

    fn composite() -> Self {
        Self::new(true, true, None)
    }

    fn composite_scanned() -> Self {
        Self::new(true, false, None)
    }

    fn soft_by_time() -> Self {
        Self::new(false, true, Some("deleted_at"))
    }

    fn soft_by_flag() -> Self {
        Self::new(false, false, Some("is_gone"))
    }

    fn update(&self, key: &Key, set: &str, cells: &[(FieldId, Value)]) {
        let of_key = match self.is_composite {
            true => "json_array(list, no) = ?",
            false => "id = ?",
        };
        let values = cells.iter().map(|(_, value)| typed(value));
        let values = values.chain([Sql::Text(key.to_string())]);
        let sql = format!("UPDATE tasks SET {set} WHERE {of_key}");
        let done = self
            .person()
            .execute(&sql, params_from_iter(values))
            .unwrap();
        assert_eq!(done, 1);
    }

    fn person(&self) -> Connection {
        Connection::open(self.dir.path().join("app.db")).unwrap()
    }
}

/// A value as a program of somebody else writes it.
fn typed(value: &Value) -> Sql {
    match value {
        Value::Empty => Sql::Null,
        Value::Number(number) => Sql::Integer(number.to_i64().unwrap()),
        Value::Bool(truth) => Sql::Integer(i64::from(*truth)),
        Value::Choices(choices) => {
            let names = choices.iter().map(|choice| format!("{:?}", choice.name));
            Sql::Text(format!("[{}]", names.collect::<Vec<_>>().join(",")))
        }
        Value::List(texts) => Sql::Text(format!("{texts:?}")),
        other => Sql::Text(other.display()),
    }
}

impl PeerWorld for World {
    fn peer(&self) -> &dyn Peer {
        &self.table
    }

    fn person(&self, deed: &Deed) -> Option<Key> {
        match deed {
            Deed::Create(cells) => {
                let mut names: Vec<String> =
                    cells.iter().map(|(field, _)| field.to_string()).collect();
                let mut values: Vec<Sql> = cells.iter().map(|(_, value)| typed(value)).collect();
                let number = self.made.replace(self.made.get() + 1);
                if self.is_composite {
                    names.extend(["list".to_owned(), "no".to_owned()]);
                    values.extend([Sql::Text("ours".into()), Sql::Integer(number)]);
                }
                let sql = format!(
                    "INSERT INTO tasks ({}) VALUES ({})",
                    names.join(", "),
                    vec!["?"; names.len()].join(", ")
                );
                let person = World::person(self);
                person.execute(&sql, params_from_iter(values)).unwrap();
                Some(Key::durable(match self.is_composite {
                    true => format!("[\"ours\",{number}]"),
                    false => person.last_insert_rowid().to_string(),
                }))
            }
            Deed::Edit(key, cells) => {
                let sets = cells.iter().map(|(field, _)| format!("{field} = ?"));
                self.update(key, &sets.collect::<Vec<_>>().join(", "), cells);
                Some(key.clone())
            }
            Deed::Trash(key) => {
                let set = match self.soft_delete? {
                    "is_gone" => "is_gone = 1",
                    _ => "deleted_at = CURRENT_TIMESTAMP",
                };
                self.update(key, set, &[]);
                Some(key.clone())
            }
            Deed::Restore(key) => {
                self.update(key, &format!("{} = NULL", self.soft_delete?), &[]);
                Some(key.clone())
            }
            Deed::Purge(key) => {
                let sql = match self.is_composite {
                    true => "DELETE FROM tasks WHERE json_array(list, no) = ?",
                    false => "DELETE FROM tasks WHERE id = ?",
                };
                let person = World::person(self);
                assert_eq!(person.execute(sql, [key.as_str()]).unwrap(), 1);
                Some(key.clone())
            }
            Deed::Damage(key) => {
                self.update(key, "count = 'many', due = 'soon'", &[]);
                Some(key.clone())
            }
            _ => None,
        }
    }

    fn sample(&self, field: &Field, number: u32) -> Option<Value> {
        let option = Choice::named(format!("option {number}"));
        match (&field.ty, field.access) {
            (_, Access::Computed | Access::Unsupported) => None,
            (FieldType::Select(_), _) => Some(Value::Choice(option)),
            (FieldType::MultiSelect(_), _) => Some(Value::choices(vec![option])),
            _ => sample(field, number),
        }
    }
}

peer_contract!(a_captured_table, World::captured);
peer_contract!(a_table_that_is_only_scanned, World::scanned);
peer_contract!(a_composite_key_without_rowid, World::composite);
peer_contract!(
    a_composite_key_that_is_only_scanned,
    World::composite_scanned
);
peer_contract!(a_time_of_deletion, World::soft_by_time);
peer_contract!(a_mark_of_deletion, World::soft_by_flag);
