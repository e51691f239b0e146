//! Deliveries over HTTP, to loopback and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Uri, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Delivery;
use crate::clock::Clock;
use crate::shared::Shared;

/// How long an endpoint may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Refuses an address that is not on loopback.
pub(super) fn check(url: &str) -> Result<(), &'static str> {
    const WRONG: &str = "`url` should be an `http://` address on loopback: nobody else is called from here. Leave it out to collect deliveries";
    let uri: Uri = url.parse().map_err(|_| WRONG)?;
    let is_loopback = matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
    match is_loopback && uri.scheme_str() == Some("http") {
        true => Ok(()),
        false => Err(WRONG),
    }
}

/// Delivers what is due until told to stop, one after the other. On a virtual clock it looks whenever
/// something was asked of the simulator, on the real one also when the time has come.
pub(crate) async fn run(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    loop {
        let (due, wait) = {
            let mut simulation = shared.lock();
            let before = simulation.world.revision;
            let now = simulation.tick();
            if simulation.world.revision != before {
                shared.changed.notify_one();
            }
            let hooks = &mut simulation.world.hooks;
            let due = hooks.take_due(now, |has_url| has_url);
            let next = hooks.next_post().map(|at| at.duration_since(now));
            let wait = next.filter(|_| simulation.clock == Clock::Real);
            (due, wait.and_then(|wait| Duration::try_from(wait).ok()))
        };
        for delivery in due {
            let answer = tokio::select! {
                answer = tokio::time::timeout(PATIENCE, post(&delivery)) => answer,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            if answer.is_ok_and(|answer| answer.is_some_and(|status| status.is_success())) {
                shared.lock().world.hooks.acknowledge(&delivery.id);
            }
        }
        let timer = async {
            match wait {
                // A little more, so that it has come by then.
                Some(wait) => tokio::time::sleep(wait + Duration::from_millis(1)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.told.notified() => {}
            () = timer => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Posts a delivery; `None` where nobody answers.
async fn post(delivery: &Delivery) -> Option<http::StatusCode> {
    let uri: Uri = delivery.url.as_deref()?.parse().ok()?;
    let address = format!("{}:{}", uri.host()?, uri.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::post(path)
        .header(header::HOST, uri.authority()?.as_str())
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-notion-signature", &delivery.signature)
        .body(Full::new(delivery.bytes()))
        .ok()?;
    let mut answer = std::pin::pin!(sender.send_request(request));
    let answer = tokio::select! {
        answer = &mut answer => answer,
        // It may have closed right behind the answer.
        _ = connection => answer.await,
    };
    answer.ok().map(|answer| answer.status())
}
