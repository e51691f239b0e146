//! Isolation: what is outside a link's mapping, direction or filter never reaches its other side.
//!
//! The planner decides so; here every command is looked at once more before it takes hold. One that
//! an earlier run wrote down was decided over another mapping, another filter, another record.

use super::cycle::Cycle;
use crate::link::{MappedField, Mapping, Side};
use crate::outbox::Intent;
use crate::pair::PairState;
use crate::plan::{PlannedCommand, RowRule};
use crate::port::CommandKind;
use crate::schema::FieldId;

/// What isolation looks at of a command.
struct Outgoing {
    to: Side,
    kind: CommandKind,
    /// It takes away what left the filter, or gives back what the link took.
    is_taken_back: bool,
}

impl Cycle<'_> {
    /// Why a planned command must not take hold, if it must not.
    pub(super) fn leaks(&self, pair: &PairState, command: &PlannedCommand) -> Option<String> {
        let outgoing = Outgoing {
            to: command.side,
            kind: command.kind,
            is_taken_back: matches!(command.rule, RowRule::R12 | RowRule::R40),
        };
        let targets = command.fields.iter().map(|field| &field.target);
        self.lets_out(pair, &outgoing, targets)
    }

    /// Why a command that was written down must not leave, if it must not.
    pub(super) fn leaks_by_now(&self, pair: &PairState, intent: &Intent) -> Option<String> {
        let outgoing = Outgoing {
            to: intent.side,
            kind: intent.command.kind,
            is_taken_back: intent.edit || intent.rule == RowRule::R12.to_string(),
        };
        let targets = intent.command.cells.iter().map(|cell| &cell.field);
        self.lets_out(pair, &outgoing, targets)
    }

    fn lets_out<'c>(
        &self,
        pair: &PairState,
        command: &Outgoing,
        targets: impl Iterator<Item = &'c FieldId>,
    ) -> Option<String> {
        let spec = &self.engine.spec;
        let (to, from) = (command.to, command.to.other());
        let name = &spec.names[to];
        if !spec.policy.direction.flows_to(to) {
            return Some(format!("this link writes nothing to {name}"));
        }
        if let Some(field) = first_unmapped(&spec.mapping, command, targets) {
            let field = field.as_str();
            return Some(format!("{field:?} on {name} is not written by this link"));
        }
        let carries = command.kind != CommandKind::Trash && !command.is_taken_back;
        let filter = spec.filters[from].as_ref().filter(|_| carries)?;
        let source = pair.sides[from].shadow.as_ref()?;
        let outside = crate::memory::is_live(pair, from) && filter.passes(source) == Some(false);
        outside.then(|| {
            let name = &spec.names[from];
            format!("the record on {name} does not match the filter")
        })
    }
}

/// The first field that the link does not write.
fn first_unmapped<'c>(
    mapping: &Mapping,
    command: &Outgoing,
    targets: impl Iterator<Item = &'c FieldId>,
) -> Option<&'c FieldId> {
    let to = command.to;
    let creates = command.kind == CommandKind::Create;
    let marker = mapping.markers[to].as_ref().filter(|_| creates);
    // A new record, or one that comes back, is written whole.
    let whole = command.kind != CommandKind::Patch;
    let writes = |field: &MappedField| {
        field.lens.projects_from() != Some(to) && (whole || field.direction.flows_to(to))
    };
    // Commands name fields in the order of the mapping: each is looked for behind the one before.
    let mut at = 0;
    let mut unmapped = targets.filter(|target| {
        let (before, behind) = mapping.fields.split_at(at);
        let is_target = |field: &MappedField| field.ids[to] == **target;
        let found = behind.iter().position(is_target).map(|more| at + more);
        let found = found.or_else(|| before.iter().position(is_target));
        if let Some(found) = found {
            at = found;
        }
        let written = found.is_some_and(|found| writes(&mapping.fields[found]));
        !written && marker != Some(*target)
    });
    unmapped.next()
}
