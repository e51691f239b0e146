//! `notion-sync verify`: both sides read again, whole, and every record accounted for.

use anyhow::Result;
use notion_sync::core::engine::Class;
use notion_sync::{Verification, VerifyOptions};
use serde_json::json;

use crate::args::Args;
use crate::connect;
use crate::exit::{self, Exit};
use crate::output;

pub(crate) async fn verify(args: &Args) -> Result<Exit> {
    let connection = connect::connect(args).await?;
    let store = connect::open_to_read(args)?;
    let sources = connection.data_sources(args, &store).await?;
    let mut worst = Exit::Clean;
    let mut links = Vec::new();
    for source in sources {
        let replica = connection.replica(args, source, &store);
        let result = replica.verify(&VerifyOptions::default()).await;
        let table = store.table_of(&replica.link()).await?;
        let name = table.unwrap_or_else(|| source.to_string());
        match result {
            Ok(found) => {
                worst = worst.max(of_verification(&found));
                if !args.json {
                    print(&name, &found);
                }
                links.push(json!({
                    "data_source": source.to_string(), "table": name, "verification": found,
                    "violations": found.violations(), "left": found.left(),
                }));
            }
            // One failing data source does not hide the rest; refused credentials do.
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
    if args.json {
        output::print_json(&json!({ "command": "verify", "links": links }));
    }
    Ok(worst)
}

fn of_verification(found: &Verification) -> Exit {
    if found.violations() > 0 || !found.incomplete.is_empty() {
        Exit::Failed
    } else if found.left() > 0 {
        Exit::Left
    } else {
        Exit::Clean
    }
}

fn print(name: &str, found: &Verification) {
    say!(
        "{name}: {} record(s) in Notion, {} row(s) in SQLite, each accounted for once.",
        found.seen.left,
        found.seen.right
    );
    let classes = Class::ALL.into_iter().rev();
    let rows = classes.filter_map(|class| {
        let count = found.classes.get(&class)?;
        let mark = if class.is_violation() {
            "VIOLATION"
        } else {
            ""
        };
        Some(vec![
            class.as_str().to_owned(),
            count.left.to_string(),
            count.right.to_string(),
            mark.to_owned(),
        ])
    });
    say!("{}", output::table(&["", "Notion", "SQLite", ""], rows));
    let missing = found.missing.left + found.missing.right;
    if missing > 0 {
        say!("  {missing} record(s) that should be there were not returned; the next run asks why");
    }
    for what in &found.incomplete {
        say!("  ! {what}");
    }
    for example in &found.examples {
        let key = example
            .key
            .as_ref()
            .map_or("without a key", |key| key.as_str());
        say!("  {}: {key}", example.class.as_str());
    }
    if found.is_in_agreement() {
        say!("Everything agrees.");
    }
}
