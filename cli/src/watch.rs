//! `notion-sync watch`: run again and again, until somebody says stop.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use futures::future::{join, join_all};
use notion_sync::client::DataSourceId;
use notion_sync::core::engine::MayPass;
use notion_sync::core::port::{Cancel, Clock};
use notion_sync::sqlite::SqliteStore;
use notion_sync::{
    Catalog, ReplicaError, Report, Rhythm, RunOptions, RunOutcome, SystemClock, Watch,
};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::args::{Args, WatchArgs};
use crate::connect::{self, Connection};
use crate::exit::{self, Exit, UsageError};
use crate::output;
use crate::run::{cancel_on_signal, print_report};

pub(crate) async fn watch(args: &Args, what: &WatchArgs) -> Result<Exit> {
    refuse_what_is_meant_once(args)?;
    let connection = connect::connect(args).await?;
    let store = connect::open(args)?;
    let sources = connection.data_sources(args, &store).await?;
    if sources.is_empty() {
        let message = "the connection can see no data source: share one with it, then watch again";
        return Err(UsageError(message.to_owned()).into());
    }
    let cancel = Cancel::default();
    cancel_on_signal(cancel.clone());
    tell!(
        "watching {} data source(s) and {}, every {} s; Ctrl-C ends it",
        sources.len(),
        args.db.display(),
        what.every
    );
    let mut rhythm = Rhythm::default();
    rhythm.poll_every = Duration::from_secs(what.every);
    rhythm.gather = rhythm.gather.min(rhythm.poll_every);
    rhythm.back_off = rhythm.back_off.min(rhythm.poll_every);
    let watched = sources
        .iter()
        .map(|source| one(args, &connection, &store, *source, rhythm, &cancel));
    let catalog = connection.catalog(sources.iter().copied(), &store);
    let catalog = keep_catalog(args, &catalog, rhythm, &cancel);
    let (mut ended, catalog) = join(join_all(watched), catalog).await;
    ended.push(catalog);
    // Whoever failed for good stopped the others.
    let failed = ended.into_iter().filter(|exit| *exit != Exit::Cancelled);
    Ok(failed.max().unwrap_or(Exit::Cancelled))
}

/// How a part of the watch ended. A failure that no later cycle can get over ends the other parts too:
/// a process that goes on for some tables only looks healthy to whoever supervises it.
fn end_of(ended: std::result::Result<(), ReplicaError>, cancel: &Cancel) -> Exit {
    match ended {
        Ok(()) => Exit::Cancelled,
        Err(error) => {
            cancel.cancel();
            exit::of_failure(&error.into())
        }
    }
}

/// What a person lets pass after a look at one plan is no permission for every later run.
fn refuse_what_is_meant_once(args: &Args) -> Result<()> {
    let flags = [
        (args.adopt, "--adopt"),
        (args.full, "--full"),
        (!args.approve.is_empty(), "--approve"),
        (args.max_deletes.is_some(), "--max-deletes"),
    ];
    match flags.into_iter().find(|(given, _)| *given) {
        None => Ok(()),
        Some((_, flag)) => Err(UsageError(format!(
            "{flag} is meant for one run: do that with `notion-sync run {flag}`, then watch"
        ))
        .into()),
    }
}

/// One data source, until it is stopped or fails for good.
async fn one(
    args: &Args,
    connection: &Connection,
    store: &SqliteStore,
    source: DataSourceId,
    rhythm: Rhythm,
    cancel: &Cancel,
) -> Exit {
    let replica = connection.replica(args, source, store);
    let options = RunOptions {
        cancel: cancel.clone(),
        ..args.run_options()
    };
    let watch = Watch::new(rhythm);
    let (tell, told) = unbounded_channel();
    let cycles = async {
        let tell = tell;
        let ended = replica
            .watch(&options, &watch, |result| {
                if let Some(told) = Told::of(result) {
                    // Nobody listens any more only where the process ends anyway.
                    let _ = tell.send(told);
                }
            })
            .await;
        end_of(ended, cancel)
    };
    let (exit, ()) = join(cycles, say_what_is_new(args, store, source, told)).await;
    exit
}

/// What is told of the data sources themselves, for as long as they are watched.
async fn keep_catalog(args: &Args, catalog: &Catalog, rhythm: Rhythm, cancel: &Cancel) -> Exit {
    let options = RunOptions {
        cancel: cancel.clone(),
        ..args.run_options()
    };
    let mut before: BTreeMap<&str, Told> = BTreeMap::new();
    let mut say = |name, now: Told| {
        // Nobody asked for these tables: what went well is not worth a line.
        let is_clean = matches!(&now, Told::Done(report) if exit::of_report(report) == Exit::Clean);
        if !is_clean && !now.says_nothing_after(before.get(name)) {
            say_one(args, None, name, &now);
        }
        before.insert(name, now);
    };
    let ended = catalog
        .watch(&options, &Watch::new(rhythm), |result| match result {
            Ok(reports) => {
                for (subject, report) in reports {
                    say(subject.name(), Told::Done(Box::new(report.clone())));
                }
            }
            Err(error) => {
                if let Some(told) = Told::of_failure(error) {
                    say("data_sources", told);
                }
            }
        })
        .await;
    end_of(ended, cancel)
}

/// What a cycle came to.
enum Told {
    Done(Box<Report>),
    Failed { message: String, is_passing: bool },
}

impl Told {
    /// `None` for a wish to stop, which nobody needs to be told of.
    fn of(result: &std::result::Result<Report, ReplicaError>) -> Option<Self> {
        match result {
            Ok(report) => Some(Self::Done(Box::new(report.clone()))),
            Err(error) => Self::of_failure(error),
        }
    }

    fn of_failure(error: &ReplicaError) -> Option<Self> {
        (!error.is_cancelled()).then(|| Self::Failed {
            message: output::sentence_of(error),
            is_passing: error.is_passing(),
        })
    }

    fn wrote(&self) -> bool {
        match self {
            Self::Done(report) => {
                report.settled.left.total() + report.settled.right.total() > 0
                    || report.altered.left + report.altered.right > 0
            }
            Self::Failed { .. } => false,
        }
    }

    /// Whether this is what the cycle before said already: the same is left, nothing was written.
    fn says_nothing_after(&self, before: Option<&Self>) -> bool {
        if self.wrote() {
            return false;
        }
        match (self, before) {
            (Self::Done(now), _) if now.outcome == RunOutcome::Cancelled => true,
            (Self::Done(now), None) => now.is_quiet() && now.open_conflicts == 0,
            (Self::Done(now), Some(Self::Done(before))) => left(now) == left(before),
            (
                Self::Failed { message: now, .. },
                Some(Self::Failed {
                    message: before, ..
                }),
            ) => without_numbers(now) == without_numbers(before),
            _ => false,
        }
    }
}

/// The same failure of a later request is no other one: without `[request …]` and `[cf-ray …]`.
fn without_numbers(message: &str) -> String {
    let mut parts = message.split(" [");
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.split_once(']').map_or(part, |(_, after)| after));
    [first].into_iter().chain(rest).collect()
}

/// What a cycle leaves for a person or for the next one.
fn left(report: &Report) -> (RunOutcome, &[String], u64, Vec<&str>) {
    let refusals = report.refusals.iter();
    (
        report.outcome,
        &report.problems,
        report.open_conflicts,
        refusals.map(|refusal| refusal.reason.as_str()).collect(),
    )
}

/// A line for each cycle that did something or found something new.
async fn say_what_is_new(
    args: &Args,
    store: &SqliteStore,
    source: DataSourceId,
    mut told: UnboundedReceiver<Told>,
) {
    let link = notion_sync::core::link::LinkId::new(source.to_string());
    let mut before: Option<Told> = None;
    while let Some(now) = told.recv().await {
        if !now.says_nothing_after(before.as_ref()) {
            let table = store.table_of(&link).await.ok().flatten();
            let name = table.unwrap_or_else(|| source.to_string());
            say_one(args, Some(source), &name, &now);
        }
        before = Some(now);
    }
}

fn say_one(args: &Args, source: Option<DataSourceId>, name: &str, told: &Told) {
    let at = SystemClock::default().now().to_string();
    let source = source.map(|source| source.to_string());
    match told {
        Told::Done(report) if args.json => say!(
            "{}",
            json!({ "command": "watch", "at": at, "data_source": source, "table": name, "report": report })
        ),
        Told::Done(report) => print_report(&format!("{at} {name}"), report),
        Told::Failed {
            message,
            is_passing,
        } => {
            if args.json {
                say!(
                    "{}",
                    json!({
                        "command": "watch", "at": at, "data_source": source, "table": name,
                        "error": message, "tried_again": is_passing,
                    })
                );
            }
            let next = if *is_passing {
                "; tried again later"
            } else {
                ""
            };
            tell!("error: {at} {name}: {message}{next}");
        }
    }
}
