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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Counterpart, Lens};
    use crate::port::Capabilities;
    use crate::schema::{Access, Field, FieldType, Limits, Schema};
    use crate::value::Choice;

    fn described(ty: &FieldType, capabilities: Capabilities) -> Description {
        let field = |id: &str| Field {
            id: FieldId::new(id),
            name: id.into(),
            ty: ty.clone(),
            access: Access::Writable,
            limits: Limits::default(),
        };
        Description {
            schema: Schema {
                title: "T".into(),
                fields: vec![field("here"), field("elsewhere")],
            },
            capabilities,
        }
    }

    #[test]
    fn a_lens_sees_the_names_of_its_own_field_and_the_options_of_a_side_that_takes_no_others() {
        let offered = vec![Choice::with_id("1", "High")];
        let select = FieldType::Select(offered.clone());
        let described = Sides::new(
            described(&select, Capabilities::remote()),
            described(&select, Capabilities::local()),
        );
        let field = |id: &str| {
            MappedField::new(Sides::new(FieldId::new(id), FieldId::new(id)), Lens::Choice)
        };
        let (here, elsewhere) = (field("here"), field("elsewhere"));
        let mut names = Names::default();
        let (left, right) = (Key::durable("l"), Key::durable("r"));
        let pair = Sides::new(Some(left.clone()), Some(right.clone()));
        let records = Arc::new(Counterparts::new([pair]));
        names.know_records(here.name().clone(), records);
        let mut pairs = OptionPairs::default();
        pairs.take_in(Sides::new(Some(&offered[..]), None), |_, _| None);
        names.know_options(here.name().clone(), pairs.clone());

        let seen = names.lens(&described, &here);
        assert_eq!(seen.options, Sides::new(Some(&offered[..]), None));
        assert_eq!(seen.pairs, Some(&pairs));
        let known = seen.records.unwrap();
        assert_eq!(known.of(Side::Left, &left), Counterpart::Known(&right));

        let seen = names.lens(&described, &elsewhere);
        assert_eq!(seen.options, Sides::new(Some(&offered[..]), None));
        assert!(seen.pairs.is_none() && seen.records.is_none());
    }
}
