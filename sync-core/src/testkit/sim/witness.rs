//! The witness: looks at every mutating command before it is carried out, and at the truth.

use std::sync::Arc;
use std::time::Duration;

use super::freedom::is_outside;
use super::lineage::{Fate, Write};
use super::stage::{Sending, Stage};
use super::world::{PARENT, World};
use crate::link::{Authority, Leave, LinkSpec, Precheck, Side};
use crate::pair::PairState;
use crate::port::{CellChange, Clock, Command, CommandKind, Query, Rows, Store, UpdateSafety};
use crate::record::{Lifecycle, Record};
use crate::schema::FieldId;
use crate::value::Value;

/// Looks at commands. Clones share the stage.
#[derive(Clone)]
pub(super) struct Witness {
    pub(super) world: Arc<dyn World>,
    pub(super) link: Arc<LinkSpec>,
    /// The store itself, without faults.
    pub(super) store: Arc<dyn Store>,
    pub(super) stage: Stage,
    /// The longest lag that a side admits.
    pub(super) lag: Duration,
}

impl Witness {
    /// A command is about to leave for a peer outside of the store.
    pub(super) async fn leaves(&self, side: Side, command: &Command) -> Sending {
        let stale = {
            let stage = self.stage.lock();
            stage.stale.contains(&stage.process.0)
        };
        if stale {
            // No fence reaches a peer: what a process without lease still sends is a foreign edit.
            return self.sending(side, command);
        }
        let durable = {
            let stage = self.stage.lock();
            let mut attempts = stage.attempts.values();
            attempts.any(|(on, attempt)| *on == side && attempt == command)
        };
        if !durable {
            let what = format!("E1: {:?} left before it was durable", command.kind);
            self.stage.lock().violation(what);
        }
        if command.kind == CommandKind::Trash {
            let pair = self.pair_of(side, command).await;
            self.proved(side, command, pair.as_ref());
        }
        if command.kind == CommandKind::Create {
            self.looked_for(side, command);
        }
        self.sending(side, command)
    }

    /// E2: a create is sent again only after a search that could not find what it made before.
    fn looked_for(&self, side: Side, command: &Command) {
        let Some(field) = &self.link.mapping.markers[side] else {
            return;
        };
        let marker = |command: &Command| {
            let cell = command.cells.iter().find(|cell| cell.field == *field);
            cell.map(|cell| cell.desired.clone())
        };
        let mut stage = self.stage.lock();
        let Some(made) = stage
            .made
            .iter()
            .find(|made| made.side == side && marker(&made.command) == marker(command))
            .cloned()
        else {
            return;
        };
        let live = self.world.place(side).record(&made.key);
        let live = live.is_some_and(|record| record.lifecycle != Lifecycle::Trashed);
        let at = (side, made.key.clone());
        let shown = live && !stage.hidden.contains(&at) && !stage.moved.contains(&at);
        let found = stage.finds.get(&(stage.process.0, side)).copied();
        // Put into the trash before the search and restored after it, it could not be found.
        let revived = stage.revived.get(&at).copied().unwrap_or(0);
        let overlooked = found.is_none_or(|(tick, elapsed)| {
            made.tick < tick && revived < tick && made.elapsed + self.lag <= elapsed
        });
        if shown && overlooked {
            let what = format!("E2: {side:?} {:?} is made once more", made.key);
            stage.violation(what);
        }
    }

    /// P7: not more deletes in a day than a person allowed.
    fn within_limits(&self, side: Side, command: &Command) {
        let now = self.world.clock().elapsed();
        let day = Duration::from_secs(24 * 3600);
        let live = self.world.place(side).keys(true).len() as u64;
        let mut stage = self.stage.lock();
        if let Some(key) = command.key.clone() {
            // Sent again, because it was lost or taken back, it is one delete.
            stage.trashed.insert((side, key), now);
        }
        let sent = stage.trashed.iter();
        let recent = sent.filter(|((on, _), at)| *on == side && **at + day > now);
        let recent = recent.count() as u64;
        // What a process saw of the records may be a few behind what there is.
        let most = self.link.policy.max_delete.threshold(live + recent) + 3;
        if !stage.approved && recent > most {
            let what = format!("P7: {recent} deletes on {side:?} in a day, of {live} records");
            stage.violation(what);
        }
    }

    pub(super) fn sending(&self, side: Side, command: &Command) -> Sending {
        let stage = self.stage.lock();
        let read = command.key.as_ref().and_then(|key| {
            let at = (stage.process.0, side, key.clone());
            stage.reads.get(&at).copied()
        });
        let key = command.key.clone();
        let overlooked = key.is_some_and(|key| stage.overlooked.contains(&(side, key)));
        Sending {
            read,
            elapsed: self.world.clock().elapsed(),
            overlooked,
        }
    }

    /// P6: a record is moved to the trash only where its counterpart is gone.
    pub(super) fn proved(&self, side: Side, command: &Command, pair: Option<&PairState>) {
        self.within_limits(side, command);
        let other = side.other();
        if self.stage.lock().undoes(side, command).is_some() {
            // R40: a person takes back that it was made, or restored; its counterpart stays.
            return;
        }
        let key = pair.and_then(|pair| pair.sides[other].key.clone());
        let record = key
            .as_ref()
            .and_then(|key| self.world.place(other).record(key));
        let alive = (record.as_ref()).is_some_and(|record| record.lifecycle != Lifecycle::Trashed);
        let mut stage = self.stage.lock();
        let began = stage.process.1;
        // Alive by now, and not only since this run could have looked.
        let revived = key
            .as_ref()
            .and_then(|key| stage.revived.get(&(other, key.clone())));
        let revived = revived.copied().unwrap_or(0) >= began;
        let left = record.is_some_and(|record| is_outside(&stage.filters, other, &record));
        let leaving = stage
            .freedoms
            .filter
            .is_some_and(|(_, leave)| leave == Leave::Trash)
            && left;
        if key.is_none() || (alive && !revived && !leaving) {
            let what = format!(
                "P6: {side:?} {:?} trashed, {other:?} {key:?} lives",
                command.key
            );
            stage.violation(what);
        }
    }

    /// A command is about to be carried out: whose edits does it write over?
    pub(super) async fn arrives(
        &self,
        side: Side,
        command: &Command,
        sending: &Sending,
        safety: UpdateSafety,
    ) {
        let refers = |cell: &CellChange| cell.field.as_str() == PARENT;
        if self.stage.lock().freedoms.astray.is_some() && command.cells.iter().any(refers) {
            let what = format!("E14: {side:?} is sent references to where it has no records");
            self.stage.lock().violation(what);
        }
        let key = command.key.as_ref();
        let Some(record) = key.and_then(|key| self.world.place(side).record(key)) else {
            return;
        };
        let holds = |(field, value): &(FieldId, Value)| record.cells.complete(field) == Some(value);
        let refused = safety == UpdateSafety::CompareAndSwap && !command.holding.iter().all(holds);
        if command.kind == CommandKind::Trash && !refused {
            let pair = self.pair_of(side, command).await;
            self.takes_along(side, &record, sending, pair.as_ref());
        }
        let emptied = command.kind == CommandKind::Patch && self.left(side, command).await;
        if command.kind == CommandKind::Patch && record.lifecycle == Lifecycle::Trashed {
            // Refused: no peer here writes to what is in the trash.
            return;
        }
        let undoes = self.stage.lock().undoes(side, command);
        let kept = match undoes.is_some() || emptied {
            true => self.counterpart(side, command).await,
            false => None,
        };
        let references = match undoes {
            Some(_) => self.takes_away(side, command).await,
            None => Vec::new(),
        };
        let mut stage = self.stage.lock();
        let at = (side, record.key.clone());
        if stage.hidden.contains(&at) || stage.moved.contains(&at) {
            // Refused: what is not shared, or not here, cannot be written either.
            return;
        }
        let gone = |cell: &CellChange| stage.gone.contains(&(side, cell.field.clone()));
        if command.cells.iter().any(gone) {
            // Refused: there is no such field.
            return;
        }
        for cell in &command.cells {
            if cell.field.as_str() == PARENT {
                // R40: here, and there too, unless the source stays as it is.
                let undone = references
                    .iter()
                    .filter(|(on, ..)| *on == side || undoes == Some(false));
                for (on, key, target) in undone {
                    stage.references.undone(*on, key, target);
                }
                self.over_references(&mut stage, (side, &record), cell, sending, safety);
                continue;
            }
            let now = record.cells.complete(&cell.field);
            let Some((now, write)) =
                now.and_then(|now| Some((now, stage.lineage.standing(now)?.clone())))
            else {
                continue;
            };
            if super::lineage::trace(now) == super::lineage::trace(&cell.desired) {
                continue;
            }
            let knowingly = cell.expected.as_ref() == Some(now);
            if !knowingly && safety == UpdateSafety::CompareAndSwap {
                continue;
            }
            let shown = kept.as_ref().is_some_and(|kept| shows(kept, now));
            if let Some(keeps) = undoes.filter(|_| knowingly) {
                // R40: a person takes it back, once it is on neither side.
                if !shown {
                    stage.lineage.end(now, Fate::TakenBack);
                } else if !keeps {
                    stage.half_undone.extend(super::lineage::trace(now));
                }
                continue;
            }
            if knowingly && emptied && cell.desired.is_empty() && shown {
                // R12: it stands on the other side, and comes back from there.
                continue;
            }
            let half = super::lineage::trace(now);
            if knowingly && half.is_some_and(|trace| stage.half_undone.contains(&trace)) {
                // What an undo left half done is completed by the next run.
                stage.lineage.end(now, Fate::TakenBack);
                continue;
            }
            let mapped = self.link.mapping.fields.iter();
            let mut mapped = mapped.filter(|field| field.ids[side] == cell.field);
            if knowingly && mapped.any(|field| field.authority != Authority::Person) {
                // The side with authority holds; the journal keeps the other value.
                stage.lineage.end(now, Fate::TakenBack);
            } else if !knowingly && self.crosses(&write, sending) {
                stage.lineage.end(now, Fate::Crossed);
                stage.tally.crossed += 1;
            } else {
                let what = format!(
                    "{}: {} of {side:?} {:?} is written over by {}",
                    if knowingly { "P4" } else { "P8" },
                    now.display(),
                    command.key,
                    cell.desired.display()
                );
                stage.violation(what);
            }
        }
    }

    /// Whether the counterpart of a record left the filter, of a link that empties what did. If it
    /// passes again only since this run began, the run may not have seen that, as for P6.
    async fn left(&self, side: Side, command: &Command) -> bool {
        if !self.stage.lock().freedoms.empties() {
            return false;
        }
        let other = side.other();
        let pair = self.pair_of(side, command).await;
        let Some(key) = pair.and_then(|pair| pair.sides[other].key.clone()) else {
            return false;
        };
        let partner = self.world.place(other).record(&key);
        let stage = self.stage.lock();
        let began = stage.process.1;
        let ticked = stage.revived.get(&(other, key));
        ticked.is_some_and(|tick| *tick >= began)
            || partner.is_some_and(|partner| is_outside(&stage.filters, other, &partner))
    }

    /// The counterpart of the record that a command is about.
    async fn counterpart(&self, side: Side, command: &Command) -> Option<Record> {
        let other = side.other();
        let pair = self.pair_of(side, command).await?;
        self.world
            .place(other)
            .record(pair.sides[other].key.as_ref()?)
    }

    /// An edit beats a delete: what nobody but this record shows must not go to the trash with it.
    fn takes_along(
        &self,
        side: Side,
        record: &Record,
        sending: &Sending,
        pair: Option<&PairState>,
    ) {
        let other = side.other();
        let partner = pair.and_then(|pair| pair.sides[other].key.clone());
        let partner = partner.and_then(|key| self.world.place(other).record(&key));
        let base = pair.and_then(|pair| pair.base.as_ref());
        let mut stage = self.stage.lock();
        for field in &self.link.mapping.fields {
            if stage.estranged.contains(&(side, field.ids[side].clone())) {
                // What a field holds that was gone, and may be another by now, is no word of a person.
                continue;
            }
            let value = record.cells.complete(&field.ids[side]);
            let write = value.and_then(|value| stage.lineage.standing(value));
            let (Some(value), Some(write)) = (value, write) else {
                continue;
            };
            let parked = base.and_then(|base| base.parked(field));
            if parked.is_some_and(|parked| parked[side] == *value) {
                // F17: taken back on the other side. It is no edit any more, and goes along.
                continue;
            }
            if super::lineage::trace(value).is_some_and(|half| stage.half_undone.contains(&half)) {
                // A person took it back, and the undo did not come to this side before the delete.
                continue;
            }
            let own = write.side == side && write.key == record.key;
            let there = partner.as_ref();
            let there = there.and_then(|there| there.cells.complete(&field.ids[other]));
            let shown = there.and_then(super::lineage::trace) == super::lineage::trace(value);
            // A field that was never settled does not outweigh a delete.
            let settled = base.is_some_and(|base| base.field(field).is_some());
            if own && !shown && settled && partner.is_some() && !self.crosses(write, sending) {
                let what = format!(
                    "R08: {side:?} {:?} goes to the trash with {}, which nobody else has",
                    record.key,
                    value.display()
                );
                stage.violation(what);
            }
        }
    }

    /// Whether an edit fell into the window between the last look and the write.
    pub(super) fn crosses(&self, write: &Write, sending: &Sending) -> bool {
        let unseen = |read: u64| write.tick > read;
        match self.link.policy.precheck {
            Precheck::Always => sending.read.is_some_and(unseen),
            Precheck::IfStale(span) => {
                let lately = write.elapsed + span >= sending.elapsed;
                sending.read.is_none_or(unseen) && (lately || sending.overlooked)
            }
            Precheck::Never => true,
        }
    }

    async fn pair_of(&self, side: Side, command: &Command) -> Option<PairState> {
        let key = command.key.clone()?;
        let query = Query::Heads(side, vec![key]);
        let rows = self.store.read(&self.link.id, &query, None, 1).await;
        let Ok(Rows::Heads(heads)) = rows else {
            return None;
        };
        let query = Query::Pairs(vec![heads.first()?.id]);
        match self.store.read(&self.link.id, &query, None, 1).await {
            Ok(Rows::Pairs(pairs)) => pairs.into_iter().next(),
            _ => None,
        }
    }
}

/// Whether a record shows this value, however its side spells it.
fn shows(record: &Record, value: &Value) -> bool {
    let wanted = super::lineage::trace(value);
    let mut cells = record.cells.iter();
    cells.any(|(_, cell)| cell.complete().and_then(super::lineage::trace) == wanted)
}
