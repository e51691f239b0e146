//! Pairs: one logical record on both sides, with what was last observed and last settled.

mod swings;
mod undoing;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::swings::Swings;
use self::undoing::Undoing;
use crate::link::{MappedField, Mapping, Side, Sides};
use crate::port::{PlaceId, Proof};
use crate::record::{Key, Lifecycle, Record, Timestamp};
use crate::schema::FieldId;
use crate::value::{Digest, Value};

/// Names a pair within its link. Handed out once, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PairId(pub u64);

/// Everything remembered about a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairState {
    /// Its name.
    pub id: PairId,
    /// The two sides.
    pub sides: Sides<SideState>,
    /// What was last settled; `None` before the first settlement.
    pub base: Option<Base>,
    /// Whether the planner has to look at it.
    pub dirty: bool,
    /// Why it is not clean, if it is not.
    pub standing: Option<Standing>,
}

/// One side of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideState {
    /// The record's key there; `None` if it never had one.
    pub key: Option<Key>,
    /// What is known of its existence.
    pub presence: Presence,
    /// The shadow: the last observation.
    pub shadow: Option<Record>,
}

impl SideState {
    /// Whether another record takes this one's place when two pairs are joined: nothing is here, or
    /// what was here is gone for good.
    pub fn gives_way_to(&self, other: &Self) -> bool {
        let gone = matches!(self.presence, Presence::Deleted(_));
        self.key.is_none() || gone && other.key.is_some()
    }

    /// What the record here holds in a field, where it is shown and all of the value is.
    pub(crate) fn value(&self, field: &FieldId) -> Option<&Value> {
        let there = self.presence == Presence::Present;
        let shadow = self.shadow.as_ref().filter(|_| there)?;
        shadow.cells.complete(field)
    }

    /// The side as a record just seen shows it.
    pub fn seen(record: Record) -> Self {
        Self {
            key: Some(record.key.clone()),
            presence: Presence::Present,
            shadow: Some(record),
        }
    }
}

/// What is known of a record's existence on a side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It never was there.
    #[default]
    Never,
    /// It was seen there, alive or in the trash.
    Present,
    /// It is gone, and this proves it.
    Deleted(Proof),
    /// A complete scan did not return it and nothing proves why.
    Gone,
    /// It lives in another collection.
    Moved(PlaceId),
    /// The peer refused to show it.
    Denied,
    /// A scan returned it and could not read it: what it holds now is not known, and nothing is
    /// written there, until it is read directly.
    Unread,
}

/// What both sides were when they last agreed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Alive or trashed.
    pub lifecycle: Lifecycle,
    /// Sorted by name, so that equal contents are equal bytes. Copies share them.
    fields: Arc<Vec<BaseField>>,
    /// Sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parked: Vec<BaseField>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held: Option<Side>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cleared: Option<Cleared>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    emptying: Option<Cleared>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undoing: Option<Undoing>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    lost: bool,
    #[serde(default, skip_serializing_if = "Swings::is_empty")]
    swings: Swings,
}

/// What was emptied because the record left the link's filter on the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cleared {
    /// The side that was emptied.
    on: Side,
    /// Pairs of fields, by name, and what stands there since: empty, as the field spells it.
    fields: Vec<(FieldId, Value)>,
}

/// The settled cells of one pair of fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseField {
    /// The left field, which names the pair of fields.
    pub name: FieldId,
    /// The values that agreed.
    pub values: Sides<Value>,
    /// Tag of the pair of fields and the lens they agreed through.
    pub lens: u64,
}

impl Base {
    /// A base of these fields; a later field of the same name replaces an earlier one.
    pub fn new(lifecycle: Lifecycle, fields: impl IntoIterator<Item = BaseField>) -> Self {
        let mut base = Self {
            lifecycle,
            ..Self::default()
        };
        for field in fields {
            base.put(field);
        }
        base
    }

    /// What stood here is not believed any more, by a person's word: the two sides are met as if for
    /// the first time, but nothing is deleted and nothing written over.
    pub fn lost() -> Self {
        Self {
            lost: true,
            ..Self::default()
        }
    }

    /// Whether what was last agreed is lost, and not all of it was agreed on anew.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Notes that a field was written to a side, what stood there and what stands there now, so that
    /// writes back and forth are noticed; what is older than `within` is forgotten.
    pub fn note_write(
        &mut self,
        field: &MappedField,
        to: Side,
        values: [&Value; 2],
        now: Timestamp,
        within: Duration,
    ) {
        self.swings.note(field.name(), to, values, now, within);
    }

    /// How often a field was written back and forth within that time, if this write would go on
    /// with it; zero if it would not.
    pub fn swings(
        &self,
        field: &MappedField,
        to: Side,
        values: [&Value; 2],
        now: Timestamp,
        within: Duration,
    ) -> u32 {
        self.swings.writes(field.name(), to, values, now, within)
    }

    /// Everything is agreed on again.
    pub fn find(&mut self) {
        self.lost = false;
    }

    /// Settled fields in order of their names; a mapped field that is not here has no base.
    pub fn fields(&self) -> &[BaseField] {
        &self.fields
    }

    /// The settled values of a mapped field, if they agree through the lens it has now: settled through
    /// that one, or through one that was stricter.
    pub fn field(&self, field: &MappedField) -> Option<&Sides<Value>> {
        let at = self.position(field.name()).ok()?;
        let settled = &self.fields[at];
        field.stands_by(settled.lens).then_some(&settled.values)
    }

    /// Settles one field. What settles is no longer parked, nor is it emptied.
    pub fn settle(&mut self, field: &MappedField, values: Sides<Value>) {
        self.parked.retain(|parked| parked.name != *field.name());
        self.unclear(field.name());
        self.put(BaseField::of(field, values));
    }

    /// Forgets what was settled of a field, as if its sides had never agreed.
    pub fn unsettle(&mut self, field: &FieldId) {
        if let Ok(at) = self.position(field) {
            Arc::make_mut(&mut self.fields).remove(at);
        }
    }

    /// One side of a field was emptied, because the record left the filter on the other. The two
    /// are not agreed on any more; what stands there counts as nothing, so that it is filled in
    /// when the record passes again and never taken for an edit.
    pub fn clear(&mut self, on: Side, field: &MappedField, empty: Value) {
        self.unsettle(field.name());
        self.parked.retain(|parked| parked.name != *field.name());
        let cleared = self.cleared.get_or_insert_with(|| Cleared {
            on,
            fields: Vec::new(),
        });
        cleared.on = on;
        cleared.fields.retain(|(name, _)| name != field.name());
        cleared.fields.push((field.name().clone(), empty));
        cleared.fields.sort_by(|a, b| a.0.cmp(&b.0));
    }

    /// What stands in a field of this side since it was emptied.
    pub fn cleared(&self, side: Side, field: &MappedField) -> Option<&Value> {
        let cleared = self.cleared.as_ref().filter(|cleared| cleared.on == side)?;
        let mut fields = cleared.fields.iter();
        let found = fields.find(|(name, _)| name == field.name());
        found.map(|(_, empty)| empty)
    }

    /// The side that was emptied, as long as a field of it is.
    pub fn cleared_on(&self) -> Option<Side> {
        self.cleared.as_ref().map(|cleared| cleared.on)
    }

    /// A command that empties these fields of a side was sent, and whether it arrives is not known.
    pub fn may_yet_empty(&mut self, on: Side, fields: impl IntoIterator<Item = (FieldId, Value)>) {
        let fields = fields.into_iter().collect();
        self.emptying = Some(Cleared { on, fields });
    }

    /// What is agreed on once such a command is seen to have arrived, if it is. It empties all of its
    /// fields at once: as long as one of them holds what was settled, an empty one is a person's word.
    pub fn once_emptied(&self, mapping: &Mapping, sides: &Sides<SideState>) -> Option<Self> {
        let Cleared { on, fields } = self.emptying.as_ref()?;
        let there = sides[*on].presence == Presence::Present;
        let record = sides[*on].shadow.as_ref().filter(|_| there)?;
        let mut base = self.clone();
        base.emptying = None;
        let mut arrived = false;
        for (name, empty) in fields {
            let Some(field) = mapping.field(name) else {
                continue;
            };
            let Some(settled) = self.field(field).map(|settled| &settled[*on]) else {
                continue;
            };
            if settled.is_same(empty) {
                continue;
            }
            match record.cells.complete(&field.ids[*on]) {
                Some(now) if now.is_same(settled) => return None,
                now => {
                    // Also where somebody wrote since, or what is there is not shown: nothing is
                    // agreed on there any more.
                    base.clear(*on, field, empty.clone());
                    arrived |= now.is_some_and(|now| now.is_same(empty));
                }
            }
        }
        arrived.then_some(base)
    }

    fn unclear(&mut self, field: &FieldId) {
        if let Some(cleared) = &mut self.cleared {
            cleared.fields.retain(|(name, _)| name != field);
        }
        self.cleared = self
            .cleared
            .take()
            .filter(|cleared| !cleared.fields.is_empty());
    }

    /// Leaves a field alone as long as the sides hold these values, which do not agree. What was
    /// settled stays: a later edit is compared with that.
    pub fn park(&mut self, field: &MappedField, values: Sides<Value>) {
        self.parked.retain(|parked| parked.name != *field.name());
        self.parked.push(BaseField::of(field, values));
        self.parked.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// The values a field is parked at, if it was parked through the lens it has now.
    pub fn parked(&self, field: &MappedField) -> Option<&Sides<Value>> {
        let parked = self.parked.iter().find(|at| at.name == *field.name())?;
        (parked.lens == field.tag()).then_some(&parked.values)
    }

    /// Settles where the pair's life stands. A side that was held is not, once that moves.
    pub fn settle_lifecycle(&mut self, lifecycle: Lifecycle) {
        if self.lifecycle != lifecycle {
            self.held = None;
        }
        self.lifecycle = lifecycle;
    }

    /// The pair rests in the trash, and this side keeps its record alive all the same, until
    /// somebody edits it.
    pub fn hold(&mut self, side: Side) {
        self.lifecycle = Lifecycle::Trashed;
        self.held = Some(side);
    }

    /// The side whose record stays alive while the pair rests in the trash.
    pub fn held(&self) -> Option<Side> {
        self.held
    }

    /// Whether lifecycle and settled fields are all there is: nothing parked, held, emptied,
    /// perhaps emptied or taken back, or lost.
    pub fn is_plain(&self) -> bool {
        self.parked.is_empty()
            && self.held.is_none()
            && self.cleared.is_none()
            && self.emptying.is_none()
            && self.undoing.is_none()
            && !self.lost
    }

    fn put(&mut self, field: BaseField) {
        if self.fields.last().is_none_or(|last| last.name < field.name) {
            return Arc::make_mut(&mut self.fields).push(field);
        }
        let at = self.position(&field.name);
        let fields = Arc::make_mut(&mut self.fields);
        match at {
            Ok(at) => fields[at] = field,
            Err(at) => fields.insert(at, field),
        }
    }

    fn position(&self, name: &FieldId) -> Result<usize, usize> {
        // As for cells: of few fields the one is found faster than ordered.
        let mut few = self.fields.iter().take(8);
        let few = few.position(|field| field.name == *name);
        few.map_or_else(
            || self.fields.binary_search_by(|field| field.name.cmp(name)),
            Ok,
        )
    }
}

impl BaseField {
    fn of(field: &MappedField, values: Sides<Value>) -> Self {
        Self {
            name: field.name().clone(),
            values,
            lens: field.tag(),
        }
    }
}

/// The short form of a pair, enough to notice a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairHead {
    /// Its name.
    pub id: PairId,
    /// The keys on both sides.
    pub keys: Sides<Option<Key>>,
    /// Digests of the shadows; `None` where there is none or the record is not present.
    pub seen: Sides<Option<Digest>>,
    /// Whether the record is proved gone for good.
    pub gone: Sides<bool>,
    /// Whether the planner has to look at it.
    pub dirty: bool,
    /// Whether the ranks of the shadows are known.
    pub ranked: Sides<bool>,
}

/// What is remembered of a pair, in digests only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairDigests {
    /// Its name.
    pub id: PairId,
    /// Digests of the shadows; `None` where there is none or the record is not present.
    pub seen: Sides<Option<Digest>>,
}

/// Why a record is not clean, as people are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// In one word.
    pub state: RecordState,
    /// In a sentence.
    pub reason: String,
}

/// The states people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordState {
    /// Both sides agree.
    Clean,
    /// An edit is waiting to go out.
    Pending,
    /// Both sides changed the same field.
    Conflict,
    /// A field cannot be brought to agreement.
    Parked,
    /// Something has to happen first.
    Blocked,
}

impl RecordState {
    /// The word shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Pending => "pending",
            Self::Conflict => "conflict",
            Self::Parked => "parked",
            Self::Blocked => "blocked",
        }
    }
}
