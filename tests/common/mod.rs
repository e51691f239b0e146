//! A simulated Notion, a SQLite file, and a person at each; on a clock that stands until it is moved.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use notion_sync::client::{Client, RateLimit, Timer, Token};
use notion_sync::core::port::Clock;
use notion_sync::core::record::Timestamp;
use notion_sync::sqlite::SqliteStore;
use notion_sync::{Event, Policy, Replica, ReplicaError, Report, RunOptions, RunOutcome};
use notion_sync_sim::{Builder, LedgerEntry, NotionSim};
use serde_json::{Value, json};

pub(crate) const NOW: &str = "2026-09-04T14:30:41Z";
/// The text property that may carry markers.
pub(crate) const MARKER: &str = "Sync ID";

pub(crate) struct World {
    pub(crate) sim: NotionSim,
    pub(crate) data_source: String,
    pub(crate) file: PathBuf,
    pub(crate) clock: StandingClock,
    pub(crate) marker: bool,
    pub(crate) policy: Policy,
    /// How long queries may lag, as the replica is told.
    pub(crate) index_lag: Duration,
    _folder: tempfile::TempDir,
}

/// The builder most tests start from: no limiter, a clock that stands.
pub(crate) fn builder() -> Builder {
    NotionSim::builder()
        .rate_limit(None)
        .virtual_clock(NOW.parse().unwrap())
}

/// Every writable type of this scope, and a computed one.
pub(crate) fn schema() -> Value {
    let options = json!({ "options": [{ "name": "High" }, { "name": "Low" }, { "name": "Mid" }] });
    json!({
        "Name": { "title": {} }, "Notes": { "rich_text": {} }, "Count": { "number": {} },
        "Done": { "checkbox": {} }, "Pick": { "select": options }, "Stage": { "status": {} },
        "Tags": { "multi_select": options }, "Due": { "date": {} }, "Link": { "url": {} },
        "Mail": { "email": {} }, "Phone": { "phone_number": {} }, "Made": { "created_time": {} },
        MARKER: { "rich_text": {} },
    })
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(builder()).await
    }

    pub(crate) async fn with(builder: Builder) -> Self {
        let sim = builder.start().await.unwrap();
        let data_source = sim.create_data_source("Tasks", &schema()).unwrap();
        Self::of(sim, data_source, tempfile::tempdir().unwrap())
    }

    /// A data source of a Notion and a file that is not there yet.
    pub(crate) fn of(sim: NotionSim, data_source: String, folder: tempfile::TempDir) -> Self {
        let clock = StandingClock::at(sim.now().as_millisecond());
        Self {
            data_source,
            file: folder.path().join("tasks.sqlite"),
            clock,
            marker: false,
            policy: Policy::default(),
            index_lag: Duration::ZERO,
            sim,
            _folder: folder,
        }
    }

    /// A world with these pages, pulled once; the pull is over for a while and not in the ledger.
    pub(crate) async fn pulled(names: &[&str]) -> Self {
        let world = Self::new().await;
        for name in names {
            world.add(name, json!({}));
        }
        world.settle().await;
        world
    }

    /// A world of so many pages, `row 0` onwards, pulled once.
    pub(crate) async fn of_rows(rows: usize) -> Self {
        let names: Vec<String> = (0..rows).map(|row| format!("row {row}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Self::pulled(&names).await
    }

    /// Runs until what was written is no longer recent enough for an incremental run to return it,
    /// and forgets the ledger.
    pub(crate) async fn settle(&self) {
        for _ in 0..2 {
            let report = self.run().await;
            assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
            self.pass(Duration::from_secs(150));
        }
        self.sim.clear_ledger();
    }

    /// Time passes on both sides alike.
    pub(crate) fn pass(&self, span: Duration) {
        self.clock.pass(span);
        self.sim.advance(span);
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(self.clock.clone())
    }

    pub(crate) fn client_with(&self, timer: impl Timer) -> Client {
        let token = Token::new(self.sim.token()).unwrap().labelled("TEST_TOKEN");
        let builder = Client::builder(token).base_url(self.sim.base_url());
        let builder = builder.rate_limit(RateLimit::Off).timer(timer);
        builder.build().unwrap()
    }

    pub(crate) fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.file, Default::default()).unwrap()
    }

    pub(crate) fn replica(&self, client: Client, store: &SqliteStore) -> Replica {
        let source = self.data_source.parse().unwrap();
        let replica = Replica::new(client, source, store)
            .policy(self.policy.clone())
            .index_lag(self.index_lag)
            .clock(Arc::new(self.clock.clone()));
        if self.marker {
            replica.marker_field(MARKER)
        } else {
            replica
        }
    }

    /// One run of a process of its own: opens the file, syncs, closes it.
    pub(crate) async fn run(&self) -> Report {
        self.try_run().await.unwrap()
    }

    pub(crate) async fn try_run(&self) -> Result<Report, ReplicaError> {
        let store = self.store();
        let replica = self.replica(self.client(), &store);
        replica.run(&RunOptions::default()).await
    }

    /// A run during which something happens at the first event that `when` picks.
    pub(crate) async fn run_while(
        &self,
        when: impl Fn(&Event) -> bool + Send + Sync + 'static,
        happens: impl FnOnce() + Send + 'static,
    ) -> Report {
        self.try_run_while(&self.store(), when, happens)
            .await
            .unwrap()
    }

    pub(crate) async fn try_run_while(
        &self,
        store: &SqliteStore,
        when: impl Fn(&Event) -> bool + Send + Sync + 'static,
        happens: impl FnOnce() + Send + 'static,
    ) -> Result<Report, ReplicaError> {
        let happens = Mutex::new(Some(happens));
        let listener = move |event: &Event| {
            if when(event)
                && let Some(happens) = happens.lock().unwrap().take()
            {
                happens();
            }
        };
        let options = RunOptions {
            progress: Some(Arc::new(listener)),
            ..RunOptions::default()
        };
        let replica = self.replica(self.client(), store);
        replica.run(&options).await
    }

    /// A run that must do nothing at all.
    pub(crate) async fn quiet(&self) {
        self.sim.clear_ledger();
        let report = self.run().await;
        assert!(report.is_quiet(), "{report:?}");
        assert_eq!(self.writes(), Vec::new());
    }

    // The person at the file.

    pub(crate) fn person(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(&self.file).unwrap()
    }

    pub(crate) fn sql(&self, statement: &str) -> usize {
        self.person().execute(statement, []).unwrap()
    }

    /// One value of the file.
    pub(crate) fn cell(&self, query: &str) -> rusqlite::types::Value {
        let person = self.person();
        person.query_row(query, [], |row| row.get(0)).unwrap()
    }

    /// One column of one row.
    pub(crate) fn value(&self, name: &str, column: &str) -> rusqlite::types::Value {
        self.cell(&format!(
            "SELECT \"{column}\" FROM Tasks WHERE Name = '{name}'"
        ))
    }

    pub(crate) fn text(&self, name: &str, column: &str) -> Option<String> {
        match self.value(name, column) {
            rusqlite::types::Value::Null => None,
            rusqlite::types::Value::Text(text) => Some(text),
            other => panic!("{column} is {other:?}"),
        }
    }

    pub(crate) fn number(&self, query: &str) -> i64 {
        match self.cell(query) {
            rusqlite::types::Value::Integer(number) => number,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn live_rows(&self) -> i64 {
        self.number("SELECT count(*) FROM Tasks WHERE _trashed = 0")
    }

    // The person in Notion.

    /// Adds a page; gives its id.
    pub(crate) fn add(&self, name: &str, mut properties: Value) -> String {
        properties["Name"] = title(name);
        self.sim
            .create_as_person(&self.data_source, &properties)
            .unwrap()
    }

    pub(crate) fn edit(&self, name: &str, properties: Value) {
        self.sim
            .edit_as_person(&self.id(name), &properties)
            .unwrap();
    }

    pub(crate) fn trash(&self, name: &str, in_trash: bool) {
        self.sim.trash_as_person(&self.id(name), in_trash).unwrap();
    }

    /// Pages with that title, those in the trash too.
    pub(crate) fn pages(&self, name: &str) -> Vec<Value> {
        let pages = self.sim.pages(&self.data_source).unwrap().into_iter();
        pages.filter(|page| words(page, "Name") == name).collect()
    }

    pub(crate) fn page(&self, name: &str) -> Value {
        let mut pages = self.pages(name);
        assert_eq!(pages.len(), 1, "pages called {name:?}");
        pages.remove(0)
    }

    pub(crate) fn id(&self, name: &str) -> String {
        self.page(name)["id"].as_str().unwrap().to_owned()
    }

    /// What a page holds in a property, in Notion's form.
    pub(crate) fn held(&self, name: &str, property: &str) -> Value {
        held(&self.page(name), property)
    }

    // The ledger.

    /// Requests that changed something, since the ledger was last cleared.
    pub(crate) fn writes(&self) -> Vec<LedgerEntry> {
        let entries = self.sim.ledger().into_iter();
        entries.filter(|entry| entry.committed).collect()
    }

    /// All requests since the ledger was last cleared.
    pub(crate) fn requests(&self) -> usize {
        self.sim.ledger().len()
    }

    /// Queries of the data source without a lower bound of time: sweeps.
    pub(crate) fn sweeps(&self) -> usize {
        let entries = self.sim.ledger().into_iter();
        let queries = entries.filter(|entry| entry.path.ends_with("/query"));
        let bounded = |body: &Option<Value>| {
            let body = body.as_ref().map(Value::to_string).unwrap_or_default();
            body.contains("last_edited_time") && body.contains("on_or_after")
        };
        queries.filter(|entry| !bounded(&entry.body)).count()
    }

    /// The id of a property.
    pub(crate) fn property(&self, name: &str) -> String {
        let state = self.sim.state();
        let sources = state["data_sources"].as_array().unwrap().clone();
        let source = sources
            .into_iter()
            .find(|source| source["id"] == json!(self.data_source))
            .unwrap();
        let properties = source["properties"].as_array().unwrap().clone();
        let property = properties.into_iter().find(|p| p["name"] == json!(name));
        property.unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// What a request sent for a property, whether it named it by name or by id.
    pub(crate) fn sent(&self, entry: &LedgerEntry, name: &str) -> Value {
        let properties = &entry.body.as_ref().unwrap()["properties"];
        let by_id = properties.get(self.property(name));
        let found = by_id.or_else(|| properties.get(name));
        found
            .unwrap_or_else(|| panic!("{name} is not in {properties}"))
            .clone()
    }
}

/// A title property.
pub(crate) fn title(name: &str) -> Value {
    json!({ "title": [{ "text": { "content": name } }] })
}

/// A text property.
pub(crate) fn rich_text(text: &str) -> Value {
    json!({ "rich_text": [{ "text": { "content": text } }] })
}

/// What a page holds in a property, in Notion's form.
pub(crate) fn held(page: &Value, property: &str) -> Value {
    let property = &page["properties"][property];
    property[property["type"].as_str().unwrap()].clone()
}

/// The words of a title or text property.
pub(crate) fn words(page: &Value, property: &str) -> String {
    let runs = held(page, property);
    let runs = runs.as_array().into_iter().flatten();
    runs.filter_map(|run| run["plain_text"].as_str()).collect()
}

/// A clock that stands until it is moved, and remembers every sleep; sleeping moves it.
#[derive(Clone, Debug)]
pub(crate) struct StandingClock {
    start: i64,
    state: Arc<Mutex<(Duration, Vec<Duration>)>>,
}

impl StandingClock {
    pub(crate) fn at(start: i64) -> Self {
        Self {
            start,
            state: Arc::default(),
        }
    }

    pub(crate) fn pass(&self, span: Duration) {
        self.state.lock().unwrap().0 += span;
    }

    /// How long was slept, each time, since the last look.
    pub(crate) fn slept(&self) -> Vec<Duration> {
        std::mem::take(&mut self.state.lock().unwrap().1)
    }

    fn fall_asleep(&self, span: Duration) {
        let mut state = self.state.lock().unwrap();
        state.0 += span;
        state.1.push(span);
    }
}

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        let since = self.state.lock().unwrap().0;
        Timestamp(self.start + i64::try_from(since.as_millis()).unwrap())
    }

    fn elapsed(&self) -> Duration {
        self.state.lock().unwrap().0
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.fall_asleep(span);
        Box::pin(std::future::ready(()))
    }
}

#[async_trait::async_trait]
impl Timer for StandingClock {
    fn now(&self) -> Duration {
        self.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        self.fall_asleep(duration);
    }
}
