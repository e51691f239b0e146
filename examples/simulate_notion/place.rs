//! A data source of the simulator as people use it, and read as it is when the truth is asked for.

use std::sync::Arc;
use std::time::Duration;

use notion_sync::notion::NotionPeer;
use notion_sync_core::port::Peer;
use notion_sync_core::record::{Cell, Key, Lifecycle, Record};
use notion_sync_core::schema::{FieldId, SchemaChange};
use notion_sync_core::testkit::sim::{MARKER, PAUSED, Place, Weather, Written};
use notion_sync_core::value::{Choice, DateValue, RawJson, RichText, Value as Held};
use notion_sync_sim::NotionSim;
use serde_json::{Value, json};

use super::glue::Server;

/// Properties whose ids are their names.
pub(crate) const PROPERTIES: [(&str, &str); 7] = [
    ("title", "title"),
    ("notes", "rich_text"),
    ("tags", "multi_select"),
    ("due", "date"),
    ("done", "checkbox"),
    (MARKER, "rich_text"),
    (PAUSED, "checkbox"),
];

/// A data source, and another one that pages can move to.
pub(crate) struct NotionPlace {
    pub(crate) peer: Arc<NotionPeer>,
    pub(crate) server: Server,
    pub(crate) source: String,
    pub(crate) elsewhere: String,
    pub(crate) lag: Duration,
}

impl NotionPlace {
    fn pages(&self, source: &str) -> Vec<Value> {
        let pages = self.server.now().pages(source);
        pages.unwrap_or_else(|error| panic!("the truth cannot be read: {error}"))
    }

    fn page(&self, key: &Key) -> Option<Value> {
        self.server.now().page(key.as_str()).ok()
    }

    /// The options of a property, as a list of options names them again.
    fn options(&self, field: &FieldId) -> Vec<Value> {
        let state = self.server.now().state();
        let sources = state["data_sources"].as_array().into_iter().flatten();
        let sources = sources.filter(|source| source["id"] == *self.source);
        let properties = sources
            .flat_map(|source| source["properties"].as_array())
            .flatten();
        let named = properties.filter(|property| property["id"] == *field.as_str());
        let options = named.flat_map(|property| property["multi_select"]["options"].as_array());
        let options = options.flatten();
        options
            .map(|option| json!({ "id": option["id"] }))
            .collect()
    }

    /// Whether it was let.
    fn edits(
        &self,
        edit: impl FnOnce(&NotionSim) -> Result<(), notion_sync_sim::SimError>,
    ) -> bool {
        edit(self.server.now()).is_ok()
    }
}

/// A value as a person types it into a property.
fn typed(field: &FieldId, written: &Written) -> Value {
    let text = |words: &str| match words {
        "" => json!([]),
        words => json!([{ "text": { "content": words } }]),
    };
    match (field.as_str(), written) {
        ("title", Written::Words(words)) => json!({ "title": text(words) }),
        ("title", _) => json!({ "title": [] }),
        ("tags", Written::Options(names)) => {
            let names = names.iter().map(|name| json!({ "name": name }));
            json!({ "multi_select": names.collect::<Vec<_>>() })
        }
        ("tags", _) => json!({ "multi_select": [] }),
        ("due", Written::Date(date)) => {
            let wire = date.to_string();
            let (start, end) = match wire.split_once('/') {
                Some((start, end)) => (start, Some(end)),
                None => (wire.as_str(), None),
            };
            json!({ "date": { "start": start, "end": end } })
        }
        ("due", _) => json!({ "date": null }),
        ("done" | PAUSED, Written::Tick(tick)) => json!({ "checkbox": tick }),
        ("done" | PAUSED, _) => json!({ "checkbox": false }),
        (_, Written::Words(words)) => json!({ "rich_text": text(words) }),
        _ => json!({ "rich_text": [] }),
    }
}

/// A property as a person reads it.
fn shown(property: &Value) -> Cell {
    let kind = property["type"].as_str().unwrap_or_default();
    let inner = &property[kind];
    let held = match kind {
        "title" | "rich_text" => {
            let runs = inner.as_array().into_iter().flatten();
            let words: String = runs.filter_map(|run| run["plain_text"].as_str()).collect();
            match words.is_empty() {
                true => Some(Held::Empty),
                false => Some(Held::rich_text(RichText::plain_text(words))),
            }
        }
        "multi_select" => {
            let options = inner.as_array().into_iter().flatten();
            let choice = |option: &Value| {
                let (id, name) = (option["id"].as_str()?, option["name"].as_str()?);
                Some(Choice::with_id(id, name))
            };
            options
                .map(choice)
                .collect::<Option<Vec<_>>>()
                .map(Held::choices)
        }
        "date" if inner.is_null() => Some(Held::Empty),
        "date" => date(inner).map(Held::Date),
        "checkbox" => inner.as_bool().map(Held::Bool),
        _ => None,
    };
    held.map_or_else(
        || Cell::Unsupported(RawJson::new(property.to_string())),
        Cell::Complete,
    )
}

fn date(inner: &Value) -> Option<DateValue> {
    let start = inner["start"].as_str()?;
    match inner["end"].as_str() {
        Some(end) => format!("{start}/{end}").parse().ok(),
        None => start.parse().ok(),
    }
}

fn record(page: &Value) -> Option<Record> {
    let properties = page["properties"].as_object()?;
    let cells = properties
        .values()
        .filter_map(|property| Some((FieldId::new(property["id"].as_str()?), shown(property))));
    Some(Record {
        key: Key::durable(page["id"].as_str()?),
        lifecycle: match page["in_trash"].as_bool()? {
            true => Lifecycle::Trashed,
            false => Lifecycle::Live,
        },
        version: None,
        edited_at: None,
        rank: None,
        cells: cells.collect(),
    })
}

impl Place for NotionPlace {
    fn peer(&self) -> Arc<dyn Peer> {
        let peer: Arc<NotionPeer> = Arc::clone(&self.peer);
        peer
    }

    fn create(&self, cells: &[(FieldId, Written)]) -> Option<Key> {
        let cells = cells.iter();
        let properties: serde_json::Map<String, Value> = cells
            .map(|(field, written)| (field.to_string(), typed(field, written)))
            .collect();
        let sim = self.server.now();
        let made = sim.create_as_person(&self.source, &Value::Object(properties));
        made.ok().map(Key::durable)
    }

    fn write(&self, key: &Key, field: &FieldId, value: &Written) -> bool {
        let properties = json!({ field.as_str(): typed(field, value) });
        self.edits(|sim| sim.edit_as_person(key.as_str(), &properties))
    }

    fn trash(&self, key: &Key, trashed: bool) {
        self.edits(|sim| sim.trash_as_person(key.as_str(), trashed));
    }

    fn erase(&self, _: &Key) -> bool {
        false
    }

    fn alter(&self, change: &SchemaChange) -> bool {
        match change {
            SchemaChange::RenameField { field, name } => {
                // Both: a page that moves keeps what has the same name there.
                let properties = json!({ field.as_str(): { "name": name } });
                let sources = [&self.elsewhere, &self.source];
                let mut sources = sources.into_iter();
                sources.all(|source| self.edits(|sim| sim.alter_as_person(source, &properties)))
            }
            SchemaChange::AddOptions { field, names } => {
                let mut options = self.options(field);
                options.extend(names.iter().map(|name| json!({ "name": name })));
                let properties =
                    json!({ field.as_str(): { "multi_select": { "options": options } } });
                self.edits(|sim| sim.alter_as_person(&self.source, &properties))
            }
            _ => true,
        }
    }

    fn weather(&self, weather: &Weather) -> bool {
        let sim = self.server.now();
        match weather {
            Weather::Hidden(key, hidden) => sim.share(key.as_str(), !hidden).is_ok(),
            Weather::Capped(most) => {
                sim.set_result_cap(most.unwrap_or(10_000));
                true
            }
            Weather::Late(late) => {
                sim.set_index_lag(if *late { self.lag } else { Duration::ZERO });
                true
            }
            Weather::Moved(key, moved) => {
                let to = if *moved {
                    &self.elsewhere
                } else {
                    &self.source
                };
                sim.move_as_person(key.as_str(), to).is_ok()
            }
            // A property that is deleted comes back empty, and nobody writes nonsense into one.
            Weather::FieldGone(..) | Weather::Garbled(..) => false,
        }
    }

    fn record(&self, key: &Key) -> Option<Record> {
        record(&self.page(key)?)
    }

    fn records(&self) -> Vec<Record> {
        let sources = [&self.source, &self.elsewhere];
        let pages = sources.into_iter().flat_map(|source| self.pages(source));
        let mut records: Vec<Record> = pages.filter_map(|page| record(&page)).collect();
        records.sort_by(|one, other| one.key.cmp(&other.key));
        records
    }

    fn keys(&self, live: bool) -> Vec<Key> {
        let records = self.pages(&self.source).into_iter();
        let records = records.filter_map(|page| record(&page));
        let keys = records.filter(|record| (record.lifecycle == Lifecycle::Live) == live);
        let mut keys: Vec<Key> = keys.map(|record| record.key).collect();
        keys.sort();
        keys
    }

    /// Lists of options are shown whole.
    fn truncates(&self, _: usize) -> bool {
        false
    }

    /// Texts are cut into runs: what people write here always fits.
    fn refuses(&self, _: &Held) -> bool {
        false
    }

    fn takes_nonsense(&self) -> bool {
        false
    }
}
