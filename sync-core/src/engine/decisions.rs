//! What waits for a person, and how a person decides it. Needs the store only, no peer.

use super::RunError;
use crate::conflict::{Conflict, Resolution};
use crate::link::{LinkId, Side};
use crate::outbox::{Intent, IntentEvent, IntentId};
use crate::pair::{PairHead, PairId};
use crate::port::{Change, CommandKind, Commit, LeaseAsk, Query, Rows, Store};
use crate::record::Key;
use crate::schema::FieldId;

/// Decisions about one link. What is decided is written down; the next run carries it out.
#[derive(Clone, Copy)]
pub struct Decisions<'a> {
    store: &'a dyn Store,
    link: &'a LinkId,
}

impl std::fmt::Debug for Decisions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decisions")
            .field("link", self.link)
            .finish_non_exhaustive()
    }
}

impl<'a> Decisions<'a> {
    /// About a link of a store.
    pub fn new(store: &'a dyn Store, link: &'a LinkId) -> Self {
        Self { store, link }
    }

    /// Open conflicts.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn conflicts(&self) -> Result<Vec<Conflict>, RunError> {
        let rows = self
            .store
            .read(self.link, &Query::Conflicts, None, u32::MAX)
            .await?;
        Ok(if let Rows::Conflicts(conflicts) = rows {
            conflicts
        } else {
            Vec::new()
        })
    }

    /// Commands that are unresolved or dead.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn outbox(&self) -> Result<Vec<Intent>, RunError> {
        let query = Query::Intents { dead: true };
        let rows = self.store.read(self.link, &query, None, u32::MAX).await?;
        Ok(if let Rows::Intents(intents) = rows {
            intents
        } else {
            Vec::new()
        })
    }

    /// Decides a conflict.
    ///
    /// # Errors
    /// When another run holds the link or the store cannot be written.
    pub async fn resolve(
        &self,
        pair: PairId,
        field: &FieldId,
        resolution: Resolution,
    ) -> Result<(), RunError> {
        let field = field.clone();
        self.change(vec![Change::Resolve {
            pair,
            field,
            resolution,
        }])
        .await
    }

    /// A command whose outcome nobody can look up did not happen, or one that was refused shall be
    /// tried once more: it may be planned again.
    ///
    /// # Errors
    /// When there is no such command, another run holds the link, or the store fails.
    pub async fn declare_not_sent(&self, intent: IntentId) -> Result<(), RunError> {
        let mut intent = self.open(intent).await?;
        intent.apply(IntentEvent::Withdraw)?;
        let pair = intent.pair;
        let attend = Change::Attend {
            pair,
            dirty: true,
            standing: None,
        };
        self.change(vec![Change::Intent(intent), attend]).await
    }

    /// A create whose outcome nobody can look up made the record with this key: the two are one.
    ///
    /// # Errors
    /// When there is no such unresolved create, no run has seen that record yet, it already belongs
    /// to another one or a command for it is undecided itself, another run holds the link, or the
    /// store fails.
    pub async fn declare_created(&self, intent: IntentId, key: &Key) -> Result<(), RunError> {
        let mut intent = self.open(intent).await?;
        let is_lost_create =
            intent.command.kind == CommandKind::Create && intent.state.is_unresolved();
        if !is_lost_create {
            return Err(RunError::NoSuchIntent(intent.id));
        }
        let side = intent.side;
        let made = self.pair_of(side, key).await?;
        let taken = made.keys[side.other()].is_some() || made.id == intent.pair;
        if taken {
            return Err(RunError::AlreadyPaired(key.to_string()));
        }
        let made = made.id;
        intent.apply(IntentEvent::Withdraw)?;
        let keep = intent.pair;
        let mut changes = vec![Change::Intent(intent)];
        let others = self.outbox().await?.into_iter();
        for mut other in others.filter(|other| other.pair == made) {
            if other.state.is_unresolved() {
                // It may have made a record already, which would be nobody's then.
                let record = key.to_string();
                return Err(RunError::Undecided(record, other.id));
            }
            other.apply(IntentEvent::Withdraw)?;
            changes.push(Change::Intent(other));
        }
        changes.push(Change::Join { keep, drop: made });
        self.change(changes).await
    }

    async fn pair_of(&self, side: Side, key: &Key) -> Result<PairHead, RunError> {
        let query = Query::Heads(side, vec![key.clone()]);
        let rows = self.store.read(self.link, &query, None, 1).await?;
        let heads = if let Rows::Heads(heads) = rows {
            heads
        } else {
            Vec::new()
        };
        let head = heads.into_iter().next();
        head.ok_or_else(|| RunError::NotSeen(key.to_string()))
    }

    async fn open(&self, id: IntentId) -> Result<Intent, RunError> {
        let intents = self.outbox().await?;
        let found = intents.into_iter().find(|intent| intent.id == id);
        found.ok_or(RunError::NoSuchIntent(id))
    }

    async fn change(&self, changes: Vec<Change>) -> Result<(), RunError> {
        let ask = LeaseAsk::Take {
            owner: "a person's decision".into(),
        };
        let fence = self.store.lease(self.link, &ask).await?;
        let done = self
            .store
            .commit(
                &fence,
                Commit {
                    changes,
                    ..Commit::default()
                },
            )
            .await;
        self.store
            .lease(self.link, &LeaseAsk::Release(fence))
            .await?;
        done?;
        Ok(())
    }
}
