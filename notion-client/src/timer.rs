//! Time as the client needs it: a monotonic reading and a sleep, so that tests run on a virtual clock.

use std::time::Duration;

use async_trait::async_trait;

/// A monotonic clock one can sleep on.
#[async_trait]
pub trait Timer: Send + Sync + 'static {
    /// Time since any fixed moment; never goes back.
    fn now(&self) -> Duration;

    /// Returns once `duration` is over. Dropping the future ends the sleep.
    async fn sleep(&self, duration: Duration);
}

/// Tokio's clock. Needs a runtime with its time driver on.
#[cfg(feature = "tokio")]
#[derive(Clone, Debug)]
pub struct TokioTimer {
    start: tokio::time::Instant,
}

#[cfg(feature = "tokio")]
impl Default for TokioTimer {
    fn default() -> Self {
        Self {
            start: tokio::time::Instant::now(),
        }
    }
}

#[cfg(feature = "tokio")]
#[async_trait]
impl Timer for TokioTimer {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
