//! Data sources and databases themselves as records: titles, descriptions, icons. Their rows are
//! [`NotionPeer`](crate::NotionPeer)'s.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use notion_sync_client::api::{RetrieveDataSource, RetrieveDatabase, UpdateDataSource};
use notion_sync_client::object::{DataSource, Database, Icon, Parent, RichText as NotionRun};
use notion_sync_client::{Client, DataSourceId, DatabaseId, ErrorKind, Object};
use notion_sync_core::port::{
    Absence, Batch, Call, Capabilities, ChangeFeed, Command, CommandKind, Coverage, DeleteKind,
    Description, FieldSet, Found, Lookup, Next, Outcome, Peer, PeerError, PeerErrorKind, PlaceId,
    Receipt, ScanFrom, ScanPage, Scope, Sighting,
};
use notion_sync_core::record::{Cell, Key, Lifecycle, Record};
use notion_sync_core::schema::{
    Access, Field, FieldId, FieldType, Limits, Relation, Schema, SchemaChange, SchemaVersion,
};
use notion_sync_core::value::{Reference, Value};

use crate::decode;
use crate::describe::{CREATED, EDITED, ID, URL};
use crate::encode::{self, invalid};
use crate::failure;
use crate::peer::go_on;

const TITLE: &str = "title";
const DESCRIPTION: &str = "description";
const ICON: &str = "icon";
const DATABASE: &str = "database";
const NAME: &str = "name";
const TYPE: &str = "type";
const DATA_SOURCE: &str = "data_source";

/// What a catalog lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The data sources that were named.
    DataSources,
    /// The databases those data sources are in.
    Databases,
    /// Their views. Not read yet: the collection has its fields and no records.
    Views,
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DataSources, Self::Databases, Self::Views];

    /// What a table of them is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::DataSources => "data_sources",
            Self::Databases => "databases",
            Self::Views => "views",
        }
    }

    /// What people call several of them.
    pub fn label(self) -> &'static str {
        match self {
            Self::DataSources => "data sources",
            Self::Databases => "databases",
            Self::Views => "views",
        }
    }

    /// The collection as a place.
    pub fn place(self) -> PlaceId {
        PlaceId::new(format!("notion:{}", self.name()))
    }

    fn schema(self) -> Schema {
        use Access::{Computed, Unsupported, Writable};
        let field = |id: &str, ty, access| Field {
            id: FieldId::new(id),
            name: id.to_owned(),
            ty,
            access,
            limits: Limits::default(),
        };
        let to = |subject: Self| {
            FieldType::Relation(Relation {
                target: subject.place(),
                mirror: None,
            })
        };
        let mut fields = vec![
            field(ID, FieldType::Text, Computed),
            field(URL, FieldType::Url, Computed),
            field(CREATED, FieldType::Date, Computed),
            field(EDITED, FieldType::Date, Computed),
        ];
        // Of these Notion lets a connection change the title and the icon (NOTION_API 2.3).
        let written = match self {
            Self::DataSources => Writable,
            Self::Databases | Self::Views => Unsupported,
        };
        match self {
            Self::DataSources | Self::Databases => {
                fields.push(field(TITLE, FieldType::Title, written));
                fields.push(field(DESCRIPTION, FieldType::RichText, Unsupported));
                fields.push(field(ICON, FieldType::Text, Unsupported));
            }
            Self::Views => {
                fields.push(field(NAME, FieldType::Title, written));
                fields.push(field(TYPE, FieldType::Text, Unsupported));
                fields.push(field(DATA_SOURCE, to(Self::DataSources), Unsupported));
            }
        }
        if self == Self::DataSources {
            fields.push(field(DATABASE, to(Self::Databases), Unsupported));
        }
        Schema {
            title: self.name().to_owned(),
            fields,
        }
    }
}

/// Data sources, databases or views as a collection of records. A scan reads each by itself: one
/// request per data source, and one more for its database.
pub struct NotionCatalog {
    client: Client,
    subject: Subject,
    data_sources: Vec<DataSourceId>,
    place: PlaceId,
}

impl NotionCatalog {
    /// The collection that these data sources make.
    pub fn new(
        client: Client,
        subject: Subject,
        data_sources: impl IntoIterator<Item = DataSourceId>,
    ) -> Self {
        Self {
            client,
            subject,
            data_sources: data_sources.into_iter().collect(),
            place: subject.place(),
        }
    }

    async fn data_source(&self, id: DataSourceId) -> Result<Lookup, PeerError> {
        match self.client.send(&RetrieveDataSource::new(id)).await {
            Ok(answer) => Ok(match answer.value.full() {
                Some(source) => Lookup::Here(of_data_source(&source)),
                None => Lookup::Denied,
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(Lookup::Absent(Absence::Ambiguous))
            }
            Err(error) => Err(failure::read(&self.place, &self.client, error)),
        }
    }

    async fn database(&self, id: DatabaseId) -> Result<Lookup, PeerError> {
        match self.client.send(&RetrieveDatabase::new(id)).await {
            Ok(answer) => Ok(match answer.value {
                Object::Full(database) => Lookup::Here(of_database(&database)),
                Object::Partial(_) => Lookup::Denied,
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(Lookup::Absent(Absence::Ambiguous))
            }
            Err(error) => Err(failure::read(&self.place, &self.client, error)),
        }
    }

    /// The databases that the data sources are in, each once.
    async fn databases(&self, call: &Call<'_>) -> Result<BTreeSet<DatabaseId>, PeerError> {
        let mut databases = BTreeSet::new();
        for id in &self.data_sources {
            go_on(&self.place, call)?;
            let answer = self.client.send(&RetrieveDataSource::new(*id)).await;
            match answer.map(|answer| answer.value.full()) {
                Ok(Some(source)) => {
                    if let Some(Parent::Database(id)) = source.parent {
                        databases.insert(id);
                    }
                }
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(failure::read(&self.place, &self.client, error)),
            }
        }
        Ok(databases)
    }

    async fn look_up(&self, key: &Key) -> Result<Lookup, PeerError> {
        let absent = Lookup::Absent(Absence::Ambiguous);
        match self.subject {
            Subject::DataSources => match key.as_str().parse() {
                Ok(id) => self.data_source(id).await,
                Err(_) => Ok(absent),
            },
            Subject::Databases => match key.as_str().parse() {
                Ok(id) => self.database(id).await,
                Err(_) => Ok(absent),
            },
            Subject::Views => Ok(absent),
        }
    }

    async fn keys(&self, call: &Call<'_>) -> Result<Vec<Key>, PeerError> {
        let durable = |id: String| Key::durable(id);
        Ok(match self.subject {
            Subject::DataSources => self
                .data_sources
                .iter()
                .map(|id| durable(id.to_string()))
                .collect(),
            Subject::Databases => {
                let databases = self.databases(call).await?;
                databases.iter().map(|id| durable(id.to_string())).collect()
            }
            Subject::Views => Vec::new(),
        })
    }

    async fn execute(&self, command: &Command) -> Result<Outcome, PeerError> {
        let refused = |why: &str| Ok(Outcome::Rejected(invalid(why)));
        let key = command.key.as_ref();
        let id = key.and_then(|key| key.as_str().parse::<DataSourceId>().ok());
        let (Subject::DataSources, CommandKind::Patch, Some(id)) = (self.subject, command.kind, id)
        else {
            return refused("it is made, moved and put away in Notion only");
        };
        let schema = self.subject.schema();
        let mut update = UpdateDataSource::new(id);
        for cell in &command.cells {
            match schema.field(&cell.field) {
                Some(field) if cell.field.as_str() == TITLE => {
                    match encode::text(field, &cell.desired) {
                        Ok(title) => update = update.title(title),
                        Err(rejection) => return Ok(Outcome::Rejected(rejection)),
                    }
                }
                _ => return refused("this version writes the title of a data source only"),
            }
        }
        match self.client.send(&update).await {
            Ok(answer) => {
                let observed = answer.value.full();
                Ok(Outcome::Done(Receipt {
                    key: Key::durable(id.to_string()),
                    version: None,
                    observed: observed.as_ref().map(of_data_source),
                }))
            }
            Err(error) => failure::write(&self.place, &self.client, key, error),
        }
    }
}

fn of_data_source(source: &DataSource) -> Record {
    let database = match &source.parent {
        Some(Parent::Database(id)) => {
            Value::references(vec![Reference::new(Key::durable(id.to_string()))])
        }
        _ => Value::Empty,
    };
    Described {
        id: source.id.to_string(),
        url: source.url.as_deref(),
        times: [&source.created_time, &source.last_edited_time],
        title: &source.title,
        description: &source.description,
        icon: source.icon.as_ref(),
        in_trash: source.in_trash,
    }
    .record(Some((DATABASE, database)))
}

fn of_database(database: &Database) -> Record {
    Described {
        id: database.id.to_string(),
        url: database.url.as_deref(),
        times: [&database.created_time, &database.last_edited_time],
        title: &database.title,
        description: &database.description,
        icon: database.icon.as_ref(),
        in_trash: database.in_trash,
    }
    .record(None)
}

/// What data sources and databases tell alike.
struct Described<'a> {
    id: String,
    url: Option<&'a str>,
    /// Made, last edited.
    times: [&'a Option<String>; 2],
    title: &'a [NotionRun],
    description: &'a [NotionRun],
    icon: Option<&'a Icon>,
    in_trash: bool,
}

impl Described<'_> {
    fn record(self, more: Option<(&str, Value)>) -> Record {
        let text = |runs: &[NotionRun]| Cell::Complete(decode::words_of(runs));
        let time = |time: &Option<String>| match time.as_deref().map(decode::moment_of) {
            Some(Some(moment)) => Cell::Complete(moment),
            Some(None) | None => Cell::Missing,
        };
        let icon = match self.icon {
            Some(Icon::Emoji(emoji)) => Value::text(emoji.as_str()),
            // The rest may hold an address that is signed.
            Some(Icon::Other { kind, .. }) => Value::text(kind.as_str()),
            _ => Value::Empty,
        };
        let mut cells = vec![
            (ID, Cell::Complete(Value::text(self.id.as_str()))),
            (
                URL,
                Cell::Complete(Value::text(self.url.unwrap_or_default())),
            ),
            (CREATED, time(self.times[0])),
            (EDITED, time(self.times[1])),
            (TITLE, text(self.title)),
            (DESCRIPTION, text(self.description)),
            (ICON, Cell::Complete(icon)),
        ];
        cells.extend(more.map(|(field, value)| (field, Cell::Complete(value))));
        Record {
            key: Key::durable(self.id.as_str()),
            lifecycle: match self.in_trash {
                true => Lifecycle::Trashed,
                false => Lifecycle::Live,
            },
            version: None,
            edited_at: None,
            rank: None,
            cells: cells
                .into_iter()
                .map(|(field, cell)| (FieldId::new(field), cell))
                .collect(),
        }
    }
}

impl fmt::Debug for NotionCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotionCatalog")
            .field("subject", &self.subject)
            .field("data_sources", &self.data_sources)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Peer for NotionCatalog {
    fn place(&self) -> &PlaceId {
        &self.place
    }

    async fn describe(&self, _: &Call<'_>) -> Result<Description, PeerError> {
        let mut capabilities = Capabilities::remote();
        capabilities.changes = ChangeFeed::None;
        capabilities.delete = DeleteKind::None;
        capabilities.index_lag = std::time::Duration::ZERO;
        capabilities.scan_page = 1;
        capabilities.alter = false;
        Ok(Description {
            schema: self.subject.schema(),
            capabilities,
        })
    }

    async fn scan(
        &self,
        call: &Call<'_>,
        _: &ScanFrom,
        fields: &FieldSet,
        _: u32,
    ) -> Result<ScanPage, PeerError> {
        let mut items = Vec::new();
        for key in self.keys(call).await? {
            go_on(&self.place, call)?;
            // What is not shown is missing from the scan, which deletes nothing.
            if let Lookup::Here(record) = self.look_up(&key).await? {
                items.push(Sighting::Seen(fields.select(record)));
            }
        }
        let coverage = match self.subject {
            Subject::Views => Coverage::Partial("views are not read by this version".to_owned()),
            Subject::DataSources | Subject::Databases => Coverage::Complete(Scope::All),
        };
        let next = Next::End {
            coverage,
            cursor: None,
        };
        Ok(ScanPage::new(items, next))
    }

    async fn fetch(
        &self,
        call: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        let mut answers = Vec::with_capacity(keys.len());
        for key in keys {
            go_on(&self.place, call)?;
            answers.push(match self.look_up(key).await? {
                Lookup::Here(record) => Lookup::Here(fields.select(record)),
                other => other,
            });
        }
        Ok(answers)
    }

    async fn find(&self, _: &Call<'_>, _: &FieldId, values: &[Value]) -> Result<Found, PeerError> {
        // Nothing is made here that would have to be found again.
        Ok(Found {
            records: vec![Vec::new(); values.len()],
            lag: std::time::Duration::ZERO,
        })
    }

    async fn apply(&self, call: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        let mut outcomes = Vec::with_capacity(batch.commands.len());
        for command in &batch.commands {
            go_on(&self.place, call)?;
            outcomes.push(self.execute(command).await?);
        }
        Ok(outcomes)
    }

    async fn alter(
        &self,
        _: &Call<'_>,
        _: &SchemaVersion,
        _: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        let why = "what Notion tells of a collection cannot be changed";
        Err(PeerError::new(&self.place, PeerErrorKind::Local, why))
    }
}
