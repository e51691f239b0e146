//! A peer with one odd habit around a reference peer, and a count of what it was asked to write.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use crate::port::{
    BadItem, Batch, Call, CommandKind, Description, FieldSet, Found, Lane, Lookup, Outcome, Peer,
    PeerError, PeerErrorKind, PlaceId, Receipt, Rejection, RejectionKind, ScanFrom, ScanPage, Sent,
    Sighting,
};
use crate::record::{Cell, Key, Record};
use crate::schema::{FieldId, SchemaChange, SchemaVersion};
use crate::testkit::MemoryPeer;
use crate::value::Value;

/// What is odd about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// None.
    Usual,
    /// Patches are answered with "done" and change nothing.
    IgnoresPatches,
    /// Every command is refused, for a reason that may pass.
    Refuses(RejectionKind),
    /// No command ever leaves.
    SendsNothing,
    /// Nobody is there when something is to be made.
    IsAwayForCreates,
    /// Nobody is there when a record is read directly.
    IsAwayForReads,
    /// The answer to a create tells its key but not its outcome, and the record is not shown.
    HidesWhatItMade,
    /// A request to trash or patch a record is lost, and somebody edits it at that moment.
    IsEditedInstead,
    /// Direct reads are denied.
    DeniesReads,
    /// Somebody edits it whenever it was read directly.
    IsEditedOnceRead,
    /// A page shows every record twice.
    RepeatsItself,
    /// A scan never comes back.
    IsSilent,
    /// Records do not show this field.
    Omits(FieldId),
    /// Scans do not show this field of this record, direct reads do.
    Skims(Key, FieldId),
    /// Scans cannot read this record.
    CannotRead(Key),
    /// There is no such field, neither in the schema nor in the records.
    Lacks(FieldId),
    /// Scans show this record as it was, and direct reads as it is, where they are not denied.
    LagsBehind(Box<Record>, Reads),
}

/// What comes of direct reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    Granted,
    Denied,
}

#[derive(Clone, Debug)]
pub(super) struct OddPeer {
    inner: MemoryPeer,
    habit: Habit,
    applied: Arc<AtomicUsize>,
    lanes: Arc<Mutex<Vec<Lane>>>,
}

impl OddPeer {
    pub(super) fn new(inner: &MemoryPeer, habit: Habit) -> Self {
        Self {
            inner: inner.clone(),
            habit,
            applied: Arc::default(),
            lanes: Arc::default(),
        }
    }

    /// The lanes of scans since the last time this was asked.
    pub(super) fn take_lanes(&self) -> Vec<Lane> {
        std::mem::take(&mut *self.lanes.lock().unwrap())
    }

    /// Calls to write since the last time this was asked.
    pub(super) fn take_applied(&self) -> usize {
        self.applied.swap(0, Ordering::SeqCst)
    }

    fn show(&self, mut record: Record) -> Record {
        if let Habit::Omits(field) | Habit::Lacks(field) = &self.habit {
            record.cells.put(field.clone(), Cell::Missing);
        }
        record
    }

    fn skim(&self, mut record: Record) -> Record {
        if let Habit::Skims(key, field) = &self.habit
            && *key == record.key
        {
            record.cells.put(field.clone(), Cell::Missing);
        }
        record
    }

    async fn ignore(&self, call: &Call<'_>, key: &Key) -> Result<Outcome, PeerError> {
        let keys = std::slice::from_ref(key);
        let mut found = self.inner.fetch(call, keys, &FieldSet::All).await?;
        let observed = match found.pop() {
            Some(Lookup::Here(record)) => Some(record),
            _ => None,
        };
        Ok(Outcome::Done(Receipt {
            key: key.clone(),
            version: None,
            observed,
        }))
    }
}

#[async_trait]
impl Peer for OddPeer {
    fn place(&self) -> &PlaceId {
        self.inner.place()
    }

    async fn describe(&self, call: &Call<'_>) -> Result<Description, PeerError> {
        let mut description = self.inner.describe(call).await?;
        if let Habit::Lacks(gone) = &self.habit {
            description.schema.fields.retain(|field| field.id != *gone);
        }
        Ok(description)
    }

    async fn scan(
        &self,
        call: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        self.lanes.lock().unwrap().push(call.lane);
        if self.habit == Habit::IsSilent {
            return std::future::pending().await;
        }
        let mut page = self.inner.scan(call, from, fields, limit).await?;
        let show = |item| match item {
            Sighting::Seen(record) if self.habit == Habit::CannotRead(record.key.clone()) => {
                Sighting::Bad(BadItem {
                    key: Some(record.key),
                    reason: "a kind nobody knows".into(),
                })
            }
            Sighting::Seen(record) => Sighting::Seen(self.skim(self.show(record))),
            other => other,
        };
        page.items = page.items.into_iter().map(show).collect();
        if let Habit::LagsBehind(old, _) = &self.habit {
            for item in &mut page.items {
                if matches!(item, Sighting::Seen(record) if record.key == old.key) {
                    *item = Sighting::Seen((**old).clone());
                }
            }
        }
        if self.habit == Habit::RepeatsItself {
            page.items.extend(page.items.clone());
        }
        Ok(page)
    }

    async fn fetch(
        &self,
        call: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        let show = |lookup| match lookup {
            Lookup::Here(record) => Lookup::Here(self.show(record)),
            other => other,
        };
        if self.habit == Habit::IsAwayForReads {
            let kind = PeerErrorKind::Unavailable;
            return Err(PeerError::new(self.inner.place(), kind, "nobody there"));
        }
        let denies = matches!(
            self.habit,
            Habit::DeniesReads | Habit::LagsBehind(_, Reads::Denied)
        );
        if denies {
            return Ok(keys.iter().map(|_| Lookup::Denied).collect());
        }
        let found = self.inner.fetch(call, keys, fields).await?;
        if self.habit == Habit::IsEditedOnceRead {
            for (key, field) in keys.iter().flat_map(|key| [(key, "title"), (key, "notes")]) {
                self.inner.person_sets(key, field, Value::text("by hand"));
            }
        }
        Ok(found.into_iter().map(show).collect())
    }

    async fn find(
        &self,
        call: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        self.inner.find(call, field, values).await
    }

    async fn apply(&self, call: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        self.applied.fetch_add(1, Ordering::SeqCst);
        let command = &batch.commands[0];
        match (&self.habit, command.kind, &command.key) {
            (Habit::Refuses(kind), _, _) => Ok(vec![Outcome::Rejected(Rejection {
                kind: *kind,
                message: "not now".into(),
            })]),
            (Habit::SendsNothing, _, _) => Ok(vec![Outcome::NotSent]),
            (Habit::IgnoresPatches, CommandKind::Patch, Some(key)) => {
                Ok(vec![self.ignore(call, key).await?])
            }
            (Habit::IsEditedInstead, CommandKind::Trash | CommandKind::Patch, Some(key)) => {
                let edit = Value::text("edited");
                self.inner.person_sets(key, "notes", edit);
                let kind = PeerErrorKind::Unavailable;
                let lost = PeerError::new(self.inner.place(), kind, "lost");
                Err(PeerError {
                    sent: Sent::Maybe,
                    ..lost
                })
            }
            (Habit::IsAwayForCreates, CommandKind::Create, _) => {
                let kind = PeerErrorKind::Unavailable;
                Err(PeerError::new(self.inner.place(), kind, "nobody there"))
            }
            (Habit::HidesWhatItMade, CommandKind::Create, _) => {
                let mut outcomes = self.inner.apply(call, batch).await?;
                for outcome in &mut outcomes {
                    if let Outcome::Done(Receipt { key, .. }) = outcome {
                        self.inner.hide(key, true);
                        let key = Some(key.clone());
                        *outcome = Outcome::Ambiguous { key };
                    }
                }
                Ok(outcomes)
            }
            _ => self.inner.apply(call, batch).await,
        }
    }

    async fn alter(
        &self,
        call: &Call<'_>,
        expected: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        self.inner.alter(call, expected, changes).await
    }
}
