//! Creates: at most one record per create, whatever happens to the answer.

use std::time::Duration;

use futures::executor::block_on;

use super::world::{World, text};
use crate::engine::RunOutcome;
use crate::link::{Policy, Side};
use crate::plan::Guard;
use crate::port::Capabilities;
use crate::testkit::Fault;

#[test]
fn a_row_made_locally_becomes_one_page() {
    let world = World::new();
    world.local.person_creates(&[("title", text("mine"))]);
    let report = world.settle();
    assert_eq!(report.settled.left.created, 1);
    world.assert_equal();
    assert_eq!(world.notion.live().len(), 1);
}

#[test]
fn defect_06_pain_10_a_lost_answer_makes_no_duplicate_with_a_marker() {
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        let world = World::new();
        for n in 0..4 {
            world
                .local
                .person_creates(&[("title", text(&format!("row {n}")))]);
        }
        world
            .notion
            .inject([Fault::None, fault.clone(), fault, Fault::None]);
        world.run();
        world.run();
        assert_eq!(world.notion.live().len(), 4);
        assert_eq!(world.local.live().len(), 4);
        world.assert_equal();
        assert!(world.run().is_quiet());
    }
}

#[test]
fn a_lost_answer_is_not_taken_for_a_failure_before_the_index_has_caught_up() {
    let mut world = World::new();
    let lag = Duration::from_secs(30);
    world.notion = crate::testkit::MemoryPeer::new(
        "notion",
        block_on(async {
            use crate::port::{Call, Cancel, Peer};
            world
                .notion
                .describe(&Call::new(&Cancel::default()))
                .await
                .unwrap()
                .schema
        }),
        Capabilities {
            index_lag: lag,
            ..Capabilities::remote()
        },
        world.clock.clone(),
    );
    world.local.person_creates(&[("title", text("mine"))]);
    world.notion.inject([Fault::LoseAnswer]);
    let report = world.run();
    assert_eq!((report.outcome, report.waiting), (RunOutcome::Partial, 1));
    assert_eq!(world.run().waiting, 1, "too early to tell");
    world.clock.advance(lag);
    assert_eq!(world.run().waiting, 0);
    assert_eq!(world.notion.live().len(), 1);
    world.assert_equal();
}

#[test]
fn without_a_marker_a_lost_create_waits_and_its_page_is_not_pulled_as_another_row() {
    let world = World::with(false, Policy::default());
    let row = world.local.person_creates(&[("title", text("mine"))]);
    world.notion.inject([Fault::LoseAnswer]);
    for _ in 0..3 {
        let report = world.run();
        assert_eq!((report.outcome, report.waiting), (RunOutcome::Partial, 1));
        assert_eq!(world.notion.live().len(), 1, "never sent twice");
        assert_eq!(world.local.live().len(), 1, "never pulled as another row");
    }
    let engine = world.engine();
    let intent = block_on(engine.decisions().outbox()).unwrap().remove(0);
    let memory = world.store.memory(&world.spec.id);
    let mut keys = memory
        .pairs()
        .filter_map(|pair| pair.sides.left.key.clone());
    let made = keys.next().unwrap();
    block_on(engine.decisions().declare_created(intent.id, &made)).unwrap();
    let report = world.settle();
    assert_eq!(report.waiting, 0);
    world.assert_equal();
    assert_eq!(world.notion.live().len(), 1);
    world
        .local
        .person_sets(&row, "notes", text("one record now"));
    world.settle();
    world.assert_equal();
}

#[test]
fn without_a_marker_a_person_can_say_that_it_never_arrived() {
    let world = World::with(false, Policy::default());
    world.local.person_creates(&[("title", text("mine"))]);
    world.notion.inject([Fault::LoseRequest]);
    assert_eq!(world.run().waiting, 1);
    let engine = world.engine();
    let intent = block_on(engine.decisions().outbox()).unwrap().remove(0);
    block_on(engine.decisions().declare_not_sent(intent.id)).unwrap();
    world.settle();
    world.assert_equal();
    assert_eq!(world.notion.live().len(), 1);
}

#[test]
fn defect_15_a_command_refused_for_good_is_not_sent_again_until_something_changes() {
    let world = World::new();
    let page = world.notion.person_creates(&[("title", text("a"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world.local.person_sets(&row, "title", text("bad"));
    world.notion.inject([Fault::Reject]);
    let report = world.run();
    assert_eq!(report.refusals[0].guard, Guard::Rejected);
    let report = world.run();
    assert_eq!(report.refusals[0].guard, Guard::Rejected, "still said");
    assert_eq!(world.notion.take_mutations(), []);
    assert_eq!(world.notion.take_requests(), 1, "and not sent again");
    world.local.person_sets(&row, "title", text("good"));
    let report = world.settle();
    assert_eq!(report.refusals, []);
    world.assert_equal();
}

#[test]
fn pain_34_refused_credentials_halt_at_once() {
    let world = World::new();
    for n in 0..3 {
        world
            .local
            .person_creates(&[("title", text(&format!("row {n}")))]);
    }
    world.notion.inject([Fault::Unauthorized]);
    let error = world.try_run().unwrap_err();
    assert!(error.is_unauthorized());
    assert_eq!(world.notion.take_mutations(), []);
    world.settle();
    world.assert_equal();
}

#[test]
fn a_lost_answer_to_a_patch_is_settled_by_reading() {
    let world = World::new();
    let page = world.notion.person_creates(&[("title", text("a"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        world
            .local
            .person_sets(&row, "title", text(&format!("{fault:?}")));
        world.notion.inject([fault]);
        let report = world.run();
        assert_eq!(report.settled.left.patched, 1);
        assert_eq!(world.notion.take_mutations().len(), 1);
        world.assert_equal();
    }
}

#[test]
fn e2_a_create_that_arrives_late_beside_its_repetition_is_shown_not_pulled() {
    let world = World::new();
    world.local.person_creates(&[("title", text("mine"))]);
    world.notion.inject([Fault::ArriveLate]);
    world.run();
    assert_eq!(world.notion.live().len(), 2, "the request came after all");
    for _ in 0..2 {
        let report = world.run();
        assert_eq!(report.refusals[0].guard, Guard::LateDuplicate);
        assert_eq!(world.local.live().len(), 1, "one row, not two");
    }
    // A person who copies a page in Notion copies the marker too: that is another record.
    let late = world.notion.live()[1].key.clone();
    world.notion.person_trashes(&late, true);
    assert_eq!(world.settle().refusals, []);
    world.assert_equal();
}
