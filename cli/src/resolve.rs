//! `notion-sync resolve`: write down a person's decision; the next run carries it out.

use anyhow::{Context, Result};
use notion_sync::core::outbox::IntentId;
use notion_sync::core::record::Key;
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
        let commands = store.unresolved_commands().await?;
        let command = commands
            .into_iter()
            .find(|command| command.id == what.id)
            .with_context(|| format!("there is no unresolved command {}", what.id))?;
        let intent = IntentId(command.id);
        if let Some(page) = created {
            let page = notion_sync::client::url::NotionUrl::best_for_page(page)
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
        println!("{said}; the next `notion-sync run` carries it out.");
    }
    Ok(Exit::Clean)
}
