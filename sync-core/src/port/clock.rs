//! Time as a port, so that tests own it.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::record::Timestamp;

/// Wall clock, monotonic clock and timer.
pub trait Clock: Send + Sync {
    /// Wall-clock time. May jump.
    fn now(&self) -> Timestamp;
    /// Monotonic time since some fixed start.
    fn elapsed(&self) -> Duration;
    /// Completes after a span.
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()>;
}
