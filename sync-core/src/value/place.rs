//! A point on the map.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Number;

/// A point on the map, with what people call it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Degrees north; Notion takes -90 to 90.
    pub lat: Number,
    /// Degrees east; Notion takes -180 to 180.
    pub lon: Number,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is, for the post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl Place {
    /// A point without a name.
    pub fn new(lat: Number, lon: Number) -> Self {
        Self {
            lat,
            lon,
            name: None,
            address: None,
        }
    }

    /// The same place in canonical form: an empty name or address is none.
    #[must_use]
    pub fn canonical(self) -> Self {
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        Self {
            name: filled(self.name),
            address: filled(self.address),
            ..self
        }
    }
}

impl fmt::Display for Place {
    /// The name, else the address, and the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_ref().or(self.address.as_ref()) {
            Some(name) => write!(f, "{name} ({}, {})", self.lat, self.lon),
            None => write!(f, "{}, {}", self.lat, self.lon),
        }
    }
}
