//! A store on stage: pauses around every call, fails, and shows every effect to the witness.

use std::sync::Arc;

use async_trait::async_trait;

use super::witness::Witness;
use crate::link::{LinkId, LinkSpec, Side};
use crate::outbox::{IntentId, IntentState};
use crate::port::{
    Bookmark, Change, Command, CommandKind, Commit, Committed, Fence, LeaseAsk, OpenMode, Opened,
    Outcome, Query, Rows, Store, StoreError, UpdateSafety,
};

/// The store of the world, on stage.
pub(super) struct StagedStore {
    inner: Arc<dyn Store>,
    witness: Witness,
}

impl StagedStore {
    pub(super) fn new(witness: Witness) -> Self {
        Self {
            inner: Arc::clone(&witness.store),
            witness,
        }
    }

    fn fails(&self, fault: &'static str) -> Result<(), StoreError> {
        let mut stage = self.witness.stage.lock();
        let rate = stage.strain.store_fails;
        if stage.strikes(rate, fault) {
            return Err(told_wrong());
        }
        Ok(())
    }

    /// Effects are commands too: they need proof, and write over nothing that stands.
    async fn watch(&self, commit: &Commit) {
        for effect in &commit.effects {
            let (side, command) = (effect.side, &effect.command);
            let sending = self.witness.sending(side, command);
            self.witness.stage.lock().note_undone(effect);
            if command.kind == CommandKind::Trash {
                let query = Query::Pairs(vec![effect.pair]);
                let rows = self
                    .inner
                    .read(&self.witness.link.id, &query, None, 1)
                    .await;
                let pair = match rows {
                    Ok(Rows::Pairs(pairs)) => pairs.into_iter().next(),
                    _ => None,
                };
                self.witness.proved(side, command, pair.as_ref());
            }
            let safety = UpdateSafety::CompareAndSwap;
            self.witness.arrives(side, command, &sending, safety).await;
        }
    }
}

fn told_wrong() -> StoreError {
    StoreError::Io {
        message: "a fault of the simulation".into(),
        source: None,
    }
}

/// Of an intent that moves on: its command, if it is being attempted from now on.
fn moved_on(change: &Change) -> Option<(IntentId, Option<(Side, Command)>)> {
    let Change::Intent(intent) = change else {
        return None;
    };
    let attempted = intent.state == IntentState::Attempting;
    let attempt = attempted.then(|| (intent.side, intent.command.clone()));
    Some((intent.id, attempt))
}

#[async_trait]
impl Store for StagedStore {
    async fn open(&self, spec: &LinkSpec, mode: OpenMode) -> Result<Opened, StoreError> {
        self.inner.open(spec, mode).await
    }

    async fn lease(&self, link: &LinkId, ask: &LeaseAsk) -> Result<Fence, StoreError> {
        self.witness.stage.pause().await;
        let torn = self.witness.stage.lock().is_torn();
        let fence = self.inner.lease(link, ask).await?;
        if matches!(ask, LeaseAsk::Take { .. }) {
            let mut stage = self.witness.stage.lock();
            let process = stage.process.0;
            // Whoever held it before has lost it, and may not know yet.
            let former = stage.holder.replace(process);
            stage
                .stale
                .extend(former.filter(|former| *former != process));
        }
        if torn {
            return Err(told_wrong());
        }
        Ok(fence)
    }

    async fn read(
        &self,
        link: &LinkId,
        query: &Query,
        after: Option<Bookmark>,
        limit: u32,
    ) -> Result<Rows, StoreError> {
        self.inner.read(link, query, after, limit).await
    }

    async fn commit(&self, fence: &Fence, commit: Commit) -> Result<Committed, StoreError> {
        self.witness.stage.pause().await;
        let torn = self.witness.stage.lock().tears();
        self.fails("commit failed before")?;
        let violations = self.witness.stage.lock().violations.len();
        self.watch(&commit).await;
        let tell = || format!("commit {commit:?}");
        self.witness.stage.lock().tell(tell);
        let kinds: Vec<_> = commit
            .effects
            .iter()
            .map(|effect| (effect.side, effect.command.kind))
            .collect();
        let intents: Vec<_> = commit.changes.iter().filter_map(moved_on).collect();
        self.witness.stage.lock().note_undo(&commit.changes);
        let committed = self.inner.commit(fence, commit).await;
        if committed.is_err() {
            // Refused whole, by the fence say: what it would have done was not done.
            self.witness.stage.lock().violations.truncate(violations);
        }
        let committed = committed?;
        {
            let mut stage = self.witness.stage.lock();
            if stage.stale.contains(&stage.process.0) {
                stage.violation("E5: a commit of a process without lease took hold");
            }
            stage.note_number(committed.serial.0);
            for (intent, attempt) in intents {
                match attempt {
                    Some(attempt) => stage.attempts.insert(intent, attempt),
                    None => stage.attempts.remove(&intent),
                };
            }
            for ((side, kind), outcome) in kinds.into_iter().zip(&committed.effects) {
                if let Outcome::Done(receipt) = outcome {
                    stage.tally.commands += 1;
                    stage.note(&[3, side as u8, kind as u8]);
                    stage.note(receipt.key.as_str().as_bytes());
                    if kind == CommandKind::Untrash {
                        let tick = stage.next_tick();
                        stage.revived.insert((side, receipt.key.clone()), tick);
                    }
                }
            }
        }
        if torn {
            return Err(told_wrong());
        }
        self.fails("commit failed after")?;
        self.witness.stage.pause().await;
        Ok(committed)
    }
}
