//! Shapes that several objects share: parents, icons, colours, hosted URLs.

use std::fmt;

use serde_json::value::RawValue;

use crate::id::{BlockId, DataSourceId, DatabaseId, PageId};
use crate::json::{DecodeError, Fields, Json, open_enum};

open_enum! {
    /// A colour of an option, of text, or of an icon.
    Color {
        Default = "default",
        Gray = "gray",
        Brown = "brown",
        Orange = "orange",
        Yellow = "yellow",
        Green = "green",
        Blue = "blue",
        Purple = "purple",
        Pink = "pink",
        Red = "red",
        DefaultBackground = "default_background",
        GrayBackground = "gray_background",
        BrownBackground = "brown_background",
        OrangeBackground = "orange_background",
        YellowBackground = "yellow_background",
        GreenBackground = "green_background",
        BlueBackground = "blue_background",
        PurpleBackground = "purple_background",
        PinkBackground = "pink_background",
        RedBackground = "red_background",
    }
}

/// Where an object lives. Unknown kinds are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parent {
    /// In a data source: a row.
    DataSource {
        /// The data source.
        data_source: DataSourceId,
        /// Its database, where the answer names it.
        database: Option<DatabaseId>,
    },
    /// In a database: a data source.
    Database(DatabaseId),
    /// In a page.
    Page(PageId),
    /// In a block.
    Block(BlockId),
    /// At the top of the workspace.
    Workspace,
    /// Something else, such as an agent.
    Unknown {
        /// The kind; empty when there is none.
        kind: String,
        /// All of it.
        raw: Json,
    },
}

impl Parent {
    /// Never fails: what is not understood is `Unknown`.
    pub(crate) fn decode(raw: &RawValue) -> Self {
        let unknown = |kind: String| Self::Unknown {
            kind,
            raw: raw.into(),
        };
        let Ok(fields) = Fields::parse("parent", raw.get()) else {
            return unknown(String::new());
        };
        let kind = fields.string("type").unwrap_or_default();
        let known = match kind.as_str() {
            "data_source_id" => fields
                .soft("data_source_id")
                .map(|data_source| Self::DataSource {
                    data_source,
                    database: fields.soft("database_id"),
                }),
            "database_id" => fields.soft("database_id").map(Self::Database),
            "page_id" => fields.soft("page_id").map(Self::Page),
            "block_id" => fields.soft("block_id").map(Self::Block),
            "workspace" => Some(Self::Workspace),
            _ => None,
        };
        known.unwrap_or_else(|| unknown(kind))
    }
}

/// The icon of a page, data source or database.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Icon {
    /// An emoji.
    Emoji(String),
    /// Anything else: a file, a custom emoji, one of Notion's own icons.
    Other {
        /// The kind.
        kind: String,
        /// All of it. It may hold a signed URL.
        raw: Json,
    },
}

impl Icon {
    pub(crate) fn decode(raw: &RawValue) -> Self {
        let fields = Fields::parse("icon", raw.get()).ok();
        let text = |key| fields.as_ref().and_then(|fields| fields.string(key));
        match text("emoji") {
            Some(emoji) => Self::Emoji(emoji),
            None => Self::Other {
                kind: text("type").unwrap_or_default(),
                raw: raw.into(),
            },
        }
    }
}

/// The URL of a file that Notion hosts: signed, valid for an hour, different on every read. `Debug` leaves out the query,
/// which is the signature.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HostedUrl(String);

impl HostedUrl {
    /// Takes the URL as it was read.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL with its signature: who has it can read the file until it expires.
    #[must_use]
    pub fn signed(&self) -> &str {
        &self.0
    }

    /// The URL without its query: what stays the same between reads.
    #[must_use]
    pub fn stable(&self) -> &str {
        self.0.split(['?', '#']).next().unwrap_or_default()
    }
}

impl fmt::Debug for HostedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostedUrl({:?})", self.stable())
    }
}

/// An object's `type` and the value under the key of that name; without a type, the first key that `known` knows.
pub(crate) fn tagged<'a>(
    what: &'static str,
    fields: &Fields<'a>,
    known: impl Fn(&str) -> bool,
) -> Result<(String, Option<&'a RawValue>), DecodeError> {
    if let Some(kind) = fields.string("type") {
        let value = fields.raw(&kind);
        return Ok((kind, value));
    }
    let found = fields.keys().find(|key| known(key)).map(str::to_owned);
    let kind = found.ok_or_else(|| DecodeError::new(what, "`type` is missing"))?;
    let value = fields.raw(&kind);
    Ok((kind, value))
}
