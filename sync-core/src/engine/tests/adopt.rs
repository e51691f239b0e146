//! A store whose memory is not to be believed: restored from a backup, copied, made for another place.

use std::time::Duration;

use futures::executor::block_on;

use super::world::{World, is_live, tags, text};
use crate::conflict::Resolution;
use crate::engine::{Report, RunError, RunOptions, VerifyOptions};
use crate::link::{Authority, Policy, Side};
use crate::pair::RecordState;
use crate::plan::RowRule;
use crate::port::{OpenMode, PlaceId, Store, StoreError};
use crate::record::Key;
use crate::testkit::CrashPoint;
use crate::value::Value;

fn adopt() -> RunOptions {
    RunOptions {
        adopt: true,
        ..RunOptions::default()
    }
}

fn adopted(world: &World) -> Report {
    world.clock.advance(Duration::from_secs(120));
    let report = block_on(world.engine().run(&adopt())).unwrap();
    world.clock.advance(Duration::from_secs(1));
    report
}

/// A backup is made; what happens after it is in nobody's memory once it is restored.
fn restored(after: impl Fn(&World, &[Key])) -> (World, Vec<Key>) {
    let world = World::new();
    let pages: Vec<Key> = (0..10)
        .map(|n| {
            let title = text(&format!("page {n}"));
            world
                .notion
                .person_creates(&[("title", title), ("notes", text("old"))])
        })
        .collect();
    world.settle();
    let backup = world.store.memory(&world.spec.id);
    after(&world, &pages);
    world.store.restore(&world.spec.id, backup);
    world.notion.take_mutations();
    world.local.take_mutations();
    (world, pages)
}

#[test]
fn pain_40_a_backup_restored_loses_no_edit_that_it_does_not_know_of() {
    // Carried over after the backup, and taken back by a person here: to the backup it looks as if
    // nothing but the page had changed.
    let (world, pages) = restored(|world, pages| {
        let row = world.partner(Side::Left, &pages[0]);
        world.notion.person_sets(&pages[0], "notes", text("new"));
        world.clock.advance(Duration::from_secs(120));
        world.settle();
        world.local.person_sets(&row, "notes", text("old"));
    });
    let report = adopted(&world);
    assert_eq!(report.open_conflicts, 1, "{report:?}");
    let row = world.partner(Side::Left, &pages[0]);
    assert_eq!(world.notion.value(&pages[0], "notes"), Some(text("new")));
    assert_eq!(world.local.value(&row, "notes"), Some(text("old")));
    assert_eq!(world.notion.take_mutations(), []);
}

/// What fills the last field of a record whose base was lost leaves nothing to wait for.
#[test]
fn a_record_that_was_filled_while_it_was_adopted_is_settled() {
    let (world, _) = restored(|world, pages| {
        world.notion.person_sets(&pages[0], "tags", tags(&["a"]));
    });
    let report = adopted(&world);
    assert_eq!(report.settled.right.patched, 1, "{report:?}");
    let found = block_on(world.engine().verify(&VerifyOptions::default())).unwrap();
    assert!(
        found.classes.keys().all(|class| class.is_settled()),
        "{found:?}"
    );
}

/// A place says that it was restored and taken as it is by somebody: not by this link.
#[test]
fn pain_40_a_place_of_another_history_is_refused_until_this_link_adopts_it() {
    let world = World::new();
    world.notion.lineage("first");
    let page = world.notion.person_creates(&[("title", text("a"))]);
    world.run();
    let row = world.partner(Side::Left, &page);
    world.notion.lineage("second");
    let engine = world.engine();
    world.local.person_sets(&row, "title", text("b"));
    world.notion.take_mutations();
    for options in [
        RunOptions::default(),
        RunOptions {
            full: true,
            ..RunOptions::default()
        },
    ] {
        let refused = block_on(engine.run(&options)).unwrap_err();
        assert!(refused.to_string().contains("restored"), "{refused}");
        assert!(block_on(engine.plan(&options)).is_err());
    }
    assert_eq!(world.notion.take_mutations(), []);
    let report = block_on(engine.run(&adopt())).unwrap();
    assert_eq!(report.open_conflicts, 1, "{report:?}");
    block_on(engine.run(&RunOptions::default())).unwrap();
}

#[test]
fn p12_a_lost_base_settles_what_agrees_fills_what_is_empty_and_asks_about_the_rest() {
    let (mut world, pages) = restored(|world, pages| {
        let row = |at: usize| world.partner(Side::Left, &pages[at]);
        world.notion.person_sets(&pages[1], "notes", Value::Empty);
        world.local.person_sets(&row(2), "notes", text("mine"));
        world.notion.person_trashes(&pages[3], true);
        world.notion.person_trashes(&pages[4], true);
        world.local.person_trashes(&row(4), true);
    });
    // Authority is no word about a memory that is lost.
    for field in &mut world.spec.mapping.fields {
        field.authority = Authority::Side(Side::Left);
    }
    world.local.person_creates(&[("title", text("new"))]);
    let row = |at: usize| world.partner(Side::Left, &pages[at]);
    let report = adopted(&world);
    assert_eq!(report.settled.left.patched, 1, "filled in: {report:?}");
    assert_eq!(world.notion.value(&pages[1], "notes"), Some(text("old")));
    assert_eq!(world.local.value(&row(2), "notes"), Some(text("mine")));
    assert!(is_live(&world.local, &row(3)), "nothing is trashed");
    assert_eq!(report.open_conflicts, 2);
    assert_eq!(world.notion.live().len(), 8, "and nothing made");
    assert_eq!(world.standing(Side::Left, &pages[4]), None);
    assert_eq!(world.standing(Side::Left, &pages[5]), None);

    // Later runs go on where a person has not spoken: nothing is written over.
    world.later(2);
    assert_eq!(world.local.value(&row(2), "notes"), Some(text("mine")));
    assert!(is_live(&world.local, &row(3)));
    assert_eq!(
        world.notion.live().len(),
        9,
        "an ordinary run makes what is new"
    );
    assert_eq!(
        world.standing(Side::Left, &pages[2]),
        Some(RecordState::Conflict)
    );
    let engine = world.engine();
    let told = block_on(engine.explain(Side::Left, &pages[2]))
        .unwrap()
        .unwrap();
    assert_eq!(told.plan.rule, RowRule::R30);
    for conflict in block_on(engine.decisions().conflicts()).unwrap() {
        let keep = Resolution::Keep(Side::Left);
        let (pair, field) = (conflict.pair, &conflict.field);
        block_on(engine.decisions().resolve(pair, field, keep)).unwrap();
    }
    world.later(2);
    assert_eq!(world.local.value(&row(2), "notes"), Some(text("old")));
    assert!(!is_live(&world.local, &row(3)), "by a person's word");
    assert_eq!(world.notion.live().len(), world.local.live().len());
    world.assert_equal();

    // What was adopted is settled: deletes flow again.
    world.notion.person_trashes(&pages[5], true);
    world.later(1);
    assert!(!is_live(&world.local, &row(5)));
}

#[test]
fn e6_a_crash_during_an_adoption_leaves_no_base_that_is_half_believed() {
    let (calm, _) = restored(edited);
    let first = calm.store.serial() + 1;
    adopted(&calm);
    let last = calm.store.serial();
    for serial in first..=last {
        for point in [CrashPoint::Before(serial), CrashPoint::After(serial)] {
            let (world, _) = restored(edited);
            world.store.crash_at(Some(point));
            world.clock.advance(Duration::from_secs(120));
            let _ = block_on(world.engine().run(&adopt()));
            world.store.crash_at(None);
            world.store.break_lease(&world.spec.id);
            // The process that follows does not know that it was asked to adopt; the file does,
            // once anything of it was written down.
            if point == CrashPoint::Before(first) || point == CrashPoint::After(first) {
                adopted(&world);
            }
            world.later(1);
            assert_eq!(
                world.contents(&world.local),
                calm.contents(&calm.local),
                "{point:?}"
            );
            assert_eq!(
                world.contents(&world.notion),
                calm.contents(&calm.notion),
                "{point:?}"
            );
        }
    }
}

fn edited(world: &World, pages: &[Key]) {
    let row = world.partner(Side::Left, &pages[0]);
    world.notion.person_sets(&pages[0], "notes", text("new"));
    world.clock.advance(Duration::from_secs(120));
    world.settle();
    world.local.person_sets(&row, "notes", text("old"));
    world.notion.person_trashes(&pages[3], true);
}

#[test]
fn e9_planning_an_adoption_writes_nothing() {
    let (world, _) = restored(edited);
    let before = world.state();
    let plan = block_on(world.engine().plan(&adopt())).unwrap();
    assert_eq!(plan.conflicts.len(), 2);
    assert_eq!(plan.commands(), 0);
    assert_eq!(world.state(), before);
}

#[test]
fn pain_40_a_store_made_for_another_place_is_refused_and_nothing_is_written() {
    let world = World::new();
    world.settled_pair();
    let before = world.state();
    for side in Side::BOTH {
        let mut copy = World::with(true, Policy::default());
        copy.notion
            .person_creates(&[("title", text("of another workspace"))]);
        copy.store = world.store.clone();
        copy.spec.places = world.spec.places.clone();
        copy.spec.places[side] = PlaceId::new("notion:copied");
        let untouched = (copy.notion.records(), copy.local.records());
        for options in [RunOptions::default(), adopt()] {
            let refused = block_on(copy.engine().run(&options));
            let Err(RunError::Store(StoreError::Copied { expected, found })) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!(expected, world.spec.places[side].to_string());
            assert_eq!(found, "notion:copied");
            assert!(block_on(copy.engine().plan(&options)).is_err());
        }
        assert_eq!(untouched, (copy.notion.records(), copy.local.records()));
    }
    assert_eq!(world.state(), before);
    // The guard is gone with its cause.
    let opened = world.store.open(&world.spec, OpenMode::Write);
    assert!(block_on(opened).is_ok());
    assert!(world.run().is_quiet());
}

#[test]
fn who_is_right_counts_again_for_a_field_that_was_agreed_on_since_the_memory_was_lost() {
    let mut world = World::new();
    for field in &mut world.spec.mapping.fields {
        if field.name().as_str() == "notes" {
            field.authority = Authority::Side(Side::Left);
        }
    }
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "title", text("one"));
    world.local.person_sets(&row, "title", text("two"));
    assert_eq!(adopted(&world).open_conflicts, 1, "the titles");
    world.notion.person_sets(&page, "notes", text("there"));
    world.local.person_sets(&row, "notes", text("here"));
    assert_eq!(world.settle().open_conflicts, 1);
    assert_eq!(world.local.value(&row, "notes"), Some(text("there")));
}
