//! Pure decisions: which side changed, which rule applies, what to do. No I/O, no clock, no panic.
//!
//! [`rows`] and [`fields`] are the two tables, as functions that a test enumerates whole.
//! [`plan_pair`] applies them to one pair; [`guards`] looks at the sum.

#[cfg(test)]
mod book;
mod decide;
mod decide_fields;
pub(crate) mod decided;
mod diff;
mod document;
mod explain;
pub mod fields;
#[cfg(test)]
mod git;
pub mod guards;
mod hold;
#[cfg(test)]
mod laws;
mod limits;
mod merge_join;
mod pair;
pub mod rows;
mod schema;
mod status;
mod summary;
mod undo;
mod unlisted;

pub(crate) use decide::label;
pub use diff::{ChangedCommand, PlanDiff};
pub use document::{
    Approval, CommandId, ListedCommand, ParseCommandIdError, PlanError, PlannedOver, RecordName,
};
pub(crate) use document::{digest_content, digest_of, field_kinds, keys_of};
pub use explain::{Explanation, FieldExplanation, explain};
pub use fields::FieldRule;
pub use guards::{Guard, Refusal};
pub use hold::{FieldsOnHold, OnHold};
pub use merge_join::{JoinCounts, Look, MergeJoin, Met, Shown, merge_join};
pub use pair::{
    Blocked, InFlight, PairContext, PairPlan, PlannedCommand, PlannedField, Where, plan_pair,
};
pub use rows::RowRule;
pub use schema::{
    ListedSchemaCommand, SchemaCommand, SchemaContext, SchemaRule, WantedOptions, hold_destructive,
    plan_schema,
};
pub(crate) use status::is_at_rest;
pub use status::{BaseState, SideStatus};
pub use summary::{Estimate, Plan, PlanCounts, PlanItem};
pub use undo::{NotUndone, WhyNot, undo_pair};
pub(crate) use unlisted::Grouping;
pub use unlisted::{CreateGroup, UnlistedCreates};
