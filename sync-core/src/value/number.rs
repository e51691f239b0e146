//! Exact decimal numbers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An exact decimal in canonical writing: `3` is never `3.0`, and no digit is lost to a float.
///
/// Any JSON number literal parses. The canonical form is plain decimal notation without leading
/// or trailing zeros; beyond 40 digits it is `d.ddd…e±n`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Number(String);

/// The text is not a decimal number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number; write digits like 12, -0.5 or 1e6")]
pub struct ParseNumberError;

impl Number {
    /// The canonical text, a valid JSON number literal.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number as an integer, if it is one and fits.
    pub fn to_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The nearest float, and whether it stands for exactly this number when written shortest.
    pub fn to_f64(&self) -> (f64, bool) {
        let float: f64 = self.0.parse().unwrap_or(f64::NAN);
        let exact = float.is_finite() && Self::try_from(float).is_ok_and(|back| back == *self);
        (float, exact)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(value.to_string())
    }
}

impl TryFrom<f64> for Number {
    type Error = ParseNumberError;

    /// The shortest decimal that reads back as this float; infinities and NaN are refused.
    fn try_from(value: f64) -> Result<Self, ParseNumberError> {
        if value.is_finite() {
            format!("{value:e}").parse()
        } else {
            Err(ParseNumberError)
        }
    }
}

/// More digits than this are written with an exponent.
const PLAIN_DIGITS: i64 = 40;

impl FromStr for Number {
    type Err = ParseNumberError;

    fn from_str(text: &str) -> Result<Self, ParseNumberError> {
        let text = text.trim();
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => {
                let exponent: i32 = unsigned[at + 1..].parse().map_err(|_| ParseNumberError)?;
                (&unsigned[..at], i64::from(exponent))
            }
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
            return Err(ParseNumberError);
        }
        let joined = [whole, fraction].concat();
        let digits = joined.trim_start_matches('0');
        let kept = digits.trim_end_matches('0');
        if kept.is_empty() {
            return Ok(Self("0".to_owned()));
        }
        // The number is 0.kept * 10^point.
        let fraction_len = i64::try_from(fraction.len()).map_err(|_| ParseNumberError)?;
        let digits_len = i64::try_from(digits.len()).map_err(|_| ParseNumberError)?;
        let point = digits_len - fraction_len + exponent;
        Ok(Self(write_canonical(negative, kept, point)))
    }
}

fn write_canonical(negative: bool, kept: &str, point: i64) -> String {
    let mut out = String::with_capacity(kept.len() + 4);
    if negative {
        out.push('-');
    }
    let len = i64::try_from(kept.len()).unwrap_or(i64::MAX);
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    if !(-PLAIN_DIGITS..=PLAIN_DIGITS).contains(&point) {
        out.push_str(&kept[..1]);
        if len > 1 {
            out.push('.');
            out.push_str(&kept[1..]);
        }
        out.push('e');
        out.push_str(&(point - 1).to_string());
    } else if point <= 0 {
        out.push_str("0.");
        out.push_str(&zeros(-point));
        out.push_str(kept);
    } else if point >= len {
        out.push_str(kept);
        out.push_str(&zeros(point - len));
    } else {
        let at = usize::try_from(point).unwrap_or(0);
        out.push_str(&kept[..at]);
        out.push('.');
        out.push_str(&kept[at..]);
    }
    out
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_writing_per_number() {
        for (text, canonical) in [
            ("3", "3"),
            ("3.0", "3"),
            ("3.10", "3.1"),
            ("-0", "0"),
            ("0.000", "0"),
            ("1e3", "1000"),
            ("1.5E-3", "0.0015"),
            ("9007199254740993", "9007199254740993"),
            ("0012.50", "12.5"),
            ("1e300", "1e300"),
            ("12e-50", "1.2e-49"),
            ("+7", "7"),
            (".5", "0.5"),
        ] {
            assert_eq!(
                text.parse::<Number>().unwrap().as_str(),
                canonical,
                "{text}"
            );
        }
        for bad in ["", "-", "1.2.3", "abc", "1e", "0x10", "NaN", "1 2", "."] {
            assert!(bad.parse::<Number>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn canonical_form_is_a_fixpoint_and_floats_survive(float in proptest::num::f64::NORMAL) {
            let number = Number::try_from(float).unwrap();
            prop_assert_eq!(number.as_str().parse::<Number>().unwrap(), number.clone());
            prop_assert_eq!(number.to_f64(), (float, true));
            prop_assert!(serde_json::from_str::<f64>(number.as_str()).is_ok());
        }

        #[test]
        fn integers_survive(integer: i64) {
            prop_assert_eq!(Number::from(integer).to_i64(), Some(integer));
        }
    }
}
