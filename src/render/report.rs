//! What a run could not do, a line each: which record and field, why, what helps.

use notion_sync_core::engine::Report;
use notion_sync_core::link::Side;
use notion_sync_core::pair::PairId;
use notion_sync_core::plan::{RecordName, Refusal};
use notion_sync_core::schema::FieldId;

use super::view::{one_line, shorten};

/// Characters of a title that are shown.
const TITLE: usize = 60;

pub(super) fn refusals(report: &Report) -> Vec<String> {
    let line = |refusal: &Refusal| {
        let record = refusal.pair.and_then(|pair| report.records.get(&pair));
        let names = &report.field_names;
        let field = refusal.field.as_ref();
        let field = field.map(|field| names.get(field).map_or(field.as_str(), String::as_str));
        sentence(refusal, record, field)
    };
    report.refusals.iter().map(line).collect()
}

pub(super) fn undelivered(report: &Report) -> Vec<String> {
    let is_told = |pair: PairId| {
        let mut refusals = report.refusals.iter();
        refusals.any(|refusal| refusal.pair == Some(pair))
    };
    let commands = report.undelivered.iter();
    let commands = commands.filter(|command| !is_told(command.pair));
    let lines = commands.filter_map(|command| {
        let step = command.next_step?.as_str();
        let step = step.replace(
            "`resolve ID",
            &format!("`notion-sync resolve {}", command.intent.0),
        );
        let record = report.records.get(&command.pair).map(record_name);
        let record = record.map_or_else(String::new, |name| format!(", {name}"));
        let (id, note) = (command.intent.0, one_line(&command.note));
        Some(format!(
            "command {id}{record}: {note}\n  what helps: {step}"
        ))
    });
    lines.collect()
}

/// A refusal as a line, and what helps on the next one. The field is left out where the reason names it.
pub(super) fn sentence(
    refusal: &Refusal,
    record: Option<&RecordName>,
    field: Option<&str>,
) -> String {
    let (guard, reason) = (refusal.guard, one_line(&refusal.reason));
    let (about, remedy) = (about(refusal, record, field), guard.remedy());
    format!("refused ({guard:?}){about}: {reason}\n  what helps: {remedy}")
}

/// ` "Book the venue" (row 12), Price`, as far as it is known.
pub(super) fn about(refusal: &Refusal, record: Option<&RecordName>, field: Option<&str>) -> String {
    let is_said = |name: &str| refusal.reason.contains(&format!("{name:?}"));
    let mut about = record.map_or_else(String::new, |record| format!(" {}", record_name(record)));
    if let Some(field) = field.filter(|field| !is_said(field)) {
        let comma = if about.is_empty() { "" } else { "," };
        about.push_str(&format!("{comma} {}", one_line(field)));
    }
    about
}

/// The record's title, and its row where there is one to look at.
fn record_name(record: &RecordName) -> String {
    let title = shorten(&record.label, 0, TITLE);
    match record.keys[Side::Right]
        .as_ref()
        .or(record.keys[Side::Left].as_ref())
    {
        // Rows are known by their numbers.
        Some(key) if key.as_str().parse::<i64>().is_ok() => format!("{title:?} (row {key})"),
        Some(key) if key.as_str() != record.label => {
            format!("{title:?} ({})", one_line(key.as_str()))
        }
        _ => format!("{title:?}"),
    }
}

/// What people call a field of a plan's refusal.
pub(super) fn field_of<'p>(
    plan: &'p notion_sync_core::plan::Plan,
    field: Option<&'p FieldId>,
) -> Option<&'p str> {
    field.map(|field| super::view::field_name(plan, field))
}
