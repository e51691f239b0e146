//! The simulator behind its lock, and saving it to a file.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::files;
use crate::front::{Inbound, Outbound, Simulation};
use crate::state::Snapshot;

/// What all connections and the embedding program share.
#[derive(Debug)]
pub(crate) struct Shared {
    simulation: Mutex<Simulation>,
    state_file: Option<PathBuf>,
    /// The revision that is in the file. Locked while a save runs.
    saved: tokio::sync::Mutex<Option<u64>>,
    /// Rings after each change.
    pub(crate) changed: Notify,
    /// Rings while there is something to post to subscriptions.
    pub(crate) told: Notify,
}

impl Shared {
    pub(crate) fn new(simulation: Simulation, state_file: Option<PathBuf>) -> Self {
        Self {
            simulation: Mutex::new(simulation),
            state_file,
            saved: tokio::sync::Mutex::new(None),
            changed: Notify::new(),
            told: Notify::new(),
        }
    }

    /// The simulator. A panic elsewhere does not make it unusable: each request checks before it
    /// changes anything.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Simulation> {
        self.simulation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request to the API, or to the store of files.
    pub(crate) fn respond(&self, request: &Inbound) -> Outbound {
        let mut simulation = self.lock();
        let before = simulation.world.revision;
        let out = match files::is_meant(request) {
            true => files::respond(&mut simulation, request),
            false => simulation.respond(request),
        };
        self.ring(&simulation, before);
        out
    }

    /// Rings for who waits for what was just done; `before` is the revision from before it.
    pub(crate) fn ring(&self, simulation: &Simulation, before: u64) {
        if simulation.world.revision != before {
            self.changed.notify_one();
        }
        if simulation.world.hooks.next_post().is_some() {
            self.told.notify_one();
        }
    }

    pub(crate) fn has_file(&self) -> bool {
        self.state_file.is_some()
    }

    /// Writes the state file if there is one and it is behind. Says whether it wrote.
    pub(crate) async fn save(&self) -> std::io::Result<bool> {
        let Some(path) = self.state_file.clone() else {
            return Ok(false);
        };
        let mut saved = self.saved.lock().await;
        let (revision, snapshot) = {
            let simulation = self.lock();
            let revision = simulation.world.revision;
            if *saved == Some(revision) && path.exists() {
                return Ok(false);
            }
            (revision, Snapshot::take(&simulation))
        };
        let write = move || write_whole(&path, &snapshot.into_document().to_string());
        let written = tokio::task::spawn_blocking(write).await;
        written.map_err(std::io::Error::other)??;
        *saved = Some(revision);
        Ok(true)
    }
}

/// Replaces a file so that a crash leaves the old or the new content, never a part.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let draft = path.with_file_name(name);
    let mut file = std::fs::File::create(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}
