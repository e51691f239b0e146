//! Keep Notion and your own store the same, both ways, without losing an edit or making a duplicate.
//!
//! This crate is the front door: it re-exports the crates of the family and puts the usual parts
//! together. [`Replica`] keeps one Notion data source and one table of a SQLite file the same,
//! [`TableLink`] a data source and a table you have already; [`core::engine::Engine`] does the same for any two peers.

#[cfg(feature = "sqlite")]
mod between;
#[cfg(feature = "sqlite")]
mod catalog;
mod clock;
#[cfg(feature = "sqlite")]
mod explained;
pub mod render;
#[cfg(feature = "sqlite")]
mod replica;
#[cfg(feature = "sqlite")]
mod restore;
#[cfg(feature = "sqlite")]
mod table_link;
#[cfg(feature = "sqlite")]
mod watch;

#[cfg(feature = "sqlite")]
pub use catalog::Catalog;
pub use clock::SystemClock;
#[cfg(feature = "sqlite")]
pub use explained::Explained;
#[cfg(feature = "sqlite")]
pub use replica::{Replica, ReplicaError};
#[cfg(feature = "sqlite")]
pub use restore::{Restore, RestoreReport};
#[cfg(feature = "sqlite")]
pub use table_link::{TableForgetError, TableLink, TableLinkError};

pub use notion_sync_client as client;
pub use notion_sync_core as core;
pub use notion_sync_core::engine::{
    AppliedPlan, Bell, Budget, CommandOutcome, Event, Report, Rhythm, RunError, RunOptions,
    RunOutcome, Step, UndoOptions, UndoPlan, UndoReport, Verification, VerifyOptions, Watch,
};
pub use notion_sync_core::link::Policy;
pub use notion_sync_core::plan::{Approval, CommandId, Plan, PlanError};
pub use notion_sync_core::port::{RunId, RunRecord};
pub use notion_sync_notion as notion;
#[cfg(feature = "sqlite")]
pub use notion_sync_sqlite as sqlite;

/// The README, so that its example compiles.
#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
