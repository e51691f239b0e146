//! Watch: one cycle after another, by the clock and by hints. Nothing is remembered between cycles
//! but what the store holds, so a watch can end and start again at any moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{Either, select};
use futures::task::AtomicWaker;

use super::RunError;
use crate::port::{Cancel, Clock};

/// When a watch runs a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rhythm {
    /// Longest rest between two cycles. How often both sides are read whole is a matter of the
    /// link's policy (`sweep_every`), not of this.
    pub poll_every: Duration,
    /// How long after a hint the cycle starts; further hints in that time are the same one.
    pub gather: Duration,
    /// Rest after a first failure that may pass; doubled with each further one.
    pub back_off: Duration,
    /// Longest rest after failures.
    pub back_off_at_most: Duration,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            poll_every: Duration::from_secs(30),
            gather: Duration::from_secs(2),
            back_off: Duration::from_secs(5),
            back_off_at_most: Duration::from_secs(600),
        }
    }
}

/// Rings when something may have changed: a webhook came in, a file was written. Cheap, never
/// blocks, and only ever a hint: what is not rung for is found by the next poll.
#[derive(Clone, Debug, Default)]
pub struct Bell(Arc<Hint>);

#[derive(Debug, Default)]
struct Hint {
    rung: AtomicBool,
    waker: AtomicWaker,
}

impl Bell {
    /// Hints that a cycle would find something.
    pub fn ring(&self) {
        self.0.rung.store(true, Ordering::SeqCst);
        self.0.waker.wake();
    }

    /// Completes when it was rung, and takes the hint.
    fn rung(&self) -> impl Future<Output = ()> + Unpin + use<'_> {
        std::future::poll_fn(|context| {
            self.0.waker.register(context.waker());
            if self.0.rung.swap(false, Ordering::SeqCst) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    }
}

/// A failure of a cycle, as far as a watch has to know it.
pub trait MayPass {
    /// Whether another try of the same program may fare better: time or a person can mend it.
    fn is_passing(&self) -> bool;
    /// Whether it is none, but somebody's wish to stop.
    fn is_cancelled(&self) -> bool;
}

impl MayPass for RunError {
    fn is_passing(&self) -> bool {
        match self {
            Self::Peer(error) => error.may_pass(),
            Self::Store(error) => error.may_pass(),
            // The mapping is made anew for the next cycle.
            Self::SchemaChanged(_) => true,
            // What only a decision meets, and bugs.
            _ => false,
        }
    }

    fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }
}

/// Runs cycles until somebody asks to stop.
#[derive(Debug)]
pub struct Watch {
    rhythm: Rhythm,
    bell: Bell,
}

impl Watch {
    /// A watch and, by [`Watch::bell`], a way to wake it.
    pub fn new(rhythm: Rhythm) -> Self {
        Self {
            rhythm,
            bell: Bell::default(),
        }
    }

    /// A bell for webhooks, file watchers, triggers.
    pub fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Runs `cycle` at once and then again and again: after a hint, at the latest after
    /// `poll_every`. A failure that may pass ([`MayPass::is_passing`]) is told by `told` and tried
    /// again after a growing rest, for as long as it takes: an outage, a collection that is not
    /// shared for an hour, a store without room. Any other ends the watch.
    ///
    /// # Errors
    /// The first failure that no later cycle can get over: credentials that are refused, a store that
    /// is gone, damaged, newer than the program or a copy of another. Being asked to stop is not one.
    pub async fn run<F, T, E>(
        &self,
        clock: &dyn Clock,
        cancel: &Cancel,
        mut cycle: impl FnMut() -> F,
        mut told: impl FnMut(&Result<T, E>),
    ) -> Result<(), E>
    where
        F: Future<Output = Result<T, E>>,
        E: MayPass,
    {
        let mut failures = 0;
        while !cancel.is_cancelled() {
            let result = cycle().await;
            told(&result);
            match result {
                Ok(_) => failures = 0,
                Err(error) if error.is_cancelled() => return Ok(()),
                Err(error) if error.is_passing() => failures += 1,
                Err(error) => return Err(error),
            }
            if failures == 0 {
                self.rest(clock, cancel).await;
            } else {
                // A hint is no reason to ask sooner somebody who just failed.
                or_cancelled(cancel, clock.sleep(self.after_failures(failures))).await;
            }
        }
        Ok(())
    }

    /// Waits for the next cycle to be due.
    async fn rest(&self, clock: &dyn Clock, cancel: &Cancel) {
        let due = select(self.bell.rung(), clock.sleep(self.rhythm.poll_every));
        let due = or_cancelled(cancel, due).await;
        if matches!(due, Some(Either::Left(_))) {
            or_cancelled(cancel, clock.sleep(self.rhythm.gather)).await;
            // What was rung meanwhile is covered by the cycle that starts now.
            self.bell.rung().now_or_never();
        }
    }

    fn after_failures(&self, failures: u32) -> Duration {
        let Rhythm {
            back_off,
            back_off_at_most,
            ..
        } = self.rhythm;
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(30));
        back_off.saturating_mul(doubled).min(back_off_at_most)
    }
}

/// The answer, or `None` if somebody asks to stop first.
async fn or_cancelled<T>(cancel: &Cancel, what: impl Future<Output = T> + Unpin) -> Option<T> {
    match select(what, cancel.cancelled()).await {
        Either::Left((answer, _)) => Some(answer),
        Either::Right(((), _)) => None,
    }
}
