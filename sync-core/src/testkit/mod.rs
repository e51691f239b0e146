//! Reference parts for tests: a peer and a store in memory, a clock that a test moves; contract suites,
//! decorators and strategies for adapters and for programs that embed.
//!
//! They show in the shortest form what the ports ask for; where the two differ, the port's words hold.

mod clock;
pub mod contract;
pub mod decorators;
mod entropy;
mod generated;
mod peer;
pub mod sim;
mod store;
pub mod strategies;

pub use clock::VirtualClock;
pub use entropy::Entropy;
pub use generated::{ForgetfulStore, ForgottenCounts, GeneratedPeer, engine_between};
pub use peer::{Fault, MemoryPeer, Mutation};
pub use proptest;
pub use store::{CrashPoint, MemoryStore};
