//! `notion-sync status`: every table of the file. Asks nobody but the file.

use anyhow::Result;
use notion_sync::notion::Subject;
use notion_sync::sqlite::{TableStatus, UnsettledRow};
use serde_json::json;

use crate::args::Args;
use crate::connect;
use crate::exit::Exit;
use crate::output;

/// Rows listed one by one; the rest is counted.
const LISTED: u32 = 50;

fn is_catalog(table: &TableStatus) -> bool {
    Subject::ALL
        .iter()
        .any(|subject| subject.name() == table.table)
}

fn something_is_left(table: &TableStatus) -> bool {
    table.pending + table.conflicts + table.parked + table.blocked > 0
}

/// A row by its number, a page that has none by its id.
fn named(row: &UnsettledRow) -> String {
    match (row.row, &row.id) {
        (Some(number), _) => format!("{} row {number}", row.table),
        (None, Some(page)) => format!("{} page {page}, without a row", row.table),
        (None, None) => format!("{} page without a row", row.table),
    }
}

pub(crate) async fn status(args: &Args) -> Result<Exit> {
    let store = connect::open_to_read(args)?;
    let mut tables = store.status().await?;
    // Tables about the data sources themselves are worth a line only where there is something to tell.
    tables.retain(|table| !is_catalog(table) || something_is_left(table));
    let missing = store.missing_tables().await?;
    let unsettled = store.unsettled_rows(LISTED).await?;
    let commands = store.unresolved_commands().await?;
    let is_copy = store.is_copy().await?;
    let mut waiting = tables.iter();
    let left = is_copy
        || !commands.is_empty()
        || !missing.is_empty()
        || waiting.any(|table| table.conflicts + table.blocked + table.parked > 0);
    if args.json {
        let document = json!({
            "command": "status", "tables": tables, "missing": missing, "rows": unsettled,
            "commands": commands, "is_copy": is_copy,
        });
        output::print_json(&document);
    } else if tables.is_empty() && missing.is_empty() {
        say!(
            "{} holds no table yet: `notion-sync run` makes one.",
            args.db.display()
        );
    } else {
        let head = [
            "table",
            "rows",
            "pending",
            "conflict",
            "parked",
            "blocked",
            "last run",
            "undo since",
        ];
        let rows = tables.iter().map(|table| {
            vec![
                table.table.clone(),
                table.live.to_string(),
                table.pending.to_string(),
                table.conflicts.to_string(),
                table.parked.to_string(),
                table.blocked.to_string(),
                table.last_run.clone().unwrap_or_default(),
                table.undo_since.clone().unwrap_or_default(),
            ]
        });
        if !tables.is_empty() {
            say!("{}", output::table(&head, rows));
        }
        for table in &missing {
            say!(
                "{table}: dropped or renamed by hand. What helps: {}",
                output::missing_table(table)
            );
        }
        for row in &unsettled {
            say!("{}: {} – {}", named(row), row.state, row.reason);
        }
        for command in &commands {
            say!(
                "command {} on {} row {}: {}",
                command.id,
                command.table,
                command.row,
                command.note
            );
            if let Some(due) = command.due_at {
                say!("  tried again after {due}");
            }
            if let Some(step) = command.next_step {
                say!("  what helps: {}", output::next_step(step, command.id));
            }
        }
    }
    if is_copy && !args.json {
        say!(
            "{}: {}. What helps: {}",
            args.db.display(),
            output::COPY,
            output::ADOPT
        );
    }
    Ok(if left { Exit::Left } else { Exit::Clean })
}
