//! References between records: people set them, and what has to become of them.
//!
//! A reference is no value of its own: each record holds many, and what it is on the other side is
//! known through pairs. So it has a lineage of its own, by record and target.

use std::collections::{BTreeMap, BTreeSet};

use super::check::Snapshot;
use super::history::History;
use super::lineage::{Fate, Write};
use super::people::People;
use super::stage::{Inner, Sending};
use super::witness::Witness;
use super::world::{PARENT, Written};
use crate::link::{Counterparts, MappedField, Side, Sides};
use crate::pair::{PairState, Presence};
use crate::port::{CellChange, Clock, Command, Query, Rows, UpdateSafety};
use crate::record::{Key, Record};
use crate::schema::FieldId;
use crate::value::{Reference, Value};

/// The records that a value refers to.
fn targets(value: Option<&Value>) -> Vec<Key> {
    match value {
        Some(Value::References(references)) => {
            references.iter().map(|to| to.key().clone()).collect()
        }
        _ => Vec::new(),
    }
}

/// The records that a record refers to.
fn referred(record: Option<&Record>) -> Vec<Key> {
    targets(record.and_then(|record| record.cells.complete(&FieldId::new(PARENT))))
}

pub(super) fn spelled(keys: &[Key]) -> Value {
    Value::references(keys.iter().cloned().map(Reference::new).collect())
}

/// Every reference people set: by side, record and target.
#[derive(Clone, Debug, Default)]
pub(super) struct References(BTreeMap<(Side, Key, Key), Write>);

impl References {
    /// What became of a reference.
    fn set(&mut self, target: Key, write: Write) {
        self.0
            .insert((write.side, write.key.clone(), target), write);
    }

    /// A person takes a reference back by undoing the run that wrote it (R40): it counts for nothing.
    pub(super) fn undone(&mut self, side: Side, key: &Key, target: &Key) {
        let write = self.0.get_mut(&(side, key.clone(), target.clone()));
        if let Some(write) = write.filter(|write| write.fate == Fate::Standing) {
            write.fate = Fate::TakenBack;
        }
    }

    fn standing(&self, side: Side, key: &Key, target: &Key) -> Option<&Write> {
        let write = self.0.get(&(side, key.clone(), target.clone()))?;
        (write.fate == Fate::Standing).then_some(write)
    }

    /// Whether it was once there and taken away.
    fn was_ended(&self, side: Side, key: &Key, target: &Key) -> bool {
        let write = self.0.get(&(side, key.clone(), target.clone()));
        write.is_some_and(|write| write.fate != Fate::Standing)
    }

    /// A record that nobody was shown is shown again.
    pub(super) fn shown(&mut self, side: Side, key: &Key, write: (u64, std::time::Duration)) {
        for ((on, record, _), known) in &mut self.0 {
            if *on == side && record == key {
                (known.tick, known.elapsed) = write;
            }
        }
    }
}

impl People {
    fn refers(&self) -> bool {
        self.witness.stage.lock().freedoms.relations
    }

    /// Whether this time a person sets references instead of options.
    pub(super) fn refers_now(&mut self) -> bool {
        self.refers() && self.entropy.chance(600)
    }

    /// What a new record refers to, where a history has references.
    pub(super) fn first_references(&mut self, side: Side) -> Option<(FieldId, Written)> {
        let some = self.refers() && self.entropy.chance(300);
        let targets = some.then(|| self.some_targets(side))?;
        Some((FieldId::new(PARENT), Written::Records(targets)))
    }

    /// What was just made and another new record refer to each other.
    pub(super) fn close_circle(&mut self, side: Side, key: Key) {
        if !(self.refers() && self.entropy.chance(150)) {
            return;
        }
        let title = (FieldId::new("title"), self.unique_words());
        let back = (FieldId::new(PARENT), Written::Records(vec![key.clone()]));
        if let Some(other) = self.make(side, vec![title, back]) {
            self.write_to(side, key, PARENT, &Written::Records(vec![other]));
        }
    }

    /// A person sets, adds to or clears what some record refers to.
    pub(super) fn refer(&mut self, side: Side) {
        let Some(key) = self.some_record(side, Some(true)) else {
            return;
        };
        self.witness.stage.lock().count("referred");
        let mut targets = Vec::new();
        let kind = self.entropy.below(10);
        if kind > 4 {
            targets = self.referred(side, &key);
        }
        if kind > 1 {
            targets.extend(self.some_targets(side));
        }
        let written = match targets.is_empty() {
            true => Written::Nothing,
            false => Written::Records(targets),
        };
        self.write_to(side, key, PARENT, &written);
    }

    /// One or two records of a side; now and then more than a list shows at once.
    fn some_targets(&mut self, side: Side) -> Vec<Key> {
        let keys = self.witness.world.place(side).keys(true);
        if self.entropy.chance(15) {
            return keys.into_iter().take(27).collect();
        }
        let many = 1 + self.entropy.below(2);
        let picked = (0..many).filter_map(|_| self.entropy.pick(&keys).cloned());
        picked.collect()
    }

    /// The records that a record refers to.
    pub(super) fn referred(&self, side: Side, key: &Key) -> Vec<Key> {
        referred(self.witness.world.place(side).record(key).as_ref())
    }

    /// A person wrote what a record refers to, having seen `before`.
    pub(super) fn wrote_references(&self, side: Side, key: &Key, before: &[Key]) {
        let after = self.referred(side, key);
        let gone = before.iter().filter(|target| !after.contains(target));
        gone.for_each(|target| self.no_longer(side, key, target));
        let mut stage = self.witness.stage.lock();
        let write = self.write_now(&stage, side, key, Fate::Standing);
        for target in after.into_iter().filter(|target| !before.contains(target)) {
            stage.references.set(target, write.clone());
        }
    }

    /// A person decides against what a record refers to.
    pub(super) fn gives_up(&self, side: Side, key: &Key, value: &Value) {
        let targets = targets(Some(value));
        targets
            .iter()
            .for_each(|target| self.no_longer(side, key, target));
    }

    /// A person destroyed a record: with it what nobody else refers to. Where the other one is emptied
    /// because this one left the filter, that may be on its way.
    pub(super) fn erased_references(&self, side: Side, key: &Key, targets: &[Key]) {
        let other = side.other();
        let empties = self.witness.stage.lock().freedoms.empties();
        let there = self.partner(side, key);
        let there = there.map(|key| self.referred(other, &key));
        for target in targets {
            let stays = self.partner(side, target).zip(there.as_ref());
            let stays = stays.is_some_and(|(target, there)| there.contains(&target));
            if empties || !stays {
                self.no_longer(side, key, target);
            }
        }
    }

    /// A person took a reference back: with it the one on the other side that it is by now.
    fn no_longer(&self, side: Side, key: &Key, target: &Key) {
        let other = side.other();
        let there = self.partner(side, key).zip(self.partner(side, target));
        let mut stage = self.witness.stage.lock();
        let write = self.write_now(&stage, side, key, Fate::TakenBack);
        stage.references.set(target.clone(), write);
        if let Some((key, target)) = there {
            let write = self.write_now(&stage, other, &key, Fate::TakenBack);
            stage.references.set(target, write);
        }
    }

    fn write_now(&self, stage: &Inner, side: Side, key: &Key, fate: Fate) -> Write {
        Write {
            side,
            key: key.clone(),
            field: FieldId::new(PARENT),
            tick: stage.tick,
            elapsed: self.witness.world.clock().elapsed(),
            fate,
        }
    }

    /// The counterpart of a record, as far as the store knows.
    fn partner(&self, side: Side, key: &Key) -> Option<Key> {
        let Witness {
            world, store, link, ..
        } = &self.witness;
        let query = Query::Heads(side, vec![key.clone()]);
        let heads = super::finish(&**world, store.read(&link.id, &query, None, 1));
        match heads {
            Ok(Rows::Heads(heads)) => heads.into_iter().next()?.keys[side.other()].clone(),
            _ => None,
        }
    }
}

impl Witness {
    /// The references that a command takes away, by record and target: those of its side, and those
    /// of the other side that they are there by now.
    pub(super) async fn takes_away(&self, side: Side, command: &Command) -> Vec<(Side, Key, Key)> {
        let cell = command
            .cells
            .iter()
            .find(|cell| cell.field.as_str() == PARENT);
        let (Some(key), Some(cell)) = (&command.key, cell) else {
            return Vec::new();
        };
        let desired = targets(Some(&cell.desired));
        let mut goes = targets(cell.expected.as_ref());
        goes.retain(|target| !desired.contains(target));
        let mut asked = goes.clone();
        asked.push(key.clone());
        let query = Query::Heads(side, asked);
        let rows = self.store.read(&self.link.id, &query, None, u32::MAX).await;
        let heads = match rows {
            Ok(Rows::Heads(heads)) => heads,
            _ => Vec::new(),
        };
        let other = side.other();
        let there = |key: &Key| {
            let mut heads = heads.iter();
            let head = heads.find(|head| head.keys[side].as_ref() == Some(key));
            head.and_then(|head| head.keys[other].clone())
        };
        let of_record = there(key);
        let there: Vec<_> = goes.iter().filter_map(there).collect();
        let here = goes.into_iter().map(|target| (side, key.clone(), target));
        let there = there
            .into_iter()
            .filter_map(|target| Some((other, of_record.clone()?, target)));
        here.chain(there).collect()
    }

    /// P8: no reference goes that the sender could have seen. One it saw goes because of an edit on
    /// the other side, which is checked at rest.
    pub(super) fn over_references(
        &self,
        stage: &mut Inner,
        at: (Side, &Record),
        cell: &CellChange,
        sending: &Sending,
        safety: UpdateSafety,
    ) {
        let (side, record) = at;
        let (seen, desired) = (
            targets(cell.expected.as_ref()),
            targets(Some(&cell.desired)),
        );
        for target in referred(Some(record)) {
            let goes = !desired.contains(&target) && !seen.contains(&target);
            let write = stage.references.standing(side, &record.key, &target);
            let Some(write) = write.filter(|_| goes).cloned() else {
                continue;
            };
            if safety == UpdateSafety::CompareAndSwap {
                // Refused: it holds something else by now.
                continue;
            }
            if self.crosses(&write, sending) {
                let fate = Fate::Crossed;
                stage.references.set(target, Write { fate, ..write });
                stage.tally.crossed += 1;
            } else {
                let key = &record.key;
                let what = format!("P8: {side:?} {key:?} does not refer to {target:?} any more");
                stage.violation(what);
            }
        }
    }
}

/// What references of one side are on the other: records whose pair has both keys, neither of them
/// gone for good. In the trash, outside of the filter and in another collection they keep their keys.
pub(super) fn counterparts(pairs: &[PairState]) -> Counterparts<Key> {
    let whole = pairs.iter().filter_map(|pair| {
        let there = |side: Side| {
            let state = &pair.sides[side];
            let gone = matches!(state.presence, Presence::Deleted(_));
            state.key.clone().filter(|_| !gone)
        };
        Some(Sides::new(
            Some(there(Side::Left)?),
            Some(there(Side::Right)?),
        ))
    });
    Counterparts::new(whole)
}

/// Whether a field refers to one of these records. What was made a second time is shown and not
/// pulled until a person decides, and a field that refers to it waits as long.
pub(super) fn refer_to(late: &BTreeSet<(Side, Key)>, values: &Sides<&Value>) -> bool {
    Side::BOTH.into_iter().any(|side| {
        let targets = targets(Some(values[side]));
        targets.into_iter().any(|key| late.contains(&(side, key)))
    })
}

impl History {
    /// Whether a list of references is not shown whole.
    pub(super) fn is_cut(&self, values: &Sides<Option<&Value>>) -> bool {
        Side::BOTH.into_iter().any(|side| {
            let many = targets(values[side]).len();
            self.world.place(side).truncates(many)
        })
    }

    /// Whether what was settled of a field has to stay as it is, also when a record it refers to gets
    /// its other side (F18): its own record is out of reach, or one side does not show the list whole.
    pub(super) fn cannot_grow(&self, field: &MappedField, linked: Option<&Sides<&Record>>) -> bool {
        linked.is_none_or(|records| {
            let now = Sides::from_fn(|side| records[side].cells.complete(&field.ids[side]));
            self.is_cut(&now)
        })
    }

    /// P4: every reference a person set is there, on either side, unless a person who saw it took it
    /// back on either.
    pub(super) fn check_references(&self, now: &Snapshot) {
        if !self.freedoms().relations {
            return;
        }
        let Snapshot { pairs, truth, .. } = now;
        let clears = self.freedoms().empties();
        let references = self.stage.lock().references.clone();
        for ((side, key, target), write) in &references.0 {
            let record = truth[*side].get(key);
            // What a person destroyed refers to nothing, and nothing to it, also where it was made anew.
            let both = record.is_some() && truth[*side].contains_key(target);
            if write.fate != Fate::Standing || !both {
                continue;
            }
            let other = side.other();
            let of = |key: &Key| {
                let mut pairs = pairs.iter();
                let pair = pairs.find(|pair| pair.sides[*side].key.as_ref() == Some(key));
                pair.and_then(|pair| pair.sides[other].key.as_ref())
            };
            let there = of(key).zip(of(target));
            let stands_there = there.is_some_and(|(key, target)| {
                let record = truth[other].get(key);
                // Emptied here because that one left the filter: nobody keeps up what it says.
                let left = record.is_some_and(|record| self.is_let_go(other, record));
                clears && left
                    || referred(record).contains(target)
                    || references.was_ended(other, key, target)
            });
            if !referred(record).contains(target) && !stands_there {
                let what = format!("P4: {side:?} {key:?} does not refer to {target:?} any more");
                self.stage.lock().violation(what);
            }
        }
    }
}
