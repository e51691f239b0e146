//! Data sources: the tables, with their schema.

use super::page::{OddProperty, Page};
use super::property::runs;
use super::rich_text::RichText;
use super::schema::PropertySchema;
use super::shared::{Icon, Parent};
use crate::id::{DataSourceId, PropertyId};
use crate::json::{DecodeError, Fields, Json};
use crate::paging::{Decoded, Partial};

/// A data source in full.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DataSource {
    /// The id.
    pub id: DataSourceId,
    /// The title.
    pub title: Vec<RichText>,
    /// The description.
    pub description: Vec<RichText>,
    /// The schema, in the server's order.
    pub properties: Vec<PropertySchema>,
    /// Entries of the schema that could not be read.
    pub odd_properties: Vec<OddProperty>,
    /// Where it lives: a database, or another data source it is filled from.
    pub parent: Option<Parent>,
    /// Where its database lives.
    pub database_parent: Option<Parent>,
    /// Whether it is in the trash (`archived` before 2026-03-11).
    pub in_trash: bool,
    /// Whether it is shown inside its page.
    pub is_inline: bool,
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

const KNOWN: &[&str] = &[
    "object",
    "id",
    "title",
    "description",
    "properties",
    "parent",
    "database_parent",
    "in_trash",
    "archived",
    "is_inline",
    "created_time",
    "last_edited_time",
    "icon",
    "url",
    "request_id",
];

impl DataSource {
    /// Decodes a data source object.
    ///
    /// # Errors
    /// [`DecodeError`] when it is not one, or holds only what a connection without the read capability may see.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        match Self::decode_any(text)? {
            Decoded::Full(data_source) => Ok(data_source),
            Decoded::Partial(_) => Err(DecodeError::new("data source", "only its id is visible")),
        }
    }

    pub(crate) fn decode_any(text: &str) -> Result<Decoded<Self>, DecodeError> {
        let fields = Fields::parse("data source", text)?;
        if fields.text("object").as_deref() != Some("data_source") {
            return Err(DecodeError::new(
                "data source",
                "`object` is not `data_source`",
            ));
        }
        let id: DataSourceId = fields.required("data source", "id")?;
        let Some(title) = fields.present("title") else {
            return Ok(Decoded::Partial(Partial {
                object: "data_source".into(),
                id: id.to_string(),
            }));
        };
        let flag = |key| fields.soft::<bool>(key);
        let (mut properties, mut odd_properties) = (Vec::new(), Vec::new());
        for (name, raw) in fields
            .required::<Fields<'_>>("data source", "properties")?
            .into_entries()
        {
            match PropertySchema::decode(&name, raw) {
                Ok(property) => properties.push(property),
                Err(error) => odd_properties.push(OddProperty {
                    name: name.into_owned(),
                    raw: raw.into(),
                    error,
                }),
            }
        }
        Ok(Decoded::Full(Self {
            id,
            title: runs(title)?,
            description: fields
                .present("description")
                .map(runs)
                .transpose()?
                .unwrap_or_default(),
            properties,
            odd_properties,
            parent: fields.present("parent").map(Parent::decode),
            database_parent: fields.present("database_parent").map(Parent::decode),
            in_trash: flag("in_trash")
                .or_else(|| flag("archived"))
                .unwrap_or(false),
            is_inline: flag("is_inline").unwrap_or(false),
            created_time: fields.string("created_time"),
            last_edited_time: fields.string("last_edited_time"),
            icon: fields.present("icon").map(Icon::decode),
            url: fields.string("url"),
            other: fields.others(KNOWN),
        }))
    }

    /// The property with this id.
    #[must_use]
    pub fn property(&self, id: &PropertyId) -> Option<&PropertySchema> {
        self.properties.iter().find(|property| property.id == *id)
    }

    /// The property with this name.
    #[must_use]
    pub fn property_named(&self, name: &str) -> Option<&PropertySchema> {
        self.properties
            .iter()
            .find(|property| property.name == name)
    }
}

/// What a query of a wiki, or a search, may hand out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PageOrDataSource {
    /// A page.
    Page(Box<Page>),
    /// A data source.
    DataSource(Box<DataSource>),
}

impl PageOrDataSource {
    pub(crate) fn decode_any(text: &str) -> Result<Decoded<Self>, DecodeError> {
        // Rows are the common case: the kind is looked for first where the server writes it.
        let kind = match text
            .strip_prefix(r#"{"object":""#)
            .and_then(|rest| rest.split_once('"'))
        {
            Some((kind, _)) => kind.into(),
            None => Fields::parse("list item", text)?
                .text("object")
                .unwrap_or_default(),
        };
        Ok(match &*kind {
            "page" => match Page::decode_any(text)? {
                Decoded::Full(page) => Decoded::Full(Self::Page(Box::new(page))),
                Decoded::Partial(partial) => Decoded::Partial(partial),
            },
            "data_source" => match DataSource::decode_any(text)? {
                Decoded::Full(data_source) => {
                    Decoded::Full(Self::DataSource(Box::new(data_source)))
                }
                Decoded::Partial(partial) => Decoded::Partial(partial),
            },
            _ => {
                return Err(DecodeError::new(
                    "list item",
                    "neither a page nor a data source",
                ));
            }
        })
    }

    /// The page, if it is one.
    #[must_use]
    pub fn page(self) -> Option<Page> {
        match self {
            Self::Page(page) => Some(*page),
            Self::DataSource(_) => None,
        }
    }

    /// The data source, if it is one.
    #[must_use]
    pub fn data_source(self) -> Option<DataSource> {
        match self {
            Self::DataSource(data_source) => Some(*data_source),
            Self::Page(_) => None,
        }
    }
}
