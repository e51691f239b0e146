//! A raw HTTP client for the tests: JSON in, status and JSON out.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use notion_sync_sim::{Builder, NotionSim};
use serde_json::{Value, json};

pub(crate) const NOW: &str = "2026-09-04T14:30:41Z";

pub(crate) struct Api {
    pub(crate) sim: NotionSim,
    client: reqwest::Client,
    pub(crate) version: &'static str,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) headers: reqwest::header::HeaderMap,
}

impl Reply {
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

pub(crate) fn builder() -> Builder {
    NotionSim::builder()
        .rate_limit(None)
        .virtual_clock(NOW.parse().unwrap())
}

pub(crate) async fn api() -> Api {
    with(builder()).await
}

pub(crate) async fn with(builder: Builder) -> Api {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Api {
        sim: builder.start().await.unwrap(),
        client,
        version: "2026-03-11",
    }
}

impl Api {
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.sim.base_url());
        self.client
            .request(method.parse().unwrap(), url)
            .bearer_auth(self.sim.token())
            .header("Notion-Version", self.version)
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Reply> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Reply {
            status,
            body,
            headers,
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, Some(&body)).await.unwrap()
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send("PATCH", path, Some(&body)).await.unwrap()
    }

    pub(crate) async fn query(&self, source: &str, body: Value) -> Value {
        self.post(&format!("/v1/data_sources/{source}/query"), body)
            .await
            .ok()
    }

    /// Ids of all pages of a query, walking its cursors.
    pub(crate) async fn walk(&self, source: &str, mut body: Value) -> Vec<String> {
        let mut out = Vec::new();
        loop {
            let page = self.query(source, body.clone()).await;
            out.extend(ids(&page));
            match page["next_cursor"].as_str() {
                Some(cursor) => body["start_cursor"] = json!(cursor),
                None => return out,
            }
        }
    }

    /// A data source with this schema besides its title `Name`.
    pub(crate) fn table(&self, mut schema: Value) -> String {
        schema["Name"] = json!({"title": {}});
        self.sim.create_data_source("Table", &schema).unwrap()
    }

    /// Creates a page over HTTP.
    pub(crate) async fn create(&self, source: &str, properties: Value) -> Reply {
        let body = json!({"parent": {"data_source_id": source}, "properties": properties});
        self.post("/v1/pages", body).await
    }
}

pub(crate) fn ids(list: &Value) -> Vec<String> {
    let results = list["results"].as_array().unwrap();
    results
        .iter()
        .map(|page| page["id"].as_str().unwrap().to_owned())
        .collect()
}

pub(crate) fn title(text: &str) -> Value {
    json!({"title": [{"text": {"content": text}}]})
}
