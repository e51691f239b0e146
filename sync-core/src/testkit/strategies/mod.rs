//! `proptest` strategies for the words of this crate, small enough that cases meet.
//!
//! Use them with [`testkit::proptest`](crate::testkit::proptest), so that the versions agree.

mod pairs;
mod values;

pub use pairs::{
    base_of, command, conflict, intent, link_memory, mapping, pair_state, presence, settled_pair,
    side_state, standing,
};
pub use values::{
    cell, choice, date, field, files, json, number, people, record, references, rich_text, schema,
    value, value_of,
};

#[cfg(test)]
mod tests;
