//! Why a record is as it is, for a terminal.

use notion_sync_core::link::{Side, Sides};
use notion_sync_core::pair::RecordState;
use notion_sync_core::plan::{
    BaseState, Explanation, FieldExplanation, FieldRule, SideStatus, Where,
};
use notion_sync_core::port::CommandKind;
use notion_sync_core::value::Value;

use super::report::sentence;
use super::view::{one_line, shorten};
use crate::Explained;

/// Characters of a value that are shown.
const VALUE: usize = 60;

pub(super) fn text(told: &Explained, names: &Sides<String>) -> String {
    let mut out = head(told, names);
    if let Some(explanation) = &told.explanation {
        out.push_str(&decision(explanation, names));
    } else {
        out.push_str("No run has seen it yet: the next one decides.\n");
    }
    for change in &told.pending {
        let value =
            |value: &Option<String>| shorten(value.as_deref().unwrap_or_default(), 0, VALUE);
        out.push_str(&match &change.column {
            Some(column) => format!(
                "edited here, not synced yet: {}: {} -> {}\n",
                one_line(column),
                value(&change.base),
                value(&change.current)
            ),
            None => "made here, not synced yet\n".to_owned(),
        });
    }
    for conflict in &told.conflicts {
        let decided = match &conflict.resolution {
            Some(side) => format!("decided for {side}, carried out by the next run"),
            None => "waits for you: `notion-sync resolve`".to_owned(),
        };
        let field = one_line(&conflict.field);
        out.push_str(&format!("conflict {} in {field}: {decided}\n", conflict.id));
    }
    for command in &told.commands {
        let kind = word(command.command.kind);
        let side = one_line(&names[command.side]);
        let note = command.note.as_deref().unwrap_or("planned, not sent yet");
        out.push_str(&format!(
            "command {} ({kind}, {side}): {}\n",
            command.id.0,
            one_line(note)
        ));
        if let Some(step) = command.next_step() {
            out.push_str(&format!("  what helps: {}\n", step.as_str()));
        }
    }
    out
}

/// Which record, how it stands.
fn head(told: &Explained, names: &Sides<String>) -> String {
    let mut out = one_line(&told.table);
    match told.row {
        Some(row) => out.push_str(&format!(" row {row}")),
        None => out.push_str(&format!(", no row in {} yet", one_line(&names.right))),
    }
    if let Some(explanation) = &told.explanation {
        out.push_str(&format!(" {:?}", shorten(&explanation.label, 0, VALUE)));
    }
    match &told.page {
        Some(page) => out.push_str(&format!(", page {}", one_line(page))),
        None => out.push_str(&format!(", no page in {} yet", one_line(&names.left))),
    }
    let standing = told
        .explanation
        .as_ref()
        .and_then(|told| told.standing.as_ref());
    let (state, reason) = match standing {
        Some(standing) => (standing.state, one_line(&standing.reason)),
        None if told.pending.is_empty() => (RecordState::Clean, String::new()),
        None => (RecordState::Pending, "edited since the last run".to_owned()),
    };
    let reason = if reason.is_empty() {
        reason
    } else {
        format!(": {reason}")
    };
    out.push_str(&format!("\n{}{reason}\n", state.as_str()));
    out
}

fn decision(told: &Explanation, names: &Sides<String>) -> String {
    let mut out = format!("As last seen: {} ({}).\n", told.reason, told.rule);
    for side in Side::BOTH {
        let name = one_line(&names[side]);
        out.push_str(&format!("  {name}: {}\n", status(told.statuses[side])));
    }
    out.push_str(&format!("  last agreed: {}\n", base(told.base)));
    for field in &told.fields {
        out.push_str(&field_lines(field, names));
    }
    for command in &told.plan.commands {
        let (kind, side) = (word(command.kind), one_line(&names[command.side]));
        let fields: Vec<String> = command
            .fields
            .iter()
            .map(|f| label(told, &f.name))
            .collect();
        let fields = fields.join(", ");
        let fields = if fields.is_empty() {
            fields
        } else {
            format!(" ({fields})")
        };
        out.push_str(&format!("next run: {kind} in {side}{fields}\n"));
    }
    for waits in &told.plan.blocked {
        let at = match &waits.at {
            Where::Record => String::new(),
            Where::Field(field) => format!("{}: ", label(told, field)),
        };
        out.push_str(&format!("waits: {at}{}\n", one_line(&waits.reason)));
    }
    for refusal in &told.plan.refusals {
        let field = refusal.field.as_ref().map(|field| label(told, field));
        out.push_str(&sentence(refusal, None, field.as_deref()));
        out.push('\n');
    }
    out
}

/// One field: the decision in words, its rule, and every value it rests on.
fn field_lines(field: &FieldExplanation, names: &Sides<String>) -> String {
    let show = |value: &Value| shorten(&value.display(), 0, VALUE);
    let name = one_line(&field.label);
    if field.rule == FieldRule::F01 {
        let value = Side::BOTH
            .into_iter()
            .find_map(|side| field.values[side].as_ref());
        let value = value.map_or_else(|| "(not shown)".to_owned(), show);
        return format!("  {name}: {} (F01): {value}\n", field.reason);
    }
    let mut out = format!("  {name}: {} ({})\n", field.reason, field.rule);
    for side in Side::BOTH {
        let value = field.values[side].as_ref();
        let value = value.map_or_else(|| "(not shown whole)".to_owned(), show);
        out.push_str(&format!("    {}: {value}\n", one_line(&names[side])));
    }
    match &field.base {
        Some(base) if base.left.display() == base.right.display() => {
            out.push_str(&format!("    last agreed: {}\n", show(&base.left)));
        }
        Some(base) => out.push_str(&format!(
            "    last agreed: {} and {}\n",
            show(&base.left),
            show(&base.right)
        )),
        None => out.push_str("    last agreed: never\n"),
    }
    out
}

fn label(told: &Explanation, name: &notion_sync_core::schema::FieldId) -> String {
    let known = told.fields.iter().find(|field| field.name == *name);
    one_line(known.map_or(name.as_str(), |field| &field.label))
}

fn word(kind: CommandKind) -> &'static str {
    match kind {
        CommandKind::Create => "create",
        CommandKind::Patch => "change",
        CommandKind::Trash => "trash",
        CommandKind::Untrash => "restore",
    }
}

fn base(base: BaseState) -> &'static str {
    match base {
        BaseState::Present => "on a record that is there",
        BaseState::Trashed => "on a record in the trash",
        BaseState::Absent => "never",
        BaseState::Lost => "not known any more",
    }
}

fn status(status: SideStatus) -> &'static str {
    match status {
        SideStatus::Same => "as last agreed",
        SideStatus::Changed => "changed since",
        SideStatus::Presumed => {
            "not returned by the last look at changes: taken to be as last agreed"
        }
        SideStatus::Deleted => "in the trash, or gone for good",
        SideStatus::Restored => "out of the trash again",
        SideStatus::Gone => "no longer returned, and nothing proves it deleted",
        SideStatus::Moved => "in another collection",
        SideStatus::Outside => "there, but it does not match the filter",
        SideStatus::Unseen => "not seen, or not shown",
        SideStatus::New => "there, never synced",
        SideStatus::Never => "never was there",
    }
}
