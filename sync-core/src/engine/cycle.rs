//! State of one running cycle, and the order of its steps.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument;

use super::budget::{Budget, Spending};
use super::drift::UndecodedFields;
use super::marks::Marks;
use super::postpone::Postponed;
use super::references::Routes;
use super::saved::Approved;
use super::spans;
use super::{Engine, Event, Replan, Report, RunError, RunOptions, RunOutcome};
use crate::conflict::Conflict;
use crate::link::{Names, Side, Sides};
use crate::outbox::{Intent, IntentState};
use crate::pair::{PairId, PairState};
use crate::plan::{
    Explanation, FieldRule, FieldsOnHold, Guard, InFlight, PairContext, PairPlan, Plan, Refusal,
    explain, plan_pair,
};
use crate::port::{
    Awaited, Bookmark, Change, Commit, Committed, Description, Effect, Fence, LinkMemory, Opened,
    Query, Rows, RunId, RunRecord, Store, StoreError,
};
use crate::record::{Key, Timestamp};
use crate::value::Digest;

/// Looks at what is left to do per run; more would mean that something keeps changing.
const MAX_PASSES: u32 = 12;
/// In so many of them records are made after those they refer to; what is left then, the end of a
/// long chain, is made without and patched.
const WAVES: u32 = 5;
/// Pairs read and committed at a time.
pub(super) const CHUNK: u32 = 500;

pub(super) struct Cycle<'a> {
    pub(super) engine: &'a Engine,
    pub(super) store: Arc<dyn Store>,
    pub(super) options: &'a RunOptions,
    pub(super) described: Cow<'a, Sides<Description>>,
    /// Which record is which, as far as the pairs at hand refer to any.
    pub(super) names: Names,
    /// Where references lead.
    pub(super) routes: Routes,
    /// Pairs that refer to records without counterpart, and to which.
    pub(super) waits: BTreeMap<PairId, Vec<Awaited>>,
    /// Records that moved to another linked collection and have their counterpart there.
    pub(super) rehomed: BTreeSet<(PairId, Side)>,
    /// Whether a new record waits for those it refers to, which are on their way too: one command
    /// less for each that does.
    pub(super) patient: bool,
    pub(super) opened: Opened,
    pub(super) fence: Fence,
    pub(super) started: Timestamp,
    pub(super) run: RunId,
    pub(super) next_id: u64,
    pub(super) memory: LinkMemory,
    /// Pairs returned by this run's scan, per side; `None` where every pair counts as returned.
    pub(super) returned: Sides<Option<Marks>>,
    pub(super) scan_empty: Sides<bool>,
    /// When this run's scans began, on the clock that does not jump.
    pub(super) scan_elapsed: Sides<Option<Duration>>,
    pub(super) conflicts: BTreeMap<PairId, Vec<Conflict>>,
    pub(super) intents: BTreeMap<(PairId, Side), Intent>,
    pub(super) dead: BTreeMap<PairId, Vec<Intent>>,
    pub(super) postponed: Postponed,
    /// Pairs a peer refused for lack of permission in this run: tried again in the next.
    pub(super) refused: BTreeSet<PairId>,
    /// Records without counterpart that could be one of several on the other side.
    pub(super) ambiguous: BTreeSet<PairId>,
    /// The pairs this run is about, where it is not about all.
    pub(super) scope: Option<BTreeSet<PairId>>,
    /// The run this one takes back.
    pub(super) undoes: Option<RunId>,
    /// Pairs whose missing sides were read directly in this run.
    pub(super) probed: BTreeSet<(PairId, Side)>,
    pub(super) checked_schema: bool,
    /// Fields of which nothing propagates in this run.
    pub(super) on_hold: FieldsOnHold,
    pub(super) undecoded: UndecodedFields,
    /// What this run may spend, and has spent.
    pub(super) spending: Spending,
    /// When the lease was last known to be held, on the clock that does not jump.
    pub(super) leased_at: Duration,
    /// What is planned and not carried out: new records are not taken over at first sight.
    pub(super) dry: bool,
    /// What was decided and carried out at first sight, while records were read.
    pub(super) at_sight: Plan,
    /// The pairs of that.
    pub(super) tried: Marks,
    /// The approved commands of a saved plan: nothing else is carried out.
    pub(super) approved: Option<Approved>,
    planned_refusals: Vec<Refusal>,
    /// Schema commands tried in this run.
    pub(super) altered: BTreeSet<Digest>,
    pub(super) refused_schema: Vec<Refusal>,
    /// What the last survey decided, where it was little enough to be kept.
    pub(super) decided: Option<Vec<(PairState, PairPlan)>>,
    pub(super) report: Report,
}

impl<'a> Cycle<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        store: Arc<dyn Store>,
        options: &'a RunOptions,
        opened: Opened,
        fence: Fence,
    ) -> Self {
        let described = &engine.described;
        let started = engine.clock.now();
        let over = engine.planned_over(&opened, started);
        Self {
            engine,
            store,
            options,
            at_sight: Plan::new(&engine.spec, described, over),
            tried: Marks::default(),
            routes: Routes::default(),
            waits: BTreeMap::new(),
            rehomed: BTreeSet::new(),
            patient: true,
            described: Cow::Borrowed(described),
            names: Names::default(),
            started,
            run: RunId(started),
            next_id: opened.next_id,
            memory: opened.memory.clone(),
            opened,
            fence,
            returned: Sides::default(),
            scan_empty: Sides::default(),
            scan_elapsed: Sides::default(),
            conflicts: BTreeMap::new(),
            intents: BTreeMap::new(),
            dead: BTreeMap::new(),
            postponed: Postponed::new(),
            refused: BTreeSet::new(),
            ambiguous: BTreeSet::new(),
            scope: None,
            undoes: None,
            probed: BTreeSet::new(),
            checked_schema: false,
            on_hold: FieldsOnHold::default(),
            undecoded: UndecodedFields::new(),
            spending: Spending::new(engine, Budget::UNLIMITED, options),
            leased_at: engine.clock.elapsed(),
            dry: false,
            approved: None,
            planned_refusals: Vec::new(),
            altered: BTreeSet::new(),
            refused_schema: Vec::new(),
            decided: None,
            report: Report::new(),
        }
    }

    /// The whole cycle.
    pub(super) async fn run(&mut self) -> Result<Report, RunError> {
        let result = self.steps().await;
        self.finish(result).await
    }

    /// The end of a run, however its steps went.
    pub(super) async fn finish(
        &mut self,
        result: Result<(), RunError>,
    ) -> Result<Report, RunError> {
        match result {
            Ok(()) => {}
            Err(RunError::Cancelled) => {
                self.report.outcome = RunOutcome::Cancelled;
            }
            Err(RunError::Store(StoreError::Fenced)) => {
                // Nothing may be written any more, not even that the run is over.
                self.tell_lost_lease();
                return Ok(std::mem::replace(&mut self.report, Report::new()));
            }
            Err(error) => {
                let halted = error.is_unauthorized();
                let outcome = if halted { "halted" } else { "failed" };
                let record = self.run_record(outcome);
                // The run is over either way; the first error is the one worth telling.
                let _ = self.commit_without_memory(vec![Change::Run(record)]).await;
                return Err(error);
            }
        }
        self.tell_undelivered();
        self.tell_what_is_left();
        self.report.refusals.append(&mut self.planned_refusals);
        self.report.refusals.append(&mut self.refused_schema);
        for refusal in std::mem::take(&mut self.report.refusals) {
            self.report.raise(refusal.guard, refusal.count.max(1));
            self.report.refusals.push(refusal);
        }
        self.name_what_is_told().await?;
        self.report.waiting = self
            .intents
            .values()
            .filter(|intent| intent.state.is_unresolved())
            .count() as u64;
        self.report.open_conflicts = self
            .conflicts
            .values()
            .map(|conflicts| conflicts.len() as u64)
            .sum();
        if self.report.waiting > 0 && self.report.outcome == RunOutcome::Clean {
            let waiting = self.report.waiting;
            self.report.problem(
                RunOutcome::Partial,
                format!("{waiting} command(s) were sent and their outcome is not known yet"),
            );
        }
        let outcome = match self.report.outcome {
            RunOutcome::Clean => "clean",
            RunOutcome::Partial => "partial",
            RunOutcome::Halted => "halted",
            RunOutcome::Cancelled => "cancelled",
        };
        let mut record = vec![Change::Run(self.run_record(outcome))];
        if self.report.outcome == RunOutcome::Cancelled {
            self.commit_without_memory(record).await?;
        } else {
            self.remember_reading();
            let maintenance = self.maintenance();
            record.push(maintenance);
            self.commit(record, Vec::new()).await?;
        }
        self.report.undo_since = self.oldest_undoable().await?;
        Ok(std::mem::replace(&mut self.report, Report::new()))
    }

    async fn steps(&mut self) -> Result<(), RunError> {
        self.load().await?;
        self.attend_to_mapping().await?;
        self.recognise_open_commands().await?;
        self.recover_all().await?;
        self.give_up_bases().await?;
        self.observe_both().await?;
        if self.spending.unread {
            // Half of what was edited is not known: the step that reads the rest decides.
            return Ok(());
        }
        self.look_until_still().await
    }

    /// Plans, writes and looks again until nothing moves.
    pub(super) async fn look_until_still(&mut self) -> Result<(), RunError> {
        let mut moved = true;
        for pass in 1..=MAX_PASSES {
            self.match_new().await?;
            self.wake().await?;
            let plan = self.survey().await?;
            let held = self.guard(&plan).await?;
            // A refusal may only stand because an option was added since the schema was read, a
            // conflict because it was also taken away again.
            let quiet = plan.conflicts.is_empty() && plan.refusals.is_empty();
            let quiet = quiet && plan.schema.is_empty();
            let writes = plan.counts.commands() > 0 || !quiet;
            if writes && self.check_schema().await?.is_some() {
                continue;
            }
            // A later look replaces an earlier one: a refusal whose cause is gone is not told.
            self.planned_refusals.clone_from(&plan.refusals);
            self.planned_refusals.extend(held.refusals.iter().cloned());
            let deferred = plan.counts.deferred > 0;
            let circle = deferred && plan.counts.create == Sides::new(0, 0);
            self.take_turns(&plan, &held);
            let schema = plan.schema.clone();
            self.say(|| Event::Planned(Box::new(plan)));
            if self.alter(&schema).await? {
                continue;
            }
            if !schema.is_empty() {
                // Options may be paired otherwise by now.
                self.decided = None;
            }
            let queue = self.commit_plan(&held).await?;
            moved = self.apply(queue).await?;
            if circle || pass >= WAVES {
                self.patient = false;
                moved |= circle;
            }
            if !moved {
                break;
            }
            // A circle is opened in the next pass of the same run, or never.
            if self.is_spent() && !circle {
                // Perhaps nothing: a step that finds nothing costs a look.
                self.spending.left = true;
                return Ok(());
            }
        }
        if moved && !self.leaves_commands() {
            let what = "some records keep changing as they are written; the next run goes on";
            self.report.problem(RunOutcome::Partial, what);
        }
        Ok(())
    }

    /// The cycle up to its plan.
    pub(super) async fn plan(mut self) -> Result<Plan, RunError> {
        self.dry = true;
        self.load().await?;
        self.attend_to_mapping().await?;
        self.recover_all().await?;
        self.give_up_bases().await?;
        self.observe_both().await?;
        self.match_new().await?;
        self.wake().await?;
        let mut plan = self.survey().await?;
        let held = self.guard(&plan).await?;
        plan.refusals.extend(held.refusals);
        Ok(plan)
    }

    /// The plan over what is remembered, of the pairs marked for a look or of all.
    pub(super) async fn replan(mut self, which: Replan) -> Result<Plan, RunError> {
        self.dry = true;
        self.load().await?;
        self.attend_to_mapping().await?;
        self.match_new().await?;
        self.wake().await?;
        let pairs = match which {
            Replan::Marked => Query::Dirty,
            Replan::Everything => Query::All,
        };
        let nothing = Plan::new(
            &self.engine.spec,
            &self.described,
            self.at_sight.over.clone(),
        );
        let look = self.survey_once(&pairs, nothing, &Marks::default()).await?;
        let mut plan = look.plan;
        let held = self.guard(&plan).await?;
        plan.refusals.extend(held.refusals);
        Ok(plan)
    }

    async fn recover_all(&mut self) -> Result<(), RunError> {
        let span = spans::recover(self.intents.len());
        pin!(self.recover()).instrument(span).await
    }

    /// What earlier runs left open.
    pub(super) async fn load(&mut self) -> Result<(), RunError> {
        self.check_lineages()?;
        for side in Side::BOTH {
            // Written in the future, by a clock that has jumped back since: counted from now on.
            for at in self.memory.sides[side].ahead_of_index.values_mut() {
                *at = (*at).min(self.started);
            }
        }
        let link = self.engine.spec.id.clone();
        let conflicts = self
            .store
            .read(&link, &Query::Conflicts, None, u32::MAX)
            .await?;
        if let Rows::Conflicts(conflicts) = conflicts {
            for conflict in conflicts {
                self.conflicts
                    .entry(conflict.pair)
                    .or_default()
                    .push(conflict);
            }
        }
        let query = Query::Intents { dead: true };
        if let Rows::Intents(intents) = self.store.read(&link, &query, None, u32::MAX).await? {
            for intent in intents {
                if intent.state == IntentState::Dead {
                    self.dead.entry(intent.pair).or_default().push(intent);
                } else if intent.state == IntentState::Planned && intent.due_at.is_some() {
                    self.postponed.insert((intent.pair, intent.side), intent);
                } else {
                    self.intents.insert((intent.pair, intent.side), intent);
                }
            }
        }
        self.routes = Routes::new(self.engine, &self.described);
        self.routes.know_options(&self.memory.options);
        self.names = self.routes.bare().clone();
        self.load_waits().await
    }

    /// The decision about one record, from what was last observed.
    pub(super) async fn explain(
        mut self,
        side: Side,
        key: &Key,
    ) -> Result<Option<Explanation>, RunError> {
        self.load().await?;
        self.hold_fields();
        let query = Query::Heads(side, vec![key.clone()]);
        let rows = self
            .store
            .read(&self.engine.spec.id, &query, None, 1)
            .await?;
        let Rows::Heads(heads) = rows else {
            return Ok(None);
        };
        let Some(head) = heads.first() else {
            return Ok(None);
        };
        let Some(pair) = self.pair(head.id).await? else {
            return Ok(None);
        };
        self.meet(std::slice::from_ref(&pair)).await?;
        Ok(Some(self.with_context(&pair, explain)))
    }

    /// Decides one pair from what is known now.
    pub(super) fn decide(&self, pair: &PairState) -> PairPlan {
        let mut decided = self.with_context(pair, plan_pair);
        decided.withhold(self.options.direction);
        if self.options.adopt {
            decided.adopt_only();
        }
        decided
    }

    pub(super) fn with_context<T>(
        &self,
        pair: &PairState,
        decide: impl FnOnce(&PairContext<'_>, &PairState, &InFlight<'_>) -> T,
    ) -> T {
        let context = PairContext {
            spec: &self.engine.spec,
            described: &self.described,
            names: &self.names,
            now: self.started,
            arbiter: self.engine.arbiter.as_deref(),
            on_hold: &self.on_hold,
        };
        let presumed = Sides::from_fn(|side| {
            self.returned[side]
                .as_ref()
                .is_some_and(|marks| !marks.is_marked(pair.id))
        });
        let flight = InFlight {
            wait: self.why_wait(pair),
            presumed,
            may_flap: self.options.approved.contains(&Guard::Flapping),
            patient: self.patient && !self.dry && self.approved.is_none(),
            rehomed: Sides::from_fn(|side| self.rehomed.contains(&(pair.id, side))),
            conflicts: self.conflicts.get(&pair.id).into_iter().flatten().collect(),
            dead: self
                .dead
                .get(&pair.id)
                .into_iter()
                .flatten()
                .map(|dead| (&dead.command, dead.side, dead.note.as_deref().unwrap_or("")))
                .collect(),
        };
        decide(&context, pair, &flight)
    }

    fn why_wait(&self, pair: &PairState) -> Option<String> {
        let open = Side::BOTH
            .into_iter()
            .find_map(|side| self.intents.get(&(pair.id, side)));
        if let Some(intent) = open {
            let note = intent.note.clone();
            return Some(note.unwrap_or_else(|| FieldRule::F13.reason().to_owned()));
        }
        if let Some(first) = self.late_duplicate_of(pair) {
            return Some(late_duplicate(first));
        }
        if let Some(reason) = self.is_ambiguous(pair.id) {
            return Some(reason);
        }
        self.may_be_lost_create(pair)
    }

    /// Commits changes and effects with the memory and the next id.
    pub(super) async fn commit(
        &mut self,
        mut changes: Vec<Change>,
        effects: Vec<Effect>,
    ) -> Result<Committed, RunError> {
        let remembered = self.memory != self.opened.memory;
        if remembered {
            changes.push(Change::Memory(Box::new(self.memory.clone())));
        }
        let commit = Commit {
            expect: None,
            next_id: self.next_id,
            changes,
            effects,
        };
        let span = spans::commit(commit.changes.len(), commit.effects.len());
        let committed = self.store.commit(&self.fence, commit).instrument(span);
        let committed = committed.await?;
        if remembered {
            self.opened.memory = self.memory.clone();
        }
        Ok(committed)
    }

    /// Commits changes alone: the memory stays as it was.
    pub(super) async fn commit_changes(&mut self, changes: Vec<Change>) -> Result<(), RunError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.commit_without_memory(changes).await
    }

    pub(super) fn mint(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Whole pairs, in pages.
    pub(super) async fn pairs(
        &self,
        query: &Query,
        after: Option<Bookmark>,
    ) -> Result<Vec<PairState>, RunError> {
        let rows = self
            .store
            .read(&self.engine.spec.id, query, after, CHUNK)
            .await?;
        Ok(if let Rows::Pairs(pairs) = rows {
            pairs
        } else {
            Vec::new()
        })
    }

    pub(super) async fn pair(&self, pair: PairId) -> Result<Option<PairState>, RunError> {
        Ok(self
            .pairs(&Query::Pairs(vec![pair]), None)
            .await?
            .into_iter()
            .next())
    }

    pub(super) fn say(&self, event: impl FnOnce() -> Event) {
        if let Some(progress) = &self.options.progress {
            progress(&event());
        }
    }

    /// Whether anybody looks at a plan: a person, a saved plan, who is told of progress, or a
    /// budget that its commands share.
    pub(super) fn is_plan_shown(&self) -> bool {
        let told = self.options.progress.is_some() || self.approved.is_some();
        self.dry || told || self.room().is_some()
    }

    pub(super) fn is_in_scope(&self, pair: PairId) -> bool {
        self.scope
            .as_ref()
            .is_none_or(|scope| scope.contains(&pair))
    }

    pub(super) fn stop_if_asked(&self) -> Result<(), RunError> {
        if self.options.cancel.is_cancelled() {
            Err(RunError::Cancelled)
        } else {
            Ok(())
        }
    }

    pub(super) fn run_id(&self) -> RunId {
        self.run
    }

    /// How old the newest state is that the scan of this run can have shown.
    pub(super) fn age_of_scan(&self, side: Side) -> Duration {
        let lag = self.described[side].capabilities.index_lag;
        match self.scan_elapsed[side] {
            Some(began) => self.engine.clock.elapsed().saturating_sub(began) + lag,
            None => Duration::MAX,
        }
    }

    fn remember_reading(&mut self) {
        for side in Side::BOTH {
            let memory = &mut self.memory.sides[side];
            let at = self.engine.described_at[side];
            memory.described_at = memory.described_at.max(Some(at));
        }
    }

    /// For runs that broke off: cursors in memory may be ahead of what the store holds.
    async fn commit_without_memory(&mut self, changes: Vec<Change>) -> Result<(), RunError> {
        let commit = Commit {
            expect: None,
            next_id: self.next_id,
            changes,
            effects: Vec::new(),
        };
        self.store.commit(&self.fence, commit).await?;
        Ok(())
    }

    fn run_record(&self, outcome: &str) -> RunRecord {
        RunRecord {
            id: self.run_id(),
            ended_at: self.engine.clock.now(),
            outcome: outcome.to_owned(),
            settled: self.report.settled.left.total() + self.report.settled.right.total(),
            conflicts: self.report.open_conflicts,
            refused: self
                .report
                .refusals
                .iter()
                .map(|refusal| refusal.count)
                .sum(),
            undoes: self.undoes,
        }
    }
}

/// What people are told of a record that a lost create may have made.
pub(super) fn late_duplicate(first: PairId) -> String {
    format!(
        "it carries the marker of record {}, whose create was lost: that request may have arrived late",
        first.0
    )
}
