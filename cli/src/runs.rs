//! `notion-sync runs`: what was run, newest first. Asks nobody but the file.

use anyhow::Result;
use notion_sync::RunId;
use notion_sync::core::link::{LinkId, Side};
use notion_sync::core::port::{JournalEntry, Query, Rows, Store};
use notion_sync::sqlite::SqliteStore;
use serde_json::json;

use crate::args::Args;
use crate::connect;
use crate::exit::Exit;
use crate::output;

/// Runs listed per table.
const LISTED: u32 = 50;

pub(crate) async fn runs(args: &Args) -> Result<Exit> {
    let store = connect::open_to_read(args)?;
    let mut links = Vec::new();
    let mut rows = Vec::new();
    for link in store.links().await? {
        let table = store.table_of(&link).await?.unwrap_or_default();
        let runs = store.runs(&link, LISTED).await?;
        for run in &runs {
            let undoes = run.undoes.map(|undone| format!("takes back {undone}"));
            rows.push(vec![
                table.clone(),
                run.id.to_string(),
                run.outcome.clone(),
                run.settled.to_string(),
                run.conflicts.to_string(),
                run.refused.to_string(),
                undoes.unwrap_or_default(),
            ]);
        }
        let named = runs.iter().map(|run| {
            let undoes = run.undoes.map(|run| run.to_string());
            json!({
                "run": run.id.to_string(), "ended_at": run.ended_at.to_string(),
                "outcome": run.outcome, "settled": run.settled, "conflicts": run.conflicts,
                "refused": run.refused, "undoes": undoes,
            })
        });
        let named: Vec<_> = named.collect();
        links.push(json!({ "data_source": link.as_str(), "table": table, "runs": named }));
    }
    if args.json {
        output::print_json(&json!({ "command": "runs", "links": links }));
    } else if rows.is_empty() {
        say!("No run is remembered.");
    } else {
        let head = [
            "table",
            "run",
            "ended",
            "written",
            "conflicts",
            "refused",
            "",
        ];
        say!("{}", output::table(&head, rows));
        say!("Take one back with `notion-sync undo RUN`; `--plan` shows it first.");
    }
    Ok(Exit::Clean)
}

/// The last run of a link that wrote something.
pub(crate) async fn last_change(store: &SqliteStore, link: &LinkId) -> Result<Option<RunId>> {
    let runs = store.runs(link, u32::MAX).await?;
    let written = runs.into_iter().find(|run| run.settled > 0);
    Ok(written.map(|run| run.id))
}

/// The last run of a link that wrote to Notion.
pub(crate) async fn last_sent(store: &SqliteStore, link: &LinkId) -> Result<Option<RunId>> {
    for run in store.runs(link, u32::MAX).await? {
        let query = Query::Journal(Some(run.id));
        let rows = store.read(link, &query, None, u32::MAX).await?;
        let to_notion = |entry: &JournalEntry| entry.side == Side::Left;
        if matches!(rows, Rows::Journal(entries) if entries.iter().any(to_notion)) {
            return Ok(Some(run.id));
        }
    }
    Ok(None)
}

/// The link that has a run of this name.
pub(crate) async fn link_of(store: &SqliteStore, run: RunId) -> Result<Option<LinkId>> {
    for link in store.links().await? {
        let runs = store.runs(&link, u32::MAX).await?;
        if runs.iter().any(|known| known.id == run) {
            return Ok(Some(link));
        }
    }
    Ok(None)
}
