//! The file and its table under the contracts every store and peer has to keep.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::{World, link};
use futures::executor::block_on;
use notion_sync_core::link::{LinkSpec, Side};
use notion_sync_core::port::{LeaseAsk, Peer, Store};
use notion_sync_core::record::Key;
use notion_sync_core::schema::{Field, FieldId, FieldType};
use notion_sync_core::testkit::contract::{Colocated, Deed, PeerWorld, StoreWorld, sample, spec};
use notion_sync_core::value::{Choice, Value};
use notion_sync_core::{peer_contract, store_contract};
use notion_sync_sqlite::{SqliteStore, StoreOptions};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use tempfile::TempDir;

/// A value as a person types it.
fn typed(value: &Value) -> Sql {
    match value {
        Value::Empty => Sql::Null,
        Value::Number(number) => Sql::Integer(number.to_i64().unwrap()),
        Value::Bool(truth) => Sql::Integer(i64::from(*truth)),
        Value::Choices(choices) => {
            let names = choices.iter().map(|choice| format!("{:?}", choice.name));
            Sql::Text(format!("[{}]", names.collect::<Vec<_>>().join(",")))
        }
        other => Sql::Text(other.display()),
    }
}

fn update(person: &Connection, key: &Key, set: &str, values: &[(FieldId, Value)]) {
    let sql = format!("UPDATE tasks SET {set} WHERE _row = {key}");
    let values = values.iter().map(|(_, value)| typed(value));
    person.execute(&sql, params_from_iter(values)).unwrap();
}

impl PeerWorld for World {
    fn peer(&self) -> &dyn Peer {
        &self.replica
    }

    fn person(&self, deed: &Deed) -> Option<Key> {
        let person = World::person(self);
        match deed {
            Deed::Create(cells) => {
                let names = cells.iter().map(|(field, _)| format!("\"{field}\""));
                let names: Vec<_> = names.collect();
                let sql = format!(
                    "INSERT INTO tasks ({}) VALUES ({})",
                    names.join(", "),
                    vec!["?"; names.len()].join(", ")
                );
                let values = cells.iter().map(|(_, value)| typed(value));
                person.execute(&sql, params_from_iter(values)).unwrap();
                Some(Key::durable(person.last_insert_rowid().to_string()))
            }
            Deed::Edit(key, cells) => {
                let sets = cells.iter().map(|(field, _)| format!("\"{field}\" = ?"));
                update(&person, key, &sets.collect::<Vec<_>>().join(", "), cells);
                Some(key.clone())
            }
            Deed::Trash(key) => {
                update(&person, key, "_trashed = 1", &[]);
                Some(key.clone())
            }
            Deed::Restore(key) => {
                update(&person, key, "_trashed = 0", &[]);
                Some(key.clone())
            }
            Deed::Damage(key) => {
                person
                    .execute_batch("UPDATE _sync_gate SET applying = 1")
                    .unwrap();
                update(&person, key, "Due = 'soon'", &[]);
                person
                    .execute_batch("UPDATE _sync_gate SET applying = 0")
                    .unwrap();
                Some(key.clone())
            }
            // Rows are not deleted: the table refuses it.
            _ => None,
        }
    }

    fn sample(&self, field: &Field, number: u32) -> Option<Value> {
        let option = Choice::named(format!("option {number}"));
        match field.ty {
            FieldType::Select(_) => Some(Value::Choice(option)),
            FieldType::MultiSelect(_) => Some(Value::choices(vec![option])),
            _ => sample(field, number),
        }
    }
}

/// A store in a file, with a table where the link has one.
struct File {
    dir: TempDir,
    /// `None` only between two processes.
    store: Option<SqliteStore>,
    table: Option<World>,
}

impl StoreWorld for File {
    fn store(&self) -> &dyn Store {
        self.store.as_ref().unwrap()
    }

    fn reopen(&mut self) -> bool {
        if self.table.is_some() {
            return false;
        }
        self.store = None;
        self.store = Some(open(&self.dir));
        true
    }

    fn spec(&self) -> LinkSpec {
        match &self.table {
            Some(table) => table.spec.clone(),
            None => spec(),
        }
    }

    fn colocated(&self) -> Option<Colocated<'_>> {
        self.table.as_ref().map(|table| Colocated {
            side: Side::Right,
            world: table,
        })
    }
}

fn open(dir: &TempDir) -> SqliteStore {
    SqliteStore::open(dir.path().join("db.sqlite"), StoreOptions::default()).unwrap()
}

fn file() -> File {
    let dir = tempfile::tempdir().unwrap();
    File {
        store: Some(open(&dir)),
        dir,
        table: None,
    }
}

fn file_with_a_table() -> File {
    let world = World::new();
    let given_back = LeaseAsk::Release(world.fence.clone());
    block_on(world.store.lease(&link(), &given_back)).unwrap();
    File {
        dir: tempfile::tempdir().unwrap(),
        store: Some(world.store.clone()),
        table: Some(world),
    }
}

peer_contract!(the_table, World::new);
store_contract!(the_file, file);
store_contract!(the_file_with_a_table, file_with_a_table);
