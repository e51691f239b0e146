//! The cases that laws are tried on: pairs, bases, links and conflicts of every kind.

use super::*;

pub(super) fn record(key: Key, lifecycle: Lifecycle, cells: &[(&str, Cell)]) -> Record {
    let all = ["title", "flag", "tags", "sum"].map(|id| (id, Cell::Complete(Value::Empty)));
    let cells = all.iter().chain(cells);
    Record {
        key,
        lifecycle,
        version: None,
        edited_at: None,
        rank: None,
        cells: cells
            .map(|(id, cell)| (FieldId::new(*id), cell.clone()))
            .collect(),
    }
}

pub(super) fn described(capabilities: Capabilities) -> Description {
    let field = |id: &str, ty, access| Field {
        id: FieldId::new(id),
        name: id.to_owned(),
        ty,
        access,
        limits: Limits {
            max_utf16: Some(3),
            ..Limits::default()
        },
    };
    let options = vec![Choice::named("a"), Choice::named("b")];
    let fields = vec![
        field("title", FieldType::Title, Access::Writable),
        field("flag", FieldType::Checkbox, Access::Writable),
        field("tags", FieldType::MultiSelect(options), Access::Writable),
        field("sum", FieldType::Text, Access::Computed),
    ];
    let schema = Schema {
        title: "T".into(),
        fields,
    };
    Description {
        schema,
        capabilities,
    }
}

pub(super) fn cell(values: Vec<Value>) -> impl Strategy<Value = Cell> {
    prop_oneof![
        12 => proptest::sample::select(values).prop_map(Cell::Complete),
        1 => Just(Cell::Truncated(Value::text("x"))),
        1 => Just(Cell::Unread),
        1 => Just(Cell::Unsupported(RawJson::new("1"))),
    ]
}

pub(super) fn texts() -> Vec<Value> {
    let rich = Value::rich_text(RichText::plain_text("b"));
    vec![Value::Empty, Value::text("a"), rich, Value::text("long")]
}

pub(super) fn flags() -> Vec<Value> {
    vec![Value::Empty, Value::Bool(false), Value::Bool(true)]
}

pub(super) fn tags() -> Vec<Value> {
    let list =
        |names: &[&str]| Value::choices(names.iter().map(|name| Choice::named(*name)).collect());
    vec![Value::Empty, list(&["a"]), list(&["a", "b"]), list(&["c"])]
}

pub(super) fn side_state() -> impl Strategy<Value = SideState> {
    let shadow = (
        prop_oneof![5 => Just(Lifecycle::Live), 1 => Just(Lifecycle::Trashed)],
        cell(texts()),
        cell(flags()),
        cell(tags()),
        cell(texts()),
    );
    let shadow = shadow.prop_map(|(lifecycle, title, flag, tags, sum)| {
        let cells = [
            ("title", title),
            ("flag", flag),
            ("tags", tags),
            ("sum", sum),
        ];
        record(Key::durable("k"), lifecycle, &cells)
    });
    let presence = prop_oneof![
        10 => Just(Presence::Present),
        1 => Just(Presence::Deleted(Proof::TrashFlag)),
        1 => Just(Presence::Gone),
        1 => Just(Presence::Denied),
        1 => Just(Presence::Unread),
        1 => Just(Presence::Moved(PlaceId::new("test:elsewhere"))),
    ];
    let seen = (presence, shadow).prop_map(|(presence, shadow)| SideState {
        key: Some(shadow.key.clone()),
        presence,
        shadow: Some(shadow),
    });
    prop_oneof![9 => seen, 1 => Just(SideState::default())]
}

/// A base in which every field agrees through its lens (P15).
pub(super) fn base(mapping: Mapping) -> impl Strategy<Value = Option<Base>> {
    let pick = |values: Vec<Value>| {
        (
            proptest::sample::select(values.clone()),
            proptest::sample::select(values),
        )
    };
    let values = (pick(texts()), pick(flags()), pick(tags()), pick(texts()));
    let lifecycle = prop_oneof![6 => Just(Lifecycle::Live), 1 => Just(Lifecycle::Trashed)];
    let lost = prop_oneof![12 => Just(false), 1 => Just(true)];
    let base = (lifecycle, values).prop_map(move |(lifecycle, (title, flag, tags, sum))| {
        let values = [title, flag, tags, sum];
        let fields = mapping.fields.iter().zip(values);
        let fields = fields.filter(|(field, (left, right))| {
            field.lens.agree(&LensContext::default(), left, right)
        });
        let fields = fields.map(|(field, (left, right))| BaseField {
            name: field.name().clone(),
            values: Sides::new(left, right),
            lens: field.tag(),
        });
        Base::new(lifecycle, fields.collect::<Vec<_>>())
    });
    let base = (base, lost).prop_map(|(base, lost)| if lost { Base::lost() } else { base });
    prop_oneof![3 => base.prop_map(Some), 1 => Just(None)]
}

pub(super) fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![
        6 => Just(Direction::Both),
        1 => Just(Direction::Toward(Side::Left)),
        1 => Just(Direction::Toward(Side::Right)),
    ]
}

pub(super) fn authority() -> impl Strategy<Value = Authority> {
    prop_oneof![
        4 => Just(Authority::Person),
        1 => Just(Authority::Side(Side::Left)),
        1 => Just(Authority::Side(Side::Right)),
    ]
}

pub(super) fn spec() -> impl Strategy<Value = LinkSpec> {
    let lens = prop_oneof![
        Just(Lens::Words { rich: Side::Left }),
        Just(Lens::Words { rich: Side::Right }),
        Just(Lens::Identity),
    ];
    let computed = prop_oneof![Just(Side::Left), Just(Side::Right)];
    let rules = proptest::collection::vec((direction(), authority()), 4);
    let filter = prop_oneof![
        5 => Just(None),
        1 => Just(Some(Filter::equals(FieldId::new("flag"), Value::Bool(true)))),
    ];
    let resurrect = prop_oneof![Just(Resurrect::PushEdit), Just(Resurrect::Ask)];
    let leave = prop_oneof![Just(Leave::Keep), Just(Leave::Trash), Just(Leave::Clear)];
    let parts = (
        lens,
        computed,
        rules,
        filter.clone(),
        filter,
        direction(),
        resurrect,
        leave,
    );
    parts.prop_map(
        |(words, from, rules, left, right, direction, resurrect, on_leave)| {
            let lenses = [
                words,
                Lens::Checkbox,
                Lens::Choices,
                Lens::Projection { from },
            ];
            let ids = ["title", "flag", "tags", "sum"];
            let fields = ids.into_iter().zip(lenses).zip(rules);
            let fields = fields.map(|((id, lens), (direction, authority))| MappedField {
                direction,
                authority,
                ..MappedField::new(Sides::new(FieldId::new(id), FieldId::new(id)), lens)
            });
            LinkSpec {
                id: LinkId::new("l"),
                places: Sides::new(PlaceId::new("test:l"), PlaceId::new("test:r")),
                names: Sides::new("L".into(), "R".into()),
                mapping: Mapping {
                    fields: fields.collect(),
                    ..Mapping::default()
                },
                filters: Sides::new(left, right),
                policy: Policy {
                    direction,
                    resurrect,
                    on_leave,
                    ..Policy::default()
                },
            }
        },
    )
}

/// A conflict as an earlier look may have left it, perhaps decided, perhaps about older values.
pub(super) fn conflict() -> impl Strategy<Value = Vec<Conflict>> {
    let resolution = prop_oneof![
        Just(None),
        Just(Some(Resolution::Keep(Side::Left))),
        Just(Some(Resolution::Keep(Side::Right))),
    ];
    let values = (
        proptest::sample::select(texts()),
        proptest::sample::select(texts()),
    );
    let open = (values, resolution).prop_map(|((left, right), resolution)| Conflict {
        pair: PairId(1),
        field: FieldId::new("title"),
        base: None,
        values: Sides::new(left, right),
        opened_at: Timestamp(0),
        resolution,
    });
    proptest::collection::vec(open, 0..2)
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let presumed = (any::<bool>(), any::<bool>());
    let spec = spec().prop_flat_map(|spec| (base(spec.mapping.clone()), Just(spec)));
    let parts = (spec, side_state(), side_state(), conflict(), presumed);
    parts.prop_map(|((base, spec), left, right, conflicts, presumed)| Case {
        spec,
        described: Sides::new(
            described(Capabilities::local()),
            described(Capabilities::local()),
        ),
        names: Names::default(),
        pair: PairState {
            id: PairId(1),
            // What was settled has a key on both sides.
            base: base.filter(|_| left.key.is_some() && right.key.is_some()),
            sides: Sides::new(left, right),
            dirty: true,
            standing: None,
        },
        conflicts,
        presumed: Sides::new(presumed.0, presumed.1),
    })
}

/// A settled pair of which one record does not pass the filter any more; its counterpart is to be
/// emptied. Whatever is not settled is empty on both sides.
pub(super) fn left_the_filter() -> impl Strategy<Value = Case> {
    let side = prop_oneof![Just(Side::Left), Just(Side::Right)];
    (case(), side, any::<bool>()).prop_map(|(mut case, from, both)| {
        let passes = Filter::equals(FieldId::new("flag"), Value::Bool(true));
        case.spec.filters = Sides::from_fn(|side| (side == from || both).then(|| passes.clone()));
        case.spec.policy.on_leave = Leave::Clear;
        case.spec.policy.direction = Direction::Both;
        for field in &mut case.spec.mapping.fields {
            // Of what was never settled one side may hold something else.
            field.authority = Authority::Person;
        }
        case.conflicts.clear();
        let former = case.pair.base.take().unwrap_or_default();
        let base = Base::new(Lifecycle::Live, former.fields().iter().cloned());
        for side in Side::BOTH {
            let cells = base.fields().iter().map(|settled| {
                let cell = Cell::Complete(settled.values[side].clone());
                (settled.name.as_str(), cell)
            });
            let mut shadow = record(
                Key::durable("k"),
                Lifecycle::Live,
                &cells.collect::<Vec<_>>(),
            );
            if side == from {
                let flag = Cell::Complete(Value::Bool(false));
                shadow.cells.put(FieldId::new("flag"), flag);
            } else if both {
                let flag = Cell::Complete(Value::Bool(true));
                shadow.cells.put(FieldId::new("flag"), flag);
            }
            case.pair.sides[side] = SideState::seen(shadow);
        }
        case.pair.base = Some(base);
        case
    })
}

/// Pairs as the exported strategies make them, with their mapping.
pub(super) fn strategies_of_pairs() -> impl Strategy<Value = (Mapping, PairState)> {
    use crate::testkit::strategies;
    strategies::mapping(3).prop_flat_map(|mapping| {
        let pair = prop_oneof![
            strategies::pair_state(PairId(1), &mapping),
            strategies::settled_pair(PairId(1), &mapping),
        ];
        (Just(mapping), pair)
    })
}

/// A pair of which nothing is known yet, under this mapping.
pub(super) fn empty_case(mapping: Mapping) -> Case {
    let spec = LinkSpec {
        id: LinkId::new("l"),
        places: Sides::new(PlaceId::new("test:l"), PlaceId::new("test:r")),
        names: Sides::new("L".into(), "R".into()),
        mapping,
        filters: Sides::default(),
        policy: Policy::default(),
    };
    Case {
        spec,
        described: Sides::new(
            described(Capabilities::local()),
            described(Capabilities::local()),
        ),
        names: Names::default(),
        pair: PairState {
            id: PairId(1),
            sides: Sides::default(),
            base: None,
            dirty: true,
            standing: None,
        },
        conflicts: Vec::new(),
        presumed: Sides::default(),
    }
}
