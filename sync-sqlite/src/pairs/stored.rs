//! A pair as it is in the file or will be.

use std::borrow::Cow;

use notion_sync_core::link::{Side, Sides};
use notion_sync_core::pair::{Base, PairId, PairState, Presence, RecordState, SideState, Standing};
use notion_sync_core::record::{Key, Lifecycle, Rank, Record, Timestamp, Version};
use notion_sync_core::value::Digest;
use rusqlite::{CachedStatement, Connection, Row};

use super::shadow::Shadow;
use super::{key_from, text_or_null};
use crate::base::{Layouts, UNREADABLE};
use crate::error::{Result, corrupt};

/// Columns of [`Stored::from_row`], in its order.
pub(crate) const WHOLE: &str = "p.pk, p.left_key, p.right_key, p.left_presence, p.right_presence,
    l.content, r.content, p.base, p.layout, p.dirty, p.state, p.reason,
    p.left_digest, p.right_digest, p.left_live, p.right_live, l.version, r.version,
    l.edited_at, r.edited_at, p.left_rank, p.right_rank";

/// A pair's row with its shadows.
pub(crate) const FROM: &str = "_sync_pairs p
    LEFT JOIN _sync_left l ON l.pk = p.pk LEFT JOIN _sync_right r ON r.pk = p.pk";

/// The statement that [`load`] runs.
pub(crate) fn prepare_load(connection: &Connection) -> Result<CachedStatement<'_>> {
    Ok(connection.prepare_cached(&format!("SELECT {WHOLE} FROM {FROM} WHERE p.pk = ?1"))?)
}

/// Reads a pair.
pub(crate) fn load(statement: &mut CachedStatement<'_>, pk: i64) -> Result<Option<Stored>> {
    let mut rows = statement.query([pk])?;
    rows.next()?.map(Stored::from_row).transpose()
}

/// A pair as it is in the file or will be: JSON is read only when somebody looks.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(super) sides: Sides<StoredSide>,
    pub(super) base: StoredBase,
    pub(super) dirty: bool,
    pub(super) standing: Option<Standing>,
    /// Whether the file has a row.
    pub(super) known: bool,
    /// Whether the row of `_sync_pairs` has to be written.
    pub(super) head_changed: bool,
    /// Whether a side's shadow has to be written.
    pub(super) shadow_changed: Sides<bool>,
    /// Never seen, or forgotten: nothing but an observation makes it.
    pub(super) absent: bool,
}

#[derive(Debug, Default)]
pub(super) struct StoredSide {
    pub(super) key: Option<Key>,
    pub(super) presence: Presence,
    pub(super) shadow: Shadow,
    /// Digest of the shadow of a record that is present, as text.
    pub(super) digest: Option<String>,
    pub(super) live: bool,
}

#[derive(Debug)]
pub(super) enum StoredBase {
    None,
    Json(String),
    Layout(i64),
    Value(Base),
}

impl Stored {
    pub(super) fn new() -> Self {
        Self {
            sides: Sides::default(),
            base: StoredBase::None,
            dirty: false,
            standing: None,
            known: false,
            head_changed: true,
            shadow_changed: Sides::default(),
            absent: true,
        }
    }

    /// Reads the columns [`WHOLE`].
    pub(crate) fn from_row(row: &Row<'_>) -> Result<Self> {
        // The right side's columns follow the left side's.
        let side = |offset: usize| -> Result<StoredSide> {
            let key = text_or_null(row, 1 + offset)?.map(key_from);
            let content: Option<String> = row.get(5 + offset)?;
            let shadow = match (&key, content) {
                (_, None) => Shadow::None,
                (Some(key), Some(content)) => Shadow::Stored {
                    key: key.clone(),
                    version: row.get::<_, Option<String>>(16 + offset)?.map(Version),
                    edited_at: row.get::<_, Option<i64>>(18 + offset)?.map(Timestamp),
                    rank: text_or_null(row, 20 + offset)?.map(Rank::new),
                    content,
                },
                (None, Some(_)) => {
                    return Err(corrupt("an observation has lost its key; restore a backup"));
                }
            };
            Ok(StoredSide {
                key,
                presence: presence_from(text_or_null(row, 3 + offset)?.unwrap_or_default())?,
                shadow,
                digest: row.get(12 + offset)?,
                live: row.get(14 + offset)?,
            })
        };
        let base = match (row.get(7)?, row.get(8)?) {
            (Some(json), _) => StoredBase::Json(json),
            (None, Some(layout)) => StoredBase::Layout(layout),
            (None, None) => StoredBase::None,
        };
        let state: Option<String> = row.get(10)?;
        let standing = match state {
            Some(state) => Some(Standing {
                state: state_from(&state)?,
                reason: row.get::<_, Option<String>>(11)?.unwrap_or_default(),
            }),
            None => None,
        };
        Ok(Self {
            sides: Sides::new(side(0)?, side(1)?),
            base,
            dirty: row.get(9)?,
            standing,
            known: true,
            head_changed: false,
            shadow_changed: Sides::default(),
            absent: false,
        })
    }

    /// The settled base.
    pub(crate) fn base(
        &mut self,
        connection: &Connection,
        layouts: &mut Layouts,
    ) -> Result<Option<&Base>> {
        let base = match &self.base {
            StoredBase::Json(json) => Some(serde_json::from_str(json)?),
            StoredBase::Layout(id) => {
                let layout = layouts.layout(connection, *id)?;
                let (left, right) = (
                    self.sides.left.shadow.record()?,
                    self.sides.right.shadow.record()?,
                );
                let (Some(left), Some(right)) = (left, right) else {
                    return Err(corrupt(UNREADABLE));
                };
                Some(layout.read(&Sides::new(left, right))?)
            }
            StoredBase::None | StoredBase::Value(_) => None,
        };
        if let Some(base) = base {
            self.base = StoredBase::Value(base);
        }
        Ok(match &self.base {
            StoredBase::Value(base) => Some(base),
            _ => None,
        })
    }

    /// The last observation of a side.
    pub(crate) fn shadow(&mut self, side: Side) -> Result<Option<&Record>> {
        self.sides[side].shadow.record()
    }

    /// What stands in its way.
    pub(crate) fn standing(&self) -> Option<&Standing> {
        self.standing.as_ref()
    }

    /// The key on a side.
    pub(crate) fn key(&self, side: Side) -> Option<&Key> {
        self.sides[side].key.as_ref()
    }

    /// The whole pair.
    pub(crate) fn into_state(
        mut self,
        id: PairId,
        connection: &Connection,
        layouts: &mut Layouts,
    ) -> Result<PairState> {
        let base = self.base(connection, layouts)?.cloned();
        let side = |side: StoredSide| -> Result<SideState> {
            Ok(SideState {
                key: side.key,
                presence: side.presence,
                shadow: side.shadow.into_record()?,
            })
        };
        Ok(PairState {
            id,
            sides: Sides::new(side(self.sides.left)?, side(self.sides.right)?),
            base,
            dirty: self.dirty,
            standing: self.standing,
        })
    }

    /// A new observation of a side. The base must have been read off the old one before.
    pub(super) fn observe(&mut self, side: Side, state: SideState) -> Result<()> {
        let present = state
            .shadow
            .as_ref()
            .filter(|_| state.presence == Presence::Present);
        let live = present.is_some_and(|record| record.lifecycle == Lifecycle::Live);
        let present = present.is_some();
        let shadow = state.shadow.map_or(Ok(Shadow::None), Shadow::fresh)?;
        let content = shadow.content().filter(|_| present);
        if self.absent {
            // What the file still holds of the forgotten pair goes, shadows included.
            *self = Self {
                known: self.known,
                shadow_changed: Sides::new(self.known, self.known),
                absent: false,
                ..Self::new()
            };
        }
        self.sides[side] = StoredSide {
            digest: content.map(|content| Digest::of(content.as_bytes()).to_text()),
            live,
            key: state.key,
            presence: state.presence,
            shadow,
        };
        self.head_changed = true;
        self.shadow_changed[side] = true;
        Ok(())
    }
}

pub(crate) fn presence_text(presence: &Presence) -> Result<Cow<'static, str>> {
    Ok(match presence {
        Presence::Never => "never".into(),
        Presence::Present => "present".into(),
        other => serde_json::to_string(other)?.into(),
    })
}

fn presence_from(text: &str) -> Result<Presence> {
    Ok(match text {
        "never" => Presence::Never,
        "present" => Presence::Present,
        json => serde_json::from_str(json)?,
    })
}

fn state_from(text: &str) -> Result<RecordState> {
    [
        RecordState::Clean,
        RecordState::Pending,
        RecordState::Conflict,
        RecordState::Parked,
        RecordState::Blocked,
    ]
    .into_iter()
    .find(|state| state.as_str() == text)
    .ok_or_else(|| corrupt(format!("{text:?} is no state of a record")))
}
