//! HTTP on loopback: sockets, headers, and connections that break on purpose.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use futures::StreamExt;
use http::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::control;
use crate::entry::{head_of, inbound};
use crate::front::{Fate, Outbound};
use crate::shared::Shared;

/// Larger bodies are cut off; the API refuses anything above half a megabyte anyway.
const READ_LIMIT: usize = 64 * 1024 * 1024;

/// Marks an answer that a connection must not send but close on.
#[derive(Debug, Clone, Copy)]
struct ConnectionDropped;

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
    let Ok(body) = axum::body::to_bytes(body, READ_LIMIT).await else {
        // The client left in the middle of its request: there is no one to answer.
        return dropped();
    };
    let inbound = inbound(&parts.method, &parts.uri, &parts.headers, body);
    let out = if control::is_meant(&inbound) {
        let saved = match control::asks_to_save(&inbound) {
            true => Some(shared.save().await),
            false => None,
        };
        control::respond(shared, &inbound, saved)
    } else {
        shared.respond(&inbound)
    };
    if !out.delay.is_zero() {
        tokio::time::sleep(out.delay).await;
    }
    into_response(out)
}

fn dropped() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(ConnectionDropped);
    response
}

fn into_response(out: Outbound) -> Response<Body> {
    match out.fate {
        Fate::Drop => dropped(),
        Fate::Truncate => head_of(&out).map(|()| truncated(out.body)),
        Fate::Send => head_of(&out).map(|()| Body::from(out.body)),
    }
}

/// Half of the body, then a broken connection.
fn truncated(mut body: Bytes) -> Body {
    body.truncate(body.len() / 2);
    let first = futures::stream::iter([Ok::<Bytes, io::Error>(body)]);
    let then = futures::stream::once(async {
        // The first half must be on the wire before the connection breaks.
        tokio::task::yield_now().await;
        Err(io::Error::other("body truncated on purpose"))
    });
    Body::from_stream(first.chain(then))
}
