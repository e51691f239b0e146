//! Worlds in which one side is the Notion peer over the simulator; the rest is for reference.

use std::error::Error;
use std::sync::Arc;

use notion_sync::client::{Client, RateLimit, RetryPolicy, Token};
use notion_sync::notion::{NotionOptions, NotionPeer, place};
use notion_sync_core::conflict::Conflict;
use notion_sync_core::link::{Lens, LinkSpec, MappedField, Policy, Side, Sides};
use notion_sync_core::port::Store;
use notion_sync_core::schema::{FieldId, Schema};
use notion_sync_core::testkit::VirtualClock;
use notion_sync_core::testkit::sim::{
    Kind, MARKER, Place, ReferenceWorld, Setting, World, tag_names,
};
use notion_sync_sim::{Clock, NotionSim};
use serde_json::{Map, Value, json};

use super::glue::{Server, Waits};
use super::place::{NotionPlace, PROPERTIES};

/// A world of reference parts, but for Notion.
pub(crate) struct NotionWorld {
    reference: ReferenceWorld,
    side: Side,
    place: NotionPlace,
}

impl NotionWorld {
    /// The world of a setting, in which one side is like Notion.
    pub(crate) fn new(setting: &Setting) -> Result<Self, Box<dyn Error>> {
        let reference = ReferenceWorld::new(setting);
        let clock = reference.clock().clone();
        let mut sides = Side::BOTH.into_iter();
        let side = sides.find(|side| setting.kinds[*side] == Kind::Notion);
        let side = side.ok_or("no side of this setting is like Notion")?;

        let (sim, source, elsewhere) = workspace()?;
        sim.set_index_lag(setting.lag);
        let token = Token::new(sim.token())?;
        let server = Server::new(sim, clock.clone());
        let client = Client::builder(token)
            .transport(server.clone())
            .timer(Waits(clock))
            .rate_limit(RateLimit::Off)
            .retry(RetryPolicy::never())
            .build()?;
        let mut options = NotionOptions::default().index_lag(setting.lag);
        if setting.marker {
            options = options.marker_field(MARKER);
        }
        if let Some(page) = setting.page {
            options.page_size = u8::try_from(page)?;
        }
        let place = NotionPlace {
            peer: Arc::new(NotionPeer::new(client, source.parse()?, options)),
            server,
            source,
            elsewhere,
            lag: setting.lag,
        };
        Ok(Self {
            reference,
            side,
            place,
        })
    }
}

/// Two data sources of the same properties, whose ids are their names.
fn workspace() -> Result<(NotionSim, String, String), Box<dyn Error>> {
    let builder = || {
        NotionSim::builder().rate_limit(None).clock(Clock::Virtual(
            "2026-01-01T00:00:00Z".parse().unwrap_or_default(),
        ))
    };
    let draft = builder().in_memory()?;
    let tags: Vec<Value> = tag_names().map(|name| json!({ "name": name })).collect();
    let schema = PROPERTIES.map(|(name, kind)| {
        let inner = match kind {
            "multi_select" => json!({ "options": tags }),
            _ => json!({}),
        };
        (name.to_owned(), json!({ kind: inner }))
    });
    let schema = Value::Object(Map::from_iter(schema));
    let source = draft.create_data_source("Tasks", &schema)?;
    let elsewhere = draft.create_data_source("Elsewhere", &schema)?;
    let mut state = draft.state();
    for source in state["data_sources"].as_array_mut().into_iter().flatten() {
        for property in source["properties"].as_array_mut().into_iter().flatten() {
            property["id"] = property["name"].clone();
        }
    }
    Ok((builder().state(state).in_memory()?, source, elsewhere))
}

impl World for NotionWorld {
    fn place(&self, side: Side) -> &dyn Place {
        match side == self.side {
            true => &self.place,
            false => self.reference.place(side),
        }
    }

    fn store(&self) -> Arc<dyn Store> {
        self.reference.store()
    }

    fn link(&self, policy: Policy) -> LinkSpec {
        let mut link = self.reference.link(policy);
        if let Ok(source) = self.place.source.parse() {
            link.places[self.side] = place(source);
        }
        // A title is a rich text here.
        let title = FieldId::new("title");
        for field in &mut link.mapping.fields {
            if *field.name() == title {
                field.lens = Lens::Words { rich: self.side };
            }
        }
        link
    }

    /// The peer writes no relations yet.
    fn add_references(&self, _: &FieldId, _: Option<Side>) -> bool {
        false
    }

    fn remap(&self, schemas: Sides<&Schema>) -> Option<Vec<MappedField>> {
        self.reference.remap(schemas)
    }

    fn decide(&self, conflict: &Conflict, keep: Side) -> bool {
        self.reference.decide(conflict, keep)
    }

    fn clock(&self) -> &VirtualClock {
        self.reference.clock()
    }

    fn process_died(&self) {
        self.reference.process_died();
    }

    fn idle(&self) {
        self.reference.idle();
    }
}
