//! What a link may do, and how carefully.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Direction, Side};
use crate::outbox::Backoff;

/// Rules of a link. The default is safe for a person's real data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Which way the link may flow at all.
    pub direction: Direction,
    /// When the target is read again before a write.
    pub precheck: Precheck,
    /// How many deletes a side may suffer.
    pub max_delete: MaxDelete,
    /// Whether a side that keeps no trash ([`DeleteKind::Hard`]) may lose a record because the other one
    /// did: with all that is in it and not mapped. Without, such a delete is refused (guard HardDelete).
    ///
    /// [`DeleteKind::Hard`]: crate::port::DeleteKind::Hard
    pub hard_deletes: bool,
    /// How many records of a side one run may patch.
    pub max_change: MaxChange,
    /// How many values of a field may turn unreadable before nothing of it propagates.
    pub max_undecoded: MaxUndecoded,
    /// What happens to an option the other side does not offer.
    pub unknown_options: OptionPolicy,
    /// The side after whose field names the other's are called, where it can rename and keeps ids.
    /// Without, names are for people only.
    pub field_names: Option<Side>,
    /// The side after whose title the other collection is called.
    pub title: Option<Side>,
    /// When a field counts as written back and forth.
    pub flapping: Flapping,
    /// What happens when one side deleted what the other edited.
    pub resurrect: Resurrect,
    /// How long a record has to rest after an edit before it is carried over, so that nobody sees
    /// half-typed values. Measured from the edit time its peer tells, as finely as it tells.
    pub quiet_period: Duration,
    /// What happens on the other side when a record leaves the link's filter.
    pub on_leave: Leave,
    /// Longest time between full scans of a side that cannot tell of deletes.
    pub sweep_every: Duration,
    /// How fast a full scan is read by runs that come more often than `sweep_every`, where the peer
    /// offers slices. What is edited meanwhile is seen by every one of them.
    pub sweep_pace: SweepPace,
    /// A full scan that costs no more requests than this replaces every incremental one.
    pub sweep_below_requests: u32,
    /// How long a schema read stays fresh for runs that write nothing.
    pub describe_every: Duration,
    /// Attempts before a command becomes a dead letter.
    pub max_attempts: u32,
    /// How long a command waits that was refused for a passing reason.
    pub backoff: Backoff,
    /// How long what is over is remembered.
    pub retention: Retention,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            direction: Direction::Both,
            precheck: Precheck::IfStale(Duration::from_secs(60)),
            max_delete: MaxDelete::default(),
            hard_deletes: false,
            max_change: MaxChange::default(),
            max_undecoded: MaxUndecoded::default(),
            unknown_options: OptionPolicy::Deny,
            field_names: None,
            title: None,
            flapping: Flapping::default(),
            resurrect: Resurrect::PushEdit,
            quiet_period: Duration::ZERO,
            on_leave: Leave::Keep,
            sweep_every: Duration::from_secs(3600),
            sweep_pace: SweepPace::default(),
            sweep_below_requests: 1,
            describe_every: Duration::from_secs(600),
            max_attempts: 5,
            backoff: Backoff::default(),
            retention: Retention::default(),
        }
    }
}

/// What full scans in slices may take from everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepPace {
    /// Requests for every minute since the last run, one at least. A run that comes late may so read
    /// a side whole. A fifth of what Notion allows unless told.
    pub per_minute: u32,
    /// Share of the requests of a run that has a budget, in percent.
    pub percent: u32,
}

impl Default for SweepPace {
    fn default() -> Self {
        Self {
            per_minute: 36,
            percent: 20,
        }
    }
}

/// How long what is over is remembered. Every run forgets a bounded part of what is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// Journal and runs: so long a run can be undone. At least a day, which the guard against mass
    /// deletes looks back.
    pub journal: Duration,
    /// Pairs deleted on both sides: so long a record that is restored comes back as itself.
    pub tombstones: Duration,
    /// Commands that were settled or dropped.
    pub intents: Duration,
    /// Rows of each kind forgotten per run, at most.
    pub per_run: u32,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 24 * 3600);
        Self {
            journal: days(30),
            tombstones: days(90),
            intents: days(7),
            per_run: 2_000,
        }
    }
}

/// When the target of a write is read again first, on peers that cannot compare and swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precheck {
    /// Before every write: one more request each.
    Always,
    /// When the last scan, aged by the peer's index lag, is at least this old. What is trashed, brought
    /// back or sent again is read first whatever its age. What somebody edited while the record was not
    /// shared with us is in no scan of changes: only [`Precheck::Always`] sees it before a full scan.
    IfStale(Duration),
    /// Never: for programs that own the target alone.
    Never,
}

/// The guard against mass deletes: at most `min(max(floor, percent of the side), cap)` per side
/// and rolling day, and never every record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxDelete {
    /// Always allowed, whatever the share.
    pub floor: u64,
    /// Share of the side's live records, in percent.
    pub percent: u64,
    /// Never more than this.
    pub cap: u64,
    /// A person's explicit word for this run; replaces the computed threshold.
    pub approved: Option<u64>,
}

impl Default for MaxDelete {
    fn default() -> Self {
        Self {
            floor: 5,
            percent: 10,
            cap: 200,
            approved: None,
        }
    }
}

impl MaxDelete {
    /// How many deletes a side with this many live records may suffer in a day.
    pub fn threshold(&self, live: u64) -> u64 {
        self.approved.unwrap_or_else(|| {
            let share = live.saturating_mul(self.percent) / 100;
            share
                .max(self.floor)
                .min(self.cap)
                .min(live.saturating_sub(1))
        })
    }
}

/// The guard against a side rewritten at once: at most `max(floor, percent of the side)` patches a
/// run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxChange {
    /// Always allowed, whatever the share.
    pub floor: u64,
    /// Share of the side's live records, in percent.
    pub percent: u64,
}

impl Default for MaxChange {
    fn default() -> Self {
        Self {
            floor: 20,
            percent: 50,
        }
    }
}

impl MaxChange {
    /// How many records of a side with this many live ones a run may patch.
    pub fn threshold(&self, live: u64) -> u64 {
        let share = live.saturating_mul(self.percent) / 100;
        share.max(self.floor)
    }
}

/// The guard against a format that changed under us: at most `max(floor, percent of the side)`
/// values of a field that could be read before may be unsupported or missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxUndecoded {
    /// Always let pass, whatever the share: each of them blocks itself only.
    pub floor: u64,
    /// Share of the side's live records, in percent.
    pub percent: u64,
}

impl Default for MaxUndecoded {
    fn default() -> Self {
        Self {
            floor: 5,
            percent: 10,
        }
    }
}

/// The guard against two programs that take back each other's edits: a field that was written so
/// many times to and fro between the same two values is left alone for the rest of that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flapping {
    /// Writes to and fro, all of which are carried out.
    pub writes: u32,
    /// Counted, and then paused, from the first write back on.
    pub within: Duration,
}

impl Default for Flapping {
    fn default() -> Self {
        Self {
            writes: 3,
            within: Duration::from_secs(24 * 3600),
        }
    }
}

impl MaxUndecoded {
    /// How many values of a field a side with this many live records may show unreadable.
    pub fn threshold(&self, live: u64) -> u64 {
        let share = live.saturating_mul(self.percent) / 100;
        share.max(self.floor)
    }
}

/// A record holds an option that the other side does not offer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionPolicy {
    /// The field is refused, and what it held stays (guard OptionPolicy).
    Deny,
    /// The option is added to the other side's schema first, where that can be changed.
    AddOption,
    /// What options of the left side are called on the right, where they are not called the same.
    /// Others are refused.
    Map(BTreeMap<String, String>),
}

impl OptionPolicy {
    /// What an option of a side is called on the other, if that is said.
    pub fn called(&self, side: Side, name: &str) -> Option<String> {
        let Self::Map(names) = self else { return None };
        match side {
            Side::Left => names.get(name).cloned(),
            Side::Right => {
                let mut names = names.iter();
                names
                    .find(|(_, right)| *right == name)
                    .map(|(left, _)| left.clone())
            }
        }
    }
}

/// One side deleted a record, the other edited it, or holds one that was never settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resurrect {
    /// Bring it back with the edit; the delete is kept in the journal.
    PushEdit,
    /// A person decides: a conflict is opened, and both stay as they are until then.
    Ask,
}

/// A record does not pass the link's filter any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leave {
    /// Its counterpart stays as it is; nothing flows until it passes again.
    Keep,
    /// Its counterpart goes to the trash, under the guards, and comes back when it passes again.
    Trash,
    /// Its counterpart stays, and what is mapped and can be written of it is emptied, under the
    /// guards that hold for a trash. What was there is in the journal; when the record passes
    /// again, what is still empty is filled in.
    Clear,
}
