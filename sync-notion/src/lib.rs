#![doc = include_str!("../README.md")]

mod alter;
mod apply;
mod catalog;
mod decode;
mod describe;
mod discover;
mod encode;
mod failure;
mod find;
mod options;
mod peer;
mod scan;

pub use catalog::{NotionCatalog, Subject};
pub use describe::{CREATED, EDITED, ID, URL};
pub use discover::{DataSourceChoice, DataSourceSummary, ResolveError, list_data_sources, resolve};
pub use options::NotionOptions;
pub use peer::{NotionPeer, place};

pub use notion_sync_client as client;
