//! A peer whose reads are given up when the caller wants to stop: whatever a read waits for, a rate
//! limit or a slow answer. Writes are not: their outcome would be unknown.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::{Either, select};

use crate::port::{
    Batch, Call, Description, FieldSet, Found, Lookup, Outcome, Peer, PeerError, PeerErrorKind,
    PlaceId, ScanFrom, ScanPage,
};
use crate::record::Key;
use crate::schema::{FieldId, SchemaChange, SchemaVersion};
use crate::value::Value;

pub(super) struct Interruptible(pub(super) Arc<dyn Peer>);

impl Interruptible {
    async fn unless_cancelled<T>(
        &self,
        call: &Call<'_>,
        read: impl Future<Output = Result<T, PeerError>> + Send + Unpin,
    ) -> Result<T, PeerError> {
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
        self.0.place()
    }

    async fn describe(&self, call: &Call<'_>) -> Result<Description, PeerError> {
        self.unless_cancelled(call, self.0.describe(call)).await
    }

    async fn scan(
        &self,
        call: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        let read = self.0.scan(call, from, fields, limit);
        self.unless_cancelled(call, read).await
    }

    async fn fetch(
        &self,
        call: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        let read = self.0.fetch(call, keys, fields);
        self.unless_cancelled(call, read).await
    }

    async fn find(
        &self,
        call: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        let read = self.0.find(call, field, values);
        self.unless_cancelled(call, read).await
    }

    async fn apply(&self, call: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        self.0.apply(call, batch).await
    }

    async fn alter(
        &self,
        call: &Call<'_>,
        expect: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        self.0.alter(call, expect, changes).await
    }
}
