//! A whole plan as data: what a person reviews before anything is written.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::guards::Refusal;
use super::pair::{PairPlan, PlannedCommand};
use super::rows::RowRule;
use crate::conflict::Conflict;
use crate::link::{LinkSpec, Sides};
use crate::pair::PairId;
use crate::port::{CommandKind, Description};
use crate::schema::FieldId;

/// Version of the plan's JSON.
const FORMAT: u32 = 1;

/// What a run would do. Pairs that need nothing are counted, not stored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Version of this JSON.
    pub format: u32,
    /// What the sides are called.
    pub names: Sides<String>,
    /// What people call each pair of fields, by its name in the mapping.
    pub field_names: BTreeMap<FieldId, String>,
    /// Pairs with commands, in order of pair.
    pub items: Vec<PlanItem>,
    /// Conflicts this plan opens or updates.
    pub conflicts: Vec<Conflict>,
    /// What guards hold back.
    pub refusals: Vec<Refusal>,
    /// How much there is of what.
    pub counts: PlanCounts,
    /// What it will cost.
    pub estimate: Estimate,
}

/// The commands of one pair. A create's values are those of its source and are not repeated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanItem {
    /// The pair.
    pub pair: PairId,
    /// The record's title.
    pub label: String,
    /// The rule of the row table.
    pub rule: RowRule,
    /// The commands.
    pub commands: Vec<PlannedCommand>,
}

/// Numbers of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PlanCounts {
    /// Pairs looked at because something about them was new.
    pub looked_at: u64,
    /// Creates per side.
    pub create: Sides<u64>,
    /// Patches per side, projections of computed fields left out.
    pub patch: Sides<u64>,
    /// Refreshes of computed fields only, per side.
    pub refresh: Sides<u64>,
    /// Trashes per side.
    pub trash: Sides<u64>,
    /// Those of the trashes whose record only left the link's filter.
    pub leaving: Sides<u64>,
    /// Restores per side.
    pub untrash: Sides<u64>,
    /// Pairs that settle without a write.
    pub settle: u64,
    /// Records or fields that wait for something.
    pub waiting: u64,
    /// Commands to a side that this run does not write to.
    pub withheld: u64,
}

/// Requests and time a plan will take at the remote side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Requests.
    pub requests: u64,
    /// At three requests a second.
    pub duration: Duration,
}

impl Estimate {
    /// An estimate of so many requests.
    pub fn of(requests: u64) -> Self {
        Self {
            requests,
            duration: Duration::from_millis(requests.saturating_mul(1000) / 3),
        }
    }
}

impl Plan {
    /// An empty plan for a link.
    pub fn new(spec: &LinkSpec, described: &Sides<Description>) -> Self {
        let field_names = spec.mapping.fields.iter().map(|mapped| {
            let field = described.left.schema.field(&mapped.ids.left);
            let name = field.map_or(mapped.name().as_str(), |field| &field.name);
            (mapped.name().clone(), name.to_owned())
        });
        Self {
            format: FORMAT,
            names: spec.names.clone(),
            field_names: field_names.collect(),
            items: Vec::new(),
            conflicts: Vec::new(),
            refusals: Vec::new(),
            counts: PlanCounts::default(),
            estimate: Estimate::default(),
        }
    }

    /// Adds what was decided for a pair.
    pub fn add(&mut self, pair: &PairPlan) {
        self.counts.looked_at += 1;
        self.counts.waiting += pair
            .blocked
            .iter()
            .filter(|blocked| !blocked.lasting)
            .count() as u64;
        self.counts.withheld += pair.withheld.len() as u64;
        if pair.commands.is_empty() && (pair.settle.is_some() || pair.forget) {
            self.counts.settle += 1;
        }
        for command in &pair.commands {
            let counter = match command.kind {
                CommandKind::Create => &mut self.counts.create,
                CommandKind::Patch if command.projection_only => &mut self.counts.refresh,
                CommandKind::Patch => &mut self.counts.patch,
                CommandKind::Trash => &mut self.counts.trash,
                CommandKind::Untrash => &mut self.counts.untrash,
            };
            counter[command.side] += 1;
            if command.is_leaving() {
                self.counts.leaving[command.side] += 1;
            }
        }
        self.conflicts.extend(pair.conflicts.iter().cloned());
        self.refusals.extend(pair.refusals.iter().cloned());
        if pair.commands.is_empty() {
            return;
        }
        let mut commands = pair.commands.clone();
        for command in &mut commands {
            if command.kind == CommandKind::Create {
                command.fields = Vec::new();
            }
        }
        let (pair, label, rule) = (pair.pair, pair.label.clone(), pair.rule);
        self.items.push(PlanItem {
            pair,
            label,
            rule,
            commands,
        });
    }

    /// How many commands there are, refreshes of computed fields included.
    pub fn commands(&self) -> u64 {
        self.items
            .iter()
            .map(|item| item.commands.len() as u64)
            .sum()
    }

    /// Whether there is nothing to write, nothing refused and no new conflict.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.conflicts.is_empty() && self.refusals.is_empty()
    }
}
