//! Rows on their way out: exact, of one moment, and no harm to the store where they cannot go.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use std::io;

use common::{World, link};
use futures::executor::block_on;
use notion_sync_core::link::LinkId;
use notion_sync_core::port::StoreError;
use notion_sync_sqlite::{Exported, RowSink};

/// Keeps what it is given; fails after so many rows.
#[derive(Default)]
struct Kept {
    columns: Vec<String>,
    rows: Vec<Vec<Exported>>,
    at_most: Option<usize>,
    between: Option<Box<dyn FnMut() + Send>>,
}

impl RowSink for Kept {
    fn columns(&mut self, names: &[String]) -> io::Result<()> {
        self.columns = names.to_vec();
        Ok(())
    }

    fn row(&mut self, cells: &[Exported]) -> io::Result<()> {
        if self.at_most == Some(self.rows.len()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.rows.push(cells.to_vec());
        if let Some(between) = &mut self.between {
            between();
        }
        Ok(())
    }
}

impl Kept {
    fn cell(&self, row: usize, column: &str) -> &Exported {
        let at = self.columns.iter().position(|name| name == column);
        &self.rows[row][at.unwrap()]
    }
}

#[test]
fn every_kind_of_cell_leaves_exact_those_of_own_columns_as_well() {
    let mut world = World::new();
    world.pull("one", "0.1");
    let person = world.person();
    person
        .execute_batch(
            "ALTER TABLE tasks ADD COLUMN mine ANY;
             UPDATE tasks SET mine = x'0aff', Price = '1e400', Tags = '[\"a\",\"b\"]', Note = '[1]', Done = 1;
             INSERT INTO tasks(Name, Price, mine) VALUES ('two', 0.1, 9e999);",
        )
        .unwrap();
    let (kept, count) = block_on(world.store.export(&link(), false, Kept::default())).unwrap();
    assert_eq!(count, 2);
    assert_eq!(kept.cell(0, "Price"), &Exported::Digits("1e400".into()));
    assert_eq!(
        kept.cell(0, "Tags"),
        &Exported::List("[\"a\",\"b\"]".into())
    );
    // A text that looks like a list is a text.
    assert_eq!(kept.cell(0, "Note"), &Exported::Text("[1]".into()));
    assert_eq!(kept.cell(0, "Done"), &Exported::Bool(true));
    assert_eq!(kept.cell(0, "_trashed"), &Exported::Bool(false));
    assert_eq!(kept.cell(0, "Due"), &Exported::Text("2026-06-15".into()));
    assert_eq!(kept.cell(0, "mine"), &Exported::Bytes(vec![0x0a, 0xff]));
    assert_eq!(kept.cell(0, "_row"), &Exported::Integer(1));
    assert_eq!(kept.cell(1, "Price"), &Exported::Real(0.1));
    assert_eq!(kept.cell(1, "_id"), &Exported::Empty);
    let json = |row, column| serde_json::to_string(kept.cell(row, column)).unwrap();
    assert_eq!(json(0, "Price"), "1e400");
    assert_eq!(json(0, "Tags"), "[\"a\",\"b\"]");
    assert_eq!(json(0, "mine"), "\"0aff\"");
    assert_eq!(json(1, "Price"), "0.1");
    assert_eq!(json(1, "mine"), "\"inf\"");
    assert_eq!(json(1, "_id"), "null");
    assert_eq!(kept.cell(1, "_id").to_string(), "");
    assert_eq!(kept.cell(0, "Note").to_string(), "[1]");
}

#[test]
fn rows_are_those_of_one_moment_while_somebody_edits() {
    let mut world = World::new();
    for name in ["one", "two", "three"] {
        world.pull(name, "3");
    }
    let person = world.person();
    person
        .execute("UPDATE tasks SET _trashed = 1 WHERE Name = 'two'", [])
        .unwrap();
    let edit = "UPDATE tasks SET Note = 'later', _trashed = 0";
    let sink = Kept {
        between: Some(Box::new(move || {
            person.execute(edit, []).unwrap();
        })),
        ..Kept::default()
    };
    let (kept, count) = block_on(world.store.export(&link(), false, sink)).unwrap();
    assert_eq!(count, 2);
    assert_eq!(kept.cell(1, "Note"), &Exported::Empty);
    let (kept, count) = block_on(world.store.export(&link(), true, Kept::default())).unwrap();
    assert_eq!(count, 3);
    assert_eq!(kept.cell(1, "Note"), &Exported::Text("later".into()));
}

#[test]
fn a_sink_that_fails_ends_the_export_and_the_store_goes_on() {
    let mut world = World::new();
    world.pull("one", "3");
    world.pull("two", "3");
    let sink = Kept {
        at_most: Some(1),
        ..Kept::default()
    };
    let failed = block_on(world.store.export(&link(), true, sink))
        .err()
        .unwrap();
    assert!(matches!(failed, StoreError::Io { .. }), "{failed:?}");
    let missing = LinkId::new("nobody");
    let failed = block_on(world.store.export(&missing, true, Kept::default()))
        .err()
        .unwrap();
    assert!(failed.to_string().contains("no such table"), "{failed}");
    world.pull("three", "3");
}
