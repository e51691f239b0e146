//! The transcripts of `docs/sqlite.md`, played: every statement is run as it stands there, and has to
//! answer what stands there. `SQLITE_DOC=write cargo test --test sqlite_doc` writes the answers anew.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{World, builder, rich_text, title};
use notion_sync::{Replica, RunOptions};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Value, json};

const DOCUMENT: &str = "docs/sqlite.md";

/// Tasks of a house, the projects they belong to, and one run.
struct Story {
    world: World,
    projects: String,
}

impl Story {
    async fn new() -> Self {
        let sim = builder().start().await.unwrap();
        let projects = json!({ "Name": { "title": {} } });
        let projects = sim.create_data_source("Projects", &projects).unwrap();
        let options = |names: &[&str]| {
            let options: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
            json!({ "options": options })
        };
        let tasks = json!({
            "Name": { "title": {} },
            "Stage": { "select": options(&["Todo", "Doing", "Done"]) },
            "Tags": { "multi_select": options(&["garden", "kitchen", "money"]) },
            "Hours": { "number": {} }, "Urgent": { "checkbox": {} }, "Due": { "date": {} },
            "Notes": { "rich_text": {} }, "Link": { "url": {} },
            "Project": { "relation": { "data_source_id": projects, "single_property": {} } },
            "Owner": { "people": {} }, "Papers": { "files": {} },
        });
        let data_source = sim.create_data_source("Tasks", &tasks).unwrap();
        let world = World::of(sim, data_source, tempfile::tempdir().unwrap());
        let house = world
            .sim
            .create_as_person(&projects, &json!({ "Name": title("House") }));
        let story = Self { world, projects };
        story.world.add(
            "Mend the roof",
            json!({
                "Stage": { "select": { "name": "Doing" } },
                "Tags": { "multi_select": [{ "name": "money" }] },
                "Hours": { "number": 12 }, "Due": { "date": { "start": "2026-10-01" } },
                "Notes": { "rich_text": [
                    { "text": { "content": "Ask " } },
                    { "text": { "content": "two" }, "annotations": { "bold": true } },
                    { "text": { "content": " roofers" } },
                ] },
                "Project": { "relation": [{ "id": house.unwrap() }] },
                "Papers": { "files": [{ "name": "offer.pdf",
                    "external": { "url": "https://example.org/offer.pdf" } }] },
            }),
        );
        story.world.add(
            "Paint the door",
            json!({ "Notes": rich_text("green"), "Stage": { "select": { "name": "Todo" } } }),
        );
        story.world.add(
            "Buy seeds",
            json!({ "Tags": { "multi_select": [{ "name": "garden" }] } }),
        );
        story
    }

    /// `notion-sync run`, and some time.
    async fn run(&self) {
        let store = self.world.store();
        let client = self.world.client();
        let tasks = self.world.replica(client.clone(), &store);
        let source = self.projects.parse().unwrap();
        let projects = Replica::new(client, source, &store)
            .index_lag(Duration::ZERO)
            .clock(std::sync::Arc::new(self.world.clock.clone()));
        for replica in [&projects, &tasks] {
            replica.run(&RunOptions::default()).await.unwrap();
        }
        self.world.pass(Duration::from_secs(600));
    }

    /// What somebody does in Notion meanwhile: `edit <title> <properties>` or `trash <title>`.
    fn notion(&self, deed: &str) {
        let (verb, rest) = deed.split_once(' ').unwrap();
        match verb {
            "edit" => {
                let (name, properties) = rest.split_once('{').unwrap();
                let properties = serde_json::from_str(&format!("{{{properties}")).unwrap();
                self.world.edit(name.trim(), properties);
            }
            "trash" => self.world.trash(rest, true),
            other => panic!("{other}"),
        }
        self.world.pass(Duration::from_secs(60));
    }
}

/// What a shell of SQLite prints: columns joined by `|`, rows by line, a refusal with its number.
fn answer(person: &Connection, statement: &str) -> String {
    let mut out = String::new();
    let result = (|| -> rusqlite::Result<()> {
        let mut statement = person.prepare(statement)?;
        let width = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mut cells = Vec::new();
            for at in 0..width {
                cells.push(match row.get_ref(at)? {
                    ValueRef::Null => String::new(),
                    ValueRef::Integer(number) => number.to_string(),
                    ValueRef::Real(number) => format!("{number:?}"),
                    ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                });
            }
            writeln!(out, "{}", cells.join("|")).unwrap();
        }
        Ok(())
    })();
    if let Err(rusqlite::Error::SqliteFailure(code, message)) = result {
        let message = message.unwrap_or_default();
        writeln!(
            out,
            "Runtime error: {message} ({})",
            code.extended_code & 0xff
        )
        .unwrap();
    } else {
        result.unwrap();
    }
    out
}

/// The same by the `sqlite3` of this machine, where there is one that is new enough.
fn answer_of_the_shell(file: &Path, statement: &str) -> Option<String> {
    let version = Command::new("sqlite3").arg("--version").output().ok()?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let mut numbers = version
        .split(['.', ' '])
        .map(|part| part.parse().unwrap_or(0));
    let (major, minor): (u32, u32) = (numbers.next()?, numbers.next()?);
    if (major, minor) < (3, 38) {
        return None;
    }
    let output = Command::new("sqlite3")
        .args(["-batch", "-cmd", ".timeout 5000"])
        .arg(file)
        .arg(statement)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let mut told = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    // How a refusal is introduced depends on the version; what it says does not.
    if let Some(sentence) = errors.trim().strip_prefix("Error: ") {
        let sentence = sentence.strip_prefix("stepping, ").unwrap_or(sentence);
        let sentence = sentence.strip_suffix(" (19)").unwrap_or(sentence);
        writeln!(told, "Runtime error: {sentence} (19)").unwrap();
    } else if !errors.trim().is_empty() {
        told.push_str(&errors);
    }
    Some(told)
}

#[tokio::test]
async fn every_transcript_of_the_document_is_true() {
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let story = Story::new().await;
    let mut played = String::new();
    let mut lines = text.lines().peekable();
    let mut in_transcript = false;
    let mut statements = 0;
    while let Some(line) = lines.next() {
        writeln!(played, "{line}").unwrap();
        if let Some(deed) = line.strip_prefix("<!-- in Notion: ") {
            story.notion(deed.trim_end_matches("-->").trim());
        }
        if line.starts_with("```") {
            in_transcript = line == "```console";
        }
        if !in_transcript {
            continue;
        }
        if line == "$ notion-sync run" {
            story.run().await;
        }
        let Some(first) = line.strip_prefix("sqlite> ") else {
            continue;
        };
        let mut statement = first.to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with("   ...> ")) {
            writeln!(played, "{more}").unwrap();
            statement.push('\n');
            statement.push_str(&more[8..]);
        }
        while lines.next_if(|line| !is_prompt(line)).is_some() {}
        let reads = statement.trim_start().to_uppercase().starts_with("SELECT");
        let told = answer(&story.world.person(), &statement);
        if reads && let Some(shell) = answer_of_the_shell(&story.world.file, &statement) {
            assert_eq!(shell, told, "the shell answers {statement}");
        }
        played.push_str(&told);
        statements += 1;
    }
    assert!(statements > 40, "{statements} statements");
    if std::env::var("SQLITE_DOC").is_ok_and(|mode| mode == "write") {
        std::fs::write(DOCUMENT, &played).unwrap();
        return;
    }
    for (at, (written, played)) in text.lines().zip(played.lines()).enumerate() {
        assert_eq!(played, written, "{DOCUMENT}:{}", at + 1);
    }
    assert_eq!(played.lines().count(), text.lines().count());
}

/// Whether a line of a transcript is not an answer.
fn is_prompt(line: &str) -> bool {
    ["sqlite> ", "   ...> ", "$ ", "```"]
        .iter()
        .any(|start| line.starts_with(start))
}
