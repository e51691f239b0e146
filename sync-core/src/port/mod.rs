//! Ports: what the engine needs from the outside. No implementation lives here.
//!
//! All futures are `Send` and safe to drop at any await: what `apply` had not answered is
//! ambiguous, and the outbox treats it so.

mod call;
mod clock;
mod peer;
mod store;
mod store_error;

pub use call::{Call, Cancel, Lane};
pub use clock::Clock;
pub use peer::*;
pub use store::*;
pub use store_error::StoreError;
