//! Single values: truth, numbers and their texts, one option, UUIDs.

use super::{LensContext, Unmappable};
use crate::link::Side;
use crate::value::{Choice, Number, Value};

/// True or false; no value is false.
pub(super) fn truth(value: &Value) -> Result<bool, Unmappable> {
    match value {
        Value::Empty => Ok(false),
        Value::Bool(truth) => Ok(*truth),
        _ => Err(Unmappable::WrongKind {
            expected: "checkbox (true or false)",
        }),
    }
}

/// The option, if there is one.
pub(super) fn choice(value: &Value) -> Result<Option<&Choice>, Unmappable> {
    match value {
        Value::Empty => Ok(None),
        Value::Choice(choice) => Ok(Some(choice)),
        _ => Err(Unmappable::WrongKind { expected: "option" }),
    }
}

pub(super) fn agree_on_choice(context: &LensContext<'_>, left: &Value, right: &Value) -> bool {
    match (choice(left), choice(right)) {
        (Ok(None), Ok(None)) => true,
        (Ok(Some(left)), Ok(Some(right))) => {
            let left = context.present(Side::Left, left, false);
            let right = context.present(Side::Right, right, false);
            let image = context.counterpart(Side::Left, &left, false);
            let back = context.counterpart(Side::Right, &right, false);
            image.is_ok_and(|image| image.name == right.name)
                && back.is_ok_and(|back| back.name == left.name)
        }
        _ => false,
    }
}

pub(super) fn repair_choice(
    context: &LensContext<'_>,
    to: Side,
    source: &Value,
) -> Result<Value, Unmappable> {
    match choice(source)? {
        None => Ok(Value::Empty),
        Some(choice) => {
            let present = context.present(to.other(), choice, false);
            let called = context.counterpart(to.other(), &present, false)?;
            context.offered(to, &called, false).map(Value::Choice)
        }
    }
}

/// The number a value holds, as a number or as digits.
pub(super) fn number(value: &Value, as_text: bool) -> Result<Option<Number>, Unmappable> {
    let wrong = Unmappable::WrongKind {
        expected: if as_text {
            "number in digits"
        } else {
            "number"
        },
    };
    match value {
        Value::Empty => Ok(None),
        Value::Number(number) if !as_text => Ok(Some(number.clone())),
        Value::Text(text) if as_text => text.parse().map(Some).map_err(|_| wrong),
        _ => Err(wrong),
    }
}

pub(super) fn agree_on_decimal(text: Side, left: &Value, right: &Value) -> bool {
    let left = number(left, text == Side::Left);
    left.is_ok() && left == number(right, text == Side::Right)
}

pub(super) fn repair_decimal(text: Side, to: Side, source: &Value) -> Result<Value, Unmappable> {
    let number = number(source, to != text)?;
    Ok(match number {
        None => Value::Empty,
        Some(number) if to == text => Value::text(number.as_str()),
        Some(number) => Value::Number(number),
    })
}

/// The nearest float of a number, or of digits.
fn float(value: &Value, as_text: bool) -> Result<Option<Number>, Unmappable> {
    let Some(number) = number(value, as_text)? else {
        return Ok(None);
    };
    let nearest = Number::try_from(number.to_f64().0).ok();
    // The nearest to one that is too small is zero.
    let is_like = |nearest: &Number| (nearest.as_str() == "0") == (number.as_str() == "0");
    nearest.filter(is_like).map(Some).ok_or(Unmappable::Lossy {
        lost: "a number that no float comes near",
    })
}

pub(super) fn agree_on_float(left: &Value, right: &Value) -> bool {
    let equal = left == right && number(left, false).is_ok();
    equal || float(left, false).is_ok() && float(left, false) == float(right, false)
}

pub(super) fn agree_on_float_digits(text: Side, left: &Value, right: &Value) -> bool {
    let left_float = float(left, text == Side::Left);
    agree_on_decimal(text, left, right)
        || left_float.is_ok() && left_float == float(right, text == Side::Right)
}

pub(super) fn repair_float_digits(
    text: Side,
    to: Side,
    source: &Value,
) -> Result<Value, Unmappable> {
    if to == text {
        return repair_decimal(text, to, source);
    }
    Ok(float(source, true)?.map_or(Value::Empty, Value::Number))
}

pub(super) fn repair_float(on: Side, to: Side, source: &Value) -> Result<Value, Unmappable> {
    let nearest = float(source, false)?.map_or(Value::Empty, Value::Number);
    Ok(if to == on { nearest } else { source.clone() })
}

/// The 128 bits of a UUID, with or without dashes, braces and `urn:uuid:`, in any letter case.
fn uuid(value: &Value) -> Result<Option<u128>, Unmappable> {
    let wrong = || Unmappable::WrongKind { expected: "UUID" };
    let text = match value {
        Value::Empty => return Ok(None),
        Value::Text(text) => text.trim(),
        _ => return Err(wrong()),
    };
    let bare = text.strip_prefix("urn:uuid:").unwrap_or(text);
    let bare = bare
        .strip_prefix('{')
        .and_then(|open| open.strip_suffix('}'))
        .unwrap_or(bare);
    let digits = bare.replace('-', "");
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    u128::from_str_radix(&digits, 16)
        .map(Some)
        .map_err(|_| wrong())
}

pub(super) fn agree_on_uuid(left: &Value, right: &Value) -> bool {
    uuid(left).is_ok() && uuid(left) == uuid(right)
}

/// In lower case with dashes, as RFC 9562 writes it.
pub(super) fn repair_uuid(source: &Value) -> Result<Value, Unmappable> {
    let Some(bits) = uuid(source)? else {
        return Ok(Value::Empty);
    };
    let hex = format!("{bits:032x}");
    let groups = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    Ok(Value::text(groups.join("-")))
}
