//! Peers around a peer: each adds one thing that goes wrong, or that somebody wants to know.
//!
//! They stack: `Counting::new(Faulty::new(peer))` counts the calls that `Faulty` may lose.

mod counting;
mod faulty;
mod slow;
mod truncating;

pub use counting::{Counting, Counts};
pub use faulty::{Faulty, Mishap};
pub use slow::Slow;
pub use truncating::Truncating;

#[cfg(test)]
mod tests;
