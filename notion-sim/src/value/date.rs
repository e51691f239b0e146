//! Date values: reading what a request gives and writing it the way Notion reads it back.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::{Offset, TimeZone};
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::knobs::Knobs;

/// A day, or an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Day(Date),
    Instant(Timestamp),
}

impl Moment {
    /// The instant; a day begins at midnight UTC.
    pub(crate) fn instant(self) -> Timestamp {
        match self {
            Self::Instant(at) => at,
            Self::Day(day) => midnight(day),
        }
    }

    /// The day, in UTC for an instant.
    pub(crate) fn day(self) -> Date {
        match self {
            Self::Day(day) => day,
            Self::Instant(at) => Offset::UTC.to_datetime(at).date(),
        }
    }
}

/// Midnight UTC of a day.
pub(crate) fn midnight(day: Date) -> Timestamp {
    Offset::UTC
        .to_timestamp(day.to_datetime(Time::midnight()))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Reads a date, or a date and time; without an offset UTC is meant.
pub(crate) fn parse_moment(text: &str) -> Option<Moment> {
    let pieces = Pieces::parse(text).ok()?;
    let Some(time) = pieces.time() else {
        return Some(Moment::Day(pieces.date()));
    };
    let local = pieces.date().to_datetime(time);
    let offset = numeric_offset(&pieces).unwrap_or(Offset::UTC);
    offset.to_timestamp(local).ok().map(Moment::Instant)
}

fn numeric_offset(pieces: &Pieces<'_>) -> Option<Offset> {
    match pieces.offset()? {
        PiecesOffset::Numeric(offset) => Some(offset.offset()),
        _ => Some(Offset::UTC),
    }
}

/// Checks a date value and gives it as it is read back: a date echoes; a time comes with zero
/// seconds, milliseconds and a numeric offset; `time_zone` is always null. A time zone overrides
/// any offset written next to it, as measured on the live API.
pub(crate) fn normalise(path: &str, given: &Value) -> ApiResult<Value> {
    normalise_by(&Knobs::default(), path, given)
}

/// The same, as the knobs have seconds, early ends and a day beside a time.
pub(crate) fn normalise_by(knobs: &Knobs, path: &str, given: &Value) -> ApiResult<Value> {
    if given.is_null() {
        return Ok(Value::Null);
    }
    let Some(date) = given.as_object() else {
        return Err(ApiError::body(path, "an object or `null`", Some(given)));
    };
    let zone = match date.get("time_zone") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(TimeZone::get(name).map_err(|_| {
            ApiError::body(
                &format!("{path}.time_zone"),
                "a valid IANA time zone",
                date.get("time_zone"),
            )
        })?),
        other => {
            return Err(ApiError::body(
                &format!("{path}.time_zone"),
                "a string or `null`",
                other,
            ));
        }
    };
    let read = |path: &str, given: &Value| {
        normalise_end(path, given, zone.as_ref(), knobs.seconds_are_kept)
    };
    let start_path = format!("{path}.start");
    let start = match date.get("start") {
        None => return Err(ApiError::body(&start_path, "defined", None)),
        Some(start) => read(&start_path, start)?,
    };
    let end = match date.get("end") {
        None | Some(Value::Null) => None,
        Some(given) => {
            let path = format!("{path}.end");
            let end = read(&path, given)?;
            let is_day = |text: &str| matches!(parse_moment(text), Some(Moment::Day(_)));
            if !knobs.dates_may_mix && is_day(&start) != is_day(&end) {
                let expected = "a date where `start` is one, and a time where it is one";
                return Err(ApiError::body(&path, expected, Some(given)));
            }
            let at = |text: &str| parse_moment(text).map(Moment::instant);
            if !knobs.dates_may_end_early && at(&end) < at(&start) {
                return Err(ApiError::body(&path, "not before `start`", Some(given)));
            }
            Some(end)
        }
    };
    Ok(json!({"start": start, "end": end, "time_zone": null}))
}

fn normalise_end(
    path: &str,
    given: &Value,
    zone: Option<&TimeZone>,
    keeps_seconds: bool,
) -> ApiResult<String> {
    let invalid = || ApiError::body(path, "a valid ISO 8601 date string", Some(given));
    let text = given.as_str().ok_or_else(invalid)?;
    // Ten digits and dashes is the shortest form the API takes.
    if text.len() < 10 {
        return Err(invalid());
    }
    let pieces = Pieces::parse(text).map_err(|_| invalid())?;
    let Some(time) = pieces.time() else {
        return Ok(pieces.date().to_string());
    };
    let local = pieces.date().to_datetime(time);
    let (local, offset) = match zone {
        Some(zone) => in_zone(local, zone).ok_or_else(invalid)?,
        None => (local, numeric_offset(&pieces).unwrap_or(Offset::UTC)),
    };
    let local = match keeps_seconds {
        true => local,
        false => local.date().at(local.hour(), local.minute(), 0, 0),
    };
    Ok(offset_text(local, offset))
}

fn in_zone(local: DateTime, zone: &TimeZone) -> Option<(DateTime, Offset)> {
    let zoned = zone.to_ambiguous_zoned(local).compatible().ok()?;
    Some((zoned.datetime(), zoned.offset()))
}

fn offset_text(local: DateTime, offset: Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!(
        "{}T{:02}:{:02}:{:02}.{:03}{sign}{:02}:{:02}",
        local.date(),
        local.hour(),
        local.minute(),
        local.second(),
        local.millisecond(),
        minutes / 60,
        minutes % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(given: Value) -> String {
        let date = normalise("body.x", &given).unwrap();
        assert_eq!(date["time_zone"], Value::Null);
        date["start"].as_str().unwrap().to_owned()
    }

    #[test]
    fn dates_come_back_in_the_measured_form() {
        let table = [
            (json!({"start": "2026-06-15"}), "2026-06-15"),
            (
                json!({"start": "2026-06-15T14:30:00Z"}),
                "2026-06-15T14:30:00.000+00:00",
            ),
            (
                json!({"start": "2026-06-15T14:30:00-04:00"}),
                "2026-06-15T14:30:00.000-04:00",
            ),
            (
                json!({"start": "2026-06-15T14:30:59.9+05:45"}),
                "2026-06-15T14:30:00.000+05:45",
            ),
            (
                json!({"start": "2026-06-15T14:30:00", "time_zone": "America/New_York"}),
                "2026-06-15T14:30:00.000-04:00",
            ),
            (
                json!({"start": "2026-01-15T14:30:00", "time_zone": "America/New_York"}),
                "2026-01-15T14:30:00.000-05:00",
            ),
            (
                json!({"start": "2026-06-15T14:30:00Z", "time_zone": "America/New_York"}),
                "2026-06-15T14:30:00.000-04:00",
            ),
            (
                json!({"start": "2026-07-02T18:58:04.659200", "time_zone": "Europe/Berlin"}),
                "2026-07-02T18:58:00.000+02:00",
            ),
            (
                json!({"start": "2026-06-15T14:30"}),
                "2026-06-15T14:30:00.000+00:00",
            ),
        ];
        for (given, read) in table {
            assert_eq!(start(given), read);
        }
    }

    #[test]
    fn nonsense_is_refused_with_its_path() {
        for bad in [
            json!("tomorrow"),
            json!("2026-02-30"),
            json!(5),
            json!("2026"),
        ] {
            let error = normalise("body.properties.Due.date", &json!({"start": bad})).unwrap_err();
            assert!(
                error
                    .message
                    .contains("body.properties.Due.date.start should be")
            );
        }
        assert!(normalise("p", &json!({"end": "2026-01-01"})).is_err());
        assert!(
            normalise(
                "p",
                &json!({"start": "2026-01-01", "time_zone": "Mars/Base"})
            )
            .is_err()
        );
    }

    #[test]
    fn days_and_instants_compare_in_utc() {
        let late = parse_moment("2026-06-15T22:30:00-04:00").unwrap();
        assert_eq!(late.day(), jiff::civil::date(2026, 6, 16));
        assert_eq!(
            parse_moment("2026-06-15T00:00:00Z").unwrap().instant(),
            parse_moment("2026-06-15").unwrap().instant()
        );
    }
}
