//! Who is right, and which way values flow: per field, per link, per run.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;

use super::world::{World, is_live, text};
use crate::engine::RunOptions;
use crate::link::{Arbiter, Authority, Contest, Direction, Policy, Side};
use crate::pair::RecordState;
use crate::port::{Query, Rows, Store};
use crate::record::Key;
use crate::value::Value;

/// A settled pair whose notes follow a rule.
fn world_where(authority: Authority, direction: Direction) -> (World, Key, Key) {
    let mut world = World::new();
    for field in &mut world.spec.mapping.fields {
        if field.name().as_str() == "notes" {
            field.authority = authority;
            field.direction = direction;
        }
    }
    let (page, row) = world.settled_pair();
    (world, page, row)
}

fn edit_both(world: &World, page: &Key, row: &Key) {
    world.notion.person_sets(page, "notes", text("there"));
    world.local.person_sets(row, "notes", text("here"));
}

fn notes(world: &World, page: &Key, row: &Key) -> (Option<Value>, Option<Value>) {
    let page = world.notion.value(page, "notes");
    (page, world.local.value(row, "notes"))
}

fn both(value: &str) -> (Option<Value>, Option<Value>) {
    (Some(text(value)), Some(text(value)))
}

fn overwritten(world: &World) -> Vec<Value> {
    let read = world
        .store
        .read(&world.spec.id, &Query::Journal(None), None, u32::MAX);
    match block_on(read).unwrap() {
        Rows::Journal(entries) => entries.into_iter().filter_map(|e| e.before).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pain_12_the_side_with_authority_wins_and_the_journal_keeps_the_other_value() {
    for (side, wins, loses) in [
        (Side::Left, "there", "here"),
        (Side::Right, "here", "there"),
    ] {
        let (world, page, row) = world_where(Authority::Side(side), Direction::Both);
        edit_both(&world, &page, &row);
        let report = world.settle();
        assert_eq!(report.open_conflicts, 0);
        assert_eq!(notes(&world, &page, &row), both(wins));
        assert!(overwritten(&world).contains(&text(loses)));
    }
}

#[test]
fn the_newest_edit_wins_and_a_tie_is_a_conflict() {
    let (world, page, row) = world_where(Authority::Newest, Direction::Both);
    world.notion.person_sets(&page, "notes", text("there"));
    world.clock.advance(Duration::from_secs(61));
    world.local.person_sets(&row, "notes", text("here"));
    world.settle();
    assert_eq!(notes(&world, &page, &row), both("here"));

    world.clock.advance(Duration::from_secs(60));
    world
        .notion
        .person_sets(&page, "notes", text("there again"));
    world.local.person_sets(&row, "notes", text("here again"));
    let report = world.settle();
    assert_eq!(
        report.open_conflicts, 1,
        "within one minute of Notion's clock"
    );
}

#[derive(Debug)]
struct Longest;

impl Arbiter for Longest {
    fn winner(&self, contest: &Contest<'_>) -> Option<Side> {
        let length = contest.values.map(|value| value.display().len());
        match length.left.cmp(&length.right) {
            std::cmp::Ordering::Greater => Some(Side::Left),
            std::cmp::Ordering::Less => Some(Side::Right),
            std::cmp::Ordering::Equal => None,
        }
    }
}

#[test]
fn a_program_decides_by_a_rule_of_its_own() {
    let (world, page, row) = world_where(Authority::Arbiter, Direction::Both);
    edit_both(&world, &page, &row);
    let engine = world.engine().arbiter(Arc::new(Longest));
    block_on(engine.run(&RunOptions::default())).unwrap();
    assert_eq!(notes(&world, &page, &row), both("there"));

    world
        .notion
        .person_sets(&page, "notes", text("there again"));
    world.local.person_sets(&row, "notes", text("here again"));
    let report = world.settle();
    assert_eq!(
        report.open_conflicts, 1,
        "without an arbiter a person decides"
    );
}

#[test]
fn a_one_way_field_leaves_an_edit_at_its_end_alone_until_the_source_moves() {
    let (world, page, row) = world_where(Authority::Person, Direction::Toward(Side::Right));
    world.local.person_sets(&row, "notes", text("here"));
    world.settle();
    let (there, here) = notes(&world, &page, &row);
    assert_eq!(here, Some(text("here")));
    assert_ne!(there, here);
    assert_eq!(world.standing(Side::Right, &row), Some(RecordState::Parked));

    world.notion.person_sets(&page, "notes", text("there"));
    let report = world.settle();
    assert_eq!(report.open_conflicts, 1, "both values are kept");
}

#[test]
fn a_one_way_field_with_authority_takes_an_edit_at_its_end_back() {
    let (world, page, row) =
        world_where(Authority::Side(Side::Left), Direction::Toward(Side::Right));
    world.notion.person_sets(&page, "notes", text("there"));
    world.settle();
    world.local.person_sets(&row, "notes", text("here"));
    world.settle();
    assert_eq!(notes(&world, &page, &row), both("there"));
    assert!(overwritten(&world).contains(&text("here")));
}

#[test]
fn a_one_way_link_makes_trashes_and_restores_on_one_side_only() {
    let policy = Policy {
        direction: Direction::Toward(Side::Right),
        ..Policy::default()
    };
    let world = World::with(true, policy);
    let (page, row) = world.settled_pair();
    world.local.person_creates(&[("title", text("mine"))]);
    let pages = world.notion.live().len();
    world.settle();
    assert_eq!(world.notion.live().len(), pages, "nothing is made there");

    world.local.person_trashes(&row, true);
    world.settle();
    assert!(is_live(&world.notion, &page), "nothing is trashed there");
    world.local.person_trashes(&row, false);
    world.settle();

    world.notion.person_trashes(&page, true);
    world.clock.advance(Duration::from_secs(7200));
    world.settle();
    assert!(!is_live(&world.local, &row));
}

#[test]
fn what_a_one_way_run_may_not_write_goes_out_with_the_next() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "notes", text("here"));
    world.notion.person_sets(&page, "title", text("new title"));
    world.local.person_creates(&[("title", text("mine"))]);
    let pages = world.notion.live().len();
    world.clock.advance(Duration::from_secs(120));
    let options = RunOptions {
        direction: Direction::Toward(Side::Right),
        ..RunOptions::default()
    };
    world.notion.take_mutations();
    for _ in 0..2 {
        block_on(world.engine().run(&options)).unwrap();
        assert!(world.notion.take_mutations().is_empty());
        assert_eq!(world.local.value(&row, "title"), Some(text("new title")));
        assert_eq!(
            world.standing(Side::Right, &row),
            Some(RecordState::Pending)
        );
    }
    let plan = block_on(world.engine().plan(&options)).unwrap();
    assert_eq!((plan.commands(), plan.counts.withheld), (0, 2));
    world.settle();
    world.assert_equal();
    assert_eq!(world.notion.live().len(), pages + 1);
}

/// The page comes back from the trash because its row was edited: that write is nobody's edit.
#[test]
fn a_write_of_our_own_makes_no_side_the_newest() {
    let (world, page, row) = world_where(Authority::Newest, Direction::Both);
    world.notion.person_sets(&page, "notes", text("there"));
    world.notion.person_trashes(&page, true);
    // In the same minute, so that nobody is the newest.
    world.local.person_sets(&row, "notes", text("here"));
    world.clock.advance(Duration::from_secs(120));
    for _ in 0..3 {
        world.run_full();
        world.clock.advance(Duration::from_secs(120));
    }
    assert!(is_live(&world.notion, &page));
    assert_eq!(world.local.value(&row, "notes"), Some(text("here")));
}
