//! Lists that meet as sets: each element has its name on the other side, or none and stays.

use std::cmp::Ordering;

use super::Unmappable;
use crate::link::{Side, Sides};
use crate::value::Value;

/// A kind of list whose elements meet through names.
pub(super) trait Elements {
    /// One element, on either side.
    type Element: Clone;
    /// What a value that is not of this kind is told to be.
    const EXPECTED: &'static str;
    /// Whether sides show an order. If one may not, an edit of the set leaves the order of the other
    /// side alone.
    const ORDERED: bool = true;

    /// The elements of a value of `side`; `None` if it is of another kind.
    fn elements(&self, side: Side, value: &Value) -> Option<Vec<Self::Element>>;

    /// What an element of `side` is called on the other side; `None` if it has no name there.
    ///
    /// # Errors
    /// It will have one and has none yet.
    fn counterpart(
        &self,
        side: Side,
        element: &Self::Element,
    ) -> Result<Option<Self::Element>, Unmappable>;

    /// The element that is written to `to` for a name that an element of the other side has there.
    ///
    /// # Errors
    /// `to` takes no such element.
    fn offered(&self, to: Side, name: Self::Element) -> Result<Self::Element, Unmappable>;

    /// The order of two elements of one side; equal means the same element.
    fn compare(a: &Self::Element, b: &Self::Element) -> Ordering;

    /// A value of `side`.
    fn value(&self, side: Side, elements: Vec<Self::Element>) -> Value;
}

pub(super) fn agree<E: Elements>(kind: &E, left: &Value, right: &Value) -> bool {
    // Compared under the names of the right side.
    let images = || {
        let left = linked(kind, Side::Left, left).ok()?;
        let right = linked(kind, Side::Right, right).ok()?;
        let left = left.into_iter().map(|one| one.there).collect();
        let right = right.into_iter().map(|one| one.here).collect();
        Some((sorted::<E>(left), sorted::<E>(right)))
    };
    images().is_some_and(|(left, right)| {
        left.len() == right.len()
            && left
                .iter()
                .zip(&right)
                .all(|(a, b)| E::compare(a, b).is_eq())
    })
}

/// The elements of `old` that have no name on the other side stay. The order is that of `source`
/// if sides show one, else that of `old` with what is new at the end.
pub(super) fn repair<E: Elements>(
    kind: &E,
    to: Side,
    source: &Value,
    old: Option<&Value>,
) -> Result<Value, Unmappable> {
    let mut seen = Vec::new();
    let mut wanted = Vec::new();
    for one in linked(kind, to.other(), source)? {
        let offered = kind.offered(to, one.there)?;
        if is_new::<E>(&mut seen, &offered) {
            wanted.push(offered);
        }
    }
    let names = seen;
    let mut former = Vec::new();
    for element in elements(kind, to, old.unwrap_or(&Value::Empty)).unwrap_or_default() {
        let stranger = kind.counterpart(to, &element)?.is_none();
        if stranger || has::<E>(&names, &element) {
            former.push((element, stranger));
        }
    }
    let result = if E::ORDERED {
        with_strangers::<E>(wanted, former)
    } else {
        with_new::<E>(wanted, former)
    };
    Ok(kind.value(to, result))
}

/// What is wanted, and each stranger behind what it stood behind.
fn with_strangers<E: Elements>(
    mut wanted: Vec<E::Element>,
    former: Vec<(E::Element, bool)>,
) -> Vec<E::Element> {
    let mut after = 0;
    for (element, stranger) in former {
        if stranger {
            wanted.insert(after, element);
            after += 1;
        } else {
            let at = wanted
                .iter()
                .position(|one| E::compare(one, &element).is_eq());
            after = at.map_or(after, |at| at + 1);
        }
    }
    wanted
}

/// What is there, and behind it what is wanted beside.
fn with_new<E: Elements>(
    wanted: Vec<E::Element>,
    former: Vec<(E::Element, bool)>,
) -> Vec<E::Element> {
    let mut result: Vec<_> = former.into_iter().map(|(element, _)| element).collect();
    let there = sorted::<E>(result.clone());
    result.extend(wanted.into_iter().filter(|one| !has::<E>(&there, one)));
    result
}

/// An element is in the result if all three have it, or if the base lacks it and a side has it
/// (rule F06). What has no name on the other side stays where it is.
pub(super) fn merge<E: Elements>(
    kind: &E,
    base: &Sides<Value>,
    left: &Value,
    right: &Value,
) -> Result<Sides<Value>, Unmappable> {
    // Everything under its name on the left.
    let here = |all: Vec<Linked<E>>| all.into_iter().map(|one| one.here).collect::<Vec<_>>();
    let there = |all: Vec<Linked<E>>| all.into_iter().map(|one| one.there).collect::<Vec<_>>();
    let settled = Sides::new(
        sorted::<E>(here(linked_so_far(kind, Side::Left, &base.left))),
        sorted::<E>(there(linked_so_far(kind, Side::Right, &base.right))),
    );
    let on_left = here(linked(kind, Side::Left, left)?);
    let on_right = there(linked(kind, Side::Right, right)?);
    let (left_names, right_names) = (sorted::<E>(on_left.clone()), sorted::<E>(on_right.clone()));
    let kept = |name: &E::Element| {
        let (left, right) = (has::<E>(&left_names, name), has::<E>(&right_names, name));
        if has::<E>(&settled.left, name) && has::<E>(&settled.right, name) {
            left && right
        } else {
            left || right
        }
    };
    let mut merged: Vec<_> = on_left.into_iter().chain(on_right).filter(kept).collect();
    let mut seen = Vec::new();
    merged.retain(|name| is_new::<E>(&mut seen, name));
    let from_left = kind.value(Side::Left, merged);
    // Each side keeps what only it can show.
    let right = repair(kind, Side::Right, &from_left, Some(right))?;
    let left = repair(kind, Side::Left, &right, Some(left))?;
    Ok(Sides::new(left, right))
}

/// An element with a name on both sides.
struct Linked<E: Elements + ?Sized> {
    here: E::Element,
    there: E::Element,
}

/// The elements of a value that have a name on the other side.
fn linked<E: Elements>(kind: &E, side: Side, value: &Value) -> Result<Vec<Linked<E>>, Unmappable> {
    let mut linked = Vec::new();
    for here in elements(kind, side, value)? {
        if let Some(there) = kind.counterpart(side, &here)? {
            linked.push(Linked { here, there });
        }
    }
    Ok(linked)
}

/// Those that have one by now.
fn linked_so_far<E: Elements>(kind: &E, side: Side, value: &Value) -> Vec<Linked<E>> {
    let elements = elements(kind, side, value).unwrap_or_default();
    let with_name = |here| {
        let there = kind.counterpart(side, &here).ok()??;
        Some(Linked { here, there })
    };
    elements.into_iter().filter_map(with_name).collect()
}

fn elements<E: Elements>(
    kind: &E,
    side: Side,
    value: &Value,
) -> Result<Vec<E::Element>, Unmappable> {
    let wrong = Unmappable::WrongKind {
        expected: E::EXPECTED,
    };
    if value.is_empty() {
        return Ok(Vec::new());
    }
    kind.elements(side, value).ok_or(wrong)
}

fn sorted<E: Elements>(mut elements: Vec<E::Element>) -> Vec<E::Element> {
    elements.sort_by(E::compare);
    elements.dedup_by(|a, b| E::compare(a, b).is_eq());
    elements
}

fn has<E: Elements>(sorted: &[E::Element], element: &E::Element) -> bool {
    sorted
        .binary_search_by(|had| E::compare(had, element))
        .is_ok()
}

/// Puts an element among those seen; whether it was not there yet.
fn is_new<E: Elements>(seen: &mut Vec<E::Element>, element: &E::Element) -> bool {
    let at = seen.binary_search_by(|had| E::compare(had, element));
    at.map_err(|at| seen.insert(at, element.clone())).is_err()
}
