//! Counts what is asked of a peer.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::port::{
    Batch, Call, Description, FieldSet, Found, Lookup, Outcome, Peer, PeerError, PlaceId, ScanFrom,
    ScanPage,
};
use crate::record::Key;
use crate::schema::{FieldId, SchemaChange, SchemaVersion};
use crate::value::Value;

/// Counts calls and commands on their way to the peer, whatever becomes of them.
#[derive(Debug)]
pub struct Counting<P> {
    inner: P,
    counts: Mutex<Counts>,
}

/// What was asked of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of `describe`.
    pub describe: u64,
    /// Pages of scans.
    pub scan: u64,
    /// Calls of `fetch`.
    pub fetch: u64,
    /// Calls of `find`.
    pub find: u64,
    /// Calls of `apply`.
    pub apply: u64,
    /// Calls of `alter`.
    pub alter: u64,
    /// Commands in all batches.
    pub commands: u64,
}

impl Counts {
    /// Calls of all kinds.
    pub fn requests(&self) -> u64 {
        self.describe + self.scan + self.fetch + self.find + self.apply + self.alter
    }
}

impl<P> Counting<P> {
    /// Counts from zero.
    pub fn new(inner: P) -> Self {
        Self {
            inner,
            counts: Mutex::default(),
        }
    }

    /// The counts since they were last taken.
    pub fn take(&self) -> Counts {
        std::mem::take(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[async_trait]
impl<P: Peer> Peer for Counting<P> {
    fn place(&self) -> &PlaceId {
        self.inner.place()
    }

    async fn describe(&self, call: &Call<'_>) -> Result<Description, PeerError> {
        self.count(|counts| counts.describe += 1);
        self.inner.describe(call).await
    }

    async fn scan(
        &self,
        call: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        self.count(|counts| counts.scan += 1);
        self.inner.scan(call, from, fields, limit).await
    }

    async fn fetch(
        &self,
        call: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        self.count(|counts| counts.fetch += 1);
        self.inner.fetch(call, keys, fields).await
    }

    async fn find(
        &self,
        call: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        self.count(|counts| counts.find += 1);
        self.inner.find(call, field, values).await
    }

    async fn apply(&self, call: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        self.count(|counts| {
            counts.apply += 1;
            counts.commands += batch.commands.len() as u64;
        });
        self.inner.apply(call, batch).await
    }

    async fn alter(
        &self,
        call: &Call<'_>,
        expect: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        self.count(|counts| counts.alter += 1);
        self.inner.alter(call, expect, changes).await
    }
}
