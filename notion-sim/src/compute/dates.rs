//! The functions of formulas about dates. Everything is in UTC, weeks begin on Monday.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{RoundMode, Span, SpanRound, Timestamp, Unit};

use super::formula::{Result, Unsupported};
use super::worth::Worth;
use crate::clock::floor_minute;
use crate::value::date::{Moment, parse_moment};

/// Computes a call; nothing when the name is none of these.
pub(super) fn call(now: Timestamp, name: &str, given: &[Worth]) -> Result<Option<Worth>> {
    let known = matches!(
        name,
        "now"
            | "today"
            | "minute"
            | "hour"
            | "day"
            | "date"
            | "week"
            | "month"
            | "year"
            | "timestamp"
            | "dateStart"
            | "dateEnd"
            | "dateAdd"
            | "dateSubtract"
            | "dateBetween"
            | "dateRange"
            | "fromTimestamp"
            | "formatDate"
            | "parseDate"
    );
    if !known {
        return Ok(None);
    }
    let computed = match given {
        [] if name == "now" => Worth::Date(Moment::Instant(floor_minute(now)), None),
        [] if name == "today" => Worth::Date(Moment::Day(Moment::Instant(now).day()), None),
        [] => return Err(Unsupported),
        [Worth::Empty, ..] | [_, Worth::Empty, ..] => Worth::Empty,
        [Worth::Date(start, end)] => one(name, *start, *end)?,
        [Worth::Number(milliseconds)] if name == "fromTimestamp" => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a cast to an integer stays within its limits"
            )]
            let at = Timestamp::from_millisecond(*milliseconds as i64);
            Worth::Date(Moment::Instant(at.map_err(|_| Unsupported)?), None)
        }
        [Worth::Text(text)] if name == "parseDate" => {
            parse_moment(text).map_or(Worth::Empty, |at| Worth::Date(at, None))
        }
        [
            Worth::Date(start, _),
            Worth::Number(amount),
            Worth::Text(unit),
        ] => {
            let amount = match name {
                "dateAdd" => *amount,
                "dateSubtract" => -amount,
                _ => return Err(Unsupported),
            };
            Worth::Date(moved(*start, amount, unit)?, None)
        }
        [
            Worth::Date(left, _),
            Worth::Date(right, _),
            Worth::Text(unit),
        ] if name == "dateBetween" => Worth::Number(between(*right, *left, unit)?),
        [Worth::Date(start, _), Worth::Date(end, _)] if name == "dateRange" => {
            Worth::Date(*start, Some(*end))
        }
        [Worth::Date(start, _), Worth::Text(format)] if name == "formatDate" => {
            Worth::Text(formatted(local(*start), format)?)
        }
        _ => return Err(Unsupported),
    };
    Ok(Some(computed))
}

fn one(name: &str, start: Moment, end: Option<Moment>) -> Result<Worth> {
    let at = local(start);
    Ok(Worth::Number(match name {
        "dateStart" => return Ok(Worth::Date(start, None)),
        "dateEnd" => return Ok(Worth::Date(end.unwrap_or(start), None)),
        "minute" => f64::from(at.minute()),
        "hour" => f64::from(at.hour()),
        "day" => f64::from(at.weekday().to_monday_one_offset()),
        "date" => f64::from(at.day()),
        "week" => f64::from(at.date().iso_week_date().week()),
        "month" => f64::from(at.month()),
        "year" => f64::from(at.year()),
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds of any date fit a float"
        )]
        "timestamp" => start.instant().as_millisecond() as f64,
        _ => return Err(Unsupported),
    }))
}

fn local(moment: Moment) -> DateTime {
    Offset::UTC.to_datetime(moment.instant())
}

fn unit(name: &str) -> Result<(Unit, i64)> {
    Ok(match name {
        "years" => (Unit::Year, 1),
        "quarters" => (Unit::Month, 3),
        "months" => (Unit::Month, 1),
        "weeks" => (Unit::Week, 1),
        "days" => (Unit::Day, 1),
        "hours" => (Unit::Hour, 1),
        "minutes" => (Unit::Minute, 1),
        _ => return Err(Unsupported),
    })
}

fn moved(start: Moment, amount: f64, name: &str) -> Result<Moment> {
    let (unit, times) = unit(name)?;
    if amount.abs() > 1e7 {
        return Err(Unsupported);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "looked at above; parts of a unit do not count"
    )]
    let amount = amount as i64 * times;
    let span = match unit {
        Unit::Year => Span::new().try_years(amount),
        Unit::Month => Span::new().try_months(amount),
        Unit::Week => Span::new().try_weeks(amount),
        Unit::Day => Span::new().try_days(amount),
        Unit::Hour => Span::new().try_hours(amount),
        _ => Span::new().try_minutes(amount),
    };
    let span = span.map_err(|_| Unsupported)?;
    let at = local(start).checked_add(span).map_err(|_| Unsupported)?;
    Ok(match start {
        Moment::Day(_) if at.time() == jiff::civil::Time::midnight() => Moment::Day(at.date()),
        _ => Moment::Instant(Offset::UTC.to_timestamp(at).map_err(|_| Unsupported)?),
    })
}

/// Whole units from one to the other.
fn between(from: Moment, to: Moment, name: &str) -> Result<f64> {
    let (unit, times) = unit(name)?;
    let (from, to) = (local(from), local(to));
    let span = from.until((unit, to)).map_err(|_| Unsupported)?;
    let round = SpanRound::new()
        .largest(unit)
        .smallest(unit)
        .mode(RoundMode::Trunc)
        .relative(from);
    let span = span.round(round).map_err(|_| Unsupported)?;
    let whole = match unit {
        Unit::Year => i64::from(span.get_years()),
        Unit::Month => i64::from(span.get_months()),
        Unit::Week => i64::from(span.get_weeks()),
        Unit::Day => i64::from(span.get_days()),
        Unit::Hour => i64::from(span.get_hours()),
        _ => span.get_minutes(),
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "minutes between any dates fit a float"
    )]
    let whole = (whole / times) as f64;
    Ok(whole)
}

/// What `formatDate` knows, longest first, and how jiff writes it.
const PARTS: [(&str, &str); 21] = [
    ("YYYY", "%Y"),
    ("MMMM", "%B"),
    ("dddd", "%A"),
    ("MMM", "%b"),
    ("ddd", "%a"),
    ("YY", "%y"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("HH", "%H"),
    ("hh", "%I"),
    ("mm", "%M"),
    ("WW", "%V"),
    ("Y", "%Y"),
    ("M", "%-m"),
    ("D", "%-d"),
    ("H", "%-H"),
    ("h", "%-I"),
    ("m", "%-M"),
    ("W", "%-V"),
    ("A", "%p"),
    ("a", "%P"),
];

fn formatted(at: DateTime, format: &str) -> Result<String> {
    let mut out = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        if let Some(literal) = rest.strip_prefix('[') {
            let end = literal.find(']').ok_or(Unsupported)?;
            out.push_str(&literal[..end]);
            rest = &literal[end + 1..];
        } else if let Some((part, written)) = PARTS.iter().find(|(part, _)| rest.starts_with(part))
        {
            out.push_str(&at.strftime(written).to_string());
            rest = &rest[part.len()..];
        } else if first.is_alphabetic() {
            return Err(Unsupported);
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    Ok(out)
}

/// A date as it reads in a text.
pub(super) fn long_date(moment: Moment) -> String {
    let format = match moment {
        Moment::Day(_) => "%B %-d, %Y",
        Moment::Instant(_) => "%B %-d, %Y %-I:%M %p",
    };
    local(moment).strftime(format).to_string()
}
