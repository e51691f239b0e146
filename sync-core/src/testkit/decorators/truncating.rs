//! Shows the first items of long lists only.

use async_trait::async_trait;

use crate::port::{
    Batch, Call, Description, FieldSet, Found, Lookup, Outcome, Peer, PeerError, PlaceId, ScanFrom,
    ScanPage, Sighting,
};
use crate::record::{Cell, Key, Record};
use crate::schema::{FieldId, SchemaChange, SchemaVersion};
use crate::value::Value;

/// A peer whose answers cut lists, as Notion's do after 25 references: the cell says that it is
/// truncated. What is written arrives whole.
#[derive(Debug)]
pub struct Truncating<P> {
    inner: P,
    most: usize,
}

impl<P> Truncating<P> {
    /// Lists longer than `most` are shown up to there.
    pub fn new(inner: P, most: usize) -> Self {
        Self { inner, most }
    }

    fn cut(&self, mut record: Record) -> Record {
        let cells = record.cells.iter().map(|(field, cell)| {
            let cell = match cell {
                Cell::Complete(Value::Choices(all)) if all.len() > self.most => {
                    Cell::Truncated(Value::choices(all[..self.most].to_vec()))
                }
                other => other.clone(),
            };
            (field.clone(), cell)
        });
        record.cells = cells.collect();
        record
    }
}

#[async_trait]
impl<P: Peer> Peer for Truncating<P> {
    fn place(&self) -> &PlaceId {
        self.inner.place()
    }

    async fn describe(&self, call: &Call<'_>) -> Result<Description, PeerError> {
        self.inner.describe(call).await
    }

    async fn scan(
        &self,
        call: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        let mut page = self.inner.scan(call, from, fields, limit).await?;
        let items = page.items.into_iter().map(|item| match item {
            Sighting::Seen(record) => Sighting::Seen(self.cut(record)),
            other => other,
        });
        page.items = items.collect();
        Ok(page)
    }

    async fn fetch(
        &self,
        call: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        let answers = self.inner.fetch(call, keys, fields).await?.into_iter();
        let cut = answers.map(|answer| match answer {
            Lookup::Here(record) => Lookup::Here(self.cut(record)),
            other => other,
        });
        Ok(cut.collect())
    }

    async fn find(
        &self,
        call: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        let mut found = self.inner.find(call, field, values).await?;
        for record in found.records.iter_mut().flatten() {
            *record = self.cut(record.clone());
        }
        Ok(found)
    }

    async fn apply(&self, call: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        let outcomes = self.inner.apply(call, batch).await?.into_iter();
        let cut = outcomes.map(|outcome| match outcome {
            Outcome::Done(mut receipt) => {
                receipt.observed = receipt.observed.map(|record| self.cut(record));
                Outcome::Done(receipt)
            }
            Outcome::Stale(record) => Outcome::Stale(record.map(|record| self.cut(record))),
            other => other,
        });
        Ok(cut.collect())
    }

    async fn alter(
        &self,
        call: &Call<'_>,
        expect: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        self.inner.alter(call, expect, changes).await
    }
}
