//! One SQLite file that is at once the engine's memory and a replica people edit with any tool.
//!
//! [`SqliteStore`] is the [`Store`](notion_sync_core::port::Store); [`SqliteReplica`] is one of
//! its tables as a [`Peer`](notion_sync_core::port::Peer). When both sides of that coin are in
//! one file, commands for the table run inside the commit that remembers them. Triggers of plain
//! SQL note what people edit and refuse what cannot be synced. No async runtime is named here.

mod base;
mod checkup;
mod commit;
#[cfg(test)]
mod cost;
mod database;
mod ddl;
mod edits;
mod error;
mod export;
mod forget;
mod inspect;
mod lease;
mod links;
mod lost;
mod marks;
mod pairs;
mod private;
mod read;
mod repair;
mod replica;
mod store;
mod table;
mod views;
mod worker;

pub use checkup::{Checkup, Mend, Misfit};
pub use database::StoreOptions;
pub use export::{Exported, RowSink};
pub use forget::{Forget, ForgetError, Forgotten};
pub use inspect::{ConflictRow, PendingChange, TableStatus, UnresolvedCommand, UnsettledRow};
pub use replica::{ReplicaBuilder, SqliteReplica};
pub use store::SqliteStore;
pub use table::{NewKey, SqliteTable, SqliteTableBuilder, TableError};
