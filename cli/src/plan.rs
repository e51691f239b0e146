//! `notion-sync plan`: what a run would do. Writes nothing, not even an empty file.

use anyhow::Result;
use notion_sync::RunOptions;
use serde_json::json;

use crate::args::Args;
use crate::connect;
use crate::exit::Exit;
use crate::output;

pub(crate) async fn plan(args: &Args, check: bool) -> Result<Exit> {
    let connection = connect::connect(args).await?;
    let store = connect::open_to_read(args)?;
    let sources = connection.data_sources(args, &store).await?;
    let mut found = false;
    let mut links = Vec::new();
    for source in sources {
        let replica = connection.replica(args, source, &store);
        let options = RunOptions {
            full: args.full,
            ..RunOptions::default()
        };
        let plan = replica.plan(&options).await?;
        found |= !plan.is_empty();
        let table = store.table_of(&replica.link()).await?;
        let name = table.unwrap_or_else(|| source.to_string());
        if args.json {
            links.push(json!({ "data_source": source.to_string(), "table": name, "plan": plan }));
        } else {
            println!("{}", output::render_plan(&name, &plan));
        }
    }
    if args.json {
        output::print_json(&json!({ "command": "plan", "links": links }));
    }
    Ok(if check && found {
        Exit::PlanFound
    } else {
        Exit::Clean
    })
}
