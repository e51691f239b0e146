//! Raw JSON that is kept as text, and the helpers every decoder of this crate is built on. No Notion types here.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// One JSON value kept as the text it arrived in. `Debug` shows its size only, so content never slips into a log.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Checks that `text` is one JSON value and keeps it as it is.
    ///
    /// # Errors
    /// [`DecodeError`] when `text` is not JSON.
    pub fn parse(text: impl Into<String>) -> Result<Self, DecodeError> {
        RawValue::from_string(text.into())
            .map(Self)
            .map_err(|error| DecodeError::json("a JSON text", &error))
    }

    /// Serialises any value to its JSON text.
    ///
    /// # Errors
    /// [`DecodeError`] when the value has no JSON form (a map with keys that are not strings).
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<Self, DecodeError> {
        serde_json::value::to_raw_value(value)
            .map(Self)
            .map_err(|error| DecodeError::json("a value", &error))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The raw value of serde_json, to embed in another serialised value.
    #[must_use]
    pub fn as_raw(&self) -> &RawValue {
        &self.0
    }

    /// Decodes the text into a type of the caller.
    ///
    /// # Errors
    /// [`DecodeError`] when the text does not have that shape.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        serde_json::from_str(self.0.get())
            .map_err(|error| DecodeError::json(std::any::type_name::<T>(), &error))
    }
}

impl From<&RawValue> for Json {
    fn from(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }
}

impl From<Box<RawValue>> for Json {
    fn from(raw: Box<RawValue>) -> Self {
        Self(raw)
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.as_str().len())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

/// A text that does not have the shape it should have. It names the place, never the content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not decode {what}: {problem}")]
#[non_exhaustive]
pub struct DecodeError {
    /// What was being decoded, such as `page` or `property number`.
    pub what: Cow<'static, str>,
    /// What is wrong, without any of the content.
    pub problem: Cow<'static, str>,
}

impl DecodeError {
    pub(crate) fn new(
        what: impl Into<Cow<'static, str>>,
        problem: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            what: what.into(),
            problem: problem.into(),
        }
    }

    // serde's own text quotes the offending value, so only the kind and the place are taken.
    pub(crate) fn json(what: impl Into<Cow<'static, str>>, error: &serde_json::Error) -> Self {
        use serde_json::error::Category;
        let kind = match error.classify() {
            Category::Io => "could not be read",
            Category::Syntax => "not JSON",
            Category::Data => "unexpected shape",
            Category::Eof => "ends too early",
        };
        Self::new(
            what,
            format!("{kind} at line {} column {}", error.line(), error.column()),
        )
    }
}

/// A string that borrows from the text where it can.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// The entries of one JSON object, in order, each kept as raw text.
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    pub(crate) fn parse(what: &'static str, text: &'a str) -> Result<Self, DecodeError> {
        serde_json::from_str(text).map_err(|error| DecodeError::json(what, &error))
    }

    pub(crate) fn from_entries(entries: Vec<(Cow<'a, str>, &'a RawValue)>) -> Self {
        Self(entries)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| &**key)
    }

    pub(crate) fn into_entries(self) -> Vec<(Cow<'a, str>, &'a RawValue)> {
        self.0
    }

    pub(crate) fn raw(&self, key: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, raw)| *raw)
    }

    /// The raw value, where absent and `null` are the same.
    pub(crate) fn present(&self, key: &str) -> Option<&'a RawValue> {
        self.raw(key).filter(|raw| raw.get() != "null")
    }

    /// A string, or nothing when it is absent, null or not a string.
    pub(crate) fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        serde_json::from_str::<Text<'a>>(self.raw(key)?.get())
            .ok()
            .map(|text| text.0)
    }

    pub(crate) fn string(&self, key: &str) -> Option<String> {
        self.text(key).map(Cow::into_owned)
    }

    /// A value that must be there and have its shape.
    pub(crate) fn required<T: Deserialize<'a>>(
        &self,
        what: &'static str,
        key: &'static str,
    ) -> Result<T, DecodeError> {
        let raw = self
            .raw(key)
            .ok_or_else(|| DecodeError::new(what, format!("`{key}` is missing")))?;
        serde_json::from_str(raw.get())
            .map_err(|error| DecodeError::json(format!("{what}.{key}"), &error))
    }

    /// A value that may be absent or null, but has its shape when it is there.
    pub(crate) fn optional<T: Deserialize<'a>>(
        &self,
        what: &'static str,
        key: &'static str,
    ) -> Result<Option<T>, DecodeError> {
        match self.present(key) {
            None => Ok(None),
            Some(raw) => serde_json::from_str(raw.get())
                .map(Some)
                .map_err(|error| DecodeError::json(format!("{what}.{key}"), &error)),
        }
    }

    /// A value whose oddness must not cost its owner: odd is absent.
    pub(crate) fn soft<T: Deserialize<'a>>(&self, key: &str) -> Option<T> {
        serde_json::from_str(self.raw(key)?.get()).ok()
    }

    /// The entries whose names are not in `known`.
    pub(crate) fn others(&self, known: &[&str]) -> Vec<(String, Json)> {
        self.0
            .iter()
            .filter(|(name, _)| !known.contains(&&**name))
            .map(|(name, raw)| (name.to_string(), Json::from(*raw)))
            .collect()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(16);
                while let Some(Text(key)) = map.next_key()? {
                    entries.push((key, map.next_value()?));
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Entries).map(Self)
    }
}

/// The items of a JSON array, each kept as raw text.
pub(crate) fn items<'a>(
    what: &'static str,
    raw: &'a RawValue,
) -> Result<Vec<&'a RawValue>, DecodeError> {
    serde_json::from_str(raw.get()).map_err(|error| DecodeError::json(what, &error))
}

/// Declares a vocabulary that belongs to the server: known words get a name, every other word is kept.
macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        ///
        /// The vocabulary belongs to the server and grows without a version bump: a word without a name here is kept
        /// in `Unknown`.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`.")] $(#[$vdoc])* $variant,)*
            /// A word this crate has no name for.
            Unknown(Box<str>),
        }

        impl $name {
            /// The word as it is on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self { $(Self::$variant => $text,)* Self::Unknown(word) => word }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word { $($text => Self::$variant,)* _ => Self::Unknown(word.into()) }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <crate::json::Text<'de> as serde::Deserialize>::deserialize(deserializer).map(|text| Self::from(&*text.0))
            }
        }
    };
}
pub(crate) use open_enum;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_and_errors_hold_no_content() {
        let json = Json::parse(r#"{"secret":"s3cret"}"#).unwrap();
        assert_eq!(format!("{json:?}"), "Json(19 bytes)");
        let error = json.decode::<u32>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        let error = Json::parse("\"s3cret\"")
            .unwrap()
            .decode::<u32>()
            .unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }

    #[test]
    fn fields_keep_order_and_raw_text() {
        let fields = Fields::parse("x", r#"{"b": 1.0, "a\n": null}"#).unwrap();
        assert_eq!(fields.raw("b").unwrap().get(), "1.0");
        assert!(fields.raw("a\n").is_some() && fields.present("a\n").is_none());
    }
}
