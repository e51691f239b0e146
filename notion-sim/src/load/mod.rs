//! Building the workspace that recorded exchanges show. Reading lines is here, deciding which sight
//! of an object counts is in `sights`, making objects of them in `build`.

mod build;
mod sights;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use uuid::Uuid;

use self::sights::Sights;
use crate::model::World;

/// What was found in recordings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Lines read.
    pub lines: usize,
    /// Users, pages, data sources, databases and file uploads in the workspace afterwards.
    pub objects: usize,
    /// Lines or objects that could not be used.
    pub skipped: Vec<SkippedLine>,
}

/// A line, or an object on it, that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedLine {
    /// Name of the file.
    pub file: String,
    /// Number of the line, from 1.
    pub line: usize,
    /// Why.
    pub reason: String,
}

impl LoadReport {
    pub(crate) fn add(&mut self, other: Self) {
        self.lines += other.lines;
        self.objects += other.objects;
        self.skipped.extend(other.skipped);
    }

    fn skip(&mut self, file: &str, line: usize, reason: impl Into<String>) {
        self.skipped.push(SkippedLine {
            file: file.into(),
            line,
            reason: reason.into(),
        });
    }
}

/// Adds what the `*.jsonl` files of `folder` show to the workspace.
pub(crate) fn load(world: &mut World, folder: &Path) -> std::io::Result<LoadReport> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "jsonl")
    });
    files.sort();
    let mut report = LoadReport::default();
    let mut sights = Sights::default();
    for path in files {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let bytes = std::fs::read(&path)?;
        let text = String::from_utf8_lossy(&bytes);
        read_file(&mut sights, &mut report, &name, &text);
    }
    build::build(world, sights, &mut report);
    Ok(report)
}

/// Adds these objects to the workspace; `bot` is the connection itself.
pub(crate) fn load_objects(world: &mut World, objects: &[Value], bot: Option<Uuid>) -> LoadReport {
    let mut report = LoadReport::default();
    let mut sights = Sights::default();
    let shown = json!({"status": 200, "response_body": objects});
    if let Err(reason) = sights.exchange("", 0, &shown) {
        report.skip("", 0, reason);
    }
    sights.bot = bot;
    build::build(world, sights, &mut report);
    report
}

fn read_file(sights: &mut Sights, report: &mut LoadReport, name: &str, text: &str) {
    let mut exchanges: Vec<(u64, usize, Value)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        report.lines += 1;
        match serde_json::from_str::<Value>(line) {
            Ok(exchange) if exchange.is_object() => {
                let seq = exchange["seq"].as_u64().unwrap_or(at as u64);
                exchanges.push((seq, at + 1, exchange));
            }
            Ok(_) => report.skip(name, at + 1, "not an object"),
            Err(error) => report.skip(name, at + 1, format!("not JSON: {error}")),
        }
    }
    exchanges.sort_by_key(|(seq, line, _)| (*seq, *line));
    for (_, line, exchange) in exchanges {
        if let Err(reason) = sights.exchange(name, line, &exchange) {
            report.skip(name, line, reason);
        }
    }
}
