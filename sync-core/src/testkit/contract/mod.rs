//! Contract suites: the laws a peer or a store has to keep, as tests that an adapter runs.
//!
//! A third party implements [`PeerWorld`] or [`StoreWorld`] for the place it talks to and writes one
//! line, [`peer_contract!`](crate::peer_contract) or [`store_contract!`](crate::store_contract). Each
//! law becomes a test of its own, named after what it says.

pub mod peer;
mod peer_world;
pub mod store;
mod store_world;

pub use peer_world::{Deed, PeerWorld, sample};
pub use store_world::{Colocated, StoreWorld, spec};

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use futures::future::LocalBoxFuture;

use crate::port::{CellChange, Command, CommandKind};
use crate::record::Key;
use crate::schema::FieldId;
use crate::value::Value;

/// What a world drives to its end.
pub type Task<'a> = LocalBoxFuture<'a, ()>;

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

/// So many awaits into a call it may be dropped.
const AWAITS: usize = 8;

/// Says in the test's output that a law does not bind this place, and why.
fn skip(why: &str) {
    println!("skipped: {why}");
}

/// A command that writes these values, whatever was there.
fn command(
    kind: CommandKind,
    key: Option<&Key>,
    cells: impl IntoIterator<Item = (FieldId, Value)>,
) -> Command {
    let cells = cells.into_iter().map(|(field, desired)| CellChange {
        field,
        expected: None,
        desired,
    });
    Command {
        kind,
        key: key.cloned(),
        cells: cells.collect(),
        holding: Vec::new(),
    }
}

/// Polls a call so many times and drops it.
async fn polled<T>(times: usize, call: impl Future<Output = T>) {
    let mut call = pin!(call);
    let mut left = times;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        match call.as_mut().poll(context) {
            Poll::Pending if left > 0 => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
}

#[cfg(test)]
pub(super) mod tests;
