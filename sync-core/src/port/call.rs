//! What travels with every call: priority, deadline, the wish to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The circumstances of one call.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Whose turn it is when requests are scarce.
    pub lane: Lane,
    /// How long the caller will wait.
    pub deadline: Option<Duration>,
    /// Set when the caller wants to stop at the next safe point.
    pub cancel: &'a Cancel,
}

impl<'a> Call<'a> {
    /// An ordinary call without deadline.
    pub fn new(cancel: &'a Cancel) -> Self {
        Self {
            lane: Lane::Normal,
            deadline: None,
            cancel,
        }
    }
}

/// Priority of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// A person waits.
    Interactive,
    /// Ordinary sync.
    #[default]
    Normal,
    /// Background sweeps.
    Sweep,
}

/// A shared wish to stop. The engine looks at it between pages and commands.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks everyone who holds a clone to stop at the next safe point.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
