//! `notion-sync apply`: carry out a saved plan, whole or some of its commands.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use notion_sync::client::DataSourceId;
use notion_sync::{AppliedPlan, Approval, CommandOutcome, Plan, PlanError, RunOptions, render};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::args::{ApplyArgs, Args};
use crate::connect;
use crate::exit::{self, Exit, UsageError};
use crate::output::{self, Progress};
use crate::run::cancel_on_signal;

/// What `--plan-out` keeps; plans are read on their own, by the version they carry.
#[derive(Deserialize)]
struct Kept {
    links: Vec<KeptLink>,
}

#[derive(Deserialize)]
struct KeptLink {
    data_source: String,
    table: String,
    /// Not there where planning failed.
    plan: Option<Box<RawValue>>,
}

pub(crate) async fn apply(args: &Args, what: &ApplyArgs) -> Result<Exit> {
    if !args.data_source.is_empty() {
        let message = "a saved plan names its data sources; leave --data-source out";
        return Err(UsageError(message.to_owned()).into());
    }
    let plans = read(what)?;
    let approval = approval(what, &plans)?;
    let connection = connect::connect(args).await?;
    let store = connect::open(args)?;
    let cancel = notion_sync::core::port::Cancel::default();
    cancel_on_signal(cancel.clone());

    let mut worst = Exit::Clean;
    let mut links = Vec::new();
    for (source, name, plan) in plans {
        let replica = connection.replica(args, source, &store);
        let progress = Progress::new(args);
        let options = RunOptions {
            cancel: cancel.clone(),
            progress: Some(Arc::new(progress.listener())),
            ..args.run_options()
        };
        let result = replica.apply_plan(&plan, &approval, &options).await;
        progress.finish();
        let source = source.to_string();
        match result {
            Ok(applied) => {
                worst = worst.max(exit_of(&applied));
                if !args.json {
                    say!("{}", render::applied(&plan, &applied).trim_end());
                }
                links.push(json!({ "data_source": source, "table": name, "applied": applied }));
                if cancel.is_cancelled() {
                    break;
                }
            }
            Err(error) => {
                let halted = error.is_unauthorized();
                let error = anyhow::Error::from(error);
                worst = worst.max(exit::of_failure(&error));
                let message = output::sentence(&error);
                eprintln!("error: {name}: {message}");
                links.push(json!({ "data_source": source, "table": name, "error": message }));
                if halted {
                    break;
                }
            }
        }
    }
    if args.json {
        output::print_json(&json!({ "command": "apply", "links": links }));
    }
    Ok(worst)
}

/// The plans of a file, each proved to be as it was saved.
fn read(what: &ApplyArgs) -> Result<Vec<(DataSourceId, String, Plan)>> {
    let file = what.file.display();
    let text =
        std::fs::read_to_string(&what.file).with_context(|| format!("{file} cannot be read"))?;
    let unusable = |error: PlanError| UsageError(format!("{file}: {error}"));
    let kept: Kept = serde_json::from_str(&text).map_err(|error| unusable(error.into()))?;
    let mut plans = Vec::new();
    for link in kept.links {
        let Some(plan) = link.plan else {
            eprintln!("{}: no plan was saved", link.table);
            continue;
        };
        let source = link.data_source.parse();
        let source = source.map_err(|_| UsageError(format!("{file}: not a saved plan")))?;
        let plan = Plan::from_json(plan.get()).map_err(unusable)?;
        plans.push((source, link.table, plan));
    }
    Ok(plans)
}

fn approval(what: &ApplyArgs, plans: &[(DataSourceId, String, Plan)]) -> Result<Approval> {
    if what.only.is_empty() {
        return Ok(Approval::All);
    }
    let known: BTreeSet<_> = plans.iter().flat_map(|(_, _, plan)| plan.ids()).collect();
    if let Some(unknown) = what.only.iter().find(|id| !known.contains(id)) {
        let file = what.file.display();
        return Err(UsageError(format!("{file} has no command {unknown}")).into());
    }
    Ok(Approval::Only(what.only.iter().copied().collect()))
}

fn exit_of(applied: &AppliedPlan) -> Exit {
    let run = applied.report.as_ref().map_or(Exit::Left, exit::of_report);
    let mut commands = applied.commands.iter();
    let all = commands.all(|command| command.outcome == CommandOutcome::Applied);
    if all { run } else { run.max(Exit::Left) }
}
