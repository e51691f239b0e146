//! Which means which, for all fields of a link: what every lens is given to look at.

use std::collections::BTreeMap;

use super::{Counterparts, LensContext, OptionPairs};
use crate::link::{MappedField, Sides};
use crate::port::Description;
use crate::record::Key;
use crate::schema::FieldId;

/// Which record of one side is which of the other, by the pair of fields whose references it is
/// about, and which option is which. The default knows nothing: no record is tracked, options meet
/// by name.
#[derive(Clone, Debug, Default)]
pub struct Names {
    records: BTreeMap<FieldId, Counterparts<Key>>,
    options: BTreeMap<FieldId, OptionPairs>,
}

impl Names {
    /// The records that a pair of fields may refer to; replaces what was known of them.
    pub fn know_records(&mut self, field: FieldId, records: Counterparts<Key>) {
        self.records.insert(field, records);
    }

    /// Which option is which, of a pair of fields; replaces what was known of them.
    pub fn know_options(&mut self, field: FieldId, options: OptionPairs) {
        self.options.insert(field, options);
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
            pairs: self.options.get(field.name()),
            ..LensContext::of(described, field)
        }
    }
}
