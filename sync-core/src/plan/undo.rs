//! Taking back what a run did to one pair, from its journal: what is written where, and what is
//! left as it is because somebody edited it since. Not part of the tables: a person asks for it.
//!
//! What is planned here settles nothing. It is written as a person would write it, and the next
//! look of the planner settles what it finds: half an undo is completed like half an edit.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::decided;
use super::fields::FieldRule;
use super::pair::{PairContext, PairPlan, PlannedCommand, PlannedField};
use super::rows::RowRule;
use super::status::differs;
use crate::conflict::Conflict;
use crate::link::{Direction, MappedField, Mapping, Side, Sides};
use crate::pair::{Base, PairId, PairState, Presence};
use crate::port::{CommandKind, JournalEntry};
use crate::record::Lifecycle;
use crate::schema::FieldId;
use crate::value::Value;

/// Something a run did that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotUndone {
    /// The pair.
    pub pair: PairId,
    /// The side that is in the way, if it is one.
    pub side: Option<Side>,
    /// The pair of fields; `None` for the whole record.
    pub field: Option<FieldId>,
    /// Why.
    pub why: WhyNot,
}

/// Why something stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WhyNot {
    /// It is not as the run left it: somebody edited it since.
    Changed,
    /// The record is gone, or not shown.
    Gone,
    /// The value is not shown whole.
    Unread,
    /// The field is no longer mapped, or it is computed.
    Unmapped,
    /// What was there before is not known.
    Unknown,
    /// Nothing flows to that side.
    OneWay,
    /// A command on the record is under way, or a guard holds it back.
    Held,
    /// The run wrote it, and moved the record to the trash after that.
    PutAway,
    /// The side keeps no trash, and the policy does not let it delete for good.
    NoTrash,
}

impl WhyNot {
    /// In a sentence for people.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Changed => "changed since that run: left as it is",
            Self::Gone => "the record is gone or not shown any more",
            Self::Unread => "the value is not shown whole",
            Self::Unmapped => "the field is no longer synced both ways",
            Self::Unknown => "what was there before is not known",
            Self::OneWay => "nothing is written to that side",
            Self::Held => "a guard or an unfinished command holds the record; see what is refused",
            Self::NoTrash => {
                "that side keeps no trash: delete the record there yourself, if it shall go"
            }
            Self::PutAway => "the record comes back as it was when that run put it into the trash",
        }
    }
}

/// Plans to take back what the entries of one pair say, oldest first; `since` are those of later
/// runs.
///
/// Without `keep_source` both sides return to what they had agreed on before; with it only the
/// side that was written to does, and the two stay apart until somebody edits one of them. Of a
/// merge that wrote both, each returns to what a person had written there.
pub fn undo_pair(
    context: &PairContext<'_>,
    pair: &PairState,
    entries: &[JournalEntry],
    since: &[JournalEntry],
    keep_source: bool,
) -> (PairPlan, Vec<NotUndone>) {
    let mut undo = Undo {
        mapping: &context.spec.mapping,
        link: context.spec.policy.direction,
        context,
        pair,
        since,
        keep_source,
        base: pair.base.clone().unwrap_or_default(),
        plan: PairPlan::new(context, pair, RowRule::R40),
        writes: Sides::default(),
        kept: Vec::new(),
    };
    undo.take_back(entries);
    if !undo.plan.commands.is_empty() {
        decided::row(RowRule::R40);
    }
    (undo.plan, undo.kept)
}

/// Cells that a trash expects unchanged: all that a person could have edited.
pub(super) fn holding(mapping: &Mapping, pair: &PairState, on: Side) -> Vec<(FieldId, Value)> {
    let shadow = pair.sides[on].shadow.as_ref();
    let editable = mapping.fields.iter();
    let editable = editable.filter(|field| field.lens.projects_from().is_none());
    let held = editable.filter_map(|field| {
        let id = &field.ids[on];
        Some((id.clone(), shadow?.cells.complete(id)?.clone()))
    });
    held.collect()
}

struct Undo<'a> {
    mapping: &'a Mapping,
    link: Direction,
    context: &'a PairContext<'a>,
    pair: &'a PairState,
    since: &'a [JournalEntry],
    keep_source: bool,
    base: Base,
    plan: PairPlan,
    writes: Sides<Vec<PlannedField>>,
    kept: Vec<NotUndone>,
}

/// What a run did to the life of a pair.
enum Life {
    /// Nothing that is left.
    Untouched,
    /// It made a record on this side.
    Created(Side),
    /// It moved records to the trash.
    Trashed(Sides<bool>),
    /// It brought records back.
    Restored(Sides<bool>),
}

impl Undo<'_> {
    fn take_back(&mut self, entries: &[JournalEntry]) {
        match life(entries, self.keep_source) {
            Life::Untouched => self.fields(entries),
            // What rests in the trash keeps its cells.
            Life::Created(on) => {
                let there = Sides::from_fn(|side| side == on);
                self.trash(there, Some(on.other()));
            }
            Life::Restored(written) => match (self.keep_source, one_of(written)) {
                (true, Some(side)) => self.trash(written, Some(side.other())),
                _ => self.trash(Sides::new(true, true), None),
            },
            Life::Trashed(written) => {
                self.restore(written);
                if !self.plan.commands.is_empty() {
                    self.tell_put_away(entries, written);
                }
            }
        }
    }

    /// Moves live records to the trash, if nobody edited the pair since.
    fn trash(&mut self, on: Sides<bool>, hold: Option<Side>) {
        for side in Side::BOTH {
            let state = &self.pair.sides[side];
            let Some(shadow) = state.shadow.as_ref() else {
                return self.keep(Some(side), None, WhyNot::Gone);
            };
            if state.presence != Presence::Present {
                return self.keep(Some(side), None, WhyNot::Gone);
            }
            let trashed = shadow.lifecycle == Lifecycle::Trashed;
            if trashed || differs(&self.base, shadow, side, self.context) {
                return self.keep(Some(side), None, WhyNot::Changed);
            }
        }
        if self.was_edited_since() {
            return self.keep(None, None, WhyNot::Changed);
        }
        let destroys = |side: &Side| on[*side] && self.context.destroys(*side);
        if let Some(side) = Side::BOTH.into_iter().find(destroys) {
            return self.keep(Some(side), None, WhyNot::NoTrash);
        }
        if let Some(side) = hold {
            self.base.hold(side);
            self.plan.settle = Some(self.base.clone());
        }
        for side in Side::BOTH.into_iter().filter(|side| on[*side]) {
            let holding = holding(self.mapping, self.pair, side);
            self.command(side, CommandKind::Trash, Vec::new(), holding);
        }
    }

    /// Whether an edit of a later run is still there: a record somebody worked on is not trashed.
    fn was_edited_since(&self) -> bool {
        let mut looked_at = BTreeSet::new();
        let mut edits = self.since.iter().filter_map(|entry| {
            let field = self.mapping.field(entry.field.as_ref()?)?;
            let is_first = looked_at.insert(field.name());
            (is_first && field.lens.projects_from().is_none()).then_some((field, entry))
        });
        edits.any(|(field, first)| {
            let now = |side: Side| {
                let shadow = self.pair.sides[side].shadow.as_ref();
                shadow.and_then(|shadow| shadow.cells.complete(&field.ids[side]))
            };
            let (to, from) = (first.side, first.side.other());
            let settled = first.settled.as_ref().map(|settled| &settled[from]);
            now(to) != first.before.as_ref() || now(from) != settled
        })
    }

    /// Brings records back. One that is gone for good is made again by the next look.
    fn restore(&mut self, written: Sides<bool>) {
        let in_trash = Sides::from_fn(|side| {
            let state = &self.pair.sides[side];
            let trashed = |shadow: &crate::record::Record| shadow.lifecycle == Lifecycle::Trashed;
            state.presence == Presence::Present && state.shadow.as_ref().is_some_and(trashed)
        });
        if let Some(side) = Side::BOTH
            .into_iter()
            .find(|side| written[*side] && !in_trash[*side])
        {
            let gone = self.pair.sides[side].presence != Presence::Present;
            let why = if gone { WhyNot::Gone } else { WhyNot::Changed };
            return self.keep(Some(side), None, why);
        }
        let only = one_of(written).filter(|_| self.keep_source);
        for side in Side::BOTH.into_iter().filter(|side| in_trash[*side]) {
            if only.is_none_or(|only| only == side) {
                self.command(side, CommandKind::Untrash, Vec::new(), Vec::new());
            }
        }
        if let Some(side) = only.filter(|side| !crate::memory::is_live(self.pair, side.other())) {
            self.base.hold(side);
            self.plan.settle = Some(self.base.clone());
        }
    }

    /// A record comes back with what it held in the trash: what the run wrote there before is told.
    fn tell_put_away(&mut self, entries: &[JournalEntry], back: Sides<bool>) {
        let mut told = BTreeSet::new();
        for entry in entries.iter().filter(|entry| back[entry.side]) {
            if let Some(field) = &entry.field
                && told.insert((entry.side, field))
            {
                self.keep(Some(entry.side), Some(field), WhyNot::PutAway);
            }
        }
    }

    fn fields(&mut self, entries: &[JournalEntry]) {
        let mut by_field: BTreeMap<&FieldId, Vec<&JournalEntry>> = BTreeMap::new();
        for entry in entries {
            if let Some(field) = &entry.field {
                by_field.entry(field).or_default().push(entry);
            }
        }
        for (name, entries) in by_field {
            let field = self.mapping.field(name);
            // A refreshed projection follows what it shows.
            match field {
                Some(field) if field.lens.projects_from().is_some() => {}
                Some(_) if self.context.on_hold.holds(name) => {
                    self.keep(None, Some(name), WhyNot::Held);
                }
                Some(field) => self.field(field, &entries),
                None => self.keep(None, Some(name), WhyNot::Unmapped),
            }
        }
        for side in Side::BOTH {
            let writes = std::mem::take(&mut self.writes[side]);
            if !writes.is_empty() {
                self.command(side, CommandKind::Patch, writes, Vec::new());
            }
        }
    }

    fn field(&mut self, field: &MappedField, entries: &[&JournalEntry]) {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return;
        };
        let name = field.name();
        let mut now = Sides::default();
        for side in Side::BOTH {
            let state = &self.pair.sides[side];
            let alive = crate::memory::is_live(self.pair, side);
            let Some(shadow) = state.shadow.as_ref().filter(|_| alive) else {
                return self.keep(Some(side), Some(name), WhyNot::Gone);
            };
            now[side] = shadow.cells.complete(&field.ids[side]);
            let own = || entries.iter().filter(|entry| entry.side == side);
            let left = match own().next_back() {
                Some(entry) => entry.after.as_ref(),
                None => last.source.as_ref(),
            };
            // What a person wrote between two writes of the run is a source too.
            let mut two = own().zip(own().skip(1));
            let between = two.any(|(one, next)| one.after != next.before);
            if now[side].is_none() {
                return self.keep(Some(side), Some(name), WhyNot::Unread);
            }
            if now[side] != left || (self.keep_source && between) {
                return self.keep(Some(side), Some(name), WhyNot::Changed);
            }
        }
        let (Some(left), Some(right)) = (now.left, now.right) else {
            return;
        };
        let now = Sides::new(left, right);
        let written = Sides::from_fn(|side| entries.iter().any(|entry| entry.side == side));
        let to = one_of(written);
        let emptied = first.rule == RowRule::R12.to_string();
        if let (true, Some(to), Some(before)) = (emptied, to, &first.before) {
            // The other side left the filter and keeps what it says.
            return self.write(field, to, now[to], before);
        }
        // As it was on the sides that were written to; the other one as it is.
        let mut then = now;
        let mut known = true;
        for side in Side::BOTH.into_iter().filter(|side| written[*side]) {
            let first = entries.iter().find(|entry| entry.side == side);
            match first.and_then(|entry| entry.before.as_ref()) {
                Some(before) => then[side] = before,
                None if to.is_none() && !self.keep_source => known = false,
                None => return self.keep(Some(side), Some(name), WhyNot::Unknown),
            }
        }
        let lens = self.context.lens(field);
        let met = known && field.lens.agree(&lens, then.left, then.right);
        let settled = first.settled.as_ref();
        if !met && !self.keep_source {
            match settled {
                Some(settled) if to.is_none_or(|to| settled[to] == *then[to]) => {
                    return self.write_both(field, now, settled.as_ref());
                }
                None if to.is_none() => return self.keep(None, Some(name), WhyNot::Unknown),
                _ => {}
            }
        }
        if !met {
            self.set_apart(field, settled, then, to);
        }
        self.write_both(field, now, then);
    }

    /// Two sides that are to be as they were do not agree: a person is asked again about what was
    /// decided on this side, anything else is parked.
    fn set_apart(
        &mut self,
        field: &MappedField,
        settled: Option<&Sides<Value>>,
        then: Sides<&Value>,
        to: Option<Side>,
    ) {
        match settled {
            // As it was: settled values replace what is parked, so this comes first.
            Some(settled) => self.base.settle(field, settled.clone()),
            None => self.base.unsettle(field.name()),
        }
        let then = then.map(Value::clone);
        let decided = to.filter(|_| !self.keep_source).is_some_and(|to| {
            let before = &then[to];
            settled.map_or(!before.is_empty(), |settled| settled[to] != *before)
        });
        if decided {
            self.plan.conflicts.push(Conflict {
                pair: self.pair.id,
                field: field.name().clone(),
                base: settled.cloned(),
                values: then,
                opened_at: self.context.now,
                resolution: None,
            });
        } else {
            self.base.park(field, then);
        }
        self.plan.settle = Some(self.base.clone());
    }

    fn write_both(&mut self, field: &MappedField, now: Sides<&Value>, then: Sides<&Value>) {
        for side in Side::BOTH {
            self.write(field, side, now[side], then[side]);
        }
    }

    fn write(&mut self, field: &MappedField, to: Side, now: &Value, then: &Value) {
        if now == then {
            return;
        }
        if !self.link.flows_to(to) || !field.direction.flows_to(to) {
            return self.keep(Some(to), Some(field.name()), WhyNot::OneWay);
        }
        self.writes[to].push(PlannedField {
            name: field.name().clone(),
            target: field.ids[to].clone(),
            rule: FieldRule::F02,
            source: None,
            expected: Some(now.clone()),
            desired: then.clone(),
        });
    }

    fn command(
        &mut self,
        side: Side,
        kind: CommandKind,
        fields: Vec<PlannedField>,
        holding: Vec<(FieldId, Value)>,
    ) {
        if !self.link.flows_to(side) {
            return self.keep(Some(side), None, WhyNot::OneWay);
        }
        self.plan.commands.push(PlannedCommand {
            side,
            kind,
            key: self.pair.sides[side].key.clone(),
            rule: RowRule::R40,
            fields,
            holding,
            projection_only: false,
            completing: false,
        });
    }

    fn keep(&mut self, side: Option<Side>, field: Option<&FieldId>, why: WhyNot) {
        self.kept.push(NotUndone {
            pair: self.pair.id,
            side,
            field: field.cloned(),
            why,
        });
    }
}

fn life(entries: &[JournalEntry], keep_source: bool) -> Life {
    let lives = || {
        let entries = entries.iter();
        entries.filter(|entry| entry.field.is_none() && entry.kind.changes_life())
    };
    if let Some(created) = lives().find(|entry| entry.kind == CommandKind::Create) {
        return Life::Created(created.side);
    }
    let on =
        |kind| Sides::from_fn(|side| lives().any(|entry| entry.side == side && entry.kind == kind));
    match (lives().next(), lives().next_back()) {
        // There and back within one run.
        (Some(first), Some(last)) if first.kind != last.kind => Life::Untouched,
        (_, Some(last)) if last.kind == CommandKind::Trash => Life::Trashed(on(last.kind)),
        // An edit won over a delete: the record was alive when its sides last agreed, and stays.
        // The two had never agreed on anything: as with one that was made, the other side stays.
        (_, Some(last)) if last.rule == RowRule::R06.to_string() => Life::Created(last.side),
        (_, Some(last)) if last.rule == RowRule::R08.to_string() && !keep_source => Life::Untouched,
        (_, Some(last)) if last.kind == CommandKind::Untrash => Life::Restored(on(last.kind)),
        _ => Life::Untouched,
    }
}

/// The side that is meant, if it is one alone.
fn one_of(sides: Sides<bool>) -> Option<Side> {
    match sides {
        Sides {
            left: true,
            right: false,
        } => Some(Side::Left),
        Sides {
            left: false,
            right: true,
        } => Some(Side::Right),
        _ => None,
    }
}
