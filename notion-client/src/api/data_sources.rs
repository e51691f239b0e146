//! `GET /data_sources/{id}`, `PATCH /data_sources/{id}`, `POST /data_sources/{id}/query`.

use std::fmt;

use http::Method;
use serde::Serialize;

use super::with_properties;
use crate::endpoint::{Call, Endpoint};
use crate::error::InvalidRequest;
use crate::id::{Cursor, DataSourceId, PropertyId};
use crate::json::{DecodeError, Json};
use crate::object::{DataSource, Page, PageOrDataSource};
use crate::paging::{Decoded, Item, List, Object, Paged};
use crate::write::{PropertyChange, RichTextWrite, SchemaWrites};

/// A data source with its schema. Linked data sources cannot be retrieved: share the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetrieveDataSource {
    /// Which.
    pub id: DataSourceId,
}

impl RetrieveDataSource {
    /// Asks for this data source.
    #[must_use]
    pub fn new(id: DataSourceId) -> Self {
        Self { id }
    }
}

impl Endpoint for RetrieveDataSource {
    type Output = Object<DataSource>;

    fn call(&self) -> Result<Call, InvalidRequest> {
        Call::get(format!("data_sources/{}", self.id))
    }

    fn decode(&self, body: &str) -> Result<Self::Output, DecodeError> {
        DataSource::decode_any(body).map(Decoded::into_object)
    }
}

/// A condition on rows, as its JSON. Compound conditions nest two levels at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Filter(Json);

impl Filter {
    /// A condition in the API's own JSON.
    ///
    /// # Errors
    /// [`DecodeError`] when the text is not JSON.
    pub fn json(text: impl Into<String>) -> Result<Self, DecodeError> {
        Json::parse(text).map(Self)
    }

    /// Rows edited at or after this time. Notion keeps minutes only, so a watermark has to overlap by one.
    #[must_use]
    pub fn edited_on_or_after(time: &str) -> Self {
        Self::build(
            &serde_json::json!({"timestamp": "last_edited_time", "last_edited_time": {"on_or_after": time}}),
        )
    }

    /// Rows made at or after this time: the way past the cap of 10,000 rows.
    #[must_use]
    pub fn created_on_or_after(time: &str) -> Self {
        Self::build(
            &serde_json::json!({"timestamp": "created_time", "created_time": {"on_or_after": time}}),
        )
    }

    /// Rows made before this time.
    #[must_use]
    pub fn created_before(time: &str) -> Self {
        Self::build(
            &serde_json::json!({"timestamp": "created_time", "created_time": {"before": time}}),
        )
    }

    /// Rows whose rich text equals this one.
    #[must_use]
    pub fn rich_text_equals(property: &PropertyId, text: &str) -> Self {
        Self::build(
            &serde_json::json!({"property": property.as_str(), "rich_text": {"equals": text}}),
        )
    }

    /// Rows that meet all of these.
    #[must_use]
    pub fn all(filters: &[Self]) -> Self {
        #[derive(Serialize)]
        struct And<'a> {
            and: &'a [Filter],
        }
        Self::build(&And { and: filters })
    }

    /// Rows that meet any of these.
    #[must_use]
    pub fn any(filters: &[Self]) -> Self {
        #[derive(Serialize)]
        struct Or<'a> {
            or: &'a [Filter],
        }
        Self::build(&Or { or: filters })
    }

    fn build<T: Serialize>(value: &T) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "only values with string keys are built here, and they serialise"
        )]
        Self(Json::from_value(value).expect("a filter is JSON"))
    }
}

/// One key of an order. Without any, rows come in no order that could be relied on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Sort {
    /// By `created_time` or `last_edited_time`.
    Timestamp {
        /// Which of the two.
        timestamp: &'static str,
        /// Which way.
        direction: SortDirection,
    },
    /// By a property.
    Property {
        /// Which.
        property: PropertyId,
        /// Which way.
        direction: SortDirection,
    },
}

impl Sort {
    /// Oldest first.
    pub const CREATED: Self = Self::Timestamp {
        timestamp: "created_time",
        direction: SortDirection::Ascending,
    };
    /// Longest unedited first.
    pub const EDITED: Self = Self::Timestamp {
        timestamp: "last_edited_time",
        direction: SortDirection::Ascending,
    };
}

/// Which way an order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SortDirection {
    /// Smallest or oldest first.
    Ascending,
    /// Largest or newest first.
    Descending,
}

/// One page of a data source's rows. [`Client::pages`](crate::Client::pages) walks all of them.
///
/// A query and its order hand out 10,000 rows at most; [`List::is_capped`] says when that cut something off. Trashed and
/// archived rows are not among them.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryDataSource {
    /// Which.
    pub id: DataSourceId,
    /// Only these rows.
    pub filter: Option<Filter>,
    /// In this order; earlier keys win.
    pub sorts: Vec<Sort>,
    /// Where to go on.
    pub start_cursor: Option<Cursor>,
    /// How many at once, 1 to 100.
    pub page_size: Option<u32>,
    /// Only these properties; empty means all. The others are then missing, not empty.
    pub properties: Vec<PropertyId>,
    /// The archived rows instead of the others.
    pub is_archived: Option<bool>,
}

impl QueryDataSource {
    /// All rows, in no particular order. A wiki's answer also holds data sources; [`QueryDataSource::rows`] does not.
    #[must_use]
    pub fn new(id: DataSourceId) -> Self {
        Self {
            id,
            filter: None,
            sorts: Vec::new(),
            start_cursor: None,
            page_size: None,
            properties: Vec::new(),
            is_archived: None,
        }
    }

    /// Only these rows.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// In this order, after the keys given before.
    #[must_use]
    pub fn sort(mut self, sort: Sort) -> Self {
        self.sorts.push(sort);
        self
    }

    /// How many at once, 1 to 100.
    #[must_use]
    pub fn page_size(mut self, size: u32) -> Self {
        self.page_size = Some(size);
        self
    }

    /// From this cursor on.
    #[must_use]
    pub fn start_cursor(mut self, cursor: Cursor) -> Self {
        self.start_cursor = Some(cursor);
        self
    }

    /// Only these properties.
    #[must_use]
    pub fn only(mut self, properties: impl IntoIterator<Item = PropertyId>) -> Self {
        self.properties.extend(properties);
        self
    }

    /// The same query for pages only: `result_type` is `page`.
    #[must_use]
    pub fn rows(self) -> QueryRows {
        QueryRows(self)
    }

    fn body(&self, result_type: Option<&'static str>) -> Result<Call, InvalidRequest> {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            filter: Option<&'a Filter>,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            sorts: &'a [Sort],
            #[serde(skip_serializing_if = "Option::is_none")]
            start_cursor: Option<&'a Cursor>,
            #[serde(skip_serializing_if = "Option::is_none")]
            page_size: Option<u32>,
            #[serde(skip_serializing_if = "Option::is_none")]
            is_archived: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            result_type: Option<&'static str>,
        }
        let body = Body {
            filter: self.filter.as_ref(),
            sorts: &self.sorts,
            start_cursor: self.start_cursor.as_ref(),
            page_size: self.page_size,
            is_archived: self.is_archived,
            result_type,
        };
        let call = Call::new(Method::POST, format!("data_sources/{}/query", self.id))?
            .json(&body)?
            .read_only();
        Ok(with_properties(call, &self.properties))
    }
}

impl fmt::Debug for QueryDataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryDataSource")
            .field("id", &self.id)
            .field("sorts", &self.sorts)
            .finish_non_exhaustive()
    }
}

impl Endpoint for QueryDataSource {
    type Output = List<PageOrDataSource>;

    fn call(&self) -> Result<Call, InvalidRequest> {
        self.body(None)
    }

    fn decode(&self, body: &str) -> Result<Self::Output, DecodeError> {
        List::decode(body, PageOrDataSource::decode_any)
    }
}

impl Paged for QueryDataSource {
    fn set_cursor(&mut self, cursor: Cursor) {
        self.start_cursor = Some(cursor);
    }

    fn next_cursor(output: &Self::Output) -> Option<&Cursor> {
        output.next_cursor.as_ref()
    }
}

/// A query for pages only. Made by [`QueryDataSource::rows`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryRows(QueryDataSource);

impl Endpoint for QueryRows {
    type Output = List<Page>;

    fn call(&self) -> Result<Call, InvalidRequest> {
        self.0.body(Some("page"))
    }

    fn decode(&self, body: &str) -> Result<Self::Output, DecodeError> {
        List::decode(body, Page::decode_any)
    }
}

impl Paged for QueryRows {
    fn set_cursor(&mut self, cursor: Cursor) {
        self.0.start_cursor = Some(cursor);
    }

    fn next_cursor(output: &Self::Output) -> Option<&Cursor> {
        output.next_cursor.as_ref()
    }
}

/// Changes a data source: its title, description and schema. What is not set stays as it is.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct UpdateDataSource {
    /// Which.
    pub id: DataSourceId,
    /// Its title.
    pub title: Option<Vec<RichTextWrite>>,
    /// Its description; at most 100 runs.
    pub description: Option<Vec<RichTextWrite>>,
    /// Changes of its schema.
    pub properties: SchemaWrites,
    /// Into or out of the trash.
    pub in_trash: Option<bool>,
}

impl UpdateDataSource {
    /// Changes nothing yet.
    #[must_use]
    pub fn new(id: DataSourceId) -> Self {
        Self {
            id,
            title: None,
            description: None,
            properties: SchemaWrites::new(),
            in_trash: None,
        }
    }

    /// Sets the title.
    #[must_use]
    pub fn title(mut self, title: Vec<RichTextWrite>) -> Self {
        self.title = Some(title);
        self
    }

    /// Sets the description.
    #[must_use]
    pub fn description(mut self, description: Vec<RichTextWrite>) -> Self {
        self.description = Some(description);
        self
    }

    /// Changes a property. The key is its id as returned or its name; for a new property, its name.
    #[must_use]
    pub fn property(mut self, key: impl Into<String>, change: PropertyChange) -> Self {
        self.properties.set(key, change);
        self
    }
}

impl fmt::Debug for UpdateDataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateDataSource")
            .field("id", &self.id)
            .field("properties", &self.properties)
            .finish_non_exhaustive()
    }
}

impl Endpoint for UpdateDataSource {
    type Output = Object<DataSource>;

    fn call(&self) -> Result<Call, InvalidRequest> {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            title: Option<&'a [RichTextWrite]>,
            #[serde(skip_serializing_if = "Option::is_none")]
            description: Option<&'a [RichTextWrite]>,
            #[serde(skip_serializing_if = "SchemaWrites::is_empty")]
            properties: &'a SchemaWrites,
            #[serde(skip_serializing_if = "Option::is_none")]
            in_trash: Option<bool>,
        }
        let body = Body {
            title: self.title.as_deref(),
            description: self.description.as_deref(),
            properties: &self.properties,
            in_trash: self.in_trash,
        };
        Call::new(Method::PATCH, format!("data_sources/{}", self.id))?.json(&body)
    }

    fn decode(&self, body: &str) -> Result<Self::Output, DecodeError> {
        DataSource::decode_any(body).map(Decoded::into_object)
    }
}

impl List<PageOrDataSource> {
    /// The pages of the list, with what could not be read; data sources are left out.
    #[must_use]
    pub fn into_pages(self) -> Vec<Item<Page>> {
        self.results
            .into_iter()
            .filter_map(|item| match item {
                Item::Ok(PageOrDataSource::Page(page)) => Some(Item::Ok(*page)),
                Item::Ok(PageOrDataSource::DataSource(_)) => None,
                Item::Partial(partial) => Some(Item::Partial(partial)),
                Item::Odd(odd) => Some(Item::Odd(odd)),
            })
            .collect()
    }
}
