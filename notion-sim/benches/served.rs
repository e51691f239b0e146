//! How fast the simulator serves: pages of 100 rows of ten properties, over HTTP on one thread that the
//! reader shares, and without a socket.
//!
//! `cargo bench -p notion-sync-sim --bench served`; with `-- --test` it only reads what it should. The
//! simulator is never to be what somebody's benchmark measures: 300 such pages a second are 180 times
//! what the strictest of Notion's limits lets through.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use notion_sync_sim::{Builder, NotionSim};
use serde_json::{Value, json};

type Failed = Box<dyn std::error::Error>;

const ROWS: usize = 2_000;

fn main() -> Result<(), Failed> {
    let test = std::env::args().any(|argument| argument == "--test");
    let rounds = if test { 1 } else { 40 };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (pages, took) = runtime.block_on(served(rounds))?;
    told("over HTTP, one core with its reader", pages, took);
    let (pages, took) = in_memory(rounds)?;
    told("without a socket, one core", pages, took);
    Ok(())
}

fn told(how: &str, pages: usize, took: Duration) {
    let rate = pages as f64 / took.as_secs_f64();
    println!(
        "{how}: {rate:.0} pages of 100 rows a second, {:.1} times 300",
        rate / 300.0
    );
}

fn builder() -> Builder {
    NotionSim::builder().rate_limit(None)
}

/// Rows of ten properties; answers their data source.
fn fill(sim: &NotionSim) -> Result<String, Failed> {
    let schema = json!({
        "Name": { "title": {} }, "Notes": { "rich_text": {} }, "Estimate": { "number": {} },
        "Stage": { "select": {} }, "Tags": { "multi_select": {} }, "Due": { "date": {} },
        "Done": { "checkbox": {} }, "Link": { "url": {} }, "Mail": { "email": {} },
        "Phone": { "phone_number": {} },
    });
    let source = sim.create_data_source("Rows", &schema)?;
    for n in 0..ROWS {
        let text = |content: String| json!([{ "text": { "content": content } }]);
        let row = json!({
            "Name": { "title": text(format!("Row {n}")) },
            "Notes": { "rich_text": text(format!("what is to be said about row {n}, and a little more")) },
            "Estimate": { "number": n }, "Stage": { "select": { "name": format!("stage {}", n % 5) } },
            "Tags": { "multi_select": [{ "name": "a" }, { "name": format!("tag {}", n % 7) }] },
            "Due": { "date": { "start": "2026-06-15T10:30:00+02:00" } },
            "Done": { "checkbox": n % 2 == 0 }, "Link": { "url": format!("https://example.com/{n}") },
            "Mail": { "email": format!("someone{n}@example.com") },
            "Phone": { "phone_number": format!("+41 31 {n}") },
        });
        sim.create_page(&source, &row)?;
    }
    Ok(source)
}

/// The next request of a scan.
fn query(cursor: &Value) -> Value {
    match cursor {
        Value::Null => json!({ "page_size": 100 }),
        cursor => json!({ "page_size": 100, "start_cursor": cursor }),
    }
}

/// The cursor behind a page of a hundred rows.
fn next(page: &[u8]) -> Result<Value, Failed> {
    let page: Value = serde_json::from_slice(page)?;
    match page["results"].as_array().map(Vec::len) {
        Some(100) => Ok(page["next_cursor"].clone()),
        rows => Err(format!("{rows:?} rows").into()),
    }
}

/// Scans the rows again and again, and parses what is answered: the reader's share is in the figure.
async fn served(rounds: usize) -> Result<(usize, Duration), Failed> {
    let sim = builder().start().await?;
    let source = fill(&sim)?;
    let url = format!("{}/v1/data_sources/{source}/query", sim.base_url());
    let client = reqwest::Client::new();
    let mut pages = 0;
    let began = Instant::now();
    for _ in 0..rounds {
        let mut cursor = Value::Null;
        loop {
            let request = client
                .post(&url)
                .bearer_auth(sim.token())
                .header("notion-version", "2026-03-11")
                .body(query(&cursor).to_string());
            let answer = request.send().await?.error_for_status()?.bytes().await?;
            pages += 1;
            cursor = next(&answer)?;
            if cursor.is_null() {
                break;
            }
        }
    }
    Ok((pages, began.elapsed()))
}

fn in_memory(rounds: usize) -> Result<(usize, Duration), Failed> {
    let sim = builder().in_memory()?;
    let source = fill(&sim)?;
    let mut pages = 0;
    let began = Instant::now();
    for _ in 0..rounds {
        let mut cursor = Value::Null;
        loop {
            let request = Request::post(format!("/v1/data_sources/{source}/query"))
                .header("authorization", format!("Bearer {}", sim.token()))
                .header("notion-version", "2026-03-11")
                .body(Bytes::from(query(&cursor).to_string()))?;
            let answer = sim.call(request)?;
            if !answer.status().is_success() {
                return Err(format!("{answer:?}").into());
            }
            pages += 1;
            cursor = next(answer.body())?;
            if cursor.is_null() {
                break;
            }
        }
    }
    Ok((pages, began.elapsed()))
}
