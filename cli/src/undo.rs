//! `notion-sync undo`: take back what a run wrote, or show what that would be.

use anyhow::{Context, Result};
use notion_sync::core::plan::NotUndone;
use notion_sync::{Replica, RunId, RunOptions, UndoOptions, render};
use serde_json::json;

use crate::args::{Args, UndoArgs};
use crate::connect;
use crate::exit::{self, Exit, UsageError};
use crate::output;
use crate::run::print_report;
use crate::runs;

pub(crate) async fn undo(args: &Args, what: &UndoArgs) -> Result<Exit> {
    if !args.db.exists() {
        return Err(UsageError(format!("{} is not there", args.db.display())).into());
    }
    let connection = connect::connect(args).await?;
    let store = connect::open(args)?;
    let sources = connection.data_sources(args, &store).await?;
    let [source] = sources[..] else {
        let message = "undo works on one data source: name it with --data-source";
        return Err(UsageError(message.to_owned()).into());
    };
    let replica = connection.replica(args, source, &store);
    let run = match what.run {
        Some(run) => run,
        None => runs::last_change(&store, &replica.link())
            .await?
            .context("no run that is remembered wrote anything")?,
    };
    let options = UndoOptions {
        run: RunOptions {
            owner: format!("notion-sync, process {}", std::process::id()),
            ..RunOptions::default()
        },
        keep_source: what.keep_source,
    };
    let table = store.table_of(&replica.link()).await?;
    let name = table.unwrap_or_else(|| source.to_string());
    if what.plan {
        connect::refuse_copy(args, &store).await?;
        plan(args, &replica, &name, run, &options).await
    } else {
        take_back(args, &replica, &name, run, &options).await
    }
}

async fn plan(
    args: &Args,
    replica: &Replica,
    name: &str,
    run: RunId,
    options: &UndoOptions,
) -> Result<Exit> {
    let undo = replica.plan_undo(run, options).await?;
    if args.json {
        let (plan, kept) = (&undo.plan, &undo.not_undone);
        output::print_json(&json!({
            "command": "undo", "run": run.to_string(), "table": name, "plan": plan,
            "not_undone": kept,
        }));
    } else {
        say!("Taking back {run} would mean:");
        say!("{}", render::text(&undo.plan).trim_end());
        print_kept(&undo.not_undone);
    }
    Ok(if undo.not_undone.is_empty() {
        Exit::Clean
    } else {
        Exit::Left
    })
}

async fn take_back(
    args: &Args,
    replica: &Replica,
    name: &str,
    run: RunId,
    options: &UndoOptions,
) -> Result<Exit> {
    let undone = replica.undo(run, options).await?;
    if args.json {
        output::print_json(&json!({
            "command": "undo", "run": run.to_string(), "table": name, "report": undone.report,
            "not_undone": undone.not_undone,
        }));
    } else {
        say!("{run} is taken back, as far as it still was as that run left it.");
        print_report(name, &undone.report);
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
