//! Plans as documents: compared, of another format, changed by hand, what they name.

use std::time::Duration;

use super::plans::{apply, busy, command, only, outcomes, page, saved};
use super::world::{World, is_live, text};
use crate::engine::CommandOutcome;
use crate::link::Side;
use crate::plan::{Approval, CommandId, Plan, PlanError};

#[test]
fn two_plans_over_one_state_differ_in_nothing_and_a_later_one_in_what_was_edited() {
    let world = busy();
    let plan = saved(&world);
    world.clock.advance(Duration::from_secs(5));
    let same = world.plan();
    assert!(plan.diff(&same).is_empty());
    let new = world.local.person_creates(&[("title", text("later"))]);
    let edited = world.partner(Side::Left, &page(&world, "page 1"));
    world.local.person_sets(&edited, "notes", text("again"));
    let later = world.plan();
    let diff = plan.diff(&later);
    assert_eq!(diff.only_here, []);
    assert_eq!(diff.only_there, [command(&later, "later")]);
    let [changed] = &diff.changed[..] else {
        panic!("one command changed: {diff:?}");
    };
    assert_eq!(changed.here, command(&plan, "page 1"));
    assert_eq!(changed.there, command(&later, "page 1"));
    let back = later.diff(&plan);
    assert_eq!((back.only_here, back.only_there), (diff.only_there, vec![]));
    assert!(is_live(&world.local, &new));
}

#[test]
fn a_record_that_got_its_second_key_is_still_the_same_record_in_a_diff() {
    let world = World::new();
    let row = world.local.person_creates(&[("title", text("new"))]);
    let before = world.plan();
    world.settle();
    world.local.person_sets(&row, "notes", text("more"));
    let after = world.plan();
    let diff = before.diff(&after);
    assert_eq!((diff.only_here.len(), diff.only_there.len()), (0, 0));
    assert_eq!(diff.changed.len(), 1);
}

#[test]
fn a_newer_format_is_refused_and_unknown_fields_are_passed_over() {
    let world = busy();
    let plan = world.plan();
    let mut json = serde_json::to_value(&plan).unwrap();
    json["added later"] = 1.into();
    json["items"][0]["added later"] = 1.into();
    json["items"][0]["commands"][0]["added later"] = 1.into();
    assert_eq!(Plan::from_json(&json.to_string()).unwrap(), plan);
    json["format"] = 2.into();
    let refused = Plan::from_json(&json.to_string());
    assert!(matches!(
        refused,
        Err(PlanError::Newer { found: 2, known: 1 })
    ));
    assert!(serde_json::from_value::<Plan>(json).is_err());
    assert!(matches!(
        Plan::from_json("{}"),
        Err(PlanError::Malformed(_))
    ));
}

#[test]
fn a_command_changed_by_hand_is_refused() {
    let world = World::new();
    let (page, _) = world.settled_pair();
    world.notion.person_sets(&page, "notes", text("planned"));
    let plan = world.plan();
    let json = serde_json::to_string(&plan).unwrap();
    let altered = Plan::from_json(&json.replace("planned", "altered"));
    assert!(matches!(altered, Err(PlanError::Altered(id)) if id == command(&plan, "a")));
    let id = command(&plan, "a").to_string();
    let renamed = Plan::from_json(&json.replace(&id, "1-00000000"));
    assert!(matches!(renamed, Err(PlanError::Altered(_))));
    // Also where it came by another way than `from_json`.
    let altered: Plan = serde_json::from_str(&json.replace("planned", "altered")).unwrap();
    let before = world.local.records();
    let applied = apply(&world, &altered, &Approval::All);
    assert!(matches!(
        &outcomes(&applied)[..],
        [CommandOutcome::Stale { .. }]
    ));
    assert_eq!(world.local.records(), before);
}

#[test]
fn names_of_commands_read_back_and_nothing_else_does() {
    let plan = busy().plan();
    for (_, listed) in plan.listed() {
        assert_eq!(listed.id.to_string().parse(), Ok(listed.id));
    }
    for odd in ["", "1", "1-", "-1", "1-abc", "1-0000000g", "+1-00000000"] {
        assert!(odd.parse::<CommandId>().is_err(), "{odd}");
    }
}

#[test]
fn an_approval_reads_back_from_json() {
    let plan = busy().plan();
    let ids: Vec<CommandId> = plan.listed().map(|(_, listed)| listed.id).collect();
    for approval in [Approval::All, only(&ids[..2])] {
        let json = serde_json::to_string(&approval).unwrap();
        assert_eq!(serde_json::from_str::<Approval>(&json).unwrap(), approval);
    }
}

#[test]
fn conflicts_and_refusals_of_a_plan_name_their_records() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "notes", text("theirs"));
    world.local.person_sets(&row, "notes", text("ours"));
    let plan = saved(&world);
    let record = plan.record(plan.conflicts[0].pair).unwrap();
    assert_eq!(record.label, "a");
    assert_eq!(record.keys.right, Some(row));
}
