//! `GET /pages/{id}/properties/{property}`.

use crate::endpoint::{Call, Endpoint};
use crate::error::InvalidRequest;
use crate::id::{Cursor, PageId, PropertyId};
use crate::json::DecodeError;
use crate::object::PropertyItems;
use crate::paging::Paged;

/// A property's whole value, page by page. [`PropertyAssembly`](crate::object::PropertyAssembly) puts the pages together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetrieveProperty {
    /// The page.
    pub page: PageId,
    /// The property.
    pub property: PropertyId,
    /// Where to go on.
    pub start_cursor: Option<Cursor>,
    /// How many elements at once, 1 to 100.
    pub page_size: Option<u32>,
}

impl RetrieveProperty {
    /// Asks for this property of this page.
    #[must_use]
    pub fn new(page: PageId, property: PropertyId) -> Self {
        Self {
            page,
            property,
            start_cursor: None,
            page_size: None,
        }
    }

    /// How many elements at once, 1 to 100.
    #[must_use]
    pub fn page_size(mut self, size: u32) -> Self {
        self.page_size = Some(size);
        self
    }
}

impl Endpoint for RetrieveProperty {
    type Output = PropertyItems;

    fn call(&self) -> Result<Call, InvalidRequest> {
        let mut call = Call::get(format!(
            "pages/{}/properties/{}",
            self.page,
            self.property.path_segment()
        ))?;
        if let Some(cursor) = &self.start_cursor {
            call = call.query("start_cursor", cursor.as_str());
        }
        if let Some(size) = self.page_size {
            call = call.query("page_size", size.to_string());
        }
        Ok(call)
    }

    fn decode(&self, body: &str) -> Result<PropertyItems, DecodeError> {
        PropertyItems::decode(body)
    }
}

impl Paged for RetrieveProperty {
    fn set_cursor(&mut self, cursor: Cursor) {
        self.start_cursor = Some(cursor);
    }

    fn next_cursor(output: &PropertyItems) -> Option<&Cursor> {
        output.next_cursor()
    }
}
