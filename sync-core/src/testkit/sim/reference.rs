//! Worlds of reference parts: two unlike peers in memory, a store in memory.

use std::sync::Arc;

use super::setting::{Kind, Setting};
use super::world::{MARKER, PAUSED, Place, Weather, World, Written, tag_names};
use crate::conflict::Conflict;
use crate::link::{Lens, LinkId, LinkSpec, MappedField, Mapping, Policy, Side, Sides};
use crate::port::{Peer, PlaceId, Store};
use crate::record::{Key, Record};
use crate::schema::{Access, Field, FieldId, FieldType, Limits, Relation, Schema, SchemaChange};
use crate::testkit::{MemoryPeer, MemoryStore, VirtualClock};
use crate::value::{Choice, DatePrecision, RichText, Value};

/// The longest text that a side like Notion takes.
const LONGEST: u32 = 200;

/// Two reference peers and a reference store.
#[derive(Debug)]
pub struct ReferenceWorld {
    places: Sides<ReferencePlace>,
    store: MemoryStore,
    clock: VirtualClock,
    /// Whether creates carry a marker.
    marker: bool,
}

/// A reference peer as people use it.
#[derive(Debug)]
struct ReferencePlace {
    kind: Kind,
    peer: MemoryPeer,
}

impl ReferenceWorld {
    /// The world of a setting.
    pub fn new(setting: &Setting) -> Self {
        let Setting {
            kinds,
            lag,
            marker,
            page,
        } = *setting;
        let clock = VirtualClock::default();
        let names = Sides::new("left", "right");
        let places = Sides::from_fn(|side| {
            let (kind, name) = (kinds[side], names[side]);
            let (schema, clock) = (schema(kind), clock.clone());
            let peer = match kind {
                Kind::Notion => MemoryPeer::notion_like(name, schema, clock, lag),
                Kind::Sql | Kind::Replica => MemoryPeer::sql_like(name, schema, clock),
                Kind::Files => MemoryPeer::file_like(name, schema, clock),
            };
            if let Some(page) = page.filter(|_| kind == Kind::Notion) {
                peer.slices(page);
            }
            ReferencePlace { kind, peer }
        });
        let replica = Side::BOTH
            .into_iter()
            .find(|side| kinds[*side] == Kind::Replica);
        let store = match replica {
            Some(side) => MemoryStore::colocated_with(places[side].peer.clone()),
            None => MemoryStore::default(),
        };
        Self {
            places,
            store,
            clock,
            marker,
        }
    }

    fn link_id() -> LinkId {
        LinkId::new("sim")
    }

    /// The side that is never asked to look up creates by marker.
    fn takes_marker(&self, side: Side) -> bool {
        self.marker && self.places[side].kind != Kind::Replica
    }
}

impl World for ReferenceWorld {
    fn place(&self, side: Side) -> &dyn Place {
        &self.places[side]
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    fn link(&self, policy: Policy) -> LinkSpec {
        let same =
            |id: &str, lens| MappedField::new(Sides::new(FieldId::new(id), FieldId::new(id)), lens);
        let rich = Side::BOTH
            .into_iter()
            .find(|side| self.places[*side].kind == Kind::Notion);
        let precision = DatePrecision::Minute;
        let mut fields = vec![
            same("title", Lens::Identity),
            same(
                "notes",
                rich.map_or(Lens::Identity, |rich| Lens::Words { rich }),
            ),
            same("tags", Lens::Choices),
            same("due", Lens::Date { precision }),
            same("done", Lens::Checkbox),
        ];
        let markers = Sides::from_fn(|side| self.takes_marker(side).then(|| FieldId::new(MARKER)));
        // Where only one side carries markers the other shows them.
        if let (Some(_), None) | (None, Some(_)) = (&markers.left, &markers.right) {
            let from = if markers.left.is_some() {
                Side::Left
            } else {
                Side::Right
            };
            fields.push(same(MARKER, Lens::Projection { from }));
        }
        LinkSpec {
            id: Self::link_id(),
            places: Sides::from_fn(|side| self.places[side].peer.place().clone()),
            names: Sides::from_fn(|side| format!("{side:?} {:?}", self.places[side].kind)),
            mapping: Mapping {
                fields,
                markers,
                ..Mapping::default()
            },
            filters: Sides::default(),
            policy,
        }
    }

    fn add_references(&self, field: &FieldId, astray: Option<Side>) -> bool {
        for side in Side::BOTH {
            let peer = &self.places[side].peer;
            let target = match astray == Some(side) {
                true => PlaceId::new("elsewhere"),
                false => peer.place().clone(),
            };
            peer.change_schema(|schema| {
                schema.fields.push(Field {
                    id: field.clone(),
                    name: field.to_string(),
                    ty: FieldType::Relation(Relation {
                        target,
                        mirror: None,
                    }),
                    access: Access::Writable,
                    limits: Limits::default(),
                });
            });
        }
        true
    }

    fn remap(&self, _: Sides<&Schema>) -> Option<Vec<MappedField>> {
        None
    }

    fn decide(&self, _: &Conflict, _: Side) -> bool {
        false
    }

    fn clock(&self) -> &VirtualClock {
        &self.clock
    }

    fn process_died(&self) {
        self.store.break_lease(&Self::link_id());
    }

    fn idle(&self) {}
}

fn schema(kind: Kind) -> Schema {
    let field = |id: &str, ty| Field {
        id: FieldId::new(id),
        name: id.to_owned(),
        ty,
        access: Access::Writable,
        limits: Limits {
            max_utf16: (kind == Kind::Notion).then_some(LONGEST),
            ..Limits::default()
        },
    };
    let (notes, options) = match kind {
        Kind::Notion => (FieldType::RichText, tag_names().map(option).collect()),
        _ => (FieldType::Text, Vec::new()),
    };
    Schema {
        title: "Tasks".into(),
        fields: vec![
            field("title", FieldType::Title),
            field("notes", notes),
            field("tags", FieldType::MultiSelect(options)),
            field("due", FieldType::Date),
            field("done", FieldType::Checkbox),
            field(MARKER, FieldType::Text),
            field(PAUSED, FieldType::Checkbox),
        ],
    }
}

fn option(name: String) -> Choice {
    Choice::with_id(format!("id-{name}"), name)
}

impl ReferencePlace {
    fn spell(&self, field: &FieldId, written: &Written) -> Value {
        let notion = self.kind == Kind::Notion;
        match written {
            Written::Nothing => Value::Empty,
            Written::Words(words) if notion && field.as_str() == "notes" => {
                Value::rich_text(RichText::plain_text(words.clone()))
            }
            Written::Words(words) => Value::text(words.clone()),
            Written::Options(names) => {
                let spell = |name: &String| match notion {
                    true => option(name.clone()),
                    false => Choice::named(name.clone()),
                };
                Value::choices(names.iter().map(spell).collect())
            }
            Written::Records(keys) => super::relations::spelled(keys),
            Written::Tick(tick) => Value::Bool(*tick),
            Written::Date(date) => Value::Date(date.clone()),
        }
    }
}

impl Place for ReferencePlace {
    fn peer(&self) -> Arc<dyn Peer> {
        Arc::new(self.peer.clone())
    }

    fn create(&self, cells: &[(FieldId, Written)]) -> Option<Key> {
        let spelled = cells
            .iter()
            .map(|(field, written)| (field.as_str(), self.spell(field, written)));
        Some(self.peer.person_creates(&spelled.collect::<Vec<_>>()))
    }

    fn write(&self, key: &Key, field: &FieldId, value: &Written) -> bool {
        let value = self.spell(field, value);
        self.peer.person_sets(key, field.as_str(), value);
        true
    }

    fn trash(&self, key: &Key, trashed: bool) {
        self.peer.person_trashes(key, trashed);
    }

    fn erase(&self, key: &Key) -> bool {
        let possible = self.kind != Kind::Notion;
        if possible {
            self.peer.person_erases(key);
        }
        possible
    }

    fn alter(&self, change: &SchemaChange) -> bool {
        if self.kind != Kind::Notion {
            return false;
        }
        self.peer.change_schema(|schema| match change {
            SchemaChange::RenameField { field, name } => {
                for there in &mut schema.fields {
                    if there.id == *field {
                        there.name.clone_from(name);
                    }
                }
            }
            SchemaChange::AddOptions { field, names } => {
                for there in &mut schema.fields {
                    if let (true, FieldType::MultiSelect(options)) =
                        (there.id == *field, &mut there.ty)
                    {
                        let new = names
                            .iter()
                            .filter(|name| options.iter().all(|o| o.name != **name));
                        let new: Vec<_> = new.cloned().map(option).collect();
                        options.extend(new);
                    }
                }
            }
            _ => {}
        });
        true
    }

    fn weather(&self, weather: &Weather) -> bool {
        match (weather, self.kind) {
            (Weather::Hidden(key, hidden), Kind::Notion) => self.peer.hide(key, *hidden),
            (Weather::Capped(most), Kind::Notion) => self.peer.cap(*most),
            (Weather::Late(late), Kind::Notion) => self.peer.late(*late),
            (Weather::Moved(key, moved), Kind::Notion) => self.peer.move_away(key, *moved),
            (Weather::FieldGone(field, gone), Kind::Notion) => self.peer.lose_field(field, *gone),
            (Weather::Garbled(field, garbled), Kind::Notion) => self.peer.garble(field, *garbled),
            _ => return false,
        }
        true
    }

    fn record(&self, key: &Key) -> Option<Record> {
        self.peer.record(key)
    }

    fn records(&self) -> Vec<Record> {
        self.peer.records()
    }

    fn keys(&self, live: bool) -> Vec<Key> {
        self.peer.keys(live)
    }

    fn truncates(&self, items: usize) -> bool {
        self.kind == Kind::Notion && items > 25
    }

    fn refuses(&self, value: &Value) -> bool {
        let words = matches!(value, Value::Text(_) | Value::RichText(_));
        let longest = usize::try_from(LONGEST).unwrap_or(usize::MAX);
        self.kind == Kind::Notion && words && value.display().chars().count() > longest
    }

    fn takes_nonsense(&self) -> bool {
        self.kind != Kind::Notion
    }
}
