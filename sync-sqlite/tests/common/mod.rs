//! A file, a link and a person with a SQL tool.

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

pub(crate) mod linked;

use std::path::PathBuf;

use futures::executor::block_on;
use notion_sync_core::link::{LinkId, LinkSpec, Mapping, Policy, Side, Sides};
use notion_sync_core::pair::{Base, PairId, PairState, SideState};
use notion_sync_core::port::*;
use notion_sync_core::record::{Cell, Key, Lifecycle, Record};
use notion_sync_core::schema::{Access, Field, FieldId, FieldType, Limits, Schema};
use notion_sync_core::value::{Choice, RichText, Value};
use notion_sync_sqlite::{SqliteReplica, SqliteStore, StoreOptions};
use rusqlite::Connection;
use tempfile::TempDir;

pub(crate) fn field(id: &str, name: &str, ty: FieldType, access: Access) -> Field {
    Field {
        id: FieldId::new(id),
        name: name.into(),
        ty,
        access,
        limits: Limits::default(),
    }
}

pub(crate) fn schema() -> Schema {
    use Access::{Computed, Unsupported, Writable};
    Schema {
        title: "Tasks".into(),
        fields: vec![
            field("_id", "_id", FieldType::Text, Computed),
            field("_url", "_url", FieldType::Url, Computed),
            field("_edited", "_edited", FieldType::Date, Computed),
            field("title", "Name", FieldType::Title, Writable),
            field("n1", "Note", FieldType::RichText, Writable),
            field("p1", "Price", FieldType::Number, Writable),
            field("c1", "Done", FieldType::Checkbox, Writable),
            field("s1", "Stage", FieldType::Select(Vec::new()), Writable),
            field("t1", "Tags", FieldType::MultiSelect(Vec::new()), Writable),
            field("d1", "Due", FieldType::Date, Writable),
            field("f1", "Total", FieldType::Other("formula".into()), Computed),
            field(
                "r1",
                "Refs",
                FieldType::Other("relation".into()),
                Unsupported,
            ),
            field("m1", "Marker", FieldType::RichText, Writable),
        ],
    }
}

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) store: SqliteStore,
    pub(crate) replica: SqliteReplica,
    pub(crate) mapping: Mapping,
    pub(crate) spec: LinkSpec,
    pub(crate) fence: Fence,
    pub(crate) next: u64,
}

pub(crate) fn link() -> LinkId {
    LinkId::new("tasks")
}

pub(crate) fn spec(mapping: Mapping) -> LinkSpec {
    LinkSpec {
        id: link(),
        places: Sides::new(PlaceId::new("notion:1"), PlaceId::new("sqlite:tasks")),
        names: Sides::new("Notion".into(), "SQLite".into()),
        mapping,
        filters: Sides::default(),
        policy: Policy::default(),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    pub(crate) fn at(dir: TempDir) -> Self {
        let store =
            SqliteStore::open(dir.path().join("db.sqlite"), StoreOptions::default()).unwrap();
        let replica = store.replica(&link()).any_option(true).build();
        let marker = FieldId::new("m1");
        let mapping = block_on(replica.align(&schema(), Some(&marker), true)).unwrap();
        let spec = spec(mapping.clone());
        let opened = block_on(store.open(&spec, OpenMode::Write)).unwrap();
        assert_eq!(opened.colocated, Some(Side::Right));
        let fence = block_on(store.lease(
            &link(),
            &LeaseAsk::Take {
                owner: "test".into(),
            },
        ))
        .unwrap();
        Self {
            dir,
            store,
            replica,
            mapping,
            spec,
            fence,
            next: opened.next_id,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("db.sqlite")
    }

    pub(crate) fn person(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    pub(crate) fn commit(&self, changes: Vec<Change>, effects: Vec<Effect>) -> Vec<Outcome> {
        block_on(self.store.commit(
            &self.fence,
            Commit {
                expect: None,
                next_id: self.next,
                changes,
                effects,
            },
        ))
        .unwrap()
        .effects
    }

    pub(crate) fn pair(&self, id: u64) -> PairState {
        let rows = block_on(
            self.store
                .read(&link(), &Query::Pairs(vec![PairId(id)]), None, 10),
        )
        .unwrap();
        let Rows::Pairs(mut pairs) = rows else {
            panic!("not pairs");
        };
        pairs.remove(0)
    }

    /// A record of Notion's, as the left shadow shows it.
    pub(crate) fn source(&self, id: u64, name: &str, price: &str) -> Record {
        let cells = [
            ("_id", Value::text(format!("page-{id}"))),
            ("title", Value::rich_text(RichText::plain_text(name))),
            ("n1", Value::Empty),
            ("p1", Value::Number(price.parse().unwrap())),
            ("c1", Value::Bool(false)),
            ("s1", Value::Choice(Choice::with_id("x", "Todo"))),
            ("t1", Value::Empty),
            ("d1", Value::Date("2026-06-15".parse().unwrap())),
            ("f1", Value::Number("42".parse().unwrap())),
        ];
        Record {
            key: Key::durable(format!("page-{id}")),
            lifecycle: Lifecycle::Live,
            version: None,
            edited_at: None,
            rank: None,
            cells: cells
                .into_iter()
                .map(|(id, value)| (FieldId::new(id), Cell::Complete(value)))
                .collect(),
        }
    }

    /// What the table gets from a source record, and the base both settle on.
    pub(crate) fn image(&self, source: &Record) -> (Vec<CellChange>, Base) {
        let mut base = Base::default();
        let mut cells = Vec::new();
        for field in &self.mapping.fields {
            let Some(value) = source.cells.complete(&field.ids.left) else {
                continue;
            };
            let desired = field
                .lens
                .repair(&Default::default(), Side::Right, value, None)
                .unwrap();
            base.settle(field, Sides::new(value.clone(), desired.clone()));
            cells.push(CellChange {
                field: field.ids.right.clone(),
                expected: None,
                desired,
            });
        }
        (cells, base)
    }

    /// First pull of one record; answers the row number.
    pub(crate) fn pull(&mut self, name: &str, price: &str) -> (u64, i64) {
        let id = self.next;
        self.next += 1;
        let source = self.source(id, name, price);
        let (cells, base) = self.image(&source);
        let pair = PairId(id);
        let outcomes = self.commit(
            vec![Change::Observe {
                pair,
                side: Side::Left,
                state: SideState::seen(source),
                dirty: true,
            }],
            vec![Effect {
                pair,
                side: Side::Right,
                command: Command {
                    holding: Vec::new(),
                    kind: CommandKind::Create,
                    key: None,
                    cells,
                },
                then: vec![
                    Change::Settle { pair, base },
                    Change::Attend {
                        pair,
                        dirty: false,
                        standing: None,
                    },
                ],
            }],
        );
        let Outcome::Done(receipt) = &outcomes[0] else {
            panic!("{outcomes:?}");
        };
        (id, receipt.key.as_str().parse().unwrap())
    }

    pub(crate) fn patch(
        &self,
        row: i64,
        column: &str,
        expected: Option<Value>,
        desired: Value,
    ) -> Command {
        Command {
            holding: Vec::new(),
            kind: CommandKind::Patch,
            key: Some(Key::durable(row.to_string())),
            cells: vec![CellChange {
                field: FieldId::new(column),
                expected,
                desired,
            }],
        }
    }

    /// All items of a scan, and the cursor it ended with.
    pub(crate) fn scan(&self, since: Option<&Cursor>) -> (Vec<Record>, Cursor, Coverage) {
        let cancel = Cancel::default();
        let call = Call::new(&cancel);
        let mut from = match since {
            Some(cursor) => ScanFrom::since(cursor.clone()),
            None => ScanFrom::full(),
        };
        let mut seen = Vec::new();
        loop {
            let page = block_on(self.replica.scan(&call, &from, &FieldSet::All, 2)).unwrap();
            for item in page.items {
                match item {
                    Sighting::Seen(record) => seen.push(record),
                    other => panic!("{other:?}"),
                }
            }
            match page.next {
                Next::More(token) => from = ScanFrom::Next(token),
                Next::End { coverage, cursor } => return (seen, cursor.unwrap(), coverage),
            }
        }
    }
}

/// The sentence SQLite refused with.
pub(crate) fn refusal(person: &Connection, sql: &str) -> String {
    match person.execute_batch(sql) {
        Err(rusqlite::Error::SqliteFailure(_, Some(message))) => message,
        Err(other) => other.to_string(),
        Ok(()) => panic!("accepted: {sql}"),
    }
}

/// Rows of a query, each as text joined by `|`.
pub(crate) fn rows(person: &Connection, sql: &str) -> Vec<String> {
    let mut statement = person.prepare(sql).unwrap();
    let width = statement.column_count();
    statement
        .query_map([], |row| {
            let mut parts = Vec::new();
            for at in 0..width {
                parts.push(match row.get_ref(at)? {
                    rusqlite::types::ValueRef::Null => String::new(),
                    rusqlite::types::ValueRef::Integer(integer) => integer.to_string(),
                    rusqlite::types::ValueRef::Real(real) => real.to_string(),
                    rusqlite::types::ValueRef::Text(text) => {
                        String::from_utf8_lossy(text).into_owned()
                    }
                    rusqlite::types::ValueRef::Blob(_) => "blob".into(),
                });
            }
            Ok(parts.join("|"))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}
