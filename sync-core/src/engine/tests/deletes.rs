//! Deletes: only on proof, under guard, and never because something was not shown.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;

use super::odd_peer::{Habit, OddPeer};
use super::world::{World, is_live, names, text};
use crate::engine::{Budget, RunOptions, RunOutcome, Step};
use crate::link::{MaxDelete, Policy, Side, Sides};
use crate::outbox::IntentState;
use crate::pair::{PairState, Presence};
use crate::plan::Guard;
use crate::port::{Clock, Peer, RejectionKind};
use crate::record::{Key, Timestamp};
use crate::schema::FieldId;
use crate::testkit::{CrashPoint, Fault, MemoryStore, VirtualClock};
use crate::value::Value;

fn filled(rows: usize) -> (World, Vec<Key>) {
    filled_with(rows, Policy::default())
}

fn filled_with(rows: usize, policy: Policy) -> (World, Vec<Key>) {
    let world = World::with(true, policy);
    let pages = (0..rows)
        .map(|n| {
            world
                .notion
                .person_creates(&[("title", text(&format!("row {n:04}")))])
        })
        .collect();
    world.settle();
    (world, pages)
}

/// What the notes of a page were last agreed on.
fn settled_notes(world: &World, page: &Key) -> Option<Value> {
    let memory = world.store.memory(&world.spec.id);
    let of_page = |pair: &&PairState| pair.sides.left.key.as_ref() == Some(page);
    let pair = memory.pairs().find(of_page)?.clone();
    let notes = world.spec.mapping.field(&FieldId::new("notes"))?;
    pair.base?.field(notes).map(|settled| settled.left.clone())
}

/// An edit made alike on both sides brings a record back, and is settled once it is back.
#[test]
fn e3_what_was_edited_alike_is_settled_with_the_restore() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "notes", text("alike"));
    world.local.person_sets(&row, "notes", text("alike"));
    world.local.person_trashes(&row, true);
    world.clock.advance(Duration::from_secs(120));
    world.run();
    assert!(is_live(&world.local, &row));
    assert_eq!(settled_notes(&world, &page), Some(text("alike")));
}

/// The write to the other side arrives, the restore does not: the pair is not alive for that.
#[test]
fn e3_a_patch_does_not_stand_for_a_restore_that_was_refused() {
    let mut world = World::new();
    world.store = MemoryStore::default();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "notes", text("unseen"));
    world.notion.person_trashes(&page, true);
    world.settle();
    world.local.person_trashes(&row, false);
    let refuses = OddPeer::new(&world.notion, Habit::Refuses(RejectionKind::Denied));
    let peers: Sides<Arc<dyn Peer>> = Sides::new(Arc::new(refuses), Arc::new(world.local.clone()));
    block_on(world.engine_between(peers).run(&RunOptions::default())).unwrap();
    assert_eq!(world.local.value(&row, "notes"), Some(text("unseen")));
    for _ in 0..4 {
        world.clock.advance(Duration::from_secs(3_600));
        world.run();
    }
    assert!(is_live(&world.notion, &page), "the restore flows");
    assert!(is_live(&world.local, &row));
}

/// What is in the trash is in no scan, however fresh: it is read before it is restored over an edit.
#[test]
fn p8_an_edit_of_a_record_in_the_trash_is_not_written_over_by_its_restore() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_trashes(&row, true);
    world.settle();
    world.notion.person_trashes(&page, false);
    world.notion.person_sets(&page, "notes", text("by hand"));
    world.notion.person_trashes(&page, true);
    world.local.person_trashes(&row, false);
    world.local.person_sets(&row, "notes", text("by program"));
    world.clock.advance(Duration::from_secs(120));
    world.run();
    world.run();
    assert_eq!(world.notion.value(&page, "notes"), Some(text("by hand")));
    assert_eq!(world.run().open_conflicts, 1);
}

/// What is in the trash is in no scan, so no scan tells that it was moved from there.
#[test]
fn r11_a_record_that_moved_while_it_was_in_the_trash_is_detached_when_its_partner_is_restored() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_trashes(&row, true);
    world.settle();
    world.notion.move_away(&page, true);
    world.local.person_trashes(&row, false);
    world.clock.advance(Duration::from_secs(120));
    let report = world.run();
    assert_eq!(report.undelivered, [], "{report:?}");
    assert!(world.run().is_quiet());
    assert!(is_live(&world.local, &row), "the copy stays");
}

/// What a scan shows in part may have been edited: it is read by its key before it goes.
#[test]
fn r08_an_edit_that_no_scan_shows_whole_outweighs_a_delete() {
    let notes = FieldId::new("notes");
    for edited in [true, false] {
        let world = World::new();
        let (page, row) = world.settled_pair();
        let habit = Habit::Skims(page.clone(), notes.clone());
        world.notion.person_sets(&page, "notes", text("settled"));
        world.settle();
        world.clock.advance(Duration::from_secs(120));
        if edited {
            world.notion.person_sets(&page, "notes", text("by hand"));
        }
        world.local.person_trashes(&row, true);
        let peers: Sides<Arc<dyn Peer>> = Sides::new(
            Arc::new(OddPeer::new(&world.notion, habit)),
            Arc::new(world.local.clone()),
        );
        let engine = world.engine_between(peers);
        let options = RunOptions {
            full: true,
            ..RunOptions::default()
        };
        for _ in 0..3 {
            block_on(engine.run(&options)).unwrap();
            world.clock.advance(Duration::from_secs(120));
        }
        assert_eq!(is_live(&world.notion, &page), edited);
        assert_eq!(is_live(&world.local, &row), edited);
    }
}

#[test]
fn trash_and_restore_in_notion_come_back_without_a_conflict() {
    let (world, pages) = filled(10);
    world.notion.person_trashes(&pages[3], true);
    let report = world.settle();
    assert_eq!(report.settled.right.trashed, 1);
    world.assert_equal();
    world.notion.person_trashes(&pages[3], false);
    let report = world.settle();
    assert_eq!(
        (report.settled.right.untrashed, report.open_conflicts),
        (1, 0)
    );
    world.assert_equal();
    assert_eq!(world.local.live().len(), 10);
}

#[test]
fn trash_and_restore_in_sqlite_reach_notion() {
    let (world, pages) = filled(10);
    let row = world.partner(Side::Left, &pages[2]);
    world.local.person_trashes(&row, true);
    assert_eq!(world.settle().settled.left.trashed, 1);
    world.assert_equal();
    world.local.person_trashes(&row, false);
    assert_eq!(world.settle().settled.left.untrashed, 1);
    world.assert_equal();
}

#[test]
fn defect_14_a_trash_is_seen_by_the_sweep_when_the_window_cannot_show_it() {
    let (world, pages) = filled(150);
    world.notion.person_trashes(&pages[7], true);
    assert!(world.run().is_quiet(), "a window does not show it");
    world.clock.advance(Duration::from_secs(3600));
    let report = world.run();
    assert!(report.full_scan.left);
    assert_eq!(report.settled.right.trashed, 1);
    world.assert_equal();
}

#[test]
fn an_edit_beats_a_delete_and_the_delete_is_noted() {
    let (world, pages) = filled(5);
    let row = world.partner(Side::Left, &pages[0]);
    world.notion.person_trashes(&pages[0], true);
    world.local.person_sets(&row, "notes", text("still needed"));
    let report = world.settle();
    assert_eq!(report.settled.left.untrashed, 1);
    assert_eq!(
        world.notion.value(&pages[0], "notes"),
        Some(text("still needed"))
    );
    world.assert_equal();
    assert_eq!(world.notion.live().len(), 5);
}

#[test]
fn deleted_on_both_sides_settles_without_a_write() {
    let (world, pages) = filled(5);
    let row = world.partner(Side::Left, &pages[0]);
    world.notion.person_trashes(&pages[0], true);
    world.local.person_trashes(&row, true);
    assert!(world.settle().is_quiet());
}

#[test]
fn pain_06_mass_deletes_wait_for_a_persons_word_and_the_guard_clears() {
    let (world, pages) = filled(20);
    for page in &pages[..8] {
        world.notion.person_trashes(page, true);
    }
    let report = world.run();
    assert_eq!(report.refusals.len(), 1);
    assert_eq!(report.refusals[0].guard, Guard::MaxDelete);
    assert_eq!(world.local.live().len(), 20);
    for page in &pages[..8] {
        world.notion.person_trashes(page, false);
    }
    let report = world.run();
    assert_eq!(report.refusals, [], "the cause is gone, so is the guard");
    assert_eq!(world.local.live().len(), 20);
}

#[test]
fn a_persons_word_lets_deletes_pass() {
    let max_delete = MaxDelete {
        approved: Some(8),
        ..MaxDelete::default()
    };
    let policy = Policy {
        max_delete,
        ..Policy::default()
    };
    let (world, pages) = filled_with(20, policy);
    for page in &pages[..8] {
        world.notion.person_trashes(page, true);
    }
    world.settle();
    assert_eq!(world.local.live().len(), 12);
}

#[test]
fn pain_06_an_empty_answer_deletes_nothing() {
    let (world, pages) = filled(30);
    for page in &pages {
        world.notion.person_trashes(page, true);
    }
    let report = world.run();
    assert_eq!(report.refusals[0].guard, Guard::EmptySide);
    assert_eq!(world.local.live().len(), 30);
}

#[test]
fn pain_05_a_page_no_longer_shown_is_not_a_delete() {
    let (world, pages) = filled(10);
    world.notion.hide(&pages[4], true);
    let report = world.run();
    assert_eq!(report.refusals[0].guard, Guard::Permission);
    assert_eq!(world.local.live().len(), 10);
    world.notion.hide(&pages[4], false);
    let report = world.settle();
    assert_eq!(report.refusals, []);
    world.assert_equal();
}

#[test]
fn defect_10_a_capped_scan_is_never_taken_for_a_whole_one() {
    let (world, _) = filled(30);
    world.notion.cap(Some(20));
    let report = world.run_full();
    assert_eq!(report.outcome, RunOutcome::Partial);
    assert_eq!(report.refusals[0].guard, Guard::Coverage);
    assert_eq!(world.local.live().len(), 30);
    world.notion.cap(None);
    assert!(world.settle().is_quiet());
}

#[test]
fn p6_an_edit_the_scan_could_not_show_yet_stops_the_trash() {
    let (world, pages) = filled(150);
    let row = world.partner(Side::Left, &pages[9]);
    world.clock.advance(Duration::from_secs(300));
    world.run();
    world.local.person_trashes(&row, true);
    // The index lags: the scan of the next run does not return this edit.
    world.notion.lag(Duration::from_secs(30));
    world
        .notion
        .person_sets(&pages[9], "notes", text("edited just now"));
    let report = world.run();
    assert_eq!(
        (report.settled.left.trashed, report.raised(Guard::StaleBase)),
        (0, 1)
    );
    assert_eq!(world.notion.live().len(), 150);
    assert_eq!(
        world.local.value(&row, "notes"),
        Some(text("edited just now"))
    );
    assert_eq!(
        world.local.live().len(),
        150,
        "the edit wins over the trash"
    );
}

#[test]
fn explain_says_which_rule_and_why() {
    let (world, pages) = filled(3);
    let row = world.partner(Side::Left, &pages[0]);
    world.notion.person_sets(&pages[0], "title", text("one"));
    world.local.person_sets(&row, "title", text("two"));
    world.run();
    let engine = world.engine();
    let explained = engine.explain(Side::Left, &pages[0]);
    let explained = block_on(explained).unwrap().unwrap();
    assert_eq!(explained.rule, crate::plan::RowRule::R04);
    let title = explained
        .fields
        .iter()
        .find(|field| field.name.as_str() == "title")
        .unwrap();
    assert_eq!(title.rule, crate::plan::FieldRule::F16);
    assert_eq!(title.values.right, Some(text("two")));
}

#[test]
fn an_edit_between_the_plan_and_the_trash_brings_the_record_back() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_trashes(&page, true);
    let (local, key) = (world.local.clone(), row.clone());
    world.run_while(move || local.person_sets(&key, "notes", text("still needed")));
    world.later(4);
    assert!(is_live(&world.local, &row), "the edit wins over the trash");
    assert_eq!(
        world.notion.value(&page, "notes"),
        Some(text("still needed"))
    );
    world.assert_equal();
}

#[test]
fn a_refused_field_does_not_keep_a_deleted_record_alive() {
    for side in Side::BOTH {
        let world = World::new();
        world.settled_pair();
        let row = world
            .local
            .person_creates(&[("title", text("x")), ("tags", names(&["nope"]))]);
        world.run();
        let report = world.run();
        assert_eq!(report.refusals[0].guard, Guard::OptionPolicy);
        let page = world.partner(Side::Right, &row);
        match side {
            Side::Left => world.notion.person_trashes(&page, true),
            Side::Right => world.local.person_trashes(&row, true),
        }
        world.later(2);
        let alive = (is_live(&world.notion, &page), is_live(&world.local, &row));
        assert_eq!(alive, (false, false), "deleted on {side:?}");
    }
}

#[test]
fn a_field_mapped_later_does_not_keep_a_deleted_record_alive() {
    let mut world = World::new();
    let all = world.spec.mapping.fields.clone();
    let mapped = &mut world.spec.mapping.fields;
    mapped.retain(|field| field.name().as_str() != "notes");
    let (page, row) = world.settled_pair();
    world.notion.person_trashes(&page, true);
    world.spec.mapping.fields = all;
    world.later(2);
    assert!(!is_live(&world.local, &row));
    assert!(!is_live(&world.notion, &page));
}

#[test]
fn a_clock_set_back_a_year_does_not_stop_the_sweeps() {
    let policy = Policy {
        sweep_below_requests: 0,
        ..Policy::default()
    };
    let mut world = World::with(true, policy);
    let (page, row) = world.settled_pair();
    world.notion.person_trashes(&page, true);
    let year = 365 * 86_400_000;
    world.clock = VirtualClock::at(Timestamp(world.clock.now().0 - year));
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(3600));
        world.run();
    }
    assert!(!is_live(&world.local, &row));
}

/// The trash flag was read, the delete was held back, the page was restored, and the query is too
/// late to show that.
#[test]
fn p6_the_proof_of_a_delete_is_read_again_before_the_delete() {
    let policy = Policy {
        sweep_below_requests: 0,
        ..Policy::default()
    };
    let (mut world, pages) = filled_with(10, policy);
    let row = world.partner(Side::Left, &pages[3]);
    world.clock.advance(Duration::from_secs(120));
    world.spec.policy.max_delete.approved = Some(0);
    world.notion.person_trashes(&pages[3], true);
    assert_eq!(world.run_full().raised(Guard::MaxDelete), 1);
    world.clock.advance(Duration::from_secs(120));
    world.notion.person_trashes(&pages[3], false);
    world.notion.lag(Duration::from_secs(60));
    world.spec.policy.max_delete.approved = Some(10);
    world.local.take_mutations();
    world.run();
    assert_eq!(world.local.take_mutations(), []);
    assert!(is_live(&world.local, &row));
}

/// The request of a trash was lost and the process died; the other side is restored before the next
/// run looks.
#[test]
fn p6_a_trash_that_never_arrived_is_decided_again_before_it_is_sent_again() {
    let mut under_way = 0;
    for commit in 1..=8 {
        let (world, pages) = filled(10);
        let row = world.partner(Side::Left, &pages[3]);
        world.clock.advance(Duration::from_secs(120));
        world.local.person_trashes(&row, true);
        world.notion.inject([Fault::LoseRequest]);
        let at = world.store.serial() + commit;
        world.store.crash_at(Some(CrashPoint::After(at)));
        let _ = world.try_run();
        world.store.crash_at(None);
        world.store.break_lease(&world.spec.id);
        let outbox = block_on(world.engine().decisions().outbox()).unwrap();
        if !outbox.iter().any(|intent| intent.state.is_unresolved()) {
            continue;
        }
        under_way += 1;
        world.local.person_trashes(&row, false);
        world.notion.take_mutations();
        world.clock.advance(Duration::from_secs(120));
        world.run();
        assert_eq!(world.notion.take_mutations(), [], "after commit {commit}");
        assert!(is_live(&world.notion, &pages[3]));
    }
    assert!(under_way > 0, "no crash hit the command");
}

#[test]
fn a_row_destroyed_in_the_trash_is_made_again_when_its_page_is_restored() {
    let (world, pages) = filled(10);
    let row = world.partner(Side::Left, &pages[3]);
    world.notion.person_trashes(&pages[3], true);
    world.settle();
    world.local.person_erases(&row);
    // A whole scan shows no tombstones.
    world.run_full();
    world.notion.person_trashes(&pages[3], false);
    world.settle();
    world.assert_equal();
    assert_eq!(world.local.live().len(), 10);
}

/// What a scan that was cut short did not return was not looked at in this run.
#[test]
fn p8_a_scan_that_broke_off_does_not_replace_the_precheck() {
    let (world, pages) = filled(10);
    let row = world.partner(Side::Left, &pages[7]);
    world.clock.advance(Duration::from_secs(600));
    world.notion.person_sets(&pages[7], "title", text("theirs"));
    world.clock.advance(Duration::from_secs(600));
    world.local.person_sets(&row, "title", text("ours"));
    world.notion.cap(Some(2));
    let report = world.run();
    assert_eq!(world.notion.value(&pages[7], "title"), Some(text("theirs")));
    assert_eq!(report.open_conflicts, 1);
}

#[test]
fn a_trash_that_was_lost_is_not_sent_again_over_an_edit_that_came_in_between() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_trashes(&row, true);
    let edited = OddPeer::new(&world.notion, Habit::IsEditedInstead);
    let peers: Sides<Arc<dyn Peer>> =
        Sides::new(Arc::new(edited.clone()), Arc::new(world.local.clone()));
    block_on(world.engine_between(peers).run(&RunOptions::default())).unwrap();
    assert_eq!(edited.take_applied(), 1, "sent once");
    assert!(is_live(&world.notion, &page));
    world.clock.advance(Duration::from_secs(120));
    world.settle();
    assert!(is_live(&world.local, &row), "an edit beats a delete");
    assert_eq!(world.local.value(&row, "notes"), Some(text("edited")));
}

#[test]
fn a_trash_that_was_lost_is_sent_again_as_the_same_command_if_nobody_edited_the_record() {
    let world = World::new();
    let (_, row) = world.settled_pair();
    world.local.person_trashes(&row, true);
    world.notion.inject([Fault::LoseRequest, Fault::Reject]);
    let told = world.run().undelivered;
    let told: Vec<_> = told
        .iter()
        .map(|left| (left.state, left.attempts))
        .collect();
    assert_eq!(told, [(IntentState::Dead, 2)]);
}

/// So many settled pages, of which a person trashes the first.
fn trash_some(world: &World, pages: usize, trashed: usize) {
    let page = |n: usize| {
        let title = text(&format!("page {n}"));
        world.notion.person_creates(&[("title", title)])
    };
    let pages: Vec<Key> = (0..pages).map(page).collect();
    world.settle();
    for page in &pages[..trashed] {
        world.notion.person_trashes(page, true);
    }
}

/// What was held back is proved again before it goes, however little a step may read.
#[test]
fn no_more_is_trashed_in_a_step_than_was_read_again() {
    let mut world = World::new();
    trash_some(&world, 200, 60);
    world.later(1);
    assert_eq!(world.local.live().len(), 200, "held back by MaxDelete");
    world.spec.policy.max_delete.approved = Some(1_000);
    world.clock.advance(Duration::from_secs(120));
    let (engine, options) = (world.engine(), RunOptions::default());
    let step = || block_on(engine.step(&options, Budget::UNLIMITED.requests(20))).unwrap();
    assert!(matches!(step(), Step::More(_)));
    let left = world.local.live().len();
    assert!((180..200).contains(&left), "{left}");
    while matches!(step(), Step::More(_)) {}
    assert_eq!(world.local.live().len(), 140);
}

#[test]
fn what_is_held_back_keeps_no_missing_record_from_being_looked_up() {
    let world = World::new();
    trash_some(&world, 400, 130);
    world.later(2);
    let memory = world.store.memory(&world.spec.id);
    let missing = memory
        .pairs()
        .filter(|pair| pair.sides.left.presence == Presence::Gone);
    assert_eq!(missing.count(), 0);
}
