//! When to send a request again: a pure decision. Who sleeps and sends is the client.

use std::time::Duration;

use crate::transport::Sent;

/// What a request does at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Safety {
    /// Changes nothing: `GET`, and the `POST`s that query and search. May be sent again at any time.
    Read,
    /// May change something. Notion has no idempotency key, so it is sent again only when it certainly changed nothing.
    Write,
}

/// The limits of retrying.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How often a request is sent at most, the first time included. Default 5.
    pub max_attempts: u32,
    /// The mean of the first backoff; it doubles each time. Default 1 s.
    pub base: Duration,
    /// The longest backoff. A wait the server asks for may be longer. Default 30 s.
    pub max_backoff: Duration,
    /// How long all waits of one request may take together. Default 5 min.
    pub max_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            base: Duration::from_secs(1),
            max_backoff: Duration::from_secs(30),
            max_wait: Duration::from_secs(300),
        }
    }
}

impl RetryPolicy {
    /// Send once, whatever happens.
    #[must_use]
    pub fn never() -> Self {
        Self {
            max_attempts: 1,
            ..Self::default()
        }
    }

    /// The same policy with another number of attempts; 0 counts as 1.
    #[must_use]
    pub fn attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts.max(1);
        self
    }

    /// The same policy with another budget for all waits of a request.
    #[must_use]
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }
}

/// How an attempt ended, when it did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server, or the edge before it, answered.
    Status {
        /// The HTTP status.
        status: u16,
        /// How long the server asked to wait.
        retry_after: Option<Duration>,
        /// The reason was `public_api_request_blocked`: never to be tried again.
        blocked: bool,
    },
    /// There was no whole answer.
    Transport {
        /// Whether the server may have seen the request.
        sent: Sent,
    },
}

/// A failed attempt, as far as the decision needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What the request does.
    pub safety: Safety,
    /// Its number; the first is 1.
    pub number: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// How long this request has waited between its attempts so far.
    pub waited: Duration,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send it again after this time.
    Retry {
        /// The wait.
        after: Duration,
    },
    /// Report the failure.
    GiveUp,
}

/// Decides. `jitter` is a random number in `0.0..1.0`.
///
/// - 429 and 529 were refused before anything happened: sent again whatever the method, after exactly the time asked for.
/// - 500, 502, 503, 504, the edge's 520 to 524 and transport errors: reads only, or a write that certainly was not sent.
/// - everything else, 409 and an invalid cursor among it, needs a decision of the caller.
///
/// ```
/// use std::time::Duration;
/// use notion_sync_client::{Safety, retry::{self, Attempt, Decision, Outcome, RetryPolicy}};
/// let outcome = Outcome::Status { status: 429, retry_after: Some(Duration::from_secs(90)), blocked: false };
/// let attempt = Attempt { safety: Safety::Write, number: 1, outcome, waited: Duration::ZERO };
/// assert_eq!(
///     retry::decide(&RetryPolicy::default(), &attempt, 0.5),
///     Decision::Retry { after: Duration::from_secs(90) },
/// );
/// ```
#[must_use]
pub fn decide(policy: &RetryPolicy, attempt: &Attempt, jitter: f64) -> Decision {
    let after = match attempt.outcome {
        Outcome::Status { blocked: true, .. } => return Decision::GiveUp,
        Outcome::Status {
            status: 429 | 529,
            retry_after,
            ..
        } => retry_after.unwrap_or_else(|| backoff(policy, attempt.number, jitter)),
        Outcome::Status {
            status: 500 | 502 | 503 | 504 | 520..=524,
            retry_after,
            ..
        } if attempt.safety == Safety::Read => {
            retry_after
                .unwrap_or_default()
                .max(backoff(policy, attempt.number, jitter))
        }
        Outcome::Transport { sent } if sent == Sent::No || attempt.safety == Safety::Read => {
            backoff(policy, attempt.number, jitter)
        }
        Outcome::Status { .. } | Outcome::Transport { .. } => return Decision::GiveUp,
    };
    let in_budget = attempt
        .waited
        .checked_add(after)
        .is_some_and(|total| total <= policy.max_wait);
    if attempt.number < policy.max_attempts && in_budget {
        Decision::Retry { after }
    } else {
        Decision::GiveUp
    }
}

/// Exponential, between half and one and a half of its mean, and never above the longest.
fn backoff(policy: &RetryPolicy, number: u32, jitter: f64) -> Duration {
    let doubled = policy.base.saturating_mul(
        1_u32
            .checked_shl(number.saturating_sub(1))
            .unwrap_or(u32::MAX),
    );
    doubled
        .min(policy.max_backoff)
        .mul_f64(0.5 + jitter.clamp(0.0, 1.0))
        .min(policy.max_backoff)
}

/// Reads a `Retry-After` value: whole seconds, or an HTTP date, which is held against the server's own `Date` so that
/// the clock of this machine does not matter. Anything else is ignored.
#[must_use]
pub fn parse_retry_after(value: &str, server_time: Option<u64>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let at = parse_http_date(value)?;
    Some(Duration::from_secs(at.saturating_sub(server_time?)))
}

/// Reads an HTTP date into seconds since 1970.
#[must_use]
pub fn parse_http_date(value: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(value.trim()).ok()?;
    Some(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Outcome {
        Outcome::Status {
            status,
            retry_after: None,
            blocked: false,
        }
    }

    fn after(
        policy: &RetryPolicy,
        safety: Safety,
        number: u32,
        outcome: Outcome,
    ) -> Option<Duration> {
        match decide(
            policy,
            &Attempt {
                safety,
                number,
                outcome,
                waited: Duration::ZERO,
            },
            0.5,
        ) {
            Decision::Retry { after } => Some(after),
            Decision::GiveUp => None,
        }
    }

    #[test]
    fn writes_that_may_have_arrived_are_never_sent_again() {
        let policy = RetryPolicy::default();
        for code in (100..=599).filter(|code| ![429, 529].contains(code)) {
            assert_eq!(
                after(&policy, Safety::Write, 1, status(code)),
                None,
                "{code}"
            );
        }
        assert_eq!(
            after(
                &policy,
                Safety::Write,
                1,
                Outcome::Transport { sent: Sent::Maybe }
            ),
            None
        );
        assert!(
            after(
                &policy,
                Safety::Write,
                1,
                Outcome::Transport { sent: Sent::No }
            )
            .is_some()
        );
    }

    #[test]
    fn reads_are_sent_again_after_server_and_network_faults_only() {
        let policy = RetryPolicy::default();
        let retried: Vec<u16> = (100..=599)
            .filter(|code| after(&policy, Safety::Read, 1, status(*code)).is_some())
            .collect();
        assert_eq!(
            retried,
            [429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529]
        );
        assert!(
            after(
                &policy,
                Safety::Read,
                1,
                Outcome::Transport { sent: Sent::Maybe }
            )
            .is_some()
        );
    }

    #[test]
    fn pain_25_retry_after_is_obeyed_exactly_and_blocked_never_retried() {
        let policy = RetryPolicy::default();
        for code in [429, 529] {
            let wait = Some(Duration::from_secs(133));
            let outcome = Outcome::Status {
                status: code,
                retry_after: wait,
                blocked: false,
            };
            assert_eq!(after(&policy, Safety::Write, 1, outcome), wait);
            let outcome = Outcome::Status {
                status: code,
                retry_after: wait,
                blocked: true,
            };
            assert_eq!(after(&policy, Safety::Read, 1, outcome), None);
        }
    }

    #[test]
    fn attempts_and_total_wait_are_bounded() {
        let policy = RetryPolicy::default();
        assert!(after(&policy, Safety::Read, 4, status(500)).is_some());
        assert_eq!(after(&policy, Safety::Read, 5, status(500)), None);
        let outcome = Outcome::Status {
            status: 429,
            retry_after: Some(Duration::from_secs(301)),
            blocked: false,
        };
        assert_eq!(after(&policy, Safety::Read, 1, outcome), None);
        let late = Attempt {
            safety: Safety::Read,
            number: 2,
            outcome: status(503),
            waited: Duration::from_secs(299),
        };
        assert_eq!(decide(&policy, &late, 0.5), Decision::GiveUp);
        assert_eq!(
            after(
                &policy.attempts(u32::MAX),
                Safety::Read,
                4_000_000,
                status(500)
            ),
            Some(Duration::from_secs(30))
        );
    }

    #[test]
    fn backoff_doubles_and_jitters() {
        let policy = RetryPolicy::default();
        let waits: Vec<_> = (1..=4)
            .map(|n| {
                after(&policy, Safety::Read, n, status(500))
                    .unwrap()
                    .as_secs()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8]);
        assert_eq!(backoff(&policy, 1, 0.0), Duration::from_millis(500));
        assert_eq!(backoff(&policy, 9, 0.99), policy.max_backoff);
    }

    #[test]
    fn retry_after_takes_seconds_or_a_date_and_nothing_else() {
        let date = parse_http_date("Wed, 21 Oct 2026 07:28:00 GMT").unwrap();
        let cases = [
            ("17", None, Some(17)),
            (" 0 ", None, Some(0)),
            ("Wed, 21 Oct 2026 07:28:30 GMT", Some(date), Some(30)),
            ("Wed, 21 Oct 2026 07:27:30 GMT", Some(date), Some(0)),
            ("Wed, 21 Oct 2026 07:28:30 GMT", None, None),
            ("-5", Some(date), None),
            ("1.5", None, None),
            ("soon", Some(date), None),
            ("", None, None),
            ("99999999999999999999999", None, None),
        ];
        for (value, now, seconds) in cases {
            assert_eq!(
                parse_retry_after(value, now),
                seconds.map(Duration::from_secs),
                "{value}"
            );
        }
    }
}
