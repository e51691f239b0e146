//! Exact numbers: a JSON number kept as its literal text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON number as its literal: `3` stays `3`, `9007199254740993` keeps every digit.
///
/// Equality is that of the text; `3` and `3.0` are different literals.
///
/// ```
/// use notion_sync_client::Number;
/// let exact: Number = "9007199254740993".parse()?;
/// assert_eq!(exact.literal(), "9007199254740993");
/// assert_eq!(exact.as_i64(), Some(9007199254740993));
/// # Ok::<(), notion_sync_client::InvalidNumber>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number(Box<str>);

impl Number {
    /// The literal.
    #[must_use]
    pub fn literal(&self) -> &str {
        &self.0
    }

    /// The nearest double. A literal beyond its range becomes an infinity.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        // JSON's number grammar is a subset of the one `f64` parses.
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// The integer, when the literal is written as one and fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The shortest literal of a finite double.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        value
            .is_finite()
            .then(|| serde_json::to_string(&value).ok())
            .flatten()
            .map(|text| Self(text.into()))
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(value.to_string().into())
    }
}

/// The text is not a JSON number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON number")]
pub struct InvalidNumber;

impl FromStr for Number {
    type Err = InvalidNumber;

    fn from_str(text: &str) -> Result<Self, InvalidNumber> {
        if is_json_number(text) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidNumber)
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        raw.get().parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

fn is_json_number(text: &str) -> bool {
    fn digits(text: &str) -> Option<&str> {
        let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
        (rest.len() < text.len()).then_some(rest)
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let rest = match unsigned.strip_prefix('0') {
        Some(rest) => Some(rest),
        None => digits(unsigned),
    };
    let rest = match rest.map(|rest| (rest, rest.strip_prefix('.'))) {
        None => return false,
        Some((_, Some(fraction))) => match digits(fraction) {
            Some(rest) => rest,
            None => return false,
        },
        Some((rest, None)) => rest,
    };
    match rest.strip_prefix(['e', 'E']) {
        None => rest.is_empty(),
        Some(exponent) => digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)) == Some(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pain_30_literals_survive_the_round_trip() {
        for literal in [
            "3",
            "3.0",
            "9007199254740993",
            "-0.25",
            "1e21",
            "0",
            "1.7976931348623157e+308",
        ] {
            let number: Number = serde_json::from_str(literal).unwrap();
            assert_eq!(serde_json::to_string(&number).unwrap(), literal);
        }
    }

    #[test]
    fn only_json_numbers_parse() {
        for text in [
            "", "-", "01", "1.", ".5", "1e", "+1", "NaN", "inf", "0x1", "1 ", "\"1\"", "null",
            "1e+",
        ] {
            assert!(text.parse::<Number>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Number>("\"3\"").is_err());
    }
}
