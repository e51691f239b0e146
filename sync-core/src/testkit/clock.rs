//! Time that stands still until a test moves it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;

use crate::port::Clock;
use crate::record::Timestamp;

/// A clock shared by everything in a test. Sleeping moves it.
#[derive(Clone, Debug)]
pub struct VirtualClock(Arc<Mutex<Times>>);

#[derive(Debug)]
struct Times {
    now: Timestamp,
    elapsed: Duration,
}

impl VirtualClock {
    /// A clock that shows this moment.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Times {
            now,
            elapsed: Duration::ZERO,
        })))
    }

    /// Lets time pass.
    pub fn advance(&self, span: Duration) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.now = times.now.plus(span);
        times.elapsed += span;
    }

    /// Sets the wall clock, as a person or a time server does. Time since the start goes on.
    pub fn jump_to(&self, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now = now;
    }
}

impl Default for VirtualClock {
    /// 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::at(Timestamp(1_767_225_600_000))
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now
    }

    fn elapsed(&self) -> Duration {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        // Only a sleep that somebody waits for takes time.
        let clock = self.clone();
        Box::pin(async move { clock.advance(span) })
    }
}
