//! Edits: exactly what changed is written, once, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;

use super::creates::where_notion;
use super::odd_peer::{Habit, OddPeer, Reads};
use super::world::{World, names, tags, text};
use crate::engine::{RunOptions, RunOutcome};
use crate::link::{Policy, Side, Sides};
use crate::outbox::NextStep;
use crate::plan::{Guard, RowRule, decided};
use crate::port::{Clock, CommandKind, Peer};
use crate::record::{Key, Record};
use crate::schema::FieldId;
use crate::testkit::VirtualClock;
use crate::testkit::decorators::Slow;
use crate::value::Value;

#[test]
fn first_pull_then_quiet() {
    let world = World::new();
    for n in 0..5 {
        world
            .notion
            .person_creates(&[("title", text(&format!("row {n}"))), ("tags", tags(&["a"]))]);
    }
    let report = world.settle();
    assert_eq!(report.settled.right.created, 5);
    world.assert_equal();
    assert_eq!(world.notion.take_mutations(), []);
}

#[test]
fn pain_13_one_cell_is_one_patch_with_one_field_two_cells_one_patch_with_two() {
    let world = World::new();
    let page = world.notion.person_creates(&[("title", text("a"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world.local.person_sets(&row, "notes", text("one"));
    world.run();
    let mutations = world.notion.take_mutations();
    assert_eq!(mutations.len(), 1);
    assert_eq!(mutations[0].kind, CommandKind::Patch);
    assert_eq!(mutations[0].fields, [FieldId::new("notes")]);
    world.local.person_sets(&row, "notes", text("two"));
    world.local.person_sets(&row, "title", text("b"));
    world.run();
    let mutations = world.notion.take_mutations();
    assert_eq!(mutations.len(), 1);
    assert_eq!(mutations[0].fields.len(), 2);
    world.assert_equal();
}

/// What was read back is settled: no other look has to find that out.
#[test]
fn a_pair_whose_edit_arrived_is_not_decided_again() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "notes", text("one"));
    decided::take();
    world.run();
    assert_eq!(decided::take().rows, [(RowRule::R02, 1)]);
    assert!(!world.pair_of(&page).dirty);
}

#[test]
fn a_patch_that_was_lost_is_not_sent_again_over_an_edit_that_came_in_between() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "notes", text("mine"));
    let edited = OddPeer::new(&world.notion, Habit::IsEditedInstead);
    let peers: Sides<Arc<dyn Peer>> =
        Sides::new(Arc::new(edited.clone()), Arc::new(world.local.clone()));
    let report = block_on(world.engine_between(peers).run(&RunOptions::default())).unwrap();
    assert_eq!(edited.take_applied(), 1, "sent once");
    assert_eq!(report.open_conflicts, 1);
    assert_eq!(world.notion.value(&page, "notes"), Some(text("edited")));
    assert_eq!(world.local.value(&row, "notes"), Some(text("mine")));
}

#[test]
fn defect_01_a_b_a_b_is_three_edits_in_both_directions() {
    let world = World::new();
    let page = world.notion.person_creates(&[("title", text("A"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    for value in ["B", "A", "B"] {
        world.local.person_sets(&row, "title", text(value));
        assert_eq!(world.run().settled.left.patched, 1, "{value} to Notion");
        assert_eq!(world.notion.value(&page, "title"), Some(text(value)));
    }
    assert!(world.run().is_quiet());
    for value in ["A", "B", "A"] {
        world.notion.person_sets(&page, "title", text(value));
        assert_eq!(world.run().settled.right.patched, 1, "{value} to SQLite");
        assert_eq!(world.local.value(&row, "title"), Some(text(value)));
    }
    assert!(world.run().is_quiet());
}

#[test]
fn defect_04_different_fields_of_one_row_merge() {
    let world = World::new();
    let page = world.notion.person_creates(&[("title", text("a"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world.local.person_sets(&row, "notes", text("from SQLite"));
    world
        .notion
        .person_sets(&page, "title", text("from Notion"));
    let report = world.settle();
    assert_eq!(
        (report.settled.left.patched, report.settled.right.patched),
        (1, 1)
    );
    world.assert_equal();
    assert_eq!(world.local.value(&row, "title"), Some(text("from Notion")));
    assert_eq!(
        world.notion.value(&page, "notes"),
        Some(text("from SQLite"))
    );
}

#[test]
fn clearing_works_both_ways() {
    let world = World::new();
    let page = world
        .notion
        .person_creates(&[("title", text("a")), ("notes", text("x"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world.local.person_sets(&row, "notes", Value::Empty);
    world.settle();
    assert_eq!(world.notion.value(&page, "notes"), Some(Value::Empty));
    world.notion.person_sets(&page, "title", Value::Empty);
    world.settle();
    assert_eq!(world.local.value(&row, "title"), Some(Value::Empty));
}

#[test]
fn sets_merge_when_both_sides_edit_them() {
    let world = World::new();
    let page = world
        .notion
        .person_creates(&[("title", text("t")), ("tags", tags(&["a", "b"]))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world
        .notion
        .person_sets(&page, "tags", tags(&["a", "b", "c"]));
    world.local.person_sets(&row, "tags", names(&["b", "d"]));
    let report = world.settle();
    assert_eq!(report.open_conflicts, 0);
    let merged = world.notion.value(&page, "tags").unwrap().display();
    let mut merged: Vec<_> = merged.split(", ").collect();
    merged.sort_unstable();
    assert_eq!(merged, ["b", "c", "d"]);
}

#[test]
fn pain_16_a_value_over_a_limit_blocks_its_field_only_and_clears_when_shortened() {
    let world = World::new();
    let page = world.notion.person_creates(&[("title", text("a"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world
        .local
        .person_sets(&row, "notes", text(&"x".repeat(51)));
    world.local.person_sets(&row, "title", text("b"));
    let report = world.run();
    assert_eq!(report.refusals.len(), 1);
    assert_eq!(report.refusals[0].guard, Guard::ValueLimits);
    assert_eq!(
        world.notion.value(&page, "title"),
        Some(text("b")),
        "the rest goes on"
    );
    assert_eq!(world.notion.value(&page, "notes"), Some(Value::Empty));
    assert_eq!(world.run().refusals.len(), 1, "still there, still said");
    world.local.person_sets(&row, "notes", text("short"));
    let report = world.settle();
    assert_eq!(report.refusals, []);
    assert_eq!(world.notion.value(&page, "notes"), Some(text("short")));
}

#[test]
fn pain_17_an_unknown_option_is_refused_with_its_name() {
    let world = World::new();
    let page = world.notion.person_creates(&[("title", text("a"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world
        .local
        .person_sets(&row, "tags", names(&["a", "urgent"]));
    let report = world.run();
    assert_eq!(report.refusals[0].guard, Guard::OptionPolicy);
    assert!(
        report.refusals[0].reason.contains("urgent"),
        "{}",
        report.refusals[0].reason
    );
    assert_eq!(world.notion.take_mutations(), []);
}

#[test]
fn pain_01_a_truncated_value_is_never_written_anywhere() {
    let world = World::new();
    let page = world
        .notion
        .person_creates(&[("title", text("a")), ("notes", text("whole"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world
        .notion
        .set_cell(&page, "notes", crate::record::Cell::Truncated(text("who")));
    world.notion.person_sets(&page, "title", text("b"));
    world.run();
    assert_eq!(world.local.value(&row, "notes"), Some(text("whole")));
    assert_eq!(world.local.value(&row, "title"), Some(text("b")));
}

#[test]
fn e9_a_dry_run_writes_nothing_and_plans_what_a_run_does() {
    let world = World::new();
    let page = world.notion.person_creates(&[("title", text("a"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world.local.person_sets(&row, "notes", text("x"));
    world.notion.person_creates(&[("title", text("new"))]);
    let before = world.state();
    let plan = world.plan();
    let after = world.state();
    assert_eq!(before, after);
    assert_eq!(
        (world.notion.take_mutations(), world.local.take_mutations()),
        (vec![], vec![])
    );
    assert_eq!((plan.counts.patch.left, plan.counts.create.right), (1, 1));
    // The control: the run does change things, and just those.
    let report = world.run();
    assert_eq!(
        (report.settled.left.patched, report.settled.right.created),
        (1, 1)
    );
    assert!(world.store.serial() > before.0);
    assert!(world.plan().is_empty());
}

#[test]
fn e10_an_idle_run_costs_one_request_and_an_edit_one_more() {
    let world = World::new();
    let page = world.notion.person_creates(&[("title", text("a"))]);
    world.settle();
    world.run();
    assert_eq!(world.notion.take_requests(), 1);
    let row = world.partner(Side::Left, &page);
    world.local.person_sets(&row, "title", text("b"));
    world.run();
    assert_eq!(world.notion.take_requests(), 2);
}

/// The row is edited in the store's own file while the run writes another field of it there.
#[test]
fn an_edit_beside_the_field_a_run_is_writing_is_not_lost() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "title", text("b"));
    let (local, key) = (world.local.clone(), row.clone());
    world.run_while(move || local.person_sets(&key, "notes", text("beside")));
    world.later(2);
    assert_eq!(world.notion.value(&page, "notes"), Some(text("beside")));
    assert_eq!(world.local.value(&row, "title"), Some(text("b")));
    world.assert_equal();
}

/// The index is a minute late: no scan of the run shows what was edited in Notion.
#[test]
fn an_edit_the_index_does_not_show_yet_is_not_overwritten() {
    let policy = Policy {
        sweep_below_requests: 0,
        ..Policy::default()
    };
    let world = World::with(true, policy);
    let (page, row) = world.settled_pair();
    world.clock.advance(Duration::from_secs(600));
    world.notion.lag(Duration::from_secs(60));
    world.run();
    world.clock.advance(Duration::from_secs(120));
    world
        .notion
        .person_sets(&page, "title", text("from Notion"));
    world.local.person_sets(&row, "title", text("from SQLite"));
    world.clock.advance(Duration::from_secs(20));
    world.run();
    assert_eq!(
        world.notion.value(&page, "title"),
        Some(text("from Notion"))
    );
    world.later(2);
    assert_eq!(world.run().open_conflicts, 1, "both values are kept");
    assert_eq!(world.local.value(&row, "title"), Some(text("from SQLite")));
}

/// A page and its row, edited in SQLite; and how the index shows the page for another minute.
fn sent_ahead_of_the_index() -> (World, Key, Key, Record) {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.clock.advance(Duration::from_secs(600));
    world.notion.lag(Duration::from_secs(60));
    let old = world.notion.record(&page).unwrap();
    world.local.person_sets(&row, "title", text("b"));
    world.run();
    assert_eq!(world.notion.value(&page, "title"), Some(text("b")));
    (world, page, row, old)
}

/// Runs half a minute later, with an index that shows it as it was before.
fn keeps_what_was_sent(reads: Reads, latency: Duration) {
    let (world, page, row, old) = sent_ahead_of_the_index();
    world.clock.advance(Duration::from_secs(30));
    let lagging = OddPeer::new(&world.notion, Habit::LagsBehind(Box::new(old), reads));
    let lagging = Slow::new(lagging, world.clock.clone(), latency);
    let peers: Sides<Arc<dyn Peer>> = Sides::new(Arc::new(lagging), Arc::new(world.local.clone()));
    let options = RunOptions {
        full: true,
        ..RunOptions::default()
    };
    block_on(world.engine_between(peers).run(&options)).unwrap();
    assert_eq!(world.local.value(&row, "title"), Some(text("b")));
    world.later(2);
    assert_eq!(world.notion.value(&page, "title"), Some(text("b")));
    world.assert_equal();
}

#[test]
fn an_old_state_that_a_direct_read_corrects_is_not_believed() {
    keeps_what_was_sent(Reads::Granted, Duration::ZERO);
}

#[test]
fn an_old_state_that_no_direct_read_corrects_is_not_believed() {
    keeps_what_was_sent(Reads::Denied, Duration::ZERO);
}

/// The page was read within the minute, and arrives after it.
#[test]
fn a_page_is_as_old_as_the_request_for_it() {
    keeps_what_was_sent(Reads::Granted, Duration::from_secs(40));
}

/// The wall clock jumps ahead by an hour while no time passes, and other processes go on.
#[test]
fn a_clock_that_jumped_ahead_does_not_make_the_index_catch_up() {
    let (world, page, row, old) = sent_ahead_of_the_index();
    world.clock.advance(Duration::from_secs(20));
    let ours = VirtualClock::at(world.clock.now().plus(Duration::from_secs(3600)));
    let lagging = OddPeer::new(
        &world.notion,
        Habit::LagsBehind(Box::new(old), Reads::Granted),
    );
    for _ in 0..3 {
        let peers: Sides<Arc<dyn Peer>> =
            Sides::new(Arc::new(lagging.clone()), Arc::new(world.local.clone()));
        let options = RunOptions {
            full: true,
            ..RunOptions::default()
        };
        block_on(world.engine_by(Arc::new(ours.clone()), peers).run(&options)).unwrap();
        assert_eq!(world.local.value(&row, "title"), Some(text("b")));
        world.clock.advance(Duration::from_secs(10));
        ours.advance(Duration::from_secs(10));
    }
    world.later(2);
    assert_eq!(world.notion.value(&page, "title"), Some(text("b")));
    world.assert_equal();
}

#[test]
fn an_edit_of_a_field_that_is_gone_for_a_while_is_sent_when_it_is_back_and_approved() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "notes", text("kept"));
    let lacking = OddPeer::new(&world.notion, Habit::Lacks(FieldId::new("notes")));
    let peers: Sides<Arc<dyn Peer>> =
        Sides::new(Arc::new(lacking.clone()), Arc::new(world.local.clone()));
    block_on(world.engine_between(peers).run(&RunOptions::default())).unwrap();
    assert_eq!(lacking.take_applied(), 0);
    world.later(2);
    assert_eq!(world.notion.value(&page, "notes"), Some(Value::Empty));
    let options = RunOptions {
        approved: [Guard::SchemaDrift].into(),
        ..RunOptions::default()
    };
    block_on(world.engine().run(&options)).unwrap();
    assert_eq!(world.notion.value(&page, "notes"), Some(text("kept")));
    world.assert_equal();
}

/// Incremental scans show no record again just because more of it is mapped now.
#[test]
fn a_field_mapped_later_is_read_from_records_that_did_not_change() {
    let policy = Policy {
        sweep_below_requests: 0,
        ..Policy::default()
    };
    let mut world = World::with(true, policy);
    let all = world.spec.mapping.fields.clone();
    let mapped = &mut world.spec.mapping.fields;
    mapped.retain(|field| field.name().as_str() != "notes");
    let page = world
        .notion
        .person_creates(&[("title", text("a")), ("notes", text("filled"))]);
    let omits = Habit::Omits(FieldId::new("notes"));
    let left = OddPeer::new(&world.notion, omits.clone());
    let right = OddPeer::new(&world.local, omits);
    for _ in 0..3 {
        let peers: Sides<Arc<dyn Peer>> =
            Sides::new(Arc::new(left.clone()), Arc::new(right.clone()));
        block_on(world.engine_between(peers).run(&RunOptions::default())).unwrap();
        world.clock.advance(Duration::from_secs(120));
    }
    let row = world.partner(Side::Left, &page);
    assert_ne!(world.local.value(&row, "notes"), Some(text("filled")));
    world.spec.mapping.fields = all;
    assert_eq!(world.run().outcome, RunOutcome::Clean);
    assert_eq!(world.local.value(&row, "notes"), Some(text("filled")));
}

/// A page is edited, is not shown for a while, and is shown again as it was edited: no scan tells of
/// that. What was refused meanwhile is not written over it, nor what the row came to hold since.
#[test]
fn p8_an_edit_of_a_page_that_was_not_shown_for_a_while_is_not_written_over() {
    for changes in [false, true] {
        let policy = Policy {
            sweep_below_requests: 0,
            ..Policy::default()
        };
        let world = World::with(true, policy);
        let (page, row) = world.settled_pair();
        world.clock.advance(Duration::from_secs(600));
        world.notion.person_sets(&page, "notes", text("by hand"));
        world.notion.hide(&page, true);
        world.local.person_sets(&row, "notes", text("by program"));
        for _ in 0..2 {
            world.run();
            world.clock.advance(Duration::from_secs(300));
        }
        let waits = &world.run().undelivered;
        assert_eq!(waits[0].next_step, Some(NextStep::Share), "{waits:?}");
        world.clock.advance(Duration::from_secs(300));
        if changes {
            world
                .local
                .person_sets(&row, "notes", text("by program too"));
        }
        world.notion.hide(&page, false);
        world.run();
        assert_eq!(world.notion.value(&page, "notes"), Some(text("by hand")));
        assert_eq!(world.run().open_conflicts, 1);
    }
}

#[test]
fn what_was_written_by_a_clock_that_jumped_back_since_is_soon_believed_from_scans_again() {
    let lag = Duration::from_secs(30);
    let world = where_notion(|capabilities| capabilities.index_lag = lag);
    let now = world.clock.now();
    let ours = VirtualClock::at(now.plus(Duration::from_secs(24 * 3600)));
    let requests_of_a_run = || {
        let peers: Sides<Arc<dyn Peer>> = Sides::new(
            Arc::new(world.notion.clone()),
            Arc::new(world.local.clone()),
        );
        let engine = world.engine_by(Arc::new(ours.clone()), peers);
        world.notion.take_requests();
        block_on(engine.run(&RunOptions::default())).unwrap();
        world.notion.take_requests()
    };
    world.local.person_creates(&[("title", text("a"))]);
    requests_of_a_run();
    let page = world.notion.live().remove(0).key;
    ours.jump_to(now);
    for (words, requests) in [("b", 2), ("c", 1)] {
        world.notion.person_sets(&page, "notes", text(words));
        world.clock.advance(lag);
        // The scan; and the record, as long as the scan may show it as it was before our own write.
        assert_eq!(requests_of_a_run(), requests, "{words}");
        ours.advance(lag);
    }
}
