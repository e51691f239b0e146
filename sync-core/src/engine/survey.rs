//! Survey: every dirty pair is decided, and the plan is the sum. Nothing is written.

use std::collections::BTreeSet;
use std::pin::pin;

use tracing::Instrument;

use super::cycle::{CHUNK, Cycle, late_duplicate};
use super::drift::Undecoded;
use super::marks::Marks;
use super::{RunError, spans};
use crate::link::Side;
use crate::pair::{PairId, PairState, Presence};
use crate::plan::{Estimate, Guard, Plan, PlannedCommand, Refusal, WantedOptions};
use crate::port::{Bookmark, ChangeFeed, CommandKind, Query};
use crate::record::Lifecycle;

impl Cycle<'_> {
    /// Plans every dirty pair. Pairs whose absence is unproved are read directly first.
    pub(super) async fn survey(&mut self) -> Result<Plan, RunError> {
        let span = spans::plan();
        let plan = pin!(self.survey_and_probe())
            .instrument(span.clone())
            .await?;
        span.record("commands", plan.counts.commands());
        span.record("conflicts", plan.conflicts.len());
        span.record("refusals", plan.refusals.len());
        Ok(plan)
    }

    async fn survey_and_probe(&mut self) -> Result<Plan, RunError> {
        let over = self.at_sight.over.clone();
        let nothing = Plan::new(&self.engine.spec, &self.described, over);
        let at_sight = std::mem::replace(&mut self.at_sight, nothing);
        let tried = std::mem::take(&mut self.tried);
        let dirty = Query::Dirty;
        // What was made at first sight lists no more than a page of creates.
        let mut look = self.survey_once(&dirty, at_sight.clone(), &tried).await?;
        let probe = std::mem::take(&mut look.probe);
        if !probe.is_empty() && self.probe(probe).await? {
            look = self.survey_once(&dirty, at_sight.clone(), &tried).await?;
        }
        // Whether a field can be read is only known of all of it.
        if self.note_undecoded(&look.undecoded) {
            look = self.survey_once(&dirty, at_sight, &tried).await?;
        }
        Ok(look.plan)
    }

    /// Adds the pairs of a query to a plan, but for those that were tried at first sight: what was
    /// not done of these is planned already.
    pub(super) async fn survey_once(
        &mut self,
        which: &Query,
        mut plan: Plan,
        tried: &Marks,
    ) -> Result<Look, RunError> {
        let mut probe = Vec::new();
        let mut undecoded = Undecoded::default();
        let mut wanted = WantedOptions::new();
        let mut kept = Vec::new();
        let mut after = None;
        if let Some(approved) = &mut self.approved {
            approved.begin_look();
        }
        loop {
            self.stop_if_asked()?;
            let pairs = self.pairs(which, after).await?;
            self.meet(&pairs).await?;
            let read = pairs.len();
            let last = pairs.last().map(|pair| pair.id);
            kept.clear();
            kept.reserve(read);
            for pair in pairs {
                if !self.is_in_scope(pair.id) {
                    continue;
                }
                self.count_undecoded(&pair, &mut undecoded);
                let decided = self.decide(&pair);
                wanted.extend(decided.wanted_options.iter().cloned());
                let unshown = self.denied(&pair);
                // A record that was not shown is asked for again with every full scan.
                let again = |refusal: &Refusal| {
                    refusal.side.is_some_and(|side| self.report.full_scan[side])
                };
                let mut commands = decided.commands.iter();
                let unproved = commands.any(|command| self.is_unproved(&pair, command));
                let mut sides = Side::BOTH.into_iter();
                let unread = sides.any(|side| pair.sides[side].presence == Presence::Unread);
                if decided.probe || unproved || unread || unshown.as_ref().is_some_and(again) {
                    probe.push(pair.id);
                }
                if let Some(refusal) = unshown {
                    plan.refuse(&pair, &decided, refusal);
                }
                if let Some(approved) = &mut self.approved {
                    approved.look_at(&pair, &decided);
                }
                if self.dry {
                    plan.add(&pair, &decided);
                } else if !tried.is_marked(pair.id) && self.is_plan_shown() {
                    plan.add_under_way(&pair, &decided);
                } else if !tried.is_marked(pair.id) {
                    plan.add_sum(&decided);
                }
                if let Some(first) = self.late_duplicate_of(&pair) {
                    let refusal = Refusal {
                        guard: Guard::LateDuplicate,
                        pair: Some(pair.id),
                        side: None,
                        field: None,
                        reason: format!("{:?}: {}", decided.label, late_duplicate(first)),
                        count: 1,
                    };
                    plan.refuse(&pair, &decided, refusal);
                }
                kept.push((pair, decided));
            }
            match last {
                Some(last) if read >= CHUNK as usize => after = Some(Bookmark(last.0)),
                _ => break,
            }
        }
        if let Some(approved) = &mut self.approved {
            approved.end_look();
        }
        self.plan_schema(&mut plan, &wanted);
        // One chunk is written down as it was decided; of more only the sums are kept.
        self.decided = (after.is_none() && *which == Query::Dirty).then_some(kept);
        plan.finish(self.estimate(&plan));
        Ok(Look {
            plan,
            probe,
            undecoded,
        })
    }

    /// Whether a command that takes away rests on what was not read lately, or not whole.
    pub(super) fn is_unproved(&self, pair: &PairState, command: &PlannedCommand) -> bool {
        let (side, other) = (command.side, command.side.other());
        let trash = command.kind == CommandKind::Trash;
        trash && (self.rests_on_old_proof(pair, other) || self.is_half_seen(pair, side))
            || command.is_leaving() && self.left_by_old_proof(pair, other)
    }

    /// Whether a scan did not show a live record whole, so that an edit of it may be unknown: before
    /// it is trashed it is read by its key. What is not whole then either never will be.
    pub(super) fn is_half_seen(&self, pair: &PairState, side: Side) -> bool {
        let (Some(base), Some(shadow)) = (&pair.base, &pair.sides[side].shadow) else {
            return false;
        };
        let schema = &self.described[side].schema;
        let mut fields = self.engine.spec.mapping.fields.iter();
        pair.sides[side].presence == Presence::Present
            && shadow.lifecycle == Lifecycle::Live
            && !self.probed.contains(&(pair.id, side))
            && fields.any(|field| {
                let id = &field.ids[side];
                field.lens.projects_from().is_none()
                    && base.field(field).is_some()
                    && shadow.cells.complete(id).is_none()
                    && schema.field(id).is_some()
            })
    }

    /// Whether that a record is in the trash was read in an earlier run, on a peer whose scans do
    /// not tell of a restore at once: it is read again before anything is trashed because of it.
    pub(super) fn rests_on_old_proof(&self, pair: &PairState, side: Side) -> bool {
        let settled = pair.base.as_ref();
        let state = &pair.sides[side];
        let trashed = state
            .shadow
            .as_ref()
            .is_some_and(|shadow| shadow.lifecycle == Lifecycle::Trashed);
        state.presence == Presence::Present
            && trashed
            && settled.is_some_and(|base| base.lifecycle != Lifecycle::Trashed)
            && self.described[side].capabilities.changes != ChangeFeed::Delta
            && !self.probed.contains(&(pair.id, side))
    }

    /// Whether that a record left the filter was read in an earlier run, on such a peer: it may pass
    /// again by now. Where the filter itself is new nothing is taken away before a person said so,
    /// and nothing has to be read for that.
    pub(super) fn left_by_old_proof(&self, pair: &PairState, side: Side) -> bool {
        let state = &pair.sides[side];
        let filter = self.engine.spec.filters[side].as_ref();
        let mut left = filter.zip(state.shadow.as_ref()).into_iter();
        let left = left.any(|(filter, shadow)| {
            shadow.lifecycle != Lifecycle::Trashed && filter.passes(shadow) == Some(false)
        });
        let approved = &self.options.approved;
        let held =
            self.memory.unapproved_change && !approved.contains(&Guard::FilterOrMappingChanged);
        state.presence == Presence::Present
            && left
            && !held
            && pair.base.is_some()
            && self.described[side].capabilities.changes != ChangeFeed::Delta
            && !self.probed.contains(&(pair.id, side))
    }

    pub(super) fn estimate(&self, plan: &Plan) -> Estimate {
        let requests = Side::BOTH.into_iter().map(|side| {
            let counts = &plan.counts;
            let updates = counts.patch[side]
                + counts.refresh[side]
                + counts.trash[side]
                + counts.untrash[side]
                + counts.follow_up[side];
            let capabilities = &self.described[side].capabilities;
            let each = u64::from(capabilities.requests_per_command);
            (counts.create[side] + updates) * each
        });
        // Changed, and read again.
        let altered: BTreeSet<Side> = plan
            .schema
            .iter()
            .map(|listed| listed.command.side)
            .collect();
        let alter = altered.into_iter().map(|side| {
            let capabilities = &self.described[side].capabilities;
            2 * u64::from(capabilities.requests_per_command)
        });
        Estimate::of(requests.chain(alter).sum())
    }
}

/// One look at every dirty pair.
pub(super) struct Look {
    pub(super) plan: Plan,
    /// Pairs to be read directly before anything is decided about them.
    probe: Vec<PairId>,
    undecoded: Undecoded,
}
