//! `notion-sync resolve`: write down a person's decision; the next run carries it out.

use anyhow::{Context, Result};
use notion_sync::client::url::NotionUrl;
use notion_sync::core::outbox::IntentId;
use notion_sync::core::record::Key;
use notion_sync::sqlite::UnresolvedCommand;
use serde_json::json;

use crate::args::{Args, Decision, ResolveArgs};
use crate::connect;
use crate::exit::{Exit, UsageError};
use crate::output;

pub(crate) async fn resolve(args: &Args, what: &ResolveArgs) -> Result<Exit> {
    if !args.db.exists() {
        return Err(UsageError(format!("{} is not there", args.db.display())).into());
    }
    let store = connect::open(args)?;
    let Decision {
        keep,
        not_sent,
        created,
    } = &what.decision;
    let said = if let Some(side) = keep {
        store
            .resolve_conflict(what.id, &side.to_lowercase())
            .await?;
        format!("conflict {} is decided for {side}", what.id)
    } else {
        let command = meant(args, what.id, store.unresolved_commands().await?)?;
        let intent = IntentId(command.id);
        if let Some(page) = created {
            let page = NotionUrl::best_for_page(page)
                .with_context(|| format!("{page:?} is neither a page id nor a page URL"))?
                .page();
            store
                .declare_created(&command.link, intent, &Key::durable(page.to_string()))
                .await?;
            format!("command {} made page {page}", what.id)
        } else {
            debug_assert!(not_sent, "clap asks for one of the three");
            store.declare_not_sent(&command.link, intent).await?;
            format!("command {} never arrived", what.id)
        }
    };
    if args.json {
        output::print_json(&json!({ "command": "resolve", "id": what.id, "said": said }));
    } else {
        say!("{said}; the next `notion-sync run` carries it out.");
    }
    Ok(Exit::Clean)
}

/// The command with that number. Each table counts its own: where several have one, the data source
/// decides, for a wrong choice would make a page twice.
fn meant(args: &Args, id: u64, commands: Vec<UnresolvedCommand>) -> Result<UnresolvedCommand> {
    let asked: Vec<String> = args
        .data_source
        .iter()
        .filter_map(|text| NotionUrl::best_for_data_source(text))
        .map(|found| found.data_source().to_string())
        .collect();
    let mut found = commands;
    found.retain(|command| {
        let is_asked = asked.iter().any(|source| *source == command.link.as_str());
        command.id == id && (args.data_source.is_empty() || is_asked)
    });
    let first = found.pop();
    let command = first.with_context(|| format!("there is no unresolved command {id}"))?;
    if found.is_empty() {
        return Ok(command);
    }
    let mut message = format!("several tables have a command {id}; add which one you mean:");
    for command in found.iter().chain([&command]) {
        let (source, table) = (command.link.as_str(), &command.table);
        message.push_str(&format!("\n  --data-source {source}  {table}"));
    }
    Err(UsageError(message).into())
}
