//! Verify: every record of both sides is accounted for, once, and nothing is written.

use std::sync::Arc;

use futures::executor::block_on;

use super::odd_peer::{Habit, OddPeer};
use super::world::{MARKER, World, names, text};
use crate::engine::{Class, UndoOptions, Verification, VerifyOptions};
use crate::link::{Side, Sides};
use crate::pair::{Base, PairId, SideState};
use crate::port::{Change, Commit, LeaseAsk, Peer, Store};
use crate::record::Key;
use crate::testkit::Fault;

impl World {
    /// What is found, each class with its number, after checking what holds for every answer.
    fn verify(&self) -> Verification {
        let before = self.state();
        let found = block_on(self.engine().verify(&VerifyOptions::default())).unwrap();
        assert_eq!(self.state(), before, "nothing is written");
        assert!(found.is_total(), "{found:?}");
        assert_eq!(found.seen.left as usize, self.notion.live().len());
        assert_eq!(found.seen.right as usize, self.local.records().len());
        found
    }

    /// Numbers of the classes that are not settled.
    fn left(&self) -> Vec<(Class, u64, u64)> {
        let found = self.verify();
        let open = found
            .classes
            .iter()
            .filter(|(class, _)| !class.is_settled());
        open.map(|(class, count)| (*class, count.left, count.right))
            .collect()
    }

    /// Changes the store behind the engine's back.
    fn tamper(&self, changes: Vec<Change>) {
        let ask = LeaseAsk::Take {
            owner: "test".into(),
        };
        let fence = block_on(self.store.lease(&self.spec.id, &ask)).unwrap();
        let commit = Commit {
            changes,
            ..Commit::default()
        };
        block_on(self.store.commit(&fence, commit)).unwrap();
        block_on(self.store.lease(&self.spec.id, &LeaseAsk::Release(fence))).unwrap();
    }

    fn pair_id(&self, page: &Key) -> PairId {
        let memory = self.store.memory(&self.spec.id);
        let mut pairs = memory.pairs();
        let found = pairs.find(|pair| pair.sides.left.key.as_ref() == Some(page));
        found.unwrap().id
    }
}

#[test]
fn a_world_at_rest_is_in_agreement_the_trash_included() {
    let world = World::new();
    let (page, _) = world.settled_pair();
    let found = world.verify();
    assert!(found.is_in_agreement());
    assert_eq!(found.count(Class::InAgreement), 20);
    assert_eq!(found.examples, []);
    world.notion.person_trashes(&page, true);
    world.settle();
    let found = world.verify();
    assert!(found.is_in_agreement());
    assert_eq!(
        (found.count(Class::InAgreement), found.count(Class::InTrash)),
        (18, 1)
    );
}

#[test]
fn what_no_run_has_seen_is_told_apart_from_what_is_wrong() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_creates(&[("title", text("new"))]);
    assert_eq!(world.left(), [(Class::Unpaired, 0, 1)]);
    world.settle();
    world.notion.person_sets(&page, "title", text("b"));
    assert_eq!(
        world.left(),
        [(Class::Edited, 1, 0), (Class::Pending, 0, 1)]
    );
    world.settle();
    world.notion.person_trashes(&page, true);
    let found = world.verify();
    assert_eq!(found.missing, Sides::new(1, 0));
    assert_eq!(found.left(), 2);
    world.settle();
    assert!(world.verify().is_in_agreement());
    world.local.person_trashes(&row, false);
    assert_eq!(world.left(), [(Class::Edited, 0, 1)]);
}

#[test]
fn what_waits_is_told_by_why_it_waits() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "title", text("l"));
    world.local.person_sets(&row, "title", text("r"));
    world.run();
    assert_eq!(world.left(), [(Class::Conflict, 1, 1)]);

    let world = World::new();
    let (_, row) = world.settled_pair();
    world.local.person_sets(&row, "tags", names(&["nope"]));
    world.run();
    assert_eq!(world.left(), [(Class::Blocked, 1, 1)]);

    let world = World::new();
    let (_, row) = world.settled_pair();
    world.local.person_sets(&row, "title", text("b"));
    world.run();
    let run = world.store.memory(&world.spec.id).runs().last().unwrap().id;
    let keep_source = UndoOptions {
        keep_source: true,
        ..UndoOptions::default()
    };
    block_on(world.engine().undo(run, &keep_source)).unwrap();
    assert_eq!(world.left(), [(Class::Parked, 1, 1)]);

    let world = World::with(false, crate::link::Policy::default());
    world.settled_pair();
    world.local.person_creates(&[("title", text("new"))]);
    world.notion.inject([Fault::LoseAnswer]);
    world.run();
    let left = world.left();
    assert!(
        left.iter()
            .all(|(class, ..)| matches!(class, Class::Unpaired | Class::Blocked)),
        "{left:?}"
    );
    assert!(!left.is_empty());
}

#[test]
fn p15_a_base_that_does_not_agree_is_a_violation() {
    let world = World::new();
    let (page, _) = world.settled_pair();
    let field = world.spec.mapping.fields[0].clone();
    let mut base = Base::default();
    base.settle(&field, Sides::new(text("a"), text("b")));
    let pair = world.pair_id(&page);
    world.tamper(vec![Change::Settle { pair, base }]);
    assert_eq!(world.left(), [(Class::BaseDisagrees, 1, 1)]);
    assert_eq!(world.verify().violations(), 2);
}

#[test]
fn sides_that_differ_while_the_pair_is_said_to_be_clean_are_a_violation() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "title", text("b"));
    let pair = world.pair_id(&page);
    let now = world.local.records().into_iter();
    let now = now.clone().find(|record| record.key == row).unwrap();
    world.tamper(vec![Change::Observe {
        pair,
        side: Side::Right,
        state: SideState::seen(now),
        dirty: false,
    }]);
    assert_eq!(world.left(), [(Class::Disagrees, 1, 1)]);
    assert_eq!(world.verify().violations(), 2);
}

/// P13, from the other end: a mark that was lost.
#[test]
fn a_pair_that_needs_a_look_and_is_not_marked_is_told() {
    let world = World::new();
    let (page, _) = world.settled_pair();
    let pair = world.pair_id(&page);
    let nothing_settled = Base::default();
    world.tamper(vec![Change::Settle {
        pair,
        base: nothing_settled,
    }]);
    assert_eq!(world.left(), [(Class::Overlooked, 1, 1)]);
    assert_eq!(world.verify().violations(), 0);
    // A mapping that is new makes the next run look at every pair.
    let mut remapped = World::new();
    remapped.settled_pair();
    remapped.spec.mapping.fields.remove(2);
    assert_eq!(remapped.left(), []);
}

/// A page that comes twice is two records returned, and one of them is not accounted for as such.
#[test]
fn a_record_returned_twice_is_counted_twice() {
    let world = World::new();
    world.settled_pair();
    world.local.person_creates(&[("title", text("new"))]);
    let twice = OddPeer::new(&world.local, Habit::RepeatsItself);
    let engine = world.engine_between(Sides::new(
        Arc::new(world.notion.clone()),
        Arc::new(twice) as Arc<dyn Peer>,
    ));
    let found = block_on(engine.verify(&VerifyOptions::default())).unwrap();
    assert!(found.is_total(), "{found:?}");
    assert_eq!(found.seen, Sides::new(10, 22));
    assert_eq!(
        found.classes[&Class::DuplicateKey],
        Sides::new(0, 11),
        "ten with a pair, one without"
    );
    assert_eq!(found.classes[&Class::InAgreement], Sides::new(10, 10));
}

#[test]
fn e2_two_live_records_with_one_marker_are_a_violation() {
    let world = World::new();
    world.settled_pair();
    let row = world.local.person_creates(&[("title", text("new"))]);
    world.settle();
    let page = world.partner(Side::Right, &row);
    let marker = world.notion.value(&page, MARKER).unwrap();
    world
        .notion
        .person_creates(&[("title", text("copy")), (MARKER, marker)]);
    assert_eq!(world.left(), [(Class::DuplicateMarker, 1, 0)]);
    assert_eq!(world.verify().violations(), 1);
}

#[test]
fn a_side_that_is_not_read_whole_proves_nothing_missing() {
    let world = World::new();
    world.settled_pair();
    world.notion.cap(Some(4));
    let found = block_on(world.engine().verify(&VerifyOptions::default())).unwrap();
    assert!(found.is_total());
    assert_eq!(found.incomplete.len(), 1);
    assert_eq!(found.missing, Sides::new(0, 0));
    assert!(!found.is_in_agreement());
}

#[test]
fn a_field_that_is_not_shown_is_an_observation_that_differs() {
    let world = World::new();
    world.settled_pair();
    let omits = OddPeer::new(
        &world.notion,
        Habit::Omits(crate::schema::FieldId::new("notes")),
    );
    let notion: Arc<dyn Peer> = Arc::new(omits);
    let engine = world.engine_between(Sides::new(notion, Arc::new(world.local.clone())));
    let found = block_on(engine.verify(&VerifyOptions::default())).unwrap();
    assert!(found.is_total());
    assert_eq!(found.count(Class::Edited), 10);
    assert_eq!(found.violations(), 0);
}

#[test]
fn e11_examples_are_few_and_carry_no_values() {
    let world = World::new();
    world.settled_pair();
    for n in 0..30 {
        world
            .local
            .person_creates(&[("title", text(&format!("secret {n}")))]);
    }
    let options = VerifyOptions {
        examples: 3,
        ..VerifyOptions::default()
    };
    let found = block_on(world.engine().verify(&options)).unwrap();
    assert_eq!(found.count(Class::Unpaired), 30);
    assert_eq!(found.examples.len(), 3);
    assert!(!format!("{found:?}").contains("secret"));
}

/// Wherever a history stops, also in the middle of a run, nothing is counted twice or left out and
/// no invariant is broken.
#[test]
fn every_record_is_accounted_for_wherever_a_run_broke_off() {
    for step in 1..30 {
        let world = World::new();
        let (page, row) = world.settled_pair();
        world.notion.person_sets(&page, "title", text("b"));
        world.local.person_creates(&[("title", text("new"))]);
        world.local.person_sets(&row, "notes", text("n"));
        world.notion.person_creates(&[("title", text("new too"))]);
        let at = world.store.serial() + step;
        world
            .store
            .crash_at(Some(crate::testkit::CrashPoint::Before(at)));
        let _ = world.try_run();
        world.store.crash_at(None);
        world.store.break_lease(&world.spec.id);
        world.clock.advance(std::time::Duration::from_secs(1));
        assert_eq!(world.verify().violations(), 0, "step {step}");
        world.settle();
        assert!(world.verify().is_in_agreement(), "step {step}");
    }
}
