//! Options as pairs: what is remembered of them, brought up to date with the schemas.

use std::collections::BTreeMap;

use super::cycle::Cycle;
use crate::link::{Lens, LensContext};

impl Cycle<'_> {
    /// Pairs the options of every mapped field that has any, and tells the lenses.
    pub(super) fn pair_options(&mut self) {
        let mut remembered = std::mem::take(&mut self.memory.options);
        let mut paired = BTreeMap::new();
        for field in &self.engine.spec.mapping.fields {
            if !matches!(field.lens, Lens::Choice | Lens::Choices | Lens::Tags { .. }) {
                continue;
            }
            let mut pairs = remembered.remove(field.name()).unwrap_or_default();
            let context = LensContext::of(&self.described, field);
            let mut offered = context.options;
            if let Lens::Tags { list } = field.lens {
                offered[list] = None;
            }
            pairs.take_in(offered, |_, _| None);
            if !pairs.is_empty() {
                paired.insert(field.name().clone(), pairs);
            }
        }
        self.routes.know_options(&paired);
        self.memory.options = paired;
    }
}
