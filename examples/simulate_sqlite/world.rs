//! Worlds whose store is a SQLite file: with reference peers on both sides, or with a table of that
//! very file on one of them.

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex};

use futures::executor::block_on;
use notion_sync_core::conflict::Conflict;
use notion_sync_core::link::{LinkSpec, MappedField, Mapping, Policy, Side, Sides};
use notion_sync_core::port::{Call, Cancel, Peer, PeerError, Store};
use notion_sync_core::schema::{FieldId, Schema};
use notion_sync_core::testkit::VirtualClock;
use notion_sync_core::testkit::sim::{Kind, PARENT, Place, ReferenceWorld, Setting, World};

use super::file::{FileStore, StoreFile, TableSpec};
use super::table::TablePlace;

/// A world of reference parts, but for the store, and for what lies in its file.
pub(crate) struct SqliteWorld {
    reference: ReferenceWorld,
    file: Arc<StoreFile>,
    table: Option<Table>,
}

/// The side that is a table of the file.
struct Table {
    side: Side,
    place: TablePlace,
}

fn schema_of(source: &dyn Peer) -> Result<Schema, PeerError> {
    let cancel = Cancel::default();
    Ok(block_on(source.describe(&Call::new(&cancel)))?.schema)
}

impl SqliteWorld {
    /// The world of a setting, its file in a new folder below this one.
    pub(crate) fn new(setting: &Setting, below: &Path) -> Result<Self, Box<dyn Error>> {
        let reference = ReferenceWorld::new(setting);
        let mut sides = Side::BOTH.into_iter();
        let side = sides.find(|side| setting.kinds[*side] == Kind::Replica);
        let link = reference.link(Policy::default());
        let spec = side.map(|side| {
            let source = reference.place(side.other()).peer();
            Ok::<_, PeerError>(TableSpec {
                link: link.id.clone(),
                source: side.other(),
                place: source.place().clone(),
                marker: setting.marker,
                schema: Mutex::new(schema_of(&*source)?),
            })
        });
        let file = Arc::new(StoreFile::new(below, &link, spec.transpose()?)?);
        let table = match (side, file.mapping()?) {
            (Some(side), Some((_, place))) => {
                let page = setting.page.unwrap_or(u32::MAX);
                let place = TablePlace::open(&file, place, page)?;
                Some(Table { side, place })
            }
            _ => None,
        };
        Ok(Self {
            reference,
            file,
            table,
        })
    }
}

impl SqliteWorld {
    /// Without what people use beside the link: that has columns too.
    fn linked(&self, mapping: Mapping) -> Vec<MappedField> {
        let mut fields = mapping.fields;
        let linked = self.reference.link(Policy::default()).mapping;
        let is_linked = |name: &FieldId| name.as_str() == PARENT || linked.field(name).is_some();
        fields.retain(|field| is_linked(field.name()));
        fields
    }
}

impl World for SqliteWorld {
    fn place(&self, side: Side) -> &dyn Place {
        match &self.table {
            Some(table) if table.side == side => &table.place,
            _ => self.reference.place(side),
        }
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(FileStore(Arc::clone(&self.file)))
    }

    fn link(&self, policy: Policy) -> LinkSpec {
        let mut link = self.reference.link(policy);
        if let Some(table) = &self.table {
            link.places[table.side] = table.place.place().clone();
            if let Ok(Some((mapping, _))) = self.file.mapping() {
                link.mapping.fields = self.linked(mapping);
            }
        }
        link
    }

    /// The table refers where its source does: where that points at what nobody links it is only read.
    fn add_references(&self, field: &FieldId, astray: Option<Side>) -> bool {
        let Some(table) = &self.table else {
            return self.reference.add_references(field, astray);
        };
        let source = self.reference.place(table.side.other()).peer();
        let made = astray.is_none()
            && self.reference.add_references(field, None)
            && schema_of(&*source).is_ok_and(|schema| self.file.align(&schema).is_ok());
        if made {
            table.place.refers();
        }
        made
    }

    /// As a program does that keeps a table after its source.
    fn remap(&self, schemas: Sides<&Schema>) -> Option<Vec<MappedField>> {
        let source = self.table.as_ref()?.side.other();
        let (mapping, _) = self.file.align(schemas[source]).ok()??;
        Some(self.linked(mapping))
    }

    fn decide(&self, conflict: &Conflict, keep: Side) -> bool {
        let names = self.reference.link(Policy::default()).names;
        self.file.decide(conflict, &names[keep].to_lowercase())
    }

    fn clock(&self) -> &VirtualClock {
        self.reference.clock()
    }

    fn process_died(&self) {
        self.file.close();
    }

    fn idle(&self) {}
}
