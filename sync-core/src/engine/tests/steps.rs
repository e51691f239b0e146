//! Bounded steps: whatever the budget, they lead where one run leads.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;

use super::world::{World, is_live, names, text};
use crate::engine::{Budget, Report, RunError, RunOptions, Step};
use crate::link::{Policy, Side, Sides};
use crate::port::{Cancel, Clock, Peer};
use crate::record::Key;
use crate::testkit::decorators::Slow;
use crate::testkit::{CrashPoint, Fault};

const PAGE: u32 = 5;

fn world() -> World {
    let mut policy = Policy {
        sweep_below_requests: 0,
        ..Policy::default()
    };
    policy.max_delete.approved = Some(1_000);
    let world = World::with(true, policy);
    world.notion.slices(PAGE);
    world
}

fn populate(world: &World, pages: usize) -> Vec<Key> {
    let made = (0..pages).map(|n| {
        world.clock.advance(Duration::from_secs(20));
        let title = text(&format!("page {n}"));
        world.notion.person_creates(&[("title", title)])
    });
    made.collect()
}

/// A first pull with rows to push, an answer that will be lost.
fn fresh() -> World {
    fresh_of(33)
}

fn fresh_of(pages: usize) -> World {
    let world = world();
    populate(&world, pages);
    for n in 0..7 {
        let cells = [
            ("title", text(&format!("row {n}"))),
            ("tags", names(&["a"])),
        ];
        world.local.person_creates(&cells);
    }
    world.notion.inject([Fault::None, Fault::LoseAnswer]);
    world
}

/// Both sides edited in many places, records made and trashed.
fn edited() -> World {
    edited_in(17)
}

fn edited_in(places: usize) -> World {
    let world = world();
    let pages = populate(&world, places * 2 + 4);
    world.run();
    let rows = pages.iter().map(|page| world.partner(Side::Left, page));
    let rows: Vec<Key> = rows.collect();
    world.clock.advance(Duration::from_secs(600));
    for (at, page) in pages.iter().enumerate().take(places) {
        let edit = text(&format!("there {at}"));
        world.notion.person_sets(page, "notes", edit);
    }
    for (at, row) in rows.iter().enumerate().skip(places).take(places / 2) {
        let edit = text(&format!("here {at}"));
        world.local.person_sets(row, "notes", edit);
    }
    for row in rows.iter().rev().take(2) {
        world.local.person_trashes(row, true);
    }
    world.local.person_creates(&[("title", text("new here"))]);
    world.notion.person_creates(&[("title", text("new there"))]);
    world
        .local
        .person_sets(&rows[3], "notes", text("both edited it"));
    world
        .notion
        .inject([Fault::None, Fault::LoseRequest, Fault::LoseAnswer]);
    world
}

fn step(world: &World, options: &RunOptions, budget: Budget) -> Result<Step, RunError> {
    let step = block_on(world.engine().step(options, budget));
    world.clock.advance(Duration::from_secs(1));
    step
}

/// Steps until one says that nothing is left; how many there were and what the last one did.
fn step_to_end(world: &World, options: &RunOptions, budget: Budget) -> (usize, Report) {
    for steps in 1..500 {
        match step(world, options, budget).unwrap() {
            Step::More(report) => assert!(report.more),
            Step::Done(report) => return (steps, report),
        }
    }
    panic!("steps of {budget:?} do not end");
}

/// All that people see: the cells of both sides, open conflicts, whether nothing is left to do.
fn outcome(world: &World) -> impl PartialEq + std::fmt::Debug + use<> {
    let conflicts = block_on(world.engine().decisions().conflicts()).unwrap();
    (
        world.contents(&world.notion),
        world.contents(&world.local),
        world.notion.records().len(),
        world.local.records().len(),
        conflicts.len(),
    )
}

fn budgets() -> Vec<Budget> {
    let budget = Budget::default();
    let mut budgets: Vec<Budget> = [1, 2, 3, 5, 8, 20].map(|n| budget.requests(n)).into();
    budgets.extend([1, 4].map(|n| budget.commands(n)));
    budgets.push(budget.requests(6).commands(2));
    budgets
}

#[test]
fn steps_until_done_lead_where_one_run_leads() {
    for make in [fresh, edited] {
        let calm = make();
        calm.run();
        calm.run();
        for budget in budgets() {
            let world = make();
            let options = RunOptions::default();
            let (steps, _) = step_to_end(&world, &options, budget);
            let small = budget.requests.is_none_or(|most| most < 20);
            assert!(steps > 1 || !small, "{budget:?} is enough for everything");
            world.run();
            assert_eq!(outcome(&world), outcome(&calm), "{budget:?}");
        }
    }
}

#[test]
fn pain_27_a_step_asks_for_no_more_than_it_may_and_never_reads_on_the_spot() {
    for make in [fresh, edited] {
        for requests in [1, 2, 5, 9] {
            let world = make();
            let budget = Budget::default().requests(requests);
            let mut total = 0;
            for steps in 1.. {
                world.notion.take_requests();
                let step = block_on(world.engine().step(&RunOptions::default(), budget));
                // One describes the side; the command that ends a step may take a look before, a
                // lookup after; a page of each scan is read whatever the budget.
                let asked = world.notion.take_requests() - 1;
                assert!(
                    asked <= requests + 5,
                    "{asked} of {requests} in step {steps}"
                );
                total += asked;
                world.clock.advance(Duration::from_secs(1));
                if matches!(step.unwrap(), Step::Done(_)) {
                    // Beside the work itself, every step looks once what changed since the last.
                    assert!(
                        total <= 90 + 3 * steps,
                        "{total} in {steps} steps of {requests}"
                    );
                    break;
                }
            }
        }
    }
}

#[test]
fn a_first_pull_in_steps_remembers_every_page() {
    let world = world();
    populate(&world, 60);
    let budget = Budget::default().requests(3);
    let mut pulled = Vec::new();
    loop {
        let step = step(&world, &RunOptions::default(), budget).unwrap();
        pulled.push(world.local.live().len());
        if matches!(step, Step::Done(_)) {
            break;
        }
    }
    assert!(pulled.len() >= 4 && pulled.is_sorted(), "{pulled:?}");
    assert!(
        pulled[0] >= 10,
        "what the first step read is there: {pulled:?}"
    );
    assert_eq!(pulled.last(), Some(&60));
    world.assert_equal();
}

#[test]
fn what_was_edited_behind_a_first_pull_in_steps_is_not_lost() {
    let world = world();
    let pages = populate(&world, 40);
    let budget = Budget::default().requests(2);
    let options = RunOptions::default();
    for (n, page) in pages.iter().enumerate().take(4) {
        assert!(matches!(step(&world, &options, budget), Ok(Step::More(_))));
        world.clock.advance(Duration::from_secs(61));
        let edit = text(&format!("edited {n}"));
        world.notion.person_sets(page, "notes", edit);
    }
    step_to_end(&world, &options, budget);
    world.assert_equal();
    let row = world.partner(Side::Left, &pages[0]);
    assert_eq!(world.local.value(&row, "notes"), Some(text("edited 0")));
}

#[test]
fn e06_a_crash_between_any_two_commits_of_any_step_changes_nothing_of_the_end() {
    let (fresh, edited) = (|| fresh_of(11), || edited_in(6));
    for make in [fresh as fn() -> World, edited] {
        let calm = make();
        calm.run();
        calm.run();
        let budget = Budget::default().requests(4);
        let play = |crash: Option<CrashPoint>| {
            let world = make();
            let from = world.store.serial();
            world.store.crash_at(crash.map(|point| match point {
                CrashPoint::Before(at) => CrashPoint::Before(from + at),
                CrashPoint::After(at) => CrashPoint::After(from + at),
            }));
            for _ in 0..200 {
                let done = step(&world, &RunOptions::default(), budget);
                world.store.break_lease(&world.spec.id);
                if matches!(done, Ok(Step::Done(_))) {
                    break;
                }
            }
            let commits = world.store.serial() - from;
            world.store.crash_at(None);
            world.run();
            assert_eq!(outcome(&world), outcome(&calm), "{crash:?}");
            commits
        };
        let commits = play(None);
        for at in 1..commits {
            play(Some(CrashPoint::Before(at)));
            play(Some(CrashPoint::After(at)));
        }
    }
}

#[test]
fn a_step_ends_when_its_time_is_over() {
    let world = edited();
    let far = Slow::new(
        world.notion.clone(),
        world.clock.clone(),
        Duration::from_millis(300),
    );
    let far: Arc<dyn Peer> = Arc::new(far);
    let local: Arc<dyn Peer> = Arc::new(world.local.clone());
    let engine = world.engine_between(Sides::new(far, local));
    let budget = Budget::default().time(Duration::from_secs(2));
    for steps in 1.. {
        let before = world.clock.elapsed();
        let step = block_on(engine.step(&RunOptions::default(), budget)).unwrap();
        let lasted = world.clock.elapsed() - before;
        // The command under way when time is over is a look, a send and a lookup.
        assert!(lasted <= Duration::from_millis(3_500), "{lasted:?}");
        assert!(steps < 100);
        if matches!(step, Step::Done(_)) {
            assert!(steps > 3, "{steps}");
            break;
        }
    }
    let calm = edited();
    calm.run();
    calm.run();
    world.run();
    assert_eq!(outcome(&world), outcome(&calm));
}

#[test]
fn a_full_scan_in_steps_finds_deletes_and_ends() {
    let world = world();
    let pages = populate(&world, 40);
    world.run();
    let row = world.partner(Side::Left, &pages[7]);
    world.clock.advance(Duration::from_secs(300));
    world.notion.person_trashes(&pages[7], true);
    let options = RunOptions {
        full: true,
        ..RunOptions::default()
    };
    let (steps, report) = step_to_end(&world, &options, Budget::default().requests(3));
    assert!(steps > 2 && report.full_scan.left, "{steps}");
    assert!(!is_live(&world.local, &row));
}

#[test]
fn a_step_that_is_stopped_on_request_is_gone_on_with() {
    let world = edited();
    let cancel = Cancel::default();
    cancel.cancel();
    let options = RunOptions {
        cancel,
        ..RunOptions::default()
    };
    let stopped = step(&world, &options, Budget::default().requests(4)).unwrap();
    assert_eq!(
        stopped.report().outcome,
        crate::engine::RunOutcome::Cancelled
    );
    step_to_end(
        &world,
        &RunOptions::default(),
        Budget::default().requests(4),
    );
    let calm = edited();
    calm.run();
    calm.run();
    world.run();
    assert_eq!(outcome(&world), outcome(&calm));
}
