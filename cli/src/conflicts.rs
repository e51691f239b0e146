//! `notion-sync conflicts`: what both sides changed, with both values.

use anyhow::Result;
use notion_sync::sqlite::ConflictRow;
use serde_json::json;

use crate::args::Args;
use crate::connect;
use crate::exit::Exit;
use crate::output;

/// Its title, or where it stands.
fn record(conflict: &ConflictRow) -> String {
    match conflict.row {
        Some(row) if conflict.title.is_empty() => format!("row {row}"),
        _ => conflict.title.clone(),
    }
}

pub(crate) async fn conflicts(args: &Args) -> Result<Exit> {
    let store = connect::open_to_read(args)?;
    let conflicts = store.open_conflicts().await?;
    if args.json {
        output::print_json(&json!({ "command": "conflicts", "conflicts": conflicts }));
    } else if conflicts.is_empty() {
        say!("No conflicts.");
    } else {
        let head = [
            "id",
            "table",
            "record",
            "field",
            "was",
            "side: value",
            "decided",
        ];
        let rows = conflicts.iter().map(|conflict| {
            let values: Vec<String> = conflict
                .values
                .iter()
                .map(|(side, value)| format!("{side}: {value}"))
                .collect();
            vec![
                conflict.id.to_string(),
                conflict.table.clone(),
                record(conflict),
                conflict.field.clone(),
                conflict.base.clone().unwrap_or_default(),
                values.join("\n"),
                conflict.resolution.clone().unwrap_or_default(),
            ]
        });
        say!("{}", output::table(&head, rows));
        say!("Decide with `notion-sync resolve ID --keep notion` or `--keep sqlite`.");
    }
    let undecided = conflicts
        .iter()
        .any(|conflict| conflict.resolution.is_none());
    Ok(if undecided { Exit::Left } else { Exit::Clean })
}
