//! What has to hold when everything is at rest: agreement, lineage, settled bases, silence.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::freedom::{is_outside, is_paused};
use super::history::History;
use super::lineage::trace;
use super::peer::is_live;
use super::process::Ended;
use super::relations::{counterparts, refer_to};
use super::undoing::{is_held, is_parked};
use crate::conflict::{Conflict, LIFECYCLE};
use crate::engine::{Report, RunError};
use crate::link::{Authority, Direction, Lens, LensContext, MappedField, Side, Sides};
use crate::outbox::Intent;
use crate::pair::{PairId, PairState, Presence, SideState};
use crate::plan::Plan;
use crate::port::{
    Change, Commit, LeaseAsk, LinkMemory, OpenMode, Opened, Query, Rows, StoreError,
};
use crate::record::{Key, Record};
use crate::schema::FieldId;
use crate::value::Value;

/// What is remembered and what there is, at one moment.
pub(super) struct Snapshot {
    pub(super) pairs: Vec<PairState>,
    /// The truth, by key.
    pub(super) truth: Sides<BTreeMap<Key, Record>>,
    pub(super) conflicts: Vec<Conflict>,
    /// Records that a create sent twice made a second time: shown, never pulled.
    pub(super) late: BTreeSet<(Side, Key)>,
}

/// So long after the last edit nothing is news any more, whatever the grain of a side's edit times.
const IDLE: Duration = Duration::from_secs(300);

impl History {
    pub(super) fn pairs(&self) -> Vec<PairState> {
        let read = self.store.read(&self.link.id, &Query::All, None, u32::MAX);
        match self.finish(read) {
            Ok(Rows::Pairs(pairs)) => pairs,
            _ => Vec::new(),
        }
    }

    pub(super) fn conflicts(&self) -> Vec<Conflict> {
        let read = self
            .store
            .read(&self.link.id, &Query::Conflicts, None, u32::MAX);
        match self.finish(read) {
            Ok(Rows::Conflicts(conflicts)) => conflicts,
            _ => Vec::new(),
        }
    }

    /// Commands that are not through.
    pub(super) fn open_intents(&self) -> Vec<Intent> {
        let query = Query::Intents { dead: true };
        let read = self.store.read(&self.link.id, &query, None, u32::MAX);
        match self.finish(read) {
            Ok(Rows::Intents(intents)) => intents,
            _ => Vec::new(),
        }
    }

    fn opened(&self) -> Result<Opened, StoreError> {
        self.finish(self.store.open(&self.link, OpenMode::Read))
    }

    fn violation(&self, what: impl Into<String>) {
        self.stage.lock().violation(what);
    }

    /// The truth, by key.
    pub(super) fn truth(&self) -> Sides<BTreeMap<Key, Record>> {
        Sides::from_fn(|side| {
            let records = self.world.place(side).records().into_iter();
            records.map(|record| (record.key.clone(), record)).collect()
        })
    }

    /// What is remembered and what there is now.
    pub(super) fn snapshot(&self) -> Snapshot {
        let (pairs, truth) = (self.pairs(), self.truth());
        let late = self.late_duplicates(&pairs, &truth);
        Snapshot {
            pairs,
            truth,
            conflicts: self.conflicts(),
            late,
        }
    }

    /// E8: both sides hold the same records, and the same in them, but for open conflicts and for
    /// what a side cannot show or take.
    pub(super) fn check_agreement(&self, now: &Snapshot) {
        let Snapshot {
            pairs,
            truth,
            conflicts,
            late,
        } = now;
        let life = FieldId::new(LIFECYCLE);
        let open: BTreeSet<_> = conflicts
            .iter()
            .map(|open| (open.pair, &open.field))
            .collect();
        for side in Side::BOTH {
            let mut paired: BTreeMap<&Key, &PairState> = BTreeMap::new();
            for pair in pairs {
                if let Some(key) = &pair.sides[side].key
                    && paired.insert(key, pair).is_some()
                {
                    self.violation(format!("{side:?} {key:?} stands in two pairs"));
                }
            }
            for (key, record) in truth[side].iter().filter(|(_, record)| is_live(record)) {
                if late.contains(&(side, key.clone())) || self.is_let_go(side, record) {
                    continue;
                }
                let partner = paired
                    .get(key)
                    .and_then(|pair| pair.sides[side.other()].key.as_ref());
                let there = partner.and_then(|key| truth[side.other()].get(key));
                // R11: what moved away is detached; the one that stays is not asked about again.
                // What was paused and put into the trash is left alone, destroyed there or not.
                let left_alone = paired.get(key).is_some_and(|pair| {
                    let there = &pair.sides[side.other()];
                    let last = there.shadow.as_ref();
                    let paused = last
                        .is_some_and(|last| !is_live(last) && self.is_let_go(side.other(), last));
                    matches!(there.presence, Presence::Moved(_)) || paused
                });
                let asked = paired
                    .get(key)
                    .is_some_and(|pair| open.contains(&(pair.id, &life)));
                let held = paired.get(key).is_some_and(|pair| is_held(pair, side));
                if asked
                    || held
                    || left_alone
                    || there.is_some_and(|there| self.is_let_go(side.other(), there))
                {
                    continue;
                }
                if there.is_none_or(|there| !is_live(there)) {
                    self.violation(format!(
                        "E8: {side:?} {key:?} lives, its counterpart {partner:?} does not"
                    ));
                    let pair = paired.get(key);
                    let tell = || format!("{record:?}\n{there:?}\n{pair:?}");
                    self.stage.lock().tell(tell);
                }
            }
        }
        let known = counterparts(pairs);
        let context = LensContext {
            records: Some(&known),
            ..LensContext::default()
        };
        for pair in pairs {
            let Some(records) = self.both_linked(pair, truth) else {
                continue;
            };
            for field in &self.link.mapping.fields {
                let values = Sides::from_fn(|side| records[side].cells.complete(&field.ids[side]));
                let (Some(left), Some(right)) = (values.left, values.right) else {
                    continue;
                };
                if field.lens.agree(&context, left, right)
                    || open.contains(&(pair.id, field.name()))
                {
                    continue;
                }
                if !self.is_out_of_reach(field, &Sides::new(left, right))
                    && !refer_to(late, &Sides::new(left, right))
                    && !is_parked(pair, field, &Sides::new(left, right))
                {
                    self.violation(format!(
                        "E8: {:?} of {:?}: {} here, {} there",
                        field.name(),
                        records.map(|record| &record.key),
                        left.display(),
                        right.display()
                    ));
                }
            }
        }
    }

    fn edited_fields(&self) -> impl Iterator<Item = &MappedField> {
        let fields = self.link.mapping.fields.iter();
        fields.filter(|field| field.lens.projects_from().is_none())
    }

    /// A record that the link does not speak of any more: moved to another collection (R11), outside
    /// of the filter (R12), or paused and then put into the trash.
    pub(super) fn is_let_go(&self, side: Side, record: &Record) -> bool {
        let stage = self.stage.lock();
        let pauses = stage.freedoms.pause == Some(side);
        (pauses && is_paused(record))
            || stage.moved.contains(&(side, record.key.clone()))
            || is_outside(&self.link.filters, side, record)
    }

    fn both_linked<'t>(
        &self,
        pair: &PairState,
        truth: &'t Sides<BTreeMap<Key, Record>>,
    ) -> Option<Sides<&'t Record>> {
        let records = both_live(pair, truth)?;
        let let_go = |side: Side| self.is_let_go(side, records[side]);
        (!let_go(Side::Left) && !let_go(Side::Right)).then_some(records)
    }

    /// What cannot be brought to agreement: a list that is only shown in part, an option that the
    /// other side does not know, a text it does not take, words that are no date, a field that flows
    /// one way.
    fn is_out_of_reach(&self, field: &MappedField, values: &Sides<&Value>) -> bool {
        let is_date = |value: &Value| matches!(value, Value::Date(_) | Value::Empty);
        if matches!(field.lens, Lens::Date { .. })
            && !(is_date(values.left) && is_date(values.right))
        {
            return true;
        }
        if field.lens == Lens::References {
            return self.freedoms().astray.is_some() || self.is_cut(&values.map(Some));
        }
        let refused = |side: Side| self.world.place(side).refuses(values[side.other()]);
        if field.direction != Direction::Both || refused(Side::Left) || refused(Side::Right) {
            return true;
        }
        field.lens == Lens::Choices
            && Side::BOTH.into_iter().any(|side| {
                let Value::Choices(choices) = values[side] else {
                    return false;
                };
                let strange = choices.iter().any(|choice| choice.name == "unheard of");
                strange || self.world.place(side).truncates(choices.len())
            })
    }

    fn late_duplicates(
        &self,
        pairs: &[PairState],
        truth: &Sides<BTreeMap<Key, Record>>,
    ) -> BTreeSet<(Side, Key)> {
        let mut late = BTreeSet::new();
        let Ok(opened) = self.opened() else {
            return late;
        };
        let twice = &opened.memory.sent_twice;
        if twice.is_empty() {
            return late;
        }
        for pair in pairs.iter().filter(|pair| pair.base.is_none()) {
            for side in Side::BOTH {
                let field = self.link.mapping.markers[side].as_ref();
                let key = pair.sides[side].key.as_ref();
                let record = key
                    .and_then(|key| truth[side].get(key))
                    .filter(|r| is_live(r));
                let marker = record
                    .zip(field)
                    .and_then(|(r, field)| r.cells.complete(field));
                let first = marker.and_then(|marker| twice.get(&marker.display()));
                if let (Some(record), Some(first)) = (record, first)
                    && *first != pair.id
                {
                    late.insert((side, record.key.clone()));
                }
            }
        }
        late
    }

    /// P15, E3: every settled base agrees through its lens, and is what both sides hold.
    pub(super) fn check_settled(&self, now: &Snapshot) {
        let Snapshot { pairs, truth, .. } = now;
        let known = counterparts(pairs);
        let context = LensContext {
            records: Some(&known),
            ..LensContext::default()
        };
        for pair in pairs {
            let Some(base) = &pair.base else { continue };
            let linked = self.both_linked(pair, truth);
            for settled in base.fields() {
                let Some(field) = self.link.mapping.field(&settled.name) else {
                    continue;
                };
                let Sides { left, right } = &settled.values;
                // What is parked stays as it is (F17), also when a record it refers to gets its other side.
                let outgrown = field.lens == Lens::References
                    && (base.parked(field).is_some() || self.cannot_grow(field, linked.as_ref()));
                if !field.lens.agree(&context, left, right) && !outgrown {
                    self.violation(format!("P15: {:?} of {:?}", settled, pair.id));
                }
            }
            let Some(records) = linked else { continue };
            for field in self.edited_fields() {
                let now = Sides::from_fn(|side| records[side].cells.complete(&field.ids[side]));
                let (Some(left), Some(right), Some(settled)) =
                    (now.left, now.right, base.field(field))
                else {
                    continue;
                };
                let settled = (&settled.left, &settled.right) == (left, right);
                let now = Sides::new(left, right);
                // Parked apart, references agree once the record they differ by is gone for good. It
                // may be made anew, and nobody wants them to meet then.
                let apart = field.lens == Lens::References && is_parked(pair, field, &now);
                if field.lens.agree(&context, left, right)
                    && !settled
                    && !apart
                    && !self.is_out_of_reach(field, &now)
                {
                    let what = format!(
                        "E3: {:?} of {:?} agrees and is not settled",
                        field.name(),
                        pair.id
                    );
                    self.violation(what);
                }
            }
        }
    }

    /// P4: every value a person wrote is there, unless a person took it back. E2: and once.
    pub(super) fn check_lineage(&self, now: &Snapshot) {
        let mut there = BTreeSet::new();
        let mut stage = self.stage.lock();
        let mut broken = Vec::new();
        for side in Side::BOTH {
            let mut live: BTreeMap<String, &Key> = BTreeMap::new();
            for (key, record) in &now.truth[side] {
                let here = is_live(record) && !stage.moved.contains(&(side, key.clone()));
                for (_, cell) in record.cells.iter() {
                    let Some(trace) = cell.complete().and_then(trace) else {
                        continue;
                    };
                    let counts = here && !stage.pulled_before_asked;
                    if counts
                        && stage.lineage.knows(&trace)
                        && let Some(other) = live.insert(trace.clone(), key)
                        && other != key
                    {
                        broken.push(format!("E2: {trace} in {side:?} {other:?} and {key:?}"));
                    }
                    there.insert(trace);
                }
            }
        }
        let lost = stage.lineage.all_standing();
        let lost = lost.filter(|(trace, _)| !there.contains(*trace));
        broken.extend(lost.map(|(trace, write)| {
            format!(
                "P4: {trace} is lost, written to {:?} of {:?} {:?}",
                write.field, write.side, write.key
            )
        }));
        for what in broken {
            stage.violation(what);
        }
    }

    /// E9: a dry run changes nothing anywhere. Returns what it planned.
    pub(super) fn check_dry_run(&mut self) -> Option<Plan> {
        let state = |history: &Self| {
            let opened = history
                .opened()
                .ok()
                .map(|opened| (opened.serial, opened.memory));
            let serial = opened.as_ref().map(|(serial, _)| *serial);
            (serial, opened, history.truth())
        };
        let strain = std::mem::take(&mut self.stage.lock().strain);
        let before = state(self);
        let planned = self.plan();
        if state(self) != before {
            self.violation("E9: a dry run changed something");
        }
        let planned = planned.and_then(Result::ok);
        let mut stage = self.stage.lock();
        if let Some(plan) = &planned {
            stage.note_number(plan.commands());
        }
        stage.strain = strain;
        planned
    }

    /// P5, E15: nothing is left to do.
    pub(super) fn check_nothing_left(&mut self) {
        if let Some(plan) = self.check_dry_run()
            && plan.commands() > 0
        {
            self.violation(format!(
                "P5: there is still something to do: {:?}",
                plan.items
            ));
        }
        self.world.clock().advance(IDLE);
        self.moves_nothing(true, "P5");
        self.check_idle_poll();
    }

    /// E10, E12: long after the last edit an incremental scan returns nothing any more.
    fn check_idle_poll(&mut self) {
        self.world.clock().advance(IDLE);
        let Some(report) = self.moves_nothing(false, "P5") else {
            return;
        };
        for side in Side::BOTH {
            let scanned = report.scanned[side];
            if scanned > 0 && !report.full_scan[side] {
                let what = format!("E10: an idle poll of {side:?} returned {scanned} records");
                self.violation(what);
            }
        }
    }

    /// E7: with all shadows dropped and everything observed afresh, nothing is left to do either.
    pub(super) fn check_afresh(&mut self) {
        let newest = |open: &Conflict| {
            let field = self.link.mapping.field(&open.field);
            field.is_some_and(|field| field.authority == Authority::Newest)
        };
        // Which edit time is that of our own write is forgotten with the shadow: then the newest edit
        // may be told from the other again, where it could not be before.
        if self.conflicts().iter().any(newest) || self.drop_shadows().is_err() {
            return;
        }
        self.moves_nothing(true, "E7");
        self.check_agreement(&self.snapshot());
    }

    fn moves_nothing(&mut self, full: bool, law: &str) -> Option<Report> {
        let before = self.stage.lock().tally.commands;
        self.world.process_died();
        let mut told = None;
        for ended in self.run(full) {
            match ended {
                Ended::With(result) => match *result {
                    Ok(report) => told = Some(report),
                    Err(RunError::SchemaChanged(_)) => {}
                    Err(error) => self.violation(format!("{law}: {error}")),
                },
                Ended::Killed => self.violation(format!("{law}: killed at rest")),
            }
        }
        let commands = self.stage.lock().tally.commands - before;
        if commands > 0 {
            self.violation(format!(
                "{law}: {commands} commands, though nothing was edited"
            ));
        }
        told
    }

    fn drop_shadows(&mut self) -> Result<(), StoreError> {
        let opened = self.opened()?;
        let mut memory: LinkMemory = opened.memory;
        for side in Side::BOTH {
            memory.sides[side].cursor = None;
        }
        let mut changes = vec![Change::Memory(Box::new(memory))];
        for pair in self.pairs() {
            for side in Side::BOTH {
                let state = &pair.sides[side];
                let live = state.shadow.as_ref().is_some_and(is_live);
                if state.presence == Presence::Present && live {
                    changes.push(forgotten(pair.id, side, state));
                }
            }
        }
        let owner = "the checker".into();
        let take = LeaseAsk::Take { owner };
        let fence = self.finish(self.store.lease(&self.link.id, &take))?;
        let commit = Commit {
            changes,
            next_id: opened.next_id,
            ..Commit::default()
        };
        self.finish(self.store.commit(&fence, commit))?;
        self.finish(self.store.lease(&self.link.id, &LeaseAsk::Release(fence)))?;
        Ok(())
    }
}

fn forgotten(pair: PairId, side: Side, state: &SideState) -> Change {
    let state = SideState {
        key: state.key.clone(),
        presence: Presence::Present,
        shadow: None,
    };
    Change::Observe {
        pair,
        side,
        state,
        dirty: true,
    }
}

fn both_live<'t>(
    pair: &PairState,
    truth: &'t Sides<BTreeMap<Key, Record>>,
) -> Option<Sides<&'t Record>> {
    let live = |side: Side| {
        let key = pair.sides[side].key.as_ref()?;
        truth[side].get(key).filter(|record| is_live(record))
    };
    Some(Sides::new(live(Side::Left)?, live(Side::Right)?))
}
