//! The fixed-window rate limiter (request limits of the API: a window of 60 seconds per connection).

use jiff::Timestamp;
use serde_json::json;

use crate::error::ApiError;

const WINDOW_SECONDS: i64 = 60;

/// Counts requests of the current window.
#[derive(Debug, Clone)]
pub(crate) struct Limiter {
    per_minute: Option<u32>,
    window: i64,
    used: u32,
}

impl Limiter {
    /// `None` turns the limiter off.
    pub(crate) fn new(per_minute: Option<u32>) -> Self {
        Self {
            per_minute,
            window: i64::MIN,
            used: 0,
        }
    }

    /// Spends one request of the window that `now` falls in.
    pub(crate) fn spend(&mut self, now: Timestamp) -> Result<(), ApiError> {
        let Some(limit) = self.per_minute else {
            return Ok(());
        };
        let second = now.as_second();
        let window = second.div_euclid(WINDOW_SECONDS);
        if window != self.window {
            self.window = window;
            self.used = 0;
        }
        if self.used < limit {
            self.used += 1;
            return Ok(());
        }
        let wait = WINDOW_SECONDS - second.rem_euclid(WINDOW_SECONDS);
        Err(rate_limited(
            u64::try_from(wait).unwrap_or(1),
            "public_api_request_rate_limit",
        ))
    }
}

/// The 429 answer, with the wait in header and body.
pub(crate) fn rate_limited(wait_seconds: u64, reason: &str) -> ApiError {
    let mut error = ApiError::new(
        429,
        "rate_limited",
        "You have been rate limited. Please try again in a few minutes.",
    )
    .with("rate_limit_reason", json!(reason))
    .with("retry_after", json!(wait_seconds.to_string()));
    error.retry_after = Some(wait_seconds);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_fixed_and_says_how_long_to_wait() {
        let mut limiter = Limiter::new(Some(2));
        let at = |second: i64| Timestamp::from_second(600 + second).unwrap();
        assert!(limiter.spend(at(10)).is_ok());
        assert!(limiter.spend(at(43)).is_ok());
        assert_eq!(limiter.spend(at(43)).unwrap_err().retry_after, Some(17));
        assert!(limiter.spend(at(60)).is_ok());
    }

    #[test]
    fn off_never_refuses() {
        let mut limiter = Limiter::new(None);
        assert!((0..1000).all(|_| limiter.spend(Timestamp::UNIX_EPOCH).is_ok()));
    }
}
