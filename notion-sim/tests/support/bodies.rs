//! Bodies of pages over HTTP, as Markdown and as blocks.

#![allow(dead_code, reason = "each test program uses a part of it")]

use serde_json::{Value, json};

use crate::support::{Api, Reply, ids, title};

pub(crate) const NOWHERE: &str = "1b2c3d4e-0000-4000-8000-00000000ffff";

impl Api {
    /// A page that holds what the text says; gives its id.
    pub(crate) async fn written(&self, text: &str) -> String {
        let body = json!({
            "parent": {"workspace": true}, "properties": {"title": title("Page")}, "markdown": text,
        });
        self.made("/v1/pages", body).await
    }

    pub(crate) async fn made(&self, path: &str, body: Value) -> String {
        let made = self.post(path, body).await.ok();
        made["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn markdown(&self, id: &str) -> Value {
        self.get(&format!("/v1/pages/{id}/markdown")).await.ok()
    }

    pub(crate) async fn text(&self, id: &str) -> String {
        self.markdown(id).await["markdown"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) async fn edit(&self, id: &str, kind: &str, command: Value) -> Reply {
        let body = json!({"type": kind, kind: command});
        self.patch(&format!("/v1/pages/{id}/markdown"), body).await
    }

    pub(crate) async fn replace(&self, id: &str, text: &str) -> Reply {
        self.edit(id, "replace_content", json!({"new_str": text}))
            .await
    }

    pub(crate) async fn update(&self, id: &str, old: &str, new: &str) -> Reply {
        let updates = json!([{"old_str": old, "new_str": new}]);
        self.edit(id, "update_content", json!({"content_updates": updates}))
            .await
    }

    pub(crate) async fn children(&self, id: &str) -> Vec<Value> {
        let list = self.get(&format!("/v1/blocks/{id}/children")).await.ok();
        list["results"].as_array().unwrap().clone()
    }

    pub(crate) async fn append(&self, id: &str, children: Value) -> Vec<String> {
        let path = format!("/v1/blocks/{id}/children");
        ids(&self.patch(&path, json!({"children": children})).await.ok())
    }

    pub(crate) async fn subpage(&self, parent: &str, name: &str) -> String {
        let body = json!({"parent": {"page_id": parent}, "properties": {"title": title(name)}});
        self.made("/v1/pages", body).await
    }

    pub(crate) async fn subdatabase(&self, parent: &str, name: &str) -> String {
        let name = json!([{"text": {"content": name}}]);
        let body = json!({"parent": {"page_id": parent}, "title": name});
        self.made("/v1/databases", body).await
    }
}

pub(crate) fn plain(id: &str) -> String {
    id.replace('-', "")
}

/// Kinds and texts of blocks.
pub(crate) fn outline(blocks: &[Value]) -> Vec<String> {
    let line = |block: &Value| {
        let kind = block["type"].as_str().unwrap();
        let runs = block[kind]["rich_text"].as_array().into_iter().flatten();
        let words: String = runs
            .map(|run| run["plain_text"].as_str().unwrap())
            .collect();
        format!("{kind}: {words}").trim_end_matches(": ").to_owned()
    };
    blocks.iter().map(line).collect()
}
