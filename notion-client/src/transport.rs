//! The one method a network has to offer, and its values. No HTTP library here; `ReqwestTransport` is one implementation.

#[cfg(feature = "reqwest")]
mod over_reqwest;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

#[cfg(feature = "reqwest")]
pub use over_reqwest::{ReqwestOptions, ReqwestTransport};

/// Carries one HTTP request and brings back its response.
///
/// It neither retries nor follows redirects, and turns no status into an error: that is the client's work. Dropping the
/// future gives the request up; whether the server saw it is then unknown.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends the request.
    ///
    /// # Errors
    /// [`TransportError`] when there is no whole response. Its `sent` must be [`Sent::No`] only if no byte of the request
    /// can have reached the server.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError>;
}

/// Whether a request may have reached the server, and so may have changed something there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    /// It certainly did not, or was refused: nothing changed, and sending it again is safe.
    No,
    /// It may have. For a mutation: look before sending it again.
    Maybe,
}

/// A request ready for the wire. `Debug` shows neither header values, query nor body.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The whole URL, with its query.
    pub url: String,
    /// All headers but those the HTTP library owns (host, length, encoding). `authorization` is marked sensitive.
    pub headers: HeaderMap,
    /// The body; empty means none.
    pub body: Bytes,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.split('?').next().unwrap_or_default();
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &url)
            .field("body_bytes", &self.body.len())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A whole response. `Debug` shows no body.
#[derive(Clone)]
pub struct HttpResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The decompressed body.
    pub body: Bytes,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why there is no whole response.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct TransportError {
    /// What went wrong.
    pub kind: TransportErrorKind,
    /// Whether the server may have seen the request.
    pub sent: Sent,
    /// The HTTP library's own error, without the URL.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl TransportError {
    /// An error of this kind. Connect errors and unusable requests count as not sent, all others as perhaps sent.
    #[must_use]
    pub fn new(kind: TransportErrorKind) -> Self {
        let sent = match kind {
            TransportErrorKind::Connect | TransportErrorKind::Request => Sent::No,
            _ => Sent::Maybe,
        };
        Self {
            kind,
            sent,
            source: None,
        }
    }

    /// Adds the cause. It must not print headers or bodies.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// What went wrong between the client and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection: name not resolved, refused, TLS failed, connect timeout.
    Connect,
    /// The time for the whole exchange is over.
    Timeout,
    /// The connection broke before the response's head.
    Broken,
    /// The connection broke, or the encoding was bad, inside the response's body.
    Body,
    /// The response's body is larger than the limit.
    TooLarge,
    /// The request could not be expressed; nothing was sent.
    Request,
}

impl fmt::Display for TransportErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "could not connect; check the network, the proxy and the base URL",
            Self::Timeout => "no answer in time",
            Self::Broken => "the connection broke before an answer came",
            Self::Body => "the answer broke off or was garbled",
            Self::TooLarge => "the answer is larger than the limit of the transport",
            Self::Request => "the request could not be built",
        })
    }
}
