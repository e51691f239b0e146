//! The command as a process of its own, against a simulated Notion in the test's process.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use notion_sync_sim::{Builder, LedgerEntry, NotionSim};
use serde_json::{Value, json};

/// A token that occurs nowhere by chance.
pub(crate) const TOKEN: &str = "ntn_4711TheValueThatNobodyMayEverSee0815";
/// The text property that may carry markers.
pub(crate) const MARKER: &str = "Sync ID";

pub(crate) struct World {
    pub(crate) sim: NotionSim,
    pub(crate) data_source: String,
    pub(crate) folder: tempfile::TempDir,
}

/// What a process said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The one document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.out);
        parsed.unwrap_or_else(|error| panic!("not one document ({error}): {self:#?}"))
    }

    #[track_caller]
    pub(crate) fn says(&self, part: &str) {
        let both = format!("{}{}", self.out, self.err);
        assert!(both.contains(part), "nothing of {part:?} in {self:#?}");
    }
}

pub(crate) fn builder() -> Builder {
    NotionSim::builder().rate_limit(None).token(TOKEN)
}

pub(crate) fn schema() -> Value {
    let options = json!({ "options": [{ "name": "High" }, { "name": "Low" }] });
    json!({
        "Name": { "title": {} }, "Notes": { "rich_text": {} }, "Count": { "number": {} },
        "Done": { "checkbox": {} }, "Pick": { "select": options }, "Due": { "date": {} },
        MARKER: { "rich_text": {} },
    })
}

/// The command with an environment of its own and no network beyond loopback.
pub(crate) fn bare(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_notion-sync"));
    command.env_clear().current_dir(folder);
    command.env("NO_PROXY", "127.0.0.1,localhost");
    command.stdin(Stdio::null());
    command
}

pub(crate) fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl World {
    /// A data source "Tasks" with these pages.
    pub(crate) async fn new(names: &[&str]) -> Self {
        let world = Self::with(builder()).await;
        for name in names {
            world.add(name, json!({}));
        }
        world
    }

    pub(crate) async fn with(builder: Builder) -> Self {
        let sim = builder.start().await.unwrap();
        let data_source = sim.create_data_source("Tasks", &schema()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self {
            sim,
            data_source,
            folder,
        }
    }

    /// With these pages, pulled once; not in the ledger.
    pub(crate) async fn pulled(names: &[&str]) -> Self {
        let world = Self::new(names).await;
        world.run().code(0);
        world.sim.clear_ledger();
        world
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("tasks.sqlite")
    }

    /// Names of the files beside the table, the table's too.
    pub(crate) fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = bare(self.folder.path());
        command.env("NOTION_TOKEN", TOKEN);
        command.arg("--db").arg(self.file());
        command.args(["--base-url", self.sim.base_url()]);
        command.args(["--rate-limit", "off", "--index-lag", "0"]);
        command.args(words);
        command
    }

    pub(crate) fn say(&self, words: &[&str]) -> Said {
        said(&mut self.command(words))
    }

    pub(crate) fn run(&self) -> Said {
        self.say(&["run"])
    }

    pub(crate) fn person(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.file()).unwrap()
    }

    pub(crate) fn sql(&self, statement: &str) {
        self.person().execute(statement, []).unwrap();
    }

    pub(crate) fn text(&self, query: &str) -> String {
        let query = format!("SELECT CAST(({query}) AS TEXT)");
        let text: Option<String> = self
            .person()
            .query_row(&query, [], |row| row.get(0))
            .unwrap();
        text.unwrap_or_default()
    }

    pub(crate) fn add(&self, name: &str, mut properties: Value) -> String {
        properties["Name"] = json!({ "title": [{ "text": { "content": name } }] });
        self.sim
            .create_as_person(&self.data_source, &properties)
            .unwrap()
    }

    pub(crate) fn pages(&self, name: &str) -> Vec<Value> {
        let pages = self.sim.pages(&self.data_source).unwrap().into_iter();
        pages.filter(|page| words(page, "Name") == name).collect()
    }

    pub(crate) fn page(&self, name: &str) -> Value {
        let mut pages = self.pages(name);
        assert_eq!(pages.len(), 1, "pages called {name:?}");
        pages.remove(0)
    }

    pub(crate) fn id(&self, name: &str) -> String {
        self.page(name)["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn edit(&self, name: &str, properties: Value) {
        self.sim
            .edit_as_person(&self.id(name), &properties)
            .unwrap();
    }

    /// "one" says 'theirs' in Notion and 'ours' in SQL, and a run has seen it.
    pub(crate) fn conflict(&self) {
        self.edit("one", json!({ "Notes": rich_text("theirs") }));
        self.sql("UPDATE Tasks SET Notes = 'ours' WHERE Name = 'one'");
        self.run().code(3);
    }

    pub(crate) fn writes(&self) -> Vec<LedgerEntry> {
        let entries = self.sim.ledger().into_iter();
        entries.filter(|entry| entry.committed).collect()
    }
}

pub(crate) fn rich_text(text: &str) -> Value {
    json!({ "rich_text": [{ "text": { "content": text } }] })
}

/// The words of a title or text property.
pub(crate) fn words(page: &Value, property: &str) -> String {
    let property = &page["properties"][property];
    let runs = &property[property["type"].as_str().unwrap()];
    let runs = runs.as_array().into_iter().flatten();
    runs.filter_map(|run| run["plain_text"].as_str()).collect()
}

/// The folder that holds recorded exchanges, if it is there.
pub(crate) fn recordings(name: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("NOTION_RECORDINGS") {
        Some(folder) => PathBuf::from(folder),
        None => concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/recordings").into(),
    };
    let folder = folder.join("exchanges").join(name);
    if !folder.is_dir() {
        eprintln!("skipped: no recordings at {}", folder.display());
        return None;
    }
    Some(folder)
}

/// A process that goes on until it is told to stop; it is killed with its handle.
pub(crate) struct Going {
    child: Child,
    folder: PathBuf,
}

impl World {
    /// Starts the command; what it says goes into files.
    pub(crate) fn start(&self, words: &[&str]) -> Going {
        // What a process before this one said is read before.
        let file = |name: &str| std::fs::File::create(self.folder.path().join(name)).unwrap();
        let mut command = self.command(words);
        let command = command.stdout(file("said.out")).stderr(file("said.err"));
        Going {
            child: command.spawn().unwrap(),
            folder: self.folder.path().to_owned(),
        }
    }
}

impl Going {
    /// Waits for something to become so, a minute at most.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, is_so: impl Fn() -> bool) {
        for _ in 0..6_000 {
            if is_so() {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "ended before {what}: {:#?}",
                self.said(None)
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{what} never came: {:#?}", self.said(None));
    }

    /// What it said so far.
    pub(crate) fn so_far(&self) -> String {
        self.said(None).out
    }

    /// Tells it to stop, as a terminal or a service manager does, and waits for its end.
    #[cfg(unix)]
    pub(crate) fn stop(self, signal: &str) -> Said {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.unwrap().success());
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Said {
        let code = self.child.wait().unwrap().code();
        self.said(code)
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn said(&self, code: Option<i32>) -> Said {
        let read = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap();
        Said {
            code,
            out: read("said.out"),
            err: read("said.err"),
        }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
