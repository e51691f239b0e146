//! Single conditions of a filter, each for one kind of value.

use jiff::civil::Date;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::{Map, Number, Value};
use uuid::Uuid;

use crate::error::{ApiError, ApiResult};
use crate::ids::parse_id;
use crate::model::cell::Key;
use crate::value::date::{Moment, midnight, parse_moment};

/// A test of one value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Empty(bool),
    Text(TextTest, String),
    Number(NumberTest, Number),
    Bool {
        flag: bool,
        wanted: bool,
    },
    Options {
        names: Vec<String>,
        wanted: bool,
    },
    /// From here, up to and without there.
    Time {
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        wanted: bool,
    },
    Id {
        id: Uuid,
        wanted: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextTest {
    Equals,
    DoesNotEqual,
    Contains,
    DoesNotContain,
    StartsWith,
    EndsWith,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberTest {
    Equals,
    DoesNotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
}

/// The families of conditions; several property types share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Text,
    Number,
    Checkbox,
    Option,
    Options,
    Date,
    Reference,
    Presence,
}

/// Reads `{"<operator>": operand}`. The flag says whether the meaning moves with the clock.
pub(crate) fn parse(
    family: Family,
    path: &str,
    given: &Value,
    now: Timestamp,
    me: Uuid,
) -> ApiResult<(Condition, bool)> {
    let Some(object) = given.as_object() else {
        return Err(ApiError::body(path, "an object", Some(given)));
    };
    let Some((operator, operand)) = single(object) else {
        return Err(ApiError::body(
            path,
            "an object with one condition",
            Some(given),
        ));
    };
    let path = format!("{path}.{operator}");
    if let "is_empty" | "is_not_empty" = operator
        && family != Family::Checkbox
    {
        if operand != &Value::Bool(true) {
            return Err(ApiError::body(&path, "`true`", Some(operand)));
        }
        return Ok((Condition::Empty(operator == "is_empty"), false));
    }
    let unknown = || ApiError::body(&path, "not present", Some(operand));
    let wrong = |expected: &str| ApiError::body(&path, expected, Some(operand));
    let condition = match family {
        Family::Text => {
            let test = match operator {
                "equals" => TextTest::Equals,
                "does_not_equal" => TextTest::DoesNotEqual,
                "contains" => TextTest::Contains,
                "does_not_contain" => TextTest::DoesNotContain,
                "starts_with" => TextTest::StartsWith,
                "ends_with" => TextTest::EndsWith,
                _ => return Err(unknown()),
            };
            let text = operand.as_str().ok_or_else(|| wrong("a string"))?;
            Condition::Text(test, text.to_lowercase())
        }
        Family::Number => {
            let test = match operator {
                "equals" => NumberTest::Equals,
                "does_not_equal" => NumberTest::DoesNotEqual,
                "greater_than" => NumberTest::Greater,
                "less_than" => NumberTest::Less,
                "greater_than_or_equal_to" => NumberTest::GreaterOrEqual,
                "less_than_or_equal_to" => NumberTest::LessOrEqual,
                _ => return Err(unknown()),
            };
            let Value::Number(number) = operand else {
                return Err(wrong("a number"));
            };
            Condition::Number(test, number.clone())
        }
        Family::Checkbox => {
            let wanted = equality(operator).ok_or_else(unknown)?;
            let flag = operand.as_bool().ok_or_else(|| wrong("a boolean"))?;
            Condition::Bool { flag, wanted }
        }
        Family::Option | Family::Options => {
            let wanted = match (family, operator) {
                (Family::Option, operator) => equality(operator),
                (_, "contains") => Some(true),
                (_, "does_not_contain") => Some(false),
                _ => None,
            };
            let wanted = wanted.ok_or_else(unknown)?;
            let names = match operand {
                Value::String(name) => vec![name.clone()],
                Value::Array(names) => names
                    .iter()
                    .map(|name| name.as_str().map(str::to_owned))
                    .collect::<Option<_>>()
                    .ok_or_else(|| wrong("a string or an array of strings"))?,
                _ => return Err(wrong("a string or an array of strings")),
            };
            Condition::Options { names, wanted }
        }
        Family::Reference => {
            let wanted = match operator {
                "contains" => true,
                "does_not_contain" => false,
                _ => return Err(unknown()),
            };
            let id = match operand.as_str() {
                Some("me") => me,
                Some(text) => parse_id(text).ok_or_else(|| wrong("a valid uuid"))?,
                None => return Err(wrong("a string")),
            };
            Condition::Id { id, wanted }
        }
        Family::Date => return date(&path, operator, operand, now),
        Family::Presence => return Err(unknown()),
    };
    Ok((condition, false))
}

fn single(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = object.iter();
    match (entries.next(), entries.next()) {
        (Some((operator, operand)), None) => Some((operator, operand)),
        _ => None,
    }
}

fn equality(operator: &str) -> Option<bool> {
    match operator {
        "equals" => Some(true),
        "does_not_equal" => Some(false),
        _ => None,
    }
}

fn date(
    path: &str,
    operator: &str,
    operand: &Value,
    now: Timestamp,
) -> ApiResult<(Condition, bool)> {
    let today = Moment::Instant(now).day();
    let day_after = |day: Date, days: i64| day.checked_add(Span::new().days(days)).unwrap_or(day);
    let days = |from: Date, to: Date| Condition::Time {
        from: Some(midnight(from)),
        to: Some(midnight(day_after(to, 1))),
        wanted: true,
    };
    let shifted = |span: Span| today.checked_add(span).unwrap_or(today);
    let window = match operator {
        "this_week" => {
            let since_monday = i64::from(today.weekday().to_monday_zero_offset());
            let monday = day_after(today, -since_monday);
            Some(days(monday, day_after(monday, 6)))
        }
        "past_week" => Some(days(shifted(Span::new().weeks(-1)), today)),
        "past_month" => Some(days(shifted(Span::new().months(-1)), today)),
        "past_year" => Some(days(shifted(Span::new().years(-1)), today)),
        "next_week" => Some(days(today, shifted(Span::new().weeks(1)))),
        "next_month" => Some(days(today, shifted(Span::new().months(1)))),
        "next_year" => Some(days(today, shifted(Span::new().years(1)))),
        _ => None,
    };
    if let Some(window) = window {
        return Ok((window, true));
    }
    let wrong = || ApiError::body(path, "a valid ISO 8601 date string", Some(operand));
    let text = operand.as_str().ok_or_else(wrong)?;
    let relative = match text {
        "today" => Some(today),
        "tomorrow" => Some(day_after(today, 1)),
        "yesterday" => Some(day_after(today, -1)),
        "one_week_ago" => Some(shifted(Span::new().weeks(-1))),
        "one_week_from_now" => Some(shifted(Span::new().weeks(1))),
        "one_month_ago" => Some(shifted(Span::new().months(-1))),
        "one_month_from_now" => Some(shifted(Span::new().months(1))),
        _ => None,
    };
    let moment = match relative {
        Some(day) => Moment::Day(day),
        None => parse_moment(text).ok_or_else(wrong)?,
    };
    let low = moment.instant();
    let high = match moment {
        Moment::Day(day) => midnight(day_after(day, 1)),
        Moment::Instant(at) => at.checked_add(SignedDuration::from_millis(1)).unwrap_or(at),
    };
    let (from, to, wanted) = match operator {
        "equals" => (Some(low), Some(high), true),
        "does_not_equal" => (Some(low), Some(high), false),
        "before" => (None, Some(low), true),
        "after" => (Some(high), None, true),
        "on_or_before" => (None, Some(high), true),
        "on_or_after" => (Some(low), None, true),
        _ => return Err(ApiError::body(path, "not present", Some(operand))),
    };
    Ok((Condition::Time { from, to, wanted }, relative.is_some()))
}

impl Condition {
    /// Whether a value passes. An empty value fails every positive test and passes every negated
    /// one.
    pub(crate) fn holds(&self, key: &Key) -> bool {
        match (self, key) {
            (Self::Empty(wanted), key) => (*key == Key::Empty) == *wanted,
            (Self::Text(test, needle), key) => {
                let text = match key {
                    Key::Text(text) => text.to_lowercase(),
                    _ => String::new(),
                };
                match test {
                    TextTest::Equals => text == *needle,
                    TextTest::DoesNotEqual => text != *needle,
                    TextTest::Contains => text.contains(needle.as_str()),
                    TextTest::DoesNotContain => !text.contains(needle.as_str()),
                    TextTest::StartsWith => text.starts_with(needle.as_str()),
                    TextTest::EndsWith => text.ends_with(needle.as_str()),
                }
            }
            (Self::Number(test, wanted), Key::Number(number)) => {
                number_holds(*test, number, wanted)
            }
            (Self::Number(test, _), _) => *test == NumberTest::DoesNotEqual,
            (Self::Bool { flag, wanted }, key) => {
                let value = matches!(key, Key::Bool(true));
                (value == *flag) == *wanted
            }
            (Self::Options { names, wanted }, Key::Options(options)) => {
                let found = options.iter().any(|(id, name)| {
                    names
                        .iter()
                        .any(|wanted| **wanted == **name || **wanted == **id)
                });
                found == *wanted
            }
            (Self::Options { wanted, .. }, _) => !wanted,
            (Self::Time { from, to, wanted }, Key::Date(start, _)) => {
                let at = start.instant();
                let inside = from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to);
                inside == *wanted
            }
            (Self::Time { wanted, .. }, _) => !wanted,
            (Self::Id { id, wanted }, Key::Ids(ids)) => ids.contains(id) == *wanted,
            (Self::Id { wanted, .. }, _) => !wanted,
        }
    }
}

fn number_holds(test: NumberTest, number: &Number, wanted: &Number) -> bool {
    use std::cmp::Ordering;
    let order = match (number.as_i128(), wanted.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => number
            .as_f64()
            .zip(wanted.as_f64())
            .and_then(|(a, b)| a.partial_cmp(&b)),
    };
    match test {
        NumberTest::Equals => order == Some(Ordering::Equal),
        NumberTest::DoesNotEqual => order != Some(Ordering::Equal),
        NumberTest::Greater => order == Some(Ordering::Greater),
        NumberTest::Less => order == Some(Ordering::Less),
        NumberTest::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        NumberTest::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn holds(family: Family, given: Value, key: &Key) -> bool {
        let now = at("2026-11-18T10:00:00Z");
        let (condition, _) = parse(family, "body.filter", &given, now, Uuid::nil()).unwrap();
        condition.holds(key)
    }

    #[test]
    fn a_day_covers_all_of_its_instants() {
        let key = Key::instant(at("2026-11-18T23:59:00Z"));
        for (operator, expected) in [
            ("equals", true),
            ("before", false),
            ("after", false),
            ("on_or_before", true),
            ("on_or_after", true),
        ] {
            assert_eq!(
                holds(Family::Date, json!({operator: "2026-11-18"}), &key),
                expected,
                "{operator}"
            );
        }
        assert!(holds(Family::Date, json!({"this_week": {}}), &key));
        assert!(holds(Family::Date, json!({"on_or_after": "today"}), &key));
        assert!(!holds(
            Family::Date,
            json!({"on_or_after": "2026-11-18T23:59:00.001Z"}),
            &key
        ));
    }

    #[test]
    fn big_integers_compare_exactly() {
        let number = |text: &str| Key::Number(serde_json::from_str(text).unwrap());
        let given = json!({"equals": 9_007_199_254_740_993_i64});
        assert!(holds(
            Family::Number,
            given.clone(),
            &number("9007199254740993")
        ));
        assert!(!holds(Family::Number, given, &number("9007199254740992")));
    }

    #[test]
    fn negated_tests_pass_on_empty_values() {
        assert!(holds(
            Family::Text,
            json!({"does_not_contain": "a"}),
            &Key::Empty
        ));
        assert!(holds(
            Family::Option,
            json!({"does_not_equal": "A"}),
            &Key::Empty
        ));
        assert!(!holds(
            Family::Option,
            json!({"equals": ["A", "B"]}),
            &Key::Empty
        ));
        assert!(holds(
            Family::Presence,
            json!({"is_empty": true}),
            &Key::Empty
        ));
    }
}
