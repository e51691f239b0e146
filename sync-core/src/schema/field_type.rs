//! What a field holds.

use serde::{Deserialize, Serialize};

use super::FieldId;
use crate::port::PlaceId;
use crate::value::Choice;

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FieldType {
    /// The one text that names a record.
    Title,
    /// Formatted text.
    RichText,
    /// Plain text.
    Text,
    /// Exact number.
    Number,
    /// True or false.
    Checkbox,
    /// One of these options.
    Select(Vec<Choice>),
    /// One of these states.
    Status(Vec<Choice>),
    /// Some of these options.
    MultiSelect(Vec<Choice>),
    /// Day, instant or range.
    Date,
    /// Web address.
    Url,
    /// E-mail address.
    Email,
    /// Phone number.
    Phone,
    /// References to records of a collection.
    Relation(Relation),
    /// People.
    People,
    /// Files.
    Files,
    /// A point on the map.
    Place,
    /// Whether somebody vouches for the page.
    Verification,
    /// A JSON document.
    Json,
    /// Texts in order.
    List,
    /// The text of the record itself, as Markdown.
    Body,
    /// A UUID, as text.
    Uuid,
    /// Computed from other fields of the record.
    Formula,
    /// Computed from fields of related records.
    Rollup,
    /// A number the peer counts up, with or without a prefix.
    UniqueId,
    /// When the record was made.
    CreatedTime,
    /// Who made it.
    CreatedBy,
    /// When it was last edited.
    LastEditedTime,
    /// Who last edited it.
    LastEditedBy,
    /// A kind this version does not interpret, by the peer's name for it; values stay raw.
    Other(String),
}

impl FieldType {
    /// The options of an option field.
    pub fn options(&self) -> Option<&[Choice]> {
        match self {
            Self::Select(options) | Self::Status(options) | Self::MultiSelect(options) => {
                Some(options)
            }
            _ => None,
        }
    }

    /// The kind's name, without its options.
    pub fn name(&self) -> &str {
        match self {
            Self::Title => "title",
            Self::RichText => "rich_text",
            Self::Text => "text",
            Self::Number => "number",
            Self::Checkbox => "checkbox",
            Self::Select(_) => "select",
            Self::Status(_) => "status",
            Self::MultiSelect(_) => "multi_select",
            Self::Date => "date",
            Self::Url => "url",
            Self::Email => "email",
            Self::Phone => "phone_number",
            Self::Relation(_) => "relation",
            Self::People => "people",
            Self::Files => "files",
            Self::Place => "place",
            Self::Verification => "verification",
            Self::Json => "json",
            Self::List => "list",
            Self::Body => "body",
            Self::Uuid => "uuid",
            Self::Formula => "formula",
            Self::Rollup => "rollup",
            Self::UniqueId => "unique_id",
            Self::CreatedTime => "created_time",
            Self::CreatedBy => "created_by",
            Self::LastEditedTime => "last_edited_time",
            Self::LastEditedBy => "last_edited_by",
            Self::Other(name) => name,
        }
    }
}

/// Where the references of a field point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// The collection whose records are referred to.
    pub target: PlaceId,
    /// The field over there that shows the same references backwards (Notion: a dual relation). Of
    /// the two one is mapped; the other follows it and is never written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<FieldId>,
}
