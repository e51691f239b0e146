//! The simulation of whole histories: the real engine between two peers and a store, people who
//! edit on both sides, and everything that can go wrong, from one seed.
//!
//! Nothing runs at its own pace: every input and output of the engine waits for the scheduler, which
//! decides by the seed who goes on, who dies, what is edited meanwhile. A history ends with fair
//! weather, and then the laws of `docs/simulation.md` are checked. Peers and stores are those of a
//! [`World`]; [`ReferenceWorld`] is the one in memory.

mod check;
pub mod command;
mod coverage;
mod freedom;
mod history;
mod lineage;
mod peer;
mod people;
mod process;
mod profile;
mod reference;
mod relations;
mod setting;
mod stage;
mod store;
mod sweep;
mod undoing;
mod witness;
mod world;

use std::task::{Context, Poll};

pub use history::{Script, Verdict, simulate};
pub use profile::Profile;
pub use reference::ReferenceWorld;
pub use setting::{Kind, MakeWorld, Pairs, Setting};
pub use stage::Tally;
pub use sweep::{Blow, Outcome, busy};
pub use world::{MARKER, PARENT, PAUSED, Place, SkewedClock, Weather, World, Written, tag_names};

use crate::port::{Capabilities, Description, PeerError};
use crate::schema::Schema;

/// Polls a future that has nothing to do with the stage to its end.
fn finish<T>(world: &dyn World, future: impl Future<Output = T>) -> T {
    let waker = futures::task::noop_waker();
    let mut context = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(done) => return done,
            Poll::Pending => world.idle(),
        }
    }
}

/// A description, or one of a peer that has nothing to say.
fn described_or_bare(described: Result<Description, PeerError>) -> Description {
    described.unwrap_or_else(|_| Description {
        schema: Schema::default(),
        capabilities: Capabilities::local(),
    })
}

#[cfg(test)]
mod tests;
