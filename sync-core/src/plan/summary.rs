//! A whole plan as data: what a person reviews before anything is written.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::document::{
    CommandId, FORMAT, ListedCommand, PlannedOver, RecordName, is_zero, keys_of, known_format,
};
use super::guards::Refusal;
use super::pair::{PairPlan, PlannedCommand};
use super::rows::RowRule;
use super::schema::{ListedSchemaCommand, SchemaCommand};
use super::unlisted::{CreateGroup, Grouping, UnlistedCreates};
use crate::conflict::Conflict;
use crate::link::{LinkSpec, Side, Sides};
use crate::pair::{PairId, PairState};
use crate::port::{CommandKind, Description};
use crate::schema::FieldId;
use crate::value::Digest;

/// A plan lists so many creates; those beyond it counts, with digests over groups of them. A first
/// pull of a million records would not fit into memory otherwise, nor would anybody read it.
const CREATES_LISTED: u64 = 1_000;

/// What a run would do, as a document: its JSON can be saved, compared, approved in part and
/// carried out later. Pairs that need nothing are counted, not stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this JSON.
    #[serde(deserialize_with = "known_format")]
    pub format: u32,
    /// What people call the collection.
    pub title: String,
    /// What it was made over.
    pub over: PlannedOver,
    /// What the sides are called.
    pub names: Sides<String>,
    /// What people call each pair of fields, by its name in the mapping.
    pub field_names: BTreeMap<FieldId, String>,
    /// Changes of the schemas, carried out before anything else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema: Vec<ListedSchemaCommand>,
    /// Pairs with commands, in order of pair.
    pub items: Vec<PlanItem>,
    /// Creates beyond the first 1,000, at most one entry for each side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlisted: Vec<UnlistedCreates>,
    /// Names of the other records that conflicts and refusals are about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<PairId, RecordName>,
    /// Conflicts this plan opens or updates.
    pub conflicts: Vec<Conflict>,
    /// What guards hold back.
    pub refusals: Vec<Refusal>,
    /// How much there is of what.
    pub counts: PlanCounts,
    /// Listed creates whose cells are left out. Plans of today have none: see `unlisted`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub creates_left_out: u64,
    /// What it will cost.
    pub estimate: Estimate,
    /// Creates that are not listed, while pairs are added.
    #[serde(skip)]
    left_out: Sides<LeftOut>,
}

/// Creates on one side that are not listed, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct LeftOut {
    count: u64,
    grouping: Grouping,
    groups: Vec<CreateGroup>,
}

/// The commands of one pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanItem {
    /// The pair. Of a new record the number holds in this plan only: pairs are numbered when they
    /// are written down.
    pub pair: PairId,
    /// The record.
    pub record: RecordName,
    /// The rule of the row table.
    pub rule: RowRule,
    /// The commands.
    pub commands: Vec<ListedCommand>,
}

/// Numbers of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Those of the trashes and patches whose record only left the link's filter.
    #[serde(default)]
    pub leaving: Sides<u64>,
    /// Those of the patches that empty what left the filter: guards count them as deletes.
    #[serde(default)]
    pub clear: Sides<u64>,
    /// Restores per side.
    pub untrash: Sides<u64>,
    /// Pairs that settle without a write.
    pub settle: u64,
    /// Records or fields that wait for something.
    pub waiting: u64,
    /// Commands to a side that this run does not write to.
    #[serde(default)]
    pub withheld: u64,
    /// Patches that follow creates, once the records they refer to are there; per side.
    #[serde(default)]
    pub follow_up: Sides<u64>,
    /// Those of the patches that only fill in references which had to wait, per side.
    #[serde(default)]
    pub completing: Sides<u64>,
    /// Records that are made after others they refer to.
    #[serde(default)]
    pub deferred: u64,
}

/// Requests and time a plan will take at the remote side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    pub fn new(spec: &LinkSpec, described: &Sides<Description>, over: PlannedOver) -> Self {
        let field_names = spec.mapping.fields.iter().map(|mapped| {
            let field = described.left.schema.field(&mapped.ids.left);
            let name = field.map_or(mapped.name().as_str(), |field| &field.name);
            (mapped.name().clone(), name.to_owned())
        });
        let schemas = [&described.left.schema, &described.right.schema];
        let title = schemas.map(|schema| schema.title.as_str());
        let title = title.into_iter().find(|title| !title.is_empty());
        Self {
            format: FORMAT,
            title: title.unwrap_or(spec.id.as_str()).to_owned(),
            over,
            names: spec.names.clone(),
            field_names: field_names.collect(),
            schema: Vec::new(),
            items: Vec::new(),
            unlisted: Vec::new(),
            others: BTreeMap::new(),
            conflicts: Vec::new(),
            refusals: Vec::new(),
            counts: PlanCounts::default(),
            creates_left_out: 0,
            estimate: Estimate::default(),
            left_out: Sides::default(),
        }
    }

    /// Adds what was decided for a pair.
    pub fn add(&mut self, pair: &PairState, decided: &PairPlan) {
        self.insert(pair, decided, true);
    }

    /// Adds what was decided for a pair to the sums, and what the run tells of it. Nothing is listed
    /// or named: nobody looks at this plan.
    pub(crate) fn add_sum(&mut self, decided: &PairPlan) {
        self.counts.add(decided);
        self.conflicts.extend(decided.conflicts.iter().cloned());
        self.refusals.extend(decided.refusals.iter().cloned());
    }

    /// Adds what was decided for a pair in a run that goes on to do it. Nobody approves it any more:
    /// creates that are not listed need no digests, which would cost a first pull its speed.
    pub(crate) fn add_under_way(&mut self, pair: &PairState, decided: &PairPlan) {
        self.insert(pair, decided, false);
    }

    fn insert(&mut self, pair: &PairState, decided: &PairPlan, to_approve: bool) {
        self.counts.add(decided);
        self.conflicts.extend(decided.conflicts.iter().cloned());
        self.refusals.extend(decided.refusals.iter().cloned());
        let creates = self.counts.create.left + self.counts.create.right;
        let is_listed = |command: &PlannedCommand| {
            command.kind != CommandKind::Create || creates <= CREATES_LISTED
        };
        for command in &decided.commands {
            if !is_listed(command) {
                let digest = to_approve.then(|| command.digest(&keys_of(pair)));
                self.left_out[command.side].add(digest);
            }
        }
        let listed = decided.commands.iter().filter(|command| is_listed(command));
        let spoken_of = !decided.conflicts.is_empty() || !decided.refusals.is_empty();
        let is_item = listed.clone().next().is_some();
        if !is_item && !spoken_of {
            return;
        }
        let record = RecordName {
            label: decided.label.clone(),
            keys: keys_of(pair),
        };
        if !is_item {
            self.others.insert(decided.pair, record);
            return;
        }
        let listed = listed.map(|command| {
            let digest = command.digest(&record.keys);
            ListedCommand {
                id: CommandId::new(0, digest),
                digest,
                left_out: 0,
                command: command.clone(),
            }
        });
        let commands = listed.collect();
        self.items.push(PlanItem {
            pair: decided.pair,
            record,
            rule: decided.rule,
            commands,
        });
    }

    /// Adds a refusal about a pair that its decision does not hold.
    pub fn refuse(&mut self, pair: &PairState, decided: &PairPlan, refusal: Refusal) {
        let record = RecordName {
            label: decided.label.clone(),
            keys: keys_of(pair),
        };
        self.others.insert(pair.id, record);
        self.refusals.push(refusal);
    }

    /// Adds changes of the schemas.
    pub fn add_schema(&mut self, commands: impl IntoIterator<Item = SchemaCommand>) {
        let listed = commands.into_iter().map(|command| {
            let digest = command.digest();
            ListedSchemaCommand {
                id: CommandId::new(0, digest),
                digest,
                command,
            }
        });
        self.schema.extend(listed);
    }

    /// Puts everything in order and names the commands; to be called once all pairs are added.
    pub fn finish(&mut self, estimate: Estimate) {
        self.items.sort_by_key(|item| item.pair);
        let commands = self.items.iter_mut().flat_map(|item| &mut item.commands);
        let mut number = 0;
        for listed in &mut self.schema {
            number += 1;
            listed.id = CommandId::new(number, listed.digest);
        }
        for listed in commands {
            number += 1;
            listed.id = CommandId::new(number, listed.digest);
        }
        for side in Side::BOTH {
            let mut left_out = std::mem::take(&mut self.left_out[side]);
            left_out.groups.extend(left_out.grouping.end());
            if left_out.count > 0 {
                number += 1;
                let LeftOut { count, groups, .. } = left_out;
                self.unlisted
                    .push(UnlistedCreates::new(number, side, count, groups));
            }
        }
        self.estimate = estimate;
    }

    /// The record of a pair that a conflict or refusal is about.
    pub fn record(&self, pair: PairId) -> Option<&RecordName> {
        let item = self.items.binary_search_by_key(&pair, |item| item.pair);
        match item {
            Ok(at) => Some(&self.items[at].record),
            Err(_) => self.others.get(&pair),
        }
    }

    /// The guard's word on the sum that holds back a command, if one does.
    pub fn held_by(&self, command: &PlannedCommand) -> Option<&Refusal> {
        let mut refusals = self.refusals.iter();
        refusals.find(|refusal| refusal.holds_back(command))
    }

    /// How many commands there are, refreshes of computed fields and what is not listed included.
    pub fn commands(&self) -> u64 {
        let listed = self.items.iter().map(|item| item.commands.len() as u64);
        let unlisted = self.unlisted.iter().map(|creates| creates.count);
        listed.chain(unlisted).sum()
    }

    /// Whether there is nothing to write, nothing refused and no new conflict.
    pub fn is_empty(&self) -> bool {
        self.schema.is_empty()
            && self.items.is_empty()
            && self.unlisted.is_empty()
            && self.conflicts.is_empty()
            && self.refusals.is_empty()
    }
}

impl LeftOut {
    fn add(&mut self, create: Option<Digest>) {
        self.count += 1;
        let group = create.and_then(|create| self.grouping.add(create));
        self.groups.extend(group);
    }
}

impl PlanCounts {
    /// Commands of all kinds, refreshes of computed fields included.
    pub fn commands(&self) -> u64 {
        let Self {
            create,
            patch,
            refresh,
            trash,
            untrash,
            ..
        } = self;
        let kinds = [create, patch, refresh, trash, untrash];
        kinds.iter().map(|kind| kind.left + kind.right).sum()
    }

    fn add(&mut self, decided: &PairPlan) {
        self.looked_at += 1;
        let waiting = decided.blocked.iter().filter(|blocked| !blocked.lasting);
        self.waiting += waiting.count() as u64;
        self.withheld += decided.withheld.len() as u64;
        self.deferred += u64::from(decided.deferred);
        if decided.commands.is_empty() && (decided.settle.is_some() || decided.forget) {
            self.settle += 1;
        }
        for command in &decided.commands {
            let counter = match command.kind {
                CommandKind::Create => &mut self.create,
                CommandKind::Patch if command.projection_only => &mut self.refresh,
                CommandKind::Patch => &mut self.patch,
                CommandKind::Trash => &mut self.trash,
                CommandKind::Untrash => &mut self.untrash,
            };
            counter[command.side] += 1;
            if command.kind == CommandKind::Create && !decided.awaits.is_empty() {
                self.follow_up[command.side] += 1;
            }
            if command.is_leaving() {
                self.leaving[command.side] += 1;
            }
            self.completing[command.side] += u64::from(command.completing);
            if command.is_clearing() {
                self.clear[command.side] += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Blocked, WantedOptions, Where};

    /// Most plans of Notion allow 180 requests a minute.
    #[test]
    fn requests_are_estimated_at_three_a_second() {
        assert_eq!(Estimate::of(0).duration, Duration::ZERO);
        assert_eq!(Estimate::of(30).duration, Duration::from_secs(10));
        assert_eq!(Estimate::of(31).requests, 31);
    }

    #[test]
    fn commands_of_all_kinds_to_both_sides_are_summed() {
        let counts = PlanCounts {
            create: Sides::new(1, 2),
            patch: Sides::new(4, 8),
            refresh: Sides::new(16, 32),
            trash: Sides::new(64, 128),
            untrash: Sides::new(256, 512),
            // Part of the others, or no command.
            leaving: Sides::new(7, 7),
            waiting: 7,
            ..PlanCounts::default()
        };
        assert_eq!(counts.commands(), 1023);
    }

    fn command(side: Side, kind: CommandKind, rule: RowRule) -> PlannedCommand {
        PlannedCommand {
            side,
            kind,
            key: None,
            rule,
            fields: Vec::new(),
            holding: Vec::new(),
            projection_only: false,
            completing: false,
        }
    }

    #[test]
    fn of_each_pair_is_counted_what_it_asks_for_and_what_waits_for_news() {
        let blocked = |lasting| Blocked {
            at: Where::Record,
            reason: "because".into(),
            lasting,
        };
        let refresh = PlannedCommand {
            projection_only: true,
            ..command(Side::Left, CommandKind::Patch, RowRule::R02)
        };
        let completing = PlannedCommand {
            completing: true,
            ..command(Side::Right, CommandKind::Patch, RowRule::R02)
        };
        let decided = PairPlan {
            pair: PairId(1),
            label: String::new(),
            rule: RowRule::R02,
            commands: vec![
                refresh,
                completing,
                command(Side::Right, CommandKind::Trash, RowRule::R12),
                command(Side::Left, CommandKind::Create, RowRule::R20),
            ],
            withheld: Vec::new(),
            settle: None,
            settles_later: false,
            conflicts: Vec::new(),
            close: Vec::new(),
            refusals: Vec::new(),
            wanted_options: WantedOptions::new(),
            blocked: vec![blocked(true), blocked(false), blocked(false)],
            awaits: Vec::new(),
            deferred: false,
            forget: false,
            probe: false,
        };
        let mut counts = PlanCounts::default();
        counts.add(&decided);
        let once = PlanCounts {
            looked_at: 1,
            create: Sides::new(1, 0),
            patch: Sides::new(0, 1),
            refresh: Sides::new(1, 0),
            completing: Sides::new(0, 1),
            trash: Sides::new(0, 1),
            leaving: Sides::new(0, 1),
            waiting: 2,
            ..PlanCounts::default()
        };
        assert_eq!(counts, once);
        let awaiting = PairPlan {
            awaits: vec![FieldId::new("f")],
            ..decided
        };
        counts.add(&awaiting);
        assert_eq!(counts.follow_up, Sides::new(1, 0), "patched later");
        assert_eq!((counts.looked_at, counts.waiting), (2, 4));
    }
}
