//! The heart of notion-sync: what a record is, what two sides should do about each other, and the
//! cycle that does it. Knows no I/O: peers, stores and clocks are ports.
//!
//! - [`value`], [`schema`], [`record`], [`link`]: the words.
//! - [`plan`]: pure decisions, each with a rule that has a name. [`outbox`]: pure transitions.
//! - [`port`]: traits a program supplies. [`engine`]: one cycle over them.
//! - [`testkit`] (feature `testkit`): reference peer and store, virtual clock, contract suites.

#[cfg(feature = "canary")]
pub mod canary;
#[cfg(not(feature = "canary"))]
mod canary;
pub mod conflict;
pub mod engine;
pub mod link;
pub mod memory;
pub mod outbox;
pub mod pair;
pub mod plan;
pub mod port;
pub mod record;
pub mod schema;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;
pub mod value;
