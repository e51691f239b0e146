//! Dates: as finely as the coarser side keeps them, and never a midnight for a day.

use jiff::tz::Offset;

use super::Unmappable;
use crate::link::Side;
use crate::value::{DatePoint, DatePrecision, DateValue, Value};

/// Both sides hold days, instants with their offset, and ranges. A named zone that only one side
/// knows is no difference.
pub(super) fn agree(precision: DatePrecision, left: &Value, right: &Value) -> bool {
    both(left, right, |left, right| {
        let (left, right) = (left.cut_to(precision), right.cut_to(precision));
        let zones = match (&left.zone, &right.zone) {
            (Some(left), Some(right)) => left == right,
            _ => true,
        };
        zones && left.start == right.start && left.end == right.end
    })
}

/// The source, in the zone the target knew if the source names none.
pub(super) fn repair(source: &Value, old: Option<&Value>) -> Result<Value, Unmappable> {
    each(source, |date| {
        let zone = date.zone.clone().or_else(|| dated(old)?.zone.clone());
        Ok(DateValue {
            zone,
            ..date.clone()
        })
    })
}

/// One side holds days and nothing else (a `date` column).
pub(super) fn agree_on_day(left: &Value, right: &Value) -> bool {
    let day = |date: &DateValue| date.end.is_none() && matches!(date.start, DatePoint::Day(_));
    both(left, right, |left, right| {
        day(left) && left.start == right.start && right.end.is_none()
    })
}

pub(super) fn repair_day(
    on: Side,
    to: Side,
    source: &Value,
    old: Option<&Value>,
) -> Result<Value, Unmappable> {
    each(source, |date| match (date.start, date.end) {
        (DatePoint::Day(_), None) => Ok(DateValue {
            zone: dated(old)
                .filter(|_| to != on)
                .and_then(|old| old.zone.clone()),
            ..DateValue::new(date.start, None)
        }),
        (DatePoint::Day(_), Some(_)) => Err(Unmappable::Lossy {
            lost: "the end of the range",
        }),
        (DatePoint::Instant { .. }, _) => Err(Unmappable::Lossy {
            lost: "the time of day",
        }),
    })
}

/// One side holds single moments and no offset (a `timestamptz` column).
pub(super) fn agree_on_moment(precision: DatePrecision, left: &Value, right: &Value) -> bool {
    let moment = |date: &DateValue| {
        let instant = date.start.instant().filter(|_| date.end.is_none())?;
        let nanoseconds = match precision {
            DatePrecision::Minute => 60_000_000_000,
            DatePrecision::Millisecond => 1_000_000,
        };
        Some(instant.as_nanosecond().div_euclid(nanoseconds))
    };
    both(left, right, |left, right| {
        moment(left).is_some() && moment(left) == moment(right)
    })
}

/// The moment of the source, shown at the offset and in the zone the other side had it in.
pub(super) fn repair_moment(
    on: Side,
    to: Side,
    source: &Value,
    old: Option<&Value>,
) -> Result<Value, Unmappable> {
    each(source, |date| {
        if date.end.is_some() {
            return Err(Unmappable::Lossy {
                lost: "the end of the range",
            });
        }
        if date.start.instant().is_none() {
            return Err(Unmappable::Lossy {
                lost: "that it is a whole day, without a time",
            });
        }
        let shown = dated(old).filter(|_| to != on);
        let offset = shown.and_then(|old| old.start.offset());
        Ok(DateValue {
            zone: shown.and_then(|old| old.zone.clone()),
            ..DateValue::new(date.start.at_offset(offset.unwrap_or(Offset::UTC)), None)
        })
    })
}

fn both(left: &Value, right: &Value, same: impl Fn(&DateValue, &DateValue) -> bool) -> bool {
    match (left, right) {
        (Value::Empty, Value::Empty) => true,
        (Value::Date(left), Value::Date(right)) => same(left, right),
        _ => false,
    }
}

fn each(
    source: &Value,
    image: impl Fn(&DateValue) -> Result<DateValue, Unmappable>,
) -> Result<Value, Unmappable> {
    match source {
        Value::Empty => Ok(Value::Empty),
        Value::Date(date) => image(date).map(Value::Date),
        _ => Err(Unmappable::WrongKind { expected: "date" }),
    }
}

fn dated(value: Option<&Value>) -> Option<&DateValue> {
    match value {
        Some(Value::Date(date)) => Some(date),
        _ => None,
    }
}
