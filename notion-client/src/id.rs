//! Identifiers, one type per kind, parsed once at the border. Finding ids inside URLs is `url`'s.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The text is not a UUID, dashed or undashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id: 32 hexadecimal digits are needed, with or without dashes")]
pub struct InvalidId;

/// Accepts the dashed and the undashed form only; `uuid` alone would also take braces and URNs.
pub(crate) fn parse_uuid(text: &str) -> Result<Uuid, InvalidId> {
    let dashed = text.len() == 36
        && [8, 13, 18, 23]
            .iter()
            .all(|&at| text.as_bytes()[at] == b'-');
    let undashed = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if dashed || undashed {
        Uuid::try_parse(text).map_err(|_| InvalidId)
    } else {
        Err(InvalidId)
    }
}

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// Parses dashed and undashed, prints dashed lower-case.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_uuid(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = crate::json::Text::deserialize(deserializer)?;
                text.0.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

uuid_id! {
    /// A page. It is also the id of the page's block.
    PageId;
    /// A data source: the table. Not the id that stands in a database's URL.
    DataSourceId;
    /// A database: the container of data sources, and what a database's URL names.
    DatabaseId;
    /// A block.
    BlockId;
    /// A user: a person or a bot. Local to one workspace.
    UserId;
    /// A view: what stands behind `?v=` in a URL.
    ViewId;
}

impl From<PageId> for BlockId {
    fn from(page: PageId) -> Self {
        Self(page.0)
    }
}

/// A property of a data source, in the percent-encoded form the API returned, such as `f%5C%5C%3Ap`.
///
/// Stable across renames. Responses, webhooks and payload keys all use this form, so it is compared as it is.
/// In a path it goes as it is, in `filter_properties` decoded once: [`PropertyId::path_segment`], [`PropertyId::decoded`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PropertyId(Box<str>);

impl PropertyId {
    /// Takes the id as the API returned it.
    #[must_use]
    pub fn new(encoded: impl Into<String>) -> Self {
        Self(encoded.into().into())
    }

    /// The id every title property has.
    #[must_use]
    pub fn title() -> Self {
        Self("title".into())
    }

    /// As returned.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Percent-decoded once: the form for `filter_properties`, where the query encoder encodes it again.
    #[must_use]
    pub fn decoded(&self) -> String {
        percent_decode(&self.0)
    }

    /// The form for a path: `%XX` stays as it is, any other character a path cannot carry is encoded.
    #[must_use]
    pub fn path_segment(&self) -> String {
        let bytes = self.0.as_bytes();
        let mut out = String::with_capacity(bytes.len());
        for (at, &byte) in bytes.iter().enumerate() {
            let escape = byte == b'%'
                && bytes
                    .get(at + 1..at + 3)
                    .is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
            if escape || byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                out.push(byte as char);
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
        out
    }
}

impl fmt::Display for PropertyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for PropertyId {
    fn from(encoded: &str) -> Self {
        Self(encoded.into())
    }
}

/// An option of a select, multi-select or status property. Opaque; stable across renames.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OptionId(Box<str>);

impl OptionId {
    /// Takes the id as the API returned it.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into().into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a list goes on. Opaque; its lifetime is not documented, so it should not outlive the scan it came from.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(Box<str>);

impl Cursor {
    /// Takes the cursor as the API returned it.
    #[must_use]
    pub fn new(cursor: impl Into<String>) -> Self {
        Self(cursor.into().into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Decodes `%XX` once. What is not valid UTF-8 afterwards stays encoded.
pub(crate) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .filter(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        match escape {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pain_21_ids_parse_dashed_and_undashed_and_print_dashed() {
        let dashed = "1b2c3d4e-0000-4000-8000-00000000a001";
        for text in [
            dashed,
            "1b2c3d4e00004000800000000000a001",
            "1B2C3D4E-0000-4000-8000-00000000A001",
        ] {
            assert_eq!(text.parse::<PageId>().unwrap().to_string(), dashed);
        }
        for text in [
            "",
            "1b2c3d4e",
            "{1b2c3d4e-0000-4000-8000-00000000a001}",
            "urn:uuid:1b2c3d4e-0000-4000-8000-00000000a001",
            "1b2c3d4e00004000800000000000a0011",
            "1b2c3d4e-00004000-8000-0000-0000a001",
            "zb2c3d4e00004000800000000000a001",
            "1b2c3d4e-0000-4000-8000-0000000\u{e9}a01",
        ] {
            assert!(text.parse::<DataSourceId>().is_err(), "{text}");
        }
    }

    #[test]
    fn pain_30_property_ids_keep_their_encoded_form() {
        let id = PropertyId::new("f%5C%5C%3Ap");
        assert_eq!(
            (id.as_str(), id.path_segment().as_str()),
            ("f%5C%5C%3Ap", "f%5C%5C%3Ap")
        );
        assert_eq!(id.decoded(), r"f\\:p");
        assert_eq!(PropertyId::new("n%3C%60%40").decoded(), "n<`@");
        assert_eq!(PropertyId::new(r"f\\:p").path_segment(), "f%5C%5C%3Ap");
        assert_eq!(PropertyId::new("100%25").decoded(), "100%");
        assert_eq!(PropertyId::new("a%zz").path_segment(), "a%25zz");
        assert_eq!(percent_decode("%ff"), "%ff");
        assert_eq!(percent_decode("%+f"), "%+f".to_owned());
    }
}
