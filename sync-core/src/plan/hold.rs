//! Pairs of fields of which nothing propagates for now, and why.

use std::collections::BTreeMap;

use crate::schema::FieldId;

/// Pairs of fields of which nothing propagates: no value, no settlement, no edit counts (rule F15).
/// Their base stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldsOnHold(BTreeMap<FieldId, OnHold>);

/// Why a pair of fields is on hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnHold {
    /// In a sentence.
    pub reason: String,
    /// Whether planning again without news will say the same: until a person approves the field.
    pub lasting: bool,
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
}

impl FromIterator<(FieldId, OnHold)> for FieldsOnHold {
    /// Of several reasons for one field the first counts.
    fn from_iter<I: IntoIterator<Item = (FieldId, OnHold)>>(fields: I) -> Self {
        let mut held = BTreeMap::new();
        for (field, why) in fields {
            held.entry(field).or_insert(why);
        }
        Self(held)
    }
}
