//! The way in without a socket: a request of the `http` crate is answered where it stands.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};

use crate::control;
use crate::front::{Fate, Inbound, Outbound};
use crate::model::hosted::{SERVED, STORE};
use crate::shared::Shared;

/// How long an answer would have taken on its way, for who has a clock to wait on: among the extensions
/// of a response that was delayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency(pub Duration);

/// There is no whole answer: a connection would have broken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// It would have closed without a word. Whether the request was carried out is for the caller to
    /// find out, as it is over a network.
    #[error("the connection closed without an answer")]
    Dropped,
    /// It would have closed in the middle of the body.
    #[error("the connection closed in the middle of the answer")]
    Truncated {
        /// What had arrived by then.
        arrived: Box<Response<Bytes>>,
    },
}

/// Answers one request.
pub(crate) fn call(shared: &Shared, request: Request<Bytes>) -> Result<Response<Bytes>, Broken> {
    let (parts, body) = request.into_parts();
    let inbound = inbound(&parts.method, &parts.uri, &parts.headers, body);
    let out = if control::is_meant(&inbound) {
        control::respond(shared, &inbound, None)
    } else {
        shared.respond(&inbound)
    };
    if out.fate == Fate::Drop {
        return Err(Broken::Dropped);
    }
    let (delay, truncate) = (out.delay, out.fate == Fate::Truncate);
    let mut response = head_of(&out).map(|()| out.body);
    if !delay.is_zero() {
        response.extensions_mut().insert(Latency(delay));
    }
    if truncate {
        let body = response.body_mut();
        *body = body.slice(..body.len() / 2);
        let arrived = Box::new(response);
        return Err(Broken::Truncated { arrived });
    }
    Ok(response)
}

/// A request as the front door takes it. One to the host of the store is one for the files served here.
pub(crate) fn inbound(
    method: &http::Method,
    uri: &http::Uri,
    headers: &HeaderMap,
    body: Bytes,
) -> Inbound {
    let to_store = uri
        .host()
        .is_some_and(|host| STORE.ends_with(&format!("//{host}")));
    Inbound {
        method: method.to_string(),
        path: match to_store {
            true => format!("{SERVED}{}", uri.path()),
            false => uri.path().to_owned(),
        },
        query: uri.query().unwrap_or_default().to_owned(),
        authorization: header_text(headers, "authorization"),
        notion_version: header_text(headers, "notion-version"),
        content_type: header_text(headers, "content-type"),
        body,
    }
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

/// Status and headers of an answer.
pub(crate) fn head_of(out: &Outbound) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() =
        StatusCode::from_u16(out.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Ok(content_type) = HeaderValue::from_str(&out.content_type) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(out.body.len()));
    let retry_after = out.retry_after.map(|seconds| seconds.to_string());
    let fields = [
        ("date", Some(&out.date)),
        ("x-notion-request-id", out.request_id.as_ref()),
        ("cf-ray", out.cf_ray.as_ref()),
        ("retry-after", retry_after.as_ref()),
    ];
    for (name, value) in fields {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}
