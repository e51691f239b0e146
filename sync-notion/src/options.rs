//! What a Notion peer can be told besides its data source.

use std::time::Duration;

/// Settings of a [`NotionPeer`](crate::NotionPeer). The defaults add nothing to a person's Notion.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotionOptions {
    /// How long a query may miss a change that a direct read already shows. Notion documents no
    /// bound for queries; it widens the overlap of incremental scans and delays lookups after a
    /// lost answer. Default 60 s.
    pub index_lag: Duration,
    /// Name or id of a rich text property that carries the marker of a create. With it a create
    /// whose answer was lost is found again; without it such a create waits for a person.
    pub marker_field: Option<String>,
    /// Rows per request, 1 to 100. Default 100. Pages that time out are halved by themselves.
    pub page_size: u8,
    /// Most requests spent on one page of a scan to read texts whole that Notion cut at 25 mentions.
    /// What is left stays truncated. Default 25.
    pub hydrate_per_page: u32,
}

impl Default for NotionOptions {
    fn default() -> Self {
        Self {
            index_lag: Duration::from_secs(60),
            marker_field: None,
            page_size: 100,
            hydrate_per_page: 25,
        }
    }
}

impl NotionOptions {
    /// Carries markers of creates in this property, named or by id.
    #[must_use]
    pub fn marker_field(mut self, property: impl Into<String>) -> Self {
        self.marker_field = Some(property.into());
        self
    }

    /// Takes queries to lag this much behind writes.
    #[must_use]
    pub fn index_lag(mut self, lag: Duration) -> Self {
        self.index_lag = lag;
        self
    }

    /// Asks for this many rows at once.
    #[must_use]
    pub fn page_size(mut self, rows: u8) -> Self {
        self.page_size = rows.clamp(1, 100);
        self
    }
}
