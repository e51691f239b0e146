//! Faults to inject, as plain data: the same for Rust and for `POST /_sim/faults`.

use serde::{Deserialize, Serialize};

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
}

/// Which requests a fault meets, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRule {
    /// Only this method; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only paths that contain this; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_contains: Option<String>,
    /// How many matching requests meet the fault.
    #[serde(default = "once")]
    pub times: u32,
    /// How many matching requests pass first.
    #[serde(default)]
    pub skip: u32,
    /// What happens to them.
    pub fault: Fault,
}

fn once() -> u32 {
    1
}

impl FaultRule {
    /// The fault meets the next request, whatever it is.
    #[must_use]
    pub fn next(fault: Fault) -> Self {
        Self {
            method: None,
            path_contains: None,
            times: 1,
            skip: 0,
            fault,
        }
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

    fn matches(&self, method: &str, path: &str) -> bool {
        self.method
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
#[derive(Debug, Default)]
pub(crate) struct FaultQueue {
    rules: Vec<FaultRule>,
}

impl FaultQueue {
    pub(crate) fn push(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The fault that this request meets. Every rule that matches and still skips counts down; the
    /// first ready one is spent.
    pub(crate) fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        let mut met = None;
        for rule in &mut self.rules {
            if rule.times == 0 || !rule.matches(method, path) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times -= 1;
            met = Some(rule.fault.clone());
            break;
        }
        self.rules.retain(|rule| rule.times > 0);
        met
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_count_skips_and_times() {
        let mut queue = FaultQueue::default();
        queue.push(
            FaultRule::next(Fault::DropBefore)
                .method("POST")
                .skip(1)
                .times(2),
        );
        assert_eq!(queue.take("GET", "/v1/pages"), None);
        assert_eq!(queue.take("POST", "/v1/pages"), None);
        assert_eq!(queue.take("POST", "/v1/pages"), Some(Fault::DropBefore));
        assert_eq!(queue.take("POST", "/v1/pages"), Some(Fault::DropBefore));
        assert_eq!(queue.take("POST", "/v1/pages"), None);
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
}
