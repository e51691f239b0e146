//! `notion-sync status`: every table of the file. Asks nobody but the file.

use anyhow::Result;
use serde_json::json;

use crate::args::Args;
use crate::connect;
use crate::exit::Exit;
use crate::output;

/// Rows listed one by one; the rest is counted.
const LISTED: u32 = 50;

pub(crate) async fn status(args: &Args) -> Result<Exit> {
    let store = connect::open_to_read(args)?;
    let tables = store.status().await?;
    let unsettled = store.unsettled_rows(LISTED).await?;
    let commands = store.unresolved_commands().await?;
    let left = tables
        .iter()
        .any(|table| table.conflicts + table.blocked + table.parked > 0);
    if args.json {
        let document = json!({
            "command": "status", "tables": tables, "rows": unsettled, "commands": commands,
        });
        output::print_json(&document);
    } else if tables.is_empty() {
        say!(
            "{} holds no table yet: `notion-sync run` makes one.",
            args.db.display()
        );
    } else {
        let head = [
            "table", "rows", "pending", "conflict", "parked", "blocked", "last run",
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
            ]
        });
        say!("{}", output::table(&head, rows));
        for row in &unsettled {
            say!(
                "{} row {}: {} – {}",
                row.table,
                row.row,
                row.state,
                row.reason
            );
        }
        for command in &commands {
            say!(
                "command {} on {} row {}: {}\n  decide with `notion-sync resolve {} --not-sent` or \
                 `--created PAGE`",
                command.id,
                command.table,
                command.row,
                command.note,
                command.id
            );
        }
    }
    Ok(if left || !commands.is_empty() {
        Exit::Left
    } else {
        Exit::Clean
    })
}
