//! `POST /search`. It finds by title; it is not a way to list everything.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::endpoint::{Call, Endpoint};
use crate::error::InvalidRequest;
use crate::id::Cursor;
use crate::json::DecodeError;
use crate::object::PageOrDataSource;
use crate::paging::{List, Paged};

/// A search by title. Its index lags and it is not exhaustive: only what is shared directly is sure to be found.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Search {
    /// What the title holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Which kind of object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<SearchFilter>,
    /// Where to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_cursor: Option<Cursor>,
    /// How many at once, 1 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u32>,
}

/// Which kind of object a search is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SearchFilter {
    /// Pages.
    Page,
    /// Data sources.
    DataSource,
}

impl Serialize for SearchFilter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire {
            property: &'static str,
            value: &'static str,
        }
        let value = match self {
            Self::Page => "page",
            Self::DataSource => "data_source",
        };
        Wire {
            property: "object",
            value,
        }
        .serialize(serializer)
    }
}

impl Search {
    /// A search for titles that hold this text.
    #[must_use]
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            query: Some(query.into()),
            ..Self::default()
        }
    }

    /// Everything of any title.
    #[must_use]
    pub fn everything() -> Self {
        Self::default()
    }

    /// Only this kind of object.
    #[must_use]
    pub fn filter(mut self, filter: SearchFilter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// How many at once, 1 to 100.
    #[must_use]
    pub fn page_size(mut self, size: u32) -> Self {
        self.page_size = Some(size);
        self
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search")
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}

impl Endpoint for Search {
    type Output = List<PageOrDataSource>;

    fn call(&self) -> Result<Call, InvalidRequest> {
        Ok(Call::new(http::Method::POST, "search")?
            .json(self)?
            .read_only())
    }

    fn decode(&self, body: &str) -> Result<Self::Output, DecodeError> {
        List::decode(body, PageOrDataSource::decode_any)
    }
}

impl Paged for Search {
    fn set_cursor(&mut self, cursor: Cursor) {
        self.start_cursor = Some(cursor);
    }

    fn next_cursor(output: &Self::Output) -> Option<&Cursor> {
        output.next_cursor.as_ref()
    }
}
