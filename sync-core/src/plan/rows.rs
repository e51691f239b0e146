//! The row table: what to do about a pair, from the base and the status of its two sides.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::status::{BaseState, SideStatus};
use crate::canary::{self, Canary};
use crate::link::{Side, Sides};

/// Rules of the row table. Ids are public and stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RowRule {
    /// Neither side changed.
    R01,
    /// One side changed.
    R02,
    /// Both changed.
    R04,
    /// One deleted, the other as settled.
    R05,
    /// Never settled, one deleted, the other alive.
    R06,
    /// Both deleted.
    R07,
    /// One deleted, the other changed.
    R08,
    /// Trashed on both, alive again on one.
    R09,
    /// Missing without proof.
    R10,
    /// Moved to another collection.
    R11,
    /// Left the link's filter.
    R12,
    /// Not seen.
    R13,
    /// New on one side, never on the other.
    R20,
    /// New on both, known to be one record.
    R22,
    /// Deleted before it was ever settled.
    R24,
    /// The base is lost.
    R30,
    /// A run is taken back. Asked for by a person, never by the table.
    R40,
    /// No rule: nothing is done until there is one.
    R99,
}

super::decided::list_all!(
    RowRule: R01, R02, R04, R05, R06, R07, R08, R09, R10, R11, R12, R13, R20, R22, R24, R30, R40,
    R99
);

impl RowRule {
    /// Why, in a sentence for people.
    pub fn reason(self) -> &'static str {
        match self {
            Self::R01 => "nothing changed",
            Self::R02 => "changed on one side",
            Self::R04 => "changed on both sides",
            Self::R05 => "deleted on the other side",
            Self::R06 => {
                "deleted there before the two were ever synced: it lives here, so it comes back"
            }
            Self::R07 => "deleted on both sides",
            Self::R08 => {
                "edited here after it was deleted there: the edit wins, the delete is noted"
            }
            Self::R09 => "restored from the trash",
            Self::R10 => "no longer returned, and nothing proves it deleted",
            Self::R11 => "moved to another collection: both copies stay",
            Self::R12 => "no longer matches the filter",
            Self::R13 => "not shown in this run",
            Self::R20 => "new on the other side",
            Self::R22 => "the same record, found on both sides",
            Self::R24 => "deleted before it was ever synced",
            Self::R30 => {
                "what was last agreed is lost: what agrees is adopted, what is empty filled in, the rest asked"
            }
            Self::R40 => "taken back",
            Self::R99 => "no rule covers this combination: left alone",
        }
    }
}

impl fmt::Display for RowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What to do about a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowAction {
    /// Nothing.
    Nothing,
    /// Decide field by field.
    Fields,
    /// Move to the trash there.
    Trash(Side),
    /// Agree that it is in the trash.
    SettleTrashed,
    /// Bring back there, then field by field.
    Untrash(Side),
    /// Read the missing sides directly before anything else.
    Probe,
    /// A person says whether it comes back there or goes from the other side too.
    Ask(Side),
    /// Stop syncing this pair; both records stay.
    Detach,
    /// Leave both as they are.
    Keep,
    /// The record left the filter on that side: the policy says what becomes of the other.
    Left(Side),
    /// Wait for a run that sees more.
    Defer,
    /// Make it there.
    Create(Side),
    /// Forget the pair.
    Forget,
}

impl RowAction {
    /// The side whose record it makes, trashes or brings back.
    pub(super) fn writes_to(self) -> Option<Side> {
        match self {
            Self::Trash(side) | Self::Untrash(side) | Self::Create(side) => Some(side),
            Self::Nothing
            | Self::Fields
            | Self::SettleTrashed
            | Self::Probe
            | Self::Ask(_)
            | Self::Detach
            | Self::Keep
            | Self::Left(_)
            | Self::Defer
            | Self::Forget => None,
        }
    }
}

/// A rule and its action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RowDecision {
    /// Which rule.
    pub rule: RowRule,
    /// What it says.
    pub action: RowAction,
}

fn decide(rule: RowRule, action: RowAction) -> Option<RowDecision> {
    Some(RowDecision { rule, action })
}

/// Looks up the row table. Total: what no rule names is left alone (R99).
pub fn decide_row(base: BaseState, sides: Sides<SideStatus>) -> RowDecision {
    symmetric(base, sides)
        .or_else(|| one_way(base, sides, Side::Left))
        .or_else(|| one_way(base, sides, Side::Right))
        .unwrap_or(RowDecision {
            rule: RowRule::R99,
            action: RowAction::Defer,
        })
}

/// Rules that do not care which side is which.
fn symmetric(base: BaseState, sides: Sides<SideStatus>) -> Option<RowDecision> {
    use SideStatus as S;
    let any = |status: S| sides.left == status || sides.right == status;
    let both = |allowed: &[S]| allowed.contains(&sides.left) && allowed.contains(&sides.right);
    if base == BaseState::Lost {
        return lost(&any, sides);
    }
    if any(S::Unseen) {
        return decide(RowRule::R13, RowAction::Defer);
    }
    match base {
        BaseState::Present => {
            if any(S::New) || any(S::Never) || any(S::Restored) {
                return None;
            }
            if any(S::Gone) {
                return decide(RowRule::R10, RowAction::Probe);
            }
            if any(S::Moved) {
                return decide(RowRule::R11, RowAction::Detach);
            }
            if any(S::Outside) && !any(S::Same) && !any(S::Presumed) {
                return decide(RowRule::R12, RowAction::Keep);
            }
            if both(&[S::Same, S::Presumed]) {
                return decide(RowRule::R01, RowAction::Nothing);
            }
            match sides {
                Sides {
                    left: S::Changed,
                    right: S::Changed,
                } => decide(RowRule::R04, RowAction::Fields),
                Sides {
                    left: S::Deleted,
                    right: S::Deleted,
                } => decide(RowRule::R07, RowAction::SettleTrashed),
                _ => None,
            }
        }
        BaseState::Trashed => {
            if any(S::New) || any(S::Never) {
                return None;
            }
            if any(S::Outside) {
                return decide(RowRule::R12, RowAction::Nothing);
            }
            if both(&[S::Restored]) {
                return decide(RowRule::R09, RowAction::Fields);
            }
            if !any(S::Restored) {
                return decide(RowRule::R01, RowAction::Nothing);
            }
            if any(S::Gone) {
                return decide(RowRule::R10, RowAction::Probe);
            }
            if any(S::Moved) {
                return decide(RowRule::R11, RowAction::Detach);
            }
            None
        }
        BaseState::Absent => {
            if any(S::Gone) {
                return decide(RowRule::R10, RowAction::Probe);
            }
            if any(S::Moved) {
                return decide(RowRule::R11, RowAction::Detach);
            }
            if any(S::Outside) {
                let known = any(S::New);
                let action = if known {
                    RowAction::Keep
                } else {
                    RowAction::Nothing
                };
                return decide(RowRule::R12, action);
            }
            if both(&[S::New]) {
                return decide(RowRule::R22, RowAction::Fields);
            }
            if both(&[S::Deleted, S::Never]) {
                return decide(RowRule::R24, RowAction::Forget);
            }
            None
        }
        BaseState::Lost => None,
    }
}

/// The base is lost: what agrees is agreed on, what is empty is filled in, the rest is asked.
fn lost(any: &dyn Fn(SideStatus) -> bool, sides: Sides<SideStatus>) -> Option<RowDecision> {
    use SideStatus as S;
    let action = if any(S::Unseen) {
        RowAction::Defer
    } else if any(S::Gone) {
        RowAction::Probe
    } else if any(S::Moved) {
        RowAction::Detach
    } else if any(S::Outside) {
        RowAction::Keep
    } else {
        match (sides.left, sides.right) {
            (S::New, S::New) => RowAction::Fields,
            (S::Deleted, S::Deleted) => RowAction::SettleTrashed,
            (S::Deleted, S::New) => RowAction::Ask(Side::Left),
            (S::New, S::Deleted) => RowAction::Ask(Side::Right),
            // Without a base no side is Same or Changed, and a pair that had one has both keys.
            _ => RowAction::Defer,
        }
    };
    decide(RowRule::R30, action)
}

/// Rules in which `side` plays the first part.
fn one_way(base: BaseState, sides: Sides<SideStatus>, side: Side) -> Option<RowDecision> {
    use SideStatus as S;
    let other = side.other();
    match (base, sides[side], sides[other]) {
        (BaseState::Present, S::Outside, S::Same | S::Presumed) => {
            decide(RowRule::R12, RowAction::Left(side))
        }
        (BaseState::Present, S::Changed, S::Same | S::Presumed) => {
            decide(RowRule::R02, RowAction::Fields)
        }
        (BaseState::Present, S::Deleted, S::Same | S::Presumed) => {
            decide(RowRule::R05, RowAction::Trash(other))
        }
        (BaseState::Present, S::Deleted, S::Changed) if canary::is(Canary::DeleteBeatsEdit) => {
            decide(RowRule::R08, RowAction::Trash(other))
        }
        (BaseState::Present, S::Deleted, S::Changed) => {
            decide(RowRule::R08, RowAction::Untrash(side))
        }
        (BaseState::Trashed, S::Restored, S::Same | S::Presumed | S::Changed) => {
            decide(RowRule::R09, RowAction::Untrash(other))
        }
        (BaseState::Trashed, S::Restored, S::Deleted) => {
            decide(RowRule::R09, RowAction::Create(other))
        }
        // Nothing was ever agreed on, so the delete is no word about this record.
        (BaseState::Absent, S::New, S::Deleted) => decide(RowRule::R06, RowAction::Untrash(other)),
        (BaseState::Absent, S::New, S::Never) => decide(RowRule::R20, RowAction::Create(other)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = (BaseState, Sides<SideStatus>)> {
        BaseState::ALL.into_iter().flat_map(|base| {
            SideStatus::ALL.into_iter().flat_map(move |left| {
                SideStatus::ALL
                    .into_iter()
                    .map(move |right| (base, Sides::new(left, right)))
            })
        })
    }

    fn mirrored(action: RowAction) -> RowAction {
        match action {
            RowAction::Trash(side) => RowAction::Trash(side.other()),
            RowAction::Untrash(side) => RowAction::Untrash(side.other()),
            RowAction::Create(side) => RowAction::Create(side.other()),
            RowAction::Left(side) => RowAction::Left(side.other()),
            RowAction::Ask(side) => RowAction::Ask(side.other()),
            other => other,
        }
    }

    #[test]
    fn p3_every_row_mirrors() {
        for (base, sides) in all() {
            let decision = decide_row(base, sides);
            let mirror = decide_row(base, sides.swap());
            assert_eq!(decision.rule, mirror.rule, "{base:?} {sides:?}");
            assert_eq!(
                decision.action,
                mirrored(mirror.action),
                "{base:?} {sides:?}"
            );
        }
    }

    #[test]
    fn p6_a_delete_needs_a_proved_delete_and_an_unchanged_other_side() {
        for (base, sides) in all() {
            if let RowAction::Trash(on) = decide_row(base, sides).action {
                assert_eq!(base, BaseState::Present);
                assert_eq!(sides[on.other()], SideStatus::Deleted);
                assert!(matches!(sides[on], SideStatus::Same | SideStatus::Presumed));
            }
        }
    }

    #[test]
    fn p12_losing_evidence_never_adds_a_write() {
        use RowAction as A;
        let writes = |action| {
            matches!(
                action,
                A::Trash(_) | A::Untrash(_) | A::Create(_) | A::Fields
            )
        };
        for (base, sides) in all() {
            for side in Side::BOTH {
                let mut less = sides;
                less[side] = SideStatus::Unseen;
                assert!(!writes(decide_row(base, less).action), "{base:?} {less:?}");
                // Under a window scan "same" weakens to "presumed": no other decision follows.
                if sides[side] == SideStatus::Same {
                    less[side] = SideStatus::Presumed;
                    assert_eq!(decide_row(base, less), decide_row(base, sides));
                }
            }
            // What the fields then write stands in the law about lost bases.
            let without_base = decide_row(BaseState::Lost, sides).action;
            let both_live = sides == Sides::new(SideStatus::New, SideStatus::New);
            assert!(!writes(without_base) || both_live && without_base == A::Fields);
        }
    }

    #[test]
    fn e14_a_record_outside_the_filter_never_reaches_the_other_side() {
        use RowAction as A;
        for (base, sides) in all() {
            for side in Side::BOTH
                .into_iter()
                .filter(|side| sides[*side] == SideStatus::Outside)
            {
                let action = decide_row(base, sides).action;
                let kept = matches!(
                    action,
                    A::Nothing | A::Keep | A::Left(_) | A::Probe | A::Detach | A::Defer
                );
                assert!(kept, "{base:?} {sides:?} {action:?}");
                assert!(
                    action != A::Left(side.other()) || sides[side.other()] == SideStatus::Outside
                );
            }
        }
    }

    #[test]
    fn p4_no_side_that_changed_is_overwritten_whole_or_trashed() {
        for (base, sides) in all() {
            match decide_row(base, sides).action {
                RowAction::Trash(on) => assert_ne!(sides[on], SideStatus::Changed),
                RowAction::Forget => {
                    for side in Side::BOTH {
                        assert!(matches!(
                            sides[side],
                            SideStatus::Deleted | SideStatus::Never
                        ));
                    }
                }
                _ => {}
            }
        }
    }

    #[test]
    fn p5_what_a_decision_leads_to_needs_no_further_decision() {
        use SideStatus as S;
        for (base, sides) in all() {
            let after = match decide_row(base, sides).action {
                RowAction::Trash(_) | RowAction::SettleTrashed => {
                    Some((BaseState::Trashed, Sides::new(S::Same, S::Same)))
                }
                RowAction::Untrash(_) | RowAction::Create(_) => {
                    Some((BaseState::Present, Sides::new(S::Same, S::Same)))
                }
                // Where the policy trashes the other side.
                RowAction::Left(_) => Some((BaseState::Trashed, Sides::new(S::Outside, S::Same))),
                _ => None,
            };
            if let Some((base, sides)) = after {
                assert_eq!(decide_row(base, sides).action, RowAction::Nothing);
            }
        }
    }

    /// The committed table is the function: `UPDATE_DOCS=1 cargo test` rewrites it.
    #[test]
    fn p2_the_whole_table_is_total_and_is_the_documented_one() {
        let mut table = String::from(
            "# Row table\n\nGenerated by the test that enumerates it. One line per base and pair of \
             statuses; mirrors are left out.\n\nR99 stands where no pair can be, so that nothing \
             happens if one is there all the same: `New` means that nothing was settled, `Same`, \
             `Changed` and `Presumed` that something was; `Restored` needs a base that rests in the \
             trash, and beside such a base a live record is never `Changed`; a pair is settled only \
             when both sides have a key, so nothing settled is ever `Never` there. A law over random \
             pairs shows that none reaches R99.\n\n| base | one side | other side | rule | action |\n\
             |---|---|---|---|---|\n",
        );
        for (base, sides) in all() {
            if sides.left > sides.right {
                continue;
            }
            let decision = decide_row(base, sides);
            let action = format!("{:?}", decision.action)
                .replace("(Left)", " on the one")
                .replace("(Right)", " on the other");
            table.push_str(&format!(
                "| {base:?} | {:?} | {:?} | {} | {action} |\n",
                sides.left, sides.right, decision.rule
            ));
        }
        crate::plan::fields::tests::assert_documented("row-table.md", &table);
    }
}
