//! `notion-sync run`: carry changes both ways, once, for every data source.

use std::sync::Arc;

use anyhow::Result;
use notion_sync::core::link::LinkId;
use notion_sync::core::schema::SchemaEvent;
use notion_sync::sqlite::SqliteStore;
use notion_sync::{Replica, Report, RunOptions, render};
use serde_json::json;

use crate::args::{Args, PlanArgs, PlanFiles};
use crate::connect::{self, Connection};
use crate::exit::{self, Exit};
use crate::output::{self, Progress};
use crate::plan;

pub(crate) async fn run(args: &Args, files: &PlanFiles) -> Result<Exit> {
    if files.check {
        let what = PlanArgs {
            files: files.clone(),
            ..PlanArgs::default()
        };
        return plan::plan(args, &what).await;
    }
    let connection = connect::connect(args).await?;
    let store = connect::open(args)?;
    let mut sources = connection.data_sources(args, &store).await?;
    let mut worst = Exit::Clean;
    if files.plan_out.is_some() || files.plan_html.is_some() {
        let made = plan::make(args, &connection, &store, &sources).await?;
        made.keep(files)?;
        // Nothing is done of which no plan was kept.
        sources = made.sources;
        worst = made.worst;
    }
    let cancel = notion_sync::core::port::Cancel::default();
    cancel_on_signal(cancel.clone());

    let mut links = Vec::new();
    for source in sources {
        let replica: Replica = connection.replica(args, source, &store);
        let progress = Progress::new(args);
        let options = RunOptions {
            cancel: cancel.clone(),
            progress: Some(Arc::new(progress.listener())),
            ..args.run_options()
        };
        let result = replica.run(&options).await;
        progress.finish();
        let table = store.table_of(&replica.link()).await?;
        let name = table.unwrap_or_else(|| source.to_string());
        match result {
            Ok(report) => {
                worst = worst.max(exit::of_report(&report));
                let blocked = blocked(&store, &replica.link()).await?;
                if blocked > 0 {
                    worst = worst.max(Exit::Left);
                }
                if !args.json {
                    print_report(&name, &report);
                    if blocked > 0 {
                        say!("  {blocked} row(s) blocked: `notion-sync status` says why");
                    }
                }
                links.push(
                    json!({ "data_source": source.to_string(), "table": name, "report": report }),
                );
                if cancel.is_cancelled() {
                    break;
                }
            }
            // One failing data source does not stop the rest; refused credentials do.
            Err(error) => {
                let halted = error.is_unauthorized();
                let error = anyhow::Error::from(error);
                worst = worst.max(exit::of_failure(&error));
                let message = output::sentence(&error);
                tell!("error: {name}: {message}");
                links.push(
                    json!({ "data_source": source.to_string(), "table": name, "error": message }),
                );
                if halted {
                    break;
                }
            }
        }
    }
    if worst < Exit::Halted {
        let options = RunOptions {
            cancel: cancel.clone(),
            ..args.run_options()
        };
        worst = worst.max(keep_catalog(args, &connection, &store, &options).await?);
    }
    if args.json {
        output::print_json(&json!({ "command": "run", "links": links }));
    } else if links.is_empty() {
        say!("The connection can see no data source. Share one with it, then run again.");
    } else {
        match worst {
            Exit::Clean => say!(
                "\n{} is up to date. Open it with any SQLite tool.",
                args.db.display()
            ),
            Exit::Left => say!("\nDone, but for what is listed above."),
            Exit::Cancelled => say!("\nStopped on request; run again to go on."),
            _ => {}
        }
    }
    Ok(worst)
}

/// How many rows wait until somebody changes something, since earlier runs too.
async fn blocked(store: &SqliteStore, link: &LinkId) -> Result<u64> {
    let table = store.status_of(link).await?;
    Ok(table.map_or(0, |table| table.blocked))
}

/// What is told of the data sources themselves: once an hour, and when somebody edited it.
async fn keep_catalog(
    args: &Args,
    connection: &Connection,
    store: &SqliteStore,
    options: &RunOptions,
) -> Result<Exit> {
    let links = store.links().await?;
    let sources = links.iter().filter_map(|link| link.as_str().parse().ok());
    let catalog = connection.catalog(sources, store);
    // Where the file is adopted, that is of all its tables.
    if !args.adopt && !catalog.is_due().await? {
        return Ok(Exit::Clean);
    }
    match catalog.run(options).await {
        Ok(reports) => {
            let mut worst = Exit::Clean;
            for (subject, report) in &reports {
                worst = worst.max(exit::of_report(report));
                if !args.json && exit::of_report(report) != Exit::Clean {
                    print_report(subject.name(), report);
                }
            }
            Ok(worst)
        }
        Err(error) => {
            let error = anyhow::Error::from(error);
            tell!(
                "error: what is told of data sources: {}",
                output::sentence(&error)
            );
            Ok(exit::of_failure(&error))
        }
    }
}

pub(crate) fn print_report(name: &str, report: &Report) {
    let count = |n: u64, what: &str| (n > 0).then(|| format!("{n} {what}"));
    let side = |settled: &notion_sync::core::engine::Settled| {
        let parts = [
            count(settled.created, "created"),
            count(settled.patched, "changed"),
            count(settled.trashed, "trashed"),
            count(settled.untrashed, "restored"),
        ];
        let said: Vec<String> = parts.into_iter().flatten().collect();
        if said.is_empty() {
            "nothing to do".to_owned()
        } else {
            said.join(", ")
        }
    };
    say!(
        "{name}: SQLite: {}; Notion: {}.",
        side(&report.settled.right),
        side(&report.settled.left)
    );
    for drift in &report.drift {
        if let SchemaEvent::Removed { field } = &drift.event {
            let name = &field.name;
            say!(
                "  {name} is gone from Notion; its column keeps what it holds, and takes no edits"
            );
        }
    }
    for problem in &report.problems {
        say!("  ! {problem}");
    }
    let mut left = render::refusals(report);
    left.extend(render::undelivered(report));
    for line in left.iter().flat_map(|left| left.lines()) {
        say!("  {line}");
    }
    if report.open_conflicts > 0 {
        say!(
            "  {} conflict(s) wait for you: `notion-sync conflicts`, then `notion-sync resolve`",
            report.open_conflicts
        );
    }
}

/// The first signal (Ctrl-C or SIGTERM) asks the run to stop at the next safe point; the second ends
/// the process.
pub(crate) fn cancel_on_signal(cancel: notion_sync::core::port::Cancel) {
    tokio::spawn(async move {
        let Ok(mut signals) = Signals::listen() else {
            return;
        };
        signals.next().await;
        cancel.cancel();
        tell!("\nstopping at the next safe point; press again to end at once");
        signals.next().await;
        std::process::exit(130);
    });
}

/// Wishes of the outside to stop; one that comes between two calls is not missed.
#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        ))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
