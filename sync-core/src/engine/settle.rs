//! Settlement: the base advances on proof only, field by field.

use crate::canary::{self, Canary};
use crate::link::{LinkSpec, MappedField, Names, Side, Sides};
use crate::outbox::{Intent, IntentField};
use crate::pair::{Base, PairState};
use crate::plan::{PlannedCommand, RowRule};
use crate::port::{CommandKind, Description, JournalEntry, RunId};
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
    described: &Sides<Description>,
    names: &Names,
    intent: &Intent,
    pair: &PairState,
    read_back: &Record,
    at: Timestamp,
) -> Settlement {
    let to = intent.side;
    let mut base = base_for(intent.command.kind, pair);
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
        let now = match canary::is(Canary::SettledUnread) {
            true => &field.desired,
            false => now,
        };
        untouched &= field.expected.as_ref() == Some(now);
        let wanted = field.source.as_ref().unwrap_or(&field.desired);
        let pair_of = |other: &Value| oriented(to, now.clone(), other.clone());
        let Sides { left, right } = pair_of(wanted);
        let context = names.lens(described, mapped);
        let agree = mapped.lens.agree(&context, &left, &right);
        let any = canary::is(Canary::VerifiedByAnyChange) && field.expected.as_ref() != Some(now);
        if !agree && *now != field.desired && !any {
            arrived = false;
            continue;
        }
        fields.push(field.name.clone());
        if intent.is_clearing() {
            base.clear(to, mapped, now.clone());
        } else if !intent.edit && field.source.is_some() && any {
            base.settle(mapped, oriented(to, field.desired.clone(), wanted.clone()));
        } else if !intent.edit && field.source.is_some() && agree {
            base.settle(mapped, Sides::new(left, right));
            if let Some(before) = field.expected.as_ref().filter(|_| counts(mapped)) {
                let within = spec.policy.flapping.within;
                base.note_write(mapped, to, [before, &field.desired], at, within);
            }
        } else if base.parked(mapped).is_none()
            && let Some(there) = pair.sides[to.other()].value(&mapped.ids[to.other()])
        {
            // Half of a merge, or an edit: once both sides have it they agree, as the next look would
            // find. Whoever writes the former value there again before that look means it.
            let met = pair_of(there);
            if mapped.lens.agree(&context, &met.left, &met.right) {
                base.settle(mapped, met);
            }
        }
    }
    // What empties empties all of its fields at once: what stands in another of them was written
    // since, and is no answer to what was agreed on before.
    let emptied = |field: &IntentField| {
        fields.contains(&field.name) && field.expected.as_ref() != Some(&field.desired)
    };
    if intent.is_clearing() && intent.fields.iter().any(emptied) {
        for field in &intent.fields {
            let mapped = spec.mapping.field(&field.name);
            let written = mapped.filter(|mapped| {
                let now = read_back.cells.complete(&mapped.ids[to]);
                !fields.contains(&field.name) && now != field.expected.as_ref()
            });
            if let Some(mapped) = written {
                base.clear(to, mapped, field.desired.clone());
            }
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
    if verdict == Verdict::Applied && !intent.edit {
        // A patch says nothing of the other side, which may still have to leave the trash.
        if intent.command.kind.changes_life() {
            base.settle_lifecycle(lifecycle);
        }
        if intent.command.kind == CommandKind::Create {
            settle_unwritten(spec, described, names, &mut base, pair, to, read_back);
        }
    }
    Settlement {
        verdict,
        base,
        fields,
    }
}

/// What a command adds to. With a record that is made anew, because it was gone for good, nothing was
/// ever settled.
fn base_for(kind: CommandKind, pair: &PairState) -> Base {
    match kind {
        CommandKind::Create => Base::default(),
        _ => pair.base.clone().unwrap_or_default(),
    }
}

/// After a create, the fields that were not written settle too where both sides agree.
fn settle_unwritten(
    spec: &LinkSpec,
    described: &Sides<Description>,
    names: &Names,
    base: &mut Base,
    pair: &PairState,
    to: Side,
    read_back: &Record,
) {
    let Some(source) = &pair.sides[to.other()].shadow else {
        return;
    };
    for field in &spec.mapping.fields {
        if base.field(field).is_some() || names.is_astray(field.name()) {
            continue;
        }
        let theirs = source.cells.complete(&field.ids[to.other()]);
        let (Some(theirs), Some(ours)) = (theirs, read_back.cells.complete(&field.ids[to])) else {
            continue;
        };
        let values = oriented(to, ours.clone(), theirs.clone());
        let context = names.lens(described, field);
        if field.lens.agree(&context, &values.left, &values.right) {
            base.settle(field, values);
        }
    }
}

/// Whether writes of a field may be somebody's edit: what one side computes only follows it.
fn counts(field: &MappedField) -> bool {
    field.lens.projects_from().is_none()
}

/// The base that an effect leads to where its record shows exactly what was written. Where it shows more
/// ([`Effect::shows_more`](crate::port::Effect::shows_more)) the pair is looked at again.
pub(crate) fn base_after(
    spec: &LinkSpec,
    pair: &PairState,
    planned: &PlannedCommand,
    at: Timestamp,
) -> Base {
    let to = planned.side;
    let mut base = base_for(planned.kind, pair);
    if planned.kind.changes_life() {
        base.settle_lifecycle(planned.kind.leads_to());
    }
    for field in &planned.fields {
        if planned.is_clearing()
            && let Some(mapped) = spec.mapping.field(&field.name)
        {
            base.clear(to, mapped, field.desired.clone());
        }
        let (Some(mapped), Some(source)) = (spec.mapping.field(&field.name), &field.source) else {
            continue;
        };
        base.settle(mapped, oriented(to, field.desired.clone(), source.clone()));
        if let Some(before) = field.expected.as_ref().filter(|_| counts(mapped)) {
            let within = spec.policy.flapping.within;
            base.note_write(mapped, to, [before, &field.desired], at, within);
        }
    }
    if planned.kind == CommandKind::Create
        && let Some(source) = &pair.sides[to.other()].shadow
    {
        for mapped in &spec.mapping.fields {
            // What the target computes is known only after it was read.
            let computed = mapped.lens.projects_from() == Some(to);
            let mut written = planned.fields.iter();
            if computed
                || !mapped.lens.empties_agree()
                || written.any(|field| field.name == *mapped.name())
            {
                continue;
            }
            let empty = source.cells.complete(&mapped.ids[to.other()]) == Some(&Value::Empty);
            if empty && base.field(mapped).is_none() {
                base.settle(mapped, Sides::new(Value::Empty, Value::Empty));
            }
        }
    }
    base
}

/// What a command wrote over, for the journal. The values of a create are those of its source and
/// are not repeated.
#[allow(clippy::too_many_arguments, reason = "each is one column of the entry")]
pub(super) fn journal(
    spec: &LinkSpec,
    run: RunId,
    at: Timestamp,
    pair: &PairState,
    side: Side,
    kind: CommandKind,
    rule: &str,
    fields: &[IntentField],
) -> Vec<JournalEntry> {
    let of_record = || JournalEntry {
        run,
        at,
        pair: pair.id,
        side,
        kind,
        rule: rule.to_owned(),
        field: None,
        before: None,
        after: None,
        source: None,
        settled: None,
    };
    let of_field = |field: &IntentField| {
        let mapped = spec.mapping.field(&field.name);
        let from = side.other();
        let other = pair.sides[from].shadow.as_ref();
        let other = mapped.and_then(|mapped| other?.cells.complete(&mapped.ids[from]));
        let base = pair.base.as_ref();
        JournalEntry {
            field: Some(field.name.clone()),
            before: field.expected.clone(),
            after: Some(field.desired.clone()),
            source: field.source.clone().or_else(|| other.cloned()),
            settled: mapped.and_then(|mapped| base?.field(mapped)).cloned(),
            ..of_record()
        }
    };
    let mut entries = Vec::new();
    let emptied = kind == CommandKind::Patch && rule == RowRule::R12.to_string();
    if kind.changes_life() || emptied {
        entries.push(of_record());
    }
    if kind != CommandKind::Create {
        entries.extend(fields.iter().map(of_field));
    }
    entries
}

/// What `to` holds and what the other side does, as left and right.
pub(super) fn oriented(to: Side, ours: Value, theirs: Value) -> Sides<Value> {
    match to {
        Side::Left => Sides::new(ours, theirs),
        Side::Right => Sides::new(theirs, ours),
    }
}
