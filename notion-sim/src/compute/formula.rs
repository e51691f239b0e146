//! Formulas: what they come to for a page, and what type that is.

use serde_json::Value;

use super::functions::{self, LONGEST};
use super::parse::{self, Expr};
use super::worth::{Outcome, Worth};
use super::{DEPTH, Reading, rollup, unsupported};
use crate::error::{ApiError, ApiResult};
use crate::ids::percent_encode;
use crate::model::World;
use crate::model::kind::Kind;
use crate::model::property::{self, Property};
use crate::model::row::Row;

/// It cannot be computed here: a function that is not known, or too much work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsupported;

pub(super) type Result<T> = std::result::Result<T, Unsupported>;

/// The inner value for a page.
pub(super) fn value(reading: &Reading<'_>, row: &Row, formula: &Property) -> Value {
    let Some(text) = expression(formula) else {
        return Worth::Empty.to_inner(None, "");
    };
    let Ok(expr) = parse::parse(text) else {
        return unsupported(&Value::Null);
    };
    let mut run = Run {
        reading,
        row,
        names: Vec::new(),
    };
    let schema = reading.world.schema_of(row);
    let shown = run.eval(&expr).and_then(|worth| {
        let text = run.text(&worth)?;
        Ok(worth.to_inner(expected(schema, &expr, 0), &text))
    });
    shown.unwrap_or_else(|Unsupported| unsupported(&Value::Null))
}

fn expression(formula: &Property) -> Option<&str> {
    let text = formula.config["expression"].as_str()?;
    (!text.trim().is_empty()).then_some(text)
}

/// The type of a formula's result, where the text tells.
pub(crate) fn outcome(schema: &[Property], formula: &Property) -> Option<Outcome> {
    let expr = parse::parse(expression(formula)?).ok()?;
    expected(schema, &expr, 0)
}

/// Checks a formula that a request gives.
pub(crate) fn check(text: &str) -> ApiResult<()> {
    if !text.trim().is_empty() && parse::parse(text).is_err() {
        return Err(type_error());
    }
    Ok(())
}

/// The text as it is read back: with properties by id, in the data source `source`.
pub(crate) fn settle(
    world: &World,
    schema: &[Property],
    source: uuid::Uuid,
    text: &str,
) -> ApiResult<String> {
    if text.trim().is_empty() {
        return Ok(text.to_owned());
    }
    let mut expr = parse::parse(text).map_err(|_| type_error())?;
    expr.rename(&mut |name: &str| {
        let at = property::find(schema, name).ok_or_else(type_error)?;
        Ok::<_, ApiError>(schema[at].id.clone())
    })?;
    let bot = world.users.get(&world.bot);
    let space = bot.and_then(|bot| bot["bot"]["workspace_id"].as_str());
    let space = space.unwrap_or_default();
    let printed = expr.print(&|id| {
        let id = percent_encode(&crate::ids::percent_decode(id));
        format!("{{{{notion:block_property:{id}:{source}:{space}}}}}")
    });
    // With its parentheses a long sum is a deep one.
    check(&printed)?;
    Ok(printed)
}

fn type_error() -> ApiError {
    ApiError::validation("Type error with formula")
}

/// What an empty result would have been.
fn expected(schema: &[Property], expr: &Expr, depth: usize) -> Option<Outcome> {
    let of = |expr: &Expr| expected(schema, expr, depth);
    match expr {
        Expr::Number(_) | Expr::Negative(_) => Some(Outcome::Number),
        Expr::Text(_) | Expr::List(_) => Some(Outcome::Text),
        Expr::Bool(_) | Expr::Not(_) => Some(Outcome::Bool),
        Expr::Binary("+", left, right) => match (of(left), of(right)) {
            (Some(Outcome::Number), Some(Outcome::Number)) => Some(Outcome::Number),
            (None, None) => None,
            _ => Some(Outcome::Text),
        },
        Expr::Binary("-" | "*" | "/" | "%" | "^", ..) => Some(Outcome::Number),
        Expr::Binary(..) => Some(Outcome::Bool),
        Expr::Choice(_, yes, no) => of(yes).or_else(|| of(no)),
        Expr::Property(name) => {
            let property = &schema[property::find(schema, name)?];
            kind_outcome(schema, property, depth)
        }
        Expr::Name(_) => None,
        Expr::Call(name, arguments) => match (name.as_str(), arguments.as_slice()) {
            ("if", [_, yes, no]) => of(yes).or_else(|| of(no)),
            ("let" | "lets", [.., body]) => of(body),
            ("ifs", branches) => branches.iter().skip(1).step_by(2).find_map(of),
            _ => functions::outcome(name),
        },
        Expr::Method(_, name, _) => functions::outcome(name),
    }
}

fn kind_outcome(schema: &[Property], property: &Property, depth: usize) -> Option<Outcome> {
    Some(match &property.kind {
        Kind::Number => Outcome::Number,
        Kind::Checkbox => Outcome::Bool,
        Kind::Date | Kind::CreatedTime | Kind::LastEditedTime => Outcome::Date,
        Kind::Formula if depth == DEPTH => return None,
        Kind::Formula => {
            let expr = parse::parse(expression(property)?).ok()?;
            return expected(schema, &expr, depth + 1);
        }
        Kind::Rollup => {
            let function = property.config["function"].as_str().unwrap_or_default();
            match rollup::kind_of(function) {
                Some("number") => Outcome::Number,
                Some(_) => Outcome::Date,
                None => Outcome::Text,
            }
        }
        _ => Outcome::Text,
    })
}

/// One formula being computed for one page.
pub(super) struct Run<'r, 'w> {
    pub(super) reading: &'r Reading<'w>,
    row: &'r Row,
    /// What `let` named, `current` and `index`; the innermost last.
    names: Vec<(String, Worth)>,
}

impl Run<'_, '_> {
    pub(super) fn eval(&mut self, expr: &Expr) -> Result<Worth> {
        self.spend()?;
        Ok(match expr {
            Expr::Number(number) => Worth::Number(*number),
            Expr::Text(text) => Worth::Text(text.clone()),
            Expr::Bool(flag) => Worth::Bool(*flag),
            Expr::List(items) => Worth::List(
                items
                    .iter()
                    .map(|item| self.eval(item))
                    .collect::<Result<_>>()?,
            ),
            Expr::Property(name) => property_of(self.reading, self.row, name)?,
            Expr::Name(name) => {
                let known = self.names.iter().rev().find(|(known, _)| known == name);
                known.ok_or(Unsupported)?.1.clone()
            }
            Expr::Not(inner) => Worth::Bool(!self.eval(inner)?.is_true()),
            Expr::Negative(inner) => match self.eval(inner)? {
                Worth::Number(number) => Worth::Number(-number),
                Worth::Empty => Worth::Empty,
                _ => return Err(Unsupported),
            },
            Expr::Binary("and", left, right) => {
                Worth::Bool(self.eval(left)?.is_true() && self.eval(right)?.is_true())
            }
            Expr::Binary("or", left, right) => {
                Worth::Bool(self.eval(left)?.is_true() || self.eval(right)?.is_true())
            }
            Expr::Binary(operator, left, right) => {
                let (left, right) = (self.eval(left)?, self.eval(right)?);
                self.binary(operator, &left, &right)?
            }
            Expr::Choice(test, yes, no) => {
                let branch = if self.eval(test)?.is_true() { yes } else { no };
                self.eval(branch)?
            }
            Expr::Call(name, arguments) => functions::call(self, name, None, arguments)?,
            Expr::Method(subject, name, arguments) => {
                let subject = self.eval(subject)?;
                functions::call(self, name, Some(subject), arguments)?
            }
        })
    }

    fn spend(&self) -> Result<()> {
        let left = self.reading.left.get();
        self.reading.left.set(left.saturating_sub(1));
        if left == 0 { Err(Unsupported) } else { Ok(()) }
    }

    /// Computes with a name added.
    pub(super) fn with(&mut self, name: &str, worth: Worth, expr: &Expr) -> Result<Worth> {
        self.names.push((name.to_owned(), worth));
        let result = self.eval(expr);
        self.names.pop();
        result
    }

    /// Computes for one element of a list.
    pub(super) fn with_item(&mut self, item: Worth, index: f64, expr: &Expr) -> Result<Worth> {
        self.names.push(("index".into(), Worth::Number(index)));
        let result = self.with("current", item, expr);
        self.names.pop();
        result
    }

    /// A property of another page.
    pub(super) fn property_of_page(&self, page: uuid::Uuid, name: &str) -> Result<Worth> {
        self.spend()?;
        let Some(page) = self.reading.world.pages.get(&page) else {
            return Ok(Worth::Empty);
        };
        if !self.reading.world.sees_row(page.row()) {
            return Ok(Worth::Empty);
        }
        property_of(self.reading, page.row(), name)
    }

    pub(super) fn binary(&self, operator: &str, left: &Worth, right: &Worth) -> Result<Worth> {
        let numbers = match (left, right) {
            (Worth::Number(left), Worth::Number(right)) => Some((*left, *right)),
            _ => None,
        };
        Ok(match (operator, numbers) {
            ("+", Some((left, right))) => Worth::Number(left + right),
            ("-", Some((left, right))) => Worth::Number(left - right),
            ("*", Some((left, right))) => Worth::Number(left * right),
            ("/", Some((left, right))) => Worth::Number(left / right),
            ("%", Some((left, right))) => Worth::Number(left % right),
            ("^", Some((left, right))) => Worth::Number(left.powf(right)),
            ("==", _) => Worth::Bool(same(left, right)),
            ("!=", _) => Worth::Bool(!same(left, right)),
            (">" | "<" | ">=" | "<=", _) => {
                let order = match (left, right) {
                    (Worth::Empty, _) | (_, Worth::Empty) => return Ok(Worth::Bool(false)),
                    (left, right) => functions::order(left, right).ok_or(Unsupported)?,
                };
                Worth::Bool(match operator {
                    ">" => order.is_gt(),
                    "<" => order.is_lt(),
                    ">=" => order.is_ge(),
                    _ => order.is_le(),
                })
            }
            // Without a number there is nothing to count with.
            ("+", None) if matches!((left, right), (Worth::Empty, Worth::Empty)) => Worth::Empty,
            ("+", None)
                if matches!(
                    (left, right),
                    (Worth::Number(_), Worth::Empty) | (Worth::Empty, Worth::Number(_))
                ) =>
            {
                Worth::Empty
            }
            ("+", None) => {
                let text = self.text(left)? + &self.text(right)?;
                short(text)?
            }
            (_, None) if matches!(left, Worth::Empty) || matches!(right, Worth::Empty) => {
                Worth::Empty
            }
            _ => return Err(Unsupported),
        })
    }

    /// How a value reads as text.
    pub(super) fn text(&self, worth: &Worth) -> Result<String> {
        Ok(match worth {
            Worth::Empty => String::new(),
            Worth::Number(number) => number.to_string(),
            Worth::Text(text) => text.clone(),
            Worth::Bool(flag) => flag.to_string(),
            Worth::Date(start, end) => {
                let mut text = functions::long_date(*start);
                if let Some(end) = end {
                    text = format!("{text} → {}", functions::long_date(*end));
                }
                text
            }
            Worth::List(items) => {
                let mut text = String::new();
                for (at, item) in items.iter().enumerate() {
                    text.push_str(if at == 0 { "" } else { "," });
                    text.push_str(&self.text(item)?);
                    if text.len() > LONGEST {
                        return Err(Unsupported);
                    }
                }
                text
            }
            Worth::Person(id) => {
                let user = self.reading.world.users.get(id);
                let name = user.and_then(|user| user["name"].as_str());
                name.unwrap_or_default().to_owned()
            }
            Worth::Page(id) => match self.reading.world.pages.get(id) {
                Some(page) if self.reading.world.sees_row(page.row()) => {
                    page.row().title().to_owned()
                }
                _ => String::new(),
            },
        })
    }
}

/// A text that is not too long to go on with.
pub(super) fn short(text: String) -> Result<Worth> {
    if text.len() > LONGEST {
        return Err(Unsupported);
    }
    Ok(Worth::Text(text))
}

fn property_of(reading: &Reading<'_>, row: &Row, name: &str) -> Result<Worth> {
    let schema = reading.world.schema_of(row);
    let at = property::find(schema, name).ok_or(Unsupported)?;
    let property = &schema[at];
    if property.kind == Kind::Relation {
        let targets = reading.targets(row, property).into_iter();
        return Ok(Worth::List(
            targets.map(|page| Worth::Page(page.id)).collect(),
        ));
    }
    let inner = reading.inner(row, property);
    if inner["type"] == "unsupported" {
        return Err(Unsupported);
    }
    Ok(Worth::of(&property.kind, &inner))
}

/// Equality; nothing is the same as a text or a list without anything in it.
pub(super) fn same(left: &Worth, right: &Worth) -> bool {
    match (left, right) {
        (Worth::Empty, Worth::Text(text)) | (Worth::Text(text), Worth::Empty) => text.is_empty(),
        (Worth::Empty, Worth::List(list)) | (Worth::List(list), Worth::Empty) => list.is_empty(),
        (Worth::Date(left, left_end), Worth::Date(right, right_end)) => {
            let instant = |end: &Option<crate::value::date::Moment>| end.map(|end| end.instant());
            left.instant() == right.instant() && instant(left_end) == instant(right_end)
        }
        (left, right) => left == right,
    }
}
