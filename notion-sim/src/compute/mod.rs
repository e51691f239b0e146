//! What Notion computes: rollups and formulas, at the moment they are read. A value that was loaded, or set by
//! [`compute`](crate::NotionSim::compute), is shown as it is.

mod dates;
pub(crate) mod formula;
mod functions;
mod parse;
pub(crate) mod rollup;
mod worth;

use std::cell::Cell as Counter;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::ids::parse_id;
use crate::model::World;
use crate::model::cell::{Key, REFERENCES_SHOWN, empty_inner};
use crate::model::kind::Kind;
use crate::model::property::Property;
use crate::model::row::Row;
use crate::value::date::parse_moment;

/// How many computed properties may stand behind one another.
const DEPTH: usize = 10;

/// How many values one computation may look at. Only relations of relations that meet themselves come near.
const VALUES: usize = 100_000;

/// One computation, with what it may still spend.
pub(crate) struct Reading<'w> {
    world: &'w World,
    /// How many targets of a relation it sees.
    references: usize,
    depth: Counter<usize>,
    left: Counter<usize>,
}

impl World {
    /// As answers that show whole pages compute it: over the first 25 references.
    pub(crate) fn page_reading(&self) -> Reading<'_> {
        self.reading(REFERENCES_SHOWN)
    }

    /// Over all references, as property items, filters and sorts compute it.
    pub(crate) fn whole_reading(&self) -> Reading<'_> {
        self.reading(usize::MAX)
    }

    fn reading(&self, references: usize) -> Reading<'_> {
        Reading {
            world: self,
            references,
            depth: Counter::new(0),
            left: Counter::new(VALUES),
        }
    }
}

impl Reading<'_> {
    /// The inner value of a property as the connection reads it.
    pub(crate) fn inner(&self, row: &Row, property: &Property) -> Value {
        let kind = &property.kind;
        match kind {
            Kind::CreatedBy => self.world.user_value(row.created_by),
            Kind::LastEditedBy => self.world.user_value(row.edited_by),
            Kind::Formula | Kind::Rollup if row.cell(&property.id).is_none() => {
                self.computed(row, property)
            }
            _ => {
                let inner = row.inner(property).unwrap_or_else(|| empty_inner(kind));
                match kind {
                    Kind::Relation => self.world.seen_targets(inner),
                    Kind::Files => self.world.sign(inner),
                    _ => inner,
                }
            }
        }
    }

    fn computed(&self, row: &Row, property: &Property) -> Value {
        let (depth, left) = (self.depth.get(), self.left.get());
        let function = &property.config["function"];
        if depth == DEPTH || left == 0 {
            return unsupported(function);
        }
        self.depth.set(depth + 1);
        self.left.set(left - 1);
        let inner = match property.kind {
            Kind::Rollup => rollup::value(self, row, property),
            _ => formula::value(self, row, property),
        };
        self.depth.set(depth);
        // What began with enough and ran out of it would be wrong.
        if self.left.get() == 0 {
            return unsupported(function);
        }
        inner
    }

    /// The pages that a relation of the page names, as far as they are seen and this reading goes.
    pub(crate) fn targets(&self, row: &Row, relation: &Property) -> Vec<&Row> {
        let named = row.cell(&relation.id).map_or(&[][..], |cell| cell.ids());
        let pages = named.iter().filter_map(|id| self.world.pages.get(id));
        let rows = pages.map(|page| &**page.row());
        let seen: Vec<&Row> = rows
            .filter(|row| self.world.sees_row(row))
            .take(self.references)
            .collect();
        self.left.set(self.left.get().saturating_sub(seen.len()));
        seen
    }
}

/// `{"type": "unsupported"}`, with the function of a rollup.
pub(crate) fn unsupported(function: &Value) -> Value {
    let mut inner = json!({"type": "unsupported", "unsupported": {}});
    if !function.is_null() {
        inner["function"] = function.clone();
    }
    inner
}

/// A number as answers write it.
pub(crate) fn number(value: f64) -> Value {
    /// Below it every whole float is one whole number.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < WHOLE {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole, and within the limits of 64 bits"
        )]
        let whole = value as i64;
        return json!(whole);
    }
    json!(value)
}

/// The key of a value that may be of the page itself.
pub(crate) fn key_of(kind: &Kind, inner: &Value) -> Key {
    match kind {
        Kind::CreatedTime | Kind::LastEditedTime => inner
            .as_str()
            .and_then(parse_moment)
            .map_or(Key::Empty, |at| Key::Date(at, None)),
        Kind::CreatedBy | Kind::LastEditedBy => ids(std::slice::from_ref(inner)),
        _ => Key::of(kind, inner),
    }
}

fn ids(users: &[Value]) -> Key {
    let ids: Vec<Uuid> = users
        .iter()
        .filter_map(|user| user["id"].as_str().and_then(parse_id))
        .collect();
    if ids.is_empty() {
        Key::Empty
    } else {
        Key::Ids(ids)
    }
}
