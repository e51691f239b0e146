//! Law: what was settled reads back, however it is stored and whatever is observed afterwards.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use std::collections::BTreeMap;

use common::{World, link};
use futures::executor::block_on;
use notion_sync_core::link::{Side, Sides};
use notion_sync_core::pair::{Base, BaseField, PairId, PairState, Presence, SideState};
use notion_sync_core::port::{Change, Query, Rows, Store};
use notion_sync_core::record::{Cell, Key, Lifecycle, Record};
use notion_sync_core::schema::FieldId;
use notion_sync_core::value::Value;
use proptest::prelude::*;

/// Fields whose shadows and bases vary: left and right ids of the link's mapping, and one the
/// mapping does not know.
const FIELDS: [(&str, &str); 4] = [
    ("n1", "Note"),
    ("p1", "Price"),
    ("f1", "Total"),
    ("zz", "zz"),
];

#[derive(Clone, Debug)]
enum Step {
    Observe {
        pair: u64,
        side: Side,
        cells: Vec<u8>,
        trashed: bool,
    },
    /// Settles what the shadows show, except fields whose bit is set: those get other values.
    Settle {
        pair: u64,
        odd: u8,
        drop: u8,
    },
    Attend {
        pair: u64,
        dirty: bool,
    },
    AttendAll,
    Join {
        keep: u64,
        drop: u64,
    },
    Forget(u64),
    /// Ends the commit, so that later steps read what was stored.
    Commit,
    /// The same, and opens the file anew.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let pair = 1..4_u64;
    let side = prop_oneof![Just(Side::Left), Just(Side::Right)];
    prop_oneof![
        4 => (pair.clone(), side, proptest::collection::vec(0..5_u8, 4), any::<bool>())
            .prop_map(|(pair, side, cells, trashed)| Step::Observe { pair, side, cells, trashed }),
        4 => (pair.clone(), 0..16_u8, 0..16_u8)
            .prop_map(|(pair, odd, drop)| Step::Settle { pair, odd: if odd < 8 { 0 } else { odd }, drop }),
        1 => (pair.clone(), any::<bool>()).prop_map(|(pair, dirty)| Step::Attend { pair, dirty }),
        1 => Just(Step::AttendAll),
        1 => (pair.clone(), pair.clone()).prop_map(|(keep, drop)| Step::Join { keep, drop }),
        1 => pair.prop_map(Step::Forget),
        3 => Just(Step::Commit),
        1 => Just(Step::Reopen),
    ]
}

fn value(number: u8) -> Value {
    match number {
        0 => Value::Empty,
        number => Value::text(format!("v{number}")),
    }
}

fn record(pair: u64, side: Side, cells: &[u8], trashed: bool) -> Record {
    Record {
        key: Key::durable(format!("{pair}")),
        lifecycle: if trashed {
            Lifecycle::Trashed
        } else {
            Lifecycle::Live
        },
        version: None,
        edited_at: None,
        cells: FIELDS
            .iter()
            .zip(cells)
            .map(|((left, right), number)| {
                let id = if side == Side::Left { left } else { right };
                let cell = match number {
                    4 => Cell::Unread,
                    number => Cell::Complete(value(*number)),
                };
                (FieldId::new(*id), cell)
            })
            .collect(),
    }
}

fn base(state: &PairState, odd: u8, drop: u8) -> Base {
    let shown = |side: Side, id: &str| {
        let shadow = state.sides[side].shadow.as_ref()?;
        shadow.cells.complete(&FieldId::new(id)).cloned()
    };
    let fields = FIELDS.iter().enumerate();
    let fields = fields.filter(|(at, _)| drop & (1 << at) == 0);
    let fields = fields.map(|(at, (left, right))| {
        let odd = odd & (1 << at) != 0;
        let here = shown(Side::Left, left).filter(|_| !odd);
        let left_value = here.unwrap_or_else(|| Value::text("odd"));
        let right_value = shown(Side::Right, right).unwrap_or_else(|| left_value.clone());
        BaseField {
            name: FieldId::new(*left),
            values: Sides::new(left_value, right_value),
            lens: u64::MAX - at as u64,
        }
    });
    Base::new(Lifecycle::Live, fields)
}

#[derive(Default)]
struct Model(BTreeMap<u64, PairState>);

impl Model {
    /// The change a step makes, applied to the model.
    fn change(&mut self, step: &Step) -> Option<Change> {
        Some(match *step {
            Step::Observe {
                pair,
                side,
                ref cells,
                trashed,
            } => {
                let record = record(pair, side, cells, trashed);
                let state = SideState {
                    key: Some(record.key.clone()),
                    presence: Presence::Present,
                    shadow: Some(record),
                };
                let there = self.0.entry(pair).or_insert_with(|| PairState {
                    id: PairId(pair),
                    sides: Sides::default(),
                    base: None,
                    dirty: true,
                    standing: None,
                });
                there.sides[side] = state.clone();
                there.dirty = true;
                Change::Observe {
                    pair: PairId(pair),
                    side,
                    state,
                    dirty: true,
                }
            }
            Step::Settle { pair, odd, drop } => {
                let there = self.0.get_mut(&pair)?;
                let base = base(there, odd, drop);
                there.base = Some(base.clone());
                Change::Settle {
                    pair: PairId(pair),
                    base,
                }
            }
            Step::Attend { pair, dirty } => {
                if let Some(there) = self.0.get_mut(&pair) {
                    there.dirty = dirty;
                }
                Change::Attend {
                    pair: PairId(pair),
                    dirty,
                    standing: None,
                }
            }
            Step::AttendAll => {
                self.0.values_mut().for_each(|pair| pair.dirty = true);
                Change::AttendAll
            }
            Step::Join { keep, drop } => {
                if keep == drop || !self.0.contains_key(&keep) {
                    return None;
                }
                if let Some(gone) = self.0.remove(&drop)
                    && let Some(kept) = self.0.get_mut(&keep)
                {
                    kept.dirty = true;
                    for side in Side::BOTH {
                        if kept.sides[side].key.is_none() {
                            kept.sides[side] = gone.sides[side].clone();
                        }
                    }
                }
                Change::Join {
                    keep: PairId(keep),
                    drop: PairId(drop),
                }
            }
            Step::Forget(pair) => {
                self.0.remove(&pair);
                Change::Forget(PairId(pair))
            }
            Step::Commit | Step::Reopen => return None,
        })
    }
}

fn stored(world: &World) -> Vec<PairState> {
    match block_on(world.store.read(&link(), &Query::All, None, 100)).unwrap() {
        Rows::Pairs(pairs) => pairs,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_settled_base_reads_back_whatever_is_observed_later(
        steps in proptest::collection::vec(step(), 1..40)
    ) {
        let mut world = World::new();
        let mut model = Model::default();
        let mut changes = Vec::new();
        for step in steps.iter().chain([&Step::Commit]) {
            changes.extend(model.change(step));
            match step {
                Step::Commit => {
                    world.commit(std::mem::take(&mut changes), Vec::new());
                }
                Step::Reopen => {
                    world.commit(std::mem::take(&mut changes), Vec::new());
                    let World { dir, store, replica, .. } = world;
                    drop((store, replica));
                    world = World::at(dir);
                }
                _ => continue,
            }
            let expected: Vec<PairState> = model.0.values().cloned().collect();
            prop_assert_eq!(stored(&world), expected);
        }
        let dirty: Vec<PairState> =
            model.0.values().filter(|pair| pair.dirty).cloned().collect();
        prop_assert_eq!(
            block_on(world.store.read(&link(), &Query::Dirty, None, 100)).unwrap(),
            Rows::Pairs(dirty)
        );
    }
}

#[test]
fn the_short_form_is_given_up_only_when_a_shadow_moves_on() {
    let mut world = World::new();
    let (pair, _) = world.pull("one", "3");
    let person = world.person();
    let form = "SELECT base IS NULL, layout IS NULL FROM _sync_pairs";
    assert_eq!(common::rows(&person, form), ["1|0"]);
    let settled = world.pair(pair).base;
    let observe = |world: &World, name| Change::Observe {
        pair: PairId(pair),
        side: Side::Left,
        state: SideState::seen(world.source(pair, name, "3")),
        dirty: true,
    };
    world.commit(vec![observe(&world, "two")], Vec::new());
    assert_eq!(common::rows(&person, form), ["0|1"]);
    assert_eq!(world.pair(pair).base, settled);
    world.commit(vec![observe(&world, "one")], Vec::new());
    assert_eq!(common::rows(&person, form), ["0|1"]);
    let base = settled.clone().unwrap();
    world.commit(
        vec![Change::Settle {
            pair: PairId(pair),
            base,
        }],
        Vec::new(),
    );
    assert_eq!(common::rows(&person, form), ["1|0"]);
    assert_eq!(world.pair(pair).base, settled);
}
