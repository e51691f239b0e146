//! A plan as Markdown: a sentence, one table of commands, lists of conflicts and refusals.

use notion_sync_core::plan::Plan;

use super::report::{about, field_of};
use super::view::{
    Change, changes, cost, field_name, one_line, record_of, refused, schema_lines, shorten,
    unlisted, verdict,
};

/// Characters of a value that are shown.
const VALUE: usize = 80;

pub(super) fn plan(plan: &Plan) -> String {
    let mut out = format!("## {}\n\n{}", escape(&plan.title), escape(&verdict(plan)));
    if let Some(cost) = cost(plan) {
        out.push(' ');
        out.push_str(&cost);
    }
    out.push('\n');
    if !plan.schema.is_empty() {
        out.push_str("\n### Schema\n\n");
    }
    for line in schema_lines(plan) {
        out.push_str(&format!("- {}\n", escape(&line)));
    }
    let changes = changes(plan);
    if !changes.is_empty() {
        out.push_str("\n| what | on | record | fields | why | id |\n|---|---|---|---|---|---|\n");
        for change in changes {
            out.push_str(&row(change));
        }
    }
    for (what, id) in unlisted(plan) {
        out.push_str(&format!("\n{}: `{id}`\n", escape(&what)));
    }
    if !plan.conflicts.is_empty() {
        out.push_str("\n### Conflicts\n\n");
    }
    for conflict in &plan.conflicts {
        let value = |value: String| escape(&shorten(&value, 0, VALUE));
        let was = conflict
            .base
            .as_ref()
            .map(|base| value(base.left.display()));
        out.push_str(&format!(
            "- **{}** of {}: {} says {}, {} says {}, it was {}\n",
            escape(field_name(plan, &conflict.field)),
            escape(&record_of(plan, conflict)),
            escape(&plan.names.left),
            value(conflict.values.left.display()),
            escape(&plan.names.right),
            value(conflict.values.right.display()),
            was.unwrap_or_else(|| "never settled".to_owned()),
        ));
    }
    if refused(plan).next().is_some() {
        out.push_str("\n### Refused\n\n");
    }
    for refusal in refused(plan) {
        let record = refusal.pair.and_then(|pair| plan.record(pair));
        let field = field_of(plan, refusal.field.as_ref());
        out.push_str(&format!(
            "- **{:?}**{}: {}. What helps: {}\n",
            refusal.guard,
            escape(&about(refusal, record, field)),
            escape(&refusal.reason),
            escape(refusal.guard.remedy())
        ));
    }
    out
}

fn row(change: Change<'_>) -> String {
    let command = &change.listed.command;
    let fields = change.fields(VALUE);
    let fields: Vec<String> = fields.iter().map(|line| escape(line)).collect();
    let mut why = format!("{} ({})", change.reason(), command.rule);
    if let Some(refusal) = change.held() {
        let reason = escape(&refusal.reason);
        why.push_str(&format!("; **held back by {:?}**: {reason}", refusal.guard));
    }
    let word = match change.word() {
        "trash" => "**trash**",
        word => word,
    };
    format!(
        "| {word} | {} | {} | {} | {why} | `{}` |\n",
        escape(change.side()),
        escape(&shorten(&change.item.record.label, 0, VALUE)),
        fields.join("<br>"),
        change.listed.id,
    )
}

/// One line in which nothing is markup: neither Markdown's nor HTML's.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
