//! Databases: the containers of data sources.

use super::property::runs;
use super::rich_text::RichText;
use super::shared::{Icon, Parent};
use crate::id::{DataSourceId, DatabaseId};
use crate::json::{DecodeError, Fields, Json, items};
use crate::paging::{Decoded, Partial};

/// A database in full. Its tables and their schemas are its data sources'.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Database {
    /// The id, as it stands in URLs.
    pub id: DatabaseId,
    /// The title.
    pub title: Vec<RichText>,
    /// The description.
    pub description: Vec<RichText>,
    /// Where it lives.
    pub parent: Option<Parent>,
    /// Its data sources.
    pub data_sources: Vec<DataSourceRef>,
    /// Whether it is shown inside its page.
    pub is_inline: bool,
    /// Whether it is in the trash (`archived` before 2026-03-11).
    pub in_trash: bool,
    /// Whether it is locked.
    pub is_locked: bool,
    /// When it was made.
    pub created_time: Option<String>,
    /// When it was last edited.
    pub last_edited_time: Option<String>,
    /// Its icon.
    pub icon: Option<Icon>,
    /// Its address.
    pub url: Option<String>,
    /// Fields this crate has no name for.
    pub other: Vec<(String, Json)>,
}

/// A data source as its database lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataSourceRef {
    /// The id.
    pub id: DataSourceId,
    /// The name.
    pub name: Option<String>,
}

const KNOWN: &[&str] = &[
    "object",
    "id",
    "title",
    "description",
    "parent",
    "data_sources",
    "is_inline",
    "in_trash",
    "archived",
    "is_locked",
    "created_time",
    "last_edited_time",
    "icon",
    "url",
    "request_id",
];

impl Database {
    /// Decodes a database object.
    ///
    /// # Errors
    /// [`DecodeError`] when it is not one, or holds only what a connection without the read capability may see.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        match Self::decode_any(text)? {
            Decoded::Full(database) => Ok(database),
            Decoded::Partial(_) => Err(DecodeError::new("database", "only its id is visible")),
        }
    }

    pub(crate) fn decode_any(text: &str) -> Result<Decoded<Self>, DecodeError> {
        let fields = Fields::parse("database", text)?;
        if fields.text("object").as_deref() != Some("database") {
            return Err(DecodeError::new("database", "`object` is not `database`"));
        }
        let id: DatabaseId = fields.required("database", "id")?;
        let Some(title) = fields.present("title") else {
            return Ok(Decoded::Partial(Partial {
                object: "database".into(),
                id: id.to_string(),
            }));
        };
        let flag = |key| fields.soft::<bool>(key);
        let data_sources = match fields.present("data_sources") {
            None => Vec::new(),
            Some(raw) => items("database.data_sources", raw)?
                .into_iter()
                .map(|raw| {
                    let fields = Fields::parse("data source", raw.get())?;
                    Ok(DataSourceRef {
                        id: fields.required("data source", "id")?,
                        name: fields.string("name"),
                    })
                })
                .collect::<Result<_, _>>()?,
        };
        Ok(Decoded::Full(Self {
            id,
            title: runs(title)?,
            description: fields
                .present("description")
                .map(runs)
                .transpose()?
                .unwrap_or_default(),
            parent: fields.present("parent").map(Parent::decode),
            data_sources,
            is_inline: flag("is_inline").unwrap_or(false),
            in_trash: flag("in_trash")
                .or_else(|| flag("archived"))
                .unwrap_or(false),
            is_locked: flag("is_locked").unwrap_or(false),
            created_time: fields.string("created_time"),
            last_edited_time: fields.string("last_edited_time"),
            icon: fields.present("icon").map(Icon::decode),
            url: fields.string("url"),
            other: fields.others(KNOWN),
        }))
    }
}
