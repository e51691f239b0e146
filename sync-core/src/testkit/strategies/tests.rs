//! What the strategies promise, and the planner over the cases they make.

use std::fmt::Debug;

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{intent, mapping, pair_state, record, schema, settled_pair, value, value_of};
use crate::link::{LinkId, LinkSpec, Mapping, Names, Policy, Sides};
use crate::outbox::IntentId;
use crate::pair::{PairId, PairState};
use crate::plan::{FieldsOnHold, InFlight, PairContext, plan_pair};
use crate::port::{Capabilities, Description, PlaceId};
use crate::record::{Key, Timestamp};
use crate::schema::{Access, Field, FieldId, FieldType, Limits, Schema};

fn reads_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(it: &T) {
    let json = serde_json::to_string(it).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), it, "{json}");
}

fn fields() -> Vec<FieldId> {
    ["a", "b", "c"].map(FieldId::new).to_vec()
}

fn cases() -> BoxedStrategy<(Mapping, PairState)> {
    mapping(3)
        .prop_flat_map(|mapping| {
            let settled = settled_pair(PairId(1), &mapping);
            let any = pair_state(PairId(1), &mapping);
            (Just(mapping), prop_oneof![2 => settled, 1 => any])
        })
        .boxed()
}

fn link(mapping: Mapping) -> LinkSpec {
    LinkSpec {
        id: LinkId::new("link"),
        places: Sides::new(PlaceId::new("left:1"), PlaceId::new("right:1")),
        names: Sides::new("Left".into(), "Right".into()),
        mapping,
        filters: Sides::default(),
        policy: Policy::default(),
    }
}

fn described(mapping: &Mapping) -> Description {
    let field = |id: &FieldId| Field {
        id: id.clone(),
        name: id.to_string(),
        ty: FieldType::Text,
        access: Access::Writable,
        limits: Limits::default(),
    };
    let fields = mapping.fields.iter();
    Description {
        schema: Schema {
            title: "Tasks".into(),
            fields: fields.map(|mapped| field(&mapped.ids.left)).collect(),
        },
        capabilities: Capabilities::local(),
    }
}

proptest! {
    #[test]
    fn every_value_is_canonical_and_reads_back_from_its_json(value in value()) {
        prop_assert_eq!(&value.clone().canonical(), &value);
        reads_back(&value);
    }

    #[test]
    fn records_schemas_and_intents_read_back_from_their_json(
        record in record(Key::durable("k"), &fields()),
        schema in schema(),
        intent in intent(IntentId(7), PairId(1), &fields()),
    ) {
        reads_back(&record);
        reads_back(&schema);
        reads_back(&intent);
    }

    #[test]
    fn every_type_of_field_has_values(values in schema().prop_flat_map(|schema| {
        schema.fields.iter().map(|field| value_of(&field.ty)).collect::<Vec<_>>()
    })) {
        for value in values {
            prop_assert_eq!(&value.clone().canonical(), &value);
        }
    }

    #[test]
    fn p01_p02_the_planner_decides_every_pair_and_twice_alike((mapping, pair) in cases()) {
        let side = described(&mapping);
        let (spec, described) = (link(mapping), Sides::new(side.clone(), side));
        let context = PairContext {
            spec: &spec,
            described: &described,
            names: &Names::default(),
            now: Timestamp(1),
            arbiter: None,
            on_hold: FieldsOnHold::NONE,
        };
        let plan = || plan_pair(&context, &pair, &InFlight::default());
        let first = plan();
        prop_assert_eq!(first.pair, pair.id);
        prop_assert_eq!(format!("{first:?}"), format!("{:?}", plan()));
    }
}
