//! Executes request values: headers, limiter, retries, errors. What the requests mean is in `api`.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::{
    AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT,
};

use crate::api::RetrieveProperty;
use crate::endpoint::{Call, Endpoint};
use crate::error::{ApiError, Context, EdgeError, Error, sent_by_status};
use crate::limiter::{Limiter, RateLimit};
use crate::object::{PropertyAssembly, PropertyValue};
use crate::paging::{Paged, Pager};
use crate::retry::{self, Attempt, Decision, Outcome, RetryPolicy, Safety};
use crate::timer::Timer;
use crate::token::Token;
use crate::transport::{HttpRequest, HttpResponse, Sent, Transport};

const NOTION_VERSION: HeaderName = HeaderName::from_static("notion-version");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-notion-request-id");
const CF_RAY: HeaderName = HeaderName::from_static("cf-ray");

/// The version of the API a client speaks: the `Notion-Version` header.
///
/// Answers of 2025-09-03 and later are decoded. Earlier versions have no data sources and are not supported.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NotionVersion(Box<str>);

impl NotionVersion {
    /// The version this crate is tested against, `2026-03-11`.
    pub const DEFAULT: &'static str = "2026-03-11";

    /// Any version, such as `2025-09-03`.
    #[must_use]
    pub fn new(version: impl Into<String>) -> Self {
        Self(version.into().into())
    }

    /// The text of the header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for NotionVersion {
    fn default() -> Self {
        Self::new(Self::DEFAULT)
    }
}

/// A value and what its answer said besides.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Response<T> {
    /// The value.
    pub value: T,
    /// About the exchange.
    pub meta: Meta,
}

/// What is known about an exchange besides its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Meta {
    /// The server's `Date`, in seconds since 1970: the clock to hold Notion's times against.
    pub server_time: Option<u64>,
    /// What to give Notion's support.
    pub request_id: Option<String>,
    /// How often it was sent again.
    pub retries: u32,
}

/// A connection to Notion. Cloning is cheap and shares everything, the rate limit above all.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Arc<dyn Transport>,
    timer: Arc<dyn Timer>,
    limiter: Limiter,
    retry: RetryPolicy,
    token: Token,
    base_url: String,
    headers: HeaderMap,
    timeout: Duration,
    jitter: Jitter,
}

impl Client {
    /// A client over HTTPS with every default: version 2026-03-11, 180 requests a minute, 5 attempts.
    ///
    /// # Errors
    /// None of the defaults fails today; [`BuildError`] is what [`ClientBuilder::build`] says.
    #[cfg(all(feature = "reqwest", feature = "tokio"))]
    pub fn new(token: Token) -> Result<Self, BuildError> {
        Self::builder(token).build()
    }

    /// A client to be configured.
    pub fn builder(token: Token) -> ClientBuilder {
        ClientBuilder {
            token,
            transport: None,
            timer: None,
            limiter: None,
            rate_limit: RateLimit::default(),
            retry: RetryPolicy::default(),
            version: NotionVersion::default(),
            base_url: ClientBuilder::BASE_URL.into(),
            user_agent: concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")).into(),
            timeout: ClientBuilder::TIMEOUT,
            jitter_seed: None,
        }
    }

    /// Executes a request: waits for its turn, sends it, sends it again where that is safe, and reads the answer.
    ///
    /// Dropping the future gives the request up at any point. Once it has been sent, whether a mutation happened is then
    /// unknown.
    ///
    /// # Errors
    /// [`Error`]; [`Error::sent`] says whether a mutation may have happened.
    pub async fn send<E: Endpoint + ?Sized>(
        &self,
        endpoint: &E,
    ) -> Result<Response<E::Output>, Error> {
        let call = endpoint.call()?;
        let (response, meta) = self.exchange(&call).await?;
        let value = std::str::from_utf8(&response.body)
            .map_err(|_| crate::json::DecodeError::new("the answer", "not UTF-8"))
            .and_then(|body| endpoint.decode(body));
        match value {
            Ok(value) => Ok(Response { value, meta }),
            Err(source) => {
                let (method, path) = (call.method().clone(), call.path().to_owned());
                Err(Error::Decode {
                    method,
                    path,
                    sent: sent_by_status(call.safety(), 200),
                    source,
                })
            }
        }
    }

    /// Walks a list from its start, page by page.
    pub fn pages<E: Paged>(&self, request: &E) -> Pager<E> {
        Pager::new(self.clone(), request.clone())
    }

    /// Reads the whole of a value that a page's answer may have cut, page by page.
    ///
    /// # Errors
    /// [`Error`]; also when an element is odd, since a value that lacks one must not look whole.
    pub async fn whole_property(&self, request: &RetrieveProperty) -> Result<PropertyValue, Error> {
        let mut whole = PropertyAssembly::new();
        let mut pages = self.pages(request);
        while let Some(page) = pages.next_page().await {
            whole.push(page?.value);
        }
        let call = request.call()?;
        whole.finish().map_err(|source| {
            let (method, path) = (call.method().clone(), call.path().to_owned());
            Error::Decode {
                method,
                path,
                sent: Sent::No,
                source,
            }
        })
    }

    /// The token's label and fingerprint, never its value.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.inner.token
    }

    /// The limiter, to share with other clients of the same connection.
    #[must_use]
    pub fn limiter(&self) -> &Limiter {
        &self.inner.limiter
    }

    async fn exchange(&self, call: &Call) -> Result<(HttpResponse, Meta), Error> {
        let inner = &*self.inner;
        let (mut number, mut waited) = (1, Duration::ZERO);
        loop {
            let wait = inner.limiter.paused_for();
            if waited.saturating_add(wait) > inner.retry.max_wait {
                return Err(Error::Paused { wait });
            }
            inner.limiter.acquire().await;
            let (error, outcome) = match inner.transport.send(inner.request(call)).await {
                Ok(response) => match inner.judge(call, &response) {
                    Ok(mut meta) => {
                        meta.retries = number - 1;
                        return Ok((response, meta));
                    }
                    Err(bad) => *bad,
                },
                Err(source) => {
                    let sent = if call.safety() == Safety::Read {
                        Sent::No
                    } else {
                        source.sent
                    };
                    let outcome = Outcome::Transport { sent: source.sent };
                    let (method, path) = (call.method().clone(), call.path().to_owned());
                    (
                        Error::Transport {
                            method,
                            path,
                            sent,
                            source,
                        },
                        outcome,
                    )
                }
            };
            let attempt = Attempt {
                safety: call.safety(),
                number,
                outcome,
                waited,
            };
            let decision = retry::decide(&inner.retry, &attempt, inner.jitter.next());
            if let Some(pause) = pause_of(outcome, decision) {
                inner.limiter.pause(pause);
            }
            let Decision::Retry { after } = decision else {
                return Err(error);
            };
            // An unbuildable request or an oversized answer fails the same way every time.
            if !error.is_retryable() {
                return Err(error);
            }
            inner.timer.sleep(after).await;
            waited += after;
            number += 1;
        }
    }
}

/// A refusal concerns everyone who shares the limit, not only the request that met it.
fn pause_of(outcome: Outcome, decision: Decision) -> Option<Duration> {
    match (outcome, decision) {
        (
            Outcome::Status {
                status: 429 | 529,
                blocked: false,
                retry_after: Some(wait),
            },
            _,
        ) => Some(wait),
        (
            Outcome::Status {
                status: 429 | 529, ..
            },
            Decision::Retry { after },
        ) => Some(after),
        _ => None,
    }
}

impl Inner {
    fn request(&self, call: &Call) -> HttpRequest {
        let mut headers = self.headers.clone();
        if call.body().is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        HttpRequest {
            method: call.method().clone(),
            url: format!("{}/v1/{}", self.base_url, call.path_and_query()),
            headers,
            body: call.body().cloned().unwrap_or_default(),
            timeout: self.timeout,
        }
    }

    /// Tells a success from an error of the API and from an answer that is not the API's.
    fn judge(&self, call: &Call, response: &HttpResponse) -> Result<Meta, Box<(Error, Outcome)>> {
        let header = |name: HeaderName| {
            response
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let status = response.status.as_u16();
        let server_time = header(DATE).and_then(retry::parse_http_date);
        let retry_after =
            header(RETRY_AFTER).and_then(|value| retry::parse_retry_after(value, server_time));
        let body = std::str::from_utf8(&response.body).ok();
        let json = body.is_some_and(|body| body.trim_start().starts_with('{'));
        if response.status.is_success() && json {
            let request_id = header(REQUEST_ID).map(str::to_owned);
            return Ok(Meta {
                server_time,
                request_id,
                retries: 0,
            });
        }
        let context = Context {
            method: call.method(),
            path: call.path(),
            safety: call.safety(),
            status,
            request_id: header(REQUEST_ID),
            retry_after,
            token: &self.token,
        };
        let api = body
            .filter(|_| json && !response.status.is_success())
            .and_then(|body| ApiError::decode(&context, body));
        if let Some(error) = api {
            let outcome = Outcome::Status {
                status,
                retry_after: error.retry_after,
                blocked: error.is_blocked(),
            };
            return Err(Box::new((Error::Api(Box::new(error)), outcome)));
        }
        let error = EdgeError {
            method: call.method().clone(),
            path: call.path().to_owned(),
            status,
            cf_ray: header(CF_RAY).map(str::to_owned),
            content_type: header(CONTENT_TYPE).map(str::to_owned),
            body_bytes: response.body.len(),
            retry_after,
            sent: sent_by_status(call.safety(), status),
        };
        let outcome = Outcome::Status {
            status,
            retry_after,
            blocked: false,
        };
        Err(Box::new((Error::Edge(Box::new(error)), outcome)))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.inner.base_url)
            .field("token", &self.inner.token)
            .field("limiter", &self.inner.limiter)
            .finish_non_exhaustive()
    }
}

/// The settings of a [`Client`].
#[must_use]
pub struct ClientBuilder {
    token: Token,
    transport: Option<Arc<dyn Transport>>,
    timer: Option<Arc<dyn Timer>>,
    limiter: Option<Limiter>,
    rate_limit: RateLimit,
    retry: RetryPolicy,
    version: NotionVersion,
    base_url: String,
    user_agent: String,
    timeout: Duration,
    jitter_seed: Option<u64>,
}

impl ClientBuilder {
    /// Notion's own address.
    pub const BASE_URL: &'static str = "https://api.notion.com";
    /// 70 s: Notion answers by itself, with a 503 that says what was saved, after about 60 s.
    pub const TIMEOUT: Duration = Duration::from_secs(70);

    /// How requests travel. Default: `ReqwestTransport`, with the feature `reqwest`.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// What time is. Default: `TokioTimer`, with the feature `tokio`.
    pub fn timer(self, timer: impl Timer) -> Self {
        self.shared_timer(Arc::new(timer))
    }

    /// What time is, shared with others.
    pub fn shared_timer(mut self, timer: Arc<dyn Timer>) -> Self {
        self.timer = Some(timer);
        self
    }

    /// The limit of this client and its clones. Default [`RateLimit::STANDARD`].
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = limit;
        self
    }

    /// A limiter shared with other clients of the same connection, in place of [`ClientBuilder::rate_limit`].
    pub fn limiter(mut self, limiter: Limiter) -> Self {
        self.limiter = Some(limiter);
        self
    }

    /// How often and how long to try.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// The `Notion-Version`. Default [`NotionVersion::DEFAULT`].
    pub fn notion_version(mut self, version: NotionVersion) -> Self {
        self.version = version;
        self
    }

    /// Another server: scheme, host and port, perhaps a path, without `/v1`. Plain `http` only to loopback addresses,
    /// since every request carries the token.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// The `User-Agent`.
    pub fn user_agent(mut self, agent: impl Into<String>) -> Self {
        self.user_agent = agent.into();
        self
    }

    /// How long one attempt may take. Default [`ClientBuilder::TIMEOUT`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Makes the jitter of the backoff a function of this number, for tests. Default: different in every process.
    pub fn jitter_seed(mut self, seed: u64) -> Self {
        self.jitter_seed = Some(seed);
        self
    }

    /// The client.
    ///
    /// # Errors
    /// [`BuildError`] when a setting is missing or unusable.
    pub fn build(self) -> Result<Client, BuildError> {
        let timer = self
            .timer
            .or_else(default_timer)
            .ok_or(BuildError::NoTimer)?;
        let transport = self
            .transport
            .or_else(default_transport)
            .ok_or(BuildError::NoTransport)?;
        let base_url = check_base_url(&self.base_url)?;
        let limiter = self
            .limiter
            .unwrap_or_else(|| Limiter::new(self.rate_limit, Arc::clone(&timer)));
        let header =
            |text: &str, name| HeaderValue::from_str(text).map_err(|_| BuildError::Header(name));
        let mut authorization =
            header(&format!("Bearer {}", self.token.secret()), "authorization")?;
        authorization.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization);
        headers.insert(
            NOTION_VERSION,
            header(self.version.as_str(), "notion-version")?,
        );
        headers.insert(USER_AGENT, header(&self.user_agent, "user-agent")?);
        let jitter = Jitter::new(self.jitter_seed);
        let inner = Inner {
            transport,
            timer,
            limiter,
            retry: self.retry,
            token: self.token,
            base_url,
            headers,
            timeout: self.timeout,
            jitter,
        };
        Ok(Client {
            inner: Arc::new(inner),
        })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("base_url", &self.base_url)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// Why there is no client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The feature `reqwest` is off and no transport was given.
    #[error("no transport: give one, or turn on the feature `reqwest`")]
    NoTransport,
    /// The feature `tokio` is off and no timer was given.
    #[error("no timer: give one, or turn on the feature `tokio`")]
    NoTimer,
    /// The base URL is not one.
    #[error("the base url is not an http or https url without query and credentials")]
    BaseUrl,
    /// The base URL would send the token unencrypted over a network.
    #[error(
        "the base url is plain http to a host that is not loopback; the token would travel unencrypted"
    )]
    PlainHttp,
    /// A setting holds characters that no header may carry.
    #[error("the {0} header cannot carry this value")]
    Header(&'static str),
}

#[cfg(feature = "tokio")]
fn default_timer() -> Option<Arc<dyn Timer>> {
    Some(Arc::new(crate::timer::TokioTimer::default()))
}

#[cfg(not(feature = "tokio"))]
fn default_timer() -> Option<Arc<dyn Timer>> {
    None
}

#[cfg(feature = "reqwest")]
fn default_transport() -> Option<Arc<dyn Transport>> {
    Some(Arc::new(crate::transport::ReqwestTransport::default()))
}

#[cfg(not(feature = "reqwest"))]
fn default_transport() -> Option<Arc<dyn Transport>> {
    None
}

fn check_base_url(text: &str) -> Result<String, BuildError> {
    let url = url::Url::parse(text).map_err(|_| BuildError::BaseUrl)?;
    let clean = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    match url.scheme() {
        "https" if clean => {}
        "http" if clean && is_loopback_host(url.host()) => {}
        "http" if clean => return Err(BuildError::PlainHttp),
        _ => return Err(BuildError::BaseUrl),
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

pub(crate) fn is_loopback_host(host: Option<url::Host<&str>>) -> bool {
    match host {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A small generator (splitmix64) for jitter, which needs spread and no secrecy.
struct Jitter(AtomicU64);

impl Jitter {
    fn new(seed: Option<u64>) -> Self {
        // The standard hasher is seeded by the operating system.
        let seed = seed.unwrap_or_else(|| {
            std::collections::hash_map::RandomState::new()
                .build_hasher()
                .finish()
        });
        Self(AtomicU64::new(seed))
    }

    fn next(&self) -> f64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut word = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        (word >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests;
