//! Switches for what the documentation of the API leaves open.

use serde::{Deserialize, Serialize};

/// Answers to open questions. The defaults are the more likely ones; a client must not rely on
/// either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Knobs {
    /// Whether the other side of a two-way relation counts as edited.
    pub mirror_is_edit: bool,
    /// Whether writing the value that is already there counts as an edit.
    pub same_value_is_edit: bool,
    /// Whether moving a page counts as editing it.
    pub move_is_edit: bool,
    /// Whether a schema change counts as an edit of every page.
    pub schema_change_is_edit: bool,
    /// Whether making, changing or removing a view counts as an edit of its database.
    pub view_change_is_edit: bool,
    /// Whether `status: null` gives the first option instead of no value.
    pub status_null_is_default: bool,
    /// Whether a search that does not ask about the trash shows the data sources in it, as it did before
    /// July 2026.
    pub search_shows_trashed_sources: bool,
    /// Whether page reads say `has_more` next to a relation.
    pub relation_has_more: bool,
    /// Whether a file upload that is in use can be put into another place as well.
    pub uploads_are_reusable: bool,
    /// Whether the name of an uploaded file stays as it is, blanks and all; else they become underscores.
    pub file_names_are_kept: bool,
    /// Whether queries and searches show the templates of a data source.
    pub templates_in_queries: bool,
    /// Seconds until an async task is done.
    pub async_task_seconds: u32,
    /// Seconds in which changes of one object become one webhook event.
    pub webhook_window_seconds: u32,
    /// Whether numbers are kept as 64-bit floats. Not by default, unlikely as that is: a digit that a
    /// program loses on the way shows.
    pub rounds_numbers: bool,
    /// How many blocks a page's Markdown shows; about 20,000 by the documentation.
    pub markdown_blocks: usize,
    /// Whether `update_content` skips a replacement whose text is nowhere, as long as another one's is found:
    /// measured twice, against the documentation, which has it refused.
    pub markdown_skips_missing: bool,
    /// Whether blocks that Markdown cannot say survive a `replace_content` that names them by `<unknown>`.
    pub markdown_keeps_unknown: bool,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            mirror_is_edit: false,
            same_value_is_edit: true,
            move_is_edit: true,
            schema_change_is_edit: false,
            view_change_is_edit: false,
            status_null_is_default: false,
            search_shows_trashed_sources: false,
            relation_has_more: true,
            uploads_are_reusable: true,
            file_names_are_kept: true,
            templates_in_queries: false,
            async_task_seconds: 2,
            webhook_window_seconds: 10,
            rounds_numbers: false,
            markdown_blocks: 20_000,
            markdown_skips_missing: true,
            markdown_keeps_unknown: false,
        }
    }
}
