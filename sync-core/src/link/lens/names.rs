//! Which means which, for all fields of a link: what every lens is given to look at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Counterparts, LensContext, OptionPairs};
use crate::link::{MappedField, Side, Sides};
use crate::port::Description;
use crate::record::Key;
use crate::schema::FieldId;

/// Which record of one side is which of the other, by the pair of fields whose references it is
/// about, and which option is which. The default knows nothing: no record is tracked, options meet
/// by name.
#[derive(Clone, Debug, Default)]
pub struct Names {
    records: BTreeMap<FieldId, Arc<Counterparts<Key>>>,
    options: BTreeMap<FieldId, Arc<OptionPairs>>,
    /// Fields that show the references of another mapped field backwards, and the side that keeps
    /// them so; `None` where both do.
    following: BTreeMap<FieldId, Option<Side>>,
    /// Fields whose two sides point at collections that are not each other's.
    astray: BTreeSet<FieldId>,
}

impl Names {
    /// The records that a pair of fields may refer to; replaces what was known of them.
    pub fn know_records(&mut self, field: FieldId, records: Arc<Counterparts<Key>>) {
        self.records.insert(field, records);
    }

    /// Which option is which, of a pair of fields; replaces what was known of them.
    pub fn know_options(&mut self, field: FieldId, options: OptionPairs) {
        self.options.insert(field, Arc::new(options));
    }

    /// The pair of fields shows the references of another mapped one backwards: this side keeps it
    /// so, or both do.
    pub fn follows(&mut self, field: FieldId, kept_by: Option<Side>) {
        self.following.insert(field, kept_by);
    }

    /// The two fields point at collections that are not each other's: nothing of them may flow.
    pub fn points_astray(&mut self, field: FieldId) {
        self.astray.insert(field);
    }

    /// The records that a pair of fields may refer to, as far as they were looked up.
    pub fn records(&self, field: &FieldId) -> Option<&Counterparts<Key>> {
        self.records.get(field).map(Arc::as_ref)
    }

    /// Whether the pair of fields shows another mapped one backwards, and who keeps it so.
    pub(crate) fn followed_by(&self, field: &FieldId) -> Option<Option<Side>> {
        self.following.get(field).copied()
    }

    pub(crate) fn is_astray(&self, field: &FieldId) -> bool {
        self.astray.contains(field)
    }

    /// What the lens of a pair of fields looks at: these names, and the options that the schemas
    /// offer.
    pub fn lens<'a>(
        &'a self,
        described: &'a Sides<Description>,
        field: &MappedField,
    ) -> LensContext<'a> {
        LensContext {
            records: self.records(field.name()),
            pairs: self.options.get(field.name()).map(Arc::as_ref),
            ..LensContext::of(described, field)
        }
    }
}
