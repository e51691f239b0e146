//! Files on their way up and down over HTTP.

#![allow(dead_code, reason = "each test program uses a part of it")]

use bytes::Bytes;
use serde_json::{Value, json};

use crate::document::check;
use crate::support::{Api, Reply};

/// The body that an HTTP client makes of a file.
pub(crate) fn parts(file: &[u8], name: &str, content_type: &str, number: Option<u32>) -> Vec<u8> {
    let mut body = Vec::new();
    if let Some(number) = number {
        let head = "--sep\r\nContent-Disposition: form-data; name=\"part_number\"\r\n\r\n";
        body.extend(format!("{head}{number}\r\n").bytes());
    }
    let head = format!(
        "--sep\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {content_type}\r\n\r\n"
    );
    body.extend(head.bytes());
    body.extend(file);
    body.extend(b"\r\n--sep--\r\n");
    body
}

impl Api {
    pub(crate) async fn announce(&self, body: Value) -> Reply {
        let reply = self.post("/v1/file_uploads", body).await;
        check("POST", "/v1/file_uploads", reply.status, &reply.body);
        reply
    }

    pub(crate) async fn send_parts(&self, upload: &str, body: Vec<u8>) -> Reply {
        let path = format!("/v1/file_uploads/{upload}/send");
        let request = self
            .request("POST", &path)
            .header("content-type", "multipart/form-data; boundary=sep")
            .body(body);
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let reply = Reply {
            status,
            headers,
            body: serde_json::from_str(&response.text().await.unwrap()).unwrap(),
        };
        check("POST", &path, reply.status, &reply.body);
        reply
    }

    /// An upload that was sent in one part.
    pub(crate) async fn uploaded(&self, name: &str, bytes: &[u8]) -> String {
        let made = self.announce(json!({"filename": name})).await.ok();
        let id = made["id"].as_str().unwrap().to_owned();
        let kind = made["content_type"].as_str().unwrap();
        self.send_parts(&id, parts(bytes, name, kind, None))
            .await
            .ok();
        id
    }
}

pub(crate) async fn fetch(url: &str) -> (u16, String, Bytes) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.get(url).send().await.unwrap();
    let kind = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    (
        response.status().as_u16(),
        kind,
        response.bytes().await.unwrap(),
    )
}
