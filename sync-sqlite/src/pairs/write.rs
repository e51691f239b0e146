//! Writes pairs back.

use notion_sync_core::link::{Mapping, Side, Sides};
use rusqlite::{CachedStatement, Connection, params};

use super::key_text;
use super::shadow::Shadow;
use super::stored::{Stored, StoredBase, presence_text};
use crate::base::Layouts;
use crate::error::Result;

/// The statements that write pairs, each looked up once for all pairs of a commit.
pub(super) struct Writer<'a> {
    connection: &'a Connection,
    link: i64,
    insert_shadow: Sides<Option<CachedStatement<'a>>>,
    insert_head: Option<CachedStatement<'a>>,
    update_head: Option<CachedStatement<'a>>,
}

const INSERT_SHADOW: Sides<&str> = Sides {
    left: "INSERT INTO _sync_left(pk, content, version, edited_at) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (pk) DO UPDATE SET content = excluded.content, version = excluded.version,
       edited_at = excluded.edited_at",
    right: "INSERT INTO _sync_right(pk, content, version, edited_at) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (pk) DO UPDATE SET content = excluded.content, version = excluded.version,
       edited_at = excluded.edited_at",
};

const DELETE_SHADOW: Sides<&str> = Sides {
    left: "DELETE FROM _sync_left WHERE pk = ?1",
    right: "DELETE FROM _sync_right WHERE pk = ?1",
};

const INSERT_HEAD: &str = "INSERT INTO _sync_pairs(pk, link, left_key, right_key, left_presence,
       right_presence, left_digest, right_digest, left_live, right_live, dirty, state, reason, base,
       layout, left_rank, right_rank)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";

const UPDATE_HEAD: &str = "UPDATE _sync_pairs SET link = ?2, left_key = ?3, right_key = ?4,
       left_presence = ?5, right_presence = ?6, left_digest = ?7, right_digest = ?8, left_live = ?9,
       right_live = ?10, dirty = ?11, state = ?12, reason = ?13, base = ?14, layout = ?15,
       left_rank = ?16, right_rank = ?17,
       rested_at = CASE WHEN ?9 = 0 AND ?10 = 0 THEN rested_at END
     WHERE pk = ?1";

impl<'a> Writer<'a> {
    pub(super) fn new(connection: &'a Connection, link: i64) -> Self {
        Self {
            connection,
            link,
            insert_shadow: Sides::default(),
            insert_head: None,
            update_head: None,
        }
    }

    /// Writes a shadow, or takes away what a pair that is `known` to the file may have had.
    pub(super) fn shadow(
        &mut self,
        pk: i64,
        side: Side,
        shadow: &Shadow,
        known: bool,
    ) -> Result<()> {
        match shadow.content() {
            Some(content) => {
                let insert = &mut self.insert_shadow[side];
                prepared(self.connection, insert, INSERT_SHADOW[side])?.execute((
                    pk,
                    content,
                    shadow.version(),
                    shadow.edited_at(),
                ))?;
            }
            None if known => {
                self.connection
                    .prepare_cached(DELETE_SHADOW[side])?
                    .execute([pk])?;
            }
            None => {}
        }
        Ok(())
    }

    /// Writes the row of a pair.
    pub(super) fn head(
        &mut self,
        pk: i64,
        stored: &Stored,
        (base, layout): BaseColumns,
    ) -> Result<()> {
        let Sides { left, right } = &stored.sides;
        let (statement, sql) = match stored.known {
            true => (&mut self.update_head, UPDATE_HEAD),
            false => (&mut self.insert_head, INSERT_HEAD),
        };
        let standing = stored.standing.as_ref();
        prepared(self.connection, statement, sql)?.execute(params![
            pk,
            self.link,
            left.key.as_ref().map(key_text),
            right.key.as_ref().map(key_text),
            presence_text(&left.presence)?,
            presence_text(&right.presence)?,
            &left.digest,
            &right.digest,
            left.live,
            right.live,
            stored.dirty,
            standing.map(|standing| standing.state.as_str()),
            standing.map(|standing| standing.reason.as_str()),
            base,
            layout,
            left.shadow.rank(),
            right.shadow.rank(),
        ])?;
        Ok(())
    }

    /// Takes a pair out of the file, shadows included.
    pub(super) fn delete(&self, pk: i64) -> Result<()> {
        let head = "DELETE FROM _sync_pairs WHERE pk = ?1";
        for sql in [head, DELETE_SHADOW.left, DELETE_SHADOW.right] {
            self.connection.prepare_cached(sql)?.execute([pk])?;
        }
        Ok(())
    }
}

fn prepared<'s, 'a>(
    connection: &'a Connection,
    statement: &'s mut Option<CachedStatement<'a>>,
    sql: &str,
) -> Result<&'s mut CachedStatement<'a>> {
    Ok(match statement {
        Some(statement) => statement,
        none => none.insert(connection.prepare_cached(sql)?),
    })
}

/// How a base is stored: as JSON, or as a layout over the shadows.
pub(super) type BaseColumns = (Option<String>, Option<i64>);

/// Finds the shortest way to store a base.
pub(super) fn base_columns(
    connection: &Connection,
    layouts: &mut Layouts,
    mapping: Option<&Mapping>,
    stored: &mut Stored,
) -> Result<BaseColumns> {
    let base = match &stored.base {
        StoredBase::None => return Ok((None, None)),
        StoredBase::Layout(id) => return Ok((None, Some(*id))),
        StoredBase::Json(json) => return Ok((Some(json.clone()), None)),
        StoredBase::Value(base) => base,
    };
    let mut layout = None;
    if let Some(mapping) = mapping {
        let left = stored.sides.left.shadow.record()?;
        let right = stored.sides.right.shadow.record()?;
        if let (Some(left), Some(right)) = (left, right) {
            layout = layouts.lay_out(connection, base, &Sides::new(left, right), mapping)?;
        }
    }
    let Some(id) = layout else {
        return Ok((Some(serde_json::to_string(base)?), None));
    };
    stored.base = StoredBase::Layout(id);
    Ok((None, Some(id)))
}
