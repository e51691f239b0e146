//! The endpoints, one small file per resource: each call is a value, executed by `Client::send`.

mod data_sources;
mod databases;
mod pages;
mod properties;
mod search;
mod users;

pub use data_sources::{
    Filter, QueryDataSource, QueryRows, RetrieveDataSource, Sort, SortDirection, UpdateDataSource,
};
pub use databases::RetrieveDatabase;
pub use pages::{CreatePage, PageParent, RetrievePage, UpdatePage};
pub use properties::RetrieveProperty;
pub use search::{Search, SearchFilter};
pub use users::{RetrieveMe, RetrieveUser};

/// Adds `filter_properties`: each id decoded once, since the query encoder encodes it again.
fn with_properties(
    call: crate::endpoint::Call,
    ids: &[crate::id::PropertyId],
) -> crate::endpoint::Call {
    ids.iter().fold(call, |call, id| {
        call.query("filter_properties[]", id.decoded())
    })
}
