//! Three reference peers with unlike capabilities.

use std::time::Duration;

use super::MemoryPeer;
use super::rows::Habits;
use crate::port::{Absence, Capabilities, ChangeFeed, CreateSafety, UpdateSafety};
use crate::schema::{FieldType, Schema};
use crate::testkit::VirtualClock;

/// Notion shows at most so many references of a list.
const LONGEST_LIST: usize = 25;

impl MemoryPeer {
    /// Like Notion: changes by edit time, floored to the minute; no compare-and-swap, one command
    /// per request, no proof in "not found"; queries late by `lag`; dates kept to the minute, numbers as
    /// floats, which its schema says; lists shown up to 25 items; slices by the minute of creation. A create
    /// is proved by a marker where the mapping has a field for one.
    pub fn notion_like(
        place: &str,
        mut schema: Schema,
        clock: VirtualClock,
        lag: Duration,
    ) -> Self {
        let numbers = schema.fields.iter_mut();
        for field in numbers.filter(|field| field.ty == FieldType::Number) {
            field.limits.floats = true;
        }
        let capabilities = Capabilities {
            index_lag: lag,
            slices: true,
            ..Capabilities::remote()
        };
        let peer = Self::new(place, schema, capabilities, clock);
        peer.set_habits(|inner| {
            inner.habits = Habits {
                longest_list: Some(LONGEST_LIST),
                floors_dates: true,
                rounds_numbers: true,
                shows_ranks: true,
            };
        });
        peer
    }

    /// Like a table: a feed of every change, tombstones included; compare-and-swap; batches; its
    /// word on absence counts. A create is proved by a marker unless the store executes it itself.
    pub fn sql_like(place: &str, schema: Schema, clock: VirtualClock) -> Self {
        let capabilities = Capabilities {
            create: CreateSafety::Marker,
            slices: true,
            alter: true,
            ..Capabilities::local()
        };
        Self::new(place, schema, capabilities, clock)
    }

    /// Like a folder of files: no feed of changes at all, so every scan is whole; the digest is
    /// checked just before a write, not with it; a file that is not there is not there.
    pub fn file_like(place: &str, schema: Schema, clock: VirtualClock) -> Self {
        let capabilities = Capabilities {
            create: CreateSafety::Marker,
            slices: true,
            alter: true,
            update: UpdateSafety::Precheck,
            absence: Absence::Authoritative,
            changes: ChangeFeed::None,
            max_batch: 1,
            ..Capabilities::local()
        };
        Self::new(place, schema, capabilities, clock)
    }
}
