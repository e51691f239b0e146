//! Saved plans: read back from JSON, compared, approved in part, carried out later or found stale.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::executor::block_on;

use super::world::{World, is_live, text};
use crate::engine::{AppliedPlan, CommandOutcome, Event, RunOptions, StaleReason};
use crate::link::{Lens, Side};
use crate::plan::{Approval, CommandId, Plan};
use crate::port::CommandKind;
use crate::record::Key;
use crate::schema::FieldId;
use crate::testkit::{CrashPoint, Fault};
use crate::value::Digest;

/// A plan as a file would bring it back.
pub(super) fn saved(world: &World) -> Plan {
    let plan = world.plan();
    let json = serde_json::to_string_pretty(&plan).unwrap();
    let read = Plan::from_json(&json).unwrap();
    assert_eq!(read, plan);
    assert_eq!(read.id(), plan.id());
    read
}

pub(super) fn apply(world: &World, plan: &Plan, approval: &Approval) -> AppliedPlan {
    let engine = world.engine();
    let applied = block_on(engine.apply_plan(plan, approval, &RunOptions::default())).unwrap();
    world.clock.advance(Duration::from_secs(1));
    applied
}

pub(super) fn outcomes(applied: &AppliedPlan) -> Vec<CommandOutcome> {
    let commands = applied.commands.iter();
    commands.map(|command| command.outcome.clone()).collect()
}

pub(super) fn stale(why: StaleReason) -> CommandOutcome {
    CommandOutcome::Stale { why }
}

pub(super) fn name(field: &str) -> FieldId {
    FieldId::new(field)
}

/// The command for the record called so.
pub(super) fn command(plan: &Plan, label: &str) -> CommandId {
    let mut listed = plan.listed();
    let found = listed.find(|(item, _)| item.record.label == label);
    found.expect("the record has a command").1.id
}

/// The page with this title.
pub(super) fn page(world: &World, title: &str) -> Key {
    let mut live = world.notion.live().into_iter();
    let is = |key: &Key| world.notion.value(key, "title") == Some(text(title));
    let found = live.find(|record| is(&record.key));
    found.expect("there is such a page").key
}

pub(super) fn only(ids: &[CommandId]) -> Approval {
    Approval::Only(ids.iter().copied().collect())
}

/// One change of every kind and in both directions, among ten quiet records.
pub(super) fn busy() -> World {
    let world = World::new();
    let pages: Vec<Key> = (0..10)
        .map(|n| {
            world
                .notion
                .person_creates(&[("title", text(&format!("page {n}")))])
        })
        .collect();
    world.settle();
    let row = |n: usize| world.partner(Side::Left, &pages[n]);
    world.notion.person_sets(&pages[0], "notes", text("there"));
    world.local.person_sets(&row(1), "notes", text("here"));
    world.notion.person_trashes(&pages[2], true);
    world.local.person_trashes(&row(3), true);
    world.local.person_creates(&[("title", text("new here"))]);
    world.notion.person_creates(&[("title", text("new there"))]);
    world
}

#[test]
fn a_plan_saved_and_read_back_is_carried_out_whole() {
    let world = busy();
    let plan = saved(&world);
    assert_eq!(plan.commands(), 6);
    let applied = apply(&world, &plan, &Approval::All);
    assert_eq!(outcomes(&applied), vec![CommandOutcome::Applied; 6]);
    assert_eq!(applied.plan, plan.id());
    world.settle();
    world.assert_equal();
    assert_eq!(world.local.live().len(), 10);
}

#[test]
fn a_saved_plan_does_to_the_peers_what_a_run_does() {
    let (run, plan) = (busy(), busy());
    run.run();
    apply(&plan, &saved(&plan), &Approval::All);
    assert_eq!(
        run.contents(&run.notion),
        plan.contents(&plan.notion),
        "in Notion"
    );
    assert_eq!(
        run.contents(&run.local),
        plan.contents(&plan.local),
        "in SQLite"
    );
}

#[test]
fn only_what_was_approved_is_carried_out_and_the_rest_stays_planned() {
    let count = saved(&busy()).commands() as usize;
    for chosen in 0..count {
        let world = busy();
        let plan = saved(&world);
        let ids: Vec<CommandId> = plan.listed().map(|(_, listed)| listed.id).collect();
        world.notion.take_mutations();
        world.local.take_mutations();
        let applied = apply(&world, &plan, &only(&[ids[chosen]]));
        for (at, outcome) in outcomes(&applied).into_iter().enumerate() {
            let expected = if at == chosen {
                CommandOutcome::Applied
            } else {
                CommandOutcome::Skipped
            };
            assert_eq!(outcome, expected, "command {at} with {chosen} approved");
        }
        let report = applied.report.unwrap();
        let settled = report.settled;
        assert_eq!(settled.left.total() + settled.right.total(), 1, "{chosen}");
        let (_, listed) = plan.listed().nth(chosen).unwrap();
        let written = |side: Side| usize::from(listed.command.side == side);
        assert_eq!(world.notion.take_mutations().len(), written(Side::Left));
        let rest = world.plan();
        assert!(rest.commands() >= 5, "the rest stays planned");
        world.settle();
        world.assert_equal();
        assert_eq!(world.local.live().len(), 10);
    }
}

#[test]
fn nothing_approved_writes_nothing_to_either_side() {
    let world = busy();
    let plan = saved(&world);
    let before = (world.notion.records(), world.local.records());
    let applied = apply(&world, &plan, &only(&[]));
    assert_eq!(outcomes(&applied), vec![CommandOutcome::Skipped; 6]);
    assert_eq!(before, (world.notion.records(), world.local.records()));
}

#[test]
fn a_record_that_is_new_since_the_plan_is_not_made_anywhere() {
    let world = busy();
    let plan = saved(&world);
    world.notion.person_creates(&[("title", text("later"))]);
    world.local.person_creates(&[("title", text("later too"))]);
    let applied = apply(&world, &plan, &Approval::All);
    assert_eq!(outcomes(&applied), vec![CommandOutcome::Applied; 6]);
    assert_eq!(world.notion.live().len(), 11);
    assert_eq!(world.local.live().len(), 11);
    world.settle();
    world.assert_equal();
    assert_eq!(world.local.live().len(), 12);
}

#[test]
fn an_edit_of_the_source_cell_makes_a_saved_command_stale() {
    for side in Side::BOTH {
        let world = World::new();
        let (page, row) = world.settled_pair();
        let edit = |value| match side {
            Side::Left => world.notion.person_sets(&page, "notes", text(value)),
            Side::Right => world.local.person_sets(&row, "notes", text(value)),
        };
        edit("one");
        let plan = saved(&world);
        edit("two");
        let before = (world.notion.records(), world.local.records());
        let applied = apply(&world, &plan, &Approval::All);
        let why = StaleReason::SourceChanged(Some(name("notes")));
        assert_eq!(outcomes(&applied), [stale(why)]);
        assert_eq!(before, (world.notion.records(), world.local.records()));
    }
}

#[test]
fn an_edit_of_the_target_cell_makes_a_saved_command_stale() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "notes", text("from here"));
    let plan = saved(&world);
    world
        .notion
        .person_sets(&page, "notes", text("edited there"));
    let applied = apply(&world, &plan, &Approval::All);
    let why = StaleReason::TargetChanged(Some(name("notes")));
    assert_eq!(outcomes(&applied), [stale(why)]);
    assert_eq!(
        world.notion.value(&page, "notes"),
        Some(text("edited there"))
    );
    assert_eq!(applied.report.unwrap().open_conflicts, 1, "and is told");
}

#[test]
fn an_edit_of_another_field_does_not_let_the_saved_part_of_a_record_through() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "notes", text("approved"));
    let plan = saved(&world);
    world.local.person_sets(&row, "title", text("not approved"));
    let applied = apply(&world, &plan, &Approval::All);
    assert!(matches!(
        &outcomes(&applied)[..],
        [CommandOutcome::Stale { .. }]
    ));
    assert_eq!(world.notion.value(&page, "title"), Some(text("a")));
}

#[test]
fn a_new_mapping_makes_a_saved_plan_stale_and_nothing_is_begun() {
    let mut world = World::new();
    let (_, row) = world.settled_pair();
    world.local.person_sets(&row, "notes", text("x"));
    let plan = saved(&world);
    let field = &mut world.spec.mapping.fields[2];
    assert_eq!(field.lens, Lens::Choices);
    world.spec.mapping.fields.remove(2);
    let before = world.state();
    let applied = apply(&world, &plan, &Approval::All);
    assert_eq!(outcomes(&applied), [stale(StaleReason::MappingChanged)]);
    assert_eq!(applied.report, None);
    assert_eq!(world.state(), before);
}

#[test]
fn a_field_of_another_kind_makes_the_commands_that_write_it_stale() {
    let world = World::new();
    let (_, row) = world.settled_pair();
    world.local.person_sets(&row, "notes", text("x"));
    let other = world.partner(Side::Left, &page(&world, "other 3"));
    world.local.person_sets(&other, "title", text("y"));
    let mut plan = saved(&world);
    let kinds = plan.over.fields.get_mut(&name("notes")).unwrap();
    kinds.left = Some(Digest::of(b"another kind"));
    let applied = apply(&world, &plan, &Approval::All);
    let why = StaleReason::SchemaChanged(name("notes"));
    assert_eq!(
        outcomes(&applied),
        [CommandOutcome::Applied, stale(why)],
        "the other field goes on"
    );
}

#[test]
fn a_plan_of_another_store_or_link_is_stale() {
    let mut world = World::new();
    let (_, row) = world.settled_pair();
    world.local.person_sets(&row, "notes", text("x"));
    let plan = saved(&world);
    let mut other = plan.clone();
    other.over.lineage = 17;
    let before = world.state();
    let applied = apply(&world, &other, &Approval::All);
    assert_eq!(outcomes(&applied), [stale(StaleReason::OtherStore)]);
    // Made before there was a store, carried out over one that is in use.
    other.over.lineage = 0;
    let applied = apply(&world, &other, &Approval::All);
    assert_eq!(outcomes(&applied), [stale(StaleReason::OtherStore)]);
    assert_eq!(world.state(), before);
    world.spec.id = crate::link::LinkId::new("another");
    let applied = apply(&world, &plan, &Approval::All);
    assert_eq!(outcomes(&applied), [stale(StaleReason::OtherLink)]);
}

#[test]
fn a_plan_made_before_there_was_a_store_holds_over_an_empty_one() {
    let world = World::new();
    world.notion.person_creates(&[("title", text("first"))]);
    let mut plan = saved(&world);
    plan.over.lineage = 0;
    let applied = apply(&world, &plan, &Approval::All);
    assert_eq!(outcomes(&applied), [CommandOutcome::Applied]);
    world.settle();
    world.assert_equal();
}

#[test]
fn a_saved_plan_carried_out_twice_does_nothing_the_second_time() {
    let world = busy();
    let plan = saved(&world);
    apply(&world, &plan, &Approval::All);
    let before = (world.notion.records(), world.local.records());
    world.notion.take_mutations();
    let applied = apply(&world, &plan, &Approval::All);
    assert_eq!(
        outcomes(&applied),
        vec![stale(StaleReason::AlreadySo); 6],
        "all of it is so already"
    );
    assert_eq!(world.notion.take_mutations(), []);
    assert_eq!(before, (world.notion.records(), world.local.records()));
}

#[test]
fn a_saved_delete_of_a_record_edited_meanwhile_is_stale() {
    for side in Side::BOTH {
        let world = World::new();
        let (page, row) = world.settled_pair();
        match side {
            Side::Left => world.local.person_trashes(&row, true),
            Side::Right => world.notion.person_trashes(&page, true),
        }
        let plan = saved(&world);
        let (_, listed) = plan.listed().next().unwrap();
        assert_eq!(
            (listed.command.kind, listed.command.side),
            (CommandKind::Trash, side)
        );
        match side {
            Side::Left => world.notion.person_sets(&page, "notes", text("edited")),
            Side::Right => world.local.person_sets(&row, "notes", text("edited")),
        }
        let applied = apply(&world, &plan, &Approval::All);
        let why = StaleReason::TargetChanged(Some(name("notes")));
        assert_eq!(outcomes(&applied), [stale(why)], "{side:?}");
        let alive = (is_live(&world.notion, &page), is_live(&world.local, &row));
        assert_eq!(alive, (side == Side::Left, side == Side::Right));
    }
}

#[test]
fn a_saved_delete_of_a_record_brought_back_meanwhile_is_stale() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_trashes(&page, true);
    let plan = saved(&world);
    world.notion.person_trashes(&page, false);
    let applied = apply(&world, &plan, &Approval::All);
    assert_eq!(
        outcomes(&applied),
        [stale(StaleReason::SourceChanged(None))]
    );
    assert!(is_live(&world.local, &row));
}

/// Brought back, edited, agreed upon, deleted again: a delete, but not of what a person looked at.
#[test]
fn a_saved_delete_covers_only_the_contents_it_was_approved_for() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_trashes(&page, true);
    let plan = saved(&world);
    world.notion.person_trashes(&page, false);
    world.notion.person_sets(&page, "notes", text("precious"));
    world.settle();
    world.notion.person_trashes(&page, true);
    let applied = apply(&world, &plan, &Approval::All);
    let why = StaleReason::TargetChanged(Some(name("notes")));
    assert_eq!(outcomes(&applied), [stale(why)]);
    assert!(is_live(&world.local, &row));
    let again = apply(&world, &saved(&world), &Approval::All);
    assert_eq!(outcomes(&again), [CommandOutcome::Applied]);
}

/// Guards look at the whole plan before anything is done, so nothing is made at first sight.
#[test]
fn nothing_is_carried_out_before_the_whole_plan_is_seen() {
    let world = World::new();
    world.notion.person_creates(&[("title", text("new"))]);
    let plan = saved(&world);
    let (local, made) = (world.local.clone(), Arc::new(AtomicUsize::new(usize::MAX)));
    let first = Arc::clone(&made);
    let progress = move |event: &Event| {
        if matches!(event, Event::Planned(_)) {
            first.fetch_min(local.live().len(), Ordering::SeqCst);
        }
    };
    let options = RunOptions {
        progress: Some(Arc::new(progress)),
        ..RunOptions::default()
    };
    let applied = block_on(world.engine().apply_plan(&plan, &Approval::All, &options)).unwrap();
    assert_eq!(outcomes(&applied), [CommandOutcome::Applied]);
    assert_eq!(made.load(Ordering::SeqCst), 0);
}

#[test]
fn a_command_whose_answer_is_lost_waits_and_is_found_by_the_next_application() {
    let world = World::new();
    world.settled_pair();
    world.local.person_creates(&[("title", text("new"))]);
    let plan = saved(&world);
    world.notion.lag(Duration::from_secs(30));
    world.notion.inject([Fault::LoseAnswer]);
    let applied = apply(&world, &plan, &Approval::All);
    assert!(
        matches!(&outcomes(&applied)[..], [CommandOutcome::Waiting { .. }]),
        "{applied:?}"
    );
    world.clock.advance(Duration::from_secs(60));
    let applied = apply(&world, &plan, &Approval::All);
    assert_eq!(outcomes(&applied), [CommandOutcome::Applied]);
    assert_eq!(world.notion.live().len(), 11);
}

#[test]
fn what_a_stopped_run_did_not_reach_waits_and_is_not_called_stale() {
    let world = busy();
    let plan = saved(&world);
    let options = RunOptions::default();
    options.cancel.cancel();
    let engine = world.engine();
    let applied = block_on(engine.apply_plan(&plan, &Approval::All, &options)).unwrap();
    let waits = |outcome: &CommandOutcome| matches!(outcome, CommandOutcome::Waiting { .. });
    assert!(outcomes(&applied).iter().all(waits), "{applied:?}");
    let applied = apply(&world, &plan, &Approval::All);
    assert_eq!(outcomes(&applied), vec![CommandOutcome::Applied; 6]);
}

/// The create of an earlier run certainly did not arrive: it is that run's, not the plan's.
#[test]
fn a_command_of_an_earlier_run_is_not_sent_again_under_a_plan_that_lacks_it() {
    let world = World::new();
    let (page, _) = world.settled_pair();
    world.notion.person_sets(&page, "notes", text("planned"));
    let plan = saved(&world);
    world.local.person_creates(&[("title", text("unplanned"))]);
    world.notion.lag(Duration::from_secs(30));
    world.notion.inject([Fault::LoseRequest]);
    assert_eq!(world.run().waiting, 1, "sent, and nobody knows");
    world.clock.advance(Duration::from_secs(60));
    world.notion.take_mutations();
    let applied = apply(&world, &plan, &Approval::All);
    assert_eq!(outcomes(&applied), [stale(StaleReason::AlreadySo)]);
    assert_eq!(world.notion.live().len(), 10, "not sent under this plan");
    world.clock.advance(Duration::from_secs(60));
    world.settle();
    assert_eq!(world.notion.live().len(), 11, "and made once by a run");
    world.assert_equal();
}

#[test]
fn e6_a_crash_while_a_plan_is_carried_out_leaves_nothing_unplanned_and_nothing_twice() {
    let calm = busy();
    let plan = saved(&calm);
    let first = calm.store.serial() + 1;
    apply(&calm, &plan, &Approval::All);
    let last = calm.store.serial();
    assert!(last - first > 5, "{}", last - first);
    for serial in first..=last {
        for point in [CrashPoint::Before(serial), CrashPoint::After(serial)] {
            let world = busy();
            let plan = saved(&world);
            world.store.crash_at(Some(point));
            let options = RunOptions::default();
            let _ = block_on(world.engine().apply_plan(&plan, &Approval::All, &options));
            world.store.crash_at(None);
            world.store.break_lease(&world.spec.id);
            world.clock.advance(Duration::from_secs(1));
            for outcome in outcomes(&apply(&world, &plan, &Approval::All)) {
                let fine =
                    outcome == CommandOutcome::Applied || outcome == stale(StaleReason::AlreadySo);
                assert!(fine, "{outcome:?} after {point:?}");
            }
            for (now, calm) in [
                (world.contents(&world.notion), calm.contents(&calm.notion)),
                (world.contents(&world.local), calm.contents(&calm.local)),
            ] {
                assert_eq!(now, calm, "{point:?}");
            }
            assert_eq!(
                world.notion.records().len(),
                calm.notion.records().len(),
                "a duplicate after {point:?}"
            );
        }
    }
}

#[test]
fn e9_making_and_saving_a_plan_writes_nothing() {
    let world = busy();
    let before = world.state();
    saved(&world);
    assert_eq!(world.state(), before);
}
