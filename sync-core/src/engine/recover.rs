//! Recover: what happened to commands whose outcome is not known. Looked up, never blindly repeated.

use super::cycle::Cycle;
use super::observe::observed;
use super::settle::{Verdict, oriented, verify};
use super::{Event, RunError};
use crate::canary::{self, Canary};
use crate::conflict::LIFECYCLE;
use crate::link::Side;
use crate::outbox::{Intent, IntentEvent, IntentField, IntentState};
use crate::pair::{PairId, PairState, Presence, SideState};
use crate::plan::is_at_rest;
use crate::port::{Absence, Call, Change, CommandKind, FieldSet, Lookup};
use crate::record::{Key, Lifecycle, Record};
use crate::schema::FieldId;
use crate::value::Value;

/// What a lookup says about an unresolved command.
#[derive(Clone, Debug)]
pub(super) enum Finding {
    /// The record as it is now.
    Record(Box<Record>),
    /// The peer's word: nothing was made.
    NothingMade,
    /// No telling yet, and why.
    Unknown(String),
    /// The record cannot be read.
    Unreadable(Box<Lookup>),
}

/// What is known of a command whose record is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The peer said that it was done.
    Taken,
    /// Nothing came back.
    Lost,
}

impl Cycle<'_> {
    /// Goes through what earlier runs left open.
    pub(super) async fn recover(&mut self) -> Result<(), RunError> {
        let mut looked_up = false;
        for mut intent in std::mem::take(&mut self.intents).into_values() {
            self.stop_if_asked()?;
            self.keep_lease().await?;
            // Sent in the future, by a clock that has jumped back since: counted from now on.
            intent.attempted_at = intent.attempted_at.min(Some(self.started));
            if intent.state.is_unresolved() && !canary::is(Canary::AmbiguousDropped) {
                if looked_up && self.is_spent() {
                    self.intents.insert((intent.pair, intent.side), intent);
                    self.spending.left = true;
                    continue;
                }
                looked_up = true;
                self.resolve(intent).await?;
            } else {
                self.withdraw(intent, Vec::new()).await?;
            }
        }
        Ok(())
    }

    /// Looks up one unresolved command and moves it on. Returns whether it may be sent again.
    pub(super) async fn resolve(&mut self, intent: Intent) -> Result<(), RunError> {
        let Some(pair) = self.pair(intent.pair).await? else {
            return self.withdraw(intent, Vec::new()).await;
        };
        match self.look_up(&intent).await? {
            Finding::Record(record) => self.judge(intent, &pair, *record, Answer::Lost).await,
            Finding::NothingMade => {
                let side = intent.side;
                let source = pair.sides[side.other()].shadow.as_ref();
                let wanted = source.is_some_and(|source| source.lifecycle == Lifecycle::Live);
                if let Some(marker) = &intent.marker {
                    // Whatever becomes of it now: what was sent may still arrive, or be shown.
                    self.memory.sent_twice.insert(marker.clone(), intent.pair);
                }
                if wanted && intent.attempts < self.engine.spec.policy.max_attempts {
                    self.say(|| Event::Recovered {
                        what: "a create that never arrived is sent again".into(),
                    });
                    self.advance(intent, IntentEvent::NotApplied, Vec::new())
                        .await
                } else {
                    self.withdraw(intent, Vec::new()).await
                }
            }
            Finding::Unknown(note) => {
                let mut intent = intent;
                intent.note = Some(note);
                self.advance(intent, IntentEvent::OutcomeUnknown, Vec::new())
                    .await
            }
            Finding::Unreadable(lookup)
                if intent.command.kind == CommandKind::Create && !is_proof(&lookup) =>
            {
                let mut intent = intent;
                let key = intent.command.key.as_ref().map_or("", Key::as_str);
                let name = &self.engine.spec.names[intent.side];
                intent.note = Some(format!(
                    "{name} says it made {key} and does not show it yet"
                ));
                self.advance(intent, IntentEvent::OutcomeUnknown, Vec::new())
                    .await
            }
            Finding::Unreadable(lookup) => {
                let side = intent.side;
                let mut seen = vec![self.classified(&pair, side, *lookup)];
                seen.extend(self.may_yet_arrive(&intent, &pair));
                self.withdraw(intent, seen).await
            }
        }
    }

    async fn look_up(&mut self, intent: &Intent) -> Result<Finding, RunError> {
        let call = Call::new(&self.options.cancel);
        let peer = &self.engine.peers[intent.side];
        if let Some(key) = &intent.command.key {
            let answers = peer
                .fetch(&call, std::slice::from_ref(key), &FieldSet::All)
                .await?;
            return Ok(match answers.into_iter().next() {
                Some(Lookup::Here(record)) => Finding::Record(Box::new(record)),
                Some(other) => Finding::Unreadable(Box::new(other)),
                None => Finding::Unknown("the peer gave no answer".into()),
            });
        }
        let field = self.engine.spec.mapping.markers[intent.side].clone();
        let (Some(marker), Some(field)) = (&intent.marker, field) else {
            return Ok(Finding::Unknown(
                "it was sent, the answer was lost, and there is no marker field to look it up by: \
                 decide whether the record was made"
                    .into(),
            ));
        };
        if canary::is(Canary::LostCreateResent) {
            return Ok(Finding::NothingMade);
        }
        let found = peer
            .find(&call, &field, &[Value::text(marker.clone())])
            .await?;
        let mut records = found.records.into_iter().flatten();
        if let Some(record) = records.next() {
            return Ok(Finding::Record(Box::new(record)));
        }
        let lag = found
            .lag
            .max(self.described[intent.side].capabilities.index_lag);
        let waited = self
            .engine
            .clock
            .now()
            .since(intent.attempted_at.unwrap_or_default());
        if waited >= lag {
            return Ok(Finding::NothingMade);
        }
        let seconds = (lag - waited).as_secs() + 1;
        Ok(Finding::Unknown(format!(
            "it was sent and the answer was lost; it can be looked up for sure in {seconds} s"
        )))
    }

    /// Compares a record that was read with what the command wanted.
    pub(super) async fn judge(
        &mut self,
        mut intent: Intent,
        pair: &PairState,
        record: Record,
        answer: Answer,
    ) -> Result<(), RunError> {
        let names = self.names_of(&intent, pair, &record).await?;
        let settlement = verify(
            &self.engine.spec,
            &self.described,
            &names,
            &intent,
            pair,
            &record,
            self.started,
        );
        let side = intent.side;
        let pair_id = pair.id;
        let read = record.clone();
        self.note_direct(side, pair_id);
        // What takes away rests on a proof of its run: of an earlier one it is decided again from what
        // is there.
        let rests_on_old_proof = intent.takes_away() && self.scan_elapsed[side.other()].is_none();
        // Nor is one sent again over an edit that came in between.
        let mut holding = intent.command.holding.iter();
        let edited = holding.any(|(field, value)| record.cells.complete(field) != Some(value));
        if settlement.verdict == Verdict::NotApplied && (rests_on_old_proof || edited) {
            let mut seen = vec![observed(pair_id, side, record)];
            seen.extend(self.may_yet_arrive(&intent, pair));
            return self.withdraw(intent, seen).await;
        }
        if settlement.verdict == Verdict::NotApplied && intent.command.kind != CommandKind::Create {
            // Sent again while there is budget. Then a change that was taken each time is a dead
            // letter with this note; one that never arrived is decided afresh.
            let spent = intent.attempts >= self.engine.spec.policy.max_attempts;
            let mut seen = vec![observed(pair_id, side, record)];
            if answer == Answer::Lost {
                seen.extend(self.may_yet_arrive(&intent, pair));
            }
            let event = match (spent, answer) {
                (false, _) => IntentEvent::NotApplied,
                (true, Answer::Taken) => IntentEvent::Refused,
                (true, Answer::Lost) => return self.withdraw(intent, seen).await,
            };
            if answer == Answer::Taken {
                let name = &self.engine.spec.names[side];
                intent.note = Some(format!(
                    "{name} took the change and shows none of it, at attempt {}",
                    intent.attempts
                ));
            }
            return self.advance(intent, event, seen).await;
        }
        let kind = intent.command.kind;
        let mut after = pair.clone();
        after.sides[side] = SideState::seen(record.clone().just_written());
        after.base = Some(settlement.base.clone());
        let mut changes = vec![observed(pair_id, side, record.just_written())];
        let applied = settlement.verdict == Verdict::Applied || kind == CommandKind::Create;
        let may_arrive = answer == Answer::Lost && settlement.fields.is_empty() && !applied;
        let noted = self.may_yet_arrive(&intent, pair).filter(|_| may_arrive);
        // What was verified is settled even where somebody wrote beside it.
        if let Some(noted) = noted {
            changes.push(noted);
        } else if !intent.edit || pair.base.is_some() {
            changes.push(Change::Settle {
                pair: pair_id,
                base: settlement.base,
            });
            // An undo opens conflicts again: what it writes closes none.
            for field in settlement.fields.iter().filter(|_| !intent.edit) {
                self.close_conflict(pair_id, field, &mut changes);
            }
        }
        let now = self.engine.clock.now();
        let rule = intent.rule.clone();
        // Only what was seen to have arrived is evidence.
        let mut arrived = intent.fields.clone();
        arrived.retain(|field| settlement.fields.contains(&field.name));
        let spec = &self.engine.spec;
        for field in &mut arrived {
            // What is there now is what was read, which a peer may show in its own form.
            let mapped = spec.mapping.field(&field.name);
            let now = mapped.and_then(|mapped| read.cells.complete(&mapped.ids[side]));
            field.desired = now.unwrap_or(&field.desired).clone();
        }
        let run = self.run_id();
        let written = super::settle::journal(spec, run, now, pair, side, kind, &rule, &arrived);
        let written = written
            .into_iter()
            .filter(|entry| applied || entry.field.is_some());
        changes.extend(written.map(Change::Journal));
        if applied {
            if kind.changes_life() {
                self.close_conflict(pair_id, &FieldId::new(LIFECYCLE), &mut changes);
            }
            self.count(side, kind, self.only_projects(&intent));
            self.note_arrival(pair_id, side);
            if !intent.edit && self.is_through(&after, side) {
                changes.push(Change::Attend {
                    pair: pair_id,
                    dirty: false,
                    standing: None,
                });
            }
            self.advance(intent, IntentEvent::Verified, changes).await
        } else {
            intent.note = Some("the record is not as it was written; planned again".into());
            self.withdraw(intent, changes).await
        }
    }

    /// Whether nothing is left to decide about a pair, now that a command to this side has arrived: then
    /// it needs no other look.
    fn is_through(&self, pair: &PairState, side: Side) -> bool {
        let open = |side: Side| self.intents.contains_key(&(pair.id, side));
        let postponed = |side: Side| self.postponed.contains_key(&(pair.id, side));
        let conflicts = self.conflicts.get(&pair.id);
        !open(side.other())
            && !postponed(Side::Left)
            && !postponed(Side::Right)
            && conflicts.is_none_or(Vec::is_empty)
            && !self.dead.contains_key(&pair.id)
            && !self.waits.contains_key(&pair.id)
            && self.on_hold.is_empty()
            && is_at_rest(pair, &self.engine.spec)
    }

    fn only_projects(&self, intent: &Intent) -> bool {
        let mapping = &self.engine.spec.mapping;
        let projects = |name| {
            mapping
                .field(name)
                .is_some_and(|f| f.lens.projects_from().is_some())
        };
        intent.command.kind == CommandKind::Patch
            && intent.fields.iter().all(|field| projects(&field.name))
    }

    /// Moves an intent on and commits it with other changes.
    pub(super) async fn advance(
        &mut self,
        mut intent: Intent,
        event: IntentEvent,
        mut changes: Vec<Change>,
    ) -> Result<(), RunError> {
        intent.apply(event)?;
        let at = (intent.pair, intent.side);
        if self
            .postponed
            .get(&at)
            .is_some_and(|waiting| waiting.id == intent.id)
        {
            self.postponed.remove(&at);
        }
        if intent.state.is_final() {
            intent.ended_at = Some(self.engine.clock.now());
            self.intents.remove(&at);
        } else {
            self.intents.insert(at, intent.clone());
        }
        if intent.state == IntentState::Dead {
            self.dead
                .entry(intent.pair)
                .or_default()
                .push(intent.clone());
        }
        changes.push(Change::Intent(intent));
        self.commit(changes, Vec::new()).await?;
        Ok(())
    }

    /// Drops an intent; the planner decides afresh from what is known then.
    pub(super) async fn withdraw(
        &mut self,
        intent: Intent,
        mut changes: Vec<Change>,
    ) -> Result<(), RunError> {
        let pair = intent.pair;
        if !changes
            .iter()
            .any(|change| matches!(change, Change::Observe { .. }))
        {
            changes.push(Change::Attend {
                pair,
                dirty: true,
                standing: None,
            });
        }
        self.advance(intent, IntentEvent::Withdraw, changes).await
    }

    /// Remembers of a command that empties a record or takes back what was written to it, and was
    /// lost, that it may arrive yet: what is empty then was emptied by us, and what an undo leaves
    /// apart is no edit.
    fn may_yet_arrive(&self, intent: &Intent, pair: &PairState) -> Option<Change> {
        let before = pair.base.as_ref()?;
        let mut base = before.clone();
        let (side, fields) = (intent.side, intent.fields.iter());
        if intent.is_clearing() {
            let fields = fields.map(|field| (field.name.clone(), field.desired.clone()));
            base.may_yet_empty(side, fields);
        } else if intent.edit {
            let mapping = &self.engine.spec.mapping;
            let source = pair.sides[side.other()].shadow.as_ref();
            let fields = fields.filter_map(|field| {
                let id = &mapping.field(&field.name)?.ids[side.other()];
                let theirs = source?.cells.complete(id)?.clone();
                let values = oriented(side, field.desired.clone(), theirs);
                Some((&field.name, values))
            });
            let trashes = intent.command.kind == CommandKind::Trash;
            base.may_yet_undo(mapping, side, trashes, fields);
        }
        (base != *before).then_some(Change::Settle {
            pair: pair.id,
            base,
        })
    }

    /// The unresolved create that made this record: by the key that the peer told, or by its marker.
    pub(super) fn made_by(&self, side: Side, record: &Record) -> Option<Intent> {
        let mut open = self.intents.values().filter(|intent| intent.side == side);
        let told = |intent: &&Intent| {
            intent.command.kind == CommandKind::Create
                && intent.state.is_unresolved()
                && intent.command.key.as_ref() == Some(&record.key)
        };
        if let Some(intent) = open.clone().find(told) {
            return Some(intent.clone());
        }
        let field = self.engine.spec.mapping.markers[side].as_ref()?;
        let marker = record.cells.complete(field)?.display();
        if marker.is_empty() {
            return None;
        }
        let found = open.find(|intent| intent.marker.as_deref() == Some(marker.as_str()));
        found.cloned()
    }

    /// The pair whose create was lost, sent again or given up, and may have made this record too.
    pub(super) fn late_duplicate_of(&self, pair: &PairState) -> Option<PairId> {
        if pair.base.is_some() || self.memory.sent_twice.is_empty() {
            return None;
        }
        Side::BOTH.into_iter().find_map(|side| {
            let field = self.engine.spec.mapping.markers[side].as_ref()?;
            let shadow = pair.sides[side].shadow.as_ref()?;
            let marker = shadow.cells.complete(field)?.display();
            let first = self.memory.sent_twice.get(&marker)?;
            let there = pair.sides[side].presence == Presence::Present
                && shadow.lifecycle == Lifecycle::Live;
            (*first != pair.id && there).then_some(*first)
        })
    }

    /// The pair whose create was sent more than once and made this record after all, where the
    /// pair has no record there yet and no create is under way.
    pub(super) async fn made_late(
        &self,
        side: Side,
        record: &Record,
    ) -> Result<Option<PairId>, RunError> {
        let field = self.engine.spec.mapping.markers[side].as_ref();
        let marker = field.and_then(|field| record.cells.complete(field));
        let first = marker.and_then(|marker| self.memory.sent_twice.get(&marker.display()));
        let Some(first) = first.filter(|first| !self.intents.contains_key(&(**first, side))) else {
            return Ok(None);
        };
        let pair = self.pair(*first).await?;
        // Never there, or gone for good and made again.
        let lacks = pair.filter(|pair| {
            let there = &pair.sides[side];
            there.key.is_none() || matches!(there.presence, Presence::Deleted(_))
        });
        Ok(lacks.map(|pair| pair.id))
    }

    /// A scan returned the record that an unresolved create made.
    pub(super) async fn found_created(
        &mut self,
        intent: Intent,
        record: Record,
    ) -> Result<Vec<Change>, RunError> {
        let Some(pair) = self.pair(intent.pair).await? else {
            return Ok(vec![observed(intent.pair, intent.side, record)]);
        };
        if intent.state.is_unresolved() {
            self.judge(intent, &pair, record, Answer::Lost).await?;
            return Ok(Vec::new());
        }
        // It was about to be sent again: it arrived late instead.
        let side = intent.side;
        self.withdraw(intent, vec![observed(pair.id, side, record)])
            .await?;
        Ok(Vec::new())
    }

    /// Whether a new record may be what a create without marker made before its answer was lost.
    pub(super) fn may_be_lost_create(&self, pair: &PairState) -> Option<String> {
        if pair.base.is_some() {
            return None;
        }
        let suspect = |intent: &&Intent| {
            let side = intent.side;
            let unproven = intent.command.kind == CommandKind::Create
                && intent.marker.is_none()
                && intent.command.key.is_none()
                && intent.state.is_unresolved();
            let new_there = pair.sides[side.other()].key.is_none();
            unproven
                && new_there
                && pair.sides[side].presence == Presence::Present
                && pair.sides[side]
                    .shadow
                    .as_ref()
                    .is_some_and(|shadow| self.resembles(shadow, intent))
        };
        let intent = self.intents.values().find(suspect)?;
        Some(format!(
            "it may be the record that command {} made before its answer was lost; decide with \
             `resolve`",
            intent.id.0
        ))
    }

    /// Whether at least half of what a create wrote is in a record. Somebody may have edited it
    /// before anybody could be asked: one that waits in vain is better than one made twice.
    fn resembles(&self, shadow: &Record, intent: &Intent) -> bool {
        let side = intent.side;
        let agrees = |field: &&IntentField| {
            let mapped = self.engine.spec.mapping.field(&field.name);
            let here = mapped.and_then(|mapped| shadow.cells.complete(&mapped.ids[side]));
            let (Some(mapped), Some(here), Some(source)) = (mapped, here, &field.source) else {
                return false;
            };
            let context = self.names.lens(&self.described, mapped);
            match side {
                Side::Left => mapped.lens.agree(&context, here, source),
                Side::Right => mapped.lens.agree(&context, source, here),
            }
        };
        intent.fields.iter().filter(agrees).count() * 2 >= intent.fields.len()
    }
}

/// Whether a record that was not shown is gone for good: who made it then destroyed it.
fn is_proof(lookup: &Lookup) -> bool {
    matches!(lookup, Lookup::Absent(Absence::Authoritative))
}
