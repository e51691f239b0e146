//! Slices: scans that are read in parts, each durable, over as many runs as it takes.
//!
//! Records come in order of their ranks, so that after every page all before its last rank has been
//! read: a record alive there was returned. The place reached is remembered with what was read, and a
//! scan begun at that place goes on where the last one was given up, by choice, by a crash or by a cap.

use std::ops::Bound;

use super::cycle::Cycle;
use super::marks::Marks;
use super::{RunError, RunOutcome};
use crate::link::Side;
use crate::plan::{Guard, Refusal};
use crate::port::{
    ChangeFeed, Coverage, Cursor, Lane, Next, Query, ScanFrom, Scope, Sighting, Sweep,
};
use crate::record::{Rank, RankRange, Timestamp};

/// How a side is read in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Everything, in one go.
    Whole,
    /// What changed.
    Changes,
    /// What changed, and so many requests of a full scan in slices.
    ChangesAndSlices(u64),
    /// Everything, in slices as far as the budget goes.
    Slices,
}

impl Way {
    pub(super) fn is_full(self) -> bool {
        matches!(self, Self::Whole | Self::Slices)
    }
}

/// Which of a side's two scans in slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Full,
    Changes,
}

/// How the reading of slices ended in this run.
enum Ended {
    /// All is read.
    Over,
    /// The next run goes on.
    Paused,
    /// The peer gave up before it showed anything, and why.
    Broken(String),
}

impl Cycle<'_> {
    /// A full scan is due on a cadence, on request, and whenever it costs no more than the
    /// incremental one. Where it costs much it is read in slices, beside what changed.
    pub(super) fn way_to_read(&self, side: Side) -> Way {
        let memory = &self.memory.sides[side];
        let capabilities = &self.described[side].capabilities;
        let bounded = capabilities.slices && self.spending.bounds_reading();
        let feed = capabilities.changes;
        if self.options.full || memory.cursor.is_none() || feed == ChangeFeed::None {
            // What an earlier step began is gone on with: what was edited behind it is a change.
            let begun = memory.sweep.is_some() && !self.options.full;
            let goes_on = begun && capabilities.slices && feed != ChangeFeed::None;
            return if bounded || goes_on {
                Way::Slices
            } else {
                Way::Whole
            };
        }
        if feed == ChangeFeed::Delta {
            return Way::Changes;
        }
        let policy = &self.engine.spec.policy;
        let live = self.opened.counts.live[side];
        let per_page = u64::from(capabilities.scan_page.max(1));
        if live < per_page * u64::from(policy.sweep_below_requests) {
            return Way::Whole;
        }
        // A sweep that lies in the future was dated by a clock that has jumped back since.
        let last = memory.full_scan_at.filter(|last| *last <= self.started);
        let due = last.is_none_or(|last| self.started.since(last) >= policy.sweep_every);
        let under_way = capabilities.slices && memory.sweep.is_some();
        if !due && !under_way {
            return Way::Changes;
        }
        if !capabilities.slices {
            return Way::Whole;
        }
        let most = self.sweep_requests(side);
        if !bounded && !under_way && live / per_page < most {
            return Way::Whole;
        }
        Way::ChangesAndSlices(most)
    }

    /// Requests of this run for sweeps of a side: a share of those that the time since the last run,
    /// or the budget of this one, allows.
    fn sweep_requests(&self, side: Side) -> u64 {
        let pace = self.engine.spec.policy.sweep_pace;
        let last = self.memory.sides[side].scanned_at.unwrap_or(self.started);
        let seconds = self.started.since(last).as_secs();
        let by_time = u64::from(pace.per_minute).saturating_mul(seconds) / 60;
        let by_budget = self.spending.share(pace.percent).unwrap_or(u64::MAX);
        by_time.min(by_budget).max(1)
    }

    /// Reads a side in slices, everything or what changed, as far as the budget of the run goes.
    pub(super) async fn observe_in_slices(&mut self, side: Side, way: Way) -> Result<(), RunError> {
        let mut marks = Marks::default();
        if way == Way::Slices {
            let asked = self.options.full;
            let sweep = &self.memory.sides[side].sweep;
            if sweep.as_ref().is_none_or(|sweep| asked && !sweep.asked) {
                let sweep = Sweep::new(self.started, asked);
                self.memory.sides[side].sweep = Some(sweep);
            }
            self.go_on_in_slices(side, marks).await?;
            let memory = &self.memory.sides[side];
            let (over, scanned) = (memory.sweep.is_none(), self.report.full_scan[side]);
            let feed = self.described[side].capabilities.changes;
            if !over || !scanned || feed == ChangeFeed::None || memory.cursor.is_none() {
                return Ok(());
            }
            if memory.full_scan_at == Some(self.started) {
                return Ok(());
            }
            // It began in an earlier run: what was edited behind it since is caught up with.
            marks = self.returned[side].take().unwrap_or_default();
        }
        self.catch_up(side, marks).await
    }

    /// Reads what changed, in slices.
    async fn catch_up(&mut self, side: Side, mut marks: Marks) -> Result<(), RunError> {
        let began = self.engine.clock.elapsed();
        let begun_here = self.memory.sides[side].catch_up.is_none();
        if begun_here {
            self.memory.sides[side].catch_up = Some(Sweep::new(self.started, false));
        }
        let ended = self
            .read_slices(side, Kind::Changes, None, &mut marks)
            .await?;
        match ended {
            Ended::Over => {
                let memory = &mut self.memory.sides[side];
                let scan = memory.catch_up.take();
                if let Some(cursor) = scan.and_then(|scan| scan.cursor) {
                    memory.cursor = Some(cursor);
                }
                memory.scanned_at = Some(self.started);
                self.scan_elapsed[side] = begun_here.then_some(began);
                self.commit(Vec::new(), Vec::new()).await?;
            }
            Ended::Paused => self.spending.unread = true,
            Ended::Broken(why) => self.tell_not_whole(side, &why),
        }
        self.returned[side] = Some(marks);
        Ok(())
    }

    /// Goes on with the full scan of a side as far as the budget goes.
    async fn go_on_in_slices(&mut self, side: Side, mut marks: Marks) -> Result<(), RunError> {
        match self.read_slices(side, Kind::Full, None, &mut marks).await? {
            Ended::Over => {
                let sweep = self.memory.sides[side].sweep.clone();
                self.end_sweep(side, &marks).await?;
                if sweep.is_some_and(|sweep| sweep.started_at == self.started && sweep.gaps == 0) {
                    // All of it was returned just now.
                    return Ok(());
                }
            }
            Ended::Paused => self.spending.unread = true,
            Ended::Broken(why) => self.tell_not_whole(side, &why),
        }
        self.scan_elapsed[side] = None;
        self.returned[side] = Some(marks);
        Ok(())
    }

    /// A full scan in one go was capped or broke off: what it returned is a slice, and the rest is
    /// read in others.
    pub(super) async fn split(
        &mut self,
        side: Side,
        reached: Rank,
        began: Option<Cursor>,
        started: Timestamp,
        marks: Marks,
    ) -> Result<(), RunError> {
        let before = RankRange {
            from: Bound::Unbounded,
            to: Bound::Excluded(reached.clone()),
        };
        self.find_missing(side, Query::LiveWithin(side, before), &marks)
            .await?;
        self.memory.sides[side].sweep = Some(Sweep {
            next: Bound::Included(reached),
            cursor: began,
            seen: self.report.scanned[side],
            ..Sweep::new(started, self.options.full)
        });
        self.commit(Vec::new(), Vec::new()).await?;
        self.go_on_in_slices(side, marks).await
    }

    /// The share of a full scan that a run reads beside what changed.
    pub(super) async fn sweep(&mut self, side: Side, most: u64) -> Result<(), RunError> {
        let mut marks = self.returned[side].take().unwrap_or_default();
        let memory = &mut self.memory.sides[side];
        if memory.sweep.is_none() {
            memory.sweep = Some(Sweep::new(self.started, false));
        }
        match self
            .read_slices(side, Kind::Full, Some(most), &mut marks)
            .await?
        {
            Ended::Over => self.end_sweep(side, &marks).await?,
            Ended::Paused => {}
            Ended::Broken(why) => self.tell_not_whole(side, &why),
        }
        self.returned[side] = Some(marks);
        Ok(())
    }

    async fn end_sweep(&mut self, side: Side, marks: &Marks) -> Result<(), RunError> {
        let Some(sweep) = self.memory.sides[side].sweep.clone() else {
            return Ok(());
        };
        if sweep.gaps == 0 {
            // Of those of a store from before ranks, whatever no slice has shown.
            self.find_missing(side, Query::LiveUnranked(side), marks)
                .await?;
        }
        self.scan_empty[side] = sweep.seen == 0;
        let memory = &mut self.memory.sides[side];
        let first = memory.cursor.is_none() && memory.full_scan_at.is_none();
        let stands_for_all = memory.cursor.is_none() || sweep.asked && self.options.full;
        memory.sweep = None;
        memory.full_scan_at = Some(sweep.started_at);
        if stands_for_all {
            memory.scanned_at = Some(self.started);
        }
        // What was edited in a gap is a change since the cursor still: it stays, unless nothing of
        // the side was known before.
        if stands_for_all && (sweep.gaps == 0 || first) {
            memory.catch_up = None;
            if sweep.cursor.is_some() {
                memory.cursor = sweep.cursor;
            }
        }
        self.commit(Vec::new(), Vec::new()).await?;
        self.report.full_scan[side] = true;
        Ok(())
    }

    /// Reads slice after slice. After a page at the earliest, and not before the place to go on from
    /// has moved: a scan that stood still would never end.
    async fn read_slices(
        &mut self,
        side: Side,
        kind: Kind,
        most: Option<u64>,
        marks: &mut Marks,
    ) -> Result<Ended, RunError> {
        // What a cadence asks for gives way to what people wait for.
        let lane = match most {
            Some(_) => Lane::Sweep,
            None => Lane::Normal,
        };
        let (mut requests, mut moved) = (0, false);
        loop {
            let since = match kind {
                Kind::Full => None,
                Kind::Changes => self.memory.sides[side].cursor.clone(),
            };
            let start = self.slices(side, kind).next.clone();
            let mut place = start.clone();
            let mut from = ScanFrom::Start {
                since,
                scope: match &place {
                    Bound::Unbounded => Scope::All,
                    _ => Scope::Slice(RankRange::starting(place.clone())),
                },
            };
            let mut reached: Option<Rank> = None;
            let coverage = loop {
                self.stop_if_asked()?;
                self.keep_lease().await?;
                self.scan_begins(side);
                let page = self.scan(side, &from, lane).await?;
                requests += 1;
                reached = reached.max(highest(&page.items));
                let scan = self.slices(side, kind);
                if scan.next == Bound::Unbounded && scan.seen == 0 && scan.cursor.is_none() {
                    scan.cursor = page.began;
                }
                scan.seen += page.items.len() as u64;
                self.note_scanned(side, kind == Kind::Full, page.items.len());
                self.remember(side, page.items, marks).await?;
                self.scan_ends(side);
                match page.next {
                    Next::End { coverage, .. } => break coverage,
                    Next::More(token) => from = ScanFrom::Next(token),
                }
                if let Some(rank) = reached.clone().filter(|rank| is_beyond(rank, &place)) {
                    let end = Bound::Excluded(rank.clone());
                    self.conclude(side, kind, &place, end, marks).await?;
                    place = Bound::Included(rank);
                    self.move_on(side, kind, place.clone()).await?;
                    moved = true;
                }
                let enough = most.is_some_and(|most| requests >= most) || self.is_spent();
                if moved && enough {
                    return Ok(Ended::Paused);
                }
            };
            let (Coverage::Partial(why), reached) = (coverage, reached) else {
                self.conclude(side, kind, &place, Bound::Unbounded, marks)
                    .await?;
                return Ok(Ended::Over);
            };
            match reached {
                // What came before it was returned whole.
                Some(rank) if is_beyond(&rank, &start) => {
                    if is_beyond(&rank, &place) {
                        let end = Bound::Excluded(rank.clone());
                        self.conclude(side, kind, &place, end, marks).await?;
                    }
                    self.move_on(side, kind, Bound::Included(rank)).await?;
                }
                // More stands at one place than the peer hands out.
                Some(rank) => {
                    self.tell_not_whole(side, &why);
                    self.slices(side, kind).gaps += 1;
                    self.move_on(side, kind, Bound::Excluded(rank)).await?;
                }
                None => return Ok(Ended::Broken(why)),
            }
            moved = true;
            if most.is_some_and(|most| requests >= most) || self.is_spent() {
                return Ok(Ended::Paused);
            }
        }
    }

    /// Of a full scan: what is remembered between two places and was not returned is missing.
    async fn conclude(
        &mut self,
        side: Side,
        kind: Kind,
        from: &Bound<Rank>,
        to: Bound<Rank>,
        marks: &Marks,
    ) -> Result<(), RunError> {
        if kind == Kind::Changes {
            return Ok(());
        }
        let from = from.clone();
        let slice = RankRange { from, to };
        let query = Query::LiveWithin(side, slice);
        self.find_missing(side, query, marks).await
    }

    /// Remembers the place reached, once all that was read before it is remembered.
    async fn move_on(&mut self, side: Side, kind: Kind, next: Bound<Rank>) -> Result<(), RunError> {
        self.slices(side, kind).next = next;
        self.commit(Vec::new(), Vec::new()).await?;
        Ok(())
    }

    fn slices(&mut self, side: Side, kind: Kind) -> &mut Sweep {
        let started = self.started;
        let memory = &mut self.memory.sides[side];
        let scan = match kind {
            Kind::Full => &mut memory.sweep,
            Kind::Changes => &mut memory.catch_up,
        };
        scan.get_or_insert_with(|| Sweep::new(started, false))
    }

    /// What was not read whole proves nothing about what it did not return.
    pub(super) fn tell_not_whole(&mut self, side: Side, why: &str) {
        let name = &self.engine.spec.names[side];
        let reason = format!("{name} was not read whole ({why}); deletes there are not seen");
        self.report.problem(RunOutcome::Partial, reason.clone());
        self.report.refusals.push(Refusal {
            guard: Guard::Coverage,
            pair: None,
            side: Some(side),
            field: None,
            reason,
            count: 0,
        });
    }
}

/// The highest rank of a page. Items that cannot be read have none.
pub(super) fn highest(items: &[Sighting]) -> Option<Rank> {
    let ranks = items.iter().filter_map(|item| match item {
        Sighting::Seen(record) => record.rank.as_ref(),
        _ => None,
    });
    ranks.max().cloned()
}

/// Whether going on from this rank would leave the place behind.
fn is_beyond(rank: &Rank, place: &Bound<Rank>) -> bool {
    match place {
        Bound::Unbounded => true,
        Bound::Included(place) | Bound::Excluded(place) => rank > place,
    }
}
