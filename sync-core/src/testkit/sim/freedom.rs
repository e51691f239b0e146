//! Freedoms: what a history allows beside the common deeds, drawn from its seed. Each is rare, so
//! that most histories keep the strongest laws; `docs/simulation.md` says what each takes away.

use std::time::Duration;

use super::world::{PARENT, PAUSED, World};
use crate::link::{
    Authority, Direction, Filter, Leave, Lens, LinkSpec, MappedField, Policy, Side, Sides,
};
use crate::record::Record;
use crate::schema::FieldId;
use crate::testkit::Entropy;
use crate::value::Value;

/// How long a record has to rest where a link has a quiet period.
const QUIET: Duration = Duration::from_secs(90);

/// What a history allows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Freedoms {
    /// Some runs may send only a few commands.
    pub(super) budget: bool,
    /// People write texts that one side does not take.
    pub(super) long_words: bool,
    /// Some records are on both sides before the first run, known by their title.
    pub(super) matching: bool,
    /// People move records to another collection and back.
    pub(super) moves: bool,
    /// Fields vanish from a schema and come back.
    pub(super) fields_vanish: bool,
    /// People pause records, with a checkbox on this side.
    pub(super) pause: Option<Side>,
    /// Records of this side leave the link when they are ticked.
    pub(super) filter: Option<(Side, Leave)>,
    /// Who is right about dates when both sides changed them.
    pub(super) authority: Option<Authority>,
    /// Ticks flow to this side only.
    pub(super) one_way: Option<Side>,
    /// The link has a quiet period.
    pub(super) quiet: bool,
    /// Somebody on each side keeps taking back the tick of the other.
    pub(super) feud: bool,
    /// A person says that nothing that was settled is to be believed.
    pub(super) doubt: bool,
    /// What a field holds cannot be read for a while.
    pub(super) garbled: bool,
    /// People write what does not read as a date, where nothing checks it.
    pub(super) nonsense: bool,
    /// Edits of notes are merged word by word.
    pub(super) merge_text: bool,
    /// A person asks for a field to be removed and does not confirm it.
    pub(super) removal: bool,
    /// A person puts many records into the trash at once.
    pub(super) purges: bool,
    /// Records refer to others of their side.
    pub(super) relations: bool,
    /// The references of this side point at a collection that the link does not know.
    pub(super) astray: Option<Side>,
    /// People take back what runs did.
    pub(super) undo: bool,
}

impl Freedoms {
    /// Whether what leaves the filter is emptied on the other side.
    pub(super) fn empties(&self) -> bool {
        self.filter.is_some_and(|(_, leave)| leave == Leave::Clear)
    }

    /// Those of a seed.
    pub(super) fn draw(entropy: &mut Entropy) -> Self {
        let mut some = |permille| entropy.chance(permille);
        let mut freedoms = Self {
            budget: some(100),
            long_words: some(100),
            matching: some(100),
            moves: some(100),
            fields_vanish: some(100),
            quiet: some(60),
            ..Self::default()
        };
        let mut side = |permille| {
            let drawn = entropy.chance(permille);
            let left = entropy.chance(500);
            drawn.then_some(if left { Side::Left } else { Side::Right })
        };
        freedoms.pause = side(100);
        freedoms.one_way = side(60);
        let (right_one, filtered) = (side(1000), side(100));
        let leaves = [(1, Leave::Keep), (2, Leave::Trash), (2, Leave::Clear)];
        freedoms.filter = filtered.zip(entropy.weighted(&leaves));
        if entropy.chance(100) {
            freedoms.authority = match right_one {
                Some(side) if entropy.chance(500) => Some(Authority::Side(side)),
                _ => Some(Authority::Newest),
            };
        }
        freedoms.feud = entropy.chance(60);
        freedoms.doubt = entropy.chance(40);
        freedoms.garbled = entropy.chance(60);
        freedoms.nonsense = entropy.chance(60);
        freedoms.merge_text = entropy.chance(60);
        freedoms.removal = entropy.chance(40);
        freedoms.purges = entropy.chance(100);
        freedoms.relations = entropy.chance(80);
        if freedoms.relations && entropy.chance(200) {
            freedoms.astray = entropy.pick(&Side::BOTH).copied();
        }
        freedoms.undo = entropy.chance(80);
        freedoms
    }

    pub(super) fn policy(&self, policy: &mut Policy) {
        if self.quiet {
            policy.quiet_period = QUIET;
        }
        if self.feud {
            policy.flapping.writes = 1;
        }
        if let Some((_, leave)) = self.filter {
            policy.on_leave = leave;
        }
    }

    /// Lets the world have what these freedoms ask for. One that cannot be there is no freedom of the
    /// history.
    pub(super) fn world(&mut self, world: &dyn World) {
        if self.relations && !world.add_references(&FieldId::new(PARENT), self.astray) {
            (self.relations, self.astray) = (false, None);
        }
    }

    pub(super) fn link(&self, link: &mut LinkSpec) {
        let mapping = &mut link.mapping;
        let ids = Sides::from_fn(|_| FieldId::new(PARENT));
        if self.relations && mapping.field(&ids.left).is_none() {
            mapping.fields.push(MappedField::new(ids, Lens::References));
        }
        if self.matching {
            mapping.match_by = vec![FieldId::new("title")];
        }
        if let Some(side) = self.pause {
            mapping.pause[side] = Some(FieldId::new(PAUSED));
        }
        self.fields(&mut mapping.fields);
        link.filters = self.filters();
    }

    /// Who may write what of the mapped fields.
    pub(super) fn fields(&self, fields: &mut [MappedField]) {
        for field in fields {
            match (field.ids.left.as_str(), self.authority, self.one_way) {
                ("due", Some(authority), _) => field.authority = authority,
                ("done", _, Some(side)) => field.direction = Direction::Toward(side),
                ("notes", ..) => field.merge_text = self.merge_text,
                _ => {}
            }
        }
    }

    /// The filters of the link, as long as nobody lifts them.
    pub(super) fn filters(&self) -> Sides<Option<Filter>> {
        let mut filters = Sides::default();
        if let Some((side, _)) = self.filter {
            let ticked = Filter::equals(FieldId::new("done"), Value::Bool(true));
            filters[side] = Some(Filter::Not(Box::new(ticked)));
        }
        filters
    }
}

/// Whether a record fails the filter of its side.
pub(super) fn is_outside(filters: &Sides<Option<Filter>>, side: Side, record: &Record) -> bool {
    let filter = filters[side].as_ref();
    filter.is_some_and(|filter| filter.passes(record) == Some(false))
}

/// Whether a record is paused, where its side has the checkbox for it.
pub(super) fn is_paused(record: &Record) -> bool {
    record.cells.complete(&FieldId::new(PAUSED)) == Some(&Value::Bool(true))
}
