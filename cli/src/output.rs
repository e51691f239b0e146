//! What is printed: results on stdout, progress and errors on stderr.

use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use notion_sync::core::outbox::NextStep;
use notion_sync::{Event, render};
use serde_json::json;

use crate::args::Args;

/// Longer work is announced with an estimate first.
const ANNOUNCE_ABOVE: u64 = 30;

/// Prints a line on stderr, for people. Where nobody reads it any more, that stops nothing: least of
/// all the answer to a wish to stop.
pub(crate) fn tell(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints a line on stderr, like `eprintln!`, without its panic.
macro_rules! tell {
    ($($part:tt)*) => {
        $crate::output::tell(format_args!($($part)*))
    };
}

/// Prints a line on stdout. A reader that has seen enough (`| head`) is no failure, and does not
/// stop a run half-way.
pub(crate) fn say(line: std::fmt::Arguments<'_>) {
    let written = writeln!(std::io::stdout().lock(), "{line}");
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        tell!("error: stdout cannot be written: {error}");
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

/// Makes a file for contents of records, empty: nobody else may read it, as with the store's own.
pub(crate) fn open_private(file: &Path) -> anyhow::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let open = options.open(file);
    open.with_context(|| format!("{} cannot be written", file.display()))
}

/// Writes a file with contents of records.
pub(crate) fn write_private(file: &Path, text: &str) -> anyhow::Result<()> {
    let written = open_private(file)?.write_all(text.as_bytes());
    written.with_context(|| format!("{} cannot be written", file.display()))
}

/// An error with its causes, one sentence; never with values.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    sentence_of(error.as_ref())
}

/// As [`sentence`], of an error that nobody needs to own.
pub(crate) fn sentence_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in anyhow::Chain::new(error) {
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
    tell!("error: {message}");
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
                let cost = render::cost(plan).unwrap_or_default();
                bar.suspend(|| tell!("{cost}"));
            }
            Event::Applied { side, done, total } => {
                bar.set_style(counted());
                bar.set_length(*total);
                bar.set_position(*done);
                bar.set_message(format!("writing to {side}"));
            }
            Event::Recovered { what } => bar.suspend(|| tell!("{what}")),
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

/// What helps where a table, or a column of it, is not under its name any more.
pub(crate) fn missing_table(table: &str) -> String {
    format!(
        "name it back, or restore a backup. Where it is gone for good: `notion-sync forget --table {table} \
         --yes`, then `notion-sync run --data-source …` pulls every page again"
    )
}

/// What helps where a table cannot be mended where it stands.
pub(crate) fn table_made_anew(table: &str) -> String {
    format!(
        "restore a backup, or `ALTER TABLE {table} RENAME TO …` in SQL, `notion-sync forget --table {table} \
         --yes`, then `notion-sync run --data-source …` pulls every page again; your rows stay in the old table"
    )
}

/// What is wrong with a file that is a copy or was restored.
pub(crate) const COPY: &str =
    "it is a copy of another file, or was restored: nothing is written to it";

/// What helps there.
pub(crate) const ADOPT: &str = "`notion-sync run --adopt` once, if no other copy goes on";
