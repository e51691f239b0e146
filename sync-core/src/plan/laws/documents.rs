//! Schema commands in a saved plan: compared, and proved to be as they were planned.

use super::*;
use crate::plan::{Plan, PlanError, PlannedOver, SchemaCommand, SchemaRule};
use crate::schema::SchemaChange;

/// A plan that gives the right side a title.
fn titled(title: &str) -> Plan {
    let case = empty_case(Mapping::default());
    let over = PlannedOver::of(&case.spec, &case.described);
    let mut plan = Plan::new(&case.spec, &case.described, over);
    plan.add_schema([SchemaCommand {
        side: Side::Right,
        rule: SchemaRule::S04,
        field: None,
        change: SchemaChange::SetTitle {
            title: title.into(),
        },
    }]);
    plan.finish(crate::plan::Estimate::default());
    plan
}

#[test]
fn a_schema_command_that_only_one_plan_has_is_told_and_one_that_both_have_is_not() {
    let (one, other) = (titled("Books"), titled("Shelf"));
    assert!(one.diff(&titled("Books")).is_empty());
    let diff = one.diff(&other);
    assert_eq!(diff.only_here, [one.schema[0].id]);
    assert_eq!(diff.only_there, [other.schema[0].id]);
}

#[test]
fn a_schema_command_whose_name_or_digest_was_changed_by_hand_is_refused() {
    let read = |plan: &Plan| Plan::from_json(&serde_json::to_string(plan).unwrap());
    let plan = titled("Books");
    assert_eq!(read(&plan).unwrap(), plan);
    let mut renamed = plan.clone();
    renamed.schema[0].id = titled("Shelf").schema[0].id;
    let mut digested = plan.clone();
    digested.schema[0].digest = titled("Shelf").schema[0].digest;
    for altered in [renamed, digested] {
        assert!(matches!(read(&altered), Err(PlanError::Altered(_))));
    }
}

#[test]
fn a_saved_plan_tells_nothing_of_what_it_does_not_leave_out() {
    let json = serde_json::to_value(titled("Books")).unwrap();
    assert!(json.get("creates_left_out").is_none(), "{json}");
}
