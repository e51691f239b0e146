//! Queries of a data source: filters, sorts, the walk over pages of results.

pub(crate) mod cache;
pub(crate) mod condition;
pub(crate) mod cursor;
pub(crate) mod filter;
pub(crate) mod run;
pub(crate) mod sort;
