//! What the store suite asks of a place besides its store.

use super::{PeerWorld, Task};
use crate::link::{Lens, LinkId, LinkSpec, MappedField, Mapping, Policy, Side, Sides};
use crate::port::{PlaceId, Store};
use crate::schema::FieldId;

/// A fresh, empty store and everybody around it.
///
/// One method has to be written, the others fit stores that end with their handle.
pub trait StoreWorld {
    /// The store under test.
    fn store(&self) -> &dyn Store;

    /// Ends the process that holds the store, leases and all, and opens the store in the next one.
    /// `false` where nothing outlives the handle.
    fn reopen(&mut self) -> bool {
        false
    }

    /// The link the suite works on; its mapping names fields for the records it remembers.
    fn spec(&self) -> LinkSpec {
        spec()
    }

    /// The collection whose commands this store executes inside its commits, if there is one. Empty
    /// at the start.
    fn colocated(&self) -> Option<Colocated<'_>> {
        None
    }

    /// Runs a task to its end. Stores that need a runtime bring it here.
    fn drive(&self, task: Task<'_>) {
        futures::executor::block_on(task);
    }
}

/// A side of the link that lives in the store.
#[derive(Clone, Copy)]
pub struct Colocated<'a> {
    /// Which side it is.
    pub side: Side,
    /// Its records and the people who edit them.
    pub world: &'a dyn PeerWorld,
}

impl std::fmt::Debug for Colocated<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Colocated")
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

/// A link between two places that nobody has to reach, with four fields.
pub fn spec() -> LinkSpec {
    let id = |side: char, at: u8| FieldId::new(format!("{side}{at}"));
    let field = |at| MappedField::new(Sides::new(id('l', at), id('r', at)), Lens::Identity);
    LinkSpec {
        id: LinkId::new("contract"),
        places: Sides::new(
            PlaceId::new("left:contract"),
            PlaceId::new("right:contract"),
        ),
        names: Sides::new("Left".into(), "Right".into()),
        mapping: Mapping {
            fields: (0..4).map(field).collect(),
            ..Mapping::default()
        },
        filters: Sides::default(),
        policy: Policy::default(),
    }
}
