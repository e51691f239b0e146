//! What can be written: values of pages and schemas of data sources. Types that Notion refuses to write have no form here.

mod property;
mod rich_text;
mod schema;

pub use property::{FileWrite, OptionRef, PropertyWrite, PropertyWrites, VerificationWrite};
pub use rich_text::RichTextWrite;
pub use schema::{OptionWrite, PropertyChange, PropertyConfigWrite, SchemaWrites};
