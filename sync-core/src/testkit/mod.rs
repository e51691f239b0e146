//! Reference parts for tests: a peer and a store in memory, a clock that a test moves.
//!
//! They state what the ports mean: an adapter that behaves like these is right.

mod clock;
mod peer;
mod store;

pub use clock::VirtualClock;
pub use peer::{Fault, MemoryPeer, Mutation};
pub use store::{CrashPoint, MemoryStore};
