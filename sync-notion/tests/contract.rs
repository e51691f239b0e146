//! A data source of the simulated Notion under the contract every peer has to keep.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use notion_sync_core::peer_contract;
use notion_sync_core::port::Peer;
use notion_sync_core::record::Key;
use notion_sync_core::schema::{FieldId, FieldType};
use notion_sync_core::testkit::contract::{Deed, PeerWorld, Task};
use notion_sync_core::value::Value;
use notion_sync_notion::NotionOptions;
use serde_json::{Value as Json, json};
use tokio::runtime::{Builder, Runtime};

struct NotionWorld {
    world: support::World,
    runtime: Runtime,
}

fn notion() -> NotionWorld {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let lagging = support::builder().index_lag(Duration::from_secs(30));
    let options = NotionOptions::default().marker_field("Sync id");
    let world = runtime.block_on(support::with(lagging, options));
    NotionWorld { world, runtime }
}

impl NotionWorld {
    /// Cells as the API takes them.
    fn properties(&self, cells: &[(FieldId, Value)]) -> Json {
        let schema = self.world.peer.schema().unwrap();
        let property = |(id, value): &(FieldId, Value)| {
            let ty = &schema.field(id).unwrap().ty;
            let text = value.display();
            let json = match ty {
                FieldType::Title | FieldType::RichText => json!([{"text": {"content": text}}]),
                FieldType::Number => json!(text.parse::<f64>().unwrap()),
                FieldType::Checkbox => json!(*value == Value::Bool(true)),
                FieldType::Select(_) | FieldType::Status(_) => json!({"name": text}),
                FieldType::MultiSelect(_) => json!([{"name": text}]),
                FieldType::Date => json!({"start": text}),
                _ => json!(text),
            };
            (id.to_string(), json!({ ty.name(): json }))
        };
        cells
            .iter()
            .map(property)
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

impl PeerWorld for NotionWorld {
    fn peer(&self) -> &dyn Peer {
        &self.world.peer
    }

    fn person(&self, deed: &Deed) -> Option<Key> {
        let sim = &self.world.sim;
        match deed {
            Deed::Create(cells) => {
                let properties = self.properties(cells);
                let page = sim.create_as_person(&self.world.source, &properties);
                Some(Key::durable(page.unwrap()))
            }
            Deed::Edit(key, cells) => {
                sim.edit_as_person(key.as_str(), &self.properties(cells))
                    .unwrap();
                Some(key.clone())
            }
            Deed::Trash(key) | Deed::Restore(key) => {
                let trashed = matches!(deed, Deed::Trash(_));
                sim.trash_as_person(key.as_str(), trashed).unwrap();
                Some(key.clone())
            }
            _ => None,
        }
    }

    fn advance(&self, span: Duration) {
        self.world.sim.advance(span);
    }

    fn drive(&self, task: Task<'_>) {
        self.runtime.block_on(task);
    }
}

peer_contract!(a_data_source, notion);
