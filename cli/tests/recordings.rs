//! Real recorded workspaces, pulled whole: a table per data source, a row per page, nothing lost.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::{TOKEN, bare, builder, recordings, said};
use serde_json::{Value, json};

/// What a reading of the lines alone says: live pages by data source, and live data sources.
#[derive(Default)]
struct Sights {
    pages: BTreeMap<String, Value>,
    sources: BTreeMap<String, Value>,
}

impl Sights {
    fn of(folder: &Path) -> Self {
        let files = std::fs::read_dir(folder).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        let mut sights = Self::default();
        for file in files {
            for line in std::fs::read_to_string(file).unwrap().lines() {
                let exchange: Value = serde_json::from_str(line).unwrap();
                sights.see(&exchange["response_body"]);
            }
        }
        sights
    }

    fn see(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.see(item)),
            Value::Object(object) => {
                let full = value.get("properties").is_some();
                match value["object"].as_str() {
                    Some("page") if full => keep(&mut self.pages, value),
                    Some("data_source") if full => keep(&mut self.sources, value),
                    // Deleting the block of a page is how a page was trashed there.
                    Some("block") if value["type"] == "child_page" => {
                        if let Some(page) = self.pages.get_mut(id(value))
                            && page["last_edited_time"].as_str()
                                <= value["last_edited_time"].as_str()
                        {
                            page["in_trash"] = value["in_trash"].clone();
                        }
                    }
                    _ => {}
                }
                object.values().for_each(|inner| self.see(inner));
            }
            _ => {}
        }
    }

    /// Ids of live pages by the id of their data source; sources without pages too.
    fn tables(&self) -> BTreeMap<String, BTreeSet<String>> {
        let live = |seen: &Value| seen["in_trash"] != true;
        let mut tables = BTreeMap::new();
        let sources = self.sources.values().filter(|source| live(source));
        for source in sources {
            tables.insert(id(source).to_owned(), BTreeSet::new());
        }
        for page in self.pages.values().filter(|page| live(page)) {
            let Some(source) = page["parent"]["data_source_id"].as_str() else {
                continue;
            };
            let trashed = self.sources.get(source).is_some_and(|source| !live(source));
            if !trashed {
                let pages: &mut BTreeSet<String> = tables.entry(source.to_owned()).or_default();
                pages.insert(id(page).to_owned());
            }
        }
        tables
    }
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

fn keep(known: &mut BTreeMap<String, Value>, seen: &Value) {
    let old = known.get(id(seen));
    let newer =
        old.is_none_or(|old| old["last_edited_time"].as_str() <= seen["last_edited_time"].as_str());
    if newer {
        known.insert(id(seen).to_owned(), seen.clone());
    }
}

fn ids(file: &rusqlite::Connection, table: &str) -> Vec<String> {
    let select = format!("SELECT _id FROM \"{table}\" WHERE _trashed = 0");
    let mut statement = file.prepare(&select).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn pulled_whole(name: &str) {
    let Some(recording) = recordings(name) else {
        return;
    };
    let expected = Sights::of(&recording).tables();
    let rows: usize = expected.values().map(BTreeSet::len).sum();
    eprintln!("{name}: {} data sources, {rows} live pages", expected.len());
    assert!(!expected.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let mut command = bare(folder.path());
        command.args(["run", "--sim", "--json", "--db", "real.sqlite", "--load"]);
        said(command.arg(&recording)).code(0).json()
    };
    let first = run();
    let file = rusqlite::Connection::open(folder.path().join("real.sqlite")).unwrap();
    let mut found = BTreeMap::new();
    for link in first["links"].as_array().unwrap() {
        let rows = ids(&file, link["table"].as_str().unwrap());
        let distinct: BTreeSet<String> = rows.iter().cloned().collect();
        assert_eq!(rows.len(), distinct.len(), "{link}");
        found.insert(link["data_source"].as_str().unwrap().to_owned(), distinct);
    }
    assert_eq!(found, expected, "{name}");
    let tables: usize = file
        .query_row("SELECT count(*) FROM sync_status WHERE \"table\" NOT IN ('data_sources', 'databases', 'views')", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, expected.len());
    let known = "SELECT count(*) FROM data_sources WHERE _trashed = 0";
    let known: usize = file.query_row(known, [], |row| row.get(0)).unwrap();
    assert_eq!(known, expected.len());

    for link in run()["links"].as_array().unwrap() {
        let report = &link["report"];
        assert_eq!(report["problems"], json!([]), "{link}");
        for side in ["left", "right"] {
            let settled = report["settled"][side].as_object().unwrap();
            let none = settled.values().all(|count| *count == json!(0));
            assert!(none, "a second run writes: {link}");
        }
    }
}

#[test]
fn pain_30_a_recorded_workspace_of_every_property_type_is_pulled_whole() {
    pulled_whole("ultimate-notion");
}

#[test]
fn pain_30_a_recorded_workspace_of_an_older_version_is_pulled_whole() {
    pulled_whole("notion-sdk-py");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_to_a_recorded_workspace_by_pulling_it() {
    for name in ["ultimate-notion", "notion-sdk-py"] {
        let Some(recording) = recordings(name) else {
            return;
        };
        let sim = builder().load(recording).start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let mut command = bare(folder.path());
            command.env("NOTION_TOKEN", TOKEN).arg("run");
            command.args(["--base-url", sim.base_url(), "--rate-limit", "off"]);
            said(&mut command).code(0);
        }
        let ledger = sim.ledger();
        assert!(!ledger.is_empty());
        let writes: Vec<_> = ledger.iter().filter(|entry| entry.mutating).collect();
        assert!(writes.is_empty(), "{name}: {writes:?}");
    }
}
