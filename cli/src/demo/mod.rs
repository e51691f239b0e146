//! `notion-sync demo`: the whole story against the embedded simulator, each step checked.

mod crash;
mod stage;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use notion_sync::RunOutcome;
use notion_sync_sim::{Fault, FaultRule};
use serde_json::{Value, json};

use crate::args::Args;
use crate::exit::{Exit, UsageError};
use stage::Stage;

/// Where the demo leaves its file unless told.
const FILE: &str = "notion-sync-demo.sqlite";

pub(crate) async fn demo(args: &Args) -> Result<Exit> {
    let file = file(args)?;
    let mut stage = Stage::set(file, args.json).await?;
    first_pull(&mut stage).await?;
    local_edit(&mut stage).await?;
    merge(&mut stage).await?;
    conflict(&mut stage).await?;
    create(&mut stage).await?;
    trash(&mut stage).await?;
    crash_after_send(&mut stage).await?;
    lost_answer(&mut stage).await?;
    nothing_to_do(&mut stage).await?;
    stage.finish();
    Ok(Exit::Clean)
}

/// The demo's file: made afresh; another's file is never touched.
fn file(args: &Args) -> Result<PathBuf> {
    let given = args.db.as_os_str() != "notion.sqlite";
    if given && args.db.exists() {
        let message = format!("{} exists; the demo makes a new file", args.db.display());
        return Err(UsageError(message).into());
    }
    let file = if given {
        args.db.clone()
    } else {
        PathBuf::from(FILE)
    };
    for suffix in ["", "-wal", "-shm", "-lock"] {
        let mut path = file.clone().into_os_string();
        path.push(suffix);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context("the file of an earlier demo is in the way");
            }
            _ => {}
        }
    }
    Ok(file)
}

async fn first_pull(stage: &mut Stage) -> Result<()> {
    stage.step("First pull: six pages become six rows of an ordinary table");
    let report = stage.run().await?;
    ensure!(
        report.settled.right.created == 6,
        "six rows were expected: {report:?}"
    );
    stage.show("SELECT Name, Status, Estimate, Due FROM Tasks ORDER BY _row")?;
    stage.no_writes()
}

async fn local_edit(stage: &mut Stage) -> Result<()> {
    stage.step("A local edit: one cell changed is one request with one property");
    stage.sql("UPDATE Tasks SET Estimate = 8 WHERE Name = 'Write the press release'")?;
    stage.show("SELECT \"table\", \"column\", base, current FROM changes")?;
    stage.run().await?;
    let writes = stage.writes();
    ensure!(
        writes.len() == 1 && writes[0].properties.len() == 1,
        "one property: {writes:?}"
    );
    stage.tell_writes(&writes);
    let page = stage.page("Write the press release")?;
    ensure!(
        page["properties"]["Estimate"]["number"] == 8,
        "Notion has it"
    );
    Ok(())
}

async fn merge(stage: &mut Stage) -> Result<()> {
    stage.step("Two people, one row, different fields: both edits arrive, nobody is asked");
    let name = "Book the venue";
    stage.person(name, &json!({ "Status": { "select": { "name": "Done" } } }))?;
    stage.sql("UPDATE Tasks SET Notes = 'deposit paid' WHERE Name = 'Book the venue'")?;
    let report = stage.run().await?;
    ensure!(report.open_conflicts == 0, "no conflict: {report:?}");
    stage.show("SELECT Name, Status, Notes FROM Tasks WHERE Name = 'Book the venue'")?;
    let page = stage.page(name)?;
    ensure!(
        text(&page, "Notes") == "deposit paid",
        "the local edit is in Notion"
    );
    let status = stage.cell("SELECT Status FROM Tasks WHERE Name = 'Book the venue'")?;
    ensure!(status == "Done", "the edit in Notion is in the table");
    stage.writes();
    Ok(())
}

async fn conflict(stage: &mut Stage) -> Result<()> {
    stage.step("Two people, the same field: both values are kept until somebody decides");
    let name = "Invite the speakers";
    stage.person(name, &json!({ "Notes": rich_text("ask Ada first") }))?;
    stage.sql("UPDATE Tasks SET Notes = 'ask Grace first' WHERE Name = 'Invite the speakers'")?;
    let report = stage.run().await?;
    ensure!(report.open_conflicts == 1, "one conflict: {report:?}");
    stage.show("SELECT id, title, field, notion, sqlite FROM conflicts")?;
    ensure!(
        text(&stage.page(name)?, "Notes") == "ask Ada first",
        "Notion keeps its value"
    );
    stage.no_writes()?;
    let report = stage.run().await?;
    ensure!(
        report.open_conflicts == 1,
        "a later run does not repeat it: {report:?}"
    );

    stage.sql("UPDATE conflicts SET resolution = 'sqlite'")?;
    let report = stage.run().await?;
    ensure!(report.open_conflicts == 0, "settled: {report:?}");
    ensure!(
        text(&stage.page(name)?, "Notes") == "ask Grace first",
        "the decision is in Notion"
    );
    stage.tell("decided for SQLite; the other value stays in the journal");
    stage.writes();
    Ok(())
}

async fn create(stage: &mut Stage) -> Result<()> {
    stage.step("A row made with SQL becomes a page");
    stage.sql(
        "INSERT INTO Tasks (Name, Status, Estimate, Due, Tags) \
         VALUES ('Order the badges', 'Todo', 3, '2026-12-01', '[\"print\"]')",
    )?;
    stage.run().await?;
    ensure!(stage.pages_named("Order the badges")? == 1, "one page");
    stage.show("SELECT Name, _id, Due, Tags FROM Tasks WHERE Name = 'Order the badges'")?;
    stage.writes();
    Ok(())
}

async fn trash(stage: &mut Stage) -> Result<()> {
    stage.step("Trash, from both sides, and back");
    stage.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'Order the badges'")?;
    stage.run().await?;
    ensure!(
        stage.pages_named("Order the badges")? == 0,
        "in the trash in Notion"
    );
    stage.person_trashes("Print the programme", true)?;
    stage.run().await?;
    let sql = "SELECT _trashed FROM Tasks WHERE Name = 'Print the programme'";
    ensure!(stage.cell(sql)? == "1", "in the trash in the table");
    stage.person_trashes("Print the programme", false)?;
    let report = stage.run().await?;
    ensure!(
        stage.cell(sql)? == "0" && report.open_conflicts == 0,
        "restored: {report:?}"
    );
    stage.show("SELECT Name, _trashed FROM Tasks ORDER BY _row")?;
    stage.writes();
    Ok(())
}

async fn crash_after_send(stage: &mut Stage) -> Result<()> {
    stage.step("A crash between send and settle: the page was made, nobody remembers");
    stage.sql("INSERT INTO Tasks (Name, Status) VALUES ('Thank the sponsors', 'Todo')")?;
    stage.crash_during_create().await?;
    ensure!(
        stage.pages_named("Thank the sponsors")? == 1,
        "the page is there"
    );
    stage.tell("the process is gone; a new one looks the create up by its marker");
    let report = stage.run().await?;
    ensure!(report.outcome == RunOutcome::Clean, "recovered: {report:?}");
    ensure!(
        stage.pages_named("Thank the sponsors")? == 1,
        "no duplicate page"
    );
    let sql = "SELECT count(*) FROM Tasks WHERE Name = 'Thank the sponsors' AND _id IS NOT NULL";
    ensure!(stage.cell(sql)? == "1", "one row, and it knows its page");
    stage.writes();
    Ok(())
}

async fn lost_answer(stage: &mut Stage) -> Result<()> {
    stage.step("An answer lost on the way: looked up, never sent twice");
    stage.sql("INSERT INTO Tasks (Name, Status) VALUES ('Send the invoices', 'Todo')")?;
    let fault = FaultRule::next(Fault::DropAfterCommit)
        .method("POST")
        .path("/v1/pages");
    stage.sim().inject(fault);
    stage.run().await?;
    ensure!(stage.pages_named("Send the invoices")? == 1, "one page");
    stage.writes();
    Ok(())
}

async fn nothing_to_do(stage: &mut Stage) -> Result<()> {
    stage.step("A last run: nothing to do");
    let report = stage.run().await?;
    ensure!(
        report.is_quiet() && report.open_conflicts == 0,
        "quiet: {report:?}"
    );
    stage.no_writes()?;
    let requests = stage.requests();
    stage.tell(&format!("{requests} request(s), no write anywhere"));
    Ok(())
}

fn rich_text(words: &str) -> Value {
    json!({ "rich_text": [{ "text": { "content": words } }] })
}

fn text(page: &Value, property: &str) -> String {
    let runs = page["properties"][property]["rich_text"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    runs.iter()
        .filter_map(|run| run["plain_text"].as_str())
        .collect()
}
