//! Reading a recording: one exchange a line, sorted as they happened. What a line lacks is filled in; a
//! line that is no exchange stays in its place.

use serde_json::Value;

use crate::endpoint::route::{self, Route};

/// A recorded exchange.
pub(super) struct Recorded {
    pub(super) line: usize,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) version: String,
    pub(super) request: Value,
    pub(super) status: u16,
    pub(super) answer: Value,
}

/// A line of a recording.
pub(super) enum Line {
    Exchange(Recorded),
    /// The number of a line that is none.
    Odd(usize),
}

impl Recorded {
    pub(super) fn route(&self) -> Option<&'static Route> {
        route::find(&self.method, &self.path)
    }

    pub(super) fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether it makes objects: all that its answer names for the first time is new.
    pub(super) fn makes(&self) -> bool {
        let method = self.method.as_str();
        let makes = self.route().is_some_and(|route| route.mutates);
        makes && (method == "POST" || self.path.ends_with("/children"))
            || self.path.ends_with("/queries")
    }
}

/// Reads all lines that are not empty.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let exchange = serde_json::from_str::<Value>(line).ok();
        let recorded = exchange
            .as_ref()
            .and_then(|exchange| recorded(at + 1, exchange));
        let seq = exchange.and_then(|exchange| exchange["seq"].as_u64());
        let line = recorded.map_or(Line::Odd(at + 1), Line::Exchange);
        lines.push((seq.unwrap_or(at as u64), line));
    }
    lines.sort_by_key(|(seq, _)| *seq);
    lines.into_iter().map(|(_, line)| line).collect()
}

fn recorded(line: usize, exchange: &Value) -> Option<Recorded> {
    let text = |key: &str| exchange[key].as_str().unwrap_or_default().to_owned();
    let (method, mut path, mut query) = (text("method"), text("path"), text("query"));
    if method.is_empty() || path.is_empty() {
        return None;
    }
    // Some record the whole address.
    if let Some(at) = path.find("/v1/").filter(|_| path.contains("://")) {
        path = path.split_off(at);
    }
    if let Some((before, after)) = path.split_once('?') {
        query = [after, query.as_str()].join("&");
        path = before.to_owned();
    }
    let answer = match exchange.get("response_body")? {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    let version = match exchange["notion_version"].as_str() {
        Some(version) => version.to_owned(),
        None => "2026-03-11".to_owned(),
    };
    // A recording without a status is taken at its word.
    let status = exchange["status"].as_u64().unwrap_or(200);
    Some(Recorded {
        line,
        method,
        path,
        query,
        version,
        request: exchange["request_body"].clone(),
        status: u16::try_from(status).ok()?,
        answer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_come_in_the_order_of_their_numbers() {
        let line = |seq: u64| {
            format!(
                r#"{{"seq":{seq},"method":"GET","path":"https://api.notion.com/v1/users?page_size=2","response_body":{{}}}}"#
            )
        };
        let read = lines(&[line(1), "[".into(), line(0)].join("\n"));
        let numbers: Vec<_> = read
            .iter()
            .map(|line| match line {
                Line::Exchange(recorded) => {
                    assert_eq!(recorded.path, "/v1/users");
                    assert_eq!(recorded.query, "page_size=2&");
                    recorded.line
                }
                Line::Odd(line) => *line,
            })
            .collect();
        assert_eq!(numbers, [3, 1, 2]);
    }
}
