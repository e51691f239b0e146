//! What a side looks like compared with what was settled.

use serde::{Deserialize, Serialize};

use super::pair::PairContext;
use crate::canary::{self, Canary};
use crate::link::Side;
use crate::memory::is_live;
use crate::pair::{Base, PairState, Presence};
use crate::record::{Lifecycle, Record};

/// What was settled before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseState {
    /// Both sides agreed on a live record.
    Present,
    /// Both sides agreed that it is in the trash.
    Trashed,
    /// Nothing was settled yet.
    Absent,
    /// Something was settled, and a person said that the memory of it is not to be believed.
    Lost,
}

/// A side, compared with the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SideStatus {
    /// As settled.
    Same,
    /// A mapped cell differs from its own settled cell.
    Changed,
    /// Not returned by a scan that shows changes as far as it can: counts as same for patches,
    /// never for a delete.
    Presumed,
    /// In the trash or proved absent.
    Deleted,
    /// Was in the trash, is alive again.
    Restored,
    /// Missing from a complete scan, unproved.
    Gone,
    /// In another collection.
    Moved,
    /// Alive, fails the link's filter.
    Outside,
    /// Not seen, or not shown.
    Unseen,
    /// Alive, never settled.
    New,
    /// Proved never to have been there.
    Never,
}

impl BaseState {
    /// All, for enumeration.
    pub const ALL: [Self; 4] = [Self::Present, Self::Trashed, Self::Absent, Self::Lost];

    /// The state of a pair's base.
    pub fn of(base: Option<&Base>) -> Self {
        if base.is_some_and(Base::is_lost) {
            return Self::Lost;
        }
        match base.map(|base| base.lifecycle) {
            None => Self::Absent,
            Some(Lifecycle::Trashed) => Self::Trashed,
            Some(Lifecycle::Live | Lifecycle::Archived) => Self::Present,
        }
    }
}

impl SideStatus {
    /// All, for enumeration.
    pub const ALL: [Self; 11] = [
        Self::Same,
        Self::Changed,
        Self::Presumed,
        Self::Deleted,
        Self::Restored,
        Self::Gone,
        Self::Moved,
        Self::Outside,
        Self::Unseen,
        Self::New,
        Self::Never,
    ];

    /// Whether a person did something there that the other side does not know yet.
    pub(super) fn is_news(self) -> bool {
        matches!(self, Self::Changed | Self::New | Self::Restored)
    }

    /// The status of one side of a pair. `presumed`: the scan of this run shows changes only and
    /// did not return the record.
    pub(super) fn of(
        pair: &PairState,
        side: Side,
        context: &PairContext<'_>,
        presumed: bool,
    ) -> Self {
        let state = &pair.sides[side];
        let spec = context.spec;
        let passes = |record: &Record| match &spec.filters[side] {
            None => Some(true),
            Some(filter) => filter.passes(record),
        };
        let trashed = |record: &Record| matches!(record.lifecycle, Lifecycle::Trashed);
        // What was emptied by us fails a filter because of that: no word of a person.
        let emptied = |record: &Record| {
            let base = pair.base.as_ref();
            base.is_some_and(|base| {
                base.cleared_on() == Some(side) && !differs(base, record, side, context)
            })
        };
        match (&state.presence, &state.shadow) {
            (Presence::Never, _) => Self::Never,
            (Presence::Deleted(_), _) => Self::Deleted,
            (Presence::Gone | Presence::Denied, _) if canary::is(Canary::GoneIsDeleted) => {
                Self::Deleted
            }
            (Presence::Gone, _) => Self::Gone,
            (Presence::Moved(_), _) => Self::Moved,
            (Presence::Denied | Presence::Unread, _) | (Presence::Present, None) => Self::Unseen,
            (Presence::Present, Some(shadow)) if !trashed(shadow) && passes(shadow).is_none() => {
                Self::Unseen
            }
            (Presence::Present, Some(shadow))
                if !trashed(shadow) && passes(shadow) == Some(false) && !emptied(shadow) =>
            {
                Self::Outside
            }
            (Presence::Present, Some(shadow)) => {
                match pair.base.as_ref().filter(|b| !b.is_lost()) {
                    None if trashed(shadow) => Self::Deleted,
                    None => Self::New,
                    Some(base) if base.lifecycle == Lifecycle::Trashed => {
                        if trashed(shadow) || is_held(pair, base, side, context) {
                            Self::Same
                        } else {
                            Self::Restored
                        }
                    }
                    Some(_) if trashed(shadow) => Self::Deleted,
                    Some(base) if differs(base, shadow, side, context) => Self::Changed,
                    // It passes again, and the other side shows nothing of it yet.
                    Some(base) if base.cleared_on() == Some(side.other()) => Self::Changed,
                    Some(_) if presumed => Self::Presumed,
                    Some(_) => Self::Same,
                }
            }
        }
    }
}

/// Whether a mapped cell differs from its own settled cell. A cell that was never settled is not
/// an edit: it goes through the field table and does not outweigh a delete.
/// Nor is what a field holds that became another one.
pub(super) fn differs(base: &Base, shadow: &Record, side: Side, context: &PairContext<'_>) -> bool {
    let mut fields = context.spec.mapping.fields.iter();
    fields.any(|field| {
        let Some(now) = shadow.cells.complete(&field.ids[side]) else {
            return false;
        };
        let settled = base.field(field).map(|settled| &settled[side]);
        let Some(settled) = settled.or_else(|| base.cleared(side, field)) else {
            return false;
        };
        let is_parked = || {
            let parked = base.parked(field).map(|parked| &parked[side]);
            parked.is_some_and(|parked| now.is_same(parked))
        };
        !now.is_same(settled) && !is_parked() && !context.on_hold.is_strange(field.name(), side)
    })
}

/// Whether a live record stays as it is although the pair rests in the trash: it is held, nobody
/// edited it since, and the other side has not come back.
pub(super) fn is_held(
    pair: &PairState,
    base: &Base,
    side: Side,
    context: &PairContext<'_>,
) -> bool {
    let shadow = pair.sides[side].shadow.as_ref();
    base.held() == Some(side)
        && !is_live(pair, side.other())
        && shadow.is_some_and(|shadow| !differs(base, shadow, side, context))
}
