//! Pairs of fields of which nothing propagates for now, and why.

use std::collections::BTreeMap;

use crate::link::{Side, Sides};
use crate::schema::FieldId;

/// Pairs of fields of which nothing propagates: no value, no settlement (rule F15). Their base stays
/// as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldsOnHold(BTreeMap<FieldId, OnHold>);

/// Why a pair of fields is on hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnHold {
    /// In a sentence.
    pub reason: String,
    /// Whether planning again without news will say the same: until a person approves the field.
    pub lasting: bool,
    /// Where the field became another one, or cannot be read: what it holds there is no edit. On the
    /// other side an edit is one, and outweighs a delete like any other.
    pub strange: Sides<bool>,
}

impl FieldsOnHold {
    /// No field is on hold.
    pub const NONE: &'static Self = &Self(BTreeMap::new());

    /// Why a pair of fields is on hold, if it is.
    pub fn why(&self, field: &FieldId) -> Option<&OnHold> {
        self.0.get(field)
    }

    /// Whether a pair of fields is on hold.
    pub fn holds(&self, field: &FieldId) -> bool {
        self.0.contains_key(field)
    }

    /// Whether no field is on hold.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether what a field holds on a side is no word of a person.
    pub fn is_strange(&self, field: &FieldId, side: Side) -> bool {
        self.why(field).is_some_and(|why| why.strange[side])
    }
}

impl FromIterator<(FieldId, OnHold)> for FieldsOnHold {
    /// Of several reasons for one field the first is told; strange is what is so by any.
    fn from_iter<I: IntoIterator<Item = (FieldId, OnHold)>>(fields: I) -> Self {
        let mut held = BTreeMap::new();
        for (field, why) in fields {
            let strange = why.strange;
            let first = held.entry(field).or_insert(why);
            first.strange.left |= strange.left;
            first.strange.right |= strange.right;
        }
        Self(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f15_nothing_is_on_hold_until_a_field_is() {
        assert!(FieldsOnHold::NONE.is_empty());
        let on_hold = OnHold {
            reason: "retyped".into(),
            lasting: true,
            strange: Sides::default(),
        };
        let held: FieldsOnHold = [(FieldId::new("f"), on_hold)].into_iter().collect();
        assert!(!held.is_empty());
    }

    #[test]
    fn f15_of_several_reasons_the_first_is_told_and_strange_is_what_is_so_by_any() {
        let id = FieldId::new("f");
        let because = |reason: &str, left, right| OnHold {
            reason: reason.into(),
            lasting: true,
            strange: Sides::new(left, right),
        };
        for (one, other) in [
            ((true, false), (false, true)),
            ((false, true), (true, false)),
        ] {
            let held: FieldsOnHold = [
                (id.clone(), because("first", one.0, one.1)),
                (id.clone(), because("second", other.0, other.1)),
            ]
            .into_iter()
            .collect();
            assert_eq!(held.why(&id).map(|why| &why.reason[..]), Some("first"));
            assert!(held.is_strange(&id, Side::Left) && held.is_strange(&id, Side::Right));
            let other = FieldId::new("g");
            assert!(held.holds(&id) && !held.holds(&other));
            assert!(!held.is_strange(&other, Side::Left));
        }
    }
}
