//! The client's transport and timer over the simulator's way in without a socket.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use notion_sync::client::http;
use notion_sync::client::{
    HttpRequest, HttpResponse, Timer, Transport, TransportError, TransportErrorKind,
};
use notion_sync_core::port::Clock;
use notion_sync_core::testkit::VirtualClock;
use notion_sync_sim::NotionSim;

/// A simulator whose time is that of a history.
#[derive(Clone)]
pub(crate) struct Server {
    sim: Arc<NotionSim>,
    clock: VirtualClock,
}

impl Server {
    pub(crate) fn new(sim: NotionSim, clock: VirtualClock) -> Self {
        Self {
            sim: Arc::new(sim),
            clock,
        }
    }

    /// The simulator, at this moment.
    pub(crate) fn now(&self) -> &NotionSim {
        if let Ok(now) = jiff_of(&self.clock) {
            self.sim.set_now(now);
        }
        &self.sim
    }
}

/// The simulator reads its times as texts, as from a command line.
fn jiff_of<T: std::str::FromStr>(clock: &VirtualClock) -> Result<T, T::Err> {
    clock.now().to_string().parse()
}

#[async_trait]
impl Transport for Server {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut asked = http::Request::new(request.body);
        *asked.method_mut() = request.method;
        *asked.headers_mut() = request.headers;
        let unusable = |_| TransportError::new(TransportErrorKind::Request);
        *asked.uri_mut() = request.url.parse().map_err(unusable)?;
        match self.now().call(asked) {
            Ok(answer) => {
                let (head, body) = answer.into_parts();
                Ok(HttpResponse {
                    status: head.status,
                    headers: head.headers,
                    body,
                })
            }
            Err(_) => Err(TransportError::new(TransportErrorKind::Broken)),
        }
    }
}

/// Waiting moves the clock of a history: no future waits for time of its own.
pub(crate) struct Waits(pub(crate) VirtualClock);

#[async_trait]
impl Timer for Waits {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, span: Duration) {
        self.0.sleep(span).await;
    }
}
