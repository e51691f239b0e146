//! `notion-sync restore`: records back from the trash, by name or by the run that put them there.

use std::sync::Arc;

use anyhow::Result;
use notion_sync::core::engine::RunError;
use notion_sync::core::port::Cancel;
use notion_sync::sqlite::SqliteStore;
use notion_sync::{ReplicaError, Restore, RestoreReport, RunOptions};
use serde_json::json;

use crate::args::{Args, RestoreArgs};
use crate::connect;
use crate::exit::{self, Exit, UsageError};
use crate::output::{self, Progress};
use crate::run::{cancel_on_signal, print_report};
use crate::tables::{self, Linked, Named};

pub(crate) async fn restore(args: &Args, what: &RestoreArgs) -> Result<Exit> {
    let store = connect::open_to_read(args)?;
    if let Some(subject) = tables::about(&store, what.table.as_deref()).await? {
        return Err(UsageError(format!(
            "nothing of {} is restored here: {} are made and put away in Notion only",
            subject.name(),
            subject.label()
        ))
        .into());
    }
    let linked = tables::meant(args, &store, what.table.as_deref()).await?;
    let wanted = wanted(&store, what, linked).await?;
    let connection = connect::connect(args).await?;
    let cancel = Cancel::default();
    cancel_on_signal(cancel.clone());

    let mut worst = Exit::Clean;
    let mut links = Vec::new();
    let mut unknown = None;
    for (linked, rows) in wanted {
        let replica = connection.replica(args, linked.source, &store);
        let progress = Progress::new(args);
        let options = RunOptions {
            cancel: cancel.clone(),
            progress: Some(Arc::new(progress.listener())),
            ..args.run_options()
        };
        let result = replica.restore(&rows, &options).await;
        progress.finish();
        match result {
            Ok(restored) => {
                worst = worst.max(of_restore(&restored));
                if !args.json {
                    print(&linked, &restored);
                    print_waiting(&store, &linked).await?;
                }
                links.push(json!({
                    "data_source": linked.source.to_string(), "table": linked.table,
                    "restore": restored,
                }));
            }
            // Runs of several tables have names of their own: one of them is enough.
            Err(error @ ReplicaError::Run(RunError::NoSuchRun(_))) => unknown = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(error) = unknown.filter(|_| links.is_empty()) {
        return Err(error.into());
    }
    if args.json {
        output::print_json(&json!({ "command": "restore", "links": links }));
    }
    Ok(worst)
}

/// What is to be restored of each table.
async fn wanted(
    store: &SqliteStore,
    what: &RestoreArgs,
    linked: Vec<Linked>,
) -> Result<Vec<(Linked, Restore)>> {
    if let Some(run) = what.run {
        let each = linked.into_iter();
        return Ok(each.map(|linked| (linked, Restore::Run(run))).collect());
    }
    let mut rows: Vec<Vec<i64>> = vec![Vec::new(); linked.len()];
    for text in &what.records {
        let named = Named::parse(text)?;
        tables::one_for_rows(&linked, named)?;
        let mut found = false;
        for (linked, rows) in linked.iter().zip(&mut rows) {
            let row = match named {
                Named::Row(row) => Some(row),
                Named::Page(page) => store.row_with_id(&linked.table, &page.to_string()).await?,
            };
            found |= row.is_some();
            rows.extend(row);
        }
        if !found {
            return Err(UsageError(format!("no row shows the page {text}")).into());
        }
    }
    let each = linked.into_iter().zip(rows);
    let some = each.filter(|(_, rows)| !rows.is_empty());
    Ok(some
        .map(|(linked, rows)| (linked, Restore::Rows(rows)))
        .collect())
}

fn of_restore(restored: &RestoreReport) -> Exit {
    let run = restored
        .report
        .as_ref()
        .map_or(Exit::Clean, exit::of_report);
    if restored.not_in_trash.is_empty() {
        run
    } else {
        run.max(Exit::Left)
    }
}

fn print(linked: &Linked, restored: &RestoreReport) {
    let table = &linked.table;
    let rows: Vec<String> = restored.restored.iter().map(i64::to_string).collect();
    if rows.is_empty() {
        say!("{table}: nothing to restore.");
    } else {
        say!("{table}: out of the trash: row {}.", rows.join(", "));
    }
    if let Some(report) = &restored.report {
        print_report(table, report);
    }
    for row in &restored.not_in_trash {
        say!(
            "  row {row} is not in the trash, or not there at all; if Notion trashed it just now, \
             `notion-sync run` first"
        );
    }
}

/// Other edits are not what was asked for.
async fn print_waiting(store: &SqliteStore, linked: &Linked) -> Result<()> {
    let status = store.status_of(&linked.link).await?;
    let waiting = status.map_or(0, |status| status.pending);
    if waiting > 0 {
        say!("  {waiting} edited row(s) wait for `notion-sync run`");
    }
    Ok(())
}
