//! A run about some records leaves everything else where it was.

use std::time::Duration;

use futures::executor::block_on;

use super::creates::where_notion;
use super::world::{World, is_live, text};
use crate::engine::{Report, RunOptions};
use crate::link::Side;
use crate::record::Key;
use crate::testkit::Fault;

fn run_only(world: &World, rows: &[&Key]) -> Report {
    let keys: Vec<Key> = rows.iter().map(|key| (*key).clone()).collect();
    let engine = world.engine();
    block_on(engine.run_only(Side::Right, &keys, &RunOptions::default())).unwrap()
}

#[test]
fn only_what_was_named_is_carried_out_and_the_rest_by_the_next_run() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    let other = world.notion.person_creates(&[("title", text("b"))]);
    world.settle();
    let other_row = world.partner(Side::Left, &other);
    world.local.person_sets(&row, "notes", text("mine"));
    world.local.person_sets(&other_row, "notes", text("waits"));
    world
        .notion
        .person_sets(&page, "title", text("a, as they call it"));
    world.local.person_creates(&[("title", text("new row"))]);
    world.notion.person_creates(&[("title", text("new page"))]);
    world.notion.take_mutations();
    world.local.take_mutations();

    let report = run_only(&world, &[&row]);
    // Both sides of it, and nothing besides.
    assert_eq!(report.settled.left.total(), 1, "{report:?}");
    assert_eq!(report.settled.right.total(), 1);
    let written = world.notion.take_mutations();
    assert_eq!(written.len(), 1);
    assert_eq!(written[0].key, page);
    assert_eq!(world.notion.value(&page, "notes"), Some(text("mine")));
    let title = text("a, as they call it");
    assert_eq!(world.local.value(&row, "title"), Some(title));
    assert_eq!(world.local.take_mutations().len(), 1);
    assert!(run_only(&world, &[&row]).is_quiet());

    world.settle();
    world.assert_equal();
    assert_eq!(world.notion.value(&other, "notes"), Some(text("waits")));
}

#[test]
fn a_command_of_another_record_that_never_arrived_is_not_sent_again_here() {
    let lag = Duration::from_secs(30);
    let world = where_notion(|capabilities| capabilities.index_lag = lag);
    let row = world.local.person_creates(&[("title", text("a"))]);
    world.run();
    world.clock.advance(lag);
    world.settle();
    world.local.person_creates(&[("title", text("lost"))]);
    world.notion.inject([Fault::LoseRequest]);
    assert_eq!(world.run().waiting, 1);
    world.clock.advance(lag);
    let before = world.notion.live().len();
    run_only(&world, &[&row]);
    assert_eq!(world.notion.live().len(), before);
    world.settle();
    assert_eq!(world.notion.live().len(), before + 1);
    world.assert_equal();
}

#[test]
fn a_record_that_no_run_has_seen_is_left_to_the_next_run() {
    let world = World::new();
    let (_, row) = world.settled_pair();
    let new = world.local.person_creates(&[("title", text("new"))]);
    world.local.person_trashes(&row, true);
    let report = run_only(&world, &[&new]);
    assert!(report.is_quiet(), "{report:?}");
    let page = world.partner(Side::Right, &row);
    assert!(is_live(&world.notion, &page));
    world.settle();
    world.assert_equal();
}
