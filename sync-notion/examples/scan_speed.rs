//! How long 10,000 rows of 16 properties take from the answer's bytes to records, network apart:
//! `cargo run --release -p notion-sync-notion --example scan_speed`.

use std::time::Instant;

use notion_sync_core::port::{Call, Cancel, FieldSet, Peer, ScanFrom};
use notion_sync_notion::client::Endpoint;
use notion_sync_notion::client::api::QueryDataSource;
use notion_sync_notion::client::bytes::Bytes;
use notion_sync_notion::client::http::{HeaderMap, StatusCode};
use notion_sync_notion::client::{
    Client, HttpRequest, HttpResponse, RateLimit, Token, Transport, TransportError,
};
use notion_sync_notion::{NotionOptions, NotionPeer};

const ID: &str = "1b2c3d4e-0000-4000-8000-00000000a001";

/// Answers everything with the same bytes.
struct Canned {
    schema: Bytes,
    rows: Bytes,
}

#[async_trait::async_trait]
impl Transport for Canned {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let query = request.url.ends_with("/query");
        Ok(HttpResponse {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: if query {
                self.rows.clone()
            } else {
                self.schema.clone()
            },
        })
    }
}

fn bodies() -> (String, String) {
    let text = r#"[{"type":"text","text":{"content":"Some words of a row","link":null},"annotations":{"bold":false,"italic":false,"strikethrough":false,"underline":false,"code":false,"color":"default"},"plain_text":"Some words of a row","href":null}]"#;
    let relation = format!(r#"[{{"id":"{ID}"}},{{"id":"{ID}"}}]"#);
    let kinds = [
        ("rich_text", text),
        ("rich_text", text),
        ("number", "12.5"),
        ("select", r#"{"id":"o1","name":"High","color":"red"}"#),
        ("relation", &relation),
        (
            "date",
            r#"{"start":"2026-06-15T14:30:00.000+09:00","end":null,"time_zone":null}"#,
        ),
        ("checkbox", "true"),
        ("url", "\"https://example.com/rows/1\""),
    ];
    let of = |at: usize| kinds[at % kinds.len()];
    let rows: Vec<String> = (0..16)
        .map(|at| {
            let (kind, value) = of(at);
            format!(r#""P{at}":{{"id":"p%3A{at}","type":"{kind}","{kind}":{value}}}"#)
        })
        .collect();
    let schema: Vec<String> = (0..16)
        .map(|at| {
            let kind = of(at).0;
            format!(r#""P{at}":{{"id":"p%3A{at}","name":"P{at}","type":"{kind}","{kind}":{{}}}}"#)
        })
        .collect();
    let page = format!(
        r#"{{"object":"page","id":"{ID}","created_time":"2026-09-01T09:00:00.000Z","last_edited_time":"2026-09-01T09:00:00.000Z","created_by":{{"object":"user","id":"{ID}"}},"last_edited_by":{{"object":"user","id":"{ID}"}},"parent":{{"type":"data_source_id","data_source_id":"{ID}","database_id":"{ID}"}},"in_trash":false,"url":"https://www.notion.so/x","properties":{{{}}}}}"#,
        rows.join(",")
    );
    (
        format!(
            r#"{{"object":"data_source","id":"{ID}","title":[],"properties":{{{}}}}}"#,
            schema.join(",")
        ),
        format!(
            r#"{{"object":"list","results":[{}],"next_cursor":null}}"#,
            vec![page; 100].join(",")
        ),
    )
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (schema, rows) = bodies();
    let bytes = rows.len();
    let query = QueryDataSource::new(ID.parse()?);
    let start = Instant::now();
    for _ in 0..100 {
        query.decode(&rows)?;
    }
    println!("10000 rows split in {:?}", start.elapsed());
    let client = Client::builder(Token::new("ntn_canned")?)
        .transport(Canned {
            schema: schema.into(),
            rows: rows.into(),
        })
        .rate_limit(RateLimit::Off)
        .build()?;
    let peer = NotionPeer::new(client, ID.parse()?, NotionOptions::default());
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    peer.describe(&call).await?;
    for _ in 0..3 {
        let (start, mut seen) = (Instant::now(), 0);
        for _ in 0..100 {
            let page = peer
                .scan(&call, &ScanFrom::full(), &FieldSet::All, 100)
                .await?;
            seen += page.items.len();
        }
        println!(
            "{seen} rows in {:?}, {} KB a page",
            start.elapsed(),
            bytes / 1024
        );
    }
    Ok(())
}
