//! The pairs of one commit, written back once at its end.

use std::collections::BTreeMap;

use notion_sync_core::link::{Mapping, Side};
use notion_sync_core::pair::{Base, PairId, Presence, SideState, Standing};
use rusqlite::{CachedStatement, Connection, OptionalExtension};

use super::stored::{Stored, StoredBase, load, prepare_load};
use super::write::{Writer, base_columns};
use super::{bounds, pk};
use crate::base::Layouts;
use crate::error::Result;

/// The pairs a commit touches.
pub(crate) struct WorkingSet<'a> {
    link: i64,
    connection: &'a Connection,
    layouts: &'a mut Layouts,
    mapping: Option<&'a Mapping>,
    pairs: BTreeMap<PairId, Stored>,
    reading: Option<Reading<'a>>,
}

/// How pairs are read that the set does not hold.
struct Reading<'a> {
    load: CachedStatement<'a>,
    /// The last row of the link: what is numbered later was handed out just now and has none.
    last: i64,
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
            reading: None,
        }
    }

    /// The pair, read from the file or absent.
    pub(crate) fn pair(&mut self, id: PairId) -> Result<&mut Stored> {
        use std::collections::btree_map::Entry;
        match self.pairs.entry(id) {
            Entry::Occupied(there) => Ok(there.into_mut()),
            Entry::Vacant(free) => {
                let reading = match &mut self.reading {
                    Some(reading) => reading,
                    none => none.insert(Reading::new(self.connection, self.link)?),
                };
                let stored = reading.pair(pk(self.link, id.0)?)?;
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
        self.reading = None;
        let mut writer = Writer::new(self.connection, self.link);
        for (id, stored) in &mut self.pairs {
            let pk = pk(self.link, id.0)?;
            if stored.absent {
                if stored.known {
                    writer.delete(pk)?;
                    stored.known = false;
                }
                continue;
            }
            for side in Side::BOTH {
                if std::mem::take(&mut stored.shadow_changed[side]) {
                    writer.shadow(pk, side, &stored.sides[side].shadow, stored.known)?;
                }
            }
            if stored.head_changed {
                let base = base_columns(self.connection, self.layouts, self.mapping, stored)?;
                writer.head(pk, stored, base)?;
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

impl<'a> Reading<'a> {
    fn new(connection: &'a Connection, link: i64) -> Result<Self> {
        let (from, to) = bounds(link, None)?;
        let last = connection
            .prepare_cached(
                "SELECT pk FROM _sync_pairs WHERE pk > ?1 AND pk < ?2 ORDER BY pk DESC LIMIT 1",
            )?
            .query_row([from, to], |row| row.get(0))
            .optional()?;
        Ok(Self {
            load: prepare_load(connection)?,
            last: last.unwrap_or(from),
        })
    }

    fn pair(&mut self, pk: i64) -> Result<Option<Stored>> {
        if pk > self.last {
            return Ok(None);
        }
        load(&mut self.load, pk)
    }
}
