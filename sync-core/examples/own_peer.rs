//! A peer of one's own, an address book, explained in docs/write-your-own-peer.md.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::executor::block_on;
use notion_sync_core::engine::{Described, Engine, RunOptions};
use notion_sync_core::link::{Lens, LinkId, LinkSpec, MappedField, Mapping, Policy, Sides};
use notion_sync_core::peer_contract;
use notion_sync_core::port::*;
use notion_sync_core::record::{Cell, Key, Lifecycle, Record};
use notion_sync_core::schema::*;
use notion_sync_core::testkit::contract::{Deed, PeerWorld};
use notion_sync_core::testkit::{MemoryStore, VirtualClock};
use notion_sync_core::value::Value;

/// Names and e-mail addresses. Clones are handles to one book.
#[derive(Clone)]
struct AddressBook {
    place: PlaceId,
    book: Arc<Mutex<Book>>,
}

#[derive(Default)]
struct Book {
    cards: BTreeMap<Key, Record>,
    numbered: u32,
}

impl Book {
    fn blank(&mut self) -> Record {
        self.numbered += 1;
        let empty = |field: Field| (field.id, Cell::Complete(Value::Empty));
        Record {
            key: Key::durable(format!("card-{:04}", self.numbered)),
            lifecycle: Lifecycle::Live,
            version: None,
            edited_at: None,
            rank: None,
            cells: schema().fields.into_iter().map(empty).collect(),
        }
    }

    fn write(&mut self, mut record: Record, cells: &[(FieldId, Value)]) -> Record {
        for (field, value) in cells {
            record
                .cells
                .put(field.clone(), Cell::Complete(value.clone()));
        }
        self.cards.insert(record.key.clone(), record.clone());
        record
    }

    fn execute(&mut self, command: &Command) -> Outcome {
        if let Some(rejection) = command.refusal(&schema()) {
            return Outcome::Rejected(rejection);
        }
        let mut record = match &command.key {
            None => self.blank(),
            Some(key) => match self.cards.get(key).cloned() {
                None => return Outcome::Stale(None),
                Some(now) if !command.is_expected(&now) => return Outcome::Stale(Some(now)),
                Some(now) => now,
            },
        };
        record.lifecycle = command.kind.leads_to();
        let cells = command.cells.iter();
        let cells = cells.map(|cell| (cell.field.clone(), cell.desired.clone()));
        let record = self.write(record, &cells.collect::<Vec<_>>());
        Outcome::Done(Receipt {
            key: record.key.clone(),
            version: None,
            observed: Some(record),
        })
    }
}

fn schema() -> Schema {
    let field = |id: &str, ty| Field {
        id: FieldId::new(id),
        name: id.to_owned(),
        ty,
        access: Access::Writable,
        limits: Limits::default(),
    };
    Schema {
        title: "Address book".into(),
        fields: vec![
            field("name", FieldType::Title),
            field("mail", FieldType::Email),
        ],
    }
}

impl AddressBook {
    fn new(name: &str) -> Self {
        Self {
            place: PlaceId::new(format!("book:{name}")),
            book: Arc::default(),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self, why: &str) -> PeerError {
        PeerError::new(&self.place, PeerErrorKind::Local, why)
    }
}

#[async_trait]
impl Peer for AddressBook {
    fn place(&self) -> &PlaceId {
        &self.place
    }

    async fn describe(&self, _: &Call<'_>) -> Result<Description, PeerError> {
        let mut capabilities = Capabilities::local();
        capabilities.create = CreateSafety::Unproven;
        capabilities.changes = ChangeFeed::None;
        Ok(Description {
            schema: schema(),
            capabilities,
        })
    }

    async fn scan(
        &self,
        _: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        let book = self.book();
        let mut cards = match from {
            ScanFrom::Start { .. } => book.cards.range::<Key, _>(..),
            ScanFrom::Next(PageToken(last)) => {
                let last = Key::durable(last.as_str());
                book.cards.range((Bound::Excluded(last), Bound::Unbounded))
            }
        };
        let page: Vec<&Record> = cards
            .by_ref()
            .map(|(_, card)| card)
            .take(limit as usize)
            .collect();
        let next = match (page.last(), cards.next()) {
            (Some(last), Some(_)) => Next::More(PageToken(last.key.to_string())),
            _ => Next::End {
                coverage: Coverage::Complete(Scope::All),
                cursor: None,
            },
        };
        let seen = page
            .into_iter()
            .map(|card| Sighting::Seen(fields.select(card.clone())));
        Ok(ScanPage::new(seen.collect(), next))
    }

    async fn fetch(
        &self,
        _: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        let book = self.book();
        let look = |key| match book.cards.get(key) {
            Some(card) => Lookup::Here(fields.select(card.clone())),
            None => Lookup::Absent(Absence::Authoritative),
        };
        Ok(keys.iter().map(look).collect())
    }

    async fn find(
        &self,
        _: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        let book = self.book();
        let matching = |value: &Value| {
            let live = book
                .cards
                .values()
                .filter(|card| card.lifecycle == Lifecycle::Live);
            live.filter(|card| card.cells.complete(field) == Some(value))
                .cloned()
                .collect()
        };
        Ok(Found {
            records: values.iter().map(matching).collect(),
            lag: Duration::ZERO,
        })
    }

    async fn apply(&self, _: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        if batch.mode == Atomicity::AllOrNothing {
            return Err(self.refused("the book takes one card at a time"));
        }
        let mut book = self.book();
        let commands = batch.commands.iter();
        Ok(commands.map(|command| book.execute(command)).collect())
    }

    async fn alter(
        &self,
        _: &Call<'_>,
        _: &SchemaVersion,
        _: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        Err(self.refused("a card has a name and an address, and no room for more"))
    }
}

impl PeerWorld for AddressBook {
    fn peer(&self) -> &dyn Peer {
        self
    }

    fn person(&self, deed: &Deed) -> Option<Key> {
        let mut book = self.book();
        let (record, cells): (Record, &[_]) = match deed {
            Deed::Create(cells) => (book.blank(), cells),
            Deed::Edit(key, cells) => (book.cards.get(key)?.clone(), cells),
            Deed::Purge(key) => return book.cards.remove(key).map(|card| card.key),
            _ => return None,
        };
        Some(book.write(record, cells).key)
    }
}

peer_contract!(address_book, || AddressBook::new("contract"));

fn main() -> Result<(), Box<dyn Error>> {
    let books = Sides::new(AddressBook::new("home"), AddressBook::new("work"));
    let field = |id| {
        MappedField::new(
            Sides::new(FieldId::new(id), FieldId::new(id)),
            Lens::Identity,
        )
    };
    let spec = LinkSpec {
        id: LinkId::new("addresses"),
        places: books.as_ref().map(|book| book.place.clone()),
        names: Sides::new("Home".into(), "Work".into()),
        mapping: Mapping {
            fields: vec![field("name"), field("mail")],
            ..Mapping::default()
        },
        filters: Sides::default(),
        policy: Policy::default(),
    };
    let clock = VirtualClock::default();
    let cancel = Cancel::default();
    let described = |book: &AddressBook| -> Result<Described, PeerError> {
        let description = block_on(book.describe(&Call::new(&cancel)))?;
        let at = clock.now();
        Ok(Described { description, at })
    };
    let engine = Engine::new(
        spec,
        Sides::new(described(&books.left)?, described(&books.right)?),
        books.clone().map(|book| Arc::new(book) as Arc<dyn Peer>),
        Arc::new(MemoryStore::default()),
        Arc::new(clock),
    );
    books.left.person(&Deed::Create(vec![
        (FieldId::new("name"), Value::text("Ada")),
        (FieldId::new("mail"), Value::text("ada@example.org")),
    ]));
    block_on(engine.run(&RunOptions::default()))?;
    for card in books.right.book().cards.values() {
        let name = card.cells.complete(&FieldId::new("name"));
        println!(
            "at work now: {}",
            name.map_or(String::new(), Value::display)
        );
    }
    Ok(())
}
