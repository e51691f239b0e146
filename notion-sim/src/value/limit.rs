//! Sizes a request must keep to (request limits of the API).

use crate::error::{ApiError, ApiResult};

/// Items of a rich text array, and of a multi-select, relation or people value in one request.
pub(crate) const ARRAY_ITEMS: usize = 100;
/// Characters of `text.content`, `text.link.url` and any URL.
pub(crate) const TEXT: usize = 2000;
/// Characters of an equation.
pub(crate) const EQUATION: usize = 1000;
/// Characters of an e-mail address or phone number.
pub(crate) const SHORT: usize = 200;
/// Characters of an option's name.
pub(crate) const OPTION_NAME: usize = 100;
/// Characters of a property's description.
pub(crate) const DESCRIPTION: usize = 280;
/// Properties of one data source.
pub(crate) const PROPERTIES: usize = 500;
/// Attachments of a comment.
pub(crate) const ATTACHMENTS: usize = 3;
/// Bytes of the name of an uploaded file.
pub(crate) const FILE_NAME_BYTES: usize = 900;
/// Parts that a file is sent in.
pub(crate) const FILE_PARTS: u32 = 10_000;
/// Bytes of a file that is sent in one part, and of each part.
pub(crate) const FILE_PART_BYTES: u64 = 20 * 1024 * 1024;
/// Bytes of each part but the last.
pub(crate) const FILE_PART_BYTES_LEAST: u64 = 5 * 1024 * 1024;
/// Bytes of a file in a workspace that pays nothing.
pub(crate) const FREE_FILE_BYTES: u64 = 5 * 1024 * 1024;
/// Bytes of a file in a workspace that pays.
pub(crate) const PAID_FILE_BYTES: u64 = 5 * 1024 * 1024 * 1024;
/// Blocks that one request makes, at all levels.
pub(crate) const BLOCKS: usize = 1000;
/// Bytes of a request body.
pub(crate) const BODY_BYTES: usize = 500 * 1024;

/// Refuses more than `limit`.
pub(crate) fn count(path: &str, limit: usize, length: usize) -> ApiResult<()> {
    if length > limit {
        return Err(ApiError::too_long(path, limit, length));
    }
    Ok(())
}

/// Refuses text of more than `limit` UTF-16 units, which is how the API counts.
pub(crate) fn utf16(path: &str, limit: usize, text: &str) -> ApiResult<()> {
    // A string never has more UTF-16 units than bytes.
    if text.len() <= limit {
        return Ok(());
    }
    count(path, limit, text.encode_utf16().count())
}
