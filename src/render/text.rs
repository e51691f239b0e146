//! A plan for a terminal: a sentence, a table of commands, conflicts, refusals.

use notion_sync_core::plan::Plan;

use super::report::{field_of, sentence};
use super::view::{
    Change, changes, cost, field_name, one_line, record_of, refused, schema_lines, shorten,
    unlisted, verdict,
};

/// Characters of a value that are shown.
const VALUE: usize = 40;

pub(super) fn plan(plan: &Plan, most: usize) -> String {
    let mut out = format!("{}: {}", one_line(&plan.title), verdict(plan));
    if let Some(cost) = cost(plan) {
        out.push(' ');
        out.push_str(&cost);
    }
    out.push('\n');
    for line in schema_lines(plan) {
        out.push_str(&format!("schema of {line}\n"));
    }
    let changes = changes(plan);
    let shown = &changes[..changes.len().min(most)];
    out.push_str(&table(shown));
    if shown.len() < changes.len() {
        let more = changes.len() - shown.len();
        out.push_str(&format!("… and {more} more\n"));
    }
    for (what, id) in unlisted(plan) {
        out.push_str(&format!("{what}  {id}\n"));
    }
    for conflict in &plan.conflicts {
        let record = shorten(&record_of(plan, conflict), 0, VALUE);
        let value = |value: String| shorten(&value, 0, VALUE);
        let was = conflict
            .base
            .as_ref()
            .map(|base| value(base.left.display()));
        out.push_str(&format!(
            "conflict in {}, {record}: {} says {}, {} says {}, it was {}\n",
            one_line(field_name(plan, &conflict.field)),
            one_line(&plan.names.left),
            value(conflict.values.left.display()),
            one_line(&plan.names.right),
            value(conflict.values.right.display()),
            was.unwrap_or_else(|| "never settled".to_owned()),
        ));
    }
    for refusal in refused(plan) {
        let record = refusal.pair.and_then(|pair| plan.record(pair));
        let field = field_of(plan, refusal.field.as_ref());
        out.push_str(&sentence(refusal, record, field));
        out.push('\n');
    }
    out
}

/// Columns as wide as their widest cell, fields below their command.
fn table(changes: &[Change<'_>]) -> String {
    let rows: Vec<[String; 4]> = changes.iter().map(|change| cells(*change)).collect();
    let widths: [usize; 4] = std::array::from_fn(|column| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    });
    let mut out = String::new();
    for (change, row) in changes.iter().zip(&rows) {
        for (cell, width) in row.iter().zip(widths) {
            out.push_str(&format!("{cell:width$}  "));
        }
        let rule = change.listed.command.rule;
        out.push_str(&format!("{} ({rule})\n", change.reason()));
        for line in change.fields(VALUE) {
            out.push_str(&format!("    {line}\n"));
        }
        if let Some(refusal) = change.held() {
            let reason = one_line(&refusal.reason);
            let (guard, remedy) = (refusal.guard, refusal.guard.remedy());
            out.push_str(&format!("    held back by {guard:?}: {reason}; {remedy}\n"));
        }
    }
    out
}

fn cells(change: Change<'_>) -> [String; 4] {
    let word = match change.word() {
        // Nobody should overlook it.
        "trash" => "TRASH".to_owned(),
        word => word.to_owned(),
    };
    [
        word,
        one_line(change.side()),
        shorten(&change.item.record.label, 0, VALUE),
        change.listed.id.to_string(),
    ]
}
