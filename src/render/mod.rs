//! Plans for people: text, Markdown, one HTML page, JSON. Pure functions of a plan; what it says
//! is decided elsewhere.
//!
//! Everything a plan holds appears: deletes first, every command with the reason for it, every
//! conflict with its values, every refusal with what helps. Text of records is never markup:
//! control characters and characters that turn the direction of writing are shown as a dot.

mod applied;
#[cfg(feature = "sqlite")]
mod explained;
mod html;
mod markdown;
mod report;
mod text;
mod view;

use notion_sync_core::engine::{AppliedPlan, Report};
use notion_sync_core::plan::Plan;

/// The plan as plain text, for a terminal.
pub fn text(plan: &Plan) -> String {
    text::plan(plan, usize::MAX)
}

/// As [`text`], with at most so many commands; those beyond are counted.
pub fn text_up_to(plan: &Plan, commands: usize) -> String {
    text::plan(plan, commands)
}

/// The plan as Markdown, for a pull request or a chat.
pub fn markdown(plan: &Plan) -> String {
    markdown::plan(plan)
}

/// The plan as one HTML page that needs nothing beside itself: no script, no font, no picture.
pub fn html(plan: &Plan) -> String {
    html::page(&[plan])
}

/// Several plans as one HTML page.
pub fn html_of_all(plans: &[&Plan]) -> String {
    html::page(plans)
}

/// The plan as the JSON that [`Plan::from_json`] reads, indented.
///
/// # Errors
/// Never for a plan that was made or read by this crate.
pub fn json(plan: &Plan) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(plan)
}

/// The plan's first sentence: how much would go where, and what does not.
pub fn verdict(plan: &Plan) -> String {
    view::verdict(plan)
}

/// What the plan costs, where it costs anything: "About 12 requests, 4 s."
pub fn cost(plan: &Plan) -> Option<String> {
    view::cost(plan)
}

/// What guards and peers refused in a run, as plain text: of each, a line that names record and field
/// and says why, and a line that says what helps.
pub fn refusals(report: &Report) -> Vec<String> {
    report::refusals(report)
}

/// Commands of a run that are not through and that [`refusals`] do not tell of, as plain text: of each,
/// a line that names the record and says why, and a line that says what helps.
pub fn undelivered(report: &Report) -> Vec<String> {
    report::undelivered(report)
}

/// What became of a saved plan, as plain text.
pub fn applied(plan: &Plan, applied: &AppliedPlan) -> String {
    applied::text(plan, applied)
}

/// Why a record is as it is, as plain text: the decision about every field in words, with the
/// rule beside it. `names` are what people call the sides.
#[cfg(feature = "sqlite")]
pub fn explained(
    explained: &crate::Explained,
    names: &notion_sync_core::link::Sides<String>,
) -> String {
    explained::text(explained, names)
}
