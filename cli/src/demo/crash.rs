//! A process that dies at the worst moment: after a create was answered, before it is noted.

use std::sync::Arc;

use anyhow::{Result, bail};
use async_trait::async_trait;
use notion_sync::client::{
    HttpRequest, HttpResponse, ReqwestOptions, ReqwestTransport, Transport, TransportError,
};
use tokio::sync::Notify;

/// Carries requests as ever, but the answer to a create never reaches the caller.
pub(super) struct CrashAfterSend {
    inner: ReqwestTransport,
    sent: Arc<Notify>,
}

impl CrashAfterSend {
    /// The transport, and what is notified once the create was answered.
    pub(super) fn new() -> (Self, Arc<Notify>) {
        let sent = Arc::new(Notify::new());
        let inner = ReqwestTransport::new(ReqwestOptions::default());
        (
            Self {
                inner,
                sent: Arc::clone(&sent),
            },
            sent,
        )
    }
}

#[async_trait]
impl Transport for CrashAfterSend {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let creates = request.method == "POST" && request.url.ends_with("/v1/pages");
        let response = self.inner.send(request).await;
        if creates {
            self.sent.notify_one();
            std::future::pending::<()>().await;
        }
        response
    }
}

/// Polls the run until the create was sent, then drops it where it stands.
pub(super) async fn until_sent<T, E: std::error::Error>(
    run: impl Future<Output = Result<T, E>>,
    sent: Arc<Notify>,
) -> Result<()> {
    tokio::select! {
        () = sent.notified() => Ok(()),
        result = run => match result {
            Ok(_) => bail!("the run ended without a create"),
            Err(error) => bail!("the run ended early: {error}"),
        },
    }
}
