//! The rate limiter: fixed windows for each token, for each of its operations, and for the workspace.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::ApiError;

const WINDOW_SECONDS: i64 = 60;

/// The real length is not published, only that a wait may be longer than a minute.
const WORKSPACE_WINDOW_SECONDS: i64 = 300;

/// How many requests are let through. What is refused counts for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Requests of one token per 60 seconds; no limit when absent.
    pub per_token: Option<u32>,
    /// Requests of all tokens together per 300 seconds.
    pub per_workspace: Option<u32>,
    /// Requests of one token per 60 seconds for an operation by its name, such as `post-search`.
    pub per_endpoint: BTreeMap<String, u32>,
    /// Tokens that are refused whatever they ask, with no time to wait for.
    pub blocked: BTreeSet<String>,
}

/// Counts the requests of one window.
#[derive(Debug, Clone, Default)]
struct Window {
    number: Option<i64>,
    used: u32,
}

impl Window {
    /// Seconds until the next window, where this one is used up.
    fn wait(&self, limit: u32, length: i64, second: i64) -> Option<u64> {
        let is_this = self.number == Some(second.div_euclid(length));
        let full = if is_this {
            self.used >= limit
        } else {
            limit == 0
        };
        let wait = length - second.rem_euclid(length);
        full.then(|| u64::try_from(wait).unwrap_or(1))
    }

    fn spend(&mut self, length: i64, second: i64) {
        let number = Some(second.div_euclid(length));
        if self.number != number {
            (self.number, self.used) = (number, 0);
        }
        self.used = self.used.saturating_add(1);
    }
}

/// The limits, and what was used of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limiter {
    limits: Limits,
    tokens: BTreeMap<String, Window>,
    endpoints: BTreeMap<(String, &'static str), Window>,
    workspace: Window,
}

impl Limiter {
    /// New windows with these limits.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Changes the limit of a token, `None` for none; its window begins anew.
    pub(crate) fn set_per_token(&mut self, limit: Option<u32>) {
        self.limits.per_token = limit;
        self.tokens.clear();
    }

    /// Lets a request through, or says why not.
    pub(crate) fn spend(
        &mut self,
        now: Timestamp,
        token: &str,
        operation: &'static str,
    ) -> Result<(), ApiError> {
        let limits = &self.limits;
        if limits.blocked.contains(token) {
            return Err(rate_limited(None, "public_api_request_blocked"));
        }
        let second = now.as_second();
        let endpoint = limits.per_endpoint.get(operation).copied();
        let none = Window::default();
        let key = (token.to_owned(), operation);
        let windows = [
            (
                endpoint,
                self.endpoints.get(&key).unwrap_or(&none),
                WINDOW_SECONDS,
                "public_api_endpoint_rate_limit",
            ),
            (
                limits.per_token,
                self.tokens.get(token).unwrap_or(&none),
                WINDOW_SECONDS,
                "public_api_request_rate_limit",
            ),
            (
                limits.per_workspace,
                &self.workspace,
                WORKSPACE_WINDOW_SECONDS,
                "public_api_space_request_rate_limit",
            ),
        ];
        for (limit, window, length, reason) in windows {
            if let Some(wait) = limit.and_then(|limit| window.wait(limit, length, second)) {
                return Err(rate_limited(Some(wait), reason));
            }
        }
        if endpoint.is_some() {
            let window = self.endpoints.entry(key).or_default();
            window.spend(WINDOW_SECONDS, second);
        }
        if limits.per_token.is_some() {
            let window = self.tokens.entry(token.to_owned()).or_default();
            window.spend(WINDOW_SECONDS, second);
        }
        if limits.per_workspace.is_some() {
            self.workspace.spend(WORKSPACE_WINDOW_SECONDS, second);
        }
        Ok(())
    }
}

/// The 429 answer, with the wait in header and body if there is one to tell.
pub(crate) fn rate_limited(wait_seconds: Option<u64>, reason: &str) -> ApiError {
    let mut error = ApiError::new(
        429,
        "rate_limited",
        "You have been rate limited. Please try again in a few minutes.",
    )
    .with("rate_limit_reason", json!(reason));
    if let Some(seconds) = wait_seconds {
        error = error.with("retry_after", json!(seconds.to_string()));
        error.retry_after = Some(seconds);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(600 + second).unwrap()
    }

    /// The reason and the wait of a refusal.
    fn told(spent: Result<(), ApiError>) -> (String, Option<u64>) {
        let error = spent.unwrap_err();
        let reason = error.additional["rate_limit_reason"].as_str().unwrap();
        (reason.to_owned(), error.retry_after)
    }

    #[test]
    fn the_window_is_fixed_and_says_how_long_to_wait() {
        let mut limiter = Limiter::default();
        limiter.set_per_token(Some(2));
        assert!(limiter.spend(at(10), "t", "get-self").is_ok());
        assert!(limiter.spend(at(43), "t", "get-users").is_ok());
        let refused = limiter.spend(at(43), "t", "get-self");
        assert_eq!(
            told(refused),
            ("public_api_request_rate_limit".into(), Some(17))
        );
        assert!(limiter.spend(at(43), "u", "get-self").is_ok());
        assert!(limiter.spend(at(60), "t", "get-self").is_ok());
    }

    #[test]
    fn an_operation_and_the_workspace_have_windows_of_their_own() {
        let mut limiter = Limiter::new(Limits {
            per_workspace: Some(3),
            per_endpoint: BTreeMap::from([("post-search".into(), 1)]),
            ..Limits::default()
        });
        assert!(limiter.spend(at(0), "t", "post-search").is_ok());
        let refused = limiter.spend(at(1), "t", "post-search");
        assert_eq!(
            told(refused),
            ("public_api_endpoint_rate_limit".into(), Some(59))
        );
        assert!(limiter.spend(at(2), "u", "post-search").is_ok());
        assert!(limiter.spend(at(3), "t", "get-self").is_ok());
        let refused = limiter.spend(at(4), "t", "get-self");
        let wait = Some(296);
        assert_eq!(
            told(refused),
            ("public_api_space_request_rate_limit".into(), wait)
        );
    }

    #[test]
    fn who_is_blocked_is_told_no_time_and_off_never_refuses() {
        let mut limiter = Limiter::default();
        assert!((0..1000).all(|_| limiter.spend(at(0), "t", "get-self").is_ok()));
        limiter.limits.blocked.insert("t".into());
        let refused = limiter.spend(at(0), "t", "get-self");
        assert_eq!(told(refused), ("public_api_request_blocked".into(), None));
    }
}
