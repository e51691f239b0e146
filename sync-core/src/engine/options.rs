//! Options as pairs: what is remembered of them, brought up to date with the schemas.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cycle::Cycle;
use crate::link::{Lens, LensContext, MappedField, OptionPairs, Sides};
use crate::schema::SchemaChange;
use crate::value::Choice;

impl Cycle<'_> {
    /// Pairs the options of every mapped field that has any, and tells the lenses.
    pub(super) fn pair_options(&mut self) {
        let remembered = Arc::clone(&self.memory.options);
        let mut paired = BTreeMap::new();
        for field in &self.engine.spec.mapping.fields {
            if !matches!(field.lens, Lens::Choice | Lens::Choices | Lens::Tags { .. }) {
                continue;
            }
            let mut pairs = remembered.get(field.name()).cloned().unwrap_or_default();
            let context = LensContext::of(&self.described, field);
            let mut offered = context.options;
            if let Lens::Tags { list } = field.lens {
                offered[list] = None;
            }
            if !pairs.are_of(offered) {
                let policy = &self.engine.spec.policy;
                pairs.take_in(offered, |side, name| {
                    policy.unknown_options.called(side, name)
                });
                let carried = self.carries_renames(field, &pairs, offered);
                pairs.settle_names(offered, carried);
            }
            if !pairs.is_empty() {
                paired.insert(field.name().clone(), pairs);
            }
        }
        self.routes.know_options(&paired);
        if paired != *remembered {
            self.memory.options = Arc::new(paired);
        }
    }

    /// Whether a renamed option is going to be renamed on the other side too: it can be, and was not
    /// tried in vain.
    fn carries_renames(
        &self,
        field: &MappedField,
        pairs: &OptionPairs,
        offered: Sides<Option<&[Choice]>>,
    ) -> bool {
        let renamed = pairs.renamed(offered);
        !renamed.is_empty()
            && renamed.into_iter().all(|renamed| {
                let to = renamed.side.other();
                let change = SchemaChange::RenameOption {
                    field: field.ids[to].clone(),
                    option: renamed.there,
                    name: renamed.name,
                };
                self.described[to].capabilities.alter
                    && self.engine.spec.policy.direction.flows_to(to)
                    && !self.was_tried(to, change)
            })
    }
}
