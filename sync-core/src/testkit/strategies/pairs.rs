//! What is remembered about pairs: sides, bases, intents, conflicts; and cases a planner meets.

use std::ops::Bound;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::values::{cell, number, record, text, value};
use crate::conflict::{Conflict, Resolution};
use crate::link::{Lens, MappedField, Mapping, Side, Sides};
use crate::outbox::{Intent, IntentField, IntentId, IntentState};
use crate::pair::{Base, BaseField, PairId, PairState, Presence, RecordState, SideState, Standing};
use crate::port::{
    CellChange, Command, CommandKind, Cursor, LinkMemory, PlaceId, Proof, Quarantine, SideMemory,
    Sweep,
};
use crate::record::{Cell, Key, Lifecycle, Rank, Record, Timestamp};
use crate::schema::FieldId;
use crate::value::{Digest, Value};

/// Fields `f0`, `f1`, … of both sides, of equal names, with lenses for plain values; markers where
/// the owner allowed them.
pub fn mapping(fields: usize) -> BoxedStrategy<Mapping> {
    let lens = prop_oneof![
        4 => Just(Lens::Identity),
        1 => Just(Lens::Words { rich: Side::Left }),
        1 => Just(Lens::Checkbox),
        1 => Just(Lens::Choices),
        1 => Just(Lens::Projection { from: Side::Left }),
    ];
    let marker = any::<bool>().prop_map(|marked| marked.then(|| FieldId::new("f0")));
    (vec(lens, fields), marker)
        .prop_map(|(lenses, marker)| {
            let fields = lenses.into_iter().enumerate().map(|(at, lens)| {
                let id = FieldId::new(format!("f{at}"));
                MappedField::new(Sides::new(id.clone(), id), lens)
            });
            Mapping {
                fields: fields.collect(),
                markers: Sides::new(marker, None),
                ..Mapping::default()
            }
        })
        .boxed()
}

/// Every state of existence.
pub fn presence() -> BoxedStrategy<Presence> {
    prop_oneof![
        8 => Just(Presence::Present),
        1 => Just(Presence::Never),
        1 => proptest::sample::select(vec![
            Proof::Tombstone,
            Proof::TrashFlag,
            Proof::AuthoritativeAbsence,
            Proof::PersonSaidSo,
        ])
        .prop_map(Presence::Deleted),
        1 => Just(Presence::Gone),
        1 => Just(Presence::Moved(PlaceId::new("notion:elsewhere"))),
        1 => Just(Presence::Denied),
        1 => Just(Presence::Unread),
    ]
    .boxed()
}

/// A side of a pair that has this key: in any state of existence, last seen with these fields.
pub fn side_state(key: Key, fields: &[FieldId]) -> BoxedStrategy<SideState> {
    (presence(), record(key, fields), any::<bool>())
        .prop_map(|(presence, record, seen)| match presence {
            Presence::Never => SideState::default(),
            presence => SideState {
                key: Some(record.key.clone()),
                shadow: (seen || presence == Presence::Present).then_some(record),
                presence,
            },
        })
        .boxed()
}

/// What people are told about a pair, or nothing.
pub fn standing() -> BoxedStrategy<Option<Standing>> {
    let state = proptest::sample::select(vec![
        RecordState::Clean,
        RecordState::Pending,
        RecordState::Conflict,
        RecordState::Parked,
        RecordState::Blocked,
    ]);
    let standing = (state, text()).prop_map(|(state, reason)| Standing { state, reason });
    proptest::option::of(standing).boxed()
}

/// A pair in any state a store can hold; its keys are `l<id>` and `r<id>`.
pub fn pair_state(id: PairId, mapping: &Mapping) -> BoxedStrategy<PairState> {
    let fields = |side: Side| -> Vec<FieldId> {
        let fields = mapping.fields.iter();
        fields.map(|field| field.ids[side].clone()).collect()
    };
    let side =
        |name: &str, side| side_state(Key::durable(format!("{name}{}", id.0)), &fields(side));
    let mapping = mapping.clone();
    (
        side("l", Side::Left),
        side("r", Side::Right),
        proptest::option::of(any::<u64>()),
        any::<bool>(),
        standing(),
    )
        .prop_map(move |(left, right, base, dirty, standing)| {
            let sides = Sides::new(left, right);
            // A pair is settled only when both sides have a key.
            let base = base.filter(|_| sides.left.key.is_some() && sides.right.key.is_some());
            PairState {
                id,
                base: base.map(|odd| base_of(&sides, &mapping, odd)),
                sides,
                dirty,
                standing,
            }
        })
        .boxed()
}

/// A base that was settled from what these sides show. Of each field two bits of `odd` are looked at:
/// 0 settles what is shown, 1 or 2 let the left or the right side have held something else, as before
/// an edit, 3 leaves the field unsettled. Where one side does not show its value, it held the other's.
pub fn base_of(sides: &Sides<SideState>, mapping: &Mapping, odd: u64) -> Base {
    let fields = mapping.fields.iter().enumerate();
    let fields = fields.filter_map(|(at, field)| {
        let shown = Sides::from_fn(|side| {
            let shadow = sides[side].shadow.as_ref()?;
            shadow.cells.complete(&field.ids[side]).cloned()
        });
        let code = (odd >> (2 * at % 64)) & 3;
        let one = shown.left.clone().or_else(|| shown.right.clone())?;
        let mut values = shown.map(|value| value.unwrap_or_else(|| one.clone()));
        let before = Value::text("before");
        match code {
            0 => {}
            1 => values.left = before,
            2 => values.right = before,
            _ => return None,
        }
        Some(BaseField {
            name: field.name().clone(),
            values,
            lens: field.tag(),
        })
    });
    let trashed = |side: Side| {
        let shadow = sides[side].shadow.as_ref();
        shadow.is_some_and(|shadow| shadow.lifecycle == Lifecycle::Trashed)
    };
    let lifecycle = match trashed(Side::Left) && trashed(Side::Right) {
        true => Lifecycle::Trashed,
        false => Lifecycle::Live,
    };
    Base::new(lifecycle, fields)
}

/// A case a planner meets every day: both sides were settled with one value per field, then some
/// cells of either side were edited, emptied or read badly, and either record may have gone.
pub fn settled_pair(id: PairId, mapping: &Mapping) -> BoxedStrategy<PairState> {
    let count = mapping.fields.len();
    let mapping = mapping.clone();
    let edits = vec(proptest::option::weighted(0.3, cell()), count);
    (
        vec(value(), count),
        edits.clone(),
        edits,
        presence(),
        presence(),
    )
        .prop_map(move |(settled, left_edits, right_edits, left, right)| {
            let edits = Sides::new(left_edits, right_edits);
            let names = Sides::new("l", "r");
            let presence = Sides::new(left, right);
            let side = |side: Side| {
                let cells = mapping.fields.iter().zip(&settled).zip(&edits[side]);
                let cells = cells.map(|((field, value), edit)| {
                    let now = edit
                        .clone()
                        .unwrap_or_else(|| Cell::Complete(value.clone()));
                    (field.ids[side].clone(), now)
                });
                let record = Record {
                    key: Key::durable(format!("{}{}", names[side], id.0)),
                    lifecycle: Lifecycle::Live,
                    version: None,
                    edited_at: None,
                    rank: None,
                    cells: cells.collect(),
                };
                // What was settled was there once.
                let presence = match presence[side].clone() {
                    Presence::Never => Presence::Present,
                    presence => presence,
                };
                SideState {
                    presence,
                    ..SideState::seen(record)
                }
            };
            let fields = mapping.fields.iter().zip(&settled);
            let fields = fields.map(|(field, value)| BaseField {
                name: field.name().clone(),
                values: Sides::new(value.clone(), value.clone()),
                lens: field.tag(),
            });
            PairState {
                id,
                sides: Sides::from_fn(side),
                base: Some(Base::new(Lifecycle::Live, fields)),
                dirty: true,
                standing: None,
            }
        })
        .boxed()
}

/// A command on this record, or a create, that writes some of these fields.
pub fn command(key: Key, fields: &[FieldId]) -> BoxedStrategy<Command> {
    let kind = proptest::sample::select(vec![
        CommandKind::Create,
        CommandKind::Patch,
        CommandKind::Trash,
        CommandKind::Untrash,
    ]);
    let fields = proptest::sample::subsequence(fields.to_vec(), 0..=fields.len());
    let cells = fields.prop_flat_map(|fields| {
        let cells = fields
            .into_iter()
            .map(|field| (Just(field), proptest::option::of(value()), value()));
        cells.collect::<Vec<_>>()
    });
    (kind, cells)
        .prop_map(move |(kind, cells)| Command {
            kind,
            key: (kind != CommandKind::Create).then(|| key.clone()),
            cells: cells
                .into_iter()
                .map(|(field, expected, desired)| CellChange {
                    field,
                    expected,
                    desired,
                })
                .collect(),
            holding: Vec::new(),
        })
        .boxed()
}

/// An intent of this name for a pair, in any state.
pub fn intent(id: IntentId, pair: PairId, fields: &[FieldId]) -> BoxedStrategy<Intent> {
    let side = prop_oneof![Just(Side::Left), Just(Side::Right)];
    let command = command(Key::durable(format!("l{}", pair.0)), fields);
    let state = proptest::sample::select(IntentState::ALL.to_vec());
    let when = proptest::option::of((0..9_i64).prop_map(Timestamp));
    (
        side,
        command,
        state,
        0..6_u32,
        when,
        proptest::option::of(text()),
    )
        .prop_map(
            move |(side, command, state, attempts, attempted_at, note)| Intent {
                id,
                pair,
                side,
                rule: "R02".into(),
                fields: command
                    .cells
                    .iter()
                    .map(|cell| IntentField {
                        name: cell.field.clone(),
                        source: Some(cell.desired.clone()),
                        expected: cell.expected.clone(),
                        desired: cell.desired.clone(),
                    })
                    .collect(),
                command,
                marker: None,
                state,
                attempts,
                attempted_at,
                note,
                edit: false,
                due_at: None,
                refusal: None,
                ended_at: None,
            },
        )
        .boxed()
}

/// A conflict over this field of a pair; few values, so that the same ones come back.
pub fn conflict(pair: PairId, field: FieldId) -> BoxedStrategy<Conflict> {
    let few = || {
        prop_oneof![
            4 => (0..2_i64).prop_map(|number| Value::Number(number.into())),
            1 => number().prop_map(Value::Number),
        ]
    };
    let base =
        proptest::option::of((few(), few()).prop_map(|(left, right)| Sides::new(left, right)));
    let side = prop_oneof![Just(Side::Left), Just(Side::Right)];
    let resolution = proptest::option::weighted(0.3, side.prop_map(Resolution::Keep));
    (
        base,
        few(),
        few(),
        (0..9_i64).prop_map(Timestamp),
        resolution,
    )
        .prop_map(move |(base, left, right, opened_at, resolution)| Conflict {
            pair,
            field: field.clone(),
            base,
            values: Sides::new(left, right),
            opened_at,
            resolution,
        })
        .boxed()
}

/// Facts about a link as they are after some runs.
pub fn link_memory() -> BoxedStrategy<LinkMemory> {
    let when = || proptest::option::of((0..9_i64).prop_map(Timestamp));
    let side = || {
        let cursor = proptest::option::of((0..9_u8).prop_map(|at| Cursor(at.to_string())));
        let ahead = proptest::collection::btree_map(
            (1..6_u64).prop_map(PairId),
            (0..9_i64).prop_map(Timestamp),
            0..3,
        );
        let facts = (cursor, when(), when(), ahead, sweep(), sweep());
        facts.prop_map(
            |(cursor, full, scanned, ahead, sweep, catch_up)| SideMemory {
                cursor,
                full_scan_at: full,
                scanned_at: scanned,
                schema: None,
                described_at: None,
                ahead_of_index: ahead,
                lineage: None,
                sweep,
                catch_up,
            },
        )
    };
    let mapping = proptest::option::of((0..3_u8).prop_map(|byte| Digest::of(&[byte])));
    let filters = proptest::option::of((0..3_u8).prop_map(|byte| Digest::of(&[byte])));
    let references = proptest::option::of((0..3_u8).prop_map(|byte| Digest::of(&[byte])));
    let field = || "[ab]".prop_map(FieldId::new);
    let digest = (0..3_u8).prop_map(|byte| Digest::of(&[byte]));
    let fields = proptest::collection::btree_map(field(), digest, 0..3);
    let quarantine = (any::<bool>(), "[xy]{0,3}").prop_map(|(left, reason)| Quarantine {
        side: if left { Side::Left } else { Side::Right },
        reason,
    });
    let quarantined = proptest::collection::btree_map(field(), quarantine, 0..3);
    let fields = (fields, quarantined, references);
    (mapping, filters, any::<bool>(), side(), side(), fields)
        .prop_map(|(mapping, filters, unapproved_change, left, right, rest)| {
            let (fields, quarantined, references) = rest;
            LinkMemory {
                mapping,
                references,
                filters,
                unapproved_change,
                sides: Sides::new(left, right),
                sent_twice: Default::default(),
                adopting: false,
                undo_horizon: None,
                options: Default::default(),
                altered: Vec::new(),
                fields: Arc::new(fields),
                quarantined,
            }
        })
        .boxed()
}

/// A scan that is read in slices, or none.
fn sweep() -> impl Strategy<Value = Option<Sweep>> {
    let rank = || (0..5_u8).prop_map(|at| Rank::new(at.to_string()));
    let next = prop_oneof![
        Just(Bound::Unbounded),
        rank().prop_map(Bound::Included),
        rank().prop_map(Bound::Excluded),
    ];
    let sweep = (next, 0..9_i64, any::<bool>()).prop_map(|(next, at, asked)| Sweep {
        next,
        cursor: asked.then(|| Cursor(at.to_string())),
        seen: 3,
        gaps: u64::from(asked),
        ..Sweep::new(Timestamp(at), asked)
    });
    proptest::option::weighted(0.3, sweep)
}
