//! Processes: runs of the engine, polled one step at a time, killed anywhere, racing for the lease.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::task::noop_waker;

use super::history::History;
use super::peer::StagedPeer;
use super::store::StagedStore;
use super::world::PAUSED;
use crate::engine::{Described, Engine, Report, RunError, RunOptions};
use crate::link::{Side, Sides};
use crate::plan::{Guard, Plan};
use crate::port::{Call, Cancel, Clock, Peer, StoreError};
use crate::schema::{FieldId, SchemaChange};

/// Inputs and outputs after which a run counts as endless.
const ENDLESS: u64 = 20_000;
/// How long a description of the schemas stays good.
const DESCRIBE_EVERY: Duration = Duration::from_secs(3_600);

/// What a person lets pass at rest.
const APPROVED: [Guard; 5] = [
    Guard::AllChanged,
    Guard::FilterOrMappingChanged,
    Guard::SchemaDrift,
    Guard::DecodeDrift,
    Guard::Flapping,
];

pub(super) type Running<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A run under way.
pub(super) struct Process {
    number: u64,
    began: u64,
    full: bool,
    cancel: Cancel,
    future: Running<Result<Report, RunError>>,
}

impl Process {
    /// A run that was asked for, incremental.
    pub(super) fn new(
        number: u64,
        began: u64,
        cancel: Cancel,
        future: Running<Result<Report, RunError>>,
    ) -> Self {
        Self {
            number,
            began,
            full: false,
            cancel,
            future,
        }
    }
}

/// How a run ended, as the harness saw it.
#[derive(Debug)]
pub(super) enum Ended {
    /// By itself.
    With(Box<Result<Report, RunError>>),
    /// It was killed.
    Killed,
}

impl History {
    /// One run, perhaps beside another.
    pub(super) fn run(&mut self, full: bool) -> Vec<Ended> {
        let races = self.stage().lock().strain.races;
        let mut running = vec![self.start(full)];
        if self.entropy.chance(races) {
            self.stage().lock().count("two processes at once");
            running.push(self.start(full));
        }
        self.drive(running)
    }

    /// What one run would do.
    pub(super) fn plan(&mut self) -> Option<Result<Plan, RunError>> {
        let engine = self.engine();
        let future = async move { engine.plan(&RunOptions::default()).await };
        let (number, began) = self.enter();
        self.poll_alone(number, began, Box::pin(future))
    }

    pub(super) fn enter(&mut self) -> (u64, u64) {
        self.processes += 1;
        let tick = self.stage().lock().next_tick();
        (self.processes, tick)
    }

    pub(super) fn start(&mut self, full: bool) -> Process {
        let engine = self.engine();
        let (number, began) = self.enter();
        self.stage().lock().tally.runs += 1;
        let cancel = Cancel::default();
        let resting = self.stage().lock().approved;
        let approved = match resting {
            true => APPROVED.to_vec(),
            false if self.freedoms().fields_vanish && self.entropy.chance(200) => {
                self.stage().lock().count("field let in again");
                vec![Guard::SchemaDrift]
            }
            false => Vec::new(),
        };
        let scant = self.freedoms().budget && !resting && self.entropy.chance(300);
        let max_commands = scant.then(|| self.entropy.below(4));
        if scant {
            self.stage().lock().count("run with a budget");
        }
        let (adopt, schema) = match resting {
            true => (false, Sides::default()),
            false => (self.doubts(), self.removals()),
        };
        let options = RunOptions {
            full,
            adopt,
            schema,
            cancel: cancel.clone(),
            owner: format!("process {number}"),
            approved: approved.into_iter().collect(),
            max_commands,
            ..RunOptions::default()
        };
        let future = async move { engine.run(&options).await };
        Process {
            number,
            began,
            full,
            cancel,
            future: Box::pin(future),
        }
    }

    /// Whether a person starts this run because the memory is not to be believed.
    fn doubts(&mut self) -> bool {
        let doubts = self.freedoms().doubt && self.entropy.chance(100);
        if doubts {
            self.stage().lock().count("memory doubted");
        }
        doubts
    }

    /// Fields that a person asks to be removed; nobody ever confirms it.
    fn removals(&mut self) -> Sides<Vec<SchemaChange>> {
        let mut removals = Sides::default();
        if self.freedoms().removal && self.entropy.chance(200) {
            self.stage().lock().count("removal asked for");
            let field = FieldId::new(PAUSED);
            removals = Sides::from_fn(|_| {
                let field = field.clone();
                vec![SchemaChange::RemoveField { field }]
            });
        }
        removals
    }

    pub(super) fn engine(&mut self) -> Arc<Engine> {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let now = clock.now();
        for side in Side::BOTH {
            let fresh = |known: &Described| now.since(known.at) < DESCRIBE_EVERY && known.at <= now;
            if !self.described[side].as_ref().is_some_and(fresh) {
                self.described[side] = self.describe(side);
                self.engine = None;
            }
        }
        if let Some(engine) = &self.engine {
            return Arc::clone(engine);
        }
        let witness = self.witness();
        let remaps = self.remap();
        let described = Sides::from_fn(|side| {
            self.described[side].clone().unwrap_or(Described {
                description: self.habits[side].clone(),
                at: now,
            })
        });
        let peers = Sides::from_fn(|side| {
            let inner = self.world.place(side).peer();
            let capabilities = described[side].description.capabilities.clone();
            let staged = StagedPeer::new(side, inner, capabilities, witness.clone());
            Arc::new(staged) as Arc<dyn Peer>
        });
        let store = Arc::new(StagedStore::new(witness));
        let engine = Engine::new(self.link.clone(), described, peers, store, clock);
        let engine = if remaps { engine.remaps() } else { engine };
        Arc::clone(self.engine.insert(Arc::new(engine)))
    }

    /// Makes the mapping anew where it follows the schemas. Returns whether it does.
    fn remap(&mut self) -> bool {
        let schemas = Sides::from_fn(|side| match &self.described[side] {
            Some(described) => &described.description.schema,
            None => &self.habits[side].schema,
        });
        let Some(mut fields) = self.world.remap(schemas) else {
            return false;
        };
        self.stage().lock().remaps = true;
        self.freedoms().fields(&mut fields);
        self.link.mapping.fields = fields;
        // What follows a source was just made to do so. To look costs nothing there.
        for side in Side::BOTH {
            if self.habits[side].capabilities.requests_per_command == 0 {
                self.described[side] = self.describe(side);
            }
        }
        true
    }

    fn describe(&self, side: Side) -> Option<Described> {
        let peer = self.world.place(side).peer();
        let cancel = Cancel::default();
        let description = self.finish(peer.describe(&Call::new(&cancel))).ok()?;
        let at = self.clock.now();
        Some(Described { description, at })
    }

    /// Polls a future that has nothing to do with the stage to its end.
    pub(super) fn finish<T>(&self, future: impl Future<Output = T>) -> T {
        super::finish(&*self.world, future)
    }

    /// Polls one future on stage to its end, undisturbed.
    fn poll_alone<T>(&mut self, number: u64, began: u64, mut future: Running<T>) -> Option<T> {
        let waker = noop_waker();
        let mut context = Context::from_waker(&waker);
        for _ in 0..ENDLESS {
            {
                let mut stage = self.stage().lock();
                stage.process = (number, began);
                stage.paused = false;
            }
            match future.as_mut().poll(&mut context) {
                Poll::Ready(done) => return Some(done),
                Poll::Pending if self.stage().lock().paused => {}
                Poll::Pending => self.world.idle(),
            }
        }
        None
    }

    /// Polls processes in turns that chance decides, and lets things happen in between.
    pub(super) fn drive(&mut self, mut running: Vec<Process>) -> Vec<Ended> {
        let waker = noop_waker();
        let mut context = Context::from_waker(&waker);
        let mut ended = Vec::new();
        let mut steps = 0;
        while !running.is_empty() {
            let at = match running.len() {
                1 => 0,
                many => usize::try_from(self.entropy.below(many as u64)).unwrap_or(0),
            };
            let process = &mut running[at];
            {
                let mut stage = self.stage.lock();
                stage.process = (process.number, process.began);
                stage.paused = false;
            }
            match process.future.as_mut().poll(&mut context) {
                Poll::Ready(result) => {
                    let process = running.swap_remove(at);
                    if let Some(again) = self.after(process, &result, &running) {
                        running.push(again);
                    } else {
                        ended.push(Ended::With(Box::new(result)));
                    }
                }
                Poll::Pending if self.stage.lock().paused => {
                    steps += 1;
                    if steps > ENDLESS {
                        self.stage.lock().violation("a run does not come to an end");
                        return ended;
                    }
                    if self.between(&running[at]) {
                        self.stage.lock().tell(|| "dies".into());
                        drop(running.swap_remove(at));
                        self.world.process_died();
                        ended.push(Ended::Killed);
                    }
                }
                Poll::Pending => self.world.idle(),
            }
        }
        ended
    }

    /// A process found the lease taken: it may conclude that the owner is dead, and take over.
    fn after(
        &mut self,
        process: Process,
        result: &Result<Report, RunError>,
        others: &[Process],
    ) -> Option<Process> {
        self.note_result(result);
        let busy = matches!(result, Err(RunError::Store(StoreError::Busy { .. })));
        if !busy || others.is_empty() || !self.entropy.chance(500) {
            return None;
        }
        self.stage.lock().count("lease taken over");
        self.world.process_died();
        Some(self.start(process.full))
    }

    /// Between two steps of a process. Returns whether it dies.
    fn between(&mut self, process: &Process) -> bool {
        let strain = self.stage.lock().strain;
        let latency = Duration::from_millis(self.entropy.below(150));
        self.world.clock().advance(latency);
        self.deliver_some(200);
        if self.entropy.chance(strain.meanwhile) {
            self.stage.lock().count("edit during a run");
            self.people.act();
        }
        let planned = {
            let stage = self.stage.lock();
            stage.dies_at == Some(stage.tally.calls)
        };
        if planned {
            self.stage.lock().count("process died");
            return true;
        }
        if strain.dies > 0 && self.entropy.chance(strain.dies) {
            if self.entropy.chance(200) {
                self.stage.lock().count("stopped on request");
                process.cancel.cancel();
                return false;
            }
            self.stage.lock().count("process died");
            return true;
        }
        false
    }

    fn note_result(&mut self, result: &Result<Report, RunError>) {
        self.stage.lock().tell(|| format!("run ended {result:?}"));
        match result {
            Ok(report) => {
                let mut stage = self.stage.lock();
                for (guard, count) in &report.raised {
                    *stage.tally.guards.entry(*guard).or_default() += count;
                }
                stage.note_number(report.settled.left.total());
                stage.note_number(report.settled.right.total());
                stage.note_number(report.open_conflicts);
            }
            Err(error) => {
                if matches!(error, RunError::SchemaChanged(_)) {
                    self.described = Sides::default();
                }
                if let RunError::Outbox(illegal) = error {
                    self.stage.lock().violation(format!("E4: {illegal}"));
                }
            }
        }
    }
}
