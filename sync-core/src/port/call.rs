//! What travels with every call: priority, deadline, the wish to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// The circumstances of one call.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Whose turn it is when requests are scarce.
    pub lane: Lane,
    /// How long the caller will wait; `None`, however long it takes. The engine sets none: a step whose
    /// time is spent ends between two calls.
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

/// A shared wish to stop. The engine looks at it between pages and commands, and gives up reading
/// and waiting for it; a write under way is never given up.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<Wish>);

#[derive(Debug, Default)]
struct Wish {
    asked: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Cancel {
    /// Asks everyone who holds a clone to stop at the next safe point.
    pub fn cancel(&self) {
        self.0.asked.store(true, Ordering::SeqCst);
        let waiting = std::mem::take(&mut *self.0.waiting());
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Completes when somebody asks.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + Unpin + use<> {
        let wish = Arc::clone(&self.0);
        std::future::poll_fn(move |context| {
            let mut waiting = wish.waiting();
            if wish.asked.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
            if !waiting.iter().any(|known| known.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
    }
}

impl Wish {
    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Cancel;
    use futures::FutureExt;
    use futures::executor::block_on;

    #[test]
    fn everyone_who_waits_is_told_early_or_late() {
        let cancel = Cancel::default();
        let mut early = cancel.cancelled();
        assert_eq!((&mut early).now_or_never(), None);
        let other = cancel.clone();
        let told = async {
            futures::join!(early, cancel.cancelled(), async { other.cancel() });
        };
        block_on(told);
        assert_eq!(cancel.cancelled().now_or_never(), Some(()));
    }
}
