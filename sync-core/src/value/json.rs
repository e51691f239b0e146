//! JSON documents in canonical form: equal documents are equal bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::Number;

/// A JSON document that sync writes as well as reads (a `jsonb` column).
///
/// Its text is canonical: keys sorted by their bytes, no spaces, numbers as [`Number`] writes
/// them, so no digit is lost. Of a repeated key the last one counts, as in Postgres. `null` is a
/// document and not [`Value::Empty`](super::Value::Empty): a column can hold it, and can hold
/// nothing. JSON that nobody may interpret is a [`RawJson`](super::RawJson) instead.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Json(String);

/// The text is not a JSON document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseJsonError {
    /// It breaks the rules of JSON.
    #[error("not JSON")]
    Malformed,
    /// A number with an exponent nobody can hold.
    #[error("a number in the JSON is too large")]
    Number,
    /// Lists and objects nested more than 128 deep.
    #[error("the JSON is nested more than {DEPTH} deep")]
    TooDeep,
}

/// Deepest nesting; the same as serde_json's own.
const DEPTH: u32 = 128;

impl Json {
    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Json {
    type Err = ParseJsonError;

    fn from_str(text: &str) -> Result<Self, ParseJsonError> {
        let mut canonical = String::with_capacity(text.len());
        let document: &RawValue = parse(text)?;
        write(document, DEPTH, &mut canonical)?;
        Ok(Self(canonical))
    }
}

// Raw values, because serde_json's own would read numbers as floats.
fn write(document: &RawValue, depth: u32, out: &mut String) -> Result<(), ParseJsonError> {
    let text = document.get();
    let inside = || depth.checked_sub(1).ok_or(ParseJsonError::TooDeep);
    match text.as_bytes().first() {
        Some(b'{') => {
            let depth = inside()?;
            let members: BTreeMap<String, &RawValue> = parse(text)?;
            out.push('{');
            for (at, (key, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&quoted(&key)?);
                out.push(':');
                write(value, depth, out)?;
            }
            out.push('}');
        }
        Some(b'[') => {
            let depth = inside()?;
            let elements: Vec<&RawValue> = parse(text)?;
            out.push('[');
            for (at, value) in elements.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(value, depth, out)?;
            }
            out.push(']');
        }
        Some(b'"') => out.push_str(&quoted(&parse::<String>(text)?)?),
        Some(b'-' | b'0'..=b'9') => {
            let number: Number = text.parse().map_err(|_| ParseJsonError::Number)?;
            out.push_str(number.as_str());
        }
        _ => out.push_str(text),
    }
    Ok(())
}

fn parse<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, ParseJsonError> {
    serde_json::from_str(text).map_err(|_| ParseJsonError::Malformed)
}

fn quoted(text: &str) -> Result<String, ParseJsonError> {
    serde_json::to_string(text).map_err(|_| ParseJsonError::Malformed)
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_documents_are_equal_bytes_and_no_digit_is_lost() {
        for (text, canonical) in [
            (
                r#" { "b" : 1.0 , "a":[ 1e2, true,null ] } "#,
                r#"{"a":[100,true,null],"b":1}"#,
            ),
            ("9007199254740993", "9007199254740993"),
            ("-0.0", "0"),
            (r#""\u00e9\/\n""#, r#""é/\n""#),
            (r#"{"\u0061":1,"a":2}"#, r#"{"a":2}"#),
            ("[]", "[]"),
            ("null", "null"),
        ] {
            assert_eq!(text.parse::<Json>().unwrap().as_str(), canonical, "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused_by_name() {
        for bad in [
            "",
            "{",
            "nul",
            "[1,]",
            "01",
            "+1",
            r#""\ud800""#,
            "1 2",
            "{1:2}",
        ] {
            assert_eq!(bad.parse::<Json>(), Err(ParseJsonError::Malformed), "{bad}");
        }
        assert_eq!("1e99999999999".parse::<Json>(), Err(ParseJsonError::Number));
        let nested = |depth: usize| [vec!["["; depth].concat(), vec!["]"; depth].concat()].concat();
        assert!(nested(128).parse::<Json>().is_ok());
        assert_eq!(nested(129).parse::<Json>(), Err(ParseJsonError::TooDeep));
        assert_eq!(
            nested(100_000).parse::<Json>(),
            Err(ParseJsonError::TooDeep)
        );
    }
}
