//! Which means which, for all fields of a link: what every lens is given to look at.

use std::collections::BTreeMap;

use super::{Counterparts, LensContext};
use crate::link::{MappedField, Sides};
use crate::port::Description;
use crate::record::Key;
use crate::schema::FieldId;

/// Which record of one side is which of the other, by the pair of fields whose references it is
/// about. The default knows nothing: no record is tracked.
#[derive(Clone, Debug, Default)]
pub struct Names {
    records: BTreeMap<FieldId, Counterparts<Key>>,
}

impl Names {
    /// The records that a pair of fields may refer to; replaces what was known of them.
    pub fn know_records(&mut self, field: FieldId, records: Counterparts<Key>) {
        self.records.insert(field, records);
    }

    /// What the lens of a pair of fields looks at: these names, and the options that the schemas
    /// offer.
    pub fn lens<'a>(
        &'a self,
        described: &'a Sides<Description>,
        field: &MappedField,
    ) -> LensContext<'a> {
        LensContext {
            records: self.records.get(field.name()),
            ..LensContext::of(described, field)
        }
    }
}
