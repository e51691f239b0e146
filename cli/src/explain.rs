//! `notion-sync explain`: why a record is as it is. Asks nobody but the file.

use anyhow::Result;
use notion_sync::client::DataSourceId;
use notion_sync::core::link::Sides;
use notion_sync::{Explained, render};
use serde_json::json;

use crate::args::{Args, ExplainArgs};
use crate::connect;
use crate::exit::Exit;
use crate::output;
use crate::tables::{self, Named};

pub(crate) async fn explain(args: &Args, what: &ExplainArgs) -> Result<Exit> {
    let named = Named::parse(&what.record)?;
    let store = connect::open_to_read(args)?;
    if let Some(subject) = tables::about(&store, what.table.as_deref()).await? {
        let (side, key) = named.key();
        let catalog = connect::offline(args)?.catalog([], &store);
        return match catalog.explain(subject, side, &key).await? {
            Some(told) => {
                say_it(args, None, &told);
                Ok(Exit::Clean)
            }
            None => unseen(named),
        };
    }
    let linked = tables::meant(args, &store, what.table.as_deref()).await?;
    tables::one_for_rows(&linked, named)?;
    let connection = connect::offline(args)?;
    let (side, key) = named.key();
    for linked in linked {
        let replica = connection.replica(args, linked.source, &store);
        if let Some(told) = replica.explain(side, &key).await? {
            say_it(args, Some(linked.source), &told);
            return Ok(Exit::Clean);
        }
    }
    unseen(named)
}

fn unseen(named: Named) -> Result<Exit> {
    let what = match named {
        Named::Row(row) => format!("row {row}"),
        Named::Page(page) => format!("the page {page}"),
    };
    anyhow::bail!("no run has seen {what}: if it is there, `notion-sync run`, then ask again")
}

fn say_it(args: &Args, source: Option<DataSourceId>, told: &Explained) {
    if args.json {
        let source = source.map(|source| source.to_string());
        output::print_json(
            &json!({ "command": "explain", "data_source": source, "explained": told }),
        );
        return;
    }
    let names = Sides::new("Notion".to_owned(), "SQLite".to_owned());
    say!("{}", render::explained(told, &names).trim_end());
}
