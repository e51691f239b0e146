//! HTTP on loopback: sockets, headers, and connections that break on purpose.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use futures::StreamExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::control;
use crate::front::{Fate, Inbound, Outbound};
use crate::shared::Shared;

/// Larger bodies are cut off; the API refuses anything above half a megabyte anyway.
const READ_LIMIT: usize = 64 * 1024 * 1024;

/// Marks an answer that a connection must not send but close on.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionDropped;

/// Every route in one router. An answer that a real connection would drop carries
/// [`ConnectionDropped`] in its extensions.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(move |request: Request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    })
}

/// Accepts connections until told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            _ = stop.wait_for(|stop| *stop) => return,
        };
        // Nagle's delay would be measured as latency of the simulator.
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let mut stop = stop.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: hyper::Request<Incoming>| {
                let shared = Arc::clone(&shared);
                async move {
                    let response = answer(&shared, request.map(Body::new)).await;
                    if response.extensions().get::<ConnectionDropped>().is_some() {
                        return Err(io::Error::other("connection dropped on purpose"));
                    }
                    Ok(response)
                }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                // An error here is a client that left, or a drop that was asked for.
                _ = connection => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        });
    }
}

async fn answer(shared: &Shared, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let text = |name: &str| header_text(&parts.headers, name);
    let mut inbound = Inbound {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        authorization: text("authorization"),
        notion_version: text("notion-version"),
        body: Vec::new(),
    };
    match axum::body::to_bytes(body, READ_LIMIT).await {
        Ok(bytes) => inbound.body = bytes.into(),
        // The client left in the middle of its request: there is no one to answer.
        Err(_) => return dropped(),
    }
    let out = if inbound.path.starts_with("/_sim/") {
        control::respond(shared, &inbound).await
    } else {
        shared.respond(&inbound)
    };
    if !out.delay.is_zero() {
        tokio::time::sleep(out.delay).await;
    }
    into_response(out)
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

fn dropped() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(ConnectionDropped);
    response
}

fn into_response(out: Outbound) -> Response<Body> {
    if out.fate == Fate::Drop {
        return dropped();
    }
    let length = out.body.len();
    let body = if out.fate == Fate::Truncate {
        truncated(out.body)
    } else {
        Body::from(out.body)
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(out.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(out.content_type),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let fields = [
        ("date", Some(out.date)),
        ("x-notion-request-id", out.request_id),
        ("cf-ray", out.cf_ray),
        (
            "retry-after",
            out.retry_after.map(|seconds| seconds.to_string()),
        ),
    ];
    for (name, value) in fields {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

/// Half of the body, then a broken connection.
fn truncated(mut body: String) -> Body {
    let mut half = body.len() / 2;
    while !body.is_char_boundary(half) {
        half -= 1;
    }
    body.truncate(half);
    let first = futures::stream::iter([Ok::<Bytes, io::Error>(Bytes::from(body))]);
    let then = futures::stream::once(async {
        // The first half must be on the wire before the connection breaks.
        tokio::task::yield_now().await;
        Err(io::Error::other("body truncated on purpose"))
    });
    Body::from_stream(first.chain(then))
}
