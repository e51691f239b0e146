//! The functions of formulas that are computed. `f(x, …)` and `x.f(…)` are the same.

use std::cmp::Ordering;

use super::dates;
use super::formula::{Result, Run, Unsupported, same, short};
use super::parse::Expr;
use super::worth::{Outcome, Worth};

pub(super) use super::dates::long_date;

/// How long a text may become, in bytes, and a list, in elements.
pub(super) const LONGEST: usize = 100_000;

/// The type of a function's result where it is always the same.
pub(super) fn outcome(name: &str) -> Option<Outcome> {
    Some(match name {
        "add" | "subtract" | "multiply" | "divide" | "mod" | "pow" | "min" | "max" | "sum"
        | "mean" | "median" | "abs" | "round" | "ceil" | "floor" | "sqrt" | "cbrt" | "exp"
        | "ln" | "log10" | "log2" | "sign" | "pi" | "e" | "toNumber" | "length" | "minute"
        | "hour" | "day" | "date" | "week" | "month" | "year" | "dateBetween" | "timestamp"
        | "findIndex" => Outcome::Number,
        "empty" | "and" | "or" | "not" | "equal" | "unequal" | "includes" | "contains" | "some"
        | "every" => Outcome::Bool,
        "now" | "today" | "dateAdd" | "dateSubtract" | "dateRange" | "dateStart" | "dateEnd"
        | "fromTimestamp" | "parseDate" => Outcome::Date,
        "substring" | "replaceAll" | "lower" | "upper" | "trim" | "repeat" | "format" | "join"
        | "formatDate" | "concat" | "split" | "name" | "email" | "id" => Outcome::Text,
        _ => return None,
    })
}

/// Computes a call; `subject` is what stands before the dot.
pub(super) fn call(
    run: &mut Run<'_, '_>,
    name: &str,
    subject: Option<Worth>,
    arguments: &[Expr],
) -> Result<Worth> {
    if let Some(result) = lazy(run, name, subject.as_ref(), arguments)? {
        return Ok(result);
    }
    let mut given: Vec<Worth> = subject.into_iter().collect();
    for argument in arguments {
        given.push(run.eval(argument)?);
    }
    if let Some(operator) = operator(name) {
        let [left, right] = given.as_slice() else {
            return Err(Unsupported);
        };
        return run.binary(operator, left, right);
    }
    if let Some(result) = dates::call(run.reading.world.now, name, &given)? {
        return Ok(result);
    }
    match given.as_slice() {
        [Worth::Empty | Worth::Number(_)] if is_math(name) => {
            return Ok(match &given[0] {
                Worth::Number(number) => Worth::Number(math(name, *number)),
                _ => Worth::Empty,
            });
        }
        [] => {
            return match name {
                "pi" => Ok(Worth::Number(std::f64::consts::PI)),
                "e" => Ok(Worth::Number(std::f64::consts::E)),
                _ => Err(Unsupported),
            };
        }
        _ => {}
    }
    match name {
        "min" | "max" | "sum" | "mean" | "median" => figures(name, given),
        "at" | "first" | "last" | "slice" | "sort" | "reverse" | "unique" | "flat" | "concat" => {
            list(name, given)
        }
        _ => text(run, name, &given),
    }
}

/// What does not compute all of its arguments, or computes them more than once.
fn lazy(
    run: &mut Run<'_, '_>,
    name: &str,
    subject: Option<&Worth>,
    arguments: &[Expr],
) -> Result<Option<Worth>> {
    Ok(Some(match (name, subject, arguments) {
        ("if", None, [test, yes, no]) => {
            let branch = if run.eval(test)?.is_true() { yes } else { no };
            run.eval(branch)?
        }
        ("ifs", None, branches) => {
            for pair in branches.chunks(2) {
                let then = match pair {
                    [test, then] if run.eval(test)?.is_true() => then,
                    [otherwise] => otherwise,
                    _ => continue,
                };
                return run.eval(then).map(Some);
            }
            Worth::Empty
        }
        ("and" | "or", None, tests) => {
            let ends = name == "or";
            for test in tests {
                if run.eval(test)?.is_true() == ends {
                    return Ok(Some(Worth::Bool(ends)));
                }
            }
            Worth::Bool(!ends)
        }
        ("let" | "lets", None, [Expr::Name(variable), value, rest @ ..]) if !rest.is_empty() => {
            let value = run.eval(value)?;
            match rest {
                [body] => run.with(variable, value, body)?,
                more => {
                    // The other pairs and the body are a call of their own.
                    let inner = Expr::Call("lets".into(), more.to_vec());
                    run.with(variable, value, &inner)?
                }
            }
        }
        ("prop", Some(Worth::Page(page)), [Expr::Text(property)]) => {
            run.property_of_page(*page, property)?
        }
        ("prop", Some(Worth::Empty), [Expr::Text(_)]) => Worth::Empty,
        ("map" | "filter" | "find" | "findIndex" | "some" | "every", subject, arguments) => {
            let (list, body) = match (subject, arguments) {
                (Some(list), [body]) => (list.clone(), body),
                (None, [list, body]) => (run.eval(list)?, body),
                _ => return Err(Unsupported),
            };
            each(run, name, list, body)?
        }
        _ => return Ok(None),
    }))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a list is shorter than a float counts"
)]
fn each(run: &mut Run<'_, '_>, name: &str, list: Worth, body: &Expr) -> Result<Worth> {
    let mut kept = Vec::new();
    for (at, item) in list.elements().into_iter().enumerate() {
        let result = run.with_item(item.clone(), at as f64, body)?;
        let is_true = result.is_true();
        match (name, is_true) {
            ("map", _) => kept.push(result),
            ("filter", true) => kept.push(item),
            ("find", true) => return Ok(item),
            ("findIndex", true) => return Ok(Worth::Number(at as f64)),
            ("some", true) => return Ok(Worth::Bool(true)),
            ("every", false) => return Ok(Worth::Bool(false)),
            _ => {}
        }
    }
    Ok(match name {
        "find" => Worth::Empty,
        "findIndex" => Worth::Number(-1.0),
        "some" => Worth::Bool(false),
        "every" => Worth::Bool(true),
        _ => Worth::List(kept),
    })
}

fn operator(name: &str) -> Option<&'static str> {
    Some(match name {
        "add" => "+",
        "subtract" => "-",
        "multiply" => "*",
        "divide" => "/",
        "mod" => "%",
        "pow" => "^",
        "equal" => "==",
        "unequal" => "!=",
        _ => return None,
    })
}

fn is_math(name: &str) -> bool {
    matches!(
        name,
        "abs"
            | "round"
            | "ceil"
            | "floor"
            | "sqrt"
            | "cbrt"
            | "exp"
            | "ln"
            | "log10"
            | "log2"
            | "sign"
    )
}

fn math(name: &str, number: f64) -> f64 {
    match name {
        "abs" => number.abs(),
        // A half goes up, also below zero.
        "round" => (number + 0.5).floor(),
        "ceil" => number.ceil(),
        "floor" => number.floor(),
        "sqrt" => number.sqrt(),
        "cbrt" => number.cbrt(),
        "exp" => number.exp(),
        "ln" => number.ln(),
        "log10" => number.log10(),
        "log2" => number.log2(),
        _ if number == 0.0 => 0.0,
        _ => number.signum(),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a list is shorter than a float counts"
)]
fn figures(name: &str, given: Vec<Worth>) -> Result<Worth> {
    let mut numbers = Vec::new();
    for item in given.into_iter().flat_map(Worth::elements) {
        match item {
            Worth::Number(number) => numbers.push(number),
            Worth::Empty => {}
            _ => return Err(Unsupported),
        }
    }
    let sum: f64 = numbers.iter().sum();
    if name == "sum" {
        return Ok(Worth::Number(sum));
    }
    numbers.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
        return Ok(Worth::Empty);
    };
    let middle = numbers.len() / 2;
    Ok(Worth::Number(match name {
        "min" => *first,
        "max" => *last,
        "mean" => sum / numbers.len() as f64,
        _ if numbers.len().is_multiple_of(2) => f64::midpoint(numbers[middle - 1], numbers[middle]),
        _ => numbers[middle],
    }))
}

/// A place in a list or text: below zero none.
fn place(worth: &Worth) -> Result<usize> {
    match worth {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast to an integer stays within its limits"
        )]
        Worth::Number(number) => Ok(*number as usize),
        _ => Err(Unsupported),
    }
}

fn list(name: &str, given: Vec<Worth>) -> Result<Worth> {
    let mut given = given.into_iter();
    let mut items = given.next().unwrap_or(Worth::Empty).elements();
    let arguments: Vec<Worth> = given.collect();
    Ok(match (name, arguments.as_slice()) {
        ("first", []) => items.into_iter().next().unwrap_or(Worth::Empty),
        ("last", []) => items.pop().unwrap_or(Worth::Empty),
        ("at", [at]) => items.into_iter().nth(place(at)?).unwrap_or(Worth::Empty),
        ("slice", [from]) => Worth::List(items.into_iter().skip(place(from)?).collect()),
        ("slice", [from, to]) => {
            let (from, to) = (place(from)?, place(to)?);
            let kept = items.into_iter().skip(from).take(to.saturating_sub(from));
            Worth::List(kept.collect())
        }
        ("reverse", []) => {
            items.reverse();
            Worth::List(items)
        }
        ("sort", []) => {
            items.sort_by(|left, right| order(left, right).unwrap_or(Ordering::Equal));
            Worth::List(items)
        }
        ("unique", []) => {
            let mut kept: Vec<Worth> = Vec::new();
            for item in items {
                if !kept.iter().any(|other| same(other, &item)) {
                    kept.push(item);
                }
            }
            Worth::List(kept)
        }
        ("flat", []) => Worth::List(items.into_iter().flat_map(Worth::elements).collect()),
        ("concat", [_, ..]) => {
            items.extend(arguments.into_iter().flat_map(Worth::elements));
            if items.len() > LONGEST {
                return Err(Unsupported);
            }
            Worth::List(items)
        }
        _ => return Err(Unsupported),
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a text is shorter than a float counts"
)]
fn text(run: &Run<'_, '_>, name: &str, given: &[Worth]) -> Result<Worth> {
    let string = |worth: &Worth| run.text(worth);
    Ok(match (name, given) {
        ("empty", [one]) => Worth::Bool(one.is_empty()),
        ("not", [one]) => Worth::Bool(!one.is_true()),
        ("format", [one]) => short(string(one)?)?,
        ("toNumber", [one]) => match one {
            Worth::Number(number) => Worth::Number(*number),
            Worth::Bool(flag) => Worth::Number(f64::from(u8::from(*flag))),
            Worth::Date(start, _) => Worth::Number(start.instant().as_millisecond() as f64),
            Worth::Text(text) => match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Worth::Number(number),
                _ => Worth::Empty,
            },
            _ => Worth::Empty,
        },
        ("length", [Worth::List(items)]) => Worth::Number(items.len() as f64),
        ("length", [Worth::Empty]) => Worth::Number(0.0),
        ("length", [Worth::Text(text)]) => Worth::Number(text.encode_utf16().count() as f64),
        ("includes", [Worth::List(items), sought]) => {
            Worth::Bool(items.iter().any(|item| same(item, sought)))
        }
        ("contains" | "includes", [one @ (Worth::Text(_) | Worth::Empty), sought]) => {
            Worth::Bool(string(one)?.contains(&string(sought)?))
        }
        ("lower", [one]) => short(string(one)?.to_lowercase())?,
        ("upper", [one]) => short(string(one)?.to_uppercase())?,
        ("trim", [one]) => short(string(one)?.trim().to_owned())?,
        ("repeat", [one, times]) => {
            let (text, times) = (string(one)?, place(times)?);
            if text.len().saturating_mul(times) > LONGEST {
                return Err(Unsupported);
            }
            Worth::Text(text.repeat(times))
        }
        ("substring", [one, from]) => {
            Worth::Text(string(one)?.chars().skip(place(from)?).collect())
        }
        ("substring", [one, from, to]) => {
            let (from, to) = (place(from)?, place(to)?);
            let text = string(one)?;
            let kept = text.chars().skip(from).take(to.saturating_sub(from));
            Worth::Text(kept.collect())
        }
        ("replaceAll", [one, sought, other]) => {
            let sought = string(sought)?;
            // Notion takes a regular expression; what is none is computed.
            if sought.is_empty() || sought.contains(|c: char| "\\^$.|?*+()[]{}".contains(c)) {
                return Err(Unsupported);
            }
            let (text, other) = (string(one)?, string(other)?);
            let found = text.matches(&sought).count();
            if found.saturating_mul(other.len()) > LONGEST {
                return Err(Unsupported);
            }
            short(text.replace(&sought, &other))?
        }
        ("join", [Worth::List(items), between]) => {
            let between = string(between)?;
            let mut text = String::new();
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { &between });
                text.push_str(&string(item)?);
                if text.len() > LONGEST {
                    return Err(Unsupported);
                }
            }
            Worth::Text(text)
        }
        ("split", [one, between]) => {
            let (text, between) = (string(one)?, string(between)?);
            let parts = text.split(&between);
            Worth::List(parts.map(|part| Worth::Text(part.into())).collect())
        }
        ("name", [Worth::Person(_)]) => short(string(&given[0])?)?,
        ("email", [Worth::Person(id)]) => {
            let user = run.reading.world.users.get(id);
            let email = user.and_then(|user| user["person"]["email"].as_str());
            email.map_or(Worth::Empty, |email| Worth::Text(email.into()))
        }
        ("id", [Worth::Page(id)]) => Worth::Text(id.simple().to_string()),
        _ => return Err(Unsupported),
    })
}

/// The order of two values of one type.
pub(super) fn order(left: &Worth, right: &Worth) -> Option<Ordering> {
    match (left, right) {
        (Worth::Number(left), Worth::Number(right)) => Some(left.total_cmp(right)),
        (Worth::Text(left), Worth::Text(right)) => Some(left.cmp(right)),
        (Worth::Bool(left), Worth::Bool(right)) => Some(left.cmp(right)),
        (Worth::Date(left, _), Worth::Date(right, _)) => Some(left.instant().cmp(&right.instant())),
        _ => None,
    }
}
