//! `notion-sync plan`: what a run would do. Writes nothing, not even an empty file.

use anyhow::Result;
use notion_sync::RunOptions;
use serde_json::json;

use crate::args::Args;
use crate::connect;
use crate::exit::{self, Exit};
use crate::output;

pub(crate) async fn plan(args: &Args, check: bool) -> Result<Exit> {
    let connection = connect::connect(args).await?;
    let store = connect::open_to_read(args)?;
    let sources = connection.data_sources(args, &store).await?;
    let mut found = false;
    let mut worst = Exit::Clean;
    let mut links = Vec::new();
    for source in sources {
        let replica = connection.replica(args, source, &store);
        let options = RunOptions {
            full: args.full,
            direction: args.direction.into(),
            ..RunOptions::default()
        };
        let result = replica.plan(&options).await;
        let table = store.table_of(&replica.link()).await?;
        let name = table.unwrap_or_else(|| source.to_string());
        match result {
            Ok(plan) => {
                found |= !plan.is_empty();
                if args.json {
                    links.push(
                        json!({ "data_source": source.to_string(), "table": name, "plan": plan }),
                    );
                } else {
                    say!("{}", output::render_plan(&name, &plan));
                }
            }
            // One failing data source does not hide the plans of the rest; refused credentials do.
            Err(error) if error.is_unauthorized() => return Err(error.into()),
            Err(error) => {
                let error = anyhow::Error::from(error);
                worst = worst.max(exit::of_failure(&error));
                let message = output::sentence(&error);
                eprintln!("error: {name}: {message}");
                links.push(
                    json!({ "data_source": source.to_string(), "table": name, "error": message }),
                );
            }
        }
    }
    if args.json {
        output::print_json(&json!({ "command": "plan", "links": links }));
    }
    Ok(if check && found {
        worst.max(Exit::PlanFound)
    } else {
        worst
    })
}
