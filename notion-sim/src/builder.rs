//! Setting up a simulator before it listens.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::faults::FaultRule;
use crate::front::Simulation;
use crate::hook::post;
use crate::knobs::Knobs;
use crate::limiter::{Limiter, Limits};
use crate::load::{self, LoadReport};
use crate::model::{NOTION, World};
use crate::server;
use crate::shared::Shared;
use crate::sim::NotionSim;
use crate::state::{self, StateError};

/// How long a change waits before the state file is written; more when writing takes long.
const SAVE_DELAY: Duration = Duration::from_millis(200);

/// What can go wrong while starting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A recording folder, the state file or the port could not be used.
    #[error("could not use `{what}`")]
    Io {
        /// The path or address.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The state file is not one of this simulator's.
    #[error("the state file is not readable")]
    State(#[from] StateError),
    /// The state file is not JSON.
    #[error("the state file is not JSON")]
    Json(#[from] serde_json::Error),
}

/// Settings of a simulator. The defaults: a free port, token `ntn_simulator`, 180 requests per
/// minute, no index lag, a cap of 10,000 results, the real clock, an empty workspace.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    port: u16,
    token: String,
    limits: Limits,
    faults: Vec<FaultRule>,
    index_lag: Duration,
    result_cap: usize,
    clock: Clock,
    knobs: Knobs,
    seed: u64,
    recordings: Vec<PathBuf>,
    state_file: Option<PathBuf>,
    state: Option<Value>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            port: 0,
            token: "ntn_simulator".into(),
            limits: Limits {
                per_token: Some(180),
                ..Limits::default()
            },
            faults: Vec::new(),
            index_lag: Duration::ZERO,
            result_cap: 10_000,
            clock: Clock::Real,
            knobs: Knobs::default(),
            seed: 1,
            recordings: Vec::new(),
            state_file: None,
            state: None,
        }
    }
}

impl Builder {
    /// Listens on this port of loopback; 0 picks a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The token that requests must carry.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }

    /// Requests of a token per fixed window of 60 seconds; `None` for no limit.
    pub fn rate_limit(mut self, per_minute: Option<u32>) -> Self {
        self.limits.per_token = per_minute;
        self
    }

    /// All limits at once, that of [`Builder::rate_limit`] among them.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Starts with a fault waiting, as [`NotionSim::inject`] adds them.
    pub fn fault(mut self, rule: impl Into<FaultRule>) -> Self {
        self.faults.push(rule.into());
        self
    }

    /// How long queries and searches do not see a change. Direct reads see it at once.
    pub fn index_lag(mut self, lag: Duration) -> Self {
        self.index_lag = lag;
        self
    }

    /// How many results a query reaches at most.
    pub fn result_cap(mut self, cap: usize) -> Self {
        self.result_cap = cap;
        self
    }

    /// The clock to run on. With a virtual clock time only moves when told to.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// A virtual clock that stands at `now`.
    pub fn virtual_clock(self, now: Timestamp) -> Self {
        self.clock(Clock::Virtual(now))
    }

    /// Answers to the questions that the documentation leaves open.
    pub fn knobs(mut self, knobs: Knobs) -> Self {
        self.knobs = knobs;
        self
    }

    /// The seed of all identifiers and of everything that is left to chance.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Starts from the workspace that the recordings in `folder` show. Several folders add up.
    pub fn load(mut self, folder: impl Into<PathBuf>) -> Self {
        self.recordings.push(folder.into());
        self
    }

    /// Starts from this file if it exists, and keeps it up to date.
    pub fn state_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.state_file = Some(file.into());
        self
    }

    /// Starts from a state as [`NotionSim::state`] gives it: a snapshot. A state file that exists counts
    /// for more.
    pub fn state(mut self, state: Value) -> Self {
        self.state = Some(state);
        self
    }

    /// Starts listening.
    ///
    /// # Errors
    /// When the port is taken, a folder cannot be read, or the state file is not readable. Odd lines
    /// of a recording are no error: see [`NotionSim::load_report`].
    pub async fn start(self) -> Result<NotionSim, StartError> {
        let address = format!("127.0.0.1:{}", self.port);
        let listener = TcpListener::bind(&address)
            .await
            .map_err(|source| StartError::Io {
                what: address.clone(),
                source,
            })?;
        let local = listener.local_addr().map_err(|source| StartError::Io {
            what: address,
            source,
        })?;
        let token = self.token.clone();
        let (shared, report) = self.into_shared()?;
        let base_url = format!("http://{local}");
        {
            let mut simulation = shared.lock();
            simulation.world.base_url.clone_from(&base_url);
            simulation.world.serves_itself = true;
        }
        let shared = Arc::new(shared);
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(server::serve(
            listener,
            Arc::clone(&shared),
            stopped.clone(),
        ));
        tokio::spawn(post::run(Arc::clone(&shared), stopped.clone()));
        if shared.has_file() {
            tokio::spawn(save_after_changes(Arc::clone(&shared), stopped));
        }
        Ok(NotionSim::new(shared, base_url, token, report, stop))
    }

    /// Starts without a socket, a runtime or a thread of its own: [`NotionSim::call`] is the way in. A
    /// state file is read and not kept up to date.
    ///
    /// # Errors
    /// When a folder cannot be read, or the state file is not readable.
    pub fn in_memory(self) -> Result<NotionSim, StartError> {
        let token = self.token.clone();
        let (shared, report) = self.into_shared()?;
        let (stop, _) = watch::channel(false);
        let base_url = NOTION.to_owned();
        Ok(NotionSim::new(
            Arc::new(shared),
            base_url,
            token,
            report,
            stop,
        ))
    }

    fn into_shared(self) -> Result<(Shared, LoadReport), StartError> {
        let mut world = World::new(self.seed, self.clock.now());
        world.index_lag = SignedDuration::try_from(self.index_lag).unwrap_or(SignedDuration::MAX);
        world.result_cap = self.result_cap.max(1);
        world.knobs = self.knobs;
        let limiter = Limiter::new(self.limits);
        let mut simulation = Simulation::new(world, self.clock, limiter, &self.token, self.seed);
        let mut report = LoadReport::default();
        let restored = match &self.state_file {
            Some(file) if file.exists() => {
                let text = std::fs::read_to_string(file).map_err(|source| StartError::Io {
                    what: file.display().to_string(),
                    source,
                })?;
                state::restore(&mut simulation, &serde_json::from_str(&text)?)?;
                true
            }
            _ => match &self.state {
                Some(state) => {
                    state::restore(&mut simulation, state)?;
                    true
                }
                None => false,
            },
        };
        // What was saved already contains what was loaded before it.
        if !restored {
            for folder in &self.recordings {
                let one =
                    load::load(&mut simulation.world, folder).map_err(|source| StartError::Io {
                        what: folder.display().to_string(),
                        source,
                    })?;
                report.add(one);
            }
        }
        // Restoring makes a new world, which is to know what faults need of it.
        for rule in self.faults {
            simulation.inject(rule);
        }
        Ok((Shared::new(simulation, self.state_file), report))
    }
}

async fn save_after_changes(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut delay = SAVE_DELAY;
    loop {
        tokio::select! {
            () = shared.changed.notified() => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        tokio::time::sleep(delay).await;
        let begun = tokio::time::Instant::now();
        if let Err(error) = shared.save().await {
            eprintln!("the state file could not be written: {error}");
        }
        // Saving is to take a small part of the time only.
        delay = SAVE_DELAY.max(begun.elapsed() * 5);
    }
}
