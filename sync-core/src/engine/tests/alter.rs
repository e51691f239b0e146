//! Schema commands: planned, guarded, carried out first, seen to hold.

use std::collections::BTreeMap;

use futures::executor::block_on;

use super::world::{World, names, tags, text};
use crate::engine::{CommandOutcome, Report, RunOptions};
use crate::link::{OptionPolicy, Side, Sides};
use crate::plan::{Approval, Guard, Plan, SchemaRule};
use crate::port::Capabilities;
use crate::schema::{FieldId, FieldIds, FieldType, Schema, SchemaChange};
use crate::testkit::{Fault, MemoryPeer, MemoryStore};
use crate::value::{Choice, Value};

fn options_of(schema: &Schema) -> Vec<String> {
    let tags = schema.field(&FieldId::new("tags")).unwrap();
    let options = tags.ty.options().unwrap().iter();
    options.map(|option| option.name.to_string()).collect()
}

fn set_options(peer: &MemoryPeer, change: impl FnOnce(&mut Vec<Choice>)) {
    peer.change_schema(|schema| {
        if let FieldType::MultiSelect(options) = &mut schema.fields[2].ty {
            change(options);
        }
    });
}

/// Both sides offer options by id, each by its own, and both schemas can be changed.
fn two_schemas() -> World {
    let mut world = World::new();
    let mut schema = world.local.schema();
    let options = ["a", "b", "c", "d"].map(|name| Choice::with_id(format!("l-{name}"), name));
    schema.fields[2].ty = FieldType::MultiSelect(options.into());
    let capabilities = Capabilities {
        free_options: false,
        alter: true,
        field_ids: FieldIds::Stable,
        ..Capabilities::local()
    };
    world.local = MemoryPeer::new("sqlite", schema, capabilities, world.clock.clone());
    world.store = MemoryStore::colocated_with(world.local.clone());
    world
}

fn asking(world: &World, change: &SchemaChange, approved: &[Guard]) -> RunOptions {
    let _ = world;
    RunOptions {
        schema: Sides::new(vec![change.clone()], Vec::new()),
        approved: approved.iter().copied().collect(),
        ..RunOptions::default()
    }
}

fn run(world: &World, options: &RunOptions) -> Report {
    block_on(world.engine().run(options)).unwrap()
}

#[test]
fn pain_26_a_renamed_option_is_one_schema_command_and_no_row_is_written() {
    let world = two_schemas();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "tags", tags(&["a"]));
    world.settle();
    set_options(&world.notion, |options| options[0].name = "z".into());
    let plan = world.plan();
    assert_eq!(plan.schema.len(), 1);
    assert_eq!(plan.schema[0].command.rule, SchemaRule::S01);
    assert_eq!((plan.commands(), plan.counts.looked_at), (0, 0));
    world.local.person_creates(&[("title", text("n"))]);
    let plan = world.plan();
    let numbers = plan.ids().map(|id| id.to_string());
    let numbers: Vec<_> = numbers.map(|id| id[..2].to_owned()).collect();
    assert_eq!(numbers, ["1-", "2-"], "changes of schemas first");

    let report = world.run();
    assert_eq!((report.altered.left, report.altered.right), (0, 1));
    assert_eq!(options_of(&world.local.schema())[0], "z");
    let renamed = Value::choices(vec![Choice::with_id("l-a", "z")]);
    assert_eq!(world.local.value(&row, "tags"), Some(renamed));
    world.settle();
    assert!(world.plan().is_empty());

    // Back again, from the other side.
    set_options(&world.local, |options| options[0].name = "y".into());
    assert_eq!(world.run().altered.left, 1);
    assert_eq!(options_of(&world.notion.schema())[0], "y");
    world.settle();
}

#[test]
fn pain_26_what_both_sides_rename_carries_two_names() {
    let world = two_schemas();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "tags", tags(&["a"]));
    world.settle();
    set_options(&world.notion, |options| options[0].name = "z".into());
    set_options(&world.local, |options| options[0].name = "y".into());
    assert!(world.run().is_quiet());
    world.local.person_sets(&row, "tags", Value::Empty);
    world.settle();
    let y = Value::choices(vec![Choice::with_id("l-a", "y")]);
    world.local.person_sets(&row, "tags", y);
    world.settle();
    let z = Value::choices(vec![Choice::with_id("id-a", "z")]);
    assert_eq!(world.notion.value(&page, "tags"), Some(z));
}

#[test]
fn pain_26_a_rename_that_is_refused_leaves_two_names_and_is_told_once() {
    let world = two_schemas();
    world.settled_pair();
    set_options(&world.notion, |options| options[0].name = "z".into());
    world.local.inject([Fault::Reject]);
    let report = world.run();
    assert_eq!(report.raised(Guard::Rejected), 1, "{report:?}");
    assert_eq!(options_of(&world.local.schema())[0], "a");
    assert!(world.run().is_quiet());
}

#[test]
fn pain_17_an_unknown_option_is_refused_and_the_schema_stays_clean() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "tags", names(&["b", "new"]));
    let report = world.run();
    assert_eq!(report.raised(Guard::OptionPolicy), 1, "{report:?}");
    assert_eq!(options_of(&world.notion.schema()), ["a", "b", "c", "d"]);
    assert_eq!(world.notion.value(&page, "tags"), Some(Value::Empty));
    // A person adds it: the cause is gone.
    set_options(&world.notion, |options| {
        options.push(Choice::with_id("id-new", "new"))
    });
    assert_eq!(world.settle().raised(Guard::OptionPolicy), 0);
    world.assert_equal();
}

#[test]
fn pain_18_an_option_added_by_policy_is_there_before_its_record_and_the_others_stay() {
    let mut world = World::new();
    world.spec.policy.unknown_options = OptionPolicy::AddOption;
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "tags", names(&["b", "new"]));
    world
        .local
        .person_creates(&[("title", text("x")), ("tags", names(&["newer"]))]);
    let plan = world.plan();
    assert_eq!(plan.schema.len(), 1, "one command for both");
    assert_eq!(plan.schema[0].command.rule, SchemaRule::S02);
    assert!(!plan.is_empty());
    let saved: Plan = Plan::from_json(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(saved, plan);

    let report = world.run();
    assert_eq!(report.altered.left, 1, "{report:?}");
    assert_eq!(
        options_of(&world.notion.schema()),
        ["a", "b", "c", "d", "new", "newer"]
    );
    assert_eq!(
        world.notion.value(&page, "tags").map(|tags| tags.display()),
        Some("b, new".into())
    );
    world.settle();
    world.assert_equal();
}

#[test]
fn pain_17_a_name_the_side_forbids_is_refused_with_a_sentence() {
    let mut world = World::new();
    world.spec.policy.unknown_options = OptionPolicy::AddOption;
    world
        .notion
        .change_schema(|schema| schema.fields[2].limits.option_without = Some(','));
    let (_, row) = world.settled_pair();
    world.local.person_sets(&row, "tags", names(&["one, two"]));
    let report = world.run();
    assert_eq!(report.raised(Guard::ValueLimits), 1);
    let reason = &report.refusals[0].reason;
    assert!(reason.contains("takes no option with ','"), "{reason}");
    assert_eq!(report.altered.left, 0);
    world.local.person_sets(&row, "tags", names(&["one"]));
    assert_eq!(world.settle().raised(Guard::ValueLimits), 0);
}

#[test]
fn pain_17_options_that_are_called_otherwise_are_mapped() {
    let mut world = World::new();
    let map = BTreeMap::from([("a".to_owned(), "urgent".to_owned())]);
    world.spec.policy.unknown_options = OptionPolicy::Map(map);
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "tags", names(&["urgent"]));
    world.settle();
    assert_eq!(world.notion.value(&page, "tags"), Some(tags(&["a"])));
    world.notion.person_sets(&page, "tags", tags(&["a", "b"]));
    world.settle();
    assert_eq!(
        world.local.value(&row, "tags"),
        Some(names(&["urgent", "b"]))
    );
    world
        .local
        .person_sets(&row, "tags", names(&["unheard of"]));
    assert_eq!(world.run().raised(Guard::OptionPolicy), 1);
}

#[test]
fn names_and_title_follow_the_side_whose_count_and_nothing_does_by_default() {
    let mut world = two_schemas();
    world.settled_pair();
    world.notion.change_schema(|schema| {
        schema.title = "Jobs".into();
        schema.fields[1].name = "Remarks".into();
    });
    assert!(world.plan().schema.is_empty(), "names are for people");
    world.run();
    assert_eq!(world.local.schema().title, "Tasks");

    world.spec.policy.field_names = Some(Side::Left);
    world.spec.policy.title = Some(Side::Left);
    let rules: Vec<_> = world
        .plan()
        .schema
        .iter()
        .map(|listed| listed.command.rule)
        .collect();
    assert_eq!(rules, [SchemaRule::S03, SchemaRule::S04]);
    assert_eq!(world.run().altered.right, 2);
    let schema = world.local.schema();
    assert_eq!(
        (schema.title.as_str(), schema.fields[1].name.as_str()),
        ("Jobs", "Remarks")
    );
    assert_eq!(schema.fields[1].id, FieldId::new("notes"));
    world.settle();
}

#[test]
fn what_takes_values_away_waits_for_a_persons_word() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "tags", tags(&["a", "b"]));
    world.settle();
    let option = Choice::with_id("id-a", "a");
    let field = FieldId::new("tags");
    let change = SchemaChange::RemoveOption { field, option };
    let plan = block_on(world.engine().plan(&asking(&world, &change, &[]))).unwrap();
    assert_eq!(plan.schema.len(), 1);
    assert!(
        plan.refusals
            .iter()
            .any(|refusal| refusal.guard == Guard::DestructiveSchema)
    );

    let report = run(&world, &asking(&world, &change, &[]));
    assert_eq!(report.raised(Guard::DestructiveSchema), 1, "{report:?}");
    assert_eq!(options_of(&world.notion.schema()).len(), 4);

    let report = run(
        &world,
        &asking(&world, &change, &[Guard::DestructiveSchema]),
    );
    assert_eq!(
        (report.raised(Guard::DestructiveSchema), report.altered.left),
        (0, 1)
    );
    assert_eq!(options_of(&world.notion.schema()), ["b", "c", "d"]);
    // What the records lost by it is no edit (F12).
    let report = world.run_full();
    assert_eq!(report.open_conflicts, 1, "{report:?}");
    assert_eq!(world.local.value(&row, "tags"), Some(names(&["a", "b"])));
    // So already: nothing is asked for any more.
    assert!(
        run(&world, &asking(&world, &change, &[]))
            .refusals
            .is_empty()
    );
}

#[test]
fn a_removed_field_that_is_mapped_is_quarantined() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "notes", text("kept"));
    world.settle();
    let change = SchemaChange::RemoveField {
        field: FieldId::new("notes"),
    };
    let report = run(
        &world,
        &asking(&world, &change, &[Guard::DestructiveSchema]),
    );
    assert_eq!(
        (report.altered.left, report.raised(Guard::SchemaDrift)),
        (1, 1),
        "{report:?}"
    );
    world.run_full();
    assert_eq!(world.local.value(&row, "notes"), Some(text("kept")));
}

#[test]
fn an_added_field_whose_answer_is_lost_is_added_once() {
    let world = World::new();
    world.settled_pair();
    let change = SchemaChange::AddField {
        name: "More".into(),
        ty: FieldType::Number,
    };
    world.notion.inject([Fault::LoseAnswer]);
    let report = run(&world, &asking(&world, &change, &[]));
    assert_eq!(report.altered.left, 1, "{report:?}");
    assert_eq!(run(&world, &asking(&world, &change, &[])).altered.left, 0);
    let fields = world.notion.schema().fields;
    assert_eq!(
        fields.iter().filter(|field| field.name == "More").count(),
        1
    );
    let memory = world.store.memory(&world.spec.id).link;
    assert_eq!(memory.altered.len(), 1);
    assert_eq!(memory.altered[0].change, change);

    // One that never arrives is told, and tried again by the next run.
    let change = SchemaChange::AddField {
        name: "Still more".into(),
        ty: FieldType::Number,
    };
    world.notion.inject([Fault::LoseRequest]);
    let report = run(&world, &asking(&world, &change, &[]));
    assert_eq!(
        (report.altered.left, report.raised(Guard::Rejected)),
        (0, 1)
    );
    assert_eq!(run(&world, &asking(&world, &change, &[])).altered.left, 1);
}

#[test]
fn a_schema_that_moved_under_a_command_is_planned_over_again() {
    let world = World::new();
    world.settled_pair();
    let change = SchemaChange::AddField {
        name: "More".into(),
        ty: FieldType::Number,
    };
    let engine = world.engine();
    // Described a while ago: the peer answers that it is stale.
    world
        .notion
        .change_schema(|schema| schema.title = "Jobs".into());
    let report = block_on(engine.run(&asking(&world, &change, &[]))).unwrap();
    assert_eq!(report.altered.left, 1, "{report:?}");
    assert!(world.notion.schema().by_name("More").is_some());
}

#[test]
fn pain_33_of_a_saved_plan_only_approved_schema_commands_are_carried_out() {
    let mut world = two_schemas();
    world.settled_pair();
    world.spec.policy.title = Some(Side::Left);
    world
        .notion
        .change_schema(|schema| schema.title = "Jobs".into());
    set_options(&world.notion, |options| options[0].name = "z".into());
    let plan = world.plan();
    let [rename, title] = &plan.schema[..] else {
        panic!("{plan:?}")
    };
    let apply = |approval: &Approval| {
        let engine = world.engine();
        block_on(engine.apply_plan(&plan, approval, &RunOptions::default())).unwrap()
    };
    let outcomes = |approval: &Approval| -> Vec<_> {
        let commands = apply(approval).commands.into_iter();
        commands.map(|command| command.outcome).collect()
    };
    let first = outcomes(&Approval::Only([title.id].into()));
    assert_eq!(first, [CommandOutcome::Skipped, CommandOutcome::Applied]);
    assert_eq!(world.local.schema().title, "Jobs");
    assert_eq!(options_of(&world.local.schema())[0], "a");
    let second = outcomes(&Approval::Only([rename.id].into()));
    assert_eq!(second, [CommandOutcome::Applied, CommandOutcome::Skipped]);
    assert_eq!(options_of(&world.local.schema())[0], "z");

    let mut forged = plan.clone();
    if let SchemaChange::SetTitle { title } = &mut forged.schema[1].command.change {
        *title = "Mine".into();
    }
    assert!(Plan::from_json(&serde_json::to_string(&forged).unwrap()).is_err());
}
