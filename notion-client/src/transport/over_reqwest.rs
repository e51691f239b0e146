//! `Transport` over reqwest. Everything that names reqwest is in this file.

use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::redirect::Policy;

use super::{HttpRequest, HttpResponse, Transport, TransportError, TransportErrorKind};

/// Settings of [`ReqwestTransport`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReqwestOptions {
    /// How long making a connection may take. Default 10 s.
    pub connect_timeout: Duration,
    /// The largest decompressed response body, in bytes. Default 32 MiB. Enforced while it arrives.
    pub max_body: usize,
    /// Whether the proxy of the environment is used (`HTTPS_PROXY`, `NO_PROXY` and their kin). Default true. Loopback
    /// addresses never go through a proxy.
    pub proxy_from_environment: bool,
}

impl Default for ReqwestOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            max_body: 32 << 20,
            proxy_from_environment: true,
        }
    }
}

/// HTTPS over reqwest and rustls: HTTP/2, gzip, no redirects. Needs a running tokio runtime when it sends.
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    options: ReqwestOptions,
    remote: OnceLock<reqwest::Client>,
    loopback: OnceLock<reqwest::Client>,
}

impl ReqwestTransport {
    /// A transport with these settings. Connections are made, and kept, on first use.
    #[must_use]
    pub fn new(options: ReqwestOptions) -> Self {
        Self {
            options,
            remote: OnceLock::new(),
            loopback: OnceLock::new(),
        }
    }

    fn client(&self, url: &reqwest::Url) -> Result<&reqwest::Client, TransportError> {
        let loopback = is_loopback(url);
        let cell = if loopback {
            &self.loopback
        } else {
            &self.remote
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(self.options.connect_timeout)
            .redirect(Policy::none());
        if loopback || !self.options.proxy_from_environment {
            builder = builder.no_proxy();
        }
        let built = builder
            .build()
            .map_err(|error| TransportError::new(TransportErrorKind::Request).because(error))?;
        Ok(cell.get_or_init(|| built))
    }
}

impl Default for ReqwestTransport {
    fn default() -> Self {
        Self::new(ReqwestOptions::default())
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let url = reqwest::Url::parse(&request.url)
            .map_err(|error| TransportError::new(TransportErrorKind::Request).because(error))?;
        let mut builder = self
            .client(&url)?
            .request(request.method, url)
            .headers(request.headers)
            .timeout(request.timeout);
        if !request.body.is_empty() {
            builder = builder.body(request.body);
        }
        let mut response = builder
            .send()
            .await
            .map_err(|error| failure(error, TransportErrorKind::Broken))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| failure(error, TransportErrorKind::Body))?
        {
            if body.len() + chunk.len() > self.options.max_body {
                return Err(TransportError::new(TransportErrorKind::TooLarge));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpResponse {
            status,
            headers,
            body: Bytes::from(body),
        })
    }
}

fn failure(error: reqwest::Error, otherwise: TransportErrorKind) -> TransportError {
    // A connect timeout is both: it counts as a connect error, since nothing was sent.
    let kind = if error.is_builder() {
        TransportErrorKind::Request
    } else if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_timeout() {
        TransportErrorKind::Timeout
    } else {
        otherwise
    };
    TransportError::new(kind).because(error.without_url())
}

fn is_loopback(url: &reqwest::Url) -> bool {
    crate::client::is_loopback_host(url.host())
}
