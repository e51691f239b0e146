//! Pages. Their property values stay raw until somebody asks for one.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::property::{PropertyType, PropertyValue};
use super::shared::{Icon, Parent};
use super::user::User;
use crate::id::{PageId, PropertyId};
use crate::json::{DecodeError, Fields, Json, Text};
use crate::paging::{Decoded, Partial};

/// A page in full. Times are texts in ISO 8601; Notion rounds them down to the minute.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// The id.
    pub id: PageId,
    /// When it was made.
    pub created_time: String,
    /// When it was last edited. It wakes and proves nothing: some changes do not move it.
    pub last_edited_time: String,
    /// Who made it.
    pub created_by: Option<User>,
    /// Who last edited it.
    pub last_edited_by: Option<User>,
    /// Where it lives.
    pub parent: Parent,
    /// Its icon.
    pub icon: Option<Icon>,
    /// Its cover, as it came. It may hold a signed URL.
    pub cover: Option<Json>,
    /// Whether it is in the trash (`archived` before 2026-03-11).
    pub in_trash: bool,
    /// Whether it is archived: alive, but hidden from queries.
    pub is_archived: bool,
    /// Whether it is locked. That does not keep the API from editing it.
    pub is_locked: bool,
    /// Its address.
    pub url: String,
    /// Its address for everyone.
    pub public_url: Option<String>,
    /// The values of its properties, as far as they were asked for.
    pub properties: Properties,
    /// Fields this crate has no name for.
    pub other: Vec<(String, Json)>,
}

const KNOWN: &[&str] = &[
    "object",
    "id",
    "created_time",
    "last_edited_time",
    "created_by",
    "last_edited_by",
    "parent",
    "icon",
    "cover",
    "in_trash",
    "archived",
    "is_archived",
    "is_locked",
    "url",
    "public_url",
    "properties",
    "request_id",
];

impl Page {
    /// Decodes a page object.
    ///
    /// # Errors
    /// [`DecodeError`] when it is not one, or holds only what a connection without the read capability may see.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        match Self::decode_any(text)? {
            Decoded::Full(page) => Ok(page),
            Decoded::Partial(_) => Err(DecodeError::new("page", "only its id is visible")),
        }
    }

    pub(crate) fn decode_any(text: &str) -> Result<Decoded<Self>, DecodeError> {
        let wire: Wire<'_> =
            serde_json::from_str(text).map_err(|error| DecodeError::json("page", &error))?;
        let fields = wire.fields;
        if fields.text("object").as_deref() != Some("page") {
            return Err(DecodeError::new("page", "`object` is not `page`"));
        }
        let id: PageId = fields.required("page", "id")?;
        // The official clients tell full from partial by the URL.
        if fields.raw("url").is_none() {
            return Ok(Decoded::Partial(Partial {
                object: "page".into(),
                id: id.to_string(),
            }));
        }
        let url = fields.string("url").unwrap_or_default();
        let user = |key| fields.present(key).and_then(|raw| User::decode(raw).ok());
        let flag = |key| fields.soft::<bool>(key);
        Ok(Decoded::Full(Self {
            id,
            created_time: fields.required("page", "created_time")?,
            last_edited_time: fields.required("page", "last_edited_time")?,
            created_by: user("created_by"),
            last_edited_by: user("last_edited_by"),
            parent: Parent::decode(
                fields
                    .raw("parent")
                    .ok_or_else(|| DecodeError::new("page", "`parent` is missing"))?,
            ),
            icon: fields.present("icon").map(Icon::decode),
            cover: fields.present("cover").map(Json::from),
            in_trash: flag("in_trash")
                .or_else(|| flag("archived"))
                .unwrap_or(false),
            is_archived: flag("is_archived").unwrap_or(false),
            is_locked: flag("is_locked").unwrap_or(false),
            url,
            public_url: fields.string("public_url"),
            properties: wire.properties.map(Properties::decode).unwrap_or_default(),
            other: fields.others(KNOWN),
        }))
    }
}

/// The entries of a page; those of its properties are split in the same pass.
struct Wire<'a> {
    fields: Fields<'a>,
    properties: Option<Fields<'a>>,
}

impl<'de> Deserialize<'de> for Wire<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Wire<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a page")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Wire<'de>, A::Error> {
                let (mut entries, mut properties) = (Vec::with_capacity(20), None);
                while let Some(Text(key)) = map.next_key()? {
                    if key == "properties" {
                        properties = Some(map.next_value()?);
                    } else {
                        entries.push((key, map.next_value()?));
                    }
                }
                Ok(Wire {
                    fields: Fields::from_entries(entries),
                    properties,
                })
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// The properties of a page, in the server's order. An odd one costs itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties {
    entries: Vec<Property>,
    odd: Vec<OddProperty>,
}

/// One property of a page, its value still raw.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Property {
    /// The name, which people change.
    pub name: String,
    /// The id, which stays.
    pub id: PropertyId,
    /// The type.
    pub kind: PropertyType,
    /// The whole value `{id, type, [type]: …}` as it came.
    pub raw: Json,
}

/// A property without a readable id or type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OddProperty {
    /// The name.
    pub name: String,
    /// What it is.
    pub raw: Json,
    /// Why it could not be read.
    pub error: DecodeError,
}

impl Property {
    /// Decodes the value.
    ///
    /// # Errors
    /// [`DecodeError`] when a known type does not have its shape.
    pub fn value(&self) -> Result<PropertyValue, DecodeError> {
        PropertyValue::decode(self.raw.as_raw())
    }
}

impl Properties {
    /// All properties that could be read.
    pub fn iter(&self) -> std::slice::Iter<'_, Property> {
        self.entries.iter()
    }

    /// How many could be read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none could be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The property with this id. Missing also when it was not asked for.
    #[must_use]
    pub fn by_id(&self, id: &PropertyId) -> Option<&Property> {
        self.entries.iter().find(|property| property.id == *id)
    }

    /// The property with this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Property> {
        self.entries.iter().find(|property| property.name == name)
    }

    /// The properties that could not be read.
    #[must_use]
    pub fn odd(&self) -> &[OddProperty] {
        &self.odd
    }

    fn decode(fields: Fields<'_>) -> Self {
        let mut properties = Self::default();
        let entries = fields.into_entries();
        properties.entries.reserve(entries.len());
        for (name, raw) in entries {
            let name = name.into_owned();
            match Head::parse(raw.get()) {
                Ok(Head { id, kind }) => {
                    let (id, kind) = (PropertyId::from(&*id.0), PropertyType::from(&*kind.0));
                    properties.entries.push(Property {
                        name,
                        id,
                        kind,
                        raw: raw.into(),
                    });
                }
                Err(error) => properties.odd.push(OddProperty {
                    name,
                    raw: raw.into(),
                    error,
                }),
            }
        }
        properties
    }
}

impl<'a> IntoIterator for &'a Properties {
    type Item = &'a Property;
    type IntoIter = std::slice::Iter<'a, Property>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
}

impl<'a> Head<'a> {
    fn parse(text: &'a str) -> Result<Self, DecodeError> {
        match Self::at_the_front(text) {
            Some(head) => Ok(head),
            None => {
                serde_json::from_str(text).map_err(|error| DecodeError::json("property", &error))
            }
        }
    }

    /// The server writes id and type first; then the value, the largest part, need not be scanned once more.
    fn at_the_front(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix(r#"{"id":""#)?;
        let (id, rest) = rest.split_once('"')?;
        let rest = rest.strip_prefix(r#","type":""#)?;
        let (kind, _) = rest.split_once('"')?;
        let plain = !id.contains('\\') && !kind.contains('\\');
        plain.then(|| Self {
            id: Text(id.into()),
            kind: Text(kind.into()),
        })
    }
}
