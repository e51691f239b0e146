//! The running simulator, and what an embedding program can ask of it.

pub(crate) mod files;
pub(crate) mod people;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::builder::Builder;
use crate::clock::Clock;
use crate::endpoint::{self, containers, pages};
use crate::entry::{self, Broken};
use crate::error::ApiError;
use crate::faults::FaultRule;
use crate::front::Simulation;
use crate::generate;
use crate::ids::parse_id;
use crate::knobs::Knobs;
use crate::ledger::LedgerEntry;
use crate::limiter::{Limiter, Limits};
use crate::load::LoadReport;
use crate::model::World;
use crate::model::container::Database;
use crate::model::row::Parent;
use crate::shared::Shared;
use crate::state;
use crate::value::rich_text;

/// A refusal, in the words the API would use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SimError {
    /// HTTP status the API would answer with.
    pub status: u16,
    /// Error code, such as `validation_error`.
    pub code: String,
    /// The message.
    pub message: String,
}

impl From<ApiError> for SimError {
    fn from(error: ApiError) -> Self {
        Self {
            status: error.status,
            code: error.code,
            message: error.message,
        }
    }
}

/// A running simulator. It stops listening when dropped.
#[derive(Debug)]
pub struct NotionSim {
    shared: Arc<Shared>,
    base_url: String,
    token: String,
    report: LoadReport,
    stop: watch::Sender<bool>,
}

impl Drop for NotionSim {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

impl NotionSim {
    /// Settings to start with.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(
        shared: Arc<Shared>,
        base_url: String,
        token: String,
        report: LoadReport,
        stop: watch::Sender<bool>,
    ) -> Self {
        Self {
            shared,
            base_url,
            token,
            report,
            stop,
        }
    }

    /// `http://127.0.0.1:<port>`, without a socket `https://api.notion.com`; the API is under `/v1`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The token that requests must carry.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Answers a request where it stands: no socket, no runtime, no waiting. The API is under `/v1`, the
    /// control routes are under `/_sim/`, whatever the host. An answer that takes its time carries that as
    /// [`Latency`](crate::Latency).
    ///
    /// ```
    /// use bytes::Bytes;
    /// use notion_sync_sim::NotionSim;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sim = NotionSim::builder().in_memory()?;
    /// let request = http::Request::get("https://api.notion.com/v1/users/me")
    ///     .header("authorization", format!("Bearer {}", sim.token()))
    ///     .header("notion-version", "2026-03-11");
    /// let answer = sim.call(request.body(Bytes::new())?)?;
    /// assert_eq!(answer.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Broken`] where a connection would have broken.
    pub fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Broken> {
        entry::call(&self.shared, request)
    }

    /// What was found in the recordings it started from.
    #[must_use]
    pub fn load_report(&self) -> &LoadReport {
        &self.report
    }

    fn with<T>(&self, work: impl FnOnce(&mut Simulation) -> T) -> T {
        let mut simulation = self.shared.lock();
        // What was due by now changes something, too.
        let before = simulation.world.revision;
        simulation.tick();
        let result = work(&mut simulation);
        self.shared.ring(&simulation, before);
        result
    }

    /// Every request so far, oldest first.
    #[must_use]
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.with(|simulation| simulation.ledger.entries(false, 0))
    }

    /// Forgets the requests so far; numbering goes on.
    pub fn clear_ledger(&self) {
        self.with(|simulation| simulation.ledger.clear());
    }

    /// The simulated time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.with(|simulation| simulation.world.now)
    }

    /// Moves the clock on; a real clock becomes virtual.
    pub fn advance(&self, by: Duration) {
        self.with(|simulation| {
            simulation.clock.advance(by);
            simulation.tick();
        });
    }

    /// Sets the clock; it is virtual from now on.
    pub fn set_now(&self, now: Timestamp) {
        self.with(|simulation| {
            simulation.clock = Clock::Virtual(now);
            simulation.tick();
        });
    }

    /// Sets how many requests a token has per window; `None` for no limit. A new window begins.
    pub fn set_rate_limit(&self, per_minute: Option<u32>) {
        self.with(|simulation| simulation.limiter.set_per_token(per_minute));
    }

    /// Sets all limits; new windows begin.
    pub fn set_limits(&self, limits: Limits) {
        self.with(|simulation| simulation.limiter = Limiter::new(limits));
    }

    /// Sets how long queries and searches do not see a change.
    pub fn set_index_lag(&self, lag: Duration) {
        let lag = SignedDuration::try_from(lag).unwrap_or(SignedDuration::MAX);
        self.with(|simulation| simulation.set_index_lag(lag));
    }

    /// Sets how many results a query reaches at most.
    pub fn set_result_cap(&self, cap: usize) {
        self.with(|simulation| simulation.world.result_cap = cap.max(1));
    }

    /// Sets the answers to the questions that the documentation leaves open.
    pub fn set_knobs(&self, knobs: Knobs) {
        self.with(|simulation| simulation.set_knobs(knobs));
    }

    /// Adds a fault. A bare [`Fault`](crate::Fault) meets the next request.
    pub fn inject(&self, rule: impl Into<FaultRule>) {
        self.with(|simulation| simulation.inject(rule.into()));
    }

    /// Removes all faults that wait.
    pub fn clear_faults(&self) {
        self.with(|simulation| simulation.faults.clear());
    }

    /// Gives or takes away an object, with everything in it.
    ///
    /// # Errors
    /// When `id` is not a UUID.
    pub fn share(&self, id: &str, shared: bool) -> Result<(), SimError> {
        let id = id_of(id)?;
        self.with(|simulation| simulation.world.share(id, shared));
        Ok(())
    }

    /// Makes a token good or bad.
    pub fn set_token(&self, token: &str, valid: bool) {
        self.with(|simulation| simulation.world.set_token(token, valid));
    }

    /// Edits a page in place of a person: `properties` by the API's own rules.
    ///
    /// # Errors
    /// As the API would refuse it.
    pub fn edit_as_person(&self, page: &str, properties: &Value) -> Result<(), SimError> {
        self.edit_in_place(&json!({"page_id": page, "properties": properties}))
            .map(|_| ())
    }

    /// Moves a page into the trash or back, in place of a person.
    ///
    /// # Errors
    /// As the API would refuse it.
    pub fn trash_as_person(&self, page: &str, in_trash: bool) -> Result<(), SimError> {
        self.edit_in_place(&json!({"page_id": page, "in_trash": in_trash}))
            .map(|_| ())
    }

    /// Moves a page into a data source, in place of a person. It keeps its id, and its values where
    /// the data source has a property of the same name and type.
    ///
    /// # Errors
    /// As the API would refuse it: a page in the trash, or one that is there already.
    pub fn move_as_person(&self, page: &str, data_source: &str) -> Result<(), SimError> {
        let to = json!({"data_source_id": data_source});
        self.edit_in_place(&json!({"page_id": page, "parent": to}))
            .map(|_| ())
    }

    /// Changes the properties of a data source in place of a person: `{"Name": {"name": "Title"}}`
    /// renames, `null` removes, another type retypes.
    ///
    /// # Errors
    /// As the API would refuse it.
    pub fn alter_as_person(&self, data_source: &str, properties: &Value) -> Result<(), SimError> {
        self.edit_in_place(&json!({"data_source_id": data_source, "properties": properties}))
            .map(|_| ())
    }

    /// Sets what a formula or rollup of a page shows from now on, as `{"type": "number", "number": 3}`.
    /// Computed anew, it counts as nobody's edit.
    ///
    /// # Errors
    /// When there is no such page, or no such formula or rollup.
    pub fn compute(&self, page: &str, property: &str, shown: &Value) -> Result<(), SimError> {
        let id = id_of(page)?;
        self.with(|simulation| Ok(simulation.world.compute(id, property, shown)?))
    }

    /// Creates a page in place of a person; gives its id.
    ///
    /// # Errors
    /// As the API would refuse it.
    pub fn create_as_person(
        &self,
        data_source: &str,
        properties: &Value,
    ) -> Result<String, SimError> {
        let create = json!({"data_source_id": data_source, "properties": properties});
        self.edit_in_place(&json!({"create": create}))
    }

    fn edit_in_place(&self, edit: &Value) -> Result<String, SimError> {
        self.with(|simulation| edit_as_person(simulation, edit))
    }

    /// Makes a database with one data source at the top of the workspace; gives the data source's
    /// id. `properties` is a schema as `POST /v1/databases` takes it.
    ///
    /// # Errors
    /// As the API would refuse it.
    pub fn create_data_source(&self, title: &str, properties: &Value) -> Result<String, SimError> {
        self.with(|simulation| create_data_source(simulation, title, properties))
    }

    /// Makes a page as the connection would; gives its id.
    ///
    /// # Errors
    /// As the API would refuse it.
    pub fn create_page(&self, data_source: &str, properties: &Value) -> Result<String, SimError> {
        let parent = Parent::DataSource(id_of(data_source)?);
        self.with(|simulation| {
            let world = &mut simulation.world;
            if let Parent::DataSource(id) = parent {
                world.data_source(id)?;
            }
            let change = pages::change(&body(&[("properties", properties)]))?;
            let author = world.bot;
            Ok(world.create_page(parent, change, author)?.to_string())
        })
    }

    /// A page as `GET /v1/pages/{id}` gives it, shared or not.
    ///
    /// # Errors
    /// When there is no such page.
    pub fn page(&self, id: &str) -> Result<Value, SimError> {
        let id = id_of(id)?;
        Ok(self.with(|simulation| state::page_wire(&simulation.world, id))?)
    }

    /// All pages of a data source, oldest first, with those in the trash.
    ///
    /// # Errors
    /// When there is no such data source.
    pub fn pages(&self, data_source: &str) -> Result<Vec<Value>, SimError> {
        let id = id_of(data_source)?;
        self.with(|simulation| {
            let world = &simulation.world;
            if !world.data_sources.contains_key(&id) {
                return Err(world.not_found("data_source", data_source).into());
            }
            let pages = world.pages_in(id).into_iter();
            let pages = pages.filter(|id| !world.is_aside(*id));
            let pages = pages.filter_map(|id| world.pages.get(&id));
            Ok(pages.map(|page| world.page_value(page.row())).collect())
        })
    }

    /// Ids of all data sources, with those in the trash.
    #[must_use]
    pub fn data_sources(&self) -> Vec<String> {
        self.with(|simulation| {
            let ids = simulation.world.data_sources.keys();
            ids.map(Uuid::to_string).collect()
        })
    }

    /// A data source of `rows` pages with 16 properties, the same for the same seed; gives its id.
    ///
    /// # Errors
    /// Never in practice: the values keep to the API's rules.
    pub fn generate(&self, title: &str, rows: usize) -> Result<String, SimError> {
        self.with(|simulation| generate::mixed16(simulation, title, rows))
    }

    /// The whole state as one document.
    #[must_use]
    pub fn state(&self) -> Value {
        self.with(|simulation| state::dump(simulation))
    }

    /// Writes the state file now, if one was given. Says whether it was behind.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn save(&self) -> std::io::Result<bool> {
        self.shared.save().await
    }
}

pub(crate) fn id_of(text: &str) -> Result<Uuid, SimError> {
    parse_id(text).ok_or_else(|| {
        ApiError::validation(format!(
            "id should be a valid uuid, instead was `\"{text}\"`."
        ))
        .into()
    })
}

fn body(fields: &[(&str, &Value)]) -> Map<String, Value> {
    fields
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).clone()))
        .collect()
}

/// Carries out `{page_id, properties?, in_trash?}`, `{page_id, parent}`,
/// `{create: {data_source_id, properties}}` or `{data_source_id, properties}` in the person's name;
/// gives the id of the page or data source. A person sees what the connection was not given, too.
pub(crate) fn edit_as_person(
    simulation: &mut Simulation,
    edit: &Value,
) -> Result<String, SimError> {
    let world = &mut simulation.world;
    let unshared = std::mem::take(&mut world.unshared);
    let edited = edit_seeing_all(world, edit);
    world.unshared = unshared;
    edited
}

fn edit_seeing_all(world: &mut World, edit: &Value) -> Result<String, SimError> {
    let person = world.person;
    if let Some(create) = edit.get("create") {
        let source = id_of(create["data_source_id"].as_str().unwrap_or_default())?;
        world.data_source(source)?;
        let none = json!({});
        let properties = create.get("properties").unwrap_or(&none);
        let change = pages::change(&body(&[("properties", properties)]))?;
        let id = world.create_page(Parent::DataSource(source), change, person)?;
        return Ok(id.to_string());
    }
    if let Some(source) = edit["data_source_id"].as_str() {
        let properties = edit["properties"].as_object().cloned();
        world.patch_schema(id_of(source)?, &properties.unwrap_or_default())?;
        return Ok(source.to_owned());
    }
    let id = id_of(edit["page_id"].as_str().unwrap_or_default())?;
    if edit.get("parent").is_some() {
        let fields = edit.as_object().cloned().unwrap_or_default();
        let to = endpoint::parent(world, &fields)?;
        world.move_page(id, to, person)?;
        return Ok(id.to_string());
    }
    let fields: Map<String, Value> = edit
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != "page_id")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let change = pages::change(&fields)?;
    world.update_page(id, change, person)?;
    Ok(id.to_string())
}

/// Makes a database at the top of the workspace; gives the id of its data source.
pub(crate) fn create_data_source(
    simulation: &mut Simulation,
    title: &str,
    properties: &Value,
) -> Result<String, SimError> {
    let world = &mut simulation.world;
    let Some(properties) = properties.as_object() else {
        return Err(ApiError::body("body.properties", "an object", Some(properties)).into());
    };
    world.check_schema("body.properties", properties)?;
    let id = world.ids.next_uuid();
    let mut database = Database::new(id, Parent::Workspace, world.now);
    let title = rich_text::from_plain(title);
    database.title = title.clone();
    world.insert_database(database);
    let source = containers::add_data_source(world, id, title, "body.properties", properties)?;
    Ok(source.to_string())
}
