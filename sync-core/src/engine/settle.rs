//! Settlement: the base advances on proof only, field by field.

use crate::link::{LinkSpec, Side, Sides};
use crate::outbox::{Intent, IntentField};
use crate::pair::{Base, PairState};
use crate::plan::PlannedCommand;
use crate::port::{CommandKind, JournalEntry, RunId};
use crate::record::{Lifecycle, Record, Timestamp};
use crate::schema::FieldId;
use crate::value::Value;

/// What reading back showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every field written, and the lifecycle, are as desired.
    Applied,
    /// Everything still is as expected before the command.
    NotApplied,
    /// Neither: somebody else wrote, or the peer made something else of it.
    Diverged,
}

/// A verdict with the base it leads to.
#[derive(Clone, Debug)]
pub(super) struct Settlement {
    pub(super) verdict: Verdict,
    /// The former base plus every field that was verified.
    pub(super) base: Base,
    /// Fields verified by name.
    pub(super) fields: Vec<FieldId>,
}

/// Compares what was read back with what an intent wanted.
pub(super) fn verify(
    spec: &LinkSpec,
    intent: &Intent,
    pair: &PairState,
    read_back: &Record,
) -> Settlement {
    let to = intent.side;
    let mut base = pair.base.clone().unwrap_or_default();
    let mut fields = Vec::new();
    let mut untouched = true;
    let mut arrived = true;
    for field in &intent.fields {
        let Some(mapped) = spec.mapping.field(&field.name) else {
            continue;
        };
        let Some(now) = read_back.cells.complete(&mapped.ids[to]) else {
            arrived = false;
            continue;
        };
        untouched &= field.expected.as_ref() == Some(now);
        let wanted = field.source.as_ref().unwrap_or(&field.desired);
        let pair_of = |other: &Value| oriented(to, now.clone(), other.clone());
        let Sides { left, right } = pair_of(wanted);
        if !mapped.lens.agree(&left, &right) && *now != field.desired {
            arrived = false;
            continue;
        }
        fields.push(field.name.clone());
        if field.source.is_some() && mapped.lens.agree(&left, &right) {
            base.settle(mapped, Sides::new(left, right));
        }
    }
    let lifecycle = intent.command.kind.leads_to();
    let trashed = read_back.lifecycle == Lifecycle::Trashed;
    let lives_as_wanted = trashed == (lifecycle == Lifecycle::Trashed);
    let verdict = if arrived && lives_as_wanted {
        Verdict::Applied
    } else if untouched && !(lives_as_wanted && intent.command.kind.changes_life()) {
        Verdict::NotApplied
    } else {
        Verdict::Diverged
    };
    if verdict == Verdict::Applied {
        base.lifecycle = lifecycle;
        if intent.command.kind == CommandKind::Create {
            settle_unwritten(spec, &mut base, pair, to, read_back);
        }
    }
    Settlement {
        verdict,
        base,
        fields,
    }
}

/// After a create, the fields that were not written settle too where both sides agree.
fn settle_unwritten(
    spec: &LinkSpec,
    base: &mut Base,
    pair: &PairState,
    to: Side,
    read_back: &Record,
) {
    let Some(source) = &pair.sides[to.other()].shadow else {
        return;
    };
    for field in &spec.mapping.fields {
        if base.field(field).is_some() {
            continue;
        }
        let theirs = source.cells.complete(&field.ids[to.other()]);
        let (Some(theirs), Some(ours)) = (theirs, read_back.cells.complete(&field.ids[to])) else {
            continue;
        };
        let values = oriented(to, ours.clone(), theirs.clone());
        if field.lens.agree(&values.left, &values.right) {
            base.settle(field, values);
        }
    }
}

/// The base that an effect leads to. Effects run on peers that keep exactly what they are given.
pub(crate) fn base_after(spec: &LinkSpec, pair: &PairState, planned: &PlannedCommand) -> Base {
    let to = planned.side;
    let mut base = pair.base.clone().unwrap_or_default();
    base.lifecycle = planned.kind.leads_to();
    for field in &planned.fields {
        let (Some(mapped), Some(source)) = (spec.mapping.field(&field.name), &field.source) else {
            continue;
        };
        base.settle(mapped, oriented(to, field.desired.clone(), source.clone()));
    }
    if planned.kind == CommandKind::Create
        && let Some(source) = &pair.sides[to.other()].shadow
    {
        for mapped in &spec.mapping.fields {
            // What the target computes is known only after it was read.
            let computed = mapped.lens.projects_from() == Some(to);
            let empty = source.cells.complete(&mapped.ids[to.other()]) == Some(&Value::Empty);
            if empty && !computed && base.field(mapped).is_none() {
                base.settle(mapped, Sides::new(Value::Empty, Value::Empty));
            }
        }
    }
    base
}

/// What a command wrote over, for the journal.
pub(super) fn journal(
    run: RunId,
    at: Timestamp,
    pair: &PairState,
    side: Side,
    kind: CommandKind,
    rule: &str,
    fields: &[IntentField],
) -> Vec<JournalEntry> {
    let entry =
        |field: Option<FieldId>, before: Option<Value>, after: Option<Value>| JournalEntry {
            run,
            at,
            pair: pair.id,
            side,
            kind,
            rule: rule.to_owned(),
            field,
            before,
            after,
        };
    let mut entries = Vec::new();
    if kind.changes_life() {
        entries.push(entry(None, None, None));
    }
    if kind != CommandKind::Create {
        entries.extend(fields.iter().map(|field| {
            entry(
                Some(field.name.clone()),
                field.expected.clone(),
                Some(field.desired.clone()),
            )
        }));
    }
    entries
}

fn oriented(to: Side, ours: Value, theirs: Value) -> Sides<Value> {
    match to {
        Side::Left => Sides::new(ours, theirs),
        Side::Right => Sides::new(theirs, ours),
    }
}
