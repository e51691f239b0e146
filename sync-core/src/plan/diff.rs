//! What two plans say differently: commands only in one of them, and commands that changed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::document::{CommandId, ListedCommand};
use super::summary::{Plan, PlanItem};
use crate::link::Side;
use crate::record::Key;

/// The difference between two plans of one link, in names of their commands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PlanDiff {
    /// Commands only in the first plan, in its order.
    pub only_here: Vec<CommandId>,
    /// Commands only in the second plan, in its order.
    pub only_there: Vec<CommandId>,
    /// Commands on the same side of the same record that do something else, in the order of the
    /// first plan.
    pub changed: Vec<ChangedCommand>,
}

/// A command that both plans have, each its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ChangedCommand {
    /// Its name in the first plan.
    pub here: CommandId,
    /// Its name in the second.
    pub there: CommandId,
}

impl PlanDiff {
    /// Whether both plans ask for the same commands.
    pub fn is_empty(&self) -> bool {
        self.only_here.is_empty() && self.only_there.is_empty() && self.changed.is_empty()
    }
}

impl Plan {
    /// Compares the commands of two plans of one link. Records are told apart by their keys, so a
    /// record that got its second key in between is still the same one.
    pub fn diff(&self, other: &Self) -> PlanDiff {
        let mut theirs: BTreeMap<(Side, Side, &Key), &ListedCommand> = BTreeMap::new();
        for (item, listed) in other.listed() {
            theirs.extend(places(item, listed).map(|place| (place, listed)));
        }
        let mut diff = PlanDiff::default();
        let digests = |plan: &Self| -> BTreeSet<_> {
            let schema = plan.schema.iter();
            schema.map(|listed| listed.digest).collect()
        };
        let (ours, others) = (digests(self), digests(other));
        let only = |plan: &Self, there: &BTreeSet<_>| -> Vec<CommandId> {
            let schema = plan.schema.iter();
            let only = schema.filter(|listed| !there.contains(&listed.digest));
            only.map(|listed| listed.id).collect()
        };
        diff.only_here = only(self, &others);
        diff.only_there = only(other, &ours);
        // Changes of the schema are told by now.
        let mut met: BTreeSet<CommandId> = other.schema.iter().map(|listed| listed.id).collect();
        for (item, listed) in self.listed() {
            let there = places(item, listed).find_map(|place| theirs.get(&place));
            match there {
                None => diff.only_here.push(listed.id),
                Some(there) => {
                    met.insert(there.id);
                    if there.digest != listed.digest {
                        let (here, there) = (listed.id, there.id);
                        diff.changed.push(ChangedCommand { here, there });
                    }
                }
            }
        }
        for creates in &self.unlisted {
            let mut there = other.unlisted.iter();
            match there.find(|there| there.side == creates.side) {
                None => diff.only_here.push(creates.id),
                Some(there) => {
                    met.insert(there.id);
                    if there.digest != creates.digest {
                        let (here, there) = (creates.id, there.id);
                        diff.changed.push(ChangedCommand { here, there });
                    }
                }
            }
        }
        diff.only_there
            .extend(other.ids().filter(|id| !met.contains(id)));
        diff
    }
}

/// What a command can be met by: the side it writes to, and each key of its record.
fn places<'p>(
    item: &'p PlanItem,
    listed: &'p ListedCommand,
) -> impl Iterator<Item = (Side, Side, &'p Key)> {
    let to = listed.command.side;
    Side::BOTH
        .into_iter()
        .filter_map(move |side| Some((to, side, item.record.keys[side].as_ref()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Digest;

    #[test]
    fn two_plans_are_the_same_only_if_neither_has_a_command_of_its_own() {
        let id = CommandId::new(1, Digest::of(b"a command"));
        assert!(PlanDiff::default().is_empty());
        let here = PlanDiff {
            only_here: vec![id],
            ..PlanDiff::default()
        };
        let there = PlanDiff {
            only_there: vec![id],
            ..PlanDiff::default()
        };
        let changed = PlanDiff {
            changed: vec![ChangedCommand {
                here: id,
                there: id,
            }],
            ..PlanDiff::default()
        };
        for diff in [here, there, changed] {
            assert!(!diff.is_empty(), "{diff:?}");
        }
    }
}
