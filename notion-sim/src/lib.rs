//! A Notion that runs in your tests: real state behind the public API, over HTTP on loopback.
//!
//! The simulator keeps users, databases, data sources, pages, the blocks in them and comments, checks
//! what it is given with Notion's own messages, and reads values back in the form Notion gives them.
//! It floors times to the minute, cuts relations to 25 references, limits requests per minute, and
//! breaks on request: see [`Fault`].
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use notion_sync_sim::NotionSim;
//! use serde_json::json;
//!
//! let sim = NotionSim::builder().start().await?;
//! let tasks = sim.create_data_source("Tasks", &json!({"Name": {"title": {}}, "Done": {"checkbox": {}}}))?;
//! let page = sim.create_page(&tasks, &json!({"Done": {"checkbox": true}}))?;
//! assert_eq!(sim.page(&page)?["properties"]["Done"]["checkbox"], true);
//! println!("the API answers at {}/v1 for {}", sim.base_url(), sim.token());
//! # Ok(())
//! # })
//! # }
//! ```

mod builder;
mod clock;
mod compute;
mod control;
mod endpoint;
mod entry;
mod error;
mod faults;
mod files;
mod front;
mod generate;
mod hook;
mod ids;
mod knobs;
mod ledger;
mod limiter;
mod load;
mod markdown;
mod model;
mod query;
pub mod replay;
mod server;
mod shared;
mod sim;
mod state;
mod value;
mod version;
mod weather;

pub use crate::builder::{Builder, StartError};
pub use crate::clock::Clock;
pub use crate::entry::{Broken, Latency};
pub use crate::faults::{Fault, FaultRule};
pub use crate::hook::{Delivery, Subscription, SubscriptionStatus, WebhookWeather};
pub use crate::knobs::Knobs;
pub use crate::ledger::LedgerEntry;
pub use crate::limiter::Limits;
pub use crate::load::{LoadReport, SkippedLine};
pub use crate::model::oauth::OAuthClient;
pub use crate::sim::{NotionSim, SimError};
pub use crate::state::StateError;
