//! `notion-sync plan`: what a run would do, and plans of other commands. Writes nothing to either
//! side, not even an empty file.

use anyhow::Result;
use notion_sync::client::DataSourceId;
use notion_sync::sqlite::SqliteStore;
use notion_sync::{Plan, render};
use serde_json::json;

use crate::args::{Args, Format, PlanArgs, PlanFiles};
use crate::connect::{self, Connection};
use crate::exit::{self, Exit, UsageError};
use crate::output;

/// Commands shown on a terminal; the rest is counted.
const SHOWN: usize = 60;

pub(crate) async fn plan(args: &Args, what: &PlanArgs) -> Result<Exit> {
    if args.json && what.out.is_none() && !matches!(what.format, Format::Text | Format::Json) {
        let message = "stdout takes one document: use --json or --format, or --out FILE with both";
        return Err(UsageError(message.to_owned()).into());
    }
    let connection = connect::connect(args).await?;
    let store = connect::open_to_read(args)?;
    connect::refuse_copy(args, &store).await?;
    let sources = connection.data_sources(args, &store).await?;
    let made = make(args, &connection, &store, &sources).await?;
    made.keep(&what.files)?;
    show(args, what, &made.plans, &made.document)?;
    let found = made.plans.iter().any(|plan| !plan.is_empty());
    Ok(if what.files.check && found {
        made.worst.max(Exit::PlanFound)
    } else {
        made.worst
    })
}

/// Plans of several data sources.
pub(crate) struct Made {
    plans: Vec<Plan>,
    document: serde_json::Value,
    /// The data sources that could be planned.
    pub(crate) sources: Vec<DataSourceId>,
    /// How the worst of them went.
    pub(crate) worst: Exit,
}

/// Plans each data source and writes nothing to either side.
pub(crate) async fn make(
    args: &Args,
    connection: &Connection,
    store: &SqliteStore,
    sources: &[DataSourceId],
) -> Result<Made> {
    let mut worst = Exit::Clean;
    let mut links = Vec::new();
    let (mut plans, mut planned) = (Vec::new(), Vec::new());
    for source in sources {
        let replica = connection.replica(args, *source, store);
        let options = args.run_options();
        let result = replica.plan(&options).await;
        let table = store.table_of(&replica.link()).await?;
        let name = table.unwrap_or_else(|| source.to_string());
        match result {
            Ok(mut plan) => {
                plan.title.clone_from(&name);
                links.push(
                    json!({ "data_source": source.to_string(), "table": name, "plan": plan }),
                );
                plans.push(plan);
                planned.push(*source);
            }
            // One failing data source does not hide the plans of the rest; refused credentials do.
            Err(error) if error.is_unauthorized() => return Err(error.into()),
            Err(error) => {
                let error = anyhow::Error::from(error);
                worst = worst.max(exit::of_failure(&error));
                let message = output::sentence(&error);
                tell!("error: {name}: {message}");
                links.push(
                    json!({ "data_source": source.to_string(), "table": name, "error": message }),
                );
            }
        }
    }
    Ok(Made {
        plans,
        document: json!({ "command": "plan", "links": links }),
        sources: planned,
        worst,
    })
}

impl Made {
    /// Writes the files that were asked for.
    pub(crate) fn keep(&self, files: &PlanFiles) -> Result<()> {
        if let Some(file) = &files.plan_out {
            output::write_private(file, &format!("{:#}\n", self.document))?;
            tell!(
                "kept in {}; `notion-sync apply` carries it out",
                file.display()
            );
        }
        if let Some(file) = &files.plan_html {
            let page = rendered(Format::Html, &self.plans, &self.document, usize::MAX);
            output::write_private(file, &format!("{page}\n"))?;
        }
        Ok(())
    }
}

/// The plans where they were asked for; `--json` has stdout for itself.
fn show(args: &Args, what: &PlanArgs, plans: &[Plan], document: &serde_json::Value) -> Result<()> {
    match &what.out {
        Some(file) => {
            let text = rendered(what.format, plans, document, usize::MAX);
            output::write_private(file, &format!("{text}\n"))?;
            if args.json {
                output::print_json(document);
            }
        }
        None if args.json => output::print_json(document),
        None => say!("{}", rendered(what.format, plans, document, SHOWN)),
    }
    Ok(())
}

fn rendered(format: Format, plans: &[Plan], document: &serde_json::Value, shown: usize) -> String {
    let each = |render: &dyn Fn(&Plan) -> String| -> String {
        let rendered: Vec<String> = plans.iter().map(render).collect();
        rendered.join("\n").trim_end().to_owned()
    };
    match format {
        Format::Text => each(&|plan| render::text_up_to(plan, shown)),
        Format::Markdown => each(&render::markdown),
        Format::Json => format!("{document:#}"),
        Format::Html => render::html_of_all(&plans.iter().collect::<Vec<_>>()),
    }
}
