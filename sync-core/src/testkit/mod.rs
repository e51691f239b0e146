//! Reference parts for tests: a peer and a store in memory, a clock that a test moves.
//!
//! They show in the shortest form what the ports ask for; where the two differ, the port's words hold.

mod clock;
mod entropy;
mod peer;
pub mod sim;
mod store;

pub use clock::VirtualClock;
pub use entropy::Entropy;
pub use peer::{Fault, MemoryPeer, Mutation};
pub use store::{CrashPoint, MemoryStore};
