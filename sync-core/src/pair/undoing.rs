//! What a lost request of an undo leads to once it arrives: the two sides stay apart, as they were to.

use serde::{Deserialize, Serialize};

use super::{Base, BaseField, Presence, SideState};
use crate::link::{Mapping, Side, Sides};
use crate::record::Lifecycle;
use crate::schema::FieldId;
use crate::value::Value;

/// A command of an undo that was sent, and of which nobody knows whether it arrives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Undoing {
    /// The side that it writes to.
    on: Side,
    /// Whether the other side is held once the record here is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    holds: bool,
    /// Fields whose sides do not agree once it arrived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    apart: Vec<Apart>,
}

/// A field that a command of an undo leaves apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Apart {
    /// What the sides hold once it arrived.
    at: BaseField,
    /// What is settled then.
    settled: Option<BaseField>,
    /// Whether the field is parked then. If not, a person is asked.
    parked: bool,
}

impl Base {
    /// A command that takes these fields of a side back, or its record, was sent, and whether it
    /// arrives is not known. Where the other side was to stay as it is, how they stand now is
    /// remembered: until it arrives the two agree, and are settled so.
    pub fn may_yet_undo<'v>(
        &mut self,
        mapping: &Mapping,
        on: Side,
        trashes: bool,
        fields: impl IntoIterator<Item = (&'v FieldId, Sides<Value>)>,
    ) {
        let from = on.other();
        let apart = fields.into_iter().filter_map(|(name, values)| {
            let field = mapping.field(name)?;
            let parked = self.parked(field) == Some(&values);
            let settled = self.field(field);
            let returns = settled.is_some_and(|settled| settled[from].is_same(&values[from]));
            (parked || !returns).then(|| Apart {
                settled: settled.map(|settled| BaseField::of(field, settled.clone())),
                at: BaseField::of(field, values),
                parked,
            })
        });
        let apart: Vec<_> = apart.collect();
        let holds = trashes && self.held == Some(from);
        if holds || !apart.is_empty() {
            self.undoing = Some(Undoing { on, holds, apart });
        }
    }

    /// What is agreed on once such a command is seen to have arrived, if it is. It writes all of its
    /// fields at once: as long as one of them holds what was settled, another is a person's word.
    pub fn once_undone(&self, mapping: &Mapping, sides: &Sides<SideState>) -> Option<Self> {
        let Undoing { on, holds, apart } = self.undoing.as_ref()?;
        let mut base = self.clone();
        base.undoing = None;
        let there = &sides[*on];
        let trashed = match (&there.presence, &there.shadow) {
            (Presence::Deleted(_), _) => true,
            (Presence::Present, Some(shadow)) => shadow.lifecycle == Lifecycle::Trashed,
            _ => false,
        };
        if *holds {
            if trashed && self.lifecycle != Lifecycle::Trashed {
                base.hold(on.other());
            }
            return trashed.then_some(base);
        }
        let mut arrived = false;
        for Apart {
            at,
            settled,
            parked,
        } in apart
        {
            let field = mapping.field(&at.name);
            let Some(field) = field.filter(|field| field.tag() == at.lens) else {
                continue;
            };
            let shows = |side: Side| {
                let state = &sides[side];
                let shadow = state.shadow.as_ref();
                let shadow = shadow.filter(|_| state.presence == Presence::Present)?;
                shadow.cells.complete(&field.ids[side])
            };
            let (Some(now), Some(other)) = (shows(*on), shows(on.other())) else {
                return None;
            };
            if now.is_same(&at.values[*on]) && other.is_same(&at.values[on.other()]) {
                match settled {
                    Some(settled) => base.put(settled.clone()),
                    None => base.unsettle(&at.name),
                }
                if *parked {
                    base.park(field, at.values.clone());
                }
                arrived = true;
            } else if (self.field(field)).is_some_and(|settled| now.is_same(&settled[*on])) {
                return None;
            }
        }
        arrived.then_some(base)
    }
}
