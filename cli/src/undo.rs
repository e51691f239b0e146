//! `notion-sync undo`: take back what a run wrote, or show what that would be.

use anyhow::{Context, Result};
use notion_sync::client::DataSourceId;
use notion_sync::core::link::LinkId;
use notion_sync::core::plan::NotUndone;
use notion_sync::notion::Subject;
use notion_sync::sqlite::SqliteStore;
use notion_sync::{Catalog, Replica, RunId, RunOptions, UndoOptions, render};
use serde_json::json;

use crate::args::{Args, UndoArgs};
use crate::connect::{self, Connection};
use crate::exit::{self, Exit, UsageError};
use crate::output;
use crate::run::print_report;
use crate::runs;

/// Whose run is taken back.
enum Whose {
    /// A table of rows.
    Rows(Box<Replica>),
    /// A table about data sources themselves.
    About(Box<Catalog>, Subject),
}

/// The run to take back, and the table it is of.
struct Meant {
    whose: Whose,
    table: String,
    run: RunId,
}

pub(crate) async fn undo(args: &Args, what: &UndoArgs) -> Result<Exit> {
    if !args.db.exists() {
        return Err(UsageError(format!("{} is not there", args.db.display())).into());
    }
    let connection = connect::connect(args).await?;
    let store = connect::open(args)?;
    let meant = meant(args, what.run, &connection, &store).await?;
    let options = UndoOptions {
        run: RunOptions {
            owner: format!("notion-sync, process {}", std::process::id()),
            ..RunOptions::default()
        },
        keep_source: what.keep_source,
    };
    if what.plan {
        connect::refuse_copy(args, &store).await?;
        plan(args, &meant, &options).await
    } else {
        take_back(args, &meant, &options).await
    }
}

/// The run of that name, whatever table it is of; else the last one. Of tables about data sources that is
/// one that carried an edit to Notion: what they read there comes of itself, with every run.
async fn meant(
    args: &Args,
    run: Option<RunId>,
    connection: &Connection,
    store: &SqliteStore,
) -> Result<Meant> {
    let links = store.links().await?;
    let known: Vec<DataSourceId> = links
        .iter()
        .filter_map(|link| link.as_str().parse().ok())
        .collect();
    let about = |subject: Subject, run: RunId| Meant {
        whose: Whose::About(
            Box::new(connection.catalog(known.iter().copied(), store)),
            subject,
        ),
        table: subject.name().to_owned(),
        run,
    };
    let mut source = None;
    if let Some(run) = run
        && let Some(link) = runs::link_of(store, run).await?
    {
        let mut subjects = Subject::ALL.into_iter();
        if let Some(subject) = subjects.find(|subject| subject.name() == link.as_str()) {
            return Ok(about(subject, run));
        }
        source = link.as_str().parse().ok();
    }
    let source = match source {
        Some(source) if args.data_source.is_empty() => source,
        _ => match connection.data_sources(args, store).await?[..] {
            [source] => source,
            _ => {
                let message = "undo works on one data source: name it with --data-source";
                return Err(UsageError(message.to_owned()).into());
            }
        },
    };
    let replica = connection.replica(args, source, store);
    let (mut last, mut of_subject) = (None, None);
    if run.is_none() {
        last = runs::last_change(store, &replica.link()).await?;
        // Where several are kept, the one that was named is meant, and nothing of another.
        for subject in Subject::ALL.into_iter().filter(|_| known.len() == 1) {
            let sent = runs::last_sent(store, &LinkId::new(subject.name())).await?;
            if sent > last {
                last = sent;
                of_subject = Some(subject);
            }
        }
    }
    if let (Some(subject), Some(run)) = (of_subject, last) {
        return Ok(about(subject, run));
    }
    let table = store.table_of(&replica.link()).await?;
    Ok(Meant {
        table: table.unwrap_or_else(|| source.to_string()),
        whose: Whose::Rows(Box::new(replica)),
        run: run
            .or(last)
            .context("no run that is remembered wrote anything")?,
    })
}

async fn plan(args: &Args, meant: &Meant, options: &UndoOptions) -> Result<Exit> {
    let Meant { whose, table, run } = meant;
    let undo = match whose {
        Whose::Rows(replica) => replica.plan_undo(*run, options).await?,
        Whose::About(catalog, subject) => catalog.plan_undo(*subject, *run, options).await?,
    };
    if args.json {
        let (plan, kept) = (&undo.plan, &undo.not_undone);
        output::print_json(&json!({
            "command": "undo", "run": run.to_string(), "table": table, "plan": plan,
            "not_undone": kept,
        }));
    } else {
        say!("Taking back {run} of {table} would mean:");
        say!("{}", render::text(&undo.plan).trim_end());
        print_kept(&undo.not_undone);
    }
    Ok(if undo.not_undone.is_empty() {
        Exit::Clean
    } else {
        Exit::Left
    })
}

async fn take_back(args: &Args, meant: &Meant, options: &UndoOptions) -> Result<Exit> {
    let Meant { whose, table, run } = meant;
    let undone = match whose {
        Whose::Rows(replica) => replica.undo(*run, options).await?,
        Whose::About(catalog, subject) => catalog.undo(*subject, *run, options).await?,
    };
    if args.json {
        output::print_json(&json!({
            "command": "undo", "run": run.to_string(), "table": table, "report": undone.report,
            "not_undone": undone.not_undone,
        }));
    } else {
        say!("{run} is taken back, as far as it still was as that run left it.");
        print_report(table, &undone.report);
        print_kept(&undone.not_undone);
    }
    let exit = exit::of_report(&undone.report);
    Ok(if undone.not_undone.is_empty() {
        exit
    } else {
        exit.max(Exit::Left)
    })
}

fn print_kept(kept: &[NotUndone]) {
    for kept in kept {
        let field = kept.field.as_ref().map(|field| format!(", {field}"));
        say!(
            "  not undone: record {}{}: {}",
            kept.pair.0,
            field.unwrap_or_default(),
            kept.why.reason()
        );
    }
}
