//! Pairs as rows: reading them, and the working set of one commit, written back once at its end.

use std::borrow::Cow;
use std::collections::BTreeMap;

use notion_sync_core::link::{Mapping, Side, Sides};
use notion_sync_core::pair::{
    Base, PairDigests, PairHead, PairId, PairState, Presence, RecordState, SideState, Standing,
};
use notion_sync_core::record::{Key, Lifecycle, Rank, Record, Timestamp, Version};
use notion_sync_core::value::Digest;
use rusqlite::{Connection, Row};

use crate::base::Layouts;
use crate::ddl::ROOM;
use crate::error::{Result, corrupt, failed};
use crate::read::side_text;

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

/// Columns of [`Stored::from_row`], in its order.
pub(crate) const WHOLE: &str = "p.pk, p.left_key, p.right_key, p.left_presence, p.right_presence,
    l.content, r.content, p.base, p.layout, p.dirty, p.state, p.reason,
    p.left_digest, p.right_digest, p.left_live, p.right_live, l.version, r.version,
    l.edited_at, r.edited_at, p.left_rank, p.right_rank";

/// A pair as it is in the file or will be: JSON is read only when somebody looks.
#[derive(Debug)]
pub(crate) struct Stored {
    sides: Sides<StoredSide>,
    base: StoredBase,
    dirty: bool,
    standing: Option<Standing>,
    /// Whether the file has a row.
    known: bool,
    /// Whether the row of `_sync_pairs` has to be written.
    head_changed: bool,
    /// Whether a side's shadow has to be written.
    shadow_changed: Sides<bool>,
    /// Never seen, or forgotten: nothing but an observation makes it.
    absent: bool,
}

#[derive(Debug, Default)]
struct StoredSide {
    key: Option<Key>,
    presence: Presence,
    shadow: Shadow,
    /// Digest of the shadow of a record that is present, as text.
    digest: Option<String>,
    live: bool,
}

/// A record as it was last observed, with its content as it is stored: what a digest is made of.
#[derive(Debug, Default)]
enum Shadow {
    #[default]
    None,
    /// As stored, not read yet.
    Stored {
        key: Key,
        version: Option<Version>,
        edited_at: Option<Timestamp>,
        rank: Option<Rank>,
        content: String,
    },
    /// Read, or observed in this commit.
    Read { record: Record, content: String },
}

#[derive(Debug)]
enum StoredBase {
    None,
    Json(String),
    Layout(i64),
    Value(Base),
}

impl Shadow {
    fn fresh(record: Record) -> Result<Self> {
        let content = serde_json::to_string(&record.content())?;
        Ok(Self::Read { record, content })
    }

    fn record(&mut self) -> Result<Option<&Record>> {
        if let Self::Stored {
            key,
            version,
            edited_at,
            rank,
            content,
        } = self
        {
            let (lifecycle, cells) = serde_json::from_str(content)?;
            *self = Self::Read {
                record: Record {
                    key: key.clone(),
                    lifecycle,
                    version: version.take(),
                    edited_at: *edited_at,
                    rank: rank.take(),
                    cells,
                },
                content: std::mem::take(content),
            };
        }
        Ok(match self {
            Self::Read { record, .. } => Some(record),
            Self::None | Self::Stored { .. } => None,
        })
    }

    fn into_record(mut self) -> Result<Option<Record>> {
        self.record()?;
        Ok(match self {
            Self::Read { record, .. } => Some(record),
            Self::None | Self::Stored { .. } => None,
        })
    }

    fn content(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Stored { content, .. } | Self::Read { content, .. } => Some(content),
        }
    }

    fn edited_at(&self) -> Option<i64> {
        let moment = match self {
            Self::None => None,
            Self::Stored { edited_at, .. } => *edited_at,
            Self::Read { record, .. } => record.edited_at,
        };
        moment.map(|moment| moment.0)
    }

    fn rank(&self) -> Option<&str> {
        let rank = match self {
            Self::None => None,
            Self::Stored { rank, .. } => rank.as_ref(),
            Self::Read { record, .. } => record.rank.as_ref(),
        };
        rank.map(Rank::as_str)
    }

    fn version(&self) -> Option<&str> {
        let version = match self {
            Self::None => None,
            Self::Stored { version, .. } => version.as_ref(),
            Self::Read { record, .. } => record.version.as_ref(),
        };
        version.map(|version| version.0.as_str())
    }
}

impl Stored {
    fn new() -> Self {
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
                    return Err(corrupt("a base has lost its shadows; restore a backup"));
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
    fn observe(&mut self, side: Side, state: SideState) -> Result<()> {
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

/// The pairs a commit touches.
pub(crate) struct WorkingSet<'a> {
    link: i64,
    connection: &'a Connection,
    layouts: &'a mut Layouts,
    mapping: Option<&'a Mapping>,
    pairs: BTreeMap<PairId, Stored>,
}

impl<'a> WorkingSet<'a> {
    pub(crate) fn new(
        link: i64,
        connection: &'a Connection,
        layouts: &'a mut Layouts,
        mapping: Option<&'a Mapping>,
    ) -> Self {
        Self {
            link,
            connection,
            layouts,
            mapping,
            pairs: BTreeMap::new(),
        }
    }

    /// The pair, read from the file or absent.
    pub(crate) fn pair(&mut self, id: PairId) -> Result<&mut Stored> {
        use std::collections::btree_map::Entry;
        match self.pairs.entry(id) {
            Entry::Occupied(there) => Ok(there.into_mut()),
            Entry::Vacant(free) => {
                let stored = load(self.connection, pk(self.link, id.0)?)?;
                Ok(free.insert(stored.unwrap_or_else(Stored::new)))
            }
        }
    }

    /// The base of a pair.
    pub(crate) fn base(&mut self, id: PairId) -> Result<Option<Base>> {
        self.pair(id)?;
        self.materialise(id)
    }

    pub(crate) fn observe(&mut self, id: PairId, side: Side, state: SideState) -> Result<()> {
        let stored = self.pair(id)?;
        if matches!(stored.base, StoredBase::Layout(_)) {
            self.materialise(id)?;
        }
        self.pair(id)?.observe(side, state)
    }

    pub(crate) fn settle(&mut self, id: PairId, base: Base) -> Result<()> {
        let stored = self.pair(id)?;
        if !stored.absent {
            stored.base = StoredBase::Value(base);
            stored.head_changed = true;
        }
        Ok(())
    }

    pub(crate) fn set_dirty(&mut self, id: PairId, dirty: bool) -> Result<()> {
        let stored = self.pair(id)?;
        stored.head_changed |= stored.dirty != dirty;
        stored.dirty = dirty;
        Ok(())
    }

    pub(crate) fn attend(
        &mut self,
        id: PairId,
        dirty: bool,
        standing: Option<Standing>,
    ) -> Result<()> {
        self.set_dirty(id, dirty)?;
        let stored = self.pair(id)?;
        stored.head_changed |= stored.standing != standing;
        stored.standing = standing;
        Ok(())
    }

    pub(crate) fn attend_all(&mut self) -> Result<()> {
        self.flush()?;
        let (from, to) = bounds(self.link, None)?;
        self.connection.execute(
            "UPDATE _sync_pairs SET dirty = 1 WHERE pk > ?1 AND pk < ?2 AND dirty = 0",
            [from, to],
        )?;
        self.pairs.clear();
        Ok(())
    }

    pub(crate) fn join(&mut self, keep: PairId, drop: PairId) -> Result<()> {
        self.materialise(keep)?;
        self.materialise(drop)?;
        let source = self.pair(drop)?;
        if source.absent {
            return Ok(());
        }
        let mut sides = std::mem::take(&mut source.sides);
        self.forget(drop)?;
        let target = self.pair(keep)?;
        if target.absent {
            return Ok(());
        }
        for side in Side::BOTH {
            let lacks = target.sides[side].key.is_none();
            let gone = matches!(target.sides[side].presence, Presence::Deleted(_));
            if lacks || gone && sides[side].key.is_some() {
                target.sides[side] = std::mem::take(&mut sides[side]);
                target.shadow_changed[side] = true;
            }
        }
        target.dirty = true;
        target.head_changed = true;
        Ok(())
    }

    pub(crate) fn forget(&mut self, id: PairId) -> Result<()> {
        self.pair(id)?.absent = true;
        for table in ["_sync_conflicts", "_sync_waits"] {
            self.connection
                .prepare_cached(&format!("DELETE FROM {table} WHERE pk = ?1"))?
                .execute([pk(self.link, id.0)?])?;
        }
        Ok(())
    }

    /// Whether the pair is there.
    pub(crate) fn holds(&mut self, id: PairId) -> Result<bool> {
        Ok(!self.pair(id)?.absent)
    }

    /// The pairs touched so far.
    pub(crate) fn touched(&self) -> Vec<PairId> {
        self.pairs
            .iter()
            .filter(|(_, stored)| !stored.absent)
            .map(|(id, _)| *id)
            .collect()
    }

    /// Lets go of all pairs. Only after they were written back.
    pub(crate) fn clear(&mut self) {
        self.pairs.clear();
    }

    /// Writes back what changed.
    pub(crate) fn flush(&mut self) -> Result<()> {
        for (id, stored) in &mut self.pairs {
            let pk = pk(self.link, id.0)?;
            if stored.absent {
                if stored.known {
                    for table in ["_sync_pairs", "_sync_left", "_sync_right"] {
                        self.connection
                            .prepare_cached(&format!("DELETE FROM {table} WHERE pk = ?1"))?
                            .execute([pk])?;
                    }
                    stored.known = false;
                }
                continue;
            }
            for side in Side::BOTH {
                if std::mem::take(&mut stored.shadow_changed[side]) {
                    write_shadow(self.connection, pk, side, &stored.sides[side].shadow)?;
                }
            }
            if stored.head_changed {
                let base = write_base(self.connection, self.layouts, self.mapping, stored)?;
                write_head(self.connection, self.link, pk, stored, base)?;
            }
            stored.known = true;
            stored.head_changed = false;
        }
        Ok(())
    }

    /// Copies a base off the shadows before one of them changes.
    fn materialise(&mut self, id: PairId) -> Result<Option<Base>> {
        self.pair(id)?;
        let Some(stored) = self.pairs.get_mut(&id) else {
            return Ok(None);
        };
        Ok(stored.base(self.connection, self.layouts)?.cloned())
    }
}

/// A pair's row with its shadows.
pub(crate) const FROM: &str = "_sync_pairs p
    LEFT JOIN _sync_left l ON l.pk = p.pk LEFT JOIN _sync_right r ON r.pk = p.pk";

/// Reads a pair.
pub(crate) fn load(connection: &Connection, pk: i64) -> Result<Option<Stored>> {
    let sql = format!("SELECT {WHOLE} FROM {FROM} WHERE p.pk = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([pk])?;
    rows.next()?.map(Stored::from_row).transpose()
}

fn write_shadow(connection: &Connection, pk: i64, side: Side, shadow: &Shadow) -> Result<()> {
    let side = side_text(side);
    let Some(content) = shadow.content() else {
        connection
            .prepare_cached(&format!("DELETE FROM _sync_{side} WHERE pk = ?1"))?
            .execute([pk])?;
        return Ok(());
    };
    connection
        .prepare_cached(&format!(
            "INSERT INTO _sync_{side}(pk, content, version, edited_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (pk) DO UPDATE SET content = excluded.content, version = excluded.version,
               edited_at = excluded.edited_at"
        ))?
        .execute((pk, content, shadow.version(), shadow.edited_at()))?;
    Ok(())
}

/// How a base is stored: as JSON, or as a layout over the shadows.
type BaseColumns = (Option<String>, Option<i64>);

fn write_base(
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

fn write_head(
    connection: &Connection,
    link: i64,
    pk: i64,
    stored: &Stored,
    (base, layout): BaseColumns,
) -> Result<()> {
    let Sides { left, right } = &stored.sides;
    let sql = if stored.known {
        "UPDATE _sync_pairs SET link = ?2, left_key = ?3, right_key = ?4, left_presence = ?5,
           right_presence = ?6, left_digest = ?7, right_digest = ?8, left_live = ?9,
           right_live = ?10, dirty = ?11, state = ?12, reason = ?13, base = ?14, layout = ?15,
           left_rank = ?16, right_rank = ?17,
           rested_at = CASE WHEN ?9 = 0 AND ?10 = 0 THEN rested_at END
         WHERE pk = ?1"
    } else {
        "INSERT INTO _sync_pairs(pk, link, left_key, right_key, left_presence, right_presence,
           left_digest, right_digest, left_live, right_live, dirty, state, reason, base, layout,
           left_rank, right_rank)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
    };
    let standing = stored.standing.as_ref();
    connection.prepare_cached(sql)?.execute(rusqlite::params![
        pk,
        link,
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

fn presence_text(presence: &Presence) -> Result<Cow<'static, str>> {
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
