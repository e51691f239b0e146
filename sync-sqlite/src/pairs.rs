//! Pairs as rows: reading them, and the working set of one commit, written back once at its end.

use std::borrow::Cow;
use std::collections::BTreeMap;

use notion_sync_core::link::{Mapping, Side, Sides};
use notion_sync_core::pair::{
    Base, PairHead, PairId, PairState, Presence, RecordState, SideState, Standing,
};
use notion_sync_core::record::{Key, Lifecycle, Record};
use notion_sync_core::value::Digest;
use rusqlite::{Connection, Row};

use crate::base::Layouts;
use crate::ddl::ROOM;
use crate::error::{Result, corrupt, failed};

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
pub(crate) fn key_text(key: &Key) -> String {
    match key {
        Key::Durable(text) if text.starts_with(['?', '\\']) => format!("\\{text}"),
        Key::Durable(text) => text.to_string(),
        Key::Provisional(text) => format!("?{text}"),
    }
}

fn key_from(text: &str) -> Key {
    if let Some(provisional) = text.strip_prefix('?') {
        Key::Provisional(provisional.into())
    } else {
        Key::durable(text.strip_prefix('\\').unwrap_or(text))
    }
}

/// Columns of [`head`], in its order.
pub(crate) const HEAD: &str = "p.pk, p.left_key, p.right_key, p.left_digest, p.right_digest";

/// Reads a head.
pub(crate) fn head(row: &Row<'_>) -> rusqlite::Result<PairHead> {
    let key = |at: usize| -> rusqlite::Result<Option<Key>> {
        Ok(row.get_ref(at)?.as_str_or_null()?.map(key_from))
    };
    let digest = |at: usize| -> rusqlite::Result<Option<Digest>> {
        Ok(row.get_ref(at)?.as_str_or_null()?.and_then(Digest::parse))
    };
    Ok(PairHead {
        id: PairId(id_of(row.get(0)?)),
        keys: Sides::new(key(1)?, key(2)?),
        seen: Sides::new(digest(3)?, digest(4)?),
    })
}

/// Columns of [`Stored::from_row`], in its order.
pub(crate) const WHOLE: &str = "p.pk, p.left_key, p.right_key, p.left_presence, p.right_presence,
    b.left_shadow, b.right_shadow, b.base, b.layout, p.dirty, p.state, p.reason,
    p.left_digest, p.right_digest, p.left_live, p.right_live";

/// A pair as it is in the file or will be: JSON is read only when somebody looks.
#[derive(Debug)]
pub(crate) struct Stored {
    sides: Sides<StoredSide>,
    base: StoredBase,
    dirty: bool,
    standing: Option<Standing>,
    /// Whether the file has a row.
    known: bool,
    head_changed: bool,
    body_changed: bool,
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

#[derive(Debug, Default)]
enum Shadow {
    #[default]
    None,
    /// As stored, and read once somebody looked.
    Stored(String, Option<Record>),
    /// Observed in this commit.
    Fresh(Record),
}

#[derive(Debug)]
enum StoredBase {
    None,
    Json(String),
    Layout(i64),
    Value(Base),
}

impl Shadow {
    fn record(&mut self) -> Result<Option<&Record>> {
        Ok(match self {
            Self::None => None,
            Self::Fresh(record) => Some(record),
            Self::Stored(_, Some(record)) => Some(record),
            Self::Stored(json, unread) => Some(unread.insert(serde_json::from_str(json)?)),
        })
    }

    fn into_record(mut self) -> Result<Option<Record>> {
        self.record()?;
        Ok(match self {
            Self::Fresh(record) | Self::Stored(_, Some(record)) => Some(record),
            Self::None | Self::Stored(_, None) => None,
        })
    }

    fn json(&self) -> Result<Option<Cow<'_, str>>> {
        Ok(match self {
            Self::None => None,
            Self::Stored(json, _) => Some(json.as_str().into()),
            Self::Fresh(record) => Some(serde_json::to_string(record)?.into()),
        })
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
            body_changed: true,
            absent: true,
        }
    }

    /// Reads the columns [`WHOLE`].
    pub(crate) fn from_row(row: &Row<'_>) -> Result<Self> {
        // The right side's columns follow the left side's.
        let side = |offset: usize| -> Result<StoredSide> {
            Ok(StoredSide {
                key: row
                    .get::<_, Option<String>>(1 + offset)?
                    .map(|text| key_from(&text)),
                presence: presence_from(&row.get::<_, String>(3 + offset)?)?,
                shadow: row
                    .get::<_, Option<String>>(5 + offset)?
                    .map_or(Shadow::None, |json| Shadow::Stored(json, None)),
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
            body_changed: false,
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
    fn observe(&mut self, side: Side, state: SideState) {
        let present = state
            .shadow
            .as_ref()
            .filter(|_| state.presence == Presence::Present);
        if self.absent {
            *self = Self {
                known: self.known,
                absent: false,
                ..Self::new()
            };
        }
        self.sides[side] = StoredSide {
            digest: present.map(|record| record.digest().to_text()),
            live: present.is_some_and(|record| record.lifecycle == Lifecycle::Live),
            key: state.key,
            presence: state.presence,
            shadow: state.shadow.map_or(Shadow::None, Shadow::Fresh),
        };
        self.head_changed = true;
        self.body_changed = true;
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
        self.pair(id)?.observe(side, state);
        Ok(())
    }

    pub(crate) fn settle(&mut self, id: PairId, base: Base) -> Result<()> {
        let stored = self.pair(id)?;
        if !stored.absent {
            stored.base = StoredBase::Value(base);
            stored.body_changed = true;
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
            if target.sides[side].key.is_none() {
                target.sides[side] = std::mem::take(&mut sides[side]);
            }
        }
        target.dirty = true;
        target.head_changed = true;
        target.body_changed = true;
        Ok(())
    }

    pub(crate) fn forget(&mut self, id: PairId) -> Result<()> {
        self.pair(id)?.absent = true;
        self.connection
            .prepare_cached("DELETE FROM _sync_conflicts WHERE pk = ?1")?
            .execute([pk(self.link, id.0)?])?;
        Ok(())
    }

    /// The pairs touched so far.
    pub(crate) fn touched(&self) -> Vec<PairId> {
        self.pairs
            .iter()
            .filter(|(_, stored)| !stored.absent)
            .map(|(id, _)| *id)
            .collect()
    }

    /// Writes back what changed.
    pub(crate) fn flush(&mut self) -> Result<()> {
        for (id, stored) in &mut self.pairs {
            let pk = pk(self.link, id.0)?;
            if stored.absent {
                if stored.known {
                    self.connection
                        .prepare_cached("DELETE FROM _sync_pairs WHERE pk = ?1")?
                        .execute([pk])?;
                    self.connection
                        .prepare_cached("DELETE FROM _sync_bodies WHERE pk = ?1")?
                        .execute([pk])?;
                    stored.known = false;
                }
                continue;
            }
            if stored.body_changed || !stored.known {
                write_body(self.connection, self.layouts, self.mapping, pk, stored)?;
            }
            if stored.head_changed || !stored.known {
                write_head(self.connection, self.link, pk, stored)?;
            }
            stored.known = true;
            stored.head_changed = false;
            stored.body_changed = false;
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

/// Reads a pair.
pub(crate) fn load(connection: &Connection, pk: i64) -> Result<Option<Stored>> {
    let sql = format!(
        "SELECT {WHOLE} FROM _sync_pairs p JOIN _sync_bodies b ON b.pk = p.pk WHERE p.pk = ?1"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([pk])?;
    rows.next()?.map(Stored::from_row).transpose()
}

fn write_body(
    connection: &Connection,
    layouts: &mut Layouts,
    mapping: Option<&Mapping>,
    pk: i64,
    stored: &mut Stored,
) -> Result<()> {
    let mut layout = None;
    if let (StoredBase::Value(base), Some(mapping)) = (&stored.base, mapping) {
        let left = stored.sides.left.shadow.record()?;
        let right = stored.sides.right.shadow.record()?;
        if let (Some(left), Some(right)) = (left, right) {
            layout = layouts.lay_out(connection, base, &Sides::new(left, right), mapping)?;
        }
    }
    let (base, layout) = match (&stored.base, layout) {
        (StoredBase::None, _) => (None, None),
        (StoredBase::Layout(id), _) => (None, Some(*id)),
        (_, Some(id)) => (None, Some(id)),
        (StoredBase::Json(json), None) => (Some(json.clone()), None),
        (StoredBase::Value(base), None) => (Some(serde_json::to_string(base)?), None),
    };
    if let Some(id) = layout {
        stored.base = StoredBase::Layout(id);
    }
    let sql = if stored.known {
        "UPDATE _sync_bodies SET left_shadow = ?2, right_shadow = ?3, base = ?4, layout = ?5 WHERE pk = ?1"
    } else {
        "INSERT INTO _sync_bodies(pk, left_shadow, right_shadow, base, layout) VALUES (?1, ?2, ?3, ?4, ?5)"
    };
    connection.prepare_cached(sql)?.execute((
        pk,
        stored.sides.left.shadow.json()?,
        stored.sides.right.shadow.json()?,
        base,
        layout,
    ))?;
    Ok(())
}

fn write_head(connection: &Connection, link: i64, pk: i64, stored: &Stored) -> Result<()> {
    let Sides { left, right } = &stored.sides;
    let sql = if stored.known {
        "UPDATE _sync_pairs SET link = ?2, left_key = ?3, right_key = ?4, left_presence = ?5,
           right_presence = ?6, left_digest = ?7, right_digest = ?8, left_live = ?9,
           right_live = ?10, dirty = ?11, state = ?12, reason = ?13 WHERE pk = ?1"
    } else {
        "INSERT INTO _sync_pairs(pk, link, left_key, right_key, left_presence, right_presence,
           left_digest, right_digest, left_live, right_live, dirty, state, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
    };
    connection.prepare_cached(sql)?.execute((
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
        stored
            .standing
            .as_ref()
            .map(|standing| standing.state.as_str()),
        stored
            .standing
            .as_ref()
            .map(|standing| standing.reason.as_str()),
    ))?;
    Ok(())
}

fn presence_text(presence: &Presence) -> Result<String> {
    Ok(match presence {
        Presence::Never => "never".to_owned(),
        Presence::Present => "present".to_owned(),
        other => serde_json::to_string(other)?,
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
