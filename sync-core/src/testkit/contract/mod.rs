//! Contract suites: the laws a peer or a store has to keep, as tests that an adapter runs.
//!
//! A third party implements [`PeerWorld`] or [`StoreWorld`] for the place it talks to and writes one
//! line, [`peer_contract!`](crate::peer_contract) or [`store_contract!`](crate::store_contract). Each
//! law becomes a test of its own, named after what it says.

pub mod peer;
mod peer_world;

pub use peer_world::{Deed, PeerWorld, sample};

/// One `#[test]` for each law of a suite.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_tests {
    ($name:ident, $setup:expr, $suite:ident: $($law:ident)*) => {
        mod $name {
            #[allow(unused_imports, reason = "the setup may name nothing of the module around it")]
            use super::*;
            $(
                #[test]
                fn $law() {
                    $crate::testkit::contract::$suite::$law(&|| ::std::boxed::Box::new(($setup)()));
                }
            )*
        }
    };
}

/// Says in the test's output that a law does not bind this place, and why.
pub(super) fn skip(why: &str) {
    println!("skipped: {why}");
}

#[cfg(test)]
mod tests;
