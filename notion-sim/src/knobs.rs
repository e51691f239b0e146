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
    /// Whether locking and unlocking a page count as editing it.
    pub lock_is_edit: bool,
    /// Whether archiving a page, and taking it back, count as editing it.
    pub archive_is_edit: bool,
    /// Whether a comment counts as an edit of the page it is about.
    pub comment_is_edit: bool,
    /// Whether a schema change counts as an edit of every page.
    pub schema_change_is_edit: bool,
    /// Whether making, changing or removing a view counts as an edit of its database.
    pub view_change_is_edit: bool,
    /// Whether `status: null` gives the first option instead of no value.
    pub status_null_is_default: bool,
    /// Whether relations, people and the options of a multi-select stay in the order they were written in.
    /// Else relations and people are read by id, options in the order of the schema.
    pub order_is_kept: bool,
    /// Whether runs of text that differ in nothing but their words become one, in properties.
    pub like_runs_merge: bool,
    /// Whether the seconds of a date are kept; else they are zero.
    pub seconds_are_kept: bool,
    /// Whether a date may end before it starts; else 400.
    pub dates_may_end_early: bool,
    /// Whether one end of a date may be a day and the other a time; else 400.
    pub dates_may_mix: bool,
    /// Whether `place` can be written; else 400.
    pub place_is_writable: bool,
    /// Whether a new page can name the database it goes into, if that has one data source; else 400.
    pub database_is_parent: bool,
    /// The status of the answer to a body of more than 500 KB.
    pub long_body_status: u16,
    /// Whether pages that are equal in every criterion of a query come newest first; else by id.
    pub ties_newest_first: bool,
    /// Seconds in which the cursor of a query, a search or a list of users or values can be used.
    pub cursor_seconds: u32,
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
            lock_is_edit: true,
            archive_is_edit: true,
            comment_is_edit: false,
            schema_change_is_edit: false,
            view_change_is_edit: false,
            status_null_is_default: false,
            order_is_kept: true,
            like_runs_merge: false,
            seconds_are_kept: false,
            dates_may_end_early: true,
            dates_may_mix: true,
            place_is_writable: true,
            database_is_parent: true,
            long_body_status: 400,
            ties_newest_first: true,
            cursor_seconds: 86_400,
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
