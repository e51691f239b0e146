//! The reference parts under their own contract.

mod broken_peer;
mod broken_store;

use std::time::Duration;

use crate::link::{LinkSpec, Side};
use crate::port::{Capabilities, DeleteKind, Peer, Store};
use crate::record::{Cell, Key};
use crate::schema::{Access, Field, FieldId, FieldType, Limits, Schema};
use crate::testkit::contract::{Colocated, Deed, PeerWorld, StoreWorld, spec};
use crate::testkit::{MemoryPeer, MemoryStore, VirtualClock};
use crate::value::{Choice, RawJson};
use crate::{peer_contract, store_contract};

pub(in crate::testkit) struct MemoryWorld {
    pub(in crate::testkit) peer: MemoryPeer,
    pub(in crate::testkit) clock: VirtualClock,
}

impl PeerWorld for MemoryWorld {
    fn peer(&self) -> &dyn Peer {
        &self.peer
    }

    fn person(&self, deed: &Deed) -> Option<Key> {
        let peer = &self.peer;
        match deed {
            Deed::Create(cells) => {
                let cells = cells.iter();
                let cells: Vec<_> = cells
                    .map(|(field, value)| (field.as_str(), value.clone()))
                    .collect();
                Some(peer.person_creates(&cells))
            }
            Deed::Edit(key, cells) => {
                for (field, value) in cells {
                    peer.person_sets(key, field.as_str(), value.clone());
                }
                Some(key.clone())
            }
            Deed::Trash(key) | Deed::Restore(key) => {
                peer.person_trashes(key, matches!(deed, Deed::Trash(_)));
                Some(key.clone())
            }
            Deed::Damage(key) => {
                let odd = Cell::Unsupported(RawJson::new("{}"));
                peer.set_cell(key, "due", odd);
                Some(key.clone())
            }
            Deed::Purge(_) => None,
        }
    }

    fn advance(&self, span: Duration) {
        self.clock.advance(span);
    }
}

pub(in crate::testkit) fn world(capabilities: Capabilities) -> MemoryWorld {
    let clock = VirtualClock::default();
    let options = ["Low", "High"].map(|name| Choice::with_id(format!("id-{name}"), name));
    let field = |id: &str, ty, access| Field {
        id: FieldId::new(id),
        name: id.to_uppercase(),
        ty,
        access,
        limits: Limits::default(),
    };
    let schema = Schema {
        title: "Tasks".into(),
        fields: vec![
            field("title", FieldType::Title, Access::Writable),
            field("notes", FieldType::Text, Access::Writable),
            field("size", FieldType::Number, Access::Writable),
            field("done", FieldType::Checkbox, Access::Writable),
            field(
                "tags",
                FieldType::MultiSelect(options.to_vec()),
                Access::Writable,
            ),
            field("due", FieldType::Date, Access::Writable),
            field("made", FieldType::Date, Access::Computed),
        ],
    };
    MemoryWorld {
        peer: MemoryPeer::new("memory", schema, capabilities, clock.clone()),
        clock,
    }
}

/// The same with slices.
fn sliced(capabilities: Capabilities) -> Capabilities {
    Capabilities {
        slices: true,
        ..capabilities
    }
}

struct StoreInMemory {
    store: MemoryStore,
    table: Option<MemoryWorld>,
}

impl StoreWorld for StoreInMemory {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn reopen(&mut self) -> bool {
        self.store.break_lease(&self.spec().id);
        true
    }

    fn spec(&self) -> LinkSpec {
        let mut spec = spec();
        if let Some(table) = &self.table {
            spec.places.right = table.peer.place().clone();
        }
        spec
    }

    fn colocated(&self) -> Option<Colocated<'_>> {
        self.table.as_ref().map(|table| Colocated {
            side: Side::Right,
            world: table,
        })
    }
}

fn store(table: Option<MemoryWorld>) -> StoreInMemory {
    StoreInMemory {
        store: match &table {
            Some(table) => MemoryStore::colocated_with(table.peer.clone()),
            None => MemoryStore::default(),
        },
        table,
    }
}

peer_contract!(a_local_peer, || world(Capabilities::local()));
peer_contract!(a_local_peer_with_a_schema_of_its_own, || world(
    Capabilities {
        alter: true,
        ..Capabilities::local()
    }
));
peer_contract!(a_local_peer_without_a_trash, || world(Capabilities {
    delete: DeleteKind::Hard,
    ..Capabilities::local()
}));
peer_contract!(a_local_peer_that_deletes_nothing, || world(Capabilities {
    delete: DeleteKind::None,
    ..Capabilities::local()
}));
peer_contract!(a_remote_peer, || world(Capabilities::remote()));
peer_contract!(a_local_peer_with_slices, || world(sliced(
    Capabilities::local()
)));
peer_contract!(a_remote_peer_with_slices, || world(sliced(
    Capabilities::remote()
)));
store_contract!(a_store, || store(None));
store_contract!(a_store_with_a_table, || store(Some(world(
    Capabilities::local()
))));
