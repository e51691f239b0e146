//! Pairs as rows: their numbers, their keys, their short forms. `stored` holds whole ones, `working_set`
//! those of a commit, `write` brings them back into the file.

mod shadow;
mod stored;
mod working_set;
mod write;

pub(crate) use stored::{FROM, Stored, WHOLE, load, prepare_load, presence_text};
pub(crate) use working_set::WorkingSet;

use std::borrow::Cow;

use notion_sync_core::link::Sides;
use notion_sync_core::pair::{PairDigests, PairHead, PairId};
use notion_sync_core::record::Key;
use notion_sync_core::value::Digest;
use rusqlite::Row;

use crate::ddl::ROOM;
use crate::error::{Result, failed};

/// The number of a pair's (or intent's) row.
pub(crate) fn pk(link: i64, id: u64) -> Result<i64> {
    i64::try_from(id)
        .ok()
        .filter(|id| *id < ROOM)
        .map(|id| link * ROOM + id)
        .ok_or_else(|| failed("an id is out of range; a link holds 2^40 pairs and intents"))
}

/// The id in a row's number.
pub(crate) fn id_of(pk: i64) -> u64 {
    pk.rem_euclid(ROOM).unsigned_abs()
}

/// Rows of a link: above the first, below the second.
pub(crate) fn bounds(link: i64, after: Option<u64>) -> Result<(i64, i64)> {
    let from = match after {
        Some(after) => pk(link, after)?,
        None => link * ROOM - 1,
    };
    Ok((from, (link + 1) * ROOM))
}

/// A key as it is stored: durable keys as they are, so that people can join on them.
pub(crate) fn key_text(key: &Key) -> Cow<'_, str> {
    match key {
        Key::Durable(text) if text.starts_with(['?', '\\']) => format!("\\{text}").into(),
        Key::Durable(text) => (&**text).into(),
        Key::Provisional(text) => format!("?{text}").into(),
    }
}

fn key_from(text: &str) -> Key {
    if let Some(provisional) = text.strip_prefix('?') {
        Key::Provisional(provisional.into())
    } else {
        Key::durable(text.strip_prefix('\\').unwrap_or(text))
    }
}

fn text_or_null<'r>(row: &'r Row<'_>, at: usize) -> rusqlite::Result<Option<&'r str>> {
    Ok(row.get_ref(at)?.as_str_or_null()?)
}

/// Columns of [`head`], in its order.
pub(crate) const HEAD: &str = "p.pk, p.left_key, p.right_key, p.left_digest, p.right_digest,
    p.dirty, p.left_presence LIKE '{\"deleted\"%', p.right_presence LIKE '{\"deleted\"%',
    p.left_rank IS NOT NULL, p.right_rank IS NOT NULL";

/// Reads a head.
pub(crate) fn head(row: &Row<'_>) -> rusqlite::Result<PairHead> {
    let key =
        |at: usize| -> rusqlite::Result<Option<Key>> { Ok(text_or_null(row, at)?.map(key_from)) };
    Ok(PairHead {
        id: PairId(id_of(row.get(0)?)),
        keys: Sides::new(key(1)?, key(2)?),
        seen: Sides::new(digest_at(row, 3)?, digest_at(row, 4)?),
        dirty: row.get(5)?,
        gone: Sides::new(row.get(6)?, row.get(7)?),
        ranked: Sides::new(row.get(8)?, row.get(9)?),
    })
}

/// Columns of [`digests`], in its order.
pub(crate) const DIGESTS: &str = "p.pk, p.left_digest, p.right_digest";

/// Reads a pair in digests only.
pub(crate) fn digests(row: &Row<'_>) -> rusqlite::Result<PairDigests> {
    Ok(PairDigests {
        id: PairId(id_of(row.get(0)?)),
        seen: Sides::new(digest_at(row, 1)?, digest_at(row, 2)?),
    })
}

fn digest_at(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Digest>> {
    Ok(text_or_null(row, at)?.and_then(Digest::parse))
}
