//! Takes its time.

use std::time::Duration;

use async_trait::async_trait;

use crate::port::{
    Batch, Call, Clock, Description, FieldSet, Found, Lookup, Outcome, Peer, PeerError, PlaceId,
    ScanFrom, ScanPage,
};
use crate::record::Key;
use crate::schema::{FieldId, SchemaChange, SchemaVersion};
use crate::value::Value;

/// A peer far away: every call takes this long on the clock, half on the way there and half on the
/// way back.
#[derive(Debug)]
pub struct Slow<P, C> {
    inner: P,
    clock: C,
    latency: Duration,
}

impl<P, C> Slow<P, C> {
    /// Puts the peer at this distance.
    pub fn new(inner: P, clock: C, latency: Duration) -> Self {
        Self {
            inner,
            clock,
            latency,
        }
    }
}

impl<P: Peer, C: Clock> Slow<P, C> {
    async fn there_and_back<T: Send>(&self, call: impl Future<Output = T> + Send) -> T {
        let there = self.latency / 2;
        self.clock.sleep(there).await;
        let answer = call.await;
        self.clock.sleep(self.latency - there).await;
        answer
    }
}

#[async_trait]
impl<P: Peer, C: Clock> Peer for Slow<P, C> {
    fn place(&self) -> &PlaceId {
        self.inner.place()
    }

    async fn describe(&self, call: &Call<'_>) -> Result<Description, PeerError> {
        self.there_and_back(self.inner.describe(call)).await
    }

    async fn scan(
        &self,
        call: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        self.there_and_back(self.inner.scan(call, from, fields, limit))
            .await
    }

    async fn fetch(
        &self,
        call: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        self.there_and_back(self.inner.fetch(call, keys, fields))
            .await
    }

    async fn find(
        &self,
        call: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        self.there_and_back(self.inner.find(call, field, values))
            .await
    }

    async fn apply(&self, call: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        self.there_and_back(self.inner.apply(call, batch)).await
    }

    async fn alter(
        &self,
        call: &Call<'_>,
        expect: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        self.there_and_back(self.inner.alter(call, expect, changes))
            .await
    }
}
