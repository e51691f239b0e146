//! Results of recent queries of one data source, so that a walk does not sort again for each page.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

const KEPT: usize = 16;

#[derive(Debug)]
struct Entry {
    key: String,
    version: u64,
    computed: Timestamp,
    /// Whether the passing of time alone can change it.
    fades: bool,
    ids: Arc<[Uuid]>,
}

/// Results by query text.
#[derive(Debug, Default)]
pub(crate) struct ResultCache {
    entries: VecDeque<Entry>,
}

impl ResultCache {
    /// A result for this query that is still right at `now`.
    pub(crate) fn find(&self, key: &str, version: u64, now: Timestamp) -> Option<Arc<[Uuid]>> {
        self.entries
            .iter()
            .find(|entry| {
                entry.version == version
                    && entry.key == key
                    && (!entry.fades || entry.computed == now)
            })
            .map(|entry| Arc::clone(&entry.ids))
    }

    /// Keeps a result; those of older versions go.
    pub(crate) fn keep(
        &mut self,
        key: String,
        version: u64,
        now: Timestamp,
        fades: bool,
        ids: Arc<[Uuid]>,
    ) {
        self.entries
            .retain(|entry| entry.version == version && entry.key != key);
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            key,
            version,
            computed: now,
            fades,
            ids,
        });
    }
}
