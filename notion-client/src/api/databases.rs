//! `GET /databases/{id}`.

use crate::endpoint::{Call, Endpoint};
use crate::error::InvalidRequest;
use crate::id::DatabaseId;
use crate::json::DecodeError;
use crate::object::Database;
use crate::paging::Object;

/// A database: the way from the id in a URL to its data sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetrieveDatabase {
    /// Which.
    pub id: DatabaseId,
}

impl RetrieveDatabase {
    /// Asks for this database.
    #[must_use]
    pub fn new(id: DatabaseId) -> Self {
        Self { id }
    }
}

impl Endpoint for RetrieveDatabase {
    type Output = Object<Database>;

    fn call(&self) -> Result<Call, InvalidRequest> {
        Call::get(format!("databases/{}", self.id))
    }

    fn decode(&self, body: &str) -> Result<Self::Output, DecodeError> {
        Database::decode_any(body).map(crate::paging::Decoded::into_object)
    }
}
