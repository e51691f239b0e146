//! Values of pages, for the types that can be written.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::rich_text::RichTextWrite;
use crate::id::{OptionId, PageId, UserId};
use crate::number::Number;
use crate::object::{DateValue, Place, PropertyType};

/// A value to write. Computed types are not among them. `Debug` shows the type only.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum PropertyWrite {
    /// The title; empty clears.
    Title(Vec<RichTextWrite>),
    /// Rich text; empty clears.
    RichText(Vec<RichTextWrite>),
    /// A number by its literal; `None` clears.
    Number(Option<Number>),
    /// An option; `None` clears. An unknown name makes a new option.
    Select(Option<OptionRef>),
    /// All options; empty clears. Unknown names make new options. At most 100.
    MultiSelect(Vec<OptionRef>),
    /// An existing option; `None` goes back to the default option, if there is one.
    Status(Option<OptionRef>),
    /// A date; `None` clears.
    Date(Option<DateValue>),
    /// All people; empty clears. At most 100.
    People(Vec<UserId>),
    /// All files; empty clears.
    Files(Vec<FileWrite>),
    /// A checkbox.
    Checkbox(bool),
    /// A URL of at most 2,000 characters; `None` clears.
    Url(Option<String>),
    /// An address of at most 200 characters; `None` clears.
    Email(Option<String>),
    /// A number of at most 200 characters; `None` clears.
    PhoneNumber(Option<String>),
    /// All related pages; empty clears. At most 100.
    Relation(Vec<PageId>),
    /// The verification; wiki pages only.
    Verification(VerificationWrite),
    /// A place; `None` clears.
    Place(Option<Place>),
}

impl PropertyWrite {
    /// Rich text of one plain run; an empty text clears.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        Self::RichText(plain(text))
    }

    /// A title of one plain run; an empty text clears.
    #[must_use]
    pub fn title(text: &str) -> Self {
        Self::Title(plain(text))
    }

    /// The type of the property it is for.
    #[must_use]
    pub fn kind(&self) -> PropertyType {
        match self {
            Self::Title(_) => PropertyType::Title,
            Self::RichText(_) => PropertyType::RichText,
            Self::Number(_) => PropertyType::Number,
            Self::Select(_) => PropertyType::Select,
            Self::MultiSelect(_) => PropertyType::MultiSelect,
            Self::Status(_) => PropertyType::Status,
            Self::Date(_) => PropertyType::Date,
            Self::People(_) => PropertyType::People,
            Self::Files(_) => PropertyType::Files,
            Self::Checkbox(_) => PropertyType::Checkbox,
            Self::Url(_) => PropertyType::Url,
            Self::Email(_) => PropertyType::Email,
            Self::PhoneNumber(_) => PropertyType::PhoneNumber,
            Self::Relation(_) => PropertyType::Relation,
            Self::Verification(_) => PropertyType::Verification,
            Self::Place(_) => PropertyType::Place,
        }
    }
}

fn plain(text: &str) -> Vec<RichTextWrite> {
    if text.is_empty() {
        Vec::new()
    } else {
        vec![RichTextWrite::text(text)]
    }
}

impl fmt::Debug for PropertyWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PropertyWrite({})", self.kind())
    }
}

impl Serialize for PropertyWrite {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Id<'a, T> {
            id: &'a T,
        }
        fn ids<T>(all: &[T]) -> Vec<Id<'_, T>> {
            all.iter().map(|id| Id { id }).collect()
        }
        let kind = self.kind();
        let kind = kind.as_str();
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Title(runs) | Self::RichText(runs) => map.serialize_entry(kind, runs)?,
            Self::Number(number) => map.serialize_entry(kind, number)?,
            Self::Select(option) | Self::Status(option) => map.serialize_entry(kind, option)?,
            Self::MultiSelect(options) => map.serialize_entry(kind, options)?,
            Self::Date(date) => map.serialize_entry(kind, date)?,
            Self::People(people) => map.serialize_entry(kind, &ids(people))?,
            Self::Files(files) => map.serialize_entry(kind, files)?,
            Self::Checkbox(checked) => map.serialize_entry(kind, checked)?,
            Self::Url(text) | Self::Email(text) | Self::PhoneNumber(text) => {
                map.serialize_entry(kind, text)?
            }
            Self::Relation(pages) => map.serialize_entry(kind, &ids(pages))?,
            Self::Verification(verification) => map.serialize_entry(kind, verification)?,
            Self::Place(place) => map.serialize_entry(kind, place)?,
        }
        map.end()
    }
}

/// An option by id, which cannot make a new one, or by name, which can. Colours belong to the schema and are never sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OptionRef {
    /// By id.
    Id(OptionId),
    /// By name; no commas.
    Name(String),
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileWrite {
    /// A file elsewhere.
    External {
        /// The name people see.
        name: String,
        /// Its URL.
        url: String,
    },
    /// A finished upload.
    Upload {
        /// Its id.
        id: String,
        /// The name people see; the upload's own when absent.
        name: Option<String>,
    },
    /// A file that is there already, named so that the list keeps it.
    Keep {
        /// The name people see.
        name: String,
        /// The URL as it was read.
        url: crate::object::HostedUrl,
    },
}

impl Serialize for FileWrite {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Url<'a> {
            url: &'a str,
        }
        #[derive(Serialize)]
        struct Id<'a> {
            id: &'a str,
        }
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::External { name, url } => {
                map.serialize_entry("name", name)?;
                map.serialize_entry("external", &Url { url })?;
            }
            Self::Upload { id, name } => {
                if let Some(name) = name {
                    map.serialize_entry("name", name)?;
                }
                map.serialize_entry("file_upload", &Id { id })?;
            }
            Self::Keep { name, url } => {
                map.serialize_entry("name", name)?;
                map.serialize_entry("file", &Url { url: url.signed() })?;
            }
        }
        map.end()
    }
}

/// A verification to write. The verifier is always the connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum VerificationWrite {
    /// Verified, until the end of a date with times, or for good.
    Verified {
        /// From when to when.
        #[serde(skip_serializing_if = "Option::is_none")]
        date: Option<DateValue>,
    },
    /// Not verified.
    Unverified,
}

impl Serialize for DateValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("start", &self.start)?;
        map.serialize_entry("end", &self.end)?;
        // The API refuses neither null nor absence; absence is what it documents for times with an offset.
        if let Some(zone) = &self.time_zone {
            map.serialize_entry("time_zone", zone)?;
        }
        map.end()
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("lat", &self.lat)?;
        map.serialize_entry("lon", &self.lon)?;
        let texts = [
            ("name", &self.name),
            ("address", &self.address),
            ("aws_place_id", &self.aws_place_id),
            ("google_place_id", &self.google_place_id),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                map.serialize_entry(key, text)?;
            }
        }
        map.end()
    }
}

/// The values of one write, by property id as returned, or by name. A property that is not among them keeps its value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PropertyWrites(Vec<(String, PropertyWrite)>);

impl PropertyWrites {
    /// No values.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets a value, in place of an earlier one with the same key.
    pub fn set(&mut self, key: impl Into<String>, value: PropertyWrite) {
        let key = key.into();
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, slot)) => *slot = value,
            None => self.0.push((key, value)),
        }
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values and their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &PropertyWrite)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }
}

impl FromIterator<(String, PropertyWrite)> for PropertyWrites {
    fn from_iter<I: IntoIterator<Item = (String, PropertyWrite)>>(values: I) -> Self {
        let mut writes = Self::new();
        values
            .into_iter()
            .for_each(|(key, value)| writes.set(key, value));
        writes
    }
}

impl Serialize for PropertyWrites {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
