//! What is planned for one pair: commands, settlements, conflicts, refusals, and the reasons.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::decide::{Decider, label};
use super::decided;
use super::fields::FieldRule;
use super::guards::{Guard, Refusal};
use super::hold::FieldsOnHold;
use super::rows::{RowRule, decide_row};
use super::schema::WantedOptions;
use super::status::{BaseState, SeenField, SideStatus};
use crate::conflict::Conflict;
use crate::link::{Arbiter, Direction, LensContext, LinkSpec, MappedField, Names, Side, Sides};
use crate::pair::{Base, PairId, PairState, RecordState, Standing};
use crate::port::{CellChange, Command, CommandKind, DeleteKind, Description};
use crate::record::{Key, Timestamp};
use crate::schema::FieldId;
use crate::value::Value;

/// What the planner may look at beside the pair itself.
#[derive(Clone, Copy, Debug)]
pub struct PairContext<'a> {
    /// The link.
    pub spec: &'a LinkSpec,
    /// Schema and capabilities of both sides.
    pub described: &'a Sides<Description>,
    /// Which record of one side is which of the other, for references.
    pub names: &'a Names,
    /// The moment of planning: stamped on conflicts, compared with nothing here.
    pub now: Timestamp,
    /// The program's own rule for fields of [`Authority::Arbiter`].
    ///
    /// [`Authority::Arbiter`]: crate::link::Authority::Arbiter
    pub arbiter: Option<&'a dyn Arbiter>,
    /// Fields of which nothing propagates.
    pub on_hold: &'a FieldsOnHold,
}

impl<'a> PairContext<'a> {
    /// What the lens of a pair of fields looks at.
    pub(super) fn lens(&self, field: &MappedField) -> LensContext<'a> {
        self.names.lens(self.described, field)
    }

    /// Whether a delete would destroy a record for good, and the policy does not let it.
    pub(super) fn destroys(&self, on: Side) -> bool {
        let can = &self.described[on].capabilities;
        can.delete == DeleteKind::Hard && !self.spec.policy.hard_deletes
    }
}

/// What is under way for a pair, beside its state.
#[derive(Clone, Debug, Default)]
pub struct InFlight<'a> {
    /// Why the pair has to wait, if it has to: an unresolved command touches it, or it may be
    /// the record that a lost create made.
    pub wait: Option<String>,
    /// The scan of this run shows changes only and did not return the record, per side.
    pub presumed: Sides<bool>,
    /// Whether a new record waits for those it refers to, if they are on their way too. If not, it
    /// is made without, and patched later.
    pub patient: bool,
    /// The record lives in another collection that is linked, and has its counterpart there: per
    /// side.
    pub rehomed: Sides<bool>,
    /// A person lets pass what is written back and forth.
    pub may_flap: bool,
    /// Open conflicts of the pair.
    pub conflicts: Vec<&'a Conflict>,
    /// Commands a peer refused for good: the same one is not sent again.
    pub dead: Vec<(&'a Command, Side, &'a str)>,
}

/// What to do about one pair.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairPlan {
    /// The pair.
    pub pair: PairId,
    /// The record's title, for people.
    pub label: String,
    /// The rule of the row table.
    pub rule: RowRule,
    /// Commands, at most one per side.
    pub commands: Vec<PlannedCommand>,
    /// Commands to a side that this run does not write to. They wait for one that does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<PlannedCommand>,
    /// The base after everything that needs no write; `None` if unchanged.
    pub settle: Option<Base>,
    /// Whether fields agree that are settled once a record is out of the trash: before, an edit that
    /// brings it back would be forgotten if it never gets there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub settles_later: bool,
    /// Conflicts to open or update.
    pub conflicts: Vec<Conflict>,
    /// Conflicts that are over.
    pub close: Vec<FieldId>,
    /// What a guard refuses.
    pub refusals: Vec<Refusal>,
    /// Options that have to be added to a side first.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub wanted_options: WantedOptions,
    /// What waits, and why.
    pub blocked: Vec<Blocked>,
    /// Fields that wait for a record they refer to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub awaits: Vec<FieldId>,
    /// Whether the record is not made yet, because those it refers to are made first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deferred: bool,
    /// Whether the pair can be forgotten.
    pub forget: bool,
    /// Whether sides have to be read directly before anything is decided.
    pub probe: bool,
}

/// A command, with the rule and the source of each value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedCommand {
    /// The side to write to.
    pub side: Side,
    /// What kind of change.
    pub kind: CommandKind,
    /// The record; `None` for a create.
    pub key: Option<Key>,
    /// The rule that asks for it.
    pub rule: RowRule,
    /// The fields to write.
    pub fields: Vec<PlannedField>,
    /// Cells that must hold though they are not written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holding: Vec<(FieldId, Value)>,
    /// Whether it only refreshes computed fields of a projection: not counted in guards.
    pub projection_only: bool,
    /// Whether it only fills in references that had to wait for a record: not counted in guards.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub completing: bool,
}

/// One field of a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedField {
    /// The pair of fields.
    pub name: FieldId,
    /// The field on the side written to.
    pub target: FieldId,
    /// The rule that asks for it.
    pub rule: FieldRule,
    /// The value it comes from; `None` if writing it does not settle the field yet.
    pub source: Option<Value>,
    /// What the target holds.
    pub expected: Option<Value>,
    /// What it shall hold.
    pub desired: Value,
}

/// A record or field that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocked {
    /// The pair of fields; `None` for the whole record.
    pub at: Where,
    /// Why, in a sentence.
    pub reason: String,
    /// Whether planning again without news will say the same.
    pub lasting: bool,
}

/// The whole record, or one of its fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// The whole record.
    Record,
    /// One field.
    Field(FieldId),
}

impl PlannedCommand {
    /// Whether it changes what a person wrote, which is what guards count: not a refresh of computed
    /// fields, nor references that come late.
    pub fn is_change(&self) -> bool {
        self.kind == CommandKind::Patch && !self.projection_only && !self.completing
    }

    /// Whether it trashes or empties the counterpart of a record that left the link's filter.
    pub fn is_leaving(&self) -> bool {
        self.rule == RowRule::R12
    }

    /// Whether it empties the counterpart of a record that left the link's filter.
    pub fn is_clearing(&self) -> bool {
        self.is_leaving() && self.kind == CommandKind::Patch
    }

    /// Whether guards count it as a delete.
    pub fn takes_away(&self) -> bool {
        self.kind == CommandKind::Trash || self.is_clearing()
    }

    /// The command as the peer gets it.
    pub fn to_command(&self) -> Command {
        self.clone().into_command()
    }

    /// As [`PlannedCommand::to_command`], without a copy of any value.
    pub(crate) fn into_command(self) -> Command {
        let fields = self.fields.into_iter();
        let cells = fields.map(|field| CellChange {
            field: field.target,
            expected: field.expected,
            desired: field.desired,
        });
        Command {
            kind: self.kind,
            key: self.key,
            cells: cells.collect(),
            holding: self.holding,
        }
    }
}

impl PairPlan {
    /// Nothing to do by a rule.
    pub(super) fn new(context: &PairContext<'_>, pair: &PairState, rule: RowRule) -> Self {
        Self {
            pair: pair.id,
            label: label(context, pair),
            rule,
            commands: Vec::new(),
            withheld: Vec::new(),
            settle: None,
            settles_later: false,
            conflicts: Vec::new(),
            close: Vec::new(),
            refusals: Vec::new(),
            wanted_options: WantedOptions::new(),
            blocked: Vec::new(),
            awaits: Vec::new(),
            deferred: false,
            forget: false,
            probe: false,
        }
    }

    /// What people are told about the pair if nothing more happens.
    pub fn standing(&self, open_conflicts: usize) -> Option<Standing> {
        let say = |state, reason: String| Some(Standing { state, reason });
        if let Some(refusal) = self.refusals.first() {
            let state = match refusal.guard {
                Guard::Flapping => RecordState::Parked,
                _ => RecordState::Blocked,
            };
            return say(state, refusal.reason.clone());
        }
        if open_conflicts > 0 || !self.conflicts.is_empty() {
            let reason = "both sides changed the same field; resolve it to go on".to_owned();
            return say(RecordState::Conflict, reason);
        }
        if !self.commands.is_empty() || !self.withheld.is_empty() {
            return say(RecordState::Pending, self.rule.reason().to_owned());
        }
        let waits = self.blocked.iter().find(|blocked| !blocked.lasting);
        if let Some(blocked) = waits {
            return say(RecordState::Blocked, blocked.reason.clone());
        }
        let parked = self.blocked.first()?;
        say(RecordState::Parked, parked.reason.clone())
    }

    /// Keeps commands to a side that a run does not write to for another run.
    pub(crate) fn withhold(&mut self, direction: Direction) {
        let (now, later) = std::mem::take(&mut self.commands)
            .into_iter()
            .partition(|command| direction.flows_to(command.side));
        self.commands = now;
        self.withheld = later;
    }

    /// Keeps everything but what fills in cells for a run that does more than adopt.
    pub(crate) fn adopt_only(&mut self) {
        let (now, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.commands)
            .into_iter()
            .partition(|command| command.kind == CommandKind::Patch);
        self.commands = now;
        self.withheld.extend(later);
    }

    /// Whether all there is to do is to make the record on a side.
    pub(crate) fn only_creates(&self, side: Side) -> bool {
        let creates =
            |command: &PlannedCommand| command.kind == CommandKind::Create && command.side == side;
        matches!(&self.commands[..], [command] if creates(command))
            && self.withheld.is_empty()
            && self.settle.is_none()
            && self.conflicts.is_empty()
            && self.close.is_empty()
            && self.refusals.is_empty()
            && self.blocked.is_empty()
            && !self.forget
            && !self.probe
    }

    /// Whether anything would be written, settled, asked or forgotten because of it.
    pub(crate) fn changes_anything(&self) -> bool {
        self.probe
            || self.forget
            || self.settle.is_some()
            || !self.commands.is_empty()
            || !self.withheld.is_empty()
            || !self.conflicts.is_empty()
            || !self.close.is_empty()
            || !self.refusals.is_empty()
    }

    /// Whether the planner has to look again even if nothing new is observed.
    pub fn stays_dirty(&self) -> bool {
        self.probe
            || self.settles_later
            || !self.commands.is_empty()
            || !self.withheld.is_empty()
            || !self.refusals.is_empty()
            || self.blocked.iter().any(|blocked| !blocked.lasting)
    }
}

/// Decides one pair. Total and deterministic.
pub fn plan_pair(context: &PairContext<'_>, pair: &PairState, flight: &InFlight<'_>) -> PairPlan {
    trace_pair(context, pair, flight, None)
}

/// As [`plan_pair`], noting the rule of every field on the way.
pub(super) fn trace_pair(
    context: &PairContext<'_>,
    pair: &PairState,
    flight: &InFlight<'_>,
    trace: Option<&mut Vec<(FieldId, FieldRule)>>,
) -> PairPlan {
    let arrived = once_arrived(context, pair);
    let pair = arrived.as_ref().unwrap_or(pair);
    let seen = SeenField::of(pair, &context.spec.mapping);
    let statuses =
        Sides::from_fn(|side| SideStatus::of(pair, &seen, side, context, flight.presumed[side]));
    let decision = decide_row(BaseState::of(pair.base.as_ref()), statuses);
    let mut plan = PairPlan::new(context, pair, decision.rule);
    decided::row(decision.rule);
    if let Some(reason) = flight.wait.clone() {
        decided::field(FieldRule::F13);
        plan.blocked.push(Blocked {
            at: Where::Record,
            reason,
            lasting: false,
        });
        return plan;
    }
    Decider {
        context,
        pair,
        seen: &seen,
        flight,
        statuses,
        decision,
        plan: &mut plan,
        trace,
    }
    .decide();
    if arrived.is_some() && plan.settle.is_none() {
        plan.settle.clone_from(&pair.base);
    }
    plan
}

/// The pair as it stands where a command that was given up arrived after all: one that empties a
/// side, or takes back what was written to it.
fn once_arrived(context: &PairContext<'_>, pair: &PairState) -> Option<PairState> {
    let (mapping, base) = (&context.spec.mapping, pair.base.as_ref()?);
    let emptied = base.once_emptied(mapping, &pair.sides);
    let undone = emptied.as_ref().unwrap_or(base);
    let undone = undone.once_undone(mapping, &pair.sides);
    let base = undone.or(emptied)?;
    Some(PairState {
        base: Some(base),
        ..pair.clone()
    })
}
