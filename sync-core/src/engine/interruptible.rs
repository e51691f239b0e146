//! A peer whose reads are given up when the caller wants to stop: whatever a read waits for, a rate
//! limit or a slow answer. Writes are not: their outcome would be unknown. Every call is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::future::{Either, select};

use crate::port::{
    Batch, Call, Description, FieldSet, Found, Lookup, Outcome, Peer, PeerError, PeerErrorKind,
    PlaceId, ScanFrom, ScanPage,
};
use crate::record::Key;
use crate::schema::{FieldId, SchemaChange, SchemaVersion};
use crate::value::Value;

pub(super) struct Interruptible {
    inner: Arc<dyn Peer>,
    calls: Calls,
}

/// A count of calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(Arc<AtomicU64>);

impl Calls {
    pub(super) fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Interruptible {
    pub(super) fn new(inner: Arc<dyn Peer>) -> Self {
        Self {
            inner,
            calls: Calls::default(),
        }
    }

    pub(super) fn calls(&self) -> Calls {
        self.calls.clone()
    }

    async fn unless_cancelled<T>(
        &self,
        call: &Call<'_>,
        read: impl Future<Output = Result<T, PeerError>> + Send + Unpin,
    ) -> Result<T, PeerError> {
        self.calls.count();
        match select(read, call.cancel.cancelled()).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => {
                let why = "given up on request";
                Err(PeerError::new(self.place(), PeerErrorKind::Cancelled, why))
            }
        }
    }
}

#[async_trait]
impl Peer for Interruptible {
    fn place(&self) -> &PlaceId {
        self.inner.place()
    }

    async fn describe(&self, call: &Call<'_>) -> Result<Description, PeerError> {
        self.unless_cancelled(call, self.inner.describe(call)).await
    }

    async fn scan(
        &self,
        call: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        let read = self.inner.scan(call, from, fields, limit);
        self.unless_cancelled(call, read).await
    }

    async fn fetch(
        &self,
        call: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        let read = self.inner.fetch(call, keys, fields);
        self.unless_cancelled(call, read).await
    }

    async fn find(
        &self,
        call: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        let read = self.inner.find(call, field, values);
        self.unless_cancelled(call, read).await
    }

    async fn apply(&self, call: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        self.calls.count();
        self.inner.apply(call, batch).await
    }

    async fn alter(
        &self,
        call: &Call<'_>,
        expect: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        self.calls.count();
        self.inner.alter(call, expect, changes).await
    }
}
