//! Sixteen fields and as many records as asked for, computed when they are read: nothing of the
//! source lies in memory.

use std::sync::Mutex;

use async_trait::async_trait;
use notion_sync_core::port::{
    Absence, Batch, Call, Capabilities, Coverage, Cursor, Description, FieldSet, Found, Lookup,
    Next, Outcome, PageToken, Peer, PeerError, PeerErrorKind, PlaceId, ScanFrom, ScanPage, Scope,
    Sighting,
};
use notion_sync_core::record::{Cell, Key, Lifecycle, Record};
use notion_sync_core::schema::{
    Access, Field, FieldId, FieldType, Limits, Schema, SchemaChange, SchemaVersion,
};
use notion_sync_core::value::{Choice, RichText, Value};

/// A collection with a feed of its changes. It is read only for its peers.
pub(crate) struct Source {
    place: PlaceId,
    records: u64,
    /// Edits of the past: each of every so manyth record, from the first on.
    edits: Mutex<Vec<u64>>,
    alike: Vec<(FieldId, Cell)>,
}

impl Source {
    pub(crate) fn new(records: u64) -> Self {
        Self {
            place: PlaceId::new("notion:bench"),
            records,
            edits: Mutex::default(),
            alike: Self::alike(),
        }
    }

    /// Somebody edits a text of every so manyth record. Returns of how many.
    pub(crate) fn edit_every(&self, nth: u64) -> u64 {
        self.edits.lock().unwrap().push(nth);
        self.records.div_ceil(nth)
    }

    pub(crate) fn key(number: u64) -> Key {
        Key::durable(format!("0f3c6f6e-{number:024}"))
    }

    /// The record of a number, from zero.
    pub(crate) fn record(&self, number: u64) -> Record {
        let edits = self.edits.lock().unwrap();
        let edited = edits.iter().rposition(|nth| number.is_multiple_of(*nth));
        drop(edits);
        let key = Self::key(number);
        let integer = i64::try_from(number).unwrap();
        let words = |text: String| Value::rich_text(RichText::plain_text(text));
        let mut cells = self.alike.clone();
        let mut put = |field: usize, value| cells[field].1 = Cell::Complete(value);
        put(0, Value::Bool(number.is_multiple_of(2)));
        put(2, words(format!("name of record {number}")));
        put(4, Value::text(key.as_str()));
        put(
            5,
            Value::text(format!("https://www.notion.so/0f3c6f6e{number:024}")),
        );
        put(6, Value::Number(integer.into()));
        if let Some(edit) = edited {
            put(11, words(format!("edited for the {edit}th time")));
        }
        Record {
            key,
            lifecycle: Lifecycle::Live,
            version: None,
            edited_at: None,
            rank: None,
            cells: cells.into_iter().collect(),
        }
    }

    /// Cells of every record, in the order of their fields.
    fn alike() -> Vec<(FieldId, Cell)> {
        let words = RichText::plain_text("some words that every record has");
        let mut cells = vec![
            ("Done", Value::Bool(false)),
            ("Due", Value::Date("2026-06-15".parse().unwrap())),
            ("Name", Value::Empty),
            ("Stage", Value::Choice(Choice::with_id("abc", "Todo"))),
            ("_id", Value::Empty),
            ("_url", Value::Empty),
        ];
        cells.extend(NUMBERS.map(|name| (name, Value::Number(123.into()))));
        cells.extend(TEXTS.map(|name| (name, Value::rich_text(words.clone()))));
        let cells = cells.into_iter();
        let cells = cells.map(|(field, value)| (FieldId::new(field), Cell::Complete(value)));
        let cells: Vec<_> = cells.collect();
        assert!(cells.is_sorted_by(|one, next| one.0 < next.0));
        cells
    }

    pub(crate) fn schema() -> Schema {
        let field = |name: &str, ty, access| Field {
            id: FieldId::new(name),
            name: name.to_owned(),
            ty,
            access,
            limits: Limits::default(),
        };
        let mut fields = vec![
            field("_id", FieldType::Text, Access::Computed),
            field("_url", FieldType::Url, Access::Computed),
            field("Name", FieldType::Title, Access::Writable),
        ];
        for name in TEXTS {
            fields.push(field(name, FieldType::RichText, Access::Writable));
        }
        for name in NUMBERS {
            fields.push(field(name, FieldType::Number, Access::Writable));
        }
        let options = vec![Choice::with_id("abc", "Todo")];
        fields.push(field("Done", FieldType::Checkbox, Access::Writable));
        fields.push(field("Stage", FieldType::Select(options), Access::Writable));
        fields.push(field("Due", FieldType::Date, Access::Writable));
        Schema {
            title: "Bench".into(),
            fields,
        }
    }

    fn refuses(&self) -> PeerError {
        PeerError::new(&self.place, PeerErrorKind::Local, "it is read only")
    }
}

const TEXTS: [&str; 5] = ["text 0", "text 1", "text 2", "text 3", "text 4"];
const NUMBERS: [&str; 5] = ["number 0", "number 1", "number 2", "number 3", "number 4"];

#[async_trait]
impl Peer for Source {
    fn place(&self) -> &PlaceId {
        &self.place
    }

    async fn describe(&self, _: &Call<'_>) -> Result<Description, PeerError> {
        Ok(Description {
            schema: Self::schema(),
            capabilities: Capabilities::local(),
        })
    }

    async fn scan(
        &self,
        _: &Call<'_>,
        from: &ScanFrom,
        _: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        // The cursor is how many edits there were; a token says where to go on, and in what steps.
        let edits = self.edits.lock().unwrap().clone();
        let (first, step) = match from {
            ScanFrom::Start { since: None, .. } => (0, 1),
            ScanFrom::Start {
                since: Some(Cursor(seen)),
                ..
            } => match &edits[seen.parse().unwrap()..] {
                [] => (self.records, 1),
                [one] => (0, *one),
                [..] => (0, 1),
            },
            ScanFrom::Next(PageToken(token)) => {
                let (first, step) = token.split_once(' ').unwrap();
                (first.parse().unwrap(), step.parse().unwrap())
            }
        };
        let after = first + u64::from(limit) * step;
        let numbers = (first..after.min(self.records)).step_by(usize::try_from(step).unwrap());
        let items = numbers.map(|number| Sighting::Seen(self.record(number)));
        let next = match after < self.records {
            true => Next::More(PageToken(format!("{after} {step}"))),
            false => Next::End {
                coverage: match step == 1 && first < self.records {
                    true => Coverage::Complete(Scope::All),
                    false => Coverage::Delta,
                },
                cursor: Some(Cursor(edits.len().to_string())),
            },
        };
        Ok(ScanPage::new(items.collect(), next))
    }

    async fn fetch(
        &self,
        _: &Call<'_>,
        keys: &[Key],
        _: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        let look = |key: &Key| {
            let number = key.as_str().split_once('-');
            match number.and_then(|(_, number)| number.parse().ok()) {
                Some(number) if number < self.records => Lookup::Here(self.record(number)),
                _ => Lookup::Absent(Absence::Authoritative),
            }
        };
        Ok(keys.iter().map(look).collect())
    }

    async fn find(&self, _: &Call<'_>, _: &FieldId, values: &[Value]) -> Result<Found, PeerError> {
        Ok(Found {
            records: vec![Vec::new(); values.len()],
            lag: std::time::Duration::ZERO,
        })
    }

    async fn apply(&self, _: &Call<'_>, _: &Batch) -> Result<Vec<Outcome>, PeerError> {
        Err(self.refuses())
    }

    async fn alter(
        &self,
        _: &Call<'_>,
        _: &SchemaVersion,
        _: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        Err(self.refuses())
    }
}
