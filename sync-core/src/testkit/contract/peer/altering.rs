//! Laws of schema changes: what is answered as done holds, and nothing else moves.

use super::bench::{Bench, Setup, patch};
use crate::port::{Call, Cancel, Outcome, PeerError, Sent};
use crate::schema::{Access, FieldType, Schema, SchemaChange, SchemaEvent};
use crate::testkit::contract::skip;
use crate::value::{Choice, Value};

/// A schema change that is answered as done holds in the schema read next, one that is refused
/// changed nothing, and neither takes anything away. A peer that says that it changes schemas adds a
/// field; one that says it does not refuses everything.
pub fn a_schema_change_answered_as_done_is_read_back(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let key = bench.person_creates(1);
    let content = bench.content_of(&key);
    for change in additions(bench.schema()) {
        let before = bench.describe();
        let done = match alter(&bench, &before.schema, &change) {
            Ok(outcomes) => match outcomes.as_slice() {
                [Outcome::Done(_)] => true,
                [Outcome::Rejected(_)] => false,
                other => panic!("{change:?}: {other:?}"),
            },
            Err(error) => {
                assert_eq!(error.sent, Sent::No, "{change:?}: {error}");
                false
            }
        };
        let after = bench.describe();
        assert!(!done || change.holds_in(&after.schema), "{change:?}");
        assert!(done || before == after, "{change:?} was refused");
        assert!(!done || bench.can().alter, "{change:?} was done");
        let added = matches!(change, SchemaChange::AddField { .. }) && bench.can().alter;
        assert!(done || !added, "the peer says that it changes schemas");
        let events = before.schema.drift(&after.schema, bench.can().field_ids);
        let lost = events.iter().find(|event| {
            event.estranges().is_some() || matches!(event, SchemaEvent::OptionRemoved { .. })
        });
        assert_eq!(lost, None, "{change:?}");
        assert_eq!(bench.content_of(&key), content, "values stay: {change:?}");
    }
}

/// A renamed option is the same option: records go on holding it.
pub fn a_renamed_option_stays_with_its_records(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let Some((field, option)) = an_option(bench.schema()) else {
        return skip("no field has options");
    };
    let key = bench.person_creates(0);
    let held = match bench.schema().field(&field).map(|field| &field.ty) {
        Some(FieldType::MultiSelect(_)) => Value::choices(vec![option.clone()]),
        _ => Value::Choice(option.clone()),
    };
    bench.done(patch(&key, [(field.clone(), held)]));
    let change = SchemaChange::RenameOption {
        field: field.clone(),
        option: option.clone(),
        name: "Renamed by contract".into(),
    };
    let schema = bench.describe().schema;
    match alter(&bench, &schema, &change) {
        Ok(outcomes) if matches!(outcomes.as_slice(), [Outcome::Done(_)]) => {}
        _ => return skip("options keep their names here"),
    }
    let now = bench.here(&key);
    let value = now.cells.complete(&field).map(Value::display);
    assert_eq!(value.as_deref(), Some("Renamed by contract"));
}

fn additions(schema: &Schema) -> Vec<SchemaChange> {
    let mut changes = vec![SchemaChange::AddField {
        name: "Added".into(),
        ty: FieldType::Number,
    }];
    let writable = |ty: &FieldType| !matches!(ty, FieldType::Title);
    let mut fields = schema.fields.iter();
    let renamed = fields.find(|field| field.access == Access::Writable && writable(&field.ty));
    changes.extend(renamed.map(|field| SchemaChange::RenameField {
        field: field.id.clone(),
        name: "Renamed".into(),
    }));
    if let Some((field, _)) = an_option(schema) {
        changes.push(SchemaChange::AddOptions {
            field: field.clone(),
            names: vec!["Another".into()],
        });
    }
    changes.push(SchemaChange::SetTitle {
        title: "Called otherwise".into(),
    });
    changes
}

fn an_option(schema: &Schema) -> Option<(crate::schema::FieldId, Choice)> {
    let fields = schema.fields.iter();
    let mut writable = fields.filter(|field| field.access == Access::Writable);
    writable.find_map(|field| {
        let option = field.ty.options()?.first()?;
        Some((field.id.clone(), option.clone()))
    })
}

fn alter(bench: &Bench, expect: &Schema, change: &SchemaChange) -> Result<Vec<Outcome>, PeerError> {
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    let changes = std::slice::from_ref(change);
    let version = expect.version();
    bench.run(bench.peer().alter(&call, &version, changes))
}
