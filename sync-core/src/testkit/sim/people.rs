//! What people do: they edit, make, trash, restore, destroy, decide, and change schema and weather.

use std::collections::BTreeSet;

use super::freedom::is_paused;
use super::lineage::{Fate, Write, trace};
use super::peer::is_live;
use super::stage::Inner;
use super::witness::Witness;
use super::world::{MARKER, PARENT, PAUSED, Weather, Written, tag_names};
use crate::link::Side;
use crate::port::Clock;
use crate::record::{Key, Record};
use crate::schema::{FieldId, SchemaChange};
use crate::testkit::Entropy;
use crate::value::{DatePoint, DateValue, Value};

/// The people of a history.
pub(super) struct People {
    pub(super) witness: Witness,
    pub(super) entropy: Entropy,
    /// Names the next value.
    next: u64,
    /// Records are chosen by their titles, which are left as they are, and not by their keys.
    pub(super) steady: bool,
}

/// Something a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Create,
    Edit,
    EditCommon,
    Clear,
    Tag,
    Tick,
    Trash,
    Restore,
    Erase,
    AddOption,
    Rename,
    EditComputed,
    Pause,
}

const DEEDS: [(u64, Deed); 13] = [
    (8, Deed::Create),
    (40, Deed::Edit),
    (14, Deed::EditCommon),
    (5, Deed::Clear),
    (14, Deed::Tag),
    (6, Deed::Tick),
    (6, Deed::Trash),
    (5, Deed::Restore),
    (1, Deed::Erase),
    (1, Deed::AddOption),
    (1, Deed::Rename),
    (1, Deed::EditComputed),
    (2, Deed::Pause),
];

/// Records that a person puts into the trash at once, where that happens: more than a run may.
const PURGED: u64 = 10;

/// What a record is called.
pub(super) fn title_of(record: &Record) -> String {
    let title = record.cells.complete(&FieldId::new("title"));
    title.map_or_else(String::new, Value::display)
}

impl People {
    pub(super) fn new(witness: Witness, entropy: Entropy) -> Self {
        Self {
            witness,
            entropy,
            next: 1,
            steady: false,
        }
    }

    /// A person does something somewhere.
    pub(super) fn act(&mut self) {
        if let Some(deed) = self.entropy.weighted(&DEEDS) {
            let side = self.side();
            self.perform(side, deed);
        }
    }

    fn side(&mut self) -> Side {
        if self.entropy.chance(500) {
            Side::Left
        } else {
            Side::Right
        }
    }

    pub(super) fn perform(&mut self, side: Side, deed: Deed) {
        {
            let mut stage = self.witness.stage.lock();
            stage.tally.events += 1;
            stage.next_tick();
            stage.note(&[4, side as u8, deed as u8]);
        }
        match deed {
            Deed::Create => self.create(side),
            Deed::Edit if self.writes_nonsense(side) => {
                self.witness.stage.lock().count("nonsense written");
                let words = self.unique_words();
                self.write(side, "due", &words);
            }
            Deed::Edit => {
                let fields = ["notes", "due", "title"];
                let many = if self.steady { 2 } else { fields.len() };
                let field = self.entropy.pick(&fields[..many]).copied();
                let value = match field {
                    Some("due") => self.unique_date(),
                    _ => self.unique_words(),
                };
                self.write(side, field.unwrap_or("title"), &value);
            }
            Deed::EditCommon if self.witness.stage.lock().freedoms.merge_text => {
                self.edit_one_word(side);
            }
            Deed::EditCommon => {
                // Where records are known by their title nobody gives two the same.
                let fields = ["notes", "title"];
                let matching = self.witness.stage.lock().freedoms.matching;
                let many = if matching || self.steady {
                    1
                } else {
                    fields.len()
                };
                let field = self.entropy.pick(&fields[..many]).copied();
                let value = Written::Words(format!("v{}", self.entropy.below(3)));
                self.write(side, field.unwrap_or("title"), &value);
            }
            Deed::Clear => {
                let field = self.entropy.pick(&["notes", "due", "tags"]).copied();
                self.write(side, field.unwrap_or("notes"), &Written::Nothing);
            }
            Deed::Tag if self.refers_now() => self.refer(side),
            Deed::Tag => {
                let value = self.tags();
                self.write(side, "tags", &value);
            }
            Deed::Tick => {
                let tick = Written::Tick(self.entropy.chance(500));
                self.write(side, "done", &tick);
            }
            Deed::Trash => self.trash(side, true),
            Deed::Restore => self.trash(side, false),
            Deed::Erase => self.erase(side),
            Deed::EditComputed => {
                let mapping = &self.witness.link.mapping.fields;
                let from = mapping.iter().find_map(|field| field.lens.projects_from());
                if let Some(from) = from {
                    let value = Written::Words(format!("v{}", self.entropy.below(3)));
                    self.write(from.other(), MARKER, &value);
                }
            }
            Deed::Pause => self.pause(),
            Deed::AddOption => {
                let name = format!("new{}", self.next_number());
                self.alter(&SchemaChange::AddOptions {
                    field: FieldId::new("tags"),
                    names: vec![name],
                });
            }
            Deed::Rename => {
                let name = format!("name {}", self.next_number());
                self.alter(&SchemaChange::RenameField {
                    field: FieldId::new("notes"),
                    name,
                });
            }
        }
    }

    fn writes_nonsense(&mut self, side: Side) -> bool {
        let allowed = self.witness.stage.lock().freedoms.nonsense;
        allowed && self.witness.world.place(side).takes_nonsense() && self.entropy.chance(60)
    }

    /// A person changes one word of three.
    fn edit_one_word(&mut self, side: Side) {
        let Some(key) = self.some_record(side, Some(true)) else {
            return;
        };
        let notes = self.witness.world.place(side).record(&key);
        let notes = notes.and_then(|record| {
            let notes = record.cells.complete(&FieldId::new("notes"))?;
            Some(notes.display())
        });
        let notes = notes.filter(|notes| notes.split(' ').count() == 3);
        let notes = notes.unwrap_or_else(|| "v0 v0 v0".into());
        let at = usize::try_from(self.entropy.below(3)).unwrap_or(0);
        let word = format!("v{}", self.entropy.below(9));
        let mut words: Vec<&str> = notes.split(' ').collect();
        words[at] = &word;
        let words = Written::Words(words.join(" "));
        self.write_to(side, key, "notes", &words);
    }

    fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn unique_words(&mut self) -> Written {
        let words = format!("w{}", self.next_number());
        let mut stage = self.witness.stage.lock();
        if stage.freedoms.long_words && self.entropy.chance(40) {
            stage.count("text too long");
            return Written::Words(words + &"x".repeat(220));
        }
        Written::Words(words)
    }

    fn unique_date(&mut self) -> Written {
        let number = self.next_number();
        let minutes = i64::try_from(number).unwrap_or(0);
        let seconds = i64::try_from(self.entropy.below(60)).unwrap_or(0);
        let start = jiff::civil::DateTime::constant(2026, 1, 1, 0, 0, 0, 0);
        let span = jiff::SignedDuration::from_secs(minutes * 60 + seconds);
        let start = DatePoint::Instant {
            local: start.saturating_add(span),
            offset: jiff::tz::Offset::UTC,
        };
        Written::Date(DateValue::new(start, None))
    }

    /// Some options; now and then more than a list shows at once, or one nobody knows.
    fn tags(&mut self) -> Written {
        if self.entropy.chance(20) {
            return Written::Options(tag_names().take(27).collect());
        }
        let mut names = Vec::new();
        for name in tag_names().take(5) {
            if self.entropy.chance(400) {
                names.push(name);
            }
        }
        if self.entropy.chance(20) {
            names.push("unheard of".into());
        }
        Written::Options(names)
    }

    fn create(&mut self, side: Side) {
        let mut cells = vec![(FieldId::new("title"), self.unique_words())];
        if self.entropy.chance(600) {
            cells.push((FieldId::new("notes"), self.unique_words()));
        }
        if self.entropy.chance(400) {
            cells.push((FieldId::new("due"), self.unique_date()));
        }
        if self.entropy.chance(400) {
            cells.push((FieldId::new("tags"), self.tags()));
        }
        cells.extend(self.first_references(side));
        if let Some(key) = self.make(side, cells) {
            self.close_circle(side, key);
        }
    }

    /// A record that is on both sides before anything is linked: known by its title, the rest equal,
    /// different or empty.
    pub(super) fn create_twins(&mut self) {
        self.witness.stage.lock().count("records on both sides");
        let title = (FieldId::new("title"), self.unique_words());
        let notes = self.unique_words();
        for side in Side::BOTH {
            let mut cells = vec![title.clone()];
            match self.entropy.below(3) {
                0 => {}
                1 => cells.push((FieldId::new("notes"), notes.clone())),
                _ => cells.push((FieldId::new("notes"), self.unique_words())),
            }
            self.make(side, cells);
        }
    }

    pub(super) fn make(&mut self, side: Side, mut cells: Vec<(FieldId, Written)>) -> Option<Key> {
        let gone = self.witness.stage.lock().gone.clone();
        cells.retain(|(field, _)| !gone.contains(&(side, field.clone())));
        let key = self.witness.world.place(side).create(&cells)?;
        let tell = || format!("person makes {side:?} {key:?} {cells:?}");
        self.witness.stage.lock().tell(tell);
        for (field, _) in &cells {
            self.record_write(side, &key, field);
        }
        self.wrote_references(side, &key, &[]);
        Some(key)
    }

    fn write(&mut self, side: Side, field: &str, value: &Written) {
        if let Some(key) = self.some_record(side, Some(true)) {
            self.write_to(side, key, field, value);
        }
    }

    /// A person writes a field of this record.
    pub(super) fn write_to(&mut self, side: Side, key: Key, field: &str, value: &Written) {
        let field = FieldId::new(field);
        if self
            .witness
            .stage
            .lock()
            .gone
            .contains(&(side, field.clone()))
        {
            return;
        }
        let place = self.witness.world.place(side);
        let seen = place.record(&key);
        let before = self.referred(side, &key);
        if !place.write(&key, &field, value) {
            return;
        }
        self.ends(seen.as_ref(), Some(&field));
        let tell = || format!("person writes {side:?} {key:?} {field:?} {value:?}");
        self.witness.stage.lock().tell(tell);
        self.record_write(side, &key, &field);
        if field.as_str() == PARENT {
            self.wrote_references(side, &key, &before);
        }
        if field.as_str() == "done" {
            // It may pass a filter again by that.
            let mut stage = self.witness.stage.lock();
            let tick = stage.tick;
            stage.revived.insert((side, key), tick);
        }
    }

    /// A person gives up all that a record holds.
    pub(super) fn take_back(&self, side: Side, key: &Key) {
        let record = self.witness.world.place(side).record(key);
        self.ends(record.as_ref(), None);
    }

    /// Whoever writes over a value has seen it.
    fn ends(&self, seen: Option<&Record>, field: Option<&FieldId>) {
        let mut stage = self.witness.stage.lock();
        for (id, cell) in seen.iter().flat_map(|record| record.cells.iter()) {
            if let Some(value) = cell.complete()
                && field.is_none_or(|field| field == id)
            {
                stage.lineage.end(value, Fate::TakenBack);
            }
        }
    }

    fn record_write(&self, side: Side, key: &Key, field: &FieldId) {
        let record = self.witness.world.place(side).record(key);
        let value = record.as_ref().and_then(|r| r.cells.complete(field));
        let Some(trace) = value
            .and_then(trace)
            .filter(|trace| !trace.starts_with('v'))
        else {
            return;
        };
        let mut stage = self.witness.stage.lock();
        let write = Write {
            side,
            key: key.clone(),
            field: field.clone(),
            tick: stage.tick,
            elapsed: self.witness.world.clock().elapsed(),
            fate: Fate::Standing,
        };
        stage.lineage.wrote(trace, write);
    }

    /// A person pauses a record, or lets it go on.
    fn pause(&mut self) {
        let Some(side) = self.witness.stage.lock().freedoms.pause else {
            return;
        };
        let Some(key) = self.some_record(side, Some(true)) else {
            return;
        };
        let paused = self.entropy.chance(500);
        let place = self.witness.world.place(side);
        place.write(&key, &FieldId::new(PAUSED), &Written::Tick(paused));
        let mut stage = self.witness.stage.lock();
        stage.tell(|| format!("person pauses {side:?} {key:?}: {paused}"));
        stage.count(if paused { "paused" } else { "went on" });
    }

    fn trash(&mut self, side: Side, trashed: bool) {
        let Some(key) = self.some_record(side, Some(trashed)) else {
            return;
        };
        self.witness.world.place(side).trash(&key, trashed);
        let tell = || format!("person trashes {side:?} {key:?}: {trashed}");
        self.witness.stage.lock().tell(tell);
        if !trashed {
            self.show(side, key);
        }
    }

    fn erase(&mut self, side: Side) {
        if let Some(key) = self.some_record(side, None) {
            let seen = self.witness.world.place(side).record(&key);
            let referred = self.referred(side, &key);
            if self.witness.world.place(side).erase(&key) {
                self.erased_references(side, &key, &referred);
                let tell = || format!("person erases {side:?} {key:?}");
                self.witness.stage.lock().tell(tell);
                self.ends(seen.as_ref(), None);
            }
        }
    }

    fn alter(&self, change: &SchemaChange) {
        for side in Side::BOTH {
            self.witness.world.place(side).alter(change);
        }
    }

    /// Some record; alive or in the trash where that matters.
    pub(super) fn some_record(&mut self, side: Side, live: Option<bool>) -> Option<Key> {
        let live = live.unwrap_or_else(|| self.entropy.chance(800));
        let place = self.witness.world.place(side);
        let mut keys = place.keys(live);
        if self.steady {
            keys.sort_by_cached_key(|key| place.record(key).as_ref().map(title_of));
        }
        self.entropy.pick(&keys).cloned()
    }

    /// A person moves a record to another collection or back, or takes a field out of a schema or
    /// puts it back, where the history allows that.
    pub(super) fn rearrange(&mut self) {
        let side = self.side();
        let back = self.entropy.chance(500);
        let freedoms = self.witness.stage.lock().freedoms;
        if freedoms.purges && self.entropy.chance(300) {
            self.witness.stage.lock().count("many trashed at once");
            return (0..PURGED).for_each(|_| self.trash(side, true));
        }
        if freedoms.garbled && self.entropy.chance(500) {
            let field = self.field_to_strike(side, back, |stage| &stage.garbled);
            let weather = field.map(|field| Weather::Garbled(field, !back));
            return self.set_weather(side, weather);
        }
        let moved: Vec<_> = {
            let stage = self.witness.stage.lock();
            let there = stage.moved.iter().filter(|(on, _)| *on == side);
            there.map(|(_, key)| key.clone()).collect()
        };
        let record = freedoms.moves && (!freedoms.fields_vanish || self.entropy.chance(500));
        let weather = if record {
            let key = match back {
                true => self.entropy.pick(&moved).cloned(),
                false => self.some_record(side, None),
            };
            key.map(|key| Weather::Moved(key, !back))
        } else if freedoms.fields_vanish {
            let field = self.field_to_strike(side, back, |stage| &stage.gone);
            field.map(|field| Weather::FieldGone(field, !back))
        } else {
            None
        };
        self.set_weather(side, weather);
    }

    /// A field that something befalls, or one of those that it befell.
    fn field_to_strike(
        &mut self,
        side: Side,
        back: bool,
        struck: impl Fn(&Inner) -> &BTreeSet<(Side, FieldId)>,
    ) -> Option<FieldId> {
        if !back {
            let fields = ["notes", "due", "tags", PARENT].map(FieldId::new);
            let refers = self.witness.stage.lock().freedoms.relations;
            let many = if refers { 4 } else { 3 };
            return self.entropy.pick(&fields[..many]).cloned();
        }
        let struck = {
            let stage = self.witness.stage.lock();
            let here = struck(&stage).iter().filter(|(on, _)| *on == side);
            here.map(|(_, field)| field.clone()).collect::<Vec<_>>()
        };
        self.entropy.pick(&struck).cloned()
    }

    /// The weather changes somewhere.
    pub(super) fn change_weather(&mut self) {
        let side = self.side();
        let weather = match self.entropy.below(8) {
            0 | 1 => self
                .some_record(side, None)
                .map(|key| Weather::Hidden(key, true)),
            2 | 3 => self
                .some_record(side, None)
                .map(|key| Weather::Hidden(key, false)),
            4 => Some(Weather::Capped(Some(
                usize::try_from(self.entropy.below(20)).unwrap_or(0),
            ))),
            5 => Some(Weather::Capped(None)),
            6 => Some(Weather::Late(true)),
            _ => Some(Weather::Late(false)),
        };
        self.set_weather(side, weather);
    }

    /// A record comes back from where no scan looks.
    fn show(&self, side: Side, key: Key) {
        let elapsed = self.witness.world.clock().elapsed();
        let mut stage = self.witness.stage.lock();
        let tick = stage.tick;
        stage.lineage.shown(side, &key, tick, elapsed);
        stage.references.shown(side, &key, (tick, elapsed));
        stage.revived.insert((side, key), tick);
    }

    fn set_weather(&self, side: Side, weather: Option<Weather>) {
        let Some(weather) = weather else { return };
        if self.witness.world.place(side).weather(&weather) {
            let mut stage = self.witness.stage.lock();
            stage.tell(|| format!("weather {side:?} {weather:?}"));
            match &weather {
                Weather::Hidden(key, true) => stage.hidden.insert((side, key.clone())),
                Weather::Hidden(key, false) => {
                    let at = (side, key.clone());
                    stage.hidden.remove(&at) && stage.overlooked.insert(at)
                }
                Weather::Moved(key, true) => {
                    let tick = stage.tick;
                    stage.revived.insert((side, key.clone()), tick);
                    stage.moved.insert((side, key.clone()))
                }
                Weather::Moved(key, false) => stage.moved.remove(&(side, key.clone())),
                Weather::FieldGone(field, true) => {
                    stage.estranged.insert((side, field.clone()));
                    if stage.remaps {
                        stage.estranged.insert((side.other(), field.clone()));
                    }
                    stage.gone.insert((side, field.clone()))
                }
                Weather::FieldGone(field, false) => stage.gone.remove(&(side, field.clone())),
                Weather::Garbled(field, true) => {
                    stage.estranged.insert((side, field.clone()));
                    stage.garbled.insert((side, field.clone()))
                }
                Weather::Garbled(field, false) => stage.garbled.remove(&(side, field.clone())),
                _ => false,
            };
            stage.count(match &weather {
                Weather::Moved(_, true) => "moved away",
                Weather::Moved(_, false) => "moved back",
                Weather::FieldGone(_, true) => "field gone",
                Weather::FieldGone(_, false) => "field back",
                Weather::Garbled(_, true) => "field garbled",
                Weather::Garbled(_, false) => "field legible again",
                Weather::Hidden(_, true) => "unshared",
                Weather::Hidden(_, false) => "shared again",
                Weather::Capped(Some(_)) => "scans capped",
                Weather::Capped(None) => "scans whole again",
                Weather::Late(true) => "index late",
                Weather::Late(false) => "index on time",
            });
            drop(stage);
            if let Weather::Moved(key, false) = weather {
                self.show(side, key);
            }
        }
    }

    /// Fair weather everywhere.
    pub(super) fn clear_up(&self) {
        for side in Side::BOTH {
            let place = self.witness.world.place(side);
            place.weather(&Weather::Capped(None));
            for record in place.records() {
                // What is in the trash cannot be edited, and stays paused.
                if is_live(&record) && is_paused(&record) {
                    place.write(&record.key, &FieldId::new(PAUSED), &Written::Tick(false));
                    self.witness.stage.lock().count("unpaused");
                }
                place.weather(&Weather::Hidden(record.key, false));
            }
            let (gone, garbled) = {
                let stage = self.witness.stage.lock();
                (stage.gone.clone(), stage.garbled.clone())
            };
            for (_, field) in gone.into_iter().filter(|(on, _)| *on == side) {
                place.weather(&Weather::FieldGone(field, false));
            }
            for (_, field) in garbled.into_iter().filter(|(on, _)| *on == side) {
                place.weather(&Weather::Garbled(field, false));
            }
        }
        let mut stage = self.witness.stage.lock();
        stage.gone.clear();
        stage.garbled.clear();
        stage.hidden.clear();
    }

    /// A person decides that the value of one side is not wanted.
    pub(super) fn decides_against(&self, value: &Value) {
        self.witness
            .stage
            .lock()
            .lineage
            .end(value, Fate::TakenBack);
    }
}
