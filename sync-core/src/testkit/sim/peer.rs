//! A peer on stage: pauses around every call, meets faults, and shows every command to the witness.

use std::sync::Arc;

use async_trait::async_trait;

use super::stage::{Made, Sending};
use super::witness::Witness;
use super::world::PARENT;
use crate::link::Side;
use crate::port::{
    Absence, BadItem, Batch, Call, Capabilities, ChangeFeed, Clock, Command, CommandKind, Coverage,
    Description, FieldSet, Found, Lookup, Next, Outcome, Peer, PeerError, PeerErrorKind, PlaceId,
    Rejection, RejectionKind, ScanFrom, ScanPage, Sent, Sighting,
};
use crate::record::{Cell, Key, Lifecycle, Record};
use crate::schema::{FieldId, SchemaChange, SchemaVersion};
use crate::value::Value;

/// How many inputs and outputs a spell without permission lasts.
const SPELL: u64 = 25;

/// A peer of the world, on stage.
pub(super) struct StagedPeer {
    side: Side,
    inner: Arc<dyn Peer>,
    capabilities: Capabilities,
    witness: Witness,
}

/// What happens to a command on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    LoseAnswer,
    LoseRequest,
    ArriveLate,
    Slip,
    Refuse,
    Conflict,
    Busy,
    Down,
    Unauthorized,
}

impl StagedPeer {
    pub(super) fn new(
        side: Side,
        inner: Arc<dyn Peer>,
        capabilities: Capabilities,
        witness: Witness,
    ) -> Self {
        Self {
            side,
            inner,
            capabilities,
            witness,
        }
    }

    fn error(&self, kind: PeerErrorKind, sent: Sent) -> PeerError {
        PeerError {
            sent,
            ..PeerError::new(self.inner.place(), kind, "a fault of the simulation")
        }
    }

    /// Pauses before a call that only reads; fails it if chance says so.
    async fn before_read(&self) -> Result<(), PeerError> {
        self.witness.stage.pause().await;
        let mut stage = self.witness.stage.lock();
        stage.note(&[1, self.side as u8]);
        if stage.tears() {
            return Err(self.error(PeerErrorKind::Unavailable, Sent::No));
        }
        if stage.tick < stage.unauthorized_until {
            return Err(self.error(PeerErrorKind::Unauthorized, Sent::No));
        }
        let rate = stage.strain.read_fails;
        if rate == 0 || !stage.entropy.chance(rate) {
            return Ok(());
        }
        let kinds = [
            (4, (PeerErrorKind::Unavailable, "read failed")),
            (3, (PeerErrorKind::Busy, "read refused: busy")),
            (1, (PeerErrorKind::Unauthorized, "unauthorized")),
        ];
        let (kind, name) = stage.entropy.weighted(&kinds).unwrap_or(kinds[0].1);
        stage.count(name);
        if kind == PeerErrorKind::Unauthorized {
            stage.unauthorized_until = stage.tick + SPELL;
        }
        Err(self.error(kind, Sent::No))
    }

    /// Shows less of a page than there is, where the peer is one that may.
    fn veil(&self, page: &mut ScanPage) {
        if self.capabilities.changes == ChangeFeed::Delta {
            return;
        }
        let mut stage = self.witness.stage.lock();
        let rate = stage.strain.shows_less;
        if rate == 0 || page.items.is_empty() || !stage.entropy.chance(rate) {
            return;
        }
        let at = stage.entropy.below(page.items.len() as u64);
        let at = usize::try_from(at).unwrap_or(0);
        let last = matches!(page.next, Next::End { .. });
        match stage.entropy.below(3) {
            0 if last => {
                stage.count("scan broke off");
                page.items.truncate(at);
                page.next = Next::End {
                    coverage: Coverage::Partial("a fault of the simulation".into()),
                    cursor: None,
                };
            }
            1 => {
                if let Sighting::Seen(record) = &page.items[at] {
                    stage.count("unreadable record");
                    let key = Some(record.key.clone());
                    let reason = "a fault of the simulation".to_owned();
                    page.items[at] = Sighting::Bad(BadItem { key, reason });
                }
            }
            _ => {
                if let Sighting::Seen(record) = &mut page.items[at] {
                    stage.count("cell not shown whole");
                    let many = if stage.freedoms.relations { 5 } else { 4 };
                    let nth = stage.entropy.below(many);
                    hide_cell(record, nth);
                }
            }
        }
    }

    fn draw_fault(&self) -> Option<Fault> {
        let mut stage = self.witness.stage.lock();
        if stage.tick < stage.unauthorized_until {
            return Some(Fault::Unauthorized);
        }
        let rate = stage.strain.write_fails;
        if rate == 0 || !stage.entropy.chance(rate) {
            return None;
        }
        let kinds = [
            (5, (Fault::LoseAnswer, "answer lost")),
            (4, (Fault::LoseRequest, "request lost")),
            (3, (Fault::ArriveLate, "arrived late")),
            (2, (Fault::Slip, "503 with the key")),
            (2, (Fault::Refuse, "refused for good")),
            (2, (Fault::Conflict, "409")),
            (3, (Fault::Busy, "429")),
            (2, (Fault::Down, "connection refused")),
            (1, (Fault::Unauthorized, "unauthorized")),
        ];
        let (fault, name) = stage.entropy.weighted(&kinds)?;
        stage.count(name);
        stage.tell(|| format!("{:?} fault: {name}", self.side));
        if fault == Fault::Unauthorized {
            stage.unauthorized_until = stage.tick + SPELL;
        }
        Some(fault)
    }

    /// Carries a command out, in front of the witness.
    pub(super) async fn execute(
        &self,
        call: &Call<'_>,
        command: &Command,
        sending: &Sending,
    ) -> Result<Outcome, PeerError> {
        let safety = self.capabilities.update;
        self.witness
            .arrives(self.side, command, sending, safety)
            .await;
        let batch = Batch {
            mode: crate::port::Atomicity::PerCommand,
            commands: vec![command.clone()],
        };
        let outcome = self.inner.apply(call, &batch).await?.into_iter().next();
        let outcome = outcome.unwrap_or(Outcome::NotSent);
        let mut stage = self.witness.stage.lock();
        let tick = stage.next_tick();
        stage.tell(|| format!("{:?} {command:?} -> {outcome:?}", self.side));
        if let Outcome::Done(receipt) = &outcome {
            stage.tally.commands += 1;
            stage.note(&[2, self.side as u8, command.kind as u8]);
            stage.note(receipt.key.as_str().as_bytes());
            match command.kind {
                CommandKind::Create => {
                    let made = Made {
                        side: self.side,
                        command: command.clone(),
                        key: receipt.key.clone(),
                        tick,
                        elapsed: self.witness.world.clock().elapsed(),
                    };
                    stage.made.push(made);
                }
                CommandKind::Untrash => {
                    let at = (self.side, receipt.key.clone());
                    stage.revived.insert(at, tick);
                }
                CommandKind::Patch | CommandKind::Trash => {}
            }
        }
        Ok(outcome)
    }

    async fn apply_one(&self, call: &Call<'_>, command: &Command) -> Result<Outcome, PeerError> {
        let sending = self.witness.leaves(self.side, command).await;
        let Some(fault) = self.draw_fault() else {
            let outcome = self.execute(call, command, &sending).await?;
            self.note_read(command.key.as_ref());
            return Ok(outcome);
        };
        let maybe = |kind| Err(self.error(kind, Sent::Maybe));
        let no = |kind| Err(self.error(kind, Sent::No));
        let refused = |kind| {
            Ok(Outcome::Rejected(Rejection {
                kind,
                message: "a fault of the simulation".into(),
            }))
        };
        match fault {
            Fault::LoseAnswer => {
                self.execute(call, command, &sending).await?;
                maybe(PeerErrorKind::Unavailable)
            }
            Fault::LoseRequest => maybe(PeerErrorKind::Unavailable),
            Fault::ArriveLate => {
                let late = (self.side, command.clone(), sending);
                self.witness.stage.lock().late.push(late);
                maybe(PeerErrorKind::Unavailable)
            }
            Fault::Slip => match self.execute(call, command, &sending).await? {
                Outcome::Done(receipt) => Ok(Outcome::Ambiguous {
                    key: Some(receipt.key),
                }),
                other => Ok(other),
            },
            Fault::Refuse => refused(RejectionKind::Invalid),
            Fault::Conflict => refused(RejectionKind::Conflict),
            Fault::Busy => no(PeerErrorKind::Busy),
            Fault::Down => no(PeerErrorKind::Unavailable),
            Fault::Unauthorized => no(PeerErrorKind::Unauthorized),
        }
    }

    fn note_read(&self, key: Option<&Key>) {
        if let Some(key) = key {
            let mut stage = self.witness.stage.lock();
            let tick = stage.next_tick();
            stage.overlooked.remove(&(self.side, key.clone()));
            let at = (stage.process.0, self.side, key.clone());
            stage.reads.insert(at, tick);
        }
    }
}

/// One cell of a record is not shown whole.
fn hide_cell(record: &mut Record, nth: u64) {
    let field = ["title", "notes", "tags", "due", PARENT][usize::try_from(nth).unwrap_or(0) % 5];
    let field = FieldId::new(field);
    let gap = match record.cells.complete(&field) {
        Some(Value::Choices(choices)) => {
            Cell::Truncated(Value::choices(choices[..choices.len() / 2].to_vec()))
        }
        Some(_) if nth == 1 => Cell::Inaccessible,
        // What a truncated reference list looks like when none of it fits.
        Some(_) => Cell::Truncated(Value::Empty),
        None => return,
    };
    record.cells.put(field, gap);
}

#[async_trait]
impl Peer for StagedPeer {
    fn place(&self) -> &PlaceId {
        self.inner.place()
    }

    async fn describe(&self, call: &Call<'_>) -> Result<Description, PeerError> {
        self.before_read().await?;
        self.inner.describe(call).await
    }

    async fn scan(
        &self,
        call: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        self.before_read().await?;
        let mut page = self.inner.scan(call, from, fields, limit).await?;
        self.veil(&mut page);
        let tell = || {
            format!(
                "{:?} scan {from:?}: {} {:?}",
                self.side,
                page.items.len(),
                page.next
            )
        };
        {
            let mut stage = self.witness.stage.lock();
            stage.tell(tell);
            for item in &page.items {
                if let Sighting::Seen(record) = item
                    && !stage.overlooked.is_empty()
                {
                    stage.overlooked.remove(&(self.side, record.key.clone()));
                }
            }
        }
        self.witness.stage.pause().await;
        Ok(page)
    }

    async fn fetch(
        &self,
        call: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        self.before_read().await?;
        let mut answers = self.inner.fetch(call, keys, fields).await?;
        keys.iter().for_each(|key| self.note_read(Some(key)));
        let tell = || format!("{:?} read {answers:?}", self.side);
        self.witness.stage.lock().tell(tell);
        if self.capabilities.absence == Absence::Ambiguous {
            for answer in &mut answers {
                let mut stage = self.witness.stage.lock();
                let rate = stage.strain.shows_less / 4;
                if stage.strikes(rate, "direct read denied") {
                    *answer = Lookup::Denied;
                }
            }
        }
        self.witness.stage.pause().await;
        Ok(answers)
    }

    async fn find(
        &self,
        call: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        self.before_read().await?;
        let found = self.inner.find(call, field, values).await?;
        {
            let mut stage = self.witness.stage.lock();
            let at = (stage.process.0, self.side);
            let now = (stage.next_tick(), self.witness.world.clock().elapsed());
            stage.finds.insert(at, now);
        }
        self.witness.stage.pause().await;
        Ok(found)
    }

    async fn apply(&self, call: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        self.witness.stage.pause().await;
        let torn = self.witness.stage.lock().tears();
        let mut outcomes = Vec::new();
        for command in &batch.commands {
            outcomes.push(self.apply_one(call, command).await?);
        }
        if torn {
            return Err(self.error(PeerErrorKind::Unavailable, Sent::Maybe));
        }
        self.witness.stage.pause().await;
        Ok(outcomes)
    }

    async fn alter(
        &self,
        call: &Call<'_>,
        expect: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        self.witness.stage.pause().await;
        self.inner.alter(call, expect, changes).await
    }
}

/// Whether a record is alive.
pub(super) fn is_live(record: &Record) -> bool {
    record.lifecycle != Lifecycle::Trashed
}
