//! Faults to inject, as plain data: the same for Rust and for `POST /_sim/faults`.

use serde::{Deserialize, Serialize};

use crate::ids::IdSource;

/// What goes wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// An error answer in Notion's envelope; nothing is done.
    Status {
        /// HTTP status.
        status: u16,
        /// Error code; by default the usual one of the status.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// Message; by default Notion's own for the status.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// Seconds for `Retry-After` and `additional_data.retry_after`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
        /// `additional_data.rate_limit_reason`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The connection closes with no answer and nothing is done.
    DropBefore,
    /// The connection closes with no answer after the request was carried out.
    DropAfterCommit,
    /// A 503 after the request was carried out.
    #[serde(rename = "commit_then_503")]
    CommitThen503 {
        /// Whether the answer names the saved object and carries retry guidance.
        #[serde(default)]
        with_id: bool,
    },
    /// An HTML page of the network edge: no envelope, a `cf-ray` header, no request id.
    HtmlEdge {
        /// HTTP status.
        status: u16,
    },
    /// The normal answer, late.
    DelayMs {
        /// Milliseconds of real time.
        ms: u64,
    },
    /// The connection closes in the middle of the answer's body.
    TruncateBody,
    /// The connection closes with no answer; the request is carried out later, when its time has come on
    /// the simulated clock. It is in the ledger from then on.
    LateArrival {
        /// Milliseconds of simulated time.
        after_ms: u64,
    },
    /// A read shows pages as they were a while ago; one that is newer is not found. Of writes nothing
    /// becomes of it, nor of queries, which have a lag of their own.
    StaleRead {
        /// Seconds of simulated time. Versions are kept from when the first such rule is given.
        seconds: u32,
    },
    /// The normal answer with a member that nobody knows in every object that has a type.
    ExtraFields,
    /// The normal answer in which one value, drawn by the seed, is of a type that nobody knows.
    UnknownValue,
}

impl Fault {
    /// 429 with this `rate_limit_reason`. Without a wait there is no `Retry-After`, as for
    /// `public_api_request_blocked`.
    #[must_use]
    pub fn rate_limited(reason: &str, retry_after: Option<u64>) -> Self {
        Self::Status {
            status: 429,
            code: None,
            message: None,
            retry_after,
            reason: Some(reason.into()),
        }
    }

    /// An error of this status with its usual code and message: 409, 500, 502, 503, 504, 529. Nothing is
    /// done.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status {
            status,
            code: None,
            message: None,
            retry_after: None,
            reason: None,
        }
    }

    /// 529 with this wait in seconds.
    #[must_use]
    pub fn overload(retry_after: u64) -> Self {
        Self::Status {
            status: 529,
            code: None,
            message: None,
            retry_after: Some(retry_after),
            reason: None,
        }
    }

    /// What the ledger calls it: `kind` of the wire form.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::DropBefore => "drop_before",
            Self::DropAfterCommit => "drop_after_commit",
            Self::CommitThen503 { .. } => "commit_then_503",
            Self::HtmlEdge { .. } => "html_edge",
            Self::DelayMs { .. } => "delay_ms",
            Self::TruncateBody => "truncate_body",
            Self::LateArrival { .. } => "late_arrival",
            Self::StaleRead { .. } => "stale_read",
            Self::ExtraFields => "extra_fields",
            Self::UnknownValue => "unknown_value",
        }
    }
}

/// Which requests a fault meets, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct FaultRule {
    /// Only this method; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only paths that contain this; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_contains: Option<String>,
    /// Only this operation, by its name in the API's own description, such as `patch-page`; any when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// In how many of a thousand matching requests it strikes, drawn from the seed; in all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_mille: Option<u32>,
    /// How many requests meet the fault. In wire form once, or without end for a rule with a rate.
    pub times: u32,
    /// How many matching requests pass first.
    pub skip: u32,
    /// What happens to them.
    pub fault: Fault,
}

/// A rule in wire form, where nearly everything may be left out.
#[derive(Deserialize)]
struct Written {
    method: Option<String>,
    path_contains: Option<String>,
    route: Option<String>,
    per_mille: Option<u32>,
    times: Option<u32>,
    #[serde(default)]
    skip: u32,
    fault: Fault,
}

impl From<Written> for FaultRule {
    fn from(written: Written) -> Self {
        let endless = written.per_mille.map_or(1, |_| u32::MAX);
        Self {
            method: written.method,
            path_contains: written.path_contains,
            route: written.route,
            per_mille: written.per_mille,
            times: written.times.unwrap_or(endless),
            skip: written.skip,
            fault: written.fault,
        }
    }
}

impl FaultRule {
    /// The fault meets the next request, whatever it is.
    #[must_use]
    pub fn next(fault: Fault) -> Self {
        Self {
            method: None,
            path_contains: None,
            route: None,
            per_mille: None,
            times: 1,
            skip: 0,
            fault,
        }
    }

    /// The fault meets this many of a thousand requests, drawn from the seed, until faults are cleared.
    #[must_use]
    pub fn at_rate(fault: Fault, per_mille: u32) -> Self {
        Self {
            per_mille: Some(per_mille),
            times: u32::MAX,
            ..Self::next(fault)
        }
    }

    /// Only requests for this operation, such as `patch-page`.
    #[must_use]
    pub fn route(mut self, name: &str) -> Self {
        self.route = Some(name.into());
        self
    }

    /// Only requests with this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Only paths that contain `part`.
    #[must_use]
    pub fn path(mut self, part: &str) -> Self {
        self.path_contains = Some(part.into());
        self
    }

    /// This many requests meet the fault.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// This many matching requests pass first.
    #[must_use]
    pub fn skip(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    fn matches(&self, method: &str, path: &str, route: Option<&str>) -> bool {
        self.route
            .as_deref()
            .is_none_or(|wanted| route == Some(wanted))
            && self
                .method
                .as_ref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self
                .path_contains
                .as_ref()
                .is_none_or(|part| path.contains(part.as_str()))
    }
}

impl From<Fault> for FaultRule {
    fn from(fault: Fault) -> Self {
        Self::next(fault)
    }
}

/// The rules still waiting, in the order they were given.
#[derive(Debug)]
pub(crate) struct FaultQueue {
    rules: Vec<FaultRule>,
    /// For what is left to chance. Ids come from another source, so a draw does not change them.
    chance: IdSource,
}

impl FaultQueue {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rules: Vec::new(),
            chance: IdSource::new(seed ^ 0xfa17),
        }
    }

    pub(crate) fn push(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The fault that this request meets. Every rule that matches and still skips counts down; the
    /// first ready one is spent, of those with a rate the first that strikes.
    pub(crate) fn take(&mut self, method: &str, path: &str, route: Option<&str>) -> Option<Fault> {
        let mut met = None;
        for rule in &mut self.rules {
            if rule.times == 0 || !rule.matches(method, path, route) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if let Some(rate) = rule.per_mille
                && self.chance.next_word() % 1000 >= u64::from(rate)
            {
                continue;
            }
            if rule.times < u32::MAX {
                rule.times -= 1;
            }
            met = Some(rule.fault.clone());
            break;
        }
        self.rules.retain(|rule| rule.times > 0);
        met
    }

    /// A word of chance, for a fault that has a choice.
    pub(crate) fn draw(&mut self) -> u64 {
        self.chance.next_word()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_count_skips_and_times() {
        let mut queue = FaultQueue::new(1);
        queue.push(
            FaultRule::next(Fault::DropBefore)
                .method("POST")
                .skip(1)
                .times(2),
        );
        assert_eq!(queue.take("GET", "/v1/pages", None), None);
        assert_eq!(queue.take("POST", "/v1/pages", None), None);
        assert_eq!(
            queue.take("POST", "/v1/pages", None),
            Some(Fault::DropBefore)
        );
        assert_eq!(
            queue.take("POST", "/v1/pages", None),
            Some(Fault::DropBefore)
        );
        assert_eq!(queue.take("POST", "/v1/pages", None), None);
    }

    #[test]
    fn a_rule_reads_from_its_wire_form() {
        let rule: FaultRule = serde_json::from_str(
            r#"{"path_contains":"/query","fault":{"kind":"commit_then_503","with_id":true}}"#,
        )
        .unwrap();
        assert_eq!(rule.times, 1);
        assert_eq!(rule.fault, Fault::CommitThen503 { with_id: true });
    }

    #[test]
    fn a_rate_is_kept_for_its_own_operation_only() {
        let mut queue = FaultQueue::new(1);
        queue.push(FaultRule::at_rate(Fault::DropBefore, 30).route("post-page"));
        let mut struck = |route| {
            let hit = |_: &u32| queue.take("POST", "/v1/pages", Some(route)).is_some();
            (0..10_000).filter(hit).count()
        };
        assert_eq!(struck("patch-page"), 0);
        let struck = struck("post-page");
        assert!((250..350).contains(&struck), "{struck} of 10,000");
    }

    #[test]
    fn a_written_rate_has_no_end_unless_it_says_so() {
        let times = |text: &str| serde_json::from_str::<FaultRule>(text).unwrap().times;
        let fault = r#""fault":{"kind":"drop_before"}"#;
        assert_eq!(times(&format!(r#"{{"per_mille":5,{fault}}}"#)), u32::MAX);
        assert_eq!(times(&format!(r#"{{"per_mille":5,"times":2,{fault}}}"#)), 2);
    }
}
