//! Days, instants with their offset, and ranges. A day never becomes a midnight.

use std::fmt;
use std::str::FromStr;

use jiff::civil;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A day, an instant, or a range of either.
///
/// Text form: `2026-06-15`, `2026-06-15T14:30:00+09:00`, and for ranges the two ends joined by
/// `/` (ISO 8601 intervals). A named zone follows in brackets, once, as in RFC 9557:
/// `2026-06-15T14:30:00+09:00[Asia/Tokyo]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DateValue {
    /// The day or instant, or the first of a range.
    pub start: DatePoint,
    /// The last of a range.
    pub end: Option<DatePoint>,
    /// The IANA name of the zone it was written in, where one is known. It is kept and shown; the
    /// offsets alone say which instants are meant.
    pub zone: Option<Box<str>>,
}

/// One end of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatePoint {
    /// A calendar day, without time and without zone.
    Day(civil::Date),
    /// A local time with the offset it was written with.
    Instant {
        /// The time on the wall there.
        local: civil::DateTime,
        /// The offset from UTC there.
        offset: Offset,
    },
}

/// Why a text is not a date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseDateError {
    /// A time of day without an offset: it names no instant.
    #[error("a time needs an offset: write 2026-06-15T14:30:00+09:00, or Z for UTC")]
    NoOffset,
    /// Anything else.
    #[error("not a date: write 2026-06-15, 2026-06-15T14:30:00+09:00 or start/end")]
    Malformed,
}

/// How finely a field keeps an instant. Days are days at any precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatePrecision {
    /// Whole minutes: Notion answers `18:58:00.000` to `18:58:04.659`.
    Minute,
    /// Whole milliseconds.
    Millisecond,
}

impl DateValue {
    /// A day, an instant, or with an end a range; no named zone.
    pub fn new(start: DatePoint, end: Option<DatePoint>) -> Self {
        Self {
            start,
            end,
            zone: None,
        }
    }

    /// The same date with every instant cut to this precision.
    #[must_use]
    pub fn cut_to(&self, precision: DatePrecision) -> Self {
        Self {
            start: self.start.cut_to(precision),
            end: self.end.map(|end| end.cut_to(precision)),
            zone: self.zone.clone(),
        }
    }
}

impl DatePoint {
    /// The offset it was written with; a day has none.
    pub fn offset(self) -> Option<Offset> {
        match self {
            Self::Day(_) => None,
            Self::Instant { offset, .. } => Some(offset),
        }
    }

    /// The same instant as clocks at this offset show it; a day stays as it is.
    #[must_use]
    pub fn at_offset(self, offset: Offset) -> Self {
        match self.instant() {
            Some(instant) => Self::Instant {
                local: offset.to_datetime(instant),
                offset,
            },
            None => self,
        }
    }

    /// The moment; `None` for a day, and past the ends of the calendar.
    pub fn instant(self) -> Option<jiff::Timestamp> {
        match self {
            Self::Day(_) => None,
            Self::Instant { local, offset } => offset.to_timestamp(local).ok(),
        }
    }

    fn cut_to(self, precision: DatePrecision) -> Self {
        let Self::Instant { local, offset } = self else {
            return self;
        };
        let (second, nanos) = match precision {
            DatePrecision::Minute => (0, 0),
            DatePrecision::Millisecond => (
                local.second(),
                local.subsec_nanosecond() / 1_000_000 * 1_000_000,
            ),
        };
        let cut = local.with().second(second).subsec_nanosecond(nanos).build();
        Self::Instant {
            local: cut.unwrap_or(local),
            offset,
        }
    }
}

impl FromStr for DateValue {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Self, ParseDateError> {
        let (points, zone) = split_zone(text.trim())?;
        let (start, end) = match points.split_once('/') {
            Some((start, end)) => (start, Some(end.parse()?)),
            None => (points, None),
        };
        let zone = zone.map(Into::into);
        let start = start.parse()?;
        Ok(Self { start, end, zone })
    }
}

/// A zone is a word of letters, digits and `_+-/`, as the IANA writes them.
fn split_zone(text: &str) -> Result<(&str, Option<&str>), ParseDateError> {
    let Some(open) = text.strip_suffix(']') else {
        return Ok((text, None));
    };
    let (points, zone) = open.split_once('[').ok_or(ParseDateError::Malformed)?;
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-/".contains(&byte);
    if zone.is_empty() || !zone.bytes().all(known) {
        return Err(ParseDateError::Malformed);
    }
    Ok((points, Some(zone)))
}

impl FromStr for DatePoint {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Self, ParseDateError> {
        let text = text.trim();
        if text.len() == 10 {
            return text
                .parse()
                .map(Self::Day)
                .map_err(|_| ParseDateError::Malformed);
        }
        let (local, offset) = split_offset(text)?;
        // A leap second or a day past the month is an error of the writer, not ours to mend.
        let local: civil::DateTime = local.parse().map_err(|_| ParseDateError::Malformed)?;
        Ok(Self::Instant { local, offset })
    }
}

fn split_offset(text: &str) -> Result<(&str, Offset), ParseDateError> {
    if !text.is_ascii() || text.len() < 16 || !matches!(text.as_bytes()[10], b'T' | b't' | b' ') {
        return Err(ParseDateError::Malformed);
    }
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Ok((local, Offset::UTC));
    }
    let at = text[11..]
        .find(['+', '-'])
        .ok_or(ParseDateError::NoOffset)?
        + 11;
    let (local, offset) = text.split_at(at);
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = match offset[1..].split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if offset.len() == 5 => offset[1..].split_at(2),
        None => (&offset[1..], "0"),
    };
    let part = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse::<i32>().map_err(|_| ParseDateError::Malformed),
        // A sign of its own is a number to Rust.
        false => Err(ParseDateError::Malformed),
    };
    let (hours, minutes) = (part(hours)?, part(minutes)?);
    if hours > 23 || minutes > 59 {
        return Err(ParseDateError::Malformed);
    }
    let seconds = sign * (hours * 3600 + minutes * 60);
    Ok((
        local,
        Offset::from_seconds(seconds).map_err(|_| ParseDateError::Malformed)?,
    ))
}

impl fmt::Display for DateValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.start)?;
        self.end.map_or(Ok(()), |end| write!(f, "/{end}"))?;
        let zone = self.zone.as_ref();
        zone.map_or(Ok(()), |zone| write!(f, "[{zone}]"))
    }
}

impl fmt::Display for DatePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Instant { local, offset } => {
                let seconds = offset.seconds();
                let sign = if seconds < 0 { '-' } else { '+' };
                let minutes = seconds.abs() / 60;
                write!(f, "{local}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

impl Serialize for DateValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DateValue {
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
    fn pain_15_days_offsets_and_ranges_come_back_as_written() {
        for text in [
            "2026-06-15",
            "2026-06-15T14:30:00+09:00",
            "2026-06-15T14:30:00-03:30",
            "2026-06-15T14:30:00.123+00:00",
            "2026-06-15/2026-06-17",
            "2026-06-15T14:30:00+02:00/2026-06-15T15:30:00+02:00",
            "2026-06-15T14:30:00+09:00[Asia/Tokyo]",
            "2026-06-15/2026-06-17[America/Argentina/Buenos_Aires]",
        ] {
            assert_eq!(text.parse::<DateValue>().unwrap().to_string(), text);
        }
        for (text, canonical) in [
            ("2026-06-15T14:30:00.000Z", "2026-06-15T14:30:00+00:00"),
            ("2026-06-15 14:30:00+0900", "2026-06-15T14:30:00+09:00"),
            ("2026-06-15T14:30+09", "2026-06-15T14:30:00+09:00"),
        ] {
            assert_eq!(text.parse::<DateValue>().unwrap().to_string(), canonical);
        }
    }

    #[test]
    fn a_time_without_offset_is_refused_by_name() {
        assert_eq!(
            "2026-06-15T14:30:00".parse::<DateValue>(),
            Err(ParseDateError::NoOffset)
        );
        assert_eq!(
            "2026-06-15 14:30:00".parse::<DateValue>(),
            Err(ParseDateError::NoOffset)
        );
        for bad in [
            "",
            "today",
            "2026-13-01",
            "2026-06-15T25:00:00Z",
            "2026-06-15T10:00:00+99:00",
            "2026-06-15[]",
            "2026-06-15[a[b]",
            "2026-06-15]",
        ] {
            assert_eq!(
                bad.parse::<DateValue>(),
                Err(ParseDateError::Malformed),
                "{bad}"
            );
        }
    }
}
