//! A link: two peers, how their fields correspond, and what is allowed.

mod authority;
mod by_name;
mod filter;
pub mod lens;
mod neighbour;
mod policy;
mod side;

pub use authority::{Arbiter, Authority, Contest, Direction};
pub use filter::{Filter, Test};
pub use lens::{
    Counterpart, Counterparts, CustomLens, Directory, Lens, LensContext, Names, OptionPairs,
    RenamedOption, Unmappable,
};
pub use neighbour::Neighbour;
pub use policy::{
    Flapping, Leave, MaxChange, MaxDelete, MaxUndecoded, OptionPolicy, Policy, Precheck, Resurrect,
    Retention, SweepPace,
};
pub use side::{Side, Sides};

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::port::PlaceId;
use crate::schema::FieldId;
use crate::value::Digest;

/// Names a link within its store.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinkId(String);

impl LinkId {
    /// A name of the program's choosing.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything that defines a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSpec {
    /// Its name in the store.
    pub id: LinkId,
    /// The two collections.
    pub places: Sides<PlaceId>,
    /// What people call the sides: "Notion", "SQLite".
    pub names: Sides<String>,
    /// Which field is which.
    pub mapping: Mapping,
    /// Which records of each side the link is about; all of them where there is none.
    pub filters: Sides<Option<Filter>>,
    /// What is allowed.
    pub policy: Policy,
}

impl LinkSpec {
    /// Digest of the filters; `None` if there are none.
    pub fn filter_digest(&self) -> Option<Digest> {
        let Sides { left, right } = &self.filters;
        (left.is_some() || right.is_some()).then(|| Digest::of_json(&(left, right)))
    }
}

/// Which field of one side is which of the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Pairs of fields; each field stands in at most one.
    pub fields: Vec<MappedField>,
    /// The text field that carries markers of creates, per side, where the owner allowed one.
    pub markers: Sides<Option<FieldId>>,
    /// Pairs of fields by which a record new on one side is recognised on the other: where all of
    /// them agree and none is empty, the two are one record. Without any, nothing is matched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub match_by: Vec<FieldId>,
    /// The checkbox that pauses a record, per side: while it is ticked nothing of the record flows.
    #[serde(default, skip_serializing_if = "is_none_of_both")]
    pub pause: Sides<Option<FieldId>>,
}

fn is_none_of_both(fields: &Sides<Option<FieldId>>) -> bool {
    fields.left.is_none() && fields.right.is_none()
}

/// A pair of fields and how they agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappedField {
    /// The field on each side. The left one also names the pair of fields.
    pub ids: Sides<FieldId>,
    /// How the two agree and how one is made from the other.
    pub lens: Lens,
    /// Which way its values may flow, within what the link allows.
    #[serde(default, skip_serializing_if = "Direction::is_both")]
    pub direction: Direction,
    /// Which side is right when both changed it.
    #[serde(default, skip_serializing_if = "Authority::is_person")]
    pub authority: Authority,
    /// Two edits of a text are merged where they touch different words, see
    /// [`lens::merge_text`]; where they do not, they are a conflict as ever. For lenses that
    /// [hold texts](Lens::merge_texts).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merge_text: bool,
}

impl MappedField {
    /// A pair of fields that flows both ways; a person decides where both sides changed it.
    pub fn new(ids: Sides<FieldId>, lens: Lens) -> Self {
        Self {
            ids,
            lens,
            direction: Direction::Both,
            authority: Authority::Person,
            merge_text: false,
        }
    }

    /// Digest over all that defines this pair of fields.
    pub fn digest(&self) -> Digest {
        Digest::of_json(self)
    }

    /// The name of this pair of fields inside its link.
    pub fn name(&self) -> &FieldId {
        &self.ids.left
    }

    /// A tag of this pair of fields and their lens: what was settled under another tag, in another
    /// column say, counts as never settled. Written to stores.
    pub fn tag(&self) -> u64 {
        self.tagged(&self.lens)
    }

    /// Whether what was settled under this tag is settled: under the present one, or through a lens
    /// whose agreements are all agreements through the present one.
    pub(crate) fn stands_by(&self, tag: u64) -> bool {
        let narrower = self.lens.narrower();
        tag == self.tag() || narrower.is_some_and(|lens| tag == self.tagged(&lens))
    }

    fn tagged(&self, lens: &Lens) -> u64 {
        // FNV-1a: short, stable, and no security rests on it.
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let [left, right] = [&self.ids.left, &self.ids.right].map(|id| id.as_str().as_bytes());
        let lens = lens.tag().to_le_bytes();
        let mut hash = 0xcbf2_9ce4_8422_2325;
        for part in [left, &[0], right, &lens] {
            hash = part.iter().copied().fold(hash, step);
        }
        hash
    }
}

impl Mapping {
    /// The pair of fields with this name.
    pub fn field(&self, name: &FieldId) -> Option<&MappedField> {
        self.fields.iter().find(|field| field.name() == name)
    }

    /// Gives every lens of the program's own its code, by name and version. A mapping that was read
    /// from a store or a file has none.
    pub fn supply<'a>(&mut self, lenses: impl IntoIterator<Item = &'a Arc<dyn CustomLens>>) {
        for code in lenses {
            for field in &mut self.fields {
                field.lens.supply(code);
            }
        }
    }

    /// Digest over fields and lenses: when it changes, every pair is planned again.
    pub fn digest(&self) -> Digest {
        Digest::of_json(self)
    }
}
