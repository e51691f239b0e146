//! `notion-sync conflicts`: what both sides changed, with both values.

use anyhow::Result;
use serde_json::json;

use crate::args::Args;
use crate::connect;
use crate::exit::Exit;
use crate::output;

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
                conflict.title.clone(),
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
