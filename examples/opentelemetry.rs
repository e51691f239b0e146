//! Exporting what a run does through OpenTelemetry: `cargo run --example opentelemetry` prints the
//! spans of one run against the embedded simulator. `docs/tracing.md` lists them.

use notion_sync::client::{Client, Token};
use notion_sync::{Replica, RunOptions, sqlite::SqliteStore};
use notion_sync_sim::NotionSim;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // In a program of your own: an OTLP exporter, in batches.
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(opentelemetry_stdout::SpanExporter::default())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("notion-sync"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;

    let notion = NotionSim::builder().start().await?;
    notion.generate("Tasks", 10)?;
    let client = Client::builder(Token::new(notion.token())?)
        .base_url(notion.base_url())
        .build()?;
    let source = notion_sync::notion::list_data_sources(&client).await?[0].id;
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path().join("tasks.sqlite"), Default::default())?;
    Replica::new(client, source, &store)
        .run(&RunOptions::default())
        .await?;

    provider.shutdown()?;
    Ok(())
}
