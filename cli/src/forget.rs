//! `notion-sync forget`: a link's memory goes, the records stay. Asks nobody but the file.

use anyhow::Result;
use notion_sync::sqlite::{Forget, ForgetError, Forgotten};
use serde_json::json;

use crate::args::{Args, ForgetArgs};
use crate::connect;
use crate::exit::{Exit, UsageError};
use crate::output;
use crate::tables::{self, Linked};

pub(crate) async fn forget(args: &Args, what: &ForgetArgs) -> Result<Exit> {
    let store = connect::open_to_read(args)?;
    if let Some(subject) = tables::about(&store, what.table.as_deref()).await? {
        return Err(UsageError(format!(
            "{} tells of the data sources of this file themselves, and every run keeps it: forget the table \
             of a data source",
            subject.name()
        ))
        .into());
    }
    let found = tables::meant(args, &store, what.table.as_deref()).await?;
    let is_named = what.table.is_some() || !args.data_source.is_empty();
    let [linked] = found.as_slice() else {
        return Err(which(&found).into());
    };
    if !is_named {
        return Err(which(&found).into());
    }
    if !what.yes {
        let mut would = store.forgettable(&linked.link).await?;
        would.dropped = what.drop_table && !would.missing;
        let (table, said) = (&linked.table, sentence(&would));
        let message = format!("{table} would be forgotten: {said} Add --yes to do it");
        return Err(UsageError(message).into());
    }
    let how = Forget::default()
        .even_if_sent(what.force)
        .drop_table(what.drop_table);
    let forgotten = match store.forget(&linked.link, how).await {
        Err(error @ ForgetError::OnTheirWay(_)) => {
            let message = format!("{error}. To do so: --force");
            return Err(anyhow::anyhow!(message));
        }
        result => result?,
    };
    if args.json {
        output::print_json(&json!({
            "command": "forget", "data_source": linked.source.to_string(),
            "table": linked.table, "forgotten": forgotten,
        }));
    } else {
        say!("{} is forgotten: {}", linked.table, sentence(&forgotten));
    }
    Ok(Exit::Clean)
}

/// Forgetting is never about whatever happens to be there.
fn which(found: &[Linked]) -> UsageError {
    let mut message = "which table is to be forgotten? Name it:".to_owned();
    for linked in found {
        message.push_str(&format!("\n  --table {}", linked.table));
    }
    UsageError(message)
}

fn sentence(forgotten: &Forgotten) -> String {
    let rows = forgotten.rows;
    let mut said = match &forgotten.table {
        _ if forgotten.missing => {
            "the table was dropped or renamed by hand before, and every page stays in Notion."
                .to_owned()
        }
        _ if forgotten.dropped => {
            format!("the table and its {rows} row(s) go, and every page stays in Notion.")
        }
        table => format!(
            "its {rows} row(s) stay in an ordinary table, and every page stays in Notion. Synced again, the \
             data source gets a table of another name, unless this one is dropped (--drop-table, or DROP \
             TABLE {0}) or renamed (ALTER TABLE {0} RENAME TO …) before.",
            quoted(table.as_deref().unwrap_or_default())
        ),
    };
    if forgotten.pending > 0 && forgotten.missing {
        let pending = forgotten.pending;
        said.push_str(&format!(
            " {pending} row(s) were edited and not synced: the edits are where that table is."
        ));
    } else if forgotten.pending > 0 && forgotten.dropped {
        said.push_str(" It stays while rows are edited and not synced: `notion-sync run` first.");
    } else if forgotten.pending > 0 {
        let pending = forgotten.pending;
        said.push_str(&format!(
            " {pending} row(s) were edited and not synced: the edits stay here and go nowhere."
        ));
    }
    if forgotten.on_their_way > 0 {
        let sent = forgotten.on_their_way;
        said.push_str(&format!(
            " {sent} command(s) were sent and nobody knows what became of them."
        ));
    }
    said
}

/// As it stands in a statement.
fn quoted(table: &str) -> String {
    format!("\"{}\"", table.replace('"', "\"\""))
}
