//! Guards over saved plans: approval of a command is no override; and what follows from one.

use futures::executor::block_on;

use super::plans::{apply, command, only, outcomes, saved};
use super::world::{MARKER, World, text};
use crate::engine::{AppliedPlan, CommandOutcome, RunOptions};
use crate::link::{Filter, Leave, Policy, Side};
use crate::plan::{Approval, Guard, Plan};
use crate::record::Key;
use crate::schema::FieldId;
use crate::testkit::{Fault, MemoryPeer};

#[test]
fn p7_approving_a_delete_by_name_does_not_override_its_guard() {
    let world = World::new();
    let pages: Vec<Key> = (0..20)
        .map(|n| {
            world
                .notion
                .person_creates(&[("title", text(&format!("page {n}")))])
        })
        .collect();
    world.settle();
    for page in &pages[..8] {
        world.notion.person_trashes(page, true);
    }
    let plan = saved(&world);
    let held = plan.listed().all(|(_, listed)| {
        let by = plan.held_by(&listed.command).map(|refusal| refusal.guard);
        by == Some(Guard::MaxDelete)
    });
    assert!(held, "the plan says so");
    let one = command(&plan, "page 3");
    let applied = apply(&world, &plan, &only(&[one]));
    let refused = |outcome: &CommandOutcome| {
        matches!(
            outcome,
            CommandOutcome::Refused {
                guard: Guard::MaxDelete,
                ..
            }
        )
    };
    let outcomes = outcomes(&applied);
    assert_eq!(
        outcomes.iter().filter(|outcome| refused(outcome)).count(),
        1
    );
    assert_eq!(world.local.live().len(), 20);
}

#[test]
fn a_command_the_peer_refuses_is_told_as_refused() {
    let world = World::new();
    let (_, row) = world.settled_pair();
    world.local.person_sets(&row, "notes", text("bad"));
    let plan = saved(&world);
    world.notion.inject([Fault::Reject]);
    let applied = apply(&world, &plan, &Approval::All);
    assert!(
        matches!(
            &outcomes(&applied)[..],
            [CommandOutcome::Refused {
                guard: Guard::Rejected,
                ..
            }]
        ),
        "{applied:?}"
    );
}

fn pages(world: &World, count: usize) -> Vec<Key> {
    let page = |n| {
        let cells = [
            ("title", text(&format!("page {n}"))),
            ("notes", text("public")),
        ];
        world.notion.person_creates(&cells)
    };
    let pages = (0..count).map(page).collect();
    world.settle();
    pages
}

/// Carries everything out, with this guard let pass by a person.
fn approving(world: &World, plan: &Plan, guard: Guard) -> AppliedPlan {
    let options = RunOptions {
        approved: [guard].into(),
        ..RunOptions::default()
    };
    block_on(world.engine().apply_plan(plan, &Approval::All, &options)).unwrap()
}

fn refused_by(applied: &AppliedPlan) -> Vec<Option<Guard>> {
    let guard = |outcome: CommandOutcome| match outcome {
        CommandOutcome::Refused { guard, .. } => Some(guard),
        _ => None,
    };
    outcomes(applied).into_iter().map(guard).collect()
}

fn holds_all(plan: &Plan, guard: Guard) -> bool {
    let mut listed = plan.listed();
    listed.all(|(_, listed)| {
        let by = plan.held_by(&listed.command);
        by.map(|refusal| refusal.guard) == Some(guard)
    })
}

#[test]
fn p7_a_saved_plan_deletes_nothing_because_a_side_is_empty() {
    let mut world = World::new();
    for page in pages(&world, 20) {
        world.notion.person_trashes(&page, true);
    }
    let plan = saved(&world);
    assert_eq!(plan.commands(), 20);
    assert!(holds_all(&plan, Guard::EmptySide));
    let applied = apply(&world, &plan, &Approval::All);
    assert_eq!(refused_by(&applied), vec![Some(Guard::EmptySide); 20]);
    assert_eq!(world.local.live().len(), 20);

    // Somebody looked, and the side is meant to be empty.
    world.spec.policy.max_delete.approved = Some(20);
    let applied = apply(&world, &plan, &Approval::All);
    assert_eq!(refused_by(&applied), vec![None; 20]);
    assert_eq!(world.local.live().len(), 0);
}

#[test]
fn p7_a_saved_plan_that_changes_most_of_a_side_waits_for_a_persons_word() {
    let world = World::new();
    for page in pages(&world, 30) {
        world.notion.person_sets(&page, "notes", text("changed"));
    }
    let plan = saved(&world);
    assert!(holds_all(&plan, Guard::AllChanged));
    let one = only(&[command(&plan, "page 3")]);
    let applied = apply(&world, &plan, &one);
    let refused = refused_by(&applied);
    let held = refused.iter().filter(|by| **by == Some(Guard::AllChanged));
    assert_eq!(held.count(), 1, "one is part of the many");
    let applied = approving(&world, &plan, Guard::AllChanged);
    assert_eq!(outcomes(&applied), vec![CommandOutcome::Applied; 30]);
    world.assert_equal();
}

#[test]
fn p7_a_saved_plan_trashes_nothing_because_the_filter_changed() {
    let policy = Policy {
        on_leave: Leave::Trash,
        ..Policy::default()
    };
    let mut world = World::with(true, policy);
    pages(&world, 40);
    let is = |title: &str| Filter::equals(FieldId::new("title"), text(title));
    let not = |title: &str| Filter::Not(Box::new(is(title)));
    world.spec.filters.left = Some(Filter::All(vec![not("page 1"), not("page 2")]));
    let plan = saved(&world);
    assert_eq!(plan.counts.leaving.right, 2);
    assert!(holds_all(&plan, Guard::FilterOrMappingChanged));
    let applied = apply(&world, &plan, &Approval::All);
    let held = vec![Some(Guard::FilterOrMappingChanged); 2];
    assert_eq!(refused_by(&applied), held);
    assert_eq!(world.local.live().len(), 40);
    let applied = approving(&world, &plan, Guard::FilterOrMappingChanged);
    assert_eq!(outcomes(&applied), vec![CommandOutcome::Applied; 2]);
    assert_eq!(world.local.live().len(), 38);
    assert!(world.settle().raised.is_empty(), "the guard is gone");
}

/// A page's own fields stand in its row as soon as the page was made, without another run. Nothing
/// else follows: of a record that was not approved not even those.
#[test]
fn what_a_side_computes_of_a_record_it_wrote_is_fetched_with_it() {
    let world = World::new();
    let others = pages(&world, 10);
    let row = world.local.person_creates(&[("title", text("new"))]);
    let (page, old) = (&others[0], world.partner(Side::Left, &others[0]));
    world.notion.person_sets(page, MARKER, text("computed"));
    let plan = saved(&world);
    let applied = apply(&world, &plan, &only(&[command(&plan, "new")]));
    assert!(outcomes(&applied).contains(&CommandOutcome::Applied));
    let marker = |peer: &MemoryPeer, key: &Key| peer.value(key, MARKER).unwrap().display();
    let made = world.partner(Side::Right, &row);
    let there = marker(&world.notion, &made);
    assert!(!there.is_empty());
    assert_eq!(marker(&world.local, &row), there);
    assert_eq!(marker(&world.local, &old), "", "not approved");
    let report = world.run();
    assert_eq!(report.settled.right.refreshed, 1, "only that one was left");
}
