//! Keep Notion and your own store the same, both ways, without losing an edit or making a duplicate.
//!
//! This crate is the front door: it re-exports the crates of the family and puts the usual parts
//! together. [`Replica`] keeps one Notion data source and one table of a SQLite file the same;
//! [`core::engine::Engine`] does the same for any two peers.
//!
//! ```no_run
//! use notion_sync::client::{Client, Token};
//! use notion_sync::{Replica, sqlite::SqliteStore};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Token::new(std::env::var("NOTION_TOKEN")?)?)?;
//! let store = SqliteStore::open("notion.sqlite", Default::default())?;
//! let source = notion_sync::notion::resolve(&client, "https://www.notion.so/…").await?;
//! let report = Replica::new(client, source, &store).run(&Default::default()).await?;
//! println!("{:?}, {} conflicts", report.outcome, report.open_conflicts);
//! # Ok(())
//! # }
//! ```

mod clock;
#[cfg(feature = "sqlite")]
mod replica;

pub use clock::SystemClock;
#[cfg(feature = "sqlite")]
pub use replica::{Replica, ReplicaError};

pub use notion_sync_client as client;
pub use notion_sync_core as core;
pub use notion_sync_core::engine::{Event, Report, RunError, RunOptions, RunOutcome};
pub use notion_sync_core::link::Policy;
pub use notion_sync_core::plan::Plan;
pub use notion_sync_notion as notion;
#[cfg(feature = "sqlite")]
pub use notion_sync_sqlite as sqlite;
