//! What a verification found: every record of both sides in exactly one class.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::link::{Side, Sides};
use crate::pair::PairId;
use crate::record::Key;

/// What becomes of a record, each in exactly one class. The first that applies, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Class {
    /// It cannot be read.
    Unreadable,
    /// Its key stands in more than one place. Violation.
    DuplicateKey,
    /// Another live record carries the same marker. Violation.
    DuplicateMarker,
    /// No run has seen it yet: it has no pair.
    Unpaired,
    /// It is not as it was last seen: edited since.
    Edited,
    /// What was last settled does not agree through its lens. Violation (P15).
    BaseDisagrees,
    /// A conflict waits for a person.
    Conflict,
    /// A guard, a refusal or something unfinished stands in the way.
    Blocked,
    /// It, or its other side, is on its way.
    Pending,
    /// A field, or the record, is left apart on purpose.
    Parked,
    /// Said to be clean, and the sides do not agree. Violation.
    Disagrees,
    /// No run would look at it, though a look would change something: the policy was changed, or a
    /// mark was lost.
    Overlooked,
    /// In the trash, and so is its other side or there is none.
    InTrash,
    /// Both sides are there, as they were last seen, and agree.
    InAgreement,
}

impl Class {
    /// All, in order.
    pub const ALL: [Self; 14] = [
        Self::Unreadable,
        Self::DuplicateKey,
        Self::DuplicateMarker,
        Self::Unpaired,
        Self::Edited,
        Self::BaseDisagrees,
        Self::Conflict,
        Self::Blocked,
        Self::Pending,
        Self::Parked,
        Self::Disagrees,
        Self::Overlooked,
        Self::InTrash,
        Self::InAgreement,
    ];

    /// Whether no correct history leads here.
    pub fn is_violation(self) -> bool {
        matches!(
            self,
            Self::DuplicateKey | Self::DuplicateMarker | Self::BaseDisagrees | Self::Disagrees
        )
    }

    /// Whether nothing is left to do.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::InAgreement | Self::InTrash)
    }

    /// In a few words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "cannot be read",
            Self::DuplicateKey => "key stands in more than one place",
            Self::DuplicateMarker => "marker of another record",
            Self::Unpaired => "not seen by a run yet",
            Self::Edited => "edited since the last run",
            Self::BaseDisagrees => "what was settled does not agree",
            Self::Conflict => "in conflict",
            Self::Blocked => "blocked",
            Self::Pending => "pending",
            Self::Parked => "parked",
            Self::Disagrees => "said to be clean, and differs",
            Self::Overlooked => "not marked for a look it needs",
            Self::InTrash => "in the trash",
            Self::InAgreement => "in agreement",
        }
    }
}

/// A record that is not in agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// What became of it.
    pub class: Class,
    /// On which side.
    pub side: Side,
    /// Its key; without one it could not be read.
    pub key: Option<Key>,
    /// Its pair, if it has one.
    pub pair: Option<PairId>,
}

/// What became of every record of both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Records returned, per side.
    pub seen: Sides<u64>,
    /// Records per class and side. Together they are all that were returned.
    pub classes: BTreeMap<Class, Sides<u64>>,
    /// Records remembered as alive that a side did not return, though it was read whole.
    pub missing: Sides<u64>,
    /// Sides that were not read whole, and why.
    pub incomplete: Vec<String>,
    /// The first few of every class that is not in agreement.
    pub examples: Vec<Example>,
}

impl Verification {
    /// Records of a class, both sides together.
    pub fn count(&self, class: Class) -> u64 {
        let there = self.classes.get(&class);
        there.map_or(0, |count| count.left + count.right)
    }

    /// Whether every record of both sides stands in exactly one class.
    pub fn is_total(&self) -> bool {
        Side::BOTH.into_iter().all(|side| {
            let counted: u64 = self.classes.values().map(|count| count[side]).sum();
            counted == self.seen[side]
        })
    }

    /// What no correct history leads to, together.
    pub fn violations(&self) -> u64 {
        let violations = Class::ALL.into_iter().filter(|class| class.is_violation());
        let lost = u64::from(!self.is_total());
        violations.map(|class| self.count(class)).sum::<u64>() + lost
    }

    /// What a run or a person still has to do, together.
    pub fn left(&self) -> u64 {
        let open = Class::ALL.into_iter();
        let open = open.filter(|class| !class.is_settled() && !class.is_violation());
        open.map(|class| self.count(class)).sum::<u64>() + self.missing.left + self.missing.right
    }

    /// Whether both sides were read whole and everything agrees.
    pub fn is_in_agreement(&self) -> bool {
        self.violations() == 0 && self.left() == 0 && self.incomplete.is_empty()
    }
}
