//! `POST /pages`, `GET /pages/{id}`, `PATCH /pages/{id}`.

use std::fmt;

use http::Method;
use serde::{Serialize, Serializer};

use super::with_properties;
use crate::endpoint::{Call, Endpoint};
use crate::error::InvalidRequest;
use crate::id::{DataSourceId, PageId, PropertyId};
use crate::json::{DecodeError, Json};
use crate::object::Page;
use crate::paging::{Decoded, Object};
use crate::write::{PropertyWrite, PropertyWrites};

/// A page. Trashed pages are still answered, with `in_trash`; a 404 may also mean that it is not shared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetrievePage {
    /// Which.
    pub id: PageId,
    /// Only these properties; empty means all.
    pub properties: Vec<PropertyId>,
}

impl RetrievePage {
    /// Asks for this page.
    #[must_use]
    pub fn new(id: PageId) -> Self {
        Self {
            id,
            properties: Vec::new(),
        }
    }

    /// Asks for these properties only. The others are then missing, not empty.
    #[must_use]
    pub fn only(mut self, properties: impl IntoIterator<Item = PropertyId>) -> Self {
        self.properties.extend(properties);
        self
    }
}

impl Endpoint for RetrievePage {
    type Output = Object<Page>;

    fn call(&self) -> Result<Call, InvalidRequest> {
        Ok(with_properties(
            Call::get(format!("pages/{}", self.id))?,
            &self.properties,
        ))
    }

    fn decode(&self, body: &str) -> Result<Self::Output, DecodeError> {
        Page::decode_any(body).map(Decoded::into_object)
    }
}

/// Where a new page goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageParent {
    /// As a row.
    DataSource(DataSourceId),
    /// Below a page; it then has a title only.
    Page(PageId),
}

impl Serialize for PageParent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(2))?;
        match self {
            Self::DataSource(id) => {
                map.serialize_entry("type", "data_source_id")?;
                map.serialize_entry("data_source_id", id)?;
            }
            Self::Page(id) => {
                map.serialize_entry("type", "page_id")?;
                map.serialize_entry("page_id", id)?;
            }
        }
        map.end()
    }
}

/// Creates a page. Never sent again after a fault: a lost answer may hide a page that exists.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct CreatePage {
    /// Where it goes.
    pub parent: PageParent,
    /// Its values.
    pub properties: PropertyWrites,
    /// Its icon, as JSON.
    pub icon: Option<Json>,
    /// Its first blocks, a JSON array of at most 100.
    pub children: Option<Json>,
    /// Only these properties in the answer; empty means all.
    pub answer_with: Vec<PropertyId>,
}

impl CreatePage {
    /// A page there, without values.
    #[must_use]
    pub fn new(parent: PageParent) -> Self {
        Self {
            parent,
            properties: PropertyWrites::new(),
            icon: None,
            children: None,
            answer_with: Vec::new(),
        }
    }

    /// A row of this data source.
    #[must_use]
    pub fn row(data_source: DataSourceId) -> Self {
        Self::new(PageParent::DataSource(data_source))
    }

    /// Sets a value. The key is the property's id as returned, or its name.
    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: PropertyWrite) -> Self {
        self.properties.set(key, value);
        self
    }
}

impl fmt::Debug for CreatePage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatePage")
            .field("parent", &self.parent)
            .field("properties", &self.properties)
            .finish_non_exhaustive()
    }
}

impl Endpoint for CreatePage {
    type Output = Object<Page>;

    fn call(&self) -> Result<Call, InvalidRequest> {
        #[derive(Serialize)]
        struct Body<'a> {
            parent: &'a PageParent,
            properties: &'a PropertyWrites,
            #[serde(skip_serializing_if = "Option::is_none")]
            icon: Option<&'a Json>,
            #[serde(skip_serializing_if = "Option::is_none")]
            children: Option<&'a Json>,
        }
        let body = Body {
            parent: &self.parent,
            properties: &self.properties,
            icon: self.icon.as_ref(),
            children: self.children.as_ref(),
        };
        Ok(with_properties(
            Call::new(Method::POST, "pages")?.json(&body)?,
            &self.answer_with,
        ))
    }

    fn decode(&self, body: &str) -> Result<Self::Output, DecodeError> {
        Page::decode_any(body).map(Decoded::into_object)
    }
}

/// Changes a page. What is not set stays as it is.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct UpdatePage {
    /// Which.
    pub id: PageId,
    /// The values to change. Lists replace what is there.
    pub properties: PropertyWrites,
    /// Into or out of the trash.
    pub in_trash: Option<bool>,
    /// Into or out of the archive.
    pub is_archived: Option<bool>,
    /// Locked or not.
    pub is_locked: Option<bool>,
    /// `Some(None)` takes the icon away, `Some(Some(icon))` sets it.
    pub icon: Option<Option<Json>>,
    /// `Some(None)` takes the cover away, `Some(Some(cover))` sets it.
    pub cover: Option<Option<Json>>,
    /// Only these properties in the answer; empty means all.
    pub answer_with: Vec<PropertyId>,
}

impl UpdatePage {
    /// Changes nothing yet.
    #[must_use]
    pub fn new(id: PageId) -> Self {
        Self {
            id,
            properties: PropertyWrites::new(),
            in_trash: None,
            is_archived: None,
            is_locked: None,
            icon: None,
            cover: None,
            answer_with: Vec::new(),
        }
    }

    /// Moves the page to the trash.
    #[must_use]
    pub fn trash(id: PageId) -> Self {
        Self {
            in_trash: Some(true),
            ..Self::new(id)
        }
    }

    /// Takes the page out of the trash.
    #[must_use]
    pub fn restore(id: PageId) -> Self {
        Self {
            in_trash: Some(false),
            ..Self::new(id)
        }
    }

    /// Sets a value. The key is the property's id as returned, or its name.
    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: PropertyWrite) -> Self {
        self.properties.set(key, value);
        self
    }
}

impl fmt::Debug for UpdatePage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdatePage")
            .field("id", &self.id)
            .field("properties", &self.properties)
            .field("in_trash", &self.in_trash)
            .finish_non_exhaustive()
    }
}

impl Endpoint for UpdatePage {
    type Output = Object<Page>;

    fn call(&self) -> Result<Call, InvalidRequest> {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(skip_serializing_if = "PropertyWrites::is_empty")]
            properties: &'a PropertyWrites,
            #[serde(skip_serializing_if = "Option::is_none")]
            in_trash: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            is_archived: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            is_locked: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            icon: Option<&'a Option<Json>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            cover: Option<&'a Option<Json>>,
        }
        let body = Body {
            properties: &self.properties,
            in_trash: self.in_trash,
            is_archived: self.is_archived,
            is_locked: self.is_locked,
            icon: self.icon.as_ref(),
            cover: self.cover.as_ref(),
        };
        Ok(with_properties(
            Call::new(Method::PATCH, format!("pages/{}", self.id))?.json(&body)?,
            &self.answer_with,
        ))
    }

    fn decode(&self, body: &str) -> Result<Self::Output, DecodeError> {
        Page::decode_any(body).map(Decoded::into_object)
    }
}
