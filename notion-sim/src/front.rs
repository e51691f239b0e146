//! The front door: every request passes faults, authorisation, version and rate limit here before it
//! reaches an endpoint, and is written into the ledger. There is no socket here.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::clock::{Clock, http_date};
use crate::endpoint::form::Form;
use crate::endpoint::route::{self, Route};
use crate::endpoint::{Answer, Call, parse_query};
use crate::error::{ApiError, ApiResult};
use crate::faults::{Fault, FaultQueue, FaultRule};
use crate::knobs::Knobs;
use crate::ledger::{Ledger, LedgerEntry};
use crate::limiter::{Limiter, rate_limited};
use crate::model::World;
use crate::value::limit;
use crate::version::Version;
use crate::weather;

/// A request, read whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inbound {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) authorization: Option<String>,
    pub(crate) notion_version: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Bytes,
}

/// What the connection is to do with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Send,
    /// Close without a word.
    Drop,
    /// Close in the middle of the body.
    Truncate,
}

/// An answer before it is on the wire.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) status: u16,
    pub(crate) content_type: Cow<'static, str>,
    pub(crate) date: String,
    pub(crate) request_id: Option<String>,
    pub(crate) retry_after: Option<u64>,
    pub(crate) cf_ray: Option<String>,
    pub(crate) body: Bytes,
    pub(crate) delay: Duration,
    pub(crate) fate: Fate,
}

/// The simulator without its sockets: state, clock, limiter, faults, ledger.
#[derive(Debug)]
pub(crate) struct Simulation {
    pub(crate) world: World,
    pub(crate) clock: Clock,
    pub(crate) limiter: Limiter,
    pub(crate) faults: FaultQueue,
    pub(crate) ledger: Ledger,
    /// Requests on their way whose connection broke, by the time at which they arrive.
    late: VecDeque<(Timestamp, Inbound)>,
    /// Whether bodies of mutating requests are kept in the ledger.
    pub(crate) keeps_bodies: bool,
    request_ids: crate::ids::IdSource,
}

impl Simulation {
    pub(crate) fn new(
        mut world: World,
        clock: Clock,
        limiter: Limiter,
        token: &str,
        seed: u64,
    ) -> Self {
        world.set_token(token, true);
        Self {
            world,
            clock,
            limiter,
            faults: FaultQueue::new(seed),
            ledger: Ledger::new(100_000),
            late: VecDeque::new(),
            keeps_bodies: true,
            request_ids: crate::ids::IdSource::new(0x5e9),
        }
    }

    /// Sets the world's time to the clock's, and does what was due by then.
    pub(crate) fn tick(&mut self) -> Timestamp {
        let now = self.clock.now();
        while let Some((at, _)) = self.late.front()
            && *at <= now
            && let Some((at, request)) = self.late.pop_front()
        {
            self.world.catch_up(at);
            self.arrive(&request, at);
        }
        self.world.catch_up(now);
        now
    }

    /// Adds a fault.
    pub(crate) fn inject(&mut self, rule: FaultRule) {
        if let Fault::StaleRead { seconds } = rule.fault {
            let back = SignedDuration::from_secs(i64::from(seconds));
            self.world.memory = self.world.memory.max(back);
        }
        self.faults.push(rule);
    }

    /// Carries out a request whose sender has long given up.
    fn arrive(&mut self, request: &Inbound, now: Timestamp) {
        let route = route::find(&request.method, &request.path);
        let body = json_of(request, route);
        let mut entry = self.entry(request, route, body.as_ref(), now);
        entry.fault = Some("late_arrival".into());
        if let Ok(answer) = self.carry_out(request, route, body, now) {
            note(&mut entry, &answer);
        }
        self.ledger.record(entry);
    }

    /// The next request id.
    pub(crate) fn next_request_id(&mut self) -> String {
        self.request_ids.next_uuid().to_string()
    }

    /// Changes how far queries lag; what they show now may change with it.
    pub(crate) fn set_index_lag(&mut self, lag: SignedDuration) {
        self.world.index_lag = lag.max(SignedDuration::ZERO);
        for source in self.world.data_sources.values_mut() {
            source.version += 1;
        }
    }

    /// Changes the answers to open questions; what queries show now may change with it.
    pub(crate) fn set_knobs(&mut self, knobs: Knobs) {
        self.world.knobs = knobs;
        for source in self.world.data_sources.values_mut() {
            source.version += 1;
        }
    }

    /// Answers a request to the API.
    pub(crate) fn respond(&mut self, request: &Inbound) -> Outbound {
        let now = self.tick();
        let request_id = self.next_request_id();
        let route = route::find(&request.method, &request.path);
        let name = route.map(|route| route.name);
        let fault = self.faults.take(&request.method, &request.path, name);
        let mut out = Outbound {
            status: 200,
            content_type: "application/json; charset=utf-8".into(),
            date: http_date(now),
            request_id: Some(request_id.clone()),
            retry_after: None,
            cf_ray: None,
            body: Bytes::new(),
            delay: Duration::ZERO,
            fate: Fate::Send,
        };
        if let Some(Fault::LateArrival { after_ms }) = fault {
            let after = SignedDuration::try_from(Duration::from_millis(after_ms));
            let at = after.ok().and_then(|after| now.checked_add(after).ok());
            let at = at.unwrap_or(Timestamp::MAX);
            let place = self.late.partition_point(|(other, _)| *other <= at);
            self.late.insert(place, (at, request.clone()));
            out.fate = Fate::Drop;
            return out;
        }
        let body = json_of(request, route);
        let mut entry = self.entry(request, route, body.as_ref(), now);
        entry.fault = fault.as_ref().map(|fault| fault.kind().into());
        if let Some(Fault::StaleRead { seconds }) = fault
            && route.is_some_and(|route| !route.mutates)
        {
            self.world.staleness = SignedDuration::from_secs(i64::from(seconds));
        }

        let refused = fault.as_ref().and_then(before);
        let result = match refused {
            Some(Refusal::Drop) => {
                out.fate = Fate::Drop;
                self.ledger.record(entry);
                return out;
            }
            Some(Refusal::Edge(status)) => {
                html_edge(&mut out, status);
                entry.status = Some(status);
                self.ledger.record(entry);
                return out;
            }
            Some(Refusal::Error(error)) => Err(error),
            None => self.carry_out(request, route, body, now),
        };
        self.world.staleness = SignedDuration::ZERO;
        let result = match (result, &fault) {
            (Ok(answer), Some(Fault::CommitThen503 { with_id })) => {
                note(&mut entry, &answer);
                Err(saved_but_late(&answer, *with_id, name))
            }
            (result, _) => result,
        };
        match result {
            Ok(answer) => {
                note(&mut entry, &answer);
                out.status = answer.status;
                let answer = Answer {
                    body: match fault {
                        Some(Fault::ExtraFields) => weather::with_extra_fields(answer.body),
                        Some(Fault::UnknownValue) => {
                            weather::with_unknown_value(answer.body, self.faults.draw())
                        }
                        _ => answer.body,
                    },
                    ..answer
                };
                out.body = match answer.is_bare {
                    true => answer.body.into(),
                    false => with_request_id(answer.body, &request_id).into(),
                };
            }
            Err(error) => {
                out.status = error.status;
                out.retry_after = error.retry_after;
                out.body = error.to_body(&request_id).into();
            }
        }
        entry.status = Some(out.status);
        match fault {
            Some(Fault::DropAfterCommit) => {
                out.fate = Fate::Drop;
                entry.status = None;
            }
            Some(Fault::TruncateBody) => out.fate = Fate::Truncate,
            Some(Fault::DelayMs { ms }) => out.delay = Duration::from_millis(ms),
            _ => {}
        }
        self.ledger.record(entry);
        out
    }

    fn entry(
        &self,
        request: &Inbound,
        route: Option<&Route>,
        body: Option<&Value>,
        now: Timestamp,
    ) -> LedgerEntry {
        let mutating = route.map_or(request.method != "GET", |route| route.mutates);
        let properties = match body.and_then(|body| body.get("properties")) {
            Some(Value::Object(properties)) if mutating => properties.keys().cloned().collect(),
            _ => Vec::new(),
        };
        LedgerEntry {
            seq: 0,
            time: now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            body: if self.keeps_bodies {
                body.cloned()
            } else {
                None
            },
            status: None,
            mutating,
            committed: false,
            object_id: None,
            properties,
            fault: None,
        }
    }

    /// What cannot be read is refused before anybody looks who asks: the address, then the body, then
    /// the token, then the version.
    fn carry_out(
        &mut self,
        request: &Inbound,
        route: Option<&Route>,
        body: Option<Value>,
        now: Timestamp,
    ) -> ApiResult<Answer> {
        let route = route.ok_or_else(ApiError::unknown_url)?;
        if body.is_none() && !request.body.iter().all(u8::is_ascii_whitespace) {
            let message = "Error parsing JSON body.";
            return Err(ApiError::new(400, "invalid_json", message));
        }
        let authorization = request.authorization.as_deref().unwrap_or_default();
        self.let_in(route, authorization)?;
        let version = Version::parse(request.notion_version.as_deref())?;
        self.limiter
            .spend(now, authorization.trim_start_matches("Bearer "), route.name)?;
        let form = match route.takes_parts {
            true => Form::read(request.content_type.as_deref(), request.body.clone())?,
            false => Form::default(),
        };
        if request.body.len() > limit::BODY_BYTES && !route.takes_parts {
            return Err(ApiError {
                status: self.world.knobs.long_body_status,
                ..ApiError::too_long("body", limit::BODY_BYTES, request.body.len())
            });
        }
        let body = match body {
            Some(Value::Object(body)) => body,
            None => Map::new(),
            Some(other) => return Err(ApiError::body("body", "an object", Some(&other))),
        };
        let query = parse_query(&request.query);
        let call = Call {
            version,
            query: &query,
            body: &body,
            form: &form,
        };
        let answer = route.carry_out(&mut self.world, &request.path, &call);
        answer.map_err(|error| match route.is_for_clients && !error.is_oauth {
            true => ApiError::oauth(error.status, "invalid_request", Some(&error.message)),
            false => error,
        })
    }

    /// Looks at who asks: a connection by its token, or a program by its credentials.
    fn let_in(&self, route: &Route, authorization: &str) -> ApiResult<()> {
        if !route.is_for_clients {
            let token = authorization.strip_prefix("Bearer ");
            return match token.is_some_and(|token| self.world.is_good(token)) {
                true => Ok(()),
                false => Err(ApiError::new(401, "unauthorized", "API token is invalid.")),
            };
        }
        let client = &self.world.access.client;
        let known = STANDARD.encode(format!("{}:{}", client.id, client.secret));
        match authorization.strip_prefix("Basic ") == Some(&known) {
            true => Ok(()),
            false => Err(ApiError::oauth(401, "invalid_client", None)),
        }
    }
}

/// The body as JSON; of one in parts nothing is told.
fn json_of(request: &Inbound, route: Option<&Route>) -> Option<Value> {
    match route.is_some_and(|route| route.takes_parts) {
        true => Some(json!({})),
        false => serde_json::from_slice(&request.body).ok(),
    }
}

enum Refusal {
    Drop,
    Edge(u16),
    Error(ApiError),
}

/// What a fault does before anything is carried out.
fn before(fault: &Fault) -> Option<Refusal> {
    match fault {
        Fault::DropBefore => Some(Refusal::Drop),
        Fault::HtmlEdge { status } => Some(Refusal::Edge(*status)),
        Fault::Status {
            status,
            code,
            message,
            retry_after,
            reason,
        } => {
            let (usual_code, usual_message) = usual(*status);
            let mut error = if *status == 429 {
                let reason = reason.as_deref().unwrap_or("public_api_request_rate_limit");
                rate_limited(*retry_after, reason)
            } else {
                ApiError::new(*status, usual_code, usual_message)
            };
            if let Some(code) = code {
                error.code.clone_from(code);
            }
            if let Some(message) = message {
                error.message.clone_from(message);
            }
            if let (Some(seconds), true) = (retry_after, *status != 429) {
                error.retry_after = Some(*seconds);
                error = error.with("retry_after", json!(seconds.to_string()));
            }
            Some(Refusal::Error(error))
        }
        _ => None,
    }
}

fn usual(status: u16) -> (&'static str, &'static str) {
    match status {
        401 => ("unauthorized", "API token is invalid."),
        403 => (
            "restricted_resource",
            "Insufficient permissions for this endpoint.",
        ),
        404 => ("object_not_found", "Could not find object."),
        409 => (
            "conflict_error",
            "Conflict occurred while saving. Please try again.",
        ),
        429 => (
            "rate_limited",
            "You have been rate limited. Please try again in a few minutes.",
        ),
        500 => ("internal_server_error", "Unexpected error occurred."),
        502 => ("bad_gateway", "Bad gateway."),
        503 => (
            "service_unavailable",
            "Notion is unavailable, please try again later.",
        ),
        504 => ("gateway_timeout", "Gateway timeout."),
        529 => (
            "service_overload",
            "Notion is overloaded, please try again later.",
        ),
        _ => ("validation_error", "The request was refused."),
    }
}

fn html_edge(out: &mut Outbound, status: u16) {
    out.status = status;
    out.content_type = "text/html; charset=UTF-8".into();
    out.request_id = None;
    out.cf_ray = Some("8f2b1c0d9e7a6543-FRA".into());
    out.body = format!(
        "<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>Error {status}</h1></body></html>"
    )
    .into();
}

/// The 503 that says, more or less clearly, that the change was saved.
fn saved_but_late(answer: &Answer, with_id: bool, operation: Option<&str>) -> ApiError {
    let mut error = ApiError::new(
        503,
        "service_unavailable",
        "Notion is unavailable, please try again later.",
    );
    if with_id && answer.committed {
        error.message =
            "The change was saved, but the response could not be completed in time.".into();
        error = error
            .with("elapsed_ms", json!("55012"))
            .with("deadline_ms", json!("55000"))
            .with(
                "retry_guidance",
                json!([
                    "Read the object again to confirm the saved change.",
                    "Do not repeat the write."
                ]),
            );
        if let Some(id) = answer.object {
            error = error.with("committed_resource_id", json!(id.to_string()));
        }
        if operation == Some("patch-block-children") {
            let list: Value = serde_json::from_str(&answer.body).unwrap_or_default();
            let blocks = list["results"].as_array().into_iter().flatten();
            let ids: Value = blocks.map(|block| block["id"].clone()).collect();
            error = error.with("committed_child_ids", ids);
        }
    }
    error
}

fn note(entry: &mut LedgerEntry, answer: &Answer) {
    entry.committed = answer.committed;
    entry.object_id = answer.object.map(|id| id.to_string());
}

fn with_request_id(mut body: String, request_id: &str) -> String {
    if body.ends_with('}') {
        body.pop();
        let first = body.ends_with('{');
        body.push_str(if first { "\"" } else { ",\"" });
        body.push_str("request_id\":\"");
        body.push_str(request_id);
        body.push_str("\"}");
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn simulation() -> Simulation {
        let at: Timestamp = "2026-09-04T14:30:41Z".parse().unwrap();
        Simulation::new(
            World::new(1, at),
            Clock::Virtual(at),
            Limiter::default(),
            "t",
            1,
        )
    }

    fn get(path: &str) -> Inbound {
        Inbound {
            method: "GET".into(),
            path: path.into(),
            authorization: Some("Bearer t".into()),
            notion_version: Some("2026-03-11".into()),
            ..Inbound::default()
        }
    }

    fn code(out: &Outbound) -> String {
        let body: Value = serde_json::from_slice(&out.body).unwrap();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_door_checks_url_then_body_then_token_then_version() {
        let mut simulation = simulation();
        let mut request = Inbound {
            body: "{".into(),
            authorization: None,
            notion_version: None,
            ..get("/v1/nowhere")
        };
        let mut refused = |request: &Inbound| code(&simulation.respond(request));
        assert_eq!(refused(&request), "invalid_request_url");
        request.path = "/v1/users/me".into();
        assert_eq!(refused(&request), "invalid_json");
        request.body.clear();
        assert_eq!(refused(&request), "unauthorized");
        request.authorization = Some("Bearer t".into());
        assert_eq!(refused(&request), "missing_version");
        request.notion_version = Some("2026-03-11".into());
        assert_eq!(refused(&request), "");
    }

    #[test]
    fn an_operation_that_is_not_simulated_says_so() {
        let out = simulation().respond(&Inbound {
            method: "POST".into(),
            ..get("/v1/blocks/meeting_notes/query")
        });
        let body: Value = serde_json::from_slice(&out.body).unwrap();
        assert_eq!(body["code"], "invalid_request");
        assert_eq!(body["message"], "Unsupported request: query-meeting-notes.");
    }

    #[test]
    fn answers_carry_the_simulated_date_and_a_request_id() {
        let out = simulation().respond(&get("/v1/users/me"));
        assert_eq!(out.date, "Fri, 04 Sep 2026 14:30:41 GMT");
        let body: Value = serde_json::from_slice(&out.body).unwrap();
        assert_eq!(body["request_id"], json!(out.request_id.unwrap()));
    }
}
