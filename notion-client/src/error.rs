//! What can go wrong with a request, what it means for a mutation, and what to do about it.

use std::fmt;
use std::time::Duration;

use serde_json::value::RawValue;

use crate::json::{DecodeError, Fields, open_enum};
use crate::retry::Safety;
use crate::signed::unsigned;
use crate::token::Token;
use crate::transport::{Sent, TransportError, TransportErrorKind};

/// A request that brought no value. Neither `Debug` nor `Display` shows a token, a header or a body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The API answered with an error.
    #[error("{0}")]
    Api(Box<ApiError>),
    /// There was no whole answer.
    #[error("{method} {path}: no answer")]
    Transport {
        /// The method of the request.
        method: http::Method,
        /// The path of the request, without its query.
        path: String,
        /// Whether a mutation may have happened.
        sent: Sent,
        /// What went wrong.
        #[source]
        source: TransportError,
    },
    /// The API said yes, but its answer does not have the shape it should have.
    #[error("{method} {path}: the answer could not be understood")]
    Decode {
        /// The method of the request.
        method: http::Method,
        /// The path of the request, without its query.
        path: String,
        /// Whether a mutation may have happened: it did, if the request was one.
        sent: Sent,
        /// What was not understood.
        #[source]
        source: DecodeError,
    },
    /// Somebody before the API answered: a body that is not the API's JSON, such as a block page of Cloudflare.
    #[error("{0}")]
    Edge(Box<EdgeError>),
    /// The request is not one the API could accept, so it was not sent.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// Walking a list had to stop.
    #[error(transparent)]
    Paging(#[from] PagingError),
    /// The API asked everybody to wait, for longer than one request may wait
    /// ([`RetryPolicy::max_wait`](crate::RetryPolicy)). Nothing was sent.
    #[error("the api asked to wait {} s more; try again then", .wait.as_secs())]
    Paused {
        /// How much longer.
        wait: Duration,
    },
}

/// What kind of failure it is, for code that decides by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The token is not valid (401). Concerns the whole run.
    Unauthorized,
    /// The connection lacks a capability, or the workspace blocks it (403).
    Forbidden,
    /// Absent, or not shared with the connection (404). Never a proof of deletion.
    NotFound,
    /// The request is wrong (400, 413).
    Rejected,
    /// A transaction conflict (409): read again, then decide.
    Conflict,
    /// Too many requests (429), also after the retries.
    RateLimited,
    /// The server failed or is overloaded (5xx).
    Server,
    /// No connection, or a broken one.
    Network,
    /// No answer in time.
    Timeout,
    /// An answer that could not be understood.
    Decode,
    /// An answer that did not come from the API.
    Edge,
    /// A request that was not sent.
    Invalid,
    /// A list that does not end.
    Paging,
    /// None of these.
    Other,
}

impl Error {
    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Api(error) => match (error.status, &error.code) {
                (_, ErrorCode::Unauthorized) | (401, _) => ErrorKind::Unauthorized,
                (_, ErrorCode::RestrictedResource) | (403, _) => ErrorKind::Forbidden,
                (_, ErrorCode::ObjectNotFound) | (404, _) => ErrorKind::NotFound,
                (409, _) => ErrorKind::Conflict,
                (429, _) => ErrorKind::RateLimited,
                (400 | 413, _) => ErrorKind::Rejected,
                (500.., _) => ErrorKind::Server,
                _ => ErrorKind::Other,
            },
            Self::Transport { source, .. } => match source.kind {
                TransportErrorKind::Timeout => ErrorKind::Timeout,
                TransportErrorKind::Request => ErrorKind::Invalid,
                _ => ErrorKind::Network,
            },
            Self::Decode { .. } => ErrorKind::Decode,
            Self::Edge(_) => ErrorKind::Edge,
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::Paging(_) => ErrorKind::Paging,
            Self::Paused { .. } => ErrorKind::RateLimited,
        }
    }

    /// Whether the same request may succeed later. Says nothing about whether it is safe to send again: that is
    /// [`Error::sent`].
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Api(error) => {
                !error.is_blocked()
                    && (matches!(error.status, 429 | 500 | 502 | 503 | 504 | 529)
                        || error.code == ErrorCode::ConflictError)
            }
            Self::Transport { source, .. } => !matches!(
                source.kind,
                TransportErrorKind::Request | TransportErrorKind::TooLarge
            ),
            Self::Edge(error) => matches!(error.status, 429 | 500..),
            Self::Paused { .. } => true,
            Self::Decode { .. } | Self::Invalid(_) | Self::Paging(_) => false,
        }
    }

    /// Whether a mutation may have happened: `No` for reads, for refusals (4xx, 529) and for what never left.
    #[must_use]
    pub fn sent(&self) -> Sent {
        match self {
            Self::Api(error) => error.sent,
            Self::Transport { sent, .. } | Self::Decode { sent, .. } => *sent,
            Self::Edge(error) => error.sent,
            Self::Invalid(_) | Self::Paging(_) | Self::Paused { .. } => Sent::No,
        }
    }

    /// The API's own error, when it is one.
    #[must_use]
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// How long the server asked to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api(error) => error.retry_after,
            Self::Edge(error) => error.retry_after,
            Self::Paused { wait } => Some(*wait),
            _ => None,
        }
    }

    /// What a write that answered 503 had created all the same, or the parent it had appended to.
    #[must_use]
    pub fn committed_resource_id(&self) -> Option<&str> {
        self.api()?.committed_resource_id()
    }

    /// Whether the list's cursor was refused: restart the scan, never go on from there.
    #[must_use]
    pub fn is_invalid_cursor(&self) -> bool {
        // The API has no code of its own for it; the message is the only evidence there is.
        self.api().is_some_and(|error| {
            error.code == ErrorCode::ValidationError
                && error.message.contains("start_cursor provided is invalid")
        })
    }
}

open_enum! {
    /// The `code` of an error answer.
    ErrorCode {
        InvalidJson = "invalid_json",
        InvalidRequestUrl = "invalid_request_url",
        InvalidRequest = "invalid_request",
        ValidationError = "validation_error",
        MissingVersion = "missing_version",
        InvalidBeta = "invalid_beta",
        InvalidGrant = "invalid_grant",
        InvalidClient = "invalid_client",
        Unauthorized = "unauthorized",
        RestrictedResource = "restricted_resource",
        ObjectNotFound = "object_not_found",
        ConflictError = "conflict_error",
        RowLimitExceeded = "row_limit_exceeded",
        RateLimited = "rate_limited",
        InternalServerError = "internal_server_error",
        BadGateway = "bad_gateway",
        ServiceUnavailable = "service_unavailable",
        DatabaseConnectionUnavailable = "database_connection_unavailable",
        GatewayTimeout = "gateway_timeout",
        ServiceOverload = "service_overload",
    }
}

/// An error the API answered with.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiError {
    /// The method of the request.
    pub method: http::Method,
    /// The path of the request, without its query.
    pub path: String,
    /// The HTTP status.
    pub status: u16,
    /// The code: branch on this, never on the message.
    pub code: ErrorCode,
    /// The server's words. They may quote what was sent, so `Debug` leaves them out; `Display` shows their start.
    pub message: String,
    /// What to give Notion's support.
    pub request_id: Option<String>,
    /// Details: name and texts.
    pub additional_data: Vec<(String, Vec<String>)>,
    /// How long the server asked to wait.
    pub retry_after: Option<Duration>,
    /// Whether a mutation may have happened.
    pub sent: Sent,
    token: String,
}

impl ApiError {
    /// The texts of one detail.
    pub fn detail(&self, name: &str) -> impl Iterator<Item = &str> {
        self.additional_data
            .iter()
            .filter(move |(key, _)| key == name)
            .flat_map(|(_, texts)| texts.iter().map(String::as_str))
    }

    /// What a write that answered 503 had created all the same (page, database), or the parent it had appended to.
    #[must_use]
    pub fn committed_resource_id(&self) -> Option<&str> {
        self.detail("committed_resource_id").next()
    }

    /// The blocks an append had created before it answered 503, in the order of the request.
    #[must_use]
    pub fn committed_child_ids(&self) -> Vec<&str> {
        self.detail("committed_child_ids").collect()
    }

    /// What the server says to do before sending it again.
    #[must_use]
    pub fn retry_guidance(&self) -> Vec<&str> {
        self.detail("retry_guidance").collect()
    }

    /// Why the rate limit refused: connection, workspace, endpoint, or blocked.
    #[must_use]
    pub fn rate_limit_reason(&self) -> Option<&str> {
        self.detail("rate_limit_reason").next()
    }

    /// The connection is blocked: asking again never helps.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.rate_limit_reason() == Some("public_api_request_blocked")
    }

    fn advice(&self) -> Option<String> {
        Some(match (self.status, &self.code) {
            (401, _) => format!("check the token {}", self.token),
            (404, ErrorCode::ObjectNotFound) => {
                "it does not exist, or is not shared: share the page or data source with the connection".into()
            }
            (403, _) if self.detail("block_limit").next().is_some() => {
                "the workspace has used up its blocks; its plan has to change before anything can be created".into()
            }
            (403, _) => "give the connection the capability it lacks, or share the page with it".into(),
            (409, ErrorCode::ConflictError) => "read it again, then send it again".into(),
            (429, _) if self.is_blocked() => "the connection is blocked by Notion; do not try again".into(),
            (429 | 529, _) => "try again later, and let connections share the limit".into(),
            (500.., _) if self.committed_resource_id().is_some() => {
                "the change was saved all the same; read it instead of sending it again".into()
            }
            (500.., _) if self.sent == Sent::Maybe => "the change may have been saved; look before sending it again".into(),
            (400, ErrorCode::MissingVersion) => "set the Notion-Version".into(),
            _ => return None,
        })
    }

    /// Reads the envelope; `None` when the body is not one.
    pub(crate) fn decode(context: &Context<'_>, body: &str) -> Option<Self> {
        let fields = Fields::parse("error", body).ok()?;
        // OAuth answers `{error, request_id}` instead of the envelope.
        let code = fields.text("code").or_else(|| fields.text("error"))?;
        let additional_data: Vec<(String, Vec<String>)> = fields
            .soft::<Fields<'_>>("additional_data")
            .map(|data| {
                data.into_entries()
                    .into_iter()
                    .map(|(key, raw)| (key.into_owned(), texts(raw)))
                    .collect()
            })
            .unwrap_or_default();
        let hint = additional_data
            .iter()
            .find(|(key, _)| key == "retry_after")
            .and_then(|(_, texts)| crate::retry::parse_retry_after(texts.first()?, None));
        Some(Self {
            method: context.method.clone(),
            path: context.path.to_owned(),
            status: context.status,
            code: ErrorCode::from(&*code),
            message: told(&fields.string("message").unwrap_or_default(), context),
            request_id: fields
                .string("request_id")
                .or_else(|| context.request_id.map(str::to_owned)),
            additional_data,
            retry_after: context.retry_after.or(hint),
            sent: sent_by_status(context.safety, context.status),
            token: context.token.to_string(),
        })
    }
}

/// A message without the token and without what signs an address: a proxy may echo what was sent to
/// it, and Notion quotes what it refuses.
fn told(message: &str, context: &Context<'_>) -> String {
    unsigned(&message.replace(context.token.secret(), "…")).into_owned()
}

impl std::error::Error for ApiError {}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 300;
        write!(
            f,
            "{} {}: {} ({})",
            self.method, self.path, self.code, self.status
        )?;
        // What follows quotes the value that was refused.
        let shown = self.message.split(", instead was").next().unwrap_or("");
        if !shown.is_empty() {
            let end = shown
                .char_indices()
                .nth(SHOWN)
                .map_or(shown.len(), |(at, _)| at);
            write!(
                f,
                ", {}{}",
                &shown[..end],
                if end < self.message.len() { "…" } else { "" }
            )?;
        }
        if let Some(advice) = self.advice() {
            write!(f, "; {advice}")?;
        }
        if let Some(request_id) = &self.request_id {
            write!(f, " [request {request_id}]")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("status", &self.status)
            .field("code", &self.code)
            .field("request_id", &self.request_id)
            .field("retry_after", &self.retry_after)
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

/// An answer that is not the API's: the edge before it, or a proxy. Its body is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EdgeError {
    /// The method of the request.
    pub method: http::Method,
    /// The path of the request, without its query.
    pub path: String,
    /// The HTTP status.
    pub status: u16,
    /// Cloudflare's id of the exchange.
    pub cf_ray: Option<String>,
    /// The type of the body.
    pub content_type: Option<String>,
    /// How long the body is, in bytes.
    pub body_bytes: usize,
    /// How long to wait, if it said so.
    pub retry_after: Option<Duration>,
    /// Whether a mutation may have happened.
    pub sent: Sent,
}

impl std::error::Error for EdgeError {}

impl fmt::Display for EdgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: status {} with {} bytes that are not an answer of the Notion API",
            self.method, self.path, self.status, self.body_bytes
        )?;
        match (&self.cf_ray, self.status) {
            (Some(ray), 403) => write!(
                f,
                "; the edge refused this network or request [cf-ray {ray}]"
            ),
            (Some(ray), _) => write!(f, "; the edge could not reach the API [cf-ray {ray}]"),
            (None, _) => f.write_str("; check the base URL and any proxy in between"),
        }
    }
}

/// Why a request was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// A path that would leave its place, such as one with `..` in an id.
    #[error("the path is not one the api has: `.`, `..`, empty parts, `?` and `#` are refused")]
    Path,
    /// A body that has no JSON form.
    #[error("the body could not be written as json")]
    Body,
    /// More than the API takes in one request.
    #[error(
        "the request body has {bytes} bytes, more than the {limit} the api takes; send less at once"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

/// Why walking a list stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PagingError {
    /// The server handed out a cursor for the second time: going on would never end.
    #[error("the list came back to a cursor it had used before; start the scan again")]
    CursorRepeated,
    /// As many pages as were allowed, and the list goes on.
    #[error("the list goes on after the {pages} pages that were allowed")]
    PageBudget {
        /// The pages read.
        pages: u32,
    },
}

/// What is known about an exchange when its answer is an error.
pub(crate) struct Context<'a> {
    pub(crate) method: &'a http::Method,
    pub(crate) path: &'a str,
    pub(crate) safety: Safety,
    pub(crate) status: u16,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) token: &'a Token,
}

/// A refusal changed nothing; a server fault may have come after the change was saved.
pub(crate) fn sent_by_status(safety: Safety, status: u16) -> Sent {
    match (safety, status) {
        (Safety::Read, _) | (_, 300..=499 | 529) => Sent::No,
        (Safety::Write, _) => Sent::Maybe,
    }
}

/// `additional_data` holds strings and arrays of strings; anything else is kept as its JSON text.
fn texts(raw: &RawValue) -> Vec<String> {
    serde_json::from_str::<Vec<String>>(raw.get())
        .or_else(|_| serde_json::from_str::<String>(raw.get()).map(|text| vec![text]))
        .unwrap_or_else(|_| vec![raw.get().to_owned()])
}
