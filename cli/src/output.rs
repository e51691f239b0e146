//! What is printed: results on stdout, progress and errors on stderr.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use notion_sync::Event;
use notion_sync::Plan;
use notion_sync::core::outbox::NextStep;
use notion_sync::core::plan::{Estimate, PlanItem, PlannedCommand};
use notion_sync::core::port::CommandKind;
use notion_sync::core::schema::FieldId;
use serde_json::json;

use crate::args::Args;

/// Plan rows shown; the rest is counted. `--json` has them all.
const SHOWN: usize = 60;
/// Longer work is announced with an estimate first.
const ANNOUNCE_ABOVE: u64 = 30;

/// Prints a line on stdout. A reader that has seen enough (`| head`) is no failure, and does not
/// stop a run half-way.
pub(crate) fn say(line: std::fmt::Arguments<'_>) {
    let written = writeln!(std::io::stdout().lock(), "{line}");
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        eprintln!("error: stdout cannot be written: {error}");
    }
}

/// Prints a line on stdout, like `println!`, without its panic.
macro_rules! say {
    ($($part:tt)*) => {
        $crate::output::say(format_args!($($part)*))
    };
}

/// Prints the one document of `--json`.
pub(crate) fn print_json(document: &serde_json::Value) {
    say!("{document:#}");
}

/// An error with its causes, one sentence; never with values.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// Says that the command failed.
pub(crate) fn fail(args: &Args, error: &anyhow::Error) {
    let message = sentence(error);
    if args.json {
        print_json(&json!({ "error": message }));
    }
    eprintln!("error: {message}");
}

/// What helps a command on, naming it.
pub(crate) fn next_step(step: NextStep, command: u64) -> String {
    step.as_str()
        .replace("`resolve ID", &format!("`notion-sync resolve {command}"))
}

/// A table for people; lines are drawn only on a terminal.
pub(crate) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(head.to_vec());
    table.add_rows(rows);
    table.trim_fmt()
}

/// A plan for people: deletes first, each change with its reason.
pub(crate) fn render_plan(name: &str, plan: &Plan) -> String {
    if plan.is_empty() {
        return format!("{name}: nothing to do.");
    }
    let mut commands: Vec<(&PlanItem, &PlannedCommand)> = plan
        .items
        .iter()
        .flat_map(|item| item.commands.iter().map(move |command| (item, command)))
        .filter(|(_, command)| !command.projection_only)
        .collect();
    commands.sort_by_key(|(item, command)| (command.kind != CommandKind::Trash, item.pair));
    let mut out = format!("{name}: {} change(s)", commands.len());
    if plan.estimate.requests > 0 {
        out.push_str(&format!(
            ", about {} request(s), {}",
            plan.estimate.requests,
            span(plan.estimate.duration)
        ));
    }
    out.push('\n');
    let total = commands.len();
    let rows = commands.into_iter().take(SHOWN).map(|(item, command)| {
        let what = match command.kind {
            CommandKind::Create => "create",
            CommandKind::Patch => "change",
            CommandKind::Trash => "TRASH",
            CommandKind::Untrash => "restore",
        };
        let fields = command.fields.iter().map(|field| {
            let expected = field.expected.as_ref().map(|value| value.display());
            let expected = expected.unwrap_or_default();
            let name = field_name(plan, &field.name);
            format!(
                "{name}: {} → {}",
                short(&expected),
                short(&field.desired.display())
            )
        });
        let fields: Vec<String> = fields.collect();
        vec![
            what.to_owned(),
            plan.names[command.side].clone(),
            short(&item.label),
            fields.join("\n"),
            format!("{} ({})", command.rule.reason(), command.rule),
        ]
    });
    out.push_str(&table(&["", "on", "record", "fields", "why"], rows));
    if total > SHOWN {
        out.push_str(&format!(
            "\n… and {} more; --json lists them all",
            total - SHOWN
        ));
    }
    for conflict in &plan.conflicts {
        out.push_str(&format!(
            "\nconflict in {}: {} says {}, {} says {}",
            field_name(plan, &conflict.field),
            plan.names.left,
            short(&conflict.values.left.display()),
            plan.names.right,
            short(&conflict.values.right.display())
        ));
    }
    for refusal in &plan.refusals {
        out.push_str(&format!(
            "\nrefused ({:?}): {}\n  what helps: {}",
            refusal.guard,
            refusal.reason,
            refusal.guard.remedy()
        ));
    }
    out
}

fn field_name<'a>(plan: &'a Plan, field: &'a FieldId) -> &'a str {
    plan.field_names
        .get(field)
        .map_or(field.as_str(), String::as_str)
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if text.chars().nth(40).is_some() {
        short.push('…');
    }
    if short.is_empty() {
        "(empty)".to_owned()
    } else {
        short.replace('\n', " ")
    }
}

fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 90 {
        format!("{seconds} s")
    } else {
        format!("{} min", seconds.div_ceil(60))
    }
}

/// A progress bar on stderr, on terminals only.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(args: &Args) -> Self {
        let hidden = args.json || !std::io::stderr().is_terminal();
        let target = if hidden {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(spinner());
        Self(bar)
    }

    /// What the engine tells progress to.
    pub(crate) fn listener(&self) -> impl Fn(&Event) + Send + Sync + use<> {
        let bar = self.0.clone();
        move |event| match event {
            Event::Scanned {
                side,
                records,
                expected,
            } => {
                match expected {
                    Some(expected) => {
                        bar.set_style(counted());
                        bar.set_length((*expected).max(*records));
                    }
                    None => bar.set_style(spinner()),
                }
                bar.set_position(*records);
                bar.set_message(format!("reading {side}"));
            }
            Event::Planned(plan) if plan.estimate.requests > ANNOUNCE_ABOVE => {
                let Estimate { requests, duration } = plan.estimate;
                bar.suspend(|| {
                    eprintln!("{requests} request(s) to make, about {}", span(duration))
                });
            }
            Event::Applied { side, done, total } => {
                bar.set_style(counted());
                bar.set_length(*total);
                bar.set_position(*done);
                bar.set_message(format!("writing to {side}"));
            }
            Event::Recovered { what } => bar.suspend(|| eprintln!("{what}")),
            _ => {}
        }
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

fn spinner() -> ProgressStyle {
    style("{spinner} {msg} {pos}")
}

fn counted() -> ProgressStyle {
    style("{msg} {wide_bar} {pos}/{len} {eta}")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
