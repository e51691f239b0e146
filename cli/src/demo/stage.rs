//! The demo's stage: a simulated Notion, a file, and two people.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use notion_sync::client::{Client, RateLimit, Token};
use notion_sync::sqlite::SqliteStore;
use notion_sync::{Replica, Report, RunOptions};
use notion_sync_sim::{LedgerEntry, NotionSim};
use serde_json::{Value, json};

use super::crash::{CrashAfterSend, until_sent};
use crate::output;

/// The text property that carries markers in the demo.
const MARKER: &str = "Sync ID";

pub(super) struct Stage {
    sim: NotionSim,
    data_source: String,
    file: PathBuf,
    json: bool,
    number: u32,
    steps: Vec<Value>,
}

impl Stage {
    pub(super) async fn set(file: PathBuf, json: bool) -> Result<Self> {
        let sim = NotionSim::builder().rate_limit(None).start().await?;
        let options = |names: &[&str]| {
            let options: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
            json!({ "options": options })
        };
        let schema = json!({
            "Name": { "title": {} },
            "Status": { "select": options(&["Todo", "Doing", "Done"]) },
            "Estimate": { "number": {} },
            "Due": { "date": {} },
            "Done": { "checkbox": {} },
            "Tags": { "multi_select": options(&["print", "people", "money"]) },
            "Notes": { "rich_text": {} },
            MARKER: { "rich_text": {} },
        });
        let data_source = sim.create_data_source("Tasks", &schema)?;
        let tasks = [
            ("Write the press release", "Todo", 5.0, "2026-11-20"),
            ("Book the venue", "Doing", 2.0, "2026-11-24"),
            ("Invite the speakers", "Todo", 3.0, "2026-11-25"),
            ("Print the programme", "Todo", 1.5, "2026-12-10"),
            ("Rent the projector", "Done", 1.0, "2026-11-12"),
            ("Plan the dinner", "Todo", 2.0, "2026-12-12"),
        ];
        for (name, status, estimate, due) in tasks {
            let properties = json!({
                "Name": { "title": [{ "text": { "content": name } }] },
                "Status": { "select": { "name": status } },
                "Estimate": { "number": estimate },
                "Due": { "date": { "start": due } },
            });
            sim.create_page(&data_source, &properties)?;
        }
        sim.clear_ledger();
        let stage = Self {
            sim,
            data_source,
            file,
            json,
            number: 0,
            steps: Vec::new(),
        };
        stage.tell("A Notion workspace with one data source, \"Tasks\", runs inside this process.");
        Ok(stage)
    }

    pub(super) fn sim(&self) -> &NotionSim {
        &self.sim
    }

    /// A heading.
    pub(super) fn step(&mut self, title: &str) {
        self.number += 1;
        self.steps
            .push(json!({ "step": self.number, "title": title }));
        if !self.json {
            say!("\n{}. {title}", self.number);
        }
    }

    pub(super) fn tell(&self, what: &str) {
        if !self.json {
            say!("   {what}");
        }
    }

    /// One run of a process of its own: opens the file, syncs, closes it.
    pub(super) async fn run(&mut self) -> Result<Report> {
        let store = SqliteStore::open(&self.file, Default::default())?;
        let client = self.client()?.build()?;
        let report = self
            .replica(client, &store)?
            .run(&RunOptions::default())
            .await?;
        let settled = report.settled;
        self.tell(&format!(
            "run: {} written to SQLite, {} to Notion, {} open conflict(s)",
            settled.right.total(),
            settled.left.total(),
            report.open_conflicts
        ));
        if let Some(step) = self.steps.last_mut() {
            step["outcome"] = json!(report.outcome);
        }
        Ok(report)
    }

    /// A run that dies right after a create was sent and answered, before anything is noted.
    pub(super) async fn crash_during_create(&mut self) -> Result<()> {
        let store = SqliteStore::open(&self.file, Default::default())?;
        let (transport, sent) = CrashAfterSend::new();
        let client = self.client()?.transport(transport).build()?;
        let replica = self.replica(client, &store)?;
        until_sent(replica.run(&RunOptions::default()), sent).await
    }

    fn client(&self) -> Result<notion_sync::client::ClientBuilder> {
        let token = Token::new(self.sim.token())?;
        let builder = Client::builder(token).base_url(self.sim.base_url());
        Ok(builder.rate_limit(RateLimit::Off))
    }

    fn replica(&self, client: Client, store: &SqliteStore) -> Result<Replica> {
        let source = self.data_source.parse()?;
        let replica = Replica::new(client, source, store);
        Ok(replica
            .marker_field(MARKER)
            .index_lag(std::time::Duration::ZERO))
    }

    /// A person with any SQLite tool.
    pub(super) fn sql(&self, statement: &str) -> Result<()> {
        self.tell(&format!("sqlite> {statement};"));
        self.person_at_the_file()?.execute(statement, [])?;
        Ok(())
    }

    /// Shows what a person sees in the file.
    pub(super) fn show(&self, query: &str) -> Result<()> {
        self.tell(&format!("sqlite> {query};"));
        let connection = self.person_at_the_file()?;
        let mut statement = connection.prepare(query)?;
        let names: Vec<String> = statement
            .column_names()
            .into_iter()
            .map(str::to_owned)
            .collect();
        let columns = names.len();
        let rows = statement.query_map([], |row| {
            (0..columns)
                .map(|at| row.get(at).map(readable))
                .collect::<Result<Vec<_>, _>>()
        })?;
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let head: Vec<&str> = names.iter().map(String::as_str).collect();
        for line in output::table(&head, rows).lines() {
            self.tell(line);
        }
        Ok(())
    }

    /// One value of the file.
    pub(super) fn cell(&self, query: &str) -> Result<String> {
        Ok(self
            .person_at_the_file()?
            .query_row(query, [], |row| row.get(0).map(readable))?)
    }

    fn person_at_the_file(&self) -> Result<rusqlite::Connection> {
        rusqlite::Connection::open(&self.file).context("the file cannot be opened")
    }

    /// A person in Notion changes properties of the page with that title.
    pub(super) fn person(&self, name: &str, properties: &Value) -> Result<()> {
        let page = self.page(name)?;
        let fields: Vec<&String> = properties
            .as_object()
            .into_iter()
            .flat_map(|o| o.keys())
            .collect();
        self.tell(&format!("in Notion somebody edits {fields:?} of {name:?}"));
        Ok(self.sim.edit_as_person(id(&page)?, properties)?)
    }

    /// A person in Notion trashes or restores the page with that title.
    pub(super) fn person_trashes(&self, name: &str, trashed: bool) -> Result<()> {
        let page = self.page(name)?;
        let what = if trashed { "trashes" } else { "restores" };
        self.tell(&format!("in Notion somebody {what} {name:?}"));
        Ok(self.sim.trash_as_person(id(&page)?, trashed)?)
    }

    /// The page with that title, in the trash or not.
    pub(super) fn page(&self, name: &str) -> Result<Value> {
        let mut pages = self.sim.pages(&self.data_source)?.into_iter();
        pages
            .find(|page| title(page) == name)
            .with_context(|| format!("no page named {name:?}"))
    }

    /// Live pages with that title.
    pub(super) fn pages_named(&self, name: &str) -> Result<usize> {
        let pages = self.sim.pages(&self.data_source)?;
        let live = pages.iter().filter(|page| page["in_trash"] != json!(true));
        Ok(live.filter(|page| title(page) == name).count())
    }

    /// Requests that changed something since the last look; starts to count again.
    pub(super) fn writes(&self) -> Vec<LedgerEntry> {
        let entries = self.sim.ledger();
        self.sim.clear_ledger();
        entries
            .into_iter()
            .filter(|entry| entry.committed)
            .collect()
    }

    pub(super) fn tell_writes(&self, writes: &[LedgerEntry]) {
        for write in writes {
            self.tell(&format!(
                "{} {} {:?}",
                write.method, write.path, write.properties
            ));
        }
    }

    pub(super) fn no_writes(&self) -> Result<()> {
        let written = self
            .sim
            .ledger()
            .iter()
            .filter(|entry| entry.committed)
            .count();
        ensure!(
            written == 0,
            "{written} writes to Notion where there should be none"
        );
        Ok(())
    }

    /// Requests since the last look.
    pub(super) fn requests(&self) -> usize {
        self.sim.ledger().len()
    }

    pub(super) fn finish(self) {
        if self.json {
            let file = self.file.display().to_string();
            output::print_json(&json!({ "command": "demo", "file": file, "steps": self.steps }));
        } else {
            say!(
                "\nEvery step was checked. The file is {}.",
                self.file.display()
            );
            say!("Look at it with any SQLite tool; views: changes, conflicts, sync_status.");
        }
    }
}

fn id(page: &Value) -> Result<&str> {
    page["id"].as_str().context("a page without id")
}

fn title(page: &Value) -> String {
    let runs = page["properties"]["Name"]["title"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    runs.iter()
        .filter_map(|run| run["plain_text"].as_str())
        .collect()
}

fn readable(value: rusqlite::types::Value) -> String {
    match value {
        rusqlite::types::Value::Null => String::new(),
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Real(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        rusqlite::types::Value::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}
