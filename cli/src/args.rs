//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use notion_sync::core::link::{Direction, Side};
use notion_sync::core::plan::Guard;
use notion_sync::{CommandId, RunId, RunOptions};

/// Keep Notion and a SQLite file the same, both ways.
#[derive(Debug, Parser)]
#[command(name = "notion-sync", version, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 clean, 1 failed or partial, 2 usage, 3 something left \
(conflicts, refusals, commands of a plan), 4 halted (credentials), 5 --check found a plan, 130 cancelled.\n\nThe token is read from \
NOTION_TOKEN (or NOTION_API_TOKEN). No token is needed by status, conflicts, resolve, runs, explain, export, forget; nor by \
doctor, which tells that there is none. Without one, try `notion-sync demo`."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// The SQLite file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "notion.sqlite"
    )]
    pub(crate) db: PathBuf,

    /// A data source or database, by URL or id; may be given several times. Without it, those the
    /// file already knows.
    #[arg(long, global = true, value_name = "URL-OR-ID")]
    pub(crate) data_source: Vec<String>,

    /// Use an embedded simulator instead of Notion. Any token is ignored.
    #[arg(long, global = true)]
    pub(crate) sim: bool,

    /// Fill the embedded simulator from recorded exchanges.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) load: Option<PathBuf>,

    /// Another address of the API, for example that of a `notion-sim` process.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) base_url: Option<String>,

    /// A text property in Notion that carries a ULID for every page made from here, so that a
    /// create whose answer was lost is found again. Nothing is written there without this flag.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) marker_field: Option<String>,

    /// Requests a minute, or "off"; only with --sim or --base-url.
    #[arg(long, global = true, value_name = "N|off", value_parser = rate_limit)]
    pub(crate) rate_limit: Option<RateLimitArg>,

    /// How long the API's queries may lag behind its writes [default: 60; 0 with --sim and for
    /// a loopback --base-url].
    #[arg(long, global = true, value_name = "SECONDS")]
    pub(crate) index_lag: Option<u64>,

    /// Let a run delete up to so many records per side; the guard against mass deletes asks for it.
    #[arg(long, global = true, value_name = "N")]
    pub(crate) max_deletes: Option<u64>,

    /// Read both sides whole, whatever was read before.
    #[arg(long, global = true)]
    pub(crate) full: bool,

    /// Let a guard pass in this run, after a look at the plan.
    #[arg(long, global = true, value_enum, value_name = "GUARD")]
    pub(crate) approve: Vec<ApproveArg>,

    /// Do not believe what the file says was last agreed, because it was restored from a backup or
    /// mended: what agrees is agreed on anew, what is empty filled in, the rest asked about.
    #[arg(long, global = true)]
    pub(crate) adopt: bool,

    /// Write one way only; what waits for the other way goes out with a later run.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) direction: DirectionArg,

    /// Print one JSON document on stdout and nothing else there; `watch` prints an object a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl Args {
    /// What the command line says about a run.
    pub(crate) fn run_options(&self) -> RunOptions {
        RunOptions {
            full: self.full,
            adopt: self.adopt,
            direction: self.direction.into(),
            approved: self.approve.iter().copied().map(Into::into).collect(),
            owner: format!("notion-sync, process {}", std::process::id()),
            ..RunOptions::default()
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play the whole story against the embedded simulator, step by step. Needs no token.
    Demo,
    /// Carry changes both ways, once.
    Run(PlanFiles),
    /// Carry changes both ways again and again, until you stop it.
    Watch(WatchArgs),
    /// Show what a run would do, and write nothing to either side.
    Plan(PlanArgs),
    /// Carry out a saved plan, or some of its commands; nothing else is done to either side.
    Apply(ApplyArgs),
    /// Show every table: rows, pending changes, conflicts, the last run.
    Status,
    /// List open conflicts with both values.
    Conflicts,
    /// List the runs that are remembered, newest first.
    Runs,
    /// Take back what a run wrote, as far as nobody edited it since. An undo can be undone.
    Undo(UndoArgs),
    /// Bring records back from the trash on both sides, and carry out nothing else. A restore can be
    /// undone.
    Restore(RestoreArgs),
    /// Say why a record is as it is: both sides, what was last agreed, and each field's decision. Asks
    /// nobody but the file.
    Explain(ExplainArgs),
    /// Write rows of the file as NDJSON, JSON or CSV. Asks nobody but the file.
    Export(ExportArgs),
    /// Say what is wrong with file, token or tables, and what to do about it. Writes nothing, unless
    /// told to mend.
    Doctor(DoctorArgs),
    /// Drop what the file remembers of a data source. Pages and rows stay; the table becomes an
    /// ordinary one that nothing keeps in step, or is dropped with --drop-table.
    Forget(ForgetArgs),
    /// Read both sides whole and account for every record. Writes nothing.
    Verify,
    /// Decide a conflict, or what became of a create whose answer was lost.
    Resolve(ResolveArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct WatchArgs {
    /// Longest rest between two looks at Notion. Edits of the file are noticed within a second.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) every: u64,
}

/// What becomes of a plan beside showing it.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct PlanFiles {
    /// Only plan, write nothing to either side, and exit with 5 if there is anything to do.
    #[arg(long)]
    pub(crate) check: bool,
    /// Keep the plan in this file before anything is done, for `notion-sync apply`.
    #[arg(long, value_name = "FILE", visible_alias = "save")]
    pub(crate) plan_out: Option<PathBuf>,
    /// Show the plan as one HTML page in this file before anything is done.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan_html: Option<PathBuf>,
}

#[derive(Debug, Default, ClapArgs)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) files: PlanFiles,
    /// How the plan is shown.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
    /// Show the plan in this file instead of on stdout.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RestoreArgs {
    /// Pages by URL or id, or rows by their numbers (`_row`).
    #[arg(
        value_name = "PAGE-URL-OR-ID|ROW",
        required_unless_present = "run",
        conflicts_with = "run"
    )]
    pub(crate) records: Vec<String>,
    /// Every record that this run trashed, as `notion-sync runs` shows it.
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<RunId>,
    /// The table, where the file has several.
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExportArgs {
    /// The table; all of them without it.
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
    /// How rows are written.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: RowFormat,
    /// Write into this file instead of on stdout. It appears once it is complete.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Rows in the trash as well.
    #[arg(long)]
    pub(crate) trashed: bool,
}

/// How exported rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// A JSON object a line: the row with `--table`, else `{"table": …, "row": …}`.
    #[default]
    Ndjson,
    /// One document: an array with `--table`, else an object with an array for each table.
    Json,
    /// Comma-separated with a head line, for one table. Nothing and an empty text are alike.
    Csv,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    /// Mend what can be mended without losing a record: triggers, views, indexes, private tables that
    /// are filled again. The next run finds what was edited meanwhile.
    #[arg(long)]
    pub(crate) repair: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ForgetArgs {
    /// The table; or name its data source with `--data-source`.
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
    /// Do it. Without, only what would be forgotten is said.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Also while commands are on their way: what they make is then nobody's, and pulled as a new
    /// row if the data source is ever synced again.
    #[arg(long)]
    pub(crate) force: bool,
    /// Drop the table too, so that its name is free. Refused while rows hold what Notion has not, or
    /// columns are your own.
    #[arg(long)]
    pub(crate) drop_table: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExplainArgs {
    /// A page by URL or id, or a row by its number (`_row`).
    #[arg(value_name = "PAGE-URL-OR-ID|ROW")]
    pub(crate) record: String,
    /// The table, where the file has several.
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
}

/// How a plan is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for a terminal.
    #[default]
    Text,
    /// For a pull request or a chat.
    Markdown,
    /// The document of `--json`, which is also what `--plan-out` keeps.
    Json,
    /// One page that needs nothing beside itself.
    Html,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ApplyArgs {
    /// A plan kept with `--plan-out FILE` of `notion-sync plan` or `run`.
    pub(crate) file: PathBuf,
    /// Only these commands of the plan, by the names beside them; all without it.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) only: Vec<CommandId>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ResolveArgs {
    /// Number of the conflict (`notion-sync conflicts`) or of the command (`notion-sync status`).
    pub(crate) id: u64,
    #[command(flatten)]
    pub(crate) decision: Decision,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct UndoArgs {
    /// When the run started, as `notion-sync runs` shows it; the last one that wrote something
    /// unless told. Rows and titles of data sources have runs of their own: where both were carried,
    /// the titles were last. Without a run a file of several data sources asks which one is meant, and
    /// leaves titles alone.
    pub(crate) run: Option<RunId>,
    /// Show what would be taken back, and write nothing.
    #[arg(long)]
    pub(crate) plan: bool,
    /// Leave the edit where it was made: only what the run wrote returns.
    #[arg(long)]
    pub(crate) keep_source: bool,
}

#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(crate) struct Decision {
    /// Keep this side's value.
    #[arg(long, value_parser = ["notion", "sqlite"], ignore_case = true)]
    pub(crate) keep: Option<String>,
    /// The create never arrived: plan it again.
    #[arg(long)]
    pub(crate) not_sent: bool,
    /// The create made this page.
    #[arg(long, value_name = "PAGE-URL-OR-ID")]
    pub(crate) created: Option<String>,
}

/// A guard that a person may let pass.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ApproveArg {
    /// More than half of a side is changed at once.
    AllChanged,
    /// Records go to the trash because the filter or the mapping changed.
    FilterOrMappingChanged,
    /// A mapped field is not what it was: its values meet as on first sight.
    SchemaDrift,
    /// Values of a field cannot be read any more: those that can be read go on.
    DecodeDrift,
    /// A schema change takes values away.
    DestructiveSchema,
    /// A field is written back and forth.
    Flapping,
}

impl From<ApproveArg> for Guard {
    fn from(argument: ApproveArg) -> Self {
        match argument {
            ApproveArg::AllChanged => Self::AllChanged,
            ApproveArg::FilterOrMappingChanged => Self::FilterOrMappingChanged,
            ApproveArg::SchemaDrift => Self::SchemaDrift,
            ApproveArg::DecodeDrift => Self::DecodeDrift,
            ApproveArg::DestructiveSchema => Self::DestructiveSchema,
            ApproveArg::Flapping => Self::Flapping,
        }
    }
}

/// Which way a run may write.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum DirectionArg {
    /// Both ways.
    #[default]
    Both,
    /// Only to Notion.
    ToNotion,
    /// Only from Notion to the file.
    FromNotion,
}

impl From<DirectionArg> for Direction {
    fn from(argument: DirectionArg) -> Self {
        match argument {
            DirectionArg::Both => Self::Both,
            DirectionArg::ToNotion => Self::Toward(Side::Left),
            DirectionArg::FromNotion => Self::Toward(Side::Right),
        }
    }
}

/// A requests-per-minute limit from the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RateLimitArg {
    /// None at all.
    Off,
    /// So many per minute.
    PerMinute(u32),
}

fn rate_limit(text: &str) -> Result<RateLimitArg, String> {
    if text == "off" {
        return Ok(RateLimitArg::Off);
    }
    match text.parse() {
        Ok(limit) if limit > 0 => Ok(RateLimitArg::PerMinute(limit)),
        _ => Err("write a number of requests per minute, or \"off\"".to_owned()),
    }
}
