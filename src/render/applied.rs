//! What became of a saved plan, for a terminal.

use notion_sync_core::engine::{AppliedPlan, CommandOutcome};
use notion_sync_core::plan::Plan;

use super::view::{Change, count, one_line, schema_lines, shorten, unlisted};

/// Characters of a label that are shown.
const LABEL: usize = 40;

pub(super) fn text(plan: &Plan, applied: &AppliedPlan) -> String {
    let number = |wanted: fn(&CommandOutcome) -> bool| {
        let all = applied.commands.iter();
        all.filter(|command| wanted(&command.outcome)).count() as u64
    };
    let parts = [
        (number(|o| matches!(o, CommandOutcome::Applied)), "applied"),
        (
            number(|o| matches!(o, CommandOutcome::Partly { .. })),
            "applied in part",
        ),
        (
            number(|o| matches!(o, CommandOutcome::Stale { .. })),
            "stale",
        ),
        (
            number(|o| matches!(o, CommandOutcome::Skipped)),
            "not approved",
        ),
        (
            number(|o| matches!(o, CommandOutcome::Refused { .. })),
            "refused",
        ),
        (
            number(|o| matches!(o, CommandOutcome::Waiting { .. })),
            "waiting",
        ),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> = parts.map(|(n, what)| format!("{n} {what}")).collect();
    let total = count(applied.commands.len() as u64, "command");
    let title = one_line(&plan.title);
    let mut out = if parts.is_empty() {
        format!("{title}: {total}.\n")
    } else {
        format!("{title}: of {total} {}.\n", parts.join(", "))
    };
    let (schema, commands) = applied
        .commands
        .split_at(plan.schema.len().min(applied.commands.len()));
    for (line, command) in schema_lines(plan).iter().zip(schema) {
        let said = said(plan, &command.outcome);
        out.push_str(&format!("schema of {line}: {said}\n"));
    }
    for ((item, listed), command) in plan.listed().zip(commands) {
        let change = Change { plan, item, listed };
        let label = shorten(&item.record.label, 0, LABEL);
        let (word, side) = (change.word(), one_line(change.side()));
        let said = said(plan, &command.outcome);
        out.push_str(&format!(
            "{}  {word} {label} on {side}: {said}\n",
            listed.id
        ));
    }
    let rest = applied.commands.iter().skip(plan.listed().count());
    for ((what, id), command) in unlisted(plan).zip(rest) {
        let said = said(plan, &command.outcome);
        out.push_str(&format!("{id}  {what}: {said}\n"));
    }
    out
}

fn said(plan: &Plan, outcome: &CommandOutcome) -> String {
    let said = match outcome {
        CommandOutcome::Applied => "applied".to_owned(),
        CommandOutcome::Partly { applied, left, why } => {
            format!("{applied} applied, {left} not: {why}")
        }
        CommandOutcome::Stale { why } => format!("stale: {}", why.sentence(plan)),
        CommandOutcome::Skipped => "not approved".to_owned(),
        CommandOutcome::Refused { guard, why } => format!("refused ({guard:?}): {why}"),
        CommandOutcome::Waiting { why } => format!("waiting: {why}"),
        other => format!("{other:?}"),
    };
    one_line(&said)
}
