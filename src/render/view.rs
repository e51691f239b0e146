//! What all renderers say alike: order, words, sentences, shortened values.

use std::time::Duration;

use notion_sync_core::conflict::Conflict;
use notion_sync_core::link::Side;
use notion_sync_core::plan::{
    CommandId, Guard, ListedCommand, ListedSchemaCommand, Plan, PlanItem, PlannedCommand,
    PlannedField, Refusal,
};
use notion_sync_core::port::CommandKind;
use notion_sync_core::schema::FieldId;
use notion_sync_core::value::Value;

/// A command with all that is said beside it.
#[derive(Clone, Copy)]
pub(super) struct Change<'p> {
    pub(super) plan: &'p Plan,
    pub(super) item: &'p PlanItem,
    pub(super) listed: &'p ListedCommand,
}

impl<'p> Change<'p> {
    /// What is done, in a word.
    pub(super) fn word(self) -> &'static str {
        match self.listed.command.kind {
            CommandKind::Create => "create",
            CommandKind::Patch if self.listed.command.projection_only => "refresh",
            CommandKind::Patch => "change",
            CommandKind::Trash => "trash",
            CommandKind::Untrash => "restore",
        }
    }

    /// The side it is done on.
    pub(super) fn side(self) -> &'p str {
        &self.plan.names[self.listed.command.side]
    }

    /// The guard's sentence, where one holds it back.
    pub(super) fn held(self) -> Option<&'p Refusal> {
        self.plan.held_by(&self.listed.command)
    }

    /// Why it is done.
    pub(super) fn reason(self) -> &'static str {
        self.listed.command.rule.reason()
    }

    /// The fields on a line each; of a create, where all are new, on one line together.
    pub(super) fn fields(self, most: usize) -> Vec<String> {
        let name = |field: &'p PlannedField| one_line(field_name(self.plan, &field.name));
        let fields = self.listed.command.fields.iter();
        if !self.creates() {
            let line = |field| {
                format!(
                    "{}: {} ({})",
                    name(field),
                    contrast(field, most),
                    field.rule
                )
            };
            return fields.map(line).collect();
        }
        let told = fields.map(|field| format!("{}: {}", name(field), contrast(field, most)));
        let told: Vec<String> = told.collect();
        let told = (!told.is_empty()).then(|| shorten(&told.join(", "), 0, 4 * most));
        told.into_iter().chain(self.left_out()).collect()
    }

    /// Whether it makes a record: every field of it is new, for one reason.
    pub(super) fn creates(self) -> bool {
        self.listed.command.kind == CommandKind::Create
    }

    /// What is said of the fields of a create that are left out.
    pub(super) fn left_out(self) -> Option<String> {
        let fields = self.listed.left_out;
        (fields > 0).then(|| format!("{}, left out", count(fields, "field")))
    }

    fn rank(self) -> u8 {
        match self.word() {
            "trash" => 0,
            "refresh" => 2,
            _ => 1,
        }
    }
}

/// All commands: deletes first, refreshes of computed fields last.
pub(super) fn changes(plan: &Plan) -> Vec<Change<'_>> {
    let listed = plan.listed();
    let mut changes: Vec<Change<'_>> = listed
        .map(|(item, listed)| Change { plan, item, listed })
        .collect();
    changes.sort_by_key(|change| change.rank());
    changes
}

/// Creates that are not listed, a sentence and a name for each side.
pub(super) fn unlisted(plan: &Plan) -> impl Iterator<Item = (String, CommandId)> {
    plan.unlisted.iter().map(|creates| {
        let what = count(creates.count, "more record");
        let side = one_line(&plan.names[creates.side]);
        (format!("create {what} on {side}, not listed"), creates.id)
    })
}

/// Changes of the schemas, a line each: what, where, why, its name.
pub(super) fn schema_lines(plan: &Plan) -> Vec<String> {
    let name = |id: &FieldId| field_name(plan, id).to_owned();
    let line = |listed: &ListedSchemaCommand| {
        let command = &listed.command;
        let of_pair = |id: &FieldId| command.field.as_ref().map_or_else(|| name(id), &name);
        format!(
            "{} ({}): {} ({}, {})",
            one_line(&plan.names[command.side]),
            listed.id,
            one_line(&command.change.sentence(of_pair)),
            command.rule.reason(),
            command.rule
        )
    };
    plan.schema.iter().map(line).collect()
}

/// Refusals that are not a guard's word on commands that are listed anyway.
pub(super) fn refused(plan: &Plan) -> impl Iterator<Item = &Refusal> {
    let commands = plan.listed().map(|(_, listed)| &listed.command);
    let commands: Vec<&PlannedCommand> = commands.collect();
    let holding = move |refusal: &Refusal| {
        let mut commands = commands.iter();
        refusal.pair.is_none() && commands.any(|command| refusal.holds_back(command))
    };
    plan.refusals
        .iter()
        .filter(move |refusal| !holding(refusal))
}

/// How much would go where, and what does not, in one sentence.
pub(super) fn verdict(plan: &Plan) -> String {
    if plan.is_empty() {
        return "Nothing to do.".to_owned();
    }
    let changes = changes(plan);
    let mut parts = Vec::new();
    let schema = plan.schema.len() as u64;
    if schema > 0 {
        let what = count(schema, "schema change");
        parts.push(format!("{what} would come first"));
    }
    let mut going = String::new();
    for side in Side::BOTH {
        let of_side = |change: &&Change<'_>| {
            change.listed.command.side == side
                && change.word() != "refresh"
                && change.held().is_none()
        };
        let unlisted = plan.unlisted.iter().filter(|creates| creates.side == side);
        let unlisted: u64 = unlisted.map(|creates| creates.count).sum();
        let number = changes.iter().filter(of_side).count() as u64 + unlisted;
        let name = one_line(&plan.names[side]);
        match (number, going.is_empty()) {
            (0, _) => {}
            (_, true) => going = format!("{} would go to {name}", count(number, "change")),
            (_, false) => going.push_str(&format!(", {number} to {name}")),
        }
    }
    let refreshes = changes.iter().filter(|change| change.word() == "refresh");
    let refreshes = refreshes.count() as u64;
    match (going.is_empty(), refreshes) {
        (false, _) => parts.push(going),
        (true, 0) => parts.push("Nothing would be written".to_owned()),
        (true, _) => {}
    }
    if refreshes > 0 {
        let what = count(refreshes, "computed value");
        parts.push(format!("{what} would be refreshed"));
    }
    for refusal in &plan.refusals {
        let held = |change: &&Change<'_>| refusal.holds_back(&change.listed.command);
        let number = changes.iter().filter(held).count() as u64;
        if number > 0 {
            let guard = refusal.guard;
            let kind = if guard == Guard::AllChanged {
                "change"
            } else {
                "delete"
            };
            let what = count(number, kind);
            parts.push(format!(
                "{what} {} held back by {guard:?}",
                is_or_are(number)
            ));
        }
    }
    let conflicts = plan.conflicts.len() as u64;
    if conflicts > 0 {
        let what = count(conflicts, "conflict");
        parts.push(format!("{what} would wait for a person"));
    }
    let refused = refused(plan).count() as u64;
    if refused > 0 {
        parts.push(format!("{refused} {} refused", is_or_are(refused)));
    }
    parts.join("; ") + "."
}

/// What it costs, where it costs anything.
pub(super) fn cost(plan: &Plan) -> Option<String> {
    let requests = plan.estimate.requests;
    let spent = || span(plan.estimate.duration);
    (requests > 0).then(|| format!("About {}, {}.", count(requests, "request"), spent()))
}

/// A duration as people say it.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 90 {
        format!("{seconds} s")
    } else {
        format!("{} min", seconds.div_ceil(60))
    }
}

/// "1 change", "3 changes".
pub(super) fn count(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

fn is_or_are(number: u64) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

/// What people call a field.
pub(super) fn field_name<'p>(plan: &'p Plan, field: &'p FieldId) -> &'p str {
    let known = plan.field_names.get(field);
    known.map_or(field.as_str(), String::as_str)
}

/// What people call the record of a conflict.
pub(super) fn record_of(plan: &Plan, conflict: &Conflict) -> String {
    let known = plan.record(conflict.pair);
    known.map_or_else(String::new, |record| record.label.clone())
}

/// What a field holds before and after, for people.
pub(super) fn before_and_after(field: &PlannedField) -> (String, String) {
    let before = field.expected.as_ref().map(Value::display);
    (before.unwrap_or_default(), field.desired.display())
}

/// Both values on one line, at most about so many characters each, so that the first difference
/// shows.
fn contrast(field: &PlannedField, most: usize) -> String {
    let (before, after) = before_and_after(field);
    let is_new = field.expected.as_ref().is_none_or(Value::is_empty);
    if is_new {
        return shorten(&after, 0, most);
    }
    if before == after {
        return format!("{} (formatting only)", shorten(&after, 0, most));
    }
    let pairs = before.chars().zip(after.chars());
    let same = pairs.take_while(|(before, after)| before == after).count();
    let skip = if same > most / 2 { same - most / 4 } else { 0 };
    let (before, after) = (shorten(&before, skip, most), shorten(&after, skip, most));
    format!("{before} → {after}")
}

/// A value on one line, from a character on, cut between characters.
pub(super) fn shorten(text: &str, skip: usize, most: usize) -> String {
    let text = one_line(text);
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let start = if skip > 0 { "…" } else { "" };
    let mut rest = text.chars().skip(skip);
    let kept: String = rest.by_ref().take(most).collect();
    let end = if rest.next().is_some() { "…" } else { "" };
    format!("{start}{kept}{end}")
}

/// One line: line breaks and tabs are spaces, what a terminal or page would obey is a dot.
pub(super) fn one_line(text: &str) -> String {
    let spaced = text.chars().map(|c| if is_space(c) { ' ' } else { c });
    spaced.map(visible).collect()
}

/// Several lines: what a terminal or page would obey is a dot.
pub(super) fn harmless(text: &str) -> String {
    let keep = |c| if is_space(c) { c } else { visible(c) };
    text.chars().map(keep).collect()
}

fn is_space(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t')
}

fn visible(c: char) -> char {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || turns { '·' } else { c }
}
