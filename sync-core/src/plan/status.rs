//! What a side looks like compared with what was settled.

use serde::{Deserialize, Serialize};

use super::pair::PairContext;
use crate::canary::{self, Canary};
use crate::link::{LinkSpec, MappedField, Mapping, Side, Sides};
use crate::memory::is_live;
use crate::pair::{Base, PairState, Presence};
use crate::record::{Lifecycle, Record};
use crate::value::Value;

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

    /// The status of one side of a pair whose fields are seen like that. `presumed`: the scan of this
    /// run shows changes only and did not return the record.
    pub(super) fn of(
        pair: &PairState,
        seen: &[SeenField<'_>],
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
                    Some(base) if is_edited(seen, base, side, context) => Self::Changed,
                    // It passes again, and the other side shows nothing of it yet.
                    Some(base) if base.cleared_on() == Some(side.other()) => Self::Changed,
                    Some(_) if presumed => Self::Presumed,
                    Some(_) => Self::Same,
                }
            }
        }
    }
}

/// A mapped field of a pair: what was settled, what is there, and whether that is the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeenField<'a> {
    pub(super) settled: Option<&'a Sides<Value>>,
    pub(super) now: Sides<Option<&'a Value>>,
    pub(super) same: Sides<bool>,
}

impl<'a> SeenField<'a> {
    /// All mapped fields, in the order of the mapping.
    pub(super) fn all(
        base: Option<&'a Base>,
        shadows: Sides<Option<&'a Record>>,
        mapping: &Mapping,
    ) -> Vec<Self> {
        let seen = mapping.fields.iter().map(|field| {
            let settled = base.and_then(|base| base.field(field));
            let now = Sides::from_fn(|side| shadows[side]?.cells.complete(&field.ids[side]));
            let same = Sides::from_fn(|side| {
                let known = now[side].zip(settled);
                known.is_some_and(|(now, settled)| now.is_same(&settled[side]))
            });
            Self { settled, now, same }
        });
        seen.collect()
    }

    /// Those of a pair.
    pub(super) fn of(pair: &'a PairState, mapping: &Mapping) -> Vec<Self> {
        let shadows = Sides::from_fn(|side| pair.sides[side].shadow.as_ref());
        Self::all(pair.base.as_ref(), shadows, mapping)
    }
}

/// Whether a mapped cell of a record differs from its own settled cell.
pub(super) fn differs(base: &Base, shadow: &Record, side: Side, context: &PairContext<'_>) -> bool {
    let mut shadows = Sides::default();
    shadows[side] = Some(shadow);
    let seen = SeenField::all(Some(base), shadows, &context.spec.mapping);
    is_edited(&seen, base, side, context)
}

/// Whether a mapped cell differs from its own settled cell. A cell that was never settled is not
/// an edit: it goes through the field table and does not outweigh a delete.
/// Nor is what a field holds that became another one.
fn is_edited(seen: &[SeenField<'_>], base: &Base, side: Side, context: &PairContext<'_>) -> bool {
    let mut fields = context.spec.mapping.fields.iter().zip(seen);
    fields.any(|(field, seen)| {
        let Some(now) = seen.now[side].filter(|_| !seen.same[side]) else {
            return false;
        };
        let emptied = || {
            base.cleared(side, field)
                .is_none_or(|empty| now.is_same(empty))
        };
        let is_parked = || {
            let parked = base.parked(field).map(|parked| &parked[side]);
            parked.is_some_and(|parked| now.is_same(parked))
        };
        (seen.settled.is_some() || !emptied())
            && !is_parked()
            && !context.on_hold.is_strange(field.name(), side)
    })
}

/// Whether planning a pair leads to nothing, unless something is under way or open for it: both records
/// are alive and shown whole, every mapped field is as it was settled (R01, F01), and neither a filter
/// nor a pause nor anything else that is remembered of the pair could say otherwise. Less than the
/// tables know, and much cheaper to ask.
pub(crate) fn is_at_rest(pair: &PairState, spec: &LinkSpec) -> bool {
    let Some(base) = &pair.base else { return false };
    let free = |side: Side| spec.filters[side].is_none() && spec.mapping.pause[side].is_none();
    let lives = |side: Side| {
        let state = &pair.sides[side];
        let shadow = state.shadow.as_ref();
        state.presence == Presence::Present
            && shadow.is_some_and(|shadow| shadow.lifecycle == Lifecycle::Live)
    };
    // What references are on the other side may be another thing by now.
    let refers = |field: &MappedField, seen: &SeenField<'_>| {
        let empty = |side: Side| seen.now[side].is_some_and(Value::is_empty);
        field.lens.meets_by_names() && !(empty(Side::Left) && empty(Side::Right))
    };
    base.is_plain()
        && base.lifecycle == Lifecycle::Live
        && Side::BOTH.into_iter().all(|side| free(side) && lives(side))
        && SeenField::of(pair, &spec.mapping)
            .iter()
            .zip(&spec.mapping.fields)
            .all(|(seen, field)| seen.same == Sides::new(true, true) && !refers(field, seen))
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
