//! One cycle over the ports: recover, observe, plan, guard, commit, apply, settle, report.
//!
//! The engine is plumbing: what to do is decided in [`crate::plan`], how an intent moves on in
//! [`crate::outbox`]. It holds no clock, no socket and no thread of its own, and can be dropped at
//! any await: the next run recovers.

mod adopt;
mod alter;
mod applied;
mod apply;
mod budget;
mod commit;
mod cycle;
mod decisions;
mod drift;
mod guarding;
mod index_lag;
mod interruptible;
mod isolation;
mod lease;
mod marks;
mod matching;
mod naming;
mod observe;
mod only;
mod options;
mod overlay;
mod postpone;
mod recover;
mod references;
mod report;
mod retention;
mod saved;
mod settle;
mod slices;
mod spans;
mod survey;
mod undo;
mod verification;
mod verify;
mod watch;

pub use applied::{AppliedCommand, AppliedPlan, CommandOutcome, StaleReason};
pub use budget::{Budget, Step};
pub use decisions::Decisions;
pub use postpone::Undelivered;
pub use report::{Drift, Event, Report, RunError, RunOutcome, Settled};
#[cfg(test)]
pub(crate) use settle::base_after;
pub use undo::{UndoOptions, UndoPlan, UndoReport};
pub use verification::{Class, Example, Verification};
pub use verify::VerifyOptions;
pub use watch::{Bell, MayPass, Rhythm, Watch};

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;

use crate::link::{Arbiter, Direction, LinkSpec, Neighbour, Side, Sides};
use crate::plan::{Approval, Explanation, Guard, Plan, PlannedOver};
use crate::port::{
    Cancel, Clock, Description, Fence, LeaseAsk, OpenMode, Opened, Peer, Store, StoreError,
};
use crate::record::{Key, Timestamp};
use crate::schema::SchemaChange;
use applied::{nothing_begun, out_of_date};
use budget::Spending;
use commit::Queue;
use cycle::Cycle;
use interruptible::{Calls, Interruptible};
use overlay::Overlay;
use saved::Approved;
use tracing::Instrument;

/// One link, ready to run.
#[derive(Clone)]
pub struct Engine {
    spec: LinkSpec,
    described: Sides<Description>,
    described_at: Sides<Timestamp>,
    /// What every plan of this engine is made over, but for store and time.
    over: PlannedOver,
    peers: Sides<Arc<dyn Peer>>,
    /// Calls answered by each side so far.
    calls: Sides<Calls>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    arbiter: Option<Arc<dyn Arbiter>>,
    neighbours: Vec<Neighbour>,
    remaps: bool,
}

/// A peer's description and when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Schema and capabilities.
    pub description: Description,
    /// When they were read from the peer.
    pub at: Timestamp,
}

/// Somebody who is told of progress.
pub type Progress = dyn Fn(&Event) + Send + Sync;

/// How to run.
#[derive(Clone)]
pub struct RunOptions {
    /// Scan both sides whole, whatever the policy says.
    pub full: bool,
    /// Which way this run may write, within what the link allows. What it may not write waits for
    /// a run that may.
    pub direction: Direction,
    /// Guards a person lets pass in this run, after a look at the plan: [`Guard::AllChanged`],
    /// [`Guard::FilterOrMappingChanged`], [`Guard::SchemaDrift`], [`Guard::DecodeDrift`],
    /// [`Guard::DestructiveSchema`], [`Guard::Flapping`]. Deletes are approved by number, in
    /// [`MaxDelete`].
    ///
    /// [`MaxDelete`]: crate::link::MaxDelete
    pub approved: BTreeSet<Guard>,
    /// What the store says was last agreed is not believed: its file was restored from a backup,
    /// copied, or mended. Both sides are read whole; what agrees is agreed on anew, what is empty on
    /// one side is filled in, all else is asked about (rule R30). This run makes, trashes and
    /// restores nothing. What it could not settle stays so in later runs, until a person decides.
    pub adopt: bool,
    /// Changes of the schemas a person asks for in this run. What is so already is passed over; what
    /// takes values away waits for [`Guard::DestructiveSchema`] in `approved`.
    pub schema: Sides<Vec<SchemaChange>>,
    /// Most commands this run sends to a remote side; the rest waits for the next (guard Budget).
    pub max_commands: Option<u64>,
    /// A wish to stop, looked at between pages and commands.
    pub cancel: Cancel,
    /// Told of progress; must not block.
    pub progress: Option<Arc<Progress>>,
    /// Who runs, for the message another process gets while the link is held.
    pub owner: String,
}

/// Which pairs are planned again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replan {
    /// Those marked for a look, as every run does.
    Marked,
    /// Every one.
    Everything,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            full: false,
            direction: Direction::Both,
            approved: BTreeSet::new(),
            adopt: false,
            schema: Sides::default(),
            max_commands: None,
            cancel: Cancel::default(),
            progress: None,
            owner: "notion-sync".into(),
        }
    }
}

impl std::fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunOptions")
            .field("full", &self.full)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("link", &self.spec.id)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Puts a link together.
    pub fn new(
        spec: LinkSpec,
        described: Sides<Described>,
        peers: Sides<Arc<dyn Peer>>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let described_at = described.as_ref().map(|side| side.at);
        let described = described.map(|side| side.description);
        let peers = peers.map(Interruptible::new);
        Self {
            over: PlannedOver::of(&spec, &described),
            spec,
            described,
            described_at,
            calls: peers.as_ref().map(Interruptible::calls),
            peers: peers.map(|peer| Arc::new(peer) as Arc<dyn Peer>),
            store,
            clock,
            arbiter: None,
            neighbours: Vec::new(),
            remaps: false,
        }
    }

    /// Names the other links of the same store whose records this one refers to, or gets records
    /// from and gives records to. References to the link's own collection need no name.
    #[must_use]
    pub fn neighbours(mut self, neighbours: Vec<Neighbour>) -> Self {
        self.neighbours = neighbours;
        self
    }

    /// Gives the program's own rule for fields whose authority is [`Authority::Arbiter`].
    ///
    /// [`Authority::Arbiter`]: crate::link::Authority::Arbiter
    #[must_use]
    pub fn arbiter(mut self, arbiter: Arc<dyn Arbiter>) -> Self {
        self.arbiter = Some(arbiter);
        self
    }

    /// The mapping is made from the schemas: a run that finds that fields came, went or hold
    /// something else now ends with [`RunError::SchemaChanged`] before it writes, so that the
    /// caller makes the mapping anew. Without this it goes on with the fields that are mapped.
    #[must_use]
    pub fn remaps(mut self) -> Self {
        self.remaps = true;
        self
    }

    /// Runs one cycle.
    ///
    /// # Errors
    /// [`RunError`] when the run could not go on; what was settled until then stays settled.
    pub async fn run(&self, options: &RunOptions) -> Result<Report, RunError> {
        let (report, _) = self.run_cycle(options, Budget::UNLIMITED, None).await?;
        Ok(report)
    }

    /// Carries out what a person approved of a saved plan, and nothing else.
    ///
    /// Recovers, observes and decides as [`Engine::run`] does. Of the commands decided now, those
    /// are carried out that equal an approved one; the rest stays planned for a later run. What
    /// settles without a write is settled. Guards hold as ever: approval is no override.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub async fn apply_plan(
        &self,
        plan: &Plan,
        approval: &Approval,
        options: &RunOptions,
    ) -> Result<AppliedPlan, RunError> {
        let opened = self.store.open(&self.spec, OpenMode::Read).await?;
        if let Some(why) = out_of_date(plan, &self.spec, &opened) {
            return Ok(nothing_begun(plan, approval, &why));
        }
        let (report, commands) = self
            .run_cycle(options, Budget::UNLIMITED, Some((plan, approval)))
            .await?;
        Ok(AppliedPlan {
            plan: plan.id(),
            commands,
            report: Some(report),
        })
    }

    /// One cycle under the lease, of a saved plan or of everything.
    async fn run_cycle(
        &self,
        options: &RunOptions,
        budget: Budget,
        saved: Option<(&Plan, &Approval)>,
    ) -> Result<(Report, Vec<AppliedCommand>), RunError> {
        let span = spans::run(self.spec.id.as_str());
        let result = pin!(self.cycle_once(options, budget, saved));
        let result = result.instrument(span.clone()).await;
        if let Ok((report, _)) = &result {
            span.record("outcome", tracing::field::debug(report.outcome));
            span.record(
                "settled",
                report.settled.left.total() + report.settled.right.total(),
            );
        }
        result
    }

    async fn cycle_once(
        &self,
        options: &RunOptions,
        budget: Budget,
        saved: Option<(&Plan, &Approval)>,
    ) -> Result<(Report, Vec<AppliedCommand>), RunError> {
        let fence = self.begin(options).await?;
        let result = self.under_lease(options, budget, saved, &fence).await;
        self.end(fence, result).await
    }

    async fn under_lease(
        &self,
        options: &RunOptions,
        budget: Budget,
        saved: Option<(&Plan, &Approval)>,
        fence: &Fence,
    ) -> Result<(Report, Vec<AppliedCommand>), RunError> {
        let mut cycle = self.cycle(options, fence).await?;
        cycle.spending = Spending::new(self, budget, options);
        cycle.approved = saved.map(|(plan, approval)| Approved::new(plan, approval, &cycle));
        // On the heap: it is large, and would be moved with every future around it.
        let report = Box::pin(cycle.run()).await?;
        let commands = match saved {
            Some((plan, approval)) => cycle.account_for(plan, approval, &report).await?,
            None => Vec::new(),
        };
        Ok((report, commands))
    }

    /// Plans one cycle without a single write anywhere: no lease, no commit, no command.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub async fn plan(&self, options: &RunOptions) -> Result<Plan, RunError> {
        Box::pin(self.dry_cycle(options).await?.plan()).await
    }

    /// Plans again from what the store remembers; neither side is read and nothing is written.
    ///
    /// Both answers ask for the same (P13): a pair that is not marked for a look needs none.
    /// [`Engine::verify`] counts those of which that does not hold.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn replan(&self, which: Replan, options: &RunOptions) -> Result<Plan, RunError> {
        self.dry_cycle(options).await?.replan(which).await
    }

    /// Why a record stands as it does, from what was last observed. Reads the store only.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn explain(&self, side: Side, key: &Key) -> Result<Option<Explanation>, RunError> {
        let store = Arc::clone(&self.store);
        let opened = store.open(&self.spec, OpenMode::Read).await?;
        let fence = Fence {
            link: self.spec.id.clone(),
            number: 0,
        };
        let options = RunOptions::default();
        Cycle::new(self, store, &options, opened, fence)
            .explain(side, key)
            .await
    }

    /// Makes the link where it is not there, and takes the lease.
    async fn begin(&self, options: &RunOptions) -> Result<Fence, RunError> {
        self.store.open(&self.spec, OpenMode::Write).await?;
        let ask = LeaseAsk::Take {
            owner: options.owner.clone(),
        };
        Ok(self.store.lease(&self.spec.id, &ask).await?)
    }

    /// A cycle under a lease, on what the store holds by now: another run may have committed
    /// before the lease was taken.
    async fn cycle<'a>(
        &'a self,
        options: &'a RunOptions,
        fence: &Fence,
    ) -> Result<Cycle<'a>, RunError> {
        let now = self.store.open(&self.spec, OpenMode::Write).await?;
        let store = Arc::clone(&self.store);
        let mut cycle = Cycle::new(self, store, options, now, fence.clone());
        cycle.name_run().await?;
        Ok(cycle)
    }

    /// What a plan made now is made over.
    fn planned_over(&self, opened: &Opened, at: Timestamp) -> PlannedOver {
        PlannedOver {
            lineage: opened.lineage,
            serial: opened.serial,
            at,
            ..self.over.clone()
        }
    }

    /// Gives the lease back. The first error is the one worth telling.
    async fn end<T>(&self, fence: Fence, result: Result<T, RunError>) -> Result<T, RunError> {
        let ask = LeaseAsk::Release(fence);
        let released = self.store.lease(&self.spec.id, &ask).await;
        let done = result?;
        match released {
            // It is another's by now: the run has told of it, or was over before.
            Ok(_) | Err(StoreError::Fenced) => Ok(done),
            Err(error) => Err(error.into()),
        }
    }

    /// A cycle without lease over a copy of what the store holds: nothing it writes is kept.
    async fn dry_cycle<'a>(&'a self, options: &'a RunOptions) -> Result<Cycle<'a>, RunError> {
        let overlay: Arc<dyn Store> = Arc::new(Overlay::new(Arc::clone(&self.store)));
        let opened = overlay.open(&self.spec, OpenMode::Read).await?;
        let ask = LeaseAsk::Take {
            owner: options.owner.clone(),
        };
        let fence = overlay.lease(&self.spec.id, &ask).await?;
        Ok(Cycle::new(self, overlay, options, opened, fence))
    }

    /// Calls that remote sides have answered so far.
    fn remote_calls(&self) -> u64 {
        let remote = Side::BOTH.into_iter().filter(|side| {
            let capabilities = &self.described[*side].capabilities;
            capabilities.requests_per_command > 0
        });
        remote.map(|side| self.calls[side].so_far()).sum()
    }

    /// What waits for a person, and how a person decides it.
    pub fn decisions(&self) -> Decisions<'_> {
        Decisions::new(&*self.store, &self.spec.id)
    }
}

#[cfg(test)]
mod tests;
