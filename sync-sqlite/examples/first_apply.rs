//! Measures a first pull: 10,000 rows of 16 columns in commits of 2,000.

use std::time::Instant;

use futures::executor::block_on;
use notion_sync_core::link::{LinkId, LinkSpec, Policy, Side, Sides};
use notion_sync_core::pair::{Base, PairId, SideState};
use notion_sync_core::port::{
    CellChange, Change, Command, CommandKind, Commit, Effect, LeaseAsk, OpenMode, Outcome, PlaceId,
    Store,
};
use notion_sync_core::record::{Cell, Key, Lifecycle, Record};
use notion_sync_core::schema::{Access, Field, FieldId, FieldType, Limits, Schema};
use notion_sync_core::value::{Choice, RichText, Value};
use notion_sync_sqlite::{SqliteStore, StoreOptions};

const ROWS: u64 = 10_000;
const CHUNK: u64 = 2_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::temp_dir().join(format!("first-apply-{}.sqlite", std::process::id()));
    let store = SqliteStore::open(&path, StoreOptions::default())?;
    let link = LinkId::new("bench");
    let replica = store.replica(&link).build();
    let mapping = block_on(replica.align(&schema(), None, true))?;
    let spec = LinkSpec {
        id: link.clone(),
        places: Sides::new(PlaceId::new("notion:1"), PlaceId::new("sqlite:bench")),
        names: Sides::new("Notion".into(), "SQLite".into()),
        mapping: mapping.clone(),
        filters: Sides::default(),
        policy: Policy::default(),
    };
    block_on(store.open(&spec, OpenMode::Write))?;
    let owner = "bench".to_owned();
    let fence = block_on(store.lease(&link, &LeaseAsk::Take { owner }))?;

    let mut observed = std::time::Duration::ZERO;
    let mut applied = std::time::Duration::ZERO;
    for chunk in 0..ROWS / CHUNK {
        let ids = chunk * CHUNK + 1..=(chunk + 1) * CHUNK;
        let changes = ids.clone().map(|id| Change::Observe {
            pair: PairId(id),
            side: Side::Left,
            state: SideState::seen(record(id)),
            dirty: true,
        });
        let commit = Commit {
            changes: changes.collect(),
            next_id: ROWS + 1,
            ..Commit::default()
        };
        let start = Instant::now();
        block_on(store.commit(&fence, commit))?;
        observed += start.elapsed();

        let mut effects = Vec::new();
        for id in ids {
            let source = record(id);
            let mut base = Base::default();
            let mut cells = Vec::new();
            for field in &mapping.fields {
                let value = source.cells.complete(&field.ids.left).cloned();
                let value = value.unwrap_or(Value::Empty);
                let desired = field
                    .lens
                    .repair(&Default::default(), Side::Right, &value, None)?;
                base.settle(field, Sides::new(value, desired.clone()));
                cells.push(CellChange {
                    field: field.ids.right.clone(),
                    expected: None,
                    desired,
                });
            }
            let pair = PairId(id);
            effects.push(Effect {
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
            });
        }
        let commit = Commit {
            effects,
            ..Commit::default()
        };
        let start = Instant::now();
        let done = block_on(store.commit(&fence, commit))?;
        applied += start.elapsed();
        assert!(
            done.effects
                .iter()
                .all(|outcome| matches!(outcome, Outcome::Done(_)))
        );
    }
    let per_row = |span: std::time::Duration| span.as_micros() as f64 / ROWS as f64;
    println!("observe: {:.1} µs per row", per_row(observed));
    println!("apply and settle: {:.1} µs per row", per_row(applied));
    drop((replica, store));
    let size = std::fs::metadata(&path)?.len();
    println!("file: {} bytes per row", size / ROWS);
    for suffix in ["", "-lock"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    Ok(())
}

fn schema() -> Schema {
    let mut fields = vec![
        field("_id", FieldType::Text, Access::Computed),
        field("_url", FieldType::Url, Access::Computed),
        field("Name", FieldType::Title, Access::Writable),
    ];
    for at in 0..5 {
        fields.push(field(
            &format!("text {at}"),
            FieldType::RichText,
            Access::Writable,
        ));
        fields.push(field(
            &format!("number {at}"),
            FieldType::Number,
            Access::Writable,
        ));
    }
    fields.push(field("Done", FieldType::Checkbox, Access::Writable));
    fields.push(field(
        "Stage",
        FieldType::Select(Vec::new()),
        Access::Writable,
    ));
    fields.push(field("Due", FieldType::Date, Access::Writable));
    Schema {
        title: "Bench".into(),
        fields,
    }
}

fn field(name: &str, ty: FieldType, access: Access) -> Field {
    Field {
        id: FieldId::new(name),
        name: name.into(),
        ty,
        access,
        limits: Limits::default(),
    }
}

fn record(id: u64) -> Record {
    let cells = schema().fields.into_iter().map(|field| {
        let value = match field.ty {
            FieldType::Number => Value::Number(i64::try_from(id).unwrap_or(0).into()),
            FieldType::Checkbox => Value::Bool(id.is_multiple_of(2)),
            FieldType::Select(_) => Value::Choice(Choice::with_id("abc", "Todo")),
            FieldType::Date => "2026-06-15".parse().map_or(Value::Empty, Value::Date),
            FieldType::Title | FieldType::RichText => {
                Value::rich_text(RichText::plain_text(format!("some words of row {id}")))
            }
            _ => Value::text(format!("0f3c6f6e-{id:024}-{}", field.name)),
        };
        (field.id, Cell::Complete(value))
    });
    Record {
        key: Key::durable(format!("page-{id}")),
        lifecycle: Lifecycle::Live,
        version: None,
        edited_at: None,
        rank: None,
        cells: cells.collect(),
    }
}
