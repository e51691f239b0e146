//! Each table: its data source, its triggers, what waits in it, its last run.

use std::time::Duration;

use anyhow::Result;
use notion_sync::core::link::LinkId;
use notion_sync::core::outbox::IntentState;
use notion_sync::core::port::Clock;
use notion_sync::notion::Subject;
use notion_sync::sqlite::{SqliteStore, TableStatus, UnresolvedCommand};
use notion_sync::{RunRecord, SystemClock};

use super::{Findings, misfits, notion};
use crate::connect::Connection;
use crate::output;
use crate::tables::{self, Linked};

pub(super) async fn look(
    store: &SqliteStore,
    connection: Option<&Connection>,
    findings: &mut Findings,
) -> Result<()> {
    let statuses = told(store.status().await, findings);
    let commands = told(store.unresolved_commands().await, findings);
    let known = tables::known(store).await?;
    if known.is_empty() {
        let said = "it holds no table yet";
        findings.warning("file", said, "`notion-sync run` makes one");
    }
    for linked in known {
        let about = &linked.table;
        if let Some(connection) = connection {
            notion::look_at_source(connection, linked.source, about, findings).await;
        }
        if misfits::look_at_table(store, &linked.link, about, findings).await {
            let said = "its columns and triggers are as they should be";
            findings.ok(about, said);
        }
        let mut of_table = statuses.iter();
        if let Some(status) = of_table.find(|status| status.table == *about) {
            look_at_rows(status, findings);
        }
        let of_link = commands
            .iter()
            .filter(|command| command.link == linked.link);
        look_at_commands(about, &of_link.collect::<Vec<_>>(), findings);
        look_at_runs(store, &linked, findings).await?;
    }
    look_at_catalog(store, findings).await
}

/// Tables about the data sources themselves are told of only where something is wrong with them.
async fn look_at_catalog(store: &SqliteStore, findings: &mut Findings) -> Result<()> {
    for subject in Subject::ALL {
        let link = LinkId::new(subject.name());
        if store.table_of(&link).await?.is_some() {
            misfits::look_at_table(store, &link, subject.name(), findings).await;
        }
    }
    Ok(())
}

/// What was read. Private tables or views that do not answer are a finding, not an end.
fn told<T: Default, E: std::error::Error + 'static>(
    read: std::result::Result<T, E>,
    findings: &mut Findings,
) -> T {
    read.unwrap_or_else(|error| {
        let said = format!("its memory cannot be read: {}", output::sentence_of(&error));
        let remedy = "`notion-sync doctor --repair`; if it stays so, restore a backup";
        findings.problem("file", said, remedy);
        T::default()
    })
}

fn look_at_rows(status: &TableStatus, findings: &mut Findings) {
    let about = &status.table;
    let mut tell = |count: u64, what: &str, remedy: &str| {
        if count > 0 {
            findings.warning(about, format!("{count} {what}"), remedy);
        }
    };
    tell(
        status.pending,
        "row(s) edited and not synced yet",
        "`notion-sync run`",
    );
    tell(
        status.conflicts,
        "conflict(s) wait for you",
        "`notion-sync conflicts`, then `notion-sync resolve ID --keep notion` or `--keep sqlite`",
    );
    tell(
        status.parked,
        "row(s) with a field that the two sides cannot agree on",
        "`notion-sync explain ROW` says which and why; `notion-sync status` lists them",
    );
    tell(
        status.blocked,
        "row(s) wait for something",
        "`notion-sync status` says for what",
    );
}

fn look_at_commands(about: &str, commands: &[&UnresolvedCommand], findings: &mut Findings) {
    for command in commands {
        let state = match command.state {
            IntentState::Dead => "was given up",
            IntentState::Planned => "waits",
            _ => "was sent, and nobody knows what became of it",
        };
        let (id, row, note) = (command.id, &command.row, &command.note);
        let said = format!("command {id} on row {row} {state}: {note}");
        let step = command.next_step.map(|step| output::next_step(step, id));
        let remedy = step.unwrap_or_else(|| "`notion-sync run` goes on with it".to_owned());
        findings.warning(about, said, remedy);
    }
}

async fn look_at_runs(store: &SqliteStore, linked: &Linked, findings: &mut Findings) -> Result<()> {
    let about = &linked.table;
    let Ok(runs) = store.runs(&linked.link, u32::MAX).await else {
        // Told with the private tables.
        return Ok(());
    };
    let Some(last) = runs.first() else {
        findings.warning(about, "no run is remembered", "`notion-sync run`");
        return Ok(());
    };
    let age = age(SystemClock::default().now().since(last.ended_at));
    let said = format!("the last run ended {age} ago: {}", last.outcome);
    match last.outcome.as_str() {
        "clean" => findings.ok(about, said),
        _ => findings.warning(about, said, "`notion-sync run` goes on where it stopped"),
    }
    let horizon = store.memory(&linked.link).await?.undo_horizon;
    let undoable = |run: &&RunRecord| horizon.is_none_or(|horizon| run.id.0 >= horizon);
    if let Some(oldest) = runs.iter().rev().find(undoable) {
        findings.ok(about, format!("runs since {} can be undone", oldest.id));
    }
    Ok(())
}

/// "5 s", "12 min", "3 h", "9 d".
fn age(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}
