//! Full scans in slices: over many runs, past caps and crashes, while everything else goes on.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;

use super::odd_peer::{Habit, OddPeer};
use super::world::{World, is_live, text};
use crate::engine::{Report, Rhythm, RunError, RunOptions, RunOutcome, Watch};
use crate::link::{Policy, Side, Sides, SweepPace};
use crate::pair::Presence;
use crate::plan::Guard;
use crate::port::{Cancel, Lane, Peer, SideMemory};
use crate::record::Key;
use crate::testkit::CrashPoint;

const HOUR: Duration = Duration::from_secs(3_600);
const REST: Duration = Duration::from_secs(30);
const PAGE: u32 = 5;

/// A world whose left side hands out slices, five records a page; a run that comes half a minute
/// after the last may read one page of a sweep.
fn world() -> World {
    let mut policy = Policy {
        sweep_below_requests: 0,
        sweep_pace: SweepPace {
            per_minute: 2,
            ..SweepPace::default()
        },
        ..Policy::default()
    };
    policy.max_delete.approved = Some(1_000);
    let world = World::with(true, policy);
    world.notion.slices(PAGE);
    world
}

/// Makes so many pages, three in a minute.
fn populate(world: &World, pages: usize) -> Vec<Key> {
    let made = (0..pages).map(|n| {
        world.clock.advance(Duration::from_secs(20));
        let title = text(&format!("page {n}"));
        world.notion.person_creates(&[("title", title)])
    });
    made.collect()
}

/// A world with so many pages on both sides, whose next sweep is due.
fn due(pages: usize) -> (World, Vec<Key>, Vec<Key>) {
    let world = world();
    let pages = populate(&world, pages);
    world.run();
    world.clock.advance(HOUR);
    world.clock.advance(Duration::from_secs(120));
    let rows = pages.iter().map(|page| world.partner(Side::Left, page));
    let rows = rows.collect();
    // An hour has passed: this run begins the sweep, and may read no more of it than the others.
    (world, pages, rows)
}

fn left(world: &World) -> SideMemory {
    world.store.memory(&world.spec.id).link.sides.left.clone()
}

fn next_run(world: &World) -> (Report, u64) {
    world.clock.advance(REST);
    let report = block_on(world.engine().run(&RunOptions::default())).unwrap();
    (report, world.notion.take_requests())
}

/// Runs until the sweep under way is over; what each asked for.
fn sweep_to_end(world: &World) -> Vec<u64> {
    let mut requests = Vec::new();
    loop {
        let (report, asked) = next_run(world);
        requests.push(asked);
        assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
        if left(world).sweep.is_none() {
            assert!(report.full_scan.left);
            return requests;
        }
        assert!(requests.len() < 100, "the sweep goes on and on");
    }
}

/// Pages seen by the first run of a sweep that comes an hour late are too many for this test.
fn pace(world: &mut World, per_minute: u32) {
    world.spec.policy.sweep_pace.per_minute = per_minute;
}

#[test]
fn pain_26_a_sweep_spans_runs_and_reads_no_slice_twice() {
    let (mut world, ..) = due(60);
    pace(&mut world, 0);
    world.notion.take_requests();
    let before = left(&world).full_scan_at;
    let requests = sweep_to_end(&world);
    assert!(requests.len() > 5, "{requests:?}");
    // Describing it, what changed, a page of the sweep, and at most one more that the last of a
    // minute may need.
    assert!(requests.iter().all(|asked| *asked <= 4), "{requests:?}");
    let pages = requests.iter().map(|asked| asked - 2).sum::<u64>();
    // Sixty are twelve pages; up to three records of the minute at each border come again.
    assert!((12..=30).contains(&pages), "{pages}");
    assert!(left(&world).full_scan_at > before);
    let (quiet, asked) = next_run(&world);
    assert!(quiet.is_quiet() && asked == 2, "nothing is due for an hour");
}

#[test]
fn pain_26_what_people_edit_arrives_while_a_sweep_is_under_way() {
    let (mut world, pages, rows) = due(40);
    pace(&mut world, 0);
    for n in 0..6 {
        let (here, there) = (text(&format!("here {n}")), text(&format!("there {n}")));
        world
            .notion
            .person_sets(&pages[n * 5], "notes", there.clone());
        world
            .local
            .person_sets(&rows[n * 5 + 1], "notes", here.clone());
        let (report, _) = next_run(&world);
        assert!(left(&world).sweep.is_some(), "{report:?}");
        assert_eq!(world.local.value(&rows[n * 5], "notes"), Some(there));
        assert_eq!(world.notion.value(&pages[n * 5 + 1], "notes"), Some(here));
    }
    sweep_to_end(&world);
    world.assert_equal();
}

#[test]
fn a_delete_is_found_by_its_slice_and_nothing_is_concluded_about_the_others() {
    let (mut world, pages, rows) = due(40);
    pace(&mut world, 0);
    world.notion.person_trashes(&pages[3], true);
    world.notion.person_trashes(&pages[33], true);
    world.notion.take_mutations();
    let mut runs = 0;
    while is_live(&world.local, &rows[33]) {
        next_run(&world);
        runs += 1;
        assert!(runs < 40, "the late one is never found");
        let gone = |at: usize| !is_live(&world.local, &rows[at]);
        assert!(!gone(33) || gone(3), "in order of their making");
        let memory = world.store.memory(&world.spec.id);
        for pair in memory.pairs() {
            let lost = [Presence::Gone, Presence::Denied].contains(&pair.sides.left.presence);
            assert!(!lost, "{pair:?}");
        }
    }
    assert!(runs > 4, "{runs}");
    sweep_to_end(&world);
    assert_eq!(world.local.live().len(), 38);
    assert_eq!(world.notion.take_mutations(), []);
    world.assert_equal();
}

#[test]
fn records_of_one_minute_are_read_together_however_small_the_share() {
    let mut world = world();
    let early = populate(&world, 4);
    world.clock.advance(Duration::from_secs(300));
    let crowd: Vec<Key> = (0..23)
        .map(|n| {
            let title = text(&format!("crowd {n}"));
            world.notion.person_creates(&[("title", title)])
        })
        .collect();
    world.clock.advance(Duration::from_secs(300));
    let late = populate(&world, 9);
    world.run();
    world.clock.advance(HOUR);
    pace(&mut world, 0);
    let trashed = [
        &early[0], &crowd[0], &crowd[13], &crowd[22], &late[0], &late[8],
    ];
    for page in trashed {
        world.notion.person_trashes(page, true);
    }
    world.notion.take_requests();
    let requests = sweep_to_end(&world);
    assert!(
        requests.iter().max() >= Some(&6),
        "the crowd in one run: {requests:?}"
    );
    assert_eq!(world.local.live().len(), 36 - trashed.len());
    world.assert_equal();
}

#[test]
fn records_made_while_a_sweep_is_under_way_are_pulled_and_not_missed() {
    let (mut world, ..) = due(30);
    pace(&mut world, 0);
    let mut made = 0;
    loop {
        let title = text(&format!("meanwhile {made}"));
        world.notion.person_creates(&[("title", title.clone())]);
        world
            .local
            .person_creates(&[("title", text(&format!("row {made}")))]);
        made += 1;
        let (report, _) = next_run(&world);
        assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
        assert_eq!(report.settled.left.created, 1);
        assert_eq!(report.settled.right.created, 1);
        if left(&world).sweep.is_none() {
            break;
        }
    }
    assert!(made > 4);
    assert_eq!(world.local.live().len(), 30 + 2 * made);
    world.assert_equal();
}

#[test]
fn e12_a_crash_between_two_slices_loses_none_and_the_place_moves_only_with_what_was_read() {
    let whole = |crash: Option<CrashPoint>| {
        let (mut world, pages, _) = due(15);
        pace(&mut world, 0);
        for at in [1, 2, 9, 14] {
            world.notion.person_trashes(&pages[at], true);
        }
        for at in [4, 11] {
            world
                .notion
                .person_sets(&pages[at], "notes", text("edited"));
        }
        let from = world.store.serial();
        world.store.crash_at(crash.map(|point| match point {
            CrashPoint::Before(at) => CrashPoint::Before(from + at),
            CrashPoint::After(at) => CrashPoint::After(from + at),
        }));
        let mut crashed = false;
        for _ in 0..25 {
            world.clock.advance(REST);
            let result = block_on(world.engine().run(&RunOptions::default()));
            crashed |= result.is_err();
            world.store.break_lease(&world.spec.id);
        }
        assert!(left(&world).sweep.is_none());
        let gone = pages.iter().filter(|page| !is_live(&world.notion, page));
        assert_eq!(gone.count(), 4);
        assert_eq!(world.local.live().len(), 11, "{crash:?}");
        world.assert_equal();
        (crashed, world.store.serial() - from)
    };
    let (_, commits) = whole(None);
    assert!(commits > 15);
    for at in 1..=commits.min(60) {
        assert!(whole(Some(CrashPoint::Before(at))).0, "before commit {at}");
        assert!(whole(Some(CrashPoint::After(at))).0, "after commit {at}");
    }
}

#[test]
fn a_capped_collection_is_read_whole_in_slices_and_its_deletes_are_seen() {
    let world = world();
    world.notion.cap(Some(12));
    let pages = populate(&world, 60);
    let report = world.run();
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    assert!(report.full_scan.left);
    assert_eq!(world.local.live().len(), 60);
    assert!(left(&world).cursor.is_some());
    world.notion.person_trashes(&pages[47], true);
    world.clock.advance(HOUR);
    world.run_full();
    assert_eq!(world.local.live().len(), 59);
    world.settle();
    world.assert_equal();
}

#[test]
fn a_minute_above_the_cap_is_told_and_costs_itself() {
    let world = world();
    world.notion.cap(Some(12));
    let early = populate(&world, 10);
    world.clock.advance(Duration::from_secs(120));
    for n in 0..30 {
        let title = text(&format!("crowd {n}"));
        world.notion.person_creates(&[("title", title)]);
    }
    world.clock.advance(Duration::from_secs(120));
    let late = populate(&world, 10);
    let report = world.run();
    assert_eq!(report.outcome, RunOutcome::Partial);
    assert_eq!(report.raised(Guard::Coverage), 1, "{report:?}");
    for page in early.iter().chain(&late) {
        world.partner(Side::Left, page);
    }
    let seen = world.local.live().len();
    assert!((32..50).contains(&seen), "{seen}");
    // Nobody concludes that the ones not handed out are gone; the others are looked after.
    world.notion.person_trashes(&late[3], true);
    world.clock.advance(HOUR);
    world.run_full();
    assert_eq!(world.local.live().len(), seen - 1);
    // One of the crowd that nobody handed out comes with an edit, and again with one before a full
    // scan that does not hand it out either: found by simulation.
    world.notion.cap(None);
    let crowd = &world.notion.keys(true)[10..40];
    let known = |key: &Key| {
        let memory = world.store.memory(&world.spec.id);
        memory
            .pairs()
            .any(|pair| pair.sides.left.key.as_ref() == Some(key))
    };
    let unseen = crowd
        .iter()
        .find(|key| !known(key))
        .expect("not all were handed out");
    world.notion.person_sets(unseen, "notes", text("first"));
    world.run();
    let row = world.partner(Side::Left, unseen);
    world.clock.advance(Duration::from_secs(300));
    world.notion.cap(Some(12));
    world.notion.person_sets(unseen, "notes", text("second"));
    world.clock.advance(Duration::from_secs(300));
    world.run_full();
    world.clock.advance(Duration::from_secs(300));
    world.notion.cap(None);
    world.local.person_sets(&row, "notes", text("from here"));
    let report = world.run();
    assert_eq!(report.open_conflicts, 1, "{report:?}");
    assert_eq!(world.notion.value(unseen, "notes"), Some(text("second")));
}

#[test]
fn a_store_from_before_ranks_learns_them_and_what_no_slice_shows_is_found_missing() {
    let mut policy = Policy {
        sweep_below_requests: 0,
        ..Policy::default()
    };
    policy.sweep_pace.per_minute = 0;
    let world = World::with(true, policy);
    let pages = populate(&world, 20);
    world.run();
    world.clock.advance(HOUR);
    world.clock.advance(Duration::from_secs(120));
    world.notion.slices(PAGE);
    world.notion.person_trashes(&pages[0], true);
    world.notion.person_trashes(&pages[12], true);
    world.notion.take_requests();
    let runs = sweep_to_end(&world).len();
    assert!(runs > 3, "{runs}");
    assert_eq!(world.local.live().len(), 18);
    let memory = world.store.memory(&world.spec.id);
    let ranked = memory.pairs().filter(|pair| {
        let shadow = pair.sides.left.shadow.as_ref();
        shadow.is_some_and(|shadow| shadow.rank.is_some())
    });
    assert_eq!(ranked.count(), 20, "the trashed ones by their direct read");
    world.assert_equal();
}

#[test]
fn a_clock_that_jumps_neither_stops_a_sweep_nor_loses_what_it_finds() {
    use crate::port::Clock as _;
    for jump in [-86_400, 86_400_i64] {
        let (mut world, pages, rows) = due(30);
        pace(&mut world, 0);
        world.notion.person_trashes(&pages[20], true);
        next_run(&world);
        let now = world.clock.now();
        world
            .clock
            .jump_to(crate::record::Timestamp(now.0 + jump * 1_000));
        for _ in 0..30 {
            next_run(&world);
        }
        assert!(!is_live(&world.local, &rows[20]), "{jump} s");
        world.assert_equal();
    }
}

#[test]
fn a_sweep_gives_way_to_what_people_wait_for() {
    let (mut world, ..) = due(30);
    pace(&mut world, 0);
    let watched = OddPeer::new(&world.notion, Habit::Usual);
    let peers: Sides<Arc<dyn Peer>> =
        Sides::new(Arc::new(watched.clone()), Arc::new(world.local.clone()));
    let run = || {
        let engine = world.engine_between(peers.clone());
        block_on(engine.run(&RunOptions::default())).unwrap();
        world.clock.advance(REST);
        watched.take_lanes()
    };
    assert_eq!(
        run(),
        [Lane::Normal, Lane::Sweep],
        "what changed comes first"
    );
    assert_eq!(run()[0], Lane::Normal);
}

#[test]
fn a_watch_reads_a_sweep_in_slices_and_carries_edits_on_the_way() {
    let (mut world, pages, rows) = due(30);
    pace(&mut world, 0);
    world.notion.person_trashes(&pages[25], true);
    let cancel = Cancel::default();
    let options = RunOptions {
        cancel: cancel.clone(),
        ..RunOptions::default()
    };
    let cycles = std::cell::Cell::new(0);
    let engine = world.engine();
    let told = |result: &Result<Report, RunError>| {
        assert_eq!(result.as_ref().unwrap().outcome, RunOutcome::Clean);
        let cycle = cycles.replace(cycles.get() + 1);
        if left(&world).sweep.is_none() {
            return cancel.cancel();
        }
        assert!(cycle < 20);
        if cycle > 0 {
            let edit = text(&format!("edit {}", cycle - 1));
            assert_eq!(world.local.value(&rows[cycle], "notes"), Some(edit));
        }
        let edit = text(&format!("edit {cycle}"));
        world.notion.person_sets(&pages[cycle + 1], "notes", edit);
    };
    let watch = Watch::new(Rhythm::default());
    block_on(watch.run(&world.clock, &cancel, || engine.run(&options), told)).unwrap();
    assert!(cycles.get() > 4, "{}", cycles.get());
    assert!(!is_live(&world.local, &rows[25]));
}

#[test]
fn e09_a_dry_run_moves_no_sweep() {
    let (mut world, ..) = due(30);
    pace(&mut world, 0);
    next_run(&world);
    assert!(left(&world).sweep.is_some());
    let before = world.state();
    world.plan();
    world.plan();
    assert_eq!(world.state(), before);
    sweep_to_end(&world);
}

#[test]
fn a_run_that_comes_late_reads_a_side_whole() {
    let (world, pages, _) = due(30);
    world.notion.person_trashes(&pages[20], true);
    let (report, _) = next_run(&world);
    assert!(report.full_scan.left && left(&world).sweep.is_none());
    assert_eq!(world.local.live().len(), 29);
}

#[test]
fn a_side_that_shows_nothing_any_more_is_not_taken_for_an_empty_one() {
    let (mut world, pages, _) = due(30);
    pace(&mut world, 0);
    world.spec.policy.max_delete.approved = None;
    for page in &pages {
        world.notion.hide(page, true);
    }
    for _ in 0..8 {
        next_run(&world);
    }
    assert_eq!(world.local.live().len(), 30);
}
