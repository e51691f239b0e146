//! When a command that was refused for a passing reason is due again.

use std::time::Duration;

/// Waits that double from `first` up to `most`. Most passing reasons have passed by the second
/// attempt, so that one is made at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the second attempt.
    pub first: Duration,
    /// No wait is longer.
    pub most: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(30),
            most: Duration::from_secs(3600),
        }
    }
}

impl Backoff {
    /// How long to wait after so many attempts.
    pub fn after(&self, attempts: u32) -> Duration {
        match attempts.checked_sub(2) {
            None => Duration::ZERO,
            Some(doublings) => {
                let times = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
                self.first.saturating_mul(times).min(self.most)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_are_capped_however_many_attempts_there_were() {
        let backoff = Backoff::default();
        let waits: Vec<u64> = (0..6).map(|n| backoff.after(n).as_secs()).collect();
        assert_eq!(waits, [0, 0, 30, 60, 120, 240]);
        let mut last = Duration::ZERO;
        for attempts in 0..100 {
            let wait = backoff.after(attempts);
            assert!(wait >= last && wait <= backoff.most);
            last = wait;
        }
        assert_eq!(backoff.after(u32::MAX), backoff.most);
    }
}
