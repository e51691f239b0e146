//! What became of a saved plan, command by command, and why one was not carried out.

use serde::Serialize;

use super::Report;
use crate::link::LinkSpec;
use crate::plan::{Approval, CommandId, Guard, Plan};
use crate::port::Opened;
use crate::schema::FieldId;
use crate::value::Digest;

/// What became of a saved plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AppliedPlan {
    /// The plan, see [`Plan::id`].
    pub plan: Digest,
    /// Every command of the plan, in its order.
    pub commands: Vec<AppliedCommand>,
    /// What the run did beside; `None` where none was begun, because the plan as a whole does not
    /// hold any more.
    pub report: Option<Report>,
}

/// What became of one command of a saved plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AppliedCommand {
    /// Which.
    pub id: CommandId,
    /// What became of it.
    pub outcome: CommandOutcome,
}

/// What became of a saved command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CommandOutcome {
    /// Carried out, and seen to have arrived.
    Applied,
    /// It would not be decided any more: nothing was done.
    Stale {
        /// What is different.
        why: StaleReason,
    },
    /// Not approved: nothing was done.
    Skipped,
    /// A guard holds it back, or the peer refused it.
    Refused {
        /// Which guard.
        guard: Guard,
        /// Why, in a sentence.
        why: String,
    },
    /// It still holds and is not done: the run ended before it, or its answer was lost and is
    /// looked up by the next run.
    Waiting {
        /// Why, in a sentence.
        why: String,
    },
}

/// Why a saved command would not be decided any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StaleReason {
    /// It was planned for another link.
    OtherLink,
    /// It was planned over another store, or over one that was not there yet and is in use now.
    OtherStore,
    /// Fields or lenses are mapped differently.
    MappingChanged,
    /// This field holds something else now, or its access changed.
    SchemaChanged(FieldId),
    /// No such record is known any more.
    RecordGone,
    /// The target already is as it shall be.
    AlreadySo,
    /// The side it comes from changed: this field, or whether the record is there at all.
    SourceChanged(Option<FieldId>),
    /// The side it writes to changed: this field, or whether the record is there at all.
    TargetChanged(Option<FieldId>),
    /// Something else is decided about the record now, for the reason given.
    DecidedOtherwise(String),
}

impl StaleReason {
    /// In a sentence, with the names people use in that plan.
    pub fn sentence(&self, plan: &Plan) -> String {
        let name = |field: &FieldId| {
            let known = plan.field_names.get(field);
            known.map_or(field.as_str(), String::as_str).to_owned()
        };
        let changed = |what: &str, field: &Option<FieldId>| match field {
            Some(field) => format!("{:?} was changed since {what}", name(field)),
            None => format!("the record was moved to the trash or brought back since {what}"),
        };
        match self {
            Self::OtherLink => "it was planned for another link".into(),
            Self::OtherStore => "it was planned over another store".into(),
            Self::MappingChanged => "the mapping of fields changed since".into(),
            Self::SchemaChanged(field) => {
                format!("the field {:?} is of another kind now", name(field))
            }
            Self::RecordGone => "the record is not known any more".into(),
            Self::AlreadySo => "it is so already".into(),
            Self::SourceChanged(field) => changed("where the change comes from", field),
            Self::TargetChanged(field) => changed("where it would be written", field),
            Self::DecidedOtherwise(why) => format!("something else is decided now: {why}"),
        }
    }
}

/// Why a plan as a whole does not hold any more.
pub(super) fn out_of_date(plan: &Plan, spec: &LinkSpec, opened: &Opened) -> Option<StaleReason> {
    // A plan made before there was a store holds over one that remembers nothing yet.
    let first = plan.over.lineage == 0 && opened.counts.pairs == 0;
    if plan.over.link != spec.id {
        Some(StaleReason::OtherLink)
    } else if plan.over.lineage != opened.lineage && !first {
        Some(StaleReason::OtherStore)
    } else if plan.over.mapping != spec.mapping.digest() {
        Some(StaleReason::MappingChanged)
    } else {
        None
    }
}

/// The result where nothing was begun.
pub(super) fn nothing_begun(plan: &Plan, approval: &Approval, why: &StaleReason) -> AppliedPlan {
    let schema = plan.schema.iter().map(|listed| listed.id);
    let ids = schema.chain(plan.listed().map(|(_, listed)| listed.id));
    let commands = ids.map(|id| AppliedCommand {
        id,
        outcome: if approval.allows(id) {
            CommandOutcome::Stale { why: why.clone() }
        } else {
            CommandOutcome::Skipped
        },
    });
    AppliedPlan {
        plan: plan.id(),
        commands: commands.collect(),
        report: None,
    }
}
