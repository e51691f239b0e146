//! Plans with more creates than they list: counted, approved as one, carried out where they still
//! are what was approved.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::executor::block_on;

use super::world::{World, text};
use crate::engine::{AppliedPlan, CommandOutcome, Event, RunOptions, StaleReason};
use crate::link::{Side, Sides};
use crate::plan::{Approval, CommandId, Guard, Plan, PlanError, UnlistedCreates};
use crate::port::Cancel;
use crate::record::Key;
use crate::testkit::CrashPoint;

/// Records more than a plan lists.
const MORE: usize = 2_000;
const ALL: usize = 1_000 + MORE;

fn pages(world: &World) -> Vec<Key> {
    let create = |n| {
        let title = text(&format!("page {n:04}"));
        world.notion.person_creates(&[("title", title)])
    };
    (0..ALL).map(create).collect()
}

/// A plan as a file would bring it back.
fn saved(world: &World) -> Plan {
    let plan = world.plan();
    let json = serde_json::to_string(&plan).unwrap();
    let read = Plan::from_json(&json).unwrap();
    assert_eq!((&read, read.id()), (&plan, plan.id()));
    read
}

fn apply(world: &World, plan: &Plan, approval: &Approval) -> AppliedPlan {
    let engine = world.engine();
    let applied = block_on(engine.apply_plan(plan, approval, &RunOptions::default())).unwrap();
    world.clock.advance(Duration::from_secs(1));
    applied
}

fn unlisted(plan: &Plan) -> &UnlistedCreates {
    assert_eq!(plan.unlisted.len(), 1);
    &plan.unlisted[0]
}

fn outcome(applied: &AppliedPlan, id: CommandId) -> CommandOutcome {
    let mut commands = applied.commands.iter();
    commands
        .find(|command| command.id == id)
        .unwrap()
        .outcome
        .clone()
}

fn titles(world: &World) -> BTreeSet<String> {
    let rows = world.local.live().into_iter();
    rows.map(|row| world.local.value(&row.key, "title").unwrap().display())
        .collect()
}

#[test]
fn a_plan_lists_a_thousand_creates_and_counts_the_rest() {
    let world = World::new();
    pages(&world);
    let plan = saved(&world);
    assert_eq!((plan.commands(), plan.items.len()), (ALL as u64, 1_000));
    assert_eq!(plan.counts.create, Sides::new(0, ALL as u64));
    let more = unlisted(&plan);
    assert_eq!((more.side, more.count), (Side::Right, MORE as u64));
    assert_eq!(plan.ids().last(), Some(more.id));
    let numbers = plan.ids().map(|id| id.to_string());
    let numbers = numbers.filter_map(|id| Some(id.split_once('-')?.0.to_owned()));
    let counted = (1..=1_001).map(|number: u32| number.to_string());
    assert!(numbers.eq(counted), "numbered from one, in order");
    let again = world.plan();
    assert!(plan.diff(&again).is_empty());
    world.notion.person_creates(&[("title", text("one more"))]);
    let diff = plan.diff(&world.plan());
    assert_eq!((diff.only_here.len(), diff.only_there.len()), (0, 0));
    assert_eq!(diff.changed[0].here, more.id);
}

#[test]
fn approved_whole_all_of_them_are_made() {
    let world = World::new();
    pages(&world);
    let plan = saved(&world);
    let applied = apply(&world, &plan, &Approval::All);
    assert_eq!(applied.commands.len(), 1_001);
    let mut outcomes = applied.commands.iter().map(|command| &command.outcome);
    assert!(outcomes.all(|outcome| *outcome == CommandOutcome::Applied));
    assert_eq!(applied.report.unwrap().settled.right.created, ALL as u64);
    assert_eq!(titles(&world).len(), ALL);
    world.settle();
    world.assert_equal();
    // Nothing of it is made twice.
    let applied = apply(&world, &plan, &Approval::All);
    let stale = CommandOutcome::Stale {
        why: StaleReason::RecordsChanged,
    };
    assert_eq!(outcome(&applied, unlisted(&plan).id), stale);
    assert_eq!(world.local.live().len(), ALL);
}

#[test]
fn the_same_goes_for_creates_at_the_remote_side() {
    let world = World::new();
    for n in 0..1_200 {
        world
            .local
            .person_creates(&[("title", text(&format!("row {n:04}")))]);
    }
    let plan = saved(&world);
    assert_eq!(
        (unlisted(&plan).side, unlisted(&plan).count),
        (Side::Left, 200)
    );
    let applied = apply(&world, &plan, &Approval::All);
    assert_eq!(
        outcome(&applied, unlisted(&plan).id),
        CommandOutcome::Applied
    );
    assert_eq!(world.notion.live().len(), 1_200);
    world.settle();
    world.assert_equal();
}

#[test]
fn they_are_approved_together_or_not_at_all() {
    let world = World::new();
    pages(&world);
    let plan = saved(&world);
    let listed: BTreeSet<CommandId> = plan.listed().map(|(_, listed)| listed.id).collect();
    let applied = apply(&world, &plan, &Approval::Only(listed));
    assert_eq!(
        outcome(&applied, unlisted(&plan).id),
        CommandOutcome::Skipped
    );
    assert_eq!(world.local.live().len(), 1_000);

    let world = World::new();
    pages(&world);
    let plan = saved(&world);
    let more = unlisted(&plan).id;
    let applied = apply(&world, &plan, &Approval::Only(BTreeSet::from([more])));
    assert_eq!(outcome(&applied, more), CommandOutcome::Applied);
    assert_eq!(world.local.live().len(), MORE);
    assert!(
        !titles(&world).contains("page 0999"),
        "listed, and not approved"
    );
}

#[test]
fn what_was_edited_made_or_removed_since_is_not_made_and_the_rest_is() {
    let world = World::new();
    let pages = pages(&world);
    let plan = saved(&world);
    world
        .notion
        .person_sets(&pages[1_500], "title", text("edited since"));
    world.notion.person_trashes(&pages[2_500], true);
    world
        .notion
        .person_creates(&[("title", text("made since"))]);
    let applied = apply(&world, &plan, &Approval::All);
    let CommandOutcome::Partly {
        applied: done,
        left,
        why,
    } = outcome(&applied, unlisted(&plan).id)
    else {
        panic!("some of them are as they were");
    };
    assert_eq!(done + left, MORE as u64);
    assert!(done > 0 && left > 0, "{done} made, {left} not: {why}");
    assert_eq!(world.local.live().len() as u64, 1_000 + done);
    let titles = titles(&world);
    for not_approved in ["edited since", "made since", "page 1500", "page 2500"] {
        assert!(!titles.contains(not_approved), "{not_approved}");
    }
    // Nothing is lost by that: the next plan has the rest.
    assert_eq!(world.plan().counts.create.right, left - 1 + 1);
    world.settle();
    world.assert_equal();
}

#[test]
fn a_run_that_broke_off_goes_on_with_the_groups_it_had_not_begun() {
    let calm = World::new();
    pages(&calm);
    let before = calm.store.serial();
    apply(&calm, &saved(&calm), &Approval::All);
    let commits = calm.store.serial() - before;
    let mut went_on = 0;
    // The last commits are those that carry out.
    for step in (commits - 7..=commits).step_by(2) {
        let world = World::new();
        pages(&world);
        let plan = saved(&world);
        let at = world.store.serial() + step;
        world.store.crash_at(Some(CrashPoint::After(at)));
        let options = RunOptions::default();
        let _ = block_on(world.engine().apply_plan(&plan, &Approval::All, &options));
        world.store.crash_at(None);
        world.store.break_lease(&world.spec.id);
        let made = world.local.live().len();
        apply(&world, &plan, &Approval::All);
        let now = world.local.live().len();
        assert!(now <= ALL, "step {step}: nothing is made twice");
        went_on += usize::from(now > made && made > 1_000);
        world.settle();
        world.assert_equal();
        assert_eq!(world.local.live().len(), ALL, "step {step}");
    }
    assert!(went_on > 0, "in {commits} commits");
}

#[test]
fn a_wish_to_stop_is_told_as_that() {
    let world = World::new();
    pages(&world);
    let plan = saved(&world);
    let cancel = Cancel::default();
    cancel.cancel();
    let options = RunOptions {
        cancel,
        ..RunOptions::default()
    };
    let applied = block_on(world.engine().apply_plan(&plan, &Approval::All, &options)).unwrap();
    let outcome = outcome(&applied, unlisted(&plan).id);
    assert!(
        matches!(outcome, CommandOutcome::Waiting { .. }),
        "{outcome:?}"
    );
}

#[test]
fn a_number_or_a_group_changed_by_hand_is_refused() {
    let world = World::new();
    pages(&world);
    let plan = world.plan();
    let id = unlisted(&plan).id;
    let mut fewer = plan.clone();
    fewer.unlisted[0].count -= 1;
    let mut without = plan.clone();
    without.unlisted[0].groups.pop();
    let mut renamed = plan.clone();
    renamed.unlisted[0].digest = crate::value::Digest::of(b"another");
    for altered in [fewer, without, renamed] {
        let json = serde_json::to_string(&altered).unwrap();
        let refused = Plan::from_json(&json);
        assert!(
            matches!(refused, Err(PlanError::Altered(of)) if of == id),
            "{refused:?}"
        );
    }
}

/// A plan saved by an earlier version lists every create, those beyond the first thousand by their
/// digest alone.
#[test]
fn creates_listed_without_their_cells_are_carried_out_one_by_one() {
    let world = World::new();
    world.notion.person_creates(&[("title", text("first"))]);
    let edited = world.notion.person_creates(&[("title", text("second"))]);
    let mut plan = world.plan();
    for item in &mut plan.items {
        let listed = &mut item.commands[0];
        listed.left_out = listed.command.fields.len() as u64;
        listed.command.fields.clear();
    }
    plan.creates_left_out = 2;
    let plan = Plan::from_json(&serde_json::to_string(&plan).unwrap()).unwrap();
    world.notion.person_sets(&edited, "title", text("other"));
    let applied = apply(&world, &plan, &Approval::All);
    assert_eq!(applied.commands[0].outcome, CommandOutcome::Applied);
    let second = &applied.commands[1].outcome;
    assert!(matches!(second, CommandOutcome::Stale { .. }), "{second:?}");
    assert_eq!(titles(&world), BTreeSet::from(["first".to_owned()]));
}

/// What a run tells is counted as well: it holds no item for each record it made.
#[test]
fn a_run_tells_of_a_thousand_creates_and_the_number_of_the_rest() {
    let world = World::new();
    pages(&world);
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let options = RunOptions {
        progress: Some(Arc::new(move |event: &Event| {
            if let Event::Planned(plan) = event {
                tell.lock().unwrap().push((**plan).clone());
            }
        })),
        ..RunOptions::default()
    };
    let report = block_on(world.engine().run(&options)).unwrap();
    assert_eq!(report.settled.right.created, ALL as u64);
    let told = told.lock().unwrap();
    assert_eq!(
        (told[0].items.len(), told[0].commands()),
        (1_000, ALL as u64)
    );
    assert_eq!(
        unlisted(&told[0]).groups,
        [],
        "nobody approves them any more"
    );
}

/// A budget counts what a plan does not list.
#[test]
fn a_budget_is_spent_on_creates_that_are_not_listed_too() {
    for most in [700, 1_100] {
        let world = World::new();
        for n in 0..1_300 {
            let title = text(&format!("row {n:04}"));
            world.local.person_creates(&[("title", title)]);
        }
        let options = RunOptions {
            max_commands: Some(most),
            ..RunOptions::default()
        };
        let report = block_on(world.engine().run(&options)).unwrap();
        assert_eq!(report.settled.left.created, most);
        assert_eq!(world.notion.live().len() as u64, most);
        let budget = report.refusals.iter();
        let mut budget = budget.filter(|refusal| refusal.guard == Guard::Budget);
        assert_eq!(
            budget.next().map(|refusal| refusal.count),
            Some(1_300 - most)
        );
    }
}
