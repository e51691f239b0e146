//! The file and its table under the contracts every store and peer has to keep.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::World;
use notion_sync_core::peer_contract;
use notion_sync_core::port::Peer;
use notion_sync_core::record::Key;
use notion_sync_core::schema::{Field, FieldId, FieldType};
use notion_sync_core::testkit::contract::{Deed, PeerWorld, sample};
use notion_sync_core::value::{Choice, Value};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};

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

peer_contract!(the_table, World::new);
