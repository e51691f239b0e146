//! Planted bugs: one-line deviations that the simulation has to catch. They test the test.
//!
//! Without the feature `canary` every question is answered "no" at compile time and the deviation
//! is not in the program.

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[cfg_attr(
    not(feature = "canary"),
    allow(
        dead_code,
        unreachable_pub,
        reason = "public, and named in full, only where the bugs are compiled in"
    )
)]
pub enum Canary {
    /// An observation is dropped if the same content was observed before (defect 1).
    ContentDeduplicated,
    /// The cursor of a scan is never kept after the first (defect 2).
    WatermarkStands,
    /// The edits of two fields, one on each side, do not merge: one reverts (defect 4).
    MergeDropped,
    /// A write counts as verified when anything changed (defect 5).
    VerifiedByAnyChange,
    /// A create whose answer was lost is sent again without a look (defect 6).
    LostCreateResent,
    /// An unresolved command is dropped and planned afresh (defect 6).
    AmbiguousDropped,
    /// The target is not compared with what the command expects.
    StaleBaseIgnored,
    /// What was sent is settled, whatever was read back.
    SettledUnread,
    /// "Not returned" counts as deleted.
    GoneIsDeleted,
    /// A conflict is decided for one side without asking.
    ConflictOverwritten,
    /// A decision on a conflict covers later edits too.
    DecisionCoversAll,
    /// A command leaves before it is durable.
    EffectBeforeIntent,
    /// A store takes commits of a lease that is over.
    FenceIgnored,
    /// The cursor moves before what it covers is remembered.
    CursorFirst,
    /// A truncated cell counts as the whole value.
    TruncatedIsWhole,
    /// An edit of a computed field stays.
    ComputedEdited,
    /// A pair is forgotten as soon as both records are in the trash.
    TombstoneForgotten,
    /// Nothing limits deletes.
    DeletesUnguarded,
    /// A delete beats an edit.
    DeleteBeatsEdit,
}

#[cfg(feature = "canary")]
impl Canary {
    /// All.
    pub const ALL: [Self; 19] = [
        Self::ContentDeduplicated,
        Self::WatermarkStands,
        Self::MergeDropped,
        Self::VerifiedByAnyChange,
        Self::LostCreateResent,
        Self::AmbiguousDropped,
        Self::StaleBaseIgnored,
        Self::SettledUnread,
        Self::GoneIsDeleted,
        Self::ConflictOverwritten,
        Self::DecisionCoversAll,
        Self::EffectBeforeIntent,
        Self::FenceIgnored,
        Self::CursorFirst,
        Self::TruncatedIsWhole,
        Self::ComputedEdited,
        Self::TombstoneForgotten,
        Self::DeletesUnguarded,
        Self::DeleteBeatsEdit,
    ];

    /// The canary of this name, hyphens and case left aside.
    pub fn by_name(name: &str) -> Option<Self> {
        let plain = name.replace('-', "").to_lowercase();
        let mut all = Self::ALL.into_iter();
        all.find(|canary| format!("{canary:?}").to_lowercase() == plain)
    }
}

#[cfg(feature = "canary")]
pub use planted::{forget, plant};
#[cfg(feature = "canary")]
pub(crate) use planted::{is, seen_before};

#[cfg(feature = "canary")]
mod planted {
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Canary;
    use crate::value::Digest;

    const NONE: u8 = u8::MAX;
    static PLANTED: AtomicU8 = AtomicU8::new(NONE);

    thread_local! {
        static SEEN: RefCell<BTreeSet<(u64, Digest)>> = const { RefCell::new(BTreeSet::new()) };
    }

    /// Plants a bug in the whole program, or takes it out again.
    pub fn plant(canary: Option<Canary>) {
        PLANTED.store(canary.map_or(NONE, |canary| canary as u8), Ordering::SeqCst);
    }

    /// Forgets what was seen in another history.
    pub fn forget() {
        SEEN.with_borrow_mut(BTreeSet::clear);
    }

    pub(crate) fn is(canary: Canary) -> bool {
        PLANTED.load(Ordering::Relaxed) == canary as u8
    }

    pub(crate) fn seen_before(pair: u64, content: Digest) -> bool {
        is(Canary::ContentDeduplicated)
            && !SEEN.with_borrow_mut(|seen| seen.insert((pair, content)))
    }
}

#[cfg(not(feature = "canary"))]
pub(crate) const fn is(_: Canary) -> bool {
    false
}

#[cfg(not(feature = "canary"))]
pub(crate) const fn seen_before(_: u64, _: crate::value::Digest) -> bool {
    false
}
