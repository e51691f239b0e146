//! References: which record of one side is which of the other, looked up for the pairs at hand in the
//! links that track the collections they point at, and who waits for a record to get its other side.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cycle::{CHUNK, Cycle};
use super::{Engine, RunError};
use crate::link::{
    Counterpart, Counterparts, Lens, LinkId, MappedField, Names, Neighbour, OptionPairs, Side,
    Sides,
};
use crate::outbox::Intent;
use crate::pair::{PairHead, PairId, PairState, Presence};
use crate::plan::PlannedCommand;
use crate::port::{
    Awaited, Bookmark, Change, CommandKind, Description, PlaceId, Query, Rows, Store, Wait,
};
use crate::record::{Key, Record};
use crate::schema::{FieldId, FieldType, Relation};
use crate::value::{Digest, Value};

/// Where the references of a link lead.
#[derive(Clone, Debug, Default)]
pub(super) struct Routes {
    /// The mapped fields of references whose records some link of this store tracks.
    fields: Vec<Route>,
    /// What is known of fields whatever the records.
    bare: Names,
}

/// A mapped field of references and the link whose pairs they go through.
#[derive(Clone, Debug)]
struct Route {
    name: FieldId,
    ids: Sides<FieldId>,
    link: LinkId,
}

/// Records to look up, by link and side.
#[derive(Default)]
struct Wanted(BTreeMap<LinkId, Sides<BTreeSet<Key>>>);

impl Routes {
    /// Where the fields of a link lead, by what their schemas say they point at.
    pub(super) fn new(engine: &Engine, described: &Sides<Description>) -> Self {
        let mut routes = Self::default();
        let mut seen: Vec<(&MappedField, Sides<Option<&Relation>>)> = Vec::new();
        for field in &engine.spec.mapping.fields {
            if field.lens != Lens::References {
                continue;
            }
            let relation = Sides::from_fn(|side| relation(&described[side], &field.ids[side]));
            routes.follow(field, &relation, &seen, engine);
            seen.push((field, relation));
            let link = |side: Side| relation[side].map(|to| engine.link_at(side, &to.target));
            let link = match (link(Side::Left), link(Side::Right)) {
                (None, None) => None,
                (Some(link), None) | (None, Some(link)) => link,
                (Some(left), Some(right)) if left == right => left,
                (Some(_), Some(_)) => {
                    routes.bare.points_astray(field.name().clone());
                    None
                }
            };
            if let Some(link) = link {
                routes.fields.push(Route {
                    name: field.name().clone(),
                    ids: field.ids.clone(),
                    link: link.clone(),
                });
            }
        }
        routes
    }

    /// Of two mapped fields that are each other's mirror the later one follows the earlier.
    fn follow(
        &mut self,
        field: &MappedField,
        relation: &Sides<Option<&Relation>>,
        earlier: &[(&MappedField, Sides<Option<&Relation>>)],
        engine: &Engine,
    ) {
        let mirrors = |side: Side| {
            let own = relation[side].filter(|to| to.target == engine.spec.places[side]);
            let mirror = own.and_then(|to| to.mirror.as_ref());
            mirror.is_some_and(|mirror| earlier.iter().any(|(other, _)| other.ids[side] == *mirror))
        };
        let kept_by = match (mirrors(Side::Left), mirrors(Side::Right)) {
            (false, false) => return,
            (true, true) => None,
            (true, false) => Some(Side::Left),
            (false, true) => Some(Side::Right),
        };
        self.bare.follows(field.name().clone(), kept_by);
    }

    /// Which option is which, beside which record.
    pub(super) fn know_options(&mut self, options: &BTreeMap<FieldId, OptionPairs>) {
        for (field, pairs) in options {
            self.bare.know_options(field.clone(), pairs.clone());
        }
    }

    /// What is known whatever the records.
    pub(super) fn bare(&self) -> &Names {
        &self.bare
    }

    /// Digest of where they lead; `None` if nowhere.
    pub(super) fn digest(&self) -> Option<Digest> {
        let routes: Vec<_> = self.fields.iter().map(|to| (&to.name, &to.link)).collect();
        (!routes.is_empty()).then(|| Digest::of_json(&routes))
    }
}

fn relation<'a>(described: &'a Description, field: &FieldId) -> Option<&'a Relation> {
    match &described.schema.field(field)?.ty {
        FieldType::Relation(relation) => Some(relation),
        _ => None,
    }
}

impl Routes {
    /// What the references of these pairs are on the other side.
    pub(super) async fn names(
        &self,
        store: &dyn Store,
        pairs: &[PairState],
    ) -> Result<Names, RunError> {
        let mut wanted = Wanted::default();
        for pair in pairs {
            wanted.add_pair(self, pair);
        }
        self.look_up(store, wanted).await
    }

    async fn look_up(&self, store: &dyn Store, wanted: Wanted) -> Result<Names, RunError> {
        let mut names = self.bare.clone();
        for (link, keys) in wanted.0 {
            let mut known = BTreeMap::new();
            for side in Side::BOTH {
                let keys: Vec<Key> = keys[side].iter().cloned().collect();
                for head in heads_of(store, &link, side, keys).await? {
                    if let Some(keys) = as_counterparts(&head) {
                        known.insert(head.id, keys);
                    }
                }
            }
            let known = Arc::new(Counterparts::new(known.into_values()));
            for route in self.fields.iter().filter(|to| to.link == link) {
                names.know_records(route.name.clone(), Arc::clone(&known));
            }
        }
        Ok(names)
    }
}

async fn heads_of(
    store: &dyn Store,
    link: &LinkId,
    side: Side,
    keys: Vec<Key>,
) -> Result<Vec<PairHead>, RunError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let limit = u32::try_from(keys.len()).unwrap_or(u32::MAX);
    let query = Query::Heads(side, keys);
    Ok(match store.read(link, &query, None, limit).await? {
        Rows::Heads(heads) => heads,
        _ => Vec::new(),
    })
}

/// What the pairs of a link wait for.
pub(super) async fn waits_of(
    store: &dyn Store,
    link: &LinkId,
) -> Result<BTreeMap<PairId, Vec<Awaited>>, RunError> {
    let mut all = BTreeMap::new();
    let mut after = None;
    loop {
        let rows = store.read(link, &Query::Waits, after, CHUNK).await?;
        let Rows::Waits(waits) = rows else {
            return Ok(all);
        };
        after = waits.last().map(|last| Bookmark(last.pair.0));
        let last = waits.len() < CHUNK as usize;
        all.extend(waits.into_iter().map(|wait| (wait.pair, wait.awaited)));
        if last {
            return Ok(all);
        }
    }
}

impl Engine {
    /// The link that has this collection on a side: this one or a neighbour.
    fn link_at(&self, side: Side, place: &PlaceId) -> Option<&LinkId> {
        if self.spec.places[side] == *place {
            return Some(&self.spec.id);
        }
        let mut neighbours = self.neighbours.iter();
        let found = neighbours.find(|neighbour: &&Neighbour| neighbour.places[side] == *place);
        found.map(|neighbour| &neighbour.link)
    }
}

impl Wanted {
    fn add(&mut self, link: &LinkId, side: Side, value: Option<&Value>) {
        if let Some(Value::References(references)) = value {
            let keys = references.iter().map(|reference| reference.key().clone());
            self.0.entry(link.clone()).or_default()[side].extend(keys);
        }
    }

    fn add_record(&mut self, routes: &Routes, side: Side, record: &Record) {
        for route in &routes.fields {
            self.add(&route.link, side, record.cells.complete(&route.ids[side]));
        }
    }

    fn add_pair(&mut self, routes: &Routes, pair: &PairState) {
        for side in Side::BOTH {
            if let Some(shadow) = &pair.sides[side].shadow {
                self.add_record(routes, side, shadow);
            }
        }
        let settled = pair.base.iter().flat_map(|base| base.fields());
        for field in settled {
            let route = routes.fields.iter().find(|route| route.name == field.name);
            for side in Side::BOTH {
                if let Some(route) = route {
                    self.add(&route.link, side, Some(&field.values[side]));
                }
            }
        }
    }
}

impl Cycle<'_> {
    /// Looks up what the references of these pairs are on the other side, and whether those that
    /// moved away have arrived elsewhere. To be called before any of them is decided.
    pub(super) async fn meet(&mut self, pairs: &[PairState]) -> Result<(), RunError> {
        self.find_rehomed(pairs).await?;
        self.names = self.routes.names(&*self.store, pairs).await?;
        Ok(())
    }

    /// The same for records that have no pair yet.
    pub(super) async fn meet_records<'r>(
        &mut self,
        side: Side,
        records: impl Iterator<Item = &'r Record>,
    ) -> Result<(), RunError> {
        let mut wanted = Wanted::default();
        for record in records {
            wanted.add_record(&self.routes, side, record);
        }
        self.names = self.routes.look_up(&*self.store, wanted).await?;
        Ok(())
    }

    /// The names that a command and what was read back of it speak of.
    pub(super) async fn names_of(
        &self,
        intent: &Intent,
        pair: &PairState,
        read_back: &Record,
    ) -> Result<Names, RunError> {
        let mut wanted = Wanted::default();
        wanted.add_pair(&self.routes, pair);
        wanted.add_record(&self.routes, intent.side, read_back);
        for field in &intent.fields {
            let mut routes = self.routes.fields.iter();
            if let Some(route) = routes.find(|route| route.name == field.name) {
                wanted.add(&route.link, intent.side, Some(&field.desired));
                wanted.add(&route.link, intent.side, field.expected.as_ref());
                wanted.add(&route.link, intent.side.other(), field.source.as_ref());
            }
        }
        self.routes.look_up(&*self.store, wanted).await
    }

    /// The records a pair refers to that have no counterpart.
    fn unresolved(&self, pair: &PairState) -> Vec<Awaited> {
        let mut awaited = BTreeSet::new();
        for route in &self.routes.fields {
            for side in Side::BOTH {
                let shadow = pair.sides[side].shadow.as_ref();
                let value = shadow.and_then(|shadow| shadow.cells.complete(&route.ids[side]));
                let Some(Value::References(references)) = value else {
                    continue;
                };
                let records = self.names.records(&route.name);
                for reference in references {
                    let found = records.map(|records| records.of(side, reference.key()));
                    if matches!(found, None | Some(Counterpart::Untracked)) {
                        awaited.insert(Awaited {
                            link: route.link.clone(),
                            side,
                            key: reference.key().clone(),
                        });
                    }
                }
            }
        }
        awaited.extend(self.awaited_home(pair));
        awaited.into_iter().collect()
    }

    /// Remembers what a pair waits for, where that is news.
    pub(super) fn note_waits(&mut self, pair: &PairState, changes: &mut Vec<Change>) {
        let awaited = self.unresolved(pair);
        let known = self.waits.get(&pair.id).map_or(&[][..], Vec::as_slice);
        if awaited == known {
            return;
        }
        let wait = Wait {
            pair: pair.id,
            awaited: awaited.clone(),
        };
        changes.push(Change::Wait(wait));
        if awaited.is_empty() {
            self.waits.remove(&pair.id);
        } else {
            self.waits.insert(pair.id, awaited);
        }
    }

    /// Whether a command makes a record anew that was gone, so that it gets another key. Nobody waits
    /// for that one: what refers to it was settled while it had the former.
    pub(super) fn rekeys(&self, pair: &PairState, command: &PlannedCommand) -> bool {
        let own = &self.engine.spec.id;
        command.kind == CommandKind::Create
            && pair.sides[command.side].key.is_some()
            && self.routes.fields.iter().any(|route| route.link == *own)
    }

    /// Makes pairs worth a look that waited for a record which has its counterpart by now.
    pub(super) async fn wake(&mut self) -> Result<(), RunError> {
        let mut wanted = Wanted::default();
        for awaited in self.waits.values().flatten() {
            let keys = wanted.0.entry(awaited.link.clone()).or_default();
            keys[awaited.side].insert(awaited.key.clone());
        }
        let mut arrived: BTreeSet<(LinkId, Side, Key)> = BTreeSet::new();
        for (link, sides) in wanted.0 {
            for side in Side::BOTH {
                let keys: Vec<Key> = sides[side].iter().cloned().collect();
                for keys in keys.chunks(CHUNK as usize) {
                    let heads = heads_of(&*self.store, &link, side, keys.to_vec()).await?;
                    let whole = heads.into_iter().filter(is_whole);
                    let keys = whole.filter_map(|head| head.keys[side].clone());
                    arrived.extend(keys.map(|key| (link.clone(), side, key)));
                }
            }
        }
        let has_arrived = |at: &Awaited| {
            let at = (at.link.clone(), at.side, at.key.clone());
            arrived.contains(&at)
        };
        let woken: Vec<PairId> = (self.waits.iter())
            .filter(|(_, awaited)| awaited.iter().any(has_arrived))
            .map(|(pair, _)| *pair)
            .collect();
        for ids in woken.chunks(CHUNK as usize) {
            let pairs = self.pairs(&Query::Pairs(ids.to_vec()), None).await?;
            let asleep = pairs.into_iter().filter(|pair| !pair.dirty);
            let changes = asleep.map(|pair| Change::Attend {
                pair: pair.id,
                dirty: true,
                standing: pair.standing,
            });
            let changes: Vec<Change> = changes.collect();
            if !changes.is_empty() {
                self.commit(changes, Vec::new()).await?;
            }
        }
        Ok(())
    }

    /// What pairs of earlier runs wait for.
    pub(super) async fn load_waits(&mut self) -> Result<(), RunError> {
        self.waits = waits_of(&*self.store, &self.engine.spec.id).await?;
        Ok(())
    }

    /// Notes which of these pairs live in another linked collection by now, with a counterpart there.
    async fn find_rehomed(&mut self, pairs: &[PairState]) -> Result<(), RunError> {
        for pair in pairs {
            if let Some(home) = self.awaited_home(pair) {
                let keys = vec![home.key.clone()];
                let heads = heads_of(&*self.store, &home.link, home.side, keys).await?;
                if heads.iter().any(is_whole) {
                    self.rehomed.insert((pair.id, home.side));
                }
            }
        }
        Ok(())
    }

    /// The record of a pair in the linked collection that it moved to.
    fn awaited_home(&self, pair: &PairState) -> Option<Awaited> {
        Side::BOTH.into_iter().find_map(|side| {
            let Presence::Moved(place) = &pair.sides[side].presence else {
                return None;
            };
            Some(Awaited {
                link: self.engine.link_at(side, place)?.clone(),
                side,
                key: pair.sides[side].key.clone()?,
            })
        })
    }
}

/// What a pair says about references to its records: both keys; one, if the other record is on its
/// way; nothing, if there is no counterpart and none is coming.
fn as_counterparts(head: &PairHead) -> Option<Sides<Option<Key>>> {
    let there = |side: Side| head.keys[side].clone().filter(|_| !head.gone[side]);
    let keys = Sides::from_fn(there);
    let coming = head.dirty && (keys.left.is_some() || keys.right.is_some());
    (is_whole(head) || coming).then_some(keys)
}

/// Whether a pair has a record on both sides, as far as is known.
fn is_whole(head: &PairHead) -> bool {
    let there = |side: Side| head.keys[side].is_some() && !head.gone[side];
    Side::BOTH.into_iter().all(there)
}
