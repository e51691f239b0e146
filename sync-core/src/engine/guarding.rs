//! Guards over the sum of a plan: what they hold back stays planned. What they are: `plan/guards.rs`.

use std::time::Duration;

use super::RunError;
use super::cycle::Cycle;
use crate::canary::{self, Canary};
use crate::link::{Side, Sides};
use crate::plan::guards::{DeleteFacts, check_deletes};
use crate::plan::{Guard, Plan, PlannedCommand, Refusal};
use crate::port::{CommandKind, Query, Rows};

/// What the guard against mass deletes looks back.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// What the guards hold back.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) refusals: Vec<Refusal>,
    deletes: Sides<bool>,
    /// Deletes of records that only left the filter.
    leaving: Sides<bool>,
    patches: Sides<bool>,
}

impl Held {
    /// Why a command is held back, if it is.
    pub(super) fn why(&self, command: &PlannedCommand) -> Option<&Refusal> {
        let side = command.side;
        let guards: &[Guard] = match command.kind {
            _ if self.deletes[side] && command.takes_away() => {
                &[Guard::MaxDelete, Guard::EmptySide]
            }
            _ if self.leaving[side] && command.is_leaving() => &[Guard::FilterOrMappingChanged],
            CommandKind::Patch if self.patches[side] && command.is_change() => &[Guard::AllChanged],
            _ => return None,
        };
        let mut refusals = self.refusals.iter();
        refusals.find(|refusal| refusal.side == Some(side) && guards.contains(&refusal.guard))
    }

    /// Whether all commands of a kind to a side are held back.
    pub(super) fn holds(&self, side: Side, kind: CommandKind) -> bool {
        match kind {
            CommandKind::Trash => self.deletes[side],
            CommandKind::Patch => self.patches[side],
            CommandKind::Create | CommandKind::Untrash => false,
        }
    }

    pub(super) fn holds_deletes(&self, side: Side) -> bool {
        self.deletes[side]
    }
}

impl Cycle<'_> {
    /// Looks at the sum of a plan. What a guard holds back stays planned for the next run.
    pub(super) async fn guard(&mut self, plan: &Plan) -> Result<Held, RunError> {
        let mut facts = Sides::<DeleteFacts>::default();
        for side in Side::BOTH {
            let wanted = plan.counts.trash[side] + plan.counts.clear[side];
            if wanted == 0 {
                continue;
            }
            let query = Query::DeletesSince(side, self.started.minus(DAY));
            let rows = self
                .store
                .read(&self.engine.spec.id, &query, None, 1)
                .await?;
            let recent = if let Rows::Count(recent) = rows {
                recent
            } else {
                0
            };
            // Deletes of this run are among the recent ones and still among the live ones.
            let own = self.report.settled[side].trashed;
            let live = self.opened.counts.live[side].saturating_sub(own);
            let source_empty = self.scan_empty[side.other()];
            facts[side] = DeleteFacts {
                wanted,
                recent,
                live,
                source_empty,
            };
        }
        let policy = &self.engine.spec.policy.max_delete;
        let mut refusals = check_deletes(policy, &self.engine.spec.names, &facts);
        refusals.retain(|_| !canary::is(Canary::DeletesUnguarded));
        let mut held = Held::default();
        for refusal in refusals {
            if let Some(side) = refusal.side {
                held.deletes[side] = true;
            }
            held.refusals.push(refusal);
        }
        self.guard_changes(plan, &mut held);
        held.refusals.extend(self.held_fields());
        held.refusals.extend(self.held_schema(plan));
        Ok(held)
    }

    /// The guards about many changes at once.
    fn guard_changes(&mut self, plan: &Plan, held: &mut Held) {
        let approved = |guard: Guard| self.options.approved.contains(&guard);
        if approved(Guard::FilterOrMappingChanged) || plan.counts.leaving == Sides::new(0, 0) {
            self.memory.unapproved_change = false;
        }
        for side in Side::BOTH {
            let name = &self.engine.spec.names[side];
            let leaving = plan.counts.leaving[side];
            if leaving > 0 && self.memory.unapproved_change {
                held.leaving[side] = true;
                let reason = format!(
                    "{leaving} would be trashed or emptied on {name} only because the filter or the mapping \
                     changed"
                );
                let guard = Guard::FilterOrMappingChanged;
                held.refusals.push(of_side(guard, side, leaving, reason));
            }
            let patches = plan.counts.patch[side] - plan.counts.completing[side];
            let live = self.opened.counts.live[side];
            let most = self.engine.spec.policy.max_change.threshold(live);
            if patches > most && !approved(Guard::AllChanged) {
                held.patches[side] = true;
                let reason = format!(
                    "{patches} of {live} records would be changed on {name} at once; at most \
                     {most} are allowed"
                );
                held.refusals
                    .push(of_side(Guard::AllChanged, side, patches, reason));
            }
        }
    }
}

fn of_side(guard: Guard, side: Side, count: u64, reason: String) -> Refusal {
    Refusal {
        guard,
        pair: None,
        side: Some(side),
        field: None,
        reason,
        count,
    }
}
