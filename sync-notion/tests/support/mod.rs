//! A peer against a simulated Notion, on a clock that stands still.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use notion_sync_core::port::{
    Atomicity, Batch, Call, Cancel, CellChange, Command, CommandKind, Coverage, Cursor, FieldSet,
    Lookup, Next, Outcome, Peer, PeerError, Receipt, ScanFrom, Sighting,
};
use notion_sync_core::record::{Key, Record};
use notion_sync_core::schema::FieldId;
use notion_sync_core::value::Value;
use notion_sync_notion::client::{Client, RetryPolicy, Timer, Token};
use notion_sync_notion::{NotionOptions, NotionPeer};
use notion_sync_sim::{Builder, NotionSim};
use serde_json::{Value as Json, json};

pub(crate) const NOW: &str = "2026-09-04T14:30:41Z";

pub(crate) struct World {
    pub(crate) sim: NotionSim,
    pub(crate) source: String,
    pub(crate) peer: NotionPeer,
}

pub(crate) fn builder() -> Builder {
    NotionSim::builder()
        .rate_limit(None)
        .virtual_clock(NOW.parse().unwrap())
}

pub(crate) fn all_types() -> Json {
    let options = json!({"options": [{"name": "High"}, {"name": "Low"}]});
    json!({
        "Name": {"title": {}}, "Text": {"rich_text": {}}, "Sync id": {"rich_text": {}},
        "Number": {"number": {}}, "Done": {"checkbox": {}}, "Pick": {"select": options},
        "Stage": {"status": {}}, "Tags": {"multi_select": options}, "Due": {"date": {}},
        "Link": {"url": {}}, "Mail": {"email": {}}, "Phone": {"phone_number": {}},
        "Made": {"created_time": {}}, "No": {"unique_id": {"prefix": "TASK"}}, "Who": {"people": {}},
    })
}

pub(crate) async fn world() -> World {
    with(builder(), NotionOptions::default().marker_field("Sync id")).await
}

pub(crate) async fn with(builder: Builder, options: NotionOptions) -> World {
    of(builder, options, &all_types()).await
}

pub(crate) async fn of(builder: Builder, options: NotionOptions, properties: &Json) -> World {
    let sim = builder.start().await.unwrap();
    let source = sim.create_data_source("Tasks", properties).unwrap();
    let peer = peer(&sim, &source, options);
    World { sim, source, peer }
}

pub(crate) fn peer(sim: &NotionSim, source: &str, options: NotionOptions) -> NotionPeer {
    NotionPeer::new(client(sim), source.parse().unwrap(), options)
}

/// Sends once, and never waits for real.
pub(crate) fn client(sim: &NotionSim) -> Client {
    Client::builder(Token::new(sim.token()).unwrap().labelled("TEST_TOKEN"))
        .base_url(sim.base_url())
        .timer(StandingTimer::default())
        .retry(RetryPolicy::never())
        .build()
        .unwrap()
}

#[derive(Clone, Default)]
struct StandingTimer(Arc<Mutex<Duration>>);

#[async_trait::async_trait]
impl Timer for StandingTimer {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
    }
}

pub(crate) struct Scanned {
    pub(crate) records: Vec<Record>,
    pub(crate) bad: Vec<Option<Key>>,
    pub(crate) pages: usize,
    pub(crate) coverage: Coverage,
    pub(crate) cursor: Option<Cursor>,
}

impl World {
    pub(crate) async fn scan(&self, from: ScanFrom) -> Scanned {
        self.try_scan(from).await.unwrap()
    }

    pub(crate) async fn try_scan(&self, mut from: ScanFrom) -> Result<Scanned, PeerError> {
        let cancel = Cancel::default();
        let call = Call::new(&cancel);
        let (mut records, mut bad, mut pages) = (Vec::new(), Vec::new(), 0);
        loop {
            let page = self.peer.scan(&call, &from, &FieldSet::All, 100).await?;
            pages += 1;
            for item in page.items {
                match item {
                    Sighting::Seen(record) => records.push(record),
                    Sighting::Bad(item) => bad.push(item.key),
                    Sighting::Tombstone(..) => panic!("Notion has no tombstones"),
                }
            }
            match page.next {
                Next::More(token) => from = ScanFrom::Next(token),
                Next::End { coverage, cursor } => {
                    return Ok(Scanned {
                        records,
                        bad,
                        pages,
                        coverage,
                        cursor,
                    });
                }
            }
        }
    }

    /// The id of a property by its name.
    pub(crate) async fn field(&self, name: &str) -> FieldId {
        if self.peer.schema().is_none() {
            let cancel = Cancel::default();
            self.peer.describe(&Call::new(&cancel)).await.unwrap();
        }
        self.peer
            .schema()
            .unwrap()
            .by_name(name)
            .unwrap()
            .id
            .clone()
    }

    pub(crate) async fn command(
        &self,
        kind: CommandKind,
        key: Option<&Key>,
        cells: &[(&str, Value)],
    ) -> Result<Outcome, PeerError> {
        let mut changes = Vec::new();
        for (name, value) in cells {
            changes.push(CellChange {
                field: self.field(name).await,
                expected: None,
                desired: value.clone(),
            });
        }
        let cancel = Cancel::default();
        let batch = Batch {
            mode: Atomicity::PerCommand,
            commands: vec![Command {
                holding: Vec::new(),
                kind,
                key: key.cloned(),
                cells: changes,
            }],
        };
        let mut outcomes = self.peer.apply(&Call::new(&cancel), &batch).await?;
        assert_eq!(outcomes.len(), 1);
        Ok(outcomes.remove(0))
    }

    pub(crate) async fn create(&self, cells: &[(&str, Value)]) -> Receipt {
        done(
            self.command(CommandKind::Create, None, cells)
                .await
                .unwrap(),
        )
    }

    pub(crate) async fn patch(&self, key: &Key, cells: &[(&str, Value)]) -> Outcome {
        self.command(CommandKind::Patch, Some(key), cells)
            .await
            .unwrap()
    }

    pub(crate) async fn fetch(&self, key: &Key) -> Lookup {
        let cancel = Cancel::default();
        let keys = std::slice::from_ref(key);
        let mut found = self
            .peer
            .fetch(&Call::new(&cancel), keys, &FieldSet::All)
            .await
            .unwrap();
        found.remove(0)
    }

    pub(crate) async fn here(&self, key: &Key) -> Record {
        match self.fetch(key).await {
            Lookup::Here(record) => record,
            other => panic!("not here: {other:?}"),
        }
    }

    pub(crate) async fn find(&self, name: &str, values: &[Value]) -> Vec<Vec<Record>> {
        let field = self.field(name).await;
        let cancel = Cancel::default();
        let found = self.peer.find(&Call::new(&cancel), &field, values).await;
        found.unwrap().records
    }

    pub(crate) fn row(&self, title: &str) -> Key {
        let properties = json!({"Name": {"title": [{"text": {"content": title}}]}});
        Key::durable(
            self.sim
                .create_as_person(&self.source, &properties)
                .unwrap(),
        )
    }
}

pub(crate) fn done(outcome: Outcome) -> Receipt {
    match outcome {
        Outcome::Done(receipt) => receipt,
        other => panic!("not done: {other:?}"),
    }
}
