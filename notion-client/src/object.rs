//! The objects of the API as they are read. What is written is in `write`.

mod data_source;
mod database;
mod page;
mod property;
mod property_item;
mod rich_text;
mod schema;
mod shared;
mod user;

pub use data_source::{DataSource, PageOrDataSource};
pub use database::{DataSourceRef, Database};
pub use page::{OddProperty, Page, Properties, Property};
pub use property::{
    DateValue, FileSource, FileValue, Formula, Place, PropertyType, PropertyValue, Relation,
    Rollup, RollupFunction, RollupResult, SelectOption, UniqueId, Verification, VerificationState,
};
pub use property_item::{
    ItemValue, PropertyAssembly, PropertyItem, PropertyItemList, PropertyItems,
};
pub use rich_text::{Annotations, Mention, RichText, RichTextKind, plain_text};
pub use schema::{
    NumberFormat, OptionSchema, PropertyConfig, PropertySchema, RelationKind, RelationSchema,
    RollupSchema, StatusGroup,
};
pub use shared::{Color, HostedUrl, Icon, Parent};
pub use user::{Bot, Person, User, UserKind};
