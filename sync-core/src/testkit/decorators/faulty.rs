//! Loses requests and answers.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::port::{
    Batch, Call, Description, FieldSet, Found, Lookup, Outcome, Peer, PeerError, PeerErrorKind,
    PlaceId, ScanFrom, ScanPage, Sent,
};
use crate::record::Key;
use crate::schema::{FieldId, SchemaChange, SchemaVersion};
use crate::value::Value;

/// A way to a peer on which calls go wrong: by a script, by a seed, or both. The script comes first.
///
/// The same seed and the same calls go wrong the same way.
#[derive(Debug)]
pub struct Faulty<P> {
    inner: P,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Option<Mishap>>,
    /// State of the generator, and the share of calls that go wrong, of 1,000.
    random: Option<(u64, u16)>,
    happened: u64,
}

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mishap {
    /// It never arrives, and the sender cannot tell.
    LostRequest,
    /// It is carried out, and the answer is lost.
    LostAnswer,
    /// It is refused before anything is done.
    Refused(PeerErrorKind),
}

impl<P> Faulty<P> {
    /// Nothing goes wrong until told.
    pub fn new(inner: P) -> Self {
        Self {
            inner,
            state: Mutex::default(),
        }
    }

    /// What goes wrong with the next calls, one each; `None` for a call that goes well.
    pub fn script(&self, mishaps: impl IntoIterator<Item = Option<Mishap>>) {
        self.state().script.extend(mishaps);
    }

    /// From now on so many of 1,000 calls go wrong, drawn from this seed; 0 for none.
    pub fn seed(&self, seed: u64, permille: u16) {
        self.state().random = (permille > 0).then_some((seed, permille));
    }

    /// How many calls went wrong so far.
    pub fn happened(&self) -> u64 {
        self.state().happened
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> Option<Mishap> {
        let mishap = self.script.pop_front().unwrap_or_else(|| self.draw());
        self.happened += u64::from(mishap.is_some());
        mishap
    }

    fn draw(&mut self) -> Option<Mishap> {
        let (seed, permille) = self.random.as_mut()?;
        // SplitMix64: small, and every seed will do.
        *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = *seed;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        if bits % 1_000 >= u64::from(*permille) {
            return None;
        }
        Some(match (bits >> 32) % 4 {
            0 => Mishap::LostRequest,
            1 => Mishap::LostAnswer,
            2 => Mishap::Refused(PeerErrorKind::Busy),
            _ => Mishap::Refused(PeerErrorKind::Unavailable),
        })
    }
}

impl<P: Peer> Faulty<P> {
    async fn pass<T>(
        &self,
        call: impl Future<Output = Result<T, PeerError>> + Send,
    ) -> Result<T, PeerError> {
        let error = |kind, message: &str, sent| PeerError {
            sent,
            ..PeerError::new(self.inner.place(), kind, message)
        };
        let mishap = self.state().next();
        match mishap {
            None => call.await,
            Some(Mishap::LostRequest) => Err(error(
                PeerErrorKind::Unavailable,
                "the connection broke",
                Sent::Maybe,
            )),
            Some(Mishap::LostAnswer) => {
                let _ = call.await;
                let why = "the answer was lost";
                Err(error(PeerErrorKind::Unavailable, why, Sent::Maybe))
            }
            Some(Mishap::Refused(kind)) => Err(error(kind, "refused on the way", Sent::No)),
        }
    }
}

#[async_trait]
impl<P: Peer> Peer for Faulty<P> {
    fn place(&self) -> &PlaceId {
        self.inner.place()
    }

    async fn describe(&self, call: &Call<'_>) -> Result<Description, PeerError> {
        self.pass(self.inner.describe(call)).await
    }

    async fn scan(
        &self,
        call: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        self.pass(self.inner.scan(call, from, fields, limit)).await
    }

    async fn fetch(
        &self,
        call: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        self.pass(self.inner.fetch(call, keys, fields)).await
    }

    async fn find(
        &self,
        call: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        self.pass(self.inner.find(call, field, values)).await
    }

    async fn apply(&self, call: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        self.pass(self.inner.apply(call, batch)).await
    }

    async fn alter(
        &self,
        call: &Call<'_>,
        expect: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        self.pass(self.inner.alter(call, expect, changes)).await
    }
}
