//! Why a record stands as it does: the same decision as the plan's, told in sentences.

use serde::Serialize;

use super::fields::FieldRule;
use super::pair::{InFlight, PairContext, PairPlan, trace_pair};
use super::rows::RowRule;
use super::status::{BaseState, SeenField, SideStatus};
use crate::link::Sides;
use crate::pair::{PairState, Standing};
use crate::record::Key;
use crate::schema::FieldId;
use crate::value::Value;

/// The decision about one record, with its reasons.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The record's title.
    pub label: String,
    /// Its keys; `None` on a side that has none yet.
    pub keys: Sides<Option<Key>>,
    /// How it stands since the last run; `None` if clean.
    pub standing: Option<Standing>,
    /// What was settled before.
    pub base: BaseState,
    /// How each side compares with it.
    pub statuses: Sides<SideStatus>,
    /// The rule of the row table.
    pub rule: RowRule,
    /// What that rule says.
    pub reason: &'static str,
    /// Every mapped field, in the order of the mapping.
    pub fields: Vec<FieldExplanation>,
    /// What would be done.
    pub plan: PairPlan,
}

/// The decision about one field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldExplanation {
    /// The pair of fields.
    pub name: FieldId,
    /// What people call it on the left side.
    pub label: String,
    /// The rule of the field table.
    pub rule: FieldRule,
    /// What that rule says.
    pub reason: &'static str,
    /// What was settled, if anything was.
    pub base: Option<Sides<Value>>,
    /// What the sides hold; `None` where the value was not seen whole.
    pub values: Sides<Option<Value>>,
}

/// Decides a pair again and keeps the reasons.
pub fn explain(context: &PairContext<'_>, pair: &PairState, flight: &InFlight<'_>) -> Explanation {
    let mut rules = Vec::new();
    let plan = trace_pair(context, pair, flight, Some(&mut rules));
    let fields = rules.into_iter().map(|(name, rule)| {
        let mapped = context.spec.mapping.field(&name);
        let base = mapped
            .and_then(|mapped| pair.base.as_ref()?.field(mapped))
            .cloned();
        let values = Sides::from_fn(|side| {
            let shadow = pair.sides[side].shadow.as_ref()?;
            shadow.cells.complete(&mapped?.ids[side]).cloned()
        });
        let schema = &context.described.left.schema;
        let field = mapped.and_then(|mapped| schema.field(&mapped.ids.left));
        FieldExplanation {
            label: field.map_or_else(|| name.to_string(), |field| field.name.clone()),
            name,
            rule,
            reason: rule.reason(),
            base,
            values,
        }
    });
    let seen = SeenField::of(pair, &context.spec.mapping);
    Explanation {
        label: plan.label.clone(),
        keys: pair.sides.as_ref().map(|side| side.key.clone()),
        standing: pair.standing.clone(),
        base: BaseState::of(pair.base.as_ref()),
        statuses: Sides::from_fn(|side| {
            SideStatus::of(pair, &seen, side, context, flight.presumed[side])
        }),
        rule: plan.rule,
        reason: plan.rule.reason(),
        fields: fields.collect(),
        plan,
    }
}
