//! The peer: what it knows between calls, and where each call goes.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use notion_sync_client::api::{RetrieveDataSource, RetrievePage, RetrieveProperty};
use notion_sync_client::object::{Page, Parent};
use notion_sync_client::{Client, DataSourceId, ErrorKind, Object, PageId, PropertyId};
use notion_sync_core::port::{
    Absence, Batch, Call, Capabilities, CreateSafety, Description, FieldSet, Found, Lookup,
    Outcome, Peer, PeerError, PeerErrorKind, PlaceId, ScanFrom, ScanPage,
};
use notion_sync_core::record::{Key, Record};
use notion_sync_core::schema::{FieldId, FieldType, Schema, SchemaChange, SchemaVersion};
use notion_sync_core::value::Value;

use crate::decode::{Decoder, Selection, whole_text};
use crate::describe;
use crate::failure;
use crate::options::NotionOptions;

/// A Notion data source.
///
/// Cheap to make; nothing is sent before the first call. It remembers the schema it last read, so
/// that rows can be decoded and values encoded without reading it again.
pub struct NotionPeer {
    pub(crate) client: Client,
    pub(crate) data_source: DataSourceId,
    pub(crate) options: NotionOptions,
    pub(crate) place: PlaceId,
    known: Mutex<Option<Arc<Known>>>,
}

/// A schema and how its rows are read.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) schema: Schema,
    pub(crate) decoder: Decoder,
}

impl Known {
    fn new(schema: Schema) -> Arc<Self> {
        let decoder = Decoder::new(&schema);
        Arc::new(Self { schema, decoder })
    }
}

impl NotionPeer {
    /// The peer for this data source.
    pub fn new(client: Client, data_source: DataSourceId, options: NotionOptions) -> Self {
        Self {
            client,
            data_source,
            options,
            place: place(data_source),
            known: Mutex::new(None),
        }
    }

    /// Starts from a schema remembered from an earlier `describe`, which saves reading it again.
    #[must_use]
    pub fn with_schema(self, schema: Schema) -> Self {
        self.remember(schema);
        self
    }

    /// What `describe` would answer for this schema, without asking; scans read rows by it.
    ///
    /// # Errors
    /// When the marker field is not a text property of the schema.
    pub fn describe_from(&self, schema: Schema) -> Result<Description, PeerError> {
        let known = self.remember(schema);
        let mut capabilities = Capabilities::remote();
        capabilities.create = self.create_safety(&known.schema)?;
        capabilities.index_lag = self.options.index_lag;
        capabilities.max_batch = 1;
        capabilities.max_fetch = 1;
        capabilities.max_find = crate::find::MAX_VALUES;
        capabilities.scan_page = u32::from(self.options.page_size);
        capabilities.slices = true;
        Ok(Description {
            schema: known.schema.clone(),
            capabilities,
        })
    }

    /// The schema as last read or given.
    pub fn schema(&self) -> Option<Schema> {
        self.known().map(|known| known.schema.clone())
    }

    pub(crate) fn known(&self) -> Option<Arc<Known>> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn remember(&self, schema: Schema) -> Arc<Known> {
        let known = Known::new(schema);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
        known
    }

    /// The schema, read if it is not known yet.
    pub(crate) async fn ensure_known(&self) -> Result<Arc<Known>, PeerError> {
        match self.known() {
            Some(known) => Ok(known),
            None => Ok(self.remember(describe::schema(&self.read_source().await?))),
        }
    }

    pub(crate) async fn read_source(
        &self,
    ) -> Result<notion_sync_client::object::DataSource, PeerError> {
        let request = RetrieveDataSource::new(self.data_source);
        let answer = self.client.send(&request).await;
        let answer = answer.map_err(|error| self.failed(error))?;
        let source = answer.value.full().ok_or_else(|| {
            let why = "the connection may see that the data source exists and no more; give it the \
                capability to read content";
            PeerError::new(&self.place, PeerErrorKind::Forbidden, why)
        })?;
        if source.in_trash {
            let why = "the data source is in the trash; restore it in Notion to go on";
            return Err(PeerError::new(&self.place, PeerErrorKind::NotFound, why));
        }
        Ok(source)
    }

    pub(crate) fn failed(&self, error: notion_sync_client::Error) -> PeerError {
        failure::read(&self.place, &self.client, error)
    }

    pub(crate) fn protocol(&self, why: impl Into<String>) -> PeerError {
        PeerError::new(&self.place, PeerErrorKind::Protocol, why)
    }

    /// Stops before a request when the caller wants to.
    pub(crate) fn go_on(&self, call: &Call<'_>) -> Result<(), PeerError> {
        go_on(&self.place, call)
    }

    /// Reads texts whole that an answer may have cut, as far as `budget` requests go. What cannot be
    /// read stays truncated: that blocks the field, and nothing else.
    pub(crate) async fn hydrate(
        &self,
        page: PageId,
        record: &mut Record,
        cut: &[FieldId],
        budget: &mut u32,
    ) {
        for field in cut {
            if *budget == 0 {
                return;
            }
            *budget -= 1;
            let property = PropertyId::from(field.as_str());
            let request = RetrieveProperty::new(page, property).page_size(100);
            let whole = self.client.whole_property(&request).await.ok();
            if let Some(cell) = whole.as_ref().and_then(whole_text) {
                record.cells.put(field.clone(), cell);
            }
        }
    }

    async fn look_up(&self, key: &Key, fields: &FieldSet) -> Result<Lookup, PeerError> {
        let Ok(id) = key.as_str().parse::<PageId>() else {
            return Ok(Lookup::Absent(Absence::Ambiguous));
        };
        let known = self.known();
        let mut request = RetrievePage::new(id);
        if let Some(known) = &known {
            let selection = known.decoder.select(fields);
            request = request.only(selection.properties(&known.decoder));
        }
        let page = match self.client.send(&request).await {
            Ok(answer) => match answer.value {
                Object::Full(page) => page,
                Object::Partial(_) => return Ok(Lookup::Denied),
            },
            Err(error) => {
                return match error.kind() {
                    ErrorKind::NotFound => Ok(Lookup::Absent(Absence::Ambiguous)),
                    ErrorKind::Forbidden => Ok(Lookup::Denied),
                    _ => Err(self.failed(error)),
                };
            }
        };
        if let Some(elsewhere) = self.elsewhere(&page) {
            return Ok(Lookup::Elsewhere(elsewhere));
        }
        let mut budget = self.options.hydrate_per_page;
        let record = match &known {
            Some(known) => {
                let selection = known.decoder.select(fields);
                self.whole(&known.decoder, &page, &selection, &mut budget)
                    .await
            }
            None => {
                let decoder = Decoder::of_page(&page);
                let selection = decoder.select(fields);
                self.whole(&decoder, &page, &selection, &mut budget).await
            }
        };
        Ok(Lookup::Here(record))
    }

    /// The record of a page, texts whole.
    pub(crate) async fn whole(
        &self,
        decoder: &Decoder,
        page: &Page,
        selection: &Selection,
        budget: &mut u32,
    ) -> Record {
        let mut decoded = decoder.record(page, selection);
        self.hydrate(page.id, &mut decoded.record, &decoded.cut, budget)
            .await;
        decoded.record
    }

    /// Where a page lives, if not here.
    pub(crate) fn elsewhere(&self, page: &Page) -> Option<PlaceId> {
        match &page.parent {
            Parent::DataSource { data_source, .. } if *data_source == self.data_source => None,
            Parent::DataSource { data_source, .. } => Some(place(*data_source)),
            Parent::Page(id) => Some(PlaceId::new(format!("notion:page:{id}"))),
            Parent::Block(id) => Some(PlaceId::new(format!("notion:block:{id}"))),
            _ => Some(PlaceId::new("notion:workspace")),
        }
    }

    fn create_safety(&self, schema: &Schema) -> Result<CreateSafety, PeerError> {
        let Some(wanted) = &self.options.marker_field else {
            return Ok(CreateSafety::Unproven);
        };
        let by_id = schema.field(&FieldId::new(wanted.as_str()));
        let problem = match by_id.or_else(|| schema.by_name(wanted)) {
            Some(field) if field.ty == FieldType::RichText => return Ok(CreateSafety::Marker),
            Some(field) => format!(
                "the property {wanted:?} is a {} and cannot carry markers; name a text property, or \
                 add one",
                field.ty.name()
            ),
            None => format!(
                "there is no property {wanted:?} to carry markers; add a text property of that name \
                 in Notion"
            ),
        };
        Err(PeerError::new(&self.place, PeerErrorKind::Local, problem))
    }
}

/// Stops before a request when the caller wants to.
pub(crate) fn go_on(place: &PlaceId, call: &Call<'_>) -> Result<(), PeerError> {
    if call.cancel.is_cancelled() {
        let why = "stopped before the next request";
        return Err(PeerError::new(place, PeerErrorKind::Cancelled, why));
    }
    Ok(())
}

/// A data source as a place.
pub fn place(data_source: DataSourceId) -> PlaceId {
    PlaceId::new(format!("notion:{data_source}"))
}

impl fmt::Debug for NotionPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotionPeer")
            .field("place", &self.place)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Peer for NotionPeer {
    fn place(&self) -> &PlaceId {
        &self.place
    }

    async fn describe(&self, call: &Call<'_>) -> Result<Description, PeerError> {
        self.go_on(call)?;
        self.describe_from(describe::schema(&self.read_source().await?))
    }

    async fn scan(
        &self,
        call: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        self.scan_page(call, from, fields, limit).await
    }

    async fn fetch(
        &self,
        call: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        let mut answers = Vec::with_capacity(keys.len());
        for key in keys {
            self.go_on(call)?;
            answers.push(self.look_up(key, fields).await?);
        }
        Ok(answers)
    }

    async fn find(
        &self,
        call: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        self.find_values(call, field, values).await
    }

    async fn apply(&self, call: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        self.apply_batch(call, batch).await
    }

    async fn alter(
        &self,
        call: &Call<'_>,
        expect: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        self.alter_schema(call, expect, changes).await
    }
}
