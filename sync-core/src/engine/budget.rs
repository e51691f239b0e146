//! Budgets: how much one step of a run may do, and what it has done so far.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cycle::Cycle;
use super::guarding::Held;
use super::{Engine, Report, RunError, RunOptions, RunOutcome};
use crate::link::Side;
use crate::pair::PairId;
use crate::plan::{Guard, Plan};
use crate::port::CommandKind;

/// Commands written down at once where only time is limited.
const AT_ONCE: u64 = 100;

/// How much one step may do. What is `None` is not limited.
///
/// A step stops at the first safe point after one of these is spent: it may overrun by one command,
/// or by the page under way and those that share its last rank. Whatever the budget, a step reads a
/// page of each side and, once both are read, sends a command, so that steps come to an end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Budget {
    /// Calls of remote sides: pages, direct reads, searches, commands. A call may cost the peer more
    /// than one request of its own, where a text has to be read piece by piece.
    pub requests: Option<u64>,
    /// Commands sent to a remote side, beside `RunOptions::max_commands`.
    pub commands: Option<u64>,
    /// How long it may take, on the clock that does not jump.
    pub time: Option<Duration>,
}

impl Budget {
    /// No limit at all.
    pub const UNLIMITED: Self = Self {
        requests: None,
        commands: None,
        time: None,
    };

    /// At most so many calls of remote sides.
    #[must_use]
    pub fn requests(mut self, requests: u64) -> Self {
        self.requests = Some(requests);
        self
    }

    /// At most so many commands sent to a remote side.
    #[must_use]
    pub fn commands(mut self, commands: u64) -> Self {
        self.commands = Some(commands);
        self
    }

    /// At most so long.
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }
}

/// How far a step came.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The budget is spent and something is left: another step goes on with it.
    More(Report),
    /// Nothing is left that a run would do now.
    Done(Report),
}

impl Step {
    /// What the step did.
    pub fn report(&self) -> &Report {
        match self {
            Self::More(report) | Self::Done(report) => report,
        }
    }
}

impl Engine {
    /// Does a bounded part of a run: for hosts that may work for a few seconds at a time.
    ///
    /// Everything a step did is durable when it returns, and may be dropped at any await like a run.
    /// Steps until [`Step::Done`] lead where one [`Engine::run`] leads. Each is a run of its own in
    /// the journal: it begins with a look at what changed since the step before.
    ///
    /// A peer that offers no slices is read in one go, whatever the budget.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub async fn step(&self, options: &RunOptions, budget: Budget) -> Result<Step, RunError> {
        let (report, _) = self.run_cycle(options, budget, None).await?;
        Ok(match report.more {
            true => Step::More(report),
            false => Step::Done(report),
        })
    }
}

/// What a run may spend and has spent.
#[derive(Clone, Debug, Default)]
pub(super) struct Spending {
    budget: Budget,
    began: Duration,
    calls_before: u64,
    /// Commands sent to a remote side in this run.
    pub(super) sent: u64,
    /// A side was not read to its end: nothing is planned in this run.
    pub(super) unread: bool,
    /// Something besides commands was left for the next step.
    pub(super) left: bool,
    /// Commands for remote sides that were left for the next step.
    waiting: u64,
    /// The pairs whose commands for remote sides are written down now; all of them without.
    turns: Option<BTreeSet<PairId>>,
    /// So many creates beside those, of the ones that the plan does not list.
    more_creates: u64,
}

impl Spending {
    pub(super) fn new(engine: &Engine, budget: Budget, options: &RunOptions) -> Self {
        let limits = [budget.commands, options.max_commands];
        Self {
            budget: Budget {
                commands: limits.into_iter().flatten().min(),
                ..budget
            },
            began: engine.clock.elapsed(),
            calls_before: engine.remote_calls(),
            ..Self::default()
        }
    }

    /// Whether scans have to end before they are over.
    pub(super) fn bounds_reading(&self) -> bool {
        self.budget.requests.is_some() || self.budget.time.is_some()
    }

    /// What share of the requests of this run is so many percent, at least one.
    pub(super) fn share(&self, percent: u32) -> Option<u64> {
        let requests = self.budget.requests?;
        Some((requests.saturating_mul(percent.into()) / 100).max(1))
    }
}

impl Cycle<'_> {
    /// Whether requests or time are spent.
    pub(super) fn is_spent(&self) -> bool {
        let spending = &self.spending;
        let calls = || self.engine.remote_calls() - spending.calls_before;
        spending.budget.requests.is_some_and(|most| calls() >= most) || self.is_out_of_time()
    }

    /// Whether time is spent: what costs no request has to wait as well.
    pub(super) fn is_out_of_time(&self) -> bool {
        let spending = &self.spending;
        spending.budget.time.is_some_and(|most| {
            let now = self.engine.clock.elapsed();
            now.saturating_sub(spending.began) >= most
        })
    }

    /// Whether commands to a side cost requests.
    pub(super) fn is_remote(&self, side: Side) -> bool {
        self.described[side].capabilities.requests_per_command > 0
    }

    /// Whether no further command may be sent. The first may, however much reading has taken.
    pub(super) fn may_send(&self) -> bool {
        let spending = &self.spending;
        let in_number = spending.budget.commands;
        in_number.is_none_or(|most| spending.sent < most)
            && (spending.sent == 0 || !self.is_spent())
    }

    /// Chooses whose commands are written down in this pass: those that come first in order of
    /// execution and are likely to be sent. The others stay planned, which costs nothing.
    pub(super) fn take_turns(&mut self, plan: &Plan, held: &Held) {
        self.spending.turns = None;
        self.spending.more_creates = 0;
        self.spending.waiting = 0;
        // Of a saved plan only what was approved is sent.
        let Some(room) = self.room().filter(|_| self.approved.is_none()) else {
            return;
        };
        let mut commands = Vec::new();
        for item in &plan.items {
            for command in &item.commands {
                let (side, kind) = (command.command.side, command.command.kind);
                let remote = self.opened.colocated != Some(side);
                if remote && !held.holds(side, kind) && !self.waits_for_later(item.pair, side) {
                    commands.push((kind, item.pair));
                }
            }
        }
        // Creates that the plan does not list come after those that it does.
        let unlisted = plan.unlisted.iter();
        let unlisted = unlisted.filter(|creates| {
            let remote = self.opened.colocated != Some(creates.side);
            remote && !held.holds(creates.side, CommandKind::Create)
        });
        let unlisted: u64 = unlisted.map(|creates| creates.count).sum();
        let all = commands.len() as u64 + unlisted;
        if all > room {
            commands.sort_unstable();
            let sooner = commands.partition_point(|(kind, _)| *kind <= CommandKind::Create);
            let unlisted = unlisted.min(room.saturating_sub(sooner as u64));
            let listed = usize::try_from(room - unlisted).unwrap_or(usize::MAX);
            commands.truncate(listed);
            self.spending.waiting = all - unlisted - commands.len() as u64;
            self.spending.more_creates = unlisted;
            self.spending.turns = Some(commands.into_iter().map(|(_, pair)| pair).collect());
        }
    }

    /// Whether a command of this pair would not be sent now, whatever room there is.
    fn waits_for_later(&self, pair: PairId, side: Side) -> bool {
        let postponed = self.postponed.get(&(pair, side));
        self.refused.contains(&pair) || postponed.is_some_and(|intent| self.is_early(intent))
    }

    /// How many commands there is room for now; `None` where nothing limits them.
    pub(super) fn room(&self) -> Option<u64> {
        let spending = &self.spending;
        let left = |most: Option<u64>, spent| most.map(|most| most.saturating_sub(spent));
        let in_number = left(spending.budget.commands, spending.sent);
        // Every command takes a request at least; the first is sent whatever is left.
        let calls = self.engine.remote_calls() - spending.calls_before;
        let in_requests = left(spending.budget.requests, calls);
        let in_requests = in_requests.map(|left| left.max(u64::from(spending.sent == 0)));
        let in_time = spending.budget.time.map(|_| AT_ONCE);
        [in_number, in_requests, in_time]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether a command of a pair for a remote side is written down in this pass. To be asked once
    /// for each.
    pub(super) fn has_turn(&mut self, pair: PairId, side: Side, kind: CommandKind) -> bool {
        let turns = self.spending.turns.as_ref();
        if turns.is_none_or(|turns| turns.contains(&pair)) {
            return true;
        }
        let one_of_many = kind == CommandKind::Create
            && self.spending.more_creates > 0
            && !self.waits_for_later(pair, side);
        self.spending.more_creates -= u64::from(one_of_many);
        one_of_many
    }

    /// Commands were written down and not sent.
    pub(super) fn leave_waiting(&mut self, commands: u64) {
        self.spending.waiting += commands;
    }

    /// Whether commands wait for the next step.
    pub(super) fn leaves_commands(&self) -> bool {
        self.spending.waiting > 0
    }

    /// Tells what was left because the budget is spent.
    pub(super) fn tell_what_is_left(&mut self) {
        let waiting = std::mem::take(&mut self.spending.waiting);
        self.report.more = waiting > 0 || self.spending.left || self.spending.unread;
        if waiting > 0 {
            let side = Side::BOTH.into_iter().find(|side| self.is_remote(*side));
            self.report.refusals.push(crate::plan::Refusal {
                guard: Guard::Budget,
                pair: None,
                side,
                field: None,
                reason: format!("{waiting} commands wait for the next run"),
                count: waiting,
            });
        }
        if self.spending.unread {
            let what = "the budget is spent before both sides were read; the next step goes on";
            self.report.problem(RunOutcome::Partial, what);
        } else if self.spending.left {
            let what = "the budget is spent; the next step goes on";
            self.report.problem(RunOutcome::Partial, what);
        }
    }
}
