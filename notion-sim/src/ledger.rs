//! The record of every request, kept so that a test can ask what a client really sent.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request as the simulator saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Position, from 1; never used again after clearing.
    pub seq: u64,
    /// The simulator's time, RFC 3339 with milliseconds.
    pub time: String,
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Query string, as sent.
    pub query: String,
    /// JSON body of a mutating request, or of a query or search.
    pub body: Option<Value>,
    /// Status of the answer; `None` when the connection was dropped without one.
    pub status: Option<u16>,
    /// Whether this kind of request changes things (a query or search does not).
    pub mutating: bool,
    /// Whether it did change things, answered or not.
    pub committed: bool,
    /// The object it created or changed.
    pub object_id: Option<String>,
    /// Keys of `properties` in the body: names or ids, as sent.
    pub properties: Vec<String>,
    /// The kind of fault it met, as `drop_before`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// The entries, oldest first.
#[derive(Debug)]
pub(crate) struct Ledger {
    entries: VecDeque<LedgerEntry>,
    next: u64,
    limit: usize,
}

impl Ledger {
    /// Keeps at most `limit` entries.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            next: 1,
            limit: limit.max(1),
        }
    }

    /// Adds an entry and numbers it.
    pub(crate) fn record(&mut self, mut entry: LedgerEntry) {
        entry.seq = self.next;
        self.next += 1;
        if self.entries.len() == self.limit {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Entries after `since`, only mutating ones when asked.
    pub(crate) fn entries(&self, mutating: bool, since: u64) -> Vec<LedgerEntry> {
        self.entries
            .iter()
            .filter(|entry| entry.seq > since && (!mutating || entry.mutating))
            .cloned()
            .collect()
    }
}
