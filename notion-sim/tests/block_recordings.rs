//! The recorded requests about blocks, Markdown and comments, sent again: the answers are to be the recorded
//! ones but for ids, times and names, down to the order of members.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/recordings.rs"]
mod recordings;
mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use recordings::recordings;
use serde_json::{Value, json};
use support::{Api, api};

/// What stands for what: recorded ids and the simulator's.
#[derive(Default)]
struct Names {
    known: BTreeMap<String, String>,
}

fn plain(id: &str) -> Option<String> {
    let plain = id.trim_start_matches("task_").replace('-', "");
    let is_id = plain.len() == 32 && plain.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then_some(plain)
}

impl Names {
    fn learn(&mut self, recorded: &Value, answered: &Value) {
        match (recorded, answered) {
            (Value::Object(recorded), Value::Object(answered)) => {
                for (name, value) in recorded.iter().filter(|(name, _)| !is_own(name)) {
                    self.learn(value, answered.get(name).unwrap_or(&Value::Null));
                }
            }
            (Value::Array(recorded), Value::Array(answered)) => {
                let pairs = recorded.iter().zip(answered);
                pairs.for_each(|(recorded, answered)| self.learn(recorded, answered));
            }
            (Value::String(recorded), Value::String(answered)) => {
                if let (Some(recorded), Some(answered)) = (plain(recorded), plain(answered)) {
                    self.known.entry(recorded).or_insert(answered);
                }
            }
            _ => {}
        }
    }

    /// A text with the simulator's ids, or `None` where one is not known.
    fn translate(&self, text: &str) -> Option<String> {
        let mut out = String::new();
        for part in text.split_inclusive(['"', '/', '?', '=', '&']) {
            let word = part.trim_end_matches(['"', '/', '?', '=', '&']);
            match plain(word) {
                Some(id) => out.push_str(self.known.get(&id)?),
                None => out.push_str(word),
            }
            out.push_str(&part[word.len()..]);
        }
        Some(out)
    }
}

/// Whether what a member says is its workspace's own.
fn is_own(name: &str) -> bool {
    matches!(
        name,
        "created_by" | "last_edited_by" | "resolved_name" | "request_id" | "status_url"
    )
}

/// A value without what differs between two workspaces. What stands for a page or database has
/// another title and place.
fn scrubbed(value: &Value) -> Value {
    match value {
        Value::Object(object)
            if value["type"] == "child_page" || value["type"] == "child_database" =>
        {
            let own = ["parent", "child_page", "child_database", "type"];
            let mut rest = object.clone();
            rest.retain(|name, _| !own.contains(&name.as_str()));
            scrubbed(&Value::Object(rest))
        }
        Value::Object(object) => {
            let members = object.iter().map(|(name, value)| {
                let own = is_own(name) || name.ends_with("_time");
                (name.clone(), if own { json!("…") } else { scrubbed(value) })
            });
            Value::Object(members.collect())
        }
        Value::Array(items) => items.iter().map(scrubbed).collect(),
        Value::String(text) if plain(text).is_some() => json!("id"),
        other => other.clone(),
    }
}

/// The names of all members in the order of the text.
fn members(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut begin, mut escaped) = (None, false);
    for (at, byte) in text.bytes().enumerate() {
        match (begin, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(start), b'"') => {
                begin = None;
                if text[at + 1..].trim_start().starts_with(':') {
                    out.push(&text[start..at]);
                }
            }
            (None, b'"') => begin = Some(at + 1),
            _ => {}
        }
    }
    out
}

async fn again(api: &Api, method: &str, path: &str, body: Option<String>) -> String {
    let mut request = api.request(method, path);
    if let Some(body) = body {
        request = request
            .header("content-type", "application/json")
            .body(body);
    }
    request.send().await.unwrap().text().await.unwrap()
}

/// A new page or database for one whose making is not sent again here.
async fn stand_in(api: &Api, path: &str, parent: &str) -> String {
    let made = api.post(path, json!({"parent": {"page_id": parent}})).await;
    plain(made.ok()["id"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn recorded_requests_about_blocks_and_comments_are_answered_as_recorded() {
    let Some(folder) = recordings() else { return };
    let mut api = api().await;
    let root = json!({"parent": {"workspace": true}});
    let root = api.post("/v1/pages", root).await.ok();
    let root = root["id"].as_str().unwrap().to_owned();
    let (mut matched, mut unknown, mut differing) = (0, 0, Vec::new());
    for project in ["notion-sdk-py", "ultimate-notion"] {
        let files = std::fs::read_dir(folder.join(project)).unwrap();
        let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files {
            let mut names = Names::default();
            for line in std::fs::read_to_string(&file).unwrap().lines() {
                let exchange: Value = serde_json::from_str(line).unwrap();
                let text = |name: &str| exchange[name].as_str().unwrap();
                let recorded = &exchange["response_body"];
                api.version = match text("notion_version") {
                    "2025-09-03" => "2025-09-03",
                    _ => "2026-03-11",
                };
                let path = text("path");
                if matches!(path, "/v1/pages" | "/v1/databases") && exchange["status"] == 200 {
                    let id = plain(recorded["id"].as_str().unwrap()).unwrap();
                    let parent = recorded["parent"]["page_id"].as_str().and_then(plain);
                    let parent = parent.and_then(|id| names.known.get(&id));
                    let made = stand_in(&api, path, parent.unwrap_or(&root)).await;
                    names.known.insert(id, made);
                }
                // Pages are put into the trash and taken out on the way.
                let markdown = path.ends_with("/markdown");
                let sent_only =
                    path.starts_with("/v1/pages/") && text("method") == "PATCH" && !markdown;
                if !sent_only
                    && !markdown
                    && !path.starts_with("/v1/blocks/")
                    && !path.starts_with("/v1/comments")
                {
                    continue;
                }
                let path = format!("{path}?{}", text("query"));
                let body = exchange["request_body"].to_string();
                let (Some(path), Some(body)) = (names.translate(&path), names.translate(&body))
                else {
                    unknown += usize::from(!sent_only);
                    continue;
                };
                let body = (!exchange["request_body"].is_null()).then_some(body);
                let answer = again(&api, text("method"), &path, body).await;
                if sent_only {
                    continue;
                }
                let answered: Value = serde_json::from_str(&answer).unwrap();
                names.learn(recorded, &answered);
                let (_, recorded_text) = line.split_once("\"response_body\": ").unwrap();
                let recorded_text = &recorded_text[..recorded_text.len() - 1];
                let same = scrubbed(recorded) == scrubbed(&answered)
                    && members(recorded_text) == members(&answer);
                if same {
                    matched += 1;
                } else {
                    let name = file.file_name().unwrap().to_string_lossy().into_owned();
                    differing.push(format!(
                        "{name} {}\n  {recorded_text}\n  {answer}",
                        exchange["seq"]
                    ));
                }
            }
        }
    }
    eprintln!("{matched} as recorded, {unknown} about objects whose making is not sent again");
    assert!(
        differing.is_empty(),
        "{} differ:\n{}",
        differing.len(),
        differing.join("\n")
    );
    assert!(matched > 0);
}
