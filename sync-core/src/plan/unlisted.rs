//! Creates that a plan does not list one by one: how many, and digests over groups of them, so that
//! a person can approve them as one and no record is made that was not among them.
//!
//! A group ends where the digest of a create says so, not after a fixed number: a record that is
//! new, edited or gone changes the digest of the group it stands in and of no other.

use serde::{Deserialize, Serialize};

use super::document::CommandId;
use crate::link::Side;
use crate::value::Digest;

/// Creates in a group, on average.
const GROUP: u64 = 500;
/// And at most.
const LARGEST: u32 = 4_000;

/// The creates on one side that are not listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlistedCreates {
    /// Their name: they are approved together, or not at all.
    pub id: CommandId,
    /// The side they would be made on.
    pub side: Side,
    /// How many there are.
    pub count: u64,
    /// Digest over all of them, in order.
    pub digest: Digest,
    /// The groups they stand in, in order; none where nobody is to approve them any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<CreateGroup>,
}

/// Creates that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateGroup {
    /// How many.
    pub count: u32,
    /// Digest over them, in order.
    pub digest: Digest,
}

impl UnlistedCreates {
    pub(super) fn new(number: u64, side: Side, count: u64, groups: Vec<CreateGroup>) -> Self {
        let digest = digest_of(&groups, count);
        Self {
            id: CommandId::new(number, digest),
            side,
            count,
            digest,
            groups,
        }
    }

    /// Whether it says what its name was made of.
    pub(super) fn is_as_planned(&self) -> bool {
        let grouped: u64 = self.groups.iter().map(|group| u64::from(group.count)).sum();
        let digest = digest_of(&self.groups, self.count);
        (grouped == self.count || self.groups.is_empty())
            && digest == self.digest
            && self.id == self.id.with_digest(digest)
    }
}

fn digest_of(groups: &[CreateGroup], count: u64) -> Digest {
    Digest::of_json(&(count, groups))
}

/// Puts creates into groups, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grouping {
    count: u32,
    digest: Option<Digest>,
}

impl Grouping {
    /// Takes the next create. Answers the group that it ends.
    pub(crate) fn add(&mut self, create: Digest) -> Option<CreateGroup> {
        self.digest = Some(match self.digest {
            None => create,
            Some(before) => before.then(create),
        });
        self.count += 1;
        let ends = create.short().is_multiple_of(GROUP) || self.count >= LARGEST;
        if ends { self.end() } else { None }
    }

    /// The group under way, if there is one.
    pub(crate) fn end(&mut self) -> Option<CreateGroup> {
        let count = std::mem::take(&mut self.count);
        let digest = self.digest.take()?;
        Some(CreateGroup { count, digest })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn groups(creates: impl Iterator<Item = u64>) -> Vec<CreateGroup> {
        let mut grouping = Grouping::default();
        let creates = creates.map(|number| Digest::of(&number.to_be_bytes()));
        let mut groups: Vec<_> = creates.filter_map(|create| grouping.add(create)).collect();
        groups.extend(grouping.end());
        groups
    }

    fn total(groups: &[CreateGroup]) -> u64 {
        groups.iter().map(|group| u64::from(group.count)).sum()
    }

    #[test]
    fn every_create_stands_in_one_group_and_groups_are_few() {
        let all = groups(0..100_000);
        assert_eq!(total(&all), 100_000);
        assert!((100..400).contains(&all.len()), "{}", all.len());
        assert!(all.iter().all(|group| group.count <= LARGEST));
        assert_eq!(groups(0..0), []);
        assert_eq!(total(&groups(0..1)), 1);
    }

    #[test]
    fn one_record_more_or_less_changes_its_group_and_its_neighbour_at_most() {
        let known: BTreeSet<Digest> = groups(0..50_000).iter().map(|group| group.digest).collect();
        let other = |creates: Vec<u64>| {
            let changed = groups(creates.into_iter());
            changed
                .iter()
                .filter(|group| !known.contains(&group.digest))
                .count()
        };
        for at in [0, 1, 12_345, 49_999] {
            let without = (0..50_000).filter(|number| *number != at).collect();
            assert!(other(without) <= 2, "without {at}");
            let edited = (0..50_000).map(|number| if number == at { 1 << 40 } else { number });
            assert!(other(edited.collect()) <= 2, "with another {at}");
        }
        assert_eq!(other((0..50_000).collect()), 0);
    }

    #[test]
    fn two_creates_in_the_other_order_are_another_group() {
        assert_ne!(groups([1, 2].into_iter()), groups([2, 1].into_iter()));
    }

    #[test]
    fn a_changed_count_group_or_name_shows() {
        let made = UnlistedCreates::new(7, Side::Right, 3_000, groups(0..3_000));
        assert!(made.is_as_planned());
        let mut counted = made.clone();
        counted.count += 1;
        let mut shortened = made.clone();
        shortened.groups.pop();
        let mut renamed = made.clone();
        renamed.id = CommandId::new(7, Digest::of(b"another"));
        for altered in [counted, shortened, renamed] {
            assert!(!altered.is_as_planned(), "{altered:?}");
        }
    }
}
