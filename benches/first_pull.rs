//! A first pull and a run without changes, against the embedded simulator: requests counted, times
//! as ratios to reading the same pages with nothing done to them.
//!
//! `cargo bench -p notion-sync --bench first_pull` takes 10,000 rows of 16 properties; with
//! `-- --test` 300 rows, and fails if a budget of requests is broken.

use std::time::{Duration, Instant};

use notion_sync::client::{Client, RateLimit, RawRequest, Token, http::Method};
use notion_sync::{Replica, RunOptions, sqlite::SqliteStore};
use notion_sync_sim::NotionSim;
use serde_json::json;

fn main() -> anyhow::Result<()> {
    let test = std::env::args().any(|argument| argument == "--test");
    let rows = if test { 300 } else { 10_000 };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(measure(rows))
}

async fn measure(rows: usize) -> anyhow::Result<()> {
    let sim = NotionSim::builder().rate_limit(None).start().await?;
    let source = sim.generate("Big", rows)?;
    let client = Client::builder(Token::new(sim.token())?)
        .base_url(sim.base_url())
        .rate_limit(RateLimit::Off)
        .build()?;
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path().join("big.sqlite"), Default::default())?;
    let replica = Replica::new(client.clone(), source.parse()?, &store).index_lag(Duration::ZERO);

    let started = Instant::now();
    let pages = read_bare(&client, &source).await?;
    let bare = started.elapsed();
    sim.clear_ledger();

    let started = Instant::now();
    let report = replica.run(&RunOptions::default()).await?;
    let first = started.elapsed();
    let first_requests = sim.ledger().len();
    sim.clear_ledger();
    anyhow::ensure!(report.settled.right.created == rows as u64, "{report:?}");

    let started = Instant::now();
    let report = replica.run(&RunOptions::default()).await?;
    let idle = started.elapsed();
    let idle_requests = sim.ledger().len();
    sim.clear_ledger();
    anyhow::ensure!(report.is_quiet(), "{report:?}");

    let full = RunOptions {
        full: true,
        ..RunOptions::default()
    };
    let started = Instant::now();
    let report = replica.run(&full).await?;
    let sweep = started.elapsed();
    anyhow::ensure!(report.is_quiet(), "{report:?}");

    let ratio = |time: Duration| time.as_secs_f64() / bare.as_secs_f64();
    let (file, table) = bytes(&folder.path().join("big.sqlite"))?;
    println!("{rows} rows of 16 properties, simulator in the same process");
    println!(
        "  bytes a row in the file  {:>10}  of which the table by itself {}",
        file / rows as u64,
        table / rows as u64
    );
    println!("  bare read of {pages} pages  {bare:>10.1?}  1.0x");
    println!(
        "  first pull               {first:>10.1?}  {:.1}x  {first_requests} requests",
        ratio(first)
    );
    println!(
        "  run without changes      {idle:>10.1?}  {:.2}x  {idle_requests} requests",
        ratio(idle)
    );
    println!(
        "  full sweep, no changes   {sweep:>10.1?}  {:.1}x",
        ratio(sweep)
    );
    let budget = rows.div_ceil(100) + 10;
    anyhow::ensure!(
        first_requests <= budget,
        "{first_requests} requests, budget {budget}"
    );
    anyhow::ensure!(
        idle_requests <= 1 + rows.min(100) / 100,
        "{idle_requests} requests when idle"
    );
    Ok(())
}

/// The size of the file, and of one that holds nothing but the table.
fn bytes(path: &std::path::Path) -> anyhow::Result<(u64, u64)> {
    let connection = rusqlite::Connection::open(path)?;
    let size = |schema: &str| -> rusqlite::Result<u64> {
        let pragma = |name: &str| {
            let sql = format!("PRAGMA {schema}.{name}");
            connection.query_row(&sql, [], |row| row.get::<_, i64>(0))
        };
        Ok(u64::try_from(pragma("page_count")? * pragma("page_size")?).unwrap_or(0))
    };
    let table: String =
        connection.query_row("SELECT name FROM _sync_tables", [], |row| row.get(0))?;
    connection.execute("ATTACH ':memory:' AS bare", [])?;
    let name = table.replace('"', "\"\"");
    let copy = format!("CREATE TABLE bare.bare AS SELECT * FROM main.\"{name}\"");
    connection.execute(&copy, [])?;
    Ok((size("main")?, size("bare")?))
}

/// The same pages, fetched and thrown away: the share of simulator and network.
async fn read_bare(client: &Client, source: &str) -> anyhow::Result<usize> {
    let mut pages = 0;
    let mut cursor = None;
    loop {
        let mut body = json!({ "page_size": 100, "sorts": [{ "timestamp": "created_time", "direction": "ascending" }] });
        if let Some(cursor) = cursor {
            body["start_cursor"] = cursor;
        }
        let path = format!("data_sources/{source}/query");
        let request = RawRequest::new(Method::POST, &path)
            .body(notion_sync::client::Json::from_value(&body)?)
            .read_only();
        let answer = client.send(&request).await?;
        pages += 1;
        let next: Cursor = answer.value.decode()?;
        match next.next_cursor {
            Some(next) => cursor = Some(json!(next)),
            None => return Ok(pages),
        }
    }
}

#[derive(serde::Deserialize)]
struct Cursor {
    next_cursor: Option<String>,
}
