//! How a schema became another one, as events.

use std::mem::discriminant;

use serde::{Deserialize, Serialize};

use super::{Access, Field, FieldId, FieldType, Limits, Relation, Schema};
use crate::value::Choice;

/// Whether a field keeps its id when people rename it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldIds {
    /// It does (Notion): another name under the same id is a rename.
    Stable,
    /// The name is all there is (SQL columns, keys of files): another name is another field.
    NameOnly,
}

/// One difference between a schema and a later one.
///
/// All differences are told but three: the order of fields, the order of options, and how exactly
/// numbers are kept, which never changes under people's hands: a later version knows it of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SchemaEvent {
    /// The collection has another name.
    TitleRenamed {
        /// The former name.
        from: String,
        /// The name now.
        to: String,
    },
    /// A field is gone, and what it held with it.
    Removed {
        /// The field as it was.
        field: Field,
    },
    /// A field has another name; its values are the same.
    Renamed {
        /// Which field.
        field: FieldId,
        /// The former name.
        from: String,
        /// The name now.
        to: String,
    },
    /// A field holds another kind of value.
    Retyped {
        /// Which field.
        field: FieldId,
        /// What it held.
        from: FieldType,
        /// What it holds now.
        to: FieldType,
    },
    /// References point elsewhere, or are mirrored elsewhere.
    RelationRetargeted {
        /// Which field.
        field: FieldId,
        /// Where they pointed.
        from: Relation,
        /// Where they point now.
        to: Relation,
    },
    /// An option is gone, and from every value that held it.
    OptionRemoved {
        /// Which field.
        field: FieldId,
        /// The option as it was.
        option: Choice,
    },
    /// An option has another name under the same id.
    OptionRenamed {
        /// Which field.
        field: FieldId,
        /// The option as it was.
        from: Choice,
        /// The option now.
        to: Choice,
    },
    /// There is a new option.
    OptionAdded {
        /// Which field.
        field: FieldId,
        /// The option.
        option: Choice,
    },
    /// Others may write the field than before.
    AccessChanged {
        /// Which field.
        field: FieldId,
        /// Who might.
        from: Access,
        /// Who may now.
        to: Access,
    },
    /// The peer takes larger or smaller values than before.
    LimitsChanged {
        /// Which field.
        field: FieldId,
        /// What it took.
        from: Limits,
        /// What it takes now.
        to: Limits,
    },
    /// There is a new field.
    Added {
        /// The field.
        field: Field,
    },
}

impl SchemaEvent {
    /// The field it happened to; `None` for the collection.
    pub fn field(&self) -> Option<&FieldId> {
        match self {
            Self::TitleRenamed { .. } => None,
            Self::Removed { field } | Self::Added { field } => Some(&field.id),
            Self::Renamed { field, .. }
            | Self::Retyped { field, .. }
            | Self::RelationRetargeted { field, .. }
            | Self::OptionRemoved { field, .. }
            | Self::OptionRenamed { field, .. }
            | Self::OptionAdded { field, .. }
            | Self::AccessChanged { field, .. }
            | Self::LimitsChanged { field, .. } => Some(field),
        }
    }

    /// What became of the field, in words that follow its name, if it is not the field any more
    /// that was mapped.
    pub fn estranges(&self) -> Option<String> {
        match self {
            Self::Removed { .. } => Some("is gone".into()),
            // One and the same kind, that was not interpreted before and is now, or the other way.
            Self::Retyped { from, to, .. } if from.name() == to.name() => None,
            Self::Retyped { from, to, .. } => {
                let (from, to) = (from.name(), to.name());
                Some(format!("held {from} and holds {to} now"))
            }
            Self::RelationRetargeted { from, to, .. } if from.target != to.target => {
                Some("refers to another collection now".into())
            }
            _ => None,
        }
    }

    /// Whether a mapping made from the schema would be another one now.
    pub fn reshapes(&self) -> bool {
        matches!(self, Self::Added { .. } | Self::Retyped { .. }) || self.estranges().is_some()
    }

    /// Whether records may be decided otherwise because of it. What was refused for want of it is
    /// looked at again anyway.
    pub fn matters(&self) -> bool {
        match self {
            Self::TitleRenamed { .. }
            | Self::Renamed { .. }
            | Self::OptionAdded { .. }
            | Self::OptionRenamed { .. }
            | Self::LimitsChanged { .. } => false,
            Self::Removed { .. }
            | Self::Added { .. }
            | Self::Retyped { .. }
            | Self::RelationRetargeted { .. }
            | Self::OptionRemoved { .. }
            | Self::AccessChanged { .. } => true,
        }
    }
}

impl Schema {
    /// What happened to this schema until it was the later one: the title first, then field by
    /// field in this schema's order, new fields last in the later one's. Nothing if they are equal
    /// up to order.
    ///
    /// Fields are bound by id. Where names are all there is, a rename is a removal and an addition.
    /// Options are bound by id where they have one, else by name.
    pub fn drift(&self, later: &Self, ids: FieldIds) -> Vec<SchemaEvent> {
        let same = |one: &Field, other: &Field| {
            one.id == other.id && (ids == FieldIds::Stable || one.name == other.name)
        };
        let mut events = Vec::new();
        if self.title != later.title {
            events.push(SchemaEvent::TitleRenamed {
                from: self.title.clone(),
                to: later.title.clone(),
            });
        }
        for field in &self.fields {
            match later.fields.iter().find(|now| same(field, now)) {
                Some(now) => changed(field, now, &mut events),
                None => events.push(SchemaEvent::Removed {
                    field: field.clone(),
                }),
            }
        }
        let is_new = |now: &&Field| !self.fields.iter().any(|field| same(field, now));
        let new = later.fields.iter().filter(is_new).cloned();
        events.extend(new.map(|field| SchemaEvent::Added { field }));
        events
    }
}

fn changed(before: &Field, now: &Field, events: &mut Vec<SchemaEvent>) {
    let field = &before.id;
    if before.name != now.name {
        events.push(SchemaEvent::Renamed {
            field: field.clone(),
            from: before.name.clone(),
            to: now.name.clone(),
        });
    }
    match (&before.ty, &now.ty) {
        (from, to) if from == to => {}
        (FieldType::Relation(from), FieldType::Relation(to)) => {
            events.push(SchemaEvent::RelationRetargeted {
                field: field.clone(),
                from: from.clone(),
                to: to.clone(),
            });
        }
        (from, to) => match (from.options(), to.options()) {
            (Some(before), Some(now)) if discriminant(from) == discriminant(to) => {
                changed_options(field, before, now, events);
            }
            _ => events.push(SchemaEvent::Retyped {
                field: field.clone(),
                from: from.clone(),
                to: to.clone(),
            }),
        },
    }
    if before.access != now.access {
        events.push(SchemaEvent::AccessChanged {
            field: field.clone(),
            from: before.access,
            to: now.access,
        });
    }
    if told(before.limits) != told(now.limits) {
        events.push(SchemaEvent::LimitsChanged {
            field: field.clone(),
            from: before.limits,
            to: now.limits,
        });
    }
}

/// The limits people hear of.
fn told(limits: Limits) -> Limits {
    Limits {
        floats: false,
        ..limits
    }
}

fn changed_options(
    field: &FieldId,
    before: &[Choice],
    now: &[Choice],
    events: &mut Vec<SchemaEvent>,
) {
    let same = |one: &Choice, other: &Choice| match (&one.id, &other.id) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one.name == other.name,
        _ => false,
    };
    for option in before {
        match now.iter().find(|now| same(option, now)) {
            Some(now) if now.name == option.name => {}
            Some(now) => events.push(SchemaEvent::OptionRenamed {
                field: field.clone(),
                from: option.clone(),
                to: now.clone(),
            }),
            None => events.push(SchemaEvent::OptionRemoved {
                field: field.clone(),
                option: option.clone(),
            }),
        }
    }
    let is_new = |now: &&Choice| !before.iter().any(|option| same(option, now));
    let new = now.iter().filter(is_new).cloned();
    events.extend(new.map(|option| SchemaEvent::OptionAdded {
        field: field.clone(),
        option,
    }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::port::PlaceId;

    /// What the events say, done to a schema.
    fn apply(schema: &mut Schema, event: &SchemaEvent) {
        use SchemaEvent as E;
        fn field<'a>(schema: &'a mut Schema, id: &FieldId) -> &'a mut Field {
            schema
                .fields
                .iter_mut()
                .find(|field| field.id == *id)
                .unwrap()
        }
        let mut options =
            |id: &FieldId, change: &dyn Fn(&mut Vec<Choice>)| match &mut field(schema, id).ty {
                FieldType::Select(all) | FieldType::Status(all) | FieldType::MultiSelect(all) => {
                    change(all);
                }
                _ => panic!("{id} has no options"),
            };
        match event {
            E::OptionAdded { field, option } => options(field, &|all| all.push(option.clone())),
            E::OptionRemoved { field, option } => {
                options(field, &|all| all.retain(|one| one != option));
            }
            E::OptionRenamed { field, from, to } => options(field, &|all| {
                let at = all.iter().position(|one| one == from).unwrap();
                all[at] = to.clone();
            }),
            E::TitleRenamed { to, .. } => schema.title.clone_from(to),
            E::Removed { field } => schema.fields.retain(|one| one != field),
            E::Added { field } => schema.fields.push(field.clone()),
            E::Renamed { field: id, to, .. } => field(schema, id).name.clone_from(to),
            E::Retyped { field: id, to, .. } => field(schema, id).ty = to.clone(),
            E::RelationRetargeted { field: id, to, .. } => {
                field(schema, id).ty = FieldType::Relation(to.clone());
            }
            E::AccessChanged { field: id, to, .. } => field(schema, id).access = *to,
            E::LimitsChanged { field: id, to, .. } => field(schema, id).limits = *to,
        }
    }

    /// The same schema with fields and options in one order.
    fn sorted(mut schema: Schema) -> Schema {
        schema.fields.sort_by(|a, b| a.id.cmp(&b.id));
        for field in &mut schema.fields {
            if let FieldType::Select(all) | FieldType::Status(all) | FieldType::MultiSelect(all) =
                &mut field.ty
            {
                all.sort();
            }
        }
        schema
    }

    fn options() -> impl Strategy<Value = Vec<Choice>> {
        let one = (prop::option::of("[12]"), "[ab]").prop_map(|(id, name)| Choice {
            id: id.map(Into::into),
            name: name.into(),
        });
        prop::collection::vec(one, 0..4).prop_map(|mut all| {
            let mut seen = std::collections::BTreeSet::new();
            all.retain(|one| seen.insert(one.id.clone().ok_or_else(|| one.name.clone())));
            all
        })
    }

    fn types() -> impl Strategy<Value = FieldType> {
        let relation = ("[xy]", prop::option::of("[m]")).prop_map(|(target, mirror)| Relation {
            target: PlaceId::new(target),
            mirror: mirror.map(FieldId::new),
        });
        prop_oneof![
            Just(FieldType::Text),
            Just(FieldType::Formula),
            Just(FieldType::Other("formula".into())),
            options().prop_map(FieldType::Select),
            options().prop_map(FieldType::Status),
            options().prop_map(FieldType::MultiSelect),
            relation.prop_map(FieldType::Relation),
        ]
    }

    fn schemas() -> impl Strategy<Value = Schema> {
        let access = prop::sample::select(vec![Access::Writable, Access::Computed]);
        let limits = prop::option::of(1..3_u32);
        let field = ("[ab]", types(), access, limits).prop_map(|(name, ty, access, limit)| Field {
            id: FieldId::new(""),
            name,
            ty,
            access,
            limits: Limits {
                max_utf16: limit,
                ..Limits::default()
            },
        });
        let fields = prop::collection::btree_map("[1-4]", field, 0..4);
        let fields = (fields, any::<bool>()).prop_map(|(fields, backwards)| {
            let with_id = |(id, field): (String, Field)| Field {
                id: FieldId::new(id),
                ..field
            };
            let mut fields: Vec<_> = fields.into_iter().map(with_id).collect();
            if backwards {
                fields.reverse();
            }
            fields
        });
        ("[tu]", fields).prop_map(|(title, fields)| Schema { title, fields })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn the_events_lead_from_one_schema_to_the_other(
            before in schemas(), now in schemas(), stable: bool,
        ) {
            let ids = if stable { FieldIds::Stable } else { FieldIds::NameOnly };
            let mut drifted = before.clone();
            for event in before.drift(&now, ids) {
                apply(&mut drifted, &event);
            }
            prop_assert_eq!(sorted(drifted), sorted(now));
        }

        #[test]
        fn a_schema_does_not_drift_from_itself(schema in schemas(), stable: bool) {
            let ids = if stable { FieldIds::Stable } else { FieldIds::NameOnly };
            prop_assert_eq!(schema.drift(&schema, ids), Vec::new());
            prop_assert_eq!(schema.drift(&sorted(schema.clone()), ids), Vec::new());
        }
    }

    #[test]
    fn e15_a_kind_that_is_interpreted_from_now_on_is_the_same_field_mapped_anew() {
        let people = FieldType::Other("people".into());
        let event = |from: FieldType, to: FieldType| SchemaEvent::Retyped {
            field: FieldId::new("p"),
            from,
            to,
        };
        let known = event(people.clone(), FieldType::People);
        assert_eq!(known.estranges(), None);
        assert!(known.reshapes() && known.matters());
        assert!(event(people, FieldType::Files).estranges().is_some());
    }

    #[test]
    fn pain_20_a_rename_is_told_as_a_rename_where_ids_are_stable() {
        let schema = |name: &str| Schema {
            title: "Tasks".into(),
            fields: vec![Field {
                id: FieldId::new("f"),
                name: name.into(),
                ty: FieldType::Select(vec![Choice::with_id("1", name)]),
                access: Access::Writable,
                limits: Limits::default(),
            }],
        };
        let (before, now) = (schema("Due"), schema("Deadline"));
        let stable = before.drift(&now, FieldIds::Stable);
        assert!(
            matches!(&stable[..], [
                SchemaEvent::Renamed { from, to, .. },
                SchemaEvent::OptionRenamed { .. },
            ] if from == "Due" && to == "Deadline"),
            "{stable:?}"
        );
        let named = before.drift(&now, FieldIds::NameOnly);
        assert!(
            matches!(
                &named[..],
                [SchemaEvent::Removed { .. }, SchemaEvent::Added { .. }]
            ),
            "{named:?}"
        );
    }
}
