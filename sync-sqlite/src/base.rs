//! Settled bases, stored short: mostly a base says what both shadows say, so only its layout is
//! kept, and the values are read off the shadows.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use notion_sync_core::link::{Mapping, Sides};
use notion_sync_core::pair::{Base, BaseField};
use notion_sync_core::record::{Lifecycle, Record};
use notion_sync_core::schema::FieldId;
use notion_sync_core::value::Value;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use crate::error::{Result, corrupt};

/// Where each settled value of a base is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layout {
    lifecycle: Lifecycle,
    fields: Vec<Place>,
}

/// Where one settled field is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    name: FieldId,
    lens: u64,
    /// The cell of this field in the left shadow; without one, the value is the right one.
    left: Option<FieldId>,
    /// The same for the right shadow.
    right: Option<FieldId>,
}

impl Layout {
    /// The layout of a base that both shadows show; `None` if a value is found nowhere.
    fn of(base: &Base, shadows: &Sides<&Record>, mapping: &Mapping) -> Option<Self> {
        if !base.is_plain() {
            return None;
        }
        let fields = base
            .fields()
            .iter()
            .map(|settled| {
                let ids = &mapping.field(&settled.name)?.ids;
                let shown = |id: &FieldId, shadow: &Record, value: &Value| {
                    (shadow.cells.complete(id) == Some(value)).then(|| id.clone())
                };
                let left = shown(&ids.left, shadows.left, &settled.values.left);
                let right = shown(&ids.right, shadows.right, &settled.values.right);
                let found = match (&left, &right) {
                    (Some(_), Some(_)) => true,
                    (None, None) => false,
                    _ => settled.values.left == settled.values.right,
                };
                found.then(|| Place {
                    name: settled.name.clone(),
                    lens: settled.lens,
                    left,
                    right,
                })
            })
            .collect::<Option<_>>()?;
        Some(Self {
            lifecycle: base.lifecycle,
            fields,
        })
    }

    /// Whether this layout, read off these shadows, yields this very base.
    fn fits(&self, base: &Base, shadows: &Sides<&Record>) -> bool {
        self.lifecycle == base.lifecycle
            && base.is_plain()
            && self.fields.len() == base.fields().len()
            && self
                .fields
                .iter()
                .zip(base.fields())
                .all(|(place, settled)| {
                    let Sides { left, right } = &settled.values;
                    let shown = |id: &FieldId, shadow: &Record, value: &Value| {
                        shadow.cells.complete(id) == Some(value)
                    };
                    place.lens == settled.lens
                        && place.name == settled.name
                        && match (&place.left, &place.right) {
                            (Some(here), Some(there)) => {
                                shown(here, shadows.left, left)
                                    && shown(there, shadows.right, right)
                            }
                            (Some(here), None) => left == right && shown(here, shadows.left, left),
                            (None, Some(there)) => {
                                left == right && shown(there, shadows.right, right)
                            }
                            (None, None) => false,
                        }
                })
    }

    /// The base, read off the shadows it was laid out over.
    pub(crate) fn read(&self, shadows: &Sides<&Record>) -> Result<Base> {
        let missing = || corrupt(UNREADABLE);
        let cell = |id: &Option<FieldId>, shadow: &Record| match id {
            Some(id) => shadow
                .cells
                .complete(id)
                .cloned()
                .map(Some)
                .ok_or_else(missing),
            None => Ok(None),
        };
        let fields = self
            .fields
            .iter()
            .map(|place| {
                let left = cell(&place.left, shadows.left)?;
                let right = cell(&place.right, shadows.right)?;
                let values = match (left, right) {
                    (Some(left), Some(right)) => Sides::new(left, right),
                    (Some(one), None) | (None, Some(one)) => Sides::new(one.clone(), one),
                    (None, None) => return Err(missing()),
                };
                Ok(BaseField {
                    name: place.name.clone(),
                    values,
                    lens: place.lens,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Base::new(self.lifecycle, fields))
    }
}

/// What was agreed of a record is not there.
pub(crate) const UNREADABLE: &str = "what was last agreed of a record was deleted from a private table; \
     `notion-sync doctor --repair` has it agreed on anew";

/// Layouts by number. Few: one per mapping and set of settled fields.
#[derive(Debug, Default)]
pub(crate) struct Layouts {
    known: BTreeMap<i64, Layout>,
    last: Option<i64>,
}

impl Layouts {
    /// The number of a layout that yields this base; `None` if it has to be kept whole.
    pub(crate) fn lay_out(
        &mut self,
        connection: &Connection,
        base: &Base,
        shadows: &Sides<&Record>,
        mapping: &Mapping,
    ) -> Result<Option<i64>> {
        // Neighbours are nearly always laid out alike.
        let last = self.last.filter(|last| {
            let layout = self.known.get(last);
            layout.is_some_and(|layout| layout.fits(base, shadows))
        });
        if last.is_some() {
            return Ok(last);
        }
        Layout::of(base, shadows, mapping)
            .map(|layout| self.intern(connection, layout))
            .transpose()
    }

    /// The number of a layout; a new one is stored.
    fn intern(&mut self, connection: &Connection, layout: Layout) -> Result<i64> {
        let body = serde_json::to_string(&layout)?;
        let stored = connection
            .prepare_cached("SELECT id FROM _sync_layouts WHERE body = ?1")?
            .query_row([&body], |row| row.get(0))
            .optional()?;
        let id = match stored {
            Some(id) => id,
            None => {
                connection
                    .prepare_cached("INSERT INTO _sync_layouts(body) VALUES (?1)")?
                    .execute([&body])?;
                connection.last_insert_rowid()
            }
        };
        self.known.insert(id, layout);
        self.last = Some(id);
        Ok(id)
    }

    /// The layout with this number.
    pub(crate) fn layout(&mut self, connection: &Connection, id: i64) -> Result<&Layout> {
        match self.known.entry(id) {
            Entry::Occupied(there) => Ok(there.into_mut()),
            Entry::Vacant(free) => {
                let body: String = connection
                    .prepare_cached("SELECT body FROM _sync_layouts WHERE id = ?1")?
                    .query_row([id], |row| row.get(0))
                    .optional()?
                    .ok_or_else(|| corrupt(UNREADABLE))?;
                Ok(free.insert(serde_json::from_str(&body)?))
            }
        }
    }

    /// Forgets what a rolled-back transaction may have stored.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.last = None;
    }
}
